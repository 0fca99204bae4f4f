(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export state.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What an instruction does, as a function of how its accesses are translated.  All reads and writes of
    virtual memory, the stack and the fetch go through the [translator]; the relation [step] and the
    function [step_fun] differ in nothing else. *)

Definition translator := access → word → result Z.

(** * Memory through translation, byte by byte: an access may cross pages *)
Definition load_byte (τ : translator) (a : access) (m : memory) (va : word) : result byte :=
  pa ← τ a va;
  match m !! pa with Some b => Ok b | None => Stuck (UnbackedMemory pa) end.
Fixpoint load_bytes (τ : translator) (a : access) (m : memory) (va : word) (n : nat)
    : result (list byte) :=
  match n with
  | O => Ok []
  | S n => b ← load_byte τ a m va; bs ← load_bytes τ a m (va `+Z` 1) n; Ok (b :: bs)
  end.
Definition load_word (τ : translator) (a : access) (m : memory) (va : word) : result word :=
  bs ← load_bytes τ a m va 8; Ok (bytes_word bs).

(** All bytes are translated before the first is written. *)
Fixpoint store_targets (τ : translator) (m : memory) (va : word) (n : nat) : result (list Z) :=
  match n with
  | O => Ok []
  | S n =>
    pa ← τ Write va;
    match m !! pa with
    | Some _ => pas ← store_targets τ m (va `+Z` 1) n; Ok (pa :: pas)
    | None => Stuck (UnbackedMemory pa)
    end
  end.
Fixpoint write_bytes (m : memory) (pas : list Z) (bs : list byte) : memory :=
  match pas, bs with
  | pa :: pas, b :: bs => write_bytes (<[pa := b]> m) pas bs
  | _, _ => m
  end.
Definition store_word (τ : translator) (m : memory) (va w : word) : result memory :=
  pas ← store_targets τ m va 8; Ok (write_bytes m pas (word_bytes w)).

(** * Operands.  [st_rip] is already that of the next instruction *)
Definition opt_reg (σ : state) (r : option reg) : result word :=
  match r with Some r => get_reg σ r | None => Ok (Z_to_bv 64 0) end.
Definition scaled (v : word) (scale : Z) : word := Z_to_bv 64 (bv_unsigned v * scale).
Definition effective_address (σ : state) (a : addr) : result word :=
  base ← (if a_rip a then Ok (st_rip σ) else opt_reg σ (a_base a));
  match a_index a with
  | None => Ok (base `+Z` a_disp a)
  | Some (r, s) => i ← get_reg σ r; Ok (bv_add base (scaled i s) `+Z` a_disp a)
  end.

Definition read_operand (τ : translator) (a : access) (σ : state) (o : operand) : result word :=
  match o with
  | OReg r => get_reg σ r
  | OImm i => Ok (Z_to_bv 64 i)
  | OMem m => va ← effective_address σ m; load_word τ a (st_mem σ) va
  end.
Definition write_operand (τ : translator) (σ : state) (o : operand) (v : word) : result state :=
  match o with
  | OReg r => Ok (set_reg r v σ)
  | OImm _ => Stuck BadOperand
  | OMem m => va ← effective_address σ m; m' ← store_word τ (st_mem σ) va v; Ok (set_mem m' σ)
  end.

(** * Arithmetic: SDM vol. 2 *)
Definition shift_count (b : word) : Z := bv_unsigned b `mod` 64.
Definition alu_value (op : alu) (a b : word) : word :=
  match op with
  | AluAdd => bv_add a b
  | AluSub => bv_sub a b
  | AluAnd => bv_and a b
  | AluOr => bv_or a b
  | AluXor => bv_xor a b
  | AluShl => Z_to_bv 64 (bv_unsigned a ≪ shift_count b)
  | AluShr => Z_to_bv 64 (bv_unsigned a ≫ shift_count b)
  end.

Definition msb (v : word) : bool := Z.testbit (bv_unsigned v) 63.
Definition parity (v : word) : bool :=
  negb (foldr xorb false (Z.testbit (bv_unsigned v) <$> [0; 1; 2; 3; 4; 5; 6; 7])).
Definition result_flags (v : word) (cf ovf : option bool) : flags :=
  Flags cf (Some (parity v)) (Some (bv_unsigned v =? 0)) (Some (msb v)) ovf.

