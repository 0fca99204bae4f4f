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
  end.
Definition item_map (f : expr → expr) (g : fexpr → fexpr) (i : item) : item :=
  match i with
  | IVirt w r a q v => IVirt w (f r) (f a) (g q) (f v)
  | IPhys a q v => IPhys (f a) (g q) (f v)
  | IClaim w r a q pa => IClaim w (f r) (f a) (g q) (f pa)
  end.

(** Where two expressions differ, it is a fact that they are equal. *)
Definition equate (a b : expr) : list fact := if expr_eqb a b then [] else [PEq a b].

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
  | _, _ => None
  end.
