(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Import edits fresh.
From rocqgen.adequacy Require Import closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Five levels, a subtree that two spaces share, and a large leaf in it: the empty space [root_b] takes over
    all of the current one below its first slot, a leaf of 2 MiB is mapped in the shared part, for both at
    once; written in one space it is read in the other.  Closed on an image. *)

Notation w z := (Z_to_bv 64 z) (only parsing).
Definition at_reg (r : reg) : addr := Addr false (Some r) None 0.
Definition root_a : word := w 0x1000.
Definition root_b : word := w 0x6000.
Definition entry : word := w 0x400000.
Definition large_va : word := w 0x600008.
Definition large_entry : word := w 0x8000000000200083.

(** The slot of the new root is mapped at 0x405000, the directory at 0x406000. *)
Definition tables : list (Z * list word) := [
  (0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3000, [w 0x4003]); (0x4010, [w 0x5003; w 0]);
  (0x5000, [w 0x10001; w 0; w 0; w 0; w 0; w 0x8000000000006003; w 0x8000000000004003])
].
Definition frames : list (Z * list word) := [(0x6000, [w 0]); (0x200008, [w 42])].
Definition share_code : list (Z * (instr * Z)) := [
  (0, (Mov W64 (OMem (at_reg RDI)) (OReg RAX), 3));      (* the root's slot *)
  (3, (Mov W64 (OMem (at_reg RSI)) (OReg RBX), 3));      (* the large leaf *)
  (6, (Mov W64 (OMem (at_reg RDX)) (OReg RCX), 3));
  (9, (MovToCr3 R12, 4));
  (13, (Mov W64 (OReg RAX) (OMem (at_reg RDX)), 3))
].
Definition share_machine : machine :=
  Machine (Config (x86_5level true 40) false true true true true)
    (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> share_code)).
Notation mode := (cfg_mode (m_config share_machine)).
Definition share_image : image :=
  Image entry [(CR3, root_a); (RDI, w 0x405000); (RAX, w 0x2003); (RSI, w 0x406018); (RBX, large_entry);
    (RDX, large_va); (RCX, w 7); (R12, root_b)]
    (Flags None None None None None) tables frames.

(** * Cells: those of the first space, and what they are when the second one shares them *)
Definition upper (k n e : Z) : cell := Cell (w e) [VPage root_a k n] [VPage root_a k n] [].
Definition absent : cell := Cell (w 0) [VPage root_a 21 3] [] [].
Definition shared (k n e : Z) : cell := also_for root_b k n (upper k n e).
Definition below (s : Z) (k n e : Z) : Z * Qp * cell := (s, 1%Qp, shared k n e).

Definition share_pre : list resource := [
  RReg RDI (w 0x405000); RReg RAX (w 0x2003); RReg RSI (w 0x406018); RReg RBX large_entry;
  RReg RDX large_va; RReg RCX (w 7); RReg R12 root_b;
  RClaim true root_a (w 0x405000) 1 (w 0x6000); RClaim true root_a (w 0x406018) 1 (w 0x4018);
  RCell (w 0x1000) 1 (upper 48 0 0x2003); RCell (w 0x2000) 1 (upper 39 0 0x3003);
  RCell (w 0x3000) 1 (upper 30 0 0x4003); RCell (w 0x4010) 1 (upper 21 2 0x5003);
  RCell (w 0x5000) 1 (upper 12 0x400 0x10001); RCell (w 0x4018) 1 absent;
  RPhys (w 0x6000) 1 (w 0); RPhys (w 0x200008) 1 (w 42); RCode root_a entry share_code 1
].
Definition share_exits : list (word * (word * list resource)) := [
  (entry `+Z` 16, (root_b, [RReg RAX (w 7); RPhys (w 0x200008) 1 (w 7)]))
].
Lemma share_supplied : image_supplies share_machine share_image (RReg CR3 root_a :: share_pre) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma share_runs : runs_to share_machine (vexits share_exits) 5 (image_state share_image) = true.
Proof. vm_compute. reflexivity. Qed.

Global Instance share_regular : RegularMode share_machine.
Proof. apply x86_5level_regular. Qed.

(** * The leaf, through the slot that both spaces reach *)
Definition large_rights : rights := Rights true true false false true true.
Definition large_leaf : leaf := Leaf 0x200000 21 large_rights.
Definition large_slot (claimed : list region) : cell :=
  Cell large_entry [VPage root_b 21 3; VPage root_a 21 3] claimed [].
