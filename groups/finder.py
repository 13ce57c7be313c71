"""What visitors search: which listed groups fit, how many each filter would leave. Never writes.

One statement answers it all. It looks once at every listed group and notes, as bits, which of the
chosen filters the group misses. A group that misses none is found; one that misses a single
filter counts beside that filter's other values and is a way out of an empty result; one that
misses few is near. Only the groups of the page are loaded as models, by whoever shows them.
"""

import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf.locale import LANG_INFO
from django.db import connection

from groups import rules
from groups.models import Membership, SupportGroup, Topic

PAGE_SIZE = 10
#: Kilometres to choose from.
RADII = (5, 10, 25, 50, 100)

#: Who looks for one of the first two also finds what is both; the third is both and nothing else.
_FORMATS = {
    "online": "Online",
    "in_person": "In person",
    "hybrid": "Online or in person: choose each time",
}
_LEADS = {"peer_led": "Trained peers", "professionally_led": "A professional"}
_PARTS = {"morning": "Mornings", "afternoon": "Afternoons", "evening": "Evenings"}
_DAYS = {
    "mon": "Mondays",
    "tue": "Tuesdays",
    "wed": "Wednesdays",
    "thu": "Thursdays",
    "fri": "Fridays",
    "sat": "Saturdays",
    "sun": "Sundays",
}
_ATTENDANCE = {"open": "Come when you can", "closed": "The same people each time"}
_PLACES = {"free": "Has places left"}
_FEATURES = {feature.value: str(feature.label) for feature in SupportGroup.Accessibility}
_RADII = {str(radius): f"Within {radius} km" for radius in RADII}

#: Filter -> its values and their words. Topics and languages come from the groups themselves.
LABELS: Mapping[str, Mapping[str, str]] = {
    "format": _FORMATS,
    "radius": _RADII,
    "part": _PARTS,
    "day": _DAYS,
    "lead": _LEADS,
    "attendance": _ATTENDANCE,
    "places": _PLACES,
    "access": _FEATURES,
}
LEGENDS = {
    "format": "How you meet",
    "radius": "How far away",
    "part": "Time of day",
    "day": "Weekday",
    "lead": "Who leads it",
    "attendance": "Who comes",
    "places": "Places",
    "access": "What you need there",
    "language": "Language",
    "condition": "About a condition",
    "identity": "For people like you",
    "wellbeing": "About wellbeing",
}
#: What can be missed, a bit each. The words that were typed are the first.
_FILTERS = ("q", *LABELS, "language", "topic")
BIT = {name: 1 << number for number, name in enumerate(_FILTERS)}
_WHEN = BIT["part"] | BIT["day"]


@dataclass(frozen=True)
class Choice:
    """What somebody searches for: words, for each filter the chosen values, and near where."""

    words: str = ""
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Latitude and longitude, rounded to two decimals.
    near: tuple[float, float] | None = None

    @property
    def count(self) -> int:
        """How many filter values are on."""
        return sum(len(values) for values in self.chosen.values()) + (self.near is not None)

    def of(self, name: str) -> Sequence[str]:
        """The values chosen of one filter."""
        return self.chosen.get(name, ())


@dataclass(frozen=True)
class Option:
    """One value of a filter. `count` is what the list would hold if it alone were chosen here."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """One filter with its options. Topics make three of them, by kind, under one `name`."""

    name: str
    legend: str
    options: Sequence[Option]
    #: Options shown at once; the rest is folded away.
    shown: int = 8

    @property
    def first(self) -> Sequence[Option]:
        return self.options[: self.shown]

    @property
    def rest(self) -> Sequence[Option]:
        return self.options[self.shown :]


@dataclass(frozen=True)
class Way:
    """A way out of an empty result: the list without one filter, and how many groups that gives."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Hit:
    """One group of the answer. `misses` are the chosen filters that it does not fit."""

    pk: UUID
    km: float | None = None
    misses: frozenset[str] = frozenset()
    #: A course that takes nobody new.
    begun: bool = False


@dataclass(frozen=True)
class Found:
    """The whole answer: how many, one page of them, the filters with counts, and what is near."""

    total: int
    hits: Sequence[Hit]
    nearest: Sequence[Hit]
    facets: Sequence[Facet]
    ways: Sequence[Way]
    #: What was probably meant, when no group says what was typed.
    meant: str = ""


