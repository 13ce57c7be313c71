"""Neither the outbox nor the switch can be reached outside the demo's own settings."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project_settings
from django.http import Http404
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from supportgroups.demo import views
from tests.processes import ROOT, own_environment
from tests.test_settings import PRODUCTION

ADDRESSES = ("/demo/", "/demo/outbox/", "/demo/switch/")

LOOK = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.test import RequestFactory
from django.http import Http404
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

def resolves(path):
    try:
        return bool(resolve(path))
    except Resolver404:
        return False

def named(name):
    try:
        return reverse(name)
    except NoReverseMatch:
        return None

found = {
    "resolved": [path for path in %r if resolves(path)],
    "named": [name for name in ("demo:outbox", "demo:switch") if named(name)],
    "imported": sorted(name for name in sys.modules if name.startswith("supportgroups.demo")),
    "settings": sorted(
        name for name in ("INSTALLED_APPS", "MIDDLEWARE", "TEMPLATES")
        if "supportgroups.demo" in repr(getattr(settings, name))
    ),
    "outbox": hasattr(settings, "DEMO_OUTBOX"),
}
from supportgroups.demo import views
request = RequestFactory().post("/demo/switch/", {"person": "marigold"})
try:
    views.switch(request)
except Http404:
    found["switch"] = "refused"
print(json.dumps(found))
"""


def look(environment: dict[str, str]) -> dict[str, Any]:
    """What a process with these settings knows of the demo."""
    result = subprocess.run(
        [sys.executable, "-c", LOOK % (ADDRESSES,)],
        cwd=ROOT,
        env=own_environment(DJANGO_SETTINGS_MODULE="supportgroups.settings", **environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_production_knows_nothing_of_the_demo() -> None:
    found = look(PRODUCTION)
    assert found == {
        "resolved": [],
        "named": [],
        "imported": [],
        "settings": [],
        "outbox": False,
        "switch": "refused",
    }


def test_production_ignores_a_variable_named_demo() -> None:
    """Only DJANGO_ENV decides."""
    found = look(PRODUCTION | {"DEMO": "true", "DEMO_OUTBOX": "/nowhere"})
    assert found["resolved"] == []
    assert found["imported"] == []


def test_the_demo_itself_has_both(tmp_path: Any) -> None:
    """So that the tests above would notice a change of name."""
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django; django.setup(); from django.urls import reverse;"
            "print(reverse('demo:outbox'), reverse('demo:switch'))",
        ],
        cwd=ROOT,
        env=own_environment(
            DJANGO_SETTINGS_MODULE="supportgroups.settings",
            DJANGO_ENV="demo",
            SECRET_KEY="signs nothing",
            FIELD_ENCRYPTION_KEYS=PRODUCTION["FIELD_ENCRYPTION_KEYS"],
            DATABASE_URL=PRODUCTION["DATABASE_URL"],
            REDIS_URL=PRODUCTION["REDIS_URL"],
            DEMO_OUTBOX=str(tmp_path),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.split() == ["/demo/outbox/", "/demo/switch/"], result.stderr


def test_not_installed_here() -> None:
    assert project_settings.DEMO is False
    assert not apps.is_installed("supportgroups.demo")
    assert "demo" not in repr(project_settings.TEMPLATES)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_here(client: Any, db: None, address: str) -> None:
    with pytest.raises(Resolver404):
        resolve(address)
    assert client.get(address).status_code == 404
    assert client.post(address, {"person": "marigold"}).status_code == 404


def test_switch_refuses_without_the_setting(rf: RequestFactory) -> None:
    with pytest.raises(Http404):
        views.switch(rf.post("/demo/switch/", {"person": "marigold"}))


def test_outbox_refuses_without_the_setting(rf: RequestFactory) -> None:
    with pytest.raises(Http404):
        views.outbox(rf.get("/demo/outbox/"))
