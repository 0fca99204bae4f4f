(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export denote.
From rocqgen.adequacy Require Export closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Symbolic states, at values of their variables, as lists of resources: so the specification of a
    fragment is instantiated at an image by computation. *)

Definition item_resource (ρ : env) (i : item) : resource :=
  match i with
  | IVirt w r a q v => RVirt w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ v)
  | IPhys a q v => RPhys (eval ρ a) (feval ρ q) (eval ρ v)
  | IClaim w r a q pa => RClaim w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ pa)
  end.
Definition body_resources (base : expr) (code : code_list) (ρ : env) (s : sstate) : list resource :=
  map (λ x, RReg x.1 (eval ρ x.2)) (s_regs s) ++
  map (item_resource ρ) (s_items s) ++
  map (λ x, RCode (eval ρ x.1) (eval ρ base) code (feval ρ x.2)) (s_code s).
(** The root register among them. *)
Definition state_resources (base : expr) (code : code_list) (ρ : env) (s : sstate) : list resource :=
  RReg CR3 (eval ρ (s_root s)) :: body_resources base code ρ s.

Section engine.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).

  Lemma dbody_resources s :
    dbody base code ρ s ⊣⊢
    (∃ f, flags_pt f) ∗ [∗ list] x ∈ body_resources base code ρ s, res_prop x.
  Proof using Type.
    rewrite /dbody /body_resources !big_sepL_app. f_equiv. f_equiv; [|f_equiv].
    - induction (s_regs s) as [|[r e] l IH]; [done|]. by rewrite /= IH.
    - induction (s_items s) as [|i l IH]; [done|]. rewrite /= IH. by destruct i.
    - induction (s_code s) as [|[r q] l IH]; [done|]. by rewrite /= IH.
  Qed.
  Lemma denote_resources s :
    denote base code ρ s ⊣⊢
    (∃ f, flags_pt f) ∗ [∗ list] x ∈ state_resources base code ρ s, res_prop x.
  Proof using Type.
    rewrite /denote dbody_resources /state_resources big_sepL_cons /=.
    iSplit; iIntros "($ & $ & $)".
  Qed.
End engine.
