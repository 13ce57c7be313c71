"""Ask, answer and send. A risk in an answer opens a concern in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from instruments.schema import Definition, RiskRule
from instruments.scoring import check_answers, items_to_ask, score
from outcomes import emails, rules
from outcomes.models import Response, SurveyInvitation
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from sessions.models import Attendance, SupportSession
from supportgroups.lib.refusals import Refused

# One statement finds who came how often and asks them. An unfinished run leaves nothing behind, a
# repeated one inserts nothing. The n-th session somebody came to asks when n is 1, or 1 plus a
# multiple of the plan's rhythm. `DISTINCT ON` keeps the earliest when two groups ask the same
# questions within one run; the other is seen by the next run, and then refused by the week.
_MAKE_DUE = """
WITH recent AS (
    SELECT s.id AS session_id, s.ended_at, p.id AS plan_id, p.every_sessions, i.code,
           s.ended_at + make_interval(days => p.window_days) AS closes_at
    FROM outcomes_surveyplan p
    JOIN instruments_instrument i ON i.id = p.instrument_id
    JOIN support_sessions_supportsession s ON s.group_id = p.group_id
    WHERE p.ended_at IS NULL AND p.began_at <= s.ended_at AND s.status = 'ended'
      AND s.ended_at <= %(at)s AND s.ended_at > %(at)s - make_interval(days => p.window_days)
), came AS (
    SELECT recent.*, m.id AS membership_id, m.user_id, (
        SELECT count(*)
        FROM support_sessions_attendance b
        JOIN support_sessions_supportsession t ON t.id = b.support_session_id
        WHERE b.membership_id = m.id AND b.status = ANY(%(came)s) AND t.status = 'ended'
          AND (t.ended_at, t.id) <= (recent.ended_at, recent.session_id)
    ) AS nth
    FROM recent
    JOIN support_sessions_attendance a
      ON a.support_session_id = recent.session_id AND a.status = ANY(%(came)s)
    JOIN groups_membership m ON m.id = a.membership_id AND m.status = 'active'
    JOIN accounts_user u ON u.id = m.user_id AND u.is_active
), due AS (
    SELECT DISTINCT ON (user_id, code) *
    FROM came
    WHERE (nth - 1) %% every_sessions = 0
      AND NOT EXISTS (
        SELECT 1
        FROM outcomes_surveyinvitation other
        JOIN groups_membership n ON n.id = other.membership_id
        JOIN outcomes_surveyplan q ON q.id = other.plan_id
        JOIN instruments_instrument j ON j.id = q.instrument_id
        WHERE n.user_id = came.user_id AND j.code = came.code
          AND other.due_at > came.ended_at - %(again)s
          AND other.due_at < came.ended_at + %(again)s
      )
    ORDER BY user_id, code, ended_at, plan_id
)
INSERT INTO outcomes_surveyinvitation
    (plan_id, membership_id, occasion, wave, support_session_id, arose_at, due_at, closes_at,
     next_mail_at, attempts)
SELECT plan_id, membership_id, CASE nth WHEN 1 THEN 'baseline' ELSE 'regular' END,
       (nth - 1) / every_sessions, session_id, ended_at, ended_at, closes_at, ended_at, 0
