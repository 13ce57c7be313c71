"""What this room holds about a person."""

from typing import Any

from django.db import connection
from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from groups.models import FacilitatorAssignment, SupportGroup
from sessions import before_actions, live, talk_actions
from sessions.actions import leave_every_room
from sessions.models import (
    Attendance,
    Booking,
    CalendarFeed,
    Cover,
    Debrief,
    Entry,
    FollowUp,
    Hint,
    Intervention,
    Knock,
    LineMessage,
    Message,
    MessageVersion,
    Pulse,
    Reaction,
    Reminder,
    Report,
    SupportSession,
    Turn,
)
from supportgroups.lib import portable
from supportgroups.lib.portable import (
    A_KEY,
    INNER,
    SOMEBODY_ELSE,
    STAFF_WORDS,
    Column,
    Link,
    Part,
    Sheet,
    choice,
    day,
    moment,
    number,
    words,
    yes_no,
)
from supportgroups.lib.refusals import Refused

_HOME = Link("outcomes:participant_home", "Your groups and sessions")
_REMINDERS = Link("accounts:reminders", "E-mail about your sessions")
_CALENDAR = Link("sessions:calendar_feeds", "Sessions in your calendar")
_BY_LEADS = "Something is not right? Those who lead the group can correct it."
_STAYS = "It stays as it was, and goes by itself."


def _session(way: str = "support_session") -> tuple[Column, Column]:
    """Which session it was."""
    return (
        words("group", "Group", f"{way}.group.name"),
        moment("session_at", "Session", f"{way}.starts_at"),
    )


def _is(field: str, user: User) -> Case:
    """Whether that person is this one. A plain Q would be null for nobody."""
    return Case(When(**{field: user}, then=True), default=False)


def _noted(follow_up: Any) -> str:
    """What somebody else noted is in their words."""
    return follow_up.what if follow_up.is_own_words else ""


def _asked(cover: Any) -> str:
    return cover.note if cover.is_asked_by_them else ""


