(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export mov cr3.
From rocqgen.spaces Require Export update.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Instructions that read and write entries of tables, and those that flush.

    An entry is reached as any word is: by a claim on its address in this space, whatever space the table
    belongs to.  So every rule with an operand in memory, made of [HasCell] and [SetCell], applies to
    entries: [pa ↦ₑ{q} x] takes the place of [pa ↦ₚ{q} v]. *)

(** Nothing is claimed through the slot, or its entry is absent. *)
Class Editable (M : machine) (x : cell) : Prop :=
  editable : cell_editable (cfg_mode (m_config M)) x = true.

Section edits.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (p next va v pa root : word) (m : addr) (x : cell) (q : Qp) (C A K : vProp Σ).
  #[local] Typeclasses Transparent vcell claim_word.
  Notation mode := (cfg_mode (m_config M)).

  Lemma has_cell_entry a w va q q' pa x :
    data_access w a → HasCell a (vclaim w va q pa ∗ pa ↦ₑ{q'} x) va (c_entry x).
  Proof using Type.
    intros Ha σ. rewrite monPred_at_sep /vcell monPred_at_embed. iIntros "HS [Hc H]".
    iDestruct (cell_load with "HS Hc H") as %Hl. iPureIntro. intros τ Hτ. by apply Hl.
  Qed.
  Global Instance has_cell_entry_read w va q q' pa x :
    HasCell Read (vclaim w va q pa ∗ pa ↦ₑ{q'} x) va (c_entry x) | 0.
  Proof using Type. apply has_cell_entry. by left. Qed.
  Global Instance has_cell_entry_write va q q' pa x :
    HasCell Write (va ⇝{q} pa ∗ pa ↦ₑ{q'} x) va (c_entry x) | 0.
  Proof using Type. apply has_cell_entry. by right. Qed.

  (** [claimed] is what may be claimed through the slot from then on: nothing, or all that it answers for
      where the new entry leads to a table. *)
  Lemma set_cell_entry_to claimed va q pa x v :
    Editable M x →
    SetCell (va ⇝{q} pa ∗ pa ↦ₑ x) va v (va ⇝{q} pa ∗ pa ↦ₑ cell_store mode x v claimed).
  Proof using Hreg.
    intros Hedit σ. rewrite monPred_at_sep /vcell monPred_at_embed. iIntros "HS [Hc H]".
    iMod (cell_write _ _ _ _ _ v claimed with "HS Hc H") as (m Hm) "(HS & Hc & H)"; [done|].
    iModIntro. iExists m. rewrite monPred_at_sep monPred_at_embed. iFrame "HS H".
    iSplit; [done|]. iExact "Hc".
  Qed.
  Global Instance set_cell_entry va q pa x v :
    Editable M x →
    SetCell (va ⇝{q} pa ∗ pa ↦ₑ x) va v (va ⇝{q} pa ∗ pa ↦ₑ cell_store mode x v []) | 0.
  Proof using Hreg. apply set_cell_entry_to. Qed.

  (** [mov [m], s] to an entry. *)
  Lemma wp_store_entry claimed C p n next m s va v A q pa x Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va → Editable M x →
    C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ x -∗
    (C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ cell_store mode x v claimed -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hreg.
    iIntros (HC Hn Ha Hx) "HC Hs HA Hc H HΦ".
    pose proof (set_cell_entry_to claimed va q pa x v Hx) as Hset.
    iApply (wp_store _ _ _ _ _ _ _ _ _ (va ⇝{q} pa ∗ pa ↦ₑ x)
      (va ⇝{q} pa ∗ pa ↦ₑ cell_store mode x v claimed) with "HC Hs HA [$Hc $H]"). iIntros "HC Hs HA [Hc H]".
    iApply ("HΦ" with "HC Hs HA Hc H").
  Qed.

  (** A page is mapped: an absent entry becomes a leaf, in this space or in another one, and its pages are
      claimed at once.  Nothing is flushed: absent entries are not cached. *)
  Lemma wp_map C p n next m s va v A q pa x cs i root' va' l Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va → cell_absent mode x = true →
    cs !! i = Some (bv_unsigned pa, 1%Qp, cell_store mode x v []) →
    leaf_claimable mode root' va' l i cs →
    C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ x -∗ (vcell pa 1 (cell_store mode x v []) -∗ vpath cs) -∗
    (C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗
     vpath (<[i := (bv_unsigned pa, 1%Qp, add_claim (leaf_region root' va' l) (cell_store mode x v []))]> cs) -∗
     vleaf root' va' l 1 -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hreg.
    iIntros (HC Hn Ha Hx Hi Hl) "HC Hs HA Hc H Hpath HΦ".
    assert (Editable M x) by by rewrite /Editable /cell_editable Hx.
    iApply (wp_store_entry [] with "HC Hs HA Hc H"). iIntros "HC Hs HA Hc H".
    iDestruct ("Hpath" with "H") as "H".
    iMod (table_claim _ _ _ _ _ _ _ Hi Hl with "H") as "[Hcs Hleaf]".
    iApply ("HΦ" with "HC Hs HA Hc Hcs Hleaf").
  Qed.

  (** A page is unmapped, or its rights or its frame change: its claims are given up, whole, and what the
      TLB may have kept is owed. *)
  Lemma wp_unmap C p n next m s va v A q pa x root' va' l Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va → 12 ≤ leaf_shift l ≤ 52 →
    Editable M (drop_claim (leaf_region root' va' l) x) →
    C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ x -∗ vleaf root' va' l 1 -∗
    (C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗
     pa ↦ₑ cell_store mode (drop_claim (leaf_region root' va' l) x) v [] -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hreg.
    iIntros (HC Hn Ha Hl Hx) "HC Hs HA Hc H Hleaf HΦ".
    iMod (table_unclaim with "[$H $Hleaf]") as "H"; [done|].
    iApply (wp_store_entry [] with "HC Hs HA Hc H"). iApply "HΦ".
  Qed.

  (** * Flushes *)
  Context (Hkernel : cfg_user (m_config M) = false).

  (** [invlpg m]: what is owed for the page of its address is paid. *)
  Lemma wp_invlpg C p n next m va root A (ys : list (Z * cell)) Φ :
    Fetches C p (Invlpg m) n → AddsTo p n next → Addresses next A m va →
    pm_canonical mode va = true →
    in_space root -∗ C -∗ A -∗ ⎡[∗ list] y ∈ ys, cell_pt y.1 1 y.2⎤ -∗
    (C -∗ A -∗ ⎡[∗ list] y ∈ ys, cell_pt y.1 1 (unpaid (paid root va) y.2)⎤ -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hkernel.
    iIntros (HC Hn Ha Hcan) "#Hin HC HA Hys H".
    iApply (wp_executes _ _ _ _ _ next
      (A ∗ ⎡[∗ list] y ∈ ys, cell_pt y.1 1 y.2⎤ ∗ in_space root)
      (A ∗ ⎡[∗ list] y ∈ ys, cell_pt y.1 1 (unpaid (paid root va) y.2)⎤) with "HC [$HA $Hys $Hin]").
    - intros σ Hrip. rewrite !monPred_at_sep in_space_at !monPred_at_embed.
      iIntros "HS Hcr3 (HA & Hys & ->)". iDestruct (Ha with "HS HA") as %Hva; [done|].
      iMod (cells_invlpg _ va with "HS Hys") as "[HS Hys]". iModIntro.
      iExists _. iFrame "HS Hcr3 HA Hys". iPureIntro. split; [|done]. intros τ Hτ.
      by rewrite /= Hva /= Hkernel Hcan.
    - iIntros "HC [HA Hys]". iApply ("H" with "HC HA Hys").
  Qed.
  (** One cell. *)
  Lemma wp_invlpg_cell C p n next m va root A pa x Φ :
    Fetches C p (Invlpg m) n → AddsTo p n next → Addresses next A m va →
    pm_canonical mode va = true →
    in_space root -∗ C -∗ A -∗ pa ↦ₑ x -∗
    (C -∗ A -∗ pa ↦ₑ unpaid (paid root va) x -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (HC Hn Ha Hcan) "#Hin HC HA H HΦ".
    iApply (wp_invlpg _ _ _ _ _ _ _ _ [(bv_unsigned pa, x)] with "Hin HC HA [H]"); [done| |].
    - by rewrite big_sepL_singleton.
    - iIntros "HC HA H". rewrite big_sepL_singleton. iApply ("HΦ" with "HC HA H").
  Qed.

  (** [mov cr3, r] pays everything: also of the space that it loads again. *)
  Lemma wp_mov_cr3_flush C K p n next r old new (ys : list (Z * cell)) Φ :
    Fetches C p (MovToCr3 r) n → AddsTo p n next → ClaimsRoot K →
    in_space old -∗ C -∗ r ⇒ᵣ new -∗ @[new] K -∗ ⎡[∗ list] y ∈ ys, cell_pt y.1 1 y.2⎤ -∗
    @[new] (in_space new -∗ @[old] C -∗ r ⇒ᵣ new -∗ K -∗
            ⎡[∗ list] y ∈ ys, cell_pt y.1 1 (set_owed [] y.2)⎤ -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    iIntros (HC Hn HK) "Hin HC Hr HK Hys H". iStopProof.
    constructor=> root. rewrite !monPred_at_sep in_space_at vreg_at !at_root_at !vwp_at monPred_at_embed.
    iIntros "(-> & HC & Hr & HK & Hys & H) Hcr3". iApply (swp_exec with "Hcr3 HC").
    iIntros (σ Hrip <-) "HS Hcr3 HC".
    iDestruct (HK with "HS HK") as %Hok.
    iDestruct (state_interp_reg with "HS Hr") as %Hv%get_reg_Some.
    iMod (cells_set_cr3 _ _ new with "HS Hcr3 Hys") as "(HS & Hcr3 & Hys)". iModIntro.
    iExists _. iFrame "HS". iSplit.
    { iPureIntro. intros τ Hτ. by rewrite /= Hv /= Hkernel Hok. }
    iNext. rewrite /= Hrip !monPred_wand_force vwp_at.
    iApply ("H" with "[] [HC] [Hr] HK [Hys] Hcr3").
    - by rewrite in_space_at.
    - by rewrite at_root_at.
    - by rewrite vreg_at.
    - by rewrite monPred_at_embed.
  Qed.
End edits.

Global Hint Mode Editable + ! : typeclass_instances.
