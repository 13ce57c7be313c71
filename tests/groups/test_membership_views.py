"""Belonging to a group, through a browser's eyes."""

import html
import re
from datetime import timedelta
from urllib.parse import quote, unquote

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from groups import actions, rules
from groups.models import Appeal, Membership, Notice
from tests import factories
from tests.cast import signed_in

Status = Membership.Status


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def address(name: str, group) -> str:
    return reverse(f"groups:{name}", args=[group.slug])


@pytest.fixture
def full(group):
    """The cast's group with every place taken."""
    group.capacity = group.minimum = 2
    group.save()
    while rules.seats_left(group):
        factories.member(group)
    return group


# Agreement ---------------------------------------------------------------------------------------


@pytest.fixture
def accepted(group, outsider):
    """Somebody who has a place and still has to sign."""
    factories.membership(group=group, user=outsider.user, status="accepted")
    return outsider


def sign(person, group, **changes):
    data = {"version": group.current_agreement().version, "agrees": "on", "signed_name": "Outsider"}
    return person.client.post(address("agreement", group), {**data, **changes}, follow=True)


def test_agreement_signed_makes_a_member(accepted, group):
    page = text(accepted.client.get(address("agreement", group)))
    assert "What is said here stays here" in page

    page = text(sign(accepted, group))

    assert "Thank you for signing" in page
    assert "You are a member" in page
    membership = accepted.user.memberships.get()
    assert membership.status == Membership.Status.ACTIVE
    assert membership.signatures.get().signed_name == "Outsider"
    assert "You signed this as <b>Outsider</b>" in text(
        accepted.client.get(address("agreement", group))
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"agrees": ""}, "agrees", "Tick the box to agree"),
        ({"signed_name": ""}, "signed_name", "Type your display name to sign."),
        ({"signed_name": "Somebody"}, "signed_name", "Type the name that others see: Outsider"),
    ],
)
def test_agreement_says_what_is_missing_and_keeps_the_rest(
    accepted, group, changes, field, message
):
    page = text(sign(accepted, group, **changes))

    assert "<title>Error:" in page
    assert f'href="#id_{field}">{message}' in page
    assert page.count(message) == 2
    if field != "signed_name":
        assert 'value="Outsider"' in page
    assert accepted.user.memberships.get().status == Membership.Status.ACCEPTED


def test_agreement_forgives_case_and_spaces_in_the_name(accepted, group):
    assert "You are a member" in text(sign(accepted, group, signed_name="  outsider "))


def test_agreement_replaced_while_reading_must_be_read_again(accepted, group):
    factories.agreement(group, text="New clause. Please read.")

    page = text(sign(accepted, group, version=1))

    assert "updated while you were reading" in page
    assert "New clause" in page
    assert 'name="version" value="2"' in page
    assert not accepted.user.memberships.get().signatures.exists()


def test_agreement_again_after_a_new_version(member, group):
    factories.agreement(group, text="New clause. Please read.")

    page = text(member.client.get(address("agreement", group)))
    assert "<h1>The agreement has changed</h1>" in page
    assert "You signed version 1" in page
    assert "Read the version you signed before" in page

    assert "You are a member" in text(sign(member, group, signed_name="Member"))
    assert member.user.memberships.in_good_standing().exists()


@pytest.mark.parametrize("who", ["outsider", "applicant", "facilitator", "coordinator"])
def test_agreement_is_for_people_with_a_place(cast, group, who):
    response = cast[who].client.get(address("agreement", group))

    assert response.status_code == 403
    assert "once you have a place" in response.content.decode()
    assert address("group_detail", group) in response.content.decode()


def test_agreement_asks_visitors_to_sign_in(client, group):
    assert client.get(address("agreement", group))["Location"] == (
        f"{reverse('account_login')}?next={quote(address('agreement', group))}"
    )


# Leaving -----------------------------------------------------------------------------------------


