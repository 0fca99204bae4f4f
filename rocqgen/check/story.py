# SPDX-License-Identifier: Apache-2.0
"""Tells a failed run: the state on entry as far as the run touched it, and each instruction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rocqgen.check.blame import blame
from rocqgen.check.choice import Rights, base_of
from rocqgen.check.ends import Halted, Run, Step, Wrong
from rocqgen.check.machine import Machine
from rocqgen.check.regions import ALL
from rocqgen.check.result import Line, Row, Story, Verdict
from rocqgen.check.subject import Subject
from rocqgen.check.words import ENTRY, MASK, value
from rocqgen.cpu import PageFault
from rocqgen.source.print import print_expr

MAX_LINES = 200
"""A longer trace is cut in front."""


def tell(machine: Machine, run: Run) -> Story:
    """The story of a run that ended halted or wrong."""
    subject, end = machine.subject, run.end
    culprit = blame(subject, run)
    lines = tuple(_lines(run))
    shared = {
        "location": culprit.location,
        "text": culprit.text,
        "settings": _settings(machine),
        "registers": tuple(_registers(machine)),
        "pages": tuple(_pages(machine, run)),
        "memory": tuple(_memory(machine, run)),
        "trace": lines[-MAX_LINES:],
    }
    if isinstance(end, Wrong):
        part, place = end.parts[0], subject.goals[end.exit].called
        return Story(
            Verdict.COUNTEREXAMPLE,
            f"at {place}, {part.part} is false: expected {part.expected}, found {part.found}",
            part=part.part,
            part_location=part.location,
            expected=part.expected,
            found=part.found,
            place=place,
            **shared,  # type: ignore[arg-type]
        )
    if not isinstance(end, Halted):
        raise TypeError("the run did not fail")
    return Story(Verdict.FAULT, end.why, **shared)  # type: ignore[arg-type]


def _settings(machine: Machine) -> str:
    """The mode, and how the TLB behaves where that matters."""
    mode, choice = machine.choice.mode, machine.choice
    bits = {"WP": mode.wp, "SMEP": mode.smep, "SMAP": mode.smap, "NXE": mode.nxe}
    words = [f"{name}={int(on)}" for name, on in bits.items()]
    words.append("5-level paging" if mode.la57 else "4-level paging")
    words += [f"{name} = {fraction}" for name, fraction in choice.fractions.items()]
    if choice.strategy != "walk":
        words.append(f"TLB: {choice.strategy}")
    return ", ".join(words)


def _registers(machine: Machine) -> Iterator[Row]:
    words = machine.choice.words
    root = machine.subject.entry_root
    yield Row("rip", f"{words[ENTRY]:#x}", machine.subject.fragment.name)
    yield Row("cr3", f"{words[root]:#x}", root)
    for one in machine.subject.pre.regs:
        yield Row(one.reg.value, f"{value(one.value, words):#x}", print_expr(one.value))


def _pages(machine: Machine, run: Run) -> Iterator[Row]:
    """The pages that the run touched, and at its end missed, in the spaces it was in."""
    choice, seen = machine.choice, set()
    spaces = _spaces(machine)
    for root, va in (*_touched(run, machine), *_spoken_of(machine)):
        key = (base_of(root), va >> 12)
        if key in seen:
            continue
        seen.add(key)
        what = f"{va >> 12 << 12:#x} in {spaces.get(root, f'{root:#x}')}"
        if key in choice.frames:
            yield Row(what, f"{choice.frames[key] << 12:#x}", _rights(choice.rights[key]))
        else:
            yield Row(what, "not mapped")


def _spaces(machine: Machine) -> dict[int, str]:
    """The names of the roots; one word may have several."""
    names: dict[int, list[str]] = {}
    for name in dict.fromkeys((machine.subject.entry_root, *machine.subject.roots)):
        names.setdefault(machine.choice.words[name], []).append(name)
    return {root: " = ".join(several) for root, several in names.items()}


def _rights(rights: Rights) -> str:
    words = ["rw" if rights.write else "r"]
    words += ["x"] if rights.execute else []
    words += ["user"] if rights.user else []
    return " ".join(words)


def _spoken_of(machine: Machine) -> Iterator[tuple[int, int]]:
    """The pages that owned entries are about."""
    for slot in machine.resident.slots.values():
        for one in (*slot.answers, *slot.claims, *slot.owes):
            if one is not ALL:
                yield one.root, one.number << one.shift


def _touched(run: Run, machine: Machine) -> Iterator[tuple[int, int]]:
    """Addresses with the roots in which they were accessed."""
    for step in run.steps:
        if step.note:
            continue
        yield step.root, step.rip
        yield step.root, (step.rip + step.instr.length - 1) & MASK
        for one in step.accesses:
            yield step.root, one.va
            yield step.root, (one.va + len(one.pas) - 1) & MASK
    if isinstance(run.end, Halted):
        yield run.state.cr3, run.end.rip
        if isinstance(run.end.outcome, PageFault):
            yield run.state.cr3, run.end.outcome.va
    if isinstance(run.end, Wrong):
        words = machine.choice.words
        exit_ = machine.subject.goals[run.end.exit].parts
        for root, cell in exit_.cells:
            if print_expr(cell.addr) in run.end.parts[0].part and root in words:
                try:
                    yield words[root], value(cell.addr, words)
                except KeyError:
                    continue


def _memory(machine: Machine, run: Run) -> Iterator[Row]:
    """The words that the run accessed, as they are on entry."""
    names = _names(machine.subject, machine)
    memory, seen = machine.state.memory, set()
    for step in run.steps:
        for one in step.accesses:
            if one.pas in seen:
                continue
            seen.add(one.pas)
            word = memory.gather(one.pas)
            yield Row(
                f"{one.va:#x} (physical {_places(one.pas)})", f"{word:#x}", names.get(one.va, "")
            )
    for slot in machine.resident.slots.values():
        yield Row(f"entry at {slot.at:#x}", f"{slot.word:#x}", print_expr(slot.item.addr))


def _names(subject: Subject, machine: Machine) -> dict[int, str]:
    """What the precondition calls the addresses of the entry's space and of others."""
    words, pre = machine.choice.words, subject.pre
    named = [claim.item.va for claim in pre.claims] + [cell.item.addr for cell in pre.cells]
    return {value(address, words): print_expr(address) for address in named}


def _places(pas: tuple[int, ...]) -> str:
    """The first byte's address, and that of the first byte behind a seam."""
    text = f"{pas[0]:#x}"
    for before, pa in pairwise(pas):
        if pa != before + 1:
            text += f" and {pa:#x}"
    return text


def _lines(run: Run) -> Iterator[Line]:
    for step in run.steps:
        yield Line(step.instr.location, step.instr.text, tuple(_effects(step)))
    if isinstance(run.end, Halted):
        instr = run.end.instr
        if instr is not None and not run.end.fetching:
            yield Line(instr.location, instr.text, (run.end.why,))
        elif instr is not None:
            yield Line(instr.location, instr.text, (f"is not fetched: {run.end.why}",))


def _effects(step: Step) -> Iterator[str]:
    for one in step.accesses:
        yield f"[{one.va:#x}] {':=' if one.write else 'is'} {one.value:#x}"
    for reg, _, word in step.changed:
        yield f"{reg.value} := {word:#x}"
    if step.note:
        yield step.note
    if step.new_root is not None:
        yield f"cr3 := {step.new_root:#x}"
