from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import TrailCheck
from outcomes import rules
from outcomes.models import Response
from safeguarding.models import Concern
from tests import factories
from tests.cast import signed_in

pytestmark = pytest.mark.django_db

PHQ_9 = [f"q{number}" for number in range(1, 10)]


@pytest.fixture
def plan(group):
    return factories.survey_plan(group)


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


@pytest.fixture
def invitation(plan, membership):
    return factories.invitation(plan, membership)


def survey(page, invitation, *arguments):
    return reverse(f"outcomes:survey_{page}", args=[invitation.pk, *arguments])


def post(person, invitation, item_id, answer, **fields):
    data = {"answer": answer, **fields} if answer is not None else fields
    return person.client.post(survey("question", invitation, item_id), data)


def answer_all(person, invitation, value="0", items=PHQ_9):
    for item_id in items:
        response = post(person, invitation, item_id, value)
        assert response.status_code == 302
    return response


# Check-ins ---------------------------------------------------------------------------------------


def test_survey_start_says_what_this_is(member, invitation):
    page = member.client.get(survey("start", invitation))
    assert page.status_code == 200
    content = page.content.decode()
    assert "Up to 10 short questions about the last 2 weeks" in content
    assert invitation.plan.instrument.parsed().licence.notice.split(".")[0] in content


@pytest.mark.parametrize("page", ["start", "check", "done", "support"])
@pytest.mark.parametrize("who", ["outsider", "coordinator", "facilitator", "other_coordinator"])
def test_surveys_of_others_do_not_exist(request, who, page, invitation):
    factories.response(invitation)
    person = request.getfixturevalue(who)
    assert person.client.get(survey(page, invitation)).status_code == 404
    assert person.client.get(survey("question", invitation, "q1")).status_code == 404
    assert post(person, invitation, "q1", "1").status_code == 404


def test_surveys_ask_visitors_to_sign_in(visitor, invitation):
    for address in (survey("start", invitation), reverse("outcomes:participant_home")):
        response = visitor.client.get(address)
        assert response.status_code == 302
        assert response.url.startswith(reverse("account_login"))


def test_survey_question_shows_exact_wording(member, invitation):
    page = member.client.get(survey("question", invitation, "q9")).content.decode()
    assert (
        "<h1>Thoughts that you would be better off dead, or of hurting yourself in some way</h1>"
    ) in page
    assert "Over the last 2 weeks, how often have you been bothered by any of" in page
    places = [
        page.index(label)
        for label in (
            "Not at all",
            "Several days",
            "More than half the days",
            "Nearly every day",
            "I would rather not say",
        )
    ]
    assert places == sorted(places)
    assert invitation.plan.instrument.parsed().licence.notice.split("(c)")[1][:60] in page


def test_survey_question_unknown_is_404(member, invitation):
    assert member.client.get(survey("question", invitation, "q10")).status_code == 404
    not_asked = survey("question", invitation, "difficulty")
    assert member.client.get(not_asked).status_code == 404, "nothing above zero was answered"


def test_survey_question_saves_each_answer_and_goes_on(member, invitation):
    response = post(member, invitation, "q1", "2")
    assert response.url == survey("question", invitation, "q2")
    response = post(member, invitation, "q2", "not-said")
    assert response.url == survey("question", invitation, "q3")
    assert Response.objects.get().answers == {"q1": 2, "q2": None}
    again = member.client.get(survey("question", invitation, "q1")).content.decode()
    assert 'value="2"' in again
    assert "checked" in again


def test_survey_start_resumes_at_the_first_unanswered(member, invitation):
    post(member, invitation, "q1", "1")
    post(member, invitation, "q3", "1")
    assert member.client.get(survey("start", invitation)).url == survey(
        "question", invitation, "q2"
    )


