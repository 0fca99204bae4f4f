(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export symbolic.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Specifications as data. *)

(** Instructions by their offset from the entry, with their lengths. *)
Notation code_list := (list (Z * (instr * Z))).
(** The same as a trie. *)
Notation code_trie := (tree (option (instr * Z))).
Definition offset_key (z : Z) : positive :=
  match z with Z0 => xH | Zpos x => xO x | Zneg x => xI x end.
Fixpoint code_index (l : code_list) : code_trie :=
  match l with
  | [] => Tip
  | (z, i) :: l => tree_set (code_index l) (offset_key z) (Some i)
  end.
Definition code_get (t : code_trie) (z : Z) : option (instr * Z) := tree_get None t (offset_key z).

(** The same code, seen from an entry that lies [d] bytes before. *)
Definition code_moved (d : Z) (l : code_list) : code_list := map (λ x, (d + x.1, x.2)) l.
(** Whether [small], moved by [d], is part of [large]: so is its ownership. *)
Fixpoint code_remove (z : Z) (i : instr) (n : Z) (l : code_list) : option code_list :=
  match l with
  | [] => None
  | (z', (i', n')) :: l =>
    if Z.eqb z z' then if Z.eqb n n' && bool_decide (i = i') then Some l else None
    else match code_remove z i n l with Some l => Some ((z', (i', n')) :: l) | None => None end
  end.
Fixpoint code_covers (d : Z) (large small : code_list) : bool :=
  match small with
  | [] => true
  | (z, (i, n)) :: small =>
    match code_remove (d + z) i n large with Some large => code_covers d large small | None => false end
  end.

(** The offset of [pc] from [base]. *)
Definition offset_from (base pc : expr) : option Z :=
  if expr_eqb base pc then Some 0
  else match pc with
       | EAdd e z => if expr_eqb base e then Some z else None
       | _ => None
       end.

(** A place that control comes to: where, the names that its assertion binds with the values that they have
    there unless a plan says otherwise, and the assertion. *)
Record post := Post { p_exit : expr; p_witness : defs; p_state : sstate }.

Record spec := Spec {
  sp_base : expr;          (* the entry *)
  sp_code : code_list;
  sp_pre : sstate;
  sp_posts : list post;    (* the exits; several at one address are alternatives *)
  sp_cuts : list post;     (* labels inside, with what holds there whenever control comes by: invariants *)
  sp_next : positive;      (* above every parameter *)
  sp_platform : option platform;
}.

(** Where control may stop. *)
Definition sp_ends (sp : spec) : list post := sp_posts sp ++ sp_cuts sp.

(** Names of a run begin above those of the parameters and of all ends. *)
Definition above (n : positive) (p : post) : positive :=
  fold_left (λ n d, Pos.max n (Pos.succ d.1)) (p_witness p) n.
Definition first_name (sp : spec) : positive := fold_left above (sp_ends sp) (sp_next sp).

(** What may be used of a function without looking into it: a specification, known to hold for those values
    of its variables at which each of the expressions [ct_fixed] over them has the value of an expression
    over those of the caller.  There are none where it holds for all values; the entry is fixed where it is
    assumed of one address. *)
Record contract := Contract { ct_spec : spec; ct_fixed : list (expr * expr) }.
