"""What people do with their own account, and how an organisation begins."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts import rules
from accounts.models import Organisation, StaffRole, User
from audit.trail import record
from supportgroups.lib.refusals import Refused


@transaction.atomic
def open_account(*, user: User, at: datetime | None = None) -> User:
    """Keep a new person, who has just typed their address. Nobody else can do it for them."""
    at = at or timezone.now()
    user.joined_at = at
    user.save()
    record("account.opened", by=user, on=user, at=at)
    return user


@transaction.atomic
def change_profile(
    *, user: User, by: User, at: datetime | None = None, **changes: str | bool
) -> User:
    """Change one's own settings. `changes` are fields of `User`; the trail keeps only their names.

    Raises `Refused` for anybody else's. Nothing changed leaves no event.
    """
    if user.pk != by.pk:
        raise Refused("not_yours", "Only the person themselves can change this.")
    user = User.objects.select_for_update().get(pk=user.pk)
    changed = sorted(name for name, value in changes.items() if getattr(user, name) != value)
    if changed:
        for name in changed:
            setattr(user, name, changes[name])
        user.save(update_fields=changed)
        record("profile.changed", by=by, on=user, at=at, fields=changed)
    return user


@transaction.atomic
def create_organisation(
    *,
    name: str,
    coordinator: str,
    by: User | None,
    time_zone: str,
    country: str,
    at: datetime | None = None,
) -> Organisation:
    """A new organisation with its first coordinator, named by e-mail address, who is on call.

    Who has no account yet gets one, and signs in with a code sent to the address. `by` is None
    for the operator's command.
    """
    at = at or timezone.now()
    rules.check_name_is_free(name)
    organisation = Organisation.objects.create(
        name=name,
        slug=slugify(name)[:60].strip("-"),
        time_zone=time_zone,
        country=country,
    )
    person = User.objects.filter(email__iexact=coordinator).first()
    if person is None:
        person = User.objects.create_user(
            coordinator, time_zone=time_zone, country=country, joined_at=at
        )
        record("account.opened", by=by, on=person, at=at)
    StaffRole.objects.create(
        user=person,
        organisation=organisation,
        role=StaffRole.Role.COORDINATOR,
        on_call_position=1,
    )
    record("organisation.created", by=by, on=organisation, organisation=organisation.pk, at=at)
    return organisation
