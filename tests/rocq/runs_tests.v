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
  Proof. intros H ρ. fragment_proof loop_run H. intros entry r n ra a0 i k. each_fact; solve_fact. Qed.
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

(** * Calls *)
(** A function [and $7, %rax; inc %rax; ret]: whatever %rax was, it is below 9 and not 0.  It says no more. *)
(** 1 entry, 2 space, 3 rax, 4 rsp, 5 return address; the exit binds 6. *)
Definition callee_code : code_list := [
  (0, (Alu AluAnd W64 (OReg RAX) (OImm 7), 4)); (4, (Unary UnInc W64 (OReg RAX), 3)); (7, (Ret, 1))].
Definition callee_state (rax rsp : expr) (code : list (expr * fexpr)) : list conditions.fact → sstate :=
  SState (EVar 2) [(RAX, rax); (RSP, rsp)] [IVirt true (EVar 2) (EVar 4) FOne (EVar 5)] code.
Definition callee_with (code : code_list) (mapped : list (expr * fexpr)) : spec :=
  Spec (EVar 1) code (callee_state (EVar 3) (EVar 4) mapped [])
    [Post (EVar 5) [(6%positive, EAdd (EOp AluAnd (EVar 3) (ECst 7)) 1)]
       (callee_state (EVar 6) (EAdd (EVar 4) 8) mapped [PNe (EVar 6) (ECst 0); PLt (EVar 6) (ECst 9)])] [] 6 None.
Definition callee_spec : spec := callee_with callee_code [(EVar 2, FVar 1)].
Lemma callee_run :
  check 9 [] [] callee_spec = Residual [Segment [] [
    Owe [] (TFact 0) (PNe (EAdd (EOp AluAnd (EVar 3) (ECst 7)) 1) (ECst 0));
    Owe [] (TFact 1) (PLt (EAdd (EOp AluAnd (EVar 3) (ECst 7)) 1) (ECst 9))]].
Proof. vm_compute. reflexivity. Qed.

(** A caller [call callee; mov %rax, %rbx; jmp *%rsi], with the callee behind it, or anywhere. *)
(** 1 entry, 2 space, 3 rax, 4 rsp, 5 old rbx, 6 exit, 7 below the stack, 8 a function; the exit binds 9. *)
Definition caller_own (d : Z) : code_list := [
  (0, (Call (TRel d), 5)); (5, (Mov W64 (OReg RBX) (OReg RAX), 3)); (8, (Jmp (TInd (OReg RSI)), 2))].
Definition caller_state (rax rbx word : expr) : list conditions.fact → sstate :=
  SState (EVar 2) [(RAX, rax); (RBX, rbx); (RSP, EVar 4); (RSI, EVar 6); (RDX, EVar 8)]
    [IVirt true (EVar 2) (EAdd (EVar 4) (-8)) FOne word] [(EVar 2, FDiv 1 2)].
Definition caller_with (code : code_list) (facts : list conditions.fact) : spec :=
  Spec (EVar 1) code (caller_state (EVar 3) (EVar 5) (EVar 7) [])
    [Post (EVar 6) [(9%positive, ECst 1)] (caller_state (EVar 9) (EVar 9) (EAdd (EVar 1) 5) facts)] [] 9 None.
Definition caller_code : code_list := caller_own 11 ++ code_moved 16 callee_code.
Definition caller_spec : spec := caller_with caller_code [PNe (EVar 9) (ECst 0)].
Definition call_of (entry back : expr) : hint :=
  HCall 0 [(1%positive, entry); (2%positive, EVar 2); (3%positive, EVar 3); (4%positive, EAdd (EVar 4) (-8));
    (5%positive, back)] [(1%positive, FDiv 1 2)].
Definition caller_plans (entry : expr) : list segment_plan :=
  [SegmentPlan [(0, call_of entry (EAdd (EVar 1) 5))] [LeafPlan 0 [(9%positive, EVar 10)]]].
