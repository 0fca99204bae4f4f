(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export state.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What is done with every kind of item alike: its expressions, and when one item serves as another. *)

Definition item_exprs (i : item) : list expr :=
  match i with
  | IVirt _ r a _ v => [r; a; v]
  | IPhys a _ v => [a; v]
  | IClaim _ r a _ pa => [r; a; pa]
  | IRes _ _ es => es
  end.
Definition item_map (f : expr → expr) (g : fexpr → fexpr) (i : item) : item :=
  match i with
  | IVirt w r a q v => IVirt w (f r) (f a) (g q) (f v)
  | IPhys a q v => IPhys (f a) (g q) (f v)
  | IClaim w r a q pa => IClaim w (f r) (f a) (g q) (f pa)
  | IRes k q es => IRes k (g q) (map f es)
  end.

(** Where two expressions differ, it is a fact that they are equal. *)
Definition equate (a b : expr) : list fact := if expr_eqb a b then [] else [PEq a b].

(** Resources are of the same kind; of their expressions the first [n] say where they are. *)
Definition level_eqb (a b : option Z) : bool :=
  match a, b with Some a, Some b => Z.eqb a b | None, None => true | _, _ => false end.
Fixpoint levels_eqb (l l' : list (option Z)) : bool :=
  match l, l' with
  | [], [] => true
  | a :: l, b :: l' => level_eqb a b && levels_eqb l l'
  | _, _ => false
  end.
Fixpoint shifts_eqb (l l' : list Z) : bool :=
  match l, l' with
  | [], [] => true
  | a :: l, b :: l' => Z.eqb a b && shifts_eqb l l'
  | _, _ => false
  end.
Definition kind_eqb (k k' : kind) : bool :=
  match k, k' with
  | KCell r c o, KCell r' c' o' => levels_eqb r r' && levels_eqb c c' && levels_eqb o o'
  | KBlock sp c, KBlock sp' c' =>
    match sp, sp' with None, None => true | Some w, Some w' => eqb w w' | _, _ => false end &&
    match c, c' with CAny, CAny | CFill, CFill => true | CArr x, CArr y => Pos.eqb x y | _, _ => false end
  | KWalk b ks m, KWalk b' ks' m' => eqb b b' && shifts_eqb ks ks' && eqb m m'
  | _, _ => false
  end.
Definition kind_keys (k : kind) : nat := match k with KBlock (Some _) _ | KWalk _ _ _ => 2 | _ => 1 end.
Fixpoint exprs_match (n : nat) (es es' : list expr) : option (list fact) :=
  match es, es' with
  | [], [] => Some []
  | e :: es, e' :: es' =>
    match n with
    | O => match exprs_match O es es' with Some l => Some (equate e e' ++ l) | None => None end
    | S n => if expr_eqb e e' then exprs_match n es es' else None
    end
  | _, _ => None
  end.

(** Where things are, and how much of them, is compared; what is there is equated. *)
Definition item_match (have want : item) : option (list fact) :=
  match have, want with
  | IVirt w r a q v, IVirt w' r' a' q' v' =>
    if (w || negb w') && expr_eqb a a' && expr_eqb r r' && fexpr_eqb q q' then Some (equate v v')
    else None
  | IPhys a q v, IPhys a' q' v' =>
    if expr_eqb a a' && fexpr_eqb q q' then Some (equate v v') else None
  | IClaim w r a q pa, IClaim w' r' a' q' pa' =>
    if eqb w w' && expr_eqb a a' && expr_eqb r r' && fexpr_eqb q q' then Some (equate pa pa')
    else None
  | IRes k q es, IRes k' q' es' =>
    if kind_eqb k k' && fexpr_eqb q q' then exprs_match (kind_keys k) es es' else None
  | _, _ => None
  end.
