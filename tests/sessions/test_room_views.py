"""The room as plain pages: everything but the live updating works without script."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from groups.models import SupportGroup
from safeguarding.models import Concern
from sessions import actions, live
from sessions.models import Entry, LineMessage, Message, SupportSession
from tests import factories
from tests.cast import Person

HTMX = {"HX-Request": "true"}


@pytest.fixture
def waiting(group: SupportGroup) -> SupportSession:
    return factories.support_session(group, starts_at=timezone.now() + timedelta(minutes=5))


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    factories.agenda(made)
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


def at(name: str, session: SupportSession) -> str:
    return reverse(f"sessions:{name}", args=[session.pk])


def post(client: Client, name: str, session: SupportSession, **data: object) -> HttpResponse:
    return client.post(at(name, session), data)


# Entering -----------------------------------------------------------------------------------------


def test_room_enter_reminds_and_leads_in(waiting: SupportSession, member: Person) -> None:
    page = member.client.get(at("room_enter", waiting)).content.decode()
    assert "What is said here stays here" in page
    assert "Ask before you give advice" in page
    assert not Entry.objects.exists()
    assert post(member.client, "room_enter", waiting)["Location"] == at("room", waiting)
    assert Entry.objects.get().user == member.user
    assert "Waiting area" in member.client.get(at("room", waiting)).content.decode()


def test_room_leads_to_the_reminder_first(running: SupportSession, group: SupportGroup) -> None:
    person = factories.user()
    factories.member(group, user=person)
    client = Client()
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(at("room", running))["Location"] == at("room_enter", running)


@pytest.mark.parametrize("name", ["room_enter", "room"])
def test_room_says_when_it_opens(name: str, group: SupportGroup, member: Person) -> None:
    session = factories.support_session(group)
    response = member.client.get(at(name, session))
    assert response.status_code == 200
    assert "You can come in from" in response.content.decode()
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    ("who", "words"), [("member", "Go to your page"), ("facilitator", "See who came")]
)
def test_room_after_the_end(
    who: str, words: str, cast: dict[str, Person], group: SupportGroup
) -> None:
    session = factories.support_session(group, status="ended")
    page = cast[who].client.get(at("room", session)).content.decode()
    assert "The session has ended" in page
    assert words in page


def test_room_is_not_stored_by_browsers(running: SupportSession, member: Person) -> None:
    assert "no-store" in member.client.get(at("room", running))["Cache-Control"]


def test_room_leave(running: SupportSession, member: Person) -> None:
    response = post(member.client, "room_leave", running)
    assert response["Location"] == at("session_detail", running)
    assert member.client.get(at("room", running))["Location"] == at("room_enter", running)


# The page -----------------------------------------------------------------------------------------


def test_room_shows_what_is_there(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.message(running, member.user, body="Mine & only")
    factories.message(running, facilitator.user, body="Welcome", is_from_facilitator=True)
    page = member.client.get(at("room", running)).content.decode()
    assert "Mine &amp; only" in page
    assert page.count("msg--mine") == 2  # the message and the template of a pending one
    assert 'role="log"' in page
    assert "About <b>20 minutes</b> left of 20" in page
    assert 'data-last="2"' in page
    assert "Start the session" not in page
    assert "End it for everybody" not in page


def test_room_shows_no_real_ids(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.message(running, facilitator.user)
    page = member.client.get(at("room", running)).content.decode()
    assert str(facilitator.user.pk) not in page
    assert facilitator.user.email not in page


def test_room_gives_facilitators_their_buttons(
    running: SupportSession, facilitator: Person
) -> None:
    page = facilitator.client.get(at("room", running)).content.decode()
    for words in ("Add 5 min", "Next: ", "End it for everybody"):
        assert words in page


def test_room_costs_as_many_queries_for_many_messages(
    running: SupportSession, member: Person, django_assert_max_num_queries: Callable
) -> None:
    for _ in range(60):
        factories.message(running, member.user)
    with django_assert_max_num_queries(32):
        member.client.get(at("room", running))


# Speaking -----------------------------------------------------------------------------------------


def test_message_post(running: SupportSession, member: Person) -> None:
    page = member.client.get(at("room", running)).content.decode()
    client_id = re.search(r'name="client_id" value="([^"]+)"', page)
    assert client_id
    data = {"client_id": client_id[1], "body": "Without script"}
    for _ in range(2):
        response = post(member.client, "message_post", running, **data)
        assert response["Location"] == at("room", running) + "#newest"
    assert Message.objects.get().body == "Without script"


@pytest.mark.parametrize("body", ["", "  ", "x" * 2001, "nul \0"])
def test_message_post_keeps_what_cannot_be_sent(
    body: str, running: SupportSession, member: Person
) -> None:
    response = post(member.client, "message_post", running, client_id=uuid4(), body=body)
    page = response.content.decode()
    assert response.status_code == 200
    assert "<title>Error: " in page
    assert "id_body_error" in page
    assert not Message.objects.exists()


def test_message_post_before_the_start(waiting: SupportSession, member: Person) -> None:
    actions.enter_room(support_session=waiting, by=member.user)
    response = post(member.client, "message_post", waiting, client_id=uuid4(), body="Early")
    assert "once the session has started" in response.content.decode()


def test_message_post_slows_a_flood(
    running: SupportSession, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "message_pace", live.Pace(burst=1, per_second=0.01))
    for _ in range(2):
        response = post(member.client, "message_post", running, client_id=uuid4(), body="Quick")
    assert "That was quick" in response.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"after": "0"}, [1, 2, 3]),
        ({"after": "2"}, [3]),
        ({"after": "x"}, [1, 2, 3]),
        ({"after": "9" * 40}, []),
        ({"before": "3"}, [1, 2]),
        ({"before": "1"}, []),
    ],
)
def test_messages(
    asked: dict[str, str],
    numbers: list[int],
    running: SupportSession,
    member: Person,
    facilitator: Person,
) -> None:
    for _ in range(3):
        factories.message(running, facilitator.user)
    for headers in ({}, HTMX):
        answer = member.client.get(at("messages", running), asked, headers=headers)
        part = answer.content.decode()
        assert [int(n) for n in re.findall(r'data-sequence="(\d+)"', part)] == numbers
        assert ("<html" in part) == (not headers)


def test_earlier_messages_are_a_link_away(running: SupportSession, member: Person) -> None:
    for number in range(1, 206):
        factories.message(running, member.user, body=f"word {number}")
    page = member.client.get(at("room", running)).content.decode()
    assert page.count("<article") == 101  # and the template of a pending one
    assert "?before=106" in page
    earlier = member.client.get(at("messages", running), {"before": "106"}).content.decode()
    assert re.findall(r'data-sequence="(\d+)"', earlier)[0] == "6"
    assert "?before=6" in earlier


# One message --------------------------------------------------------------------------------------


def of_message(name: str, session: SupportSession, number: int = 1) -> str:
    return reverse(f"sessions:{name}", args=[session.pk, number])


def test_message_more_offers_what_its_reader_may_do(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    said = factories.message(running, member.user, body="Mine")
    for person, may_change in ((member, True), (facilitator, False)):
        page = person.client.get(of_message("message_more", running)).content.decode()
        assert "Strength to you" in page
        assert f'href="{at("room", running)}?reply=1#id_body"' in page
        assert ("Delete it for everybody" in page) == may_change
    Message.objects.filter(pk=said.pk).update(sent_at=timezone.now() - timedelta(minutes=6))
    page = member.client.get(of_message("message_more", running)).content.decode()
    assert "Delete it for everybody" not in page
    assert member.client.get(of_message("message_edit", running)).status_code == 403
    assert member.client.get(of_message("message_more", running, 2)).status_code == 404


def test_message_edit_and_delete(running: SupportSession, member: Person) -> None:
    factories.message(running, member.user, body="Frist")
    edit, back = of_message("message_edit", running), at("room", running) + "#m1"
    assert "Frist" in member.client.get(edit).content.decode()
    refused = member.client.post(edit, {"body": " "}).content.decode()
    assert "<title>Error: " in refused
    assert "Write something first." in refused
    assert member.client.post(edit, {"body": "First"})["Location"] == back
    assert "edited" in member.client.get(at("room", running)).content.decode()
    by_htmx = member.client.post(edit, {"body": "1st"}, headers=HTMX).content.decode()
    assert "Your message is changed." in by_htmx
    assert member.client.post(of_message("message_delete", running))["Location"] == back
    page = member.client.get(at("room", running)).content.decode()
    assert "Deleted by its writer" in page
    assert "1st" not in page


@pytest.mark.parametrize("name", ["message_edit", "message_delete"])
def test_message_of_somebody_else_stays(
    name: str, running: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.message(running, member.user, body="Mine")
    answer = facilitator.client.post(of_message(name, running), {"body": "Other words"})
    assert answer.status_code == 403
    assert Message.objects.get().body == "Mine"


def test_message_react_without_script(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.message(running, facilitator.user)
    address = of_message("message_react", running)
    for pressed in ("true", "false"):
        member.client.post(address, {"kind": "thank_you"})
        facilitator.client.post(address, {"kind": "thank_you"})
        page = member.client.get(at("room", running)).content.decode()
        found = re.findall(r'formaction="[^"]+react/"[^>]*aria-pressed="(\w+)"', page)
        assert found == (["true"] if pressed == "true" else [])
    answer = member.client.post(address, {"kind": "angry"}, follow=True)
    assert "Choose one of the reactions." in answer.content.decode()


def test_changes_are_paced(
    running: SupportSession, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "change_pace", live.Pace(burst=1, per_second=0.01))
    factories.message(running, member.user)
    for _ in range(2):
        answer = member.client.post(
            of_message("message_react", running), {"kind": "me_too"}, follow=True
        )
    assert answer.status_code == 403
    assert "That was quick" in answer.content.decode()


def test_message_post_answers_without_script(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.message(running, facilitator.user, body="How are you?")
    page = member.client.get(at("room", running), {"reply": "1"}).content.decode()
    assert 'name="reply_to" value="1"' in page
    assert "How are you?" in page.split("data-replying-words")[1].split("</span>")[0]
    post(member.client, "message_post", running, client_id=uuid4(), body="Well", reply_to=1)
    assert Message.objects.get(sequence=2).reply_to.sequence == 1
    for nonsense in ("x", "99", "9" * 40):
        assert member.client.get(at("room", running), {"reply": nonsense}).status_code == 200


def test_question_post(
    running: SupportSession,
    member: Person,
    facilitator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "Ask without your name" not in member.client.get(at("room", running)).content.decode()
    refused = post(member.client, "question_post", running, client_id=uuid4(), body="May I?")
    assert "asks its questions by name" in refused.content.decode()
    SupportGroup.objects.update(allows_anonymous_questions=True)
    alone = post(member.client, "question_post", running, client_id=uuid4(), body="May I?")
    assert "Too few people are here" in alone.content.decode()
    assert "May I?" in alone.content.decode()
    here = [live.Here(str(n), "x", leads=False, since=0) for n in range(3)]
    monkeypatch.setattr(live, "people_here", lambda session_id: here)
    post(member.client, "question_post", running, client_id=uuid4(), body="May I?")
    for person, is_mine in ((member, True), (facilitator, False)):
        page = person.client.get(at("room", running)).content.decode()
        article = page.split("May I?")[0].rsplit("<article", 1)[1]
        assert live.NAMELESS in article
        assert ("msg--mine" in article) == is_mine
        assert live.sender_token(running.pk, member.user.pk) not in article


def test_line_post(running: SupportSession, member: Person, facilitator: Person) -> None:
    data = {"client_id": uuid4(), "body": "Shall we pause?"}
    for _ in range(2):
        assert post(facilitator.client, "line_post", running, **data)["Location"].endswith("#leads")
    assert LineMessage.objects.count() == 1
    page = facilitator.client.get(at("room", running)).content.decode()
    assert "Shall we pause?" in page.split('id="leads-line"')[1]
    empty = post(facilitator.client, "line_post", running, client_id=uuid4(), body=" ")
    assert "line_body_error" in empty.content.decode()
    theirs = member.client.get(at("room", running)).content.decode()
    assert "Shall we pause?" not in theirs
    assert "leads-line" not in theirs


# Leading ------------------------------------------------------------------------------------------


def test_session_begin(waiting: SupportSession, facilitator: Person) -> None:
    actions.enter_room(support_session=waiting, by=facilitator.user)
    response = post(facilitator.client, "session_begin", waiting, version=0)
    assert response["Location"] == at("room", waiting)
    waiting.refresh_from_db()
    assert waiting.status == "live"


def test_agenda_next_and_extend(running: SupportSession, facilitator: Person) -> None:
    post(facilitator.client, "agenda_next", running, version=0)
    post(facilitator.client, "agenda_extend", running, version=1)
    current = running.current_item()
    assert current is not None
    assert (current.title, current.minutes) == ("Theme", 45)


def test_session_end(running: SupportSession, facilitator: Person) -> None:
    response = facilitator.client.post(at("session_end", running), {"version": 0}, follow=True)
    assert "The session has ended" in response.content.decode()


@pytest.mark.parametrize("version", ["7", "", "x"])
def test_agenda_next_pressed_too_late(
    version: str, running: SupportSession, facilitator: Person
) -> None:
    address = at("agenda_next", running)
    page = facilitator.client.post(address, {"version": version}, follow=True).content.decode()
    assert "Somebody was quicker" in page
    htmx = facilitator.client.post(address, {"version": version}, headers=HTMX)
    assert (htmx.status_code, htmx["HX-Retarget"]) == (403, "#page-alert")
    running.refresh_from_db()
    assert running.version == 0


def test_agenda_extend_by_htmx_changes_nothing_in_the_page(
    running: SupportSession, facilitator: Person
) -> None:
    response = facilitator.client.post(at("agenda_extend", running), {"version": 0}, headers=HTMX)
    assert (response.status_code, response.content) == (204, b"")


# Somebody needs more support ----------------------------------------------------------------------


def test_concern_raise(
    running: SupportSession, member: Person, facilitator: Person, coordinator: Person
) -> None:
    data = {
        "about": live.sender_token(running.pk, facilitator.user.pk),
        "detail": "Sounded very tired.",
        "occasion": uuid4(),
    }
    page = post(member.client, "concern_raise", running, **data).content.decode()
    assert f"{coordinator.user.public_name} at {running.group.organisation.name} will be" in page
    assert "999" in page
    concern = Concern.objects.get()
    assert (concern.about, concern.opened_by) == (facilitator.user, member.user)
    assert "Sounded very tired" not in facilitator.client.get(at("room", running)).content.decode()


def test_concern_raise_tells_the_truth_about_who_looks(
    running: SupportSession, member: Person
) -> None:
    data = {
        "about": live.sender_token(running.pk, member.user.pk),
        "detail": "I am not all right.",
        "occasion": str(uuid4()),
    }
    page = post(member.client, "concern_raise", running, **data).content.decode()
    assert "is on call at the moment, so no person has been told yet" in page
    assert "in touch by" not in page

    factories.close(Concern.objects.get())
    page = post(member.client, "concern_raise", running, **data).content.decode()
    assert "has looked at what you wrote" in page
    assert "is on call at the moment" not in page


def test_concern_form_says_who_reads_it(running: SupportSession, member: Person) -> None:
    page = member.client.get(at("room", running)).content.decode()

    assert "Only the person on call and the coordinators can read it." in page


def test_concern_raise_about_oneself_by_htmx(running: SupportSession, member: Person) -> None:
    data = {
        "about": live.sender_token(running.pk, member.user.pk),
        "detail": "I am not all right.",
        "occasion": str(uuid4()),
    }
    response = member.client.post(at("concern_raise", running), data, headers=HTMX)
    assert response.content.decode().strip().startswith('<div id="concern"')
    assert Concern.objects.get().about == member.user


@pytest.mark.parametrize("who", ["member", "facilitator"])
def test_concern_raise_shows_help_to_whom_it_is_about(
    who: str, cast: dict[str, Person], running: SupportSession, group: SupportGroup
) -> None:
    """Where somebody is, and so the country of their numbers, is nothing that members learn."""
    about = factories.member(group, user=factories.user(country="US")).user
    actions.enter_room(support_session=running, by=about)
    data = {
        "about": live.sender_token(running.pk, about.pk),
        "detail": "They went quiet.",
        "occasion": uuid4(),
        "shows_help": "on",
    }
    response = cast[who].client.post(at("concern_raise", running), data, headers=HTMX)
    page = response.content.decode()
    assert "their own screen shows help lines" in page
    assert ("tel:988" in page) == (who == "facilitator")
    assert "United States" not in page
    assert Entry.objects.get(user=about).help_offered_at is not None
    Entry.objects.filter(user=about).update(help_offered_at=None)
    data |= {"occasion": uuid4(), "shows_help": ""}
    cast[who].client.post(at("concern_raise", running), data, headers=HTMX)
    assert Entry.objects.get(user=about).help_offered_at is None


@pytest.mark.parametrize("missing", ["about", "detail"])
def test_concern_raise_asks_for_what_is_missing(
    missing: str, running: SupportSession, member: Person
) -> None:
    data = {
        "about": live.sender_token(running.pk, member.user.pk),
        "detail": "I am not all right.",
        "occasion": uuid4(),
    }
    page = post(member.client, "concern_raise", running, **{**data, missing: ""}).content.decode()
    assert "<title>Error: " in page
    assert not Concern.objects.exists()


def test_concern_raise_knows_nobody_from_elsewhere(
    running: SupportSession, member: Person, outsider: Person
) -> None:
    token = live.sender_token(running.pk, outsider.user.pk)
    data = {"about": token, "detail": "Who?", "occasion": uuid4()}
    page = post(member.client, "concern_raise", running, **data).content.decode()
    assert "Choose a person." in page
    assert not Concern.objects.exists()
