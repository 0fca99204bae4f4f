(* SPDX-License-Identifier: Apache-2.0 *)
(** Walks that are unfolded and folded: computation on concrete walks and symbolic ones, a fragment that reads
    through one, and what must fail. *)
From iris.proofmode Require Import proofmode.
From rocqgen.machine Require Import x86_64.
From rocqgen.auto Require Import tactics walk_owned.
From rocqgen.adequacy Require Import engine.
Import conditions.
Local Open Scope Z_scope.

#[local] Instance four_levels : the_platform := Some (Platform false 40).

(** Steps in a row, with what they owe in order. *)
Fixpoint play (l : list ghost) (s : sstate) : res (sstate * list fact) :=
  match l with
  | [] => Done (s, [])
  | g :: l =>
    let* (s, owed, learned, _) := sghost g s (Names 1 []) in
    let* (s, more) := play l s in Done (s, owed ++ learned ++ more)
  end.
Definition owed_of (x : res (sstate * list fact)) : option (list fact) :=
  match x with Done (_, l) => Some l | Fail _ => None end.
Definition why_not (x : res (sstate * list fact)) : option why :=
  match x with Done _ => None | Fail w => Some w end.

Definition root : expr := ECst 0x1000.
Definition va : expr := ECst 0x402000.
Definition disp : expr := ECst 0x600000000000.
Definition state (l : list item) : sstate := SState root [] l [] [].
Definition walk (sub : bool) (t : expr) (ks : list Z) (es : list expr) : item :=
  IWalk FOne (WalkData sub root va t (zip ks es) (Some (root, disp))).
Definition plain (q : fexpr) (sub : bool) (t : expr) (ks : list Z) (es : list expr) : item :=
  IWalk q (WalkData sub root va t (zip ks es) None).
Definition cell (t : expr) (k : Z) (e : expr) (claimed owed : list (sregion expr)) : item :=
  ICell FOne (CellData (slot_expr t k va) e [Some (k, root, va)] claimed owed).
Definition page_of (t : expr) (z : Z) : item := IClaim true root (ECst (z + 0x600000000000)) (FDiv 512 1) (ECst z).

(** * To the end and back *)
Definition entries : list expr := [ECst 0x2003; ECst 0x3003; ECst 0x4003; ECst 0x21003].
Definition whole : item := walk false root [39; 30; 21; 12] entries.
Definition down : list ghost :=
  [GUnfold 0; GDescend 1; GUnfold 1; GDescend 3; GUnfold 3; GDescend 5; GUnfold 5].
Definition up : list ghost :=
  [GFold 5 None (Some (7%nat, disp)) (ECst 0x4003); GAscend 5 (ECst 0x4003);
   GFold 3 (Some 5%nat) (Some (6%nat, disp)) (ECst 0x3003); GAscend 3 (ECst 0x3003);
   GFold 1 (Some 3%nat) (Some (4%nat, disp)) (ECst 0x2003); GAscend 1 (ECst 0x2003);
   GFold 0 (Some 1%nat) (Some (2%nat, disp)) root].
Example unfolded :
  play down (state [whole]) =
  Done (state [cell root 39 (ECst 0x2003) [None] []; cell (ECst 0x2000) 30 (ECst 0x3003) [None] [];
    page_of root 0x1000; cell (ECst 0x3000) 21 (ECst 0x4003) [None] []; page_of root 0x2000;
    cell (ECst 0x4000) 12 (ECst 0x21003) [None] []; page_of root 0x3000; page_of root 0x4000], []).
Proof. vm_compute. reflexivity. Qed.
Example slots :
  map (λ k, slot_expr (ECst 0x4003) k va) [12; 21; 30; 39] =
  [ECst 0x4010; ECst 0x4010; ECst 0x4000; ECst 0x4000].
