(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export compute.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [xchg], [xadd] and [cmpxchg], at every width.

    Both operands are written, one after the other: [R] becomes [R1], and that [R'].  Operands in memory are
    read with the rights of a write, and [cmpxchg] writes one in any case; so the faults of a write are
    excluded, those of a read-only page included.  A lock prefix changes nothing, there being one processor. *)

Section exchange.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next a b v : word) (d : operand) (q r : reg) (C R F : vProp Σ) (w : width).

  (** A register is written without memory. *)
  Lemma writes_reg_ok w next R r v R' σ :
    Writes w next R (OReg r) v R' → st_rip σ = next →
    state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ R (root_of σ) ==∗
    ∃ σ', ⌜write_reg w r v σ = Ok σ'⌝ ∗ ⌜st_rip σ' = next⌝ ∗
      state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ).
  Proof.
    iIntros (Hr Hrip) "HS Hcr3 HR". iMod (Hr with "HS Hcr3 HR") as (σ' Hσ' Hrip') "H"; [done|]. iModIntro.
    iExists σ'. iFrame "H". iSplit; [|done]. iPureIntro. apply (Hσ' (walker M σ)).
    intros a va. apply translates_walk.
  Qed.
  (** The second of two writes. *)
  Lemma writes_then w next R1 r v R' σ σ1 :
    Writes w next R1 (OReg r) v R' → st_rip σ1 = next →
    state_interp σ1 -∗ CR3 ↦ᵣ root_of σ -∗ R1 (root_of σ) ==∗
    ∃ σ', ⌜write_reg w r v σ1 = Ok σ'⌝ ∗ ⌜st_rip σ' = next⌝ ∗
      state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ).
  Proof.
    iIntros (Hr Hrip) "HS Hcr3 HR". iDestruct (state_interp_root with "HS Hcr3") as %<-.
    iApply (writes_reg_ok with "HS Hcr3 HR"); done.
  Qed.

  Lemma wp_xchg C p n next w d r a b R R1 R' Φ :
    Fetches C p (Xchg w d r) n → AddsTo p n next →
    Reads w Write next R d a → Reads w Read next R (OReg r) b →
    Writes w next R d b R1 → Writes w next R1 (OReg r) a R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb Hd Hr. apply (wp_executes _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ1 Hσ1 Hrip1) "(HS & Hcr3 & HR)"; [done|].
    iMod (writes_then with "HS Hcr3 HR") as (σ2 Hσ2 Hrip2) "H"; [done..|]. iModIntro.
    iExists σ2. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ.
    specialize (Hvb τ Hτ). simpl in Hvb. by rewrite /= (Hva _ Hτ) /= Hvb /= (Hσ1 _ Hτ).
  Qed.

  (** Results in two places, and flags. *)
  Lemma wp_two_results C p i n next pc g R R' F F' (x : translator → state → result state) Φ :
    Fetches C p i n → AddsTo p n next → SetsFlags g F F' →
    (∀ σ, st_rip σ = next → state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = with_flags (g (st_flags σ)) (x τ σ)⌝) →
    (∀ σ, st_rip σ = next → state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ R (root_of σ) ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → x τ σ = Ok σ'⌝ ∗ ⌜st_rip σ' = pc⌝ ∗
        state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ)) →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn HF Hex Hx) "HC HR HF H".
    iApply (wp_executes _ _ _ _ _ pc (R ∗ F) (R' ∗ F') with "HC [$HR $HF]").
    - intros σ Hrip. rewrite monPred_at_sep. iIntros "HS Hcr3 [HR HF]".
      iDestruct (HF with "HF") as (f _) "[Hf HF]". iDestruct (state_interp_flags with "HS Hf") as %<-.
      iDestruct (Hex _ Hrip with "HS HR") as %He.
      iMod (Hx with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|].
      iMod (state_interp_set_flags _ _ (g (st_flags σ)) with "HS Hf") as "[HS Hf]". iModIntro.
      iExists _. rewrite monPred_at_sep. iFrame "HS Hcr3 HR". iDestruct ("HF" with "Hf") as "$".
      iPureIntro. split; [|done]. intros τ Hτ. by rewrite (He _ Hτ) (Hσ' _ Hτ).
    - iIntros "HC [HR HF]". iApply ("H" with "HC HR HF").
  Qed.

  (** [xadd [m], r] *)
  Lemma wp_xadd_m C p n next w m r a b R R1 R' F F' Φ :
    Fetches C p (Xadd w (OMem m) r) n → AddsTo p n next →
    Reads w Write next R (OMem m) a → Reads w Read next R (OReg r) b →
    Writes w next R (OMem m) (alu_at w AluAdd a b) R1 → Writes w next R1 (OReg r) a R' →
    SetsFlags (alu_flags w AluAdd a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb Hd Hr HF.
    apply (wp_two_results _ _ _ _ _ _ _ _ _ _ _
      (λ τ σ, σ' ← write_operand τ w σ (OMem m) (alu_at w AluAdd a b); write_reg w r a σ') _ HC Hn HF).
    - intros σ Hrip. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
      iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro. intros τ Hτ.
      specialize (Hva τ Hτ). specialize (Hvb τ Hτ). simpl in Hva, Hvb. by rewrite /= Hva /= Hvb.
    - intros σ Hrip. iIntros "HS Hcr3 HR".
      iMod (Hd with "HS Hcr3 HR") as (σ1 Hσ1 Hrip1) "(HS & Hcr3 & HR)"; [done|].
      iMod (writes_then with "HS Hcr3 HR") as (σ2 Hσ2 Hrip2) "H"; [done..|]. iModIntro.
      iExists σ2. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ. by rewrite (Hσ1 _ Hτ).
  Qed.
  (** [xadd q, r]: the sum is written last. *)
  Lemma wp_xadd_r C p n next w q r a b R R1 R' F F' Φ :
    Fetches C p (Xadd w (OReg q) r) n → AddsTo p n next →
    Reads w Write next R (OReg q) a → Reads w Read next R (OReg r) b →
    Writes w next R (OReg r) a R1 → Writes w next R1 (OReg q) (alu_at w AluAdd a b) R' →
    SetsFlags (alu_flags w AluAdd a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb Hd Hr HF.
    apply (wp_two_results _ _ _ _ _ _ _ _ _ _ _
      (λ τ σ, σ' ← write_reg w r a σ; write_reg w q (alu_at w AluAdd a b) σ') _ HC Hn HF).
    - intros σ Hrip. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
      iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro. intros τ Hτ.
      specialize (Hva τ Hτ). specialize (Hvb τ Hτ). simpl in Hva, Hvb. by rewrite /= Hva /= Hvb.
    - intros σ Hrip. iIntros "HS Hcr3 HR".
      iMod (writes_reg_ok with "HS Hcr3 HR") as (σ1 Hσ1 Hrip1) "(HS & Hcr3 & HR)"; [done..|].
      iMod (writes_then with "HS Hcr3 HR") as (σ2 Hσ2 Hrip2) "H"; [done..|]. iModIntro.
      iExists σ2. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ. by rewrite Hσ1.
  Qed.

  (** [cmpxchg]: the accumulator is what was there, and the source is written. *)
  Lemma wp_cmpxchg_equal C p n next w d r a b R R' F F' Φ :
    Fetches C p (Cmpxchg w d r) n → AddsTo p n next →
    Reads w Read next R (OReg RAX) a → Reads w Write next R d a → Reads w Read next R (OReg r) b →
    Writes w next R d b R' → SetsFlags (alu_flags w AluSub a a) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hacc Ha Hb Hd HF.
    apply (wp_two_results _ _ _ _ _ _ _ _ _ _ _ (λ τ σ, write_operand τ w σ d b) _ HC Hn HF).
    - intros σ Hrip. iIntros "HS HR". iDestruct (Hacc with "HS HR") as %Hvacc; [done|].
      iDestruct (Ha with "HS HR") as %Hva; [done|].
      iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro. intros τ Hτ.
      specialize (Hvacc τ Hτ). specialize (Hvb τ Hτ). simpl in Hvacc, Hvb.
      by rewrite /= Hvacc /= (Hva _ Hτ) /= Hvb /= Z.eqb_refl.
    - intros σ Hrip. by apply Hd.
  Qed.
  (** It is not; what was there is written back, and to the accumulator. *)
  Lemma wp_cmpxchg_differs C p n next w d r a old b R R1 R' F F' Φ :
    Fetches C p (Cmpxchg w d r) n → AddsTo p n next → a ≠ old →
    Reads w Read next R (OReg RAX) a → Reads w Write next R d old → Reads w Read next R (OReg r) b →
    Writes w next R d old R1 → Writes w next R1 (OReg RAX) old R' →
    SetsFlags (alu_flags w AluSub a old) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hne Hacc Ha Hb Hd Hr HF.
    apply (wp_two_results _ _ _ _ _ _ _ _ _ _ _
      (λ τ σ, σ' ← write_operand τ w σ d old; write_reg w RAX old σ') _ HC Hn HF).
    - intros σ Hrip. iIntros "HS HR". iDestruct (Hacc with "HS HR") as %Hvacc; [done|].
      iDestruct (Ha with "HS HR") as %Hva; [done|].
      iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro. intros τ Hτ.
      specialize (Hvacc τ Hτ). specialize (Hvb τ Hτ). simpl in Hvacc, Hvb.
      rewrite /= Hvacc /= (Hva _ Hτ) /= Hvb /=.
      destruct (Z.eqb_spec (bv_unsigned a) (bv_unsigned old)) as [He|]; [|done].
      by apply bv_eq in He.
    - intros σ Hrip. iIntros "HS Hcr3 HR".
      iMod (Hd with "HS Hcr3 HR") as (σ1 Hσ1 Hrip1) "(HS & Hcr3 & HR)"; [done|].
      iMod (writes_then with "HS Hcr3 HR") as (σ2 Hσ2 Hrip2) "H"; [done..|]. iModIntro.
      iExists σ2. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ. by rewrite (Hσ1 _ Hτ).
  Qed.
End exchange.
