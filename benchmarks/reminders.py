"""How quickly due reminders are made and claimed, beside the statements alone.

    python benchmarks/reminders.py

Fifty thousand people are due at once. One statement makes their rows; batches of a hundred are
claimed. The plain inserts and updates of as many rows are the limit. Starts its own database.
"""

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import finish, promise, say, services

GROUPS, PEOPLE = 50, 1000
MOST_SECONDS = 10


def seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def main() -> None:
    with services():
        from django.db import connection
        from django.utils import timezone

        from sessions import actions
        from sessions.models import Reminder
        from tests import factories
        from tests.workers import members

        for _ in range(GROUPS):
            group = factories.group(capacity=PEOPLE)
            members(group, PEOPLE)
            factories.support_session(group, starts_at=timezone.now() + timedelta(hours=23))
        due = GROUPS * PEOPLE
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute(
                "CREATE TABLE bare AS SELECT gen_random_uuid() AS id, 1 AS person LIMIT 0;"
                " CREATE UNIQUE INDEX ON bare (id, person); CREATE INDEX ON bare (person)"
            )
            insert = "INSERT INTO bare SELECT gen_random_uuid(), n FROM generate_series(1, %s) AS n"
            limit = seconds(lambda: cursor.execute(insert, [due]))
        made = seconds(actions.make_due_reminders)
        assert Reminder.objects.count() == due, Reminder.objects.count()
        again = seconds(actions.make_due_reminders)
        claims = [seconds(actions.claim_reminders) for _ in range(50)]
        say(f"{due:,} due reminders: made in {made:.1f} s, {made / limit:.1f} times plain inserts")
        promise(f"made within {MOST_SECONDS} s", kept=made < MOST_SECONDS, seen=f"{made:.1f} s")
        say(f"  a second run that finds nothing new: {again:.1f} s")
        rate = 100 * len(claims) / sum(claims)
        say(f"  claimed in batches of 100: {rate:,.0f} a second")
        promise("a claim within 250 ms", kept=sorted(claims)[len(claims) // 2] < 0.25)


if __name__ == "__main__":
    main()
    finish()
