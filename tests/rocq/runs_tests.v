(* SPDX-License-Identifier: Apache-2.0 *)
(** Runs that are cut at labels, that go on with values which nobody knows, and that call by contract; what must
    fail, fails. *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Import tactics.
Local Open Scope Z_scope.

Notation regs l := (SState (EVar 2) l [] [(EVar 2, FVar 1)]) (only parsing).

Fixpoint numbered (x : positive) (l : list word) : tree word :=
  match l with [] => Tip | v :: l => tree_set (numbered (Pos.succ x) l) x v end.
Definition values (l : list word) (q : Qp) : env := Env (numbered 1 l) (tree_single 1 q).

(** * A loop *)
(** [mov $0, %rax; 1: inc %rax; dec %rcx; jne 1b; jmp *%rsi] *)
Definition loop_code : code_list := [
  (0, (Mov W64 (OReg RAX) (OImm 0), 7));
  (7, (Unary UnInc W64 (OReg RAX), 3));
  (10, (Unary UnDec W64 (OReg RCX), 3));
  (13, (Jcc CondNE (-8), 2));
  (15, (Jmp (TInd (OReg RSI)), 2))].
(** 1 entry, 2 space, 3 n, 4 exit, 5 old rax; the label binds 6, what was counted, and 7, what is left. *)
Definition loop_pre : sstate := regs [(RAX, EVar 5); (RCX, EVar 3); (RSI, EVar 4)] [].
Definition loop_post : post :=
  Post (EVar 4) [] (regs [(RAX, EVar 3); (RCX, ECst 0); (RSI, EVar 4)] []).
Definition loop_cut (total : expr) : post :=
  Post (EAdd (EVar 1) 7) [(6%positive, ECst 0); (7%positive, EVar 3)]
    (regs [(RAX, EVar 6); (RCX, EVar 7); (RSI, EVar 4)] [PEq (EOp AluAdd (EVar 6) (EVar 7)) total]).
Definition loop_with (total : expr) : spec :=
  Spec (EVar 1) loop_code loop_pre [loop_post] [loop_cut total] 6 None.
Definition loop_plans : list segment_plan :=
  [SegmentPlan [] [LeafPlan 1 [(6%positive, ECst 0); (7%positive, EVar 3)]];
   SegmentPlan [] [LeafPlan 1 [(6%positive, EAdd (EVar 6) 1); (7%positive, EAdd (EVar 7) (-1))]; LeafPlan 0 []]].
Definition loop_spec : spec := loop_with (EVar 3).
Definition loop_invariant : conditions.fact := PEq (EOp AluAdd (EVar 6) (EVar 7)) (EVar 3).

Lemma loop_run :
  check 5 [] loop_plans loop_spec = Residual [
    Segment [] [];
    Segment [(6%positive, None); (7%positive, None)] [
      Owe [PNe (EAdd (EVar 7) (-1)) (ECst 0); loop_invariant] (TFact 0)
        (PEq (EOp AluAdd (EVar 6) (EVar 7)) (EVar 3));
      Owe [PEq (EAdd (EVar 7) (-1)) (ECst 0); loop_invariant] (TReg RAX) (PEq (EAdd (EVar 6) 1) (EVar 3));
      Owe [PEq (EAdd (EVar 7) (-1)) (ECst 0); loop_invariant] (TReg RCX) (PEq (EAdd (EVar 7) (-1)) (ECst 0))]].
Proof. vm_compute. reflexivity. Qed.

Section loop.
  Context {M : machine} `{!machGS M Σ}.
  Lemma loop_holds : kernel_mode M → spec_holds loop_spec.
  Proof. intros H ρ. fragment_proof loop_run H. intros entry r n ra a0 _ i k. split_and!; solve_fact. Qed.
  Lemma loop_correct (entry r n ra a0 : word) (q : Qp) : kernel_mode M →
    in_space r ∗ flags_any ∗ RAX ⇒ᵣ a0 ∗ RCX ⇒ᵣ n ∗ RSI ⇒ᵣ ra ∗ code entry loop_code q
    ⊢@{vPropI Σ} WP entry {{ e, ⌜e = ra⌝ ∗
      in_space r ∗ flags_any ∗ RAX ⇒ᵣ n ∗ RCX ⇒ᵣ (Z_to_bv 64 0) ∗ RSI ⇒ᵣ ra ∗ code entry loop_code q }}.
  Proof.
    intros H. exact (loop_holds H (values [entry; r; n; ra; a0] q)).
  Qed.
End loop.
Print Assumptions loop_correct.

(** An invariant that does not hold: at the entry, or after the next round; either leaves what is false. *)
Lemma loop_wrong_entry :
  check 5 [] loop_plans (loop_with (EAdd (EVar 3) 1)) = Residual [
    Segment [] [Owe [] (TFact 0) (PEq (EVar 3) (EAdd (EVar 3) 1))];
    Segment [(6%positive, None); (7%positive, None)] [
      Owe [PNe (EAdd (EVar 7) (-1)) (ECst 0); PEq (EOp AluAdd (EVar 6) (EVar 7)) (EAdd (EVar 3) 1)] (TFact 0)
        (PEq (EOp AluAdd (EVar 6) (EVar 7)) (EAdd (EVar 3) 1));
      Owe [PEq (EAdd (EVar 7) (-1)) (ECst 0); PEq (EOp AluAdd (EVar 6) (EVar 7)) (EAdd (EVar 3) 1)] (TReg RAX)
        (PEq (EAdd (EVar 6) 1) (EVar 3));
      Owe [PEq (EAdd (EVar 7) (-1)) (ECst 0); PEq (EOp AluAdd (EVar 6) (EVar 7)) (EAdd (EVar 3) 1)] (TReg RCX)
        (PEq (EAdd (EVar 7) (-1)) (ECst 0))]].
Proof. vm_compute. reflexivity. Qed.
(** With other values for its names, the invariant is not kept. *)
Lemma loop_wrong_step :
  ∃ l, check 5 [] [SegmentPlan [] [LeafPlan 1 [(6%positive, ECst 0); (7%positive, EVar 3)]];
      SegmentPlan [] [LeafPlan 1 [(6%positive, EVar 6); (7%positive, EAdd (EVar 7) (-1))]; LeafPlan 0 []]]
    loop_spec = Residual l ∧
  In (Owe [PNe (EAdd (EVar 7) (-1)) (ECst 0); loop_invariant] (TReg RAX) (PEq (EAdd (EVar 6) 1) (EVar 6)))
    (concat (map sg_facts l)).
Proof. eexists. split; [vm_compute; reflexivity|]. simpl. tauto. Qed.

(** What holds at a label is shown of what comes behind it: at least one instruction is executed, so that the
    label does not lead to itself at once.  Here it is the store at the label that cannot be. *)
Definition stuck_spec (at_label : instr) : spec :=
  Spec (EVar 1) [(0, (Nop, 1)); (1, (at_label, 3)); (4, (Jmp (TRel (-6)), 2))]
    (regs [(RAX, EVar 3)] []) [] [Post (EAdd (EVar 1) 1) [] (regs [(RAX, EVar 3)] [])] 4 None.
Lemma label_executes : ∃ s,
  check 9 [] [] (stuck_spec (Mov W64 (OMem (Addr false (Some RAX) None 0)) (OReg RAX))) =
  RunStuck 1 1 (NoItem (EVar 2) (EVar 3)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma label_falls_through : clean (check 9 [] [] (stuck_spec Nop)) = true.
Proof. vm_compute. reflexivity. Qed.
(** A label where something else holds than is asked for; one that is nowhere in the code; names out of order. *)
Lemma label_lacks : ∃ s,
  check 9 [] [] (Spec (EVar 1) [(0, (Nop, 1)); (1, (Nop, 1))] (regs [(RAX, EVar 3)] []) []
    [Post (EAdd (EVar 1) 1) [] (regs [(RBX, EVar 3)] [])] 4 None) = PostMissing 0 0 (TReg RBX) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma label_nowhere : ∃ s,
  check 9 [] [] (Spec (EVar 1) [(0, (Jmp (TRel 3), 2))] (regs [] []) []
    [Post (EAdd (EVar 1) 5) [] (regs [] [])] 4 None) = RunStuck 1 0 (LeftCode (EAdd (EVar 1) 5)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma label_disorder :
  check 9 [] [] (Spec (EVar 1) [(0, (Jmp (TRel (-2)), 2))] (regs [(RAX, EVar 3)] []) []
    [Post (EVar 1) [(7%positive, EVar 3); (6%positive, EVar 3)] (regs [(RAX, EVar 6)] [])] 4 None) = IllScoped.
Proof. vm_compute. reflexivity. Qed.

(** * A join: what follows is verified once *)
(** [test $1, %al; je 1f; mov $1, %rax; jmp 2f; 1: mov $0, %rax; 2: add %rax, %rax; jmp *%rsi] *)
Definition join_code : code_list := [
  (0, (Test W8 (OReg RAX) (OImm 1), 2));
  (2, (Jcc CondE 9, 2));
  (4, (Mov W64 (OReg RAX) (OImm 1), 7));
  (11, (Jmp (TRel 7), 2));
  (13, (Mov W64 (OReg RAX) (OImm 0), 7));
  (20, (Alu AluAdd W64 (OReg RAX) (OReg RAX), 3));
  (23, (Jmp (TInd (OReg RSI)), 2))].
Definition join_spec (posts : list post) : spec :=
  Spec (EVar 1) join_code (regs [(RAX, EVar 3); (RSI, EVar 4)] []) posts
    [Post (EAdd (EVar 1) 20) [(5%positive, ECst 0)]
       (regs [(RAX, EVar 5); (RSI, EVar 4)] [PLe (EVar 5) (ECst 1)])] 5 None.
Lemma join_run :
  check 9 [] [SegmentPlan [] [LeafPlan 1 [(5%positive, ECst 0)]; LeafPlan 1 [(5%positive, ECst 1)]]]
    (join_spec [Post (EVar 4) [] (regs [] [])]) = Residual [
      Segment [] [
        Owe [PEq (EOp AluAnd (EVar 3) (ECst 1)) (ECst 0)] (TFact 0) (PLe (ECst 0) (ECst 1));
        Owe [PNe (EOp AluAnd (EVar 3) (ECst 1)) (ECst 0)] (TFact 0) (PLe (ECst 1) (ECst 1))];
      Segment [(5%positive, None)] []].
Proof. vm_compute. reflexivity. Qed.

(** * Several exits at one address: the plan says which one a path takes *)
Definition alternatives (n m : Z) : spec :=
  Spec (EVar 1) [(0, (Test W8 (OReg RAX) (OImm 1), 2)); (2, (Setcc CondE (OReg RAX), 3));
      (5, (Jmp (TInd (OReg RSI)), 2))]
    (regs [(RAX, ECst 2); (RSI, EVar 4)] [])
    [Post (EVar 4) [] (regs [(RAX, ECst n)] []); Post (EVar 4) [] (regs [(RAX, ECst m)] [])] [] 5 None.
Lemma alternative_second : clean (check 9 [] [SegmentPlan [] [LeafPlan 1 []]] (alternatives 0 1)) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma alternative_default : clean (check 9 [] [] (alternatives 1 0)) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma alternative_wrong : clean (check 9 [] [SegmentPlan [] [LeafPlan 1 []]] (alternatives 1 0)) = false.
Proof. vm_compute. reflexivity. Qed.
(** Not an end that is elsewhere. *)
Lemma alternative_elsewhere : check 9 [] [SegmentPlan [] [LeafPlan 2 []]] (alternatives 1 0) = IllScoped.
Proof. vm_compute. reflexivity. Qed.
