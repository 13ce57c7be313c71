"""Mail to reviewers: that something waits, never what or where."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from sessions.models import Intervention, Report


def send_review_waits(person: User, row: Report | Intervention) -> None:
    """Tell one reviewer that something waits for their look."""
    page = "report_detail" if isinstance(row, Report) else "review_detail"
    body = render_to_string(
        "sessions/emails/review_waits.txt",
        {
            "person": person,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse(f"sessions:{page}", args=[row.pk]),
        },
    )
    EmailMessage("Something waits for your look", body, to=[person.email]).send()
