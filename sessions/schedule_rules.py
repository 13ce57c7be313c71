"""When a group meets: rhythm, dates, days off, bookings, and who plans them. Asks, never writes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from django.contrib.postgres.fields import DateTimeRangeField
from django.db.models import (
    Exists,
    F,
    Func,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
)
from django.db.models.functions import Lower, Trim
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, check_may_coordinate, organisations_coordinated_by
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from groups.rules import (
    check_may_coordinate_group,
    check_may_staff,
    groups_staffed_by,
    groups_visible_to,
)
from sessions import rules, schedule
from sessions.models import (
    Booking,
    Cover,
    DayOff,
    Series,
    SupportSession,
)
from sessions.schedule import Occurrence, occurrences
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words


def dates_of(
    group: SupportGroup, *, past: bool = False, at: datetime | None = None
) -> QuerySet[SupportSession]:
    """The group's sessions to come, soonest first, or past ones, newest first; cancelled ones
    among them. Those that only a change of the rhythm left over are out."""
    at = at or timezone.now()
    shown = SupportSession.objects.filter(group=group).exclude(
        cancelled_for=SupportSession.CancelledFor.RHYTHM_CHANGED
    )
    if past:
        return shown.filter(ends_at__lte=at).order_by("-starts_at")
    return shown.filter(ends_at__gt=at).order_by("starts_at")


def organisations_planned_by(user: Viewer) -> QuerySet[Organisation]:
    """The organisations whose days off, or those of one of their groups, this person keeps."""
    groups = groups_staffed_by(user)
    return Organisation.objects.filter(
        Q(pk__in=organisations_coordinated_by(user).values("pk"))
        | Q(pk__in=groups.values("organisation"))
    )


def days_off_planned_by(
    user: Viewer, organisation: Organisation, *, at: datetime | None = None
) -> QuerySet[DayOff]:
    """Days off that are not over: everybody's, and those of the groups this person staffs."""
    today = schedule.day_of(at or timezone.now(), organisation.time_zone)
    staffed = groups_staffed_by(user).filter(organisation=organisation)
    return (
        DayOff.objects.filter(
            Q(group__isnull=True) | Q(group__in=staffed), organisation=organisation, day__gte=today
        )
        .select_related("group")
        .order_by("day", "group__name")
    )


#: A day farther ahead is more likely a slip of the hand.
FARTHEST_AHEAD = timedelta(days=2 * 366)


#: Sessions are planned for at most this long.
LONGEST_SESSION = timedelta(hours=24)


LONGEST_RULE = 200


#: How far ahead the page shows times that daylight saving skips or repeats.
SHIFTS_SHOWN_FOR = timedelta(days=366)


