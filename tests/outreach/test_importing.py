"""From a file to groups: each way a feed can change, and a worker that was killed."""

import json
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event as AuditEvent
from groups.models import SupportGroup
from outreach import actions, entries, importing, periodic, rules
from outreach.models import FeedEntry, Import
from supportgroups import retention
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db


def meeting(number, **fields):
    return {
        "name": f"Circle {number}",
        "slug": f"circle-{number}",
        "day": number % 7,
        "time": "19:00",
        "timezone": "Europe/London",
        "formatted_address": f"{number} High Street, Leeds LS1 1AA, UK",
        "location": "Library",
        "types": ["O", "D", "W"],
        **fields,
    }


@pytest.fixture
def organisation(db):
    made = factories.organisation()
    factories.staff_role(organisation=made, role="supervisor")
    return made


@pytest.fixture
def take(organisation):
    """Read these meetings and take them over. Returns outcome -> number of rows."""

    def _take(*meetings, confirmed=True, format="meeting-guide"):
        content = meetings[0] if format == "csv" else json.dumps(list(meetings)).encode()
        run = actions.start_import(
            organisation=organisation, format=format, content=content, by=None, is_done_here=True
        )
        importing.read(run.pk)
        actions.apply_import(run=run, by=None, is_confirmed=confirmed)
        importing.take_over(run.pk)
        run.refresh_from_db()
        assert run.state == "done", run.problem
        return {
            outcome: run.rows.filter(outcome=outcome).count()
            for outcome in ("new", "changed", "unchanged", "paused", "refused")
        }

    return _take


def group_of(number=1):
    return SupportGroup.objects.get(feed_entry__key=f"circle-{number}")


def test_a_new_group_has_everything_that_a_group_needs(take, organisation):
    assert take(meeting(1))["new"] == 1

    group = group_of()
    assert (group.lifecycle, group.admission, group.facilitation) == (
        "listed",
        "drop_in",
        "peer_led",
    )
    assert group.is_from_feed
    assert group.overseer is not None
    assert group.agreements.get().version == 1
    assert group.screening_forms.get().questions.filter(is_acknowledgement=True).exists()
    assert group.series.get().rrule == "FREQ=WEEKLY;BYDAY=MO"
    assert [topic.name for topic in group.topics.all()] == ["Women"]
    assert group.place == "Library, Leeds"
    assert "High Street" in group.address
    assert AuditEvent.objects.filter(verb="group.imported", object_id=group.pk).exists()
    assert AuditEvent.objects.get(verb="feed.imported").data["new"] == 1


def test_without_an_overseer_groups_are_drafts_and_listed_later(take, organisation):
    organisation.staff_roles.all().delete()
    take(meeting(1))
    assert group_of().lifecycle == "draft"

    factories.staff_role(organisation=organisation)
    assert take(meeting(1))["changed"] == 1
    assert group_of().lifecycle == "listed"
    assert take(meeting(1))["unchanged"] == 1


def test_who_has_not_signed_in_since_they_were_asked_oversees_nothing(organisation):
    [supervisor] = organisation.staff_roles.all()
    organisation.staff_roles.update(asked_at=timezone.now())
    coordinator = factories.staff_role(organisation=organisation).user
    factories.staff_role(organisation=organisation, user=supervisor.user)
    supervisor.user.joined_at = timezone.now() + timedelta(days=1)
    supervisor.user.save()

    assert rules.overseer_for(organisation) == coordinator, "who agreed to nothing is not first"
    organisation.staff_roles.filter(asked_at=None).delete()
    assert rules.overseer_for(organisation) is None


def test_importing_again_changes_nothing(take):
    take(meeting(1), meeting(2))
    before = list(SupportGroup.objects.order_by("pk").values())

    assert take(meeting(2), meeting(1))["unchanged"] == 2
    assert list(SupportGroup.objects.order_by("pk").values()) == before


def test_only_what_the_feed_gives_follows_the_feed(take):
    take(meeting(1))
    SupportGroup.objects.update(ground_rules="Ours. By hand.", capacity=9)

    assert take(meeting(1, name="Circle one", time="20:00", location="Town hall"))["changed"] == 1

    group = SupportGroup.objects.get()
    assert (group.name, group.place) == ("Circle one", "Town hall, Leeds")
    assert (group.ground_rules, group.capacity, group.slug) == ("Ours. By hand.", 9, "circle-1")
    assert f"{group.current_series().starts_at_time:%H:%M}" == "20:00"
    assert group.feed_entry.key == "circle-1"


