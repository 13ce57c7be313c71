"""Who may do what in an organisation."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.signing import BadSignature, Signer
from django.db.models import Case, Exists, F, Max, Min, OuterRef, Q, QuerySet, When
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import (
    BrowserSession,
    BrowserSessionQuerySet,
    Organisation,
    StaffRole,
    StaffRoleQuerySet,
    User,
)
from supportgroups.lib.refusals import Refused

type Viewer = User | AnonymousUser


@dataclass(frozen=True)
class Limits:
    """How long a sign-in lasts when nobody is there, and at the longest."""

    idle: timedelta
    longest: timedelta


def limits_of(
    *, is_of_staff: bool = False, is_shared: bool = False, is_visitor: bool = False
) -> Limits:
    """Shorter for people who read what others wrote, and on a device that others use too."""
    if is_visitor:
        return Limits(timedelta(days=1), timedelta(days=1))
    limits = Limits(
        timedelta(minutes=settings.SIGN_IN_IDLE_MINUTES),
        timedelta(hours=settings.SIGN_IN_MAX_HOURS),
    )
    if is_of_staff or is_shared:
        limits = Limits(
            timedelta(minutes=settings.STAFF_SIGN_IN_IDLE_MINUTES),
            timedelta(hours=settings.STAFF_SIGN_IN_MAX_HOURS),
        )
    if is_shared:
        idle = timedelta(minutes=settings.SHARED_SIGN_IN_IDLE_MINUTES)
        limits = Limits(min(limits.idle, idle), limits.longest)
    return limits


#: Of an older sign-in nobody is told any more: the list of sign-ins shows it.
_NEWS_FOR = timedelta(days=1)


def new_devices_to_tell() -> BrowserSessionQuerySet:
    """Sign-ins on a device that the person never used before, of which they do not know yet."""
    return BrowserSession.objects.filter(
        is_to_tell=True, user__is_active=True, began_at__gt=timezone.now() - _NEWS_FOR
    )


def new_devices_untold() -> BrowserSessionQuerySet:
    """Those whose mail failed or was lost, once it is time to try again."""
    return new_devices_to_tell().filter(began_at__lt=timezone.now() - timedelta(minutes=1))


def sign_ins_of(user: User) -> BrowserSessionQuerySet:
    """Where this person is signed in at this moment, the one used last first."""
    return BrowserSession.objects.running().filter(user=user).order_by("-used_at", "pk")


def organisations_coordinated_by(user: Viewer) -> QuerySet[Organisation]:
    """The organisations whose numbers, applications and concerns this person may see."""
    if not user.is_authenticated:
        return Organisation.objects.none()
    return Organisation.objects.filter(
        staff_roles__user=user, staff_roles__role=StaffRole.Role.COORDINATOR
    )


def check_may_coordinate(user: Viewer, organisation: Organisation) -> StaffRole:
    """The role that lets this person coordinate the organisation, or `Refused`."""
    role = None
    if user.is_authenticated:
        role = StaffRole.objects.coordinators().filter(user=user, organisation=organisation).first()
    if role is None:
        raise Refused("not_coordinator", "Only this organisation's coordinators can see this.")
    return role


def on_call_people(organisation_id: UUID) -> QuerySet[User]:
    """Whom to tell, first person first: the rota, then the other coordinators.

    Nobody who was asked to work there and has not signed in since.
    """
    roles = StaffRole.objects.agreed().filter(
        Q(on_call_position__isnull=False) | Q(role=StaffRole.Role.COORDINATOR),
        organisation=organisation_id,
    )
    return (
        User.objects.filter(is_active=True, staff_roles__in=roles)
        .annotate(position=Min("staff_roles__on_call_position"))
        .order_by(F("position").asc(nulls_last=True), "joined_at", "pk")
    )


def check_name_is_free(name: str) -> None:
    """Raise `Refused` for an organisation's name that has no address, or another's."""
    slug = slugify(name)[:60].strip("-")
    if not slug:
        raise Refused("no_letters", "The name needs letters from a to z, or numbers.")
    if Organisation.objects.filter(Q(slug=slug) | Q(name__iexact=name)).exists():
        raise Refused("name_taken", "There is an organisation of this name already.")


# An organisation's people -------------------------------------------------------------------------

#: An invitation is tried this often: at once, then by the clock.
MOST_ATTEMPTS = 3
_TRIED_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=2))
#: Older ones are not sent any more; a coordinator has asked in another way by then.
INVITATION_KEEPS = timedelta(days=7)


def organisations_worked_for_by(user: Viewer) -> QuerySet[Organisation]:
    """The organisations in which this person has a role, whichever."""
    if not user.is_authenticated:
        return Organisation.objects.none()
    return Organisation.objects.filter(
        pk__in=StaffRole.objects.filter(user=user).values("organisation")
    )


def staff_seen_by(user: Viewer, organisation: Organisation) -> StaffRoleQuerySet:
    """The organisation's roles that this person may see, in order.

    Coordinators also see, first of all, who was asked and has not signed in yet. Colleagues do
    not: until then the person has not agreed to anything.
    """
    roles = StaffRole.objects.filter(
        organisation=organisation, organisation__in=organisations_worked_for_by(user)
    )
    if not organisations_coordinated_by(user).filter(pk=organisation.pk).exists():
        waiting = StaffRole.objects.not_signed_in().exclude(user=user.pk)
        roles = roles.exclude(pk__in=waiting.values("pk"))
    waits = Exists(StaffRole.objects.not_signed_in().filter(pk=OuterRef("pk")))
    name = Case(When(waits, then="user__email"), default="user__display_name")
    return roles.select_related("user").order_by(waits.desc(), "role", name, "pk")


def roles_seen_by(user: Viewer) -> StaffRoleQuerySet:
    """All roles in the organisations this person works for, to find one by its key."""
    return StaffRole.objects.filter(
        organisation__in=organisations_worked_for_by(user)
    ).select_related("user", "organisation")


def check_may_take_away(user: Viewer, staff_role: StaffRole) -> None:
    """Raise `Refused` unless the person coordinates the organisation or gives up their own role."""
    if staff_role.user_id != user.pk:
        check_may_coordinate(user, staff_role.organisation)


def _others(roles: StaffRoleQuerySet, besides: StaffRole | None) -> StaffRoleQuerySet:
    return roles.exclude(pk=besides.pk) if besides else roles


def check_role_is_new(
    person: User, organisation: Organisation, role: str, *, besides: StaffRole | None = None
) -> None:
    """Raise `Refused` when the person has this role already."""
    same = StaffRole.objects.filter(user=person, organisation=organisation, role=role)
    if _others(same, besides).exists():
        raise Refused("has_role", "This person has this role already. Choose another one.")


def check_on_call_is_free(
    organisation: Organisation, position: int | None, *, besides: StaffRole | None = None
) -> None:
    """Raise `Refused` when somebody else has this position among those on call."""
    if position is None:
        return
    taken = StaffRole.objects.filter(organisation=organisation, on_call_position=position)
    holder = _others(taken, besides).select_related("user").first()
    if holder is not None:
        next_free = organisation.staff_roles.aggregate(last=Max("on_call_position"))["last"] + 1
        whose = holder.user.public_name if holder.has_signed_in else holder.user.email
        raise Refused(
            "on_call_taken",
            f"Number {position} is {whose}. Choose another number, for example {next_free}.",
        )


def is_last_coordinator(staff_role: StaffRole) -> bool:
    """Whether nobody else who can sign in coordinates the organisation."""
    if staff_role.role != StaffRole.Role.COORDINATOR:
        return False
    others = (
        StaffRole.objects.coordinators()
        .filter(organisation=staff_role.organisation_id, user__is_active=True)
        .filter(Q(asked_at__isnull=True) | Q(user__last_login__isnull=False))
        .exclude(pk=staff_role.pk)
    )
    return not others.exists()


def check_keeps_a_coordinator(staff_role: StaffRole) -> None:
    """Raise `Refused` when the organisation would be left without a coordinator."""
    if is_last_coordinator(staff_role):
        raise Refused(
            "last_coordinator",
            "An organisation needs a coordinator. Make somebody else one first. "
            "They count once they have signed in.",
        )


def groups_led_through(staff_role: StaffRole) -> list[Any]:
    """The organisation's groups that the person leads and could not without this role, by name."""
    others = StaffRole.objects.may_lead().filter(
        user=staff_role.user_id, organisation=staff_role.organisation_id
    )
    if others.exclude(pk=staff_role.pk).exists():
        return []
    leads = staff_role.user.facilitator_assignments.filter(
        group__organisation=staff_role.organisation_id
    )
    return [
        assignment.group for assignment in leads.select_related("group").order_by("group__name")
    ]