def test_survey_question_without_an_answer_says_how_to_go_on(member, invitation):
    page = member.client.post(survey("question", invitation, "q1"))
    assert page.status_code == 200
    content = page.content.decode()
    assert "<title>Error: " in content
    assert content.count("Choose an answer, or “I would rather not say”.") == 2
    assert not Response.objects.exists()


def test_survey_question_refuses_a_made_up_answer(member, invitation):
    content = post(member, invitation, "q1", "7").content.decode()
    assert "Choose one of the answers below." in content
    assert not Response.objects.exists()


def test_survey_question_can_be_left_for_later(member, invitation):
    home = reverse("outcomes:participant_home")
    assert post(member, invitation, "q1", None, later="1").url == home
    assert post(member, invitation, "q1", "1", later="1").url == home
    assert Response.objects.get().answers == {"q1": 1}


def test_survey_question_difficulty_is_asked_when_something_was(member, invitation):
    post(member, invitation, "q1", "1")
    last = answer_all(member, invitation, items=PHQ_9[1:])
    assert last.url == survey("question", invitation, "difficulty")
    page = member.client.get(last.url).content.decode()
    assert "One more question" in page
    assert "If you checked off any problems" in page
    assert invitation.plan.instrument.parsed().stem not in page
    assert post(member, invitation, "difficulty", "1").url == survey("check", invitation)


def test_survey_check_shows_answers_with_ways_to_change_them(member, invitation):
    assert answer_all(member, invitation).url == survey("check", invitation)
    page = member.client.get(survey("check", invitation)).content.decode()
    for item_id in PHQ_9:
        assert survey("question", invitation, item_id) in page
    assert page.count("Not at all") == 9
    changed = post(member, invitation, "q2", "not-said")
    assert changed.url == survey("check", invitation), "straight back to the answers"


def test_survey_check_unfinished_leads_to_the_open_question(member, invitation):
    post(member, invitation, "q1", "0")
    for method in (member.client.get, member.client.post):
        assert method(survey("check", invitation)).url == survey("question", invitation, "q2")
    assert Response.objects.get().submitted_at is None


def test_survey_check_sends_and_survey_done_says_what_is_next(member, invitation, membership):
    answer_all(member, invitation)
    assert member.client.post(survey("check", invitation)).url == survey("done", invitation)
    assert Response.objects.get().score == 0
    page = member.client.get(survey("done", invitation)).content.decode()
    assert "Your low mood score is 0" in page
    assert "after you have come to 4 more sessions" in page
    for address in (
        survey("start", invitation),
        survey("check", invitation),
        survey("question", invitation, "q1"),
    ):
        assert member.client.get(address).url == survey("done", invitation)
    assert post(member, invitation, "q1", "3").url == survey("done", invitation)
    assert Response.objects.get().score == 0


def test_survey_done_leads_to_the_next_set(member, invitation, group, membership):
    worry = factories.survey_plan(group, instrument=factories.instrument("gad-7"), position=2)
    following = factories.invitation(worry, membership)
    answer_all(member, invitation)
    member.client.post(survey("check", invitation))
    page = member.client.get(survey("done", invitation)).content.decode()
    assert survey("start", following) in page
    assert "7 short questions" in page


def test_survey_done_before_the_end_leads_back(member, invitation):
    assert member.client.get(survey("done", invitation)).url == survey("question", invitation, "q1")


def test_survey_support_is_shown_at_once_and_says_who_is_told(member, invitation, coordinator):
    response = post(member, invitation, "q9", "1")
    assert response.url == survey("support", invitation)
    concern = Concern.objects.get()
    page = member.client.get(response.url).content.decode()
    assert "Thank you for telling us" in page
    assert "116 123" in page
    assert f"<b>{coordinator.user.public_name}</b> at Harbour Network will be told" in page
    concern.told_at = timezone.now()
    concern.save()
    assert "We have told" in member.client.get(response.url).content.decode()
    assert "nobody is watching this site for you" in page
    assert survey("start", invitation) in page


