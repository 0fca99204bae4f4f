# SPDX-License-Identifier: Apache-2.0
"""A generated theory with a concrete state: the theorem closed on the bare machine."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.check.witness import Witness
from rocqgen.emit import emit_theory
from rocqgen.source import load_fragments
from rocqgen.source.machine import Reg

if TYPE_CHECKING:
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

SOURCE = """\
#@ spec
#@   forall r : root, p v sp0 ra : word, q : fraction
#@   space r
#@   requires rdi |->r p * rax |->r _ * rsp |->r sp0 * p |->v{q} v * sp0 |->v ra * code{q}
#@   exit ra exists x : word
#@   ensures rax |->r x * x = v + 1 * p |->v{q} v
    .globl next
next:
    movq (%rdi), %rax
    addq $1, %rax
    ret
"""
ENTRY, FRAME, DATA, STACK, RETURN = 0x400000, 0x10000, 0x20000, 0x30000, 0x400200
# The page of the code, the data and the stack, at 0x400000, 0x401000 and 0x402000.
LEAVES = (FRAME | 1, DATA | 1 << 63 | 3, STACK | 1 << 63 | 3)
INSTANCE = Witness(
    entry=ENTRY,
    frame=FRAME,
    words={"r": 0x1000, "p": 0x401000, "v": 41, "sp0": 0x402008, "ra": RETURN, "u1": 7},
    fractions={"q": Fraction(1, 3)},
    registers={Reg.RDI: 0x401000, Reg.RAX: 7, Reg.RSP: 0x402008},
    root=0x1000,
    tables=((0x1000, (0x2003,)), (0x2000, (0x3003,)), (0x3010, (0x4003,)), (0x4000, LEAVES)),
    data=((DATA, (41,)), (STACK + 8, (RETURN,))),
    flags=(False, True, False, False, True),
    max_physical=40,
    steps=3,
    bound={"x": 42},
)


def compile_with(
    toolchain: Toolchain, library: Library, folder: Path, instance: Witness
) -> tuple[int, str]:
    source = folder / "next.s"
    source.write_text(SOURCE, encoding="utf-8")
    (fragment,) = load_fragments(source)
    theory = emit_theory(fragment, instance)
    text = theory.text + "\nPrint Assumptions next_adequate.\n"
    (folder / "next.v").write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options]
    done = subprocess.run(
        [*command, "next.v"],
        cwd=folder,
        env=toolchain.environ(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_theorem_is_closed_at_a_state(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    code, out = compile_with(toolchain, library, tmp_path, INSTANCE)
    assert (code, out.strip()) == (0, "Closed under the global context")


WRONG = {
    "code that is not mapped": ({"tables": (*INSTANCE.tables[:3], (0x4000, (0, *LEAVES[1:])))}, 0),
    "another value in memory": ({"data": ((DATA, (40,)), INSTANCE.data[1])}, 0),
    "data on top of the code": ({"data": (*INSTANCE.data, (FRAME, (0,)))}, 0),
    "too few steps": ({"steps": 2}, 1),
    "another result": ({"bound": {"x": 41}}, 1),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_states_are_refused(
    toolchain: Toolchain, library: Library, tmp_path: Path, case: str
) -> None:
    changes, part = WRONG[case]
    code, out = compile_with(toolchain, library, tmp_path, replace(INSTANCE, **changes))
    lines = (tmp_path / "next.v").read_text(encoding="utf-8").splitlines()
    line = int(out.split("line ", 1)[1].split(",")[0])
    lemma = next(one for one in reversed(lines[:line]) if one.lstrip().startswith("Lemma"))
    assert code == 1
    assert lemma.split()[1] == ("next_supplied", "next_runs")[part]
