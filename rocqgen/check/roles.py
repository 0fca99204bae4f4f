# SPDX-License-Identifier: Apache-2.0
"""What the words of a precondition are used for, read off its addresses and equations.

A role only guides the search for states: what is guessed wrong costs time, never soundness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rocqgen.check.spans import unknown_array
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, MASK, names
from rocqgen.source.spec import AnyWords, Bin, BinOp, Claim, Expr, Page, Pure, Rel, Sort, Var
from rocqgen.source.terms import normal


@dataclass(frozen=True, slots=True)
class Link:
    """A claim: `va + va_offset` lies at `pa + pa_offset`; both are names.  `page` if of a page."""

    va: str
    va_offset: int
    pa: str
    pa_offset: int
    root: str
    page: bool = False


@dataclass(slots=True)
class Roles:
    """The words of a precondition by their use; a word may be in several."""

    roots: list[str] = field(default_factory=list)
    pointers: dict[str, set[int]] = field(default_factory=dict)
    """Base of virtual addresses, with the offsets (signed) of the words behind it."""
    physical: dict[str, set[int]] = field(default_factory=dict)
    """Base of physical addresses, likewise."""
    links: list[Link] = field(default_factory=list)
    hung: list[tuple[str, Claim]] = field(default_factory=list)
    """Bases of claims of what lies at more than a base and an offset."""
    counts: set[str] = field(default_factory=set)
    """How many words a block has."""
    indices: set[str] = field(default_factory=set)
    """Part of an address that is more than a base and an offset."""
    entries: set[str] = field(default_factory=set)
    """Words of which some bits are part of an address, as those of a table's entry are."""
    exits: set[str] = field(default_factory=set)
    values: list[str] = field(default_factory=list)
    defined: list[tuple[str, Expr]] = field(default_factory=list)
    """Words that an equation determines, each behind those it depends on."""
    facts: tuple[Pure, ...] = ()
    """The facts that are no such equation."""
    fractions: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)


def roles_of(subject: Subject) -> Roles:
    """Read the roles off the precondition and the exits' addresses."""
    roles, spec, pre = Roles(), subject.fragment.spec, subject.pre
    sorts = {
        Sort.FRACTION: roles.fractions,
        Sort.ROOT: roles.roots,
        Sort.ARRAY: roles.arrays,
    }
    for name in spec.params:
        if name.sort in sorts:
            sorts[name.sort].append(name.ident)
    for cell in pre.cells:
        _address(cell.item.addr, roles.pointers, roles)
    for one in pre.phys:
        _address(one.addr, roles.physical, roles)
    _blocks_and_entries(subject, roles)
    for root, claim in pre.claims:
        va = _address(claim.va, roles.pointers, roles)
        pa = _address(claim.pa, roles.physical, roles)
        if va is not None and pa is not None:
            roles.links.append(Link(*va, *pa, root, claim.page))
        elif va is not None:
            roles.hung.append((va[0], claim))
    roles.exits |= {one.address.ident for one in spec.exits if isinstance(one.address, Var)}
    roles.exits |= {one.contract.name for one in subject.contracts}
    known = {*roles.roots, *roles.pointers, *roles.physical, *roles.indices, *roles.fractions}
    known |= {*roles.arrays, *roles.counts}
    roles.values = [one.ident for one in spec.params if one.ident not in known]
    roles.defined = list(_definitions(pre.facts, {one.ident for one in spec.params}))
    roles.entries = _entries(roles)
    made = {id(expr) for _, expr in roles.defined}
    roles.facts = tuple(one for one in pre.facts if not {id(one.left), id(one.right)} & made)
    return roles


def _blocks_and_entries(subject: Subject, roles: Roles) -> None:
    """Note what blocks and entries of tables are about."""
    for _, block in subject.pre.spans:
        _address(block.addr, roles.pointers if block.virtual else roles.physical, roles)
        if isinstance(block.content, AnyWords):
            roles.arrays.append(unknown_array(block))
        if isinstance(block.count, Var):
            roles.counts.add(block.count.ident)
    for entry in subject.pre.entries:
        _address(entry.addr, roles.physical, roles)
        for page in (*entry.answers, *entry.claims, *entry.owes):
            if isinstance(page, Page):
                _address(page.va, roles.pointers, roles)


def _address(expr: Expr, into: dict[str, set[int]], roles: Roles) -> tuple[str, int] | None:
    """Note an address; its base and offset where it is no more than that."""
    terms, constant = normal(expr)
    offset = constant - (1 << 64) if constant >> 63 else constant
    single = [key[1] for key, count in terms if key[0] == "var" and count == 1]  # type: ignore[index]
    others = set(names(expr)) - {ENTRY} - set(single[:1])
    roles.indices |= {name for name in others if name not in into}
    if not single:
        return None
    base = str(single[0])
    into.setdefault(base, set()).add(offset if len(terms) == 1 else 0)
    roles.indices.discard(base)
    return (base, offset) if len(terms) == 1 else None


def _entries(roles: Roles) -> set[str]:
    addresses = {*roles.pointers, *roles.physical}
    made = [expr for name, expr in roles.defined if name in addresses]
    return {name for expr in made for name in _masked(expr)} - addresses - set(roles.roots)


def _masked(expr: Expr) -> Iterator[str]:
    """The names of which an address has bits: `x` of `(x & mask) + offset`."""
    if not isinstance(expr, Bin):
        return
    if expr.op is BinOp.AND:
        for side in (expr.left, expr.right):
            if isinstance(side, Var):
                yield side.ident
    elif expr.op is BinOp.ADD:
        yield from _masked(expr.left)
        yield from _masked(expr.right)


def _definitions(facts: tuple[Pure, ...], params: set[str]) -> Iterator[tuple[str, Expr]]:
    """Equations `x = e` read as definitions, in an order in which they can be evaluated."""
    chosen: dict[str, Expr] = {}
    for fact in facts:
        if fact.rel is not Rel.EQ:
            continue
        for side, other in ((fact.left, fact.right), (fact.right, fact.left)):
            if isinstance(side, Var) and side.ident in params and side.ident not in chosen:
                needed = closure(set(names(other)), chosen)
                if side.ident not in needed:
                    chosen[side.ident] = other
                    break
    done: set[str] = set()
    while len(done) < len(chosen):
        for name, expr in chosen.items():
            if name not in done and not (set(names(expr)) & (chosen.keys() - done)):
                done.add(name)
                yield name, expr


def closure(found: set[str], chosen: dict[str, Expr]) -> set[str]:
    """The names that `found` depends on by definitions, themselves among them."""
    todo = list(found)
    while todo:
        name = todo.pop()
        if name in chosen:
            more = set(names(chosen[name])) - found
            found |= more
            todo += more
    return found


def signed(word: int) -> int:
    """A word as a signed number."""
    word &= MASK
    return word - (1 << 64) if word >> 63 else word
