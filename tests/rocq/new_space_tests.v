(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Import edits fresh.
From rocqgen.adequacy Require Import closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A new space is built from inside another one and entered: three tables linked, its code and a page
    mapped, cr3 loaded; closed on an image. *)

Notation w z := (Z_to_bv 64 z) (only parsing).
Definition at_reg (r : reg) (d : Z) : addr := Addr false (Some r) None d.
Definition root_a : word := w 0x1000.
Definition root_b : word := w 0x5000.
Definition entry : word := w 0x400000.
Definition page_va : word := w 0x402000.
Definition code_leaf : word := w 0x10001.
Definition data_leaf : word := w 0x8000000000021003.

(** The tables of the new space are zeroed memory; the old one reaches them at 0x405000 and on. *)
Definition tables : list (Z * list word) := [
  (0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3010, [w 0x4003]);
  (0x4000, [w 0x10001; w 0; w 0; w 0; w 0; w 0x8000000000005003; w 0x8000000000006003;
            w 0x8000000000007003; w 0x8000000000008003])
].
Definition frames : list (Z * list word) := [
  (0x5000, [w 0]); (0x6000, [w 0]); (0x7010, [w 0]); (0x8000, [w 0]); (0x8010, [w 0]); (0x21000, [w 42])].
Definition build_code : list (Z * (instr * Z)) := [
  (0, (Mov W64 (OMem (at_reg RDI 0)) (OReg RAX), 3));
  (3, (Mov W64 (OMem (at_reg RSI 0)) (OReg RBX), 3));
  (6, (Mov W64 (OMem (at_reg RDX 0)) (OReg RCX), 3));
  (9, (Mov W64 (OMem (at_reg R8 0)) (OReg R9), 3));
  (12, (Mov W64 (OMem (at_reg R10 0)) (OReg R11), 3));
  (15, (MovToCr3 R12, 4));
  (19, (Mov W64 (OReg RAX) (OMem (at_reg R13 0)), 4))
].
Definition build_machine : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> build_code)).
Definition build_image : image :=
  Image entry [(CR3, root_a); (RDI, w 0x405000); (RAX, w 0x6003); (RSI, w 0x406000); (RBX, w 0x7003);
    (RDX, w 0x407010); (RCX, w 0x8003); (R8, w 0x408000); (R9, code_leaf); (R10, w 0x408010);
    (R11, data_leaf); (R12, root_b); (R13, page_va)]
    (Flags None None None None None) tables frames.
Definition build_pre : list resource := [
  RReg RDI (w 0x405000); RReg RAX (w 0x6003); RReg RSI (w 0x406000); RReg RBX (w 0x7003);
  RReg RDX (w 0x407010); RReg RCX (w 0x8003); RReg R8 (w 0x408000); RReg R9 code_leaf;
  RReg R10 (w 0x408010); RReg R11 data_leaf; RReg R12 root_b; RReg R13 page_va;
  RClaim true root_a (w 0x405000) 1 (w 0x5000); RClaim true root_a (w 0x406000) 1 (w 0x6000);
  RClaim true root_a (w 0x407010) 1 (w 0x7010); RClaim true root_a (w 0x408000) 1 (w 0x8000);
  RClaim true root_a (w 0x408010) 1 (w 0x8010);
  RPhys (w 0x5000) 1 (w 0); RPhys (w 0x6000) 1 (w 0); RPhys (w 0x7010) 1 (w 0); RPhys (w 0x8000) 1 (w 0);
  RPhys (w 0x8010) 1 (w 0); RPhys (w 0x21000) 1 (w 42);
  RCode root_a entry build_code 1
].
Definition build_exits : list (word * (word * list resource)) := [
  (entry `+Z` 23, (root_b, [RReg RAX (w 42); RClaim true root_b page_va (pos_to_Qp 512) (w 0x21000);
                            RPhys (w 0x21000) 1 (w 42); RCode root_a entry build_code 1]))
].
Lemma build_supplied : image_supplies build_machine build_image (RReg CR3 root_a :: build_pre) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma build_runs : runs_to build_machine (vexits build_exits) 7 (image_state build_image) = true.
Proof. vm_compute. reflexivity. Qed.

(** * Cells of the new space *)
Global Instance build_regular : RegularMode build_machine.
Proof. apply x86_4level_regular. Qed.
Notation mode := (cfg_mode (m_config build_machine)).
Definition new_slots : list (word * list (Z * Z)) := [
  (w 0x5000, [(39, 0)]); (w 0x6000, [(30, 0)]); (w 0x7010, [(21, 2)]);
  (w 0x8000, [(12, 0x400)]); (w 0x8010, [(12, 0x402)])].
Definition link (k n e : Z) : cell := Cell (w e) [VPage root_b k n] [VPage root_b k n] [].
Definition new_leaf (n : Z) (e : word) : cell := Cell e [VPage root_b 12 n] [] [].
Definition new_path (s : Z) (x : cell) : path_cells := [
  (0x5000, 1%Qp, link 39 0 0x6003); (0x6000, 1%Qp, link 30 0 0x7003); (0x7010, 1%Qp, link 21 2 0x8003);
  (s, 1%Qp, x)].
Definition leaf_code : leaf := Leaf 0x10000 12 (Rights true false false true true true).
Definition leaf_data : leaf := Leaf 0x21000 12 (Rights true true false false true true).
Lemma code_claimable :
  leaf_claimable mode root_b entry leaf_code 3 (new_path 0x8000 (new_leaf 0x400 code_leaf)).
