"""A no that says what to do next."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied

#: A socket that is refused, or whose right to listen ended, closes with this code.
SOCKET_CODE = 4403


@dataclass(frozen=True, slots=True)
class NextStep:
    """Where somebody who was refused can go on: words of a link and its address."""

    label: str
    url: str


class Refused(PermissionDenied):
    """Raised by a rule when somebody may know that a thing exists and may not do this with it.

    `reason` is a short code for programs and tests, `message` one kind sentence for the person,
    `next_step` the label and address of a way on, if there is one. HTTP answers 403 with both; a
    socket closes with `SOCKET_CODE`. What a person may not even know of is `Http404` instead.
    """

    def __init__(
        self, reason: str, message: str = "", *, next_step: tuple[str, str] | None = None
    ) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or "You cannot do this at the moment."
        self.next_step = NextStep(*next_step) if next_step else None