class Timed(Protocol):
    """Something with a start and an end: a session, or what a rule gives."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


@dataclass(frozen=True)
class Clash:
    """That a facilitator or a room is taken at a time somebody asks for."""

    #: The facilitator's public name, or the room's.
    what: str
    is_room: bool
    #: When the other session begins, and the zone it is told in.
    starts_at: datetime
    time_zone: str
    #: The other session's group, if the viewer may know it; else empty.
    group_name: str

    def __str__(self) -> str:
        """One sentence for the person who asked."""
        for_whom = f" for “{self.group_name}”" if self.group_name else ""
        verb = "taken" if self.is_room else "leading another session"
        when = time_words(self.starts_at, self.time_zone)
        return f"{self.what} is {verb}{for_whom}: {when}."


def rooms_of(group: SupportGroup) -> str:
    """The room its sessions hold; none for a group that meets online only."""
    return "" if group.format == SupportGroup.Format.ONLINE else group.room.strip()


def clashes(
    *,
    group: SupportGroup,
    times: Iterable[Timed],
    by: Viewer | None,
    facilitators: Collection[User] | None = None,
    room: str | None = None,
    besides: Iterable[SupportSession] = (),
) -> list[Clash]:
    """Bookings that stand in the way of these times, soonest first.

    Asked for the group's own facilitators and room unless others are given. `besides` are sessions
    that would give their bookings up.
    """
    wanted = sorted({(each.starts_at, each.ends_at) for each in times})
    if not wanted:
        return []
    if facilitators is None:
        facilitators = [each.user for each in group.facilitator_assignments.select_related("user")]
    room = rooms_of(group) if room is None else room.strip()
    thing = Q(facilitator__in=[user.pk for user in facilitators])
    if room:
        thing |= Q(organisation=group.organisation_id, room_key=room.lower())
    booked = (
        Booking.objects.annotate(room_key=Lower("room"))
        .filter(thing, period__overlap=(wanted[0][0], max(end for _, end in wanted)))
        .exclude(support_session__in=[each.pk for each in besides])
        .select_related("facilitator", "support_session__group")
        .order_by("period", "facilitator")
    )
    taken = [
        each
        for each in booked
        if any(start < each.period.upper and each.period.lower < end for start, end in wanted)
    ]
    known: set[Any] = set()
    if taken and by is not None:
        others = {each.support_session.group_id for each in taken}
        known = set(groups_visible_to(by).filter(pk__in=others).values_list("pk", flat=True))
    return [
        Clash(
            what=each.facilitator.public_name if each.facilitator else each.room,
            is_room=each.facilitator is None,
            starts_at=each.period.lower,
            time_zone=group.time_zone,
            group_name=each.support_session.group.name
            if by is None or each.support_session.group_id in known
            else "",
        )
        for each in taken
    ]


def check_no_clash(found: Sequence[Clash]) -> None:
    """Raise `Refused` in the words of the first clash."""
    if found:
        more = f" And {len(found) - 1} more." if len(found) > 1 else ""
        raise Refused("booked", f"{found[0]}{more}")


def refuse_overlap() -> None:
    """Raise `Refused` for times at which the group's own people or room would be needed twice."""
    raise Refused("booked", "At this time somebody or the room would be needed twice.")


def not_booked(support_session: SupportSession) -> list[str]:
    """What a coming session still lacks: names of facilitators and the room, taken when it was
    made. Prefetch with `with_bookings()` for lists."""
    if support_session.status != SupportSession.Status.SCHEDULED:
        return []
    group = support_session.group
    bookings = support_session.bookings.all()
    booked = {each.facilitator_id for each in bookings}
    taken = [each for each in support_session.covers.all() if each.is_taken]
    leaders = {each.user_id: each.user for each in group.facilitator_assignments.all()}
    for cover in taken:
        leaders.pop(cover.facilitator_id, None)
    leaders |= {cover.taken_by.pk: cover.taken_by for cover in taken if cover.taken_by}
    lacking = [user.public_name for key, user in leaders.items() if key not in booked]
    if (room := rooms_of(group)) and None not in booked:
        lacking.append(room)
    return lacking


def leaders_of(
    group: SupportGroup, support_sessions: Sequence[SupportSession]
) -> dict[SupportSession, set[User]]:
    """Whom each of these sessions of a group needs: its facilitators, or who took their place."""
    assigned = {each.user for each in group.facilitator_assignments.select_related("user")}
    leaders = {each: set(assigned) for each in support_sessions}
    covers = Cover.objects.taken().filter(support_session__in=[each.pk for each in leaders])
    by_session = {each.pk: each for each in leaders}
    for cover in covers.select_related("facilitator", "taken_by"):
        of_session = leaders[by_session[cover.support_session_id]]
        of_session.discard(cover.facilitator)
        if cover.taken_by is not None:
            of_session.add(cover.taken_by)
    return leaders


def with_bookings(support_sessions: QuerySet[SupportSession]) -> QuerySet[SupportSession]:
    """The sessions with what `not_booked` asks for."""
    return support_sessions.select_related("group").prefetch_related(
        "bookings",
        Prefetch("covers", queryset=Cover.objects.select_related("taken_by", "facilitator")),
        Prefetch(
            "group__facilitator_assignments",
            queryset=FacilitatorAssignment.objects.select_related("user"),
        ),
    )


def days_off_of(group: SupportGroup) -> QuerySet[DayOff]:
    """The days on which this group does not meet: its own and its organisation's."""
    return DayOff.objects.filter(
        Q(group=group) | Q(group__isnull=True), organisation=group.organisation_id
    )


