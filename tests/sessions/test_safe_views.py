"""Pages that keep a session safe, as a browser without script sees them, and as parts for htmx."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from groups.models import SupportGroup
from sessions import actions, live, safe_periodic
from sessions.models import Entry, Intervention, Message, Report, SupportSession
from tests import factories
from tests.cast import Person, signed_in

HTMX = {"HX-Request": "true"}


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


@pytest.fixture
def other(running: SupportSession) -> Person:
    """A second member in the room."""
    user = factories.user(display_name="Other")
    factories.member(running.group, user=user)
    actions.enter_room(support_session=running, by=user)
    return signed_in(user)


@pytest.fixture
def message(running: SupportSession, member: Person) -> Message:
    return factories.message(running, member.user, body="This tea cures everything.")


def on(name: str, message: Message) -> str:
    return reverse(f"sessions:{name}", args=[message.support_session_id, message.sequence])


def at(name: str, *args: Any) -> str:
    return reverse(f"sessions:{name}", args=args)


def text(client: Client, address: str, **given: Any) -> str:
    response = client.post(address, given, follow=True) if given else client.get(address)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


# One message --------------------------------------------------------------------------------------


def test_message_more_offers_what_the_reader_may_do(
    message: Message, member: Person, other: Person, facilitator: Person
) -> None:
    ways = {
        who: {
            name
            for name in ("report", "hide", "redirect", "mute", "remove")
            if f'href="{on(f"message_{name}", message)}"'
            in text(person.client, on("message_more", message))
        }
        for who, person in {"own": member, "other": other, "lead": facilitator}.items()
    }
    assert ways == {
        "own": set(),
        "other": {"report"},
        "lead": {"report", "hide", "redirect", "mute", "remove"},
    }


def test_message_report_is_private_and_says_what_follows(
    message: Message, other: Person, facilitator: Person, member: Person
) -> None:
    address = on("message_report", message)
    page = text(other.client, address, reason="", words="It hurt me.")
    assert "Error:" in page
    assert "It hurt me." in page, "nothing typed is lost"
    page = text(other.client, address, reason="other", words="")
    assert "Write in a few words" in page
    page = text(other.client, address, reason="hurts", words="It hurt me.")
    assert "Nobody in the room sees that you reported it" in page
    assert Report.objects.get().reporter == other.user
    assert "You have reported it" in text(other.client, on("message_more", message))
    desk = text(facilitator.client, at("safety", message.support_session_id))
    assert "It hurt me." in desk
    assert "1 message reported" in text(facilitator.client, at("room", message.support_session_id))
    for page in (desk, text(member.client, at("room", message.support_session_id))):
        assert "reported by" not in page.lower()
    assert "reported" not in text(member.client, at("room", message.support_session_id))


def test_message_report_by_htmx_stays_above_the_room(message: Message, other: Person) -> None:
    response = other.client.post(
        on("message_report", message), {"reason": "hurts", "words": ""}, headers=HTMX
    )
    page = response.content.decode()
    assert page.split("<div", 1)[1].startswith(' id="sheet"')
    assert "<html" not in page


def test_message_report_is_possible_afterwards_for_who_was_there(
    message: Message, running: SupportSession, other: Person, facilitator: Person
) -> None:
    actions.end_session(support_session=running, by=facilitator.user)
    absent = signed_in(factories.member(running.group).user)
    assert on("message_more", message) in text(other.client, at("conversation", running.pk))
    page = text(other.client, on("message_report", message), reason="hurts", words="")
    assert "Nobody in the room sees that you reported it" in page
    assert Report.objects.get().reporter == other.user
    assert absent.client.get(on("message_more", message)).status_code == 403
    assert facilitator.client.get(on("message_hide", message)).status_code == 403


def test_message_hide_shows_a_calm_line_to_everybody(
    message: Message, running: SupportSession, member: Person, other: Person, facilitator: Person
) -> None:
    address = on("message_hide", message)
    assert "A calm line takes its place" in text(facilitator.client, address)
    page = text(facilitator.client, address, reason="rules", words="Not here.")
    assert "The message is hidden" in page
    for person in (member, other, facilitator):
        for found in (
            text(person.client, at("room", running.pk)),
            text(person.client, at("messages", running.pk)),
            text(person.client, on("message_more", message)),
        ):
            assert "cures" not in found
    assert "A message was here" in text(other.client, at("room", running.pk))
    assert "The facilitators hid your message" in text(member.client, at("room", running.pk))
    step = Intervention.objects.get()
    assert "It is undone" in text(facilitator.client, at("step_undo", step.pk), sure="1")
    assert "cures" in text(other.client, at("room", running.pk))


def test_message_redirect_shows_a_card(
    message: Message, running: SupportSession, other: Person, facilitator: Person
) -> None:
    address = on("message_redirect", message)
    assert "has no source that is ready to show" in text(facilitator.client, address)
    organisation = running.group.organisation
    source = factories.resource(organisation=organisation, title="What tea does")
    overdue = factories.resource(
        organisation=organisation,
        title="Old advice",
        reviewed_on=timezone.localdate() - timedelta(days=9),
        review_until=timezone.localdate() - timedelta(days=1),
    )
    page = text(facilitator.client, address)
    assert "What tea does" in page
    assert "Old advice" not in page
    page = text(facilitator.client, address, claim="tea heals", resource=str(source.pk))
    assert "Copy the words from the message" in page
    page = text(facilitator.client, address, claim="cures everything", resource=str(overdue.pk))
    assert "not ready to show" in page
    text(facilitator.client, address, claim="cures everything", resource=str(source.pk))
    page = text(other.client, at("room", running.pk))
    assert "What tea does" in page
    assert "nobody did anything wrong" in page
    assert "This tea cures everything." in page, "the message stays"


@pytest.mark.parametrize("kind", ["mute", "remove"])
def test_somebody_without_a_name_is_stopped_without_naming_them(
    kind: str, running: SupportSession, member: Person, facilitator: Person
) -> None:
    asked = factories.message(running, member.user, is_anonymous=True)
    address = on(f"message_{kind}", asked)
    assert "Member" not in text(facilitator.client, address).split('id="sheet"')[1]
    text(facilitator.client, address, reason="hurts", words="")
    assert Intervention.objects.get().about == member.user
    desk = text(facilitator.client, at("safety", running.pk))
    assert "Somebody who asked without a name" in desk


# A person and the door ----------------------------------------------------------------------------


def test_person_mute_is_told_kindly_and_undone(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    token = live.sender_token(running.pk, member.user.pk)
    address = at("person_mute", running.pk, token)
    assert "Ask them to listen: Member" in text(facilitator.client, address)
    text(facilitator.client, address, reason="rules", words="Third time.")
    page = text(member.client, at("room", running.pk))
    assert 'data-speaks="no"' in page
    assert "asks you to listen for now" in page
    assert "Third time." not in page
    page = text(
        member.client, at("message_post", running.pk), client_id=str(uuid4()), body="But why?"
    )
    assert "asks you to listen for now" in page
    assert not Message.objects.exists()
    assert "Let speak again" in text(facilitator.client, at("safety", running.pk))
    text(facilitator.client, at("step_undo", Intervention.objects.get().pk), sure="1")
    assert 'data-speaks="yes"' in text(member.client, at("room", running.pk))


def test_person_remove_is_told_kindly_with_a_next_step(
    running: SupportSession, member: Person, facilitator: Person, group: SupportGroup
) -> None:
    token = live.sender_token(running.pk, member.user.pk)
    text(facilitator.client, at("person_remove", running.pk, token), reason="hurts", words="")
    for name in ("room", "room_enter", "messages"):
        response = member.client.get(at(name, running.pk))
        page = response.content.decode()
        assert response.status_code == 403
        assert "You keep your place in the group" in page
        assert reverse("groups:group_detail", args=[group.slug]) in page
    assert "Let back in" in text(facilitator.client, at("safety", running.pk))


def test_nobody_is_known_by_a_made_up_token(running: SupportSession, facilitator: Person) -> None:
    assert facilitator.client.get(at("person_mute", running.pk, "x")).status_code == 404


def test_door_lock_is_seen_by_everybody(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    text(facilitator.client, at("door_lock", running.pk), reason="quiet", words="")
    assert "The door is locked" in text(member.client, at("room", running.pk))
    newcomer = signed_in(factories.member(running.group).user)
    response = newcomer.client.post(at("room_enter", running.pk))
    assert response.status_code == 403
    assert "This is not about you" in response.content.decode()


def test_two_buttons_too_late(
    running: SupportSession, facilitator: Person, message: Message
) -> None:
    """What somebody else was quicker with is told, not an error."""
    step = factories.intervention(running)
    hint = factories.hint(message)
    report = factories.report(message)
    for address in (
        at("step_undo", step.pk),
        at("hint_dismiss", hint.pk),
        at("report_dismiss", report.pk),
    ):
        assert facilitator.client.post(address, headers=HTMX).status_code == 204
        assert "already" in text(facilitator.client, address, sure="1")
        assert facilitator.client.post(address, headers=HTMX).status_code == 403


# Hints and help -----------------------------------------------------------------------------------


def test_a_hint_is_quiet_explained_and_leads_to_the_person_on_call(
    running: SupportSession,
    message: Message,
    member: Person,
    facilitator: Person,
    coordinator: Person,
) -> None:
    hint = factories.hint(message)
    room = text(facilitator.client, at("room", running.pk))
    assert "A word list noticed" in room
    assert "Nobody is watching" in room
    assert "noticed" not in text(member.client, at("room", running.pk))
    desk = text(facilitator.client, at("safety", running.pk))
    assert "Version 1 for en" in desk
    assert "It is often wrong" in desk
    address = at("hint_concern", hint.pk)
    assert "This tea cures everything." in text(facilitator.client, address)
    page = text(facilitator.client, address, detail="They wrote of dying.", shows_help="on")
    assert "Coordinator will be told by e-mail" in page
    assert "nobody is watching" in page
    assert "A word list noticed" not in text(facilitator.client, at("room", running.pk))
    page = text(member.client, at("room", running.pk))
    assert "Help is there if you want it" in page
    assert "They wrote of dying" not in page
    assert "Help is there" not in text(facilitator.client, at("room", running.pk))
    assert "Help is there" not in text(member.client, at("help_close", running.pk), sure="1")
    assert Entry.objects.get(user=member.user).help_closed_at is not None


# Review -------------------------------------------------------------------------------------------


def test_review_shows_single_messages_and_keeps_who_read(
    running: SupportSession,
    message: Message,
    member: Person,
    facilitator: Person,
    coordinator: Person,
    other: Person,
) -> None:
    message.versions.create(body="This tea kills.", replaced_at=timezone.now())
    factories.message(running, other.user, body="Nobody reported this.")
    text(other.client, on("message_report", message), reason="claim", words="Wrong.")
    text(facilitator.client, on("message_hide", message), reason="claim", words="Dangerous.")
    step, report = Intervention.objects.get(), Report.objects.get()
    page = text(coordinator.client, at("review_list"))
    assert at("review_detail", step.pk) in page
    assert "cures" not in page
    assert at("report_detail", report.pk) in text(
        coordinator.client, at("review_list") + "?show=settled"
    )
    assert not Event.objects.filter(verb="message.read").exists()

    page = text(coordinator.client, at("review_detail", step.pk))
    for words in ("This tea cures everything.", "This tea kills.", "Dangerous.", "Facilitator"):
        assert words in page
    assert "Nobody reported this." not in page
    read = Event.objects.get(verb="message.read")
    assert (read.actor_id, read.object_id) == (coordinator.user.pk, message.pk)
    page = text(coordinator.client, at("report_detail", report.pk))
    assert "Reported by</dt><dd>Other" in page
    assert Event.objects.filter(verb="message.read").count() == 2

    page = text(coordinator.client, at("review_detail", step.pk), verdict="withdrawn", note="")
    assert "Error:" in page
    page = text(
        coordinator.client,
        at("review_detail", step.pk),
        verdict="withdrawn",
        note="It is harmless.",
    )
    assert "Your judgement is kept" in page
    assert "cures" in text(other.client, at("room", running.pk))
    page = text(coordinator.client, at("review_detail", step.pk))
    assert "It was not needed" in page
    assert "It is harmless." in page


def test_review_list_of_one_group(
    running: SupportSession, coordinator: Person, group: SupportGroup
) -> None:
    factories.group(organisation=group.organisation, name="Quiet group", slug="quiet-group")
    step = factories.intervention(running)
    for slug, shows in (("", True), (group.slug, True), ("quiet-group", False)):
        page = text(coordinator.client, f"{at('review_list')}?group={slug}")
        assert (at("review_detail", step.pk) in page) == shows


def test_coordinators_read_no_conversation(
    running: SupportSession, message: Message, coordinator: Person, group: SupportGroup
) -> None:
    overseer = signed_in(group.overseer)
    for person in (coordinator, overseer):
        for address in (
            at("room", running.pk),
            at("messages", running.pk),
            on("message_more", message),
        ):
            assert person.client.get(address).status_code in (403, 404)


def test_a_facilitator_who_coordinates_judges_others_only(
    running: SupportSession, facilitator: Person, group: SupportGroup
) -> None:
    factories.staff_role(user=facilitator.user, organisation=group.organisation)
    own = factories.intervention(running, made_by=facilitator.user)
    page = text(facilitator.client, at("review_detail", own.pk))
    assert "You did this yourself" in page
    page = text(
        facilitator.client, at("review_detail", own.pk), verdict="confirmed", note="I was right."
    )
    assert "You did this yourself" in page
    own.refresh_from_db()
    assert own.reviewed_at is None
    assert "Your own" in text(facilitator.client, at("review_list"))


def test_a_report_about_a_facilitator_reaches_the_overseer_alone_by_neutral_mail(
    running: SupportSession, member: Person, facilitator: Person, group: SupportGroup
) -> None:
    theirs = factories.message(running, facilitator.user, is_from_facilitator=True)
    page = text(member.client, on("message_report", theirs))
    assert "Only reviewers at" in page
    text(member.client, on("message_report", theirs), reason="hurts", words="")
    assert "reported" not in text(facilitator.client, at("room", running.pk))
    assert "Nothing is reported" in text(facilitator.client, at("safety", running.pk))
    for _ in range(2):
        safe_periodic.tell_reviewers()
    (sent,) = mail.outbox
    assert sent.to == [group.overseer.email]
    assert sent.subject == "Something waits for your look"
    report = Report.objects.get()
    assert at("report_detail", report.pk) in sent.body
    assert group.name not in sent.subject + sent.body
    overseer = signed_in(group.overseer)
    page = text(overseer.client, at("report_detail", report.pk), outcome="acted", note="We spoke.")
    assert "What came of it is kept" in page
    page = text(overseer.client, at("report_detail", report.pk))
    assert "We spoke." in page


@pytest.mark.parametrize(("facilitation", "told"), [("peer_led", 1), ("professionally_led", 0)])
def test_redirects_in_peer_led_groups_are_told_to_the_overseer(
    facilitation: str, told: int, running: SupportSession, message: Message
) -> None:
    SupportGroup.objects.update(facilitation=facilitation, admission="screened")
    factories.intervention(running, kind="redirect", reason="claim", message=message)
    for _ in range(2):
        safe_periodic.tell_reviewers()
    assert len(mail.outbox) == told


def test_a_mail_server_that_refuses_is_asked_again(
    running: SupportSession, message: Message, monkeypatch: Any
) -> None:
    factories.intervention(running, kind="redirect", reason="claim", message=message)

    def fail(*args: Any) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr("sessions.safe_emails.send_review_waits", fail)
        safe_periodic.tell_reviewers()
    assert Intervention.objects.get().told_at is None
    safe_periodic.tell_reviewers()
    assert len(mail.outbox) == 1
