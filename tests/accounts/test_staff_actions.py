"""Giving, changing and taking away roles: what follows, and what is refused."""

from datetime import date, timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import timezone

from accounts import actions, emails, live, periodic, rules, tasks
from accounts.models import StaffRole, User
from audit.models import Event
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once


def give(organisation, by, email="river@example.org", role="facilitator", **details):
    return actions.give_role(
        organisation=organisation, email=email, role=role, by=by.user, **details
    )


def role_of(person):
    return StaffRole.objects.get(user=person.user)


@pytest.fixture
def looked_again(monkeypatch, django_capture_on_commit_callbacks):
    """Whose sockets were told to look again."""
    told = []
    monkeypatch.setattr(live, "_publish", told.extend)
    return told


def test_give_role_opens_an_account_in_the_organisations_zone(organisation, coordinator):
    organisation.time_zone, organisation.country = "Europe/Dublin", "IE"
    organisation.save()

    role = give(
        organisation,
        coordinator,
        display_name="River",
        training="24 hours",
        checked_on=date(2026, 5, 1),
        supervision="Monthly",
        on_call_position=2,
    )

    person = User.objects.get(email="river@example.org")
    assert (person.display_name, person.time_zone, person.country) == (
        "River",
        "Europe/Dublin",
        "IE",
    )
    assert not person.has_usable_password()
    role.refresh_from_db()
    assert (role.user, role.role, role.training, role.on_call_position) == (
        person,
        "facilitator",
        "24 hours",
        2,
    )
    assert not role.has_signed_in
    assert set(Event.objects.values_list("verb", "actor_id")) == {
        ("account.opened", coordinator.user.pk),
        ("role.given", coordinator.user.pk),
    }


def test_give_role_takes_the_account_that_is_there_and_leaves_its_name(organisation, coordinator):
    person = factories.user(email="river@example.org", display_name="Heather")

    role = give(organisation, coordinator, email="River@Example.org", display_name="River")

    person.refresh_from_db()
    assert (role.user, person.display_name) == (person, "Heather")
    assert not Event.objects.filter(verb="account.opened").exists()


@pytest.mark.parametrize("who", ["facilitator", "other_coordinator", "outsider"])
def test_only_the_organisations_coordinators_give_and_change_roles(
    request, organisation, coordinator, who
):
    person = request.getfixturevalue(who)

    with pytest.raises(Refused, match="coordinators"):
        give(organisation, person)
    with pytest.raises(Refused, match="coordinators"):
        actions.change_role(staff_role=role_of(coordinator), by=person.user, training="None")
    with pytest.raises(Refused, match="coordinators"):
        actions.take_role_away(staff_role=role_of(coordinator), by=person.user)

    assert not User.objects.filter(email="river@example.org").exists()


def test_a_role_is_given_once(organisation, coordinator):
    give(organisation, coordinator)

    with pytest.raises(Refused) as refused:
        give(organisation, coordinator, email="RIVER@example.org")

    assert refused.value.reason == "has_role"
    give(organisation, coordinator, role="supervisor")


def test_an_on_call_number_is_for_one_person_and_the_reason_names_who(organisation, coordinator):
    with pytest.raises(Refused) as refused:
        give(organisation, coordinator, on_call_position=1)

    assert refused.value.message == (
        "Number 1 is Coordinator. Choose another number, for example 2."
    )
    assert not User.objects.filter(email="river@example.org").exists()
    give(organisation, coordinator, on_call_position=2)


def test_change_role_keeps_an_event_and_has_sockets_look_again(
    organisation, coordinator, facilitator, looked_again, django_capture_on_commit_callbacks
):
    role = role_of(facilitator)

    with django_capture_on_commit_callbacks(execute=True):
        actions.change_role(staff_role=role, by=coordinator.user, training="New", supervision="")

    role.refresh_from_db()
    assert role.training == "New"
    event = Event.objects.get(verb="role.changed")
    assert event.data == {"fields": ["training"], "role": "facilitator"}
    assert looked_again == [str(facilitator.user.pk)]


def test_change_role_without_a_change_leaves_no_event(coordinator):
    role = role_of(coordinator)

    actions.change_role(staff_role=role, by=coordinator.user, on_call_position=1, training="")

    assert not Event.objects.filter(verb="role.changed").exists()


