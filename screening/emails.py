"""Mails to applicants and staff. Neutral: no group's name, no reason, no health data."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import User
from screening.models import Appointment, Decision


def send_news(decision: Decision) -> None:
    """Say that there is news about the request and where to read it."""
    application = decision.application
    _send(
        "There is news about your request",
        "screening/emails/news.txt",
        to=application.user,
        path=reverse("screening:application_detail", args=[application.pk]),
    )


def send_talk_news(appointment: Appointment, *, to: User) -> None:
    """Say that somebody answered to the times offered, and where to read it."""
    _send(
        "There is news about an appointment",
        "screening/emails/talk_news.txt",
        to=to,
        path=reverse("screening:review", args=[appointment.application_id]),
    )


def _send(subject: str, template: str, *, to: User, path: str) -> None:
    context = {
        "person": to,
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "link": settings.SITE_URL + path,
    }
    EmailMessage(subject, render_to_string(template, context), to=[to.email]).send()
