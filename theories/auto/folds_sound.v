(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export holes_sound folds entries.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Walks are unfolded and folded. *)

Lemma whole_page_sound ρ q : is_whole_page q = true → feval ρ q = pos_to_Qp 512.
Proof.
  destruct q as [|x|n d]; try done. intros ->%Pos.eqb_eq.
  rewrite /feval -pos_to_Qp_mul -{2}(Qp.mul_1_l (pos_to_Qp d)) Qp.div_mul_cancel_r. apply Qp.div_1.
Qed.
Lemma eval_table ρ t : eval ρ (table_expr t) = table_of (eval ρ t).
Proof. apply eval_mk_and. Qed.
Lemma eval_slot_expr ρ t k va : eval ρ (slot_expr t k va) = walk_slot (eval ρ t) k (eval ρ va).
Proof. by rewrite /slot_expr eval_mk_op !eval_mk_and eval_mk_op. Qed.
Lemma holds_leads ρ e : holds ρ (PEq (mk_and e (ECst 129)) (ECst 1)) ↔ leads_on (eval ρ e) = true.
Proof. rewrite holds_mask // /leads_on. by rewrite Z.eqb_eq. Qed.
Lemma holds_leads_not ρ e : holds ρ (PNe (mk_and e (ECst 129)) (ECst 1)) → leads_on (eval ρ e) = false.
Proof. intros H. apply not_true_is_false. by intros Hl%holds_leads. Qed.

