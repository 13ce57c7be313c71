"""Links in mails that stop them: one press, no sign-in, nothing told, nothing done by opening."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import actions, rules
from accounts.emails import stop_link
from accounts.models import User
from audit.models import Event
from outcomes import periodic
from sessions.emails import send_reminder
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def person():
    return factories.user(display_name="Robin")


def address(person: User, kind: str = "early") -> str:
    return reverse("accounts:mails_stop", args=[rules.stop_token(person, kind)])


def send(person: User, kind: str):
    """The mail about a session, as the mail server gets it."""
    group = factories.group()
    factories.member(group, user=person)
    held = factories.support_session(group)
    send_reminder(factories.reminder(held, person, kind=kind), mailer=mail.mailers.default)
    return mail.outbox[-1]


@pytest.mark.parametrize("kind", rules.MAILS_TO_STOP)
def test_mails_stop_by_one_press_without_signing_in(person, kind):
    field, words = rules.MAILS_TO_STOP[kind]

    page = Client(enforce_csrf_checks=True).post(address(person, kind), ONE_CLICK)

    assert page.status_code == 200
    assert words in page.content.decode()
    person.refresh_from_db()
    assert [name for name, _ in rules.MAILS_TO_STOP.values() if not getattr(person, name)] == [
        field
    ]
    assert Event.objects.get(verb="mails.stopped").data == {"fields": [field]}


def test_mails_stop_twice_is_once(person):
    for _ in range(2):
        assert Client().post(address(person), ONE_CLICK).status_code == 200
    assert Event.objects.filter(verb="mails.stopped").count() == 1


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_stops_nothing_and_tells_nothing(person, method):
    page = getattr(Client(), method)(address(person))

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    assert person.display_name not in page.content.decode()
    person.refresh_from_db()
    assert person.reminds_day_before
    if method == "get":
        assert f'<form method="post" action="{address(person)}">' in page.content.decode()


def test_the_answer_is_the_same_when_nobody_has_the_key_any_more(person):
    link = address(person)

    def answers() -> list[bytes]:
        pages = Client().get(link), Client().post(link)
        return [re.sub(rb'(nonce|value)="[^"]*"', b"", page.content) for page in pages]

    there = answers()
    User.objects.filter(pk=person.pk).delete()

    assert answers() == there


@pytest.mark.parametrize("token", ["x", "~", "0" * 32 + "early~" + "A" * 43])
def test_made_up_links_are_not_found(token):
    link = reverse("accounts:mails_stop", args=[token])
    assert Client().get(link).status_code == Client().post(link).status_code == 404


def test_a_link_is_for_one_kind_alone(person):
    key, _, signature = rules.stop_token(person, "early").partition("early")
    assert rules.stopped_with(f"{key}late{signature}") is None


def test_links_outlive_a_change_of_the_secret(person, settings):
    token = rules.stop_token(person, "late")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 10

    assert rules.stopped_with(token) == (person.mails_key, "late")

    settings.SECRET_KEY_FALLBACKS = []
    assert rules.stopped_with(token) is None


def test_links_of_old_mails_can_be_ended(member):
    link = address(member.user)
    page = member.client.post(reverse("accounts:mail_links_end"), follow=True)
    assert "Links in your old mails stop nothing any more." in page.content.decode()

    assert Client().post(link).status_code == 200

    member.user.refresh_from_db()
    assert member.user.reminds_day_before
    with pytest.raises(Refused):
        actions.end_links_in_mails(user=member.user, by=factories.user())


def test_mails_are_switched_on_again_on_the_page(member):
    Client().post(address(member.user, "questions"))
    page = reverse("accounts:reminders")
    form = member.client.get(page).context["form"]
    assert form.initial["mails_with_questions"] is False
    given = {name: value for name, value in form.initial.items() if value not in (None, False)}

    member.client.post(page, given | {"mails_with_questions": "on"})

    member.user.refresh_from_db()
    assert member.user.mails_with_questions


@pytest.mark.parametrize(
    ("kind", "stops"),
    [
        ("day_before", "early"),
        ("hour_before", "late"),
        ("closing", "note"),
        ("missed", "missed"),
        ("moved", ""),
        ("cancelled", ""),
    ],
)
def test_mails_about_sessions_say_how_to_stop_them(person, kind, stops):
    sent = send(person, kind)

    written = sent.message().as_bytes().decode()
    if not stops:
        assert "List-Unsubscribe" not in written
        assert "/mail/stop/" not in sent.body
        return
    link = stop_link(person, stops)
    # On one line and as it is: mail programs read no encoded words there.
    assert f"\nList-Unsubscribe: <{link}>\n" in written
    assert "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n" in written
    assert link in sent.body


def test_mails_about_questions_stop_and_questions_stay(group, member):
    plan = factories.survey_plan(group)
    membership = group.memberships.get(user=member.user)
    now = timezone.now()
    factories.invitation(plan, membership, due_at=now - timedelta(hours=1), next_mail_at=now)

    Client().post(address(member.user, "questions"))
    periodic.send_due_invitations()
    assert mail.outbox == []

    User.objects.update(mails_with_questions=True)
    periodic.send_due_invitations()
    assert f"<{stop_link(member.user, 'questions')}>" in mail.outbox[0].message().as_string()


def test_two_people_never_share_a_key(person):
    with pytest.raises(IntegrityError, match="mails_key"), transaction.atomic():
        factories.user(mails_key=person.mails_key)
