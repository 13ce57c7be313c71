"""A line between two programs that a test can cut and mend, as a network or a restart would."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from supportgroups.embedded import LOOPBACK


class Line:
    """Passes on what goes to its `port` to another port of this machine, until it is cut."""

    def __init__(self, to: int) -> None:
        self.to = to
        self._server = socket.create_server((LOOPBACK, 0))
        self.port: int = self._server.getsockname()[1]
        self._whole = True
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections; new ones break at once."""
        with self._lock:
            self._whole = False
            for pair in self._pairs:
                _break(*pair)
            self._pairs.clear()

    def mend(self) -> None:
        with self._lock:
            self._whole = True

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                with self._lock:
                    if not self._whole:
                        near.close()
                        continue
                    far = socket.create_connection((LOOPBACK, self.to))
                    self._pairs.append((near, far))
                threading.Thread(target=_pass_on, args=(near, far), daemon=True).start()


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while True:
            for one in select.select([near, far], [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return _break(near, far)
                (far if one is near else near).sendall(data)
    return _break(near, far)


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextlib.contextmanager
def line(to: int) -> Iterator[Line]:
    made = Line(to)
    try:
        yield made
    finally:
        made.close()
