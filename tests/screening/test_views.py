"""From "Ask to join" to an answer, through a browser's eyes."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from groups.models import Membership
from safeguarding.models import Concern
from screening import actions, defaults, rules, tasks
from screening.models import Application
from screening.rules import score_of
from supportgroups.lib.refusals import Refused
from tests import factories


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def at(name: str, application, *more) -> str:
    return reverse(f"screening:{name}", args=[application.pk, *more])


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr(tasks.tell_applicant, "delay", lambda _: None)
    monkeypatch.setattr(tasks.tell_staff_of_talk, "delay", lambda _: None)


@pytest.fixture
def joining(group) -> str:
    return reverse("screening:join", args=[group.slug])


@pytest.fixture
def draft(group, outsider):
    return actions.start_application(group=group, by=outsider.user)


def answer(person, application, position, value, **more):
    return person.client.post(at("question", application, position), {"value": value, **more})


def answer_all(person, application, risk="no"):
    for position, value in ((1, "Company"), (2, risk), (3, "yes")):
        answer(person, application, position, value)


# Beginning ---------------------------------------------------------------------------------------


def test_join_explains_before_an_account_is_asked_for(client, group, joining):
    page = text(client.get(joining))

    assert "3 short questions" in page
    assert "You need no password." in page
    assert "Make an account and begin" in page
    assert f"{reverse('account_login')}?next={joining}" in page


def test_join_sends_visitors_to_sign_up_and_then_begins(client, group, joining):
    response = client.post(joining)
    assert response["Location"] == f"{reverse('account_signup')}?next={quote(joining, safe='')}"

    # The sign-in keeps the browser's session, as signing up by code does.
    person = factories.user()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    response = client.get(joining)

    application = person.applications.get()
    assert response["Location"] == at("question", application, 1)
    assert client.get(joining).status_code == 200


def test_join_by_following_a_link_begins_nothing(outsider, joining):
    assert "Begin</button>" in text(outsider.client.get(joining))

    assert not outsider.user.applications.exists()


def test_join_goes_on_at_the_first_unanswered_question(outsider, group, joining):
    outsider.client.post(joining)
    application = outsider.user.applications.get()
    answer(outsider, application, 1, "Company")

    assert "Go on with your questions" in text(outsider.client.get(joining))
    assert outsider.client.post(joining)["Location"] == at("question", application, 2)

    answer(outsider, application, 2, "no")
    answer(outsider, application, 3, "yes")
    assert outsider.client.post(joining)["Location"] == at("check_answers", application)
    assert outsider.user.applications.count() == 1


@pytest.mark.parametrize("who", ["applicant", "member"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_join_twice_leads_back_to_the_group(cast, group, joining, who, method):
    response = getattr(cast[who].client, method)(joining)

    assert response["Location"] == reverse("groups:group_detail", args=[group.slug])


def test_join_is_refused_to_who_leads_the_group(facilitator, joining):
    assert "You lead this group" in text(facilitator.client.post(joining), 403)


def test_join_of_a_group_nobody_may_know_of(outsider, group, joining):
    group.lifecycle = "draft"
    group.save()

    assert outsider.client.get(joining).status_code == 404
    assert outsider.client.post(joining).status_code == 404


# Questions ---------------------------------------------------------------------------------------


def test_question_offers_what_it_must(outsider, draft):
    first = text(outsider.client.get(at("question", draft, 1)))
    assert "Question 1 of 3" in first
    assert "Each answer is saved when you continue" in first
    assert "Up to 1,000 characters." in first
    assert 'maxlength="1000"' in first
    assert "I would rather not say" in first
    assert "Who will see my answer?" in first

    second = text(outsider.client.get(at("question", draft, 2)))
    assert f'href="{at("question", draft, 1)}"' in second
    assert "I would rather not say" in second

    third = text(outsider.client.get(at("question", draft, 3)))
    assert "I would rather not say" not in third


def test_question_keeps_each_answer_and_says_so(outsider, draft):
    response = answer(outsider, draft, 1, "Some company.")

    assert response["Location"] == at("question", draft, 2)
    assert draft.answers.get().value == "Some company."
    assert "Your answers so far are saved" in text(outsider.client.get(response["Location"]))
    assert "Some company." in text(outsider.client.get(at("question", draft, 1)))


@pytest.mark.parametrize(
    ("position", "data"), [(1, {"value": "Half a thought", "not_said": "1"}), (2, {"value": "-"})]
)
def test_question_rather_not_said(outsider, draft, position, data):
    response = outsider.client.post(at("question", draft, position), data)

    assert response.status_code == 302
    assert draft.answers.get().value is None
    chosen = re.search(
        r'value="-"[^>]* checked', text(outsider.client.get(at("question", draft, 2)))
    )
    assert bool(chosen) == (position == 2)


@pytest.mark.parametrize(
    ("position", "data", "message"),
    [
        (1, {"value": ""}, "Write a few words, or choose to answer later."),
        (1, {"value": "x" * 1001}, "Use up to 1,000 characters."),
        (2, {}, "Choose one answer, or choose to answer later."),
        (2, {"value": "perhaps"}, "Choose one of the answers."),
        (3, {"value": "-"}, "Choose one of the answers."),
        (3, {"not_said": "1"}, "Choose one answer, or choose to answer later."),
    ],
)
def test_question_says_how_to_fix_an_error_and_loses_nothing(
    outsider, draft, position, data, message
):
    page = text(outsider.client.post(at("question", draft, position), data))

    assert "<title>Error:" in page
    assert page.count(message) == 2
    target = "id_value" if position == 1 else "id_value_0"
    assert f'href="#{target}">{message}' in page
    assert f'id="{target}"' in page
    if position == 1:
        assert data["value"] in page
    assert "Answer this later" in page
    assert not draft.answers.exists()


def test_question_survives_what_no_browser_sends(outsider, draft):
    page = text(answer(outsider, draft, 1, "a\x00b"))

    assert "Error:" in page


def test_question_can_be_answered_later(outsider, draft):
    page = text(outsider.client.get(at("question", draft, 1)))
    assert f'href="{at("question", draft, 2)}">Answer this later' in page

    answer(outsider, draft, 3, "yes")
    assert answer(outsider, draft, 2, "no")["Location"] == at("check_answers", draft)
    page = text(outsider.client.get(at("check_answers", draft)))
    assert "1 question still waits for an answer" in page
    assert "Send my answers" not in page


def test_question_changed_from_the_check_page_leads_back_there(outsider, draft):
    answer_all(outsider, draft)
    change = f"{at('question', draft, 1)}?change=1"
    assert change in text(outsider.client.get(at("check_answers", draft)))
    page = text(outsider.client.get(change))
    assert 'name="change"' in page
    assert f'href="{at("check_answers", draft)}">Keep my answer as it was' in page

    assert answer(outsider, draft, 1, "Other", change="1")["Location"] == at("check_answers", draft)


@pytest.mark.parametrize("who", ["applicant", "member", "facilitator", "coordinator"])
@pytest.mark.parametrize(
    "name",
    [
        "question",
        "answer_saved",
        "check_answers",
        "display_name",
        "application_detail",
        "application_withdraw",
    ],
)
def test_pages_of_an_application_are_the_applicants_own(cast, draft, who, name):
    more = [1] if name in ("question", "answer_saved") else []

    assert cast[who].client.get(at(name, draft, *more)).status_code == 404
    assert cast[who].client.post(at(name, draft, *more), {"value": "no"}).status_code in (404, 405)
    assert not draft.answers.exists()


def test_unknown_question_is_404(outsider, draft):
    assert outsider.client.get(at("question", draft, 9)).status_code == 404


# An answer that signals risk ---------------------------------------------------------------------


def test_answer_saved_helps_at_once_and_names_who_is_asked(outsider, draft, coordinator):
    outsider.user.country = "US"
    outsider.user.save()

    response = answer(outsider, draft, 2, "yes")

    assert response["Location"] == at("answer_saved", draft, 2)
    page = text(outsider.client.get(response["Location"]))
    concern = Concern.objects.get()
    assert "Thank you for telling us" in page
    assert "988 Suicide" in page
    assert "<b>Coordinator</b> at Harbour Network will be told by e-mail" in page
    assert f"{concern.respond_by:%Y-%m-%dT%H:%M:%SZ}" in page
    assert "nobody is watching this site for you" in page
    assert f'href="{at("question", draft, 3)}">Continue' in page
    assert "The coordinators there can read the answer too" in page
    assert "Coordinator, who is on call, and the coordinators of Harbour Network can read" in text(
        outsider.client.get(at("check_answers", draft))
    )


def test_answer_saved_promises_nobody_when_there_is_nobody(outsider, draft):
    answer(outsider, draft, 2, "yes")

    page = text(outsider.client.get(at("answer_saved", draft, 2)))

    assert "Nobody at Harbour Network is on call" in page
    assert "told by e-mail" not in page
    assert "999" in page
    assert "Whoever is on call next and the coordinators of Harbour Network can read one" in text(
        outsider.client.get(at("check_answers", draft))
    )


def test_answer_saved_of_another_answer_goes_on(outsider, draft):
    answer(outsider, draft, 1, "Company")

    assert outsider.client.get(at("answer_saved", draft, 1))["Location"] == at("question", draft, 2)


def test_nothing_of_health_is_in_an_address(outsider, draft):
    for url in (at("answer_saved", draft, 2), at("question", draft, 2)):
        assert not re.search(r"urgent|risk|crisis|help|support", url)


# Sending -----------------------------------------------------------------------------------------


def test_check_answers_sends_to_a_drop_in_group(outsider, draft, group):
    answer_all(outsider, draft)
    page = text(outsider.client.get(at("check_answers", draft)))
    assert "Company" in page
    assert "Change<span" in page

    response = outsider.client.post(at("check_answers", draft))

    assert response["Location"] == at("application_detail", draft)
    page = text(outsider.client.get(response["Location"]))
    assert "You have a place" in page
    assert reverse("groups:agreement", args=[group.slug]) in page


def test_check_answers_sends_to_a_screened_group(outsider, draft, group):
    group.admission = "screened"
    group.save()
    answer_all(outsider, draft)

    page = text(outsider.client.post(at("check_answers", draft), follow=True))

    draft.refresh_from_db()
    assert "A facilitator or coordinator will answer by" in page
    assert f"{draft.answer_by:%Y-%m-%dT%H:%M:%SZ}" in page
    assert "London time" in page
    assert "Take my request back" in page


def test_check_answers_stops_kindly_without_the_acknowledgement(outsider, draft):
    answer_all(outsider, draft)
    answer(outsider, draft, 3, "no")

    page = text(outsider.client.get(at("check_answers", draft)))
    assert "cannot replace treatment" in page
    assert "Send my answers" not in page
    assert f'{at("question", draft, 3)}?change=1">Change my answer' in page

    page = text(outsider.client.post(at("check_answers", draft)))
    assert "<title>Error:" in page
    assert "please confirm" in page
    assert Application.objects.get().status == Application.Status.DRAFT


def test_check_answers_posted_too_early_says_so(outsider, draft):
    page = text(outsider.client.post(at("check_answers", draft)))

    assert "Some questions still wait for an answer." in page


def test_display_name_is_chosen_before_sending(outsider, draft):
    outsider.user.display_name = ""
    outsider.user.save()
    answer_all(outsider, draft)
    page = text(outsider.client.get(at("check_answers", draft)))
    assert "Not chosen yet" in page
    assert "Send my answers" not in page
    assert "Choose the name that others will see" in text(
        outsider.client.post(at("check_answers", draft))
    )

    assert "Enter a name" in text(outsider.client.post(at("display_name", draft), {}))
    response = outsider.client.post(at("display_name", draft), {"display_name": "Wren"})

    assert response["Location"] == at("check_answers", draft)
    outsider.user.refresh_from_db()
    assert outsider.user.display_name == "Wren"
    assert "Send my answers" in text(outsider.client.get(at("check_answers", draft)))


def test_after_sending_the_questions_are_closed(outsider, draft):
    answer_all(outsider, draft)
    outsider.client.post(at("check_answers", draft))

    for address in (at("question", draft, 1), at("check_answers", draft)):
        assert outsider.client.get(address)["Location"] == at("application_detail", draft)
        assert outsider.client.post(address, {"value": "x"})["Location"] == (
            at("application_detail", draft)
        )


# Where it stands ---------------------------------------------------------------------------------


def test_application_detail_of_a_draft_leads_on(outsider, draft):
    assert outsider.client.get(at("application_detail", draft))["Location"] == (
        at("check_answers", draft)
    )


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("accept", "You have a place"),
        ("talk_first", "Let us talk first"),
        ("refer", "Something else may suit you better"),
    ],
)
def test_application_detail_after_a_decision(applicant, facilitator, outcome, words):
    application = applicant.user.applications.get()
    actions.decide(
        application=application,
        outcome=outcome,
        message="Dear you,\n\n<b>be well</b>",
        reason="Only for staff",
        by=facilitator.user,
    )

    page = text(applicant.client.get(at("application_detail", application)))

    assert words in page
    assert "Facilitator wrote to you" in page
    assert "&lt;b&gt;be well" in page
    assert "Only for staff" not in page


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("waitlisted", "You are on the waiting list"),
        ("active", "You are a member"),
        ("removed", "Your time in this group has ended"),
    ],
)
def test_application_detail_follows_the_membership(group, outsider, status, words):
    membership = factories.membership(group=group, user=outsider.user, status=status)
    application = factories.application(
        group, user=outsider.user, status="accepted", membership=membership
    )

    assert words in text(outsider.client.get(at("application_detail", application)))


def test_application_detail_admits_a_broken_promise(applicant):
    application = applicant.user.applications.get()
    application.answer_by = timezone.now() - timedelta(hours=1)
    application.save()

    assert "It is late, and we are sorry" in text(
        applicant.client.get(at("application_detail", application))
    )


def test_application_withdraw_says_what_stays(outsider, draft, coordinator):
    page = text(outsider.client.get(at("application_withdraw", draft)))
    assert "Your answers are deleted at once" in page
    assert "stays in that task" not in page

    assert "the quote stays longer" in text(outsider.client.get(at("question", draft, 2)))
    answer(outsider, draft, 2, "yes")
    page = text(outsider.client.get(at("application_withdraw", draft)))
    assert "What they were told stays in that task" in page


def test_review_of_what_was_taken_back_is_kind(applicant, facilitator, member):
    application = applicant.user.applications.get()
    applicant.client.post(at("application_withdraw", application))

    for address in (at("review", application), at("note_add", application)):
        page = text(facilitator.client.get(address), 410)
        assert "This request was taken back" in page
        assert "Applicant" not in page
        assert member.client.get(address).status_code == 404
    page = text(facilitator.client.post(at("review", application), {"outcome": "accept"}), 410)
    assert "nothing left to answer" in page
    assert "Nobody waits for an answer" in text(facilitator.client.get("/screening/"))


def test_review_while_the_person_takes_it_back(applicant, facilitator, monkeypatch):
    application = applicant.user.applications.get()
    decide = actions.decide

    def too_slow(**fields):
        actions.withdraw_application(application=application, by=applicant.user)
        return decide(**fields)

    monkeypatch.setattr(actions, "decide", too_slow)
    response = facilitator.client.post(
        at("review", application), {"outcome": "accept", "message": "Welcome"}
    )

    assert "This request was taken back" in text(response, 410)


def test_application_withdraw_asks_once(applicant, group):
    application = applicant.user.applications.get()
    assert "Take your request back?" in text(
        applicant.client.get(at("application_withdraw", application))
    )

    page = text(applicant.client.post(at("application_withdraw", application), follow=True))

    assert "You have taken your request back" in page
    assert "Ask to join" in page
    assert "You took your request back" in text(
        applicant.client.get(at("application_detail", application))
    )
    assert applicant.client.post(at("application_withdraw", application)).status_code == 403


# For staff ---------------------------------------------------------------------------------------


def test_queue_shows_who_waits_and_how_urgent_it_is(facilitator, applicant, group):
    late = factories.application(
        group,
        user=factories.user(display_name="Late one"),
        status="submitted",
        answer_by=timezone.now() - timedelta(hours=1),
    )
    urgent = factories.application(
        group, user=factories.user(display_name="Urgent one"), status="submitted", proposal="urgent"
    )

    page = text(facilitator.client.get("/screening/"))

    assert "3 people wait for an answer" in page
    assert "Needs support today" in page
    assert ">Late</span>" in page
    order = [page.index(at("review", application)) for application in (urgent, late)]
    assert order == sorted(order)
    assert "Have you had thoughts" not in page


def test_queue_is_for_staff_and_shows_only_their_groups(cast):
    for who, status in (
        ("outsider", 403),
        ("applicant", 403),
        ("member", 403),
        ("facilitator", 200),
        ("coordinator", 200),
        ("other_coordinator", 200),
    ):
        assert cast[who].client.get("/screening/").status_code == status
    assert "Nobody waits" in text(cast["other_coordinator"].client.get("/screening/"))
    assert "Applicant" in text(cast["coordinator"].client.get("/screening/"))


@pytest.mark.parametrize("number", [1, 12])
def test_queue_asks_few_questions(facilitator, group, number, django_assert_max_num_queries):
    for _ in range(number):
        factories.application(group, user=factories.user(), status="submitted")

    with django_assert_max_num_queries(12):
        facilitator.client.get("/screening/")


def test_review_shows_answers_and_records_the_reading(cast):
    application = cast["applicant"].user.applications.get()
    answer = application.answers.get(question__position=2)
    answer.value = "yes"
    answer.save()

    page = text(cast["coordinator"].client.get(at("review", application)))

    assert "Have you had thoughts" in page
    assert "Needs support today" in page
    event = Event.objects.get(verb="application.read")
    assert (event.actor_id, event.object_id) == (cast["coordinator"].user.pk, application.pk)
    for who in ("outsider", "applicant", "member", "other_coordinator"):
        assert cast[who].client.get(at("review", application)).status_code == 404
        assert cast[who].client.post(at("review", application)).status_code == 404


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("accept", "We would be glad to have you in the group"),
        ("talk_first", "I would like to talk with you"),
        ("prepare", "please read this"),
        ("refer", "Below you see what we suggest"),
    ],
)
def test_review_offers_kind_words_for_each_outcome(facilitator, applicant, outcome, words):
    application = applicant.user.applications.get()

    page = text(facilitator.client.get(at("review", application), {"outcome": outcome}))

    assert words in page
    assert f'name="outcome" value="{outcome}"' in page


def test_review_part_for_htmx_holds_no_answers_and_records_no_reading(facilitator, applicant):
    application = applicant.user.applications.get()

    page = text(
        facilitator.client.get(
            at("review", application), {"outcome": "refer"}, headers={"HX-Request": "true"}
        )
    )

    assert 'id="decision"' in page
    assert "Have you had thoughts" not in page
    assert not Event.objects.filter(verb="application.read").exists()


def offering(**more) -> dict[str, str]:
    """A talk first, at two times that are tomorrow and the day after."""
    tomorrow = timezone.localdate() + timedelta(days=1)
    return {
        "outcome": "talk_first",
        "message": "Shall we talk?",
        "reason": "Unsure about fit",
        "minutes": "20",
        "how": "By telephone.",
        "day_1": tomorrow.isoformat(),
        "clock_1": "18:30",
        "day_3": (tomorrow + timedelta(days=1)).isoformat(),
        "clock_3": "09:00",
    } | more


def test_review_decides_and_the_applicant_sees_it(facilitator, applicant):
    application = applicant.user.applications.get()

    page = text(facilitator.client.post(at("review", application), offering(), follow=True))

    assert "Your answer is on its way" in page
    assert "Times for a talk are offered." in page
    page = text(applicant.client.get(at("application_detail", application)))
    assert "Shall we talk?" in page
    assert "Choose one of 2 times" in page
    page = text(facilitator.client.get(at("review", application)))
    assert "They can choose between these times" in page
    assert "Unsure about fit" in page
    assert "?outcome=talk_first" not in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"day_1": ""}, "Offer at least one date."),
        ({"clock_1": ""}, "Offer at least one time."),
        ({"clock_1": "late"}, "Enter time 1 as in 18:30."),
        ({"clock_3": ""}, "Fill in both date and time 3."),
        ({"day_3": ""}, "Fill in both date and time 3."),
        ({"day_1": "2020-01-01"}, "Offer times that are still to come."),
        ({"minutes": "3"}, "A talk takes at least 5 minutes."),
        ({"how": ""}, "Say how you talk and who rings whom."),
        ({"day_1": "2031-03-30", "clock_1": "01:30"}, "The clocks change then"),
    ],
)
def test_review_says_what_is_wrong_with_the_times(facilitator, applicant, changes, message):
    application = applicant.user.applications.get()

    page = text(facilitator.client.post(at("review", application), offering(**changes)))

    assert "<title>Error:" in page
    assert message in page
    assert "Shall we talk?" in page
    assert not application.decisions.exists()


def test_times_are_typed_on_the_deciders_clock(facilitator, applicant):
    facilitator.user.time_zone = "America/New_York"
    facilitator.user.save()
    application = applicant.user.applications.get()
    data = offering(day_1="2031-07-01", clock_1="18:30", day_3="", clock_3="")

    page = text(facilitator.client.get(at("review", application), {"outcome": "talk_first"}))
    assert "New York" in page
    facilitator.client.post(at("review", application), data)

    time = application.appointments.get().times.get()
    assert time.starts_at.isoformat() == "2031-07-01T22:30:00+00:00"
    assert "Tuesday 1 July, 11:30pm, London time" in text(
        applicant.client.get(at("appointment", application))
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"outcome": "refer", "message": "", "reason": "x"}, "Write some words for the person."),
        ({"outcome": "refer", "message": "x", "reason": ""}, "Say why, so that others can follow"),
    ],
)
def test_review_says_what_is_missing(facilitator, applicant, data, message):
    application = applicant.user.applications.get()

    page = text(facilitator.client.post(at("review", application), data))

    assert "<title>Error:" in page
    assert page.count(message) == 2
    application.refresh_from_db()
    assert application.status == Application.Status.SUBMITTED


def test_review_needs_no_reason_to_accept(facilitator, applicant):
    application = applicant.user.applications.get()

    facilitator.client.post(at("review", application), {"outcome": "accept", "message": "Welcome"})

    application.refresh_from_db()
    assert application.status == Application.Status.ACCEPTED


@pytest.mark.parametrize("outcome", ["", "nonsense"])
def test_review_without_an_outcome_decides_nothing(facilitator, applicant, outcome):
    application = applicant.user.applications.get()

    page = text(facilitator.client.post(at("review", application), {"outcome": outcome}))

    assert "Choose one." in page
    application.refresh_from_db()
    assert application.status == Application.Status.SUBMITTED


def test_review_tells_the_second_decider(facilitator, coordinator, applicant):
    application = applicant.user.applications.get()
    actions.decide(
        application=application, outcome="refer", message="x", reason="y", by=facilitator.user
    )

    response = coordinator.client.post(
        at("review", application), {"outcome": "accept", "message": "Welcome"}
    )

    page = text(response, 409)
    assert "Somebody has answered this request already" in page
    assert "Something else suggested" in page
    assert "Facilitator" in page


@pytest.mark.parametrize("outcome", ["accept", "prepare", "talk_first", "refer"])
def test_review_overrules_nobody_unseen(facilitator, coordinator, applicant, outcome):
    """Both opened the page; the first asks for a talk, after which most answers are possible."""
    application = applicant.user.applications.get()
    page = text(coordinator.client.get(at("review", application), {"outcome": outcome}))
    (seen,) = re.findall(r'name="seen" value="(\d+)"', page)
    facilitator.client.post(at("review", application), offering())

    data = offering(outcome=outcome, message="Mine", seen=seen)
    page = text(coordinator.client.post(at("review", application), data), 409)

    assert "Somebody has answered this request already" in page
    assert application.decisions.count() == 1


def test_review_offers_other_times_once(facilitator, coordinator, applicant):
    application = applicant.user.applications.get()
    facilitator.client.post(at("review", application), offering())
    other = offering(outcome="other_times", seen="1")
    assert facilitator.client.post(at("review", application), other).status_code == 302

    assert coordinator.client.post(at("review", application), other).status_code == 409
    actions.decide(
        application=application, outcome="prepare", message="x", reason="y", by=facilitator.user
    )
    other = offering(outcome="other_times", seen="3")
    assert coordinator.client.post(at("review", application), other).status_code == 409


def test_review_gives_a_newcomer_no_place_that_somebody_waits_for(group, facilitator, applicant):
    group.capacity = group.minimum = 2
    group.save()
    factories.member(group)
    factories.membership(group=group, status="waitlisted")
    application = applicant.user.applications.get()

    page = text(facilitator.client.get(at("review", application), {"outcome": "accept"}))
    assert "Accept onto the waiting list" in page
    facilitator.client.post(at("review", application), {"outcome": "accept", "message": "Soon"})

    assert applicant.user.memberships.get().status == Membership.Status.WAITLISTED
    assert "it is offered to whoever has waited longest" in text(
        applicant.client.get(at("application_detail", application))
    )
    page = text(facilitator.client.get("/screening/"))
    assert page.count(" on the list, since") + page.count("Offered a place, kept until") == 2


def test_review_of_a_full_group_puts_on_the_waiting_list(group, facilitator, applicant):
    group.capacity = group.minimum = 2
    group.save()
    for _ in range(2):
        factories.member(group)
    application = applicant.user.applications.get()

    page = text(facilitator.client.get(at("review", application), {"outcome": "accept"}))
    assert "Accept onto the waiting list" in page
    assert "There is no place for you yet" in page

    facilitator.client.post(at("review", application), {"outcome": "accept", "message": "Soon"})
    assert applicant.user.memberships.get().status == Membership.Status.WAITLISTED
    page = text(facilitator.client.get("/screening/"))
    assert "Number 1 on the list" in page
    assert "The group is full" in page

    now = timezone.now()
    applicant.user.memberships.update(
        status="offered", offered_at=now, offer_expires_at=now + timedelta(hours=24)
    )
    assert "Offered a place, kept until" in text(facilitator.client.get("/screening/"))
    assert "Answer the offer" in text(applicant.client.get(at("application_detail", application)))


def test_no_mail_goes_out_before_the_commit(facilitator, applicant):
    application = applicant.user.applications.get()
    facilitator.client.post(at("review", application), {"outcome": "accept", "message": "Welcome"})

    assert mail.outbox == []


# After an answer: something to read, a talk, another look -----------------------------------------


def decided(applicant, facilitator, outcome, **more) -> Application:
    return actions.decide(
        application=applicant.user.applications.get(),
        outcome=outcome,
        message="Dear you",
        reason="x",
        by=facilitator.user,
        **more,
    )


def test_application_prepared_leads_to_the_agreement(applicant, facilitator, group):
    application = decided(applicant, facilitator, "prepare")
    page = text(applicant.client.get(at("application_detail", application)))
    assert "Something to read first" in page
    assert "I have read this</button>" in page
    assert 'aria-current="step"' in page
    assert "Reading something first" in text(facilitator.client.get("/screening/"))

    page = text(applicant.client.post(at("application_prepared", application), follow=True))
    assert "You have a place" in page

    page = text(applicant.client.post(at("application_prepared", application), follow=True))
    assert "There is nothing to confirm any more." in page


def test_application_prepared_gives_no_place_in_a_group_that_takes_nobody(
    applicant, facilitator, group
):
    application = decided(applicant, facilitator, "prepare")
    group.topics.add(topic := factories.topic())
    factories.group(name="Morning circle").topics.add(topic)
    group.lifecycle = "paused"
    group.save()

    page = text(applicant.client.post(at("application_prepared", application), follow=True))

    assert "This group is not taking new people at the moment." in page
    assert "Morning circle" in page
    assert "I have read this</button>" not in page
    assert applicant.user.memberships.get().status == Membership.Status.APPLIED


def test_review_says_kindly_that_the_group_takes_nobody(applicant, facilitator, group):
    application = applicant.user.applications.get()
    group.lifecycle = "paused"
    group.save()
    assert "You cannot accept anybody now." in text(
        facilitator.client.get(at("review", application))
    )

    data = {"outcome": "accept", "message": "Welcome", "reason": "Fits", "seen": "0"}
    page = text(facilitator.client.post(at("review", application), data))

    assert "There is a problem" in page
    assert "This group is not taking new people at the moment." in page
    assert "Somebody has answered" not in page
    assert application.decisions.count() == 0


@pytest.fixture
def offered(applicant, facilitator):
    now = timezone.now()
    return decided(
        applicant,
        facilitator,
        "talk_first",
        times=[now + timedelta(days=1), now + timedelta(days=2)],
        how="By telephone.",
    )


def test_appointment_is_picked_and_stands_in_both_calendars(offered, applicant, facilitator):
    address = at("appointment", offered)
    page = text(applicant.client.get(address))
    assert "London time" in page
    assert "None of these suits me" in page
    talk = offered.appointments.get()
    ics = reverse("screening:appointment_calendar", args=[talk.pk])
    assert applicant.client.get(ics).status_code == 404

    page = text(applicant.client.post(address, {"time": talk.times.first().pk}, follow=True))

    assert "Your talk is agreed" in page
    assert ics in page
    for person in (applicant, facilitator):
        file = person.client.get(ics).content.decode()
        assert "SUMMARY:Appointment" in file
        assert "Evening circle" not in file
        assert "telephone" not in file
    page = text(facilitator.client.get("/screening/"))
    assert "Talks to come" in page
    assert "Talk agreed for" in page
    assert "The talk is on" in text(facilitator.client.get(at("review", offered)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "Choose a time, or say that none suits you."),
        ({"time": "nonsense"}, "Choose one of the times."),
        ({"time": "none"}, "Say when you have time"),
        ({"time": "none", "words": "x" * 301}, "Use up to 300 characters."),
    ],
)
def test_appointment_says_what_is_missing(offered, applicant, data, message):
    page = text(applicant.client.post(at("appointment", offered), data))

    assert "<title>Error:" in page
    assert message in page


def test_appointment_declined_leads_to_other_times(offered, applicant, facilitator):
    data = {"time": "none", "words": "Weekdays after 5pm"}
    page = text(applicant.client.post(at("appointment", offered), data, follow=True))
    assert "We have passed on when you have time." in page
    assert "Weekdays after 5pm" in page
    assert "None of the times suited." in text(facilitator.client.get("/screening/"))

    page = text(facilitator.client.get(at("review", offered), {"outcome": "other_times"}))
    assert "Weekdays after 5pm" in page
    assert "Offer these times" in page
    facilitator.client.post(at("review", offered), offering(outcome="other_times"))

    assert "Choose one of 2 times" in text(applicant.client.get(at("application_detail", offered)))


def test_an_agreed_time_can_be_given_back(offered, applicant):
    applicant.client.post(
        at("appointment", offered), {"time": offered.appointments.get().times.first().pk}
    )
    page = text(applicant.client.get(at("appointment", offered)))
    assert "Another time for your talk" in page
    assert "Error:" in text(applicant.client.post(at("appointment", offered), {}))

    applicant.client.post(at("appointment", offered), {"words": "Sundays"})

    assert offered.appointments.get().declined_words == "Sundays"


def test_appointment_of_a_decided_request_shows_how_it_is(offered, applicant, facilitator):
    decided(applicant, facilitator, "accept")

    response = applicant.client.get(at("appointment", offered))

    assert response["Location"] == at("application_detail", offered)


def test_appointment_answered_too_late_says_so(offered, applicant, facilitator, monkeypatch):
    time = offered.appointments.get().times.first()
    pick = actions.pick_time

    def too_slow(**fields):
        decided(applicant, facilitator, "accept")
        return pick(**fields)

    monkeypatch.setattr(actions, "pick_time", too_slow)
    page = text(applicant.client.post(at("appointment", offered), {"time": time.pk}, follow=True))

    assert "These times are not offered any more." in page


def test_referral_shows_listed_groups_and_help_elsewhere(applicant, facilitator, group):
    listed = factories.group(organisation=group.organisation, name="Morning circle")
    closed = factories.group(organisation=group.organisation, name="Old circle")
    application = applicant.user.applications.get()
    page = text(facilitator.client.get(at("review", application), {"outcome": "refer"}))
    assert "Morning circle (Online, 12 places left)" in page
    data = {
        "outcome": "refer",
        "message": "Try these",
        "reason": "Other topic",
        "groups": [listed.pk, closed.pk],
        "resources": "Grief line: https://example.org",
    }
    facilitator.client.post(at("review", application), data)
    closed.lifecycle = "closed"
    closed.save()

    page = text(applicant.client.get(at("application_detail", application)))

    assert reverse("groups:group_detail", args=[listed.slug]) in page
    assert "Old circle" not in page
    assert 'href="https://example.org"' in page
    page = text(facilitator.client.get(at("review", application)))
    assert "Morning circle, Old circle" in page


def test_another_look(applicant, facilitator, coordinator):
    application = decided(applicant, facilitator, "refer")
    page = text(applicant.client.get(at("application_detail", application)))
    assert "Ask for another look" in page
    assert "You can ask for this once." in text(
        applicant.client.get(at("another_look", application))
    )

    data = {"words": "You misread me"}
    page = text(applicant.client.post(at("another_look", application), data, follow=True))

    assert "We look at it again" in page
    assert "will answer by" in page
    assert "Another look" in text(facilitator.client.get("/screening/"))
    page = text(facilitator.client.get(at("review", application)))
    assert "somebody else should decide now" in page
    assert "You could ask Coordinator." in page
    assert "You misread me" in page
    assert "should decide" not in text(coordinator.client.get(at("review", application)))
    assert applicant.client.get(at("another_look", application)).status_code == 403


def test_another_look_when_nobody_else_decides(applicant, facilitator):
    application = decided(applicant, facilitator, "refer")
    applicant.client.post(at("another_look", application), {})

    assert "nobody else can" in text(facilitator.client.get(at("review", application)))


def test_another_look_is_not_offered_by_a_group_that_takes_nobody(applicant, facilitator, group):
    application = decided(applicant, facilitator, "refer")
    group.lifecycle = "paused"
    group.save()

    assert "Ask for another look" not in text(
        applicant.client.get(at("application_detail", application))
    )
    assert applicant.client.post(at("another_look", application)).status_code == 403


def test_note_add(facilitator, coordinator, applicant):
    application = applicant.user.applications.get()
    assert "Nobody has written a note." in text(facilitator.client.get(at("review", application)))

    facilitator.client.post(at("note_add", application), {"note-body": "Rang <b>twice</b>."})

    page = text(coordinator.client.get(at("review", application)))
    assert "Rang &lt;b&gt;twice" in page
    assert "Write the note first." in text(
        facilitator.client.post(at("note_add", application), {"note-body": ""})
    )
    assert "Rang" not in text(applicant.client.get(at("application_detail", application)))


# Questions of every kind --------------------------------------------------------------------------


@pytest.fixture
def every_kind(group, coordinator):
    """An application to a group that asks any-of-several and a questionnaire."""
    questions = [
        {
            "position": 1,
            "kind": "some_of",
            "text": "What would help?",
            "why": "To know.",
            "is_sensitive": True,
            "options": [
                {"value": "talk", "label": "To talk"},
                {"value": "doctor", "label": "A doctor"},
                {"value": "tea", "label": "Tea"},
            ],
            "proposals": {"doctor": "refer", "talk": "prepare"},
        },
        {
            "position": 2,
            "kind": "instrument",
            "instrument": factories.instrument(),
            "text": "How have you been?",
            "why": "To know.",
            "proposals": {"moderate": "talk_first"},
        },
        {**defaults.acknowledgement(), "position": 3},
    ]
    actions.publish_form(group=group, questions=questions, by=coordinator.user)
    return group


def test_question_of_any_of_several(outsider, every_kind):
    draft = actions.start_application(group=every_kind, by=outsider.user)
    page = text(outsider.client.get(at("question", draft, 1)))
    assert page.count('type="checkbox"') == 3
    assert "I would rather not say" in page
    assert "Choose one answer or more" in text(
        outsider.client.post(at("question", draft, 1), {"value": []})
    )

    outsider.client.post(at("question", draft, 1), {"value": ["tea", "doctor"]})

    answer = draft.answers.get()
    assert answer.question.label_of(answer.value) == "A doctor\nTea"
    page = text(outsider.client.get(at("question", draft, 1)))
    assert len(re.findall(r'name="value"[^>]* checked', page)) == 2
    outsider.client.post(at("question", draft, 1), {"not_said": "1"})
    assert draft.answers.get().value is None


def phq(value: str = "0", **more) -> dict[str, str]:
    return {f"item_q{number}": value for number in range(1, 10)} | more


def test_question_with_a_questionnaire(outsider, every_kind, coordinator):
    draft = actions.start_application(group=every_kind, by=outsider.user)
    address = at("question", draft, 2)
    page = text(outsider.client.get(address))
    assert "Little interest or pleasure" in page
    assert "Copyright (c) Pfizer" in page
    assert page.count("I would rather not say") == 10

    page = text(outsider.client.post(address, phq() | {"item_q3": ""}))
    assert "<title>Error:" in page
    assert "Choose an answer to number 3" in page
    assert 'href="#id_item_q3_0"' in page

    response = outsider.client.post(address, phq(item_q9="1", item_q2="-"))
    assert response["Location"] == at("answer_saved", draft, 2)
    assert "Thank you for telling us" in text(outsider.client.get(response["Location"]))
    page = text(outsider.client.get(address))
    assert len(re.findall(r'name="item_q\d"[^>]* checked', page)) == 9
    assert "Rather not say" in text(outsider.client.get(at("check_answers", draft)))


def test_question_with_items_that_depend_on_an_answer(outsider, every_kind):
    every_kind.screening_forms.published().first().questions.filter(kind="instrument").update(
        instrument=factories.instrument("audit-c")
    )
    draft = actions.start_application(group=every_kind, by=outsider.user)
    address = at("question", draft, 2)
    assert "Needed only after “Monthly or less”" in text(outsider.client.get(address))

    page = text(outsider.client.post(address, {"item_q1": "2", "item_q2": "1"}))
    assert "<title>Error:" in page
    assert "Choose an answer to number 3" in page

    response = outsider.client.post(address, {"item_q1": "0"})
    assert response.status_code == 302
    answer = draft.answers.get(question__position=2)
    assert score_of(answer.question, answer.value).total == 0


def test_a_questionnaire_without_a_licence_is_left_out(outsider, every_kind):
    own = factories.own_instrument(every_kind.organisation)
    every_kind.screening_forms.published().first().questions.filter(kind="instrument").update(
        instrument=own
    )
    draft = actions.start_application(group=every_kind, by=outsider.user)
    assert "© Dr Cohen" in text(outsider.client.get(at("question", draft, 2)))
    every_kind.organisation.licences.update(ended_at=timezone.now())
    assert outsider.client.get(at("question", draft, 2)).status_code == 404
    response = outsider.client.post(at("question", draft, 1), {"value": ["tea"]})
    assert response["Location"] == at("question", draft, 3)
    assert "Question 2 of 2" in text(outsider.client.get(at("question", draft, 3)))
    outsider.client.post(at("question", draft, 3), {"value": "yes"})
    outsider.client.post(at("check_answers", draft))
    draft.refresh_from_db()
    assert draft.status == "accepted"


def test_a_questionnaire_without_a_licence_is_not_published(every_kind, coordinator):
    form = every_kind.screening_forms.published().first()
    questions = form.questions.all()
    for question in questions:
        if question.instrument is not None:
            question.instrument = factories.own_instrument(every_kind.organisation)
    every_kind.organisation.licences.update(ended_at=timezone.now())
    with pytest.raises(Refused) as refusal:
        rules.check_may_publish(questions, every_kind.organisation)
    assert refusal.value.reason == "licence"


def test_review_of_a_questionnaire_shows_score_and_each_answer(outsider, every_kind, facilitator):
    draft = actions.start_application(group=every_kind, by=outsider.user)
    outsider.client.post(at("question", draft, 1), {"value": ["talk", "doctor"]})
    outsider.client.post(at("question", draft, 2), phq("1", item_q9="0", item_q1="3", item_q2="3"))
    outsider.client.post(at("question", draft, 3), {"value": "yes"})
    outsider.client.post(at("check_answers", draft))

    page = text(facilitator.client.get(at("review", draft)))

    assert "Score 12, moderate" in page
    assert "Because the score, 12, counts as “moderate”." in page
    assert "Because of “A doctor”." in page
    assert "Little interest or pleasure in doing things: <b>Nearly every day</b>" in page
    assert "Together they suggest: <span" in page


# Somebody close -----------------------------------------------------------------------------------


def test_join_with_an_invitation(outsider, group, member, joining, facilitator):
    group.allows_companions = True
    group.save()
    invitation = member.user.memberships.get().companion_invitations.create(
        relation="partner", expires_at=timezone.now() + timedelta(days=7)
    )
    session = outsider.client.session
    session["companion_invitation"] = str(invitation.pk)
    session.save()
    page = text(outsider.client.get(joining))
    assert "<b>Member</b> invites you along" in page

    outsider.client.post(joining)

    application = outsider.user.applications.get()
    assert application.companion_invitation == invitation
    assert "companion_invitation" not in outsider.client.session
    answer_all(outsider, application)
    outsider.client.post(at("check_answers", application))
    page = text(facilitator.client.get(at("review", application)))
    assert "Member, a member, invited them as partner." in page


def test_join_with_an_invitation_to_another_group_changes_nothing(outsider, member, joining):
    other = factories.member(factories.group())
    invitation = other.companion_invitations.create(
        relation="family", expires_at=timezone.now() + timedelta(days=7)
    )
    session = outsider.client.session
    session["companion_invitation"] = str(invitation.pk)
    session.save()

    outsider.client.post(joining)

    assert outsider.user.applications.get().companion_invitation is None