SHEETS = (
    Sheet(
        "attendance",
        "Sessions you came to",
        Part.SESSIONS,
        "support_sessions.Attendance",
        lambda user: (
            Attendance.objects.filter(membership__user=user)
            .select_related("support_session__group")
            .order_by("support_session__starts_at", "pk")
        ),
        (
            *_session(),
            choice("status", "Whether you came"),
            choice("answer", "What you said before"),
            moment("answered_at", "Said"),
            moment("first_seen_at", "Came"),
            moment("last_seen_at", "Left"),
            choice("came_by", "How"),
            number("said_count", "Messages you sent"),
            number("spoke_seconds", "Seconds you spoke in turns"),
            choice("status_by_presence", "Before it was corrected"),
            moment("corrected_at", "Corrected"),
            moment("introduced_at", "The room was asked to welcome you"),
        ),
        left_out={
            "membership": INNER,
            "corrected_by": SOMEBODY_ELSE,
            "introduced_by": SOMEBODY_ELSE,
        },
        change=_BY_LEADS,
        links=(_HOME,),
    ),
    Sheet(
        "messages",
        "What you wrote in sessions",
        Part.SESSIONS,
        "support_sessions.Message",
        lambda user: (
            Message.objects.filter(sender=user)
            .select_related("support_session__group")
            .order_by("sent_at", "pk")
        ),
        (
            *_session(),
            moment("sent_at", "Sent"),
            words("body", "What you wrote"),
            yes_no("is_anonymous", "Without your name"),
            yes_no("is_from_facilitator", "As somebody who leads"),
            # Not what it answers: that is somebody else's.
            yes_no(
                "is_answer",
                "Answers a message",
                lambda row: row.reply_to_id is not None,
                "reply_to",
            ),
            moment("edited_at", "Changed"),
            moment("deleted_at", "Deleted by you"),
            moment("hidden_at", "Hidden from the room"),
        ),
        left_out={
            "sequence": INNER,
            "client_id": INNER,
            "revision": INNER,
            "hidden_by": SOMEBODY_ELSE,
        },
        change="You can change or delete a message in the room, while the session runs.",
        links=(_HOME,),
        whose=("sender",),
    ),
    Sheet(
        "earlier_messages",
        "Earlier words of messages you changed",
        Part.SESSIONS,
        "support_sessions.MessageVersion",
        lambda user: (
            MessageVersion.objects.filter(message__sender=user)
            .select_related("message__support_session__group")
            .order_by("replaced_at", "pk")
        ),
        (
            *_session("message.support_session"),
            words("body", "What it said"),
            moment("replaced_at", "Until"),
        ),
        change=_STAYS,
    ),
    Sheet(
        "reactions",
        "Your quiet answers to messages",
        Part.SESSIONS,
        "support_sessions.Reaction",
        lambda user: (
            Reaction.objects.filter(user=user)
            .select_related("message__support_session__group")
            .order_by("pk")
        ),
        (*_session("message.support_session"), choice("kind", "What you said")),
        change="You can take it back in the room.",
        whose=("user",),
    ),
    Sheet(
        "turns",
        "Your turns to speak",
        Part.SESSIONS,
        "support_sessions.Turn",
        lambda user: (
            Turn.objects.filter(user=user)
            .select_related("support_session__group")
            .order_by("asked_at", "pk")
        ),
        (
            *_session(),
            choice("kind", "How"),
            choice("status", "What became of it"),
            moment("asked_at", "Asked"),
            moment("began_at", "Began"),
            moment("ended_at", "Ended"),
        ),
        left_out={"round": INNER, "position": INNER},
        change=_STAYS,
        whose=("user",),
    ),
    Sheet(
        "entries",
        "When you entered a room",
        Part.SESSIONS,
        "support_sessions.Entry",
        lambda user: (
            Entry.objects.filter(user=user)
            .select_related("support_session__group")
            .order_by("accepted_at", "pk")
        ),
        (
            *_session(),
            moment("accepted_at", "You agreed to the privacy reminder"),
            moment("left_at", "Left"),
            moment("help_offered_at", "Help lines were offered"),
            moment("help_closed_at", "You closed them"),
        ),
        change=_STAYS,
        whose=("user",),
    ),
    Sheet(
        "knocks",
        "When you knocked at a closed door",
        Part.SESSIONS,
        "support_sessions.Knock",
        lambda user: (
            Knock.objects.filter(user=user)
            .select_related("support_session__group")
            .order_by("asked_at", "pk")
        ),
        (
            *_session(),
            moment("asked_at", "Knocked"),
            moment("answered_at", "Answered"),
            yes_no("is_let_in", "Let in"),
        ),
        left_out={"answered_by": SOMEBODY_ELSE},
        change=_STAYS,
        whose=("user",),
    ),
    Sheet(
        "pulses",
        "How sessions were for you",
        Part.ANSWERS,
        "support_sessions.Pulse",
        lambda user: (
            Pulse.objects.filter(user=user)
            .select_related("support_session__group")
            .order_by("answered_at", "pk")
        ),
        (
            *_session(),
            choice("felt_heard", "Did you feel heard"),
            choice("felt_safe", "Did you feel safe"),
            moment("answered_at", "Answered"),
        ),
        change="You can change it for three days after the session.",
        links=(_HOME,),
        whose=("user",),
    ),
    Sheet(
        "reminders",
        "Mails about your sessions",
        Part.ACCOUNT,
        "support_sessions.Reminder",
        lambda user: (
            Reminder.objects.filter(user=user)
            .select_related("support_session__group")
            .order_by("support_session__starts_at", "pk")
        ),
        (*_session(), choice("kind", "Why"), moment("sent_at", "Sent")),
        left_out={"calendar_sequence": INNER, "claimed_at": INNER, "attempts": INNER},
        change="Choose which mails come in your settings.",
        links=(_REMINDERS,),
        whose=("user",),
    ),
    Sheet(
        "calendar_addresses",
        "Addresses for your calendar",
        Part.ACCOUNT,
        "support_sessions.CalendarFeed",
        lambda user: (
            CalendarFeed.objects.filter(user=user).select_related("group").order_by("made_at", "pk")
        ),
        (
            words("group", "Group, or empty for all", "group.name"),
            yes_no("shows_names", "Names groups"),
            moment("made_at", "Made"),
        ),
        left_out={"nonce": A_KEY},
        change="You can change or delete it.",
        links=(_CALENDAR,),
        whose=("user",),
    ),
    Sheet(
        "steps_for_safety",
        "When somebody stepped in because of you",
        Part.SAFETY,
        "support_sessions.Intervention",
        lambda user: (
            Intervention.objects.filter(about=user)
            .select_related("support_session__group")
            .order_by("made_at", "pk")
        ),
        (
            *_session(),
            choice("kind", "What was done"),
            choice("reason", "Why"),
            words("claim", "The part of your message"),
            moment("made_at", "When"),
            moment("ended_at", "Undone"),
            moment("reviewed_at", "Reviewed"),
            choice("verdict", "What the review said"),
        ),
        left_out={
            "message": "Stands in what they wrote.",
            "resource": INNER,
            "words": STAFF_WORDS,
            "made_by": SOMEBODY_ELSE,
            "told_at": INNER,
            "ended_by": SOMEBODY_ELSE,
            "reviewed_by": SOMEBODY_ELSE,
            "review_note": STAFF_WORDS,
        },
        change="Ask whoever oversees the group, or a coordinator, to look at it again.",
        whose=("about",),
    ),
    Sheet(
        "reports",
        "Messages you reported",
        Part.SAFETY,
        "support_sessions.Report",
        lambda user: (
            Report.objects.filter(reporter=user)
            .select_related("message__support_session__group")
            .order_by("made_at", "pk")
        ),
        (
            *_session("message.support_session"),
            choice("reason", "Why"),
            words("detail", "What you wrote"),
            moment("made_at", "When"),
            moment("handled_at", "Somebody had looked"),
            choice("outcome", "What came of it"),
        ),
        left_out={"told_at": INNER, "handled_by": SOMEBODY_ELSE, "note": STAFF_WORDS},
        change=_STAYS,
        whose=("reporter",),
    ),
    Sheet(
        "debriefs",
        "Debriefs you wrote",
        Part.WORK,
        "support_sessions.Debrief",
        lambda user: (
            Debrief.objects.filter(author=user)
            .select_related("support_session__group")
            .order_by("saved_at", "pk")
        ),
        (
            *_session(),
            words("how_it_went", "How it went"),
            words("concerns", "What to keep an eye on"),
            moment("saved_at", "Saved"),
            moment("written_at", "Finished"),
        ),
        left_out={"revision": INNER, "saved_from": INNER},
        change="You can change it on the session’s page.",
        whose=("author",),
    ),
    Sheet(
        "follow_ups",
        "Follow-ups you noted, or look after",
        Part.WORK,
        "support_sessions.FollowUp",
        lambda user: (
            FollowUp.objects.filter(Q(owner=user) | Q(noted_by=user))
            .select_related("support_session__group")
            .order_by("noted_at", "pk")
            .annotate(is_own_words=_is("noted_by", user), is_mine=_is("owner", user))
        ),
        (
            *_session(),
            words("what", "What you noted", _noted, "what"),
            yes_no("is_mine", "You look after it", lambda row: row.is_mine, "owner", "noted_by"),
            day("due_on", "Due"),
            moment("noted_at", "Noted"),
            moment("done_at", "Done"),
        ),
        left_out={"done_by": SOMEBODY_ELSE},
        change="You can change it on the session’s page.",
    ),
    Sheet(
        "lead_messages",
        "What you wrote to others who lead",
        Part.WORK,
        "support_sessions.LineMessage",
        lambda user: (
            LineMessage.objects.filter(sender=user)
            .select_related("support_session__group")
            .order_by("sent_at", "pk")
        ),
        (*_session(), moment("sent_at", "Sent"), words("body", "What you wrote")),
        left_out={"sequence": INNER, "client_id": INNER},
        change=_STAYS,
        whose=("sender",),
    ),
    Sheet(
        "covers",
        "When you asked for cover, or took a session over",
        Part.WORK,
        "support_sessions.Cover",
        lambda user: (
            Cover.objects.filter(Q(facilitator=user) | Q(taken_by=user))
            .select_related("support_session__group")
            .annotate(is_asked_by_them=_is("facilitator", user))
            .order_by("asked_at", "pk")
        ),
        (
            *_session(),
            yes_no("by_yourself", "You asked", "is_asked_by_them"),
            words(
                "note",
                "What you wrote",
                _asked,
                "note",
            ),
            moment("asked_at", "Asked"),
            moment("taken_at", "Taken over"),
            moment("withdrawn_at", "Taken back"),
        ),
        left_out={"given_back": INNER},
        change="You can change it on the session’s page.",
        whose=("facilitator", "taken_by"),
    ),
    Sheet(
        "bookings",
        "Sessions you are booked to lead",
        Part.WORK,
        "support_sessions.Booking",
        lambda user: (
            Booking.objects.filter(facilitator=user)
            .select_related("support_session__group")
            .order_by("support_session__starts_at", "pk")
        ),
        _session(),
        change="It follows who leads the group.",
        whose=("facilitator",),
        is_about_people=False,
    ),
)

