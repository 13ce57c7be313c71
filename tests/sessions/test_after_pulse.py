"""The two questions after a session: who is asked, who sees what, and what never shows."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from safeguarding.models import Concern
from sessions import after_actions, after_rules
from sessions.models import Pulse
from supportgroups.lib.refusals import Refused
from tests import factories

GOOD = {"felt_heard": "4", "felt_safe": "5"}
BAD = {"felt_heard": "2", "felt_safe": "1"}


def held_ago(group, **ago):
    """A session that ended so long ago."""
    ended_at = timezone.now() - timedelta(**ago)
    return factories.support_session(
        group, status="ended", starts_at=ended_at - timedelta(minutes=90), ended_at=ended_at
    )


@pytest.fixture
def held(group, member):
    """The member came; it ended an hour ago."""
    made = held_ago(group, hours=1)
    factories.attendance(made, member.user.memberships.get())
    return made


def address(name, support_session):
    return reverse(f"sessions:{name}", args=[support_session.pk])


def text(response):
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    ("status", "ago", "reason"),
    [
        ("attended", {"hours": 1}, ""),
        ("late", {"hours": 71}, ""),
        ("left_early", {"hours": 1}, ""),
        ("excused", {"hours": 1}, "not_there"),
        ("no_show", {"hours": 1}, "not_there"),
        ("attended", {"hours": 73}, "closed"),
    ],
)
def test_who_came_is_asked_for_three_days(group, member, status, ago, reason):
    held = held_ago(group, **ago)
    factories.attendance(held, member.user.memberships.get(), status=status)

    waits = after_rules.pulses_waiting_for(member.user).exists()

    assert waits is not bool(reason)
    if reason:
        with pytest.raises(Refused) as no:
            after_rules.check_may_answer_pulse(member.user, held)
        assert no.value.reason == reason


def test_nobody_is_asked_before_the_end(group, member):
    live = factories.support_session(group, status="live")
    factories.attendance(live, member.user.memberships.get())
    with pytest.raises(Refused, match="after the session"):
        after_rules.check_may_answer_pulse(member.user, live)


def test_whoever_left_the_group_because_of_it_can_still_answer(held, member):
    member.user.memberships.update(status="withdrawn", ended_at=timezone.now())
    response = member.client.post(address("pulse", held), BAD)
    assert response["Location"] == address("pulse_thanks", held)


def test_answers_are_kept_and_can_be_changed(held, member):
    member.client.post(address("pulse", held), GOOD)
    page = text(member.client.get(address("pulse", held)))
    assert "You have answered already" in page
    form = page[page.index('class="stack-5 pulse"') :].partition("</form>")[0]
    assert form.count(" checked") == 2

    member.client.post(address("pulse", held), {"felt_heard": "not-said", "felt_safe": "3"})

    [pulse] = Pulse.objects.all()
    assert (pulse.felt_heard, pulse.felt_safe) == (None, 3)
    assert not after_rules.pulses_waiting_for(member.user).exists()


def test_the_trail_says_that_somebody_answered_and_never_what(held, member):
    member.client.post(address("pulse", held), BAD)
    [event] = Event.objects.filter(verb="pulse.answered")
    assert event.data == {}


def test_an_empty_form_says_what_to_do(held, member):
    page = text(member.client.post(address("pulse", held), {"felt_heard": "4"}))
    assert "<title>Error: " in page
    assert "Choose an answer to “Did you feel safe?”" in page
    assert not Pulse.objects.exists()


@pytest.mark.parametrize("who", ["facilitator", "coordinator"])
def test_staff_are_not_asked(who, held, cast):
    assert cast[who].client.get(address("pulse", held)).status_code == 403


def test_not_safe_leads_to_people(held, member, coordinator):
    thanks = text(member.client.post(address("pulse", held), BAD, follow=True))
    assert "Thank you for telling us" in thanks
    assert coordinator.user.display_name in thanks
    assert "Ask them to get in touch" in thanks
    assert "You do not have to go back" in thanks


def test_safe_is_thanked_and_may_still_ask_for_a_talk(held, member):
    thanks = text(member.client.post(address("pulse", held), GOOD, follow=True))
    assert "Thank you for telling us" not in thanks
    assert "I would like somebody to get in touch" in thanks


def test_asking_for_a_talk_tells_the_named_person_once(held, member, coordinator):
    member.client.post(address("pulse", held), BAD)
    words = {"occasion": uuid4(), "words": "Somebody shouted at me."}
    for _ in range(2):
        page = text(member.client.post(address("pulse_talk", held), words))

    [concern] = Concern.objects.all()
    assert concern.about == concern.opened_by == member.user
    assert concern.assigned_to == coordinator.user
    assert "Somebody shouted at me." in concern.detail
    assert "will be told by e-mail" in page
    # The answers themselves stay where they are.
    assert "safe" not in concern.detail.lower()


def test_nobody_is_told_of_an_answer_by_itself(held, member):
    member.client.post(address("pulse", held), BAD)
    assert not Concern.objects.exists()


# What those who lead see --------------------------------------------------------------------------


def answered(support_session, values):
    for value in values:
        factories.pulse(support_session, factories.user(), felt_heard=value, felt_safe=value)


def test_nothing_shows_while_answers_come_in(group, facilitator):
    """Else one could watch whose answer changed the mean."""
    held = held_ago(group, hours=71)
    answered(held, [5, 5, 5, 5, 1])
    shown = after_rules.pulse_shown_of(held)
    assert (shown.is_shown, shown.safe) == (False, None)
    page = text(facilitator.client.get(address("session_detail", held)))
    assert "of 5" not in page
    assert "Averages show after that" in page


@pytest.mark.parametrize(("values", "mean"), [([5, 4, 4, 2], None), ([5, 4, 4, 2, 1], 3.2)])
def test_means_show_from_five_answers_on(group, facilitator, coordinator, values, mean):
    held = held_ago(group, hours=73)
    answered(held, values)
    shown = after_rules.pulse_shown_of(held)
    assert (shown.heard, shown.safe) == (mean, mean)
    for person in (facilitator, coordinator):
        page = text(person.client.get(address("session_detail", held)))
        assert ("3.2 of 5" in page) is (mean is not None)
        assert ("Fewer than 5 people answered" in page) is (mean is None)


def test_each_question_counts_its_own_answers(group):
    held = held_ago(group, hours=73)
    answered(held, [4, 4, 4, 4])
    factories.pulse(held, factories.user(), felt_heard=4, felt_safe=None)
    shown = after_rules.pulse_shown_of(held)
    assert (shown.heard_by, shown.safe_by) == (5, None)


def test_the_organisation_can_ask_for_more_answers(group):
    group.organisation.smallest_cell = 6
    group.organisation.save()
    held = held_ago(group, hours=73)
    answered(held, [4] * 5)
    assert after_rules.pulse_shown_of(held).safe is None


def test_members_see_no_mean(held, member):
    page = text(member.client.get(address("session_detail", held)))
    assert "How people felt" not in page
    assert address("pulse", held) in page


def test_the_closed_room_asks_at_once(held, member):
    page = text(member.client.get(address("room", held)))
    assert "Two questions, if you like" in page
    assert f'action="{address("pulse", held)}"' in page

    after_actions.answer_pulse(support_session=held, felt_heard=4, felt_safe=4, by=member.user)
    assert "Two questions, if you like" not in text(member.client.get(address("room", held)))
