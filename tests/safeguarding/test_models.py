"""What the database refuses."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from safeguarding.models import Alert, StepTaken
from tests import factories


def test_the_source_is_known(db):
    with pytest.raises(IntegrityError, match="safeguarding_concern_source_known"):
        factories.concern(source="rumour")


def test_a_closed_concern_says_what_was_done(db):
    with pytest.raises(IntegrityError, match="safeguarding_concern_closed_with_note"):
        factories.concern(closed_at=timezone.now())


def test_one_concern_for_one_occasion(db):
    factories.concern(occasion="answer:1")

    with pytest.raises(IntegrityError, match="occasion"):
        factories.concern(occasion="answer:1")


def test_a_person_is_asked_once_a_turn(db):
    concern, now = factories.concern(), timezone.now()
    alert = {"concern": concern, "person": concern.about, "next_try_at": now}
    for turn in (1, 2):
        Alert.objects.create(turn=turn, **alert)

    with pytest.raises(IntegrityError, match="safeguarding_alert_once_a_turn"):
        Alert.objects.create(turn=2, **alert)


@pytest.mark.parametrize(
    ("constraint", "kind"),
    [
        ("safeguarding_steptaken_kind_known", "prayed"),
        ("safeguarding_steptaken_says_something", "other"),
    ],
)
def test_a_step_is_known_and_says_something(db, constraint, kind):
    with pytest.raises(IntegrityError, match=constraint):
        StepTaken.objects.create(concern=factories.concern(), kind=kind)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("safeguarding_oncallplan_asks_before_the_promise", {"escalates_after_minutes": 300}),
        ("safeguarding_oncallplan_asks_before_the_promise", {"escalates_after_minutes": 4}),
        ("safeguarding_oncallplan_asks_before_the_promise", {"answers_within_minutes": 2881}),
        ("safeguarding_oncallplan_hours_whole", {"opens_at": "09:00"}),
        ("safeguarding_oncallplan_hours_whole", {"weekdays": [0]}),
        (
            "safeguarding_oncallplan_hours_whole",
            {"opens_at": "17:00", "closes_at": "09:00", "weekdays": [0]},
        ),
        (
            "safeguarding_oncallplan_hours_whole",
            {"opens_at": "09:00", "closes_at": "17:00", "weekdays": [7]},
        ),
    ],
)
def test_an_on_call_plan_makes_sense(organisation, constraint, fields):
    with pytest.raises(IntegrityError, match=constraint):
        factories.on_call_plan(organisation, **fields)


def test_somebody_is_away_once(organisation, outsider):
    away = {"person": outsider.user, "until": timezone.localdate()}
    organisation.away.create(**away)

    with pytest.raises(IntegrityError, match="safeguarding_away_once"):
        organisation.away.create(**away)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("safeguarding_resource_reviewed_ahead", {"review_until": timezone.localdate()}),
        ("safeguarding_resource_link_is_safe", {"url": "http://health.example.org/"}),
    ],
)
def test_a_resource_is_whole(db, constraint, fields):
    with pytest.raises(IntegrityError, match=constraint):
        factories.resource(**fields)


def test_whoever_takes_a_resource_out_has_a_time(db):
    with pytest.raises(IntegrityError, match="safeguarding_resource_retired_dated"):
        factories.resource(retired_by=factories.user())


def test_a_title_is_in_a_library_once(db):
    first = factories.resource(title="Coming off tablets", retired_at=timezone.now())
    factories.resource(title="Coming off tablets", organisation=first.organisation)
    factories.resource(title="coming off tablets")
    with pytest.raises(IntegrityError, match="safeguarding_resource_title_once"):
        factories.resource(title="coming off Tablets", organisation=first.organisation)


@pytest.mark.parametrize(("minutes", "in_time"), [(None, None), (0, True), (-1, True), (1, False)])
def test_the_time_of_answer_is_tracked(db, minutes, in_time):
    concern = factories.concern()
    if minutes is not None:
        concern.acknowledged_at = concern.respond_by + timedelta(minutes=minutes)
    assert concern.was_answered_in_time is in_time
