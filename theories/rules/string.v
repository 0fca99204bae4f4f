(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [rep stosq]: a step for each word, and control stays at the instruction until the last.

    [wp_rep_stosq_step] is one of them; [wp_rep_stosq] is the whole, for [k] words from [va] on that are
    owned.  Excluded beside the faults of the fetch: every fault of writing one of these words, and memory
    that is not there.  The direction flag is clear. *)

Section string.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next va v : word) (C R V : vProp Σ).

  Lemma wp_rep_stosq_none C p next Φ :
    Fetches C p RepStosq 3 → AddsTo p 3 next →
    C -∗ RCX ⇒ᵣ Z_to_bv 64 0 -∗ (C -∗ RCX ⇒ᵣ Z_to_bv 64 0 -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn) "HC Hc H".
    iApply (wp_executes _ _ _ _ _ next (RCX ⇒ᵣ Z_to_bv 64 0) (RCX ⇒ᵣ Z_to_bv 64 0) with "HC Hc H").
    intros σ Hrip. iIntros "HS Hcr3 HR". iDestruct (has_reg_get _ RCX with "HS HR") as %Hc.
    iModIntro. iExists σ. iFrame. iPureIntro. split; [|done]. intros τ _. by rewrite /= /rep_stosq Hc.
  Qed.

  (** One word: [n] are left before, and [n - 1] behind. *)
  Lemma wp_rep_stosq_step C p next n va v V V' Φ :
    Fetches C p RepStosq 3 → AddsTo p 3 next → SetCell V va v V' → 0 < n < 2 ^ 64 →
    C -∗ RCX ⇒ᵣ Z_to_bv 64 n -∗ RDI ⇒ᵣ va -∗ RAX ⇒ᵣ v -∗ V -∗
    ▷ (C -∗ RCX ⇒ᵣ Z_to_bv 64 (n - 1) -∗ RDI ⇒ᵣ (va `+Z` 8) -∗ RAX ⇒ᵣ v -∗ V' -∗
       vwp (if n =? 1 then next else p) Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn HV Hrange) "HC Hc Hd Ha HV H".
    iApply (wp_executes_later _ _ _ _ _ (if n =? 1 then next else p)
      (V ∗ RCX ⇒ᵣ Z_to_bv 64 n ∗ RDI ⇒ᵣ va ∗ RAX ⇒ᵣ v)
      (V' ∗ RCX ⇒ᵣ Z_to_bv 64 (n - 1) ∗ RDI ⇒ᵣ (va `+Z` 8) ∗ RAX ⇒ᵣ v) with "HC [$HV $Hc $Hd $Ha]").
    2: { iIntros "!> HC (HV & Hc & Hd & Ha)". iApply ("H" with "HC Hc Hd Ha HV"). }
    intros σ Hrip. rewrite !monPred_at_sep !vreg_at. iIntros "HS Hcr3 (HV & Hc & Hd & Ha)".
    iDestruct (state_interp_reg with "HS Hc") as %Hc%get_reg_Some.
    iDestruct (state_interp_reg with "HS Hd") as %Hd%get_reg_Some.
    iDestruct (state_interp_reg with "HS Ha") as %Ha%get_reg_Some.
    iMod (HV with "HS HV") as (m Hm) "[HS HV]".
    iMod (state_interp_set_reg _ _ _ (va `+Z` 8) with "HS Hd") as "[HS Hd]"; [done|].
    iMod (state_interp_set_reg _ _ _ (Z_to_bv 64 (n - 1)) with "HS Hc") as "[HS Hc]"; [done|].
    iDestruct (state_interp_rip _ (if n =? 1 then next else p) with "HS") as "HS". iModIntro.
    iExists _. iFrame "HS Hcr3". rewrite !monPred_at_sep !vreg_at. iFrame. iPureIntro. split; [|done].
    intros τ Hτ. rewrite /= /rep_stosq Hc /= Z_to_bv_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
    assert (n =? 0 = false) as -> by lia. rewrite Ha /= Hd /= (Hm _ Hτ) /=.
    assert (Z_to_bv 64 n `+Z` (-1) = Z_to_bv 64 (n - 1)) as ->.
    { apply bv_eq. by rewrite bv_add_Z_unsigned !Z_to_bv_unsigned bv_wrap_add_idemp_l. }
    f_equal. destruct (n =? 1); rewrite /set_rip /set_reg /set_mem /= Hrip; [done|].
    f_equal. rewrite -Hn bv_add_Z_assoc. apply bv_add_Z_0.
  Qed.

  (** [k] words from [va] on. *)
  Lemma wp_rep_stosq C p next (olds : list word) va v Φ :
    Fetches C p RepStosq 3 → AddsTo p 3 next → Z.of_nat (length olds) < 2 ^ 64 →
    C -∗ RCX ⇒ᵣ Z_to_bv 64 (length olds) -∗ RDI ⇒ᵣ va -∗ RAX ⇒ᵣ v -∗
    ([∗ list] i ↦ old ∈ olds, (va `+Z` (8 * Z.of_nat i)) ↦ᵥ old) -∗
    (C -∗ RCX ⇒ᵣ Z_to_bv 64 0 -∗ RDI ⇒ᵣ (va `+Z` (8 * length olds)) -∗ RAX ⇒ᵣ v -∗
       ([∗ list] i ↦ _ ∈ olds, (va `+Z` (8 * Z.of_nat i)) ↦ᵥ v) -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn). iInduction olds as [|old olds] "IH" forall (va); iIntros (Hlen) "HC Hc Hd Ha HV H".
    - iApply (wp_rep_stosq_none with "HC Hc"). iIntros "HC Hc". rewrite bv_add_Z_0.
      by iApply ("H" with "HC Hc Hd Ha").
    - iDestruct "HV" as "[HV HVs]". rewrite bv_add_Z_0. simpl in Hlen.
      iApply (wp_rep_stosq_step with "HC Hc Hd Ha HV"); [simpl; lia|]. iIntros "!> HC Hc Hd Ha HV".
      assert (∀ i : nat, va `+Z` (8 * Z.of_nat (S i)) = va `+Z` 8 `+Z` (8 * Z.of_nat i)) as Hnext.
      { intros i. rewrite bv_add_Z_assoc. f_equal. lia. }
      setoid_rewrite Hnext. replace (Z.of_nat (length (old :: olds)) - 1) with (Z.of_nat (length olds))
        by (simpl; lia).
      destruct (decide (olds = [])) as [->|Hne].
      + iApply ("H" with "HC Hc [Hd] Ha [HV]"); [by rewrite /= bv_add_Z_0|].
        rewrite /= bv_add_Z_0. by iFrame.
      + assert (Z.of_nat (length (old :: olds)) =? 1 = false) as ->.
        { apply Z.eqb_neq. intros H1. apply Hne, nil_length_inv. cbn [length] in H1. lia. }
        iApply ("IH" with "[%] HC Hc Hd Ha HVs"); [lia|].
        iIntros "HC Hc Hd Ha HVs". iApply ("H" with "HC Hc Hd Ha [HV HVs]").
        rewrite big_sepL_cons. iSplitL "HV"; [by rewrite /= bv_add_Z_0|].
        iApply (big_sepL_mono with "HVs"). intros i y _. cbn beta. by rewrite Hnext.
  Qed.
End string.
