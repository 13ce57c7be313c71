"""What `docs/data-retention.yaml` promises to delete is gone after the night, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import BrowserSession
from screening.models import Answer, Application, Appointment, Decision, Note
from sessions.models import (
    Debrief,
    Entry,
    FollowUp,
    Intervention,
    Message,
    Pulse,
    Reminder,
    Report,
)
from supportgroups.tasks import nightly
from tests import factories


def test_messages_live_as_long_as_the_group_says(group, member):
    now = timezone.now()
    group.keeps_messages_days = 10
    group.save()
    for days in (9, 11):
        held = factories.support_session(
            group, status="ended", starts_at=now - timedelta(days=days, hours=2)
        )
        factories.message(held, member.user, body=f"{days} days ago")
    live = factories.support_session(group, status="live")
    factories.message(live, member.user, body="now")

    nightly()

    assert {message.body for message in Message.objects.all()} == {"9 days ago", "now"}


@pytest.mark.parametrize(("says_now", "kept"), [(60, False), (5, False), (10, False), (60, True)])
def test_a_promise_is_never_made_longer(group, member, says_now, kept):
    """Ended nine or eleven days ago, when the group said ten: a longer time is for later ones."""
    now = timezone.now()
    ended_at = now - timedelta(days=9 if kept else 11)
    held = factories.support_session(
        group,
        status="ended",
        starts_at=ended_at - timedelta(hours=1),
        ended_at=ended_at,
        messages_expire_at=ended_at + timedelta(days=10),
    )
    factories.message(held, member.user)
    group.keeps_messages_days = says_now
    group.save()

    nightly()

    assert Message.objects.exists() is kept


@pytest.mark.parametrize("judged", [False, True])
def test_messages_under_review_stay_until_they_are_judged(group, member, facilitator, judged):
    now = timezone.now()
    held = factories.support_session(group, status="ended", starts_at=now - timedelta(days=40))
    reported, hidden, plain = (
        factories.message(held, member.user, body=body) for body in ("reported", "hidden", "plain")
    )
    Report.objects.create(
        message=reported,
        reporter=factories.user(),
        reason="hurts",
        handled_at=now if judged else None,
        outcome="nothing" if judged else "",
    )
    Intervention.objects.create(
        support_session=held,
        kind="hide",
        about=member.user,
        message=hidden,
        reason="rules",
        made_by=facilitator.user,
        reviewed_at=now if judged else None,
        verdict="confirmed" if judged else "",
        review_note="It was right." if judged else "",
    )

    nightly()

    kept = {message.body for message in Message.objects.all()}
    assert kept == (set() if judged else {"reported", "hidden"})
    assert plain.body not in kept


@pytest.mark.parametrize(
    ("days", "judged", "kept"),
    [(20, True, True), (40, True, False), (40, False, True), (95, False, False)],
)
def test_steps_about_a_person_or_the_door_go_after_their_review(group, member, days, judged, kept):
    now = timezone.now()
    held = factories.support_session(
        group, status="ended", starts_at=now - timedelta(days=days, hours=2)
    )
    judgement = {"reviewed_at": now, "verdict": "confirmed", "review_note": "Fine."}
    for fields in ({}, {"kind": "mute", "about": member.user}):
        factories.intervention(held, **fields, **(judgement if judged else {}))

    nightly()

    assert Intervention.objects.count() == (2 if kept else 0)


def test_messages_wait_for_a_review_ninety_days_at_most(group, member):
    held = factories.support_session(
        group, status="ended", starts_at=timezone.now() - timedelta(days=95)
    )
    factories.report(factories.message(held, member.user))

    nightly()

    assert not Message.objects.exists()


def test_what_was_said_about_a_session_lives_about_a_year(group, member, facilitator):
    now = timezone.now()
    kept = {"pulse": [], "debrief": [], "follow_up": []}
    for days in (360, 410):
        then = now - timedelta(days=days)
        held = factories.support_session(group, status="ended", starts_at=then)
        pulse = factories.pulse(held, member.user, answered_at=then)
        debrief = factories.debrief(held, facilitator.user, written_at=then)
        done = factories.follow_up(held, done_at=then)
        still_open = factories.follow_up(held)
        kept["follow_up"].append(still_open)
        if days == 360:
            kept["pulse"].append(pulse)
            kept["debrief"].append(debrief)
            kept["follow_up"].append(done)

    nightly()

    assert list(Pulse.objects.all()) == kept["pulse"]
    assert list(Debrief.objects.all()) == kept["debrief"]
    assert set(FollowUp.objects.all()) == set(kept["follow_up"])


def test_traces_of_the_room_live_a_month(group, member):
    now = timezone.now()
    for days in (29, 31):
        held = factories.support_session(
            group, status="ended", starts_at=now - timedelta(days=days)
        )
        factories.reminder(held, member.user)
        entry = factories.entry(held, member.user)
        Entry.objects.filter(pk=entry.pk).update(accepted_at=held.starts_at)

    nightly()

    assert Entry.objects.count() == Reminder.objects.count() == 1


def test_answers_live_90_days_after_the_decision(group):
    now = timezone.now()
    kept = []
    for decided, days in (("accepted", 89), ("accepted", 91), ("submitted", 200)):
        then = now - timedelta(days=days)
        application = factories.application(
            group, user=factories.user(), status=decided, submitted_at=then
        )
        application.answers.update(answered_at=then)
        if decided == "accepted":
            Decision.objects.create(application=application, outcome="accept", decided_at=then)
        if (decided, days) != ("accepted", 91):
            kept.append(application)

    nightly()

    assert {answer.application for answer in Answer.objects.all()} == set(kept)
    assert Application.objects.count() == 3


def test_answers_that_were_taken_back_go_at_once(group):
    application = factories.application(group, user=factories.user(), status="withdrawn")
    assert application.answers.exists()

    nightly()

    assert not application.answers.exists()


def test_notes_talks_and_words_live_as_long_as_the_answers(group):
    now = timezone.now()
    for status, days in (("referred", 89), ("referred", 91), ("submitted", 200), ("withdrawn", 1)):
        then = now - timedelta(days=days)
        application = factories.application(
            group,
            user=factories.user(display_name=f"{status} {days}"),
            status=status,
            submitted_at=then,
            another_look_asked_at=then,
            another_look_words="You misread me.",
        )
        application.notes.create(body="Rang twice.")
        application.appointments.create(how="x", declined_at=then, declined_words="Evenings")
        Decision.objects.create(application=application, outcome="refer", decided_at=then)

    nightly()

    kept = ["referred 89", "submitted 200"]
    for rows in (
        Note.objects.all(),
        Appointment.objects.all(),
        [a.notes for a in Application.objects.exclude(another_look_words="")],
    ):
        names = {getattr(row, "instance", None) or row.application for row in rows}
        assert sorted(application.user.display_name for application in names) == kept


def test_another_look_keeps_the_answers_until_it_is_decided(group):
    now = timezone.now()
    long_ago = now - timedelta(days=100)
    application = factories.application(
        group,
        user=factories.user(),
        status="submitted",
        submitted_at=long_ago,
        another_look_asked_at=now - timedelta(days=11),
    )
    Decision.objects.create(application=application, outcome="refer", decided_at=long_ago)

    nightly()

    assert application.answers.exists()


def test_forgotten_drafts_go_after_a_month(group):
    now = timezone.now()
    old = factories.application(group, user=factories.user(), started_at=now - timedelta(days=31))
    touched = factories.application(
        group, user=factories.user(), started_at=now - timedelta(days=31)
    )
    touched.answers.create(question=touched.form.questions.first(), value="no", answered_at=now)

    nightly()

    assert list(Application.objects.all()) == [touched]
    assert old.pk != touched.pk


def test_sign_ins_that_have_run_out_are_forgotten_a_day_later(member, outsider):
    now = timezone.now()
    mine = BrowserSession.objects.filter(user=member.user)
    mine.update(expires_at=now - timedelta(hours=23))
    nightly()
    assert mine.exists(), "whose sign-in has just run out is told so"
    mine.update(expires_at=now - timedelta(hours=25))

    nightly()

    assert [row.user_id for row in BrowserSession.objects.all()] == [outsider.user.pk]
