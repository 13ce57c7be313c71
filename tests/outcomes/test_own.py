"""What a person reads about themselves, takes along and deletes."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle

from audit.models import Event
from instruments.scoring import score
from outcomes import own, own_actions, queries, rules
from outcomes.models import Disclosure, DisclosureFile, Response, SurveyInvitation
from safeguarding.models import Concern
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

LONDON = ZoneInfo("Europe/London")


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


def sent(membership, *answers, code="phq-9", plan=None, **fields):
    """Check-ins of one questionnaire, a month apart from 25 August 2026 on; one value fits all
    items, None is left out."""
    plan = plan or factories.survey_plan(membership.group, instrument=factories.instrument(code))
    definition = plan.instrument.parsed()
    made = []
    for wave, value in enumerate(answers):
        given = value if isinstance(value, dict) else {i.id: value for i in definition.items}
        result = score(definition, given)
        at = datetime(2026, 8, 25, 12, tzinfo=UTC).replace(month=8 + wave)
        made.append(
            factories.response(
                factories.invitation(plan, membership, wave=wave, due_at=at),
                answers=given,
                submitted_at=at,
                score=result.total,
                band=result.band or "",
                scales=rules.stored_scales(result),
                **fields,
            )
        )
    return made


def phq_9(total):
    """Answers that make this total."""
    values = [min(3, max(0, total - 3 * i)) for i in range(9)]
    return {f"q{i + 1}": value for i, value in enumerate(values)}


def course(membership):
    [found] = own.courses_of(own.check_ins_of(membership.user, zone=LONDON))
    return found


@pytest.mark.parametrize(
    ("totals", "heading"),
    [
        ((18,), "Your first low mood score is 18"),
        ((18, 11), "Your low mood score is 7 lower than in August"),
        ((9, 12, 15), "Your low mood score is 6 higher than in August"),
        ((18, 13), "Your low mood score is about where it was in August"),
        ((12, 20, 12), "Your low mood score is the same as in August"),
    ],
)
def test_a_course_says_what_changed_and_not_why(membership, totals, heading):
    sent(membership, *(phq_9(total) for total in totals))
    found = course(membership)
    assert found.heading == heading
    assert found.least_points == 6
    [line] = found.lines
    assert [value for _, value in line.scores] == list(totals)
    assert (line.lowest, line.highest) == (0, 27)
    latest, parts = found.rows[0]
    assert (latest.score_words, parts) == (str(totals[-1]), [])


def test_a_course_without_known_reliability_draws_no_band(membership):
    sent(membership, 0, 1, code="gad-2")
    found = course(membership)
    assert found.reliable is None
    assert found.heading.endswith("score is 2. It was 0 in August")


def test_a_check_in_without_a_score_is_shown_and_leaves_a_gap(membership):
    sent(membership, phq_9(18), None, phq_9(17))
    found = course(membership)
    assert found.unscored == 1
    [line] = found.lines
    assert [value for _, value in line.scores] == [18, None, 17]
    assert [value for _, value in line.known] == [18, 17]
    assert found.heading == "Your low mood score is about where it was in August"


def test_only_check_ins_without_a_score(membership):
    sent(membership, None)
    found = course(membership)
    assert (found.lines, found.heading) == ([], "Your low mood check-ins have no score yet")


def test_parts_stand_alone_where_there_is_no_total(membership):
    sent(membership, 3, 8, code="ons4")
    found = course(membership)
    assert found.lines[0].title == "Life satisfaction"
    assert len(found.lines) == 4
    assert found.lines[0].known == [(date(2026, 8, 25), 3), (date(2026, 9, 25), 8)]
    _, parts = found.rows[0]
    assert (parts[0].score_words, parts[0].band) == ("8", "high")


def test_one_answer_for_two_groups_is_one_check_in(membership):
    [root] = sent(membership, phq_9(9))
    other = factories.member(factories.group(name="Morning circle"), user=membership.user)
    copy = factories.invitation(factories.survey_plan(other.group), other, due_at=root.submitted_at)
    factories.response(
        copy, answers=root.answers, submitted_at=root.submitted_at, score=9, shared_from=root
    )
    third = factories.survey_plan(other.group, instrument=factories.instrument("gad-7"))
    sent(other, 1, plan=third, way="paper", answered_on=date(2026, 8, 20))
    paper, shared = own.check_ins_of(membership.user, zone=LONDON)
    assert shared.groups == ("Evening circle", "Morning circle")
    assert (shared.is_shared, shared.is_on_paper) == (True, False)
    assert (paper.day, paper.is_on_paper, paper.is_shared) == (date(2026, 8, 20), True, False)


def test_attended_counts_excused_apart_and_never_in_a_row(group, membership):
    began = timezone.now() - timedelta(days=100)
    for day, status in enumerate(["attended", "no_show", "excused", "late", "expected"]):
        held = factories.support_session(
            group, status="ended", starts_at=began + timedelta(days=7 * day)
        )
        factories.attendance(held, membership, status=status)
    [found] = own.attended_by(membership.user)
    assert (found.came, found.held, found.excused) == (2, 3, 1)
    assert found.since == began
    assert len(own.latest_sessions_of(membership.user)) == 4


# Deleting -----------------------------------------------------------------------------------------


@pytest.fixture
def answered(membership):
    """Two check-ins; a concern and a signed summary came of the first."""
    first, second = sent(membership, phq_9(18), phq_9(17))
    factories.concern(
        organisation=membership.group.organisation,
        about=membership.user,
        source="survey",
        occasion=f"survey:{first.pk}:q9",
    )
    disclosure = factories.disclosure(user=membership.user)
    disclosure.responses.set([first])
    DisclosureFile.objects.create(disclosure=disclosure, kind="pdf", content=b"x")
    Disclosure.objects.update(
        signed_at=timezone.now(), version=1, **factories.sealed(disclosure, signature="Sam")
    )
    return first, second


def test_delete_one_check_in(member, membership, answered):
    first, second = answered
    own_actions.delete_answers(user=member.user, responses=[first.pk], by=member.user)
    assert Response.objects.get() == second
    assert SurveyInvitation.objects.get(pk=first.invitation_id).stopped_at
    assert Concern.objects.exists(), "the organisation keeps it"
    event = Event.objects.get(verb="survey.deleted")
    assert (event.object_id, event.data) == (first.pk, {})
    assert not DisclosureFile.objects.exists()
    assert Disclosure.objects.get().ended_why == "erased"
    assert own_actions.delete_answers(user=member.user, responses=[first.pk], by=member.user) == 0


def test_delete_takes_copies_along(member, membership):
    [root] = sent(membership, phq_9(9))
    other = factories.member(factories.group(), user=membership.user)
    copy = factories.invitation(factories.survey_plan(other.group), other, due_at=root.submitted_at)
    factories.response(copy, submitted_at=root.submitted_at, shared_from=root)
    assert own_actions.delete_answers(user=member.user, responses=[root.pk], by=member.user) == 2
    assert not Response.objects.exists()


def test_delete_all_includes_what_was_not_sent_and_asks_nobody_again(
    member, membership, group, answered
):
    open_one = factories.invitation(
        factories.survey_plan(group, instrument=factories.instrument("gad-7")), membership
    )
    factories.response(open_one, answers={"q1": 2})
    somebody = factories.member(group)
    sent(somebody, 1, plan=SurveyInvitation.objects.get(pk=answered[0].invitation_id).plan)
    assert queries.instruments_asked_by(group.organisation)
    assert own_actions.delete_answers(user=member.user, responses=None, by=member.user) == 3
    assert Response.objects.get().invitation.membership == somebody
    assert not SurveyInvitation.objects.open().filter(membership=membership).exists()
    assert not SurveyInvitation.objects.filter(
        membership=membership, next_mail_at__isnull=False
    ).exists()


def test_only_the_person_deletes(member, membership, coordinator, answered):
    with pytest.raises(Refused):
        own_actions.delete_answers(user=member.user, responses=None, by=coordinator.user)
    assert Response.objects.count() == 2


def test_deleted_answers_leave_the_figures(member, group, organisation, answered):
    assert [each.code for each in queries.instruments_asked_by(organisation)] == ["phq-9"]
    own_actions.delete_answers(user=member.user, responses=None, by=member.user)
    assert queries.instruments_asked_by(organisation) == []


# Pages --------------------------------------------------------------------------------------------


def get(person, name, *args):
    return person.client.get(reverse(f"outcomes:{name}", args=args))


def test_progress_shows_each_course(member, membership):
    sent(membership, phq_9(18), None, phq_9(9))
    sent(membership, 1, code="gad-2")
    page = get(member, "progress").content.decode()
    assert "Your low mood score is 9 lower than in August" in page
    assert "A change of 6 or more is unlikely to be chance" in page
    assert "1 check-in without a score is in the table, not in the chart" in page
    assert "No score: questions left out" in page
    assert "From your second check-in on" in page
    assert "Patient Health Questionnaire" in page
    for words in ("because of", "thanks to", "helped", "cut-off"):
        assert words not in page.lower().replace("who can help", "")


def test_progress_says_when_ups_and_downs_are_not_known(member, membership):
    sent(membership, 0, 1, code="gad-2")
    page = get(member, "progress").content.decode()
    assert "How much is not known for these questions" in page
    assert "shaded band shows" not in page


def test_progress_without_check_ins_is_kind(outsider):
    page = get(outsider, "progress").content.decode()
    assert "No check-ins yet" in page
    assert "Delete" not in page


def test_check_in_detail_shows_every_answer_in_words(member, membership):
    [found] = sent(membership, {**phq_9(9), "q9": None})
    page = get(member, "check_in_detail", found.pk).content.decode()
    assert page.count("Rather not say") == 1
    assert page.count("Nearly every day") == 3
    assert "moderate" in page or "mild" in page


def test_check_in_delete_says_what_stays_then_deletes(member, membership, answered):
    page = get(member, "check_in_delete", answered[0].pk).content.decode()
    assert "This cannot be undone" in page
    assert "What Harbour Network noted because an answer worried us" in page
    assert "1 summary for a clinician" in page
    other = get(member, "check_in_delete", answered[1].pk).content.decode()
    assert "worried us, with that answer" not in other
    url = reverse("outcomes:check_in_delete", args=[answered[0].pk])
    assert member.client.post(url).url == reverse("outcomes:progress")
    assert member.client.post(url).status_code == 404
    assert Response.objects.get() == answered[1]


def test_answers_delete_asks_for_a_tick(member, answered):
    url = reverse("outcomes:answers_delete")
    page = member.client.post(url).content.decode()
    assert "<title>Error:" in page
    assert Response.objects.count() == 2
    member.client.post(url, {"understood": "on"})
    assert not Response.objects.exists()
    assert "There is nothing to delete" in member.client.get(url).content.decode()


def test_answers_csv_is_whole_and_harmless(member, group, membership):
    group.name = "=HYPERLINK(1)"
    group.save()
    sent(membership, phq_9(18))
    sent(membership, 3, code="ons4")
    response = get(member, "answers_csv")
    assert "no-store" in response["Cache-Control"]
    disposition = response["Content-Disposition"]
    assert disposition == f'attachment; filename="my-copy-{timezone.localdate()}.csv"'
    rows = list(csv.DictReader(io.StringIO(response.content.decode().removeprefix("\ufeff"))))
    assert {row["Asked by"] for row in rows} == {"'=HYPERLINK(1)"}
    [total] = [row for row in rows if row["Question"] == "Score"]
    assert (total["Score"], total["Scale to"], total["Called"]) == ("18", "27", "moderately severe")
    assert len(rows) == 9 + 1 + 4 + 4
    first = rows[0]
    assert (first["Question"], first["Answer"]) == (
        "Little interest or pleasure in doing things",
        "Nearly every day",
    )


def test_answers_fhir_is_valid_and_names_nobody(member, membership):
    sent(membership, phq_9(18))
    sent(
        membership,
        phq_9(3),
        plan=factories.survey_plan(factories.group()),
        way="paper",
        answered_on=date(2026, 8, 20),
    )
    response = get(member, "answers_fhir")
    assert "no-store" in response["Cache-Control"]
    found = Bundle.model_validate_json(response.content)
    kinds = [entry.resource.get_resource_type() for entry in found.entry]
    assert sorted(kinds) == [
        "Observation",
        "Observation",
        "Questionnaire",
        "QuestionnaireResponse",
        "QuestionnaireResponse",
    ]
    authored = {
        str(entry.resource.authored)
        for entry in found.entry
        if entry.resource.get_resource_type() == "QuestionnaireResponse"
    }
    assert "2026-08-20" in authored, "on paper it is the day that stands there"
    assert member.user.email.encode() not in response.content
    assert b"Member" not in response.content
