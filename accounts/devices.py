"""Which device somebody signs in on: its name in words, and whether they signed in on it before.

What a device remembers is one cookie of marks. A mark is made from a person's key and tells nothing
to whoever reads it; the site keeps no list of devices.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac
from ua_parser import parse

from accounts.models import User

_COOKIE = f"{settings.SESSION_COOKIE_NAME}-device"
_YEAR = 365 * 24 * 60 * 60
#: People who may sign in on one device without its forgetting the first of them.
_MOST_MARKS = 5

_BROWSERS = {
    "Chrome": "Chrome",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chromium": "Chromium",
    "HeadlessChrome": "Chrome",
    "Edge": "Edge",
    "Edge Mobile": "Edge",
    "Firefox": "Firefox",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Mobile Safari": "Safari",
    "Safari": "Safari",
    "Opera": "Opera",
    "Opera Mobile": "Opera",
    "Samsung Internet": "Samsung Internet",
    "DuckDuckGo Mobile": "DuckDuckGo",
}
_SYSTEMS = {
    "Android": "Android",
    "Chrome OS": "a Chromebook",
    "iOS": "an iPhone",
    "Linux": "Linux",
    "Mac OS X": "a Mac",
    "Ubuntu": "Linux",
    "Windows": "Windows",
}


def in_words(user_agent: str) -> str:
    """For example "Firefox on Android". Only names that we know: others choose what they send."""
    if not user_agent:
        return "A browser"
    found = parse(user_agent[:300])
    browser = _BROWSERS.get(found.user_agent.family if found.user_agent else "", "A browser")
    system = _SYSTEMS.get(found.os.family if found.os else "", "")
    if system == "an iPhone" and found.device and found.device.family == "iPad":
        system = "an iPad"
    return f"{browser} on {system}" if system else browser


def _mark(user: User) -> str:
    return salted_hmac(__name__, str(user.pk), algorithm="sha256").hexdigest()[:40]


def _marks(request: HttpRequest) -> list[str]:
    return request.COOKIES.get(_COOKIE, "")[:400].split(".")[:_MOST_MARKS]


def is_known(request: HttpRequest, user: User) -> bool:
    """Whether this person signed in on this device before, as far as it remembers."""
    mark = _mark(user)
    # Every mark is compared, so that the time tells nothing.
    return any([constant_time_compare(mark, one) for one in _marks(request)])  # noqa: C419


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Have the device remember this person, newest first."""
    mark = _mark(user)
    others = [one for one in _marks(request) if one and one != mark]
    response.set_cookie(
        _COOKIE,
        ".".join([mark, *others][:_MOST_MARKS]),
        max_age=_YEAR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
