(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Import edits fresh stale.
From rocqgen.adequacy Require Import closed.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Edits of page tables on concrete images: map, use, unmap, flush, map again; and what happens, on the
    bare machine, where the flush is forgotten. *)

Notation w z := (Z_to_bv 64 z) (only parsing).
Definition at_reg (r : reg) (d : Z) : addr := Addr false (Some r) None d.

(** * The image: one space; the table at 0x4000 is mapped at 0x403000 *)
Definition root_a : word := w 0x1000.
Definition entry : word := w 0x400000.
Definition page_va : word := w 0x402000.           (* mapped and unmapped *)
Definition slot_va : word := w 0x403010.           (* its entry, through this space *)
Definition slot_pa : word := w 0x4010.
Definition leaf_21 : word := w 0x8000000000021003.
Definition leaf_22 : word := w 0x8000000000022003.

Definition tables : list (Z * list word) := [
  (0x1000, [w 0x2003]); (0x2000, [w 0x3003]); (0x3010, [w 0x4003]);
  (0x4000, [w 0x10001; w 0x8000000000020003; w 0; w 0x8000000000004003])
].
Definition frames : list (Z * list word) := [(0x20000, [w 7]); (0x21000, [w 42]); (0x22000, [w 43])].

(** Map frame 0x21 and store there; unmap; flush or not; map frame 0x22 at the same address and store there. *)
Definition edit_code (flush : bool) : list (Z * (instr * Z)) := [
  (0, (Mov W64 (OMem (at_reg RDI 0)) (OReg RAX), 3));
  (3, (Mov W64 (OMem (at_reg RSI 0)) (OReg RCX), 3));
  (6, (Mov W64 (OMem (at_reg RDI 0)) (OReg RDX), 3));
  (9, (if flush then Invlpg (at_reg RSI 0) else Nop, 3));
  (12, (Mov W64 (OMem (at_reg RDI 0)) (OReg R8), 3));
  (15, (Mov W64 (OReg RBX) (OMem (at_reg RSI 0)), 3))
].
Definition edit_machine (flush : bool) : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> edit_code flush)).
Definition edit_regs : list (reg * word) := [
  (CR3, root_a); (RDI, slot_va); (RSI, page_va); (RAX, leaf_21); (RCX, w 5); (RDX, w 0); (R8, leaf_22);
  (RBX, w 0)].
Definition edit_image : image :=
  Image entry edit_regs (Flags None None None None None) tables frames.

(** * What the function does, with an entry that is stale in the TLB or not *)
Definition run_from (flush : bool) (n : nat) (t : tlb) : result state :=
  run (edit_machine flush) n (set_tlb t (image_state edit_image)).
Definition reg_of (x : result state) (r : reg) : option Z :=
  match x with Ok σ => bv_unsigned <$> st_regs σ !! r | _ => None end.
Example edits_walk : reg_of (run_from true 6 []) RBX = Some 43.
Proof. vm_compute. reflexivity. Qed.

(** The TLB may cache the leaf while it is mapped: after three instructions it is there, the page is not. *)
Definition stale_leaf : leaf := Leaf 0x21000 12 (Rights true true false false true true).
Definition stale_entry : tlb_entry := TlbEntry 0x402 stale_leaf.
Definition unmapped (flush : bool) : option state :=
  match run_from flush 3 [] with Ok σ => Some σ | _ => None end.
Example cached_when_mapped :
  match run_from false 1 [] with
  | Ok σ => walk (cfg_mode (x86_kernel 40)) (st_mem σ) root_a page_va = Walked stale_leaf
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.
Example not_walked_when_unmapped :
  match run_from false 3 [] with
  | Ok σ => walk (cfg_mode (x86_kernel 40)) (st_mem σ) root_a page_va = NotPresent
  | _ => False
  end.
Proof. vm_compute. reflexivity. Qed.

(** A translator that uses what is cached, and walks elsewhere: one that [step] admits. *)
Definition cached_translator (M : machine) (σ : state) : translator := λ a va,
  match find (λ e, te_covers e va) (st_tlb σ) with
  | Some e =>
    if pm_canonical (cfg_mode (m_config M)) va then leaf_translate (m_config M) a va (te_leaf e)
    else walker M σ a va
  | None => walker M σ a va
  end.
