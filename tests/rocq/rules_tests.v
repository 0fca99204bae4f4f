(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From iris.proofmode Require Import proofmode monpred.
From rocqgen.machine Require Import x86_64.
From rocqgen.rules Require Import mov alu stack cr3 compute branch exchange string control.
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

  (** Parts of words: a byte and half a word change, the rest is kept; and a byte is read. *)
  Definition parts : list (Z * (instr * Z)) :=
    [ (0, (Mov W8 (OMem (at_disp RBX 3)) (OReg RAX), 3));
      (3, (Alu AluOr W32 (OMem (at_disp RBX 4)) (OImm 1), 4));
      (7, (Movzx W32 W8 RCX (OMem (at_disp RBX 1)), 4)) ].
  Lemma parts_spec base a b c v :
    code base parts 1 -∗ RAX ⇒ᵣ a -∗ RBX ⇒ᵣ b -∗ RCX ⇒ᵣ c -∗ flags_any -∗ b ↦ᵥ v -∗
    vwp base (λ e, ∃ w, ⌜e = base `+Z` 11⌝ ∗ b ↦ᵥ w ∗ RCX ⇒ᵣ trunc W32 (extract_part W8 1 w) ∗
      ⌜w = insert_part W32 4 (insert_part W8 3 v (trunc W8 a))
        (alu_at W32 AluOr (extract_part W32 4 (insert_part W8 3 v (trunc W8 a))) (Z_to_bv 64 1))⌝).
  Proof using Type.
    iIntros "HC Ha Hb Hc Hf Hv".
    iApply (wp_mov _ _ _ _ _ _ _ _ (RAX ⇒ᵣ a ∗ RBX ⇒ᵣ b ∗ b ↦ᵥ v) with "HC [$Ha $Hb $Hv]").
    iIntros "HC (Ha & Hb & Hv)".
    iApply (wp_alu _ _ _ _ _ _ _ _ _ _ (RBX ⇒ᵣ b ∗ b ↦ᵥ _) with "HC [$Hb $Hv] Hf").
    iIntros "HC [Hb Hv] Hf".
    iApply (wp_movzx _ _ _ _ _ _ _ _ _ (RCX ⇒ᵣ c ∗ RBX ⇒ᵣ b ∗ b ↦ᵥ _) with "HC [$Hc $Hb $Hv]").
    iIntros "HC (Hc & Hb & Hv)". iApply vwp_exit. iExists _. by iFrame.
  Qed.

  (** A sum of two words with its carry, and a branch on what is left of it. *)
  Definition carries : list (Z * (instr * Z)) :=
    [ (0, (Alu AluAdd W64 (OReg RAX) (OReg RBX), 3));
      (3, (Adc W64 (OReg RCX) (OImm 0), 4));
      (7, (Jcc CondE 2, 2));
      (9, (Jmp (TRel 0), 2)) ].
  Lemma carries_spec base f :
    code base carries 1 -∗ RAX ⇒ᵣ Z_to_bv 64 (-1) -∗ RBX ⇒ᵣ Z_to_bv 64 1 -∗ RCX ⇒ᵣ Z_to_bv 64 (-1) -∗ vflags f -∗
    vwp base (λ e, ⌜e = base `+Z` 11⌝ ∗ RCX ⇒ᵣ Z_to_bv 64 0).
  Proof using Type.
    iIntros "HC Ha Hb Hc Hf". iApply (wp_alu_rr with "HC Ha Hb Hf"). iIntros "HC Ha Hb Hf".
    iApply (wp_adc with "HC Hc Hf"); [by vm_compute|]. iIntros "HC Hc Hf".
    iApply (wp_jcc _ _ _ _ _ _ true with "HC Hf"); [by vm_compute|]. iIntros "HC Hf".
    iApply vwp_exit. iSplit; [done|].
    replace (Z_to_bv 64 0) with (adc_at W64 true (Z_to_bv 64 (-1)) (Z_to_bv 64 0)) by (apply bv_eq; by vm_compute).
    iExact "Hc".
  Qed.

  (** A word is claimed by a compare and exchange, whoever had it. *)
  Lemma cmpxchg_spec base a b c d v :
    code base [(0, (Cmpxchg W64 (OMem (at_disp RBX 0)) RCX, 5)); (5, (Setcc CondE (OReg RDX), 3))] 1 -∗
    RAX ⇒ᵣ a -∗ RBX ⇒ᵣ b -∗ RCX ⇒ᵣ c -∗ RDX ⇒ᵣ d -∗ flags_any -∗ b ↦ᵥ v -∗
    vwp base (λ e, ⌜e = base `+Z` 8⌝ ∗ RAX ⇒ᵣ v ∗
      if decide (a = v) then b ↦ᵥ c ∗ RDX ⇒ᵣ merge_low W8 d (carry_word true)
      else b ↦ᵥ v ∗ RDX ⇒ᵣ merge_low W8 d (carry_word false)).
  Proof using Type.
    iIntros "HC Ha Hb Hc Hd Hf Hv". rewrite flags_any_vflags. iDestruct "Hf" as (f) "Hf".
    assert (∀ x y : word, fl_zf (alu_flags W64 AluSub x y f) = Some (bool_decide (x = y))) as Hzf.
    { intros x y. simpl. f_equal. destruct (bool_decide_reflect (x = y)) as [->|Hne].
      - rewrite bv_sub_unsigned Z.sub_diag. done.
      - apply Z.eqb_neq. intros H. apply Hne, bv_eq. rewrite bv_sub_unsigned in H.
        pose proof (bv_unsigned_in_range _ x). pose proof (bv_unsigned_in_range _ y).
        unfold bv_wrap, bv_modulus in *. change (2 ^ Z.of_N 64) with 18446744073709551616 in *.
        Z.div_mod_to_equations. lia. }
    destruct (decide (a = v)) as [<-|Hne].
    - iApply (wp_cmpxchg_equal _ _ _ _ _ _ _ _ _ (RAX ⇒ᵣ a ∗ RBX ⇒ᵣ b ∗ RCX ⇒ᵣ c ∗ b ↦ᵥ a)
        with "HC [$Ha $Hb $Hc $Hv] Hf"). iIntros "HC (Ha & Hb & Hc & Hv) Hf".
      iApply (wp_setcc _ _ _ _ _ _ true with "HC Hd Hf").
      { by rewrite /cond_holds Hzf bool_decide_true. }
      iIntros "HC Hd Hf". iApply vwp_exit. by iFrame.
    - iApply (wp_cmpxchg_differs _ _ _ _ _ _ _ _ _ _ (RAX ⇒ᵣ a ∗ RBX ⇒ᵣ b ∗ RCX ⇒ᵣ c ∗ b ↦ᵥ v)
        with "HC [$Ha $Hb $Hc $Hv] Hf"); [done|]. iIntros "HC (Ha & Hb & Hc & Hv) Hf".
      iApply (wp_setcc _ _ _ _ _ _ false with "HC Hd Hf").
      { by rewrite /cond_holds Hzf bool_decide_false. }
      iIntros "HC Hd Hf". iApply vwp_exit. by iFrame.
  Qed.
  Lemma xchg_spec base a b v :
    code base [(0, (Xchg W32 (OMem (at_disp RBX 4)) RAX, 3))] 1 -∗ RAX ⇒ᵣ a -∗ RBX ⇒ᵣ b -∗ b ↦ᵥ v -∗
    vwp base (λ e, ⌜e = base `+Z` 3⌝ ∗ b ↦ᵥ insert_part W32 4 v (trunc W32 a) ∗
      RAX ⇒ᵣ trunc W32 (extract_part W32 4 v)).
  Proof using Type.
    iIntros "HC Ha Hb Hv".
    iApply (wp_xchg _ _ _ _ _ _ _ _ _ (RAX ⇒ᵣ a ∗ RBX ⇒ᵣ b ∗ b ↦ᵥ v) with "HC [$Ha $Hb $Hv]").
    iIntros "HC (Ha & Hb & Hv)". iApply vwp_exit. by iFrame.
  Qed.

  (** Three words. *)
  Lemma stos_spec base a v x y z :
    code base [(0, (RepStosq, 3))] 1 -∗ RAX ⇒ᵣ v -∗ RDI ⇒ᵣ a -∗ RCX ⇒ᵣ Z_to_bv 64 3 -∗
    a ↦ᵥ x -∗ (a `+Z` 8) ↦ᵥ y -∗ (a `+Z` 16) ↦ᵥ z -∗
    vwp base (λ e, ⌜e = base `+Z` 3⌝ ∗ a ↦ᵥ v ∗ (a `+Z` 8) ↦ᵥ v ∗ (a `+Z` 16) ↦ᵥ v ∗ RDI ⇒ᵣ (a `+Z` 24)).
  Proof using Type.
    iIntros "HC Ha Hd Hc H1 H2 H3".
    iApply (wp_rep_stosq _ _ _ [x; y; z] with "HC Hc Hd Ha [H1 H2 H3]"); [done| |].
    { rewrite /= bv_add_Z_0. by iFrame. }
    iIntros "HC Hc Hd Ha (H1 & H2 & H3 & _)". rewrite /= bv_add_Z_0. iApply vwp_exit. by iFrame.
  Qed.
  (** Caching may be switched off and on; paging may not. *)
  Lemma cr4_spec base x v :
    control_ok (m_config M) CR4 v = true → control_kept CR4 v (bv_or v (Z_to_bv 64 4)) →
    code base [(0, (MovFromCr4 RAX, 3)); (3, (Alu AluOr W64 (OReg RAX) (OImm 4), 4)); (7, (MovToCr4 RAX, 3))] 1 -∗
    RAX ⇒ᵣ x -∗ CR4 ⇒ᵣ v -∗ flags_any -∗
    vwp base (λ e, ⌜e = base `+Z` 10⌝ ∗ CR4 ⇒ᵣ bv_or v (Z_to_bv 64 4)).
  Proof using Hkernel.
    iIntros (Hok Hkept) "HC Ha Hv Hf". iApply (wp_mov_from_cr4 with "HC Ha Hv"); [done..|].
    iIntros "HC Ha Hv". iApply (wp_alu_ri with "HC Ha Hf"). iIntros "HC Ha Hf".
    iApply (wp_mov_to_cr4 with "HC Ha Hv"); [done..|]. iIntros "HC Ha Hv".
    iApply vwp_exit. by iFrame.
  Qed.

  (** * What must fail *)
  (** A part that is not in the word, or of a word that is read-only.  The statement is the control. *)
  Lemma part_outside va v v' :
    SetPart W32 (va ↦ᵥ v) (va `+Z` 4) v' (va ↦ᵥ insert_part W32 4 v v') ∧
    HasPart W32 Read (va ↦ᵥʳ v) (va `+Z` 4) (extract_part W32 4 v).
  Proof using Type.
    Fail assert (∃ R, SetPart W32 (va ↦ᵥ v) (va `+Z` 5) v' R) by (eexists; tc_solve).
    Fail assert (∃ R, SetPart W8 (va ↦ᵥ v) (va `+Z` (-1)) v' R) by (eexists; tc_solve).
    Fail assert (∃ R, SetPart W32 (va ↦ᵥʳ v) (va `+Z` 4) v' R) by (eexists; tc_solve).
    Fail assert (∃ x, HasPart W32 Write (va ↦ᵥʳ v) (va `+Z` 4) x) by (eexists; tc_solve).
    split; tc_solve.
  Qed.
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
