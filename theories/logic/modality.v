(* SPDX-License-Identifier: Apache-2.0 *)
From iris.bi.lib Require Import fractional.
From iris.proofmode Require Import environments coq_tactics reduction.
From iris.proofmode Require Import proofmode monpred modalities.
From rocqgen.logic Require Export vprop.
From iris.prelude Require Import options.

(** [@[r]] in the proof mode.

    - The instances let [@[r] P] be split, opened, framed, combined, specialized
      and stripped of laters and updates as [P] is.
    - [iModIntro] on a goal [@[r] P] enters the space rooted at [r]: it takes
      [@[r]] off the hypotheses that carry it and keeps those that do not depend
      on the space. Where a hypothesis is about the current space it refuses,
      since that hypothesis would be lost; facts [in_space s] alone are left behind.
    - [iEnter] is [iModIntro] that names the offending hypothesis;
      [iEnter as pat] also gives [in_space r];
      [iEnter from "Hin" as pat] first tags what is about the current space.
    - [iTag "Hin"], for ["Hin" : in_space r], puts [@[r]] on every hypothesis
      about the current space; [iUntag "Hin"] takes it off the hypotheses and the
      goal. *)

(** * [@[r]] as a modality *)
(** [IntoAtRoot r P Q]: what [P] becomes on entering the space rooted at [r]. *)
Class IntoAtRoot {Σ} (r : bv 64) (P Q : vProp Σ) := into_at_root : P ⊢ @[r] Q.
Global Arguments IntoAtRoot {_} _ _%_I _%_I : simpl never.
Global Arguments into_at_root {_} _ _%_I _%_I {_}.
Global Hint Mode IntoAtRoot + + ! - : typeclass_instances.

