# SPDX-License-Identifier: Apache-2.0
"""Every example is proved and closed at a state; every wrong twin fails at its line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.rocq, pytest.mark.usefixtures("library")]

ROOT = Path(__file__).parents[2]


def test_all_examples(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "rocqgen",
            "prove",
            "examples/",
            "--timeout",
            "600",
            "--json",
            str(out),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    # 0 says that all that is expected to fail did so, at its line.
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(out.read_text(encoding="utf-8"))["outcomes"]
    wrong = [one for one in outcomes if ".wrong" in one["source"]]
    right = [one for one in outcomes if ".wrong" not in one["source"]]
    assert all(one["assumptions"] == [] for one in right), done.stdout
    assuming = [one for one in right if one["assuming"]]
    assert [one["verdict"] for one in assuming] == ["proved, assuming alloc"], done.stdout
    whole = [one for one in right if not one["assuming"]]
    assert {one["verdict"] for one in whole} == {"proved"}, done.stdout
    assert all(one["closed"] for one in whole), done.stdout
    folders = {Path(one["source"]).parts[1] for one in right}
    assert folders == {Path(one["source"]).parts[1] for one in wrong}, "each has a wrong twin"
