"""The main navigation: who is led where, and at what cost."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from supportgroups.navigation import navigation
from tests import factories
from tests.cast import signed_in


def items(person, path="/"):
    request = RequestFactory().get(path)
    request.user = person.user or AnonymousUser()
    return list(navigation(request)["nav_items"])


@pytest.mark.parametrize(
    ("who", "labels"),
    [
        ("visitor", ["Find a group", "Sign in"]),
        ("outsider", ["Home", "Find a group", "Settings"]),
        ("member", ["Home", "Find a group", "Settings"]),
        ("facilitator", ["Home", "Find a group", "Groups", "Applications", "Settings"]),
        (
            "coordinator",
            [
                *("Home", "Find a group", "Overview", "Groups", "Applications", "Concerns"),
                *("Reviews", "Settings"),
            ],
        ),
    ],
)
def test_everybody_is_led_to_what_is_theirs(cast, who, labels):
    assert [item.label for item in items(cast[who])] == labels


def test_an_overseer_is_led_to_reviews(group, member):
    session = factories.support_session(group, status="live")
    factories.intervention(session, made_by=group.overseer)
    factories.intervention(session, kind="mute", about=member.user)
    factories.report(factories.message(session, member.user))

    (reviews,) = [item for item in items(signed_in(group.overseer)) if item.label == "Reviews"]

    assert reviews.count == 2, "nobody judges their own"


def test_waiting_work_is_counted(cast, group):
    factories.application(group, user=factories.user(), status="submitted")
    factories.application(group, user=factories.user(), status="accepted")
    factories.application(group, user=factories.user())
    factories.concern(organisation=group.organisation, assigned_to=cast["facilitator"].user)

    counts = {
        who: {item.label: item.count for item in items(cast[who]) if item.count}
        for who in ("member", "facilitator", "coordinator", "other_coordinator")
    }

    assert counts == {
        "member": {},
        "facilitator": {"Applications": 2, "Concerns": 1},
        "coordinator": {"Applications": 2, "Concerns": 1},
        "other_coordinator": {},
    }


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", ["Find a group"]),
        ("/groups/evening-circle/", ["Find a group"]),
        ("/groups/evening-circle/agreement/", ["Find a group"]),
        ("/groups/", ["Groups"]),
        ("/groups/new/", ["Groups"]),
        ("/groups/evening-circle/setup/people/", ["Groups"]),
        ("/groups/evening-circle/lifecycle/", ["Groups"]),
        ("/groups/evening-circle/check-ins/paper/", ["Groups"]),
        ("/home/", ["Home"]),
        ("/account/profile/", ["Settings"]),
        ("/screening/", ["Applications"]),
        ("/privacy/", []),
    ],
)
def test_the_current_page_is_marked(coordinator, path, current):
    assert [item.label for item in items(coordinator, path) if item.current] == current


@pytest.mark.parametrize(
    ("who", "queries"),
    [("visitor", 0), ("member", 1), ("facilitator", 1), ("coordinator", 1)],
)
def test_it_asks_the_database_once_and_only_when_shown(
    cast, who, queries, django_assert_num_queries
):
    request = RequestFactory().get("/")
    request.user = cast[who].user or AnonymousUser()

    with django_assert_num_queries(0):
        lazy = navigation(request)["nav_items"]
    with django_assert_num_queries(queries):
        for _ in range(2):
            assert list(lazy)
