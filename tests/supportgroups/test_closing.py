"""Closing an account: what is left of somebody who has done everything, and what is not."""

import html
import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import BrowserSession, DataExport, User
from audit.models import Event
from groups import tasks as groups_tasks
from groups.models import SupportGroup
from outcomes import queries
from outcomes.counting_actions import recount
from outcomes.models import Presence
from sessions import live, rules
from sessions.models import Cover, Message, Reminder, SupportSession
from sessions.periodic import send_due_reminders
from supportgroups import privacy
from supportgroups.lib.refusals import Refused
from supportgroups.my_data import tasks as my_data_tasks
from tests import everything, factories
from tests.at_once import at_once
from tests.cast import signed_in


def text(response) -> str:
    """What stands on the page, without markup."""
    assert response.status_code == 200
    plain = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(html.unescape(plain).split())


@pytest.fixture
def person(db) -> User:
    return everything.make()


#: Where something of a person is still to be found once they are erased, and why. What is encrypted
#: is not found: the test below looks at its rows.
STILL_THERE = {
    ("audit_event", "actor_id"): "A random id that leads nowhere; other duties keep the trail.",
    ("audit_event", "object_id"): "As actor_id.",
}


def test_somebody_has_done_everything(person):
    """Every table and field that names a person names this one: else nothing shows that it is
    erased. A new one needs a row in `tests/everything.py`."""
    named = [
        f"{model._meta.label}.{field.name}"
        for model, field in everything.ways_to_a_person()
        if not model._base_manager.filter(**{field.name: person}).exists()
    ]
    assert not named, named
    missing = everything.tables_of_a_person() - everything.rows_of(person).keys()
    assert not missing, sorted(model._meta.label for model in missing)


def test_nothing_is_left(person, caplog, django_capture_on_commit_callbacks):
    rows = everything.rows_of(person)
    fields = everything.fill_with_words(rows)
    assert fields > 50
    signs = [str(person.pk), everything.SIGN]
    before = everything.everything_that_says(*signs)
    assert len(before) > 100, "the search finds what is there"
    person.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        assert privacy.erase(person)
    assert everything.everything_that_says(*signs) == STILL_THERE.keys()
    assert not any(sign in repr(vars(line)) for line in caplog.records for sign in signs)


def test_no_row_of_theirs_is_left(person):
    """Also where its words cannot be searched because they are encrypted."""
    rows = everything.rows_of(person)
    privacy.erase(person)
    left = {
        model._meta.label
        for model, instances in rows.items()
        if model._base_manager.filter(pk__in=[row.pk for row in instances]).exists()
    }
    assert left == {
        "support_sessions.Message",  # an empty line, below
        "support_sessions.Debrief",  # by a former facilitator
    }


def test_what_was_said_is_an_empty_line_whose_writer_has_left(person, organisation):
    message = Message.objects.get(sender=person, is_anonymous=False)
    answer = Message.objects.get(reply_to=message)
    privacy.erase(person)
    message, answer = live.shown_messages(message.support_session).filter(
        pk__in=[message.pk, answer.pk]
    )
    frame = live.message_frame(message)
    assert "Somebody who has left" in frame
    assert "Its writer has left, and the words with them" in frame
    assert live.said(message)["seed"] == ""
    assert live.quote(message) == {
        "sequence": message.sequence,
        "name": "Somebody who has left",
        "words": "",
    }
    assert "A message that is gone" in live.message_frame(answer)


def test_a_question_without_a_name_does_not_say_that_its_writer_has_left(member, group):
    session = factories.support_session(group, status="live")
    asked = factories.message(session, member.user, is_anonymous=True)
    privacy.erase(member.user)
    frame = live.message_frame(live.shown_messages(session).get(pk=asked.pk))
    assert "Somebody here" in frame
    assert "has left" not in frame


def test_figures_do_not_shrink_by_one_person(person):
    organisation = person.staff_roles.get().organisation
    since = timezone.now() - timedelta(days=30)

    def figures():
        recount(by=None)
        return (
            sorted(queries.uptake_counts(organisation)),
            sorted(queries.episode_counts(organisation)),
            queries.session_counts(organisation, since=since),
        )

    before = figures()
    privacy.erase(person)
    uptake, episodes, sessions = figures()
    assert uptake == before[0]
    # Who leaves has stopped coming: that a stay goes on is what changes.
    assert [each._replace(outcome=0) for each in episodes] == [
        each._replace(outcome=0) for each in before[1]
    ]
    assert sessions == before[2]
    assert not Presence.objects.filter(membership__user=person.pk).exists()
    assert SupportSession.objects.filter(gone_came=1, gone_expected=1).count() == 1


