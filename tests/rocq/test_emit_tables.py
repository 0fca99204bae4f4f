# SPDX-License-Identifier: Apache-2.0
"""Edits of page tables: what Python says that the engine will do, it does; on random fragments.

Where Python sees that a step of the proof lacks something, the engine must not find the run clean.
"""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory, gallina
from rocqgen.emit.develop import develop
from rocqgen.emit.symbolic import HAt, HFirst, HThen, Missing, Residual, Stuck
from rocqgen.source.fragment import load_fragments

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain
    from rocqgen.source.spec import Fragment

pytestmark = pytest.mark.rocq

COUNT = 60


def slot(table: str, shift: int) -> str:
    return f"({table} & 0xffffffffff000) + (va >> {shift - 3} & 0xff8)"


LEAF = slot("e2", 12)


class Writer:
    """Writes one fragment with its annotation."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(seed)
        self.here = self.random.random() < 0.7
        self.mapped = False

    def text(self) -> str:
        pick = self.random.choice
        space = "s" if self.here else "r"
        owned, page = self.leaf()
        up = " * ".join(
            f"{slot(table, shift)} |->e{pick(['', '{q}', '{q}', '{1/2}'])} {entry}"
            f"{pick([''] * 12 + [' answers va in s level 2m', ' claims none'])}"
            for table, shift, entry in [("s", 39, "e4"), ("e4", 30, "e3"), ("e3", 21, "e2")]
        )
        bits = pick(["135 = 3", "135 = 3", "129 = 1"])
        known = " * ".join(
            [
                "va & 0xfff = 0",
                "va < 0x800000000000",
                *(f"{e} & {bits}" for e in ("e4", "e3", "e2")),
            ]
        )
        way = (
            f"p ~> {LEAF}" if self.here else f"w + (va >> 9 & 0xff8) = p * page w ~> {frame('e2')}"
        )
        lines = [
            "spec forall r s : root, va pa e4 e3 e2 e1 e0 p w v x out : word, q : fraction",
            f"space {space}",
            "requires rdi |->r p * rsi |->r va * rdx |->r e0 * r8 |->r v * rax |->r _",
            f"* rbx |->r out * {way} * {up} * {known} * {owned}{page} * code{{q}}",
            "* pa |->p x * pa + 8 |->p x",
            f"* {pick(['e0 = pa | 3', 'e0 & 7 = 3', 'e0 = pa | 1'])} * pa & 0xfff0000000000fff = 0",
            f"* {pick(['v = va + 8', 'v = va + 4096', 'v & -4096 = va'])} * v < 0x800000000000",
            f"exit out ensures {self.post()}",
        ]
        code = [*(self.instruction() for _ in range(pick([1, 2, 3, 5]))), "jmp *%rbx"]
        return "\n".join(
            [
                *(f"#@ {line}" for line in lines),
                f"{self.name}:",
                *(f"    {line}" for line in code),
                f"    .size {self.name}, . - {self.name}",
                "",
            ]
        )

    def leaf(self) -> tuple[str, str]:
        """The entry of the page, and the page's claim, where there is one."""
        pick = self.random.choice
        claim = f" * page va ~>{pick(['', '', '', 'r'])} pa"
        claim = claim if self.here else f" * [s] {{ {claim[3:]} }}"
        self.mapped = self.here and self.random.random() < 0.5
        present = pick(["e1 & 7 = 3", "e1 & 5 = 1", "e1 & 1 = 1"])
        if self.mapped:
            return f"{LEAF} |->e e1 answers va in s claims va in s * {present}", claim
        return pick(
            [
                (f"{LEAF} |->e e1 answers va in s claims va in s * {present}", claim),
                (f"{LEAF} |->e e1 answers va in s claims va in s * pa = {frame('e1')}", claim),
                (f"{LEAF} |->e 0 answers va in s claims none", ""),
                (f"{LEAF} |->e e1 answers va in s claims none * e1 & 1 = 0", ""),
                (f"{LEAF} |->e e1 answers va in s claims none owes va in s", ""),
                (f"{LEAF} |->e e1 answers va in s, v in r claims none", ""),
                (f"{LEAF} |->e{{1/2}} e1 claims none * {LEAF} |->e{{1/2}} e1 claims none", ""),
                (f"{LEAF} |->e e1 claims none", ""),
            ]
        )

    def post(self) -> str:
        pick = self.random.choice
        page = pick(["page va ~> pa", "page va ~>r pa", "page va ~> _", "page va ~>{1/2} _"])
        page = page if self.here else f"[s] {{ {page} }}"
        claimed = f"{LEAF} |->e _ answers va in s claims va in s * {page}"
        free = f"{LEAF} |->e _ answers va in s claims none"
        return pick(
            [
                *(claimed, claimed, claimed, free, free, f"{free} owes va in s"),
                f"{LEAF} |->e{{1/4}} _ answers va in s claims none",
                f"{LEAF} |->e e0 answers va in s claims none",
                f"{LEAF} |->e 0 claims none",
                *(f"{slot('e3', 21)} |->e{{q}} _", "rax |->r _", "pa |->p{1/3} _"),
            ]
        )

    def instruction(self) -> str:
        pick = self.random.choice
        mark = pick([""] * 20 + ["then claim va in s", "first unclaim va in s"])
        line = pick(
            [
                "movq $0, (%rdi)",
                "movq %rdx, (%rdi)",
                "movq %rdx, (%rdi)",
                "movq %rax, (%rdi)",
                f"{pick(['andq $-3', 'orq $2', 'andq $-2'])}, (%rdi)",
                f"movq (%rdi), %rax\n    {pick(['andq $-3', 'orq $3'])}, %rax",
                "invlpg (%rsi)",
                "invlpg (%rsi)",
                "invlpg (%r8)",
                "movq %cr3, %rax\n    movq %rax, %cr3",
                "movq $5, (%rsi)" if self.mapped else "nop",
                "movq 8(%rsi), %rax" if self.mapped else "nop",
            ]
        )
        return f"{line}  #@ {mark}" if mark else line


