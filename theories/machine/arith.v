(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list.
From rocqgen.machine Require Export instr.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Values and flags of operations at every width: SDM vol. 2.

    An operand of a narrow width is a word below [2 ^ width_bits w].  A flag that the manual leaves
    undefined is [None]; AF is not modelled, since nothing here reads it. *)

Record flags := Flags {
  fl_cf : option bool; fl_pf : option bool; fl_zf : option bool; fl_sf : option bool;
  fl_of : option bool }.

(** * Narrow values *)
Definition width_mask (w : width) : word := Z_to_bv 64 (Z.ones (width_bits w)).
Definition trunc (w : width) (v : word) : word :=
  match w with W64 => v | _ => bv_and v (width_mask w) end.
(** What is above the low bits of [old] stays. *)
Definition merge_low (w : width) (old v : word) : word :=
  bv_or (bv_and old (Z_to_bv 64 (- 2 ^ width_bits w))) (trunc w v).
(** What a write leaves in a register: one of 32 bits clears the upper half. *)
Definition written (w : width) (old v : word) : word :=
  match w with W64 | W32 => trunc w v | W16 | W8 => merge_low w old v end.
Definition msb (w : width) (v : word) : bool := Z.testbit (bv_unsigned v) (width_bits w - 1).
(** Sign extension: flips the sign bit, and takes it off again. *)
Definition sext (w : width) (v : word) : word :=
  match w with
  | W64 => v
  | _ => let s := Z_to_bv 64 (2 ^ (width_bits w - 1)) in bv_sub (bv_xor v s) s
  end.
Definition signed (w : width) (v : word) : Z :=
  if msb w v then bv_unsigned v - 2 ^ width_bits w else bv_unsigned v.

(** * Values *)
Definition rotate (n a k : Z) : word := Z_to_bv 64 (Z.lor (a ≪ k) (a ≫ (n - k))).
Definition shift_count (b : word) : Z := bv_unsigned b `mod` 64.

(** At 64 bits. *)
Definition alu_value (op : alu) (a b : word) : word :=
  match op with
  | AluAdd => bv_add a b
  | AluSub => bv_sub a b
  | AluAnd => bv_and a b
  | AluOr => bv_or a b
  | AluXor => bv_xor a b
  | AluShl => Z_to_bv 64 (bv_unsigned a ≪ shift_count b)
  | AluShr => Z_to_bv 64 (bv_unsigned a ≫ shift_count b)
  | AluSar => Z_to_bv 64 (bv_signed a ≫ shift_count b)
  | AluRol => rotate 64 (bv_unsigned a) (shift_count b)
  | AluRor => rotate 64 (bv_unsigned a) (64 - shift_count b)
  | AluMul => bv_mul a b
  end.

(** Below 64 bits, counts are taken modulo 32, whatever the width. *)
Definition narrow_count (b : word) : word := bv_and b (Z_to_bv 64 31).
Definition alu_at (w : width) (op : alu) (a b : word) : word :=
  match w with
  | W64 => alu_value op a b
  | _ =>
    let k := bv_unsigned (narrow_count b) `mod` width_bits w in
    trunc w
      match op with
      | AluShl | AluShr => alu_value op a (narrow_count b)
      | AluSar => alu_value op (sext w a) (narrow_count b)
      | AluRol => rotate (width_bits w) (bv_unsigned a) k
      | AluRor => rotate (width_bits w) (bv_unsigned a) (width_bits w - k)
      | _ => alu_value op a b
      end
  end.
Definition carry_word (c : bool) : word := Z_to_bv 64 (Z.b2z c).
Definition adc_at (w : width) (c : bool) (a b : word) : word :=
  trunc w (bv_add (bv_add a b) (carry_word c)).
Definition sbb_at (w : width) (c : bool) (a b : word) : word :=
  trunc w (bv_sub (bv_sub a b) (carry_word c)).
Definition unary_at (w : width) (op : unary) (a : word) : word :=
  match op with
  | UnInc => alu_at w AluAdd a (Z_to_bv 64 1)
  | UnDec => alu_at w AluSub a (Z_to_bv 64 1)
  | UnNeg => alu_at w AluSub (Z_to_bv 64 0) a
  | UnNot => alu_at w AluXor a (width_mask w)
  end.

(** * Flags *)
Definition parity (v : word) : bool :=
  negb (foldr xorb false (Z.testbit (bv_unsigned v) <$> [0; 1; 2; 3; 4; 5; 6; 7])).
Definition result_flags (w : width) (v : word) (cf ovf : option bool) : flags :=
  Flags cf (Some (parity v)) (Some (bv_unsigned v =? 0)) (Some (msb w v)) ovf.

