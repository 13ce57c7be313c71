"""What the database refuses."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

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
