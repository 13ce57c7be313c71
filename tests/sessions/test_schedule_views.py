"""The pages about when a group meets, who leads it and what a session is like."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.urls import reverse

from groups.models import FacilitatorAssignment
from sessions import actions
from sessions.models import AgendaTemplateItem, Booking, DayOff, Series, SupportSession
from tests import factories
from tests.cast import signed_in

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
HTMX = {"HX-Request": "true"}
WEEKLY = {
    "pattern": "weekly",
    "interval": "2",
    "weekdays": ["TU"],
    "starts_on": "2026-11-24",
    "starts_at_time": "18:30",
    "minutes": "90",
}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def planned(group, coordinator):
    """Every 2 weeks on Tuesday at 18:30: four sessions are made."""
    actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 30),
        minutes=90,
        by=coordinator.user,
    )
    return list(SupportSession.objects.order_by("starts_at"))


def address(name, *args) -> str:
    return reverse(f"sessions:{name}", args=args)


def page(response, status=200) -> str:
    assert response.status_code == status, response
    return " ".join(response.content.decode().split())


# The rhythm ---------------------------------------------------------------------------------------


def test_schedule_saves_a_first_rhythm_and_goes_on(coordinator, group):
    response = coordinator.client.post(address("schedule", group.slug), WEEKLY)

    assert response.status_code == 302
    assert response["Location"] == address("facilitators", group.slug)
    assert group.series.get().rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"
    assert group.support_sessions.count() == 4


def test_schedule_stays_and_shows_the_dates(coordinator, group):
    response = coordinator.client.post(
        address("schedule", group.slug), WEEKLY | {"stay": "1"}, follow=True
    )
    shown = page(response)

    assert "Saved: Every 2 weeks on Tuesday." in shown
    assert "Tuesday 24 November" in shown
    assert "Tuesday 8 December" in shown
    assert "All times are <span>London</span> time, the group’s own zone." in shown


def test_schedule_shows_the_dates_without_saving(coordinator, group):
    where = address("schedule", group.slug)
    whole = page(coordinator.client.post(where, WEEKLY | {"show": "1"}))
    part = page(coordinator.client.post(where, WEEKLY | {"show": "1"}, headers=HTMX))

    for shown in (whole, part):
        assert "The dates would be" in shown
        assert "Tuesday 8 December" in shown
    assert "<html" in whole
    assert "<html" not in part
    assert not Series.objects.exists()


def test_schedule_shows_what_is_missing_beside_the_dates(coordinator, group):
    shown = page(
        coordinator.client.post(
            address("schedule", group.slug),
            WEEKLY | {"show": "1", "starts_on": "2026-02-31"},
            headers=HTMX,
        )
    )

    assert "Something is missing to work them out:" in shown
    assert "This date does not exist." in shown


def test_schedule_names_daylight_saving_and_days_off(coordinator, group):
    DayOff.objects.create(organisation=group.organisation, day=date(2027, 3, 21), name="Spring day")
    typed = {"weekdays": ["SU"], "interval": "1", "starts_on": "2027-03-14"}

    shown = page(
        coordinator.client.post(
            address("schedule", group.slug),
            WEEKLY | typed | {"starts_at_time": "01:30", "show": "1"},
        )
    )

    assert "On Sunday 28 March 2027 the time 01:30 does not exist." in shown
    assert "The session starts at 02:30." in shown
    assert "Sunday 21 March 2027: Spring day" in shown
    assert "The clocks go forward" in shown


def test_schedule_keeps_the_clock_of_the_group_for_a_reader_elsewhere(coordinator, group):
    coordinator.user.time_zone = "Australia/Sydney"
    coordinator.user.save()

    shown = page(coordinator.client.post(address("schedule", group.slug), WEEKLY | {"show": "1"}))

    assert "Tuesday 24 November" in shown
    assert "6:30pm" in shown
    assert "Sydney" not in shown.split('id="coming-dates"')[1].split("</section>")[0]


def test_schedule_explains_a_clash_and_saves_nothing(coordinator, facilitator, group, organisation):
    other = factories.group(organisation=organisation, name="Morning circle")
    factories.facilitator(other, user=facilitator.user)
    actions.set_rhythm(
        group=other,
        rrule="FREQ=WEEKLY;BYDAY=TU",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 0),
        minutes=60,
        by=coordinator.user,
    )

    shown = page(coordinator.client.post(address("schedule", group.slug), WEEKLY))

    assert "Facilitator is leading another session for “Morning circle”" in shown
    assert "<title>Error:" in shown
    assert not group.series.exists()


def test_schedule_changes_this_and_all_following(coordinator, member, facilitator, group, planned):
    where = address("schedule", group.slug)
    shown = page(coordinator.client.get(f"{where}?from={planned[2].pk}"))
    assert "<b>4 sessions are planned.</b> 2 people, members and facilitators, get an e-mail" in (
        shown
    )
    assert f'value="{planned[2].pk}" selected' in shown

    response = coordinator.client.post(
        where,
        WEEKLY
        | {"from_session": planned[2].pk, "starts_on": "2026-12-23", "weekdays": ["WE"]}
        | {"stay": "1"},
        follow=True,
    )

    assert "Everybody concerned gets an e-mail about it." in page(response)
    now = {session.pk: session.starts_at for session in SupportSession.objects.all()}
    assert [now[session.pk] for session in planned[:2]] == [s.starts_at for s in planned[:2]]
    assert now[planned[2].pk] == datetime(2026, 12, 23, 18, 30, tzinfo=UTC)
    assert now[planned[3].pk] == datetime(2027, 1, 6, 18, 30, tzinfo=UTC)


def test_schedule_saved_unchanged_tells_nobody(coordinator, member, group, planned):
    typed = WEEKLY | {
        "from_session": planned[0].pk,
        "nth": "1",
        "weekday": "TU",
        "months": "1",
        "rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    }

    response = coordinator.client.post(address("schedule", group.slug), typed, follow=True)

    assert "Nothing changed" in page(response)
    assert group.series.count() == 1


def test_schedule_keeps_the_number_of_sessions_of_a_course(coordinator, organisation):
    course = factories.group(organisation=organisation, attendance="closed")

    coordinator.client.post(address("schedule", course.slug), WEEKLY | {"sessions": "6"})

    course.refresh_from_db()
    assert course.course_sessions == 6
    assert course.series.get().rrule.endswith(";COUNT=6")


def test_schedule_is_for_coordinators_of_the_group(facilitator, other_coordinator, group):
    where = address("schedule", group.slug)

    assert facilitator.client.get(where).status_code == 403
    assert other_coordinator.client.get(where).status_code == 404


# What a session is like ---------------------------------------------------------------------------

PARTS = {
    "meeting_format": "open_discussion",
    "count": "2",
    "title_1": "Arriving",
    "note_1": "Tea",
    "minutes_1": "20",
    "title_2": "Talking",
    "note_2": "",
    "minutes_2": "70",
}


def test_agenda_template_begins_with_the_usual_parts(coordinator, group):
    shown = page(coordinator.client.get(address("agenda_template", group.slug)))

    assert 'value="Welcome and ground rules"' in shown
    assert "The parts take <b>90 minutes</b>. A session lasts 90 minutes." in shown
    assert not group.agenda_template.exists()


def test_agenda_template_saves_parts_and_format(coordinator, group, planned):
    response = coordinator.client.post(address("agenda_template", group.slug), PARTS)

    assert response["Location"] == address("schedule", group.slug)
    group.refresh_from_db()
    assert group.meeting_format == "open_discussion"
    kept = [(p.position, p.title, p.note, p.minutes) for p in group.agenda_template.all()]
    assert kept == [(1, "Arriving", "Tea", 20), (2, "Talking", "", 70)]
    assert [item.title for item in planned[0].agenda.all()] == ["Arriving", "Talking"]


def test_agenda_template_rearranges_without_saving(coordinator, group):
    where = address("agenda_template", group.slug)
    whole = page(coordinator.client.post(where, PARTS | {"do": "up-2"}))
    part = page(coordinator.client.post(where, PARTS | {"do": "up-2"}, headers=HTMX))

    for shown in (whole, part):
        assert shown.index('value="Talking"') < shown.index('value="Arriving"')
        assert "Not saved yet." in shown
    assert "<html" not in part
    assert not AgendaTemplateItem.objects.exists()


def test_agenda_template_adds_the_minutes_up(coordinator, group):
    where = f"{address('agenda_template', group.slug)}?total"
    shown = page(coordinator.client.post(where, PARTS | {"minutes_2": "80"}, headers=HTMX))

    assert "The parts take <b>100 minutes</b>" in shown
    assert "Make parts shorter, or sessions longer." in shown
    assert "Arriving" not in shown
    assert not group.agenda_template.exists()


def test_agenda_template_keeps_what_was_typed_on_an_error(coordinator, group):
    shown = page(
        coordinator.client.post(address("agenda_template", group.slug), PARTS | {"title_2": ""})
    )

    assert "Write what part 2 is called." in shown
    assert 'value="Arriving"' in shown


# Who leads ----------------------------------------------------------------------------------------


@pytest.fixture
def marigold(organisation):
    person = factories.user(display_name="Marigold")
    factories.staff_role(user=person, organisation=organisation, role="facilitator")
    return person


def test_facilitators_adds_changes_and_removes(coordinator, facilitator, group, marigold, planned):
    where = address("facilitators", group.slug)
    coordinator.client.post(
        where, {"user": marigold.pk, "role": "second", "introduction": "Leads since 2024"}
    )
    assignment = FacilitatorAssignment.objects.get(user=marigold)
    assert (assignment.is_lead, assignment.introduction) == (False, "Leads since 2024")
    assert marigold.bookings.count() == 4

    shown = page(coordinator.client.get(f"{where}?change={assignment.pk}"))
    assert "Change how Marigold leads" in shown
    assert 'value="Leads since 2024"' in shown
    coordinator.client.post(where, {"user": marigold.pk, "role": "lead"})
    assert list(group.facilitator_assignments.filter(is_lead=True)) == [assignment]

    response = coordinator.client.post(where, {"remove": assignment.pk}, follow=True)
    assert "Marigold does not lead this group any more." in page(response)
    assert not marigold.bookings.exists()


def test_facilitators_keeps_the_last_one_of_a_listed_group(coordinator, facilitator, group):
    response = coordinator.client.post(
        address("facilitators", group.slug),
        {"remove": group.facilitator_assignments.get().pk},
        follow=True,
    )

    assert "Name somebody else first" in page(response)
    assert group.facilitator_assignments.exists()


def test_facilitators_explains_a_clash(coordinator, group, marigold, planned, organisation):
    other = factories.group(organisation=organisation, name="Morning circle")
    actions.assign_facilitator(group=other, user=marigold, is_lead=True, by=coordinator.user)
    actions.set_rhythm(
        group=other,
        rrule="FREQ=WEEKLY;BYDAY=TU",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 0),
        minutes=60,
        by=coordinator.user,
    )

    shown = page(
        coordinator.client.post(
            address("facilitators", group.slug), {"user": marigold.pk, "role": "second"}
        )
    )

    assert "Marigold is leading another session for “Morning circle”" in shown
    assert "Tuesday 24 November, 6pm, London time" in shown
    assert not group.facilitator_assignments.filter(user=marigold).exists()


def test_facilitators_advises_a_second_person_above_eight_places(coordinator, facilitator, group):
    where = address("facilitators", group.slug)
    assert "Above 8 we advise a co-facilitator" in page(coordinator.client.get(where))

    group.capacity = 8
    group.save()

    assert "Above 8" not in page(coordinator.client.get(where))


def test_facilitators_offers_neither_members_nor_people_of_others(
    coordinator, group, marigold, other_coordinator
):
    factories.member(group, user=marigold)
    where = address("facilitators", group.slug)
    shown = page(coordinator.client.get(where))

    assert "Marigold" not in shown
    assert "Other coordinator" not in shown
    for person in (marigold, other_coordinator.user):
        shown = page(coordinator.client.post(where, {"user": person.pk, "role": "lead"}))
        assert "This person cannot lead the group." in shown


def test_facilitators_of_an_organisation_without_any(group, db):
    group.organisation.staff_roles.all().delete()
    alone = signed_in(factories.user())
    factories.staff_role(user=alone.user, organisation=group.organisation)
    factories.member(group, user=alone.user)

    shown = page(alone.client.get(address("facilitators", group.slug)))

    assert "can lead a group yet" in shown


# Dates --------------------------------------------------------------------------------------------


def test_session_list_shows_what_comes_and_what_is_missing(facilitator, group, planned):
    Booking.objects.filter(support_session=planned[0]).delete()
    actions.cancel_session(support_session=planned[1], by=facilitator.user, note="Snow")
    actions.move_session(
        support_session=planned[2],
        starts_at=planned[2].starts_at + timedelta(days=1),
        ends_at=planned[2].ends_at + timedelta(days=1),
        by=facilitator.user,
    )

    shown = page(facilitator.client.get(address("session_list", group.slug)))

    assert "Every 2 weeks on Tuesday" in shown
    assert "Cancelled" in shown
    assert "Snow" in shown
    assert "It was on <time" in shown
    assert "Not booked" in shown
    assert "Change the rhythm" not in shown, "a facilitator does not plan"


def test_session_list_of_a_group_without_dates(coordinator, facilitator, group):
    where = address("session_list", group.slug)

    assert "Choose when it meets" in page(coordinator.client.get(where))
    assert "A coordinator says how often the group meets." in page(facilitator.client.get(where))
    assert "No session has been yet." in page(facilitator.client.get(f"{where}?past=1"))


def test_session_list_of_the_past(facilitator, group):
    factories.support_session(group, status="ended")
    factories.support_session(group, starts_at=NOW - timedelta(days=3))

    shown = page(facilitator.client.get(f"{address('session_list', group.slug)}?past=1"))

    assert "Held" in shown
    assert "Did not take place" in shown


def test_session_list_takes_the_same_queries_for_one_and_many(
    facilitator, group, django_assert_max_num_queries
):
    for day in range(1, 30):
        factories.support_session(group, starts_at=NOW + timedelta(days=day))

    with django_assert_max_num_queries(20):
        shown = page(facilitator.client.get(address("session_list", group.slug)))
    assert "Page 1 of 2" in shown


def test_session_list_adds_one_more_session(facilitator, group):
    where = address("session_list", group.slug)
    typed = {"day": "2026-12-01", "starts_at_time": "10:00", "minutes": "60"}

    facilitator.client.post(where, typed)
    assert group.support_sessions.get().starts_at == datetime(2026, 12, 1, 10, 0, tzinfo=UTC)

    shown = page(facilitator.client.post(where, typed | {"day": "2026-11-01"}))
    assert "This day is over." in shown
    shown = page(facilitator.client.post(where, typed | {"day": "2026-11-20"}))
    assert "Choose a time that is still to come." in shown


@pytest.mark.parametrize("day", ["2029-01-01", "9999-12-31"])
def test_no_day_is_farther_away_than_two_years(facilitator, coordinator, group, planned, day):
    time_and_length = {"starts_at_time": "23:59", "minutes": "60"}
    doors = [
        (address("session_list", group.slug), {"day": day} | time_and_length),
        (
            address("session_change", planned[0].pk),
            {"do": "move", "scope": "one", "day": day} | time_and_length,
        ),
        (
            address("days_off", group.organisation.slug),
            {"do": "day", "day": day, "name": "A slip of the hand"},
        ),
    ]

    for where, typed in doors:
        shown = page(coordinator.client.post(where, typed))
        assert "This is far away. Choose a day within the next two years." in shown
    assert group.support_sessions.count() == len(planned)
    assert not DayOff.objects.exists()


@pytest.mark.parametrize("day", [date(9999, 6, 1), date(9999, 12, 31)])
def test_a_day_off_at_the_end_of_the_calendar_is_shown_and_undone(
    coordinator, organisation, group, planned, day
):
    """From a time when such days were not refused yet."""
    day_off = DayOff.objects.create(organisation=organisation, day=day, name="Far away")
    where = address("days_off", organisation.slug)
    assert "Far away" in page(coordinator.client.get(where))

    response = coordinator.client.post(address("day_off_delete", day_off.pk), follow=True)

    assert "No day off is planned yet." in page(response)
    assert group.support_sessions.count() == len(planned)


def test_session_list_adds_no_session_twice(facilitator, group):
    where = address("session_list", group.slug)
    typed = {"day": "2026-12-01", "starts_at_time": "10:00", "minutes": "60"}

    facilitator.client.post(where, typed)
    shown = page(facilitator.client.post(where, typed))

    assert "This group has another session at that time." in shown
    assert group.support_sessions.count() == 1


def test_session_list_adds_none_to_a_paused_group(facilitator, group):
    group.lifecycle = "paused"
    group.save()
    typed = {"day": "2026-12-01", "starts_at_time": "10:00", "minutes": "60"}

    shown = page(facilitator.client.post(address("session_list", group.slug), typed))

    assert "This group pauses at the moment." in shown
    assert 'value="10:00"' in shown, "what was typed stays"
    assert not group.support_sessions.exists()


def test_session_list_says_who_is_taken(facilitator, group, organisation):
    other = factories.group(organisation=organisation)
    factories.facilitator(other, user=facilitator.user)
    typed = {"day": "2026-12-01", "starts_at_time": "10:00", "minutes": "60"}
    facilitator.client.post(address("session_list", other.slug), typed)

    shown = page(facilitator.client.post(address("session_list", group.slug), typed))

    assert f"{facilitator.user.public_name} is leading another session" in shown
    assert not group.support_sessions.exists()


def test_session_change_moves_one(facilitator, member, group, planned):
    where = address("session_change", planned[0].pk)
    shown = page(facilitator.client.get(where))
    assert "<b>2 people</b> get an e-mail" in shown

    response = facilitator.client.post(
        where,
        {
            "do": "move",
            "scope": "one",
            "day": "2026-11-25",
            "starts_at_time": "19:00",
            "minutes": "60",
            "note": "Only this time: room 4",
        },
        follow=True,
    )

    assert "The session is now on Wednesday 25 November, 7pm, London time." in page(response)
    planned[0].refresh_from_db()
    assert planned[0].note == "Only this time: room 4"
    assert planned[0].ends_at - planned[0].starts_at == timedelta(hours=1)


def test_session_change_of_all_following_leads_to_the_rhythm(coordinator, group, planned):
    response = coordinator.client.post(
        address("session_change", planned[1].pk), {"do": "move", "scope": "following"}
    )

    assert response["Location"] == f"{address('schedule', group.slug)}?from={planned[1].pk}"


def test_session_change_cancels_all_following(coordinator, facilitator, group, planned):
    where = address("session_change", planned[1].pk)
    assert "This one and all following" not in page(facilitator.client.get(where))

    shown = page(
        coordinator.client.post(
            where, {"do": "cancel", "scope": "following", "note": ""}, follow=True
        )
    )

    off = len(planned) - 1
    assert f"{off} sessions are cancelled, and the rhythm ends before them." in shown
    assert [each.pk for each in group.support_sessions.coming()] == [planned[0].pk]


def test_session_change_cancels_and_restores(facilitator, group, planned):
    where = address("session_change", planned[0].pk)

    facilitator.client.post(where, {"do": "cancel", "note": "Marigold is ill"})
    planned[0].refresh_from_db()
    assert (planned[0].status, planned[0].note) == ("cancelled", "Marigold is ill")

    assert "Put it on again" in page(facilitator.client.get(where))
    facilitator.client.post(where, {"do": "restore"})
    planned[0].refresh_from_db()
    assert planned[0].status == "scheduled"


def test_session_change_keeps_a_note_quietly(facilitator, member, group, planned):
    facilitator.client.post(
        address("session_change", planned[0].pk), {"do": "note", "note": "Bring a mug"}
    )

    planned[0].refresh_from_db()
    assert planned[0].note == "Bring a mug"
    assert not planned[0].reminders.exists()
    shown = page(member.client.get(address("session_detail", planned[0].pk)))
    assert "Bring a mug" in shown


@pytest.mark.parametrize(
    ("status", "says"), [("live", "This session has begun"), ("ended", "This session is over")]
)
def test_session_change_comes_too_late(facilitator, group, status, says):
    session = factories.support_session(group, status=status)
    where = address("session_change", session.pk)

    assert says in page(facilitator.client.get(where))
    for do in ("cancel", "restore", "move"):
        shown = page(
            facilitator.client.post(
                where,
                {"do": do, "day": "2026-12-01", "starts_at_time": "10:00", "minutes": "60"},
            )
        )
        assert "There is a problem" in shown
    session.refresh_from_db()
    assert session.status == status


def test_session_change_is_for_staff(member, group):
    session = factories.support_session(group)

    assert member.client.get(address("session_change", session.pk)).status_code == 403


# Days off -----------------------------------------------------------------------------------------


def test_days_off_by_hand_and_undone(coordinator, organisation, group, planned):
    where = address("days_off", organisation.slug)
    assert "No day off is planned yet." in page(coordinator.client.get(where))

    response = coordinator.client.post(
        where, {"do": "day", "day": "2026-12-08", "name": "Office party"}, follow=True
    )
    shown = page(response)
    assert "Tuesday 8 December 2026: Office party" in shown
    assert "1 session is cancelled." in shown
    planned[1].refresh_from_db()
    assert planned[1].cancelled_for == "day_off"

    coordinator.client.post(address("day_off_delete", DayOff.objects.get().pk))
    planned[1].refresh_from_db()
    assert planned[1].status == "scheduled"
    assert not DayOff.objects.exists()


def test_days_off_from_the_public_holidays(coordinator, organisation, group):
    actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;BYDAY=FR",
        starts_on=date(2026, 12, 4),
        starts_at_time=time(18, 30),
        minutes=90,
        by=coordinator.user,
    )
    where = address("days_off", organisation.slug)
    shown = page(coordinator.client.get(where))
    assert "Public holidays in United Kingdom" in shown
    assert "Friday 25 December 2026: Christmas Day (1 session planned so far)" in shown
    assert "Easter Monday" not in shown
    part = page(coordinator.client.get(f"{where}?region=ENG", headers=HTMX))
    assert "Monday 29 March 2027: Easter Monday (no session planned so far)" in part
    assert "<html" not in part

    days = ["2026-12-25", "2027-03-29"]
    coordinator.client.post(where, {"do": "holidays", "region": "ENG", "days": days})

    kept = list(DayOff.objects.values_list("day", "name", "group"))
    assert kept == [
        (date(2026, 12, 25), "Christmas Day", None),
        (date(2027, 3, 29), "Easter Monday", None),
    ]
    assert "Christmas Day (" not in page(coordinator.client.get(where)), "it is taken already"


def test_days_off_says_what_is_wrong(coordinator, organisation):
    where = address("days_off", organisation.slug)

    past = page(coordinator.client.post(where, {"do": "day", "day": "2026-11-01", "name": "Then"}))
    none = page(coordinator.client.post(where, {"do": "holidays"}))

    assert "This day is over." in past
    assert 'value="Then"' in past
    assert "Tick one day or more." in none
    assert not DayOff.objects.exists()


def test_days_off_of_a_facilitator_are_those_of_their_groups(
    facilitator, organisation, group, planned
):
    everybody = DayOff.objects.create(
        organisation=organisation, day=date(2026, 12, 24), name="Christmas Eve"
    )
    where = address("days_off", organisation.slug)
    typed = {"do": "day", "day": "2026-12-08", "name": "Office party"}

    assert "Choose a group." in page(facilitator.client.post(where, typed))
    facilitator.client.post(where, typed | {"group": group.slug})

    assert DayOff.objects.get(name="Office party").group == group
    shown = page(facilitator.client.get(where))
    assert "Christmas Eve" in shown
    assert shown.count("Undo<") == 1
    assert facilitator.client.post(address("day_off_delete", everybody.pk)).status_code == 403


def test_days_off_of_a_country_without_a_list(coordinator, organisation):
    organisation.country = "ZZ"
    organisation.save()

    shown = page(coordinator.client.get(address("days_off", organisation.slug)))

    assert "We know no list of public holidays for ZZ." in shown


def test_days_off_of_others_are_unknown(other_coordinator, member, organisation):
    day_off = DayOff.objects.create(organisation=organisation, day=date(2026, 12, 24), name="Eve")

    for person in (other_coordinator, member):
        assert person.client.get(address("days_off", organisation.slug)).status_code == 404
        assert person.client.post(address("day_off_delete", day_off.pk)).status_code == 404
