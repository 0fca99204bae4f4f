(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export arith paging tlb.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The state of one processor and its physical memory. *)

Record state := State {
  st_rip : word;
  st_regs : gmap reg word;
  st_flags : flags;
  st_mem : memory;
  st_tlb : tlb;
}.

Definition set_rip (v : word) (σ : state) : state :=
  State v (st_regs σ) (st_flags σ) (st_mem σ) (st_tlb σ).
Definition set_reg (r : reg) (v : word) (σ : state) : state :=
  State (st_rip σ) (<[r := v]> (st_regs σ)) (st_flags σ) (st_mem σ) (st_tlb σ).
Definition set_flags (f : flags) (σ : state) : state :=
  State (st_rip σ) (st_regs σ) f (st_mem σ) (st_tlb σ).
Definition set_mem (m : memory) (σ : state) : state :=
  State (st_rip σ) (st_regs σ) (st_flags σ) m (st_tlb σ).
Definition set_tlb (t : tlb) (σ : state) : state :=
  State (st_rip σ) (st_regs σ) (st_flags σ) (st_mem σ) t.

Definition get_reg (σ : state) (r : reg) : result word :=
  match st_regs σ !! r with Some v => Ok v | None => Stuck NoRegister end.

(** Code: the instruction that starts at a physical address, with its length in bytes.  It is immutable
    and lies outside data memory. *)
Notation code_image := (gmap Z (instr * Z)).

(** What does not change while code runs. *)
Record machine := Machine { m_config : config; m_image : code_image }.

(** A machine is real at a memory only if no byte of the image is data: a store would change code. *)
Definition code_apart (M : machine) (m : memory) : bool :=
  forallb (λ x : Z * (instr * Z),
    forallb (λ k, bool_decide (m !! (x.1 + Z.of_nat k) = None)) (seq 0 (Z.to_nat x.2.2)))
    (map_to_list (m_image M)).
