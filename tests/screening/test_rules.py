"""What answers suggest, and who reads them."""

import itertools
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from groups.models import SupportGroup
from screening import rules
from screening.models import Answer, Application, Question
from supportgroups.lib.refusals import Refused
from tests import factories

Proposal = Question.Proposal
Status = Application.Status


def question(**proposals) -> Question:
    return Question(kind="yes_no", proposals=proposals)


@pytest.mark.parametrize(
    ("value", "proposal"), [("yes", "urgent"), ("no", "ready"), (None, "ready"), ("", "ready")]
)
def test_proposal_of_an_answer(value, proposal):
    assert rules.proposal_of(question(yes="urgent"), value) == proposal


@pytest.mark.parametrize(
    ("proposals", "together"),
    [
        ([], "ready"),
        (["ready", "ready"], "ready"),
        (["ready", "talk_first"], "talk_first"),
        (["refer", "talk_first"], "refer"),
        (["urgent", "refer"], "urgent"),
    ],
)
def test_readiness_is_the_weightiest(proposals, together):
    answers = [Answer(question=question(yes=proposal), value="yes") for proposal in proposals]

    assert rules.readiness(answers) == together


@pytest.mark.parametrize(
    ("admission", "proposal"), list(itertools.product(SupportGroup.Admission, Proposal))
)
def test_admits_at_once_only_to_drop_in_and_only_the_ready(group, outsider, admission, proposal):
    group.admission = admission

    assert rules.admits_at_once(group, proposal, user=outsider.user) == (
        (admission, proposal) == (SupportGroup.Admission.DROP_IN, Proposal.READY)
    )


def test_admits_at_once_not_while_a_concern_is_open(group, organisation, outsider):
    def admitted() -> bool:
        return rules.admits_at_once(group, Proposal.READY, user=outsider.user)

    factories.concern(about=outsider.user)
    factories.concern(organisation=organisation)
    assert admitted()

    concern = factories.concern(organisation=organisation, about=outsider.user)
    assert not admitted()

    concern.closed_at, concern.closing_note = timezone.now(), "We talked."
    concern.save()
    assert admitted()


def test_admits_at_once_nobody_whom_staff_removed(group, outsider):
    for status in ("withdrawn", "completed"):
        factories.membership(group=group, user=outsider.user, status=status)
    factories.membership(group=factories.group(), user=outsider.user, status="removed")
    assert rules.admits_at_once(group, Proposal.READY, user=outsider.user)

    factories.membership(group=group, user=outsider.user, status="removed")
    assert not rules.admits_at_once(group, Proposal.READY, user=outsider.user)


def test_what_was_taken_back_is_nobodys_to_read(group, facilitator):
    application = factories.application(group, user=factories.user(), status="withdrawn")

    assert application not in rules.applications_decided_by(facilitator.user)


def test_answer_by_is_the_organisations_promise(group):
    group.organisation.answers_within_hours = 24
    sent = timezone.now()

    assert rules.answer_by(group, sent) == sent + timedelta(hours=24)


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        ("visitor", False),
        ("outsider", False),
        ("applicant", False),
        ("member", False),
        ("facilitator", True),
        ("coordinator", True),
        ("other_coordinator", False),
    ],
)
def test_who_reads_and_decides(cast, group, who, reads):
    application = cast["applicant"].user.applications.get()
    draft = factories.application(group, user=factories.user())
    user = cast[who].user or AnonymousUser()

    found = rules.applications_decided_by(user)

    assert found.filter(pk=application.pk).exists() == reads
    assert not found.filter(pk=draft.pk).exists()
    if reads:
        assert rules.check_may_decide(user, application) == application
    else:
        with pytest.raises(Refused):
            rules.check_may_decide(user, application)


def test_nobody_decides_on_their_own_application(coordinator, group):
    application = factories.application(group, user=coordinator.user, status="submitted")

    with pytest.raises(Refused):
        rules.check_may_decide(coordinator.user, application)


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("outsider", False),
        ("applicant", False),
        ("member", False),
        ("facilitator", True),
        ("coordinator", True),
        ("other_coordinator", True),
    ],
)
def test_check_may_see_queue(cast, who, may):
    if may:
        rules.check_may_see_queue(cast[who].user)
    else:
        with pytest.raises(Refused):
            rules.check_may_see_queue(cast[who].user)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_the_table_of_moves_decides(before, after):
    application = Application(status=before)

    if after in Application.MOVES[before]:
        rules.check_move(application, after)
    else:
        with pytest.raises(Refused) as raised:
            rules.check_move(application, after)
        assert raised.value.reason == "state_changed"


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("answer", "unanswered"),
        ("acknowledgement", "not_acknowledged"),
        ("name", "no_name"),
        ("nothing", None),
    ],
)
def test_check_may_send(group, outsider, missing, reason):
    application = factories.application(group, user=outsider.user)
    for asked in application.form.questions.all():
        application.answers.create(question=asked, value="yes")
    if missing == "answer":
        application.answers.first().delete()
    if missing == "acknowledgement":
        application.answers.filter(question__is_acknowledgement=True).update(value="no")
    if missing == "name":
        application.user.display_name = ""

    if reason is None:
        rules.check_may_send(application)
    else:
        with pytest.raises(Refused) as raised:
            rules.check_may_send(application)
        assert raised.value.reason == reason
