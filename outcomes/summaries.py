"""What a summary for a clinician says: the same for the preview, the PDF and the FHIR bundle."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from instruments.fhir import CANONICAL, LOINC
from outcomes import fhir, own
from outcomes.disclosure_rules import NOTICE, Told, terms_of
from outcomes.models import Disclosure
from outcomes.own import Attended, CheckIn, OwnCourse
from supportgroups.lib import drawing

#: Check-ins side by side in the document.
_COLUMNS = 4
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


@dataclass(frozen=True)
class Summary:
    """One summary with everything that stands in it."""

    disclosure: Disclosure
    check_ins: Sequence[CheckIn]
    courses: Sequence[OwnCourse]
    attended: Sequence[Attended]
    terms: Sequence[tuple[str, str]]

    @property
    def is_empty(self) -> bool:
        return not self.check_ins and not self.attended

    @property
    def fingerprint(self) -> str:
        """Of everything shown: what was looked at is what is signed."""
        shown = [
            *(str(each.pk) for each in self.check_ins),
            *(f"{row.group} {row.came} {row.held} {row.excused}" for row in self.attended),
            *(" ".join(term) for term in self.terms),
        ]
        return hashlib.sha256("\n".join(shown).encode()).hexdigest()


def zone_of(user: User) -> ZoneInfo:
    return ZoneInfo(user.time_zone)


def summary_of(disclosure: Disclosure, *, at: datetime | None = None) -> Summary:
    """What stands in it: what was signed, or what would be signed now."""
    at = disclosure.signed_at or at or timezone.now()
    user, zone = disclosure.user, zone_of(disclosure.user)
    check_ins = own.check_ins_of(user, zone=zone)
    if disclosure.signed_at is not None:
        signed = set(disclosure.responses.values_list("pk", flat=True))
        check_ins = [each for each in check_ins if each.pk in signed]
    else:
        check_ins = [each for each in check_ins if _is_chosen(each, disclosure)]
    attended: list[Attended] = []
    if disclosure.with_attendance:
        first = disclosure.since
        since = None if first is None else datetime.combine(first, time(), zone)
        attended = own.attended_by(user, since=since)
    courses = own.courses_of(check_ins)
    told = Told(
        organisations=_organisations(user, check_ins, disclosure),
        contents=_contents(disclosure, courses, attended),
        signed_on=timezone.localdate(at, zone),
    )
    return Summary(disclosure, check_ins, courses, attended, terms_of(disclosure, told))


def _is_chosen(check_in: CheckIn, disclosure: Disclosure) -> bool:
    begins = disclosure.since is None or check_in.day >= disclosure.since
    return begins and check_in.code in disclosure.instruments


def _organisations(
    user: User, check_ins: Sequence[CheckIn], disclosure: Disclosure
) -> Sequence[str]:
    """Who keeps what is in it."""
    names = {each.response.invitation.membership.group.organisation.name for each in check_ins}
    if disclosure.with_attendance:
        memberships = user.memberships.select_related("group__organisation")
        names |= {each.group.organisation.name for each in memberships}
    return sorted(names)


def _contents(
    disclosure: Disclosure, courses: Sequence[OwnCourse], attended: Sequence[Attended]
) -> list[str]:
    """What exactly is made known, in sentences."""
    said = []
    for course in courses:
        days = [each.day for each in course.check_ins]
        span = f"of {_day(days[0])}"
        if len(days) > 1:
            span = f"from {_day(days[0])} to {_day(days[-1])}"
        s = "" if len(days) == 1 else "s"
        said.append(f"{len(days)} check-in{s} about {course.name} ({course.short}), {span}.")
    if courses:
        each = "Of each the day, the score and what it is called"
        said.append(f"{each}, and every answer." if disclosure.with_answers else f"{each}.")
    if attended:
        since = f" since {_day(disclosure.since)}" if disclosure.since else ""
        said.append(f"How often I came to sessions of my groups{since}, with their names.")
    return said


def _day(day: date) -> str:
    return date_format(day, "j F Y")


# As a document ------------------------------------------------------------------------------------


def document_data(summary: Summary) -> dict[str, Any]:
    """What `templates/outcomes/summary.typ` is filled with."""
    disclosure = summary.disclosure
    signed_at = disclosure.signed_at or timezone.now()
    made_on = timezone.localdate(signed_at, zone_of(disclosure.user))
    return {
        "title": "Summary of check-ins",
        "made_on": made_on.isoformat(),
        "sender": disclosure.person_name,
        "footer": "Confidential",
        "person": disclosure.person_name,
        "recipient": f"{disclosure.recipient_name}, {disclosure.recipient_organisation}",
        "signature": disclosure.signature,
        "signed_on": _day(made_on),
        "terms": [list(term) for term in summary.terms],
        "notice": NOTICE,
        "courses": [_course_data(course, disclosure) for course in summary.courses],
        "attended": [
            [row.group, f"{row.came} of {row.held}", str(row.excused), _day(row.since.date())]
            for row in summary.attended
        ],
    }


def _course_data(course: OwnCourse, disclosure: Disclosure) -> dict[str, Any]:
    definition = course.definition
    header = ["Date"]
    if definition.has_total:
        header.append("Score")
    if course.names_scores:
        header.append(f"What {course.short} calls it")
    header += [scale.title for scale in course.scales]
    rows = []
    for each, parts in course.rows:
        row = [_day(each.day) + (" (on paper)" if each.is_on_paper else "")]
        if definition.has_total:
            row.append(each.score_words or "No score")
        if course.names_scores:
            row.append(each.response.band.capitalize())
        rows.append([*row, *(part.score_words or "No score" for part in parts)])
    return {
        "heading": f"{course.name[0].upper()}{course.name[1:]} ({course.short})",
        "about": _about(course),
        "header": header,
        "rows": rows,
        "words": [0, 2] if course.names_scores else [0],
        "pictures": [
            {
                "plot": plot_of(line, narrow=not definition.has_total),
                "title": line.title,
                "label": line.label,
            }
            for line in course.lines
            if len(line.known) > 1
        ],
        "asked_by": ", ".join(course.groups) if disclosure.with_attendance else "",
        "answers": _answers(course) if disclosure.with_answers else [],
        "stem": definition.stem,
        "licence": f"{definition.title}. {definition.licence.notice}",
    }


def _answers(course: OwnCourse) -> list[dict[str, Any]]:
    """Every answer: a line a question, a column a check-in, as many as a page holds."""
    check_ins = [each for each, _ in course.rows]
    tables = []
    for start in range(0, len(check_ins), _COLUMNS):
        part = check_ins[start : start + _COLUMNS]
        said = [each.said_to for each in part]
        asked = {key: question for each in said for key, (question, _) in each.items()}
        tables.append(
            {
                "header": ["Question", *(date_format(each.day, "j M Y") for each in part)],
                "rows": [
                    [question, *(each[key][1] if key in each else "Not asked" for each in said)]
                    for key, question in asked.items()
                ],
            }
        )
    return tables


def _about(course: OwnCourse) -> list[str]:
    """How to read the numbers; for a professional."""
    definition = course.definition
    said = []
    if definition.has_total:
        scoring = definition.scoring
        means = "more symptoms" if definition.higher_is_worse else "feeling better"
        said.append(f"Scores go from {scoring.minimum} to {scoring.maximum}; higher means {means}.")
        if definition.reliability is not None and course.least_points:
            known = definition.reliability
            said.append(
                f"A change of {course.least_points} points or more is unlikely to be measurement "
                f"error (Jacobson and Truax; SD {known.sd:g}, {known.coefficient_kind} "
                f"{known.coefficient:g})."
            )
        else:
            said.append("No reliable-change criterion is known here, so none is drawn.")
    for scale in course.scales:
        said.append(f"{scale.title}: from {scale.scoring.minimum} to {scale.scoring.maximum}.")
    if course.unscored:
        said.append("Where questions were left out there is no score. Nothing was estimated.")
    return said


def plot_of(line: own.Line, *, narrow: bool) -> drawing.Plot:
    """The course of one score, drawn as on the person's own page; narrow to stand beside others."""
    return drawing.course_plot(
        line.known,
        highest=line.highest,
        lowest=line.lowest,
        reliable=line.reliable,
        gaps=[day for day, score in line.scores if score is None],
        narrow=narrow,
        wide=640,
        words=lambda day: date_format(day, "j M"),
    )


