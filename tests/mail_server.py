"""A mail server that takes everything and counts it, for tests with real worker processes."""

import re
import socketserver
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from supportgroups.embedded import LOOPBACK


class MailServer(socketserver.ThreadingTCPServer):
    """Counts each Message-ID by recipient. `taken` is called after a mail was taken."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, taken: Callable[[int], None] = lambda count: None) -> None:
        super().__init__((LOOPBACK, 0), _Conversation)
        self.port: int = self.server_address[1]
        self.taken = taken
        self.mails: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def __enter__(self) -> "MailServer":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of this server."""

    def take(self, recipient: str, mail: bytes) -> None:
        found = re.search(rb"^Message-ID: (\S+)", mail, re.MULTILINE | re.IGNORECASE)
        with self.lock:
            self.mails[recipient, found[1].decode() if found else ""] += 1
            count = self.mails.total()
        self.taken(count)


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.say(b"220 ready")
        recipient = ""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == b"DATA":
                self.say(b"354 go on")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.say(b"250 taken")
                self.server.take(recipient, mail)
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                self.say(b"250 yes")

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")
