# SPDX-License-Identifier: Apache-2.0
"""Invariants, contracts, entries of page tables, blocks and steps of the proof in whole files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.source import annotations
from rocqgen.source.features import Feature, features
from rocqgen.source.fragment import load_fragments
from rocqgen.source.print import print_ghost, print_hints, print_item
from rocqgen.source.spec import (
    AnyWords,
    Block,
    Claim,
    ClaimPage,
    Elements,
    Entry,
    Everywhere,
    Fill,
    Fragment,
    Level,
    Page,
    Platform,
    Select,
    VirtPt,
    Walk,
)

GOLDEN = Path(__file__).with_name("language.golden")

GOOD = """\
# Gives a zeroed frame.
#@ assume alloc
#@   forall k : root, s back : word
#@   space k
#@   requires rsp |->r s * s |->v back * rax |->r _
#@   exit back exists f : word
#@   ensures rsp |->r s + 8 * s |->v back * rax |->r f * f[512] |->p 0

# Adds the words of an array.
#@ spec
#@   forall r : root, a n s ra alloc pa e : word, A : array, q : fraction
#@   space r
#@   platform maxphyaddr 46
#@   requires
#@       rdi |->r a * rsi |->r n * rax |->r _ * rsp |->r s * s |->v ra * code{q}
#@     * a[n] |->v{1/2} A from 1 * n != 0
#@     * page e ~>r pa * pa |->e A[n] claims none owes e in r level 2M, a in r
#@   exit ra
#@   ensures rdi |->r _ * rsi |->r 0 * rax |->r _ * rsp |->r s + 8 * code{q} * a[n] |->v{1/2} _
total:
    xorl %eax, %eax
#@ invariant
#@   exists i t : word
#@   holds rdi |->r a + (i << 3) * rsi |->r n - i * rax |->r t * a[n] |->v{1/2} A from 1
#@     * rsp |->r s * s |->v ra * code{q} * i < n
.Lagain:
    addq (%rdi), %rax       #@ at a[i]
    addq $8, %rdi
    decq %rsi               #@ first drop e then claim e in r through pa
    jnz .Lagain
    movq (%rdx), %rdx       #@ at pa via e
    call helper
    ret
#@ spec
#@   forall k : root, s back : word
#@   space k
#@   requires rsp |->r s * s |->v back * code
#@   exit back ensures rsp |->r s + 8 * s |->v back * code
helper:
    ret
"""


NO_CALL = ("call helper", "nop")
"""Behind a call, more is known than what the annotation names."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that messages name the file alone."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str) -> tuple[Fragment, ...]:
    Path("f.s").write_text(text)
    return load_fragments("f.s")


def edited(*edits: tuple[str, str]) -> str:
    text = GOOD
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.usefixtures("folder")
def test_an_invariant_belongs_to_the_label_below_it() -> None:
    total, _ = load(GOOD)
    (loop,) = total.spec.invariants
    assert (loop.offset, loop.label) == (2, ".Lagain")
    assert [name.ident for name in loop.exists] == ["i", "t"]
    assert loop.space == total.spec.space
    assert len(loop.holds) == 8


@pytest.mark.usefixtures("folder")
def test_what_page_tables_say() -> None:
    total, _ = load(GOOD)
    spec = total.spec
    page, entry = spec.pre[-2:]
    assert isinstance(page, Claim)
    assert (page.page, page.writable) == (True, False)
    assert isinstance(entry, Entry)
    assert isinstance(entry.value, Select)
    assert [type(one) for one in entry.answers] == [Everywhere]
    assert entry.claims == ()
    assert [one.level for one in entry.owes if isinstance(one, Page)] == [Level.M2, Level.K4]
    assert spec.platform is not None
    assert (spec.platform.la57, spec.platform.maxphyaddr) == (False, 46)


@pytest.mark.usefixtures("folder")
def test_a_platform_is_there_where_entries_are() -> None:
    total, helper = load(edited(("#@   platform maxphyaddr 46\n", "")))
    assert total.spec.platform == Platform(False, 52, total.spec.location)
    assert helper.spec.platform is None
    total, _ = load(edited(("maxphyaddr 46", "la57")))
    assert total.spec.platform is not None
    assert (total.spec.platform.la57, total.spec.platform.maxphyaddr) == (True, 52)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("a[n] |->v _", AnyWords),
        ("a[n] |->v 0", Fill),
        ("a[n] |->vr A", Elements),
        ("(a + 8)[n - 1] |->p A from n + 1", Elements),
    ],
)
@pytest.mark.usefixtures("folder")
def test_contents_of_blocks(written: str, kind: type) -> None:
    total, _ = load(edited(("a[n] |->v{1/2} A from 1 * n", f"{written} * n")))
    block = total.spec.pre[6]
    assert isinstance(block, Block)
    assert isinstance(block.content, kind)
    assert print_item(block) == written


