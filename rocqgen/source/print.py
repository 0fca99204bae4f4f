# SPDX-License-Identifier: Apache-2.0
"""Prints a specification as annotation text; parsing the text gives the specification back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from rocqgen.source.spec import (
    Action,
    AnswerPage,
    AnyWords,
    Assertion,
    At,
    Bin,
    BinOp,
    Block,
    Claim,
    ClaimPage,
    Code,
    Content,
    Contract,
    Drop,
    Elements,
    Entry,
    Everywhere,
    Exit,
    Expr,
    Fill,
    FoldWalk,
    Forget,
    Frac,
    FracLit,
    Ghost,
    Hint,
    Invariant,
    JoinBlocks,
    Label,
    Level,
    Lit,
    MapCode,
    Name,
    NewEntry,
    OpenEntry,
    Page,
    Pages,
    PayElsewhere,
    PhysPt,
    Pure,
    RegPt,
    Rel,
    Select,
    Spec,
    SplitBlock,
    ToBlock,
    ToWord,
    UnclaimPage,
    UnfoldWalk,
    Var,
    VirtPt,
    Walk,
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
    entry: str
    claim: str
    claim_ro: str
    star: str
    ne: str
    le: str


ASCII = Spelling("|->r", "|->v", "|->vr", "|->p", "|->e", "~>", "~>r", "*", "!=", "<=")
UNICODE = Spelling("↦ᵣ", "↦ᵥ", "↦ᵥʳ", "↦ₚ", "↦ₑ", "⇝", "⇝ʳ", "∗", "≠", "≤")

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
    """The block for `spec`, without comment markers, its invariants and its marks."""
    lines = ["spec"]
    if spec.params:
        lines += _binders("forall", spec.params, "  ")
    lines.append(f"  space {print_expr(spec.space)}")
    if spec.platform is not None:
        five = "la57 " if spec.platform.la57 else ""
        lines.append(f"  platform {five}maxphyaddr {spec.platform.maxphyaddr}")
    return _clauses(lines, spec.pre, spec.exits, spelling)


def print_contract(contract: Contract, spelling: Spelling = ASCII) -> str:
    """The block for what is assumed of a function pointer, without comment markers."""
    lines = [f"assume {contract.name}"]
    if contract.params:
        lines += _binders("forall", contract.params, "  ")
    lines.append(f"  space {print_expr(contract.space)}")
    return _clauses(lines, contract.pre, contract.exits, spelling)


def print_invariant(invariant: Invariant, spelling: Spelling = ASCII) -> str:
    """The block for an invariant, without comment markers and label."""
    lines = [f"invariant space {print_expr(invariant.space)}"]
    if invariant.exists:
        lines += _binders("exists", invariant.exists, "  ")
    lines += ["  holds", *_assertion(invariant.holds, spelling, "    ")]
    return "\n".join(lines) + "\n"


def _clauses(
    lines: list[str], pre: tuple[Assertion, ...], exits: tuple[Exit, ...], spelling: Spelling
) -> str:
    """What follows the clauses in `lines`."""
    lines += ["  requires", *_assertion(pre, spelling, "    ")]
    for item in exits:
        lines += _exit(item, spelling)
    return "\n".join(lines) + "\n"


def print_item(item: Assertion, spelling: Spelling = ASCII) -> str:
    """One assertion, on one line."""
    return _item(item, spelling)


def print_hints(hints: tuple[Hint, ...]) -> str:
    """The mark for the hints of one instruction, without comment marker."""
    return "at " + ", ".join(_place(hint) for hint in hints)


def _place(hint: Hint) -> str:
    text = print_expr(hint.address)
    if hint.index is not None:
        text = _indexed(hint.address, hint.index)
    return text if hint.via is None else f"{text} via {print_expr(hint.via)}"


def print_ghost(ghost: Ghost) -> str:
    """The mark for a step of the proof alone, without comment marker."""
    return f"{'then' if ghost.after else 'first'} {_action(ghost.action)}"


_SIZES = {
    Level.K4: "4k",
    Level.M2: "2m",
    Level.G1: "1g",
    Level.G512: "512g",
    Level.T256: "256t",
}
_PLAIN = {
    NewEntry: "cell",
    PayElsewhere: "pay",
    Drop: "drop",
    JoinBlocks: "join",
    ToWord: "word",
    ToBlock: "block",
    Forget: "forget",
    UnfoldWalk: "unfold",
    FoldWalk: "fold",
}
"""The steps that are about one address."""


def _action(action: Action) -> str:
    match action:
        case ClaimPage():
            path = ", ".join(map(print_expr, action.through))
            through = f" through {path}" if path else ""
            return f"claim {print_expr(action.va)} in {print_expr(action.root)}{through}"
        case MapCode():
            path = ", ".join(map(print_expr, action.through))
            through = f" through {path}" if path else ""
            return f"map code in {print_expr(action.root)}{through}"
        case UnclaimPage():
            return f"unclaim {print_expr(action.va)} in {print_expr(action.root)}"
        case OpenEntry():
            return f"open {print_expr(action.addr)} for {_pages(action.pages)}"
        case AnswerPage():
            return f"answer {print_expr(action.addr)} for {_page(action.page)}"
        case SplitBlock():
            return f"split {print_expr(action.addr)} at {print_expr(action.index)}"
        case _:
            return f"{_PLAIN[type(action)]} {print_expr(action.addr)}"


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
        case Code():
            return f"code{_share(item.frac)}"
        case Pure():
            signs = {Rel.EQ: "=", Rel.NE: spelling.ne, Rel.LT: "<", Rel.LE: spelling.le}
            return f"{print_expr(item.left)} {signs[item.rel]} {print_expr(item.right)}"
        case At():
            inner = f" {spelling.star} ".join(_item(one, spelling) for one in item.items)
            return f"[{print_expr(item.root)}] {{ {inner or 'emp'} }}"
        case Walk():
            return _walk(item)
        case _:
            return _memory(item, spelling)


def _memory(item: VirtPt | PhysPt | Claim | Entry | Block, spelling: Spelling) -> str:
    """What has an address, an arrow and a share."""
    share = _share(item.frac)
    match item:
        case VirtPt():
            arrow = spelling.virt if item.writable else spelling.virt_ro
            return f"{print_expr(item.addr)} {arrow}{share} {print_expr(item.value)}"
        case PhysPt():
            return f"{print_expr(item.addr)} {spelling.phys}{share} {print_expr(item.value)}"
        case Claim():
            arrow = spelling.claim if item.writable else spelling.claim_ro
            va, pa = print_expr(item.va), print_expr(item.pa)
            left = f"page {_free(va)}" if item.page else va
            return f"{left} {arrow}{share} {pa}"
        case Entry():
            head = f"{print_expr(item.addr)} {spelling.entry}{share} {print_expr(item.value)}"
            lists = (("answers", item.answers), ("claims", item.claims), ("owes", item.owes))
            return head + "".join(
                f" {word} {_pages(pages)}"
                for (word, pages), usual in zip(lists, (True, True, False), strict=True)
                if not _usual(pages, usual)
            )
        case Block():
            arrow = spelling.virt if item.writable else spelling.virt_ro
            arrow = arrow if item.virtual else spelling.phys
            return f"{_indexed(item.addr, item.count)} {arrow}{share} {_content(item.content)}"


def _walk(walk: Walk) -> str:
    va, root, table = map(print_expr, (walk.va, walk.root, walk.table))
    head = f"walk {_free(va)} in {root} level {walk.depth} from {table}"
    text = f"{head} reads {', '.join(map(print_expr, walk.entries))}"
    if walk.mapped is None:
        return text
    return f"{text} mapped by {print_expr(walk.mapped.distance)} in {print_expr(walk.mapped.space)}"


def _free(text: str) -> str:
    """An expression behind `page` or `walk`, which no sign may follow."""
    return f"({text})" if text.startswith("-") else text


def _indexed(base: Expr, index: Expr) -> str:
    """`base[index]`."""
    return f"{_operand(base, 0, tight=True)}[{print_expr(index)}]"


def _content(content: Content) -> str:
    match content:
        case AnyWords():
            return "_"
        case Fill():
            return print_expr(content.value)
        case Elements():
            start = print_expr(content.start)
            return content.array if start == "0" else f"{content.array} from {start}"


def _usual(pages: Pages, everything: bool) -> bool:
    """Whether a list of pages is what stands for one that is not written."""
    if everything:
        return len(pages) == 1 and isinstance(pages[0], Everywhere)
    return not pages


def _pages(pages: Pages) -> str:
    return ", ".join(map(_page, pages)) or "none"


def _page(page: Everywhere | Page) -> str:
    if isinstance(page, Everywhere):
        return "all"
    return f"{print_expr(page.va)} in {print_expr(page.root)} level {_SIZES[page.level]}"


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
        case Select():
            return f"{expr.array}[{print_expr(expr.index)}]"


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
