"""The one mail to whoever runs the site. It names events by number, and nobody."""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from audit.models import TrailCheck


def send_trail_broken(found: Sequence[str], *, before: TrailCheck | None) -> None:
    """Say where, and when it was last whole. Raises what the mail server answers."""
    context = {
        "found": found,
        "before": before,
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
    }
    body = render_to_string("audit/emails/trail_broken.txt", context)
    EmailMessage("The trail is broken", body, to=[settings.OPERATOR_EMAIL]).send()