def test_the_last_coordinator_stays_one(organisation, coordinator):
    role = role_of(coordinator)
    give(organisation, coordinator, role="coordinator")  # asked, and has never signed in
    factories.staff_role(organisation=organisation, user=factories.user(is_active=False))

    for move in (
        lambda: actions.take_role_away(staff_role=role, by=coordinator.user),
        lambda: actions.change_role(staff_role=role, by=coordinator.user, role="supervisor"),
    ):
        with pytest.raises(Refused) as refused:
            move()
        assert refused.value.reason == "last_coordinator"

    User.objects.filter(email="river@example.org").update(last_login=timezone.now())
    actions.take_role_away(staff_role=role, by=coordinator.user)
    assert not StaffRole.objects.filter(pk=role.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_coordinators_who_leave_at_once_leave_one_behind():
    organisation = factories.organisation()
    roles = [factories.staff_role(organisation=organisation) for _ in range(2)]

    results = at_once(*(lambda r=r: actions.take_role_away(staff_role=r, by=r.user) for r in roles))

    assert [getattr(result, "reason", None) for result in results].count("last_coordinator") == 1
    assert organisation.staff_roles.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_organisations_that_ask_somebody_new_at_once_open_one_account():
    roles = [factories.staff_role() for _ in range(2)]

    at_once(
        *(
            lambda r=r: actions.give_role(
                organisation=r.organisation,
                email="river@example.org",
                role="facilitator",
                by=r.user,
            )
            for r in roles
        )
    )

    assert User.objects.get(email="river@example.org").staff_roles.count() == 2


def test_who_leads_a_group_is_taken_off_it_first(group, coordinator, facilitator):
    role = role_of(facilitator)
    elsewhere = factories.group()
    factories.facilitator(elsewhere, user=facilitator.user)

    assert rules.groups_led_through(role) == [group]
    for move in (
        lambda: actions.take_role_away(staff_role=role, by=coordinator.user),
        lambda: actions.change_role(staff_role=role, by=coordinator.user, role="supervisor"),
    ):
        with pytest.raises(Refused, match="Evening circle") as refused:
            move()
        assert refused.value.reason == "leads_groups"

    # With another role that may lead, the group keeps its lead.
    second = factories.staff_role(user=facilitator.user, organisation=group.organisation)
    actions.take_role_away(staff_role=role, by=coordinator.user)
    assert rules.groups_led_through(second) == [group]


def test_take_role_away_closes_sockets_and_keeps_the_account(
    organisation, coordinator, looked_again, django_capture_on_commit_callbacks
):
    role = give(organisation, coordinator)

    with django_capture_on_commit_callbacks(execute=True):
        actions.take_role_away(staff_role=role, by=coordinator.user)

    person = User.objects.get(email="river@example.org")
    assert not person.staff_roles.exists()
    event = Event.objects.get(verb="role.taken_away")
    assert (event.data, event.actor_id) == ({"role": "facilitator"}, coordinator.user.pk)
    assert looked_again == [str(person.pk)]


def test_a_role_that_is_gone_is_refused_kindly(organisation, coordinator):
    role = give(organisation, coordinator)
    StaffRole.objects.filter(pk=role.pk).delete()

    with pytest.raises(Refused, match="Somebody else"):
        actions.take_role_away(staff_role=role, by=coordinator.user)
    with pytest.raises(Refused, match="Somebody else"):
        actions.change_role(staff_role=role, by=coordinator.user, training="New")


def test_oversight_ends_with_the_last_role_that_allows_it(organisation, coordinator):
    role = give(organisation, coordinator, role="supervisor")
    overseen = factories.group(organisation=organisation, overseer=role.user)
    factories.group(organisation=organisation, overseer=role.user, lifecycle="closed")

    assert rules.groups_overseen_through(role) == [overseen]
    give(organisation, coordinator, role="coordinator")
    assert rules.groups_overseen_through(role) == []


def test_concerns_count_none_about_the_reader(organisation, coordinator, member):
    role = give(organisation, coordinator)
    for about in (member.user, coordinator.user):
        factories.concern(organisation=organisation, about=about, assigned_to=role.user)

    assert rules.concerns_named_in(role, seen_by=coordinator.user) == 1


# The invitation -----------------------------------------------------------------------------------


def invite(role):
    tasks.invite_person(str(role.pk))
    role.refresh_from_db()
    return role


def test_the_invitation_names_the_organisation_and_nothing_else(group, coordinator):
    role = give(group.organisation, coordinator, display_name="River")

    invite(invite(role))

    (message,) = mail.outbox
    assert (message.to, message.subject) == (["river@example.org"], "An invitation for you")
    assert "Harbour Network asks you" in message.body
    assert "/organisations/harbour-network/people/" in message.body
    for secret in (group.name, "facilitator", "Facilitator", "group", "River"):
        assert secret not in message.subject + message.body.replace("support group", "")
    assert (role.attempts, role.told_at is not None) == (1, True)


def test_the_invitation_is_the_same_for_an_account_that_was_there(organisation, coordinator):
    factories.user(email="river@example.org", display_name="Heather")
    for email in ("river@example.org", "heather@example.org"):
        invite(give(organisation, coordinator, email=email, display_name="River"))

    first, second = mail.outbox
    assert (first.subject, first.body) == (second.subject, second.body)


def test_a_mail_server_that_says_no_is_tried_three_times(organisation, coordinator, monkeypatch):
    role = give(organisation, coordinator)

    def refuses(staff_role):
        raise SMTPServerDisconnected

    monkeypatch.setattr(emails, "send_invitation", refuses)
    for _ in range(4):
        invite(role)

    assert (role.attempts, role.told_at) == (3, None)


@pytest.mark.parametrize(
    ("attempts", "asked", "again"),
    [
        (0, timedelta(seconds=30), False),
        (0, timedelta(minutes=2), True),
        (1, timedelta(minutes=2), False),
        (1, timedelta(minutes=11), True),
        (2, timedelta(hours=3), True),
        (0, timedelta(days=8), False),
    ],
)
def test_the_clock_finds_what_was_lost(
    organisation, coordinator, monkeypatch, attempts, asked, again
):
    role = give(organisation, coordinator, at=timezone.now() - asked)
    StaffRole.objects.filter(pk=role.pk).update(attempts=attempts)
    handed_over = []
    monkeypatch.setattr(tasks.invite_person, "delay", handed_over.append)

    periodic.send_overdue_invitations()

    assert handed_over == ([str(role.pk)] if again else [])


def test_roles_that_were_not_asked_for_by_mail_send_none(coordinator):
    assert list(rules.invitations_to_send()) == []
    assert coordinator.user.staff_roles.get().has_signed_in
