# SPDX-License-Identifier: Apache-2.0
"""Vernacular as text: where sentences end, which proofs they belong to, which are not allowed.

The prover's own parser has the word on every sentence that it accepts.  This splitter serves where
it accepts none any more, to find the next place to go on from, and to look for what no generated
theory may hold.  Offsets count characters.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

_PIECE = re.compile(
    r'(?P<open>\(\*)|(?P<close>\*\))|(?P<string>"(?:[^"]|"")*")|(?P<quote>")', re.DOTALL
)
_LEAD = re.compile(r"(?:\s|[-+*{}]+(?=\s|\w|$)|\d+\s*:\s*\{)+")
_ATTRIBUTES = re.compile(
    r"(?:#\[[^\]]*\]|Local|Global|Polymorphic|Monomorphic|Program|Cumulative|Private"
    r"|Time|Timeout\s+\d+|Fail|Succeed|Redirect\s+\"[^\"]*\"|Instructions)\s*"
)
_STATEMENTS = frozenset(
    ["Lemma", "Theorem", "Corollary", "Fact", "Remark", "Proposition", "Property", "Goal"]
)
_DEFINITIONS = frozenset(["Example", "Definition", "Instance", "Fixpoint", "CoFixpoint", "Let"])
_CLOSES = frozenset(["Qed", "Defined", "Save", "Admitted", "Abort"])
_NAME = re.compile(r"\s*([^\W\d][\w']*)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters ``start`` to ``end`` (exclusive, after the full stop) of a text."""

    start: int
    end: int
    head: str
    name: str | None = None
    opens_proof: bool = False
    """Whether a proof should follow: it makes a statement and gives no body."""

    @property
    def closes_proof(self) -> bool:
        """Whether it ends a proof, by whatever means."""
        return self.head in _CLOSES


def blank(text: str) -> str:
    """The same text with every comment and string overwritten by spaces, line ends kept.

    A comment or string without an end reaches to the end of the text, as Coq reads it.
    """
    out = list(text)
    depth, start = 0, 0
    position = 0
    while match := _PIECE.search(text, position):
        position = match.end()
        if match["open"]:
            if depth == 0:
                start = match.start()
            depth += 1
        elif match["close"]:
            if depth == 1:
                _erase(out, start, position)
            depth = max(0, depth - 1)
        elif depth == 0 and match["string"]:
            _erase(out, match.start(), position)
        elif depth == 0 and match["quote"]:
            _erase(out, match.start(), len(text))
            break
    if depth > 0:
        _erase(out, start, len(text))
    return "".join(out)


def _erase(out: list[str], start: int, end: int) -> None:
    for index in range(start, end):
        if out[index] != "\n":
            out[index] = " "


def split(text: str) -> list[Sentence]:
    """All sentences, in order; what stands after the last full stop is one without a head."""
    plain = blank(text)
    found: list[Sentence] = []
    start = 0
    for match in re.finditer(r"\.(?=\s|\Z)|\.\.\.(?=\s|\Z)", plain):
        sentence = _describe(plain, start, match.end())
        if sentence is not None:
            found.append(sentence)
        start = match.end()
    if plain[start:].strip():
        begin = start + len(plain[start:]) - len(plain[start:].lstrip())
        found.append(Sentence(begin, len(plain.rstrip()), ""))
    return found


def _describe(plain: str, start: int, end: int) -> Sentence | None:
    lead = _LEAD.match(plain, start, end)
    begin = lead.end() if lead else start
    first = start + len(plain[start:end]) - len(plain[start:end].lstrip())
    if not plain[start:end].strip(" \t\r\n."):
        return None
    position = begin
    while attribute := _ATTRIBUTES.match(plain, position, end):
        position = attribute.end()
    word = _NAME.match(plain, position, end)
    if word is None:
        return Sentence(first, end, "")
    head = word[1]
    opens = head in _STATEMENTS or (head in _DEFINITIONS and ":=" not in plain[word.end() : end])
    name = None
    if head != "Goal" and (head in _STATEMENTS or head in _DEFINITIONS):
        name = _NAME.match(plain, word.end(), end)
    return Sentence(first, end, head, name[1] if name else None, opens)


def sentence_at(sentences: list[Sentence], offset: int) -> Sentence | None:
    """The sentence that holds the character at ``offset``, else the next one after it."""
    index = bisect.bisect_right(sentences, offset, key=lambda one: one.end)
    return sentences[index] if index < len(sentences) else None


_ANYWHERE = re.compile(
    r"\b(Admitted|admit|give_up|bypass_check)\b"
    r"|\bUnset\s+(?:Guard|Positivity|Universe)\s+Checking\b|\bSet\s+Definitional\s+UIP\b"
)
_COMMANDS = re.compile(
    r"Axioms?|Parameters?|Conjectures?|Symbols?|Primitive|Rewrite\s+Rules?|Abort|Load|Redirect|Cd"
    r"|Drop|Extraction|(?:Recursive|Separate)\s+Extraction|Declare\s+ML|(?:Add|Remove)\s+(?:Rec\s+)?"
    r"(?:LoadPath|ML)"
)


@dataclass(frozen=True, slots=True)
class Violation:
    """Vernacular, at the character ``offset``, with which a theory can't count as proved."""

    offset: int
    words: str


def violations(text: str) -> list[Violation]:
    """What forbids the theory to count as proved, in order: gaps, axioms, weaker checks, and
    commands that reach outside the file.

    A belt: the braces are ``Print Assumptions`` on what ``coqc`` has compiled.
    """
    plain = blank(text)
    found = {match.start(): match[0] for match in _ANYWHERE.finditer(plain)}
    for sentence in split(text):
        if sentence.head:
            at = plain.index(sentence.head, sentence.start)
            command = _COMMANDS.match(plain, at, sentence.end)
            if command and not plain[command.end() : command.end() + 1].isalnum():
                found[at] = command[0]
    return [Violation(at, " ".join(words.split())) for at, words in sorted(found.items())]
