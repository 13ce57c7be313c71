"""The directory and a group's page, through a browser's eyes."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from groups.models import SupportGroup
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
    assert '<b>Online</b></span><span class="vh">: </span>' in page
    assert "by text chat" in page
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
    results = page[page.index('id="results"') :]
    assert 'href="tel:' in results[: results.index("</section>")]
    assert names(response)[0] == "Evening in York"


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


@pytest.mark.parametrize("who", ["visitor", "member", "facilitator", "coordinator"])
@pytest.mark.parametrize("query", [{}, {"q": "zebra"}, {"q": "grop", "part": "evening"}])
def test_directory_asks_few_questions(cast, group, who, query, django_assert_max_num_queries):
    topic = factories.topic()
    for one in [group, *(factories.group() for _ in range(11))]:
        one.topics.add(topic)
        factories.series(one)
        factories.facilitator(one)
        factories.support_session(one)
        factories.member(one)

    with django_assert_max_num_queries(8):
        cast[who].client.get(DIRECTORY, query)


def test_directory_says_what_was_meant(client, db):
    factories.group(name="Anxiety circle")

    page = text(client.get(DIRECTORY, {"q": "anxeity"}))

    assert "1 group for “anxeity”" in page
    assert "about <b>“anxiety”</b>" in page


def test_directory_near_a_place(client, db):
    factories.group(
        name="Close", format="in_person", place="Leeds LS6", latitude="53.82", longitude="-1.57"
    )
    factories.group(name="Far", format="in_person", latitude="51.50", longitude="-0.12")

    response = client.get(DIRECTORY, {"near": "53.8012345, -1.5498765"})
    page = text(response)

    assert names(response) == ["Close", "Far"]
    assert "About 3 km away" in page
    assert "About 270 km away" in page
    assert 'value="53.80, -1.55"' in page
    assert names(client.get(DIRECTORY, {"near": "53.80,-1.55", "radius": "5"})) == ["Close"]


@pytest.mark.parametrize("near", ["Leeds", "91, 0", "0, 181", "1", "1e9, 2", "nan, nan"])
def test_directory_explains_a_place_that_it_cannot_read(client, group, near):
    response = client.get(DIRECTORY, {"near": near, "radius": "5"})

    page = text(response)
    assert "<title>Error: " in page
    assert '<li><a href="#id_near">Give two numbers in degrees' in page
    assert '<details class="filters__box" open>' in page
    assert f'value="{near}"' in page
    assert names(response) == [group.name]


def test_directory_part_explains_a_place_that_it_cannot_read(client, group):
    wrong = text(client.get(DIRECTORY, {"near": "Leeds"}, headers={"HX-Request": "true"}))
    right = text(client.get(DIRECTORY, {"near": "1, 1"}, headers={"HX-Request": "true"}))

    assert '<div id="find-errors" hx-swap-oob="innerHTML"><div class="page page-top">' in wrong
    assert '<div id="find-errors" hx-swap-oob="innerHTML"></div>' in right


def test_directory_leaves_out_what_no_filter_knows_without_an_error(client, group):
    page = text(client.get(DIRECTORY, {"format": "by pigeon", "q": "x" * 101}))

    assert "Error: " not in page
    assert '<details class="filters__box">' in page


def test_directory_may_ask_where_the_browser_is_and_other_pages_may_not(client, group):
    assert "geolocation=(self)" in client.get(DIRECTORY)["Permissions-Policy"]
    other = client.get(address("group_detail", group))["Permissions-Policy"]
    assert "geolocation=()" in other


def test_directory_for_search_engines(client, group):
    plain, narrowed = text(client.get(DIRECTORY)), text(client.get(DIRECTORY, {"part": "evening"}))

    assert 'name="robots"' not in plain
    assert 'content="noindex, follow"' in narrowed
    for page in (plain, narrowed):
        assert '<link rel="canonical" href="http' in page
        assert 'property="og:title"' in page


@pytest.mark.parametrize(
    ("kind", "words", "detail"),
    [
        ("online", "Online", "by text chat"),
        ("in_person", "In person", "Leeds LS6"),
        ("hybrid", "Online or in person", "by text chat, or in Leeds LS6"),
    ],
)
def test_how_a_group_meets_cannot_be_mistaken(client, db, kind, words, detail):
    group = factories.group(format=kind, place="Leeds LS6")

    for where in (DIRECTORY, address("group_detail", group)):
        page = text(client.get(where))
        assert f"<b>{words}</b>" in page
        assert f'<span class="meets__detail">{detail}</span>' in page


def test_a_course_says_when_it_starts_and_until_when_it_takes_people(client, db):
    now = datetime(2026, 2, 2, 12, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        group = factories.group(attendance="closed", course_sessions=8)
        factories.support_session(group, starts_at=datetime(2026, 3, 3, 19, tzinfo=UTC))
        for where in (DIRECTORY, address("group_detail", group)):
            assert "Starts 3 March, 8 sessions; takes people until then" in text(client.get(where))

    with time_machine.travel(datetime(2026, 3, 4, 12, tzinfo=UTC), tick=False):
        assert "A course of 8 sessions that has begun" in text(client.get(DIRECTORY))
        page = text(client.get(address("group_detail", group)))
        assert "This course has begun" in page
        assert "Ask to join" not in page


# Suggestions -------------------------------------------------------------------------------------


def test_suggest_asks_a_few_questions(client, group):
    group.topics.add(factories.topic(name="Grief", slug="grief"))
    factories.topic(name="Of nobody")

    page = text(client.get("/suggest/"))

    assert "Which group may suit you?" in page
    assert "What brings you here?" in page
    assert '<optgroup label="About a condition">' in page
    assert ">Grief</option>" in page
    assert "Of nobody" not in page
    assert names(client.get("/suggest/")) == []


def test_suggest_gives_the_reason_for_each(client, three):
    response = client.get("/suggest/", {"topic": "grief", "format": "online", "part": "evening"})

    page = text(response)
    assert names(response) == ["Morning online"]
    for words in (
        "<span>About grief</span>",
        "<span>Online</span>",
        "places left</span>",
        "<span>But: Not in the evening, your time</span>",
    ):
        assert words in page
    assert 'value="grief" selected' in page
    assert 'content="noindex, follow"' in page


def test_suggest_in_person_names_the_clock_of_the_place(client, three):
    page = text(client.get("/suggest/", {"format": "in_person", "part": "evening"}))

    assert "In the evening, London time" in page


def test_suggest_without_any_answer_gives_groups_with_a_place(client, three):
    response = client.get("/suggest/", {"topic": "", "format": "", "part": "", "lead": ""})

    assert len(names(response)) == 3
    assert "12 places left" in text(response)


def test_suggest_without_any_group(client, db):
    page = text(client.get("/suggest/?topic="))

    assert "There is no group yet" in page
    assert 'href="#help-now"' in page


def test_suggest_leaves_out_what_makes_no_sense(client, group):
    response = client.get("/suggest/", {"topic": "nothing", "format": "x"})

    assert names(response) == [group.name]
    assert "Error:" not in text(response)


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


SECRETS = {
    "address": "4 Secret Street",
    "room": "The secret room",
    "online_link": "https://meet.example/secret",
    "joining_details": "Ring the secret bell",
}


@pytest.mark.parametrize("kind", ["online", "in_person", "hybrid"])
def test_the_way_in_is_told_to_members_and_staff_only(cast, group, kind):
    SupportGroup.objects.filter(pk=group.pk).update(format=kind, place="Leeds LS6", **SECRETS)
    factories.support_session(group, note="This time behind the secret hall.")

    for who, may_know in (
        ("visitor", False),
        ("outsider", False),
        ("applicant", False),
        ("member", True),
        ("facilitator", True),
        ("coordinator", True),
        ("other_coordinator", False),
    ):
        browser = cast[who].client
        page = text(browser.get(address("group_detail", group)))
        # A day before, members see the address; the link comes ten minutes before the start.
        knows_link = who in ("facilitator", "coordinator")
        knows_details = knows_link or (may_know and kind != "online")
        shown = [may_know, may_know, knows_link, knows_details]
        assert [secret in page for secret in SECRETS.values()] == shown
        assert ("behind the secret hall" in page) == may_know
        head = page[: page.index("<body")]
        assert "application/ld+json" in head
        for elsewhere in (
            head,
            text(browser.get(DIRECTORY)),
            text(browser.get(DIRECTORY, {"q": "secret"})),
            text(browser.get("/suggest/?topic=")),
        ):
            assert not any(secret in elsewhere for secret in SECRETS.values())
        assert "No group fits" in text(browser.get(DIRECTORY, {"q": "secret"}))

    factories.agreement(group)  # not signed yet, so not in good standing
    page = text(cast["member"].client.get(address("group_detail", group)))
    assert not any(secret in page for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [(24 * 60 + 5, [False, False]), (23 * 60, [True, False]), (9, [True, True])],
)
def test_group_detail_tells_a_member_the_way_in_time(member, group, minutes, shown):
    SupportGroup.objects.filter(pk=group.pk).update(format="hybrid", place="Leeds", **SECRETS)
    factories.support_session(group, starts_at=timezone.now() + timedelta(minutes=minutes))
    page = text(member.client.get(address("group_detail", group)))
    told = [SECRETS["address"] in page, SECRETS["online_link"] in page]
    assert told == shown
    session = group.support_sessions.get()
    page = text(member.client.get(f"/sessions/{session.pk}/"))
    assert [SECRETS["address"] in page, SECRETS["online_link"] in page] == shown


def test_group_detail_for_search_engines_and_previews(client, group):
    group.purpose = "Talk </script><b>&amp; listen."
    group.save()
    factories.series(group)

    response = client.get(address("group_detail", group))
    page = text(response)

    assert "<title>Evening circle: online support group, weekly" in page
    assert 'name="robots"' not in page
    assert f'href="{settings.SITE_URL}{address("group_detail", group)}"' in page
    assert 'property="og:description"' in page
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)[1]
    assert json.loads(data)["description"].startswith("Talk </script><b>&amp; listen.")


def test_group_detail_of_a_paused_group_tells_its_members_why(cast, group):
    group.lifecycle, group.lifecycle_message = "paused", "We are back in May."
    group.save()

    page = text(cast["member"].client.get(address("group_detail", group)))

    assert "This group is taking a break" in page
    assert "We are back in May." in page
    assert "ld+json" not in page
    assert '<meta name="robots" content="noindex">' in page


def test_group_detail_of_a_feed_names_its_network(client, group):
    group.is_from_feed = True
    group.save()

    assert "the list of Harbour Network" in text(client.get(address("group_detail", group)))
    assert "from the list of Harbour Network" in text(client.get(DIRECTORY))


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


def test_group_detail_tells_staff_that_dates_follow(group, facilitator, member):
    where = reverse("groups:group_detail", args=[group.slug])
    soon, none = "Dates are made within a minute.", "No date is set yet."
    assert none in facilitator.client.get(where).content.decode()

    factories.series(group)
    assert soon in facilitator.client.get(where).content.decode()
    assert none in member.client.get(where).content.decode()

    # A course that is over waits for nothing.
    factories.support_session(group, status="ended")
    assert none in facilitator.client.get(where).content.decode()
