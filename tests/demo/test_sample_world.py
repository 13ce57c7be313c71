"""The sample world against the rules of real use: what was inserted in bulk could have happened."""

import itertools
import time
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from audit.models import Event
from groups import rules as group_rules
from groups.models import Agreement, Appeal, Membership, Signature, SupportGroup
from instruments.models import Instrument
from instruments.scoring import is_complete, score, triggered_risks
from outcomes.actions import make_surveys_due
from outcomes.felt import LOOK_BELOW, felt, months_over, span_of
from outcomes.models import Response, SurveyInvitation
from outcomes.queries import felt_counts
from outcomes.rules import ASKED_AGAIN_AFTER, concern_occasion, needs_a_person
from outcomes.statistics.survival import kaplan_meier
from safeguarding.models import Concern
from screening.models import Application, AppointmentTime
from screening.rules import readiness
from sessions import rules as session_rules
from sessions.after_rules import (
    PULSE_OPEN_FOR,
    debriefs_missing,
    may_own_follow_up,
)
from sessions.models import (
    AgendaItem,
    Attendance,
    Booking,
    Cover,
    Debrief,
    Entry,
    FollowUp,
    Message,
    Pulse,
    Reminder,
    Series,
    SupportSession,
)
from sessions.reminder_rules import (
    due_for_reminder,
)
from sessions.rules import (
    attendance_status,
    check_may_enter,
    check_open,
    leading,
)
from sessions.schedule import occurrences
from supportgroups.demo import sample_world
from supportgroups.lib import rewriting
from supportgroups.retention import what_is_due
from tests import factories

# One load serves the module, so all of it runs in one worker.
pytestmark = [pytest.mark.xdist_group("sample world"), pytest.mark.timeout(900)]

Status = Membership.Status
Lived = Attendance.Status


@pytest.fixture(scope="module")
def sample(django_db_setup, django_db_blocker):
    """The world, in a transaction that is undone after the module. Its moment is `.now`."""
    with django_db_blocker.unblock(), transaction.atomic():
        begun = time.monotonic()
        now = timezone.now()
        assert sample_world.load(at=now)
        print(f"Loaded in {time.monotonic() - begun:.1f} s.")  # noqa: T201
        # Constraints that wait for the commit are asked now.
        connection.check_constraints()
        yield now
        transaction.set_rollback(True)
    connection.close()


@pytest.fixture
def undone(sample):
    """What one test changes, the next does not see."""
    with transaction.atomic():
        yield sample
        transaction.set_rollback(True)


def test_size(sample):
    assert Organisation.objects.count() == 2
    assert SupportGroup.objects.listed().count() == 25
    assert 540 <= User.objects.count() <= 760
    for name in ("format", "facilitation", "attendance", "admission", "meeting_format"):
        values = set(SupportGroup.objects.values_list(name, flat=True))
        choices = SupportGroup._meta.get_field(name).choices
        assert values == {value for value, _ in choices}
    zones = set(SupportGroup.objects.values_list("time_zone", flat=True))
    assert len(zones) == 4
    first = SupportSession.objects.earliest("starts_at").starts_at
    assert timedelta(days=430) < sample - first < timedelta(days=480)


def test_organisations_can_work(sample):
    for organisation in Organisation.objects.all():
        roles = Counter(organisation.staff_roles.values_list("role", flat=True))
        assert roles[StaffRole.Role.COORDINATOR] == 2
        assert roles[StaffRole.Role.SUPERVISOR] == 1
        assert organisation.staff_roles.filter(on_call_position=1).count() == 1
    for group in SupportGroup.objects.listed():
        assert group.facilitator_assignments.filter(is_lead=True).count() == 1
        assert group.current_agreement() is not None
        assert group.screening_forms.count() == 1
        assert group.survey_plans.count() in (2, 3)
        assert sum(part.minutes for part in group.agenda_template.all()) >= 60
        assert group.ground_rule_list()


def test_nobody_is_real(sample):
    emails = User.objects.values_list("email", flat=True)
    assert all(email.endswith("@example.org") for email in emails)
    names = list(User.objects.values_list("display_name", flat=True))
    assert all(names)
    assert len(set(names)) == len(names)


