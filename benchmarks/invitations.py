"""How quickly check-ins become due and are claimed, beside the statements alone.

    python benchmarks/invitations.py

Fifty groups of a thousand people have just met. One statement asks everybody; two workers, as on
two cores, claim them in batches until none is left. Beside it the least that any such thing costs
in the same run: plain inserts into a table with the same indexes, and claims of as many plain rows
by two connections. Then, with as many mails, a worker that dies and two that double each other
send each once. Starts its own database.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import finish, promise, say, services

GROUPS, PEOPLE, WORKERS = 50, 1000, 2
MOST_SECONDS = 10


def seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def world() -> int:
    """Groups that have just met, each with a plan; returns how many people are to be asked."""
    from django.utils import timezone

    from groups.models import Membership
    from outcomes.models import SurveyPlan
    from sessions.models import Attendance
    from tests import factories
    from tests.workers import members

    now, asked = timezone.now(), factories.instrument("gad-7")
    for _ in range(GROUPS):
        group = factories.group(capacity=PEOPLE)
        members(group, PEOPLE)
        held = factories.support_session(group, status="ended", starts_at=now - timedelta(hours=2))
        Attendance.objects.bulk_create(
            Attendance(support_session=held, membership=membership, status="attended")
            for membership in Membership.objects.filter(group=group)
        )
        SurveyPlan.objects.create(group=group, instrument=asked, began_at=now - timedelta(days=9))
    return GROUPS * PEOPLE


def bare(due: int) -> tuple[float, float]:
    """Seconds of plain inserts with as many indexes, and of claims by two connections."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bare AS SELECT i.*, gen_random_uuid() AS person"
            " FROM outcomes_surveyinvitation i LIMIT 0;"
            " ALTER TABLE bare ALTER id SET DEFAULT uuidv7();"
            " CREATE UNIQUE INDEX ON bare (id);"
            " CREATE UNIQUE INDEX ON bare (plan_id, membership_id, wave);"
            " CREATE UNIQUE INDEX ON bare (plan_id, membership_id, support_session_id);"
            " CREATE UNIQUE INDEX ON bare (plan_id, membership_id, arose_at);"
            " CREATE INDEX ON bare (membership_id);"
            " CREATE INDEX ON bare (next_mail_at) WHERE next_mail_at IS NOT NULL"
        )
        insert = (
            "INSERT INTO bare (plan_id, membership_id, wave, support_session_id, arose_at,"
            " next_mail_at, attempts) SELECT gen_random_uuid(), gen_random_uuid(), 0,"
            " gen_random_uuid(), now(), now() - interval '1 hour', 0 FROM generate_series(1, %s)"
        )
        made = seconds(lambda: cursor.execute(insert, [due]))

    def claim() -> None:
        with connection.cursor() as cursor:
            while True:
                cursor.execute(
                    "UPDATE bare SET claimed_at = now(), attempts = attempts + 1 WHERE id IN ("
                    " SELECT id FROM bare WHERE next_mail_at <= now() AND claimed_at IS NULL"
                    " ORDER BY next_mail_at LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED) RETURNING id"
                )
                if not cursor.fetchall():
                    break
        connection.close()

    return made, seconds(lambda: at_once(claim))


def at_once(run: Callable[[], object]) -> list[object]:
    with ThreadPoolExecutor(WORKERS) as pool:
        return [each.result() for each in [pool.submit(run) for _ in range(WORKERS)]]


def main() -> None:
    with services():
        from django.db import connection

        from outcomes import actions
        from outcomes.models import SurveyInvitation

        due = world()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        made = seconds(lambda: actions.make_surveys_due(by=None))
        assert SurveyInvitation.objects.count() == due, SurveyInvitation.objects.count()
        claimed: Counter[object] = Counter()
        lock = threading.Lock()
        batches: list[float] = []

        def claim() -> None:
            while True:
                begun = time.perf_counter()
                found = actions.claim_invitations(by=None)
                took = time.perf_counter() - begun
                if not found:
                    break
                with lock:
                    batches.append(took)
                    claimed.update(pk for ids in found.values() for pk in ids)
            connection.close()

        took = seconds(lambda: at_once(claim))
        bare_made, bare_claimed = bare(due)
        ratio = (made + took) / (bare_made + bare_claimed)
        say(f"{due:,} check-ins: made due in {made:.1f} s, {made / bare_made:.1f} times inserts")
        say(
            f"  claimed by {WORKERS} workers in {took:.1f} s, {took / bare_claimed:.1f} times plain"
            f" claims; a batch takes {1000 * sorted(batches)[len(batches) // 2]:.0f} ms"
        )
        promise(
            f"made due and claimed within {MOST_SECONDS} s",
            kept=made + took < MOST_SECONDS,
            seen=f"{made + took:.1f} s, {ratio:.1f} times bare",
        )
        promise("each is claimed once", kept=len(claimed) == due and set(claimed.values()) == {1})
        again = seconds(lambda: actions.make_surveys_due(by=None))
        say(f"  a second run that finds nobody new: {again:.1f} s")


if __name__ == "__main__":
    main()
    finish()