_IN_THE_TRAIL = "That somebody did it stands in what they did."
LEFT_OUT = {
    "support_sessions.SupportSession.planned_by": _IN_THE_TRAIL,
    "support_sessions.SupportSession.began_by": _IN_THE_TRAIL,
    "support_sessions.SupportSession.ended_by": _IN_THE_TRAIL,
    "support_sessions.SupportSession.door_closed_by": _IN_THE_TRAIL,
    "support_sessions.SupportSession.door_opened_by": _IN_THE_TRAIL,
    "support_sessions.Hint": "A guess of the word list for those who lead. Goes with its message.",
}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


#: Stands where somebody said in their own words why a message should be looked at.
ERASED_WORDS = "The words went with the account of whoever wrote them."

# Before -------------------------------------------------------------------------------------------


def to_hand_over(user: User) -> list[Refused]:
    """Groups that nobody else leads, and that are listed or meet."""
    others = FacilitatorAssignment.objects.filter(group=OuterRef("pk")).exclude(user=user)
    coming = SupportSession.objects.coming().filter(group=OuterRef("pk")).order_by()
    groups = SupportGroup.objects.filter(
        Exists(coming) | Q(lifecycle=SupportGroup.Lifecycle.LISTED),
        ~Exists(others),
        facilitator_assignments__user=user,
    )
    return [
        Refused(
            "leads_alone",
            f"Nobody else leads {group}. Name another facilitator first, "
            "or ask a coordinator to do it.",
            next_step=(
                f"Facilitators of {group}",
                reverse("sessions:facilitators", args=[group.slug]),
            ),
        )
        for group in groups.order_by("name")
    ]


