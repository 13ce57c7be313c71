"""The conversation as pages: one message and what can be done with it, earlier ones, the line."""

from uuid import UUID

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions import live, rules, talk_actions, talk_rules
from sessions.models import Reaction, SupportSession
from sessions.talk_forms import EditForm, LineForm
from sessions.views import person, room_page, said_to
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused


def _session(request: HttpRequest, pk: UUID) -> SupportSession:
    """The session, for somebody who is in its room."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_be_in_room(request.user, support_session)
    return support_session


@require_safe
def messages(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Up to a hundred messages after or before a number: a page, or a part of the room."""
    support_session = _session(request, pk)
    before, after = (_number(request.GET.get(name)) for name in ("before", "after"))
    said = said_to(person(request), support_session, after=after, before=before)
    context = {"support_session": support_session, "group": support_session.group, "said": said}
    return render_page(request, "sessions/messages.html", context, "messages")


def _number(text: str | None) -> int | None:
    if text is None or not text.isdecimal():
        return None
    return min(int(text[:12]), rules.LARGEST_NUMBER)


@require_http_methods(["GET", "HEAD", "POST"])
def message_edit(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Say it in other words, within 5 minutes."""
    support_session = _session(request, pk)
    message = talk_rules.message_in(support_session, sequence)
    talk_rules.check_may_change(person(request), message, at=timezone.now())
    form = EditForm(request.POST or None, initial={"body": message.body})
    if request.method == "POST" and form.is_valid():
        try:
            _check_pace(request, support_session)
            talk_actions.edit_message(
                support_session=support_session,
                sequence=sequence,
                body=form.cleaned_data["body"],
                by=person(request),
            )
        except Refused as no:
            form.add_error("body", no.message)
        else:
            return _done(request, support_session, sequence, "Your message is changed.")
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "message": message,
        "way_back": _way_back(support_session, sequence),
        "form": form,
    }
    return render_page(request, "sessions/talk_edit.html", context, "sheet")


@require_POST
def message_delete(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Take it back, within 5 minutes."""
    support_session = _session(request, pk)
    _check_pace(request, support_session)
    talk_actions.delete_message(
        support_session=support_session, sequence=sequence, by=person(request)
    )
    return _done(request, support_session, sequence, "Your message is deleted.")


@require_POST
def message_react(request: HttpRequest, pk: UUID, sequence: int) -> HttpResponse:
    """Give a reaction, or take it back."""
    support_session = _session(request, pk)
    _check_pace(request, support_session)
    kind = request.POST.get("kind", "")
    if kind in Reaction.Kind:
        talk_actions.react(
            support_session=support_session, sequence=sequence, kind=kind, by=person(request)
        )
    else:
        notices.warning(request, "Choose one of the reactions.")
    if wants_part(request):
        return HttpResponse(status=204)
    return redirect(_way_back(support_session, sequence))


def _check_pace(request: HttpRequest, support_session: SupportSession) -> None:
    rules.check_pace(live.change_pace.wait((support_session.pk, person(request).pk)))


def _way_back(support_session: SupportSession, sequence: int) -> str:
    return reverse("sessions:room", args=[support_session.pk]) + f"#m{sequence}"


def _done(
    request: HttpRequest, support_session: SupportSession, sequence: int, words: str
) -> HttpResponse:
    """Say what was done: above the room, or on the page that follows."""
    if wants_part(request):
        return render(request, "sessions/safe_done.html", {"words": words})
    notices.success(request, words)
    return redirect(_way_back(support_session, sequence))


@require_POST
def line_post(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say something to the others who lead, without script: the same action as the socket's."""
    support_session = _session(request, pk)
    rules.check_may_lead(request.user, support_session)
    form = LineForm(request.POST)
    if form.is_valid():
        try:
            rules.check_pace(live.line_pace.wait((support_session.pk, person(request).pk)))
            talk_actions.say_on_line(
                support_session=support_session, by=person(request), **form.cleaned_data
            )
        except Refused as no:
            form.add_error("body", no.message)
        else:
            return redirect(reverse("sessions:room", args=[pk]) + "#leads")
    return room_page(request, support_session, line_form=form)
