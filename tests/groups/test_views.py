"""The directory, a group's page, the agreement, and leaving, through a browser's eyes."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from groups.models import Membership
from tests import factories

DIRECTORY = "/"


def text(response) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def names(response) -> list[str]:
    """Names on the cards, in order."""
    return re.findall(r'<h3><a href="/groups/[^"]+">([^<]+)</a></h3>', response.content.decode())


def count_of(response, value: str) -> int:
    return int(re.search(rf'value="{value}".*?class="count">(\d+)', text(response))[1])


def address(name: str, group) -> str:
    return reverse(f"groups:{name}", args=[group.slug])


# Directory ---------------------------------------------------------------------------------------


def test_directory_shows_what_a_card_must(client, group):
    group.capacity, group.minimum = 3, 2
    group.save()
    factories.series(group, rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", minutes=75)
    factories.support_session(
        group,
        starts_at=timezone.now().replace(hour=12, minute=30, second=0) + timedelta(days=3),
    )
    factories.facilitator(group)
    factories.member(group)
    group.topics.add(factories.topic(name="Low mood"))

    page = text(client.get(DIRECTORY))

    assert "2 of 3 places left" in page
    assert "Every 2 weeks, 75 minutes. Come when you can" in page
    assert "Online, by text chat" in page
    assert "Peer-led, one facilitator" in page
    assert "Low mood" in page
    assert "London" in page
    assert "1 group</h2>" in page


def test_directory_hides_what_is_not_listed(client, group):
    for lifecycle in ("draft", "paused", "closed"):
        factories.group(lifecycle=lifecycle, name=f"Secret {lifecycle}")

    assert names(client.get(DIRECTORY)) == [group.name]


def test_directory_says_when_a_group_is_full(client, db):
    group = factories.group(capacity=2, minimum=2)
    for _ in range(2):
        factories.member(group)

    page = text(client.get(DIRECTORY))

    assert "Full. You would be first on the waiting list" in page
    assert names(client.get(DIRECTORY, {"places": "free"})) == [group.name]  # as the nearest
    assert "No group fits all of this" in text(client.get(DIRECTORY, {"places": "free"}))


@pytest.fixture
def three(db):
    """A morning group online, an evening group at a place, and one of both kinds without dates."""
    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        grief = factories.topic(name="Grief", slug="grief")
        online = factories.group(name="Morning online")
        online.topics.add(grief)
        factories.support_session(online, starts_at=datetime(2026, 11, 4, 9, tzinfo=UTC))
        place = factories.group(
            name="Evening in York",
            format="in_person",
            place="York",
            facilitation="professionally_led",
        )
        factories.support_session(place, starts_at=datetime(2026, 11, 3, 19, tzinfo=UTC))
        factories.group(name="Whenever", format="hybrid", place="Leeds")
        yield


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Evening in York", "Morning online", "Whenever"]),
        ({"q": "york"}, ["Evening in York"]),
        ({"q": "grief"}, ["Morning online"]),
        ({"topic": "grief"}, ["Morning online"]),
        ({"format": "online"}, ["Morning online", "Whenever"]),
        ({"format": "in_person"}, ["Evening in York", "Whenever"]),
        ({"lead": "professionally_led"}, ["Evening in York"]),
        ({"part": "evening"}, ["Evening in York"]),
        ({"part": ["morning", "evening"]}, ["Evening in York", "Morning online"]),
        ({"format": "nonsense", "page": "99"}, ["Evening in York", "Morning online", "Whenever"]),
        ({"q": "a" * 101}, ["Evening in York", "Morning online", "Whenever"]),
        ({"q": "\x00"}, ["Evening in York", "Morning online", "Whenever"]),
    ],
)
def test_directory_filters(client, three, query, found):
    response = client.get(DIRECTORY, query)

    assert names(response) == found
    plural = "" if len(found) == 1 else "s"
    assert f"{len(found)} group{plural}" in text(response)


def test_directory_counts_beside_filters_are_what_the_list_gives(client, three):
    response = client.get(DIRECTORY, {"part": ["morning", "evening"]})

    assert count_of(response, "online") == 1
    assert count_of(response, "in_person") == 1
    assert count_of(response, "afternoon") == 0
    assert count_of(response, "grief") == 1


def test_directory_part_of_day_is_the_readers_own_but_a_place_keeps_its_clock(client, three):
    client.cookies["time_zone"] = "Asia/Tokyo"  # 9:00 in London is 18:00 there

    assert names(client.get(DIRECTORY, {"part": "evening"})) == [
        "Evening in York",
        "Morning online",
    ]
    page = text(client.get(DIRECTORY))
    assert "Tokyo" in page
    assert 'data-zone="Asia/Tokyo"' in page
    assert "7pm</time>, <span>London</span>" in page


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../etc/passwd", "", "\x00"])
def test_directory_survives_a_strange_zone(client, group, zone):
    client.cookies["time_zone"] = zone

    assert "London" in text(client.get(DIRECTORY))


def test_directory_without_a_match_shows_ways_on(client, three):
    response = client.get(DIRECTORY, {"q": "york", "part": "morning"})

    page = text(response)
    assert "No group fits all of this" in page
    assert '<a href="?q=york">Leave out Mornings</a>' in page
    assert "Leave out “york”" in page
    assert "These come closest" in page
    assert 'href="#help-now"' in page
    assert names(response) == ["Evening in York"]


def test_directory_without_any_group(client, db):
    assert "No group fits all of this" in text(client.get(DIRECTORY))


def test_directory_keeps_filters_across_pages(client, db):
    for number in range(12):
        factories.group(name=f"Circle {number:02}")

    first = client.get(DIRECTORY, {"lead": "peer_led"})
    second = client.get(DIRECTORY, {"lead": "peer_led", "page": 2})

    assert "lead=peer_led&amp;page=2" in text(first)
    assert (len(names(first)), len(names(second))) == (10, 2)


def test_directory_part_for_htmx(client, group):
    response = client.get(DIRECTORY, headers={"HX-Request": "true"})

    assert "<html" not in text(response)
    assert 'id="find"' in text(response)
    assert "1 group found" in text(response)
    assert "HX-Request" in response["Vary"]


def test_directory_escapes_what_was_searched(client, group):
    assert "<script>x" not in text(client.get(DIRECTORY, {"q": "<script>x"}))


@pytest.mark.parametrize("number", [2, 9])
def test_directory_asks_few_questions(client, db, number, django_assert_max_num_queries):
    topic = factories.topic()
    for _ in range(number):
        group = factories.group()
        group.topics.add(topic)
        factories.series(group)
        factories.facilitator(group)
        factories.support_session(group)
        factories.member(group)

    with django_assert_max_num_queries(8):
        client.get(DIRECTORY)
    with django_assert_max_num_queries(10):
        client.get(DIRECTORY, {"q": "zebra"})


# Time zone ---------------------------------------------------------------------------------------


def test_time_zone_is_kept_in_a_cookie_and_leads_back(client, group):
    response = client.post(
        "/time-zone/", {"time_zone": "America/New_York", "next": "/?part=evening"}
    )

    assert response["Location"] == "/?part=evening"
    assert client.cookies["time_zone"].value == "America/New_York"
    assert "New York" in text(client.get(DIRECTORY))


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example", ""])
def test_time_zone_leads_only_to_our_own_pages(client, db, next_page):
    response = client.post("/time-zone/", {"time_zone": "Europe/Paris", "next": next_page})

    assert response["Location"] == "/"


@pytest.mark.parametrize("zone", ["", "Nowhere/Land"])
def test_time_zone_explains_what_is_wrong(client, db, zone):
    page = text(client.post("/time-zone/", {"time_zone": zone}))

    assert "<title>Error: Change time zone" in page
    assert 'href="#id_time_zone">Choose a time zone.' in page
    assert "time_zone" not in client.cookies


def test_time_zone_of_people_with_an_account_is_a_setting(member):
    assert member.client.get("/time-zone/")["Location"] == reverse("accounts:profile")


# One group ---------------------------------------------------------------------------------------


def test_group_detail_says_what_one_is_getting_into(client, group, facilitator):
    role = facilitator.user.staff_roles.get()
    role.training, role.supervision = "Leading groups (24 hours)", "A supervisor every month"
    role.checked_on = "2026-09-01"
    role.save()
    group.who_it_is_for, group.keeps_messages_days = "Parents of small children", 14
    group.save()
    factories.series(group)
    session = factories.support_session(group)
    group.agenda_template.create(position=1, title="Check in", note="You can pass.", minutes=20)

    page = text(client.get(address("group_detail", group)))

    for words in (
        "Parents of small children",
        "Check in",
        "You can pass.",
        "Ask before you give advice.",
        "Leading groups (24 hours)",
        "September 2026",
        "A supervisor every month",
        "Messages are deleted 14 days after",
        "not therapy, not medical advice and not an emergency service",
        "Ask to join",
        f"{session.starts_at:%Y-%m-%dT%H:%M:%SZ}",
    ):
        assert words in page


@pytest.mark.parametrize("lifecycle", ["draft", "paused", "closed"])
def test_group_detail_is_404_for_whom_it_is_no_business(cast, group, lifecycle):
    group.lifecycle = lifecycle
    group.save()

    for who in ("visitor", "outsider", "other_coordinator"):
        assert cast[who].client.get(address("group_detail", group)).status_code == 404
    for who in ("applicant", "member", "facilitator", "coordinator"):
        assert cast[who].client.get(address("group_detail", group)).status_code == 200


def test_group_detail_in_person_keeps_the_time_of_the_place(client, db):
    group = factories.group(format="in_person", place="Leeds LS6", address="4 Secret Street")
    session = factories.support_session(
        group, starts_at=(timezone.now() + timedelta(days=2)).replace(hour=18, minute=0)
    )
    client.cookies["time_zone"] = "Asia/Tokyo"

    page = text(client.get(address("group_detail", group)))

    assert "London" in page
    assert "Tokyo" not in page.replace('data-zone="Asia/Tokyo"', "")
    stamp = f"{session.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    assert f'datetime="{stamp}" data-local' not in page
    assert "Secret Street" not in page


def test_group_detail_gives_the_address_to_members_and_staff_only(cast, group):
    group.address = "4 Secret Street"
    group.save()

    for who, may_know in (
        ("visitor", False),
        ("outsider", False),
        ("applicant", False),
        ("member", True),
        ("facilitator", True),
        ("coordinator", True),
        ("other_coordinator", False),
    ):
        page = text(cast[who].client.get(address("group_detail", group)))
        assert ("Secret Street" in page) == may_know


def test_group_detail_next_step_follows_the_state(cast, group):
    def main_action(who):
        page = text(cast[who].client.get(address("group_detail", group)))
        found = re.search(r'<a class="btn btn--wide" href="([^"]+)"', page)
        return found[1] if found else None

    session = factories.support_session(group)
    join = reverse("screening:join", args=[group.slug])
    assert main_action("visitor") == join
    assert main_action("outsider") == join
    application = cast["applicant"].user.applications.get()
    assert main_action("applicant") == reverse(
        "screening:application_detail", args=[application.pk]
    )
    assert main_action("member") == reverse("sessions:session_detail", args=[session.pk])
    assert main_action("facilitator") == reverse("sessions:session_detail", args=[session.pk])

    session.starts_at = timezone.now() + timedelta(minutes=5)
    session.save()
    assert main_action("member") == reverse("sessions:room_enter", args=[session.pk])

    factories.agreement(group)
    assert main_action("member") == address("agreement", group)

    factories.application(group, user=cast["outsider"].user)
    page = text(cast["outsider"].client.get(address("group_detail", group)))
    assert "Go on with your questions" in page


def test_group_detail_of_a_full_group_names_wait_and_alternatives(client, db):
    topic = factories.topic()
    full, other = factories.group(capacity=2, minimum=2), factories.group(name="Other circle")
    now = timezone.now()
    for group in (full, other):
        group.topics.add(topic)
    for _ in range(2):
        factories.member(full)
    for days in (10, 12, 14):
        factories.membership(
            group=full,
            status="completed",
            waitlisted_at=now - timedelta(days=days),
            accepted_at=now,
        )

    response = client.get(address("group_detail", full))

    assert "Join the waiting list" in text(response)
    assert "about 12 days" in text(response)
    assert names(response) == ["Other circle"]


def test_group_detail_asks_few_questions(member, group, django_assert_max_num_queries):
    for _ in range(4):
        factories.facilitator(group)
        factories.support_session(group)

    with django_assert_max_num_queries(24):
        member.client.get(address("group_detail", group))


# Agreement ---------------------------------------------------------------------------------------


@pytest.fixture
def accepted(group, outsider):
    """Somebody who has a place and still has to sign."""
    factories.membership(group=group, user=outsider.user, status="accepted")
    return outsider


def sign(person, group, **changes):
    data = {"version": group.current_agreement().version, "agrees": "on", "signed_name": "Outsider"}
    return person.client.post(address("agreement", group), {**data, **changes}, follow=True)


def test_agreement_signed_makes_a_member(accepted, group):
    page = text(accepted.client.get(address("agreement", group)))
    assert "What is said here stays here" in page

    page = text(sign(accepted, group))

    assert "Thank you for signing" in page
    assert "You are a member" in page
    membership = accepted.user.memberships.get()
    assert membership.status == Membership.Status.ACTIVE
    assert membership.signatures.get().signed_name == "Outsider"
    assert "You signed this as <b>Outsider</b>" in text(
        accepted.client.get(address("agreement", group))
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"agrees": ""}, "agrees", "Tick the box to agree"),
        ({"signed_name": ""}, "signed_name", "Type your display name to sign."),
        ({"signed_name": "Somebody"}, "signed_name", "Type the name that others see: Outsider"),
    ],
)
def test_agreement_says_what_is_missing_and_keeps_the_rest(
    accepted, group, changes, field, message
):
    page = text(sign(accepted, group, **changes))

    assert "<title>Error:" in page
    assert f'href="#id_{field}">{message}' in page
    assert page.count(message) == 2
    if field != "signed_name":
        assert 'value="Outsider"' in page
    assert accepted.user.memberships.get().status == Membership.Status.ACCEPTED


def test_agreement_forgives_case_and_spaces_in_the_name(accepted, group):
    assert "You are a member" in text(sign(accepted, group, signed_name="  outsider "))


def test_agreement_replaced_while_reading_must_be_read_again(accepted, group):
    factories.agreement(group, text="New clause. Please read.")

    page = text(sign(accepted, group, version=1))

    assert "updated while you were reading" in page
    assert "New clause" in page
    assert 'name="version" value="2"' in page
    assert not accepted.user.memberships.get().signatures.exists()


def test_agreement_again_after_a_new_version(member, group):
    factories.agreement(group, text="New clause. Please read.")

    page = text(member.client.get(address("agreement", group)))
    assert "The agreement has changed" in page
    assert "You signed version 1" in page
    assert "Read the version you signed before" in page

    assert "You are a member" in text(sign(member, group, signed_name="Member"))
    assert member.user.memberships.in_good_standing().exists()


@pytest.mark.parametrize("who", ["outsider", "applicant", "facilitator", "coordinator"])
def test_agreement_is_for_people_with_a_place(cast, group, who):
    response = cast[who].client.get(address("agreement", group))

    assert response.status_code == 403
    assert "once you have a place" in response.content.decode()
    assert address("group_detail", group) in response.content.decode()


def test_agreement_asks_visitors_to_sign_in(client, group):
    assert client.get(address("agreement", group))["Location"] == (
        f"{reverse('account_login')}?next={quote(address('agreement', group))}"
    )


# Leaving -----------------------------------------------------------------------------------------


def test_leave_takes_two_clicks_and_no_reason(member, group):
    assert "Leave the group" in text(member.client.get(address("group_detail", group)))
    assert f"Leave {group.name}?" in text(member.client.get(address("leave", group)))

    page = text(member.client.post(address("leave", group), {}, follow=True))

    assert "You have left the group" in page
    membership = member.user.memberships.get()
    assert (membership.status, membership.end_reason) == (Membership.Status.WITHDRAWN, "")


def test_leave_keeps_a_reason_and_says_when_it_is_too_long(member, group):
    page = text(member.client.post(address("leave", group), {"reason": "x" * 301}))
    assert "Use up to 300 characters." in page
    assert "x" * 301 in page

    member.client.post(address("leave", group), {"reason": "Moving away"})
    assert member.user.memberships.get().end_reason == "Moving away"


@pytest.mark.parametrize(
    ("status", "words"),
    [("waitlisted", "Leave the waiting list?"), ("accepted", "Give your place back?")],
)
def test_leave_before_being_a_member(outsider, group, status, words):
    factories.membership(group=group, user=outsider.user, status=status)

    assert words in text(outsider.client.get(address("leave", group)))
    outsider.client.post(address("leave", group))
    assert outsider.user.memberships.get().status == Membership.Status.WITHDRAWN


def test_leave_sends_applicants_to_their_request(applicant, group):
    response = applicant.client.get(address("leave", group))

    assert response["Location"] == reverse(
        "screening:application_detail", args=[applicant.user.applications.get().pk]
    )


def test_leave_is_for_those_who_belong(outsider, group):
    response = outsider.client.post(address("leave", group))

    assert response.status_code == 403
    assert "nothing to leave" in response.content.decode()
