(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export fragment.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Names that a run has given to its results: in the facts that it leaves they are variables with an
    equation each, so that the facts stay as small as the run made them.  Values put in for the names
    would double in size with each of them; so [solve_fact] does not look at the equations, which are behind
    [stands_for]. *)

Definition stands_for (v e : word) : Prop := v = e.

Fixpoint under (ρ : env) (ds : defs) (P : env → Prop) : Prop :=
  match ds with
  | [] => P ρ
  | (x, e) :: ds => ∀ v : word, stands_for v (eval ρ e) → under (env_set ρ x v) ds P
  end.

Lemma under_ext ρ ds P : under ρ ds P → P (ext ρ ds).
Proof.
  revert ρ. induction ds as [|[x e] ds IH]; intros ρ; simpl; [done|].
  intros H. apply (IH (env_set ρ x (eval ρ e))), H. done.
Qed.
