# ruff: noqa: T201  # a program that prints
"""Lives worlds, one seed after the other, and tells of those that went wrong.

    python -m tests.simulation [--first] [SEEDS] [FROM]

Each world that went wrong is lived again, which must give the same to the byte, and made as short as it can be. With
`--first` the first of them is the last, and only named.
"""

import argparse
import gc
import sys
import time

from tests.simulation.drawing import planned
from tests.simulation.story import shortest, told
from tests.simulation.world import Outcome, lived

SEEDS = 500
_TOLD_MAX = 5
"""Worlds that are told of; of the others their seeds."""
_TELL_SECONDS = 30.0


def run(first: int, seeds: int, *, is_first_enough: bool = False) -> list[Outcome]:
    """Lives the worlds of some seeds; gives those that went wrong, or the first of them."""
    failed: list[Outcome] = []
    begun = told_at = time.monotonic()
    cpu = time.process_time()
    steps, seconds = 0, 0.0
    gc.collect()
    gc.freeze()  # what is there by now stays, and need not be looked through after each world
    for count, seed in enumerate(range(first, first + seeds), 1):
        outcome = lived(planned(seed))
        steps, seconds = steps + outcome.steps, seconds + outcome.seconds
        if outcome.wrong:
            failed.append(outcome)
            print(f"world {seed}: {outcome.wrong[0][:300]}", flush=True)
            if is_first_enough:
                break
        now = time.monotonic()
        if now - told_at > _TELL_SECONDS or count == seeds:
            told_at = now
            used = time.process_time() - cpu
            print(
                f"{count:,} worlds, {len(failed)} went wrong; {steps:,} steps, {seconds / 3600:.1f} h of their time; "
                f"{count / used:.1f} a second of CPU, {count / (now - begun):.1f} a second",
                flush=True,
            )
    return failed


def main(seeds: int, first: int) -> int:
    """Runs it; the exit code."""
    failed = run(first, seeds)
    for outcome in failed[:_TOLD_MAX]:
        again = lived(outcome.plan)
        print(f"\nreplayed: {'the same to the byte' if again.digest == outcome.digest else 'DIFFERENT'}")
        print(told(shortest(outcome)))
    return 1 if failed else 0


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Lives simulated worlds.")
    parser.add_argument("seeds", nargs="?", type=int, default=SEEDS, help="how many worlds (%(default)s)")
    parser.add_argument("first", nargs="?", type=int, default=0, help="the first world's seed (%(default)s)")
    parser.add_argument("--first", action="store_true", dest="is_first_enough", help="end at the first that went wrong")
    return parser.parse_args()


if __name__ == "__main__":
    wanted = _wanted()
    if wanted.is_first_enough:
        sys.exit(bool(run(wanted.first, wanted.seeds, is_first_enough=True)))
    sys.exit(main(wanted.seeds, wanted.first))
