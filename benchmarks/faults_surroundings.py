"""What happens when the disk is full, the clock jumps, and tasks are delivered twice.

    python benchmarks/faults_surroundings.py          all three, about two minutes
    python benchmarks/faults_surroundings.py disk     only one: disk, clock, twice

The disk: PostgreSQL lies on one of its own that is filled to the brim (as root only: it is mounted)
while people act over HTTP. They see a clear page or are done; nothing is there by half, and once
there is room again, the same is done once. The clock jumps a day ahead and back between ticks. Each
of the clock's tasks runs four times at once. Ends with 1 when a promise was not kept.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.faults_actions import OUR_WORDS, Answer, actions, send
from benchmarks.lib.world import finish, note, promise, say, services

if TYPE_CHECKING:
    from tests.sessions.web import Web

#: Room of the small disk, and what is left on it when it is full.
DISK_BYTES, LEFT_BYTES = 700_000_000, 300_000


def disk() -> None:
    if os.geteuid() != 0:
        promise("a full disk: not tried, mounting one needs root", kept=False, counts=False)
        return
    place = Path(tempfile.mkdtemp(prefix="supportgroups-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=777", "tmpfs", str(place)],
        check=False,
    )
    if mounted.returncode:
        promise("a full disk: not tried, this machine mounts none", kept=False, counts=False)
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    try:
        with services():
            from tests.sessions.web import running

            with running() as web:
                _act_on_a_full_disk(web, place)
    finally:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


def _act_on_a_full_disk(web: "Web", place: Path) -> None:
    from django.db import connection

    made = [make() for make in actions()]
    before = {action.name: action.effect() for action in made}
    connection.close()
    filling = place / "filling"
    free = shutil.disk_usage(place).free - LEFT_BYTES
    subprocess.run(["fallocate", "--length", str(free), str(filling)], check=True)
    answers: dict[str, list[Answer]] = {}
    for action in made:
        # Until the little that is left is used up.
        answers[action.name] = [send(web, action) for _ in range(12)]
    filling.unlink()
    half, unclear, undone = [], [], []
    for action in made:
        refused = [a for a in answers[action.name] if a.status >= 500 or a.status == 0]
        if action.effect() not in (before[action.name], action.done):
            half.append(action.name)
        unclear += [action.name for a in refused if OUR_WORDS not in a.body]
        for _ in range(2):
            send(web, action)
        if action.effect() != action.done:
            undone.append(f"{action.name}: {action.effect()}")
    failed = sum(a.status >= 500 or a.status == 0 for each in answers.values() for a in each)
    say(f"  {failed} of {12 * len(made)} requests failed while the disk was full")
    promise("full disk: nothing by half", kept=not half, seen=", ".join(half))
    promise("full disk: a clear page", kept=not unclear, seen=", ".join(sorted(set(unclear))))
    promise("with room again: each once", kept=not undone, seen="; ".join(undone))


def _somebody_waits_for_mail() -> list[str]:
    """A group that meets tomorrow and asks a questionnaire: reminders and check-ins are due."""
    from django.utils import timezone

    from tests import factories
    from tests.workers import members

    group = factories.group(capacity=20)
    people = members(group, 10)
    factories.support_session(group, starts_at=timezone.now() + timedelta(hours=23))
    factories.survey_plan(group, every_weeks=4)
    return people


def _mails_by_kind() -> Counter[tuple[str, str]]:
    from django.core import mail

    return Counter((message.to[0], message.subject) for message in mail.outbox)


def clock() -> None:
    with services():
        import time_machine
        from django.core import mail
        from django.test.utils import setup_test_environment
        from django.utils import timezone

        from supportgroups import tasks

        setup_test_environment()
        mail.outbox = []
        people = _somebody_waits_for_mail()
        now = timezone.now()
        for jump in (timedelta(), timedelta(days=1), timedelta(), timedelta(hours=-6), timedelta()):
            note(f"  the clock says {jump} from now …")
            with time_machine.travel(now + jump, tick=True):
                tasks.tick()
                tasks.nightly()
        doubled = {what: n for what, n in _mails_by_kind().items() if n > 1}
        got = {to for to, _ in _mails_by_kind()}
        promise("a clock that jumps: nobody gets a mail twice", kept=not doubled, seen=str(doubled))
        promise("and everybody got theirs", kept=set(people) <= got, seen=f"{len(got)} people")


def twice() -> None:
    with services():
        from django.core import mail
        from django.db import connection
        from django.test.utils import setup_test_environment

        from supportgroups import tasks

        setup_test_environment()
        mail.outbox = []
        people = _somebody_waits_for_mail()

        def run(task: Any) -> None:
            try:
                task()
            finally:
                connection.close()

        for task in (tasks.tick, tasks.nightly, tasks.verify_trail):
            threads = [threading.Thread(target=run, args=(task,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(240)
        doubled = {what: n for what, n in _mails_by_kind().items() if n > 1}
        got = {to for to, _ in _mails_by_kind()}
        promise("tasks delivered four times: one mail each", kept=not doubled, seen=str(doubled))
        promise("and everybody got theirs", kept=set(people) <= got, seen=f"{len(got)} people")


PARTS = {"disk": disk, "clock": clock, "twice": twice}


def main(chosen: list[str]) -> None:
    """Each in a process of its own: Django is set up once in each."""
    if len(chosen) == 1:
        PARTS[chosen[0]]()
        return
    for name in chosen or PARTS:
        say(f"{name}:")
        done = subprocess.run([sys.executable, __file__, name], check=False)
        promise(f"{name} as a whole", kept=done.returncode == 0)


if __name__ == "__main__":
    main(sys.argv[1:])
    finish()
