"""The two statements of the live room that run all the time: in a thread, or on the event loop.

Both ask the querysets of `sessions/rules.py`. Making those into SQL takes Django many times longer
than the database needs to run them, so it is done once a process, with stand-ins for the values.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from sessions import rules
from sessions.database import Database
from sessions.models import Message, SupportSession
from supportgroups.lib.encrypted_fields import field_of

type Statement = tuple[str, tuple[Any, ...]]

_SESSION, _GROUP, _PERSON, _CLIENT_ID, _ID = (UUID(int=number) for number in range(1, 6))
_BODY, _SIGN_IN, _NOW = "(body)", "(sign-in)", "(now)"
_REPLY_TO, _NAMELESS = "(reply to)", "(without a name)"


def _run(statement: Statement, values: dict[Any, Any]) -> tuple[Any, ...] | None:
    """The first row, with each stand-in replaced by its value.

    Prepared on its connection, because planning takes the database longer than running. Django's
    own cursors put values into the text, which cannot be prepared.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        connection.connection.prepare_threshold = 0
        with psycopg.RawCursor(connection.connection) as cursor:
            cursor.execute(*_filled(statement, values))
            return cursor.fetchone()


def _filled(statement: Statement, values: dict[Any, Any]) -> tuple[str, list[Any]]:
    text, stand_ins = statement
    return text, [values.get(stand_in, stand_in) for stand_in in stand_ins]


def _numbered(text: str, stand_ins: tuple[Any, ...]) -> Statement:
    """The statement as PostgreSQL itself reads it, each value once: `$1` instead of Django's `%s`.

    The rules repeat a few values dozens of times, and a long text is taken apart anew each time.
    """
    # A type belongs to a value: 1 and True are equal and not the same.
    keys = [(type(stand_in), stand_in) for stand_in in stand_ins]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys), start=1)}
    first, *rest = text.split("%s")
    pieces = (f"${numbers[key]}{piece}" for key, piece in zip(keys, rest, strict=True))
    return first + "".join(pieces), tuple(stand_in for _, stand_in in numbers)


