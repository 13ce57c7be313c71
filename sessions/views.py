"""Pages of one session: when it is, its calendar file, and the room."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID, uuid4

from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import groups_staffed_by, way_in
from safeguarding.crisis import crisis_help
from sessions import actions, before_rules, door_rules, leads, live, rules, talk_rules
from sessions.after_views import afterwards
from sessions.calendar import calendar_file
from sessions.forms import ConcernForm, MessageForm, VersionForm
from sessions.models import SupportSession
from sessions.talk_forms import LineForm, QuestionForm
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused


@require_safe
def session_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """When and where, how to come in, what is planned; afterwards who came, for staff."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    admission = rules.check_may_see(request.user, support_session)
    group = support_session.group
    no_entry = rules.why_not_open(support_session)
    is_over = no_entry is not None and no_entry.reason != "not_open_yet"
    context = {
        "support_session": support_session,
        "group": group,
        "admission": admission,
        "not_open": no_entry,
        "is_over": is_over,
        "way_in": way_in(
            group, starts_at=support_session.starts_at, staffs=admission.membership is None
        ),
        "next_session": group.support_sessions.coming().first() if is_over else None,
        "at_a_place": group.format == SupportGroup.Format.IN_PERSON,
        "other_zone": group.time_zone != timezone.get_current_timezone_name(),
        "agenda": support_session.agenda.all(),
        "attendances": rules.attendances_shown_to(admission, support_session),
        **afterwards(person(request), support_session, admission),
        "answer": before_rules.answer_to(request.user, support_session)
        if admission.membership
        else None,
        "staffs": admission.is_staff
        and groups_staffed_by(request.user).filter(pk=group.pk).exists(),
    }
    return render_page(request, "sessions/session_detail.html", context)


