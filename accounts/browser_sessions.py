"""Django's session engine of this site: rows of `BrowserSession`.

Its own, because the row that each request reads anyway then says whose sign-in it is, on which
device, and until when: both limits and the end of one sign-in need no further question. The cookie
alone holds the key.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest
from django.http import HttpRequest
from django.utils import timezone

from accounts import rules
from accounts.live import look_again
from accounts.models import BrowserSession, StaffRole, User
from supportgroups.lib.encryption import Unreadable, decrypt, encrypt

#: Rows are made before they have a key of their own, so it is not bound to one of them.
_BOUND_TO = "accounts_browsersession.data"
#: It is written down at most this often that somebody is there.
_USED_EVERY = timedelta(minutes=1)


def digest_of(key: str) -> str:
    """What is stored of a key."""
    return sha256(key.encode()).hexdigest()


class SessionStore(SessionBase):
    """One browser's session, as `request.session`."""

    if TYPE_CHECKING:  # Django's stubs do not know these
        _get_session: Callable[..., dict[str, Any]]
        _get_new_session_key: Callable[[], str]

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.row: BrowserSession | None = None
        #: Whose sign-in this key was, when it has run out.
        self.ran_out_for: Any = None
        self._begins: dict[str, Any] = {}

    # What Django asks of an engine ---------------------------------------------------------------

    def load(self) -> dict[str, Any]:
        """What is kept; nothing for a key that is unknown or has run out."""
        found = BrowserSession.objects.filter(key_digest=digest_of(self.session_key or "")).first()
        if found is not None and found.expires_at > timezone.now():
            self.row = found
            return self.decode(found.data)
        if found is not None:
            self.ran_out_for = found.user_id
        self._session_key = None
        return {}

    def exists(self, session_key: str) -> bool:
        """Whether somebody has this key."""
        return BrowserSession.objects.filter(key_digest=digest_of(session_key)).exists()

    def create(self) -> None:
        """A new row under a new key."""
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Write it down. One that was ended meanwhile stays ended."""
        if self.session_key is None:
            return self.create()
        values = self._values(self._get_session(no_load=must_create))
        if must_create or self.row is None:
            row = BrowserSession(key_digest=digest_of(self.session_key), **values)
            try:
                with transaction.atomic():
                    row.save(force_insert=True)
            except IntegrityError:
                raise CreateError from None
            self.row = row
        elif not BrowserSession.objects.filter(pk=self.row.pk).update(**values):
            raise UpdateError
        else:
            self._note(values)
        return None

    def delete(self, session_key: str | None = None) -> None:
        """End it."""
        key = session_key or self.session_key
        if key:
            BrowserSession.objects.filter(key_digest=digest_of(key)).delete()
            self.row = None

    def cycle_key(self) -> None:
        """Another key for the same row; the key that somebody may have seen opens nothing more."""
        self._get_session()
        if self.row is None:
            return self.create()
        key = self._get_new_session_key()
        mine = BrowserSession.objects.filter(pk=self.row.pk)
        if not mine.update(key_digest=digest_of(key), is_to_renew=False):
            raise SessionInterrupted("The sign-in was ended meanwhile.")
        self._session_key = key
        self._note({"is_to_renew": False})
        self.modified = True
        return None

    @classmethod
    def clear_expired(cls) -> None:
        """The purge follows the register instead: docs/data-retention.yaml."""

    def get_expiry_age(self, **kwargs: Any) -> int:
        """How long the browser keeps the cookie. The row ends sooner when nobody is there."""
        now = timezone.now()
        values = self._values(self._get_session())
        longest = rules.limits_of(
            is_visitor=values["user_id"] is None,
            is_of_staff=values["is_of_staff"],
            is_shared=values["is_shared"],
        ).longest
        return max(int((values["began_at"] + longest - now).total_seconds()), 0)

    def get_expire_at_browser_close(self) -> bool:
        """Whether the cookie goes with the window: on a device that others use too."""
        return bool(self.row and self.row.is_shared) or bool(self._begins.get("is_shared"))

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Encrypted: it may hold a code, or words on their way."""
        return encrypt(self.serializer().dumps(session_dict).decode("latin-1"), bound_to=_BOUND_TO)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Nothing, if no key opens it any more: the person signs in again."""
        try:
            words = decrypt(str(session_data), bound_to=_BOUND_TO)
        except Unreadable:
            return {}
        found: dict[str, Any] = self.serializer().loads(words.encode("latin-1"))
        return found

    # What this site adds -------------------------------------------------------------------------

    def begin(self, **about: Any) -> None:
        """Somebody has signed in just now: on which device, shared or not, of staff or not."""
        self._begins = {"began_at": timezone.now(), **about}
        self.modified = True

    def renew(self) -> None:
        """Another key and the limits of what the person is now: their rights have changed."""
        self.cycle_key()
        assert self.row is not None, "it has a person"  # noqa: S101
        self.row.is_of_staff = is_of_staff(self.row.user_id)

    def use(self) -> None:
        """Note that somebody is there, once a minute at most."""
        if self.row is None or timezone.now() - self.row.used_at < _USED_EVERY:
            return
        values = self._values(self._get_session())
        kept = {name: values[name] for name in ("used_at", "expires_at")}
        BrowserSession.objects.filter(pk=self.row.pk).update(**kept)
        self._note(kept)

    @property
    def row_id(self) -> str | None:
        """What open rooms know the sign-in by."""
        self._get_session()
        return str(self.row.pk) if self.row is not None else None

    def _note(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self.row, name, value)

    def _values(self, data: dict[str, Any]) -> dict[str, Any]:
        """The columns: what is kept, whose it is, since when and until when."""
        now = timezone.now()
        row, person = self.row, data.get(SESSION_KEY)
        before = row if row is not None and str(row.user_id or "") == (person or "") else None
        values: dict[str, Any] = {
            "began_at": before.began_at if before else now,
            "device": before.device if before else "",
            "is_shared": bool(before and before.is_shared),
            "is_of_staff": bool(before and before.is_of_staff),
            "is_to_tell": bool(before and before.is_to_tell),
            **self._begins,
            "user_id": person,
            "used_at": now,
            "data": self.encode(data),
        }
        limits = rules.limits_of(
            is_visitor=person is None,
            is_of_staff=values["is_of_staff"],
            is_shared=values["is_shared"],
        )
        values["expires_at"] = min(now + limits.idle, values["began_at"] + limits.longest)
        return values


class _Kept(SessionStore):
    """One that is only looked at: it never gets another key, which its browser would not know."""

    def cycle_key(self) -> None:
        """Not from here."""


def signed_in_with(row_id: str | None) -> rules.Viewer:
    """Whose sign-in this is at this moment, read afresh; nobody's once it has ended.

    A page's request knows its person; a socket asks this again and again.
    """
    row = BrowserSession.objects.running().filter(pk=row_id).first() if row_id else None
    store = _Kept()
    store.row = row
    store._session_cache = store.decode(row.data) if row is not None else {}  # type: ignore[attr-defined]
    request = HttpRequest()
    request.session = store
    return get_user(request)


def is_of_staff(user_id: UUID | None) -> bool:
    """Whether the shorter limits hold for this person."""
    return StaffRole.objects.filter(user=user_id).exists()


def renew_keys(user_ids: Iterable[UUID]) -> None:
    """These people's rights, or what they show to sign in, have changed: at the next request each
    of their browsers gets another key, and their open rooms look again now."""
    people = list(user_ids)
    BrowserSession.objects.filter(user__in=people).update(is_to_renew=True)
    look_again(people)


def stay_in_room(row_ids: Collection[str]) -> None:
    """Devices in a room answered: nobody is signed out in the middle of their hour."""
    now = timezone.now()
    until = Case(
        When(is_shared=True, then=Value(now + rules.limits_of(is_shared=True).idle)),
        default=Value(now + rules.limits_of(is_of_staff=True).idle),
    )
    BrowserSession.objects.filter(pk__in=row_ids, used_at__lt=now - _USED_EVERY).update(
        used_at=now, expires_at=Greatest(F("expires_at"), until)
    )


def end_others(user: User, *, but: SessionStore | None) -> int:
    """End this person's sign-ins, besides the one of this browser. Returns how many."""
    rows = BrowserSession.objects.filter(user=user)
    if but is not None and but.row is not None:
        rows = rows.exclude(pk=but.row.pk)
    ended = rows.delete()[0]
    # Only now: outside a transaction a socket would look at once, and find it still there.
    look_again([user.pk])
    return ended
