"""A person's own settings."""

import re
from datetime import time

import pytest

from accounts.models import User
from audit.models import Event

PROFILE = "/account/profile/"
ANSWERS = {
    "display_name": "River",
    "time_zone": "America/New_York",
    "country": "US",
}
REMINDERS = "/account/reminders/"
CHOICES = {
    "reminds_hour_before": "on",
    "day_before_minutes": "2880",
    "hour_before_minutes": "30",
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "mails_name_groups": "no",
}


def test_profile_shows_what_is_saved(member):
    page = member.client.get(PROFILE).content.decode().replace("\n", "")

    assert 'value="Member"' in page
    assert '<option value="Europe/London" selected>London</option>' in page
    assert '<option value="GB" selected>' in page
    assert member.user.email in page


def test_profile_saves_and_leaves_one_event_without_the_values(member):
    response = member.client.post(PROFILE, ANSWERS, follow=True)

    assert response.redirect_chain == [(PROFILE, 302)]
    assert "Your settings are saved." in response.content.decode()
    person = User.objects.get(pk=member.user.pk)
    assert (person.display_name, person.time_zone, person.country) == (
        "River",
        "America/New_York",
        "US",
    )
    event = Event.objects.get(verb="profile.changed")
    assert event.data == {"fields": ["country", "display_name", "time_zone"]}
    assert (event.actor_id, event.origin) == (person.pk, "web")


def test_profile_saved_without_a_change_leaves_no_event(member):
    member.client.post(PROFILE, ANSWERS)
    member.client.post(PROFILE, ANSWERS)

    assert Event.objects.filter(verb="profile.changed").count() == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"display_name": ""}, "Enter a name that others may see."),
        ({"display_name": "me@example.org"}, "Enter a name, not an e-mail address."),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"country": "XX"}, "XX"),
    ],
)
def test_profile_says_what_to_mend_and_keeps_what_was_typed(member, wrong, says):
    response = member.client.post(PROFILE, ANSWERS | wrong)
    page = response.content.decode()

    assert response.status_code == 200
    assert "<title>Error: Your settings" in page
    assert says in page
    assert User.objects.get(pk=member.user.pk).display_name == "Member"


def test_profile_keeps_a_zone_that_is_not_in_the_list(member):
    User.objects.filter(pk=member.user.pk).update(time_zone="Asia/Calcutta")

    page = member.client.get(PROFILE).content.decode().replace("\n", "")
    member.client.post(PROFILE, ANSWERS | {"time_zone": "Asia/Calcutta"})

    assert '<option value="Asia/Calcutta" selected>Asia/Calcutta</option>' in page
    assert User.objects.get(pk=member.user.pk).time_zone == "Asia/Calcutta"


def test_profile_is_kept_by_no_cache_and_needs_a_sign_in(member, visitor):
    assert "no-store" in member.client.get(PROFILE)["Cache-Control"]
    assert visitor.client.get(PROFILE).status_code == 302


def test_a_page_needs_a_sign_in_unless_it_says_otherwise():
    """The middleware is there: a view that says nothing is for people who are signed in."""
    from django.conf import settings

    assert "accounts.middleware.SignInFirst" in settings.MIDDLEWARE


# Reminders ----------------------------------------------------------------------------------------


def test_reminders_saves_what_was_chosen(member):
    response = member.client.post(REMINDERS, CHOICES | {"mails_name_groups": "yes"}, follow=True)

    assert "Your settings are saved" in response.content.decode()
    person = User.objects.get(pk=member.user.pk)
    assert not person.reminds_day_before
    assert person.reminds_hour_before
    assert (person.day_before_minutes, person.hour_before_minutes) == (2880, 30)
    assert (person.quiet_from, person.quiet_until) == (time(22), time(7))
    assert person.mails_name_groups
    assert not person.mails_carry_entries
    assert not person.mails_after_missed
    assert not person.mails_after_session
    page = member.client.get(PROFILE).content.decode()
    assert "30 minutes before" in page
    assert "22:00 to 07:00" in page
    assert "Names the group" in page


def test_reminders_shows_neutral_words_chosen_at_first(member):
    page = member.client.get(REMINDERS).content.decode()
    assert re.search(r'<input type="radio" name="mails_name_groups" value="no"[^>]*checked', page)
    assert "London" in page


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"quiet_until": ""}, "Write when quiet hours end, or leave both empty."),
        ({"quiet_from": ""}, "Write when quiet hours begin, or leave both empty."),
        ({"quiet_from": "07:00"}, "Quiet hours need an end other than their beginning."),
        ({"quiet_from": "ten"}, "Write the time like 22:00."),
        ({"day_before_minutes": "1"}, "Select a valid choice."),
    ],
)
def test_reminders_says_what_is_wrong_and_keeps_the_rest(member, wrong, says):
    page = member.client.post(REMINDERS, CHOICES | wrong).content.decode()

    assert says in page
    assert '<option value="30" selected>' in page
    assert User.objects.get(pk=member.user.pk).hour_before_minutes == 60


def test_reminders_without_quiet_hours(member):
    member.client.post(REMINDERS, CHOICES)
    member.client.post(REMINDERS, CHOICES | {"quiet_from": "", "quiet_until": ""})
    assert User.objects.get(pk=member.user.pk).quiet_from is None
