(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export items symbolic.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Scopes of symbolic states, and substitution. *)

(** * Scoping *)
Section scope.
  Context (ok : positive → bool).

  Fixpoint expr_scoped (e : expr) : bool :=
    match e with
    | EVar x => ok x
    | ECst _ => true
    | EAdd e _ => expr_scoped e
    | EOp _ a b => expr_scoped a && expr_scoped b
    | ESel _ i => expr_scoped i
    end.
  Definition item_scoped (i : item) : bool := forallb expr_scoped (item_exprs i).
  Definition fact_scoped (f : fact) : bool :=
    match f with PEq a b | PNe a b | PLt a b | PLe a b => expr_scoped a && expr_scoped b end.
  Definition state_scoped (s : sstate) : bool :=
    expr_scoped (s_root s) && forallb (λ x, expr_scoped x.2) (s_regs s) &&
    forallb item_scoped (s_items s) && forallb (λ x, expr_scoped x.1) (s_code s) &&
    forallb fact_scoped (s_facts s).
End scope.

Definition below (n x : positive) : bool := Pos.ltb x n.
Definition bound_or_below (n : positive) (ds : defs) (x : positive) : bool :=
  below n x || existsb (λ d, Pos.eqb d.1 x) ds.
(** Names in increasing order from [n] on; what one stands for is over what comes before it. *)
Fixpoint names_scoped (n : positive) (ds : telescope) : bool :=
  match ds with
  | [] => true
  | (x, o) :: ds =>
    Pos.leb n x && match o with Some e => expr_scoped (below x) e | None => true end &&
    names_scoped (Pos.succ x) ds
  end.
Definition flags_scoped (ok : positive → bool) (φ : sflags) : bool :=
  match φ with
  | FlagsAny => true
  | FlagsResult _ v | FlagsLogic _ v | FlagsBit v => expr_scoped ok v
  | FlagsSub _ a b => expr_scoped ok a && expr_scoped ok b
  | FlagsCarry _ v yes no => expr_scoped ok v && fact_scoped ok yes && fact_scoped ok no
  end.

(** * Substitution of words and fractions *)
Notation shares := (list (positive * fexpr)).
Section subst.
  Context (ds : defs) (qs : shares).

  Fixpoint def_find (x : positive) (l : defs) : option expr :=
    match l with [] => None | (y, e) :: l => if Pos.eqb y x then Some e else def_find x l end.
  Fixpoint subst (e : expr) : expr :=
    match e with
    | EVar x => match def_find x ds with Some e => e | None => EVar x end
    | ECst _ => e
    | EAdd e z => mk_add (subst e) z
    | EOp op a b => mk_op op (subst a) (subst b)
    | ESel x i => ESel x (subst i)
    end.
  Fixpoint share_find (x : positive) (l : shares) : option fexpr :=
    match l with [] => None | (y, q) :: l => if Pos.eqb y x then Some q else share_find x l end.
  Definition fsubst (q : fexpr) : fexpr :=
    match q with
    | FVar x => match share_find x qs with Some q => q | None => FVar x end
    | _ => q
    end.
  Definition subst_item : item → item := item_map subst fsubst.
  Definition subst_fact (f : fact) : fact :=
    match f with
    | PEq a b => PEq (subst a) (subst b)
    | PNe a b => PNe (subst a) (subst b)
    | PLt a b => PLt (subst a) (subst b)
    | PLe a b => PLe (subst a) (subst b)
    end.
  Definition subst_state (s : sstate) : sstate :=
    SState (subst (s_root s)) (map (λ x, (x.1, subst x.2)) (s_regs s)) (map subst_item (s_items s))
      (map (λ x, (subst x.1, fsubst x.2)) (s_code s)) (map subst_fact (s_facts s)).
End subst.
