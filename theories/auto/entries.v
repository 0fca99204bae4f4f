(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.machine Require Export x86_64.
From rocqgen.spaces Require Export claims.
From rocqgen.auto Require Export access denote.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What facts about masked words say of addresses and of entries of x86-64's page tables. *)

(** * Masks *)
Lemma eval_mask ρ e m : 0 ≤ m < 2 ^ 64 → bv_unsigned (eval ρ (mk_and e (ECst m))) = Z.land (bv_unsigned (eval ρ e)) m.
Proof.
  intros Hm. rewrite eval_mk_and bv_and_unsigned /= Z_to_bv_unsigned bv_wrap_small //.
Qed.
Lemma eval_cst ρ z : 0 ≤ z < 2 ^ 64 → bv_unsigned (eval ρ (ECst z)) = z.
Proof. intros Hz. by rewrite /= Z_to_bv_unsigned bv_wrap_small. Qed.
Lemma holds_mask ρ e m v : 0 ≤ m < 2 ^ 64 → 0 ≤ v < 2 ^ 64 →
  holds ρ (PEq (mk_and e (ECst m)) (ECst v)) ↔ Z.land (bv_unsigned (eval ρ e)) m = v.
Proof.
  intros Hm Hv. rewrite /holds. split.
  - intros H. by rewrite -(eval_mask ρ e m Hm) H eval_cst.
  - intros H. apply bv_eq. by rewrite eval_mask // H eval_cst.
Qed.
(** The bits from [k] on: those of two words are the same where their pages are. *)
Lemma land_high (z k : Z) : 0 ≤ k ≤ 64 → 0 ≤ z < 2 ^ 64 → Z.land z (2 ^ 64 - 2 ^ k) = (z ≫ k) ≪ k.
Proof.
  intros Hk Hz. replace (2 ^ 64 - 2 ^ k) with (Z.ones (64 - k) ≪ k); last first.
  { rewrite Z.shiftl_mul_pow2; [|lia]. rewrite Z.ones_equiv -Z.sub_1_r Z.mul_sub_distr_r Z.mul_1_l.
    rewrite -Z.pow_add_r; [|lia..]. f_equal. f_equal. lia. }
  apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec Z.shiftl_spec; [|done]. rewrite Z.shiftl_spec; [|done].
  destruct (Z.ltb_spec i k).
  { rewrite !(Z.testbit_neg_r _ (i - k)); [by rewrite andb_false_r|lia..]. }
  rewrite Z.shiftr_spec; [|lia]. replace (i - k + k) with i by lia.
  destruct (Z.ltb_spec i 64).
  - rewrite (Z.ones_spec_low (64 - k)); [|lia]. by rewrite andb_true_r.
  - rewrite (Z.ones_spec_high (64 - k)); [|lia]. rewrite andb_false_r. symmetry.
    apply (Z.bounded_iff_bits_nonneg 64); lia.
Qed.
Lemma eval_high ρ e k : 0 ≤ k ≤ 64 →
  bv_unsigned (eval ρ (mk_and e (high_bits k))) = (bv_unsigned (eval ρ e) ≫ k) ≪ k.
Proof.
  intros Hk. rewrite /high_bits eval_mask.
  - rewrite land_high //. apply bv_unsigned_in_range.
  - assert (2 ^ k ≤ 2 ^ 64) by (apply Z.pow_le_mono_r; lia).
    assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia). lia.
Qed.
Lemma shiftl_inj x y k : 0 ≤ k → x ≪ k = y ≪ k → x = y.
Proof.
  intros Hk. rewrite !Z.shiftl_mul_pow2 //. intros H.
  assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia). nia.
Qed.
Lemma eval_high_eq ρ a b k : 0 ≤ k ≤ 64 →
  eval ρ (mk_and a (high_bits k)) = eval ρ (mk_and b (high_bits k)) ↔
  bv_unsigned (eval ρ a) ≫ k = bv_unsigned (eval ρ b) ≫ k.