Definition caller_contracts : list contract := [Contract callee_spec []].
(** The result is unknown, but what the contract says of it. *)
Lemma caller_run :
  check 9 caller_contracts (caller_plans (EAdd (EVar 1) 16)) caller_spec = Residual [
    Segment [(10%positive, None)]
      [Owe [PLt (EVar 10) (ECst 9); PNe (EVar 10) (ECst 0)] (TFact 0) (PNe (EVar 10) (ECst 0))]].
Proof. vm_compute. reflexivity. Qed.
(** It is not said to be 1. *)
Lemma caller_too_much :
  check 9 caller_contracts (caller_plans (EAdd (EVar 1) 16)) (caller_with caller_code [PEq (EVar 9) (ECst 1)]) =
  Residual [
    Segment [(10%positive, None)]
      [Owe [PLt (EVar 10) (ECst 9); PNe (EVar 10) (ECst 0)] (TFact 0) (PEq (EVar 10) (ECst 1))]].
Proof. vm_compute. reflexivity. Qed.
(** The callee may lie before its caller. *)
Lemma caller_behind :
  all_clean (match check 9 caller_contracts (caller_plans (EAdd (EVar 1) (-32)))
      (caller_with (code_moved (-32) callee_code ++ caller_own (-37)) []) with Residual l => l | _ => [] end) = true.
Proof. vm_compute. reflexivity. Qed.

