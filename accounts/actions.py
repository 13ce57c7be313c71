"""What people do with their own account."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
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
