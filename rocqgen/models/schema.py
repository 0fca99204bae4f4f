# SPDX-License-Identifier: Apache-2.0
"""What a `kind = "paging"` spec may say, key by key; docs/models.md explains it with examples.

The classes check the shape of a spec: which keys there are and what each holds. That the parts fit
together (levels without gaps, fields that do not overlap, names that exist) is the concern of
`rocqgen.models.fit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rocqgen.models.bits import BitRange
from rocqgen.models.conditions import ALWAYS, NEVER, ConditionText
from rocqgen.models.vocabulary import Reason, Right

TEXT_PATTERN = r"^[^\x00-\x1f\x7f]*$"
NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]*$"
MODEL_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Line = Annotated[str, StringConstraints(pattern=TEXT_PATTERN, max_length=200)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=40)]
Conditions = tuple[ConditionText, ...]
Named = Mapping[Name, BitRange]


class Part(BaseModel):
    """A table of a spec: immutable, and every key is known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=False,
        alias_generator=lambda name: name.replace("_", "-"),
        populate_by_name=False,
        hide_input_in_errors=True,
    )


class Address(Part):
    """`[address]`: widths in bits, and which virtual addresses are valid."""

    virtual: Annotated[int, Field(strict=True, ge=1, le=64)]
    """The bits that are translated."""
    pointer: Annotated[int, Field(strict=True, ge=1, le=64)]
    """The bits of a pointer."""
    physical: Annotated[int, Field(strict=True, ge=12, le=64)]
    """The bits of a physical address, at most; an implementation may have fewer."""
    canonical: Literal["sign-extended", "zero", "ones"] | None = None
    """What the bits of a pointer above the translated ones are; needed where there are any."""


class AddressField(Part):
    """Bits of an entry or root register that hold a physical address without its low bits."""

    bits: BitRange
    low: Annotated[int, Field(strict=True, ge=0, le=63)]
    """The bit of the address that the field's lowest bit is; the bits below are 0."""

    def get(self, word: int) -> int:
        """The address that `word` holds."""
        return self.bits.get(word) << self.low

    def put(self, address: int) -> int:
        """The bits of a word that holds `address`; bits that have no place are left out."""
        return self.bits.put(address >> self.low)


class Root(Part):
    """`[root]`: the register that leads to the table of the first level."""

    name: Line
    address: AddressField
    bits: Named = {}
    fixed: Mapping[Name, Annotated[int, Field(strict=True, ge=0)]] = {}
    """Fields that select this mode, and their values."""
    reserved: Conditions = ()


class Entries(Part):
    """`[table]`, `[leaf]` and their like in a level: what one kind of entries has on its own."""

    bits: Named = {}
    reserved: Conditions = ()


class Entry(Part):
    """`[entry]`: what entries of both kinds have in common, and how they are read."""

    bytes: Literal[4, 8]
    present: ConditionText
    leaf_if: ConditionText
    """Tells a leaf from a table among the present ones; a level may have its own."""
    address: AddressField
    """The next table, or the frame; a leaf ignores what is below its size."""
    above_physical: Literal["reserved", "address-size", "ignored"]
    """What an address above the implementation's physical addresses is."""
    misplaced: Literal["reserved", "absent"] = "reserved"
    """What an entry is whose kind cannot occur in its level."""
    bits: Named = {}
    reserved: Conditions = ()


class Level(Part):
    """`[[level]]`, from the root down: the bits that index its tables, and what its entries are."""

    name: Line
    index: BitRange
    entries: Annotated[tuple[Literal["table", "leaf"], ...], Field(min_length=1)]
    leaf_if: ConditionText | None = None
    loaded_with_root: bool = False
    """Its entries are registers (PAE's PDPTEs): no rights, no accessed bit, faults as the root."""
    bits: Named = {}
    table: Entries = Entries()
    leaf: Entries = Entries()

    @property
    def shift(self) -> int:
        """A leaf of this level maps `2 ** shift` bytes."""
        return self.index.low

    @property
    def holds_tables(self) -> bool:
        """Its entries may lead to further tables."""
        return "table" in self.entries

    @property
    def holds_leaves(self) -> bool:
        """Its entries may map pages."""
        return "leaf" in self.entries


class Grant(Part):
    """A right in `[rights]`: when an entry of each kind grants it; without a key, it always does.

    A path grants what all of its entries grant.
    """

    table: ConditionText = ALWAYS
    leaf: ConditionText = ALWAYS


class Control(Part):
    """A control in `[controls]`: a bit of the processor's state on which rules depend."""

    name: Line
    default: Annotated[bool, Field(strict=True)]
    about: Line = ""


class Accesses(Part):
    """The condition, over rights and controls, under which each access is allowed."""

    read: ConditionText
    write: ConditionText
    fetch: ConditionText


class Allow(Part):
    """`[allow]`: which accesses the rights of a path allow, by privilege."""

    supervisor: Accesses
    user: Accesses


class KeyRules(Part):
    """When a page's key forbids an access: over rights, controls and the key's `AD` and `WD`."""

    read: ConditionText = NEVER
    write: ConditionText = NEVER
    fetch: ConditionText = NEVER


class Keys(Part):
    """`[keys]`: protection keys. Bits 2k and 2k+1 of the register are AD and WD of key k."""

    register_name: Line
    bits: BitRange
    """Where a leaf holds its key."""
    supervisor: KeyRules
    user: KeyRules


class Accessed(Part):
    """`[accessed]`: the bit, in the entries that have one, that tells that the entry was used."""

    table: ConditionText | None = None
    leaf: ConditionText | None = None
    hardware: ConditionText = ALWAYS
    """Over controls: the processor sets it; where this does not hold, a clear bit is a fault."""


class Dirty(Part):
    """`[dirty]`: the bit of a leaf that tells that its page was written."""

    leaf: ConditionText
    hardware: ConditionText = ALWAYS


class Code(Part):
    """A part of a fault's code: `value` is added (by `or`) when the condition holds.

    The condition is over reasons, accesses, privileges and controls.
    """

    name: Line
    value: Annotated[int, Field(strict=True, ge=0, lt=1 << 64)]
    when: ConditionText = ALWAYS


class Fault(Part):
    """`[[fault]]`: an exception, the reasons for which it is raised, and its code."""

    name: Line
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    address: Line | None = None
    """The register that receives the address."""
    code_name: Line = "error code"
    code: tuple[Code, ...] = ()
    level: BitRange | None = None
    """Where in the code the number of the level stands; the first level is 0."""


class PagingModel(Part):
    """A memory model of `kind = "paging"`: one mode of one architecture."""

    kind: Literal["paging"]
    name: Annotated[str, StringConstraints(pattern=MODEL_PATTERN, max_length=60)]
    title: Line
    source: Annotated[tuple[Line, ...], Field(min_length=1)]
    """The manual and its sections."""
    address: Address
    root: Root
    controls: Mapping[Name, Control] = {}
    entry: Entry
    table: Entries = Entries()
    leaf: Entries = Entries()
    level: Annotated[tuple[Level, ...], Field(min_length=1, max_length=8)]
    """From the root down."""
    rights: Mapping[Right, Grant]
    allow: Allow
    keys: Keys | None = None
    accessed: Accessed | None = None
    dirty: Dirty | None = None
    fault: Annotated[tuple[Fault, ...], Field(min_length=1)]
