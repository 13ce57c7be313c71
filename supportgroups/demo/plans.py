"""What is being planned and settled in the sample world, through the actions of real use.

A course that begins in three weeks, a group half set up, the holidays to come, a free place that
is offered, times for a talk, and somebody who asks that their removal be looked at again.
"""

from datetime import date, datetime, time, timedelta

from django.db.models import Max

from accounts.models import Organisation, User
from groups import actions as group_actions
from groups.defaults import AGREEMENT, GROUND_RULES
from groups.models import Membership, MembershipQuerySet, SupportGroup, Topic
from instruments.models import Instrument
from outcomes.models import Response, SurveyPlan
from screening import actions as screening_actions
from screening.defaults import default_questions
from screening.models import Application, Decision
from sessions import actions as session_actions
from sessions.actions import AgendaPart
from sessions.defaults import AGENDAS
from sessions.holidays import public_holidays
from sessions.models import Series, SupportSession
from supportgroups.demo.history import Circle

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def set_up_course(
    *, leads: list[User], by: User, organisation: Organisation, now: datetime
) -> SupportGroup:
    """A closed course, listed, that fills before its first evening."""
    group = group_actions.start_group(
        organisation=organisation, name="Steadier evenings: a course", by=by, at=now - 6 * _DAY
    )
    kinds = SupportGroup
    group_actions.change_group(
        group=group,
        by=by,
        at=now - 6 * _DAY,
        topics=list(Topic.objects.filter(name__in=["Anxiety", "Sleep"])),
        purpose="Six evenings with the same few people, for nights when worry keeps you awake.",
        who_it_is_for=(
            "Adults whose worry takes their evenings. The same people come each time, so please "
            "plan for all six."
        ),
        what_to_expect="A theme for each evening, time to talk, and one small thing to try.",
        ground_rules=GROUND_RULES,
        facilitation=kinds.Facilitation.PROFESSIONALLY_LED,
        admission=kinds.Admission.SCREENED,
        format=kinds.Format.HYBRID,
        attendance=kinds.Attendance.CLOSED,
        course_sessions=6,
        capacity=10,
        place="Lantern Lane House, Leeds",
        address="The Garden Room, Lantern Lane House, 4 Lantern Lane, Leeds (made-up address).",
        room="The Garden Room, Lantern Lane House",
        latitude="53.80",
        longitude="-1.55",
        accessibility="Step-free entrance. Those who join from home read and write along.",
        accessibility_features=[kinds.Accessibility.STEP_FREE, kinds.Accessibility.TEXT_ONLY],
    )
    parts = AGENDAS[kinds.MeetingFormat.MIXED]
    session_actions.set_agenda_template(
        group=group,
        items=[AgendaPart(part.title, part.minutes, part.note, part.kind) for part in parts],
        by=by,
        at=now - 6 * _DAY,
    )
    begins = _thursday_in(now.date(), weeks=3)
    session_actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;BYDAY=TH;COUNT=6",
        starts_on=begins,
        starts_at_time=time(20, 15),
        minutes=90,
        by=by,
        at=now - 6 * _DAY,
    )
    for number, lead in enumerate(leads):
        session_actions.assign_facilitator(
            group=group, user=lead, is_lead=not number, by=by, at=now - 6 * _DAY
        )
    group_actions.publish_agreement(group=group, text=AGREEMENT, by=by, at=now - 6 * _DAY)
    screening_actions.publish_form(
        group=group, questions=default_questions(), by=by, at=now - 6 * _DAY
    )
    SurveyPlan.objects.bulk_create(
        SurveyPlan(
            group=group,
            instrument=Instrument.objects.newest(code),
            every_sessions=3,
            position=position,
            began_at=now - 6 * _DAY,
        )
        for position, code in enumerate(("phq-9", "gad-7"), start=1)
    )
    group = group_actions.list_group(group=group, by=by, at=now - 5 * _DAY)
    for series in group.series.all():
        session_actions.make_sessions(series=series, at=now)
    return group


def _thursday_in(today: date, *, weeks: int) -> date:
    day = today + timedelta(weeks=weeks)
    return day + timedelta(days=(3 - day.weekday()) % 7)


