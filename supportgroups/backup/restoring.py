"""Reads a backup, restores it into an empty database, and compares what stands there with it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from django.apps import apps
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from accounts.models import BrowserSession
from audit import chain
from supportgroups.backup import BackupError, contents, folder, programs, sealing
from supportgroups.lib.encryption import Unreadable


class _Nowhere:
    def write(self, data: bytes) -> None:
        pass


def open_file(file: Path, secret_keys: list[Any], dump: sealing.Sink) -> dict[str, Any]:
    """Read the whole file, its dump into `dump`. Returns the manifest."""
    manifests: list[dict[str, Any]] = []
    with file.open("rb") as opened:
        sealing.unseal(opened, secret_keys=secret_keys, dump=dump, opened=manifests.append)
    return manifests[0]


def check(file: Path, secret_keys: list[Any]) -> dict[str, Any]:
    """Read every byte of the backup, and let pg_restore read the whole dump. Writes nothing.

    Raises BackupError. Needs no database.
    """
    folder.check_sum(file)
    # With the key, what the file says about itself comes first: a newer PostgreSQL made it.
    manifest = open_file(file, secret_keys, _Nowhere())
    with programs.own_connection() as connection:  # never opened: for the environment alone
        pg_restore = programs.find("pg_restore", server=manifest["postgres"])
        _feed(connection, [pg_restore, "--file=/dev/null"], file, secret_keys)
    return manifest


def _feed(
    connection: BaseDatabaseWrapper, arguments: list[str], file: Path, secret_keys: list[Any]
) -> None:
    with programs.running(
        connection, arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as (process, complaints):
        pipe = cast("IO[bytes]", process.stdin)
        # When it ended early, what it complains about says more.
        with suppress(BrokenPipeError):
            open_file(file, secret_keys, pipe)
            pipe.close()
        programs.check_ended_well(process, complaints, "pg_restore")


# Restoring ----------------------------------------------------------------------------------------


@dataclass
class Restored:
    manifest: dict[str, Any]
    #: Sentences. Each of the three is empty when all is well.
    differences: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    #: The code is newer than the backup: migrations come before anything else may be asked.
    behind: bool = False
    events: int = 0
    samples: int = 0

    @property
    def is_whole(self) -> bool:
        return not (self.differences or self.broken or self.unreadable)


def restore(file: Path, secret_keys: list[Any], *, database: str | None, create: bool) -> Restored:
    """All of the backup, or nothing. Raises BackupError when nothing was restored."""
    manifest = check(file, secret_keys)
    if create and database:
        _create(database)
    with programs.own_connection(database) as connection:
        _check_target(connection, manifest)
        pg_restore = programs.find("pg_restore", server=manifest["postgres"])
        arguments = [
            pg_restore,
            f"--dbname={connection.settings_dict['NAME']}",
            "--single-transaction",
            "--exit-on-error",
            "--no-password",
            "--no-owner",
        ]
        with _no_rights_by_default(connection):
            _feed(connection, arguments, file, secret_keys)
    return look(manifest, database=database)


def _create(database: str) -> None:
    with programs.own_connection() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except DatabaseError as failure:
            if isinstance(failure.__cause__, psycopg.errors.DuplicateDatabase):
                return  # whether it is empty is asked next
            role = connection.settings_dict["USER"]
            raise BackupError(
                f"The database {database} could not be made: {_first_line(failure)}\nLet the"
                f" superuser make it: createdb --username postgres --owner {role} {database}"
            ) from None


def _first_line(failure: Exception) -> str:
    return (str(failure).splitlines() or [type(failure).__name__])[0]


def _check_target(connection: BaseDatabaseWrapper, manifest: dict[str, Any]) -> None:
    """Raises BackupError, before anything is changed, where the restore could not end well."""
    name = connection.settings_dict["NAME"]
    try:
        connection.ensure_connection()
    except Exception as failure:
        raise BackupError(
            f"The database {name} cannot be reached: {_first_line(failure)}"
        ) from None
    if held := contents.tables(connection):
        raise BackupError(
            f"The database {name} is not empty: it holds {len(held)} tables. Nothing was changed."
            "\nRestore into an empty one: --into NAME, with --create to make it."
        )
    here = contents.server_version(connection)
    if here < manifest["postgres"]:
        raise BackupError(
            f"The backup comes from PostgreSQL {manifest['postgres']}, this server is version"
            f" {here}. Take a server that is not older. Nothing was changed."
        )
    loader = MigrationLoader(None)
    newer = [
        f"{app} {name}"
        for app, name in manifest["migrations"]
        # Of an app that is not here any more, its rows are.
        if app in loader.migrated_apps and (app, name) not in loader.disk_migrations
    ]
    if newer:
        raise BackupError(
            "The backup comes from a newer version of Support Groups: this one does not know"
            f" {newer[0]}. Update first. Nothing was changed."
        )
    if missing := contents.missing_roles(connection, manifest["roles"]):
        raise BackupError(
            f"This server has no role {', '.join(missing)}. Nothing was changed.\n"
            "deploy/postgres/roles.sh makes the roles; docker-compose.yml runs it at the first"
            " start."
        )


@contextmanager
def _no_rights_by_default(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Tables come with the rights of the backup alone.

    An empty database gives the application's role all rights on new tables. The dump would add to
    them and take none away, and the trail could be changed. It brings these defaults itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' END,"
            " pg_get_userbyid(a.grantee), string_agg(a.privilege_type, ', ')"
            " FROM pg_default_acl d, aclexplode(d.defaclacl) a"
            " WHERE d.defaclnamespace = 'public'::regnamespace AND d.defaclobjtype IN ('r', 'S')"
            " AND d.defaclrole = current_user::regrole AND a.grantee <> d.defaclrole"
            " GROUP BY 1, 2"
        )
        defaults = cursor.fetchall()

        def change(verb: str, preposition: str) -> None:
            for kind, role, rights in defaults:
                cursor.execute(
                    sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public {} {} ON {} {} {}").format(
                        sql.SQL(verb),
                        sql.SQL(rights),
                        sql.SQL(kind),
                        sql.SQL(preposition),
                        sql.Identifier(role),
                    )
                )

        change("REVOKE", "FROM")
        try:
            yield
        except BaseException:
            change("GRANT", "TO")
            raise


# Comparing ----------------------------------------------------------------------------------------


def compare(file: Path, secret_keys: list[Any], *, database: str | None) -> Restored:
    """Look at a database beside a backup, without changing either."""
    folder.check_sum(file)
    return look(open_file(file, secret_keys, _Nowhere()), database=database)


def look(manifest: dict[str, Any], *, database: str | None) -> Restored:
    """Rows, hashes, guards and rights; then the trail's chain, and whether words can be read."""
    restored = Restored(manifest)
    with programs.own_connection(database) as connection:
        restored.differences = contents.differences(manifest, contents.read(connection))
        executor = MigrationExecutor(connection)
        restored.behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if not restored.behind:
            _verify_trail(restored)
            _read_samples(restored)
    return restored


