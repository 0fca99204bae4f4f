(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export vprop memory.
From iris.prelude Require Import options.

(** The weakest precondition of a program point.

    [swp p Q]: from the point [p], for every choice of the TLB, no step faults and none leaves the model,
    until control is at an exit [e] with [Q e].  There is one assertion [Q] over all exits: it is [False]
    where there is none.

    [vwp p Φ] is its form in [vProp]: the root register is hidden in it, so that the index of an
    assertion is always the root that the machine walks from, and [Φ e] is read in the space in which
    control reaches [e]. *)

Section swp.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p : word) (Q : word → iProp Σ) (σ : state).

  Definition swp_pre (Q : word → iProp Σ) (W : word -d> iPropO Σ) : word -d> iPropO Σ := λ p,
    (∀ σ, ⌜st_rip σ = p⌝ -∗ state_interp σ ={⊤}=∗
      (state_interp σ ∗ Q p) ∨
      |={⊤,∅}=> ∀ r, ⌜step M σ r⌝ ={∅}=∗
          ∃ σ', ⌜r = Ok σ'⌝ ∗ ▷ |={∅,⊤}=> state_interp σ' ∗ W (st_rip σ'))%I.
  Local Instance swp_pre_contractive Q : Contractive (swp_pre Q).
  Proof.
    rewrite /swp_pre => n W W' HW p.
    repeat (f_contractive || f_equiv); apply HW.
  Qed.
  Definition swp_def (p : word) (Q : word → iProp Σ) : iProp Σ := fixpoint (swp_pre Q) p.
  Definition swp_aux : seal swp_def. Proof. by eexists. Qed.
  Definition swp := swp_aux.(unseal).
  Definition swp_unseal : swp = swp_def := swp_aux.(seal_eq).

  Lemma swp_unfold p Q : swp p Q ⊣⊢ swp_pre Q (λ p, swp p Q) p.
  Proof. rewrite swp_unseal. apply (fixpoint_unfold (swp_pre Q)). Qed.

  (** The state interpretation is at hand at every point, exits included: so what is known of tables and
      claims may change there, and not only by an instruction. *)
  Lemma swp_interp p Q :
    (∀ σ, ⌜st_rip σ = p⌝ -∗ state_interp σ ={⊤}=∗ state_interp σ ∗ swp p Q) -∗ swp p Q.
  Proof.
    iIntros "H". iEval (rewrite swp_unfold). iIntros (σ Hpc) "HS".
    iMod ("H" with "[//] HS") as "[HS H]". iEval (rewrite swp_unfold) in "H".
    iApply ("H" with "[//] HS").
  Qed.
  Lemma fupd_swp p Q : (|={⊤}=> swp p Q) ⊢ swp p Q.
  Proof. iIntros "H". iApply swp_interp. iIntros (σ _) "$". iExact "H". Qed.
  Lemma swp_exit p Q : Q p ⊢ swp p Q.
  Proof. rewrite swp_unfold. iIntros "H" (σ Hpc) "HS". iModIntro. iLeft. iFrame. Qed.

  (** One step.  The successor must not depend on the translator: it never does where the claims that the
      step needs are owned. *)
  Lemma swp_lift p Q :
    (∀ σ, ⌜st_rip σ = p⌝ -∗ state_interp σ ={⊤}=∗
       ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec_next M τ σ = Ok σ'⌝ ∗
         state_interp σ' ∗ ▷ swp (st_rip σ') Q) -∗
    swp p Q.
  Proof.
    iIntros "H". rewrite (swp_unfold p). iIntros (σ Hpc) "HS". iModIntro. iRight.
    iApply fupd_mask_intro; [done|]. iIntros "Hclose" (r [t τ Hev Hτ]).
    iDestruct (state_interp_tlb _ _ Hev with "HS") as "HS".
    iMod "Hclose" as "_". iMod ("H" $! (set_tlb t σ) with "[//] HS") as (σ' Hex) "[HS HW]".
    iApply fupd_mask_intro; [done|]. iIntros "Hclose".
    iExists σ'. iSplit; [by rewrite Hex|]. iIntros "!>". iMod "Hclose" as "_". by iFrame.
  Qed.

  (** Exits compose: what runs from each exit on may be verified apart. *)
  Lemma swp_bind p Q Q' : swp p Q -∗ (∀ e, Q e -∗ swp e Q') -∗ swp p Q'.
  Proof.
    iIntros "H HQ". iLöb as "IH" forall (p). rewrite (swp_unfold p Q).
    iEval (rewrite (swp_unfold p Q')). iIntros (σ Hpc) "HS".
    iMod ("H" with "[//] HS") as "[[HS H]|H]".
    { iSpecialize ("HQ" with "H"). iEval (rewrite swp_unfold) in "HQ".
      iApply ("HQ" with "[//] HS"). }
    iModIntro. iRight. iMod "H" as "H". iIntros "!>" (r Hr).
    iMod ("H" with "[//]") as (σ' ->) "H". iIntros "!>". iExists σ'. iSplit; [done|].
    iIntros "!>". iMod "H" as "[$ H]". iModIntro. by iApply ("IH" with "H").
  Qed.
  Lemma swp_wand p Q Q' : swp p Q -∗ (∀ e, Q e -∗ Q' e) -∗ swp p Q'.
  Proof.
    iIntros "H HQ". iApply (swp_bind with "H"). iIntros (e) "H". iApply swp_exit. by iApply "HQ".
  Qed.
  Lemma swp_mono p Q Q' : (∀ e, Q e ⊢ Q' e) → swp p Q ⊢ swp p Q'.
  Proof. iIntros (HQ) "H". iApply (swp_wand with "H"). iIntros (e). iApply HQ. Qed.
  Lemma swp_frame_l p Q R : R ∗ swp p Q ⊢ swp p (λ e, R ∗ Q e).
  Proof. iIntros "[HR H]". iApply (swp_wand with "H"). iIntros (e) "H". iFrame. Qed.
  Lemma swp_fupd p Q : swp p (λ e, |={⊤}=> Q e) ⊢ swp p Q.
  Proof.
    iIntros "H". iApply (swp_bind with "H"). iIntros (e) "H".
    iApply fupd_swp. iMod "H". iModIntro. by iApply swp_exit.
  Qed.
End swp.

Section vwp.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p root : word) (Φ : word → vProp Σ) (P : vProp Σ).

  Definition vwp (p : word) (Φ : word → vProp Σ) : vProp Σ :=
    space_pred (λ root, CR3 ↦ᵣ root -∗ swp p (λ e, ∃ root', CR3 ↦ᵣ root' ∗ Φ e root'))%I.

  Lemma vwp_at p Φ root :
    vwp p Φ root ⊣⊢ (CR3 ↦ᵣ root -∗ swp p (λ e, ∃ root', CR3 ↦ᵣ root' ∗ Φ e root')).
  Proof. done. Qed.

  Lemma vwp_exit p Φ : Φ p ⊢ vwp p Φ.
  Proof.
    constructor=> root. rewrite vwp_at. iIntros "H Hc". iApply swp_exit. iExists root. iFrame.
  Qed.
  Lemma fupd_vwp p Φ : (|={⊤}=> vwp p Φ) ⊢ vwp p Φ.
  Proof.
    constructor=> root. rewrite monPred_at_fupd !vwp_at. iIntros "H Hc".
    iApply fupd_swp. iMod "H". iModIntro. by iApply "H".
  Qed.
  (** Exits are reached in whatever space is current there: so what follows holds in every space. *)
  Lemma vwp_bind p Φ Φ' : vwp p Φ -∗ ⎡∀ e root, Φ e root -∗ vwp e Φ' root⎤ -∗ vwp p Φ'.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> root.
    rewrite monPred_at_sep monPred_at_embed !vwp_at. iIntros "[H HΦ] Hc".
    iApply (swp_bind with "[H Hc]"); [by iApply "H"|]. iIntros (e) "(%root' & Hc & H)".
    iDestruct ("HΦ" with "H") as "H". rewrite vwp_at. by iApply "H".
  Qed.
  Lemma vwp_mono p Φ Φ' : (∀ e, Φ e ⊢ Φ' e) → vwp p Φ ⊢ vwp p Φ'.
  Proof.
    intros HΦ. constructor=> root. rewrite !vwp_at. iIntros "H Hc".
    iApply (swp_mono with "(H Hc)"). iIntros (e) "(%root' & Hc & H)". iExists root'.
    iFrame "Hc". by iApply HΦ.
  Qed.
  (** Facts that do not depend on the space are framed over the change of space. *)
  Lemma vwp_frame_l p Φ P `{!Objective P} : P ∗ vwp p Φ ⊢ vwp p (λ e, P ∗ Φ e).
  Proof.
    constructor=> root. rewrite monPred_at_sep !vwp_at. iIntros "[HP H] Hc".
    iApply (swp_wand with "(H Hc)"). iIntros (e) "(%root' & Hc & H)". iExists root'.
    rewrite monPred_at_sep. iFrame "Hc H". by rewrite (objective_at P root root').
  Qed.
End vwp.

Global Typeclasses Opaque vwp.
Notation "'WP' p {{ e , Q } }" := (vwp p (λ e, Q))
  (at level 20, p, e, Q at level 200, format "'[hv' 'WP'  p  '/' {{  '[' e ,  '/' Q  ']' } } ']'")
  : bi_scope.
