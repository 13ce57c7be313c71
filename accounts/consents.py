"""What people agree to, in which words, and since when: asked, given, withdrawn.

The words of each purpose stand here and nowhere else. A change of words that asks for more is a
new version at the end of its `wordings`, and moves `holds_from` there: who agreed to less is asked
again.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import Consent, ConsentQuerySet, Organisation, User
from audit.trail import record
from supportgroups.lib.refusals import Refused


@dataclass(frozen=True)
class Purpose:
    """Something that a person decides about their own data."""

    code: str
    heading: str
    #: What is agreed to, version by version; `%s` stands for the organisation.
    wordings: tuple[str, ...]
    #: What happens after a no.
    otherwise: str
    #: Whether it holds for everybody who said nothing.
    assumed: bool = False
    #: Whether each organisation is decided about by itself.
    by_organisation: bool = False
    #: The oldest wording that still covers what is done.
    holds_from: int = 1

    @property
    def version(self) -> int:
        return len(self.wordings)

    def words(self, organisation: Organisation | None = None, *, version: int | None = None) -> str:
        """The wording of a version, by default the one that holds now."""
        return self._named(self.wordings[(version or self.version) - 1], organisation)

    def titled(self, organisation: Organisation | None = None) -> str:
        """The heading."""
        return self._named(self.heading, organisation)

    def _named(self, words: str, organisation: Organisation | None) -> str:
        return words.replace("%s", organisation.name if organisation else "")


COUNT_MY_ANSWERS = Purpose(
    code="count_my_answers",
    heading="Count my check-ins in numbers of %s",
    wordings=(
        "Coordinators of %s see how many people changed, never who. "
        "Your answers count among those of many people.",
    ),
    otherwise=(
        "Your answers stay on your own pages and count in no number from now on. "
        "Numbers that were already handed out stay as they are."
    ),
    assumed=True,
    by_organisation=True,
)

SHARE_ANSWERS = Purpose(
    code="share_answers_between_groups",
    heading="Use one check-in for all my groups",
    wordings=(
        "When two of your groups at one organisation ask the same questions within a week, "
        "you answer once. Your answers then count for both groups.",
    ),
    otherwise="Only the group that asked has your answers. The other one asks you a week later.",
)

ASK_AFTER_LEAVING = Purpose(
    code="ask_after_leaving",
    heading="Ask me again after I leave a group of %s",
    wordings=(
        "If you leave a group of %s by yourself, it may ask how you are: "
        "when you leave, and 4 and 12 weeks after, where the group asks then.",
    ),
    otherwise="Whoever leaves a group by themselves is asked nothing more.",
    by_organisation=True,
)

PURPOSES = {
    purpose.code: purpose for purpose in (COUNT_MY_ANSWERS, SHARE_ANSWERS, ASK_AFTER_LEAVING)
}


def _about(user: User, purpose: Purpose, organisation: Organisation | None) -> ConsentQuerySet:
    """Everything this person said about it, the latest last."""
    if purpose.by_organisation != (organisation is not None):
        raise ValueError(
            f"{purpose.code} asks for {'an' if purpose.by_organisation else 'no'} organisation."
        )
    return Consent.objects.filter(
        user=user, purpose=purpose.code, organisation=organisation
    ).order_by("id")


def has_consented(user: User, purpose: str, organisation: Organisation | None = None) -> bool:
    """Whether the person agrees at this moment."""
    found = PURPOSES[purpose]
    said = _about(user, found, organisation)
    if said.standing().filter(version__gte=found.holds_from).exists():
        return True
    return found.assumed and not said.exists()


def decided_at(
    user: User, purpose: str, organisation: Organisation | None = None
) -> datetime | None:
    """When the person last agreed or said no; None when they said nothing."""
    last = _about(user, PURPOSES[purpose], organisation).last()
    return (last.withdrawn_at or last.given_at) if last else None


def who_said_no(purpose: str, organisation: Organisation) -> QuerySet[User]:
    """People who withdrew what is otherwise assumed: the figures leave them out."""
    if not PURPOSES[purpose].assumed:
        raise ValueError(f"{purpose} holds for nobody who said nothing.")
    said = Consent.objects.filter(user=OuterRef("pk"), purpose=purpose, organisation=organisation)
    return User.objects.filter(Exists(said), ~Exists(said.standing()))


@transaction.atomic
def give(
    *,
    user: User,
    purpose: str,
    by: User,
    organisation: Organisation | None = None,
    at: datetime | None = None,
) -> None:
    """The person agrees to the wording that holds now. Agreeing twice is agreeing once.

    An older wording that stood is withdrawn: what was agreed to first stays in the table.
    """
    at, found = at or timezone.now(), PURPOSES[purpose]
    said = _own(user, found, organisation, by)
    if said.standing().filter(version=found.version).exists():
        return
    said.standing().update(withdrawn_at=at)
    new = Consent.objects.create(
        user=user, organisation=organisation, purpose=purpose, version=found.version, given_at=at
    )
    _record("consent.given", new, by, at)


@transaction.atomic
def withdraw(
    *,
    user: User,
    purpose: str,
    by: User,
    organisation: Organisation | None = None,
    at: datetime | None = None,
) -> None:
    """The person agrees no more, from this moment. Saying no twice is saying no once."""
    at, found = at or timezone.now(), PURPOSES[purpose]
    said = _own(user, found, organisation, by)
    last = said.standing().last()
    if last is not None:
        said.standing().update(withdrawn_at=at)
    elif found.assumed and not said.exists():
        last = Consent.objects.create(
            user=user,
            organisation=organisation,
            purpose=purpose,
            version=found.version,
            withdrawn_at=at,
        )
    if last is not None:
        _record("consent.withdrawn", last, by, at)


def _own(
    user: User, purpose: Purpose, organisation: Organisation | None, by: User
) -> ConsentQuerySet:
    """What this person said, once nobody else is changing it."""
    if user.pk != by.pk:
        raise Refused("not_yours", "Only the person themselves can change this.")
    User.objects.select_for_update().get(pk=user.pk)
    return _about(user, purpose, organisation)


def _record(verb: str, consent: Consent, by: User, at: datetime) -> None:
    record(
        verb,
        by=by,
        on=consent,
        organisation=consent.organisation_id,
        at=at,
        purpose=consent.purpose,
        version=consent.version,
    )
