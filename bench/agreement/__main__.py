# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.agreement`: every form on thousands of states, and the list of them."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence

from bench.agreement import rocq
from bench.agreement.compare import Agreement
from bench.agreement.hardware import Hardware, available
from bench.agreement.table import lines
from rocqgen.rocq.library import ensure_library
from rocqgen.rocq.toolchain import require_toolchain
from rocqgen.source.forms import CODES


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where anything differs."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.agreement",
        description="Compares the interpreter with unicorn, and with the processor where it can.",
    )
    parser.add_argument("--states", type=int, default=2000, help="for each form")
    parser.add_argument("--rocq", type=int, default=0, help="for each form, by vm_compute, too")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    begun = time.perf_counter()
    with contextlib.ExitStack() as stack:
        hardware = stack.enter_context(Hardware()) if available() else None
        agreement = Agreement(args.seed, hardware)
        tallies = [
            agreement.form(code, args.states, encodings=max(10, args.states // 100))
            for code in CODES
        ]
    seconds = time.perf_counter() - begun
    wrong = [mismatch for tally in tallies for mismatch in tally.mismatches]
    text = [*lines(tallies), f"{seconds:.0f} s", *map(str, wrong[:20])]
    sys.stdout.write("\n".join(text) + "\n")
    differing = _rocq(args.rocq, args.seed) if args.rocq else 0
    return 1 if wrong or differing else 0


def _rocq(states: int, seed: int) -> int:
    """How many cases differ in Rocq; says so."""
    toolchain = require_toolchain()
    library = ensure_library(toolchain)
    begun = time.perf_counter()
    cases = rocq.make_cases(max(1, states // 2), 2, seed)
    wrong = rocq.run(cases, toolchain, library)
    number, seconds = sum(case.states for case in cases), time.perf_counter() - begun
    said = f"{number} states, {len(wrong)} of {len(cases)} encodings differ; {seconds:.0f} s"
    text = [
        f"Rocq's exec_next by vm_compute: {said}",
        *(f"{case.name}: {case.form.one.instr.encoding.hex(' ')}" for case in wrong[:20]),
    ]
    sys.stdout.write("\n".join(text) + "\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
