(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export items.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Entailment between symbolic states: each part of what is wanted is found and taken.  What is left over is
    forgotten at an exit, and is the frame of a call. *)

Fixpoint item_take (want : item) (l : list item) : option (list fact * list item) :=
  match l with
  | [] => None
  | i :: l =>
    match item_match i want with
    | Some facts => Some (facts, l)
    | None => match item_take want l with
              | Some (facts, l) => Some (facts, i :: l)
              | None => None
              end
    end
  end.
Fixpoint code_take (want : expr * fexpr) (l : list (expr * fexpr)) : option (list (expr * fexpr)) :=
  match l with
  | [] => None
  | c :: l =>
    if expr_eqb c.1 want.1 && fexpr_eqb c.2 want.2 then Some l
    else match code_take want l with Some l => Some (c :: l) | None => None end
  end.
Fixpoint reg_take (r : reg) (l : list (reg * expr)) : option (expr * list (reg * expr)) :=
  match l with
  | [] => None
  | (s, e) :: l =>
    if reg_eqb s r then Some (e, l)
    else match reg_take r l with Some (e', l) => Some (e', (s, e) :: l) | None => None end
  end.

Definition with_tag (t : tag) (l : list fact) : list (tag * fact) := map (pair t) l.

Inductive matched (A : Type) :=
  | Match (a : A)
  | NoMatch (t : tag).
Global Arguments Match {A} a.
Global Arguments NoMatch {A} t.

Fixpoint take_regs (have want : list (reg * expr))
    : matched (list (tag * fact) * list (reg * expr)) :=
  match want with
  | [] => Match ([], have)
  | (r, e') :: want =>
    match reg_take r have with
    | None => NoMatch (TReg r)
    | Some (e, have) =>
      match take_regs have want with
      | Match (l, rest) => Match (with_tag (TReg r) (equate e e') ++ l, rest)
      | no => no
      end
    end
  end.
Fixpoint take_items (n : nat) (have want : list item) : matched (list (tag * fact) * list item) :=
  match want with
  | [] => Match ([], have)
  | i :: want =>
    match item_take i have with
    | None => NoMatch (TItem n)
    | Some (facts, have) =>
      match take_items (S n) have want with
      | Match (l, rest) => Match (with_tag (TItem n) facts ++ l, rest)
      | no => no
      end
    end
  end.
Fixpoint take_code (n : nat) (have want : list (expr * fexpr)) : matched (list (expr * fexpr)) :=
  match want with
  | [] => Match have
  | c :: want =>
    match code_take c have with
    | None => NoMatch (TItem n)
    | Some have => take_code (S n) have want
    end
  end.
Fixpoint goals_of (n : nat) (l : list fact) : list (tag * fact) :=
  match l with
  | [] => []
  | f :: l =>
    match f with
    | PEq a b => if expr_eqb a b then goals_of (S n) l else (TFact n, f) :: goals_of (S n) l
    | _ => (TFact n, f) :: goals_of (S n) l
    end
  end.
(** The facts under which [want] is in [have], and what is left of [have].  Code counts after the items. *)
Definition take_state (have want : sstate) : matched (list (tag * fact) * sstate) :=
  match take_regs (s_regs have) (s_regs want),
        take_items 0 (s_items have) (s_items want),
        take_code (length (s_items want)) (s_code have) (s_code want) with
  | Match (l1, regs), Match (l2, items), Match code =>
    Match (with_tag TRoot (equate (s_root have) (s_root want)) ++ l1 ++ l2 ++ goals_of 0 (s_facts want),
           SState (s_root have) regs items code [])
  | NoMatch t, _, _ | _, NoMatch t, _ | _, _, NoMatch t => NoMatch t
  end.
