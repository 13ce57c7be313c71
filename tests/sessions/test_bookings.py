"""A facilitator or a room is never booked twice at once, whoever asks at the same moment."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from groups.models import FacilitatorAssignment, SupportGroup
from sessions import actions, periodic, schedule_rules
from sessions.models import Booking, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TUESDAYS = {
    "rrule": "FREQ=WEEKLY;BYDAY=TU",
    "starts_on": date(2026, 3, 3),
    "starts_at_time": time(18, 30),
    "minutes": 90,
}


@pytest.fixture
def clock(db):
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def marigold(organisation):
    """Leads two groups in the same room."""
    return factories.staff_role(
        organisation=organisation, role="facilitator", user=factories.user(display_name="Marigold")
    ).user


@pytest.fixture
def two_groups(clock, organisation, marigold) -> list[SupportGroup]:
    groups = [
        factories.group(
            organisation=organisation,
            name=name,
            format="in_person",
            room=room,
        )
        for name, room in [("One", "Garden room"), ("Two", "garden ROOM")]
    ]
    for group in groups:
        factories.facilitator(group, user=marigold)
    return groups


def booked() -> set[tuple]:
    return {
        (each.support_session_id, each.room or each.facilitator.public_name)
        for each in Booking.objects.select_related("facilitator")
    }


def refused(call) -> Refused:
    with pytest.raises(Refused) as no:
        call()
    return no.value


def test_a_rhythm_books_the_facilitators_and_the_room(two_groups, coordinator):
    one, _ = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)

    sessions = one.support_sessions.all()
    assert booked() == {
        (each.pk, what) for each in sessions for what in ("Marigold", "Garden room")
    }
    first = sessions.order_by("starts_at").first()
    period = first.bookings.first().period
    assert (period.lower, period.upper) == (first.starts_at, first.ends_at)
    assert schedule_rules.not_booked(first) == []


def test_an_online_group_holds_no_room(clock, organisation, coordinator):
    group = factories.group(organisation=organisation, format="online", room="Garden room")
    actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)

    assert not Booking.objects.exists()


def test_a_rhythm_that_clashes_is_explained_before_and_refused(two_groups, coordinator, marigold):
    one, two = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    planned = TUESDAYS | {"starts_at_time": time(19)}

    found = schedule_rules.clashes_of_rhythm(group=two, by=coordinator.user, **planned)

    assert len(found) == 18
    assert {each.what for each in found} == {"Marigold", "Garden room"}
    assert "Marigold is leading another session for “One”: Tuesday 3 March, 6:30pm" in " ".join(
        map(str, found)
    )
    no = refused(lambda: actions.set_rhythm(group=two, by=coordinator.user, **planned))
    assert no.reason == "booked"
    assert no.message.startswith(str(found[0]))
    assert not two.series.exists()
    # The end is not part of a session.
    after = TUESDAYS | {"starts_at_time": time(20)}
    assert not schedule_rules.clashes_of_rhythm(group=two, by=coordinator.user, **after)
    actions.set_rhythm(group=two, by=coordinator.user, **after)


def test_a_draft_that_would_clash_is_told_while_it_is_planned(two_groups, coordinator):
    one, two = two_groups
    SupportGroup.objects.filter(pk=two.pk).update(lifecycle="draft")
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)

    assert (
        refused(
            lambda: actions.set_rhythm(
                group=SupportGroup.objects.get(pk=two.pk), by=coordinator.user, **TUESDAYS
            )
        ).reason
        == "booked"
    )


def test_a_rhythm_may_take_its_own_places(two_groups, coordinator):
    one, _ = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    earlier = TUESDAYS | {"starts_at_time": time(18)}

    assert not schedule_rules.clashes_of_rhythm(group=one, by=coordinator.user, **earlier)
    actions.set_rhythm(group=one, by=coordinator.user, **earlier)


def test_a_group_that_the_viewer_may_not_know_is_not_named(two_groups, clock, marigold):
    one, two = two_groups
    SupportGroup.objects.filter(pk=one.pk).update(lifecycle="paused")
    held = factories.support_session(one)
    Booking.objects.create(
        support_session=held,
        facilitator=marigold,
        organisation=one.organisation,
        period=(held.starts_at, held.ends_at),
    )
    [clash] = schedule_rules.clashes(group=two, times=[held], by=factories.user())

    assert clash.group_name == ""
    assert "One" not in str(clash)


def test_the_same_room_elsewhere_is_another(two_groups, coordinator, clock):
    one, _ = two_groups
    elsewhere = factories.group(format="in_person", room="Garden room")
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    actions.set_rhythm(group=elsewhere, by=None, **TUESDAYS)

    assert Booking.objects.filter(room="Garden room").count() == 18


def test_what_the_clock_makes_leaves_out_what_is_taken(two_groups, coordinator):
    one, two = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    series = factories.series(two, starts_on=date(2026, 3, 3))

    made = actions.make_sessions(series=series)

    assert len(made) == 9
    assert not Booking.objects.filter(support_session__group=two).exists()
    [first, *_] = schedule_rules.with_bookings(SupportSession.objects.filter(group=two))
    assert schedule_rules.not_booked(first) == ["Marigold", "garden ROOM"]


def test_a_move_onto_somebody_elses_time_is_refused_whole(two_groups, coordinator):
    one, two = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    actions.set_rhythm(
        group=two, by=coordinator.user, **TUESDAYS | {"rrule": "FREQ=WEEKLY;BYDAY=WE"}
    )
    before, taken = booked(), one.support_sessions.order_by("starts_at").first()
    moving = two.support_sessions.order_by("starts_at").first()

    no = refused(
        lambda: actions.move_session(
            support_session=moving,
            starts_at=taken.starts_at + timedelta(minutes=30),
            ends_at=taken.ends_at,
            by=coordinator.user,
        )
    )

    assert no.reason == "booked"
    assert "Marigold is leading another session for “One”: Tuesday 3 March, 6:30pm" in no.message
    assert booked() == before
    moving.refresh_from_db()
    assert moving.starts_at.day == 4


def test_a_restored_session_needs_its_people_again(two_groups, coordinator):
    one, two = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    off = one.support_sessions.order_by("starts_at").first()
    actions.cancel_session(support_session=off, by=coordinator.user)
    instead = actions.add_session(
        group=two, starts_at=off.starts_at, ends_at=off.ends_at, by=coordinator.user
    )
    assert instead.bookings.count() == 2

    no = refused(lambda: actions.restore_session(support_session=off, by=coordinator.user))

    assert no.reason == "booked"
    off.refresh_from_db()
    assert off.status == "cancelled"


def test_what_was_taken_is_booked_once_it_is_free(two_groups, coordinator):
    one, two = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    actions.make_sessions(series=factories.series(two, starts_on=date(2026, 3, 3)))
    assert not schedule_rules.behind_their_bookings(at=NOW)
    first = one.support_sessions.order_by("starts_at").first()
    actions.cancel_session(support_session=first, by=coordinator.user)

    periodic.book_what_is_free()

    [freed] = SupportSession.objects.filter(bookings__isnull=False, group=two).distinct()
    assert freed.starts_at == first.starts_at
    assert schedule_rules.not_booked(freed) == []
    assert not schedule_rules.behind_their_bookings(at=NOW)


def test_the_clock_books_each_group_by_itself(two_groups, coordinator, monkeypatch, caplog):
    """Several groups in one transaction could wait for ever for somebody who books them too."""
    for group in two_groups:
        rhythm = TUESDAYS | {"starts_at_time": time(10 if group == two_groups[0] else 18)}
        actions.set_rhythm(group=group, by=coordinator.user, **rhythm)
    Booking.objects.all().delete()
    book, booked_at_once = actions.book, []

    def note(group, support_sessions, **options):
        booked_at_once.append({each.group_id for each in support_sessions})
        if len(booked_at_once) == 1:
            raise OperationalError
        return book(group, support_sessions, **options)

    monkeypatch.setattr(actions, "book", note)
    periodic.book_what_is_free()

    assert sorted(booked_at_once, key=str) == sorted(({g.pk} for g in two_groups), key=str)
    assert Booking.objects.count() == 18, "the other group's, facilitator and room"
    assert "sessions.booking_failed" in caplog.messages
    periodic.book_what_is_free()
    assert Booking.objects.count() == 36


def test_the_end_of_a_day_off_books_group_by_group(two_groups, coordinator, monkeypatch):
    for group in two_groups:
        rhythm = TUESDAYS | {"starts_at_time": time(10 if group == two_groups[0] else 18)}
        actions.set_rhythm(group=group, by=coordinator.user, **rhythm)
    one = two_groups[0]
    starts_at = datetime(2026, 3, 10, 21, tzinfo=UTC)
    actions.add_session(
        group=one,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        by=coordinator.user,
    )
    day_off = actions.add_day_off(
        organisation=one.organisation,
        group=None,
        day=date(2026, 3, 10),
        name="Off",
        by=coordinator.user,
    )
    assert Booking.objects.count() == 32
    book, groups = actions.book, []

    def note(group, support_sessions, **options):
        groups.append(group.pk)
        return book(group, support_sessions, **options)

    monkeypatch.setattr(actions, "book", note)
    actions.delete_day_off(day_off=day_off, by=coordinator.user)

    assert groups == sorted(each.pk for each in two_groups)
    assert Booking.objects.count() == 38


def test_bookings_follow_the_groups_room(two_groups, coordinator):
    one, _ = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    SupportGroup.objects.filter(pk=one.pk).update(room="Cellar")
    periodic.book_what_is_free()
    assert set(Booking.objects.exclude(room="").values_list("room", flat=True)) == {"Cellar"}
    assert Booking.objects.filter(room="Cellar").count() == 9

    SupportGroup.objects.filter(pk=one.pk).update(format="online")
    periodic.book_what_is_free()
    assert not Booking.objects.exclude(room="").exists()
    assert Booking.objects.count() == 9


# Who leads ----------------------------------------------------------------------------------------


def test_whoever_leads_from_now_on_is_booked(clock, group, organisation, coordinator, marigold):
    actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)
    past = factories.support_session(group, status="ended")

    actions.assign_facilitator(
        group=group, user=marigold, is_lead=True, introduction="Leads.", by=coordinator.user
    )
    again = actions.assign_facilitator(
        group=group, user=marigold, is_lead=True, introduction="Leads well.", by=coordinator.user
    )

    assert Booking.objects.filter(facilitator=marigold).count() == 9
    assert not past.bookings.exists()
    assert FacilitatorAssignment.objects.get(user=marigold).introduction == "Leads well."

    other = factories.staff_role(organisation=organisation, role="facilitator").user
    actions.assign_facilitator(group=group, user=other, is_lead=True, by=coordinator.user)
    again.refresh_from_db()
    assert not again.is_lead

    lead = FacilitatorAssignment.objects.get(user=other)
    actions.unassign_facilitator(assignment=lead, by=coordinator.user)
    again.refresh_from_db()
    assert again.is_lead
    assert not Booking.objects.filter(facilitator=other).exists()

    assert (
        refused(lambda: actions.unassign_facilitator(assignment=again, by=coordinator.user)).reason
        == "last_one"
    )


def test_nobody_leads_two_sessions_at_once(two_groups, group, coordinator, marigold):
    one, _ = two_groups
    actions.set_rhythm(group=one, by=coordinator.user, **TUESDAYS)
    actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)

    no = refused(
        lambda: actions.assign_facilitator(
            group=group, user=marigold, is_lead=True, by=coordinator.user
        )
    )

    assert no.reason == "booked"
    assert "Marigold" in no.message
    assert not group.facilitator_assignments.filter(user=marigold).exists()


def test_who_can_lead(clock, group, organisation, coordinator, member, facilitator):
    assign = {"group": group, "is_lead": False}
    for user, by, reason in [
        (factories.user(), coordinator, "not_staff"),
        (member.user, coordinator, "not_staff"),
        (coordinator.user, facilitator, "not_coordinator"),
    ]:
        no = refused(
            lambda user=user, by=by: actions.assign_facilitator(user=user, by=by.user, **assign)
        )
        assert no.reason == reason
    factories.staff_role(user=member.user, organisation=organisation, role="facilitator")
    no = refused(
        lambda: actions.assign_facilitator(user=member.user, by=coordinator.user, **assign)
    )
    assert no.reason == "is_member"


def test_who_was_asked_can_lead_once_they_have_signed_in(clock, group, organisation, coordinator):
    person = factories.user(last_login=timezone.now() - timedelta(days=9))
    factories.staff_role(
        user=person, organisation=organisation, role="facilitator", asked_at=timezone.now()
    )

    assert person not in schedule_rules.may_lead(group)
    no = refused(
        lambda: actions.assign_facilitator(
            group=group, user=person, is_lead=False, by=coordinator.user
        )
    )
    assert no.reason == "not_staff"

    person.last_login = timezone.now() + timedelta(minutes=1)
    person.save()
    assert person in schedule_rules.may_lead(group)
    actions.assign_facilitator(group=group, user=person, is_lead=False, by=coordinator.user)


# At the same moment -------------------------------------------------------------------------------


@pytest.fixture
def world(transactional_db):
    """Two groups of one organisation with one facilitator and one room, on two weekdays."""
    organisation = factories.organisation()
    by = factories.staff_role(organisation=organisation).user
    leads = factories.staff_role(organisation=organisation, role="facilitator").user
    begin = timezone.now() + timedelta(days=2)
    held = []
    for number in range(2):
        group = factories.group(organisation=organisation, format="in_person", room="Hall")
        factories.facilitator(group, user=leads)
        starts_at = begin + timedelta(days=number)
        held.append(
            actions.add_session(
                group=group, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), by=by
            )
        )
    return by, leads, held


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", range(3))
def test_two_moves_to_one_time_book_once(world, turn):
    by, _, held = world
    to = timezone.now() + timedelta(days=10)

    def move(support_session):
        return lambda: actions.move_session(
            support_session=support_session, starts_at=to, ends_at=to + timedelta(hours=1), by=by
        )

    results = at_once(*(move(each) for each in held))

    no = [each for each in results if isinstance(each, Refused)]
    assert [each.reason for each in no] == ["booked"]
    assert SupportSession.objects.filter(starts_at=to).count() == 1
    assert Booking.objects.filter(period__contains=to).count() == 2
    assert Booking.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_sessions_added_at_one_time_book_once(world):
    by, leads, held = world
    to = timezone.now() + timedelta(days=10)

    results = at_once(
        *(
            lambda group=each.group: actions.add_session(
                group=group, starts_at=to, ends_at=to + timedelta(hours=1), by=by
            )
            for each in held
        )
    )

    assert all(isinstance(each, SupportSession) for each in results)
    assert Booking.objects.filter(facilitator=leads, period__contains=to).count() == 1
    assert Booking.objects.filter(room="Hall", period__contains=to).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_rhythm_a_move_a_day_off_and_the_clock_at_once(world):
    """Different doors, one order of locks: nobody waits for ever, nothing is made twice."""
    by, _, held = world
    group = held[0].group
    to = timezone.now() + timedelta(days=3, hours=5)
    starts_on = (timezone.now() + timedelta(days=1)).date()
    series = actions.set_rhythm(
        group=group,
        rrule="FREQ=DAILY;INTERVAL=3",
        starts_on=starts_on,
        starts_at_time=time(3),
        minutes=30,
        by=by,
    )

    results = at_once(
        lambda: actions.make_sessions(series=series, until=timezone.now() + timedelta(days=90)),
        lambda: actions.set_rhythm(
            group=group,
            rrule="FREQ=DAILY;INTERVAL=2",
            starts_on=starts_on,
            starts_at_time=time(4),
            minutes=30,
            by=by,
        ),
        lambda: actions.move_session(
            support_session=held[0], starts_at=to, ends_at=to + timedelta(hours=1), by=by
        ),
        lambda: actions.add_day_off(
            organisation=group.organisation,
            group=None,
            day=starts_on + timedelta(days=6),
            name="Off",
            by=by,
        ),
    )

    assert not any(isinstance(each, Exception) for each in results)
    scheduled = SupportSession.objects.filter(group=group, status="scheduled")
    times = list(scheduled.values_list("starts_at", flat=True))
    assert len(times) == len(set(times))
    assert not [each for each in times if each.date() == starts_on + timedelta(days=6)]
    assert Booking.objects.filter(support_session__status="cancelled").count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_who_name_the_facilitator_for_clashing_groups(world):
    by, _, held = world
    organisation = held[0].group.organisation
    newcomer = factories.staff_role(organisation=organisation, role="facilitator").user
    starts_at = timezone.now() + timedelta(days=20)
    groups = [factories.group(organisation=organisation) for _ in range(2)]
    for group in groups:
        actions.add_session(
            group=group, starts_at=starts_at, ends_at=starts_at + timedelta(hours=1), by=by
        )

    results = at_once(
        *(
            lambda group=group: actions.assign_facilitator(
                group=group, user=newcomer, is_lead=True, by=by
            )
            for group in groups
        )
    )

    assert len([each for each in results if isinstance(each, Refused)]) == 1
    assert FacilitatorAssignment.objects.filter(user=newcomer).count() == 1
    assert Booking.objects.filter(facilitator=newcomer).count() == 1
