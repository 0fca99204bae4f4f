(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.spaces Require Export enter.
From rocqgen.auto Require Export ghost_sound enter.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A space that comes to map the code does map it. *)

(** * Two walks that meet *)
Lemma right_bits_sound ρ a b :
  holds ρ (PEq (mk_and a (ECst right_bits)) (mk_and b (ECst right_bits))) →
  x86_rights true (bv_unsigned (eval ρ a)) = x86_rights true (bv_unsigned (eval ρ b)).
Proof.
  intros H. simpl in H. apply (f_equal bv_unsigned) in H. rewrite !eval_mask // in H.
  assert (∀ i, 0 ≤ i → Z.testbit right_bits i = true →
    Z.testbit (bv_unsigned (eval ρ a)) i = Z.testbit (bv_unsigned (eval ρ b)) i) as Hi.
  { intros i Hi Hbit. apply (f_equal (λ z, Z.testbit z i)) in H. by rewrite !Z.land_spec Hbit !andb_true_r in H. }
  by rewrite /x86_rights (Hi 1) // (Hi 2) // (Hi 63).
Qed.

Section meet.
  Context (ρ : env) (mode : paging_mode) (mp : Z) (Hmp : 12 ≤ mp ≤ 52) (T : memory).
  Definition in_memory (cs : list (scell expr)) : Prop :=
    ∀ c, In c cs → read_word T (bv_unsigned (eval ρ (sc_addr c))) = Some (eval ρ (sc_entry c)).

  Lemma in_memory_entry ls lv t va c :
    x86_levels mode mp ls → lv ∈ ls →
    read_word T (bv_unsigned (eval ρ (sc_addr c))) = Some (eval ρ (sc_entry c)) →
    holds ρ (PEq (sc_addr c) (slot_expr t (lv_shift lv) va)) →
    read_entry (pm_width mode) T ((bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) +
      entry_bytes (pm_width mode) * lv_index lv (eval ρ va)) = Some (bv_unsigned (eval ρ (sc_entry c))).
  Proof using Type.
    intros Hls Hlv Hc Haddr. pose proof (slot_sound ρ mode mp ls lv t va c Hls Hlv Haddr) as Hs.
    rewrite /slot_of in Hs. rewrite -Hs (xl_width _ _ _ Hls) /= Hc. done.
  Qed.

  Lemma meet_sound last ls t t' va r cs ds facts meet :
    x86_levels mode mp ls →
    (∀ pre lv post, ls = pre ++ lv :: post → post ≠ [] → lv_shift lv ≠ 12) →
    walk_facts mp last t' va (map lv_shift ls) cs = Done facts → Forall (holds ρ) facts →
    meet_facts mp t va (map lv_shift ls) cs ds = Done meet → Forall (holds ρ) meet →
    in_memory cs → in_memory ds →
    walk_levels mode T ls (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) r (eval ρ va) =
    walk_levels mode T ls (bits (bv_unsigned (eval ρ t')) 12 52 ≪ 12) r (eval ρ va).
  Proof using Hmp.
    revert t t' r cs ds facts meet. induction ls as [|lv ls IH]; intros t t' r [|c cs] [|d ds] facts meet;
      try done. intros Hls Hinner Hwalk Hfacts Hmeet Hm Hcs Hds.
    assert (lv ∈ lv :: ls) as Hin by by left.
    assert (holds ρ (PEq (sc_addr c) (slot_expr t' (lv_shift lv) va))) as Haddr.
    { simpl in Hwalk. destruct cs as [|c' cs]; [injection Hwalk as <-|].
      - by apply holds_owe in Hfacts as [? _].
      - apply res_bind_Done in Hwalk as (more & _ & [= <-]). by apply holds_owe in Hfacts as [? _]. }
    assert (holds ρ (PEq (sc_addr d) (slot_expr t (lv_shift lv) va))) as Haddr'.
    { simpl in Hmeet. destruct ds as [|d' ds]; [injection Hmeet as <-|].
      - by apply holds_owe in Hm as [? _].
      - apply res_bind_Done in Hmeet as (more & _ & [= <-]). by apply holds_owe in Hm as [? _]. }
    cbn [walk_levels].
    rewrite (in_memory_entry _ _ _ _ _ Hls Hin (Hcs c (or_introl eq_refl)) Haddr).
    rewrite (in_memory_entry _ _ _ _ _ Hls Hin (Hds d (or_introl eq_refl)) Haddr').
    simpl in Hmeet. destruct ds as [|d' ds].
    { injection Hmeet as <-. apply holds_owe in Hm as [_ Heq%owe_hold]. simpl in Heq. by rewrite Heq. }
    apply res_bind_Done in Hmeet as (more & Hmore & [= <-]).
    apply holds_owe in Hm as [_ [Htable' [Hright Hm]%holds_owe]%Forall_app].
    destruct ls as [|lv' ls]; [done|]. destruct cs as [|c' cs]; [done|]. simpl in Hwalk.
    apply res_bind_Done in Hwalk as (rest & Hrest & [= <-]).
    apply holds_owe in Hfacts as [_ [Htable Hfacts]%Forall_app].
    assert (lv_leaf lv ≠ LeafAlways) as Hlv.
    { intros Hl%(xl_leaf _ _ _ Hls lv Hin). by apply (Hinner [] lv (lv' :: ls)). }
    rewrite !(xl_decode _ _ _ Hls) (table_facts_sound _ Hmp _ _ _ Htable Hlv)
      (table_facts_sound _ Hmp _ _ _ Htable' Hlv) (right_bits_sound _ _ _ Hright).
    apply (IH _ _ _ (c' :: cs) (d' :: ds) rest more (x86_levels_cons _ _ _ _ Hls)); try done.
    - intros pre lv0 post Heq. apply (Hinner (lv :: pre) lv0 post). by rewrite Heq.
    - intros x Hx. apply Hcs. by right.
    - intros x Hx. apply Hds. by right.
  Qed.
End meet.

(** * The code lies in one page *)
Lemma instr_length_bytes x : Z.of_nat (length (instr_bytes x)) = instr_length x.
Proof. rewrite /instr_bytes /instr_length length_seq. lia. Qed.
Lemma code_end_In (l : code_list) x : In x l → x.1 + instr_length x ≤ code_end l.
Proof. induction l as [|y l IH]; simpl; [done|]. intros [->|?%IH]; lia. Qed.
Lemma code_bytes_length (l : code_list) :
  Z.of_nat (length (l ≫= instr_bytes)) = foldr (λ x n, instr_length x + n) 0 l.
Proof.
  induction l as [|x l IH]; [done|]. cbn [foldr]. rewrite bind_cons length_app Nat2Z.inj_add IH.
  by rewrite instr_length_bytes.
Qed.
Lemma code_small_sound ρ base (l : code_list) :
  code_small l = true → Forall (holds ρ) (code_page_facts base l) →
  in_one_page (eval ρ base) l = true ∧ l ≠ [] ∧ (length (l ≫= instr_bytes) ≤ 4096)%nat.
Proof.
  intros [[[Hne Hpos]%andb_true_iff Hend%Z.leb_le]%andb_true_iff Hlen%Z.leb_le]%andb_true_iff Hpage%owe_hold.
  simpl in Hpage. rewrite eval_offset Z_to_bv_unsigned in Hpage.
  assert (0 ≤ code_end l) as Hend0 by (clear; induction l; simpl; lia).
  rewrite bv_wrap_small in Hpage; [|unfold bv_modulus; lia]. rewrite forallb_forall in Hpos.
  split; [|split; [by destruct l|]].
  - apply forallb_forall. intros x Hx. rewrite (Hpos x Hx) /= instr_length_bytes.
    pose proof (code_end_In l x Hx). apply Z.leb_le. lia.
  - pose proof (code_bytes_length l). lia.
Qed.

Section enter_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  Lemma dpath_memory T cs :
    (∀ y, y ∈ dpath ρ cs → read_word T y.1.1 = Some (c_entry y.2)) → in_memory ρ T (map snd cs).
  Proof using Type.
    intros Hy c (x & <- & Hx)%in_map_iff.
    exact (Hy _ (proj2 (elem_of_list_In _ _) (in_map _ _ _ Hx))).
  Qed.

  Lemma ghost_code_sound pf σ path i twin root cur q l l' facts :
    m_config M = platform_config pf → platform_good pf = true →
    ghost_code pf base code path i twin root cur l = Done (l', facts) → hold facts →
    SI σ -∗ ditems ρ l -∗ code_at (eval ρ base) code (eval ρ cur) q ==∗
    SI σ ∗ ditems ρ l' ∗ code_at (eval ρ base) code (eval ρ cur) q ∗
    code_at (eval ρ base) code (eval ρ root) 1.
  Proof using Type.
    intros HM Hgood ([cs l0] & Hpath & ([ds l1] & Htwin & H)%res_bind_Done)%res_bind_Done. revert H.
    cbv zeta. set (k := nth (pred (length cs)) (platform_shifts pf) 0).
    destruct (leaf_level k) eqn:Hlevel; [|done]. destruct (code_small code) eqn:Hsmall; [|done]. simpl.
    destruct (nth_error cs i) as [[[| |] c]|] eqn:Hi; try done.
    intros (walk & Hwalk & (steps & Hsteps & (meet & Hmeet & [= <- <-])%res_bind_Done)%res_bind_Done)%res_bind_Done.
    intros [Hpage [Hroot [Hw [Hs Hm]%Forall_app]%Forall_app]%Forall_app]%Forall_app.
    destruct (platform_levels pf) as (Hlv & Hshifts & Hlast & Hinner).
    pose proof (platform_mp _ Hgood) as Hmp.
    assert (RegularMode M) as Hreg by by eapply platform_is_regular.
    rewrite -Hshifts in Hwalk, Hsteps, Hmeet. rewrite firstn_map in Hsteps.
    destruct (walk_leaf_sound ρ (platform_mode pf) _ Hmp (pm_levels (platform_mode pf)) root base all_rights
      (map snd cs) walk k Hlv) as (lf & Hknown & Hk & _); try done.
    { by rewrite length_map Hshifts. }
    destruct (code_small_sound _ _ _ Hsmall Hpage) as (Hone & Hne & Hbytes).
    assert (∀ T, (∀ y, y ∈ dpath ρ cs ++ dpath ρ ds → read_word T y.1.1 = Some (c_entry y.2)) →
      paging.walk (cfg_mode (m_config M)) T (eval ρ cur) (eval ρ base) =
      paging.walk (cfg_mode (m_config M)) T (eval ρ root) (eval ρ base)) as Hsame.
    { intros T HT. rewrite HM /paging.walk !platform_root.
      apply (meet_sound ρ _ _ Hmp T _ _ _ _ _ _ _ _ _ _ Hlv Hinner Hwalk Hw Hmeet Hm);
        apply dpath_memory; intros y Hy; apply HT, elem_of_app; auto. }
    assert (known_walk (cfg_mode (m_config M)) (eval ρ root) (eval ρ base) (path_entries (dpath ρ cs)) =
      Some (Walked lf)) as Hkw.
    { by rewrite HM /known_walk path_entries_dpath platform_root. }
    iIntros "HS Hl Hcode". iDestruct (take_path_sound _ _ _ _ _ Hpath with "Hl") as "[Hcs Hl]".
    iDestruct (take_path_sound _ _ _ _ _ Htwin with "Hl") as "[Hds Hl]".
    assert (12 ≤ leaf_shift lf) as Hk12 by (rewrite Hk; rewrite /leaf_level in Hlevel; lia).
    iDestruct (code_shared σ _ _ _ _ _ _ _ _ Hsame Hkw Hk12 Hone Hne with "HS Hcs Hds Hcode")
      as %(Hcan & Hacc & Hfits).
    assert (page_claimable (cfg_mode (m_config M)) (eval ρ root) (eval ρ base) lf i (dpath ρ cs)) as Hcl.
    { split; [done|split; [by rewrite HM; apply platform_root_ok|split; [done|]]].
      rewrite HM. assert ((dpath ρ cs).*2 = map (λ c, dcell c) (map snd cs)) as ->.
      { rewrite /dpath -list_fmap_compose map_map. done. }
      apply (steps_ok_take _ _ _ _ (length cs)); [by rewrite !length_map|].
      apply (claim_steps_sound _ _ _ _ _ _ _ Hsteps Hs).
      intros lv Hin%elem_of_take. apply (xl_shift _ _ _ Hlv). destruct Hin as (j & Hj & _).
      by eapply elem_of_list_lookup_2. }
    assert (dpath ρ cs !! i = Some (bv_unsigned (eval ρ (sc_addr c)), 1%Qp, dcell c)) as Hdi.
    { rewrite /dpath list_lookup_fmap -nth_error_list_lookup. by rewrite Hi. }
    iMod (leaf_page_claim σ _ _ _ _ _ _ _ Hdi Hcl with "HS Hcs") as "($ & Hcs & Hleaf)". iModIntro.
    rewrite /leaf_trans (page_claim_code_all _ _ _ _ _ Hacc Hfits Hne Hbytes). iFrame "Hcode Hleaf".
    iApply put_path_sound.
    rewrite (alter_nth_same i _ (λ x, (x.1, add_region (Some (12, root, base)) c)) cs _ Hi); [|done].
    rewrite (dpath_alter _ _ _ _ _ Hi); [|done].
    rewrite /add_claim /set_claimed. iSplitL "Hcs"; [iExact "Hcs"|].
    iApply put_path_sound. iFrame.
  Qed.

  Lemma dcode_current l r : code_mapped r l = true →
    dcode base code ρ l ⊢ ∃ q, code_at (eval ρ base) code (eval ρ r) q ∗
      (code_at (eval ρ base) code (eval ρ r) q -∗ dcode base code ρ l).
  Proof using Type.
    induction l as [|[r' q] l IH]; simpl; [done|]. destruct (expr_eqb r' r) eqn:Hr.
    - apply expr_eqb_true in Hr as ->. iIntros (_) "[H $]". iExists _. iFrame. by iIntros "$".
    - iIntros (Hl) "[$ H]". by iApply IH.
  Qed.
  Lemma dcode_app l l' : dcode base code ρ (l ++ l') ⊣⊢ dcode base code ρ l ∗ dcode base code ρ l'.
  Proof using Type. induction l as [|[r q] l IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.

  Theorem senter_sound σ path i twin root s s' facts :
    senter base code path i twin root s = Done (s', facts) → hold facts → SI σ -∗ den s ==∗ SI σ ∗ den s'.
  Proof using Type.
    rewrite /senter. iIntros (H Howed) "HS ([Hc %HM] & Hr & Hi & Hcode)". pose proof HM as HM0.
    rewrite /on_platform in HM. destruct platform_is as [pf|]; [|done].
    destruct (platform_good pf) eqn:Hgood; [|done]. destruct (code_mapped _ _) eqn:Hmapped; [|done].
    apply res_bind_Done in H as ([l facts'] & Hl & [= <- <-]).
    iDestruct (dcode_current _ _ Hmapped with "Hcode") as (q) "[Hcur Hcode]".
    iMod (ghost_code_sound _ _ _ _ _ _ _ _ _ _ _ HM Hgood Hl Howed with "HS Hi Hcur") as "($ & Hi & Hcur & Hnew)".
    iModIntro. iSplitL "Hc"; [by iFrame|]. rewrite /dparts /= dcode_app /=.
    iDestruct ("Hcode" with "Hcur") as "Hcode". by iFrame.
  Qed.
End enter_sound.