def test_what_differs_is_named(take, organisation):
    take(meeting(1))
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(1, name="Other", time="20:00")]).encode(),
        by=None,
        is_done_here=True,
    )

    importing.read(run.pk)

    assert run.rows.get().reason == "Differs: name, when it meets."


def test_a_lost_group_pauses_and_comes_back(take):
    take(meeting(1), meeting(2), meeting(3))
    member = factories.member(group_of(3))

    assert take(meeting(1))["paused"] == 2
    assert [group_of(n).lifecycle for n in (1, 2, 3)] == ["listed", "paused", "paused"]
    assert group_of(3).notices.filter(user=member.user, kind="paused").exists()
    assert take(meeting(1)) == {"new": 0, "changed": 0, "unchanged": 1, "paused": 0, "refused": 0}

    assert take(meeting(1), meeting(2), meeting(3))["changed"] == 2
    assert [group_of(n).lifecycle for n in (1, 2, 3)] == ["listed"] * 3
    assert FeedEntry.objects.exclude(paused_from="").count() == 0


def test_what_staff_paused_or_closed_stays_so(take):
    take(meeting(1), meeting(2), meeting(3))
    SupportGroup.objects.filter(pk=group_of(1).pk).update(lifecycle="paused")
    SupportGroup.objects.filter(pk=group_of(2).pk).update(lifecycle="closed")

    take(meeting(3))
    take(meeting(1), meeting(2, time="20:00"), meeting(3))

    assert [group_of(n).lifecycle for n in (1, 2, 3)] == ["paused", "closed", "listed"]


def test_only_columns_that_the_feed_changed_are_written(take):
    take(meeting(1), meeting(2), meeting(3))

    with CaptureQueriesContext(connection) as queries:
        take(meeting(1, name="One"), meeting(2, time="20:00"), meeting(3, time="21:00"))

    changes = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "groups_supportgroup"')]
    assert len(changes) == 1
    assert "lifecycle" not in changes[0].partition("WHERE")[0]
    assert "overseer" not in changes[0].partition("WHERE")[0]


def test_what_staff_do_before_the_groups_are_locked_is_seen(take, organisation, monkeypatch):
    take(meeting(1), meeting(2))
    factories.member(group_of(2))
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(1, name="Other")]).encode(),
        by=None,
        is_done_here=True,
    )
    importing.read(run.pk)
    assert [row.outcome for row in run.rows.all()] == ["changed", "paused"]
    lock = importing._lock_groups

    def close_first(feed):
        SupportGroup.objects.filter(is_from_feed=True).update(lifecycle="closed")
        with CaptureQueriesContext(connection) as queries:
            lock(feed)
        assert "ORDER BY" in queries[0]["sql"]
        assert "FOR NO KEY UPDATE" in queries[0]["sql"]

    monkeypatch.setattr(importing, "_lock_groups", close_first)
    actions.apply_import(run=run, by=None)
    importing.take_over(run.pk)

    run.refresh_from_db()
    assert run.state == "ready", "it is planned again"
    assert [group_of(n).lifecycle for n in (1, 2)] == ["closed", "closed"]
    assert [row.reason for row in run.rows.all()] == ["The group is closed here and stays closed."]


def test_nobody_is_moved_who_is_no_longer_as_planned():
    group = factories.group(lifecycle="paused", is_from_feed=True)
    SupportGroup.objects.update(lifecycle="closed")

    importing._move_all([group], "listed", message="", by=None, at=timezone.now())

    group.refresh_from_db()
    assert group.lifecycle == "closed"


def test_a_group_whose_overseer_is_gone_stays_paused_until_there_is_another(take, organisation):
    take(meeting(1), meeting(2))
    member = factories.member(group_of(1))
    take(meeting(2))
    SupportGroup.objects.filter(pk=group_of(1).pk).update(overseer=None)
    roles = list(organisation.staff_roles.all())
    organisation.staff_roles.all().delete()

    assert take(meeting(1), meeting(2))["unchanged"] == 2
    assert (group_of(1).lifecycle, group_of(1).feed_entry.paused_from) == ("paused", "listed")
    assert not group_of(1).notices.filter(kind="resumed").exists()

    factories.staff_role(organisation=organisation, user=roles[0].user)
    assert take(meeting(1), meeting(2))["changed"] == 1
    assert (group_of(1).lifecycle, group_of(1).feed_entry.paused_from) == ("listed", "")
    assert group_of(1).notices.filter(user=member.user, kind="resumed").exists()


