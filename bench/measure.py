# SPDX-License-Identifier: Apache-2.0
"""Where the seconds of a block go, by the engine and by a script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.blocks import make_block
from bench.coqc import compile_file
from bench.theories import engine_theory, load_block, script_theory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.blocks import Kind
    from bench.coqc import Run
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

RESOLUTION: Final = 0.001
"""Seconds; what takes less counts as this much in a ratio, to the engine's disadvantage."""

ENGINE_PARTS: Final = ("code", "data", "run", "run_qed", "statement", "proof", "proof_qed")
SCRIPT_PARTS: Final = ("code", "statement", "intro", "steps", "close", "qed")


@dataclass(frozen=True, slots=True)
class Sample:
    """A block measured in one way: seconds by part, without what loads the library.

    ``parts`` is empty where there is a ``problem``. ``repeats`` runs were made, and each part is
    the median.
    """

    parts: Mapping[str, float]
    peak_mb: float = 0.0
    repeats: int = 0
    problem: str = ""

    @property
    def total(self) -> float:
        """All parts, in seconds."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Row:
    """One block: by the engine, and by a script where that was run."""

    kind: Kind
    length: int
    facts: int
    engine: Sample
    script: Sample = field(default_factory=lambda: Sample({}, problem="not asked for"))

    @property
    def engine_steps(self) -> float:
        """Seconds of the engine that grow with the instructions: the run, and its Qed."""
        return _sum(self.engine, "run", "run_qed")

    @property
    def script_steps(self) -> float:
        """Seconds of the script that grow with the instructions: the steps, and the Qed."""
        return _sum(self.script, "steps", "qed")

    @property
    def ratio_steps(self) -> float | None:
        """The script's seconds per instruction over the engine's; a lower bound below 1 ms."""
        return None if self.engine.problem else _ratio(self.script_steps, self.engine_steps)

    @property
    def ratio_total(self) -> float | None:
        """The same of the whole block, statements and all."""
        return None if self.engine.problem else _ratio(self.script.total, self.engine.total)


def _sum(sample: Sample, *names: str) -> float:
    return sum(sample.parts.get(name, 0.0) for name in names)


def _ratio(script: float, engine: float) -> float | None:
    return script / max(engine, RESOLUTION) if script else None


@dataclass(frozen=True, slots=True)
class Lab:
    """What measuring takes: the prover, the library, a folder, a limit in seconds for one coqc."""

    toolchain: Toolchain
    library: Library
    folder: Path
    limit: float
    repeats: int

    def engine(self, kind: Kind, length: int, facts: int) -> Sample:
        """The theory that rocqgen generates for the block."""
        name = f"engine_{kind}_{length}_{facts}"
        block = make_block(kind, length, facts)
        fragment = load_block(block, self.folder / f"{name}.s")
        return self.sample(name, engine_theory(fragment), engine_parts, self.repeats)

    def script(self, kind: Kind, length: int, facts: int) -> Sample:
        """The proof-mode script of the block; once, for it takes long enough to be told apart."""
        name = f"script_{kind}_{length}_{facts}"
        block = make_block(kind, length, facts)
        fragment = load_block(block, self.folder / f"{name}.s")
        return self.sample(name, script_theory(block, fragment), script_parts, 1)

    def sample(
        self, name: str, text: str, parts: Callable[[Run], dict[str, float]], repeats: int
    ) -> Sample:
        """A theory, compiled `repeats` times; `parts` says where the seconds of a run went."""
        file = self.folder / f"{name}.v"
        file.write_text(text, encoding="utf-8")
        runs: list[Run] = []
        for _ in range(repeats):
            run = compile_file(file, self.toolchain, self.library, self.limit)
            if run.problem:
                return Sample({}, run.peak_mb, problem=run.problem)
            runs.append(run)
        taken = [parts(run) for run in runs]
        return Sample(
            {part: median(one[part] for one in taken) for part in taken[0]},
            max(run.peak_mb for run in runs),
            repeats,
        )


def engine_parts(run: Run, name: str = "blk") -> dict[str, float]:
    """Seconds by part of a generated theory; `name` is its fragment's."""
    parts = dict.fromkeys(ENGINE_PARTS, 0.0)
    lemma = ""
    for sentence in run.sentences:
        text = sentence.text
        if text.startswith("From "):
            continue
        stated = re.match(rf"Lemma {re.escape(name)}_(\w+)", text)
        if stated:
            lemma = stated[1]
            parts["statement"] += sentence.seconds
        elif text.startswith("End "):
            lemma = ""
            parts["data"] += sentence.seconds
        elif lemma:
            part = "run" if lemma == "run" else "proof"
            parts[part + "_qed" * (text == "Qed.")] += sentence.seconds
        else:
            part = "code" if text.startswith(f"Definition {name}_code") else "data"
            parts[part] += sentence.seconds
    return parts


def script_parts(run: Run) -> dict[str, float]:
    """Seconds by part of a script."""
    parts = dict.fromkeys(SCRIPT_PARTS, 0.0)
    part = "code"
    for sentence in run.sentences:
        text = sentence.text
        if text.startswith("From "):
            continue
        if text.startswith("Lemma "):
            part = "statement"
        elif text.startswith("iIntros (Hkernel)"):
            part = "intro"
        elif text.startswith("iApply vwp_exit"):
            part = "close"
        elif text == "Qed.":
            part = "qed"
        elif part == "intro":
            part = "steps"
        parts[part] += sentence.seconds
    return parts
