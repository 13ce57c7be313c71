"""Past surveys of the sample world: who was asked when, what they answered, who looked at it."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from accounts.models import User
from groups.models import Membership
from instruments.schema import Definition
from instruments.scoring import score, triggered_risks
from outcomes.models import Response, SurveyInvitation, SurveyPlan
from outcomes.rules import ASKED_AGAIN_AFTER, concern_occasion, needs_a_person
from safeguarding.models import Concern, OnCallPlan
from supportgroups.demo.history import Circle, Episode
from supportgroups.demo.people import Person, uuid7
from supportgroups.demo.scores import answer_sheet, decline_one

_DAY = timedelta(days=1)
#: What somebody said within these days is told through the actions of real use, not here.
RECENT = 3 * _DAY
_CLOSING_WORDS = (
    "Rang the same day. Is safe, has a plan and somebody to call; GP knows.",
    "Talked for half an hour. Passing thoughts, no plan. Will speak with the GP this week.",
    "Met before the next session. More support is arranged; the group goes on.",
    "Reached on the second try. Felt better already, and has the numbers to call.",
)


@dataclass(frozen=True)
class _Turn:
    """One member's turn to be asked, after one session."""

    circle: Circle
    episode: Episode
    attended: int
    session_id: UUID
    ended_at: datetime


def save_surveys(
    circles: Iterable[Circle],
    plans: Mapping[UUID, list[SurveyPlan]],
    on_call: Mapping[UUID, User],
    *,
    lonely: Mapping[UUID, SurveyPlan],
    waits_for: Iterable[Person],
    now: datetime,
    rng: random.Random,
) -> None:
    """Invitations and answers up to `now`, by the rule that the clock follows in real use.

    `plans` are a group's plans by its id, `on_call` who looks at concerns by the organisation's.
    `lonely` are plans of one question more, which some groups ask together with the others.
    `waits_for` are people whose newest surveys stay unanswered, so that somebody can try it.
    """
    definitions = {
        plan.instrument_id: plan.instrument.parsed() for found in plans.values() for plan in found
    }
    waiting = {person.user.pk for person in waits_for}
    asked: dict[tuple[UUID, UUID], datetime] = {}
    invitations: list[SurveyInvitation] = []
    responses: list[Response] = []
    concerns: list[Concern] = []
    by_person: dict[UUID, _Answering] = {}
    apart = random.Random(len(plans))
    for turn in sorted(_turns(circles), key=lambda turn: turn.ended_at):
        was_asked, answered_at = False, None
        person = turn.episode.person
        membership = turn.episode.membership
        assert membership is not None
        for plan in plans[turn.circle.row.pk]:
            if (turn.attended - 1) % (plan.every_sessions or 1):
                continue
            again = asked.get((person.user.pk, plan.instrument_id))
            if again is not None and turn.ended_at - again < ASKED_AGAIN_AFTER:
                continue
            asked[person.user.pk, plan.instrument_id] = turn.ended_at
            invitation = _invitation(turn, plan, membership, rng, now=now)
            invitations.append(invitation)
            was_asked = True
            answering = by_person.setdefault(person.user.pk, _Answering(person, rng))
            is_open = invitation.closes_at > now
            if is_open and person.user.pk in waiting:
                continue
            definition = definitions[plan.instrument_id]
            response = answering.answer(invitation, definition, turn.episode, now=now)
            if response is None:
                continue
            responses.append(response)
            answered_at = response.submitted_at
            organisation_id = turn.circle.row.organisation_id
            concerns.extend(
                _concerns(
                    response,
                    definition,
                    turn.circle,
                    person.user,
                    on_call[organisation_id],
                    rng,
                )
            )
        if was_asked and (plan_of_one := lonely.get(turn.circle.row.pk)):
            invitation = _invitation(turn, plan_of_one, membership, apart, now=now)
            invitations.append(invitation)
            if answered_at is not None:
                answering = by_person[person.user.pk]
                responses.append(answering.one_question(invitation, turn, answered_at, apart))
    SurveyInvitation.objects.bulk_create(invitations)
    Response.objects.bulk_create(responses)
    Concern.objects.bulk_create(concerns)


def _turns(circles: Iterable[Circle]) -> Iterator[_Turn]:
    for circle in circles:
        for episode in circle.episodes:
            attended = 0
            for visit in episode.visits:
                if visit.first_seen_at is None:
                    continue
                attended += 1
                ended_at = visit.support_session.ended_at
                assert ended_at is not None
                yield _Turn(circle, episode, attended, visit.support_session.pk, ended_at)


def _invitation(
    turn: _Turn, plan: SurveyPlan, membership: Membership, rng: random.Random, *, now: datetime
) -> SurveyInvitation:
    sent_at = min(now, turn.ended_at + timedelta(seconds=rng.randint(5, 65)))
    assert plan.every_sessions is not None
    wave = (turn.attended - 1) // plan.every_sessions
    return SurveyInvitation(
        id=uuid7(turn.ended_at, rng),
        plan=plan,
        membership=membership,
        occasion="regular" if wave else "baseline",
        wave=wave,
        support_session_id=turn.session_id,
        arose_at=turn.ended_at,
        due_at=turn.ended_at,
        closes_at=turn.ended_at + timedelta(days=plan.window_days),
        claimed_at=sent_at,
        sent_at=sent_at,
        attempts=1,
    )


