# SPDX-License-Identifier: Apache-2.0
"""Generated theories of memory models: they compile, and walk as the evaluator in Python does.

A vector is one access with just the entries of its walk, each chosen among what the model's entries
of that level can be: tables, leaves, and every reason to end a walk.
"""

from __future__ import annotations

import random
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rocqgen.emit.conditions import string
from rocqgen.emit.model import emit_model
from rocqgen.mmu import Faulted, Unbacked, walk
from rocqgen.mmu.entries import LEAF, RIGHTS_MASK, STATE, TABLE, lookups
from rocqgen.models import (
    Access,
    PagingModel,
    Privilege,
    load_model,
    read_spec,
    resolve,
    shipped_models,
)
from rocqgen.models.vocabulary import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit import Theory
    from rocqgen.mmu.entries import Lookup
    from rocqgen.models import Rules
    from rocqgen.rocq.library import Library
    from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq

HERE = Path(__file__).parent
SV32 = HERE.parents[1] / "examples/models/riscv-sv32.toml"
COUNT = 1000
CLOSED = "Closed under the global context"


UNBACKED = "unbacked"


class Words:
    """Physical memory that has these words and nothing else."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.words: dict[int, int] = {}

    def read(self, address: int, size: int) -> bytes | None:
        """One of the words, whole."""
        value = self.words.get(address)
        return None if value is None else value.to_bytes(size, "little")


@dataclass(frozen=True)
class Vector:
    """One access; ``outcome`` names what came of it, ``numbers`` are what replay.v reads."""

    outcome: str
    numbers: tuple[int, ...]
    shown: str


def make_vectors(model: PagingModel, count: int, seed: int) -> list[Vector]:
    """``count`` vectors, the same for the same seed."""
    rng = random.Random(seed)
    rules = _settings(model, rng)
    return [_vector(rng, rng.choice(rules)) for _ in range(count)]


def _settings(model: PagingModel, rng: random.Random) -> list[Rules]:
    """The model under its defaults, and under random controls and widths of addresses."""
    found = [resolve(model)]
    for _ in range(11):
        controls = {name: rng.random() < 0.5 for name in model.controls}
        width = rng.choice([model.address.physical, rng.randint(34, model.address.physical)])
        found.append(resolve(model, controls, width))
    return found


def _vector(rng: random.Random, rules: Rules) -> Vector:
    model, width = rules.model, rules.entry_bytes
    memory = Words(width)
    va = _address(rng, rules)
    root = _root(rng, rules)
    depth = rng.choice(
        [level.number for level in rules.levels if level.holds_leaves or rng.random() < 0.2]
    )
    table = model.root.address.get(root)
    for lookup in lookups(rules):
        level = lookup.level
        at = table + (va >> level.shift & level.index_mask) * width
        if rng.random() < 0.02:
            break
        if at not in memory.words:
            wanted = TABLE if level.number < depth else rng.choice([LEAF] * 5 + [None])
            memory.words[at] = _entry(rng, rules, lookup, wanted)
        table = rules.address.get(memory.words[at])
    access = rng.choice(list(Access))
    privilege = rng.choice(list(Privilege))
    found = walk(rules, memory, root, va, access=access, privilege=privilege)
    if isinstance(found, Unbacked):
        outcome, pa, more = UNBACKED, 0, 10
    elif isinstance(found, Faulted):
        outcome, pa, more = found.reason.value, 0, 1 + REASONS.index(found.reason)
    else:
        outcome, pa = f"leaf {found.level}", found.pa
        more = (found.size.bit_length() - 1) << 8 | found.rights
    numbers = (
        sum(on << i for i, on in enumerate(rules.controls.values())),
        rules.max_physical,
        int(privilege),
        int(access),
        root,
        va,
        pa,
        more,
        *(part for word in memory.words.items() for part in word),
    )
    shown = (
        f"{outcome}: {privilege.word} {access.word} {va:#x}, root {root:#x}, "
        f"{ {f'{a:#x}': f'{w:#x}' for a, w in memory.words.items()} }, {dict(rules.controls)}"
    )
    return Vector(outcome, numbers, shown)


def _address(rng: random.Random, rules: Rules) -> int:
    """A canonical address mostly, of either half."""
    widths = rules.model.address
    va = rng.getrandbits(widths.virtual)
    upper = ((1 << widths.pointer) - (1 << widths.virtual)) & ((1 << widths.pointer) - 1)
    negative = widths.canonical == "sign-extended" and va >> (widths.virtual - 1)
    if negative or widths.canonical == "ones":
        va |= upper
    if upper and rng.random() < 0.05:
        va ^= 1 << rng.randrange(widths.virtual - 1, widths.pointer)
    return va


def _root(rng: random.Random, rules: Rules) -> int:
    field = rules.model.root.address
    low = field.low + rng.choice([0, 7])
    root = rules.root_value(rng.getrandbits(rules.max_physical) >> low << low)
    if rng.random() < 0.1:
        root ^= 1 << rng.randrange(64)
    return root


def _entry(rng: random.Random, rules: Rules, lookup: Lookup, wanted: int | None) -> int:
    """An entry of the wanted state; of any reason to end the walk if None is wanted."""
    assert lookup.table is not None
    states = lookup.table >> STATE
    there = [int(state) for state in np.unique(states)]
    if wanted not in there:
        wanted = rng.choice([state for state in there if state not in {LEAF, TABLE}] or there)
    # Of two, the one that grants more: a right has to survive all levels to matter.
    picked = rng.choices(np.flatnonzero(states == wanted).tolist(), k=2)
    entry = lookup.word(max(picked, key=lambda at: int(lookup.table[at] & RIGHTS_MASK).bit_count()))
    # Bits at which no rule looks, and the address; what is reserved in ranges mostly stays clear.
    free = ~sum(mask << shift for shift, mask, _ in lookup.runs)
    free &= (1 << 8 * rules.entry_bytes) - 1
    width = rules.max_physical if rng.random() < 0.95 else 64
    field = rules.address.bits.mask
    fill = rng.getrandbits(64) & ~field | rules.address.put(rng.getrandbits(width))
    reserved = lookup.leaf_mask if wanted == LEAF else lookup.table_mask
    entry |= fill & free & ~reserved
    if reserved and rng.random() < 0.1:
        entry |= 1 << rng.choice([bit for bit in range(64) if reserved >> bit & 1])
    return entry


def theory_of(source: str | Path, *changes: tuple[str, str]) -> Theory:
    """The theory of a model, with changes to the text of its spec."""
    file, text = read_spec(source)
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    # The schema alone: what does not fit together must be found by Rocq, too.
    model = PagingModel.model_validate(tomllib.loads(text))
    return emit_model(model, source=file, text=text)


def replay(theory: Theory, model: PagingModel, vectors: Sequence[Vector]) -> str:
    """The theory, and behind it the vectors, replayed by the translation that it defines."""
    rows = ";\n".join('"' + "".join(f"{n:016x}" for n in one.numbers) + '"' for one in vectors)
    names = "; ".join(map(string, model.controls))
    return "\n".join(
        [
            theory.text,
            (HERE / "models/replay.v").read_text(encoding="utf-8"),
            f"Definition vectors : list PrimString.string := [\n{rows}]%pstring.",
            f"Definition translate := disagreements {theory.name}_translate [{names}]%string.",
            f"Eval vm_compute in (length vectors, translate {model.entry.bytes} vectors).",
            f"Print Assumptions {theory.theorem}.",
            "",
        ]
    )


def coqc(
    toolchain: Toolchain, library: Library, folder: Path, name: str, text: str
) -> subprocess.CompletedProcess[str]:
    """Compile a theory that other theories in ``folder`` may be part of."""
    (folder / f"{name}.v").write_text(text, encoding="utf-8")
    command = [str(toolchain.coqc), "-q", "-noglob", "-w", "none", *library.coqc_options]
    return subprocess.run(
        [*command, "-Q", str(folder), "models", str(folder / f"{name}.v")],
        env=toolchain.environ(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def disagreements(out: str, vectors: Sequence[Vector]) -> list[str]:
    """The vectors on which the theory says something else than the evaluator."""
    found = re.search(r"\((\d+)%nat,\s*\[([^]]*)\](?:%nat)?\)", out)
    assert found is not None, out
    assert int(found[1]) == len(vectors)
    return [vectors[int(one)].shown for one in re.findall(r"\d+", found[2])]


RISCV = "root noncanonical absent reserved accessed protection dirty"
FAULTS = {
    "aarch64-4k": "noncanonical absent address-size accessed protection",
    "riscv-sv32": "root absent reserved accessed protection dirty",
    "riscv-sv39": RISCV,
    "riscv-sv48": RISCV,
    "riscv-sv57": RISCV,
    "x86-32-pae": "root absent reserved protection",
    "x86-64-4level": "root noncanonical absent reserved protection",
    "x86-64-5level": "root noncanonical absent reserved protection",
}
"""Which faults there have to be among the vectors of each model, besides leaves of each level."""


@pytest.mark.parametrize("source", [*shipped_models(), SV32], ids=lambda one: Path(one).stem)
def test_the_theory_walks_as_the_evaluator_does(
    toolchain: Toolchain, library: Library, tmp_path: Path, source: str | Path
) -> None:
    model, theory = load_model(source), theory_of(source)
    vectors = make_vectors(model, COUNT, seed=1)
    leaves = {f"leaf {n}" for n, level in enumerate(model.level) if level.holds_leaves}
    assert {one.outcome for one in vectors} == {UNBACKED, *FAULTS[model.name].split(), *leaves}
    done = coqc(toolchain, library, tmp_path, theory.name, replay(theory, model, vectors))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(CLOSED) == 1
    assert disagreements(done.stdout, vectors) == []


@pytest.mark.parametrize(
    "change",
    [
        ('exec = { table = "!XD", leaf = "!XD" }', 'exec = { table = "XD", leaf = "!XD" }'),
        ('fetch = "exec & !(user & smep)"', 'fetch = "exec"'),
    ],
    ids=["polarity", "smep"],
)
def test_a_wrong_field_is_seen(
    toolchain: Toolchain, library: Library, tmp_path: Path, change: tuple[str, str]
) -> None:
    model, theory = load_model("x86-64-4level"), theory_of("x86-64-4level", change)
    vectors = make_vectors(model, 600, seed=1)
    done = coqc(toolchain, library, tmp_path, theory.name, replay(theory, model, vectors))
    assert done.returncode == 0, done.stderr
    assert disagreements(done.stdout, vectors)


def test_parts_that_do_not_fit_are_named(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    theory = theory_of("x86-64-4level", ('index = "29:21"', 'index = "20:12"'))
    done = coqc(toolchain, library, tmp_path, theory.name, theory.text)
    assert done.returncode != 0
    assert 'WrongIndex "PD" 20 29' in " ".join(done.stderr.split())


def compare_by_hand(
    toolchain: Toolchain, library: Library, folder: Path, *changes: tuple[str, str]
) -> subprocess.CompletedProcess[str]:
    """The proof that both x86-64 models are the library's modes, with changes to the first."""
    for theory in (theory_of("x86-64-4level", *changes), theory_of("x86-64-5level")):
        done = coqc(toolchain, library, folder, theory.name, theory.text)
        assert done.returncode == 0, done.stderr
    proof = (HERE / "models/x86_64_agrees.v").read_text(encoding="utf-8")
    return coqc(toolchain, library, folder, "x86_64_agrees", proof)


def test_the_modes_written_by_hand_are_those_generated(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    done = compare_by_hand(toolchain, library, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(CLOSED) == 4


def test_a_reserved_bit_forgotten_in_one_level_is_no_such_mode(
    toolchain: Toolchain, library: Library, tmp_path: Path
) -> None:
    change = ('reserved = ["[20:13]"]', 'reserved = ["[20:14]"]')
    done = compare_by_hand(toolchain, library, tmp_path, change)
    assert done.returncode != 0
    assert 'x86_64_agrees.v", line' in done.stderr
