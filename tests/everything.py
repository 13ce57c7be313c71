"""Somebody who has done everything that a person can do here, with words of theirs everywhere.

For tests of what is left of a person. A table or a field that is new has no row or no words of
theirs, and the tests that use this fail until it has.
"""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailConfirmation
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from accounts.models import Consent, DataExport, User
from groups.models import SupportGroup
from outcomes.counting_actions import recount
from safeguarding.models import Alert, Away, Hold, StepTaken
from screening.models import Appointment, AppointmentTime, Note
from sessions.models import (
    Booking,
    CalendarFeed,
    Cover,
    Knock,
    LineMessage,
    MessageVersion,
    Reaction,
    Turn,
)
from tests import factories
from tests.cast import signed_in

#: Every word of theirs begins so. It stands in no word of ours.
SIGN = "zqx"
EMAIL = f"{SIGN}mail@example.org"
NAME = f"{SIGN.title()}name"
#: Tables of others that say nothing of people.
FOREIGN = {"contenttypes", "auth"}


def make() -> User:
    """The person, and some others around them."""
    person = factories.user(email=EMAIL, display_name=NAME)
    Authenticator.objects.create(user=person, type="totp", data={})
    EmailConfirmation.create(person.emailaddress_set.get())
    organisation = factories.organisation()
    factories.staff_role(user=person, organisation=organisation, on_call_position=1)
    other = factories.staff_role(organisation=organisation).user
    joined = _group(organisation, other)
    _as_member(person, joined, other)
    DataExport.objects.create(user=person, nonce=SIGN)
    signed_in(person)
    _as_staff(person, joined.organisation, other)
    recount(by=None)
    return person


def _group(organisation: Any, facilitator: User) -> SupportGroup:
    group = factories.group(organisation=organisation)
    factories.facilitator(group, user=facilitator)
    return group


def _as_member(person: User, group: SupportGroup, other: User) -> None:
    now, organisation = timezone.now(), group.organisation
    membership = factories.member(group, user=person)
    factories.companion_invitation(membership)
    factories.notice(group, person)
    removed = factories.membership(group=_group(organisation, other), user=person, status="removed")
    factories.appeal(removed.group, membership=removed, removed_by=other)
    application = factories.application(
        group, user=person, status="talk_first", membership=membership
    )
    application.decisions.create(outcome="talk_first", decided_by=other).suggested_groups.add(
        removed.group
    )
    appointment = Appointment.objects.create(application=application, how="", offered_by=other)
    AppointmentTime.objects.create(appointment=appointment, starts_at=now)
    Note.objects.create(application=application, body="", written_by=other)
    held = factories.support_session(group, status="ended")
    live = factories.support_session(group, status="live")
    factories.attendance(held, membership)
    factories.pulse(held, person)
    factories.reminder(live, person)
    factories.entry(live, person)
    Knock.objects.create(support_session=live, user=person)
    Turn.objects.create(support_session=live, user=person, kind="hand", position=1, asked_at=now)
    CalendarFeed.objects.create(user=person, nonce="")
    message = factories.message(live, person)
    MessageVersion.objects.create(message=message, body="", replaced_at=now)
    Reaction.objects.create(message=message, user=person, kind="me_too")
    factories.report(message, reporter=other)
    factories.hint(message)
    factories.intervention(live, kind="redirect", message=message, made_by=other)
    theirs = factories.message(live, other, reply_to=message)
    factories.report(theirs, reporter=person)
    plan = factories.survey_plan(group)
    invitation = factories.invitation(plan, membership, paper_code=SIGN)
    sent = factories.response(invitation, submitted_at=now, score=3, answers={"1": 3})
    factories.signed_disclosure(user=person).responses.add(sent)
    Consent.objects.create(
        user=person, purpose="share_answers_between_groups", version=1, given_at=now
    )
    concern = factories.concern(organisation=organisation, about=person, assigned_to=other)
    Hold.objects.create(
        concern=factories.concern(organisation=organisation),
        organisation=organisation,
        reason="-",
        until=now,
        placed_by=person,
    )
    Alert.objects.create(concern=concern, person=other, turn=0, next_try_at=now)
    StepTaken.objects.create(concern=concern, kind="other", note=SIGN, taken_by=other)
    factories.emergency_access(organisation=organisation, about=person, opened_by=other)


