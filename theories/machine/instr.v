(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import countable list.
From rocqgen.base Require Export words.
From iris.prelude Require Import options.

(** The instructions: 64-bit operand size, Intel operand order.  [rocqgen/source/machine.py] mirrors
    these types constructor by constructor. *)

(** Registers that instructions name, in ModRM order, and the root of translation.  Only [MovToCr3] and
    [MovFromCr3] reach [CR3]: no other instruction that names it can be encoded, the decoder gives none,
    and the logic proves nothing of one. *)
Inductive reg :=
  | RAX | RCX | RDX | RBX | RSP | RBP | RSI | RDI
  | R8 | R9 | R10 | R11 | R12 | R13 | R14 | R15
  | CR3.

Definition all_regs : list reg :=
  [RAX; RCX; RDX; RBX; RSP; RBP; RSI; RDI; R8; R9; R10; R11; R12; R13; R14; R15; CR3].

(** Equality by computation: the engine's and the proofs' only way to compare registers. *)
Definition reg_eqb (r s : reg) : bool :=
  match r, s with
  | RAX, RAX | RCX, RCX | RDX, RDX | RBX, RBX | RSP, RSP | RBP, RBP | RSI, RSI | RDI, RDI
  | R8, R8 | R9, R9 | R10, R10 | R11, R11 | R12, R12 | R13, R13 | R14, R14 | R15, R15
  | CR3, CR3 => true
  | _, _ => false
  end.

Lemma reg_eqb_spec r s : reflect (r = s) (reg_eqb r s).
Proof. by destruct r, s; constructor. Qed.

Global Instance reg_eq_dec : EqDecision reg.
Proof. solve_decision. Defined.

Definition reg_code (r : reg) : nat :=
  match r with
  | RAX => 0 | RCX => 1 | RDX => 2 | RBX => 3 | RSP => 4 | RBP => 5 | RSI => 6 | RDI => 7
  | R8 => 8 | R9 => 9 | R10 => 10 | R11 => 11 | R12 => 12 | R13 => 13 | R14 => 14 | R15 => 15
  | CR3 => 16
  end.

Global Instance reg_countable : Countable reg.
Proof.
  refine (inj_countable reg_code (λ n, all_regs !! n) _). by intros [].
Defined.

(** [disp(base, index, scale)]; relative to the next instruction where [a_rip]. *)
Record addr := Addr {
  a_rip : bool;
  a_base : option reg;
  a_index : option (reg * Z);
  a_disp : Z;
}.

(** [disp(base)]. *)
Definition base_disp (b : reg) (d : Z) : addr := Addr false (Some b) None d.

(** Immediates are given sign-extended. *)
Inductive operand :=
  | OReg (r : reg)
  | OImm (i : Z)
  | OMem (a : addr).

(** Where control goes: relative to the next instruction, or through an operand. *)
Inductive target :=
  | TRel (d : Z)
  | TInd (o : operand).

Inductive alu := AluAdd | AluSub | AluAnd | AluOr | AluXor | AluShl | AluShr.

Inductive instr :=
  | Mov (d s : operand)
  | Alu (op : alu) (d s : operand)
  | Lea (d : reg) (a : addr)
  | Push (s : operand)
  | Pop (d : operand)
  | Call (t : target)
  | Ret
  | Jmp (t : target)
  | MovToCr3 (s : reg)
  | MovFromCr3 (d : reg)
  | Nop.
