"""What people do with their own account, how an organisation begins, and who works for it."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from smtplib import SMTPRecipientsRefused
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts import browser_sessions, emails, rules, tasks
from accounts.browser_sessions import SessionStore
from accounts.factor_actions import settle_second_factors
from accounts.live import look_again
from accounts.models import BrowserSession, Organisation, StaffRole, User
from audit.trail import record
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


@transaction.atomic
def open_account(*, user: User, at: datetime | None = None) -> User:
    """Keep a new person, who has just typed their address. Nobody else can do it for them."""
    at = at or timezone.now()
    user.joined_at = at
    user.save()
    record("account.opened", by=user, on=user, at=at)
    return user


@transaction.atomic
def change_profile(*, user: User, by: User, at: datetime | None = None, **changes: object) -> User:
    """Change one's own settings. `changes` are fields of `User`; the trail keeps only their names.

    Raises `Refused` for anybody else's. Nothing changed leaves no event.
    """
    if user.pk != by.pk:
        raise Refused("not_yours", "Only the person themselves can change this.")
    user = User.objects.select_for_update().get(pk=user.pk)
    changed = sorted(name for name, value in changes.items() if getattr(user, name) != value)
    if changed:
        for name in changed:
            setattr(user, name, changes[name])
        user.save(update_fields=changed)
        record("profile.changed", by=by, on=user, at=at, fields=changed)
    return user


def note_sign_in(*, user: User, by: User, steps: list[str], at: datetime | None = None) -> None:
    """Somebody signed in. `steps` are allauth's names of what they showed, such as `totp`."""
    record("sign_in.began", by=by, on=user, at=at, steps=steps)


@transaction.atomic
def end_sign_in(*, sign_in: BrowserSession, by: User, at: datetime | None = None) -> None:
    """One device is signed out; its open rooms close. Raises `Refused` for anybody else's."""
    if sign_in.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can end this.")
    sign_in.delete()
    record("sign_in.ended", by=by, on=by, at=at)
    look_again([by.pk])


@transaction.atomic
def end_other_sign_ins(*, by: User, but: SessionStore, at: datetime | None = None) -> int:
    """Every other device is signed out. `but` is this browser's. Returns how many there were."""
    ended = browser_sessions.end_others(by, but=but)
    if ended:
        record("sign_in.others_ended", by=by, on=by, at=at)
    return ended


@transaction.atomic
def end_sign_ins_of(*, people: Iterable[User], by: None, at: datetime | None = None) -> int:
    """Whoever runs the installation signs people out everywhere. Returns how many browsers."""
    ended = 0
    for person in people:
        count = browser_sessions.end_others(person, but=None)
        if count:
            record("sign_in.ended_by_operator", by=by, on=person, at=at)
        ended += count
    return ended


def _person_with(
    email: str,
    *,
    organisation: Organisation,
    by: User | None,
    at: datetime,
    display_name: str = "",
) -> User:
    """Whose address this is; else a new account in the organisation's zone, without a password."""
    person = User.objects.filter(email__iexact=email).first()
    if person is not None:
        return person
    try:
        with transaction.atomic():
            person = User.objects.create_user(
                email,
                display_name=display_name,
                time_zone=organisation.time_zone,
                country=organisation.country,
                joined_at=at,
            )
            # The first code they sign in with proves the address; without this row it takes two.
            EmailAddress.objects.create(user=person, email=person.email, primary=True)
            record("account.opened", by=by, on=person, at=at)
            return person
    except IntegrityError:  # opened by somebody else in the same moment
        return User.objects.get(email__iexact=email)


@transaction.atomic
def create_organisation(
    *,
    name: str,
    coordinator: str,
    by: User | None,
    time_zone: str,
    country: str,
    at: datetime | None = None,
) -> Organisation:
    """A new organisation with its first coordinator, named by e-mail address, who is on call.

    Who has no account yet gets one, and signs in with a code sent to the address. `by` is None
    for the operator's command.
    """
    at = at or timezone.now()
    rules.check_name_is_free(name)
    organisation = Organisation.objects.create(
        name=name,
        slug=slugify(name)[:60].strip("-"),
        time_zone=time_zone,
        country=country,
    )
    person = _person_with(coordinator, organisation=organisation, by=by, at=at)
    StaffRole.objects.create(
        user=person,
        organisation=organisation,
        role=StaffRole.Role.COORDINATOR,
        on_call_position=1,
    )
    settle_second_factors([person.pk], at=at)
    record("organisation.created", by=by, on=organisation, organisation=organisation.pk, at=at)
    return organisation


# An organisation's people -------------------------------------------------------------------------


