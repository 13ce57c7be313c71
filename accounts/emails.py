"""Mails about accounts that allauth does not write. Neutral: no group and no role."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import StaffRole


def send_invitation(staff_role: StaffRole) -> None:
    """Say which organisation asks, and how to sign in. Raises what the mail server answers.

    The words are the same whether or not the address had an account before.
    """
    path = reverse("accounts:staff_list", args=[staff_role.organisation.slug])
    body = render_to_string(
        "accounts/emails/invitation.txt",
        {
            "organisation": staff_role.organisation,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + path,
        },
    )
    EmailMessage("An invitation for you", body, to=[staff_role.user.email]).send()
