"""Old events go in their time, and what stays can still be verified."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from audit import chain, cutting
from audit.models import Anchor, Event, Seal, TrailCheck
from audit.trail import record
from tests import factories

OLD = timezone.now() - timedelta(days=6 * 365 + 1)


@pytest.fixture
def events(db):
    """Five sealed events, of which three are older than they are kept."""
    person = factories.user()
    for number in range(5):
        record("test.happened", by=person, on=person, number=number)
    chain.seal_events()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_seal DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_seal SET sealed_at = %s WHERE number <= 3", [OLD])
        cursor.execute("ALTER TABLE audit_seal ENABLE TRIGGER USER")
    return list(Event.objects.order_by("pk"))


def run(*arguments):
    out = StringIO()
    call_command("purge_trail", *arguments, stdout=out)
    return out.getvalue()


def test_old_events_go_and_the_rest_verifies(events, monkeypatch):
    monkeypatch.setattr(cutting, "BATCH", 2)
    end = chain.verify()
    assert "3 events would go" in run("--dry-run")
    assert Event.objects.count() == 5

    assert "3 events are gone." in run()

    assert list(Event.objects.order_by("pk")) == events[3:]
    assert [seal.number for seal in Seal.objects.order_by("number")] == [4, 5]
    assert Anchor.objects.get().number == 3
    verdict = chain.verify(heads=[(end.head_number, end.head_hash)])
    assert (verdict.is_whole, verdict.sealed, verdict.head) == (True, 2, end.head)
    record("test.happened", by=None, on=factories.user())
    chain.seal_events()
    assert chain.verify().head_number == 6
    assert "0 events are gone." in run()


def test_changed_events_and_anchors_are_found_afterwards(events):
    run()
    with connection.cursor() as cursor:
        for table, change in (("event", "verb = 'x'"), ("anchor", "hash = sha256('x')")):
            with transaction.atomic():
                cursor.execute(f"ALTER TABLE audit_{table} DISABLE TRIGGER USER")
                cursor.execute(f"UPDATE audit_{table} SET {change}")
                assert not chain.verify().is_whole
                transaction.set_rollback(True)
    assert chain.verify().is_whole


def test_an_anchor_that_is_not_what_was_found_before_is_told(events):
    TrailCheck.objects.create(checked_at=timezone.now(), head_number=3, head_hash=bytes(32))
    cutting.cut(timezone.now() - timedelta(days=365))
    assert any("where the chain begins" in sentence for sentence in chain.verify().found)


def test_broken_stretches_stay(events):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_event SET verb = 'x' WHERE id = %s", [events[1].pk])
        cursor.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")

    with pytest.raises(CommandError, match="broken at 2"):
        run()

    assert Event.objects.count() == 5


def test_the_newest_seal_never_goes(events):
    assert cutting.due(timezone.now() + timedelta(days=1)) == 4


def test_younger_events_never_go(events):
    with pytest.raises(CommandError, match="still kept"):
        run("--before", "2026-01-01")


def test_nobody_but_the_owner_deletes(events):
    with connection.cursor() as cursor:
        for table in ("audit_event", "audit_seal", "audit_trailcheck", "audit_anchor"):
            cursor.execute("SELECT has_table_privilege('supportgroups_app', %s, 'DELETE')", [table])
            assert cursor.fetchone() == (False,), table
        cursor.execute("SELECT has_table_privilege('supportgroups_app', 'audit_anchor', 'INSERT')")
        assert cursor.fetchone() == (False,)
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        Event.objects.all().delete()


def test_an_anchor_has_a_number_and_never_changes(db):
    with pytest.raises(IntegrityError, match="audit_anchor_numbers_from_one"), transaction.atomic():
        Anchor.objects.create(number=0, hash=bytes(32))
    Anchor.objects.create(number=3, hash=bytes(32))
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        Anchor.objects.update(number=4)
