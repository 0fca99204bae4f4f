(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export holes_sound ghost.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Shares of items are divided and joined. *)

(** * Numbers *)Lemma ggcd_Qp n d n' d' :
  (Pos.ggcd n d).2 = (n', d') → (pos_to_Qp n / pos_to_Qp d = pos_to_Qp n' / pos_to_Qp d')%Qp.
Proof.
  intros H. pose proof (Pos.ggcd_correct_divisors n d) as Hd.
  destruct (Pos.ggcd n d) as [g [a b]]. simpl in H. injection H as -> ->. destruct Hd as [-> ->].
  rewrite -!pos_to_Qp_mul. apply Qp.div_mul_cancel_l.
Qed.
Lemma share_pair_sound ρ q n d : share_pair q = Some (n, d) → feval ρ q = (pos_to_Qp n / pos_to_Qp d)%Qp.
Proof.
  destruct q as [|x|a b]; simpl; [|done|].
  - intros [= <- <-]. by rewrite Qp.div_diag.
  - intros [= H]. by apply ggcd_Qp.
Qed.
Lemma share_of_sound ρ n d : feval ρ (share_of n d) = (pos_to_Qp n / pos_to_Qp d)%Qp.
Proof.
  rewrite /share_of. destruct (Pos.ggcd n d).2 as [n' d'] eqn:H. rewrite (ggcd_Qp _ _ _ _ H).
  destruct n', d'; try done. by rewrite Qp.div_diag.
Qed.
Lemma share_sum_sound ρ q1 q2 q : share_sum q1 q2 = Some q → feval ρ q = (feval ρ q1 + feval ρ q2)%Qp.
Proof.
  rewrite /share_sum. destruct (share_pair q1) as [[n1 d1]|] eqn:H1; [|done].
  destruct (share_pair q2) as [[n2 d2]|] eqn:H2; [|done]. intros [= <-].
  rewrite (share_pair_sound _ _ _ _ H1) (share_pair_sound _ _ _ _ H2) share_of_sound.
  rewrite -pos_to_Qp_add -!pos_to_Qp_mul Qp.div_add_distr. f_equal.
  - rewrite (Qp.mul_comm (pos_to_Qp n1)) (Qp.mul_comm (pos_to_Qp d1)). apply Qp.div_mul_cancel_l.
  - rewrite (Qp.mul_comm (pos_to_Qp n2)). apply Qp.div_mul_cancel_l.
