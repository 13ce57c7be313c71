"""Columns whose words the database never sees: encrypted when a row is saved, opened when read.

A value is bound to its table, column and row. The row's id must therefore be known when it is
written: models with such a field make it in Python (`default=uuid7`). A value is opened when it is
asked for, so what loads rows for their numbers pays nothing.

Queries can ask whether a text is empty or null, and nothing else. What goes past `save()`, such as
`update()`, takes `""` or what `seal()` made. `values()` gives `Sealed`: open it with the row's id.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.core import validators
from django.db import models
from django.db.models.lookups import Exact, IsNull
from django.db.models.query_utils import DeferredAttribute

from supportgroups.lib import encryption


@dataclass(frozen=True, slots=True, eq=False)
class Sealed:
    """A value as it is kept. Opened by `open()` alone: shown by mistake, it fails."""

    token: Any
    field: "_Encrypted"

    def open(self, row: Any) -> Any:
        """What was written, given the id of the row. Raises `encryption.Unreadable`."""
        return self.field.unseal(self.token, row)

    def __str__(self) -> str:
        raise TypeError(f"{self.field} is encrypted. Open it with the id of its row.")

    def __repr__(self) -> str:
        return f"<Sealed {self.field}>"


class _Opened(DeferredAttribute):
    """Opens a value the first time somebody asks for it."""

    field: Any

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed) and instance is not None:
            value = value.open(self.field.row_of(instance))
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # With this, Python asks `__get__` also for what stands in the instance already.
        instance.__dict__[self.field.attname] = value


class _IsEmpty(Exact):
    """`=""`, the one comparison that makes sense."""

    def get_prep_lookup(self) -> Any:
        if self.rhs != "":
            raise TypeError(
                f"{self.lhs.output_field} is encrypted: it can be compared with '' only."
            )
        return ""


class _Encrypted(models.Field):
    """What the fields below have in common."""

    descriptor_class = _Opened
    #: Kept as it is, so that queries can ask for it.
    empty: Any = None
    #: A condition on `{column}` under which it holds nothing readable.
    envelope: str

    def __init__(self, *args: Any, bound_by: str = "", **kwargs: Any) -> None:
        """`bound_by` names a column that binds instead of the id where it is not null: for rows
        that the database copies from another one of the same table."""
        self.bound_by = bound_by
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.bound_by:
            kwargs["bound_by"] = self.bound_by
        return name, path, args, kwargs

    def db_check(self, connection: Any) -> str:
        return self.envelope.format(column=connection.ops.quote_name(self.column))

    def get_lookup(self, lookup_name: str) -> Any:
        """None for all others: Django then says that this field does not support it."""
        if lookup_name == "exact" and self.empty == "":
            return _IsEmpty
        return IsNull if lookup_name == "isnull" else None

    def get_transform(self, lookup_name: str) -> None:
        return None

    # To the row and back

    def row_of(self, instance: models.Model) -> Any:
        """What the value of this instance is bound to."""
        return (getattr(instance, self.bound_by) if self.bound_by else None) or instance.pk

    def seal(self, value: Any, row: Any) -> Any:
        """A value for `update()` and for SQL of our own; `row` is the id of the row."""
        if value is None or value == self.empty:
            return value
        if self.max_length is not None and len(value) > self.max_length:
            raise ValueError(f"{self} takes {self.max_length} at most.")
        return Sealed(self.to_token(value, self._place(row)), self)

    def unseal(self, token: Any, row: Any) -> Any:
        return self.from_token(token, self._place(row))

    def _place(self, row: Any) -> str:
        if hasattr(row, "resolve_expression"):
            raise TypeError(f"{self} is encrypted: {self.model} must make its ids in Python.")
        return f"{self.model._meta.db_table}.{self.column}.{row}"

    def to_token(self, value: Any, place: str) -> Any:
        return encryption.encrypt(value, bound_to=place)

    def from_token(self, token: Any, place: str) -> Any:
        return encryption.decrypt(token, bound_to=place)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, Sealed):
            return value  # nobody has opened it
        return self.seal(getattr(model_instance, self.attname), self.row_of(model_instance))

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        """For conditions, which ask for emptiness only: the words themselves do not travel."""
        if value is None or value == self.empty:
            return value
        return value.token if isinstance(value, Sealed) else self._stand_in

    _stand_in: Any = "(words)"

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None or value == self.empty:
            return value
        if isinstance(value, Sealed):
            return value.token
        raise TypeError(f"{self} is encrypted: save the row, or give what `seal()` made.")

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None or value == self.empty else Sealed(value, self)


_ENVELOPE = "{column} ~ '^v1[.][0-9a-f]{{8}}[.][A-Za-z0-9_=-]+$'"


class EncryptedTextField(_Encrypted, models.TextField):
    """A person's words. An empty text stays empty. `max_length` is asked of forms and models."""

    empty = ""
    envelope = f"{{column}} = '' OR {_ENVELOPE}"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(validators.MaxLengthValidator(self.max_length))


class EncryptedJSONField(_Encrypted, models.Field):
    """A person's answers, as JSON in a text."""

    envelope = _ENVELOPE

    def get_internal_type(self) -> str:
        return "TextField"

    def to_token(self, value: Any, place: str) -> Any:
        return super().to_token(json.dumps(value), place)

    def from_token(self, token: Any, place: str) -> Any:
        return json.loads(super().from_token(token, place))


class EncryptedBinaryField(_Encrypted, models.BinaryField):
    """A file about a person."""

    envelope = "substring({column} from 1 for 3) = '\\x76312e'::bytea"
    _stand_in = b"(bytes)"

    def to_token(self, value: Any, place: str) -> Any:
        return encryption.encrypt_bytes(bytes(value), bound_to=place)

    def from_token(self, token: Any, place: str) -> Any:
        return encryption.decrypt_bytes(bytes(token), bound_to=place)


def encrypted_fields(model: type[models.Model]) -> list[_Encrypted]:
    return [field for field in model._meta.concrete_fields if isinstance(field, _Encrypted)]


def field_of(model: type[models.Model], name: str) -> _Encrypted:
    """For SQL of our own, which seals and opens by itself."""
    return next(field for field in encrypted_fields(model) if field.name == name)
