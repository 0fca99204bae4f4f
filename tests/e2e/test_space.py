# SPDX-License-Identifier: Apache-2.0
"""``rocqgen space`` through the command's entry point."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from rocqgen.cli import main
from rocqgen.mmu.images.write import write_pages, write_raw

pytestmark = pytest.mark.usefixtures("cache")

HEAD = "x86-64, 4-level paging, CR3 = 0x1000 (the image); controls: wp nxe smep smap !ac !pke"
COLUMNS = "addresses                                    size  sup  user  pages"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    path = Path(__file__).parents[2] / "examples" / "images" / "make.py"
    spec = importlib.util.spec_from_file_location("make", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder)
    return folder


def say(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> str:
    assert main(["space", *(str(one) for one in args)]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert code or not said.err
    return said.err if code else said.out


def test_a_space_is_a_list_of_ranges(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, images / "before.npz").splitlines() == [
        HEAD,
        COLUMNS,
        "0x0000000000400000-0x0000000000403fff      16 KiB  ---  r-x  4 x 4 KiB",
        "0x0000000000600000-0x0000000000607fff      32 KiB  ---  rw-  8 x 4 KiB",
        "0x00007fffffffe000-0x00007fffffffefff       4 KiB  ---  rw-  1 x 4 KiB",
        "0xffff888000000000-0xffff888003ffffff      64 MiB  rw-  ---  32 x 2 MiB",
        "0xffffffff81000000-0xffffffff811fffff       2 MiB  r-x  ---  1 x 2 MiB",
        "0xffffffff81200000-0xffffffff813fffff       2 MiB  rw-  ---  1 x 2 MiB",
        "6 ranges; 68.1 MiB mapped",
    ]


def listed(out: str) -> list[int]:
    """The first address of each range."""
    return [int(line[:18], 16) for line in out.splitlines() if line.startswith("0x")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--user", [0x400000, 0x600000, 0x7FFFFFFFD000]),
        ("--user --write", [0x7FFFFFFFD000]),
        ("--user --exec", [0x400000]),
        ("--exec", [0x400000, 0xFFFFFFFF81000000, 0xFFFFFFFF81400000]),
        ("--wx", [0xFFFFFFFF81400000]),
        ("--user --wx", []),
        ("--wx --user --no-nx", []),
        ("--wx --no-wp", [0xFFFFFFFF81000000, 0xFFFFFFFF81400000]),
        ("--size 2M --write", [0xFFFF888000000000, 0xFFFFFFFF81200000]),
        ("--size 4k --from 0xffff800000000000", [0xFFFFFFFF81400000]),
        ("--from 0x400000 --to 0x5fffff", [0x400000]),
        ("--from 0x403fff --to 0x600000", [0x400000, 0x600000]),
        ("--from 0x404000 --to 0x5fffff", []),
        ("--to 0", []),
    ],
)
def test_options_choose_what_is_listed(
    options: str, expected: list[int], images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(say(capsys, images / "after.core", *options.split())) == expected


def test_frames_are_kept_apart(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = say(capsys, images / "after.core", "--physical", "--user")
    assert out.splitlines()[4:6] == [
        "0x00007fffffffd000-0x00007fffffffdfff       4 KiB  ---  rw-  0x2201000        1 x 4 KiB",
        "0x00007fffffffe000-0x00007fffffffefff       4 KiB  ---  rw-  0x2200000        1 x 4 KiB",
    ]


def test_two_images_are_compared(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = images / "before.npz", images / "after.core"
    assert say(capsys, before, "--diff-image", after).splitlines() == [
        HEAD,
        f"compared with {after}, root 0x1000 (processor 0 in the image)",
        (
            "! 0x0000000000600000-0x0000000000607fff      32 KiB  rights: --- rw- "
            "(read, write, user) -> --- r-- (read, user)"
        ),
        (
            "+ 0x00007fffffffd000-0x00007fffffffdfff       4 KiB  added: --- rw- "
            "(read, write, user), physical 0x2201000"
        ),
        (
            "+ 0xffffffff81400000-0xffffffff81400fff       4 KiB  added: rwx --- "
            "(read, write, exec), physical 0x3000000"
        ),
        "3 differences: 2 added, 1 with other rights",
    ]
    assert say(capsys, before, "--diff-image", before).splitlines()[-1] == "no difference"
    out = say(capsys, before, "--diff-image", after, "--wx")
    assert [line[0] for line in out.splitlines()[2:-1]] == ["+"]
    out = say(capsys, after, "--diff-image", before, "--to", "0x7fffffffffff")
    assert [line[0] for line in out.splitlines()[2:-1]] == ["!", "-"]


def test_two_roots_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def page(*entries: int) -> bytes:
        return b"".join(one.to_bytes(8, "little") for one in entries).ljust(4096, b"\0")

    image = tmp_path / "raw"
    write_raw(
        image,
        [(0x1000, page(0x3027, 0x9027)), (0x2000, page(0x3027)), (0x3000, page(0xE7))],
        size=0x10000,
    )
    out = say(capsys, image, "--cr3", "0x1000", "--diff-cr3", "0x2000")
    assert out.splitlines()[2] == "no difference"
    write_raw(image, [(0x2000, page(0x4025)), (0x3000, page(0xE7)), (0x4000, page(0x4000_00E7))])
    out = say(capsys, image, "--cr3", "0x3000", "--diff-cr3", "0x4000", "--json")
    document = json.loads(out)
    assert (document["root"], document["compared_with"]["root"]) == ("0x3000", "0x4000")


def test_json_has_every_range(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(say(capsys, images / "after.core", "--json", "--wx"))
    assert document["format"] == 1
    assert document["ranges"] == [
        {
            "first": "0xffffffff81400000",
            "last": "0xffffffff81400fff",
            "bytes": 4096,
            "content": "mapped",
            "rights": ["read", "write", "exec"],
            "supervisor": "rwx",
            "user": "---",
            "pa": "0x3000000",
            "pages": 1,
            "page_sizes": [4096],
        }
    ]
    document = json.loads(
        say(capsys, images / "before.npz", "--diff-image", images / "after.core", "--json")
    )
    assert document["root_from"] == "the image"
    assert document["compared_with"]["root_from"] == "processor 0 in the image"
    rights, *added = document["changes"]
    assert (rights["kind"], rights["before"]["user"], rights["after"]["user"]) == (
        "rights", "rw-", "r--",
    )  # fmt: skip
    assert [one["kind"] for one in added] == ["added", "added"]
    assert [one["before"] for one in added] == [None, None]


def test_a_table_that_maps_itself_is_legal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Slot 511 of the root leads to the root: all its tables appear as pages of a window."""
    image = tmp_path / "pages.npz"
    root = (0x2027).to_bytes(8, "little") + bytes(4096 - 16) + (0x1027).to_bytes(8, "little")
    write_pages(image, [(0x1000, root), (0x2000, bytes(4096))], cr3=0x1000)
    out = say(capsys, image, "--no-smap")
    assert listed(out) == [0xFFFFFFFFFFE00000, 0xFFFFFFFFFFFFF000]
    assert out.splitlines()[-2].startswith("0xfffffffffffff000-0xffffffffffffffff       4 KiB  ")
    every = b"".join((0x1027).to_bytes(8, "little") for _ in range(512))
    write_pages(image, [(0x1000, every)], cr3=0x1000)
    out = say(capsys, image, "--no-smap")
    assert out.splitlines()[-1] == "2 ranges; 268,435,456.0 MiB mapped"


