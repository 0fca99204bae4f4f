# SPDX-License-Identifier: Apache-2.0
"""Conditions of memory-model specs: `W & !R`, `[20:13]`, `!user | !smap | ac`.

    condition ::= conjunction { "|" conjunction }
    conjunction ::= factor { "&" factor }
    factor ::= "!" factor | "(" condition ")" | "always" | "never"
             | operand [ ("==" | "!=") number ]
    operand ::= name | "[" bit [ ":" bit ] "]"

A name is a bit field of the entry, a control, a right, ... as the key at hand says.  An operand
alone is true if it is not zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BeforeValidator, InstanceOf

from rocqgen.models.bits import Bits, SpecError, parse_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Constant:
    """`always` or `never`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Named:
    """A name; with `equals`, the field that it names has that value."""

    name: str
    equals: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """Bits of the entry; without `equals`, any of them is set."""

    bits: Bits
    equals: int | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of `of`."""

    of: Term


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them."""

    parts: tuple[Term, ...]


Term: TypeAlias = Constant | Named | Field | Not | And | Or


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, as it was written and as it was read."""

    text: str
    term: Term

    def __str__(self) -> str:
        return self.text


ALWAYS = Condition("always", Constant(True))
NEVER = Condition("never", Constant(False))


def names_of(term: Term) -> Iterator[Named]:
    """The names in a term, from left to right."""
    match term:
        case Named():
            yield term
        case Not(of):
            yield from names_of(of)
        case And(parts) | Or(parts):
            for part in parts:
                yield from names_of(part)


def fields_of(term: Term) -> Iterator[Field]:
    """The bits that a term writes by number, from left to right."""
    match term:
        case Field():
            yield term
        case Not(of):
            yield from fields_of(of)
        case And(parts) | Or(parts):
            for part in parts:
                yield from fields_of(part)


def map_term(term: Term, name: Callable[[Named], Term]) -> Term:
    """The term with every name replaced by what `name` gives for it."""
    match term:
        case Named():
            return name(term)
        case Not(of):
            return Not(map_term(of, name))
        case And(parts):
            return And(tuple(map_term(part, name) for part in parts))
        case Or(parts):
            return Or(tuple(map_term(part, name) for part in parts))
    return term


def holds(term: Term, word: int, truth: Mapping[str, bool]) -> bool:
    """Whether the term holds of an entry `word` and of what `truth` says of names."""
    match term:
        case Constant(value):
            return value
        case Named(name):
            return truth[name]
        case Field(bits, None):
            return word & bits.mask != 0
        case Field(bits, equals):
            return bits.get(word) == equals
        case Not(of):
            return not holds(of, word, truth)
        case And(parts):
            return all(holds(part, word, truth) for part in parts)
        case Or(parts):
            return any(holds(part, word, truth) for part in parts)


_TOKEN = re.compile(
    r"\s*(?:(?P<op>==|!=|[&|!()\[\]:])|(?P<number>0x[0-9a-fA-F]+|[0-9]+)(?![\w-])"
    r"|(?P<name>[A-Za-z_][\w-]*))",
    re.ASCII,
)
_EXPECTED = "names, `[bit]` or `[high:low]`, with `!`, `&`, `|`, `==`, `!=` and parentheses"
_DEEPEST = 40


def parse_condition(value: object) -> Condition:
    """Read a condition; raises `SpecError`."""
    if isinstance(value, Condition):
        return value
    if not isinstance(value, str):
        raise SpecError("a condition is a string", expected=_EXPECTED)
    return Condition(value, _Parser(value).parse())


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        self.next = 0
        end = 0
        stripped = text.rstrip()
        while end < len(stripped):
            match = _TOKEN.match(stripped, end)
            if match is None:
                rest = stripped[end:].lstrip()
                raise self.complaint(f"unexpected `{rest[0]}` in a condition")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))
            end = match.end()

    def complaint(self, message: str, hint: str | None = None) -> SpecError:
        return SpecError(message, expected=_EXPECTED, hint=hint)

    def parse(self) -> Term:
        if not self.tokens:
            raise self.complaint("the condition is empty", "always")
        term = self.disjunction(0)
        if self.next < len(self.tokens):
            raise self.complaint(f"unexpected `{self.tokens[self.next][1]}` in a condition")
        return term

    def take(self, *ops: str) -> str | None:
        """The next token if it is one of these operators."""
        if self.next < len(self.tokens):
            kind, text = self.tokens[self.next]
            if kind == "op" and text in ops:
                self.next += 1
                return text
        return None

    def need(self, op: str) -> None:
        if self.take(op) is None:
            raise self.complaint(f"`{op}` is missing in a condition")

    def number(self, what: str) -> int:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == "number":
            text = self.tokens[self.next][1]
            self.next += 1
            if len(text) <= 20:
                return int(text, 0) if text[:2] == "0x" else int(text)
        raise self.complaint(f"{what} is missing in a condition")

    def disjunction(self, depth: int) -> Term:
        parts = [self.conjunction(depth)]
        while self.take("|"):
            parts.append(self.conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self, depth: int) -> Term:
        parts = [self.factor(depth)]
        while self.take("&"):
            parts.append(self.factor(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def factor(self, depth: int) -> Term:
        if depth > _DEEPEST:
            raise self.complaint(f"the condition is nested more than {_DEEPEST} deep")
        if self.take("!"):
            return Not(self.factor(depth + 1))
        if self.take("("):
            term = self.disjunction(depth + 1)
            self.need(")")
            return term
        if self.take("["):
            high = self.number("a bit's number")
            low = self.number("a bit's number") if self.take(":") else high
            self.need("]")
            bits = parse_bits(f"{high}:{low}")
            return self.comparison(lambda equals: Field(bits, equals), bits)
        if self.next < len(self.tokens):
            kind, text = self.tokens[self.next]
            self.next += 1
            if kind == "name":
                if text in {"always", "never"}:
                    return Constant(text == "always")
                return self.comparison(lambda equals: Named(text, equals), None)
            before = self.tokens[self.next - 2][1] if self.next > 1 else ""
            raise self.complaint(
                f"unexpected `{text}` in a condition",
                f"one `{text}`" if text == before and text in "&|" else None,
            )
        raise self.complaint("the condition ends too early")

    def comparison(self, make: Callable[[int | None], Term], bits: Bits | None) -> Term:
        op = self.take("==", "!=")
        if op is None:
            return make(None)
        value = self.number("a number")
        if bits is not None and value.bit_length() > bits.width:
            raise self.complaint(f"{value} does not fit in {bits.text}")
        return make(value) if op == "==" else Not(make(value))


ConditionText = Annotated[InstanceOf[Condition], BeforeValidator(parse_condition)]
"""The type of a key whose value is a condition."""
