# SPDX-License-Identifier: Apache-2.0
"""Builds of small libraries with the real coqc: whole, broken, interrupted, concurrent, changed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq import library
from rocqgen.rocq.library import ensure_library, find_library
from rocqgen.rocq.toolchain import Toolchain

pytestmark = pytest.mark.rocq


@pytest.fixture
def theories(
    toolchain: Toolchain, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A library of three files, the third of which imports the others, and an empty cache."""
    folder = tmp_path / "theories"
    for name, text in {
        "base/one.v": "Definition one := 1.\n",
        "two.v": "Definition two := 2.\n",
        "top/three.v": "From rocqgen.base Require Import one.\nFrom rocqgen Require Import two.\n"
        "Lemma three : one + two = 3.\nProof. reflexivity. Qed.\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(library, "theories_dir", lambda: folder)
    assert find_library(toolchain) is None
    assert not cache.exists()
    return folder


def compiled_at(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.vo"))
    }


def test_it_is_built_once_and_used_by_coqc(
    toolchain: Toolchain, theories: Path, tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []
    built = ensure_library(toolchain, lambda _step, done, total: steps.append((done, total)))
    assert steps[-1] == (3, 3)
    assert steps == sorted(steps)
    assert find_library(toolchain) == built
    assert ensure_library(toolchain, lambda *_: pytest.fail("nothing is left to do")) == built
    (tmp_path / "user.v").write_text("From rocqgen.top Require Import three.\nCheck three.\n")
    command = [toolchain.coqc, *built.coqc_options, tmp_path / "user.v"]
    subprocess.run(command, env=toolchain.environ(), check=True, stdout=subprocess.DEVNULL)
    assert not list(theories.rglob("*.vo")), "the sources' folder stays as it was"


def test_an_error_has_its_place_and_leaves_no_library(toolchain: Toolchain, theories: Path) -> None:
    file = theories / "top/three.v"
    file.write_text(file.read_text().replace("= 3", "= 4"))
    with pytest.raises(UserError, match="Unable to unify") as caught:
        ensure_library(toolchain)
    assert caught.value.location == f"{file}:4:8"
    assert caught.value.exit_code is ExitCode.INTERNAL
    assert find_library(toolchain) is None


def test_what_a_change_does_not_touch_is_taken_over(toolchain: Toolchain, theories: Path) -> None:
    before = compiled_at(ensure_library(toolchain).path)
    file = theories / "base/one.v"
    file.write_text(file.read_text() + "Definition more := one.\n")
    first_seen: list[int] = []
    changed = ensure_library(toolchain, lambda _step, done, _total: first_seen.append(done))
    assert first_seen[0] == 1, "two.vo, which nothing of the change reaches, is there at once"
    after = compiled_at(changed.path)
    assert after["two.vo"] == before["two.vo"]
    assert after["base/one.vo"] != before["base/one.vo"]


def test_a_circle_of_imports_is_shown(toolchain: Toolchain, theories: Path) -> None:
    (theories / "two.v").write_text("From rocqgen.top Require Import three.\n")
    with pytest.raises(UserError, match=r"import each other: .*top/three\.v"):
        ensure_library(toolchain)


def test_a_folder_without_theories_is_said(toolchain: Toolchain, theories: Path) -> None:
    for file in theories.rglob("*.v"):
        file.unlink()
    with pytest.raises(UserError, match=r"no \.v file"):
        ensure_library(toolchain)


BUILD = """
import sys
from pathlib import Path
from rocqgen.rocq import library
from rocqgen.rocq.toolchain import find_toolchain, Toolchain
toolchain = eval(sys.argv[2], {"Toolchain": Toolchain, "PosixPath": Path})
library.theories_dir = lambda: Path(sys.argv[1])
print(library.ensure_library(toolchain, lambda *said: print(*said, file=sys.stderr)).path)
"""


def start_build(toolchain: Toolchain, theories: Path) -> subprocess.Popen[str]:
    """Build in a process of its own; its progress is dropped."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(theories), repr(toolchain)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_an_ended_build_is_taken_up(
    toolchain: Toolchain, theories: Path, cache: Path, end: signal.Signals
) -> None:
    imports = "From rocqgen.top Require Import three.\n"
    some_seconds = "Goal True. do 5000000 idtac. Abort.\n"
    (theories / "slow.v").write_text(imports + some_seconds)
    with start_build(toolchain, theories) as build:
        deadline = time.monotonic() + 60
        while not (ledger := list((cache / "library").glob("*.tmp/finished.txt"))) or (
            ledger[0].read_text().count("\n") < 3
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        build.send_signal(end)
    assert build.returncode != 0
    assert find_library(toolchain) is None
    kept = compiled_at(ledger[0].parent)
    seen: list[tuple[str, int]] = []
    built = ensure_library(toolchain, lambda step, done, _total: seen.append((step, done)))
    compiling = [done for step, done in seen if step.startswith("compiling")]
    assert compiling[0] > 0, "what was compiled is not compiled again"
    again = compiled_at(built.path)
    assert len(again) == 4
    assert all(again[name] == kept[name] for name in ("base/one.vo", "two.vo", "top/three.vo"))


def test_two_builds_at_once_make_one(toolchain: Toolchain, theories: Path, cache: Path) -> None:
    with start_build(toolchain, theories) as one, start_build(toolchain, theories) as two:
        said = {one.communicate()[0], two.communicate()[0]}
    assert (one.returncode, two.returncode) == (0, 0)
    found = find_library(toolchain)
    assert found is not None
    assert said == {f"{found.path}\n"}
    assert [path for path in (cache / "library").iterdir() if path.is_dir()] == [found.path]
