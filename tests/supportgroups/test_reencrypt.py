"""Keys change while everything stays readable, and an old one may go only when nothing needs it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from outcomes.models import Disclosure, DisclosureFile, Response
from sessions.models import Message
from supportgroups.lib import encryption, rewriting
from supportgroups.lib.encrypted_fields import field_of
from supportgroups.lib.encryption import Unreadable
from tests import factories
from tests.factories import sealed

pytestmark = pytest.mark.django_db

OLD, NEW = "ab" * 31 + "cd", "12" * 31 + "34"


def reencrypt(**options):
    said = StringIO()
    call_command("reencrypt", stdout=said, **options)
    return said.getvalue()


@pytest.fixture
def written(group):
    """Words, answers that were sent and a signed summary with its file, under the old key."""
    with override_settings(FIELD_ENCRYPTION_KEYS=[OLD]):
        session, person = factories.support_session(group), factories.user()
        for number in range(1, 6):
            factories.message(session, person, body=f"Words {number}", sequence=number)
        invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
        factories.response(invitation, answers={"q1": 2}, submitted_at=timezone.now())
        factories.signed_disclosure().files.all().delete()
        disclosure = Disclosure.objects.get()
        DisclosureFile.objects.create(disclosure=disclosure, kind="pdf", content=b"%PDF")
        return encryption.current_key_id()


def test_everything_moves_to_the_new_key_and_then_the_old_one_may_go(written):
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, OLD]):
        before = reencrypt(dry_run=True)
        assert f"Key {written}: " in before
        said = reencrypt()
        assert "Nothing is under another key." in said
        assert written not in said
        assert "0 written" not in reencrypt()
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW]):
        assert [message.body for message in Message.objects.all()] == [
            f"Words {number}" for number in range(1, 6)
        ]
        assert Response.objects.get().answers == {"q1": 2}
        assert DisclosureFile.objects.get().content == b"%PDF"
        assert DisclosureFile.objects.get().disclosure.signature


def test_a_key_that_is_still_needed_is_missed_loudly(written):
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW]):
        assert "is not among yours" in reencrypt(dry_run=True)
        with pytest.raises(CommandError, match="open under none of the keys"):
            reencrypt()
        with pytest.raises(Unreadable):
            _ = Message.objects.first().body
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, OLD]):
        assert Message.objects.first().body == "Words 1"


def test_one_that_is_killed_midway_goes_on_where_it_was(written, monkeypatch):
    field = field_of(Message, "body")
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, OLD]):
        seal, seen = type(field).to_token, []

        def killed(self, value, place):
            seen.append(value)
            if len(seen) == 4:
                raise KeyboardInterrupt
            return seal(self, value, place)

        monkeypatch.setattr(type(field), "to_token", killed)
        with pytest.raises(KeyboardInterrupt):
            rewriting.reencrypt(field, batch=2)
        monkeypatch.undo()
        assert rewriting.keys_in_use(field) == {written: 3, encryption.current_key_id(): 2}
        assert [m.body for m in Message.objects.all()] == [f"Words {n}" for n in range(1, 6)]
        assert rewriting.reencrypt(field, batch=2).written == 3
        assert rewriting.keys_in_use(field) == {encryption.current_key_id(): 5}


def test_words_changed_meanwhile_are_left_to_whoever_changed_them(written, monkeypatch):
    field, first = field_of(Message, "body"), Message.objects.get(sequence=1)
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, OLD]):
        unseal = type(field).unseal

        def changed_meanwhile(self, token, row):
            if row == first.pk:
                Message.objects.filter(pk=first.pk).update(**sealed(first, body="Put better"))
            return unseal(self, token, row)

        monkeypatch.setattr(type(field), "unseal", changed_meanwhile)
        assert rewriting.reencrypt(field).written == 4
        monkeypatch.undo()
        assert Message.objects.get(sequence=1).body == "Put better"


@pytest.mark.usefixtures("written")
def test_what_was_sent_still_never_changes():
    """Under another key only in this mode, and only what is encrypted."""
    response = Response.objects.get()
    with override_settings(FIELD_ENCRYPTION_KEYS=[OLD]):
        same_key = sealed(response, answers={"q1": 3})
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW]):
        other_key = sealed(response, answers={"q1": 3})
    for fields, mode in ((other_key, ""), (same_key, "on"), ({"score": 1, **other_key}, "on")):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('supportgroups.reencrypting', %s, true)", [mode])
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            Response.objects.update(**fields)


def test_answers_shared_with_another_group_open_in_both_rows(group):
    plan = factories.survey_plan(group)
    first = factories.response(
        factories.invitation(plan, factories.member(group)),
        answers={"q1": 2},
        submitted_at=timezone.now(),
    )
    with connection.cursor() as cursor:
        other = factories.invitation(plan, factories.member(group))
        cursor.execute(
            "INSERT INTO outcomes_response (invitation_id, instrument_id, answers, started_at,"
            " saved_at, submitted_at, band, scales, way, shared_from_id)"
            " SELECT %s, instrument_id, answers, started_at, saved_at, submitted_at, band, scales,"
            " way, id FROM outcomes_response",
            [other.pk],
        )
    copy = Response.objects.get(shared_from=first)
    assert copy.answers == {"q1": 2}
    with override_settings(FIELD_ENCRYPTION_KEYS=[NEW, "0123456789abcdef" * 4]):
        reencrypt()
        assert {row.answers["q1"] for row in Response.objects.all()} == {2}
