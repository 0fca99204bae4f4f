(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export kinds.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The states of the symbolic executor: data, without logic.  The executor runs a fragment on them by
    computation.  It never guesses: what matches nothing syntactically takes a hint, which costs residual
    equations; what cannot be done is a value that says where and why. *)

(** * The platform *)
(** What of the paging mode a specification asks: four levels or five, and the width of physical addresses.
    The functions of the executor have it as an implicit argument; [None] where nothing is asked. *)
Record platform := Platform { pf_la57 : bool; pf_maxphyaddr : Z }.
Class the_platform := platform_is : option platform.

(** * Facts that are owed: those that can be seen to hold are not *)
Definition evident (f : fact) : bool :=
  match f with
  | PEq a b => expr_eqb a b
  | PNe (ECst x) (ECst y) => negb (bv_unsigned (Z_to_bv 64 x) =? bv_unsigned (Z_to_bv 64 y))
  | PLt (ECst x) (ECst y) => bv_unsigned (Z_to_bv 64 x) <? bv_unsigned (Z_to_bv 64 y)
  | PLe (ECst x) (ECst y) => bv_unsigned (Z_to_bv 64 x) <=? bv_unsigned (Z_to_bv 64 y)
  | _ => false
  end.
Definition owe (f : fact) : list fact := if evident f then [] else [f].

Lemma evident_sound ρ f : evident f = true → holds ρ f.
Proof.
  destruct f as [a b|a b|a b|a b]; simpl; [by intros ->%expr_eqb_true|..];
    destruct a, b; try done; simpl.
  - intros Hne Heq. by rewrite Heq Z.eqb_refl in Hne.
  - by intros ?%Z.ltb_lt.
  - by intros ?%Z.leb_le.
Qed.
Lemma owe_hold ρ f : Forall (holds ρ) (owe f) → holds ρ f.
Proof.
  rewrite /owe. destruct (evident f) eqn:Hf; [by intros _; apply evident_sound|].
  by intros [? _]%Forall_cons_iff.
Qed.
Lemma holds_owe ρ f l : Forall (holds ρ) (owe f ++ l) → holds ρ f ∧ Forall (holds ρ) l.
Proof. intros [?%owe_hold ?]%Forall_app. done. Qed.

(** * Symbolic states *)
Inductive item :=
  | IVirt (w : bool) (root addr : expr) (q : fexpr) (v : expr)
  | IPhys (addr : expr) (q : fexpr) (v : expr)
  | IClaim (w : bool) (root addr : expr) (q : fexpr) (pa : expr)
  | IRes (k : kind) (q : fexpr) (es : list expr).
Definition ICell (q : fexpr) (c : scell expr) : item := IRes (cell_kind c) q (cell_exprs c).
Definition IBlock (q : fexpr) (b : sblock expr) : item := IRes (block_kind b) q (block_exprs b).
Definition IWalk (q : fexpr) (w : swalk expr) : item := IRes (walk_kind w) q (walk_exprs w).

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

(** * What the run cannot find by itself *)
(** An access: the item that translates its address, the item that holds the data where that is not the same
    or not found by its address, and the index in a block.  In a store to a cell, an index says that the
    entry was absent. *)
Record at_hint := At { at_item : nat; at_data : option nat; at_index : option expr }.

(** Steps without an instruction.  Items are given by their numbers, from 0 on; a path by the items of its
    cells from the root on.  New items come last; where one is gone, those behind it move up. *)