Definition path_a (x : cell) : path_cells := [
  (0x1000, 1%Qp, upper 48 0 0x2003); below 0x2000 39 0 0x3003; below 0x3000 30 0 0x4003; (0x4018, 1%Qp, x)].
Definition root_slot (claimed : list region) : cell := Cell (w 0x2003) [VPage root_b 48 0] claimed [].
Definition path_b (claimed : list region) (x : cell) : path_cells := [
  (0x6000, 1%Qp, root_slot claimed); below 0x2000 39 0 0x3003; below 0x3000 30 0 0x4003; (0x4018, 1%Qp, x)].
Definition path_code : path_cells := [
  (0x6000, 1%Qp, root_slot []); below 0x2000 39 0 0x3003; below 0x3000 30 0 0x4003;
  below 0x4010 21 2 0x5003; below 0x5000 12 0x400 0x10001].
Definition region_a : region := VPage root_a 21 3.
Definition region_b : region := VPage root_b 21 3.
Definition code_leaf : leaf := Leaf 0x10000 12 (Rights true false false true true true).

Lemma large_claimable_a : leaf_claimable mode root_a large_va large_leaf 3 (path_a (large_slot [])).
Proof. repeat split; vm_compute; reflexivity. Qed.
Lemma large_claimable_b claimed :
  claimed = [VPage root_b 12 0x400] →
  leaf_claimable mode root_b large_va large_leaf 0 (path_b claimed (large_slot [region_a; region_b])).
Proof. intros ->. repeat split; vm_compute; reflexivity. Qed.
Lemma code_claimable : leaf_claimable mode root_b entry code_leaf 0 path_code.
Proof. repeat split; vm_compute; reflexivity. Qed.
(** Four levels are not enough in this mode, and the other space is claimed only where the slot says so. *)
Example four_levels l : ¬ leaf_claimable mode root_b entry l 0 (firstn 4 path_code).
Proof. intros [Hw _]. by vm_compute in Hw. Qed.
Example not_shared : ¬ leaf_claimable mode root_b large_va large_leaf 0 (path_b [] (large_slot [region_a])).
Proof. intros (_ & _ & _ & Hsteps). by vm_compute in Hsteps. Qed.
(** While one of the two claims the leaf, it is not written. *)
Example shared_leaf_not_editable :
  cell_editable mode (drop_claim region_a (large_slot [region_a; region_b])) = false ∧
  cell_editable mode (drop_claim region_b (drop_claim region_a (large_slot [region_a; region_b]))) = true.
Proof. split; vm_compute; reflexivity. Qed.

