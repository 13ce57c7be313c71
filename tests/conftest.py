"""The cast for every test. The services start in `tests/services.py`, before settings are read."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import settings

from supportgroups import embedded

pytest_plugins = ["tests.cast"]

# A busy machine is slow; that is no failure of a property.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each test database is a copy of the one that `tests/services.py` has migrated."""
    connection.settings_dict["TEST"]["TEMPLATE"] = embedded.DATABASE


#: Made with the migrations, and the same after every test.
KEPT_TABLES = {"django_content_type", "auth_permission"}


def _empty(
    self: DatabaseOperations, style: Any, tables: Iterable[str], **options: bool
) -> list[str]:
    """Statements that empty the tables which hold something.

    After most tests that is a handful of fifty, and TRUNCATE makes new files for each of them.
    """
    emptied = sorted(set(tables) - KEPT_TABLES)
    looks = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in emptied)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        filled = [table for (table,) in cursor.fetchall()]
    # No triggers and no foreign keys until the commit: the trail refuses to be emptied otherwise.
    return ["SET LOCAL session_replication_role = replica"] + [
        f'DELETE FROM "{table}"' for table in filled
    ]


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """What Django does after each test that commits takes a third of a second as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", _empty)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args, **options: None)
        yield
