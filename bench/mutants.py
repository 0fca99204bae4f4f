# SPDX-License-Identifier: Apache-2.0
"""``python -m bench.mutants``: which faults in the examples the pre-check catches by itself.

Each instruction of each example is changed in one place: another register, offset or constant,
another operation, operands exchanged, left out, or exchanged with the next.  A mutant that the
pre-check has a counterexample for is killed.  Of the others, one whose theorem still holds is
equivalent: the plan of its proof leaves equations only, and z3 finds that they hold.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import z3

from bench.whole import EXAMPLES
from rocqgen.check.search import Options, check
from rocqgen.check.terms import relation
from rocqgen.emit.develop import develop
from rocqgen.emit.normal import Alu, EAdd, ECst, EOp, EVar, Term
from rocqgen.emit.symbolic import Fact, Residual
from rocqgen.errors import UserError
from rocqgen.source import load_fragments
from rocqgen.source.spec import Fragment

GOAL: Final = 0.95
"""The share of mutants that are not equivalent to be killed."""

_REGISTER: Final = re.compile(r"%(r[a-z0-9]+|cr3)")
_OFFSET: Final = re.compile(r"(?<![\w$])(-?\d+)(?=\()")
_CONSTANT: Final = re.compile(r"\$(-?(?:0x[0-9a-fA-F]+|\d+))\b")
_CONDITION: Final = re.compile(r"(?:j|set|cmov)(n?(?:e|z|b|be|a|ae|l|le|g|ge|s|o|p))")
_CONDITIONS: Final = {"e": "b", "ne": "ae", "b": "be", "ae": "a", "l": "le", "ge": "g"}
"""Conditions that are nearly the same."""
_OPERATIONS: Final = {
    "addq": ("subq", "xorq"),
    "subq": ("addq", "xorq"),
    "andq": ("orq", "xorq"),
    "orq": ("andq", "xorq"),
    "xorq": ("orq", "addq"),
    "shrq": ("shlq",),
    "shlq": ("shrq",),
    "movq": ("addq", "leaq", "xorq"),
    "leaq": ("movq",),
    "addl": ("subl",),
    "subl": ("addl",),
    "andl": ("orl",),
    "movl": ("addl",),
    "testb": ("cmpb",),
    "cmpl": ("testl",),
    "cmpq": ("testq",),
    "incq": ("decq",),
    "pushq": ("popq",),
    "popq": ("pushq",),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A source with one fault: what was done to which line."""

    kind: str
    line: int
    text: str
    source: str


@dataclass(slots=True)
class Tally:
    """What became of the mutants of one example."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    survivors: list[tuple[Mutant, str]] = field(default_factory=list)
    disputed: list[Mutant] = field(default_factory=list)
    """Killed, although the plan of the proof goes through: one of the two is wrong."""
    seconds: float = 0.0
    states: int = 0


def mutants(source: str, lines: Sequence[int]) -> Iterator[Mutant]:
    """All mutants of a source; `lines` (from 1) are those with instructions."""
    rows = source.splitlines()
    registers = sorted({f"%{name}" for n in lines for name in _REGISTER.findall(rows[n - 1])})
    for place, number in enumerate(lines):
        code, hash_, comment = rows[number - 1].partition("#")
        for kind, changed in _changes(code, registers):
            yield _with(rows, number, kind, changed, hash_ + comment)
        if place + 1 < len(lines):
            after = lines[place + 1]
            swapped = list(rows)
            swapped[number - 1], swapped[after - 1] = swapped[after - 1], swapped[number - 1]
            yield Mutant("order", number, rows[after - 1].strip(), "\n".join(swapped) + "\n")


def _with(rows: Sequence[str], number: int, kind: str, code: str, rest: str) -> Mutant:
    changed = [*rows]
    # Without an instruction there is nothing that a mark could belong to.
    changed[number - 1] = code + rest if code.strip() else ""
    return Mutant(kind, number, code.strip() or "(left out)", "\n".join(changed) + "\n")


def _changes(code: str, registers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The changes of one instruction."""
    yield "left out", ""
    yield from _numbers(code)
    for found in _REGISTER.finditer(code):
        others = [one for one in registers if "%cr3" not in {one, found[0]} and one != found[0]]
        for register in others:
            yield "register", code[: found.start()] + register + code[found.end() :]
    words = code.split(None, 1)
    for operation in _OPERATIONS.get(words[0], ()) if words else ():
        yield "operation", code.replace(words[0], operation, 1)
    yield from _conditions(words)
    if len(words) == 2:
        left, comma, right = _operands(words[1])
        if comma:
            yield "exchanged", f"    {words[0]} {right}, {left}"


