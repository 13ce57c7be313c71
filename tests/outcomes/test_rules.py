from datetime import timedelta

import pytest
from django.utils import timezone

from instruments.models import Instrument
from outcomes import rules
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([9, 9, 8, 4, 4], True),
        ([9, 9, 8, 6, 6], False),
        ([9, 4], False),
        ([9, 9, 4, 4], False),
        ([0, 0, 0, 0, 0], False),
        ([], False),
        ([5, 5, 5, 5, 0], True),
    ],
)
def test_is_emptying(came, expected):
    assert rules.is_emptying(came) is expected


@pytest.fixture
def phq_9(db):
    return factories.instrument()


def test_plain_name_and_short_title(phq_9):
    assert rules.plain_name(phq_9) == "low mood"
    assert rules.short_title(phq_9) == "PHQ-9"
    other = Instrument(code="other", title="Another scale", definition=phq_9.definition)
    assert rules.plain_name(other) == "depressive symptoms"
    assert rules.short_title(other) == "Another scale"


@pytest.mark.parametrize(
    ("answers", "item_id", "found"),
    [
        ({"q9": 1}, "q9", ["thoughts-of-self-harm"]),
        ({"q9": 0}, "q9", []),
        ({"q9": None}, "q9", ["self-harm-item-declined"]),
        ({"q9": 1, "q1": 1}, "q1", []),
        ({f"q{n}": 3 for n in range(1, 8)}, "q7", ["severe-total"]),
        ({f"q{n}": 3 for n in range(1, 9)}, "q8", []),
    ],
)
def test_risks_of_answer(phq_9, answers, item_id, found):
    risks = rules.risks_of_answer(phq_9.parsed(), answers, item_id)
    assert [rule.id for rule in risks] == found


def test_needs_a_person(phq_9):
    levels = {rule.id: rules.needs_a_person(rule) for rule in phq_9.parsed().risk_rules}
    assert levels == {
        "thoughts-of-self-harm": True,
        "severe-total": True,
        "self-harm-item-declined": False,
    }


def test_check_may_answer(group, member, outsider, visitor):
    membership = group.memberships.get(user=member.user)
    invitation = factories.invitation(factories.survey_plan(group), membership)
    assert rules.check_may_answer(member.user, invitation) == invitation
    with pytest.raises(Refused) as refused:
        rules.check_may_answer(outsider.user, invitation)
    assert refused.value.reason == "not_yours"
    with pytest.raises(Refused) as refused:
        rules.check_may_answer(
            member.user, invitation, at=invitation.closes_at + timedelta(seconds=1)
        )
    assert refused.value.reason == "closed"
    factories.response(invitation, submitted_at=timezone.now())
    with pytest.raises(Refused) as refused:
        rules.check_may_answer(member.user, rules.invitations_of(member.user).get())
    assert refused.value.reason == "sent"


def test_sheet_of_knows_the_next_question(group, member):
    invitation = factories.invitation(
        factories.survey_plan(group), group.memberships.get(user=member.user)
    )
    sheet = rules.sheet_of(invitation)
    assert (sheet.next_item.id, sheet.answered, len(sheet.items)) == ("q1", 0, 9)
    assert sheet.before(sheet.next_item) is None
    factories.response(invitation, answers={"q1": 1, "q2": None})
    sheet = rules.sheet_of(rules.invitations_of(member.user).get())
    assert (sheet.next_item.id, sheet.answered, len(sheet.items)) == ("q3", 2, 10)
    assert sheet.before(sheet.next_item).id == "q2"
    assert sheet.item("nothing") is None
