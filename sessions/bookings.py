"""Facilitators and rooms that sessions hold. The database refuses a second at the same time."""

from collections.abc import Iterable, Sequence

from accounts.models import User
from groups.models import SupportGroup
from sessions import schedule_rules
from sessions.models import Booking, SupportSession


def book(
    group: SupportGroup,
    support_sessions: Sequence[SupportSession],
    *,
    facilitators: Iterable[User] | None = None,
    with_room: bool = True,
) -> list[Booking]:
    """Hold the group's facilitators and room for these sessions. Returns what was taken already.

    `facilitators` are those who lead each of them unless given. `ON CONFLICT DO NOTHING` waits for
    whoever books the same at this moment, and all book in one order: people first, then rooms, by
    time. So two at once never wait for each other.
    """
    ordered = sorted(support_sessions, key=lambda each: each.starts_at)
    given = None if facilitators is None else set(facilitators)
    leaders = (
        schedule_rules.leaders_of(group, ordered)
        if given is None
        else dict.fromkeys(ordered, given)
    )
    people = {user for leading in leaders.values() for user in leading}
    room = schedule_rules.rooms_of(group) if with_room else ""
    wanted = [
        Booking(
            support_session=support_session,
            facilitator=facilitator,
            organisation_id=group.organisation_id,
            room="" if facilitator else room,
            period=(support_session.starts_at, support_session.ends_at),
        )
        for facilitator in [*sorted(people, key=lambda user: user.pk), *([None] if room else [])]
        for support_session in ordered
        if facilitator is None or facilitator in leaders[support_session]
    ]
    Booking.objects.bulk_create(wanted, ignore_conflicts=True)
    there = set(
        Booking.objects.filter(
            support_session__in=[each.pk for each in support_sessions]
        ).values_list("support_session", "facilitator")
    )
    return [
        booking
        for booking in wanted
        if (booking.support_session_id, booking.facilitator_id) not in there
    ]


def book_or_refuse(
    group: SupportGroup,
    support_sessions: Sequence[SupportSession],
    *,
    by: User | None,
    facilitators: Iterable[User] | None = None,
    with_room: bool = True,
) -> None:
    """Hold them all, or raise `Refused` that says who or what is taken, and when."""
    lacking = book(group, support_sessions, facilitators=facilitators, with_room=with_room)
    if lacking:
        schedule_rules.check_no_clash(
            schedule_rules.clashes(
                group=group,
                times=[each.support_session for each in lacking],
                by=by,
                facilitators=[each.facilitator for each in lacking if each.facilitator],
                room=next((each.room for each in lacking if each.room), ""),
                besides=support_sessions,
            )
        )
        # Whoever was in the way has gone again meanwhile, or two of these sessions overlap.
        schedule_rules.refuse_overlap()


def free(support_sessions: Iterable[SupportSession]) -> None:
    """Give up what these sessions hold."""
    Booking.objects.filter(support_session__in=[each.pk for each in support_sessions]).delete()