def test_leave_takes_two_clicks_and_no_reason(member, group):
    assert "Leave the group" in text(member.client.get(address("group_detail", group)))
    assert f"Leave {group.name}?" in text(member.client.get(address("leave", group)))

    page = text(member.client.post(address("leave", group), {}, follow=True))

    assert f"You have left {group.name}" in page
    membership = member.user.memberships.get()
    assert (membership.status, membership.end_reason) == (Membership.Status.WITHDRAWN, "")


def test_leave_keeps_a_reason_and_says_when_it_is_too_long(member, group):
    page = text(member.client.post(address("leave", group), {"reason": "x" * 301}))
    assert "Use up to 300 characters." in page
    assert "x" * 301 in page

    member.client.post(address("leave", group), {"reason": "Moving away"})
    assert member.user.memberships.get().end_reason == "Moving away"


@pytest.mark.parametrize(
    ("status", "words"),
    [("waitlisted", "Leave the waiting list?"), ("accepted", "Give your place back?")],
)
def test_leave_before_being_a_member(outsider, group, status, words):
    factories.membership(group=group, user=outsider.user, status=status)

    assert words in text(outsider.client.get(address("leave", group)))
    outsider.client.post(address("leave", group))
    assert outsider.user.memberships.get().status == Membership.Status.WITHDRAWN


def test_leave_sends_applicants_to_their_request(applicant, group):
    response = applicant.client.get(address("leave", group))

    assert response["Location"] == reverse(
        "screening:application_detail", args=[applicant.user.applications.get().pk]
    )


def test_leave_is_for_those_who_belong(outsider, group):
    response = outsider.client.post(address("leave", group))

    assert response.status_code == 403
    assert "nothing to leave" in response.content.decode()


def test_leave_shows_the_way_back_and_come_back_uses_it(member, group):
    page = text(member.client.post(address("leave", group), follow=True))
    assert "You can come back" in page
    assert "Download the agreement you signed" in page

    page = text(member.client.post(address("come_back", group), follow=True))

    assert "Welcome back. Please sign the agreement once more." in page
    assert list(
        member.user.memberships.order_by("applied_at").values_list("status", flat=True)
    ) == [
        "withdrawn",
        "accepted",
    ]
    # Once back, the page of the farewell leads on.
    assert "You have a place" in text(member.client.get(address("left", group), follow=True))


def test_come_back_without_a_place_leads_to_the_list(member, group):
    group.capacity = group.minimum = 2
    group.save()
    factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")
    member.client.post(address("leave", group))
    waiting.refresh_from_db()
    assert waiting.status == Status.OFFERED

    page = text(member.client.post(address("come_back", group), follow=True))

    assert "No place is free now, so you are on the list." in page
    assert "You are next in line" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ended_at": timezone.now() - timedelta(days=15)}, "You can ask to join again."),
        ({"accepted_at": None}, "You can ask to join again."),
        ({"status": "removed"}, "You can ask to join again."),
    ],
)
def test_come_back_is_for_those_who_left_lately(outsider, group, fields, words):
    fields = {"status": "withdrawn", "accepted_at": timezone.now(), **fields}
    factories.membership(group=group, user=outsider.user, **fields)

    assert words in text(outsider.client.post(address("come_back", group)), 403)
    assert outsider.user.memberships.count() == 1


def test_left_after_the_way_back_has_closed(outsider, group):
    ended_at = timezone.now() - timedelta(days=15)
    factories.membership(group=group, user=outsider.user, status="withdrawn", ended_at=ended_at)

    page = text(outsider.client.get(address("left", group)))

    assert "You can come back" not in page
    assert "You can ask to join again at any time." in page


# What changed, and one's own copy ----------------------------------------------------------------


