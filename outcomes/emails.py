"""The mail that asks for answers. Neutral: no group's name, no topic, no questionnaire's name."""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.emails import stop_link
from accounts.models import User
from outcomes.models import SurveyInvitation
from outcomes.rules import minutes_in_words, sheet_of
from supportgroups.lib.mail import StoppableMail
from supportgroups.lib.templatetags.ui import time_words


def send_invitations(
    person: User, invitations: Sequence[SurveyInvitation], *, mailer: BaseEmailBackend
) -> None:
    """Ask one person once for everything that is due, with one link to the first; or remind them.

    Raises what the mail server answers, as `smtplib.SMTPException` or `OSError`.
    """
    first = min(invitations, key=lambda invitation: invitation.plan.position)
    closes_at = min(invitation.closes_at for invitation in invitations)
    reminds = all(invitation.sent_at for invitation in invitations)
    stop = stop_link(person, "questions")
    body = render_to_string(
        "outcomes/emails/invitation.txt",
        {
            "stop_link": stop,
            "person": person,
            "sets": len(invitations),
            "reminds": reminds,
            "minutes": minutes_in_words(sum(len(sheet_of(i).items) for i in invitations)),
            "closes": time_words(closes_at, person.time_zone),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("outcomes:survey_start", args=[first.pk]),
        },
    )
    subject = "Your questions are still open" if reminds else "A few questions for you"
    mailer.send_messages([StoppableMail(subject, body, to=[person.email], stop_link=stop)])
