"""What a person reads about themselves: their check-ins, the course of each score, who came when.

Says what changed and whether by more than the questions' own ups and downs, never why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import floor
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.formats import date_format

from accounts.models import User
from instruments.models import Instrument
from instruments.schema import Definition, Direction, Scale, Scoring
from outcomes.models import Disclosure, Response
from outcomes.rules import plain_name, short_title
from outcomes.statistics.change import change_criterion
from safeguarding.models import Concern
from sessions.models import Attendance, SupportSession

# One's own check-ins ------------------------------------------------------------------------------


def responses_of(user: User) -> QuerySet[Response]:
    """Everything this person has sent, oldest first."""
    return (
        Response.objects.filter(invitation__membership__user=user, submitted_at__isnull=False)
        .select_related(
            "instrument__organisation",
            "invitation__plan",
            "invitation__membership__group__organisation",
            "entered_by",
        )
        .order_by("submitted_at", "pk")
    )


def points(value: Decimal | float | str | None) -> str:
    """A score as it is written: 12, or 1.8."""
    return "" if value is None else f"{Decimal(str(value)).normalize():f}"


@dataclass(frozen=True)
class Part:
    """The score of a part of the questions; no words where too much was left out."""

    scale: Scale
    score_words: str
    band: str


@dataclass(frozen=True)
class CheckIn:
    """Answers that were sent, wherever they count: a copy for another group is no second one."""

    response: Response
    definition: Definition
    day: date
    groups: tuple[str, ...]

    @property
    def pk(self) -> UUID:
        return self.response.pk

    @property
    def code(self) -> str:
        return self.response.instrument.code

    @property
    def score(self) -> Decimal | None:
        return self.response.score

    @property
    def score_words(self) -> str:
        return points(self.score)

    @property
    def is_on_paper(self) -> bool:
        return self.response.way == Response.Way.PAPER

    @property
    def is_shared(self) -> bool:
        return len(self.groups) > 1

    @property
    def summary(self) -> str:
        """What unfolds its answers."""
        return f"Answers of {date_format(self.day, 'j F Y')}"

    @property
    def parts(self) -> list["Part"]:
        """The scores of parts of the questions, as far as there are any."""
        return [self.part(scale) for scale in self.definition.scales]

    def part(self, scale: Scale) -> "Part":
        kept = self.response.scales.get(scale.id, {})
        return Part(scale, points(kept.get("total")), kept.get("band") or "")

    @property
    def said_to(self) -> dict[str, tuple[str, str]]:
        """Item id -> the question and the answer, both in words, in the order of asking."""
        answers = self.response.answers
        return {
            item.id: (
                item.text,
                "Rather not say" if answers[item.id] is None else item.label_of(answers[item.id]),
            )
            for item in self.definition.all_items
            if item.id in answers
        }

    @property
    def said(self) -> list[tuple[str, str]]:
        """Each question that was answered, and the answer."""
        return list(self.said_to.values())


def day_of(response: Response, zone: ZoneInfo) -> date:
    """The day on which it was answered: on paper the one that stands there."""
    if response.answered_on is not None:
        return response.answered_on
    return (response.submitted_at or response.saved_at).astimezone(zone).date()


def check_ins_of(user: User, *, zone: ZoneInfo) -> list[CheckIn]:
    """The person's own check-ins, oldest first."""
    definitions: dict[UUID, Definition] = {}
    copies: dict[UUID, list[Response]] = {}
    roots = []
    for response in responses_of(user):
        if response.shared_from_id is None:
            roots.append(response)
        else:
            copies.setdefault(response.shared_from_id, []).append(response)
    found = []
    for response in roots:
        instrument = response.instrument
        if instrument.pk not in definitions:
            definitions[instrument.pk] = instrument.parsed()
        asked_by = [
            each.invitation.membership.group.name
            for each in [response, *copies.get(response.pk, ())]
        ]
        found.append(
            CheckIn(
                response,
                definitions[instrument.pk],
                day_of(response, zone),
                tuple(dict.fromkeys(asked_by)),
            )
        )
    return sorted(found, key=lambda each: (each.day, each.response.submitted_at))


# What deleting means ------------------------------------------------------------------------------


def unfinished_of(user: User) -> QuerySet[Response]:
    """Answers that were saved and never sent."""
    return Response.objects.filter(invitation__membership__user=user, submitted_at__isnull=True)


def answers_to_delete(user: User, responses: Sequence[UUID] | None) -> QuerySet[Response]:
    """These check-ins with their copies for other groups; None is all that was ever answered."""
    mine = Response.objects.filter(invitation__membership__user=user)
    if responses is not None:
        mine = mine.filter(Q(pk__in=responses) | Q(shared_from__in=responses))
    return mine.select_related("invitation__membership__group").order_by("pk")


