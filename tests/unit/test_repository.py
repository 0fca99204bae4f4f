# SPDX-License-Identifier: Apache-2.0
"""What holds of the repository as a whole."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
OURS = ("rocqgen", "templates", "theories", "examples", "tests", "bench", "docs", ".ci")
TOP = ("Makefile", "README.md", "pyproject.toml", "dune-project", ".gitignore")

LAYERS = (
    ("errors", "exits", "locking", "progress", "resources", "userdirs"),
    ("source",),
    ("models",),
    ("mmu", "cpu"),
    ("check",),
    ("emit",),
    ("rocq",),
    ("prove",),
    ("report",),
    ("cli",),
)
"""Each imports only itself and what stands before it."""
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

FORBIDDEN = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Conjectures?|Parameters?|bypass_check|native_compute"
    r"|Unset\s+(?:Guard|Positivity|Universe)\s+Checking|(?:type|rewrite)-in-type|Admit\s+Obligations)\b"
)

HOSTS = re.compile(
    r"\b(?:deb|ftp|security|archive|snapshot|httpredir)\.[a-z.]*(?:debian|ubuntu)\.(?:org|com)"
    r"|\b(?:files\.)?(?:pypi|pythonhosted|npmjs|crates)\.(?:org|com|io)\b|coq\.inria\.fr",
    re.IGNORECASE,
)
MACHINE = re.compile(r"(?<![\w.$])/(?:work|root|home/(?!somebody)\w+)/")


def text_files() -> list[Path]:
    """All files that people write, wherever they are committed or about to be."""
    found = [ROOT / name for name in TOP]
    for folder in OURS:
        for file in sorted((ROOT / folder).rglob("*")):
            inside = file.relative_to(ROOT)
            if file.is_file() and "__pycache__" not in inside.parts and is_text(file):
                found.append(file)
    return found


def is_text(file: Path) -> bool:
    return b"\0" not in file.read_bytes()[:4096] and file.suffix not in {".glob", ".aux", ".o"}


def of_kind(*suffixes: str) -> list[Path]:
    return [file for file in text_files() if file.suffix in suffixes]


def short(file: Path) -> str:
    return str(file.relative_to(ROOT))


def without_comments(text: str) -> str:
    """Vernacular with its comments, nested ones too, and its strings blanked; lines stay."""
    depth = 0
    out = []
    for token in re.findall(r'\(\*|\*\)|"(?:[^"]|"")*"|.', text, re.DOTALL):
        if token == "(*":
            depth += 1
        elif token == "*)" and depth:
            depth -= 1
        elif depth or len(token) > 1:
            out.append("\n" * token.count("\n"))
        else:
            out.append(token)
    return "".join(out)


@given(st.text(alphabet='(*)" \nab'))
def test_blanking_comments_keeps_the_lines(text: str) -> None:
    assert without_comments(text).count("\n") == text.count("\n")


def test_comments_nest_and_strings_hide_nothing() -> None:
    assert "Axiom" not in without_comments('(* a (* b *) Axiom *) "Axiom" x')
    assert "Axiom" in without_comments('(* " (* " *) *) Axiom y.')
    assert "Axiom" in without_comments("(* a *) Axiom z.")


def test_the_theories_assume_nothing() -> None:
    files = [file for file in of_kind(".v") if file.is_relative_to(ROOT / "theories")]
    assert files
    offences = [
        f"{short(file)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(without_comments(file.read_text()).split("\n"), start=1)
        if FORBIDDEN.search(line)
    ]
    assert offences == []


@pytest.mark.parametrize(
    "bad",
    [
        "Admitted.",
        "Axiom x : False.",
        "Local Parameter y : nat.",
        "by admit.",
        "#[bypass_check(guard)]",
        "Unset Guard Checking.",
        "Unset  Universe Checking.",
        "Conjecture c : True.",
    ],
)
def test_what_is_forbidden_is_recognised(bad: str) -> None:
    assert FORBIDDEN.search(without_comments(f"(* note *) {bad}"))


def test_parametric_names_are_not_forbidden() -> None:
    assert not FORBIDDEN.search("Parametric Relation; admitted; axiom_free; Implicit Types p.")


@pytest.mark.parametrize("suffix", [".py", ".v", ".toml", ".lark", ".j2", ".s"])
def test_each_file_states_its_licence_first(suffix: str) -> None:
    lacking = [
        short(file)
        for file in of_kind(suffix)
        if "SPDX-License-Identifier: Apache-2.0" not in "".join(file.read_text().splitlines()[:2])
        and not file.is_relative_to(ROOT / "tests" / "golden")
        and file.parent.name != "proofs"  # generated, from a source that states its own
    ]
    assert lacking == []


def imported_modules(file: Path) -> list[tuple[int, str]]:
    """The modules that ``file`` imports, in functions and under TYPE_CHECKING too."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{short(file)}:{node.lineno}: a relative import"
            module = node.module or ""
            if module == "rocqgen":
                found += [(node.lineno, f"rocqgen.{alias.name}") for alias in node.names]
            else:
                found.append((node.lineno, module))
    return found


def test_imports_go_one_way() -> None:
    offences = []
    for file in (ROOT / "rocqgen").rglob("*.py"):
        parts = file.relative_to(ROOT / "rocqgen").with_suffix("").parts
        if len(parts) == 1 and parts[0].startswith("__"):
            continue
        assert parts[0] in LEVEL, f"{short(file)}: say in LAYERS where it stands"
        for line, module in imported_modules(file):
            target = module.split(".")[1:2]
            known = target and target[0] in LEVEL
            if module.startswith("rocqgen.") and known and LEVEL[target[0]] > LEVEL[parts[0]]:
                offences.append(f"{short(file)}:{line}: imports {module}")
    assert offences == []


def test_only_reports_and_commands_know_rich() -> None:
    offences = [
        f"{short(file)}:{line}"
        for file in (ROOT / "rocqgen").rglob("*.py")
        for line, module in imported_modules(file)
        if module.split(".")[0] == "rich"
        and file.relative_to(ROOT / "rocqgen").parts[0] not in {"cli", "report"}
    ]
    assert offences == []


@pytest.mark.parametrize("pattern", [HOSTS, MACHINE], ids=["mirrors", "machine paths"])
def test_no_place_of_one_machine_is_written_down(pattern: re.Pattern[str]) -> None:
    offences = [
        f"{short(file)}:{number}: {line.strip()}"
        for file in text_files()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert offences == []


def test_modules_are_short() -> None:
    """A module of more than 500 lines has more than one idea."""
    long = [short(f) for f in of_kind(".py") if len(f.read_text().splitlines()) > 500]
    assert long == []
