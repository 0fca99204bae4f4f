(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export alu narrow.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [jcc], [setcc] and [cmovcc].

    The condition has to be decided: [cond_holds c f = Some b], where [vflags f] is owned.  One that reads an
    undefined flag is outside of the model.  [jcc] and [setcc] of a register cannot fault but in the fetch.
    [cmovcc] reads its source whether or not it moves it, so the faults of that access are excluded in any
    case; and it writes its destination in any case, whose upper half 32 bits clear. *)

Section branch.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next pc v old : word) (d s : operand) (r : reg) (C R : vProp Σ) (f : flags) (c : cond)
    (b : bool).

  (** What leaves the flags as they are, but depends on them. *)
  Lemma wp_flagged C p i n next pc f R R' Φ :
    Fetches C p i n → AddsTo p n next →
    (∀ σ, st_rip σ = next → st_flags σ = f →
      state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ R (root_of σ) ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ'⌝ ∗ ⌜st_rip σ' = pc⌝ ∗
        state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ)) →
    C -∗ R -∗ vflags f -∗ (C -∗ R' -∗ vflags f -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hex) "HC HR HF H".
    iApply (wp_executes _ _ _ _ _ pc (R ∗ vflags f) (R' ∗ vflags f) with "HC [$HR $HF]").
    - intros σ Hrip. rewrite !monPred_at_sep /vflags !monPred_at_embed. iIntros "HS Hcr3 [HR HF]".
      iDestruct (state_interp_flags with "HS HF") as %Hf.
      iMod (Hex with "HS Hcr3 HR") as (σ' Hσ' Hpc) "(HS & Hcr3 & HR)"; [done..|]. iModIntro.
      iExists σ'. rewrite monPred_at_sep monPred_at_embed. by iFrame.
    - iIntros "HC [HR HF]". iApply ("H" with "HC HR HF").
  Qed.

  (** A taken branch, and one that falls through. *)
  Lemma wp_jcc C p n next c z b pc f Φ :
    Fetches C p (Jcc c z) n → AddsTo p n next → cond_holds c f = Some b →
    AddsTo next (if b then z else 0) pc →
    C -∗ vflags f -∗ (C -∗ vflags f -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hb Hpc) "HC HF H".
    iApply (wp_flagged _ _ _ _ next pc f emp emp with "HC [//] HF").
    - intros σ Hrip Hf. iIntros "HS Hcr3 HR".
      iDestruct (state_interp_rip _ pc with "HS") as "HS". iModIntro.
      iExists (set_rip pc σ). iFrame "HS Hcr3 HR". iPureIntro. split; [|done]. intros τ _.
      rewrite /= Hf Hb /= Hrip -Hpc. destruct b; [done|]. rewrite bv_add_Z_0 -Hrip. by destruct σ.
    - iIntros "HC _ HF". iApply ("H" with "HC HF").
  Qed.
  Lemma wp_setcc C p n next c d b f R R' Φ :
    Fetches C p (Setcc c d) n → AddsTo p n next → cond_holds c f = Some b →
    Writes W8 next R d (carry_word b) R' →
    C -∗ R -∗ vflags f -∗ (C -∗ R' -∗ vflags f -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hb Hd. apply (wp_flagged _ _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip Hf.
    iIntros "HS Hcr3 HR". iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "H"; [done|]. iModIntro.
    iExists σ'. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ. rewrite /= Hf Hb. by apply Hσ'.
  Qed.
  Lemma wp_cmovcc C p n next c w r s b v old f R R' Φ :
    Fetches C p (Cmovcc c w r s) n → AddsTo p n next → cond_holds c f = Some b →
    Reads w Read next R s v → Reads w Read next R (OReg r) old →
    Writes w next R (OReg r) (if b then v else old) R' →
    C -∗ R -∗ vflags f -∗ (C -∗ R' -∗ vflags f -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hb Hs Ho Hd. apply (wp_flagged _ _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip Hf.
    iIntros "HS Hcr3 HR". iDestruct (Hs with "HS HR") as %Hv; [done|].
    iDestruct (Ho with "HS HR") as %Hold; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "H"; [done|]. iModIntro.
    iExists σ'. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ.
    specialize (Hold τ Hτ). simpl in Hold.
    rewrite /= (Hv _ Hτ) /= Hf Hb /= Hold. by apply (Hσ' τ).
  Qed.
End branch.