def test_agreement_marks_what_changed_without_colour_alone(member, group, coordinator):
    old = "No recordings. I do not record anything.\nNames. I use the names people chose."
    group.agreements.update(text=old)
    actions.publish_agreement(
        group=group,
        text="No recordings. I never record anything.\nPhones away. I leave my phone aside.",
        what_changed="Phones stay away now.",
        by=coordinator.user,
    )

    page = text(member.client.get(address("agreement", group)))

    assert "Phones stay away now." in page
    assert '<del><span class="vh">[no longer: </span>do not<span class="vh">]</span></del>' in page
    assert '<ins><span class="vh">[new: </span>never<span class="vh">]</span></ins>' in page
    for words in ("Changed", "New", "No longer part of it"):
        assert re.search(rf"(</svg>|<b>){words}</b>", page)
    assert "Until you sign, you cannot enter sessions. You keep your place." in page
    assert Notice.objects.get(user=member.user).kind == Notice.Kind.AGREEMENT


def test_agreement_of_a_returner_compares_with_what_they_signed_before(member, group):
    actions.withdraw(membership=member.user.memberships.get(), by=member.user)
    factories.agreement(group, text="New clause. Please read.")
    actions.come_back(group=group, by=member.user)

    assert "You signed version 1" in text(member.client.get(address("agreement", group)))


def test_agreement_copy_is_ones_own_and_whole(member, group, outsider, facilitator):
    response = member.client.get(address("agreement_copy", group))

    page = text(response)
    assert response["Content-Disposition"] == (
        'attachment; filename="signed-agreement-version-1.html"'
    )
    for words in (
        group.name,
        "Version 1",
        "Nobody repeats it elsewhere.",
        "<strong>Member</strong>",
    ):
        assert words in page
    assert "<link" not in page
    assert "<script" not in page
    for person in (outsider, facilitator):
        assert person.client.get(address("agreement_copy", group)).status_code == 404


def test_agreement_copy_of_an_earlier_version(member, group):
    factories.agreement(group, text="New clause. Please read.")
    factories.signature(member.user.memberships.get())

    assert "New clause" in text(member.client.get(address("agreement_copy", group)))
    earlier = member.client.get(address("agreement_copy", group), {"version": 1})
    assert "New clause" not in text(earlier)
    assert member.client.get(address("agreement_copy", group), {"version": 9}).status_code == 404
    # More digits than a number can have: the newest.
    many = member.client.get(address("agreement_copy", group), {"version": "9" * 5000})
    assert "New clause" in text(many)
    assert "Versions you signed before" in text(member.client.get(address("agreement", group)))


# Offers ------------------------------------------------------------------------------------------


@pytest.fixture
def offered(group, outsider):
    return factories.membership(group=group, user=outsider.user, status="offered")


def test_offer_taken_leads_to_the_agreement(offered, outsider, group):
    page = text(outsider.client.get(address("offer", group)))
    assert "A place is free for you" in page
    assert "London time" in page

    page = text(outsider.client.post(address("offer", group), {"answer": "take"}, follow=True))

    assert "The place is yours. One step is left." in page
    assert "Read and sign the agreement" in page
    assert "You have a place" in text(outsider.client.get(address("offer", group)))


def test_offer_not_now_goes_to_the_end_of_the_list(full, outsider):
    first = factories.membership(group=full, user=outsider.user, status="waitlisted")
    second = factories.membership(group=full, status="waitlisted", waitlisted_at=timezone.now())
    leaver = full.memberships.active().first()
    actions.withdraw(membership=leaver, by=leaver.user)
    assert rules.offer_holds(Membership.objects.get(pk=first.pk))

    page = text(outsider.client.post(address("offer", full), {"answer": "not_now"}, follow=True))

    assert "You are next in line" in page
    second.refresh_from_db()
    assert second.status == Status.OFFERED


def test_offer_that_ran_out_is_refused_kindly_with_the_state(offered, outsider, group):
    Membership.objects.update(offer_expires_at=timezone.now() - timedelta(minutes=1))

    page = text(outsider.client.post(address("offer", group), {"answer": "take"}), 409)

    assert "This offer has run out" in page
    assert "This is how things stand now." in page
    offered.refresh_from_db()
    assert offered.status == Status.OFFERED


