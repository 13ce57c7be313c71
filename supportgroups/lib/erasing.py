"""Lets a person's own data go that the database otherwise keeps as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection


@contextmanager
def erasing(person: UUID) -> Iterator[None]:
    """Within this block of a transaction, rows of this one person may be deleted.

    The triggers of `accounts_consent` and `outcomes_response` look at this setting. Only the
    actions that a person asks for use it: whatever else deletes is refused.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('supportgroups.erasing', %s, true)", [str(person)])
        yield
        cursor.execute("SELECT set_config('supportgroups.erasing', '', true)")
