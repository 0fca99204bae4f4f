(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.machine Require Import x86_64.
From rocqgen.adequacy Require Import engine.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The context switch of [examples/switch], by the engine, and closed on a concrete image: two spaces that
    share the page of the code and that of the new context; the old context is mapped in the old space
    alone, the new stack in the new one. *)

(** * The fragment and its specification *)
Definition m (r : reg) (d : Z) : operand := OMem (Addr false (Some r) None d).
Definition swtch_code : code_list := [
  (0x00, (Mov (m RDI 0) (OReg RBX), 3));
  (0x03, (Mov (m RDI 8) (OReg RBP), 4));
  (0x07, (Mov (m RDI 16) (OReg R12), 4));
  (0x0b, (Mov (m RDI 24) (OReg R13), 4));
  (0x0f, (Mov (m RDI 32) (OReg R14), 4));
  (0x13, (Mov (m RDI 40) (OReg R15), 4));
  (0x17, (Mov (m RDI 48) (OReg RSP), 4));
  (0x1b, (Mov (OReg RAX) (m RSI 56), 4));
  (0x1f, (MovToCr3 RAX, 3));
  (0x22, (Mov (OReg RBX) (m RSI 0), 3));
  (0x25, (Mov (OReg RBP) (m RSI 8), 4));
  (0x29, (Mov (OReg R12) (m RSI 16), 4));
  (0x2d, (Mov (OReg R13) (m RSI 24), 4));
  (0x31, (Mov (OReg R14) (m RSI 32), 4));
  (0x35, (Mov (OReg R15) (m RSI 40), 4));
  (0x39, (Mov (OReg RSP) (m RSI 48), 4));
  (0x3d, (Ret, 1))
].

Notation v x := (EVar x) (only parsing).
Notation entry := (EVar 1) (only parsing).
Notation old := (EVar 2) (only parsing).
Notation new := (EVar 3) (only parsing).
Notation po := (EVar 4) (only parsing).
Notation pn := (EVar 5) (only parsing).
Notation ra := (EVar 6) (only parsing).
Notation q := (FVar 1) (only parsing).

(** Variables 11 to 17 are the saved registers, 21 to 27 the restored ones; 31 to 38 are overwritten. *)
Definition callee_saved : list reg := [RBX; RBP; R12; R13; R14; R15; RSP].
Definition context (root p : expr) (xs : list positive) : list item :=
  zip_with (λ i x, IVirt true root (mk_add p (8 * i)) FOne (EVar x)) (seqZ 0 7) xs.
Definition saved : list positive := [11; 12; 13; 14; 15; 16; 17]%positive.
Definition restored : list positive := [21; 22; 23; 24; 25; 26; 27]%positive.
Definition overwritten : list positive := [31; 32; 33; 34; 35; 36; 37]%positive.

Definition swtch_spec : spec := {|
  sp_base := entry;
  sp_code := swtch_code;
  sp_pre := {|
    s_root := old;
    s_regs := [(RDI, po); (RSI, pn); (RAX, v 38)] ++ zip callee_saved (EVar <$> saved);
    s_items := context old po overwritten ++ [IVirt true old (mk_add pn 56) q new] ++
               context new pn restored ++ [IVirt true new (v 27) FOne ra];
    s_code := [(old, q); (new, q)];
    s_facts := [];
  |};
  sp_posts := [{|
    p_exit := ra;
    p_witness := [];
    p_state := {|
      s_root := new;
      s_regs := [(RDI, po); (RSI, pn); (RAX, new); (RSP, mk_add (v 27) 8)] ++
                zip callee_saved (EVar <$> take 6 restored);
      s_items := context new pn restored ++ [IVirt true new (v 27) FOne ra] ++
                 context old po saved ++ [IVirt true old (mk_add pn 56) q new];
      s_code := [(new, q); (old, q)];
      s_facts := [];
    |};
  |}];
  sp_next := 100;
|}.

Lemma swtch_checked : check 100 [] swtch_spec = Residual 0 [] [].
Proof. vm_compute. reflexivity. Qed.

