"""The chain over the trail: whoever changes, removes or backdates something is found.

The tests tamper as the owner of the tables, with the triggers off. Nobody else could.
"""

import hashlib
import json
import logging
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from audit import chain, periodic
from audit.models import Event, Seal, TrailCheck
from audit.trail import record
from tests import factories

TABLES = ("audit_event", "audit_seal", "audit_trailcheck")


@pytest.fixture
def events(db):
    """Five sealed events, in the order of the chain."""
    person = factories.user()
    for number in range(5):
        record("test.happened", by=person, on=person, number=number)
    chain.seal_events()
    return list(Event.objects.order_by("pk"))


def tamper(statement, *values):
    """As the owner of the tables, with the triggers off."""
    with connection.cursor() as cursor:
        for switch in ("DISABLE", "ENABLE"):
            if switch == "ENABLE":
                cursor.execute(statement, values)
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} {switch} TRIGGER USER")


def test_every_event_is_sealed_once(events):
    assert [(seal.number, seal.event_id) for seal in Seal.objects.order_by("number")] == [
        (number, event.pk) for number, event in enumerate(events, start=1)
    ]
    assert chain.seal_events(everything=True) == 0
    verdict = chain.verify()
    assert (verdict.is_whole, verdict.sealed, verdict.head_number) == (True, 5, 5)


def test_a_hash_covers_the_event_and_the_hash_before(events):
    """As anybody can work it out, with what stands in the decision record."""
    first, second = Seal.objects.order_by("number")[:2]
    event = events[1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM audit_event WHERE id = %s", [event.pk])
        [data] = cursor.fetchone()
    fields = [
        str(event.pk),
        event.recorded_at.isoformat(timespec="microseconds"),
        event.occurred_at.isoformat(timespec="microseconds"),
        event.verb,
        str(event.actor_id),
        None,
        event.object_type,
        str(event.object_id),
        event.origin,
        data,
    ]
    covered = bytes(first.hash) + json.dumps(fields, ensure_ascii=False).encode()
    assert bytes(second.hash) == hashlib.sha256(covered).digest()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("verb", "test.other"),
        ("actor_id", None),
        ("organisation_id", "0198f000-0000-7000-8000-000000000000"),
        ("object_id", "0198f000-0000-7000-8000-000000000000"),
        ("object_type", "accounts.Other"),
        ("origin", "web"),
        ("occurred_at", "2020-01-01T00:00Z"),
        ("recorded_at", "2020-01-01T00:00Z"),
        ("data", '{"number": 2, "more": 1}'),
    ],
)
def test_a_changed_field_is_found(events, column, value):
    tamper(f"UPDATE audit_event SET {column} = %s WHERE id = %s", value, events[2].pk)
    verdict = chain.verify()
    assert verdict.breaks == 1
    assert f"Event {events[2].pk} (number 3) or its seal was changed" in verdict.found[0]


def test_a_removed_event_is_found(events):
    tamper("DELETE FROM audit_event WHERE id = %s", events[1].pk)
    assert f"Event {events[1].pk} (number 2) was removed after" in chain.verify().found[0]


def test_removed_seals_are_found(events):
    tamper("DELETE FROM audit_seal WHERE number IN (2, 3)")
    found = chain.verify().found
    assert "Seals 2 to 3 were removed" in found[0]
    # Put under the chain anew, the events still leave the gap.
    chain.seal_events(everything=True)
    assert "Seals 2 to 3 were removed" in chain.verify().found[0]


def test_an_event_removed_with_its_seal_is_found(events):
    tamper("DELETE FROM audit_event WHERE id = %s", events[1].pk)
    tamper("DELETE FROM audit_seal WHERE number = 2")
    tamper("UPDATE audit_seal SET number = number - 1 WHERE number = 3")
    assert "changed" in chain.verify().found[0]


def test_an_end_that_was_cut_off_is_found_by_the_next_check(events):
    assert chain.check_trail().is_whole
    tamper("DELETE FROM audit_event WHERE id = %s", events[4].pk)
    tamper("DELETE FROM audit_seal WHERE number = 5")
    assert chain.verify().found == ["Seal 5, which an earlier check found, was removed."]