def test_only_named_people_have_a_password(sample):
    keys = {each.key for each in sample_world.SAMPLE_PEOPLE}
    able = {u.email.partition("@")[0] for u in User.objects.all() if u.has_usable_password()}
    assert keys <= able
    staff = set(StaffRole.objects.values_list("user__email", flat=True))
    assert {f"{key}@example.org" for key in able - keys} <= staff


def test_every_move_of_a_membership_is_allowed(sample):
    """The trail walks the table of moves, one event a step, and ends where the row is."""
    steps = defaultdict(list)
    events = Event.objects.filter(object_type="groups.Membership").order_by("occurred_at", "id")
    for event in events.filter(verb__startswith="membership."):
        steps[event.object_id].append((event.verb.removeprefix("membership."), event.data))
    memberships = Membership.objects.in_bulk()
    assert set(steps) == set(memberships)
    for key, walked in steps.items():
        assert walked[0][0] == Status.APPLIED
        for (before, _), (after, data) in itertools.pairwise(walked):
            assert after in Membership.MOVES[Status(before)]
            assert data["before"] == before
        assert walked[-1][0] == memberships[key].status


def test_memberships_are_told_in_order(sample):
    for membership in Membership.objects.select_related("user", "group"):
        moments = [
            membership.user.joined_at,
            membership.applied_at,
            membership.waitlisted_at,
            membership.accepted_at,
            membership.activated_at,
            membership.ended_at,
            sample,
        ]
        told = [moment for moment in moments if moment is not None]
        assert told == sorted(told), membership.status
        assert membership.group.created_at < membership.applied_at
        if membership.status in (Status.ACTIVE, Status.COMPLETED, Status.REMOVED):
            assert membership.activated_at is not None
        if membership.group.admission == SupportGroup.Admission.SCREENED:
            assert membership.accepted_at is None or membership.accepted_by is not None


def test_nobody_is_twice_in_a_group_at_once(sample):
    episodes = defaultdict(list)
    for row in Membership.objects.order_by("applied_at"):
        episodes[row.group_id, row.user_id].append(row)
    returned = 0
    for rows in episodes.values():
        for earlier, later in itertools.pairwise(rows):
            assert earlier.ended_at < later.applied_at
            returned += 1
    assert returned > 10


def test_members_have_signed(sample):
    unsigned = Membership.objects.filter(activated_at__isnull=False, signatures__isnull=True)
    assert not unsigned.exists()
    assert not Signature.objects.filter(membership__activated_at__isnull=True).exists()
    assert not Signature.objects.exclude(agreement__group_id=F("membership__group_id")).exists()
    waiting = Membership.objects.active().exclude(
        pk__in=Membership.objects.in_good_standing().values("pk")
    )
    groups = set(waiting.values_list("group__slug", flat=True))
    assert (waiting.count(), groups) == (2, {sample_world.RENEWED_AGREEMENT_IN})
    assert Agreement.objects.filter(version=2).count() == 1


def test_no_group_was_ever_fuller_than_its_circle(sample):
    for group in SupportGroup.objects.all():
        changes = []
        for row in group.memberships.filter(accepted_at__isnull=False):
            changes.append((row.accepted_at, 1))
            if row.ended_at:
                changes.append((row.ended_at, -1))
        taken = 0
        for _, change in sorted(changes):
            taken += change
            assert taken <= group.capacity, group
        offered = group.memberships.filter(status=Status.OFFERED).count()
        if group.memberships.filter(status=Status.WAITLISTED).exists():
            assert taken + offered == group.capacity


def test_some_are_full_and_some_nearly_empty(sample):
    seats = [
        (group.seats_taken, group.capacity) for group in SupportGroup.objects.with_seats_taken()
    ]
    assert sum(taken == capacity for taken, capacity in seats) >= 5
    assert sum(taken <= capacity / 3 for taken, capacity in seats) >= 1
    assert Membership.objects.filter(status=Status.WAITLISTED).count() >= 12


