"""What facilitators do to keep a session safe, how it is undone, reported, hinted at and judged."""

from datetime import datetime
from typing import cast

from django.db import transaction
from django.utils import timezone

from accounts.live import look_again
from accounts.models import User
from audit.trail import record
from safeguarding.models import Concern, Resource
from sessions import live, rules, safe_rules, talk_actions, turns
from sessions.actions import changed, go, locked, raise_concern
from sessions.models import Hint, Intervention, Message, Report, SupportSession, Turn
from supportgroups.lib.refusals import Refused

# Stepping in --------------------------------------------------------------------------------------
# Whoever steps in locks the session's row first, so two who do the same find it done.


def _tell_trail(
    verb: str, intervention: Intervention, *, by: User | None, at: datetime, **data: object
) -> None:
    record(
        verb,
        by=by,
        on=intervention,
        organisation=intervention.support_session.group.organisation_id,
        at=at,
        kind=intervention.kind,
        **data,
    )


def _begin(intervention: Intervention, *, by: User, at: datetime) -> Intervention:
    intervention.made_by, intervention.made_at = by, at
    intervention.save()
    _tell_trail("intervention.made", intervention, by=by, at=at, reason=intervention.reason)
    live.publish_to_leads(intervention.support_session_id, "reports")
    return intervention


@transaction.atomic
def hide_message(
    *, message: Message, reason: str, words: str, by: User, at: datetime | None = None
) -> Intervention:
    """Take a message out of everybody's sight, a calm line in its place. Twice is once.

    Reports of it are answered by that. Reviewers can read it.
    """
    at = at or timezone.now()
    session = locked(message.support_session, version=None)
    safe_rules.check_may_step_in(by, session)
    message = Message.objects.select_for_update().get(pk=message.pk)
    safe_rules.check_may_hide(message, by=by)
    running = safe_rules.running_on(message, Intervention.Kind.HIDE)
    if running is not None:
        return running
    message.hidden_at, message.hidden_by = at, by
    message.save(update_fields=["hidden_at", "hidden_by"])
    made = _begin(
        Intervention(
            support_session=session,
            kind=Intervention.Kind.HIDE,
            message=message,
            about_id=message.sender_id,
            reason=reason,
            words=words,
        ),
        by=by,
        at=at,
    )
    for report in Report.objects.open().filter(message=message):
        _handle(report, outcome=Report.Outcome.ACTED, note="", by=by, at=at)
    talk_actions.touch(message)
    return made


@transaction.atomic
def redirect_claim(
    *,
    message: Message,
    claim: str,
    resource: Resource,
    by: User,
    at: datetime | None = None,
) -> Intervention:
    """Show everybody a vetted source under a message that says something that is not so.

    Raises `Refused` for words that are not in the message, a source whose review is over, and when
    a source stands there already.
    """
    at = at or timezone.now()
    session = locked(message.support_session, version=None)
    safe_rules.check_may_step_in(by, session)
    message = Message.objects.select_for_update().get(pk=message.pk)
    safe_rules.check_may_redirect(message, by=by)
    safe_rules.check_is_vetted(resource, session)
    made = _begin(
        Intervention(
            support_session=session,
            kind=Intervention.Kind.REDIRECT,
            message=message,
            about_id=message.sender_id,
            claim=safe_rules.claim_in(message, claim),
            resource=resource,
            reason="claim",
        ),
        by=by,
        at=at,
    )
    talk_actions.touch(message, quotes_change=False)
    return made


@transaction.atomic
def mute(
    *,
    support_session: SupportSession,
    about: User,
    reason: str,
    words: str,
    by: User,
    message: Message | None = None,
    at: datetime | None = None,
) -> Intervention:
    """Ask somebody to listen only, for this session. They may stay, and are told kindly."""
    return _ask_person(
        Intervention.Kind.MUTE, support_session, about, reason, words, by, message, at
    )


@transaction.atomic
def remove_from_session(
    *,
    support_session: SupportSession,
    about: User,
    reason: str,
    words: str,
    by: User,
    message: Message | None = None,
    at: datetime | None = None,
) -> Intervention:
    """End this session for somebody: their sockets close at once, and they cannot come in again.

    Their place in the group stays.
    """
    made = _ask_person(
        Intervention.Kind.REMOVE, support_session, about, reason, words, by, message, at
    )
    go(support_session=support_session, user=about, at=made.made_at)
    return made