def test_survey_support_says_so_when_nobody_is_on_call(member, invitation):
    page = member.client.get(post(member, invitation, "q9", "3").url).content.decode()
    assert "no person has been told" in page
    assert "by e-mail" not in page


def test_survey_support_uses_the_persons_country(member, invitation):
    User.objects.filter(pk=member.user.pk).update(country="US")
    page = member.client.get(post(member, invitation, "q9", "3").url).content.decode()
    assert "988" in page


def test_survey_support_also_when_finishing_later(member, invitation):
    response = post(member, invitation, "q9", "2", later="1")
    assert response.url == survey("support", invitation)


def test_survey_support_without_a_reason_leads_on(member, invitation):
    assert member.client.get(survey("support", invitation)).status_code == 404
    post(member, invitation, "q1", "1")
    assert member.client.get(survey("support", invitation)).url == survey(
        "question", invitation, "q2"
    )


def test_survey_start_closed_is_kind(member, plan, membership):
    invitation = factories.invitation(plan, membership, due_at=timezone.now() - timedelta(days=8))
    page = member.client.get(survey("start", invitation))
    assert page.status_code == 200
    assert "This check-in has closed" in page.content.decode()
    refused = post(member, invitation, "q1", "1")
    assert refused.status_code == 403
    assert "closed" in refused.content.decode()
    assert not Response.objects.exists()


def test_survey_start_not_due_yet_does_not_exist(member, plan, membership):
    invitation = factories.invitation(plan, membership, due_at=timezone.now() + timedelta(hours=1))
    assert member.client.get(survey("start", invitation)).status_code == 404


# Home --------------------------------------------------------------------------------------------


def home(person):
    page = person.client.get(reverse("outcomes:participant_home"))
    assert page.status_code == 200
    return page.content.decode()


def test_participant_home_of_a_newcomer_leads_to_the_directory(outsider):
    page = home(outsider)
    assert "Find a group that suits you" in page
    assert reverse("groups:directory") in page
    assert "Outsider" in page


@pytest.mark.parametrize(
    ("minutes", "open_"), [(9, True), (11, False), (-5, True)], ids=["soon", "later", "begun"]
)
def test_participant_home_shows_the_next_session(member, group, minutes, open_):
    starts_at = timezone.now() + timedelta(minutes=minutes)
    session = factories.support_session(group, starts_at=starts_at)
    page = home(member)
    assert "1 of 12 seats are taken. One is yours." in page
    assert (reverse("sessions:room_enter", args=[session.pk]) in page) is open_
    assert ("The room opens 10 minutes before" in page) is not open_


def test_participant_home_at_a_place_keeps_the_places_time(member, group):
    group.format, group.place, group.time_zone = "in_person", "Leeds LS6", "America/New_York"
    group.save()
    factories.support_session(group, starts_at=timezone.now() + timedelta(minutes=5))
    page = home(member)
    assert "Leeds LS6" in page
    assert "New York</span> time" in page
    assert "Enter the room" not in page


def test_participant_home_lists_what_is_to_do(member, group, invitation, membership):
    factories.agreement(group)
    other = factories.group(name="Second circle")
    factories.application(other, user=member.user)
    third = factories.group(name="Third circle")
    factories.application(third, user=member.user, status="submitted")
    User.objects.filter(pk=member.user.pk).update(display_name="")
    post(member, invitation, "q1", "1")
    page = home(member)
    assert f"Read and sign the agreement of {group.name}" in page
    assert "Check-in: low mood" in page
    assert "1 of 10 answered" in page, "the extra question is asked by now"
    assert "Finish your questions for Second circle" in page
    assert "You asked to join Third circle" in page
    assert "You will hear by" in page
    assert "Choose the name people see" in page


