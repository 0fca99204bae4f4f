(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.spaces Require Export update.
From rocqgen.auto Require Export walks shares_sound blocks_sound folds_sound.
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

Lemma platform_mode_regular pf : regular (platform_mode pf).
Proof. destruct pf as [[] mp]; [apply x86_5level_regular|apply x86_4level_regular]. Qed.

(** Levels below the end of a path are of no account. *)
Lemma steps_ok_take root va k i n ls (xs : list cell) :
  (length xs ≤ n)%nat → steps_ok root va k i (take n ls) xs = true → steps_ok root va k i ls xs = true.
Proof.
  revert i n ls. induction xs as [|x xs IH]; intros i [|n] [|lv ls] Hlen; simpl in *; try done; try lia.
  intros [Hhere H]%andb_true_iff. rewrite Hhere /=. destruct i as [|i]; [|apply (IH _ n); [lia|done]].
  rewrite zip_with_take_l' in H; [done|lia].
Qed.

Section ghost_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  (** * Paths *)
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
      cbv zeta. set (k := nth (pred (length cs)) (platform_shifts pf) 0).
      destruct (leaf_level k) eqn:Hlevel; [|done].
      destruct (nth_error cs i) as [[[| |] c]|] eqn:Hi; try done.
      intros (walk & Hwalk & (steps & Hsteps & [= <- <-])%res_bind_Done)%res_bind_Done.
      intros [Hva [Hcan [Hroot [Hw [Hs [Hpa Hrights]%Forall_app]%Forall_app]%Forall_app]%Forall_app]%Forall_app]%Forall_app.
      destruct (platform_levels pf) as (Hlv & Hshifts & Hlast & Hinner).
      pose proof (platform_mp _ Hgood) as Hmp. apply in_page_facts_sound in Hva.
      pose proof platform_is_regular as Hreg.
      rewrite -Hshifts in Hwalk, Hsteps. rewrite firstn_map in Hsteps.
      destruct (walk_leaf_sound ρ (platform_mode pf) _ Hmp (pm_levels (platform_mode pf)) root va all_rights
        (map snd cs) walk k Hlv)
        as (lf & Hknown & Hk & Hframe & _ & Huser & Hwrite); try done.
      { by rewrite length_map Hshifts. }
      assert (admits M w (leaf_rights lf)) as Hadm.
      { apply (rights_facts_sound pf ρ w (map (λ x, sc_entry x.2) cs)); [done|done|..];
          rewrite ?Huser ?Hwrite /= !forallb_map_of; done. }
      assert (page_claimable (cfg_mode (m_config M)) (eval ρ root) (eval ρ va) lf i (dpath cs)) as Hcl.
      { rewrite HM. split; [|split; [|split]].
        - by rewrite /known_walk path_entries_dpath platform_root.
        - by apply platform_root_ok.
        - by apply platform_canonical.
        - assert ((dpath cs).*2 = map (λ c, dcell c) (map snd cs)) as ->.
          { rewrite /dpath -list_fmap_compose map_map. done. }
          apply (steps_ok_take _ _ _ _ (length cs)); [by rewrite !length_map|].
          apply (claim_steps_sound _ _ _ _ _ _ _ Hsteps Hs).
          intros lv Hin%elem_of_take. apply (xl_shift _ _ _ Hlv). destruct Hin as (j & Hj & _).
          by eapply elem_of_list_lookup_2. }
      iIntros "HS Hl". iDestruct (take_path_sound _ _ _ _ Hpath with "Hl") as "[Hcs Hl]".
      assert (dpath cs !! i = Some (bv_unsigned (eval ρ (sc_addr c)), 1%Qp, dcell c)) as Hdi.
      { rewrite /dpath list_lookup_fmap. rewrite -nth_error_list_lookup. by rewrite Hi. }
      iMod (leaf_page_claim σ _ _ _ _ _ _ _ Hdi Hcl with "HS Hcs") as "($ & Hcs & Hleaf)". iModIntro.
      rewrite ditems_app. iSplitR "Hleaf".
      - iApply put_path_sound. iFrame "Hl".
        rewrite (alter_nth_same i _ (λ x, (x.1, add_region (Some (12, root, va)) c)) cs _ Hi); [|done].
        rewrite (dpath_alter _ _ _ _ Hi); [|done].
        rewrite /add_claim /set_claimed. iExact "Hcs".
      - iSplit; [|done]. cbn [ditem]. rewrite /page_share.
        assert (feval ρ (FDiv 512 1) = pos_to_Qp 512) as -> by by apply whole_page_sound.
        iApply page_claim_word_1; [lia| |exact Hadm|by rewrite word_share_page].
        apply owe_hold in Hpa. simpl in Hpa. rewrite Hpa Hva Z.add_0_r.
        rewrite (eval_leaf_frame _ _ _ _ Hlevel Hva) Hframe Hk map_map. done.
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
      SI σ -∗ den s ==∗ SI σ ∗ den s' ∗ ⌜hold learned⌝) as Hplain.
    { intros x Hx ([l facts] & Hl & [= <- <- <- <-])%res_bind_Done Howed. apply Hpure.
      iIntros "H". iSplit; [by iApply (Hx _ _ Hl Howed)|done]. }
    destruct g as [cell claim|path i w root va pa|cell gs|path cell k va|cell k root va|cell|path i twin root|n|n|n q1 q2|n m|
      n i|n m|n|n|n|n x i|k es|n|n|n e|ks mapped es|cell below claim t];
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
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_split_block_sound.
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_join_blocks_sound.
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_word_sound.
    - refine (Hplain _ _ H Howed). intros l facts (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_block_sound _ _ _ Hl).
    - refine (Hplain _ _ H Howed). intros l facts (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_forget_sound _ _ _ Hl).
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_array_sound.
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_empty_sound.
    - refine (Hplain _ _ H Howed). intros l facts (l' & Hl & [= <- <-])%res_bind_Done _.
      by apply (ghost_unfold_sound _ _ _ Hl).
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_descend_sound.
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_ascend_sound.
    - refine (Hplain _ _ H Howed). intros l facts. apply ghost_nothing_sound.
    - refine (Htables _ _ H Howed). intros pf l facts HM Hgood Hroot. apply ghost_fold_sound.
  Qed.
End ghost_sound.