(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The states of the symbolic executor: data, without logic.  The executor runs a fragment on them by
    computation.  It never guesses: what matches nothing syntactically takes a hint, which costs residual
    equations; what cannot be done is a value that says where and why. *)

(** * Symbolic states *)
Inductive item :=
  | IVirt (w : bool) (root addr : expr) (q : fexpr) (v : expr)
  | IPhys (addr : expr) (q : fexpr) (v : expr)
  | IClaim (w : bool) (root addr : expr) (q : fexpr) (pa : expr).

Record sstate := SState {
  s_root : expr;
  s_regs : list (reg * expr);
  s_items : list item;
  s_code : list (expr * fexpr);      (* the spaces in which the fragment's code is mapped *)
  s_facts : list fact;
}.

Definition set_regs (l : list (reg * expr)) (s : sstate) : sstate :=
  SState (s_root s) l (s_items s) (s_code s) (s_facts s).
Definition set_items (l : list item) (s : sstate) : sstate :=
  SState (s_root s) (s_regs s) l (s_code s) (s_facts s).
Definition set_root (r : expr) (s : sstate) : sstate :=
  SState r (s_regs s) (s_items s) (s_code s) (s_facts s).

(** How the processor pages: with four or five levels, and the width of physical addresses.  [None] where
    nothing is known but that the mode is the kernel's; what looks into tables needs to know. *)
Record platform := Platform { pf_la57 : bool; pf_maxphyaddr : Z }.
Class the_platform := platform_is : option platform.

(** The items that an access goes through, where they are not found by themselves: the one that translates
    the address, the one that holds the data, and an index in it. *)
Record at_hint := At { at_item : nat; at_data : option nat; at_index : option expr }.

(** * Failure is a value *)
Inductive why :=
  | NoReg (r : reg)                       (* the register is not owned *)
  | NoItem (root addr : expr)             (* nothing is known of this address in this space *)
  | ReadOnly (root addr : expr)           (* a store, but the mapping or the fraction admits reading only *)
  | NoFrame (pa : expr)                   (* claimed, but the physical word is not owned *)
  | CodeUnmapped (root : expr)            (* the fragment's code is not mapped in the current space *)
  | LeftCode (pc : expr)                  (* control is neither in the fragment nor at an exit *)
  | BadHint
  | BadScale
  | UnsupportedForm
  | UnknownFlags                          (* what a condition reads has not been computed here *)
  | OutOfFuel.

Inductive res (A : Type) :=
  | Done (a : A)
  | Fail (w : why).
Global Arguments Done {A} a.
Global Arguments Fail {A} w.
Definition res_bind {A B} (x : res A) (f : A → res B) : res B :=
  match x with Done a => f a | Fail w => Fail w end.
Notation "'let*' p := x 'in' y" := (res_bind x (λ p, y))
  (at level 200, p as pattern, x at level 100, y at level 200, right associativity).

(** * Registers *)
Fixpoint reg_find (r : reg) (l : list (reg * expr)) : option expr :=
  match l with
  | [] => None
  | (s, e) :: l => if reg_eqb s r then Some e else reg_find r l
  end.
Fixpoint reg_put (r : reg) (v : expr) (l : list (reg * expr)) : list (reg * expr) :=
  match l with
  | [] => []
  | (s, e) :: l => if reg_eqb s r then (s, v) :: l else (s, e) :: reg_put r v l
  end.
(** Only general registers are in the list: the root is [s_root]. *)
Definition sget (r : reg) (s : sstate) : res expr :=
  match r with
  | CR3 => Fail (NoReg r)
  | _ => match reg_find r (s_regs s) with Some e => Done e | None => Fail (NoReg r) end
  end.
Definition sput (r : reg) (v : expr) (s : sstate) : res sstate :=
  let* _ := sget r s in Done (set_regs (reg_put r v (s_regs s)) s).
