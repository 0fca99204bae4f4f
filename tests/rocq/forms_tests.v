(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Import x86_64 step.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The forms of instructions at every width, by computation at their boundaries: SDM vol. 2. *)

Notation "'w64' z" := (Z_to_bv 64 z) (at level 9, z at level 9).
Definition words (ws : list (Z * Z)) : memory :=
  foldr (λ x m, write_bytes m (seqZ x.1 8) (word_bytes (w64 (x.2)))) ∅ ws.
Definition flat : translator := λ _ va, Ok (bv_unsigned va).
Definition kernel := x86_kernel 46.
Definition old_flags := Flags (Some true) None (Some false) (Some true) None.
Definition fl (cf pf zf sf ovf : bool) : flags :=
  Flags (Some cf) (Some pf) (Some zf) (Some sf) (Some ovf).
Definition start (f : flags) (regs : list (reg * Z)) (mem : list (Z * Z)) : state :=
  State (w64 0x5000) (list_to_map (prod_map id (Z_to_bv 64) <$> regs)) f (words mem) [].
Definition do (i : instr) (regs : list (reg * Z)) (mem : list (Z * Z)) : result state :=
  exec kernel flat i (start old_flags regs mem).
Definition reg_of (r : reg) (x : result state) : option Z :=
  match x with Ok σ => bv_unsigned <$> st_regs σ !! r | _ => None end.
Definition mem_of (pa : Z) (x : result state) : option Z :=
  match x with Ok σ => bv_unsigned <$> read_word (st_mem σ) pa | _ => None end.
Definition rip_of (x : result state) : option Z :=
  match x with Ok σ => Some (bv_unsigned (st_rip σ)) | _ => None end.
Definition flags_of (x : result state) : option flags :=
  match x with Ok σ => Some (st_flags σ) | _ => None end.
Definition rax (i : instr) (a b : Z) : option (Z * flags) :=
  let x := do i [(RAX, a); (RCX, b)] [] in v ← reg_of RAX x; f ← flags_of x; Some (v, f).
Definition a : operand := OReg RAX.
Definition c : operand := OReg RCX.
Definition mem (r : reg) (d : Z) : operand := OMem (base_disp r d).
Definition ones := 2 ^ 64 - 1.
Definition pattern := 0x1122334455667788.

(** * Moves: 32 bits clear the upper half, 8 and 16 keep the rest *)
Example mov_widths :
  (λ w, reg_of RAX (do (Mov w a c) [(RAX, pattern); (RCX, ones - 1)] [])) <$> [W8; W16; W32; W64]
    = Some <$> [0x11223344556677fe; 0x112233445566fffe; 0xfffffffe; ones - 1].
Proof. vm_compute. reflexivity. Qed.
Example mov_imm_widths :
  (λ w, reg_of RAX (do (Mov w a (OImm (-1))) [(RAX, pattern)] [])) <$> [W8; W16; W32; W64]
    = Some <$> [0x11223344556677ff; 0x112233445566ffff; 0xffffffff; ones].
Proof. vm_compute. reflexivity. Qed.
Example mov_load_widths :
  (λ w, reg_of RAX (do (Mov w a (mem RCX 0)) [(RAX, ones); (RCX, 0x100)] [(0x100, pattern)]))
    <$> [W8; W16; W32; W64]
    = Some <$> [0xffffffffffffff88; 0xffffffffffff7788; 0x55667788; pattern].
Proof. vm_compute. reflexivity. Qed.
Example mov_store_widths :
  (λ w, mem_of 0x100 (do (Mov w (mem RCX 0) a) [(RAX, 0); (RCX, 0x100)] [(0x100, pattern)]))
    <$> [W8; W16; W32; W64]
    = Some <$> [0x1122334455667700; 0x1122334455660000; 0x1122334400000000; 0].
Proof. vm_compute. reflexivity. Qed.
Example movzx_movsx :
  (λ i, reg_of RAX (do i [(RAX, ones); (RCX, 0x80ff8080)] []))
    <$> [Movzx W32 W8 RAX c; Movzx W64 W16 RAX c; Movzx W16 W8 RAX c;
         Movsx W32 W8 RAX c; Movsx W64 W16 RAX c; Movsx W16 W8 RAX c; Movsx W64 W32 RAX c]
    = Some <$> [0x80; 0x8080; 0xffffffffffff0080;
                0xffffff80; 0xffffffffffff8080; 0xffffffffffffff80; 0xffffffff80ff8080].
