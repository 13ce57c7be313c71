"""The purge follows the register: what a dry run shows is what goes, and nothing holds it up."""

import inspect
from datetime import timedelta
from importlib import import_module
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import StaffRole, User
from groups.models import Notice
from oversight.models import EmergencyAccess
from safeguarding.models import Concern
from screening.models import Application
from sessions.models import Entry, LineMessage, Message, Turn
from supportgroups import checks, retention
from supportgroups.checks import every_field_has_a_lifetime, every_lifetime_is_kept
from supportgroups.lib import lifetimes
from supportgroups.settings import BASE_DIR
from tests import factories


@pytest.fixture
def long_ago():
    return timezone.now() - timedelta(days=3000)


@pytest.fixture
def turns(group, member, long_ago):
    """Five turns to speak that nobody needs any more."""
    held = factories.support_session(group, status="ended", starts_at=long_ago)
    return [
        held.turns.create(user=factories.user(), kind="hand", position=place, asked_at=long_ago)
        for place in range(5)
    ]


def due() -> dict[str, int]:
    return {each.what: each.rows for each in retention.what_is_due() if each.rows}


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("purge", *arguments, stdout=out)
    return out.getvalue()


# What the register says --------------------------------------------------------------------------


def test_every_table_has_an_end():
    assert not [*every_field_has_a_lifetime(), *every_lifetime_is_kept()]


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        ({"since": "nothing"}, "no field nothing"),
        ({"rule": "sessions.rules.nothing", "since": "asked_at"}, "no function"),
        ({"rule": "sessions.rules.interventions_expired"}, "since when the time counts"),
        ({"for": "40 days", "since": "asked_at"}, "does not say '40 days'"),
        ({"for": "a while", "since": "asked_at"}, "Not a time"),
        ({"clears": "words", "since": "asked_at"}, "no field words"),
        ({"says": "groups.SupportGroup.nothing", "until": "x"}, "no field groups"),
        ({"command": "nothing"}, "no command"),
        ({"with": "outreach.Feed"}, "would not take it along"),
        ({"after": "asked_at"}, "cannot be read"),
        ({"for": "30 days"}, "nor anybody"),
    ],
    ids=str,
)
def test_a_promise_that_nobody_keeps_is_found(monkeypatch, keep, says):
    entry = lifetimes.register()["support_sessions.Turn"] | {"keep": keep}
    monkeypatch.setitem(lifetimes.register(), "support_sessions.Turn", entry)

    assert [error for error in every_lifetime_is_kept() if says in error.msg]


def test_a_table_without_an_end_is_found(monkeypatch):
    entry = dict(lifetimes.register()["support_sessions.Turn"])
    del entry["keep"]
    monkeypatch.setitem(lifetimes.register(), "support_sessions.Turn", entry)

    assert [error.id for error in every_field_has_a_lifetime()] == ["retention.E002"]


def test_every_rule_about_an_end_stands_in_the_register():
    named = {keep.rule for label in lifetimes.register() for keep in lifetimes.keeps(label)}
    for path in Path(BASE_DIR).glob("*/*rules.py"):
        module = f"{path.parent.name}.{path.stem}"
        for name, found in inspect.getmembers(import_module(module), inspect.isfunction):
            if name.endswith("_expired") and found.__module__ == module:
                assert f"{module}.{name}" in named


def test_libraries_tables_about_people_count():
    assert {"account.EmailAddress"} <= checks.models_to_register().keys()


# The purge ----------------------------------------------------------------------------------------


def test_a_dry_run_shows_what_goes_and_changes_nothing(turns, group, member, long_ago):
    factories.notice(group, member.user, made_at=long_ago)
    expected = {"support_sessions.Turn": 5, "groups.Notice": 1}

    shown = run("--dry-run")

    assert due() == expected
    assert f"5  support_sessions.Turn, oldest from {long_ago:%Y-%m-%d}" in shown
    assert "6  rows would go" in shown
    assert member.user.display_name not in shown

    done = {each.keep.label: each.rows for each in retention.purge() if each.rows}

    assert done == expected
    assert due() == {}
    assert not Turn.objects.exists()
    assert not Notice.objects.exists()
    assert "0  rows would go" in run("--dry-run")


def test_a_backlog_goes_in_batches_and_the_log_only_counts(turns, member, monkeypatch, caplog):
    monkeypatch.setattr(retention, "BATCH", 2)

    assert "5  support_sessions.Turn" in run()

    gone = [record for record in caplog.records if record.message == "purge.gone"]
    assert [(record.table, record.rows) for record in gone] == [("support_sessions.Turn", 5)]
    assert member.user.display_name not in caplog.text


def test_what_the_night_does_not_finish_waits_for_the_next(turns, monkeypatch, caplog):
    monkeypatch.setattr(retention, "BATCH", 2)
    turns_of_the_clock = iter([0.0, 1.0, 1e9])
    monkeypatch.setattr(retention, "monotonic", lambda: next(turns_of_the_clock))
    only = [keep for keep in retention.clocks() if keep.label == "support_sessions.Turn"]
    monkeypatch.setattr(retention, "clocks", lambda: only)

    [purged] = retention.purge(seconds=10)

    assert (purged.rows, purged.is_done, Turn.objects.count()) == (2, False, 3)
    assert "purge.unfinished" in caplog.messages
    retention.purge()
    assert not Turn.objects.exists()


