# SPDX-License-Identifier: Apache-2.0
"""What is read of apt, and apt itself on sources of our own making."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain import apt, install_toolchain
from rocqgen.rocq.toolchain.apt import Package

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt")

names = st.from_regex(r"[a-z0-9][a-z0-9+.~-]{1,20}_[0-9%:.+~-]{1,10}_amd64\.deb", fullmatch=True)
packages = st.builds(
    Package, names, st.integers(1, 10**10), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
)


@given(st.lists(packages))
def test_what_apt_prints_is_read_back(given_packages: list[Package]) -> None:
    lines = ["Reading package lists...", "W: something is old"]
    for package in given_packages:
        sums = f"{package.file} {package.size} SHA256:{package.sha256}"
        lines.append(f"'scheme://mirror/pool/{package.file}' {sums}")
    assert apt.parse_uris("\n".join(lines)) == given_packages


@pytest.mark.parametrize("digest", ["", "MD5Sum:0123"])
def test_a_package_without_sha256_is_refused(digest: str) -> None:
    with pytest.raises(UserError, match="no SHA-256 for a"):
        apt.parse_uris(f"'scheme://mirror/a.deb' a.deb 12 '{digest}'")


def test_a_file_name_cannot_leave_the_folder() -> None:
    with pytest.raises(UserError):
        apt.parse_uris("'scheme://mirror/a.deb' ../a.deb 12 SHA256:00")


@given(st.text())
def test_targets_are_read_from_anything(text: str) -> None:
    assert all(mirror in text for mirror in apt.parse_targets(text))


def test_only_debians_own_archive_counts() -> None:
    targets = """bookworm-security main scheme://security/debian-security/
bookworm-pgdg main scheme://databases/apt/
bookworm stable scheme://containers/debian/
bookworm main scheme://mirror/debian/
bookworm main scheme://mirror/debian/
trixie main scheme://second/debian/
nonsense
"""
    assert apt.parse_targets(targets) == ["scheme://mirror/debian/", "scheme://second/debian/"]


def mirrors_of(folder: Path) -> list[str]:
    """What apt makes of the sources in ``folder`` alone."""
    options = {"SourceList": folder / "sources.list", "SourceParts": folder / "parts"}
    return apt.machine_mirrors([f"-oDir::Etc::{name}={path}" for name, path in options.items()])


@needs_apt
def test_both_formats_are_read(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://commented.invalid/debian bookworm main\n"
        "deb [ arch=amd64  signed-by=/k.gpg ] http://one-line.invalid/debian bookworm contrib main"
        "\n"
        "deb-src http://source.invalid/debian bookworm main\n"
        "deb http://flat.invalid/debian ./\n"
    )
    (tmp_path / "parts" / "x.sources").write_text(
        "Types: deb deb-src\nURIs: http://first.invalid/debian\n http://second.invalid/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://disabled.invalid/debian\nSuites: trixie\n"
        "Components: main\n"
    )
    assert mirrors_of(tmp_path) == [
        "http://one-line.invalid/debian/",
        "http://first.invalid/debian/",
        "http://second.invalid/debian/",
    ]


@needs_apt
def test_no_sources_no_mirror(tmp_path: Path) -> None:
    assert mirrors_of(tmp_path) == []


def test_a_broken_package_file_is_not_intact(tmp_path: Path) -> None:
    content = b"some bytes"
    package = Package("a.deb", len(content), hashlib.sha256(content).hexdigest())
    assert not apt.intact(tmp_path, package)
    (tmp_path / "a.deb").write_bytes(content)
    assert apt.intact(tmp_path, package)
    (tmp_path / "a.deb").write_bytes(b"Some bytes")
    assert not apt.intact(tmp_path, package), "the size alone does not say it"
    (tmp_path / "a.deb").write_bytes(content[:-1])
    assert not apt.intact(tmp_path, package)


def test_without_apt_the_opam_packages_are_named(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no apt-get here") as caught:
        install_toolchain()
    for package in ("coq.8.20.1", "coq-serapi", "coq-stdpp", "coq-stdpp-bitvector", "coq-iris"):
        assert package in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.INTERNAL
    assert not cache.exists()


@needs_apt
def test_without_the_keyring_nothing_is_fetched(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keyring") as caught:
        install_toolchain(keyring=tmp_path / "none.gpg")
    assert "debian-archive-keyring" in (caught.value.hint or "")
    assert not cache.exists()


@needs_apt
def test_a_mirror_that_is_none_is_said_in_apts_words(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    keyring = tmp_path / "key.gpg"
    keyring.write_bytes(b"")
    with pytest.raises(UserError, match="apt could not read the package lists") as caught:
        install_toolchain(mirror=f"file:{tmp_path}/mirror", keyring=keyring)
    assert "Release" in (caught.value.expected or "")
    assert not list((cache / "toolchains").glob("coq-*"))
