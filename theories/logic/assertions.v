(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export modality wp.
From iris.prelude Require Import options.

(** The assertions of specifications, in [vProp]: what depends on the current space, and what does not.

    - [va ↦ᵥ{q} v]: the word at [va] is [v], mapped for reading and writing; [va ↦ᵥʳ{q} v] where only
      reading is granted.
    - [va ⇝{q} pa]: the word at [va] is translated to the physical word at [pa]; [⇝ʳ] for reading.
    - [code base l q]: the instructions [l] are mapped executable from [base] on.
    - [r ⇒ᵣ v], [pa ↦ₚ{q} v], [flags_any]: registers, physical words and the flags, in any space. *)

Section assertions.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (w : bool) (va pa v root base : word) (q : Qp).

  Definition vreg (r : reg) (v : word) : vProp Σ := ⎡r ↦ᵣ v⎤%I.
  Definition vphys (pa : word) (q : Qp) (v : word) : vProp Σ := ⎡phys_word pa q v⎤%I.
  Definition flags_any : vProp Σ := ⎡∃ f, flags_pt f⎤%I.
  Definition vpt (w : bool) (va : word) (q : Qp) (v : word) : vProp Σ :=
    space_pred (λ root, virt_word w root va q v).
  Definition vclaim (w : bool) (va : word) (q : Qp) (pa : word) : vProp Σ :=
    space_pred (λ root, claim_word w root va q pa).
  Definition code (base : word) (l : list (Z * (instr * Z))) (q : Qp) : vProp Σ :=
    space_pred (λ root, code_at base l root q).

  Global Instance vreg_objective r v : Objective (vreg r v).
  Proof. apply _. Qed.
  Global Instance vphys_objective pa q v : Objective (vphys pa q v).
  Proof. apply _. Qed.
  Global Instance flags_any_objective : Objective flags_any.
  Proof. apply _. Qed.
  Global Instance vreg_timeless r v : Timeless (vreg r v).
  Proof. apply _. Qed.
  Global Instance vphys_timeless pa q v : Timeless (vphys pa q v).
  Proof. apply _. Qed.
  Global Instance flags_any_timeless : Timeless flags_any.
  Proof. apply _. Qed.
  Global Instance vpt_timeless w va q v : Timeless (vpt w va q v).
  Proof. apply _. Qed.
  Global Instance vclaim_timeless w va q pa : Timeless (vclaim w va q pa).
  Proof. apply _. Qed.
  Global Instance code_timeless base l q : Timeless (code base l q).
  Proof. apply _. Qed.

  Global Instance vphys_fractional pa v : Fractional (λ q, vphys pa q v).
  Proof. intros q1 q2. by rewrite /vphys (phys_word_fractional pa v q1 q2) embed_sep. Qed.
  Global Instance vphys_as_fractional pa q v :
    AsFractional (vphys pa q v) (λ q, vphys pa q v) q.
  Proof. split; [done|apply _]. Qed.
  Global Instance vpt_fractional w va v : Fractional (λ q, vpt w va q v).
  Proof. rewrite /vpt. apply _. Qed.
  Global Instance vpt_as_fractional w va q v : AsFractional (vpt w va q v) (λ q, vpt w va q v) q.
  Proof. split; [done|apply _]. Qed.
  Global Instance vclaim_fractional w va pa : Fractional (λ q, vclaim w va q pa).
  Proof. rewrite /vclaim. apply _. Qed.
  Global Instance vclaim_as_fractional w va q pa :
    AsFractional (vclaim w va q pa) (λ q, vclaim w va q pa) q.
  Proof. split; [done|apply _]. Qed.

  Lemma vpt_agree w1 w2 va q1 q2 v1 v2 : vpt w1 va q1 v1 -∗ vpt w2 va q2 v2 -∗ ⌜v1 = v2⌝.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> root.
    rewrite monPred_at_sep monPred_at_pure. iIntros "[H1 H2]".
    iApply (virt_word_agree with "H1 H2").
  Qed.
  Lemma vpt_exclusive w1 w2 va q v1 v2 : vpt w1 va 1 v1 -∗ vpt w2 va q v2 -∗ False.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> root.
    rewrite monPred_at_sep monPred_at_pure. iIntros "[H1 H2]".
    iApply (virt_word_exclusive with "H1 H2").
  Qed.
  Lemma vpt_intro w va q pa v : vclaim w va q pa -∗ vphys pa q v -∗ vpt w va q v.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> root.
    rewrite monPred_at_sep monPred_at_embed. iIntros "[H1 H2]".
    iApply (virt_word_intro with "H1 H2").
  Qed.
  Lemma vpt_elim w w' va q q' pa v :
    vpt w va q v -∗ vclaim w' va q' pa -∗ vclaim w va q pa ∗ vclaim w' va q' pa ∗ vphys pa q v.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> root.
    rewrite !monPred_at_sep monPred_at_embed. iIntros "[H1 H2]".
    iApply (virt_word_elim with "H1 H2").
  Qed.
  Lemma vpt_weaken va q v : vpt true va q v ⊢ vpt false va q v.
  Proof. constructor=> root. apply virt_bytes_weaken. Qed.
  (** Two addresses of one frame, in two spaces or in one. *)
  Lemma vpt_alias r1 r2 w1 w2 w3 w4 va1 va2 q q1 q2 pa v1 v2 :
    @[r1] vclaim w1 va1 q1 pa -∗ @[r2] vclaim w2 va2 q2 pa -∗
    @[r1] vpt w3 va1 1 v1 -∗ @[r2] vpt w4 va2 q v2 -∗ False.
  Proof.
    rewrite /at_root /vclaim /vpt /=. iIntros "H1 H2 H3 H4".
    iDestruct (virt_word_alias with "H1 H2 H3 H4") as %[].
  Qed.
End assertions.

Notation "r ⇒ᵣ v" := (vreg r v) (at level 20) : bi_scope.
Notation "pa ↦ₚ{ q } v" := (vphys pa q v) (at level 20, q at level 50, format "pa  ↦ₚ{ q }  v") : bi_scope.
Notation "pa ↦ₚ v" := (vphys pa 1 v) (at level 20) : bi_scope.
Notation "va ↦ᵥ{ q } v" := (vpt true va q v) (at level 20, q at level 50, format "va  ↦ᵥ{ q }  v") : bi_scope.
Notation "va ↦ᵥ v" := (vpt true va 1 v) (at level 20) : bi_scope.
Notation "va ↦ᵥʳ{ q } v" := (vpt false va q v) (at level 20, q at level 50, format "va  ↦ᵥʳ{ q }  v") : bi_scope.
Notation "va ↦ᵥʳ v" := (vpt false va 1 v) (at level 20) : bi_scope.
Notation "va ⇝{ q } pa" := (vclaim true va q pa) (at level 20, q at level 50, format "va  ⇝{ q }  pa") : bi_scope.
Notation "va ⇝ pa" := (vclaim true va 1 pa) (at level 20) : bi_scope.
Notation "va ⇝ʳ{ q } pa" := (vclaim false va q pa) (at level 20, q at level 50, format "va  ⇝ʳ{ q }  pa") : bi_scope.
Notation "va ⇝ʳ pa" := (vclaim false va 1 pa) (at level 20) : bi_scope.

Global Typeclasses Opaque vreg vphys flags_any vpt vclaim code.
