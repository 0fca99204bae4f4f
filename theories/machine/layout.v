(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list strings.
From rocqgen.machine Require Export walk.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Paging modes as data.  A [layout] is what a memory-model spec says of an architecture's tables,
    one field for each of its keys; here are its interpretation and [layout_problems], which finds by
    computation what does not fit together, and says where. *)

(** * Conditions *)
Inductive cond (A : Type) :=
  | Always
  | Never
  | Is (a : A)
  | Control (name : string)     (* the control is on *)
  | Not (c : cond A)
  | And (c d : cond A)
  | Or (c d : cond A).
Global Arguments Always {A}.
Global Arguments Never {A}.
Global Arguments Is {A} a.
Global Arguments Control {A} name.
Global Arguments Not {A} c.
Global Arguments And {A} c d.
Global Arguments Or {A} c d.

Declare Scope cond_scope.
Delimit Scope cond_scope with cond.
Bind Scope cond_scope with cond.
Notation "~~ c" := (Not c) (at level 35, right associativity) : cond_scope.
Notation "c && d" := (And c d) : cond_scope.
Notation "c || d" := (Or c d) : cond_scope.

Fixpoint holds {A} (on : controls) (truth : A → bool) (c : cond A) : bool :=
  match c with
  | Always => true
  | Never => false
  | Is a => truth a
  | Control name => on name
  | Not c => negb (holds on truth c)
  | And c d => holds on truth c && holds on truth d
  | Or c d => holds on truth c || holds on truth d
  end.
Fixpoint atoms {A} (c : cond A) : list A :=
  match c with
  | Is a => [a]
  | Not c => atoms c
  | And c d | Or c d => atoms c ++ atoms d
  | _ => []
  end.

Fixpoint no_controls {A} (c : cond A) : bool :=
  match c with
  | Control _ => false
  | Not c => no_controls c
  | And c d | Or c d => no_controls c && no_controls d
  | _ => true
  end.

(** Of an entry or a root register: the bits from [high] down to [low], both included. *)
Inductive test :=
  | Any (high low : Z)            (* one of them is set *)
  | Equal (high low value : Z).
Definition field (high low w : Z) : Z := Z.land (w ≫ low) (Z.ones (high - low + 1)).
Definition test_holds (w : Z) (t : test) : bool :=
  match t with
  | Any high low => negb (field high low w =? 0)
  | Equal high low value => field high low w =? value
  end.
Notation bits_cond := (cond test).

(** Of the rights of a translation. *)
Inductive right := RightRead | RightWrite | RightUser | RightExec | RightUserExec.
Definition has (r : rights) (x : right) : bool :=
  match x with
  | RightRead => r_read r | RightWrite => r_write r | RightUser => r_user r
  | RightExec => r_exec r | RightUserExec => r_user_exec r
  end.
Notation rights_cond := (cond right).

(** Short names, for who writes layouts. *)
Module conditions.
  Definition on {A} (name : string) : cond A := Control name.
  Definition bit (n : Z) : bits_cond := Is (Any n n).
  Definition any (high low : Z) : bits_cond := Is (Any high low).
  Definition equal (high low value : Z) : bits_cond := Is (Equal high low value).
  Definition read : rights_cond := Is RightRead.
  Definition write : rights_cond := Is RightWrite.
  Definition user : rights_cond := Is RightUser.
  Definition exec : rights_cond := Is RightExec.
  Definition user_exec : rights_cond := Is RightUserExec.
End conditions.

(** * Layouts *)
(** Bits that hold a physical address, whose bit [ad_shift] is the lowest of them; the bits of the
    address below that are 0. *)
Record address_bits := AddressBits { ad_high : Z; ad_low : Z; ad_shift : Z }.
Definition address_of (f : address_bits) (w : Z) : Z :=
  field (ad_high f) (ad_low f) w ≪ ad_shift f.

(** When an entry grants each right; the last is that its dirty bit is set or is set by itself. *)
Record grants := Grants {
  gr_read : bits_cond; gr_write : bits_cond; gr_user : bits_cond;
  gr_exec : bits_cond; gr_user_exec : bits_cond; gr_dirty : bits_cond }.
Definition grants_all : grants := Grants Always Always Always Always Always Always.

(** What holds of the present entries of one kind, tables or leaves, in one level. *)
Record kind := Kind {
  kd_reserved : bits_cond;     (* where it holds, something reserved is there, as in [ly_reserved] *)
  kd_accessed : bits_cond;     (* where not, software has to set the accessed bit first *)
  kd_grants : grants;
}.

