"""What answers suggest, and who reads them."""

import itertools
import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
        (["ready", "prepare"], "prepare"),
        (["talk_first", "prepare"], "talk_first"),
        (["ready", "talk_first"], "talk_first"),
        (["refer", "talk_first"], "refer"),
        (["urgent", "refer"], "urgent"),
    ],
)
def test_readiness_is_the_weightiest(proposals, together):
    answers = [Answer(question=question(yes=proposal), value="yes") for proposal in proposals]

    assert rules.readiness(answers) == together


PROPOSALS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(Proposal.values))
CHOSEN = st.lists(st.sampled_from("abcdef"), unique=True)


@given(proposals=PROPOSALS, chosen=CHOSEN, more=st.sampled_from("abcdef"))
def test_the_weightiest_of_the_chosen_counts_and_choosing_more_never_lightens(
    proposals, chosen, more
):
    options = [{"value": value, "label": value} for value in "abcdef"]
    asked = Question(kind="some_of", options=options, proposals=proposals)

    found = rules.proposal_of(asked, json.dumps(chosen))

    suggested = {proposals.get(value, "ready") for value in chosen} or {"ready"}
    assert found in suggested
    assert rules.weightiest(suggested) == found
    heavier = rules.proposal_of(asked, json.dumps([*chosen, more]))
    assert rules.weightiest([found, heavier]) == heavier


@pytest.fixture
def phq(group):
    """A question that asks the PHQ-9, with a suggestion for two of its bands."""
    return Question(
        kind="instrument",
        instrument=factories.instrument(),
        proposals={"moderate": "talk_first", "moderately severe": "refer"},
    )


def sheet(*values: int | None) -> str:
    return json.dumps({f"q{number}": value for number, value in enumerate(values, start=1)})


@pytest.mark.parametrize(
    ("value", "proposal", "reason"),
    [
        (sheet(0, 0, 0, 0, 0, 0, 0, 0, 0), "ready", None),
        (sheet(3, 3, 3, 0, 0, 0, 0, 0, 0), "ready", None),
        (sheet(3, 3, 3, 1, 0, 0, 0, 0, 0), "talk_first", "score, 10, counts as “moderate”"),
        (sheet(3, 3, 3, 3, 3, 0, 0, 0, 0), "refer", "score, 15"),
        # The item on self-harm is urgent whatever the total.
        (sheet(0, 0, 0, 0, 0, 0, 0, 0, 1), "urgent", "self-harm"),
        # So is a total in the severe range, by the definition's own rule.
        (sheet(3, 3, 3, 3, 3, 3, 3, 0, 0), "urgent", "severe range"),
        # Leaving items out makes nobody urgent, and no score suggests nothing.
        (sheet(*[None] * 9), "ready", None),
        (None, "ready", None),
    ],
)
def test_proposal_of_a_questionnaire(phq, value, proposal, reason):
    assert rules.proposal_of(phq, value) == proposal
    reasons = " ".join(rules.why_suggested(phq, value))
    assert (reason in reasons) if reason else not reasons


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.integers(0, 3) | st.none(), min_size=9, max_size=9))
def test_an_answer_that_signals_risk_is_urgent_whatever_else_was_said(phq, values):
    found = rules.proposal_of(phq, sheet(*values))

    if values[8]:
        assert found == Proposal.URGENT
    assert bool(rules.risks_in(phq, sheet(*values))) == (found == Proposal.URGENT)


def test_what_can_be_suggested_and_no_refusal_among_it(phq):
    assert [value for value, _ in rules.to_suggest(phq)] == [
        "minimal",
        "mild",
        "moderate",
        "moderately severe",
        "severe",
    ]
    assert set(Proposal.values) == {"ready", "prepare", "talk_first", "refer", "urgent"}


def test_what_was_urgent_is_quoted_for_the_named_person():
    options = [{"value": "a", "label": "Afraid"}, {"value": "b", "label": "Bored"}]
    asked = Question(kind="some_of", text="How?", options=options, proposals={"a": "urgent"})

    assert rules.what_was_urgent(asked, '["a", "b"]') == [
        "To “How?” the answer was “Afraid”, “Bored”."
    ]


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


def test_admits_at_once_counts_no_removal_that_was_overturned(group, outsider):
    removal = factories.membership(group=group, user=outsider.user, status="removed")
    decided = {"message": "It was wrong.", "decided_at": timezone.now()}

    appeal = factories.appeal(group, membership=removal, outcome="upheld", **decided)
    assert not rules.admits_at_once(group, Proposal.READY, user=outsider.user)

    appeal.outcome = "overturned"
    appeal.save()
    assert rules.admits_at_once(group, Proposal.READY, user=outsider.user)


def test_invitation_for_asks_whether_it_still_counts(group, member, outsider):
    group.allows_companions = True
    group.save()
    invitation = factories.companion_invitation(member.user.memberships.get())
    found = rules.invitation_for(group, str(invitation.pk), user=outsider.user)
    assert found == invitation
    assert rules.invitation_for(group, str(invitation.pk), user=member.user) is None

    group.allows_companions = False
    group.save()
    assert rules.invitation_for(group, str(invitation.pk), user=outsider.user) is None


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
        for answer in application.answers.filter(question__is_acknowledgement=True):
            answer.value = "no"
            answer.save()
    if missing == "name":
        application.user.display_name = ""

    if reason is None:
        rules.check_may_send(application)
    else:
        with pytest.raises(Refused) as raised:
            rules.check_may_send(application)
        assert raised.value.reason == reason


def test_who_waits_for_a_place_in_their_order(group, facilitator):
    now = timezone.now()
    second = factories.membership(
        group=group, status="waitlisted", waitlisted_at=now - timedelta(days=1)
    )
    first = factories.membership(
        group=group, status="waitlisted", waitlisted_at=now - timedelta(days=2)
    )
    offered = factories.membership(group=group, status="offered")
    factories.membership(status="waitlisted")

    found = list(rules.waiting_for_a_place(facilitator.user))

    assert found == [offered, first, second]
    assert [membership.position for membership in found] == [1, 1, 2]


@pytest.mark.parametrize(
    ("status", "place", "now"),
    [
        ("submitted", "applied", "A person reads your answers"),
        ("prepare", "applied", "You read it and say so"),
        ("talk_first", "applied", "You talk"),
        ("accepted", "waitlisted", "You wait for a place"),
        ("accepted", "offered", "A place is kept for you"),
        ("accepted", "accepted", "You read and sign the agreement"),
        ("accepted", "active", None),
        ("referred", "referred", None),
    ],
)
def test_the_way_of_a_request(group, status, place, now):
    person = factories.user()
    membership = factories.membership(group=group, user=person, status=place)
    application = factories.application(group, user=person, status=status, membership=membership)

    way = rules.way_of(application, [])

    assert way[0].words == "You sent your answers"
    assert [moment.words for moment in way if moment.state == "now"] == ([now] if now else [])


def test_groups_to_suggest_have_places_first_and_are_listed(group):
    topic = factories.topic()
    group.topics.add(topic)
    full = factories.group(capacity=2, minimum=2, name="A full one")
    places = factories.group(name="With places")
    hidden = factories.group(lifecycle="draft")
    for other in (full, places, hidden):
        other.topics.add(topic)
    for _ in range(2):
        factories.member(full)
    own = factories.group(organisation=group.organisation, name="Of the same house")

    assert rules.groups_to_suggest(group) == [places, full, own]
