"""Mails about concerns. They say that a task waits, never about whom or why."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from safeguarding.models import Concern
from supportgroups.lib.templatetags.ui import time_words


def send_task_notice(concern: Concern) -> None:
    """Tell the named person that a task waits for them and until when."""
    if concern.assigned_to is None:
        raise ValueError("This concern has no named person.")
    body = render_to_string(
        "safeguarding/emails/task_notice.txt",
        {
            "concern": concern,
            "person": concern.assigned_to,
            "respond_by": time_words(concern.respond_by, concern.assigned_to.time_zone),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("safeguarding:concern_detail", args=[concern.pk]),
        },
    )
    EmailMessage("A task for you today", body, to=[concern.assigned_to.email]).send()
