# SPDX-License-Identifier: Apache-2.0
"""Prints a specification as annotation text; parsing the text gives the specification back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rocqgen.source.spec import (
    Assertion,
    At,
    Bin,
    BinOp,
    Claim,
    Code,
    Exit,
    Expr,
    Frac,
    FracLit,
    Hint,
    Label,
    Lit,
    Name,
    PhysPt,
    Pure,
    RegPt,
    Rel,
    Spec,
    Var,
    VirtPt,
)

WIDTH = 96
"""Lines are not longer than this, except where one assertion is."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the signs of the language are written."""

    reg: str
    virt: str
    virt_ro: str
    phys: str
    claim: str
    claim_ro: str
    star: str
    ne: str
    le: str


ASCII = Spelling("|->r", "|->v", "|->vr", "|->p", "~>", "~>r", "*", "!=", "<=")
UNICODE = Spelling("↦ᵣ", "↦ᵥ", "↦ᵥʳ", "↦ₚ", "⇝", "⇝ʳ", "∗", "≠", "≤")

# From loose to tight, as in Python.
_PRECEDENCE = {
    BinOp.OR: 1,
    BinOp.XOR: 2,
    BinOp.AND: 3,
    BinOp.SHL: 4,
    BinOp.SHR: 4,
    BinOp.ADD: 5,
    BinOp.SUB: 5,
}


def print_spec(spec: Spec, spelling: Spelling = ASCII) -> str:
    """The block for `spec`, without comment markers and without its hints."""
    lines = ["spec"]
    if spec.params:
        lines += _binders("forall", spec.params, "  ")
    lines += [f"  space {print_expr(spec.space)}", "  requires"]
    lines += _assertion(spec.pre, spelling, "    ")
    for item in spec.exits:
        lines += _exit(item, spelling)
    return "\n".join(lines) + "\n"


def print_item(item: Assertion, spelling: Spelling = ASCII) -> str:
    """One assertion, on one line."""
    return _item(item, spelling)


def print_hints(hints: tuple[Hint, ...]) -> str:
    """The mark for the hints of one instruction, without comment marker."""
    return "at " + ", ".join(print_expr(hint.address) for hint in hints)


def _exit(item: Exit, spelling: Spelling) -> list[str]:
    lines = [f"  exit {print_expr(item.address)} space {print_expr(item.space)}"]
    if item.exists:
        lines += _binders("exists", item.exists, "  ")
    return [*lines, "  ensures", *_assertion(item.post, spelling, "    ")]


def _binders(word: str, names: tuple[Name, ...], indent: str) -> list[str]:
    """`forall a b : word, r : root`, in the order of the names."""
    later = indent + " " * (len(word) + 1)
    groups = []
    for sort, group in groupby(names, key=lambda name: name.sort):
        idents = [name.ident for name in group]
        room = max(1, WIDTH // 2 // (1 + max(map(len, idents))))
        groups += [
            " ".join(idents[k : k + room]) + f" : {sort.value}" for k in range(0, len(idents), room)
        ]
    return _fill(groups, f"{indent}{word} ", later, ", ", trailing=True)


def _assertion(items: tuple[Assertion, ...], spelling: Spelling, indent: str) -> list[str]:
    """The items of an assertion, as many in a line as there is room for."""
    if not items:
        return [f"{indent}  emp"]
    star = f"{spelling.star} "
    lines: list[str] = []
    for wide, group in groupby(items, key=lambda item: isinstance(item, At)):
        first = indent + (star if lines else "  ")
        if wide:
            for item in group:
                lines += _at(item, spelling, indent + (star if lines else "  "))
        else:
            texts = [_item(item, spelling) for item in group]
            lines += _fill(texts, first, indent + star, f" {star}", trailing=False)
    return lines


def _at(item: Assertion, spelling: Spelling, first: str) -> list[str]:
    """`[r] { ... }` in one line where it fits, else with its items below."""
    text = first + _item(item, spelling)
    if len(text) <= WIDTH or not isinstance(item, At):
        return [text]
    inner = _assertion(item.items, spelling, " " * len(first) + "  ")
    return [f"{first}[{print_expr(item.root)}] {{", *inner[:-1], inner[-1] + " }"]


def _fill(parts: list[str], first: str, later: str, between: str, *, trailing: bool) -> list[str]:
    """Lines of `parts`; where a line ends, `between` stays on it if `trailing`."""
    lines, current = [], first + parts[0]
    for part in parts[1:]:
        if len(current) + len(between) + len(part) > WIDTH:
            lines.append(current + between.rstrip() if trailing else current)
            current = later + part
        else:
            current += between + part
    return [*lines, current]


def _item(item: Assertion, spelling: Spelling) -> str:
    match item:
        case RegPt():
            return f"{item.reg.value} {spelling.reg} {print_expr(item.value)}"
        case VirtPt():
            arrow = spelling.virt if item.writable else spelling.virt_ro
            return f"{print_expr(item.addr)} {arrow}{_share(item.frac)} {print_expr(item.value)}"
        case PhysPt():
            share = _share(item.frac)
            return f"{print_expr(item.addr)} {spelling.phys}{share} {print_expr(item.value)}"
        case Claim():
            arrow = spelling.claim if item.writable else spelling.claim_ro
            return f"{print_expr(item.va)} {arrow}{_share(item.frac)} {print_expr(item.pa)}"
        case Code():
            return f"code{_share(item.frac)}"
        case Pure():
            signs = {Rel.EQ: "=", Rel.NE: spelling.ne, Rel.LT: "<", Rel.LE: spelling.le}
            return f"{print_expr(item.left)} {signs[item.rel]} {print_expr(item.right)}"
        case At():
            inner = f" {spelling.star} ".join(_item(one, spelling) for one in item.items)
            return f"[{print_expr(item.root)}] {{ {inner or 'emp'} }}"


def _share(frac: Frac) -> str:
    """Nothing for a whole."""
    if not isinstance(frac, FracLit):
        return f"{{{frac.ident}}}"
    if frac.numerator == frac.denominator:
        return ""
    return f"{{{frac.numerator}/{frac.denominator}}}"


def print_expr(expr: Expr) -> str:
    """An expression."""
    match expr:
        case Var() | Label():
            return expr.ident
        case Lit():
            return _literal(expr.value)
        case Bin():
            own = _PRECEDENCE[expr.op]
            left, right = _operand(expr.left, own), _operand(expr.right, own, tight=True)
            return f"{left} {expr.op.value} {right}"


def _operand(expr: Expr, parent: int, *, tight: bool = False) -> str:
    """An operand in parentheses where it is a right one, or where operators of two kinds meet."""
    text = print_expr(expr)
    if not isinstance(expr, Bin):
        return text
    return f"({text})" if tight or _PRECEDENCE[expr.op] != parent else text


def _literal(value: int) -> str:
    """Small numbers in decimal, also the small negative ones; the others in hexadecimal."""
    if value < 1 << 12:
        return str(value)
    if value >= (1 << 64) - (1 << 12):
        return str(value - (1 << 64))
    return f"{value:#x}"