def test_something_is_planned_and_settled(sample):
    """A draft, a course to come, a kept place, a second look, times for a talk, and holidays."""
    draft = SupportGroup.objects.get(lifecycle=SupportGroup.Lifecycle.DRAFT)
    assert group_rules.missing_for_listing(draft)
    course = SupportGroup.objects.get(slug="steadier-evenings-a-course")
    assert group_rules.missing_for_listing(course) == []
    assert course.support_sessions.earliest("starts_at").starts_at > sample + timedelta(days=20)
    offered = Membership.objects.get(status=Status.OFFERED)
    assert offered.offer_expires_at > sample
    assert Appeal.objects.get().outcome == ""
    assert AppointmentTime.objects.filter(starts_at__gt=sample, picked_at=None).count() == 3
    for off in SupportSession.objects.filter(cancelled_for="day_off", starts_at__gt=sample):
        day = off.starts_at.astimezone(ZoneInfo(off.group.time_zone)).date()
        assert off.group.organisation.days_off.filter(day=day).exists()
    with_facilitator = Booking.objects.filter(facilitator__isnull=False)
    assert with_facilitator.filter(support_session__starts_at__gt=sample).count() > 100


def test_leavers_of_every_kind(sample):
    kinds = Counter(Membership.objects.values_list("status", flat=True))
    for status in (Status.WITHDRAWN, Status.REMOVED, Status.COMPLETED, Status.REFERRED):
        assert kinds[status] >= 10
    assert not Membership.objects.filter(status=Status.REMOVED, end_reason="").exists()
    courses = Membership.objects.filter(status=Status.COMPLETED)
    assert set(courses.values_list("group__attendance", flat=True)) == {"closed"}


def test_sessions_follow_their_rules(sample):
    for series in Series.objects.all():
        given = {
            each.starts_at: each.ends_at
            for each in occurrences(
                rrule=series.rrule,
                starts_on=series.starts_on,
                starts_at_time=series.starts_at_time,
                minutes=series.minutes,
                time_zone=series.time_zone,
                after=sample - timedelta(days=600),
                until=sample + timedelta(days=series.horizon_days + 1),
            )
        }
        rows = list(series.support_sessions.all())
        assert all(given[row.recurrence_id] == row.ends_at for row in rows)
        past = {
            moment for moment, ends_at in given.items() if ends_at < sample - timedelta(hours=1)
        }
        assert past <= {row.recurrence_id for row in rows}


def test_sessions_are_dated_as_their_status_says(sample):
    for row in SupportSession.objects.select_related("group"):
        if row.status == SupportSession.Status.ENDED:
            assert row.began_at < row.ended_at < sample
            assert row.began_by_id
        else:
            assert row.began_at is None
            assert row.ended_at is None
        if row.status == SupportSession.Status.SCHEDULED:
            assert row.ends_at > sample
    assert not SupportSession.objects.filter(status=SupportSession.Status.LIVE).exists()
    coming = SupportSession.objects.coming(sample)
    groups = SupportGroup.objects.listed().exclude(pk__in=coming.values("group"))
    assert not groups.exists()


def test_agendas_were_gone_through(sample):
    parts = defaultdict(list)
    ended = AgendaItem.objects.filter(support_session__status="ended")
    for item in ended.select_related("support_session"):
        parts[item.support_session].append(item)
    assert len(parts) == SupportSession.objects.held().count()
    for row, items in parts.items():
        items.sort(key=lambda item: item.position)
        assert items[0].began_at == row.began_at
        assert items[-1].ended_at == row.ended_at
        for item in items:
            assert item.began_at < item.ended_at
    coming = SupportSession.objects.coming(sample)
    assert not coming.filter(agenda__isnull=True).exists()


def test_nobody_leads_two_sessions_at_once(sample):
    held = defaultdict(list)
    for row in SupportSession.objects.held():
        held[row.began_by_id].append((row.starts_at, row.ends_at))
    for times in held.values():
        times.sort()
        for (_, ends_at), (starts_at, _) in itertools.pairwise(times):
            assert ends_at <= starts_at


