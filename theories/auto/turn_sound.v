(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export turn enter_sound scope_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Steps of the proof, with the values that they meet. *)

Section turn_sound.
  Context {Π : the_platform}.

  Lemma sturn_names base code g s ν s' owed learned ν' :
    sturn base code g s ν = Done (s', owed, learned, ν') → ∃ k, ν' = unknowns k ν.
  Proof using Type.
    assert (∀ g, sghost g s ν = Done (s', owed, learned, ν') → ∃ k, ν' = unknowns k ν) as Hg.
    { intros g0 ->%sghost_names. by exists 0%nat. }
    destruct g; try (rewrite /sturn; apply Hg); rewrite /sturn.
    { intros ([s1 facts] & _ & [= <- <- <- <-])%res_bind_Done. by exists 0%nat. }
    destruct (take_any _ _) as [[[q blk] rest]|]; [|apply Hg]. simpl. intros [= <- <- <- <-]. by exists 1%nat.
  Qed.

  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list).
  Local Notation den := (denote base code).
  Local Notation hold ρ := (Forall (holds ρ)).
  Local Notation SI := state_interp.

  Lemma take_any_sound ρ n l q b l' :
    take_any n l = Some (q, b, l') → eval ρ (sb_count b) = eval ρ (ECst 1) →
    ditems ρ l ⊢ ∃ v, dword (sblock_map (eval ρ) b).(sb_space) (feval ρ q) (eval ρ (sb_addr b)) v ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_any. destruct (take_block n l) as [[[q0 b0] l0]|] eqn:Hb; [|done].
    destruct (sb_fill b0) eqn:Hf; [done|]. intros [= <- <- <-] Hn.
    apply (f_equal bv_unsigned) in Hn. rewrite eval_cst // in Hn.
    rewrite (take_block_sound _ _ _ _ _ Hb) /dblock /= block_words_one // big_sepL_singleton Hf /=.
    iIntros "[(%v & H) $]". by iExists v.
  Qed.
  Lemma item_put_scoped ok n i l :
    forallb (item_scoped ok) l = true → item_scoped ok i = true → forallb (item_scoped ok) (item_put n i l) = true.
  Proof using Type.
    revert n. induction l as [|j l IH]; intros [|n]; simpl; [done..| |];
      intros [Hj Hl]%andb_true_iff Hi; [by rewrite Hi Hl|by rewrite Hj IH].
  Qed.
  Lemma take_any_scoped ok n l q b l' :
    take_any n l = Some (q, b, l') → forallb (item_scoped ok) l = true →
    forallb (item_scoped ok) l' = true ∧ expr_scoped ok (sb_addr b) = true ∧
    match sb_space b with Some (_, r) => expr_scoped ok r = true | None => True end.
  Proof using Type.
    rewrite /take_any /take_block. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_block k es) as [b0|] eqn:Hb; [|done]. destruct (sb_fill b0) eqn:Hf; [done|].
    intros [= <- <- <-] Hl. split; [by apply item_put_scoped|].
    rewrite forallb_forall in Hl. specialize (Hl _ (nth_error_In _ _ Hn)). rewrite /item_scoped /= in Hl.
    destruct k as [|[w|] []|]; repeat (destruct es as [|? es]; try done);
      simpl in Hb; simplify_eq; simpl in Hl |- *;
      repeat match goal with H : _ && _ = true |- _ => apply andb_true_iff in H as [? H] end; done.
  Qed.

  (** There are values for the new names. *)
  Lemma sturn_sound g s ν s' owed learned k ρ σ :
    sturn base code g s ν = Done (s', owed, learned, unknowns k ν) →
    (k = 0%nat ∨ expr_scoped (below (n_next ν)) base = true ∧ state_scoped (below (n_next ν)) s = true) →
    hold ρ owed →
    SI σ -∗ den ρ s ==∗
    SI σ ∗ ∃ vs, ⌜length vs = k⌝ ∗ den (env_sets ρ (next_names k (n_next ν)) vs) s' ∗
      ⌜hold (env_sets ρ (next_names k (n_next ν)) vs) learned⌝.
  Proof using Type.
    intros Hg Hscoped Howed.
    assert (∀ g, sghost g s ν = Done (s', owed, learned, unknowns k ν) →
      SI σ -∗ den ρ s ==∗
      SI σ ∗ ∃ vs, ⌜length vs = k⌝ ∗ den (env_sets ρ (next_names k (n_next ν)) vs) s' ∗
        ⌜hold (env_sets ρ (next_names k (n_next ν)) vs) learned⌝) as Hghost.
    { clear Hg g. intros g Hg. pose proof (sghost_names _ _ _ _ _ _ _ Hg) as Hk.
      assert (k = 0%nat) as ->.
      { destruct k as [|k]; [done|]. pose proof (unknowns_next k (unknown ν).2) as Hle.
        apply (f_equal n_next) in Hk. simpl in *. lia. }
      iIntros "HS Hden". iMod (sghost_sound with "HS Hden") as "[$ [Hden %Hl]]"; [exact Hg|done|].
      iModIntro. iExists []. by iFrame. }
    destruct g; try (by apply (Hghost _ Hg));
      rewrite /sturn in Hg.
    { clear Hghost. apply res_bind_Done in Hg as ([s1 facts] & Hs & [= <- <- <- Hk]).
      assert (k = 0%nat) as ->.
      { destruct k as [|k]; [done|]. pose proof (unknowns_next k (unknown ν).2) as Hle.
        apply (f_equal n_next) in Hk. simpl in *. lia. }
      iIntros "HS Hden". iMod (senter_sound with "HS Hden") as "[$ Hden]"; [exact Hs|done|].
      iModIntro. iExists []. simpl. by iFrame. }
    destruct (take_any _ _) as [[[q blk] rest]|] eqn:Hany; [|by apply (Hghost _ Hg)]. clear Hghost.
    cbv zeta in Hg. injection Hg as <- <- <- Hk.
    assert (k = 1%nat) as ->.
    { destruct k as [|[|k]]; [apply (f_equal n_next) in Hk; simpl in Hk; lia|done|].
      pose proof (unknowns_next k (unknown (unknown ν).2).2) as Hle.
      apply (f_equal n_next) in Hk. simpl in *. lia. }
    destruct Hscoped as [|[Hbase Hs]]; [done|]. apply owe_hold in Howed.
    pose proof Hs as [[[[Hroot Hregs]%andb_true_iff Hitems]%andb_true_iff Hcode]%andb_true_iff _]%andb_true_iff.
    iIntros "$ ([Hc %HM] & Hr & Hi & Hcode)".
    iDestruct (take_any_sound _ _ _ _ _ _ Hany Howed with "Hi") as (v) "[Hw Hi]". iModIntro. iExists [v].
    iSplit; [done|]. iSplit; [|done]. rewrite /= /env_sets /=.
    assert (env_agree (below (n_next ν)) ρ (env_set ρ (n_next ν) v)) as Hag by by apply env_set_agree, below_ge.
    destruct (take_any_scoped _ _ _ _ _ _ Hany Hitems) as (Hl & Ha & Hsp).
    rewrite /denote /droot /dparts /=.
    rewrite -(eval_agree _ _ _ Hag _ Hroot) -(dregs_agree _ _ _ Hag _ Hregs).
    rewrite -(dcode_agree _ _ _ Hag _ _ _ Hbase Hcode). iFrame "Hc Hr Hcode". iSplit; [done|].
    rewrite -ditems_put -(ditems_agree _ _ _ Hag _ Hl). iFrame "Hi".
    destruct blk as [[[w r]|] a cnt fill]; simpl in *.
    - rewrite -(eval_agree _ _ _ Hag _ Hsp) -(eval_agree _ _ _ Hag _ Ha) -(feval_agree _ _ _ Hag).
      rewrite env_word_set decide_True //.
    - rewrite -(eval_agree _ _ _ Hag _ Ha) -(feval_agree _ _ _ Hag). rewrite env_word_set decide_True //.
  Qed.
End turn_sound.
