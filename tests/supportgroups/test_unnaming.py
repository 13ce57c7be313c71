"""What is long over loses its name, and figures stay what they were."""

import re
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts import consents
from accounts.models import User
from groups.models import Membership
from groups.rules import memberships_over
from outcomes.counting_actions import recount_by_the_clock
from outcomes.models import Disclosure, Response
from screening.models import Application, Decision
from supportgroups import retention
from supportgroups.unnaming import unname
from tests import factories
from tests.outcomes.report_world import AFTER, make_world

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(days=3 * 365)


def ended(group, *, person=None, ended_at=LONG_AGO, **fields):
    return factories.membership(
        group=group,
        user=person or factories.user(),
        status="withdrawn",
        applied_at=ended_at,
        accepted_at=ended_at,
        ended_at=ended_at,
        **fields,
    )


def figures(coordinator, organisation):
    """The words of every page of figures, with what changes from one look to the next left out."""
    recount_by_the_clock(by=None)
    pages = []
    for name in ("overview", "outcomes", "retention", "engagement"):
        page = coordinator.client.get(reverse(f"outcomes:{name}", args=[organisation.slug]))
        assert page.status_code == 200
        content = page.content.decode()
        main = content[content.index("<main") : content.index("</main>")]
        pages.append(re.sub(r'value="[A-Za-z0-9]{64}"|nonce="[^"]*"', "", main))
    return pages


def test_figures_stay_what_they_were(coordinator, organisation):
    make_world(organisation, sizes=(16, 14))
    Membership.objects.filter(group__organisation=organisation).update(
        status="withdrawn", ended_at=AFTER
    )
    no = Membership.objects.filter(group__organisation=organisation).first().user
    consents.withdraw(
        user=no, purpose=consents.COUNT_MY_ANSWERS.code, by=no, organisation=organisation
    )
    people = set(User.objects.filter(memberships__group__organisation=organisation))
    before = figures(coordinator, organisation)

    assert unname(memberships_over(timezone.now())) == 30

    after = set(User.objects.filter(memberships__group__organisation=organisation))
    assert len(after) == len(people) == 30
    assert not after & people
    assert figures(coordinator, organisation) == before
    assert "%" in before[1]


def test_what_tells_who_it_was_goes(group, organisation):
    person = factories.user(display_name="Robin")
    membership = ended(group, person=person, end_reason="Moved to Leeds.", ended_by=person)
    factories.signature(membership, signed_name="Robin Marsh")
    application = factories.application(
        group, user=person, membership=membership, status="accepted", submitted_at=LONG_AGO
    )
    Decision.objects.create(application=application, outcome="accept", reason="Robin is kind.")
    given = factories.response(
        factories.invitation(factories.survey_plan(group), membership),
        answers={"q1": 3},
        submitted_at=LONG_AGO,
        score=12,
    )
    disclosure = factories.signed_disclosure(user=person)
    disclosure.responses.add(given)

    retention.purge()

    membership.refresh_from_db()
    nobody = membership.user
    assert (nobody.is_active, nobody.has_usable_password()) == (False, False)
    assert "Robin" not in nobody.email + nobody.display_name
    assert (membership.end_reason, membership.ended_by) == ("", None)
    assert not membership.signatures.exists()
    assert Application.objects.get().user == nobody
    assert Decision.objects.get().reason == ""
    kept = Response.objects.get()
    assert (kept.answers, kept.score, kept.submitted_at) == ({}, 12, LONG_AGO)
    assert not Disclosure.objects.get().responses.exists()
    assert User.objects.filter(pk=person.pk).exists()
    assert not person.memberships.exists()


def test_who_has_anything_to_do_with_the_organisation_keeps_their_name(group, organisation):
    lately = timezone.now() - timedelta(days=700)
    stays, comes_back = factories.user(), factories.user()
    ended(group, person=stays)
    ended(factories.group(organisation=organisation), person=stays, ended_at=lately)
    ended(group, person=comes_back)
    factories.member(factories.group(organisation=organisation), user=comes_back)
    elsewhere = ended(factories.group(organisation=factories.organisation()), person=stays)

    retention.purge()

    named = Membership.objects.filter(user__in=[stays, comes_back])
    assert named.count() == 4
    assert not named.filter(pk=elsewhere.pk).exists()


def test_one_account_of_nobody_for_each_person_and_organisation(group, organisation, monkeypatch):
    monkeypatch.setattr(retention, "LABOUR", 1)
    person = factories.user()
    here = [ended(group, person=person), ended(group, person=person)]
    there = ended(factories.group(organisation=factories.organisation()), person=person)
    shown = {each.what: each.rows for each in retention.what_is_due()}

    done = {each.keep.label: each.rows for each in retention.purge()}

    assert shown["groups.Membership"] == done["groups.Membership"] == 3
    nobodies = [Membership.objects.get(pk=each.pk).user_id for each in (*here, there)]
    assert nobodies[0] == nobodies[1] != nobodies[2]
    retention.purge(at=timezone.now() + timedelta(days=3000))
    assert Membership.objects.filter(user__in=nobodies).count() == 3, "never again"


def test_staff_see_nobody_among_those_who_left(group, coordinator):
    membership = ended(group)
    address = reverse("groups:member_list", args=[group.slug])
    assert (
        membership.user.display_name
        in coordinator.client.get(address, {"show": "left"}).content.decode()
    )

    retention.purge()

    assert (
        "Somebody who left"
        not in coordinator.client.get(address, {"show": "left"}).content.decode()
    )


def test_scores_never_change_even_then(group):
    given = factories.response(
        factories.invitation(factories.survey_plan(group), ended(group)),
        submitted_at=LONG_AGO,
        score=12,
    )
    refused = pytest.raises(IntegrityError, match="never changes")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('supportgroups.unnaming', 'on', true)")
        Response.objects.filter(pk=given.pk).update(score=3)


def test_only_what_has_ended_loses_its_name(group):
    member = factories.member(group)
    refused = pytest.raises(IntegrityError, match="groups_membership_unnamed_when_ended")
    with refused, transaction.atomic():
        Membership.objects.filter(pk=member.pk).update(unnamed_at=timezone.now())
