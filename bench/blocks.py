# SPDX-License-Identifier: Apache-2.0
"""The blocks that are measured: annotated assembly, and the rule for each instruction.

Three kinds, none of them chosen to flatter:

- ``mixed``: loads, stores, arithmetic, push and pop; values stay small, so that a user of the rules
  need not abbreviate any;
- ``growing``: xors of two registers into each other, whose values would double with every step;
- ``switch``: as ``mixed``, with a change of the address space in the middle.

A block of `facts` facts owns that many words of memory, besides its registers and its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

Kind = Literal["mixed", "growing", "switch"]
KINDS: Final[tuple[Kind, ...]] = ("mixed", "growing", "switch")
Instruction = Callable[[], None]
"""Adds itself to a block."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value: in annotations, and in Rocq as the rules give it.

    ``note`` is None for a value that the postcondition leaves open.
    """

    note: str | None
    rocq: str


def parameter(name: str) -> Value:
    """A parameter of the specification."""
    return Value(name, name)


def binary(symbol: str, function: str, a: Value, b: Value) -> Value:
    """``a symbol b``; bounded by how the blocks are made."""
    assert a.note is not None  # noqa: S101 - open values are never operands of these
    assert b.note is not None  # noqa: S101
    return Value(f"({a.note} {symbol} {b.note})", f"({function} {a.rocq} {b.rocq})")


def literal(number: int) -> Value:
    """An immediate."""
    return Value(str(number), f"(Z_to_bv 64 {number})")


@dataclass(slots=True)
class Cell:
    """A word of memory in a space, with the name of its hypothesis."""

    hypothesis: str
    base: str
    offset: int
    space: str
    initial: Value
    value: Value

    @property
    def note(self) -> str:
        """Its address in annotations."""
        sign = "-" if self.offset < 0 else "+"
        return self.base if self.offset == 0 else f"{self.base} {sign} {abs(self.offset)}"

    @property
    def rocq(self) -> str:
        """Its address in Rocq."""
        offset = f"({self.offset})" if self.offset < 0 else self.offset
        return self.base if self.offset == 0 else f"({self.base} `+Z` {offset})"


@dataclass(slots=True)
class Block:
    """A block under construction: its state, its instructions, and the steps of its proof."""

    kind: Kind
    facts: int
    space: str = "old"
    regs: dict[str, Value] = field(default_factory=dict)
    initial: dict[str, Value] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    assembly: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    opened: int = 0

    @property
    def length(self) -> int:
        """Instructions so far."""
        return len(self.assembly)

    # -- parts of the state

    def own_register(self, name: str, value: str | None = None) -> None:
        """The block owns the register, which holds the parameter ``value``."""
        ident = value or f"{name}_0"
        if value is None:
            self.params.append(ident)
        self.regs[name] = self.initial[name] = parameter(ident)

    def own_cell(self, name: str, base: str, offset: int, space: str) -> Cell:
        """The block owns the word at ``base + offset``, which holds the parameter ``name``."""
        self.params.append(name)
        value = parameter(name)
        cell = Cell(f"H{name}", base, offset, space, value, value)
        self.cells.append(cell)
        return cell

    # -- instructions

    def _step(self, assembly: str, rule: str, names: str) -> None:
        self.assembly.append(assembly)
        self.steps.append(f'iApply ({rule} with "{names}"). iIntros "{names}".')

    def load(self, d: str, b: str, cell: Cell) -> None:
        """Add ``mov d, [b + offset]``."""
        self.regs[d] = cell.value
        self._step(f"mov {d}, {_at(b, cell)}", "wp_load", f"HC H{d} H{b} {cell.hypothesis}")

    def store(self, b: str, cell: Cell, s: str) -> None:
        """Add ``mov [b + offset], s``."""
        cell.value = self.regs[s]
        self._step(f"mov {_at(b, cell)}, {s}", "wp_store", f"HC H{s} H{b} {cell.hypothesis}")

    def set(self, d: str, number: int) -> None:
        """Add ``mov d, number``."""
        self.regs[d] = literal(number)
        self._step(f"mov {d}, {number}", "wp_mov_ri", f"HC H{d}")

    def add(self, d: str, number: int) -> None:
        """Add ``add d, number``."""
        self.regs[d] = binary("+", "bv_add", self.regs[d], literal(number))
        self._step(f"add {d}, {number}", "wp_alu_ri", f"HC H{d} Hf")

    def sub(self, d: str, number: int) -> None:
        """Add ``sub d, number``."""
        self.regs[d] = binary("-", "bv_sub", self.regs[d], literal(number))
        self._step(f"sub {d}, {number}", "wp_alu_ri", f"HC H{d} Hf")

    def xor(self, d: str, s: str) -> None:
        """Add ``xor d, s``."""
        self.regs[d] = binary("^", "bv_xor", self.regs[d], self.regs[s])
        self._step(f"xor {d}, {s}", "wp_alu_rr", f"HC H{d} H{s} Hf")

    def xor_open(self, d: str, s: str) -> None:
        """``xor d, s``, whose value is given a name and forgotten."""
        term = f"(alu_value AluXor {self.regs[d].rocq} {self.regs[s].rocq})"
        self.opened += 1
        self.regs[d] = Value(None, f"x{self.opened}")
        self._step(f"xor {d}, {s}", "wp_alu_rr", f"HC H{d} H{s} Hf")
        self.steps[-1] += f" generalize {term}; intros x{self.opened}."

    def push(self, s: str, cell: Cell) -> None:
        """Add ``push s``."""
        cell.value = self.regs[s]
        self._step(f"push {s}", "wp_push_r", f"HC Hrsp {cell.hypothesis} H{s}")

    def pop(self, d: str, cell: Cell) -> None:
        """Add ``pop d``."""
        self.regs[d] = cell.value
        self._step(f"pop {d}", "wp_pop_r", f"HC Hrsp {cell.hypothesis} H{d}")

    def switch(self, r: str, new: str) -> None:
        """``mov cr3, r``, where ``r`` holds the root ``new``."""
        self.space = new
        self.assembly.append(f"mov cr3, {r}")
        self.steps.append(
            f'iApply (wp_mov_cr3 with "Hin HC H{r} HCnew"); [done|]. '
            f'iEnter from "Hin". iIntros "#Hnew HCold H{r} HC".'
        )


def _at(b: str, cell: Cell) -> str:
    return f"[{b} {'-' if cell.offset < 0 else '+'} {abs(cell.offset)}]"


@dataclass(frozen=True, slots=True)
class _Words:
    """The memory of one space: words only read, words that are written, the stack's top."""

    sources: list[Cell]
    targets: list[Cell]
    top: Cell


