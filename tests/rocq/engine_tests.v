(* SPDX-License-Identifier: Apache-2.0 *)
(** The engine on a small change of address space, and its negative controls: what must fail, fails. *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Import tactics.
Local Open Scope Z_scope.

Definition demo_code : code_list := [
  (0, (Mov W64 (OMem (Addr false (Some RDI) None 0)) (OReg RBX), 3));
  (3, (MovFromCr3 RAX, 3));
  (6, (Mov W64 (OMem (Addr false (Some RDI) None 8)) (OReg RAX), 4));
  (10, (MovToCr3 RDX, 3));
  (13, (Mov W64 (OReg RBX) (OMem (Addr false (Some RSI) None 0)), 3));
  (16, (Mov W64 (OReg RSP) (OMem (Addr false (Some RSI) None 16)), 4));
  (20, (Ret, 1)) ].

(** Variables: 1 base, 2 old, 3 new, 4 po, 5 pn, 6 b0, 7 b1, 8 sp1, 9 ra, 10 a0, 11 o0, 12 o1, 13 sp0. *)
Definition demo_pre : sstate := SState (EVar 2)
  [(RDI, EVar 4); (RSI, EVar 5); (RDX, EVar 3); (RBX, EVar 6); (RAX, EVar 10); (RSP, EVar 13)]
  [IVirt true (EVar 2) (EVar 4) FOne (EVar 11); IVirt true (EVar 2) (EAdd (EVar 4) 8) FOne (EVar 12);
   IVirt true (EVar 3) (EVar 5) (FVar 2) (EVar 7); IVirt true (EVar 3) (EAdd (EVar 5) 16) FOne (EVar 8);
   IVirt true (EVar 3) (EVar 8) FOne (EVar 9)]
  [(EVar 2, FVar 1); (EVar 3, FOne)]
  [PNe (EVar 2) (EVar 3)].
Definition demo_posts : list post := [
  Post (EVar 9) [(100%positive, EVar 3)] (SState (EVar 3)
   [(RDI, EVar 4); (RSI, EVar 5); (RBX, EVar 7); (RAX, EVar 2); (RSP, EAdd (EVar 8) 8); (RDX, EVar 100)]
   [IVirt true (EVar 2) (EVar 4) FOne (EVar 6); IVirt true (EVar 2) (EAdd (EVar 4) 8) FOne (EVar 2);
   IVirt true (EVar 3) (EVar 5) (FVar 2) (EVar 7); IVirt true (EVar 3) (EAdd (EVar 5) 16) FOne (EVar 8);
   IVirt true (EVar 3) (EVar 8) FOne (EVar 9)]
  [(EVar 2, FVar 1); (EVar 3, FOne)] [])].
Definition demo_spec := Spec (EVar 1) demo_code demo_pre demo_posts [] 14 None.
Definition demo_env (base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 : word) (q q2 : Qp) : env :=
  Env (Node (Node (Node (Node Tip (Some sp1) Tip) (Some po) (Node Tip (Some o1) Tip)) (Some old)
             (Node (Node Tip (Some a0) Tip) (Some b0) Tip)) (Some base)
       (Node (Node (Node Tip (Some ra) Tip) (Some pn) (Node Tip (Some sp0) Tip)) (Some new)
             (Node (Node Tip (Some o0) Tip) (Some b1) Tip)))
      (Node (Node Tip (Some q2) Tip) (Some q) Tip).
Definition demo_goal (s : sstate) (z : Z) : Prop :=
  ∀ (M : machine) (Σ : gFunctors) (G : machGS M Σ) (base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 : word) (q q2 : Qp),
  vdenote (EVar 1) demo_code (demo_env base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 q q2) s ⊢
  WP base `+Z` z {{ e, vposts (EVar 1) demo_code (demo_env base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 q q2) demo_posts e }}.

Lemma demo_run : check 20 [] [] demo_spec = Residual [Segment [] []].
Proof. engine_run demo_goal. engine_done. Qed.
(** Too little fuel: the run is stuck at the instruction before, and says so. *)
Lemma demo_short : check 2 [] [] demo_spec = Residual [Segment [] []].
Proof. engine_run demo_goal. Fail engine_done. Abort.

Definition with_pre (pre : sstate) : spec := Spec (EVar 1) demo_code pre demo_posts [] 14 None.
Definition with_post (s : sstate) : spec :=
  Spec (EVar 1) demo_code demo_pre [Post (EVar 9) [(100%positive, EVar 3)] s] [] 14 None.
Definition demo_post : sstate := default demo_pre (p_state <$> (demo_posts !! 0%nat)).

(** A forged result does not pass the kernel. *)
Lemma demo_forged :
  check 20 [] [] (with_post (SState (s_root demo_post) [(RBX, EVar 6)] [] [] [])) = Residual [Segment [] []].
Proof.
  engine_run demo_goal. Fail engine_done. vm_cast_no_check (eq_refl (Residual [Segment [] []])).
  Fail Qed.
Abort.

(** The code is not mapped in the new space: stuck at [mov cr3] (offset 10). *)
Lemma demo_no_code : ∃ s,
  check 20 [] [] (with_pre (SState (s_root demo_pre) (s_regs demo_pre) (s_items demo_pre)
    [(EVar 2, FVar 1)] (s_facts demo_pre))) = RunStuck 0 10 (CodeUnmapped (EVar 3)) s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** A store through a read-only mapping, or with part of the ownership: stuck at the store (offset 0). *)