@require_safe
def calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The session for a person's own calendar, in neutral words."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_enter(request.user, support_session)
    response = HttpResponse(
        calendar_file(support_session), content_type="text/calendar; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="appointment.ics"'
    return response


# The room -----------------------------------------------------------------------------------------


def person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on every page here."""
    return cast(User, request.user)


@require_http_methods(["GET", "HEAD", "POST"])
def room_enter(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The privacy reminder, at each entry; before and after, when the room is open."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    admission = rules.check_may_enter(request.user, support_session)
    closed = rules.why_not_open(support_session)
    if closed:
        return _closed(request, support_session, closed)
    try:
        door_rules.check_door(person(request), support_session)
    except Refused:
        return redirect("sessions:knock", pk)
    if request.method == "POST":
        actions.enter_room(support_session=support_session, by=person(request))
        return redirect("sessions:room", pk)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "is_first": admission.membership is not None
        and door_rules.is_newcomer(person(request), support_session),
    }
    return render_page(request, "sessions/room_enter.html", context | _who_leads(support_session))


@require_safe
def room(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The live room. Whoever has not accepted the privacy reminder is led to it."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_enter(request.user, support_session)
    closed = rules.why_not_open(support_session)
    if closed:
        return _closed(request, support_session, closed)
    if not rules.in_room(support_session).filter(user=person(request)).exists():
        return redirect("sessions:room_enter", pk)
    return room_page(request, support_session)


@require_POST
def room_leave(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Go, on every device."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_enter(request.user, support_session)
    actions.leave_room(support_session=support_session, by=person(request))
    notices.success(request, "You have left the room. You can come back while it is open.")
    return redirect("sessions:session_detail", pk)


@require_POST
def message_post(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say something without script: the same action as the socket's."""
    return _say(request, pk, MessageForm(request.POST), "message_form", pace=live.message_pace)


@require_POST
def question_post(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask the group something without one's name."""
    return _say(
        request,
        pk,
        QuestionForm(request.POST),
        "question_form",
        pace=live.question_pace,
        nameless=True,
    )


def _say(
    request: HttpRequest, pk: UUID, form: MessageForm, name: str, *, pace: live.Pace, **how: Any
) -> HttpResponse:
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_be_in_room(request.user, support_session)
    if form.is_valid():
        try:
            rules.check_pace(pace.wait((support_session.pk, request.user.pk)))
            actions.post_message(
                support_session=support_session,
                by=person(request),
                **form.cleaned_data,
                **how,
            )
        except Refused as no:
            form.add_error("body", no.message)
        else:
            return redirect(reverse("sessions:room", args=[pk]) + "#newest")
    return room_page(request, support_session, None, **{name: form})


@require_POST
def session_begin(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The facilitator starts the session."""
    return _lead(request, pk, actions.begin_session)


@require_POST
def agenda_next(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The facilitator goes on to the next part."""
    return _lead(request, pk, actions.next_agenda_item)


@require_POST
def agenda_extend(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The facilitator gives the current part five more minutes."""
    return _lead(request, pk, actions.extend_agenda_item)


@require_POST
def session_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The facilitator ends the session for everybody."""
    return _lead(request, pk, actions.end_session)


@require_POST
def concern_raise(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Somebody in the room needs more support: a named person is told, nobody else."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_be_in_room(request.user, support_session)
    people = _people(person(request), support_session)
    form = _concern_form(people, request.POST)
    if not form.is_valid():
        return room_page(request, support_session, "concern", concern_form=form)
    about = people[form.cleaned_data.pop("about")]
    concern = actions.raise_concern(
        support_session=support_session, about=about, by=person(request), **form.cleaned_data
    )
    shown = {"raised": concern, "shows_help": form.cleaned_data["shows_help"]}
    is_lead = rules.leading(support_session).filter(pk=person(request).pk).exists()
    if is_lead and about != request.user:
        # Whoever leads may have to say a number; members never learn where somebody is.
        shown["their_help"] = crisis_help(about, support_session.group.organisation)
    return room_page(request, support_session, "concern", **shown)


def _lead(request: HttpRequest, pk: UUID, action: Callable[..., SupportSession]) -> HttpResponse:
    """A facilitator's button. What came too late is told on the page as it is now."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    rules.check_may_lead(request.user, support_session)
    form = VersionForm(request.POST)
    version = form.cleaned_data["version"] if form.is_valid() else -1
    try:
        action(support_session=support_session, version=version, by=person(request))
    except Refused as no:
        if wants_part(request):
            raise
        notices.warning(request, no.message)
    return HttpResponse(status=204) if wants_part(request) else redirect("sessions:room", pk)


def _closed(request: HttpRequest, support_session: SupportSession, closed: Refused) -> HttpResponse:
    """The room is not open: when it will be, or what happens next."""
    admission = rules.check_may_enter(request.user, support_session)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "admission": admission,
        "closed": closed,
        "coming": SupportSession.objects.coming()
        .filter(group=support_session.group_id)
        .exclude(pk=support_session.pk)
        .first(),
        **afterwards(person(request), support_session, admission),
    }
    return render_page(request, "sessions/room_closed.html", context)


def room_page(
    request: HttpRequest, support_session: SupportSession, part: str | None = None, **given: Any
) -> HttpResponse:
    """The room as its reader sees it; `given` are forms that were not accepted."""
    user = person(request)
    admission = rules.check_may_be_in_room(user, support_session)
    entry = rules.check_has_entered(user, support_session)
    token = live.sender_token(support_session.pk, user.pk)
    here = live.Here(token, user.public_name, admission.leads, int(entry.accepted_at.timestamp()))
    live.show_present(support_session.pk, here, device="page")
    actions.stay_in_room(support_session=support_session, people=[user.pk])
    said = said_to(user, support_session)
    state = live.room_state(support_session)
    context = {
        **live.state_context(state, you=token),
        "my_turn": state.my_turn(user.pk),
        "admission": admission,
        "said": said,
        "leads": leads.parts(support_session) if admission.leads else {},
        "last": said[-1]["message"].sequence if said else 0,
        **_for_reader_alone(user, support_session),
        "token": token,
        "message_form": MessageForm(
            initial={"client_id": uuid4()} | {"reply_to": request.GET.get("reply")}
        ),
        "replying": _replying(request, support_session),
        "question_form": QuestionForm(initial={"client_id": uuid4()}),
        "line_form": LineForm(initial={"client_id": uuid4()}),
        "concern_form": _concern_form(_people(user, support_session)),
        **live.circle_context(live.people_here(support_session.pk) or [here], you=token),
        **_who_leads(support_session),
        **given,
    }
    return render_page(request, "sessions/room.html", context, part)


def _for_reader_alone(user: User, support_session: SupportSession) -> dict[str, Any]:
    """What is told to one person: that a facilitator asks them to listen, and help lines."""
    listens = rules.listening_only(support_session).filter(about=user).exists()
    is_offered = rules.offered_help(support_session).filter(user=user).exists()
    return {
        "may_speak": not listens,
        "listen_words": rules.LISTEN_WORDS if listens else "",
        "help_card": live.help_html(support_session, user) if is_offered else "",
    }


def said_to(
    user: User,
    support_session: SupportSession,
    *,
    after: int | None = None,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Messages as the templates show them, with what is the reader's own."""
    found = live.newest_messages(support_session, after=after, before=before)
    own = talk_rules.own_in(found, user)
    return [
        live.said(message) | {"mine": of_it["mine"], "own": of_it["reactions"]}
        for message, of_it in zip(found, own, strict=True)
    ]


def _replying(request: HttpRequest, support_session: SupportSession) -> dict[str, Any] | None:
    """The message that the reader chose to answer, without script."""
    chosen = request.POST.get("reply_to") or request.GET.get("reply", "")
    if not chosen.isdecimal() or int(chosen[:12]) > rules.LARGEST_NUMBER:
        return None
    message = live.shown_messages(support_session).filter(sequence=int(chosen)).first()
    return live.quote(message) if message else None


def _who_leads(support_session: SupportSession) -> dict[str, Any]:
    return {"leaders": [user.public_name for user in rules.leading(support_session)]}


def _people(user: User, support_session: SupportSession) -> dict[str, User]:
    """Everybody who has been in the room, by what the room knows them by; the reader first."""
    people = sorted(
        User.objects.filter(entries__support_session=support_session).distinct(),
        key=lambda person: (person != user, person.public_name.casefold()),
    )
    return {live.sender_token(support_session.pk, person.pk): person for person in people}


def _concern_form(people: dict[str, User], data: Any = None) -> ConcernForm:
    names = [(token, person.public_name) for token, person in people.items()]
    first = [(token, f"Myself ({name})") for token, name in names[:1]]
    return ConcernForm(data, people=[*first, *names[1:]], initial={"occasion": uuid4()})
