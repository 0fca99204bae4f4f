(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export bitblast_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [decide_words] proves a comparison of words from those among its hypotheses. *)
Ltac word_index x l :=
  let rec go l n :=
    match l with
    | nil => constr:(@None nat)
    | cons x _ => constr:(Some n)
    | cons _ ?l => go l (S n)
    end in
  go l O.
(** A literal: nothing else is computed, since open terms may have no end. *)
Ltac closed_int z :=
  lazymatch z with
  | Z0 => z
  | Zpos _ => z
  | Zneg _ => z
  | Z.opp ?x => let x := closed_int x in eval vm_compute in (Z.opp x)
  | bv_unsigned (Z_to_bv 64 ?x) => let x := closed_int x in eval vm_compute in (bv_unsigned (Z_to_bv 64 x))
  | Z.modulo ?x ?y =>
    let x := closed_int x in let y := closed_int y in eval vm_compute in (Z.modulo x y)
  end.

(** A word over the list [l] of variables: the expression and a longer list. *)
Ltac reify_word l t :=
  let two c a b :=
    let ra := reify_word l a in
    match ra with (?l, ?ea) =>
      let rb := reify_word l b in
      match rb with (?l, ?eb) => constr:((l, c ea eb)) end
    end in
  let shift a k :=
    let k := closed_int k in
    let ra := reify_word l a in
    match ra with (?l, ?ea) => constr:((l, BShift ea k)) end in
  match t with
  | bv_add ?a ?b => two BAdd a b
  | bv_sub ?a ?b => two BSub a b
  | bv_and ?a ?b => two BAnd a b
  | bv_or ?a ?b => two BOr a b
  | bv_xor ?a ?b => two BXor a b
  | bv_not ?a =>
    let ra := reify_word l a in match ra with (?l, ?ea) => constr:((l, BNot ea)) end
  | bv_add_Z ?a ?z =>
    let z := closed_int z in
    let ra := reify_word l a in match ra with (?l, ?ea) => constr:((l, BAddZ ea z)) end
  | Z_to_bv 64 (bv_unsigned ?a ≪ ?k) => shift a (Z.opp k)
  | Z_to_bv 64 (bv_unsigned ?a ≫ ?k) => shift a k
  | Z_to_bv 64 ?z => let z := closed_int z in constr:((l, BCst z))
  | _ =>
    let i := word_index t l in
    match i with
    | Some ?n => constr:((l, BVar n))
    | None => let n := eval compute in (length l) in let l := eval cbn in (l ++ [t]) in
              constr:((l, BVar n))
    end
  end.
Ltac reify_fact l P :=
  let two c a b :=
    let ra := reify_word l a in
    match ra with (?l, ?ea) =>
      let rb := reify_word l b in
      match rb with (?l, ?eb) => constr:((l, c ea eb)) end
    end in
  match P with
  | @eq (bv 64) ?a ?b => two BEq a b
  | (bv_unsigned ?a < bv_unsigned ?b)%Z => two BLt a b
  | (bv_unsigned ?a ≤ bv_unsigned ?b)%Z => two BLe a b
  | ¬ ?P => let r := reify_fact l P in match r with (?l, ?f) => constr:((l, BNeg f)) end
  | ?P → ?Q =>
    let r := reify_fact l P in
    match r with (?l, ?f) =>
      let r := reify_fact l Q in match r with (?l, ?g) => constr:((l, BImp f g)) end
    end
  end.
Ltac word_fact P :=
  match P with
  | @eq (bv 64) _ _ => idtac
  | (@bv_unsigned 64 _ < @bv_unsigned 64 _)%Z => idtac
  | (@bv_unsigned 64 _ ≤ @bv_unsigned 64 _)%Z => idtac
  | ¬ ?P => word_fact P
  end.

(** How long it may search: a second or so. *)
Definition patience : Z := 400000.

Ltac decide_words :=
  intros;
  repeat match goal with H : ?P |- _ => word_fact P; revert H end;
  match goal with |- ?P =>
    let r := reify_fact (@nil word) P in
    match r with (?l, ?f) =>
      let n := eval compute in (length l) in
      refine (valid_sound patience n f l _); vm_compute; reflexivity
    end
  end.

Section tests.
  Implicit Types (a b c i e p : word).

  Local Lemma decide_page a :
    bv_add (bv_and a (Z_to_bv 64 0xfffffffffffff000)) (bv_and a (Z_to_bv 64 0xfff)) = a.
  Proof. decide_words. Qed.
  Local Lemma decide_slot a p :
    bv_and p (Z_to_bv 64 0xfff) = Z_to_bv 64 0 →
    bv_or p (Z_to_bv 64 (bv_unsigned (bv_and (Z_to_bv 64 (bv_unsigned a ≫ 12)) (Z_to_bv 64 0x1ff)) ≪ 3)) =
    bv_add p (Z_to_bv 64 (bv_unsigned (bv_and (Z_to_bv 64 (bv_unsigned a ≫ 12)) (Z_to_bv 64 0x1ff)) ≪ 3)).
  Proof. decide_words. Qed.
  Local Lemma decide_present e :
    bv_and e (Z_to_bv 64 1) ≠ Z_to_bv 64 0 → bv_and e (Z_to_bv 64 1) = Z_to_bv 64 1.
  Proof. decide_words. Qed.
  Local Lemma decide_bound a b c :
    bv_unsigned a < bv_unsigned b → bv_unsigned b ≤ bv_unsigned c → a `+Z` 1 ≠ Z_to_bv 64 0.
  Proof. decide_words. Qed.
  Local Lemma decide_shift_by a b :
    bv_sub (Z_to_bv 64 (bv_unsigned a ≪ (bv_unsigned b `mod` 64))) a `+Z` 1 =
    bv_add (Z_to_bv 64 1) (bv_sub (Z_to_bv 64 (bv_unsigned a ≪ (bv_unsigned b `mod` 64))) a).
  Proof. decide_words. Qed.
  Local Lemma decide_nothing_false a b : bv_or a b = bv_add a b.
  Proof. Fail decide_words. Abort.
  Local Lemma decide_nothing_unknown a b : bv_mul a b = bv_mul b a.
  Proof. Fail decide_words. Abort.
End tests.