@pytest.mark.usefixtures("folder")
def test_an_element_may_be_an_address() -> None:
    total, _ = load(edited(("a[n] |->v{1/2} A from 1 * n", "A[n] |->v 1 * n")))
    word = total.spec.pre[6]
    assert isinstance(word, VirtPt)
    assert isinstance(word.addr, Select)


@pytest.mark.usefixtures("folder")
def test_walks() -> None:
    total, _ = load(edited(("n != 0\n", "walk a + 8 in r level 4 from r\n")))
    walk = total.spec.pre[7]
    assert isinstance(walk, Walk)
    said = "walk a + 8 in r level 4 from r reads u2, u3, u4, u5"
    assert (walk.depth, print_item(walk)) == (4, said)
    said = "walk a in r level 2 from e & -4096 reads n, pa | 1 mapped by s + 8 in r"
    total, _ = load(edited(("n != 0\n", f"{said}\n")))
    assert print_item(total.spec.pre[7]) == said


@pytest.mark.usefixtures("folder")
def test_words_of_the_language_are_names_where_they_can_be() -> None:
    names = "page walk all none level answers claims owes holds platform via through open cell "
    names += "reads mapped unfold fold map"
    text = edited(
        ("a n s ra", f"{names} a n s ra"),
        ("n != 0\n", "page |->v walk * level = all * none |->v{1/2} via\n"),
    )
    total, _ = load(text)
    assert [print_item(item) for item in total.spec.pre[7:10]] == [
        "page |->v walk",
        "level = all",
        "none |->v{1/2} via",
    ]


@pytest.mark.usefixtures("folder")
def test_marks() -> None:
    total, _ = load(GOOD)
    block, entry = total.spec.hints
    assert (block.offset, print_hints((block,))) == (2, "at a[i]")
    assert isinstance(entry.via, type(entry.address))
    assert print_hints((entry,)) == "at pa via e"
    first, then = total.spec.ghosts
    assert (first.offset, first.after, print_ghost(first)) == (9, False, "first drop e")
    assert (then.offset, then.after) == (9, True)
    assert isinstance(then.action, ClaimPage)
    assert print_ghost(then) == "then claim e in r through pa"


@pytest.mark.parametrize(
    "edits",
    [
        [("at a[i]", "at a + 8")],
        [NO_CALL, ("first drop e", "first split a at i"), ("at a[i]", "at (a + (i << 3))[0]")],
        [NO_CALL, ("at pa via e", "at pa via e + 4096"), ("claim e in", "claim e + 4096 in")],
    ],
)
@pytest.mark.usefixtures("folder")
def test_calls_and_steps_bring_what_marks_may_name(edits: list[tuple[str, str]]) -> None:
    total, _ = load(edited(*edits))
    assert len(total.spec.hints) == 2


@pytest.mark.usefixtures("folder")
def test_a_contract_is_there_for_who_has_its_pointer() -> None:
    total, helper = load(GOOD)
    (alloc,) = total.assumes
    assert (alloc.name, alloc.doc, len(alloc.exits)) == ("alloc", "Gives a zeroed frame.", 1)
    assert [name.ident for name in alloc.params] == ["k", "s", "back", "u1"]
    assert helper.assumes == ()


CALLS = """\
#@ spec forall r : root space r requires code exit done ensures emp
even:
    jz one
    call odd
done:
    nop
#@ spec forall r : root space r requires code exit out ensures emp
odd:
    call even
    jmp odd
out:
    nop
#@ spec forall r : root, x : word space r requires code exit x ensures emp
one:
    call one
    call two
#@ spec forall r : root, x : word space r requires code exit x ensures emp
two:
    jmp inside
inside:
    nop
"""


@pytest.mark.usefixtures("folder")
def test_callees_are_closed_under_calls() -> None:
    fragments = load(CALLS)
    starts = dict(zip(("even", "odd", "one", "two"), (0, 8, 16, 26), strict=True))
    found = {one.name: [callee.fragment.name for callee in one.callees] for one in fragments}
    assert found == {
        "even": ["two", "one", "even", "odd"],
        "odd": ["two", "one", "odd", "even"],
        "one": ["one", "two"],
        "two": [],
    }
    for one in fragments:
        for callee in one.callees:
            name = callee.fragment.name
            assert callee.distance == starts[name] - starts[one.name]
            assert callee.fragment.callees == ()
            assert callee.fragment.instrs[0].offset == 0


