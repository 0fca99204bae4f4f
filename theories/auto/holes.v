(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export access items.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Items that are taken out of a state: a hole is left, so that nothing is taken twice. *)

Definition hole : item := IRes (KCell [] [] []) FOne [].
Definition take_cell (n : nat) (l : list item) : res (fexpr * scell expr * list item) :=
  match nth_error l n with
  | Some (IRes k q es) =>
    match open_cell k es with Some c => Done (q, c, item_put n hole l) | None => Fail BadHint end
  | _ => Fail BadHint
  end.
Definition take_whole (n : nat) (l : list item) : res (scell expr * list item) :=
  let* (q, c, l) := take_cell n l in
  match q with FOne => Done (c, l) | _ => Fail (NotWhole n) end.
Fixpoint take_path (ns : list nat) (l : list item) : res (list (fexpr * scell expr) * list item) :=
  match ns with
  | [] => Done ([], l)
  | n :: ns =>
    let* (q, c, l) := take_cell n l in
    let* (cs, l) := take_path ns l in
    Done ((q, c) :: cs, l)
  end.
Fixpoint put_path (ns : list nat) (cs : list (fexpr * scell expr)) (l : list item) : list item :=
  match ns, cs with
  | n :: ns, (q, c) :: cs => item_put n (ICell q c) (put_path ns cs l)
  | _, _ => l
  end.
Fixpoint item_remove (n : nat) (l : list item) : list item :=
  match l, n with
  | [], _ => []
  | _ :: l, O => l
  | i :: l, S n => i :: item_remove n l
  end.
Definition take_walk (n : nat) (l : list item) : res (fexpr * swalk expr * list item) :=
  match nth_error l n with
  | Some (IRes k q es) =>
    match open_walk k es with Some w => Done (q, w, item_put n hole l) | None => Fail BadHint end
  | _ => Fail BadHint
  end.