Proof. repeat split; vm_compute; reflexivity. Qed.
Lemma data_claimable :
  leaf_claimable mode root_b page_va leaf_data 3 (new_path 0x8010 (new_leaf 0x402 data_leaf)).
Proof. repeat split; vm_compute; reflexivity. Qed.

(** All of the code's page, in shares of its 23 bytes. *)
Definition all_shares : Qp := pos_to_Qp 4096 / pos_to_Qp 23.

Theorem build_adequate :
  adequate build_machine (image_state build_image) (exit_reached build_machine (vexits build_exits)).
Proof.
  apply (image_vexits build_machine build_image root_a build_pre build_exits).
  { apply x86_4level_canonical_pages. }
  { apply build_supplied. }
  intros G. simpl.
  iIntros "(#Hin & _ & Hdi & Hax & Hsi & Hbx & Hdx & Hcx & H8 & H9 & H10 & H11 & H12 & H13 & W)".
  iDestruct "W" as "(W5 & W6 & W7 & W8 & W9 & P5 & P6 & P7 & P8 & P9 & Hp & HC & _)".
  iDestruct (at_root_untag with "Hin W5") as "W5". iDestruct (at_root_untag with "Hin W6") as "W6".
  iDestruct (at_root_untag with "Hin W7") as "W7". iDestruct (at_root_untag with "Hin W8") as "W8".
  iDestruct (at_root_untag with "Hin W9") as "W9". iDestruct (at_root_untag with "Hin HC") as "HC".
  (* zeroed memory becomes the tables of the new space *)
  iMod (table_elsewhere root_a root_b new_slots with "Hin [P5 P6 P7 P8 P9]") as "T".
  { by vm_compute. }
  { by repeat constructor. }
  { rewrite /zeroed /new_slots /=. iSplitL "P5"; [iExact "P5"|]. iSplitL "P6"; [iExact "P6"|].
    iSplitL "P7"; [iExact "P7"|]. iSplitL "P8"; [iExact "P8"|]. iSplitL "P9"; [iExact "P9"|done]. }
  rewrite /table /new_slots /=. iDestruct "T" as "(T5 & T6 & T7 & T8 & T9 & _)".
  (* they are linked *)
  iApply (wp_link with "HC Hax Hdi W5 T5"); [vm_compute; reflexivity|]. iIntros "HC Hax Hdi W5 T5".
  iApply (wp_link with "HC Hbx Hsi W6 T6"); [vm_compute; reflexivity|]. iIntros "HC Hbx Hsi W6 T6".
  iApply (wp_link with "HC Hcx Hdx W7 T7"); [vm_compute; reflexivity|]. iIntros "HC Hcx Hdx W7 T7".
  (* the code and a page are mapped *)
  iApply (wp_map _ _ _ _ _ _ (w 0x408000) code_leaf (R8 ⇒ᵣ w 0x408000) 1 (w 0x8000)
    (empty_cell root_b [(12, 0x400)]) (new_path 0x8000 (new_leaf 0x400 code_leaf)) 3 root_b entry leaf_code
    with "HC H9 H8 W8 T8 [T5 T6 T7]"); [vm_compute; reflexivity|vm_compute; reflexivity|
    apply code_claimable|..].
  { iIntros "T8". rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "T5"; [iExact "T5"|]. iSplitL "T6"; [iExact "T6"|]. iSplitL "T7"; [iExact "T7"|].
    iExact "T8". }
  iIntros "HC H9 H8 W8 Hpath Hcode".
  rewrite {1}/vpath /cells_pt /= !embed_sep. iDestruct "Hpath" as "(T5 & T6 & T7 & _ & _)".
  iApply (wp_map _ _ _ _ _ _ (w 0x408010) data_leaf (R10 ⇒ᵣ w 0x408010) 1 (w 0x8010)
    (empty_cell root_b [(12, 0x402)]) (new_path 0x8010 (new_leaf 0x402 data_leaf)) 3 root_b page_va leaf_data
    with "HC H11 H10 W9 T9 [T5 T6 T7]"); [vm_compute; reflexivity|vm_compute; reflexivity|
    apply data_claimable|..].
  { iIntros "T9". rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "T5"; [iExact "T5"|]. iSplitL "T6"; [iExact "T6"|]. iSplitL "T7"; [iExact "T7"|].
    iExact "T9". }
  iIntros "HC H11 H10 W9 _ Hdata".
  iDestruct (vleaf_code root_b entry leaf_code build_code 22 all_shares with "Hcode") as "HCb";
    [done|vm_compute; reflexivity..|apply (bool_decide_eq_true_1 _); vm_compute; reflexivity|].
  iDestruct (vleaf_word true _ _ _ (w 0x21000) with "Hdata") as "Hva"; [done|by vm_compute..|].
  (* the new space *)
  iApply (wp_mov_cr3 with "Hin HC H12 HCb"); [done|].
  iEnter from "Hin" as "#Hinb". iIntros "_ HC H12 HCb".
  iApply (wp_load _ _ _ _ _ _ _ page_va _ _ (page_va ⇝{pos_to_Qp 512} w 0x21000 ∗ w 0x21000 ↦ₚ{1} w 42)
    with "HCb Hax H13 [$Hva $Hp]").
  iIntros "HCb Hax H13 [Hva Hp]". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. simpl. iFrame "Hinb".
  iDestruct (at_root_tag with "Hinb Hva") as "$". iFrame.
Qed.
Print Assumptions build_adequate.
