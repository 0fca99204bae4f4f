(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [mov], [lea] and [nop].

    [wp_mov] and [wp_lea] are for operands of any form, over resources [R] given as one assertion.
    The others are for one form each.  There [A] is what an address is made of beside the other
    operands: [b ⇒ᵣ x], [b ⇒ᵣ x ∗ k ⇒ᵣ y], or [emp] where it is relative to [rip] or to the other
    operand.

    What each excludes beside the faults of the fetch: a load, every fault of reading the eight
    bytes at [va], and memory that is not there; a store, every fault of writing them; [lea],
    [nop] and moves between registers cannot fault. *)

Section mov.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next va v old : word) (d s : reg) (m : addr) (C R A V : vProp Σ).

  Lemma wp_mov C p n next w (d s : operand) v R R' Φ :
    Fetches C p (Mov w d s) n → AddsTo p n next → Reads w Read next R s v → Writes w next R d v R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Hs Hd. apply (wp_executes _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Hs with "HS HR") as %Hv; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|]. iModIntro.
    iExists σ'. iFrame "HS Hcr3 HR". iPureIntro. split; [|done]. intros τ Hτ.
    rewrite /= (Hv _ Hτ). by apply Hσ'.
  Qed.

  Lemma wp_mov_rr C p n next d s old v Φ :
    Fetches C p (Mov W64 (OReg d) (OReg s)) n → AddsTo p n next →
    C -∗ d ⇒ᵣ old -∗ s ⇒ᵣ v -∗ (C -∗ d ⇒ᵣ v -∗ s ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (??) "HC Hd Hs H".
    iApply (wp_mov _ _ _ _ _ _ _ v (d ⇒ᵣ old ∗ s ⇒ᵣ v) with "HC [$Hd $Hs]").
    iIntros "HC [Hd Hs]". iApply ("H" with "HC Hd Hs").
  Qed.
  Lemma wp_mov_ri C p n next d i old Φ :
    Fetches C p (Mov W64 (OReg d) (OImm i)) n → AddsTo p n next →
    C -∗ d ⇒ᵣ old -∗ (C -∗ d ⇒ᵣ Z_to_bv 64 i -∗ vwp next Φ) -∗ vwp p Φ.
  Proof. iIntros (??) "HC Hd". iApply (wp_mov with "HC Hd"). Qed.

  (** [mov d, [m]] *)
  Lemma wp_load C p n next d m old va v A V Φ :
    Fetches C p (Mov W64 (OReg d) (OMem m)) n → AddsTo p n next →
    Addresses next (A ∗ d ⇒ᵣ old) m va → HasCell Read V va v →
    C -∗ d ⇒ᵣ old -∗ A -∗ V -∗ (C -∗ d ⇒ᵣ v -∗ A -∗ V -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC Hd HA HV H".
    iApply (wp_mov _ _ _ _ _ _ _ v ((A ∗ d ⇒ᵣ old) ∗ V) with "HC [$Hd $HA $HV]").
    iIntros "HC [[HA Hd] HV]". iApply ("H" with "HC Hd HA HV").
  Qed.
  (** [mov [m], s] *)
  Lemma wp_store C p n next m s va v A V V' Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va → SetCell V va v V' →
    C -∗ s ⇒ᵣ v -∗ A -∗ V -∗ (C -∗ s ⇒ᵣ v -∗ A -∗ V' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC Hs HA HV H".
    iApply (wp_mov _ _ _ _ _ _ _ v ((A ∗ s ⇒ᵣ v) ∗ V) with "HC [$Hs $HA $HV]").
    iIntros "HC [[HA Hs] HV]". iApply ("H" with "HC Hs HA HV").
  Qed.
  (** [mov [m], i] *)
  Lemma wp_store_imm C p n next m i va A V V' Φ :
    Fetches C p (Mov W64 (OMem m) (OImm i)) n → AddsTo p n next →
    Addresses next A m va → SetCell V va (Z_to_bv 64 i) V' →
    C -∗ A -∗ V -∗ (C -∗ A -∗ V' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC HA HV H".
    iApply (wp_mov _ _ _ _ _ _ _ _ (A ∗ V) with "HC [$HA $HV]").
    iIntros "HC [HA HV]". iApply ("H" with "HC HA HV").
  Qed.

  Lemma wp_lea C p n next w d m va R R' Φ :
    Fetches C p (Lea w d m) n → AddsTo p n next → Addresses next R m va →
    Writes w next R (OReg d) va R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ha Hd. apply (wp_executes _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Ha with "HS HR") as %Hva; [done|].
    iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|].
    iModIntro. iExists σ'. iFrame "HS Hcr3 HR". iPureIntro. split; [|done]. intros τ Hτ.
    rewrite /= Hva. by apply (Hσ' τ).
  Qed.
  Lemma wp_lea_r C p n next d m va old A Φ :
    Fetches C p (Lea W64 d m) n → AddsTo p n next → Addresses next (A ∗ d ⇒ᵣ old) m va →
    C -∗ d ⇒ᵣ old -∗ A -∗ (C -∗ d ⇒ᵣ va -∗ A -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???) "HC Hd HA H". iApply (wp_lea _ _ _ _ _ _ _ va (A ∗ d ⇒ᵣ old) with "HC [$Hd $HA]").
    iIntros "HC [HA Hd]". iApply ("H" with "HC Hd HA").
  Qed.

  Lemma wp_nop C p n next Φ :
    Fetches C p Nop n → AddsTo p n next → C -∗ (C -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn) "HC H". iApply (wp_executes _ _ _ _ _ next emp emp with "HC [//]").
    - intros σ Hrip. iIntros "HS Hcr3 _ !>". iExists σ. rewrite monPred_at_emp. by iFrame.
    - iIntros "HC _". by iApply "H".
  Qed.
End mov.
