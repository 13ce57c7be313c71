"""What an event costs, and what chaining events would cost if each writer did it.

    python benchmarks/trail.py

Eight connections write events at once, each in a transaction that goes on for 20 ms afterwards, as
a page's does: without a chain, while the clock seals, and with a trigger that chains at once behind
a lock. Then how many events a second are sealed and verified. Starts its own database.
"""

import sys
import threading
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.machine import percentile
from benchmarks.lib.world import finish, promise, say, services

WRITERS, EACH = 8, 60
REST = 0.02
MANY = 100_000
INSERT = (
    "INSERT INTO audit_event (occurred_at, verb, object_type, object_id, origin, data)"
    " VALUES (now(), 'test.happened', 'accounts.User', uuidv7(), 'web', '{\"before\": \"x\"}')"
)
AT_ONCE = """
CREATE TABLE chained (number bigserial PRIMARY KEY, event_id uuid, hash bytea);
CREATE FUNCTION chain_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    INSERT INTO chained (event_id, hash) SELECT NEW.id, sha256(
        coalesce((SELECT hash FROM chained ORDER BY number DESC LIMIT 1), '')
        || convert_to(NEW::text, 'UTF8'));
    RETURN NULL;
END $$;
CREATE TRIGGER chain_at_once AFTER INSERT ON audit_event
    FOR EACH ROW EXECUTE FUNCTION chain_at_once();
"""


def _write(url: str, waits: list[float]) -> None:
    with psycopg.connect(url) as connection:
        for _ in range(EACH):
            begun = time.perf_counter()
            connection.execute(INSERT)
            waits.append((time.perf_counter() - begun) * 1000)
            time.sleep(REST)
            connection.commit()


def _all_write(url: str) -> tuple[float, float]:
    """Median and 95th percentile of the INSERT alone, in milliseconds."""
    waits: list[float] = []
    threads = [threading.Thread(target=_write, args=[url, waits]) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return percentile(waits, 0.5), percentile(waits, 0.95)


def _seal_until(stop: threading.Event) -> None:
    from audit import chain

    while not stop.wait(0.05):
        chain.seal_events()


def main() -> None:
    with services() as started:
        from django.db import connection

        from audit import chain

        say(f"{WRITERS} connections write events; the INSERT alone:")
        plain = _all_write(started.owner_url)
        say(f"  no chain:                      {plain[0]:7.2f} ms, 95 % within {plain[1]:7.2f} ms")
        stop = threading.Event()
        sealer = threading.Thread(target=_seal_until, args=[stop])
        sealer.start()
        sealed = _all_write(started.owner_url)
        stop.set()
        sealer.join()
        say(
            f"  while the clock seals:         {sealed[0]:7.2f} ms, 95 % within {sealed[1]:7.2f} ms"
        )
        with connection.cursor() as cursor:
            cursor.execute(AT_ONCE)
            at_once = _all_write(started.owner_url)
            cursor.execute("DROP TRIGGER chain_at_once ON audit_event")
            say(
                f"  chained by each writer:        {at_once[0]:7.2f} ms, "
                f"95 % within {at_once[1]:7.2f} ms"
            )
            cursor.execute(
                INSERT.replace("VALUES (", "SELECT ").rstrip(")")
                + f" FROM generate_series(1, {MANY})"
            )
        promise("no writer waits for the chain", kept=sealed[0] < max(5 * plain[0], 5))

        begun = time.perf_counter()
        number = chain.seal_events(everything=True)
        say(f"sealed: {number / (time.perf_counter() - begun):,.0f} events a second")
        begun = time.perf_counter()
        verdict = chain.verify()
        took = time.perf_counter() - begun
        say(f"verified: {verdict.sealed / took:,.0f} events a second")
        promise("a million events verified within five minutes", kept=verdict.sealed / took > 3500)
        promise("the chain is whole", kept=verdict.is_whole)


if __name__ == "__main__":
    main()
    finish()