Proof. vm_compute. reflexivity. Qed.
Example movsx_positive : reg_of RAX (do (Movsx W64 W8 RAX c) [(RAX, ones); (RCX, 0x17f)] []) = Some 0x7f.
Proof. vm_compute. reflexivity. Qed.
Example lea_32 :
  reg_of RAX (do (Lea W32 RAX (base_disp RCX 2)) [(RAX, ones); (RCX, 0x1ffffffff)] []) = Some 1.
Proof. vm_compute. reflexivity. Qed.

(** * Sums and differences: the value, then CF, PF, ZF, SF, OF *)
Example add_32_carry : rax (Alu AluAdd W32 a c) 0xffffffff 1 = Some (0, fl true true true false false).
Proof. vm_compute. reflexivity. Qed.
Example add_32_overflow :
  rax (Alu AluAdd W32 a c) 0x7fffffff 1 = Some (0x80000000, fl false true false true true).
Proof. vm_compute. reflexivity. Qed.
Example add_8 : rax (Alu AluAdd W8 a c) 0x1ff 0x101 = Some (0x100, fl true true true false false).
Proof. vm_compute. reflexivity. Qed.
Example sub_16 : rax (Alu AluSub W16 a c) 0x18000 1 = Some (0x17fff, fl false true false false true).
Proof. vm_compute. reflexivity. Qed.
Example adc_64 : rax (Adc W64 a c) ones 0 = Some (0, fl true true true false false).
Proof. vm_compute. reflexivity. Qed.
Example adc_both : rax (Adc W32 a c) 0xffffffff 0xffffffff = Some (0xffffffff, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example adc_overflow : rax (Adc W8 a c) 0x7f 0 = Some (0x80, fl false false false true true).
Proof. vm_compute. reflexivity. Qed.
Example sbb_64 : rax (Sbb W64 a c) 0 0 = Some (ones, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example sbb_ones : rax (Sbb W32 a c) 5 0xffffffff = Some (5, fl true true false false false).
Proof. vm_compute. reflexivity. Qed.
Example adc_undefined :
  exec kernel flat (Adc W64 a c) (start (Flags None None None None None) [(RAX, 0); (RCX, 0)] [])
    = Stuck UndefinedFlag.
Proof. vm_compute. reflexivity. Qed.
Example cmp_8 : rax (Cmp W8 a c) 0x180 1 = Some (0x180, fl false false false false true).
Proof. vm_compute. reflexivity. Qed.
Example test_32 : rax (Test W32 a a) 0xf00000000 0 = Some (0xf00000000, fl false true true false false).
Proof. vm_compute. reflexivity. Qed.
(** inc and dec keep CF. *)
Example inc_8 : rax (Unary UnInc W8 a) 0x7f 0 = Some (0x80, fl true false false true true).
Proof. vm_compute. reflexivity. Qed.
Example inc_wraps : rax (Unary UnInc W32 a) 0xffffffff 0 = Some (0, fl true true true false false).
Proof. vm_compute. reflexivity. Qed.
Example dec_64 : rax (Unary UnDec W64 a) 0 0 = Some (ones, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example dec_overflow : rax (Unary UnDec W16 a) 0x8000 0 = Some (0x7fff, fl true true false false true).
Proof. vm_compute. reflexivity. Qed.
Example neg_0 : rax (Unary UnNeg W64 a) 0 0 = Some (0, fl false true true false false).
Proof. vm_compute. reflexivity. Qed.
Example neg_min : rax (Unary UnNeg W8 a) 0x80 0 = Some (0x80, fl true false false true true).
Proof. vm_compute. reflexivity. Qed.
Example not_32 : rax (Unary UnNot W32 a) (2 ^ 63 + 1) 0 = Some (0xfffffffe, old_flags).
Proof. vm_compute. reflexivity. Qed.

(** * Products: CF and OF where something is lost, the others undefined *)
Definition mul_fl (lost : bool) : flags := Flags (Some lost) None None None (Some lost).
Example imul_64 : rax (Imul W64 RAX a c) (ones - 1) 3 = Some (ones - 5, mul_fl false).
Proof. vm_compute. reflexivity. Qed.
Example imul_lost : rax (Imul W64 RAX a c) (2 ^ 62) 2 = Some (2 ^ 63, mul_fl true).
Proof. vm_compute. reflexivity. Qed.
Example imul_32 : rax (Imul W32 RAX c (OImm (-1))) 7 (2 ^ 32 + 2) = Some (0xfffffffe, mul_fl false).
Proof. vm_compute. reflexivity. Qed.
Example imul_16 : rax (Imul W16 RAX a c) 0x10100 0x100 = Some (0x10000, mul_fl true).
Proof. vm_compute. reflexivity. Qed.

(** * Shifts and rotates *)
Definition shift_fl (cf pf zf sf : bool) : flags := Flags (Some cf) (Some pf) (Some zf) (Some sf) None.
Definition rotated (cf : bool) (ovf : option bool) : flags := Flags (Some cf) None (Some false) (Some true) ovf.
Example shl_32_by_32 : rax (Alu AluShl W32 a c) (ones - 0xff) 32 = Some (0xffffff00, old_flags).
Proof. vm_compute. reflexivity. Qed.
Example shl_32_by_31 : rax (Alu AluShl W32 a c) 3 31 = Some (0x80000000, shift_fl true true false true).
Proof. vm_compute. reflexivity. Qed.
Example shl_8_by_8 :
  rax (Alu AluShl W8 a (OImm 8)) 0x1ff 0 = Some (0x100, Flags None (Some true) (Some true) (Some false) None).
Proof. vm_compute. reflexivity. Qed.
Example shr_16 : rax (Alu AluShr W16 a (OImm 1)) 0x18001 0 = Some (0x14000, fl true true false false true).
Proof. vm_compute. reflexivity. Qed.
Example sar_64 : rax (Alu AluSar W64 a (OImm 63)) (2 ^ 63) 0 = Some (ones, shift_fl false true false true).
Proof. vm_compute. reflexivity. Qed.
Example sar_1 : rax (Alu AluSar W32 a (OImm 1)) 0x80000001 0 = Some (0xc0000000, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example sar_8_by_31 : rax (Alu AluSar W8 a c) 0x80 31 = Some (0xff, shift_fl true true false true).
Proof. vm_compute. reflexivity. Qed.
Example rol_64 : rax (Alu AluRol W64 a (OImm 4)) pattern 0 = Some (0x1223344556677881, rotated true None).
Proof. vm_compute. reflexivity. Qed.
Example rol_1 : rax (Alu AluRol W32 a (OImm 1)) 0x80000000 0 = Some (1, rotated true (Some true)).
Proof. vm_compute. reflexivity. Qed.
Example rol_8_by_8 : rax (Alu AluRol W8 a (OImm 8)) 0x82 0 = Some (0x82, rotated false None).
Proof. vm_compute. reflexivity. Qed.
Example rol_16_by_17 : rax (Alu AluRol W16 a (OImm 17)) 0x8001 0 = Some (3, rotated true None).
Proof. vm_compute. reflexivity. Qed.
Example ror_8 : rax (Alu AluRor W8 a (OImm 1)) 1 0 = Some (0x80, rotated true (Some true)).
Proof. vm_compute. reflexivity. Qed.
Example ror_64_by_64 : rax (Alu AluRor W64 a (OImm 64)) 5 0 = Some (5, old_flags).
Proof. vm_compute. reflexivity. Qed.

(** * Bits *)
Definition bit_fl (cf : bool) : flags := Flags (Some cf) None (Some false) None None.
Example bt_wraps : rax (Bit BitTest W64 a c) (2 ^ 63) 127 = Some (2 ^ 63, bit_fl true).
Proof. vm_compute. reflexivity. Qed.
Example bts_32 : rax (Bit BitSet W32 a (OImm 31)) (2 ^ 40) 0 = Some (2 ^ 31, bit_fl false).
Proof. vm_compute. reflexivity. Qed.
Example btr_64 : rax (Bit BitReset W64 a (OImm 0)) ones 0 = Some (ones - 1, bit_fl true).
Proof. vm_compute. reflexivity. Qed.
Example btc_16 : rax (Bit BitComplement W16 a (OImm 17)) 0x10002 0 = Some (0x10000, bit_fl true).
Proof. vm_compute. reflexivity. Qed.
Example btr_memory :
  mem_of 0x100 (do (Bit BitReset W64 (mem RCX 0) (OImm 4)) [(RCX, 0x100)] [(0x100, 0xff)]) = Some 0xef.
Proof. vm_compute. reflexivity. Qed.
Example bt_far : do (Bit BitTest W64 (mem RCX 0) a) [(RAX, 0); (RCX, 0x100)] [(0x100, 1)] = Stuck BadOperand.
Proof. vm_compute. reflexivity. Qed.

(** * Exchanges *)
Definition regs_of (x : result state) := (reg_of RAX x, reg_of RCX x).
Example xchg_32 : regs_of (do (Xchg W32 a RCX) [(RAX, ones); (RCX, 5)] []) = (Some 5, Some 0xffffffff).
Proof. vm_compute. reflexivity. Qed.
Example xchg_memory :
  let x := do (Xchg W64 (mem RCX 0) RCX) [(RCX, 0x100)] [(0x100, 7)] in
  (mem_of 0x100 x, reg_of RCX x) = (Some 0x100, Some 7).
Proof. vm_compute. reflexivity. Qed.
Example xadd_self : reg_of RAX (do (Xadd W64 a RAX) [(RAX, 5)] []) = Some 10.
Proof. vm_compute. reflexivity. Qed.
Example xadd_memory :
  let x := do (Xadd W64 (mem RCX 0) RCX) [(RCX, 0x100)] [(0x100, 7)] in
  (mem_of 0x100 x, reg_of RCX x) = (Some 0x107, Some 7).
Proof. vm_compute. reflexivity. Qed.
Definition cas (acc : Z) : result state :=
  do (Cmpxchg W64 (mem RCX 0) RDX) [(RAX, acc); (RCX, 0x100); (RDX, 9)] [(0x100, 7)].
Example cmpxchg_equal :
  (mem_of 0x100 (cas 7), reg_of RAX (cas 7), flags_of (cas 7))
    = (Some 9, Some 7, Some (fl false true true false false)).
Proof. vm_compute. reflexivity. Qed.
Example cmpxchg_differs :
  (mem_of 0x100 (cas 6), reg_of RAX (cas 6), flags_of (cas 6))
    = (Some 7, Some 7, Some (fl true true false true false)).
Proof. vm_compute. reflexivity. Qed.
(** The accumulator keeps its upper half where nothing is loaded into it. *)
Example cmpxchg_32 :
  let x acc := do (Cmpxchg W32 c RDX) [(RAX, acc); (RCX, 2 ^ 40 + 1); (RDX, 9)] [] in
  (regs_of (x (2 ^ 40 + 1)), regs_of (x (2 ^ 40 + 2)))
    = ((Some (2 ^ 40 + 1), Some 9), (Some 1, Some 1)).
Proof. vm_compute. reflexivity. Qed.
(** A read-only page faults in both cases. *)
Definition read_only : translator := λ a va,
  match a with Write => Fault (page_fault kernel a true false va) | _ => Ok (bv_unsigned va) end.
Example cmpxchg_writes :
  match exec kernel read_only (Cmpxchg W64 (mem RCX 0) RDX)
    (start old_flags [(RAX, 6); (RCX, 0x100); (RDX, 9)] [(0x100, 7)])
  with Fault (PageFault e _) => fc_write e | _ => false end = true.
Proof. vm_compute. reflexivity. Qed.

(** * Conditions *)
Definition conds (f : flags) : list (option bool) :=
  (λ c, cond_holds c f) <$>
    [CondO; CondNO; CondB; CondAE; CondE; CondNE; CondBE; CondA; CondS; CondNS; CondP; CondNP; CondL;
     CondGE; CondLE; CondG].
Example conds_less : conds (fl true false false true false) = Some <$>
  [false; true; true; false; false; true; true; false; true; false; false; true; true; false; true; false].
Proof. vm_compute. reflexivity. Qed.
Example conds_equal : conds (fl false true true false false) = Some <$>
  [false; true; false; true; true; false; true; false; false; true; true; false; false; true; true; false].
Proof. vm_compute. reflexivity. Qed.
Example conds_overflow : conds (fl false true false true true) = Some <$>
  [true; false; false; true; false; true; false; true; true; false; true; false; false; true; false; true].
Proof. vm_compute. reflexivity. Qed.
Example jcc : (λ cc, rip_of (do (Jcc cc (-2)) [] [])) <$> [CondB; CondAE] = Some <$> [0x4ffe; 0x5000].
Proof. vm_compute. reflexivity. Qed.
Example jcc_undefined : do (Jcc CondP 4) [] [] = Stuck UndefinedFlag.
Proof. vm_compute. reflexivity. Qed.
Example jcc_partly_undefined : do (Jcc CondGE 4) [] [] = Stuck UndefinedFlag.
Proof. vm_compute. reflexivity. Qed.
Example setcc : (λ cc, rax (Setcc cc a) ones 0) <$> [CondS; CondE]
  = [Some (ones - 0xfe, old_flags); Some (ones - 0xff, old_flags)].
Proof. vm_compute. reflexivity. Qed.
Example cmov : (λ i, option_map fst (rax i pattern 5)) <$> [Cmovcc CondB W64 RAX c; Cmovcc CondAE W64 RAX c;
    Cmovcc CondAE W32 RAX c; Cmovcc CondAE W16 RAX c]
  = Some <$> [5; pattern; 0x55667788; pattern].
Proof. vm_compute. reflexivity. Qed.
(** The source is read in both cases. *)
Example cmov_reads : do (Cmovcc CondAE W64 RAX (mem RCX 0)) [(RAX, 1); (RCX, 0x100)] []
  = Stuck (UnbackedMemory 0x100).
Proof. vm_compute. reflexivity. Qed.

(** * leave, rep stosq *)
Example leave :
  let x := do Leave [(RSP, 0x10); (RBP, 0x100)] [(0x100, 7)] in (reg_of RSP x, reg_of RBP x)
    = (Some 0x108, Some 7).
Proof. vm_compute. reflexivity. Qed.
Definition fill (n : Z) : result state :=
  do RepStosq [(RAX, 5); (RCX, n); (RDI, 0x100)] [(0x100, 1); (0x108, 2)].
Example rep_stosq_goes_on :
  (rip_of (fill 2), reg_of RCX (fill 2), reg_of RDI (fill 2), mem_of 0x100 (fill 2), mem_of 0x108 (fill 2))
    = (Some 0x4ffd, Some 1, Some 0x108, Some 5, Some 2).
Proof. vm_compute. reflexivity. Qed.
Example rep_stosq_ends : (rip_of (fill 1), mem_of 0x100 (fill 1)) = (Some 0x5000, Some 5).
Proof. vm_compute. reflexivity. Qed.
Example rep_stosq_nothing : (rip_of (fill 0), mem_of 0x100 (fill 0)) = (Some 0x5000, Some 1).
Proof. vm_compute. reflexivity. Qed.

(** * invlpg *)
Definition cached : tlb := [TlbEntry 3 (Leaf 0x9000 12 all_rights); TlbEntry 0 (Leaf 0 21 all_rights)].
Definition after_invlpg (va : Z) : option (list Z) :=
  match exec kernel flat (Invlpg (base_disp RAX 0)) (set_tlb cached (start old_flags [(RAX, va)] [])) with
  | Ok σ => Some (te_page <$> st_tlb σ)
  | _ => None
  end.
Example invlpg_drops : after_invlpg <$> [0x3fff; 0x5000; 0x40000000; 0x8000000000003000]
  = Some <$> [[]; [3]; [3; 0]; [3; 0]].
Proof. vm_compute. reflexivity. Qed.
Example invlpg_user :
  exec (Config (x86_4level true 46) true true true true true) flat (Invlpg (base_disp RAX 0))
    (start old_flags [(RAX, 0)] []) = Fault GeneralProtection.
Proof. vm_compute. reflexivity. Qed.

(** * Control registers *)
Definition cr0 := 0x80050033.
Definition cr4 := 0x3000a0.
Definition to_cr0 (old new : Z) : result state := do (MovToCr0 RAX) [(RAX, new); (CR0, old)] [].
Example cr0_read : reg_of RAX (do (MovFromCr0 RAX) [(RAX, 0); (CR0, cr0)] []) = Some cr0.
Proof. vm_compute. reflexivity. Qed.
(** TS may change, WP may not. *)
Example cr0_ts : reg_of CR0 (to_cr0 cr0 (cr0 + 8)) = Some (cr0 + 8).
Proof. vm_compute. reflexivity. Qed.
Example cr0_wp : to_cr0 cr0 (cr0 - 2 ^ 16) = Stuck ModeChange.
Proof. vm_compute. reflexivity. Qed.
Example cr0_disagrees : do (MovFromCr0 RAX) [(RAX, 0); (CR0, cr0 - 2 ^ 16)] [] = Stuck ModeChange.
Proof. vm_compute. reflexivity. Qed.
Example cr4_pge : do (MovFromCr4 RAX) [(RAX, 0); (CR4, cr4)] [] = Stuck ModeChange.
Proof. vm_compute. reflexivity. Qed.
Example cr4_read : reg_of RAX (do (MovFromCr4 RAX) [(RAX, 0); (CR4, cr4 - 0x80)] []) = Some (cr4 - 0x80).
Proof. vm_compute. reflexivity. Qed.
