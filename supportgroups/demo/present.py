"""The present of the sample world, made through the same actions as real use.

Whoever came to a group lately asked, was accepted and signed. What is open today (people who asked,
the waiting list, a renewed agreement, an answer that worries) came about that way too.
"""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from accounts.models import User
from groups import actions as group_actions
from groups.models import Membership
from outcomes import actions as outcomes_actions
from outcomes.models import SurveyInvitation
from screening import actions as screening_actions
from screening.models import Application, Decision, Question, ScreeningForm
from supportgroups.demo.history import Circle, Episode
from supportgroups.demo.people import Crowd, Person

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
#: Members who came within this time went through the group's questions, answer by answer; for the
#: others, whose answers would be gone by now, only asking, accepting and signing is told.
ANSWERS_SINCE = 8 * _DAY

_HOPES = (
    "To sit with people I do not have to explain myself to.",
    "I have tried alone for long enough. I would like to listen first.",
    "A fixed evening. My weeks have no shape at the moment.",
    "My doctor said that talking with others might help. I am not sure, but I would like to try.",
    "To hear how others get up in the morning.",
)


def settle_members(circles: Iterable[Circle], *, now: datetime, rng: random.Random) -> None:
    """Those who became members lately, in the order in which they came."""
    for circle in circles:
        for episode in sorted(circle.present, key=lambda each: each.applied_at):
            if episode.is_past(now):
                continue
            episode.membership = _become_member(circle, episode, now=now, rng=rng)


def _become_member(
    circle: Circle, episode: Episode, *, now: datetime, rng: random.Random
) -> Membership:
    user = episode.person.user
    assert episode.accepted_at is not None
    assert episode.activated_at is not None
    if episode.applied_at > now - ANSWERS_SINCE:
        application = ask_to_join(circle, user, at=episode.applied_at, rng=rng)
        if application.status == Application.Status.SUBMITTED:
            application = decide(
                circle, application, Decision.Outcome.ACCEPT, at=episode.accepted_at
            )
        membership = application.membership
        assert membership is not None
    else:
        membership = group_actions.apply(group=circle.row, by=user, at=episode.applied_at)
        membership = group_actions.accept(
            membership=membership, by=episode.accepted_by, at=episode.accepted_at
        )
    group_actions.sign_agreement(
        membership=membership,
        agreement=circle.agreement,
        signed_name=user.display_name,
        by=user,
        at=episode.activated_at,
    )
    membership.refresh_from_db()
    return membership


def ask_to_join(
    circle: Circle,
    user: User,
    *,
    at: datetime,
    rng: random.Random,
    proposing: str = Question.Proposal.READY,
) -> Application:
    """Answer the group's questions so that the rules make `proposing` of it, and send them."""
    application = screening_actions.start_application(
        group=circle.row, by=user, at=at - timedelta(minutes=9)
    )
    given = answers_for(application.form, proposing, rng)
    for number, (question, value) in enumerate(given.items()):
        screening_actions.save_answer(
            application=application,
            question=question,
            value=value,
            by=user,
            at=at - timedelta(minutes=8, seconds=-40 * number),
        )
    return screening_actions.submit_application(application=application, by=user, at=at)


def answers_for(
    form: ScreeningForm, proposing: str, rng: random.Random
) -> dict[Question, str | None]:
    """Answers to a whole form; one of them, the first that can, suggests `proposing`."""
    given: dict[Question, str | None] = {}
    is_said = proposing == Question.Proposal.READY
    for question in form.questions.all():
        telling = [value for value, said in question.proposals.items() if said == proposing]
        if telling and not is_said:
            given[question], is_said = telling[0], True
        elif question.kind == Question.Kind.TEXT:
            given[question] = rng.choice(_HOPES)
        elif question.is_acknowledgement:
            given[question] = "yes"
        else:
            harmless = [value for value, _ in question.choices() if value not in question.proposals]
            # The first answers of a list are the most common ones.
            given[question] = harmless[min(len(harmless) - 1, int(rng.expovariate(1.4)))]
    return given


def decide(
    circle: Circle,
    application: Application,
    outcome: Decision.Outcome,
    *,
    at: datetime,
    message: str = "",
    reason: str = "Answers fit the group.",
) -> Application:
    """The group's facilitator reads the answers, and decides."""
    screening_actions.read_application(
        application=application, by=circle.leads[0], at=at - timedelta(minutes=6)
    )
    return screening_actions.decide(
        application=application,
        outcome=outcome,
        message=message,
        reason=reason,
        by=circle.leads[0],
        at=at,
    )


