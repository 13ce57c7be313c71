"""Asking for a copy, handing it out, and deleting it."""

import secrets
from datetime import datetime
from io import BytesIO
from zipfile import ZipFile

from django.db import transaction
from django.utils import timezone

from accounts.models import DataExport, User
from audit.trail import record, record_each
from supportgroups.lib.encryption import decrypt_bytes
from supportgroups.lib.later import later
from supportgroups.my_data import documents, making, rules, tasks


@transaction.atomic
def ask_for_export(*, by: User, at: datetime | None = None) -> DataExport:
    """Have a new copy made. Asking again while one is being made is asking once; one that is ready,
    or could not be made, gives way.
    """
    at = at or timezone.now()
    User.objects.select_for_update().get(pk=by.pk)
    before = DataExport.objects.select_for_update().filter(user=by).defer("content").first()
    if before is not None:
        if rules.state_of(before, at=at) in (rules.State.ASKED, rules.State.BEING_MADE):
            return before
        before.delete()
    export = DataExport.objects.create(user=by, nonce=secrets.token_hex(16), asked_at=at)
    record("data_export.asked", by=by, on=export, at=at)
    later(tasks.make_export, export.pk)
    return export


@transaction.atomic
def delete_export(*, by: User, at: datetime | None = None) -> None:
    """Delete the person's copy at once, ready or not. Its address opens nothing more."""
    found = DataExport.objects.select_for_update().filter(user=by).defer("content").first()
    if found is None:
        return
    record("data_export.deleted", by=by, on=found, at=at)
    found.delete()


@transaction.atomic
def hand_out(
    *, export: DataExport, kind: making.Kind, by: User, at: datetime | None = None
) -> bytes:
    """The copy for the person to keep; each time stands in the trail. Raises `DoesNotExist`."""
    found = DataExport.objects.get(pk=export.pk, user=by, expires_at__gt=at or timezone.now())
    content = decrypt_bytes(bytes(found.content or b""), bound_to=making.bound_to(found))
    record("data_export.downloaded", by=by, on=found, at=at, kind=kind.value)
    if kind is making.Kind.ALL:
        return content
    with ZipFile(BytesIO(content)) as files:
        return files.read(documents.DOCUMENT)


def delete_expired(*, by: User | None, at: datetime | None = None) -> int:
    """Delete copies whose time is over; returns how many."""
    at = at or timezone.now()
    with transaction.atomic():
        over = list(rules.exports_expired(at=at).select_for_update(skip_locked=True).only("pk"))
        record_each("data_export.deleted", by=by, on=over, at=at)
        return DataExport.objects.filter(pk__in=[export.pk for export in over]).delete()[0]
