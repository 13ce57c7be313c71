"""A funder's report from the rows to the page and the PDF, and what nobody can work out of it."""

import itertools
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import BytesIO
from pathlib import Path
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pypdf import PdfReader

from accounts import consents
from accounts.models import User
from audit.models import Event
from groups.models import Membership, SupportGroup
from instruments.models import Instrument
from outcomes import (
    counting_actions,
    queries,
    report_actions,
    report_content,
    report_facts,
    report_inputs,
    report_making,
    report_periodic,
)
from outcomes.models import FunderReport, Programme, Response
from outcomes.report_rules import Period, months_to_report_on, usual_periods
from outcomes.statistics.shares import wilson
from sessions.models import Attendance
from supportgroups.lib.pdf import NotMade
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.outcomes.report_world import AFTER, FIRST, World, make_world

pytestmark = pytest.mark.django_db

ROOT = Path(settings.BASE_DIR)
QUARTER = Period(date(2026, 1, 1), date(2026, 3, 31))


@pytest.fixture
def world(organisation) -> World:
    return make_world(organisation)


@pytest.fixture
def report_on(coordinator, monkeypatch):
    """Make a report here and now. Its PDF costs half a second, so it is set only when asked for."""

    def _report_on(world, programme=None, period=QUARTER, *, pdf=False, **words):
        with monkeypatch.context() as patch:
            if not pdf:
                patch.setattr(report_making, "pdf", lambda *args: b"%PDF")
            report = report_actions.start_report(
                organisation=world.organisation,
                programme=programme,
                period=period,
                by=coordinator.user,
                at=AFTER,
                **words,
            )
            report_making.make(report.pk)
        report.refresh_from_db()
        return report

    return _report_on


def page_of(report, person):
    return person.client.get(f"/overview/{report.organisation.slug}/reports/{report.pk}/")


def closed_up(text: str) -> str:
    """Without white space, which a page and a document break in different places."""
    return re.sub(r"\s+", "", text)


def words_of(html: str) -> str:
    """What stands in the report's article, without tags and pictures."""
    article = html.split("<article", 1)[1].split("</article>", 1)[0]
    return unescape(re.sub(r"<[^>]+>", "", re.sub(r"<svg.*?</svg>", "", article, flags=re.S)))


def sayings_of(content) -> list[str]:
    """Every sentence of a report, and every row of its tables."""
    found = [stat["value"] + stat["label"] for stat in content["stats"]]
    for section in content["sections"]:
        found += [section["heading"], *section["paragraphs"], *section["points"], section["limit"]]
        for table in section["tables"]:
            found += [table["caption"], *table["notes"]]
            found += ["".join(row) for row in table["rows"]]
    return found


def test_the_report_says_what_is_so(world, report_on):
    report = report_on(world, world.programme)
    assert report.state == "ready"
    told = report.inputs["told"]
    assert told["reach"] == told["reach new"] == 60
    assert told["visits"] == 417
    assert told["visits expected"] == 588
    assert (told["reach format online"], told["reach format in_person"]) == (24, 36)
    assert (told["uptake could"], told["uptake came"]) == (60, 60)
    assert (told["stay 8 counted"], told["stay 8 gone"]) == (19, 19)
    assert (told["change phq-9"], told["change phq-9 both"]) == (38, 24)
    assert (told["asked"], told["asked answered"]) == (76, 62)
    assert report.inputs["felt"]["safe"] == {"n": 98, "total": 490.0}
    [four, eight] = report.inputs["curve"]
    assert four["share"] == eight["share"] == pytest.approx(41 / 60)
    summary = report.content["sections"][0]
    assert "60 people came to 36 sessions of 3 groups." in summary["points"]
    assert summary["limit"] == report_content.NO_CAUSE
    assert "caus" not in json.dumps(report.content).replace(
        "caused any change", ""
    ).lower().replace("because", "")