def meets_on(series: Series, day: date) -> bool:
    """Whether the rule of a series gives a meeting on this day."""
    day = min(day, schedule.LAST_DAY)
    begin = schedule.midnight(day, series.time_zone)
    end = schedule.midnight(day + timedelta(days=1), series.time_zone)
    return next(occurrences_of(series, after=begin, until=end), None) is not None


def times_that_shift(series: Series, at: datetime | None = None) -> list[Occurrence]:
    """Meetings of the next 12 months whose clock time is skipped or comes twice that day."""
    at = at or timezone.now()
    coming = occurrences_of(series, after=at, until=at + SHIFTS_SHOWN_FOR)
    return [each for each in coming if each.shifted or each.repeated]


def check_may_plan(user: Viewer, group: SupportGroup) -> None:
    """Raise `Refused` unless this person sets the group's rhythm, people and agenda."""
    check_may_coordinate_group(user, group)


def may_change_following(user: Viewer, support_session: SupportSession) -> bool:
    """Whether this person may move or cancel this session and all that follow it."""
    series = support_session.series
    if series is None or series.ended_at is not None:
        return False
    try:
        check_may_plan(user, support_session.group)
    except Refused:
        return False
    return True


def check_may_change(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person moves, cancels and restores the group's sessions."""
    check_may_staff(user, support_session.group)


def check_may_keep_days_off(
    user: Viewer, organisation: Organisation, group: SupportGroup | None
) -> None:
    """Raise `Refused` unless this person says when everybody, or one group, does not meet."""
    if group is None:
        check_may_coordinate(user, organisation)
    else:
        check_may_staff(user, group)
        if group.organisation_id != organisation.pk:
            raise Refused("other_organisation", "This group belongs to another organisation.")


def check_rhythm(
    *, rrule: str, starts_on: date, starts_at_time: time, minutes: int, time_zone: str
) -> Occurrence:
    """The first meeting of a rhythm that can be kept, or `Refused` with what is wrong."""
    if not 15 <= minutes <= LONGEST_SESSION.total_seconds() // 60:
        raise Refused("length", "A session lasts from 15 minutes to 24 hours.")
    if len(rrule) > LONGEST_RULE:
        raise Refused("rule", "This rule is too long to be kept.")
    try:
        return schedule.check_rule(
            rrule, starts_on=starts_on, starts_at_time=starts_at_time, time_zone=time_zone
        )
    except schedule.RuleError as error:
        raise Refused("rule", str(error)) from error


def check_scheduled(support_session: SupportSession) -> None:
    """Raise `Refused` unless the session is still to come and on."""
    if support_session.status != SupportSession.Status.SCHEDULED:
        raise Refused(
            "state_changed",
            f"This session is already: {support_session.get_status_display().lower()}.",
        )


def check_times(starts_at: datetime, ends_at: datetime, *, at: datetime) -> None:
    """Raise `Refused` for times that no session can have."""
    if starts_at <= at:
        raise Refused("past", "Choose a time that is still to come.")
    if starts_at > at + FARTHEST_AHEAD:
        raise Refused("far", "This is far away. Choose a day within the next two years.")
    if not timedelta(minutes=15) <= ends_at - starts_at <= LONGEST_SESSION:
        raise Refused("length", "A session lasts from 15 minutes to 24 hours.")


def check_group_free(
    support_session: SupportSession, *, starts_at: datetime, ends_at: datetime
) -> None:
    """Raise `Refused` when the group has another session at this time."""
    others = SupportSession.objects.filter(
        group=support_session.group_id,
        status__in=[SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE],
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    ).exclude(pk=support_session.pk)
    if others.exists():
        raise Refused("booked", "This group has another session at that time.")


def check_may_restore(support_session: SupportSession, *, at: datetime) -> None:
    """Raise `Refused` unless a session that is off can be on again."""
    if support_session.status != SupportSession.Status.CANCELLED:
        raise Refused("state_changed", "This session is on already.")
    if support_session.starts_at <= at:
        raise Refused("past", "The time of this session is over. Add or move another one.")
    rules.check_group_meets(support_session.group)


def check_day_ahead(day: date, time_zone: str, *, at: datetime) -> None:
    """Raise `Refused` for a day that is over, or too far away to be meant."""
    today = schedule.day_of(at, time_zone)
    if day < today:
        raise Refused("past", "This day is over. Choose today or a later day.")
    if day > today + FARTHEST_AHEAD:
        raise Refused("far", "This is far away. Choose a day within the next two years.")


def check_may_be_facilitator(user: User, group: SupportGroup) -> None:
    """Raise `Refused` for somebody who cannot lead the group."""
    roles = StaffRole.objects.agreed().filter(user=user, organisation=group.organisation_id)
    if not user.is_active or not roles.exists():
        raise Refused("not_staff", "Only people with a role in your organisation can lead.")
    if Membership.objects.open().filter(user=user, group=group).exists():
        raise Refused("is_member", "This person is a member of the group, or has asked to join.")


def may_lead(group: SupportGroup) -> QuerySet[User]:
    """The organisation's people who can be chosen to lead the group, or do already, by name.

    Who was asked by e-mail and has not signed in yet is not shown: their name is not ours to tell.
    """
    roles = StaffRole.objects.agreed().may_lead().filter(organisation=group.organisation_id)
    members = Membership.objects.open().filter(group=group).values("user")
    return (
        User.objects.filter(is_active=True, pk__in=roles.values("user"))
        .exclude(pk__in=members)
        .order_by("display_name", "email")
    )


def check_may_unassign(assignment: FacilitatorAssignment) -> None:
    """Raise `Refused` when a listed group would be left without anybody who leads it."""
    group = assignment.group
    others = group.facilitator_assignments.exclude(pk=assignment.pk)
    if group.lifecycle == SupportGroup.Lifecycle.LISTED and not others.exists():
        raise Refused("last_one", "Name somebody else first: a listed group has a facilitator.")


#: Why a session of a rhythm can be off and still follow when the rhythm changes.
_FOLLOWS = Q(status=SupportSession.Status.SCHEDULED) | Q(
    cancelled_for=SupportSession.CancelledFor.GROUP_PAUSED
)


def following(series: Series, *, begin: datetime) -> QuerySet[SupportSession]:
    """The sessions of a rhythm that a change from `begin` on takes along, in order."""
    return SupportSession.objects.filter(_FOLLOWS, series=series, starts_at__gte=begin).order_by(
        "recurrence_id"
    )


def taken_along(series: Series, *, begin: datetime) -> QuerySet[SupportSession]:
    """What another rhythm from `begin` on takes along: those that follow, and dates that somebody
    cancelled, which stay cancelled. What was cancelled after the rule's end is no date of it."""
    off = SupportSession.objects.filter(
        series=series,
        cancelled_for=SupportSession.CancelledFor.BY_HAND,
        starts_at__gte=begin,
    )
    named = sorted(off.values_list("recurrence_id", flat=True))
    given: set[datetime] = set()
    if named:
        until = named[-1] + timedelta(seconds=1)
        given = {each.starts_at for each in occurrences_of(series, after=named[0], until=until)}
    also = off.filter(recurrence_id__in=given)
    return SupportSession.objects.filter(
        _FOLLOWS | Q(pk__in=also.values("pk")), series=series, starts_at__gte=begin
    ).order_by("recurrence_id")


def check_in_rhythm(support_session: SupportSession, series: Series | None) -> Series:
    """The group's current rhythm, if this session belongs to it; else raise `Refused`."""
    if series is None or support_session.series_id != series.pk:
        raise Refused(
            "no_rhythm", "This session is not part of a rhythm that goes on. Cancel only this one."
        )
    return series


def from_here_on(support_session: SupportSession, *, at: datetime) -> QuerySet[SupportSession]:
    """This session and all that follow it in its rhythm, wherever single ones were moved."""
    return SupportSession.objects.filter(
        _FOLLOWS,
        series=support_session.series_id,
        starts_at__gte=at,
        recurrence_id__gte=support_session.recurrence_id,
    ).order_by("recurrence_id")


def change_begins(
    group: SupportGroup,
    *,
    starts_on: date,
    from_session: SupportSession | None,
    at: datetime,
) -> datetime:
    """From when on a new rhythm holds: this session, or else its first day, never the past."""
    if from_session is not None:
        return max(at, from_session.starts_at)
    return max(at, schedule.midnight(starts_on, group.time_zone))


def given_from(series: Series, *, begin: datetime, at: datetime) -> list[Occurrence]:
    """What a new rhythm gives up to its horizon: after the last session that stays as it was."""
    last_kept = (
        SupportSession.objects.coming(at)
        .filter(group=series.group, series__ended_at__isnull=True, starts_at__lt=begin)
        .exclude(series__isnull=True)
        .aggregate(ends_at=Max("ends_at"))["ends_at"]
    )
    first_day = schedule.midnight(series.starts_on, series.time_zone)
    after = max(at, first_day, last_kept or at)
    return list(occurrences_of(series, after=after, until=horizon(series, at)))


def clashes_of_rhythm(
    *,
    group: SupportGroup,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    minutes: int,
    by: Viewer | None,
    from_session: SupportSession | None = None,
    at: datetime | None = None,
) -> list[Clash]:
    """What would be double-booked by this rhythm up to its horizon, for the form to explain."""
    at = at or timezone.now()
    planned = Series(
        group=group,
        rrule=rrule,
        starts_on=starts_on,
        starts_at_time=starts_at_time,
        minutes=minutes,
        time_zone=group.time_zone,
    )
    begin = change_begins(group, starts_on=starts_on, from_session=from_session, at=at)
    current = Series.objects.current().filter(group=group).first()
    return clashes(
        group=group,
        times=given_from(planned, begin=begin, at=at),
        by=by,
        besides=following(current, begin=begin) if current else (),
    )


def people_concerned(
    support_sessions: Iterable[SupportSession],
) -> list[tuple[SupportSession, Any]]:
    """Session and person of everybody to be told about a change of these sessions, each person
    once: of the first session that is theirs. Groups that are not listed tell their members
    themselves."""
    first: dict[Any, tuple[SupportSession, Any]] = {}
    listed = [
        each
        for each in sorted(support_sessions, key=lambda each: each.starts_at)
        if each.group.lifecycle == SupportGroup.Lifecycle.LISTED
    ]
    groups = {each.group_id for each in listed}
    members: dict[Any, set[Any]] = {group: set() for group in groups}
    rows = rules.admitted().filter(group__in=groups, user__is_active=True)
    for group_id, user_id in rows.order_by().values_list("group", "user"):
        members[group_id].add(user_id)
    leaders: dict[Any, set[Any]] = {each.pk: set() for each in listed}
    sessions = SupportSession.objects.filter(pk__in=leaders)
    for pairs in rules.leading_pairs(sessions):
        for session_id, user_id in pairs:
            leaders[session_id].add(user_id)
    for each in listed:
        for user_id in members[each.group_id] | leaders[each.pk]:
            first.setdefault(user_id, (each, user_id))
    return list(first.values())


def off_with_group(group: SupportGroup, *, at: datetime) -> QuerySet[SupportSession]:
    """Coming sessions that are off because the group paused or closed, and of a rhythm that
    still holds."""
    return SupportSession.objects.filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group=group,
        status=SupportSession.Status.CANCELLED,
        cancelled_for__in=[
            SupportSession.CancelledFor.GROUP_PAUSED,
            SupportSession.CancelledFor.GROUP_CLOSED,
        ],
        starts_at__gt=at,
    )


