# SPDX-License-Identifier: Apache-2.0
"""SerAPI's answers as data.

Positions are bytes of UTF-8, counted from the start of the text of the ``Add`` in question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rocqgen.rocq.sexp import Sexp


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` to ``end`` (exclusive) of a text that was sent."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Added:
    """A sentence was parsed and has the number ``sid``."""

    sid: int
    span: Span


@dataclass(frozen=True, slots=True)
class RocqError:
    """The prover refuses: ``message`` is its text; ``span`` is None where it gives no position in
    the text that was sent, for example because a tactic of the library failed."""

    message: str
    span: Span | None = None
    kind: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether this is the answer to an interrupt, not a verdict on the text."""
        return "Sys.Break" in self.kind or self.message.strip() == "User interrupt."


@dataclass(frozen=True, slots=True)
class Feedback:
    """Something said about the sentence ``sid``, perhaps while another one was being checked."""

    sid: int
    kind: str
    level: str = ""
    text: str = ""


def field(record: Sexp, name: str) -> Sexp | None:
    """The value of ``(name value)`` in a record ``((name value) ...)``, if it is there."""
    if isinstance(record, list):
        for pair in record:
            if isinstance(pair, list) and len(pair) == 2 and pair[0] == name:
                return pair[1]
    return None


def read_feedback(message: list[Sexp]) -> Feedback | None:
    """Decode ``(Feedback ((doc_id _)(span_id n)(route _)(contents c)))``."""
    body = message[1] if len(message) == 2 else None
    sid, contents = field(body or [], "span_id"), field(body or [], "contents")
    if not isinstance(sid, str) or not sid.isdigit() or contents is None:
        return None
    if isinstance(contents, str):
        return Feedback(int(sid), contents)
    kind = contents[0] if contents and isinstance(contents[0], str) else ""
    if kind != "Message":
        return Feedback(int(sid), kind)
    # (Message (level Error)(loc ..)(pp ..)(str "..")) or the same as one record
    record = contents[1:] if len(contents) > 2 else contents[1]
    return Feedback(int(sid), kind, _text(field(record, "level")), _text(field(record, "str")))


def read_added(body: list[Sexp]) -> Added | None:
    """Decode ``(Added n loc focus)``."""
    if len(body) < 3 or not isinstance(body[1], str):
        return None
    span = read_span(body[2])
    return None if span is None else Added(int(body[1]), span)


def read_error(body: list[Sexp]) -> RocqError:
    """Decode ``(CoqExn ((loc ..)(stm_ids ..)(exn ..)(pp ..)(str ..)))``."""
    record = body[1] if len(body) > 1 else []
    location = field(record, "loc")
    span = read_span(location[0]) if isinstance(location, list) and location else None
    kind = field(record, "exn")
    # The pretty-printer leaves blanks in front of its line breaks.
    message = "\n".join(line.rstrip() for line in _text(field(record, "str")).splitlines())
    return RocqError(
        message.strip(),
        span,
        kind if isinstance(kind, str) else str(kind),
    )


def read_span(location: Sexp) -> Span | None:
    """Decode a location; None for one in a file, which is not the text that was sent."""
    start, end = field(location, "bp"), field(location, "ep")
    if field(location, "fname") != "ToplevelInput":
        return None
    if not isinstance(start, str) or not isinstance(end, str):
        return None
    return Span(int(start), int(end))


def read_objects(body: list[Sexp]) -> list[str]:
    """Decode ``(ObjList ((CoqString "..") ..))`` to its strings."""
    objects = body[1] if len(body) > 1 and isinstance(body[1], list) else []
    return [
        item[1]
        for item in objects
        if isinstance(item, list) and item[:1] == ["CoqString"] and isinstance(item[1], str)
    ]


def _text(value: Sexp | None) -> str:
    return value if isinstance(value, str) else ""