def frame(entry: str) -> str:
    return f"{entry} & 0xffffffffff000"


def fragments(folder: Path) -> tuple[Fragment, ...]:
    file = folder / "tables.s"
    parts = [Writer(f"f{n}", n).text() for n in range(COUNT)]
    file.write_text("    .text\n" + "\n".join(parts), encoding="utf-8")
    return load_fragments(file)


def vernacular(fragment: Fragment) -> str:
    """The theory up to the run's lemma; where the run gives nothing, a lemma that says so."""
    name, verdict = fragment.name, develop(fragment)[-1].made.verdict
    text = emit_theory(fragment).text
    head, rest = text[text.index(f"Definition {name}_code") :].split(f"  Lemma {name}_run :")
    if isinstance(verdict, Residual):
        lemma = rest.partition("Proof.")[0] + "Proof. vm_compute. reflexivity. Qed."
        return f"{head}  Lemma {name}_run :{lemma}\nEnd {name}_data.\n"
    check = rest.partition("clean (")[2].partition(") = true.")[0]
    shown = f"clean ({check}) = false"
    if isinstance(verdict, Missing):
        tag = gallina.tag(verdict.tag)
        shown = f"match {check} with PostMissing _ _ t _ => t = {tag} | _ => False end"
    return f"{head}  Goal {shown}.\n  Proof. vm_compute. reflexivity. Qed.\nEnd {name}_data.\n"


def test_random_fragments_are_many_sided(tmp_path: Path) -> None:
    plans = [develop(fragment)[-1].made for fragment in fragments(tmp_path)]
    verdicts = [one.verdict for one in plans]
    assert sum(isinstance(one, Residual) for one in verdicts) > COUNT / 4
    assert sum(isinstance(one, Stuck) for one in verdicts) > 3
    assert sum(isinstance(one, Missing) for one in verdicts) > 3
    hints = [hint for one in plans for plan in one.segments for _, hint in plan.hints]
    assert {HAt, HFirst, HThen} <= set(map(type, hints))
    ghosts = {type(one.ghost).__name__ for one in hints if isinstance(one, HFirst | HThen)}
    assert {"GClaim", "GUnclaim", "GJoin", "GSplit"} <= ghosts


def test_the_engine_does_as_predicted(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    file = tmp_path / "predicted.v"
    first, *others = fragments(tmp_path)
    head = emit_theory(first).text.partition(f"Definition {first.name}_code")[0]
    text = "\n".join([head[: head.rindex("(** * The code")], *map(vernacular, (first, *others))])
    file.write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options, str(file)]
    done = subprocess.run(
        command, env=toolchain.environ(), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
