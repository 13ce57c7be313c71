"""Questions on paper: sheets without names, typed in by their code."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from groups.rules import coordinates_or_leads_first
from outcomes import actions, paper_actions, paper_rules
from outcomes.models import Response
from safeguarding.models import Concern
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

PHQ_9 = [f"q{number}" for number in range(1, 10)]


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


@pytest.fixture
def invitation(group, membership):
    """Due since three days, with a printed sheet."""
    return factories.invitation(
        factories.survey_plan(group),
        membership,
        due_at=timezone.now() - timedelta(days=3),
        paper_code="3KMR4W",
    )


def address(page, group, *arguments):
    return reverse(f"outcomes:paper_{page}", args=[group.slug, *arguments])


def filled(day=None, **answers):
    """A whole sheet as its form has it: nothing at all, unless told otherwise."""
    day = day or timezone.localdate()
    usual = {**dict.fromkeys(PHQ_9, "0"), "difficulty": "left-out"}
    return {"answered_on": day.isoformat(), **usual, **answers}


def test_paper_list_prints_sheets_without_names(coordinator, member, group, membership):
    plans = [
        factories.survey_plan(group),
        factories.survey_plan(group, instrument=factories.instrument("ons4"), position=2),
    ]
    invitations = [factories.invitation(plan, membership) for plan in plans]
    done = factories.invitation(plans[0], factories.member(group))
    factories.response(done, submitted_at=timezone.now())
    page = coordinator.client.get(address("list", group)).content.decode()
    assert str(invitations[0].pk) in page
    assert str(done.pk) not in page, "whoever has answered needs no sheet"
    chosen = {"print": "1", "sheets": [str(each.pk) for each in invitations]}
    response = coordinator.client.post(address("list", group), chosen)
    sheets = coordinator.client.get(response.url).content.decode()
    printed = sheets[sheets.index('<article class="paper"') :]
    for invitation in invitations:
        invitation.refresh_from_db()
        assert len(invitation.paper_code) == 6
        assert paper_rules.shown(invitation.paper_code) in printed
        assert invitation.plan.instrument.parsed().licence.notice[:30] in printed
    for word in (member.user.public_name, group.name, membership.user.email):
        assert word not in printed[: printed.index("</main>")]
    assert "This sheet is read later, not now." in printed
    assert "call 999" in printed
    assert "Only if you ticked anything else than “Not at all” above." in printed
    again = coordinator.client.post(address("list", group), chosen)
    assert again.url == response.url, "a second print has the same codes"
    assert Event.objects.filter(verb="survey.printed").count() == 2


@pytest.mark.parametrize("typed", ["3KMR4W", "3kmr4w", " 3KM-R4W ", "3km r4w"])
def test_paper_list_finds_a_sheet_however_its_code_is_typed(facilitator, group, invitation, typed):
    response = facilitator.client.post(address("list", group), {"code": typed})
    assert response.url == address("sheet", group, "3KMR4W")


def test_paper_list_says_so_when_no_sheet_has_the_code(coordinator, group, invitation):
    other = factories.group(organisation=group.organisation)
    theirs = factories.invitation(
        factories.survey_plan(other), factories.member(other), paper_code="7CCCCC"
    )
    for code in ("999999", theirs.paper_code, "!!"):
        page = coordinator.client.post(address("list", group), {"code": code}).content.decode()
        assert "No sheet of this group has this code" in page
        assert f'value="{code}"' in page


def test_paper_sheet_keeps_what_stands_on_it(facilitator, member, group, invitation):
    sheet = address("sheet", group, "3KMR4W")
    page = facilitator.client.get(sheet).content.decode()
    assert "Little interest or pleasure in doing things" in page
    assert member.user.public_name not in page, "answers are read with the code alone"
    day = timezone.localdate() - timedelta(days=1)
    data = filled(day, q1="2", q2="1", q3="left-out", difficulty="1")
    assert facilitator.client.post(sheet, data).url == address("list", group)
    response = Response.objects.get()
    assert (response.way, response.entered_by) == ("paper", facilitator.user)
    assert response.answered_on == day
    assert response.answers["q3"] is None
    assert response.score == 3, "prorated, as online"
    assert response.submitted_at is not None
    assert not Concern.objects.exists()
    invitation.refresh_from_db()
    assert invitation.next_mail_at is None
    progress = member.client.get(reverse("outcomes:check_in_detail", args=[response.pk]))
    assert f"Somebody typed it in: {facilitator.user.public_name}" in progress.content.decode()
    assert facilitator.client.post(sheet, data).status_code == 403, "nobody types it in twice"


def test_a_risk_on_paper_acts_as_online(facilitator, coordinator, member, group, invitation):
    response = facilitator.client.post(address("sheet", group, "3KMR4W"), filled(q9="1"))
    assert response.url == address("worry", group, "3KMR4W")
    concern = Concern.objects.get()
    assert (concern.about, concern.assigned_to) == (member.user, coordinator.user)
    assert concern.opened_by == facilitator.user
    assert concern.occasion == f"survey:{Response.objects.get().pk}:q9"
    assert "Several days" in concern.detail
    page = facilitator.client.get(response.url).content.decode()
    assert f"{coordinator.user.public_name} is being told" in page
    assert "Call 116 123" in page


def test_paper_and_its_concern_stand_or_fall_together(facilitator, group, invitation, monkeypatch):
    def fails(**fields):
        raise RuntimeError

    monkeypatch.setattr(actions, "open_concern", fails)
    with pytest.raises(RuntimeError):
        facilitator.client.post(address("sheet", group, "3KMR4W"), filled(q9="3"))
    assert not Response.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"q2": ""}, "Choose the answer to question 2, or “Left out”."),
        ({"answered_on": ""}, "Type the day that stands on the sheet."),
        ({"answered_on": "2020-01-01"}, "then the questions were open."),
    ],
)
def test_paper_sheet_says_what_is_missing_and_loses_nothing(
    coordinator, group, invitation, fields, words
):
    data = {**filled(q1="3"), **fields}
    page = coordinator.client.post(address("sheet", group, "3KMR4W"), data).content.decode()
    assert words in page
    typed = re.search(r'<input[^>]*name="q1"[^>]*value="3"[^>]*>', page)
    assert "checked" in typed[0], "what was typed stays"
    assert not Response.objects.exists()


def test_a_sheet_replaces_what_was_saved_online_and_not_sent(
    coordinator, member, group, invitation
):
    actions.save_answer(invitation=invitation, item_id="q1", value=3, by=member.user)
    page = coordinator.client.get(address("sheet", group, "3KMR4W")).content.decode()
    assert "has begun to answer online" in page
    coordinator.client.post(address("sheet", group, "3KMR4W"), filled())
    assert Response.objects.get().answers == dict.fromkeys(PHQ_9, 0)


@pytest.mark.parametrize("problem", ["sent", "own", "too old"])
def test_type_in_refuses(coordinator, member, group, invitation, problem):
    at = timezone.now()
    by = coordinator.user
    if problem == "sent":
        factories.response(invitation, submitted_at=at)
    elif problem == "own":
        factories.facilitator(group, user=member.user)
        by = member.user
    else:
        at = invitation.closes_at + timedelta(days=31)
    with pytest.raises(Refused):
        paper_actions.type_in(
            invitation=invitation,
            answers=dict.fromkeys(PHQ_9, 0),
            answered_on=timezone.localdate(),
            by=by,
            at=at,
        )
    assert not Response.objects.filter(way="paper").exists()


def test_a_sheet_filled_in_time_can_be_typed_in_later(coordinator, group, invitation):
    paper_actions.type_in(
        invitation=invitation,
        answers=dict.fromkeys(PHQ_9, 1),
        answered_on=timezone.localdate(),
        by=coordinator.user,
        at=invitation.closes_at + timedelta(days=20),
    )
    assert Response.objects.get().score == 9


def test_paper_is_for_coordinators_and_whoever_leads_first(
    coordinator, facilitator, outsider, group
):
    second = factories.facilitator(group, is_lead=False).user
    found = {
        user.pk: coordinates_or_leads_first(user, group)
        for user in (coordinator.user, facilitator.user, second, outsider.user)
    }
    assert list(found.values()) == [True, True, False, False]


@pytest.mark.parametrize(
    ("code", "item_id", "words"),
    [
        ("audit-c", "q1", ""),
        ("audit-c", "q2", "Skip this if you ticked “Never” in question 1."),
        ("pc-ptsd-5", "q1", "Skip this if you ticked “No” in question 1."),
        ("phq-9", "difficulty", "Only if you ticked anything else than “Not at all” above."),
    ],
)
def test_what_paper_says_about_conditions(code, item_id, words):
    definition = factories.instrument(code).parsed()
    assert paper_rules.instruction(definition, definition.item(item_id)) == words


def test_codes_are_short_and_plain():
    code = paper_rules.new_code()
    assert paper_rules.read(paper_rules.shown(code).lower()) == code
    assert not set("0O1IL5S2Z8B") & set(paper_rules.ALPHABET)
