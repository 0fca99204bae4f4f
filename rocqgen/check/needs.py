# SPDX-License-Identifier: Apache-2.0
"""The pages that a precondition needs mapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rocqgen.check.spans import TooLongError, spread
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, MASK, WORD_SIZE, pages_of, value
from rocqgen.cpu import Access
from rocqgen.source.spec import Claim, Code, VirtPt


class Need(NamedTuple):
    """A page that something is mapped in, the accesses that it must admit, and for what."""

    root: int
    page: int
    accesses: tuple[Access, ...]
    item: VirtPt | Claim | Code


def needs(subject: Subject, words: dict[str, int]) -> Iterator[Need]:
    """The pages that the precondition needs mapped; one may come several times.

    None where a block is too long: then nothing resides.
    """
    pre = subject.pre
    try:
        cells, _ = spread(pre, words)
    except TooLongError:
        return
    for root, item in cells:
        yield from _needs(words[root], value(item.addr, words), item, item.writable)
    for root, claim in pre.claims:
        yield from _needs(words[root], value(claim.va, words), claim, claim.writable)
    for root, code in pre.code:
        for start, size in subject.stretches:
            first, last = (words[ENTRY] + start) >> 12, (words[ENTRY] + start + size - 1) >> 12
            for page in range(first, last + 1):
                yield Need(words[root], page & (MASK >> 12), (Access.FETCH,), code)


_READ = (Access.READ,)
_WRITE = (Access.READ, Access.WRITE)


def _needs(root: int, va: int, item: VirtPt | Claim, writable: bool) -> Iterator[Need]:
    for page in pages_of(va, WORD_SIZE):
        yield Need(root, page, _WRITE if writable else _READ, item)