def _ask_person(
    kind: str,
    support_session: SupportSession,
    about: User,
    reason: str,
    words: str,
    by: User,
    message: Message | None,
    at: datetime | None,
) -> Intervention:
    session = locked(support_session, version=None)
    safe_rules.check_may_step_in(by, session)
    safe_rules.check_may_be_asked(about, session, by=by)
    running = rules.stepped_in(session, kind).filter(about=about).first()
    if running is not None:
        return running
    made = _begin(
        Intervention(
            support_session=session,
            kind=kind,
            about=about,
            message=message,
            reason=reason,
            words=words,
        ),
        by=by,
        at=at or timezone.now(),
    )
    _end_turns(session, about, by=by, at=made.made_at)
    look_again([about.pk])
    return made


def _end_turns(session: SupportSession, about: User, *, by: User, at: datetime) -> None:
    """The floor goes on without somebody who may not speak."""
    ended = list(session.turns.filter(user=about, status__in=Turn.OPEN))
    for turn in ended:
        is_hand = turn.kind == Turn.Kind.HAND
        turns.move(turn, Turn.Status.LOWERED if is_hand else Turn.Status.SKIPPED, at=at)
    if ended:
        changed(session, "turn.skipped", by=by, at=at, turn=str(ended[0].pk))


@transaction.atomic
def lock_door(
    *,
    support_session: SupportSession,
    reason: str,
    words: str,
    by: User,
    at: datetime | None = None,
) -> Intervention:
    """Let nobody new in. Who has been in the room today can come back."""
    at = at or timezone.now()
    session = locked(support_session, version=None)
    safe_rules.check_may_step_in(by, session)
    running = rules.stepped_in(session, Intervention.Kind.LOCK).first()
    if running is not None:
        return running
    made = _begin(
        Intervention(
            support_session=session, kind=Intervention.Kind.LOCK, reason=reason, words=words
        ),
        by=by,
        at=at,
    )
    changed(session, "door.locked", by=by, at=at)
    return made


@transaction.atomic
def undo(*, intervention: Intervention, by: User, at: datetime | None = None) -> Intervention:
    """Take back what a facilitator did, from inside the room."""
    at = at or timezone.now()
    session = locked(intervention.support_session, version=None)
    intervention = _read_again(intervention, session)
    safe_rules.check_may_undo(intervention, by=by)
    _end(intervention, session, by=by, at=at)
    return intervention


def _read_again(intervention: Intervention, session: SupportSession) -> Intervention:
    found = Intervention.objects.select_for_update(of=("self",)).get(pk=intervention.pk)
    found.support_session = session
    return found


def _end(intervention: Intervention, session: SupportSession, *, by: User, at: datetime) -> None:
    intervention.ended_at, intervention.ended_by = at, by
    intervention.save(update_fields=["ended_at", "ended_by"])
    _tell_trail("intervention.undone", intervention, by=by, at=at)
    message = intervention.message
    if message is not None and intervention.kind in Intervention.OF_A_MESSAGE:
        if intervention.kind == Intervention.Kind.HIDE:
            message.hidden_at = message.hidden_by = None
            message.save(update_fields=["hidden_at", "hidden_by"])
        talk_actions.touch(message)
    if intervention.kind in Intervention.OF_A_PERSON and intervention.about_id is not None:
        look_again([intervention.about_id])
    if intervention.kind == Intervention.Kind.LOCK:
        changed(session, "door.unlocked", by=by, at=at)
    live.publish_to_leads(session.pk, "reports")


# Reports ------------------------------------------------------------------------------------------


@transaction.atomic
def report_message(
    *, message: Message, reason: str, detail: str, by: User, at: datetime | None = None
) -> Report:
    """Ask for a look at a message, in private. A second report by the same person is the first."""
    session = message.support_session
    safe_rules.messages_in_reach(by, session)
    safe_rules.check_may_report(message, by=by)
    report, is_new = Report.objects.get_or_create(
        message=message,
        reporter=by,
        defaults={"reason": reason, "detail": detail, "made_at": at or timezone.now()},
    )
    if is_new:
        _tell_of_report("report.made", report, by=by, at=report.made_at, reason=reason)
    return report