def fill_queues(circles: Iterable[Circle], crowd: Crowd, *, now: datetime) -> None:
    """Name the people who wait for a place, and those who wait for an answer."""
    rng = crowd.rng
    for circle in circles:
        plan = circle.plan
        for place in range(plan.waiting):
            at = now - (plan.waiting - place) * rng.uniform(2.5, 3.5) * _DAY
            person = crowd.person(joined_at=at - _DAY, country=plan.country)
            circle.waiting.append((person, at))
        while len(circle.asking) < plan.asking:
            circle.asking.append(crowd.person(joined_at=now - 3 * _DAY, country=plan.country))


def send_waiting(circles: Iterable[Circle], rng: random.Random) -> None:
    """Accepted while every place was taken: they wait, the earliest first.

    The newest of each list still has the answers; of the others only the place in it is told.
    """
    for circle in circles:
        for person, at in circle.waiting[:-1]:
            membership = group_actions.apply(group=circle.row, by=person.user, at=at)
            group_actions.accept(membership=membership, by=circle.leads[0], at=at + 20 * _HOUR)
        for person, at in circle.waiting[-1:]:
            application = ask_to_join(circle, person.user, at=at, rng=rng)
            decide(circle, application, Decision.Outcome.ACCEPT, at=at + 20 * _HOUR)


#: For those who ask at present, in turn: hours since they sent it, what their answers suggest,
#: and whether they have been invited to talk first.
ASKING = (
    (5, Question.Proposal.READY, False),
    (2, Question.Proposal.URGENT, False),
    (26, Question.Proposal.TALK_FIRST, False),
    (44, Question.Proposal.TALK_FIRST, True),
)


def send_applications(circles: Iterable[Circle], *, now: datetime, rng: random.Random) -> None:
    """Applications that a person has to decide on today."""
    for shift, circle in enumerate(circles):
        for number, person in enumerate(circle.asking):
            hours, proposing, is_invited = ASKING[number % len(ASKING)]
            if circle.plan.asking < len(ASKING):
                # One worrying answer at a time is enough; elsewhere people are ready.
                hours, proposing, is_invited = 7 + shift, Question.Proposal.READY, False
            application = ask_to_join(
                circle, person.user, at=now - hours * _HOUR, rng=rng, proposing=proposing
            )
            if is_invited:
                decide(
                    circle,
                    application,
                    Decision.Outcome.TALK_FIRST,
                    at=now - (hours - 18) * _HOUR,
                    message="Could we talk for twenty minutes before you come? I ring on Thursday.",
                    reason="Would like one-to-one support too; see which comes first.",
                )


def renew_agreement(circle: Circle, *, by: User, now: datetime, rng: random.Random) -> None:
    """A second version since the last session: most have signed it again, two have not yet."""
    last = circle.sessions[-1]
    published_at = (last.ended_at or last.ends_at) + min(
        2 * _HOUR, (now - (last.ended_at or last.ends_at)) / 4
    )
    text = circle.agreement.text + (
        "Screen readers and helpers. I may use software that reads messages to me. A helper who "
        "sits beside me signs this agreement too.\n"
    )
    agreement = group_actions.publish_agreement(group=circle.row, text=text, by=by, at=published_at)
    members = [episode for episode in circle.present if not episode.is_regular]
    for episode in circle.present:
        if episode in members[:2]:
            continue
        assert episode.membership is not None
        group_actions.sign_agreement(
            membership=episode.membership,
            agreement=agreement,
            signed_name=episode.person.user.display_name,
            by=episode.person.user,
            at=published_at + rng.random() * (now - published_at),
        )


def answer_with_worry(person: Person, *, now: datetime) -> None:
    """Somebody answers a survey that waits for them, and one answer asks for a person today."""
    invitation = (
        SurveyInvitation.objects.open(now)
        .filter(membership__user=person.user, plan__instrument__code="phq-9")
        .select_related("membership__group__organisation", "plan__instrument")
        .first()
    )
    if invitation is None:
        return
    begun_at = max(invitation.due_at + timedelta(minutes=5), now - timedelta(minutes=95))
    definition = invitation.plan.instrument.parsed()
    asked = [(item.id, 2 if number < 5 else 1) for number, item in enumerate(definition.all_items)]
    for number, (item_id, value) in enumerate(asked):
        outcomes_actions.save_answer(
            invitation=invitation,
            item_id=item_id,
            value=value,
            by=person.user,
            at=begun_at + timedelta(seconds=15 * number),
        )
    invitation.refresh_from_db()
    outcomes_actions.submit_response(
        invitation=invitation, by=person.user, at=begun_at + timedelta(minutes=3)
    )
