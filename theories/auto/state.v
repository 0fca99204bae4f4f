(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export conditions.
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

(** * Resources *)
(** A resource is a kind, which is known, a share, and expressions.

    [KCell reach claimed owed]: a cell of a page table.  The expressions are its address and its entry, and
    then, for each [Some k] of the three lists in turn, a root and an address: the page of [2 ^ k] bytes
    around it in that space.  [None] is [Everywhere].

    [KBlock space c]: words from an address on, in physical memory or in a space, where they are writable or
    not.  The expressions are the root, in a space, the address, the number of words, and: what they all
    are, or the index of the first of them in an array. *)
Inductive content := CAny | CFill | CArr (x : positive).
Inductive kind :=
  | KCell (reach claimed owed : list (option Z))
  | KBlock (space : option bool) (c : content).

(** The pages that a cell speaks of. *)
Notation sregion A := (option (Z * A * A)).
Record scell (A : Type) := CellData {
  sc_addr : A; sc_entry : A;
  sc_reach : list (sregion A); sc_claimed : list (sregion A); sc_owed : list (sregion A) }.
Global Arguments CellData {A} _ _ _ _ _.
Global Arguments sc_addr {A} _.
Global Arguments sc_entry {A} _.
Global Arguments sc_reach {A} _.
Global Arguments sc_claimed {A} _.
Global Arguments sc_owed {A} _.

Fixpoint take_regions {A} (l : list (option Z)) (es : list A) : option (list (sregion A) * list A) :=
  match l with
  | [] => Some ([], es)
  | None :: l =>
    match take_regions l es with Some (gs, es) => Some (None :: gs, es) | None => None end
  | Some k :: l =>
    match es with
    | r :: a :: es =>
      match take_regions l es with Some (gs, es) => Some (Some (k, r, a) :: gs, es) | None => None end
    | _ => None
    end
  end.
Definition open_cell {A} (k : kind) (es : list A) : option (scell A) :=
  match k, es with
  | KCell reach claimed owed, pa :: e :: es =>
    match take_regions reach es with
    | Some (gs1, es) =>
      match take_regions claimed es with
      | Some (gs2, es) =>
        match take_regions owed es with
        | Some (gs3, []) => Some (CellData pa e gs1 gs2 gs3)
        | _ => None
        end
      | None => None
      end
    | None => None
    end
  | _, _ => None
  end.
Definition region_level {A} (g : sregion A) : option Z :=
  match g with Some (k, _, _) => Some k | None => None end.
Definition region_exprs {A} (g : sregion A) : list A :=
  match g with Some (_, r, a) => [r; a] | None => [] end.
Definition cell_kind {A} (c : scell A) : kind :=
  KCell (map region_level (sc_reach c)) (map region_level (sc_claimed c)) (map region_level (sc_owed c)).
Definition cell_exprs {A} (c : scell A) : list A :=
  sc_addr c :: sc_entry c :: concat (map region_exprs (sc_reach c ++ sc_claimed c ++ sc_owed c)).

Lemma take_regions_exprs {A} (gs : list (sregion A)) es :
  take_regions (map region_level gs) (concat (map region_exprs gs) ++ es) = Some (gs, es).
Proof. induction gs as [|[[[k r] a]|] gs IH]; simpl; [done|by rewrite IH..]. Qed.
Lemma open_cell_exprs {A} (c : scell A) : open_cell (cell_kind c) (cell_exprs c) = Some c.
Proof.
  destruct c as [pa e g1 g2 g3]. rewrite /= !map_app !concat_app.
  rewrite take_regions_exprs take_regions_exprs.
  by rewrite -(app_nil_r (concat (map region_exprs g3))) take_regions_exprs.
Qed.

(** Blocks. *)
Inductive sfill (A : Type) := FAll (v : A) | FArr (x : positive) (start : A).
Global Arguments FAll {A} _.
Global Arguments FArr {A} _ _.
Record sblock (A : Type) := BlockData {
  sb_space : option (bool * A);     (* writable, and the root *)
  sb_addr : A; sb_count : A; sb_fill : option (sfill A) }.
Global Arguments BlockData {A} _ _ _ _.
Global Arguments sb_space {A} _.
Global Arguments sb_addr {A} _.
Global Arguments sb_count {A} _.
Global Arguments sb_fill {A} _.
Definition open_block {A} (k : kind) (es : list A) : option (sblock A) :=
  match k, es with
  | KBlock None CAny, [a; n] => Some (BlockData None a n None)
  | KBlock None CFill, [a; n; v] => Some (BlockData None a n (Some (FAll v)))
  | KBlock None (CArr x), [a; n; i] => Some (BlockData None a n (Some (FArr x i)))
  | KBlock (Some w) CAny, [r; a; n] => Some (BlockData (Some (w, r)) a n None)
  | KBlock (Some w) CFill, [r; a; n; v] => Some (BlockData (Some (w, r)) a n (Some (FAll v)))
  | KBlock (Some w) (CArr x), [r; a; n; i] => Some (BlockData (Some (w, r)) a n (Some (FArr x i)))
  | _, _ => None
  end.
Definition block_kind {A} (b : sblock A) : kind :=
  KBlock (match sb_space b with Some (w, _) => Some w | None => None end)
    (match sb_fill b with Some (FAll _) => CFill | Some (FArr x _) => CArr x | None => CAny end).
Definition block_exprs {A} (b : sblock A) : list A :=
  match sb_space b with Some (_, r) => [r] | None => [] end ++ [sb_addr b; sb_count b] ++
  match sb_fill b with Some (FAll v) => [v] | Some (FArr _ i) => [i] | None => [] end.
Lemma open_block_exprs {A} (b : sblock A) : open_block (block_kind b) (block_exprs b) = Some b.
Proof. by destruct b as [[[w r]|] a n [[v|x i]|]]. Qed.

(** * Symbolic states *)
Inductive item :=
  | IVirt (w : bool) (root addr : expr) (q : fexpr) (v : expr)
  | IPhys (addr : expr) (q : fexpr) (v : expr)
  | IClaim (w : bool) (root addr : expr) (q : fexpr) (pa : expr)
  | IRes (k : kind) (q : fexpr) (es : list expr).
Definition ICell (q : fexpr) (c : scell expr) : item := IRes (cell_kind c) q (cell_exprs c).
Definition IBlock (q : fexpr) (b : sblock expr) : item := IRes (block_kind b) q (block_exprs b).

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
  | GEmpty (k : kind) (es : list expr).    (* a block of no words *)

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
