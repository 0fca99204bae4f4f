# SPDX-License-Identifier: Apache-2.0
"""What ``walk`` and ``space`` have in common: an image, a model with its controls, and a root.

What the command line does not say is taken from the image where it tells: QEMU's note of a
processor, a kernel's VMCOREINFO, the header's machine.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rocqgen.errors import UserError

if TYPE_CHECKING:
    from types import TracebackType

    from rocqgen.mmu.images import Cpu, Image, Machine
    from rocqgen.models import PagingModel, Rules

FORMATS = ("raw", "npz", "elf")
EM_386, EM_X86_64 = 3, 62

CONTROLS = {
    "wp": "CR0.WP: supervisor writes need the right to write",
    "nxe": "EFER.NXE: entries may forbid execution",
    "smep": "CR4.SMEP: no supervisor fetch from user pages",
    "smap": "CR4.SMAP: no supervisor data access to user pages",
    "ac": "EFLAGS.AC: lifts SMAP",
    "pke": "CR4.PKE: user pages have protection keys",
}
"""The controls of x86, which have options of their own."""

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|[0-9]+(?:_[0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Translation:
    """An image under a model, and the root to begin with; ``root_from`` says who told it."""

    image: Image
    rules: Rules
    root: int
    root_from: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.image.close()

    @property
    def about(self) -> dict[str, object]:
        """All of it as the head of a JSON document."""
        return {
            "image": shown_path(self.image.path),
            "image_format": self.image.format.value,
            "model": self.rules.model.name,
            "controls": dict(self.rules.controls),
            "max_physical": self.rules.max_physical,
            "root": hex(self.root),
            "root_from": self.root_from,
        }


def number(text: str) -> int:
    """A number below 2^64, in hexadecimal after `0x` or in decimal: a type for arguments."""
    if not _NUMBER.fullmatch(text):
        hint = f"; write 0x{text}" if re.fullmatch(r"[0-9a-fA-F]{1,16}", text, re.ASCII) else ""
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number such as 0x1000 or 4096{hint}")
    value = int(text, 16) if text[:2] in {"0x", "0X"} else int(text) if len(text) < 30 else 2**64
    if value >= 2**64:
        raise argparse.ArgumentTypeError(f"{text[:40]} has more than 64 bits")
    return value


def shown_path(path: str) -> str:
    """A path that can be printed: names of files need not be text."""
    return path.encode("utf-8", "backslashreplace").decode()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the image's format, the model, its controls and the root."""
    parser.add_argument("--format", choices=FORMATS, help="of the image (default: its magic)")
    parser.add_argument(
        "--cr3",
        "--root",
        dest="root",
        type=number,
        metavar="X",
        help="the root register: hexadecimal or decimal (default: what the image tells)",
    )
    parser.add_argument(
        "--cpu",
        type=number,
        metavar="N",
        help="the processor whose registers are taken from a core of QEMU (default: 0)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME|FILE",
        help="the memory model (default: by the image, or x86-64-4level)",
    )
    parser.add_argument(
        "--maxphyaddr", type=number, metavar="BITS", help="how many bits physical addresses have"
    )
    group = parser.add_argument_group(
        "controls", "Bits of the processor's state (default: by the image, or the model's)."
    )
    for name, about in CONTROLS.items():
        also = ["--nx"] if name == "nxe" else []
        group.add_argument(
            f"--{name}", *also, dest=name, action=argparse.BooleanOptionalAction, help=about
        )
    group.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=0|1",
        help="a control of another model by its name; may be repeated",
    )


def open_translation(args: argparse.Namespace) -> Translation:
    """Open the image and settle the rest; UserError for what is wrong, with the image closed."""
    # NumPy and pydantic take long to import, and most commands need neither.
    from rocqgen.mmu.images import Format, open_image  # noqa: PLC0415
    from rocqgen.models import load_model, resolve  # noqa: PLC0415

    model = None if args.model is None else load_model(args.model)
    image = open_image(args.image, format=args.format and Format(args.format))
    try:
        cpu = _cpu(image, args.cpu)
        model = model or load_model(_model_of(image, cpu))
        controls = _told(model, cpu) | _asked(args)
        rules = resolve(model, controls, args.maxphyaddr)
        root, root_from = choose_root(args.root, image, args.cpu)
    except BaseException:
        image.close()
        raise
    return Translation(image, rules, root, root_from)