Section modality.
  Context {Σ : gFunctors}.
  Implicit Types (P Q : vProp Σ) (r : bv 64).

  Global Instance into_at_root_at_root r P : IntoAtRoot r (@[r] P) P | 0.
  Proof. by rewrite /IntoAtRoot. Qed.
  Global Instance into_at_root_in_space r :
    IntoAtRoot r (in_space (Σ:=Σ) r) (in_space r) | 0.
  Proof.
    rewrite /IntoAtRoot at_root_in_space bi.pure_True //. apply bi.True_intro.
  Qed.
  Global Instance into_at_root_later r P Q :
    IntoAtRoot r P Q → IntoAtRoot r (▷ P) (▷ Q) | 5.
  Proof. rewrite /IntoAtRoot at_root_later=> ->. done. Qed.
  Global Instance into_at_root_sep r P1 P2 Q1 Q2 :
    TCNoBackTrack (IntoAtRoot r P1 Q1) → IntoAtRoot r P2 Q2 →
    IntoAtRoot r (P1 ∗ P2) (Q1 ∗ Q2) | 5.
  Proof. rewrite /IntoAtRoot at_root_sep=> -[->] ->. done. Qed.
  Global Instance into_at_root_exist {A} r (Φ Ψ : A → vProp Σ) :
    (∀ x, IntoAtRoot r (Φ x) (Ψ x)) → IntoAtRoot r (∃ x, Φ x) (∃ x, Ψ x) | 5.
  Proof.
    rewrite /IntoAtRoot at_root_exist=> HΦ. apply bi.exist_mono=> x. apply HΦ.
  Qed.
  Global Instance into_at_root_objective r P : Objective P → IntoAtRoot r P P | 10.
  Proof. intros ?. by rewrite /IntoAtRoot at_root_objective. Qed.

  Lemma modality_at_root_mixin r :
    modality_mixin (at_root (Σ:=Σ) r)
      (MIEnvTransform (IntoAtRoot r)) (MIEnvTransform (IntoAtRoot r)).
  Proof.
    split; simpl.
    - split; [|intros P Q; by rewrite at_root_and].
      intros P Q HPQ. by rewrite at_root_intuitionistically (into_at_root r P Q).
    - intros P Q HPQ. exact HPQ.
    - by rewrite at_root_emp.
    - intros P Q. apply at_root_mono.
    - intros P Q. by rewrite at_root_sep.
  Qed.
  Definition modality_at_root r := Modality _ (modality_at_root_mixin r).

  Global Instance from_modal_at_root r P :
    FromModal True (modality_at_root r) (@[r] P) (@[r] P) P | 0.
  Proof. by rewrite /FromModal. Qed.

  (** Iris clears a hypothesis that [MIEnvTransform] has no instance for. This
  class has no such case: every hypothesis must have its [IntoAtRoot], or be a
  fact [in_space s], which says nothing about the space that is entered.
  Without [TCNoBackTrack] a refusal would try each hypothesis in two ways. *)
  Class IntoAtRootEnv r (Γin Γout : env (vProp Σ)) := {
    into_at_root_env_intuitionistic :
      TransformIntuitionisticEnv (modality_at_root r) (IntoAtRoot r) Γin Γout;
    into_at_root_env_spatial :
      TransformSpatialEnv (modality_at_root r) (IntoAtRoot r) Γin Γout false }.

  Global Instance into_at_root_env_nil r : IntoAtRootEnv r Enil Enil.
  Proof. split; apply _. Qed.
  Global Instance into_at_root_env_snoc r Γ Γ' i P Q :
    TCNoBackTrack (IntoAtRoot r P Q) → IntoAtRootEnv r Γ Γ' →
    IntoAtRootEnv r (Esnoc Γ i P) (Esnoc Γ' i Q) | 0.
  Proof.
    intros [?] [??]. split;
      [by apply transform_intuitionistic_env_snoc|by apply transform_spatial_env_snoc].
  Qed.
  Global Instance into_at_root_env_in_space r s Γ Γ' i :
    IntoAtRootEnv r Γ Γ' → IntoAtRootEnv r (Esnoc Γ i (in_space s)) Γ' | 10.
  Proof.
    intros [??]. split; [by apply transform_intuitionistic_env_snoc_not|].
    by eapply transform_spatial_env_snoc_not, _.
  Qed.

  Global Instance into_modal_intuitionistic_env_at_root r Γ Γ' :
    IntoAtRootEnv r Γ Γ' →
    IntoModalIntuitionisticEnv (modality_at_root r) Γ Γ'
      (modality_intuitionistic_action (modality_at_root r)).
  Proof. intros [??]. by constructor. Qed.
  Global Instance into_modal_spatial_env_at_root r Γ Γ' :
    IntoAtRootEnv r Γ Γ' →
    IntoModalSpatialEnv (modality_at_root r) Γ Γ'
      (modality_spatial_action (modality_at_root r)) false.
  Proof. intros [??]. by constructor. Qed.
End modality.

Global Hint Mode IntoAtRootEnv + + ! - : typeclass_instances.
(** So that the two instances above are the only ones that apply. *)
Global Typeclasses Opaque modality_at_root.

(** * Connectives under [@[r]] *)
(** What framing leaves under [@[r]]; [emp] and pure facts lose the tag. *)
Class MakeAtRoot {Σ} (r : bv 64) (P Q : vProp Σ) := make_at_root : @[r] P ⊣⊢ Q.
Global Arguments MakeAtRoot {_} _ _%_I _%_I.
Global Hint Mode MakeAtRoot + + - - : typeclass_instances.
Class KnownMakeAtRoot {Σ} (r : bv 64) (P Q : vProp Σ) :=
  #[global] known_make_at_root :: MakeAtRoot r P Q.
Global Arguments KnownMakeAtRoot {_} _ _%_I _%_I.
Global Hint Mode KnownMakeAtRoot + + ! - : typeclass_instances.

Section instances.
  Context {Σ : gFunctors}.
  Implicit Types (P Q R : vProp Σ) (r s : bv 64).

  Global Instance make_at_root_emp r : KnownMakeAtRoot (Σ:=Σ) r emp emp | 0.
  Proof. apply at_root_emp. Qed.
  Global Instance make_at_root_pure r φ : KnownMakeAtRoot (Σ:=Σ) r ⌜φ⌝ ⌜φ⌝ | 0.
  Proof. apply at_root_pure. Qed.
  Global Instance make_at_root_default r P : MakeAtRoot r P (@[r] P) | 100.
  Proof. by rewrite /MakeAtRoot. Qed.

  Global Instance frame_at_root p r P Q Q' R :
    Frame p R P Q → MakeAtRoot r Q Q' → Frame p (@[r] R) (@[r] P) Q' | 2.
  Proof.
    rewrite /Frame /MakeAtRoot=> <- <-.
    by rewrite at_root_sep at_root_intuitionistically_if.
  Qed.
  Global Instance frame_at_root_objective p r P Q Q' R :
    Objective R → Frame p R P Q → MakeAtRoot r Q Q' → Frame p R (@[r] P) Q' | 3.
  Proof.
    rewrite /Frame /MakeAtRoot=> ? <- <-.
    by rewrite at_root_sep at_root_intuitionistically_if (at_root_objective r R).
  Qed.

  Global Instance from_assumption_at_root_r p r P Q :
    Objective P → FromAssumption p P Q → KnownRFromAssumption p P (@[r] Q) | 10.
  Proof.
    rewrite /KnownRFromAssumption /FromAssumption=> ? <-.
    by rewrite at_root_intuitionistically_if (at_root_objective r P).
  Qed.
  Global Instance from_assumption_at_root_l p r P Q :
    Objective P → FromAssumption p P Q → KnownLFromAssumption p (@[r] P) Q | 10.
  Proof.
    rewrite /KnownLFromAssumption /FromAssumption=> ? <-.
    by rewrite (at_root_objective r P).
  Qed.

  Global Instance into_pure_at_root r P φ : IntoPure P φ → IntoPure (@[r] P) φ.
  Proof. rewrite /IntoPure=> ->. by rewrite at_root_pure. Qed.
  Global Instance from_pure_at_root a r P φ : FromPure a P φ → FromPure a (@[r] P) φ.
  Proof. rewrite /FromPure=> <-. by rewrite (at_root_objective r). Qed.
  Global Instance into_internal_eq_at_root {A : ofe} r P (x y : A) :
    IntoInternalEq P x y → IntoInternalEq (@[r] P) x y.
  Proof. rewrite /IntoInternalEq=> ->. by rewrite at_root_internal_eq. Qed.
  Global Instance into_persistent_at_root p r P Q :
    IntoPersistent p P Q → IntoPersistent p (@[r] P) (@[r] Q) | 0.
  Proof.
    rewrite /IntoPersistent -at_root_persistently=> <-.
    destruct p; [by rewrite /= at_root_persistently|done].
  Qed.

  Global Instance from_sep_at_root r P Q1 Q2 :
    FromSep P Q1 Q2 → FromSep (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /FromSep=> <-. by rewrite at_root_sep. Qed.
  Global Instance into_sep_at_root r P Q1 Q2 :
    IntoSep P Q1 Q2 → IntoSep (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /IntoSep=> ->. by rewrite at_root_sep. Qed.
  Global Instance maybe_combine_sep_as_at_root r Q1 Q2 P progress :
    MaybeCombineSepAs Q1 Q2 P progress →
    MaybeCombineSepAs (@[r] Q1) (@[r] Q2) (@[r] P) progress | 10.
  Proof. rewrite /MaybeCombineSepAs=> <-. by rewrite at_root_sep. Qed.
  Global Instance combine_sep_gives_at_root r Q1 Q2 P :
    CombineSepGives Q1 Q2 P → CombineSepGives (@[r] Q1) (@[r] Q2) (@[r] P).
  Proof.
    rewrite /CombineSepGives -at_root_sep=> ->. by rewrite at_root_persistently.
  Qed.
  Global Instance from_and_at_root r P Q1 Q2 :
    FromAnd P Q1 Q2 → FromAnd (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /FromAnd=> <-. by rewrite at_root_and. Qed.
  Global Instance into_and_at_root p r P Q1 Q2 :
    IntoAnd p P Q1 Q2 → IntoAnd p (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof.
    rewrite /IntoAnd -at_root_and -!at_root_intuitionistically_if=> ->. done.
  Qed.
  Global Instance from_or_at_root r P Q1 Q2 :
    FromOr P Q1 Q2 → FromOr (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /FromOr=> <-. by rewrite at_root_or. Qed.
  Global Instance into_or_at_root r P Q1 Q2 :
    IntoOr P Q1 Q2 → IntoOr (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /IntoOr=> ->. by rewrite at_root_or. Qed.
  Global Instance from_exist_at_root {A} r P (Φ : A → vProp Σ) :
    FromExist P Φ → FromExist (@[r] P) (λ x, @[r] Φ x)%I.
  Proof. rewrite /FromExist=> <-. by rewrite at_root_exist. Qed.
  Global Instance into_exist_at_root {A} r P (Φ : A → vProp Σ) name :
    IntoExist P Φ name → IntoExist (@[r] P) (λ x, @[r] Φ x)%I name.
  Proof. rewrite /IntoExist=> ->. by rewrite at_root_exist. Qed.
  Global Instance from_forall_at_root {A} r P (Φ : A → vProp Σ) name :
    FromForall P Φ name → FromForall (@[r] P) (λ x, @[r] Φ x)%I name.
  Proof. rewrite /FromForall=> <-. by rewrite at_root_forall. Qed.
  Global Instance into_forall_at_root {A} r P (Φ : A → vProp Σ) :
    IntoForall P Φ → IntoForall (@[r] P) (λ x, @[r] Φ x)%I.
  Proof. rewrite /IntoForall=> ->. by rewrite at_root_forall. Qed.
  Global Instance from_wand_at_root r P Q1 Q2 :
    FromWand P Q1 Q2 → FromWand (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /FromWand=> <-. by rewrite at_root_wand. Qed.
  Global Instance from_impl_at_root r P Q1 Q2 :
    FromImpl P Q1 Q2 → FromImpl (@[r] P) (@[r] Q1) (@[r] Q2).
  Proof. rewrite /FromImpl=> <-. by rewrite at_root_impl. Qed.
  Global Instance into_wand_at_root p q r R P Q :
    IntoWand p q R P Q → IntoWand p q (@[r] R) (@[r] P) (@[r] Q).
  Proof.
    rewrite /IntoWand -!at_root_intuitionistically_if -at_root_wand=> ->. done.
  Qed.
  (** An argument that does not depend on the space needs no tag. *)
  Global Instance into_wand_at_root_objective p q r R P Q :
    IntoWand p q R P Q → Objective P → IntoWand p q (@[r] R) P (@[r] Q) | 20.
  Proof.
    intros ??. rewrite /IntoWand -(at_root_objective r P).
    by apply into_wand_at_root.
  Qed.

  (** ** Laters and updates *)
  Global Instance into_laterN_at_root n r P Q :
    IntoLaterN false n P Q → IntoLaterN false n (@[r] P) (@[r] Q).
  Proof.
    rewrite /IntoLaterN /MaybeIntoLaterN=> ->. by rewrite at_root_laterN.
  Qed.
  Global Instance into_except_0_at_root r P Q :
    IntoExcept0 P Q → IntoExcept0 (@[r] P) (@[r] Q).
  Proof. rewrite /IntoExcept0=> ->. by rewrite at_root_except_0. Qed.
  Global Instance is_except_0_at_root r P : IsExcept0 P → IsExcept0 (@[r] P).
  Proof. rewrite /IsExcept0 -at_root_except_0=> ->. done. Qed.

  (** [iModIntro] prefers [@[r]] over a modality below it; these serve [iNext]
  and a chosen modality. *)
  Global Instance from_modal_laterN_at_root φ `(sel : A) n r P Q :
    FromModal φ (modality_laterN n) sel P Q →
    FromModal φ (modality_laterN n) sel (@[r] P) (@[r] Q) | 100.
  Proof. rewrite /FromModal /= =>HPQ ?. by rewrite -HPQ // at_root_laterN. Qed.
  Global Instance from_modal_id_at_root φ `(sel : A) r P Q :
    FromModal φ modality_id sel P Q →
    FromModal φ modality_id sel (@[r] P) (@[r] Q) | 100.
  Proof. rewrite /FromModal /= =>HPQ ?. by rewrite -HPQ. Qed.
  Global Instance from_modal_intuitionistically_at_root φ `(sel : A) r P Q :
    FromModal φ modality_intuitionistically sel P Q →
    FromModal φ modality_intuitionistically sel (@[r] P) (@[r] Q) | 100.
  Proof.
    rewrite /FromModal /= =>HPQ ?. by rewrite -HPQ // at_root_intuitionistically.
  Qed.
  Global Instance from_modal_persistently_at_root φ `(sel : A) r P Q :
    FromModal φ modality_persistently sel P Q →
    FromModal φ modality_persistently sel (@[r] P) (@[r] Q) | 100.
  Proof. rewrite /FromModal /= =>HPQ ?. by rewrite -HPQ // at_root_persistently. Qed.

  Global Instance elim_modal_at_root_bupd_goal p p' φ r P P' Q Q' :
    ElimModal φ p p' P P' (|==> @[r] Q) (|==> @[r] Q') →
    ElimModal φ p p' P P' (@[r] |==> Q) (@[r] |==> Q').
  Proof. by rewrite /ElimModal !at_root_bupd. Qed.
  Global Instance elim_modal_at_root_bupd_hyp p p' φ r P P' Q Q' :
    ElimModal φ p p' (|==> @[r] P) P' Q Q' →
    ElimModal φ p p' (@[r] |==> P) P' Q Q'.
  Proof. by rewrite /ElimModal !at_root_bupd. Qed.
  Global Instance add_modal_at_root_bupd_goal r P P' Q :
    AddModal P P' (|==> @[r] Q) → AddModal P P' (@[r] |==> Q).
  Proof. by rewrite /AddModal !at_root_bupd. Qed.

  Section fupd.
    Context `{!invGS_gen hlc Σ}.
    Global Instance elim_modal_at_root_fupd_goal p p' φ r E1 E2 E3 P P' Q Q' :
      ElimModal φ p p' P P' (|={E1,E3}=> @[r] Q) (|={E2,E3}=> @[r] Q') →
      ElimModal φ p p' P P' (@[r] |={E1,E3}=> Q) (@[r] |={E2,E3}=> Q').
    Proof. by rewrite /ElimModal !at_root_fupd. Qed.
    Global Instance elim_modal_at_root_fupd_hyp p p' φ r E1 E2 P P' Q Q' :
      ElimModal φ p p' (|={E1,E2}=> @[r] P) P' Q Q' →
      ElimModal φ p p' (@[r] |={E1,E2}=> P) P' Q Q'.
    Proof. by rewrite /ElimModal at_root_fupd. Qed.
    Global Instance add_modal_at_root_fupd_goal r E1 E2 P P' Q :
      AddModal P P' (|={E1,E2}=> @[r] Q) → AddModal P P' (@[r] |={E1,E2}=> Q).
    Proof. by rewrite /AddModal !at_root_fupd. Qed.
  End fupd.

  (** ** In a proof about one index ([iStartProof (iProp _)]) *)
  Global Instance make_monPred_at_at_root r s P 𝓟 :
    MakeMonPredAt (I:=rootI) r P 𝓟 → MakeMonPredAt (I:=rootI) s (@[r] P) 𝓟.
  Proof. rewrite /MakeMonPredAt=> <-. apply at_root_at. Qed.
  Global Instance make_monPred_at_space_pred r (f : bv 64 → iProp Σ) :
    MakeMonPredAt (I:=rootI) r (space_pred f) (f r).
  Proof. by rewrite /MakeMonPredAt. Qed.
  Global Instance make_monPred_at_in_space r s :
    MakeMonPredAt (I:=rootI) s (in_space (Σ:=Σ) r) ⌜r = s⌝.
  Proof. apply in_space_at. Qed.
End instances.

(** * Tagging and untagging a whole context *)
(** [Tag r P Q] and [Untag r P Q]: [Q] is [P], tagged or untagged, where the
current space is rooted at [r]. *)
Class Tag {Σ} (r : bv 64) (P Q : vProp Σ) := tag : in_space r ⊢ P -∗ Q.
Global Arguments Tag {_} _ _%_I _%_I : simpl never.
Global Arguments tag {_} _ _%_I _%_I {_}.
Global Hint Mode Tag + + ! - : typeclass_instances.
Class Untag {Σ} (r : bv 64) (P Q : vProp Σ) := untag : in_space r ⊢ P ∗-∗ Q.
Global Arguments Untag {_} _ _%_I _%_I : simpl never.
Global Arguments untag {_} _ _%_I _%_I {_}.
Global Hint Mode Untag + + ! - : typeclass_instances.
(** The same for the hypotheses of a context, with [C] being [Tag] or [Untag]. *)
Class RetagEnv {Σ} (C : vProp Σ → vProp Σ → Prop) (Γin Γout : env (vProp Σ)) :=
  retag_env : env_Forall2 C Γin Γout.
Global Hint Mode RetagEnv + + ! - : typeclass_instances.

Section tag.
  Context {Σ : gFunctors}.
  Implicit Types (P Q : vProp Σ) (r : bv 64) (C : vProp Σ → vProp Σ → Prop).

  Global Instance tag_in_space r s : Tag (Σ:=Σ) r (in_space s) (in_space s) | 0.
  Proof. rewrite /Tag. iIntros "_ $". Qed.
  Global Instance tag_objective r P : Objective P → Tag r P P | 1.
  Proof. rewrite /Tag=> ?. iIntros "_ $". Qed.
  Global Instance tag_subjective r P : Tag r P (@[r] P) | 100.
  Proof. apply bi.wand_entails', at_root_tag. Qed.

  Global Instance untag_at_root r P : Untag r (@[r] P) P | 0.
  Proof. by rewrite /Untag bi.wand_iff_sym at_root_here. Qed.
  Global Instance untag_default r P : Untag r P P | 100.
  Proof. rewrite /Untag -bi.wand_iff_refl. iIntros "_". done. Qed.
  Lemma untag_tag r P Q : Untag r P Q → Tag r P Q.
  Proof. rewrite /Untag /Tag=> ->. iIntros "[$ _]". Qed.

  Global Instance retag_env_nil C : RetagEnv C Enil Enil.
  Proof. constructor. Qed.
  Global Instance retag_env_snoc C Γ Γ' i P Q :
    C P Q → RetagEnv C Γ Γ' → RetagEnv C (Esnoc Γ i P) (Esnoc Γ' i Q).
  Proof. by constructor. Qed.

  Lemma tag_env_spatial r Γ Γ' :
    env_Forall2 (Tag r) Γ Γ' → □ in_space (Σ:=Σ) r ⊢ [∗] Γ -∗ [∗] Γ'.
  Proof.
    induction 1 as [|Γ Γ' i P Q _ IH ?]; iIntros "#Hin H"; simpl; [done|].
    iDestruct "H" as "[HP HΓ]". iSplitL "HP".
    - by iApply (tag r P Q with "Hin").
    - by iApply (IH with "Hin").
  Qed.
  Lemma tag_env_intuitionistic r Γ Γ' :
    env_Forall2 (Tag r) Γ Γ' → □ in_space (Σ:=Σ) r ⊢ □ [∧] Γ -∗ □ [∧] Γ'.
  Proof.
    induction 1 as [|Γ Γ' i P Q _ IH ?]; iIntros "#Hin #H !>"; simpl; [done|].
    iDestruct "H" as "[HP HΓ]". iSplit.
    - by iApply (tag r P Q with "Hin").
    - iDestruct (IH with "Hin HΓ") as "#$".
  Qed.

  Lemma tac_retag r j p Γp Γp' Γs Γs' n Q Q' :
    envs_lookup j (Envs Γp Γs n) = Some (p, in_space r) →
    env_Forall2 (Tag r) Γp Γp' → env_Forall2 (Tag r) Γs Γs' →
    (in_space r ⊢ Q' -∗ Q) →
    envs_entails (Envs Γp' Γs' n) Q' → envs_entails (Envs Γp Γs n) Q.
  Proof.
    rewrite envs_entails_unseal=> Hj Hp Hs HQ HQ'.
    assert (of_envs (Envs Γp Γs n) ⊢ □ in_space (Σ:=Σ) r) as Hin.
    { rewrite envs_lookup_sound // bi.intuitionistically_if_elim bi.sep_elim_l.
      by iIntros "#$". }
    iIntros "H". iAssert (□ in_space r)%I as "#Hin"; [by iApply Hin|].
    iApply (HQ with "Hin"). iApply HQ'. rewrite !of_envs_alt.
    iDestruct "H" as (Hwf) "[Hp Hs]". iSplit.
    - iPureIntro. destruct Hwf as [Hwfp Hwfs Hdisj]. split; simpl in *.
      + by eapply env_Forall2_wf.
      + by eapply env_Forall2_wf.
      + intros k. destruct (Hdisj k);
          [left|right]; by eapply env_Forall2_fresh.
    - iSplitL "Hp".
      + by iApply (tag_env_intuitionistic with "Hin").
      + by iApply (tag_env_spatial with "Hin").
  Qed.
  Lemma tac_tag r j p Γp Γp' Γs Γs' n Q :
    envs_lookup j (Envs Γp Γs n) = Some (p, in_space r) →
    RetagEnv (Tag r) Γp Γp' → RetagEnv (Tag r) Γs Γs' →
    envs_entails (Envs Γp' Γs' n) Q → envs_entails (Envs Γp Γs n) Q.
  Proof. intros. eapply tac_retag; [done..| |done]. iIntros "_ $". Qed.
  Lemma tac_untag r j p Γp Γp' Γs Γs' n Q Q' :
    envs_lookup j (Envs Γp Γs n) = Some (p, in_space r) →
    RetagEnv (Untag r) Γp Γp' → RetagEnv (Untag r) Γs Γs' → Untag r Q Q' →
    envs_entails (Envs Γp' Γs' n) Q' → envs_entails (Envs Γp Γs n) Q.
  Proof.
    intros ? Hp Hs HQ. eapply tac_retag; [done|..].
    - eapply env_Forall2_impl; [exact Hp|apply untag_tag].
    - eapply env_Forall2_impl; [exact Hs|apply untag_tag].
    - rewrite HQ. iIntros "[_ $]".
  Qed.
  Lemma tac_enter_in_space r Δ P :
    envs_entails Δ (@[r] (in_space r -∗ P)) → envs_entails Δ (@[r] P).
  Proof. by rewrite -at_root_assume. Qed.
End tag.

(** * Tactics *)
Tactic Notation "iTag" constr(Hin) :=
  iStartProof;
  notypeclasses refine (tac_tag _ Hin _ _ _ _ _ _ _ _ _ _ _);
    [pm_reflexivity ||
     (let Hin := pretty_ident Hin in fail "iTag:" Hin "is not a hypothesis in_space r")
    |tc_solve || fail "iTag: cannot tag the intuitionistic context"
    |tc_solve || fail "iTag: cannot tag the spatial context"
    |pm_prettify].

Tactic Notation "iUntag" constr(Hin) :=
  iStartProof;
  notypeclasses refine (tac_untag _ Hin _ _ _ _ _ _ _ _ _ _ _ _ _);
    [pm_reflexivity ||
     (let Hin := pretty_ident Hin in fail "iUntag:" Hin "is not a hypothesis in_space r")
    |tc_solve || fail "iUntag: cannot untag the intuitionistic context"
    |tc_solve || fail "iUntag: cannot untag the spatial context"
    |tc_solve || fail "iUntag: cannot untag the goal"
    |pm_prettify].

(** Fail, naming the first hypothesis that cannot be taken into the space [r]. *)
Local Ltac enter_blame r Γ :=
  lazymatch Γ with
  | Enil => idtac
  | Esnoc ?Γ _ (in_space _) => enter_blame r Γ
  | Esnoc ?Γ ?i ?P =>
    enter_blame r Γ;
    tryif assert_succeeds (eassert (IntoAtRoot r P _) by tc_solve)
    then idtac
    else (let i := pretty_ident i in
          fail "iEnter:" i "is about the current space: tag it first (iTag), or clear it")
  end.

Local Ltac enter_core :=
  lazymatch goal with
  | |- envs_entails (Envs ?Γp ?Γs _) (at_root ?r _) =>
    tryif iModIntro then idtac
    else (enter_blame r Γp; enter_blame r Γs;
          fail "iEnter: cannot enter the space" r)
  | |- _ => fail "iEnter: the goal is not of the form @[r] P"
  end.

Local Ltac enter_assume :=
  tryif notypeclasses refine (tac_enter_in_space _ _ _ _) then idtac
  else fail "iEnter: the goal is not of the form @[r] P".

Tactic Notation "iEnter" := iStartProof; enter_core.
Tactic Notation "iEnter" "as" constr(pat) :=
  iStartProof; enter_assume; enter_core; iIntros pat.
Tactic Notation "iEnter" "from" constr(Hin) := iTag Hin; enter_core.
Tactic Notation "iEnter" "from" constr(Hin) "as" constr(pat) :=
  iTag Hin; enter_assume; enter_core; iIntros pat.