def groups_overseen_through(staff_role: StaffRole) -> list[Any]:
    """The organisation's groups that the person oversees, if this role is the last to allow it."""
    may_oversee = [StaffRole.Role.COORDINATOR, StaffRole.Role.SUPERVISOR]
    others = StaffRole.objects.filter(
        user=staff_role.user_id, organisation=staff_role.organisation_id, role__in=may_oversee
    )
    if others.exclude(pk=staff_role.pk).exists():
        return []
    overseen = staff_role.user.overseen_groups.filter(organisation=staff_role.organisation_id)
    return list(overseen.exclude(lifecycle="closed").order_by("name"))


def concerns_named_in(staff_role: StaffRole, *, seen_by: User) -> int:
    """How many open concerns of the organisation the person looks after. None about the reader."""
    concerns = staff_role.user.assigned_concerns.open()
    return concerns.filter(organisation=staff_role.organisation_id).exclude(about=seen_by).count()


def check_leads_nothing(staff_role: StaffRole) -> None:
    """Raise `Refused` while the person leads groups that nobody without a role may lead.

    Leading gives access to members and applications, so it ends first, group by group.
    """
    if groups := groups_led_through(staff_role):
        names = ", ".join(group.name for group in groups)
        raise Refused("leads_groups", f"They lead {names}. Remove them there first.")


