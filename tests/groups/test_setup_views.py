"""Setting up a group page by page, its preview, and pausing and closing it."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from groups.models import Agreement, SupportGroup, Topic
from tests import factories


@pytest.fixture
def draft(organisation):
    """Just begun: a name and our defaults."""
    made = factories.group(
        organisation=organisation,
        name="Evening carers",
        slug="evening-carers",
        lifecycle="draft",
        admission="screened",
        purpose="",
        ground_rules="",
        overseer=None,
    )
    made.agreements.all().delete()
    return made


def address(name, group):
    return reverse(f"groups:{name}", args=[group.slug])


BASICS = {"name": "Evening carers", "purpose": "", "language": "en"}
PEOPLE = {
    "facilitation": "peer_led",
    "attendance": "open",
    "capacity": "12",
    "minimum": "4",
    "admission": "screened",
}
MEETING = {"format": "online", "time_zone": "Europe/London"}


@pytest.mark.parametrize(
    "name",
    ["setup_basics", "setup_people", "setup_meeting", "setup_promises", "setup_check"],
)
def test_each_step_says_where_it_is(coordinator, draft, name):
    page = coordinator.client.get(address(name, draft)).content.decode()

    assert "of 9." in page
    assert 'aria-current="step"' in page


@pytest.mark.parametrize(
    ("name", "typed", "next_name"),
    [
        ("setup_basics", BASICS, "groups:setup_people"),
        ("setup_people", PEOPLE, "groups:setup_meeting"),
        ("setup_meeting", MEETING, "sessions:agenda_template"),
        ("setup_promises", {}, "screening:form_builder"),
    ],
)
def test_a_step_can_be_left_incomplete(coordinator, draft, name, typed, next_name):
    response = coordinator.client.post(address(name, draft), typed)

    assert response.status_code == 302
    assert response["Location"] == reverse(next_name, args=[draft.slug])


def test_save_stays_on_the_step(coordinator, draft):
    response = coordinator.client.post(address("setup_people", draft), {**PEOPLE, "stay": "1"})

    assert response["Location"] == address("setup_people", draft)


@pytest.mark.parametrize(
    ("lifecycle", "first"), [("draft", "Save and continue"), ("listed", "Save")]
)
def test_enter_in_setup_basics_saves(coordinator, draft, lifecycle, first):
    SupportGroup.objects.filter(pk=draft.pk).update(
        lifecycle=lifecycle, facilitation="professionally_led"
    )

    page = coordinator.client.get(address("setup_basics", draft)).content.decode()

    form = page[page.index(f'action="{address("setup_basics", draft)}"') :]
    assert re.search(r'<button[^>]* type="submit"[^>]*>([^<]*)<', form)[1] == first


def test_group_list_is_empty_at_first(coordinator):
    page = coordinator.client.get(reverse("groups:group_list")).content.decode()

    assert "Set up your first group" in page


def test_group_list_shows_what_is_missing_and_who_waits(coordinator, draft, group):
    factories.membership(group=group, status="waitlisted")

    page = coordinator.client.get(reverse("groups:group_list")).content.decode()

    assert "Say in one sentence what it is for." in page
    assert "1 waiting" in page
    assert page.index("Evening carers") < page.index("Evening circle")


def test_group_list_for_a_facilitator_has_no_setup(facilitator, draft):
    page = facilitator.client.get(reverse("groups:group_list")).content.decode()

    assert "Evening circle" in page
    assert "Evening carers" not in page
    assert reverse("groups:setup_start") not in page


def test_group_list_filters(coordinator, draft, group):
    page = coordinator.client.get(
        reverse("groups:group_list"), {"q": "carers", "state": "listed"}
    ).content.decode()

    assert "No group fits" in page


def test_group_list_asks_the_same_number_of_questions_for_more_groups(
    coordinator, organisation, group, django_assert_max_num_queries
):
    for _ in range(10):
        factories.group(organisation=organisation, lifecycle="draft")

    with django_assert_max_num_queries(20):
        coordinator.client.get(reverse("groups:group_list"))


def test_setup_start_makes_a_draft(coordinator, organisation):
    response = coordinator.client.post(
        reverse("groups:setup_start"), {"name": "Night owls", "format": "hybrid"}
    )

    group = SupportGroup.objects.get(name="Night owls")
    assert response["Location"] == address("setup_basics", group)
    assert (group.lifecycle, group.organisation, group.capacity) == ("draft", organisation, 12)
    assert group.format == "hybrid"


def test_setup_start_asks_which_organisation(coordinator):
    other = factories.staff_role(user=coordinator.user).organisation
    stranger = factories.organisation()
    start = reverse("groups:setup_start")

    assert (
        "Choose the organisation"
        in coordinator.client.post(start, {"name": "A", "format": "online"}).text
    )
    refused = coordinator.client.post(
        start, {"name": "A", "format": "online", "organisation": stranger.pk}
    )
    assert refused.status_code == 200
    coordinator.client.post(start, {"name": "A", "format": "online", "organisation": other.pk})

    assert SupportGroup.objects.get(name="A").organisation == other


def test_setup_basics_keeps_topics_and_adds_one(coordinator, draft):
    grief = factories.topic(name="Grief")

    coordinator.client.post(
        address("setup_basics", draft),
        {
            **BASICS,
            "topics_condition": [str(grief.pk)],
            "new_topic": "Young carers",
            "new_topic_kind": "identity",
        },
    )

    assert set(draft.topics.values_list("name", flat=True)) == {"Grief", "Young carers"}


def test_setup_basics_takes_an_existing_topic_of_the_same_name(coordinator, draft):
    grief = factories.topic(name="Grief", slug="grief")

    coordinator.client.post(
        address("setup_basics", draft),
        {**BASICS, "new_topic": " grief ", "new_topic_kind": "wellbeing"},
    )

    assert list(draft.topics.all()) == [grief]
    assert Topic.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "typed", "words"),
    [
        ("setup_basics", {**BASICS, "name": " "}, "Give the group a name"),
        ("setup_basics", {**BASICS, "name": "!!!"}, "with letters or numbers"),
        ("setup_basics", {**BASICS, "new_topic": "Sleep"}, "Say what kind of topic"),
        ("setup_basics", {**BASICS, "purpose": "x" * 301}, "Use up to 300 characters"),
        ("setup_people", {**PEOPLE, "capacity": "three"}, "Type a number, such as 12"),
        ("setup_people", {**PEOPLE, "minimum": "13"}, "Type 12 or fewer"),
        ("setup_people", {**PEOPLE, "minimum": "1"}, "one person alone is not a group"),
        (
            "setup_people",
            {**PEOPLE, "facilitation": "professionally_led", "admission": "drop_in"},
            "A professional decides about each person",
        ),
        ("setup_meeting", {**MEETING, "coordinates": "next to the church"}, "53.80, -1.55"),
        ("setup_meeting", {**MEETING, "online_link": "zoom"}, "Paste the whole link"),
        ("setup_meeting", {**MEETING, "time_zone": "Mars/Base"}, "Choose a time zone"),
    ],
)
def test_an_error_says_how_to_mend_it_and_keeps_what_was_typed(
    coordinator, draft, name, typed, words
):
    typed = {**typed, "who_it_is_for": "People who wait", "address": "1 Quiet Lane"}
    response = coordinator.client.post(address(name, draft), typed)

    assert response.status_code == 200
    page = response.content.decode()
    assert "There is a problem" in page
    assert words in page
    if name == "setup_people":
        assert "People who wait" in page
    if name == "setup_meeting":
        assert "1 Quiet Lane" in page


def test_setup_people_drops_the_number_of_sessions_of_an_open_group(coordinator, draft):
    coordinator.client.post(address("setup_people", draft), {**PEOPLE, "course_sessions": "8"})
    draft.refresh_from_db()
    assert draft.course_sessions is None

    closed = {**PEOPLE, "attendance": "closed", "course_sessions": "8"}
    coordinator.client.post(address("setup_people", draft), closed)
    draft.refresh_from_db()
    assert (draft.attendance, draft.course_sessions) == ("closed", 8)


def test_setup_people_offers_own_supervisors_as_overseers(coordinator, draft):
    supervisor = factories.staff_role(
        organisation=draft.organisation, role="supervisor", user=factories.user(display_name="Sage")
    ).user
    stranger = factories.staff_role(role="supervisor").user

    page = coordinator.client.get(address("setup_people", draft)).content.decode()
    assert "Sage" in page
    assert stranger.public_name not in page

    coordinator.client.post(
        address("setup_people", draft), {**PEOPLE, "overseer": str(supervisor.pk)}
    )
    draft.refresh_from_db()
    assert draft.overseer == supervisor


def test_setup_people_names_nobody_who_was_asked_and_has_not_signed_in(coordinator, draft):
    asked = factories.user(display_name="Sage", email="sage@example.org")
    factories.staff_role(
        organisation=draft.organisation, role="supervisor", user=asked, asked_at=timezone.now()
    )
    where = address("setup_people", draft)

    assert "Sage" not in coordinator.client.get(where).content.decode()
    coordinator.client.post(where, {**PEOPLE, "overseer": str(asked.pk)})
    draft.refresh_from_db()
    assert draft.overseer is None

    # Whoever oversees the group already stays.
    draft.overseer = asked
    draft.save()
    assert "Sage" in coordinator.client.get(where).content.decode()
    draft.overseer = None
    draft.save()
    asked.last_login = timezone.now()
    asked.save()
    assert "Sage" in coordinator.client.get(where).content.decode()


def test_setup_meeting_keeps_two_decimals(coordinator, draft):
    coordinator.client.post(
        address("setup_meeting", draft),
        {
            **MEETING,
            "format": "hybrid",
            "coordinates": "53.80456° N, 1.5549 W",
            "accessibility_features": ["step_free", "parking"],
        },
    )

    draft.refresh_from_db()
    assert (str(draft.latitude), str(draft.longitude)) == ("53.80", "-1.55")
    assert draft.accessibility_features == ["step_free", "parking"]


def test_two_coordinators_on_two_steps_keep_both_works(coordinator, draft):
    coordinator.client.get(address("setup_people", draft))
    coordinator.client.post(
        address("setup_basics", draft), {**BASICS, "purpose": "A calm evening."}
    )
    coordinator.client.post(address("setup_people", draft), {**PEOPLE, "who_it_is_for": "Carers"})

    draft.refresh_from_db()
    assert (draft.purpose, draft.who_it_is_for) == ("A calm evening.", "Carers")


def test_setup_promises_begins_with_our_texts(coordinator, draft):
    page = coordinator.client.get(address("setup_promises", draft)).content.decode()

    assert "What is said here stays here." in page
    assert "When staff must act." in page
    assert "What has changed" not in page


def test_setup_promises_of_a_draft_replaces_the_text(coordinator, draft):
    for text in ("One. First.", "Two. Second.\r\n\r\nThree. Third. "):
        coordinator.client.post(
            address("setup_promises", draft), {"ground_rules": "Be kind.", "agreement": text}
        )

    agreement = Agreement.objects.get(group=draft)
    assert (agreement.version, agreement.text) == (1, "Two. Second.\nThree. Third.")
    draft.refresh_from_db()
    assert draft.ground_rules == "Be kind."


def test_setup_promises_of_a_listed_group_makes_a_version(coordinator, member, group):
    url = address("setup_promises", group)
    typed = {"ground_rules": group.ground_rules, "agreement": "New. Words."}

    assert "Say what has changed" in coordinator.client.post(url, typed).content.decode()
    coordinator.client.post(url, {**typed, "what_changed": "Shorter."})

    newest = group.current_agreement()
    assert (newest.version, newest.text, newest.what_changed) == (2, "New. Words.", "Shorter.")


def test_setup_promises_says_whether_questions_may_have_no_name(coordinator, group):
    address = reverse("groups:setup_promises", args=[group.slug])
    page = coordinator.client.get(address).content.decode()
    assert "ask the group something without their name" in page
    for chosen in (True, False):
        data = {"ground_rules": "Be kind.", "keeps_messages_days": 30}
        data |= {"agreement": group.current_agreement().text if group.current_agreement() else "X."}
        coordinator.client.post(
            address, data | ({"allows_anonymous_questions": "on"} if chosen else {})
        )
        group.refresh_from_db()
        assert group.allows_anonymous_questions == chosen


def test_setup_promises_with_the_same_text_changes_nothing(coordinator, group):
    text = group.current_agreement().text + "\r\n"
    coordinator.client.post(
        address("setup_promises", group), {"ground_rules": "Be kind.", "agreement": text}
    )

    assert group.current_agreement().version == 1


def test_setup_promises_does_not_take_a_signed_agreement_away(coordinator, member, group):
    response = coordinator.client.post(
        address("setup_promises", group), {"ground_rules": "Be kind.", "agreement": " "}
    )

    assert "Members have an agreement." in response.content.decode()


def complete(group):
    group.purpose, group.who_it_is_for, group.ground_rules = "Calm.", "Carers.", "Be kind."
    group.overseer = factories.user()
    group.save()
    group.topics.add(factories.topic())
    factories.series(group)
    factories.facilitator(group)
    factories.screening_form(group)
    if not group.agreements.exists():
        factories.agreement(group)


def test_setup_check_lists_what_is_missing_with_its_step(coordinator, draft):
    page = coordinator.client.get(address("setup_check", draft)).content.decode()

    assert "What is missing" in page
    assert "Name a professional who oversees it." in page
    assert "List the group</button>" not in page
    assert coordinator.client.post(address("setup_check", draft)).status_code == 403


def test_setup_check_lists_the_group(coordinator, draft, visitor):
    complete(draft)
    page = coordinator.client.get(address("setup_check", draft)).content.decode()
    assert "List the group</button>" in page
    assert "Find a co-facilitator." in page

    response = coordinator.client.post(address("setup_check", draft), follow=True)

    assert "People can find this group." in response.content.decode()
    assert visitor.client.get(address("group_detail", draft)).status_code == 200


def test_a_listed_group_must_stay_complete(coordinator, group):
    response = coordinator.client.post(address("setup_people", group), PEOPLE)

    assert "it must stay complete" in response.content.decode()
    group.refresh_from_db()
    assert group.overseer is not None


def test_the_zone_of_a_listed_group_with_a_rhythm_stays(coordinator, group):
    factories.series(group)

    coordinator.client.post(
        address("setup_meeting", group), {**MEETING, "time_zone": "Europe/Paris"}
    )

    group.refresh_from_db()
    assert group.time_zone == "Europe/London"


def test_a_zone_that_is_in_no_list_can_be_kept(coordinator, draft):
    SupportGroup.objects.filter(pk=draft.pk).update(time_zone="US/Eastern", language="tlh")

    coordinator.client.post(address("setup_meeting", draft), {**MEETING, "time_zone": "US/Eastern"})
    coordinator.client.post(address("setup_basics", draft), {**BASICS, "language": "tlh"})

    draft.refresh_from_db()
    assert (draft.time_zone, draft.language) == ("US/Eastern", "tlh")


def test_group_preview_shows_a_draft_as_the_public_will_see_it(coordinator, draft):
    draft.purpose, draft.address = "A calm evening.", "1 Quiet Lane"
    draft.save()

    page = coordinator.client.get(address("group_preview", draft)).content.decode()

    assert "This is a preview." in page
    assert "A calm evening." in page
    assert "1 Quiet Lane" not in page


def test_group_lifecycle_pauses_with_what_members_read(coordinator, member, group):
    url = address("group_lifecycle", group)
    assert "1 person is told" in coordinator.client.get(url).content.decode()

    refused = coordinator.client.post(url, {"move": "pause", "message": " "})
    assert "so that nobody is left wondering" in refused.content.decode()
    coordinator.client.post(url, {"move": "pause", "message": "We are back in May."})

    group.refresh_from_db()
    assert (group.lifecycle, group.lifecycle_message) == ("paused", "We are back in May.")
    assert "We are back in May." in coordinator.client.get(url).content.decode()


def test_group_lifecycle_goes_on_when_nothing_is_missing(coordinator, group):
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    url = address("group_lifecycle", group)
    assert "Something is missing by now." in coordinator.client.get(url).content.decode()
    group.refresh_from_db()
    complete(group)

    assert "Go on with the group</button>" in coordinator.client.get(url).content.decode()
    coordinator.client.post(url, {"move": "resume"})

    group.refresh_from_db()
    assert group.lifecycle == "listed"


def test_group_lifecycle_closes(coordinator, applicant, group):
    url = address("group_lifecycle", group)
    assert "1 person waits" in coordinator.client.get(url).content.decode()

    coordinator.client.post(url, {"move": "close", "message": "Thank you all."})

    group.refresh_from_db()
    assert group.lifecycle == "closed"
    assert "The group is closed" in coordinator.client.get(url).content.decode()


def test_group_lifecycle_discards_a_draft_and_nothing_else(coordinator, draft, group):
    coordinator.client.post(address("group_lifecycle", draft), {"move": "discard"})
    response = coordinator.client.post(address("group_lifecycle", group), {"move": "discard"})

    draft.refresh_from_db()
    group.refresh_from_db()
    assert (draft.lifecycle, group.lifecycle) == ("closed", "listed")
    assert response.status_code == 403


def test_the_group_says_who_is_late_and_how_long_messages_stay(coordinator, draft):
    minutes = {"late_after_minutes": "5", "early_before_minutes": "0"}
    coordinator.client.post(address("setup_meeting", draft), {**MEETING, **minutes})
    coordinator.client.post(address("setup_promises", draft), {"keeps_messages_days": "14"})
    draft.refresh_from_db()
    kept = (draft.late_after_minutes, draft.early_before_minutes, draft.keeps_messages_days)
    assert kept == (5, 0, 14)

    # Left empty, they stay as they are.
    coordinator.client.post(address("setup_meeting", draft), MEETING)
    coordinator.client.post(address("setup_promises", draft), {})
    draft.refresh_from_db()
    assert (draft.late_after_minutes, draft.keeps_messages_days) == (5, 14)


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("setup_promises", {"keeps_messages_days": "0"}, "Type 1 or more."),
        ("setup_promises", {"keeps_messages_days": "400"}, "Type 365 or fewer."),
        ("setup_meeting", {**MEETING, "late_after_minutes": "200"}, "Type 120 or fewer."),
    ],
)
def test_impossible_times_are_told_kindly(coordinator, draft, name, typed, says):
    page = coordinator.client.post(address(name, draft), typed).content.decode()
    assert says in page