(** The word of a large leaf that the code uses. *)
Section large_word.
  Context `{!machGS share_machine Σ}.
  Lemma large_word root :
    vleaf root large_va large_leaf 1 ⊢ @[root] large_va ⇝{pos_to_Qp 512} w 0x200008.
  Proof.
    rewrite /vleaf /at_root /vclaim /= /leaf_claims. apply embed_mono.
    assert (leaf_pages root large_va large_leaf !! 0%nat =
      Some ((root, page large_va), (0x200000, large_rights))) as H0.
    { by rewrite /leaf_pages list_lookup_fmap. }
    rewrite (big_sepL_lookup _ _ _ _ H0) /=.
    rewrite -(page_claim_word_1 true root large_va _ 0x200000 large_rights); [|done|done|by vm_compute].
    by rewrite word_share_page.
  Qed.
End large_word.
Definition all_shares : Qp := pos_to_Qp 4096 / pos_to_Qp 16.

Theorem share_adequate :
  adequate share_machine (image_state share_image) (exit_reached share_machine (vexits share_exits)).
Proof.
  apply (image_vexits share_machine share_image root_a share_pre share_exits).
  { apply x86_5level_canonical_pages. }
  { apply share_supplied. }
  intros G. simpl.
  iIntros "(#Hin & _ & Hdi & Hax & Hsi & Hbx & Hdx & Hcx & H12 & W6 & W4 & C1 & C2 & C3 & C4 & C5 & CL & W)".
  iDestruct "W" as "(P6 & P2 & HC & _)".
  iDestruct (at_root_untag with "Hin W6") as "W6". iDestruct (at_root_untag with "Hin W4") as "W4".
  iDestruct (at_root_untag with "Hin HC") as "HC".
  (* the slots of the subtree answer for the new space too *)
  iMod (table_share root_a root_b _ _ 39 0 with "Hin C2") as "C2"; [done|].
  iMod (table_share root_a root_b _ _ 30 0 with "Hin C3") as "C3"; [done|].
  iMod (table_share root_a root_b _ _ 21 2 with "Hin C4") as "C4"; [done|].
  iMod (table_share root_a root_b _ _ 12 0x400 with "Hin C5") as "C5"; [done|].
  iMod (table_share root_a root_b _ _ 21 3 with "Hin CL") as "CL"; [done|].
  iMod (table_elsewhere root_a root_b [(w 0x6000, [(48, 0)])] with "Hin [P6]") as "T".
  { by vm_compute. }
  { by repeat constructor. }
  { rewrite /zeroed /=. iSplitL "P6"; [iExact "P6"|done]. }
  rewrite /table /=. iDestruct "T" as "[T _]".
  (* the subtree is linked, the leaf mapped *)
  iApply (wp_store_entry [] with "HC Hax Hdi W6 T"); [by vm_compute|]. iIntros "HC Hax Hdi W6 T".
  iApply (wp_store_entry [region_b] with "HC Hbx Hsi W4 CL"); [by vm_compute|].
  iIntros "HC Hbx Hsi W4 CL".
  (* it is claimed by the one space *)
  iMod (table_claim (path_a (large_slot [region_b])) 3 _ _ root_a large_va large_leaf
    with "[C1 C2 C3 CL]") as "[Hpath Hleaf]"; [reflexivity| |..].
  { repeat split; vm_compute; reflexivity. }
  { rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "C1"; [iExact "C1"|]. iSplitL "C2"; [iExact "C2"|]. iSplitL "C3"; [iExact "C3"|]. iExact "CL". }
  rewrite {1}/vpath /cells_pt /= !embed_sep. iDestruct "Hpath" as "(C1 & C2 & C3 & CL & _)".
  iDestruct (large_word with "Hleaf") as "Hva". iDestruct (at_root_untag with "Hin Hva") as "Hva".
  iApply (wp_store _ _ _ _ _ _ large_va _ _ (large_va ⇝{pos_to_Qp 512} w 0x200008 ∗ w 0x200008 ↦ₚ{1} w 42)
    with "HC Hcx Hdx [$Hva $P2]").
  iIntros "HC Hcx Hdx [Hva P2]".
  (* the other one claims the code and the leaf *)
  iMod (table_claim path_code 0 _ _ root_b entry code_leaf with "[T C2 C3 C4 C5]") as "[Hpath Hcode]";
    [reflexivity|apply code_claimable|..].
  { rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "T"; [iExact "T"|]. iSplitL "C2"; [iExact "C2"|]. iSplitL "C3"; [iExact "C3"|].
    iSplitL "C4"; [iExact "C4"|]. iExact "C5". }
  rewrite {1}/vpath /cells_pt /= !embed_sep. iDestruct "Hpath" as "(T & C2 & C3 & _ & _ & _)".
  iMod (table_claim (path_b [VPage root_b 12 0x400] (large_slot [region_a; region_b])) 0 _ _ root_b large_va
    large_leaf with "[T C2 C3 CL]") as "[_ Hleaf]"; [reflexivity|by apply large_claimable_b|..].
  { rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "T"; [iExact "T"|]. iSplitL "C2"; [iExact "C2"|]. iSplitL "C3"; [iExact "C3"|]. iExact "CL". }
  iDestruct (vleaf_code root_b entry code_leaf share_code 15 all_shares with "Hcode") as "HCb";
    [done|vm_compute; reflexivity..|apply (bool_decide_eq_true_1 _); vm_compute; reflexivity|].
  iDestruct (large_word with "Hleaf") as "Hvb".
  (* the new space *)
  iApply (wp_mov_cr3 with "Hin HC H12 HCb"); [done|].
  iEnter from "Hin" as "#Hinb". iIntros "_ HC H12 HCb".
  iApply (wp_load _ _ _ _ _ _ _ large_va _ _ (large_va ⇝{pos_to_Qp 512} w 0x200008 ∗ w 0x200008 ↦ₚ{1} w 7)
    with "HCb Hax Hdx [$Hvb $P2]").
  iIntros "HCb Hax Hdx [_ P2]". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. simpl. iFrame "Hinb". iFrame.
Qed.
Print Assumptions share_adequate.
