(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export items.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Entailment between symbolic states: each part of what is wanted is found and taken; what is left over
    is forgotten. *)

(** What a residual fact is about. *)
Inductive tag :=
  | TInstr (offset : Z)    (* an address of this instruction *)
  | TRoot                  (* the space at the exit *)
  | TReg (r : reg)         (* a register of the postcondition *)
  | TItem (n : nat)        (* an item of the postcondition, counted from 0 *)
  | TFact (n : nat).       (* a pure fact of the postcondition *)

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

Fixpoint match_regs (have want : list (reg * expr)) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | (r, e') :: want =>
    match reg_take r have with
    | None => NoMatch (TReg r)
    | Some (e, have) =>
      match match_regs have want with
      | Match l => Match (with_tag (TReg r) (equate e e') ++ l)
      | no => no
      end
    end
  end.
Fixpoint match_items (n : nat) (have want : list item) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | i :: want =>
    match item_take i have with
    | None => NoMatch (TItem n)
    | Some (facts, have) =>
      match match_items (S n) have want with
      | Match l => Match (with_tag (TItem n) facts ++ l)
      | no => no
      end
    end
  end.
Fixpoint match_code (n : nat) (have want : list (expr * fexpr)) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | c :: want =>
    match code_take c have with
    | None => NoMatch (TItem n)
    | Some have => match_code (S n) have want
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
(** Code of the postcondition counts after its items. *)
Definition match_state (have want : sstate) : matched (list (tag * fact)) :=
  match match_regs (s_regs have) (s_regs want),
        match_items 0 (s_items have) (s_items want),
        match_code (length (s_items want)) (s_code have) (s_code want) with
  | Match l1, Match l2, Match l3 =>
    Match (with_tag TRoot (equate (s_root have) (s_root want)) ++ l1 ++ l2 ++ l3 ++
           goals_of 0 (s_facts want))
  | NoMatch t, _, _ | _, NoMatch t, _ | _, _, NoMatch t => NoMatch t
  end.
