# SPDX-License-Identifier: Apache-2.0
"""Prints a concrete state that satisfies a precondition as an image of Rocq.

`theories/adequacy/closed.v` says what an image is; `theories/adequacy/engine.v` how the theorem of
a fragment is closed at one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.check.words import FEW, LAST, ROUNDS, SPREAD
from rocqgen.emit.gallina import fill

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from rocqgen.check.witness import Witness
    from rocqgen.emit.names import Scope
    from rocqgen.emit.plan import Plan

_WORD = (1 << 64) - 1


def render_instance(one: Witness, made: Plan, scope: Scope) -> dict[str, object]:
    """What the template needs of an instance."""
    names = made.names
    words = {number: one.words[ident] for ident, number in names.words.items()}
    values = [f"({word(value)})" for value in (one.entry, *(words[n] for n in sorted(words)))]
    shares = [_share(one.fractions[ident]) for ident in names.fractions]
    arrays = [_array(one.words[ident]) for ident in names.arrays]
    registers = [
        *(f"({reg.name}, {word(value)})" for reg, value in one.registers.items()),
        f"(CR3, {word(one.root)})",
    ]
    bound = [
        (number, one.bound.get(ident, 0))
        for end, idents in zip(made.spec.exits, scope.written, strict=False)
        for number, ident in zip(end.bound, idents, strict=True)
    ]
    return {
        "frame": f"{one.frame:#x}",
        "config": _config(one),
        "canonical": f"x86_{5 if one.la57 else 4}level_canonical_pages",
        "entry": word(one.entry),
        "registers": registers,
        "tables": [_words(*entry) for entry in one.tables],
        "data": [_words(*entry) for entry in one.data],
        "arguments": fill([*values, *shares, *arrays], "", "      ").strip(),
        "flags": " ".join(f"(Some {str(flag).lower()})" for flag in one.flags),
        "bound": [f"({number}%positive, {word(value)})" for number, value in bound],
        "steps": _steps(one.steps),
    }


def _steps(number: int | None) -> str | None:
    # Coq reads larger literals of nat slowly, or refuses them.
    if number is None:
        return None
    return str(number) if number <= 1000 else f"(Z.to_nat {number})"


def _config(one: Witness) -> str:
    """The setting of the processor."""
    if one.la57:
        return f"(platform_config (Platform true {one.max_physical}))"
    return f"(x86_kernel {one.max_physical})"


def word(value: int) -> str:
    """A 64-bit word, without parentheses."""
    value &= _WORD
    return f"w {value:#x}" if value > 9 else f"w {value}"


def _words(address: int, values: Iterable[int]) -> str:
    return f"({address:#x}, [{'; '.join(map(word, values))}])"


def _array(number: int) -> str:
    """What `rocqgen.check.words.element` computes, as a function."""
    if number < FEW:
        return f"(λ i, bv_add i ({word(number)}))"
    mixed = f"bv_xor ({word(number)}) (bv_mul i ({word(SPREAD)}))"
    for shift, factor in ROUNDS:
        mixed = f"let m := {mixed} in bv_mul (bv_xor m (bv_shiftr m (w {shift}))) ({word(factor)})"
    return f"(λ i, let m := {mixed} in bv_xor m (bv_shiftr m (w {LAST})))"


def _share(value: Fraction) -> str:
    if value == 1:
        return "1%Qp"
    # Only small numbers are numerals of Qp.
    return f"(pos_to_Qp {value.numerator} / pos_to_Qp {value.denominator})%Qp"
