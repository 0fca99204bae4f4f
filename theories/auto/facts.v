(* SPDX-License-Identifier: Apache-2.0 *)
From Coq Require Import Btauto.
From stdpp.bitvector Require Import tactics.
From rocqgen.auto Require Export expr decide.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [solve_fact]: facts about words from facts about words, as a run of the engine leaves them.  Sums,
    bitwise operations, shifts by constants and comparisons are decided bit by bit ([decide_words]); what
    has products or many variables is left to linear arithmetic with wrapping. *)

(** Literals are computed, shifts by constants become products and quotients. *)
Ltac fold_words :=
  cbn [alu_value] in *;
  repeat match goal with
  | |- context [shift_count (Z_to_bv 64 ?z)] =>
    let z := closed_int z in let v := eval vm_compute in (shift_count (Z_to_bv 64 z)) in
    change (shift_count (Z_to_bv 64 z)) with v
  | |- context [bv_unsigned (Z_to_bv 64 ?z)] =>
    let z := closed_int z in let v := eval vm_compute in (bv_unsigned (Z_to_bv 64 z)) in
    change (bv_unsigned (Z_to_bv 64 z)) with v
  | H : context [shift_count (Z_to_bv 64 ?z)] |- _ =>
    let z := closed_int z in let v := eval vm_compute in (shift_count (Z_to_bv 64 z)) in
    change (shift_count (Z_to_bv 64 z)) with v in H
  | H : context [bv_unsigned (Z_to_bv 64 ?z)] |- _ =>
    let z := closed_int z in let v := eval vm_compute in (bv_unsigned (Z_to_bv 64 z)) in
    change (bv_unsigned (Z_to_bv 64 z)) with v in H
  end;
  rewrite -> ?Z.shiftl_mul_pow2, ?Z.shiftr_div_pow2 in * by lia.

Ltac solve_bits :=
  apply Z.bits_inj'; intros;
  rewrite -> ?Z.land_spec, ?Z.lor_spec, ?Z.lxor_spec; btauto.

(** Where a hypothesis has to be used through the wrapping. *)
Ltac solve_wrap :=
  bv_simplify; bv_saturate; unfold bv_wrap in *;
  change (bv_modulus 64) with 18446744073709551616 in *;
  Z.div_mod_to_equations; lia.

(** Sums and bounds: a row of adders for each sum is more than linear arithmetic takes.  What is not linear
    is forgotten. *)
Ltac linear_word t :=
  lazymatch t with
  | bv_add ?a ?b => linear_word a; linear_word b
  | bv_sub ?a ?b => linear_word a; linear_word b
  | bv_add_Z ?a ?z => let z := closed_int z in linear_word a
  | Z_to_bv 64 ?z => let z := closed_int z in idtac
  | _ => is_var t
  end.
Ltac linear_fact P :=
  lazymatch P with
  | @eq (bv 64) ?a ?b => linear_word a; linear_word b
  | (bv_unsigned ?a < bv_unsigned ?b)%Z => linear_word a; linear_word b
  | (bv_unsigned ?a ≤ bv_unsigned ?b)%Z => linear_word a; linear_word b
  | ¬ ?P => linear_fact P
  end.
Ltac solve_linear :=
  lazymatch goal with |- ?P => linear_fact P end;
  repeat match goal with H : ?P |- _ => word_fact P; tryif linear_fact P then fail else clear H end;
  repeat match goal with
  | |- ¬ _ => intro
  | |- @eq (bv _) _ _ => bv_simplify
  | H : @eq (bv _) _ _ |- _ => apply (f_equal bv_unsigned) in H
  | H : ¬ (@eq (bv _) _ _) |- _ => rewrite bv_eq in H
  end;
  rewrite -> ?bv_add_Z_unsigned, ?bv_add_unsigned, ?bv_sub_unsigned in *;
  fold_words; bv_saturate; unfold bv_wrap in *; change (bv_modulus 64) with 18446744073709551616 in *;
  Z.div_mod_to_equations; lia.

(** What both sides have in front costs a row of adders. *)
Lemma same_front (a x y : word) z : x `+Z` z = y → bv_add a x `+Z` z = bv_add a y.
Proof.
  intros <-. apply bv_eq. rewrite bv_add_Z_unsigned !bv_add_unsigned bv_add_Z_unsigned.
  rewrite bv_wrap_add_idemp_l bv_wrap_add_idemp_r. f_equal. lia.
Qed.
Ltac solve_words :=
  lazymatch goal with
  | |- bv_add ?a _ = bv_add ?a _ => apply (f_equal (bv_add a))
  | |- bv_add ?a _ `+Z` _ = bv_add ?a _ => apply same_front
  end;
  decide_words.

Ltac solve_fact :=
  intros;
  first
    [ reflexivity
    | assumption
    | congruence
    | subst; cbn [alu_value] in *; unfold shift_count in *;
      first [ solve_linear | solve_words | decide_words ]
    | subst; fold_words;
      repeat match goal with H : @eq (bv _) _ _ |- _ => progress bv_simplify H end;
      solve [ lia | bv_solve | bv_simplify; f_equal; (lia || solve_bits) | solve_wrap ]
    | fail 1 "rocqgen-fact: not solved automatically" ].

(** What it is known to do. *)
Section tests.
  Implicit Types (a b c i p : word).

  Local Lemma solve_scaled p c i :
    c = p `+Z` 8 → (bv_unsigned i < bv_unsigned (Z_to_bv 64 2))%Z →
    (bv_unsigned (Z_to_bv 64 0) < bv_unsigned i)%Z →
    bv_add c (alu_value AluShl i (Z_to_bv 64 3)) `+Z` (-8) = p `+Z` 8.
  Proof. solve_fact. Qed.
  Local Lemma solve_let a i : let t := bv_xor a i in t = bv_sub (bv_add t i) i.
  Proof. solve_fact. Qed.
  Local Lemma solve_inverse p c : bv_sub c p = Z_to_bv 64 8 → c = p `+Z` 8.
  Proof. solve_fact. Qed.
  Local Lemma solve_mask p a c :
    bv_and a (Z_to_bv 64 0xfffffffffffffff8) = p → c = bv_and a (Z_to_bv 64 0xfffffffffffffff8) →
    c `+Z` 8 = p `+Z` 8.
  Proof. solve_fact. Qed.
  Local Lemma solve_bitwise a b : bv_and a b = bv_and b a.
  Proof. solve_fact. Qed.
  Local Lemma solve_order a b c :
    (bv_unsigned a < bv_unsigned b)%Z → (bv_unsigned b ≤ bv_unsigned c)%Z → a ≠ c.
  Proof. solve_fact. Qed.
  Local Lemma solve_fields e p c :
    p = bv_and e (Z_to_bv 64 0xffffffffff000) →
    c = alu_value AluShr (alu_value AluShl e (Z_to_bv 64 12)) (Z_to_bv 64 24) →
    bv_and c (Z_to_bv 64 0xffffffffff) = alu_value AluShr p (Z_to_bv 64 12).
  Proof. solve_fact. Qed.
  Local Lemma solve_frame e p :
    p = bv_and e (Z_to_bv 64 0xffffffffff000) →
    bv_add p (bv_and e (Z_to_bv 64 0xfff)) = bv_and e (Z_to_bv 64 0xfffffffffffff).
  Proof. solve_fact. Qed.
  Local Lemma solve_nothing_false a b : a = b.
  Proof. Fail solve_fact. Abort.
End tests.
