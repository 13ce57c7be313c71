"""Whether the time of an answer tells who has an account.

    python benchmarks/enumeration.py [SAMPLES]

Signs in by password, asks for a code, signs up, and asks to reset a password, in turn for addresses
with and without account, through the whole application with the production password hash. Prints
both medians, their difference with its 95 % interval (bootstrap), and the p of a rank test
(Mann-Whitney). Starts its own database.
"""

import itertools
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import services

SAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
WAYS = {
    "password": ("account_login", lambda email: {"login": email, "password": "wrong words here"}),
    "code": ("account_request_login_code", lambda email: {"email": email}),
    "sign-up": ("account_signup", lambda email: {"email": email, "display_name": "River"}),
    "reset": ("account_reset_password", lambda email: {"email": email}),
}


def answer_seconds(way: str, email: str) -> float:
    from django.core import mail
    from django.test import Client
    from django.urls import reverse

    name, form = WAYS[way]
    client, address = Client(), reverse(name)
    mail.outbox = []
    begun = time.perf_counter()
    response = client.post(address, form(email))
    took = time.perf_counter() - begun
    assert response.status_code in (200, 302), f"{way} was answered with {response.status_code}"
    return took


def rank_test(one: list[float], other: list[float]) -> float:
    """Two-sided p of Mann-Whitney's test, by its normal approximation."""
    from math import erfc, sqrt

    both = np.array(one + other)
    ranks = both.argsort().argsort() + 1.0
    n, m = len(one), len(other)
    u = ranks[:n].sum() - n * (n + 1) / 2
    z = (u - n * m / 2) / sqrt(n * m * (n + m + 1) / 12)
    return erfc(abs(z) / sqrt(2))


def main() -> None:
    with services():
        from django.conf import settings
        from django.contrib.auth import hashers
        from django.core import mail
        from django.test.utils import setup_test_environment

        from tests import factories

        setup_test_environment()
        mail.outbox = []
        # Tests hash quickly and wait for nothing; here that is what is measured.
        settings.EVEN_ANSWER_SECONDS = 0.4
        settings.PASSWORD_HASHERS = ["accounts.passwords.PasswordHasher"]
        hashers.get_hashers.cache_clear()
        hashers.get_hashers_by_algorithm.cache_clear()
        run(factories)


def run(factories: object) -> None:
    rng = np.random.default_rng(1)
    numbers = itertools.count()
    known = [factories.user(password=None).email for _ in range(10)]  # type: ignore[attr-defined]
    known += [factories.user().email for _ in range(10)]  # type: ignore[attr-defined]
    for way in WAYS:
        found: dict[bool, list[float]] = {True: [], False: []}
        for sample in range(SAMPLES + 5):
            for has_account in rng.permutation([True, False]):
                number = next(numbers)
                email = known[number % 20] if has_account else f"nobody{number}@example.org"
                seconds = answer_seconds(way, email)
                if sample >= 5:  # the first ones warm up
                    found[bool(has_account)].append(seconds * 1000)
        yes, no = np.array(found[True]), np.array(found[False])
        draws = [
            np.median(rng.choice(yes, len(yes))) - np.median(rng.choice(no, len(no)))
            for _ in range(2000)
        ]
        low, high = np.percentile(draws, [2.5, 97.5])
        print(
            f"{way:9} with account {statistics.median(found[True]):.1f} ms, "
            f"without {statistics.median(found[False]):.1f} ms, difference "
            f"{np.median(yes) - np.median(no):+.2f} ms ({low:+.2f} to {high:+.2f}), "
            f"p {rank_test(found[True], found[False]):.3f}"
        )


if __name__ == "__main__":
    main()
