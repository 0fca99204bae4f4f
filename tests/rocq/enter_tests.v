(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Import facts turn_sound.
Import conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A space comes to map the code: what is owed on concrete tables, and what is false or stuck. *)

#[local] Instance four_levels : the_platform := Some (Platform false 40).
Definition cur : expr := ECst 0x1000.
Definition new : expr := ECst 0x9000.
(** The code lies in the page at 0xffffffff80402000: slots 511, 510, 2 and 2. *)
Definition base : expr := ECst 0xffffffff80402100.
Definition lines (n : Z) : code_list := [(0, (Nop, 1)); (1, (Nop, n))].
Definition cell (q : fexpr) (a e : Z) (claimed owed : list (sregion expr)) : item :=
  ICell q (CellData (ECst a) (ECst e) [None] claimed owed).
Definition shared (a e : Z) : item := cell (FDiv 1 2) a e [None] [].

(** The slots of both spaces, the tables below, and a second PDPT. *)
Definition start (slot : Z) (owed : list (sregion expr)) : sstate :=
  SState cur [] [shared 0x1ff8 0x2003; cell FOne 0x9ff8 slot [] owed;
    shared 0x2ff0 0x3003; shared 0x3010 0x4003; shared 0x4010 0x5001; shared 0xaff0 0x3003;
    shared 0xbff0 0x8000000000003003; shared 0xcff0 0xd003; shared 0xd010 0x4003] [(cur, FVar 1)] [].
Definition enter (n : Z) (path : list nat) (i : nat) (twin : list nat) (s : sstate) : res (sstate * list fact) :=
  let* (s, owed, _, _) := sturn base (lines n) (GCode path i twin new) s (Names 1 []) in Done (s, owed).
Definition owed_of (x : res (sstate * list fact)) : option (list fact) :=
  match x with Done (_, l) => Some l | Fail _ => None end.
Definition why_not (x : res (sstate * list fact)) : option why :=
  match x with Done _ => None | Fail w => Some w end.
Definition code_of (x : res (sstate * list fact)) : option (list (expr * fexpr)) :=
  match x with Done (s, _) => Some (s_code s) | Fail _ => None end.
Definition marked_of (x : res (sstate * list fact)) : option item :=
  match x with Done (s, _) => nth_error (s_items s) 1 | Fail _ => None end.

(** The slot of the new space is that of the current one: nothing is owed, and the slot is marked. *)
Definition copied := enter 3 [1; 2; 3; 4]%nat 0 [0]%nat (start 0x2003 []).
Example copied_slot :
  owed_of copied = Some [] ∧ code_of copied = Some [(cur, FVar 1); (new, FOne)] ∧
  marked_of copied = Some (cell FOne 0x9ff8 0x2003 [Some (12, new, base)] []).
Proof. vm_compute. auto. Qed.
(** Not a second time, and not where a flush is owed. *)
Example once :
  owed_of (let* (s, _) := copied in enter 3 [1; 2; 3; 4]%nat 0 [0]%nat s) =
  Some [PNe (ECst 0xffffffff80402000) (ECst 0xffffffff80402000)].
Proof. vm_compute. reflexivity. Qed.
Example owes_flush :
  why_not (enter 3 [1; 2; 3; 4]%nat 0 [0]%nat (start 0x2003 [Some (39, new, base)])) = Some (Owes (ECst 0x9ff8)).
