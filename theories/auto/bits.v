(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.base Require Export words.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Words of 64 bits as lists of their bits, the least significant one first. *)

Definition bit_list (z : Z) : list bool := Z.testbit z <$> seqZ 0 64.
Definition word_bits (w : word) : list bool := bit_list (bv_unsigned w).
Definition shifted (w : word) (k : Z) : word := Z_to_bv 64 (bv_unsigned w ≫ k).
(** The bits of a word that is shifted; [d] comes in. *)
Definition shift_list {A} (d : A) (l : list A) (k : Z) : list A :=
  (λ i, if 0 <=? i + k then nth (Z.to_nat (i + k)) l d else d) <$> seqZ 0 64.

(** Numbers from bits, least significant first. *)
Fixpoint of_bits (l : list bool) : Z :=
  match l with [] => 0 | b :: l => Z.b2z b + 2 * of_bits l end.

Lemma of_bits_bound l : 0 ≤ of_bits l < 2 ^ Z.of_nat (length l).
Proof.
  induction l as [|b l IH]; [done|]. cbn [of_bits length]. rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia].
  destruct b; simpl Z.b2z; lia.
Qed.
Lemma of_bits_inj l k : length l = length k → of_bits l = of_bits k → l = k.
Proof.
  revert k. induction l as [|b l IH]; intros [|c k]; try done. intros [= Hlen]. cbn [of_bits]. intros Heq.
  assert (b = c ∧ of_bits l = of_bits k) as [-> Hlk] by (destruct b, c; simpl Z.b2z in Heq; lia).
  by rewrite (IH k).
Qed.
Lemma of_bits_seq z i n :
  0 ≤ i → of_bits (Z.testbit z <$> seqZ i (Z.of_nat n)) = (z ≫ i) `mod` 2 ^ Z.of_nat n.
Proof.
  revert i. induction n as [|n IH]; intros i Hi; [by rewrite Z.mod_1_r|].
  rewrite Nat2Z.inj_succ seqZ_cons; [|lia]. rewrite fmap_cons. cbn [of_bits].
  rewrite Z.pred_succ IH; [|lia]. rewrite Z.testbit_spec'; [|lia].
  rewrite !Z.shiftr_div_pow2; [|lia..]. rewrite Z.pow_succ_r; [|lia]. rewrite Z.pow_succ_r; [|lia].
  rewrite (Z.mul_comm 2 (2 ^ i)) -Z.div_div; [|lia..].
  rewrite (Z.rem_mul_r (z / 2 ^ i) 2); lia.
Qed.
Lemma of_bits_word w : of_bits (word_bits w) = bv_unsigned w.
Proof.
  rewrite /word_bits /bit_list (of_bits_seq _ 0 64); [|lia]. rewrite Z.shiftr_0_r.
  apply Z.mod_small, (bv_unsigned_in_range _ w).
Qed.
Lemma word_bits_length w : length (word_bits w) = 64%nat.
Proof. by rewrite /word_bits /bit_list length_fmap length_seqZ. Qed.
Lemma word_bits_of l w : length l = 64%nat → of_bits l = bv_unsigned w → word_bits w = l.
Proof.
  intros Hl Heq. apply of_bits_inj; [by rewrite word_bits_length|]. by rewrite of_bits_word.
Qed.
Lemma word_bits_inj v w : word_bits v = word_bits w → v = w.
Proof. intros Heq. apply bv_eq. by rewrite -(of_bits_word v) Heq of_bits_word. Qed.

(** Bitwise operations *)
Lemma word_bits_zip (f : bool → bool → bool) u v w :
  (∀ i, 0 ≤ i < 64 →
    Z.testbit (bv_unsigned w) i = f (Z.testbit (bv_unsigned u) i) (Z.testbit (bv_unsigned v) i)) →
  word_bits w = zip_with f (word_bits u) (word_bits v).
Proof.
  intros Hf. rewrite /word_bits /bit_list zip_with_fmap_l zip_with_fmap_r zip_with_diag.
  apply list_fmap_ext=> k i Hi. apply lookup_seqZ in Hi as [-> Hi]. apply Hf. lia.
Qed.
Lemma word_bits_and u v : word_bits (bv_and u v) = zip_with andb (word_bits u) (word_bits v).
Proof. apply word_bits_zip=> i _. by rewrite bv_and_unsigned Z.land_spec. Qed.
Lemma word_bits_xor u v : word_bits (bv_xor u v) = zip_with xorb (word_bits u) (word_bits v).
Proof. apply word_bits_zip=> i _. by rewrite bv_xor_unsigned Z.lxor_spec. Qed.
Lemma word_bits_or u v :
  word_bits (bv_or u v) =
  zip_with xorb (zip_with xorb (word_bits u) (word_bits v)) (zip_with andb (word_bits u) (word_bits v)).
Proof.
  rewrite (word_bits_zip orb u v); [|intros i _; by rewrite bv_or_unsigned Z.lor_spec].
  generalize (word_bits u), (word_bits v). intros l. induction l as [|a l IH]; intros [|b k]; try done.
  cbn [zip_with]. rewrite IH. by destruct a, b.
Qed.
Lemma word_bits_not w : word_bits (bv_not w) = negb <$> word_bits w.
Proof.
  rewrite /word_bits /bit_list -list_fmap_compose. apply list_fmap_ext=> k i Hi.
  apply lookup_seqZ in Hi as [-> Hi]. rewrite bv_not_unsigned bv_wrap_spec_low; [|lia].
  by rewrite Z.lnot_spec; [|lia].
Qed.

