"""Mails about emergency access. Neutral: no group, no reason, nobody's name but the reader's."""

from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from oversight.models import EmergencyAccess


def send_announcement(access: EmergencyAccess, *, to: Iterable[User]) -> None:
    """Ask the coordinators to look. Raises what the mail server answers."""
    for person in to:
        _send(
            "Something to look at",
            "oversight/emails/announcement.txt",
            person,
            reverse("oversight:emergency", args=[access.organisation.slug]),
            access,
        )


def send_afterwards(access: EmergencyAccess) -> None:
    """Say that there is something to read about one's data. Raises what the mail server answers."""
    _send(
        "About your account",
        "oversight/emails/afterwards.txt",
        access.about,
        reverse("oversight:who_read"),
        access,
    )


def _send(subject: str, template: str, person: User, path: str, access: EmergencyAccess) -> None:
    body = render_to_string(
        template,
        {
            "person": person,
            "organisation": access.organisation,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + path,
        },
    )
    EmailMessage(subject, body, to=[person.email]).send()