Record level_layout := LevelLayout {
  ll_name : string;
  ll_high : Z; ll_low : Z;           (* the bits of an address that index the level's tables *)
  ll_registers : bool;               (* the entries are loaded with the root *)
  ll_leaf_if : bits_cond;
  ll_table : option kind;            (* [None] where no entry can lead to a table *)
  ll_leaf : option kind;
}.

Inductive extension := ZeroExtended | OneExtended | SignExtended.
(** What becomes of an address above the physical addresses that an implementation has. *)
Inductive excess := ExcessReserved | ExcessFault | ExcessIgnored.
Inductive misfit := MisfitReserved | MisfitAbsent.

(** Which accesses rights admit. *)
Record accesses := Accesses {
  ac_read : rights_cond; ac_write : rights_cond; ac_fetch : rights_cond }.

Record layout := Layout {
  ly_virtual : Z;                    (* the bits of an address that are translated *)
  ly_pointer : Z;                    (* the bits that it has *)
  ly_physical : Z;                   (* the bits of a physical address, at most *)
  ly_extension : extension;          (* what the bits of a pointer above the translated ones are *)
  ly_root : address_bits;
  ly_root_reserved : bits_cond;
  ly_width : entry_width;
  ly_present : bits_cond;
  ly_reserved : bits_cond;           (* what is reserved in all present entries *)
  ly_address : address_bits;
  ly_excess : excess;
  ly_misfit : misfit;                (* what a leaf is where only tables can be, and the reverse *)
  ly_levels : list level_layout;     (* from the root down *)
  ly_supervisor : accesses;
  ly_user : accesses;
}.

(** * The interpretation *)
Section interpretation.
  Context (ly : layout) (on : controls) (physical : Z).

  Definition grant (g : grants) (e : Z) : rights :=
    let ok := holds on (test_holds e) in
    Rights (ok (gr_read g)) (ok (gr_write g)) (ok (gr_user g)) (ok (gr_exec g))
      (ok (gr_user_exec g)) (ok (gr_dirty g)).

  Definition fits (pa : Z) : bool := pa ≫ physical =? 0.

  (** A present entry, the kind of which may be impossible in its level. *)
  Definition decode_kind (l : level_layout) (leaf : bool) (k : option kind) (e : Z) : entry :=
    let reserved := Invalid (if ll_registers l then BadRegister else ReservedBit) in
    match k with
    | None => match ly_misfit ly with MisfitReserved => reserved | MisfitAbsent => Absent end
    | Some k =>
      let pa := address_of (ly_address ly) e in
      if holds on (test_holds e) (ly_reserved ly) || holds on (test_holds e) (kd_reserved k)
      then reserved
      else if fits pa || match ly_excess ly with ExcessIgnored => true | _ => false end then
        if negb (holds on (test_holds e) (kd_accessed k)) then Invalid Unaccessed
        else if leaf then Page (pa ≫ ll_low l ≪ ll_low l) (grant (kd_grants k) e)
        else Table pa (grant (kd_grants k) e)
      else match ly_excess ly with ExcessReserved => reserved | _ => Invalid HighAddress end
    end.
  Definition decode (l : level_layout) (e : Z) : entry :=
    if negb (holds on (test_holds e) (ly_present ly)) then Absent
    else
      let leaf := holds on (test_holds e) (ll_leaf_if l) in
      decode_kind l leaf (if leaf then ll_leaf l else ll_table l) e.

  Definition level_of (l : level_layout) : level :=
    Level (ll_low l) (ll_high l - ll_low l + 1)
      match ll_table l, ll_leaf l with
      | _, None => LeafNever
      | None, Some _ => LeafAlways
      | Some _, Some _ => LeafSome
      end.
  (** Levels are told apart by where their indices begin. *)
  Fixpoint decode_at (ls : list level_layout) (shift e : Z) : entry :=
    match ls with
    | [] => Absent
    | l :: ls => if ll_low l =? shift then decode l e else decode_at ls shift e
    end.

  Definition canonical (va : word) : bool :=
    let upper := bv_unsigned va ≫ ly_virtual ly in
    let ones := 2 ^ (ly_pointer ly - ly_virtual ly) - 1 in
    match ly_extension ly with
    | ZeroExtended => upper =? 0
    | OneExtended => upper =? ones
    | SignExtended => upper =? if Z.testbit (bv_unsigned va) (ly_virtual ly - 1) then ones else 0
    end.

  Definition root_allowed (root : word) : bool :=
    negb (holds on (test_holds (bv_unsigned root)) (ly_root_reserved ly)).
  Definition root_table (root : word) : Z := address_of (ly_root ly) (bv_unsigned root).
  Definition root_fits (root : word) : bool :=
    match ly_excess ly with ExcessIgnored => true | _ => fits (root_table root) end.
End interpretation.

Definition admits_access (ly : layout) (on : controls) (user : bool) (r : rights) (a : access)
    : bool :=
  let x := if user then ly_user ly else ly_supervisor ly in
  holds on (has r) match a with Read => ac_read x | Write => ac_write x | Fetch => ac_fetch x end.
Definition dirty_enough (r : rights) (a : access) : bool :=
  match a with Write => r_dirty r | _ => true end.

(** * What does not fit together *)
Inductive problem :=
  | WrongWidths (virtual pointer : Z)
  | NoLevel
  | WrongIndex (level : string) (high expected : Z)  (* it should begin below the level above *)
  | EmptyIndex (level : string)
  | WrongField (place : string) (t : test)           (* no bits, beyond the word, too large a value *)
  | WrongAddress (place : string)
  | NoEntries (level : string)
  | DeadEnd (level : string)                         (* no table in a level that is not the last *)
  | Bottomless (level : string)                      (* a table in the last level *)
  | SmallPage (level : string) (shift : Z)           (* below 4 KiB, or finer than frames *)
  | BigTable (level : string) (bytes : Z)            (* larger than the tables' alignment *)
  | PresentZero.                                     (* a zeroed table should map nothing *)

Definition require (b : bool) (p : problem) : list problem := if b then [] else [p].

Definition test_ok (width : Z) (t : test) : bool :=
  match t with
  | Any high low => (0 <=? low) && (low <=? high) && (high <? width)
  | Equal high low value =>
    (0 <=? low) && (low <=? high) && (high <? width) && (0 <=? value) &&
    (value <? 2 ^ (high - low + 1))
  end.
Definition cond_problems (width : Z) (place : string) (c : bits_cond) : list problem :=
  t ← atoms c; require (test_ok width t) (WrongField place t).
Definition address_ok (width physical : Z) (f : address_bits) : bool :=
  (0 <=? ad_low f) && (ad_low f <=? ad_high f) && (ad_high f <? width) && (0 <=? ad_shift f) &&
  (ad_shift f + (ad_high f - ad_low f + 1) <=? physical).

Definition kind_problems (width : Z) (place : string) (k : option kind) : list problem :=
  match k with
  | None => []
  | Some (Kind reserved accessed (Grants r w u x ux d)) =>
    c ← [reserved; accessed; r; w; u; x; ux; d]; cond_problems width place c
  end.

Section problems.
  Context (ly : layout).
  Let width : Z := 8 * entry_bytes (ly_width ly).

  Definition table_bytes (l : level_layout) : Z :=
    entry_bytes (ly_width ly) * 2 ^ (ll_high l - ll_low l + 1).

  (** [top] is the bit above the index, [shift] what addresses of such tables leave out. *)
  Definition level_problems (top shift : Z) (bottom : bool) (l : level_layout) : list problem :=
    require (ll_high l + 1 =? top) (WrongIndex (ll_name l) (ll_high l) (top - 1)) ++
    require (ll_low l <=? ll_high l) (EmptyIndex (ll_name l)) ++
    require ((12 <=? ll_low l) && (ad_shift (ly_address ly) <=? ll_low l))
      (SmallPage (ll_name l) (ll_low l)) ++
    require (table_bytes l <=? 2 ^ shift) (BigTable (ll_name l) (table_bytes l)) ++
    match ll_table l, ll_leaf l with
    | None, None => [NoEntries (ll_name l)]
    | None, Some _ => require bottom (DeadEnd (ll_name l))
    | Some _, _ => require (negb bottom) (Bottomless (ll_name l))
    end ++
    cond_problems width (ll_name l) (ll_leaf_if l) ++
    kind_problems width (ll_name l) (ll_table l) ++
    kind_problems width (ll_name l) (ll_leaf l).

  Fixpoint levels_problems (top shift : Z) (ls : list level_layout) : list problem :=
    match ls with
    | [] => []
    | l :: ls =>
      level_problems top shift (bool_decide (ls = [])) l ++
      levels_problems (ll_low l) (ad_shift (ly_address ly)) ls
    end.

  Definition layout_problems : list problem :=
    require ((0 <? ly_virtual ly) && (ly_virtual ly <=? ly_pointer ly) && (ly_pointer ly <=? 64))
      (WrongWidths (ly_virtual ly) (ly_pointer ly)) ++
    require (address_ok 64 (ly_physical ly) (ly_root ly)) (WrongAddress "root") ++
    require (address_ok width (ly_physical ly) (ly_address ly)) (WrongAddress "entry") ++
    cond_problems 64 "root" (ly_root_reserved ly) ++
    cond_problems width "entry" (ly_present ly) ++
    cond_problems width "entry" (ly_reserved ly) ++
    require (no_controls (ly_present ly) &&
             negb (holds (λ _, false) (test_holds 0) (ly_present ly))) PresentZero ++
    match ly_levels ly with [] => [NoLevel] | _ => [] end ++
    levels_problems (ly_virtual ly) (ad_shift (ly_root ly)) (ly_levels ly).
End problems.