@pytest.mark.parametrize("answer", ["", "leave", "accept"])
def test_offer_with_a_strange_answer_changes_nothing(offered, outsider, group, answer):
    text(outsider.client.post(address("offer", group), {"answer": answer}))

    offered.refresh_from_db()
    assert offered.status == Status.OFFERED


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "waitlisted"}, "You are second in line"),
        ({"status": "waitlisted", "offers_missed": 1}, "The last offer ran out before"),
        ({"status": "applied"}, "Somebody reads your answers first"),
        ({"status": "active"}, "Read and sign the agreement"),
        ({"status": "withdrawn", "waitlisted_at": timezone.now()}, "Two offers ran out"),
        ({"status": "removed"}, "See what was written to you"),
        ({"status": "referred"}, "You can ask to join again at any time."),
    ],
)
def test_offer_says_how_things_stand(group, outsider, fields, words):
    long_ago = timezone.now() - timedelta(days=200)
    factories.membership(group=group, status="waitlisted", waitlisted_at=long_ago)
    factories.membership(group=group, user=outsider.user, **fields)

    assert words in text(outsider.client.get(address("offer", group)))


def test_offer_says_that_nothing_is_offered_during_a_break(group, outsider):
    factories.membership(group=group, user=outsider.user, status="waitlisted")
    group.lifecycle = "paused"
    group.save()

    assert "This group takes a break" in text(outsider.client.get(address("offer", group)))


def test_offer_names_the_wait_of_those_before(group, outsider):
    now = timezone.now()
    for days in (4, 6, 8):
        factories.membership(
            group=group, status="active", waitlisted_at=now - timedelta(days=days), accepted_at=now
        )
    factories.membership(group=group, user=outsider.user, status="waitlisted")

    page = text(outsider.client.get(address("offer", group)))

    assert "Lately people waited about 6 days" in page


def test_offer_stands_on_the_home(offered, outsider):
    page = text(outsider.client.get(reverse("outcomes:participant_home")))

    assert "A place is free in" in page
    assert address("offer", offered.group) in page


def test_offer_of_a_group_one_never_asked_for_is_404(group, outsider):
    assert outsider.client.get(address("offer", group)).status_code == 404


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("offered", "offer"),
        ("expired", "offer"),
        ("removed", "removal"),
        ("decided", "removal"),
        ("agreement", "agreement"),
        ("paused", "group_detail"),
    ],
)
def test_notice_leads_to_where_the_news_stands(group, member, outsider, kind, page):
    notice = factories.notice(group, member.user, kind=kind)
    link = reverse("groups:notice", args=[notice.pk])

    assert member.client.get(link)["Location"] == address(page, group)
    assert outsider.client.get(link).status_code == 404


@pytest.mark.parametrize("status", ["waitlisted", "offered"])
def test_notice_that_a_group_closed_leads_who_waited_to_words(group, coordinator, status):
    waits = signed_in(factories.user())
    factories.membership(group=group, user=waits.user, status=status)
    actions.close_group(group=group, message="Thank you all.", by=coordinator.user)
    notice = waits.user.notices.get()

    response = waits.client.get(reverse("groups:notice", args=[notice.pk]), follow=True)

    shown = response.content.decode()
    assert response.status_code == 200
    assert "has closed" in shown
    assert "Thank you all." in shown
    assert "You have left" not in shown
    # The page of the list leads there too.
    assert waits.client.get(address("offer", group)).status_code == 302


def test_notice_that_a_group_closed_leads_members_to_the_group(group, coordinator, member):
    actions.close_group(group=group, message="Thank you all.", by=coordinator.user)
    notice = factories.notice(group, member.user, kind="closed")

    response = member.client.get(reverse("groups:notice", args=[notice.pk]))

    assert response["Location"] == reverse("groups:group_detail", args=[group.slug])


def test_notice_of_an_appeal_leads_to_the_list(group, coordinator):
    notice = factories.notice(group, coordinator.user, kind="appealed")

    response = coordinator.client.get(reverse("groups:notice", args=[notice.pk]))

    assert response["Location"] == reverse("groups:appeal_list")


# Staff: who belongs ------------------------------------------------------------------------------


