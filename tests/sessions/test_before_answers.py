"""Whether members come: on the site, and from a mail that anybody may have in their hands."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from groups import actions as group_actions
from sessions import actions, before_actions, before_rules, periodic
from sessions.models import Attendance, Reminder, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.fixture
def support_session(group, member) -> SupportSession:
    """In 23 hours, so that the reminder is due."""
    return factories.support_session(group, starts_at=timezone.now() + timedelta(hours=23))


def answered() -> tuple[str, str]:
    attendance = Attendance.objects.get()
    return attendance.answer, attendance.status


def links_mailed() -> list[str]:
    """The path of each answer in the newest mail, in order."""
    return re.findall(r"^https?://[^/]+(/answer/\S+)$", mail.outbox[-1].body, re.MULTILINE)


@pytest.fixture
def links(support_session) -> list[str]:
    periodic.send_due_reminders()
    return links_mailed()


# Answering ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [("coming", "expected"), ("cannot", "excused"), ("unsure", "expected")],
)
def test_an_answer_is_kept_and_can_be_changed(support_session, member, answer, status):
    before_actions.answer_session(support_session=support_session, answer="cannot", by=member.user)
    before_actions.answer_session(support_session=support_session, answer=answer, by=member.user)
    assert answered() == (answer, status)


def test_the_same_answer_twice_is_one_event(support_session, member):
    for _ in range(2):
        before_actions.answer_session(
            support_session=support_session, answer="coming", by=member.user
        )
    event = Event.objects.get(verb="session.answered")
    assert not event.data


@pytest.mark.parametrize(
    ("who", "reason"),
    [("facilitator", "leads"), ("coordinator", "not_member"), ("outsider", "not_member")],
)
def test_who_is_not_asked(support_session, cast, who, reason):
    with pytest.raises(Refused) as no:
        before_actions.answer_session(
            support_session=support_session, answer="coming", by=cast[who].user
        )
    assert no.value.reason == reason


def test_nobody_answers_about_what_is_over_or_cancelled(group, member):
    for fields, reason in (
        ({"status": "ended"}, "over"),
        ({"status": "cancelled"}, "cancelled"),
        ({"starts_at": timezone.now() - timedelta(hours=2)}, "over"),
    ):
        with pytest.raises(Refused) as no:
            before_actions.answer_session(
                support_session=factories.support_session(group, **fields),
                answer="coming",
                by=member.user,
            )
        assert no.value.reason == reason


def test_who_has_been_in_the_room_is_not_asked_any_more(group, member):
    live = factories.support_session(group, status="live")
    actions.enter_room(support_session=live, by=member.user)
    with pytest.raises(Refused) as no:
        before_actions.answer_session(support_session=live, answer="cannot", by=member.user)
    assert no.value.reason == "been"


@pytest.mark.parametrize("comes", [False, True])
def test_who_cannot_come_is_excused_unless_they_come(group, member, facilitator, comes):
    live = factories.support_session(group, status="live")
    before_actions.answer_session(support_session=live, answer="cannot", by=member.user)
    if comes:
        actions.enter_room(support_session=live, by=member.user)
    actions.end_session(support_session=live, by=facilitator.user)
    assert Attendance.objects.get().status == ("attended" if comes else "excused")


def test_who_said_they_come_and_left_the_group_is_not_missing(group, member, facilitator):
    live = factories.support_session(group, status="live")
    before_actions.answer_session(support_session=live, answer="coming", by=member.user)
    group_actions.withdraw(membership=member.user.memberships.get(), by=member.user)
    actions.end_session(support_session=live, by=facilitator.user)
    assert not Attendance.objects.exists()


def test_who_cannot_come_is_not_reminded_unless_they_change_their_mind(
    group, support_session, member
):
    other = factories.member(group).user
    later = factories.support_session(group, starts_at=timezone.now() + timedelta(hours=10))
    before_actions.answer_session(support_session=support_session, answer="cannot", by=member.user)
    periodic.send_due_reminders()
    reminded = set(Reminder.objects.values_list("user", "support_session"))
    assert reminded == {
        (other.pk, support_session.pk),
        (other.pk, later.pk),
        (member.user.pk, later.pk),
    }

    before_actions.answer_session(support_session=support_session, answer="coming", by=member.user)
    periodic.send_due_reminders()

    assert (member.user.pk, support_session.pk) in Reminder.objects.values_list(
        "user", "support_session"
    )


def test_who_says_so_between_the_claim_and_the_mail_is_not_reminded(support_session, member):
    actions.make_due_reminders()
    before_actions.answer_session(support_session=support_session, answer="cannot", by=member.user)
    periodic.send_due_reminders()
    assert not mail.outbox


def test_another_time_is_another_question(support_session, member, coordinator, links):
    before_actions.answer_session(support_session=support_session, answer="cannot", by=member.user)
    actions.move_session(
        support_session=support_session,
        starts_at=support_session.starts_at + timedelta(days=1),
        ends_at=support_session.ends_at + timedelta(days=1),
        by=coordinator.user,
    )
    assert answered() == ("", "expected")
    assert Client().get(links[0]).status_code == 404
    periodic.send_due_reminders()
    assert "has moved" in mail.outbox[-1].subject
    assert Client().post(links_mailed()[0], {"answer": "coming"}).status_code == 302
    assert answered() == ("coming", "expected")


# From the mail ------------------------------------------------------------------------------------


def test_answer_opens_without_signing_in_and_changes_nothing(links):
    """Mail servers, virus scanners and previews open links, with GET and with HEAD."""
    for link in links:
        assert Client().get(link).status_code == 200
        assert Client().head(link).status_code == 200
    assert not Attendance.objects.exists()


def test_answer_is_one_button_from_there_even_without_cookies(links):
    for link, value in zip(links, ["coming", "cannot", "unsure"], strict=True):
        page = Client().get(link).content.decode()
        first = re.findall(r'<button class="btn btn--wide"[^>]*value="(\w+)"', page)
        assert first == [value]
        client = Client(enforce_csrf_checks=True)
        response = client.post(link, {"answer": value})
        assert response.status_code == 302
        assert "Thank you" in client.get(response["Location"]).content.decode()
        assert answered()[0] == value


def test_answer_tells_nothing_of_person_group_or_time(group, support_session, member, links):
    before_actions.answer_session(support_session=support_session, answer="cannot", by=member.user)
    anonymous = Client()
    for link in (links[0], links[0] + "?kept", links[0].replace("coming", "unsure")):
        response = anonymous.get(link)
        page = response.content.decode()
        main = page[page.index("<main") : page.index("</main")]
        for words in (
            group.name,
            group.slug,
            group.organisation.name,
            member.user.public_name,
            member.user.email,
            str(support_session.pk),
            str(member.user.pk),
            "excused",
            f"{support_session.starts_at:%B}",
        ):
            assert words not in main
        assert "no-store" in response["Cache-Control"]
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
    for key in (support_session.pk, member.user.pk):
        assert key.hex not in links[0]
        assert str(key) not in links[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda session, user: SupportSession.objects.update(
            status="ended", ended_at=timezone.now()
        ),
        lambda session, user: SupportSession.objects.update(
            starts_at=timezone.now() - timedelta(hours=3),
            ends_at=timezone.now() - timedelta(hours=2),
        ),
        lambda session, user: SupportSession.objects.update(
            status="cancelled", cancelled_for="by_hand"
        ),
        lambda session, user: group_actions.withdraw(membership=user.memberships.get(), by=user),
        lambda session, user: type(user).objects.filter(pk=user.pk).update(is_active=False),
    ],
    ids=["ended", "over", "cancelled", "left", "closed"],
)
def test_answer_ends_in_one_way_whatever_the_reason(support_session, member, links, change):
    nonsense = Client().get(reverse("sessions:answer", args=["nonsense", "coming"]))
    change(support_session, member.user)
    response = Client().post(links[0], {"answer": "coming"})
    assert response.status_code == nonsense.status_code == 404
    assert "This link has ended" in response.content.decode()
    assert not Attendance.objects.exists()


def test_answer_is_for_this_person_and_session_only(group, support_session, member, links):
    other_member = factories.member(group)
    other = factories.support_session(group, starts_at=timezone.now() + timedelta(days=3))
    Client().post(links[0], {"answer": "coming"})
    attendance = Attendance.objects.get()
    assert attendance.membership.user == member.user
    assert attendance.support_session == support_session
    assert not other.attendances.exists()
    token = before_rules.answer_token(factories.reminder(other, other_member.user))
    forged = token[:-2] + ("aa" if not token.endswith("aa") else "bb")
    assert before_rules.reminder_with(forged) is None


def test_answer_asks_nobody_who_leads(group, facilitator, member, support_session):
    periodic.send_due_reminders()
    bodies = {message.to[0]: message.body for message in mail.outbox}
    assert "/answer/" in bodies[member.user.email]
    assert "/answer/" not in bodies[facilitator.user.email]


def test_a_cancelled_session_asks_nobody(group, member, support_session, coordinator):
    actions.cancel_session(support_session=support_session, by=coordinator.user)
    periodic.send_due_reminders()
    [message] = [each for each in mail.outbox if each.to == [member.user.email]]
    assert "/answer/" not in message.body


# On the site --------------------------------------------------------------------------------------


def test_session_answer_from_the_page_and_from_home(support_session, member):
    page = reverse("sessions:session_detail", args=[support_session.pk])
    post = reverse("sessions:session_answer", args=[support_session.pk])
    for address in (page, reverse("outcomes:participant_home")):
        assert "Are you coming?" in member.client.get(address).content.decode()
    response = member.client.post(post, {"answer": "cannot"})
    assert response["Location"] == f"{page}#answers"
    assert "You cannot come, and are excused" in member.client.get(page).content.decode()
    response = member.client.post(post, {"answer": "coming", "home": "1"})
    assert response["Location"] == reverse("outcomes:participant_home") + "#answers"
    part = member.client.post(post, {"answer": "unsure"}, headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<section class="stack-3" id="answers"')
    assert answered() == ("unsure", "expected")


def test_session_answer_without_one_of_the_three_changes_nothing(support_session, member):
    post = reverse("sessions:session_answer", args=[support_session.pk])
    assert member.client.post(post, {"answer": "perhaps"}).status_code == 302
    assert not Attendance.objects.exists()


def test_who_leads_is_not_asked_on_the_page(support_session, facilitator):
    page = facilitator.client.get(reverse("sessions:session_detail", args=[support_session.pk]))
    assert "Are you coming?" not in page.content.decode()


def test_a_reminder_of_a_session_that_is_gone_opens_nothing(support_session, member, links):
    Reminder.objects.all().delete()
    assert Client().get(links[0]).status_code == 404