Lemma demo_read_only : ∃ s,
  check 20 [] [] (with_pre (SState (s_root demo_pre) (s_regs demo_pre)
    (IVirt false (EVar 2) (EVar 4) FOne (EVar 11) :: tail (s_items demo_pre))
    (s_code demo_pre) (s_facts demo_pre))) = RunStuck 0 0 (ReadOnly (EVar 2) (EVar 4)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma demo_half : ∃ s,
  check 20 [] [] (with_pre (SState (s_root demo_pre) (s_regs demo_pre)
    (IVirt true (EVar 2) (EVar 4) (FDiv 1 2) (EVar 11) :: tail (s_items demo_pre))
    (s_code demo_pre) (s_facts demo_pre))) = RunStuck 0 0 (ReadOnly (EVar 2) (EVar 4)) s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** A missing points-to is located; so is one that belongs to another space. *)
Lemma demo_missing : ∃ s,
  check 20 [] [] (with_pre (SState (s_root demo_pre) (s_regs demo_pre)
    (take 4 (s_items demo_pre)) (s_code demo_pre) (s_facts demo_pre))) =
  RunStuck 0 20 (NoItem (EVar 3) (EVar 8)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma demo_wrong_space : ∃ s,
  check 20 [] [] (with_pre (SState (s_root demo_pre) (s_regs demo_pre)
    (IVirt true (EVar 3) (EVar 4) FOne (EVar 11) :: tail (s_items demo_pre))
    (s_code demo_pre) (s_facts demo_pre))) = RunStuck 0 0 (NoItem (EVar 2) (EVar 4)) s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** A wrong postcondition leaves a false equation, by name. *)
Lemma demo_wrong_post :
  check 20 [] [] (with_post (SState (s_root demo_post) [(RBX, EVar 6)] [] [] [])) =
  Residual [Segment [] [Owe [] (TReg RBX) (PEq (EVar 7) (EVar 6))]].
Proof. vm_compute. reflexivity. Qed.
(** What is used once cannot be claimed twice. *)
Lemma demo_duplicate :
  ∃ n t s, check 20 [] [] (with_post (SState (s_root demo_post) []
    [IVirt true (EVar 3) (EVar 8) FOne (EVar 9); IVirt true (EVar 3) (EVar 8) FOne (EVar 9)] [] [])) =
  PostMissing 0 n t s.
Proof. do 3 eexists. vm_compute. reflexivity. Qed.
(** A name of the postcondition outside the scope is refused. *)
Lemma demo_scope :
  check 20 [] [] (with_post (SState (s_root demo_post) [(RBX, EVar 50)] [] [] [])) = IllScoped.
Proof. vm_compute. reflexivity. Qed.

