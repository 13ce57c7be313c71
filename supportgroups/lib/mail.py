"""Mails that come again, and say how to stop them (RFC 8058)."""

from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage as Written
from email.message import Message
from email.policy import EmailPolicy, Policy, default
from typing import Any

from django.core.mail import EmailMessage


class _Verbatim(UnstructuredHeader):
    """A header on one line. Python breaks a long address into encoded words, which mail programs
    do not read as an address."""

    name: str

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Verbatim)  # type: ignore[arg-type] # the registry mixes the base in


class StoppableMail(EmailMessage):
    """A mail that a press in the mail program stops, without signing in."""

    def __init__(self, *args: Any, stop_link: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.extra_headers |= {
            "List-Unsubscribe": f"<{stop_link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def message(self, *, policy: "Policy[Message] | None" = None) -> Written:
        given = policy if isinstance(policy, EmailPolicy) else default
        return super().message(policy=given.clone(header_factory=_HEADERS))
