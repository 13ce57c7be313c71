"""Who can see what about a person: told to that person, from the rules that let others in.

`tests/outcomes/test_readers.py` asks the rules of each room whether what stands here is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from accounts import consents
from accounts.models import Organisation, StaffRole, User
from groups.models import Membership, SupportGroup
from outcomes.models import SurveyInvitation
from safeguarding.rules import named_person


class Role(StrEnum):
    """What somebody has to do with a group, in the words of its members."""

    MEMBERS = "people in your group"
    LEADS = "those who lead the group"
    COORDINATORS = "coordinators"
    OVERSEER = "whoever oversees the group"


@dataclass(frozen=True)
class Kind:
    """One kind of data about a person in a group, and who sees it by name."""

    code: str
    what: str
    seen_by: tuple[Role, ...]
    note: str = ""

    @property
    def who(self) -> str:
        """A sentence: "Those who lead the group and coordinators"."""
        if not self.seen_by:
            return "Nobody but you"
        *others, last = self.seen_by
        words = f"{', '.join(others)} and {last}" if others else str(last)
        return words[0].upper() + words[1:]


LEADS, COORDINATORS = Role.LEADS, Role.COORDINATORS

KINDS = (
    Kind(
        "name",
        "The name you chose",
        (Role.MEMBERS, LEADS, COORDINATORS),
        "Members see each other’s names in a session.",
    ),
    Kind(
        "email",
        "Your e-mail address",
        (),
        "Two exceptions: staff see it to arrange a talk, or when an answer worries us.",
    ),
    Kind(
        "application",
        "What you answered when you asked to join",
        (LEADS, COORDINATORS),
        "It is deleted 90 days after the decision.",
    ),
    Kind(
        "messages",
        "What you write in a session",
        (Role.MEMBERS, LEADS),
        "Later only those who came can read it, until it is deleted. A single message that was "
        "reported or hidden is also read by coordinators and whoever oversees the group.",
    ),
    Kind(
        "attendance",
        "Which sessions you came to",
        (LEADS, COORDINATORS),
        "Whoever was there saw you there.",
    ),
    Kind(
        "pulse",
        "How a session was for you",
        (),
        "Staff see the mean of many people, never your answer.",
    ),
    Kind(
        "debrief",
        "What those who lead write about a session",
        (LEADS, Role.OVERSEER),
        "It is about the session, and may say how somebody was.",
    ),
)


@dataclass(frozen=True)
class InGroup:
    """One of the person's groups, and who they are that see something there."""

    group: SupportGroup
    is_over: bool
    leads: Sequence[User]
    coordinators: Sequence[User]
    overseer: User | None


def leads_of(group: SupportGroup) -> QuerySet[User]:
    """Who leads the group."""
    return User.objects.filter(facilitator_assignments__group=group, is_active=True).order_by(
        "-facilitator_assignments__is_lead", "facilitator_assignments__began_at"
    )


def coordinators_of(organisation: Organisation) -> QuerySet[User]:
    """Who coordinates the organisation, once they have agreed to."""
    roles = StaffRole.objects.coordinators().agreed().filter(organisation=organisation)
    return User.objects.filter(pk__in=roles.values("user"), is_active=True).order_by(
        "display_name", "joined_at"
    )


def groups_of(user: User) -> list[InGroup]:
    """The person's groups, those they belong to now first."""
    memberships = (
        Membership.objects.filter(user=user)
        .select_related("group__organisation", "group__overseer")
        .order_by("applied_at")
    )
    latest = {membership.group_id: membership for membership in memberships}
    found = [
        InGroup(
            group=membership.group,
            is_over=membership.status not in Membership.OPEN,
            leads=list(leads_of(membership.group)),
            coordinators=list(coordinators_of(membership.group.organisation)),
            overseer=membership.group.overseer,
        )
        for membership in latest.values()
    ]
    return sorted(found, key=lambda each: each.is_over)


@dataclass(frozen=True)
class Choice:
    """Something that the person decides, as it stands."""

    purpose: consents.Purpose
    organisation: Organisation | None
    is_given: bool
    #: When the person last said something about it.
    since: datetime | None = None

    @property
    def field_id(self) -> str:
        """The id of its heading on the page."""
        return f"{self.purpose.code}-{self.organisation.slug if self.organisation else 'all'}"

    @property
    def heading(self) -> str:
        return self.purpose.titled(self.organisation)

    @property
    def words(self) -> str:
        return self.purpose.words(self.organisation)


@dataclass(frozen=True)
class AnswerReaders:
    """Who there is besides the person when a group asks something, by name."""

    #: See how many people changed, never who; and answers that worry.
    coordinators: Sequence[User]
    #: Who is asked first about an answer that worries; None while nobody is on call.
    first_told: User | None


def readers_of_answers(group: SupportGroup, person: User) -> AnswerReaders:
    """As the rules have it at this moment."""
    return AnswerReaders(
        coordinators=list(coordinators_of(group.organisation)),
        first_told=named_person(group.organisation, about=person),
    )


def organisations_of(user: User) -> QuerySet[Organisation]:
    """The organisations in whose groups the person is or was."""
    return Organisation.objects.filter(
        pk__in=Membership.objects.filter(user=user).values("group__organisation")
    ).order_by("name")


def choices_at_start(user: User, invitation: SurveyInvitation) -> list[Choice]:
    """What is asked on the first page of a check-in, because it is about this one.

    Sharing, where another group of the organisation asks them too; being asked after leaving, where
    the plan asks then and the person is still a member.
    """
    found: list[tuple[consents.Purpose, Organisation | None]] = []
    group, plan = invitation.membership.group, invitation.plan
    others = Membership.objects.active().filter(
        user=user,
        group__organisation=group.organisation_id,
        group__survey_plans__ended_at__isnull=True,
        group__survey_plans__instrument__code=plan.instrument.code,
    )
    if others.exclude(group=group).exists():
        found.append((consents.SHARE_ANSWERS, None))
    asks_later = plan.at_end or plan.after_end_weeks
    if asks_later and invitation.membership.status == Membership.Status.ACTIVE:
        found.append((consents.ASK_AFTER_LEAVING, group.organisation))
    return [
        Choice(purpose, organisation, consents.has_consented(user, purpose.code, organisation))
        for purpose, organisation in found
    ]


def choices_of(user: User) -> list[Choice]:
    """Everything this person decides about their own data."""
    found = []
    for purpose in consents.PURPOSES.values():
        about = organisations_of(user) if purpose.by_organisation else [None]
        for organisation in about:
            given = consents.has_consented(user, purpose.code, organisation)
            since = consents.decided_at(user, purpose.code, organisation)
            found.append(Choice(purpose, organisation, given, since))
    return found
