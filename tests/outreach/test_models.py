"""What the database refuses."""

import pytest
from django.db import IntegrityError

from outreach.models import Feed, FeedEntry, Import, ImportRow
from tests import factories

pytestmark = pytest.mark.django_db


def refused(constraint: str):
    """The database says no and names this constraint."""
    return pytest.raises(IntegrityError, match=constraint)


@pytest.fixture
def run():
    return factories.import_run()


def test_an_organisation_has_each_feed_once(run):
    with refused("outreach_feed_once"):
        factories.feed(organisation=run.feed.organisation, name=run.feed.name)


def test_the_format_of_a_feed_is_known(run):
    with refused("outreach_feed_format_known"):
        Feed.objects.filter(pk=run.feed_id).update(format="papyrus")


def test_a_feed_has_each_entry_once(run):
    FeedEntry.objects.create(feed=run.feed, key="a", group=factories.group(), fingerprint="x")

    with refused("outreach_feedentry_once"):
        FeedEntry.objects.create(feed=run.feed, key="a", group=factories.group(), fingerprint="x")


def test_the_state_of_a_run_is_known(run):
    with refused("outreach_import_state_known"):
        Import.objects.filter(pk=run.pk).update(state="lost")


def test_a_row_stands_once_in_a_run(run):
    ImportRow.objects.create(run=run, number=1, outcome="new")

    with refused("outreach_importrow_once"):
        ImportRow.objects.create(run=run, number=1, outcome="new")


def test_the_outcome_of_a_row_is_known(run):
    with refused("outreach_importrow_outcome_known"):
        ImportRow.objects.create(run=run, number=1, outcome="perhaps")


def test_every_state_is_in_the_table_of_moves():
    assert Import.MOVES.keys() == set(Import.State)
