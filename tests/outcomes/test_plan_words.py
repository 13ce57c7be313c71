import pytest

from outcomes.models import SurveyPlan
from outcomes.plan_words import Burden, burden, occasions, preview, times_in_a_season
from outcomes.rules import recall_in_words
from tests import factories


def plan(**fields):
    return SurveyPlan(**{"baseline": "", **fields})


@pytest.mark.parametrize(
    ("fields", "words", "times"),
    [
        (
            {"baseline": "first_session", "every_sessions": 4},
            ["after the 1st, 5th, 9th session they come to, and so on"],
            3,
        ),
        (
            {"baseline": "on_joining", "every_sessions": 4, "at_end": True},
            [
                "when they join",
                "after the 4th, 8th, 12th session they come to, and so on",
                "at the end",
            ],
            5,
        ),
        ({"every_sessions": 1}, ["after every session they come to"], 12),
        ({"baseline": "first_session"}, ["after the 1st session they come to"], 1),
        (
            {"baseline": "on_joining", "every_weeks": 4, "after_end_weeks": [4, 12]},
            ["when they join", "every 4 weeks from then on", "4 and 12 weeks after the end"],
            5,
        ),
        ({"every_weeks": 1}, ["every week from joining on"], 11),
        ({"after_end_weeks": [12]}, ["12 weeks after the end"], 1),
    ],
)
def test_when_a_member_is_asked(fields, words, times):
    assert occasions(plan(**fields)) == words
    assert times_in_a_season(plan(**fields)) == times


@pytest.mark.django_db
def test_preview_and_burden():
    mood, worry = (
        preview(
            plan(instrument=factories.instrument(code), baseline="on_joining", reminders=reminders)
        )
        for code, reminders in (("phq-9", 0), ("gad-7", 2))
    )
    assert mood.sentence == "A member is asked up to 10 questions when they join."
    assert mood.mails == "Each time it stays open for 7 days, and nobody is reminded."
    assert worry.sentence == "A member is asked 7 questions when they join."
    assert worry.mails.endswith("whoever has not answered is reminded twice.")
    assert (mood.minutes, worry.minutes) == (2, 2)
    assert burden([mood, worry]) == Burden(17, 4, 1, 4)
    assert burden([]) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("phq-9", "the last 2 weeks"),
        ("core-10", "the last week"),
        ("audit-c", "the last year"),
        ("ons-loneliness", "how things are in general"),
        ("ons4", "how things are nowadays, and how yesterday was"),
    ],
)
def test_what_time_the_questions_are_about(code, words):
    assert recall_in_words(factories.instrument(code).parsed()) == words
