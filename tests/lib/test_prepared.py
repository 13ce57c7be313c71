"""Queries put together once answer as those put together each time."""

from uuid import UUID

import pytest
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, Q, Value
from django.utils import timezone

from accounts.models import StaffRole, User
from supportgroups.lib.prepared import Prepared

MARK = UUID(int=0)


def asked_of(person):
    roles = StaffRole.objects.filter(user=person)
    return (
        User.objects.filter(pk=person)
        .annotate(works=Exists(roles), as_what=ArraySubquery(roles.values("role")))
        .values("works", "as_what")
    )


@pytest.mark.django_db
def test_each_person_gets_what_the_query_itself_would_say(cast):
    prepared = Prepared(lambda: asked_of(MARK))

    for who in ("outsider", "member", "facilitator", "coordinator"):
        person = cast[who].user
        assert prepared.ask({MARK: person.pk}) == list(asked_of(person.pk)), who


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: User.objects.filter(pk=MARK).values("email"), "annotations only"),
        (
            lambda: (
                User.objects.filter(Q(joined_at__lt=timezone.now()))
                .annotate(one=Value(1))
                .values("one")
            ),
            "no moment",
        ),
        (
            lambda: (
                User.objects.filter(pk=User.objects.first()).annotate(own=F("pk")).values("own")
            ),
            "asks nothing",
        ),
    ],
)
def test_what_would_grow_stale_is_refused(build, says):
    with pytest.raises((ValueError, RuntimeError), match=says):
        Prepared(build).ask({})
