"""Print sheets and type them in. A risk in an answer acts just as it does online."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from groups.models import SupportGroup
from instruments.schema import RiskRule
from instruments.scoring import check_answers, items_to_ask
from outcomes import actions, paper_rules
from outcomes.models import Response, SurveyInvitation
from supportgroups.lib.refusals import Refused


@transaction.atomic
def print_sheets(
    *,
    group: SupportGroup,
    invitations: Iterable[SurveyInvitation],
    by: User,
    at: datetime | None = None,
) -> list[str]:
    """Give each of these a code, once; returns the codes. A second print has the same ones."""
    at = at or timezone.now()
    paper_rules.check_may_use_paper(by, group)
    codes = []
    for invitation in invitations:
        row = SurveyInvitation.objects.select_for_update(no_key=True).get(
            pk=invitation.pk, membership__group=group
        )
        if row.paper_code is None:
            row.paper_code = _unused_code(row)
            record("survey.printed", by=by, on=row, organisation=group.organisation_id, at=at)
        codes.append(row.paper_code)
    return codes


def _unused_code(row: SurveyInvitation) -> str:
    while True:
        code = paper_rules.new_code()
        try:
            with transaction.atomic():
                SurveyInvitation.objects.filter(pk=row.pk).update(paper_code=code)
        except IntegrityError:
            continue  # somebody has it already
        return code


@transaction.atomic
def type_in(
    *,
    invitation: SurveyInvitation,
    answers: Mapping[str, int | None],
    answered_on: date,
    by: User,
    at: datetime | None = None,
) -> list[RiskRule]:
    """Keep a whole sheet as it stands on paper, scored; returns the risk rules it set off.

    None is what was left out. It replaces what the person had saved online and not sent: the sheet
    is their last word. What a rule acted on stays. Raises `Refused`, or `InvalidAnswers`.
    """
    at = at or timezone.now()
    paper_rules.check_may_type_in(by, invitation, at=at)
    first, last = paper_rules.days_possible(invitation, at=at)
    if not first <= answered_on <= last:
        raise Refused("day", f"Nobody can have filled it in on {answered_on:%-d %B %Y}.")
    Response.objects.get_or_create(
        invitation=invitation,
        defaults={"instrument": invitation.plan.instrument, "started_at": at, "saved_at": at},
    )
    response = (
        Response.objects.select_for_update(of=("self",))
        .select_related("instrument")
        .get(invitation=invitation)
    )
    if response.submitted_at is not None:
        raise Refused("sent", "These answers are in already, so they stay as they are.")
    definition = response.instrument.parsed()
    check_answers(definition, answers)
    asked = [item.id for item in items_to_ask(definition, answers)]
    response.answers = {item_id: answers.get(item_id) for item_id in asked}
    response.way, response.entered_by, response.answered_on = Response.Way.PAPER, by, answered_on
    response.saved_at = at
    response.save(update_fields=["answers", "way", "entered_by", "answered_on", "saved_at"])
    risks: list[RiskRule] = []
    so_far: dict[str, int | None] = {}
    for item_id in asked:
        so_far[item_id] = response.answers[item_id]
        risks += actions.act_on_risks(
            response=response,
            invitation=invitation,
            definition=definition,
            answers=dict(so_far),
            item_id=item_id,
            by=by,
            at=at,
        )
    actions.score_and_close(
        response=response, invitation=invitation, definition=definition, by=by, at=at
    )
    return risks