@dataclass(frozen=True)
class Stays:
    """What deleting leaves, or takes with it."""

    #: Organisations that keep a concern because of an answer.
    organisations: Sequence[str]
    #: How many summaries for a clinician end with it.
    summaries: int
    is_on_paper: bool


def what_stays(user: User, responses: Sequence[UUID] | None) -> Stays:
    """What somebody should know before they delete these check-ins."""
    found = answers_to_delete(user, responses)
    concerns = Concern.objects.filter(about=user, source=Concern.Source.SURVEY)
    if responses is not None:
        opened = Q(pk__in=[])
        for pk in found.values_list("pk", flat=True):
            opened |= Q(occasion__startswith=f"survey:{pk}:")
        concerns = concerns.filter(opened)
    names = concerns.order_by("organisation__name").values_list("organisation__name", flat=True)
    return Stays(
        organisations=list(names.distinct()),
        summaries=Disclosure.objects.standing()
        .filter(user=user, responses__in=found.values("pk").order_by())
        .distinct()
        .count(),
        is_on_paper=found.filter(way=Response.Way.PAPER).exists(),
    )


# The course of a score ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One number over time: the score of all questions, or of a part of them."""

    title: str
    scores: Sequence[tuple[date, float | None]]
    lowest: float
    highest: float
    higher_is_worse: bool
    #: The change that is unlikely to be chance, in points; None where that is not known.
    reliable: float | None = None
    label: str = ""

    @property
    def known(self) -> list[tuple[date, float]]:
        return [(day, score) for day, score in self.scores if score is not None]


@dataclass(frozen=True)
class OwnCourse:
    """One questionnaire's check-ins as a person reads them about themselves."""

    instrument: Instrument
    definition: Definition
    check_ins: Sequence[CheckIn]
    heading: str
    #: What a chart shows: the total, or each part of a questionnaire that makes none.
    lines: Sequence[Line]

    @property
    def code(self) -> str:
        return self.instrument.code

    @property
    def name(self) -> str:
        return plain_name(self.instrument)

    @property
    def short(self) -> str:
        return short_title(self.instrument)

    @property
    def figure_id(self) -> str:
        """The id of its heading on a page."""
        return f"course-{self.code}"

    @property
    def scales(self) -> Sequence[Scale]:
        """Parts with a score of their own."""
        return self.definition.scales

    @property
    def has_score(self) -> bool:
        """Whether the answers make one number or several."""
        return self.definition.has_total or bool(self.scales)

    @property
    def reliable(self) -> float | None:
        return self.lines[0].reliable if self.lines else None

    @property
    def least_points(self) -> int | None:
        """The smallest whole change that is unlikely to be chance."""
        return None if self.reliable is None else floor(self.reliable) + 1

    @property
    def unscored(self) -> int:
        """How many check-ins have no score because too much was left out."""
        if not self.has_score:
            return 0
        return sum(
            each.score is None and not any(part.score_words for part in each.parts)
            for each in self.check_ins
        )

    @property
    def groups(self) -> list[str]:
        """The groups that asked, by name."""
        return sorted({name for each in self.check_ins for name in each.groups})

    @property
    def names_scores(self) -> bool:
        """Whether the questionnaire has a name for each score."""
        return self.definition.has_total and bool(self.definition.bands)

    @property
    def says_where(self) -> bool:
        """Whether the table has to say where each check-in came from, and how."""
        return len(self.groups) > 1 or any(each.is_on_paper for each in self.check_ins)

    @property
    def rows(self) -> list[tuple[CheckIn, list[Part]]]:
        """For the table: the latest first, as on a phone nobody looks for the start."""
        return [
            (each, [each.part(scale) for scale in self.scales]) for each in reversed(self.check_ins)
        ]


def courses_of(check_ins: Sequence[CheckIn]) -> list[OwnCourse]:
    """One course a questionnaire, in the order in which they are asked."""
    found: dict[str, list[CheckIn]] = {}
    for each in check_ins:
        found.setdefault(each.code, []).append(each)
    courses = [course_of(listed) for listed in found.values()]
    return sorted(
        courses, key=lambda course: course.check_ins[-1].response.invitation.plan.position
    )


