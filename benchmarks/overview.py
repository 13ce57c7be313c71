"""The coordinator's pages over years of attendance, beside their own SQL alone.

    python benchmarks/overview.py           200,000 memberships, 5,000,000 attendances
    python benchmarks/overview.py 50        a twentieth of it (groups of 200 memberships each)

Each page is asked for several times, and right after it the same statements are run on a bare
cursor. What the page takes longer is what Python costs. The first time in a process is shown apart:
it puts people into blocks, which are remembered until somebody is counted anew. Starts its own
database; making it takes some minutes.
"""

import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.attendances import build
from benchmarks.lib.machine import memory_kib
from benchmarks.lib.world import finish, promise, say, services

GROUPS = 1000
ROUNDS = 7
MOST_RATIO = 1.3
MOST_QUERIES = 14
MOST_MIB = 60
HEAVY = ("scipy", "statsmodels", "lifelines", "pandas", "typst", "matplotlib")

type Statement = tuple[str, Any]


@contextmanager
def noted(statements: list[Statement]) -> Iterator[None]:
    """Notes each statement with its parameters."""
    from django.db import connection

    def note(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(note):
        yield


def bare(statements: list[Statement]) -> float:
    """The same statements on a cursor that only fetches."""
    from django.db import connection

    begun = time.perf_counter()
    with connection.connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(sql, params)
            if cursor.description:
                cursor.fetchall()
    return time.perf_counter() - begun


def seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def measure(client: Any, name: str, path: str) -> None:
    first = seconds(lambda: client.get(path))
    pages, limits, statements = [], [], list[Statement]()
    for _ in range(ROUNDS):
        statements = []
        with noted(statements):
            begun = time.perf_counter()
            response = client.get(path)
            pages.append(time.perf_counter() - begun)
        assert response.status_code == 200, response.status_code
        limits.append(bare(statements))
    page, limit = statistics.median(pages), statistics.median(limits)
    ratio = page / limit
    count = len(statements)
    say(f"{name}: {page * 1000:.0f} ms, its {count} statements alone {limit * 1000:.0f} ms")
    say(f"    the first time {first * 1000:.0f} ms")
    promise(f"  within {MOST_RATIO} times its SQL", kept=ratio <= MOST_RATIO, seen=f"{ratio:.2f}")
    promise("  under 15 queries", kept=len(statements) <= MOST_QUERIES, seen=str(len(statements)))


def explain(what: str, sql: str, params: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {sql}", params
        )
        plan = [line for (line,) in cursor.fetchall()]
    say(f"plan of {what}:")
    for line in plan:
        say(f"    {line[:110]}")
    promise(
        f"{what}: reads no row of attendance",
        kept=not any("support_sessions_attendance" in line for line in plan),
    )


def main(groups: int) -> None:
    with services() as started:
        from django.conf import settings
        from django.test import Client
        from django.urls import reverse
        from django.utils import timezone

        from outcomes import counting_actions, part_queries, queries
        from outcomes.scopes import Scope
        from tests import factories
        from tests.cast import signed_in

        settings.ALLOWED_HOSTS.append("testserver")
        logging.disable()
        organisation = factories.organisation(slug="years")
        small = factories.organisation(slug="small")
        for _ in range(8):
            factories.topic()
        coordinator = factories.user(password=None)
        for each in (organisation, small):
            factories.staff_role(user=coordinator, organisation=each, role="coordinator")
        group = factories.group(organisation=organisation)
        member = factories.member(group)
        held = factories.support_session(group, status="ended")
        begun = time.perf_counter()
        counted = build(
            started.superuser_url,
            groups=groups,
            like={
                "organisation": organisation.pk,
                "group": group.pk,
                "user": member.user_id,
                "session": held.pk,
                "membership": member.pk,
            },
        )
        say(
            f"{counted['groups_membership']:,} memberships and "
            f"{counted['support_sessions_attendance']:,} attendances, made in "
            f"{time.perf_counter() - begun:.0f} s"
        )
        whole = seconds(lambda: _count_all(counting_actions))
        say(f"counted from nothing by the clock's task: {whole:.1f} s")
        one = factories.support_session(group, status="ended")
        factories.attendance(one, member)
        changed = seconds(
            lambda: counting_actions.recount_before_a_page(by=None, organisation=organisation)
        )
        say(f"counted again after one session of one group: {changed * 1000:.0f} ms")

        client: Client = signed_in(coordinator).client
        client.get(reverse("outcomes:overview", args=[small.slug]))
        client.get(reverse("outcomes:retention", args=[small.slug]))
        client.get(reverse("outcomes:engagement", args=[small.slug]))
        before = memory_kib(os.getpid())
        slug = organisation.slug
        for name, path in (
            ("overview", reverse("outcomes:overview", args=[slug])),
            ("staying", reverse("outcomes:retention", args=[slug])),
            (
                "staying, compared",
                reverse("outcomes:retention", args=[slug]) + "?compare=facilitation",
            ),
            ("taking part", reverse("outcomes:engagement", args=[slug])),
        ):
            measure(client, name, path)
            grown = (memory_kib(os.getpid()) - before) / 1024
            promise(
                f"memory grew by less than {MOST_MIB} MiB since before the first page",
                kept=grown < MOST_MIB,
                seen=f"{grown:.0f} MiB",
            )
        heavy = [name for name in HEAVY if name in sys.modules]
        promise("no statistics package in the web process", kept=not heavy, seen=str(heavy))

        chosen = queries.lens_of(organisation, Scope(), at=timezone.now()).choose(
            queries.first_stays(organisation)
        )
        within, months = chosen.as_arrays
        listed = {
            "groups": f"{{{within}}}",
            "months": f"{{{months}}}",
            "places": f"{{{','.join(['0'] * len(chosen.cells))}}}",
        }
        explain("the curve of staying", queries._STAYS_WITHIN, listed)
        explain("the sums of attendance", part_queries._ATTENDED, listed)


def _count_all(counting_actions: Any) -> None:
    while counting_actions.recount(by=None):
        pass


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else GROUPS)
    finish()