def coming_of(group: SupportGroup, *, at: datetime) -> QuerySet[SupportSession]:
    """Sessions of a group that have not begun and can be called off."""
    return SupportSession.objects.filter(
        group=group, status=SupportSession.Status.SCHEDULED, ends_at__gt=at
    )


def is_on_day(support_session: SupportSession, *days: date) -> bool:
    """Whether a session is on one of these days, on the wall calendar of its group."""
    zone = support_session.group.time_zone
    return schedule.day_of(support_session.starts_at, zone) in days


def on_day(day: date, *, groups: Iterable[SupportGroup], at: datetime) -> QuerySet[SupportSession]:
    """Sessions of these groups around a day that have not begun: `is_on_day` says which are on
    it in their own zone."""
    return _around(day).filter(
        group__in=[each.pk for each in groups],
        status=SupportSession.Status.SCHEDULED,
        starts_at__gt=at,
    )


def off_on_day(
    day: date, *, groups: Iterable[SupportGroup], at: datetime
) -> QuerySet[SupportSession]:
    """Sessions around a day that a day off called off, of rhythms that still hold."""
    return _around(day).filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group__in=[each.pk for each in groups],
        group__lifecycle=SupportGroup.Lifecycle.LISTED,
        cancelled_for=SupportSession.CancelledFor.DAY_OFF,
        starts_at__gt=at,
    )


