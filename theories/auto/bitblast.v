(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export bits bdd.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Formulas over 64-bit words, decided bit by bit: each word is 64 diagrams, addition is a row of full
    adders.  Products and shifts by variables are not among them.

    What the premises say of single bits of a variable is put in for them, before anything is computed:
    sums of fields that do not meet have no carries then, and most of the facts about entries of page tables
    and their slots are decided without a diagram that has a branch. *)

Inductive bexp :=
  | BVar (n : nat)
  | BCst (z : Z)
  | BNot (a : bexp)
  | BAnd (a b : bexp)
  | BXor (a b : bexp)
  | BOr (a b : bexp)
  | BAdd (a b : bexp)
  | BSub (a b : bexp)
  | BAddZ (a : bexp) (z : Z)
  | BShift (a : bexp) (k : Z).    (* to the right; to the left where negative *)

Inductive bform :=
  | BEq (a b : bexp)
  | BLt (a b : bexp)
  | BLe (a b : bexp)
  | BNeg (f : bform)
  | BImp (f g : bform)
  | BBoth (f g : bform).

Section denote.
  Context (ρ : list word).

  Fixpoint bdenote (e : bexp) : word :=
    match e with
    | BVar n => nth n ρ (BV 64 0)
    | BCst z => Z_to_bv 64 z
    | BNot a => bv_not (bdenote a)
    | BAnd a b => bv_and (bdenote a) (bdenote b)
    | BXor a b => bv_xor (bdenote a) (bdenote b)
    | BOr a b => bv_or (bdenote a) (bdenote b)
    | BAdd a b => bv_add (bdenote a) (bdenote b)
    | BSub a b => bv_sub (bdenote a) (bdenote b)
    | BAddZ a z => bdenote a `+Z` z
    | BShift a k => shifted (bdenote a) k
    end.
  Fixpoint bholds (f : bform) : Prop :=
    match f with
    | BEq a b => bdenote a = bdenote b
    | BLt a b => bv_unsigned (bdenote a) < bv_unsigned (bdenote b)
    | BLe a b => bv_unsigned (bdenote a) ≤ bv_unsigned (bdenote b)
    | BNeg f => ¬ bholds f
    | BImp f g => bholds f → bholds g
    | BBoth f g => bholds f ∧ bholds g
    end.
End denote.

(** * Circuits *)
Notation "'let?' ( s , x ) := e 'in' r" :=
  (match e with Some (s, x) => r | None => None end)
  (at level 200, s name, x name, only parsing).

Section circuits.
  Context (fuel vars : nat) (bit : nat → Z → option bool).

  Definition gate (o : connective) := apply o fuel.
  Definition invert (a : diagram) (s : store) := gate Xor a 2 s.

  Fixpoint gates (o : connective) (l k : list diagram) (s : store)
      : option (store * list diagram) :=
    match l, k with
    | a :: l, b :: k =>
      let? (s, c) := gate o a b s in let? (s, m) := gates o l k s in Some (s, c :: m)
    | _, _ => Some (s, [])
    end.
  Definition inverts (l : list diagram) (s : store) := gates Xor l (replicate 64 2%positive) s.

  (** The sum, and the carry out of it. *)
  Fixpoint adder (l k : list diagram) (c : diagram) (s : store)
      : option (store * (list diagram * diagram)) :=
    match l, k with
    | a :: l, b :: k =>
      let? (s, x) := gate Xor a b s in
      let? (s, t) := gate Xor x c s in
      let? (s, y) := gate And a b s in
      let? (s, z) := gate And x c s in
      let? (s, c) := gate Xor y z s in
      let? (s, r) := adder l k c s in
      Some (s, (t :: r.1, r.2))
    | _, _ => Some (s, ([], c))
    end.
  Definition subtract (l k : list diagram) (s : store) :=
    let? (s, k) := inverts k s in adder l k 2 s.

  Definition constant (z : Z) : list diagram :=
    (λ b : bool, if b then 2 else 1)%positive <$> bit_list z.

  (** The bits of variable [n], at most [vars]: the most significant ones come first in the order, so
      that sums and comparisons have small diagrams. *)
  Definition number (n : nat) (i : Z) : positive :=
    Z.to_pos ((63 - i) * Z.of_nat (S vars) + Z.of_nat n + 1).
  Fixpoint variables (l : list (option bool * positive)) (s : store) : store * list diagram :=
    match l with
    | [] => (s, [])
    | (b, v) :: l =>
      let (s, a) :=
        match b with Some b => (s, if b then 2 else 1)%positive | None => make v 1 2 s end in
      let (s, m) := variables l s in (s, a :: m)
    end.

  Fixpoint blast (e : bexp) (s : store) : option (store * list diagram) :=
    match e with
    | BVar n =>
      if Nat.leb n vars then Some (variables ((λ i, (bit n i, number n i)) <$> seqZ 0 64) s) else None
    | BCst z => Some (s, constant z)
    | BNot a => let? (s, l) := blast a s in inverts l s
    | BAnd a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in gates And l k s
    | BXor a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in gates Xor l k s
    | BOr a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, x) := gates Xor l k s in let? (s, y) := gates And l k s in gates Xor x y s
    | BAdd a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := adder l k 1 s in Some (s, r.1)
    | BSub a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := subtract l k s in Some (s, r.1)
    | BAddZ a z =>
      let? (s, l) := blast a s in let? (s, r) := adder l (constant z) 1 s in Some (s, r.1)
    | BShift a k => let? (s, l) := blast a s in Some (s, shift_list 1%positive l k)
    end.

  (** Whether all are false. *)
  Fixpoint none (l : list diagram) (s : store) : option (store * diagram) :=
    match l with
    | [] => Some (s, 2%positive)
    | a :: l =>
      let? (s, c) := none l s in let? (s, b) := invert a s in gate And b c s
    end.

  Fixpoint blast_form (f : bform) (s : store) : option (store * diagram) :=
    match f with
    | BEq a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, m) := gates Xor l k s in none m s
    | BLt a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := subtract l k s in invert r.2 s
    | BLe a b =>
      let? (s, l) := blast b s in let? (s, k) := blast a s in
      let? (s, r) := subtract l k s in Some (s, r.2)
    | BNeg f => let? (s, a) := blast_form f s in invert a s
    | BImp f g =>
      let? (s, a) := blast_form f s in let? (s, b) := blast_form g s in
      let? (s, b) := invert b s in let? (s, c) := gate And a b s in invert c s
    | BBoth f g =>
      let? (s, a) := blast_form f s in let? (s, b) := blast_form g s in gate And a b s
    end.
