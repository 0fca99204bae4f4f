(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [mov r, cr3] and [mov cr3, r].

    [wp_mov_cr3] is the step in which the space changes: what was here is at [old] from then on,
    and what was said at [new] is here.  It gives a goal [@[new] ...], which [iEnter from] enters:
    that tags every hypothesis about the old space and takes [@[new]] off.  The next instruction
    is fetched in the new space, so that the proof goes on only where the code is claimed in it;
    [K] is that code, or anything else claimed there, and shows that [new] may be loaded.  The TLB
    is emptied by the step.

    Excluded beside the faults of the fetch: the general protection fault outside ring 0, by the
    hypothesis on the configuration, and that of reserved bits in [new], by [K]. *)

Section cr3.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next old new root : word) (d r : reg) (C K : vProp Σ).
  Context (Hkernel : cfg_user (m_config M) = false).

  #[local] Typeclasses Transparent claims_at virt_word virt_bytes.

  (** [K] claims something, in whatever space it is read. *)
  Class ClaimsRoot (K : vProp Σ) : Prop :=
    claims_root σ root : state_interp σ -∗ K root -∗ ⌜pm_root_ok (cfg_mode (m_config M)) root = true⌝.

  Lemma claims_at_root_ok σ w root va q pa pas :
    state_interp σ -∗ claims_at w root va q (pa :: pas) -∗
    ⌜pm_root_ok (cfg_mode (m_config M)) root = true⌝.
  Proof using Type.
    iIntros "HS [(%R & _ & H) _]". iApply (claim_root_ok with "HS H").
  Qed.
  Global Instance claims_root_vinstr va q i n : ClaimsRoot (vinstr va q i n).
  Proof using Type. intros σ root. apply code_root_ok. Qed.
  Global Instance claims_root_code base x l q : ClaimsRoot (code base (x :: l) q).
  Proof using Type.
    intros σ root. rewrite code_vinstr big_sepL_cons monPred_at_sep. iIntros "HS [HK _]".
    iApply (claims_root with "HS HK").
  Qed.
  Global Instance claims_root_vclaim w va q pa : ClaimsRoot (vclaim w va q pa).
  Proof using Type. intros σ root. apply claims_at_root_ok. Qed.
  Global Instance claims_root_vpt w va q v : ClaimsRoot (vpt w va q v).
  Proof using Type.
    intros σ root. rewrite vpt_at. iIntros "HS (%pas & Hc & Hp)".
    iDestruct (big_sepL2_length with "Hp") as %Hlen. rewrite word_bytes_length in Hlen.
    destruct pas as [|pa pas]; [done|]. iApply (claims_at_root_ok with "HS Hc").
  Qed.
  Global Instance claims_root_sep_l P Q : ClaimsRoot P → ClaimsRoot (P ∗ Q) | 1.
  Proof using Type.
    intros HP σ root. rewrite monPred_at_sep. iIntros "HS [H _]". iApply (HP with "HS H").
  Qed.
  Global Instance claims_root_sep_r P Q : ClaimsRoot Q → ClaimsRoot (P ∗ Q) | 2.
  Proof using Type.
    intros HQ σ root. rewrite monPred_at_sep. iIntros "HS [_ H]". iApply (HQ with "HS H").
  Qed.

  Lemma wp_mov_from_cr3 C p n next d root old Φ :
    Fetches C p (MovFromCr3 d) n → AddsTo p n next →
    in_space root -∗ C -∗ d ⇒ᵣ old -∗ (C -∗ d ⇒ᵣ root -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (HC Hn) "#Hin HC Hd H".
    iApply (wp_executes _ _ _ _ _ next (d ⇒ᵣ old ∗ in_space root) (d ⇒ᵣ root)
      with "HC [$Hd $Hin] H").
    intros σ Hrip. rewrite monPred_at_sep in_space_at !vreg_at. iIntros "HS Hcr3 [Hd ->]".
    iDestruct (state_interp_reg with "HS Hcr3") as %Hr%get_reg_Some.
    iDestruct (reg_not_cr3 with "Hcr3 Hd") as %Hne.
    iMod (state_interp_set_reg with "HS Hd") as "[HS Hd]"; [done|]. iModIntro.
    iExists _. rewrite vreg_at. iFrame "HS Hcr3 Hd". iPureIntro. split; [|done]. intros τ Hτ.
    by rewrite /= Hr /= Hkernel.
  Qed.

  Lemma wp_mov_cr3 C K p n next r old new Φ :
    Fetches C p (MovToCr3 r) n → AddsTo p n next → ClaimsRoot K →
    in_space old -∗ C -∗ r ⇒ᵣ new -∗ @[new] K -∗
    @[new] (in_space new -∗ @[old] C -∗ r ⇒ᵣ new -∗ K -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (HC Hn HK) "Hin HC Hr HK H". iStopProof.
    constructor=> root. rewrite !monPred_at_sep in_space_at vreg_at !at_root_at !vwp_at.
    iIntros "(-> & HC & Hr & HK & H) Hcr3". iApply (swp_exec with "Hcr3 HC").
    iIntros (σ Hrip <-) "HS Hcr3 HC".
    iDestruct (HK with "HS HK") as %Hok.
    iDestruct (state_interp_reg with "HS Hr") as %Hv%get_reg_Some.
    iMod (state_interp_set_cr3 _ _ new with "HS Hcr3") as "[HS Hcr3]". iModIntro.
    iExists _. iFrame "HS". iSplit.
    { iPureIntro. intros τ Hτ. by rewrite /= Hv /= Hkernel Hok. }
    iNext. rewrite /= Hrip !monPred_wand_force vwp_at. iApply ("H" with "[] [HC] [Hr] HK Hcr3").
    - by rewrite in_space_at.
    - by rewrite at_root_at.
    - by rewrite vreg_at.
  Qed.
End cr3.

Global Hint Mode ClaimsRoot + + + ! : typeclass_instances.
