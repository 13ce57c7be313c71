"""Who came: by the group's own thresholds, corrected by those who lead, what presence said kept."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from sessions import actions, after_actions, rules
from sessions.models import Attendance
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.fixture
def held(group):
    return factories.support_session(group, status="ended")


@pytest.fixture
def attendance(held, member):
    """Presence says that the member did not come."""
    return factories.attendance(held, member.user.memberships.get(), status="no_show")


def address(held):
    return reverse("sessions:who_came", args=[held.pk])


def field(attendance):
    return f"status_{attendance.pk.hex}"


def text(response):
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    ("late_after", "early_before", "came", "went", "status"),
    [
        (10, 15, 11, 90, "late"),
        (20, 15, 11, 90, "attended"),
        (10, 15, 0, 74, "left_early"),
        (10, 30, 0, 74, "attended"),
        (0, 0, 0, 90, "attended"),
    ],
)
def test_the_group_says_what_late_and_early_mean(
    group, member, late_after, early_before, came, went, status
):
    group.late_after_minutes, group.early_before_minutes = late_after, early_before
    group.save()
    now = timezone.now()
    start = now - timedelta(minutes=90)
    live = factories.support_session(
        group, status="live", starts_at=start, ends_at=now, began_at=start
    )
    factories.attendance(
        live,
        member.user.memberships.get(),
        status="expected",
        first_seen_at=start + timedelta(minutes=came),
        last_seen_at=start + timedelta(minutes=went),
    )
    actions.end_session(support_session=live, by=None, at=now)
    assert Attendance.objects.get().status == status


def test_a_correction_keeps_what_presence_said(held, attendance, facilitator):
    response = facilitator.client.post(
        address(held), {"version": held.version, field(attendance): "attended"}
    )
    assert response["Location"] == address(held)
    attendance.refresh_from_db()
    assert (attendance.status, attendance.status_by_presence) == ("attended", "no_show")
    assert (attendance.corrected_by, attendance.corrected_at is None) == (facilitator.user, False)
    [event] = Event.objects.filter(verb="attendance.corrected")
    assert event.data == {"before": "no_show", "after": "attended"}
    page = text(facilitator.client.get(address(held)))
    assert "Presence said: did not come." in page
    detail = reverse("sessions:session_detail", args=[held.pk])
    assert "presence said: did not come" in text(facilitator.client.get(detail))


def test_corrected_again_presence_is_still_what_it_was(held, attendance, facilitator):
    for version, status in enumerate(("attended", "excused")):
        after_actions.correct_attendance(
            support_session=held,
            statuses={attendance.pk: status},
            version=version,
            by=facilitator.user,
        )
    attendance.refresh_from_db()
    assert (attendance.status, attendance.status_by_presence) == ("excused", "no_show")


def test_taking_it_back(held, attendance, facilitator):
    after_actions.correct_attendance(
        support_session=held, statuses={attendance.pk: "late"}, version=0, by=facilitator.user
    )
    page = facilitator.client.post(
        address(held),
        {"version": 1, field(attendance): "late", "undo": str(attendance.pk)},
        follow=True,
    )
    assert "Corrected for one person." in text(page)
    attendance.refresh_from_db()
    assert (attendance.status, attendance.status_by_presence) == ("no_show", "")
    assert attendance.corrected_at is attendance.corrected_by is None


def test_nothing_changed_leaves_no_event(held, attendance, facilitator):
    facilitator.client.post(address(held), {"version": 0, field(attendance): "no_show"})
    assert not Event.objects.filter(verb="attendance.corrected").exists()
    held.refresh_from_db()
    assert held.version == 0


def test_two_who_correct_at_once_see_one_another(held, attendance, facilitator, coordinator):
    facilitator.client.post(address(held), {"version": 0, field(attendance): "attended"})
    page = text(coordinator.client.post(address(held), {"version": 0, field(attendance): "late"}))
    assert "Somebody was quicker." in page
    assert 'name="version" value="1"' in page
    # What was chosen still stands in the form.
    assert 'value="late" selected' in page
    attendance.refresh_from_db()
    assert attendance.status == "attended"


def test_members_correct_nothing(held, attendance, member):
    assert member.client.get(address(held)).status_code == 403


def test_only_after_the_end(group, facilitator):
    live = factories.support_session(group, status="live")
    with pytest.raises(Refused, match="after the session"):
        after_actions.correct_attendance(
            support_session=live, statuses={}, version=0, by=facilitator.user
        )


def test_excused_stays_apart_from_not_coming(group, member):
    """Said beforehand, not seen: excused. Said beforehand and came all the same: came."""
    live = factories.support_session(group, status="live")
    excused = factories.attendance(live, member.user.memberships.get(), status="excused")
    came = factories.attendance(
        live,
        factories.member(group),
        status="excused",
        first_seen_at=live.starts_at,
        last_seen_at=live.ends_at,
    )
    for attendance, status in ((excused, "excused"), (came, "attended")):
        assert rules.attendance_status(attendance, live, ended_at=live.ends_at) == status
