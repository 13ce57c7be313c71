"""The last mail to an address, before it is forgotten."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from supportgroups.lib.templatetags.ui import time_words


def send_account_closed(address: str, *, at: datetime, zone: str) -> None:
    """Say that it is done, and when. Raises what the mail server answers."""
    context = {
        "when": time_words(at, zone),
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "contact": settings.SECURITY_CONTACT.removeprefix("mailto:"),
    }
    body = render_to_string("closing/emails/account_closed.txt", context)
    EmailMessage("Your account is closed", body, to=[address]).send()
