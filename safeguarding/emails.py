"""Mails about concerns. They say that a task waits, never about whom or why."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from safeguarding.models import Alert
from supportgroups.lib.templatetags.ui import time_words


def send_alert(alert: Alert) -> None:
    """Tell one person that a task waits for them and until when. Raises what the server answers."""
    concern, person = alert.concern, alert.person
    body = render_to_string(
        "safeguarding/emails/task_notice.txt",
        {
            "concern": concern,
            "person": person,
            "everybody": concern.everybody_asked_at is not None,
            "respond_by": time_words(concern.respond_by, person.time_zone),
            "is_late": concern.is_late,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("safeguarding:concern_detail", args=[concern.pk]),
        },
    )
    EmailMessage("A task for you today", body, to=[person.email]).send()
