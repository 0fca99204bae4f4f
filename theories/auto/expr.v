(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.machine Require Export parts.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Values of the symbolic executor: expressions over words, in a normal form in which addresses are a
    base plus a signed offset.  All functions here are run by [vm_compute]. *)

(** * Environments: tries, so that a variable is looked up in its own size *)
Inductive tree (A : Type) :=
  | Tip
  | Node (l : tree A) (v : option A) (r : tree A).
Global Arguments Tip {A}.
Global Arguments Node {A} l v r.

Fixpoint tree_get {A} (d : A) (t : tree A) (x : positive) : A :=
  match t with
  | Tip => d
  | Node l v r =>
    match x with
    | xH => match v with Some a => a | None => d end
    | xO x => tree_get d l x
    | xI x => tree_get d r x
    end
  end.
Fixpoint tree_single {A} (x : positive) (a : A) : tree A :=
  match x with
  | xH => Node Tip (Some a) Tip
  | xO x => Node (tree_single x a) None Tip
  | xI x => Node Tip None (tree_single x a)
  end.
Fixpoint tree_set {A} (t : tree A) (x : positive) (a : A) : tree A :=
  match t with
  | Tip => tree_single x a
  | Node l v r =>
    match x with
    | xH => Node l (Some a) r
    | xO x => Node (tree_set l x a) v r
    | xI x => Node l v (tree_set r x a)
    end
  end.

Lemma tree_get_single {A} (d : A) x y a :
  tree_get d (tree_single x a) y = if decide (x = y) then a else d.
Proof.
  revert y. induction x as [x IH|x IH|]; intros [y|y|]; simpl; rewrite ?IH; try done;
    repeat case_decide; naive_solver.
Qed.
Lemma tree_get_set {A} (d : A) t x y a :
  tree_get d (tree_set t x a) y = if decide (x = y) then a else tree_get d t y.
Proof.
  revert x y. induction t as [|l IHl v r IHr]; intros x y; [apply tree_get_single|].
  destruct x as [x|x|], y as [y|y|]; simpl; rewrite ?IHl ?IHr; try done;
    repeat case_decide; naive_solver.
Qed.

(** Values of the word variables, and of the fraction and array variables, which stay as they are.  An array
    is a word for each index. *)
Record consts := Consts { c_fracs : tree Qp; c_arrays : tree (word → word) }.
Definition fracs_only (t : tree Qp) : consts := Consts t Tip.
#[warning="-uniform-inheritance"] Coercion fracs_only : tree >-> consts.
Record env := Env { env_words : tree word; env_fracs : consts }.
Definition env_word (ρ : env) (x : positive) : word := tree_get (BV 64 0) (env_words ρ) x.
Definition env_frac (ρ : env) (x : positive) : Qp := tree_get 1%Qp (c_fracs (env_fracs ρ)) x.
Definition env_array (ρ : env) (x : positive) : word → word :=
  tree_get (λ _, BV 64 0) (c_arrays (env_fracs ρ)) x.
Definition env_set (ρ : env) (x : positive) (v : word) : env :=
  Env (tree_set (env_words ρ) x v) (env_fracs ρ).

(** * Expressions *)
Inductive expr :=
  | EVar (x : positive)
  | ECst (z : Z)
  | EAdd (e : expr) (z : Z)
  | EOp (op : alu) (a b : expr)
  | ESel (x : positive) (i : expr).      (* the word of the array [x] at an index *)

Inductive fexpr :=
  | FOne
  | FVar (x : positive)
  | FDiv (n d : positive).

Fixpoint eval (ρ : env) (e : expr) : word :=
  match e with
  | EVar x => env_word ρ x
  | ECst z => Z_to_bv 64 z
  | EAdd e z => eval ρ e `+Z` z
  | EOp op a b => alu_value op (eval ρ a) (eval ρ b)
  | ESel x i => env_array ρ x (eval ρ i)
  end.
Definition feval (ρ : env) (f : fexpr) : Qp :=
  match f with
  | FOne => 1
  | FVar x => env_frac ρ x
  | FDiv n d => pos_to_Qp n / pos_to_Qp d
  end%Qp.

