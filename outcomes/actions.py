"""Ask, answer and send. A risk in an answer opens a concern in the same transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts import consents
from accounts.models import Organisation, User
from audit.trail import record
from groups.models import Membership
from instruments.schema import Definition, RiskRule
from instruments.scoring import Answers, check_answers, items_to_ask, score
from outcomes import asking, emails, rules
from outcomes.models import Response, SurveyInvitation, SurveyPlan
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from sessions import before_times
from sessions.models import Attendance
from supportgroups.lib.refusals import Refused


@transaction.atomic
def make_surveys_due(*, by: User | None, at: datetime | None = None) -> int:
    """Ask everybody whose turn has come (`outcomes/asking.py`); returns how many rows.

    Run again or twice at once, it makes no second row: the database holds one per plan, person
    and moment, and one run at a time looks after the week between two invitations.
    """
    at = at or timezone.now()
    leaving, sharing = consents.ASK_AFTER_LEAVING, consents.SHARE_ANSWERS
    values: dict[str, Any] = {
        "at": at,
        "without_licence": rules.plans_without_licence(at),
        "came": list(Attendance.CAME),
        "again": rules.ASKED_AGAIN_AFTER,
        "put_off": asking.PUT_OFF_AT_MOST,
        "longest": asking.LONGEST_AFTERWARDS,
        "leaving": leaving.code,
        "leaving_from": leaving.holds_from,
        "sharing": sharing.code,
        "sharing_from": sharing.holds_from,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('outcomes.make_surveys_due'))")
        cursor.execute(asking.FOLLOW_CORRECTIONS)
        corrected = [plan_id for (plan_id,) in cursor.fetchall()]
        cursor.execute(asking.MAKE_DUE, values)
        made = {plan_id: (n, shared) for plan_id, n, shared in cursor.fetchall()}
    for plan in SurveyPlan.objects.filter(pk__in=corrected).select_related("group", "instrument"):
        record(
            "survey_plan.corrected",
            by=by,
            on=plan,
            organisation=plan.group.organisation_id,
            at=at,
            version=plan.instrument.version,
        )
    for plan in SurveyPlan.objects.filter(pk__in=made).select_related("group"):
        n, shared = made[plan.pk]
        record(
            "survey.due",
            by=by,
            on=plan,
            organisation=plan.group.organisation_id,
            at=at,
            invitations=n,
            shared=shared,
        )
    return sum(n for n, _ in made.values())


@transaction.atomic
def claim_invitations(
    *, by: User | None, at: datetime | None = None, limit: int = 500
) -> dict[UUID, list[UUID]]:
    """Take what up to `limit` people are to be sent now: person -> their invitations.

    People first: whoever holds a person's row sends that person's one mail. What they are sent is
    looked up again behind that lock, so two workers never claim one row. A claim lasts
    `rules.CLAIM_LASTS`, and is committed at once.
    """
    at = at or timezone.now()
    with connection.cursor() as cursor:
        # Of rows that were just made the planner knows nothing: it would read and sort all that
        # wait, for each batch. In the order of the index it reads as many as it takes.
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off")
    waiting = rules.mails_due(at)
    people = (
        waiting.filter(membership__user__is_active=True)
        .order_by("next_mail_at")
        .select_related("membership__user")
        .only("membership__user__id")
        .select_for_update(of=("membership__user",), skip_locked=True, no_key=True)[:limit]
    )
    locked = {invitation.membership.user_id for invitation in people}
    claimed: dict[UUID, list[UUID]] = {}
    # By the rows' own column: else the database joins all that waits before it looks whose it is.
    theirs = Membership.objects.filter(user__in=locked).values_list("pk", flat=True)
    rows = waiting.filter(membership__in=list(theirs)).order_by()
    for user_id, invitation_id in rows.values_list("membership__user", "pk"):
        claimed.setdefault(user_id, []).append(invitation_id)
    SurveyInvitation.objects.filter(pk__in=[pk for ids in claimed.values() for pk in ids]).update(
        claimed_at=at, attempts=F("attempts") + 1
    )
    return claimed


def release_claimed(*, invitation_ids: list[UUID], by: User | None) -> int:
    """Give claims back untried, because the mail server itself could not be reached."""
    return SurveyInvitation.objects.filter(
        pk__in=invitation_ids, claimed_at__isnull=False, next_mail_at__isnull=False
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
    somebody answered meanwhile needs no mail. Within quiet hours it waits until they end.
    """
    at = at or timezone.now()
    invitations = list(
        SurveyInvitation.objects.open(at)
        .filter(pk__in=invitation_ids, next_mail_at__lte=at)
        .select_related("membership__user", "plan__instrument", "response__instrument")
    )
    if not invitations:
        return 0
    person = invitations[0].membership.user
    quiet = before_times.quiet_hours(person)
    if quiet is not None and (hours := quiet.around(at)):
        release_claimed(invitation_ids=[i.pk for i in invitations], by=by)
        SurveyInvitation.objects.filter(pk__in=[i.pk for i in invitations]).update(
            next_mail_at=hours[1]
        )
        return 0
    emails.send_invitations(person, invitations, mailer=mailer)
    for invitation in invitations:
        if invitation.sent_at is None:
            invitation.sent_at = at
        else:
            invitation.reminders_sent += 1
        invitation.attempts = 0
        invitation.next_mail_at = rules.next_reminder_at(invitation, at=at)
    return SurveyInvitation.objects.bulk_update(
        invitations, ["sent_at", "reminders_sent", "attempts", "next_mail_at"]
    )


@transaction.atomic
def choose_at_start(
    *,
    choices: Sequence[tuple[str, Organisation | None]],
    agreed: Collection[str],
    by: User,
    at: datetime | None = None,
) -> None:
    """Keep what somebody ticked on the first page of a check-in, and what they did not tick."""
    for purpose, organisation in choices:
        change = consents.give if purpose in agreed else consents.withdraw
        change(user=by, purpose=purpose, organisation=organisation, by=by, at=at)


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
    organisation = invitation.membership.group.organisation_id
    record("survey.answered", by=by, on=response, organisation=organisation, at=at, item=item_id)
    risks = act_on_risks(
        response=response,
        invitation=invitation,
        definition=definition,
        answers=answers,
        item_id=item_id,
        by=by,
        at=at,
    )
    return Saved(response, shows_help=any(rule.show_help for rule in risks))


def act_on_risks(
    *,
    response: Response,
    invitation: SurveyInvitation,
    definition: Definition,
    answers: Answers,
    item_id: str,
    by: User,
    at: datetime,
) -> list[RiskRule]:
    """Open a concern for each rule that the answer to this one item sets off; returns the rules."""
    risks = rules.risks_of_answer(definition, answers, item_id)
    for rule in filter(rules.needs_a_person, risks):
        open_concern(
            organisation=invitation.membership.group.organisation,
            about=invitation.membership.user,
            source=Concern.Source.SURVEY,
            occasion=rules.concern_occasion(response, rule),
            detail=_detail(invitation, definition, rule, answers[item_id]),
            by=by,
            at=at,
        )
    return risks


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
    return score_and_close(
        response=response, invitation=invitation, definition=definition, by=by, at=at
    )


def score_and_close(
    *,
    response: Response,
    invitation: SurveyInvitation,
    definition: Definition,
    by: User,
    at: datetime,
) -> Response:
    """Keep what was asked, its scores, and that nothing changes any more. No mail follows."""
    # A question that a changed answer made pointless is not part of what was said.
    asked = [item.id for item in items_to_ask(definition, response.answers)]
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
        way=response.way,
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
