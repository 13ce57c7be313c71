"""Reminders and news. Neutral, unless the person chose names: no group, no topic, no place."""

from datetime import datetime
from email import policy
from email.message import MIMEPart
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.emails import stop_link
from accounts.models import User
from groups.models import SupportGroup
from sessions import after_rules, before_rules, rules
from sessions.calendar import NEUTRAL, CalendarEntry, invitation, place_of
from sessions.models import Attendance, Reminder, SupportSession
from sessions.reminder_rules import (
    REMINDER_TIMES,
)
from supportgroups.lib.mail import StoppableMail
from supportgroups.lib.templatetags.ui import time_words


def zone_for(user: User, support_session: SupportSession) -> ZoneInfo:
    """The zone to name the time in: the place's for a meeting at a place, else the reader's."""
    group = support_session.group
    at_a_place = group.format == SupportGroup.Format.IN_PERSON
    return ZoneInfo(group.time_zone if at_a_place else user.time_zone)


def _when_word(kind: Reminder.Kind, starts_at: datetime, zone: ZoneInfo) -> str:
    """How far off it is on the reader's calendar: a late mail may be of the same day."""
    days = (starts_at.astimezone(zone).date() - timezone.now().astimezone(zone).date()).days
    if kind == Reminder.Kind.HOUR_BEFORE:
        return "starts soon"
    return {0: "today", 1: "tomorrow"}.get(days, "starts soon")


#: The subject of news of a session.
_NEWS = {
    Reminder.Kind.MOVED: "Your appointment has moved",
    Reminder.Kind.CANCELLED: "Your appointment is off",
    Reminder.Kind.RESTORED: "Your appointment is on again",
}


#: The subject of mail about who leads a session.
_OF_COVERS = {
    Reminder.Kind.COVER_ASKED: "Can you step in?",
    Reminder.Kind.COVER_NEWS: "News about an appointment of yours",
}


def send_reminder(reminder: Reminder, *, mailer: BaseEmailBackend) -> None:
    """Hand one reminder, piece of news or closing note to the mail server of `mailer`.

    The Message-ID comes from the reminder, so that a second copy is known as one. Raises what the
    mail server answers, as `smtplib.SMTPException` or `OSError`.
    """
    stop = _stop_link(reminder)
    subject, body = _words(reminder, stop=stop)
    host = urlsplit(settings.SITE_URL).hostname
    headers = {
        "Message-ID": f"<reminder-{reminder.pk}@{host}>",
        "Auto-Submitted": "auto-generated",
    }
    to = [reminder.user.email]
    message = (
        StoppableMail(subject, body, to=to, headers=headers, stop_link=stop)
        if stop
        else EmailMessage(subject, body, to=to, headers=headers)
    )
    if reminder.kind in _CARRY_ENTRIES and reminder.user.mails_carry_entries:
        message.attach(_entry(reminder))
    mailer.send_messages([message])


#: What the link in a mail stops. News of a session, and asking who leads it, always come.
_TO_STOP = {
    Reminder.Kind.DAY_BEFORE: "early",
    Reminder.Kind.HOUR_BEFORE: "late",
    Reminder.Kind.MISSED: "missed",
    Reminder.Kind.CLOSING: "note",
}


def _stop_link(reminder: Reminder) -> str:
    kind = _TO_STOP.get(Reminder.Kind(reminder.kind))
    return stop_link(reminder.user, kind) if kind else ""


#: What puts the session into the calendar, moves it there, or takes it out.
_CARRY_ENTRIES = (Reminder.Kind.DAY_BEFORE, *Reminder.NEWS)


def _entry(reminder: Reminder) -> MIMEPart:
    """The session for the reader's calendar, as mail programs expect it (RFC 6047)."""
    support_session, user = reminder.support_session, reminder.user
    group = support_session.group
    names = user.mails_name_groups
    method, content = invitation(
        CalendarEntry(
            support_session,
            title=group.name if names else NEUTRAL,
            place=place_of(support_session) if names else "",
        ),
        to=user,
    )
    part = MIMEPart(policy=policy.SMTP)  # lines end in CRLF there, as in calendars
    part.set_content(
        content.decode(),
        subtype="calendar",
        params={"method": method},
        cte="base64",
        disposition="attachment",
        filename="appointment.ics",
    )
    return part