(** Addition *)
Fixpoint add_bits (l k : list bool) (c : bool) : list bool * bool :=
  match l, k with
  | a :: l, b :: k =>
    let x := xorb a b in
    let r := add_bits l k (xorb (andb a b) (andb x c)) in (xorb x c :: r.1, r.2)
  | _, _ => ([], c)
  end.
Lemma add_bits_length l k c : length l = length k → length (add_bits l k c).1 = length l.
Proof.
  revert k c. induction l as [|a l IH]; intros [|b k] c; try done. intros [= Hlen]. simpl. by rewrite IH.
Qed.
Lemma add_bits_value l k c : length l = length k →
  of_bits (add_bits l k c).1 + 2 ^ Z.of_nat (length l) * Z.b2z (add_bits l k c).2 =
  of_bits l + of_bits k + Z.b2z c.
Proof.
  revert k c. induction l as [|a l IH]; intros [|b k] c; try done.
  { intros _. simpl. destruct c; simpl; lia. }
  intros [= Hlen]. cbn [add_bits fst snd of_bits length].
  specialize (IH k (xorb (a && b) (xorb a b && c)) Hlen).
  rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia].
  destruct a, b, c; simpl Z.b2z in IH |- *; lia.
Qed.
Lemma add_bits_word u v c :
  (add_bits (word_bits u) (word_bits v) c).1 =
  word_bits (Z_to_bv 64 (bv_unsigned u + bv_unsigned v + Z.b2z c)).
Proof.
  assert (length (word_bits u) = length (word_bits v)) as Hlen by by rewrite !word_bits_length.
  symmetry. apply word_bits_of; [by rewrite add_bits_length // word_bits_length|].
  pose proof (add_bits_value _ _ c Hlen) as Hv.
  pose proof (of_bits_bound (add_bits (word_bits u) (word_bits v) c).1) as Hb.
  rewrite add_bits_length // word_bits_length in Hb. rewrite word_bits_length !of_bits_word in Hv.
  rewrite Z_to_bv_unsigned /bv_wrap /bv_modulus -Hv.
  change (Z.of_nat 64) with 64 in *. change (Z.of_N 64) with 64.
  rewrite Z.mul_comm Z_mod_plus_full Z.mod_small //.
Qed.
Lemma of_bits_negb l : of_bits (negb <$> l) = 2 ^ Z.of_nat (length l) - 1 - of_bits l.
Proof.
  induction l as [|b l IH]; [done|]. rewrite fmap_cons. cbn [of_bits length].
  rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia]. rewrite IH. destruct b; simpl Z.b2z; lia.
Qed.
Lemma bv_not_value (w : word) : bv_unsigned (bv_not w) = 2 ^ 64 - 1 - bv_unsigned w.
Proof. by rewrite -of_bits_word word_bits_not of_bits_negb word_bits_length of_bits_word. Qed.
Lemma bv_add_Z_word (w : word) z :
  w `+Z` z = Z_to_bv 64 (bv_unsigned w + bv_unsigned (Z_to_bv 64 z)).
Proof.
  apply bv_eq. rewrite bv_add_Z_unsigned !Z_to_bv_unsigned. by rewrite bv_wrap_add_idemp_r.
Qed.
Lemma sub_bits_word u v :
  (add_bits (word_bits u) (word_bits (bv_not v)) true).1 = word_bits (bv_sub u v).
Proof.
  rewrite add_bits_word bv_not_value. f_equal. apply bv_eq.
  rewrite Z_to_bv_unsigned bv_sub_unsigned /bv_wrap /bv_modulus. simpl Z.b2z.
  change (Z.of_N 64) with 64.
  replace (bv_unsigned u + (2 ^ 64 - 1 - bv_unsigned v) + 1)
    with (bv_unsigned u - bv_unsigned v + 1 * 2 ^ 64) by lia.
  by rewrite Z_mod_plus_full.
Qed.
Lemma sub_bits_carry u v :
  (add_bits (word_bits u) (word_bits (bv_not v)) true).2 = negb (bv_unsigned u <? bv_unsigned v).
Proof.
  assert (length (word_bits u) = length (word_bits (bv_not v))) as Hlen
    by by rewrite !word_bits_length.
  pose proof (add_bits_value _ _ true Hlen) as Hv.
  pose proof (of_bits_bound (add_bits (word_bits u) (word_bits (bv_not v)) true).1) as Hb.
  rewrite add_bits_length // word_bits_length in Hb.
  rewrite word_bits_length !of_bits_word bv_not_value in Hv.
  change (Z.of_nat 64) with 64 in *.
  destruct (add_bits _ _ _).2, (Z.ltb_spec (bv_unsigned u) (bv_unsigned v)); simpl Z.b2z in Hv; lia.
Qed.

(** Shifts *)
Lemma word_bits_shifted w k : word_bits (shifted w k) = shift_list false (word_bits w) k.
Proof.
  rewrite {1}/word_bits /bit_list /shift_list. apply list_fmap_ext=> j i Hi.
  apply lookup_seqZ in Hi as [-> Hi]. rewrite /shifted Z_to_bv_unsigned bv_wrap_spec_low; [|lia].
  rewrite Z.shiftr_spec; [|lia]. case_match eqn:Hk.
  - destruct (decide (0 + j + k < 64)) as [Hlt|Hge].
    + erewrite nth_lookup_Some; [done|]. rewrite /word_bits /bit_list list_lookup_fmap.
      rewrite lookup_seqZ_lt; [|lia]. simpl. do 2 f_equal. lia.
    + rewrite nth_overflow; [|rewrite word_bits_length; lia].
      apply bv_unsigned_spec_high. lia.
  - apply Z.testbit_neg_r. lia.
Qed.
