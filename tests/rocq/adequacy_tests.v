(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Import mov alu cr3.
From rocqgen.logic Require Import modality.
From rocqgen.adequacy Require Import closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Closed instances: two spaces of four levels of tables, a program with and one without a change of
    space, and what has to be refused. *)

Notation w z := (Z_to_bv 64 z) (only parsing).

(** * Two spaces: the code at the same address in both, the data page in a frame of its own in each *)
Definition root_a : word := w 0x1000.
Definition root_b : word := w 0x5000.
Definition entry : word := w 0x400000.
Definition data : word := w 0x401000.
Definition frame_a : word := w 0x20000.
Definition frame_b : word := w 0x21000.

Definition tables : list (Z * list word) := [
  (0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3010, [w 0x4003]);
  (0x4000, [w 0x10001; w 0x8000000000020003]);
  (0x5000, [w 0x6003]); (0x6000, [w 0x7003]); (0x7010, [w 0x8003]);
  (0x8000, [w 0x10001; w 0x8000000000021003])
].
Definition frames : list (Z * list word) := [(0x20000, [w 7; w 5]); (0x21000, [w 42])].

Definition at_reg (r : reg) (d : Z) : addr := Addr false (Some r) None d.

(** * Load, add, store *)
Definition sum_code : list (Z * (instr * Z)) := [
  (0, (Mov W64 (OReg RAX) (OMem (at_reg RDI 8)), 4));
  (4, (Alu AluAdd W64 (OReg RAX) (OReg RCX), 3));
  (7, (Mov W64 (OMem (at_reg RDI 0)) (OReg RAX), 3))
].
Definition loaded (l : list (Z * (instr * Z))) : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> l)).
Definition sum_machine : machine := loaded sum_code.
Definition sum_image : image :=
  Image entry [(CR3, root_a); (RDI, data); (RAX, w 0); (RCX, w 3)]
    (Flags None None None None None) tables frames.

