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
(** An operand of a width, extended with zeros. *)
Definition load_value (τ : translator) (a : access) (w : width) (m : memory) (va : word)
    : result word :=
  bs ← load_bytes τ a m va (width_bytes w); Ok (bytes_word bs).
Notation load_word τ a := (load_value τ a W64).

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
Definition store_value (τ : translator) (w : width) (m : memory) (va v : word) : result memory :=
  pas ← store_targets τ m va (width_bytes w); Ok (write_bytes m pas (word_bytes v)).
Notation store_word τ := (store_value τ W64).
Global Arguments load_value : simpl never.
Global Arguments store_value : simpl never.

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

(** A register that is written whole need not exist before. *)
Definition write_reg (w : width) (r : reg) (v : word) (σ : state) : result state :=
  match w with
  | W64 | W32 => Ok (set_reg r (trunc w v) σ)
  | W16 | W8 => old ← get_reg σ r; Ok (set_reg r (written w old v) σ)
  end.
Lemma write_reg_Ok w r old v σ :
  get_reg σ r = Ok old → write_reg w r v σ = Ok (set_reg r (written w old v) σ).
Proof. intros Hr. destruct w; [by rewrite /= Hr..|done|done]. Qed.

Definition read_operand (τ : translator) (a : access) (w : width) (σ : state) (o : operand)
    : result word :=
  match o with
  | OReg r => v ← get_reg σ r; Ok (trunc w v)
  | OImm i => Ok (trunc w (Z_to_bv 64 i))
  | OMem m => va ← effective_address σ m; load_value τ a w (st_mem σ) va
  end.
Definition write_operand (τ : translator) (w : width) (σ : state) (o : operand) (v : word)
    : result state :=
  match o with
  | OReg r => write_reg w r v σ
  | OImm _ => Stuck BadOperand
  | OMem m =>
    va ← effective_address σ m; m' ← store_value τ w (st_mem σ) va v; Ok (set_mem m' σ)
  end.

(** A flag, or a condition, that is defined. *)
Definition defined (b : option bool) : result bool :=
  match b with Some b => Ok b | None => Stuck UndefinedFlag end.
Definition with_flags (f : flags) (x : result state) : result state := σ ← x; Ok (set_flags f σ).

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
  | TInd o => read_operand τ Read W64 σ o
  end.

(** The bits of CR0 and CR4 that say how addresses are translated are constants of the [config], as are
    paging and PAE themselves, PCIDE, PGE, PKE, PKS and CET: SDM vol. 3, 2.5 and 4.1. *)
Definition control_ok (c : config) (r : reg) (v : word) : bool :=
  let bit k b := eqb (Z.testbit (bv_unsigned v) k) b in
  match r with
  | CR0 => bit 0 true && bit 16 (cfg_wp c) && bit 31 true
  | CR4 =>
    bit 5 true && bit 7 false && bit 17 false && bit 20 (cfg_smep c) && bit 21 (cfg_smap c) &&
    bit 22 false && bit 23 false && bit 24 false
  | _ => false
  end.
(** The bits that code may change: MP, EM, TS, NE and AM; TSD, DE, MCE and PCE.  Another one is a change
    of mode, or faults, or may fault, as the processor has it. *)
Definition control_free (r : reg) : Z :=
  match r with CR0 => 0x4002e | CR4 => 0x14c | _ => 0 end.

Definition read_control (c : config) (σ : state) (r : reg) : result word :=
  if cfg_user c then Fault GeneralProtection
  else v ← get_reg σ r; if control_ok c r v then Ok v else Stuck ModeChange.
(** Nothing that the TLB depends on changes: it is kept. *)
Definition write_control (c : config) (r : reg) (v : word) (σ : state) : result state :=
  old ← read_control c σ r;
  if Z.ldiff (Z.lxor (bv_unsigned v) (bv_unsigned old)) (control_free r) =? 0 then Ok (set_reg r v σ)
  else Stuck ModeChange.

(** One iteration; control stays at the instruction as long as the count is not 0.  DF is 0. *)
Definition rep_stosq (τ : translator) (σ : state) : result state :=
  n ← get_reg σ RCX;
  if bv_unsigned n =? 0 then Ok σ
  else
    v ← get_reg σ RAX;
    va ← get_reg σ RDI;
    m ← store_value τ W64 (st_mem σ) va v;
    let σ' := set_reg RCX (n `+Z` (-1)) (set_reg RDI (va `+Z` 8) (set_mem m σ)) in
    Ok (if bv_unsigned n =? 1 then σ' else set_rip (st_rip σ `+Z` (-3)) σ').

(** The read half of a read-modify-write is translated as a write.  A lock prefix changes nothing, there
    being one processor. *)
