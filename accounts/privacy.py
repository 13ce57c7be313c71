"""What this room holds about a person."""

import json
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.urls import reverse

from accounts import rules
from accounts.browser_sessions import SessionStore
from accounts.consents import PURPOSES
from accounts.live import look_again
from accounts.models import BrowserSession, Consent, DataExport, StaffRole, User
from audit.trail import record
from supportgroups.lib import portable
from supportgroups.lib.erasing import erasing
from supportgroups.lib.portable import (
    A_KEY,
    INNER,
    Link,
    Part,
    Sheet,
    choice,
    clock,
    day,
    moment,
    number,
    words,
    yes_no,
)
from supportgroups.lib.refusals import Refused


def _about(consent: Consent) -> str:
    return PURPOSES[consent.purpose].titled(consent.organisation)


def _name_of_factor(factor: Authenticator) -> str:
    return str(factor.data.get("name", ""))


def _wording(consent: Consent) -> str:
    return PURPOSES[consent.purpose].words(consent.organisation, version=consent.version)


_SETTINGS = Link("accounts:profile", "Your settings")
_CHOICES = Link("outcomes:who_sees_what", "Who sees what, and your choices")

SHEETS = (
    Sheet(
        "account",
        "Your account and settings",
        Part.ACCOUNT,
        "accounts.User",
        lambda user: User.objects.filter(pk=user.pk),
        (
            words("email", "E-mail address"),
            words("display_name", "Name that others see"),
            words("time_zone", "Time zone"),
            words("country", "Country"),
            words("language", "Language"),
            moment("joined_at", "Account opened"),
            moment("last_login", "Last sign-in"),
            moment("unused_told_at", "Told that the account goes unused"),
            yes_no("has_password", "Has a password", User.has_usable_password, "password"),
            yes_no("is_open", "Account is open", "is_active"),
            yes_no("runs_the_site", "Runs this site", "is_staff"),
            yes_no("reminds_day_before", "Early reminder"),
            number("day_before_minutes", "Minutes before, early reminder"),
            yes_no("reminds_hour_before", "Late reminder"),
            number("hour_before_minutes", "Minutes before, late reminder"),
            clock("quiet_from", "Quiet from"),
            clock("quiet_until", "Quiet until"),
            yes_no("mails_name_groups", "Mails may name the group"),
            yes_no("mails_carry_entries", "Mails carry an entry for the calendar"),
            yes_no("mails_after_missed", "Kind word after missed sessions"),
            yes_no("mails_after_session", "Note after each session"),
            yes_no("mails_with_questions", "Mail when questions wait"),
        ),
        left_out={
            "second_factor_due_at": INNER,
            "is_superuser": INNER,
            "mails_key": A_KEY,
            "groups": INNER,
            "user_permissions": INNER,
        },
        change="Change it in your settings.",
        links=(_SETTINGS, Link("accounts:reminders", "E-mail about your sessions")),
    ),
    Sheet(
        "email_addresses",
        "E-mail addresses you sign in with",
        Part.ACCOUNT,
        "account.EmailAddress",
        lambda user: EmailAddress.objects.filter(user=user).order_by("pk"),
        (
            words("email", "Address"),
            yes_no("is_confirmed", "Confirmed", "verified"),
            yes_no("is_used", "Used for mail and sign-in", "primary"),
        ),
        change="Change it in your settings.",
        links=(Link("account_email", "Your e-mail address"),),
        whose=("user",),
    ),
    Sheet(
        "copies",
        "Your copy of everything",
        Part.ACCOUNT,
        "accounts.DataExport",
        lambda user: DataExport.objects.filter(user=user).defer("content"),
        (
            moment("asked_at", "Asked"),
            moment("made_at", "Made"),
            moment("expires_at", "There until"),
            number("size", "Bytes"),
            moment("told_at", "Mail sent"),
        ),
        left_out={
            "nonce": A_KEY,
            "claimed_at": INNER,
            "attempts": INNER,
            "content": "It is what somebody reads here.",
            "told_attempts": INNER,
        },
        change="You can delete it at any time.",
        whose=("user",),
    ),
    Sheet(
        "sign_ins",
        "Where you are signed in",
        Part.ACCOUNT,
        "accounts.BrowserSession",
        lambda user: BrowserSession.objects.filter(user=user).order_by("pk"),
        (
            words("device", "Device"),
            moment("began_at", "Signed in"),
            moment("used_at", "Last used"),
            moment("expires_at", "Ends by itself"),
            yes_no("is_shared", "Others use the device too"),
        ),
        left_out={
            "key_digest": A_KEY,
            "data": INNER,
            "is_of_staff": INNER,
            "is_to_renew": INNER,
            "is_to_tell": INNER,
        },
        change="You can end each of them.",
        links=(Link("accounts:sign_ins", "Where you are signed in"),),
        whose=("user",),
    ),
    Sheet(
        "second_steps",
        "Your second steps for signing in",
        Part.ACCOUNT,
        "mfa.Authenticator",
        lambda user: Authenticator.objects.filter(user=user).order_by("pk"),
        (
            choice("type", "Kind"),
            words("name", "Name", _name_of_factor, "data"),
            moment("created_at", "Added"),
            moment("last_used_at", "Last used"),
        ),
        change="Add, rename or remove them in your settings. Their secrets are in no file.",
        links=(Link("mfa_index", "A second step for signing in"),),
        whose=("user",),
        kept_as="accounts.User",
    ),
    Sheet(
        "consents",
        "What you decided about your data",
        Part.AGREED,
        "accounts.Consent",
        lambda user: (
            Consent.objects.filter(user=user).select_related("organisation").order_by("pk")
        ),
        (
            words("about", "What it is about", _about, "purpose", "organisation"),
            words("wording", "What you read", _wording, "purpose", "version"),
            number("version", "Number of the wording"),
            moment("given_at", "Agreed"),
            moment("withdrawn_at", "Said no, or withdrawn"),
        ),
        change="You can change each choice at any time. What you said before stays written down.",
        links=(_CHOICES,),
        whose=("user",),
    ),
    Sheet(
        "roles",
        "What you do for organisations",
        Part.WORK,
        "accounts.StaffRole",
        lambda user: (
            StaffRole.objects.filter(user=user).select_related("organisation").order_by("pk")
        ),
        (
            words("organisation", "Organisation", "organisation.name"),
            choice("role", "Role"),
            words("training", "Training"),
            day("checked_on", "Background check"),
            words("supervision", "Supervision"),
            number("on_call_position", "Place on call"),
            moment("asked_at", "Asked"),
        ),
        left_out={"told_at": INNER, "attempts": INNER},
        change="A coordinator of the organisation can change it.",
        whose=("user",),
    ),
)