Lemma cached_step M σ : step M σ (exec_next M (cached_translator M σ) σ).
Proof.
  assert (set_tlb (st_tlb σ) σ = σ) as Hσ by by destruct σ.
  rewrite -{3}Hσ. apply step_with; [by intros e He; left|]. intros a va. rewrite /cached_translator.
  destruct (find _ _) as [e|] eqn:He; [|apply translates_walk].
  apply find_some in He as [Hin%elem_of_list_In Hcov].
  destruct (pm_canonical _ va) eqn:Hcan; [|apply translates_walk]. by apply translates_cached.
Qed.
Fixpoint run_cached (M : machine) (n : nat) (σ : state) : result state :=
  match n with
  | O => Ok σ
  | S n => σ' ← exec_next M (cached_translator M σ) σ; run_cached M n σ'
  end.
Lemma run_cached_steps M n σ σ' : run_cached M n σ = Ok σ' → steps M n σ σ'.
Proof.
  revert σ. induction n as [|n IH]; intros σ; [intros [= ->]; constructor|].
  intros (σ1 & Hstep & Hrun)%result_bind_Ok. econstructor; [|by apply IH].
  rewrite -Hstep. apply cached_step.
Qed.
(** The machine admits that the leaf is cached while it is mapped, one instruction into the code. *)
Definition with_cached (flush : bool) (n : nat) : result state :=
  σ ← run_from flush 1 []; run_cached (edit_machine flush) n (set_tlb [stale_entry] σ).

(** Without the flush the load finds what the unmapped frame holds: whoever took the frame into use again
    is read, and would be overwritten, through the old address.  With the flush it does not. *)
Example stale_read : reg_of (with_cached false 5) RBX = Some 5.
Proof. vm_compute. reflexivity. Qed.
Example flushed_read : reg_of (with_cached true 5) RBX = Some 43.
Proof. vm_compute. reflexivity. Qed.

(** * Cells *)
Definition upper (k n : Z) (e : Z) : cell := Cell (w e) [VPage root_a k n] [VPage root_a k n] [].
Definition pml4e : cell := upper 39 0 0x2003.
Definition pdpte : cell := upper 30 0 0x3003.
Definition pde : cell := upper 21 2 0x4003.
Definition pte : cell := Cell (w 0) [VPage root_a 12 0x402] [] [].
Definition path (x : cell) : path_cells :=
  [(0x1000, 1%Qp, pml4e); (0x2000, 1%Qp, pdpte); (0x3010, 1%Qp, pde); (0x4010, 1%Qp, x)].
Notation mode := (cfg_mode (m_config (edit_machine true))).

Definition the_leaf (frame : Z) : leaf := Leaf frame 12 (Rights true true false false true true).
Definition mapped : cell := add_claim (VPage root_a 12 0x402) (cell_store mode pte leaf_21 []).
Definition unmapped_cell : cell := cell_store mode (drop_claim (VPage root_a 12 0x402) mapped) (w 0) [].

Lemma claimable_21 : leaf_claimable mode root_a page_va (the_leaf 0x21000) 3 (path (cell_store mode pte leaf_21 [])).
Proof. repeat split; vm_compute; reflexivity. Qed.
(** A claimed entry cannot be written; once the claim is given up it can, and owes a flush. *)
Example mapped_not_editable : cell_editable mode mapped = false.
Proof. vm_compute. reflexivity. Qed.
Example unclaimed_editable : cell_editable mode (drop_claim (VPage root_a 12 0x402) mapped) = true.
Proof. vm_compute. reflexivity. Qed.
Example unmapped_owes : c_owed unmapped_cell = [VPage root_a 12 0x402].
Proof. vm_compute. reflexivity. Qed.
(** Without the flush the page cannot be claimed again, whatever the entry; the flush of another page does
    not help, that of this one does. *)
Example not_claimable_before_flush l e :
  ¬ leaf_claimable mode root_a page_va l 3 (path (cell_store mode unmapped_cell e [])).
