"""Writes encrypted columns anew, batch by batch: under another key, or for the first time."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction
from django.db.migrations import AlterField

from supportgroups.lib import encryption
from supportgroups.lib.encrypted_fields import encrypted_fields

BATCH = 500


@dataclass
class Done:
    """What became of one column."""

    written: int = 0
    #: Rows that no key opens. They stay as they are.
    unreadable: int = 0


def columns() -> Iterator[Any]:
    """Every encrypted column there is."""
    for model in apps.get_models():
        yield from encrypted_fields(model)


def keys_in_use(field: Any) -> dict[str, int]:
    """Key id -> how many values are under it."""
    column = _text_of(field)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT split_part({column}, '.', 2), count(*)"  # noqa: S608 - names of our own models
            f" FROM \"{field.model._meta.db_table}\" WHERE {column} <> '' GROUP BY 1 ORDER BY 1"
        )
        return dict(cursor.fetchall())


def reencrypt(field: Any, *, batch: int = BATCH) -> Done:
    """Put what is under an earlier key under the current one.

    Safe while the site runs: a value that changed meanwhile is left to whoever changed it. Each
    batch is a transaction, so one that is killed leaves every value under one key or the other.
    """
    current = f"{encryption.VERSION}.{encryption.current_key_id()}."

    def change(value: Any, row: Any) -> Any:
        return field.seal(field.unseal(value, row), row).token

    column = _text_of(field)
    where = f"{column} <> '' AND NOT starts_with({column}, '{current}')"
    return _rewrite(field, change, where=where, batch=batch)


def _text_of(field: Any) -> str:
    """The beginning of a token as text, whatever the column holds."""
    if isinstance(field, models.BinaryField):
        return f"encode(substring(\"{field.column}\" from 1 for 12), 'escape')"
    return f'"{field.column}"'


def _rewrite(
    field: Any, change: Callable[[Any, Any], Any], *, where: str, batch: int = BATCH
) -> Done:
    meta = field.model._meta
    table, column, key = meta.db_table, field.column, meta.pk.column
    bound = f'COALESCE("{field.bound_by}", "{key}")' if field.bound_by else f'"{key}"'
    kind = "bytea" if isinstance(field, models.BinaryField) else "text"
    # Only names of our own models are put together here.
    read = (
        f'SELECT "{key}", {bound}, "{column}" FROM "{table}"'  # noqa: S608
        f' WHERE ({where}) AND (%s::uuid IS NULL OR "{key}" > %s::uuid)'
        f' ORDER BY "{key}" LIMIT %s'
    )
    write = (
        f'UPDATE "{table}" AS kept SET "{column}" = given.after'  # noqa: S608
        f" FROM unnest(%s::uuid[], %s::{kind}[], %s::{kind}[]) AS given (id, before, after)"
        f' WHERE kept."{key}" = given.id AND kept."{column}" = given.before'
    )
    done, last = Done(), None
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('supportgroups.reencrypting', 'on', true)")
            cursor.execute(read, [last, last, batch])
            rows = cursor.fetchall()
            ids, before, after = [], [], []
            for row_id, row, value in rows:
                try:
                    new = change(value, row)
                except encryption.Unreadable:
                    done.unreadable += 1
                    continue
                ids.append(row_id)
                before.append(value)
                after.append(new)
            cursor.execute(write, [ids, before, after])
            done.written += cursor.rowcount
            cursor.execute("SELECT set_config('supportgroups.reencrypting', '', true)")
        if len(rows) < batch:
            return done
        last = rows[-1][0]


class EncryptField(AlterField):
    """In a migration: make a column encrypted, and encrypt what stands in it; and back.

    What runs at the same time and writes plain words is refused from then on, so stop the site
    for such a migration.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        old, new = self._fields(app_label, from_state, to_state)
        bare = _bare(new)
        schema_editor.alter_field(old.model, old, bare)

        def change(value: Any, row: Any) -> Any:
            return new.seal(_parsed(new, value), row).token

        with _without_triggers(schema_editor, new):
            _rewrite(new, change, where=_holds_something(new))
        schema_editor.execute(
            schema_editor._create_check_sql(
                new.model, _check_name(new), new.db_check(schema_editor.connection)
            )
        )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        new, old = self._fields(app_label, from_state, to_state)
        bare = _bare(new)
        schema_editor.execute(schema_editor._delete_check_sql(new.model, _check_name(new)))

        def change(value: Any, row: Any) -> Any:
            return _written(new, new.unseal(value, row))

        with _without_triggers(schema_editor, new):
            done = _rewrite(new, change, where=_holds_something(new))
        if done.unreadable:
            raise encryption.Unreadable(f"{done.unreadable} rows of {new} open under no key.")
        schema_editor.alter_field(old.model, bare, old)

    def _fields(self, app_label: str, from_state: Any, to_state: Any) -> tuple[Any, Any]:
        return (
            from_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name),
            to_state.apps.get_model(app_label, self.model_name)._meta.get_field(self.name),
        )


def _check_name(field: Any) -> str:
    return f"{field.model._meta.db_table}_{field.column}_sealed"


def _is_json(field: Any) -> bool:
    return field.empty is None and not isinstance(field, models.BinaryField)


def _parsed(field: Any, value: Any) -> Any:
    return json.loads(value) if _is_json(field) else value


def _written(field: Any, value: Any) -> Any:
    return json.dumps(value) if _is_json(field) else value


def _holds_something(field: Any) -> str:
    """Which rows a migration has to encrypt."""
    text = isinstance(field, models.TextField)
    return f"\"{field.column}\" <> ''" if text else f'"{field.column}" IS NOT NULL'


def _bare(field: Any) -> Any:
    """The same column without the condition on what stands in it."""
    kind = models.BinaryField if isinstance(field, models.BinaryField) else models.TextField
    bare = kind(null=field.null, blank=True)
    bare.set_attributes_from_name(field.name)
    bare.model = field.model
    return bare


@contextmanager
def _without_triggers(schema_editor: Any, field: Any) -> Iterator[None]:
    """What is signed and sent stays as it is; how it is kept may change."""
    table = field.model._meta.db_table
    schema_editor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
    yield
    # References of rows that were rewritten are looked at now: a table with such looks left to do
    # cannot be altered.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    schema_editor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