def _conditions(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Other conditions: the opposite, and one that is nearly the same."""
    found = _CONDITION.fullmatch(words[0]) if words else None
    if found is None:
        return
    condition, stem = found[1], words[0][: found.start(1)]
    opposite = condition[1:] if condition.startswith("n") else f"n{condition}"
    for other in dict.fromkeys((opposite, _CONDITIONS.get(condition, opposite))):
        yield "condition", f"    {stem}{other} {words[1]}"


def _numbers(code: str) -> Iterator[tuple[str, str]]:
    """The changes of offsets and constants."""
    for found in _OFFSET.finditer(code):
        for offset in (-8, 8, 1):
            yield "offset", f"{code[: found.start()]}{int(found[1]) + offset}{code[found.end() :]}"
    for found in _CONSTANT.finditer(code):
        value = int(found[1], 0)
        others = (value - 1, value + 1, -value, ~value)
        # In a mask, a bit of the address.
        for other in (*others, value ^ 1 << 12) if value >> 12 else others:
            yield "constant", f"{code[: found.start()]}${other}{code[found.end() :]}"


def _operands(text: str) -> tuple[str, str, str]:
    """The two operands: at the comma that is not in parentheses."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            return text[:at].strip(), ",", text[at + 1 :].strip()
    return text, "", ""


# -- whether a theorem still holds -----------------------------------------------------------------


def holds(fragment: Fragment) -> tuple[bool, str]:
    """Whether the plan of the proof goes through, and why not."""
    planned = develop(fragment)[-1].made
    verdict = planned.verdict
    if not isinstance(verdict, Residual):
        return False, f"no proof: {planned.block.about}"
    solver = z3.Solver()
    solver.set("timeout", 10_000)
    for fact in planned.given:
        solver.add(_fact(fact))
    blames = iter(planned.blames)
    for segment in verdict.segments:
        names = [
            _word(EVar(number)) == _word(term) for number, term in segment.names if term is not None
        ]
        for one, blame in zip(segment.facts, blames, strict=False):
            answer = solver.check(*names, *map(_fact, one.path), z3.Not(_fact(one.fact)))
            if answer != z3.unsat:
                return False, f"not shown: {blame.about or blame.instr.text}"
    return True, ""


def _fact(fact: Fact) -> Any:
    return relation(fact.rel, _word(fact.a), _word(fact.b))


def _word(term: Term) -> Any:
    match term:
        case EVar(x):
            return z3.BitVec(f"x{x}", 64)
        case ECst(z):
            return z3.BitVecVal(z, 64)
        case EAdd(e, z):
            return _word(e) + z
        case EOp(op, a, b):
            return _ALU[op](_word(a), _word(b))
        case other:
            raise TypeError(f"a word that is not known here: {other!r}")


_ALU: Final = {
    Alu.ADD: lambda a, b: a + b,
    Alu.SUB: lambda a, b: a - b,
    Alu.AND: lambda a, b: a & b,
    Alu.OR: lambda a, b: a | b,
    Alu.XOR: lambda a, b: a ^ b,
    Alu.SHL: lambda a, b: a << (b & 63),
    Alu.SHR: lambda a, b: z3.LShR(a, b & 63),
    Alu.SAR: lambda a, b: a >> (b & 63),
    Alu.ROL: lambda a, b: z3.RotateLeft(a, b & 63),
    Alu.ROR: lambda a, b: z3.RotateRight(a, b & 63),
    Alu.MUL: lambda a, b: a * b,
}


# -- the run ---------------------------------------------------------------------------------------


def run(file: Path, folder: Path, options: Options) -> Tally:
    """Check every mutant of the fragments in a file."""
    tally = Tally(file.name)
    source = file.read_text(encoding="utf-8")
    originals = load_fragments(file)
    seen = {_encoding(originals)}
    instrs = [instr for one in originals for instr in one.instrs]
    lines = sorted({one.location.line for one in instrs if one.location.file == str(file)})
    target = folder / file.name
    for mutant in mutants(source, lines):
        target.write_text(mutant.source, encoding="utf-8")
        try:
            fragments = load_fragments(target)
        except UserError:
            tally.counts["refused"] += 1
            continue
        if _encoding(fragments) in seen:
            tally.counts["the same code"] += 1
            continue
        seen.add(_encoding(fragments))
        began = time.process_time()
        results = [check(one, options) for one in fragments]
        tally.seconds += time.process_time() - began
        tally.states += sum(one.states for one in results)
        killed = any(one.failed for one in results)
        proved, why = _all_hold(fragments)
        if killed and proved:
            tally.disputed.append(mutant)
        verdict = "killed" if killed else "equivalent" if proved else "survived"
        tally.counts[verdict] += 1
        if verdict == "survived":
            tally.survivors.append((mutant, why))
    return tally


def _all_hold(fragments: Sequence[Fragment]) -> tuple[bool, str]:
    for one in fragments:
        proved, why = holds(one)
        if not proved:
            return False, why
    return True, ""


def _encoding(fragments: Sequence[Fragment]) -> bytes:
    return b"".join(instr.encoding for one in fragments for instr in one.instrs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where fewer are killed than `GOAL` says."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="examples (default: all)")
    parser.add_argument("--states", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    files = args.files or [
        file for file in sorted(EXAMPLES.rglob("*.s")) if ".wrong" not in file.name
    ]
    options = Options(states=args.states, seed=args.seed, simplify=False)
    columns = ("killed", "equivalent", "survived", "the same code", "refused")
    out = sys.stdout
    out.write(f"{'example':<20}" + "".join(f"{name:>15}" for name in columns))
    out.write(f"{'states':>9}{'ms/state':>10}\n")
    total: Counter[str] = Counter()
    survivors, disputed = [], []
    with tempfile.TemporaryDirectory(prefix="rocqgen-mutants-") as folder:
        for file in files:
            tally = run(file, Path(folder), options)
            total += tally.counts
            survivors += [(file, *one) for one in tally.survivors]
            disputed += [(file, one) for one in tally.disputed]
            out.write(f"{tally.name:<20}")
            out.write("".join(f"{tally.counts[name]:>15}" for name in columns))
            out.write(f"{tally.states:>9}{1000 * tally.seconds / max(1, tally.states):>10.2f}\n")
            out.flush()
    for file, mutant, why in survivors:
        out.write(f"survived: {file.name}:{mutant.line}: {mutant.kind}: {mutant.text} ({why})\n")
    for file, mutant in disputed:
        out.write(f"disputed: {file.name}:{mutant.line}: {mutant.kind}: {mutant.text}\n")
    judged = total["killed"] + total["survived"]
    share = total["killed"] / max(1, judged)
    out.write(f"killed {total['killed']} of {judged} that are not equivalent: {share:.1%}\n")
    return 0 if share >= GOAL and not disputed else 1


if __name__ == "__main__":
    sys.exit(main())