def _around(day: date) -> QuerySet[SupportSession]:
    """What starts on this day in some zone of the world."""
    noon = datetime.combine(min(day, schedule.LAST_DAY), time(12), UTC)
    reach = timedelta(hours=27)
    return SupportSession.objects.filter(
        starts_at__gte=noon - reach, starts_at__lte=noon + reach
    ).order_by("starts_at")


def not_given(
    series: Series, *, given: Collection[datetime], at: datetime, until: datetime
) -> QuerySet[SupportSession]:
    """Coming sessions of a course that its rule gives no more; one moved off a day off stays."""
    rows = SupportSession.objects.filter(
        series=series,
        status=SupportSession.Status.SCHEDULED,
        recurrence_id__gt=at,
        recurrence_id__lt=until,
    ).exclude(recurrence_id__in=given)
    days_off = set(days_off_of(series.group).values_list("day", flat=True))
    return rows.filter(
        pk__in=[
            each.pk
            for each in rows
            if schedule.day_of(each.recurrence_id, series.time_zone) not in days_off
        ]
    ).order_by("recurrence_id")


def given_again(
    series: Series, *, given: Collection[datetime], at: datetime
) -> QuerySet[SupportSession]:
    """Sessions of a course that were too many and are not any more."""
    return SupportSession.objects.filter(
        series=series,
        cancelled_for=SupportSession.CancelledFor.RHYTHM_CHANGED,
        recurrence_id__in=given,
        starts_at__gt=at,
    ).order_by("recurrence_id")


