(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export symbolic.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Runs of a fragment: all its paths, to its exits. *)

(** Instructions by their offset from the entry, with their lengths. *)
Notation code_list := (list (Z * (instr * Z))).
(** The same as a trie; the key of offset [z] is [z + 1]. *)
Notation code_trie := (tree (option (instr * Z))).
Definition offset_key (z : Z) : option positive :=
  match z + 1 with Zpos x => Some x | _ => None end.
Fixpoint code_index (l : code_list) : code_trie :=
  match l with
  | [] => Tip
  | (z, i) :: l =>
    match offset_key z with
    | Some x => tree_set (code_index l) x (Some i)
    | None => code_index l
    end
  end.
Definition code_get (t : code_trie) (z : Z) : option (instr * Z) :=
  match offset_key z with Some x => tree_get None t x | None => None end.

(** The offset of [pc] from [base]. *)
Definition offset_from (base pc : expr) : option Z :=
  if expr_eqb base pc then Some 0
  else match pc with
       | EAdd e z => if expr_eqb base e then Some z else None
       | _ => None
       end.

Fixpoint find_exit (n : nat) (pc : expr) (exits : list expr) : option nat :=
  match exits with
  | [] => None
  | e :: exits => if expr_eqb e pc then Some n else find_exit (S n) pc exits
  end.

Fixpoint code_mapped (root : expr) (l : list (expr * fexpr)) : bool :=
  match l with
  | [] => false
  | (r, _) :: l => if expr_eqb r root then true else code_mapped root l
  end.

(** A change of root needs the code of the new space: checked at the next fetch, but also there, since it
    makes the value loadable. *)
Definition root_mapped (i : instr) (s : sstate) : bool :=
  match i with
  | MovToCr3 r => match sget r s with Done v => code_mapped v (s_code s) | Fail _ => true end
  | _ => true
  end.

(** A path of a run that ended at an exit: the state there, and what was assumed on the way, latest
    first. *)
Record leaf := Leaf { l_exit : nat; l_state : sstate; l_path : list fact }.

Definition hints := list (Z * nat).
Definition pop_hint (z : Z) (hs : hints) : option at_hint * hints :=
  match hs with
  | (k, n) :: hs' => if Z.eqb k z then (Some (At n None None), hs') else (None, hs)
  | [] => (None, hs)
  end.

(** What has to be shown: a fact, under what was assumed before (latest first), and the offset of the
    instruction that it is about. *)
Record due := Due { d_path : list fact; d_at : Z; d_fact : fact }.
Fixpoint dues (path : list fact) (z : Z) (l : list fact) (acc : list due) : list due :=
  match l with [] => acc | f :: l => dues path z l (Due path z f :: acc) end.

(** All paths of a run, in order, with what is owed by all of them, latest first; the hints that are left,
    and the names. *)
Inductive run_result :=
  | Paths (l : list leaf) (acc : list due) (hs : hints) (ν : names)
  | StuckAt (offset : Z) (w : why) (s : sstate).

(** [first], and then whatever comes after it. *)
Definition then_run (first : run_result) (rest : list due → hints → names → run_result) : run_result :=
  match first with
  | Paths l1 acc hs ν =>
    match rest acc hs ν with
    | Paths l2 acc hs ν => Paths (l1 ++ l2) acc hs ν
    | stuck => stuck
    end
  | stuck => stuck
  end.

Section run.
  Context {Π : the_platform}.
  (** [given] is the precondition's facts. *)
  Context (base : expr) (code : code_trie) (exits : list expr) (given : list fact).

  (** [last] is the offset of the instruction executed last.  An arm that cannot be taken is left out. *)
  Fixpoint srun (fuel : nat) (last : Z) (pc : expr) (s : sstate) (φ : sflags) (path : list fact)
      (acc : list due) (hs : hints) (ν : names) : run_result :=
    match find_exit 0 pc exits with
    | Some n => Paths [Leaf n s path] acc hs ν
    | None =>
      match fuel with
      | O => StuckAt last OutOfFuel s
      | S fuel =>
        match offset_from base pc with
        | None => StuckAt last (LeftCode pc) s
        | Some z =>
          match code_get code z with
          | None => StuckAt last (LeftCode pc) s
          | Some (i, n) =>
            if code_mapped (s_root s) (s_code s) then
              let '(hint, hs) := pop_hint z hs in
              if root_mapped i s then
                match sstep hint (mk_add base (z + n)) i s φ ν with
                | Done (Straight o) =>
                  srun fuel z (o_pc o) (o_state o) (o_flags o) path
                    (dues path z (o_facts o) acc) hs (o_names o)
                | Done (Fork yes no o o') =>
                  let arm f o acc hs ν :=
                    if refuted (path ++ given) f then Paths [] acc hs ν
                    else srun fuel z (o_pc o) (o_state o) (o_flags o) (f :: path)
                           (dues path z (o_facts o) acc) hs ν in
                  then_run (arm yes o acc hs ν) (arm no o')
                | Fail w => StuckAt z w s
                end
              else
                StuckAt z (match i with
                           | MovToCr3 r => match sget r s with Done v => CodeUnmapped v | Fail w => w end
                           | _ => UnsupportedForm
                           end) s
            else StuckAt z (CodeUnmapped (s_root s)) s
          end
        end
      end
    end.
End run.
