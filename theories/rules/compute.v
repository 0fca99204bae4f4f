(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export alu narrow.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What computes, beside [wp_alu]: [inc], [dec], [neg], [not], [imul], [adc], [sbb], [cmp], [test], the bit
    tests, [movzx] and [movsx]; for operands of every form and width, over resources [R] given as one
    assertion.

    The flags are [vflags f], which become what the machine makes of them, or [flags_any].  [adc] and [sbb]
    take [vflags f], and a carry in [f] that is defined: an undefined one is outside of the model.

    What is excluded beside the faults of the fetch: with a memory operand, the faults of its access and
    memory that is not there; that a register is the operand of a bit test on memory, which may reach
    another word. *)

Section compute.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next va a b v : word) (d s : operand) (r : reg) (C R F : vProp Σ) (w : width) (f : flags).

  (** [F] gives flags of which [P] holds, and takes those that [g] makes of them. *)
  Definition flags_to (P : flags → Prop) (g : flags → flags) F F' : Prop :=
    ∀ root, F root ⊢ ∃ f, ⌜P f⌝ ∗ flags_pt f ∗ (flags_pt (g f) -∗ F' root).
  Lemma flags_to_vflags (P : flags → Prop) g f : P f → flags_to P g (vflags f) (vflags (g f)).
  Proof.
    intros Hf root. rewrite /vflags monPred_at_embed. iIntros "H". iExists f. iFrame "H".
    iSplit; [done|]. rewrite monPred_at_embed. by iIntros.
  Qed.
  Lemma flags_to_any g : flags_to (λ _, True) g flags_any flags_any.
  Proof.
    intros root. iIntros "H". iDestruct (flags_any_at with "H") as (f) "H". iExists f. iFrame "H".
    iIntros "H". rewrite flags_any_at. by iExists _.
  Qed.
  Class SetsFlags (g : flags → flags) F F' : Prop := sets_flags : flags_to (λ _, True) g F F'.
  Global Instance sets_flags_vflags g f : SetsFlags g (vflags f) (vflags (g f)).
  Proof. by apply flags_to_vflags. Qed.
  Global Instance sets_flags_any g : SetsFlags g flags_any flags_any.
  Proof. apply flags_to_any. Qed.

  (** A result and its flags. *)
  Lemma wp_result C p i n next w d v P g R R' F F' Φ :
    Fetches C p i n → AddsTo p n next → Writes w next R d v R' → flags_to P g F F' →
    (∀ σ, st_rip σ = next → P (st_flags σ) → state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ →
         exec (m_config M) τ i σ = with_flags (g (st_flags σ)) (write_operand τ w σ d v)⌝) →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hd HF Hex) "HC HR HF H".
    iApply (wp_executes _ _ _ _ _ next (R ∗ F) (R' ∗ F') with "HC [$HR $HF]").
    - intros σ Hrip. rewrite monPred_at_sep. iIntros "HS Hcr3 [HR HF]".
      iDestruct (HF with "HF") as (f HP) "[Hf HF]".
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      iDestruct (Hex _ Hrip HP with "HS HR") as %He.
      iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|].
      iMod (state_interp_set_flags _ _ (g (st_flags σ)) with "HS Hf") as "[HS Hf]". iModIntro.
      iExists _. rewrite monPred_at_sep. iFrame "HS Hcr3 HR". iDestruct ("HF" with "Hf") as "$".
      iPureIntro. split; [|done]. intros τ Hτ. by rewrite (He _ Hτ) (Hσ' _ Hτ).
    - iIntros "HC [HR HF]". iApply ("H" with "HC HR HF").
  Qed.
  (** Flags alone. *)
  Lemma wp_flags C p i n next g R F F' Φ :
    Fetches C p i n → AddsTo p n next → SetsFlags g F F' →
    (∀ σ, st_rip σ = next → state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok (set_flags (g (st_flags σ)) σ)⌝) →
    C -∗ R -∗ F -∗ (C -∗ R -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn HF Hex) "HC HR HF H".
    iApply (wp_executes _ _ _ _ _ next (R ∗ F) (R ∗ F') with "HC [$HR $HF]").
    - intros σ Hrip. rewrite monPred_at_sep. iIntros "HS Hcr3 [HR HF]".
      iDestruct (HF with "HF") as (f _) "[Hf HF]".
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      iDestruct (Hex _ Hrip with "HS HR") as %He.
      iMod (state_interp_set_flags _ _ (g (st_flags σ)) with "HS Hf") as "[HS Hf]". iModIntro.
      iExists _. rewrite monPred_at_sep. iFrame "HS Hcr3 HR". iDestruct ("HF" with "Hf") as "$". done.
    - iIntros "HC [HR HF]". iApply ("H" with "HC HR HF").
  Qed.

  Lemma wp_unary C p n next op w d a R R' F F' Φ :
    Fetches C p (Unary op w d) n → AddsTo p n next → Reads w Write next R d a →
    Writes w next R d (unary_at w op a) R' → SetsFlags (unary_flags w op a) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hd HF. apply (wp_result _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ HC Hn Hd HF).
    intros σ Hrip _. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ).
  Qed.
  Lemma wp_imul C p n next w r s1 s2 a b R R' F F' Φ :
    Fetches C p (Imul w r s1 s2) n → AddsTo p n next → Reads w Read next R s1 a → Reads w Read next R s2 b →
    Writes w next R (OReg r) (alu_at w AluMul a b) R' → SetsFlags (alu_flags w AluMul a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb Hd HF. apply (wp_result _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ HC Hn Hd HF).
    intros σ Hrip _. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ).
  Qed.

  (** With the carry [c]. *)
  Lemma wp_adc C p n next w d s a b c f R R' Φ :
    Fetches C p (Adc w d s) n → AddsTo p n next → fl_cf f = Some c →
    Reads w Write next R d a → Reads w Read next R s b → Writes w next R d (adc_at w c a b) R' →
    C -∗ R -∗ vflags f -∗ (C -∗ R' -∗ vflags (add_flags w c a b (adc_at w c a b)) -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hc Ha Hb Hd.
    apply (wp_result _ _ _ _ _ _ _ _ (λ g, g = f) (λ _, add_flags w c a b (adc_at w c a b)) _ _ _ _ _ HC Hn Hd).
    { by apply flags_to_vflags. }
    intros σ Hrip Hf. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ) /= Hf Hc.
  Qed.
  Lemma wp_sbb C p n next w d s a b c f R R' Φ :
    Fetches C p (Sbb w d s) n → AddsTo p n next → fl_cf f = Some c →
    Reads w Write next R d a → Reads w Read next R s b → Writes w next R d (sbb_at w c a b) R' →
    C -∗ R -∗ vflags f -∗ (C -∗ R' -∗ vflags (sub_flags w c a b (sbb_at w c a b)) -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hc Ha Hb Hd.
    apply (wp_result _ _ _ _ _ _ _ _ (λ g, g = f) (λ _, sub_flags w c a b (sbb_at w c a b)) _ _ _ _ _ HC Hn Hd).
    { by apply flags_to_vflags. }
    intros σ Hrip Hf. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ) /= Hf Hc.
  Qed.

  Lemma wp_cmp C p n next w d s a b R F F' Φ :
    Fetches C p (Cmp w d s) n → AddsTo p n next → Reads w Read next R d a → Reads w Read next R s b →
    SetsFlags (alu_flags w AluSub a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb HF. apply (wp_flags _ _ _ _ _ _ _ _ _ _ HC Hn HF).
    intros σ Hrip. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ).
  Qed.
  Lemma wp_test C p n next w d s a b R F F' Φ :
    Fetches C p (Test w d s) n → AddsTo p n next → Reads w Read next R d a → Reads w Read next R s b →
    SetsFlags (alu_flags w AluAnd a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hb HF. apply (wp_flags _ _ _ _ _ _ _ _ _ _ HC Hn HF).
    intros σ Hrip. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ).
  Qed.

  (** Bit tests: not of memory by a register. *)
  Definition bit_operands d s : bool := match d, s with OMem _, OReg _ => false | _, _ => true end.
  Lemma bit_operands_read τ w σ d s b :
    bit_operands d s = true → read_operand τ Read w σ s = Ok b →
    match d, s with OMem _, OReg _ => Stuck BadOperand | _, _ => read_operand τ Read w σ s end = Ok b.
  Proof. by destruct d, s. Qed.
  Lemma wp_bt C p n next w d s a b R F F' Φ :
    Fetches C p (Bit BitTest w d s) n → AddsTo p n next → bit_operands d s = true →
    Reads w Read next R d a → Reads w Read next R s b → SetsFlags (bit_flags w a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hop Ha Hb HF. apply (wp_flags _ _ _ _ _ _ _ _ _ _ HC Hn HF).
    intros σ Hrip. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. by rewrite /= (bit_operands_read _ _ _ _ _ _ Hop (Hvb _ Hτ)) /= (Hva _ Hτ).
  Qed.
  Lemma wp_bit C p n next op w d s a b R R' F F' Φ :
    Fetches C p (Bit op w d s) n → AddsTo p n next → bit_operands d s = true → op ≠ BitTest →
    Reads w Write next R d a → Reads w Read next R s b → Writes w next R d (bit_at w op a b) R' →
    SetsFlags (bit_flags w a b) F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hops Hop Ha Hb Hd HF. apply (wp_result _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ HC Hn Hd HF).
    intros σ Hrip _. iIntros "HS HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iDestruct (Hb with "HS HR") as %Hvb; [done|]. iPureIntro.
    intros τ Hτ. rewrite /= (bit_operands_read _ _ _ _ _ _ Hops (Hvb _ Hτ)) /=.
    by destruct op; [|rewrite (Hva _ Hτ)..].
  Qed.

  Lemma wp_movzx C p n next w from r s v R R' Φ :
    Fetches C p (Movzx w from r s) n → AddsTo p n next → Reads from Read next R s v →
    Writes w next R (OReg r) v R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hs Hd. apply (wp_executes _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Hs with "HS HR") as %Hv; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|]. iModIntro.
    iExists σ'. iFrame "HS Hcr3 HR". iPureIntro. split; [|done]. intros τ Hτ.
    rewrite /= (Hv _ Hτ). exact (Hσ' τ Hτ).
  Qed.
  Lemma wp_movsx C p n next w from r s v R R' Φ :
    Fetches C p (Movsx w from r s) n → AddsTo p n next → Reads from Read next R s v →
    Writes w next R (OReg r) (sext from v) R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hs Hd. apply (wp_executes _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Hs with "HS HR") as %Hv; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|]. iModIntro.
    iExists σ'. iFrame "HS Hcr3 HR". iPureIntro. split; [|done]. intros τ Hτ.
    rewrite /= (Hv _ Hτ). exact (Hσ' τ Hτ).
  Qed.
End compute.

Global Hint Mode SetsFlags + + + + ! - : typeclass_instances.
