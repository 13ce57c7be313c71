"""Mails to applicants. Neutral: no group's name, no reason, no health data."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from screening.models import Decision


def send_news(decision: Decision) -> None:
    """Say that there is news about the request and where to read it."""
    application = decision.application
    body = render_to_string(
        "screening/emails/news.txt",
        {
            "person": application.user,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL
            + reverse("screening:application_detail", args=[application.pk]),
        },
    )
    EmailMessage("There is news about your request", body, to=[application.user.email]).send()
