"""Help lines as an organisation keeps them: confirmed, corrected, and whose they are."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, IntegrityError
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from safeguarding import crisis, help_line_actions, help_line_rules
from safeguarding.crisis import crisis_help
from safeguarding.models import CountryLine, CountryLines
from supportgroups.lib.refusals import Refused
from tests import factories

LINE = {"name": "Harbour night line", "call": "0800 1111", "text": "", "hours": "", "url": ""}


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def address(organisation, name: str = "help_lines", *more) -> str:
    return reverse(f"safeguarding:{name}", args=[organisation.slug, *more])


def days(number: int):
    return timezone.localdate() + timedelta(days=number)


def keep(organisation, coordinator, **fields):
    return help_line_actions.keep_line(
        organisation=organisation,
        by=coordinator.user,
        **{"position": None, **LINE, **fields},
    )


def confirm(organisation, coordinator, until: int = 100):
    return help_line_actions.confirm_lines(
        organisation=organisation,
        emergency="999",
        review_until=days(until),
        by=coordinator.user,
    )


def names(help_of) -> list[str]:
    return [line.name for line in help_of.lines]


# Whose lines -------------------------------------------------------------------------------------


def test_a_correction_reaches_everybody_of_the_organisation(
    organisation, coordinator, member, applicant, outsider, other_coordinator
):
    keep(organisation, coordinator, position=1, name="Samaritans", call="116 999")

    for person in (coordinator.user, member.user, applicant.user):
        assert crisis_help(person).lines[0].call == "116 999"
    for stranger in (outsider.user, other_coordinator.user, AnonymousUser()):
        assert crisis_help(stranger).lines[0].call == "116 123"
        assert crisis_help(stranger, organisation).lines[0].call == "116 999"
    page = text(member.client.get("/home/"))
    assert "Call 116 999" in page
    assert "Call 116 123" not in page


def test_the_persons_country_decides_and_the_organisations_stands_in(organisation, coordinator):
    keep(organisation, coordinator)
    abroad = factories.user(country="US")
    unknown = factories.user(country="")
    nowhere = factories.user(country="XX")

    assert crisis_help(abroad, organisation).emergency == "911"
    assert crisis_help(unknown, organisation).lines[-1].name == "Harbour night line"
    assert crisis_help(nowhere, organisation).lines == ()


def test_the_only_organisation_speaks_for_the_site(organisation, coordinator, visitor):
    keep(organisation, coordinator)

    assert "Harbour night line" in text(visitor.client.get("/"))
    assert "Harbour night line" in names(crisis_help(AnonymousUser()))
    factories.organisation()
    assert "Harbour night line" not in names(crisis_help(AnonymousUser()))


def test_of_two_organisations_the_later_confirmation_counts(
    organisation, coordinator, other_coordinator
):
    person = factories.user()
    other = other_coordinator.user.staff_roles.get().organisation
    for home in (organisation, other):
        factories.member(factories.group(organisation=home), user=person)
    keep(other, other_coordinator, name="Other line")
    confirm(other, other_coordinator)
    keep(organisation, coordinator)

    assert "Other line" in names(crisis_help(person))
    assert "Harbour night line" not in names(crisis_help(person))
    [rows] = User.objects.filter(pk=person.pk).values_list(crisis.lines_beside(person))[0]
    assert crisis.help_beside(person, rows) == crisis_help(person)


def test_a_person_without_a_country_gets_the_sites_beside_the_page(organisation, coordinator):
    keep(organisation, coordinator)
    person = factories.user(country="")
    factories.member(factories.group(organisation=organisation), user=person)

    [rows] = User.objects.filter(pk=person.pk).values_list(crisis.lines_beside(person))[0]
    assert crisis.help_beside(person, rows) == crisis_help(person)
    assert "Harbour night line" in names(crisis_help(person))


def test_staffs_pages_show_the_lines_of_their_organisation(organisation, coordinator):
    keep(organisation, coordinator, hours="Day and night", text="HELLO to 51444")
    overview = reverse("outcomes:overview", args=[organisation.slug])

    for page in (text(coordinator.client.get(at)) for at in (overview, "/home/")):
        assert "Call 0800 1111</strong> Harbour night line" in page
        assert "Day and night" in page
        assert "Find A Helpline" in page

    confirm(organisation, coordinator)
    page = text(coordinator.client.get(overview))
    assert "Find A Helpline" not in page
    assert "Call 999" in page


def test_a_page_shows_help_also_when_the_database_fails(client, db, monkeypatch):
    def broken(*args: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("safeguarding.context_processors.help_for", broken)

    assert "116 123" in text(client.get("/safety/"))


# Confirming --------------------------------------------------------------------------------------


def test_unconfirmed_lines_stand_beside_the_link_to_all(organisation, coordinator, member):
    assert crisis_help(member.user).fallback_url
    keep(organisation, coordinator)
    assert crisis_help(member.user).fallback_url

    confirm(organisation, coordinator)
    assert crisis_help(member.user).fallback_url == ""

    CountryLines.objects.update(review_until=days(-1))
    assert crisis_help(member.user).fallback_url
    assert help_line_rules.lines_kept_by(organisation).is_overdue


def test_help_lines_are_confirmed_by_name_until_a_day(coordinator, organisation):
    page = text(coordinator.client.get(address(organisation)))
    assert "Help lines in the United Kingdom" in page
    assert "Nobody has confirmed these lines." in page

    typed = {"emergency": "999", "review_until": days(180).isoformat()}
    page = text(coordinator.client.post(address(organisation), typed))
    assert page.count("Try each number and link first") == 2
    page = text(
        coordinator.client.post(address(organisation), typed | {"tried": "on"}, follow=True)
    )

    assert "Confirmed by Coordinator" in page
    own = CountryLines.objects.get()
    assert (own.confirmed_by, own.review_until) == (coordinator.user, days(180))
    assert names(crisis_help(coordinator.user)) == names(crisis.shipped_help("GB"))
    assert Event.objects.filter(verb="help_lines.confirmed").count() == 1
    CountryLines.objects.update(review_until=days(-2))
    assert "The review is over since" in text(coordinator.client.get(address(organisation)))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"emergency": ""}, "Write the emergency number."),
        ({"emergency": "soon"}, "Write a number to dial"),
        ({"review_until": "2020-01-01"}, "Choose a day that is still to come."),
        ({"review_until": "2099-01-01"}, "Choose a day within a year"),
    ],
)
def test_help_lines_are_confirmed_with_sense(coordinator, organisation, typed, says):
    good = {"emergency": "999", "review_until": days(180).isoformat(), "tried": "on"}

    page = text(coordinator.client.post(address(organisation), good | typed))

    assert page.count(says) == 2
    assert not CountryLines.objects.exists()


# Changing ----------------------------------------------------------------------------------------


def test_help_line_add_and_change(coordinator, organisation):
    page = text(
        coordinator.client.post(
            address(organisation, "help_line_add"),
            LINE | {"hours": "Day and night", "url": "https://harbour.example.org/"},
            follow=True,
        )
    )
    assert "Harbour night line is saved" in page
    assert "Call 0800 1111</strong> Harbour night line" in page
    assert "Day and night" in page

    line = address(organisation, "help_line", 3)
    assert "0800 1111" in text(coordinator.client.get(line))
    page = text(coordinator.client.post(line, LINE | {"call": "0800 2222"}, follow=True))
    assert "0800 2222" in page
    assert "0800 1111" not in page
    assert text(coordinator.client.get(address(organisation, "help_line", 9)), 404)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"name": ""}, "Write the name of the service."),
        ({"name": "samaritans"}, "There is a line of this name already."),
        ({"call": "ask at the desk"}, "Write a number to dial"),
        ({"call": "1"}, "Write a number to dial"),
        ({"text": "SHOUT"}, "Write the word and the number"),
        ({"url": "http://harbour.example.org/"}, "begins with https://"),
        ({"call": ""}, "Write a number to call, a text to send or a link."),
    ],
)
def test_help_line_add_refuses_what_cannot_help(coordinator, organisation, typed, says):
    page = text(coordinator.client.post(address(organisation, "help_line_add"), LINE | typed))

    assert "<title>Error:" in page
    assert page.count(says) >= 2
    assert not CountryLine.objects.filter(name="Harbour night line").exists()


def test_help_line_take_out_leaves_one(coordinator, organisation, member):
    coordinator.client.post(address(organisation, "help_line_take_out", 2))
    coordinator.client.post(address(organisation, "help_line_take_out", 2))
    assert names(crisis_help(member.user)) == ["Samaritans"]
    page = text(coordinator.client.get(address(organisation)))
    assert "own list also has: Shout (SHOUT to 85258)" in page

    assert (
        coordinator.client.post(address(organisation, "help_line_take_out", 1)).status_code == 403
    )
    assert "One line always stays" in text(
        coordinator.client.get(address(organisation, "help_line", 1))
    )
    # A place that was free is not given to another: an old page never changes the wrong line.
    keep(organisation, coordinator)
    coordinator.client.post(address(organisation, "help_line_take_out", 1))
    with pytest.raises(Refused) as raised:
        keep(organisation, coordinator, position=1, name="Another")
    assert raised.value.reason == "line_gone"


def test_only_coordinators_keep_lines(organisation, member, other_coordinator):
    for person in (member, other_coordinator):
        with pytest.raises(Refused):
            keep(organisation, person)
        with pytest.raises(Refused):
            confirm(organisation, person)
        with pytest.raises(Refused):
            help_line_actions.take_line_out(organisation=organisation, position=1, by=person.user)


# What the database refuses -----------------------------------------------------------------------


def test_a_country_is_kept_once_and_confirmed_until_a_day(organisation):
    CountryLines.objects.create(organisation=organisation, country="GB", emergency="999")
    with pytest.raises(IntegrityError, match="safeguarding_countrylines_confirmed_until"):
        CountryLines.objects.filter(organisation=organisation).update(confirmed_at=timezone.now())


def test_a_country_is_kept_once(organisation):
    CountryLines.objects.create(organisation=organisation, country="GB", emergency="999")
    with pytest.raises(IntegrityError, match="safeguarding_countrylines_once"):
        CountryLines.objects.create(organisation=organisation, country="GB", emergency="112")


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("safeguarding_countryline_place", {"position": 1, "name": "B"}),
        ("safeguarding_countryline_once", {"name": "a"}),
        ("safeguarding_countryline_reached_somehow", {"call": ""}),
        ("safeguarding_countryline_link_is_safe", {"url": "http://b.example.org/"}),
    ],
)
def test_a_line_can_be_reached(organisation, constraint, fields):
    own = CountryLines.objects.create(organisation=organisation, country="GB", emergency="999")
    own.lines.create(position=1, name="A", call="116 123")
    with pytest.raises(IntegrityError, match=constraint):
        own.lines.create(**{"position": 2, "name": "B", "call": "116 123", **fields})