def make_block(kind: Kind, length: int, facts: int) -> Block:
    """A block of ``length`` instructions that owns ``facts`` words of memory."""
    block = Block(kind, facts)
    block.params += ["b", "c", "s"]
    for name in ("rax", "rcx", "rdx", "r8"):
        block.own_register(name)
    block.own_register("rbx", "b")
    block.own_register("rsi", "c")
    block.own_register("rsp", "s")
    if kind == "switch":
        block.own_register("r9", "new")
        spaces = {space: _words(block, space, facts // 2) for space in ("old", "new")}
    else:
        spaces = {"old": _words(block, "old", facts)}
    fill = _growing if kind == "growing" else _mixed
    for k in count():
        for instruction in fill(block, spaces[block.space], k):
            if block.length == length:
                return block
            if kind == "switch" and 2 * block.length == length:
                block.switch("r9", "new")
                break
            instruction()
    raise AssertionError("rounds do not end")


def _words(block: Block, space: str, facts: int) -> _Words:
    half = (facts - 1) // 2
    sources = [block.own_cell(f"{space}src{k}", "b", 8 * k, space) for k in range(half)]
    targets = [block.own_cell(f"{space}dst{k}", "c", 8 * k, space) for k in range(facts - 1 - half)]
    return _Words(sources, targets, block.own_cell(f"{space}top", "s", -8, space))


def _mixed(block: Block, words: _Words, k: int) -> list[Instruction]:
    source = words.sources[7 * k % len(words.sources)]
    first, second, third = (
        words.targets[(5 * k + shift) % len(words.targets)] for shift in (0, 2, 3)
    )
    return [
        lambda: block.load("rax", "rbx", source),
        lambda: block.add("rax", k % 13 + 1),
        lambda: block.store("rsi", first, "rax"),
        lambda: block.load("rcx", "rsi", second),
        lambda: block.set("rdx", k % 29 + 1),
        lambda: block.xor("rdx", "rcx"),
        lambda: block.push("rdx", words.top),
        lambda: block.pop("r8", words.top),
        lambda: block.store("rsi", third, "rcx"),
        lambda: block.sub("r8", k % 7 + 1),
    ]


def _growing(block: Block, words: _Words, k: int) -> list[Instruction]:
    target = words.targets[5 * k % len(words.targets)]
    return [
        *[
            lambda: block.xor_open("rax", "rdx"),
            lambda: block.xor_open("rdx", "rax"),
        ]
        * 4,
        lambda: block.store("rsi", target, "rax"),
        lambda: block.load("rcx", "rsi", target),
    ]
