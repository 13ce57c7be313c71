"""The question of support, stress and mood: what goes in, what may be said, and how it is made."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts import consents
from outcomes import analysing, analysis_periodic, tasks
from outcomes.analysing import Inputs, Path, Result, Scores
from outcomes.analysis_actions import ask_analysis
from outcomes.analysis_forms import AnalysisForm
from outcomes.analysis_rules import SILENT, suggested
from outcomes.analysis_words import Told
from outcomes.change_queries import measures_named
from outcomes.models import Analysis
from outcomes.scopes import GroupKind, Lens, Scope
from outcomes.statistics.mediation import mediate
from supportgroups.lib.refusals import Refused
from tests import factories

KEYS = {"x": "ons-loneliness", "m": "gad-7", "y": "phq-9"}
FIRST = datetime(2026, 2, 10, 20, tzinfo=UTC)
AT = datetime(2026, 9, 5, 12, tzinfo=UTC)


def numbers(n, seed=1):
    """Scores in which y goes along with x by way of m."""
    chance = np.random.default_rng(seed)
    x = chance.integers(3, 10, n)
    m = np.clip(np.round(x + chance.normal(0, 2, n)), 0, 21)
    y = np.clip(np.round(1.2 * m + chance.normal(0, 2, n)), 0, 27)
    return list(zip(x.tolist(), m.tolist(), y.tolist(), strict=True))


# What goes in ------------------------------------------------------------------------------------

GROUP = GroupKind(UUID(int=1))
LENS = Lens([GROUP], Scope(), date(2026, 9, 1))


def people(n, *, order=True, firsts=True, month=date(2026, 4, 1)):
    return [
        Scores(
            GROUP.id,
            month if order else None,
            month,
            float(x),
            float(m) if firsts else None,
            float(y) if firsts else None,
            float(m) if order else None,
            float(y) if order else None,
            4.0 if order else None,
            6.0 if order else None,
        )
        for x, m, y in numbers(n)
    ]


def test_three_check_ins_in_order_come_first():
    found = analysing.inputs_from([*people(40), *people(50, order=False)], LENS)
    assert found.waves_in_order
    assert (len(found.rows), len(found.rows[0]), found.left_out) == (40, 5, 50)
    assert found.weeks == (4, 6)


def test_without_first_scores_none_are_held_equal():
    found = analysing.inputs_from(people(30, firsts=False), LENS)
    assert (found.waves_in_order, len(found.rows[0])) == (True, 3)


def test_one_check_in_where_few_have_an_order():
    found = analysing.inputs_from([*people(29), *people(2, order=False)], LENS)
    assert not found.waves_in_order
    assert (len(found.rows), found.left_out) == (31, 0)
    assert analysing.inputs_from(people(29), LENS) is None


def test_scores_that_say_the_same_are_no_lines():
    same = Inputs([(float(x), 2.0 * x, float(y)) for x, _, y in numbers(40)], True, 0, (4.0, 4.0))
    with pytest.raises(ValueError, match="nothing that the others"):
        analysing.analyse(same, seed=0, resamples=10)


def test_people_enter_in_blocks_and_few_left_out_are_hidden():
    late = people(3, month=date(2026, 8, 1))
    found = analysing.inputs_from([*people(30), *late], LENS)
    assert (len(found.rows), found.left_out) == (30, None)


def test_analyse_is_what_mediate_says_and_the_same_again():
    rows = [tuple(map(float, row)) for row in numbers(60)]
    inputs = Inputs(rows, True, 0, (4.0, 4.0))
    found = analysing.analyse(inputs, seed=3, resamples=200)
    x, m, y = zip(*rows, strict=True)
    expected = mediate(x, m, y, seed=3, resamples=200)
    assert found.indirect == Path(
        round(expected.indirect, 6), round(expected.lower, 6), round(expected.upper, 6)
    )
    assert found.a.lower < expected.a < found.a.upper
    assert analysing.analyse(inputs, seed=3, resamples=200) == found


# What may be said --------------------------------------------------------------------------------


@pytest.fixture
def named(db, organisation):
    factories.instrument()
    return measures_named(organisation, KEYS.values())


def told(named, **fields):
    clear = Path(0.4, 0.1, 0.7)
    given = {
        **dict.fromkeys(("a", "b", "direct", "total", "indirect"), clear),
        "n": 80,
        "left_out": None,
        "waves_in_order": True,
        "with_firsts": True,
        "weeks_to_m": 4.2,
        "weeks_to_y": 4.4,
        "resamples": 5000,
    }
    result = Result(**(given | fields))
    analysis = Analysis(**KEYS, until=date(2026, 9, 1), fingerprint="ab" * 32)
    return Told(analysis, result, *(named[key] for key in KEYS.values()))


def words_of(found):
    table = found.table
    return " ".join(
        [found.kind, found.heading, found.when, *found.sentences, *table.definition, *table.notes]
    )


def test_only_three_check_ins_in_order_are_called_mediation(named):
    ordered, at_once = told(named), told(named, waves_in_order=False)
    assert ordered.kind == "Mediation"
    assert ordered.heading == "Loneliness goes along with later low mood by way of worry"
    assert at_once.kind == "Cross-sectional association"
    assert "mediat" not in f"{at_once.heading} {at_once.when} {' '.join(at_once.sentences)}".lower()
    assert "One check-in cannot tell what comes first" in words_of(at_once)
    assert "take the interval as rough" in words_of(ordered).lower(), "80 people are few"
    unclear = told(named, indirect=Path(0.1, -0.1, 0.3))
    assert unclear.heading == "No clear link of loneliness with later low mood by way of worry"


def test_no_sentence_says_that_one_thing_makes_another(named):
    for fields in ({}, {"waves_in_order": False, "left_out": 12, "n": 400}):
        words = words_of(told(named, **fields)).lower()
        for word in ("cause", "because of", "due to", "leads to", "effect of the", "thanks to"):
            assert word not in words
    assert "12 people with a first" in words


# Asking and making -------------------------------------------------------------------------------


@pytest.fixture
def answered(group, organisation):
    """40 people: loneliness at the first of three check-ins, worry and low mood at all."""
    plans = {
        key: factories.survey_plan(group, instrument=factories.instrument(code))
        for key, code in KEYS.items()
    }
    for place, scores in enumerate(numbers(40)):
        membership = factories.member(group)
        for wave in range(3):
            at = FIRST + timedelta(weeks=4 * wave)
            for (key, plan), score in zip(plans.items(), scores, strict=True):
                if key == "x" and wave:
                    continue
                invitation = factories.invitation(plan, membership, wave=wave, due_at=at)
                sways = (7 * place + 5 * wave) % 4 if key != "x" else 0
                factories.response(invitation, score=score + sways, submitted_at=at)
    return organisation


@pytest.mark.django_db
def test_an_analysis_from_asking_to_reading(answered, coordinator):
    asked = [ask_analysis(organisation=answered, **KEYS, by=coordinator.user, at=AT) for _ in "ab"]
    assert asked[0] == asked[1], "twice is once"
    tasks.make_analysis(str(asked[0].pk))
    made = Analysis.objects.get()
    assert (made.state, made.until, made.progress) == ("done", date(2026, 9, 1), 5000)
    result = Result.stored(made.result)
    assert (result.n, result.waves_in_order, result.with_firsts) == (40, True, True)
    address = reverse("outcomes:pathway_detail", args=[answered.slug, made.pk])
    page = coordinator.client.get(address).content.decode()
    assert "Mediation" in page
    assert "Loneliness goes along with later low mood by way of worry" in page
    numbers = reverse("outcomes:pathway_csv", args=[answered.slug, made.pk])
    lines = coordinator.client.get(numbers).content.decode("utf-8-sig").splitlines()
    assert any(line.startswith("a times b: by way of GAD-7,") for line in lines)
    for page in ("pathways", "outcomes"):
        listed = coordinator.client.get(reverse(f"outcomes:{page}", args=[answered.slug]))
        assert address in listed.content.decode()
    # Made anew from the same scores it is the same.
    before = made.result, made.fingerprint
    Analysis.objects.update(state="waiting", progress=0)
    analysing.make(made.pk)
    made.refresh_from_db()
    assert (made.result, made.fingerprint) == before
    # Nothing changes while the scores stand; who says no is out by the next day.
    assert analysing.look_again(made.pk) is False
    user = answered.support_groups.get().memberships.order_by("pk").first().user
    consents.withdraw(user=user, purpose="count_my_answers", by=user, organisation=answered)
    tasks.look_at_analysis_again(str(made.pk))
    made.refresh_from_db()
    assert (made.state, made.result["n"]) == ("done", 39)


@pytest.mark.django_db
def test_too_few_people_is_said_and_can_be_tried_again(organisation, coordinator):
    analysis = factories.analysis(organisation)
    analysing.make(analysis.pk)
    analysis.refresh_from_db()
    assert analysis.state == "failed"
    address = reverse("outcomes:pathway_detail", args=[organisation.slug, analysis.pk])
    assert "Fewer than 30 people" in coordinator.client.get(address).content.decode()
    again = ask_analysis(organisation=organisation, **KEYS, by=coordinator.user)
    again.refresh_from_db()
    assert (again.pk, again.state) == (analysis.pk, "waiting")


@pytest.mark.django_db
def test_what_waits_or_was_left_is_taken_up(organisation, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.make_analysis, "delay", lambda pk: asked.append(("make", pk)))
    monkeypatch.setattr(
        tasks.look_at_analysis_again, "delay", lambda pk: asked.append(("look", pk))
    )
    now = timezone.now()
    fresh = factories.analysis(organisation)
    killed = factories.analysis(
        organisation, x="gad-2", state="working", touched_at=now - SILENT - timedelta(minutes=1)
    )
    old = factories.analysis(
        organisation, x="phq-4", state="failed", touched_at=now - timedelta(days=2)
    )
    analysis_periodic.take_up_analyses()
    assert asked == [("make", str(killed.pk)), ("look", str(old.pk))]
    assert fresh.state == "waiting"
    analysing.make(killed.pk)
    killed.refresh_from_db()
    assert killed.state == "failed", "begun anew: nobody has answered"


@pytest.mark.django_db
def test_asking_with_the_form(organisation, group, coordinator):
    membership = factories.member(group)
    address = reverse("outcomes:pathways", args=[organisation.slug])
    assert "Work it out" not in coordinator.client.get(address).content.decode(), "of what?"
    for code in KEYS.values():
        plan = factories.survey_plan(group, instrument=factories.instrument(code))
        invitation = factories.invitation(plan, membership, due_at=FIRST)
        factories.response(invitation, score=3, submitted_at=FIRST)
    same = coordinator.client.post(address, KEYS | {"m": KEYS["x"]})
    assert "Choose another questionnaire than for support." in same.content.decode()
    assert not Analysis.objects.exists()
    response = coordinator.client.post(address, KEYS)
    analysis = Analysis.objects.get()
    assert response.url == reverse("outcomes:pathway_detail", args=[organisation.slug, analysis.pk])
    page = coordinator.client.get(response.url, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "<html" not in page


@pytest.mark.django_db
def test_only_coordinators_ask(organisation, member):
    with pytest.raises(Refused):
        ask_analysis(organisation=organisation, **KEYS, by=member.user)


def test_what_is_offered_first(named):
    measures = [named[key] for key in ("phq-9", "gad-7", "ons-loneliness")]
    assert suggested(measures) == ["ons-loneliness", "gad-7", "phq-9"]
    assert suggested(measures[:1]) == ["phq-9"]
    form = AnalysisForm(measures=measures)
    assert form["x"].value() == "ons-loneliness"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"m": "ons-loneliness"}, "outcomes_analysis_of_three"),
        ({"state": "lost"}, "outcomes_analysis_state_known"),
        ({"state": "done"}, "outcomes_analysis_done_whole"),
    ],
)
def test_the_database_refuses(organisation, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        factories.analysis(organisation, **fields)


@pytest.mark.django_db
def test_the_database_keeps_one_a_month(organisation):
    factories.analysis(organisation)
    with pytest.raises(IntegrityError, match="outcomes_analysis_once"), transaction.atomic():
        factories.analysis(organisation)


def test_moves_know_every_state():
    assert Analysis.MOVES.keys() == set(Analysis.State)
    assert set().union(*Analysis.MOVES.values()) <= set(Analysis.State)
