# SPDX-License-Identifier: Apache-2.0
"""Prints the engine's data, and what it means, as Gallina.

Every string that is returned is made of checked identifiers, numbers and fixed text of this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rocqgen.emit.blocks import Block, Part, block_of
from rocqgen.emit.cells import cell_of
from rocqgen.emit.instruction import integer
from rocqgen.emit.kinds import kind_data
from rocqgen.emit.normal import Alu, EAdd, ECst, EOp, ESel, EVar, Term
from rocqgen.emit.symbolic import (
    Fact,
    FDiv,
    FOne,
    FVar,
    IPhys,
    IRes,
    Item,
    IVirt,
    Region,
    Regions,
    Share,
    SState,
)
from rocqgen.emit.tags import Tag, TFact, TInstr, TItem, TReg, TRoot
from rocqgen.emit.walks import walk_of
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.emit.walks import Walk

WIDTH = 100


# -- data ------------------------------------------------------------------------------------------

_SIGNS = {Rel.EQ: "=", Rel.NE: "≠", Rel.LT: "<", Rel.LE: "≤"}
_FACTS = {Rel.EQ: "PEq", Rel.NE: "PNe", Rel.LT: "PLt", Rel.LE: "PLe"}


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints terms; `words`, `fractions` and `arrays` are the names of variables."""

    words: Mapping[int, str]
    fractions: Mapping[int, str]
    arrays: Mapping[int, str] = field(default_factory=dict)

    # As data; the names are abbreviations of variables there.

    def data(self, term: Term) -> str:
        """A term, in parentheses where it is an application."""
        match term:
            case EVar(x):
                name = self.words.get(x)
                return name if name is not None else f"(EVar {x})"
            case ECst(z):
                return f"(ECst {integer(z)})"
            case EAdd(inner, z):
                return f"(EAdd {self.data(inner)} {integer(z)})"
            case EOp(op, a, b):
                return f"(EOp {op.value} {self.data(a)} {self.data(b)})"
            case ESel(x, i):
                return f"(ESel {x} {self.data(i)})"

    def closed(self) -> Printer:
        """The same without names."""
        return Printer({}, {n: f"(FVar {n})" for n in self.fractions})

    def share_data(self, share: Share) -> str:
        """A share."""
        match share:
            case FOne():
                return "FOne"
            case FVar(x):
                return self.fractions[x]
            case FDiv(n, d):
                return f"(FDiv {n} {d})"

    def item_data(self, item: Item) -> str:
        """An item, without parentheses."""
        share = self.share_data(item.share)
        if isinstance(item, IRes):
            words = "; ".join(map(self.data, item.terms))
            return f"IRes ({kind_data(item.kind)}) {share} [{words}]"
        addr, value = self.data(item.addr), self.data(item.value)
        if isinstance(item, IPhys):
            return f"IPhys {addr} {share} {value}"
        kind = "IVirt" if isinstance(item, IVirt) else "IClaim"
        writable = "true" if item.writable else "false"
        return f"{kind} {writable} {self.data(item.root)} {addr} {share} {value}"

    def fact_data(self, fact: Fact) -> str:
        """A fact, without parentheses."""
        return f"{_FACTS[fact.rel]} {self.data(fact.a)} {self.data(fact.b)}"

    def state_data(self, state: SState) -> dict[str, object]:
        """The fields of a state: its root, and a list of entries for each other."""
        return {
            "root": self.data(state.root),
            "regs": [f"({reg.name}, {self.data(term)})" for reg, term in state.regs],
            "items": [self.item_data(item) for item in state.items],
            "code": [
                f"({self.data(root)}, {self.share_data(share)})" for root, share in state.code
            ],
            "facts": [self.fact_data(fact) for fact in state.facts],
        }

    # As statements.

    def word(self, term: Term) -> str:
        """The word that a term stands for, in parentheses where it is not a name."""
        text = self.bare(term)
        return text if isinstance(term, EVar) else f"({text})"

    def bare(self, term: Term) -> str:
        """The word that a term stands for, without parentheses."""
        match term:
            case EVar(x):
                return self.words[x]
            case ECst(z):
                return f"Z_to_bv 64 {integer(z)}"
            case EAdd(inner, z):
                return f"{self.bare(inner)} `+Z` {integer(z)}"
            case EOp(op, a, b):
                function = _FUNCTIONS.get(op, f"alu_value {op.value}")
                return f"{function} {self.word(a)} {self.word(b)}"
            case ESel(x, i):
                return f"{self.arrays[x]} {self.word(i)}"

    def share(self, share: Share) -> str:
        """A fraction as the argument of a predicate."""
        match share:
            case FOne():
                return "1"
            case FVar(x):
                return self.fractions[x]
            case FDiv(n, d):
                return f"(pos_to_Qp {n} / pos_to_Qp {d})%Qp"

    def relation(self, fact: Fact) -> str:
        """A fact as a proposition."""
        if fact.rel in {Rel.EQ, Rel.NE}:
            return f"{self.bare(fact.a)} {_SIGNS[fact.rel]} {self.bare(fact.b)}"
        a, b = self.word(fact.a), self.word(fact.b)
        return f"(bv_unsigned {a} {_SIGNS[fact.rel]} bv_unsigned {b})%Z"

    def conjuncts(self, state: SState, base: str, code: str) -> list[str]:
        """The separate parts of what a state denotes."""
        parts = [f"in_space {self.word(state.root)}", "flags_any"]
        parts += [f"{reg.name} ⇒ᵣ {self.word(term)}" for reg, term in state.regs]
        parts += [self._item(item, state.root) for item in state.items]
        for root, share in state.code:
            text = f"code {base} {code} {self.share(share)}"
            parts.append(self._tagged(text, root, state.root))
        parts += [f"⌜{self.relation(fact)}⌝" for fact in state.facts]
        return parts

    def _item(self, item: Item, current: Term) -> str:
        fraction = "" if isinstance(item.share, FOne) else f"{{{self.share(item.share)}}}"
        if isinstance(item, IRes):
            block, walk = block_of(item), walk_of(item)
            if walk is not None:
                return self._walk(walk, item.share)
            return (
                self._cell(item, fraction)
                if block is None
                else self._block(block, fraction, current)
            )
        if isinstance(item, IPhys):
            arrow = "↦ₚ"
        else:
            arrow = "↦ᵥ" if isinstance(item, IVirt) else "⇝"
            arrow += "" if item.writable else "ʳ"
        text = f"{self.word(item.addr)} {arrow}{fraction} {self.word(item.value)}"
        return text if isinstance(item, IPhys) else self._tagged(text, item.root, current)

    def _cell(self, item: IRes, fraction: str) -> str:
        cell = cell_of(item)
        if cell is None:
            raise TypeError(f"not a cell: {item}")
        lists = " ".join(map(self._regions, (cell.reach, cell.claimed, cell.owed)))
        return f"{self.word(cell.addr)} ↦ₑ{fraction} Cell {self.word(cell.entry)} {lists}"

    def _block(self, block: Block, fraction: str, current: Term) -> str:
        # The names are none that an annotation can have.
        arrow = "↦ₚ" if block.writable is None else "↦ᵥ" if block.writable else "↦ᵥʳ"
        word = f"(λ _a _v, _a {arrow}{fraction} _v)%I"
        place = f"{self.word(block.addr)} {self.word(block.count)}"
        if block.fill is None:
            text = f"vblock_any {word} {place}"
        elif isinstance(block.fill, Part):
            array = self.arrays[block.fill.array]
            text = f"vblock_array {word} {place} {array} {self.word(block.fill.start)}"
        else:
            text = f"vblock_fill {word} {place} {self.word(block.fill)}"
        return text if block.root is None else self._tagged(text, block.root, current)

    def _walk(self, walk: Walk, share: Share) -> str:
        name = "page_walk_below" if walk.below else "page_walk"
        words = " ".join(map(self.word, (walk.root, walk.va, walk.start)))
        levels = zip(walk.shifts, walk.entries, strict=True)
        reads = "; ".join(f"({shift}, {self.bare(entry)})" for shift, entry in levels)
        mapped = "None"
        if walk.window is not None:
            mapped = f"(Some ({self.bare(walk.window.space)}, {self.bare(walk.window.distance)}))"
        return f"{name} {self.share(share)} {words} [{reads}] {mapped}"

    def _regions(self, regions: Regions) -> str:
        return f"[{'; '.join(map(self._region, regions))}]"

    def _region(self, region: Region | None) -> str:
        if region is None:
            return "Everywhere"
        number = f"(bv_unsigned {self.word(region.va)} ≫ {region.shift})"
        return f"VPage {self.word(region.root)} {region.shift} {number}"

    def _tagged(self, text: str, root: Term, current: Term) -> str:
        return text if root == current else f"@[{self.word(root)}] ({text})"


