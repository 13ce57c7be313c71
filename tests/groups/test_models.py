"""What the database refuses, and what the querysets say."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from groups.models import Membership, SupportGroup
from tests import factories


def refused(constraint: str):
    """The database says no and names this constraint."""
    return pytest.raises(IntegrityError, match=constraint)


def test_topic_kind_is_known(db):
    with refused("groups_topic_kind_known"):
        factories.topic(kind="hobby")


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("groups_supportgroup_facilitation_known", {"facilitation": "nobody"}),
        ("groups_supportgroup_format_known", {"format": "by_post"}),
        ("groups_supportgroup_attendance_known", {"attendance": "maybe"}),
        ("groups_supportgroup_meeting_format_known", {"meeting_format": "lecture"}),
        ("groups_supportgroup_admission_known", {"admission": "by_lot"}),
        ("groups_supportgroup_lifecycle_known", {"lifecycle": "lost"}),
        ("groups_supportgroup_capacity_possible", {"minimum": 1}),
        ("groups_supportgroup_capacity_possible", {"minimum": 5, "capacity": 4}),
        ("groups_supportgroup_listed_peer_led_overseen", {"overseer": None}),
        (
            "groups_supportgroup_professionally_led_screened",
            {"facilitation": "professionally_led", "admission": "drop_in"},
        ),
        ("groups_supportgroup_coordinates_possible", {"latitude": "91", "longitude": "0"}),
        ("groups_supportgroup_coordinates_possible", {"latitude": "0", "longitude": "-181"}),
        ("groups_supportgroup_coordinates_possible", {"latitude": "53.8", "longitude": None}),
        ("groups_supportgroup_accessibility_features_known", {"accessibility_features": ["lift"]}),
        ("groups_supportgroup_course_is_closed", {"course_sessions": 8}),
        ("groups_supportgroup_course_is_closed", {"attendance": "closed", "course_sessions": 201}),
    ],
)
def test_group_that_cannot_be(db, constraint, fields):
    group = factories.group()

    with refused(constraint):
        SupportGroup.objects.filter(pk=group.pk).update(**fields)


def test_a_person_leads_a_group_once(group):
    assignment = factories.facilitator(group)

    with refused("groups_facilitatorassignment_once"):
        factories.facilitator(group, user=assignment.user)


def test_an_agreement_has_each_version_once(group):
    with refused("groups_agreement_version_once"):
        factories.agreement(group, version=1)


def test_a_version_is_signed_once(group):
    membership = factories.member(group)

    with refused("groups_signature_once"):
        factories.signature(membership)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("groups_membership_end_dated", {"status": "withdrawn"}),
        ("groups_membership_end_dated", {"ended_at": timezone.now()}),
        ("groups_membership_active_dated", {"activated_at": None}),
    ],
)
def test_membership_that_cannot_be(group, constraint, fields):
    membership = factories.member(group)

    with refused(constraint):
        Membership.objects.filter(pk=membership.pk).update(**fields)


def test_membership_status_is_known(group):
    membership = factories.member(group)
    with connection.cursor() as cursor:
        # It knows the states too and would answer first.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE groups_membership DROP CONSTRAINT groups_membership_end_dated")

    with refused("groups_membership_status_known"):
        Membership.objects.filter(pk=membership.pk).update(status="lurking")


def test_one_open_episode_at_a_time_and_a_new_one_after_leaving(group):
    first = factories.membership(group=group, status="withdrawn")
    factories.membership(group=group, user=first.user)

    with refused("groups_membership_one_open_episode"), transaction.atomic():
        factories.membership(group=group, user=first.user, status="waitlisted")

    assert first.user.memberships.count() == 2


def test_in_good_standing_needs_active_and_the_current_signature(group):
    good = factories.member(group)
    unsigned = factories.membership(group=group, status="active")
    waiting = factories.membership(group=group, status="accepted")
    factories.signature(waiting)
    gone = factories.member(group)
    gone.user.is_active = False
    gone.user.save()

    assert list(group.memberships.in_good_standing()) == [good]

    factories.agreement(group)
    assert not group.memberships.in_good_standing().exists()

    factories.signature(unsigned)
    assert list(group.memberships.in_good_standing()) == [unsigned]


def test_seats_waiting_and_next_session_are_counted_apart(group):
    """Three joins in one query must not multiply one another."""
    for _ in range(3):
        factories.member(group)
    for _ in range(2):
        factories.membership(group=group, status="waitlisted")
    soon = factories.support_session(group)
    factories.support_session(group, starts_at=timezone.now() + timedelta(days=8))
    factories.support_session(group, status="ended")
    factories.support_session(group, status="cancelled", starts_at=timezone.now())

    found = SupportGroup.objects.with_seats_taken().with_people_waiting().with_next_session().get()

    assert (found.seats_taken, found.people_waiting) == (3, 2)
    assert found.next_starts_at == soon.starts_at


def test_facilitators_are_counted(group):
    for _ in range(2):
        factories.facilitator(group)

    assert SupportGroup.objects.with_facilitators_counted().get().facilitators_counted == 2


def test_ground_rules_and_clauses_are_lines_of_heading_and_sentence(group):
    group.ground_rules = "Listen first. It helps.\n\nNo recordings"
    agreement = factories.agreement(group, text="What is said stays here. Always. Really.\n")

    assert group.ground_rule_list() == [("Listen first", "It helps."), ("No recordings", "")]
    assert agreement.clauses() == [("What is said stays here", "Always. Really.")]


@pytest.mark.parametrize("make", [factories.topic, factories.group])
def test_names_read_as_names(db, make):
    assert str(make(name="Quiet hours")) == "Quiet hours"
