(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export symbolic.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What the executor takes to be known of the flags is true of the machine's. *)

Lemma alu_at_narrow w op a b : narrow w (alu_at w op a b).
Proof. destruct w; [apply (trunc_narrow W8)|apply (trunc_narrow W16)|apply (trunc_narrow W32)|apply (trunc_narrow W64)]. Qed.
Lemma alu_at_add w a b : alu_at w AluAdd a b = trunc w (bv_add a b).
Proof. by destruct w. Qed.

(** * Carries of sums *)
Lemma carry_unsigned w (a b : word) (c : bool) : narrow w a → narrow w b →
  bv_unsigned (trunc w (bv_add a b `+Z` Z.b2z c)) =
  if 2 ^ width_bits w <=? bv_unsigned a + bv_unsigned b + Z.b2z c
  then bv_unsigned a + bv_unsigned b + Z.b2z c - 2 ^ width_bits w
  else bv_unsigned a + bv_unsigned b + Z.b2z c.
Proof.
  rewrite /narrow trunc_unsigned bv_add_Z_unsigned bv_add_unsigned bv_wrap_add_idemp_l /bv_wrap /bv_modulus.
  pose proof (bv_unsigned_in_range _ a) as [Ha _]. pose proof (bv_unsigned_in_range _ b) as [Hb _].
  intros Hna Hnb. assert (0 ≤ Z.b2z c ≤ 1) as Hc by (destruct c; simpl; lia). revert Hc Ha Hb Hna Hnb.
  generalize (Z.b2z c) (bv_unsigned a) (bv_unsigned b). intros z x y Hc Ha Hb Hna Hnb.
  destruct (Z.leb_spec (2 ^ width_bits w) (x + y + z));
    destruct w; simpl (width_bits _) in *; change (Z.of_N 64) with 64; compute_powers;
    Z.div_mod_to_equations; lia.
Qed.
Lemma add_carry_sound ρ w a b v : narrow w (eval ρ a) → narrow w (eval ρ b) →
  eval ρ v = alu_at w AluAdd (eval ρ a) (eval ρ b) →
  flags_are ρ (FlagsCarry w v (PLt v a) (PLe a v))
    (add_flags w false (eval ρ a) (eval ρ b) (alu_at w AluAdd (eval ρ a) (eval ρ b))).
Proof.
  intros Ha Hb Hv. pose proof (carry_unsigned w _ _ false Ha Hb) as Hc. simpl Z.b2z in Hc.
  rewrite bv_add_Z_0 -alu_at_add in Hc. simpl. rewrite Hv Hc. split.
  { split; [apply alu_at_narrow|done]. }
  eexists. split; [done|]. rewrite /narrow in Ha, Hb.
  pose proof (bv_unsigned_in_range _ (eval ρ b)). destruct (_ <=? _) eqn:Hle; lia.
Qed.
Lemma adc_carry_sound ρ w a b v : narrow w (eval ρ a) → narrow w (eval ρ b) →
  eval ρ v = adc_at w true (eval ρ a) (eval ρ b) →
  flags_are ρ (FlagsCarry w v (PLe v a) (PLt a v))
    (add_flags w true (eval ρ a) (eval ρ b) (adc_at w true (eval ρ a) (eval ρ b))).
Proof.
  intros Ha Hb Hv. pose proof (carry_unsigned w _ _ true Ha Hb) as Hc. simpl. rewrite Hv. split.
  { split; [apply trunc_narrow|done]. }
  eexists. split; [done|]. rewrite /adc_at /carry_word bv_add_cst Hc. rewrite /narrow in Ha, Hb.
  pose proof (bv_unsigned_in_range _ (eval ρ b)). simpl Z.b2z. destruct (_ <=? _) eqn:Hle; lia.
Qed.
Lemma sbb_carry_sound ρ w a b v :
  eval ρ v = sbb_at w true (eval ρ a) (eval ρ b) →
  flags_are ρ (FlagsCarry w v (PLe a b) (PLt b a))
    (sub_flags w true (eval ρ a) (eval ρ b) (sbb_at w true (eval ρ a) (eval ρ b))).
Proof.
  intros Hv. simpl. rewrite Hv. split.
  { split; [apply trunc_narrow|done]. }
  eexists. split; [done|]. simpl Z.b2z. destruct (_ <? _) eqn:Hlt; lia.
Qed.
(** Without a carry they are [add] and [sub]. *)
Lemma adc_at_false w a b : adc_at w false a b = alu_at w AluAdd a b.
Proof. by rewrite /adc_at /carry_word bv_add_cst bv_add_Z_0 alu_at_add. Qed.
Lemma sbb_at_false w a b : sbb_at w false a b = alu_at w AluSub a b.
Proof. by rewrite /sbb_at /carry_word bv_sub_cst bv_add_Z_0 alu_at_sub. Qed.

(** * Single bits *)
Lemma testbit_land a k : 0 ≤ k → Z.testbit a k = negb (Z.land a (2 ^ k) =? 0).
Proof.
  intros Hk. assert (Z.land a (2 ^ k) = if Z.testbit a k then 2 ^ k else 0) as ->.
  { apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec Z.pow2_bits_eqb //.
    destruct (Z.eqb_spec k i) as [<-|Hne].
    - rewrite andb_true_r. destruct (Z.testbit a k); [by rewrite Z.pow2_bits_true|by rewrite Z.bits_0].
    - rewrite andb_false_r. destruct (Z.testbit a k); [by rewrite Z.pow2_bits_false|by rewrite Z.bits_0]. }
  destruct (Z.testbit a k); [|done]. pose proof (Z.pow_pos_nonneg 2 k eq_refl Hk).
  destruct (Z.eqb_spec (2 ^ k) 0); [lia|done].
Qed.
Lemma bit_number_range w i : 0 ≤ bit_number w i < 64.
Proof.
  assert (0 < width_bits w ≤ 64) as Hw by by destruct w.
  rewrite /bit_number. pose proof (Z.mod_pos_bound (bv_unsigned i) (width_bits w)). lia.
Qed.
Lemma bit_masked ρ a m k : 0 ≤ k < 64 → eval ρ m = Z_to_bv 64 (2 ^ k) →
  Z.testbit (bv_unsigned (eval ρ a)) k = negb (bv_unsigned (eval ρ (mk_and a m)) =? 0).
Proof.
  intros Hk Hm. rewrite testbit_land; [|lia].
  rewrite eval_mk_and bv_and_unsigned Hm Z_to_bv_unsigned bv_wrap_small //.
  split; [apply Z.pow_nonneg; lia|]. change (bv_modulus 64) with (2 ^ 64). apply Z.pow_lt_mono_r; lia.
Qed.
Lemma bit_sflags_sound ρ w a i f :
  flags_are ρ (FlagsBit (mk_and a (mk_bit w i))) (bit_flags w (eval ρ a) (eval ρ i) f).
Proof.
  pose proof (bit_number_range w (eval ρ i)) as Hk. simpl. f_equal.
  apply bit_masked; [done|apply eval_mk_bit].
Qed.
Lemma bit_carry_sound ρ w v a k f :
  0 ≤ k < 64 → result_are w (eval ρ v) f → fl_cf f = Some (Z.testbit (bv_unsigned (eval ρ a)) k) →
  flags_are ρ (bit_carry w v a k) f.
Proof.
  intros Hk Hf Hc. simpl. split; [done|]. eexists. split; [exact Hc|].
  rewrite (bit_masked ρ a (ECst (2 ^ k)) k) //. pose proof (is_zero_good ρ (mk_and a (ECst (2 ^ k)))) as Hz.
  destruct (_ =? _); exact Hz.
Qed.

(** * Shifts and rotates *)
Lemma signed_bit w v k : 0 ≤ k < width_bits w →
  Z.testbit (signed w v) k = Z.testbit (bv_unsigned v) k.
Proof.
  intros Hk. rewrite /signed. case_match; [|done].
  assert (∀ z, Z.testbit z k = Z.testbit (z `mod` 2 ^ width_bits w) k) as Hlow.
  { intros z. rewrite -Z.land_ones; [|lia]. rewrite Z.land_spec Z.testbit_ones; [|lia].
    assert ((0 <=? k) && (k <? width_bits w) = true) as -> by lia. by rewrite andb_true_r. }
  rewrite (Hlow (_ - _)) (Hlow (bv_unsigned v)). f_equal.
  rewrite -(Z_mod_plus_full (bv_unsigned v - _) 1 (2 ^ width_bits w)). f_equal. lia.
Qed.
Lemma shift_sflags_sound ρ op w a b v φ f :
  op ∈ [AluShl; AluShr; AluSar; AluRol; AluRor] →
  flags_are ρ φ f → eval ρ v = alu_at w op (eval ρ a) b →
  flags_are ρ (shift_sflags op w a v (bv_unsigned b `mod` shift_modulus w) φ)
    (alu_flags w op (eval ρ a) b f).
Proof.
  intros Hop Hφ Hv. pose proof (alu_at_narrow w op (eval ρ a) b) as Hn.
  assert (0 < width_bits w ≤ 64) as Hw by by destruct w.
  assert (0 ≤ bv_unsigned b `mod` shift_modulus w) as Hk by (apply Z.mod_pos_bound; by destruct w).
  assert (∀ cf ovf, result_are w (eval ρ v) (result_flags w (alu_at w op (eval ρ a) b) cf ovf)) as Hres.
  { intros cf ovf. rewrite Hv. by split. }
  rewrite /shift_sflags /alu_flags. change (match w with W64 => 64 | _ => 32 end) with (shift_modulus w).
  revert Hk. generalize (bv_unsigned b `mod` shift_modulus w). intros k Hk. rewrite !elem_of_cons in Hop.
  destruct Hop as [->|[->|[->|[->|[->|[]%elem_of_nil]]]]];
    cbv beta iota zeta; (destruct (Z.eqb_spec k 0); [done|]).
  - case_match; [|apply Hres]. apply bit_carry_sound; [lia|apply Hres|done].
  - case_match; [|apply Hres]. apply bit_carry_sound; [lia|apply Hres|done].
  - case_match; [|apply Hres]. apply bit_carry_sound; [lia|apply Hres|]. simpl. by rewrite signed_bit; [|lia].
  - simpl. f_equal. rewrite -Hv. by apply (bit_masked ρ v (ECst 1) 0).
  - simpl. f_equal. rewrite -Hv. apply (bit_masked ρ v (top w) (width_bits w - 1)); [lia|done].
Qed.
Lemma alu_sflags_sound ρ w op a b v φ f :
  narrow w (eval ρ a) → narrow w (eval ρ b) → flags_are ρ φ f →
  eval ρ v = alu_at w op (eval ρ a) (eval ρ b) →
  flags_are ρ (alu_sflags op w a b v φ) (alu_flags w op (eval ρ a) (eval ρ b) f).
Proof.
  intros Ha Hb Hφ Hv. pose proof (alu_at_narrow w op (eval ρ a) (eval ρ b)) as Hn.
  assert (∀ op, op ∈ [AluShl; AluShr; AluSar; AluRol; AluRor] →
    eval ρ v = alu_at w op (eval ρ a) (eval ρ b) →
    flags_are ρ match b with
                | ECst z => shift_sflags op w a v (bv_unsigned (Z_to_bv 64 z) `mod` shift_modulus w) φ
                | _ => FlagsAny
                end (alu_flags w op (eval ρ a) (eval ρ b) f)) as Hshift.
  { intros op' Hop Hv'. destruct b; try done. by apply shift_sflags_sound. }
  destruct op; cbv beta iota delta [alu_sflags];
    first [done|by apply add_carry_sound|apply Hshift; [set_solver|done]|simpl].
  all: rewrite Hv; by repeat split.
Qed.
Lemma step_sflags_sound ρ w φ v f f' :
  flags_are ρ φ f → result_are w (eval ρ v) f' → fl_cf f' = fl_cf f →
  flags_are ρ (step_sflags w φ v) f'.
Proof.
  intros Hφ Hv Hc. rewrite /step_sflags. destruct (positive_arms CondB φ) as [[yes no]|] eqn:Harms; [|done].
  destruct (positive_arms_sound ρ CondB φ f _ Hφ Harms) as (b & Hb & Hgood). split; [done|].
  exists b. by rewrite Hc.
Qed.
