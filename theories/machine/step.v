(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export exec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** One step of the bare machine, as a relation that is free in the TLB alone, and as a function that
    always walks. *)

Definition root_of (σ : state) : word := default (Z_to_bv 64 0) (st_regs σ !! CR3).

Inductive step (M : machine) (σ : state) : result state → Prop :=
  | step_with t τ :
      tlb_evolves (cfg_mode (m_config M)) (st_mem σ) (root_of σ) (st_tlb σ) t →
      (∀ a va, translates (m_config M) (st_mem σ) t (root_of σ) a va (τ a va)) →
      step M σ (exec_next M τ (set_tlb t σ)).

Definition walker (M : machine) (σ : state) : translator :=
  walk_translate (m_config M) (st_mem σ) (root_of σ).
Definition step_fun (M : machine) (σ : state) : result state := exec_next M (walker M σ) σ.

(** The function is one of the relation's choices: so the relation is never empty. *)
Lemma step_fun_step M σ : step M σ (step_fun M σ).
Proof.
  assert (Hσ : set_tlb (st_tlb σ) σ = σ) by by destruct σ.
  rewrite /step_fun -{3}Hσ. apply step_with.
  - intros e He. by left.
  - intros a va. apply translates_walk.
Qed.

Inductive steps (M : machine) : nat → state → state → Prop :=
  | steps_O σ : steps M 0 σ σ
  | steps_S n σ σ' σ'' : step M σ (Ok σ') → steps M n σ' σ'' → steps M (S n) σ σ''.

(** [n] steps of the function, as far as they go. *)
Fixpoint run (M : machine) (n : nat) (σ : state) : result state :=
  match n with O => Ok σ | S n => σ' ← step_fun M σ; run M n σ' end.

(** A state is safe where no choice of the TLB leads to a fault or out of the model. *)
Definition safe (M : machine) (σ : state) : Prop := ∀ r, step M σ r → ∃ σ', r = Ok σ'.
