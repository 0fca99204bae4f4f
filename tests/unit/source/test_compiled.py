# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.source.fragment import load_fragments
from rocqgen.source.machine import Op
from rocqgen.source.object import read_program
from rocqgen.source.places import accesses

C = """\
unsigned long second(unsigned long *table) {
    return table[1];
}
__attribute__((section(".text.apart"))) unsigned long third(unsigned long *table) {
    return table[2];
}
unsigned long also(unsigned long *table) __attribute__((alias("second")));
static unsigned long calls;
unsigned long counted(void) {
    return calls++;
}
void _start(void) {}
"""
HEAD = 'object "code.o"\n'
SPEC = """\
# Reads an entry.
# In two lines.
spec second
  forall r : root, t e sp0 ra : word, q : fraction
  space r
  requires rdi |->r t * rsp |->r sp0 * rax |->r _   # the argument
     * t + 8 |->v e * sp0 |->v ra * code{q}

  exit ra
  ensures rdi |->r t * rsp |->r sp0 + 8 * rax |->r e * t + 8 |->v e * sp0 |->v ra * code{q}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "code.c").write_text(C, encoding="utf-8")
    compile_c(folder, "-c", "-o", "code.o")
    compile_c(folder, "-nostdlib", "-static", "-o", "linked")
    compile_c(folder, "-nostdlib", "-static", "-s", "-o", "stripped")
    return folder


def compile_c(folder: Path, *options: str) -> None:
    command = ["gcc", "-g", "-O2", "-fcf-protection=none", *options, "code.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)


def spec(folder: Path, text: str, name: str = "code.spec") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_function_of_an_object(folder: Path) -> None:
    (fragment,) = load_fragments(spec(folder, HEAD + SPEC))
    assert (fragment.name, fragment.doc) == ("second", "Reads an entry.\nIn two lines.")
    assert [instr.op for instr in fragment.instrs] == [Op.MOV, Op.RET]
    assert fragment.instrs[0].text == "second+0x0: mov 8(%rdi),%rax  (code.c:2)"
    assert fragment.location.line == 4
    assert len(fragment.spec.pre) == 6


def test_elf_file_finds_its_spec(folder: Path) -> None:
    path = spec(folder, HEAD + SPEC)
    assert load_fragments(folder / "code.o") == load_fragments(path)
    with pytest.raises(UserError, match="nothing says what its code is to do") as caught:
        load_fragments(folder / "linked")
    assert caught.value.exit_code is ExitCode.NOTHING_FOUND


def test_linked_file_gives_the_same_code(folder: Path) -> None:
    (one,) = load_fragments(spec(folder, HEAD + SPEC))
    (two,) = load_fragments(spec(folder, HEAD.replace("code.o", "linked") + SPEC, "linked.spec"))
    assert [i.encoding for i in one.instrs] == [i.encoding for i in two.instrs]
    assert [i.text for i in one.instrs] == [i.text for i in two.instrs]


def test_function_in_a_section_of_its_own(folder: Path) -> None:
    text = HEAD + SPEC.replace("second", "third").replace("t + 8", "t + 16")
    (fragment,) = load_fragments(spec(folder, text))
    assert fragment.instrs[0].text == "third+0x0: mov 0x10(%rdi),%rax  (code.c:5)"


def test_marks_by_offset(folder: Path) -> None:
    marks = "+0x0: at t + 8\n+0x4: expect failed\n"
    (fragment,) = load_fragments(spec(folder, HEAD + SPEC + marks))
    assert [hint.offset for hint in fragment.spec.hints] == [0]
    assert fragment.expect is not None
    assert (fragment.expect.offset, fragment.expect.location.line) == (4, 13)
    assert [instr.location.line for instr in fragment.instrs] == [12, 13]


ERRORS = {
    "no object": (SPEC, 1, "names no object"),
    "missing object": ('object "none.o"\n' + SPEC, 1, "cannot read"),
    "second object": (HEAD + HEAD + SPEC, 2, "second `object`"),
    "no function": (HEAD + SPEC.replace("second", "secnod"), 4, "is no function"),
    "two blocks": (HEAD + SPEC + SPEC, 14, "second block"),
    "two names": (HEAD + SPEC + SPEC.replace("second", "also"), 14, "names of one function"),
    "mark first": (HEAD + "+0x0: at t\n" + SPEC, 2, "mark in front"),
    "mark between instructions": (HEAD + SPEC + "+0x1: at t + 8\n", 12, "no instruction begins"),
    "two marks": (HEAD + SPEC + "+0: at t + 8\n+0x0: at t + 8\n", 13, "second mark"),
    "text behind marks": (HEAD + SPEC + "+0: at t + 8\n  ensures emp\n", 13, "unexpected"),
    "syntax in a block": (HEAD + SPEC.replace("space r", "space"), 7, "unexpected `requires`"),
    "no exit": (HEAD + SPEC.split("  exit", maxsplit=1)[0], 8, "no exit"),
    "data of another section": (HEAD + SPEC.replace("second", "counted"), 4, "refers to"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_located(folder: Path, case: str) -> None:
    text, line, message = ERRORS[case]
    with pytest.raises(UserError, match=message) as caught:
        load_fragments(spec(folder, text, "wrong.spec"))
    assert (caught.value.line, caught.value.expected is not None) == (line, True)
    assert caught.value.exit_code is ExitCode.USAGE


def test_no_block_is_nothing_found(folder: Path) -> None:
    with pytest.raises(UserError, match="no function is annotated") as caught:
        load_fragments(spec(folder, HEAD, "empty.spec"))
    assert caught.value.exit_code is ExitCode.NOTHING_FOUND


@pytest.mark.parametrize(
    ("name", "message"),
    [("stripped", "stripped"), ("code.c", "cannot be read"), ("half.o", "cannot be read")],
)
def test_objects_that_are_none(folder: Path, name: str, message: str) -> None:
    (folder / "half.o").write_bytes((folder / "code.o").read_bytes()[:100])
    with pytest.raises(UserError, match=message) as caught:
        load_fragments(spec(folder, f'object "{name}"\n' + SPEC, "wrong.spec"))
    assert caught.value.expected is not None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6), st.data())
def test_broken_objects_are_refused_or_read(
    folder: Path, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    whole = bytearray((folder / "code.o").read_bytes())
    for place, value in changes:
        whole[place % len(whole)] = value
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    with contextlib.suppress(UserError):
        program = read_program(bytes(whole[:end]), "code.o")
        assert all(name in code.symbols for name, code in program.items())


LOOP = """\
unsigned long total(const unsigned long *words, unsigned long n) {
    unsigned long t = 0;
    for (unsigned long i = 0; i < n; i++) t += words[i];
    return t;
}
__attribute__((noinline)) unsigned long pass(unsigned long (*f)(unsigned long), unsigned long x) {
    return f(x) + 1;
}
__attribute__((noinline)) unsigned long twice(unsigned long (*f)(unsigned long), unsigned long x) {
    return pass(f, x) + pass(f, x);
}
"""
PLAIN = """\
spec NAME
  forall r : root, f ra : word
  space r
  requires rdi |->r f * code
  exit ra
  ensures code
