"""The one task that beat sends."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from audit.models import Event
from audit.trail import record
from supportgroups import tasks
from tests import factories


def test_one_part_that_fails_never_stops_the_others(db, monkeypatch, caplog):
    person = factories.user()

    def breaks() -> None:
        raise RuntimeError

    def works() -> None:
        record("test.ticked", by=None, on=person)

    monkeypatch.setattr(tasks, "DUE_BY_THE_CLOCK", (breaks, works))
    tasks.tick()

    assert Event.objects.get(verb="test.ticked").origin == "clock"
    assert "tick.part_failed" in caplog.messages


def test_the_end_of_the_time_stops_all_parts(db, monkeypatch):
    ran = []

    def takes_too_long() -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(tasks, "DUE_BY_THE_CLOCK", (takes_too_long, lambda: ran.append(1)))

    with pytest.raises(SoftTimeLimitExceeded):
        tasks.tick()
    assert not ran


def test_an_idle_tick_goes_through_every_part(db, caplog, django_assert_max_num_queries):
    with django_assert_max_num_queries(60):
        tasks.tick()

    assert "tick.part_failed" not in caplog.messages
