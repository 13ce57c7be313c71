"""Mails about groups. Neutral: no group's name, no reason, not even what kind of news it is."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from groups.models import Notice
from supportgroups.lib.templatetags.ui import time_words


def send_news(notice: Notice, *, until: datetime | None) -> None:
    """Say that there is news, where to read it, and until when if it waits for an answer.

    The link names the notice and not the group. Raises what the mail server answers.
    """
    body = render_to_string(
        "groups/emails/news.txt",
        {
            "person": notice.user,
            "until": time_words(until, notice.user.time_zone) if until else "",
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("groups:notice", args=[notice.pk]),
        },
    )
    EmailMessage("There is news for you", body, to=[notice.user.email]).send()
