"""The conversation: answers, reactions, changes, questions without a name, the line."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.models import Event
from groups.models import SupportGroup
from sessions import actions, live, talk_actions, talk_rules
from sessions.models import LineMessage, Message, Reaction, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import Person


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


@pytest.fixture
def other(running: SupportSession) -> Person:
    person = factories.user(display_name="Other")
    factories.member(running.group, user=person)
    actions.enter_room(support_session=running, by=person)
    return Person(person, None)  # type: ignore[arg-type]


def say(session: SupportSession, by: Person, body: str = "Hello", **how: object) -> Message:
    return actions.post_message(
        support_session=session,
        client_id=uuid4(),
        body=body,
        by=by.user,
        **how,  # type: ignore[arg-type]
    )


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as no:
        act()
    return no.value.reason


# Answers ------------------------------------------------------------------------------------------


def test_an_answer_quotes_one_line(running, member, other) -> None:
    first = say(running, member, "Nights are " + "long " * 50)
    answer = say(running, other, "Mine too", reply_to=first.sequence)
    html = json.loads(live.message_frame(answer))["html"]
    assert 'href="#m1"' in html
    assert "Member" in html
    assert "Nights are long" in html
    assert "…" in html
    assert say(running, other, "To nothing", reply_to=99).reply_to is None


def test_an_answer_shows_nothing_of_what_was_taken_back(running, member, other) -> None:
    first = say(running, member, "My secret")
    say(running, other, "Thank you for this", reply_to=first.sequence)
    talk_actions.delete_message(support_session=running, sequence=1, by=member.user)
    page = "".join(live.message_frame(m) for m in live.newest_messages(running))
    assert "My secret" not in page
    assert "A message that is gone" in page
    assert [m.revision for m in live.newest_messages(running)] == [1, 2]
    assert say(running, other, "Again", reply_to=1).reply_to is None


# Changed by its sender ----------------------------------------------------------------------------


def test_edit_keeps_a_trace(running, member) -> None:
    say(running, member, "I hat it")
    edited = talk_actions.edit_message(
        support_session=running, sequence=1, body=" I hate it ", by=member.user
    )
    assert (edited.body, edited.revision) == ("I hate it", 1)
    assert edited.edited_at is not None
    assert [version.body for version in edited.versions.all()] == ["I hat it"]
    assert "edited" in live.message_frame(edited, "changed")
    again = talk_actions.edit_message(
        support_session=running, sequence=1, body="I hate it", by=member.user
    )
    assert again.versions.count() == 1, "the same words are no change"


def test_delete_leaves_that_there_was_one(running, member, other) -> None:
    message = say(running, member, "Too much")
    talk_actions.react(support_session=running, sequence=1, kind="with_you", by=other.user)
    gone = talk_actions.delete_message(support_session=running, sequence=1, by=member.user)
    assert (gone.body, gone.versions.get().body) == ("", "Too much")
    assert not Reaction.objects.exists()
    html = live.message_frame(gone, "changed")
    assert "Deleted by its writer" in html
    assert "Too much" not in html
    for again in (
        lambda: talk_actions.delete_message(support_session=running, sequence=1, by=member.user),
        lambda: talk_actions.edit_message(
            support_session=running, sequence=1, body="x", by=member.user
        ),
        lambda: talk_actions.react(
            support_session=running, sequence=1, kind="me_too", by=other.user
        ),
    ):
        assert reason(again) == "gone"
    resent = actions.post_message(
        support_session=running, client_id=message.client_id, body="Too much", by=member.user
    )
    assert (resent.sequence, resent.body) == (1, ""), "sent again it does not come back"


@pytest.mark.parametrize(
    ("who", "minutes", "why"),
    [("member", 5.1, "too_late"), ("other", 0, "not_own"), ("facilitator", 0, "not_own")],
)
def test_only_its_sender_changes_it_and_only_for_five_minutes(
    who, minutes, why, running, member, other, facilitator
) -> None:
    message = say(running, member)
    person = {"member": member, "other": other, "facilitator": facilitator}[who]
    at = message.sent_at + timedelta(minutes=minutes)
    for act in (
        lambda: talk_actions.edit_message(
            support_session=running, sequence=1, body="x", by=person.user, at=at
        ),
        lambda: talk_actions.delete_message(
            support_session=running, sequence=1, by=person.user, at=at
        ),
    ):
        assert reason(act) == why
    message = Message.objects.get()
    assert (message.body, message.revision) == ("Hello", 0)


def test_nothing_changes_once_the_session_is_over_or_by_whoever_left(
    running, member, facilitator
) -> None:
    say(running, member)

    def edit() -> Message:
        return talk_actions.edit_message(
            support_session=running, sequence=1, body="x", by=member.user
        )

    actions.leave_room(support_session=running, by=member.user)
    assert reason(edit) == "not_entered"
    actions.enter_room(support_session=running, by=member.user)
    actions.end_session(support_session=running, version=running.version, by=facilitator.user)
    assert reason(edit) == "ended"


# Reactions ----------------------------------------------------------------------------------------


def test_reactions_are_counted_and_nobody_is_named(running, member, other) -> None:
    say(running, member)
    for person in (member, other):
        for _ in range(2):
            touched = talk_actions.react(
                support_session=running, sequence=1, kind="with_you", by=person.user, is_on=True
            )
    assert touched.revision == 2, "given twice is given once"
    html = json.loads(live.message_frame(touched, "changed"))["html"]
    assert "<span>With you</span> <b>2</b>" in html
    assert live.sender_token(running.pk, other.user.pk) not in html
    assert 'aria-pressed="true"' not in html
    assert talk_rules.own_of(running, other.user) == [
        {"sequence": 1, "mine": False, "reactions": ["with_you"]}
    ]
    off = talk_actions.react(support_session=running, sequence=1, kind="with_you", by=other.user)
    assert "<b>1</b>" in live.message_frame(off, "changed")
    assert (
        reason(
            lambda: talk_actions.react(
                support_session=running, sequence=1, kind="angry", by=other.user
            )
        )
        == "no_such_reaction"
    )


# Without a name -----------------------------------------------------------------------------------


@pytest.fixture
def asking(running: SupportSession, other: Person, monkeypatch) -> SupportSession:
    """The group allows it, and three members are here."""
    SupportGroup.objects.filter(pk=running.group_id).update(allows_anonymous_questions=True)
    running.group.refresh_from_db()
    here = [live.Here(str(n), "x", leads=False, since=0) for n in range(3)]
    monkeypatch.setattr(live, "people_here", lambda session_id: here)
    return running


def test_a_question_without_a_name_gives_nothing_of_its_sender_away(
    asking, member, other, django_capture_on_commit_callbacks, monkeypatch
) -> None:
    published: list[tuple[str, str]] = []
    monkeypatch.setattr(live, "_publish", lambda pk, text: published.append((str(pk), text)))
    events = Event.objects.count()
    with django_capture_on_commit_callbacks(execute=True):
        named = say(asking, other, "By name")
        first, second = (
            say(asking, other, words, nameless=True, reply_to=named.sequence)
            for words in ("May I ask?", "And another")
        )
    assert first.reply_to is None
    for private in (
        live.sender_token(asking.pk, other.user.pk),
        live.figure_seed(asking.group_id, other.user.pk),
        str(other.user.pk),
        "Other",
        "msg--lead",
        "msg--mine",
        'class="person"',
    ):
        for _, text in published[1:]:
            assert private not in text, private
    tokens = {json.loads(live.message_frame(m))["sender"] for m in (named, first, second)}
    assert len(tokens) == 3, "nor can two questions be linked"
    # It looks as anybody else's, letter by letter.
    theirs = say(asking, member, "May I ask?", nameless=True)

    def neutral(message: Message) -> str:
        fields = live.said(message)
        html = json.loads(live.message_frame(message))["html"]
        for own in (
            f"m{message.sequence}", f'"{message.sequence}"', fields["sender"],
            str(message.client_id), f"/{message.sequence}/", message.sent_at.isoformat(),
        ):  # fmt: skip
            html = html.replace(own, "")
        return html.split("<time")[0] + html.split("</time>")[1]

    assert neutral(first) == neutral(theirs)
    assert Event.objects.count() == events
    assert [message.body for message in asking.messages.by_name()] == ["By name"]


def test_own_question_is_known_to_its_sender_alone(asking, member, other) -> None:
    say(asking, member, "May I ask?", nameless=True)
    assert talk_rules.own_of(asking, member.user) == [
        {"sequence": 1, "mine": True, "reactions": []}
    ]
    assert talk_rules.own_of(asking, other.user) == []
    assert (
        reason(
            lambda: talk_actions.edit_message(
                support_session=asking, sequence=1, body="x", by=other.user
            )
        )
        == "not_own"
    )
    edited = talk_actions.edit_message(
        support_session=asking, sequence=1, body="May I ask you?", by=member.user
    )
    assert edited.revision == 1
    answer = say(asking, other, "Of course", reply_to=1)
    frame = live.message_frame(answer)
    assert live.NAMELESS in frame
    assert live.sender_token(asking.pk, member.user.pk) not in frame


def test_a_question_needs_a_group_that_allows_it_and_enough_people(
    asking, member, facilitator, monkeypatch
) -> None:
    def ask(client_id=None) -> Message:
        return actions.post_message(
            support_session=asking,
            client_id=client_id or uuid4(),
            body="?",
            by=member.user,
            nameless=True,
        )

    assert reason(lambda: say(asking, facilitator, "?", nameless=True)) == "leads"
    stored = ask()
    monkeypatch.setattr(live, "people_here", lambda session_id: [])
    assert reason(ask) == "too_few_here"
    assert ask(stored.client_id).sequence == 1, "what is stored is not asked after"
    SupportGroup.objects.filter(pk=asking.group_id).update(allows_anonymous_questions=False)
    assert reason(ask) == "names_only"
    # The statement itself asks the group too, whatever was seen a moment before.
    monkeypatch.setattr(talk_rules, "check_may_ask_namelessly", lambda *args, **how: None)
    assert reason(ask) == "not_live"
    assert Message.objects.count() == 1


# The facilitators' own line -----------------------------------------------------------------------


def test_the_line_is_for_those_who_lead_before_the_start_too(group, member, facilitator) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    waiting = factories.support_session(group, starts_at=soon)
    for person in (member, facilitator):
        actions.enter_room(support_session=waiting, by=person.user)
    client_id = uuid4()

    def write(by: Person, body: str = "Who greets?") -> LineMessage:
        return talk_actions.say_on_line(
            support_session=waiting, client_id=client_id, body=body, by=by.user
        )

    assert [write(facilitator).sequence, write(facilitator, "Again").sequence] == [1, 1]
    assert LineMessage.objects.get().body == "Who greets?"
    assert reason(lambda: write(member)) == "not_facilitator"
    waiting.refresh_from_db()
    assert (waiting.line_count, waiting.message_count) == (1, 0)
