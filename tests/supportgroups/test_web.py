"""Headers, cookies, ways back and mails, as somebody from outside would try them."""

import re
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import pairwise
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from sessions.emails import _words
from supportgroups.lib.cache import Serializer
from tests import factories
from tests.headers import wrong_with
from tests.test_access import DOORS, World
from tests.test_conventions import our_urls

pytestmark = pytest.mark.django_db


def policy_of(response) -> dict[str, str]:
    """The parts of the policy for content, by name."""
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: allowed for name, _, allowed in parts if name}


# Headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "how", "status"),
    [
        ("/", {}, 200),
        ("/safety/", {}, 200),
        ("/safety", {}, 301),
        ("/account/profile/", {}, 302),
        ("/static/js/times.js", {}, 200),
        ("/static/js/times.js", {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ("/static/nothing.js", {}, 404),
        ("/nothing-here/", {}, 404),
        ("/", {"Host": "elsewhere.example"}, 400),
        ("/.well-known/security.txt", {}, 200),
        ("/directory/groups.ics", {}, 200),
        ("/healthz", {}, 200),
    ],
)
def test_every_answer_sends_the_headers(client, path, how, status):
    """Doors of people: tests/test_doors.py."""
    response = client.get(path, headers=how)
    assert response.status_code == status
    open_to_all = path.startswith("/directory/")
    assert wrong_with(response, signed_in=False, open_to_all=open_to_all) == []


def test_an_error_of_ours_sends_them_too(client, monkeypatch):
    monkeypatch.setattr("supportgroups.health.settings", None)
    client.raise_request_exception = False
    response = client.get("/readyz")
    assert response.status_code == 500
    assert wrong_with(response, signed_in=True) == []


def test_the_policy_lets_nothing_inline_in(client):
    policy = policy_of(client.get("/"))
    assert "unsafe" not in " ".join(policy.values())
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'nonce-[^']{16,}'", policy["script-src"])
    assert {policy[name] for name in ("style-src", "img-src", "connect-src", "form-action")} == {
        "'self'"
    }
    assert {policy["base-uri"], policy["frame-ancestors"]} == {"'none'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "default"


def test_a_nonce_is_never_used_twice(client):
    nonces = {policy_of(client.get("/"))["script-src"] for _ in range(3)}
    assert len(nonces) == 3


def test_whatever_a_signed_in_person_gets_is_kept_by_nobody(cast, group):
    """Pages, files, what is refused and what is not there."""
    world = World(cast, group)
    client = cast["coordinator"].client
    names = ("outcomes:overview", "oversight:trail_csv", "screening:review", "accounts:profile")
    paths = [reverse(name, args=DOORS[name].at(world)) for name in names]
    for path in (*paths, "/nothing-here/", reverse("screening:review", args=[world.draft.pk])):
        assert "no-store" in client.get(path)["Cache-Control"], path


# Cookies and sign-ins -----------------------------------------------------------------------------


def test_cookies_are_for_this_site_only_and_no_script_reads_a_secret_one(client):
    person = factories.user()
    client.get(reverse("account_login"))
    client.post(reverse("account_login"), {"login": person.email, "password": factories.PASSWORD})
    for name in (django_settings.SESSION_COOKIE_NAME, django_settings.CSRF_COOKIE_NAME):
        cookie = client.cookies[name]
        assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert client.cookies[django_settings.SESSION_COOKIE_NAME]["httponly"]
    assert django_settings.CSRF_COOKIE_HTTPONLY


def test_the_key_of_a_sign_in_changes_at_sign_in_and_with_the_password(client):
    """Whoever planted, or saw, an earlier key holds nothing."""
    person = factories.user()
    session = client.session
    session["planted"] = "by somebody"
    session.save()
    keys = [session.session_key]
    sign_in = reverse("account_login")
    client.post(sign_in, {"login": person.email, "password": factories.PASSWORD})
    keys.append(client.session.session_key)
    assert client.session.get("_auth_user_id") == str(person.pk)
    client.post(reverse("account_reauthenticate"), {"password": factories.PASSWORD})
    fresh = "another battery horse staple"
    client.post(
        reverse("account_change_password"),
        {"oldpassword": factories.PASSWORD, "password1": fresh, "password2": fresh},
    )
    person.refresh_from_db()
    assert person.check_password(fresh)
    keys.append(client.cookies[django_settings.SESSION_COOKIE_NAME].value)
    assert all(one != other for one, other in pairwise(keys))


# Ways back ----------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "///elsewhere.example",
    "/\\elsewhere.example",
    "\\\\elsewhere.example",
    "/\t/elsewhere.example",
    "/\r\n/elsewhere.example",
    "\x00//elsewhere.example",
    "http://testserver//elsewhere.example/",
    "http://testserver/\\elsewhere.example/",
    "http://testserver@elsewhere.example/",
    "http:///elsewhere.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//",
    "\tjavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "https:elsewhere.example",
    " https://elsewhere.example",
    # No address, and no name of a page either.
    "elsewhere",
    "?elsewhere",
    "groups:directory",
    "\u202e//elsewhere.example",
    "/" * 3000,
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_page_leads_elsewhere(address):
    """Every place that takes an address: a field, a query, or the page that led here."""
    person = factories.user()
    given = {"next": address, "back": address}
    visitor, client = Client(), Client()
    client.force_login(person, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    plain = address.encode("ascii", "ignore").decode()
    from_there = {"headers": {"Referer": plain}}
    from_part = {"headers": {"HX-Current-URL": plain, "HX-Request": "true"}}
    answers = [
        client.post(reverse("pages:display"), given | {"theme": "dark"}),
        visitor.post(reverse("groups:time_zone"), given | {"time_zone": "Europe/Berlin"}),
        visitor.post(
            reverse("account_login"),
            given | {"login": person.email, "password": factories.PASSWORD},
        ),
        visitor.get(reverse("account_login"), given),  # signed in already
        visitor.get(reverse("account_signup"), given),
        client.get(reverse("accounts:file_ready"), given),
        client.post(reverse("account_reauthenticate"), given | {"password": factories.PASSWORD}),
        client.get(reverse("outcomes:answers_csv"), **from_there),
        client.post(reverse("outcomes:answers_delete"), given, **from_part),
        Client().post(reverse("outcomes:answers_delete"), given, **from_part),
        client.post(reverse("outcomes:answers_delete"), given, **from_there),
        client.post(reverse("account_logout"), given, **from_there),
    ]
    for answer in answers:
        assert answer.status_code < 400, answer
        for name in ("Location", "HX-Redirect", "Refresh"):
            # As a browser reads it: a backslash is a slash, and control characters are nothing.
            leads = re.sub(r"[\x00-\x20]", "", answer.headers.get(name, "/").replace("\\", "/"))
            here = f"http://testserver{answer.wsgi_request.path}"
            assert urlsplit(urljoin(here, leads))[:2] == ("http", "testserver"), leads
        words = answer.content.decode()
        assert not re.search(r'(href|action|formaction|value)="(//|[^"]*elsewhere\.example)', words)


# Mails --------------------------------------------------------------------------------------------


def test_no_name_adds_a_line_to_the_head_of_a_mail(group, member):
    group.name = "Circle\r\nBcc: everybody@elsewhere.example\n\nHello"
    group.save()
    member.user.mails_name_groups = True
    member.user.save()
    reminder = factories.reminder(factories.support_session(group), member.user)
    subject, _ = _words(reminder, stop="")
    message = EmailMessage()
    message["Subject"] = subject
    assert message["Subject"].startswith("Circle Bcc: everybody@elsewhere.example Hello: your")


#: Where a link in a mail leads, and who gets that mail. What the others link to is listed in
#: `test_every_link_in_a_mail_is_looked_at`.
MAILED = {
    "accounts:mails_stop": "visitor",
    "accounts:staff_list": "coordinator",
    "groups:notice": "member",
    "outcomes:participant_home": "member",
    "outcomes:survey_start": "member",
    "oversight:emergency": "coordinator",
    "oversight:who_read": "member",
    "accounts:reminders": "member",
    "safeguarding:concern_detail": "coordinator",
    "screening:application_detail": "applicant",
    "screening:review": "coordinator",
    "sessions:answer": "visitor",
    "sessions:calendar": "member",
    "sessions:cover": "facilitator",
    "sessions:debrief": "facilitator",
    "sessions:review_detail": "coordinator",
    "sessions:pulse": "member",
    "sessions:report_detail": "coordinator",
    "sessions:session_detail": "member",
}
#: Reading is written down; that is all an opened link may write.
WRITES = re.compile(
    r'^(INSERT INTO|UPDATE|DELETE FROM) "(?!audit_event|accounts_browsersession)', re.I
)


def test_opening_a_link_of_a_mail_uses_nothing_up(cast, group):
    """Mail scanners open every link, some twice."""
    world = World(cast, group)
    for name, who in MAILED.items():
        path = reverse(name, args=DOORS[name].at(world))
        statuses = []
        for _ in range(2):
            with CaptureQueriesContext(
                connection,
            ) as asked:
                statuses.append(cast[who].client.get(path).status_code)
            written = [query["sql"][:120] for query in asked if WRITES.match(query["sql"])]
            assert written == [], f"{name}: {written}"
        assert statuses[0] == statuses[1] < 400, f"{name}: {statuses}"


def test_every_link_in_a_mail_is_looked_at():
    """A mail that links to another page fails here until somebody looks whether opening is safe."""
    linked = set()
    for path in django_settings.BASE_DIR.glob("*/*emails.py"):
        text = path.read_text()
        linked |= set(re.findall(r'(?:reverse|_address)\(\s*"([a-z_]+:[a-z_]+)"', text))
    assert len(linked) > 8
    assert linked - MAILED.keys() == set()


# What is stored and how ---------------------------------------------------------------------------


def test_nothing_is_pickled():
    """Who can write into Redis or the table of sign-ins must not run code with it."""
    assert django_settings.SESSION_SERIALIZER.endswith("JSONSerializer")
    assert (django_settings.CELERY_TASK_SERIALIZER, django_settings.CELERY_ACCEPT_CONTENT) == (
        "json",
        ["json"],
    )
    for value in (1, -3, 0, True, None, "ä", [1.5, "x"], {"a": [1]}, b"\x00\xff", b"7"):
        cache.set("kept", value)
        assert cache.get("kept") == value
        assert type(cache.get("kept")) is type(value)
    cache.set("counted", 1)
    assert cache.incr("counted") == 2
    with pytest.raises(TypeError):
        Serializer().dumps(object())
    with pytest.raises(ValueError, match="decode"):
        Serializer().loads(b"\x80\x05K\x01.")  # a pickle
    used = [
        str(path)
        for package in ("supportgroups", "sessions", "outcomes", "accounts", "groups")
        for path in (django_settings.BASE_DIR / package).rglob("*.py")
        if re.search(r"^\s*(import|from) (pickle|shelve|marshal)\b", path.read_text(), re.M)
    ]
    assert used == []


def test_links_signed_with_the_key_before_still_hold():
    """As `docs/operations.md` says of changing SECRET_KEY."""
    with override_settings(SECRET_KEY="the key of last week"):
        signed = signing.dumps("x", salt="test")
    with pytest.raises(signing.BadSignature):
        signing.loads(signed, salt="test")
    with override_settings(SECRET_KEY_FALLBACKS=["the key of last week"]):
        assert signing.loads(signed, salt="test") == "x"


def test_there_is_no_admin_site():
    """Operators use commands; nothing of Django's admin is installed or has an address."""
    assert "django.contrib.admin" not in django_settings.INSTALLED_APPS
    assert not any("admin" in name for name, _ in our_urls())
    for path in ("/admin/", "/admin/login/"):
        with pytest.raises(Resolver404):
            resolve(path)


def test_security_txt_names_an_address_for_less_than_a_year(client):
    """RFC 9116."""
    response = client.get("/.well-known/security.txt")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
    assert lines["Contact"] == "mailto:security@localhost"
    assert lines["Canonical"].endswith("/.well-known/security.txt")
    left = datetime.fromisoformat(lines["Expires"]) - timezone.now()
    assert timedelta(days=30) < left < timedelta(days=365)