def begin_a_group(*, by: User, organisation: Organisation, now: datetime) -> SupportGroup:
    """A draft with its first two pages filled in; the list of what is missing does the rest."""
    group = group_actions.start_group(
        organisation=organisation, name="Menopause and mood", by=by, at=now - 2 * _DAY
    )
    return group_actions.change_group(
        group=group,
        by=by,
        at=now - 2 * _DAY,
        topics=list(Topic.objects.filter(name__in=["Low mood", "Women"])),
        purpose="For anyone whose mood changed with menopause, and who would like to say so aloud.",
        who_it_is_for="Anyone going through menopause, with or without treatment.",
        ground_rules=GROUND_RULES,
    )


def keep_holidays(*, organisation: Organisation, by: User, now: datetime) -> None:
    """The public holidays of the weeks for which sessions are made ahead."""
    horizon = max(Series.objects.values_list("horizon_days", flat=True), default=60)
    coming = public_holidays(
        organisation.country,
        since=now.date() + _DAY,
        until=now.date() + timedelta(days=horizon),
        region="ENG",
    )
    if coming:
        session_actions.add_days_off(
            organisation=organisation,
            group=None,
            days=[(each.day, each.name) for each in coming],
            by=by,
            at=now - 3 * _DAY,
        )


def free_a_place(circle: Circle, *, now: datetime) -> None:
    """A member leaves a full group; whoever waits longest is offered the place."""
    leaving = _settled(circle).last()
    if leaving is not None:
        group_actions.withdraw(
            membership=leaving,
            by=leaving.user,
            reason="I am moving away. Thank you for everything.",
            at=_after_all_they_did(leaving, now - 3 * _HOUR, now=now),
        )


def remove_and_appeal(circle: Circle, *, now: datetime) -> None:
    """Staff ended a membership; the person asks somebody else to look at it."""
    membership = _settled(circle).first()
    if membership is None:
        return
    removed_at = _after_all_they_did(membership, now - 2 * _DAY, now=now)
    membership = group_actions.remove(
        membership=membership,
        by=circle.leads[0],
        reason="You wrote to two members privately after they had asked you to stop.",
        at=removed_at,
    )
    group_actions.appeal(
        membership=membership,
        words="One of them had written to me first. I would like to explain, and to apologise.",
        by=membership.user,
        at=max(now - 20 * _HOUR, removed_at + (now - removed_at) / 2),
    )


def _after_all_they_did(membership: Membership, wanted: datetime, *, now: datetime) -> datetime:
    """That moment, or a later one where the group met, or the person answered, since then."""
    held = SupportSession.objects.held().filter(group=membership.group_id)
    answered = Response.objects.filter(invitation__membership=membership)
    times = (
        held.aggregate(last=Max("ended_at"))["last"],
        answered.aggregate(last=Max("submitted_at"))["last"],
    )
    last = max((each for each in times if each is not None), default=wanted)
    return max(wanted, last + (now - last) / 4)


def _settled(circle: Circle) -> MembershipQuerySet:
    """Members for some months, none of the people to try the product as."""
    named = {each.person.user.pk for each in circle.present if each.is_regular}
    return (
        circle.row.memberships.in_good_standing()
        .filter(companions__isnull=True)
        .exclude(user__in=named)
        .order_by("activated_at")
        .select_related("user", "group")
    )


def offer_a_talk(circle: Circle, *, now: datetime) -> None:
    """Somebody who was asked to talk first is offered three times."""
    application = (
        Application.objects.filter(form__group=circle.row, status=Application.Status.TALK_FIRST)
        .order_by("submitted_at")
        .first()
    )
    if application is None:
        return
    noon = now.replace(hour=12, minute=30, second=0, microsecond=0)
    screening_actions.offer_times(
        application=application,
        times=[noon + _DAY, noon + 2 * _DAY + 5 * _HOUR, noon + 3 * _DAY],
        minutes=20,
        how="By telephone. I ring the number you tell me.",
        message="Could we talk for twenty minutes before you come? Choose the time that suits you.",
        by=circle.leads[0],
        at=now - 20 * _HOUR,
    )


def read_long_ago(now: datetime) -> None:
    """Mails of decisions that are old news by now were read long ago."""
    Decision.objects.filter(decided_at__lt=now - 2 * _DAY).update(told_at=now - 2 * _DAY)