Lemma swtch_sound `{!machGS M Σ} ρ :
  cfg_user (m_config M) = false →
  vdenote (sp_base swtch_spec) swtch_code ρ (sp_pre swtch_spec) ⊢
  vwp (eval ρ entry) (vposts (sp_base swtch_spec) swtch_code ρ (sp_posts swtch_spec)).
Proof. intros Hk. by apply (fragment_sound 100 [] swtch_spec ρ 0 [] []); [apply swtch_checked|..]. Qed.

(** * An image *)
Definition words (l : list Z) : list word := Z_to_bv 64 <$> l.
Definition swtch_machine : machine :=
  Machine (x86_kernel 40) (list_to_map ((λ x, (0x10000 + x.1, x.2)) <$> swtch_code)).
Definition swtch_tables : list (Z * list word) := [
  (0x1000, words [0x2003]); (0x2000, words [0x3003]); (0x3010, words [0x4003]);
  (0x4000, words [0x10001; 0x8000000000020003; 0x8000000000021003]);
  (0x5000, words [0x6003]); (0x6000, words [0x7003]); (0x7010, words [0x8003]);
  (0x8000, words [0x10001; 0; 0x8000000000021003; 0x8000000000022003])
].
Definition swtch_image : image := {|
  im_rip := Z_to_bv 64 0x400000;
  im_regs := zip all_regs (words [0x99; 3; 4; 1; 0x7000f8; 2; 0x402000; 0x401000;
                                  8; 9; 10; 11; 12; 13; 14; 15; 0x1000]);
  im_flags := Flags None None None None None;
  im_tables := swtch_tables;
  im_data := [
    (0x20000, words [0; 0; 0; 0; 0; 0; 0]);
    (0x21000, words [101; 102; 112; 113; 114; 115; 0x403ff8; 0x5000]);
    (0x22ff8, words [0x400200])
  ];
|}.
Definition swtch_env : env :=
  env_of
    (zip [1; 2; 3; 4; 5; 6]%positive (words [0x400000; 0x1000; 0x5000; 0x401000; 0x402000; 0x400200]) ++
     zip saved (words [1; 2; 12; 13; 14; 15; 0x7000f8]) ++
     zip restored (words [101; 102; 112; 113; 114; 115; 0x403ff8]) ++
     zip overwritten (words [0; 0; 0; 0; 0; 0; 0]) ++ [(38%positive, Z_to_bv 64 0x99)])
    [(1%positive, (1/3)%Qp)].

Lemma swtch_supplied : spec_supplied swtch_machine swtch_image swtch_spec swtch_env = true.
Proof. vm_compute. reflexivity. Qed.

Theorem swtch_adequate :
  adequate swtch_machine (image_state swtch_image)
    (exit_reached swtch_machine (spec_exits swtch_spec swtch_env)).
Proof.
  apply spec_exits_adequate; [vm_compute; reflexivity|]. apply spec_adequacy.
  - apply x86_4level_canonical_pages.
  - apply swtch_supplied.
  - intros G. by apply swtch_sound.
Qed.
Print Assumptions swtch_adequate.

(** The 17 instructions do lead to the exit, with all that the postcondition says. *)
Lemma swtch_runs :
  runs_to swtch_machine (spec_exits swtch_spec swtch_env) 17 (image_state swtch_image) = true.
Proof. vm_compute. reflexivity. Qed.

(** What it says, read off: wherever the machine cannot go on, it is at the return address with the new
    space's registers, and the old context holds the old ones. *)
Corollary swtch_outcome n σ r :
  steps_avoiding swtch_machine (exit_reached swtch_machine (spec_exits swtch_spec swtch_env)) n
    (image_state swtch_image) σ →
  step swtch_machine σ r → (∀ σ', r ≠ Ok σ') →
  bv_unsigned (st_rip σ) = 0x400200 ∧
  st_regs σ !! CR3 = Some (Z_to_bv 64 0x5000) ∧
  st_regs σ !! RSP = Some (Z_to_bv 64 0x404000) ∧
  st_regs σ !! RBX = Some (Z_to_bv 64 101) ∧
  space_read swtch_machine σ (Z_to_bv 64 0x1000) (Z_to_bv 64 0x401000) (Z_to_bv 64 1).
Proof.
  intros Hn Hr Hend. pose proof (adequate_end swtch_adequate _ _ _ Hn Hr Hend) as Hex.
  split; [by rewrite (exit_reached_rip _ _ _ _ Hex)|].
  repeat split.
  - refine (exit_reached_has _ _ _ (RReg CR3 _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RReg RSP _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RReg RBX _) _ _ Hex). vm_compute. reflexivity.
  - refine (exit_reached_has _ _ _ (RVirt true _ _ 1 _) _ _ Hex). vm_compute. reflexivity.
Qed.

(** * Where the new space does not map the code *)
Definition swtch_image_unmapped : image := {|
  im_rip := im_rip swtch_image; im_regs := im_regs swtch_image; im_flags := im_flags swtch_image;
  im_tables := take 7 swtch_tables ++
               [(0x8000, words [0; 0; 0x8000000000021003; 0x8000000000022003])];
  im_data := im_data swtch_image;
|}.
Lemma swtch_not_supplied :
  spec_supplied swtch_machine swtch_image_unmapped swtch_spec swtch_env = false.
Proof. vm_compute. reflexivity. Qed.
Lemma swtch_not_adequate :
  ¬ adequate swtch_machine (image_state swtch_image_unmapped)
      (exit_reached swtch_machine (spec_exits swtch_spec swtch_env)).
Proof. apply (fails_before_sound _ _ 17). vm_compute. reflexivity. Qed.