# What a group has, as bits ------------------------------------------------------------------------


def _has() -> dict[str, str]:
    """For each value of the plain filters, the condition that a listed group `g` has it."""
    conditions = {
        "format=online": "g.format <> 'in_person'",
        "format=in_person": "g.format <> 'online'",
        "format=hybrid": "g.format = 'hybrid'",
        "lead=peer_led": "g.facilitation = 'peer_led'",
        "lead=professionally_led": "g.facilitation = 'professionally_led'",
        "attendance=open": "g.attendance = 'open'",
        "attendance=closed": "g.attendance = 'closed'",
        "places=free": "coalesce(seats.held, 0) < g.capacity AND begun.group_id IS NULL",
    }
    conditions |= {f"radius={radius}": f"far.km <= {radius}" for radius in RADII}
    conditions |= {
        f"access={feature}": f"'{feature}' = ANY(g.accessibility_features)" for feature in _FEATURES
    }
    return conditions


_HAS = _has()
_HAS_BIT = {value: 1 << number for number, value in enumerate(_HAS)}
#: Weekday and part of day of a session, together one of 21 bits.
_SLOT = {
    (day, part): 1 << (3 * d + p) for d, day in enumerate(_DAYS) for p, part in enumerate(_PARTS)
}


def _has_mask(name: str, values: Iterable[str]) -> int:
    return sum(_HAS_BIT[f"{name}={value}"] for value in set(values))


def _slots(days: Iterable[str], parts: Iterable[str]) -> int:
    """The bits of these weekdays and parts of the day; none chosen means any."""
    days, parts = set(days) or set(_DAYS), set(parts) or set(_PARTS)
    return sum(bit for (day, part), bit in _SLOT.items() if day in days and part in parts)


def _bits(conditions: Mapping[str, int]) -> str:
    """SQL that adds the bits whose condition holds."""
    return " + ".join(f"CASE WHEN {sql} THEN {bit} ELSE 0 END" for sql, bit in conditions.items())


# What was typed -----------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"(?<=\w)[-–—/_&+](?=\w)")
#: "quotes" and a -minus are the reader's own rules; then nothing is guessed.
_OPERATOR = re.compile(r"\"|(?:^|\s)-\w")
_MOST_WORDS = 8


@dataclass(frozen=True)
class Typed:
    """Words as they are looked for. `meant` replaces words that no group says, for the reader."""

    words: str = ""
    single: Sequence[str] = ()
    #: The same with other spellings, in the database's own language for such queries.
    spelt: str = ""
    meant: str = ""

    @property
    def begun(self) -> str:
        """The last word, which may be unfinished."""
        return self.single[-1] if self.single and len(self.single[-1]) >= 3 else ""


