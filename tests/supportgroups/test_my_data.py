"""What a person sees of everything held about them, and the copy they can have."""

import json
import re
from datetime import timedelta
from io import BytesIO
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.conf import settings
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from jsonschema import Draft202012Validator

from accounts.models import DataExport, User
from audit.models import Event
from audit.trail import record
from safeguarding.models import Concern, StepTaken
from screening.models import Decision, Note
from sessions.models import LineMessage
from supportgroups import privacy
from supportgroups.lib.encryption import Unreadable, decrypt_bytes
from supportgroups.lib.lifetimes import register
from supportgroups.lib.portable import Part
from supportgroups.my_data import actions, documents, making, periodic, pieces, rules, tasks
from tests import factories
from tests.cast import signed_in
from tests.test_access import World

PAGE = "/account/my-data/"


@pytest.fixture
def ready(member):
    """The member's copy, and its address."""
    export = factories.data_export(member.user)
    return export, reverse("my_data:copy", args=[rules.token_of(export)])


def verbs():
    return list(
        Event.objects.filter(verb__startswith="data_export")
        .order_by("occurred_at", "pk")
        .values_list("verb", flat=True)
    )


# What is in it ------------------------------------------------------------------------------------


THEIRS = "Said by somebody else"


@pytest.fixture
def world(cast, group):
    """Something of nearly everything, where everybody else's names and words can be told."""
    made = World(cast, group)
    member, other, staff = made.member, cast["outsider"].user, cast["facilitator"].user
    User.objects.exclude(pk=member.pk).update(display_name=THEIRS)
    quoted = factories.message(made.live, other, body=THEIRS)
    factories.message(made.live, member, body="My own words <script>", reply_to=quoted)
    factories.report(made.message, reporter=other, detail=THEIRS)
    factories.follow_up(made.held, owner=member, noted_by=staff, what=THEIRS)
    factories.debrief(made.held, author=staff, how_it_went=THEIRS)
    LineMessage.objects.create(
        support_session=made.live,
        sequence=1,
        client_id=uuid4(),
        sender=staff,
        body=THEIRS,
        sent_at=timezone.now(),
    )
    referred = factories.membership(
        group=factories.group(), user=member, status="referred", end_reason=THEIRS
    )
    application = factories.application(group, user=member, status="referred", membership=referred)
    Note.objects.create(application=application, body=THEIRS, written_by=staff)
    Decision.objects.create(application=application, outcome="refer", reason=THEIRS)
    StepTaken.objects.create(concern=made.concern, kind="other", note=THEIRS, taken_by=staff)
    Concern.objects.filter(pk=made.concern.pk).update(
        source="live",
        opened_by=staff,
        **factories.sealed(made.concern, detail=THEIRS, closing_note=THEIRS),
    )
    factories.intervention(
        made.live, kind="mute", about=member, made_by=staff, words=THEIRS, review_note=THEIRS
    )
    return made