def test_a_group_that_peers_lead_now_pauses_while_nobody_oversees_it(take, organisation):
    row = "id,name,facilitation\ncircle-1,Circle,{}\n"
    take(row.format("professionally-led").encode(), format="csv")
    group = group_of()
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="listed")
    member = factories.member(group)
    organisation.staff_roles.all().delete()

    take(row.format("peer-led").encode(), format="csv")

    assert (group_of().lifecycle, group_of().facilitation) == ("paused", "peer_led")
    assert group_of().feed_entry.paused_from == "listed"
    assert group.notices.filter(user=member.user, kind="paused").exists()
    assert AuditEvent.objects.filter(verb="group.paused", object_id=group.pk).exists()


def test_what_staff_let_go_on_is_no_longer_paused_for_the_feed(take):
    take(meeting(1))
    take(meeting(1, types=["TC"]))
    SupportGroup.objects.filter(pk=group_of().pk).update(lifecycle="listed")

    take(meeting(1, types=["TC"]))

    assert group_of().feed_entry.paused_from == ""
    assert group_of().lifecycle == "listed"


def test_a_hall_that_closes_rests_the_group(take):
    take(meeting(1))
    take(meeting(1, types=["TC"]))
    assert group_of().lifecycle == "paused"

    take(meeting(1))
    assert group_of().lifecycle == "listed"
    take(meeting(2, types=["TC"]), meeting(1))
    assert group_of(2).lifecycle == "paused"
    assert take(meeting(2), meeting(1))["changed"] == 1
    assert group_of(2).lifecycle == "listed"


def test_a_refused_row_keeps_its_group(take):
    take(meeting(1), meeting(2))

    assert take(meeting(1, time="tea time"), meeting(2)) == {
        "new": 0, "changed": 0, "unchanged": 1, "paused": 0, "refused": 1,
    }  # fmt: skip
    assert group_of().lifecycle == "listed"


def test_meetings_that_share_a_slug_keep_their_groups_in_any_order(take):
    three = [meeting(1, day=day, notes=f"Day {day}") for day in (1, 3, 5)]
    assert take(*three)["new"] == 3
    assert take(*reversed(three))["unchanged"] == 3
    assert take(three[0], {**three[1], "notes": "Other"}, three[2])["changed"] == 1
    # One of them remains: it is that group, and the others pause.
    before = {entry.fingerprint: entry.group_id for entry in FeedEntry.objects.all()}
    assert take(three[2]) == {"new": 0, "changed": 0, "unchanged": 1, "paused": 2, "refused": 0}
    assert {entry.fingerprint: entry.group_id for entry in FeedEntry.objects.all()} == before


def test_a_slug_that_is_used_twice_later_leaves_the_first_group_alone(take):
    take(meeting(1))
    first = group_of()

    counted = take(meeting(1, day=0, name="A second"), meeting(1))

    assert counted == {"new": 1, "changed": 0, "unchanged": 1, "paused": 0, "refused": 0}
    assert group_of() == first


def test_groups_of_one_name_have_their_own_addresses(take):
    take(*(meeting(n, name="New") for n in range(1, 5)))

    slugs = set(SupportGroup.objects.values_list("slug", flat=True))
    assert len(slugs) == 4
    assert "new" not in slugs


def test_a_large_loss_must_be_confirmed(take):
    take(meeting(1), meeting(2), meeting(3))

    with pytest.raises(Refused, match="More than half"):
        take(meeting(1), confirmed=False)
    assert SupportGroup.objects.listed().count() == 3


def test_a_plan_on_an_older_state_is_made_again(organisation):
    runs = [
        actions.start_import(
            organisation=organisation,
            format="meeting-guide",
            content=json.dumps([meeting(1)]).encode(),
            by=None,
            is_done_here=True,
        )
        for _ in range(2)
    ]
    for run in runs:
        importing.read(run.pk)
    for run in runs:
        actions.apply_import(run=run, by=None)
        importing.take_over(run.pk)
        run.refresh_from_db()

    assert [run.state for run in runs] == ["done", "ready"]
    assert "Something changed" in runs[1].problem
    assert [row.outcome for row in runs[1].rows.all()] == ["unchanged"]
    assert SupportGroup.objects.filter(is_from_feed=True).count() == 1


def test_a_killed_reader_is_followed_by_another(organisation, monkeypatch):
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(n) for n in range(5)]).encode(),
        by=None,
        is_done_here=True,
    )
    monkeypatch.setattr(importing, "BATCH", 2)
    write = importing._write_rows

    def die(*args, done, **kwargs):
        write(*args, done=done, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "_write_rows", die)
    with pytest.raises(KeyboardInterrupt):
        importing.read(run.pk)
    monkeypatch.setattr(importing, "_write_rows", write)
    run.refresh_from_db()
    assert (run.state, run.progress, run.total) == ("reading", 2, 5)
    asked = []
    monkeypatch.setattr(periodic.tasks.read_import, "delay", asked.append)
    periodic.take_up_imports()
    assert asked == [], "who may still be at it is not disturbed"

    Import.objects.update(touched_at=timezone.now() - 2 * importing.SILENT)
    periodic.take_up_imports()
    importing.read(asked[0])

    run.refresh_from_db()
    assert (run.state, run.progress, run.content) == ("ready", 5, None)
    assert run.rows.count() == 5