def invitations_to_send() -> StaffRoleQuerySet:
    """Roles of which the person was not told yet and may still be."""
    return StaffRole.objects.filter(
        asked_at__isnull=False,
        told_at__isnull=True,
        attempts__lt=MOST_ATTEMPTS,
        user__is_active=True,
    )


def invitations_overdue(*, at: datetime | None = None) -> StaffRoleQuerySet:
    """Invitations whose mail failed or was lost, once it is time to try again."""
    at = at or timezone.now()
    due = Q()
    for attempts, after in enumerate(_TRIED_AGAIN_AFTER):
        due |= Q(attempts=attempts, asked_at__lt=at - after)
    return invitations_to_send().filter(due, asked_at__gt=at - INVITATION_KEEPS)


# A second factor ----------------------------------------------------------------------------------

#: What makes a sign-in safe against a lost password or mailbox. A passkey asks for finger, face or
#: PIN. Recovery codes only stand in for one of these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
#: Where the secret stands in `Authenticator.data`.
SECRET_IN = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}
#: After somebody took the factors of a lost phone away.
GRACE_AFTER_RESET = timedelta(days=3)
#: From so few recovery codes on people are asked to make new ones.
FEW_RECOVERY_CODES = 3
#: New recovery codes are shown until their person says that they are kept, and no longer than this.
RECOVERY_CODES_SHOWN = timedelta(hours=1)


