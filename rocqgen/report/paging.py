# SPDX-License-Identifier: Apache-2.0
"""Words for what walks and spaces consist of: sizes, rights, bits, and why an access faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocqgen.mmu import Faulted, Unbacked, Walked
from rocqgen.models.vocabulary import ALL_RIGHTS, RIGHTS, Access, Privilege, Reason, Right

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rocqgen.mmu import Step
    from rocqgen.models import Rules

_UNITS = ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"))


def size_text(size: int) -> str:
    """A number of bytes in the largest unit in which it is whole: `4 KiB`, `512 GiB`."""
    for shift, unit in _UNITS:
        if size and size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} B"


def address_text(rules: Rules, address: int) -> str:
    """A virtual address with all digits that the model's pointers have."""
    return f"{address:#0{rules.model.address.pointer // 4 + 2}x}"


def entry_text(rules: Rules, entry: int) -> str:
    """An entry with all its digits."""
    return f"{entry:#0{2 * rules.entry_bytes + 2}x}"


def shown_rights(rules: Rules) -> tuple[Right, ...]:
    """The rights that entries of the model can grant or withhold, and reading."""
    return tuple(one for one in RIGHTS if one in rules.model.rights or one is Right.READ)


def rights_text(rules: Rules, rights: int) -> str:
    """The rights of a path, by name."""
    names = [right.value for right in shown_rights(rules) if rights & right.flag]
    return ", ".join(names) or "none"


def end_text(step: Step) -> str:
    """Why the walk ends at this entry, in a word or two."""
    return "cannot be loaded" if step.decision == Reason.ROOT else step.decision


def bits_text(bits: Iterable[tuple[str, int]]) -> str:
    """Bit fields by name; a value is written where it is not 1."""
    return " ".join(name if value == 1 else f"{name}={value:#x}" for name, value in bits)


def allowed_text(rules: Rules, rights: int, privilege: Privilege) -> str:
    """Which accesses the rights allow to a privilege, as `rwx` with dashes; keys left aside."""
    return "".join(
        letter if rules.allow[privilege][access] >> rights & 1 else "-"
        for access, letter in zip(Access, "rwx", strict=True)
    )


def controls_text(rules: Rules) -> str:
    """The controls as they are set: `wp nxe !smep`."""
    return (
        " ".join(name if value else f"!{name}" for name, value in rules.controls.items()) or "none"
    )


def access_text(access: Access, privilege: Privilege) -> str:
    """Who does what: `write from user mode`."""
    return f"{access.word} from {privilege.word} mode"


@dataclass(frozen=True, slots=True)
class Blame:
    """Why rights forbid an access.

    ``lacking``: the rights without which it cannot be, each with the levels that withhold it;
    ``excess``: the rights with which it cannot be (a user page, where SMAP is set).
    """

    lacking: Mapping[Right, tuple[str, ...]]
    excess: tuple[Right, ...] = ()


def blame(
    outcome: Walked | Faulted | Unbacked, rules: Rules, access: Access, privilege: Privilege
) -> Blame:
    """Why the rights of the path forbid the access, if that is what its fault is."""
    if not isinstance(outcome, Faulted) or outcome.reason is not Reason.PROTECTION:
        return Blame({})
    rights = path_rights(outcome)
    allowed = [one for one in range(ALL_RIGHTS + 1) if rules.allow[privilege][access] >> one & 1]
    excess = tuple(
        right
        for right in shown_rights(rules)
        if rights & right.flag and not any(one & right.flag for one in allowed)
    )
    lacking = {
        right: tuple(step.name for step in outcome.steps if not step.rights & right.flag)
        for right in shown_rights(rules)
        if not rights & right.flag and all(one & right.flag for one in allowed)
    }
    return Blame(lacking, excess)


def path_rights(outcome: Walked | Faulted | Unbacked) -> int:
    """What all entries that the walk met grant together."""
    rights = ALL_RIGHTS
    for step in outcome.steps:
        rights &= step.rights
    return rights


def verdict(
    outcome: Walked | Faulted | Unbacked, rules: Rules, access: Access, privilege: Privilege
) -> str:
    """What a walk comes to, in a sentence."""
    if isinstance(outcome, Walked):
        key = f", key {outcome.key}" if outcome.key else ""
        return (
            f"physical {outcome.pa:#x}, in a page of {size_text(outcome.size)}; "
            f"the path grants {rights_text(rules, outcome.rights)}{key}"
        )
    if isinstance(outcome, Unbacked):
        return f"unknown: the table entry at {outcome.address:#x} is not in the image"
    report = outcome.report
    parts = f" ({', '.join(report.parts)})" if report.parts else ""
    code = f", {report.code_name} {report.code:#x}{parts}" if report.code_name else ""
    return f"{report.name}{code}: {_why(outcome, rules, access, privilege)}"


def _why(outcome: Faulted, rules: Rules, access: Access, privilege: Privilege) -> str:
    entry = f"the {outcome.steps[-1].name} entry" if outcome.steps else "an entry"
    detail = f": {outcome.detail}" if outcome.detail else ""
    what = access_text(access, privilege)
    root = "such an entry" if outcome.steps else "this value"
    simple = {
        Reason.ROOT: f"{rules.model.root.name} cannot be loaded with {root}{detail}",
        Reason.NONCANONICAL: "the address is not canonical",
        Reason.ABSENT: f"{entry} is not present",
        Reason.RESERVED: f"{entry} is reserved{detail}",
        Reason.ADDRESS_SIZE: f"{entry} has too large an address{detail}",
        Reason.ACCESSED: f"the accessed bit of {entry} is clear, and software sets it",
        Reason.DIRTY: f"the dirty bit of {entry} is clear, and software sets it",
        Reason.KEY: f"the page's protection key forbids a {what}{detail}",
    }
    if outcome.reason in simple:
        return simple[outcome.reason]
    found = blame(outcome, rules, access, privilege)
    because = "".join(
        f"; {right.value} is withheld by {', '.join(levels)}"
        for right, levels in found.lacking.items()
    )
    because += "".join(f"; {right.value} forbids it" for right in found.excess)
    granted = rights_text(rules, path_rights(outcome))
    return f"no {what} is allowed where the path grants {granted}{because}"


def updates(outcome: Walked | Faulted | Unbacked, rules: Rules) -> tuple[tuple[str, str], ...]:
    """The bits that the processor would set: the name of the level, and of the bits."""
    if not isinstance(outcome, Walked):
        return ()
    steps = {step.address: step for step in outcome.steps}
    found = []
    for update in outcome.updates:
        step = steps[update.address]
        level = rules.levels[step.level]
        named = (level.leaf if step.decision == "leaf" else level.table).bits
        changed = update.value ^ (step.entry or 0)
        found.append(
            (step.name, " ".join(name for name, bits in named.items() if changed & bits.mask))
        )
    return tuple(found)