def _typed(words: str) -> Typed:
    words = " ".join(words.replace("\x00", " ").split())
    if _OPERATOR.search(words):
        return Typed(words)
    words = _JOINED.sub(" ", words)
    plain = unicodedata.normalize("NFKD", words.lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return Typed(words, _WORD.findall(plain)[:_MOST_WORDS])


def slips(one: str, other: str) -> int:
    """How many letters were left out, added, changed or swapped with the next one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, its in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


#: Whether listed groups say each word, and their words that look like it. pg_trgm's index knows one
#: threshold, which is set for this statement alone. Not materialised: each use finds by its index.
_SPELLING = """
WITH asked AS MATERIALIZED (
    SELECT word, forms[1] AS stem,
        plainto_tsquery('english', word) || plainto_tsquery('simple', word) AS query,
        set_config('pg_trgm.word_similarity_threshold', '0.3', true)
    FROM (SELECT DISTINCT lower(unaccent(w)) AS word FROM unnest(%(long_words)s::text[]) w) typed,
    LATERAL (SELECT tsvector_to_array(to_tsvector('english', word)) AS forms) stems
    WHERE cardinality(forms) > 0
),
entry AS NOT MATERIALIZED (
    SELECT e.* FROM groups_searchentry e JOIN groups_supportgroup g ON g.id = e.group_id
    WHERE g.lifecycle = 'listed'
),
alike AS (
    SELECT DISTINCT word, its
    FROM asked, LATERAL (
        SELECT words FROM entry e WHERE word <%% e.words AND NOT e.document @@ query
        ORDER BY word_similarity(word, e.words) DESC LIMIT 200
    ) nearest,
    LATERAL regexp_split_to_table(words, '[^[:alnum:]]+') its
    WHERE length(its) BETWEEN 3 AND 40 AND similarity(word, its) >= 0.2
)
SELECT word, stem, EXISTS (SELECT FROM entry WHERE document @@ query), (
    SELECT coalesce(json_agg(json_build_array(
        its, (tsvector_to_array(to_tsvector('english', its)))[1])), '[]')
    FROM (
        SELECT its FROM alike a WHERE a.word = asked.word
        ORDER BY similarity(word, its) DESC LIMIT 30
    ) best)
FROM asked
UNION ALL
SELECT form, NULL, true, NULL FROM unnest(%(forms)s::text[]) form
WHERE EXISTS (SELECT FROM entry WHERE document @@ phraseto_tsquery('simple', unaccent(form)))
"""


def _spellings(
    word: str, stem: str, looks_like: Sequence[tuple[str, str | None]], *, known: bool
) -> list[str]:
    """Words of the directory that were perhaps meant.

    Of a word that groups say, only its near relatives: grieving and grief.
    """
    if known:
        return [
            its
            for its, its_stem in looks_like
            if its_stem and its_stem[:4] == stem[:4] and len(stem) > 4 and slips(stem, its_stem) < 2
        ]
    far = {
        its: min(slips(word, its), slips(stem, its_stem) if its_stem else 9)
        for its, its_stem in looks_like
    }
    nearest = min(far.values(), default=9)
    return [its for its, n in far.items() if n == nearest and n <= (1 if len(word) < 6 else 2)]


def _swapped(word: str) -> Iterator[str]:
    """The word with two neighbouring letters swapped: what trigrams of a short word do not see."""
    for i, (one, two) in enumerate(itertools.pairwise(word)):
        if one != two:
            yield f"{word[:i]}{two}{one}{word[i + 2 :]}"


def _spell(typed: Typed) -> Typed:
    """Ask which of the words groups say, and put others beside them."""
    single = typed.single
    joined = {f"{one}{two}": i for i, (one, two) in enumerate(itertools.pairwise(single))}
    parted = {
        f"{word[:i]} {word[i:]}": place
        for place, word in enumerate(single)
        for i in range(3, min(len(word), 30) - 2)
    }
    long_words = [word for word in single if 4 <= len(word) <= 40]
    if not long_words:
        return typed
    swapped = {word: list(_swapped(word)) for word in long_words if len(word) <= 20}
    asked = list(dict.fromkeys([*joined, *parted, *itertools.chain(*swapped.values())]))
    with connection.cursor() as cursor:
        cursor.execute(_SPELLING, {"long_words": long_words, "forms": asked})
        rows = cursor.fetchall()
    forms = [[word] for word in single]
    meant = list(single)
    said = [word for word, stem, _, _ in rows if stem is None]
    for form in said:  # "post natal" for "postnatal", and the other way round
        for place in [joined[form], joined[form] + 1] if form in joined else []:
            forms[place].append(form)
        if form in parted:
            forms[parted[form]].append(form)
    for word, stem, known, looks_like in rows:
        if stem is None:
            continue
        pairs = json.loads(looks_like) if isinstance(looks_like, str) else looks_like
        spellings = _spellings(word, stem, pairs, known=known)
        if not known:
            nearest = [form for form in swapped.get(word, []) if form in said]
            spellings = list(dict.fromkeys([*nearest, *spellings]))
        for place in (place for place, one in enumerate(single) if one == word):
            forms[place] += spellings
            if spellings and not known:
                meant[place] = spellings[0]
    return replace(
        typed, spelt=_query(forms), meant=" ".join(meant) if meant != list(single) else ""
    )


def _query(forms: Sequence[Sequence[str]]) -> str:
    """One of the forms of every word, each of them perhaps two words that follow each other."""
    return " & ".join(
        "({})".format(" | ".join("({})".format(" <-> ".join(form.split())) for form in of_word))
        for of_word in forms
    )


#: Word forms in every language of the listed groups, the last word perhaps unfinished, and other
#: spellings. The weights of the document rank them: name, topics, purpose, place.
_MATCHES = """
configurations AS (
    SELECT DISTINCT groups_search_configuration(language) AS configuration
    FROM (SELECT DISTINCT language FROM listed UNION SELECT 'en' UNION SELECT '') spoken
),
query AS MATERIALIZED (
    SELECT
        coalesce(
            string_agg('(' || part || ')', ' | ') FILTER (WHERE part <> ''), ''
        )::tsquery AS all_words,
        replace(
            plainto_tsquery('english', unaccent(%(words)s))::text, '&', '|'
        )::tsquery AS any_word
    FROM configurations, LATERAL (
        SELECT websearch_to_tsquery(configuration, unaccent(%(words)s))::text AS part
        UNION ALL
        SELECT to_tsquery(configuration, %(spelt)s)::text
        UNION ALL
        SELECT (
            plainto_tsquery(configuration, unaccent(%(before)s))
            && to_tsquery('simple', '''' || translate(unaccent(%(begun)s), '''\\', '') || ''':*')
        )::text
        WHERE %(begun)s <> ''
    ) parts
),
matches AS MATERIALIZED (
    SELECT e.group_id, ts_rank(e.document, all_words) AS rank
    FROM query JOIN groups_searchentry e ON e.document @@ all_words
),
"""
_NO_MATCHES = """
matches AS (SELECT NULL::uuid AS group_id, NULL::float AS rank WHERE false),
"""


# The statement ------------------------------------------------------------------------------------

#: A zone that the database does not know must not end the search.
_ROWS = """
WITH listed AS MATERIALIZED (
    SELECT id, name, format, facilitation, attendance, language, capacity, course_sessions, place,
        accessibility_features, time_zone,
        latitude::float AS latitude, longitude::float AS longitude
    FROM groups_supportgroup WHERE lifecycle = 'listed'
),
zones AS MATERIALIZED (
    SELECT name, CASE WHEN name ~ '^\\w+(/[-+\\w]+)+$'
        AND pg_input_is_valid('2000-01-01 ' || name, 'timestamptz') THEN name
        ELSE 'UTC' END AS known
    FROM (SELECT DISTINCT time_zone AS name FROM listed UNION SELECT %(zone)s) names
),
seats AS MATERIALIZED (
    SELECT group_id, count(*) AS held FROM groups_membership
    WHERE status = ANY(%(holding)s) GROUP BY group_id
),
-- As rules.course_began(): the first session of a course's present run has begun.
begun AS MATERIALIZED (
    SELECT g.id AS group_id FROM listed g
    LEFT JOIN {series} r ON r.group_id = g.id AND r.ended_at IS NULL
    CROSS JOIN LATERAL (
        SELECT max(s.starts_at) FILTER (WHERE s.starts_at <= %(at)s) AS latest_at,
            min(s.starts_at) FILTER (WHERE s.starts_at > %(at)s) AS coming_at,
            bool_or(s.series_id = r.id) FILTER (WHERE s.starts_at <= %(at)s) AS own,
            (array_agg(s.series_id ORDER BY s.starts_at DESC)
                FILTER (WHERE s.starts_at <= %(at)s))[1] AS latest
        FROM {sessions} s WHERE s.group_id = g.id AND s.status <> 'cancelled'
    ) run
    WHERE g.attendance = 'closed' AND run.latest_at IS NOT NULL AND (
        r.id IS NULL OR run.own OR (
            run.coming_at - run.latest_at <= %(longest_pause)s
            AND coalesce(g.course_sessions, 32767) > (
                SELECT count(*) FROM {sessions} s
                WHERE s.group_id = g.id AND s.status <> 'cancelled'
                AND s.starts_at <= %(at)s AND s.series_id = run.latest
            )
        )
    )
),
-- Hours of the wall clock since 1970, which began on a Thursday.
coming AS MATERIALIZED (
    SELECT group_id, min(starts_at) AS next_at, bit_or(1 << (
        3 * ((hour / 24 + 3) %% 7)
        + CASE WHEN hour %% 24 < 12 THEN 0 WHEN hour %% 24 < 17 THEN 1 ELSE 2 END
    )) AS slots
    FROM (
        SELECT s.group_id, s.starts_at,
            floor(date_part('epoch', s.starts_at AT TIME ZONE zones.known) / 3600)::int AS hour
        FROM {sessions} s
        JOIN listed g ON g.id = s.group_id
        JOIN zones ON zones.name =
            CASE WHEN g.format = 'in_person' THEN g.time_zone ELSE %(zone)s END
        WHERE s.status IN ('scheduled', 'live') AND s.ends_at > %(at)s
        OFFSET 0
    ) here
    GROUP BY group_id
),
{matches}
facts AS MATERIALIZED (
    SELECT g.id, g.name, g.language, far.km, coming.next_at, coalesce(coming.slots, 0) AS slots,
        matches.rank, begun.group_id IS NOT NULL AS begun, {has} AS has, {own_misses} AS misses
    FROM listed g
    LEFT JOIN seats ON seats.group_id = g.id
    LEFT JOIN begun ON begun.group_id = g.id
    LEFT JOIN coming ON coming.group_id = g.id
    LEFT JOIN matches ON matches.group_id = g.id
    CROSS JOIN LATERAL (SELECT {km} AS km) far
),
rows AS MATERIALIZED (SELECT *, misses + {misses} AS missed FROM facts),
total AS MATERIALIZED (SELECT count(*) FILTER (WHERE missed = 0) AS number FROM rows)
"""
#: Kilometres on the globe between two coarse points.
_KM = """CASE WHEN g.format <> 'online' THEN 12742 * asin(sqrt(least(1,
    sin(radians(g.latitude - %(latitude)s) / 2) ^ 2
    + cos(radians(g.latitude)) * cos(radians(%(latitude)s))
    * sin(radians(g.longitude - %(longitude)s) / 2) ^ 2))) END"""

_ANSWER = """
SELECT (SELECT number FROM total),
(SELECT json_build_array({counts}) FROM rows),
(SELECT coalesce(json_agg(json_build_array(id, km, missed, begun)), '[]') FROM (
    SELECT id, km, missed, begun FROM rows WHERE missed = 0
    ORDER BY {order} next_at NULLS LAST, name, id
    LIMIT {size} OFFSET {size} * greatest(0,
        least(%(page)s, (SELECT ceil(number / {size}.0) FROM total)) - 1)
) page),
(SELECT coalesce(json_agg(json_build_array(id, km, missed, begun)), '[]') FROM (
    SELECT rows.id, km, missed, begun FROM rows {loosely}
    ORDER BY {loose_order} begun, (missed & {topic} = 0) DESC, bit_count(missed::bit(16)),
        has & {free} = 0, km NULLS LAST, next_at NULLS LAST, name, rows.id
    LIMIT CASE WHEN %(always_near)s OR (SELECT number FROM total) = 0 THEN %(nearest)s ELSE 0 END
) near),
(SELECT coalesce(
    json_agg(json_build_array(t.kind, t.slug, t.name, n) ORDER BY n DESC, t.name), '[]')
FROM groups_topic t JOIN (
    SELECT gt.topic_id, count(*) FILTER (WHERE missed & ~{topic} = 0) AS n
    FROM groups_supportgroup_topics gt JOIN rows ON rows.id = gt.supportgroup_id
    GROUP BY gt.topic_id
) about ON about.topic_id = t.id),
(SELECT coalesce(json_agg(json_build_array(language, n) ORDER BY n DESC, language), '[]') FROM (
    SELECT language, count(*) FILTER (WHERE missed & ~{language} = 0) AS n
    FROM rows GROUP BY language
) spoken)
"""


def _misses(choice: Choice) -> dict[str, int]:
    """For each chosen plain filter, the condition on a row's facts that it misses the filter."""
    missed = {}
    for name in LABELS:
        values = choice.of(name)
        if not values:
            continue
        if name == "part":
            condition = f"slots & {_slots(choice.of('day'), values)} = 0"
        elif name == "day":
            condition = f"slots & {_slots(values, ())} = 0"
        elif name == "access":  # needs: all of them
            mask = _has_mask(name, values)
            condition = f"has & {mask} <> {mask}"
        else:
            condition = f"has & {_has_mask(name, values)} = 0"
        missed[condition] = BIT[name]
    return missed


def _own_misses(choice: Choice) -> dict[str, int]:
    """The same for what is asked of the group itself."""
    missed = {}
    if choice.words:
        missed["matches.group_id IS NULL"] = BIT["q"]
    if choice.of("language"):
        missed["NOT g.language = ANY(%(languages)s)"] = BIT["language"]
    if choice.of("topic"):
        # A topic that is no more leaves nothing out.
        missed[
            "NOT EXISTS (SELECT FROM groups_supportgroup_topics gt WHERE gt.supportgroup_id = g.id"
            " AND gt.topic_id IN (SELECT id FROM groups_topic WHERE slug = ANY(%(topics)s)))"
            " AND EXISTS (SELECT FROM groups_topic WHERE slug = ANY(%(topics)s))"
        ] = BIT["topic"]
    return missed


def _counts(choice: Choice) -> dict[tuple[str, str], str]:
    """For each value of the plain filters: the rows that would be found with it alone.

    And, as the value "", what would be found without that filter.
    """
    conditions = {}
    days, parts = choice.of("day"), choice.of("part")
    for name, labels in LABELS.items():
        fits = f"missed & {~(_WHEN if BIT[name] & _WHEN else BIT[name])} = 0"
        for value in labels:
            if name == "part":
                condition = f"slots & {_slots(days, [value])} <> 0"
            elif name == "day":
                condition = f"slots & {_slots([value], parts)} <> 0"
            else:
                condition = f"has & {_HAS_BIT[f'{name}={value}']} <> 0"
            conditions[name, value] = f"{fits} AND {condition}"
    for name in (*LABELS, "language", "topic", "q"):
        without = f"missed & {~BIT[name]} = 0"
        other = {"part": _slots(days, ()), "day": _slots((), parts)}.get(name)
        if other and days and parts:  # without the day, the part may be met on any
            without = f"missed & {~_WHEN} = 0 AND slots & {other} <> 0"
        conditions[name, ""] = without
    return conditions


def _ask(
    choice: Choice,
    typed: Typed,
    *,
    at: datetime,
    zone: str,
    page: int,
    nearest: int,
    always_near: bool,
) -> tuple[str, dict[str, Any]]:
    """The statement and its parameters. What people say is always a parameter."""
    words, near = typed.words != "", choice.near
    # Sessions stand above groups, so they are known by name only.
    tables: dict[str, str] = {
        name: apps.get_model("support_sessions", model)._meta.db_table
        for name, model in (("sessions", "SupportSession"), ("series", "Series"))
    }
    order = ("km NULLS LAST, " if near else "") + ("rank DESC, " if words else "")
    counted = (f"count(*) FILTER (WHERE {sql})" for sql in _counts(choice).values())
    loosely = (
        "CROSS JOIN query LEFT JOIN groups_searchentry e ON e.group_id = rows.id" if words else ""
    )
    statement = _ROWS.format(
        **tables,
        matches=_MATCHES if words else _NO_MATCHES,
        has=_bits({sql: _HAS_BIT[value] for value, sql in _HAS.items()}),
        own_misses=_bits(_own_misses(choice)) or "0",
        km=_KM if near else "NULL::float",
        misses=_bits(_misses(choice)) or "0",
    ) + _ANSWER.format(
        counts=", ".join(counted),
        order=order,
        size=PAGE_SIZE,
        loosely=loosely,
        loose_order="rank IS NULL, ts_rank(e.document, any_word) DESC, " if words else "",
        topic=BIT["topic"],
        language=BIT["language"],
        free=_HAS_BIT["places=free"],
    )
    latitude, longitude = near or (None, None)
    return statement, {
        "words": typed.words,
        "spelt": typed.spelt,
        "before": " ".join(typed.single[:-1]),
        "begun": typed.begun,
        "at": at,
        "longest_pause": rules.LONGEST_PAUSE,
        "zone": zone,
        "page": max(1, min(page, 10_000)),
        "nearest": nearest,
        "always_near": always_near,
        "latitude": latitude,
        "longitude": longitude,
        "topics": list(choice.of("topic")),
        "languages": list(choice.of("language")),
        # Somebody who waits comes before somebody new.
        "holding": [*Membership.HOLDS_A_SEAT, Membership.Status.WAITLISTED],
    }


def zone_of(group: SupportGroup, zone: tzinfo) -> tzinfo:
    """The clock of a group: the place's own, or the reader's `zone` when it meets online."""
    return ZoneInfo(group.time_zone) if group.meets_at_a_place() else zone


# The answer ---------------------------------------------------------------------------------------


def language_name(code: str) -> str:
    """A language in its readers' words, as far as we know it."""
    info = LANG_INFO.get(code.lower()) or LANG_INFO.get(code.lower().split("-")[0]) or {}
    return str(info.get("name", code))


def _facets(
    choice: Choice,
    counts: Mapping[tuple[str, str], int],
    topics: Sequence[Sequence[Any]],
    languages: Sequence[Sequence[Any]],
) -> list[Facet]:
    """Every filter with its counts. The one that nobody could use is left out."""
    made = {}
    for name, labels in LABELS.items():
        options = [
            Option(value, label, counts[name, value], value in choice.of(name))
            for value, label in labels.items()
        ]
        if name == "access":
            options = [option for option in options if option.count or option.chosen]
        if name != "radius" or choice.near:
            made[name] = Facet(name, LEGENDS[name], options, shown=len(options))
    spoken = [
        Option(code, language_name(code), count, code in choice.of("language"))
        for code, count in languages
    ]
    if len(spoken) > 1 or choice.of("language"):
        made["language"] = Facet("language", LEGENDS["language"], spoken)
    for kind in Topic.Kind.values:
        options = [
            Option(slug, name, count, slug in choice.of("topic"))
            for of_kind, slug, name, count in topics
            if of_kind == kind and (count or slug in choice.of("topic"))
        ]
        # A chosen one is always in sight.
        options.sort(key=lambda option: not option.chosen)
        made[kind] = Facet("topic", LEGENDS[kind], options)
    return [facet for facet in made.values() if facet.options]


def _ways(
    choice: Choice, counts: Mapping[tuple[str, str], int], topics: Sequence[Sequence[Any]]
) -> list[Way]:
    """Filters whose removal alone gives groups, the one that gives most first."""
    labels = {**LABELS, "topic": {slug: name for _, slug, name, _ in topics}}
    ways = []
    for name in (*LABELS, "language", "topic"):
        values = choice.of(name)
        if values and counts[name, ""]:
            known = labels.get(name, {})
            words = (known.get(v, language_name(v)) for v in values)
            joint = " and " if name == "access" else " or "
            ways.append(Way(name, joint.join(words), counts[name, ""]))
    if choice.words and counts["q", ""]:
        ways.append(Way("q", f"“{choice.words}”", counts["q", ""]))
    return sorted(ways, key=lambda way: -way.count)


def _hits(rows: Sequence[Sequence[Any]]) -> list[Hit]:
    return [
        Hit(UUID(pk), km, frozenset(name for name, bit in BIT.items() if missed & bit), begun)
        for pk, km, missed, begun in rows
    ]


def find(
    choice: Choice,
    *,
    at: datetime,
    zone: str,
    page: int = 1,
    nearest: int = 3,
    always_near: bool = False,
) -> Found:
    """Ask the database once. `zone` is the reader's; a group that meets at a place keeps its own.

    `nearest` groups come with an empty result, or always.
    """
    typed = _typed(choice.words)
    if typed.single:
        typed = _spell(typed)
    choice = replace(choice, words=typed.words)
    statement, parameters = _ask(
        choice, typed, at=at, zone=zone, page=page, nearest=nearest, always_near=always_near
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        total, numbers, hits, near, topics, languages = (
            json.loads(value) if isinstance(value, str) else value for value in cursor.fetchone()
        )
    counts = dict(zip(_counts(choice), numbers, strict=True))
    return Found(
        total=total,
        hits=_hits(hits),
        nearest=_hits(near),
        facets=_facets(choice, counts, topics, languages),
        ways=_ways(choice, counts, topics) if not total else [],
        meant=typed.meant if total else "",
    )


def worth_suggesting(hits: Sequence[Hit]) -> list[Hit]:
    """Groups that take people, and fit the topic if any does."""
    open_now = [hit for hit in hits if not hit.begun]
    return [hit for hit in open_now if "topic" not in hit.misses] or open_now