def choose_root(asked: int | None, image: Image, number_of_cpu: int | None) -> tuple[int, str]:
    """The root register and who told it; UserError where nobody does."""
    machine = image.machine
    if asked is not None:
        return asked, "the command line"
    cpu = _cpu(image, number_of_cpu)
    if cpu is not None:
        if not cpu.cr0 >> 31 & 1:
            raise UserError(
                f"processor {number_of_cpu or 0} had paging off: its CR3 leads nowhere",
                file=image.path,
                expected="the root of a space",
                hint="--cr3 X, or --cpu N for another processor",
            )
        return cpu.cr3, f"processor {number_of_cpu or 0} in the image"
    if machine.root is not None:
        return machine.root, "the image"
    if machine.kernel_root is not None:
        return machine.kernel_root, "VMCOREINFO: the kernel's own root"
    raise UserError(
        "the image does not tell the root of a space",
        file=image.path,
        expected="the value of the root register",
        hint="--cr3 X",
    )


def check_pointer(translation: Translation, address: int) -> None:
    """UserError for an address that no pointer of the model holds."""
    width = translation.rules.model.address.pointer
    if address >> width:
        raise UserError(
            f"the address {address:#x} has more than the {width} bits of pointers in "
            f"{translation.rules.model.name}",
            expected=f"an address below {1 << width:#x}",
        )


def outside(translation: Translation, address: int, what: str) -> UserError:
    """What to say of a table that the image does not have."""
    ranges = list(translation.image.ranges())
    held = ", ".join(f"{start:#x} to {end - 1:#x}" for start, end in ranges[:4])
    more = f" and {len(ranges) - 4} more ranges" if len(ranges) > 4 else ""
    return UserError(
        f"the table entry at the physical address {address:#x} {what} is outside of the image",
        file=translation.image.path,
        expected=f"the image has {held}{more}" if ranges else "the image has no memory at all",
        hint=f"--cr3 X if {translation.root:#x} is not the root, or a complete image",
    )


def _cpu(image: Image, wanted: int | None) -> Cpu | None:
    cpus = image.machine.cpus
    if wanted is None:
        return cpus[0] if cpus else None
    if wanted < len(cpus):
        return cpus[wanted]
    raise UserError(
        f"the image has no registers of a processor {wanted}",
        file=image.path,
        expected=f"0 to {len(cpus) - 1}" if cpus else "a core that QEMU wrote, or --cr3 X",
    )


def _model_of(image: Image, cpu: Cpu | None) -> str:
    """The name of the model that the image is of; x86-64 with 4 levels where it does not tell."""
    machine: Machine = image.machine
    if machine.elf_machine == EM_386:
        if cpu is not None and not cpu.cr4 >> 5 & 1:
            raise UserError(
                "this machine had CR4.PAE = 0: no model of 32-bit paging without PAE is shipped",
                file=image.path,
                hint="--model FILE",
            )
        return "x86-32-pae"
    if machine.elf_machine not in {None, EM_X86_64}:
        raise UserError(
            f"this core is not of an x86 (its e_machine is {machine.elf_machine})",
            file=image.path,
            expected="the name of a memory model",
            hint="--model NAME, such as aarch64-4k or riscv-sv39",
        )
    five = bool(cpu.cr4 >> 12 & 1) if cpu is not None else machine.five_levels
    return "x86-64-5level" if five else "x86-64-4level"


def _told(model: PagingModel, cpu: Cpu | None) -> dict[str, bool]:
    """The controls that a processor's registers tell; EFER is not among them."""
    if cpu is None:
        return {}
    told = {
        "wp": bool(cpu.cr0 >> 16 & 1),
        "smep": bool(cpu.cr4 >> 20 & 1),
        "smap": bool(cpu.cr4 >> 21 & 1),
        "pke": bool(cpu.cr4 >> 22 & 1),
        "ac": bool(cpu.rflags >> 18 & 1),
    }
    return {name: value for name, value in told.items() if name in model.controls}


def _asked(args: argparse.Namespace) -> dict[str, bool]:
    asked = {name: getattr(args, name) for name in CONTROLS if getattr(args, name) is not None}
    if getattr(args, "pkru", None) is not None:
        asked.setdefault("pke", True)
    for text in args.control:
        name, equals, value = text.partition("=")
        if not name or (equals and value not in {"0", "1"}):
            raise UserError(
                f"--control {text[:40]} is no control and its value",
                expected="NAME=0 or NAME=1",
            )
        asked[name] = value != "0"
    return asked