def test_those_who_lead_see_how_many_came_and_have_gone(facilitator, group, member):
    session = factories.support_session(group, status="ended")
    factories.attendance(session, member.user.memberships.get())
    privacy.erase(member.user)
    page = text(facilitator.client.get(f"/sessions/{session.pk}/who-came/"))
    assert "1 more person came and has closed their account since." in page
    assert "Nobody was expected" not in page


def test_all_or_nothing(person):
    """Killed in the middle, everything is as it was."""
    with (
        patch("accounts.privacy.end_sign_ins", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        privacy.erase(person)
    assert Message.objects.filter(sender=person).exists()
    assert person.memberships.exists()


def test_twice_is_once(person):
    assert privacy.erase(person) is True
    assert privacy.erase(person) is False


def test_the_place_goes_to_whoever_waits(group, member):
    SupportGroup.objects.filter(pk=group.pk).update(capacity=2, minimum=2)
    factories.member(group)
    waits = factories.membership(group=group, status="waitlisted")
    privacy.erase(member.user)
    waits.refresh_from_db()
    assert waits.status == "offered"


def test_every_sign_in_ends_and_so_does_one_that_was_begun(member, outsider, client):
    client.post("/account/login/code/", {"email": member.user.email})
    assert BrowserSession.objects.filter(user=member.user).exists()
    begun = BrowserSession.objects.get(user=None)
    privacy.erase(member.user)
    assert not BrowserSession.objects.filter(pk=begun.pk).exists()
    assert [each.user for each in BrowserSession.objects.all()] == [outsider.user]


# Handing over -------------------------------------------------------------------------------------


def test_the_last_coordinator_hands_over_first(coordinator, organisation):
    (first,) = privacy.to_hand_over(coordinator.user)
    assert first.reason == "last_coordinator"
    with pytest.raises(Refused):
        privacy.erase(coordinator.user)
    factories.staff_role(organisation=organisation)
    assert privacy.to_hand_over(coordinator.user) == []


def test_whoever_leads_a_group_alone_hands_over_first(facilitator, group):
    (first,) = privacy.to_hand_over(facilitator.user)
    assert first.reason == "leads_alone"
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    assert privacy.to_hand_over(facilitator.user) == []
    factories.support_session(group)
    assert [each.reason for each in privacy.to_hand_over(facilitator.user)] == ["leads_alone"]
    factories.facilitator(group, is_lead=False)
    assert privacy.erase(facilitator.user)
    assert group.facilitator_assignments.get().is_lead


def test_the_overseer_of_a_listed_group_hands_over_first(group):
    (first,) = privacy.to_hand_over(group.overseer)
    assert first.reason == "overseer"
    SupportGroup.objects.filter(pk=group.pk).update(overseer=factories.user())
    assert privacy.erase(group.overseer)


def test_a_session_taken_over_is_given_back(group, facilitator):
    second = factories.facilitator(group).user
    factories.staff_role(user=second, organisation=group.organisation, role="facilitator")
    other = factories.staff_role(organisation=group.organisation, role="facilitator").user
    session = factories.support_session(group)
    Cover.objects.create(
        support_session=session,
        facilitator=facilitator.user,
        taken_by=other,
        taken_at=timezone.now(),
    )
    privacy.erase(other)
    assert Cover.objects.get().is_open
    assert facilitator.user in rules.leading(session)


# The page -----------------------------------------------------------------------------------------

PAGE = "/account/close/"


def test_the_page_says_what_goes_and_what_stays(member, group):
    page = text(member.client.get(PAGE))
    assert "What goes at once" in page
    assert "What stays, and why" in page
    assert "What you wrote about sessions" not in page
    factories.concern(organisation=group.organisation, about=member.user)
    assert "Somebody would like to be in touch with you. Harbour Network" in text(
        member.client.get(PAGE)
    )


def test_nobody_is_told_of_a_concern_that_staff_opened(member, group, facilitator):
    factories.concern(
        organisation=group.organisation,
        about=member.user,
        source="live",
        opened_by=facilitator.user,
    )
    assert "in touch with you" not in text(member.client.get(PAGE))


def test_whoever_has_to_hand_over_finds_the_way_and_no_button(facilitator, group):
    response = facilitator.client.get(PAGE)
    assert f"Nobody else leads {group.name}." in text(response)
    assert f'href="/groups/{group.slug}/setup/facilitators/"' in response.content.decode()
    assert "Close my account" not in text(response)
    facilitator.client.post(PAGE, {"understood": "on"})
    assert User.objects.filter(pk=facilitator.user.pk).exists()


def test_a_tick_is_needed(member):
    page = text(member.client.post(PAGE))
    assert "Tick the box if you want to close your account." in page
    assert User.objects.filter(pk=member.user.pk).exists()


def test_an_open_page_alone_closes_nothing(member, client):
    client.force_login(member.user)
    response = client.post(PAGE, {"understood": "on"})
    assert response.url.startswith("/account/reauthenticate/")
    assert User.objects.filter(pk=member.user.pk).exists()


def test_closing(member, client, mailoutbox, caplog, django_capture_on_commit_callbacks):
    """Done at once: signed out here and elsewhere, sockets told, one last mail, no line of it in
    the log."""
    caplog.set_level("DEBUG")
    elsewhere = signed_in(member.user).client
    user = member.user
    with (
        patch("accounts.live._publish") as told,
        django_capture_on_commit_callbacks(execute=True),
    ):
        response = member.client.post(PAGE, {"understood": "on"}, follow=True)
    assert "Your account is closed" in text(response)
    assert response.redirect_chain == [("/account/closed/", 302)]
    assert "sessionid" not in str(member.client.cookies.values())
    assert not User.objects.filter(email=user.email).exists()
    assert elsewhere.get("/home/").url.startswith("/account/login/")
    assert [str(user.pk)] in [call.args[0] for call in told.call_args_list]
    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([user.email], "Your account is closed")
    assert "London time" in mail.body
    lines = "".join(repr(vars(line)) for line in caplog.records if "sql" not in vars(line))
    assert user.email not in lines
    assert user.display_name not in lines


def test_a_mail_that_fails_keeps_nobody(member, caplog):
    with patch("supportgroups.closing.emails.send_account_closed", side_effect=OSError):
        assert member.client.post(PAGE, {"understood": "on"}).url == "/account/closed/"
    assert "closing.mail_not_sent" in caplog.text
    assert member.user.email not in caplog.text


def test_signing_up_again_is_somebody_new(member):
    address, before = member.user.email, str(member.user.pk)
    privacy.erase(member.user)
    again = factories.user(email=address)
    assert str(again.pk) != before
    assert not again.memberships.exists()


# For whoever runs the site ------------------------------------------------------------------------


def test_an_operator_closes_an_account_for_a_letter(member, mailoutbox, capsys, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda asked: "no")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("erase_person", member.user.email)
    monkeypatch.setattr("builtins.input", lambda asked: "erase")
    call_command("erase_person", member.user.email.upper())
    assert not User.objects.filter(pk=member.user.pk).exists()
    assert len(mailoutbox) == 1
    event = Event.objects.get(verb="account.closed")
    assert (event.actor_id, event.origin) == (None, "command")
    with pytest.raises(CommandError, match="Nobody has this address"):
        call_command("erase_person", member.user.email)
    shown = capsys.readouterr().out
    assert member.user.email not in shown
    assert member.user.display_name not in shown


def test_an_operator_can_go_on_without_a_successor(coordinator, group):
    with pytest.raises(CommandError, match="--leave-unled"):
        call_command("erase_person", coordinator.user.email, "--yes")
    call_command("erase_person", str(group.overseer.pk), "--yes", "--leave-unled")
    call_command("erase_person", coordinator.user.email, "--yes", "--leave-unled")
    group.refresh_from_db()
    assert (group.overseer, group.lifecycle) == (None, "paused")
    assert not group.organisation.staff_roles.exists()


# At the same moment -------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_devices_close_it_at_once_while_somebody_writes(group, member):
    """One closes it, the other finds it done; nothing is written for somebody who is gone."""

    def tell():
        try:
            return bool(factories.notice(group, member.user))
        except IntegrityError:
            return None

    closed = at_once(lambda: privacy.erase(member.user), lambda: privacy.erase(member.user), tell)
    assert sorted(closed[:2]) == [False, True]
    assert not group.notices.exists()


def test_a_mail_on_its_way_finds_nobody(member, group, mailoutbox):
    """The worker has the id, the person goes, the worker looks again."""
    notice = factories.notice(group, member.user)
    session = factories.support_session(group)
    reminder = factories.reminder(session, member.user)
    export = DataExport.objects.create(user=member.user, nonce="")
    privacy.erase(member.user)
    mailoutbox.clear()
    for task, row in (
        (groups_tasks.tell_person, notice),
        (my_data_tasks.make_export, export),
    ):
        task(str(row.pk))
    send_due_reminders()
    assert not Reminder.objects.filter(pk=reminder.pk).exists()
    assert mailoutbox == []
