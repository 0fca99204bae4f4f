# SPDX-License-Identifier: Apache-2.0
"""``rocqgen space``: what is mapped in a space, and what has changed between two."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.translation import (
    add_options,
    check_pointer,
    choose_root,
    number,
    open_translation,
    outside,
    shown_path,
)
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    from rocqgen.cli.parser import Subparsers
    from rocqgen.cli.translation import Translation
    from rocqgen.mmu.diff import Change, Side
    from rocqgen.mmu.ranges import Ranges
    from rocqgen.models import Rules

_SIZE = re.compile(r"([0-9]{1,6})([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)


def size(text: str) -> int:
    """A size of pages: `4096`, `4K`, `2M`, `1G`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no size such as 4K, 2M or 1G")
    return int(match[1]) << " KMGT".index(match[2].upper() or " ") * 10


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "space",
        help="list what is mapped in an image of memory, or what has changed",
        description="Enumerates the tables below a root and lists the ranges of addresses that are "
        "mapped, with what supervisor and user mode may do there; or, with --diff-cr3 or "
        "--diff-image, what differs from that space to another.",
        epilog="Exits with 4 where a table is not in the image, after it has listed the rest.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    add_options(parser)
    show = parser.add_argument_group("what is listed")
    show.add_argument("--user", action="store_true", help="what user mode can use")
    show.add_argument("--write", action="store_true", help="what can be written")
    show.add_argument("--exec", action="store_true", help="what can be executed")
    show.add_argument(
        "--wx", action="store_true", help="what can be both written and executed, in some mode"
    )
    show.add_argument("--from", dest="low", type=number, metavar="VA", help="from this address on")
    show.add_argument("--to", dest="high", type=number, metavar="VA", help="up to this address")
    show.add_argument("--size", type=size, metavar="SIZE", help="what has pages of this size")
    show.add_argument(
        "--physical", action="store_true", help="keep frames apart, and show their addresses"
    )
    other = parser.add_argument_group("differences")
    other.add_argument("--diff-cr3", type=number, metavar="X", help="the root to compare with")
    other.add_argument(
        "--diff-image", type=Path, metavar="IMAGE", help="the image to compare with, taken later"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the space or the differences; UserError at the end where a table was not there."""
    if (args.diff_cr3, args.diff_image) != (None, None):
        return _run_diff(args)
    with open_translation(args) as space:
        ranges = _enumerate(space, args, frames=args.physical)
        rows = _select(ranges, space.rules, args)
        if args.json:
            from rocqgen.report.paging_json import range_document, render  # noqa: PLC0415

            documents = [range_document(row, space.rules) for row in rows]
            print(render(space.about, ranges=documents), end="")
        else:
            from rocqgen.report.space_table import print_space  # noqa: PLC0415
            from rocqgen.report.walk_tree import make_console, print_head  # noqa: PLC0415

            console = make_console()
            print_head(console, space.rules, space.root, space.root_from)
            print_space(console, rows, space.rules, physical=args.physical, of=len(ranges))
        _check_backed(space, ranges)
    return ExitCode.OK


def _run_diff(args: argparse.Namespace) -> int:
    from rocqgen.mmu.diff import diff_spaces  # noqa: PLC0415
    from rocqgen.mmu.images import Format, open_image  # noqa: PLC0415

    if args.size is not None or args.physical:
        raise UserError("--size and --physical are for listings, not for differences")
    with open_translation(args) as space:
        path = args.diff_image or args.image
        with open_image(path, format=args.format and Format(args.format)) as image:
            asked = args.diff_cr3 if args.diff_cr3 is not None else args.root
            root, root_from = choose_root(asked, image, args.cpu)
            other = replace(space, image=image, root=root, root_from=root_from)
            before = _enumerate(space, args, frames=True)
            after = _enumerate(other, args, frames=True)
            changes = _select_changes(diff_spaces(before, after), space.rules, args)
            if args.json:
                from rocqgen.report.paging_json import change_document, render  # noqa: PLC0415

                documents = [change_document(change, space.rules) for change in changes]
                print(render(space.about, compared_with=other.about, changes=documents), end="")
            else:
                from rocqgen.report.space_table import print_diff  # noqa: PLC0415
                from rocqgen.report.walk_tree import make_console, print_head  # noqa: PLC0415

                console = make_console()
                name = shown_path(image.path)
                print_head(console, space.rules, space.root, space.root_from)
                console.print(f"compared with {name}, root {root:#x} ({root_from})")
                print_diff(console, changes, space.rules)
            _check_backed(space, before)
            _check_backed(other, after)
    return ExitCode.OK


def _enumerate(space: Translation, args: argparse.Namespace, *, frames: bool) -> Ranges:
    """All ranges of the space; UserError where its root leads nowhere."""
    from rocqgen.mmu.space import enumerate_space  # noqa: PLC0415

    rules = space.rules
    _check_limits(space, args)
    table = rules.model.root.address.get(space.root)
    if (
        rules.root_problem(space.root) is None
        and space.image.read(table, rules.entry_bytes) is None
    ):
        raise outside(space, table, "at the root")
    return enumerate_space(rules, space.image, space.root, frames=frames)


def _check_limits(space: Translation, args: argparse.Namespace) -> None:
    for address in (args.low, args.high):
        if address is not None:
            check_pointer(space, address)
    if args.low is not None and args.high is not None and args.low > args.high:
        raise UserError(f"--from {args.low:#x} is behind --to {args.high:#x}")
    sizes = [level.leaf_size for level in space.rules.levels if level.holds_leaves]
    if args.size is not None and args.size not in sizes:
        from rocqgen.report.paging import size_text  # noqa: PLC0415

        raise UserError(
            f"{space.rules.model.name} has no pages of {size_text(args.size)}",
            expected=", ".join(size_text(one) for one in sorted(sizes)),
        )


def _wanted(rights: int, rules: Rules, args: argparse.Namespace) -> bool:
    """Whether the options ask for what has these rights."""
    from rocqgen.models import Access, Privilege  # noqa: PLC0415
    from rocqgen.report.space_table import allows  # noqa: PLC0415

    modes = (Privilege.USER,) if args.user else tuple(Privilege)
    write, execute = (allows(rules, rights, one, modes) for one in (Access.WRITE, Access.FETCH))
    return not (
        (args.user and not any(allows(rules, rights, one, modes) for one in Access))
        or (args.write and not write)
        or (args.exec and not execute)
        or (args.wx and not (write and execute))
    )


def _select(ranges: Ranges, rules: Rules, args: argparse.Namespace) -> Ranges:
    """The rows that the options ask for; those that nobody can use only if all are."""
    import numpy as np  # noqa: PLC0415

    from rocqgen.mmu.ranges import Content  # noqa: PLC0415
    from rocqgen.models.vocabulary import ALL_RIGHTS  # noqa: PLC0415

    low, high = args.low or 0, 2**64 - 1 if args.high is None else args.high
    chosen = (ranges.first <= np.uint64(high)) & (ranges.last >= np.uint64(low))
    if args.size is not None:
        chosen &= ranges.shifts & np.uint64(args.size) != 0
    if args.user or args.write or args.exec or args.wx or args.size is not None:
        wanted = [_wanted(rights, rules, args) for rights in range(ALL_RIGHTS + 1)]
        chosen &= (ranges.content == Content.MAPPED) & np.array(wanted)[ranges.rights]
    return ranges.take(chosen)


def _select_changes(changes: list[Change], rules: Rules, args: argparse.Namespace) -> list[Change]:
    """The changes of which either side is asked for."""
    from rocqgen.mmu.ranges import Content  # noqa: PLC0415

    low, high = args.low or 0, 2**64 - 1 if args.high is None else args.high
    by_rights = args.user or args.write or args.exec or args.wx

    def asked(side: Side | None) -> bool:
        mapped = side is not None and side.content is Content.MAPPED
        return side is not None and mapped and _wanted(side.rights, rules, args)

    return [
        change
        for change in changes
        if change.first <= high
        and change.last >= low
        and (not by_rights or asked(change.before) or asked(change.after))
    ]


def _check_backed(space: Translation, ranges: Ranges) -> None:
    """UserError, after the rest is listed, where tables are not in the image."""
    from rocqgen.mmu.ranges import Content  # noqa: PLC0415

    lost = ranges.take(ranges.content == Content.UNBACKED)
    if len(lost):
        first = int(lost.first[0])
        raise UserError(
            f"{len(lost)} ranges are unknown, {first:#x} the first address of them: the "
            "tables that translate them are outside of the image",
            file=space.image.path,
            expected="an image with all tables of the space",
            hint=f"rocqgen walk {space.image.path} {first:#x} --cr3 {space.root:#x}, "
            "which shows the first one",
        )
