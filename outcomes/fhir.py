"""Answers and scores as FHIR R4 (4.0.1) resources: plain dicts, out and in.

No resource names a person unless the caller hands over who it is.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from instruments.fhir import (
    CANONICAL,
    LOINC,
    ORDINAL_VALUE,
    STEM,
    NotScorable,
    canonical,
    coding,
    questionnaire,
)
from instruments.models import Instrument
from instruments.schema import Definition, Item, Points
from instruments.scoring import Answers, ScaleScore, Score, items_to_ask, score
from outcomes.models import Response

#: Asked, and the person would rather not say.
_DECLINED = {
    "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
    "valueCode": "asked-declined",
}
_CATEGORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "survey",
            "display": "Survey",
        }
    ]
}
#: Groups within groups; deeper ones are no answers to a questionnaire.
_DEEPEST = 5


# Out ---------------------------------------------------------------------------------------------


def questionnaire_response(
    response: Response, *, subject: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """One person's answers. `subject` is a FHIR Reference to the person, left out otherwise."""
    definition = response.instrument.parsed()
    found: dict[str, Any] = {
        "resourceType": "QuestionnaireResponse",
        "id": str(response.pk),
        "language": definition.language,
        "questionnaire": canonical(definition, owner=owner_of(response.instrument)),
        "status": "completed" if response.submitted_at else "in-progress",
        "authored": _answered(response),
    }
    if subject is not None:
        found["subject"] = dict(subject)
    answered = [
        _answer(definition, item, response.answers[item.id])
        for item in items_to_ask(definition, response.answers)
        if item.id in response.answers
    ]
    return found | ({"item": answered} if answered else {})


