# SPDX-License-Identifier: Apache-2.0
"""Words compared as sums, modulo 2**64, up to equations.

Sums are of atoms with coefficients; masks, shifts and `|` make fields of words, which are atoms,
too.  What is found equal here is equal; what is not may be equal all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocqgen.emit.fields import FIELD, Fields, Key, Known, Linear, Slice, fields
from rocqgen.emit.normal import (
    WORD,
    WORD_BITS,
    Alu,
    EAdd,
    ECst,
    EOp,
    ESel,
    EVar,
    Term,
    mk_add,
    mk_and,
    mk_op,
    swrap,
)
from rocqgen.emit.symbolic import Fact
from rocqgen.source.spec import Rel

if TYPE_CHECKING:
    from collections.abc import Iterable


_COMMUTATIVE = {Alu.AND, Alu.OR, Alu.XOR}
_ALL = (0, WORD - 1)
"""The first and the last word."""
_PASSES = 3
"""Equations are used for each other; later ones for earlier ones in the next pass."""


class Rewriting:
    """Linear forms up to equations."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self.rules: dict[Key, Linear] = {}
        self.known: dict[Key, Known] = {}
        self.bounds: dict[int, tuple[int, int]] = {}
        self._forms: dict[Term, Linear] | None = None
        facts = tuple(map(_positive, facts))
        equations = [fact for fact in facts if fact.rel is Rel.EQ]
        others = [fact for fact in facts if fact.rel in {Rel.LT, Rel.LE}]
        # What a name stands for comes before what is known of its bits.
        equations.sort(
            key=lambda fact: not isinstance(fact.a, EVar) and not isinstance(fact.b, EVar)
        )
        for fact in others:
            self._bound(fact)
        for _ in range(_PASSES):
            before = dict(self.rules), dict(self.known)
            for fact in equations:
                self._equate(fact.a, fact.b)
            if before == (self.rules, self.known):
                break
            self.rules = {key: self._rewritten(form) for key, form in self.rules.items()}
        # From now on forms do not change.
        self._forms = {}

    def equal(self, a: Term, b: Term) -> bool:
        """Whether the two are seen to be equal."""
        return a == b or self.linear(a) == self.linear(b)

    def apart(self, a: Term, b: Term) -> bool:
        """Whether the two are seen to differ: by a constant, or in a place."""
        left, right = self.linear(a), self.linear(b)
        if set(self.canonical(add(left, right, -1))) == {()}:
            return True
        one, two = fields(left, self.known), fields(right, self.known)
        # A place that is 1 in one of them, and 0 in the other.
        return (
            one is not None
            and two is not None
            and bool(one.constant & ~two.mask or two.constant & ~one.mask)
        )

    def number(self, term: Term) -> int | None:
        """The value of a word that is seen to be constant."""
        form = self.linear(term)
        return form.get((), 0) if set(form) <= {()} else None

    def quotient(self, form: Linear, shift: int) -> Term | None:
        """A word that is the form when it is shifted to the left, if all coefficients allow."""
        total: Term = ECst(0)
        for key, count in sorted(form.items(), key=lambda one: (swrap(one[1]) < 0, repr(one[0]))):
            number = swrap(count)
            if number % (1 << shift):
                return None
            number >>= shift
            part = word_of_atom(key)
            match key:
                case (str(kind), tuple(source), 0, int(width)) if kind == FIELD:
                    # What lies above falls out, or is 0.
                    bits = self.known.get(source, Known())
                    zeros = (bits.mask & ~bits.value) >> width == (1 << WORD_BITS - width) - 1
                    if zeros or count == 1 << (WORD_BITS - width):
                        part = word_of_atom(source)
            if not key:
                total = mk_add(total, number)
            elif part is None or abs(number) & (abs(number) - 1):
                return None
            else:
                power = abs(number).bit_length() - 1
                part = part if power == 0 else mk_op(Alu.SHL, part, ECst(power))
                first = total == ECst(0) and number > 0
                total = part if first else mk_op(Alu.ADD if number > 0 else Alu.SUB, total, part)
        return total

    def bits(self, term: Term, mask: int) -> int | None:
        """The bits of `term` in `mask`, if they are seen to be constant."""
        form = self.linear(mk_and(term, ECst(mask)))
        return form.get((), 0) if set(form) <= {()} else None

    def same_above(self, shift: int, a: Term, b: Term) -> bool:
        """Whether the bits from `shift` on are seen to be the same."""
        high = ECst(WORD - (1 << shift))
        return self.equal(mk_and(a, high), mk_and(b, high))

    def canonical(self, form: Linear) -> Linear:
        """The form with neighbouring fields as one."""
        parts = fields(form, self.known)
        if parts is not None:
            return parts.linear()
        # A constant may lie across the fields, as the one at which a kernel maps all memory.
        parts = fields({key: count for key, count in form.items() if key}, self.known)
        return form if parts is None else add(parts.linear(), {(): form.get((), 0)}, 1)

    def offset(self, term: Term, base: Term) -> int | None:
        """The bits that may be set in `term - base`, where both are seen to be apart by fields."""
        form = add(self.linear(term), self.linear(base), -1)
        parts = fields(form, self.known)
        return None if parts is None else parts.mask

    def _equate(self, a: Term, b: Term) -> None:
        """Use `a = b`: bits that it tells, or else solved for its largest atom."""
        left, right = self.linear(a), self.linear(b)
        if self._learn(left, right) or self._learn(right, left):
            return
        difference = add(left, right, -1)
        atoms = [key for key, count in difference.items() if key and count in {1, WORD - 1}]
        atoms.sort(key=lambda key: (_size(key), repr(key)), reverse=True)
        for atom in atoms:
            rest = {key: count for key, count in difference.items() if key != atom}
            if any(_occurs(atom, key) for key in rest):
                continue
            solution = scale(rest, -1 if difference[atom] == 1 else 1)
            for key, form in self.rules.items():
                if atom in form:
                    factor = form[atom]
                    kept = {one: count for one, count in form.items() if one != atom}
                    self.rules[key] = add(kept, solution, factor)
            self.rules[atom] = solution
            return
        _ = self._align(left, right) or self._align(right, left)

    def _learn(self, left: Linear, right: Linear) -> bool:
        """Learn the bits of words of which fields are constant, or which are their own fields."""
        parts = fields(left, self.known)
        if parts is None:
            return False
        if set(right) <= {()}:
            value = right.get((), 0)
            for one in parts.slices:
                field = (value & one.mask) >> one.to << one.low
                self._note(one.key, ((1 << one.width) - 1) << one.low, field)
            return True
        for key, count in right.items():
            if count == 1 and len(right) == 1 and _own(parts, key):
                self._note(key, WORD - 1 - parts.mask, 0)
                self._note(key, parts.constant, parts.constant)
                return True
        return False

    def _bound(self, fact: Fact) -> None:
        """Learn the upper bits of a name from a bound: those that all words between them have."""
        strict = fact.rel is Rel.LT
        match fact.a, fact.b:
            case EVar(x), ECst(top):
                first, last = self.bounds.get(x, _ALL)
                last = min(last, top - strict)
            case ECst(bottom), EVar(x):
                first, last = self.bounds.get(x, _ALL)
                first = max(first, bottom + strict)
            case _:
                return
        if first <= last:
            self.bounds[x] = first, last
            mask = WORD - (1 << (first ^ last).bit_length())
            self._note(("var", x), mask, first & mask)

    def _align(self, left: Linear, right: Linear) -> bool:
        """Use what a field of a word is, where that has no smaller places."""
        if len(left) != 1:
            return False
        ((key, count),) = left.items()
        one, other = (fields(form, self.known) for form in (left, right))
        if one is None or other is None or count == 1 or key[:1] != (FIELD,):
            return False
        if len(one.slices) != 1 or one.constant or _occurs(key, tuple(right)):
            return False
        self.rules[key] = other.shifted(-one.slices[0].to).linear()
        return True

    def _note(self, key: Key, mask: int, value: int) -> None:
        old = self.known.get(key, Known())
        self.known[key] = Known(old.mask | mask, old.value | value)

    def linear(self, term: Term) -> Linear:
        """The linear form of `term`, which is not to be changed."""
        if self._forms is None:
            return self._linear(term)
        form = self._forms.get(term)
        if form is None:
            form = self._forms[term] = self._linear(term)
        return form

    def _linear(self, term: Term) -> Linear:
        form = self.canonical(self._sum(term))
        for _ in range(_PASSES):
            before, form = form, self.canonical(self._rewritten(form))
            if form == before:
                break
        return form

    def _sum(self, term: Term) -> Linear:
        match term:
            case ECst(z):
                return trim({(): z})
            case EVar(x):
                return self._atom(("var", x))
            case EAdd(inner, z):
                return add(self._sum(inner), {(): z % WORD}, 1)
            case EOp(Alu.ADD | Alu.SUB as op, a, b):
                return add(self._sum(a), self._sum(b), 1 if op is Alu.ADD else -1)
            case EOp(Alu.SHL, a, ECst(count)):
                return scale(self._sum(a), 1 << count % 64)
            case EOp(op, a, b):
                parts = self._operation(op, a, b)
                if parts is not None:
                    return self._rewritten(parts.linear())
                left, right = _key(self.linear(a)), _key(self.linear(b))
                if op in _COMMUTATIVE and repr(right) < repr(left):
                    left, right = right, left
                return self._atom((op.value, left, right))
            case ESel(x, i):
                return self._atom(("array", x, _key(self.linear(i))))
            case _:
                return self._atom(("term", repr(term)))

    def _operation(self, op: Alu, a: Term, b: Term) -> Fields | None:
        """The fields that an operation gives, if it gives such."""
        left, right = self.linear(a), self.linear(b)
        if op in _COMMUTATIVE and set(left) <= {()}:
            left, right = right, left
        number = right.get((), 0) if set(right) <= {()} else None
        match op:
            case Alu.SHR if number is not None:
                return self._fields(left).shifted(-(number % 64))
            case Alu.AND if number is not None:
                return self._fields(left).masked(number)
            case Alu.OR if number is not None:
                # Places that are set to 1 no longer show what was there.
                rest = self._fields(left).masked(WORD - 1 - number)
                return Fields(rest.constant | number, rest.slices)
            case Alu.OR | Alu.XOR:
                one, other = (fields(form, self.known) for form in (left, right))
                return None if one is None or other is None else one.joined(other)
            case _:
                return None

    def _fields(self, form: Linear) -> Fields:
        parts = fields(form, self.known)
        return parts or Fields(0, (Slice(0, WORD_BITS, _key(form), 0),))

    def _atom(self, key: Key) -> Linear:
        """What is known of an atom; what it is made of may be known, too."""
        if key in self.rules:
            return self.rules[key]
        bits = self.known.get(key)
        if bits is not None and bits.mask == WORD - 1:
            return trim({(): bits.value})
        match key:
            case (str(kind), tuple(source), int(low), int(width)) if kind == FIELD:
                form = self._word(source)
                if _key(form) != source:
                    return self._fields(form).shifted(-low).masked((1 << width) - 1).linear()
            case (str(op), tuple(left), tuple(right)):
                return {(op, _key(self._word(left)), _key(self._word(right))): 1}
        return {key: 1}

    def _word(self, key: Key) -> Linear:
        """The word that is an atom or, in a key, a sum."""
        if key and isinstance(key[0], str):
            return self._atom(key)
        return self._rewritten(dict(key))  # type: ignore[arg-type]

    def _rewritten(self, form: Linear) -> Linear:
        total: Linear = {}
        for key, count in form.items():
            total = add(total, self._atom(key) if key else {(): 1}, count)
        return total


