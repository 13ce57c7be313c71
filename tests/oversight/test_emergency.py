"""Emergency access: who opens it, what it shows, how long, and who learns of it."""

import re
from datetime import timedelta
from smtplib import SMTPException

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from oversight import actions, periodic, rules, tasks
from oversight.models import EmergencyAccess
from oversight.rules import person_with, token_of
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import signed_in


@pytest.fixture
def supervisor(organisation):
    person = factories.user(display_name="Supervisor")
    factories.staff_role(user=person, organisation=organisation, role="supervisor")
    return signed_in(person)


@pytest.fixture
def worried(organisation, applicant):
    """The applicant, with an answer that worries somebody."""
    factories.concern(
        organisation=organisation, about=applicant.user, detail="They wrote: I cannot go on."
    )
    return applicant.user


def opens(supervisor, organisation, about, reason="They rang, and then the line was cut."):
    address = reverse(
        "oversight:emergency_open", args=[organisation.slug, token_of(organisation, about)]
    )
    return supervisor.client.post(address, {"reason": reason}, follow=True)


def text(response):
    return " ".join(response.content.decode().split())


def test_a_supervisor_finds_the_person_and_opens_for_an_hour(supervisor, organisation, worried):
    address = reverse("oversight:emergency", args=[organisation.slug])
    found = text(supervisor.client.get(address, {"name": "appl"}))
    (token,) = re.findall(rf'href="{address}of/([^"/]+)/"', found)
    assert person_with(organisation, token) == worried
    assert str(worried.pk) not in found

    page = text(opens(supervisor, organisation, worried))

    assert "They wrote: I cannot go on." in page
    assert "Request to join Evening circle" in page
    assert f"mailto:{worried.email}" in page
    access = EmergencyAccess.objects.get()
    assert access.ends_at - access.opened_at == timedelta(minutes=60)
    assert list(Event.objects.order_by("id").values_list("verb", flat=True)) == [
        "emergency.opened",
        "emergency.read",
    ]


def test_a_reason_is_needed_and_nothing_opens_without(supervisor, organisation, worried):
    page = text(opens(supervisor, organisation, worried, reason="   "))
    assert "Write why." in page
    assert not EmergencyAccess.objects.exists()


def test_once_over_it_shows_nothing(supervisor, organisation, worried):
    opens(supervisor, organisation, worried)
    access = EmergencyAccess.objects.get()
    access.opened_at -= timedelta(hours=1)
    access.ends_at -= timedelta(hours=1)
    access.save()
    page = text(supervisor.client.get(reverse("oversight:emergency_detail", args=[access.pk])))
    assert "I cannot go on" not in page
    assert worried.email not in page
    with pytest.raises(Refused):
        actions.read_with_emergency(access=access, by=supervisor.user)


def test_a_role_that_ended_ends_it(supervisor, organisation, worried):
    opens(supervisor, organisation, worried)
    supervisor.user.staff_roles.all().delete()
    access = EmergencyAccess.objects.get()
    address = reverse("oversight:emergency_detail", args=[access.pk])
    assert supervisor.client.get(address).status_code == 404
    assert not rules.may_read_with(supervisor.user, access)


def test_coordinators_see_who_and_why_and_not_through_it(
    supervisor, coordinator, organisation, worried
):
    opens(supervisor, organisation, worried)
    access = EmergencyAccess.objects.get()
    page = text(coordinator.client.get(reverse("oversight:emergency", args=[organisation.slug])))
    assert "Supervisor, about Applicant" in page
    assert "the line was cut" in page
    detail = coordinator.client.get(reverse("oversight:emergency_detail", args=[access.pk]))
    assert "I cannot go on" not in text(detail)
    coordinator.client.post(reverse("oversight:emergency_close", args=[access.pk]))
    access.refresh_from_db()
    assert access.closed_by == coordinator.user
    assert not rules.may_read_with(supervisor.user, access)


@pytest.mark.parametrize("who", ["facilitator", "coordinator", "other_coordinator", "member"])
def test_who_may_not(who, request, organisation, worried):
    person = request.getfixturevalue(who).user
    with pytest.raises(Refused):
        actions.open_emergency(organisation=organisation, about=worried, reason="x", by=person)


def test_somebody_on_call_may(facilitator, organisation, worried):
    facilitator.user.staff_roles.update(on_call_position=2)
    assert actions.open_emergency(
        organisation=organisation, about=worried, reason="x", by=facilitator.user
    ).is_running


