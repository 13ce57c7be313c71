"""The pages of an organisation's people."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import tasks
from accounts.models import StaffRole, User
from tests import factories
from tests.accounts.test_sign_in import code_in

ADDED = {
    "email": "river@example.org",
    "display_name": "River",
    "role": "facilitator",
    "training": "Leading groups (24 hours)",
    "checked_on": "2026-05-01",
    "supervision": "Monthly",
    "on_call_position": "2",
}


def address(name, organisation):
    return reverse(f"accounts:{name}", args=[organisation.slug])


def add(person, organisation, **changes):
    url = address("staff_add", organisation)
    return person.client.post(url, {**ADDED, **changes}, follow=True)


def words(response):
    """The page's text, its spaces evened."""
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(text.split())


def test_staff_list_begins_with_a_way_on(organisation, coordinator):
    page = words(coordinator.client.get(address("staff_list", organisation)))

    assert "So far it is only you" in page
    assert "Coordinator (you)" in page
    assert "Nobody is on call" not in page


def test_staff_list_shows_everything_to_coordinators(organisation, coordinator, facilitator):
    add(coordinator, organisation)

    page = words(coordinator.client.get(address("staff_list", organisation)))

    assert facilitator.user.email in page
    assert "river@example.org" in page
    assert "Asked, not signed in yet" in page
    assert "Leading groups (24 hours)" in page
    assert "1 May 2026" in page
    assert "On call: second" in page
    # Who has not signed in has agreed to nothing, and an account's own name stays its own.
    assert "River" not in page


def test_staff_list_hides_addresses_and_who_was_asked_from_colleagues(
    organisation, coordinator, facilitator
):
    add(coordinator, organisation)

    page = words(facilitator.client.get(address("staff_list", organisation)))

    assert "Coordinator" in page
    assert "Facilitator (you)" in page
    for secret in (coordinator.user.email, "river@example.org", "Change", "Add somebody"):
        assert secret not in page
    assert "Give this role up" in page


def test_staff_list_asks_few_questions(organisation, coordinator, django_assert_max_num_queries):
    for _ in range(15):
        factories.staff_role(organisation=organisation, role="facilitator")

    with django_assert_max_num_queries(14):
        coordinator.client.get(address("staff_list", organisation))


def test_staff_add_answers_the_same_for_a_known_address(organisation, coordinator):
    factories.user(email="heather@example.org", display_name="Heather")

    answers = [
        words(add(coordinator, organisation, email=email, on_call_position=""))
        for email in ("river@example.org", "heather@example.org")
    ]

    told = [re.search(r"Added\. We write to (\S+) how to sign in", each) for each in answers]
    assert [match.group(1) for match in told] == ["river@example.org", "heather@example.org"]
    assert "Heather" not in answers[1]


def test_staff_add_leads_to_signing_in_by_code(organisation, coordinator):
    add(coordinator, organisation)
    role = StaffRole.objects.get(user__email="river@example.org")
    tasks.invite_person(str(role.pk))
    [link] = re.findall(r"https?://\S+(/organisations/\S+)", mail.outbox[-1].body)

    browser = Client()
    assert reverse("account_login") in browser.get(link).url
    response = browser.post(
        reverse("account_request_login_code"), {"email": "river@example.org", "next": link}
    )
    response = browser.post(response.url, {"code": code_in(mail.outbox[-1])})

    assert response.url == link
    assert "River (you)" in words(browser.get(link))
    assert "River" in words(coordinator.client.get(address("staff_list", organisation)))
    assert StaffRole.objects.get(pk=role.pk).has_signed_in


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"email": ""}, "Write the address"),
        ({"email": "river"}, "Write an address like"),
        ({"display_name": "river@example.org"}, "Enter a name, not an e-mail address"),
        ({"role": ""}, "Choose what this person does"),
        ({"checked_on": "2999-01-01"}, "still to come"),
        ({"checked_on": "soon"}, "does not exist"),
        ({"on_call_position": "0"}, "The first number is 1"),
        ({"on_call_position": "1"}, "Number 1 is Coordinator. Choose another number"),
        ({"training": "x" * 201}, "Use up to 200 characters"),
    ],
)
def test_staff_add_says_what_is_wrong_and_keeps_what_was_typed(
    organisation, coordinator, typed, problem
):
    response = add(coordinator, organisation, **typed)

    assert problem in words(response)
    assert 'value="Monthly"' in response.content.decode()
    assert "<title>Error: " in response.content.decode()
    assert not User.objects.filter(email="river@example.org").exists()