Definition exec (c : config) (τ : translator) (i : instr) (σ : state) : result state :=
  let f := st_flags σ in
  match i with
  | Mov w d s => v ← read_operand τ Read w σ s; write_operand τ w σ d v
  | Movzx w from d s => v ← read_operand τ Read from σ s; write_reg w d v σ
  | Movsx w from d s => v ← read_operand τ Read from σ s; write_reg w d (sext from v) σ
  | Lea w d a => va ← effective_address σ a; write_reg w d va σ
  | Alu op w d s =>
    a ← read_operand τ Write w σ d;
    b ← read_operand τ Read w σ s;
    with_flags (alu_flags w op a b f) (write_operand τ w σ d (alu_at w op a b))
  | Adc w d s =>
    a ← read_operand τ Write w σ d;
    b ← read_operand τ Read w σ s;
    cf ← defined (fl_cf f);
    let v := adc_at w cf a b in
    with_flags (add_flags w cf a b v) (write_operand τ w σ d v)
  | Sbb w d s =>
    a ← read_operand τ Write w σ d;
    b ← read_operand τ Read w σ s;
    cf ← defined (fl_cf f);
    let v := sbb_at w cf a b in
    with_flags (sub_flags w cf a b v) (write_operand τ w σ d v)
  | Cmp w d s =>
    a ← read_operand τ Read w σ d;
    b ← read_operand τ Read w σ s;
    Ok (set_flags (alu_flags w AluSub a b f) σ)
  | Test w d s =>
    a ← read_operand τ Read w σ d;
    b ← read_operand τ Read w σ s;
    Ok (set_flags (alu_flags w AluAnd a b f) σ)
  | Unary op w d =>
    a ← read_operand τ Write w σ d;
    with_flags (unary_flags w op a f) (write_operand τ w σ d (unary_at w op a))
  | Imul w d s t =>
    a ← read_operand τ Read w σ s;
    b ← read_operand τ Read w σ t;
    with_flags (alu_flags w AluMul a b f) (write_reg w d (alu_at w AluMul a b) σ)
  | Bit op w d s =>
    i ← match d, s with OMem _, OReg _ => Stuck BadOperand | _, _ => read_operand τ Read w σ s end;
    match op with
    | BitTest => a ← read_operand τ Read w σ d; Ok (set_flags (bit_flags w a i f) σ)
    | _ =>
      a ← read_operand τ Write w σ d;
      with_flags (bit_flags w a i f) (write_operand τ w σ d (bit_at w op a i))
    end
  | Xchg w d s =>
    a ← read_operand τ Write w σ d;
    b ← read_operand τ Read w σ (OReg s);
    σ' ← write_operand τ w σ d b;
    write_reg w s a σ'
  | Cmpxchg w d s =>
    a ← read_operand τ Read w σ (OReg RAX);
    old ← read_operand τ Write w σ d;
    new ← read_operand τ Read w σ (OReg s);
    with_flags (alu_flags w AluSub a old f)
      (if bv_unsigned a =? bv_unsigned old then write_operand τ w σ d new
       else σ' ← write_operand τ w σ d old; write_reg w RAX old σ')
  | Xadd w d s =>
    a ← read_operand τ Write w σ d;
    b ← read_operand τ Read w σ (OReg s);
    with_flags (alu_flags w AluAdd a b f)
      match d with
      | OReg r => σ' ← write_reg w s a σ; write_reg w r (alu_at w AluAdd a b) σ'
      | _ => σ' ← write_operand τ w σ d (alu_at w AluAdd a b); write_reg w s a σ'
      end
  | Setcc c d => b ← defined (cond_holds c f); write_operand τ W8 σ d (carry_word b)
  | Cmovcc c w d s =>
    v ← read_operand τ Read w σ s;
    b ← defined (cond_holds c f);
    old ← read_operand τ Read w σ (OReg d);
    write_reg w d (if b : bool then v else old) σ
  | Jcc c d => b ← defined (cond_holds c f); Ok (if b : bool then set_rip (st_rip σ `+Z` d) σ else σ)
  | Push s => v ← read_operand τ Read W64 σ s; push τ v σ
  | Pop d => '(v, σ') ← pop τ σ; write_operand τ W64 σ' d v
  | Call t => pc ← read_target τ σ t; σ' ← push τ (st_rip σ) σ; Ok (set_rip pc σ')
  | Ret => '(pc, σ') ← pop τ σ; Ok (set_rip pc σ')
  | Jmp t => pc ← read_target τ σ t; Ok (set_rip pc σ)
  | Leave => bp ← get_reg σ RBP; '(v, σ') ← pop τ (set_reg RSP bp σ); Ok (set_reg RBP v σ')
  | RepStosq => rep_stosq τ σ
  | Invlpg a =>
    va ← effective_address σ a;
    if cfg_user c then Fault GeneralProtection
    else Ok (if pm_canonical (cfg_mode c) va then set_tlb (tlb_drop va (st_tlb σ)) σ else σ)
  | MovToCr3 r =>
    v ← get_reg σ r;
    if cfg_user c || negb (pm_root_ok (cfg_mode c) v) then Fault GeneralProtection
    else Ok (set_tlb [] (set_reg CR3 v σ))
  | MovFromCr3 d =>
    v ← get_reg σ CR3;
    if cfg_user c then Fault GeneralProtection else Ok (set_reg d v σ)
  | MovToCr0 s => v ← get_reg σ s; write_control c CR0 v σ
  | MovFromCr0 d => v ← read_control c σ CR0; Ok (set_reg d v σ)
  | MovToCr4 s => v ← get_reg σ s; write_control c CR4 v σ
  | MovFromCr4 d => v ← read_control c σ CR4; Ok (set_reg d v σ)
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