def test_member_list_shows_names_states_and_signatures(group, member, facilitator):
    unsigned = factories.membership(group=group, status="accepted")
    factories.agreement(group, text="New clause. Please read.")
    signed_again = factories.member(group)

    page = text(facilitator.client.get(address("member_list", group)))

    for person in (member.user, unsigned.user, signed_again.user):
        assert person.display_name in page
        assert person.email not in page
    assert "Signed version 1 of the agreement, now version 2" in page
    assert "Has not signed the agreement yet" in page
    assert page.count("May come to sessions") == 1


def test_member_list_of_those_who_wait_is_in_order(group, facilitator):
    now = timezone.now()
    later = factories.membership(group=group, status="waitlisted", waitlisted_at=now)
    sooner = factories.membership(group=group, status="waitlisted")
    offered = factories.membership(group=group, status="offered")

    page = text(facilitator.client.get(address("member_list", group), {"show": "waiting"}))

    order = [page.index(m.user.display_name) for m in (offered, sooner, later)]
    assert order == sorted(order)
    assert "kept until" in page
    assert page.index(">First<") < page.index(">Second<")


def test_member_list_of_those_who_left_gives_their_reason(group, facilitator, applicant):
    membership = factories.member(group)
    actions.withdraw(membership=membership, by=membership.user, reason="Moved away.")
    factories.appeal(group, removed_by=facilitator.user)
    asked_only = factories.membership(group=group, status="withdrawn")

    page = text(facilitator.client.get(address("member_list", group), {"show": "left"}))

    assert "Moved away." in page
    assert "Asks for a second look" in page
    assert "removed by Facilitator" in page
    assert asked_only.user.display_name not in page


@pytest.mark.parametrize("show", ["members", "waiting", "left"])
def test_member_list_may_be_empty(group, coordinator, show):
    page = text(coordinator.client.get(address("member_list", group), {"show": show}))

    assert "empty" in page


def test_member_list_is_in_pages_and_asks_few_questions(
    group, facilitator, django_assert_max_num_queries
):
    group.capacity = 60
    group.save()
    for _ in range(25):
        factories.member(group)

    with django_assert_max_num_queries(20):
        page = text(facilitator.client.get(address("member_list", group)))

    assert "Page 1 of 2" in page
    assert page.count("May come to sessions") == 20


# Removal and appeal ------------------------------------------------------------------------------


def test_member_remove_says_what_happens_and_wants_a_reason(group, member, facilitator):
    link = reverse("groups:member_remove", args=[member.user.memberships.get().pk])
    page = text(facilitator.client.get(link))
    assert "Remove Member from Evening circle?" in page
    assert "Nobody else could look at it again" not in page

    page = text(facilitator.client.post(link, {"reason": " "}))
    assert "Write why." in page
    assert member.user.memberships.get().status == Status.ACTIVE

    page = text(facilitator.client.post(link, {"reason": "After two talks."}, follow=True))
    assert "Member no longer belongs to the group." in page
    membership = member.user.memberships.get()
    assert (membership.status, membership.end_reason) == (Status.REMOVED, "After two talks.")
    assert Notice.objects.get(user=member.user).kind == Notice.Kind.REMOVED


def test_member_remove_warns_when_nobody_else_could_look_again(group, member, coordinator):
    group.overseer = coordinator.user
    group.save()
    link = reverse("groups:member_remove", args=[member.user.memberships.get().pk])

    assert "Nobody else could look at it again" in text(coordinator.client.get(link))


def test_member_remove_of_somebody_who_left_is_refused(group, member, facilitator):
    membership = member.user.memberships.get()
    actions.withdraw(membership=membership, by=member.user)

    link = reverse("groups:member_remove", args=[membership.pk])
    assert "decided already" in text(facilitator.client.get(link), 403)


@pytest.fixture
def removed(group, member, facilitator, coordinator):
    """The member, after the facilitator has removed them."""
    actions.remove(
        membership=member.user.memberships.get(), by=facilitator.user, reason="After two talks."
    )
    return member


