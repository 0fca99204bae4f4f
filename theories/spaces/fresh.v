(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Export edits.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Fresh tables: zeroed memory becomes a table, which is linked below an absent entry or is the root of a
    new space; and tables that several spaces share.

    A table is its cells.  [cs] gives, slot by slot, the pages for which the slot is to answer. *)

(** A slot of a table with what it answers for. *)
Notation slots := (list (word * list (Z * Z))).
Definition empty_cell (root : word) (gs : list (Z * Z)) : cell :=
  Cell (Z_to_bv 64 0) ((λ g, VPage root g.1 g.2) <$> gs) [] [].
(** What is shared: the slot answers for pages of one more space. *)
Definition also_for (root : word) (k n : Z) (x : cell) : cell :=
  set_claimed (VPage root k n :: c_claimed x) (set_reach (VPage root k n :: c_reach x) x).

Section fresh.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (pa va root : word) (x : cell) (q : Qp) (ss : slots) (C A : vProp Σ).
  Notation mode := (cfg_mode (m_config M)).

  Definition zeroed (ss : slots) : vProp Σ :=
    [∗ list] y ∈ ss, ⎡phys_word y.1 1 (Z_to_bv 64 0)⎤.
  Definition table (root : word) (ss : slots) : vProp Σ :=
    [∗ list] y ∈ ss, y.1 ↦ₑ empty_cell root y.2.
  Global Instance table_objective root ss : Objective (table root ss).
  Proof using Type. apply _. Qed.

  Lemma tupd_sep (P Q : vProp Σ) : tupd P ∗ tupd Q ⊢ tupd (P ∗ Q).
  Proof using Type. iIntros "[HP HQ]". iMod "HP". iMod "HQ". iModIntro. iFrame. Qed.
  Lemma tupd_big_sepL {B} (Φ : B → vProp Σ) (l : list B) :
    ([∗ list] y ∈ l, tupd (Φ y)) ⊢ tupd ([∗ list] y ∈ l, Φ y).
  Proof using Type.
    induction l as [|y l IH]; simpl; [apply tupd_intro|]. by rewrite IH tupd_sep.
  Qed.

  (** A slot that answers for nothing yet is made to answer for pages of another space. *)
  Lemma slot_elsewhere cur root pa gs :
    root ≠ cur →
    in_space cur -∗ ⎡phys_word pa 1 (Z_to_bv 64 0)⎤ -∗ ⌜bv_unsigned pa `mod` 8 = 0⌝ -∗
    |~~> pa ↦ₑ empty_cell root gs.
  Proof using Hreg.
    iIntros (Hne) "#Hin H %Hpa". iMod (table_new with "H") as "H"; [done|].
    iInduction gs as [|[k n] gs] "IH"; [by iModIntro|]. iMod ("IH" with "H") as "H".
    iMod (table_reach_elsewhere _ _ _ root k n with "Hin H") as "H"; [done|]. by iModIntro.
  Qed.
  (** A new space, or a new table in another space than the current one. *)
  Lemma table_elsewhere cur root ss :
    root ≠ cur → Forall (λ y, bv_unsigned y.1 `mod` 8 = 0) ss →
    in_space cur -∗ zeroed ss -∗ |~~> table root ss.
  Proof using Hreg.
    iIntros (Hne Hss) "#Hin H". iApply tupd_big_sepL. rewrite /zeroed.
    iApply (big_sepL_impl with "H"). iIntros "!>" (i y Hi) "H".
    iApply (slot_elsewhere with "Hin H"); [done|]. iPureIntro. by eapply Forall_lookup_1 in Hss.
  Qed.

  (** A new table of the current space: for pages whose walk is known to end at an absent entry. *)
  Lemma slot_here root cs va k0 pa gs :
    known_walk mode root va (path_entries cs) = Some NotPresent →
    forallb (λ lv, k0 <=? lv_shift lv) (take (length cs) (pm_levels mode)) = true →
    Forall (λ g, 12 ≤ g.1 ≤ k0 ∧ g.2 ≫ (k0 - g.1) = bv_unsigned va ≫ k0) gs →
    in_space root -∗ vpath cs -∗ ⎡phys_word pa 1 (Z_to_bv 64 0)⎤ -∗ ⌜bv_unsigned pa `mod` 8 = 0⌝ -∗
    |~~> (vpath cs ∗ pa ↦ₑ empty_cell root gs).
  Proof using Hreg.
    iIntros (Hknown Hab Hgs) "#Hin Hcs H %Hpa". iMod (table_new with "H") as "H"; [done|].
    iInduction gs as [|[k n] gs] "IH"; [iModIntro; iFrame|].
    apply list.Forall_cons in Hgs as [[Hk Hn] Hgs].
    iMod ("IH" with "[//] Hcs H") as "[Hcs H]".
    iMod (table_reach _ _ va k0 _ _ k n with "Hin Hcs H") as "[Hcs H]"; [done..|].
    iModIntro. iFrame.
  Qed.
  Lemma table_here root cs va k0 ss :
    known_walk mode root va (path_entries cs) = Some NotPresent →
    forallb (λ lv, k0 <=? lv_shift lv) (take (length cs) (pm_levels mode)) = true →
    Forall (λ y, bv_unsigned y.1 `mod` 8 = 0 ∧
      Forall (λ g, 12 ≤ g.1 ≤ k0 ∧ g.2 ≫ (k0 - g.1) = bv_unsigned va ≫ k0) y.2) ss →
    in_space root -∗ vpath cs -∗ zeroed ss -∗ |~~> (vpath cs ∗ table root ss).
  Proof using Hreg.
    iIntros (Hknown Hab Hss) "#Hin Hcs H".
    iInduction ss as [|[pa gs] ss] "IH"; [iModIntro; iFrame; by rewrite /table|].
    apply list.Forall_cons in Hss as [[Hpa Hgs] Hss]. iDestruct "H" as "[H Hs]".
    iMod ("IH" with "[//] Hcs Hs") as "[Hcs Hs]".
    iMod (slot_here _ _ va k0 _ gs with "Hin Hcs H [//]") as "[Hcs H]"; [done..|].
    iModIntro. iFrame.
  Qed.

  (** A table is linked: nothing is claimed by it, and what the slot answers for may be claimed below.  The
      table may be empty, or one that is in use elsewhere. *)
  Lemma wp_link C p n next m s va v A q pa x Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va → cell_absent mode x = true →
    C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ x -∗
    (C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ Cell v (c_reach x) (c_reach x) (c_owed x) -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hreg.
    iIntros (HC Hn Ha Hx) "HC Hs HA Hc H HΦ".
    assert (Editable M x) by by rewrite /Editable /cell_editable Hx.
    iApply (wp_store_entry (c_reach x) with "HC Hs HA Hc H"). iIntros "HC Hs HA Hc H".
    rewrite /cell_store Hx. iApply ("HΦ" with "HC Hs HA Hc H").
  Qed.

  (** A slot of a shared subtree answers for pages of one more space, which may be claimed through it. *)
  Lemma table_share cur root pa x k n :
    root ≠ cur → in_space cur -∗ pa ↦ₑ x -∗ |~~> pa ↦ₑ also_for root k n x.
  Proof using Type.
    iIntros (Hne) "#Hin H". iMod (table_reach_elsewhere _ _ _ root k n with "Hin H") as "H"; [done|].
    iMod (table_open _ _ (VPage root k n :: c_claimed x) with "H") as "H"; [|by iModIntro].
    intros r va Hin. apply orb_true_iff. by right.
  Qed.
End fresh.

Global Typeclasses Opaque zeroed table.
