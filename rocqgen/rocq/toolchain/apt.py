# SPDX-License-Identifier: Apache-2.0
"""Downloads Debian packages with an apt of our own: its own lists and archives, no root needed.

apt itself reads the machine's sources (both formats, options, continuation lines), checks the
mirror's signature with Debian's archive keyring, and gives each package's size and SHA-256 from the
signed lists. Nothing of the machine's package state is read or changed.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rocqgen.errors import UserError
from rocqgen.exits import ExitCode
from rocqgen.rocq.toolchain.model import OPAM_INSTRUCTIONS
from rocqgen.userdirs import ensure_dir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocqgen.progress import Progress

_KEYRINGS: Final = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_SUITES: Final = frozenset(
    ("stable", "testing", "unstable", "sid", "oldstable", "bullseye", "bookworm", "trixie", "forky")
)
"""A source with one of these as its whole suite is the Debian archive; ``bookworm-security`` and
the suites of third parties (``bookworm-pgdg``) lie on hosts that lack the rest of Debian."""


@dataclass(frozen=True)
class Package:
    """One package file that apt would download."""

    file: str
    size: int
    sha256: str


def find_keyring(given: Path | None) -> Path:
    """The keyring that must have signed the mirror's lists."""
    for keyring in (given,) if given is not None else _KEYRINGS:
        if keyring.is_file():
            return keyring.resolve()
    raise UserError(
        "Debian's archive keyring is not here, so the packages could not be checked",
        expected=" or ".join(map(str, (given,) if given is not None else _KEYRINGS)),
        hint="apt-get install debian-archive-keyring    (or use --keyring FILE)",
        exit_code=ExitCode.INTERNAL,
    )