def owing_second_factor() -> QuerySet[User]:
    """Whose role asks for a second factor: coordinators, and whoever leads a group that is
    professionally led and not closed. The one rule of it.

    A role counts once the person has signed in with it: the grace begins when they know of it.
    """
    coordinators = StaffRole.objects.agreed().coordinators().values("user")
    leaders = User.objects.filter(
        facilitator_assignments__group__facilitation="professionally_led",
        facilitator_assignments__group__lifecycle__in=["draft", "listed", "paused"],
    )
    return User.objects.filter(Q(pk__in=coordinators) | Q(pk__in=leaders.values("pk")))


def second_factors_of(user: User) -> QuerySet[Authenticator]:
    """An app or passkeys, the oldest first."""
    return Authenticator.objects.filter(user=user, type__in=FACTORS).order_by("created_at", "pk")


def factors_under_other_keys(key_id: str) -> QuerySet[Authenticator]:
    """Those whose secret was encrypted with another key than this one."""
    other = Q()
    for kind, name in SECRET_IN.items():
        now = Q(**{f"data__{name}__startswith": f"v1.{key_id}."})
        other |= Q(type=kind) & ~now
    return Authenticator.objects.filter(other).order_by("pk")


def missing_second_factor() -> QuerySet[User]:
    """Who owes one and has none."""
    theirs = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
    return owing_second_factor().filter(~Exists(theirs))


def grace_of_second_factor() -> timedelta:
    return timedelta(days=settings.SECOND_FACTOR_GRACE_DAYS)


def grace_after_reset() -> timedelta:
    return min(GRACE_AFTER_RESET, grace_of_second_factor())


def check_second_factor(user: Viewer) -> None:
    """Raise `Refused` for staff whose time to add a second factor is over."""
    if isinstance(user, User) and user.second_factor_is_overdue:
        raise Refused(
            "second_factor",
            "Staff’s pages open once you have a second step for signing in.",
            next_step=("Set up a second step", reverse("mfa_index")),
        )


def check_may_remove_factor(user: User, factor: Authenticator) -> None:
    """Raise `Refused` for the last factor of somebody who owes one."""
    others = second_factors_of(user).exclude(pk=factor.pk)
    if not others.exists() and owing_second_factor().filter(pk=user.pk).exists():
        raise Refused(
            "last_factor",
            "Your role needs a second step. Add another one first, then remove this one.",
        )


def check_may_reset_factors(user: User, staff_role: StaffRole) -> None:
    """Raise `Refused` unless the person may take away a colleague's factors after a lost phone.

    Whoever works elsewhere too is not one organisation's to judge; nobody is told that they do.
    """
    check_may_coordinate(user, staff_role.organisation)
    if staff_role.user_id == user.pk:
        raise Refused(
            "own_factors",
            "You change your own second step in your settings.",
            next_step=("Your second step", reverse("mfa_index")),
        )
    elsewhere = StaffRole.objects.filter(user=staff_role.user_id).exclude(
        organisation=staff_role.organisation_id
    )
    if not staff_role.has_signed_in or elsewhere.exists():
        raise Refused("not_yours_to_reset", "Ask whoever runs this site to do this.")
    if not Authenticator.objects.filter(user=staff_role.user_id).exists():
        raise Refused("no_factors", "There is nothing to reset: no second step is set up.")


def may_reset_factors(user: User, staff_role: StaffRole) -> bool:
    """Whether to offer it."""
    try:
        check_may_reset_factors(user, staff_role)
    except Refused:
        return False
    return True


# Reminders ----------------------------------------------------------------------------------------

#: How long before a session each of the two reminders can be due, in minutes and words.
LEAD_TIMES: dict[str, list[tuple[int, str]]] = {
    "day_before_minutes": [
        (3 * 24 * 60, "3 days before"),
        (2 * 24 * 60, "2 days before"),
        (24 * 60, "A day before"),
        (12 * 60, "12 hours before"),
        (6 * 60, "6 hours before"),
    ],
    "hour_before_minutes": [
        (3 * 60, "3 hours before"),
        (2 * 60, "2 hours before"),
        (60, "An hour before"),
        (30, "30 minutes before"),
        (15, "15 minutes before"),
    ],
}