def test_participant_home_shows_the_own_course(member, plan, membership):
    for wave, score in enumerate((18, 9)):
        factories.response(
            factories.invitation(plan, membership, wave=wave),
            submitted_at=timezone.now() - timedelta(days=60 - 30 * wave),
            score=score,
            band="moderate",
        )
    page = home(member)
    assert "Your low mood score is 9 lower than in" in page
    assert "A change of 6 or more is unlikely to be chance" in page
    assert "only you" in page
    assert "because of" not in page


def test_participant_home_counts_sessions_without_streaks(member, group, membership):
    for days, status in ((14, "attended"), (7, "no_show"), (1, "late")):
        held = factories.support_session(
            group, status="ended", starts_at=timezone.now() - timedelta(days=days)
        )
        factories.attendance(held, membership, status=status)
    page = home(member)
    assert "You came to 2 of 3 sessions since" in page
    assert "streak" not in page
    assert "in a row" not in page


def test_participant_home_of_a_facilitator(facilitator, group, applicant):
    session = factories.support_session(group, starts_at=timezone.now() + timedelta(minutes=5))
    page = home(facilitator)
    assert reverse("sessions:room_enter", args=[session.pk]) in page
    assert "Open the room" in page
    assert "1 person waits" in page
    assert "Find a group that suits you" not in page


def test_participant_home_of_a_coordinator(coordinator, organisation):
    page = home(coordinator)
    assert reverse("outcomes:overview", args=[organisation.slug]) in page


def test_participant_home_asks_few_queries(member, group, django_assert_max_num_queries):
    for number in range(5):
        other = factories.group(name=f"Circle {number}")
        factories.member(other, user=member.user)
        factories.support_session(other)
    with django_assert_max_num_queries(20):
        home(member)


# Overview ----------------------------------------------------------------------------------------


def overview(person, organisation, **query):
    return person.client.get(reverse("outcomes:overview", args=[organisation.slug]), query)


def test_overview_of_other_organisations_does_not_exist(cast, organisation):
    for name, person in cast.items():
        expected = {"visitor": 302, "coordinator": 200}.get(name, 404)
        assert overview(person, organisation).status_code == expected, name


def test_overview_leads_to_the_only_organisation(coordinator, member, organisation):
    response = coordinator.client.get(reverse("outcomes:overview"))
    assert response.url == reverse("outcomes:overview", args=[organisation.slug])
    assert member.client.get(reverse("outcomes:overview")).status_code == 404


def test_overview_lets_choose_among_organisations(coordinator, organisation):
    other = factories.staff_role(user=coordinator.user).organisation
    page = coordinator.client.get(reverse("outcomes:overview")).content.decode()
    assert organisation.name in page
    assert other.name in page


def test_overview_when_all_is_well(coordinator, organisation, facilitator):
    factories.confirmed_lines(organisation)
    page = overview(coordinator, organisation).content.decode()
    assert "Nothing needs you today" in page
    assert "Nobody has come to a first session yet" in page


def alerts(page):
    return {alert["title"]: alert for alert in page.context["overview"].alerts}


def test_overview_counts_equal_what_they_lead_to(coordinator, organisation, group, applicant):
    factories.concern(organisation=organisation)
    factories.concern(organisation=organisation, closed_at=timezone.now(), closing_note="Called.")
    factories.concern()
    factories.application(factories.group(), user=factories.user(), status="submitted")
    for _ in range(2):
        factories.membership(
            group=group, status="waitlisted", waitlisted_at=timezone.now() - timedelta(days=19)
        )
    factories.support_session(group, starts_at=timezone.now() - timedelta(hours=3))
    page = overview(coordinator, organisation)
    found = alerts(page)
    assert {title: alert["count"] for title, alert in found.items()} == {
        "Concern to look at": 1,
        "Help lines to confirm": 2,
        "Application to answer": 1,
        "Group has no facilitator": 1,
        "Session was not begun": 1,
        "People on waiting lists": 2,
    }
    assert found["Concern to look at"]["url"] == reverse("safeguarding:concern_list")
    assert found["Application to answer"]["url"] == reverse("screening:queue")
    assert "19 days" in found["People on waiting lists"]["detail"]
    assert page.context["overview"].alerts[0]["title"] == "Concern to look at"


