"""What the database refuses about keeping a session safe."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.models import SupportGroup
from sessions.models import Message, SupportSession
from tests import factories
from tests.cast import Person


@pytest.fixture
def session(group: SupportGroup) -> SupportSession:
    return factories.support_session(group, status="live")


@pytest.fixture
def message(session: SupportSession, member: Person) -> Message:
    return factories.message(session, member.user)


def refuses(constraint: str, make: Any, *args: Any, **fields: Any) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make(*args, **fields)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("sessions_intervention_about_what", {"kind": "shout"}),
        ("sessions_intervention_reason_known", {"reason": "mood"}),
        ("sessions_intervention_reason_in_words", {"reason": "other"}),
        ("sessions_intervention_about_what", {"kind": "hide"}),
        ("sessions_intervention_about_what", {"kind": "mute"}),
        ("sessions_intervention_redirect_leads_somewhere", {"claim": "a cure"}),
        ("sessions_intervention_verdict_known", {"verdict": "confirmed"}),
        (
            "sessions_intervention_verdict_known",
            {"verdict": "perhaps", "review_note": "Hm.", "reviewed_at": timezone.now()},
        ),
        (
            "sessions_intervention_verdict_known",
            {"verdict": "confirmed", "reviewed_at": timezone.now()},
        ),
    ],
)
def test_an_intervention_is_whole(
    constraint: str, fields: dict[str, Any], session: SupportSession
) -> None:
    refuses(constraint, factories.intervention, session, **fields)


def test_a_redirect_leads_somewhere(session: SupportSession, message: Message) -> None:
    refuses(
        "sessions_intervention_redirect_leads_somewhere",
        factories.intervention,
        session,
        kind="redirect",
        message=message,
        resource=None,
    )


def test_nobody_mutes_themselves_or_ends_without_a_time(
    session: SupportSession, member: Person
) -> None:
    refuses(
        "sessions_intervention_not_oneself",
        factories.intervention,
        session,
        kind="mute",
        about=member.user,
        made_by=member.user,
    )
    refuses(
        "sessions_intervention_ended_dated",
        factories.intervention,
        session,
        ended_by=member.user,
    )


@pytest.mark.parametrize("who", ["made_by", "about"])
def test_nobody_judges_their_own(who: str, session: SupportSession, member: Person) -> None:
    fields = {"kind": "mute", "about": factories.user(), who: member.user}
    refuses(
        "sessions_intervention_reviewed_by_another",
        factories.intervention,
        session,
        **fields,
        reviewed_at=timezone.now(),
        reviewed_by=member.user,
        verdict="confirmed",
        review_note="Fine.",
    )


def test_each_runs_once(session: SupportSession, message: Message, member: Person) -> None:
    for fields in ({"kind": "hide", "message": message}, {"kind": "redirect", "message": message}):
        first = factories.intervention(session, **fields)
        refuses("sessions_intervention_once_a_message", factories.intervention, session, **fields)
        first.ended_at = timezone.now()
        first.save()
        factories.intervention(session, **fields)
    for fields in ({"kind": "lock"}, {"kind": "mute", "about": member.user}):
        first = factories.intervention(session, **fields)
        refuses("sessions_intervention_once_a_person", factories.intervention, session, **fields)
        first.ended_at = timezone.now()
        first.save()
        factories.intervention(session, **fields)


def test_a_report_is_whole(message: Message) -> None:
    first = factories.report(message)
    refuses("sessions_report_once_a_person", factories.report, message, reporter=first.reporter)
    refuses("sessions_report_reason_known", factories.report, message, reason="mood")
    refuses("sessions_report_reason_in_words", factories.report, message, reason="other")
    refuses("sessions_report_outcome_known", factories.report, message, outcome="acted")
    refuses("sessions_report_outcome_known", factories.report, message, handled_at=timezone.now())


def test_a_hint_is_settled_with_an_outcome(message: Message) -> None:
    refuses("sessions_hint_outcome_known", factories.hint, message, settled_at=timezone.now())
    factories.hint(message)
    refuses("message_id", factories.hint, message)


def test_what_is_hidden_has_a_time(session: SupportSession, member: Person) -> None:
    refuses(
        "sessions_message_hidden_dated",
        factories.message,
        session,
        member.user,
        hidden_by=member.user,
    )


def test_help_is_closed_after_it_was_offered(session: SupportSession, member: Person) -> None:
    entry = factories.entry(session, member.user)
    entry.help_closed_at = timezone.now()
    refuses("sessions_entry_help_offered_first", entry.save)