Proof.
  intros (_ & _ & _ & Hsteps). rewrite /path /= in Hsteps.
  apply andb_true_iff in Hsteps as [_ [_ [_ Hlast]%andb_true_iff]%andb_true_iff].
  apply andb_true_iff in Hlast as [Hlast _]. rewrite /step_ok in Hlast.
  apply andb_true_iff in Hlast as [[_ Howed%bool_decide_eq_true]%andb_true_iff _].
  by vm_compute in Howed.
Qed.
Example wrong_flush : c_owed (unpaid (paid root_a (w 0x403000)) unmapped_cell) ≠ [].
Proof. by vm_compute. Qed.
Example right_flush : c_owed (unpaid (paid root_a (w 0x402ff8)) unmapped_cell) = [].
Proof. vm_compute. reflexivity. Qed.
Lemma claimable_22 :
  leaf_claimable mode root_a page_va (the_leaf 0x22000) 3
    (path (cell_store mode (unpaid (paid root_a page_va) unmapped_cell) leaf_22 [])).
Proof. repeat split; vm_compute; reflexivity. Qed.

(** An entry with a reserved bit gives no claim. *)
Example reserved_not_claimable l :
  ¬ leaf_claimable mode root_a page_va l 3
      (path (cell_store mode pte (w (0x21003 + 2 ^ 51)) [])).
Proof. intros [Hw _]. by vm_compute in Hw. Qed.
(** Widening and narrowing owe, too: what is stored over a present entry is not claimable before a flush. *)
Example widened_owes :
  c_owed (cell_store mode (drop_claim (VPage root_a 12 0x402) mapped) (w 0x21007) []) =
  [VPage root_a 12 0x402].
Proof. vm_compute. reflexivity. Qed.
(** The link to a table is not written while the slot answers for what is below. *)
Example link_not_editable : cell_editable mode (set_claimed [] pde) = false.
Proof. vm_compute. reflexivity. Qed.
(** A large leaf is 512 pages, and one flush pays for all of them. *)
Definition large : cell := Cell (w 0x2000e3) [VPage root_a 21 2] [] [].
Example large_owes :
  c_owed (cell_store mode large (w 0) []) = [VPage root_a 21 2] ∧
  c_owed (unpaid (paid root_a (w 0x5ff000)) (cell_store mode large (w 0) [])) = [].
Proof. split; vm_compute; reflexivity. Qed.
Example large_pages : length (leaf_pages root_a page_va (Leaf 0x200000 21 all_rights)) = 512%nat.
Proof. vm_compute. reflexivity. Qed.

(** * A new space, tables linked below it, and a subtree that two spaces share *)
Definition root_b : word := w 0x5000.
Definition root_c : word := w 0x9000.
Definition link (root : word) (k n : Z) (e : Z) : cell :=
  Cell (w e) (c_reach (empty_cell root [(k, n)])) (c_reach (empty_cell root [(k, n)])) [].
Definition new_path (x : cell) : path_cells :=
  [(0x5000, (1/2)%Qp, link root_b 39 0 0x6003); (0x6000, (1/2)%Qp, link root_b 30 0 0x7003);
   (0x7010, (1/2)%Qp, link root_b 21 2 0x8003); (0x8010, 1%Qp, x)].
Definition new_leaf : cell := cell_store mode (empty_cell root_b [(12, 0x402)]) leaf_21 [].
Example new_claimable : leaf_claimable mode root_b page_va (the_leaf 0x21000) 3 (new_path new_leaf).
Proof. repeat split; vm_compute; reflexivity. Qed.
(** In a wrong space, at a wrong page, or through a slot that answers for nothing it is not. *)
Example wrong_space l : ¬ leaf_claimable mode root_a page_va l 3 (new_path new_leaf).
Proof. intros [Hw _]. by vm_compute in Hw. Qed.
Example wrong_page l : ¬ leaf_claimable mode root_b (w 0x403000) l 3 (new_path new_leaf).
Proof. intros [Hw _]. by vm_compute in Hw. Qed.
Example answers_for_nothing :
  steps_ok root_b page_va 12 3 (pm_levels mode) (new_path (cell_store mode (Cell (w 0) [] [] []) leaf_21 [])).*2
    = false.