#: Rows and fields that lead to a person and are in no sheet.
LEFT_OUT = {
    "account.EmailConfirmation": A_KEY,
}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


# Before -------------------------------------------------------------------------------------------


def to_hand_over(user: User) -> list[Refused]:
    """Organisations that this person has to give a coordinator before they close their account."""
    roles = StaffRole.objects.coordinators().filter(user=user).select_related("organisation")
    return [
        Refused(
            "last_coordinator",
            f"You are the only coordinator of {role.organisation}. Make somebody else one first. "
            "They count once they have signed in.",
            next_step=(
                f"People of {role.organisation}",
                reverse("accounts:staff_list", args=[role.organisation.slug]),
            ),
        )
        for role in roles.order_by("organisation__name")
        if rules.is_last_coordinator(role)
    ]


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """The person themselves, with everything that still hangs on them. The last step of all.

    Other people's rows that name them as who did something name nobody from then on.
    """
    for role in StaffRole.objects.filter(user=user).order_by("pk"):
        record(
            "role.taken_away",
            by=user,
            on=role,
            organisation=role.organisation_id,
            role=role.role,
        )
    end_sign_ins(user)
    look_again([user.pk])
    with erasing(user.pk):
        User.objects.filter(pk=user.pk).delete()


def end_sign_ins(user: User) -> None:
    """End every sign-in of the person, and forget browsers in which somebody was about to sign in
    as them: what such a row holds is encrypted, so each one of a visitor is looked into."""
    BrowserSession.objects.filter(user=user).delete()
    addresses = {
        user.email,
        *EmailAddress.objects.filter(user=user).values_list("email", flat=True),
    }
    signs = [str(user.pk), *(address.lower() for address in addresses)]
    read = SessionStore().decode
    begun = [
        row.pk
        for row in BrowserSession.objects.filter(user__isnull=True).only("data").iterator()
        if any(sign in json.dumps(read(row.data)).lower() for sign in signs)
    ]
    BrowserSession.objects.filter(pk__in=begun).delete()
