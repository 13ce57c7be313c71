"""What happens at the door and around the circle: knocks, people in person, welcomes."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from groups.models import Membership
from sessions import door_rules, floor_rules, live, rules
from sessions.changes import changed, locked
from sessions.models import Attendance, Entry, Knock, SupportSession

# The door -----------------------------------------------------------------------------------------


@transaction.atomic
def close_door(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """From now on late comers knock."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    floor_rules.check_live(support_session)
    support_session.door_closed_at, support_session.door_closed_by = at, by
    support_session.door_opened_at = support_session.door_opened_by = None
    return changed(support_session, "door.closed", by=by, at=at)


@transaction.atomic
def open_door(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """Late comers walk in, whatever the group's rule says. Whoever has knocked may come in."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    floor_rules.check_live(support_session)
    support_session.door_opened_at, support_session.door_opened_by = at, by
    support_session.door_closed_at = support_session.door_closed_by = None
    return changed(support_session, "door.opened", by=by, at=at)


@transaction.atomic
def knock(*, support_session: SupportSession, by: User, at: datetime | None = None) -> Knock:
    """Ask to be let in. Those who lead see it at once; asking twice is one knock."""
    at = at or timezone.now()
    rules.check_may_enter(by, support_session)
    rules.check_open(support_session, at=at)
    rules.check_not_locked(by, support_session)
    made, is_new = Knock.objects.get_or_create(
        support_session=support_session, user=by, defaults={"asked_at": at}
    )
    if is_new:
        record(
            "knock.made",
            by=by,
            on=made,
            organisation=support_session.group.organisation_id,
            at=at,
        )
        live.publish_to_leads(support_session.pk, "knocks")
    return made


@transaction.atomic
def answer_knock(
    *,
    support_session: SupportSession,
    knock: UUID,
    is_let_in: bool,
    by: User,
    at: datetime | None = None,
) -> Knock | None:
    """Let somebody in, or tell them kindly that it is too late today. Two facilitators at once:
    whoever was let in stays let in."""
    at = at or timezone.now()
    rules.check_may_lead(by, support_session)
    answered = (
        Knock.objects.select_for_update().filter(pk=knock, support_session=support_session).first()
    )
    if answered is None or answered.is_let_in == is_let_in:
        return answered
    door_rules.check_answer(answered, is_let_in=is_let_in)
    answered.is_let_in, answered.answered_at, answered.answered_by = is_let_in, at, by
    answered.save(update_fields=["is_let_in", "answered_at", "answered_by"])
    record(
        "knock.answered",
        by=by,
        on=answered,
        organisation=support_session.group.organisation_id,
        at=at,
        is_let_in=is_let_in,
    )
    live.publish_to_leads(support_session.pk, "knocks")
    return answered


# Around the circle --------------------------------------------------------------------------------


@transaction.atomic
def come_in_person(
    *,
    support_session: SupportSession,
    membership: Membership,
    by: User,
    at: datetime | None = None,
) -> Attendance:
    """A member is here in person: tapped by a facilitator, or noted by their own phone.

    They sit in the circle like those online, and can be given a turn. Noted twice it is once.
    """
    at = at or timezone.now()
    if by.pk != membership.user_id:
        rules.check_may_lead(by, support_session)
    rules.check_may_enter(membership.user, support_session)
    rules.check_open(support_session, at=at)
    attendance, _ = Attendance.objects.select_for_update(of=("self",)).get_or_create(
        support_session=support_session, membership=membership
    )
    if attendance.came_by == Attendance.CameBy.IN_PERSON:
        return attendance
    attendance.came_by = Attendance.CameBy.IN_PERSON
    attendance.first_seen_at = attendance.first_seen_at or at
    attendance.last_seen_at = at
    attendance.save(update_fields=["came_by", "first_seen_at", "last_seen_at"])
    _record("attendance.in_person", attendance, by, at)
    live.seat_in_person(support_session.pk, membership.user, since=attendance.first_seen_at)
    return attendance


@transaction.atomic
def undo_in_person(
    *,
    support_session: SupportSession,
    membership: Membership,
    by: User,
    at: datetime | None = None,
) -> Attendance | None:
    """That was a slip: they are not here in person. What they did online stays."""
    at = at or timezone.now()
    rules.check_may_lead(by, support_session)
    rules.check_open(support_session, at=at)
    attendance = (
        Attendance.objects.select_for_update(of=("self",))
        .filter(
            support_session=support_session,
            membership=membership,
            came_by=Attendance.CameBy.IN_PERSON,
        )
        .first()
    )
    if attendance is None:
        return None
    first = Entry.objects.filter(support_session=support_session, user=membership.user_id)
    entered_at = first.order_by("accepted_at").values_list("accepted_at", flat=True).first()
    attendance.came_by = Attendance.CameBy.ONLINE if entered_at else ""
    attendance.first_seen_at = entered_at
    attendance.last_seen_at = attendance.last_seen_at if entered_at else None
    attendance.save(update_fields=["came_by", "first_seen_at", "last_seen_at"])
    _record("attendance.in_person_undone", attendance, by, at)
    live.leave_seat(support_session.pk, membership.user)
    return attendance


@transaction.atomic
def introduce(
    *,
    support_session: SupportSession,
    membership: Membership,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """Ask the room to welcome somebody by name who is here for the first time."""
    at = at or timezone.now()
    support_session = locked(support_session, version=None)
    rules.check_may_lead(by, support_session)
    rules.check_open(support_session, at=at)
    newcomer = door_rules.newcomers_in(support_session).filter(membership=membership).first()
    if newcomer is None or newcomer.introduced_at is not None:
        return support_session
    newcomer.introduced_at, newcomer.introduced_by = at, by
    newcomer.save(update_fields=["introduced_at", "introduced_by"])
    live.publish_to_leads(support_session.pk, "people")
    return changed(
        support_session, "newcomer.introduced", by=by, at=at, attendance=str(newcomer.pk)
    )


def _record(verb: str, attendance: Attendance, by: User, at: datetime) -> None:
    organisation = attendance.support_session.group.organisation_id
    record(verb, by=by, on=attendance, organisation=organisation, at=at)
    live.publish_to_leads(attendance.support_session_id, "people")
