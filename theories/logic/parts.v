(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.machine Require Export parts.
From rocqgen.logic Require Export memory.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Stores into a part of a word that is owned. *)

Lemma write_bytes_take m pas bs n :
  length pas = n → write_bytes m pas bs = write_bytes m pas (take n bs).
Proof.
  revert m bs n. induction pas as [|pa pas IH]; intros m bs n; [done|].
  intros <-. destruct bs as [|b bs]; [done|]. by apply IH.
Qed.
Lemma translated_drop τ a va pas1 pas2 n :
  length pas1 = n → translated τ a va (pas1 ++ pas2) → translated τ a (va `+Z` Z.of_nat n) pas2.
Proof.
  intros Hn Hτ i pa Hi. rewrite bv_add_Z_assoc -Nat2Z.inj_add. apply Hτ.
  rewrite lookup_app_r; [|lia]. by rewrite Hn Nat.add_comm Nat.add_sub.
Qed.
Lemma translated_take τ a va pas1 pas2 :
  translated τ a va (pas1 ++ pas2) → translated τ a va pas1.
Proof. intros Hτ i pa Hi. apply Hτ. by apply lookup_app_l_Some. Qed.

Section parts.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va v : word) (pas : list Z).

  Lemma store_bytes_translated σ w va pas bs v :
    length bs = width_bytes w →
    state_interp σ -∗ phys_bytes pas 1 bs ==∗
    ∃ m, ⌜∀ τ, translated τ Write va pas → store_value τ w (st_mem σ) va v = Ok m⌝ ∗
      state_interp (set_mem m σ) ∗ phys_bytes pas 1 (take (width_bytes w) (word_bytes v)).
  Proof using Type.
    iIntros (Hlen) "HS Hp". iDestruct (phys_bytes_lookup with "HS Hp") as %Hm.
    iDestruct (big_sepL2_length with "Hp") as %Hpas. rewrite Hlen in Hpas.
    iMod (write_bytes_sound _ _ _ (take (width_bytes w) (word_bytes v)) with "HS Hp") as "[HS Hp]".
    { rewrite Hlen. apply length_take_le. rewrite word_bytes_length. destruct w; simpl; lia. }
    iModIntro. iExists _. iFrame "HS Hp". iPureIntro. intros τ Hτ.
    pose proof (store_targets_ok τ (st_mem σ) va pas Hτ) as Hl. rewrite Hpas in Hl.
    rewrite /store_value Hl /=; [by rewrite (write_bytes_take _ _ _ _ Hpas)|].
    apply Forall_lookup. intros i pa Hi.
    destruct (Forall2_lookup_l _ _ _ _ _ Hm Hi) as (b & _ & Hb). by exists b.
  Qed.
  Lemma store_part_translated σ w k va pas old v :
    part_fits w k →
    state_interp σ -∗ phys_bytes pas 1 (word_bytes old) ==∗
    ∃ m, ⌜∀ τ, translated τ Write va pas → store_value τ w (st_mem σ) (va `+Z` k) v = Ok m⌝ ∗
      state_interp (set_mem m σ) ∗ phys_bytes pas 1 (word_bytes (insert_part w k old v)).
  Proof using Type.
    intros Hfit. pose proof Hfit as [Hk Hle]. rewrite -(Z2Nat.id k) // in Hfit Hle |- *.
    set (j := Z.to_nat k) in *. rewrite (insert_part_bytes _ _ _ _ Hfit).
    rewrite -{1}(take_drop j (word_bytes old)) -{1}(take_drop (width_bytes w) (drop j (word_bytes old))).
    rewrite drop_drop. iIntros "HS Hp".
    iDestruct (big_sepL2_app_inv_r with "Hp") as (pas1 pas' ->) "[Hp1 Hp]".
    iDestruct (big_sepL2_app_inv_r with "Hp") as (pas2 pas3 ->) "[Hp2 Hp3]".
    iDestruct (big_sepL2_length with "Hp1") as %Hlen. rewrite length_take word_bytes_length Nat.min_l in Hlen;
      [|lia].
    iMod (store_bytes_translated _ w (va `+Z` Z.of_nat j) _ _ v with "HS Hp2") as (m Hm) "[HS Hp2]".
    { rewrite length_take length_drop word_bytes_length. lia. }
    iModIntro. iExists m. iFrame "HS". iSplit.
    - iPureIntro. intros τ Hτ. apply Hm. eapply translated_take, translated_drop; [exact Hlen|exact Hτ].
    - rewrite /phys_bytes. iApply (big_sepL2_app with "Hp1 [Hp2 Hp3]").
      iApply (big_sepL2_app with "Hp2 Hp3").
  Qed.
End parts.
