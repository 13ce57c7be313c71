"""A coordinator searches the organisation's trail: what is in it, what is not, and who may."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit import chain
from audit.models import TrailCheck
from audit.trail import record
from oversight import rules
from tests import factories
from tests.cast import signed_in


@pytest.fixture
def trail(organisation):
    return reverse("oversight:trail", args=[organisation.slug])


def tell(verb, *, by, on, organisation, **data):
    return record(verb, by=by, on=on, organisation=organisation.pk, **data)


@pytest.fixture
def told(organisation, group, coordinator, applicant, member):
    """One event of each sort, and one of another organisation by the same person."""
    by = coordinator.user
    application = applicant.user.applications.get()
    membership = member.user.memberships.get()
    tell("application.read", by=by, on=application, organisation=organisation)
    tell("membership.removed", by=by, on=membership, organisation=organisation, reason="x")
    tell("sessions.made", by=None, on=group, organisation=organisation)
    tell("survey.answered", by=member.user, on=membership, organisation=organisation, item="q9")
    elsewhere = factories.staff_role(user=by)
    tell("role.given", by=by, on=elsewhere, organisation=elsewhere.organisation)


def words(response):
    """What the list says, without its markup."""
    return " ".join(response.content.decode().split())


def test_coordinators_read_it_in_words(trail, told, coordinator):
    page = words(coordinator.client.get(trail))
    assert "<b>Coordinator</b> read the answers of a request to join" in page
    assert "Request to join of Applicant in Evening circle" in page
    assert "Membership of Member in Evening circle" in page
    assert "<b>The clock</b> made sessions ahead" in page


def test_it_holds_neither_what_members_do_for_themselves_nor_data(trail, told, coordinator):
    page = words(coordinator.client.get(trail))
    assert "check-in" not in page
    assert "q9" not in page
    assert "reason" not in page


def test_it_holds_nothing_of_another_organisation(trail, told, coordinator):
    page = words(coordinator.client.get(trail))
    assert "3 things happened" in page
    assert "gave a role" not in page


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"name": "appl"}, 1),  # about the applicant
        ({"name": "coordinator"}, 2),  # by the coordinator
        ({"kind": "sessions"}, 1),
        ({"group": "evening-circle"}, 3),
        ({"kind": "reading", "name": "member"}, 0),
        ({"since": "2031-01-01"}, 0),
        ({"until": "2020-01-01", "since": ""}, 0),
        ({"kind": "nonsense"}, 3),
    ],
)
def test_it_is_searched(trail, told, coordinator, asked, number):
    response = coordinator.client.get(trail, asked)
    assert response.context["page"].paginator.count == number


def test_nobody_is_found_who_belongs_elsewhere(trail, organisation, coordinator, member):
    """A name that only another organisation knows finds nothing, even where its events would."""
    stranger = factories.user(display_name="Stranger")
    tell("group.changed", by=stranger, on=organisation, organisation=organisation)
    response = coordinator.client.get(trail, {"name": "stranger"})
    assert response.context["page"].paginator.count == 0


def test_a_coordinator_does_not_follow_what_others_do_about_them(
    organisation, group, coordinator, facilitator
):
    me = coordinator.user
    concern = factories.concern(organisation=organisation, about=me)
    report = factories.report(
        factories.message(factories.support_session(group, status="live"), me)
    )
    for thing in (concern, report):
        tell("concern.read", by=facilitator.user, on=thing, organisation=organisation)
    assert not rules.trail_of(me, organisation).exists()
    other = factories.staff_role(organisation=organisation).user
    assert rules.trail_of(other, organisation).count() == 2


def test_the_page_says_how_the_chain_is(trail, told, coordinator):
    chain.seal_events()
    chain.check_trail()
    assert "nothing was changed or removed" in words(coordinator.client.get(trail))
    TrailCheck.objects.create(
        checked_at=timezone.now() + timedelta(minutes=1),
        head_number=1,
        head_hash=bytes(32),
        found=["Event 1 was removed."],
    )
    assert "was changed from outside" in words(coordinator.client.get(trail))


def test_the_table_holds_the_chain_and_no_formula(organisation, told, coordinator):
    chain.seal_events()
    coordinator.user.display_name = "=cmd()"
    coordinator.user.save()
    address = reverse("oversight:trail_csv", args=[organisation.slug])
    response = coordinator.client.get(address, {"kind": "reading"})
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    [[_, who, what, about, origin, number, seal]] = rows[1:]
    assert (who, what, about) == (
        "'=cmd()",
        "read the answers of a request to join",
        "Request to join of Applicant in Evening circle",
    )
    assert (origin, int(number) > 0, len(seal)) == ("a command", True, 64)


def test_a_page_costs_the_same_however_much_it_holds(
    trail, organisation, group, coordinator, django_assert_max_num_queries
):
    for _ in range(30):
        tell("group.changed", by=coordinator.user, on=group, organisation=organisation)
        tell(
            "membership.active",
            by=factories.user(),
            on=factories.member(group, user=factories.user(password=None)),
            organisation=organisation,
        )
    with django_assert_max_num_queries(16):
        coordinator.client.get(trail)


def test_who_read_lists_the_readers_by_day(organisation, applicant, coordinator, outsider):
    application = applicant.user.applications.get()
    for _ in range(3):
        tell("application.read", by=coordinator.user, on=application, organisation=organisation)
    tell("application.read", by=applicant.user, on=application, organisation=organisation)
    page = words(applicant.client.get(reverse("oversight:who_read")))
    said = "<b>Coordinator</b> (coordinator, Harbour Network) read your answers"
    assert page.count(said) == 1
    assert "3 times that day" in page
    assert "Evening circle" in page
    assert coordinator.user.email not in page
    assert "Nobody so far" in words(outsider.client.get(reverse("oversight:who_read")))


def test_reading_an_application_and_a_concern_shows(organisation, applicant, coordinator):
    """From the pages themselves, not from events made here."""
    application = applicant.user.applications.get()
    answer = factories.concern(
        organisation=organisation, about=applicant.user, source="screening", detail="Said so."
    )
    in_session = factories.concern(
        organisation=organisation, about=applicant.user, source="live", opened_by=coordinator.user
    )
    coordinator.client.get(reverse("screening:review", args=[application.pk]))
    for concern in (answer, in_session):
        coordinator.client.get(reverse("safeguarding:concern_detail", args=[concern.pk]))
    page = words(applicant.client.get(reverse("oversight:who_read")))
    assert "read your answers from when you asked to join" in page
    # Not the concern that staff opened in a session: it holds no answer of theirs.
    assert page.count("read an answer of yours that somebody looks after") == 1


def test_answers_typed_in_from_paper_show(organisation, group, member, facilitator):
    """What a member sends online is nobody else's reading."""
    plan = factories.survey_plan(group)
    membership = member.user.memberships.get()
    response = factories.response(factories.invitation(plan, membership))
    tell("survey.submitted", by=member.user, on=response, organisation=organisation)
    address = reverse("oversight:who_read")
    assert "Nobody so far" in words(member.client.get(address))
    tell("survey.submitted", by=facilitator.user, on=response, organisation=organisation)
    assert "typed in what you answered on paper" in words(member.client.get(address))


def test_both_pages_are_found_from_where_people_look(organisation, coordinator, member):
    people = reverse("accounts:staff_list", args=[organisation.slug])
    assert reverse("oversight:trail", args=[organisation.slug]) in words(
        coordinator.client.get(people)
    )
    profile = words(member.client.get(reverse("accounts:profile")))
    assert reverse("oversight:who_read") in profile


def test_a_visitor_signs_in_first(trail, db):
    assert Client().get(trail).status_code == 302


def test_somebody_who_coordinates_no_longer_sees_nothing(trail, organisation, coordinator):
    coordinator.user.staff_roles.all().delete()
    assert signed_in(coordinator.user).client.get(trail).status_code == 404