"""
LOOPS = """\
object "loop.o"

# The function behind f.
assume f
  forall k : root, back : word
  space k

  requires rax |->r _
  exit back
  ensures rax |->r _

spec total
  forall r : root, a n s ra : word, A : array, q : fraction
  space r
  requires rdi |->r a * rsi |->r n * rsp |->r s * s |->v{q} ra * a[n] |->v{q} A * code{q}
  exit ra
  ensures rdi |->r _ * rsi |->r _ * rsp |->r s + 8
+0xAT: invariant
  exists i t : word

  # so far
  holds rdi |->r _ * rsi |->r n * rsp |->r s * s |->v{q} ra
      * rax |->r t * rdx |->r i * a[n] |->v{q} A * code{q}
+0xAT: at a[i]

"""


@pytest.fixture(scope="module")
def loops(folder: Path) -> Path:
    """The `.spec` file of code with a loop and calls; the access in the loop has its mark."""
    (folder / "loop.c").write_text(LOOP, encoding="utf-8")
    command = ["gcc", "-g", "-O1", "-fcf-protection=none", "-c", "-o", "loop.o", "loop.c"]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    head = 'object "loop.o"\n'
    (bare,) = load_fragments(spec(folder, head + PLAIN.replace("NAME", "total"), "bare.spec"))
    at = next(instr.offset for instr in bare.instrs if accesses(instr))
    text = LOOPS.replace("AT", f"{at:x}")
    text += PLAIN.replace("NAME", "twice") + PLAIN.replace("NAME", "pass")
    return spec(folder, text, "loop.spec")


def test_invariants_by_offset(loops: Path) -> None:
    total = load_fragments(loops)[0]
    (loop,) = total.spec.invariants
    (hint,) = total.spec.hints
    assert loop.label is None
    assert loop.offset == hint.offset > 0
    assert [name.ident for name in loop.exists][:2] == ["i", "t"]
    assert (loop.location.line, len(loop.holds)) == (18, 8)
    assert hint.location.line == 24


def test_contracts_and_calls_in_one_object(loops: Path) -> None:
    total, twice, once = load_fragments(loops)
    assert [one.name for one in (total, twice, once)] == ["total", "twice", "pass"]
    assert total.assumes == ()
    (contract,) = twice.assumes
    assert (contract.name, contract.doc) == ("f", "The function behind f.")
    assert once.assumes == twice.assumes
    assert [callee.fragment.name for callee in twice.callees] == ["pass"]
    assert twice.callees[0].distance < 0
    assert once.callees == ()


WRONG_LOOPS = {
    "invariant first": (('object "loop.o"\n', 'object "loop.o"\n+0: invariant holds emp\n'), 2),
    "inside an instruction": (("+0xAT: invariant", "+0x1: invariant"), 18),
    "invariant of a name": (("invariant\n  exists i t : word", "invariant\n  exists i : wrd"), 19),
    "text behind an invariant": (("+0xAT: at a[i]", "+0xAT: at a[i]\n  * emp"), 25),
    "contract of nobody": (("assume f", "assume g"), 4),
    "contract without an exit": (("  exit back\n  ensures rax |->r _\n", ""), 8),
}


@pytest.mark.parametrize("case", WRONG_LOOPS)
def test_errors_around_invariants_are_located(loops: Path, case: str) -> None:
    (old, new), line = WRONG_LOOPS[case]
    text = loops.read_text(encoding="utf-8")
    at = text.split("invariant")[0].rsplit("+0x", 1)[1].split(":")[0]
    old, new = old.replace("AT", at), new.replace("AT", at)
    assert old in text
    with pytest.raises(UserError) as caught:
        load_fragments(spec(loops.parent, text.replace(old, new, 1), "wrong.spec"))
    assert (caught.value.line, caught.value.expected is not None) == (line, True)
