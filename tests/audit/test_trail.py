"""Adding to the trail, and what the application's own role in the database may not do with it."""

import psycopg
import pytest
from django.db import connection

from audit.models import Event
from audit.trail import origin, record
from tests import factories


def test_origin_holds_inside_its_block_only(db):
    person = factories.user()
    with origin(Event.Origin.CLOCK):
        assert record("test.inside", by=None, on=person).origin == "clock"
    assert record("test.after", by=None, on=person).origin == "command"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET verb = 'test.nothing'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_event_no_change ON audit_event",
        "DROP FUNCTION audit_event_append_only() CASCADE",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_has_no_right_to(statement, app_role_connection):
    person = factories.user()
    record("test.happened", by=person, on=person)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_role_connection.execute(statement)

    [[count]] = app_role_connection.execute("SELECT count(*) FROM audit_event").fetchall()
    assert count == 1


def test_the_application_may_read_and_add(app_role_connection):
    assert connection.settings_dict["USER"] != app_role_connection.info.user
    app_role_connection.execute(
        "INSERT INTO audit_event (occurred_at, verb, object_type, object_id, origin, data)"
        " VALUES (now(), 'test.happened', 'accounts.User', uuidv7(), 'web', '{}')"
    )

    assert Event.objects.get().verb == "test.happened"
