"""What a survey plan means for the people who are asked, in words and numbers. Pure functions."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.text import get_text_list

from outcomes.models import SurveyInvitation, SurveyPlan
from outcomes.rules import QUESTIONS_A_MINUTE, questions_in_words
from supportgroups.lib.words import ordinal_figure

Baseline = SurveyPlan.Baseline

#: What a plan amounts to is told for somebody who comes to so many weekly sessions.
SESSIONS_IN_A_SEASON = 12
#: More questions at once than this, and many people give up in between.
MANY_AT_ONCE = 20


def occasions(plan: SurveyPlan) -> list[str]:
    """When a member is asked, one phrase an occasion, in the order of time."""
    found = []
    first = plan.baseline == Baseline.FIRST_SESSION
    if plan.baseline == Baseline.ON_JOINING:
        found.append("when they join")
    if plan.every_sessions:
        found.append(_sessions(plan.every_sessions, first=first))
    elif first:
        found.append("after the 1st session they come to")
    if plan.every_weeks:
        weeks = "week" if plan.every_weeks == 1 else f"{plan.every_weeks} weeks"
        since = {
            Baseline.ON_JOINING: "from then on",
            Baseline.FIRST_SESSION: "from then on",
            Baseline.NONE: "from joining on",
        }[Baseline(plan.baseline)]
        found.append(f"every {weeks} {since}")
    if plan.at_end:
        found.append("at the end")
    if plan.after_end_weeks:
        weeks = get_text_list([str(each) for each in sorted(plan.after_end_weeks)], "and")
        found.append(f"{weeks} weeks after the end")
    return found


def _sessions(every: int, *, first: bool) -> str:
    if every == 1:
        return "after every session they come to"
    begins = 1 if first else every
    places = [ordinal_figure(begins + n * every) for n in range(3)]
    return f"after the {', '.join(places)} session they come to, and so on"


def times_in_a_season(plan: SurveyPlan) -> int:
    """How often somebody is asked who joins and comes to twelve weekly sessions, to the end."""
    times = int(plan.baseline == Baseline.ON_JOINING) + int(plan.at_end)
    if plan.every_sessions:
        first = int(plan.baseline == Baseline.FIRST_SESSION)
        times += first + (SESSIONS_IN_A_SEASON - first) // plan.every_sessions
    elif plan.baseline == Baseline.FIRST_SESSION:
        times += 1
    if plan.every_weeks:
        times += (SESSIONS_IN_A_SEASON - 1) // plan.every_weeks
    return times + len(plan.after_end_weeks)


@dataclass(frozen=True)
class Preview:
    """What one plan asks of a member."""

    questions: int
    when: Sequence[str]
    times: int
    plan: SurveyPlan

    @property
    def questions_in_words(self) -> str:
        """For example "up to 10 questions", where one depends on another."""
        return questions_in_words(self.plan.instrument.parsed())

    @property
    def sentence(self) -> str:
        """For example "A member is asked 7 questions when they join and at the end."."""
        return (
            f"A member is asked {self.questions_in_words} {get_text_list(list(self.when), 'and')}."
        )

    @property
    def minutes(self) -> int:
        """For one time."""
        return max(1, math.ceil(self.questions / QUESTIONS_A_MINUTE))

    @property
    def mails(self) -> str:
        """How long it is open, and who is reminded."""
        days = f"{self.plan.window_days} day{'' if self.plan.window_days == 1 else 's'}"
        times = {0: "nobody is reminded", 1: "reminded once", 2: "reminded twice"}
        who = times[self.plan.reminders]
        told = who if not self.plan.reminders else f"whoever has not answered is {who}"
        return f"Each time it stays open for {days}, and {told}."

    @property
    def has_no_baseline(self) -> bool:
        """Whether there is no first answer to compare later ones with."""
        return self.plan.baseline == Baseline.NONE


def preview(plan: SurveyPlan) -> Preview:
    """Of a plan that may not be saved yet. Questions that depend on answers are counted in."""
    return Preview(
        questions=len(plan.instrument.parsed().all_items),
        when=occasions(plan),
        times=times_in_a_season(plan),
        plan=plan,
    )


@dataclass(frozen=True)
class Burden:
    """What all plans of a group together ask of one member."""

    #: The most that can come at once.
    at_once: int
    minutes_at_once: int
    times: int
    minutes: int

    @property
    def is_much(self) -> bool:
        return self.at_once > MANY_AT_ONCE


def burden(previews: Iterable[Preview]) -> Burden | None:
    """Of one season; None when nothing is asked. Plans that fall together count as one time."""
    found = list(previews)
    if not found:
        return None
    at_once = sum(each.questions for each in found)
    return Burden(
        at_once=at_once,
        minutes_at_once=max(1, math.ceil(at_once / QUESTIONS_A_MINUTE)),
        times=max(each.times for each in found),
        minutes=max(
            1, math.ceil(sum(each.questions * each.times for each in found) / QUESTIONS_A_MINUTE)
        ),
    )


def next_time(invitation: SurveyInvitation, *, at: datetime) -> str:
    """When the person who answered is asked the same again, as far as that is known."""
    plan, occasion = invitation.plan, invitation.occasion
    after_end = sorted(plan.after_end_weeks)
    if plan.ended_at is None and occasion not in SurveyInvitation.AFTERWARDS:
        if plan.every_sessions:
            more = (
                "1 more session"
                if plan.every_sessions == 1
                else (f"{plan.every_sessions} more sessions")
            )
            return f"We ask again after you have come to {more}."
        if plan.every_weeks:
            return f"We ask again {_in_weeks(invitation.arose_at, plan.every_weeks, at=at)}."
        if plan.at_end or after_end:
            return "We ask again when your time in the group has ended."
    if plan.ended_at is None and occasion in SurveyInvitation.AFTERWARDS:
        past = {"end": 0, "follow_up_4": 4, "follow_up_12": 12}[occasion]
        coming = [weeks for weeks in after_end if weeks > past]
        if coming:
            moment = _in_weeks(invitation.arose_at, coming[0] - past, at=at)
            return f"We ask again {moment}."
    return "We do not ask you these questions again."


def _in_weeks(since: datetime, weeks: int, *, at: datetime) -> str:
    """Roughly, because a mail may wait some days: "in about 3 weeks"."""
    left = max(1, round((since + timedelta(weeks=weeks) - at) / timedelta(weeks=1)))
    return "in about a week" if left == 1 else f"in about {left} weeks"
