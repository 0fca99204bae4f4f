(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list strings.
From rocqgen.machine Require Export paging.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The x86-64 paging modes: SDM vol. 3, 4.5 and tables 4-12 to 4-20.  [maxphyaddr] is the width of
    physical addresses, at most 52. *)

Definition bits (e lo hi : Z) : Z := (e ≫ lo) `mod` 2 ^ (hi - lo).

Definition x86_rights (nxe : bool) (e : Z) : rights :=
  Rights true (Z.testbit e 1) (Z.testbit e 2) (negb (nxe && Z.testbit e 63)) true true.

(** Bit 7 is reserved where no leaf can be; a leaf above 4K has bit 12 for PAT and reserved bits from
    there to its size. *)
Definition x86_decode (nxe : bool) (maxphyaddr : Z) (l : level) (e : Z) : entry :=
  let r := x86_rights nxe e in
  let frame lo := bits e lo 52 ≪ lo in
  if negb (Z.testbit e 0) then Absent
  else if (Z.testbit e 63 && negb nxe) || negb (bits e maxphyaddr 52 =? 0) then Invalid ReservedBit
  else
    match lv_leaf l with
    | LeafAlways => Page (frame (lv_shift l)) r
    | LeafNever => if Z.testbit e 7 then Invalid ReservedBit else Table (frame 12) r
    | LeafSome =>
      if Z.testbit e 7 then
        if bits e 13 (lv_shift l) =? 0 then Page (frame (lv_shift l)) r
        else Invalid ReservedBit
      else Table (frame 12) r
    end.

Definition x86_canonical (width : Z) (va : word) : bool :=
  let top := bv_unsigned va ≫ (width - 1) in
  (top =? 0) || (top =? 2 ^ (64 - (width - 1)) - 1).

Definition x86_root_ok (maxphyaddr : Z) (root : word) : bool :=
  bits (bv_unsigned root) maxphyaddr 64 =? 0.
Definition x86_root (root : word) : Z := bits (bv_unsigned root) 12 52 ≪ 12.

(** SDM vol. 3, 4.6.1. *)
Definition x86_access (on : controls) (user : bool) (r : rights) (a : access) : bool :=
  if user then
    r_user r && match a with Read => true | Write => r_write r | Fetch => r_exec r end
  else
    match a with
    | Read => negb (r_user r && on "smap")
    | Write => negb (r_user r && on "smap") && (r_write r || negb (on "wp"))
    | Fetch => r_exec r && negb (r_user r && on "smep")
    end.

Definition level_pt := Level 12 9 LeafAlways.
Definition level_pd := Level 21 9 LeafSome.
Definition level_pdpt := Level 30 9 LeafSome.
Definition level_pml4 := Level 39 9 LeafNever.
Definition level_pml5 := Level 48 9 LeafNever.

Definition x86_mode (levels : list level) (wf : levels_wf levels = true) (width : Z) (nxe : bool)
    (maxphyaddr : Z) : paging_mode :=
  PagingMode levels wf (x86_decode nxe maxphyaddr) (x86_canonical width) (x86_root_ok maxphyaddr)
    x86_root Entry8 x86_access.
Definition x86_4level := x86_mode [level_pml4; level_pdpt; level_pd; level_pt] eq_refl 48.
Definition x86_5level :=
  x86_mode [level_pml5; level_pml4; level_pdpt; level_pd; level_pt] eq_refl 57.

(** The kernel's usual setting: CPL 0, WP, SMEP, SMAP and NXE on. *)
Definition x86_kernel (maxphyaddr : Z) : config :=
  Config (x86_4level true maxphyaddr) false true true true true.
