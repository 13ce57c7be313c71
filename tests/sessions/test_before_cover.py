"""A facilitator who cannot come: who is asked, who takes over, and what moves with it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from groups.models import SupportGroup
from sessions import (
    actions,
    before_actions,
    periodic,
    reminder_rules,
    rules,
    schedule_rules,
    statements,
)
from sessions.calendar import entries_of
from sessions.models import Booking, Cover, Reminder, SupportSession
from supportgroups import retention
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once


@pytest.fixture
def support_session(group: SupportGroup, facilitator) -> SupportSession:
    """Tomorrow's, with its facilitator booked."""
    support_session = factories.support_session(group)
    actions.book_what_is_free(group=group, by=None)
    return support_session


@pytest.fixture
def colleague(group: SupportGroup) -> User:
    """Somebody who may lead in the organisation."""
    return factories.staff_role(organisation=group.organisation, role="facilitator").user


@pytest.fixture
def cover(support_session, facilitator) -> Cover:
    return before_actions.ask_cover(
        support_session=support_session, by=facilitator.user, note="The topic is sleep."
    )


def leaders(support_session: SupportSession) -> set[User]:
    return set(rules.leading(support_session))


def booked(support_session: SupportSession) -> set[User]:
    return {each.facilitator for each in support_session.bookings.filter(room="")}


def told(kind: str) -> set[User]:
    return {each.user for each in Reminder.objects.filter(kind=kind).select_related("user")}


def test_asking_tells_everybody_who_could_lead_and_changes_nothing_yet(
    group, support_session, facilitator, colleague, coordinator, member, outsider
):
    busy = factories.staff_role(organisation=group.organisation, role="facilitator").user
    other = factories.support_session(
        factories.group(organisation=group.organisation), starts_at=support_session.starts_at
    )
    factories.facilitator(other.group, user=busy)
    actions.book_what_is_free(group=other.group, by=None)
    factories.staff_role(organisation=group.organisation, role="supervisor")
    factories.staff_role(role="facilitator")

    before_actions.ask_cover(support_session=support_session, by=facilitator.user)

    assert told("cover_asked") == {colleague, coordinator.user}
    assert leaders(support_session) == {facilitator.user}
    assert booked(support_session) == {facilitator.user}


def test_the_mail_is_neutral_and_says_the_zone(group, cover, colleague, coordinator, settings):
    User.objects.update(time_zone="America/New_York")
    before_actions.withdraw_cover(cover=cover, by=cover.facilitator)
    before_actions.ask_cover(support_session=cover.support_session, by=cover.facilitator)

    periodic.send_due_reminders()

    asked = [each for each in mail.outbox if each.subject == "Can you step in?"]
    assert {each.to[0] for each in asked} == {colleague.email, coordinator.user.email}
    for message in asked:
        assert "New York time" in message.body
        assert f"{settings.SITE_URL}/sessions/{cover.support_session_id}/cover/" in message.body
        words = (message.subject + message.body).lower().replace("/sessions/", "")
        for word in (group.name.lower(), "session", "group", "support", "sleep"):
            assert word not in words


def test_taking_over_moves_leading_booking_and_reminders(cover, facilitator, colleague, member):
    support_session = cover.support_session
    before_actions.take_cover(cover=cover, by=colleague)

    assert leaders(support_session) == {colleague}
    assert booked(support_session) == {colleague}
    assert told("cover_news") == {facilitator.user}
    assert rules.check_may_lead(colleague, support_session).leads
    with pytest.raises(Refused):
        rules.check_may_enter(facilitator.user, support_session)
    assert not rules.check_may_see(facilitator.user, support_session).may_enter
    assert list(rules.sessions_led_by(colleague)) == [support_session]
    assert not rules.sessions_led_by(facilitator.user).exists()
    concerned = {key for _, key in schedule_rules.people_concerned([support_session])}
    assert concerned == {colleague.pk, member.user.pk}
    feed = actions.make_calendar_feed(by=colleague)
    assert [each.support_session for each in entries_of(feed)] == [support_session]
    at = support_session.starts_at - timedelta(minutes=30)
    due = {user for _, user in reminder_rules.due_for_reminder(Reminder.Kind.HOUR_BEFORE, at=at)}
    assert due == {colleague.pk, member.user.pk}


