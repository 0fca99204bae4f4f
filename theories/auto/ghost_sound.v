(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.spaces Require Export update.
From rocqgen.auto Require Export items_sound walks.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Ghost steps are sound: where the facts hold that they owe, the state interpretation justifies them. *)

Lemma forallb_map_of {A B} (f : B → bool) (g : A → B) l : forallb f (map g l) = forallb (λ x, f (g x)) l.
Proof. induction l as [|a l IH]; simpl; [done|]. by rewrite IH. Qed.
Lemma nth_error_list_lookup {A} (l : list A) n : nth_error l n = l !! n.
Proof. revert n. induction l as [|a l IH]; intros [|n]; simpl; [done..|apply IH]. Qed.

(** * Regions *)
Section regions.
  Context (ρ : env).
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dregion g := (word_region (region_map (eval ρ) g)).
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  Definition region_covers (ok : Z → bool) (root va : expr) (g : sregion expr) : Prop :=
    match g with
    | None => True
    | Some (k, r, a) => ok k = true ∧ eval ρ r = eval ρ root ∧
        eval ρ (mk_and a (high_bits k)) = eval ρ (mk_and va (high_bits k))
    end.
  Lemma region_facts_sound ok root va g l :
    region_facts ok root va g = Some l → hold l → region_covers ok root va g.
  Proof using Type.
    destruct g as [[[k r] a]|]; simpl; [|done]. destruct (ok k && _) eqn:H; [|done]. intros [= <-] Hl.
    apply andb_true_iff in H as [Hk Hr]. apply expr_eqb_true in Hr as ->. apply owe_hold in Hl. done.
  Qed.
  Lemma first_region_In f gs l : first_region f gs = Some l → ∃ g, In g gs ∧ f g = Some l.
  Proof using Type.
    induction gs as [|g gs IH]; simpl; [done|]. destruct (f g) as [l'|] eqn:Hg.
    - intros [= ->]. exists g. auto.
    - intros (g' & ? & ?)%IH. exists g'. auto.
  Qed.
  Lemma find_region_sound ok root va gs l :
    find_region ok root va gs = Some l → hold l → ∃ g, In g gs ∧ region_covers ok root va g.
  Proof using Type.
    rewrite /find_region. destruct (first_region (λ g, owes_nothing _) gs) as [l'|] eqn:H1.
    - intros [= ->] Hl. apply first_region_In in H1 as (g & Hin & Hg). exists g. split; [done|].
      destruct (region_facts ok root va g) as [[|? ?]|] eqn:Hf; try done.
      by eapply region_facts_sound.
    - intros (g & Hin & Hg)%first_region_In Hl. exists g. split; [done|]. by eapply region_facts_sound.
  Qed.
  Lemma region_covers_in ok root va g :
    (∀ k, ok k = true → 12 ≤ k ≤ 64) → region_covers ok root va g →
    leaf_in (eval ρ root) (eval ρ va) 12 (dregion g) = true.
  Proof using Type.
    intros Hok. destruct g as [[[k r] a]|]; [|done]. simpl. intros (Hk%Hok & -> & Hm).
    rewrite eval_high_eq in Hm; [|lia]. rewrite bool_decide_eq_true_2 //= Hm Z.eqb_refl andb_true_r. lia.
  Qed.
  Lemma region_covers_answers lv root va g :
    12 ≤ lv_shift lv ≤ 64 → region_covers (Z.eqb (lv_shift lv)) root va g →
    in_region (eval ρ root) (eval ρ va) (dregion g) &&
      match dregion g with Everywhere => true | VPage _ k _ => k =? lv_shift lv end = true.
  Proof using Type.
    intros Hlv. destruct g as [[[k r] a]|]; [|done]. simpl. intros (Hk%Z.eqb_eq & -> & Hm). subst k.
    rewrite eval_high_eq in Hm; [|lia]. rewrite bool_decide_eq_true_2 //= page_shiftr; [|lia].
    by rewrite Hm !Z.eqb_refl.
  Qed.
  Lemma apart_facts_sound root va gs l :
    apart_facts root va gs = Some l → hold l →
    forallb (leaf_apart (eval ρ root) (eval ρ va) 12) (map word_region (map (region_map (eval ρ)) gs)) = true.
  Proof using Type.
    revert l. induction gs as [|[[[k r] a]|] gs IH]; intros l; simpl; [done| |done].
    destruct (apart_facts root va gs) as [l'|]; [|done]. destruct (expr_eqb r root) eqn:Hr.
    - destruct (page_level k) eqn:Hk; [|done]. intros [= <-] [Hne Hl]%holds_owe.
      rewrite (IH _ eq_refl Hl) andb_true_r. apply expr_eqb_true in Hr as ->.
      rewrite /page_level in Hk. rewrite bool_decide_eq_true_2 //=.
      destruct (Z.leb_spec 12 k); [|lia]. simpl. apply negb_true_iff, Z.eqb_neq. intros Heq. apply Hne.
      apply eval_high_eq; [lia|done].
    - intros [= <-] [Hne Hl]%holds_owe. rewrite (IH _ eq_refl Hl) andb_true_r.
      by rewrite bool_decide_eq_false_2.
  Qed.

  Lemma claim_step_sound root va here lv c l :
    claim_step root va here (lv_shift lv) c = Done l → hold l → 12 ≤ lv_shift lv ≤ 60 →
    step_ok (eval ρ root) (eval ρ va) 12 here lv (dcell c) = true.
  Proof using Type.
    rewrite /claim_step. destruct (find_region _ _ _ (sc_reach c)) as [l1|] eqn:H1; [|done].
    destruct (sc_owed c) eqn:Howed; [|done].
    destruct (if here then _ else _) as [l2|] eqn:H2; [|done]. intros [= <-] [Hl1 Hl2]%Forall_app Hlv.
    rewrite /step_ok /=. rewrite Howed /=. apply andb_true_iff. split; [apply andb_true_iff; split|].
    - destruct (find_region_sound _ _ _ _ _ H1 Hl1) as (g & Hin & Hg). apply existsb_exists.
      exists (dregion g). split; [by do 2 apply in_map|]. apply region_covers_answers; [lia|done].
    - done.
    - destruct here; [by eapply apart_facts_sound|].
      destruct (find_region_sound _ _ _ _ _ H2 Hl2) as (g & Hin & Hg). apply existsb_exists.
      exists (dregion g). split; [by do 2 apply in_map|]. apply (region_covers_in page_level); [|done].
      intros k. rewrite /page_level. lia.
  Qed.
  Lemma claim_steps_rest root va ls cs l :
    claim_steps root va None (map lv_shift ls) cs = Done l → hold l →
    (∀ lv, lv ∈ ls → 12 ≤ lv_shift lv ≤ 60) →
    forallb id (zip_with (step_ok (eval ρ root) (eval ρ va) 12 false) ls (map (λ c, dcell c) cs)) = true.
  Proof using Type.
    revert cs l. induction ls as [|lv ls IH]; intros [|c cs] l; simpl; try done.
    intros (l1 & H1 & (l2 & H2 & [= <-])%res_bind_Done)%res_bind_Done [Hl1 Hl2]%Forall_app Hls.
    rewrite (claim_step_sound _ _ _ _ _ _ H1 Hl1) /=; [|apply Hls; by left].
    apply (IH _ _ H2 Hl2). intros lv' Hlv'. apply Hls. by right.
  Qed.
  Lemma claim_steps_sound root va i ls cs l :
    claim_steps root va (Some i) (map lv_shift ls) cs = Done l → hold l →
    (∀ lv, lv ∈ ls → 12 ≤ lv_shift lv ≤ 60) →
    steps_ok (eval ρ root) (eval ρ va) 12 i ls (map (λ c, dcell c) cs) = true.
  Proof using Type.
    revert i cs l. induction ls as [|lv ls IH]; intros i [|c cs] l; simpl; try done.
    intros H Hl Hls. assert (∀ lv, lv ∈ ls → 12 ≤ lv_shift lv ≤ 60) as Hls'.
    { intros lv' Hlv'. apply Hls. by right. }
    destruct i as [|i]; apply res_bind_Done in H as (l1 & H1 & (l2 & H2 & [= <-])%res_bind_Done);
      apply Forall_app in Hl as [Hl1 Hl2]; simpl;
      (rewrite (claim_step_sound _ _ _ _ _ _ H1 Hl1) /=; [|apply Hls; by left]).
    - by eapply claim_steps_rest.
    - by eapply IH.
  Qed.

  (** What is owed elsewhere. *)
  Lemma pay_elsewhere_sound cur gs gs' facts :
    pay_elsewhere cur gs = (gs', facts) → hold facts →
    filter (λ g, elsewhere (eval ρ cur) g = false) (map word_region (map (region_map (eval ρ)) gs)) =
    map word_region (map (region_map (eval ρ)) gs').
  Proof using Type.
    revert gs' facts. induction gs as [|g gs IH]; intros gs' facts; simpl; [by intros [= <- <-]|].
    destruct (pay_elsewhere cur gs) as [gs0 facts0]. specialize (IH _ _ eq_refl).
    destruct g as [[[k r] a]|]; [destruct (expr_eqb r cur) eqn:Hr|].
    - intros [= <- <-] Hf. apply expr_eqb_true in Hr as ->.
      rewrite filter_cons_True /=; [|by rewrite bool_decide_eq_true_2]. by rewrite IH.
    - intros [= <- <-] [Hne Hf]%holds_owe.
      rewrite filter_cons_False /=; [by rewrite IH|]. by rewrite bool_decide_eq_false_2.
    - intros [= <- <-] Hf. rewrite filter_cons_True /=; [|done]. by rewrite IH.
  Qed.
  Lemma region_take_Permutation f gs g gs' :
    region_take f gs = Some (g, gs') → f g = true ∧ ∀ h, In h gs → h = g ∨ In h gs'.
  Proof using Type.
    revert gs'. induction gs as [|h gs IH]; intros gs'; simpl; [done|].
    destruct (f h) eqn:Hh.
    - intros [= -> ->]. split; [done|]. intros h' [->|]; auto.
    - destruct (region_take f gs) as [[g0 gs0]|]; [|done]. intros [= -> <-].
      destruct (IH _ eq_refl) as [? IH']. split; [done|]. intros h' [->|Hin]; [right; by left|].
      destruct (IH' _ Hin); [by left|right; by right].
  Qed.
End regions.

(** * Shares *)
Lemma ggcd_Qp n d n' d' :
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
Lemma whole_page_sound ρ q : is_whole_page q = true → feval ρ q = pos_to_Qp 512.
Proof.
  destruct q as [|x|n d]; try done. intros ->%Pos.eqb_eq.
  rewrite /feval -pos_to_Qp_mul -{2}(Qp.mul_1_l (pos_to_Qp d)) Qp.div_mul_cancel_r. apply Qp.div_1.
Qed.

Lemma platform_mode_regular pf : regular (platform_mode pf).
Proof. destruct pf as [[] mp]; [apply x86_5level_regular|apply x86_4level_regular]. Qed.

Section ghost_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  (** * Items *)
  Lemma ditems_put n j l : ditem ρ j ∗ ditems ρ l ⊢ ditems ρ (item_put n j l).
  Proof using Type.
    revert n. induction l as [|i l IH]; intros [|n]; simpl; [by iIntros "_"..| |].
    - iIntros "($ & _ & $)".
    - rewrite -IH. iIntros "($ & $ & $)".
  Qed.
  Lemma ditems_remove n l : ditems ρ l ⊢ ditems ρ (item_remove n l).
  Proof using Type.
    revert n. induction l as [|i l IH]; intros [|n]; simpl; [done..| |].
    - iIntros "[_ $]".
    - by rewrite {1}IH.
  Qed.
  Lemma ditems_app l l' : ditems ρ (l ++ l') ⊣⊢ ditems ρ l ∗ ditems ρ l'.
  Proof using Type. induction l as [|i l IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.
  Lemma ditem_hole : ditem ρ hole ⊣⊢ emp.
  Proof using Type. done. Qed.
  Lemma ditems_take n l i : nth_error l n = Some i → ditems ρ l ⊢ ditem ρ i ∗ ditems ρ (item_put n hole l).
  Proof using Type.
    intros Hi. rewrite {1}(ditems_acc _ _ _ _ Hi). iIntros "[$ H]". iApply "H". by rewrite ditem_hole.
  Qed.
  Lemma take_cell_sound n l q c l' :
    take_cell n l = Done (q, c, l') → ditems ρ l ⊢ ditem ρ (ICell q c) ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_cell. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_cell k es) as [c0|] eqn:Hc; [|done]. intros [= <- <- <-].
    rewrite {1}(ditems_take _ _ _ Hn) (ditem_open _ _ _ _ _ Hc) -ditem_cell. done.
  Qed.
  Lemma take_whole_sound n l c l' :
    take_whole n l = Done (c, l') →
    ditems ρ l ⊢ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ∗ ditems ρ l'.
  Proof using Type.
    intros ([[q c0] l0] & Ht & H)%res_bind_Done. destruct q; [|done..]. injection H as <- <-.
    by rewrite {1}(take_cell_sound _ _ _ _ _ Ht) ditem_cell.
  Qed.
  Lemma put_whole c n l :
    cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ∗ ditems ρ l ⊢
    ditems ρ (item_put n (ICell FOne c) l).
  Proof using Type. rewrite -ditems_put ditem_cell. done. Qed.

  Definition dpath (cs : list (fexpr * scell expr)) : path_cells :=
    map (λ x, (bv_unsigned (eval ρ (sc_addr x.2)), feval ρ x.1, dcell x.2)) cs.
  Lemma take_path_sound ns l cs l' :
    take_path ns l = Done (cs, l') → ditems ρ l ⊢ cells_pt (dpath cs) ∗ ditems ρ l'.
  Proof using Type.
    revert l cs l'. induction ns as [|n ns IH]; intros l cs l'; simpl.
    - intros [= <- <-]. iIntros "$". by rewrite /cells_pt.
    - intros ([[q c] l1] & H1 & ([cs1 l2] & H2 & [= <- <-])%res_bind_Done)%res_bind_Done.
      rewrite {1}(take_cell_sound _ _ _ _ _ H1) {1}(IH _ _ _ H2) ditem_cell /cells_pt /=.
      by rewrite assoc.
  Qed.
  Lemma put_path_sound ns cs l : cells_pt (dpath cs) ∗ ditems ρ l ⊢ ditems ρ (put_path ns cs l).
  Proof using Type.
    revert cs. induction ns as [|n ns IH]; intros cs; simpl; [iIntros "[_ $]"|].
    destruct cs as [|[q c] cs]; [iIntros "[_ $]"|].
    rewrite -ditems_put -IH ditem_cell /cells_pt /=. by rewrite assoc.
  Qed.
  Lemma path_entries_dpath cs : path_entries (dpath cs) = path_words ρ (map snd cs).
  Proof using Type. rewrite /path_entries /path_words /dpath -list_fmap_compose map_map. done. Qed.

  (** * The tables *)
  Section tables.
    Context (pf : platform) (HM : m_config M = platform_config pf) (Hgood : platform_good pf = true).

    Lemma platform_is_regular : RegularMode M.
    Proof using HM.
      rewrite /RegularMode HM. apply platform_mode_regular.
    Qed.

    Lemma dpath_alter i q c cs :
      nth_error cs i = Some (q, c) →
      ∀ c', sc_addr c' = sc_addr c →
      dpath (alter_nth i (λ x, (x.1, c')) cs) =
      <[i := (bv_unsigned (eval ρ (sc_addr c)), feval ρ q, dcell c')]> (dpath cs).
    Proof using Type.
      intros Hi c' Haddr. revert i Hi. induction cs as [|[q0 c0] cs IH]; intros [|i]; simpl; try done.
      - intros [= -> ->]. by rewrite Haddr.
      - intros Hi. by rewrite IH.
    Qed.
    Lemma alter_nth_same {A} i (f g : A → A) l a :
      nth_error l i = Some a → f a = g a → alter_nth i f l = alter_nth i g l.
    Proof using Type.
      intros Hi Hf. revert i Hi. induction l as [|b l IH]; intros [|i]; simpl; try done.
      - intros [= ->]. by rewrite Hf.
      - intros Hi. by rewrite (IH i).
    Qed.
    Lemma in_page_facts_sound va : hold (in_page_facts va) → page_offset (eval ρ va) = 0.
    Proof using Type.
      intros H%owe_hold. apply (f_equal bv_unsigned) in H. by rewrite eval_offset eval_cst in H.
    Qed.

    Lemma ghost_claim_sound σ path i w root va pa l l' facts :
      ghost_claim pf path i w root va pa l = Done (l', facts) → hold facts →
      SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using HM Hgood.
      intros ([cs l0] & Hpath & H)%res_bind_Done. revert H.
      destruct (Nat.eqb_spec (length cs) (length (platform_shifts pf))) as [Hlen|]; [|done].
      destruct (nth_error cs i) as [[[| |] c]|] eqn:Hi; try done.
      intros (walk & Hwalk & (steps & Hsteps & [= <- <-])%res_bind_Done)%res_bind_Done.
      intros [Hva [Hcan [Hroot [Hw [Hs [Hpa Hrights]%Forall_app]%Forall_app]%Forall_app]%Forall_app]%Forall_app]%Forall_app.
      destruct (platform_levels pf) as (Hlv & Hshifts & Hlast & Hinner).
      pose proof (platform_mp _ Hgood) as Hmp. apply in_page_facts_sound in Hva.
      pose proof platform_is_regular as Hreg.
      rewrite -Hshifts in Hwalk, Hsteps, Hlen. rewrite length_map in Hlen.
      destruct (walk_page_sound ρ (platform_mode pf) _ Hmp (pm_levels (platform_mode pf)) root va all_rights
        (map snd cs) walk)
        as (lf & Hknown & Hk & Hframe & Hread & Huser & Hwrite); try done.
      { by rewrite length_map. }
      { by intros lv <-. }
      assert (admits M w (leaf_rights lf)) as Hadm.
      { apply (rights_facts_sound pf ρ w (map (λ x, sc_entry x.2) cs)); [done|done|..];
          rewrite ?Huser ?Hwrite /= !forallb_map_of; done. }
      assert (leaf_claimable (cfg_mode (m_config M)) (eval ρ root) (eval ρ va) lf i (dpath cs)) as Hcl.
      { rewrite HM. split; [|split; [|split]].
        - by rewrite /known_walk path_entries_dpath platform_root.
        - by apply platform_root_ok.
        - by apply platform_canonical.
        - rewrite Hk. assert ((dpath cs).*2 = map (λ c, dcell c) (map snd cs)) as ->.
          { rewrite /dpath -list_fmap_compose map_map. done. }
          apply (claim_steps_sound _ _ _ _ _ _ _ Hsteps Hs).
          intros lv Hin. apply (xl_shift _ _ _ Hlv). done. }
      iIntros "HS Hl". iDestruct (take_path_sound _ _ _ _ Hpath with "Hl") as "[Hcs Hl]".
      assert (dpath cs !! i = Some (bv_unsigned (eval ρ (sc_addr c)), 1%Qp, dcell c)) as Hdi.
      { rewrite /dpath list_lookup_fmap. rewrite -nth_error_list_lookup. by rewrite Hi. }
      iMod (leaf_claim σ _ _ _ _ _ _ _ Hdi Hcl with "HS Hcs") as "($ & Hcs & Hleaf)". iModIntro.
      rewrite ditems_app. iSplitR "Hleaf".
      - iApply put_path_sound. iFrame "Hl".
        rewrite (alter_nth_same i _ (λ x, (x.1, add_region (Some (12, root, va)) c)) cs _ Hi); [|done].
        rewrite (dpath_alter _ _ _ _ Hi); [|done].
        rewrite /add_claim /set_claimed /leaf_region Hk. iExact "Hcs".
      - iSplit; [|done]. rewrite leaf_claims_4k //. cbn [ditem]. rewrite /page_share.
        assert (feval ρ (FDiv 512 1) = pos_to_Qp 512) as -> by by apply whole_page_sound.
        iApply page_claim_word_1; [lia| |exact Hadm|by rewrite word_share_page].
        apply owe_hold in Hpa. simpl in Hpa. rewrite Hpa eval_frame Hva Hframe Z.add_0_r map_map. done.
    Qed.

    Lemma ghost_unclaim_sound σ cell claim l l' facts :
      ghost_unclaim cell claim l = Done (l', facts) → hold facts →
      SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using Type.
      intros ([c l0] & Hc & H)%res_bind_Done. revert H.
      destruct (nth_error l0 claim) as [[| |w root va q pa|]|] eqn:Hn; try done.
      destruct (is_whole_page q) eqn:Hq; [|done].
      destruct (take_page root va (sc_claimed c)) as [[[[[k r] a]|] gs]|] eqn:Htake; try done.
      intros [= <- <-] [Hva%in_page_facts_sound Ha%owe_hold]%Forall_app.
      assert (k = 12 ∧ r = root ∧ ∀ h, In h (sc_claimed c) → h = Some (k, r, a) ∨ In h gs) as (-> & -> & Hgs).
      { assert (page_region root (Some (k, r, a)) = true ∧
          ∀ h, In h (sc_claimed c) → h = Some (k, r, a) ∨ In h gs) as [Hp ?].
        { rewrite /take_page in Htake. destruct (region_take (same_page root va) _) as [[g gs0]|] eqn:H1.
          - injection Htake as -> ->. apply region_take_Permutation in H1 as [H1 ?]. split; [|done].
            by apply andb_true_iff in H1 as [? _].
          - by apply region_take_Permutation in Htake. }
        simpl in Hp. apply andb_true_iff in Hp as [?%Z.eqb_eq ?%expr_eqb_true]. done. }
      simpl in Ha. rewrite eval_high_eq in Ha; [|lia].
      iIntros "HS Hl". iDestruct (take_whole_sound _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
      iDestruct (ditems_take _ _ _ Hn with "Hl") as "[Hclaim Hl]". simpl.
      rewrite (whole_page_sound _ _ Hq) page_claim_word_2; [|lia].
      iDestruct "Hclaim" as (R) "[_ Hclaim]". rewrite word_share_page.
      set (lf := Leaf (bv_unsigned (eval ρ pa) - page_offset (eval ρ va)) 12 R).
      iMod (leaf_unclaim σ _ _ (eval ρ root) (eval ρ va) lf with "HS Hcell [Hclaim]") as "[HS Hcell]"; [done| |].
      { by rewrite leaf_claims_4k. }
      iMod (cell_open σ _ _ (map word_region (map (region_map (eval ρ)) gs)) with "HS Hcell") as "[$ Hcell]".
      { intros r' va'. rewrite /in_regions !existsb_exists. intros (g & Hg & Hin).
        exists g. split; [|done]. simpl in Hg. apply elem_of_list_In, elem_of_list_filter in Hg as [Hne Hg].
        apply elem_of_list_In in Hg. rewrite map_map in Hg. apply in_map_iff in Hg as (h & <- & Hh).
        destruct (Hgs _ Hh) as [->|Hh']; [|rewrite map_map; by apply (in_map (λ x, word_region (region_map (eval ρ) x)))].
        exfalso. apply Hne. by rewrite /leaf_region /= Ha. }
      iModIntro. iApply ditems_remove. iApply put_whole. iFrame "Hl". iExact "Hcell".
    Qed.

    Lemma ghost_open_sound σ cell gs l l' :
      ghost_open cell gs l = Done l' → SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using Type.
      intros ([c l0] & Hc & [= <-])%res_bind_Done. iIntros "HS Hl".
      iDestruct (take_whole_sound _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
      iMod (cell_open σ _ _ (map word_region (map (region_map (eval ρ)) (gs ++ sc_claimed c)))
        with "HS Hcell") as "[$ Hcell]"; [|iModIntro; iApply put_whole; iFrame "Hl"; iExact "Hcell"].
      intros r va. rewrite /in_regions !existsb_exists !map_app. intros (g & Hg & Hin).
      exists g. split; [|done]. apply in_app_iff. by right.
    Qed.
    Lemma ghost_reach_sound σ path cell k root va l l' facts :
      root_of σ = eval ρ root →
      ghost_reach pf path cell k root va l = Done (l', facts) → hold facts →
      SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using HM Hgood.
      intros Hσ ([cs l0] & Hpath & ([c l1] & Hc & (walk & Hwalk & H)%res_bind_Done)%res_bind_Done)%res_bind_Done.
      cbv zeta in H. revert H. set (k0 := nth (pred (length cs)) (platform_shifts pf) 0).
      destruct ((12 <=? k) && (k <=? k0)) eqn:Hk; [|done]. intros [= <- <-] Hw.
      destruct (platform_levels pf) as (Hlv & Hshifts & Hlast & Hinner).
      pose proof (platform_mp _ Hgood) as Hmp. pose proof platform_is_regular as Hreg.
      rewrite -Hshifts in Hwalk.
      destruct (walk_absent_sound ρ (platform_mode pf) _ Hmp (pm_levels (platform_mode pf)) root va all_rights
        (map snd cs) walk Hlv Hinner Hwalk Hw) as [Hknown Hlen].
      rewrite length_map in Hlen.
      iIntros "HS Hl". iDestruct (take_path_sound _ _ _ _ Hpath with "Hl") as "[Hcs Hl]".
      iDestruct (take_whole_sound _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
      iMod (cells_reach σ (dpath cs) (eval ρ va) k0
        [(bv_unsigned (eval ρ (sc_addr c)), dcell c, k, bv_unsigned (eval ρ va) ≫ k)]
        with "HS Hcs [Hcell]") as "($ & Hcs & Hcell)".
      - by rewrite HM Hσ /known_walk path_entries_dpath platform_root.
      - rewrite HM. rewrite {1}/dpath length_map /k0.
        destruct pf as [[] mp]; simpl in Hlen |- *;
          destruct (length cs) as [|[|[|[|[|[|]]]]]]; try lia; done.
      - lia.
      - intros y ->%elem_of_list_singleton. simpl. split; [lia|]. rewrite Z.shiftr_shiftr; [|lia].
        f_equal. lia.
      - by rewrite big_sepL_singleton.
      - rewrite big_sepL_singleton /= Hσ. iModIntro. iApply put_path_sound. iFrame "Hcs".
        iApply put_whole. iFrame "Hl". iExact "Hcell".
    Qed.
    Lemma ghost_reach_elsewhere_sound σ cur cell k root va l l' facts :
      root_of σ = eval ρ cur →
      ghost_reach_elsewhere cur cell k root va l = Done (l', facts) → hold facts →
      SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using Type.
      intros Hσ ([c l0] & Hc & [= <- <-])%res_bind_Done Hne%owe_hold. iIntros "HS Hl".
      iDestruct (take_whole_sound _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
      iMod (cell_reach_elsewhere σ _ _ (eval ρ root) k (bv_unsigned (eval ρ va) ≫ k) with "HS Hcell")
        as "[$ Hcell]"; [by rewrite Hσ|].
      iModIntro. iApply put_whole. iFrame "Hl". iExact "Hcell".
    Qed.
    Lemma ghost_pay_elsewhere_sound σ cur cell l l' facts :
      root_of σ = eval ρ cur →
      ghost_pay_elsewhere cur cell l = Done (l', facts) → hold facts →
      SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using Type.
      intros Hσ ([c l0] & Hc & H)%res_bind_Done. revert H.
      destruct (pay_elsewhere cur (sc_owed c)) as [gs fs] eqn:Hpay. intros [= <- <-] Hf.
      iIntros "HS Hl". iDestruct (take_whole_sound _ _ _ _ Hc with "Hl") as "[Hcell Hl]".
      iMod (cell_pay_elsewhere σ with "HS Hcell") as "[$ Hcell]". iModIntro.
      iApply put_whole. iFrame "Hl". rewrite Hσ /unpaid /set_owed.
      pose proof (pay_elsewhere_sound ρ cur _ _ _ Hpay Hf) as Hgs. cbn [c_owed word_cell scell_map sc_owed].
      rewrite Hgs. iExact "Hcell".
    Qed.
    Lemma ghost_new_sound σ n l l' facts :
      ghost_new n l = Done (l', facts) → hold facts → SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ l'.
    Proof using HM.
      rewrite /ghost_new. destruct (nth_error l n) as [[|pa [| |] v| |]|] eqn:Hn; try done.
      intros [= <- <-] H8%owe_hold. pose proof platform_is_regular as Hreg.
      apply (f_equal bv_unsigned) in H8. rewrite eval_mod8 eval_cst // in H8.
      iIntros "HS Hl". iDestruct (ditems_acc _ _ _ _ Hn with "Hl") as "[Hw Hl]".
      iMod (cell_new σ _ (eval ρ v) H8 with "HS [Hw]") as "[$ Hcell]"; [iExact "Hw"|].
      iModIntro. iApply "Hl". rewrite ditem_cell. iExact "Hcell".
    Qed.
  End tables.

  (** * Shares *)
  Lemma ditem_shares q q1 q2 i :
    divisible i = true → feval ρ q = (feval ρ q1 + feval ρ q2)%Qp →
    ditem ρ (set_share q i) ⊣⊢ ditem ρ (set_share q1 i) ∗ ditem ρ (set_share q2 i).
  Proof using Type.
    intros Hdiv Hq. destruct i as [w r a ? v|a ? v|w r a ? pa|k ? es]; rewrite /= Hq.
    - apply virt_word_fractional.
    - apply phys_word_fractional.
    - apply claim_word_fractional.
    - destruct k; [|done]. rewrite /dres. case_match; [apply cell_pt_fractional|by rewrite left_id].
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
  Lemma join_facts_sound i j learned :
    join_facts i j = Some learned →
    ditem ρ i -∗ ditem ρ j -∗ ⌜hold learned⌝ ∗ ditem ρ i ∗ ditem ρ (set_share (item_share j) i).
  Proof using Type.
    destruct i as [w r a q v|a q v|w r a q pa|k q es], j as [w' r' a' q' v'|a' q' v'|w' r' a' q' pa'|k' q' es'];
      cbn [join_facts]; try done; try (by destruct k, es as [|? [|]]).
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
    - destruct es as [|a [|v es]]; try done. destruct es' as [|a' [|v' es']]; try done.
      destruct (open_cell k (a :: v :: es)) as [c|] eqn:Hc; [|done].
      destruct (kind_eqb _ k' && _ && _) eqn:H; [|done]. intros [= <-].
      apply andb_true_iff in H as [[Hk Ha]%andb_true_iff Hes].
      apply kind_eqb_true in Hk as <-. apply expr_eqb_true in Ha as <-. apply exprs_eqb_true in Hes as <-.
      assert (∃ g1 g2 g3, open_cell k (a :: v :: es) = Some (CellData a v g1 g2 g3) ∧
        open_cell k (a :: v' :: es) = Some (CellData a v' g1 g2 g3)) as (g1 & g2 & g3 & H1 & H2).
      { destruct k as [k1 k2 k3|]; [|done]. simpl in Hc |- *. destruct (take_regions k1 es) as [[g1 es1]|]; [|done].
        destruct (take_regions k2 es1) as [[g2 es2]|]; [|done].
        destruct (take_regions k3 es2) as [[g3 [|? ?]]|]; try done. by exists g1, g2, g3. }
      iIntros "H1 H2". cbn [set_share item_share].
      rewrite !(ditem_open _ _ _ _ _ H1) (ditem_open _ _ _ _ _ H2). cbn [sc_addr].
      iDestruct (cell_pt_agree with "H1 H2") as %Hx. rewrite -Hx. iFrame. iPureIntro.
      apply equate_learned. by injection Hx.
  Qed.
  Lemma join_facts_divisible i j learned : join_facts i j = Some learned → divisible i = true.
  Proof using Type. by destruct i as [| | |[] ? [|? [|]]], j as [| | |? ? [|? [|]]]. Qed.
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

  (** * Blocks *)
  Lemma take_block_sound n l q b l' :
    take_block n l = Done (q, b, l') →
    ditems ρ l ⊢ dblock ρ (feval ρ q) (sblock_map (eval ρ) b) ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_block. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_block k es) as [b0|] eqn:Hb; [|done]. intros [= <- <- <-].
    by rewrite {1}(ditems_take _ _ _ Hn) (ditem_open_block _ _ _ _ _ Hb).
  Qed.
  Lemma block_words_app (a n m : word) :
    bv_unsigned n + bv_unsigned m < 2 ^ 64 →
    block_words a (bv_add n m) = block_words a n ++ block_words (a `+Z` (8 * bv_unsigned n)) m.
  Proof using Type.
    intros Hnm. pose proof (bv_unsigned_in_range _ n) as [Hn _]. pose proof (bv_unsigned_in_range _ m) as [Hm _].
    rewrite /block_words bv_add_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
    rewrite Z2Nat.inj_add // seq_app map_app. f_equal. rewrite (Nat.add_comm 0) -fmap_add_seq map_map.
    apply map_ext. intros i. rewrite bv_add_Z_assoc. f_equal. lia.
  Qed.
  Lemma block_words_one (a n : word) : bv_unsigned n = 1 → block_words a n = [a].
  Proof using Type. intros Hn. by rewrite /block_words Hn /= bv_add_Z_0. Qed.
  Lemma block_words_none (a n : word) : bv_unsigned n = 0 → block_words a n = [].
  Proof using Type. intros Hn. by rewrite /block_words Hn. Qed.
  Definition fill_behind (x : option (sfill word)) (n : word) : option (sfill word) :=
    match x with Some (FArr x start) => Some (FArr x (bv_add start n)) | _ => x end.
  Lemma fill_from_map x n :
    sfill_map (eval ρ) (fill_from x n) = fill_behind (sfill_map (eval ρ) x) (eval ρ n).
  Proof using Type. destruct x as [[v|y start]|]; simpl; [done| |done]. by rewrite eval_mk_op. Qed.
  Lemma fill_behind_word x (n : word) i :
    fill_word (env_array ρ) (fill_behind x n) i = fill_word (env_array ρ) x (bv_unsigned n + i).
  Proof using Type.
    destruct x as [[v|y start]|]; cbn [fill_behind fill_word]; [done| |done].
    assert (bv_add start n = start `+Z` bv_unsigned n) as -> by by rewrite -bv_add_cst Z_to_bv_bv_unsigned.
    by rewrite bv_add_Z_assoc.
  Qed.
  (** A block and the one behind it. *)
  Lemma dblock_app q sp a n m fill :
    bv_unsigned n + bv_unsigned m < 2 ^ 64 →
    dblock ρ q (BlockData sp a (bv_add n m) fill) ⊣⊢
    dblock ρ q (BlockData sp a n fill) ∗
    dblock ρ q (BlockData sp (a `+Z` (8 * bv_unsigned n)) m (fill_behind fill n)).
  Proof using Type.
    intros Hnm. rewrite /dblock /= block_words_app // big_sepL_app. f_equiv.
    apply big_sepL_proper=> i x _. rewrite fill_behind_word {1}/block_words length_map length_seq.
    pose proof (bv_unsigned_in_range _ n) as [Hn _]. by rewrite Nat2Z.inj_add Z2Nat.id.
  Qed.

  Lemma ghost_split_block_sound n i l l' facts :
    ghost_split_block n i l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & [= <- <-])%res_bind_Done Hi%owe_hold. simpl in Hi.
    rewrite (take_block_sound _ _ _ _ _ Hb) ditems_app -ditems_put. cbn [ditems]. rewrite !ditem_block.
    destruct b as [sp a cnt fill]. rewrite /sblock_map /= eval_word_at eval_mk_op fill_from_map /=.
    pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as [_ Hr]. pose proof (bv_unsigned_in_range _ (eval ρ i)) as [Hr0 _].
    cbn [sb_count] in Hi. assert (bv_unsigned (bv_sub (eval ρ cnt) (eval ρ i)) = bv_unsigned (eval ρ cnt) - bv_unsigned (eval ρ i)) as Hsub.
    { rewrite bv_sub_unsigned bv_wrap_small //. lia. }
    assert (eval ρ cnt = bv_add (eval ρ i) (bv_sub (eval ρ cnt) (eval ρ i))) as Hcnt.
    { apply bv_eq. rewrite bv_add_unsigned Hsub bv_wrap_small; lia. }
    rewrite {1}Hcnt dblock_app; [|rewrite Hsub; unfold bv_modulus in Hr; lia].
    iIntros "[[$ $] $]".
  Qed.
  Lemma same_space_sound sp sp' :
    same_space sp sp' = true →
    match sp with Some (w, r) => Some (w, eval ρ r) | None => None end =
    match sp' with Some (w, r) => Some (w, eval ρ r) | None => None end.
  Proof using Type.
    destruct sp as [[w r]|], sp' as [[w' r']|]; simpl; try done.
    by intros [->%eqb_prop ->%expr_eqb_true]%andb_true_iff.
  Qed.
  Lemma same_fill_sound x y facts :
    same_fill x y = Some facts → hold facts → sfill_map (eval ρ) x = sfill_map (eval ρ) y.
  Proof using Type.
    destruct x as [[v|z i]|], y as [[v'|z' j]|]; simpl; try done.
    - intros [= <-] Hv%owe_hold. simpl in Hv. by rewrite Hv.
    - destruct (Pos.eqb_spec z z') as [->|]; [|done]. intros [= <-] Hv%owe_hold. simpl in Hv. by rewrite Hv.
  Qed.
  Lemma ghost_join_blocks_sound n m l l' facts :
    ghost_join_blocks n m l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & ([[q' c] l1] & Hc & H)%res_bind_Done)%res_bind_Done. revert H.
    destruct (fexpr_eqb q q' && _) eqn:Hq; [|done]. apply andb_true_iff in Hq as [->%fexpr_eqb_true Hsp%same_space_sound].
    destruct (same_fill _ _) as [facts0|] eqn:Hfill; [|done]. intros [= <- <-] [Ha [Hn Hf]%holds_owe]%holds_owe.
    apply (same_fill_sound _ _ _ Hfill) in Hf. rewrite fill_from_map in Hf. simpl in Ha, Hn.
    rewrite (take_block_sound _ _ _ _ _ Hb) (take_block_sound _ _ _ _ _ Hc) -ditems_remove -ditems_put ditem_block.
    destruct b as [sp a cnt fill], c as [sp' a' cnt' fill']. simpl in *. rewrite /sblock_map /=.
    rewrite eval_mk_op /= in Hn |- *. rewrite -Hsp -Hf Ha eval_word_at dblock_app.
    - iIntros "($ & $ & $)".
    - rewrite bv_add_unsigned in Hn. unfold bv_wrap, bv_modulus in Hn. change (2 ^ Z.of_N 64) with (2 ^ 64) in Hn.
      pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as Hr. pose proof (bv_unsigned_in_range _ (eval ρ cnt')) as Hr'.
      unfold bv_modulus in Hr, Hr'. change (2 ^ Z.of_N 64) with (2 ^ 64) in Hr, Hr'.
      destruct (Z.ltb_spec (bv_unsigned (eval ρ cnt) + bv_unsigned (eval ρ cnt')) (2 ^ 64)); [done|].
      rewrite -(Z.mod_unique_pos _ _ 1 (bv_unsigned (eval ρ cnt) + bv_unsigned (eval ρ cnt') - 2 ^ 64)) in Hn; lia.
  Qed.
  Lemma dblock_one q b n v :
    bv_unsigned n = 1 → n = eval ρ (sb_count b) → fill_at (sb_fill b) (ECst 0) = Some v →
    dblock ρ q (sblock_map (eval ρ) b) ⊣⊢
    dword (sb_space (sblock_map (eval ρ) b)) q (eval ρ (sb_addr b)) (eval ρ v).
  Proof using Type.
    intros Hn -> Hv. rewrite /dblock /= block_words_one // big_sepL_singleton.
    pose proof (fill_at_word ρ (sb_fill b) (ECst 0)) as Hw. rewrite Hv eval_cst // in Hw.
    change (Z.of_nat 0) with 0. by rewrite Hw.
  Qed.
  Lemma ghost_word_sound n l l' facts :
    ghost_word n l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & H)%res_bind_Done. revert H.
    destruct (fill_at (sb_fill b) (ECst 0)) as [v|] eqn:Hv; [|done].
    intros [= <- <-] Hn%owe_hold. apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put (dblock_one _ _ _ _ Hn eq_refl Hv).
    by destruct b as [[[w r]|] a cnt fill].
  Qed.
  Lemma ghost_block_sound n l l' : ghost_block n l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_block. destruct (nth_error l n) as [[w r a q v|a q v| |]|] eqn:Hn; try done;
      intros [= <-]; rewrite {1}(ditems_acc _ _ _ _ Hn); iIntros "[Hi Hl]"; iApply "Hl";
      rewrite ditem_block /dblock /= block_words_one //; by rewrite big_sepL_singleton.
  Qed.
  Lemma ghost_forget_sound n l l' : ghost_forget n l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & [= <-])%res_bind_Done.
    rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put ditem_block.
    iIntros "[Hb $]". rewrite /dblock /=. iApply (big_sepL_impl with "Hb"). iIntros "!>" (i a _) "H".
    destruct (sb_fill b) as [[v|x start]|]; simpl; [by iExists _..|done].
  Qed.
  Lemma ghost_array_sound n x i l l' facts :
    ghost_array n x i l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & H)%res_bind_Done. revert H.
    destruct (fill_at (sb_fill b) (ECst 0)) as [v|] eqn:Hv; [|done].
    intros [= <- <-] [Hn Hi%owe_hold]%holds_owe. apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    simpl in Hi. rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put ditem_block.
    rewrite (dblock_one _ _ _ _ Hn eq_refl Hv). destruct b as [sp a cnt fill]. simpl in Hn |- *.
    rewrite (dblock_one _ (BlockData sp a cnt (Some (FArr x i))) _ (ESel x (mk_op AluAdd i (ECst 0))) Hn) //.
    cbn [eval]. rewrite eval_mk_op /= bv_add_cst bv_add_Z_0 Hi. done.
  Qed.
  Lemma ghost_empty_sound k es l l' facts :
    ghost_empty k es l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_empty. destruct (open_block k es) as [b|]; [|done]. intros [= <- <-] Hn%owe_hold.
    apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    rewrite ditems_app. cbn [ditems]. rewrite ditem_block /dblock /= block_words_none //=. iIntros "$". done.
  Qed.

  (** * All of them *)
  Lemma sghost_names g s ν s' owed learned ν' : sghost g s ν = Done (s', owed, learned, ν') → ν' = ν.
  Proof using Type.
    destruct g; cbn [sghost]; destruct platform_is as [pf|]; try done; try destruct (platform_good pf); try done;
      intros H; repeat (apply res_bind_Done in H as (? & _ & H); try case_match); simplify_eq; done.
  Qed.
  Theorem sghost_sound σ g s ν s' owed learned ν' :
    sghost g s ν = Done (s', owed, learned, ν') → hold owed →
    SI σ -∗ den s ==∗ SI σ ∗ den s' ∗ ⌜hold learned⌝.
  Proof using Type.
    assert (∀ f, (∀ pf l facts, m_config M = platform_config pf → platform_good pf = true →
        root_of σ = eval ρ (s_root s) → f pf = Done (l, facts) → hold facts →
        SI σ -∗ ditems ρ (s_items s) ==∗ SI σ ∗ ditems ρ l) →
      match platform_is with
      | Some pf => if platform_good pf then
          let* (l, facts) := f pf in Done (set_items l s, facts, [], ν)
        else Fail NoPlatform
      | None => Fail NoPlatform
      end = Done (s', owed, learned, ν') → hold owed → SI σ -∗ den s ==∗ SI σ ∗ den s' ∗ ⌜hold learned⌝)
      as Htables.
    { intros f Hf H Howed. iIntros "HS Hden". iDestruct (root_sound with "HS Hden") as %Hroot.
      iDestruct "Hden" as "([Hc %HM] & Hr & Hi & Hcode)". revert H. pose proof HM as HM0. rewrite /on_platform in HM.
      destruct platform_is as [pf|]; [|done]. destruct (platform_good pf) eqn:Hgood; [|done].
      intros ([l facts] & Hl & [= <- <- <- <-])%res_bind_Done.
      iMod (Hf _ _ _ HM Hgood Hroot Hl Howed with "HS Hi") as "[$ Hi]". iModIntro.
      iSplit; [|done]. by iFrame. }
    assert (∀ l learned, (ditems ρ (s_items s) ⊢ ditems ρ l ∗ ⌜hold learned⌝) →
      SI σ -∗ den s ==∗ SI σ ∗ den (set_items l s) ∗ ⌜hold learned⌝) as Hpure.
    { intros l learned0 Hl. iIntros "$ (Hc & Hr & Hi & Hcode)". iModIntro.
      iDestruct (Hl with "Hi") as "[Hi $]". iFrame. }
    assert (∀ x, (∀ l facts, x = Done (l, facts) → hold facts → ditems ρ (s_items s) ⊢ ditems ρ l) →
      (let* (l, facts) := x in Done (set_items l s, facts, [], ν)) = Done (s', owed, learned, ν') → hold owed →
      SI σ -∗ den s ==∗ SI σ ∗ den s' ∗ ⌜hold learned⌝) as Hblocks.
    { intros x Hx ([l facts] & Hl & [= <- <- <- <-])%res_bind_Done Howed. apply Hpure.
      iIntros "H". iSplit; [by iApply (Hx _ _ Hl Howed)|done]. }
    destruct g as [cell claim|path i w root va pa|cell gs|path cell k va|cell k root va|cell|path i twin root|n|n|n q1 q2|n m|
      n i|n m|n|n|n|n x i|k es];
      cbn [sghost]; intros H Howed.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. apply ghost_unclaim_sound.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. by apply ghost_claim_sound.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_open_sound _ _ _ _ _ Hl).
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. by apply ghost_reach_sound.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. by apply ghost_reach_elsewhere_sound.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. by apply ghost_pay_elsewhere_sound.
    - discriminate H.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. by apply (ghost_new_sound pf).
    - injection H as <- <- <- <-. apply Hpure. iIntros "H". iSplit; [by iApply ditems_remove|done].
    - apply res_bind_Done in H as (l & Hl & [= <- <- <- <-]). apply Hpure.
      iIntros "H". iSplit; [by iApply (ghost_split_sound _ _ _ _ _ Hl)|done].
    - apply res_bind_Done in H as ([l learned0] & Hl & [= <- <- <- <-]). apply Hpure.
      by apply (ghost_join_sound _ _ _ _ _ Hl).
    - refine (Hblocks _ _ H Howed). intros l facts. apply ghost_split_block_sound.
    - refine (Hblocks _ _ H Howed). intros l facts. apply ghost_join_blocks_sound.
    - refine (Hblocks _ _ H Howed). intros l facts. apply ghost_word_sound.
    - refine (Hblocks _ _ H Howed). intros l facts (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_block_sound _ _ _ Hl).
    - refine (Hblocks _ _ H Howed). intros l facts (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_forget_sound _ _ _ Hl).
    - refine (Hblocks _ _ H Howed). intros l facts. apply ghost_array_sound.
    - refine (Hblocks _ _ H Howed). intros l facts. apply ghost_empty_sound.
  Qed.
End ghost_sound.