def test_staff_change_changes_and_says_why_not(organisation, group, coordinator, facilitator):
    role = StaffRole.objects.get(user=facilitator.user)
    url = reverse("accounts:staff_change", args=[role.pk])
    assert group.name in words(coordinator.client.get(url))

    response = coordinator.client.post(url, {"role": "supervisor", "training": "New"})
    assert "They lead Evening circle. Remove them there first." in words(response)
    response = coordinator.client.post(url, {"role": "facilitator", "training": "New"})

    assert response.url == address("staff_list", organisation)
    role.refresh_from_db()
    assert (role.role, role.training) == ("facilitator", "New")


def test_staff_remove_asks_first(organisation, coordinator):
    add(coordinator, organisation)
    role = StaffRole.objects.get(user__email="river@example.org")
    url = reverse("accounts:staff_remove", args=[role.pk])

    assert "What happens" in words(coordinator.client.get(url))
    assert StaffRole.objects.filter(pk=role.pk).exists()
    response = coordinator.client.post(url, follow=True)

    assert not StaffRole.objects.filter(pk=role.pk).exists()
    assert "river@example.org is no longer a facilitator." in words(response)


def test_staff_remove_warns_of_what_stays(organisation, coordinator, member):
    person = factories.user(display_name="Alder")
    role = factories.staff_role(user=person, organisation=organisation, role="supervisor")
    factories.group(organisation=organisation, name="Morning circle", overseer=person)
    factories.concern(organisation=organisation, about=member.user, assigned_to=person)

    page = words(coordinator.client.get(reverse("accounts:staff_remove", args=[role.pk])))

    assert "They oversee 1 group." in page
    assert "Morning circle" in page
    assert "named in 1 open concern." in page


def test_staff_remove_names_the_groups_that_somebody_leads(group, coordinator, facilitator):
    role = StaffRole.objects.get(user=facilitator.user)
    url = reverse("accounts:staff_remove", args=[role.pk])

    for response in (coordinator.client.get(url), coordinator.client.post(url)):
        page = response.content.decode()
        assert "Evening circle" in page
        assert reverse("sessions:facilitators", args=[group.slug]) in page
        assert "What happens" not in page
    assert "Ask a coordinator to name somebody else" in words(facilitator.client.get(url))
    assert StaffRole.objects.filter(pk=role.pk).exists()


def test_staff_remove_keeps_the_last_coordinator(organisation, coordinator):
    role = StaffRole.objects.get(user=coordinator.user)

    page = words(coordinator.client.post(reverse("accounts:staff_remove", args=[role.pk])))

    assert "You are the last coordinator." in page
    assert StaffRole.objects.filter(pk=role.pk).exists()


def test_staff_remove_lets_people_give_their_own_role_up(organisation, coordinator):
    factories.staff_role(organisation=organisation)
    role = StaffRole.objects.get(user=coordinator.user)

    response = coordinator.client.post(
        reverse("accounts:staff_remove", args=[role.pk]), follow=True
    )

    assert response.redirect_chain[0][0] == reverse("accounts:profile")
    assert "You are no longer a coordinator at Harbour Network." in words(response)
    assert coordinator.client.get(address("staff_list", organisation)).status_code == 404


def test_roles_of_other_organisations_do_not_exist(organisation, coordinator, other_coordinator):
    role = StaffRole.objects.get(user=coordinator.user)
    before = list(StaffRole.objects.values())

    for url in (
        address("staff_list", organisation),
        address("staff_add", organisation),
        reverse("accounts:staff_change", args=[role.pk]),
        reverse("accounts:staff_remove", args=[role.pk]),
    ):
        assert other_coordinator.client.get(url).status_code == 404
        assert other_coordinator.client.post(url, ADDED).status_code in (404, 405)
    assert list(StaffRole.objects.values()) == before


def test_pages_that_need_people_lead_here(organisation, group, coordinator, facilitator):
    list_url = address("staff_list", organisation)
    add_url = address("staff_add", organisation)
    client = coordinator.client

    assert list_url in client.get(reverse("groups:group_list")).content.decode()
    assert list_url in client.get(reverse("accounts:profile")).content.decode()
    for step in ("sessions:facilitators", "groups:setup_people"):
        assert add_url in client.get(reverse(step, args=[group.slug])).content.decode()