@pytest.mark.usefixtures("folder")
def test_features_are_told_with_their_places() -> None:
    total, helper = load(GOOD)
    assert list(features(helper)) == []
    found = list(features(total))
    assert {feature for feature, _ in found} == {
        Feature.INVARIANT,
        Feature.ASSUME,
        Feature.CALLS,
        Feature.PLATFORM,
        Feature.ENTRY,
        Feature.PAGE,
        Feature.BLOCK,
        Feature.ARRAY,
        Feature.VIA,
        Feature.INDEX,
        Feature.GHOST,
    }
    lines = {feature: place.line for feature, place in reversed(found)}
    assert (lines[Feature.INVARIANT], lines[Feature.ASSUME], lines[Feature.ENTRY]) == (22, 2, 17)


BAD = {
    "invariant without holds": edited(("#@   holds rdi", "#@   rdi")),
    "invariant with requires": edited(("#@   holds rdi", "#@   requires rdi")),
    "invariant with nothing": edited(("#@ invariant\n", "#@ invariant holds\n"), ("holds rdi", "")),
    "invariant with forall": edited(("exists i t", "forall i t")),
    "invariant with a number": edited((".Lagain:", "1:")),
    "invariant as a mark": edited(("at a[i]", "invariant holds code")),
    "invariant among exits": edited(("#@   exit ra\n", "#@   invariant holds emp\n#@   exit ra\n")),
    "loop": edited(("#@ invariant", "#@ loop invariant")),
    "misspelt": edited(("#@ assume", "#@ assumes")),
    "empty block": edited(("#@ invariant", "#@\n#@ invariant")),
    "range": edited(("a[n] |->v{1/2} A from 1 ", "a[0..n] |->v A ")),
    "page with content": edited(("page e ~>r pa", "page e |->v pa")),
    "pages with a star": edited(("level 2M, a in r", "level 2M * a in r")),
    "list in brackets": edited(("claims none", "claims [e in r]")),
    "arrow of a list": edited(("pa |->e A[n]", "pa |->er A[n]")),
    "or": edited(("n != 0", "n != 0 || n = 1")),
    "invariant without a label": edited((".Lagain:\n", ""), ("jnz .Lagain", "nop")),
    "invariant before the code": "#@ invariant holds emp\nearly:\n nop\n" + GOOD,
    "invariant alone": "#@ invariant holds emp\nearly:\n nop\n",
    "two invariants": edited((".Lagain:", "again:\n#@ invariant holds code{q}\n.Lagain:")),
    "invariant binds a parameter": edited(("exists i t", "exists n t")),
    "invariant binds a fraction": edited((" i t : word", " i t : word, k : fraction")),
    "invariant binds an array": edited((" i t : word", " i t : word, B : array")),
    "invariant without code": edited(("ra * code{q} * i < n", "ra * i < n")),
    "invariant owns twice": edited(("* i < n", "* s |->v{1/2} ra")),
    "assume without a name": edited(("assume alloc", "assume")),
    "assume with code": edited(("rax |->r _\n", "rax |->r _ * [k] { code }\n")),
    "assume of nobody": edited(("assume alloc", "assume aloc")),
    "assume below": GOOD
    + "\n#@ assume pa forall k : root space k requires emp exit k ensures emp\n",
    "assume twice": "#@ assume alloc forall k : root space k requires emp exit k ensures emp\n"
    + GOOD,
    "assume binds itself": edited(("k : root, s", "k : root, alloc s")),
    "assume with platform": edited(("#@   space k", "#@   space k platform")),
    "platform too wide": edited(("maxphyaddr 46", "maxphyaddr 64")),
    "platform in hexadecimal": edited(("maxphyaddr 46", "maxphyaddr 0x2e")),
    "platform before space": edited(("#@   space r\n", ""), ("46\n", "46\n#@   space r\n")),
    "unknown platform": edited(("maxphyaddr 46", "la48")),
    "page without a space": edited(("owes e in r level 2M", "owes e")),
    "none among pages": edited(("owes e in r level 2M", "owes none")),
    "page of a wrong size": edited(("level 2M", "level 2")),
    "page in a word": edited(("owes e in r", "owes e in a")),
    "two lists": edited(("claims none owes", "owes none owes")),
    "entry in a space": edited(("pa |->e A[n] claims none", "[r] { pa |->e A[n] } * e |->e 1")),
    "walk in a space": edited(("n != 0", "[r] { walk a in r level 4 from r }")),
    "walk of a wrong level": edited(("n != 0", "walk a in r level 6 from r")),
    "walk without a table": edited(("n != 0", "walk a in r level 4")),
    "walk of five levels": edited(("n != 0", "walk a in r level 5 from r")),
    "walk with more entries": edited(("n != 0", "walk a in r level 2 from r reads n, 0, 1")),
    "walk without entries": edited(("n != 0", "walk a in r level 4 from r reads")),
    "walk mapped nowhere": edited(("n != 0", "walk a in r level 1 from r mapped by n")),
    "walk mapped in a word": edited(("n != 0", "walk a in r level 1 from r mapped by n in a")),
    "walk twice": edited(
        ("n != 0", "walk a in r level 2 from s * walk a in r level 2 from s reads n")
    ),
    "walk and its entry": edited(
        (
            "n != 0",
            "walk a in r level 1 from s * (s & 0xffffffffff000) + ((a >> 12 & 511) << 3) |->e n",
        )
    ),
    "walk and the page of its table": edited(
        (
            "n != 0",
            "walk a in r level 1 from s mapped by 64 in r * page (s & 0xffffffffff000) + 64 ~> n",
        )
    ),
    "step of a walk with a page": edited(("first drop e", "first unfold e in r")),
    "array as a word": edited(("n != 0", "n != A")),
    "array as a number": edited(("rsi |->r n", "rsi |->r A + 1")),
    "array at a word": edited(("n != 0", "e |->v A")),
    "word as an array": edited(("A[n]", "a[n]")),
    "unknown array": edited(("A[n]", "B[n]")),
    "from a word": edited(("A from 1", "n from 1")),
    "from for a word": edited(("a[n] |->v{1/2} A from 1 ", "a |->v{1/2} A from 1 ")),
    "block of a number": edited(("a[n] |->v{1/2} A", "a[8 |->v{1/2} A")),
    "block overlaps": edited(("n != 0", "s[4] |->v 0")),
    "physical block overlaps": edited(("n != 0", "(pa - 16)[4] |->p{1/2} 0")),
    "two pages": edited(("n != 0", "page e ~> pa")),
    "word of a claimed page": edited(("n != 0", "e + 4088 ~>{1/2} pa")),
    "mark with an unknown name": edited(("at a[i]", "at a[j]"), NO_CALL),
    "mark of a word of the block": edited(("at a[i]", "at a + 8"), NO_CALL),
    "mark at a physical address": edited(("at pa via e", "at pa"), NO_CALL),
    "mark via nothing": edited(("at pa via e", "at pa via a + 8"), NO_CALL),
    "mark at nothing": edited(("at pa via e", "at s via e"), NO_CALL),
    "mark at a page that no step claims": edited(("at pa via e", "at pa via a + 8"), NO_CALL),
    "unknown step": edited(("first drop", "first lose")),
    "step without a space": edited(("claim e in r", "claim e")),
    "step in a word": edited(("claim e in r", "claim e in a")),
    "step behind": edited(("then claim", "after claim")),
}


