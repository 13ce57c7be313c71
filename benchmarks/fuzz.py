"""Nonsense at every door for as long as one likes, other nonsense each time.

    python benchmarks/fuzz.py        five minutes
    python benchmarks/fuzz.py 60     an hour
    python benchmarks/fuzz.py 5 42   begins with this seed

Runs tests/test_fuzz.py and the property tests of every parser of outside input again and again.
What it finds is printed with the seed that finds it again. Ends with 1 when it found something.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ["tests/test_fuzz.py", "tests/test_parsers.py", "tests/sessions/test_hold_fuzz.py"]


def main(minutes: float = 5, seed: int = 1) -> int:
    """Stops before the round that would not be over in time."""
    begun, found, longest = time.monotonic(), 0, 0.0
    while time.monotonic() - begun + longest < minutes * 60 or not longest:
        round_begun = time.monotonic()
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n", "0", "--tb=short", "--no-header"),
                *("-p", "no:cacheprovider", "-o", "console_output_style=none"),
                *(f"--hypothesis-seed={seed}", *TESTS),
            ],
            cwd=ROOT,
            env=os.environ | {"FUZZ_SEED": str(seed), "FUZZ_TIMES": "3", "FUZZ_EXAMPLES": "500"},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            found += 1
            print(run.stdout[-20_000:])
        print(f"seed {seed}: {run.stdout.strip().splitlines()[-1]}", flush=True)
        longest = max(longest, time.monotonic() - round_begun)
        seed += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