def _tell_of_report(
    verb: str, report: Report, *, by: User | None, at: datetime, **data: object
) -> None:
    session = report.message.support_session
    record(verb, by=by, on=report, organisation=session.group.organisation_id, at=at, **data)
    live.publish_to_leads(session.pk, "reports")


@transaction.atomic
def handle_report(
    *, report: Report, outcome: str, note: str, by: User, at: datetime | None = None
) -> Report:
    """Say that somebody has looked, and whether something was done."""
    report = (
        Report.objects.select_for_update(of=("self",))
        .select_related("message__support_session__group")
        .get(pk=report.pk)
    )
    safe_rules.check_may_handle(report, by=by)
    return _handle(report, outcome=outcome, note=note, by=by, at=at or timezone.now())


def _handle(report: Report, *, outcome: str, note: str, by: User, at: datetime) -> Report:
    report.handled_at, report.handled_by = at, by
    report.outcome, report.note = outcome, note
    report.save(update_fields=["handled_at", "handled_by", "outcome", "note"])
    _tell_of_report("report.handled", report, by=by, at=at, outcome=outcome)
    return report


# Hints --------------------------------------------------------------------------------------------


@transaction.atomic
def dismiss_hint(*, hint: Hint, by: User, at: datetime | None = None) -> Hint:
    """Say that there is nothing to do."""
    return _settle(hint, Hint.Outcome.DISMISSED, by=by, at=at)


@transaction.atomic
def open_concern_from_hint(
    *, hint: Hint, detail: str, shows_help: bool, by: User, at: datetime | None = None
) -> Concern:
    """A facilitator decides that the person on call should look after whoever wrote it."""
    hint = _settle(hint, Hint.Outcome.CONCERN, by=by, at=at)
    return raise_concern(
        support_session=hint.message.support_session,
        about=cast(User, hint.message.sender),
        detail=detail,
        occasion=hint.pk,
        shows_help=shows_help,
        by=by,
        at=at,
    )


def _settle(hint: Hint, outcome: str, *, by: User, at: datetime | None) -> Hint:
    at = at or timezone.now()
    hint = (
        Hint.objects.select_for_update(of=("self",))
        .select_related("message__support_session__group__organisation", "message__sender")
        .get(pk=hint.pk)
    )
    session = hint.message.support_session
    safe_rules.check_may_step_in(by, session)
    if hint.settled_at is not None:
        raise Refused("state_changed", "Somebody has answered this hint already.")
    hint.settled_at, hint.settled_by, hint.outcome = at, by, outcome
    hint.save(update_fields=["settled_at", "settled_by", "outcome"])
    record(
        "hint.settled",
        by=by,
        on=hint,
        organisation=session.group.organisation_id,
        at=at,
        outcome=outcome,
        list_version=hint.list_version,
    )
    live.publish_to_leads(session.pk, "hints")
    return hint


# Help for one person ------------------------------------------------------------------------------


@transaction.atomic
def close_help(*, support_session: SupportSession, by: User, at: datetime | None = None) -> None:
    """Take the help lines away that were shown to this person alone. No event: it is theirs."""
    rules.check_may_enter(by, support_session)
    rules.offered_help(support_session).filter(user=by).update(help_closed_at=at or timezone.now())
    look_again([by.pk])


# Review -------------------------------------------------------------------------------------------


@transaction.atomic
def read_message(*, message: Message, by: User, at: datetime | None = None) -> Message:
    """Give a reviewer the words of one message, and tell the trail who read them."""
    session = message.support_session
    record("message.read", by=by, on=message, organisation=session.group.organisation_id, at=at)
    return message


@transaction.atomic
def judge(
    *,
    intervention: Intervention,
    verdict: str,
    note: str,
    by: User,
    at: datetime | None = None,
) -> Intervention:
    """Say whether a step was right. One that was not needed is undone by that."""
    at = at or timezone.now()
    session = locked(intervention.support_session, version=None)
    intervention = _read_again(intervention, session)
    safe_rules.check_may_judge(intervention, by=by)
    intervention.reviewed_at, intervention.reviewed_by = at, by
    intervention.verdict, intervention.review_note = verdict, note
    intervention.save(update_fields=["reviewed_at", "reviewed_by", "verdict", "review_note"])
    _tell_trail("intervention.judged", intervention, by=by, at=at, verdict=verdict)
    if verdict == Intervention.Verdict.WITHDRAWN and intervention.ended_at is None:
        _end(intervention, session, by=by, at=at)
    return intervention
