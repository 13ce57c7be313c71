"""Any order of asking, accepting, answering, leaving and waiting keeps what the list promises."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from groups import actions, rules
from groups.models import Membership, Notice
from supportgroups.lib.refusals import Refused
from tests import factories

Status = Membership.Status
PEOPLE = 7


class Circle(RuleBasedStateMachine):
    """One group, seven people, and a clock that the machine turns."""

    def __init__(self):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self):
        """What one example did is undone for the next."""
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize(capacity=st.integers(2, 3))
    def begin(self, capacity):
        self.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.group = factories.group(capacity=capacity, minimum=2)
        self.staff = factories.facilitator(self.group).user
        self.people = [factories.user() for _ in range(PEOPLE)]

    # What people do ------------------------------------------------------------------------------

    def _tick(self, minutes=1):
        self.now += timedelta(minutes=minutes)
        return self.now

    def _of(self, *statuses):
        return list(
            self.group.memberships.filter(status__in=statuses)
            .select_related("user", "group")
            .order_by("pk")
        )

    def _some(self, data, *statuses):
        found = self._of(*statuses)
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def ask_and_be_accepted(self, data):
        person = data.draw(st.sampled_from(self.people))
        try:
            membership = actions.apply(group=self.group, by=person, at=self._tick())
        except Refused:
            return
        waiting = {m.pk for m in rules.next_in_line(self.group, at=self.now)}
        accepted = actions.accept(membership=membership, by=self.staff, at=self._tick())
        if accepted.status == Status.ACCEPTED:
            assert not waiting, "somebody new passed over people who wait"

    @rule(data=st.data())
    def sign(self, data):
        if membership := self._some(data, Status.ACCEPTED):
            actions.sign_agreement(
                membership=membership,
                agreement=self.group.current_agreement(),
                signed_name="Name",
                by=membership.user,
                at=self._tick(),
            )

    @rule(data=st.data())
    def leave(self, data):
        if membership := self._some(data, *Membership.OPEN):
            actions.withdraw(membership=membership, by=membership.user, at=self._tick())

    @rule(data=st.data())
    def come_back(self, data):
        person = data.draw(st.sampled_from(self.people))
        try:
            actions.come_back(group=self.group, by=person, at=self._tick())
        except Refused:
            return

    @rule(data=st.data())
    def be_removed(self, data):
        if membership := self._some(data, Status.ACCEPTED, Status.ACTIVE):
            actions.remove(membership=membership, by=self.staff, reason="Why.", at=self._tick())

    @rule(data=st.data(), takes=st.booleans())
    def answer_an_offer(self, data, takes):
        membership = self._some(data, Status.OFFERED)
        if membership is None:
            return
        answer = actions.take_offer if takes else actions.decline_offer
        held = rules.offer_holds(membership, at=self._tick())
        if held:
            answer(membership=membership, by=membership.user, at=self.now)
        else:
            with pytest.raises(Refused, match="run out"):
                answer(membership=membership, by=membership.user, at=self.now)

    @rule(hours=st.sampled_from([1, 12, 25, 200]))
    def time_passes(self, hours):
        self._tick(60 * hours)
        actions.expire_offers(group=self.group, at=self.now)

    @precondition(lambda self: self.group.lifecycle == "listed")
    @rule()
    def pause(self):
        self._be("paused")

    @precondition(lambda self: self.group.lifecycle == "paused")
    @rule()
    def go_on(self):
        self._be("listed")
        actions.offer_places(group=self.group, at=self._tick())

    def _be(self, lifecycle):
        self.group.lifecycle = lifecycle
        self.group.save(update_fields=["lifecycle"])

    @rule()
    def grow(self):
        if self.group.capacity < 5:
            self.group.capacity += 1
            self.group.save(update_fields=["capacity"])
            actions.offer_places(group=self.group, at=self._tick())

    # What always holds ---------------------------------------------------------------------------

    @invariant()
    def never_more_seats_than_the_group_has(self):
        seated = self.group.memberships.filter(status__in=Membership.HOLDS_A_SEAT).count()
        assert seated <= self.group.capacity

    @invariant()
    def one_open_episode_each(self):
        people = list(self.group.memberships.open().values_list("user", flat=True))
        assert len(people) == len(set(people))

    @invariant()
    def nobody_waits_while_a_place_is_free(self):
        if rules.why_takes_nobody(self.group, at=self.now) is None:
            waits = rules.next_in_line(self.group, at=self.now).exists()
            held = not rules.expired_offers(at=self.now).filter(group=self.group).exists()
            # The end of "not now" is seen by the clock, which the machine turns in `time_passes`.
            since = self.group.memberships.filter(
                status=Status.WAITLISTED, waitlisted_at__lte=self.now - rules.NOT_NOW_HOLDS
            )
            assert not (waits and held and rules.seats_left(self.group) and not since.exists())

    @invariant()
    def offers_went_to_the_front(self):
        """Whoever is offered a place waited longer than everybody who may be asked."""
        for offered in self.group.memberships.filter(status=Status.OFFERED):
            for waiting in rules.next_in_line(self.group, at=offered.offered_at):
                was_there = waiting.waitlisted_at <= offered.offered_at
                assert not was_there or offered.waitlisted_at <= waiting.waitlisted_at

    @invariant()
    def nobody_missed_two_and_still_waits(self):
        missed = self.group.memberships.filter(
            status__in=[Status.WAITLISTED, Status.OFFERED],
            offers_missed__gte=rules.MOST_OFFERS_MISSED,
        )
        assert not missed.exists()

    @invariant()
    def every_offer_was_told(self):
        offered = self.group.memberships.filter(status=Status.OFFERED)
        told = Notice.objects.filter(group=self.group, kind=Notice.Kind.OFFERED)
        assert {m.user_id for m in offered} <= set(told.values_list("user", flat=True))


@pytest.mark.django_db
def test_the_promises_hold_in_any_order():
    run_state_machine_as_test(
        Circle,
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