(** * Normal forms *)
(** Constants in [0, 2^64), offsets in [-2^63, 2^63). *)
Definition uwrap (z : Z) : Z :=
  if (0 <=? z) && (z <=? 18446744073709551615) then z else bv_wrap 64 z.
Definition swrap (z : Z) : Z :=
  if (-9223372036854775808 <=? z) && (z <=? 9223372036854775807) then z else bv_swrap 64 z.

Lemma Z_to_bv_uwrap z : Z_to_bv 64 (uwrap z) = Z_to_bv 64 z.
Proof.
  rewrite /uwrap. case_match; [done|]. apply bv_eq. rewrite !Z_to_bv_unsigned.
  apply bv_wrap_bv_wrap. lia.
Qed.
Lemma bv_add_Z_swrap (w : word) z : w `+Z` swrap z = w `+Z` z.
Proof.
  rewrite /swrap. case_match; [done|]. apply bv_eq. rewrite !bv_add_Z_unsigned.
  rewrite /bv_swrap. rewrite -(bv_wrap_add_idemp_r _ _ (_ - _)) -bv_wrap_sub_idemp_l.
  rewrite bv_wrap_bv_wrap; [|lia]. rewrite bv_wrap_sub_idemp_l bv_wrap_add_idemp_r.
  f_equal. lia.
Qed.

Definition mk_cst (z : Z) : expr := ECst (uwrap z).
Definition mk_offset (e : expr) (z : Z) : expr := if z =? 0 then e else EAdd e z.
Definition mk_add (e : expr) (z : Z) : expr :=
  match e with
  | ECst c => mk_cst (c + z)
  | EAdd e y => mk_offset e (swrap (y + z))
  | _ => mk_offset e (swrap z)
  end.

