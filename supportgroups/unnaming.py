"""Takes the name off memberships that are long over, so that figures count on without whom.

Attendance, answers and requests stay as they are, under an account that nobody has: one for each
person and organisation, so that figures count as many people as before. What could tell who it was
goes: words, names that were typed, single answers. See decision 20.
"""

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.consents import COUNT_MY_ANSWERS, who_said_no
from accounts.models import Consent, Organisation, User
from groups.models import Appeal, CompanionInvitation, Membership, Signature
from outcomes.models import Disclosure, Response
from screening.models import Application, Decision

#: No mail goes there, nobody signs in with it: RFC 2606 keeps this name free.
NOWHERE = "nobody.invalid"


@transaction.atomic
def unname(memberships: QuerySet[Membership]) -> int:
    """Take the name off these, with all others that the same people had at the same organisation,
    so that they count once there. Returns how many memberships that were."""
    people = [membership.user_id for membership in memberships]
    # Whoever joins again waits for this, and then counts as somebody new.
    locked = User.objects.filter(pk__in=people).order_by("pk").select_for_update()
    person_of = {person.pk: person for person in locked}
    unnamed = 0
    for user, organisation in memberships.order_by().values_list("user", "group__organisation"):
        keys = list(
            Membership.objects.filter(
                user=user, group__organisation=organisation, unnamed_at__isnull=True
            ).values_list("pk", flat=True)
        )
        if keys:  # not one of whom another row of these told already
            _unname(person_of[user], Organisation.objects.get(pk=organisation), keys)
        unnamed += len(keys)
    return unnamed


def _unname(person: User, organisation: Organisation, keys: list[UUID]) -> None:
    nobody = _account_of_nobody(person, organisation)
    _forget_what_tells(keys)
    Application.objects.filter(membership__in=keys).update(user=nobody)
    gone = Membership.objects.filter(pk__in=keys)
    gone.filter(ended_by=person).update(ended_by=None)
    gone.update(user=nobody, end_reason="", companion_of=None, unnamed_at=timezone.now())


def _account_of_nobody(person: User, organisation: Organisation) -> User:
    """One that counts in figures as the person did."""
    nobody = User.objects.create(
        email=f"{uuid4().hex}@{NOWHERE}",
        display_name="Somebody who left",
        password=make_password(None),
        is_active=False,
    )
    if who_said_no(COUNT_MY_ANSWERS.code, organisation).filter(pk=person.pk).exists():
        Consent.objects.create(
            user=nobody,
            organisation=organisation,
            purpose=COUNT_MY_ANSWERS.code,
            version=COUNT_MY_ANSWERS.version,
            withdrawn_at=timezone.now(),
        )
    return nobody


def _forget_what_tells(keys: list[UUID]) -> None:
    Signature.objects.filter(membership__in=keys).delete()
    Appeal.objects.filter(membership__in=keys).delete()
    CompanionInvitation.objects.filter(membership__in=keys).delete()
    Membership.objects.filter(companion_of__in=keys).update(companion_of=None)
    Decision.objects.filter(application__membership__in=keys).update(
        message="", resources="", reason=""
    )
    answered = Response.objects.filter(invitation__membership__in=keys)
    Disclosure.responses.through.objects.filter(response__in=answered.values("pk")).delete()
    _forget_answers(answered)


def _forget_answers(responses: Iterable[Response]) -> None:
    """Scores stay. The trigger on submitted responses lets the answers go while this is set."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('supportgroups.unnaming', 'on', true)")
        for response in responses:
            response.answers = {}
            response.save(update_fields=["answers"])
        cursor.execute("SELECT set_config('supportgroups.unnaming', '', true)")
