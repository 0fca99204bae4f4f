# SPDX-License-Identifier: Apache-2.0
"""A space as lines of ranges with what supervisor and user mode may do there, and the difference
between two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from rocqgen.mmu.diff import Kind
from rocqgen.mmu.ranges import Content
from rocqgen.models.vocabulary import ALL_RIGHTS, Access, Privilege
from rocqgen.report.paging import address_text, allowed_text, rights_text, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocqgen.mmu.diff import Change, Side
    from rocqgen.mmu.ranges import Ranges
    from rocqgen.models import Rules

_WORDS = {
    Content.RESERVED: "present entries that fault whatever the access",
    Content.UNBACKED: "unknown: the table is not in the image",
}
_PHYSICAL = 15
_SIGNS = {
    Kind.ADDED: ("+", "green"),
    Kind.REMOVED: ("-", "red"),
    Kind.RIGHTS: ("!", "yellow"),
    Kind.FRAMES: ("~", "cyan"),
    Kind.CONTENT: ("?", "magenta"),
}


def allows(rules: Rules, rights: int, access: Access, privileges: Iterable[Privilege]) -> bool:
    """Whether the rights allow the access from one of the modes; keys left aside."""
    return any(rules.allow[privilege][access] >> rights & 1 for privilege in privileges)


def print_space(console: Console, ranges: Ranges, rules: Rules, *, physical: bool, of: int) -> None:
    """The ranges, of ``of`` that there are; with ``physical`` addresses where frames go on."""
    wide = 2 * rules.model.address.pointer // 4 + 5
    head = f"{'addresses':{wide}}  {'size':>10}  sup  user "
    _line(
        console, f"{head} {'physical':{_PHYSICAL}}  pages" if physical else f"{head} pages", "bold"
    )
    texts = {
        rights: (
            "  ".join(allowed_text(rules, rights, privilege) for privilege in Privilege),
            _style(rules, rights),
        )
        for rights in range(ALL_RIGHTS + 1)
    }
    for one in ranges:
        place = _place(rules, one.first, one.last)
        if one.content is not Content.MAPPED:
            _line(console, f"{place}  {_WORDS[one.content]}", "yellow")
            continue
        modes, style = texts[one.rights]
        frame = f"  {one.pa:<#{_PHYSICAL}x}" if physical else ""
        sizes = ", ".join(map(size_text, one.sizes))
        times = "x" if len(one.sizes) == 1 else "of"
        _line(console, f"{place}  {modes}{frame}  {one.pages} {times} {sizes}", style)
    mapped = ranges.take(ranges.content == Content.MAPPED)
    total = sum(map(int, mapped.last - mapped.first)) + len(mapped)
    words = f"{total / 2**20:,.1f} MiB" if total >= 2**20 else size_text(total)
    left = f", of {of}" if of != len(ranges) else ""
    _line(console, f"{len(ranges)} ranges{left}; {words} mapped", "dim")


def print_diff(console: Console, changes: Sequence[Change], rules: Rules) -> None:
    """The changes, a line for each."""
    for change in changes:
        sign, style = _SIGNS[change.kind]
        line = f"{sign} {_place(rules, change.first, change.last)}  {_change(change, rules)}"
        _line(console, line, style)
    if not changes:
        _line(console, "no difference", "green")
        return
    counts = {kind: sum(change.kind is kind for change in changes) for kind in Kind}
    words = ", ".join(f"{count} {_COUNTED[kind]}" for kind, count in counts.items() if count)
    _line(console, f"{len(changes)} differences: {words}", "dim")


_COUNTED = {
    Kind.ADDED: "added",
    Kind.REMOVED: "removed",
    Kind.RIGHTS: "with other rights",
    Kind.FRAMES: "with other frames",
    Kind.CONTENT: "of other kinds",
}


def _change(change: Change, rules: Rules) -> str:
    before, after = change.before, change.after
    match change.kind:
        case Kind.ADDED if after is not None:
            return f"added: {_what(after, rules)}"
        case Kind.REMOVED if before is not None:
            return f"removed: {_what(before, rules)}"
        case Kind.RIGHTS if before is not None and after is not None:
            moved = f"; physical {before.pa:#x} -> {after.pa:#x}" if before.pa != after.pa else ""
            return (
                f"rights: {_rights(before.rights, rules)} -> {_rights(after.rights, rules)}{moved}"
            )
        case Kind.FRAMES if before is not None and after is not None:
            rights = _rights(after.rights, rules)
            return f"frames: physical {before.pa:#x} -> {after.pa:#x}, {rights}"
    words = ("not mapped" if one is None else _what(one, rules) for one in (before, after))
    return " -> ".join(words)


def _what(side: Side, rules: Rules) -> str:
    if side.content is Content.MAPPED:
        return f"{_rights(side.rights, rules)}, physical {side.pa:#x}"
    return _WORDS[side.content]


def _rights(rights: int, rules: Rules) -> str:
    """The accesses that are allowed from supervisor and from user mode, and the rights by name."""
    modes = " ".join(allowed_text(rules, rights, privilege) for privilege in Privilege)
    return f"{modes} ({rights_text(rules, rights)})"


def _place(rules: Rules, first: int, last: int) -> str:
    span = f"{address_text(rules, first)}-{address_text(rules, last)}"
    return f"{span}  {size_text(last - first + 1):>10}"


def _style(rules: Rules, rights: int) -> str:
    both = tuple(Privilege)
    if allows(rules, rights, Access.WRITE, both) and allows(rules, rights, Access.FETCH, both):
        return "bold red"
    return "cyan" if allows(rules, rights, Access.READ, (Privilege.USER,)) else ""


def _line(console: Console, text: str, style: str = "") -> None:
    # A space may have 100,000 ranges, and laying text out is slow: plain where no colour is wanted.
    if console.color_system is None:
        print(text, file=console.file)
    else:
        console.print(Text(text, style))