def test_removal_from_reason_to_result(group, removed, facilitator, coordinator):
    page = text(removed.client.get(address("removal", group)))
    assert "After two talks." in page
    assert "You hear within 7 days." in page

    page = text(
        removed.client.post(address("removal", group), {"words": "It was not me."}, follow=True)
    )
    assert "Your request for a second look has arrived." in page
    assert "Ask for a second look</button>" not in page

    appeal = Appeal.objects.get()
    link = reverse("groups:appeal_detail", args=[appeal.pk])
    assert facilitator.client.get(link).status_code == 404
    assert "Member, Evening circle" in text(coordinator.client.get(reverse("groups:appeal_list")))
    page = text(coordinator.client.get(link))
    for words in ("It was not me.", "After two talks.", "by Facilitator"):
        assert words in page

    page = text(coordinator.client.post(link, {"outcome": "overturned"}))
    assert "Write a few words about how you came to this." in page
    data = {"outcome": "overturned", "message": "We were wrong."}
    page = text(coordinator.client.post(link, data, follow=True))
    assert "It is decided, and the person is told." in page

    page = text(removed.client.get(address("removal", group)))
    assert "We were wrong." in page
    assert "Sign the agreement and come back" in page


@pytest.mark.parametrize(
    ("now", "to_decider", "to_person"),
    [
        ("closed", "so there is no place to come back to", "no place to come back to"),
        ("leads", "They lead this group by now", "You lead this group by now"),
    ],
)
def test_removal_overturned_without_a_place_says_so(
    group, removed, coordinator, now, to_decider, to_person
):
    removed.client.post(address("removal", group), {"words": ""})
    link = reverse("groups:appeal_detail", args=[Appeal.objects.get().pk])
    if now == "leads":
        factories.facilitator(group, user=removed.user)
    else:
        group.lifecycle = "closed"
        group.save()
    page = text(coordinator.client.get(link))
    assert to_decider in page
    assert "They get a free place at once" not in page

    coordinator.client.post(link, {"outcome": "overturned", "message": "We were wrong."})

    assert to_decider in text(coordinator.client.get(link))
    assert to_person in text(removed.client.get(address("removal", group)))


def test_removal_that_stands_leaves_the_way_of_asking_again(group, removed, coordinator):
    removed.client.post(address("removal", group), {"words": ""})
    link = reverse("groups:appeal_detail", args=[Appeal.objects.get().pk])
    coordinator.client.post(link, {"outcome": "upheld", "message": "We have looked at it."})

    page = text(removed.client.get(address("removal", group)))

    assert "The removal stands" in page
    assert "ask to join again" in page
    assert "The removal stands" in text(coordinator.client.get(link))


def test_removal_can_be_appealed_once_and_for_30_days(group, removed):
    removed.client.post(address("removal", group), {"words": "Please."})
    assert "asked for a second look" in text(removed.client.post(address("removal", group)), 403)

    Appeal.objects.all().delete()
    ended_at = timezone.now() - timedelta(days=31)
    removed.user.memberships.update(ended_at=ended_at)
    page = text(removed.client.get(address("removal", group)))
    assert "The 30 days in which you could ask for a second look have passed." in page
    assert "within 30 days" in text(removed.client.post(address("removal", group)), 403)


def test_removal_is_readable_while_the_group_is_paused(group, removed):
    group.lifecycle = "paused"
    group.save()

    assert "After two talks." in text(removed.client.get(address("removal", group)))


def test_removal_is_404_for_whom_nobody_removed(group, member, outsider):
    for person in (member, outsider):
        assert person.client.get(address("removal", group)).status_code == 404


def test_appeal_detail_tells_the_second_decider(group, removed, coordinator):
    appeal = actions.appeal(
        membership=removed.user.memberships.get(), words="Please.", by=removed.user
    )
    other = factories.staff_role(organisation=group.organisation).user
    link = reverse("groups:appeal_detail", args=[appeal.pk])
    actions.decide_appeal(appeal=appeal, outcome="upheld", message="It stands.", by=other)

    data = {"outcome": "overturned", "message": "Come back."}
    page = text(coordinator.client.post(link, data), 409)

    assert "Somebody has decided this already." in page
    assert "It stands." in page