def _sql(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    return rows.order_by().values("pk").query.sql_with_params()


@cache
def _rules() -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Has entered, leads, is admitted, listens only: the rules' own SQL for one person and room."""
    room = SupportSession(pk=_SESSION, group_id=_GROUP)
    return (
        _sql(rules.in_room(room).filter(user=_PERSON)),
        _sql(rules.leading(room).filter(pk=_PERSON)),
        _sql(rules.admitted_to(room).filter(user=_PERSON)),
        _sql(rules.listening_only(room).filter(about=_PERSON)),
    )


# One message --------------------------------------------------------------------------------------


@cache
def _insert_message() -> Statement:
    """May speak, session is live, lock, number, insert; or what was sent before.

    The update locks the session's row, so messages get their numbers one after another, and a
    session that ends meanwhile takes no more.
    """
    entered, leads, admitted, listens = _rules()
    sent_before = (
        "SELECT false, sequence, body, sent_at, is_from_facilitator, reply_to_id, id"
        " FROM support_sessions_message"
        " WHERE support_session_id = %s AND sender_id = %s AND client_id = %s"
    )
    # An answer to what is gone meanwhile is kept without it: no words are lost.
    replied_to = (
        "SELECT id FROM support_sessions_message WHERE support_session_id = %s"
        " AND sequence = %s::int AND deleted_at IS NULL AND hidden_at IS NULL"
    )
    key = (_SESSION, _PERSON, _CLIENT_ID)
    # Only the rules' own SQL is put together here; what people send are values of the statement.
    text = f"""
        WITH room AS (
            UPDATE support_sessions_supportsession SET message_count = message_count + 1
            WHERE id = %s AND status = 'live'
                AND NOT EXISTS ({sent_before})
                AND EXISTS ({entered[0]})
                AND (EXISTS ({leads[0]}) OR EXISTS ({admitted[0]}))
                AND NOT EXISTS ({listens[0]})
                AND (NOT %s::boolean OR EXISTS (
                    SELECT FROM groups_supportgroup
                    WHERE id = group_id AND allows_anonymous_questions))
                AND (%s::uuid IS NULL OR EXISTS (
                    SELECT FROM accounts_browsersession WHERE id = %s AND expires_at > %s))
            RETURNING message_count
        ), added AS (
            INSERT INTO support_sessions_message (id, support_session_id, sequence, client_id,
                sender_id, is_from_facilitator, is_anonymous, reply_to_id, body, sent_at)
            SELECT %s::uuid, %s, message_count, %s, %s, EXISTS ({leads[0]}) AND NOT %s::boolean,
                %s::boolean, ({replied_to}), %s, %s FROM room
            RETURNING true, sequence, body, sent_at, is_from_facilitator, reply_to_id, id
        )
        SELECT * FROM added UNION ALL ({sent_before})
    """  # noqa: S608
    return _numbered(
        text,
        (
            *(_SESSION, *key, *entered[1], *leads[1], *admitted[1], *listens[1]),
            *(_NAMELESS, _SIGN_IN, _SIGN_IN, _NOW),
            *(_ID, _SESSION, _CLIENT_ID, _PERSON, *leads[1], _NAMELESS, _NAMELESS),
            *(_SESSION, _REPLY_TO, _BODY, _NOW),
            *key,
        ),
    )


def insert_message(
    message: Message, *, sign_in: str | None, reply_to: int | None = None
) -> bool | None:
    """Store it and fill in what the database gave: whether it is new, or None for a no.

    A message that was sent before is filled with what it was then. `sign_in` is the id of a
    browser session that must still hold, `reply_to` the number of a message, if given. Raises
    IntegrityError, with nothing changed, when the same message comes twice at the same moment.
    """
    return _fill_in(message, _run(_insert_message(), _values_of(message, sign_in, reply_to)))


async def ainsert_message(
    message: Message, *, sign_in: str | None, reply_to: int | None, database: Database
) -> bool | None:
    """The same on the event loop. Errors are psycopg's own."""
    values = _values_of(message, sign_in, reply_to)
    return _fill_in(message, await database.fetch_row(*_filled(_insert_message(), values)))


def _values_of(message: Message, sign_in: str | None, reply_to: int | None) -> dict[Any, Any]:
    return {
        _SESSION: message.support_session_id,
        _GROUP: message.support_session.group_id,
        _PERSON: message.sender_id,
        _CLIENT_ID: message.client_id,
        _ID: message.pk,
        _BODY: _body().seal(message.body, message.pk).token,
        _SIGN_IN: sign_in,
        _NOW: message.sent_at,
        _REPLY_TO: reply_to,
        _NAMELESS: message.is_anonymous,
    }


def _fill_in(message: Message, row: tuple[Any, ...] | None) -> bool | None:
    if row is None:
        return None
    is_new, message.sequence, token, message.sent_at, message.is_from_facilitator = row[:5]
    message.reply_to_id = row[5]
    if not is_new:
        message.pk = row[6]
        message.body = _body().from_db_value(token, None, None)
    return bool(is_new)


@cache
def _body() -> Any:
    return field_of(Message, "body")


# One look -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a socket's right to be open stands on at one moment. Equal looks mean the same right."""

    status: str
    #: Its group's: only one that is listed has rooms that open.
    lifecycle: str
    has_entered: bool
    leads: bool
    is_admitted: bool
    #: The stored browser session and password: unchanged means that the sign-in holds.
    sign_in: str | None
    password: str | None
    #: What is told to this person alone.
    listens_only: bool
    is_offered_help: bool

    @property
    def is_plain_yes(self) -> bool:
        """Entered, and a member or facilitator. Anything else is for the rules to explain."""
        return (
            self.has_entered
            and (self.leads or self.is_admitted)
            and self.sign_in is not None
            and self.password is not None
        )


@cache
def _look() -> Statement:
    entered, leads, admitted, listens = _rules()
    helped = _sql(rules.offered_help(SupportSession(pk=_SESSION)).filter(user=_PERSON))
    text = f"""
        SELECT status, (SELECT lifecycle FROM groups_supportgroup WHERE id = group_id),
            EXISTS ({entered[0]}), EXISTS ({leads[0]}), EXISTS ({admitted[0]}),
            (SELECT data FROM accounts_browsersession WHERE id = %s::uuid AND expires_at > %s),
            (SELECT password FROM accounts_user WHERE id = %s AND is_active),
            EXISTS ({listens[0]}), EXISTS ({helped[0]}),
            message_count, version, change_count
        FROM support_sessions_supportsession WHERE id = %s
    """  # noqa: S608
    return _numbered(
        text,
        (
            *(*entered[1], *leads[1], *admitted[1], _SIGN_IN, _NOW, _PERSON),
            *(*listens[1], *helped[1], _SESSION),
        ),
    )


#: The look, and the session's `message_count`, `version` and `change_count`.
type Found = tuple[Look, tuple[int, int, int]]


def look(support_session: SupportSession, user_id: UUID, *, sign_in: str | None) -> Found | None:
    """How things stand with this person and session; None when the session is gone."""
    return _found(_run(_look(), _values_for(support_session, user_id, sign_in)))


async def alook(
    support_session: SupportSession, user_id: UUID, *, sign_in: str | None, database: Database
) -> Found | None:
    """The same on the event loop. Errors are psycopg's own."""
    values = _values_for(support_session, user_id, sign_in)
    return _found(await database.fetch_row(*_filled(_look(), values)))


def _values_for(
    support_session: SupportSession, user_id: UUID, sign_in: str | None
) -> dict[Any, Any]:
    return {
        _SESSION: support_session.pk,
        _GROUP: support_session.group_id,
        _PERSON: user_id,
        _SIGN_IN: sign_in,
        _NOW: timezone.now(),
    }


def _found(row: tuple[Any, ...] | None) -> Found | None:
    return (Look(*row[:9]), (row[9], row[10], row[11])) if row is not None else None
