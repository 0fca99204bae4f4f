# SPDX-License-Identifier: Apache-2.0
"""Resolves annotations as wholes: `raw` nodes go in, `spec` nodes come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rocqgen.source import raw
from rocqgen.source.items import assertion, page, pages
from rocqgen.source.location import Location, refused
from rocqgen.source.reserved import why_refused
from rocqgen.source.resolve import Labels, Scope, bind, root, word
from rocqgen.source.shares import check_shares
from rocqgen.source.spec import (
    Action,
    AnswerPage,
    Assertion,
    At,
    ClaimPage,
    Code,
    Contract,
    Drop,
    Entry,
    Exit,
    Expr,
    FoldWalk,
    Forget,
    Ghost,
    Hint,
    Invariant,
    JoinBlocks,
    MapCode,
    Name,
    NewEntry,
    OpenEntry,
    PayElsewhere,
    Platform,
    Sort,
    Spec,
    SplitBlock,
    ToBlock,
    ToWord,
    UnclaimPage,
    UnfoldWalk,
    Walk,
)


@dataclass(frozen=True, slots=True)
class Place:
    """An invariant as it was written, and the instruction in front of which it stands."""

    offset: int
    label: str | None
    invariant: raw.RawInvariant


def check_spec(block: raw.RawSpec, labels: Labels, invariants: Sequence[Place] = ()) -> Spec:
    """Resolve a block and the invariants of its fragment.

    An unknown, duplicate or reserved name, a wrong sort and an assertion that cannot stand where it
    does are a `UserError` with line and column.
    """
    taken = {*_idents(block), *_bound(invariants), *labels.inside}
    names: dict[str, Name] = {}
    outer = Scope(labels, names, taken)
    space, pre, exits, anonymous = _triple(block, outer)
    loops = tuple(
        _invariant(item, space, outer) for item in sorted(invariants, key=lambda item: item.offset)
    )
    assertions = [pre, *(item.post for item in exits), *(item.holds for item in loops)]
    platform = _platform(block, any(map(_speaks_of_tables, assertions)))
    if platform is None or not platform.la57:
        _refuse_five_levels(assertions)
    params = (*names.values(), *anonymous)
    return Spec(params, space, pre, exits, (), block.location, loops, platform)


def check_assume(block: raw.RawAssume, doc: str = "") -> Contract:
    """Resolve the contract of a function pointer; it has names of its own, and its `name`."""
    if reason := why_refused(block.name):
        raise refused(
            f"`{block.name}` cannot be bound: {reason}", block.name_location, "another name"
        )
    names = {block.name: Name(block.name, Sort.WORD, block.name_location)}
    taken = {block.name, *_idents(block)}
    space, pre, exits, anonymous = _triple(block, Scope(Labels({}), names, taken))
    for items in (pre, *(item.post for item in exits)):
        _refuse_code(items)
    params = (*(name for name in names.values() if name.ident != block.name), *anonymous)
    return Contract(block.name, params, space, pre, exits, block.location, doc)


def _triple(
    block: raw.RawSpec | raw.RawAssume, outer: Scope
) -> tuple[Expr, tuple[Assertion, ...], tuple[Exit, ...], list[Name]]:
    """The space, the precondition, the exits and the nameless parameters; binds the others."""
    for binder in block.params:
        bind(binder, outer.names, outer.labels)
    space = root(block.space, outer)
    anonymous: list[Name] = []
    pre = assertion(block.pre, Scope(outer.labels, outer.names, outer.taken, anonymous))
    check_shares(pre, space)
    exits = tuple(_exit(item, space, outer) for item in block.exits)
    return space, pre, exits, anonymous


def _has_code(items: tuple[Assertion, ...]) -> bool:
    return any(
        isinstance(item, Code) or (isinstance(item, At) and _has_code(item.items)) for item in items
    )


def _refuse_code(items: tuple[Assertion, ...]) -> None:
    for item in items:
        if isinstance(item, At):
            _refuse_code(item.items)
        if isinstance(item, Code):
            raise refused(
                "nothing is known of the code of a function behind a pointer",
                item.location,
                "a contract without `code`: the caller's own code is kept for it",
            )


def _platform(block: raw.RawSpec, needed: bool) -> Platform | None:
    given = block.platform
    if given is None:
        return Platform(False, _MAX_WIDTH, block.location) if needed else None
    width = _MAX_WIDTH if given.maxphyaddr is None else given.maxphyaddr
    if not _MIN_WIDTH <= width <= _MAX_WIDTH:
        raise refused(
            f"no processor has physical addresses of {width} bits",
            given.location,
            f"a width from {_MIN_WIDTH} to {_MAX_WIDTH}",
            f"maxphyaddr {_MAX_WIDTH}",
        )
    return Platform(given.la57, width, given.location)


_MIN_WIDTH, _MAX_WIDTH = 32, 52  # SDM vol. 3, 5.1.4


def _speaks_of_tables(items: tuple[Assertion, ...]) -> bool:
    return any(
        isinstance(item, Entry | Walk) or (isinstance(item, At) and _speaks_of_tables(item.items))
        for item in items
    )


def _refuse_five_levels(assertions: Iterable[tuple[Assertion, ...]]) -> None:
    """A walk from the fifth level is of a processor that has one."""
    for items in assertions:
        for item in items:
            if isinstance(item, Walk) and item.depth > _LEVELS:
                raise refused(
                    f"there is no table of level {item.depth} without `platform la57`",
                    item.location,
                    f"a level from 1 to {_LEVELS}, or `platform la57` behind `space ROOT`",
                    f"level {_LEVELS}",
                )


_LEVELS = 4


# -- exits and invariants --------------------------------------------------------------------------


def _idents(block: raw.RawSpec | raw.RawAssume) -> Iterator[str]:
    """Every name that the block binds."""
    for binder in block.params:
        yield binder.ident
    for item in block.exits:
        for binder in item.exists:
            yield binder.ident


def _bound(invariants: Sequence[Place]) -> Iterator[str]:
    for item in invariants:
        for binder in item.invariant.exists:
            yield binder.ident


def _exit(item: raw.RawExit, default: Expr, outer: Scope) -> Exit:
    address = word(item.address, outer)
    space = default if item.space is None else root(item.space, outer)
    exists, post = _under(item.exists, item.post, space, outer)
    return Exit(address, space, exists, post, item.location)


def _invariant(place: Place, default: Expr, outer: Scope) -> Invariant:
    item = place.invariant
    space = default if item.space is None else root(item.space, outer)
    exists, holds = _under(item.exists, item.holds, space, outer)
    if not _has_code(holds):
        raise refused(
            "the code is not there behind the invariant: it does not hold `code`",
            item.location,
            "`code` among what holds, with the share that the precondition has: "
            "what an invariant does not mention is lost",
            "code{q}",
        )
    return Invariant(place.offset, space, exists, holds, item.location, place.label)


def _under(
    exists: tuple[raw.RawBinder, ...], items: tuple[raw.RawAtom, ...], space: Expr, outer: Scope
) -> tuple[tuple[Name, ...], tuple[Assertion, ...]]:
    """What `exists` and `_` bind, and the assertion behind it."""
    names = dict(outer.names)
    bound = [bind(binder, names, outer.labels) for binder in exists]
    for name in bound:
        if name.sort not in {Sort.WORD, Sort.ROOT}:
            article = "an" if name.sort is Sort.ARRAY else "a"
            raise refused(
                f"`{name.ident}` is {article} {name.sort.value}",
                name.location,
                "existentials of sort word or root",
                f"{name.ident} : {name.sort.value} behind `forall`",
            )
    anonymous: list[Name] = []
    checked = assertion(items, Scope(outer.labels, names, set(outer.taken), anonymous))
    check_shares(checked, space)
    for name in anonymous:
        if name.sort is Sort.FRACTION:
            raise refused(
                "`_` cannot be a fraction here", name.location, "a fraction bound by `forall`"
            )
    return (*bound, *anonymous), checked


# -- marks -----------------------------------------------------------------------------------------


def check_hint(hint: raw.RawHint, offset: int, spec: Spec, labels: Labels) -> tuple[Hint, ...]:
    """Resolve `at` on the line of the instruction at `offset`.

    The names are those of the parameters and of what invariants bind.
    """
    scope = _marks(spec, labels)
    return tuple(_hint(item, offset, scope) for item in hint.places)


def _hint(item: raw.RawPlace, offset: int, scope: Scope) -> Hint:
    address, place = item.address, item.address.location
    via = None if item.via is None else word(item.via, scope)
    if isinstance(address, raw.RawIndex) and scope.sort_of(address.base) is not Sort.ARRAY:
        base, index = word(address.base, scope), word(address.index, scope)
        return Hint(offset, base, place, index, via)
    return Hint(offset, word(address, scope), place, None, via)


def check_ghost(ghost: raw.RawGhost, offset: int, spec: Spec, labels: Labels) -> Ghost:
    """Resolve `first` or `then` on the line of the instruction at `offset`."""
    action = _action(ghost.action, _marks(spec, labels))
    return Ghost(offset, ghost.after, action, ghost.location)


def _marks(spec: Spec, labels: Labels) -> Scope:
    bound = [name for item in spec.invariants for name in item.exists]
    names = {name.ident: name for name in (*spec.params, *bound)}
    return Scope(labels, names, set(names))


_PLAIN: Final[dict[str, Callable[[Expr, Location], Action]]] = {
    "cell": NewEntry,
    "pay": PayElsewhere,
    "drop": Drop,
    "join": JoinBlocks,
    "word": ToWord,
    "block": ToBlock,
    "forget": Forget,
    "unfold": UnfoldWalk,
    "fold": FoldWalk,
}
"""The steps that are about one address."""


def _action(item: raw.RawAction, scope: Scope) -> Action:
    here: Location = item.location
    match item.word, item.exprs:
        case "claim", (va, space, *through):
            top, path = root(space, scope), tuple(word(one, scope) for one in through)
            return ClaimPage(word(va, scope), top, path, here)
        case "map", (space, *through):
            top, path = root(space, scope), tuple(word(one, scope) for one in through)
            return MapCode(top, path, here)
        case "unclaim", (va, space):
            return UnclaimPage(word(va, scope), root(space, scope), here)
        case "open", (addr,):
            return OpenEntry(word(addr, scope), pages(item.pages, scope), here)
        case "answer", (addr,):
            return AnswerPage(word(addr, scope), page(item.pages[0], scope), here)
        case kind, (addr,) if kind in _PLAIN:
            return _PLAIN[kind](word(addr, scope), here)
        case "split", (addr, index):
            return SplitBlock(word(addr, scope), word(index, scope), here)
        case _:
            raise TypeError(f"not a ghost step: {item.word}")