Proof.
  intros Hk. split.
  - intros H. apply (shiftl_inj _ _ k); [lia|]. by rewrite -!(eval_high ρ) // H.
  - intros H. apply bv_eq. by rewrite !(eval_high ρ) // H.
Qed.

(** Words in a page. *)
Lemma land_low (z k : Z) : 0 ≤ k → Z.land z (Z.ones k) = z `mod` 2 ^ k.
Proof. intros Hk. by rewrite Z.land_ones. Qed.
Lemma eval_offset ρ e : bv_unsigned (eval ρ (mk_and e (ECst 4095))) = page_offset (eval ρ e).
Proof. rewrite eval_mask; [|done]. exact (land_low _ 12 ltac:(lia)). Qed.
Lemma eval_mod8 ρ e : bv_unsigned (eval ρ (mk_and e (ECst 7))) = bv_unsigned (eval ρ e) `mod` 8.
Proof. rewrite eval_mask; [|done]. exact (land_low _ 3 ltac:(lia)). Qed.
Lemma aligned_in_page (va : word) : bv_unsigned va `mod` 8 = 0 → page_offset va + 8 ≤ 4096.
Proof. rewrite /page_offset. intros H. Z.div_mod_to_equations. lia. Qed.

Lemma page_facts ρ root addr r a pa pm :
  Forall (holds ρ) (owe (PEq (mk_and addr (high_bits 12)) a) ++ owe (PEq (mk_and addr (ECst 7)) (ECst 0)) ++
    owe (PEq (mk_and pa (ECst 4095)) (ECst 0)) ++
    owe (PEq (mk_op AluAdd pa (mk_and addr (ECst 4095))) pm) ++ owe (PEq root r)) →
  page (eval ρ addr) = page (eval ρ a) ∧ page_offset (eval ρ a) + 8 ≤ 4096 ∧
  page_offset (eval ρ addr) + 8 ≤ 4096 ∧
  bv_unsigned (eval ρ pm) - page_offset (eval ρ addr) = bv_unsigned (eval ρ pa) - page_offset (eval ρ a) ∧
  eval ρ root = eval ρ r.
