# SPDX-License-Identifier: Apache-2.0
"""``rocqgen walk`` through the command's entry point, on images that the example writes."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocqgen.cli import main
from rocqgen.mmu.images import Cpu
from rocqgen.mmu.images.write import write_elf, write_pages, write_raw

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.usefixtures("cache")

SVG = "{http://www.w3.org/2000/svg}"
PIECES = [(0x1000, (0x2003).to_bytes(8, "little").ljust(4096, b"\0"))]


def load_example() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "images" / "make.py"
    spec = importlib.util.spec_from_file_location("make", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    load_example().main(folder)
    return folder


def say(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> str:
    """What the command prints; on the error stream where it exits with 4."""
    assert main([str(one) for one in args]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert code or not said.err
    return said.err if code else said.out


def test_a_walk_is_a_tree(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = say(capsys, "walk", images / "before.npz", "0x401234", "--user")
    assert out.splitlines() == [
        "x86-64, 4-level paging, CR3 = 0x1000 (the image); controls: wp nxe smep smap !ac !pke",
        "",
        "0x0000000000401234  read from user mode",
        "└── PML4[0] at 0x1000: 0x0000000000006027  P RW US A  -> table at 0x6000",
        "    └── PDPT[0] at 0x6000: 0x0000000000007027  P RW US A  -> table at 0x7000",
        "        └── PD[2] at 0x7010: 0x0000000000008027  P RW US A  -> table at 0x8000",
        "            └── PT[1] at 0x8008: 0x0000000002001025  P US A  -> page at 0x2001000",
        (
            "                └── => physical 0x2001234, in a page of 4 KiB; the path grants "
            "read, user, exec"
        ),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("0x400000", "no read from supervisor mode is allowed where"),
        ("0x400000", "the path grants read, user, exec; user forbids it"),
        ("0x400000 --no-smap", "physical 0x2000000, in a page of 4 KiB"),
        ("0x400000 --ac", "physical 0x2000000, in a page of 4 KiB"),
        ("4194304 --user --access write", "#PF, error code 0x7 (P, W/R, U/S): no write from user"),
        ("4194304 --user --access write", "grants read, user, exec; write is withheld by PT"),
        ("0x600000 --user --access fetch", "#PF, error code 0x15 (P, U/S, I/D): no fetch from"),
        ("0x600000 --user --access fetch", "grants read, write, user; exec is withheld by PT"),
        ("0x600000 --user --no-nx", "0xd (P, U/S, RSVD): the PT entry is reserved: XD & !nxe"),
        ("0xffffffff81000000 --user", "path grants read, exec; user is withheld by PML4, PDPT, PD"),
        ("0xffffffff81000000 --access write", "write is withheld by PD"),
        ("0xffffffff81000000 --access write --no-wp", "physical 0x1000000, in a page of 2 MiB"),
        ("0x400000 --user --pkru 0x1", "#PF, error code 0x25 (P, U/S, PK): the page's protection"),
        ("0x400000 --user --pkru 0x1", "key forbids a read from user mode: key 0"),
        ("0x400000 --user --pkru 1 --no-pke", "physical 0x2000000"),
        ("0x400000 --user --maxphyaddr 25", "the PT entry is reserved: address above 25 bits"),
        ("0", "#PF, error code 0x0: the PD entry is not present"),
        ("0x800000000000", "#GP, error code 0x0: the address is not canonical"),
        ("0 --cr3 0xfff0000000001000", "#GP, error code 0x0: CR3 cannot be loaded with this"),
        ("0xffff888000000000 --cr3 4096", "in a page of 2 MiB; the path grants read, write"),
    ],
)
def test_what_a_walk_says(
    arguments: str, says: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in say(capsys, "walk", images / "before.npz", *arguments.split())


def test_the_processor_would_set_bits(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = say(capsys, "walk", images / "after.core", "0x600000", "--access", "write", "--no-wp",
              "--no-smap")  # fmt: skip
    assert "the processor would set D of PT" in out


def test_a_core_tells_root_and_controls(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = say(capsys, "walk", images / "after.core", "0x400000", "--no-smep")
    assert "CR3 = 0x1000 (processor 0 in the image); controls: wp nxe !smep smap !ac !pke" in out


def test_the_image_chooses_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "core"
    la57 = Cpu(cr0=1 << 31, cr3=0x1000, cr4=1 << 12 | 1 << 5, rflags=2)
    write_elf(image, PIECES, cpus=[la57])
    assert "5-level" in say(capsys, "walk", image, "0x1000000000000", "--cr3", "0x1000")
    write_elf(image, PIECES, elf_machine=3, bits=32)
    assert "PAE" in say(capsys, "walk", image, "0xfffff000", "--cr3", "0x1000")
    write_elf(image, PIECES, vmcoreinfo="NUMBER(pgtable_l5_enabled)=1\n"
              "SYMBOL(swapper_pg_dir)=ffffffff80001000\nNUMBER(phys_base)=0\n")  # fmt: skip
    out = say(capsys, "walk", image, "0x1000000000000")
    assert "5-level" in out
    assert "CR3 = 0x1000 (VMCOREINFO: the kernel's own root)" in out


@pytest.mark.parametrize(
    "model", ["riscv-sv39", "riscv-sv48", "riscv-sv57", "aarch64-4k", "x86-64-5level", "x86-32-pae"]
)
def test_every_shipped_model_walks(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_raw(tmp_path / "raw", PIECES, size=0x10000)
    svg = tmp_path / "walk.svg"
    out = say(capsys, "walk", tmp_path / "raw", "0x1000", "--cr3", "0x1000", "--model", model,
              "--svg", svg)  # fmt: skip
    assert "=> " in out
    assert ET.parse(svg).getroot().tag == f"{SVG}svg"


def test_json_has_every_step(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = say(capsys, "walk", images / "after.core", "0x601008", "0x10", "--user", "--access",
              "write", "--json")  # fmt: skip
    document = json.loads(out)
    assert document["format"] == 1
    assert document["model"] == "x86-64-4level"
    assert document["root"] == "0x1000"
    assert document["pkru"] == "0x0"
    fault, absent = document["walks"]
    assert (fault["outcome"], fault["fault"], fault["code"]) == ("fault", "#PF", "0x7")
    assert fault["reason"] == "protection"
    assert [step["entry"] for step in fault["steps"]] == [
        "0x6027", "0x7027", "0x9027", "0x8000000002101025",
    ]  # fmt: skip
    assert fault["steps"][3]["bits"] == {"P": 1, "US": 1, "A": 1, "XD": 1}
    assert absent["reason"] == "absent"
    document = json.loads(
        say(capsys, "walk", images / "before.npz", "0x601008", "--user", "--json")
    )
    (walk,) = document["walks"]
    assert (walk["outcome"], walk["pa"], walk["page_size"]) == ("mapped", "0x2101008", 4096)
    assert walk["rights"] == ["read", "write", "user"]


def test_a_picture_has_every_entry(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg = tmp_path / "walk.svg"
    say(capsys, "walk", images / "after.core", "0x601008", "--user", "--access", "write", "--svg",
        svg)  # fmt: skip
    picture = ET.parse(svg).getroot()
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    for entry in ("0x0000000000006027", "0x0000000000007027", "0x8000000002101025", "3 = 0x3"):
        assert entry in texts
    assert any("error code 0x7" in (text or "") for text in texts)
    red = [one for one in picture.iter(f"{SVG}rect") if one.get("class") == "bad"]
    assert len(red) == 1, "the one entry that withholds the right to write"
    say(capsys, "walk", images / "after.core", "0x400008", "--user", "--svg", svg)
    texts = [text.text for text in ET.parse(svg).getroot().iter(f"{SVG}text")]
    assert "0x2000008" in texts
    for root, va in (("0x9999000", "0"), ("0x1000", "0x800000000000")):
        main(["walk", str(images / "after.core"), va, "--cr3", root, "--svg", str(svg)])
        assert ET.parse(svg).getroot().tag == f"{SVG}svg"


def test_a_table_outside_of_the_image_is_wrong_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "pages.npz"
    write_pages(image, PIECES)
    assert main(["walk", str(image), "0x1234", "--cr3", "0x1000"]) == 4
    said = capsys.readouterr()
    assert "PDPT[0] at 0x2000: not in the image" in said.out
    assert said.err == (
        f"{image}: error: the table entry at the physical address 0x2000 of the walk of 0x1234 is "
        "outside of the image\n"
        "  expected: the image has 0x1000 to 0x1fff\n"
        "  write: --cr3 X if 0x1000 is not the root, or a complete image\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ffff"], "'ffff' is no number such as 0x1000 or 4096; write 0xffff"),
        (["-1"], "'-1' is no number such as 0x1000 or 4096"),
        (["0x10000000000000000"], "0x10000000000000000 has more than 64 bits"),
        (["9" * 5000], "has more than 64 bits"),
        (["0x"], "'0x' is no number such as 0x1000 or 4096"),
        (["٣"], "is no number such as 0x1000 or 4096"),
        (["0", "--cr3", "zz"], "argument --cr3/--root: 'zz' is no number"),
        (["0", "--model", "x86-16"], "there is no memory model `x86-16`"),
        (["0", "--maxphyaddr", "60"], "physical addresses of 60 bits are impossible"),
        (["0", "--control", "sum=1"], "x86-64-4level has no control `sum`"),
        (["0", "--control", "=1"], "--control =1 is no control and its value"),
        (["0", "--control", "wp=yes"], "--control wp=yes is no control and its value"),
        (["0", "--model", "riscv-sv39", "--smep"], "riscv-sv39 has no control `smep`"),
        (["0", "--cpu", "3"], "the image has no registers of a processor 3"),
        (["0x100000000", "--model", "x86-32-pae"], "has more than the 32 bits of pointers"),
        (["0", "1", "--svg", "x.svg"], "--svg draws one walk, and there are 2 addresses"),
        (["0", "--svg", "/nonexistent/x.svg"], "cannot write /nonexistent/x.svg: No such file"),
        (["0", "--format", "elf"], "the file does not begin as an ELF file does"),
        (["0", "--format", "lime"], "invalid choice: 'lime'"),
    ],
)
def test_wrong_arguments_are_wrong_input(
    arguments: list[str], says: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in say(capsys, "walk", images / "before.npz", *arguments, code=4)


def test_an_image_that_tells_no_root_needs_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_raw(tmp_path / "raw", PIECES)
    said = say(capsys, "walk", tmp_path / "raw", "0", code=4)
    assert "the image does not tell the root of a space" in said
    assert "write: --cr3 X" in said
    write_elf(tmp_path / "core", PIECES, cpus=[Cpu(cr0=0, cr3=0, cr4=0, rflags=2)])
    assert "processor 0 had paging off" in say(capsys, "walk", tmp_path / "core", "0", code=4)
    write_elf(tmp_path / "core", PIECES, elf_machine=183)
    said = say(capsys, "walk", tmp_path / "core", "0", "--cr3", "0", code=4)
    assert "this core is not of an x86 (its e_machine is 183)" in said
    write_elf(tmp_path / "core", PIECES, elf_machine=3, cpus=[Cpu(1 << 31, 0, 0, 2)])
    assert "this machine had CR4.PAE = 0" in say(capsys, "walk", tmp_path / "core", "0", code=4)


def test_the_name_of_an_image_need_not_be_text(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.core"))
    shutil.copy(images / "after.core", image)
    document = json.loads(say(capsys, "walk", image, "0x400000", "--json"))
    assert document["image"] == f"{tmp_path}/\\udcff.core"
    assert f"with {tmp_path}/\\udcff.core, root" in say(
        capsys, "space", image, "--diff-cr3", "4096"
    )