(** What a call lacks: the callee's code, or other code there; the entry; the stack; its exit. *)
Lemma caller_no_code : ∃ s,
  check 9 caller_contracts (caller_plans (EAdd (EVar 1) 16)) (caller_with (caller_own 11) []) =
  RunStuck 0 0 (CalleeCode 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma caller_other_code : ∃ s,
  check 9 caller_contracts (caller_plans (EAdd (EVar 1) 16))
    (caller_with (caller_own 11 ++ code_moved 16 (<[1%nat := (4, (Unary UnDec W64 (OReg RAX), 3))]> callee_code)) []) =
  RunStuck 0 0 (CalleeCode 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** Code of the callee that is one instruction twice is not covered by having it once. *)
Lemma covers_once :
  code_covers 0 [(0, (Nop, 1)); (1, (Ret, 1))] [(0, (Nop, 1)); (0, (Nop, 1))] = false ∧
  code_covers 0 [(0, (Nop, 1)); (1, (Ret, 1))] [(1, (Ret, 1)); (0, (Nop, 1))] = true.
Proof. by vm_compute. Qed.
Lemma caller_elsewhere : ∃ s,
  check 9 caller_contracts (caller_plans (EAdd (EVar 1) 17)) caller_spec = RunStuck 0 0 (NotAtEntry 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma caller_wrong_stack : ∃ s,
  check 9 caller_contracts [SegmentPlan [(0, HCall 0 [(1%positive, EAdd (EVar 1) 16); (3%positive, EVar 3);
    (5%positive, EAdd (EVar 1) 5)] [(1%positive, FDiv 1 2)])] []] caller_spec =
  RunStuck 0 0 (Needs 0 (TItem 0)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** A callee that wants all of the code gets no part of it. *)
Lemma caller_share : ∃ s,
  check 9 [Contract (callee_with callee_code [(EVar 2, FOne)]) []] (caller_plans (EAdd (EVar 1) 16)) caller_spec =
  RunStuck 0 0 (Needs 0 (TItem 1)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
Lemma caller_wrong_return : ∃ l,
  check 9 caller_contracts [SegmentPlan [(0, call_of (EAdd (EVar 1) 16) (EAdd (EVar 1) 8))] []] caller_spec =
  Residual l ∧ In (Owe [] (TInstr 0) (PEq (EAdd (EVar 1) 5) (EAdd (EVar 1) 8))) (concat (map sg_facts l)).
Proof. eexists. split; [vm_compute; reflexivity|]. simpl. tauto. Qed.
(** Code that the callee does not give back is gone. *)
Lemma caller_code_gone : ∃ s,
  check 9 [Contract (Spec (EVar 1) callee_code (sp_pre callee_spec)
      [Post (EVar 5) [(6%positive, ECst 0)] (callee_state (EVar 6) (EAdd (EVar 4) 8) [] [])] [] 6 None) []]
    (caller_plans (EAdd (EVar 1) 16)) caller_spec = RunStuck 0 5 (CodeUnmapped (EVar 2)) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** Without the hint, the callee is run. *)
Lemma caller_inlined :
  clean (check 9 [] [SegmentPlan [] [LeafPlan 0 [(9%positive, EAdd (EOp AluAnd (EVar 3) (ECst 7)) 1)]]]
    (caller_with caller_code [])) = true.
Proof. vm_compute. reflexivity. Qed.

(** The same of a function behind a pointer: its contract is assumed of that address. *)
Definition pointer_code : code_list := [
  (0, (Call (TInd (OReg RDX)), 2)); (2, (Mov W64 (OReg RBX) (OReg RAX), 3)); (5, (Jmp (TInd (OReg RSI)), 2))].
Definition assumed_spec : spec := callee_with [] [].
Definition pointer_spec : spec :=
  Spec (EVar 1) pointer_code (sp_pre caller_spec)
    [Post (EVar 6) [(9%positive, ECst 1)] (caller_state (EVar 9) (EVar 9) (EAdd (EVar 1) 2) [])] [] 9 None.
Notation pointer_run f :=
  (check 9 [Contract assumed_spec [(EVar 1, f)]]
    [SegmentPlan [(0, call_of (EVar 8) (EAdd (EVar 1) 2))] [LeafPlan 0 [(9%positive, EVar 10)]]] pointer_spec).
Lemma pointer_clean : clean (pointer_run (EVar 8)) = true.
Proof. vm_compute. reflexivity. Qed.
(** Not of another address. *)
Lemma pointer_other : ∃ s, pointer_run (EVar 7) = RunStuck 0 0 (NotAtEntry 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** Nor of one that is not there from the beginning. *)
Lemma pointer_unknown : pointer_run (EVar 10) = IllScoped.
Proof. vm_compute. reflexivity. Qed.

(** A contract with two exits: both ways are followed, but for one that cannot be. *)
Definition either_spec (facts : list conditions.fact) : spec :=
  Spec (EVar 1) [] (sp_pre assumed_spec)
    [Post (EVar 5) [] (callee_state (ECst 1) (EAdd (EVar 4) 8) [] []);
     Post (EVar 5) [] (callee_state (ECst 2) (EAdd (EVar 4) 8) [] facts)] [] 6 None.
Definition either_run (facts : list conditions.fact) (leaves : list leaf_plan) : verdict :=
  check 9 [Contract (either_spec facts) [(EVar 1, EVar 8)]]
    [SegmentPlan [(0, call_of (EVar 8) (EAdd (EVar 1) 2))] leaves] pointer_spec.
Lemma either_both : clean (either_run [] [LeafPlan 0 [(9%positive, ECst 1)]; LeafPlan 0 [(9%positive, ECst 2)]]) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma either_wrong : clean (either_run [] [LeafPlan 0 [(9%positive, ECst 1)]; LeafPlan 0 [(9%positive, ECst 1)]]) = false.
Proof. vm_compute. reflexivity. Qed.
Lemma either_one : clean (either_run [PLt (EVar 3) (EVar 3)] [LeafPlan 0 [(9%positive, ECst 1)]]) = true.
Proof. vm_compute. reflexivity. Qed.

(** * Recursion *)
(** [test %rcx, %rcx; je 1f; inc %rax; dec %rcx; jmp self; 1: jmp *%rsi]: what it returns is the sum. *)
Definition self_code : code_list := [
  (0, (Test W64 (OReg RCX) (OReg RCX), 3)); (3, (Jcc CondE 8, 2)); (5, (Unary UnInc W64 (OReg RAX), 3));
  (8, (Unary UnDec W64 (OReg RCX), 3)); (11, (Jmp (TRel (-13)), 2)); (13, (Jmp (TInd (OReg RSI)), 2))].
Definition self_spec (sum : expr) : spec :=
  Spec (EVar 1) self_code (regs [(RAX, EVar 3); (RCX, EVar 4); (RSI, EVar 5)] [])
    [Post (EVar 5) [] (regs [(RAX, sum); (RCX, ECst 0); (RSI, EVar 5)] [])] [] 6 None.
Definition self_plans : list segment_plan := [SegmentPlan [(11, HCall 0 [(3%positive, EAdd (EVar 3) 1);
  (4%positive, EAdd (EVar 4) (-1))] [])] []].
Definition self_sum : expr := EOp AluAdd (EVar 3) (EVar 4).
Lemma self_run :
  check 9 [Contract (self_spec self_sum) []] self_plans (self_spec self_sum) = Residual [Segment [] [
    Owe [PEq (EVar 4) (ECst 0)] (TReg RAX) (PEq (EVar 3) self_sum);
    Owe [PEq (EVar 4) (ECst 0)] (TReg RCX) (PEq (EVar 4) (ECst 0))]].
Proof. vm_compute. reflexivity. Qed.
(** It is not the product: neither at the end nor by induction. *)
Lemma self_wrong :
  let product := EOp AluMul (EVar 3) (EVar 4) in
  check 9 [Contract (self_spec product) []] self_plans (self_spec product) = Residual [Segment [] [
    Owe [PEq (EVar 4) (ECst 0)] (TReg RAX) (PEq (EVar 3) product);
    Owe [PEq (EVar 4) (ECst 0)] (TReg RCX) (PEq (EVar 4) (ECst 0));
    Owe [PNe (EVar 4) (ECst 0)] (TReg RAX)
      (PEq (EOp AluMul (EAdd (EVar 3) 1) (EAdd (EVar 4) (-1))) product)]].
Proof. vm_compute. reflexivity. Qed.
(** A call of itself comes after an instruction: at the entry nothing is there to be assumed. *)
Lemma self_at_once : ∃ s,
  check 9 [Contract (Spec (EVar 1) [] (regs [] []) [] [] 3 None) []]
    [SegmentPlan [(0, HCall 0 [] [])] []] (Spec (EVar 1) [] (regs [] []) [] [] 3 None) =
  RunStuck 0 0 (LeftCode (EVar 1)) s.
Proof. eexists. vm_compute. reflexivity. Qed.

Section calls.
  Context {M : machine} `{!machGS M Σ}.
  Lemma callee_holds : kernel_mode M → spec_holds callee_spec.
  Proof.
    intros H ρ. fragment_proof callee_run H. intros entry r rax rsp ra. each_fact; solve_fact.
  Qed.
  Lemma caller_holds : kernel_mode M → spec_holds caller_spec.
  Proof.
    intros H ρ. fragment_proof caller_run H.
    - right. exact (callee_holds H).
    - intros entry r rax rsp rbx ra below f t. each_fact. assumption.
  Qed.
  Lemma caller_correct (entry r rax rsp rbx ra below f : word) (q : Qp) : kernel_mode M →
    in_space r ∗ flags_any ∗ RAX ⇒ᵣ rax ∗ RBX ⇒ᵣ rbx ∗ RSP ⇒ᵣ rsp ∗ RSI ⇒ᵣ ra ∗ RDX ⇒ᵣ f ∗
      (rsp `+Z` (-8)) ↦ᵥ below ∗ code entry caller_code (pos_to_Qp 1 / pos_to_Qp 2)
    ⊢@{vPropI Σ} WP entry {{ e, ⌜e = ra⌝ ∗ ∃ x : word,
      in_space r ∗ flags_any ∗ RAX ⇒ᵣ x ∗ RBX ⇒ᵣ x ∗ RSP ⇒ᵣ rsp ∗ RSI ⇒ᵣ ra ∗ RDX ⇒ᵣ f ∗
      (rsp `+Z` (-8)) ↦ᵥ (entry `+Z` 5) ∗ code entry caller_code (pos_to_Qp 1 / pos_to_Qp 2) ∗
      ⌜x ≠ Z_to_bv 64 0⌝ }}.
  Proof. intros H. exact (caller_holds H (values [entry; r; rax; rsp; rbx; ra; below; f] q)). Qed.

  Lemma pointer_holds : kernel_mode M → ∀ ρ, spec_assumed assumed_spec (env_word ρ 8) → spec_at pointer_spec ρ.
  Proof. intros H ρ Hf. fragment_proof pointer_clean H. right. exact Hf. Qed.

  Lemma self_holds : kernel_mode M → spec_holds (self_spec self_sum).
  Proof.
    intros H ρ. fragment_proof self_run H; [by left; split|].
    intros entry r rax rcx ra. each_fact; solve_fact.
  Qed.
  (** What the caller does not know of its callee, it cannot use. *)
  Lemma caller_without : kernel_mode M → spec_holds caller_spec.
  Proof. intros H ρ. fragment_proof caller_run H. - Fail by left; split. Abort.
End calls.
Print Assumptions caller_correct.
Print Assumptions self_holds.
Print Assumptions pointer_holds.

(** * Hints *)
(** Ghost steps come before the instruction or after it; each of them once. *)
Definition ghosts_spec (items : list item) : spec :=
  Spec (EVar 1) [(0, (Nop, 1)); (1, (Jmp (TInd (OReg RSI)), 2))]
    (SState (EVar 2) [(RSI, EVar 3)] [IPhys (EVar 4) FOne (EVar 5); IPhys (EVar 6) FOne (EVar 7)] [(EVar 2, FVar 1)] [])
    [Post (EVar 3) [] (SState (EVar 2) [] items [] [])] [] 8 None.
Definition second : list item := [IPhys (EVar 6) FOne (EVar 7)].
Lemma ghost_first : clean (check 9 [] [SegmentPlan [(0, HFirst (GDrop 0))] []] (ghosts_spec second)) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma ghost_then : clean (check 9 [] [SegmentPlan [(0, HThen (GDrop 0))] []] (ghosts_spec second)) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma ghost_both : ∃ s,
  check 9 [] [SegmentPlan [(0, HFirst (GDrop 0)); (0, HThen (GDrop 0))] []] (ghosts_spec second) =
  PostMissing 0 0 (TItem 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** A step that is for later is held back. *)
Definition dropped_late (hs : hints) : verdict :=
  check 9 [] [SegmentPlan (hs ++ [(0, HFirst (GDrop 0))]) []] (ghosts_spec (IPhys (EVar 4) FOne (EVar 5) :: second)).
Lemma ghost_none : clean (dropped_late [(0, HNone)]) = true.
Proof. vm_compute. reflexivity. Qed.
Lemma ghost_now : ∃ s, dropped_late [] = PostMissing 0 0 (TItem 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** * A loop that fills a block: the next word is one of which nothing is known *)
(** [xor %ecx, %ecx; 1: movq $0, (%rdi,%rcx,8); inc %rcx; cmp %rsi, %rcx; jb 1b; jmp *%rdx] *)
(** 1 entry, 2 space, 3 words, 4 how many, 5 exit, 6 old rcx; the label binds 7, how many are filled. *)
Definition zero_code : code_list := [
  (0, (Alu AluXor W32 (OReg RCX) (OReg RCX), 2));
  (2, (Mov W64 (OMem (Addr false (Some RDI) (Some (RCX, 8)) 0)) (OImm 0), 8));
  (10, (Unary UnInc W64 (OReg RCX), 3));
  (13, (Cmp W64 (OReg RCX) (OReg RSI), 3));
  (16, (Jcc CondB (-16), 2));
  (18, (Jmp (TInd (OReg RDX)), 2))].
Definition zero_state (rcx : expr) (items : list item) : list conditions.fact → sstate :=
  SState (EVar 2) [(RDI, EVar 3); (RSI, EVar 4); (RDX, EVar 5); (RCX, rcx)] items [(EVar 2, FVar 1)].
Definition behind (i : expr) : expr := EOp AluAdd (EVar 3) (EOp AluShl i (ECst 3)).
Definition any (a n : expr) : item := IRes (KBlock (Some true) CAny) FOne [EVar 2; a; n].
Definition zeros (n : expr) : item := IRes (KBlock (Some true) CFill) FOne [EVar 2; EVar 3; n; ECst 0].
Definition zero_spec : spec :=
  Spec (EVar 1) zero_code (zero_state (EVar 6) [any (EVar 3) (EVar 4)] [PLt (ECst 0) (EVar 4)])
    [Post (EVar 5) [] (zero_state (EVar 4) [zeros (EVar 4)] [])]
    [Post (EAdd (EVar 1) 2) [(7%positive, ECst 0)]
       (zero_state (EVar 7) [zeros (EVar 7); any (behind (EVar 7)) (EOp AluSub (EVar 4) (EVar 7))]
          [PLt (EVar 7) (EVar 4)])] 7 None.
Definition zero_round : hints := [
  (2, HFirst (GSplitBlock 1 (ECst 1))); (2, HFirst (GWord 1)); (2, HAt 1 None None);
  (2, HThen (GBlock 1)); (2, HThen (GJoinBlocks 0 1));
  (16, HThen (GEmpty (KBlock (Some true) CAny) [EVar 2; behind (EAdd (EVar 7) 1); ECst 0]));
  (16, HThen (GJoinBlocks 2 1))].
Definition zero_plans (round : hints) : list segment_plan := [
  SegmentPlan [(0, HThen (GEmpty (KBlock (Some true) CFill) [EVar 2; EVar 3; ECst 0; ECst 0]))] [];
  SegmentPlan round [LeafPlan 1 [(7%positive, EAdd (EVar 7) 1)]; LeafPlan 0 []]].
Definition zero_left : list segment := Eval vm_compute in
  match check 9 [] (zero_plans zero_round) zero_spec with Residual l => l | _ => [] end.
Lemma zero_run : check 9 [] (zero_plans zero_round) zero_spec = Residual zero_left.
Proof. vm_compute. reflexivity. Qed.
(** The word has a name, and nothing says what it is. *)
Lemma zero_names : map sg_names zero_left = [[]; [(7%positive, None); (8%positive, None)]].
Proof. vm_compute. reflexivity. Qed.
(** A word that is not written is not 0: that it were is left to prove. *)
Definition is_zero_left (f : conditions.fact) : bool :=
  match f with PEq a b => expr_eqb a (ECst 0) && expr_eqb b (EVar 8) | _ => false end.
Lemma zero_unwritten : ∃ l,
  check 9 [] (zero_plans ([(2, HFirst (GSplitBlock 1 (ECst 1))); (2, HFirst (GWord 1)); (2, HFirst (GBlock 1));
    (2, HFirst (GJoinBlocks 0 1)); (2, HAt 0 None (Some (EVar 7)))] ++ skipn 5 zero_round)) zero_spec = Residual l ∧
  existsb (λ x, is_zero_left (r_fact x)) (concat (map sg_facts l)) = true.
Proof. eexists. split; vm_compute; reflexivity. Qed.
Section zero.
  Context {M : machine} `{!machGS M Σ}.
  Lemma zero_holds : kernel_mode M → spec_holds zero_spec.
  Proof.
    intros H ρ. fragment_proof zero_run H.
    - intros entry r a n ra c Hn. each_fact; solve_fact.
    - intros entry r a n ra c Hn i v. each_fact; solve_fact.
  Qed.
End zero.
Print Assumptions zero_holds.