Section sum.
  Context {M : machine} `{!machGS M Σ}.
  Lemma sum_triple rdi rcx x y rax q Φ :
    flags_any -∗ RDI ⇒ᵣ rdi -∗ RAX ⇒ᵣ rax -∗ RCX ⇒ᵣ rcx -∗
    rdi ↦ᵥ x -∗ (rdi `+Z` 8) ↦ᵥ y -∗ code entry sum_code q -∗
    (flags_any -∗ RAX ⇒ᵣ bv_add y rcx -∗ RDI ⇒ᵣ rdi -∗ rdi ↦ᵥ bv_add y rcx -∗
     code entry sum_code q -∗ vwp (entry `+Z` 10) Φ) -∗
    vwp entry Φ.
  Proof.
    iIntros "Hf Hdi Hax Hcx Hx Hy HC H".
    iApply (wp_load with "HC Hax Hdi Hy"). iIntros "HC Hax Hdi Hy".
    iApply (wp_alu_rr with "HC Hax Hcx Hf"). iIntros "HC Hax Hcx Hf".
    iApply (wp_store with "HC Hax Hdi Hx"). iIntros "HC Hax Hdi Hx".
    iApply ("H" with "Hf Hax Hdi Hx HC").
  Qed.
End sum.

Definition sum_pre : list resource := [
  RReg RDI data; RReg RAX (w 0); RReg RCX (w 3);
  RVirt true root_a data 1 (w 7); RVirt true root_a (data `+Z` 8) 1 (w 5);
  RCode root_a entry sum_code 1
].
Definition sum_exits : list (word * (word * list resource)) := [
  (entry `+Z` 10, (root_a, [RReg RAX (w 8); RVirt true root_a data 1 (w 8)]))
].

Lemma sum_supplied : image_supplies sum_machine sum_image (RReg CR3 root_a :: sum_pre) = true.
Proof. vm_compute. reflexivity. Qed.

Definition closed_exits (exits : list (word * (word * list resource))) : list (word * list resource) :=
  (λ x, (x.1, RReg CR3 x.2.1 :: x.2.2)) <$> exits.

Theorem sum_adequate :
  adequate sum_machine (image_state sum_image) (exit_reached sum_machine (closed_exits sum_exits)).
Proof.
  apply (image_vexits sum_machine sum_image root_a sum_pre sum_exits).
  { apply x86_4level_canonical_pages. }
  { apply sum_supplied. }
  intros G. iIntros "(#Hin & Hf & Hdi & Hax & Hcx & Hx & Hy & HC & _)".
  simpl. iUntag "Hin".
  iApply (sum_triple with "Hf Hdi Hax Hcx Hx Hy HC").
  iIntros "Hf Hax Hdi Hx HC". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. iFrame "Hin". simpl.
  iDestruct (at_root_tag with "Hin Hx") as "Hx".
  assert (bv_add (w 5) (w 3) = w 8) as -> by (by apply bv_eq).
  iFrame.
Qed.
Print Assumptions sum_adequate.

(** The execution that the theorem speaks of does reach the exit. *)
Lemma sum_runs : runs_to sum_machine (closed_exits sum_exits) 3 (image_state sum_image) = true.
Proof. vm_compute. reflexivity. Qed.

(** What is apart from it, in the other space and in this one, holds at each point of the execution. *)
Definition sum_others : list resource := [
  RVirt true root_b data 1 (w 42); RClaim true root_b (data `+Z` 8) 1 (frame_b `+Z` 8);
  RCode root_b entry sum_code (1/2); RPage root_b entry (1/2) (0x10000, Rights true false false true true true);
  RClaim true root_a (data `+Z` 16) 1 (frame_a `+Z` 16)
].
Lemma sum_supplied_others :
  image_supplies sum_machine sum_image (RReg CR3 root_a :: sum_pre ++ sum_others) = true.
Proof. vm_compute. reflexivity. Qed.
Theorem sum_isolated n σ :
  steps_avoiding sum_machine (exit_reached sum_machine (vexits sum_exits)) n (image_state sum_image) σ →
  Forall (res_holds sum_machine σ) sum_others.
Proof.
  apply (image_visolation sum_machine sum_image root_a sum_pre sum_others sum_exits).
  { apply x86_4level_canonical_pages. }
  { apply sum_supplied_others. }
  intros G. iIntros "(#Hin & Hf & Hdi & Hax & Hcx & Hx & Hy & HC & _)".
  simpl. iUntag "Hin".
  iApply (sum_triple with "Hf Hdi Hax Hcx Hx Hy HC").
  iIntros "Hf Hax Hdi Hx HC". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. iFrame "Hin". simpl.
  iDestruct (at_root_tag with "Hin Hx") as "Hx".
  assert (bv_add (w 5) (w 3) = w 8) as -> by (by apply bv_eq).
  iFrame.
Qed.
Print Assumptions sum_isolated.
(** The words that the program itself writes are not apart from it. *)
Lemma sum_not_apart :
  image_supplies sum_machine sum_image (RReg CR3 root_a :: sum_pre ++ [RPhys frame_a (1/2) (w 7)]) = false.
Proof. vm_compute. reflexivity. Qed.

(** * The same, then a change of space and a load at the same address there *)
Definition switch_code : list (Z * (instr * Z)) :=
  sum_code ++ [(10, (MovToCr3 RBX, 3)); (13, (Mov W64 (OReg RDX) (OMem (at_reg RDI 0)), 3))].
Definition switch_machine : machine := loaded switch_code.
Definition switch_image (tables : list (Z * list word)) : image :=
  Image entry [(CR3, root_a); (RDI, data); (RAX, w 0); (RCX, w 3); (RBX, root_b); (RDX, w 0)]
    (Flags None None None None None) tables frames.

Definition switch_pre : list resource := [
  RReg RDI data; RReg RAX (w 0); RReg RCX (w 3); RReg RBX root_b; RReg RDX (w 0);
  RVirt true root_a data 1 (w 7); RVirt true root_a (data `+Z` 8) 1 (w 5);
  RCode root_a entry switch_code (1/2);
  RVirt true root_b data 1 (w 42); RCode root_b entry switch_code 1
].
Definition switch_exits : list (word * (word * list resource)) := [
  (entry `+Z` 16, (root_b, [RReg RAX (w 8); RReg RDX (w 42);
                            RVirt true root_a data 1 (w 8); RVirt true root_b data 1 (w 42);
                            RCode root_b entry switch_code 1]))
].

Lemma switch_supplied :
  image_supplies switch_machine (switch_image tables) (RReg CR3 root_a :: switch_pre) = true.
Proof. vm_compute. reflexivity. Qed.

Theorem switch_adequate :
  adequate switch_machine (image_state (switch_image tables))
    (exit_reached switch_machine (closed_exits switch_exits)).
Proof.
  apply (image_vexits switch_machine (switch_image tables) root_a switch_pre switch_exits).
  { apply x86_4level_canonical_pages. }
  { apply switch_supplied. }
  intros G.
  iIntros "(#Hin & Hf & Hdi & Hax & Hcx & Hbx & Hdx & Hx & Hy & HC & Hz & HCb & _)". simpl.
  iDestruct (at_root_untag with "Hin Hx") as "Hx". iDestruct (at_root_untag with "Hin Hy") as "Hy".
  iDestruct (at_root_untag with "Hin HC") as "HC".
  iApply (wp_load with "HC Hax Hdi Hy"). iIntros "HC Hax Hdi Hy".
  iApply (wp_alu_rr with "HC Hax Hcx Hf"). iIntros "HC Hax Hcx Hf".
  iApply (wp_store with "HC Hax Hdi Hx"). iIntros "HC Hax Hdi Hx".
  iApply (wp_mov_cr3 with "Hin HC Hbx HCb"); [done|].
  iEnter from "Hin" as "#Hinb". iIntros "_ HC Hbx HCb".
  iApply (wp_load with "HCb Hdx Hdi Hz"). iIntros "HCb Hdx Hdi Hz". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. simpl. iFrame "Hinb".
  assert (bv_add (w 5) (w 3) = w 8) as -> by (by apply bv_eq).
  iDestruct (at_root_tag with "Hinb Hz") as "$". iDestruct (at_root_tag with "Hinb HCb") as "$".
  iFrame.
Qed.
Print Assumptions switch_adequate.

Lemma switch_runs :
  runs_to switch_machine (closed_exits switch_exits) 5 (image_state (switch_image tables)) = true.
Proof. vm_compute. reflexivity. Qed.

(** * What has to be refused *)
Definition missing (I : image) (pre : list resource) : option resource :=
  image_missing switch_machine I (RReg CR3 root_a :: pre).
(** A read-only page. *)
Lemma refused_readonly :
  missing (switch_image tables) [RVirt true root_a entry 1 (w 0)] =
  Some (RVirt true root_a entry 1 (w 0)).
Proof. vm_compute. reflexivity. Qed.
(** One frame whole through two addresses, or in part twice over. *)
Lemma refused_twice :
  missing (switch_image tables) [RVirt true root_a data 1 (w 7); RPhys frame_a (1/2) (w 7)] =
  Some (RPhys frame_a (1/2) (w 7)).
Proof. vm_compute. reflexivity. Qed.
Lemma halves_supplied :
  missing (switch_image tables) [RVirt true root_a data (1/2) (w 7); RPhys frame_a (1/2) (w 7)] = None.
Proof. vm_compute. reflexivity. Qed.
(** A page table as data. *)
Lemma refused_table :
  missing (switch_image tables) [RPhys (w 0x1000) 1 (w 0x2003)] = Some (RPhys (w 0x1000) 1 (w 0x2003)).
Proof. vm_compute. reflexivity. Qed.
(** Data as code: the page is not executable. *)
Lemma refused_data_code :
  missing (switch_image tables) [RCode root_a data switch_code 1] = Some (RCode root_a data switch_code 1).
Proof. vm_compute. reflexivity. Qed.

(** The new space does not map the code: the precondition is not supplied, the machine faults, and so
    the conclusion of adequacy is false. *)
Definition tables_without_code : list (Z * list word) := [
  (0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3010, [w 0x4003]);
  (0x4000, [w 0x10001; w 0x8000000000020003]);
  (0x5000, [w 0x6003]); (0x6000, [w 0x7003]); (0x7010, [w 0x8003]);
  (0x8000, [w 0; w 0x8000000000021003])
].
Lemma refused_unmapped :
  missing (switch_image tables_without_code) switch_pre = Some (RCode root_b entry switch_code 1).
Proof. vm_compute. reflexivity. Qed.
Lemma unmapped_not_adequate :
  ¬ adequate switch_machine (image_state (switch_image tables_without_code))
      (exit_reached switch_machine (closed_exits switch_exits)).
Proof.
  apply (fails_before_sound _ _ 5). vm_compute. reflexivity.
Qed.