def course_of(check_ins: Sequence[CheckIn]) -> OwnCourse:
    """Put the check-ins of one questionnaire into words."""
    latest = check_ins[-1]
    instrument, definition = latest.response.instrument, latest.definition
    # Another version may count in other points: a line through both would say something untrue.
    same = [each for each in check_ins if _counts_alike(each.definition, definition)]
    name = plain_name(instrument)
    if definition.has_total:
        lines = [_total_line(same, definition, name)]
        heading = _heading(lines[0], name)
    else:
        lines = [_part_line(same, scale) for scale in definition.scales]
        times = len(check_ins)
        heading = (
            f"Your {times} check-ins about {name}" if times > 1 else f"Your check-in about {name}"
        )
    lines = [line for line in lines if line.known]
    return OwnCourse(instrument, definition, check_ins, heading, lines)


def _counts_alike(one: Definition, other: Definition) -> bool:
    def points_of(scoring: Scoring) -> tuple[object, ...]:
        return (scoring.method, scoring.minimum, scoring.maximum)

    return points_of(one.scoring) == points_of(other.scoring) and {
        scale.id: points_of(scale.scoring) for scale in one.scales
    } == {scale.id: points_of(scale.scoring) for scale in other.scales}


def _total_line(check_ins: Sequence[CheckIn], definition: Definition, name: str) -> Line:
    known = definition.reliability
    return _line(
        f"{name} score",
        [(each.day, None if each.score is None else float(each.score)) for each in check_ins],
        definition.scoring,
        definition.direction,
        change_criterion(sd=known.sd, reliability=known.coefficient) if known else None,
    )


def _part_line(check_ins: Sequence[CheckIn], scale: Scale) -> Line:
    scores = [
        (each.day, float(words) if (words := each.part(scale).score_words) else None)
        for each in check_ins
    ]
    return _line(scale.title, scores, scale.scoring, scale.direction, None)


def _line(
    title: str,
    scores: Sequence[tuple[date, float | None]],
    scoring: Scoring,
    direction: Direction,
    reliable: float | None,
) -> Line:
    low, high = float(scoring.minimum), float(scoring.maximum)
    known = [score for _, score in scores if score is not None]
    label = ""
    if known:
        label = (
            f"Line chart of {len(known)} {title}{'' if len(known) == 1 else 's'}, from "
            f"{known[0]:g} at the start to {known[-1]:g} now, on a scale from {low:g} to {high:g}. "
            "The numbers are in the table below."
        )
    worse = direction is Direction.HIGHER_IS_WORSE
    return Line(title, scores, low, high, worse, reliable, label)


def _heading(line: Line, name: str) -> str:
    """What the scores say, in a sentence that gives no reason for it."""
    known = line.known
    if not known:
        return f"Your {name} check-ins have no score yet"
    (began, first), (last, latest) = known[0], known[-1]
    if len(known) == 1:
        return f"Your first {name} score is {first:g}"
    difference = latest - first
    when = f"in {began:%B}" if (last - began).days < 330 else f"in {began:%B %Y}"
    if (began.year, began.month) == (last.year, last.month):
        when = f"on {began.day} {began:%B}"
    if not difference:
        return f"Your {name} score is the same as {when}"
    if line.reliable is None:
        return f"Your {name} score is {latest:g}. It was {first:g} {when}"
    if abs(difference) <= line.reliable:
        return f"Your {name} score is about where it was {when}"
    direction = "lower" if difference < 0 else "higher"
    return f"Your {name} score is {abs(difference):g} {direction} than {when}"


# Sessions -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attended:
    """How often a person came to a group's held sessions. Who said that they cannot come is apart:
    nobody is shown as missing who said so."""

    group: str
    came: int
    held: int
    excused: int
    since: datetime


def attended_by(user: User, *, since: datetime | None = None) -> list[Attended]:
    """The person's groups with how often they came, by name."""
    seen = Attendance.objects.filter(
        membership__user=user, support_session__status=SupportSession.Status.ENDED
    ).exclude(status=Attendance.Status.EXPECTED)
    if since is not None:
        seen = seen.filter(support_session__starts_at__gte=since)
    excused = Q(status=Attendance.Status.EXCUSED)
    rows = (
        seen.values(group=F("support_session__group__name"))
        .annotate(
            came=Count("pk", filter=Q(status__in=Attendance.CAME)),
            held=Count("pk", filter=~excused),
            excused=Count("pk", filter=excused),
            since=Min("support_session__starts_at"),
        )
        .order_by("group")
    )
    return [Attended(**row) for row in rows]


def latest_sessions_of(user: User) -> list[Attendance]:
    """The last 12 held sessions, oldest first, without excused ones."""
    latest = (
        Attendance.objects.filter(
            membership__user=user, support_session__status=SupportSession.Status.ENDED
        )
        .exclude(status=Attendance.Status.EXCUSED)
        .select_related("support_session")
        .order_by("-support_session__starts_at")[:12]
    )
    return list(latest)[::-1]
