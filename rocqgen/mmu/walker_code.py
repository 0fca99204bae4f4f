# SPDX-License-Identifier: Apache-2.0
"""The text of the fast walk: a Python function for one model, its levels one after another.

As a loop over the levels, the same walk takes a third longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rocqgen.mmu.meanings import LEAF, Meanings
from rocqgen.models.vocabulary import ALL_RIGHTS, Access

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.mmu.meanings import Tables
    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.mmu.outcome import Faulted, Unbacked
    from rocqgen.models.resolve import Rules


class Translate(Protocol):
    """The type of `Walker.translate`."""

    def __call__(
        self, memory: PhysicalMemory, root: int, va: int, access: Access = Access.READ, /
    ) -> int | Faulted | Unbacked:
        """The physical address, or why there is none (without steps and detail)."""


_TEXT = """\
def make(tables, links, meanings, allowed, READ, end):
    {links} = links
    roots = tables.roots
    reads = allowed[READ]
    def translate(memory, root, va, access=READ, /):
        if memory is not tables.memory:
            tables.attach(memory)
        top = va >> {width}
        if {canonical}:
            try:
                words = roots[root]
{levels}
                entry = words[va >> {shift} & {mask}]
                meaning = meanings[entry & {deciding}]
            except IndexError:
                return end(memory, root, va, access)
            rights = {rights}
            allows = reads if access is READ else allowed[access]
            if meaning < {plain} and allows[rights & meaning]:
                return {address} | va & {offset}
            return end(memory, root, va, access, rights, {shift}, entry, meaning)
        return end(memory, root, va, access)
    return translate
"""
_LEVEL = """\
                entry = words[va >> {shift} & {mask}]
                words, m{n} = l{n}[entry]
                if m{n} >= {leaf}:
                    return end(memory, root, va, access, {rights}, {shift}, entry, m{n})"""


def compile_walk(
    rules: Rules,
    tables: Tables,
    allowed: tuple[tuple[int, ...], ...],
    end: Callable[..., int | Faulted | Unbacked],
    *,
    look_closely: bool,
) -> Translate:
    """The function; whatever is not a usual walk to a page of the smallest size goes to `end`.

    `allowed[access][rights]` says whether an access is. With `look_closely`, `end` is asked at the
    end of every walk.
    """
    *upper, last = rules.levels
    meanings = Meanings(rules, last)
    path = [f"m{level.number}" for level in upper]
    levels = [
        _LEVEL.format(
            n=level.number,
            shift=level.shift,
            mask=level.index_mask,
            leaf=LEAF,
            rights=" & ".join(path[: level.number]) or ALL_RIGHTS,
        )
        for level in upper
    ]
    width, canonical = _canonical(rules)
    text = _TEXT.format(
        links=", ".join(f"l{level.number}" for level in upper) + "," if upper else "_",
        width=width,
        canonical=canonical,
        levels="\n".join(levels),
        shift=last.shift,
        mask=last.index_mask,
        deciding=meanings.mask,
        rights=" & ".join(path) or ALL_RIGHTS,
        plain=0 if look_closely else LEAF + ALL_RIGHTS + 1,
        address=_address(rules),
        offset=last.leaf_size - 1,
    )
    names: dict[str, Any] = {}
    code = compile(text, f"<walk by {rules.model.name}>", "exec")
    exec(code, names)  # noqa: S102 - a text of numbers, made above
    translate: Translate = names["make"](tables, tables.links, meanings, allowed, Access.READ, end)
    return translate


def _address(rules: Rules) -> str:
    """The frame of a leaf of the last level, as an expression over `entry`."""
    field = rules.address
    frame = f"(entry & {field.put(-rules.levels[-1].leaf_size)})"
    shift = field.low - field.bits.low
    if shift == 0:
        return frame
    # A field that stands above its address loses no bits below: they are masked.
    return f"({frame} << {shift})" if shift > 0 else f"({frame} >> {-shift})"


def _canonical(rules: Rules) -> tuple[int, str]:
    """An address is canonical by what it has from a bit on: the bit, and an expression over `top`.

    Integers that are no pointers, negative ones among them, have something else there.
    """
    widths = rules.model.address
    match widths.canonical:
        case "sign-extended":
            low = widths.virtual - 1
            return low, f"not top or top == {(1 << (widths.pointer - low)) - 1}"
        case "ones":
            return widths.virtual, f"top == {(1 << (widths.pointer - widths.virtual)) - 1}"
    return widths.virtual, "not top"