def test_a_table_outside_of_the_image_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "pages.npz"
    entries = (0x2027, 0x9027, 0x9027, 0xE7)
    root = b"".join(one.to_bytes(8, "little") for one in entries)
    write_pages(image, [(0x1000, root), (0x2000, (0xE7).to_bytes(8, "little"))], cr3=0x1000)
    assert main(["space", str(image)]) == 4
    said = capsys.readouterr()
    assert said.out.splitlines()[2:] == [
        "0x0000000000000000-0x000000003fffffff       1 GiB  ---  rwx  1 x 1 GiB",
        "0x0000008000000000-0x0000017fffffffff       1 TiB  unknown: the table is not in the image",
        (
            "0x0000018000000000-0x000001ffffffffff     512 GiB  present entries that fault "
            "whatever the access"
        ),
        "3 ranges; 1,024.0 MiB mapped",
    ]
    assert said.err == (
        f"{image}: error: 1 ranges are unknown, 0x8000000000 the first address of them: the tables "
        "that translate them are outside of the image\n"
        "  expected: an image with all tables of the space\n"
        f"  write: rocqgen walk {image} 0x8000000000 --cr3 0x1000, which shows the first one\n"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--cr3 0x90000", "the table entry at the physical address 0x90000 at the root is outside"),
        ("--cr3 0xfff0000000000000", "0xfff0000000000000 cannot be loaded into CR3: [63:52]"),
        ("--size 3K", "x86-64-4level has no pages of 3 KiB"),
        ("--size x", "'x' is no size such as 4K, 2M or 1G"),
        ("--size 999999999999999G", "is no size such as 4K, 2M or 1G"),
        ("--from 2 --to 1", "--from 0x2 is behind --to 0x1"),
        ("--from 0x100000000 --model x86-32-pae", "more than the 32 bits of pointers"),
        ("--diff-image /nonexistent", "cannot read the image: No such file or directory"),
        ("--diff-cr3 0x90000", "the table entry at the physical address 0x90000 at the root"),
        ("--diff-cr3 1 --size 4K", "--size and --physical are for listings, not for differences"),
        ("0x1000", "unrecognized arguments: 0x1000"),
    ],
)
def test_wrong_arguments_are_wrong_input(
    options: str, says: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in say(capsys, images / "before.npz", *options.split(), code=4)
