"""A group's questions: a step of setting it up, and a page to change them later."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import check_may_coordinate_group
from groups.setup import next_url, steps
from screening import actions, defaults, rules
from screening.builder_forms import KINDS, BeginForm, ProposalsForm, QuestionForm
from screening.forms import AnswerForm
from screening.models import Question, ScreeningForm
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

STEP = "questions"


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _group(request: HttpRequest, slug: str) -> SupportGroup:
    """The group, for whoever may set it up; others of its staff are told why not."""
    group = get_object_or_404(rules.groups_asked_for(request.user), slug=slug)
    check_may_coordinate_group(request.user, group)
    return group


def _question(request: HttpRequest, slug: str, pk: UUID) -> Question:
    """A question of the group's draft."""
    group = _group(request, slug)
    return get_object_or_404(rules.draft_questions(request.user, group), pk=pk)


def _context(group: SupportGroup, **more: Any) -> dict[str, Any]:
    return {"group": group, "steps": steps(group, current=STEP), **more}


def _forms(group: SupportGroup) -> tuple[ScreeningForm | None, ScreeningForm | None]:
    """What people are asked now, and the draft."""
    return group.screening_forms.published().first(), group.screening_forms.drafts().first()


@require_http_methods(["GET", "HEAD", "POST"])
def form_builder(request: HttpRequest, slug: str) -> HttpResponse:
    """The group's questions: what is asked now, and the draft with all that can be done to it."""
    group = _group(request, slug)
    published, draft = _forms(group)
    fresh = published is None and draft is None
    posted = bool({"begin", "choosing"} & request.POST.keys())
    data = request.POST if posted else None
    form = BeginForm(data, initial={"begin": _fitting(group)}) if fresh else None
    if posted and (form is None or form.is_valid()):
        questions = form.questions() if form else ()
        actions.begin_draft(group=group, questions=questions, by=_person(request))
        return redirect("screening:form_builder", group.slug)
    if request.method == "POST" and not posted:
        stay = request.POST.get("stay") == "1"
        return redirect(request.path if stay else next_url(STEP, group))
    shown = draft or published
    rows = [_row(asked) for asked in shown.questions.select_related("instrument")] if shown else []
    context = _context(
        group,
        published=published,
        draft=draft,
        form=form,
        rows=rows,
        missing=_missing(draft),
        has_acknowledgement=any(row["question"].is_acknowledgement for row in rows),
        answered=rules.answered_before(draft) if draft else 0,
        next_url=next_url(STEP, group),
    )
    return render_page(request, "screening/form_builder.html", context)


def _fitting(group: SupportGroup) -> str:
    """Which of our sets suits how people come into the group."""
    drops_in = group.admission == SupportGroup.Admission.DROP_IN
    return BeginForm.BRIEF if drops_in else BeginForm.LONG


def _row(asked: Question) -> dict[str, Any]:
    """A question with what its answers suggest, the usual "ready" left out."""
    words = dict(Question.Proposal.choices)
    suggests = [
        (label, words[asked.proposals[value]])
        for value, label in rules.to_suggest(asked)
        if asked.proposals.get(value, Question.Proposal.READY) != Question.Proposal.READY
    ]
    return {"question": asked, "suggests": suggests, "can_suggest": bool(rules.to_suggest(asked))}


def _missing(draft: ScreeningForm | None) -> str:
    """Why the draft cannot be published yet; empty when it can."""
    if draft is None:
        return ""
    try:
        rules.check_may_publish(
            draft.questions.select_related("instrument"), draft.group.organisation
        )
    except Refused as refused:
        return refused.message
    return ""