def test_a_row_that_cannot_go_never_holds_up_the_others(turns, group, member, long_ago):
    factories.notice(group, member.user, made_at=long_ago)
    stuck = turns[2]
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'stuck'; END $$;"
            "CREATE TRIGGER stuck BEFORE DELETE ON support_sessions_turn FOR EACH ROW "
            f"WHEN (OLD.id = '{stuck.pk}') EXECUTE FUNCTION stuck()"
        )

    with pytest.raises(CommandError, match=r"Not everything could go: support_sessions\.Turn"):
        run()

    assert list(Turn.objects.all()) == [stuck]
    assert not Notice.objects.exists()


def test_a_clock_that_fails_never_stops_the_others(turns, monkeypatch, caplog):
    broken = lifetimes.Keep("groups.Notice", since="made_at", rule="groups.rules.nothing")
    monkeypatch.setattr(retention, "clocks", lambda clocks=retention.clocks: [broken, *clocks()])

    retention.purge()

    assert not Turn.objects.exists()
    assert "purge.part_failed" in caplog.messages


# Single clocks ------------------------------------------------------------------------------------


def test_what_those_who_led_wrote_goes_with_what_was_said(group, member, facilitator):
    now = timezone.now()
    for days in (29, 31):
        ended_at = now - timedelta(days=days)
        held = factories.support_session(
            group, status="ended", starts_at=ended_at - timedelta(hours=1), ended_at=ended_at
        )
        factories.message(held, member.user)
        held.line_messages.create(
            sender=facilitator.user,
            body=f"{days} days ago",
            sequence=1,
            client_id=uuid4(),
            sent_at=ended_at,
        )

    retention.purge()

    assert LineMessage.objects.get().body == "29 days ago"
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("days", "kept"), [(29, True), (31, False)])
def test_how_to_get_to_a_closed_group_is_forgotten(group, days, kept):
    group.lifecycle, group.address = "closed", "1 Harbour Street"
    group.lifecycle_changed_at = timezone.now() - timedelta(days=days)
    group.save()

    retention.purge()

    group.refresh_from_db()
    assert bool(group.address) is kept


@pytest.mark.parametrize(("years", "kept"), [(1, True), (3, False)])
def test_concerns_go_two_years_after_they_were_closed(db, years, kept):
    then = timezone.now() - timedelta(days=years * 365)
    factories.concern(opened_at=then, closed_at=then, closing_note="We talked.")
    factories.concern(opened_at=timezone.now() - timedelta(days=5 * 365))

    retention.purge()

    assert Concern.objects.count() == 1 + kept


def test_notices_and_looks_in_an_emergency_go(group, member):
    now = timezone.now()
    for days in (29, 31):
        factories.notice(group, factories.user(), made_at=now - timedelta(days=days))
    old = now - timedelta(days=6 * 365 + 1)
    factories.emergency_access(about=member.user, opened_at=old)
    factories.emergency_access(about=member.user)

    retention.purge()

    assert Notice.objects.count() == EmergencyAccess.objects.count() == 1


def test_roles_that_nobody_took_up_go(group, facilitator):
    asked_at = timezone.now() - timedelta(days=91)
    factories.staff_role(asked_at=asked_at)
    kept = [
        factories.staff_role(asked_at=timezone.now() - timedelta(days=89)),
        factories.staff_role(asked_at=asked_at, user=factories.user(last_login=timezone.now())),
        factories.staff_role(),
        # Groups wait for them: a coordinator decides.
        factories.staff_role(asked_at=asked_at, user=facilitator.user),
    ]

    retention.purge()

    found = StaffRole.objects.filter(pk__in=[role.pk for role in kept])
    assert found.count() == StaffRole.objects.exclude(asked_at=None).count() + 1


@pytest.mark.parametrize(
    ("has", "kept"),
    [
        ({}, False),
        ({"joined_at": timedelta(days=29)}, True),
        ({"last_login": timedelta(days=31)}, True),
        ({"is_superuser": True}, True),
    ],
    ids=str,
)
def test_accounts_that_nobody_confirmed_go(db, has, kept):
    now = timezone.now()
    times = {name: now - value for name, value in has.items() if isinstance(value, timedelta)}
    person = factories.user(**({"joined_at": now - timedelta(days=31)} | has | times))

    retention.purge()

    assert User.objects.filter(pk=person.pk).exists() is kept


def test_accounts_that_somebody_counts_on_stay(group):
    long_ago = timezone.now() - timedelta(days=31)
    factories.staff_role(user=factories.user(joined_at=long_ago))
    factories.membership(group=group, user=factories.user(joined_at=long_ago))
    factories.facilitator(group, user=factories.user(joined_at=long_ago))

    retention.purge()

    assert User.objects.filter(joined_at=long_ago).count() == 3


def test_words_about_a_second_look_go_and_the_request_stays(group):
    then = timezone.now() - timedelta(days=91)
    factories.application(
        group,
        user=factories.user(),
        status="referred",
        submitted_at=then,
        another_look_asked_at=then,
        another_look_words="You misread me.",
    )
    assert due()["screening.Application (another_look_words)"] == 1

    retention.purge()

    assert Application.objects.get().another_look_words == ""
    assert not Entry.objects.exists()