Inductive ghost :=
  | GUnclaim (cell claim : nat)            (* a page of 4 KiB is given back *)
  | GClaim (path : list nat) (i : nat) (w : bool) (root va pa : expr)
                                           (* ... is claimed; the [i]th cell of the path is marked *)
  | GOpen (cell : nat) (gs : list (sregion expr))       (* more may be claimed through the cell *)
  | GReach (path : list nat) (cell : nat) (k : Z) (va : expr)
                                           (* a cell comes to answer for a page of this space *)
  | GReachElsewhere (cell : nat) (k : Z) (root va : expr)
  | GPayElsewhere (cell : nat)             (* nothing is owed to other spaces *)
  | GCode (path : list nat) (i : nat) (twin : list nat) (root : expr)
                                           (* the code is mapped in a space, too (auto/enter.v) *)
  | GNew (n : nat)                         (* a physical word becomes a cell *)
  | GDrop (n : nat)                        (* an item is forgotten *)
  | GSplit (n : nat) (q1 q2 : fexpr)       (* its share in two *)
  | GJoin (n m : nat)                      (* two shares in one *)
  | GSplitBlock (b : nat) (i : expr)       (* a block in two, at an index *)
  | GJoinBlocks (b c : nat)
  | GWord (b : nat)                        (* a block of one word is a word *)
  | GBlock (n : nat)                       (* ... and the reverse *)
  | GForget (b : nat)                      (* what a block holds is forgotten *)
  | GArray (b : nat) (x : positive) (i : expr)     (* a block of one word is one of an array *)
  | GEmpty (k : kind) (es : list expr)     (* a block of no words *)
  | GUnfold (n : nat)                      (* a walk into its first cell and what is behind it *)
  | GDescend (n : nat)                     (* behind an entry that leads to a table is the walk from there *)
  | GAscend (n : nat) (e : expr)           (* ... and the reverse *)
  | GNothing (ks : list Z) (mapped : bool) (es : list expr)    (* behind one that does not is nothing *)
  | GFold (cell : nat) (below : option nat) (claim : option (nat * expr)) (t : expr).
                                           (* a cell of the table [t] and the walk behind it into one *)

(** * Failure is a value *)
(** What a residual fact is about. *)
Inductive tag :=
  | TInstr (offset : Z)    (* an address of this instruction *)
  | TRoot                  (* the space at the exit *)
  | TReg (r : reg)         (* a register of the postcondition *)
  | TItem (n : nat)        (* an item of the postcondition, counted from 0 *)
  | TFact (n : nat).       (* a pure fact of the postcondition *)

Inductive why :=
  | NoReg (r : reg)                       (* the register is not owned *)
  | NoItem (root addr : expr)             (* nothing is known of this address in this space *)
  | ReadOnly (root addr : expr)           (* a store, but the mapping or the fraction admits reading only *)
  | NoFrame (pa : expr)                   (* claimed, but the physical word is not owned *)
  | CodeUnmapped (root : expr)            (* the fragment's code is not mapped in the current space *)
  | LeftCode (pc : expr)                  (* control is neither in the fragment nor at an exit *)
  | BadHint
  | UnknownWord (addr : expr)             (* of the word at this address in a block nothing is known *)
  | NoPlatform                            (* page tables are edited, but the platform is not known *)
  | NotWhole (n : nat)                    (* a ghost step needs all of the item *)
  | NotAnswering (pa : expr)              (* the cell does not answer for the page *)
  | Owes (pa : expr)                      (* the cell owes a flush *)
  | NotClaimable (pa : expr)              (* the page may not be claimed through the cell *)
  | BadScale
  | UnsupportedForm
  | UnknownFlags                          (* what a condition reads has not been computed here *)
  | NotAtEntry (k : nat)                  (* contract [k] is about another place *)
  | Needs (k : nat) (t : tag)             (* the precondition of contract [k] has a part that is not there *)
  | CalleeCode (k : nat)                  (* the callee's code is not in the fragment's, where it is entered *)
  | OutOfScope                            (* a name would be taken for another one *)
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

Lemma res_bind_Done {A B} (x : res A) (f : A → res B) b :
  res_bind x f = Done b → ∃ a, x = Done a ∧ f a = Done b.
Proof. destruct x as [a|w]; [|done]. intros H. by exists a. Qed.

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
