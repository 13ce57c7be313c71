"""The bar and the outbox, under the demo's addresses and settings."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user
from django.test import Client, override_settings
from django.urls import include, path

from supportgroups import urls
from supportgroups.demo import sample_world
from tests import factories
from tests.demo.test_outbox import mail, send

urlpatterns = [*urls.urlpatterns, path("demo/", include("supportgroups.demo.urls"))]
handler404 = urls.handler404


@pytest.fixture
def demo(db: None, settings: Any, tmp_path: Path) -> Any:
    """The settings that make the demo, around the few people a test needs."""
    templates = [{**each} for each in settings.TEMPLATES]
    options = dict(templates[0]["OPTIONS"])
    options["context_processors"] = [
        *options["context_processors"],
        "supportgroups.demo.context_processors.demo_bar",
    ]
    templates[0]["OPTIONS"] = options
    with override_settings(
        DEMO=True, DEMO_OUTBOX=tmp_path, ROOT_URLCONF=__name__, TEMPLATES=templates
    ):
        yield tmp_path


@pytest.fixture
def marigold(demo: Path) -> Any:
    return factories.user(email="marigold@example.org", display_name="Marigold")


@pytest.mark.parametrize("person", sample_world.SAMPLE_PEOPLE, ids=lambda each: each.key)
def test_switch_signs_in_and_goes_to_where_their_day_begins(demo: Path, person: Any) -> None:
    user = factories.user(email=person.email)
    if person.role.startswith(("coordinator", "facilitator")):
        factories.staff_role(user=user)
    client = Client()
    response = client.post("/demo/switch/", {"person": person.key})
    assert response.status_code == 302
    assert get_user(client) == user
    assert client.get(response.url, follow=True).status_code == 200


def test_switch_forgets_who_was_signed_in_before(marigold: Any) -> None:
    client = Client()
    client.force_login(
        factories.user(), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    before = client.session.session_key
    client.post("/demo/switch/", {"person": "marigold"})
    assert get_user(client) == marigold
    assert client.session.session_key != before


@pytest.mark.parametrize("key", ["", "nobody", "marigold@example.org", "\x00"])
def test_switch_knows_only_the_sample_people(marigold: Any, key: str) -> None:
    client = Client()
    assert client.post("/demo/switch/", {"person": key}).status_code == 404
    assert not get_user(client).is_authenticated


def test_switch_needs_the_token_and_a_post(marigold: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/demo/switch/", {"person": "marigold"}).status_code == 403
    assert Client().get("/demo/switch/").status_code == 405


def test_outbox_shows_mails_to_anybody(demo: Path) -> None:
    link = "http://localhost:8000/account/"
    send(demo, mail("Your code <1>", body=f"Code: 4F7-K2Q\n{link}"))
    page = Client().get("/demo/outbox/").content.decode()
    assert "Your code &lt;1&gt;" in page
    assert "4F7-K2Q" in page
    assert f'href="{link}"' in page


def test_outbox_of_one_person(demo: Path) -> None:
    send(demo, mail("for Willow"), mail("for Heron", to="heron@example.org"))
    page = Client().get("/demo/outbox/", {"to": "heron\x00"}).content.decode()
    assert "for Heron" in page
    assert "for Willow" not in page


def test_outbox_when_empty(demo: Path) -> None:
    assert "No mail yet" in Client().get("/demo/outbox/").content.decode()


def test_bar_stands_on_every_page_and_names_who_is_signed_in(marigold: Any) -> None:
    client = Client()
    page = client.get("/").content.decode()
    for person in sample_world.SAMPLE_PEOPLE:
        assert f'value="{person.key}"' in page
    assert "Sign out" not in page
    client.post("/demo/switch/", {"person": "marigold"})
    page = client.get("/").content.decode()
    assert "you are Marigold" in page
    assert 'value="marigold" aria-current="true"' in page
    assert "Sign out" in page


def test_no_bar_without_the_demo(db: None) -> None:
    page = Client().get("/").content.decode()
    assert "Sample people" not in page
    assert "demo.css" not in page
