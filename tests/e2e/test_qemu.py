# SPDX-License-Identifier: Apache-2.0
"""Cores that QEMU itself writes, of a machine that runs on random tables, where QEMU is installed.

QEMU's own list of what is mapped (`info tlb`) is compared with ours. Without QEMU, what is known of
its cores is tested by `tests/unit/mmu/test_images.py`, which has the layout of its notes.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from typing import IO, TYPE_CHECKING, Any

import pytest

from rocqgen.cli import main
from rocqgen.errors import UserError
from rocqgen.mmu import SparseMemory, Walked, walk
from rocqgen.mmu.build import MappingConflictError, TableBuilder
from rocqgen.mmu.images import Image, open_image
from rocqgen.mmu.images.write import write_raw
from rocqgen.mmu.space import enumerate_space
from rocqgen.models import Access, Right, load_model, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QEMU = shutil.which("qemu-system-x86_64")
pytestmark = pytest.mark.skipif(QEMU is None, reason="qemu-system-x86_64 is not installed")

RULES = resolve(load_model("x86-64-4level"), {"smep": False, "smap": False})
TABLES, MEMORY = 0x20_0000, 32 << 20
KERNEL = """
        .section .multiboot, "a"
        .long 0x1badb002, 0, -0x1badb002
        .text
        .code32
        .globl _start
_start: mov $ROOT, %eax
        mov %eax, %cr3
        mov $0x20, %eax                 # CR4.PAE
        mov %eax, %cr4
        mov $0xc0000080, %ecx           # EFER.LME, NXE
        mov $0x900, %eax
        xor %edx, %edx
        wrmsr
        mov $0x80010001, %eax           # CR0.PG, WP, PE
        mov %eax, %cr0
1:      hlt
        jmp 1b
        .section .tables, "a"
        .incbin "tables.bin"
"""
LINK = """
ENTRY(_start)
SECTIONS {
    . = 0x100000; .multiboot : { *(.multiboot) } .text : { *(.text) }
    . = 0x200000; .tables : { *(.tables) }
}
"""


def random_tables() -> tuple[SparseMemory, int]:
    """A space with pages of all sizes and rights, and the code of the machine where it runs."""
    chance = random.Random(11)
    memory = SparseMemory()
    frames = iter(range(TABLES, MEMORY, 0x1000))
    builder = TableBuilder(RULES, memory, lambda: next(frames))
    root = builder.new_root()
    builder.map(root, 0, 0, size=0x20_0000)
    for _ in range(300):
        size = chance.choice((0x1000, 0x1000, 0x20_0000, 0x4000_0000))
        half = chance.choice((0, 0xFFFF_8000_0000_0000))
        va = (half + chance.randrange(4) * 0x40_0000_0000 + chance.randrange(2**32)) & -size
        rights = sum(
            right.flag for right in (Right.WRITE, Right.USER, Right.EXEC) if chance.random() < 0.5
        )
        try:
            builder.map(
                root,
                va,
                chance.randrange(2**36) & -size,
                size=size,
                rights=rights,
                dirty=chance.random() < 0.5,
            )
        except MappingConflictError:
            continue
    return memory, root


class Monitor:
    """QEMU's machine protocol on its standard input and output."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self.stdin, self.stdout = stdin, stdout
        self.stdout.readline()
        self("qmp_capabilities")

    def __call__(self, command: str, **arguments: object) -> Any:
        self.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stdin.flush()
        while True:
            answer = json.loads(self.stdout.readline())
            if "return" in answer or "error" in answer:
                assert "error" not in answer, answer
                return answer["return"]

    def human(self, line: str) -> str:
        answer: str = self("human-monitor-command", **{"command-line": line})
        return answer


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Monitor, Path, int]]:
    """A machine of two processors, one of which runs on the tables; and the root of these."""
    folder = tmp_path_factory.mktemp("qemu")
    memory, root = random_tables()
    write_raw(
        folder / "tables.bin",
        [
            (start - TABLES, memory.read(start, end - start) or b"")
            for start, end in memory.ranges()
        ],
    )
    (folder / "kernel.s").write_text(f".set ROOT, {root}\n{KERNEL}")
    (folder / "kernel.ld").write_text(LINK)
    for command in (
        ("as", "--32", "kernel.s", "-o", "kernel.o"),
        ("ld", "-m", "elf_i386", "-T", "kernel.ld", "kernel.o", "-o", "kernel"),
    ):
        subprocess.run(command, cwd=folder, check=True)
    assert QEMU is not None
    options = "-accel tcg -cpu max -m 32 -smp 2 -display none -nodefaults -qmp stdio -kernel kernel"
    with subprocess.Popen(
        [QEMU, *options.split()],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            monitor = Monitor(process.stdin, process.stdout)
            for _ in range(100_000):
                if f"CR3={root:016x}" in monitor.human("info registers") and (
                    "CR0=80010011" in monitor.human("info registers")
                ):
                    break
            yield monitor, folder, root
        finally:
            process.kill()


def as_qemu_lists(image: Image, root: int) -> set[tuple[int, int, str]]:
    """Address, frame and `nx`, `user`, `write` of each leaf, as `info tlb` has them."""
    found = set()
    for row in enumerate_space(RULES, image, root, frames=True):
        at = row.first
        while at <= row.last:
            leaf = walk(RULES, image, root, at, access=Access.READ)
            assert isinstance(leaf, Walked)
            names = (Right.EXEC, "-", "X"), (Right.USER, "U", "-"), (Right.WRITE, "W", "-")
            flags = "".join(yes if leaf.rights & right.flag else no for right, yes, no in names)
            found.add((at, leaf.pa, flags))
            at += leaf.size
    return found


def test_cores_of_qemu_have_what_qemu_lists(
    machine: tuple[Monitor, Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor, folder, root = machine
    listed = set()
    for line in monitor.human("info tlb").splitlines():
        va, pa, flags = line.split()
        listed.add((int(va[:-1], 16), int(pa, 16), flags[0] + flags[-2] + flags[-1]))
    assert len(listed) > 150
    monitor("stop")
    plain, paging, raw = (folder / name for name in ("plain", "paging", "raw"))
    monitor("dump-guest-memory", paging=False, protocol=f"file:{plain}")
    monitor("dump-guest-memory", paging=True, protocol=f"file:{paging}")
    monitor("pmemsave", val=0, size=MEMORY, filename=str(raw))
    for path in (plain, raw):
        with open_image(path) as image:
            assert as_qemu_lists(image, root) == listed
    with open_image(plain) as image:
        running, waiting = image.machine.cpus
        assert (running.cr0, running.cr3, running.cr4) == (0x8001_0011, root, 0x20)
        assert waiting.cr0 >> 31 == 0
    assert main(["space", str(plain), "--diff-image", str(raw), "--cr3", hex(root)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no difference"
    # With -p, there is a PT_LOAD for each mapping, and what is mapped twice overlaps.
    with open_image(paging) as image, open_image(raw) as whole:
        assert image.read(0x10_0000, 0x1000) == whole.read(0x10_0000, 0x1000)


def test_qemus_compressed_cores_are_refused_by_name(machine: tuple[Monitor, Path, int]) -> None:
    monitor, folder, _ = machine
    path = folder / "compressed"
    monitor("dump-guest-memory", paging=False, protocol=f"file:{path}", format="kdump-zlib")
    with pytest.raises(UserError, match="a flattened dump in kdump's compressed format"):
        open_image(path)
