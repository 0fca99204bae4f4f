(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export state.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Memory of symbolic states: where an access goes, what it reads and what it leaves. *)

Fixpoint item_put (n : nat) (i : item) (l : list item) : list item :=
  match l, n with
  | [], _ => []
  | _ :: l, O => i :: l
  | j :: l, S n => j :: item_put n i l
  end.
Fixpoint item_find {A} (f : item → option A) (l : list item) : option (nat * A) :=
  match l with
  | [] => None
  | i :: l =>
    match f i with
    | Some a => Some (O, a)
    | None => match item_find f l with Some (n, a) => Some (S n, a) | None => None end
    end
  end.

(** Where an access goes: a virtual points-to, or a claim and a physical word.  [k_item] holds the data. *)
Record place := Place { k_item : nat; k_write : bool; k_full : bool; k_value : expr }.

Definition is_full (q : fexpr) : bool := match q with FOne => true | _ => false end.

Inductive target_item :=
  | ToVirt (w : bool) (q : fexpr) (v : expr)
  | ToClaim (w : bool) (pa : expr).
Definition match_virt (root addr : expr) (i : item) : option target_item :=
  match i with
  | IVirt w r a q v =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToVirt w q v) else None else None
  | IClaim w r a q pa =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToClaim w pa) else None else None
  | IPhys _ _ _ => None
  end.
Definition match_phys (pa : expr) (i : item) : option (fexpr * expr) :=
  match i with
  | IPhys a q v => if expr_eqb a pa then Some (q, v) else None
  | _ => None
  end.

Definition to_place (n : nat) (t : target_item) (items : list item) : res place :=
  match t with
  | ToVirt w q v => Done (Place n w (is_full q) v)
  | ToClaim w pa =>
    match item_find (match_phys pa) items with
    | Some (m, (q, v)) => Done (Place m w (is_full q) v)
    | None => Fail (NoFrame pa)
    end
  end.
Definition hinted (root addr : expr) (i : item) : option (target_item * list fact) :=
  match i with
  | IVirt w r a q v => Some (ToVirt w q v, [PEq addr a; PEq root r])
  | IClaim w r a q pa => Some (ToClaim w pa, [PEq addr a; PEq root r])
  | IPhys _ _ _ => None
  end.
Definition find_place (hint : option at_hint) (addr : expr) (s : sstate) : res (place * list fact) :=
  match hint with
  | None =>
    match item_find (match_virt (s_root s) addr) (s_items s) with
    | Some (n, t) => let* k := to_place n t (s_items s) in Done (k, [])
    | None => Fail (NoItem (s_root s) addr)
    end
  | Some (At n None None) =>
    match nth_error (s_items s) n with
    | Some i =>
      match hinted (s_root s) addr i with
      | Some (t, facts) => let* k := to_place n t (s_items s) in Done (k, facts)
      | None => Fail BadHint
      end
    | None => Fail BadHint
    end
  | Some _ => Fail BadHint
  end.
Definition item_set_value (v : expr) (i : item) : item :=
  match i with
  | IVirt w r a q _ => IVirt w r a q v
  | IPhys a q _ => IPhys a q v
  | IClaim _ _ _ _ _ => i
  end.

Definition sload (hint : option at_hint) (write : bool) (addr : expr) (s : sstate)
    : res (expr * list fact) :=
  let* (k, facts) := find_place hint addr s in
  if negb write || k_write k then Done (k_value k, facts) else Fail (ReadOnly (s_root s) addr).
Definition sstore (hint : option at_hint) (addr v : expr) (s : sstate) : res (sstate * list fact) :=
  let* (k, facts) := find_place hint addr s in
  if k_write k && k_full k then
    match nth_error (s_items s) (k_item k) with
    | Some i => Done (set_items (item_put (k_item k) (item_set_value v i) (s_items s)) s, facts)
    | None => Fail BadHint
    end
  else Fail (ReadOnly (s_root s) addr).