# As FHIR ------------------------------------------------------------------------------------------


def bundle(summary: Summary, *, at: datetime) -> bytes:
    """A collection: the person by the name they gave, the consent, scores, answers if chosen."""
    disclosure = summary.disclosure
    patient = {
        "resourceType": "Patient",
        "id": str(disclosure.pk),
        "name": [{"text": disclosure.person_name}],
    }
    subject = {"reference": f"Patient/{patient['id']}"}
    responses = [each.response for each in summary.check_ins]
    if disclosure.with_answers:
        found = fhir.bundle(responses, patient=patient, at=at)
    else:
        found = fhir.bundle([], patient=patient, at=at)
        for response in responses:
            for score in fhir.observations(response, subject=subject):
                # Which questions were left out is an answer, too.
                score.pop("derivedFrom", None)
                if score.pop("note", None):
                    score["note"] = [{"text": "Estimated from the answered items."}]
                found["entry"].append(_entry(score))
    found["entry"] += [
        _entry(_sessions(disclosure, row, number, subject))
        for number, row in enumerate(summary.attended)
    ]
    told = [entry["resource"] for entry in found["entry"]]
    found["entry"].insert(1, _entry(_consent(summary, subject, told)))
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    kind, key = resource["resourceType"], resource["id"]
    return {"fullUrl": f"{CANONICAL}/{kind}/{key}", "resource": resource}


