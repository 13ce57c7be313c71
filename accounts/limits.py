"""How often somebody may try to sign in, so that guessing is hopeless and nobody is locked out.

Counted apart: devices on which the person signed in before, and all others. A stranger can use up
what all others may try, and then only new devices wait; the person's own device never does. A code
by e-mail is counted apart from passwords, so each is left when the other one is used up.
"""

from dataclasses import dataclass

from allauth.core.internal.ratelimit import get_ip
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts import devices
from accounts.models import User


@dataclass(frozen=True)
class Rate:
    """So many within so many seconds, counted for what `per` names."""

    amount: int
    seconds: int
    per: str


_MINUTES, _HOUR, _DAY = 5 * 60, 60 * 60, 24 * 60 * 60
#: Of one account. `device`: all that are known to it; `place`: one network address.
RATES = {
    "password": (
        Rate(10, _MINUTES, "device"),
        Rate(40, _DAY, "device"),
        Rate(5, _MINUTES, "place"),
        Rate(30, _DAY, "place"),
        Rate(50, _HOUR, "account"),
        Rate(100, _DAY, "account"),
    ),
    "code": (
        Rate(5, _MINUTES, "device"),
        Rate(30, _DAY, "device"),
        Rate(3, _MINUTES, "place"),
        Rate(15, _DAY, "place"),
        # Each is a mail in somebody's box.
        Rate(15, _HOUR, "account"),
        Rate(40, _DAY, "account"),
    ),
}
#: What one network address may try for all accounts together.
_PLACES = {"password": Rate(60, _MINUTES, "everybody"), "code": Rate(60, _MINUTES, "everybody")}


def may_try(request: HttpRequest, what: str, email: str) -> bool:
    """Count one try, and say whether it may be made. The same for addresses without an account."""
    if not settings.SIGN_IN_LIMITS:
        return True
    email = email.strip().lower()
    user = User.objects.filter(email__iexact=email).first()
    # As much work for an address that nobody has.
    is_known = devices.is_known(request, user or User())
    place = get_ip(request)
    if is_known:
        asked = [(rate, email) for rate in RATES[what] if rate.per == "device"]
    else:
        asked = [
            (rate, f"{email}|{place}" if rate.per == "place" else email)
            for rate in RATES[what]
            if rate.per != "device"
        ]
        asked.append((_PLACES[what], place))
    # All are counted, so that the time tells nothing either.
    return all([_count(what, rate, whom) <= rate.amount for rate, whom in asked])  # noqa: C419


def forget_tries(request: HttpRequest, email: str) -> None:
    """The person came in: what they mistyped does not count against their device any more."""
    for rate in RATES["password"]:
        if rate.per == "device":
            cache.delete(_key("password", rate, email.strip().lower()))


def _key(what: str, rate: Rate, whom: str) -> str:
    # Neither an address nor a person's e-mail address stands in Redis.
    digest = salted_hmac(__name__, whom, algorithm="sha256").hexdigest()[:32]
    return f"tries:{what}:{rate.per}:{rate.seconds}:{digest}"


def _count(what: str, rate: Rate, whom: str) -> int:
    key = _key(what, rate, whom)
    cache.add(key, 0, timeout=rate.seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # it ran out between the two
        return 1