Proof. vm_compute. reflexivity. Qed.

(** The space [root_c] shares everything below its first slot. *)
Definition shared_leaf : cell :=
  add_claim (VPage root_b 12 0x402) (also_for root_c 12 0x402 new_leaf).
Definition shared_path : path_cells :=
  [(0x9000, 1%Qp, Cell (w 0x6003) [VPage root_c 39 0] [] []);
   (0x6000, (1/2)%Qp, also_for root_c 30 0 (link root_b 30 0 0x7003));
   (0x7010, (1/2)%Qp, also_for root_c 21 2 (link root_b 21 2 0x8003)); (0x8010, (1/2)%Qp, shared_leaf)].
Example shared_claimable : leaf_claimable mode root_c page_va (the_leaf 0x21000) 0 shared_path.
Proof. repeat split; vm_compute; reflexivity. Qed.
(** It is written only when both spaces have given up their claims, and owes for both; [invlpg] in one of
    them pays for it and, as the TLB holds nothing of the other, for that too. *)
Example shared_not_editable :
  cell_editable mode shared_leaf = false ∧
  cell_editable mode (drop_claim (VPage root_b 12 0x402) shared_leaf) = false ∧
  cell_editable mode (drop_claim (VPage root_c 12 0x402) shared_leaf) = false.
Proof. split; [|split]; vm_compute; reflexivity. Qed.
Definition shared_free : cell :=
  drop_claim (VPage root_c 12 0x402) (drop_claim (VPage root_b 12 0x402) shared_leaf).
Example shared_owes :
  cell_editable mode shared_free = true ∧
  c_owed (cell_store mode shared_free (w 0) []) = [VPage root_c 12 0x402; VPage root_b 12 0x402] ∧
  c_owed (unpaid (paid root_b page_va) (cell_store mode shared_free (w 0) [])) = [].
Proof. split; [|split]; vm_compute; reflexivity. Qed.

(** * The triple, closed on the image *)
Global Instance edit_regular : RegularMode (edit_machine true).
Proof. apply x86_4level_regular. Qed.
Definition edit_pre : list resource := [
  RReg RDI slot_va; RReg RSI page_va; RReg RAX leaf_21; RReg RCX (w 5); RReg RDX (w 0); RReg R8 leaf_22;
  RReg RBX (w 0);
  RClaim true root_a slot_va 1 slot_pa;
  RCell (w 0x1000) 1 pml4e; RCell (w 0x2000) 1 pdpte; RCell (w 0x3010) 1 pde; RCell slot_pa 1 pte;
  RPhys (w 0x21000) 1 (w 42); RPhys (w 0x22000) 1 (w 43);
  RCode root_a entry (edit_code true) 1
].
Lemma edit_supplied :
  image_supplies (edit_machine true) edit_image (RReg CR3 root_a :: edit_pre) = true.
Proof. vm_compute. reflexivity. Qed.

Definition edit_exits : list (word * (word * list resource)) := [
  (entry `+Z` 18, (root_a, [RReg RBX (w 43); RPhys (w 0x21000) 1 (w 5)]))
].

Theorem edit_adequate :
  adequate (edit_machine true) (image_state edit_image)
    (exit_reached (edit_machine true) ((λ x, (x.1, RReg CR3 x.2.1 :: x.2.2)) <$> edit_exits)).
