# SPDX-License-Identifier: Apache-2.0
"""``rocqgen walk``: translate addresses through the page tables in an image of memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.cli.translation import (
    add_options,
    check_pointer,
    number,
    open_translation,
    outside,
)
from rocqgen.errors import UserError
from rocqgen.exits import ExitCode

if TYPE_CHECKING:
    import argparse

    from rocqgen.cli.parser import Subparsers
    from rocqgen.cli.translation import Translation
    from rocqgen.mmu import Faulted, Unbacked, Walked
    from rocqgen.models import Access, Privilege

    Outcomes = list[Walked | Faulted | Unbacked]


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "walk",
        help="translate addresses in an image of memory, with every entry on the way",
        description="Walks the page tables in IMAGE for each address and shows what every entry "
        "says, and the physical address or the fault. IMAGE is raw memory, sparse pages (.npz) or "
        "an ELF core as QEMU and kdump write it.",
        epilog="Exits with 0 whether the access is allowed or faults; with 4 where a table is not "
        "in the image.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "addresses", nargs="+", type=number, metavar="VA", help="hexadecimal (0x...) or decimal"
    )
    parser.add_argument(
        "--access", choices=["read", "write", "fetch"], default="read", help="(default: read)"
    )
    parser.add_argument(
        "--user", action="store_true", help="from user mode (default: supervisor mode)"
    )
    parser.add_argument(
        "--pkru", type=number, metavar="X", help="the register of protection keys; implies --pke"
    )
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of trees")
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="also draw the walk (of one address)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the walks; UserError at the end where one has left the image."""
    # NumPy, pydantic and rich take long to import, and `rocqgen --help` needs none of them.
    from rocqgen.mmu import Unbacked, walk  # noqa: PLC0415
    from rocqgen.models import Access, Privilege  # noqa: PLC0415

    if args.svg is not None and len(args.addresses) > 1:
        raise UserError(
            f"--svg draws one walk, and there are {len(args.addresses)} addresses",
            hint="one address",
        )
    access = Access[args.access.upper()]
    privilege = Privilege.USER if args.user else Privilege.SUPERVISOR
    with open_translation(args) as translation:
        rules = translation.rules
        for address in args.addresses:
            check_pointer(translation, address)
        outcomes = [
            walk(
                rules,
                translation.image,
                translation.root,
                address,
                access=access,
                privilege=privilege,
                pkru=args.pkru or 0,
            )
            for address in args.addresses
        ]
        _show(args, translation, outcomes, access, privilege)
        for outcome in outcomes:
            if isinstance(outcome, Unbacked):
                raise outside(translation, outcome.address, f"of the walk of {outcome.va:#x}")
    return ExitCode.OK


def _show(
    args: argparse.Namespace,
    translation: Translation,
    outcomes: Outcomes,
    access: Access,
    privilege: Privilege,
) -> None:
    rules = translation.rules
    if args.svg is not None:
        from rocqgen.report.walk_svg import write_walk  # noqa: PLC0415

        write_walk(args.svg, outcomes[0], rules, translation.root, access, privilege)
    if args.json:
        from rocqgen.report.paging_json import render, walk_document  # noqa: PLC0415

        walks = [walk_document(outcome, rules, access, privilege) for outcome in outcomes]
        print(render(translation.about, pkru=hex(args.pkru or 0), walks=walks), end="")
        return
    from rocqgen.report.walk_tree import make_console, print_head, print_walk  # noqa: PLC0415

    console = make_console()
    print_head(console, rules, translation.root, translation.root_from)
    for outcome in outcomes:
        console.print()
        print_walk(console, outcome, rules, access, privilege)
