(* SPDX-License-Identifier: Apache-2.0 *)
From Coq Require Import PrimString Uint63.
From stdpp Require Import gmap list strings.
From rocqgen.machine Require Import layout_mode.
Local Open Scope Z_scope.

(** Vectors that test_models.py makes, replayed.  A vector is a primitive string of hexadecimal digits,
    sixteen for each number: Coq reads it a thousand times faster than numbers in [Z]. *)

Definition digit (c : int) : int := (if c <? 97 then c - 48 else c - 87)%uint63.
Fixpoint digits (s : PrimString.string) (n : nat) (i acc : int) : int :=
  match n with
  | O => acc
  | S n => digits s n (i + 1) (16 * acc + digit (PrimString.get s i))%uint63
  end.
Fixpoint numbers (s : PrimString.string) (count : nat) (i : int) : list Z :=
  match count with
  | O => []
  | S count =>
    to_Z (digits s 8 i 0) * 2 ^ 32 + to_Z (digits s 8 (i + 8)%uint63 0)
      :: numbers s count (i + 16)%uint63
  end.

(** Addresses and values of entries, in turn. *)
Fixpoint entries (bytes : Z) (l : list Z) : memory :=
  match l with
  | address :: value :: l =>
    let bs := bv_to_little_endian bytes 8 value in
    foldr (λ x, <[x.1 := x.2]>) (entries bytes l) (zip (seqZ address bytes) bs)
  | _ => ∅
  end.

(** What came of an access: the physical address, and the page's size and rights; or the reason. *)
Definition rights_number (r : rights) : Z :=
  Z.b2z (r_read r) + 2 * Z.b2z (r_write r) + 4 * Z.b2z (r_user r) + 8 * Z.b2z (r_exec r) +
  16 * Z.b2z (r_user_exec r).
Definition reason_number (r : reason) : Z :=
  match r with
  | BadRoot => 1 | NonCanonical => 2 | NoEntry => 3 | Defective ReservedBit => 4
  | Defective HighAddress => 5 | Defective Unaccessed => 6 | Denied => 8 | Clean => 9
  | Defective BadRegister => 15
  end.
Definition answer (o : outcome) : Z * Z :=
  match o with
  | To pa l => (pa, 256 * leaf_shift l + rights_number (leaf_rights l))
  | Refused why => (0, reason_number why)
  | Unknown => (0, 10)
  end.

Section replay.
  Context (translate : controls → Z → memory → word → bool → access → word → outcome).
  Context (names : list string) (bytes : Z).

  Definition replay (v : PrimString.string) : bool :=
    match numbers v (Z.to_nat (to_Z (PrimString.length v) / 16)) 0 with
    | mask :: physical :: user :: access :: root :: va :: pa :: more :: tables =>
      let on name := existsb (λ x, x) (imap (λ i x, String.eqb name x && Z.testbit mask i) names) in
      let a := if access =? 0 then Read else if access =? 1 then Write else Fetch in
      bool_decide (answer (translate on physical (entries bytes tables) (Z_to_bv 64 root)
        (user =? 1) a (Z_to_bv 64 va)) = (pa, more))
    | _ => false
    end.

  (** The places of those that disagree. *)
  Definition disagreements (l : list PrimString.string) : list nat :=
    concat (imap (λ i v, if replay v then [] else [i]) l).
End replay.