def test_attendance_is_what_the_rule_says(sample):
    rows = Attendance.objects.filter(support_session__status="ended").select_related(
        "support_session"
    )
    kinds = Counter()
    for row in rows:
        held = row.support_session
        by_presence = row.status_by_presence or row.status
        assert by_presence == attendance_status(row, held, ended_at=held.ended_at)
        kinds[row.status] += 1
        if row.first_seen_at:
            assert held.opens_at <= row.first_seen_at < row.last_seen_at <= held.ended_at
    assert set(kinds) == set(Lived) - {Lived.EXPECTED}
    came = kinds[Lived.ATTENDED] + kinds[Lived.LATE] + kinds[Lived.LEFT_EARLY]
    assert 0.55 < came / kinds.total() < 0.85


def test_attendance_of_members_and_of_nobody_else(sample):
    """One row for each member and each session held during the membership; and some answers."""
    wrong = Attendance.objects.filter(
        ~Q(membership__group_id=F("support_session__group_id"))
        | Q(membership__activated_at__gt=F("support_session__starts_at"))
        | Q(membership__ended_at__lt=F("support_session__ended_at"))
        | ~Q(support_session__status="ended") & Q(answer="")
    )
    assert not wrong.exists()
    held = defaultdict(list)
    for row in SupportSession.objects.held():
        held[row.group_id].append(row)
    been = Q(attendances__support_session__status="ended")
    counted = dict(
        Membership.objects.annotate(n=Count("attendances", filter=been)).values_list("pk", "n")
    )
    for member in Membership.objects.filter(activated_at__isnull=False):
        expected = [
            row
            for row in held[member.group_id]
            if member.activated_at <= row.starts_at
            and (member.ended_at is None or member.ended_at > row.ended_at)
        ]
        assert counted[member.pk] == len(expected)


def test_pulses_are_of_people_who_came_and_in_time(sample):
    came = set(
        Attendance.objects.filter(status__in=Attendance.CAME).values_list(
            "support_session", "membership__user"
        )
    )
    pulses = Pulse.objects.select_related("support_session")
    for pulse in pulses:
        assert (pulse.support_session_id, pulse.user_id) in came
        ended_at = pulse.support_session.ended_at
        assert ended_at < pulse.answered_at < min(sample, ended_at + PULSE_OPEN_FOR)
    assert pulses.count() > 2000
    assert not any(
        due.rows for due in what_is_due(at=sample) if due.keep.label.startswith("support_sessions.")
    )


def test_pulses_show_a_group_that_needs_a_look(sample):
    for organisation in Organisation.objects.all():
        zone = ZoneInfo(organisation.time_zone)
        months = months_over(sample, zone)
        since, until = span_of(months, zone)
        found = felt(
            felt_counts(organisation, since=since, until=until),
            [(g.pk, g.slug, "") for g in organisation.support_groups.all()],
            months=months,
            group_ids=None,
            threshold=organisation.smallest_cell,
        )
        assert found.is_drawn
        low = [row.label for row in found.groups if row.safe and row.safe.value < LOOK_BELOW]
        assert low == (["sober-evenings"] if organisation.slug == "lantern-lane" else [])


def test_debriefs_are_written_by_those_who_led(sample):
    for debrief in Debrief.objects.select_related("support_session"):
        held = debrief.support_session
        assert leading(held).filter(pk=debrief.author_id).exists()
        assert held.ended_at < debrief.written_at == debrief.saved_at < sample
        assert debrief.how_it_went
    for follow_up in FollowUp.objects.select_related("support_session__group"):
        assert may_own_follow_up(follow_up.support_session).filter(pk=follow_up.owner_id).exists()
        assert follow_up.noted_at.date() < follow_up.due_on
        assert follow_up.done_at is None or follow_up.noted_at < follow_up.done_at < sample
    assert FollowUp.objects.filter(done_at__isnull=True).exists()
    juniper = User.objects.get(email="juniper@example.org")
    assert debriefs_missing(juniper, at=sample).exists()
    corrected = Attendance.objects.get(corrected_at__isnull=False)
    assert (corrected.status_by_presence, corrected.status) == ("late", "attended")