def leave(user: User) -> None:
    """Go from every room, and give back the sessions that the person would lead for somebody."""
    leave_every_room(by=user)
    now = timezone.now()
    taken = Cover.objects.taken().filter(
        taken_by=user,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__starts_at__gt=now,
    )
    for cover in taken.select_related("support_session__group").order_by("pk"):
        before_actions.give_cover_back(cover=cover, by=user, at=now)


# Erased -------------------------------------------------------------------------------------------

# A session keeps for its own record how many came, without whom.
_COUNT = """
UPDATE support_sessions_supportsession s
SET gone_came = s.gone_came + of_them.came, gone_expected = s.gone_expected + of_them.expected
FROM (
    SELECT a.support_session_id, count(*) FILTER (WHERE a.status = ANY(%(came)s)) AS came,
           count(*) FILTER (WHERE a.status <> 'excused') AS expected
    FROM support_sessions_attendance a
    JOIN groups_membership m ON m.id = a.membership_id
    WHERE m.user_id = %(user)s
    GROUP BY a.support_session_id
) AS of_them
WHERE s.id = of_them.support_session_id AND s.status = 'ended'
"""


def erase(user: User) -> None:
    """What was said, answered, asked for and counted; what was done about the person.

    A debrief that was handed on, and steps and follow-ups that the person wrote down as somebody
    who leads, belong to the group: they stay, and name nobody.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"came": list(Attendance.CAME), "user": user.pk})
    Attendance.objects.filter(membership__user=user).delete()
    _forget_words(user)
    Intervention.objects.filter(about=user).delete()
    for report in Report.objects.filter(reporter=user).exclude(detail=""):
        report.detail = ERASED_WORDS
        report.save(update_fields=["detail"])
    Debrief.objects.filter(author=user, written_at__isnull=True).delete()
    Debrief.objects.filter(author=user).update(author=None)
    Cover.objects.filter(Q(facilitator=user) | Q(taken_by=user)).delete()
    rooms = SupportSession.objects.filter(status=SupportSession.Status.LIVE, turns__user=user)
    waited_in = list(rooms.values_list("pk", flat=True).distinct())
    for rows in (
        user.entries,
        user.turns,
        user.knocks,
        user.reminders,
        user.calendar_feeds,
        user.pulses,
        user.bookings,
    ):
        rows.all().delete()
    for session in SupportSession.objects.filter(pk__in=waited_in).select_related("group"):
        _show_anew(session)


def _forget_words(user: User) -> None:
    """Messages become empty lines whose writer has left; the numbers of a session keep no gap."""
    messages = list(Message.objects.filter(sender=user).values_list("pk", flat=True))
    for rows in (MessageVersion, Reaction, Report, Hint, Intervention):
        rows.objects.filter(message__in=messages).delete()
    reacted = Message.objects.filter(reactions__user=user).distinct()
    changed = set(messages) | set(reacted.values_list("pk", flat=True))
    user.reactions.all().delete()
    Message.objects.filter(pk__in=messages).update(
        sender=None,
        is_from_facilitator=False,
        body="",
        reply_to=None,
        edited_at=None,
        deleted_at=Coalesce(F("deleted_at"), Now()),
        hidden_at=None,
        hidden_by=None,
    )
    line = LineMessage.objects.filter(sender=user)
    for session_id in line.values_list("support_session", flat=True).distinct():
        live.publish_to_leads(session_id, "line")
    line.delete()
    shown = Message.objects.filter(
        pk__in=changed, support_session__status=SupportSession.Status.LIVE
    )
    for message in shown.select_related("support_session").order_by("sequence"):
        talk_actions.touch(message)


def _show_anew(session: SupportSession) -> None:
    """Nobody waits there for a turn of somebody who has left."""
    SupportSession.objects.filter(pk=session.pk).update(version=F("version") + 1)
    session.refresh_from_db(fields=["version"])
    live.publish_state(session)