Proof.
  apply (image_vexits (edit_machine true) edit_image root_a edit_pre edit_exits).
  { apply x86_4level_canonical_pages. }
  { apply edit_supplied. }
  intros G. simpl.
  iIntros "(#Hin & Hf & Hdi & Hsi & Hax & Hcx & Hdx & H8 & Hbx & Hslot & H1 & H2 & H3 & H4 & Hp1 & Hp2 & HC & _)".
  iDestruct (at_root_untag with "Hin Hslot") as "Hslot".
  iDestruct (at_root_untag with "Hin HC") as "HC".
  (* map *)
  iApply (wp_map _ _ _ _ _ _ slot_va leaf_21 (RDI ⇒ᵣ slot_va) 1 slot_pa pte
    (path (cell_store mode pte leaf_21 [])) 3 root_a page_va (the_leaf 0x21000)
    with "HC Hax Hdi Hslot H4 [H1 H2 H3]"); [vm_compute; reflexivity|vm_compute; reflexivity|
    apply claimable_21|..].
  { iIntros "H4". rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "H1"; [iExact "H1"|]. iSplitL "H2"; [iExact "H2"|]. iSplitL "H3"; [iExact "H3"|].
    iExact "H4". }
  iIntros "HC Hax Hdi Hslot Hpath Hleaf".
  (* store through it *)
  iDestruct (vleaf_word true _ _ _ (w 0x21000) with "Hleaf") as "Hva"; [done|by vm_compute..|].
  iDestruct (at_root_untag with "Hin Hva") as "Hva".
  iApply (wp_store _ _ _ _ _ _ page_va _ _ (page_va ⇝{pos_to_Qp 512} w 0x21000 ∗ w 0x21000 ↦ₚ{1} w 42)
    with "HC Hcx Hsi [$Hva $Hp1]").
  iIntros "HC Hcx Hsi [Hva Hp1]".
  (* unmap: the claim is given up *)
  iDestruct (at_root_tag with "Hin Hva") as "Hva".
  iDestruct (vleaf_of_word with "Hva") as (R) "[_ Hleaf]"; [by vm_compute|].
  rewrite {1}/vpath /cells_pt /= !embed_sep. iDestruct "Hpath" as "(H1 & H2 & H3 & H4 & _)".
  iApply (wp_unmap _ _ _ _ _ _ slot_va (w 0) (RDI ⇒ᵣ slot_va) 1 slot_pa mapped root_a page_va
    with "HC Hdx Hdi Hslot [H4] Hleaf"); [by vm_compute|by vm_compute|iExact "H4"|].
  iIntros "HC Hdx Hdi Hslot H4".
  (* flush *)
  iApply (wp_invlpg_cell with "Hin HC Hsi H4"); [done|by vm_compute|].
  iIntros "HC Hsi H4".
  (* map again *)
  iApply (wp_map _ _ _ _ _ _ slot_va leaf_22 (RDI ⇒ᵣ slot_va) 1 slot_pa
    (unpaid (paid root_a page_va) unmapped_cell)
    (path (cell_store mode (unpaid (paid root_a page_va) unmapped_cell) leaf_22 [])) 3 root_a page_va
    (the_leaf 0x22000)
    with "HC H8 Hdi Hslot H4 [H1 H2 H3]"); [vm_compute; reflexivity|vm_compute; reflexivity|
    apply claimable_22|..].
  { iIntros "H4". rewrite /vpath /cells_pt /=. rewrite !embed_sep embed_emp right_id.
    iSplitL "H1"; [iExact "H1"|]. iSplitL "H2"; [iExact "H2"|]. iSplitL "H3"; [iExact "H3"|].
    iExact "H4". }
  iIntros "HC H8 Hdi Hslot _ Hleaf".
  iDestruct (vleaf_word true _ _ _ (w 0x22000) with "Hleaf") as "Hva"; [done|by vm_compute..|].
  iDestruct (at_root_untag with "Hin Hva") as "Hva".
  iApply (wp_load _ _ _ _ _ _ _ page_va _ _ (page_va ⇝{pos_to_Qp 512} w 0x22000 ∗ w 0x22000 ↦ₚ{1} w 43)
    with "HC Hbx Hsi [$Hva $Hp2]").
  iIntros "HC Hbx Hsi _". iApply vwp_exit.
  iExists _, _. iSplit; [iPureIntro; by left|]. iFrame "Hin". simpl. iFrame.
Qed.
Print Assumptions edit_adequate.

(** The execution that it speaks of does reach the exit. *)
Definition exits : list (word * list resource) := (λ x, (x.1, RReg CR3 x.2.1 :: x.2.2)) <$> edit_exits.
Lemma edit_runs : runs_to (edit_machine true) exits 6 (image_state edit_image) = true.
Proof. vm_compute. reflexivity. Qed.

