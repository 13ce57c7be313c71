"""The SQL of the outcome figures against small worlds whose numbers are known."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from accounts import consents
from outcomes import change_queries
from outcomes.change_queries import Measure
from supportgroups.lib.erasing import erasing
from tests import factories

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 2, 10, 20, tzinfo=UTC)
AT = datetime(2026, 9, 5, 12, tzinfo=UTC)


@pytest.fixture
def plan(group):
    return factories.survey_plan(group)


@pytest.fixture
def measure(plan):
    return Measure(plan.instrument, plan.instrument.parsed())


def answer(plan, membership, *scores, began=FIRST, weeks=4, **fields):
    """Scores of waves 0, 1, 2 … some weeks apart; None is a wave that was not answered."""
    for wave, score in enumerate(scores):
        at = began + timedelta(weeks=weeks * wave)
        if score is not None:
            invitation = factories.invitation(plan, membership, wave=wave, due_at=at)
            factories.response(invitation, score=score, submitted_at=at, **fields)


def meet(group, *weeks):
    """Held sessions, so many weeks after the first check-in."""
    return [
        factories.support_session(group, status="ended", starts_at=FIRST + timedelta(weeks=week))
        for week in weeks
    ]


def found(organisation, measure, at=AT):
    """(first, later, sessions, has left) -> how many."""
    rows = Counter()
    for row in change_queries.followed(organisation, measure, at=at):
        rows[row.first, row.later, row.sessions, row.has_left] += row.n
    return rows


def test_followed_takes_the_last_score_in_time(group, organisation, plan, measure):
    for scores in [(18, 12, 6), (18, 12, 6), (18, None, None, None, 6), (7,), (None, 3)]:
        answer(plan, factories.member(group), *scores)
    # 16 weeks are too late; without a first score there is nothing to compare.
    assert found(organisation, measure) == {
        (18, 6, 0, False): 2,
        (18, None, None, False): 1,
        (7, None, None, False): 1,
    }
    [month] = {row.month for row in change_queries.followed(organisation, measure, at=AT)}
    assert month == FIRST.date().replace(day=1)


def test_followed_counts_what_was_sent_in_months_that_are_over(group, organisation, plan, measure):
    answer(plan, factories.member(group), 18, 12)  # the second on 10 March
    assert found(organisation, measure, AT.replace(month=3, day=31)) == {(18, None, None, False): 1}
    assert found(organisation, measure, AT.replace(month=4)) == {(18, 12, 0, False): 1}
    assert found(organisation, measure, AT.replace(month=2, day=28)) == {}


def test_followed_counts_a_person_once(group, organisation, plan, measure):
    """Where they answered first, with what they said anywhere, and without copies of it."""
    other = factories.group(organisation=organisation)
    theirs = factories.member(other)
    mine = factories.member(group, user=theirs.user)
    second_plan = factories.survey_plan(other, instrument=plan.instrument)
    answer(second_plan, theirs, 18)
    copied = theirs.survey_invitations.get().response
    answer(plan, mine, 18, began=FIRST + timedelta(hours=1), shared_from=copied)
    answer(plan, mine, None, 9)
    elsewhere = factories.group(organisation=factories.organisation())
    answer(
        factories.survey_plan(elsewhere, instrument=plan.instrument), factories.member(elsewhere), 5
    )
    [row] = change_queries.followed(organisation, measure, at=AT)
    assert (row.group_id, row.first, row.later, row.n) == (other.pk, 18, 9, 1)


def test_followed_leaves_out_whoever_said_no_and_what_was_deleted(
    group, organisation, plan, measure
):
    people = [factories.member(group) for _ in range(3)]
    for membership in people:
        answer(plan, membership, 18, 12)
    user = people[0].user
    consents.withdraw(user=user, purpose="count_my_answers", by=user, organisation=organisation)
    with erasing(people[1].user.pk):
        people[1].survey_invitations.get(wave=1).response.delete()
    assert found(organisation, measure) == {(18, 12, 0, False): 1, (18, None, None, False): 1}
    waves = change_queries.later_waves(organisation, measure, at=AT)
    assert sum(row.sums.n for row in waves) == 1


@pytest.mark.parametrize(
    ("marks", "ends", "left"),
    [
        ("aaaa", None, False),
        ("aamm", None, False),
        ("ammm", None, True),
        ("mmma", None, False),  # came back in time
        ("amem", None, False),  # excused is neither
        ("mmem", None, True),  # but does not break the row
        ("aa", "withdrawn", True),
        ("aaaa", "completed", False),
    ],
)
def test_followed_knows_who_left(group, organisation, plan, measure, marks, ends, left):
    sessions = meet(group, 2, 4, 6, 8)
    fields = {}
    if ends:
        fields = {
            "status": ends,
            "ended_at": sessions[len(marks) - 1].starts_at + timedelta(days=1),
        }
    membership = factories.membership(group=group, **({"status": "active"} | fields))
    answer(plan, membership, 18, 12, weeks=9)
    words = {"a": "attended", "m": "no_show", "e": "excused"}
    for held, mark in zip(sessions, marks, strict=False):
        factories.attendance(held, membership, status=words[mark])
    came = marks.count("a")
    assert found(organisation, measure) == {(18, 12, came, left): 1}


def test_followed_of_a_closed_group_did_not_leave(group, organisation, plan, measure):
    sessions = meet(group, 1, 2)
    membership = factories.membership(
        group=group, status="withdrawn", ended_at=sessions[-1].starts_at + timedelta(days=1)
    )
    answer(plan, membership, 18)
    group.lifecycle = "closed"
    group.save()
    assert found(organisation, measure) == {(18, None, None, False): 1}


def test_later_waves_by_number_and_by_what_they_are(group, organisation, plan, measure):
    membership = factories.member(group)
    answer(plan, membership, 18, 12)
    at = FIRST + timedelta(weeks=10)
    end = factories.invitation(plan, membership, wave=2, occasion="end", due_at=at)
    factories.response(end, score=9, submitted_at=at)
    [wave, last] = sorted(change_queries.later_waves(organisation, measure, at=AT))
    assert (wave.place, wave.sums.total, wave.sums.squares, wave.weeks) == ("1", 12, 144, 4)
    assert (last.place, last.sums.total, last.weeks) == ("end", 9, 10)
    assert last.first_month == FIRST.date().replace(day=1)


def test_scales_have_scores_of_their_own(group, organisation):
    plan = factories.survey_plan(group, instrument=factories.instrument("phq-4"))
    membership = factories.member(group)
    answer(plan, membership, 9, scales={"anxiety": {"total": "5", "band": "x"}})
    measures = {each.key: each for each in change_queries.measures_of(organisation)}
    assert "phq-4:anxiety" in measures
    [row] = change_queries.followed(organisation, measures["phq-4:anxiety"], at=AT)
    assert row.first == 5


def test_outcomes_page_and_its_numbers_say_the_same(
    coordinator, group, organisation, plan, django_assert_max_num_queries
):
    for score in (6, 17):
        for _ in range(6):
            answer(plan, factories.member(group), 18, score)
    address = reverse("outcomes:outcomes", args=[organisation.slug])
    coordinator.client.get(address)  # attendance is counted on the first look
    with django_assert_max_num_queries(14):
        page = coordinator.client.get(address).content.decode()
    heading = "Low mood: 50% improved reliably"
    assert heading in page
    assert "Two scores" in page
    numbers = reverse("outcomes:figure_csv", args=[organisation.slug, "outcomes-change"])
    assert f"{numbers}?measure=phq-9" in page
    lines = coordinator.client.get(numbers).content.decode("utf-8-sig").splitlines()
    assert f"# {heading}, 0% got worse" in lines
    assert "Improved,6,50" in lines
    narrowed = coordinator.client.get(address, {"format": "in_person", "measure": "nothing"})
    assert "too few people to show a mean" in narrowed.content.decode()


def test_outcomes_page_before_anybody_answered(coordinator, organisation):
    page = coordinator.client.get(reverse("outcomes:outcomes", args=[organisation.slug]))
    assert "Nobody has answered a check-in yet" in page.content.decode()
    assert (
        coordinator.client.get(
            reverse("outcomes:figure_csv", args=[organisation.slug, "outcomes-course"])
        ).status_code
        == 200
    )