def test_one_covered_session_of_several_changes_no_other(group, cover, facilitator, colleague):
    other = factories.support_session(
        group, starts_at=cover.support_session.starts_at + timedelta(days=1)
    )
    before_actions.take_cover(cover=cover, by=colleague)

    pairs = {
        pair
        for found in rules.leading_pairs(SupportSession.objects.filter(group=group))
        for pair in found
    }

    assert pairs == {
        (cover.support_session_id, colleague.pk),
        (other.pk, facilitator.user.pk),
    }
    at = other.starts_at - timedelta(hours=23)
    due = set(reminder_rules.due_for_reminder(Reminder.Kind.DAY_BEFORE, at=at))
    assert (cover.support_session_id, facilitator.user.pk) not in due
    assert (other.pk, facilitator.user.pk) in due
    assert set(rules.sessions_led_by(colleague)) == {cover.support_session}
    assert set(rules.sessions_led_by(facilitator.user)) == {other}


def test_the_rooms_own_statements_know_who_took_over(cover, facilitator, colleague):
    before_actions.take_cover(cover=cover, by=colleague)
    live = cover.support_session
    SupportSession.objects.filter(pk=live.pk).update(status="live", began_at=timezone.now())
    for user in (facilitator.user, colleague):
        factories.entry(live, user)

    looks = {
        user: statements.look(live, user.pk, sign_in=None)[0].leads
        for user in (facilitator.user, colleague)
    }

    assert looks == {facilitator.user: False, colleague: True}


def test_only_one_takes_over(cover, colleague, coordinator):
    before_actions.take_cover(cover=cover, by=colleague)

    with pytest.raises(Refused) as no:
        before_actions.take_cover(cover=cover, by=coordinator.user)

    assert no.value.reason == "taken"
    assert leaders(cover.support_session) == {colleague}


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_first_wins():
    group = factories.group()
    lead = factories.facilitator(group).user
    people = [
        factories.staff_role(organisation=group.organisation, role="facilitator").user
        for _ in range(2)
    ]
    support_session = factories.support_session(group)
    actions.book_what_is_free(group=group, by=None)
    cover = before_actions.ask_cover(support_session=support_session, by=lead)

    results = at_once(
        *(lambda user=user: before_actions.take_cover(cover=cover, by=user) for user in people)
    )

    refused = [each for each in results if isinstance(each, Refused)]
    assert [each.reason for each in refused] == ["taken"]
    assert Booking.objects.filter(support_session=support_session).count() == 1
    assert booked(support_session) == leaders(support_session)


def test_somebody_booked_at_that_time_cannot(group, cover, colleague):
    other = factories.support_session(
        factories.group(organisation=group.organisation),
        starts_at=cover.support_session.starts_at + timedelta(minutes=30),
    )
    factories.facilitator(other.group, user=colleague)
    actions.book_what_is_free(group=other.group, by=None)

    with pytest.raises(Refused) as no:
        before_actions.take_cover(cover=cover, by=colleague)

    assert no.value.reason == "not_eligible"
    assert booked(cover.support_session) == {cover.facilitator}


@pytest.mark.parametrize("who", ["member", "outsider", "other_coordinator", "facilitator"])
def test_whom_it_is_not_for(cover, cast, who):
    user = cast[who].user
    with pytest.raises(Refused):
        before_actions.take_cover(cover=cover, by=user)
    assert not rules.covers_open_to(user).exists()


def test_giving_back_asks_again_and_the_first_one_leads(cover, colleague, coordinator):
    before_actions.take_cover(cover=cover, by=colleague)
    Reminder.objects.all().update(sent_at=timezone.now())

    before_actions.give_cover_back(cover=cover, by=colleague)

    cover.refresh_from_db()
    assert cover.is_open
    assert leaders(cover.support_session) == booked(cover.support_session) == {cover.facilitator}
    unsent = Reminder.objects.filter(sent_at=None)
    assert {(each.user, each.kind) for each in unsent} == {
        (colleague, "cover_asked"),
        (coordinator.user, "cover_asked"),
        (cover.facilitator, "cover_news"),
    }


def test_taking_the_request_back(cover, colleague):
    before_actions.withdraw_cover(cover=cover, by=cover.facilitator)

    assert not rules.covers_open_to(colleague).exists()
    with pytest.raises(Refused) as no:
        before_actions.take_cover(cover=cover, by=colleague)
    assert no.value.reason == "withdrawn"
    again = before_actions.ask_cover(support_session=cover.support_session, by=cover.facilitator)
    assert again.pk != cover.pk


