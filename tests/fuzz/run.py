"""`python -m tests.fuzz.run --count 2000 --seed 1`: mutants of every kind of file, given to a whole platform over its
API, or with `--direct` to what reads files. Ends with 1 where one was neither refused in words nor processed."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import corpus, direct, served
from tests.fuzz.mutations import Mutant, mutant


def main() -> int:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="by-fuzz-") as made:
        files = corpus.files(Path(made))
    mutants = (mutant(given.seed, number, files) for number in range(given.first, given.first + given.count))
    begun_s = time.monotonic()
    if given.direct:
        given.folder.mkdir(parents=True, exist_ok=True)
        tally = asyncio.run(direct.try_all(_counted(mutants), given.folder, given.at_once))
    else:
        with served.platform(_say) as started:
            tally = served.upload_all(_counted(mutants), started, given.at_once)
    _report(tally, given.count, time.monotonic() - begun_s)
    return 1 if tally.wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--direct", action="store_true", help="without a platform")
    parser.add_argument(
        "--folder", type=Path, default=Path("fuzz-output"), help="for mutants that went wrong, if direct"
    )
    return parser.parse_args()


def _counted(mutants: Iterator[Mutant]) -> Iterator[Mutant]:
    for number, one in enumerate(mutants):
        if number and number % 100 == 0:
            _say(f"{number} …")
        yield one


def _report(tally: direct.Tally, count: int, took_s: float) -> None:
    _say(f"{count} files in {took_s:.0f} s")
    for name, counts in (("processed", tally.processed), ("refused", tally.refused)):
        _say(f"{name}: {counts.total()}")
        for what, times in counts.most_common():
            _say(f"  {times:6} {what}")
    _say(f"of the refused, decoders crashed in their child: {tally.crashes}")
    _say(f"neither refused nor processed: {len(tally.wrong)}")
    for name, what in tally.wrong.items():
        _say(f"  {name}: {what}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
