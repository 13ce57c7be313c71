"""The sample world: two organisations, 24 groups, some 600 people, fifteen months.

`load()` makes it once, from one seeded generator, with dates relative to now. The long history is
inserted in bulk (`history`, `surveys`); what is present today is made through the actions of real
use (`present`). `ensure_session_soon()` gives every start of the demo a room to enter, and
`guide()` says who can sign in and what to try.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.factor_actions import settle_second_factors
from accounts.models import Organisation, StaffRole, User
from audit.trail import record
from groups import actions as group_actions
from groups.defaults import AGREEMENT, GROUND_RULES
from groups.models import FacilitatorAssignment, SupportGroup, Topic
from instruments.actions import accept_terms, load_definitions, record_licence
from instruments.models import Instrument
from outcomes import actions as outcomes_actions
from outcomes import analysing, report_actions
from outcomes.analysis_actions import ask_analysis
from outcomes.models import SurveyPlan
from screening import actions as screening_actions
from screening.defaults import brief_questions, default_questions
from sessions import actions as session_actions
from sessions.models import AgendaTemplateItem, Series, SupportSession
from supportgroups.demo import (
    afterwards,
    before,
    care,
    history,
    plans,
    present,
    safety,
    surveys,
    world,
)
from supportgroups.demo.history import Circle
from supportgroups.demo.people import MAIL_DOMAIN, PASSWORD, TAKEN_NAME, Crowd, Person

SEED = 20_26
#: The open group whose room a newcomer can enter at once.
START_GROUP = "start-here"
RENEWED_AGREEMENT_IN = "rainbow-circle"
#: A session that begins this long after a start: enough to find the group, join and sign.
BEGINS_IN = timedelta(minutes=5)
SESSION_LASTS = timedelta(minutes=60)
#: Soon enough for the reminder of the day before.
TOMORROW = timedelta(hours=23)
#: A session with less time left than this is no longer worth joining.
WORTH_JOINING = timedelta(minutes=20)
_DAY = timedelta(days=1)
_MEMBERS = (
    # key, name, (group, sessions held since joining)
    ("willow", "Willow", (("living-with-low-mood", 25), (START_GROUP, 3))),
    ("otter", TAKEN_NAME, ((START_GROUP, 21), (RENEWED_AGREEMENT_IN, 30))),
)
_WAITING_APPLICANT = ("thistle", "Thistle", "living-with-low-mood")
_NEWCOMER = ("pebble", "Pebble")


@dataclass(frozen=True)
class SamplePerson:
    """Somebody to try the product as."""

    key: str
    name: str
    role: str
    #: Where their day begins: a URL name.
    begins_at: str

    @property
    def email(self) -> str:
        return f"{self.key}@{MAIL_DOMAIN}"


SAMPLE_PEOPLE = (
    SamplePerson("pebble", "Pebble", "new here, in no group yet", "groups:directory"),
    SamplePerson("willow", "Willow", "member of two groups", "outcomes:participant_home"),
    SamplePerson("otter", TAKEN_NAME, "member, also in “Start here”", "outcomes:participant_home"),
    SamplePerson("thistle", "Thistle", "has asked to join", "outcomes:participant_home"),
    SamplePerson("juniper", "Juniper", "facilitator of “Start here”", "outcomes:participant_home"),
    SamplePerson("heron", "Heron", "facilitator, applications waiting", "screening:queue"),
    SamplePerson("marigold", "Marigold", "coordinator of Lantern Lane", "outcomes:overview"),
    SamplePerson("sorrel", "Sorrel", "coordinator of Tidewater Network", "outcomes:overview"),
)


def check_may_load() -> None:
    """Raise ImproperlyConfigured anywhere but in the demo and the tests."""
    if not (settings.DEMO or settings.DJANGO_ENV == "test"):
        raise ImproperlyConfigured("The sample world is made only with DJANGO_ENV=demo.")


def is_loaded() -> bool:
    return Organisation.objects.filter(
        slug__in=[entry["slug"] for entry in world.read().organisations]
    ).exists()


@transaction.atomic
def load(*, at: datetime | None = None) -> bool:
    """Make the sample world unless it is there. All or nothing; returns whether it was made now."""
    check_may_load()
    with connection.cursor() as cursor:
        # Two starts at once: the second waits, and then finds it made.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('supportgroups.demo.sample_world'))")
    if is_loaded():
        return False
    _World(at or timezone.now()).make()
    return True


class _World:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self.rng = random.Random(SEED)
        self.plan = world.read()
        self.crowd = Crowd(self.rng)
        self.organisations: dict[str, Organisation] = {}
        self.staff: dict[str, User] = {}
        self.circles: list[Circle] = []

    def make(self) -> None:
        now, rng, circles = self.now, self.rng, self.circles
        load_definitions()
        self._make_organisations()
        self._choose_questionnaires()
        self._make_groups()
        plans = self._plan_surveys()
        members = self._tell()
        present.fill_queues(circles, self.crowd, now=now)
        self.crowd.save_new()
        history.save_sessions(circles, rng)
        history.save_memberships(circles, rng, now=now)
        present.settle_members(circles, now=now, rng=rng)
        history.save_attendance(circles)
        self._save_conversations()
        worried = self._somebody_who_worries(members)
        surveys.save_surveys(
            circles,
            plans,
            {row.pk: self._on_call(slug) for slug, row in self.organisations.items()},
            lonely=self._plan_one_question_more(),
            waits_for=[*members.values(), worried],
            now=now,
            rng=rng,
        )
        afterwards.save_pulses(circles, waits_for=members.values(), now=now)
        afterwards.save_debriefs(circles, now=now)
        afterwards.correct_somebody(self._circle(START_GROUP), now=now)
        self._make_present(worried)
        self._make_programmes()
        # Whatever was made to have happened long ago: each grace begins today.
        User.objects.update(second_factor_due_at=None)
        settle_second_factors()

    def _make_programmes(self) -> None:
        for entry in self.plan.programmes:
            groups = [self._circle(slug).row for slug in entry["groups"]]
            report_actions.make_programme(
                organisation=groups[0].organisation,
                name=entry["name"],
                groups=groups,
                by=self.staff[entry["by"]],
            )

    def _on_call(self, organisation: str) -> User:
        first = next(
            each
            for each in self.plan.staff
            if each.organisation == organisation and each.on_call == 1
        )
        return self.staff[first.key]

    def _circle(self, slug: str) -> Circle:
        return next(circle for circle in self.circles if circle.plan.slug == slug)

    def _make_organisations(self) -> None:
        long_ago = self.now - 500 * _DAY
        for entry in self.plan.organisations:
            self.organisations[entry["slug"]] = Organisation.objects.create(**entry)
        for each in self.plan.staff:
            person = self.crowd.person(joined_at=long_ago, name=each.name, key=each.key)
            self.staff[each.key] = person.user
        self.crowd.save_new()
        StaffRole.objects.bulk_create(
            StaffRole(
                user=self.staff[each.key],
                organisation=self.organisations[each.organisation],
                role=each.role,
                training=each.training,
                checked_on=(self.now - self.rng.randint(30, 400) * _DAY).date(),
                supervision=(
                    "Supervised every month" if each.role == StaffRole.Role.FACILITATOR else ""
                ),
                on_call_position=each.on_call,
            )
            for each in self.plan.staff
        )
        for organisation in self.organisations.values():
            record("sample_world.made", by=None, on=organisation, organisation=organisation.pk)

    def _choose_questionnaires(self) -> None:
        """One under terms that were accepted; one under a licence, whose words wait to be typed."""
        marigold, lantern = self.staff["marigold"], self.organisations["lantern-lane"]
        loneliness = Instrument.objects.newest("ucla-3")
        accept_terms(
            organisation=lantern,
            instrument=loneliness,
            terms=loneliness.terms,
            by=marigold,
            at=self.now - 90 * _DAY,
        )
        granted = self.now - 60 * _DAY
        record_licence(
            organisation=lantern,
            code="pss-10",
            owner="Sheldon Cohen",
            granted_on=granted.date(),
            valid_until=None,
            scope="Asking members of our groups, without payment.",
            evidence="Letter of the author, contracts folder, no. 12.",
            by=marigold,
            at=granted,
        )

    def _make_groups(self) -> None:
        topics = {
            name: Topic.objects.create(name=name, slug=slugify(name), kind=kind)
            for kind, names in self.plan.topics.items()
            for name in names
        }
        for plan in self.plan.groups:
            organisation = self.organisations[plan.organisation]
            group = SupportGroup(
                **plan.texts,
                organisation=organisation,
                overseer=self.staff[plan.overseer] if plan.overseer else None,
                ground_rules=GROUND_RULES,
                lifecycle=SupportGroup.Lifecycle.LISTED,
                # People can walk in on the first evening; the others close their door.
                door_closes_after_minutes=None if plan.slug == START_GROUP else 20,
            )
            rhythm = history.series_of(plan, group, now=self.now)
            first = datetime.combine(
                rhythm[0].starts_on, plan.begins, tzinfo=timezone.get_default_timezone()
            )
            group.created_at = first - 60 * _DAY
            group.save()
            group.topics.set(topics[name] for name in plan.topics)
            self.circles.append(self._make_circle(plan, group, rhythm))

    def _make_circle(
        self, plan: world.GroupPlan, group: SupportGroup, rhythm: list[Series]
    ) -> Circle:
        leads = [self.staff[key] for key, _ in plan.facilitators]
        FacilitatorAssignment.objects.bulk_create(
            FacilitatorAssignment(
                group=group,
                user=self.staff[key],
                is_lead=key == plan.lead,
                introduction=words,
                began_at=group.created_at,
            )
            for key, words in plan.facilitators
        )
        coordinator = self._on_call(plan.organisation)
        drops_in = group.admission == SupportGroup.Admission.DROP_IN
        screening_actions.publish_form(
            group=group,
            questions=brief_questions() if drops_in else default_questions(),
            by=coordinator,
            at=group.created_at,
        )
        agreement = group_actions.publish_agreement(
            group=group, text=AGREEMENT, by=coordinator, at=group.created_at
        )
        agenda = AgendaTemplateItem.objects.bulk_create(
            AgendaTemplateItem(
                group=group,
                position=position,
                title=title,
                note=note,
                minutes=minutes,
                kind=kind,
            )
            for position, (title, note, minutes, kind) in enumerate(
                self.plan.agendas[plan.agenda], 1
            )
        )
        circle = Circle(plan, group, agreement, leads, agenda)
        for series in rhythm:
            occurrences = list(history.past_sessions(series, now=self.now))
            if series is not rhythm[-1]:
                series.ended_at = occurrences[-1].ends_at
            series.group = group  # stored meanwhile
            series.save()
            circle.runs.append(
                [history.session_row(circle, series, each, self.rng) for each in occurrences]
            )
        return circle

    def _plan_surveys(self) -> dict[UUID, list[SurveyPlan]]:
        asked = [Instrument.objects.newest(code) for code in ("phq-9", "gad-7")]
        plans: dict[UUID, list[SurveyPlan]] = {}
        for circle in self.circles:
            plans[circle.row.pk] = [
                SurveyPlan(
                    group=circle.row,
                    instrument=instrument,
                    every_sessions=circle.plan.survey_every,
                    # Lately also at the end: nobody has been asked that yet.
                    at_end=True,
                    after_end_weeks=[12],
                    changed_at=self.now - 6 * _DAY,
                    position=position,
                    began_at=circle.row.created_at,
                )
                for position, instrument in enumerate(asked, start=1)
            ]
        SurveyPlan.objects.bulk_create(plan for found in plans.values() for plan in found)
        return plans

    def _plan_one_question_more(self) -> dict[UUID, SurveyPlan]:
        """Most groups of Lantern Lane also ask how lonely people feel."""
        instrument = Instrument.objects.newest("ons-loneliness")
        without = (START_GROUP, "living-with-low-mood", RENEWED_AGREEMENT_IN)
        plans = {
            circle.row.pk: SurveyPlan(
                group=circle.row,
                instrument=instrument,
                every_sessions=circle.plan.survey_every,
                position=3,
                began_at=circle.row.created_at,
            )
            for circle in self.circles
            if circle.plan.organisation == "lantern-lane" and circle.plan.slug not in without
        }
        SurveyPlan.objects.bulk_create(plans.values())
        return plans

    def _tell(self) -> dict[str, Person]:
        """Decide what happened, and return the members to try the product as."""
        a_year_ago = self.now - 400 * _DAY
        members: dict[str, Person] = {}
        regulars: dict[str, list[tuple[Person, int]]] = {}
        for key, name, belongs in _MEMBERS:
            members[key] = self.crowd.person(joined_at=a_year_ago, name=name, key=key)
            # A course that shows something, with nothing missing.
            members[key].mood, members[key].change, members[key].sways = 15.0, -1.7, 1.0
            members[key].answers = 1.0
            for slug, sessions in belongs:
                regulars.setdefault(slug, []).append((members[key], sessions))
        key, name, slug = _WAITING_APPLICANT
        applicant = self.crowd.person(joined_at=self.now - 3 * _DAY, name=name, key=key)
        self._circle(slug).asking.append(applicant)
        key, name = _NEWCOMER
        self.crowd.person(joined_at=self.now - _DAY, name=name, key=key)
        for circle in self.circles:
            history.tell(circle, self.crowd, regulars.get(circle.plan.slug, ()), now=self.now)
        return members

    def _save_conversations(self) -> None:
        """Messages are kept for 30 days: only the newest sessions still have theirs."""
        for slug in (START_GROUP, "living-with-low-mood", RENEWED_AGREEMENT_IN):
            circle = self._circle(slug)
            held = [
                each
                for each in circle.sessions
                if each.ended_at and each.ended_at > self.now - 25 * _DAY
            ]
            for support_session, chat in zip(held, self.plan.chats, strict=False):
                history.save_conversation(circle, support_session, chat, self.rng)

    def _somebody_who_worries(self, members: dict[str, Person]) -> Person:
        """A member with a survey due these days, who will answer it with something that worries."""
        named = set(map(id, members.values()))
        for circle in self.circles:
            if circle.plan.organisation != self.plan.organisations[0]["slug"]:
                continue
            for episode in circle.present:
                visits = [visit for visit in episode.visits if visit.first_seen_at]
                is_turn = visits and (len(visits) - 1) % circle.plan.survey_every == 0
                if not is_turn or id(episode.person) in named:
                    continue
                ended_at = visits[-1].support_session.ended_at
                if ended_at and ended_at > self.now - 5 * _DAY:
                    return episode.person
        return next(iter(members.values()))

    def _make_present(self, worried: Person) -> None:
        now, rng, circles = self.now, self.rng, self.circles
        present.send_waiting(circles, rng)
        present.send_applications(circles, now=now, rng=rng)
        renewed = self._circle(RENEWED_AGREEMENT_IN)
        present.renew_agreement(
            renewed, by=self._on_call(renewed.plan.organisation), now=now, rng=rng
        )
        for series in Series.objects.filter(ended_at__isnull=True):
            session_actions.make_sessions(series=series, at=now)
        self._make_plans()
        outcomes_actions.make_surveys_due(by=None, at=now)
        if worried.user.email not in {each.email for each in SAMPLE_PEOPLE}:
            present.answer_with_worry(worried, now=now)
        ensure_session_soon(at=now)
        ensure_session_tomorrow(at=now)
        self._make_ready()
        self._ask_what_goes_along()
        plans.read_long_ago(now)

    def _ask_what_goes_along(self) -> None:
        """Loneliness, worry and low mood, as the coordinator of Lantern Lane asked lately."""
        analysis = ask_analysis(
            organisation=self.organisations["lantern-lane"],
            x="ons-loneliness",
            m="gad-7",
            y="phq-9",
            by=self._on_call("lantern-lane"),
            at=self.now,
            is_done_here=True,
        )
        with connection.cursor() as cursor:
            # Nothing is committed yet, so the planner takes each table for nearly empty.
            cursor.execute("SET LOCAL enable_nestloop = off")
            analysing.make(analysis.pk)
            cursor.execute("SET LOCAL enable_nestloop = on")

    def _make_ready(self) -> None:
        """What is said and settled before the coming sessions."""
        before.answer_sessions(self.circles, now=self.now, rng=self.rng)
        before.plan_a_session(self._circle("rainbow-circle"), now=self.now)
        before.ask_for_cover(self._circle("living-with-low-mood"), now=self.now)
        before.cover_somebody(self._circle("grief-gently"), now=self.now)
        before.choose_quiet_hours(User.objects.get(email="willow@example.org"), now=self.now)

    def _make_plans(self) -> None:
        """What is being set up and settled these days."""
        now = self.now
        for slug, organisation in self.organisations.items():
            plans.keep_holidays(organisation=organisation, by=self._on_call(slug), now=now)
            safety.keep_library(organisation=organisation, by=self._on_call(slug), now=now)
            care.try_help_lines(
                organisation=organisation,
                by=self._on_call(slug),
                now=now,
                over=slug != "lantern-lane",
            )
        safety.show_a_source()
        safety.report_one()
        lantern = self.organisations["lantern-lane"]
        by = self._on_call("lantern-lane")
        leads = [self.staff["curlew"], self.staff["bracken"]]
        plans.set_up_course(leads=leads, by=by, organisation=lantern, now=now)
        plans.begin_a_group(by=by, organisation=lantern, now=now)
        plans.free_a_place(self._circle("new-parents-honest-talk"), now=now)
        plans.remove_and_appeal(self._circle("sober-evenings"), now=now)
        plans.offer_a_talk(self._circle("living-with-low-mood"), now=now)
        care.look_after_the_newest(organisation=lantern, to=self.staff["hawthorn"], now=now)


def ensure_session_soon(*, at: datetime | None = None) -> SupportSession:
    """The session of the start group whose room is open now; made when there is none."""
    check_may_load()
    now = at or timezone.now()
    with transaction.atomic():
        group = SupportGroup.objects.select_for_update(no_key=True).get(slug=START_GROUP)
        soon = now + BEGINS_IN
        coming = group.support_sessions.coming(now)
        found = coming.filter(starts_at__lte=soon, ends_at__gt=now + WORTH_JOINING).first()
        if found is not None:
            return found
        # Two sessions of a group never overlap: the old one ends now, the next one keeps its time.
        coming.filter(starts_at__lt=soon, ends_at__gt=soon).update(ends_at=soon)
        following = coming.filter(starts_at__gt=soon).first()
        if following is not None and following.starts_at < soon + WORTH_JOINING:
            return following
        ends_at = soon + SESSION_LASTS
        if following is not None:
            ends_at = min(ends_at, following.starts_at)
        lead = group.facilitator_assignments.filter(is_lead=True).get().user
        return session_actions.add_session(
            group=group, starts_at=soon, ends_at=ends_at, by=lead, at=now
        )


def ensure_session_tomorrow(*, at: datetime | None = None) -> SupportSession:
    """A session of the start group within a day, made when there is none.

    Whoever joins the group now is reminded of it within a minute, on any day of the week.
    """
    check_may_load()
    now = at or timezone.now()
    with transaction.atomic():
        group = SupportGroup.objects.select_for_update(no_key=True).get(slug=START_GROUP)
        reminded = (now + timedelta(hours=4), now + timedelta(hours=24))
        found = group.support_sessions.coming(now).filter(starts_at__range=reminded).first()
        if found is not None:
            return found
        starts_at = (now + TOMORROW).replace(minute=0, second=0, microsecond=0)
        return session_actions.add_session(
            group=group,
            starts_at=starts_at,
            ends_at=starts_at + SESSION_LASTS,
            by=group.facilitator_assignments.filter(is_lead=True).get().user,
            at=now,
        )


def guide() -> list[str]:
    """Lines for the terminal: the address, who can sign in, and what to try in which order."""
    site = settings.SITE_URL
    rows = [(each.email, each.role) for each in SAMPLE_PEOPLE]
    width = max(len(email) for email, _ in rows) + 2
    return [
        f"Open Circle is running: {site}",
        "",
        f"Sign in as any of these, with the password “{PASSWORD}”, or switch in the bar",
        "“Sample people” at the top of each page:",
        *(f"  {email:<{width}}{role}" for email, role in rows),
        f"Every mail is at {site}/demo/outbox/, also those with codes to sign in.",
        "",
        "What to try, with a second person in a private window. Each start of the demo opens the",
        "room of “Start here” for an hour:",
        "  1. Signed out: search and filter the groups, and open “Start here: an open evening”.",
        "  2. Join it as somebody new. The code is in the outbox. A few questions, and you are in.",
        "  3. As Heron: read who asks to join “Living with low mood”, and decide.",
        "  4. Sign the agreement of “Start here”. Then you are a member.",
        "  5. Look at your next session: a file for the calendar, and within a minute a reminder.",
        "  6. Enter the room, open from now on. As Juniper, in the other window: start and end it.",
        "  7. Within a minute a survey waits on your home and in the outbox. See Willow's course.",
        "  8. As Marigold: what needs you today, who stays, who comes, how many changed.",
        "  9. As Marigold, under “Groups”: go on with the draft “Menopause and mood”, move a date,",
        "     and import tests/outreach/files/messy.json, which is as messy as real lists.",
        " 10. Answer from the reminder in the outbox, in a private window. As Juniper: prepare the",
        "     next session, and lead Heron's, who cannot come.",
        " 11. As Marigold, under “Overview” and “Reports”: make a report for the city, which pays",
        "     for five of the groups, and open its PDF.",
    ]
