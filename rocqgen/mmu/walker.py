# SPDX-License-Identifier: Apache-2.0
"""The fast scalar walk: a model compiled once, then a million translations a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.mmu.meanings import ABOVE, CLEAN, END, LEAF, Tables
from rocqgen.mmu.outcome import Faulted, Unbacked, Walked
from rocqgen.mmu.walk import walk
from rocqgen.mmu.walker_code import Translate, compile_walk
from rocqgen.models.resolve import Rules, resolve
from rocqgen.models.vocabulary import REASONS, Access, Privilege, Reason

if TYPE_CHECKING:
    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.resolve import Controls, FaultCode
    from rocqgen.models.schema import PagingModel


class Walker:
    """A model with its controls, for one privilege; `translate` is what it is for.

    It keeps views of the tables of the memory that it was last used with; `forget` lets them go.
    """

    translate: Translate
    """`translate(memory, root, va, access=READ)`: the physical address, or why there is none."""

    def __init__(
        self,
        model: PagingModel | Rules,
        controls: Controls | None = None,
        *,
        privilege: Privilege = Privilege.SUPERVISOR,
        max_physical: int | None = None,
        pkru: int = 0,
    ) -> None:
        self.rules = model if isinstance(model, Rules) else resolve(model, controls, max_physical)
        self.privilege = privilege
        self.pkru = pkru
        self._tables = Tables(self.rules)
        self._reports: dict[tuple[Reason, int, Access], FaultCode] = {}
        self.translate = self._compile()

    def explain(
        self, memory: PhysicalMemory, root: int, va: int, access: Access = Access.READ
    ) -> Walked | Faulted | Unbacked:
        """The same access with its trace."""
        return walk(
            self.rules, memory, root, va, access=access, privilege=self.privilege, pkru=self.pkru
        )

    def forget(self) -> None:
        """Let go of the memory."""
        self._tables.attach(None)

    def _compile(self) -> Translate:
        rules = self.rules
        allowed = tuple(
            tuple(rules.allow[self.privilege][access] >> rights & 1 for rights in range(LEAF))
            for access in Access
        )
        # Keys other than 0 are in the meaning of an entry, which `_end` looks at.
        keys = rules.key_forbids[self.privilege] if rules.keys is not None else ()
        look_closely = any(forbids[self.pkru & 3] for forbids in keys)
        return compile_walk(rules, self._tables, allowed, self._end, look_closely=look_closely)

    def _end(
        self,
        memory: PhysicalMemory,
        root: int,
        va: int,
        access: Access,
        rights: int = 0,
        shift: int = -1,
        entry: int = 0,
        meaning: int = 0,
    ) -> int | Faulted | Unbacked:
        """The end of a walk that is not a page of the smallest size which may be accessed.

        Without a shift, the whole walk was not possible the short way.
        """
        rules = self.rules
        if shift < 0:
            found = self.explain(memory, root, va, access)
            if isinstance(found, Walked):
                return found.pa
            if isinstance(found, Unbacked):
                return found._replace(steps=())
            return found._replace(steps=(), detail="")
        level = next(one for one in rules.levels if one.shift == shift)
        reason = self._refusal(rights & meaning, access, meaning)
        if reason is None:
            offset = level.leaf_size - 1
            return rules.address.get(entry) & ~offset | va & offset
        report = self._reports.get((reason, level.number, access))
        if report is None:
            report = rules.fault(reason, access, self.privilege, level.number)
            self._reports[reason, level.number, access] = report
        return Faulted(va, reason, level.number, report)

    def _refusal(self, rights: int, access: Access, meaning: int) -> Reason | None:
        """Why an entry with this meaning ends the walk with a fault, if it does."""
        rules = self.rules
        if meaning & END:
            return REASONS[meaning >> ABOVE]
        if rules.keys is not None:
            forbids = rules.key_forbids[self.privilege][access]
            if forbids[self.pkru >> 2 * (meaning >> ABOVE) & 3] >> rights & 1:
                return Reason.KEY
        if not rules.allow[self.privilege][access] >> rights & 1:
            return Reason.PROTECTION
        if meaning & CLEAN and access == Access.WRITE:
            return Reason.DIRTY
        return None
