(* SPDX-License-Identifier: Apache-2.0 *)
From iris.bi.lib Require Import fractional.
From iris.proofmode Require Import environments proofmode monpred.
From rocqgen.logic Require Import vprop modality.
From iris.prelude Require Import options.

(** [@[r]] in the proof mode: one test for each instance, and what must fail. *)

Section tests.
  Context `{!invGS_gen hlc Σ}.
  Context (P Q R : vProp Σ) (A B : iProp Σ) (Φ : nat → vProp Σ).
  Context (r s : bv 64).

  (** * The notation *)
  Check (@[r] P)%I.
  Check (@[r] ▷ @[s] P ∗ Q)%I.
  Check (fun (T : Type) (l : list T) => @nil T).
  Lemma parse_level : (@[r] P ∗ Q)%I = ((@[r] P) ∗ Q)%I.
  Proof. reflexivity. Qed.

  (** * Conversion: cheap proofs rely on it *)
  Lemma at_root_space_pred_conversion (f : bv 64 → iProp Σ) :
    (@[r] space_pred f)%I = ⎡f r⎤%I.
  Proof. reflexivity. Qed.

  (** * Assertions given by a function of the root *)
  Lemma space_pred_instances (f : bv 64 → iProp Σ) :
    (∀ t, Persistent (f t)) → (∀ t, Timeless (f t)) →
    ▷ space_pred f ⊢ |={⊤}=> space_pred f ∗ space_pred f.
  Proof. iIntros (??) ">#H". iModIntro. iSplit; iExact "H". Qed.
  Lemma space_pred_fraction (h : Qp → bv 64 → iProp Σ) :
    (∀ t, Fractional (λ q, h q t)) →
    @[r] space_pred (h 1%Qp) ⊢
    @[r] space_pred (h (1/2)%Qp) ∗ @[r] space_pred (h (1/2)%Qp).
  Proof.
    intros ?. rewrite -{1}Qp.half_half.
    by rewrite (fractional (Φ:=λ q, @[r] space_pred (h q))%I).
  Qed.
  Lemma big_sep_enter (l : list nat) :
    ([∗ list] x ∈ l, @[r] Φ x) ⊢ @[r] ([∗ list] x ∈ l, Φ x).
  Proof. rewrite at_root_big_sepL. iIntros "$". Qed.

  (** * Splitting and opening *)
  Lemma into_sep : @[r] (P ∗ Q) ⊢ @[r] Q ∗ @[r] P.
  Proof. iIntros "[HP HQ]". iSplitL "HQ"; iAssumption. Qed.
  Lemma from_sep : @[r] P -∗ @[r] Q -∗ @[r] (P ∗ Q).
  Proof. iIntros "HP HQ". iSplitL "HP"; iAssumption. Qed.
  Lemma into_and : @[r] (P ∧ Q) ⊢ @[r] P.
  Proof. iIntros "H". iDestruct "H" as "[$ _]". Qed.
  Lemma into_and_intuitionistic : □ @[r] (P ∧ Q) ⊢ @[r] P ∗ @[r] Q.
  Proof. iIntros "#[HP HQ]". iSplitL; iAssumption. Qed.
  Lemma from_and : □ @[r] P ⊢ @[r] (P ∧ P).
  Proof. iIntros "#HP". iSplit; iAssumption. Qed.
  Lemma or : @[r] (P ∨ Q) ⊢ @[r] (Q ∨ P).
  Proof. iIntros "[H|H]"; [iRight|iLeft]; iAssumption. Qed.
  Lemma exist : @[r] (∃ x, Φ x) ⊢ @[r] (∃ y, Φ y).
  Proof. iIntros "[%z H]". iExists z. iAssumption. Qed.
  Lemma forall_ : @[r] (∀ x, Φ x) ⊢ @[r] (∀ y, Φ y).
  Proof. iIntros "H" (z). iDestruct ("H" $! z) as "$". Qed.
  Lemma pure_ (φ : Prop) : @[r] (⌜φ⌝ ∗ P) ⊢ @[s] ⌜φ⌝.
  Proof. iIntros "[%Hφ _]". iPureIntro. exact Hφ. Qed.
  Lemma eq (x y : nat) : @[r] (P ∗ ⌜x = y⌝) ⊢ ⌜y = x⌝.
  Proof. iIntros "[_ ->]". done. Qed.
  Lemma internal_eq (X Y : iProp Σ) : @[r] (X ≡ Y : vProp Σ) ⊢ (Y ≡ X : vProp Σ).
  Proof. iIntros "H". iRewrite "H". done. Qed.
  Lemma persistent : @[r] □ P ⊢ @[r] P ∗ @[r] P.
  Proof. iIntros "#HP". iSplitL; iAssumption. Qed.
  Lemma persistent_from : □ @[r] P ⊢ @[r] □ P.
  Proof. iIntros "#HP". iModIntro (□ _)%I. iAssumption. Qed.
  Lemma wand : @[r] (P -∗ Q) -∗ @[r] P -∗ @[r] Q.
  Proof. iIntros "HPQ HP". iApply ("HPQ" with "HP"). Qed.
  Lemma wand_intro : @[r] Q ⊢ @[r] (P -∗ P ∗ Q).
  Proof. iIntros "HQ HP". iFrame. Qed.
  Lemma wand_objective : @[r] (⎡A⎤ -∗ Q) -∗ ⎡A⎤ -∗ @[r] Q.
  Proof. iIntros "HAQ HA". iApply ("HAQ" with "HA"). Qed.
  Lemma impl_intro : □ @[r] Q ⊢ @[r] (P → Q).
  Proof. iIntros "#HQ _". iAssumption. Qed.

  (** * Assumptions, framing, combining *)
  Lemma assumption_objective_r : ⎡A⎤ ⊢ @[r] ⎡A⎤.
  Proof. iIntros "HA". iAssumption. Qed.
  Lemma assumption_objective_l : @[r] ⎡A⎤ ⊢ ⎡A⎤.
  Proof. iIntros "HA". iAssumption. Qed.
  Lemma frame_under : @[r] P -∗ @[s] Q -∗ ⎡A⎤ -∗ @[r] (P ∗ ⎡A⎤ ∗ @[s] Q).
  Proof. iIntros "HP HQ HA". iFrame. Qed.
  Lemma frame_exist : @[r] Φ 3 -∗ @[r] Q -∗ @[r] (∃ x, Φ x ∗ Q).
  Proof. iIntros "HΦ HQ". iFrame. Qed.
  Lemma frame_rest : @[r] P -∗ @[r] Q -∗ @[r] (P ∗ Q).
  Proof.
    iIntros "HP HQ". iFrame "HP".
    lazymatch goal with |- envs_entails _ (@[r] Q)%I => idtac end. iAssumption.
  Qed.
  Lemma combine : @[r] P -∗ @[r] Q -∗ @[r] (P ∗ Q).
  Proof. iIntros "HP HQ". iCombine "HP HQ" as "H". iExact "H". Qed.
  Lemma fractions (Ψ : Qp → vProp Σ) `{!Fractional Ψ} :
    (∀ q, AsFractional (Ψ q) Ψ q) →
    @[r] Ψ 1%Qp ⊢ @[r] Ψ (1/2)%Qp ∗ @[r] Ψ (1/2)%Qp.
  Proof.
    iIntros (?) "[H1 H2]". iCombine "H1 H2" as "H".
    iDestruct "H" as "[$ $]".
  Qed.

  (** * Laters and updates *)
  Lemma later_under : @[r] ▷ P ⊢ ▷ @[r] P.
  Proof. iIntros "H". iNext. iExact "H". Qed.
  Lemma later_goal : ▷ @[r] P ⊢ @[r] ▷ P.
  Proof. iIntros "H". iNext. iExact "H". Qed.
  Lemma later_enter : ▷ @[r] P ⊢ @[r] ▷ P.
  Proof. iIntros "H". iModIntro. iNext. iExact "H". Qed.
  Lemma timeless `{!Timeless P} : @[r] ▷ P ⊢ |={⊤}=> @[r] P.
  Proof. iIntros ">H". iModIntro. iExact "H". Qed.
  Lemma fupd_hyp E : (@[r] |={E}=> P) ⊢ |={E}=> @[r] P.
  Proof. iIntros "H". iMod "H". iModIntro. iExact "H". Qed.
  Lemma fupd_goal E : (|={E}=> @[r] P) ⊢ @[r] |={E}=> P.
  Proof. iIntros "H". iMod "H". iModIntro (|={E}=> _)%I. iExact "H". Qed.
  Lemma fupd_both E1 E2 E3 : (@[r] |={E1,E2}=> P) -∗
    @[s] (|={E2,E3}=> Q) -∗ @[r] |={E1,E3}=> P ∗ @[s] Q.
  Proof. iIntros "HP HQ". iMod "HP". iMod "HQ". iEnter. iFrame. done. Qed.
  Lemma bupd_both : (@[r] |==> P) -∗ @[s] (|==> Q) -∗ @[r] |==> P ∗ @[s] Q.
  Proof. iIntros "HP HQ". iMod "HP". iMod "HQ". iEnter. iFrame. done. Qed.

  (** * Entering a space *)
  Lemma enter : @[r] P -∗ ⎡A⎤ -∗ @[s] Q -∗ □ @[r] R -∗ @[r] (P ∗ ⎡A⎤ ∗ @[s] Q ∗ R).
  Proof.
    iIntros "HP HA HQ #HR". iModIntro.
    iSplitL "HP"; [iExact "HP"|]. iSplitL "HA"; [iExact "HA"|].
    iSplitL "HQ"; [iExact "HQ"|]. iExact "HR".
  Qed.
  Lemma enter_structure : ▷ (@[r] P ∗ ⎡A⎤) -∗ (∃ x, @[r] Φ x) -∗
    @[r] (▷ P ∗ ∃ x, Φ x).
  Proof.
    iIntros "H HΦ". iEnter. iSplitL "H"; [|iExact "HΦ"].
    iDestruct "H" as "[H _]". iExact "H".
  Qed.
  Lemma enter_in_space : in_space s -∗ @[r] P -∗ @[r] (in_space r ∗ P).
  Proof.
    iIntros "#Hs HP". iEnter as "#Hr". Fail iClear "Hs". iFrame "HP Hr".
  Qed.
  Lemma enter_keep_in_space : in_space (Σ:=Σ) r -∗ @[r] in_space r.
  Proof. iIntros "Hr". iEnter. iExact "Hr". Qed.
  Lemma enter_refuses : P -∗ @[r] Q -∗ @[r] Q.
  Proof.
    iIntros "HP HQ". Fail iModIntro. Fail iIntros "!>". Fail iEnter.
    iClear "HP". iEnter. iExact "HQ".
  Qed.
  Lemma enter_refuses_intuitionistic : □ P -∗ @[r] Q -∗ @[r] Q.
  Proof.
    iIntros "#HP HQ". Fail iModIntro. Fail iEnter.
    iClear "HP". iEnter. iExact "HQ".
  Qed.
  (** A refusal does not try each hypothesis in several ways: this would not end. *)
  Lemma enter_refuses_soon :
    P ⊢ Nat.iter 20 (λ X, @[r] Q -∗ (@[r] R ∗ @[r] R) -∗ X)%I (@[r] Q).
  Proof.
    simpl. iIntros "HP". do 40 iIntros "?". Fail iModIntro.
    iClear "HP". iEnter. iAssumption.
  Qed.
  Lemma enter_refuses_not_objective : (@[r] P ∗ Q) -∗ @[r] P.
  Proof. iIntros "H". Fail iEnter. iDestruct "H" as "[$ _]". Qed.
  Lemma enter_not_modal : P ⊢ P.
  Proof. iIntros "HP". Fail iEnter. Fail iEnter as "Hr". iExact "HP". Qed.

  (** * Tagging and untagging *)
  Lemma tag_context :
    in_space s -∗ P -∗ □ Q -∗ ⎡A⎤ -∗ @[r] R -∗ @[r] (@[s] P ∗ @[s] Q ∗ ⎡A⎤ ∗ R).
  Proof.
    iIntros "#Hs HP #HQ HA HR". iEnter from "Hs".
    iSplitL "HP"; [iExact "HP"|]. iSplitR; [iExact "HQ"|]. iFrame.
  Qed.
  Lemma tag_spatial_in_space : in_space s -∗ P -∗ @[s] P.
  Proof. iIntros "Hs HP". iTag "Hs". iExact "HP". Qed.
  Lemma untag_context : in_space r -∗ @[r] P -∗ □ @[r] Q -∗ @[s] R -∗ @[r] (P ∗ Q ∗ @[s] R).
  Proof.
    iIntros "#Hr HP #HQ HR". iUntag "Hr".
    iSplitL "HP"; [iExact "HP"|]. iSplitR; [iExact "HQ"|iExact "HR"].
  Qed.
  (** There and back: nothing is lost. *)
  Lemma round_trip : in_space s -∗ P -∗ @[r] Q -∗ @[r] (Q ∗ @[s] (P ∗ in_space s)).
  Proof.
    iIntros "#Hs HP HQ". iEnter from "Hs" as "#Hr". iFrame "HQ".
    iEnter as "#Hs". iFrame "HP Hs".
  Qed.
  Lemma tag_needs_in_space : P -∗ @[r] Q -∗ True.
  Proof. iIntros "HP HQ". Fail iTag "HP". Fail iTag "Hx". Fail iUntag "HP". done. Qed.

  (** * In a proof about one index *)
  Lemma at_index : in_space r -∗ P -∗ @[r] P.
  Proof. iStartProof (iProp _). iIntros (i) "%Hi". change (r = i) in Hi. subst i.
    iIntros (j Hj). change (r = j) in Hj. subst j. iIntros "HP". iExact "HP".
  Qed.
End tests.

(** * What does not hold *)
Section counterexamples.
  Context {Σ : gFunctors}.

  Lemma no_untag_in_proof_mode (P : vProp Σ) r : @[r] P ⊢ P ∨ True.
  Proof.
    iIntros "HP". Fail iExact "HP". Fail iAssumption.
    Fail solve [iFrame "HP"; iLeft]. Fail (iModIntro; iExact "HP"). by iRight.
  Qed.

  Local Notation root0 := (Z_to_bv 64 0).
  Local Notation root1 := (Z_to_bv 64 1).
  Lemma roots_differ : ¬ (⊢@{iPropI Σ} ⌜root0 = root1⌝).
  Proof. intros H%uPred.pure_soundness%bv_eq. vm_compute in H. done. Qed.

  (** [@[r]] can be put on or taken off in the space [r] only. *)
  Lemma at_root_not_untag : ∃ (P : vProp Σ) (r : bv 64), ¬ (@[r] P ⊢ P).
  Proof.
    exists (in_space root0), root0. rewrite at_root_in_space=> -[H].
    apply roots_differ. rewrite -in_space_at -H monPred_at_pure. by iPureIntro.
  Qed.
  Lemma at_root_not_tag : ∃ (P : vProp Σ) (r : bv 64), ¬ (P ⊢ @[r] P).
  Proof.
    exists (in_space root0), root1. rewrite at_root_in_space=> -[H].
    apply roots_differ. specialize (H root0).
    rewrite monPred_at_pure in_space_at in H. rewrite -H. by iPureIntro.
  Qed.
  Lemma in_space_not_objective : ∃ r, ¬ Objective (in_space (Σ:=Σ) r).
  Proof.
    exists root0. intros H. apply roots_differ.
    rewrite -in_space_at -(H root0 root1) in_space_at. by iPureIntro.
  Qed.
End counterexamples.

Print Assumptions at_root_wand.
Print Assumptions at_root_fupd.
Print Assumptions at_root_exists.
Print Assumptions enter_structure.
Print Assumptions round_trip.
Print Assumptions untag_context.
Print Assumptions at_root_not_untag.
