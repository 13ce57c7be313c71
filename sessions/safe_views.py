"""Pages that keep a session safe. In the room they open above it; without script they are pages."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import messages as notices
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from sessions import live, rules, safe_actions, safe_rules, talk_rules
from sessions.models import Hint, Intervention, Message, Report, SupportSession
from sessions.safe_forms import (
    HintConcernForm,
    RedirectForm,
    report_form,
    step_form,
)
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused

type Asked = tuple[str, str, str, str]

#: Title, what happens, the button, and what is said afterwards.
_WORDS: dict[str, Asked] = {
    Intervention.Kind.HIDE: (
        "Hide this message",
        "It disappears for everybody. A calm line takes its place. You can undo it.",
        "Hide it",
        "The message is hidden. You can undo it under “Keep it safe”.",
    ),
    Intervention.Kind.MUTE: (
        "Ask them to listen",
        "They can stay and read, and cannot write until the session ends. They are told kindly, "
        "without your words. You can undo it.",
        "Ask them to listen",
        "They listen for now. You can undo it under “Keep it safe”.",
    ),
    Intervention.Kind.REMOVE: (
        "Remove them from this session",
        "Their room closes at once, and they cannot come back today. They keep their place in the "
        "group and are told so kindly. You can undo it.",
        "Remove them",
        "They are out of this session. You can undo it under “Keep it safe”.",
    ),
    Intervention.Kind.LOCK: (
        "Lock the door",
        "Nobody new comes in. Who has been here today can come back. You can undo it.",
        "Lock the door",
        "The door is locked. You can undo it under “Keep it safe”.",
    ),
}


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _session(request: HttpRequest, pk: UUID) -> SupportSession:
    return get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)


def _message(request: HttpRequest, pk: UUID, sequence: int) -> Message:
    """A message that the reader can see; whoever may not be there is refused."""
    support_session = _session(request, pk)
    found = safe_rules.messages_in_reach(_person(request), support_session)
    return get_object_or_404(found, sequence=sequence)


def _sheet(
    request: HttpRequest, template: str, support_session: SupportSession, **more: Any
) -> HttpResponse:
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "way_back": safe_rules.way_back(support_session),
    } | more
    return render_page(request, f"sessions/{template}.html", context, "sheet")


def _done(request: HttpRequest, support_session: SupportSession, words: str) -> HttpResponse:
    """Say what was done: above the room, or on the page that follows."""
    if wants_part(request):
        return render(request, "sessions/safe_done.html", {"words": words})
    notices.success(request, words)
    return redirect(safe_rules.way_back(support_session))


def _step(
    request: HttpRequest,
    support_session: SupportSession,
    kind: str,
    act: Callable[..., Any],
    *,
    whose: str = "",
    said: dict[str, Any] | None = None,
) -> HttpResponse:
    """Ask for the reason, then do it."""
    title, what, button, done = _WORDS[kind]
    form = step_form(kind, request.POST or None)
    if request.method == "POST" and form.is_valid():
        act(by=_person(request), **form.cleaned_data)
        return _done(request, support_session, done)
    return _sheet(
        request,
        "safe_step",
        support_session,
        form=form,
        title=title,
        what=what,
        button=button,
        whose=whose,
        said=said,
        is_danger=kind != Intervention.Kind.LOCK,
    )


# One message --------------------------------------------------------------------------------------


@require_safe
def message_more(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """What the reader can do about a message."""
    message = _message(request, pk, sequence)
    may = safe_rules.what_may_be_done(message, by=_person(request))
    return _sheet(
        request, "safe_more", message.support_session, message=message, may=may,
        said=live.said(message),
        talk=talk_rules.ways_on(message, _person(request), at=timezone.now()),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def message_report(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Ask for a look at a message, in private."""
    message = _message(request, pk, sequence)
    safe_rules.check_may_report(message, by=_person(request))
    form = report_form(request.POST or None)
    if request.method == "POST" and form.is_valid():
        report = safe_actions.report_message(
            message=message,
            reason=form.cleaned_data["reason"],
            detail=form.cleaned_data["words"],
            by=_person(request),
        )
        return _done(request, message.support_session, safe_rules.what_follows(report))
    return _sheet(
        request, "safe_report", message.support_session, form=form, said=live.said(message),
        alone=safe_rules.is_of_somebody_who_leads(message),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def message_hide(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Take a message out of everybody's sight."""
    message = _message(request, pk, sequence)
    safe_rules.check_may_step_in(_person(request), message.support_session)
    safe_rules.check_may_hide(message, by=_person(request))

    def act(**given: Any) -> None:
        safe_actions.hide_message(message=message, **given)

    return _step(
        request, message.support_session, Intervention.Kind.HIDE, act, said=live.said(message)
    )


@require_http_methods(["GET", "HEAD", "POST"])
def message_redirect(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Show a vetted source under a message that says something that is not so."""
    message = _message(request, pk, sequence)
    support_session = message.support_session
    safe_rules.check_may_step_in(_person(request), support_session)
    safe_rules.check_may_redirect(message, by=_person(request))
    resources = safe_rules.resources_for(support_session)
    form = RedirectForm(request.POST or None, message=message, resources=resources)
    if request.method == "POST" and form.is_valid():
        safe_actions.redirect_claim(message=message, by=_person(request), **form.cleaned_data)
        return _done(
            request, support_session, "The source stands under the message, for everybody."
        )
    return _sheet(
        request, "safe_redirect", support_session, form=form, said=live.said(message),
        resources=resources,
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
def message_mute(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Ask whoever wrote a message to listen, also where it has no name."""
    return _ask_writer(request, pk, sequence, Intervention.Kind.MUTE, safe_actions.mute)


@require_http_methods(["GET", "HEAD", "POST"])
def message_remove(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Remove whoever wrote a message, also where it has no name."""
    return _ask_writer(
        request, pk, sequence, Intervention.Kind.REMOVE, safe_actions.remove_from_session
    )


def _ask_writer(
    request: HttpRequest, pk: UUID, sequence: int, kind: str, action: Callable[..., Any]
) -> HttpResponse:
    message = _message(request, pk, sequence)
    support_session = message.support_session
    safe_rules.check_may_step_in(_person(request), support_session)
    about = message.sender
    safe_rules.check_may_be_asked(about, support_session, by=_person(request))

    def act(**given: Any) -> None:
        action(support_session=support_session, about=about, message=message, **given)

    said = live.said(message)
    return _step(request, support_session, kind, act, whose=said["name"], said=said)


# One person ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def person_mute(request: HttpRequest, pk: UUID, token: str) -> HttpResponse:
    """Ask somebody to listen."""
    return _ask_person(request, pk, token, Intervention.Kind.MUTE, safe_actions.mute)


@require_http_methods(["GET", "HEAD", "POST"])
def person_remove(request: HttpRequest, pk: UUID, token: str) -> HttpResponse:
    """Remove somebody from this session."""
    return _ask_person(
        request, pk, token, Intervention.Kind.REMOVE, safe_actions.remove_from_session
    )


def _ask_person(
    request: HttpRequest, pk: UUID, token: str, kind: str, action: Callable[..., Any]
) -> HttpResponse:
    support_session = _session(request, pk)
    safe_rules.check_may_step_in(_person(request), support_session)
    about = _known_as(token, support_session)
    safe_rules.check_may_be_asked(about, support_session, by=_person(request))

    def act(**given: Any) -> None:
        action(support_session=support_session, about=about, **given)

    return _step(request, support_session, kind, act, whose=about.public_name)


def _known_as(token: str, support_session: SupportSession) -> User:
    """Who has been in the room under this token; others are 404."""
    for person in User.objects.filter(entries__support_session=support_session).distinct():
        if live.sender_token(support_session.pk, person.pk) == token:
            return person
    raise Http404


@require_POST
def help_close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the help lines away that only this person sees."""
    support_session = _session(request, pk)
    safe_actions.close_help(support_session=support_session, by=_person(request))
    return HttpResponse() if wants_part(request) else redirect("sessions:room", pk)


# The room -----------------------------------------------------------------------------------------


@require_safe
def safety(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a facilitator can do to keep the session safe, and undo."""
    support_session = _session(request, pk)
    safe_rules.check_may_step_in(_person(request), support_session)
    steps = rules.stepped_in(support_session, *Intervention.Kind.values)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "lock": steps.of_kind(Intervention.Kind.LOCK).first(),
        "steps": _shown(steps.of_kind(*Intervention.OF_A_MESSAGE)),
        "people": [
            each | {"token": live.sender_token(support_session.pk, each["user"].pk)}
            for each in safe_rules.people_of(support_session)
        ],
        "without_name": safe_rules.asked_without_name(support_session),
        **safe_rules.reports_part(support_session),
        **safe_rules.hints_part(support_session),
    }
    return render_page(request, "sessions/safety.html", context)


def _shown(steps: Any) -> list[dict[str, Any]]:
    found = steps.select_related("message__sender", "message__support_session", "resource")
    return [{"step": step, "said": live.said(step.message)} for step in found.order_by("made_at")]


@require_http_methods(["GET", "HEAD", "POST"])
def door_lock(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let nobody new in."""
    support_session = _session(request, pk)
    safe_rules.check_may_step_in(_person(request), support_session)

    def act(**given: Any) -> None:
        safe_actions.lock_door(support_session=support_session, **given)

    return _step(request, support_session, Intervention.Kind.LOCK, act)


@require_POST
def step_undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take back what a facilitator did."""
    visible = rules.sessions_visible_to(request.user)
    step = get_object_or_404(Intervention.objects.filter(support_session__in=visible), pk=pk)
    return _answer(request, step.support_session, safe_actions.undo, "It is undone.",
                   intervention=step)  # fmt: skip


@require_POST
def report_dismiss(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A facilitator has looked and nothing has to be done."""
    visible = rules.sessions_visible_to(request.user)
    report = get_object_or_404(Report.objects.filter(message__support_session__in=visible), pk=pk)
    return _answer(
        request,
        report.message.support_session,
        safe_actions.handle_report,
        "Thank you for looking.",
        report=report,
        outcome=Report.Outcome.NOTHING,
        note="",
    )


@require_POST
def hint_dismiss(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Nothing to do."""
    hint = _hint(request, pk)
    return _answer(
        request, hint.message.support_session, safe_actions.dismiss_hint, "Thank you for looking.",
        hint=hint,
    )  # fmt: skip


def _hint(request: HttpRequest, pk: UUID) -> Hint:
    found = Hint.objects.select_related("message__support_session__group", "message__sender")
    hint = get_object_or_404(
        found.filter(message__support_session__in=rules.sessions_visible_to(request.user)), pk=pk
    )
    safe_rules.check_may_step_in(_person(request), hint.message.support_session)
    return hint


def _answer(
    request: HttpRequest,
    support_session: SupportSession,
    action: Callable[..., Any],
    words: str,
    **given: Any,
) -> HttpResponse:
    """A facilitator's button. What came too late is told on the page as it is now."""
    safe_rules.check_may_step_in(_person(request), support_session)
    try:
        action(by=_person(request), **given)
    except Refused as no:
        if wants_part(request):
            raise
        notices.warning(request, no.message)
    else:
        if wants_part(request):
            return HttpResponse(status=204)
        notices.success(request, words)
    return redirect("sessions:safety", support_session.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def hint_concern(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A facilitator asks the person on call to look after whoever wrote it."""
    hint = _hint(request, pk)
    support_session = hint.message.support_session
    written = {"detail": f"They wrote: “{hint.message.body}”"}
    form = HintConcernForm(request.POST or None, initial=written)
    if request.method == "POST" and form.is_valid():
        concern = safe_actions.open_concern_from_hint(
            hint=hint, by=_person(request), **form.cleaned_data
        )
        return _done(request, support_session, safe_rules.who_looks_after(concern))
    return _sheet(
        request, "safe_hint_concern", support_session, form=form, said=live.said(hint.message),
        hint=hint,
    )  # fmt: skip
