(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export tactics.
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

Declare Reduction readable_under := cbv beta iota zeta delta [
  under conj holds env_set env_word env_frac env_words env_fracs tree_get tree_set tree_single
  eval feval map fst snd ].

(** The readable statement from the check [run]; leaves, where there are any, the residual facts from the
    facts of the precondition and the names' equations. *)
Ltac fragment_proof run ρ ::=
  let Hkernel := fresh "Hkernel" in
  intros Hkernel;
  lazymatch type of run with
  | check ?fuel ?hs ?sp = Residual ?n ?ds ?facts =>
    notypeclasses refine (fragment_sound fuel hs sp ρ n ds facts run Hkernel _);
    lazymatch facts with
    | [] => exact (λ _, I)
    | _ =>
      let Q := constr:(λ ρ', conj (map (λ x : tag * fact, holds ρ' x.2) facts)) in
      let ρ' := eval hnf in ρ in
      let pre := eval vm_compute in (s_facts (sp_pre sp)) in
      refine (λ H, under_ext ρ ds Q (_ H));
      let G := eval readable_under in (conj (map (holds ρ') pre) → under ρ' ds Q) in
      change G
    end
  end.