def test_nothing_below_eleven_and_nothing_that_gives_it_away(world, report_on):
    told = report_on(world, world.programme).inputs["told"]
    assert all(n == 0 or n >= 11 for n in told.values())
    # 10 improved and 14 did not: of the 24 neither may show; 0 got worse may.
    assert told["change phq-9 worse"] == 0
    assert not {"change phq-9 improved", "change phq-9 same"} & told.keys()


def test_page_and_pdf_say_the_same(world, report_on, coordinator):
    report = report_on(
        world, world.programme, pdf=True, introduction="Why *we* began\n\nAnd #more", learnt="Much."
    )
    page = page_of(report, coordinator)
    assert page.status_code == 200
    response = coordinator.client.get(page.request["PATH_INFO"] + "report.pdf")
    assert response["Content-Type"] == "application/pdf"
    reader = PdfReader(BytesIO(response.content))
    assert reader.root_object["/MarkInfo"]["/Marked"]
    assert reader.root_object["/Lang"] == "en"
    assert reader.metadata.title == f"{world.programme.name}, January to March 2026"
    document = "".join(pdf_page.extract_text() for pdf_page in reader.pages)
    running = rf"Made on 10 April 2026\s*Page \d of \d|{world.programme.name}, January.*?Network"
    document = closed_up(re.sub(running, "", document, flags=re.S))
    html = words_of(page.content.decode())
    # In the document the label stands below its number, in the page above it.
    html = closed_up(html + "".join(f"{s['value']}{s['label']}" for s in report.content["stats"]))
    for words in (*sayings_of(report.content), "Why *we* began", "And #more", report.fingerprint):
        assert closed_up(words) in html, words
        assert closed_up(words) in document, words
    assert Event.objects.filter(verb="report.downloaded", object_id=report.pk).exists()


def test_the_same_inputs_give_the_same_report_and_bytes(world, report_on):
    report = report_on(world, world.programme, pdf=True)
    inputs = json.loads(json.dumps(report.inputs))
    assert report_inputs.fingerprint_of(inputs) == report.fingerprint
    assert report_content.content_of(inputs) == report.content
    assert report.method == report_content.METHOD
    # The world moves on; the report does not.
    Attendance.objects.all().delete()
    again = FunderReport.objects.get(pk=report.pk)
    assert report_making.document_of(again) == bytes(report.pdf)


def test_staying_is_what_the_overview_counts(world):
    """Two ways to the same episodes: kept ones of the overview, and those of a report."""
    memberships = list(Membership.objects.order_by("pk"))
    for status, chosen in (("withdrawn", memberships[::5]), ("completed", memberships[1::7])):
        Membership.objects.filter(pk__in=[m.pk for m in chosen]).update(
            status=status, ended_at=FIRST + timedelta(weeks=7, days=1)
        )
    some = list(Attendance.objects.order_by("pk").values_list("pk", flat=True))[::9]
    Attendance.objects.filter(pk__in=some).update(
        status="excused", first_seen_at=None, last_seen_at=None
    )
    counting_actions.recount(by=None)
    kept: Counter[tuple[int, int]] = Counter()
    for row in queries.episode_counts(world.organisation):
        if row.is_first:
            kept[row.duration, row.outcome] += row.n
    since, until = QUARTER.moments(ZoneInfo("Europe/London"))
    ids = [group.pk for group in world.groups]
    facts = report_facts.facts_of(report_facts.Where(world.organisation, ids, since, until))
    assert Counter((s.duration, int(s.outcome)) for s in facts.stays.values()) == kept
    assert len(kept) > 5


def test_a_report_on_nobody_is_made(organisation, coordinator, report_on):
    group = factories.group(organisation=organisation)
    nobody = World(organisation, [group], factories.programme(organisation=organisation))
    report = report_on(nobody, pdf=True)
    assert report.state == "ready"
    assert "0 people came to 0 sessions of 0 groups." in words_of(
        page_of(report, coordinator).content.decode()
    )


def test_inputs_hold_no_person(world, report_on):
    kept = json.dumps(report_on(world, world.programme).inputs)
    assert "@" not in kept
    for person in Membership.objects.values_list("user__pk", flat=True):
        assert str(person) not in kept


