"""`manage.py end_sign_ins`: what an operator does when an account or a secret may be known."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.models import Event

HOME = reverse("outcomes:participant_home")


def test_one_person_is_out_everywhere_and_nobody_else(member, coordinator, capsys):
    call_command("end_sign_ins", person=member.user.email.upper())

    assert "Ended 1 sign-in." in capsys.readouterr().out
    assert member.client.get(HOME).status_code == 302
    assert coordinator.client.get(HOME).status_code == 200
    ended = Event.objects.get(verb="sign_in.ended_by_operator")
    assert (ended.object_id, ended.actor_id) == (member.user.pk, None)


def test_everybody_is_out(member, coordinator):
    call_command("end_sign_ins", all=True)

    for person in (member, coordinator):
        assert person.client.get(HOME).status_code == 302


def test_an_unknown_address_is_said(db):
    with pytest.raises(CommandError, match="Nobody has this address"):
        call_command("end_sign_ins", person="nobody@example.org")
