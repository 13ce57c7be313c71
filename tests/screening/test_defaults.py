"""The questions and texts that a new group begins with."""

import re

import pytest

from groups.defaults import AGREEMENT, GROUND_RULES
from screening import actions, defaults
from screening.models import Decision, Question


@pytest.mark.parametrize("questions", [defaults.default_questions(), defaults.brief_questions()])
def test_questions_can_be_published_and_end_with_the_acknowledgement(group, coordinator, questions):
    form = actions.publish_form(group=group, questions=questions, by=coordinator.user)

    asked = list(form.questions.all())
    for question in asked:
        question.full_clean()
        assert set(question.proposals) <= {value for value, _ in question.choices()}
        assert set(question.proposals.values()) <= set(Question.Proposal)
    assert [question.position for question in asked] == list(range(1, len(asked) + 1))
    assert [question.is_acknowledgement for question in asked] == [False] * (len(asked) - 1) + [
        True
    ]
    assert sum("urgent" in question.proposals.values() for question in asked) == 1
    assert all(question.why for question in asked)


def test_every_outcome_has_words_to_begin_with():
    assert set(defaults.MESSAGES) == set(Decision.Outcome)


def test_sentences_are_short():
    texts = [AGREEMENT, GROUND_RULES, *defaults.MESSAGES.values(), defaults.MESSAGE_WHEN_FULL]
    texts.append(defaults.MESSAGE_OTHER_TIMES)
    for question in defaults.default_questions():
        texts += [question["text"], question["why"]]
    sentences = [s for text in texts for s in re.split(r"(?<=[.?!])\s+", text)]

    assert [s for s in sentences if len(s.split()) >= 20] == []
