(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Import x86_64 agree.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The machine computes what the manual says: walks, rights, faults, each instruction, the TLB. *)

(** * A memory with page tables *)
Notation "'w64' z" := (Z_to_bv 64 z) (at level 9, z at level 9).
Definition words (ws : list (Z * Z)) : memory :=
  foldr (λ x m, write_bytes m (seqZ x.1 8) (word_bytes (w64 (x.2)))) ∅ ws.

Definition P := 1.
Definition W := 2.
Definition U := 4.
Definition PS := 128.
Definition NX := 2 ^ 63.
Definition va4 (pml4 pdpt pd pt offset : Z) : word :=
  w64 (pml4 ≪ 39 + pdpt ≪ 30 + pd ≪ 21 + pt ≪ 12 + offset).

Definition tables : memory := words
  [ (0x1000, 0x2000 + P + W + U);               (* the first root's path to the tables below *)
    (0x1008, 0x2000 + P + W + PS);              (* PS in a PML4 entry is reserved *)
    (0x1010, 0x2000 + P + U);                   (* the same tables without W *)
    (0x1018, 0x2000 + P + W);                   (* without U *)
    (0x1020, 0x2000 + P + W + U + NX);          (* without execution *)
    (0x1028, 0);
    (0x1030, 0x2000 + P + W + 2 ^ 46);          (* beyond MAXPHYADDR *)
    (0x1800, 0x2000 + P + W + U);               (* slot 256: the upper half *)
    (0x2000, 0x3000 + P + W + U);
    (0x2008, 0x40000000 + P + W + U + PS);      (* 1G *)
    (0x2010, 0x40000000 + P + W + U + PS + 2 ^ 29);
    (0x3000, 0x4000 + P + W + U);
    (0x3018, 0x800000 + P + W + U + PS);        (* 2M *)
    (0x3020, 0x800000 + P + W + PS + 2 ^ 13);
    (0x3028, 0x800000 + P + W + U + PS + 2 ^ 12); (* PAT *)
    (0x4000, 0x10000 + P + W + U);
    (0x4008, 0x30000 + P + W + U);
    (0x4010, 0x11000 + P);                      (* the kernel's, read-only *)
    (0x4018, 0x12000 + P + W + U + NX);
    (0x4020, 0x13000 + P + W + 2 ^ 51);         (* a reserved bit in a leaf *)
    (0x4028, 0x13000 + P + W + PS);             (* PAT of a 4K leaf *)
    (0x4030, 0);
    (0x6000, 0x1000 + P + W + U)                (* the root of five levels *)
  ].
Definition mode := x86_4level true 46.
Definition walk1 := walk mode tables (w64 0x1000).
Definition rwux w u x := Rights true w u x true true.

(** ** Leaves of each size *)
Example walk_4k : walk1 (va4 0 0 0 0 0x123) = Walked (Leaf 0x10000 12 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_2m : walk1 (va4 0 0 3 5 0x123) = Walked (Leaf 0x800000 21 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_1g : walk1 (va4 0 1 7 5 0x123) = Walked (Leaf 0x40000000 30 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_2m_pa : leaf_pa (Leaf 0x800000 21 all_rights) (va4 0 0 3 5 0x123) = 0x805123.
Proof. vm_compute. reflexivity. Qed.
Example walk_1g_pa : leaf_pa (Leaf 0x40000000 30 all_rights) (va4 0 1 7 5 0x123) = 0x40e05123.
Proof. vm_compute. reflexivity. Qed.
Example walk_pat_2m : walk1 (va4 0 0 5 0 0) = Walked (Leaf 0x800000 21 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_pat_4k : walk1 (va4 0 0 0 5 0) = Walked (Leaf 0x13000 12 (rwux true false true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_upper_half :
  walk1 (w64 0xffff800000000000) = Walked (Leaf 0x10000 12 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
(** The bits of cr3 for caching do not move the root. *)
Example walk_root_flags : walk mode tables (w64 0x1018) (va4 0 0 0 0 0) = walk1 (va4 0 0 0 0 0).
Proof. vm_compute. reflexivity. Qed.

(** ** Rights are those of every level *)
Example walk_leaf_rights : walk1 (va4 0 0 0 2 0) = Walked (Leaf 0x11000 12 (rwux false false true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_leaf_nx : walk1 (va4 0 0 0 3 0) = Walked (Leaf 0x12000 12 (rwux true true false)).
Proof. vm_compute. reflexivity. Qed.
Example walk_upper_w : walk1 (va4 2 0 0 0 0) = Walked (Leaf 0x10000 12 (rwux false true true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_upper_u : walk1 (va4 3 0 0 0 0) = Walked (Leaf 0x10000 12 (rwux true false true)).
Proof. vm_compute. reflexivity. Qed.
Example walk_upper_nx : walk1 (va4 4 0 0 0 0) = Walked (Leaf 0x10000 12 (rwux true true false)).
Proof. vm_compute. reflexivity. Qed.

(** ** No translation *)
Example walk_absent : (walk1 (va4 0 0 0 6 0), walk1 (va4 5 0 0 0 0)) = (NotPresent, NotPresent).
Proof. vm_compute. reflexivity. Qed.
Example walk_unbacked : walk1 (va4 0 0 0 7 0) = Unbacked.
Proof. vm_compute. reflexivity. Qed.
Example walk_ps_pml4 : walk1 (va4 1 0 0 0 0) = BadEntry ReservedBit.
Proof. vm_compute. reflexivity. Qed.
Example walk_maxphyaddr :
  (walk1 (va4 6 0 0 0 0), walk1 (va4 0 0 0 4 0)) = (BadEntry ReservedBit, BadEntry ReservedBit).
Proof. vm_compute. reflexivity. Qed.
Example walk_reserved_2m : walk1 (va4 0 0 4 0 0) = BadEntry ReservedBit.
Proof. vm_compute. reflexivity. Qed.
Example walk_reserved_1g : walk1 (va4 0 2 0 0 0) = BadEntry ReservedBit.
Proof. vm_compute. reflexivity. Qed.
(** Bit 63 is reserved where NXE is 0. *)
Example walk_nxe :
  walk (x86_4level false 46) tables (w64 0x1000) (va4 0 0 0 3 0) = BadEntry ReservedBit.
Proof. vm_compute. reflexivity. Qed.
(** MAXPHYADDR at its most leaves no such bit. *)
Example walk_maxphyaddr_52 :
  walk (x86_4level true 52) tables (w64 0x1000) (va4 0 0 0 4 0)
    = Walked (Leaf (0x13000 + 2 ^ 51) 12 (rwux true false true)).
Proof. vm_compute. reflexivity. Qed.

(** ** Five levels *)
Example walk_5level :
  walk (x86_5level true 46) tables (w64 0x6000) (va4 0 0 0 1 8)
    = Walked (Leaf 0x30000 12 (rwux true true true)).
Proof. vm_compute. reflexivity. Qed.
Example canonical_4level :
  pm_canonical mode <$> [w64 0x7fffffffffff; w64 0x800000000000; w64 0xffff7fffffffffff;
                         w64 0xffff800000000000; w64 0xfffe800000000000]
    = [true; false; false; true; false].
Proof. vm_compute. reflexivity. Qed.
Example canonical_5level :
  pm_canonical (x86_5level true 46) <$> [w64 0xffffffffffffff; w64 0x100000000000000;
                                         w64 0xff00000000000000; w64 0x800000000000]
    = [true; false; true; true].
Proof. vm_compute. reflexivity. Qed.
Example root_ok :
  pm_root_ok mode <$> [w64 0x1000; w64 0x1018; w64 (2 ^ 46); w64 (2 ^ 63)]
    = [true; true; false; false].
Proof. vm_compute. reflexivity. Qed.

(** * Rights and accesses: read, write, fetch *)
Definition may (user wp smep smap : bool) (r : rights) : list bool :=
  access_ok (Config mode user wp smep smap true) r <$> [Read; Write; Fetch].
Example user_kernel_page : may true true true true (rwux true false true) = [false; false; false].
Proof. reflexivity. Qed.
Example user_user_page : may true true true true (rwux true true true) = [true; true; true].
Proof. reflexivity. Qed.
Example user_read_only : may true false false false (rwux false true false) = [true; false; false].
Proof. reflexivity. Qed.
Example kernel_kernel_page : may false true true true (rwux true false true) = [true; true; true].
Proof. reflexivity. Qed.
Example kernel_read_only : may false true true true (rwux false false false) = [true; false; false].
Proof. reflexivity. Qed.
Example kernel_no_wp : may false false true true (rwux false false false) = [true; true; false].
Proof. reflexivity. Qed.
Example kernel_smap : may false true false true (rwux true true true) = [false; false; true].
Proof. reflexivity. Qed.
Example kernel_smap_no_wp : may false false true true (rwux true true true) = [false; false; false].
Proof. reflexivity. Qed.
Example kernel_smep : may false true true false (rwux true true true) = [true; true; false].
Proof. reflexivity. Qed.
Example kernel_user_page : may false true false false (rwux false true true) = [true; false; true].
Proof. reflexivity. Qed.

(** * Faults and their error codes *)
Inductive outcome := Pa (pa : Z) | PF (present write user reserved fetch : bool) (va : Z) | GP | Other.
Definition outcome_of (r : result Z) : outcome :=
  match r with
  | Ok pa => Pa pa
  | Fault (PageFault c va) =>
    PF (fc_present c) (fc_write c) (fc_user c) (fc_reserved c) (fc_fetch c) (bv_unsigned va)
  | Fault GeneralProtection => GP
  | Stuck _ => Other
  end.
Definition translate (c : config) (a : access) (va : word) : outcome :=
  outcome_of (walk_translate c tables (w64 0x1000) a va).
Definition kernel := x86_kernel 46.
Definition user := Config mode true true true true true.

Example translate_ok : translate user Write (va4 0 0 0 1 8) = Pa 0x30008.
Proof. vm_compute. reflexivity. Qed.
Example translate_absent : translate user Write (va4 0 0 0 6 8) = PF false true true false false 0x6008.
Proof. vm_compute. reflexivity. Qed.
Example translate_read_only :
  translate kernel Write (va4 0 0 0 2 8) = PF true true false false false 0x2008.
Proof. vm_compute. reflexivity. Qed.
Example translate_reserved :
  translate kernel Read (va4 0 0 0 4 0) = PF true false false true false 0x4000.
Proof. vm_compute. reflexivity. Qed.
Example translate_nx : translate user Fetch (va4 0 0 0 3 0) = PF true false true false true 0x3000.
Proof. vm_compute. reflexivity. Qed.
(** Bit 4 of the code needs NXE or SMEP. *)
Example translate_fetch_bit :
  outcome_of (walk_translate (Config (x86_4level false 46) true true false false false) tables
    (w64 0x1000) Fetch (va4 0 0 0 2 0)) = PF true false true false false 0x2000.
Proof. vm_compute. reflexivity. Qed.
Example translate_smap : translate kernel Read (va4 0 0 0 0 0) = PF true false false false false 0.
Proof. vm_compute. reflexivity. Qed.
Example translate_non_canonical : translate kernel Read (w64 0x800000000000) = GP.
Proof. vm_compute. reflexivity. Qed.

(** * Instructions, with addresses untranslated *)
Definition flat : translator := λ _ va, Ok (bv_unsigned va).
Definition old_flags := Flags (Some true) None (Some false) (Some true) None.
Definition start (regs : list (reg * Z)) (mem : list (Z * Z)) : state :=
  State (w64 0x5000) (list_to_map (prod_map id (Z_to_bv 64) <$> regs)) old_flags (words mem) [].
Definition do (i : instr) (regs : list (reg * Z)) (mem : list (Z * Z)) : result state :=
  exec kernel flat i (start regs mem).

Definition reg_of (r : reg) (x : result state) : option Z :=
  match x with Ok σ => bv_unsigned <$> st_regs σ !! r | _ => None end.
Definition mem_of (pa : Z) (x : result state) : option Z :=
  match x with Ok σ => bv_unsigned <$> read_word (st_mem σ) pa | _ => None end.
Definition rip_of (x : result state) : option Z :=
  match x with Ok σ => Some (bv_unsigned (st_rip σ)) | _ => None end.
Definition flags_of (x : result state) : option flags :=
  match x with Ok σ => Some (st_flags σ) | _ => None end.
Definition base_disp (r : reg) (d : Z) : operand := OMem (Addr false (Some r) None d).

(** ** mov, lea, nop *)
Example mov_rr : reg_of RAX (do (Mov W64 (OReg RAX) (OReg RBX)) [(RAX, 1); (RBX, 2)] []) = Some 2.
Proof. vm_compute. reflexivity. Qed.
Example mov_ri : reg_of RAX (do (Mov W64 (OReg RAX) (OImm (-1))) [(RAX, 1)] []) = Some (2 ^ 64 - 1).
Proof. vm_compute. reflexivity. Qed.
Example mov_rm :
  reg_of RAX (do (Mov W64 (OReg RAX) (base_disp RBX 8)) [(RAX, 1); (RBX, 0x100)] [(0x108, 77)]) = Some 77.
Proof. vm_compute. reflexivity. Qed.
Example mov_rm_self :
  reg_of RAX (do (Mov W64 (OReg RAX) (base_disp RAX (-8))) [(RAX, 0x110)] [(0x108, 77)]) = Some 77.
Proof. vm_compute. reflexivity. Qed.
Example mov_mr :
  let x := do (Mov W64 (base_disp RBX 0) (OReg RAX)) [(RAX, 5); (RBX, 0x100)] [(0x100, 1); (0x108, 77)] in
  (mem_of 0x100 x, mem_of 0x108 x) = (Some 5, Some 77).
Proof. vm_compute. reflexivity. Qed.
Example mov_mi : mem_of 0x100 (do (Mov W64 (base_disp RBX 0) (OImm (-2))) [(RBX, 0x100)] [(0x100, 1)])
  = Some (2 ^ 64 - 2).
Proof. vm_compute. reflexivity. Qed.
Example mov_keeps_flags :
  flags_of (do (Mov W64 (OReg RAX) (OImm 0)) [(RAX, 1)] []) = Some old_flags.
Proof. vm_compute. reflexivity. Qed.
Example mov_to_immediate : do (Mov W64 (OImm 0) (OImm 0)) [] [] = Stuck BadOperand.
Proof. vm_compute. reflexivity. Qed.
Example little_endian : read_bytes (words [(0, 0x0807060504030201)]) 0 8
  = Some (Z_to_bv 8 <$> [1; 2; 3; 4; 5; 6; 7; 8]).
Proof. vm_compute. reflexivity. Qed.
Example lea_rip : reg_of RAX (do (Lea W64 RAX (Addr true None None (-16))) [(RAX, 1)] []) = Some 0x4ff0.
Proof. vm_compute. reflexivity. Qed.
Example lea_index :
  reg_of RAX (do (Lea W64 RAX (Addr false (Some RBX) (Some (RCX, 8)) 3)) [(RBX, 0x100); (RCX, 2)] [])
    = Some 0x113.
Proof. vm_compute. reflexivity. Qed.
Example lea_index_alone :
  reg_of RAX (do (Lea W64 RAX (Addr false None (Some (RCX, 4)) 0)) [(RCX, 2)] []) = Some 8.
Proof. vm_compute. reflexivity. Qed.
Example lea_wraps :
  reg_of RAX (do (Lea W64 RAX (Addr false (Some RBX) None 2)) [(RBX, 2 ^ 64 - 1)] []) = Some 1.
Proof. vm_compute. reflexivity. Qed.
Example nop : do Nop [] [] = Ok (start [] []).
Proof. vm_compute. reflexivity. Qed.

(** ** Arithmetic: the value, then CF, PF, ZF, SF, OF *)
Definition alu_test (op : alu) (a b : Z) : option (Z * flags) :=
  let x := do (Alu op W64 (OReg RAX) (OReg RBX)) [(RAX, a); (RBX, b)] [] in
  v ← reg_of RAX x; f ← flags_of x; Some (v, f).
Definition fl (cf pf zf sf ovf : bool) : flags :=
  Flags (Some cf) (Some pf) (Some zf) (Some sf) (Some ovf).
Definition top := 2 ^ 63.
Definition ones := 2 ^ 64 - 1.

Example add_plain : alu_test AluAdd 1 1 = Some (2, fl false false false false false).
Proof. vm_compute. reflexivity. Qed.
Example add_carry : alu_test AluAdd ones 1 = Some (0, fl true true true false false).
Proof. vm_compute. reflexivity. Qed.
Example add_overflow : alu_test AluAdd (top - 1) 1 = Some (top, fl false true false true true).
Proof. vm_compute. reflexivity. Qed.
Example add_both : alu_test AluAdd top top = Some (0, fl true true true false true).
Proof. vm_compute. reflexivity. Qed.
Example add_negative : alu_test AluAdd ones ones = Some (ones - 1, fl true false false true false).
Proof. vm_compute. reflexivity. Qed.
Example sub_plain : alu_test AluSub 5 5 = Some (0, fl false true true false false).
Proof. vm_compute. reflexivity. Qed.
Example sub_borrow : alu_test AluSub 0 1 = Some (ones, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example sub_overflow : alu_test AluSub top 1 = Some (top - 1, fl false true false false true).
Proof. vm_compute. reflexivity. Qed.
Example sub_both : alu_test AluSub (top - 1) ones = Some (top, fl true true false true true).
Proof. vm_compute. reflexivity. Qed.
Example and_flags : alu_test AluAnd 0xff 0x1fe = Some (0xfe, fl false false false false false).
Proof. vm_compute. reflexivity. Qed.
Example or_flags : alu_test AluOr top 3 = Some (top + 3, fl false true false true false).
Proof. vm_compute. reflexivity. Qed.
Example xor_self :
  flags_of (do (Alu AluXor W64 (OReg RAX) (OReg RAX)) [(RAX, 9)] []) = Some (fl false true true false false).
Proof. vm_compute. reflexivity. Qed.
(** Parity is of the low byte alone. *)
Example parity_low_byte : alu_test AluOr 0x100 0 = Some (0x100, fl false true false false false).
Proof. vm_compute. reflexivity. Qed.

Definition shift_fl (cf pf zf sf : bool) : flags := Flags (Some cf) (Some pf) (Some zf) (Some sf) None.
Example shl_0 : alu_test AluShl 7 0 = Some (7, old_flags).
Proof. vm_compute. reflexivity. Qed.
Example shl_1 : alu_test AluShl (top + 1) 1 = Some (2, fl true false false false true).
Proof. vm_compute. reflexivity. Qed.
Example shl_1_same_sign : alu_test AluShl (top + 2 ^ 62) 1 = Some (top, fl true true false true false).
Proof. vm_compute. reflexivity. Qed.
Example shl_63 : alu_test AluShl 3 63 = Some (top, shift_fl true true false true).
Proof. vm_compute. reflexivity. Qed.
Example shl_64 : alu_test AluShl 7 64 = Some (7, old_flags).
Proof. vm_compute. reflexivity. Qed.
Example shl_65 : alu_test AluShl 3 65 = alu_test AluShl 3 1.
Proof. vm_compute. reflexivity. Qed.
Example shr_0 : alu_test AluShr 7 0 = Some (7, old_flags).
Proof. vm_compute. reflexivity. Qed.
Example shr_1 : alu_test AluShr (top + 1) 1 = Some (2 ^ 62, fl true true false false true).
Proof. vm_compute. reflexivity. Qed.
Example shr_1_positive : alu_test AluShr 2 1 = Some (1, fl false false false false false).
Proof. vm_compute. reflexivity. Qed.
Example shr_63 : alu_test AluShr (2 ^ 62) 63 = Some (0, shift_fl true true true false).
Proof. vm_compute. reflexivity. Qed.
Example shr_64 : alu_test AluShr 7 64 = Some (7, old_flags).
Proof. vm_compute. reflexivity. Qed.

Example alu_rm :
  reg_of RAX (do (Alu AluAdd W64 (OReg RAX) (base_disp RAX 0)) [(RAX, 0x100)] [(0x100, 1)]) = Some 0x101.
Proof. vm_compute. reflexivity. Qed.
Example alu_mr :
  mem_of 0x100 (do (Alu AluSub W64 (base_disp RBX 0) (OReg RAX)) [(RAX, 1); (RBX, 0x100)] [(0x100, 5)])
    = Some 4.
Proof. vm_compute. reflexivity. Qed.
Example alu_mi :
  mem_of 0x100 (do (Alu AluAnd W64 (base_disp RBX 0) (OImm (-16))) [(RBX, 0x100)] [(0x100, 0x123)])
    = Some 0x120.
Proof. vm_compute. reflexivity. Qed.

(** ** The stack and jumps; [rip] is that of the next instruction, 0x5000 *)
Example push_r :
  let x := do (Push (OReg RAX)) [(RAX, 5); (RSP, 0x108)] [(0x100, 0)] in
  (mem_of 0x100 x, reg_of RSP x) = (Some 5, Some 0x100).
Proof. vm_compute. reflexivity. Qed.
Example push_rsp :
  let x := do (Push (OReg RSP)) [(RSP, 0x108)] [(0x100, 0)] in
  (mem_of 0x100 x, reg_of RSP x) = (Some 0x108, Some 0x100).
Proof. vm_compute. reflexivity. Qed.
Example push_m :
  mem_of 0x100 (do (Push (base_disp RSP 8)) [(RSP, 0x108)] [(0x100, 0); (0x110, 9)]) = Some 9.
Proof. vm_compute. reflexivity. Qed.
Example push_i : mem_of 0x100 (do (Push (OImm (-1))) [(RSP, 0x108)] [(0x100, 0)]) = Some ones.
Proof. vm_compute. reflexivity. Qed.
Example pop_r :
  let x := do (Pop (OReg RAX)) [(RAX, 5); (RSP, 0x100)] [(0x100, 7)] in
  (reg_of RAX x, reg_of RSP x) = (Some 7, Some 0x108).
Proof. vm_compute. reflexivity. Qed.
Example pop_rsp : reg_of RSP (do (Pop (OReg RSP)) [(RSP, 0x100)] [(0x100, 7)]) = Some 7.
Proof. vm_compute. reflexivity. Qed.
(** The address is computed with the new [rsp]. *)
Example pop_m :
  let x := do (Pop (base_disp RSP 0)) [(RSP, 0x100)] [(0x100, 7); (0x108, 8)] in
  (mem_of 0x108 x, reg_of RSP x) = (Some 7, Some 0x108).
Proof. vm_compute. reflexivity. Qed.
Example call_rel :
  let x := do (Call (TRel (-0x10))) [(RSP, 0x108)] [(0x100, 0)] in
  (rip_of x, mem_of 0x100 x, reg_of RSP x) = (Some 0x4ff0, Some 0x5000, Some 0x100).
Proof. vm_compute. reflexivity. Qed.
Example call_rsp_indirect :
  rip_of (do (Call (TInd (base_disp RSP 0))) [(RSP, 0x108)] [(0x100, 1); (0x108, 0x77)]) = Some 0x77.
Proof. vm_compute. reflexivity. Qed.
Example ret :
  let x := do Ret [(RSP, 0x100)] [(0x100, 0x77)] in (rip_of x, reg_of RSP x) = (Some 0x77, Some 0x108).
Proof. vm_compute. reflexivity. Qed.
Example jmp_rel : rip_of (do (Jmp (TRel 4)) [] []) = Some 0x5004.
Proof. vm_compute. reflexivity. Qed.
Example jmp_r : rip_of (do (Jmp (TInd (OReg RAX))) [(RAX, 0x77)] []) = Some 0x77.
Proof. vm_compute. reflexivity. Qed.
Example jmp_m : rip_of (do (Jmp (TInd (base_disp RAX 0))) [(RAX, 0x100)] [(0x100, 0x77)]) = Some 0x77.
Proof. vm_compute. reflexivity. Qed.

(** ** The root register *)
Example mov_to_cr3 : reg_of CR3 (do (MovToCr3 RAX) [(RAX, 0x3000); (CR3, 0x1000)] []) = Some 0x3000.
Proof. vm_compute. reflexivity. Qed.
Example mov_to_cr3_reserved :
  do (MovToCr3 RAX) [(RAX, 2 ^ 46); (CR3, 0x1000)] [] = Fault GeneralProtection.
Proof. vm_compute. reflexivity. Qed.
Example mov_to_cr3_user :
  exec user flat (MovToCr3 RAX) (start [(RAX, 0x3000); (CR3, 0x1000)] []) = Fault GeneralProtection.
Proof. vm_compute. reflexivity. Qed.
Example mov_from_cr3 : reg_of RAX (do (MovFromCr3 RAX) [(RAX, 0); (CR3, 0x1000)] []) = Some 0x1000.
Proof. vm_compute. reflexivity. Qed.
Example mov_from_cr3_user :
  exec user flat (MovFromCr3 RAX) (start [(RAX, 0); (CR3, 0x1000)] []) = Fault GeneralProtection.
Proof. vm_compute. reflexivity. Qed.

(** * Through translation *)
(** Code at the read-only page of the kernel; data by other pages. *)
Definition image : code_image := list_to_map
  [ (0x11000, (Mov W64 (OReg RAX) (base_disp RBX 0), 3));
    (0x11003, (Mov W64 (base_disp RBX 0) (OReg RAX), 3));
    (0x11006, (MovToCr3 RCX, 3));
    (0x11009, (Nop, 1));
    (0x11ffe, (Lea W64 RAX (Addr false (Some RBX) None 8), 4)) ].
(** Without SMAP, so that the pages of the user serve as data. *)
Definition M := Machine (Config mode false true true false true) image.
Definition run1 (ip : Z) (regs : list (reg * Z)) (t : tlb) (mem : list (Z * Z)) : state :=
  State (w64 ip) (list_to_map (prod_map id (Z_to_bv 64) <$> ((CR3, 0x1000) :: regs))) old_flags
    (words mem ∪ tables) t.
Definition fault_of (x : result state) : outcome :=
  outcome_of (match x with Ok _ => Ok 0 | Fault f => Fault f | Stuck w => Stuck w end).

(** Eight bytes over two pages whose frames are far apart. *)
Example crossing_load :
  reg_of RAX (step_fun M (run1 0x2000 [(RAX, 0); (RBX, 0xffc)] []
    [(0x10ff8, 0x4433221100000000); (0x30000, 0x88776655)])) = Some 0x8877665544332211.
Proof. vm_compute. reflexivity. Qed.
Example crossing_store :
  let x := step_fun M (run1 0x2003 [(RAX, 0x8877665544332211); (RBX, 0xffc)] []
    [(0x10ff8, 1); (0x30000, 0xff00000000)]) in
  (mem_of 0x10ff8 x, mem_of 0x30000 x) = (Some 0x4433221100000001, Some 0xff88776655).
Proof. vm_compute. reflexivity. Qed.
(** A store that faults on its second page reports that page, and writes nothing. *)
Example crossing_store_fault :
  fault_of (step_fun M (run1 0x2003 [(RAX, 0); (RBX, 0x1ffc)] [] [(0x30ff8, 0); (0x11000, 0)]))
    = PF true true false false false 0x2000.
Proof. vm_compute. reflexivity. Qed.
Example rip_advances : rip_of (step_fun M (run1 0x2009 [] [] [])) = Some 0x200a.
Proof. vm_compute. reflexivity. Qed.
Example no_code : step_fun M (run1 0x2001 [] [] []) = Stuck (NoCode 0x11001).
Proof. vm_compute. reflexivity. Qed.
Example fetch_nx : fault_of (step_fun M (run1 0x3000 [] [] [])) = PF true false false false true 0x3000.
Proof. vm_compute. reflexivity. Qed.
(** An instruction is fetched whole: its last bytes lie on the next page, which is not executable. *)
Example fetch_crossing :
  fault_of (step_fun M (run1 0x2ffe [(RAX, 0); (RBX, 0)] [] [])) = PF true false false false true 0x3000.
Proof. vm_compute. reflexivity. Qed.

(** * The TLB *)
(** The page at 0x6000 is not mapped (any more), and a cached entry says that it is. *)
Definition stale : tlb_entry := TlbEntry 6 (Leaf 0x30000 12 (rwux true false false)).
Definition by_stale (M : machine) (σ : state) : translator := λ a va,
  if te_covers stale va && pm_canonical (cfg_mode (m_config M)) va
  then leaf_translate (m_config M) a va (te_leaf stale) else walker M σ a va.
Definition stale_state : state := run1 0x2000 [(RAX, 0); (RBX, 0x6000)] [stale] [(0x30000, 42)].

Lemma by_stale_ok σ a va :
  stale ∈ st_tlb σ → translates (m_config M) (st_mem σ) (st_tlb σ) (root_of σ) a va (by_stale M σ a va).
Proof.
  intros Hin. rewrite /by_stale. destruct (_ && _) eqn:Hc; [|apply translates_walk].
  apply andb_true_iff in Hc as [??]. by apply translates_cached.
Qed.
(** The step may use it; the function, which walks, faults. *)
Example stale_step : ∃ σ', step M stale_state (Ok σ') ∧ reg_of RAX (Ok σ') = Some 42.
Proof.
  assert (Hs : step M stale_state (exec_next M (by_stale M stale_state) stale_state)).
  { apply (step_with M stale_state (st_tlb stale_state)); [by left|].
    intros a va. apply by_stale_ok. by left. }
  assert (Hr : reg_of RAX (exec_next M (by_stale M stale_state) stale_state) = Some 42).
  { vm_compute. reflexivity. }
  destruct (exec_next _ _ _) as [σ'| |]; [by exists σ'|done..].
Qed.
Example stale_step_fun :
  fault_of (step_fun M stale_state) = PF false false false false false 0x6000.
Proof. vm_compute. reflexivity. Qed.
Example stale_not_safe : ¬ safe M stale_state.
Proof.
  intros Hs. destruct (Hs _ (step_fun_step M stale_state)) as [σ' Hσ'].
  pose proof stale_step_fun as Hf. by rewrite Hσ' in Hf.
Qed.
Example stale_not_fresh :
  ¬ tlb_fresh (m_config M) (st_mem stale_state) (root_of stale_state) (st_tlb stale_state).
Proof.
  intros Ht. destruct stale_step as (σ' & Hs & _). apply step_fun_agree_Ok in Hs as [t Ht']; [|done].
  pose proof stale_step_fun as Hf. by rewrite Ht' in Hf.
Qed.
(** A write to the table is not seen by a cached entry, nor does it drop one. *)
Example store_keeps_tlb c τ w d s σ σ' : exec c τ (Mov w d s) σ = Ok σ' → st_tlb σ' = st_tlb σ.
Proof.
  intros [v [_ Hw]]%result_bind_Ok. destruct d as [r|i|a]; simplify_eq/=.
  { destruct w; simplify_eq/=; try done; by apply result_bind_Ok in Hw as (old & _ & [= <-]). }
  apply result_bind_Ok in Hw as (va & _ & Hw). apply result_bind_Ok in Hw as (m & _ & Hw).
  by simplify_eq/=.
Qed.
(** [mov cr3] empties it, even where the root stays what it is. *)
Example mov_cr3_flushes c τ r σ σ' : exec c τ (MovToCr3 r) σ = Ok σ' → st_tlb σ' = [].
Proof.
  intros [v [_ Hw]]%result_bind_Ok. destruct (_ || _); by simplify_eq/=.
Qed.
Example mov_cr3_same_root :
  match step_fun M (run1 0x2006 [(RCX, 0x1000)] [stale] []) with Ok σ => st_tlb σ | _ => [stale] end = [].
Proof. vm_compute. reflexivity. Qed.
(** [invlpg] drops the whole page, of whatever size, and no other. *)
Example drop_page :
  let big := TlbEntry 3 (Leaf 0x800000 21 all_rights) in
  (tlb_drop (w64 0x6123) [stale; big], tlb_drop (w64 0x7fffff) [stale; big]) = ([big], [stale]).
Proof. vm_compute. reflexivity. Qed.
