# SPDX-License-Identifier: Apache-2.0
"""The fast scalar walk: a model compiled once, then a million translations a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.mmu.meanings import ABOVE, CLEAN, END, LEAF, Meanings, Tables, mask_of
from rocqgen.mmu.outcome import Faulted, Unbacked, Walked
from rocqgen.mmu.walk import walk
from rocqgen.models.resolve import Rules, resolve
from rocqgen.models.vocabulary import ALL_RIGHTS, REASONS, Access, Privilege, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocqgen.mmu.memory import PhysicalMemory
    from rocqgen.models.resolve import Controls, FaultCode
    from rocqgen.models.schema import PagingModel

    Translate = Callable[[PhysicalMemory, int, int, Access], int | Faulted | Unbacked]


class Walker:
    """A model with its controls, for one privilege; `translate` is what it is for.

    It keeps views of the frames of the memory that it was last used with; `forget` lets them go.
    """

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
        self._tables = Tables(self.rules.entry_bytes)
        self._reports: dict[tuple[Reason, int, Access], FaultCode] = {}
        self._run = self._compile()

    def translate(
        self, memory: PhysicalMemory, root: int, va: int, access: Access = Access.READ
    ) -> int | Faulted | Unbacked:
        """The physical address, or why there is none, without a trace."""
        return self._run(memory, root, va, access)

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

    def _slowly(
        self, memory: PhysicalMemory, root: int, va: int, access: Access
    ) -> int | Faulted | Unbacked:
        found = self.explain(memory, root, va, access)
        return found.pa if isinstance(found, Walked) else found._replace(steps=())

    def _fault(self, reason: Reason, va: int, level: int, access: Access) -> Faulted:
        report = self._reports.get((reason, level, access))
        if report is None:
            report = self.rules.fault(reason, access, self.privilege, level)
            self._reports[reason, level, access] = report
        return Faulted(va, reason, level, report)

    def _refusals(self) -> tuple[tuple[tuple[Reason | None, ...], ...], ...]:
        """By access, key and rights: why a leaf refuses the access, None if it does not."""
        rules = self.rules
        forbids = rules.key_forbids[self.privilege] if rules.keys is not None else ()
        keys = range(1 << rules.keys.width if rules.keys is not None else 1)

        def refusal(access: Access, key: int, rights: int) -> Reason | None:
            if forbids and forbids[access][self.pkru >> 2 * key & 3] >> rights & 1:
                return Reason.KEY
            if not rules.allow[self.privilege][access] >> rights & 1:
                return Reason.PROTECTION
            return None

        return tuple(
            tuple(
                tuple(refusal(access, key, rights) for rights in range(ALL_RIGHTS + 1))
                for key in keys
            )
            for access in Access
        )

    def _compile(self) -> Translate:
        """The walk as a closure over everything that can be known beforehand."""
        rules, tables, slowly, fault = self.rules, self._tables, self._slowly, self._fault
        meanings_of = [Meanings(rules, level) for level in rules.levels]
        levels = tuple(
            (level.shift, level.index_mask, meanings.mask, meanings)
            for level, meanings in zip(rules.levels, meanings_of, strict=True)
        )
        below = [level.leaf_size - 1 for level in rules.levels]
        field, root_field = rules.address, rules.model.root.address
        frame_mask, frame_down, frame_up = field.bits.mask, field.bits.low, field.low
        root_mask, root_down, root_up = root_field.bits.mask, root_field.bits.low, root_field.low
        odd_roots, usual_root = _unusual_roots(rules), rules.root_fixed.value
        low_end, high_start, end = _canonical_bounds(rules)
        refusals = self._refusals()

        def translate(
            memory: PhysicalMemory, root: int, va: int, access: Access
        ) -> int | Faulted | Unbacked:
            if memory is not tables.memory:
                tables.attach(memory)
            if root & odd_roots != usual_root or not (0 <= va < low_end or high_start <= va < end):
                return slowly(memory, root, va, access)
            table = (root & root_mask) >> root_down << root_up
            rights = ALL_RIGHTS
            number = meaning = entry = 0
            try:
                for shift, index_mask, mask, meanings in levels:
                    entry = tables[table][va >> shift & index_mask]
                    meaning = meanings[entry & mask]
                    if meaning >= LEAF:
                        break
                    rights &= meaning
                    table = (entry & frame_mask) >> frame_down << frame_up
                    number += 1
            except IndexError:
                return slowly(memory, root, va, access)
            if meaning & END:
                return fault(REASONS[meaning >> ABOVE], va, number, access)
            refusal = refusals[access][meaning >> ABOVE][rights & meaning]
            if refusal is not None:
                return fault(refusal, va, number, access)
            if meaning & CLEAN and access == Access.WRITE:
                return fault(Reason.DIRTY, va, number, access)
            offset = below[number]
            return (entry & frame_mask) >> frame_down << frame_up & ~offset | va & offset

        return translate


def _unusual_roots(rules: Rules) -> int:
    """The bits of the root register that are looked at closely if they are not as usual."""
    mask = rules.root_fixed.mask
    for _, cases in rules.root_reserved:
        mask |= mask_of(cases)
    if rules.above_reason is not None:
        mask |= rules.model.root.address.put((1 << 64) - (1 << rules.max_physical))
    return mask


def _canonical_bounds(rules: Rules) -> tuple[int, int, int]:
    """Addresses are canonical below the first, and from the second to below the third."""
    widths = rules.model.address
    end = 1 << widths.pointer
    match widths.canonical:
        case "sign-extended":
            half = 1 << (widths.virtual - 1)
            return half, end - half, end
        case "ones":
            return 0, end - (1 << widths.virtual), end
    return 1 << widths.virtual, end, end