def bookings_to_free(group: SupportGroup, user: User, *, at: datetime) -> QuerySet[Booking]:
    """What somebody who leads this group no more holds for its coming sessions."""
    return Booking.objects.filter(
        facilitator=user,
        support_session__group=group,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__ends_at__gt=at,
    )


def covers_to_end(group: SupportGroup, user: User) -> QuerySet[Cover]:
    """What somebody who leads this group no more asked for in vain so far. Who took over leads."""
    return Cover.objects.open().filter(facilitator=user, support_session__group=group)


def _booked_meanwhile(**of: Any) -> Exists:
    """A booking that overlaps the session of the query around it, and is `of` the same thing."""
    period = Func(
        OuterRef("starts_at"),
        OuterRef("ends_at"),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    )
    return Exists(
        Booking.objects.annotate(room_key=Lower("room")).filter(period__overlap=period, **of)
    )


def could_be_booked(*, at: datetime) -> QuerySet[SupportSession]:
    """Coming sessions that lack a facilitator or their room, though it is free at their time: it
    was freed, the group's room is another now, or they are older than bookings."""
    coming = SupportSession.objects.filter(
        status=SupportSession.Status.SCHEDULED,
        starts_at__gt=at,
        group__lifecycle=SupportGroup.Lifecycle.LISTED,
    )
    covers = Cover.objects.taken()
    leads = FacilitatorAssignment.objects.filter(
        ~Exists(
            covers.filter(
                support_session=OuterRef("group__support_sessions"), facilitator=OuterRef("user")
            )
        ),
        group__support_sessions=OuterRef("pk"),
    )
    free_lead = leads.annotate(
        starts_at=F("group__support_sessions__starts_at"),
        ends_at=F("group__support_sessions__ends_at"),
    ).exclude(_booked_meanwhile(facilitator=OuterRef("user")))
    free_taker = (
        covers.filter(support_session=OuterRef("pk"))
        .annotate(starts_at=F("support_session__starts_at"), ends_at=F("support_session__ends_at"))
        .exclude(_booked_meanwhile(facilitator=OuterRef("taken_by")))
    )
    free_room = ~_booked_meanwhile(
        organisation=OuterRef("group__organisation"),
        room_key=Lower(Trim(OuterRef("group__room"))),
    )
    has_room = ~Q(group__room="") & ~Q(group__format=SupportGroup.Format.ONLINE)
    return coming.filter(Exists(free_lead) | Exists(free_taker) | (has_room & free_room)).order_by(
        "starts_at"
    )


