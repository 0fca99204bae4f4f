(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import countable list.
From rocqgen.base Require Export words.
From iris.prelude Require Import options.

(** The instructions, in Intel operand order.  [rocqgen/source/machine.py] mirrors these types. *)

(** Registers that instructions name, in ModRM order, the root of translation, and the other control
    registers.  Only the moves made for them reach the latter: no other instruction that names one can be
    encoded, the decoder gives none, and the logic proves nothing of one for [CR3]. *)
Inductive reg :=
  | RAX | RCX | RDX | RBX | RSP | RBP | RSI | RDI
  | R8 | R9 | R10 | R11 | R12 | R13 | R14 | R15
  | CR3 | CR0 | CR4.

Definition all_regs : list reg :=
  [RAX; RCX; RDX; RBX; RSP; RBP; RSI; RDI; R8; R9; R10; R11; R12; R13; R14; R15; CR3; CR0; CR4].

(** Equality by computation: the engine's and the proofs' only way to compare registers. *)
Definition reg_eqb (r s : reg) : bool :=
  match r, s with
  | RAX, RAX | RCX, RCX | RDX, RDX | RBX, RBX | RSP, RSP | RBP, RBP | RSI, RSI | RDI, RDI
  | R8, R8 | R9, R9 | R10, R10 | R11, R11 | R12, R12 | R13, R13 | R14, R14 | R15, R15
  | CR3, CR3 | CR0, CR0 | CR4, CR4 => true
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
  | CR3 => 16 | CR0 => 17 | CR4 => 18
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

(** How many bits an instruction works on. *)
Inductive width := W8 | W16 | W32 | W64.
Definition width_bits (w : width) : Z :=
  match w with W8 => 8 | W16 => 16 | W32 => 32 | W64 => 64 end.
Definition width_bytes (w : width) : nat :=
  match w with W8 => 1 | W16 => 2 | W32 => 4 | W64 => 8 end.

(** Operations on two operands of one width; rotates and shifts take their count in the second. *)
Inductive alu :=
  | AluAdd | AluSub | AluAnd | AluOr | AluXor
  | AluShl | AluShr | AluSar | AluRol | AluRor
  | AluMul.
Inductive unary := UnInc | UnDec | UnNeg | UnNot.
(** What becomes of the bit that is copied to CF. *)
Inductive bit_op := BitTest | BitSet | BitReset | BitComplement.

(** Conditions on the flags, in the order of their encoding: SDM vol. 1, table B-1. *)
Inductive cond :=
  | CondO | CondNO | CondB | CondAE | CondE | CondNE | CondBE | CondA
  | CondS | CondNS | CondP | CondNP | CondL | CondGE | CondLE | CondG.

Inductive instr :=
  | Mov (w : width) (d s : operand)
  | Movzx (w from : width) (d : reg) (s : operand)
  | Movsx (w from : width) (d : reg) (s : operand)
  | Lea (w : width) (d : reg) (a : addr)
  | Alu (op : alu) (w : width) (d s : operand)
  | Adc (w : width) (d s : operand)
  | Sbb (w : width) (d s : operand)
  | Cmp (w : width) (a b : operand)
  | Test (w : width) (a b : operand)
  | Unary (op : unary) (w : width) (d : operand)
  | Imul (w : width) (d : reg) (a b : operand)
  | Bit (op : bit_op) (w : width) (d i : operand)
  | Xchg (w : width) (d : operand) (s : reg)
  | Cmpxchg (w : width) (d : operand) (s : reg)
  | Xadd (w : width) (d : operand) (s : reg)
  | Setcc (c : cond) (d : operand)
  | Cmovcc (c : cond) (w : width) (d : reg) (s : operand)
  | Jcc (c : cond) (distance : Z)
  | Push (s : operand)
  | Pop (d : operand)
  | Call (t : target)
  | Ret
  | Jmp (t : target)
  | Leave
  | RepStosq                 (* F3 48 AB: three bytes *)
  | Invlpg (a : addr)
  | MovToCr3 (s : reg)
  | MovFromCr3 (d : reg)
  | MovToCr0 (s : reg)
  | MovFromCr0 (d : reg)
  | MovToCr4 (s : reg)
  | MovFromCr4 (d : reg)
  | Nop.

Global Instance width_eq_dec : EqDecision width.
Proof. solve_decision. Defined.
Global Instance alu_eq_dec : EqDecision alu.
Proof. solve_decision. Defined.
Global Instance unary_eq_dec : EqDecision unary.
Proof. solve_decision. Defined.
Global Instance bit_op_eq_dec : EqDecision bit_op.
Proof. solve_decision. Defined.
Global Instance cond_eq_dec : EqDecision cond.
Proof. solve_decision. Defined.
Global Instance addr_eq_dec : EqDecision addr.
Proof. solve_decision. Defined.
Global Instance operand_eq_dec : EqDecision operand.
Proof. solve_decision. Defined.
Global Instance target_eq_dec : EqDecision target.
Proof. solve_decision. Defined.
Global Instance instr_eq_dec : EqDecision instr.
Proof. solve_decision. Defined.