def _sessions(
    disclosure: Disclosure, row: Attended, number: int, subject: dict[str, Any]
) -> dict[str, Any]:
    signed_at = disclosure.signed_at or timezone.now()
    return {
        "resourceType": "Observation",
        "id": f"{disclosure.pk}-sessions-{number}",
        "status": "final",
        "code": {"text": f"Sessions attended of those held: {row.group}"},
        "subject": subject,
        "effectivePeriod": {"start": _moment(row.since), "end": _moment(signed_at)},
        "valueRatio": {"numerator": {"value": row.came}, "denominator": {"value": row.held}},
        "note": [{"text": f"Excused: {row.excused}, not among those held."}],
    }


def _consent(
    summary: Summary, subject: dict[str, Any], told: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    disclosure = summary.disclosure
    signed_at = disclosure.signed_at or timezone.now()
    zone = zone_of(disclosure.user)
    words = [*summary.terms, ("Signature", disclosure.signature), ("Notice", NOTICE)]
    ends = datetime.combine(disclosure.ends_on, time(23, 59, 59), zone)
    return {
        "resourceType": "Consent",
        "id": f"{disclosure.pk}-consent",
        "contained": [
            {
                "resourceType": "Practitioner",
                "id": "recipient",
                "name": [{"text": disclosure.recipient_name}],
            },
            {
                "resourceType": "Organization",
                "id": "recipient-organisation",
                "name": disclosure.recipient_organisation,
            },
        ],
        "status": "active",
        "scope": _coded(f"{_TERMINOLOGY}/consentscope", "patient-privacy"),
        "category": [_coded(LOINC, "59284-0")],
        "patient": subject,
        "dateTime": _moment(signed_at),
        "policy": [{"uri": "https://www.ecfr.gov/current/title-42/part-2/section-2.31"}],
        "verification": [
            {"verified": True, "verifiedWith": subject, "verificationDate": _moment(signed_at)}
        ],
        "provision": {
            "type": "permit",
            "period": {"start": _moment(signed_at), "end": _moment(ends)},
            "actor": [
                {
                    "role": _coded(f"{_TERMINOLOGY}/v3-ParticipationType", "IRCP"),
                    "reference": {"reference": reference},
                }
                for reference in ("#recipient", "#recipient-organisation")
            ],
            "data": [
                {
                    "meaning": "instance",
                    "reference": {"reference": f"{each['resourceType']}/{each['id']}"},
                }
                for each in told
                if each["resourceType"] not in ("Patient", "Questionnaire")
            ],
        },
        "text": {
            "status": "generated",
            "div": _narrative(words),
        },
    }


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _narrative(terms: Sequence[tuple[str, str]]) -> str:
    """The words that were signed, for whoever reads the file without software for it."""
    rows = "".join(f"<p><b>{escape(name)}:</b> {escape(words)}</p>" for name, words in terms)
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{rows}</div>'
