"""The file itself: age around tar, made and read as a stream, so that memory stays small.

Whoever makes backups needs the public key only, and cannot read earlier ones. The age format
authenticates each piece: a changed or shortened file is refused before its bytes go anywhere.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Any, Protocol

import pyrage

from supportgroups.backup import BackupError

FORMAT = 1
PIECE = 4 * 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE
_MANIFEST, _DUMP, _END = "manifest.json", "database.dump.", "end.json"


class Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


# Keys ---------------------------------------------------------------------------------------------


def new_key_file() -> str:
    """A new key as `age-keygen` writes it: the public half stands in a comment."""
    identity = pyrage.x25519.Identity.generate()
    return (
        f"# created: {datetime.now(UTC).isoformat(timespec='seconds')}\n"
        f"# public key: {identity.to_public()}\n{identity}\n"
    )


def public_key(key_file: str) -> str:
    """Of the first secret key in it."""
    return str(identities(key_file)[0].to_public())


def recipients(public_keys: Iterable[str]) -> list[Any]:
    """Raises BackupError for what is no public key of age."""
    found = []
    for key in filter(None, public_keys):
        try:
            found.append(pyrage.x25519.Recipient.from_str(key.strip()))
        except pyrage.RecipientError:
            raise BackupError(
                "BACKUP_RECIPIENTS holds something that is no public key: each begins with age1."
            ) from None
    if not found:
        raise BackupError(
            "Nobody could open this backup: BACKUP_RECIPIENTS is empty.\n"
            "Make a key with `manage.py backup keys > backup-key.txt`, keep that file away from"
            " this host, and set BACKUP_RECIPIENTS to the public key in it."
        )
    return found


def identities(key_file: str) -> list[Any]:
    """The secret keys in the text of a key file. Raises BackupError when there is none."""
    lines = [line.strip() for line in key_file.splitlines()]
    try:
        found = [
            pyrage.x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith("#")
        ]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise BackupError(
            "This is no key file. It holds a line that begins with AGE-SECRET-KEY-1,"
            " as `manage.py backup keys` printed it."
        )
    return found


# Making -------------------------------------------------------------------------------------------


def _member(name: str, data: bytes) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size, header.mode = len(data), 0o600
    yield header.tobuf(tarfile.USTAR_FORMAT)
    yield data
    yield bytes(-len(data) % _BLOCK)


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


def _contents(
    manifest: dict[str, Any], dump: IO[bytes], finish: Callable[[], None]
) -> Iterator[bytes]:
    yield from _member(_MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
    digest, size = hashlib.sha256(), 0
    for number, piece in enumerate(_pieces(dump), start=1):
        digest.update(piece)
        size += len(piece)
        yield from _member(f"{_DUMP}{number:05}", piece)
    finish()
    end = {"dump_bytes": size, "dump_sha256": digest.hexdigest()}
    yield from _member(_END, json.dumps(end).encode())
    yield bytes(2 * _BLOCK)


class _Reader:
    """Bytes of an iterator for a library that reads. It remembers what failed: the library would
    tell the words alone."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts
        self.left = memoryview(b"")
        self.failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            while not self.left:
                self.left = memoryview(next(self.parts))
        except StopIteration:
            return b""
        except BaseException as failure:
            self.failure = failure
            raise
        taken, self.left = self.left[:size], self.left[size:]
        return bytes(taken)


class _Writer:
    """Hands on to a sink and remembers what failed, for the same reason."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self.sink.write(data)
        except BaseException as failure:
            self.failure = failure
            raise
        return len(data)

    def flush(self) -> None:
        pass


def seal(
    manifest: dict[str, Any],
    dump: IO[bytes],
    to: Sink,
    *,
    public_keys: list[Any],
    finish: Callable[[], None],
) -> None:
    """Write one backup to `to`. `finish` is called when the dump has ended, and raises when it did
    not end well: then the file has no end either."""
    reader, writer = _Reader(_contents(manifest, dump, finish)), _Writer(to)
    try:
        pyrage.encrypt_io(reader, writer, public_keys)
    except (pyrage.EncryptError, OSError) as failure:
        raise (reader.failure or writer.failure or failure) from None


# Reading ------------------------------------------------------------------------------------------


class _Unpacker:
    """Takes a tar in pieces of any size. Hands on the dump at once, keeps the small parts."""

    def __init__(self, dump: Sink, opened: Callable[[dict[str, Any]], None]) -> None:
        self.dump = dump
        self.opened = opened
        self.waiting = bytearray()
        self.member: tarfile.TarInfo | None = None
        self.left = self.padding = 0
        self.small = bytearray()
        self.digest, self.size = hashlib.sha256(), 0
        self.pieces = 0
        self.end: dict[str, Any] | None = None

    def write(self, data: bytes) -> None:
        self.waiting += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Take the next part out of what waits. False when there is not enough of it."""
        if self.member is None:
            if len(self.waiting) < _BLOCK:
                return False
            header = bytes(self._take(_BLOCK))
            if header.strip(b"\0"):
                self.member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
                self.left, self.padding = self.member.size, -self.member.size % _BLOCK
            return True
        if self.left:
            if not self.waiting:
                return False
            self._deliver(self.member.name, bytes(self._take(min(self.left, len(self.waiting)))))
            return True
        if len(self.waiting) < self.padding:
            return False
        self._take(self.padding)
        self._close(self.member.name)
        self.member = None
        return True

    def _take(self, size: int) -> bytearray:
        taken = self.waiting[:size]
        del self.waiting[:size]
        return taken

    def _deliver(self, name: str, data: bytes) -> None:
        self.left -= len(data)
        if name.startswith(_DUMP):
            self.digest.update(data)
            self.size += len(data)
            self.dump.write(data)
        else:
            self.small += data

    def _close(self, name: str) -> None:
        if name.startswith(_DUMP):
            self.pieces += 1
            return
        said = json.loads(self.small)
        self.small.clear()
        if name == _MANIFEST:
            if said["format"] != FORMAT:
                raise BackupError(
                    f"This backup has format {said['format']}, which this version does not know."
                    " Restore it with the version of the software that made it, or a newer one."
                )
            self.opened(said)
        elif name == _END:
            self.end = said

    def check_end(self) -> None:
        told = {"dump_bytes": self.size, "dump_sha256": self.digest.hexdigest()}
        if self.end != told:
            raise BackupError("This backup has no proper end: it was cut off while it was made.")


_DAMAGED = (
    "This file is damaged: it was changed or cut off after it was made. Take another copy of it, or"
    " an earlier backup."
)


def unseal(
    file: IO[bytes],
    *,
    secret_keys: list[Any],
    dump: Sink,
    opened: Callable[[dict[str, Any]], None] = lambda manifest: None,
) -> None:
    """Read one backup to its end. `opened` gets the manifest before `dump` gets its first byte."""
    unpacker = _Unpacker(dump, opened)
    writer = _Writer(unpacker)
    try:
        pyrage.decrypt_io(file, writer, secret_keys)
    except (pyrage.DecryptError, OSError) as failure:
        if writer.failure is not None:
            if isinstance(writer.failure, ValueError | KeyError | tarfile.TarError):
                raise BackupError(_DAMAGED) from writer.failure
            raise writer.failure from None
        if "No matching keys" in str(failure):
            raise BackupError(
                "This key does not open this backup: it was made for another one. `manage.py backup"
                " list` shows for whom new ones are made."
            ) from None
        raise BackupError(_DAMAGED) from failure
    unpacker.check_end()