def test_answers_of_whoever_said_no_do_not_count(world, report_on, organisation):
    members = Membership.objects.filter(group=world.groups[0]).order_by("pk")[:3]
    for membership in members:
        consents.withdraw(
            user=membership.user,
            purpose="count_my_answers",
            organisation=organisation,
            by=membership.user,
        )
    told = report_on(world, world.programme).inputs["told"]
    assert told["change phq-9"] == 35
    assert told["asked"] == 70


def test_what_came_after_the_period_is_not_known(world, report_on):
    later = AFTER + timedelta(days=1)
    Membership.objects.update(status="withdrawn", ended_at=later)
    first = Response.objects.filter(invitation__wave=1).first()
    assert first is not None
    told = report_on(world, world.programme).inputs["told"]
    assert told["stay 8 gone"] == 19


# Several reports -------------------------------------------------------------------------------


def test_a_programme_with_one_small_group_more_gives_nothing_away(world, report_on, organisation):
    """Sixteen come to the third group, so its numbers may be the difference; seven to a fourth."""
    report_on(world, world.programme)
    small = make_world(factories.organisation(), sizes=(7,))
    small.groups[0].organisation = organisation
    small.groups[0].save()
    wider = factories.programme(organisation=organisation, groups=[*world.groups, *small.groups])
    told = report_on(world, wider).inputs["told"]
    assert "reach" not in told
    assert "visits" not in told
    assert "stay" not in told
    without_third = factories.programme(organisation=organisation, groups=world.groups[:2])
    assert report_on(world, without_third).inputs["told"]["reach"] == 44


def test_a_quarter_less_two_months_gives_no_month_away(world, report_on):
    """Those who come in the middle first came in February; nobody did in March."""
    report_on(world, world.programme, Period.of_months(date(2026, 1, 1), date(2026, 1, 1)))
    report_on(world, world.programme, Period.of_months(date(2026, 2, 1), date(2026, 2, 1)))
    quarter = report_on(world, world.programme).inputs["told"]
    months = [
        report.inputs["told"] for report in FunderReport.objects.exclude(last_day="2026-03-31")
    ]
    for key in ("reach new", "visits", "asked"):
        if key in quarter and all(key in told for told in months):
            rest = quarter[key] - sum(told[key] for told in months)
            assert rest == 0 or rest >= 11, key


def test_all_reports_together_give_nobody_away(world, report_on, organisation):
    """Programmes that overlap, months that add up: add and subtract any three numbers."""
    small = make_world(factories.organisation(), sizes=(8, 12))
    SupportGroup.objects.filter(pk__in=[g.pk for g in small.groups]).update(
        organisation=organisation
    )
    groups = [*world.groups, *small.groups]
    for chosen, first, last in (
        (groups, 1, 3),
        (groups[:4], 1, 3),
        (groups[:3], 1, 2),
        (groups[1:], 2, 2),
        (groups[2:], 1, 1),
        (groups, 1, 1),
    ):
        programme = factories.programme(organisation=organisation, groups=chosen)
        months = Period.of_months(date(2026, first, 1), date(2026, last, 1))
        report_on(world, programme, months)
    rows: dict[str, set[tuple[int, ...]]] = {}
    persons = {pk: i for i, pk in enumerate(User.objects.values_list("pk", flat=True))}
    instruments = {"phq-9": Instrument.objects.newest("phq-9")}
    for report in FunderReport.objects.select_related("organisation"):
        facts = report_facts.facts_of(report_inputs.where_of(report), at=AFTER)
        for cell in itertools.chain(*report_facts.cells_of(facts, instruments)):
            if cell.key in report.inputs["told"]:
                row = [0] * len(persons)
                for person, n in cell.counts.items():
                    row[persons[person]] = n
                rows.setdefault(cell.family, set()).add(tuple(row))
    tried = 0
    for family, found in rows.items():
        numbers = [np.array(row) for row in sorted(found)]
        for size in (1, 2, 3):
            for picked in itertools.combinations(numbers, size):
                for signs in itertools.product((1, -1), repeat=size):
                    about = np.count_nonzero(sum(s * n for s, n in zip(signs, picked, strict=True)))
                    assert about == 0 or about >= 11, family
                    tried += 1
    assert tried > 1000


