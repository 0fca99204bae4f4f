(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A load below 64 bits reads the low part of the word at its address. *)

Lemma load_bytes_take τ a m va n k bs :
  load_bytes τ a m va n = Ok bs → (k ≤ n)%nat → load_bytes τ a m va k = Ok (take k bs).
Proof.
  revert va k bs. induction n as [|n IH]; intros va k bs; simpl.
  - intros [= <-] Hk. by replace k with 0%nat by lia.
  - intros (b & Hb & (bs' & Hbs & [= <-])%result_bind_Ok)%result_bind_Ok Hk.
    destruct k as [|k]; [done|]. rewrite /= Hb /= (IH _ k _ Hbs); [done|lia].
Qed.
Lemma little_endian_take k (bs : list byte) :
  little_endian_to_bv 8 (take k bs) = little_endian_to_bv 8 bs `mod` 2 ^ (8 * Z.of_nat k).
Proof.
  revert k. induction bs as [|b bs IH]; intros k.
  - rewrite take_nil /=. by rewrite Z.mod_0_l; [|apply Z.pow_nonzero; lia].
  - destruct k as [|k]; [by rewrite /= Z.mod_1_r|].
    assert (∀ l, little_endian_to_bv 8 (b :: l) =
      Z.lor (bv_unsigned b) (little_endian_to_bv 8 l ≪ 8)) as Hcons by done.
    rewrite firstn_cons !Hcons IH. pose proof (bv_unsigned_in_range _ b) as Hb.
    change (bv_modulus 8) with 256 in Hb.
    assert (∀ z, Z.lor (bv_unsigned b) (z ≪ 8) = bv_unsigned b + z * 256) as Hlor.
    { intros z. rewrite -(Z.shiftl_mul_pow2 z 8); [|lia]. symmetry.
      rewrite Z.add_nocarry_lxor.
      - apply Z.bits_inj'. intros i Hi. rewrite Z.lxor_spec Z.lor_spec.
        destruct (Z.ltb_spec i 8).
        + by rewrite Z.shiftl_spec_low // xorb_false_r orb_false_r.
        + assert (Z.testbit (bv_unsigned b) i = false) as ->; [|done].
          apply (Z.bounded_iff_bits_nonneg 8); [lia|lia| |lia]. change (2 ^ 8) with 256. lia.
      - apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec Z.bits_0.
        destruct (Z.ltb_spec i 8); [by rewrite Z.shiftl_spec_low // andb_false_r|].
        assert (Z.testbit (bv_unsigned b) i = false) as ->; [|done].
        apply (Z.bounded_iff_bits_nonneg 8); [lia|lia| |lia]. change (2 ^ 8) with 256. lia. }
    rewrite !Hlor. replace (8 * Z.of_nat (S k)) with (8 + 8 * Z.of_nat k) by lia.
    rewrite Z.pow_add_r; [|lia..]. change (2 ^ 8) with 256.
    assert (0 < 2 ^ (8 * Z.of_nat k)) as Hpos by (apply Z.pow_pos_nonneg; lia).
    revert Hb Hpos. generalize (bv_unsigned b) (little_endian_to_bv 8 bs) (2 ^ (8 * Z.of_nat k)).
    intros x y m Hx Hm. rewrite (Z.rem_mul_r (x + y * 256) 256 m); [|done|done].
    rewrite Z_mod_plus_full (Z.mod_small x); [|done]. rewrite Z.div_add; [|done].
    rewrite (Z.div_small x); [|done]. rewrite Z.add_0_l. lia.
Qed.
Lemma load_value_narrow τ a w m va v :
  load_word τ a m va = Ok v → load_value τ a w m va = Ok (trunc w v).
Proof.
  intros (bs & Hbs & [= <-])%result_bind_Ok. rewrite /load_value.
  rewrite (load_bytes_take _ _ _ _ _ (width_bytes w) _ Hbs); [|by destruct w; simpl; lia]. simpl.
  f_equal. apply bv_eq. rewrite trunc_unsigned /bytes_word !Z_to_bv_unsigned little_endian_take.
  assert (8 * Z.of_nat (width_bytes w) = width_bits w) as -> by by destruct w.
  rewrite /bv_wrap /bv_modulus. change (Z.of_N 64) with 64.
  rewrite (Z.mod_small _ (2 ^ 64)).
  - destruct w; simpl (width_bits _); compute_powers; Z.div_mod_to_equations; lia.
  - assert (0 ≤ little_endian_to_bv 8 bs `mod` 2 ^ width_bits w < 2 ^ width_bits w) as Hr.
    { apply Z.mod_pos_bound. by destruct w. }
    destruct w; simpl (width_bits _) in *; compute_powers; lia.
Qed.
