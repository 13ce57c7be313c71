"""Questions on paper: who prints and types in, which sheets, and what they say about conditions."""

import secrets
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.rules import Viewer
from groups.models import SupportGroup
from groups.rules import coordinates_or_leads_first, group_address
from instruments.schema import Definition, Item, ShowIf
from outcomes.models import SurveyInvitation
from outcomes.rules import still_asked
from supportgroups.lib.refusals import Refused

#: Letters and digits that nobody takes for one another, also in bad handwriting, and no vowels: a
#: code spells no word.
ALPHABET = "3479CDFHJKMNPRTVWXY"
CODE_LENGTH = 6
#: A sheet may be typed in so long after the check-in has closed.
TYPED_IN_WITHIN = timedelta(days=30)


def new_code() -> str:
    """Means nothing by itself, and is no key: only staff of the group can use it."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def shown(code: str) -> str:
    """As it is printed: in two halves."""
    half = CODE_LENGTH // 2
    return f"{code[:half]}-{code[half:]}"


def read(typed: str) -> str:
    """A code as somebody typed it: without spaces, hyphens and small letters."""
    return "".join(character for character in typed.upper() if character.isalnum())


def check_may_use_paper(user: Viewer, group: SupportGroup) -> User:
    """The person, if they coordinate the group or lead it first, else `Refused`."""
    if not user.is_authenticated or not coordinates_or_leads_first(user, group):
        raise Refused(
            "not_lead",
            "Only coordinators and whoever leads the group first can do this.",
            next_step=("Back to the group", group_address(group)),
        )
    return user


def _of(group: SupportGroup, user: User) -> QuerySet[SurveyInvitation]:
    """Invitations of a group's members, but not of whoever looks."""
    return (
        SurveyInvitation.objects.filter(membership__group=group)
        .exclude(membership__user=user)
        .select_related(
            "plan__instrument",
            "membership__user",
            "membership__group__organisation",
            "response__instrument",
        )
    )


def to_print(
    group: SupportGroup, user: User, *, at: datetime | None = None
) -> list[SurveyInvitation]:
    """What members have not answered yet, by person. When it is due stands on no page of staff."""
    found = _of(group, user).filter(
        still_asked(),
        pk__in=SurveyInvitation.objects.open(at).filter(membership__group=group).values("pk"),
    )
    return list(found.order_by("membership__user__display_name", "membership", "plan__position"))


def sheets(group: SupportGroup, user: User, codes: list[str]) -> list[SurveyInvitation]:
    """Printed sheets of the group, in the order in which they are handed out."""
    found = _of(group, user).filter(paper_code__in=codes)
    return list(found.order_by("membership__user__display_name", "membership", "plan__position"))


def sheet_with(group: SupportGroup, user: User, code: str) -> SurveyInvitation | None:
    """The sheet with this code, if the group has one."""
    return _of(group, user).filter(paper_code=read(code)).first() if read(code) else None


def days_possible(invitation: SurveyInvitation, *, at: datetime | None = None) -> tuple[date, date]:
    """Between which days somebody can have filled it in, on the organisation's own calendar."""
    zone = ZoneInfo(invitation.membership.group.organisation.time_zone)
    last = min(at or timezone.now(), invitation.closes_at)
    return invitation.due_at.astimezone(zone).date(), last.astimezone(zone).date()


def check_may_type_in(
    user: Viewer, invitation: SurveyInvitation, *, at: datetime | None = None
) -> User:
    """The person who may type this sheet in, else `Refused`."""
    at = at or timezone.now()
    typist = check_may_use_paper(user, invitation.membership.group)
    if invitation.membership.user_id == typist.pk:
        raise Refused("own", "This is your own check-in. Please answer it on your own pages.")
    response = getattr(invitation, "response", None)
    if response is not None and response.submitted_at is not None:
        raise Refused("sent", "These answers are in already, so they stay as they are.")
    if invitation.closes_at + TYPED_IN_WITHIN <= at:
        raise Refused("closed", "This sheet is too old to be typed in. Please shred it.")
    return typist


def instruction(definition: Definition, item: Item) -> str:
    """What stands above a question that not everybody answers; empty for everybody."""
    if item.condition is not None:
        numbers = {each.id: n for n, each in enumerate(definition.all_items, start=1)}
        asked = [numbers[name] for name in item.condition.items]
        labels = {
            option.label
            for name in item.condition.items
            for option in definition.item(name).options
            if option.value in item.condition.values
        }
        first = definition.item(item.condition.items[0])
        without = [o.label for o in first.options if o.value not in item.condition.values]
        questions = " or ".join(str(number) for number in asked)
        if len(without) == 1 and len(asked) == 1:
            return f"Skip this if you ticked “{without[0]}” in question {questions}."
        said = " or ".join(f"“{o.label}”" for o in first.options if o.label in labels)
        how = "each of" if item.condition.every and len(asked) > 1 else ""
        return f"Only if you ticked {said} in {how} question {questions}.".replace("  ", " ")
    if item.show_if is ShowIf.ANY_SCORED_ITEM_ABOVE_ZERO:
        lowest = next(o.label for o in definition.items[0].options if o.value == 0)
        return f"Only if you ticked anything else than “{lowest}” above."
    return ""
