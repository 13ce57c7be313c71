"""Pages after a session: two questions, who came, the debrief, and the conversation to re-read."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID, uuid4

from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from safeguarding.rules import named_person
from sessions import after_actions, after_rules, live, rules
from sessions.after_forms import (
    AttendanceForm,
    DebriefForm,
    FollowUpForm,
    PulseForm,
    SupportForm,
    TalkForm,
)
from sessions.models import Debrief, FollowUp, SupportSession
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused

DEBRIEFS_ON_A_PAGE = 10


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on every page here."""
    return cast(User, request.user)


def _session(request: HttpRequest, pk: UUID) -> SupportSession:
    return get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)


def afterwards(
    user: User, support_session: SupportSession, admission: rules.Admission
) -> dict[str, Any]:
    """What the pages of a session say once it has ended; nothing before."""
    if support_session.status != SupportSession.Status.ENDED:
        return {}
    found: dict[str, Any] = {
        "can_read_again": after_rules.may_read_again(admission, support_session),
        "messages_expire_at": after_rules.messages_expire_at(support_session),
        "messages_are_gone": after_rules.messages_are_gone(support_session),
        "went": support_session.agenda.filter(began_at__isnull=False),
    }
    if admission.leads:
        found |= _debriefs(user, support_session)
    if admission.is_staff:
        return found | {"pulse_shown": after_rules.pulse_shown_of(support_session)}
    pulse = after_rules.pulse_of(user, support_session)
    asked = after_rules.pulses_open_to(user).filter(pk=support_session.pk).exists()
    return found | {
        "pulse": pulse,
        "pulse_form": PulseForm() if asked and pulse is None else None,
        "pulse_is_open": asked,
        "pulse_closes_at": after_rules.pulse_closes_at(support_session),
    }


def _debriefs(user: User, support_session: SupportSession) -> dict[str, Any]:
    """One's own debrief, those of others, and what is to be done."""
    return {
        "debrief": Debrief.objects.filter(support_session=support_session, author=user).first(),
        "debriefs": after_rules.written_about(support_session).exclude(author=user),
        "follow_ups": support_session.follow_ups.select_related("owner"),
    }


# The pulse ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def pulse(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Two questions: did you feel heard, did you feel safe. They can be changed while open."""
    support_session = _session(request, pk)
    after_rules.check_may_answer_pulse(request.user, support_session)
    own = after_rules.pulse_of(request.user, support_session)
    form = PulseForm(request.POST if request.method == "POST" else None, pulse=own)
    if form.is_valid():
        after_actions.answer_pulse(
            support_session=support_session, by=_person(request), **form.answers()
        )
        return redirect("sessions:pulse_thanks", pk)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "form": form,
        "pulse": own,
        "pulse_closes_at": after_rules.pulse_closes_at(support_session),
    }
    return render_page(request, "sessions/after_pulse.html", context)


@require_safe
def pulse_thanks(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Thanks, what happens with it, and whom to talk to when somebody did not feel safe."""
    support_session = _session(request, pk)
    after_rules.check_may_answer_pulse(request.user, support_session)
    own = after_rules.pulse_of(request.user, support_session)
    if own is None:
        return redirect("sessions:pulse", pk)
    return _talk(request, support_session, TalkForm(initial={"occasion": uuid4()}))


@require_http_methods(["GET", "HEAD", "POST"])
def pulse_talk(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask, in private, that a named person gets in touch."""
    support_session = _session(request, pk)
    after_rules.check_may_answer_pulse(request.user, support_session)
    if request.method != "POST":
        return redirect("sessions:pulse_thanks", pk)
    form = TalkForm(request.POST)
    if not form.is_valid():
        return _talk(request, support_session, form)
    concern = after_actions.ask_for_a_talk(
        support_session=support_session, by=_person(request), **form.cleaned_data
    )
    return _talk(request, support_session, form, raised=concern)


def _talk(
    request: HttpRequest, support_session: SupportSession, form: TalkForm, raised: Any = None
) -> HttpResponse:
    own = after_rules.pulse_of(request.user, support_session)
    organisation = support_session.group.organisation
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "pulse": own,
        "not_safe": after_rules.said_not_safe(own),
        "form": form,
        "raised": raised,
        "on_call": named_person(organisation, about=_person(request)),
        "pulse_closes_at": after_rules.pulse_closes_at(support_session),
    }
    return render_page(request, "sessions/after_thanks.html", context)


# Who came -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def who_came(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Correct what presence said about each person; "undo" takes one correction back."""
    support_session = _session(request, pk)
    after_rules.check_may_correct(request.user, support_session)
    attendances = after_rules.attendances_to_correct(support_session)
    typed = request.POST if request.method == "POST" else None
    form = AttendanceForm(typed, attendances=attendances, version=support_session.version)
    if form.is_valid():
        try:
            changed = after_actions.correct_attendance(
                support_session=support_session,
                statuses=form.statuses(undo=request.POST.get("undo", "")),
                version=form.cleaned_data["version"],
                by=_person(request),
            )
        except Refused as no:
            form.add_error(None, no.message)
        else:
            notices.success(request, _corrected(len(changed)))
            return redirect("sessions:who_came", pk)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "form": form,
        "version": support_session.version,
    }
    return render_page(request, "sessions/after_who_came.html", context)