def test_messages_are_recent_and_without_a_gap(sample):
    talked = SupportSession.objects.filter(messages__isnull=False).distinct()
    assert 3 <= talked.count() <= 12
    for row in talked.select_related("group"):
        kept = timedelta(days=row.group.keeps_messages_days)
        assert row.ended_at > sample - kept
        messages = list(row.messages.select_related("sender"))
        assert [each.sequence for each in messages] == list(range(1, row.message_count + 1))
        sent = [each.sent_at for each in messages]
        assert sent == sorted(sent)
        for message in messages:
            entry = Entry.objects.get(support_session=row, user=message.sender)
            assert entry.accepted_at <= message.sent_at <= entry.left_at
            leads = row.group.facilitator_assignments.filter(user=message.sender).exists()
            assert message.is_from_facilitator == leads
    silent = SupportSession.objects.filter(messages__isnull=True, message_count__gt=0)
    assert not silent.exists()
    assert Message.objects.count() < 500


def test_surveys_came_when_the_rule_says(sample):
    attended = defaultdict(list)
    for row in Attendance.objects.filter(status__in=Attendance.CAME).order_by(
        "support_session__ended_at"
    ):
        attended[row.membership_id].append(row.support_session_id)
    asked = defaultdict(list)
    invitations = SurveyInvitation.objects.select_related("plan", "membership")
    for invitation in invitations.order_by("due_at"):
        place = attended[invitation.membership_id].index(invitation.support_session_id)
        assert place == invitation.wave * invitation.plan.every_sessions
        asked[invitation.membership.user_id, invitation.plan.instrument_id].append(invitation)
    for rows in asked.values():
        for earlier, later in itertools.pairwise(rows):
            assert later.due_at - earlier.due_at >= ASKED_AGAIN_AFTER


def test_the_clock_finds_nothing_left_to_ask(undone):
    assert make_surveys_due(by=None, at=undone) == 0
    assert not SurveyInvitation.objects.filter(sent_at__isnull=True).exists()


def test_scores_are_what_the_instrument_makes_of_the_answers(sample):
    definitions = {row.pk: row.parsed() for row in Instrument.objects.all()}
    for response in Response.objects.select_related("invitation__membership"):
        definition = definitions[response.instrument_id]
        result = score(definition, response.answers)
        expected = None if result.total is None else Decimal(result.total)
        assert (response.score, response.band) == (expected, result.band or "")
        assert is_complete(definition, response.answers)
        invitation = response.invitation
        assert invitation.due_at < response.started_at < response.submitted_at < sample
        assert response.submitted_at < invitation.closes_at
        ended_at = invitation.membership.ended_at
        assert ended_at is None or response.submitted_at <= ended_at


def test_scores_look_like_people(sample):
    def scores(code: str, *, wave: int) -> dict[object, float]:
        rows = Response.objects.filter(
            instrument__code=code, invitation__wave=wave, score__isnull=False
        )
        return {
            row: float(value) for row, value in rows.values_list("invitation__membership", "score")
        }

    first, third = scores("phq-9", wave=0), scores("phq-9", wave=2)
    assert 10 < sum(first.values()) / len(first) < 12.5
    both = [third[who] - first[who] for who in first.keys() & third.keys()]
    assert -4 < sum(both) / len(both) < -0.8
    worry = scores("gad-7", wave=0)
    pairs = [(first[who], worry[who]) for who in first.keys() & worry.keys()]
    assert 0.4 < _correlation(pairs) < 0.95
    invited = SurveyInvitation.objects.filter(plan__instrument__code="phq-9")
    answered = invited.filter(response__submitted_at__isnull=False).count()
    assert 0.6 < answered / invited.count() < 0.92