Definition alu_flags (op : alu) (a b : word) (f : flags) : flags :=
  let v := alu_value op a b in
  let count := shift_count b in
  let when_1 x := if count =? 1 then Some x else None in
  match op with
  | AluAdd => result_flags v (Some (2 ^ 64 <=? bv_unsigned a + bv_unsigned b))
             (Some (eqb (msb a) (msb b) && negb (eqb (msb v) (msb a))))
  | AluSub => result_flags v (Some (bv_unsigned a <? bv_unsigned b))
             (Some (negb (eqb (msb a) (msb b)) && negb (eqb (msb v) (msb a))))
  | AluAnd | AluOr | AluXor => result_flags v (Some false) (Some false)
  | AluShl =>
    if count =? 0 then f
    else let cf := Z.testbit (bv_unsigned a) (64 - count) in
         result_flags v (Some cf) (when_1 (xorb (msb v) cf))
  | AluShr =>
    if count =? 0 then f
    else result_flags v (Some (Z.testbit (bv_unsigned a) (count - 1))) (when_1 (msb a))
  end.

(** * Instructions *)
Definition push (τ : translator) (v : word) (σ : state) : result state :=
  sp ← get_reg σ RSP;
  m ← store_word τ (st_mem σ) (sp `+Z` (-8)) v;
  Ok (set_reg RSP (sp `+Z` (-8)) (set_mem m σ)).
Definition pop (τ : translator) (σ : state) : result (word * state) :=
  sp ← get_reg σ RSP;
  v ← load_word τ Read (st_mem σ) sp;
  Ok (v, set_reg RSP (sp `+Z` 8) σ).
Definition read_target (τ : translator) (σ : state) (t : target) : result word :=
  match t with
  | TRel d => Ok (st_rip σ `+Z` d)
  | TInd o => read_operand τ Read σ o
  end.

(** The read half of a read-modify-write is translated as a write. *)
Definition exec (c : config) (τ : translator) (i : instr) (σ : state) : result state :=
  match i with
  | Mov d s => v ← read_operand τ Read σ s; write_operand τ σ d v
  | Alu op d s =>
    a ← read_operand τ Write σ d;
    b ← read_operand τ Read σ s;
    σ' ← write_operand τ σ d (alu_value op a b);
    Ok (set_flags (alu_flags op a b (st_flags σ)) σ')
  | Lea d a => va ← effective_address σ a; Ok (set_reg d va σ)
  | Push s => v ← read_operand τ Read σ s; push τ v σ
  | Pop d => '(v, σ') ← pop τ σ; write_operand τ σ' d v
  | Call t => pc ← read_target τ σ t; σ' ← push τ (st_rip σ) σ; Ok (set_rip pc σ')
  | Ret => '(pc, σ') ← pop τ σ; Ok (set_rip pc σ')
  | Jmp t => pc ← read_target τ σ t; Ok (set_rip pc σ)
  | MovToCr3 r =>
    v ← get_reg σ r;
    if cfg_user c || negb (pm_root_ok (cfg_mode c) v) then Fault GeneralProtection
    else Ok (set_tlb [] (set_reg CR3 v σ))
  | MovFromCr3 d =>
    v ← get_reg σ CR3;
    if cfg_user c then Fault GeneralProtection else Ok (set_reg d v σ)
  | Nop => Ok σ
  end.

(** * Fetch: every byte of the instruction is translated, and the frames are adjacent *)
Fixpoint fetch_rest (τ : translator) (va : word) (pa : Z) (n : nat) : result unit :=
  match n with
  | O => Ok tt
  | S n =>
    pa' ← τ Fetch va;
    if pa' =? pa then fetch_rest τ (va `+Z` 1) (pa + 1) n else Stuck (SplitCode va)
  end.
Definition fetch (image : code_image) (τ : translator) (rip : word) : result (instr * Z) :=
  pa ← τ Fetch rip;
  match image !! pa with
  | None => Stuck (NoCode pa)
  | Some (i, n) => _ ← fetch_rest τ (rip `+Z` 1) (pa + 1) (Z.to_nat (n - 1)); Ok (i, n)
  end.

Definition exec_next (M : machine) (τ : translator) (σ : state) : result state :=
  '(i, n) ← fetch (m_image M) τ (st_rip σ);
  exec (m_config M) τ i (set_rip (st_rip σ `+Z` n) σ).
