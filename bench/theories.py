# SPDX-License-Identifier: Apache-2.0
"""Two theories for one block: what rocqgen generates, and a proof-mode script by hand's ways."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rocqgen.emit import emit_theory
from rocqgen.emit.instruction import instruction
from rocqgen.source import load_fragments

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.blocks import Block, Cell, Value
    from rocqgen.source import Fragment

_SCRIPT = """\
From stdpp Require Import list.
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Import mov alu stack cr3.
Local Open Scope Z_scope.

Definition blk_code : list (Z * (instr * Z)) := [
  {code}
].

Section blk.
Context {{M : machine}} `{{!machGS M Σ}}.

Lemma blk_correct ({words} : word) (q : Qp) :
  cfg_user (m_config M) = false →
  {pre}
  -∗ vwp entry (λ e, ⌜e = entry `+Z` {end}⌝ ∗
  {post}).
Proof.
iIntros (Hkernel) "{intro}".
{steps}
iApply vwp_exit. iSplit; [done|]. {exists}iFrame "{frame}".
Qed.
End blk.
"""


def assembly(block: Block) -> str:
    """The annotated source of ``block``, in Intel syntax."""
    regs = [f"{reg} |->r {value.note}" for reg, value in block.initial.items()]
    finals = [f"{reg} |->r {_note(value)}" for reg, value in block.regs.items()]
    spaces = ("old", "new") if block.kind == "switch" else ("old",)
    before, after = (
        [_in_space(block, space, current, final=final) for space in spaces]
        for current, final in (("old", False), (block.space, True))
    )
    lines = [
        "spec",
        f"  forall {' '.join(spaces)} : root, {' '.join(block.params)} : word, q : fraction",
        "  space old",
        "  requires " + "\n    * ".join(regs + before),
        f"  exit finished space {block.space}",
        "  ensures " + "\n    * ".join(finals + after),
    ]
    spec = "\n".join(f"#@ {line}" for line in "\n".join(lines).split("\n"))
    code = "\n".join(f"    {one}" for one in block.assembly)
    head = f"{spec}\n    .intel_syntax noprefix\n    .text\nblk:\n"
    return f"{head}{code}\nfinished:\n    .size blk, . - blk\n"


def _in_space(block: Block, space: str, current: str, *, final: bool) -> str:
    parts = [
        f"{cell.note} |->v {_note(cell.value if final else cell.initial)}"
        for cell in block.cells
        if cell.space == space
    ]
    text = "\n    * ".join([*parts, "code{q}"])
    return text if space == current else f"[{space}] {{ {text} }}"


def _note(value: Value) -> str:
    return "_" if value.note is None else value.note


def load_block(block: Block, file: Path) -> Fragment:
    """Write the block's source to ``file``, assemble and read it."""
    file.write_text(assembly(block), encoding="utf-8")
    (fragment,) = load_fragments(file)
    return fragment


def engine_theory(fragment: Fragment) -> str:
    """What `rocqgen gen` writes."""
    return emit_theory(fragment).text


def script_theory(block: Block, fragment: Fragment) -> str:
    """The same theorem by the rules of theories/rules, every hypothesis named.

    The precondition stands in front of wands, which the proof mode introduces fastest, and values
    are stated as the rules give them, so that nothing is left to rewrite.
    """
    end = fragment.instrs[-1].offset + fragment.instrs[-1].length
    switched = block.kind == "switch"
    spaces = ("old", "new") if switched else ("old",)
    pre = [("#Hin", "in_space old"), ("Hf", "flags_any")]
    pre += [(f"H{reg}", f"{reg.upper()} ⇒ᵣ {value.rocq}") for reg, value in block.initial.items()]
    pre += [(cell.hypothesis, _cell(cell, "old", final=False)) for cell in block.cells]
    pre += [("HC", "code entry blk_code q")]
    pre += [("HCnew", "@[new] (code entry blk_code q)")] if switched else []
    post = [("Hnew" if switched else "Hin", f"in_space {block.space}"), ("Hf", "flags_any")]
    post += [(f"H{reg}", f"{reg.upper()} ⇒ᵣ {value.rocq}") for reg, value in block.regs.items()]
    post += [(cell.hypothesis, _cell(cell, block.space, final=True)) for cell in block.cells]
    post += [("HC", "code entry blk_code q")]
    post += [("HCold", "@[old] (code entry blk_code q)")] if switched else []
    opened = _distinct(
        value.rocq
        for value in (*block.regs.values(), *(cell.value for cell in block.cells))
        if value.note is None
    )
    binder = f"∃ {' '.join(opened)} : word, " if opened else ""
    return _SCRIPT.format(
        code=";\n  ".join(
            f"({one.offset}, ({instruction(one)}, {one.length}))" for one in fragment.instrs
        ),
        words=" ".join(["entry", *spaces, *block.params]),
        pre=" -∗\n  ".join(text for _, text in pre),
        end=end,
        post=binder + " ∗\n  ".join(text for _, text in post),
        intro=" ".join(name for name, _ in pre),
        steps="\n".join(block.steps),
        exists=f"iExists {', '.join(opened)}. " if opened else "",
        frame=" ".join(name for name, _ in post),
    )


def _cell(cell: Cell, current: str, *, final: bool) -> str:
    value = cell.value if final else cell.initial
    text = f"{cell.rocq} ↦ᵥ {value.rocq}"
    return text if cell.space == current else f"@[{cell.space}] ({text})"


def _distinct(names: Iterable[str]) -> list[str]:
    return [name for name, _ in groupby(sorted(names))]
