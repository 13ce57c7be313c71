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


# Belonging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{"offer_expires_at": None}, {"offered_at": None, "offer_expires_at": None}]
)
def test_an_offer_runs_out_at_a_known_time(group, fields):
    membership = factories.membership(group=group, status="offered")

    with refused("groups_membership_offer_expires"):
        Membership.objects.filter(pk=membership.pk).update(**fields)


def test_one_companion_at_a_time(group):
    inviter = factories.member(group)
    factories.membership(group=group, status="withdrawn", companion_of=inviter)
    factories.membership(group=group, companion_of=inviter)

    with refused("groups_membership_one_companion"):
        factories.member(group, companion_of=inviter)


def test_one_open_invitation_at_a_time(group):
    inviter = factories.member(group)
    for fields in ({"used_at": timezone.now()}, {"withdrawn_at": timezone.now()}, {}):
        factories.companion_invitation(inviter, **fields)

    with refused("groups_companioninvitation_one_open"):
        factories.companion_invitation(inviter)


def test_the_relation_of_a_companion_is_known(group):
    with refused("groups_companioninvitation_relation_known"):
        factories.companion_invitation(factories.member(group), relation="friend")


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "perhaps", "decided_at": timezone.now()},
        {"outcome": "upheld"},
        {"decided_at": timezone.now()},
    ],
)
def test_an_appeal_has_a_known_outcome_with_its_date(group, fields):
    with refused("groups_appeal_outcome_known"):
        factories.appeal(group, **fields)


def test_an_appeal_is_decided_by_another(group):
    remover, other = factories.user(), factories.user()
    decided = {"outcome": "upheld", "decided_at": timezone.now()}
    factories.appeal(group, removed_by=remover, decided_by=other, **decided)

    with refused("groups_appeal_decided_by_another"):
        factories.appeal(group, removed_by=remover, decided_by=remover, **decided)


def test_one_appeal_for_each_removal(group):
    appeal = factories.appeal(group)

    with refused("groups_appeal_membership_id_key"):
        factories.appeal(group, membership=appeal.membership)


def test_the_kind_of_news_is_known(group):
    with refused("groups_notice_kind_known"):
        factories.notice(group, factories.user(), kind="gossip")


def test_rows_read_as_what_they_are(group):
    membership = factories.member(group)
    invitation = factories.companion_invitation(membership)

    assert str(invitation) == f"Partner of {membership.pk}"
    appeal = factories.appeal(group)
    assert str(appeal) == f"Appeal of {appeal.membership_id}"
    assert str(factories.notice(group, membership.user)) == "A place is free"
