"""What the page "Who sees what" says is what the rules of each room say."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import consents
from groups.rules import memberships_staffed_by
from outcomes import readers
from outcomes.readers import Role
from safeguarding.rules import concerns_visible_to
from screening.rules import applications_decided_by
from sessions import after_rules
from sessions import rules as sessions_rules
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def about(group, member, facilitator):
    """Somebody who asked to join, came to a session and is a member."""
    person = factories.user()
    membership = factories.member(group, user=person)
    factories.application(group, user=person, status="accepted", membership=membership)
    held = factories.support_session(
        group, status="ended", ended_at=timezone.now() - timedelta(hours=1), message_count=1
    )
    factories.attendance(held, membership, status="attended")
    factories.attendance(held, group.memberships.get(user=member.user), status="attended")
    factories.debrief(held, readers.leads_of(group).first(), written_at=timezone.now())
    group.overseer = factories.user(display_name="Overseer")
    group.save()
    return membership, held


def _sees_name(viewer, membership, held):
    in_room = sessions_rules.admitted_to(held).filter(user=viewer).exists()
    return in_room or memberships_staffed_by(viewer).filter(pk=membership.pk).exists()


def _reads_application(viewer, membership, held):
    return applications_decided_by(viewer).filter(user=membership.user).exists()


def _reads_messages(viewer, membership, held):
    try:
        after_rules.check_may_read_again(viewer, held)
    except Refused:
        return False
    return True


def _sees_attendance(viewer, membership, held):
    try:
        admission = sessions_rules.check_may_see(viewer, held)
    except Refused:
        return False
    return sessions_rules.attendances_shown_to(admission, held).exists()


def _reads_debrief(viewer, membership, held):
    return after_rules.debriefs_read_by(viewer).exists()


RULES = {
    "name": _sees_name,
    "application": _reads_application,
    "messages": _reads_messages,
    "attendance": _sees_attendance,
    "debrief": _reads_debrief,
}


@pytest.mark.parametrize("code", RULES)
def test_the_page_says_what_the_rules_say(code, about, group, member, cast):
    kind = next(kind for kind in readers.KINDS if kind.code == code)
    people = {
        Role.MEMBERS: member.user,
        Role.LEADS: readers.leads_of(group).get(),
        Role.COORDINATORS: readers.coordinators_of(group.organisation).get(),
        Role.OVERSEER: group.overseer,
    }
    seen_by = {role for role, person in people.items() if RULES[code](person, *about)}
    assert seen_by == set(kind.seen_by)
    for name in ("outsider", "applicant", "other_coordinator"):
        assert not RULES[code](cast[name].user, *about), name


def test_what_nobody_sees_has_no_rule():
    others = {kind.code for kind in readers.KINDS} - RULES.keys()
    assert others == {"email", "pulse"}, "the one is on no list, the other only in means"
    assert all(not kind.seen_by for kind in readers.KINDS if kind.code in others)


def test_who_reads_an_answer_that_worries(about, group, member, cast):
    """Coordinators and whoever is asked to look after it; nobody else of the group."""
    membership, _ = about
    named = factories.staff_role(organisation=group.organisation, role="facilitator").user
    factories.concern(
        organisation=group.organisation, about=membership.user, assigned_to=named, source="survey"
    )
    people = {**{name: person.user for name, person in cast.items() if person.user}, "named": named}
    reads = {name for name, user in people.items() if concerns_visible_to(user).exists()}
    assert reads == {"coordinator", "named"}


def page_of(person):
    return person.client.get(reverse("outcomes:who_sees_what")).content.decode()


def test_who_sees_what_names_who_they_are(member, facilitator, coordinator, group):
    page = page_of(member)
    assert "<b>Leads the group:</b> Facilitator." in page
    assert "<b>Coordinates Harbour Network:</b> Coordinator." in page
    assert f"<b>Oversees the group:</b> {group.overseer.public_name}." in page


def test_who_sees_what_without_a_group(outsider):
    page = page_of(outsider)
    assert "In your groups" not in page
    assert "Use one check-in for all my groups" in page


def test_consent_change_is_one_press_either_way(member, organisation):
    url = reverse("outcomes:consent_change", args=["count_my_answers"])
    for agree, given in (("no", False), ("yes", True), ("no", False)):
        response = member.client.post(url, {"organisation": organisation.slug, "agree": agree})
        assert response.url == reverse("outcomes:who_sees_what")
        assert consents.has_consented(member.user, "count_my_answers", organisation) is given
    assert "Turn on<span" in page_of(member)


def test_consent_change_knows_purposes_and_own_organisations_only(member, outsider, organisation):
    url = reverse("outcomes:consent_change", args=["count_my_answers"])
    form = {"organisation": organisation.slug, "agree": "no"}
    assert outsider.client.post(url, form).status_code == 404
    other = reverse("outcomes:consent_change", args=["something"])
    assert member.client.post(other, form).status_code == 404
