"""The trail only grows."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit.models import Event
from audit.trail import origin, record
from tests import factories


@pytest.fixture
def event(db):
    person = factories.user()
    return record("membership.applied", by=person, on=person, before="x")


def test_an_event_says_who_what_and_from_where(event):
    assert (event.verb, event.object_type, event.origin) == (
        "membership.applied",
        "accounts.User",
        "command",
    )
    with origin("web"):
        assert record("x", by=None, on=factories.user()).origin == "web"


@pytest.mark.parametrize(
    "change",
    [
        lambda event: Event.objects.filter(pk=event.pk).update(verb="other"),
        lambda event: event.delete(),
        lambda event: Event.objects.all().delete(),
    ],
)
def test_the_database_refuses_change(event, change):
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        change(event)
    assert Event.objects.filter(pk=event.pk, verb="membership.applied").exists()


def test_origins_are_known(db):
    person = factories.user()
    with pytest.raises(IntegrityError, match="audit_event_origin_known"), transaction.atomic():
        Event.objects.create(
            occurred_at=person.joined_at,
            verb="x",
            object_type="y",
            object_id=person.pk,
            origin="nowhere",
        )


def test_the_application_role_may_only_read_and_add(event):
    """The role that web and worker use, whatever the trigger says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bool_or(has_table_privilege('supportgroups_app', 'audit_event', right_name)) "
            "FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS right_name"
        )
        assert cursor.fetchone() == (False,)
        cursor.execute(
            "SELECT bool_and(has_table_privilege('supportgroups_app', 'audit_event', right_name)) "
            "FROM unnest(ARRAY['SELECT', 'INSERT']) AS right_name"
        )
        assert cursor.fetchone() == (True,)
