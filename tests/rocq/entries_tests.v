(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.adequacy Require Import closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What an image supplies of entries of page tables: those that its tables have, once each, and claims
    that they admit. *)

Notation w z := (Z_to_bv 64 z) (only parsing).
Definition root : word := w 0x1000.
Definition entry : word := w 0x400000.
Definition page_va : word := w 0x401000.
Definition nop_code : list (Z * (instr * Z)) := [(0, (Nop, 1))].
Definition the_machine : machine := Machine (x86_kernel 52) {[ 0x10000 := (Nop, 1) ]}.
Definition the_image : image :=
  Image entry [(CR3, root)] (Flags None None None None None)
    [(0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3010, [w 0x4003]);
     (0x4000, [w 0x10001; w 0x8000000000020003])]
    [(0x20000, [w 7])].

(** The page's leaf, with what is claimed through it; all of its claim; and its data. *)
Definition leaf (claimed : list region) : cell :=
  Cell (w 0x8000000000020003) [VPage root 12 0x401] claimed [].
Definition mine : region := VPage root 12 0x401.
Definition pre (at_ : Z) (x : cell) (q : Qp) : list resource :=
  [RReg CR3 root; RCell (w at_) q x; RClaim true root page_va (pos_to_Qp 512) (w 0x20000);
   RPhys (w 0x20000) 1 (w 7); RCode root entry nop_code 1].
Notation supplies := (image_supplies the_machine the_image).

Example supplied : supplies (pre 0x4008 (leaf [mine]) 1) = true.
Proof. vm_compute. reflexivity. Qed.
(** Entries above it, whatever is claimed through them; in parts. *)
Example upper_supplied :
  supplies (RCell (w 0x3010) (1/2) (Cell (w 0x4003) [Everywhere] [Everywhere] []) ::
            RCell (w 0x3010) (1/2) (Cell (w 0x4003) [Everywhere] [Everywhere] []) ::
            pre 0x4008 (leaf [mine]) 1) = true.
Proof. vm_compute. reflexivity. Qed.

(** * What has to be refused *)
Example another_entry : supplies (pre 0x4008 (Cell (w 0x20003) [mine] [mine] []) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example another_place : supplies (pre 0x4000 (leaf [mine]) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example no_place_of_an_entry : supplies (pre 0x4009 (leaf [mine]) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example in_data : supplies (pre 0x20000 (Cell (w 7) [] [] []) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example claims_that_are_not_listed : supplies (pre 0x4008 (leaf []) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example twice : supplies (RCell (w 0x4008) (1/2) (leaf [mine]) :: pre 0x4008 (leaf [mine]) 1) = false.
Proof. vm_compute. reflexivity. Qed.
Example two_opinions :
  supplies (RCell (w 0x4008) (1/2) (leaf [Everywhere]) :: pre 0x4008 (leaf [mine]) (1/2)) = false.
Proof. vm_compute. reflexivity. Qed.
Example more_than_the_page :
  supplies (RClaim true root page_va 1 (w 0x20000) :: pre 0x4008 (leaf [mine]) 1) = false.
Proof. vm_compute. reflexivity. Qed.

(** * A run looks at an exit's resources where control is there, and nowhere else *)
Example at_the_exit :
  runs_to the_machine [(entry `+Z` 1, [RCell (w 0x4008) 1 (leaf [mine])])] 1 (image_state the_image) = true.
Proof. vm_compute. reflexivity. Qed.
Example not_at_the_exit :
  runs_to the_machine [(entry `+Z` 1, [RCell (w 0x4008) 1 (Cell (w 0) [] [] [])])] 1
    (image_state the_image) = false.
Proof. vm_compute. reflexivity. Qed.
