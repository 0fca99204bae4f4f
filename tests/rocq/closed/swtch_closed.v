(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.machine Require Import x86_64.
From rocqgen.adequacy Require Import engine.
From generated Require Import swtch.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The theorem generated from [examples/switch/swtch.s], closed on a concrete image: two spaces that
    share the page of the code and that of the new context; the old context is mapped in the old space
    alone, the new stack in the new one.  [test_closed.py] generates the theory and compiles this. *)

(** * An image *)
Notation w z := (Z_to_bv 64 z) (only parsing).
Definition words (l : list Z) : list word := Z_to_bv 64 <$> l.
Definition swtch_machine : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> swtch_code)).
Definition swtch_tables : list (Z * list word) := [
  (0x1000, words [0x2003]); (0x2000, words [0x3003]); (0x3010, words [0x4003]);
  (0x4000, words [0x10001; 0x8000000000020003; 0x8000000000021003]);
  (0x5000, words [0x6003]); (0x6000, words [0x7003]); (0x7010, words [0x8003]);
  (0x8000, words [0x10001; 0; 0x8000000000021003; 0x8000000000022003])
].
Definition swtch_image : image := {|
  im_rip := Z_to_bv 64 0x400000;
  im_regs := zip all_regs (words [0x99; 3; 4; 1; 0x7000f8; 2; 0x402000; 0x401000;
                                  8; 9; 10; 11; 12; 13; 14; 15; 0x1000]);
  im_flags := Flags None None None None None;
  im_tables := swtch_tables;
  im_data := [
    (0x20000, words [0; 0; 0; 0; 0; 0; 0]);
    (0x21000, words [101; 102; 112; 113; 114; 115; 0x403ff8; 0x5000]);
    (0x22ff8, words [0x400200])
  ];
|}.
(** The theorem's parameters, in its order: what the image above holds. *)
Notation at_image f :=
  (f (w 0x400000) (w 0x1000) (w 0x5000) (w 0x401000) (w 0x402000)
     (w 1) (w 2) (w 12) (w 13) (w 14) (w 15) (w 0x7000f8)
     (w 101) (w 102) (w 112) (w 113) (w 114) (w 115) (w 0x403ff8) (w 0x400200)
     (w 0x99) (w 0) (w 0) (w 0) (w 0) (w 0) (w 0) (w 0) (1/3)%Qp) (only parsing).
Definition values : env := at_image swtch_env.

Lemma swtch_supplied : spec_supplied swtch_machine swtch_image swtch_spec values = true.
Proof. vm_compute. reflexivity. Qed.

Theorem swtch_adequate :
  adequate swtch_machine (image_state swtch_image)
    (exit_reached swtch_machine (spec_exits swtch_spec values)).
Proof.
  apply spec_exits_adequate; [vm_compute; reflexivity|]. apply spec_adequacy.
  - apply x86_4level_canonical_pages.
  - apply swtch_supplied.
  - intros G. exact (at_image swtch_correct eq_refl).
Qed.
Print Assumptions swtch_adequate.

(** The 17 instructions do lead to the exit, with all that the postcondition says. *)
Lemma swtch_runs :
  runs_to swtch_machine (spec_exits swtch_spec values) 17 (image_state swtch_image) = true.
Proof. vm_compute. reflexivity. Qed.

(** What it says, read off: wherever the machine cannot go on, it is at the return address with the new
    space's registers, and the old context holds the old ones. *)
Corollary swtch_outcome n σ r :
  steps_avoiding swtch_machine (exit_reached swtch_machine (spec_exits swtch_spec values)) n
    (image_state swtch_image) σ →
  step swtch_machine σ r → (∀ σ', r ≠ Ok σ') →
  bv_unsigned (st_rip σ) = 0x400200 ∧
  st_regs σ !! CR3 = Some (Z_to_bv 64 0x5000) ∧
  st_regs σ !! RSP = Some (Z_to_bv 64 0x404000) ∧
  st_regs σ !! RBX = Some (Z_to_bv 64 101) ∧
  space_read swtch_machine σ (Z_to_bv 64 0x1000) (Z_to_bv 64 0x401000) (Z_to_bv 64 1).
Proof.
  intros Hn Hr Hend. pose proof (adequate_end swtch_adequate _ _ _ Hn Hr Hend) as Hex.
  split; [by rewrite (exit_reached_rip _ _ _ _ Hex)|].
  repeat split.
  - refine (exit_reached_has _ _ _ (RReg CR3 _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RReg RSP _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RReg RBX _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RVirt true _ _ 1 _) _ _ Hex). vm_compute. reflexivity.
Qed.

(** * Where the new space does not map the code *)
Definition swtch_image_unmapped : image := {|
  im_rip := im_rip swtch_image; im_regs := im_regs swtch_image; im_flags := im_flags swtch_image;
  im_tables := take 7 swtch_tables ++
               [(0x8000, words [0; 0; 0x8000000000021003; 0x8000000000022003])];
  im_data := im_data swtch_image;
|}.
Lemma swtch_not_supplied :
  spec_supplied swtch_machine swtch_image_unmapped swtch_spec values = false.
Proof. vm_compute. reflexivity. Qed.
Lemma swtch_not_adequate :
  ¬ adequate swtch_machine (image_state swtch_image_unmapped)
      (exit_reached swtch_machine (spec_exits swtch_spec values)).
Proof. apply (fails_before_sound _ _ 17). vm_compute. reflexivity. Qed.
