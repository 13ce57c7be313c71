"""Backups: made of a lived-in world and restored for real, and every kind of damage refused."""

import io
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from django.core.management import CommandError, call_command

from supportgroups import embedded
from supportgroups.backup import BackupError, folder, making, programs, restoring, sealing
from supportgroups.management.commands.backup import _due_after
from tests.processes import ROOT, own_environment
from tests.running_demo import lived_in

KEY = sealing.new_key_file()
PUBLIC = sealing.public_key(KEY)
DUMP = os.urandom(3 * 65536)
MANIFEST: dict[str, Any] = {
    "format": sealing.FORMAT,
    "made_at": "now",
    "tables": {"a": {"rows": 1}},
}


# A lived-in world ---------------------------------------------------------------------------------


def _manage(environment: dict[str, str], *arguments: str, told: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        input=told,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return f"{done.stdout}{done.stderr}(ended with {done.returncode})"


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_lived_in_world_comes_back_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Made, checked, restored into an empty database beside it, compared, and harmed there."""
    data = lived_in(tmp_path_factory)
    with embedded.services(data / "services", durable=False) as services:
        environment = own_environment(
            DJANGO_ENV="demo",
            SECRET_KEY="signs nothing",
            FIELD_ENCRYPTION_KEYS=(data / "field-encryption-keys").read_text(),
            DATABASE_URL=services.owner_url,
            DATABASE_POOL_SIZE="0",
            REDIS_URL=services.redis_url,
            BACKUP_DIR=str(data / "kept"),
            BACKUP_RECIPIENTS=PUBLIC,
        )
        # The clock seals each minute; this demo may have been stopped before its first.
        seal = "from audit import chain; chain.seal_events(everything=True)"
        _manage(environment, "shell", "--no-imports", "-c", seal)
        assert "The trail is whole" in _manage(environment, "verify_trail")
        assert "encrypted." in _manage(environment, "backup", "make")

        restore = ("backup", "restore", "latest", "--key=-", "--into=rehearsal", "--create")
        said = _manage(environment, *restore, told=KEY)
        assert "(ended with 0)" in said, said
        assert "have the same rows" in said
        assert "The trail is whole" in said

        owner = services.postgres.url(embedded.OWNER_ROLE, "rehearsal")
        with psycopg.connect(services.postgres.url(embedded.APP_ROLE, "rehearsal")) as application:
            for statement in ("DELETE FROM audit_event", "UPDATE audit_seal SET number = 9"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                    application.execute(statement)
                application.rollback()
        with psycopg.connect(owner) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added"):
                connection.execute("DELETE FROM audit_event")
            connection.rollback()
            # As whoever wants to hide something would: every guard is off for a moment.
            connection.execute("ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_change")
            connection.execute(
                "DELETE FROM audit_event WHERE id ="
                " (SELECT event_id FROM audit_seal WHERE number = 1)"
            )
            connection.execute("UPDATE groups_supportgroup SET name = name || '!'")
            connection.execute("DROP INDEX audit_event_object")

        said = _manage(environment, "backup", "compare", "latest", "--key=-", "--with=rehearsal",
                       told=KEY)  # fmt: skip
        assert "Table groups_supportgroup has as many rows, and other words in them." in said
        assert "The index audit_event_object is missing." in said
        assert "The trigger audit_event_no_change on audit_event is another." in said
        assert "(number 1) was removed after" in said
        assert "(ended with 1)" in said

        said = _manage(environment, *restore[:-1], told=KEY)
        assert "The database rehearsal is not empty" in said
        assert "(ended with 1)" in said


# Each kind of damage ------------------------------------------------------------------------------


def sealed(dump: bytes = DUMP, manifest: dict[str, Any] = MANIFEST) -> bytes:
    file = io.BytesIO()
    sealing.seal(
        manifest,
        io.BytesIO(dump),
        file,
        public_keys=sealing.recipients([PUBLIC]),
        finish=lambda: None,
    )
    return file.getvalue()


def opened(file: bytes, key: str = KEY) -> tuple[dict[str, Any], bytes]:
    dump = io.BytesIO()
    manifests: list[dict[str, Any]] = []
    sealing.unseal(
        io.BytesIO(file), secret_keys=sealing.identities(key), dump=dump, opened=manifests.append
    )
    return manifests[0], dump.getvalue()


@pytest.mark.parametrize("size", [0, 1, 511, 512, 5000, 2 * 5000, 2 * 5000 + 1])
def test_what_goes_in_comes_out(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PIECE", 5000)
    assert opened(sealed(DUMP[:size])) == (MANIFEST, DUMP[:size])


def test_other_tools_open_it(tmp_path: Path) -> None:
    """The age format, a tar inside, and pieces that make the dump: no code of ours is needed."""
    plain = pyrage.decrypt(sealed(), sealing.identities(KEY))
    dump = subprocess.run(
        ["tar", "--extract", "--to-stdout", "--wildcards", "database.dump.*"],
        input=plain,
        capture_output=True,
        check=True,
    ).stdout
    assert dump == DUMP


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda file: file[:-1], "damaged"),
        (lambda file: file[: 65552 * 2], "damaged"),
        (lambda file: file[:60], "damaged"),
        (lambda file: b"", "damaged"),
        (lambda file: file[:90_000] + bytes([file[90_000] ^ 1]) + file[90_001:], "damaged"),
        (lambda file: b"x" + file, "damaged"),
    ],
    ids=["last byte", "whole pieces", "within the head", "empty", "one bit", "another format"],
)
def test_damage_is_refused(harm: Any, words: str) -> None:
    with pytest.raises(BackupError, match=words):
        opened(harm(sealed()))


def test_a_wrong_key_is_named_as_that() -> None:
    with pytest.raises(BackupError, match="This key does not open this backup"):
        opened(sealed(), sealing.new_key_file())
    for nonsense in ("", "# only a comment", PUBLIC):
        with pytest.raises(BackupError, match="no key file"):
            sealing.identities(nonsense)
    with pytest.raises(BackupError, match="no public key"):
        sealing.recipients(["age1nonsense"])
    with pytest.raises(BackupError, match="BACKUP_RECIPIENTS is empty"):
        sealing.recipients([])


def test_a_dump_that_failed_leaves_no_file_that_opens() -> None:
    def fail() -> None:
        raise BackupError("pg_dump failed")

    file = io.BytesIO()
    with pytest.raises(BackupError, match="pg_dump failed"):
        sealing.seal(
            MANIFEST,
            io.BytesIO(DUMP),
            file,
            public_keys=sealing.recipients([PUBLIC]),
            finish=fail,
        )
    with pytest.raises(BackupError, match="damaged"):
        opened(file.getvalue())


def test_a_later_format_asks_for_a_later_version() -> None:
    with pytest.raises(BackupError, match="format 99"):
        opened(sealed(manifest=MANIFEST | {"format": 99}))


def test_a_checksum_needs_no_key(tmp_path: Path) -> None:
    file = tmp_path / folder.name_for(datetime.now(UTC))
    unfinished = tmp_path / ".unfinished-a"
    unfinished.write_bytes(b"whole")
    folder.publish(unfinished, file, folder.checksum(unfinished))
    folder.check_sum(file)
    subprocess.run(
        ["sha256sum", "--check", "--quiet", f"{file.name}.sha256"], cwd=tmp_path, check=True
    )
    file.write_bytes(b"holes")
    with pytest.raises(BackupError, match="is damaged: its checksum is another"):
        folder.check_sum(file)


# Making and the target ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_full_disk_leaves_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / folder.name_for(datetime(2026, 1, 1, tzinfo=UTC))
    earlier.touch()
    (tmp_path / ".unfinished-of-a-killed-run").touch()

    def full(unfinished: Path) -> Any:
        unfinished.touch()
        return Path("/dev/full").open("wb", buffering=0)

    monkeypatch.setattr(making, "_open", full)
    with pytest.raises(BackupError, match=r"The disk of .* is full\. This backup was not kept"):
        making.make(tmp_path, public_keys=[PUBLIC], daily=1, weekly=1)
    assert {path.name for path in tmp_path.iterdir()} == {earlier.name, ".lock"}


def test_two_never_run_at_once(tmp_path: Path) -> None:
    with folder.held(tmp_path), pytest.raises(BackupError, match="Another backup is being made"):
        making.make(tmp_path, public_keys=[PUBLIC], daily=1, weekly=1)


def test_old_programs_are_refused(tmp_path: Path, settings: Any) -> None:
    settings.POSTGRES_PROGRAMS = str(tmp_path)
    with pytest.raises(BackupError, match="missing"):
        programs.find("pg_dump", server=18)
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 17.2'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    with pytest.raises(BackupError, match=r"(?s)is version 17.*postgresql-client-18"):
        programs.find("pg_dump", server=18)
    assert programs.find("pg_dump", server=17) == str(tmp_path / "pg_dump")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"postgres": 99}, "comes from PostgreSQL 99"),
        ({"migrations": [["groups", "9999_of_tomorrow"]]}, "newer version.*9999_of_tomorrow"),
        ({"roles": ["nobody_here"]}, "no role nobody_here"),
    ],
    ids=["server", "code", "roles"],
)
def test_a_target_that_does_not_fit_is_refused(
    manifest: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supportgroups.backup.contents.tables", lambda connection: [])
    fitting: dict[str, Any] = {"postgres": 18, "migrations": [["gone", "1"]], "roles": []}
    with programs.own_connection() as connection:
        restoring._check_target(connection, fitting)
        with pytest.raises(BackupError, match=words):
            restoring._check_target(connection, fitting | manifest)


def test_names_of_files_and_keys_are_explained(tmp_path: Path, settings: Any) -> None:
    settings.BACKUP_DIR = tmp_path
    for arguments, words in (
        (["check", "latest"], "There is no backup in"),
        (["check", "nowhere.age"], "There is no file nowhere.age"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("backup", *arguments)
    (tmp_path / folder.name_for(datetime.now(UTC))).write_bytes(sealed())
    with pytest.raises(CommandError, match="Name the key file with --key"):
        call_command("backup", "restore", "latest")
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("backup", "restore", "latest", key=str(tmp_path / "none"))


# Old ones -----------------------------------------------------------------------------------------


def test_old_backups_thin_out() -> None:
    now = datetime(2026, 6, 28, 12, tzinfo=UTC)
    every_six_hours = [
        folder.Backup(now - timedelta(hours=6 * back), Path(f"{back}")) for back in range(200)
    ]
    gone = folder.outlived(every_six_hours, now=now, daily=7, weekly=4)
    kept = sorted(set(every_six_hours) - set(gone), reverse=True)
    last_day = [backup for backup in kept if now - backup.made_at < timedelta(days=1)]
    assert len(last_day) == 4
    assert len({backup.made_at.date() for backup in kept}) == 7 + 3
    assert len({backup.made_at.isocalendar()[:2] for backup in kept}) == 4
    assert now - kept[-1].made_at < timedelta(days=28)
    assert folder.outlived(every_six_hours[-1:], now=now, daily=0, weekly=0) == []


@pytest.mark.parametrize(
    ("newest", "due"),
    [("2026-06-27 02:30:05", "2026-06-28 02:30"), ("2026-06-27 01:00:00", "2026-06-27 02:30")],
)
def test_the_next_one_is_due_at_its_time(newest: str, due: str) -> None:
    made_at = datetime.fromisoformat(newest).replace(tzinfo=UTC)
    assert _due_after(made_at, at="02:30") == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_the_manifest_is_readable_by_people() -> None:
    plain = pyrage.decrypt(sealed(), sealing.identities(KEY))
    head = plain[:512].split(b"\0")[0]
    assert head == b"manifest.json"
    assert json.loads(plain[512:].split(b"\0")[0]) == MANIFEST


def test_the_demo_is_backed_up_by_one_command(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tools" / "in-demo", tmp_path)
    done = subprocess.run(
        [tmp_path / "in-demo", "backup", "make"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Start one first: make demo" in done.stderr