def test_looking_again_after_one_more_came_shows_nothing_new(world, report_on, coordinator):
    report = report_on(world, world.programme)
    report_actions.delete_report(report=report, by=coordinator.user)
    person = Membership.objects.filter(group=world.groups[0]).first().user
    Attendance.objects.filter(membership__user=person).delete()
    again = report_on(world, world.programme)
    assert again.pk != report.pk
    assert "reach" not in again.inputs["told"]
    # What did not change may be told again.
    assert again.inputs["told"]["change phq-9"] == 38


def test_asking_for_the_same_twice_makes_one(world, report_on, coordinator):
    first = report_on(world, world.programme)
    twin = factories.programme(organisation=world.organisation, groups=world.groups)
    again = report_on(world, twin)
    assert again.pk == first.pk
    assert Event.objects.filter(verb="report.started").count() == 1


def test_the_programme_of_a_report_stays_as_it_was(world, report_on, coordinator):
    report = report_on(world, world.programme)
    name = world.programme.name
    report_actions.change_programme(
        programme=world.programme, name="Renamed", groups=world.groups[:1], by=coordinator.user
    )
    report_actions.end_programme(programme=world.programme, by=coordinator.user)
    report.refresh_from_db()
    assert (report.programme_name, len(report.group_ids)) == (name, 3)
    assert name in words_of(page_of(report, coordinator).content.decode())


# The worker ------------------------------------------------------------------------------------


def test_a_report_whose_worker_was_killed_is_taken_up(world, coordinator, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(report_periodic.tasks.make_report, "delay", asked.append)
    monkeypatch.setattr(report_making, "pdf", lambda *args: b"%PDF")
    report = factories.funder_report(
        organisation=world.organisation,
        group_ids=[group.pk for group in world.groups],
        state="making",
        touched_at=timezone.now(),
    )
    report_periodic.take_up_reports()
    assert asked == []
    report_making.make(report.pk)  # somebody is at it
    report.refresh_from_db()
    assert report.state == "making"
    FunderReport.objects.update(touched_at=timezone.now() - timedelta(minutes=10))
    report_periodic.take_up_reports()
    assert asked == [str(report.pk)]
    report_making.make(report.pk)
    report_making.make(report.pk)
    report.refresh_from_db()
    assert report.state == "ready"
    assert Event.objects.filter(verb="report.made", object_id=report.pk).count() == 1


def test_a_worker_that_was_replaced_writes_nothing(world, monkeypatch):
    report = factories.funder_report(
        organisation=world.organisation, group_ids=[group.pk for group in world.groups]
    )

    def replaced(*args: object) -> bytes:
        FunderReport.objects.update(touched_at=timezone.now() + timedelta(seconds=5))
        return b"%PDF"

    monkeypatch.setattr(report_making, "pdf", replaced)
    report_making.make(report.pk)
    report.refresh_from_db()
    assert (report.state, report.pdf) == ("making", None)


def test_a_failure_shows_and_can_be_tried_again(world, coordinator, monkeypatch, caplog):
    report = factories.funder_report(
        organisation=world.organisation,
        group_ids=[group.pk for group in world.groups],
        introduction="Rosa came",
    )

    def fails(*args: object) -> bytes:
        raise NotMade("no")

    with monkeypatch.context() as patch:
        patch.setattr(report_making, "pdf", fails)
        report_making.make(report.pk)
    page = page_of(report, coordinator)
    assert "could not be made" in page.content.decode()
    assert "Rosa" not in caplog.text
    counted = FunderReport.objects.get(pk=report.pk).inputs
    address = page.request["PATH_INFO"] + "again/"
    assert coordinator.client.post(address).status_code == 302
    assert coordinator.client.post(address).status_code == 302
    assert Event.objects.filter(verb="report.tried_again").count() == 1
    assert 'hx-trigger="every 2s"' in page_of(report, coordinator).content.decode()
    monkeypatch.setattr(report_making, "pdf", lambda *args: b"%PDF")
    report_making.make(report.pk)
    report.refresh_from_db()
    assert report.state == "ready"
    assert report.inputs == counted


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one(organisation):
    person = factories.staff_role(organisation=organisation).user
    factories.group(organisation=organisation)
    begin, made = Barrier(2), []

    def click() -> None:
        begin.wait()
        try:
            report = report_actions.start_report(
                organisation=organisation, programme=None, period=QUARTER, by=person, at=AFTER
            )
            made.append(report.pk)
        finally:
            connection.close()

    clicks = [Thread(target=click) for _ in range(2)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert len(made) == 2
    assert len(set(made)) == FunderReport.objects.count() == 1


# Rules and doors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (date(2026, 4, 1), date(2026, 4, 30), "not_over"),
        (date(2026, 3, 1), date(2026, 5, 31), "not_over"),
        (date(2026, 3, 1), date(2026, 2, 28), "order"),
        (date(2024, 1, 1), date(2026, 2, 28), "too_long"),
        (date(2026, 1, 2), date(2026, 1, 31), "not_months"),
    ],
)
def test_only_whole_months_that_are_over(organisation, coordinator, first, last, reason):
    factories.group(organisation=organisation)
    with pytest.raises(Refused) as no:
        report_actions.start_report(
            organisation=organisation,
            programme=None,
            period=Period(first, last),
            by=coordinator.user,
            at=AFTER,
        )
    assert no.value.reason == reason
    assert not FunderReport.objects.exists()