def _words(reminder: Reminder, *, stop: str) -> tuple[str, str]:
    """Subject and body."""
    kind, support_session = Reminder.Kind(reminder.kind), reminder.support_session
    zone = zone_for(reminder.user, support_session)
    at_a_place = support_session.group.format == SupportGroup.Format.IN_PERSON
    context = {
        "person": reminder.user,
        "starts": time_words(support_session.starts_at, zone),
        "starts_at_place": _time_at_place(support_session, zone),
        "opens": "" if at_a_place else time_words(support_session.opens_at, zone, "time"),
        "site_name": settings.SITE_NAME,
        "link": _address("sessions:session_detail", support_session),
        "cover_link": _address("sessions:cover", support_session),
        "calendar_link": _address("sessions:calendar", support_session),
        "home_link": settings.SITE_URL + reverse("outcomes:participant_home"),
        "stop_link": stop,
        "settings_link": settings.SITE_URL + reverse("accounts:reminders"),
    }
    if named := reminder.user.mails_name_groups and kind not in Reminder.OF_COVERS:
        context |= {
            "group_name": support_session.group.name,
            "place": place_of(support_session),
        }
    if kind != Reminder.Kind.CANCELLED and before_rules.is_asked(reminder):
        context["answer_links"] = [
            (label, settings.SITE_URL + reverse("sessions:answer", args=[token, value]))
            for token in [before_rules.answer_token(reminder)]
            for value, label in Attendance.Answer.choices
        ]
    if kind == Reminder.Kind.CLOSING:
        subject, template = "After your appointment", "closing"
        context |= _asked_afterwards(reminder.user, support_session)
    elif kind in Reminder.OF_COVERS:
        subject, template = _OF_COVERS[kind], "cover"
        context["is_asked"] = kind == Reminder.Kind.COVER_ASKED
    elif kind in Reminder.NEWS:
        subject, template = _NEWS[kind], "news"
        context |= {"news": subject, "is_off": kind == Reminder.Kind.CANCELLED}
    elif kind == Reminder.Kind.MISSED:
        subject, template = "You are welcome any time", "missed"
        context |= _what_comes_next(reminder.user, support_session)
    else:
        context["when"] = when = _when_word(kind, support_session.starts_at, zone)
        subject, template = f"Your appointment {when}", "reminder"
    if named and kind in (*Reminder.NEWS, *REMINDER_TIMES):
        # A header is one line, whatever a name holds.
        name = " ".join(support_session.group.name.split())
        subject = f"{name}: {subject[0].lower()}{subject[1:]}"
    return subject, render_to_string(f"sessions/emails/{template}.txt", context)


def _what_comes_next(user: User, support_session: SupportSession) -> dict[str, object]:
    """The group's next session, for somebody who missed this one."""
    following = SupportSession.objects.coming().filter(group=support_session.group_id).first()
    if following is None:
        return {"next": ""}
    following.group = support_session.group
    return {"next": time_words(following.starts_at, zone_for(user, following))}


def _asked_afterwards(user: User, support_session: SupportSession) -> dict[str, object]:
    """What the closing note asks of this person: nothing that they have done already."""
    closes_at = after_rules.pulse_closes_at(support_session)
    return {
        "asks": after_rules.pulses_waiting_for(user).filter(pk=support_session.pk).exists(),
        "closes": time_words(closes_at, zone_for(user, support_session)) if closes_at else "",
        "leads": rules.leading(support_session).filter(pk=user.pk).exists(),
        "pulse_link": _address("sessions:pulse", support_session),
        "debrief_link": _address("sessions:debrief", support_session),
    }


def _time_at_place(support_session: SupportSession, zone: ZoneInfo) -> str:
    """The start on the place's clock, where people may come there and it differs from theirs."""
    group = support_session.group
    if group.format != SupportGroup.Format.HYBRID or group.time_zone == zone.key:
        return ""
    return time_words(support_session.starts_at, group.time_zone)


def _address(name: str, support_session: SupportSession) -> str:
    return settings.SITE_URL + reverse(name, args=[support_session.pk])
