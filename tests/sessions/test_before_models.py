"""What the database refuses about answers, plans and covers."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.models import SupportGroup
from sessions.models import AgendaItem, AgendaTemplateItem, Cover
from tests import factories


@pytest.fixture
def refuses():
    """Fails unless the database refuses with the named constraint."""

    def check(constraint, write):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            write()

    return check


def test_parts_are_of_a_known_kind(group, refuses):
    part = {"position": 1, "title": "Dance", "minutes": 10, "kind": "dance"}
    refuses(
        "sessions_agendatemplateitem_kind_known",
        lambda: AgendaTemplateItem.objects.create(group=group, **part),
    )
    support_session = factories.support_session(group)
    refuses(
        "sessions_agendaitem_kind_known",
        lambda: AgendaItem.objects.create(support_session=support_session, **part),
    )


def test_an_answer_is_known_and_dated(group, refuses):
    support_session, member = factories.support_session(group), factories.member(group)
    for fields in (
        {"answer": "maybe", "answered_at": timezone.now()},
        {"answer": "coming"},
        {"answered_at": timezone.now()},
    ):
        refuses(
            "sessions_attendance_answer_known",
            lambda fields=fields: factories.attendance(
                support_session, member, status="expected", **fields
            ),
        )


@pytest.fixture
def places(group: SupportGroup):
    """Two facilitators of a session, and two people who took their place."""
    support_session = factories.support_session(group)
    first, second = (factories.facilitator(group).user for _ in range(2))
    return support_session, first, second, factories.user()


def test_a_cover_is_taken_by_somebody_else_and_dated(places, refuses):
    support_session, first, second, _ = places
    for fields in ({"taken_at": timezone.now()}, {"taken_by": second}):
        refuses(
            "sessions_cover_taken_dated",
            lambda fields=fields: Cover.objects.create(
                support_session=support_session, facilitator=first, **fields
            ),
        )
    refuses(
        "sessions_cover_by_somebody_else",
        lambda: Cover.objects.create(
            support_session=support_session,
            facilitator=first,
            taken_by=first,
            taken_at=timezone.now(),
        ),
    )


def test_one_request_and_one_place_each(places, refuses):
    support_session, first, second, taker = places
    taken = {"support_session": support_session, "taken_by": taker, "taken_at": timezone.now()}
    Cover.objects.create(facilitator=first, **taken)
    refuses(
        "sessions_cover_once",
        lambda: Cover.objects.create(support_session=support_session, facilitator=first),
    )
    refuses("sessions_cover_one_each", lambda: Cover.objects.create(facilitator=second, **taken))