Proof. vm_compute. reflexivity. Qed.
(** The slot is absent, or says that its pages have no code: false. *)
Example not_copied :
  owed_of (enter 3 [1; 2; 3; 4]%nat 0 [0]%nat (start 0 [])) =
  Some [PEq (ECst 0) (ECst 1); PEq (ECst 0x2ff0) (ECst 0xff0); PEq (ECst 0x2003) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.
Example no_execute :
  owed_of (enter 3 [1; 2; 3; 4]%nat 0 [0]%nat (start 0x8000000000002003 [])) =
  Some [PEq (ECst 0x2003) (ECst 0x8000000000002003)].
Proof. vm_compute. reflexivity. Qed.

(** A PDPT of its own leads to the same page directory: the walks meet a level below. *)
Definition own_table (slot : Z) (pdpt : nat) := enter 3 [1; pdpt; 3; 4]%nat 0 [0; 2]%nat (start slot []).
Example meets_below : owed_of (own_table 0xa003 5) = Some [].
Proof. vm_compute. reflexivity. Qed.
Example no_execute_above :
  owed_of (own_table 0x800000000000a003 5) = Some [PEq (ECst 2) (ECst 0x8000000000000002)].
Proof. vm_compute. reflexivity. Qed.
Example no_execute_there :
  owed_of (own_table 0xb003 6) = Some [PEq (ECst 0x3003) (ECst 0x8000000000003003)].
Proof. vm_compute. reflexivity. Qed.
(** A directory of its own, which leads to the same table, is none that the walks meet at here. *)
Example meets_too_early :
  owed_of (enter 3 [1; 7; 8; 4]%nat 0 [0; 2]%nat (start 0xc003 [])) = Some [PEq (ECst 0x3003) (ECst 0xd003)].
Proof. vm_compute. reflexivity. Qed.
Example meets_later : owed_of (enter 3 [1; 7; 8; 4]%nat 0 [0; 2; 3]%nat (start 0xc003 [])) = Some [].
Proof. vm_compute. reflexivity. Qed.

(** Pages of 2 MiB and of 1 GiB: the last entry is large, and of its page the 4 KiB are marked that have the code. *)
Definition large (leaf : Z) (claimed : list (sregion expr)) : sstate :=
  SState cur [] [shared 0x1ff8 0x2003; cell FOne 0x9ff8 0x2003 claimed []; shared 0x2ff0 0x3003;
    shared 0x3010 leaf] [(cur, FVar 1)] [].
Example large_page :
  owed_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x400081 [])) = Some [] ∧
  marked_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x400081 [])) =
    Some (cell FOne 0x9ff8 0x2003 [Some (12, new, base)] []).
Proof. vm_compute. auto. Qed.
Example huge_page :
  owed_of (enter 3 [1; 2]%nat 0 [0]%nat
    (SState cur [] [shared 0x1ff8 0x2003; cell FOne 0x9ff8 0x2003 [] []; shared 0x2ff0 0x81] [(cur, FVar 1)] [])) =
  Some [].
Proof. vm_compute. reflexivity. Qed.
(** It is a table, or has a reserved bit; nothing is as large as what an entry of the PML4 is for. *)
Example no_large_page :
  owed_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x4003 [])) = Some [PEq (ECst 0x4001) (ECst 0x81)].
Proof. vm_compute. reflexivity. Qed.
Example large_reserved :
  owed_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x404081 [])) = Some [PEq (ECst 0x4081) (ECst 0x81)].
Proof. vm_compute. reflexivity. Qed.
Example too_short : why_not (enter 3 [1]%nat 0 [0]%nat (large 0x400081 [])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Other parts of it may be claimed, but not all of it. *)
Example part_claimed :
  owed_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x400081 [Some (12, new, ECst 0xffffffff80401000)])) = Some [].
Proof. vm_compute. reflexivity. Qed.
Example all_claimed :
  owed_of (enter 3 [1; 2; 3]%nat 0 [0]%nat (large 0x400081 [Some (21, new, base)])) =
  Some [PNe (ECst 0xffffffff80400000) (ECst 0xffffffff80400000)].
Proof. vm_compute. reflexivity. Qed.

(** Cells are named once; those of the current space's walk have to be there. *)
Example cell_named_twice :
  why_not (enter 3 [1; 2; 3; 4]%nat 0 [0; 2]%nat (start 0x2003 [])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
Example no_twin : why_not (enter 3 [1; 2; 3; 4]%nat 0 [] (start 0x2003 [])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Code that goes on in the next page: false; what has more bytes than a page: stuck. *)
Example last_byte : owed_of (enter (4096 - 0x101) [1; 2; 3; 4]%nat 0 [0]%nat (start 0x2003 [])) = Some [].
Proof. vm_compute. reflexivity. Qed.
Example next_page :
  owed_of (enter (4097 - 0x101) [1; 2; 3; 4]%nat 0 [0]%nat (start 0x2003 [])) = Some [PLe (ECst 0x100) (ECst 0xff)].
Proof. vm_compute. reflexivity. Qed.
Example too_much : why_not (enter 4096 [1; 2; 3; 4]%nat 0 [0]%nat (start 0x2003 [])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Where the current space does not map the code, nothing is known of its frame. *)
Example nowhere :
  why_not (enter 3 [1; 2; 3; 4]%nat 0 [0]%nat
    (SState cur [] (s_items (start 0x2003 [])) [] [])) = Some (CodeUnmapped cur).
Proof. vm_compute. reflexivity. Qed.

Print Assumptions senter_sound.
