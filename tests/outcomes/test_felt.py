"""How people felt by month: what shows, what is hidden, and that nothing can be subtracted."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from outcomes import felt, queries
from outcomes.queries import FeltCount
from tests import factories

LONDON = ZoneInfo("Europe/London")
OCTOBER, SEPTEMBER = date(2026, 10, 1), date(2026, 9, 1)
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GROUP = uuid4()


def count(**fields) -> FeltCount:
    """Ten answers of six people in October, mean 4, all in sessions that show."""
    given = {
        "group_id": GROUP,
        "month": OCTOBER,
        "question": "safe",
        "n": 10,
        "total": 40,
        "people": 6,
        "n_shown": 10,
        "total_shown": 40,
        "people_shown": 6,
        "beside": 0,
        "low": [],
        "low_shown": [],
    }
    return FeltCount(**given | fields)


def figure(*counts, group_ids: set[UUID] | None = None) -> felt.Felt:
    groups = [(GROUP, "Evening circle", "/groups/evening-circle/")]
    return felt.felt(
        counts,
        groups,
        months=felt.months_over(NOW, LONDON),
        group_ids=group_ids,
        threshold=5,
    )


def test_some_groups_are_what_each_of_them_shows():
    other = uuid4()
    rows = [count(), count(group_id=other, total=20)]
    assert figure(*rows, group_ids={GROUP}).months[-1].safe == felt.Mean(4.0, 10)
    both = figure(*rows, group_ids={GROUP, other})
    assert both.months[-1].safe == felt.Mean(3.0, 20)
    assert both.is_narrowed
    assert figure(*rows, group_ids=set()).months[-1].safe is None


def test_only_months_whose_last_questions_have_closed():
    months = felt.months_over(NOW, LONDON)
    assert len(months) == 12
    assert (months[0], months[-1]) == (date(2025, 11, 1), OCTOBER)
    # On 3 December the questions of a session of 30 November are still open.
    early = datetime(2026, 12, 3, 12, tzinfo=UTC)
    assert felt.months_over(early, LONDON)[-1] == OCTOBER
    late = datetime(2026, 12, 4, 12, tzinfo=UTC)
    assert felt.months_over(late, LONDON)[-1] == date(2026, 11, 1)
    assert felt.span_of(months, LONDON)[1] == datetime(2026, 11, 1, tzinfo=LONDON)


def test_a_month_shows_its_mean_and_n():
    found = figure(count())
    assert found.heading == "Felt safe: 4.0 of 5 in October 2026"
    assert found.months[-1].safe == felt.Mean(4.0, 10)
    assert found.months[-2].safe is None
    [row] = found.groups
    assert (row.label, row.safe.n, row.is_about) == ("Evening circle", 10, OCTOBER)


def test_people_count_and_not_answers():
    """Four people who came every week gave sixteen answers."""
    found = figure(count(n=16, total=64, people=4, n_shown=0, total_shown=0, people_shown=0))
    assert found.months[-1].safe is None
    assert found.heading == "Too few people to show how they felt"


@pytest.mark.parametrize(("beside", "n"), [(0, 10), (1, 8), (4, 8), (5, 10)])
def test_small_sessions_count_only_when_they_give_nobody_away(beside, n):
    """Means of the other sessions stand on their pages: the difference would be these answers."""
    found = figure(count(beside=beside, n_shown=8, total_shown=32))
    assert found.months[-1].safe.n == n


def test_all_groups_together_are_only_those_that_show():
    """Else the total and the groups beside it would tell of the one that is hidden."""
    hidden = count(group_id=uuid4(), n=4, total=4, people=4, n_shown=0, people_shown=0, beside=4)
    assert figure(count(), hidden).months[-1].safe == felt.Mean(4.0, 10)


@pytest.mark.parametrize(("low", "people", "shows"), [(4, 20, None), (5, 20, 5), (5, 8, None)])
def test_not_safe_is_told_as_a_number_of_many_people_only(low, people, shows):
    row = count(n=30, total=90, people=people, low=[uuid4() for _ in range(low)])
    assert figure(row).months[-1].not_safe == shows
    assert figure(row, group_ids={GROUP}).months[-1].not_safe is None


def test_what_is_left_out_of_a_mean_is_left_out_of_its_numbers():
    low = [uuid4() for _ in range(6)]
    row = count(n=30, people=20, n_shown=25, people_shown=18, beside=2, low=low, low_shown=low[:5])
    assert figure(row).months[-1].not_safe == 5


def test_nothing_yet():
    found = figure()
    assert found.heading == "No month of answers is over yet"
    assert not found.is_drawn
    assert found.groups == []


def test_the_chart_joins_what_is_known():
    found = figure(count(), count(month=SEPTEMBER, total=35), count(question="heard", total=45))
    assert dict(found.lines) == {"Felt safe": [(10, 3.5), (11, 4.0)], "Felt heard": [(11, 4.5)]}
    assert found.is_drawn
    assert "October 2026 safe 4.0" in found.label
    assert found.ticks[-1] == "Oct"


def test_one_question_counts_as_the_rule_says(group, organisation):
    """The SQL: distinct people, sessions that show, and people beside them."""
    ended_at = datetime(2026, 10, 6, 20, tzinfo=UTC)
    people = [factories.user() for _ in range(6)]
    for weeks, answers in ((0, [5, 5, 5, 4, 1]), (1, [3, None])):
        held = factories.support_session(
            group,
            status="ended",
            starts_at=ended_at + timedelta(weeks=weeks, hours=-1),
            ended_at=ended_at + timedelta(weeks=weeks),
        )
        for person, value in zip(people, answers, strict=False):
            factories.pulse(held, person, felt_safe=value, felt_heard=None)
    since, until = felt.span_of([OCTOBER], LONDON)
    [row] = queries.felt_counts(organisation, since=since, until=until)
    assert row == FeltCount(
        group.pk, OCTOBER, "safe", 6, 23, 5, 5, 20, 5, 1, [people[4].pk], [people[4].pk]
    )
    assert queries.felt_counts(factories.organisation(), since=since, until=until) == []


def test_the_overview_shows_months_and_groups_to_look_at(coordinator, group, organisation):
    month = felt.months_over(datetime.now(UTC), LONDON)[-1]
    held = factories.support_session(
        group, status="ended", starts_at=datetime(month.year, month.month, 10, 18, tzinfo=UTC)
    )
    for value in (3, 3, 3, 3, 2):
        factories.pulse(held, factories.user(), felt_heard=5, felt_safe=value)
    factories.group(organisation=organisation, name="Another circle")
    address = reverse("outcomes:overview", args=[organisation.slug])
    for query in ("", f"?group={group.slug}"):
        page = " ".join(coordinator.client.get(address + query).content.decode().split())
        assert f"Felt safe: 2.8 of 5 in {month:%B %Y}" in page
        assert "People felt less safe" in page
        all_about_it = reverse("outcomes:outcomes", args=[organisation.slug])
        assert f"{all_about_it}{query}#felt-title" in page
        page = coordinator.client.get(all_about_it + query).content.decode()
        assert ("People who did not feel safe" in page) is (not query)
