# SPDX-License-Identifier: Apache-2.0
"""What the prover has no rule for is refused where it stands, by name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rocqgen.emit import emit_theory
from rocqgen.emit.support import supported
from rocqgen.errors import UserError
from rocqgen.source.fragment import load_fragments
from rocqgen.source.machine import Op

if TYPE_CHECKING:
    from pathlib import Path

    from rocqgen.source.spec import Fragment

TEXT = """\
    .text
#@ spec forall r : root, e x : word space r
#@ requires rcx |->r e * rax |->r x * code
#@ exit e ensures rax |->r x
f:
    movq %rax, %rax
    jmp *%rcx
"""


def fragment(folder: Path) -> Fragment:
    file = folder / "f.s"
    file.write_text(TEXT, encoding="utf-8")
    (found,) = load_fragments(file)
    return found


@pytest.mark.parametrize("op", [Op.MOV_FROM_CR0, Op.MOV_TO_CR4])
def test_an_instruction_without_a_rule_is_refused(tmp_path: Path, op: Op) -> None:
    one = fragment(tmp_path)
    assert all(map(supported, one.instrs))
    first, last = one.instrs
    changed = replace(first, op=op, text="made up %rax")
    assert not supported(changed)
    with pytest.raises(UserError, match="no rule for `made up %rax` yet") as caught:
        emit_theory(replace(one, instrs=(changed, last)))
    error = caught.value
    assert (error.line, error.column) == (first.location.line, first.location.column)
    assert error.file is not None
    assert error.file.endswith("f.s")
    assert "other than mov to and from %cr0" in str(error.expected)