def test_a_chain_made_anew_is_found_by_an_end_kept_elsewhere(events):
    """The owner rewrites everything, checks included. Only what stands elsewhere tells."""
    kept = chain.check_trail()
    tamper("UPDATE audit_event SET verb = 'test.other' WHERE id = %s", events[0].pk)
    tamper("DELETE FROM audit_seal")
    tamper("DELETE FROM audit_trailcheck")
    chain.seal_events()
    assert chain.verify().is_whole
    verdict = chain.verify(heads=[(kept.head_number, kept.head_hash)])
    assert verdict.found == ["Seal 5 is another than an earlier check found."]


def test_events_that_nobody_seals_are_found(events):
    before = timezone.now() - chain.SEALED_WITHIN - timedelta(seconds=1)
    Event.objects.create(
        recorded_at=before,
        occurred_at=before,
        verb="test.late",
        object_type="accounts.User",
        object_id=events[0].object_id,
        origin="web",
    )
    assert "1 event has no seal" in chain.verify().found[0]


def test_an_event_of_a_long_transaction_is_sealed_after_newer_ones(events):
    """Its key is older than the newest seal; only its place in the chain is later."""
    late = timezone.now() - timedelta(minutes=30)
    record("test.happened", by=None, on=factories.user(), at=late)
    assert chain.seal_events() == 1
    assert chain.verify().is_whole


def test_two_who_seal_at_once_make_one_chain(db):
    """While another holds the lock, this one leaves it to them and waits for nothing."""
    person = factories.user()
    record("test.happened", by=None, on=person)
    with psycopg.connect(**_parameters()) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [chain.LOCK])
        assert chain.seal_events() == 0
    assert chain.seal_events() == 1
    # Whoever held no lock is refused a second seal of the same number by the key.
    with pytest.raises(IntegrityError, match="audit_seal_pkey"), transaction.atomic():
        Seal.objects.bulk_create([Seal(number=1, event_id=person.pk, hash=bytes(32))])


def _parameters():
    """Of a connection of its own."""
    wanted = connection.get_connection_params()
    return {
        name: wanted[name]
        for name in ("dbname", "user", "password", "host", "port")
        if name in wanted
    }


def test_the_night_tells_operators_what_is_broken(events, caplog):
    with caplog.at_level(logging.INFO, logger="audit.periodic"):
        periodic.verify_trail()
        tamper("UPDATE audit_event SET verb = 'test.other' WHERE id = %s", events[2].pk)
        periodic.verify_trail()
    whole, broken = caplog.records
    assert (whole.message, whole.events) == ("trail.whole", 5)
    assert whole.head == f"5:{bytes(Seal.objects.get(number=5).hash).hex()}"
    assert (broken.message, broken.levelname, broken.places) == ("trail.broken", "CRITICAL", 1)
    assert broken.last_whole_at == chain.last_whole_check().checked_at.isoformat()


def test_the_command_says_what_is_broken(events):
    out, err = StringIO(), StringIO()
    call_command("verify_trail", stdout=out)
    head = out.getvalue().split()[-1]
    assert "The trail is whole: 5 events." in out.getvalue()
    call_command("verify_trail", "--head", head, stdout=out)
    with pytest.raises(CommandError, match=r"broken in 1 place\."):
        call_command("verify_trail", "--head", f"5:{'00' * 32}", stderr=err)
    assert "Seal 5 is another" in err.getvalue()


@pytest.mark.parametrize(
    ("table", "column"), [("audit_seal", "hash"), ("audit_trailcheck", "head_hash")]
)
def test_the_database_refuses_to_change_seals_and_checks(events, table, column):
    chain.check_trail()
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = ''"):
        with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
            connection.cursor().execute(change)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(right_name::text) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', "
            "'DELETE', 'TRUNCATE']) AS right_name "
            "WHERE has_table_privilege('supportgroups_app', %s, right_name)",
            [table],
        )
        assert cursor.fetchone() == (["SELECT", "INSERT"],)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("audit_seal_numbers_from_one", {"number": 0}),
        ("audit_seal_once_an_event", {"number": 6}),
    ],
)
def test_seals_are_constrained(events, name, fields):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Seal.objects.create(event_id=events[0].pk, hash=bytes(32), **fields)


def test_heads_of_checks_are_constrained(db):
    with pytest.raises(IntegrityError, match="audit_trailcheck_head_not_negative"):
        TrailCheck.objects.create(checked_at=timezone.now(), head_number=-1, head_hash=b"")
