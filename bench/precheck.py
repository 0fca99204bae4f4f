# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.precheck``: what a state costs in the pre-check, and how soon a bug shows."""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import Final

from bench.whole import EXAMPLES
from rocqgen.check.search import Options, check
from rocqgen.source import load_fragments

REPEATS: Final = 5


def main() -> int:
    """Print a line for each example: the median of several runs, in processor time."""
    out = sys.stdout
    out.write(f"{'example':<36}{'verdict':<16}{'states':>6}{'ms':>8}{'ms/state':>10}\n")
    # What is loaded only once is not counted: the assembler's reader, models, their rules.
    for warm in sorted(EXAMPLES.rglob("*.s")):
        for fragment in load_fragments(warm):
            check(fragment, Options(states=5))
    for file in sorted(EXAMPLES.rglob("*.s")):
        for fragment in load_fragments(file):
            taken = []
            for _ in range(REPEATS):
                began = time.process_time()
                result = check(fragment)
                taken.append(1000 * (time.process_time() - began))
            spent = median(taken)
            name = str(file.relative_to(EXAMPLES))
            out.write(f"{name:<36}{result.verdict.value:<16}{result.states:>6}{spent:>8.0f}")
            out.write(f"{spent / max(1, result.states):>10.2f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
