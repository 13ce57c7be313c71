"""What one check of a password costs, beside Django's own parameters for argon2.

    python benchmarks/passwords.py

Time and memory of one check, and of four at once, as when four people sign in at the same moment.
Neither database nor network.
"""

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ROUNDS = 9
PASSWORD = "kettle umbrella drowsy"


def checks(hasher: object, at_once: int) -> float:
    """The median of seconds that one of so many checks at once takes."""
    hashed = hasher.encode(PASSWORD, "0123456789abcdef")  # type: ignore[attr-defined]

    def check(_: int) -> float:
        begun = time.perf_counter()
        assert hasher.verify(PASSWORD, hashed)  # type: ignore[attr-defined]
        return time.perf_counter() - begun

    with ThreadPoolExecutor(at_once) as pool:
        return statistics.median(pool.map(check, range(ROUNDS * at_once)))


def main() -> None:
    os.environ |= {
        "DJANGO_ENV": "test",
        "DJANGO_SETTINGS_MODULE": "supportgroups.settings",
        "SECRET_KEY": "signs nothing",
        "FIELD_ENCRYPTION_KEYS": "0123456789abcdef" * 4,
        "DATABASE_URL": "postgres://unused",
        "REDIS_URL": "redis://unused",
    }
    import django

    django.setup()
    from django.contrib.auth.hashers import Argon2PasswordHasher

    from accounts.passwords import PasswordHasher, strength

    ours, djangos = PasswordHasher(), Argon2PasswordHasher()
    for name, hasher in (("ours", ours), ("Django's", djangos)):
        one, four = checks(hasher, 1), checks(hasher, 4)
        print(
            f"{name:9} {hasher.memory_cost // 1024} MiB, {hasher.time_cost} passes, "
            f"{hasher.parallelism} lanes: {one * 1000:.0f} ms alone, "
            f"{four * 1000:.0f} ms beside three others"
        )
    print(f"ratio alone: {checks(ours, 1) / checks(djangos, 1):.2f}")
    work = ours.memory_cost * ours.time_cost / (djangos.memory_cost * djangos.time_cost)
    print(f"ratio of memory that a guesser has to fill for one guess: {work:.2f}")
    strength(PASSWORD)
    begun = time.perf_counter()
    for _ in range(50):
        strength("x7!kW" * 30)
    print(f"looking how guessable one is: {(time.perf_counter() - begun) * 20:.1f} ms")


if __name__ == "__main__":
    main()