def _locked(organisation: Organisation) -> Organisation:
    """One change of an organisation's people at a time: each looks at all of them."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


def _read_again(staff_role: StaffRole) -> StaffRole:
    """The role as it is once nobody else changes it. Raises `Refused` if somebody took it away."""
    found = StaffRole.objects.select_related("user").filter(pk=staff_role.pk).first()
    if found is None:
        raise Refused("role_gone", "Somebody else has just taken this role away.")
    return found


@transaction.atomic
def give_role(
    *,
    organisation: Organisation,
    email: str,
    role: str,
    by: User,
    display_name: str = "",
    at: datetime | None = None,
    **details: str | int | date | None,
) -> StaffRole:
    """Give a role to whoever has this address, and write to them.

    Who has no account yet gets one under `display_name`, and signs in with a code sent to the
    address. `details` are fields of `StaffRole`. Raises `Refused`.
    """
    at = at or timezone.now()
    organisation = _locked(organisation)
    rules.check_may_coordinate(by, organisation)
    person = _person_with(email, organisation=organisation, by=by, at=at, display_name=display_name)
    new = StaffRole(user=person, organisation=organisation, role=role, asked_at=at, **details)
    rules.check_role_is_new(person, organisation, role)
    rules.check_on_call_is_free(organisation, new.on_call_position)
    new.save()
    settle_second_factors([person.pk], at=at)
    record("role.given", by=by, on=new, organisation=organisation.pk, at=at, role=role)
    later(tasks.invite_person, new.pk)
    browser_sessions.renew_keys([person.pk])
    return new


@transaction.atomic
def change_role(
    *,
    staff_role: StaffRole,
    by: User,
    at: datetime | None = None,
    **changes: str | int | date | None,
) -> StaffRole:
    """Change what somebody does, or what is known of their preparation. Raises `Refused`.

    `changes` are fields of `StaffRole`. Nothing changed leaves no event.
    """
    organisation = _locked(staff_role.organisation)
    rules.check_may_coordinate(by, organisation)
    staff_role = _read_again(staff_role)
    changed = sorted(name for name, value in changes.items() if getattr(staff_role, name) != value)
    if not changed:
        return staff_role
    if "role" in changed:
        role = str(changes["role"])
        rules.check_role_is_new(staff_role.user, organisation, role, besides=staff_role)
        rules.check_keeps_a_coordinator(staff_role)
        if role == StaffRole.Role.SUPERVISOR:
            rules.check_leads_nothing(staff_role)
    for name in changed:
        setattr(staff_role, name, changes[name])
    rules.check_on_call_is_free(organisation, staff_role.on_call_position, besides=staff_role)
    staff_role.save(update_fields=changed)
    settle_second_factors([staff_role.user_id], at=at)
    record(
        "role.changed",
        by=by,
        on=staff_role,
        organisation=organisation.pk,
        at=at,
        fields=changed,
        role=staff_role.role,
    )
    browser_sessions.renew_keys([staff_role.user_id])
    return staff_role


@transaction.atomic
def take_role_away(*, staff_role: StaffRole, by: User, at: datetime | None = None) -> None:
    """Somebody has this role no more; what it let them open closes at once. Raises `Refused`.

    A coordinator does it, or the person themselves. The account stays, with everything that the
    person has as a participant.
    """
    organisation = _locked(staff_role.organisation)
    rules.check_may_take_away(by, staff_role)
    staff_role = _read_again(staff_role)
    rules.check_keeps_a_coordinator(staff_role)
    rules.check_leads_nothing(staff_role)
    record(
        "role.taken_away",
        by=by,
        on=staff_role,
        organisation=organisation.pk,
        at=at,
        role=staff_role.role,
    )
    staff_role.delete()
    settle_second_factors([staff_role.user_id], at=at)
    browser_sessions.renew_keys([staff_role.user_id])


# Stopping mails -----------------------------------------------------------------------------------


@transaction.atomic
def stop_mails(*, key: UUID, kind: str, by: None, at: datetime | None = None) -> None:
    """Send no more mails of this kind to whoever has this key, if anybody has it.

    Nobody is signed in: whoever holds the mail may do this, and learns nothing by it.
    """
    name, _ = rules.MAILS_TO_STOP[kind]
    user = User.objects.select_for_update().filter(mails_key=key, **{name: True}).first()
    if user is None:
        return
    setattr(user, name, False)
    user.save(update_fields=[name])
    record("mails.stopped", by=by, on=user, at=at, fields=[name])


@transaction.atomic
def end_links_in_mails(*, user: User, by: User, at: datetime | None = None) -> None:
    """No link that stops mails works any more in mails sent so far."""
    if user.pk != by.pk:
        raise Refused("not_yours", "Only the person themselves can change this.")
    User.objects.filter(pk=user.pk).update(mails_key=uuid4())
    record("mails.links_ended", by=by, on=user, at=at)


# Accounts that nobody uses ------------------------------------------------------------------------


@transaction.atomic
def tell_unused(*, user_id: UUID, before: datetime, by: None) -> None:
    """Write that the account goes, unless its person came back meanwhile. Raises what the mail
    server answers, and is then tried again; an address that it refuses is not."""
    found = rules.unused_to_tell(before).filter(pk=user_id)
    user = found.select_for_update(of=("self",), skip_locked=True).first()
    if user is None:
        return
    with suppress(SMTPRecipientsRefused):
        emails.send_unused(user)
    User.objects.filter(pk=user.pk).update(unused_told_at=timezone.now())
