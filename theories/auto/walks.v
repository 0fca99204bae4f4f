(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export flush_sound ghost.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The facts that ghost steps owe, and what they say of x86-64's walks. *)

(** * Fields of words *)
Lemma land_field x m n : 0 ≤ m → 0 ≤ n → Z.land x (Z.ones n ≪ m) = ((x ≫ m) `mod` 2 ^ n) ≪ m.
Proof.
  intros Hm Hn. rewrite -Z.land_ones // Z.shiftl_land. apply Z.bits_inj'. intros i Hi.
  rewrite !Z.land_spec. destruct (Z.ltb_spec i m).
  - by rewrite (Z.shiftl_spec_low (Z.ones n)) // !andb_false_r.
  - rewrite (Z.shiftl_spec (x ≫ m)) // Z.shiftr_spec; [|lia]. by replace (i - m + m) with i by lia.
Qed.
Lemma eval_frame ρ e :
  bv_unsigned (eval ρ (mk_and e (ECst frame_bits))) = bits (bv_unsigned (eval ρ e)) 12 52 ≪ 12.
Proof. rewrite eval_mask; [|done]. exact (land_field _ 12 40 ltac:(lia) ltac:(lia)). Qed.
Lemma bits_bound x lo hi : 0 ≤ lo ≤ hi → 0 ≤ bits x lo hi < 2 ^ (hi - lo).
Proof. intros H. apply Z.mod_pos_bound, Z.pow_pos_nonneg; lia. Qed.

Lemma eval_shr ρ va s : 0 ≤ s < 64 →
  bv_unsigned (eval ρ (mk_op AluShr va (ECst s))) = bv_unsigned (eval ρ va) ≫ s.
Proof.
  intros Hs. rewrite eval_mk_op. cbn [eval alu_value]. rewrite /shift_count.
  rewrite (Z_to_bv_unsigned 64 s) (bv_wrap_small 64 s); [|unfold bv_modulus; lia].
  rewrite Z.mod_small; [|lia]. rewrite Z_to_bv_unsigned bv_wrap_small //.
  pose proof (bv_unsigned_in_range _ (eval ρ va)) as [Hr Hr']. rewrite Z.shiftr_div_pow2; [|lia].
  assert (0 < 2 ^ s) by (apply Z.pow_pos_nonneg; lia). split; [by apply Z.div_pos|].
  eapply Z.le_lt_trans; [|exact Hr']. apply Z.div_le_upper_bound; [done|]. nia.
Qed.
Lemma eval_slot ρ t k va : 12 ≤ k ≤ 60 →
  bv_unsigned (eval ρ (slot_expr t k va)) =
  (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) + 8 * ((bv_unsigned (eval ρ va) ≫ k) `mod` 2 ^ 9).
Proof.
  intros Hk. rewrite /slot_expr eval_mk_op. cbn [alu_value]. rewrite bv_add_unsigned eval_frame.
  rewrite eval_mask; [|done]. rewrite eval_shr; [|lia].
  assert (Z.land (bv_unsigned (eval ρ va) ≫ (k - 3)) 0xff8 =
    8 * ((bv_unsigned (eval ρ va) ≫ k) `mod` 2 ^ 9)) as ->.
  { change 0xff8 with (Z.ones 9 ≪ 3). rewrite land_field //.
    rewrite Z.shiftr_shiftr; [|lia]. replace (k - 3 + 3) with k by lia.
    rewrite Z.shiftl_mul_pow2; [|lia]. lia. }
  rewrite bv_wrap_small //. rewrite Z.shiftl_mul_pow2; [|lia].
  pose proof (bits_bound (bv_unsigned (eval ρ t)) 12 52 ltac:(lia)) as Hb.
  pose proof (Z.mod_pos_bound (bv_unsigned (eval ρ va) ≫ k) (2 ^ 9) ltac:(lia)) as Hm.
  change (2 ^ (52 - 12)) with 1099511627776 in Hb. change (2 ^ 12) with 4096. change (2 ^ 9) with 512 in *.
  unfold bv_modulus. change (2 ^ Z.of_N 64) with 18446744073709551616. lia.
Qed.

(** * Entries *)
Section entries.
  Context (mp : Z) (Hmp : 12 ≤ mp ≤ 52).

  Lemma reserved_bits_bound : 0 ≤ reserved_bits mp < 2 ^ 52.
  Proof using Hmp.
    rewrite /reserved_bits Z.shiftl_mul_pow2; [|lia]. rewrite Z.ones_equiv.
    assert (0 < 2 ^ mp) by (apply Z.pow_pos_nonneg; lia).
    assert (0 < 2 ^ (52 - mp)) by (apply Z.pow_pos_nonneg; lia).
    assert (2 ^ 52 = 2 ^ (52 - mp) * 2 ^ mp) as ->. { rewrite -Z.pow_add_r; [f_equal|..]; lia. }
    nia.
  Qed.
  Lemma present_mask_bound b : 0 ≤ b < 2 ^ 52 → 0 ≤ Z.lor b (reserved_bits mp) < 2 ^ 64.
  Proof using Hmp.
    intros Hb. pose proof reserved_bits_bound as Hr. split; [apply Z.lor_nonneg; lia|].
    apply Z.lt_le_trans with (2 ^ 52); [|lia].
    apply (Z.bounded_iff_bits_nonneg 52); [lia|apply Z.lor_nonneg; lia|].
    intros i Hi. rewrite Z.lor_spec. apply orb_false_iff.
    split; apply (Z.bounded_iff_bits_nonneg 52); lia.
  Qed.
  (** The bits [b], of which the lowest alone is set, and none of the reserved ones. *)
  Lemma present_bits (x b : Z) :
    Z.land x (Z.lor b (reserved_bits mp)) = 1 →
    bits x mp 52 = 0 ∧ ∀ i, 0 ≤ i → Z.testbit b i = true → Z.testbit x i = (i =? 0).
  Proof using Hmp.
    intros H. assert (∀ i, 0 ≤ i → Z.testbit x i && (Z.testbit b i || Z.testbit (reserved_bits mp) i) = (i =? 0))
      as Hi.
    { intros i Hi. rewrite -Z.lor_spec -Z.land_spec H. destruct (Z.eqb_spec i 0) as [->|]; [done|].
      apply (Z.bounded_iff_bits_nonneg 1); lia. }
    split.
    - rewrite /bits. apply Z.bits_inj'. intros i Hi0. rewrite Z.bits_0.
      destruct (Z.ltb_spec i (52 - mp)).
      + rewrite Z.mod_pow2_bits_low // Z.shiftr_spec //. specialize (Hi (i + mp) ltac:(lia)).
        assert (Z.testbit (reserved_bits mp) (i + mp) = true) as Hr.
        { rewrite /reserved_bits Z.shiftl_spec; [|lia]. apply Z.ones_spec_low. lia. }
        rewrite Hr orb_true_r andb_true_r in Hi. rewrite Hi. lia.
      + by rewrite Z.mod_pow2_bits_high; [|lia].
    - intros i Hi0 Hb. specialize (Hi i Hi0). by rewrite Hb andb_true_r in Hi.
  Qed.

  Lemma table_facts_sound ρ e lv :
    Forall (holds ρ) (table_facts mp e) → lv_leaf lv ≠ LeafAlways →
    x86_decode true mp lv (bv_unsigned (eval ρ e)) =
    Table (bits (bv_unsigned (eval ρ e)) 12 52 ≪ 12) (x86_rights true (bv_unsigned (eval ρ e))).
  Proof using Hmp.
    intros H%owe_hold Hlv. apply holds_mask in H; [|by apply present_mask_bound|done].
    apply present_bits in H as [Hres Hb].
    pose proof (Hb 0 ltac:(lia) eq_refl) as H0. pose proof (Hb 7 ltac:(lia) eq_refl) as H7.
    rewrite /x86_decode H0 H7 Hres andb_false_r /=. by destruct (lv_leaf lv).
  Qed.
  Lemma page_facts_sound ρ e lv :
    Forall (holds ρ) (page_facts_of mp e) → lv_leaf lv = LeafAlways → lv_shift lv = 12 →
    x86_decode true mp lv (bv_unsigned (eval ρ e)) =
    Page (bits (bv_unsigned (eval ρ e)) 12 52 ≪ 12) (x86_rights true (bv_unsigned (eval ρ e))).
  Proof using Hmp.
    intros H%owe_hold Hlv Hk. apply holds_mask in H; [|by apply present_mask_bound|done].
    apply present_bits in H as [Hres Hb]. pose proof (Hb 0 ltac:(lia) eq_refl) as H0.
    by rewrite /x86_decode H0 Hres andb_false_r /= Hlv Hk.
  Qed.

  (** Bits that a mask leaves. *)
  Lemma masked_bits (x m v lo hi : Z) :
    0 ≤ lo ≤ hi → Z.land x m = v → (∀ i, lo ≤ i < hi → Z.testbit m i = true ∧ Z.testbit v i = false) →
    bits x lo hi = 0.
  Proof using Type.
    intros Hlo H Hm. rewrite /bits. apply Z.bits_inj'. intros i Hi0. rewrite Z.bits_0.
    destruct (Z.ltb_spec i (hi - lo)).
    - rewrite Z.mod_pow2_bits_low // Z.shiftr_spec //. destruct (Hm (i + lo)) as [Hmi Hv]; [lia|].
      by rewrite -H Z.land_spec Hmi andb_true_r in Hv.
    - by rewrite Z.mod_pow2_bits_high; [|lia].
  Qed.
  Lemma large_facts_sound ρ e lv :
    Forall (holds ρ) (large_facts mp (lv_shift lv) e) → lv_leaf lv = LeafSome →
    lv_shift lv = 21 ∨ lv_shift lv = 30 →
    x86_decode true mp lv (bv_unsigned (eval ρ e)) =
    Page (bits (bv_unsigned (eval ρ e)) (lv_shift lv) 52 ≪ lv_shift lv)
      (x86_rights true (bv_unsigned (eval ρ e))).
  Proof using Hmp.
    intros H%owe_hold Hlv Hk. apply holds_mask in H; [|apply present_mask_bound|done]; last first.
    { by destruct Hk as [-> | ->]. }
    set (x := bv_unsigned (eval ρ e)) in *.
    assert (∀ i, i = 0 ∨ i = 7 → Z.testbit x i = true) as Hb.
    { intros i Hi. assert (Z.testbit 129 i = true) as H129 by by destruct Hi as [-> | ->].
      rewrite -H Z.land_spec in H129. by apply andb_true_iff in H129 as [? _]. }
    assert (∀ i, 8 ≤ i → Z.testbit 129 i = false) as Hhigh.
    { intros i Hi. apply (Z.bounded_iff_bits_nonneg 8); lia. }
    rewrite /x86_decode (Hb 0) ?(Hb 7); [|by auto..]. rewrite Hlv andb_false_r /=.
    rewrite (masked_bits _ _ _ mp 52 ltac:(lia) H); last first.
    { intros i Hi. split; [|apply Hhigh; lia]. rewrite Z.lor_spec /reserved_bits Z.shiftl_spec; [|lia].
      rewrite Z.ones_spec_low; [apply orb_true_r|lia]. }
    rewrite (masked_bits _ _ _ 13 (lv_shift lv) ltac:(lia) H); last first.
    { intros i Hi. split; [|apply Hhigh; lia]. rewrite !Z.lor_spec Z.shiftl_spec; [|lia].
      rewrite Z.ones_spec_low; [by rewrite orb_true_r|lia]. }
    done.
  Qed.
End entries.

(** * Walks *)
Definition path_words (ρ : env) (cs : list (scell expr)) : list (Z * word) :=
  map (λ c, (bv_unsigned (eval ρ (sc_addr c)), eval ρ (sc_entry c))) cs.

Record x86_levels (mode : paging_mode) (mp : Z) (ls : list level) : Prop := X86Levels {
  xl_width : pm_width mode = Entry8;
  xl_decode lv e : pm_decode mode lv e = x86_decode true mp lv e;
  xl_bits lv : lv ∈ ls → lv_bits lv = 9;
  xl_shift lv : lv ∈ ls → 12 ≤ lv_shift lv ≤ 60;
  xl_leaf lv : lv ∈ ls → lv_shift lv = 12 ↔ lv_leaf lv = LeafAlways;
  xl_large lv : lv ∈ ls → (lv_shift lv =? 21) || (lv_shift lv =? 30) = true → lv_leaf lv = LeafSome;
}.
Lemma x86_levels_cons mode mp lv ls : x86_levels mode mp (lv :: ls) → x86_levels mode mp ls.
Proof.
  intros [? ? Hb Hs Hl Hg]. split; [done|done|..]; intros l Hin; [apply Hb|apply Hs|apply Hl|apply Hg]; by right.
Qed.

Lemma nth_last_shift ls :
  ls ≠ [] → nth (pred (length ls)) (map lv_shift ls) 0 = lv_shift (List.last ls level_pt).
Proof. induction ls as [|lv [|lv' ls] IH]; intros Hne; [done..|]. by apply IH. Qed.

Section walks.
  Context (ρ : env) (mode : paging_mode) (mp : Z) (Hmp : 12 ≤ mp ≤ 52).

  Lemma slot_sound ls lv t va c :
    x86_levels mode mp ls → lv ∈ ls →
    holds ρ (PEq (sc_addr c) (slot_expr t (lv_shift lv) va)) →
    bv_unsigned (eval ρ (sc_addr c)) =
    slot_of mode lv (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) (eval ρ va).
  Proof using Type.
    intros Hls Hlv H. simpl in H. rewrite H eval_slot; [|by apply (xl_shift _ _ _ Hls)].
    by rewrite /slot_of (xl_width _ _ _ Hls) /lv_index (xl_bits _ _ _ Hls lv Hlv).
  Qed.

  (** To a leaf at the last level of the path. *)
  Lemma walk_leaf_sound ls t va r cs facts k :
    x86_levels mode mp ls → k = nth (pred (length cs)) (map lv_shift ls) 0 → leaf_level k = true →
    (∀ pre lv post, ls = pre ++ lv :: post → post ≠ [] → lv_shift lv ≠ 12) →
    walk_facts mp (leaf_facts mp k) t va (map lv_shift ls) cs = Done facts → Forall (holds ρ) facts →
    ∃ l, known_levels mode ls (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) r (eval ρ va) (path_words ρ cs) =
        Some (Walked l) ∧ leaf_shift l = k ∧
      leaf_frame l = bits (bv_unsigned (eval ρ (List.last (map sc_entry cs) (ECst 0)))) k 52 ≪ k ∧
      r_read (leaf_rights l) = r_read r ∧
      r_user (leaf_rights l) = r_user r && forallb (λ c, Z.testbit (bv_unsigned (eval ρ (sc_entry c))) 2) cs ∧
      r_write (leaf_rights l) = r_write r && forallb (λ c, Z.testbit (bv_unsigned (eval ρ (sc_entry c))) 1) cs.
  Proof using Hmp.
    revert t r cs facts. induction ls as [|lv ls IH]; intros t r [|c cs] facts Hls Hk Hlevel Hinner; try done.
    simpl. destruct cs as [|c' cs].
    - simpl in Hk. intros [= <-] [Haddr Hpage]%holds_owe. assert (lv ∈ lv :: ls) as Hin by by left.
      rewrite (slot_sound _ _ _ _ _ Hls Hin Haddr) Z.eqb_refl (xl_decode _ _ _ Hls).
      assert (x86_decode true mp lv (bv_unsigned (eval ρ (sc_entry c))) =
        Page (bits (bv_unsigned (eval ρ (sc_entry c))) k 52 ≪ k) (x86_rights true (bv_unsigned (eval ρ (sc_entry c)))))
        as ->.
      { rewrite /leaf_facts in Hpage. destruct (Z.eqb_spec k 12) as [H12|Hne].
        - rewrite H12. rewrite (page_facts_sound _ Hmp _ _ _ Hpage); [done| |congruence].
          apply (xl_leaf _ _ _ Hls _ Hin). congruence.
        - rewrite Hk. rewrite Hk in Hpage, Hlevel, Hne. rewrite /leaf_level in Hlevel.
          apply (large_facts_sound _ Hmp _ _ _ Hpage); [apply (xl_large _ _ _ Hls _ Hin)|]; lia. }
      eexists. split; [done|]. simpl. rewrite !andb_true_r. by repeat split.
    - destruct ls as [|lv' ls].
      { intros (more & Hmore & _)%res_bind_Done. done. }
      intros (more & Hmore & [= <-])%res_bind_Done [Haddr [Htable Hmf]%Forall_app]%holds_owe.
      assert (lv ∈ lv :: lv' :: ls) as Hin by by left.
      rewrite (slot_sound _ _ _ _ _ Hls Hin Haddr) Z.eqb_refl (xl_decode _ _ _ Hls).
      rewrite (table_facts_sound _ Hmp _ _ _ Htable); last first.
      { intros Hl%(xl_leaf _ _ _ Hls lv Hin). by apply (Hinner [] lv (lv' :: ls)). }
      destruct (IH (sc_entry c) (rights_meet r (x86_rights true (bv_unsigned (eval ρ (sc_entry c)))))
        (c' :: cs) more) as (l & -> & Hkl & Hfr & Hr & Hu & Hw); try done.
      { by apply x86_levels_cons in Hls. }
      { intros pre lv0 post Heq. apply (Hinner (lv :: pre) lv0 post). by rewrite Heq. }
      exists l. split; [done|]. split; [done|]. split; [exact Hfr|].
      rewrite Hr Hu Hw /= !andb_true_r !andb_assoc. done.
  Qed.
  (** To a page of 4 KiB: all levels. *)
  Lemma walk_page_sound ls t va r cs facts :
    x86_levels mode mp ls → length cs = length ls → (∀ lv, List.last ls level_pt = lv → lv_shift lv = 12) →
    (∀ pre lv post, ls = pre ++ lv :: post → post ≠ [] → lv_shift lv ≠ 12) →
    walk_facts mp (page_facts_of mp) t va (map lv_shift ls) cs = Done facts →
    Forall (holds ρ) facts →
    ∃ l, known_levels mode ls (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) r (eval ρ va) (path_words ρ cs) =
        Some (Walked l) ∧ leaf_shift l = 12 ∧
      leaf_frame l = bits (bv_unsigned (eval ρ (List.last (map sc_entry cs) (ECst 0)))) 12 52 ≪ 12 ∧
      r_read (leaf_rights l) = r_read r ∧
      r_user (leaf_rights l) = r_user r && forallb (λ c, Z.testbit (bv_unsigned (eval ρ (sc_entry c))) 2) cs ∧
      r_write (leaf_rights l) = r_write r && forallb (λ c, Z.testbit (bv_unsigned (eval ρ (sc_entry c))) 1) cs.
  Proof using Hmp.
    intros Hls Hlen Hlast Hinner Hwalk. apply (walk_leaf_sound ls _ _ _ _ _ 12); try done.
    destruct ls as [|lv ls]; [by destruct cs|]. rewrite Hlen nth_last_shift //. by rewrite (Hlast _ eq_refl).
  Qed.
  (** To an absent entry. *)
  Lemma walk_absent_sound ls t va r cs facts :
    x86_levels mode mp ls →
    (∀ pre lv post, ls = pre ++ lv :: post → post ≠ [] → lv_shift lv ≠ 12) →
    walk_facts mp absent_facts t va (map lv_shift ls) cs = Done facts → Forall (holds ρ) facts →
    known_levels mode ls (bits (bv_unsigned (eval ρ t)) 12 52 ≪ 12) r (eval ρ va) (path_words ρ cs) =
      Some NotPresent ∧ (0 < length cs ≤ length ls)%nat.
  Proof using Hmp.
    revert t r cs facts. induction ls as [|lv ls IH]; intros t r [|c cs] facts Hls Hinner; try done.
    simpl. destruct cs as [|c' cs].
    - intros [= <-] [Haddr Habs%owe_hold%holds_absent]%holds_owe. assert (lv ∈ lv :: ls) as Hin by by left.
      rewrite (slot_sound _ _ _ _ _ Hls Hin Haddr) Z.eqb_refl (xl_decode _ _ _ Hls).
      rewrite /x86_decode Habs /=. split; [done|lia].
    - destruct ls as [|lv' ls].
      { intros (more & Hmore & _)%res_bind_Done. done. }
      intros (more & Hmore & [= <-])%res_bind_Done [Haddr [Htable Hmf]%Forall_app]%holds_owe.
      assert (lv ∈ lv :: lv' :: ls) as Hin by by left.
      rewrite (slot_sound _ _ _ _ _ Hls Hin Haddr) Z.eqb_refl (xl_decode _ _ _ Hls).
      rewrite (table_facts_sound _ Hmp _ _ _ Htable); last first.
      { intros Hl%(xl_leaf _ _ _ Hls lv Hin). by apply (Hinner [] lv (lv' :: ls)). }
      destruct (IH (sc_entry c) (rights_meet r (x86_rights true (bv_unsigned (eval ρ (sc_entry c)))))
        (c' :: cs) more) as [-> Hlen]; try done.
      { by apply x86_levels_cons in Hls. }
      { intros pre lv0 post Heq. apply (Hinner (lv :: pre) lv0 post). by rewrite Heq. }
      split; [done|]. simpl in Hlen |- *. lia.
  Qed.
End walks.

Lemma eval_leaf_frame ρ k e va :
  leaf_level k = true → page_offset (eval ρ va) = 0 →
  bv_unsigned (eval ρ (leaf_frame_expr k e va)) =
  (bits (bv_unsigned (eval ρ e)) k 52 ≪ k) + 4096 * (page (eval ρ va) `mod` 2 ^ (k - 12)).
Proof.
  intros Hk Hva. rewrite /leaf_frame_expr. destruct (Z.eqb_spec k 12) as [->|Hne].
  { rewrite eval_frame Z.mod_1_r. lia. }
  assert (k = 21 ∨ k = 30) as Hk' by (rewrite /leaf_level in Hk; lia). clear Hk Hne.
  rewrite eval_mk_op. cbn [alu_value]. rewrite bv_add_unsigned.
  rewrite !eval_mask; [|by destruct Hk' as [-> | ->]..]. rewrite !land_field; [|lia..].
  assert ((bv_unsigned (eval ρ va) ≫ 12) = page (eval ρ va)) as -> by done.
  rewrite -/(bits (bv_unsigned (eval ρ e)) k 52).
  rewrite (Z.shiftl_mul_pow2 (_ `mod` _) 12) // (Z.mul_comm _ (2 ^ 12)). change (2 ^ 12) with 4096.
  apply bv_wrap_small. rewrite Z.shiftl_mul_pow2; [|lia].
  pose proof (bits_bound (bv_unsigned (eval ρ e)) k 52 ltac:(lia)) as Hb.
  pose proof (Z.mod_pos_bound (page (eval ρ va)) (2 ^ (k - 12)) ltac:(by destruct Hk' as [-> | ->])) as Hm.
  unfold bv_modulus. change (2 ^ Z.of_N 64) with 18446744073709551616.
  destruct Hk' as [-> | ->]; simpl in *; lia.
Qed.

(** * The platform *)
Notation platform_mode pf := (cfg_mode (platform_config pf)).
Lemma platform_mp pf : platform_good pf = true → 12 ≤ pf_maxphyaddr pf ≤ 52.
Proof. rewrite /platform_good. lia. Qed.
Lemma platform_levels pf :
  x86_levels (platform_mode pf) (pf_maxphyaddr pf) (pm_levels (platform_mode pf)) ∧
  map lv_shift (pm_levels (platform_mode pf)) = platform_shifts pf ∧
  lv_shift (List.last (pm_levels (platform_mode pf)) level_pt) = 12 ∧
  ∀ pre lv post, pm_levels (platform_mode pf) = pre ++ lv :: post → post ≠ [] → lv_shift lv ≠ 12.
Proof.
  destruct pf as [[] mp]; rewrite /platform_config /platform_shifts /=; (split; [split|split; [done|split]]);
    try done;
    try (intros lv Hlv;
      repeat (apply elem_of_cons in Hlv as [->|Hlv]; [by vm_compute|]); by apply elem_of_nil in Hlv).
  all: intros pre lv post Heq Hpost;
    destruct pre as [|? [|? [|? [|? [|? [|? pre]]]]]]; simplify_eq/=; done.
Qed.
Lemma platform_root pf root : pm_root (platform_mode pf) root = bits (bv_unsigned root) 12 52 ≪ 12.
Proof. by destruct pf as [[] mp]. Qed.
Lemma platform_root_ok pf ρ root :
  platform_good pf = true → Forall (holds ρ) (root_facts pf root) → pm_root_ok (platform_mode pf) (eval ρ root) = true.
Proof.
  intros Hmp%platform_mp H%owe_hold.
  assert (pm_root_ok (platform_mode pf) (eval ρ root) = x86_root_ok (pf_maxphyaddr pf) (eval ρ root)) as ->.
  { by destruct pf as [[] mp]. }
  rewrite /holds in H. apply (f_equal bv_unsigned) in H. rewrite eval_high in H; [|lia].
  rewrite eval_cst // in H. rewrite /x86_root_ok /bits.
  assert (bv_unsigned (eval ρ root) ≫ pf_maxphyaddr pf = 0) as ->; [|by rewrite Z.mod_0_l; [|lia]].
  apply (shiftl_inj _ _ (pf_maxphyaddr pf)); [lia|]. by rewrite H Z.shiftl_0_l.
Qed.

(** * Rights *)
Lemma eval_meet ρ b es :
  0 ≤ b < 8 → 0 ≤ bv_unsigned (eval ρ (meet b es)) ∧
  (∀ i, 0 ≤ i → Z.testbit b i = true →
    Z.testbit (bv_unsigned (eval ρ (meet b es))) i =
    forallb (λ e, Z.testbit (bv_unsigned (eval ρ e)) i) es).
Proof.
  intros Hb. split; [apply bv_unsigned_in_range|]. intros i Hi Hbi.
  induction es as [|e es IH]; simpl.
  { rewrite eval_cst //. lia. }
  destruct es as [|e' es].
  { rewrite eval_mask; [|lia]. by rewrite Z.land_spec Hbi. }
  assert (∀ acc, Z.testbit (bv_unsigned (eval ρ acc)) i = forallb (λ e, Z.testbit (bv_unsigned (eval ρ e)) i) (e' :: es) →
    Z.testbit (bv_unsigned (eval ρ (mk_and e acc))) i =
    Z.testbit (bv_unsigned (eval ρ e)) i && forallb (λ e, Z.testbit (bv_unsigned (eval ρ e)) i) (e' :: es)) as Hacc.
  { intros acc Hacc. by rewrite eval_mk_and bv_and_unsigned Z.land_spec Hacc. }
  destruct (meet b (e' :: es)) as [|[| |]| | |] eqn:Hm; try by apply Hacc.
  rewrite eval_cst // Z.bits_0 in IH. rewrite -IH andb_false_r eval_cst // Z.bits_0 //.
Qed.
Lemma rights_facts_sound {M : machine} pf ρ w es R :
  m_config M = platform_config pf → Forall (holds ρ) (rights_facts w es) →
  r_user R = forallb (λ e, Z.testbit (bv_unsigned (eval ρ e)) 2) es →
  r_write R = forallb (λ e, Z.testbit (bv_unsigned (eval ρ e)) 1) es →
  admits M w R.
Proof.
  intros HM [Hu Hw]%holds_owe HRu HRw. rewrite /admits /access_ok HM /platform_config.
  simpl in Hu. apply (f_equal (λ v, Z.testbit (bv_unsigned v) 2)) in Hu.
  destruct (eval_meet ρ 4 es) as [_ H4]; [lia|]. rewrite H4 // in Hu.
  rewrite -HRu in Hu. vm_compute (Z.testbit _ _) in Hu.
  assert (∀ a, (∀ u, a = Write → r_write R = u → u = true) → a ≠ Fetch →
    pm_access (cfg_mode (platform_config pf)) (cfg_controls (platform_config pf)) false R a = true) as Hacc.
  { intros a Ha Hf. destruct pf as [[] mp]; destruct a; simpl; rewrite ?Hu //=; by rewrite (Ha _ eq_refl eq_refl). }
  split; [by apply Hacc|]. intros ->. apply Hacc; [|done]. intros u _ <-.
  apply owe_hold in Hw. simpl in Hw. apply (f_equal (λ v, Z.testbit (bv_unsigned v) 1)) in Hw.
  destruct (eval_meet ρ 2 es) as [_ H2]; [lia|]. rewrite H2 // in Hw. by rewrite HRw Hw.
Qed.
