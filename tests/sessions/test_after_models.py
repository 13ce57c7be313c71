"""What the database refuses about what comes after a session."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from sessions.models import Attendance, Debrief, Pulse
from tests import factories


@pytest.fixture
def held(group):
    return factories.support_session(group, status="ended")


@pytest.fixture
def refuses(db):
    """Fails unless the database refuses with the named constraint."""

    def check(constraint, write):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            write()

    return check


def test_a_person_answers_a_pulse_once(held, member, refuses):
    factories.pulse(held, member.user)
    refuses("sessions_pulse_once", lambda: factories.pulse(held, member.user))


@pytest.mark.parametrize(
    ("question", "constraint"),
    [
        ("felt_heard", "sessions_pulse_felt_heard_known"),
        ("felt_safe", "sessions_pulse_felt_safe_known"),
    ],
)
@pytest.mark.parametrize("value", [0, 6])
def test_a_pulse_has_known_answers(held, member, refuses, question, constraint, value):
    refuses(constraint, lambda: factories.pulse(held, member.user, **{question: value}))
    factories.pulse(held, member.user, **{question: None})


def test_a_correction_keeps_what_presence_said(held, member, refuses):
    attendance = factories.attendance(held, member.user.memberships.get())
    corrected = Attendance.objects.filter(pk=attendance.pk)
    for fields in (
        {"corrected_at": timezone.now()},
        {"status_by_presence": "late"},
        {"corrected_at": timezone.now(), "status_by_presence": "expected"},
    ):
        refuses(
            "sessions_attendance_corrected_keeps_presence",
            lambda fields=fields: corrected.update(**fields),
        )
    corrected.update(corrected_at=timezone.now(), status_by_presence="late")


def test_a_facilitator_has_one_debrief(held, facilitator, refuses):
    Debrief.objects.create(support_session=held, author=facilitator.user)
    refuses(
        "sessions_debrief_once",
        lambda: Debrief.objects.create(support_session=held, author=facilitator.user),
    )


def test_a_draft_has_an_author(held, facilitator, refuses):
    draft = Debrief.objects.create(support_session=held, author=facilitator.user)
    refuses(
        "sessions_debrief_draft_has_author",
        lambda: Debrief.objects.filter(pk=draft.pk).update(author=None),
    )


def test_a_finished_debrief_says_something(held, facilitator, refuses):
    refuses(
        "sessions_debrief_written_says_something",
        lambda: Debrief.objects.create(
            support_session=held, author=facilitator.user, written_at=timezone.now()
        ),
    )


def test_a_group_keeps_messages_for_a_possible_time(refuses):
    for days in (0, 366):
        refuses(
            "groups_supportgroup_keeps_messages_possible",
            lambda days=days: factories.group(keeps_messages_days=days),
        )


@pytest.mark.parametrize("name", ["late_after_minutes", "early_before_minutes"])
def test_a_group_calls_people_late_within_two_hours(refuses, name):
    refuses("groups_supportgroup_thresholds_possible", lambda: factories.group(**{name: 121}))


def test_words_of_a_pulse_stand_for_every_answer():
    assert Pulse.Heard.values == Pulse.Safe.values == [1, 2, 3, 4, 5]


def test_a_follow_up_outlives_its_owner(held):
    follow_up = factories.follow_up(held, due_on=timezone.localdate() + timedelta(days=1))
    follow_up.owner.delete()
    follow_up.refresh_from_db()
    assert follow_up.owner is None
