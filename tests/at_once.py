"""Several people at the same moment: real threads, each with its own connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection

from supportgroups.lib.refusals import Refused


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together; each gives its result or its `Refused`.

    The test must be marked `django_db(transaction=True)`: other connections see only what is
    committed.
    """
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=60)
            return call()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
