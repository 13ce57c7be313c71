"""Who may answer what, and what a number may be called. Asks, never writes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import consents
from accounts.models import Consent
from accounts.rules import Viewer
from groups.models import Membership, SupportGroup
from instruments.models import Instrument
from instruments.rules import may_use, today, usable_by
from instruments.schema import Definition, Item, RiskLevel, RiskRule, ShowIf
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
#: Between two mails about the same invitation, and between the last one and its closing.
MAILS_APART, LAST_MAIL_LEAVES = timedelta(days=1), timedelta(hours=12)

#: What people call what a questionnaire asks about. Others go by what their definition measures.
_PLAIN_NAMES = {"phq-9": "low mood", "gad-7": "worry"}


def plain_name(instrument: Instrument) -> str:
    """What a questionnaire asks about, in a word or two that a person would use."""
    return _PLAIN_NAMES.get(instrument.code) or instrument.parsed().measures


def short_title(instrument: Instrument) -> str:
    """The name professionals know, for example "PHQ-9"."""
    _, _, rest = instrument.title.partition("(")
    return rest.rstrip(")") or instrument.title


#: Most people read and answer so many short questions in a minute.
QUESTIONS_A_MINUTE = 5


def minutes_in_words(questions: int) -> str:
    """About how long somebody needs, for example "about 2 minutes"."""
    minutes = max(1, math.ceil(questions / QUESTIONS_A_MINUTE))
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def depends_on_answers(definition: Definition) -> bool:
    """Whether how many questions come depends on what is answered."""
    return any(
        item.condition is not None or item.show_if is not ShowIf.ALWAYS
        for item in definition.all_items
    )


def questions_in_words(definition: Definition, adjective: str = "") -> str:
    """How many questions come, for example "up to 10 short questions"."""
    number = len(definition.all_items)
    words = f"{adjective} question{'' if number == 1 else 's'}".strip()
    return f"{'up to ' if depends_on_answers(definition) else ''}{number} {words}"


#: Such as "2 weeks", "last week" or "past month"; what is neither stands for itself.
_SPAN = re.compile(r"(?:last |past )(\w+)|(\d+ \w+)")
_WHEN = {
    "general": "how things are in general",
    "nowadays and yesterday": "how things are nowadays, and how yesterday was",
}


def recall_in_words(definition: Definition) -> str:
    """What time the questions are about, for example "the last 2 weeks"."""
    if definition.recall in _WHEN:
        return _WHEN[definition.recall]
    span = _SPAN.fullmatch(definition.recall)
    return f"the last {span[1] or span[2]}" if span else definition.recall


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


def instruments_to_add(group: SupportGroup) -> QuerySet[Instrument]:
    """What a form may ask that the organisation may use and the group does not ask yet."""
    asked = plans_of(group).values("instrument__code")
    return usable_by(group.organisation).for_forms().exclude(code__in=asked)


def plans_without_licence(at: datetime) -> list[UUID]:
    """Plans that hold, of a questionnaire that their organisation may not ask now: terms that were
    taken back, or a licence that has run out. One query for each organisation with such ones."""
    found: list[UUID] = []
    bound = (
        SurveyPlan.objects.filter(ended_at__isnull=True)
        .exclude(instrument__organisation__isnull=True, instrument__terms="")
        .select_related("group__organisation")
        .order_by("group__organisation")
    )
    for organisation, plans in groupby(bound, key=lambda plan: plan.group.organisation):
        usable = set(
            Instrument.objects.usable_by(organisation, on=today(organisation, at=at)).values_list(
                "pk", flat=True
            )
        )
        found += [plan.pk for plan in plans if plan.instrument_id not in usable]
    return found


def invitations_of(user: Viewer) -> QuerySet[SurveyInvitation]:
    """A person's own invitations that have become due; others' are 404."""
    if not user.is_authenticated:
        return SurveyInvitation.objects.none()
    return SurveyInvitation.objects.filter(
        membership__user=user, due_at__lte=timezone.now()
    ).select_related("plan__instrument", "membership__group__organisation", "response__instrument")


def still_asked() -> Q:
    """Of invitations: the membership still asks, or has ended in a way that lets it ask.

    Who completed may be asked afterwards; who left by themselves if they agreed to it; who was
    removed never. `outcomes/asking.py` says the same where it makes invitations.
    """
    purpose = consents.ASK_AFTER_LEAVING
    agreed = Consent.objects.standing().filter(
        user=OuterRef("membership__user"),
        organisation=OuterRef("membership__group__organisation"),
        purpose=purpose.code,
        version__gte=purpose.holds_from,
    )
    return Q(membership__status__in=[Membership.Status.ACTIVE, Membership.Status.COMPLETED]) | Q(
        Exists(agreed),
        membership__status=Membership.Status.WITHDRAWN,
        occasion__in=SurveyInvitation.AFTERWARDS,
    )


def mails_due(at: datetime) -> QuerySet[SurveyInvitation]:
    """Invitations whose first mail or reminder is to go out now, and that nobody sends already.

    None after an answer; none of a plan that has ended, or may not ask now; while a group pauses,
    only about its end.
    """
    answered = Response.objects.filter(invitation=OuterRef("pk"), submitted_at__isnull=False)
    pauses = Q(membership__group__lifecycle=SupportGroup.Lifecycle.PAUSED)
    return SurveyInvitation.objects.filter(
        ~Exists(answered),
        still_asked(),
        ~pauses | Q(occasion__in=SurveyInvitation.AFTERWARDS),
        Q(claimed_at__isnull=True) | Q(claimed_at__lt=at - CLAIM_LASTS),
        membership__user__mails_with_questions=True,
        next_mail_at__lte=at,
        closes_at__gt=at,
        stopped_at__isnull=True,
        plan__ended_at__isnull=True,
        attempts__lt=MOST_ATTEMPTS,
    ).exclude(plan__in=plans_without_licence(at))


def next_reminder_at(invitation: SurveyInvitation, *, at: datetime) -> datetime | None:
    """When to remind somebody who was sent a mail at this moment; None for never again.

    Reminders cut the window into equal parts. One that would come within a day of the last mail
    waits, and none comes in the last hours, where it could only press.
    """
    planned = invitation.plan.reminders
    number = invitation.reminders_sent + 1
    if number > planned:
        return None
    part = (invitation.closes_at - invitation.due_at) / (planned + 1)
    moment = max(invitation.due_at + number * part, at + MAILS_APART)
    return moment if moment <= invitation.closes_at - LAST_MAIL_LEAVES else None


def is_closed(invitation: SurveyInvitation, *, at: datetime | None = None) -> bool:
    """Whether its time is over."""
    return invitation.closes_at <= (at or timezone.now())


def why_not_answer(user: Viewer, sheet: Sheet, *, at: datetime | None = None) -> Refused | None:
    """Why this person cannot answer now; None when they can."""
    invitation = sheet.invitation
    home = ("Go to your home", "/home/")
    if not user.is_authenticated or invitation.membership.user_id != user.pk:
        return Refused("not_yours", "Only the person who was asked can answer.")
    if sheet.is_sent:
        message = "You have sent these answers already, so they stay as they are."
        return Refused("sent", message, next_step=home)
    if invitation.stopped_at is not None:
        message = "These answers are no longer needed, because the group asks differently now."
        return Refused("stopped", f"{message} Nothing is missing.", next_step=home)
    if not SurveyInvitation.objects.filter(still_asked(), pk=invitation.pk).exists():
        message = "You are no longer in the group that asked, so nothing is missing."
        return Refused("left", message, next_step=home)
    if is_closed(invitation, at=at):
        return Refused("closed", "This check-in has closed. Nothing is wrong.", next_step=home)
    # Withdrawn terms leave what was asked already; without a licence nothing may be shown.
    organisation = sheet.instrument.organisation
    if organisation is not None and not may_use(organisation, sheet.instrument, at=at):
        message = "These questions cannot be asked at the moment. Nothing is wrong or missing."
        return Refused("licence", message, next_step=home)
    return None


def check_may_answer(
    user: Viewer, invitation: SurveyInvitation, *, at: datetime | None = None
) -> SurveyInvitation:
    """The invitation, if this person may still answer it, else `Refused`."""
    if refused := why_not_answer(user, sheet_of(invitation), at=at):
        raise refused
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
