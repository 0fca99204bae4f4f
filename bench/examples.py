# SPDX-License-Identifier: Apache-2.0
"""What each example costs: its annotation, its proof by hand, and the prover's time and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.faults import right_examples
from bench.measure import RESOLUTION, Sample, engine_parts
from bench.whole import EXAMPLES
from rocqgen.emit import emit_theory
from rocqgen.emit.regions import DEFAULT, read_proofs
from rocqgen.source import load_fragments
from rocqgen.source.machine import Imm, Op
from rocqgen.source.reserved import theory_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.measure import Lab
    from rocqgen.emit.regions import Proof
    from rocqgen.source.machine import Instr
    from rocqgen.source.spec import Fragment

BASELINE: Final = ("mixed", 10, 10)
"""The block whose proof-mode script is what examples are compared with: kind, length, facts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One theorem of an example.

    ``annotation`` counts the lines that a person wrote for it, marks among them; ``by_hand`` the
    lines of proof, ``blocks`` its basic blocks. The theory is that of `rocqgen gen`, without an
    instance.
    """

    name: str
    instructions: int
    blocks: int
    annotation: int
    by_hand: int
    sample: Sample

    @property
    def ms_per_instruction(self) -> float:
        """Milliseconds of the run and its Qed, for one instruction."""
        parts = self.sample.parts
        return 1000 * (parts.get("run", 0) + parts.get("run_qed", 0)) / self.instructions

    @property
    def seconds(self) -> float:
        """Seconds of the whole theory without loading the library: statement, facts, proof."""
        return self.sample.total


def measure_examples(lab: Lab) -> Iterator[Cost]:
    """Measure every example, with its proofs by hand where it has some."""
    for file in right_examples():
        fragments = load_fragments(file)
        for fragment in fragments:
            name = theory_name(str(file), fragment.name)
            proofs = read_proofs(file.parent / "proofs" / f"{name}.v")
            yield Cost(
                f"{file.relative_to(EXAMPLES)}" + (f": {fragment.name}" * (len(fragments) > 1)),
                len(fragment.instrs),
                basic_blocks(fragment.instrs),
                _annotation(file) if fragment is fragments[0] else 0,
                by_hand(proofs),
                _sample(lab, name, fragment, proofs),
            )


def _sample(lab: Lab, name: str, fragment: Fragment, proofs: dict[str, Proof]) -> Sample:
    text = emit_theory(fragment, proofs=proofs).text
    return lab.sample(name, text, lambda run: engine_parts(run, fragment.name), lab.repeats)


def basic_blocks(instrs: Sequence[Instr]) -> int:
    """Pieces of code that are entered at their first instruction and left at their last alone."""
    leaders = {0}
    for one in instrs:
        if one.op in {Op.JCC, Op.JMP, Op.CALL, Op.RET}:
            leaders.add(one.offset + one.length)
        if one.op in {Op.JCC, Op.JMP} and isinstance(one.operands[0], Imm):
            leaders.add(one.offset + one.length + one.operands[0].value)
    return sum(one.offset in leaders for one in instrs)


def by_hand(proofs: dict[str, Proof]) -> int:
    """Lines of proof that a person wrote."""
    return sum(
        bool(line.strip())
        for proof in proofs.values()
        for line in proof.text.splitlines()
        if line.strip() != DEFAULT.strip()
    )


def _annotation(file: Path) -> int:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    if file.suffix == ".spec":
        return sum(bool(line) and not line.startswith("#") for line in lines)
    return sum("#@" in line or "//@" in line for line in lines)


HEADS: Final = (
    "example",
    "instr",
    "blocks",
    "annotation",
    "by hand",
    "ms/instr",
    "ratio",
    "s",
    "ratio",
    "MB",
    "problem",
)


def lines(costs: Sequence[Cost], script: Sample) -> list[list[str]]:
    """The cells of a table; ratios are those of the script, block for block of ten instructions."""
    _, length, _ = BASELINE
    step = 1000 * (script.parts.get("steps", 0) + script.parts.get("qed", 0)) / length
    return [
        [
            one.name,
            str(one.instructions),
            str(one.blocks),
            str(one.annotation),
            str(one.by_hand),
            "" if one.sample.problem else f"{one.ms_per_instruction:.2f}",
            "" if one.sample.problem else _ratio(step, one.ms_per_instruction),
            "" if one.sample.problem else f"{one.seconds:.3f}",
            ""
            if one.sample.problem
            else _ratio(script.total / length, one.seconds / one.instructions),
            f"{one.sample.peak_mb:.0f}",
            one.sample.problem,
        ]
        for one in costs
    ]


def _ratio(script: float, engine: float) -> str:
    return f"{script / max(engine, RESOLUTION):.0f}" if script else ""
