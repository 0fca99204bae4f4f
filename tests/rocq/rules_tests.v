(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From iris.proofmode Require Import proofmode monpred.
From rocqgen.machine Require Import x86_64.
From rocqgen.rules Require Import mov alu stack cr3.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The rules in proof mode: worked examples, and what must not be provable. *)

Notation at_disp r d := (Addr false (Some r) None d).

(** * Examples *)
Section examples.
  Context {M : machine} `{!machGS M Σ}.
  Context (Hkernel : cfg_user (m_config M) = false).
  Implicit Types (base b d v w u sp : word).

  (** A load, arithmetic and a store; then a change of space, and a store there.  The code is mapped in
      both spaces. *)
  Definition block : list (Z * (instr * Z)) :=
    [ (0, (Mov W64 (OReg RAX) (OMem (at_disp RBX 8)), 4));
      (4, (Alu AluAdd W64 (OReg RAX) (OImm 1), 4));
      (8, (Mov W64 (OMem (at_disp RBX 16)) (OReg RAX), 4));
      (12, (MovToCr3 RCX, 3));
      (15, (Mov W64 (OMem (at_disp RDX 0)) (OReg RAX), 3)) ].

  Lemma block_spec base old new b d v w u x :
    in_space old -∗ code base block 1 -∗ @[new] code base block 1 -∗
    RAX ⇒ᵣ x -∗ RBX ⇒ᵣ b -∗ RCX ⇒ᵣ new -∗ RDX ⇒ᵣ d -∗ flags_any -∗
    (b `+Z` 8) ↦ᵥʳ{1/2} v -∗ (b `+Z` 16) ↦ᵥ w -∗ @[new] d ↦ᵥ u -∗
    vwp base (λ e, ⌜e = base `+Z` 18⌝ ∗ in_space new ∗
      let v' := bv_add v (Z_to_bv 64 1) in
      d ↦ᵥ v' ∗ @[old] (b `+Z` 16) ↦ᵥ v' ∗ @[old] (b `+Z` 8) ↦ᵥʳ{1/2} v ∗ RAX ⇒ᵣ v').
  Proof using Hkernel.
    iIntros "#Hin HC HC' Ha Hb Hc Hd Hf Hv Hw Hu".
    iApply (wp_load with "HC Ha Hb Hv"). iIntros "HC Ha Hb Hv".
    iApply (wp_alu_ri with "HC Ha Hf"). iIntros "HC Ha Hf".
    iApply (wp_store with "HC Ha Hb Hw"). iIntros "HC Ha Hb Hw".
    iApply (wp_mov_cr3 with "Hin HC Hc HC'"); [done|].
    iEnter from "Hin". iIntros "#Hin' HC Hc HC'".
    iApply (wp_store with "HC' Ha Hd Hu"). iIntros "HC' Ha Hd Hu".
    iApply vwp_exit. iFrame "Hu Hw Hv Ha Hin'". done.
  Qed.

  (** The flags, exactly. *)
  Lemma flags_spec base v f :
    code base [(0, (Alu AluSub W64 (OReg RAX) (OReg RAX), 3))] 1 -∗ RAX ⇒ᵣ v -∗ vflags f -∗
    vwp base (λ e, ⌜e = base `+Z` 3⌝ ∗ RAX ⇒ᵣ bv_sub v v ∗ vflags (alu_flags W64 AluSub v v f)).
  Proof using Type.
    iIntros "HC Ha Hf". iApply (wp_alu_self with "HC Ha Hf"). iIntros "HC Ha Hf".
    iApply vwp_exit. by iFrame.
  Qed.

  (** A load through a claim and the frame's word; operands that share registers. *)
  Definition block2 : list (Z * (instr * Z)) :=
    [ (0, (Mov W64 (OReg RAX) (OMem (at_disp RAX 0)), 3));
      (3, (Mov W64 (OMem (Addr false (Some RBX) (Some (RBX, 8)) 0)) (OReg RBX), 4));
      (7, (Alu AluXor W64 (OMem (at_disp RBX 0)) (OReg RAX), 3));
      (10, (Lea W64 RAX (Addr true None None (-13)), 7)) ].
  Lemma block2_spec base a b v w x pa q pb :
    code base block2 q -∗ RAX ⇒ᵣ a -∗ RBX ⇒ᵣ b -∗ flags_any -∗
    a ⇝ʳ{q} pa -∗ pa ↦ₚ{q} v -∗ (bv_add b (scaled b 8)) ↦ᵥ w -∗ b ⇝{q} pb -∗ pb ↦ₚ x -∗
    vwp base (λ e, ⌜e = base `+Z` 17⌝ ∗ RAX ⇒ᵣ (base `+Z` 4) ∗ (bv_add b (scaled b 8)) ↦ᵥ b ∗
      pb ↦ₚ bv_xor x v ∗ pa ↦ₚ{q} v).
  Proof using Type.
    iIntros "HC Ha Hb Hf Hpa Hv Hw Hpb Hx".
    iApply (wp_load _ _ _ _ _ _ _ _ _ emp (a ⇝ʳ{q} pa ∗ pa ↦ₚ{q} v) with "HC Ha [//] [$Hpa $Hv]").
    iIntros "HC Ha _ [Hpa Hv]".
    iApply (wp_store _ _ _ _ _ _ _ _ emp with "HC Hb [//] Hw"). iIntros "HC Hb _ Hw".
    iApply (wp_alu_mr _ _ _ _ _ _ _ b _ _ _ (b ⇝{q} pb ∗ pb ↦ₚ x) with "HC Ha Hb [$Hpb $Hx] Hf").
    iIntros "HC Ha Hb [Hpb Hx] Hf".
    iApply (wp_lea with "HC Ha"). iIntros "HC Ha". iApply vwp_exit. by iFrame.
  Qed.

  (** A call and its return. *)
  Definition caller : list (Z * (instr * Z)) := [ (0, (Call (TRel 11), 5)); (16, (Ret, 1)) ].
  Lemma call_spec base sp u :
    code base caller 1 -∗ RSP ⇒ᵣ sp -∗ (sp `+Z` (-8)) ↦ᵥ u -∗
    vwp base (λ e, ⌜e = base `+Z` 5⌝ ∗ RSP ⇒ᵣ sp ∗ (sp `+Z` (-8)) ↦ᵥ (base `+Z` 5)).
  Proof using Type.
    iIntros "HC Hsp Hs". iApply (wp_call_rel with "HC Hsp Hs"). iIntros "!> HC Hsp Hs".
    iApply (wp_ret with "HC Hsp Hs"). iIntros "!> HC Hsp Hs".
    iApply vwp_exit. by iFrame.
  Qed.
  (** One instruction by itself. *)
  Lemma instr_spec base q v w x :
    base ↦ₓ{q} (Mov W64 (OReg RAX) (OReg RBX), 3) -∗ (base `+Z` 3) ↦ₓ (Nop, 1) -∗
    RAX ⇒ᵣ v -∗ RBX ⇒ᵣ w -∗ RCX ⇒ᵣ x -∗ vwp base (λ e, ⌜e = base `+Z` 4⌝ ∗ RAX ⇒ᵣ w ∗ RCX ⇒ᵣ x).
  Proof using Type.
    iIntros "H1 H2 Ha Hb Hc". iApply (wp_mov_rr with "H1 Ha Hb"). iIntros "H1 Ha Hb".
    iApply (wp_nop with "H2"). iIntros "H2". iApply vwp_exit. by iFrame.
  Qed.
  (** An endless loop is safe. *)
  Lemma loop_spec base : code base [(0, (Jmp (TRel (-2)), 2))] 1 -∗ vwp base (λ _, False).
  Proof using Type.
    iIntros "HC". iLöb as "IH". iApply (wp_jmp_rel with "HC"). iIntros "!> HC". by iApply "IH".
  Qed.
  Lemma push_pop_spec base sp u v x :
    code base [(0, (Push (OReg RAX), 1)); (1, (Pop (OReg RBX), 1))] 1 -∗
    RSP ⇒ᵣ (sp `+Z` 8) -∗ sp ↦ᵥ u -∗ RAX ⇒ᵣ v -∗ RBX ⇒ᵣ x -∗
    vwp base (λ e, ⌜e = base `+Z` 2⌝ ∗ RSP ⇒ᵣ (sp `+Z` 8) ∗ sp ↦ᵥ v ∗ RBX ⇒ᵣ v).
  Proof using Type.
    iIntros "HC Hsp Hs Ha Hb". iApply (wp_push_r with "HC Hsp Hs Ha"). iIntros "HC Hsp Hs Ha".
    iApply (wp_pop_r with "HC Hsp Hs Hb"). iIntros "HC Hsp Hs Hb". iApply vwp_exit. by iFrame.
  Qed.

  (** * What must fail *)
  (** [mov cr3] to a space that does not map the code: there the old code is not the code. *)
  Lemma cr3_without_code base old new b d u x :
    in_space old -∗ code base block 1 -∗ RAX ⇒ᵣ x -∗ RCX ⇒ᵣ new -∗ RDX ⇒ᵣ d -∗ @[new] d ↦ᵥ u -∗
    vwp (base `+Z` 12) (λ _, False).
  Proof using Hkernel.
    iIntros "#Hin HC Ha Hc Hd Hu".
    iApply (wp_mov_cr3 with "Hin HC Hc Hu"); [done|].
    iEnter from "Hin". iIntros "#Hin' HC Hc Hu".
    (* the code is at [old]: nothing is fetched by it here, as it was before the switch *)
    Fail assert (∃ i n, Fetches (@[old] code base block 1) (base `+Z` 15) i n)
      by (do 2 eexists; tc_solve).
    assert (∃ i n, Fetches (code base block 1) (base `+Z` 15) i n) as _ by (do 2 eexists; tc_solve).
    Fail (iApply (wp_store (code base block 1) with "HC Ha Hd Hu")).
  Abort.
  (** Nor does the switch itself go through where nothing is claimed in the new space. *)
  Lemma cr3_without_claim base : ClaimsRoot (emp ∗ code base block 1).
  Proof using Type.
    Fail assert (ClaimsRoot emp) by tc_solve.
    Fail assert (ClaimsRoot (code base [] 1)) by tc_solve.
    tc_solve.
  Qed.

  (** A store through a read-only mapping, or with a part of the word: no judgement lets it change.
      The statement is the control. *)
  Lemma store_read_only va q v v' :
    SetCell (va ↦ᵥ v) va v' (va ↦ᵥ v') ∧ HasCell Read (va ↦ᵥʳ{q} v) va v.
  Proof using Type.
    Fail assert (∃ R, SetCell (va ↦ᵥʳ v) va v' R) by (eexists; tc_solve).
    Fail assert (HasCell Write (va ↦ᵥʳ v) va v) by tc_solve.
    Fail assert (∃ R, SetCell (va ⇝ʳ{q} v ∗ v ↦ₚ v) va v' R) by (eexists; tc_solve).
    Fail assert (∃ R, SetCell (va ↦ᵥ{q} v) va v' R) by (eexists; tc_solve).
    split; tc_solve.
  Qed.

  (** Two full virtual points-tos on one frame, in one space or in two. *)
  Lemma two_on_one_frame r1 r2 va1 va2 q1 q2 pa v1 v2 :
    @[r1] va1 ⇝{q1} pa -∗ @[r2] va2 ⇝{q2} pa -∗ @[r1] va1 ↦ᵥ v1 -∗ @[r2] va2 ↦ᵥ v2 -∗ False.
  Proof using Type. iIntros "H1 H2 H3 H4". iApply (vpt_alias with "H1 H2 H3 H4"). Qed.
End examples.

(** * The same, of the machine *)
(** Two spaces; the second maps the data page, and not the code. *)
Definition words (ws : list (Z * Z)) : memory :=
  foldr (λ x m, write_bytes m (seqZ x.1 8) (word_bytes (Z_to_bv 64 x.2))) ∅ ws.
Definition tables : memory := words
  [ (0x1000, 0x2003); (0x2000, 0x3003); (0x3000, 0x4003);
    (0x4000, 0x20001);                 (* 0x0000: code *)
    (0x4008, 0x10003);                 (* 0x1000: data *)
    (0x4010, 0x11001);                 (* 0x2000: data, read-only *)
    (0x4018, 0x12003 + 2 ^ 51);        (* 0x3000: a reserved bit *)
    (0x5000, 0x6003); (0x6000, 0x7003); (0x7000, 0x8003);
    (0x8000, 0); (0x8008, 0x10003) ].
Definition image : code_image := list_to_map
  [ (0x20000, (MovToCr3 RCX, 3));
    (0x20003, (Mov W64 (OMem (at_disp RDX 0)) (OReg RAX), 3)) ].
Definition machine1 := Machine (x86_kernel 46) image.
Definition start (ip rdx : Z) : state :=
  State (Z_to_bv 64 ip)
    (list_to_map (prod_map id (Z_to_bv 64) <$> [(CR3, 0x1000); (RCX, 0x5000); (RDX, rdx); (RAX, 7)]))
    (Flags None None None None None) (words [(0x10000, 0); (0x11000, 0)] ∪ tables) [].

Definition page_fault_at (x : result state) : option (fault_code * Z) :=
  match x with Fault (PageFault c va) => Some (c, bv_unsigned va) | _ => None end.

(** [mov cr3] to a space that does not map the code: the next fetch faults, page not present. *)
Example cr3_fault :
  page_fault_at (run machine1 2 (start 0 0x1000)) = Some (FaultCode false false false false true, 3).
Proof. vm_compute. reflexivity. Qed.
Lemma fault_not_safe M σ x : page_fault_at (step_fun M σ) = Some x → ¬ safe M σ.
Proof.
  intros Hx Hs. destruct (Hs _ (step_fun_step M σ)) as [σ' Hσ']. by rewrite Hσ' in Hx.
Qed.
Example cr3_not_safe :
  ∃ σ, step_fun machine1 (start 0 0x1000) = Ok σ ∧ ¬ safe machine1 σ.
Proof.
  destruct (step_fun machine1 (start 0 0x1000)) as [σ| |] eqn:Hσ; [|by vm_compute in Hσ..].
  exists σ. split; [done|]. pose proof cr3_fault as Hf.
  change (run machine1 2 (start 0 0x1000))
    with (σ ← step_fun machine1 (start 0 0x1000); run machine1 1 σ) in Hf.
  rewrite Hσ in Hf. change (page_fault_at (σ' ← step_fun machine1 σ; Ok σ') = Some
    (FaultCode false false false false true, 3)) in Hf.
  eapply fault_not_safe. by destruct (step_fun machine1 σ).
Qed.
(** No claim in that space covers the code. *)
Example cr3_no_claim t : ¬ trans_ok (x86_kernel 46) tables (Z_to_bv 64 0x5000) 0 t.
Proof.
  intros [_ Hva]. destruct (Hva (Z_to_bv 64 0)) as (_ & l & Hw & _); [by vm_compute|].
  by vm_compute in Hw.
Qed.

(** A store through a read-only mapping: present, a write, in the kernel. *)
Example read_only_fault :
  page_fault_at (step_fun machine1 (start 3 0x2000))
    = Some (FaultCode true true false false false, 0x2000).
Proof. vm_compute. reflexivity. Qed.
Example read_only_not_safe : ¬ safe machine1 (start 3 0x2000).
Proof. eapply fault_not_safe, read_only_fault. Qed.
(** The control: the same store to a writable page, from which the same state steps. *)
Example writable_step :
  match step_fun machine1 (start 3 0x1000) with
  | Ok σ => bv_unsigned <$> read_word (st_mem σ) 0x10000
  | _ => None
  end = Some 7.
Proof. vm_compute. reflexivity. Qed.
(** A claim of that page does not admit writes. *)
Example read_only_claim t :
  trans_ok (x86_kernel 46) tables (Z_to_bv 64 0x1000) 2 t → ¬ admits machine1 true t.2.
Proof.
  intros [_ Hva] [_ HW]. destruct (Hva (Z_to_bv 64 0x2000)) as (_ & l & Hw & _ & HR); [by vm_compute|].
  vm_compute in Hw. injection Hw as <-. rewrite -HR in HW. by specialize (HW eq_refl).
Qed.

(** An entry with a reserved bit: the walk says so, an access faults, and no claim is consistent. *)
Example reserved_walk :
  walk (cfg_mode (x86_kernel 46)) tables (Z_to_bv 64 0x1000) (Z_to_bv 64 0x3008)
    = BadEntry ReservedBit.
Proof. vm_compute. reflexivity. Qed.
Example reserved_fault :
  page_fault_at (step_fun machine1 (start 3 0x3000))
    = Some (FaultCode true true false true false, 0x3000).
Proof. vm_compute. reflexivity. Qed.
Example reserved_no_claim t : ¬ trans_ok (x86_kernel 46) tables (Z_to_bv 64 0x1000) 3 t.
Proof.
  intros [_ Hva]. destruct (Hva (Z_to_bv 64 0x3008)) as (_ & l & Hw & _); [by vm_compute|].
  by rewrite reserved_walk in Hw.
Qed.
Example reserved_inconsistent Θ t :
  Θ !! (Z_to_bv 64 0x1000, 3) = Some t → ¬ claims_ok (x86_kernel 46) tables Θ.
Proof. intros Ht Hok. by apply (reserved_no_claim t), (Hok _ _ _ Ht). Qed.
