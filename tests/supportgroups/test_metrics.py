"""Figures for those who run the site: complete, behind a token, and without anybody in them."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import yaml
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from audit import periodic
from audit.models import TrailCheck
from safeguarding.models import Alert
from sessions.models import Reminder
from supportgroups import figures, tasks
from supportgroups.backup import folder
from supportgroups.celery import app as celery
from supportgroups.lib import metrics
from tests import factories
from tests.processes import ROOT

TOKEN = "0123456789" * 4
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
#: Every label there is, and what may stand in it besides names of views.
LABELS = {
    "view": None,
    "status": {"1xx", "2xx", "3xx", "4xx", "5xx"},
    "result": {"sent", "failed"},
    "way": {"password", "code"},
    "state": {"most", "open", "free", "waited_for"},
    "run": set(figures.RUNS),
    "part": set(figures.PARTS),
    "le": None,
}


def state() -> dict[tuple[str, str], float]:
    """Each figure of the installation by its short name and the value of its label, if any."""
    registry = CollectorRegistry()
    registry.register(figures.State())
    return {
        (sample.name.removeprefix("supportgroups_"), "".join(sample.labels.values())): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


@pytest.fixture
def port(settings: Any) -> int:
    settings.METRICS_TOKEN = TOKEN
    taken = metrics.serve(port=0)
    assert taken is not None
    return taken


def ask(port: int, path: str = "/metrics", token: str | None = TOKEN) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


# The door -----------------------------------------------------------------------------------------


def test_only_the_token_opens_the_figures(port: int) -> None:
    status, told = ask(port)
    assert status == 200
    assert "supportgroups_sockets_open" in told
    for token in (None, "", TOKEN[:-1], TOKEN + "0", "é"):
        if token == "é":
            continue  # urllib sends no such header; compare_digest gets bytes anyway
        assert ask(port, token=token) == (401, "")
    assert ask(port, "/")[0] == 404


def test_without_a_token_nothing_listens(settings: Any) -> None:
    assert settings.METRICS_TOKEN == ""
    assert metrics.serve(port=0) is None
    with pytest.raises(CommandError, match="Set METRICS_TOKEN"):
        call_command("metrics")


def test_a_port_that_is_taken_stops_nobody(port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert metrics.serve(port=port) is None
    assert "metrics.port_unusable" in caplog.messages


@pytest.mark.django_db
def test_the_public_address_tells_no_figures(client: Any) -> None:
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 404


# Nobody stands in them ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_figures_hold_nobody(port: int, coordinator: Any, organisation: Any, group: Any) -> None:
    """After every kind of request: no id, name, address or group, and only labels of ours."""
    browser, person = coordinator.client, coordinator.user
    browser.get(reverse("groups:group_detail", args=[group.slug]))
    browser.get(reverse("outcomes:overview", args=[organisation.slug]))
    browser.get(f"/nothing/{person.email}")
    browser.post(reverse("account_login"), {"login": person.email, "password": "wrong"})
    Alert.objects.create(
        concern=factories.concern(organisation=organisation),
        person=person,
        turn=1,
        made_at=timezone.now() - timedelta(hours=1),
        next_try_at=timezone.now(),
    )
    registry = CollectorRegistry()
    registry.register(figures.State())
    told = ask(port)[1] + generate_latest(registry).decode()
    for words in (
        *(person.email, person.display_name, str(person.pk)),
        *(organisation.name, organisation.slug, str(organisation.pk)),
        *(group.name, group.slug, str(group.pk)),
    ):
        assert words.lower() not in told.lower()
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|@", told)

    names = set()
    for family in text_string_to_metric_families(told):
        if not family.name.startswith("supportgroups_"):
            assert re.match("python_|process_", family.name)
            continue
        for sample in family.samples:
            for label, value in sample.labels.items():
                allowed = LABELS[label]
                assert allowed is None or value in allowed
                names |= {value} if label == "view" else set()
    assert {"groups:group_detail", "outcomes:overview", "none"} <= names


@pytest.mark.django_db
def test_what_is_counted(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"supportgroups_{name}", labels) or 0

    def counted() -> list[float]:
        return [
            value("request_seconds_count", view="healthz", status="2xx"),
            value("request_seconds_count", view="none", status="4xx"),
            value("sign_ins_failed_total", way="password"),
            value("mails_total", result="sent"),
            value("mails_total", result="failed"),
        ]

    before = counted()
    client.get("/healthz")
    client.get("/nothing/")
    assert not client.login(email="nobody@example.org", password="wrong")
    backend = metrics.CountingEmailBackend.__new__(metrics.CountingEmailBackend)
    monkeypatch.setattr(metrics.EmailBackend, "send_messages", lambda self, messages: 1)
    backend.send_messages([mail.EmailMessage(), mail.EmailMessage()])
    assert [now - was for now, was in zip(counted(), before, strict=True)] == [1, 1, 1, 1, 1]


# The state of the installation --------------------------------------------------------------------


@pytest.mark.django_db
def test_the_state_is_told(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, group: Any
) -> None:
    settings.BACKUP_DIR = tmp_path
    monkeypatch.setattr(tasks, "DUE_BY_THE_CLOCK", (lambda: 1 / 0,))
    with figures._redis() as client:
        client.delete(figures._RUNS_KEY)
    assert ("clock_ended_timestamp_seconds", "tick") not in state()
    assert state()["backup_timestamp_seconds", ""] == 0

    tasks.tick()
    made_at = timezone.now().replace(microsecond=0)
    (tmp_path / folder.name_for(made_at)).write_bytes(b"1234")
    TrailCheck.objects.create(
        checked_at=made_at, head_number=0, head_hash=b"", found=["Event 1 was removed."]
    )
    for minutes in (5, 20):
        reminder = Reminder.objects.create(
            support_session=factories.support_session(group), user=factories.user(), kind="moved"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE support_sessions_reminder SET id = uuidv7(%s) WHERE id = %s",
                [timedelta(minutes=-minutes), reminder.pk],
            )
    now = state()
    assert abs(now["clock_ended_timestamp_seconds", "tick"] - time.time()) < 60
    assert now["clock_failed_parts", "tick"] == 1
    assert now["trail_broken", ""] == 1
    assert now["reminders_late", ""] == 1
    assert now["alerts_late", ""] == 0
    assert now["backup_timestamp_seconds", ""] == made_at.timestamp()
    assert now["backup_bytes", ""] == 4
    assert 0 < now["disk_free_bytes", ""] < now["disk_bytes", ""]
    assert now["database_bytes", ""] > 1_000_000
    assert {now["readable", part] for part in figures.PARTS} == {1}


@pytest.mark.django_db
def test_the_queue_says_how_long_it_waits() -> None:
    with celery.connection_for_write() as broker:
        broker.default_channel.client.delete("celery")
        try:
            tasks.nightly.apply_async()
            now = {
                sample.name: sample.value for each in figures._queue() for sample in each.samples
            }
        finally:
            broker.default_channel.client.delete("celery")
    assert now["supportgroups_queue_waiting"] == 1
    assert 0 <= now["supportgroups_queue_oldest_seconds"] < 60


@pytest.mark.django_db
def test_a_part_that_cannot_be_read_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Iterator[Any]:
        raise psycopg.OperationalError

    monkeypatch.setitem(figures.PARTS, "database", gone)
    now = state()
    assert (now["readable", "database"], now["readable", "queue"]) == (0, 1)


# Alerts -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_alerts_name_figures_that_exist(settings: Any, tmp_path: Any) -> None:
    settings.BACKUP_DIR = tmp_path
    registry = CollectorRegistry()
    registry.register(figures.State())
    archiving = {"supportgroups_wal_archived_total", "supportgroups_wal_archive_failures_total"}
    # Described where archiving is on.
    source = (ROOT / "supportgroups" / "figures.py").read_text()
    assert all(name.removeprefix("supportgroups_").removesuffix("_total") in source
               for name in archiving)  # fmt: skip
    TrailCheck.objects.create(checked_at=timezone.now(), head_number=0, head_hash=b"")
    figures.note_run("tick", begun=time.time(), failed=0)
    metrics.REQUESTS.labels("none", "5xx")
    exist = archiving | {
        name
        for each in (REGISTRY, registry)
        for family in each.collect()
        for name in (family.name, *(sample.name for sample in family.samples))
    }
    named = {name for rule in RULES for name in re.findall(r"supportgroups_\w+", rule["expr"])}
    assert len(named) > 15
    assert named - exist == {"supportgroups_queue_oldest_seconds"} - exist


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["expr"].count("(") == rule["expr"].count(")")
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^##+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    assert anchor in anchors


def test_prometheus_reads_every_process() -> None:
    read = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    processes, installation = read["scrape_configs"]
    ports = {job["port"] for job in processes["dns_sd_configs"]}
    ports |= {int(target.split(":")[1]) for target in installation["static_configs"][0]["targets"]}
    assert ports == {int(compose["x-environment"]["METRICS_PORT"])}
    assert set(processes["dns_sd_configs"][0]["names"]) <= set(compose["services"])
    assert processes["authorization"] == installation["authorization"]


# The broken trail ---------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_broken_trail_is_mailed_to_the_operator(settings: Any, caplog: Any) -> None:
    settings.OPERATOR_EMAIL = "operator@example.org"
    periodic.verify_trail()
    assert mail.outbox == []
    # A head that is not there any more: somebody cut off the end.
    TrailCheck.objects.create(checked_at=timezone.now(), head_number=7, head_hash=bytes(32))
    periodic.verify_trail()
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["operator@example.org"], "The trail is broken")
    assert "Seal 7, which an earlier check found, was removed." in sent.body
    assert "Treat it as a breach" in sent.body
    assert "trail.broken" in caplog.messages