(** [v] is the result of [a + b + c], of [a - b - c]. *)
Definition add_flags (w : width) (c : bool) (a b v : word) : flags :=
  result_flags w v (Some (2 ^ width_bits w <=? bv_unsigned a + bv_unsigned b + Z.b2z c))
    (Some (eqb (msb w a) (msb w b) && negb (eqb (msb w v) (msb w a)))).
Definition sub_flags (w : width) (c : bool) (a b v : word) : flags :=
  result_flags w v (Some (bv_unsigned a <? bv_unsigned b + Z.b2z c))
    (Some (negb (eqb (msb w a) (msb w b)) && negb (eqb (msb w v) (msb w a)))).

(** OF is defined after shifts and rotates by 1 alone; CF is not after shl and shr by the width or more,
    which is possible below 32 bits. *)
Definition alu_flags (w : width) (op : alu) (a b : word) (f : flags) : flags :=
  let v := alu_at w op a b in
  let n := width_bits w in
  let k := bv_unsigned b `mod` (match w with W64 => 64 | _ => 32 end) in
  let when_1 x := if k =? 1 then Some x else None in
  let shifted cf ovf := if k =? 0 then f else result_flags w v cf (when_1 ovf) in
  let rotated cf ovf :=
    if k =? 0 then f else Flags (Some cf) (fl_pf f) (fl_zf f) (fl_sf f) (when_1 ovf) in
  match op with
  | AluAdd => add_flags w false a b v
  | AluSub => sub_flags w false a b v
  | AluAnd | AluOr | AluXor => result_flags w v (Some false) (Some false)
  | AluShl =>
    let cf := Z.testbit (bv_unsigned a) (n - k) in
    shifted (if k <? n then Some cf else None) (xorb (msb w v) cf)
  | AluShr => shifted (if k <? n then Some (Z.testbit (bv_unsigned a) (k - 1)) else None) (msb w a)
  | AluSar => shifted (Some (Z.testbit (signed w a) (k - 1))) false
  | AluRol => let cf := Z.testbit (bv_unsigned v) 0 in rotated cf (xorb (msb w v) cf)
  | AluRor => rotated (msb w v) (xorb (msb w v) (Z.testbit (bv_unsigned v) (n - 2)))
  | AluMul =>
    let lost := negb (signed w a * signed w b =? signed w v) in
    Flags (Some lost) None None None (Some lost)
  end.
Definition unary_flags (w : width) (op : unary) (a : word) (f : flags) : flags :=
  let v := unary_at w op a in
  let one := Z_to_bv 64 1 in
  let keep_cf g := Flags (fl_cf f) (fl_pf g) (fl_zf g) (fl_sf g) (fl_of g) in
  match op with
  | UnInc => keep_cf (add_flags w false a one v)
  | UnDec => keep_cf (sub_flags w false a one v)
  | UnNeg => sub_flags w false (Z_to_bv 64 0) a v
  | UnNot => f
  end.

(** * Single bits: the number is taken modulo the width *)
Definition bit_number (w : width) (i : word) : Z := bv_unsigned i `mod` width_bits w.
Definition bit_at (w : width) (op : bit_op) (a i : word) : word :=
  let m := Z_to_bv 64 (2 ^ bit_number w i) in
  match op with
  | BitTest => a
  | BitSet => bv_or a m
  | BitReset => bv_and a (bv_xor m (width_mask w))
  | BitComplement => bv_xor a m
  end.
Definition bit_flags (w : width) (a i : word) (f : flags) : flags :=
  Flags (Some (Z.testbit (bv_unsigned a) (bit_number w i))) None (fl_zf f) None None.

(** * Conditions; [None] where one reads an undefined flag *)
Definition cond_holds (c : cond) (f : flags) : option bool :=
  let less := sf ← fl_sf f; ovf ← fl_of f; Some (xorb sf ovf) in
  let below_or_equal := cf ← fl_cf f; zf ← fl_zf f; Some (cf || zf) in
  let less_or_equal := l ← less; zf ← fl_zf f; Some (l || zf) in
  match c with
  | CondO => fl_of f
  | CondNO => negb <$> fl_of f
  | CondB => fl_cf f
  | CondAE => negb <$> fl_cf f
  | CondE => fl_zf f
  | CondNE => negb <$> fl_zf f
  | CondBE => below_or_equal
  | CondA => negb <$> below_or_equal
  | CondS => fl_sf f
  | CondNS => negb <$> fl_sf f
  | CondP => fl_pf f
  | CondNP => negb <$> fl_pf f
  | CondL => less
  | CondGE => negb <$> less
  | CondLE => less_or_equal
  | CondG => negb <$> less_or_equal
  end.
