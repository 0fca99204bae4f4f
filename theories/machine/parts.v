(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list.
From rocqgen.machine Require Export exec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Accesses below 64 bits: a load reads a part of a word, a store replaces one.  Byte 0 is the lowest. *)

Ltac compute_powers :=
  repeat match goal with
  | H : context [2 ^ ?n] |- _ =>
    let v := eval vm_compute in (2 ^ n) in
    lazymatch v with Zpos _ => change (2 ^ n) with v in H end
  | |- context [2 ^ ?n] =>
    let v := eval vm_compute in (2 ^ n) in
    lazymatch v with Zpos _ => change (2 ^ n) with v end
  end.


Lemma trunc_unsigned w v : bv_unsigned (trunc w v) = bv_unsigned v `mod` 2 ^ width_bits w.
Proof.
  assert (∀ w, 0 ≤ width_bits w < 65) as Hw by (intros []; simpl; lia).
  assert (w ≠ W64 → bv_unsigned (bv_and v (width_mask w)) = bv_unsigned v `mod` 2 ^ width_bits w) as Hn.
  { intros Hne. rewrite bv_and_unsigned /width_mask Z_to_bv_unsigned bv_wrap_small.
    - rewrite Z.land_ones //. by apply Hw.
    - rewrite Z.ones_equiv /bv_modulus. destruct w; try done; by compute_powers. }
  destruct w; simpl; try (by apply Hn). rewrite Z.mod_small //.
  pose proof (bv_unsigned_in_range _ v) as Hv. exact Hv.
Qed.

(** * Parts of words *)
(** What a part leaves of its word. *)
Definition hole (w : width) (k : Z) : Z := Z.ldiff (Z.ones 64) (Z.ones (width_bits w) ≪ (8 * k)).
(** [width_bytes w] bytes from byte [k] on. *)
Definition extract_part (w : width) (k : Z) (v : word) : word :=
  trunc w (Z_to_bv 64 (bv_unsigned v ≫ (8 * k))).
Definition insert_part (w : width) (k : Z) (old v : word) : word :=
  bv_or (bv_and old (Z_to_bv 64 (hole w k))) (Z_to_bv 64 (bv_unsigned (trunc w v) ≪ (8 * k))).
Definition part_fits (w : width) (k : Z) : Prop := 0 ≤ k ∧ k + Z.of_nat (width_bytes w) ≤ 8.

Lemma width_bits_bytes w : width_bits w = 8 * Z.of_nat (width_bytes w).
Proof. by destruct w. Qed.
Lemma testbit_high (v : word) i : 64 ≤ i → Z.testbit (bv_unsigned v) i = false.
Proof.
  intros Hi. pose proof (bv_unsigned_in_range _ v) as Hv. change (bv_modulus 64) with (2 ^ 64) in Hv.
  apply (Z.bounded_iff_bits_nonneg 64); [lia|lia|lia|done].