def _as_staff(person: User, organisation: Any, other: User) -> None:
    """What somebody does for others: those rows stay, and name nobody afterwards."""
    now = timezone.now()
    group = _group(organisation, other)
    factories.facilitator(group, user=person, is_lead=False)
    factories.group(organisation=organisation, lifecycle="draft", overseer=person)
    someone = factories.member(group)
    session = factories.support_session(group, status="ended")
    Booking.objects.create(
        support_session=session,
        facilitator=person,
        organisation=organisation,
        period=(session.starts_at, session.ends_at),
    )
    Cover.objects.create(support_session=session, facilitator=person)
    Cover.objects.create(support_session=session, facilitator=other, taken_by=person, taken_at=now)
    factories.attendance(
        session, someone, corrected_by=person, corrected_at=now, status_by_presence="no_show"
    )
    Knock.objects.create(
        support_session=session,
        user=someone.user,
        answered_by=person,
        answered_at=now,
        is_let_in=True,
    )
    factories.concern(
        organisation=organisation, closed_by=person, closed_at=now, closing_note="Talked."
    )
    factories.debrief(session, person)
    factories.debrief(factories.support_session(group), person, written_at=None)
    factories.follow_up(session, owner=person)
    factories.intervention(session, kind="lock", made_by=person)
    LineMessage.objects.create(
        support_session=session, sequence=1, client_id=uuid4(), sender=person, body="", sent_at=now
    )
    concern = factories.concern(organisation=organisation, assigned_to=person)
    Alert.objects.create(concern=concern, person=person, turn=0, next_try_at=now)
    StepTaken.objects.create(concern=concern, kind="reached", taken_by=person)
    Away.objects.create(organisation=organisation, person=person, until=now, noted_by=person)
    application = factories.application(group, user=someone.user)
    application.decisions.create(outcome="refer", decided_by=person)
    Appointment.objects.create(application=application, how="", offered_by=person)
    Note.objects.create(application=application, body="-", written_by=person)
    appealed = factories.appeal(group)
    type(appealed).objects.filter(pk=appealed.pk).update(decided_by=person)
    factories.emergency_access(organisation=organisation, about=other, opened_by=person)
    factories.resource(organisation=organisation, reviewed_by=person)
    factories.confirmed_lines(organisation, confirmed_by=person)
    factories.licence(organisation, recorded_by=person)
    factories.terms_acceptance(organisation, accepted_by=person)
    factories.programme(organisation=organisation, made_by=person)
    factories.funder_report(organisation=organisation, made_by=person)
    factories.analysis(organisation, asked_by=person)
    factories.import_run(feed=factories.feed(organisation=organisation), made_by=person)
    plan = factories.survey_plan(group)
    factories.response(
        factories.invitation(plan, someone),
        submitted_at=now,
        way="paper",
        answered_on=now.date(),
        entered_by=person,
    )
    factories.report(
        factories.message(session, other),
        reporter=other,
        handled_by=person,
        handled_at=now,
        outcome="acted",
    )
    factories.hint(
        factories.message(session, other), settled_by=person, settled_at=now, outcome="dismissed"
    )
    factories.intervention(
        session,
        kind="mute",
        about=someone.user,
        made_by=other,
        reviewed_by=person,
        reviewed_at=now,
        verdict="confirmed",
        review_note="-",
    )
    person.groups.add(Group.objects.create(name="Operators"))
    person.user_permissions.add(Permission.objects.order_by("pk").first())
    name_in_every_row(person)


def ways_to_a_person() -> Iterator[tuple[type[models.Model], models.ForeignKey]]:
    """Every field that names a person, in our tables and others'."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in FOREIGN or not model._meta.managed:
            continue
        for field in model._meta.concrete_fields:
            if field.is_relation and field.related_model is User:
                yield model, field


def name_in_every_row(person: User) -> None:
    """Where staff are named as who did something, it was this person too, if the row may say so."""
    for model, field in ways_to_a_person():
        if field.null and not model._default_manager.filter(**{field.name: person}).exists():
            for row in model._default_manager.all()[:9]:
                named = {field.name: person}
                if hasattr(model, when := field.name.removesuffix("by") + "at"):
                    named[when] = timezone.now()
                try:
                    with transaction.atomic():
                        model._default_manager.filter(pk=row.pk).update(**named)
                        break
                except IntegrityError:
                    continue


def rows_of(person: User) -> dict[type[models.Model], list[Any]]:
    """Every row that hangs on the person, by table: what goes when the database is asked to."""
    found = NestedObjects(using="default")
    found.collect([person])
    rows = {model: list(instances) for model, instances in found.data.items()}
    for queryset in found.fast_deletes:
        rows.setdefault(queryset.model, []).extend(queryset)
    return rows


def tables_of_a_person() -> set[type[models.Model]]:
    """Every table whose rows hang on a person, however far."""
    found: set[type[models.Model]] = {User}
    while True:
        more = {
            model
            for model in apps.get_models(include_auto_created=True)
            for field in model._meta.concrete_fields
            if model._meta.app_label not in FOREIGN
            and field.is_relation
            and field.related_model in found
            and field.remote_field.on_delete is models.CASCADE
        }
        if more <= found:
            return found
        found |= more


def fill_with_words(rows: dict[type[models.Model], list[Any]]) -> int:
    """Put words of theirs into every text of these rows, past what would refuse them. Returns how
    many fields have some."""
    numbers, fields = count(1), set()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model, instances in rows.items():
            for row in instances:
                for field in model._meta.concrete_fields:
                    words = _words(field, next(numbers))
                    if words is None:
                        continue
                    setattr(row, field.name, words)
                    try:
                        with transaction.atomic():
                            row.save(update_fields=[field.name])
                            fields.add(field)
                    except IntegrityError:  # a code, one of a few
                        row.refresh_from_db(fields=[field.name])
        cursor.execute("SET LOCAL session_replication_role = origin")
    return len(fields)


def _words(field: models.Field, number: int) -> Any:
    words = f"{SIGN}{number}{field.name}"
    if field.primary_key or field.choices or field.is_relation:
        return None
    if isinstance(field, models.JSONField):
        return {words: words}
    if isinstance(field, models.BinaryField):
        return json.dumps({words: words}).encode()
    if isinstance(field, models.EmailField):
        return f"{words}@example.org".lower()
    if isinstance(field, (models.CharField, models.TextField)):
        return words[: field.max_length or 200]
    return None


def everything_that_says(*signs: str) -> set[tuple[str, str]]:
    """Table and column of every value in the whole database that has one of these in it, whatever
    its type; bytes are looked at as text and as they are."""
    found = set()
    pattern = "|".join([*signs, *(sign.encode().hex() for sign in signs)])
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT to_jsonb(t)::text FROM "{table}" t WHERE t::text ~* %s', [pattern]
            )
            for (row,) in cursor.fetchall():
                for column, value in json.loads(row).items():
                    text = json.dumps(value, default=str).lower()
                    if any(s.lower() in text or s.encode().hex() in text for s in signs):
                        found.add((table, column))
    return found