Proof. vm_compute. reflexivity. Qed.
Example there_and_back : play (down ++ up) (state [whole]) = Done (state [whole], []).
Proof. vm_compute. reflexivity. Qed.
(** The slots that it owns: no more than its entries lead to. *)
Definition word_at_64 (z : Z) : word := Z_to_bv 64 z.
Example owned :
  map (λ es : list Z, map (λ x, (bv_unsigned (walk_slot (sl_from x) (sl_level x) (word_at_64 0x402000)), sl_level x))
         (walk_slots (word_at_64 0x1000) (zip [39; 30; 21; 12] (map word_at_64 es))))
    [[0x2003; 0x3003; 0x4003; 0x21003]; [0x2003; 0x3003; 0x200083; 0]; [0x2003; 0x3002; 0x4003; 0]; [0; 0; 0; 0]] =
  [[(0x1000, 39); (0x2000, 30); (0x3010, 21); (0x4010, 12)]; [(0x1000, 39); (0x2000, 30); (0x3010, 21)];
   [(0x1000, 39); (0x2000, 30)]; [(0x1000, 39)]].
Proof. vm_compute. reflexivity. Qed.

(** * What must not be *)
(** Below an absent entry, or a page of 2 MiB, there is no table: what is owed is false. *)
Example no_table :
  map (λ e, owed_of (play [GUnfold 0; GDescend 1] (state [walk false root [21; 12] [ECst e; ECst 0x21003]])))
    [0; 0x4002; 0x200083; 0x4003] =
  [Some [PEq (ECst 0) (ECst 1)]; Some [PEq (ECst 0) (ECst 1)]; Some [PEq (ECst 129) (ECst 1)]; Some []].
Proof. vm_compute. reflexivity. Qed.
(** Of an entry that nobody knows it is owed. *)
Example unknown_table :
  owed_of (play [GUnfold 0; GDescend 1] (state [walk false (EVar 1) [21; 12] [EVar 2; EVar 3]])) =
  Some [PEq (EOp AluAnd (EVar 2) (ECst 129)) (ECst 1)].
Proof. vm_compute. reflexivity. Qed.
(** What is behind an entry is not unfolded before. *)
Example not_yet :
  why_not (play [GUnfold 0; GUnfold 1] (state [walk false root [21; 12] [ECst 0x4003; ECst 0]])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Nothing is behind an entry that is not there, and only behind such a one. *)
Example nothing :
  map (λ e, owed_of (play [GNothing [12] true [root; va; ECst e; ECst 0; root; disp]] (state [])))
    [0; 0x200083; 0x4003] = [Some []; Some []; Some [PNe (ECst 1) (ECst 1)]].