def test_appeal_list_without_any(coordinator, outsider):
    page = text(coordinator.client.get(reverse("groups:appeal_list")))
    assert "Nothing to decide" in page

    assert outsider.client.get(reverse("groups:appeal_list")).status_code == 403


# Somebody close ----------------------------------------------------------------------------------


@pytest.fixture
def welcoming(group):
    group.allows_companions = True
    group.save()
    return group


def link_on(page: str) -> str:
    return html.unescape(re.search(r'id="link"[^>]*value="([^"]+)"', page)[1])


def test_companion_gets_a_link_that_leads_to_the_questions(welcoming, member, client):
    page = text(member.client.get(address("companion", welcoming)))
    assert "Bring somebody close" in page
    page = text(member.client.post(address("companion", welcoming), {}))
    assert "Choose who it is." in page

    page = text(
        member.client.post(address("companion", welcoming), {"relation": "partner"}, follow=True)
    )
    link = link_on(page)
    assert link.startswith(settings.SITE_URL)
    mailto = unquote(re.search(r'href="(mailto:[^"]+)"', page)[1])
    assert link in mailto
    assert welcoming.name not in mailto

    link = link.removeprefix(settings.SITE_URL)
    page = text(client.get(link))
    assert "Member invites you to come along" in page
    assert "companion_invitation" not in client.session
    response = client.post(link)
    assert response["Location"] == reverse("screening:join", args=[welcoming.slug])
    assert client.session["companion_invitation"] == str(
        member.user.memberships.get().companion_invitations.get().pk
    )


def test_companion_withdraw_ends_the_link(welcoming, member, client):
    invitation = factories.companion_invitation(member.user.memberships.get())
    link = reverse("groups:companion_welcome", args=[rules.companion_token(invitation)])

    page = text(member.client.post(address("companion_withdraw", welcoming), follow=True))

    assert "Its link no longer works." in page
    assert "Make the link" in page
    assert "This invitation has ended." in text(client.get(link), 403)


def test_companion_welcome_tells_nothing_once_the_group_is_for_members_alone(
    welcoming, member, client
):
    token = rules.companion_token(factories.companion_invitation(member.user.memberships.get()))
    link = reverse("groups:companion_welcome", args=[token])
    assert welcoming.name in text(client.get(link))
    welcoming.allows_companions = False
    welcoming.save()

    page = text(client.get(link), 403)

    assert "This invitation has ended." in page
    assert welcoming.name not in page
    assert "Member invites you" not in page
    assert client.post(link).status_code == 403
    assert "companion_invitation" not in client.session


def test_companion_welcome_is_not_for_oneself_nor_for_made_up_links(welcoming, member, client):
    token = rules.companion_token(factories.companion_invitation(member.user.memberships.get()))
    link = reverse("groups:companion_welcome", args=[token])

    assert "This is your own invitation." in text(member.client.post(link), 403)
    assert "companion_invitation" not in member.client.session
    for made_up in (token[:-1] + ("A" if token[-1] != "A" else "B"), "abc", token.split(":")[0]):
        assert client.get(reverse("groups:companion_welcome", args=[made_up])).status_code == 404


def test_companion_shows_who_came(welcoming, member):
    factories.membership(
        group=welcoming,
        user=factories.user(display_name="Ash"),
        status="applied",
        companion_of=member.user.memberships.get(),
    )

    page = text(member.client.get(address("companion", welcoming)))

    assert "Ash came with you" in page
    assert "They have asked to join." in page


def test_companion_is_not_offered_where_the_group_is_for_members_alone(group, member):
    assert "This group is for its members alone." in text(
        member.client.get(address("companion", group)), 403
    )


def test_appeals_stand_on_the_home_of_who_decides(group, removed, coordinator, facilitator):
    actions.appeal(membership=removed.user.memberships.get(), words="", by=removed.user)

    home = reverse("outcomes:participant_home")
    assert "1 person asks for it" in text(coordinator.client.get(home))
    assert "second look" not in text(facilitator.client.get(home))
