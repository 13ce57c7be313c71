"""Words never reach the database readable, by whatever way a row is written or changed."""

import pytest
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.utils import timezone

from outcomes.models import DisclosureFile, Response
from screening.models import Answer
from sessions.models import Debrief, Message
from supportgroups.lib.encrypted_fields import Sealed, field_of
from supportgroups.lib.encryption import Unreadable
from supportgroups.lib.ids import uuid7
from supportgroups.lib.rewriting import columns
from tests import factories
from tests.factories import sealed

pytestmark = pytest.mark.django_db


def kept(row, column):
    """What stands in the database itself."""
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}" WHERE id = %s', [row.pk])
        return cursor.fetchone()[0]


@pytest.fixture
def message(group):
    return factories.message(factories.support_session(group), factories.user(), body="Quite bad")


def test_words_are_kept_encrypted_and_read_as_they_were(message):
    assert kept(message, "body").startswith("v1.")
    assert "Quite" not in kept(message, "body")
    assert Message.objects.get(pk=message.pk).body == "Quite bad"
    message.refresh_from_db()
    assert message.body == "Quite bad"
    assert Message.objects.only("sequence").get(pk=message.pk).body == "Quite bad"


def test_every_way_to_write_a_row_encrypts(message):
    session, author = message.support_session, message.sender
    made = [
        Debrief.objects.create(support_session=session, author=author, concerns="One"),
        Debrief.objects.bulk_create(
            [Debrief(support_session=session, author=factories.user(), concerns="Two")]
        )[0],
        Debrief.objects.update_or_create(
            support_session=session, author=author, defaults={"concerns": "Three"}
        )[0],
        Debrief.objects.get_or_create(
            support_session=session, author=factories.user(), defaults={"concerns": "Four"}
        )[0],
    ]
    for row, words in zip(made, ("Three", "Two", "Three", "Four"), strict=True):
        assert kept(row, "concerns").startswith("v1.")
        assert Debrief.objects.get(pk=row.pk).concerns == words
    changed = made[0]
    changed.concerns = "Five"
    changed.save(update_fields=["concerns"])
    assert Debrief.objects.get(pk=changed.pk).concerns == "Five"


def test_what_goes_past_save_takes_sealed_words_only(message):
    rows = Message.objects.filter(pk=message.pk)
    for words in ("Plain", F("support_session__note"), F("body"), Value("Plain")):
        with pytest.raises((TypeError, FieldError)), transaction.atomic():
            rows.update(body=words)
    message.body = "Plain"
    with pytest.raises(TypeError, match="encrypted"), transaction.atomic():
        Message.objects.bulk_update([message], ["body"])
    rows.update(**sealed(message, body="Better"))
    assert rows.get().body == "Better"
    rows.update(body="")
    assert kept(message, "body") == ""


def test_the_database_refuses_readable_words_in_every_such_column():
    fields = list(columns())
    assert len(fields) > 30
    with connection.cursor() as cursor:
        for field in fields:
            table = field.model._meta.db_table
            cursor.execute(
                "SELECT count(*) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
                " AND conkey = ARRAY[(SELECT attnum FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attname = %s)]"
                " AND conname = %s",
                [table, table, field.column, f"{table}_{field.column}_sealed"],
            )
            assert cursor.fetchone()[0] == 1, field


@pytest.mark.parametrize("words", ["Quite bad", "v1. is what I ran", "v1.0a1b2c3d.some words"])
def test_readable_words_are_refused(message, words):
    with (
        pytest.raises(IntegrityError, match="sealed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "UPDATE support_sessions_message SET body = %s WHERE id = %s", [words, message.pk]
        )


def test_words_moved_to_another_row_or_column_do_not_open(message):
    other = factories.message(message.support_session, message.sender, body="Fine", sequence=2)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE support_sessions_message SET body = %s WHERE id = %s",
            [kept(message, "body"), other.pk],
        )
    with pytest.raises(Unreadable):
        _ = Message.objects.get(pk=other.pk).body
    # What nobody reads can still be saved beside it.
    Message.objects.get(pk=other.pk).save()
    with pytest.raises(Unreadable):
        field_of(Debrief, "concerns").unseal(kept(message, "body"), message.pk)


def test_queries_ask_for_emptiness_alone(message):
    assert not Message.objects.filter(body="").exists()
    assert Message.objects.exclude(body="").exists()
    assert Message.objects.filter(body__isnull=False).exists()
    with pytest.raises(TypeError, match="encrypted"):
        Message.objects.filter(body="Quite bad").exists()
    for lookup in ("contains", "icontains", "in", "startswith", "gt", "iexact", "regex"):
        with pytest.raises(FieldError, match="Unsupported lookup"):
            Message.objects.filter(**{f"body__{lookup}": "Quite"})
    with pytest.raises(FieldError, match="Unsupported lookup"):
        Response.objects.filter(answers__q1=2)


def test_values_are_sealed_and_fail_where_they_would_be_shown(message):
    (row,) = Message.objects.values_list("id", "body")
    assert isinstance(row[1], Sealed)
    assert row[1].open(row[0]) == "Quite bad"
    with pytest.raises(TypeError, match="encrypted"):
        str(row[1])
    assert "v1." not in repr(row[1])


def test_answers_and_files_are_kept_encrypted(group):
    invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
    response = factories.response(invitation, answers={"q1": 2, "q2": None})
    assert kept(response, "answers").startswith("v1.")
    assert Response.objects.get().answers == {"q1": 2, "q2": None}
    file = DisclosureFile.objects.create(
        disclosure=factories.disclosure(), kind="pdf", content=b"%PDF"
    )
    assert bytes(kept(file, "content")).startswith(b"v1.")
    assert DisclosureFile.objects.get().content == b"%PDF"


def test_rather_not_say_stays_empty(group):
    application = factories.application(group, user=factories.user())
    question = application.form.questions.first()
    answer = Answer.objects.create(application=application, question=question, value=None)
    assert kept(answer, "value") is None
    assert Answer.objects.get(pk=answer.pk).value is None


def test_words_are_no_longer_than_their_column_says(group):
    membership = factories.member(group)
    membership.end_reason = "x" * 301
    with pytest.raises(ValueError, match="300 at most"):
        membership.save()


def test_ids_made_here_rise_and_hold_the_time():
    ids = [uuid7() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert {(made.version, made.variant) for made in ids} == {(7, "specified in RFC 4122")}
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuid_extract_timestamp(%s)", [ids[-1]])
        assert abs((cursor.fetchone()[0] - timezone.now()).total_seconds()) < 60