Proof. vm_compute. reflexivity. Qed.
Example nothing_lacks :
  why_not (play [GNothing [21; 12] true [root; va; ECst 0; ECst 0; root; disp]] (state [])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
(** Folding with the walk behind another entry, into another table, or with the page of another. *)
Definition parts (e : expr) : sstate :=
  state [cell root 21 (ECst 0x4003) [None] []; walk true e [12] [ECst 0x21003]; page_of root 0x1000].
Example right_parts :
  play [GFold 0 (Some 1%nat) (Some (2%nat, disp)) root] (parts (ECst 0x4003)) =
  Done (state [walk false root [21; 12] [ECst 0x4003; ECst 0x21003]], []).
Proof. vm_compute. reflexivity. Qed.
Example wrong_entry :
  owed_of (play [GFold 0 (Some 1%nat) (Some (2%nat, disp)) root] (parts (ECst 0x5003))) =
  Some [PEq (ECst 0x5003) (ECst 0x4003)].
Proof. vm_compute. reflexivity. Qed.
Example wrong_table :
  owed_of (play [GFold 0 (Some 1%nat) (Some (2%nat, disp)) (ECst 0x6000)] (parts (ECst 0x4003))) =
  Some [PEq (ECst 0x1010) (ECst 0x6010); PEq (ECst 0x600000001000) (ECst 0x600000006000);
        PEq (ECst 0x1000) (ECst 0x6000)].
Proof. vm_compute. reflexivity. Qed.
Example wrong_displacement :
  why_not (play [GFold 0 (Some 1%nat) (Some (2%nat, ECst 0)) root] (parts (ECst 0x4003))) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
Example page_forgotten :
  why_not (play [GFold 0 (Some 1%nat) None root] (parts (ECst 0x4003))) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
Example table_elsewhere_lost :
  owed_of (play [GAscend 0 (ECst 0x5003)] (state [walk false (ECst 0x4000) [12] [ECst 0x21003]])) =
  Some [PEq (ECst 0x4000) (ECst 0x5000)].
Proof. vm_compute. reflexivity. Qed.
(** A cell that owes a flush, one through which not all is claimed, one that answers for other pages too. *)
Definition alone (claimed owed : list (sregion expr)) (q : fexpr) : sstate :=
  state [set_share q (cell root 12 (ECst 0x21003) claimed owed)].
Definition here : sregion expr := Some (12, root, va).
Example cell_owes : why_not (play [GFold 0 None None root] (alone [None] [here] FOne)) = Some (Owes (ECst 0x1010)).
Proof. vm_compute. reflexivity. Qed.
Example cell_claimed :
  why_not (play [GFold 0 None None root] (alone [here] [] FOne)) = Some (NotClaimable (ECst 0x1010)).
Proof. vm_compute. reflexivity. Qed.
Example cell_opened :
  play [GOpen 0 [None]; GFold 0 None None root] (alone [here] [] FOne) =
  Done (state [plain FOne false root [12] [ECst 0x21003]], []).
Proof. vm_compute. reflexivity. Qed.
Example part_not_opened :
  why_not (play [GFold 0 None None root] (alone [None; here] [] (FDiv 1 2))) = Some (NotClaimable (ECst 0x1010)).
Proof. vm_compute. reflexivity. Qed.
Example cell_elsewhere :
  why_not (play [GReachElsewhere 0 12 (ECst 0x9000) va; GFold 0 None None root] (alone [None] [] FOne)) =
  Some (NotAnswering (ECst 0x1010)).
Proof. vm_compute. reflexivity. Qed.
(** A walk may end above the last level: that slot is kept apart, with what is claimed through it. *)
Definition upper : sstate :=
  state [plain FOne false root [30; 21] [ECst 0x3003; ECst 0x4003]; cell (ECst 0x4003) 12 (ECst 0x21003) [here] []].
Example upper_levels :
  play [GUnfold 0; GDescend 2; GUnfold 2; GFold 2 None None (ECst 0x3003); GAscend 2 (ECst 0x3003);
        GFold 0 (Some 2%nat) None root] upper = Done (upper, []).
Proof. vm_compute. reflexivity. Qed.
(** Another share of the walk behind it. *)
Example other_share :
  why_not (play [GFold 0 (Some 1%nat) None root]
    (state [cell root 21 (ECst 0x4003) [None] []; plain (FDiv 1 2) true (ECst 0x4003) [12] [ECst 0x21003]])) =
  Some BadHint.
Proof. vm_compute. reflexivity. Qed.

(** * Shares *)
Example split_and_joined :
  play [GSplit 0 (FDiv 1 3) (FDiv 2 3); GJoin 0 1] (state [plain FOne false root [21; 12] [EVar 1; EVar 2]]) =
  Done (state [plain FOne false root [21; 12] [EVar 1; EVar 2]], []).
Proof. vm_compute. reflexivity. Qed.
(** The pages of the tables are not divided. *)
Example mapped_not_split :
  why_not (play [GSplit 0 (FDiv 1 3) (FDiv 2 3)] (state [whole])) = Some BadHint.
Proof. vm_compute. reflexivity. Qed.
Example joined_learns :
  play [GJoin 0 1] (state [plain (FDiv 1 2) false root [21; 12] [EVar 1; EVar 2];
                           plain (FDiv 1 2) false root [21; 12] [EVar 3; EVar 4]]) =
  Done (state [plain FOne false root [21; 12] [EVar 1; EVar 2]], [PEq (EVar 1) (EVar 3)]).
Proof. vm_compute. reflexivity. Qed.

(** * Matching *)
Example matched :
  item_match (walk false (EVar 1) [21; 12] [EVar 2; EVar 3]) (walk false (EVar 1) [21; 12] [EVar 4; EVar 3]) =
  Some [PEq (EVar 2) (EVar 4)].
Proof. vm_compute. reflexivity. Qed.
Example unmatched :
  map (item_match (walk false (EVar 1) [21; 12] [EVar 2; EVar 3]))
    [walk true (EVar 1) [21; 12] [EVar 2; EVar 3]; walk false (EVar 1) [30; 12] [EVar 2; EVar 3];
     plain FOne false (EVar 1) [21; 12] [EVar 2; EVar 3];
     IWalk FOne (WalkData false root (EVar 5) (EVar 1) (zip [21; 12] [EVar 2; EVar 3]) (Some (root, disp)))] =
  [None; None; None; None].
Proof. vm_compute. reflexivity. Qed.

(** * A fragment that looks up an address in two levels *)
(** [mov (%rbx), %rax; mov %rax, %rcx; and $129, %rcx; cmp $1, %rcx; jne 1f;
    and %r8, %rax; add %r9, %rax; mov (%rax), %rax; 1: jmp *%rsi] *)
Definition lookup_code : code_list := [
  (0, (Mov W64 (OReg RAX) (OMem (Addr false (Some RBX) None 0)), 3));
  (3, (Mov W64 (OReg RCX) (OReg RAX), 3));
  (6, (Alu AluAnd W64 (OReg RCX) (OImm 129), 7));
  (13, (Cmp W64 (OReg RCX) (OImm 1), 4));
  (17, (Jcc CondNE 9, 2));
  (19, (Alu AluAnd W64 (OReg RAX) (OReg R8), 3));
  (22, (Alu AluAdd W64 (OReg RAX) (OReg R9), 3));
  (25, (Mov W64 (OReg RAX) (OMem (Addr false (Some RAX) None 0)), 3));
  (28, (Jmp (TInd (OReg RSI)), 2))].
(** 1 entry, 2 space, 3 address, 4 table, 5 and 6 entries, 7 exit, 8 and 9 old rax and rcx. *)
Definition slot_offset (k : Z) : expr := mk_and (mk_op AluShr (EVar 3) (ECst (k - 3))) (ECst 0xff8).
Definition lookup_walk : item :=
  IWalk FOne (WalkData false (EVar 2) (EVar 3) (EVar 4) [(21, EVar 5); (12, EVar 6)] (Some (EVar 2, disp))).
Definition lookup_state (rax rcx : expr) (items : list item) (facts : list fact) : sstate :=
  SState (EVar 2)
    [(RAX, rax); (RBX, mk_op AluAdd (slot_expr (EVar 4) 21 (EVar 3)) disp); (RCX, rcx); (R8, ECst 0xffffffffff000);
     (R9, mk_op AluAdd (slot_offset 12) disp); (RSI, EVar 7)] items [(EVar 2, FVar 1)] facts.
Definition lookup_type : expr := EOp AluAnd (EVar 5) (ECst 129).
Definition lookup_spec (found : expr) : spec :=
  Spec (EVar 1) lookup_code (lookup_state (EVar 8) (EVar 9) [lookup_walk] [])
    [Post (EVar 7) [] (lookup_state (EVar 5) lookup_type [lookup_walk] [PNe lookup_type (ECst 1)]);
     Post (EVar 7) [] (lookup_state found lookup_type [lookup_walk] [PEq lookup_type (ECst 1)])]
    [] 10 (Some (Platform false 40)).
Definition lookup_hints (descend : ghost) : hints := [
  (0, HFirst (GUnfold 0)); (0, HAt 2 (Some 0%nat) None);
  (28, HFirst (GFold 0 (Some 1%nat) (Some (2%nat, disp)) (EVar 4)));
  (25, HFirst descend); (25, HFirst (GUnfold 1)); (25, HAt 3 (Some 1%nat) None);
  (28, HFirst (GFold 1 None (Some (3%nat, disp)) (EVar 5))); (28, HFirst (GAscend 1 (EVar 5)));
  (28, HFirst (GFold 0 (Some 1%nat) (Some (2%nat, disp)) (EVar 4)))].
Definition lookup_plans (descend : ghost) : list segment_plan :=
  [SegmentPlan (lookup_hints descend) [LeafPlan 0 []; LeafPlan 1 []]].
Definition lookup_left : list segment := Eval vm_compute in
  match check 20 [] (lookup_plans (GDescend 1)) (lookup_spec (EVar 6)) with Residual l => l | _ => [] end.
Lemma lookup_run : check 20 [] (lookup_plans (GDescend 1)) (lookup_spec (EVar 6)) = Residual lookup_left.
Proof. vm_compute. reflexivity. Qed.

Fixpoint numbered (x : positive) (l : list word) : tree word :=
  match l with [] => Tip | v :: l => tree_set (numbered (Pos.succ x) l) x v end.
Definition values (l : list word) (q : Qp) : env := Env (numbered 1 l) (tree_single 1 q).

Section lookup.
  Context {M : machine} `{!machGS M Σ}.
  Lemma lookup_holds : m_config M = platform_config (Platform false 40) → spec_holds (lookup_spec (EVar 6)).
  Proof. intros H ρ. fragment_proof lookup_run H. intros entry r va t e1 e2 ra a0 c0. each_fact; solve_fact. Qed.
  (** In readable form. *)
  Lemma lookup_correct (entry r va t e1 e2 ra a0 c0 : word) (q : Qp) :
    m_config M = platform_config (Platform false 40) →
    let index k := bv_and (alu_value AluShr va (Z_to_bv 64 (k - 3))) (Z_to_bv 64 0xff8) in
    let displacement := Z_to_bv 64 0x600000000000 in
    let type := bv_and e1 (Z_to_bv 64 129) in
    let frame x := bv_and x (Z_to_bv 64 0xffffffffff000) in
    let tables := page_walk 1 r va t [(21, e1); (12, e2)] (Some (r, displacement)) in
    let before := bv_add (frame t) (index 21) `+Z` 0x600000000000 in
    in_space r ∗ flags_any ∗ RAX ⇒ᵣ a0 ∗ RBX ⇒ᵣ before ∗ RCX ⇒ᵣ c0 ∗ R8 ⇒ᵣ (Z_to_bv 64 0xffffffffff000) ∗
      R9 ⇒ᵣ (index 12 `+Z` 0x600000000000) ∗ RSI ⇒ᵣ ra ∗ tables ∗ code entry lookup_code q
    ⊢@{vPropI Σ} WP entry {{ e,
      (⌜e = ra⌝ ∗ in_space r ∗ flags_any ∗ RAX ⇒ᵣ e1 ∗ RBX ⇒ᵣ before ∗ RCX ⇒ᵣ type ∗
         R8 ⇒ᵣ (Z_to_bv 64 0xffffffffff000) ∗ R9 ⇒ᵣ (index 12 `+Z` 0x600000000000) ∗ RSI ⇒ᵣ ra ∗
         tables ∗ code entry lookup_code q ∗ ⌜type ≠ Z_to_bv 64 1⌝) ∨
      (⌜e = ra⌝ ∗ in_space r ∗ flags_any ∗ RAX ⇒ᵣ e2 ∗ RBX ⇒ᵣ before ∗ RCX ⇒ᵣ type ∗
         R8 ⇒ᵣ (Z_to_bv 64 0xffffffffff000) ∗ R9 ⇒ᵣ (index 12 `+Z` 0x600000000000) ∗ RSI ⇒ᵣ ra ∗
         tables ∗ code entry lookup_code q ∗ ⌜type = Z_to_bv 64 1⌝) }}.
  Proof. intros H. exact (lookup_holds H (values [entry; r; va; t; e1; e2; ra; a0; c0] q)). Qed.
  (** What a statement shows of a walk, folded or behind an entry. *)
  Lemma shown (ρ : env) : vlist (EVar 1) [] ρ (SState (EVar 1) []
      [IWalk (FVar 1) (WalkData false (EVar 2) (EVar 3) (EVar 4) [(21, EVar 5); (12, EVar 6)] None);
       IWalk FOne (WalkData true (EVar 2) (EVar 3) (EVar 4) [(12, EVar 6)] (Some (EVar 1, EVar 7)))] [] []) =
    [in_space (env_word ρ 1); flags_any;
     page_walk (env_frac ρ 1) (env_word ρ 2) (env_word ρ 3) (env_word ρ 4)
       [(21, env_word ρ 5); (12, env_word ρ 6)] None;
     page_walk_below 1 (env_word ρ 2) (env_word ρ 3) (env_word ρ 4) [(12, env_word ρ 6)]
       (Some (env_word ρ 1, env_word ρ 7))]%I.
  Proof. reflexivity. Qed.
End lookup.
Print Assumptions lookup_correct.

(** Another value is not found; an entry is not followed before it is known to lead on; what is unfolded and not
    folded again is missing at the exit. *)
Definition facts_left (v : verdict) : list residue :=
  match v with Residual l => concat (map sg_facts l) | _ => [] end.
Lemma wrong_value :
  In (Owe [PEq lookup_type (ECst 1)] (TReg RAX) (PEq (EVar 6) (EVar 5)))
    (facts_left (check 20 [] (lookup_plans (GDescend 1)) (lookup_spec (EVar 5)))).
Proof. vm_compute. tauto. Qed.
Lemma followed_early :
  In (Owe [] (TInstr 3) (PEq lookup_type (ECst 1)))
    (facts_left (check 20 [] [SegmentPlan [(0, HFirst (GUnfold 0)); (0, HAt 2 (Some 0%nat) None);
      (3, HFirst (GDescend 1)); (28, HFirst (GAscend 1 (EVar 5)));
      (28, HFirst (GFold 0 (Some 1%nat) (Some (2%nat, disp)) (EVar 4))); (25, HFirst (GUnfold 1));
      (25, HAt 3 (Some 1%nat) None); (28, HFirst (GFold 1 None (Some (3%nat, disp)) (EVar 5)));
      (28, HFirst (GAscend 1 (EVar 5)));
      (28, HFirst (GFold 0 (Some 1%nat) (Some (2%nat, disp)) (EVar 4)))] [LeafPlan 0 []; LeafPlan 1 []]]
      (lookup_spec (EVar 6)))).
Proof. vm_compute. tauto. Qed.
Lemma not_folded : ∃ s,
  check 20 [] [SegmentPlan (removelast (lookup_hints (GDescend 1))) [LeafPlan 0 []; LeafPlan 1 []]]
    (lookup_spec (EVar 6)) = PostMissing 0 1 (TItem 0) s.
Proof. eexists. vm_compute. reflexivity. Qed.
(** Nothing is read of what is folded. *)
Lemma still_folded : ∃ s e,
  check 20 [] [SegmentPlan [(0, HFirst (GUnfold 0)); (0, HAt 2 (Some 0%nat) None)] []] (lookup_spec (EVar 6)) =
  RunStuck 0 25 (NoItem (EVar 2) e) s.
Proof. do 2 eexists. vm_compute. reflexivity. Qed.
Lemma not_unfolded : ∃ s,
  check 20 [] [SegmentPlan [(0, HAt 0 None None)] [LeafPlan 0 []; LeafPlan 1 []]] (lookup_spec (EVar 6)) =
  RunStuck 0 0 BadHint s.
Proof. eexists. vm_compute. reflexivity. Qed.

(** * On a concrete image *)
(** The tables at 0x3000 and 0x4000 are mapped at 0x600000003000 and behind it. *)
Notation w z := (Z_to_bv 64 z) (only parsing).
Definition lookup_machine : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> lookup_code)).
Definition lookup_image (e1 : Z) : image := {|
  im_rip := w 0x400000;
  im_regs := [(CR3, w 0x1000); (RAX, w 8); (RBX, w 0x600000003010); (RCX, w 9); (R8, w 0xffffffffff000);
              (R9, w 0x600000000010); (RSI, w 0x400100)];
  im_flags := Flags None None None None None;
  im_tables := [
    (0x1000, [w 0x2003]); (0x1600, [w 0xa003]); (0x2000, [w 0x3003]); (0x3010, [w e1]);
    (0x4000, [w 0x10001; w 0; w 0x21003]);
    (0xa000, [w 0xb003]); (0xb000, [w 0xc003]); (0xc018, [w 0x3003; w 0x4003])];
  im_data := [];
|}.
Definition lookup_values (e1 e2 : Z) : env :=
  values (map (λ z : Z, w z) [0x400000; 0x1000; 0x402000; 0x3000; e1; e2; 0x400100; 8; 9]) 1.
Lemma lookup_supplied :
  spec_supplied lookup_machine (lookup_image 0x4003) (lookup_spec (EVar 6)) (lookup_values 0x4003 0x21003) = true.
Proof. vm_compute. reflexivity. Qed.
(** What a walk is supplied with: its slots, and the pages that they are in. *)
Lemma lookup_resources :
  bool_decide (item_resources (lookup_values 0x4003 0x21003) lookup_walk = [
    RCell (w 0x3010) 1 (Cell (w 0x4003) [VPage (w 0x1000) 21 2] [Everywhere] []);
    RClaim true (w 0x1000) (w 0x600000003000) (pos_to_Qp 512) (w 0x3000);
    RCell (w 0x4010) 1 (Cell (w 0x21003) [VPage (w 0x1000) 12 0x402] [Everywhere] []);
    RClaim true (w 0x1000) (w 0x600000004000) (pos_to_Qp 512) (w 0x4000)]) = true.
Proof. vm_compute. reflexivity. Qed.
(** The second slot is not had where the first does not lead to it: the entry named for it is any. *)
Lemma lookup_resources_less :
  bool_decide (item_resources (lookup_values 0x200083 0x999) lookup_walk = [
    RCell (w 0x3010) 1 (Cell (w 0x200083) [VPage (w 0x1000) 21 2] [Everywhere] []);
    RClaim true (w 0x1000) (w 0x600000003000) (pos_to_Qp 512) (w 0x3000)]) = true.
Proof. vm_compute. reflexivity. Qed.
Theorem lookup_adequate :
  adequate lookup_machine (image_state (lookup_image 0x4003))
    (exit_reached lookup_machine (spec_exits (lookup_spec (EVar 6)) (lookup_values 0x4003 0x21003))).
Proof.
  apply spec_exits_adequate; [vm_compute; reflexivity|]. apply spec_adequacy.
  - apply x86_4level_canonical_pages.
  - apply lookup_supplied.
  - intros G. exact (lookup_holds eq_refl (lookup_values 0x4003 0x21003)).
Qed.
Print Assumptions lookup_adequate.
Lemma lookup_runs :
  runs_to lookup_machine (spec_exits (lookup_spec (EVar 6)) (lookup_values 0x4003 0x21003)) 9
    (image_state (lookup_image 0x4003)) = true.
Proof. vm_compute. reflexivity. Qed.
(** Another entry than that of memory; a walk from a table that is not mapped there. *)
Lemma lookup_other_entry :
  spec_supplied lookup_machine (lookup_image 0x4003) (lookup_spec (EVar 6)) (lookup_values 0x4003 0x22003) = false.
Proof. vm_compute. reflexivity. Qed.
Lemma lookup_unmapped :
  spec_supplied lookup_machine (lookup_image 0x4003) (lookup_spec (EVar 6)) (lookup_values 0x5003 0x21003) = false.
Proof. vm_compute. reflexivity. Qed.
Print Assumptions page_walk_owned.