def test_a_reader_shows_that_it_is_still_at_it_and_stops_when_dropped(organisation, monkeypatch):
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(n) for n in range(9)]).encode(),
        by=None,
        is_done_here=True,
    )
    monkeypatch.setattr(entries, "OFTEN", 4)
    touch, seen = importing._touch, []

    def watch(run, *, since):
        seen.append(since)
        if len(seen) == 2:
            Import.objects.update(state="dropped")
        return touch(run, since=since)

    monkeypatch.setattr(importing, "_touch", watch)
    importing.read(run.pk)

    run.refresh_from_db()
    assert seen[0] < seen[1] == run.touched_at
    assert (run.state, run.rows.count()) == ("dropped", 0)
    assert timedelta(seconds=periodic.tasks.read_import.time_limit) < importing.SILENT


def test_a_take_over_that_is_killed_changes_nothing_and_is_asked_for_again(
    organisation, monkeypatch
):
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(n) for n in range(5)]).encode(),
        by=None,
        is_done_here=True,
    )
    importing.read(run.pk)
    actions.apply_import(run=run, by=None)
    see = importing._see

    def die(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "_see", die)
    with pytest.raises(KeyboardInterrupt):
        importing.take_over(run.pk)
    monkeypatch.setattr(importing, "_see", see)
    assert not SupportGroup.objects.filter(is_from_feed=True).exists()

    Import.objects.update(touched_at=timezone.now() - timedelta(minutes=2))
    asked = []
    monkeypatch.setattr(periodic.tasks.take_over, "delay", asked.append)
    periodic.take_up_imports()
    importing.take_over(asked[0])

    assert SupportGroup.objects.filter(is_from_feed=True).count() == 5


def test_a_take_over_that_fails_can_be_tried_again(organisation, monkeypatch):
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=json.dumps([meeting(1)]).encode(),
        by=None,
        is_done_here=True,
    )
    importing.read(run.pk)
    actions.apply_import(run=run, by=None)
    monkeypatch.setattr(importing, "_see", lambda *args: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        importing.take_over(run.pk)

    run.refresh_from_db()
    assert run.state == "ready"
    assert "try again" in run.problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"<html>", "web page"), (b"[{}]", "No row"), (b"", "empty")],
)
def test_what_cannot_be_read_fails_with_a_reason(organisation, content, problem):
    run = actions.start_import(
        organisation=organisation,
        format="meeting-guide",
        content=content,
        by=None,
        is_done_here=True,
    )

    importing.read(run.pk)

    run.refresh_from_db()
    assert run.state == "failed"
    assert problem in run.problem
    assert run.content is None


def test_a_table_brings_groups_in(take):
    from tests.outreach.test_table import TABLE

    assert take(TABLE, format="csv") == {
        "new": 3, "changed": 0, "unchanged": 0, "paused": 0, "refused": 3,
    }  # fmt: skip
    biweekly = SupportGroup.objects.get(name="Biweekly circle")
    assert biweekly.current_series().rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"
    assert biweekly.lifecycle == "listed"
    led = SupportGroup.objects.get(name="Led by professionals")
    assert (led.lifecycle, led.capacity) == ("listed", 8)


def test_runs_are_deleted_after_30_days():
    old = factories.import_run(made_at=timezone.now() - timedelta(days=31))
    factories.import_run(feed=old.feed)

    retention.purge()

    assert Import.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", [actions.apply_import, actions.drop_import])
def test_nobody_waits_while_a_run_is_taken_over(verb):
    coordinator = factories.staff_role()
    run = factories.import_run(organisation=coordinator.organisation, state="applying")
    is_locked, is_over = Event(), Event()

    def worker():
        try:
            with transaction.atomic():
                Import.objects.select_for_update().get(pk=run.pk)
                is_locked.set()
                is_over.wait(20)
        finally:
            connection.close()

    thread = Thread(target=worker)
    thread.start()
    assert is_locked.wait(20)
    try:
        with pytest.raises(Refused, match="It is being taken over"):
            verb(run=run, by=coordinator.user)
        assert not is_over.is_set()
    finally:
        is_over.set()
        thread.join()
