# SPDX-License-Identifier: Apache-2.0
"""Walks and spaces as JSON.

Addresses, entries and codes are strings in hexadecimal: many readers of JSON keep no more than 53
bits of a number.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rocqgen import __version__
from rocqgen.mmu import Faulted, Walked
from rocqgen.mmu.ranges import Content
from rocqgen.models import Privilege
from rocqgen.report.paging import allowed_text, shown_rights, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocqgen.mmu import Step, Unbacked
    from rocqgen.mmu.diff import Change, Side
    from rocqgen.mmu.ranges import Range
    from rocqgen.models import Access, Rules

FORMAT = 1
"""Rises when a field changes its meaning or goes."""


def render(about: Mapping[str, object], **contents: object) -> str:
    """A document, with a final newline: what it is about, and then its contents."""
    document = {"format": FORMAT, "rocqgen": __version__, **about, **contents}
    return json.dumps(document, indent=2) + "\n"


def walk_document(
    outcome: Walked | Faulted | Unbacked, rules: Rules, access: Access, privilege: Privilege
) -> dict[str, object]:
    """One walk; ``outcome`` is `mapped`, `fault` or `unbacked` and says which fields there are."""
    document: dict[str, object] = {
        "va": hex(outcome.va),
        "access": access.word,
        "privilege": privilege.word,
        "says": verdict(outcome, rules, access, privilege),
    }
    if isinstance(outcome, Walked):
        document |= {
            "outcome": "mapped",
            "pa": hex(outcome.pa),
            "page_size": outcome.size,
            "rights": rights_list(rules, outcome.rights),
            "key": outcome.key,
            "updates": [
                {"address": hex(one.address), "value": hex(one.value), "width": one.width}
                for one in outcome.updates
            ],
        }
    elif isinstance(outcome, Faulted):
        document |= {
            "outcome": "fault",
            "fault": outcome.report.name,
            "code": hex(outcome.report.code),
            "code_parts": list(outcome.report.parts),
            "address_register": outcome.report.address,
            "reason": outcome.reason.value,
            "level": outcome.level,
            "detail": outcome.detail,
        }
    else:
        document |= {"outcome": "unbacked", "entry_address": hex(outcome.address)}
    document["steps"] = [_step(step, rules) for step in outcome.steps]
    return document


def rights_list(rules: Rules, rights: int) -> list[str]:
    """The rights by name, of those that entries of the model can grant or withhold."""
    return [right.value for right in shown_rights(rules) if rights & right.flag]


def _step(step: Step, rules: Rules) -> dict[str, object]:
    return {
        "level": step.level,
        "name": step.name,
        "index": step.index,
        "address": hex(step.address),
        "entry": None if step.entry is None else hex(step.entry),
        "decision": step.decision,
        "target": None if step.target is None else hex(step.target),
        "rights": rights_list(rules, step.rights),
        "bits": dict(step.bits),
        "detail": step.detail,
    }


def range_document(one: Range, rules: Rules) -> dict[str, object]:
    """A range of a space; one that is not mapped has no rights and no pages."""
    document: dict[str, object] = {
        "first": hex(one.first),
        "last": hex(one.last),
        "bytes": one.last - one.first + 1,
        "content": one.content.name.lower(),
    }
    if one.content is Content.MAPPED:
        document |= _rights(one.rights, rules)
        document |= {"pa": hex(one.pa), "pages": one.pages, "page_sizes": list(one.sizes)}
    return document


def change_document(change: Change, rules: Rules) -> dict[str, object]:
    """A difference between two spaces; a side is null where nothing is mapped."""
    return {
        "kind": change.kind.value,
        "first": hex(change.first),
        "last": hex(change.last),
        "bytes": change.last - change.first + 1,
        "before": _side(change.before, rules),
        "after": _side(change.after, rules),
    }


def _side(side: Side | None, rules: Rules) -> dict[str, object] | None:
    if side is None:
        return None
    document: dict[str, object] = {"content": side.content.name.lower()}
    if side.content is Content.MAPPED:
        document |= {**_rights(side.rights, rules), "pa": hex(side.pa)}
    return document


def _rights(rights: int, rules: Rules) -> dict[str, object]:
    return {
        "rights": rights_list(rules, rights),
        **{privilege.word: allowed_text(rules, rights, privilege) for privilege in Privilege},
    }