def _correlation(pairs: list[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    together = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    of_x = sum((x - mean_x) ** 2 for x, _ in pairs)
    of_y = sum((y - mean_y) ** 2 for _, y in pairs)
    return together / (of_x * of_y) ** 0.5


def test_people_stay_believably(sample):
    durations, left = [], []
    members = Membership.objects.filter(activated_at__isnull=False).exclude(status="completed")
    for row in members.annotate(n=Count("attendances")).filter(n__gt=0):
        durations.append(row.n)
        left.append(int(row.ended_at is not None))
    curve = kaplan_meier(durations, left)
    assert 0.4 < curve.at(12) < 0.85


def test_every_worrying_answer_was_seen_by_a_person(sample):
    occasions = {}
    definitions = {row.pk: row.parsed() for row in Instrument.objects.all()}
    for response in Response.objects.select_related("invitation__membership"):
        definition = definitions[response.instrument_id]
        for rule in filter(needs_a_person, triggered_risks(definition, response.answers)):
            occasions[concern_occasion(response, rule)] = response
    concerns = {concern.occasion: concern for concern in Concern.objects.filter(source="survey")}
    assert set(occasions) == set(concerns)
    for occasion, concern in concerns.items():
        response = occasions[occasion]
        assert concern.about_id == response.invitation.membership.user_id
        assert concern.assigned_to_id not in (None, concern.about_id)
        if concern.closed_at is None:
            assert concern.opened_at > sample - timedelta(hours=4)
        else:
            assert concern.opened_at <= concern.acknowledged_at <= concern.respond_by
            assert concern.acknowledged_at < concern.closed_at < sample


def test_somebody_waits_for_a_person_today(sample):
    concerns = Concern.objects.open()
    assert set(concerns.values_list("source", flat=True)) == {"screening", "survey"}
    assert not concerns.filter(assigned_to__isnull=True).exists()


def test_applications_wait_for_a_decision(sample):
    waiting = Application.objects.waiting()
    assert waiting.count() >= 10
    for application in Application.objects.prefetch_related("answers__question"):
        answers = list(application.answers.all())
        assert len(answers) == application.form.questions.count()
        assert application.proposal == readiness(answers)
    low_mood = waiting.filter(form__group__slug="living-with-low-mood")
    assert set(low_mood.values_list("proposal", flat=True)) == {"ready", "talk_first", "urgent"}
    assert low_mood.filter(status=Application.Status.TALK_FIRST).count() == 1


def test_there_is_something_to_try_for_each_named_person(sample):
    people = {each.key: User.objects.get(email=each.email) for each in sample_world.SAMPLE_PEOPLE}
    assert not people["pebble"].memberships.exists()
    willow = people["willow"].memberships.in_good_standing()
    assert willow.count() == 2
    course = Response.objects.filter(
        invitation__membership__in=willow, instrument__code="phq-9", score__isnull=False
    )
    scores = course.order_by("submitted_at").values_list("score", flat=True)
    assert len(scores) >= 6
    assert scores[0] > scores[len(scores) - 1]
    assert SurveyInvitation.objects.open(sample).filter(membership__in=willow).exists()
    asked = people["thistle"].applications.get()
    assert asked.status == Application.Status.SUBMITTED
    assert people["juniper"].facilitator_assignments.filter(group__slug="start-here").exists()
    assert people["heron"].facilitator_assignments.get().group.slug == asked.group.slug
    assert {
        people[key].staff_roles.coordinators().get().organisation.slug
        for key in ("marigold", "sorrel")
    } == {"lantern-lane", "tidewater-network"}


def test_guide_names_everybody_and_every_step(sample):
    words = "\n".join(sample_world.guide())
    assert settings.SITE_URL in words
    for each in sample_world.SAMPLE_PEOPLE:
        assert each.email in words
    assert all(f"  {step}. " in words for step in range(1, 9))
    assert max(map(len, sample_world.guide())) <= 100


def test_load_again_makes_nothing(undone):
    before = Event.objects.count()
    assert sample_world.load() is False
    assert Event.objects.count() == before


def test_load_is_all_or_nothing(db, monkeypatch):
    def end_here(world):
        assert User.objects.exists()
        raise RuntimeError("killed half way")

    monkeypatch.setattr(sample_world._World, "_make_groups", end_here)
    with pytest.raises(RuntimeError, match="half way"):
        sample_world.load()
    assert not User.objects.exists()
    assert not sample_world.is_loaded()


@pytest.mark.parametrize("environment", ["production", "anything"])
@pytest.mark.django_db
def test_load_refuses_outside_demo_and_tests(settings, environment):
    settings.DJANGO_ENV = environment
    for refused in (
        sample_world.load,
        sample_world.ensure_session_soon,
        sample_world.ensure_session_tomorrow,
    ):
        with pytest.raises(ImproperlyConfigured):
            refused()


def start_group() -> SupportGroup:
    return SupportGroup.objects.get(slug=sample_world.START_GROUP)


def test_a_room_is_open_at_once(sample):
    soon = start_group().support_sessions.coming(sample).first()
    assert soon.starts_at <= sample + timedelta(minutes=5)
    check_open(soon, at=sample)
    assert soon.agenda.count() == 3


def test_a_newcomer_can_enter_it(undone):
    group = start_group()
    assert group.admission == SupportGroup.Admission.DROP_IN
    seats = SupportGroup.objects.with_seats_taken().get(pk=group.pk).seats_taken
    assert group.capacity - seats >= 4
    soon = sample_world.ensure_session_soon(at=undone)
    newcomer = factories.user()
    factories.member(group, user=newcomer)
    assert check_may_enter(newcomer, soon).membership.user == newcomer


def test_ensure_session_soon_makes_one_only_when_needed(undone):
    count = start_group().support_sessions.count()
    first = sample_world.ensure_session_soon(at=undone)
    again = sample_world.ensure_session_soon(at=undone + timedelta(minutes=30))
    assert first == again
    assert start_group().support_sessions.count() == count
    # Too little time is left in it: whoever starts the demo now gets another one.
    later = undone + timedelta(minutes=50)
    other = sample_world.ensure_session_soon(at=later)
    assert other != first
    check_open(other, at=later)
    assert other.agenda.count() == 3
    first.refresh_from_db()
    assert first.ends_at <= other.starts_at


@pytest.mark.parametrize("hours", [0, 66.5, 67.5, 86, 87.5, 90.5, 91.5, 140])
def test_whoever_joins_today_is_reminded_of_tomorrow(undone, hours):
    """At any hour of the week, also just before and after the group's own evening."""
    monday = (undone - timedelta(days=undone.weekday())).replace(hour=0, minute=20)
    at = monday + timedelta(days=7, hours=hours)
    newcomer = factories.member(start_group()).user
    soon = sample_world.ensure_session_soon(at=at)
    tomorrow = sample_world.ensure_session_tomorrow(at=at)
    assert sample_world.ensure_session_tomorrow(at=at + timedelta(minutes=1)) == tomorrow
    assert tomorrow != soon
    due = due_for_reminder(Reminder.Kind.DAY_BEFORE, at=at)
    assert (tomorrow.pk, newcomer.pk) in due


# Before the coming sessions -----------------------------------------------------------------------


def test_coming_sessions_are_answered_planned_and_covered(sample):
    answers = Attendance.objects.exclude(answer="")
    assert set(answers.values_list("answer", flat=True)) == set(Attendance.Answer.values)
    assert not answers.exclude(support_session__status="scheduled").exists()
    assert SupportSession.objects.filter(planned_at__isnull=False).count() == 1
    taken = Cover.objects.taken().get()
    assert taken.taken_by in session_rules.leading(taken.support_session)
    asked = Cover.objects.open().get()
    assert (
        session_rules.covers_open_to(User.objects.get(email="juniper@example.org")).get() == asked
    )
    assert User.objects.filter(quiet_from__isnull=False).exists()


def words_written():
    """Some of what people wrote, of each column that holds such words."""
    found = {}
    for field in rewriting.columns():
        rows = field.model.objects.order_by("pk")[:200]
        texts = {text for row in rows if isinstance(text := getattr(row, field.name), str)}
        long_enough = [text.splitlines()[0] for text in sorted(texts) if len(text) > 20]
        if long_enough:
            found[str(field)] = long_enough[:4]
    return found


@pytest.mark.usefixtures("sample")
def test_a_dump_reveals_no_words():
    """As `pg_dump` reads them: every table, whole."""
    written = words_written()
    assert len(written) > 12
    assert {"support_sessions.Message.body", "safeguarding.Concern.detail"} <= written.keys()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            with cursor.copy(f'COPY (SELECT * FROM "{table}") TO STDOUT') as copy:
                dump = b"".join(copy).decode()
            for field, texts in written.items():
                assert [text for text in texts if text in dump] == [], (table, field)