_FUNCTIONS = {
    Alu.ADD: "bv_add",
    Alu.SUB: "bv_sub",
    Alu.AND: "bv_and",
    Alu.OR: "bv_or",
    Alu.XOR: "bv_xor",
}


def tag(one: Tag) -> str:
    """What a residual fact is about, without parentheses."""
    match one:
        case TInstr(offset):
            return f"TInstr {integer(offset)}"
        case TRoot():
            return "TRoot"
        case TReg(reg):
            return f"TReg {reg.name}"
        case TItem(n):
            return f"TItem {n}"
        case TFact(n):
            return f"TFact {n}"


def trie(entries: Mapping[int, str]) -> str:
    """A `tree` literal with the entries at their positive keys."""
    if not entries:
        return "Tip"
    even = {key >> 1: value for key, value in entries.items() if key > 1 and key % 2 == 0}
    odd = {key >> 1: value for key, value in entries.items() if key > 1 and key % 2}
    root = f"(Some {entries[1]})" if 1 in entries else "None"
    left, right = (f"({t})" if t != "Tip" else t for t in (trie(even), trie(odd)))
    return f"Node {left} {root} {right}"


def fill(words: list[str], first: str, indent: str) -> str:
    """Words in lines of at most `WIDTH` characters: behind `first`, and then behind `indent`."""
    lines, current = [], first
    for word in words:
        joined = current + word if current.endswith((" ", "(")) else f"{current} {word}"
        if len(joined) > WIDTH and current.strip():
            lines.append(current.rstrip())
            joined = indent + word
        current = joined
    return "\n".join([*lines, current])
