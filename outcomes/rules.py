"""Who may answer what, and what a number may be called. Asks, never writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.rules import Viewer
from groups.models import SupportGroup
from instruments.models import Instrument
from instruments.schema import Definition, Item, RiskLevel, RiskRule
from instruments.scoring import Answers, Score, items_to_ask, triggered_risks
from outcomes.models import Response, SurveyInvitation, SurveyPlan
from safeguarding.models import Concern
from supportgroups.lib.refusals import Refused

#: Nobody is asked the same questions twice within a week, whichever group asks. Half a day less,
#: so that a weekly session that ended early counts as a week later.
ASKED_AGAIN_AFTER = timedelta(days=6, hours=12)
#: A claim whose mail was not marked sent by then belonged to a worker that died.
CLAIM_LASTS = timedelta(minutes=10)
#: A mail server that refuses an address is not asked for ever.
MOST_ATTEMPTS = 5

#: What people call what a questionnaire asks about. Others go by what their definition measures.
_PLAIN_NAMES = {"phq-9": "low mood", "gad-7": "worry"}


def plain_name(instrument: Instrument) -> str:
    """What a questionnaire asks about, in a word or two that a person would use."""
    return _PLAIN_NAMES.get(instrument.code) or instrument.parsed().measures


def short_title(instrument: Instrument) -> str:
    """The name professionals know, for example "PHQ-9"."""
    _, _, rest = instrument.title.partition("(")
    return rest.rstrip(")") or instrument.title


@dataclass(frozen=True)
class Sheet:
    """One invitation's answers so far, and what still waits."""

    invitation: SurveyInvitation
    response: Response | None
    instrument: Instrument
    definition: Definition
    answers: Answers

    @property
    def items(self) -> tuple[Item, ...]:
        """What is asked, in order, given the answers so far."""
        return items_to_ask(self.definition, self.answers)

    @property
    def next_item(self) -> Item | None:
        """The first question without an answer; None when everything is answered."""
        return next((item for item in self.items if item.id not in self.answers), None)

    @property
    def answered(self) -> int:
        return sum(item.id in self.answers for item in self.items)

    @property
    def is_sent(self) -> bool:
        return self.response is not None and self.response.submitted_at is not None

    def item(self, item_id: str) -> Item | None:
        """The item with this id if it is asked, else None."""
        return next((item for item in self.items if item.id == item_id), None)

    def before(self, item: Item) -> Item | None:
        """The question that "Back" leads to; None on the first."""
        place = self.items.index(item)
        return self.items[place - 1] if place else None


def sheet_of(invitation: SurveyInvitation) -> Sheet:
    """The answers so far, read with the version of the questionnaire they were given to."""
    response = getattr(invitation, "response", None)
    instrument = response.instrument if response else invitation.plan.instrument
    return Sheet(
        invitation,
        response,
        instrument,
        instrument.parsed(),
        response.answers if response else {},
    )


def stored_scales(result: Score) -> dict[str, dict[str, Any]]:
    """The scores of an instrument's parts as they are kept: points as text where they are no whole
    number, so that no digit is lost."""
    return {
        scale.id: {
            "total": scale.total if isinstance(scale.total, int | None) else str(scale.total),
            "band": scale.band or "",
        }
        for scale in result.scales
    }


def plans_of(group: SupportGroup) -> QuerySet[SurveyPlan]:
    """What a group asks now, in the order in which it is asked."""
    return (
        SurveyPlan.objects.filter(group=group, ended_at__isnull=True)
        .select_related("instrument")
        .order_by("position", "began_at")
    )


def invitations_of(user: Viewer) -> QuerySet[SurveyInvitation]:
    """A person's own invitations that have become due; others' are 404."""
    if not user.is_authenticated:
        return SurveyInvitation.objects.none()
    return SurveyInvitation.objects.filter(
        membership__user=user, due_at__lte=timezone.now()
    ).select_related("plan__instrument", "membership__group__organisation", "response__instrument")


def is_closed(invitation: SurveyInvitation, *, at: datetime | None = None) -> bool:
    """Whether its time is over."""
    return invitation.closes_at <= (at or timezone.now())


def check_may_answer(
    user: Viewer, invitation: SurveyInvitation, *, at: datetime | None = None
) -> SurveyInvitation:
    """The invitation, if this person may still answer it, else `Refused`."""
    if not user.is_authenticated or invitation.membership.user_id != user.pk:
        raise Refused("not_yours", "Only the person who was asked can answer.")
    if sheet_of(invitation).is_sent:
        raise Refused(
            "sent",
            "You have sent these answers already, so they stay as they are.",
            next_step=("Go to your home", "/home/"),
        )
    if is_closed(invitation, at=at):
        raise Refused(
            "closed",
            "This check-in has closed. Nothing is wrong: you will be asked again another time.",
            next_step=("Go to your home", "/home/"),
        )
    return invitation


def risks_of_answer(definition: Definition, answers: Answers, item_id: str) -> list[RiskRule]:
    """The risk rules that the answer to this one item sets off.

    Compared with the same sheet without it, so that saving one answer twice says the same twice.
    """
    without = {key: value for key, value in answers.items() if key != item_id}
    before = {rule.id for rule in triggered_risks(definition, without)}
    return [rule for rule in triggered_risks(definition, answers) if rule.id not in before]


def needs_a_person(rule: RiskRule) -> bool:
    """Whether a named person looks at it the same day."""
    return rule.level is RiskLevel.REVIEW


def concern_occasion(response: Response, rule: RiskRule) -> str:
    """What makes a concern from a survey happen once: the response, and the item or the total."""
    return f"survey:{response.pk}:{rule.item or rule.id}"


def concerns_from(response: Response) -> QuerySet[Concern]:
    """What was opened because of these answers, the newest first."""
    return (
        Concern.objects.filter(
            about=response.invitation.membership.user, occasion__startswith=f"survey:{response.pk}:"
        )
        .select_related("assigned_to", "organisation")
        .order_by("-opened_at")
    )


#: A group is looked at when the last sessions drew less than this share of those before.
EMPTYING_BELOW = 0.6
#: How many of the latest sessions are compared, and with how many before them at least.
LATEST_SESSIONS, SESSIONS_BEFORE = 2, 3


def is_emptying(came: Sequence[int]) -> bool:
    """Whether clearly fewer come than before.

    `came` counts people per held session, oldest first. The mean of the last two is compared with
    the mean of those before; with fewer than three before nothing is said.
    """
    before, latest = came[:-LATEST_SESSIONS], came[-LATEST_SESSIONS:]
    if len(before) < SESSIONS_BEFORE or not sum(before):
        return False
    return sum(latest) / len(latest) < EMPTYING_BELOW * sum(before) / len(before)