def reminders_in_words(user: User) -> str:
    """When this person is reminded, for example "A day before and an hour before"."""
    chosen = [
        dict(LEAD_TIMES[name]).get(getattr(user, name), f"{getattr(user, name)} minutes before")
        for wants, name in (
            (user.reminds_day_before, "day_before_minutes"),
            (user.reminds_hour_before, "hour_before_minutes"),
        )
        if wants
    ]
    if not chosen:
        return "None"
    rest = [f"{words[0].lower()}{words[1:]}" for words in chosen[1:]]
    return " and ".join([chosen[0], *rest])


def never_confirmed(before: datetime) -> QuerySet[User]:
    """Accounts whose address nobody ever showed to be theirs, and that nothing refers to."""
    return User.objects.filter(
        joined_at__lt=before,
        last_login__isnull=True,
        is_staff=False,
        is_superuser=False,
        staff_roles__isnull=True,
        facilitator_assignments__isnull=True,
        memberships__isnull=True,
        applications__isnull=True,
        overseen_groups__isnull=True,
        concerns__isnull=True,
        consents__isnull=True,
    )


def roles_never_taken_up(before: datetime) -> QuerySet[StaffRole]:
    """Roles of people who were asked and never came, and whom no group has waited for."""
    led = User.objects.filter(facilitator_assignments__isnull=False)
    return StaffRole.objects.not_signed_in().filter(asked_at__lt=before).exclude(user__in=led)


# Stopping mails ----------------------------------------------------------------------------------

#: What a link in a mail stops: the field of the person, and what such mails are called.
MAILS_TO_STOP = {
    "early": ("reminds_day_before", "early reminders"),
    "late": ("reminds_hour_before", "late reminders"),
    "missed": ("mails_after_missed", "mails after you missed something"),
    "note": ("mails_after_session", "notes after an appointment"),
    "questions": ("mails_with_questions", "mails that say that questions wait"),
}


def _stop_signer() -> Signer:
    return Signer(salt="accounts.stop_mails", sep="~")


def stop_token(user: User, kind: str) -> str:
    """What lets whoever has the mail stop this kind of mail for its person, and nothing else.

    It holds a random key that stands nowhere else, so it tells nothing; a new key ends it.
    """
    return _stop_signer().sign(f"{user.mails_key.hex}{kind}")


def stopped_with(token: str) -> tuple[UUID, str] | None:
    """The key and the kind that this secret names; None for one that we never made.

    Whether anybody has the key is not asked here: the answer to the link must not tell it.
    """
    try:
        words = _stop_signer().unsign(token)
        key, kind = UUID(words[:32]), words[32:]
    except (BadSignature, ValueError):
        return None
    return (key, kind) if kind in MAILS_TO_STOP else None


# Accounts that nobody uses ------------------------------------------------------------------------

#: How long before it goes a mail says so.
UNUSED_TOLD_BEFORE = timedelta(days=30)


def _unused(since: datetime) -> QuerySet[User]:
    """Accounts without a sign-in since then, to which nothing belongs that still has a name."""
    return User.objects.filter(
        last_login__lt=since,
        is_active=True,
        is_staff=False,
        is_superuser=False,
        staff_roles__isnull=True,
        facilitator_assignments__isnull=True,
        memberships__isnull=True,
        overseen_groups__isnull=True,
        concerns__isnull=True,
    )


def unused_to_tell(before: datetime) -> QuerySet[User]:
    """Whom a mail is due that their account goes, given when the last sign-in is too old."""
    told = Q(unused_told_at__isnull=False, unused_told_at__gt=F("last_login"))
    return _unused(before + UNUSED_TOLD_BEFORE).exclude(told)


def unused_expired(before: datetime) -> QuerySet[User]:
    """Accounts that nobody came back to, though a mail said that they go."""
    told_by = timezone.now() - UNUSED_TOLD_BEFORE
    return _unused(before).filter(unused_told_at__gt=F("last_login"), unused_told_at__lt=told_by)