def test_nobody_of_another_organisation_is_opened_nor_oneself(supervisor, organisation, worried):
    stranger = factories.user(display_name="Applied elsewhere")
    factories.application(factories.group(), user=stranger, status="submitted")
    for about in (stranger, supervisor.user):
        assert opens(supervisor, organisation, about).status_code == 404
        with pytest.raises(Refused):
            actions.open_emergency(
                organisation=organisation, about=about, reason="x", by=supervisor.user
            )
    address = reverse("oversight:emergency", args=[organisation.slug])
    assert "Nobody of that name" in text(supervisor.client.get(address, {"name": "Applied"}))


def test_it_shows_nothing_of_another_organisation(supervisor, organisation, worried):
    elsewhere = factories.group(name="Elsewhere circle")
    factories.application(elsewhere, user=worried, status="submitted")
    factories.concern(organisation=elsewhere.organisation, about=worried, detail="Said elsewhere.")
    page = text(opens(supervisor, organisation, worried))
    assert "Said elsewhere" not in page
    assert "Elsewhere circle" not in page


def test_two_clicks_open_one(supervisor, organisation, worried):
    opens(supervisor, organisation, worried)
    opens(supervisor, organisation, worried)
    assert EmergencyAccess.objects.count() == 1


def test_coordinators_are_told_at_once_and_once(
    supervisor, coordinator, organisation, worried, django_capture_on_commit_callbacks, mailoutbox
):
    access = factories.emergency_access(
        organisation=organisation, about=worried, opened_by=supervisor.user
    )
    tasks.announce(str(access.pk))
    tasks.announce(str(access.pk))
    [message] = mailoutbox
    assert message.to == [coordinator.user.email]
    assert message.subject == "Something to look at"
    for told in (worried.display_name, "Evening circle", access.reason):
        assert told not in message.body


def test_where_the_only_coordinator_is_concerned_those_on_call_are_told(
    supervisor, coordinator, facilitator, organisation
):
    facilitator.user.staff_roles.update(on_call_position=2)
    access = factories.emergency_access(
        organisation=organisation, about=coordinator.user, opened_by=supervisor.user
    )
    assert list(rules.whom_to_announce(access)) == [facilitator.user]


def test_the_person_is_told_afterwards_and_reads_why(
    supervisor, organisation, applicant, worried, mailoutbox
):
    opens(supervisor, organisation, worried)
    access = EmergencyAccess.objects.get()
    tasks.tell_person(str(access.pk))
    page = reverse("oversight:who_read")
    assert mailoutbox == []
    assert "Nobody so far" in text(applicant.client.get(page))

    actions.close_emergency(access=access, by=supervisor.user)
    tasks.tell_person(str(access.pk))
    tasks.tell_person(str(access.pk))

    [message] = mailoutbox
    assert (message.to, message.subject) == ([worried.email], "About your account")
    assert "Harbour" not in message.body
    shown = text(applicant.client.get(page))
    assert "Supervisor, supervisor" in shown
    assert "the line was cut" in shown
    assert "read your answers with emergency access" in shown


def test_a_mail_that_fails_is_tried_by_the_clock(
    supervisor, coordinator, organisation, worried, monkeypatch
):
    long_ago = timezone.now() - timedelta(hours=2)
    access = factories.emergency_access(
        organisation=organisation, about=worried, opened_by=supervisor.user, opened_at=long_ago
    )

    def fails(*args, **kwargs):
        raise SMTPException

    with monkeypatch.context() as patch:
        patch.setattr("oversight.emails.EmailMessage.send", fails)
        tasks.announce(str(access.pk))
    asked = []
    monkeypatch.setattr(tasks.announce, "delay", lambda pk: asked.append(("announce", pk)))
    monkeypatch.setattr(tasks.tell_person, "delay", lambda pk: asked.append(("tell", pk)))
    periodic.tell_of_emergencies()
    assert asked == [("announce", str(access.pk)), ("tell", str(access.pk))]
    tasks.announce(str(access.pk))
    tasks.tell_person(str(access.pk))
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("oversight_emergencyaccess_has_a_reason", {"reason": ""}),
        (
            "oversight_emergencyaccess_lasts_an_hour",
            {"ends_at": timezone.now() + timedelta(hours=2)},
        ),
        ("oversight_emergencyaccess_told_afterwards", {"told_at": timezone.now()}),
    ],
)
def test_the_database_refuses(constraint, change, organisation, applicant):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        factories.emergency_access(organisation=organisation, about=applicant.user, **change)


def test_the_database_refuses_access_to_oneself(organisation, applicant):
    with (
        pytest.raises(IntegrityError, match="oversight_emergencyaccess_about_somebody_else"),
        transaction.atomic(),
    ):
        factories.emergency_access(
            organisation=organisation, about=applicant.user, opened_by=applicant.user
        )