def _verify_trail(restored: Restored) -> None:
    head = restored.manifest["trail_head"]
    heads = []
    if head:
        number, _, digest = head.partition(":")
        heads = [(int(number), bytes.fromhex(digest))]
    with transaction.atomic():
        # Events of the last minute before the backup wait for their seal. Nothing of it is kept.
        chain.seal_events(everything=True)
        verdict = chain.verify(heads=heads)
        transaction.set_rollback(True)
    restored.events, restored.broken = verdict.sealed, verdict.found


def _read_samples(restored: Restored) -> None:
    """One value of each encrypted column is read: the keys are in no backup."""
    for model in apps.get_models():
        table, key = model._meta.db_table, model._meta.pk.column
        for column in model._meta.concrete_fields:
            if type(column).__module__ != "supportgroups.lib.encrypted_fields":
                continue
            with connections["default"].cursor() as cursor:
                cursor.execute(
                    sql.SQL(
                        "SELECT {key} FROM {table} WHERE {column}::text ~ {token} LIMIT 1"
                    ).format(
                        # As text, as JSON and as bytes.
                        token=sql.Literal(r'^("?v1[.]|\\x76312e)'),
                        key=sql.Identifier(str(key)),
                        table=sql.Identifier(table),
                        column=sql.Identifier(str(column.column)),
                    )
                )
                found = cursor.fetchone()
            if found is None:
                continue
            try:
                getattr(model._base_manager.get(pk=found[0]), column.attname)
            except Unreadable as failure:
                restored.unreadable.append(f"{table}.{column.column} cannot be read. {failure}")
            restored.samples += 1


def end_sign_ins(*, database: str | None) -> int:
    """Everybody signs in again. Sign-ins that were ended after the backup would be open again."""
    with programs.own_connection(database):
        return BrowserSession.objects.all().delete()[0]
