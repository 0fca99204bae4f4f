(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export sound holes_sound ghost.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Blocks are divided, joined and filled. *)

Section blocks.
  Context {M : machine} `{!machGS M Σ} {ρ : env}.
  Local Notation hold := (Forall (holds ρ)).

  Lemma take_block_sound n l q b l' :
    take_block n l = Done (q, b, l') →
    ditems ρ l ⊢ dblock ρ (feval ρ q) (sblock_map (eval ρ) b) ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_block. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_block k es) as [b0|] eqn:Hb; [|done]. intros [= <- <- <-].
    by rewrite {1}(ditems_take _ _ _ Hn) (ditem_open_block _ _ _ _ _ Hb).
  Qed.
  Lemma block_words_app (a n m : word) :
    bv_unsigned n + bv_unsigned m < 2 ^ 64 →
    block_words a (bv_add n m) = block_words a n ++ block_words (a `+Z` (8 * bv_unsigned n)) m.
  Proof using Type.
    intros Hnm. pose proof (bv_unsigned_in_range _ n) as [Hn _]. pose proof (bv_unsigned_in_range _ m) as [Hm _].
    rewrite /block_words bv_add_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
    rewrite Z2Nat.inj_add // seq_app map_app. f_equal. rewrite (Nat.add_comm 0) -fmap_add_seq map_map.
    apply map_ext. intros i. rewrite bv_add_Z_assoc. f_equal. lia.
  Qed.
  Lemma block_words_one (a n : word) : bv_unsigned n = 1 → block_words a n = [a].
  Proof using Type. intros Hn. by rewrite /block_words Hn /= bv_add_Z_0. Qed.
  Lemma block_words_none (a n : word) : bv_unsigned n = 0 → block_words a n = [].
  Proof using Type. intros Hn. by rewrite /block_words Hn. Qed.
  Definition fill_behind (x : option (sfill word)) (n : word) : option (sfill word) :=
    match x with Some (FArr x start) => Some (FArr x (bv_add start n)) | _ => x end.
  Lemma fill_from_map x n :
    sfill_map (eval ρ) (fill_from x n) = fill_behind (sfill_map (eval ρ) x) (eval ρ n).
  Proof using Type. destruct x as [[v|y start]|]; simpl; [done| |done]. by rewrite eval_mk_op. Qed.
  Lemma fill_behind_word x (n : word) i :
    fill_word (env_array ρ) (fill_behind x n) i = fill_word (env_array ρ) x (bv_unsigned n + i).
  Proof using Type.
    destruct x as [[v|y start]|]; cbn [fill_behind fill_word]; [done| |done].
    assert (bv_add start n = start `+Z` bv_unsigned n) as -> by by rewrite -bv_add_cst Z_to_bv_bv_unsigned.
    by rewrite bv_add_Z_assoc.
  Qed.
  (** A block and the one behind it. *)
  Lemma dblock_app q sp a n m fill :
    bv_unsigned n + bv_unsigned m < 2 ^ 64 →
    dblock ρ q (BlockData sp a (bv_add n m) fill) ⊣⊢
    dblock ρ q (BlockData sp a n fill) ∗
    dblock ρ q (BlockData sp (a `+Z` (8 * bv_unsigned n)) m (fill_behind fill n)).
  Proof using Type.
    intros Hnm. rewrite /dblock /= block_words_app // big_sepL_app. f_equiv.
    apply big_sepL_proper=> i x _. rewrite fill_behind_word {1}/block_words length_map length_seq.
    pose proof (bv_unsigned_in_range _ n) as [Hn _]. by rewrite Nat2Z.inj_add Z2Nat.id.
  Qed.

  Lemma ghost_split_block_sound n i l l' facts :
    ghost_split_block n i l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & [= <- <-])%res_bind_Done Hi%owe_hold. simpl in Hi.
    rewrite (take_block_sound _ _ _ _ _ Hb) ditems_app -ditems_put. cbn [ditems]. rewrite !ditem_block.
    destruct b as [sp a cnt fill]. rewrite /sblock_map /= eval_word_at eval_mk_op fill_from_map /=.
    pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as [_ Hr]. pose proof (bv_unsigned_in_range _ (eval ρ i)) as [Hr0 _].
    cbn [sb_count] in Hi. assert (bv_unsigned (bv_sub (eval ρ cnt) (eval ρ i)) = bv_unsigned (eval ρ cnt) - bv_unsigned (eval ρ i)) as Hsub.
    { rewrite bv_sub_unsigned bv_wrap_small //. lia. }
    assert (eval ρ cnt = bv_add (eval ρ i) (bv_sub (eval ρ cnt) (eval ρ i))) as Hcnt.
    { apply bv_eq. rewrite bv_add_unsigned Hsub bv_wrap_small; lia. }
    rewrite {1}Hcnt dblock_app; [|rewrite Hsub; unfold bv_modulus in Hr; lia].
    iIntros "[[$ $] $]".
  Qed.
  Lemma same_space_sound sp sp' :
    same_space sp sp' = true →
    match sp with Some (w, r) => Some (w, eval ρ r) | None => None end =
    match sp' with Some (w, r) => Some (w, eval ρ r) | None => None end.
  Proof using Type.
    destruct sp as [[w r]|], sp' as [[w' r']|]; simpl; try done.
    by intros [->%eqb_prop ->%expr_eqb_true]%andb_true_iff.
  Qed.
  Lemma same_fill_sound x y facts :
    same_fill x y = Some facts → hold facts → sfill_map (eval ρ) x = sfill_map (eval ρ) y.
  Proof using Type.
    destruct x as [[v|z i]|], y as [[v'|z' j]|]; simpl; try done.
    - intros [= <-] Hv%owe_hold. simpl in Hv. by rewrite Hv.
    - destruct (Pos.eqb_spec z z') as [->|]; [|done]. intros [= <-] Hv%owe_hold. simpl in Hv. by rewrite Hv.
  Qed.
  Lemma ghost_join_blocks_sound n m l l' facts :
    ghost_join_blocks n m l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & ([[q' c] l1] & Hc & H)%res_bind_Done)%res_bind_Done. revert H.
    destruct (fexpr_eqb q q' && _) eqn:Hq; [|done]. apply andb_true_iff in Hq as [->%fexpr_eqb_true Hsp%same_space_sound].
    destruct (same_fill _ _) as [facts0|] eqn:Hfill; [|done]. intros [= <- <-] [Ha [Hn Hf]%holds_owe]%holds_owe.
    apply (same_fill_sound _ _ _ Hfill) in Hf. rewrite fill_from_map in Hf. simpl in Ha, Hn.
    rewrite (take_block_sound _ _ _ _ _ Hb) (take_block_sound _ _ _ _ _ Hc) -ditems_remove -ditems_put ditem_block.
    destruct b as [sp a cnt fill], c as [sp' a' cnt' fill']. simpl in *. rewrite /sblock_map /=.
    rewrite eval_mk_op /= in Hn |- *. rewrite -Hsp -Hf Ha eval_word_at dblock_app.
    - iIntros "($ & $ & $)".
    - rewrite bv_add_unsigned in Hn. unfold bv_wrap, bv_modulus in Hn. change (2 ^ Z.of_N 64) with (2 ^ 64) in Hn.
      pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as Hr. pose proof (bv_unsigned_in_range _ (eval ρ cnt')) as Hr'.
      unfold bv_modulus in Hr, Hr'. change (2 ^ Z.of_N 64) with (2 ^ 64) in Hr, Hr'.
      destruct (Z.ltb_spec (bv_unsigned (eval ρ cnt) + bv_unsigned (eval ρ cnt')) (2 ^ 64)); [done|].
      rewrite -(Z.mod_unique_pos _ _ 1 (bv_unsigned (eval ρ cnt) + bv_unsigned (eval ρ cnt') - 2 ^ 64)) in Hn; lia.
  Qed.
  Lemma dblock_one q b n v :
    bv_unsigned n = 1 → n = eval ρ (sb_count b) → fill_at (sb_fill b) (ECst 0) = Some v →
    dblock ρ q (sblock_map (eval ρ) b) ⊣⊢
    dword (sb_space (sblock_map (eval ρ) b)) q (eval ρ (sb_addr b)) (eval ρ v).
  Proof using Type.
    intros Hn -> Hv. rewrite /dblock /= block_words_one // big_sepL_singleton.
    pose proof (fill_at_word ρ (sb_fill b) (ECst 0)) as Hw. rewrite Hv eval_cst // in Hw.
    change (Z.of_nat 0) with 0. by rewrite Hw.
  Qed.
  Lemma ghost_word_sound n l l' facts :
    ghost_word n l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & H)%res_bind_Done. revert H.
    destruct (fill_at (sb_fill b) (ECst 0)) as [v|] eqn:Hv; [|done].
    intros [= <- <-] Hn%owe_hold. apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put (dblock_one _ _ _ _ Hn eq_refl Hv).
    by destruct b as [[[w r]|] a cnt fill].
  Qed.
  Lemma ghost_block_sound n l l' : ghost_block n l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_block. destruct (nth_error l n) as [[w r a q v|a q v| |]|] eqn:Hn; try done;
      intros [= <-]; rewrite {1}(ditems_acc _ _ _ _ Hn); iIntros "[Hi Hl]"; iApply "Hl";
      rewrite ditem_block /dblock /= block_words_one //; by rewrite big_sepL_singleton.
  Qed.
  Lemma ghost_forget_sound n l l' : ghost_forget n l = Done l' → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & [= <-])%res_bind_Done.
    rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put ditem_block.
    iIntros "[Hb $]". rewrite /dblock /=. iApply (big_sepL_impl with "Hb"). iIntros "!>" (i a _) "H".
    destruct (sb_fill b) as [[v|x start]|]; simpl; [by iExists _..|done].
  Qed.
  Lemma ghost_array_sound n x i l l' facts :
    ghost_array n x i l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    intros ([[q b] l0] & Hb & H)%res_bind_Done. revert H.
    destruct (fill_at (sb_fill b) (ECst 0)) as [v|] eqn:Hv; [|done].
    intros [= <- <-] [Hn Hi%owe_hold]%holds_owe. apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    simpl in Hi. rewrite (take_block_sound _ _ _ _ _ Hb) -ditems_put ditem_block.
    rewrite (dblock_one _ _ _ _ Hn eq_refl Hv). destruct b as [sp a cnt fill]. simpl in Hn |- *.
    rewrite (dblock_one _ (BlockData sp a cnt (Some (FArr x i))) _ (ESel x (mk_op AluAdd i (ECst 0))) Hn) //.
    cbn [eval]. rewrite eval_mk_op /= bv_add_cst bv_add_Z_0 Hi. done.
  Qed.
  Lemma ghost_empty_sound k es l l' facts :
    ghost_empty k es l = Done (l', facts) → hold facts → ditems ρ l ⊢ ditems ρ l'.
  Proof using Type.
    rewrite /ghost_empty. destruct (open_block k es) as [b|]; [|done]. intros [= <- <-] Hn%owe_hold.
    apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    rewrite ditems_app. cbn [ditems]. rewrite ditem_block /dblock /= block_words_none //=. iIntros "$". done.
  Qed.
End blocks.
