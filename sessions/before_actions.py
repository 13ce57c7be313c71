"""Before a session: members answer, facilitators prepare and find cover."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.live import look_again
from accounts.models import User
from audit.trail import record
from sessions import before_rules, schedule_rules
from sessions.actions import AgendaPart, changed, copy_agenda, locked, locked_group
from sessions.bookings import book, book_or_refuse
from sessions.models import AgendaItem, Attendance, Booking, Cover, Reminder, SupportSession

# Answers ------------------------------------------------------------------------------------------


@transaction.atomic
def answer_session(
    *, support_session: SupportSession, answer: str, by: User, at: datetime | None = None
) -> Attendance:
    """A member says whether they come. Who cannot is excused; who then comes all the same came.

    Can be changed until the session is over. The same answer again changes nothing.
    """
    at = at or timezone.now()
    support_session = locked(support_session, version=None)
    membership = before_rules.check_may_answer(by, support_session, at=at)
    attendance, _ = Attendance.objects.get_or_create(
        support_session=support_session, membership=membership
    )
    if attendance.answer == answer:
        return attendance
    attendance.answer, attendance.answered_at = Attendance.Answer(answer), at
    cannot = answer == Attendance.Answer.CANNOT
    attendance.status = Attendance.Status.EXCUSED if cannot else Attendance.Status.EXPECTED
    attendance.save(update_fields=["answer", "answered_at", "status"])
    record(
        "session.answered",
        by=by,
        on=attendance,
        organisation=support_session.group.organisation_id,
        at=at,
    )
    return attendance


# Preparation --------------------------------------------------------------------------------------


@transaction.atomic
def set_agenda(
    *,
    support_session: SupportSession,
    items: Sequence[AgendaPart],
    version: int | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """Make the plan this session's own: changes of the group's plan leave it alone from now on.

    Raises `Refused` once the session has begun, and when it changed since `version`.
    """
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    before_rules.check_may_prepare(by, support_session)
    schedule_rules.check_scheduled(support_session)
    support_session.agenda.all().delete()
    AgendaItem.objects.bulk_create(
        AgendaItem(support_session=support_session, position=position, **item._asdict())
        for position, item in enumerate(items, start=1)
    )
    support_session.planned_at, support_session.planned_by = at, by
    return changed(support_session, "session.planned", by=by, at=at, parts=len(items))


@transaction.atomic
def follow_agenda_template(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """The plan is the group's again, also when that changes."""
    at = at or timezone.now()
    support_session = locked(support_session, version=None)
    before_rules.check_may_prepare(by, support_session)
    schedule_rules.check_scheduled(support_session)
    support_session.agenda.all().delete()
    copy_agenda(support_session.group, [support_session])
    support_session.planned_at = support_session.planned_by = None
    return changed(support_session, "session.plan_followed", by=by, at=at)


# Cover --------------------------------------------------------------------------------------------


@transaction.atomic
def ask_cover(
    *, support_session: SupportSession, by: User, note: str = "", at: datetime | None = None
) -> Cover:
    """A facilitator cannot come: everybody who could lead instead is told. Until somebody takes
    over, they lead the session as before."""
    at = at or timezone.now()
    support_session = _locked_session(support_session)
    before_rules.check_may_ask_cover(by, support_session, at=at)
    cover = Cover.objects.create(
        support_session=support_session, facilitator=by, note=note, asked_at=at
    )
    _record("cover.asked", cover, by=by, at=at)
    _ask_people(cover, at)
    return cover


@transaction.atomic
def take_cover(*, cover: Cover, by: User, at: datetime | None = None) -> Cover:
    """Lead a session in somebody's place. Whoever is first has it; the booking moves along.

    Raises `Refused` when somebody was quicker, or this person is booked at that time.
    """
    at = at or timezone.now()
    cover = _locked_cover(cover)
    before_rules.check_may_take_over(by, cover, at=at)
    support_session = cover.support_session
    Booking.objects.filter(support_session=support_session, facilitator=cover.facilitator).delete()
    book_or_refuse(
        support_session.group, [support_session], by=by, facilitators=[by], with_room=False
    )
    cover.taken_by, cover.taken_at = by, at
    cover.save(update_fields=["taken_by", "taken_at"])
    _record("cover.taken", cover, by=by, at=at)
    _tell(support_session, {cover.facilitator}, Reminder.Kind.COVER_NEWS)
    look_again([cover.facilitator_id, by.pk])
    return cover


@transaction.atomic
def give_cover_back(*, cover: Cover, by: User, at: datetime | None = None) -> Cover:
    """Whoever took over cannot come either: the first one leads again, and people are asked anew.

    Where the first one is booked elsewhere by now, the session has no booking for them: staff see
    that.
    """
    at = at or timezone.now()
    cover = _locked_cover(cover)
    before_rules.check_may_give_back(by, cover, at=at)
    support_session = cover.support_session
    Booking.objects.filter(support_session=support_session, facilitator=by).delete()
    cover.taken_by = cover.taken_at = None
    cover.given_back += 1
    cover.save(update_fields=["taken_by", "taken_at", "given_back"])
    book(
        support_session.group, [support_session], facilitators=[cover.facilitator], with_room=False
    )
    _record("cover.given_back", cover, by=by, at=at)
    _tell(support_session, {cover.facilitator}, Reminder.Kind.COVER_NEWS)
    _ask_people(cover, at)
    look_again([cover.facilitator_id, by.pk])
    return cover


@transaction.atomic
def withdraw_cover(*, cover: Cover, by: User, at: datetime | None = None) -> Cover:
    """Whoever asked for cover comes after all."""
    at = at or timezone.now()
    cover = _locked_cover(cover)
    before_rules.check_may_withdraw(by, cover, at=at)
    cover.withdrawn_at = at
    cover.save(update_fields=["withdrawn_at"])
    _record("cover.withdrawn", cover, by=by, at=at)
    return cover


def _locked_session(support_session: SupportSession) -> SupportSession:
    """The session as it is now, its row and its group's locked, as whoever books does."""
    locked_group(support_session.group)
    return locked(support_session, version=None)


def _locked_cover(cover: Cover) -> Cover:
    """The request as it is now; of two who answer it at once one waits for the other here."""
    support_session = _locked_session(cover.support_session)
    cover = Cover.objects.select_related("facilitator", "taken_by").get(pk=cover.pk)
    cover.support_session = support_session
    return cover


def _record(verb: str, cover: Cover, *, by: User, at: datetime) -> None:
    organisation = cover.support_session.group.organisation_id
    record(verb, by=by, on=cover, organisation=organisation, at=at)


def _ask_people(cover: Cover, at: datetime) -> None:
    people = before_rules.people_to_ask(cover, at=at)
    _tell(cover.support_session, people, Reminder.Kind.COVER_ASKED)


def _tell(support_session: SupportSession, people: Iterable[User], kind: Reminder.Kind) -> None:
    """A row a person, which the clock sends within a minute."""
    if kind == Reminder.Kind.COVER_ASKED:
        number = before_rules.times_asked(support_session)
    else:
        number = before_rules.times_answered(support_session)
    Reminder.objects.bulk_create(
        (
            Reminder(
                support_session=support_session, user=user, kind=kind, calendar_sequence=number
            )
            for user in people
        ),
        ignore_conflicts=True,
    )
