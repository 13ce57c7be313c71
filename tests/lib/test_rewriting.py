"""A migration encrypts what stands in a column, and gives it back on the way back."""

import json

import pytest
from django.db import connection, models
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

from supportgroups.lib.encrypted_fields import (
    EncryptedBinaryField,
    EncryptedJSONField,
    EncryptedTextField,
)
from supportgroups.lib.ids import uuid7
from supportgroups.lib.rewriting import EncryptField

pytestmark = pytest.mark.django_db

NOW_ENCRYPTED = [
    EncryptField("letter", "words", EncryptedTextField(max_length=300, blank=True)),
    EncryptField("letter", "answer", EncryptedTextField(null=True)),
    EncryptField("letter", "sheet", EncryptedJSONField(default=dict)),
    EncryptField("letter", "file", EncryptedBinaryField()),
]


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT words, answer, sheet::text, file FROM post_letter ORDER BY id")
        return [(words, answer, sheet, bytes(file)) for words, answer, sheet, file in cursor]


def test_old_rows_are_encrypted_and_come_back():
    plain = ProjectState()
    made = CreateModel(
        "Letter",
        [
            ("id", models.UUIDField(primary_key=True, default=uuid7)),
            ("words", models.CharField(max_length=300, blank=True)),
            ("answer", models.TextField(null=True)),
            ("sheet", models.JSONField(default=dict)),
            ("file", models.BinaryField()),
        ],
    )
    made.state_forwards("post", plain)
    written = [
        ("Words", "yes, often", {"q1": 2}, b"%PDF"),
        ("", None, {}, b""),
        ("v1", "", [], b"v1."),
    ]
    states = [plain]
    with connection.schema_editor() as editor:
        made.database_forwards("post", editor, ProjectState(), plain)
        letters = plain.apps.get_model("post", "Letter")
        for words, answer, sheet, file in written:
            letters.objects.create(words=words, answer=answer, sheet=sheet, file=file)
        before = rows()
        for operation in NOW_ENCRYPTED:
            after = states[-1].clone()
            operation.state_forwards("post", after)
            operation.database_forwards("post", editor, states[-1], after)
            states.append(after)

        kept = rows()
        assert [row[:2] for row in kept[1:]] == [("", None), (kept[2][0], "")]
        assert not any(word in str(kept) for word in ("Words", "yes, often", 'q1"', "%PDF"))
        letters = states[-1].apps.get_model("post", "Letter")
        found = [(row.words, row.answer, row.sheet, row.file) for row in letters.objects.all()]
        assert found == written

        for operation, earlier, later in zip(
            reversed(NOW_ENCRYPTED), reversed(states[:-1]), reversed(states[1:]), strict=True
        ):
            operation.database_backwards("post", editor, later, earlier)
        assert [(a, b, json.loads(c), d) for a, b, c, d in rows()] == [
            (a, b, json.loads(c), d) for a, b, c, d in before
        ]