FROM due
ON CONFLICT DO NOTHING
RETURNING support_session_id
"""

# People first: whoever holds a person's row sends that person's one mail. The second statement's
# conditions are looked at again after a wait, so two workers never claim one row.
_CLAIM = """
WITH due AS (
    SELECT i.id, m.user_id
    FROM outcomes_surveyinvitation i
    JOIN groups_membership m ON m.id = i.membership_id AND m.status = 'active'
    WHERE i.sent_at IS NULL AND i.next_mail_at <= %(at)s AND i.closes_at > %(at)s
      AND i.stopped_at IS NULL
      AND (i.claimed_at IS NULL OR i.claimed_at < %(at)s - %(lasts)s)
      AND i.attempts < %(most)s
      AND NOT EXISTS (
        SELECT 1 FROM outcomes_response r
        WHERE r.invitation_id = i.id AND r.submitted_at IS NOT NULL
      )
), people AS (
    SELECT u.id
    FROM accounts_user u
    WHERE u.is_active AND u.id IN (SELECT user_id FROM due)
    ORDER BY u.id
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outcomes_surveyinvitation i
SET claimed_at = %(at)s, attempts = i.attempts + 1
FROM due
WHERE i.id = due.id AND due.user_id IN (SELECT id FROM people)
  AND i.sent_at IS NULL AND (i.claimed_at IS NULL OR i.claimed_at < %(at)s - %(lasts)s)
RETURNING due.user_id, i.id
"""


@transaction.atomic
def make_surveys_due(*, by: User | None, at: datetime | None = None) -> int:
    """Ask everybody whose turn came with a session that has ended; returns how many rows.

    Run again or twice at once, it makes no second row: the database holds one per plan, person
    and wave, and one run at a time looks after the week between two invitations.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outcomes.make_surveys_due'))")
        values: dict[str, Any] = {
            "at": at or timezone.now(),
            "came": list(Attendance.CAME),
            "again": rules.ASKED_AGAIN_AFTER,
        }
        cursor.execute(_MAKE_DUE, values)
        made = [row[0] for row in cursor.fetchall()]
    for support_session in SupportSession.objects.filter(pk__in=set(made)).select_related("group"):
        record(
            "survey.due",
            by=by,
            on=support_session,
            organisation=support_session.group.organisation_id,
            at=at,
            invitations=made.count(support_session.pk),
        )
    return len(made)


def claim_invitations(
    *, by: User | None, at: datetime | None = None, limit: int = 100
) -> dict[UUID, list[UUID]]:
    """Take the unsent invitations of up to `limit` people: person -> their invitations.

    Committed at once, so that no other worker takes them. A claim lasts `rules.CLAIM_LASTS`.
    """
    claimed: dict[UUID, list[UUID]] = {}
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "at": at or timezone.now(),
            "lasts": rules.CLAIM_LASTS,
            "most": rules.MOST_ATTEMPTS,
            "limit": limit,
        }
        cursor.execute(_CLAIM, values)
        for user_id, invitation_id in cursor.fetchall():
            claimed.setdefault(user_id, []).append(invitation_id)
    return claimed


def release_claimed(*, invitation_ids: list[UUID], by: User | None) -> int:
    """Give claims back untried, because the mail server itself could not be reached."""
    return SurveyInvitation.objects.filter(
        pk__in=invitation_ids, claimed_at__isnull=False, sent_at__isnull=True
    ).update(claimed_at=None, attempts=F("attempts") - 1)


def send_claimed(
    *,
    invitation_ids: list[UUID],
    by: User | None,
    mailer: BaseEmailBackend,
    at: datetime | None = None,
) -> int:
    """Send one person one mail for these invitations and mark them sent; returns how many rows.

    Marked after the mail was handed over: a worker killed between the two sends it again when
    the claim has run out. A second mail is a small nuisance, a lost one a missing answer. What
    somebody answered meanwhile needs no mail.
    """
    invitations = list(
        SurveyInvitation.objects.open(at)
        .filter(pk__in=invitation_ids, sent_at__isnull=True)
        .select_related("membership__user", "membership__group", "plan__instrument")
    )
    if not invitations:
        return 0
    emails.send_invitations(invitations[0].membership.user, invitations, mailer=mailer)
    return SurveyInvitation.objects.filter(pk__in=[i.pk for i in invitations]).update(
        sent_at=at or timezone.now(), next_mail_at=None
    )


@dataclass(frozen=True)
class Saved:
    """A saved answer, and whether the person sees at once whom to call."""

    response: Response
    shows_help: bool