Qed.
Lemma word_eq_bits (v v' : word) :
  (∀ i, 0 ≤ i < 64 → Z.testbit (bv_unsigned v) i = Z.testbit (bv_unsigned v') i) → v = v'.
Proof.
  intros H. apply bv_eq, Z.bits_inj'. intros i Hi.
  destruct (Z.ltb_spec i 64); [by apply H|by rewrite !testbit_high].
Qed.
Lemma Z_to_bv_bit z i : 0 ≤ i < 64 → Z.testbit (bv_unsigned (Z_to_bv 64 z)) i = Z.testbit z i.
Proof. intros Hi. rewrite Z_to_bv_unsigned bv_wrap_spec_low //. Qed.
Lemma trunc_bit w v i : 0 ≤ i →
  Z.testbit (bv_unsigned (trunc w v)) i = (i <? width_bits w) && Z.testbit (bv_unsigned v) i.
Proof.
  intros Hi. rewrite trunc_unsigned -Z.land_ones; [|by destruct w].
  rewrite Z.land_spec Z.testbit_ones; [|by destruct w]. rewrite andb_comm.
  by assert (0 <=? i = true) as -> by lia.
Qed.
Lemma extract_part_bit w k v i : 0 ≤ k → 0 ≤ i < 64 →
  Z.testbit (bv_unsigned (extract_part w k v)) i =
  (i <? width_bits w) && Z.testbit (bv_unsigned v) (i + 8 * k).
Proof. intros Hk Hi. rewrite trunc_bit; [|lia]. rewrite Z_to_bv_bit // Z.shiftr_spec; [done|lia]. Qed.
Lemma insert_part_bit w k old v i : 0 ≤ k → 0 ≤ i < 64 →
  Z.testbit (bv_unsigned (insert_part w k old v)) i =
  if (8 * k <=? i) && (i <? 8 * k + width_bits w) then Z.testbit (bv_unsigned v) (i - 8 * k)
  else Z.testbit (bv_unsigned old) i.
Proof.
  intros Hk Hi. rewrite /insert_part bv_or_unsigned bv_and_unsigned Z.lor_spec Z.land_spec !Z_to_bv_bit //.
  rewrite /hole Z.ldiff_spec !Z.shiftl_spec; [|lia..].
  rewrite (Z.testbit_ones 64); [|lia]. destruct (Z.leb_spec (8 * k) i) as [Hle|Hlt].
  - rewrite Z.testbit_ones; [|by destruct w]. rewrite trunc_bit; [|lia].
    assert (i - 8 * k <? width_bits w = (i <? 8 * k + width_bits w)) as -> by lia.
    assert (0 <=? i - 8 * k = true) as -> by lia. assert ((0 <=? i) && (i <? 64) = true) as -> by lia.
    simpl. case_match; simpl; [by rewrite andb_false_r|by rewrite andb_true_r orb_false_r].
  - rewrite !(Z.testbit_neg_r _ (i - 8 * k)); [|lia..].
    assert ((0 <=? i) && (i <? 64) = true) as -> by lia. by rewrite andb_true_r orb_false_r.
Qed.
Lemma insert_extract w k old : part_fits w k → insert_part w k old (extract_part w k old) = old.
Proof.
  intros [Hk Hfit]. apply word_eq_bits. intros i Hi. rewrite insert_part_bit // width_bits_bytes.
  case_match eqn:Hc; [|done]. rewrite extract_part_bit; [|lia..]. rewrite width_bits_bytes.
  assert (i - 8 * k <? 8 * Z.of_nat (width_bytes w) = true) as -> by lia. simpl. f_equal. lia.
Qed.

(** * Their bytes *)
Lemma word_bytes_lookup v i b : word_bytes v !! i = Some b ↔
  (i < 8)%nat ∧ b = Z_to_bv 8 (bv_unsigned v ≫ (8 * Z.of_nat i)).
Proof.
  rewrite /word_bytes bv_to_little_endian_lookup_Some; [|lia].
  rewrite (Z.mul_comm 8). split; (intros [? ->]; split; [lia|done]).
Qed.
Lemma byte_bit z j : 0 ≤ j < 8 → Z.testbit (bv_unsigned (Z_to_bv 8 z)) j = Z.testbit z j.
Proof. intros Hj. by rewrite Z_to_bv_unsigned bv_wrap_spec_low. Qed.
Lemma byte_eq_bits z z' :
  (∀ j, 0 ≤ j < 8 → Z.testbit z j = Z.testbit z' j) → Z_to_bv 8 z = Z_to_bv 8 z'.
Proof.
  intros H. apply bv_eq. rewrite !Z_to_bv_unsigned. apply Z.bits_inj'. intros j Hj.
  destruct (Z.ltb_spec j 8).
  - rewrite !bv_wrap_spec_low //. by apply H.
  - rewrite !bv_wrap_spec_high //; lia.
Qed.
Lemma insert_part_bytes w k old v : part_fits w (Z.of_nat k) →
  word_bytes (insert_part w (Z.of_nat k) old v) =
  take k (word_bytes old) ++ take (width_bytes w) (word_bytes v) ++
  drop (k + width_bytes w) (word_bytes old).
Proof.
  intros [_ Hfit]. assert (∀ i j, 0 ≤ j < 8 → (i < 8)%nat → 0 ≤ j + 8 * Z.of_nat i < 64) as Hr by lia.
  apply list_eq_same_length with 8%nat.
  { rewrite !length_app length_take length_take length_drop !word_bytes_length. lia. }
  { by rewrite word_bytes_length. }
  intros i b b' Hi [_ ->]%word_bytes_lookup Hb'.
  assert (length (take k (word_bytes old)) = k) as Hl1.
  { rewrite length_take word_bytes_length. lia. }
  assert (length (take (width_bytes w) (word_bytes v)) = width_bytes w) as Hl2.
  { rewrite length_take word_bytes_length. lia. }
  assert (b' = Z_to_bv 8 (if (k <=? i)%nat && (i <? k + width_bytes w)%nat
    then bv_unsigned v ≫ (8 * Z.of_nat (i - k)) else bv_unsigned old ≫ (8 * Z.of_nat i))) as ->.
  { destruct (Nat.leb_spec k i); simpl.
    - rewrite lookup_app_r in Hb'; [|lia]. rewrite Hl1 in Hb'.
      destruct (Nat.ltb_spec i (k + width_bytes w)).
      + rewrite lookup_app_l in Hb'; [|lia].
        rewrite lookup_take in Hb'; [|lia]. by apply word_bytes_lookup in Hb' as [_ ->].
      + rewrite lookup_app_r in Hb'; [|lia].
        rewrite Hl2 lookup_drop in Hb'. apply word_bytes_lookup in Hb' as [_ ->]. do 3 f_equal. lia.
    - rewrite lookup_app_l in Hb'; [|lia].
      rewrite lookup_take in Hb'; [|lia]. by apply word_bytes_lookup in Hb' as [_ ->]. }
  apply byte_eq_bits. intros j Hj. rewrite Z.shiftr_spec; [|lia]. rewrite insert_part_bit; [|lia|by apply Hr].
  rewrite width_bits_bytes.
  assert ((8 * Z.of_nat k <=? j + 8 * Z.of_nat i) &&
    (j + 8 * Z.of_nat i <? 8 * Z.of_nat k + 8 * Z.of_nat (width_bytes w)) =
    (k <=? i)%nat && (i <? k + width_bytes w)%nat) as ->.
  { f_equal.
    - destruct (Nat.leb_spec k i); lia.
    - destruct (Nat.ltb_spec i (k + width_bytes w)); lia. }
  destruct (Nat.leb_spec k i), (Nat.ltb_spec i (k + width_bytes w)); simpl;
    rewrite Z.shiftr_spec; [f_equal; lia|lia|done|lia|done|lia|done|lia].
Qed.

(** * Loads *)
Lemma load_bytes_take τ a m va n k bs :
  load_bytes τ a m va n = Ok bs → (k ≤ n)%nat → load_bytes τ a m va k = Ok (take k bs).
Proof.
  revert va k bs. induction n as [|n IH]; intros va k bs; simpl.
  - intros [= <-] Hk. by replace k with 0%nat by lia.
  - intros (b & Hb & (bs' & Hbs & [= <-])%result_bind_Ok)%result_bind_Ok Hk.
    destruct k as [|k]; [done|]. rewrite /= Hb /= (IH _ k _ Hbs); [done|lia].
Qed.
Lemma load_bytes_drop τ a m va n k bs :
  load_bytes τ a m va n = Ok bs → (k ≤ n)%nat →
  load_bytes τ a m (va `+Z` Z.of_nat k) (n - k) = Ok (drop k bs).
Proof.
  revert va k bs. induction n as [|n IH]; intros va k bs; simpl.
  - intros [= <-] Hk. by replace k with 0%nat by lia.
  - intros H Hk. destruct k as [|k]; [by rewrite bv_add_Z_0|].
    apply result_bind_Ok in H as (b & _ & (bs' & Hbs & [= <-])%result_bind_Ok).
    replace (va `+Z` Z.of_nat (S k)) with (va `+Z` 1 `+Z` Z.of_nat k).
    + simpl. apply IH; [done|lia].
    + rewrite bv_add_Z_assoc. f_equal. lia.
Qed.
Lemma bytes_word_bit bs i : 0 ≤ i < 64 →
  Z.testbit (bv_unsigned (bytes_word bs)) i =
  match bs !! Z.to_nat (i `div` 8) with
  | Some b => Z.testbit (bv_unsigned b) (i `mod` 8)
  | None => false
  end.
Proof.
  intros Hi. rewrite /bytes_word Z_to_bv_bit //. destruct (bs !! _) as [b|] eqn:Hb.
  - apply (little_endian_to_bv_spec 8); [lia|done|exact Hb].
  - apply lookup_ge_None in Hb. pose proof (little_endian_to_bv_bound 8 bs) as [Hlo Hhi].
    assert (Z.of_nat (length bs) * 8 ≤ i) as Hlen by (Z.div_mod_to_equations; lia).
    apply (Z.bounded_iff_bits_nonneg (Z.of_nat (length bs) * 8)); [lia|lia|done|lia].
Qed.
Lemma load_value_part τ a w m va k v :
  load_word τ a m va = Ok v → part_fits w k → load_value τ a w m (va `+Z` k) = Ok (extract_part w k v).
Proof.
  intros (bs & Hbs & [= <-])%result_bind_Ok [Hk Hfit]. rewrite /load_value.
  change (width_bytes W64) with 8%nat in Hbs.
  rewrite -(Z2Nat.id k) // in Hfit |- *. set (j := Z.to_nat k) in *.
  assert (length bs = 8%nat) as Hlen.
  { assert (∀ n va bs, load_bytes τ a m va n = Ok bs → length bs = n) as H; [|exact (H _ _ _ Hbs)].
    clear. intros n. induction n as [|n IH]; intros va bs; simpl; [by intros [= <-]|].
    intros (b & _ & (bs' & Hbs%IH & [= <-])%result_bind_Ok)%result_bind_Ok. by rewrite /= Hbs. }
  pose proof (load_bytes_drop _ _ _ _ _ j _ Hbs ltac:(lia)) as Hdrop.
  rewrite (load_bytes_take _ _ _ _ _ (width_bytes w) _ Hdrop); [|lia]. simpl. f_equal.
  apply word_eq_bits. intros i Hi. rewrite bytes_word_bit // extract_part_bit; [|lia..].
  rewrite width_bits_bytes. destruct (Z.ltb_spec i (8 * Z.of_nat (width_bytes w))); simpl.
  - assert (0 ≤ i + 8 * Z.of_nat j < 64) as Hr by lia. rewrite bytes_word_bit //.
    rewrite lookup_take; [|Z.div_mod_to_equations; lia]. rewrite lookup_drop.
    replace (Z.to_nat ((i + 8 * Z.of_nat j) `div` 8)) with (j + Z.to_nat (i `div` 8))%nat
      by (Z.div_mod_to_equations; lia).
    by replace ((i + 8 * Z.of_nat j) `mod` 8) with (i `mod` 8) by (Z.div_mod_to_equations; lia).
  - rewrite lookup_take_ge //. Z.div_mod_to_equations; lia.
Qed.
