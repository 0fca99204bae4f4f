(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export pages.
From rocqgen.spaces Require Export cells.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Claims on the pages of a leaf, through the cells on its path; and what a slot answers for.

    A path is given by its cells from the root on, each with the fraction that is owned of it.  One of them
    is owned whole: it is marked with what is claimed through it, and cannot be written until the claims
    are given back, all of them. *)

Notation path_cells := (list (Z * Qp * cell)).
Definition path_entries (cs : path_cells) : list (Z * word) := (λ y, (y.1.1, c_entry y.2)) <$> cs.

(** * Pages of a leaf *)
Definition leaf_region (root va : word) (l : leaf) : region :=
  VPage root (leaf_shift l) (bv_unsigned va ≫ leaf_shift l).
Definition leaf_page (root va : word) (l : leaf) (i : Z) : (word * Z) * trans :=
  ((root, (bv_unsigned va ≫ leaf_shift l) * 2 ^ (leaf_shift l - 12) + i),
   (leaf_frame l + 4096 * i, leaf_rights l)).
Definition leaf_pages (root va : word) (l : leaf) : list ((word * Z) * trans) :=
  leaf_page root va l <$> seqZ 0 (2 ^ (leaf_shift l - 12)).

(** The whole leaf is in a region, or none of it. *)
Definition leaf_in (root va : word) (k : Z) (g : region) : bool :=
  match g with
  | Everywhere => true
  | VPage r k' n => bool_decide (r = root) && (k <=? k') && (bv_unsigned va ≫ k' =? n)
  end.
Definition leaf_apart (root va : word) (k : Z) (g : region) : bool :=
  match g with
  | Everywhere => false
  | VPage r k' n =>
    negb (bool_decide (r = root)) ||
    (12 <=? k') &&
    negb (if k <=? k' then bv_unsigned va ≫ k' =? n else n ≫ (k - k') =? bv_unsigned va ≫ k)
  end.

(** What is checked of a path before the leaf at its end may be claimed, through the [i]-th cell. *)
Definition step_ok (root va : word) (k : Z) (here : bool) (lv : level) (x : cell) : bool :=
  answers lv root va x && bool_decide (c_owed x = []) &&
  if here then forallb (leaf_apart root va k) (c_claimed x)
  else existsb (leaf_in root va k) (c_claimed x).
Fixpoint steps_ok (root va : word) (k : Z) (i : nat) (ls : list level) (xs : list cell) {struct ls}
    : bool :=
  match ls, xs with
  | lv :: ls, x :: xs =>
    step_ok root va k (Nat.eqb i 0) lv x &&
    match i with
    | O => forallb id (zip_with (step_ok root va k false) ls xs)
    | S i => steps_ok root va k i ls xs
    end
  | _, _ => false
  end.
Definition leaf_claimable (mode : paging_mode) (root va : word) (l : leaf) (i : nat) (cs : path_cells)
    : Prop :=
  known_walk mode root va (path_entries cs) = Some (Walked l) ∧
  pm_root_ok mode root = true ∧ pm_canonical mode va = true ∧
  steps_ok root va (leaf_shift l) i (pm_levels mode) cs.*2 = true.
(** The same of one page of 4 KiB of the leaf. *)
Definition page_claimable (mode : paging_mode) (root va : word) (l : leaf) (i : nat) (cs : path_cells)
    : Prop :=
  known_walk mode root va (path_entries cs) = Some (Walked l) ∧
  pm_root_ok mode root = true ∧ pm_canonical mode va = true ∧
  steps_ok root va 12 i (pm_levels mode) cs.*2 = true.

Definition add_claim (g : region) (x : cell) : cell := set_claimed (g :: c_claimed x) x.
Definition drop_claim (g : region) (x : cell) : cell :=
  set_claimed (filter (λ g', g' ≠ g) (c_claimed x)) x.

(** * Arithmetic *)
Lemma shiftr_split (z k j : Z) : 0 ≤ j ≤ k → z ≫ k = (z ≫ j) ≫ (k - j).
Proof. intros Hj. rewrite Z.shiftr_shiftr; [|lia]. f_equal. lia. Qed.
Lemma leaf_num_page (n k i : Z) : 0 ≤ k → 0 ≤ i < 2 ^ k → (n * 2 ^ k + i) ≫ k = n.
Proof.
  intros Hk Hi. rewrite Z.shiftr_div_pow2 // Z.div_add_l; [|lia]. rewrite Z.div_small //. lia.
Qed.
Lemma page_num_leaf (p k : Z) : 0 ≤ k → p = (p ≫ k) * 2 ^ k + p `mod` 2 ^ k.
Proof. intros Hk. rewrite Z.shiftr_div_pow2 //. pose proof (Z_div_mod_eq_full p (2 ^ k)). lia. Qed.

Lemma known_levels_leaf mode ls table r va xs l :
  known_levels mode ls table r va xs = Some (Walked l) → ∃ lv, lv ∈ ls ∧ lv_shift lv = leaf_shift l.
Proof.
  revert table r xs. induction ls as [|lv ls IH]; intros table r [|[s e] xs]; [done..|].
  simpl. destruct (s =? _); [|done]. destruct (pm_decode _ _ _); [by destruct xs|done| |].
  - intros (lv' & Hlv & ?)%IH. exists lv'. split; [by right|done].
  - destruct xs; [|done]. intros [= <-]. exists lv. split; [by left|done].
Qed.

Section pages.
  Context (root va : word) (l : leaf) (Hk : 12 ≤ leaf_shift l ≤ 52).
  Notation k := (leaf_shift l).

  Lemma leaf_pages_elem x t :
    (x, t) ∈ leaf_pages root va l →
    ∃ i, 0 ≤ i < 2 ^ (k - 12) ∧ x = (root, (bv_unsigned va ≫ k) * 2 ^ (k - 12) + i) ∧
         t = (leaf_frame l + 4096 * i, leaf_rights l).
  Proof using Type.
    clear Hk. intros (i & [= -> ->] & Hi%elem_of_seqZ)%elem_of_list_fmap. exists i. split; [lia|done].
  Qed.
  Lemma leaf_pages_NoDup : NoDup (leaf_pages root va l).*1.
  Proof using Type.
    clear Hk. rewrite /leaf_pages -list_fmap_compose. apply NoDup_fmap_2_strong; [|apply NoDup_seqZ].
    intros i j _ _ [= Heq]. lia.
  Qed.
  Lemma leaf_pages_same va' t :
    ((root, page va'), t) ∈ leaf_pages root va l → bv_unsigned va' ≫ k = bv_unsigned va ≫ k.
  Proof using Hk.
    intros (i & Hi & [= Hp] & _)%leaf_pages_elem. rewrite -page_shiftr; [|lia].
    rewrite Hp leaf_num_page //. lia.
  Qed.
  Lemma leaf_pages_complete va' :
    bv_unsigned va' ≫ k = bv_unsigned va ≫ k →
    ∃ t, ((root, page va'), t) ∈ leaf_pages root va l.
  Proof using Hk.
    intros Hva'. rewrite -page_shiftr in Hva'; [|lia].
    exists (leaf_page root va l (page va' `mod` 2 ^ (k - 12))).2.
    apply elem_of_list_fmap. exists (page va' `mod` 2 ^ (k - 12)). split.
    - rewrite /leaf_page /=. f_equal. f_equal. rewrite -Hva'. apply page_num_leaf. lia.
    - apply elem_of_seqZ. pose proof (Z.mod_pos_bound (page va') (2 ^ (k - 12))). lia.
  Qed.
  Lemma leaf_pages_inhabited p t :
    ((root, p), t) ∈ leaf_pages root va l → ∃ va', page va' = p.
  Proof using Hk.
    intros (i & Hi & [= ->] & _)%leaf_pages_elem.
    exists (Z_to_bv 64 (((bv_unsigned va ≫ k) * 2 ^ (k - 12) + i) * 4096)).
    set (p := (bv_unsigned va ≫ k) * 2 ^ (k - 12) + i).
    assert (0 ≤ p * 4096 < 2 ^ 64) as Hp.
    { pose proof (bv_unsigned_in_range _ va) as Hva. unfold bv_modulus in Hva.
      assert (2 ^ 64 = 2 ^ (64 - k) * 2 ^ k) as H64.
      { rewrite -Z.pow_add_r; [f_equal|..]; lia. }
      assert (2 ^ k = 2 ^ (k - 12) * 4096) as Hk12.
      { change 4096 with (2 ^ 12). rewrite -Z.pow_add_r; [f_equal|..]; lia. }
      assert (0 < 2 ^ (k - 12)) as Hpos by (apply Z.pow_pos_nonneg; lia).
      assert (0 ≤ bv_unsigned va ≫ k < 2 ^ (64 - k)) as Hn.
      { rewrite Z.shiftr_div_pow2; [|lia]. split; [apply Z.div_pos; lia|].
        apply Z.div_lt_upper_bound; lia. }
      unfold p. nia. }
    rewrite /page Z_to_bv_unsigned bv_wrap_small; [|done].
    rewrite Z.shiftr_div_pow2; [|lia]. change (2 ^ 12) with 4096. by rewrite Z.div_mul.
  Qed.
  Lemma leaf_pages_pa va' t :
    ((root, page va'), t) ∈ leaf_pages root va l →
    leaf_pa l va' = t.1 + page_offset va' ∧ leaf_rights l = t.2.
  Proof using Hk.
    intros (i & Hi & [= Hp] & ->)%leaf_pages_elem. split; [|done]. simpl. rewrite /leaf_pa.
    assert (0 ≤ page_offset va' < 4096) as Ho by by apply Z.mod_pos_bound.
    assert (2 ^ k = 2 ^ (k - 12) * 4096) as Hk12.
    { change 4096 with (2 ^ 12). rewrite -Z.pow_add_r; [f_equal|..]; lia. }
    rewrite -Z.add_assoc. f_equal. symmetry.
    apply (Z.mod_unique_pos _ _ (bv_unsigned va ≫ k)); [nia|]. rewrite (page_split va') Hp. nia.
  Qed.

  (** Regions *)
  Lemma leaf_in_region va' g :
    bv_unsigned va' ≫ k = bv_unsigned va ≫ k → leaf_in root va k g = true → in_region root va' g = true.
  Proof using Hk.
    intros Hva'. destruct g as [|r k' n]; [done|]. simpl.
    intros [[-> Hle%Z.leb_le]%andb_true_iff Hn%Z.eqb_eq]%andb_true_iff. simpl.
    rewrite page_shiftr; [|lia]. rewrite -Hn. apply Z.eqb_eq. apply (shiftr_le_eq _ _ k). { lia. } exact Hva'.
  Qed.
  Lemma leaf_apart_region va' g :
    bv_unsigned va' ≫ k = bv_unsigned va ≫ k → leaf_apart root va k g = true →
    in_region root va' g = false.
  Proof using Hk.
    intros Hva'. destruct g as [|r k' n]; [done|]. simpl.
    destruct (bool_decide (r = root)); [|done]. simpl. intros [Hk'%Z.leb_le Hne]%andb_true_iff.
    rewrite page_shiftr //. apply negb_true_iff in Hne. destruct (k <=? k') eqn:Hle.
    - apply Z.leb_le in Hle. rewrite (shiftr_le_eq _ (bv_unsigned va) k k'); [done|lia|done].
    - apply Z.leb_gt in Hle. destruct (Z.eqb_spec (bv_unsigned va' ≫ k') n) as [<-|]; [|done].
      rewrite -shiftr_split in Hne; [|lia]. by rewrite Hva' Z.eqb_refl in Hne.
  Qed.
End pages.

Lemma steps_ok_lookup root va k i ls xs j lv x :
  steps_ok root va k i ls xs = true → ls !! j = Some lv → xs !! j = Some x →
  step_ok root va k (Nat.eqb i j) lv x = true.
Proof.
  revert i j xs. induction ls as [|lv' ls IH]; intros i j [|x' xs]; [done..|]. simpl.
  intros [Hhere Hrest]%andb_true_iff. destruct j as [|j]; simpl.
  { by intros [= ->] [= ->]. }
  intros Hl Hx. destruct i as [|i]; [|by apply (IH i j xs)]. simpl.
  rewrite forallb_forall in Hrest. apply (Hrest (step_ok root va k false lv x)).
  apply elem_of_list_In, elem_of_list_lookup. exists j. by rewrite lookup_zip_with Hl /= Hx.
Qed.

(** What a slot answers for at a level does not tell the addresses of a page of that size apart. *)
Lemma answers_shift lv root va va' x :
  12 ≤ lv_shift lv → bv_unsigned va' ≫ lv_shift lv = bv_unsigned va ≫ lv_shift lv →
  answers lv root va x = true → answers lv root va' x = true.
Proof.
  intros Hk Hva'. rewrite /answers !existsb_exists. intros (g & Hg & [Hin Hlv]%andb_true_iff).
  exists g. split; [done|]. rewrite Hlv andb_true_r. destruct g as [|r k n]; [done|]. simpl in *.
  apply Z.eqb_eq in Hlv as ->. rewrite page_shiftr // in Hin. by rewrite page_shiftr // Hva'.
Qed.

Section claims.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (s : Z) (x : cell) (q : Qp) (σ : state) (va root : word) (g : region) (l : leaf).
  Implicit Types (cs : path_cells).
  #[local] Typeclasses Transparent state_interp page_claim cell_pt.
  Notation mode := (cfg_mode (m_config M)).

  Definition cells_pt cs : iProp Σ := [∗ list] y ∈ cs, cell_pt y.1.1 y.1.2 y.2.
  Definition leaf_claims root va l q : iProp Σ :=
    [∗ list] y ∈ leaf_pages root va l, page_claim y.1 q y.2.

  Lemma cells_pt_lookup E cs :
    ghost_map_auth mach_cell_name 1 E -∗ cells_pt cs -∗ ⌜∀ y, y ∈ cs → E !! y.1.1 = Some y.2⌝.
  Proof using Type.
    iIntros "HE H". iIntros (y [j Hj]%elem_of_list_lookup).
    iDestruct (big_sepL_lookup with "H") as "H"; [done|].
    iApply (ghost_map_lookup with "HE H").
  Qed.

  Lemma leaf_claims_4k root va l q :
    leaf_shift l = 12 →
    leaf_claims root va l q ⊣⊢ page_claim (root, page va) q (leaf_frame l, leaf_rights l).
  Proof using Type.
    intros Hl. rewrite /leaf_claims /leaf_pages /leaf_page Hl. change (seqZ 0 (2 ^ (12 - 12))) with [0].
    rewrite /= right_id -/(page va) Z.mul_1_r !Z.add_0_r. done.
  Qed.

  (** A path that is known in the tables. *)
  Lemma known_tables T Θ E root0 t cs root va w :
    tables_ok (m_config M) T Θ E root0 t → (∀ y, y ∈ cs → E !! y.1.1 = Some y.2) →
    known_walk mode root va (path_entries cs) = Some w →
    walk mode T root va = w ∧ walk_path mode T root va = zip (pm_levels mode) cs.*1.*1.
  Proof using Hreg.
    intros Hok HE Hw. destruct (known_walk_sound mode T root va (path_entries cs) w) as [? Hp].
    - apply Hreg.
    - intros s e ([[s' q] x] & [= -> ->] & Hin)%elem_of_list_fmap.
      destruct (tables_cells _ _ _ _ _ _ Hok _ _ (HE _ Hin)) as [_ Hr]. exact Hr.
    - done.
    - split; [done|]. rewrite Hp /known_path /path_entries. f_equal.
      by rewrite -!list_fmap_compose.
  Qed.

  (** Pages of a leaf are claimed: those of [2 ^ k] bytes, or fewer. *)
  Lemma pages_claim σ cs (i : nat) s x root va l (k : Z) (new : gmap (word * Z) trans) :
    cs !! i = Some (s, 1%Qp, x) →
    known_walk mode root va (path_entries cs) = Some (Walked l) →
    pm_root_ok mode root = true → pm_canonical mode va = true →
    steps_ok root va k i (pm_levels mode) cs.*2 = true →
    12 ≤ k ≤ leaf_shift l →
    (∀ r p u, new !! (r, p) = Some u → r = root ∧ (∃ va', page va' = p) ∧
       ∀ va', page va' = p → bv_unsigned va' ≫ k = bv_unsigned va ≫ k ∧
         leaf_pa l va' = u.1 + page_offset va' ∧ leaf_rights l = u.2) →
    state_interp σ -∗ cells_pt cs ==∗
    state_interp σ ∗ cells_pt (<[i := (s, 1%Qp, add_claim (VPage root k (bv_unsigned va ≫ k)) x)]> cs) ∗
    [∗ map] y ↦ t ∈ new, page_claim y 1 t.
  Proof using Hreg.
    iIntros (Hi Hknown Hroot Hcan Hsteps Hkl Hpages) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iDestruct (cells_pt_lookup with "HE H") as %HE.
    iDestruct (big_sepL_insert_acc with "H") as "[Hs H]"; [done|]. simpl.
    set (x' := add_claim (VPage root k (bv_unsigned va ≫ k)) x).
    iMod (ghost_map_update x' with "HE Hs") as "[HE Hs]".
    iSpecialize ("H" $! (s, 1%Qp, x') with "Hs").
    destruct (known_tables _ _ _ _ _ _ _ _ _ Hok HE Hknown) as [Hwalk Hpath].
    assert (E !! s = Some x) as Hs by (apply (HE (s, 1%Qp, x)); by eapply elem_of_list_lookup_2).
    assert (∃ lv, lv ∈ pm_levels mode ∧ lv_shift lv = leaf_shift l) as (lv0 & Hlv0 & Hlv0k).
    { by destruct (walk_levels_shift _ _ _ _ _ _ _ (pm_levels_wf mode) Hwalk) as (_ & ?). }
    assert (12 ≤ leaf_shift l ≤ 52) as Hk by (rewrite -Hlv0k; by apply Hreg).
    assert (12 ≤ k ≤ 52) as Hkk by lia.
    assert (∀ y, y ∈ walk_path mode T root va → leaf_shift l ≤ lv_shift y.1) as Habove.
    { intros y. by apply (path_levels_above _ _ _ _ _ _ _ _ (pm_levels_wf mode) Hwalk). }
    destruct (tables_ok_claim _ _ _ _ _ _ Hok s x (c_claimed x') new Hs) as [Hdisj Hok'].
    { intros r va' Hin. apply orb_true_iff. by right. }
    { intros r p u Hu. destruct (Hpages _ _ _ Hu) as (-> & Hinh & Hin).
      assert (∀ va', page va' = p → bv_unsigned va' ≫ leaf_shift l = bv_unsigned va ≫ leaf_shift l)
        as Hsame by (intros va' Hp; apply (shiftr_le_eq _ _ k); [lia|]; by apply Hin).
      assert (∀ va', page va' = p → walk_path mode T root va' = walk_path mode T root va ∧
        walk mode T root va' = Walked l) as Hwalks.
      { intros va' Hp. rewrite -Hwalk.
        apply (walk_path_same mode (regular_mode (M:=M)) T root va va' (leaf_shift l)); [lia|done|].
        symmetry. by apply Hsame. }
      split; [|split].
      - split; [done|]. intros va' Hp. split.
        { rewrite -Hcan. apply (regular_canonical _ (regular_mode (M:=M)) lv0); [done|].
          rewrite Hlv0k. by apply Hsame. }
        exists l. split; [by apply Hwalks|]. by apply Hin.
      - done.
      - intros va' Hp. destruct (Hwalks va' Hp) as [-> _]. specialize (Hsame va' Hp).
        destruct (Hin va' Hp) as [Hsamek _].
        assert (∀ j lv y, pm_levels mode !! j = Some lv → cs !! j = Some y →
          step_ok root va k (Nat.eqb i j) lv y.2 = true) as Hstep.
        { intros j lv y Hj Hy. eapply steps_ok_lookup; [done..|]. by rewrite list_lookup_fmap Hy. }
        assert (∃ lv, pm_levels mode !! i = Some lv) as [lv Hlv].
        { assert (∀ ls k i (ys : list cell), steps_ok root va k i ls ys = true → is_Some (ls !! i))
            as Hlen; [|by apply Hlen in Hsteps].
          clear. intros ls k. induction ls as [|lv ls IH]; intros i [|y ys]; [done..|]. simpl.
          intros [_ Hi]%andb_true_iff. destruct i as [|i]; [by eexists|]. by eapply IH. }
        split; [|split].
        + specialize (Hstep i lv _ Hlv Hi). rewrite Nat.eqb_refl in Hstep.
          apply andb_true_iff in Hstep as [_ Hap]. rewrite forallb_forall in Hap.
          destruct (in_regions root va' (c_claimed x)) eqn:Hing; [|done].
          apply existsb_exists in Hing as (g & Hg & Hing). specialize (Hap g Hg).
          by rewrite (leaf_apart_region root va (Leaf 0 k all_rights) Hkk va' g Hsamek Hap) in Hing.
        + rewrite Hpath. apply elem_of_list_fmap. exists (lv, s). split; [done|].
          apply elem_of_list_lookup. exists i. by rewrite lookup_zip_with Hlv /= !list_lookup_fmap Hi.
        + intros lv' s'. rewrite Hpath. intros [j Hj]%elem_of_list_lookup.
          rewrite lookup_zip_with !list_lookup_fmap in Hj.
          destruct (pm_levels mode !! j) as [lv''|] eqn:Hlj; [|done]. simpl in Hj.
          destruct (cs !! j) as [[[s'' q] y]|] eqn:Hcj; [|done]. simpl in Hj. injection Hj as -> ->.
          assert (E !! s' = Some y) as Hs'.
          { apply (HE (s', q, y)). by eapply elem_of_list_lookup_2. }
          pose proof (Hstep j lv' _ Hlj Hcj) as [[Hans Howed%bool_decide_eq_true]%andb_true_iff Hcl]%andb_true_iff.
          simpl in Hans, Howed, Hcl.
          assert (12 ≤ lv_shift lv') as Hlv'.
          { apply Hreg. by eapply elem_of_list_lookup_2. }
          assert (answers lv' root va' y = true) as Hans'.
          { eapply answers_shift; [done| |exact Hans]. apply (shiftr_le_eq _ _ (leaf_shift l)); [|done].
            split; [lia|]. apply (Habove (lv', s')). rewrite Hpath. apply elem_of_list_lookup. exists j.
            by rewrite lookup_zip_with Hlj /= !list_lookup_fmap Hcj. }
          destruct (decide (s' = s)) as [->|Hne].
          * exists (set_claimed (c_claimed x') x). rewrite lookup_insert.
            assert (y = x) as -> by congruence. split; [done|]. split; [|split; [done|]].
            { simpl. apply orb_true_iff. left. rewrite bool_decide_eq_true_2 //= page_shiftr; [|lia].
              by apply Z.eqb_eq. }
            by rewrite /= Howed.
          * exists y. rewrite lookup_insert_ne; [|done]. split; [done|].
            split; [|split; [done|by rewrite Howed]].
            assert (Nat.eqb i j = false) as Hij.
            { apply Nat.eqb_neq. intros ->. rewrite Hi in Hcj. by simplify_eq. }
            rewrite Hij in Hcl. apply existsb_exists in Hcl as (g & Hg & Hing).
            apply existsb_exists. exists g. split; [done|].
            by apply (leaf_in_region root va (Leaf 0 k all_rights) Hkk). }
    iMod (ghost_map_insert_big new with "HΘ") as "[HΘ Hnew]"; [done|]. iModIntro.
    iSplitR "H Hnew"; [|iSplitL "H"; [iExact "H"|iExact "Hnew"]].
    iExists T, (new ∪ Θ), _. iFrame. by iPureIntro.
  Qed.

  Lemma known_leaf_shift root va xs l :
    known_walk mode root va xs = Some (Walked l) → 12 ≤ leaf_shift l ≤ 52.
  Proof using Hreg.
    intros H. destruct (known_levels_leaf _ _ _ _ _ _ _ H) as (lv & Hlv & <-). by apply Hreg.
  Qed.
  (** All pages of the leaf. *)
  Lemma leaf_claim σ cs i s x root va l :
    cs !! i = Some (s, 1%Qp, x) → leaf_claimable mode root va l i cs →
    state_interp σ -∗ cells_pt cs ==∗
    state_interp σ ∗ cells_pt (<[i := (s, 1%Qp, add_claim (leaf_region root va l) x)]> cs) ∗
    leaf_claims root va l 1.
  Proof using Hreg.
    iIntros (Hi (Hknown & Hroot & Hcan & Hsteps)) "HS H". pose proof (known_leaf_shift _ _ _ _ Hknown) as Hk.
    iMod (pages_claim σ cs i s x root va l (leaf_shift l) (list_to_map (leaf_pages root va l))
      with "HS H") as "($ & $ & Hnew)"; [done..|lia| |].
    - intros r p u Hu%elem_of_list_to_map_2.
      assert (r = root) as -> by by destruct (leaf_pages_elem _ _ _ _ _ Hu) as (? & _ & [= ->] & _).
      split; [done|]. split; [by eapply leaf_pages_inhabited|]. intros va' <-.
      split; [by eapply leaf_pages_same|by eapply leaf_pages_pa].
    - iModIntro. rewrite /leaf_claims big_sepM_list_to_map; [done|apply leaf_pages_NoDup].
  Qed.
  (** One page of 4 KiB of the leaf. *)
  Definition leaf_trans l va : trans :=
    (leaf_frame l + 4096 * (page va `mod` 2 ^ (leaf_shift l - 12)), leaf_rights l).
  Lemma leaf_page_claim σ cs i s x root va l :
    cs !! i = Some (s, 1%Qp, x) → page_claimable mode root va l i cs →
    state_interp σ -∗ cells_pt cs ==∗
    state_interp σ ∗ cells_pt (<[i := (s, 1%Qp, add_claim (VPage root 12 (bv_unsigned va ≫ 12)) x)]> cs) ∗
    page_claim (root, page va) 1 (leaf_trans l va).
  Proof using Hreg.
    iIntros (Hi (Hknown & Hroot & Hcan & Hsteps)) "HS H". pose proof (known_leaf_shift _ _ _ _ Hknown) as Hk.
    iMod (pages_claim σ cs i s x root va l 12 {[ (root, page va) := leaf_trans l va ]}
      with "HS H") as "($ & $ & Hnew)"; [done..|lia| |by rewrite big_sepM_singleton].
    intros r p u [[= <- <-] <-]%lookup_singleton_Some. split; [done|]. split; [by exists va|].
    intros va' Hp. split; [exact Hp|].
    apply (leaf_pages_pa root va l Hk va' (leaf_trans l va)). rewrite Hp.
    apply elem_of_list_fmap. exists (page va `mod` 2 ^ (leaf_shift l - 12)). split.
    - rewrite /leaf_page /leaf_trans. f_equal. f_equal.
      rewrite -page_shiftr; [|lia]. apply page_num_leaf. lia.
    - apply elem_of_seqZ. pose proof (Z.mod_pos_bound (page va) (2 ^ (leaf_shift l - 12))) as H.
      assert (0 < 2 ^ (leaf_shift l - 12)) by (apply Z.pow_pos_nonneg; lia). lia.
  Qed.

  (** They are given back. *)
  Lemma leaf_unclaim σ s x root va l :
    12 ≤ leaf_shift l ≤ 52 →
    state_interp σ -∗ cell_pt s 1 x -∗ leaf_claims root va l 1 ==∗
    state_interp σ ∗ cell_pt s 1 (drop_claim (leaf_region root va l) x).
  Proof using Type.
    iIntros (Hk) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) Hs H".
    iDestruct (ghost_map_lookup with "HE Hs") as %Hs.
    iMod (ghost_map_update (drop_claim (leaf_region root va l) x) with "HE Hs") as "[HE $]".
    set (gone := list_to_map (leaf_pages root va l) : gmap (word * Z) trans).
    iAssert ([∗ map] y ↦ t ∈ gone, y ↪[mach_claim_name] t)%I with "[H]" as "H".
    { rewrite big_sepM_list_to_map; [done|apply leaf_pages_NoDup]. }
    iMod (ghost_map_delete_big with "HΘ H") as "HΘ". iModIntro.
    iExists T, (Θ ∖ gone), _. iFrame. iPureIntro.
    eapply (tables_ok_unclaim _ _ _ _ _ _ Hok s x); [done|by apply map_subseteq_difference_l|].
    intros r va' Hin Hout. apply existsb_exists in Hin as (g & Hg%elem_of_list_In & Hin).
    assert (g = leaf_region root va l) as ->.
    { destruct (decide (g = leaf_region root va l)) as [|Hne]; [done|].
      assert (in_regions r va' (filter (λ g', g' ≠ leaf_region root va l) (c_claimed x)) = true) as Heq;
        [|by rewrite Heq in Hout].
      apply existsb_exists. exists g. split; [|done]. apply elem_of_list_In.
      by apply elem_of_list_filter. }
    simpl in Hin. apply andb_true_iff in Hin as [Hr%bool_decide_eq_true Hn%Z.eqb_eq]. subst r.
    rewrite page_shiftr in Hn; [|lia].
    destruct (leaf_pages_complete root va l Hk va') as [t Ht]; [done|].
    apply lookup_difference_None. right. exists t.
    by apply elem_of_list_to_map_1; [apply leaf_pages_NoDup|].
  Qed.

  (** Slots answer for pages of the current space whose walks are known to end before them. *)
  Lemma cells_reach σ cs va k0 (ys : list (Z * cell * Z * Z)) :
    known_walk mode (root_of σ) va (path_entries cs) = Some NotPresent →
    forallb (λ lv, k0 <=? lv_shift lv) (take (length cs) (pm_levels mode)) = true →
    0 ≤ k0 →
    (∀ y, y ∈ ys → 12 ≤ y.1.2 ≤ k0 ∧ y.2 ≫ (k0 - y.1.2) = bv_unsigned va ≫ k0) →
    state_interp σ -∗ cells_pt cs -∗ ([∗ list] y ∈ ys, cell_pt y.1.1.1 1 y.1.1.2) ==∗
    state_interp σ ∗ cells_pt cs ∗
    [∗ list] y ∈ ys, cell_pt y.1.1.1 1
      (set_reach (VPage (root_of σ) y.1.2 y.2 :: c_reach y.1.1.2) y.1.1.2).
  Proof using Hreg.
    iIntros (Hknown Habove Hk0 Hys) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) Hcs H".
    iAssert (|==> ∃ E', ghost_map_auth mach_cell_name 1 E' ∗ cells_pt cs ∗
      ⌜tables_ok (m_config M) T Θ E' (root_of σ) (st_tlb σ)⌝ ∗
      [∗ list] y ∈ ys, cell_pt y.1.1.1 1
        (set_reach (VPage (root_of σ) y.1.2 y.2 :: c_reach y.1.1.2) y.1.1.2))%I
      with "[HE Hcs H]" as ">(%E' & HE & $ & %Hok' & $)"; last first.
    { iModIntro. iExists T, Θ, E'. by iFrame. }
    iInduction ys as [|[[[s x] k] n] ys] "IH" forall (E Hok Hys); simpl.
    { iModIntro. iExists E. by iFrame. }
    iDestruct "H" as "[H Hl]". iDestruct (ghost_map_lookup with "HE H") as %Hs.
    iDestruct (cells_pt_lookup with "HE Hcs") as %HE.
    iAssert ⌜∀ y, y ∈ cs → y.1.1 ≠ s⌝%I as %Hne.
    { iIntros (y [j Hj]%elem_of_list_lookup). iDestruct (big_sepL_lookup with "Hcs") as "Hy"; [done|].
      iDestruct (cell_pt_ne with "H Hy") as %?. by iPureIntro. }
    iMod (ghost_map_update (set_reach (VPage (root_of σ) k n :: c_reach x) x) with "HE H") as "[HE $]".
    iApply ("IH" with "[%] [%] HE Hcs Hl"); last first.
    { intros y Hy. apply Hys. by right. }
    apply (tables_ok_reach _ _ _ _ _ _ Hok s x (root_of σ) k n Hs). intros _ va' lv Hin Hp.
    destruct (known_tables _ _ _ _ _ _ _ _ _ Hok HE Hknown) as [_ Hpath].
    destruct (Hys (s, x, k, n)) as [Hk Hn]; [by left|]. simpl in Hk, Hn.
    assert (bv_unsigned va ≫ k0 = bv_unsigned va' ≫ k0) as Hsame.
    { apply andb_true_iff in Hin as [_ Hin%Z.eqb_eq]. rewrite page_shiftr in Hin; [|lia].
      rewrite -Hn -Hin. rewrite (shiftr_split (bv_unsigned va') k0 k) //. lia. }
    destruct (walk_path_same mode (regular_mode (M:=M)) T (root_of σ) va va' k0) as [Hp' _]; [done| |done|].
    { intros [lv' s']. rewrite Hpath. intros [j Hj]%elem_of_list_lookup.
      rewrite lookup_zip_with !list_lookup_fmap in Hj.
      destruct (pm_levels mode !! j) as [lv''|] eqn:Hlj; [|done]. simpl in Hj.
      destruct (cs !! j) as [y|] eqn:Hcj; [|done]. simpl in Hj. injection Hj as -> _. simpl.
      rewrite forallb_forall in Habove. apply Z.leb_le, Habove. apply elem_of_list_In.
      apply elem_of_list_lookup. exists j. rewrite lookup_take //. by eapply lookup_lt_Some. }
    rewrite Hp' Hpath in Hp. apply elem_of_list_lookup in Hp as [j Hj].
    rewrite lookup_zip_with !list_lookup_fmap in Hj.
    destruct (pm_levels mode !! j) as [lv''|] eqn:Hlj; [|done]. simpl in Hj.
    destruct (cs !! j) as [y|] eqn:Hcj; [|done]. simpl in Hj. injection Hj as -> <-.
    destruct (Hne y); [by eapply elem_of_list_lookup_2|done].
  Qed.
End claims.
