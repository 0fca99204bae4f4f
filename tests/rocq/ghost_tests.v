(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Import facts ghost_sound.
Import conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Ghost steps on concrete and on symbolic states: what is owed, what is stuck. *)

#[local] Instance four_levels : the_platform := Some (Platform false 40).
Definition root : expr := ECst 0x1000.
Definition page_va : expr := ECst 0x402000.
Definition slot_va : expr := ECst 0x403010.
Definition table_cell (a e k n : Z) : item :=
  ICell (FDiv 1 2) (CellData (ECst a) (ECst e) [Some (k, root, ECst n)] [Some (k, root, ECst n)] []).
Definition leaf_cell (e : expr) (claimed owed : list (sregion expr)) : item :=
  ICell FOne (CellData (ECst 0x4010) e [Some (12, root, page_va)] claimed owed).
Definition here : sregion expr := Some (12, root, page_va).
Definition start (e : expr) (claimed owed : list (sregion expr)) : sstate :=
  SState root [] [table_cell 0x1000 0x2003 39 0; table_cell 0x2000 0x3003 30 0;
    table_cell 0x3010 0x4003 21 0x400000; leaf_cell e claimed owed;
    IClaim true root slot_va FOne (ECst 0x4010)] [] [].

(** Steps in a row, with what they owe in order. *)
Inductive move := Ghost (g : ghost) | Store (e : expr) | Flush (va : expr) | Load (root : expr).
Definition play1 (m : move) (s : sstate) : res (sstate * list fact) :=
  match m with
  | Ghost g => let* (s, owed, _, _) := sghost g s (Names 1 []) in Done (s, owed)
  | Store e => sstore None slot_va e s
  | Flush va => sinvlpg None va s
  | Load root => Done (sload_root root s, [])
  end.
Fixpoint play (l : list move) (s : sstate) : res (sstate * list fact) :=
  match l with
  | [] => Done (s, [])
  | m :: l => let* (s, f1) := play1 m s in let* (s, f2) := play l s in Done (s, f1 ++ f2)
  end.
Definition owed_of (x : res (sstate * list fact)) : option (list fact) :=
  match x with Done (_, l) => Some l | Fail _ => None end.
Definition why_not (x : res (sstate * list fact)) : option why :=
  match x with Done _ => None | Fail w => Some w end.
Definition leaf_is (x : res (sstate * list fact)) (i : item) : Prop :=
  match x with Done (s, _) => nth_error (s_items s) 3 = Some i | Fail _ => False end.

Definition leaf_21 : expr := ECst 0x8000000000021003.
Definition claim_21 : move := Ghost (GClaim [0; 1; 2; 3]%nat 3 true root page_va (ECst 0x21000)).
Definition claim_22 : move := Ghost (GClaim [0; 1; 2; 3]%nat 3 true root page_va (ECst 0x22000)).
Definition unclaim : move := Ghost (GUnclaim 3 5).

(** Map, claim, give back, unmap, flush, map again, claim: nothing is owed. *)
Example maps_twice :
  owed_of (play [Store leaf_21; claim_21; unclaim; Store (ECst 0); Flush page_va;
                 Store (ECst 0x8000000000022003); claim_22] (start (ECst 0) [] [])) = Some [].
Proof. vm_compute. reflexivity. Qed.
(** Without the flush, or with that of another page, it is stuck at the claim. *)
Example no_flush :
  why_not (play [Store leaf_21; claim_21; unclaim; Store (ECst 0); Store (ECst 0x8000000000022003); claim_22]
             (start (ECst 0) [] [])) = Some (Owes (ECst 0x4010)).
Proof. vm_compute. reflexivity. Qed.
Example wrong_flush :
  why_not (play [Store leaf_21; claim_21; unclaim; Store (ECst 0); Flush (ECst 0x403000);
                 Store (ECst 0x8000000000022003); claim_22] (start (ECst 0) [] [])) = Some (Owes (ECst 0x4010)).
Proof. vm_compute. reflexivity. Qed.
(** A load of cr3 pays, too. *)
Example load_pays :
  owed_of (play [Store leaf_21; claim_21; unclaim; Store (ECst 0); Load root;
                 Store (ECst 0x8000000000022003); claim_22] (start (ECst 0) [] [])) = Some [].
