(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Moves to and from CR0 and CR4.

    What of them decides about translations is a constant of the configuration: [control_ok] says that a value
    agrees with it, and [control_free] which bits code may change.  Excluded, beside the faults of the fetch:
    the general protection that user code gets, and each change of a bit that is a change of mode, or that
    may fault on one processor and not on the next. *)

#[local] Arguments control_ok : simpl never.
#[local] Arguments control_free : simpl never.

Section control.
  Context {M : machine} `{!machGS M Σ} (Hkernel : cfg_user (m_config M) = false).
  Implicit Types (p next v old : word) (r d : reg) (C : vProp Σ).

  Definition control_kept r old v : Prop :=
    Z.ldiff (Z.lxor (bv_unsigned v) (bv_unsigned old)) (control_free r) = 0.

  Lemma wp_mov_to_control C p i n next c s old v Φ :
    (i, c) = (MovToCr0 s, CR0) ∨ (i, c) = (MovToCr4 s, CR4) →
    Fetches C p i n → AddsTo p n next → control_ok (m_config M) c old = true → control_kept c old v →
    C -∗ s ⇒ᵣ v -∗ c ⇒ᵣ old -∗ (C -∗ s ⇒ᵣ v -∗ c ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (Hi HC Hn Hok Hkept) "HC Hs Hc H".
    iApply (wp_executes _ _ _ _ _ next (s ⇒ᵣ v ∗ c ⇒ᵣ old) (s ⇒ᵣ v ∗ c ⇒ᵣ v) with "HC [$Hs $Hc]").
    2: { iIntros "HC [Hs Hc]". iApply ("H" with "HC Hs Hc"). }
    intros σ Hrip. rewrite !monPred_at_sep !vreg_at. iIntros "HS Hcr3 [Hs Hc]".
    iDestruct (state_interp_reg with "HS Hs") as %Hs%get_reg_Some.
    iDestruct (state_interp_reg with "HS Hc") as %Hc%get_reg_Some.
    iMod (state_interp_set_reg _ _ _ v with "HS Hc") as "[HS Hc]"; [by destruct Hi; simplify_eq|].
    iModIntro. iExists _. iFrame "HS Hcr3". rewrite monPred_at_sep !vreg_at. iFrame. iPureIntro.
    split; [|done]. intros τ _. rewrite /control_kept in Hkept.
    destruct Hi as [[= -> ->]|[= -> ->]];
      by rewrite /= Hs /= /write_control /read_control Hkernel Hc /= Hok /= Hkept.
  Qed.
  Lemma wp_mov_from_control C p i n next c d old v Φ :
    (i, c) = (MovFromCr0 d, CR0) ∨ (i, c) = (MovFromCr4 d, CR4) →
    Fetches C p i n → AddsTo p n next → control_ok (m_config M) c v = true →
    C -∗ d ⇒ᵣ old -∗ c ⇒ᵣ v -∗ (C -∗ d ⇒ᵣ v -∗ c ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (Hi HC Hn Hok) "HC Hd Hc H".
    iApply (wp_executes _ _ _ _ _ next (d ⇒ᵣ old ∗ c ⇒ᵣ v) (d ⇒ᵣ v ∗ c ⇒ᵣ v) with "HC [$Hd $Hc]").
    2: { iIntros "HC [Hd Hc]". iApply ("H" with "HC Hd Hc"). }
    intros σ Hrip. rewrite !monPred_at_sep !vreg_at. iIntros "HS Hcr3 [Hd Hc]".
    iDestruct (state_interp_reg with "HS Hc") as %Hc%get_reg_Some.
    iDestruct (reg_not_cr3 with "Hcr3 Hd") as %Hne.
    iMod (state_interp_set_reg _ _ _ v with "HS Hd") as "[HS Hd]"; [done|].
    iModIntro. iExists _. iFrame "HS Hcr3". rewrite monPred_at_sep !vreg_at. iFrame. iPureIntro.
    split; [|done]. intros τ _.
    destruct Hi as [[= -> ->]|[= -> ->]]; by rewrite /= /read_control Hkernel Hc /= Hok.
  Qed.
  Lemma wp_mov_to_cr0 C p n next s old v Φ :
    Fetches C p (MovToCr0 s) n → AddsTo p n next → control_ok (m_config M) CR0 old = true →
    control_kept CR0 old v →
    C -∗ s ⇒ᵣ v -∗ CR0 ⇒ᵣ old -∗ (C -∗ s ⇒ᵣ v -∗ CR0 ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel. by apply wp_mov_to_control; left. Qed.
  Lemma wp_mov_to_cr4 C p n next s old v Φ :
    Fetches C p (MovToCr4 s) n → AddsTo p n next → control_ok (m_config M) CR4 old = true →
    control_kept CR4 old v →
    C -∗ s ⇒ᵣ v -∗ CR4 ⇒ᵣ old -∗ (C -∗ s ⇒ᵣ v -∗ CR4 ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel. by apply wp_mov_to_control; right. Qed.
  Lemma wp_mov_from_cr0 C p n next d old v Φ :
    Fetches C p (MovFromCr0 d) n → AddsTo p n next → control_ok (m_config M) CR0 v = true →
    C -∗ d ⇒ᵣ old -∗ CR0 ⇒ᵣ v -∗ (C -∗ d ⇒ᵣ v -∗ CR0 ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel. by apply wp_mov_from_control; left. Qed.
  Lemma wp_mov_from_cr4 C p n next d old v Φ :
    Fetches C p (MovFromCr4 d) n → AddsTo p n next → control_ok (m_config M) CR4 v = true →
    C -∗ d ⇒ᵣ old -∗ CR4 ⇒ᵣ v -∗ (C -∗ d ⇒ᵣ v -∗ CR4 ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel. by apply wp_mov_from_control; right. Qed.
End control.
