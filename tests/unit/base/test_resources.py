# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from rocqgen import resources
from rocqgen.errors import UserError


def test_a_checkout_has_them_beside_the_package() -> None:
    root = Path(__file__).parents[3]
    assert resources.theories_dir() == root / "theories"
    assert resources.templates_dir() == root / "templates"


def test_a_wheel_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "rocqgen"
    (package / "_data" / "theories").mkdir(parents=True)
    (tmp_path / "site-packages" / "theories").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.theories_dir() == package / "_data" / "theories"


def test_a_folder_that_happens_to_lie_beside_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theories").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "rocqgen")
    with pytest.raises(UserError, match="lacks its folder 'theories'"):
        resources.theories_dir()
