# SPDX-License-Identifier: Apache-2.0
"""What the engine says of a run that stopped, in words and with the annotation's names.

The engine's reasons and values are terms of `theories/auto/state.v` as the prover prints them,
for example ``(NoItem (EVar 2) (EAdd (EVar 4) 8))``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Term = str | list["Term"]

_TOKEN = re.compile(r"%\w+|[()]|[^\s()%]+")
_OPERATORS = {
    "AluAdd": "+",
    "AluSub": "-",
    "AluAnd": "&",
    "AluOr": "|",
    "AluXor": "^",
    "AluShl": "<<",
    "AluShr": ">>",
}
_REASONS = {
    "NoReg": "{0} is not owned; write in requires: {0} |->r _",
    "NoItem": "nothing is known of the word at {1} in space {0}; write there: {1} |->v ...",
    "ReadOnly": "the word at {1} in space {0} cannot be written: its mapping or its share is for"
    " reading alone; write |->v or ~> (not |->vr or ~>r), without a fraction",
    "NoFrame": "the address is claimed, but the physical word at {0} is not owned; write:"
    " {0} |->p ...",
    "CodeUnmapped": "the fragment's code is not mapped in space {0}; write: [{0}] {{ code }}",
    "LeftCode": "control goes to {0}, which is neither in the fragment nor an exit; write:"
    " exit {0}",
    "BadHint": "the hint names no points-to of the precondition",
    "BadScale": "an index is scaled by something other than 1, 2, 4 or 8",
    "UnsupportedForm": "the engine has no rule for this form of the instruction",
    "OutOfFuel": "the run did not end at an exit",
    "UnknownWord": "nothing is known of what the block holds at {0}",
    "NoPlatform": "page tables are read or changed, but the processor is not described; write"
    " behind space: platform",
    "NotWhole": "a step of the proof takes the whole of what is owned in part",
    "NotAnswering": "the entry at {0} does not answer for the page; write:"
    " {0} |->e ... answers ...",
    "Owes": "the entry at {0} owes a flush: the page cannot be claimed before",
    "NotClaimable": "the page is not claimed through the entry at {0}, or may not be; write:"
    " {0} |->e ... claims ...",
    "Needs": "what the callee requires is not there",
    "NotAtEntry": "the contract is about a function at another address",
    "CalleeCode": "the callee's code is not part of the fragment's",
    "OutOfScope": "a name would be taken for another one",
    "TReg": "the postcondition wants {0}, which the final state does not own",
    "TItem": "item {0} of the postcondition is not in the final state",
}


def explain(term: str, words: Sequence[str]) -> str:
    """The reason ``term`` in a sentence; as it stands where it is no such term.

    ``words`` has the names of the variables, from 1 on.
    """
    parsed = _parse(term)
    head, *arguments = [parsed] if isinstance(parsed, str) else parsed or [""]
    if not isinstance(head, str) or head not in _REASONS:
        return term
    try:
        return _REASONS[head].format(*(_show(one, words) for one in arguments))
    except IndexError:
        return term


def _parse(text: str) -> Term:
    """Nested lists of words; a list of one is what it holds."""
    stack: list[list[Term]] = [[]]
    for word in _TOKEN.findall(text):
        if word == "(":
            stack.append([])
        elif word == ")" and len(stack) > 1:
            done = stack.pop()
            stack[-1].append(done[0] if len(done) == 1 else done)
        elif not word.startswith("%"):
            stack[-1].append(word)
    top = stack[0]
    return top[0] if len(top) == 1 else top


def _show(term: Term, words: Sequence[str], inner: bool = False) -> str:
    match term:
        case ["EVar", str(number)] if number.isdigit():
            known = 0 < int(number) <= len(words)
            return words[int(number) - 1] if known else f"t{number}"
        case ["ECst", str(number)]:
            return _number(number)
        case ["EAdd", base, str(number)]:
            sign = "-" if number.startswith("-") else "+"
            text = f"{_show(base, words, True)} {sign} {_number(number.removeprefix('-'))}"
        case ["EOp", str(op), left, right] if op in _OPERATORS:
            text = f"{_show(left, words, True)} {_OPERATORS[op]} {_show(right, words, True)}"
        case str():
            return str(int(term) + 1) if term.isdigit() else term.lower()
        case _:
            return "(" + " ".join(_show(one, words) for one in term) + ")"
    return f"({text})" if inner else text


def _number(text: str) -> str:
    return hex(int(text)) if text.isdigit() and int(text) > 4096 else text
