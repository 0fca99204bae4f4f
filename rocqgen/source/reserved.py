# SPDX-License-Identifier: Apache-2.0
"""Names that an annotation may not bind, and names that are made for generated theories.

Everything that a fragment contributes to a theory as an identifier passes through here, so that no
text of a user's file can end a sentence of the generated theory or capture a name in it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from rocqgen.source.machine import Reg

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_']*\Z")
"""Identifiers that are safe in Rocq; a single quote may not come first."""

MAX_LENGTH = 64
"""The longest name that an annotation may bind."""

REGISTERS = {reg.value: reg for reg in Reg}
"""The registers that `|->r` accepts, by name."""

_KEYWORDS = "spec forall space requires exit exists ensures code emp at expect invariant assume"
KEYWORDS = frozenset(_KEYWORDS.split())
"""Words of the annotation language."""

_ROCQ = """
    Axiom CoFixpoint Definition Fixpoint Hypothesis Parameter Prop SProp Set Theorem Type Variable
    as at by cofix else end exists exists2 fix for forall fun if in let match return then using
    where with
    Abort About Add Admitted Admit Arguments Axioms Bind Canonical Check Class Close Coercion
    CoInductive Compute Conjecture Constraint Context Corollary Create Declare Defined Delimit
    Derive Drop End Eval Example Existing Export Extract Fact Fail From Function Functional
    Generalizable Global Goal Hint Hypotheses Import Include Inductive Infix Instance Lemma Let
    Load Local
    Locate Ltac Ltac2 Module Monomorphic Next Notation Obligation Opaque Open Parameters
    Polymorphic Primitive Print Program Proof Proposition Qed Quit Record Redirect Register Remark
    Remove Require Reserved Reset Restart Save Scheme Search Section Show Strategy Structure Tactic
    Test Time Timeout Transparent Undo Universe Unset Variables Variant
    admit fail fresh idtac lazymatch multimatch only solve type
"""
ROCQ = frozenset(_ROCQ.split())
"""Keywords and commands of Rocq, Gallina and Ltac."""

_GENERATED = """
    True False I eq not and or iff ex nat O S Z N Qp Q R positive bool true false list nil cons
    option None Some prod pair unit tt sum inl inr string ascii fst snd
    bv word root fraction byte frac iProp vProp monPred gFunctors bi envs
    WP own later bupd fupd wp spec_pre spec_post
"""
GENERATED = frozenset(_GENERATED.split())
"""Names that generated theories use without qualification; extend it with the templates."""

_FOREIGN = """
    rip eip ip rflags eflags
    eax ecx edx ebx esp ebp esi edi ax cx dx bx sp bp si di al cl dl bl spl bpl sil dil ah ch dh bh
    cs ds es fs gs ss
"""
_FOREIGN_REGISTERS = frozenset(
    _FOREIGN.split()
    + [f"r{n}{size}" for n in range(8, 16) for size in "dwb"]
    + [f"{kind}{n}" for kind in ("cr", "dr") for n in range(9)]
    + [f"{kind}{n}" for kind in ("xmm", "ymm", "zmm") for n in range(32)]
    + [f"{kind}{n}" for kind in ("mm", "k") for n in range(8)]
)


def is_register(ident: str) -> bool:
    """Whether `ident` is a register of x86-64, of any size, in any case."""
    return ident.lower() in REGISTERS or ident.lower() in _FOREIGN_REGISTERS


def why_refused(ident: str) -> str | None:
    """Why an annotation may not bind `ident`; `None` if it may."""
    if not IDENTIFIER.match(ident):
        return "a name is a letter followed by letters, digits, `_` and `'`"
    if len(ident) > MAX_LENGTH:
        return f"a name has at most {MAX_LENGTH} characters"
    if is_register(ident):
        return "it is a register: a parameter that stands for its value needs a name of its own"
    if ident in KEYWORDS:
        return "it is a word of the annotation language"
    if ident in ROCQ:
        return "it is a word of Rocq"
    if ident in GENERATED or ident.startswith("rocqgen"):
        return "it has a meaning in generated theories"
    return None


def theory_name(path: str | PurePath, entry: str) -> str:
    """The module name of the theory of the fragment `entry` of the file `path`.

    It is made of the file's name without its suffix and the entry, shortened to one where they
    are equal; a digest stands for what could not be kept.
    """
    stem = PurePath(path).name
    stem = stem.removesuffix(PurePath(path).suffix)
    whole = stem if stem == entry else f"{stem}_{entry}"
    name = re.sub(r"[^A-Za-z0-9_]", "_", whole)
    if not name[:1].isalpha():
        name = f"f_{name}"
    lossy = re.search(r"[^A-Za-z0-9_.-]", whole) is not None
    if lossy or len(name) > 2 * MAX_LENGTH or why_refused(name[:MAX_LENGTH]) is not None:
        digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        name = f"{name[: 2 * MAX_LENGTH]}_{digest}"
    return name
