"""The debrief: a draft that is never lost, read by those who lead and oversee, with follow-ups."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from safeguarding.models import Concern
from sessions import after_actions, after_rules
from sessions.models import Debrief, FollowUp
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import signed_in


@pytest.fixture
def held(group):
    return factories.support_session(
        group, status="ended", starts_at=timezone.now() - timedelta(hours=3)
    )


@pytest.fixture
def overseer(group):
    return signed_in(group.overseer)


def address(held):
    return reverse("sessions:debrief", args=[held.pk])


def text(response):
    return " ".join(response.content.decode().split())


def typed(**words):
    return {"window": uuid4(), "revision": 0, "how_it_went": "Calm.", **words}


def test_a_draft_is_its_authors_alone(held, facilitator, overseer, group):
    facilitator.client.post(address(held), typed(do="draft"))
    [debrief] = Debrief.objects.all()
    assert debrief.written_at is None
    assert "Calm." in text(facilitator.client.get(address(held)))
    page = reverse("sessions:debrief_list", args=[group.slug])
    for person in (overseer, facilitator):
        assert "Calm." not in text(person.client.get(page))


def test_finished_it_is_for_those_who_lead_and_oversee(
    held, group, facilitator, overseer, coordinator, member
):
    facilitator.client.post(address(held), typed(do="finish", concerns="Two spoke at once."))
    second = factories.facilitator(group).user
    page = reverse("sessions:debrief_list", args=[group.slug])
    for person in (facilitator, overseer, signed_in(second)):
        shown = text(person.client.get(page))
        assert "Calm." in shown
        assert "Two spoke at once." in shown
    for person in (coordinator, member):
        assert person.client.get(page).status_code == 404
        detail = reverse("sessions:session_detail", args=[held.pk])
        assert "Calm." not in text(person.client.get(detail))
        assert person.client.get(address(held)).status_code == 403


def test_an_empty_one_can_be_a_draft_and_not_more(held, facilitator):
    page = text(facilitator.client.post(address(held), typed(do="finish", how_it_went=" ")))
    assert "Write a sentence first." in page
    assert not Debrief.objects.filter(written_at__isnull=False).exists()


def test_what_is_too_long_is_told_and_kept_on_the_page(held, facilitator):
    words = "x" * 5001
    page = text(facilitator.client.post(address(held), typed(do="draft", how_it_went=words)))
    assert "Use up to 5,000 characters." in page
    assert words in page


def test_script_saves_while_one_writes(held, facilitator):
    response = facilitator.client.post(address(held), typed(), headers={"HX-Request": "true"})
    part = text(response)
    assert part.startswith('<div id="debrief-saved"')
    assert 'name="revision" value="1"' in part
    assert "Draft saved" in part
    assert Debrief.objects.get().how_it_went == "Calm."


def test_the_button_after_the_script_saved_is_no_other_window(held, facilitator):
    """The page still shows revision 0 while its own script has saved twice."""
    window = uuid4()
    for words in ("Ca", "Calm"):
        facilitator.client.post(
            address(held),
            typed(window=window, how_it_went=words),
            headers={"HX-Request": "true"},
        )
    facilitator.client.post(address(held), typed(window=window, do="finish"))
    debrief = Debrief.objects.get()
    assert debrief.how_it_went == "Calm."
    assert debrief.written_at is not None


def test_another_window_never_writes_over_it(held, facilitator):
    facilitator.client.post(address(held), typed(do="draft", how_it_went="From the phone."))
    late = typed(how_it_went="From the desk.")
    part = text(facilitator.client.post(address(held), late, headers={"HX-Request": "true"}))
    assert "Not saved yet." in part

    page = text(facilitator.client.post(address(held), {**late, "do": "draft"}))

    assert "From the phone." in page
    assert "From the desk." in page
    assert 'name="revision" value="1"' in page
    assert Debrief.objects.get().how_it_went == "From the phone."
    facilitator.client.post(address(held), {**late, "do": "draft", "revision": 1})
    assert Debrief.objects.get().how_it_went == "From the desk."


def test_a_follow_up_is_taken_whichever_button_was_pressed(held, facilitator):
    tomorrow = timezone.localdate() + timedelta(days=1)
    facilitator.client.post(
        address(held),
        typed(do="finish", what="Ring Ana", owner=facilitator.user.pk, due_on=tomorrow),
    )
    [follow_up] = FollowUp.objects.all()
    assert (follow_up.what, follow_up.owner, follow_up.due_on) == (
        "Ring Ana",
        facilitator.user,
        tomorrow,
    )
    assert Debrief.objects.get().written_at is not None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"do": "follow_up"}, "Write what is to be done."),
        ({"what": "Ring Ana"}, "Choose who does it."),
        ({"what": "Ring Ana", "due_on": "2190-01-01"}, "This is far away."),
    ],
)
def test_an_unfinished_follow_up_loses_no_word(held, facilitator, fields, says):
    page = text(facilitator.client.post(address(held), typed(**fields)))
    assert says in page
    assert "Calm." in page
    assert not FollowUp.objects.exists()


def test_follow_ups_go_to_those_who_lead_or_oversee(held, facilitator, overseer, member):
    assert set(after_rules.may_own_follow_up(held)) == {facilitator.user, overseer.user}
    with pytest.raises(Refused):
        after_actions.note_follow_up(
            support_session=held,
            what="Ring Ana",
            owner=member.user,
            due_on=timezone.localdate(),
            by=facilitator.user,
        )


def test_a_follow_up_is_done_and_can_be_opened_again(held, facilitator, overseer):
    follow_up = factories.follow_up(held, owner=overseer.user)
    page = reverse("sessions:follow_up", args=[follow_up.pk])
    overseer.client.post(page, {"do": "done"})
    follow_up.refresh_from_db()
    assert follow_up.done_by == overseer.user
    facilitator.client.post(page, {"do": "reopen"})
    follow_up.refresh_from_db()
    assert follow_up.done_at is follow_up.done_by is None


def test_a_follow_up_can_be_given_to_somebody_else(held, facilitator, overseer):
    follow_up = factories.follow_up(held, owner=facilitator.user)
    page = reverse("sessions:follow_up", args=[follow_up.pk])
    facilitator.client.post(
        page, {"what": "Ring Bo", "owner": overseer.user.pk, "due_on": follow_up.due_on}
    )
    follow_up.refresh_from_db()
    assert (follow_up.what, follow_up.owner) == ("Ring Bo", overseer.user)
    assert follow_up in after_rules.follow_ups_owned_by(overseer.user)
    assert follow_up in after_rules.open_follow_ups_of(held.group, seen_by=facilitator.user)


@pytest.mark.parametrize("who", ["member", "coordinator", "outsider"])
def test_others_do_not_know_of_follow_ups(who, held, cast):
    follow_up = factories.follow_up(held)
    page = reverse("sessions:follow_up", args=[follow_up.pk])
    assert cast[who].client.get(page).status_code == 404


def test_a_debrief_is_missing_for_a_week_and_until_one_is_written(group, facilitator):
    now = timezone.now()
    old, new = (
        factories.support_session(group, status="ended", starts_at=now - timedelta(days=days))
        for days in (9, 2)
    )
    assert list(after_rules.debriefs_missing(facilitator.user)) == [new]
    factories.debrief(new, facilitator.user, written_at=None)
    assert after_rules.debriefs_missing(facilitator.user).get().is_begun
    factories.debrief(new, factories.facilitator(group).user)
    assert not after_rules.debriefs_missing(facilitator.user).exists()
    assert old.status == "ended"


def test_whoever_led_can_ask_for_support_for_somebody_who_was_there(
    held, facilitator, member, coordinator
):
    page = reverse("sessions:support", args=[held.pk])
    stranger = factories.member(held.group).user
    factories.attendance(held, member.user.memberships.get())
    words = {"occasion": uuid4(), "detail": "Spoke of giving up."}

    refused = text(facilitator.client.post(page, {**words, "about": stranger.pk}))
    assert "Choose somebody who was there." in refused
    assert not Concern.objects.exists()

    for _ in range(2):
        done = text(facilitator.client.post(page, {**words, "about": member.user.pk}))
    [concern] = Concern.objects.all()
    assert (concern.about, concern.opened_by) == (member.user, facilitator.user)
    assert coordinator.user.display_name in done
    assert not Debrief.objects.exists()


def test_the_page_to_prepare_lists_what_is_still_to_do(group, held, facilitator, coordinator):
    coming = factories.support_session(group)
    follow_up = factories.follow_up(held, what="Print the ground rules")
    factories.follow_up(held, what="Ring the library", done_at=timezone.now())
    page = text(facilitator.client.get(reverse("sessions:prepare", args=[coming.pk])))
    assert reverse("sessions:follow_up", args=[follow_up.pk]) in page
    assert "Print the ground rules" in page
    assert "Ring the library" not in page
    # Coordinators prepare too, and follow-ups are not theirs to read.
    page = text(coordinator.client.get(reverse("sessions:prepare", args=[coming.pk])))
    assert "Print the ground rules" not in page