def require_apt() -> None:
    """UserError that names the opam packages, where there is no apt."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UserError(
                f"there is no {program} here, so a prover cannot be unpacked from Debian packages",
                expected="a machine with apt, or a prover from opam on PATH",
                hint=OPAM_INSTRUCTIONS,
                exit_code=ExitCode.INTERNAL,
            )


def parse_targets(text: str) -> list[str]:
    """The Debian mirrors in the answer of ``apt-get indextargets``, in order, each once.

    A line is ``suite component uri``; those that are not Debian's main archive are passed over.
    """
    mirrors: dict[str, None] = {}
    for line in text.splitlines():
        suite, component, uri = (*line.split(" ", 2), "", "")[:3]
        if suite in _SUITES and component == "main" and uri:
            mirrors[uri] = None
    return list(mirrors)


def machine_mirrors(options: Sequence[str] = ()) -> list[str]:
    """The Debian mirrors that the machine's own apt is set up with; perhaps none.

    ``options`` are more options for apt (another directory of sources).
    """
    command = ["apt-get", *options, "indextargets", "--no-release-info"]
    command += ["--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return parse_targets(answer.stdout)


def parse_uris(text: str) -> list[Package]:
    """Read ``apt-get --print-uris``: lines of ``'uri' file size SHA256:digest``."""
    packages = []
    for line in text.splitlines():
        if not line.startswith("'"):
            continue
        _uri, file, size, digest = shlex.split(line)
        kind, _, sha256 = digest.partition(":")
        if kind != "SHA256" or "/" in file:
            raise UserError(
                f"apt gives no SHA-256 for {file}",
                expected="a mirror whose lists hold SHA-256 sums",
                exit_code=ExitCode.INTERNAL,
            )
        packages.append(Package(file, int(size), sha256))
    return packages


def intact(folder: Path, package: Package) -> bool:
    """Whether the file is there with the size and the hash that the signed lists say."""
    file = folder / package.file
    try:
        if file.stat().st_size != package.size:
            return False
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == package.sha256
    except OSError:
        return False


class PrivateApt:
    """An apt whose lists, archives and configuration lie under ``root``.

    ``lock`` is a descriptor that apt inherits: should this process be killed, the lock stays held
    until the orphaned apt ends, so that no other apt ever works in the same folder.
    """

    def __init__(self, root: Path, *, mirror: str, suite: str, keyring: Path, lock: int) -> None:
        self._archives = ensure_dir(root / "archives")
        self._lock = lock
        self._config = root / "apt.conf"
        ensure_dir(root / "lists" / "partial")
        ensure_dir(self._archives / "partial")
        sources = root / "debian.sources"
        sources.write_text(
            f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
            f"Targets: Packages\nSigned-By: {keyring}\n",
            encoding="utf-8",
        )
        self._config.write_text(_configuration(root, sources, self._archives), encoding="utf-8")

    @property
    def archives(self) -> Path:
        """Where the package files lie."""
        return self._archives

    def update(self) -> None:
        """Fetch the mirror's signed lists; UserError with apt's words if that fails."""
        with self._apt("update", "--error-on=any") as process:
            _output(process, "read the package lists")

    def resolve(self, names: Iterable[str]) -> list[Package]:
        """What ``download`` would fetch; UserError if the suite lacks one of the packages."""
        # Not among the archives: apt passes over what it finds in its working directory.
        with self._apt("--print-uris", "download", *names, cwd=self._config.parent) as process:
            packages = parse_uris(_output(process, "find the packages"))
        return sorted(packages, key=lambda package: package.file)

    def download(self, names: Sequence[str], packages: Sequence[Package], tell: Progress) -> None:
        """Fetch what is not already there and intact; a broken download is taken up where it was.

        apt trusts the size of a file that is already there, so the hash is checked here, before
        and after.
        """
        for package in packages:
            if not intact(self._archives, package):
                (self._archives / package.file).unlink(missing_ok=True)
        total = sum(package.size for package in packages)
        with self._apt("download", *names) as process:
            while process.poll() is None:
                tell("downloading", min(self._arrived(packages), total), total)
                time.sleep(0.1)
            _output(process, "download the packages")
        tell("downloading", total, total)
        broken = [package.file for package in packages if not intact(self._archives, package)]
        if broken:
            raise UserError(
                f"what was downloaded is not what the mirror's lists say: {', '.join(broken)}",
                hint="rocqgen toolchain install    (it takes up where this one ended)",
                exit_code=ExitCode.INTERNAL,
            )

    def _arrived(self, packages: Iterable[Package]) -> int:
        """How many bytes of the packages are on disk, complete or partial."""
        arrived = 0
        for package in packages:
            for folder in (self._archives, self._archives / "partial"):
                try:
                    arrived += (folder / package.file).stat().st_size
                    break
                except OSError:
                    continue
        return arrived

    @contextmanager
    def _apt(self, *arguments: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run apt; it is ended if the block is left early."""
        with subprocess.Popen(
            ["apt-get", "-q", "-c", str(self._config), *arguments],
            cwd=cwd or self._archives,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            pass_fds=(self._lock,),
        ) as process:
            try:
                yield process
            except BaseException:
                process.terminate()
                raise


def _output(process: subprocess.Popen[str], purpose: str) -> str:
    """Wait for apt and give what it said; UserError with its complaints if it failed."""
    output, _ = process.communicate()
    if process.returncode != 0:
        complaints = [line for line in output.splitlines() if line.startswith(("E:", "Err:"))]
        raise UserError(
            f"apt could not {purpose}",
            expected="a reachable Debian mirror\n" + "\n".join(complaints[-6:]),
            hint="rocqgen toolchain install --mirror URI",
            exit_code=ExitCode.INTERNAL,
        )
    return output


def _configuration(root: Path, sources: Path, archives: Path) -> str:
    """apt.conf: read after the machine's own, whose proxies and credentials stay in force."""
    return f"""\
Dir::State "{root}/state";
Dir::State::Lists "{root}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{root}";
Dir::Cache::Archives "{archives}";
Dir::Etc::SourceList "{sources}";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";  // the unprivileged user _apt may not enter a home directory
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "60";
Acquire::https::Timeout "60";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
