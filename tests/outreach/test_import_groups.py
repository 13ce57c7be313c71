"""The command."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from groups.models import SupportGroup
from outreach.models import Feed, Import
from tests import factories

pytestmark = pytest.mark.django_db
MESSY = Path(__file__).parent / "files" / "messy.json"


@pytest.fixture
def organisation():
    made = factories.organisation(slug="harbour")
    factories.staff_role(organisation=made)
    return made


@pytest.fixture
def run(organisation):
    def _run(path, *options, format="meeting-guide"):
        out, errors = StringIO(), StringIO()
        call_command(
            "import_groups", str(path), "--format", format, "--organisation", "harbour", *options,
            stdout=out, stderr=errors,
        )  # fmt: skip
        return out.getvalue(), errors.getvalue()

    return _run


def test_a_messy_feed_and_again(run):
    assert run(MESSY, "--dry-run")[0] == "new 36\nchanged 0\nunchanged 0\npaused 0\nrefused 9\n"
    assert not Feed.objects.exists()
    assert not Import.objects.exists()

    out, errors = run(MESSY)
    assert out == "new 36\nchanged 0\nunchanged 0\npaused 0\nrefused 9\n"
    assert "row 24 refused: Unreadable day: The day cannot be read: “Someday”." in errors

    assert run(MESSY)[0] == "new 0\nchanged 0\nunchanged 36\npaused 0\nrefused 9\n"


def test_another_file_name_is_the_same_feed(run, tmp_path):
    run(MESSY)
    less = tmp_path / "export-2.json"
    less.write_text(json.dumps([{"name": "Sunday Serenity", "slug": "sunday-serenity"}]))

    out, errors = run(less)

    assert out == "new 0\nchanged 1\nunchanged 0\npaused 34\nrefused 0\n"
    assert "More than half" in errors
    assert SupportGroup.objects.filter(is_from_feed=True).count() == 36
    assert run(MESSY)[0] == "new 0\nchanged 35\nunchanged 1\npaused 0\nrefused 9\n"


def test_feeds_with_names_are_apart(run):
    run(MESSY)

    assert run(MESSY, "--feed", "Other")[0].startswith("new 36\n")


@pytest.mark.parametrize("content", ["", "no json", "<html></html>", "{}", "[{}]", "[1, 2]"])
def test_nothing_that_can_be_read_is_an_error(run, tmp_path, content):
    path = tmp_path / "feed"
    path.write_text(content)

    with pytest.raises(CommandError):
        run(path)
    assert not Import.objects.exists()


def test_a_missing_file_organisation_or_overseer_is_an_error(run, tmp_path):
    with pytest.raises(CommandError, match="cannot be opened"):
        run(tmp_path / "none.json")
    with pytest.raises(CommandError, match="No supervisor"):
        run(MESSY, "--overseer", "nobody@example.org")
    with pytest.raises(CommandError, match="no organisation"):
        call_command("import_groups", str(MESSY), format="csv", organisation="nowhere")


def test_an_empty_feed_pauses_everything(run, tmp_path):
    run(MESSY)
    path = tmp_path / "empty.json"
    path.write_text("[]")

    assert run(path)[0] == "new 0\nchanged 0\nunchanged 0\npaused 35\nrefused 0\n"


def test_the_overseer_is_named(run, organisation):
    named = factories.user(email="somebody@example.org")
    factories.staff_role(user=named, organisation=organisation, role="supervisor")

    run(MESSY, "--overseer", "Somebody@example.org")

    assert SupportGroup.objects.listed().first().overseer == named


def test_a_table(run):
    path = Path(__file__).parent / "files" / "groups.csv"

    assert run(path, format="csv")[0] == "new 3\nchanged 0\nunchanged 0\npaused 0\nrefused 3\n"