@transaction.atomic
def save_answer(
    *,
    invitation: SurveyInvitation,
    item_id: str,
    value: int | None,
    by: User,
    at: datetime | None = None,
) -> Saved:
    """Keep one answer (None is "rather not say"); a repeat replaces it.

    An answer that a person should look at opens a concern in the same transaction: there is never
    the one without the other. Raises `Refused` when closed or sent, `InvalidAnswers` for a value
    that the item does not offer.
    """
    at = at or timezone.now()
    rules.check_may_answer(by, invitation, at=at)
    Response.objects.get_or_create(
        invitation=invitation,
        defaults={"instrument": invitation.plan.instrument, "started_at": at, "saved_at": at},
    )
    response = _locked(invitation)
    if response.submitted_at is not None:
        raise Refused("sent", "You have sent these answers already, so they stay as they are.")
    definition = response.instrument.parsed()
    answers = {**response.answers, item_id: value}
    check_answers(definition, answers)
    response.answers, response.saved_at = answers, at
    response.save(update_fields=["answers", "saved_at"])
    organisation = invitation.membership.group.organisation
    record("survey.answered", by=by, on=response, organisation=organisation.pk, at=at, item=item_id)
    risks = rules.risks_of_answer(definition, answers, item_id)
    for rule in filter(rules.needs_a_person, risks):
        open_concern(
            organisation=organisation,
            about=by,
            source=Concern.Source.SURVEY,
            occasion=rules.concern_occasion(response, rule),
            detail=_detail(invitation, definition, rule, value),
            by=by,
            at=at,
        )
    return Saved(response, shows_help=any(rule.show_help for rule in risks))


@transaction.atomic
def submit_response(
    *, invitation: SurveyInvitation, by: User, at: datetime | None = None
) -> Response:
    """Send the answers: scored once, and from then on unchangeable. Sending twice is sending once.

    The score stays empty where too many answers are missing for one.
    """
    at = at or timezone.now()
    response = Response.objects.filter(invitation=invitation).first()
    own = invitation.membership.user_id == by.pk
    if own and response is not None and response.submitted_at is not None:
        return response
    rules.check_may_answer(by, invitation, at=at)
    if response is None:
        raise Refused("unanswered", "Some questions still wait for an answer.")
    response = _locked(invitation)
    if response.submitted_at is not None:
        return response
    definition = response.instrument.parsed()
    asked = [item.id for item in items_to_ask(definition, response.answers)]
    if any(item_id not in response.answers for item_id in asked):
        raise Refused("unanswered", "Some questions still wait for an answer.")
    # A question that a changed answer made pointless is not part of what was said.
    response.answers = {item_id: response.answers[item_id] for item_id in asked}
    result = score(definition, response.answers)
    response.score, response.band = result.total, result.band or ""
    response.scales = rules.stored_scales(result)
    response.submitted_at = at
    response.save(update_fields=["answers", "score", "band", "scales", "submitted_at"])
    SurveyInvitation.objects.filter(pk=invitation.pk).update(next_mail_at=None)
    record(
        "survey.submitted",
        by=by,
        on=response,
        organisation=invitation.membership.group.organisation_id,
        at=at,
        wave=invitation.wave,
    )
    return response


def _locked(invitation: SurveyInvitation) -> Response:
    return (
        Response.objects.select_for_update(of=("self",))
        .select_related("instrument")
        .get(invitation=invitation)
    )


def _detail(
    invitation: SurveyInvitation, definition: Definition, rule: RiskRule, value: int | None
) -> str:
    """What the named person reads. It stands in the concern only, never in a mail or a log."""
    said = ""
    if rule.item is not None and value is not None:
        item = definition.item(rule.item)
        said = f" To “{item.text}” the answer was “{item.label_of(value)}”."
    return f"{definition.title}, asked by “{invitation.membership.group}”.{said} {rule.reason}"
