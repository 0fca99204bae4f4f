# SPDX-License-Identifier: Apache-2.0
"""From lark's trees to `raw` nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, cast

from lark import Token, Transformer_NonRecursive, Tree, v_args
from lark.exceptions import VisitError

from rocqgen.errors import UserError
from rocqgen.source import raw
from rocqgen.source.location import Location, refused
from rocqgen.source.spec import BinOp, Rel

MAX_DEPTH = 100
"""The deepest nesting of operations in one expression."""

WORD = 1 << 64

_RELATIONS = {
    "=": (Rel.EQ, False),
    "!=": (Rel.NE, False),
    "≠": (Rel.NE, False),
    "<": (Rel.LT, False),
    "<=": (Rel.LE, False),
    "≤": (Rel.LE, False),
    ">": (Rel.LT, True),
    ">=": (Rel.LE, True),
    "≥": (Rel.LE, True),
}


def raw_nodes(tree: Tree[Token], file: str, first: int) -> object:
    """The nodes of a tree that begins in the line `first` of `file`; a UserError for bad ones."""
    try:
        return _Builder(file, first).transform(tree)
    except VisitError as err:
        if isinstance(err.orig_exc, UserError):
            raise err.orig_exc from None
        raise


@v_args(meta=True)
class _Builder(Transformer_NonRecursive[Token, Any]):
    """Turns lark's tree into raw nodes, bottom up and without recursion."""

    def __init__(self, file: str, first: int) -> None:
        super().__init__()
        self._file = file
        self._first = first

    def _at(self, place: Any) -> Location:
        """The position of a token or of a rule's meta."""
        return Location(self._file, place.line + self._first - 1, place.column)

    # -- blocks

    def spec(self, meta: Any, parts: list[Any]) -> raw.RawSpec:
        params = tuple(
            binder for part in parts if isinstance(part, _Forall) for binder in part.binders
        )
        space, platform, pre, *exits = (part for part in parts if not isinstance(part, _Forall))
        return raw.RawSpec(params, space, platform, pre, tuple(exits), self._at(meta))

    def assume(self, meta: Any, parts: list[Any]) -> raw.RawAssume:
        name = parts[0]
        params = tuple(
            binder for part in parts if isinstance(part, _Forall) for binder in part.binders
        )
        space, pre, *exits = (part for part in parts[1:] if not isinstance(part, _Forall))
        return raw.RawAssume(
            str(name), self._at(name), params, space, pre, tuple(exits), self._at(meta)
        )

    def invariant(self, meta: Any, parts: list[Any]) -> raw.RawInvariant:
        space, exists, holds = parts
        return raw.RawInvariant(space, exists or (), holds, self._at(meta))

    def platform(self, meta: Any, parts: list[Any]) -> raw.RawPlatform:
        la57, width = parts
        bits = None if width is None else self._count(width, "maxphyaddr 52")
        return raw.RawPlatform(la57 is not None, bits, self._at(meta))

    def forall(self, _meta: Any, parts: list[Any]) -> _Forall:
        return _Forall(parts[0])

    def space(self, _meta: Any, parts: list[Any]) -> raw.RawExpr:
        return cast(raw.RawExpr, parts[0])

    requires = exists = space

    def exit(self, meta: Any, parts: list[Any]) -> raw.RawExit:
        address, space, exists, post = parts
        return raw.RawExit(address, space, exists or (), post, self._at(meta))

    def binders(self, _meta: Any, parts: list[Any]) -> tuple[raw.RawBinder, ...]:
        return tuple(binder for group in parts for binder in group)

    def binder(self, _meta: Any, parts: list[Token]) -> list[raw.RawBinder]:
        *names, sort = parts
        return [
            raw.RawBinder(str(name), str(sort), self._at(name), self._at(sort)) for name in names
        ]

    def assertion(self, _meta: Any, parts: list[raw.RawAtom]) -> tuple[raw.RawAtom, ...]:
        return tuple(parts)

    # -- atoms

    def register(self, meta: Any, parts: list[Any]) -> raw.RawRegister:
        left, _, value = parts
        return raw.RawRegister(left, value, self._at(meta))

    def virtual(self, meta: Any, parts: list[Any]) -> raw.RawVirtual:
        addr, arrow, share, value = parts
        writable = arrow.type == "VIRT"
        return raw.RawVirtual(addr, value, self._share(share, arrow), writable, self._at(meta))

    def physical(self, meta: Any, parts: list[Any]) -> raw.RawPhysical:
        addr, arrow, share, value = parts
        return raw.RawPhysical(addr, value, self._share(share, arrow), self._at(meta))

    def claim(self, meta: Any, parts: list[Any]) -> raw.RawClaim:
        va, arrow, share, pa = parts
        writable = arrow.type == "CLAIM"
        return raw.RawClaim(va, pa, self._share(share, arrow), writable, self._at(meta))

    def page_claim(self, meta: Any, parts: list[Any]) -> raw.RawClaim:
        _, va, arrow, share, pa = parts
        writable = arrow.type == "CLAIM"
        given = self._share(share, arrow)
        return raw.RawClaim(va, pa, given, writable, self._at(meta), page=True)

    def entry(self, meta: Any, parts: list[Any]) -> raw.RawEntry:
        addr, arrow, share, value, *lists = parts
        pages: dict[str, tuple[raw.RawPage, ...]] = {}
        for word, items in lists:
            if str(word) in pages:
                raise refused(
                    f"a second `{word}` for one entry",
                    self._at(word),
                    "`answers`, `claims` and `owes` once each, with commas between the pages",
                )
            pages[str(word)] = items
        given = self._share(share, arrow)
        answers, claims, owes = pages.get("answers"), pages.get("claims"), pages.get("owes")
        return raw.RawEntry(addr, value, given, answers, claims, owes, self._at(meta))

    def elements(self, meta: Any, parts: list[Any]) -> raw.RawElements:
        addr, arrow, share, value, start = parts
        given, place = self._share(share, arrow), self._at(meta)
        if arrow.type == "PHYS":
            return raw.RawElements(raw.RawPhysical(addr, value, given, place), start)
        points = raw.RawVirtual(addr, value, given, arrow.type == "VIRT", place)
        return raw.RawElements(points, start)

    def walk(self, meta: Any, parts: list[Any]) -> raw.RawWalk:
        _, va, root, depth, table, entries, mapped = parts
        number = self._count(depth, "level 4")
        where = self._at(depth)
        return raw.RawWalk(va, root, number, table, entries, mapped, self._at(meta), where)

    def reads(self, _meta: Any, parts: list[raw.RawExpr]) -> tuple[raw.RawExpr, ...]:
        return tuple(parts)

    mapped = reads

    def page(self, meta: Any, parts: list[Any]) -> raw.RawPage:
        va, root, level = parts
        place = self._at(meta)
        where = place if level is None else self._at(level)
        return raw.RawPage(va, root, None if level is None else str(level), place, where)

    def pages(self, _meta: Any, parts: list[raw.RawPage]) -> tuple[raw.RawPage, ...]:
        return tuple(parts)

    def said(self, _meta: Any, parts: list[Any]) -> tuple[Token, tuple[raw.RawPage, ...]]:
        word, pages = parts
        return word, pages

    def pure(self, meta: Any, parts: list[Any]) -> raw.RawPure:
        left, sign, right = parts
        rel, swap = _RELATIONS[str(sign)]
        if swap:
            left, right = right, left
        return raw.RawPure(rel, left, right, self._at(meta))

    def at(self, meta: Any, parts: list[Any]) -> raw.RawAt:
        root, items = parts
        return raw.RawAt(root, items, self._at(meta))

    def code(self, meta: Any, parts: list[Any]) -> raw.RawCode:
        return raw.RawCode(self._share(parts[0], meta), self._at(meta))

    def emp(self, meta: Any, _parts: list[Any]) -> raw.RawEmp:
        return raw.RawEmp(self._at(meta))

    # -- fractions

    def _share(self, share: raw.RawShare | None, place: Any) -> raw.RawShare:
        return share if share is not None else raw.RawShare(None, 1, 1, self._at(place))

    def share_name(self, _meta: Any, parts: list[Any]) -> raw.RawShare:
        return raw.RawShare(str(parts[0]), 0, 1, self._at(parts[0]))

    def share_number(self, _meta: Any, parts: list[Any]) -> raw.RawShare:
        place = self._at(parts[0])
        upper = self._fraction_part(parts[0])
        lower = 1 if parts[1] is None else self._fraction_part(parts[1])
        if not 0 < upper <= lower:
            shown = f"{upper}" if parts[1] is None else f"{upper}/{lower}"
            raise refused(
                f"the fraction {shown} is not between 0 and 1",
                place,
                "a fraction greater than 0 and at most 1, such as `1/2`",
            )
        return raw.RawShare(None, upper, lower, place)

    def _fraction_part(self, token: Token) -> int:
        value = _decimal(str(token))
        if value is None or value >= WORD:
            raise refused(
                f"`{token}` is not part of a fraction",
                self._at(token),
                "a decimal number below 2^64, as in `{1/2}`",
            )
        return value

    # -- expressions

    def binary(self, meta: Any, parts: list[Any]) -> raw.RawBin:
        left, sign, right = parts
        depth = 1 + max(left.depth, right.depth)
        if depth > MAX_DEPTH:
            raise self._too_deep(self._at(sign))
        return raw.RawBin(BinOp(str(sign)), left, right, self._at(meta), depth)

    def index(self, meta: Any, parts: list[Any]) -> raw.RawIndex:
        base, index = parts
        depth = 1 + max(base.depth, index.depth)
        if depth > MAX_DEPTH:
            raise self._too_deep(self._at(meta))
        return raw.RawIndex(base, index, self._at(meta), depth)

    def _too_deep(self, place: Location) -> UserError:
        return refused(
            f"the expression has more than {MAX_DEPTH} operations inside one another",
            place,
            "smaller expressions: give parts of it names, with `x = ...`",
        )

    def name(self, _meta: Any, parts: list[Token]) -> raw.RawName:
        return raw.RawName(str(parts[0]), self._at(parts[0]))

    def number(self, _meta: Any, parts: list[Token]) -> raw.RawLit:
        return raw.RawLit(self._word(parts[0], 1, WORD - 1), self._at(parts[0]))

    def negative(self, _meta: Any, parts: list[Token]) -> raw.RawLit:
        return raw.RawLit(self._word(parts[1], -1, WORD >> 1), self._at(parts[0]))

    def _word(self, token: Token, sign: int, limit: int) -> int:
        value = _number(str(token))
        if value is None:
            raise refused(
                f"`{token}` is not a number",
                self._at(token),
                "a decimal number without leading zeros, or `0x` and hexadecimal digits",
            )
        if value > limit:
            raise refused(
                f"`{'-' if sign < 0 else ''}{token}` does not fit in 64 bits",
                self._at(token),
                "a word: at least -2^63, below 2^64",
            )
        return sign * value % WORD

    def _count(self, token: Token, example: str) -> int:
        value = _decimal(str(token))
        if value is None or value >= WORD:
            raise refused(
                f"`{token}` is not a number", self._at(token), "a decimal number", example
            )
        return value

    def percent(self, _meta: Any, parts: list[Token]) -> NoReturn:
        raise refused(
            f"unexpected `{parts[0]}`",
            self._at(parts[0]),
            "register names without `%` in annotations",
            str(parts[0])[1:],
        )

    # -- marks

    def marks(self, _meta: Any, parts: list[raw.RawMark]) -> tuple[raw.RawMark, ...]:
        return tuple(parts)

    def at_mark(self, meta: Any, parts: list[raw.RawPlace]) -> raw.RawHint:
        return raw.RawHint(tuple(parts), self._at(meta))

    def place(self, _meta: Any, parts: list[Any]) -> raw.RawPlace:
        address, via = parts
        return raw.RawPlace(address, via)

    def ghost_mark(self, meta: Any, parts: list[Any]) -> raw.RawGhost:
        when, action = parts
        return raw.RawGhost(when.type == "THEN", action, self._at(meta))

    def claim_page(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        given = tuple(part for part in parts if part is not None)
        return raw.RawAction("claim", given, (), self._at(meta))

    def map_code(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        given = tuple(part for part in parts if part is not None)
        return raw.RawAction("map", given, (), self._at(meta))

    def unclaim_page(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("unclaim", tuple(parts), (), self._at(meta))

    def open_entry(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        addr, pages = parts
        return raw.RawAction("open", (addr,), pages, self._at(meta))

    def answer_page(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        addr, page = parts
        return raw.RawAction("answer", (addr,), (page,), self._at(meta))

    def new_entry(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("cell", tuple(parts), (), self._at(meta))

    def drop(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("drop", tuple(parts), (), self._at(meta))

    def split_block(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("split", tuple(parts), (), self._at(meta))

    def join_blocks(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("join", tuple(parts), (), self._at(meta))

    def to_word(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("word", tuple(parts), (), self._at(meta))

    def to_block(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("block", tuple(parts), (), self._at(meta))

    def forget(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("forget", tuple(parts), (), self._at(meta))

    def pay_elsewhere(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("pay", tuple(parts), (), self._at(meta))

    def unfold_walk(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("unfold", tuple(parts), (), self._at(meta))

    def fold_walk(self, meta: Any, parts: list[Any]) -> raw.RawAction:
        return raw.RawAction("fold", tuple(parts), (), self._at(meta))

    def expect_mark(self, meta: Any, parts: list[Token]) -> raw.RawExpect:
        if parts[0] != "failed":
            raise refused(
                f"unknown outcome `{parts[0]}`", self._at(parts[0]), "`failed`", "expect failed"
            )
        return raw.RawExpect(str(parts[0]), self._at(meta))


@dataclass(frozen=True, slots=True)
class _Forall:
    """The binders of one `forall`; a block may have several."""

    binders: tuple[raw.RawBinder, ...]


def _digits(text: str, base: int) -> int | None:
    """The value of at most 40 ASCII digits; longer numbers have no use here."""
    allowed = "0123456789abcdef"[:base]
    if not text or len(text) > 40 or any(char not in allowed for char in text.lower()):
        return None
    return int(text, base)


def _decimal(text: str) -> int | None:
    if text.startswith("0") and text != "0":
        return None
    return _digits(text, 10)


def _number(text: str) -> int | None:
    if text[:2] in {"0x", "0X"}:
        return _digits(text[2:], 16)
    return _decimal(text)