def test_only_whose_it_is_withdraws_and_gives_back(cover, colleague, coordinator):
    with pytest.raises(Refused):
        before_actions.withdraw_cover(cover=cover, by=coordinator.user)
    before_actions.take_cover(cover=cover, by=colleague)
    with pytest.raises(Refused):
        before_actions.withdraw_cover(cover=cover, by=cover.facilitator)
    with pytest.raises(Refused):
        before_actions.give_cover_back(cover=cover, by=coordinator.user)


def test_asking_twice_and_by_whom_it_cannot_be(cover, coordinator):
    for user, reason in ((cover.facilitator, "asked"), (coordinator.user, "not_facilitator")):
        with pytest.raises(Refused) as no:
            before_actions.ask_cover(support_session=cover.support_session, by=user)
        assert no.value.reason == reason


def test_a_move_and_a_return_book_who_took_over(group, cover, colleague, coordinator):
    support_session = cover.support_session
    before_actions.take_cover(cover=cover, by=colleague)

    moved = actions.move_session(
        support_session=support_session,
        starts_at=support_session.starts_at + timedelta(days=1),
        ends_at=support_session.ends_at + timedelta(days=1),
        by=coordinator.user,
    )
    assert booked(moved) == {colleague}
    actions.cancel_session(support_session=moved, by=coordinator.user)
    assert booked(moved) == set()
    back = actions.restore_session(support_session=moved, by=coordinator.user)
    assert booked(back) == {colleague}
    assert schedule_rules.not_booked(back) == []
    actions.book_what_is_free(group=group, by=None)
    assert booked(back) == {colleague}


def test_whoever_lost_the_role_leads_no_more(cover, colleague):
    before_actions.take_cover(cover=cover, by=colleague)
    colleague.staff_roles.all().delete()

    assert colleague not in leaders(cover.support_session)


def test_somebody_removed_from_the_group_asks_no_more(group, cover, colleague, coordinator):
    factories.facilitator(group)
    assignment = group.facilitator_assignments.get(user=cover.facilitator)

    actions.unassign_facilitator(assignment=assignment, by=coordinator.user)

    assert not rules.covers_open_to(colleague).exists()


def test_the_coordinator_sees_what_is_uncovered(cover, coordinator, colleague, settings):
    address = reverse("outcomes:overview", args=[cover.support_session.group.organisation.slug])
    page = coordinator.client.get(address).content.decode()
    assert "Session needs cover" in page

    before_actions.take_cover(cover=cover, by=colleague)

    assert "needs cover" not in coordinator.client.get(address).content.decode()


def test_before_cover_page_asks_takes_and_gives_back(
    client, support_session, facilitator, colleague
):
    address = reverse("sessions:cover", args=[support_session.pk])
    page = facilitator.client.post(address, {"do": "ask", "note": "Bring tea."}, follow=True)
    assert "You asked for cover" in page.content.decode()
    cover = Cover.objects.get()

    client.force_login(colleague)
    home = client.get(reverse("outcomes:participant_home")).content.decode()
    assert address in home
    page = client.get(address).content.decode()
    assert "Bring tea." in page
    page = client.post(address, {"do": "take", "cover": cover.pk}, follow=True).content.decode()
    assert "You lead this session now" in page
    assert (
        client.get(reverse("sessions:session_detail", args=[support_session.pk])).status_code == 200
    )
    page = client.post(address, {"do": "give-back", "cover": cover.pk}, follow=True)
    assert "Given back" in page.content.decode()
    page = facilitator.client.post(address, {"do": "withdraw", "cover": cover.pk}, follow=True)
    assert "You lead this session" in page.content.decode()


def test_before_cover_page_who_was_too_late_reads_why(client, cover, colleague, coordinator):
    before_actions.take_cover(cover=cover, by=colleague)
    address = reverse("sessions:cover", args=[cover.support_session_id])

    page = coordinator.client.post(address, {"do": "take", "cover": cover.pk}, follow=True)

    assert "Somebody has taken over already" in page.content.decode()


def test_covers_are_deleted_a_month_later(cover):
    at = cover.support_session.ends_at
    retention.purge(at=at + timedelta(days=29))
    assert Cover.objects.exists()

    retention.purge(at=at + timedelta(days=31))

    assert not Cover.objects.exists()