(** Constants are folded by the machine's own arithmetic. *)
Definition alu_fold (op : alu) (a b : Z) : Z :=
  bv_unsigned (alu_value op (Z_to_bv 64 a) (Z_to_bv 64 b)).

Definition alu_eqb (a b : alu) : bool :=
  match a, b with
  | AluAdd, AluAdd | AluSub, AluSub | AluAnd, AluAnd | AluOr, AluOr | AluXor, AluXor
  | AluShl, AluShl | AluShr, AluShr | AluSar, AluSar | AluRol, AluRol | AluRor, AluRor
  | AluMul, AluMul => true
  | _, _ => false
  end.
Fixpoint expr_eqb (a b : expr) : bool :=
  match a, b with
  | EVar x, EVar y => Pos.eqb x y
  | ECst x, ECst y => Z.eqb x y
  | EAdd e x, EAdd f y => if Z.eqb x y then expr_eqb e f else false
  | EOp o a1 a2, EOp p b1 b2 =>
    if alu_eqb o p then if expr_eqb a1 b1 then expr_eqb a2 b2 else false else false
  | ESel x i, ESel y j => if Pos.eqb x y then expr_eqb i j else false
  | _, _ => false
  end.
Definition fexpr_eqb (a b : fexpr) : bool :=
  match a, b with
  | FOne, FOne => true
  | FVar x, FVar y => Pos.eqb x y
  | FDiv n d, FDiv n' d' => Pos.eqb n n' && Pos.eqb d d'
  | _, _ => false
  end.

Definition mk_op (op : alu) (a b : expr) : expr :=
  match op, a, b with
  | _, ECst x, ECst y => ECst (alu_fold op x y)
  | AluAdd, _, ECst y => mk_add a y
  | AluAdd, ECst x, _ => mk_add b x
  | AluSub, _, ECst y => mk_add a (- y)
  | AluAdd, EAdd a x, EAdd b y => mk_offset (EOp AluAdd a b) (swrap (x + y))
  | AluAdd, EAdd a x, _ => EAdd (EOp AluAdd a b) x
  | AluAdd, _, EAdd b y => EAdd (EOp AluAdd a b) y
  | (AluSub | AluXor), _, _ => if expr_eqb a b then ECst 0 else EOp op a b
  | _, _, _ => EOp op a b
  end.

(** Scaling of an index: by 1, 2, 4 or 8. *)
Definition mk_scaled (e : expr) (s : Z) : option expr :=
  match s with
  | 1 => Some e
  | 2 => Some (mk_op AluShl e (ECst 1))
  | 4 => Some (mk_op AluShl e (ECst 2))
  | 8 => Some (mk_op AluShl e (ECst 3))
  | _ => None
  end.

Lemma alu_eqb_true a b : alu_eqb a b = true → a = b.
Proof. by destruct a, b. Qed.
Lemma expr_eqb_true a b : expr_eqb a b = true → a = b.
Proof.
  revert b. induction a as [x|z|e IH z|o a1 IH1 a2 IH2|x i IH]; intros [y|y|f y|p b1 b2|y j]; simpl; try done.
  - by intros ->%Pos.eqb_eq.
  - by intros ->%Z.eqb_eq.
  - destruct (Z.eqb_spec z y) as [->|]; [|done]. by intros ->%IH.
  - destruct (alu_eqb o p) eqn:Ho; [|done]. destruct (expr_eqb a1 b1) eqn:H1; [|done].
    by intros ->%IH2; apply alu_eqb_true in Ho as ->; apply IH1 in H1 as ->.
  - destruct (Pos.eqb_spec x y) as [->|]; [|done]. by intros ->%IH.
Qed.
Lemma fexpr_eqb_true a b : fexpr_eqb a b = true → a = b.
Proof.
  destruct a as [|x|n d], b as [|y|n' d']; simpl; try done.
  - by intros ->%Pos.eqb_eq.
  - by intros [->%Pos.eqb_eq ->%Pos.eqb_eq]%andb_true_iff.
Qed.

(** * Normal forms keep the value *)
Lemma eval_mk_offset ρ e z : eval ρ (mk_offset e z) = eval ρ e `+Z` z.
Proof. rewrite /mk_offset. case_match; [|done]. assert (z = 0) as -> by lia. by rewrite bv_add_Z_0. Qed.
Lemma Z_to_bv_add_Z x z : Z_to_bv 64 (x + z) = Z_to_bv 64 x `+Z` z.
Proof. apply bv_eq. by rewrite bv_add_Z_unsigned !Z_to_bv_unsigned bv_wrap_add_idemp_l. Qed.
Lemma eval_mk_add ρ e z : eval ρ (mk_add e z) = eval ρ e `+Z` z.
Proof.
  destruct e as [x|c|e y|op a b|x i]; rewrite /mk_add ?eval_mk_offset ?bv_add_Z_swrap //=.
  - by rewrite Z_to_bv_uwrap Z_to_bv_add_Z.
  - by rewrite bv_add_Z_assoc.
Qed.

Lemma bv_add_Z_l (v w : word) x : bv_add (v `+Z` x) w = bv_add v w `+Z` x.
Proof.
  apply bv_eq. rewrite !(bv_add_unsigned, bv_add_Z_unsigned).
  rewrite !bv_wrap_add_idemp_l. f_equal. lia.
Qed.
Lemma bv_add_Z_r (v w : word) x : bv_add v (w `+Z` x) = bv_add v w `+Z` x.
Proof.
  apply bv_eq. rewrite !(bv_add_unsigned, bv_add_Z_unsigned).
  rewrite !bv_wrap_add_idemp_l bv_wrap_add_idemp_r. f_equal. lia.
Qed.
Lemma bv_add_cst (v : word) x : bv_add v (Z_to_bv 64 x) = v `+Z` x.
Proof. apply bv_eq. by rewrite bv_add_unsigned bv_add_Z_unsigned Z_to_bv_unsigned bv_wrap_add_idemp_r. Qed.
Lemma bv_add_cst_l (v : word) x : bv_add (Z_to_bv 64 x) v = v `+Z` x.
Proof.
  apply bv_eq. rewrite bv_add_unsigned bv_add_Z_unsigned Z_to_bv_unsigned bv_wrap_add_idemp_l.
  f_equal. lia.
Qed.
Lemma bv_sub_cst (v : word) x : bv_sub v (Z_to_bv 64 x) = v `+Z` (- x).
Proof. apply bv_eq. by rewrite bv_sub_unsigned bv_add_Z_unsigned Z_to_bv_unsigned bv_wrap_sub_idemp_r. Qed.
Lemma bv_sub_same (v : word) : bv_sub v v = Z_to_bv 64 0.
Proof. apply bv_eq. by rewrite bv_sub_unsigned Z_to_bv_unsigned Z.sub_diag. Qed.
Lemma bv_xor_same (v : word) : bv_xor v v = Z_to_bv 64 0.
Proof. apply bv_eq. by rewrite bv_xor_unsigned Z_to_bv_unsigned Z.lxor_nilpotent. Qed.

Lemma eval_if_same ρ op a b : op = AluSub ∨ op = AluXor →
  eval ρ (if expr_eqb a b then ECst 0 else EOp op a b) = alu_value op (eval ρ a) (eval ρ b).
Proof.
  intros Hop. destruct (expr_eqb a b) eqn:He; [|done]. apply expr_eqb_true in He as ->.
  destruct Hop as [-> | ->]; symmetry; [apply bv_sub_same|apply bv_xor_same].
Qed.

Lemma eval_mk_op ρ op a b : eval ρ (mk_op op a b) = alu_value op (eval ρ a) (eval ρ b).
Proof.
  destruct op, a, b; cbv beta iota delta [mk_op];
    first
      [ reflexivity
      | apply eval_if_same; by auto
      | cbn [eval alu_value]; rewrite /alu_fold Z_to_bv_bv_unsigned; reflexivity
      | rewrite eval_mk_add; cbn [eval alu_value]; by rewrite ?bv_add_cst ?bv_sub_cst
      | rewrite eval_mk_add; cbn [eval alu_value]; by rewrite bv_add_cst_l
      | rewrite eval_mk_offset bv_add_Z_swrap; cbn [eval alu_value];
        rewrite bv_add_Z_l bv_add_Z_r bv_add_Z_assoc Z.add_comm; reflexivity
      | cbn [eval alu_value]; by rewrite bv_add_Z_l
      | cbn [eval alu_value]; by rewrite bv_add_Z_r ].
Qed.

Lemma bv_scaled (v : word) k : 0 ≤ k < 64 →
  Z_to_bv 64 (bv_unsigned v ≪ shift_count (Z_to_bv 64 k)) = scaled v (2 ^ k).
Proof.
  intros Hk. rewrite /shift_count /scaled Z_to_bv_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
  rewrite Z.mod_small; [|lia]. by rewrite Z.shiftl_mul_pow2; [|lia].
Qed.
Lemma eval_mk_scaled ρ e s e' : mk_scaled e s = Some e' → eval ρ e' = scaled (eval ρ e) s.
Proof.
  rewrite /mk_scaled. intros H. repeat (case_match; simplify_eq); rewrite ?eval_mk_op; cbn [eval alu_value].
  - by rewrite (bv_scaled _ 3).
  - by rewrite (bv_scaled _ 2).
  - by rewrite (bv_scaled _ 1).
  - by rewrite /scaled Z.mul_1_r Z_to_bv_bv_unsigned.
Qed.

(** * Masks, widths and registers that are written in part *)
Definition mk_and (a b : expr) : expr :=
  match a, b with
  | EOp AluAnd a (ECst x), ECst y => EOp AluAnd a (ECst (alu_fold AluAnd x y))
  | _, _ => if expr_eqb a b then a else mk_op AluAnd a b
  end.
Definition mk_trunc (w : width) (e : expr) : expr :=
  match w with W64 => e | _ => mk_and e (ECst (Z.ones (width_bits w))) end.
(** Of a truncated value. *)
Definition mk_sext (w : width) (e : expr) : expr :=
  match w with
  | W64 => e
  | _ => let s := ECst (2 ^ (width_bits w - 1)) in mk_op AluSub (mk_op AluXor e s) s
  end.
Definition mk_written (w : width) (old v : expr) : expr :=
  match w with
  | W64 | W32 => mk_trunc w v
  | _ => mk_op AluOr (mk_and old (ECst (2 ^ 64 - 2 ^ width_bits w))) (mk_trunc w v)
  end.
(** Of a value below [2 ^ n], to the left by [k] or by [n - k] bits. *)
Definition mk_rotate (n : Z) (left : bool) (a k : expr) : expr :=
  let k' := mk_op AluSub (ECst n) k in
  let (l, r) := if left then (k, k') else (k', k) in
  mk_op AluOr (mk_op AluShl a l) (mk_op AluShr a r).
(** [alu_at] on truncated values. *)
Definition mk_alu (w : width) (op : alu) (a b : expr) : expr :=
  let n := width_bits w in
  match w, op with
  | _, AluAnd => mk_trunc w (mk_and a b)
  | W64, _ => mk_op op a b
  | _, AluRol => mk_trunc w (mk_rotate n true a (mk_and b (ECst (n - 1))))
  | _, AluRor => mk_trunc w (mk_rotate n false a (mk_and b (ECst (n - 1))))
  | _, (AluShl | AluShr) => mk_trunc w (mk_op op a (mk_and b (ECst 31)))
  | _, AluSar => mk_trunc w (mk_op op (mk_sext w a) (mk_and b (ECst 31)))
  | _, _ => mk_trunc w (mk_op op a b)
  end.
(** [extract_part] and [insert_part].  What was there is written back as it was. *)
Definition mk_extract (w : width) (k : Z) (e : expr) : expr :=
  mk_trunc w (if k =? 0 then e else mk_op AluShr e (ECst (8 * k))).
Definition mk_insert (w : width) (k : Z) (old v : expr) : expr :=
  if expr_eqb v (mk_extract w k old) then old
  else
    let v := mk_trunc w v in
    mk_op AluOr (mk_and old (ECst (hole w k))) (if k =? 0 then v else mk_op AluShl v (ECst (8 * k))).
(** A single bit, its number taken modulo the width. *)
Definition mk_bit (w : width) (i : expr) : expr :=
  mk_op AluShl (ECst 1) (mk_and i (ECst (width_bits w - 1))).
Definition mk_bit_at (w : width) (op : bit_op) (a m : expr) : expr :=
  match op with
  | BitTest => a
  | BitSet => mk_op AluOr a m
  | BitReset => mk_and a (mk_op AluXor m (ECst (Z.ones (width_bits w))))
  | BitComplement => mk_op AluXor a m
  end.

Lemma bv_and_assoc (a b c : word) : bv_and (bv_and a b) c = bv_and a (bv_and b c).
Proof. apply bv_eq. by rewrite !bv_and_unsigned Z.land_assoc. Qed.
Lemma bv_and_same (a : word) : bv_and a a = a.
Proof. apply bv_eq. by rewrite bv_and_unsigned Z.land_diag. Qed.
Lemma eval_mk_and ρ a b : eval ρ (mk_and a b) = bv_and (eval ρ a) (eval ρ b).
Proof.
  assert (∀ a b, eval ρ (if expr_eqb a b then a else mk_op AluAnd a b) =
    bv_and (eval ρ a) (eval ρ b)) as Hop.
  { intros c d. destruct (expr_eqb c d) eqn:He; [|apply eval_mk_op].
    apply expr_eqb_true in He as ->. by rewrite bv_and_same. }
  destruct a as [|?|?|[] a1 []|]; try apply Hop. destruct b; try apply Hop.
  by rewrite /mk_and /= /alu_fold Z_to_bv_bv_unsigned bv_and_assoc.
Qed.
Lemma eval_mk_trunc ρ w e : eval ρ (mk_trunc w e) = trunc w (eval ρ e).
Proof. destruct w; [by rewrite /mk_trunc eval_mk_and..|done]. Qed.
Lemma eval_mk_sext ρ w e : eval ρ (mk_sext w e) = sext w (eval ρ e).
Proof. destruct w; [by rewrite /mk_sext !eval_mk_op..|done]. Qed.
Lemma eval_mk_written ρ w old v :
  eval ρ (mk_written w old v) = written w (eval ρ old) (eval ρ v).
Proof.
  destruct w; rewrite /mk_written ?eval_mk_op ?eval_mk_and ?eval_mk_trunc //;
    rewrite /written /merge_low /=; do 2 f_equal; by apply bv_eq.
Qed.
Lemma bv_or_Z_to_bv (x y : Z) : bv_or (Z_to_bv 64 x) (Z_to_bv 64 y) = Z_to_bv 64 (Z.lor x y).
Proof.
  apply word_eq_bits. intros i Hi. by rewrite bv_or_unsigned Z.lor_spec !Z_to_bv_bit // Z.lor_spec.
Qed.
Lemma shift_count_small (z : Z) : 0 ≤ z < 64 → shift_count (Z_to_bv 64 z) = z.
Proof.
  intros Hz. rewrite /shift_count Z_to_bv_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
  by apply Z.mod_small.
Qed.
Lemma eval_mk_rotate ρ n left a e k : 0 ≤ k < n → n < 64 → eval ρ e = Z_to_bv 64 k →
  eval ρ (mk_rotate n left a e) = arith.rotate n (bv_unsigned (eval ρ a)) (if left then k else n - k).
Proof.
  intros Hk Hn He.
  assert (eval ρ (mk_op AluSub (ECst n) e) = Z_to_bv 64 (n - k)) as He'.
  { rewrite eval_mk_op /= He. apply bv_eq. rewrite bv_sub_unsigned !Z_to_bv_unsigned.
    by rewrite bv_wrap_sub_idemp. }
  rewrite /mk_rotate. revert He'. generalize (mk_op AluSub (ECst n) e). intros e' He'.
  destruct left; rewrite !eval_mk_op He He' /= !shift_count_small; try lia;
    rewrite bv_or_Z_to_bv /arith.rotate; [done|]. do 3 f_equal. lia.
Qed.
Lemma land_ones_mod (a : word) n : 0 ≤ n < 64 →
  bv_and a (Z_to_bv 64 (Z.ones n)) = Z_to_bv 64 (bv_unsigned a `mod` 2 ^ n).
Proof.
  intros Hn. apply word_eq_bits. intros i Hi. rewrite bv_and_unsigned Z.land_spec !Z_to_bv_bit //.
  rewrite -Z.land_ones; [|lia]. by rewrite Z.land_spec.
Qed.
Lemma narrow_count_mod (b : word) n : n = 3 ∨ n = 4 ∨ n = 5 →
  bv_unsigned (narrow_count b) `mod` 2 ^ n = bv_unsigned b `mod` 2 ^ n.
Proof.
  intros Hn. rewrite /narrow_count bv_and_unsigned. change (bv_unsigned (Z_to_bv 64 31)) with (Z.ones 5).
  rewrite Z.land_ones; [|lia]. destruct Hn as [->|[->| ->]]; Z.div_mod_to_equations; lia.
Qed.
Lemma eval_rotate_count ρ n a b left : n = 3 ∨ n = 4 ∨ n = 5 →
  eval ρ (mk_rotate (2 ^ n) left a (mk_and b (ECst (2 ^ n - 1)))) =
  let k := bv_unsigned (narrow_count (eval ρ b)) `mod` 2 ^ n in
  arith.rotate (2 ^ n) (bv_unsigned (eval ρ a)) (if left then k else 2 ^ n - k).
Proof.
  intros Hn. simpl. rewrite narrow_count_mod //. apply eval_mk_rotate.
  - apply Z.mod_pos_bound. by destruct Hn as [->|[->| ->]].
  - by destruct Hn as [->|[->| ->]].
  - rewrite eval_mk_and /=. replace (2 ^ n - 1) with (Z.ones n) by (rewrite Z.ones_equiv; lia).
    apply land_ones_mod. lia.
Qed.
Lemma eval_mk_alu ρ w op a b : eval ρ (mk_alu w op a b) = alu_at w op (eval ρ a) (eval ρ b).
Proof.
  destruct op; try (destruct w; cbv beta iota zeta delta [mk_alu];
    rewrite ?eval_mk_trunc ?eval_mk_op ?eval_mk_and ?eval_mk_sext; reflexivity);
    (destruct w; [| | |exact (eval_mk_op _ _ _ _)]); cbv beta iota zeta delta [mk_alu]; rewrite eval_mk_trunc;
    (rewrite (eval_rotate_count ρ 3) || rewrite (eval_rotate_count ρ 4) || rewrite (eval_rotate_count ρ 5));
    by auto.
Qed.
Lemma shiftr_unsigned (v : word) k : 0 ≤ k ≤ 7 →
  Z_to_bv 64 (bv_unsigned v ≫ shift_count (Z_to_bv 64 (8 * k))) = Z_to_bv 64 (bv_unsigned v ≫ (8 * k)).
Proof. intros Hk. rewrite shift_count_small //. lia. Qed.
Lemma eval_mk_extract ρ w k e : part_fits w k →
  eval ρ (mk_extract w k e) = extract_part w k (eval ρ e).
Proof.
  intros [Hk Hle]. rewrite /mk_extract eval_mk_trunc /extract_part. f_equal.
  destruct (Z.eqb_spec k 0) as [->|]; [by rewrite Z.shiftr_0_r Z_to_bv_bv_unsigned|].
  rewrite eval_mk_op /= shift_count_small //. destruct w; simpl in Hle; lia.
Qed.
Lemma eval_mk_insert ρ w k old v : part_fits w k →
  eval ρ (mk_insert w k old v) = insert_part w k (eval ρ old) (eval ρ v).
Proof.
  intros Hfit. rewrite /mk_insert. destruct (expr_eqb _ _) eqn:He.
  { apply expr_eqb_true in He as ->. by rewrite eval_mk_extract // insert_extract. }
  cbv zeta. rewrite eval_mk_op eval_mk_and /insert_part. cbn [alu_value eval]. f_equal.
  destruct (Z.eqb_spec k 0) as [->|]; [by rewrite eval_mk_trunc Z.shiftl_0_r Z_to_bv_bv_unsigned|].
  destruct Hfit as [Hk Hle]. rewrite eval_mk_op eval_mk_trunc /= shift_count_small //. destruct w; simpl in Hle; lia.
Qed.
Lemma eval_mk_bit ρ w i : eval ρ (mk_bit w i) = Z_to_bv 64 (2 ^ bit_number w (eval ρ i)).
Proof.
  assert (∃ n, 0 ≤ n ≤ 6 ∧ width_bits w = 2 ^ n) as (n & Hn & Hw).
  { destruct w; [by exists 3|by exists 4|by exists 5|by exists 6]. }
  rewrite /mk_bit eval_mk_op eval_mk_and /= /bit_number Hw.
  replace (2 ^ n - 1) with (Z.ones n) by (rewrite Z.ones_equiv; lia).
  rewrite land_ones_mod; [|lia].
  pose proof (Z.mod_pos_bound (bv_unsigned (eval ρ i)) (2 ^ n) ltac:(lia)) as Hk.
  assert (2 ^ n ≤ 2 ^ 6) by (apply Z.pow_le_mono_r; lia).
  rewrite shift_count_small; [|lia]. by rewrite Z.shiftl_1_l.
Qed.
Lemma eval_mk_bit_at ρ w op a i :
  eval ρ (mk_bit_at w op a (mk_bit w i)) = bit_at w op (eval ρ a) (eval ρ i).
Proof.
  pose proof (eval_mk_bit ρ w i) as Hm. revert Hm. generalize (mk_bit w i). intros m Hm.
  destruct op; rewrite /mk_bit_at ?eval_mk_and ?eval_mk_op ?Hm; reflexivity.
Qed.

Global Arguments mk_and : simpl never.
Global Arguments mk_trunc : simpl never.
Global Arguments mk_sext : simpl never.
Global Arguments mk_written : simpl never.
Global Arguments mk_alu : simpl never.
Global Arguments mk_rotate : simpl never.
Global Arguments mk_extract : simpl never.
Global Arguments mk_insert : simpl never.
Global Arguments mk_bit : simpl never.
Global Arguments mk_bit_at : simpl never.
Global Arguments mk_cst : simpl never.
Global Arguments mk_offset : simpl never.
Global Arguments mk_add : simpl never.
Global Arguments mk_op : simpl never.
Global Arguments mk_scaled : simpl never.
