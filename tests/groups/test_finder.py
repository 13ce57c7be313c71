"""What the search finds, in which order, and what the numbers beside the filters say."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groups import finder, rules
from groups.finder import Choice
from groups.models import SearchEntry, SupportGroup
from tests import factories

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday

pytestmark = pytest.mark.django_db


def find(words="", *, near=None, zone="Europe/London", at=NOW, **chosen):
    keywords = {name: chosen.pop(name) for name in ("page", "always_near") if name in chosen}
    return finder.find(Choice(words, chosen, near), at=at, zone=zone, **keywords)


def named(hits) -> list[str]:
    names = dict(SupportGroup.objects.values_list("pk", "name"))
    return [names[hit.pk] for hit in hits]


def found(words="", **chosen) -> list[str]:
    return named(find(words, **chosen).hits)


def count(answer, name, value) -> int:
    options = (o for facet in answer.facets if facet.name == name for o in facet.options)
    return next((o.count for o in options if o.value == value), 0)


def meets(group, *days, hour=19):
    """Sessions so many days from NOW, at that hour of UTC."""
    for day in days:
        factories.support_session(
            group, starts_at=NOW.replace(hour=hour) + timedelta(days=day), recurrence_id=NOW
        )
    return group


# Words -------------------------------------------------------------------------------------------


@pytest.fixture
def circles(db):
    """Groups that say what they are about in different places."""
    factories.group(name="Anxiety and panic", purpose="Learn to breathe.")
    by_topic = factories.group(name="Quiet evenings", purpose="A steady circle.")
    by_topic.topics.add(factories.topic(name="Anxiety", slug="anxiety"))
    factories.group(name="Tuesday circle", purpose="For anybody with anxiety at work.")
    factories.group(name="By the sea", purpose="Talk.", place="Anxiety Bay", format="in_person")
    grief = factories.group(
        name="After a loss", purpose="For people who grieve.", place="Leeds LS6"
    )
    grief.topics.add(factories.topic(name="Grief", slug="grief"))
    factories.group(name="New parents", purpose="The postnatal months.", language="en")
    factories.group(name="Gemeinsam", purpose="Für Eltern, die sich Sorgen machen.", language="de")


@pytest.mark.parametrize(
    "words",
    [
        "anxiety",
        "Anxiety",
        "anxeity",
        "ANXIETIES",
        "anxity",
        "anxiet",
        "anxi",
        "anxietty",
        "ánxiety",
    ],
)
def test_words_find_forms_and_forgive_mistakes_best_place_first(circles, words):
    assert found(words) == [
        "Anxiety and panic",
        "Quiet evenings",
        "Tuesday circle",
        "By the sea",
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("grieving", ["After a loss"]),
        ("greif", ["After a loss"]),
        ("grief leeds", ["After a loss"]),
        ("grief york", []),
        ("post natal", ["New parents"]),
        ("post-natal", ["New parents"]),
        ("parents", ["New parents"]),
        ("a parent", ["New parents"]),
        ("Sorge", ["Gemeinsam"]),
        ("für eltern", ["Gemeinsam"]),
        ("fur eltern", ["Gemeinsam"]),
        ('"steady circle"', ["Quiet evenings"]),
        ('"circle steady"', []),
        ("circle -steady", ["Tuesday circle"]),
        ("loss or parents", ["After a loss", "New parents"]),
    ],
)
def test_words_find(circles, words, names):
    assert sorted(found(words)) == sorted(names)


def test_a_word_in_two_parts_finds_it_whole_and_the_other_way_round(db):
    factories.group(name="Post natal circle")

    assert found("postnatal") == ["Post natal circle"]


@pytest.mark.parametrize("words", ["caerrs", "craers", "evening caresr"])
def test_letters_that_changed_places_are_forgiven_in_short_words(db, words):
    factories.group(name="Evening for carers")
    factories.group(name="Evening for nobody else")

    answer = find(words)

    assert named(answer.hits) == ["Evening for carers"]
    assert answer.meant.endswith("carers")


def test_what_was_meant_is_said_only_when_nobody_says_what_was_typed(circles):
    assert find("anxeity").meant == "anxiety"
    assert find("anxiety").meant == ""
    assert find("zebra").meant == ""


def test_a_word_of_an_unlisted_group_tells_nothing(circles):
    factories.group(name="Zebras", lifecycle="draft")

    answer = find("zebrra")

    assert (answer.total, answer.meant) == (0, "")


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [("greif", "grief", 1), ("anxeity", "anxiety", 1), ("sleep", "", 5), ("sleep", "sleeps", 1)],
)
def test_slips(one, other, number):
    assert finder.slips(one, other) == finder.slips(other, one) == number


STRANGE = st.one_of(
    st.text(max_size=120),
    st.text(alphabet="&|!<>():*'\"\\-% \x00{}$?:@ĀŉßᏣ①½²🜁the", max_size=60),
    st.sampled_from(["the and of", "!!!", "a" * 5000, "🙂", "\x00", "%(words)s", "':*", "-", '"']),
    st.sampled_from(["\\", "the", "ß" * 50, "x" * 39 + " " + "y" * 41, "1/2 ½", "a:*&b"]),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=STRANGE)
def test_no_words_end_in_an_error(circles, words):
    answer = find(words)

    assert answer.total == len(answer.hits) or answer.total > finder.PAGE_SIZE


# Triggers ----------------------------------------------------------------------------------------


def test_what_is_searched_follows_the_group_and_its_topics(group):
    topic = factories.topic(name="Sleep")
    assert found("sleep") == []

    group.topics.add(topic)
    assert found("sleep") == [group.name]

    topic.name = "Insomnia"
    topic.save()
    assert (found("sleep"), found("insomnia")) == ([], [group.name])

    group.topics.remove(topic)
    assert found("insomnia") == []

    group.name = "Night owls"
    group.save()
    assert found("owl") == ["Night owls"]

    SupportGroup.objects.filter(pk=group.pk).update(place="Kirkwall", language="de")
    assert found("kirkwall") == ["Night owls"]
    assert SearchEntry.objects.get(group=group).words.startswith("night owls")


def test_what_is_searched_goes_with_the_group(db):
    group = SupportGroup.objects.create(
        organisation=factories.organisation(),
        name="Short",
        slug="short",
        facilitation="professionally_led",
        format="online",
        admission="screened",
    )
    assert SearchEntry.objects.filter(group=group).exists()

    group.delete()
    assert not SearchEntry.objects.exists()


# Filters -----------------------------------------------------------------------------------------


@pytest.fixture
def three(db):
    """Online on Wednesday mornings, at a place on Tuesday evenings, and both without dates."""
    online = meets(factories.group(name="Morning online"), 2, 9, hour=9)
    online.topics.add(factories.topic(name="Grief", slug="grief"))
    place = factories.group(
        name="Evening in York",
        format="in_person",
        place="York",
        facilitation="professionally_led",
        attendance="closed",
        accessibility_features=["step_free", "hearing_loop"],
        latitude="53.96",
        longitude="-1.08",
    )
    meets(place, 1)
    factories.group(
        name="Whenever",
        format="hybrid",
        place="Leeds",
        language="de",
        accessibility_features=["step_free"],
        latitude="53.80",
        longitude="-1.55",
    )


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, ["Evening in York", "Morning online", "Whenever"]),
        ({"topic": ["grief"]}, ["Morning online"]),
        ({"topic": ["unknown"]}, ["Evening in York", "Morning online", "Whenever"]),
        ({"format": ["online"]}, ["Morning online", "Whenever"]),
        ({"format": ["in_person"]}, ["Evening in York", "Whenever"]),
        ({"format": ["online", "in_person"]}, ["Evening in York", "Morning online", "Whenever"]),
        ({"lead": ["professionally_led"]}, ["Evening in York"]),
        ({"attendance": ["closed"]}, ["Evening in York"]),
        ({"language": ["de"]}, ["Whenever"]),
        ({"access": ["step_free"]}, ["Evening in York", "Whenever"]),
        ({"access": ["step_free", "hearing_loop"]}, ["Evening in York"]),
        ({"part": ["evening"]}, ["Evening in York"]),
        ({"part": ["morning", "evening"]}, ["Evening in York", "Morning online"]),
        ({"day": ["wed"]}, ["Morning online"]),
        ({"day": ["wed"], "part": ["evening"]}, []),
        ({"places": ["free"]}, ["Evening in York", "Morning online", "Whenever"]),
    ],
)
def test_filters(three, chosen, names):
    answer = find(**chosen)

    assert named(answer.hits) == names
    assert answer.total == len(names)


def test_a_count_is_what_the_list_would_hold(three):
    for chosen in ({}, {"part": ["morning"]}, {"format": ["in_person"], "day": ["tue", "wed"]}):
        answer = find(**chosen)
        for facet in answer.facets:
            for option in facet.options:
                alone = find(**{**chosen, facet.name: [option.value]})
                assert option.count == alone.total, (chosen, facet.name, option.value)


def test_the_clock_is_the_readers_but_a_place_keeps_its_own(three):
    tokyo = {"zone": "Asia/Tokyo"}  # 9:00 in London is 18:00 there

    assert found(part=["evening"], **tokyo) == ["Evening in York", "Morning online"]
    assert found(day=["tue"], **tokyo) == ["Evening in York"]


@pytest.mark.parametrize(
    ("hour", "zone", "part"),
    [
        (11, "Europe/London", "morning"),
        (12, "Europe/London", "afternoon"),
        (16, "Europe/London", "afternoon"),
        (17, "Europe/London", "evening"),
        (17, "America/New_York", "afternoon"),
        (0, "Asia/Kolkata", "morning"),
    ],
)
def test_parts_of_the_day(db, hour, zone, part):
    meets(factories.group(), 1, hour=hour)

    assert [p for p in finder.LABELS["part"] if find(part=[p], zone=zone).total] == [part]


def test_evening_and_tuesday_mean_one_session(db):
    group = meets(factories.group(name="Twice"), 1, hour=9)
    meets(group, 3)

    assert found(day=["tue"], part=["evening"]) == []
    assert found(day=["thu"], part=["evening"]) == ["Twice"]
    ways = find(day=["tue"], part=["evening"]).ways
    assert [(way.name, way.label, way.count) for way in ways] == [
        ("part", "Evenings", 1),
        ("day", "Tuesdays", 1),
    ]


def test_a_session_that_is_off_or_over_counts_nothing(db):
    group = factories.group()
    for status, day in (("cancelled", 1), ("ended", -1)):
        factories.support_session(
            group,
            status=status,
            cancelled_for="by_hand" if day == 1 else "",
            starts_at=NOW + timedelta(days=day),
        )

    assert [count(find(), "day", day) for day in finder.LABELS["day"]] == [0] * 7


@pytest.mark.parametrize("zone", ["Nowhere/Land", "'; --", "", "BC", "Monday", "UTC"])
def test_a_zone_that_the_database_does_not_know(three, zone):
    SupportGroup.objects.filter(name="Evening in York").update(time_zone="Mars/Olympus")

    assert find(zone=zone).total == 3


def test_has_places_keeps_places_for_those_who_wait(db):
    group = factories.group(capacity=3, minimum=2)
    factories.member(group)
    factories.membership(group=group, status="waitlisted")
    factories.membership(group=group, status="withdrawn")
    assert find(places=["free"]).total == 1

    factories.membership(group=group, status="accepted")
    assert find(places=["free"]).total == 0


@pytest.mark.parametrize(
    "build",
    [
        "not begun",
        "begun",
        "cancelled start",
        "second run",
        "new rhythm in the middle",
        "no rhythm",
    ],
)
@pytest.mark.parametrize("sessions", [2, None])
def test_a_closed_group_begins_as_the_rule_says(db, build, sessions):
    """One that has no planned end goes on when its rhythm changes."""
    group = factories.group(attendance="closed", course_sessions=sessions)
    earlier = later = None
    if build != "no rhythm":
        earlier = factories.series(group)
    if build in ("second run", "new rhythm in the middle"):
        earlier.ended_at = NOW
        earlier.save()
        later = factories.series(group)
    past = {"begun": 1, "no rhythm": 1, "second run": 2, "new rhythm in the middle": 1}
    for week in range(past.get(build, 0)):
        factories.support_session(
            group, series=earlier, status="ended", starts_at=NOW - timedelta(weeks=week + 1)
        )
    if build == "cancelled start":
        factories.support_session(
            group,
            series=earlier,
            status="cancelled",
            cancelled_for="by_hand",
            starts_at=NOW - timedelta(days=3),
        )
    factories.support_session(group, series=later or earlier, starts_at=NOW + timedelta(days=3))

    (hit,) = find().hits

    assert hit.begun == rules.course_began(group, at=NOW)
    goes_on = ["begun", "new rhythm in the middle", "no rhythm"]
    assert hit.begun == (build in (goes_on if sessions else [*goes_on, "second run"]))
    assert find(places=["free"]).total == (not hit.begun)


def test_near_comes_first_and_online_last(three):
    answer = find(near=(53.80, -1.54))

    assert named(answer.hits) == ["Whenever", "Evening in York", "Morning online"]
    assert [hit.km and round(hit.km) for hit in answer.hits] == [1, 35, None]
    assert found(near=(53.80, -1.54), radius=["25"]) == ["Whenever"]
    assert count(answer, "radius", "50") == 2


@pytest.mark.parametrize("near", [(90.0, 0.0), (-90.0, 180.0), (0.0, -180.0)])
def test_near_the_ends_of_the_world(three, near):
    assert find(near=near).total == 3


def test_radius_stands_only_beside_a_place(three):
    assert "radius" not in [facet.name for facet in find().facets]


# Pages, and nothing found ------------------------------------------------------------------------


def test_pages(db):
    for number in range(12):
        factories.group(name=f"Circle {number:02}")

    assert [len(find(page=page).hits) for page in (1, 2, 3, 0, 99)] == [10, 2, 2, 10, 2]
    assert found(page=2) == ["Circle 10", "Circle 11"]


def test_ways_out_name_the_filter_that_gives_most(three):
    answer = find("york", format=["online"], access=["step_free"])

    assert answer.total == 0
    assert [(way.name, way.label, way.count) for way in answer.ways] == [
        ("format", "Online", 1),
        ("q", "“york”", 1),
    ]


def test_nearest_says_a_word_of_it_or_fits_most(three):
    assert named(find("grief zebra crossing").nearest)[0] == "Morning online"
    answer = find(part=["morning"], format=["online"], access=["step_free"])
    assert answer.total == 0
    assert named(answer.nearest)[0] == "Morning online"
    assert answer.nearest[0].misses == {"access"}
    assert find().nearest == []


def test_suggestions_fit_the_topic_and_take_people(three):
    answer = find(topic=["grief"], lead=["professionally_led"], always_near=True)

    assert named(finder.worth_suggesting(answer.nearest)) == ["Morning online"]


def test_only_listed_groups_are_looked_at(db):
    for lifecycle in ("draft", "paused", "closed"):
        factories.group(lifecycle=lifecycle)

    answer = find(always_near=True)

    assert (answer.total, answer.hits, answer.nearest) == (0, [], [])


@pytest.mark.parametrize(("words", "queries"), [("", 1), ("anxeity", 2), ('"as it is"', 1)])
def test_the_search_asks_once_and_once_more_for_spelling(
    three, words, queries, django_assert_num_queries
):
    with django_assert_num_queries(queries):
        find(words)


def test_the_setting_for_spelling_ends_with_the_statement(transactional_db):
    factories.group(name="Anxiety")

    assert found("anxeity", at=timezone.now()) == ["Anxiety"]
    with connection.cursor() as cursor:
        cursor.execute("SHOW pg_trgm.word_similarity_threshold")
        assert cursor.fetchone() == ("0.6",)


@pytest.mark.parametrize(
    ("code", "name"), [("de", "German"), ("en-GB", "British English"), ("tlh", "tlh")]
)
def test_language_names(code, name):
    assert finder.language_name(code) == name
