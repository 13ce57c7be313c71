"""What the database refuses."""

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