def _answer(text: str) -> str:
    with pytest.raises(UserError) as caught:
        load(text)
    return caught.value.render()


@pytest.mark.usefixtures("folder")
def test_bad_input_is_answered_as_it_was_agreed() -> None:
    """Regenerate with UPDATE_GOLDEN=1, and read the difference."""
    answers = "\n\n".join(f"== {name}\n{_answer(text)}" for name, text in BAD.items()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(answers, encoding="utf-8")
    assert answers == GOLDEN.read_text(encoding="utf-8")


DOCS = Path(__file__).parents[3] / "docs" / "annotations.md"


@pytest.mark.usefixtures("folder")
def test_the_documented_examples_load() -> None:
    blocks = DOCS.read_text(encoding="utf-8").split("```asm\n")[1:]
    whole = [text.split("```")[0] for text in blocks if "#@ spec" in text.split("```")[0]]
    fragments = {one.name: one for text in whole for one in load(text)}
    assert list(fragments) == ["save", "total", "get", "clear", "second"]
    assert [one.label for one in fragments["total"].spec.invariants] == [".Lagain"]
    assert [(one.name, len(one.exits)) for one in fragments["get"].assumes] == [("alloc", 2)]
    assert fragments["clear"].spec.platform is not None


def test_the_documented_grammar_has_the_words_of_the_language() -> None:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    documented = DOCS.read_text(encoding="utf-8").split("```ebnf\n")[1].split("```")[0]
    words = set(re.findall(r'"([a-z][a-z0-9]*)"', grammar)) | {"page", "walk"}
    # Sorts, sizes, `all`, `none` and `failed` are names to the parser.
    names = {
        "word",
        "root",
        "fraction",
        "array",
        "all",
        "none",
        "failed",
        "4k",
        "2m",
        "1g",
        "512g",
        "256t",
    }
    assert set(re.findall(r'"([a-z0-9]+)"', documented)) == words | names


GRAMMAR = Path(annotations.__file__).with_name("grammar.lark")