Section folds.
  Context {M : machine} `{!machGS M Σ} {ρ : env}.
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dmap m := (match m with Some (s, d) => Some (eval ρ s, eval ρ d) | None => None end).
  Local Notation dreads l := (reads_map (eval ρ) l).

  Lemma ditem_slot q root va t k e :
    ditem ρ (ICell q (slot_cell root va t k e)) ⊣⊢
    slot_pt (feval ρ q) (eval ρ root) (eval ρ va) (Slot (eval ρ t) k (eval ρ e)).
  Proof using Type. by rewrite ditem_cell /slot_cell /= eval_slot_expr. Qed.
  Lemma ditem_page s d t :
    ditem ρ (IClaim true s (mk_op AluAdd (table_expr t) d) page_share (table_expr t)) ⊣⊢
    table_claim (Some (eval ρ s, eval ρ d)) (eval ρ t).
  Proof using Type.
    cbn [ditem]. rewrite eval_mk_op !eval_table (whole_page_sound ρ page_share) //.
  Qed.

  Lemma ghost_unfold_sound n l l' : ghost_unfold n l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q w] l0] & Hw & H)%res_bind_Done. revert H.
    destruct w as [[] root va t [|[k e] reads] m]; try done. intros [= <-].
    rewrite (take_walk_sound _ _ _ _ _ Hw) /dwalk /= walk_pt_cons !ditems_app -ditems_put ditem_slot.
    iIntros "[($ & Hpage & Hbelow) $]". iSplitL "Hbelow".
    - rewrite /behind. destruct reads as [|x reads]; [done|].
      cbn [ditems]. rewrite ditem_walk /dwalk /=. by iFrame.
    - rewrite /table_page /=. destruct m as [[s d]|]; [|done]. cbn [ditems].
      rewrite ditem_page. by iFrame.
  Qed.
  Lemma ghost_descend_sound n l l' facts :
    ghost_descend n l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q w] l0] & Hw & H)%res_bind_Done. revert H. destruct w as [[] root va e reads m]; [|done].
    intros [= <- <-] He%owe_hold%holds_leads.
    rewrite (take_walk_sound _ _ _ _ _ Hw) -ditems_put ditem_walk /dwalk /= eval_table /walk_below_pt He.
    by rewrite (walk_pt_from _ _ _ (table_of (eval ρ e)) (eval ρ e)); [|apply table_of_table_of].
  Qed.
  Lemma ghost_ascend_sound n e l l' facts :
    ghost_ascend n e l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q w] l0] & Hw & H)%res_bind_Done. revert H. destruct w as [[] root va t reads m]; [done|].
    intros [= <- <-] He%owe_hold. cbn [holds sw_from] in He. rewrite !eval_table in He.
    rewrite (take_walk_sound _ _ _ _ _ Hw) -ditems_put ditem_walk /dwalk /= /walk_below_pt.
    rewrite (walk_pt_from _ _ _ _ _ _ _ He). destruct (leads_on (eval ρ e)); [done|].
    iIntros "[_ $]". 
  Qed.
  Lemma ghost_nothing_sound ks mapped es l l' facts :
    ghost_nothing ks mapped es l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_nothing. destruct (open_walk _ es) as [w|] eqn:Hw; [|done].
    intros [= <- <-] He%owe_hold%holds_leads_not.
    assert (sw_sub w = true) as Hsub.
    { destruct es as [|r [|va [|t es]]]; try done. simpl in Hw.
      destruct (take_reads ks es) as [[x [|s [|d [|? ?]]]]|], mapped; by simplify_eq. }
    rewrite ditems_app. cbn [ditems]. rewrite ditem_walk /dwalk /= Hsub walk_below_absent //.
    iIntros "$". done.
  Qed.

  (** * Folding *)
  Lemma claims_all_sound σ s q c :
    claims_all q (sc_claimed c) = true →
    SI σ -∗ cell_pt s (feval ρ q) (word_cell (scell_map (eval ρ) c)) ==∗
    SI σ ∗ cell_pt s (feval ρ q) (set_claimed [Everywhere] (word_cell (scell_map (eval ρ) c))).
  Proof using Type.
    intros H. assert (sc_claimed c = [None] ∨ feval ρ q = 1%Qp) as [Hc|Hq].
    { rewrite /claims_all in H. destruct (is_full q) eqn:Hq; [right; by destruct q|left].
      by destruct (sc_claimed c) as [|[g|] [|g' gs]]. }
    - iIntros "HS Hc". rewrite /word_cell /set_claimed /= Hc. by iFrame.
    - rewrite Hq. iIntros "HS Hc". iApply (cell_open with "HS Hc"). by intros r va _.
  Qed.
  Lemma slot_region_sound σ q c k root va :
    slot_region q c = Done (k, root, va) →
    SI σ -∗ ditem ρ (ICell q c) ==∗
    SI σ ∗ cell_pt (bv_unsigned (eval ρ (sc_addr c))) (feval ρ q)
      (walk_cell (eval ρ root) (eval ρ va) (Slot (eval ρ (sc_addr c)) k (eval ρ (sc_entry c)))).
  Proof using Type.
    rewrite /slot_region. destruct c as [a e [|[g|] [|? ?]] claimed [|? ?]]; try done. cbn [sc_reach sc_owed sc_claimed sc_addr sc_entry].
    destruct (claims_all q claimed) eqn:Hc; [|done]. intros [= ->]. rewrite ditem_cell.
    iIntros "HS Hc". iMod (claims_all_sound with "HS Hc") as "[$ Hc]"; [done|]. by iFrame.
  Qed.
  Lemma fold_below_sound q root va e below l reads m facts l' :
    fold_below q root va e below l = Done (reads, m, facts, l') → hold facts →
    ditems ρ l ⊢ walk_below_pt (feval ρ q) (eval ρ root) (eval ρ va) (eval ρ e) (dreads reads)
      (match m with Some m => dmap m | None => None end) ∗ ditems ρ l'.
  Proof using Type.
    destruct below as [b|]; simpl; last first.
    { intros [= <- <- <- <-] _. rewrite walk_below_nil. by iIntros "$". }
    intros ([[q' w] l0] & Hw & H)%res_bind_Done. revert H.
    destruct (fexpr_eqb q q' && _ && _ && _) eqn:Heq; [|done]. intros [= <- <- <- <-] He%owe_hold.
    apply andb_true_iff in Heq as [[[->%fexpr_eqb_true Hsub]%andb_true_iff ->%expr_eqb_true]%andb_true_iff
      ->%expr_eqb_true].
    simpl in He. rewrite (take_walk_sound _ _ _ _ _ Hw) /dwalk /= Hsub He. done.
  Qed.
  Lemma fold_claim_sound t claim l m facts l' :
    fold_claim t claim l = Done (m, facts, l') → hold facts →
    ditems ρ l ⊢ table_claim (dmap m) (eval ρ t) ∗ ditems ρ l'.
  Proof using Type.
    destruct claim as [[n d]|]; simpl; last first.
    { intros [= <- <- <-] _. by iIntros "$". }
    destruct (nth_error l n) as [[| |[] s a q pa|]|] eqn:Hn; try done.
    destruct (is_whole_page q) eqn:Hq; [|done]. intros [= <- <- <-] [Ha Hpa%owe_hold]%holds_owe.
    cbn [holds] in Ha, Hpa. rewrite (ditems_take _ _ _ Hn). cbn [ditem].
    by rewrite Ha Hpa eval_mk_op eval_table (whole_page_sound _ _ Hq).
  Qed.
  Lemma same_map_sound m m' : same_map m m' = true → m = m'.
  Proof using Type.
    destruct m as [[s d]|], m' as [[s' d']|]; try done. simpl.
    by intros [->%expr_eqb_true ->%expr_eqb_true]%andb_true_iff.
  Qed.
  Lemma remove_holes_sound n m l : ditems ρ l ⊢ ditems ρ (remove_holes n m l).
  Proof using Type. destruct n, m; simpl; by rewrite -?ditems_remove. Qed.
  Lemma ghost_fold_sound σ cell below claim t l l' facts :
    ghost_fold cell below claim t l = Done (l', facts) → hold facts →
    SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
  Proof using Type.
    intros ([[q c] l0] & Hc & H)%res_bind_Done. apply res_bind_Done in H as ([[k root] va] & Hg & H).
    apply res_bind_Done in H as ([[[reads m] f1] l1] & Hb & H).
    apply res_bind_Done in H as ([[m' f2] l2] & Hp & H). cbv zeta in H. destruct (match m with Some m => same_map m m' | None => true end) eqn:Hm; [|done].
    injection H as <- <-.
    intros [Ha [H1 H2]%Forall_app]%holds_owe. cbn [holds] in Ha. rewrite eval_slot_expr in Ha.
    iIntros "HS Hl". iDestruct (take_cell_sound _ _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
    iMod (slot_region_sound _ _ _ _ _ _ Hg with "HS Hcell") as "[$ Hcell]". iModIntro.
    iDestruct (fold_below_sound _ _ _ _ _ _ _ _ _ _ Hb H1 with "Hl") as "[Hbelow Hl]".
    iDestruct (fold_claim_sound _ _ _ _ _ _ Hp H2 with "Hl") as "[Hpage Hl]".
    iApply remove_holes_sound. iApply ditems_put. iFrame "Hl". rewrite ditem_walk /dwalk /= walk_pt_cons.
    iFrame "Hpage". iSplitL "Hcell"; [by rewrite Ha|].
    destruct m as [m|]; [by apply same_map_sound in Hm as ->|].
    destruct below as [b|]; [|simplify_eq/=; by rewrite !walk_below_nil].
    by apply res_bind_Done in Hb as ([[? ?] ?] & _ & Hb); case_match.
  Qed.
End folds.
