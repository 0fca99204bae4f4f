# SPDX-License-Identifier: Apache-2.0
"""A walk as a tree: each entry below the one that led to it, its bits by name, and the outcome."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from rocqgen.mmu import Faulted, Unbacked, Walked
from rocqgen.report.paging import (
    access_text,
    address_text,
    bits_text,
    controls_text,
    end_text,
    entry_text,
    updates,
    verdict,
)

if TYPE_CHECKING:
    from rocqgen.mmu import Step
    from rocqgen.models import Access, Privilege, Rules

_PLAIN_WIDTH = 250
"""Where nobody looks, lines are for programs and are not broken."""


def make_console(file: IO[str] | None = None) -> Console:
    """A console that breaks lines on terminals alone."""
    console = Console(file=file or sys.stdout, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def print_head(console: Console, rules: Rules, root: int, root_from: str) -> None:
    """What all walks that follow have in common."""
    line = Text(f"{rules.model.title}, {rules.model.root.name} = {root:#x}")
    line.append(f" ({root_from}); controls: {controls_text(rules)}", "dim")
    console.print(line)


def print_walk(
    console: Console,
    outcome: Walked | Faulted | Unbacked,
    rules: Rules,
    access: Access,
    privilege: Privilege,
) -> None:
    """One walk."""
    top = Text(address_text(rules, outcome.va), "bold")
    top.append(f"  {access_text(access, privilege)}", "not bold")
    tree = node = Tree(top, guide_style="dim")
    for step in outcome.steps:
        node = node.add(_step(step, rules))
    end = Text("=> ", "bold")
    end.append(verdict(outcome, rules, access, privilege), _style(outcome))
    node.add(end)
    console.print(tree)
    changes = updates(outcome, rules)
    if changes:
        words = ", ".join(f"{bits} of {name}" for name, bits in changes)
        console.print(Text(f"   the processor would set {words}", "dim"))


def _style(outcome: Walked | Faulted | Unbacked) -> str:
    if isinstance(outcome, Walked):
        return "green"
    return "bold red" if isinstance(outcome, Faulted) else "yellow"


def _step(step: Step, rules: Rules) -> Text:
    line = Text(f"{step.name}[{step.index}]", "bold")
    line.append(f" at {step.address:#x}", "not bold dim")
    if step.entry is None:
        line.append(": not in the image", "not bold yellow")
        return line
    line.append(f": {entry_text(rules, step.entry)}  ", "not bold")
    line.append(bits_text(step.bits), "not bold cyan")
    if step.target is not None:
        what = "page" if step.decision == "leaf" else "table"
        line.append(f"  -> {what} at {step.target:#x}", "not bold")
    else:
        line.append(f"{'  ' if step.bits else ''}{end_text(step)}", "not bold red")
    return line