Section demo.
Context {M : machine} `{!machGS M Σ}.
Lemma demo_holds : kernel_mode M → spec_holds demo_spec.
Proof. intros H ρ. fragment_proof demo_run H. Qed.
Lemma demo_correct (base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 : word) (q q2 : Qp) :
  kernel_mode M →
  in_space old ∗ flags_any ∗ RDI ⇒ᵣ po ∗ RSI ⇒ᵣ pn ∗ RDX ⇒ᵣ new ∗ RBX ⇒ᵣ b0 ∗ RAX ⇒ᵣ a0 ∗ RSP ⇒ᵣ sp0 ∗
  po ↦ᵥ o0 ∗ (po `+Z` 8) ↦ᵥ o1 ∗ @[new] (pn ↦ᵥ{q2} b1) ∗ @[new] ((pn `+Z` 16) ↦ᵥ sp1) ∗ @[new] (sp1 ↦ᵥ ra) ∗
  code base demo_code q ∗ @[new] (code base demo_code 1) ∗ ⌜old ≠ new⌝
  ⊢ WP base {{ e, ⌜e = ra⌝ ∗ ∃ x : word, in_space new ∗ flags_any ∗
  RDI ⇒ᵣ po ∗ RSI ⇒ᵣ pn ∗ RBX ⇒ᵣ b1 ∗ RAX ⇒ᵣ old ∗ RSP ⇒ᵣ (sp1 `+Z` 8) ∗ RDX ⇒ᵣ x ∗
  @[old] (po ↦ᵥ b0) ∗ @[old] ((po `+Z` 8) ↦ᵥ old) ∗ pn ↦ᵥ{q2} b1 ∗ (pn `+Z` 16) ↦ᵥ sp1 ∗ sp1 ↦ᵥ ra ∗
  @[old] (code base demo_code q) ∗ code base demo_code 1 }}.
Proof. intros H. exact (demo_holds H (demo_env base old new po pn b0 b1 sp1 ra a0 o0 o1 sp0 q q2)). Qed.
End demo.
Print Assumptions demo_correct.

(** * Branches *)
(** [test al, 1; je +3; inc rax; jmp rcx] *)
Definition fork_code : code_list := [
  (0, (Test W8 (OReg RAX) (OImm 1), 2));
  (2, (Jcc CondE 3, 2));
  (4, (Unary UnInc W64 (OReg RAX), 3));
  (7, (Jmp (TInd (OReg RCX)), 2))].
Definition fork_pre (facts : list conditions.fact) : sstate :=
  SState (EVar 2) [(RAX, EVar 3); (RCX, EVar 4)] [] [(EVar 2, FOne)] facts.
Definition fork_spec (facts : list conditions.fact) (post : expr) : spec :=
  Spec (EVar 1) fork_code (fork_pre facts)
    [Post (EVar 4) [(100%positive, EVar 3)] (SState (EVar 2) [(RAX, post)] [] [] [])] [] 5 None.
Definition bit0 := EOp AluAnd (EVar 3) (ECst 1).

(** Both ways end at the exit; what the second leaves is due under its condition alone. *)
Lemma fork_both :
  check 20 [] [] (fork_spec [] (EVar 3))
    = Residual [Segment [] [Owe [PNe bit0 (ECst 0)] (TReg RAX) (PEq (EAdd (EVar 3) 1) (EVar 3))]].
Proof. vm_compute. reflexivity. Qed.
(** A way that the precondition excludes is left out. *)
Lemma fork_one :
  check 20 [] [] (fork_spec [PEq (ECst 0) bit0] (EVar 3)) = Residual [Segment [] []].
Proof. vm_compute. reflexivity. Qed.
Lemma fork_other :
  clean (check 20 [] [] (fork_spec [PEq (ECst 1) bit0] (EVar 3))) = false.
Proof. vm_compute. reflexivity. Qed.
(** A name that the exit binds has a value on each way; names of another exit are refused. *)
Lemma fork_witnesses :
  check 20 [] [SegmentPlan [] [LeafPlan 0 [(100%positive, EVar 3)]; LeafPlan 0 [(100%positive, EAdd (EVar 3) 1)]]] (fork_spec [] (EVar 100))
    = Residual [Segment [] []].
Proof. vm_compute. reflexivity. Qed.
Lemma fork_bad_witness :
  check 20 [] [SegmentPlan [] [LeafPlan 0 [(101%positive, EVar 3)]]] (fork_spec [] (EVar 100)) = IllScoped.
Proof. vm_compute. reflexivity. Qed.
(** Flags of before are not known. *)
Lemma fork_unknown : ∃ s,
  check 20 [] [] (Spec (EVar 1) [(0, (Setcc CondE (OReg RAX), 3))] (fork_pre []) [] [] 5 None)
    = RunStuck 0 0 UnknownFlags s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** * [rep stosq] *)
(** Of three bytes, filling [n] words; the block must be that which the hint names. *)
Definition fill_code (len : Z) : code_list := [(0, (RepStosq, len)); (3, (Jmp (TInd (OReg RBX)), 2))].
Definition fill_spec (len : Z) (w : bool) (q : fexpr) : spec :=
  Spec (EVar 1) (fill_code len)
    (SState (EVar 2) [(RDI, EVar 3); (RCX, EVar 4); (RAX, EVar 5); (RBX, EVar 6)]
       [IBlock q (BlockData (Some (w, EVar 2)) (EVar 7) (EVar 8) None)] [(EVar 2, FOne)] [])
    [Post (EVar 6) [] (SState (EVar 2) [(RDI, word_at (EVar 3) (EVar 4)); (RCX, ECst 0)]
       [IBlock q (BlockData (Some (w, EVar 2)) (EVar 7) (EVar 8) (Some (FAll (EVar 5))))] [] [])]
    [] 9 None.
Definition fill_hint : list segment_plan := [SegmentPlan [(0, HAt 0 None None)] []].
Lemma fill_run :
  check 20 [] fill_hint (fill_spec 3 true FOne)
    = Residual [Segment [] [Owe [] (TInstr 0) (PEq (EVar 3) (EVar 7)); Owe [] (TInstr 0) (PEq (EVar 4) (EVar 8))]].
Proof. vm_compute. reflexivity. Qed.
Lemma fill_wrong (len : Z) (w : bool) (q : fexpr) :
  (len, w, q) ∈ [(2, true, FOne); (3, false, FOne); (3, true, FDiv 1 2)] →
  match check 20 [] fill_hint (fill_spec len w q) with RunStuck _ 0 _ _ => True | _ => False end.
Proof. intros H. repeat (apply elem_of_cons in H as [[= -> -> ->]|H]; [done|]). by apply elem_of_nil in H. Qed.
