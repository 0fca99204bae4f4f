# SPDX-License-Identifier: Apache-2.0
"""Writes theories where the user wants them, without ever losing what a person wrote there.

A manifest in the folder remembers what was written.  A file that is still as it was written, but
for the regions for proofs, is replaced without a word; one that was continued by hand is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rocqgen.emit.regions import proofs_in, without_proofs
from rocqgen.errors import UserError
from rocqgen.source.location import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocqgen.emit.theory import Theory

_MANIFEST = ".rocqgen.json"


def write_theories(
    theories: Sequence[Theory], folder: Path, *, force: bool = False
) -> tuple[Path, ...]:
    """Write each theory to ``folder/<name>.v``, or below the stem of its source where names clash.

    UserError, before anything is written, where a file was changed by hand since and ``force`` is
    not given, and where the folder cannot be written.  Without theories nothing is written.
    """
    if not theories:
        return ()
    targets = _targets(theories, folder)
    try:
        manifest = _read(folder / _MANIFEST)
        if not force:
            for target in targets:
                _insist_ours(target, manifest.get(_label(target, folder)), targets[target])
        for target, text in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, text)
            manifest[_label(target, folder)] = _hash(text)
        _replace(folder / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror or error}", hint="another folder after -o"
        ) from error
    return tuple(targets)


def _targets(theories: Sequence[Theory], folder: Path) -> dict[Path, str]:
    count = Counter(one.name for one in theories)
    targets: dict[Path, str] = {}
    for one in theories:
        place = folder if count[one.name] == 1 else folder / Path(one.source).stem
        target = place / f"{one.name}.v"
        if target in targets:
            raise UserError(
                f"two fragments would be written to {target}",
                file=one.source,
                hint="one of them with another -o",
            )
        targets[target] = one.text
    return targets


def _insist_ours(target: Path, remembered: str | None, text: str) -> None:
    try:
        present = target.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    if present != text and _hash(present) != remembered:
        raise UserError(
            f"{target} was changed by hand since it was generated, and would be lost",
            hint="--force to replace it, or another folder after -o",
        )
    kept = proofs_in(text, target)
    for name, proof in proofs_in(present, target).items():
        if name not in kept or kept[name].text != proof.text:
            raise refused(
                f"the proof of `{name}` was written by hand, and would be lost",
                proof.location,
                expected="proofs by hand in a folder `proofs` beside the source, where they are "
                "taken from",
                hint="--force to replace it, or another folder after -o",
            )


def _read(path: Path) -> dict[str, str]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(key): str(one) for key, one in value.items()} if isinstance(value, dict) else {}


def _label(target: Path, folder: Path) -> str:
    return target.relative_to(folder).as_posix()


def _hash(text: str) -> str:
    """Of all that is generated: what stands in the regions for proofs does not count."""
    return hashlib.sha256(without_proofs(text).encode()).hexdigest()


def _replace(target: Path, text: str) -> None:
    """Write a file in one step, so that a half-written one is never seen."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".rocqgen-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
