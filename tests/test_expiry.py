"""What `docs/data-retention.yaml` promises to delete is gone after the night, and nothing else."""

from datetime import timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from screening.models import Answer, Application, Appointment, Decision, Note
from sessions.models import Entry, Message, Reminder
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


def test_sign_ins_that_have_run_out_are_forgotten(db):
    kept, ended = SessionStore(), SessionStore()
    kept.create()
    ended.create()
    Session.objects.filter(pk=ended.session_key).update(
        expire_date=timezone.now() - timedelta(minutes=1)
    )

    nightly()

    assert [session.pk for session in Session.objects.all()] == [kept.session_key]