(** * Without the flush the same statement is false of the machine *)
Fixpoint fails_cached (M : machine) (exits : list (word * list resource)) (n : nat) (σ : state) : bool :=
  if bool_decide (exit_reached M exits σ) then false
  else
    match exec_next M (cached_translator M σ) σ, n with
    | Ok σ, S n => fails_cached M exits n σ
    | Ok _, O => false
    | _, _ => true
    end.
Lemma fails_cached_sound M exits n σ :
  fails_cached M exits n σ = true →
  ∃ k σ' r, steps_avoiding M (exit_reached M exits) k σ σ' ∧ ¬ exit_reached M exits σ' ∧
            step M σ' r ∧ ∀ σ'', r ≠ Ok σ''.
Proof.
  revert σ. induction n as [|n IH]; intros σ; simpl; case_bool_decide as Hex; try done;
    destruct (exec_next M (cached_translator M σ) σ) as [σ1|f|u] eqn:Hstep; try done.
  1,2,4,5: intros _; eexists 0%nat, σ, _; split; [constructor|]; split; [done|]; split;
    [apply cached_step|by rewrite Hstep].
  intros (k & σ' & r & Hk & H')%IH. exists (S k), σ', r. split; [|done].
  econstructor; [done| |done]. rewrite -Hstep. apply cached_step.
Qed.
(** The TLB caches before a step. *)
Lemma step_evolved M σ t r :
  tlb_evolves (cfg_mode (m_config M)) (st_mem σ) (root_of σ) (st_tlb σ) t →
  step M (set_tlb t σ) r → step M σ r.
Proof.
  intros Ht [t' τ Ht' Hτ]. apply (step_with M σ t' τ); [|done].
  intros e He. destruct (Ht' e He) as [Hin|?]; [by apply Ht|by right].
Qed.
Lemma caching_not_adequate M exits n σ t :
  tlb_evolves (cfg_mode (m_config M)) (st_mem σ) (root_of σ) (st_tlb σ) t →
  fails_cached M exits n (set_tlb t σ) = true → ¬ exit_reached M exits σ →
  ¬ adequate M σ (exit_reached M exits).
Proof.
  intros Ht (k & σ' & r & Hk & Hex & Hr & Hne)%fails_cached_sound Hσ Had.
  inversion Hk as [|n' σ1 σ2 σ3 Hav Hstep Hrest]; subst.
  - destruct (Had 0%nat σ r) as [?|[σ'' ->]]; [constructor|by eapply step_evolved|done|naive_solver].
  - destruct (Had (S n') σ' r) as [?|[σ'' ->]]; [|done|done|naive_solver].
    econstructor; [done|by eapply step_evolved|done].
Qed.

Definition mapped_state : state :=
  match run_from false 1 [] with Ok σ => σ | _ => image_state edit_image end.
Lemma stale_evolves :
  tlb_evolves (cfg_mode (x86_kernel 40)) (st_mem mapped_state) (root_of mapped_state)
    (st_tlb mapped_state) [stale_entry].
Proof.
  intros e ->%elem_of_list_singleton. right. exists page_va.
  split; [by vm_compute|]. split; [|by vm_compute]. vm_compute. reflexivity.
Qed.
Theorem no_flush_not_adequate :
  ¬ adequate (edit_machine false) mapped_state (exit_reached (edit_machine false) exits).
Proof.
  apply (caching_not_adequate _ _ 6 _ [stale_entry]).
  - apply stale_evolves.
  - vm_compute. reflexivity.
  - intros [[Hrip _]|?%Exists_nil]%Exists_cons; [|done]. vm_compute in Hrip. discriminate Hrip.
Qed.
(** The control: with the flush the function of the same name finds no failure. *)
Example flush_does_not_fail :
  match run_from true 1 [] with
  | Ok σ => fails_cached (edit_machine true) exits 6 (set_tlb [stale_entry] σ)
  | _ => true
  end = false.
Proof. vm_compute. reflexivity. Qed.