Proof. vm_compute. reflexivity. Qed.
(** A present entry through which pages are claimed is not written: that it is absent is owed. *)
Example claimed_not_written :
  owed_of (play [Store leaf_21; claim_21; Store (ECst 0)] (start (ECst 0) [] [])) =
  Some [PEq (ECst 1) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.
(** The claim of a page that is shared with somebody is not given back. *)
Example part_not_given_back :
  why_not (play [Store leaf_21; claim_21; Ghost (GSplit 5 (FDiv 511 1) FOne); unclaim] (start (ECst 0) [] [])) =
  Some (NotWhole 5).
Proof. vm_compute. reflexivity. Qed.
(** An entry with a reserved bit, a frame that is another, a read-only entry: facts that are false. *)
Example reserved_bit :
  owed_of (play [Store (ECst (0x21003 + 2 ^ 51)); Ghost (GClaim [0; 1; 2; 3]%nat 3 true root page_va (ECst 0x21000))]
             (start (ECst 0) [] [])) =
  Some [PEq (ECst (1 + 2 ^ 51)) (ECst 1); PEq (ECst 0x21000) (ECst (0x21000 + 2 ^ 51))].
Proof. vm_compute. reflexivity. Qed.
Example wrong_frame :
  owed_of (play [Store leaf_21; claim_22] (start (ECst 0) [] [])) = Some [PEq (ECst 0x22000) (ECst 0x21000)].
Proof. vm_compute. reflexivity. Qed.
Example read_only :
  owed_of (play [Store (ECst 0x21001); claim_21] (start (ECst 0) [] [])) = Some [PEq (ECst 0) (ECst 2)].
Proof. vm_compute. reflexivity. Qed.
Example wrong_page :
  why_not (play [Store leaf_21; Ghost (GClaim [0; 1; 2; 3]%nat 3 true (ECst 0x9000) page_va (ECst 0x21000))]
             (start (ECst 0) [] [])) = Some (NotAnswering (ECst 0x1000)).
Proof. vm_compute. reflexivity. Qed.
(** Without a platform nothing of this is done. *)
Example no_platform :
  @sghost None (GOpen 3 []) (start (ECst 0) [] []) (Names 1 []) = Fail NoPlatform.
Proof. reflexivity. Qed.

(** * Symbolic entries: the facts are about masked words, and are decided *)
Example symbolic_claim :
  owed_of (play [Ghost (GClaim [0; 1; 2; 3]%nat 3 true root page_va (EVar 2))] (start (EVar 1) [] [])) =
  Some [PEq (EOp AluAnd (EVar 1) (ECst 4502500115742721)) (ECst 1);
        PEq (EVar 2) (EOp AluAnd (EVar 1) (ECst 0xffffffffff000));
        PEq (EOp AluAnd (ECst 0x2003) (EOp AluAnd (ECst 0x3003) (EOp AluAnd (ECst 0x4003)
              (EOp AluAnd (EVar 1) (ECst 4))))) (ECst 0);
        PEq (EOp AluAnd (ECst 0x2003) (EOp AluAnd (ECst 0x3003) (EOp AluAnd (ECst 0x4003)
              (EOp AluAnd (EVar 1) (ECst 2))))) (ECst 2)].
Proof. vm_compute. reflexivity. Qed.
Lemma symbolic_entry (frame e : word) :
  e = bv_or frame (Z_to_bv 64 0x8000000000000003) →
  bv_and frame (Z_to_bv 64 0xfff0000000000fff) = Z_to_bv 64 0 →
  bv_unsigned frame < bv_unsigned (Z_to_bv 64 0x10000000000) →
  bv_and e (Z_to_bv 64 4502500115742721) = Z_to_bv 64 1 ∧
  frame = bv_and e (Z_to_bv 64 0xffffffffff000) ∧
  bv_and (Z_to_bv 64 0x2003) (bv_and e (Z_to_bv 64 4)) = Z_to_bv 64 0.
Proof. repeat split; solve_fact. Qed.
(** The slot of a symbolic address, and a canonical address. *)
Lemma symbolic_slot (table va a : word) :
  bv_and table (Z_to_bv 64 0xfff0000000000fff) = Z_to_bv 64 0 →
  a = bv_add table (alu_value AluShl (bv_and (alu_value AluShr va (Z_to_bv 64 12)) (Z_to_bv 64 511)) (Z_to_bv 64 3)) →
  a = bv_add (bv_and table (Z_to_bv 64 0xffffffffff000))
        (bv_and (alu_value AluShr va (Z_to_bv 64 9)) (Z_to_bv 64 0xff8)).
Proof. solve_fact. Qed.
Lemma symbolic_canonical (va : word) :
  bv_unsigned va < bv_unsigned (Z_to_bv 64 0x800000000000) →
  bv_unsigned (va `+Z` 0x800000000000) < bv_unsigned (Z_to_bv 64 0x1000000000000).
Proof. solve_fact. Qed.

(** * A leaf above the last level: pages of 4 KiB are claimed out of it *)
Definition around : sregion expr := Some (21, root, ECst 0x400000).
Definition large_start (e : expr) (claimed owed : list (sregion expr)) : sstate :=
  SState root [] [table_cell 0x1000 0x2003 39 0; table_cell 0x2000 0x3003 30 0;
    ICell FOne (CellData (ECst 0x3010) e [around] claimed owed);
    IClaim true root slot_va FOne (ECst 0x3010)] [] [].
Definition large_leaf : expr := ECst 0x8000000000600083.
Definition claim_in (va pa : Z) : move :=
  Ghost (GClaim [0; 1; 2]%nat 2 true root (ECst va) (ECst pa)).
Definition large_unclaim : move := Ghost (GUnclaim 2 4).
(** Mapped, claimed, given back; then made to lead elsewhere, which any flush inside of it pays for. *)
Example large_maps_twice :
  owed_of (play [Store large_leaf; claim_in 0x402000 0x602000; large_unclaim; Store (ECst 0);
                 Flush (ECst 0x5ff008); Store (ECst 0xa00083); claim_in 0x5ff000 0xbff000]
             (large_start (ECst 0) [] [])) = Some [].
Proof. vm_compute. reflexivity. Qed.
Example large_owes :
  why_not (play [Store large_leaf; claim_in 0x402000 0x602000; large_unclaim; Store (ECst 0);
                 Flush (ECst 0x600000); Store (ECst 0xa00083); claim_in 0x402000 0xa02000]
             (large_start (ECst 0) [] [])) = Some (Owes (ECst 0x3010)).
Proof. vm_compute. reflexivity. Qed.
Example large_debt :
  match play [Store large_leaf; Store (ECst 0)] (large_start (ECst 0) [] []) with
  | Done (s, []) => nth_error (s_items s) 2 =
      Some (ICell FOne (CellData (ECst 0x3010) (ECst 0) [around] [] [around]))
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.
(** Two pages of it, and not one of them twice; what is claimed bars the store. *)
Example two_pages :
  owed_of (play [Store large_leaf; claim_in 0x402000 0x602000; claim_in 0x403000 0x603000]
             (large_start (ECst 0) [] [])) = Some [].
Proof. vm_compute. reflexivity. Qed.
Example page_twice :
  owed_of (play [Store large_leaf; claim_in 0x402000 0x602000; claim_in 0x402000 0x602000]
             (large_start (ECst 0) [] [])) = Some [PNe (ECst 0x402000) (ECst 0x402000)].
Proof. vm_compute. reflexivity. Qed.
Example large_claimed_not_written :
  owed_of (play [Store large_leaf; claim_in 0x402000 0x602000; Store (ECst 0)]
             (large_start (ECst 0) [] [])) = Some [PEq (ECst 1) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.
(** A link to a table; bits that are reserved in a leaf: 13 to 20, and those above the physical addresses,
    but not that of PAT; another frame, also that of the leaf's beginning; an entry above that is a leaf. *)
Definition large_with (e : Z) : option (list fact) :=
  owed_of (play [Store (ECst e); claim_in 0x402000 0x602000] (large_start (ECst 0) [] [])).
Definition large_fact (b : Z) : fact := PEq (ECst b) (ECst 129).
Example large_link : large_with 0x600003 = Some [large_fact 1].
Proof. vm_compute. reflexivity. Qed.
Example large_absent : large_with 0x600082 = Some [large_fact 128].
Proof. vm_compute. reflexivity. Qed.
Example large_bit_13 : large_with 0x602083 = Some [large_fact 0x2081].
Proof. vm_compute. reflexivity. Qed.
Example large_bit_20 : large_with 0x700083 = Some [large_fact 0x100081].
Proof. vm_compute. reflexivity. Qed.
Example large_bit_40 :
  large_with (0x600083 + 2 ^ 40) =
  Some [large_fact (129 + 2 ^ 40); PEq (ECst 0x602000) (ECst (0x602000 + 2 ^ 40))].
Proof. vm_compute. reflexivity. Qed.
Example large_pat : large_with 0x601083 = Some [].
Proof. vm_compute. reflexivity. Qed.
Example large_read_only : large_with 0x600081 = Some [PEq (ECst 0) (ECst 2)].
Proof. vm_compute. reflexivity. Qed.
Example large_wrong_frame :
  owed_of (play [Store large_leaf; claim_in 0x402000 0x600000] (large_start (ECst 0) [] [])) =
  Some [PEq (ECst 0x600000) (ECst 0x602000)].
Proof. vm_compute. reflexivity. Qed.
(** The slot answers for a page of 4 KiB: not for what is cached of the large one. *)
Example large_answers :
  why_not (play [claim_in 0x402000 0x602000]
    (SState root [] [table_cell 0x1000 0x2003 39 0; table_cell 0x2000 0x3003 30 0;
       ICell FOne (CellData (ECst 0x3010) large_leaf [here] [] [])] [] [])) = Some (NotAnswering (ECst 0x3010)).
Proof. vm_compute. reflexivity. Qed.
(** A path to the last level does not go through a large leaf. *)
Example through_large :
  owed_of (play [claim_21] (SState root [] [table_cell 0x1000 0x2003 39 0; table_cell 0x2000 0x3003 30 0;
    table_cell 0x3010 0x4083 21 0x400000; leaf_cell leaf_21 [] []] [] [])) =
  Some [PEq (ECst 129) (ECst 1)].
Proof. vm_compute. reflexivity. Qed.
(** 1 GiB: the bits of the frame begin at 30.  Above there are no leaves. *)
Definition huge (e va pa : Z) : option (list fact) :=
  owed_of (play [Ghost (GClaim [0; 1]%nat 1 true root (ECst va) (ECst pa))]
    (SState root [] [table_cell 0x1000 0x2003 39 0;
       ICell FOne (CellData (ECst 0x2000) (ECst e) [Some (30, root, ECst 0)] [] [])] [] [])).
Example huge_maps : huge 0xc0000083 0x3ffff000 0xfffff000 = Some [].
Proof. vm_compute. reflexivity. Qed.
Example huge_bit_29 : huge 0xe0000083 0x3ffff000 0xfffff000 = Some [large_fact 0x20000081].
Proof. vm_compute. reflexivity. Qed.
Example no_larger :
  why_not (play [Ghost (GClaim [0]%nat 0 true root (ECst 0) (ECst 0))]
    (SState root [] [ICell FOne (CellData (ECst 0x1000) (ECst 0x83) [Some (39, root, ECst 0)] [] [])] [] [])) =
  Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Symbolic: what is owed of the entry and of the frame, and that it is decided. *)
Example symbolic_large :
  owed_of (play [Ghost (GClaim [0; 1; 2]%nat 2 false root page_va (EVar 2))] (large_start (EVar 1) [] [])) =
  Some [PEq (EOp AluAnd (EVar 1) (ECst 4502500117831809)) (ECst 129);
        PEq (EVar 2) (EAdd (EOp AluAnd (EVar 1) (ECst 0xfffffffe00000)) 0x2000);
        PEq (EOp AluAnd (ECst 0x2003) (EOp AluAnd (ECst 0x3003) (EOp AluAnd (EVar 1) (ECst 4)))) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.
Lemma symbolic_large_entry (frame e : word) :
  e = bv_or frame (Z_to_bv 64 0x83) →
  bv_and frame (Z_to_bv 64 0xffffff00001fffff) = Z_to_bv 64 0 →
  bv_and e (Z_to_bv 64 4502500117831809) = Z_to_bv 64 129 ∧
  frame = bv_and e (Z_to_bv 64 0xfffffffe00000).
Proof. repeat split; solve_fact. Qed.

(** * Cells, shares and blocks of the TLB's debts *)
Example unmap_owes :
  leaf_is (play [Store leaf_21; claim_21; unclaim; Store (ECst 0)] (start (ECst 0) [] []))
    (leaf_cell (ECst 0) [] [here]).
Proof. vm_compute. reflexivity. Qed.
Example absent_by_hint :
  sstore (Some (At 4 (Some 3%nat) (Some (ECst 0)))) slot_va (EVar 2) (start (EVar 1) [] []) =
  Done (start (EVar 2) [] [], [PEq (EOp AluAnd (EVar 1) (ECst 1)) (ECst 0)]).
Proof. vm_compute. reflexivity. Qed.
Example split_and_joined :
  play [Ghost (GSplit 4 (FDiv 1 3) (FDiv 2 3)); Ghost (GJoin 4 5)] (start (ECst 0) [] []) =
  Done (start (ECst 0) [] [], []).
Proof. vm_compute. reflexivity. Qed.
Example joined_learns :
  sghost (GJoin 0 1) (SState root [] [IPhys root (FDiv 1 2) (EVar 1); IPhys root (FDiv 1 2) (EVar 2)] [] [])
    (Names 3 []) =
  Done (SState root [] [IPhys root FOne (EVar 1)] [] [], [], [PEq (EVar 1) (EVar 2)], Names 3 []).
Proof. vm_compute. reflexivity. Qed.

(** * A new table: an absent entry above, the table zeroed, linked, and a page mapped below it *)
Definition fresh : sstate :=
  SState root [] [table_cell 0x1000 0x2003 39 0; table_cell 0x2000 0x3003 30 0;
    ICell FOne (CellData (ECst 0x3010) (ECst 0) [Some (21, root, ECst 0x400000)] [] []);
    IPhys (ECst 0x4010) FOne (ECst 0); IClaim true root slot_va FOne (ECst 0x4010);
    IClaim true root (ECst 0x405010) FOne (ECst 0x3010)] [] [].
Example new_table :
  match play [Ghost (GNew 3); Ghost (GReach [0; 1; 2]%nat 3 12 page_va)] fresh with
  | Done (s, []) =>
    match sstore None (ECst 0x405010) (ECst 0x4003) s with
    | Done (s, []) =>
      owed_of (play [Ghost (GOpen 2 [Some (21, root, ECst 0x400000)]); Store leaf_21; claim_21] s)
    | _ => None
    end
  | _ => None
  end = Some [].
Proof. vm_compute. reflexivity. Qed.
(** Once it is linked, a slot does not come to answer for its pages. *)
Example late_answer :
  owed_of (play [Ghost (GReach [0; 1; 2]%nat 3 12 page_va)] (start (ECst 0) [] [])) =
  Some [PEq (ECst 1) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.

(** * Blocks *)
Definition block (a n : expr) (v : option expr) : item :=
  IBlock FOne (BlockData (Some (true, root)) a n (match v with Some v => Some (FAll v) | None => None end)).
Definition two_blocks (i : expr) (v : option expr) : sstate :=
  SState root [] [block (EVar 1) i (Some (ECst 0)); block (word_at (EVar 1) i) (mk_op AluSub (ECst 512) i) v] [] [].
(** A word of the second block is zeroed, and belongs to the first then: a step of a loop. *)
Example zeroed_word :
  match sghost (GSplitBlock 1 (ECst 1)) (two_blocks (EVar 2) None) (Names 3 []) with
  | Done (s, f1, _, ν) =>
    match sstore (Some (At 1 None (Some (ECst 0)))) (EOp AluAdd (EVar 1) (EOp AluShl (EVar 2) (ECst 3))) (ECst 0) s with
    | Done (s, f2) => Some (f1, f2)
    | Fail _ => None
    end
  | Fail _ => None
  end =
  Some ([PLe (ECst 1) (EOp AluSub (ECst 512) (EVar 2))], []).
Proof. vm_compute. reflexivity. Qed.
(** A block of one word is filled, whatever it was. *)
Example filled_word :
  sstore (Some (At 0 None (Some (ECst 0)))) (EVar 1) (ECst 5)
    (SState root [] [block (EVar 1) (ECst 1) None] [] []) =
  Done (SState root [] [block (EVar 1) (ECst 1) (Some (ECst 5))] [] [], []).
Proof. vm_compute. reflexivity. Qed.
Example joined_blocks :
  sghost (GJoinBlocks 0 1) (two_blocks (EVar 2) (Some (ECst 0))) (Names 3 []) =
  Done (SState root [] [block (EVar 1) (EOp AluAdd (EVar 2) (EOp AluSub (ECst 512) (EVar 2))) (Some (ECst 0))] [] [],
        [PLe (EVar 2) (EOp AluAdd (EVar 2) (EOp AluSub (ECst 512) (EVar 2)))], [], Names 3 []).
Proof. vm_compute. reflexivity. Qed.
(** What is stored into words that are all the same is that; of others nothing is known. *)
Example filled_store :
  sstore (Some (At 0 None (Some (ECst 1)))) (EAdd (EVar 1) 8) (ECst 5) (two_blocks (ECst 2) None) =
  Done (two_blocks (ECst 2) None, [PEq (ECst 5) (ECst 0)]).
Proof. vm_compute. reflexivity. Qed.
Example outside :
  sload (Some (At 0 None (Some (ECst 2)))) false (EAdd (EVar 1) 16) (two_blocks (ECst 2) None) =
  Done (ECst 0, [PLt (ECst 2) (ECst 2)]).
Proof. vm_compute. reflexivity. Qed.
Example unknown_load :
  sload (Some (At 1 None (Some (ECst 0)))) false (EAdd (EVar 1) 16) (two_blocks (ECst 2) None) =
  Fail (UnknownWord (EAdd (EVar 1) 16)).
Proof. vm_compute. reflexivity. Qed.
(** Arrays: a word is copied, and belongs to the copied ones then. *)
Definition source : item := IBlock (FDiv 1 2) (BlockData (Some (true, root)) (EVar 3) (EVar 4) (Some (FArr 9 (ECst 0)))).
Definition copied (n : expr) : item := IBlock FOne (BlockData (Some (true, root)) (EVar 1) n (Some (FArr 9 (ECst 0)))).
Example loaded_word :
  sload (Some (At 0 None (Some (EVar 2)))) false (EOp AluAdd (EVar 3) (EOp AluShl (EVar 2) (ECst 3)))
    (SState root [] [source] [] []) = Done (ESel 9 (EVar 2), [PLt (EVar 2) (EVar 4)]).
Proof. vm_compute. reflexivity. Qed.
Example copied_word :
  owed_of (play [Ghost (GBlock 1); Ghost (GArray 1 9 (EVar 2)); Ghost (GJoinBlocks 0 1)]
    (SState root [] [copied (EVar 2);
       IVirt true root (EOp AluAdd (EVar 1) (EOp AluShl (EVar 2) (ECst 3))) FOne (ESel 9 (EVar 2))] [] [])) =
  Some [PLe (EVar 2) (EAdd (EVar 2) 1)].
Proof. vm_compute. reflexivity. Qed.
(** ... and not if it is another word, or belongs elsewhere. *)
Example wrong_word :
  owed_of (play [Ghost (GBlock 1); Ghost (GArray 1 9 (EVar 2)); Ghost (GJoinBlocks 0 1)]
    (SState root [] [copied (EVar 2);
       IVirt true root (EOp AluAdd (EVar 1) (EOp AluShl (EVar 2) (ECst 3))) FOne (ESel 9 (EVar 5))] [] [])) =
  Some [PEq (ESel 9 (EVar 5)) (ESel 9 (EVar 2)); PLe (EVar 2) (EAdd (EVar 2) 1)].
Proof. vm_compute. reflexivity. Qed.
Example other_array :
  why_not (play [Ghost (GBlock 1); Ghost (GArray 1 8 (EVar 2)); Ghost (GJoinBlocks 0 1)]
    (SState root [] [copied (EVar 2);
       IVirt true root (EOp AluAdd (EVar 1) (EOp AluShl (EVar 2) (ECst 3))) FOne (ESel 9 (EVar 2))] [] [])) =
  Some BadHint.
Proof. vm_compute. reflexivity. Qed.

(** A word of a frame, through the claim of its page. *)
Example frame_word :
  sstore (Some (At 0 (Some 1%nat) (Some (ECst 2)))) (ECst 0x402010) (ECst 7)
    (SState root [] [IClaim true root page_va (FDiv 512 1) (EVar 1);
       IBlock FOne (BlockData None (EVar 1) (ECst 512) None)] [] []) =
  Done (SState root [] [IClaim true root page_va (FDiv 512 1) (EVar 1);
          IBlock FOne (BlockData None (EVar 1) (ECst 512) None)] [] [],
        [PEq (EOp AluAnd (EVar 1) (ECst 4095)) (ECst 0)]).
Proof. vm_compute. reflexivity. Qed.
Example word_and_back :
  play [Ghost (GBlock 0); Ghost (GWord 0)] (SState root [] [IVirt true root (EVar 1) FOne (EVar 2)] [] []) =
  Done (SState root [] [IVirt true root (EVar 1) FOne (EVar 2)] [] [], []).
Proof. vm_compute. reflexivity. Qed.
Example empty_block :
  owed_of (play [Ghost (GEmpty (KBlock None CFill) [EVar 1; EVar 2; ECst 0])] (SState root [] [] [] [])) =
  Some [PEq (EVar 2) (ECst 0)].
Proof. vm_compute. reflexivity. Qed.

Print Assumptions sghost_sound.