def test_periods_have_names():
    def name(first: tuple[int, int], last: tuple[int, int]) -> str:
        return Period.of_months(date(*first, 1), date(*last, 1)).name

    assert name((2025, 1), (2025, 12)) == "2025"
    assert name((2026, 1), (2026, 3)) == "January to March 2026"
    assert name((2026, 2), (2026, 2)) == "February 2026"
    assert name((2025, 11), (2026, 2)) == "November 2025 to February 2026"


def test_a_month_can_be_chosen_once_its_last_questions_have_closed():
    zone = ZoneInfo("Europe/London")
    assert months_to_report_on(datetime(2026, 4, 3, tzinfo=UTC), zone)[0] == date(2026, 2, 1)
    assert months_to_report_on(datetime(2026, 4, 5, tzinfo=UTC), zone)[0] == date(2026, 3, 1)
    names = [period.name for period in usual_periods(AFTER, zone)]
    assert names == ["January to March 2026", "April 2025 to March 2026", "2025"]


def test_others_know_of_no_report(world, report_on, other_coordinator, facilitator):
    report = report_on(world, world.programme)
    for person in (other_coordinator, facilitator):
        assert page_of(report, person).status_code == 404
        for path in ("report.pdf", "words/", "delete/"):
            address = f"/overview/{world.organisation.slug}/reports/{report.pk}/{path}"
            assert person.client.get(address).status_code == 404


def test_a_report_from_the_form_to_its_end(world, coordinator, monkeypatch, time_machine):
    time_machine.move_to(AFTER, tick=False)
    monkeypatch.setattr(report_making, "pdf", lambda *args: b"%PDF")
    client, base = coordinator.client, f"/overview/{world.organisation.slug}"
    form = client.get(f"{base}/reports/new/?programme={world.programme.pk}").content.decode()
    assert f'value="{world.programme.pk}" selected' in form
    assert 'value="2026-01-01" selected' in form
    wrong = client.post(
        f"{base}/reports/new/",
        {"first_month": "2026-03-01", "last_month": "2026-01-01", "introduction": "Kept words"},
    ).content.decode()
    assert "comes before the first" in wrong
    assert "Kept words" in wrong
    data = {
        "programme": world.programme.pk,
        "first_month": "2026-01-01",
        "last_month": "2026-03-01",
        "introduction": "Why we began",
        "learnt": "",
    }
    address = client.post(f"{base}/reports/new/", data).url
    waiting = client.get(address).content.decode()
    assert "Counting who came" in waiting
    assert "Look again" in waiting
    assert client.get(f"{address}report.pdf").status_code == 404
    report = FunderReport.objects.get()
    report_making.make(report.pk)
    assert "Why we began" in client.get(address).content.decode()
    assert "Ready" in client.get(f"{base}/reports/").content.decode()
    report.refresh_from_db()
    counted = report.fingerprint
    client.post(f"{address}words/", {"introduction": "Other words", "learnt": "Much"})
    report_making.make(report.pk)
    report.refresh_from_db()
    assert (report.state, report.fingerprint) == ("ready", counted)
    assert "Other words" in client.get(address).content.decode()
    assert client.post(f"{address}delete/").status_code == 302
    assert client.get(address).status_code == 404
    report.refresh_from_db()
    assert (report.introduction, report.content, report.pdf) == ("", None, None)
    assert report.inputs is not None
    verbs = [
        "report.started",
        "report.made",
        "report.words_changed",
        "report.made",
        "report.deleted",
    ]
    found = Event.objects.filter(object_id=report.pk).order_by("id")
    assert list(found.values_list("verb", flat=True)) == verbs