class _Answering:
    """How one person's scores go up and down, and whether they answer."""

    def __init__(self, person: Person, rng: random.Random) -> None:
        self.person, self.rng = person, rng
        #: One mood and one decision for all that is asked at one moment.
        self.moods: dict[datetime, float] = {}
        self.decisions: dict[datetime, bool] = {}

    def answer(
        self,
        invitation: SurveyInvitation,
        definition: Definition,
        episode: Episode,
        *,
        now: datetime,
    ) -> Response | None:
        """Their answers, or None when they gave none."""
        rng = self.rng
        if not self._decides(invitation.due_at):
            return None
        wait = min(5.5 * _DAY, rng.expovariate(1 / 20) * timedelta(hours=1))
        submitted_at = invitation.due_at + timedelta(minutes=6) + wait
        if submitted_at >= now or (episode.ended_at and submitted_at > episode.ended_at):
            return None
        mood = self._mood(invitation.due_at)
        answers = self._sheet(definition, mood, is_recent=now - submitted_at < RECENT)
        result = score(definition, answers)
        return Response(
            id=uuid7(submitted_at, rng),
            invitation=invitation,
            instrument_id=invitation.plan.instrument_id,
            answers=answers,
            started_at=submitted_at - timedelta(minutes=rng.randint(2, 5)),
            saved_at=submitted_at - timedelta(seconds=rng.randint(4, 30)),
            submitted_at=submitted_at,
            score=None if result.total is None else Decimal(result.total),
            band=result.band or "",
        )

    def one_question(
        self,
        invitation: SurveyInvitation,
        turn: _Turn,
        answered_at: datetime,
        rng: random.Random,
    ) -> Response:
        """How lonely they feel, from 1 to 5: it goes along with their mood then and later."""
        change = self.person.change * 0.8
        mood = self._mood(turn.ended_at) + change + rng.gauss(0, 3)
        value = min(5, max(1, round(1 + mood / 5)))
        submitted_at = answered_at + timedelta(seconds=20)
        return Response(
            id=uuid7(submitted_at, rng),
            invitation=invitation,
            instrument_id=invitation.plan.instrument_id,
            answers={"lonely": value},
            started_at=answered_at,
            saved_at=submitted_at - timedelta(seconds=5),
            submitted_at=submitted_at,
            score=Decimal(value),
        )

    def _decides(self, moment: datetime) -> bool:
        """Whoever opens the mail answers all of it; most open the first one."""
        if moment not in self.decisions:
            readily = 0.0 if self.decisions else 0.12
            self.decisions[moment] = self.rng.random() < self.person.answers + readily
        return self.decisions[moment]

    def _mood(self, moment: datetime) -> float:
        """Points of the PHQ-9. Most of the change comes early and then slows down."""
        if moment not in self.moods:
            first = min(self.decisions)
            months = (moment - first) / (30 * _DAY)
            course = self.person.change * 1.25 * (1 - 0.82**months) / 0.18
            sways = self.rng.gauss(0, self.person.sways)
            self.moods[moment] = self.person.mood + course + sways
        return self.moods[moment]

    def _sheet(
        self, definition: Definition, mood: float, *, is_recent: bool
    ) -> dict[str, int | None]:
        rng = self.rng
        if definition.code == "gad-7":
            mood = mood * 0.68 + 1.6 + rng.gauss(0, 1.3)
        total = round(min(definition.scoring.maximum - 1, max(0.0, mood)))
        answers = answer_sheet(definition, total, rng)
        if rng.random() < 0.02:
            answers = decline_one(definition, answers, rng)
        while is_recent and triggered_risks(definition, answers):
            total = min(total, 17) - 1
            answers = answer_sheet(definition, max(0, total), rng)
        return answers


def _concerns(
    response: Response,
    definition: Definition,
    circle: Circle,
    about: User,
    named: User,
    rng: random.Random,
) -> Iterator[Concern]:
    """A named person looked at every answer that asks for one, on the same day."""
    for rule in filter(needs_a_person, triggered_risks(definition, response.answers)):
        opened_at = response.saved_at
        respond_by = OnCallPlan().respond_by(opened_at)
        acknowledged_at = opened_at + rng.uniform(0.1, 0.9) * (respond_by - opened_at)
        yield Concern(
            id=uuid7(opened_at, rng),
            organisation=circle.row.organisation,
            about=about,
            source=Concern.Source.SURVEY,
            occasion=concern_occasion(response, rule),
            detail=f"{definition.title}, asked by “{circle.row}”. {rule.reason}",
            assigned_to=named,
            turn=1,
            opened_at=opened_at,
            opened_by=about,
            respond_by=respond_by,
            told_at=opened_at + timedelta(seconds=rng.randint(1, 60)),
            acknowledged_at=acknowledged_at,
            acknowledged_by=named,
            closed_at=acknowledged_at + rng.uniform(0.05, 1.0) * _DAY,
            closed_by=named,
            closing_note=rng.choice(_CLOSING_WORDS),
        )
