"""The mail that a copy is ready. Neutral: it says nothing of what is in it."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import DataExport
from supportgroups.my_data.rules import token_of


def send_ready(export: DataExport) -> None:
    """Say that it is ready, and until when. Raises what the mail server answers."""
    with timezone.override(ZoneInfo(export.user.time_zone)):
        body = render_to_string(
            "my_data/emails/ready.txt",
            {
                "expires_at": export.expires_at,
                "zone": export.user.time_zone,
                "site_name": settings.SITE_NAME,
                "site_url": settings.SITE_URL,
                "link": settings.SITE_URL + reverse("my_data:copy", args=[token_of(export)]),
                "my_data": settings.SITE_URL + reverse("my_data:my_data"),
            },
        )
    EmailMessage("What you asked for is ready", body, to=[export.user.email]).send()