Qed.
Lemma share_same_sound ρ q q' : share_same q q' = true → feval ρ q = feval ρ q'.
Proof.
  rewrite /share_same. destruct (share_pair q) as [[n d]|] eqn:H; [|done].
  destruct (share_pair q') as [[n' d']|] eqn:H'; [|done].
  intros [->%Pos.eqb_eq ->%Pos.eqb_eq]%andb_true_iff.
  by rewrite (share_pair_sound _ _ _ _ H) (share_pair_sound _ _ _ _ H').
Qed.

Section shares.
  Context {M : machine} `{!machGS M Σ} {ρ : env}.
  Local Notation hold := (Forall (holds ρ)).

  Lemma dwalk_shares q1 q2 w : sw_map w = None → dwalk (q1 + q2) w ⊣⊢ dwalk q1 w ∗ dwalk q2 w.
  Proof using Type.
    rewrite /dwalk. intros ->. destruct (sw_sub w); [apply walk_below_fractional|apply walk_pt_fractional].
  Qed.
  Lemma ditem_shares q q1 q2 i :
    divisible i = true → feval ρ q = (feval ρ q1 + feval ρ q2)%Qp →
    ditem ρ (set_share q i) ⊣⊢ ditem ρ (set_share q1 i) ∗ ditem ρ (set_share q2 i).
  Proof using Type.
    intros Hdiv Hq. destruct i as [w r a ? v|a ? v|w r a ? pa|k ? es]; rewrite /= Hq.
    - apply virt_word_fractional.
    - apply phys_word_fractional.
    - apply claim_word_fractional.
    - destruct k as [reach claimed owes| |sub ks []]; [|done..|]; rewrite /dres.
      + case_match; [apply cell_pt_fractional|by rewrite left_id].
      + destruct (open_walk _ _) as [w|] eqn:Hw; [|by rewrite left_id]. apply dwalk_shares.
        by destruct (map (eval ρ) es) as [|? [|? [|? ?]]]; simpl in Hw; repeat case_match; simplify_eq.
  Qed.
  Lemma ditem_share_same q i : feval ρ q = feval ρ (item_share i) → ditem ρ i ⊣⊢ ditem ρ (set_share q i).
  Proof using Type. intros Hq. by destruct i; rewrite /= -Hq. Qed.
  Lemma ghost_split_sound n q1 q2 l l' :
    ghost_split n q1 q2 l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_split. destruct (nth_error l n) as [i|] eqn:Hn; [|done].
    destruct (share_sum q1 q2) as [q|] eqn:Hq; [|done].
    destruct (divisible i && share_same q (item_share i)) eqn:Hs; [|done]. intros [= <-].
    apply andb_true_iff in Hs as [Hdiv Hs].
    rewrite {1}(ditems_acc _ _ _ _ Hn) (ditem_share_same q i); [|by apply share_same_sound].
    rewrite (ditem_shares q q1 q2); [|done|by apply share_sum_sound].
    rewrite ditems_app /=. iIntros "[[H1 $] H]". by iApply "H".
  Qed.

  Lemma exprs_eqb_true es es' : exprs_eqb es es' = true → es = es'.
  Proof using Type.
    revert es'. induction es as [|e es IH]; intros [|e' es']; simpl; try done.
    by intros [->%expr_eqb_true ->%IH]%andb_true_iff.
  Qed.
  Lemma equate_learned a b : eval ρ a = eval ρ b → hold (equate a b).
  Proof using Type. intros Hab. rewrite /equate. case_match; [done|]. by constructor. Qed.
  Lemma word_bytes_eq v v' : word_bytes v = word_bytes v' → v = v'.
  Proof using Type. apply word_bytes_inj. Qed.
  (** Two shares of the same thing are of the same. *)
  Lemma join_cells_sound k k' q q' es es' learned :
    join_cells k k' es es' = Some learned →
    ditem ρ (IRes k q es) -∗ ditem ρ (IRes k' q' es') -∗
    ⌜hold learned⌝ ∗ ditem ρ (IRes k q es) ∗ ditem ρ (IRes k q' es).
  Proof using Type.
    rewrite /join_cells. destruct es as [|a [|v es]], es' as [|a' [|v' es']]; try done.
    destruct (open_cell k (a :: v :: es)) as [c|] eqn:Hc; [|done].
    destruct (kind_eqb _ k' && _ && _) eqn:H; [|done]. intros [= <-].
    apply andb_true_iff in H as [[Hk Ha]%andb_true_iff Hes].
    apply kind_eqb_true in Hk as <-. apply expr_eqb_true in Ha as <-. apply exprs_eqb_true in Hes as <-.
    assert (∃ g1 g2 g3, open_cell k (a :: v :: es) = Some (CellData a v g1 g2 g3) ∧
      open_cell k (a :: v' :: es) = Some (CellData a v' g1 g2 g3)) as (g1 & g2 & g3 & H1 & H2).
    { destruct k as [k1 k2 k3| |]; [|done..]. simpl in Hc |- *. destruct (take_regions k1 es) as [[g1 es1]|]; [|done].
      destruct (take_regions k2 es1) as [[g2 es2]|]; [|done].
      destruct (take_regions k3 es2) as [[g3 [|? ?]]|]; try done. by exists g1, g2, g3. }
    iIntros "H1 H2".
    rewrite !(ditem_open _ _ _ _ _ H1) (ditem_open _ _ _ _ _ H2). cbn [sc_addr].
    iDestruct (cell_pt_agree with "H1 H2") as %Hx. rewrite -Hx. iFrame. iPureIntro.
    apply equate_learned. by injection Hx.
  Qed.
  Lemma open_walk_reads {A} sub ks mapped (es : list A) w :
    open_walk (KWalk sub ks mapped) es = Some w →
    map fst (sw_reads w) = ks ∧ sw_sub w = sub ∧
    mapped = match sw_map w with Some _ => true | None => false end.
  Proof using Type.
    destruct es as [|r [|va [|t es]]]; try done. simpl. destruct (take_reads ks es) as [[l rest]|] eqn:Hl; [|done].
    assert (map fst l = ks) as Hks.
    { clear -Hl. revert es l Hl. induction ks as [|k ks IH]; intros es l; simpl; [by intros [= <- _]|].
      destruct es as [|e es]; [done|]. destruct (take_reads ks es) as [[l' rest']|] eqn:Hl; [|done].
      intros [= <- <-]. by rewrite /= (IH _ _ Hl). }
    destruct rest as [|s [|d [|? ?]]], mapped; try done; by intros [= <-].
  Qed.
  Lemma join_walks_sound k q q' es es' w w' learned :
    open_walk k es = Some w → open_walk k es' = Some w' → join_walks w w' = Some learned →
    ditem ρ (IRes k q es) -∗ ditem ρ (IRes k q' es') -∗
    ⌜hold learned⌝ ∗ ditem ρ (IRes k q es) ∗ ditem ρ (IRes k q' es).
  Proof using Type.
    intros Hw Hw'. rewrite !(ditem_open_walk _ _ _ _ _ Hw) (ditem_open_walk _ _ _ _ _ Hw').
    destruct k as [| |sub ks mapped]; [done..|].
    apply open_walk_reads in Hw as (Hks & Hsub & Hm). apply open_walk_reads in Hw' as (Hks' & Hsub' & Hm').
    destruct w as [b root va t reads [m|]], w' as [b' root' va' t' reads' m'];
      cbn [sw_sub sw_root sw_va sw_from sw_reads sw_map join_walks] in *; subst; [done|].
    destruct m' as [m'|]; [done|]. rewrite /join_walks. cbn [sw_sub sw_root sw_va sw_from sw_reads sw_map].
    destruct (expr_eqb root root' && expr_eqb va va' && expr_eqb t t') eqn:Heq; [|done].
    apply andb_true_iff in Heq as [[<-%expr_eqb_true <-%expr_eqb_true]%andb_true_iff <-%expr_eqb_true].
    assert (map fst (reads_map (eval ρ) reads) = map fst (reads_map (eval ρ) reads')) as Hlevels.
    { by rewrite /reads_map !map_map. }
    iIntros (Hl) "H1 H2". rewrite /dwalk /=. destruct sub.
    - injection Hl as <-. rewrite /walk_below_pt. destruct (leads_on _); [|by iFrame].
      iDestruct (walk_pt_agree with "H1 H2") as %Hs; [done|]. rewrite /walk_pt -Hs. by iFrame.
    - iDestruct (walk_pt_agree with "H1 H2") as %Hs; [done|]. rewrite {2 3}/walk_pt -Hs. iFrame. iPureIntro.
      destruct reads as [|[k e] reads], reads' as [|[k' e'] reads']; simplify_eq/=; [done..|].
      by apply equate_learned.
  Qed.
  Lemma join_facts_sound i j learned :
    join_facts i j = Some learned →
    ditem ρ i -∗ ditem ρ j -∗ ⌜hold learned⌝ ∗ ditem ρ i ∗ ditem ρ (set_share (item_share j) i).
  Proof using Type.
    destruct i as [w r a q v|a q v|w r a q pa|k q es], j as [w' r' a' q' v'|a' q' v'|w' r' a' q' pa'|k' q' es'];
      cbn [join_facts]; try done.
    - destruct (eqb w w' && _ && _) eqn:H; [|done]. intros [= <-].
      apply andb_true_iff in H as [[Hw Hr]%andb_true_iff Ha].
      apply eqb_prop in Hw as ->. apply expr_eqb_true in Hr as ->. apply expr_eqb_true in Ha as ->.
      iIntros "H1 H2". simpl. iDestruct (virt_word_agree with "H1 H2") as %Hv.
      iSplit; [iPureIntro; by apply equate_learned|]. rewrite Hv. iFrame.
    - destruct (expr_eqb a a') eqn:Ha; [|done]. intros [= <-]. apply expr_eqb_true in Ha as ->.
      iIntros "H1 H2". simpl. iDestruct (phys_bytes_agree with "H1 H2") as %Hv%word_bytes_eq.
      iSplit; [iPureIntro; by apply equate_learned|]. rewrite Hv. iFrame.
    - destruct (eqb w w' && _ && _) eqn:H; [|done]. intros [= <-].
      apply andb_true_iff in H as [[Hw Hr]%andb_true_iff Ha].
      apply eqb_prop in Hw as ->. apply expr_eqb_true in Hr as ->. apply expr_eqb_true in Ha as ->.
      iIntros "H1 H2". simpl. iDestruct (claims_at_agree with "H1 H2") as %Hv; [by rewrite !length_seqZ|].
      assert (eval ρ pa = eval ρ pa') as Hpa.
      { apply bv_eq. by injection Hv. }
      iSplit; [iPureIntro; by apply equate_learned|]. rewrite Hpa. iFrame.
    - destruct (open_walk k es) as [x|] eqn:Hx, (open_walk k' es') as [x'|] eqn:Hx';
        [|by apply join_cells_sound..].
      destruct (kind_eqb k k') eqn:Hk; [|done]. apply kind_eqb_true in Hk as <-.
      by apply join_walks_sound.
  Qed.
  Lemma join_facts_divisible i j learned : join_facts i j = Some learned → divisible i = true.
  Proof using Type.
    assert (∀ k k' es es', open_cell k = (λ _ : list expr, None) → join_cells k k' es es' = None) as Hcells.
    { intros k k' es es' Hk. rewrite /join_cells Hk. by destruct es as [|? [|]], es' as [|? [|]]. }
    destruct i as [| | |k q es], j as [| | |k' q' es']; try done. destruct k as [|sp c|sub ks []]; try done;
      cbn [join_facts].
    - by rewrite Hcells.
    - destruct (open_walk (KWalk sub ks true) es) as [w|] eqn:Hw; [|by rewrite Hcells].
      apply open_walk_reads in Hw as (_ & _ & Hm). destruct (open_walk k' es'); [|by rewrite Hcells].
      destruct (kind_eqb _ k'); [|done]. rewrite /join_walks. by destruct (sw_map w).
  Qed.
  Lemma ghost_join_sound n m l l' learned :
    ghost_join n m l = Done (l', learned) → ditems ρ l ⊢ ditems ρ l' ∗ ⌜hold learned⌝.
  Proof using Type.
    rewrite /ghost_join. destruct (nth_error l n) as [i|] eqn:Hn; [|done].
    destruct (nth_error l m) as [j|] eqn:Hm; [|done].
    destruct (Nat.eqb_spec n m) as [|Hne]; [done|].
    destruct (join_facts i j) as [learned0|] eqn:Hj; [|done].
    destruct (share_sum _ _) as [q|] eqn:Hq; [|done]. intros [= <- <-].
    rewrite {1}(ditems_take _ _ _ Hm).
    assert (nth_error (item_put m hole l) n = Some i) as Hn'.
    { rewrite -Hn. clear -Hne. revert n m Hne. induction l as [|h l IH]; intros [|n] [|m] Hne; simpl; try done.
      apply IH. lia. }
    rewrite {1}(ditems_acc _ _ _ _ Hn'). iIntros "(Hj & Hi & Hl)".
    iDestruct (join_facts_sound _ _ _ Hj with "Hi Hj") as "($ & Hi & Hj)".
    rewrite {1}(ditem_share_same (item_share i) i) //.
    iCombine "Hi Hj" as "H". rewrite -(ditem_shares q); [|by eapply join_facts_divisible|by apply share_sum_sound].
    iApply ditems_remove. by iApply "Hl".
  Qed.
End shares.
