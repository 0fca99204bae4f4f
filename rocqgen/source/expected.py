# SPDX-License-Identifier: Apache-2.0
"""Says in words what the parser would have accepted."""

from __future__ import annotations

_TOKENS = {
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "COMMA": "`,`",
    "COLON": "`:`",
    "SLASH": "`/`",
    "_SEP": "`*` and another assertion",
    "NUMBER": "a number",
    "NAME": "a name",
    "IN": "`in ROOT`",
    "LEVEL": "`level 4k`",
    "FROM": "`from`",
    "FOR": "`for PAGES`",
    "VIA": "`via PAGE`",
    "THROUGH": "`through ENTRIES`",
    "ANSWERS": "`answers PAGES`",
    "CLAIMS": "`claims PAGES`",
    "OWES": "`owes PAGES`",
    "AT": "`at ADDRESS`",
    "EXPECT": "`expect failed`",
    "FIRST": "`first STEP`",
    "THEN": "`then STEP`",
    "READS": "`reads ENTRIES`",
    "MAPPED": "`mapped by DISTANCE in ROOT`",
    "BY": "`by DISTANCE`",
    "_CLAIM": "a step: `claim`, `unclaim`, `open`, `answer`, `cell`, `pay`, `drop`, `split`, "
    "`join`, `word`, `block`, `forget`, `unfold`, `fold` or `map code`",
    "SPEC": "`spec`",
    "ASSUME": "`assume NAME`",
    "INVARIANT": "`invariant`",
    "PLATFORM": "`platform`",
    "LA57": "`la57`",
    "MAXPHYADDR": "`maxphyaddr N`",
    "FORALL": "`forall NAMES : SORT`",
    "SPACE": "`space ROOT`",
    "REQUIRES": "`requires ASSERTION`",
    "EXIT": "`exit ADDRESS`",
    "EXISTS": "`exists NAMES : SORT`",
    "ENSURES": "`ensures ASSERTION`",
    "HOLDS": "`holds ASSERTION`",
    "$END": "the end of the annotation",
}
_ARROWS = {"REG", "VIRT", "VIRT_RO", "PHYS", "ENTRY", "CLAIM", "CLAIM_RO", "ARROW"}
_RELATIONS = {"EQ", "NE", "LT", "LE", "GT", "GE"}
_OPERATORS = {"PLUS", "MINUS", "AMP", "PIPE", "CARET", "SHL", "SHR"}
_EXPRESSION = {"NAME", "NUMBER", "MINUS", "PERCENT", "LPAR"}

_ASSERTION = (
    "an assertion, such as `rdi |->r x`, `p + 8 |->v x`, `pa |->p x`, `va ~> pa`, `x != y`, "
    "`[r] { ... }`, `code` or `emp`"
)
ARROWS = (
    "`|->r` for a register, `|->v` or read-only `|->vr` for a virtual address, "
    "`|->p` for a physical one, `|->e` for an entry of a page table"
)
"""The arrows that there are."""

_OWN_BLOCK = "a block of its own in front of a label of the code"
_WRITE_INSTEAD = {
    "size": "level 2m",
    "and": "`,` between pages, `*` between assertions",
    "via": "at ADDRESS via PAGE",
    "invariant": _OWN_BLOCK,
    "assume": "a block of its own above the spec",
    "platform": "`platform` behind `space ROOT` of a spec",
    "la57": "platform la57 maxphyaddr N",
    "True": "emp",
    "&&": "`*` between facts",
    ".": "a clause has no full stop at its end",
    ";": "separate assertions by `*`",
    ",": "separate assertions by `*`",
    "/": "fractions go in braces behind the arrow: `p |->v{1/2} x`",
    "$": "numbers without `$`",
    "\\": "`*` between assertions",
    ":=": "`=`",
    "~": "`x ^ -1` for the complement of x, `va ~> pa` for a claim",
    "!": "`x != y`",
}


_STARTS = {
    "spec": "a spec block",
    "assume": "the contract of a function pointer: `assume NAME ...`",
    "invariant": "`invariant` and what holds there",
    "marks": "`at ADDRESS`, `expect failed`, `first STEP` or `then STEP`",
}


def describe(accepted: set[str], start: str) -> str | None:
    """What could stand there, given the names of the tokens that the parser accepts."""
    left = set(accepted)
    words = []
    if {"EMP", "CODE"} <= left:
        words.append(_ASSERTION)
        left -= _EXPRESSION | {"EMP", "CODE", "LSQB", "PAGE", "WALK"}
    elif left >= _EXPRESSION:
        words.append("an expression (a name, a number, or one in parentheses)")
        left -= _EXPRESSION
    if left & _ARROWS == {"CLAIM", "CLAIM_RO"}:
        words.append("the arrow of a claim (`~>`, `~>r`)")
        left -= _ARROWS
    if left & _ARROWS:
        words.append("an arrow (`|->r`, `|->v`, `|->vr`, `|->p`, `|->e`, `~>`, `~>r`)")
        words.append("a relation (`=`, `!=`, `<`, `<=`, `>`, `>=`)")
        left -= _ARROWS | _RELATIONS
    left.discard("LSQB")  # a block or an element: rarely what is missing
    if left & _OPERATORS:
        words.append("an operator (`+`, `-`, `&`, `|`, `^`, `<<`, `>>`)")
        left -= _OPERATORS
    words += [_TOKENS[name] for name in _TOKENS if name in left]
    if not words:
        return _STARTS.get(start)
    return ", or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


# What was written, a token that could have stood there, and what to write instead.
_SLIPS: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset("*∗"), "EQ", "there is no multiplication: `x << 3` for 8 * x"),
    (frozenset("="), "NAME", "one `=`"),
    (
        frozenset("|>"),
        "NAME",
        "facts are words and a relation; several exits may have one address, for `or`",
    ),
    (frozenset("."), "RSQB", "a[n], with the number of words alone"),
    (frozenset("["), "NAME", "names without brackets, and `none` for no pages"),
    (frozenset({"in"}), "CLAIM", "`,` between pages, and `page va ~> pa` for a claim"),
    (frozenset({"requires", "ensures"}), "HOLDS", "holds ASSERTION"),
    (
        frozenset({"forall"}),
        "HOLDS",
        "exists NAMES : SORT; the names behind the spec's `forall` are known here, too",
    ),
    (frozenset({"exists"}), "EMP", "`exists x : word` in front of `ensures` or `holds`"),
)


def hint_for(shown: str, accepted: set[str]) -> str | None:
    """What to write instead of `shown`, for the slips that other languages teach."""
    for written, token, instead in _SLIPS:
        if shown in written and token in accepted:
            return instead
    if shown == "spec":
        return "a block has one spec: leave a line without `#@` between two"
    if "SPEC" in accepted:
        return "spec ... in front of the entry label; marks at the end of an instruction's line"
    return _WRITE_INSTEAD.get(shown)