def test_overview_says_what_is_past_its_time(coordinator, organisation, group):
    hour = timedelta(hours=1)
    factories.concern(organisation=organisation, respond_by=timezone.now() - hour)
    factories.application(
        group, user=factories.user(), status="submitted", answer_by=timezone.now() - hour
    )
    found = alerts(overview(coordinator, organisation))
    assert "1 is past that time" in found["Concern to look at"]["detail"]
    assert "1 is past that time" in found["Application to answer"]["detail"]
    assert found["Application to answer"]["level"] == 2


def test_overview_notices_an_emptying_group(coordinator, organisation, group, facilitator):
    members = [factories.member(group) for _ in range(9)]
    for week, number in enumerate([9, 9, 8, 4, 4]):
        held = factories.support_session(
            group,
            status="ended",
            starts_at=timezone.now() - timedelta(days=7 * (5 - week) - 1),
        )
        for place, membership in enumerate(members):
            status = "attended" if place < number else "no_show"
            factories.attendance(held, membership, status=status)
    page = overview(coordinator, organisation)
    assert "4 last time" in alerts(page)["Group is emptying"]["detail"]
    content = page.content.decode()
    assert "9 of 9" in content
    assert "4 of 9" in content


@pytest.fixture
def people_with_scores(group, plan):
    """12 people who first came half a year ago; 6 improved, 6 did not."""
    sessions = [
        factories.support_session(
            group, status="ended", starts_at=timezone.now() - timedelta(days=days)
        )
        for days in (210, 203, 7)
    ]
    for place in range(12):
        membership = factories.member(group, activated_at=timezone.now() - timedelta(days=211))
        for held in sessions:
            factories.attendance(held, membership)
        for wave, score in enumerate((18, 6 if place < 6 else 17)):
            factories.response(
                factories.invitation(plan, membership, wave=wave),
                submitted_at=timezone.now() - timedelta(days=200 - 30 * wave),
                score=score,
            )


def test_overview_figures_from_the_rows(coordinator, organisation, people_with_scores):
    content = overview(coordinator, organisation).content.decode()
    assert "100% still come 2 sessions after their first" in content
    assert "12 people who came to a first session" in content
    assert "Low mood: 50% improved reliably, 0% got worse" in content
    assert "does not show that the groups caused the change" in content
    assert "100% of those expected came in the last four weeks" in content
    assert "caused by" not in content


def test_overview_filters_by_group_and_period(coordinator, organisation, group, people_with_scores):
    began = timezone.localdate(timezone.now() - timedelta(days=210))
    found = overview(coordinator, organisation, group=group.slug, period=str(began.year))
    assert "12 people who came to a first session" in found.content.decode()
    assert f'value="{began.year}" selected' in found.content.decode()
    before = overview(coordinator, organisation, period=str(began.year - 1)).content.decode()
    assert "people who came to a first session." not in before
    unknown = overview(coordinator, organisation, group="nothing", period="ever")
    assert "12 people who came to a first session" in unknown.content.decode()


def test_overview_hides_small_groups_and_what_would_give_them_away(
    coordinator, organisation, group, people_with_scores
):
    small = factories.group(organisation=organisation, name="Small circle")
    held = factories.support_session(
        small, status="ended", starts_at=timezone.now() - timedelta(days=40)
    )
    for _ in range(3):
        factories.attendance(held, factories.member(small))
    content = overview(coordinator, organisation, group=small.slug).content.decode()
    assert "Too few people to show how long they stay" in content
    for slug in ("", group.slug):
        content = overview(coordinator, organisation, group=slug).content.decode()
        assert "12 people who came to a first session" in content, "the three wait for others"


