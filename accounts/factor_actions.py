"""Second factors: who has to add one by when, codes, removing, and a lost phone."""

from collections.abc import Iterable
from datetime import datetime
from smtplib import SMTPException
from uuid import UUID

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.internal.flows import delete_and_cleanup
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import emails, rules, tasks
from accounts.browser_sessions import end_others
from accounts.factor_adapter import COLUMN
from accounts.models import StaffRole, User
from audit.trail import record
from supportgroups.lib import encryption
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused

_CODES = Authenticator.Type.RECOVERY_CODES


@transaction.atomic
def settle_second_factors(
    people: Iterable[UUID] | None = None, *, at: datetime | None = None
) -> None:
    """Begin the grace of those who owe a second factor and have none; forget it of all others.

    Whoever changes a role or who leads a group calls this in the same transaction. The clock calls
    it for everybody, so that no import and no command is forgotten.
    """
    at = at or timezone.now()
    asked = User.objects.all() if people is None else User.objects.filter(pk__in=set(people))
    missing = rules.missing_second_factor().values("pk")
    asked.filter(second_factor_due_at=None, pk__in=missing).update(
        second_factor_due_at=at + rules.grace_of_second_factor()
    )
    asked.filter(second_factor_due_at__isnull=False).exclude(pk__in=missing).update(
        second_factor_due_at=None
    )


def step_of(secret: str, code: str) -> int | None:
    """The half minute for which an app shows this code, of those whose codes are good now."""
    for step in yield_hotp_counters_from_time():
        if constant_time_compare(format_hotp_value(hotp_value(secret, step)), code.strip()):
            return step
    return None


@transaction.atomic
def use_code(*, factor: Authenticator, code: str) -> Authenticator:
    """Note that a code of an app opens nothing more, nor do older ones; the row as it is then.

    Raises allauth's error for one that was used. allauth notes it in the cache and for half a
    minute only, while a code is good for three times as long.
    """
    factor = Authenticator.objects.select_for_update().select_related("user").get(pk=factor.pk)
    step = step_of(decrypt(factor.data["secret"]), code)
    if step is None or step <= factor.data.get("used_step", 0):
        raise get_adapter().validation_error("incorrect_code")
    factor.data["used_step"] = step
    factor.save(update_fields=["data"])
    return factor


@transaction.atomic
def renew_secrets() -> int:
    """Put secrets that are under an earlier key under the current one. Returns how many.

    One that no key opens stays as it is: the key may come back.
    """
    current, renewed = encryption.current_key_id(), 0
    for factor in rules.factors_under_other_keys(current).select_for_update(skip_locked=True):
        name = rules.SECRET_IN[factor.type]
        try:
            secret = encryption.decrypt(factor.data[name], bound_to=COLUMN)
        except encryption.Unreadable:
            continue
        factor.data[name] = encryption.encrypt(secret, bound_to=COLUMN)
        factor.save(update_fields=["data"])
        renewed += 1
    return renewed


@transaction.atomic
def remove_factor(*, factor: Authenticator, by: User, request: HttpRequest) -> None:
    """Remove an app or a passkey of one's own, and codes that stood in for it alone.

    Raises `Refused` for the last one of somebody who owes one.
    """
    User.objects.select_for_update().get(pk=by.pk)  # two at once would each leave the other's
    rules.check_may_remove_factor(by, factor)
    delete_and_cleanup(request, factor)


@transaction.atomic
def make_recovery_codes(*, by: User) -> Authenticator:
    """New codes in place of all earlier ones."""
    User.objects.select_for_update().get(pk=by.pk)
    Authenticator.objects.filter(user=by, type=_CODES).delete()
    made: Authenticator = RecoveryCodes.activate(by).instance
    record("recovery_codes.made", by=by, on=by)
    return made


def keep_recovery_codes(*, codes: Authenticator, by: User) -> None:
    """Their person has kept them: they are not shown again."""
    if codes.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can do this.")
    codes.data["viewed_at"] = timezone.now().timestamp()
    codes.save(update_fields=["data"])


@transaction.atomic
def reset_factors(*, staff_role: StaffRole, by: User, at: datetime | None = None) -> None:
    """A colleague lost their phone: their factors and sign-ins end. They get a mail.

    Raises `Refused`.
    """
    rules.check_may_reset_factors(by, staff_role)
    record(
        "second_factor.reset",
        by=by,
        on=staff_role,
        organisation=staff_role.organisation_id,
        at=at,
    )
    _reset(staff_role.user_id, at=at)


@transaction.atomic
def reset_factors_of(*, user: User, by: User | None, at: datetime | None = None) -> None:
    """The same without a role to judge by: `by` is None for the operator's command."""
    record("second_factor.reset", by=by, on=user, at=at)
    _reset(user.pk, at=at)


def _reset(user_id: UUID, *, at: datetime | None) -> None:
    at = at or timezone.now()
    user = User.objects.select_for_update().get(pk=user_id)
    Authenticator.objects.filter(user=user).delete()
    end_others(user, but=None)
    owes = rules.owing_second_factor().filter(pk=user.pk).exists()
    user.second_factor_due_at = at + rules.grace_after_reset() if owes else None
    user.save(update_fields=["second_factor_due_at"])
    transaction.on_commit(lambda: _tell_of_reset(user))


def _tell_of_reset(user: User) -> None:
    """At once; by the worker, again and again, when the mail server says no."""
    try:
        emails.send_factors_reset(user)
    except (SMTPException, OSError):
        later(tasks.tell_of_reset, user.pk)