def test_a_copy_is_as_its_schema_says_and_holds_nobody_else(world, cast):
    schema = Draft202012Validator(
        documents.schema(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    everybody = {person.user.email for person in cast.values() if person.user}
    for who in ("member", "facilitator", "coordinator", "applicant"):
        person = cast[who].user
        with ZipFile(BytesIO(documents.copy_of(person, at=timezone.now()))) as files:
            data = files.read(documents.DATA).decode()
            page = files.read(documents.DOCUMENT).decode()
            assert json.loads(files.read(documents.SCHEMA)) == documents.schema()
            if who == "member":
                assert json.loads(files.read(documents.FHIR))["resourceType"] == "Bundle"
        assert not list(schema.iter_errors(json.loads(data))), who
        for text in (data, page):
            assert {address for address in everybody if address in text} == {person.email}
        # Nothing is loaded, nothing runs, and what people wrote is words.
        assert "<script" not in page
        assert not re.search(r'(src|href)="(?!#)', page)
        if who == "member":
            assert THEIRS not in data + page
            assert "My own words <script>" in data
            assert "My own words &lt;script&gt;" in page
        shown = cast[who].client.get(PAGE).text
        assert 'id="account"' in shown
        assert (pieces.HEADINGS[Part.WORK] in shown) == (who != "applicant")
        assert ('id="check-ins"' in shown) == (who == "member")


def test_who_read_is_told_by_role_and_a_concern_in_own_words_alone(applicant, coordinator):
    person = applicant.user
    application = person.applications.get()
    organisation = application.form.group.organisation
    coordinator.user.display_name = "Zinnia"
    coordinator.user.save()
    record("application.read", by=coordinator.user, on=application, organisation=organisation.pk)
    about = {"about": person, "organisation": organisation, "respond_by": timezone.now()}
    factories.concern(**about, source="screening", detail="An answer of mine")
    factories.concern(**about, source="live", opened_by=coordinator.user, detail=THEIRS)
    factories.concern(**about, source="live", opened_by=person, detail="What I asked for")
    found = privacy.export(person)
    (reading,) = found["readings"]
    assert reading["role"] == f"coordinator, {organisation}"
    assert "Zinnia" not in json.dumps(found)
    assert [each["detail"] for each in found["concerns"]] == [
        "An answer of mine",
        None,
        "What I asked for",
    ]
    assert "opened answers of yours 1 time." in applicant.client.get(PAGE).text


def test_the_schema_is_the_one_that_is_published():
    published = settings.BASE_DIR / "docs" / "my-data.schema.json"
    assert published.read_text() == documents.written(documents.schema()), (
        "Did a column go or change its form? Raise documents.VERSION. "
        "Then: manage.py my_data_schema > docs/my-data.schema.json"
    )


# Making it ----------------------------------------------------------------------------------------


def test_a_copy_is_made_once_and_its_person_is_told_once(member):
    export = actions.ask_for_export(by=member.user)
    assert actions.ask_for_export(by=member.user) == export
    for _ in range(2):
        tasks.make_export(str(export.pk))
    export.refresh_from_db()
    assert rules.state_of(export) == rules.State.READY
    assert [verb.removeprefix("data_export.") for verb in verbs()] == ["asked", "made"]
    (message,) = mail.outbox
    assert message.to == [member.user.email]
    assert "group" not in (message.subject + message.body).lower()
    assert rules.token_of(export) in message.body


def test_what_a_killed_worker_left_is_taken_up_again(member, monkeypatch):
    export = actions.ask_for_export(by=member.user)
    at = timezone.now()
    DataExport.objects.update(claimed_at=at, attempts=1)
    assert not making.make(export.pk, at=at)
    assert making.make(export.pk, at=at + rules.CLAIM_LASTS + timedelta(seconds=1))


def test_one_that_fails_can_be_tried_again(member, monkeypatch, caplog):
    export = actions.ask_for_export(by=member.user)
    with monkeypatch.context() as patch:
        patch.setattr(documents, "copy_of", lambda *args, **kwargs: 1 / 0)
        for _ in range(rules.MOST_ATTEMPTS):
            tasks.make_export(str(export.pk))
    assert rules.state_of(rules.export_of(member.user)) == rules.State.FAILED
    assert "Try again" in member.client.get(PAGE).text
    again = actions.ask_for_export(by=member.user)
    assert again.pk != export.pk
    tasks.make_export(str(again.pk))
    assert rules.state_of(rules.export_of(member.user)) == rules.State.READY


def test_one_that_was_deleted_meanwhile_is_not_made(member, monkeypatch):
    export = actions.ask_for_export(by=member.user)

    def deleted_meanwhile(*args, **kwargs):
        actions.delete_export(by=member.user)
        return b"PK"

    monkeypatch.setattr(documents, "copy_of", deleted_meanwhile)
    tasks.make_export(str(export.pk))
    assert not DataExport.objects.exists()
    assert not mail.outbox


def test_the_clock_takes_up_tells_and_deletes(member, outsider, monkeypatch):
    asked = factories.data_export(member.user, made_at=None)
    over = factories.data_export(outsider.user)
    DataExport.objects.filter(pk=over.pk).update(
        made_at=timezone.now() - timedelta(days=3), expires_at=timezone.now()
    )
    handed = []
    monkeypatch.setattr(tasks.make_export, "delay", handed.append)
    periodic.take_up_exports()
    periodic.delete_expired_exports()
    assert handed == [str(asked.pk)]
    assert list(DataExport.objects.all()) == [asked]


def test_the_file_opens_in_its_own_row_alone(member, outsider):
    mine, theirs = factories.data_export(member.user), factories.data_export(outsider.user)
    assert b"Hello" not in bytes(mine.content)
    with pytest.raises(Unreadable):
        decrypt_bytes(bytes(mine.content), bound_to=making.bound_to(theirs))


def test_the_database_refuses_half_a_copy(member):
    for fields in (
        {"made_at": timezone.now()},
        {"made_at": timezone.now(), "content": b"x", "expires_at": timezone.now() - rules.KEPT},
        {"content": b"x"},
    ):
        with (
            pytest.raises(IntegrityError, match="accounts_dataexport_made_whole"),
            transaction.atomic(),
        ):
            DataExport.objects.create(user=member.user, nonce="0", **fields)


# Getting it ---------------------------------------------------------------------------------------


def test_asking_getting_and_deleting_ask_who_it_is(member):
    person = signed_in(member.user, confirmed=False)
    copy = reverse("my_data:copy", args=[rules.token_of(factories.data_export(member.user))])
    for answer in (
        person.client.post(f"{PAGE}copy/ask/"),
        person.client.get(copy),
        person.client.get(f"{copy}all.zip"),
        person.client.get(f"{copy}read.html"),
    ):
        assert answer.status_code == 302
        assert answer.url.startswith("/account/reauthenticate/")
    assert not verbs()


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("all.zip", "application/zip"), ("read.html", "text/html; charset=utf-8")],
)
def test_getting_it_uses_nothing_up_and_is_written_down(member, ready, name, content_type):
    _, address = ready
    for _ in range(2):
        assert member.client.get(address).status_code == 200
        answer = member.client.get(address + name)
        assert answer["Content-Type"] == content_type
        assert re.fullmatch(
            r'attachment; filename="my-copy-\d{4}-\d\d-\d\d\.(zip|html)"',
            answer["Content-Disposition"],
        )
        assert "no-store" in answer["Cache-Control"]
        assert b"Hello" in answer.content
    assert verbs() == ["data_export.downloaded"] * 2


