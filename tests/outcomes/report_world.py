"""A programme of three groups with enough people for a report, made in a few statements."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from accounts.models import Organisation, User
from groups.models import Membership, SupportGroup, Topic
from outcomes.models import Programme, Response, SurveyInvitation
from sessions.models import Attendance, Pulse, SupportSession
from tests import factories

#: Sessions are on Tuesdays from then on, 12 of them: from January to March.
FIRST = datetime(2026, 1, 6, 19, tzinfo=UTC)
AFTER = datetime(2026, 4, 10, 12, tzinfo=UTC)


@dataclass
class World:
    organisation: Organisation
    groups: list[SupportGroup]
    programme: Programme


def make_world(organisation: Organisation, sizes: tuple[int, ...] = (24, 20, 16)) -> World:
    """Of every group's people the first third stays, the second leaves after 3 sessions, the last
    comes in the middle. Scores of the first two thirds: they fall by 8, or hardly move."""
    topics = [
        Topic.objects.get_or_create(
            slug=name.lower(), defaults={"name": name, "kind": "condition"}
        )[0]
        for name in ("Grief", "Mood")
    ]
    groups = []
    for number, size in enumerate(sizes):
        group = factories.group(
            organisation=organisation,
            name=f"Circle {number + 1}",
            format="online" if number == 0 else "in_person",
        )
        group.topics.add(topics[number % 2])
        groups.append(group)
        _people(group, size)
    factories.own_instrument(organisation)  # one that nobody was asked yet
    programme = factories.programme(organisation=organisation, groups=groups)
    return World(organisation, groups, programme)


def _people(group: SupportGroup, size: int) -> None:
    persons = User.objects.bulk_create(
        [User(email=f"{group.slug}-{i}@example.org", display_name=f"P{i}") for i in range(size)]
    )
    joined = FIRST - timedelta(days=5)
    memberships = Membership.objects.bulk_create(
        [
            Membership(
                group=group,
                user=person,
                status="active",
                applied_at=joined,
                accepted_at=joined,
                activated_at=joined,
            )
            for person in persons
        ]
    )
    starts = [FIRST + timedelta(weeks=week) for week in range(12)]
    sessions = SupportSession.objects.bulk_create(
        [
            SupportSession(
                group=group,
                status="ended",
                starts_at=start,
                ends_at=start + timedelta(minutes=90),
                recurrence_id=start,
                began_at=start,
                ended_at=start + timedelta(minutes=90),
            )
            for start in starts
        ]
    )
    third = size // 3
    rows, pulses = [], []
    for i, membership in enumerate(memberships):
        for week, session in enumerate(sessions):
            if i >= 2 * third and week < 6:
                continue
            came = not third <= i < 2 * third or week < 3
            rows.append(
                Attendance(
                    support_session=session,
                    membership=membership,
                    status="attended" if came else "no_show",
                    first_seen_at=session.starts_at if came else None,
                    last_seen_at=session.ends_at if came else None,
                )
            )
            if came and week % 4 == 0:
                pulses.append(
                    Pulse(
                        support_session=session,
                        user=persons[i],
                        felt_heard=4,
                        felt_safe=5,
                        answered_at=session.ends_at,
                    )
                )
    Attendance.objects.bulk_create(rows)
    Pulse.objects.bulk_create(pulses)
    _answers(group, memberships[: 2 * third])


def _answers(group: SupportGroup, memberships: list[Membership]) -> None:
    plan = factories.survey_plan(group, began_at=FIRST - timedelta(days=30))
    half = len(memberships) // 2
    for wave, weeks in ((0, 0), (1, 4)):
        due = FIRST + timedelta(weeks=weeks, hours=3)
        answering = memberships if wave == 0 else [m for i, m in enumerate(memberships) if i % 3]
        invitations = SurveyInvitation.objects.bulk_create(
            [
                SurveyInvitation(
                    plan=plan,
                    membership=membership,
                    wave=wave,
                    arose_at=due,
                    due_at=due,
                    closes_at=due + timedelta(days=7),
                    occasion="baseline" if wave == 0 else "regular",
                )
                for membership in memberships
            ]
        )
        by_membership = {i.membership_id: i for i in invitations}
        Response.objects.bulk_create(
            [
                Response(
                    invitation=by_membership[membership.pk],
                    instrument=plan.instrument,
                    started_at=due,
                    saved_at=due,
                    submitted_at=due,
                    score=16 - (8 if wave and memberships.index(membership) < half else 0),
                )
                for membership in answering
            ]
        )