def observations(
    response: Response, *, subject: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The score, and that of each scale, as far as there are any; for answers that were sent."""
    if response.submitted_at is None:
        return []
    definition = response.instrument.parsed()
    result = score(definition, response.answers)
    found = []
    if result.total is not None or result.band is not None:
        found.append(_observation(response, definition, result, number=0))
    for number, (scale, part) in enumerate(
        zip(definition.scales, result.scales, strict=True), start=1
    ):
        if part.total is not None:
            found.append(
                _observation(response, definition, part, number=number, scale_title=scale.title)
            )
    for observation in found:
        if subject is not None:
            observation["subject"] = dict(subject)
    return found


def bundle(
    responses: Iterable[Response],
    *,
    patient: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    """Answers, their scores and the questionnaires they answer, to hand over as one.

    `patient` is a Patient resource with an `id`, if the receiver is to know who it is.
    """
    subject = {"reference": f"Patient/{patient['id']}"} if patient else None
    asked: dict[str, dict[str, Any]] = {}
    resources = [dict(patient)] if patient else []
    for response in responses:
        instrument = response.instrument
        resource = questionnaire(instrument.parsed(), owner=owner_of(instrument))
        asked.setdefault(f"{resource['url']}|{resource['version']}", resource)
        resources.append(questionnaire_response(response, subject=subject))
        resources += observations(response, subject=subject)
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    if at is not None:
        found["timestamp"] = _moment(at)
    entries = [
        {"fullUrl": f"{CANONICAL}/{each['resourceType']}/{each['id']}", "resource": each}
        for each in [*resources, *asked.values()]
    ]
    return found | ({"entry": entries} if entries else {})


def owner_of(instrument: Instrument) -> str:
    """Whose own wording it is, for its canonical name; empty for what comes with the software."""
    return instrument.organisation.slug if instrument.organisation else ""


def _answer(definition: Definition, item: Item, value: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"linkId": item.id, "text": item.text}
    if value is None:
        return {"extension": [_DECLINED], **found}
    option = next(option for option in item.options if option.value == value)
    return found | {"answer": [{"valueCoding": coding(definition, option)}]}


def _observation(
    response: Response,
    definition: Definition,
    result: Score | ScaleScore,
    *,
    number: int,
    scale_title: str = "",
) -> dict[str, Any]:
    """A score: number 0 is the total, the others are scales in their order."""
    name = f"{definition.code}.{result.id}" if isinstance(result, ScaleScore) else definition.code
    code: dict[str, Any] = {
        "coding": [{"system": f"{CANONICAL}/CodeSystem/score", "code": name}],
        "text": f"{definition.title}: {scale_title or 'score'}",
    }
    if not number and definition.loinc and definition.loinc.total:
        code["coding"].insert(0, {"system": LOINC, "code": definition.loinc.total})
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"{response.pk}-{number}",
        "status": "final",
        "category": [_CATEGORY],
        "code": code,
        "effectiveDateTime": _answered(response),
        "method": {"text": f"Scored with version {definition.version} of the questionnaire"},
        "derivedFrom": [{"reference": f"QuestionnaireResponse/{response.pk}"}],
    }
    if result.total is not None:
        found["valueQuantity"] = {
            "value": _number(result.total),
            "unit": "score",
            "system": "http://unitsofmeasure.org",
            "code": "{score}",
        }
        if result.band and definition.shows_bands:
            found["interpretation"] = [{"text": result.band}]
    else:
        found["valueCodeableConcept"] = {"text": result.band}
    if result.prorated:
        missing = ", ".join(result.missing)
        found["note"] = [
            {"text": f"Estimated from the answered items. Without an answer: {missing}."}
        ]
    return found


def _number(points: Points) -> int | float:
    return points if isinstance(points, int) else float(points)


def _answered(response: Response) -> str:
    """When it was answered: on paper the day that stands there."""
    if response.answered_on is not None:
        return response.answered_on.isoformat()
    return _moment(response.submitted_at or response.saved_at)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


# In ----------------------------------------------------------------------------------------------


def answers_from(resource: Any, definition: Definition, *, owner: str = "") -> Answers:
    """The answer sheet in a QuestionnaireResponse to this definition. Raises `NotScorable`.

    An item without an answer is one that was not reached, unless it says that it was declined.
    """
    problems: list[str] = []
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "QuestionnaireResponse":
        raise NotScorable("This is no FHIR QuestionnaireResponse: “resourceType” says otherwise.")
    _check_asked(resource, canonical(definition, owner=owner), problems)
    answers: dict[str, int | None] = {}
    _collect(resource, definition, answers, problems, depth=0)
    shown = {item.id for item in items_to_ask(definition, answers)}
    problems += [
        f"Item “{item_id}” was answered, but the other answers leave it out."
        for item_id in answers
        if item_id not in shown
    ]
    if problems:
        raise NotScorable(*problems)
    return answers


def _check_asked(resource: Mapping[str, Any], asked: str, problems: list[str]) -> None:
    answered = resource.get("questionnaire")
    url, _, _ = asked.partition("|")
    if answered is not None and answered not in (asked, url):
        problems.append(f"These are answers to {answered!r:.120}, not to {asked}.")
    if resource.get("status") not in ("completed", "amended", "in-progress"):
        problems.append(f"Answers with the status {resource.get('status')!r:.40} do not count.")


def _collect(
    place: Mapping[str, Any],
    definition: Definition,
    answers: dict[str, int | None],
    problems: list[str],
    *,
    depth: int,
) -> None:
    items = place.get("item")
    if items is None:
        return
    if not isinstance(items, list) or depth > _DEEPEST:
        problems.append("“item” must be a list, nested no deeper than groups are.")
        return
    known = {item.id: item for item in definition.all_items}
    for found in items:
        link_id = found.get("linkId") if isinstance(found, Mapping) else None
        if not isinstance(link_id, str):
            problems.append("An item has no linkId.")
        elif link_id in answers:
            problems.append(f"Item “{link_id:.40}” is answered twice.")
        elif link_id in known:
            _take(found, known[link_id], definition, answers, problems)
        elif found.get("item") and not found.get("answer"):
            _collect(found, definition, answers, problems, depth=depth + 1)
        elif link_id != STEM or found.get("answer"):
            problems.append(f"{definition.title} has no item “{link_id:.40}”.")


def _take(
    found: Mapping[str, Any],
    item: Item,
    definition: Definition,
    answers: dict[str, int | None],
    problems: list[str],
) -> None:
    name = f"Item “{item.id}”"
    given = found.get("answer")
    declined = isinstance(found.get("extension"), list) and _DECLINED in found["extension"]
    if given is None or given == []:
        if declined:
            answers[item.id] = None
        return
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], Mapping):
        problems.append(f"{name} must have one answer.")
    elif declined:
        problems.append(f"{name} is both answered and declined.")
    elif given[0].get("item") or found.get("item"):
        problems.append(f"{name} holds items of its own.")
    elif (value := _value(given[0].get("valueCoding"), item, definition)) is None:
        problems.append(f"{name} has an answer that it does not offer.")
    else:
        answers[item.id] = value


def _value(answer: Any, item: Item, definition: Definition) -> int | None:
    """What the answer counts, None when the item does not offer it or it says otherwise itself."""
    if not isinstance(answer, Mapping):
        return None
    for option in item.options:
        offered = coding(definition, option)
        if answer.get("code") != offered["code"]:
            continue
        if answer.get("system") not in (None, offered["system"]):
            continue
        extensions = answer.get("extension")
        said = [
            each.get("valueDecimal")
            for each in (extensions if isinstance(extensions, list) else [])
            if isinstance(each, Mapping) and each.get("url") == ORDINAL_VALUE
        ]
        return option.value if all(each == option.value for each in said) else None
    return None
