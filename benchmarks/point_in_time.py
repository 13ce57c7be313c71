"""A table is dropped by mistake, and the database goes back to the second before.

    python benchmarks/point_in_time.py

PostgreSQL 18 with the archive command of docker-compose.yml, and the steps of docs/operations.md,
"Point-in-time recovery": archive, base backup, mistake, recovery. The server is killed in between.
Ends with 1 when a row of before the mistake is missing, or one of after it is there.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
import yaml

from benchmarks.lib.world import finish, promise, say
from supportgroups import embedded

ROOT = Path(__file__).resolve().parent.parent


def archive_settings() -> str:
    """What docker-compose.yml gives the server, with the paths of this trial."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given = [part[2:] for part in compose["services"]["postgres"]["command"] if "=" in part]
    archive = dict(part.split("=", 1) for part in given if part.startswith("archive_"))
    archive["archive_mode"] = "on"  # ARCHIVE_MODE
    command = archive["archive_command"]
    # The server works in its data folder, and may know no other path here.
    for there, here in (("/archive-wal.sh", "../archive-wal.sh"), ("/archive/", "../archive/")):
        command = command.replace(f" {there}", f" {here}")
    archive["archive_command"] = command
    return "".join(f"{name} = '{value}'\n" for name, value in archive.items())


def own(postgres: embedded.Postgres, *paths: Path) -> None:
    if postgres.account:
        for path in paths:
            shutil.chown(path, postgres.account.pw_uid, postgres.account.pw_gid)


def run(postgres: embedded.Postgres, program: str, *arguments: str) -> None:
    keywords = postgres._run_as()
    keywords["env"] |= {"PGPASSWORD": postgres.passwords["postgres"]}
    subprocess.run(
        [str(postgres.binaries / program), *arguments], check=True, capture_output=True, **keywords
    )


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="supportgroups-"))
    passwords = {
        name: secrets.token_hex(8) for name in ("postgres", embedded.OWNER_ROLE, embedded.APP_ROLE)
    }
    postgres = embedded.Postgres(folder / "postgres", passwords, durable=True)
    try:
        postgres.prepare()
        archive = postgres.directory / "archive"
        for path in (archive, archive / "wal", archive / "base"):
            path.mkdir(mode=0o700)
            own(postgres, path)
        for script in ("archive-wal.sh", "recover-to.sh"):
            shutil.copy(ROOT / "deploy" / "postgres" / script, postgres.directory)
        with (postgres.data / "postgresql.conf").open("a") as configuration:
            configuration.write(archive_settings())
        postgres.start()
        with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("CREATE TABLE said (number integer PRIMARY KEY)")
            connection.execute("INSERT INTO said SELECT generate_series(1, 1000)")
            begun = time.perf_counter()
            connection_string = f"host={embedded.LOOPBACK} port={postgres.port} user=postgres"
            run(postgres, "pg_basebackup", f"--dbname={connection_string}", "--checkpoint=fast",
                "--pgdata=../archive/base/1")  # fmt: skip
            run(postgres, "pg_verifybackup", "--no-parse-wal", "../archive/base/1")
            say(f"a base backup in {time.perf_counter() - begun:.1f} s, verified")
            connection.execute("INSERT INTO said SELECT generate_series(1001, 2000)")
            time.sleep(1)
            moment = connection.execute("SELECT now()::text").fetchone()[0]
            time.sleep(1)
            connection.execute("INSERT INTO said VALUES (2001)")
            connection.execute("DROP TABLE said")
            connection.execute("SELECT pg_switch_wal()")
            while connection.execute(
                "SELECT last_archived_wal IS NULL OR last_archived_wal < pg_walfile_name("
                "pg_current_wal_lsn() - 1) FROM pg_stat_archiver"
            ).fetchone()[0]:
                time.sleep(0.1)
            failed = connection.execute("SELECT failed_count FROM pg_stat_archiver").fetchone()[0]
        postgres.kill()

        begun = time.perf_counter()
        environment = {"PATH": os.defpath, "PGDATA": "data", "ARCHIVE": "../archive"}
        steps = postgres._run_as() | {"cwd": postgres.directory, "env": environment}
        for base, ends_with in (("archive/base/none", 1), ("archive/base/1", 0)):
            done = subprocess.run(
                ["sh", "recover-to.sh", base, moment],
                check=False,
                capture_output=True,
                text=True,
                **steps,
            )
            promise(f"recover-to.sh on {base}", kept=done.returncode == ends_with,
                    seen=(done.stdout + done.stderr).strip())  # fmt: skip
        postgres.start()
        with psycopg.connect(postgres.url("postgres", "postgres"), autocommit=True) as connection:
            while connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
                time.sleep(0.1)
            rows = connection.execute("SELECT count(*), max(number) FROM said").fetchone()
        say(f"back in {time.perf_counter() - begun:.1f} s")
        for line in embedded.tail(postgres.log, 40).splitlines():
            if any(words in line for words in ("recovery stopping", "is ready", "timeline")):
                say(line.split("LOG:")[-1].strip())
        promise("every row of before the mistake is back, none of after", kept=rows == (2000, 2000),
                seen=f"{rows[0]} rows")  # fmt: skip
        promise("nothing failed to be archived", kept=failed == 0, seen=f"{failed}")
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    finish()


if __name__ == "__main__":
    main()