End circuits.

(** * What is known of single bits *)
(** Of a variable, the bits under a mask. *)
Record known := Known { kn_var : nat; kn_mask : Z; kn_bits : Z }.
Definition known_bit (l : list known) (n : nat) (i : Z) : option bool :=
  match find (λ k, Nat.eqb (kn_var k) n && Z.testbit (kn_mask k) i) l with
  | Some k => Some (Z.testbit (kn_bits k) i)
  | None => None
  end.
Definition learn (f : bform) : list known :=
  match f with
  | BEq (BAnd (BVar n) (BCst m)) (BCst k) => [Known n m k]
  | BNeg (BEq (BAnd (BVar n) (BCst m)) (BCst 0)) => if m =? 2 ^ Z.log2 m then [Known n m m] else []
  | BLt (BVar n) (BCst z) =>
    if (0 <? z) && (z <? 2 ^ 64) then [Known n (- 2 ^ Z.log2_up z) 0] else []
  | _ => []
  end.
Fixpoint premises (f : bform) : list known :=
  match f with BImp f g => learn f ++ premises g | _ => [] end.

(** A premise that says nothing else has been used. *)
Definition spent (f : bform) : bool :=
  match f with
  | BLt _ (BCst z) => (z =? 2 ^ Z.log2 z) && match learn f with [] => false | _ => true end
  | _ => match learn f with [] => false | _ => true end
  end.
Fixpoint unspent (f : bform) : bform :=
  match f with
  | BImp f g => if spent f then unspent g else BImp f (unspent g)
  | _ => f
  end.

(** Whether the formula is true for all values of its variables, 0 to [vars]; [false] where that was not
    found in [steps] steps. *)
Definition valid (steps : Z) (vars : nat) (f : bform) : bool :=
  match blast_form (64 * S vars) vars (known_bit (premises f)) (unspent f) (empty_store steps) with
  | Some (_, a) => Pos.eqb a 2
  | None => false
  end.

(** Wrong and right ones. *)
Local Example valid_page : valid 100000 1
  (BEq (BAdd (BAnd (BVar 0) (BCst (-4096))) (BAnd (BVar 0) (BCst 4095))) (BVar 0)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_page_wrong : valid 100000 1
  (BEq (BAdd (BAnd (BVar 0) (BCst (-4096))) (BAnd (BVar 0) (BCst 4094))) (BVar 0)) = false.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_cancel : valid 100000 2
  (BEq (BSub (BAdd (BVar 0) (BVar 1)) (BVar 1)) (BVar 0)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_order : valid 100000 3
  (BImp (BBoth (BLt (BVar 0) (BVar 1)) (BLt (BVar 1) (BVar 2))) (BLt (BVar 0) (BVar 2))) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_order_wrong : valid 100000 3
  (BImp (BBoth (BLt (BVar 0) (BVar 1)) (BLt (BVar 1) (BVar 2))) (BLt (BVar 2) (BVar 0))) = false.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_index : valid 100000 1
  (BLt (BAnd (BShift (BVar 0) 12) (BCst 511)) (BCst 512)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_comm : valid 300000 3
  (BEq (BAdd (BAdd (BVar 0) (BVar 1)) (BVar 2)) (BAdd (BVar 1) (BAdd (BVar 2) (BVar 0)))) = true.
Proof. vm_compute. reflexivity. Qed.
(** Premises about bits: few steps are needed, and a wrong premise is not taken for a right one. *)
Local Example valid_known : valid 100 1
  (BImp (BEq (BAnd (BVar 0) (BCst 4095)) (BCst 0)) (BImp (BLt (BVar 1) (BCst 4096))
    (BEq (BAnd (BAdd (BVar 0) (BVar 1)) (BCst 4095)) (BVar 1)))) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_known_wrong : valid 100000 1
  (BImp (BEq (BAnd (BVar 0) (BCst 2047)) (BCst 0)) (BImp (BLt (BVar 1) (BCst 4096))
    (BEq (BAnd (BAdd (BVar 0) (BVar 1)) (BCst 4095)) (BVar 1)))) = false.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_known_bound : valid 100000 0
  (BImp (BLt (BVar 0) (BCst 5)) (BLt (BVar 0) (BCst 4))) = false.
Proof. vm_compute. reflexivity. Qed.