def test_a_programme_from_the_form_to_its_end(world, coordinator):
    client, base = coordinator.client, f"/overview/{world.organisation.slug}/programmes"
    wrong = client.post(f"{base}/new/", {"name": "Bereavement"}).content.decode()
    assert "Choose at least one group." in wrong
    groups = [group.pk for group in world.groups[:2]]
    client.post(f"{base}/new/", {"name": "Bereavement", "groups": groups})
    taken = client.post(f"{base}/new/", {"name": "bereavement", "groups": groups}).content.decode()
    assert "with this name already" in taken
    programme = Programme.objects.get(name="Bereavement")
    client.post(f"{base}/{programme.pk}/", {"name": "Grief", "groups": groups[:1]})
    programme.refresh_from_db()
    assert (programme.name, programme.groups.count()) == ("Grief", 1)
    client.post(f"{base}/{programme.pk}/end/")
    assert "has ended" in client.get(f"{base}/{programme.pk}/").content.decode()
    refused = client.post(f"{base}/{programme.pk}/", {"name": "New", "groups": groups})
    assert "This programme has ended" in refused.content.decode()
    found = Event.objects.filter(object_id=programme.pk).order_by("id")
    assert list(found.values_list("verb", flat=True)) == [
        "programme.made",
        "programme.changed",
        "programme.ended",
    ]


def test_groups_of_others_do_not_belong_to_a_programme(world, coordinator):
    other = factories.group()
    with pytest.raises(Refused):
        report_actions.make_programme(
            organisation=world.organisation, name="X", groups=[other], by=coordinator.user
        )


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("outcomes_funderreport_state_known", {"state": "lost"}),
        ("outcomes_funderreport_days_in_order", {"last_day": date(2025, 12, 31)}),
        ("outcomes_funderreport_ready_is_whole", {"state": "ready"}),
    ],
)
def test_the_database_refuses(organisation, constraint, fields):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        factories.funder_report(organisation=organisation, **fields)


def test_the_database_refuses_a_second_report_and_a_second_name(organisation):
    report = factories.funder_report(organisation=organisation)
    with pytest.raises(IntegrityError, match="outcomes_funderreport_once"), transaction.atomic():
        factories.funder_report(organisation=organisation, scope=report.scope)
    factories.programme(organisation=organisation, name="Grief")
    with pytest.raises(IntegrityError, match="outcomes_programme_name_once"), transaction.atomic():
        factories.programme(organisation=organisation, name="grief")


def test_every_state_can_be_reached_and_stands_in_the_docs():
    assert FunderReport.MOVES.keys() == set(FunderReport.State)
    reachable = {state for states in FunderReport.MOVES.values() for state in states}
    assert reachable == set(FunderReport.State)
    assert "| funder's report | may become |" in (ROOT / "docs" / "architecture.md").read_text()


def test_wilson_holds_at_the_ends():
    # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(20, 20)[1] == 1
    with pytest.raises(ValueError, match="part"):
        wilson(3, 2)
