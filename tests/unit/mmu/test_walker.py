# SPDX-License-Identifier: Apache-2.0
"""The fast walk where it cannot go the usual way: odd tables, odd memories, odd entries."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.mmu import SparseMemory, Walked, Walker, walk
from rocqgen.models import PagingModel, load_model, parse_model, resolve
from rocqgen.models.load import model_path

SV32 = Path(__file__).parents[3] / "examples" / "models" / "riscv-sv32.toml"


def changed(name: str, *changes: tuple[str, str]) -> PagingModel:
    text = model_path(name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_model(text)


MODELS = {
    "entries of 4 bytes": load_model(SV32),
    "a root table of 16 KiB": changed(
        "riscv-sv39", ("virtual = 39", "virtual = 41"), ('index = "38:30"', 'index = "40:30"')
    ),
    "addresses lower than their field": changed(
        "x86-64-4level",
        ("physical = 52", "physical = 48"),
        ('"51:12", low = 12 }\nbits', '"47:12", low = 12 }\nbits'),
        ('"51:12", low = 12 }\nabove', '"51:16", low = 12 }\nabove'),
    ),
}


class WithoutFrames(SparseMemory):
    """A memory that can only be read."""

    def frame(self, address: int) -> memoryview | None:  # noqa: ARG002 - none at any address
        return None


@pytest.mark.parametrize("kind", [SparseMemory, WithoutFrames])
@pytest.mark.parametrize("what", MODELS)
def test_odd_models_and_memories(what: str, kind: type[SparseMemory]) -> None:
    model = MODELS[what]
    rules = resolve(model)
    rnd = random.Random(3)
    memory = kind()
    usual = 7 if "x86" in model.name else 0xCF
    for _ in range(4000):
        entry = rules.address.put(rnd.randrange(16) << 12)
        entry |= rnd.choice([1, usual, usual, usual ^ (1 << rnd.randrange(8))])
        place = rnd.randrange(16) << 12 | rnd.randrange(4096) & -rules.entry_bytes
        memory.write_word(place, entry, rules.entry_bytes)
    walker = Walker(model, dict.fromkeys(model.controls, False))
    ends = set()
    for _ in range(1500):
        va = rnd.getrandbits(model.address.virtual - 1)
        root = rules.root_value(rnd.randrange(4) << 14)
        traced = walker.explain(memory, root, va)
        fast = walker.translate(memory, root, va)
        if isinstance(traced, Walked):
            assert fast == traced.pa
            ends.add(traced.level)
        else:
            assert type(fast) is type(traced)
            assert fast[:3] == traced[:3]  # type: ignore[index]
            ends.add(-1)
    assert len(ends) > 1


def test_another_memory_is_noticed() -> None:
    model = load_model("x86-64-4level")
    walker = Walker(model)
    for page in (0x7000, 0x8000):
        memory = SparseMemory()
        for address, entry in [(0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x4003)]:
            memory.write_word(address, entry)
        memory.write_word(0x4000, page | 3)
        assert walker.translate(memory, 0x1000, 0x123) == page + 0x123
    walker.forget()
    assert walker.translate(memory, 0x1000, 0x123) == 0x8123


def test_an_address_that_is_no_pointer_is_refused() -> None:
    model = load_model("x86-32-pae")
    for va in (-1, 1 << 32):
        with pytest.raises(UserError, match="does not fit in 32 bits"):
            walk(model, SparseMemory(), 0x1000, va)
        with pytest.raises(UserError, match="does not fit in 32 bits"):
            Walker(model).translate(SparseMemory(), 0x1000, va)


def test_controls_and_widths_are_checked() -> None:
    model = load_model("riscv-sv39")
    with pytest.raises(UserError, match="has no control `smep`"):
        resolve(model, {"smep": True})
    for width in (11, 57):
        with pytest.raises(UserError, match="are impossible"):
            resolve(model, max_physical=width)
