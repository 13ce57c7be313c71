"""Pages of imports, what other sites get, and the page to print."""

import json
from datetime import time
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from icalendar import Calendar

from groups.models import SupportGroup
from outreach import export, importing, tasks
from outreach.models import Import, ImportRow
from tests import factories


@pytest.fixture(autouse=True)
def fresh():
    for name in ("meeting-guide", "csv", "calendar"):
        for part in ("", ":fresh", ":lock"):
            cache.delete(f"export:{name}{part}")


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """What the worker was asked to do."""
    found = []
    monkeypatch.setattr(tasks.read_import, "delay", lambda pk: found.append(("read", pk)))
    monkeypatch.setattr(tasks.take_over, "delay", lambda pk: found.append(("take over", pk)))
    return found


def upload(client, organisation, content, **fields):
    file = SimpleUploadedFile("feed.json", content)
    return client.post(
        reverse("outreach:import_start", args=[organisation.slug]),
        {"format": "meeting-guide", "file": file, **fields},
    )


FEED = json.dumps(
    [
        {"name": "Tea and talk", "slug": "tea", "day": 1, "time": "10:00", "notes": "Call Mary."},
        {"slug": "nameless"},
    ]
).encode()


def test_from_a_file_to_groups(
    coordinator, organisation, asked, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = upload(coordinator.client, organisation, FEED)
    run = Import.objects.get()
    address = reverse("outreach:import_detail", args=[run.pk])
    assert response["Location"] == address
    assert asked == [("read", str(run.pk))]
    assert b"Waiting to be read" in coordinator.client.get(address).content

    importing.read(run.pk)
    page = coordinator.client.get(address).content.decode()
    assert "Nothing has changed yet" in page
    assert "The meeting has no name." in page
    assert "a personal name found and not published" in page
    assert "Mary" not in page
    only = coordinator.client.get(address, {"outcome": "refused"}).content.decode()
    assert "Tea and talk" not in only

    with django_capture_on_commit_callbacks(execute=True):
        coordinator.client.post(reverse("outreach:import_apply", args=[run.pk]))
        coordinator.client.post(reverse("outreach:import_apply", args=[run.pk]))
    assert asked[1:] == [("take over", str(run.pk))]
    assert b"Being taken over" in coordinator.client.get(address).content
    importing.take_over(run.pk)
    assert b"Taken over" in coordinator.client.get(address).content
    assert SupportGroup.objects.get(name="Tea and talk").is_from_feed


def test_a_part_of_the_page_while_it_is_read(coordinator, organisation):
    run = factories.import_run(organisation=organisation, state="reading", progress=3, total=9)
    address = reverse("outreach:import_detail", args=[run.pk])

    part = coordinator.client.get(address, headers={"HX-Request": "true"}).content.decode()

    assert "3 of 9 rows" in part
    assert "hx-trigger" in part
    assert "<html" not in part


def test_a_large_loss_is_asked_about(coordinator, organisation):
    run = factories.import_run(organisation=organisation, state="ready")
    group = factories.group(organisation=organisation)
    run.feed.entries.create(key="a", group=group, fingerprint="x")
    ImportRow.objects.create(run=run, number=1, key="a", name="A", outcome="paused")
    address = reverse("outreach:import_apply", args=[run.pk])

    response = coordinator.client.post(address)

    assert "Tick this box" in response.content.decode()
    run.refresh_from_db()
    assert run.state == "ready"
    coordinator.client.post(address, {"is_confirmed": "on"})
    run.refresh_from_db()
    assert run.state == "applying"


def test_drop(coordinator, organisation):
    run = factories.import_run(organisation=organisation, content=b"x")

    coordinator.client.post(reverse("outreach:import_drop", args=[run.pk]))

    run.refresh_from_db()
    assert (run.state, run.content) == ("dropped", None)
    listed = coordinator.client.get(reverse("outreach:import_list", args=[organisation.slug]))
    assert b"Dropped" in listed.content


def test_what_was_typed_stays_when_the_file_is_missing(coordinator, organisation):
    response = coordinator.client.post(
        reverse("outreach:import_start", args=[organisation.slug]),
        {"format": "csv", "name": "Our leaflet"},
    )

    assert b"Our leaflet" in response.content
    assert b"<title>Error:" in response.content


def test_a_name_of_another_format_is_refused(coordinator, organisation):
    factories.feed(organisation=organisation, name="Ours", format="csv")

    response = upload(coordinator.client, organisation, FEED, name="Ours")

    assert "feed of another format" in response.content.decode()


def test_too_large_a_file(coordinator, organisation, monkeypatch):
    monkeypatch.setattr("outreach.forms.LARGEST", 10)

    assert b"Choose one of at most 20" in upload(coordinator.client, organisation, FEED).content


def test_the_template(coordinator):
    response = coordinator.client.get(reverse("outreach:import_template"))

    assert response.content.decode("utf-8-sig").startswith("id,name,purpose")


# Out ----------------------------------------------------------------------------------------------


@pytest.fixture
def directory(organisation):
    def make(name, rule, **fields):
        group = factories.group(
            organisation=organisation, name=name, slug=name.lower().replace(" ", "-"),
            address="1 Secret Street", online_link="https://secret.example/1",
            joining_details="Password: secret", **fields,
        )  # fmt: skip
        if rule:
            factories.series(group, rrule=rule, starts_at_time=time(23, 30), minutes=60)
        return group

    make("Weekly", "FREQ=WEEKLY;BYDAY=TU", format="in_person", place="Library, Leeds")
    make("Twice a week", "FREQ=WEEKLY;BYDAY=SU,TH")
    make("Every other week", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU")
    make("Monthly", "FREQ=MONTHLY;BYDAY=1MO")
    make("Course", "FREQ=WEEKLY;BYDAY=TU;COUNT=8")
    make("By appointment", None)
    hidden = make("Hidden", "FREQ=WEEKLY;BYDAY=TU", lifecycle="draft")
    factories.support_session(hidden)
    factories.support_session(SupportGroup.objects.get(slug="every-other-week"))


def test_meeting_guide_has_weekly_groups_only(directory, client):
    response = client.get(reverse("outreach:export_meeting_guide"))

    found = {entry["slug"]: entry for entry in response.json()}
    assert found.keys() == {"weekly", "twice-a-week", "by-appointment"}
    assert found["weekly"]["day"] == 2
    assert (found["weekly"]["time"], found["weekly"]["end_time"]) == ("23:30", "00:30")
    assert found["weekly"]["timezone"] == "Europe/London"
    assert found["weekly"]["formatted_address"] == "Library, Leeds"
    assert found["twice-a-week"]["day"] == [0, 4]
    assert "day" not in found["by-appointment"]
    assert b"ecret" not in response.content
    assert response["Access-Control-Allow-Origin"] == "*"


def test_what_we_export_can_be_imported(directory, client):
    from outreach import meeting_guide, table

    feed = client.get(reverse("outreach:export_meeting_guide")).content
    sheet = client.get(reverse("outreach:export_csv")).content

    assert not meeting_guide.read(feed, time_zone="UTC").refused()
    assert not table.read(sheet, time_zone="UTC").refused()


def test_the_table_has_every_listed_group_and_nothing_private(directory, client):
    text = client.get(reverse("outreach:export_csv")).content.decode()

    assert "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU" in text
    assert "Hidden" not in text
    assert "ecret" not in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_the_table_is_a_formula(start):
    assert export._cell(f"{start}1") == f"'{start}1"
    assert export._cell("1 - 2") == "1 - 2"
    assert export._cell(Decimal("-1.55")) == "-1.55", "a number stays one"


def test_the_calendar_has_coming_sessions_of_listed_groups(directory, client):
    text = client.get(reverse("outreach:export_calendar")).content.decode()

    assert text.count("BEGIN:VEVENT") == 1
    assert "SUMMARY:Every other week" in text
    assert "ecret" not in text


def test_a_calendar_is_written_as_calendars_read_it(directory):
    group = SupportGroup.objects.get(slug="every-other-week")
    group.name = "Größe; Ruhe, \\ und " + "Ä" * 60
    group.format, group.place = "in_person", "Hall, Leeds"
    group.save()

    content = export.calendar_file()

    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    [event] = Calendar.from_ical(content).walk("VEVENT")
    session = group.support_sessions.get()
    assert (str(event["summary"]), str(event["location"])) == (group.name, "Hall, Leeds")
    assert event.start == session.starts_at.replace(microsecond=0)
    assert event["uid"].startswith(f"public-{session.pk}@")
    assert event["url"].endswith("/groups/every-other-week/")


def test_one_process_at_a_time_makes_a_copy(directory, client):
    address = reverse("outreach:export_csv")
    cache.add("export:csv:lock", 1, timeout=60)
    busy = client.get(address)
    assert (busy.status_code, busy["Retry-After"]) == (503, "30")

    cache.delete("export:csv:lock")
    first = client.get(address)
    assert first["Cache-Control"] == "public, max-age=300"
    SupportGroup.objects.update(name="Other")
    cache.delete("export:csv:fresh")
    cache.add("export:csv:lock", 1, timeout=60)
    assert client.get(address).content == first.content, "the old copy meanwhile"
    cache.delete("export:csv:lock")
    assert b"Other" in client.get(address).content


def test_the_flyer(directory, client):
    page = client.get(reverse("outreach:flyer", args=["weekly"])).content.decode()

    assert "Weekly" in page
    assert "Library, Leeds" in page
    assert 'class="sheet__code"' in page
    assert "ecret" not in page
    assert "style=" not in page
    assert client.get(reverse("outreach:flyer", args=["hidden"])).status_code == 404


def test_the_code_is_the_code_of_the_address():
    import segno

    from supportgroups.lib.qr import code_for

    code = code_for("https://example.org/groups/evening-circle/")

    dark = sum(sum(row) for row in segno.make("https://example.org/groups/evening-circle/",
                                              error="m", micro=False).matrix)  # fmt: skip
    drawn = sum(int(part.partition("v")[0]) for part in code.path.split("h")[1::2])
    assert drawn == dark