def _corrected(number: int) -> str:
    if not number:
        return "Nothing was changed."
    return "Corrected for one person." if number == 1 else f"Corrected for {number} people."


# The debrief --------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def debrief(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write how it went. Script saves the draft while one writes; buttons do without."""
    support_session = _session(request, pk)
    after_rules.check_may_debrief(request.user, support_session)
    found = _debriefs(_person(request), support_session)
    typed = request.POST if request.method == "POST" else None
    form = DebriefForm(typed, support_session=support_session, debrief=found["debrief"])
    problem = ""
    if form.is_valid():
        try:
            saved = _save(request, support_session, form)
        except Refused as no:
            problem = no.message
            form.add_error(None, problem)
        else:
            if not wants_part(request):
                return _saved(request, saved)
            found["debrief"] = saved
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "form": form,
        "problem": problem or form.errors,
        **found,
    }
    return render_page(request, "sessions/after_debrief.html", context, "debrief-saved")


@require_http_methods(["GET", "HEAD", "POST"])
def support(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody who was there may need more support: a named person is told, nobody else."""
    support_session = _session(request, pk)
    after_rules.check_may_debrief(request.user, support_session)
    typed = request.POST if request.method == "POST" else None
    form = SupportForm(typed, support_session=support_session)
    raised = None
    if form.is_valid():
        raised = after_actions.raise_concern_afterwards(
            support_session=support_session, by=_person(request), **form.cleaned_data
        )
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "form": form,
        "raised": raised,
    }
    return render_page(request, "sessions/after_support.html", context)


def _save(request: HttpRequest, support_session: SupportSession, form: DebriefForm) -> Debrief:
    """What the buttons do; while one writes only the draft is kept."""
    by = _person(request)
    saved = after_actions.save_debrief(
        support_session=support_session,
        finish=request.POST.get("do") == "finish",
        by=by,
        **form.words(),
    )
    if form.has_follow_up and not wants_part(request):
        after_actions.note_follow_up(support_session=support_session, by=by, **form.follow_up())
    return saved


def _saved(request: HttpRequest, saved: Debrief) -> HttpResponse:
    if request.POST.get("do") == "follow_up":
        notices.success(request, "The follow-up is noted.")
    elif saved.written_at is None:
        notices.success(request, "Your draft is saved. Only you can read it.")
    else:
        notices.success(request, "Saved. Those who lead and oversee the group can read it.")
        return redirect("sessions:session_detail", saved.support_session_id)
    return redirect("sessions:debrief", saved.support_session_id)


@require_safe
def debrief_list(request: HttpRequest, slug: str) -> HttpResponse:
    """What was written about a group's sessions, and what is still to be done."""
    group = get_object_or_404(after_rules.groups_debriefed_to(request.user), slug=slug)
    debriefs = after_rules.debriefs_read_by(request.user).filter(support_session__group=group)
    context = {
        "group": group,
        "page": Paginator(debriefs, DEBRIEFS_ON_A_PAGE).get_page(request.GET.get("page")),
        "follow_ups": after_rules.open_follow_ups_of(group, seen_by=request.user),
    }
    return render_page(request, "sessions/after_debrief_list.html", context)


#: What the buttons beside a follow-up do, and what is said afterwards.
_SETTLED: dict[str, tuple[Callable[..., FollowUp], str]] = {
    "done": (after_actions.finish_follow_up, "Done. Thank you."),
    "reopen": (after_actions.reopen_follow_up, "It is open again."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def follow_up(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One thing to do: done, open again, or said better."""
    found = get_object_or_404(after_rules.follow_ups_seen_by(request.user), pk=pk)
    do = request.POST.get("do", "")
    if do in _SETTLED:
        act, said = _SETTLED[do]
        act(follow_up=found, by=_person(request))
        notices.success(request, said)
        return redirect("sessions:follow_up", pk)
    typed = request.POST if request.method == "POST" else None
    form = FollowUpForm(typed, support_session=found.support_session, follow_up=found)
    if form.is_valid():
        after_actions.change_follow_up(follow_up=found, by=_person(request), **form.follow_up())
        notices.success(request, "Saved.")
        return redirect("sessions:follow_up", pk)
    context = {
        "follow_up": found,
        "group": found.support_session.group,
        "form": form,
        "today": timezone.localdate(),
    }
    return render_page(request, "sessions/after_follow_up.html", context)


# The conversation ---------------------------------------------------------------------------------


@require_safe
def conversation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was said, to read again until it is deleted; nobody can write here."""
    support_session = _session(request, pk)
    after_rules.check_may_read_again(request.user, support_session)
    said = live.shown_messages(support_session).order_by("sequence")
    page = Paginator(said, live.NEWEST).get_page(request.GET.get("page"))
    user = _person(request)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "page": page,
        "said": [live.said(one) | {"mine": one.sender_id == user.pk} for one in page],
        "messages_expire_at": after_rules.messages_expire_at(support_session),
    }
    return render_page(request, "sessions/after_conversation.html", context)
