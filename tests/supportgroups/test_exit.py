"""The quick way out."""

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from sessions import actions
from sessions.models import Entry
from tests import factories

PROFILE = "/account/profile/"


@pytest.mark.parametrize("how", ["form", "beacon without a token", "sign-in has run out"])
def test_quick_exit_ends_the_sign_in_and_leads_somewhere_dull(member, settings, how):
    """Strictly: with the check of tokens on, as in a real browser."""
    browser = Client(enforce_csrf_checks=True)
    if how != "sign-in has run out":
        browser.cookies = member.client.cookies

    response = browser.post(reverse("pages:quick_exit"))

    # A redirect would be stopped by the policy that lets forms lead only to this site.
    assert response.status_code == 200
    assert response["Refresh"] == f"0;url={settings.NEUTRAL_URL}"
    assert response["Clear-Site-Data"] == '"cookies", "storage"'
    assert "no-store" in response["Cache-Control"]
    assert "_auth_user_id" not in browser.session
    assert browser.get(PROFILE).status_code == 302


def test_quick_exit_leaves_the_room_on_every_device(member, group):
    running = factories.support_session(group, status="live")
    actions.enter_room(support_session=running, by=member.user)

    member.client.post(reverse("pages:quick_exit"))

    assert Entry.objects.get().left_at is not None
    assert Event.objects.filter(verb="room.left", actor_id=member.user.pk).count() == 1


def test_quick_exit_works_when_the_room_cannot_be_left(member, monkeypatch, caplog):
    def fail(**given):
        raise RuntimeError

    monkeypatch.setattr("supportgroups.pages.leave_every_room", fail)

    assert member.client.post(reverse("pages:quick_exit")).status_code == 200
    assert member.client.get(PROFILE).status_code == 302
    assert "exit.room_not_left" in caplog.text


def test_quick_exit_answers_no_link(member):
    assert member.client.get(reverse("pages:quick_exit")).status_code == 405
    assert member.client.get(PROFILE).status_code == 200