def test_overview_tells_of_a_broken_trail(coordinator, organisation):
    words = "The trail of this site was changed from outside"
    look = {"head_number": 0, "head_hash": b""}
    TrailCheck.objects.create(checked_at=timezone.now(), found=["Event 1 was removed."], **look)
    content = overview(coordinator, organisation).content.decode()
    assert words in content
    assert reverse("oversight:trail", args=[organisation.slug]) in content
    TrailCheck.objects.create(checked_at=timezone.now(), **look)
    assert words not in overview(coordinator, organisation).content.decode()


def test_overview_asks_a_constant_number_of_queries(
    coordinator, organisation, group, people_with_scores, django_assert_max_num_queries
):
    overview(coordinator, organisation)  # counts the group, once
    with django_assert_max_num_queries(15):
        overview(coordinator, organisation)
    for number in range(4):
        other = factories.group(organisation=organisation, name=f"Circle {number}")
        factories.support_session(other, starts_at=timezone.now() - timedelta(hours=2))
        factories.concern(organisation=organisation)
        factories.application(other, user=factories.user(), status="submitted")
        held = factories.support_session(other, status="ended")
        factories.attendance(held, factories.member(other))
    overview(coordinator, organisation)
    with django_assert_max_num_queries(15):
        overview(coordinator, organisation)


def test_figure_csv_says_what_the_page_says(coordinator, organisation, people_with_scores):
    address = reverse("outcomes:figure_csv", args=[organisation.slug, "retention"])
    found = coordinator.client.get(address, {"facilitation": "peer_led"})
    assert found["Content-Type"] == "text/csv"
    lines = found.content.decode("utf-8-sig").splitlines()
    assert "# Led by: Peer-led" in lines
    assert "2,100,100,100,12" in lines
    unknown = reverse("outcomes:figure_csv", args=[organisation.slug, "nothing"])
    assert coordinator.client.get(unknown).status_code == 404


def test_overview_gives_htmx_only_the_figures(coordinator, organisation):
    page = coordinator.client.get(
        reverse("outcomes:overview", args=[organisation.slug]), headers={"HX-Request": "true"}
    )
    content = page.content.decode()
    assert content.lstrip().startswith('<div class="stack-5" id="figures"')
    assert "Needs you today" not in content


def test_mail_links_lead_to_a_page(member, invitation):
    assert rules.sheet_of(invitation).next_item is not None
    assert member.client.get(survey("start", invitation)).status_code == 200


def test_participant_home_of_somebody_who_only_waits(applicant):
    page = home(applicant)
    assert "Under way" in page
    assert "For you to do" not in page


def test_home_asks_how_a_session_was_until_the_questions_close(member, group, membership):
    held = factories.support_session(group, status="ended")
    factories.attendance(held, membership)
    address = reverse("sessions:pulse", args=[held.pk])
    home = reverse("outcomes:participant_home")
    assert address in member.client.get(home).content.decode()
    factories.pulse(held, member.user)
    assert address not in member.client.get(home).content.decode()


def test_home_of_a_facilitator_names_what_comes_after_a_session(facilitator, group):
    held = factories.support_session(group, status="ended")
    late = factories.follow_up(
        held, owner=facilitator.user, due_on=timezone.localdate() - timedelta(days=1)
    )
    page = " ".join(
        facilitator.client.get(reverse("outcomes:participant_home")).content.decode().split()
    )
    assert f"Write a debrief of {group.name}" in page
    assert late.what in page
    assert "Overdue" in page


def test_home_of_an_overseer_leads_to_the_debriefs(group):
    overseer = signed_in(group.overseer)
    page = overseer.client.get(reverse("outcomes:participant_home")).content.decode()
    assert reverse("sessions:debrief_list", args=[group.slug]) in page
    assert reverse("screening:queue") not in page
    assert "Find a group that suits you" not in page