def outdated_rooms(*, at: datetime) -> QuerySet[Booking]:
    """Bookings of coming sessions for a room that is not the group's any more."""
    return Booking.objects.annotate(
        room_key=Lower("room"), room_now=Lower(Trim("support_session__group__room"))
    ).filter(
        ~Q(room_key=F("room_now")) | Q(support_session__group__format=SupportGroup.Format.ONLINE),
        facilitator__isnull=True,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__starts_at__gt=at,
    )


def behind_their_lifecycle(*, at: datetime) -> QuerySet[SupportGroup]:
    """Groups that paused, closed or were listed again, and whose coming sessions do not show it."""
    scheduled = SupportSession.objects.filter(
        group=OuterRef("pk"), status=SupportSession.Status.SCHEDULED, ends_at__gt=at
    )
    off = SupportSession.objects.filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group=OuterRef("pk"),
        status=SupportSession.Status.CANCELLED,
        cancelled_for__in=[
            SupportSession.CancelledFor.GROUP_PAUSED,
            SupportSession.CancelledFor.GROUP_CLOSED,
        ],
        starts_at__gt=at,
    )
    stopped = [SupportGroup.Lifecycle.PAUSED, SupportGroup.Lifecycle.CLOSED]
    return SupportGroup.objects.filter(
        Q(Exists(scheduled), lifecycle__in=stopped)
        | Q(Exists(off), lifecycle=SupportGroup.Lifecycle.LISTED)
    )


def behind_their_bookings(*, at: datetime) -> QuerySet[SupportGroup]:
    """Groups with coming sessions that lack what is free, or hold a room no longer theirs."""
    lacking = could_be_booked(at=at).order_by().values("group")
    outdated = outdated_rooms(at=at).values("support_session__group")
    return SupportGroup.objects.filter(Q(pk__in=lacking) | Q(pk__in=outdated)).order_by("pk")


def horizon(series: Series, at: datetime) -> datetime:
    """Until when the sessions of a series are made ahead."""
    return at + timedelta(days=series.horizon_days)


def occurrences_of(series: Series, *, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """What the rule of a series gives in [after, until), days off left out."""
    skip = getattr(series, "days_off", None)  # there when asked for by `with_days_off()`
    if skip is None:
        skip = days_off_of(series.group).values_list("day", flat=True)
    return occurrences(
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        time_zone=series.time_zone,
        after=after,
        until=until,
        skip=frozenset(skip),
    )


def lacks_sessions(series: Series, *, made_until: datetime | None, at: datetime) -> bool:
    """Whether the rule gives a meeting before the horizon, later than those that were made."""
    until = horizon(series, at)
    if made_until is not None:
        following = schedule.next_start(
            rrule=series.rrule,
            starts_on=series.starts_on,
            starts_at_time=series.starts_at_time,
            time_zone=series.time_zone,
            after=made_until,
            skip=frozenset(series.days_off),
        )
        if following is None or following >= at:
            return following is not None and following < until
    return next(occurrences_of(series, after=at, until=until), None) is not None


def missing_occurrences(series: Series, *, after: datetime, until: datetime) -> list[Occurrence]:
    """What the rule gives and has no session yet. A moved one is there under its first time."""
    there = set(
        SupportSession.objects.filter(
            series=series, recurrence_id__gte=after, recurrence_id__lt=until
        ).values_list("recurrence_id", flat=True)
    )
    given = occurrences_of(series, after=after, until=until)
    return [occurrence for occurrence in given if occurrence.starts_at not in there]
