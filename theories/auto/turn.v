(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export enter scope.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Steps of the proof, with those that are about the code, and those that meet values which nobody knows:
    these are given names. *)

Definition word_item (sp : option (bool * expr)) (a : expr) (q : fexpr) (v : expr) : item :=
  match sp with Some (w, r) => IVirt w r a q v | None => IPhys a q v end.
(** A block of which nothing is known. *)
Definition take_any (n : nat) (l : list item) : option (fexpr * sblock expr * list item) :=
  match take_block n l with
  | Done (q, b, l) => match sb_fill b with None => Some (q, b, l) | Some _ => None end
  | Fail _ => None
  end.

(** The state after it, the facts that it owes, those that it teaches, and the names. *)
Definition sturn {Π : the_platform} (base : expr) (code : code_list) (g : ghost) (s : sstate) (ν : names)
    : res (sstate * list fact * list fact * names) :=
  match g with
  | GWord n =>
    match take_any n (s_items s) with
    | Some (q, b, l) =>
      let '(v, ν) := unknown ν in
      Done (set_items (item_put n (word_item (sb_space b) (sb_addr b) q v) l) s,
            owe (PEq (sb_count b) (ECst 1)), [], ν)
    | None => sghost g s ν
    end
  | GCode path i twin root =>
    let* (s, facts) := senter base code path i twin root s in Done (s, facts, [], ν)
  | _ => sghost g s ν
  end.
