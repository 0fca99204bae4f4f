(* SPDX-License-Identifier: Apache-2.0 *)
From iris.prelude Require Export prelude.
From stdpp Require Export bitvector.
From iris.prelude Require Import options.

(** Machine words and bytes, and the little-endian bytes of a word.  Physical addresses are integers:
    nothing wraps in physical memory.  Virtual addresses are words, and [va `+Z` i] wraps. *)

Notation word := (bv 64).
Notation byte := (bv 8).

Notation "va `+Z` i" := (bv_add_Z va i) (at level 50).

Local Open Scope Z_scope.

(** The eight bytes of a word, least significant first, and back. *)
Definition word_bytes (w : word) : list byte := bv_to_little_endian 8 8 (bv_unsigned w).
Definition bytes_word (bs : list byte) : word := Z_to_bv 64 (little_endian_to_bv 8 bs).

Lemma word_bytes_length w : length (word_bytes w) = 8%nat.
Proof. rewrite /word_bytes length_bv_to_little_endian; lia. Qed.

Lemma bytes_word_bytes w : bytes_word (word_bytes w) = w.
Proof. by apply Z_to_bv_little_endian_to_bv_to_little_endian. Qed.

Lemma word_bytes_word bs : length bs = 8%nat → word_bytes (bytes_word bs) = bs.
Proof.
  intros Hlen. rewrite /word_bytes /bytes_word Z_to_bv_unsigned bv_wrap_small.
  - apply bv_to_little_endian_to_bv. lia.
  - pose proof (little_endian_to_bv_bound 8 bs) as Hb. rewrite Hlen in Hb. exact Hb.
Qed.

Global Instance word_bytes_inj : Inj (=) (=) word_bytes.
Proof. intros v w Heq. by rewrite -(bytes_word_bytes v) Heq bytes_word_bytes. Qed.

(** Arithmetic with integer offsets. *)
Lemma bv_add_Z_0 (w : word) : w `+Z` 0 = w.
Proof. apply bv_eq. by rewrite bv_add_Z_unsigned Z.add_0_r bv_wrap_bv_unsigned. Qed.

Lemma bv_add_Z_assoc (w : word) i j : w `+Z` i `+Z` j = w `+Z` (i + j).
Proof. apply bv_eq. rewrite !bv_add_Z_unsigned bv_wrap_add_idemp_l. f_equal. lia. Qed.

Lemma bv_add_Z_wrap (w : word) i : w `+Z` bv_wrap 64 i = w `+Z` i.
Proof. apply bv_eq. by rewrite !bv_add_Z_unsigned bv_wrap_add_idemp_r. Qed.

(** Pages of 4 KiB: the granule in which translations are claimed. *)
Definition page (va : word) : Z := bv_unsigned va ≫ 12.
Definition page_offset (va : word) : Z := bv_unsigned va `mod` 4096.

Lemma page_split va : bv_unsigned va = page va * 4096 + page_offset va.
Proof.
  rewrite /page /page_offset Z.shiftr_div_pow2; [|lia].
  change (2 ^ 12) with 4096. pose proof (Z_div_mod_eq_full (bv_unsigned va) 4096). lia.
Qed.