Proof.
  intros [Ha [H8 [Hpa [Hpm Hr%owe_hold]%holds_owe]%holds_owe]%holds_owe]%holds_owe.
  simpl holds in Hr. cbn [holds] in Ha, Hpm.
  assert (bv_unsigned (eval ρ a) = page (eval ρ addr) * 4096) as Hau.
  { rewrite -Ha eval_high; [|lia]. rewrite Z.shiftl_mul_pow2 //. }
  assert (page_offset (eval ρ a) = 0) as Ho.
  { rewrite /page_offset Hau. apply Z_mod_mult. }
  apply (f_equal bv_unsigned) in H8. rewrite eval_mod8 eval_cst // in H8.
  apply (f_equal bv_unsigned) in Hpa. rewrite eval_offset eval_cst // in Hpa.
  apply (f_equal bv_unsigned) in Hpm. rewrite eval_mk_op /= bv_add_unsigned eval_offset in Hpm.
  pose proof (page_split (eval ρ a)) as Hs. pose proof (page_split (eval ρ pa)) as Hsp.
  pose proof (page_offset_bound (eval ρ addr)). pose proof (bv_unsigned_in_range _ (eval ρ pa)) as Hp.
  change (bv_modulus 64) with (4503599627370496 * 4096) in Hp.
  split; [lia|]. split; [lia|]. split; [by apply aligned_in_page|]. split; [|done].
  rewrite -Hpm bv_wrap_small; [lia|]. change (bv_modulus 64) with (4503599627370496 * 4096). lia.
Qed.

(** * The platform's mode *)
Record x86_like (mode : paging_mode) : Prop := X86Like {
  x86_decodes : ∃ nxe mp, ∀ lv e, pm_decode mode lv e = x86_decode nxe mp lv e;
  x86_last lv : lv ∈ pm_levels mode → lv_shift lv = 12 → lv_leaf lv = LeafAlways;
}.
Lemma platform_regular {Π : the_platform} {M : machine} :
  on_platform M → platform_is ≠ None →
  RegularMode M ∧ x86_like (cfg_mode (m_config M)).
Proof.
  rewrite /on_platform. destruct platform_is as [[la57 mp]|]; [|done]. intros HM _.
  rewrite /RegularMode HM /platform_config /=. split.
  - destruct la57; [apply x86_5level_regular|apply x86_4level_regular].
  - split; [exists true, mp; by destruct la57|]. intros lv Hlv Hk.
    destruct la57; simpl in Hlv;
      repeat (apply elem_of_cons in Hlv as [->|Hlv]; [by vm_compute in Hk |-*|]);
      by apply elem_of_nil in Hlv.
Qed.

(** * Entries that may be written *)
Lemma holds_absent ρ e :
  holds ρ (PEq (mk_and e (ECst 1)) (ECst 0)) → Z.testbit (bv_unsigned (eval ρ e)) 0 = false.
Proof.
  intros H%holds_mask; [|done..]. apply (f_equal (λ z, Z.testbit z 0)) in H.
  by rewrite Z.land_spec andb_true_r Z.bits_0 in H.
Qed.
Lemma holds_no_table ρ e :
  holds ρ (PNe (mk_and e (ECst 129)) (ECst 1)) →
  Z.testbit (bv_unsigned (eval ρ e)) 0 = false ∨ Z.testbit (bv_unsigned (eval ρ e)) 7 = true.
Proof.
  intros H. destruct (Z.testbit (bv_unsigned (eval ρ e)) 0) eqn:H0; [right|by left].
  apply not_false_is_true. intros H7. apply H. simpl. apply bv_eq. rewrite eval_mask // eval_cst //.
  apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec.
  assert (i = 0 ∨ i = 7 ∨ Z.testbit 129 i = false ∧ Z.testbit 1 i = false) as [->|[->|[-> ->]]].
  { destruct (decide (i < 8)) as [Hlt|].
    - assert (i ∈ seqZ 0 8) as Hin by (apply elem_of_seqZ; lia). vm_compute in Hin.
      repeat (apply elem_of_cons in Hin as [->|Hin]; [vm_compute; tauto|]). by apply elem_of_nil in Hin.
    - right. right. split; apply (Z.bounded_iff_bits_nonneg 8); lia. }
  - by rewrite H0.
  - by rewrite H7.
  - by rewrite andb_false_r.
Qed.

Section x86.
  Context {mode : paging_mode} (Hx86 : x86_like mode).

  Lemma x86_cell_absent x : Z.testbit (bv_unsigned (c_entry x)) 0 = false → cell_absent mode x = true.
  Proof using Hx86.
    intros H0. destruct (x86_decodes _ Hx86) as (nxe & mp & Hd). apply forallb_forall. intros lv _.
    by rewrite Hd /x86_decode H0.
  Qed.
  Lemma x86_cell_leaf x :
    Forall (λ g, match g with VPage _ k _ => k = 12 | Everywhere => False end) (c_reach x) ∨
    (Z.testbit (bv_unsigned (c_entry x)) 0 = false ∨ Z.testbit (bv_unsigned (c_entry x)) 7 = true) →
    cell_leaf mode x = true.
  Proof using Hx86.
    intros H. destruct (x86_decodes _ Hx86) as (nxe & mp & Hd). rewrite /cell_leaf.
    apply forallb_forall. intros g Hg. apply forallb_forall. intros lv Hlv%elem_of_list_In.
    apply orb_true_iff. destruct H as [H|H].
    - rewrite List.Forall_forall in H. specialize (H _ Hg). destruct g as [|r k n]; [done|]. subst k.
      destruct (Z.eqb_spec 12 (lv_shift lv)) as [Hk|]; [right|by left].
      rewrite Hd /x86_decode (x86_last _ Hx86 lv Hlv (eq_sym Hk)). by repeat case_match.
    - right. rewrite Hd /x86_decode. destruct H as [H|H]; rewrite H; [done|]. by repeat case_match.
  Qed.
End x86.
