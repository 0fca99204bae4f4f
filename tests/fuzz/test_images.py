# SPDX-License-Identifier: Apache-2.0
"""The fuzz target, run for a while: by atheris where it is installed, by chance everywhere."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.mmu.images import Cpu
from rocqgen.mmu.images.write import write_elf, write_pages, write_raw

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).parent / "images.py"
PIECES = [(0x1000, b"\x27\x20" + bytes(4094)), (0x2000, b"\xe7" * 4096)]
CPU = Cpu(cr0=1 << 31, cr3=0x1000, cr4=0x20, rflags=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of each format, behind the byte that says "by its magic"."""
    folder = tmp_path_factory.mktemp("corpus")
    write_raw(folder / "raw", PIECES)
    write_pages(folder / "stored", PIECES, cr3=0x1000)
    write_pages(folder / "deflated", PIECES, compress=True)
    write_elf(folder / "qemu", PIECES, cpus=[CPU])
    write_elf(folder / "kdump", PIECES, vmcoreinfo="NUMBER(phys_base)=0\n", bits=32)
    for file in folder.iterdir():
        file.write_bytes(b"\0" + file.read_bytes())
    return folder


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_damage_by_chance_finds_nothing(corpus: Path) -> None:
    target = load_script().make_target()
    chance = random.Random(7)
    seeds = [file.read_bytes() for file in sorted(corpus.iterdir())]
    for seed in seeds:
        target(seed)
    for _ in range(600):
        data = bytearray(chance.choice(seeds))
        data[0] = chance.choice((0, 0, 0, 1, 2, 3))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(1, min(len(data), chance.choice((60, 300, 100_000))))
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        target(bytes(data))


def test_a_finding_ends_the_target(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rocqgen.mmu.images import notes

    monkeypatch.setattr(notes, "_padded", lambda size: size // 0)
    with pytest.raises(ZeroDivisionError):
        load_script().make_target()((corpus / "qemu").read_bytes())


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed (pip install '.[fuzz]'); the same target has run by chance",
)
def test_atheris_finds_nothing(corpus: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "-runs=1500", "-seed=1", "-max_len=20000", tmp_path, corpus],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 1500 runs" in done.stderr
