"""Mails about accounts that allauth does not write. Neutral: no group and no role."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import rules
from accounts.models import BrowserSession, StaffRole, User


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


def send_new_device(sign_in: BrowserSession) -> None:
    """Say that a device signed in that the person never used before. Raises what the server says.

    Without address and place: somebody else may read the mail, or the device.
    """
    person = sign_in.user
    assert person is not None, "a sign-in has a person"  # noqa: S101
    zone = ZoneInfo(person.time_zone)
    body = render_to_string(
        "accounts/emails/new_device.txt",
        {
            "device": sign_in.device,
            "at": timezone.localtime(sign_in.began_at, zone),
            "zone": person.time_zone.replace("_", " "),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
        },
    )
    quiet = {"Auto-Submitted": "auto-generated"}
    EmailMessage("A new sign-in", body, to=[person.email], headers=quiet).send()


def stop_link(user: User, kind: str) -> str:
    """The address that stops this kind of mail (`rules.MAILS_TO_STOP`) for its reader."""
    return settings.SITE_URL + reverse("accounts:mails_stop", args=[rules.stop_token(user, kind)])


def send_factors_reset(user: User) -> None:
    """Say that the second step was taken away, and what to do. Raises what the mail server says."""
    body = render_to_string(
        "accounts/emails/factors_reset.txt",
        {
            "person": user,
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("mfa_index"),
        },
    )
    EmailMessage("Your second step was reset", body, to=[user.email]).send()


def send_unused(user: User) -> None:
    """Say that the account goes, and how to keep it. Raises what the mail server answers."""
    goes_at = timezone.now() + rules.UNUSED_TOLD_BEFORE
    body = render_to_string(
        "accounts/emails/unused.txt",
        {
            "person": user,
            "goes_on": timezone.localtime(goes_at, ZoneInfo(user.time_zone)),
            "site_name": settings.SITE_NAME,
            "site_url": settings.SITE_URL,
            "link": settings.SITE_URL + reverse("account_login"),
        },
    )
    quiet = {"Auto-Submitted": "auto-generated"}
    EmailMessage("Do you still need your account?", body, to=[user.email], headers=quiet).send()
