(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Import x86_64 step.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Random states for one instruction, made here from a seed as `bench/agreement/rocq.py` makes them,
    and a digest of what [exec_next] gives for all of them. *)

(** * Numbers: xorshift with 64 bits, with a liking for boundaries *)
Definition mask64 := 2 ^ 64 - 1.
Definition next (x : Z) : Z :=
  let x := Z.lxor x (Z.land (x ≪ 13) mask64) in
  let x := Z.lxor x (x ≫ 7) in
  Z.lxor x (Z.land (x ≪ 17) mask64).
(** Lists have a power of two as their length: division is slow here. *)
Definition pick (xs : list Z) (x : Z) : Z :=
  nth (Z.to_nat (Z.land x (Z.of_nat (length xs) - 1))) xs 0.
Definition value (pool : list Z) (x : Z) : Z := if Z.land x 7 <? 5 then pick pool (x ≫ 3) else x.
Fixpoint draw (n : nat) (x : Z) : list Z * Z :=
  match n with
  | O => ([], x)
  | S n => let x := next x in let '(xs, y) := draw n x in (x :: xs, y)
  end.

(** * States *)
Record form := Form {
  f_instr : instr;
  f_length : Z;
  f_user : bool;
  f_memory : bool;                     (* whether it accesses memory *)
  f_pins : list (reg * list Z);        (* registers that need certain values *)
  f_place : option (reg * addr);       (* the base that is free, and its operand *)
  f_targets : list Z;                  (* where the operand may be *)
  f_equal : option operand;            (* what the accumulator is to be equal to, now and then *)
}.

Definition origin := 0x400000.
Definition window := 0x200fe0.
Definition all_gprs : list reg :=
  [RAX; RCX; RDX; RBX; RSP; RBP; RSI; RDI; R8; R9; R10; R11; R12; R13; R14; R15].
Definition w64 (z : Z) : word :=
  match Z_to_bv_checked 64 z with Some w => w | None => Z_to_bv 64 z end.

Definition flag (x k : Z) : option bool :=
  if Z.land (x ≫ (8 * k)) 7 =? 0 then None else Some (Z.testbit x (8 * k + 3)).
Definition flags_from (x : Z) : flags := Flags (flag x 0) (flag x 1) (flag x 2) (flag x 3) (flag x 4).

Definition cached : tlb :=
  [TlbEntry 0x200 (Leaf 0x5000 12 all_rights); TlbEntry 0x201 (Leaf 0x6000 12 all_rights);
   TlbEntry 1 (Leaf 0x200000 21 all_rights); TlbEntry 0x400 (Leaf 0x7000 12 all_rights)].

Definition put (σ : state) (r : reg) (z : Z) : state := set_reg r (w64 z) σ.
Definition memory_from (ws : list Z) : memory :=
  foldr (λ x m, write_bytes m (seqZ (window + 8 * x.1) 8) (word_bytes (w64 (x.2)))) ∅
    (zip (seqZ 0 8) ws).

Definition place (f : form) (x : Z) (σ : state) : state :=
  match f_place f with
  | None => σ
  | Some (r, a) =>
    match effective_address (put σ r 0) a with
    | Ok va => put σ r (pick (f_targets f) x - bv_unsigned va)
    | _ => σ
    end
  end.
Definition equalize (f : form) (x : Z) (σ : state) : state :=
  match f_equal f with
  | Some (OReg r) => if Z.testbit x 0 then set_reg RAX (default (w64 0) (st_regs σ !! r)) σ else σ
  | Some _ =>
    if Z.testbit x 0 then
      let a := bv_unsigned (default (w64 0) (st_regs σ !! RAX)) in
      set_mem (memory_from [a; a; a; a; a; a; a; a]) σ
    else σ
  | None => σ
  end.

(** Registers and memory are a window of 24 numbers, which moves on by three for each state. *)
Definition start (pool : list Z) (f : form) (numbers : list Z) (mixed choices : Z) : state :=
  let values := value pool <$> numbers in
  let m := if f_memory f then memory_from (drop 16 values) else ∅ in
  let σ := State (w64 origin) ∅ (flags_from mixed) m cached in
  let σ := foldl (λ σ rv, put σ rv.1 rv.2) σ (zip all_gprs values) in
  let σ := put (put (put σ CR0 0x80050033) CR3 0x5000) CR4 0x300020 in
  let σ := foldl (λ σ rv, put σ rv.1 (pick rv.2 choices)) σ (f_pins f) in
  equalize f (choices ≫ 16) (place f (choices ≫ 8) σ).

(** * Results *)
Definition translate : translator := λ a va,
  let z := bv_unsigned va in
  match a with
  | Fetch => Ok z
  | _ => if (window <=? z) && (z <? window + 80) then Ok z
         else Fault (PageFault (FaultCode false (match a with Write => true | _ => false end)
                                  false false false) va)
  end.

Definition flag_digit (f : option bool) : Z :=
  match f with None => 2 | Some true => 1 | Some false => 0 end.
Definition digits (memory : bool) (σ : state) : list Z :=
  bv_unsigned (st_rip σ)
  :: ((λ r, match st_regs σ !! r with Some v => bv_unsigned v | None => 7 end) <$> all_regs)
  ++ (flag_digit <$> [fl_cf (st_flags σ); fl_pf (st_flags σ); fl_zf (st_flags σ);
                      fl_sf (st_flags σ); fl_of (st_flags σ)])
  ++ (if memory then
        (λ k, match read_word (st_mem σ) (window + 8 * k) with
              | Some w => bv_unsigned w | None => 7 end) <$> seqZ 0 8
      else [])
  ++ (te_page <$> st_tlb σ).
Definition report (memory : bool) (r : result state) : list Z :=
  match r with
  | Ok σ => 1 :: digits memory σ
  | Fault (PageFault c va) => [2; if fc_write c then 1 else 0; bv_unsigned va]
  | Fault GeneralProtection => [3]
  | Stuck (UnbackedMemory pa) => [4; pa]
  | Stuck UndefinedFlag => [5]
  | Stuck ModeChange => [6]
  | Stuck _ => [7]
  end.
Definition absorb (h : Z) (xs : list Z) : Z := Z.land (foldl (λ h x, 5 * h + x) h xs) mask64.

Definition config_of (user : bool) : config :=
  let c := x86_kernel 52 in
  Config (cfg_mode c) user (cfg_wp c) (cfg_smep c) (cfg_smap c) (cfg_nxe c).
Definition machine_of (f : form) : machine :=
  Machine (config_of (f_user f)) {[origin := (f_instr f, f_length f)]}.

Fixpoint digest (pool : list Z) (f : form) (n : nat) (numbers : list Z) (x h : Z) : Z :=
  match n with
  | O => h
  | S n =>
    let '(fresh, x) := draw 5 x in
    match fresh with
    | mixed :: choices :: fresh =>
      let numbers := drop 3 numbers ++ fresh in
      let σ := start pool f numbers mixed choices in
      let r := exec_next (machine_of f) translate σ in
      digest pool f n numbers x (absorb h (report (f_memory f) r))
    | _ => h
    end
  end.

(** The numbers of the forms whose digest is another one than is expected. *)
Definition differing (pool : list Z) (forms : list (Z * form * nat * Z * Z)) : list Z :=
  omap (λ '(k, f, n, seed, expected),
    let '(numbers, x) := draw 24 seed in
    if digest pool f n numbers x 0 =? expected then None else Some k) forms.
