(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Export edits.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What is not yet free: [stale pa x P] is the cell at [pa] with its debts, and [P], the memory that was
    reached through it, which nobody has before the debts are paid.  It is sealed: the laws below are
    all that there is. *)

Section def.
  Context {M : machine} `{!machGS M Σ}.
  Local Definition stale_def (pa : word) (x : cell) (P : vProp Σ) : vProp Σ := (pa ↦ₑ x ∗ P)%I.
  Local Definition stale_aux : seal stale_def. Proof. by eexists. Qed.
  Definition stale := stale_aux.(unseal).
  Local Definition stale_unseal : stale = stale_def := stale_aux.(seal_eq).
End def.

Section stale.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (p next va v pa root : word) (m : addr) (x : cell) (q : Qp) (C A P : vProp Σ).
  Notation mode := (cfg_mode (m_config M)).

  Lemma stale_intro pa x P : pa ↦ₑ x -∗ P -∗ stale pa x P.
  Proof using Type. rewrite stale_unseal. iIntros "$ $". Qed.
  (** Nothing is owed any more. *)
  Lemma stale_free pa x P : c_owed x = [] → stale pa x P ⊢ pa ↦ₑ x ∗ P.
  Proof using Type. by rewrite stale_unseal. Qed.
  Global Instance stale_objective pa x P : Objective P → Objective (stale pa x P).
  Proof using Type. rewrite stale_unseal. apply _. Qed.

  (** A page of 4 KiB is unmapped, in this space or in another one: its memory is given up whole, and what
      was its frame is stale. *)
  Lemma wp_unmap_page C p n next m s va v A q pa x root' va' w bs Φ :
    Fetches C p (Mov W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ v) m va →
    0 ≤ page va' < 2 ^ 52 → Z.of_nat (length bs) = 4096 →
    Editable M (drop_claim (VPage root' 12 (page va')) x) →
    C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗ pa ↦ₑ x -∗ @[root'] vpage w (page va') 1 bs -∗
    (∀ frame, C -∗ s ⇒ᵣ v -∗ A -∗ va ⇝{q} pa -∗
     stale pa (cell_store mode (drop_claim (VPage root' 12 (page va')) x) v [])
       ⎡phys_bytes (seqZ frame 4096) 1 bs⎤ -∗ vwp next Φ) -∗
    vwp p Φ.
  Proof using Hreg.
    iIntros (HC Hn Ha Hp Hbs Hx) "HC Hs HA Hc H Hpage HΦ".
    iDestruct (vpage_leaf with "Hpage") as (frame R) "[Hleaf Hb]"; [done..|].
    iApply (wp_unmap _ _ _ _ _ _ _ _ _ _ _ _ root' va' (Leaf frame 12 R)
      with "HC Hs HA Hc H Hleaf"); [done|].
    iIntros "HC Hs HA Hc H". iApply ("HΦ" with "HC Hs HA Hc").
    iApply (stale_intro with "H Hb").
  Qed.

  (** What is owed in another space is paid. *)
  Lemma stale_elsewhere root pa x P :
    in_space root -∗ stale pa x P -∗ |~~> stale pa (unpaid (elsewhere root) x) P.
  Proof using Type.
    rewrite stale_unseal. iIntros "#Hin [H HP]".
    iMod (table_pay_elsewhere with "Hin H") as "H". iModIntro. iFrame.
  Qed.

  Context (Hkernel : cfg_user (m_config M) = false).
  Lemma wp_invlpg_stale C p n next m va root A pa x P Φ :
    Fetches C p (Invlpg m) n → AddsTo p n next → Addresses next A m va →
    pm_canonical mode va = true →
    in_space root -∗ C -∗ A -∗ stale pa x P -∗
    (C -∗ A -∗ stale pa (unpaid (paid root va) x) P -∗ vwp next Φ) -∗ vwp p Φ.
  Proof using Hkernel.
    rewrite stale_unseal. iIntros (HC Hn Ha Hcan) "#Hin HC HA [H HP] HΦ".
    iApply (wp_invlpg_cell with "Hin HC HA H"); [done..|]. iIntros "HC HA H".
    iApply ("HΦ" with "HC HA"). iFrame.
  Qed.
End stale.

Global Typeclasses Opaque stale.