@pytest.mark.parametrize("name", ["", "all.zip", "read.html"])
def test_a_link_that_is_over_deleted_or_somebody_elses_opens_nothing(member, outsider, ready, name):
    _, address = ready
    answers = [
        outsider.client.get(address + name),
        member.client.get(address.replace("~", "~a") + name),
    ]
    DataExport.objects.update(made_at=timezone.now() - rules.KEPT, expires_at=timezone.now())
    answers.append(member.client.get(address + name))
    actions.delete_export(by=member.user)
    answers.append(member.client.get(address + name))
    for answer in answers:
        assert answer.status_code == 404
        assert "This link opens nothing" in answer.text
    assert "data_export.downloaded" not in verbs()


def test_deleting_it_is_one_press_and_ends_its_link(member, ready):
    _, address = ready
    assert member.client.post(f"{PAGE}copy/delete/").status_code == 302
    assert not DataExport.objects.exists()
    assert member.client.get(address).status_code == 404
    # What was deleted already is deleted.
    assert member.client.post(f"{PAGE}copy/delete/").status_code == 302


# The page -----------------------------------------------------------------------------------------


def test_the_page_of_somebody_new_says_that_there_is_little(outsider):
    text = outsider.client.get(PAGE).text
    assert "What there is nothing of" in text
    assert "Nobody else has opened your answers so far" in text
    assert pieces.HEADINGS[Part.WORK] not in text


def test_the_register_says_it_in_words_and_numbers_that_hold():
    for sheet in privacy.sheets():
        piece = pieces.piece_of(sheet, 1)
        for words in (piece.why, piece.who, piece.how_long, sheet.change):
            assert words.endswith("."), (sheet.name, words)
            assert "_" not in words, (sheet.name, words)
        entry = register()[sheet.kept_as or sheet.model]
        said = set(re.findall(r"\d+|two|six|one year", piece.how_long.lower()))
        assert said <= set(re.findall(r"\d+|two|six|one year", entry["lifetime"].lower())), (
            f"{sheet.name} says {said}, its lifetime does not."
        )