def _positive(fact: Fact) -> Fact:
    """That a bit is not 0, as an equation: it is 1."""
    match fact.rel, fact.a, fact.b:
        case Rel.NE, EOp(Alu.AND, _, ECst(bit)), ECst(0) if bit and not bit & (bit - 1):
            return Fact(Rel.EQ, fact.a, ECst(bit))
        case _:
            return fact


def trim(form: Linear) -> Linear:
    """The form without zeros, and with coefficients in [0, 2**64)."""
    return {key: count % WORD for key, count in form.items() if count % WORD}


def add(a: Linear, b: Linear, factor: int) -> Linear:
    """`a + factor * b`."""
    total = dict(a)
    for key, count in b.items():
        total[key] = total.get(key, 0) + factor * count
    return trim(total)


def scale(form: Linear, factor: int) -> Linear:
    """`factor * form`."""
    return trim({key: count * factor for key, count in form.items()})


def word_of_atom(key: Key) -> Term | None:
    """An atom as a word, if it is a name or a field of one."""
    match key:
        case ("var", int(x)):
            return EVar(x)
        case (str(kind), tuple(source), int(low), int(width)) if kind == FIELD:
            word = word_of_atom(source)
            if word is None:
                return None
            word = word if low == 0 else mk_op(Alu.SHR, word, ECst(low))
            return word if low + width == WORD_BITS else mk_and(word, ECst((1 << width) - 1))
        case _:
            return None


def _own(parts: Fields, key: Key) -> bool:
    """Whether the parts are those of `key`, where they are."""
    return all(one.key == key and one.to == one.low for one in parts.slices)


def _key(form: Linear) -> Key:
    if len(form) == 1:
        ((key, count),) = form.items()
        if key and count == 1:
            return key
    return tuple(sorted(form.items(), key=repr))


def _size(key: object) -> int:
    return 1 + sum(map(_size, key)) if isinstance(key, tuple) else 1


def _occurs(atom: Key, key: object) -> bool:
    return key == atom or (isinstance(key, tuple) and any(_occurs(atom, one) for one in key))