@require_POST
def form_publish(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the draft's questions from now on."""
    group = _group(request, slug)
    try:
        form = actions.publish_draft(group=group, by=_person(request))
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("screening:form_builder", group.slug)
    messages.success(request, f"New applicants are asked version {form.version} from now on.")
    if group.lifecycle == SupportGroup.Lifecycle.DRAFT:
        return redirect(next_url(STEP, group))
    return redirect("screening:form_builder", group.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def form_drop(request: HttpRequest, slug: str) -> HttpResponse:
    """Forget the changes that were not published, after being asked once."""
    group = _group(request, slug)
    if request.method == "POST":
        actions.drop_draft(group=group, by=_person(request))
        messages.success(request, "Your changes are gone. The questions are as they were.")
        return redirect("screening:form_builder", group.slug)
    return render_page(request, "screening/form_drop.html", _context(group))


@require_safe
def form_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The questions one by one, as applicants see them. Nothing is saved here."""
    group = _group(request, slug)
    published, draft = _forms(group)
    shown = draft or published
    if shown is None:
        return redirect("screening:form_builder", group.slug)
    pages = Paginator(shown.questions.select_related("instrument"), 1)
    page = pages.get_page(request.GET.get("page"))
    asked = next(iter(page), None)
    if asked is None:
        return redirect("screening:form_builder", group.slug)
    context = {
        "group": group,
        "page": page,
        "question": asked,
        "definition": asked.instrument.parsed() if asked.instrument else None,
        "form": AnswerForm(question=asked),
        "is_draft": shown == draft,
    }
    return render_page(request, "screening/form_preview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def question_edit(request: HttpRequest, slug: str, pk: UUID | None = None) -> HttpResponse:
    """One question of the draft: a new one of a chosen kind, or one that is there."""
    group = _group(request, slug)
    asked = _question(request, slug, pk) if pk else None
    kind = asked.kind if asked else request.GET.get("kind", "")
    if kind not in Question.Kind:
        any_instrument = bool(rules.instruments_to_ask(group.organisation))
        kinds = [one for one in KINDS if one[0] != Question.Kind.INSTRUMENT or any_instrument]
        return render_page(request, "screening/question_kind.html", _context(group, kinds=kinds))
    data = request.POST if request.method == "POST" else None
    form = QuestionForm(data, kind=kind, question=asked, organisation=group.organisation)
    if data is not None and form.is_valid():
        saved = _save(request, group, asked, form.fields_of_question())
        if rules.to_suggest(saved) and not saved.is_acknowledgement:
            return redirect("screening:question_proposals", group.slug, saved.pk)
        return redirect("screening:form_builder", group.slug)
    words = Question.Kind(kind).label
    context = _context(group, question=asked, kind_words=words, form=form)
    return render_page(request, "screening/question_edit.html", context)


def _save(
    request: HttpRequest, group: SupportGroup, asked: Question | None, fields: dict[str, Any]
) -> Question:
    by = _person(request)
    if asked is not None:
        return actions.change_question(question=asked, fields=fields, by=by)
    draft = actions.begin_draft(
        group=group, by=by, questions=[{**defaults.acknowledgement(), "position": 1}]
    )
    return actions.add_question(form=draft, fields=fields, by=by)


@require_http_methods(["GET", "HEAD", "POST"])
def question_proposals(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """What each answer to one question suggests to those who decide."""
    asked = _question(request, slug, pk)
    form = ProposalsForm(request.POST if request.method == "POST" else None, question=asked)
    if request.method == "POST" and form.is_valid():
        fields = {"proposals": form.proposals()}
        actions.change_question(question=asked, fields=fields, by=_person(request))
        return redirect("screening:form_builder", slug)
    context = _context(asked.form.group, question=asked, form=form)
    return render_page(request, "screening/question_proposals.html", context)


@require_POST
def question_move(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """One place up or down."""
    asked = _question(request, slug, pk)
    up = request.POST.get("to") == "up"
    actions.move_question(question=asked, up=up, by=_person(request))
    return redirect("screening:form_builder", slug)


@require_http_methods(["GET", "HEAD", "POST"])
def question_delete(request: HttpRequest, slug: str, pk: UUID) -> HttpResponse:
    """Leave a question out, after being asked once."""
    asked = _question(request, slug, pk)
    rules.check_may_delete_question(asked)
    if request.method == "POST":
        actions.delete_question(question=asked, by=_person(request))
        messages.success(request, "The question is gone from the draft.")
        return redirect("screening:form_builder", slug)
    context = _context(asked.form.group, question=asked)
    return render_page(request, "screening/question_delete.html", context)


@require_POST
def acknowledgement_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Add the question that every form has to a draft that lacks it."""
    group = _group(request, slug)
    draft = actions.begin_draft(group=group, by=_person(request))
    if not draft.questions.filter(is_acknowledgement=True).exists():
        actions.add_question(form=draft, fields=defaults.acknowledgement(), by=_person(request))
    return redirect("screening:form_builder", group.slug)
