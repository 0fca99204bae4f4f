(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export spec items_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Scoping, substitution and matching keep meanings: the part of the check's soundness that is not about
    running. *)

(** * Environments that agree *)
Definition env_agree (ok : positive → bool) (ρ ρ' : env) : Prop :=
  (∀ x, ok x = true → env_word ρ x = env_word ρ' x) ∧ env_fracs ρ = env_fracs ρ'.

Lemma env_agree_refl ok ρ : env_agree ok ρ ρ.
Proof. by split. Qed.
Lemma env_agree_trans ok ρ1 ρ2 ρ3 : env_agree ok ρ1 ρ2 → env_agree ok ρ2 ρ3 → env_agree ok ρ1 ρ3.
Proof. intros [H1 H1'] [H2 H2']. split; [|congruence]. intros x Hx. by rewrite H1 // H2. Qed.
Lemma env_agree_mono (ok ok' : positive → bool) ρ ρ' :
  (∀ x, ok x = true → ok' x = true) → env_agree ok' ρ ρ' → env_agree ok ρ ρ'.
Proof. intros Hok [H H']. split; [|done]. by auto. Qed.

Lemma env_word_set ρ x v y : env_word (env_set ρ x v) y = if decide (x = y) then v else env_word ρ y.
Proof. apply tree_get_set. Qed.
Lemma env_set_agree (ok : positive → bool) ρ x v :
  ok x = false → env_agree ok ρ (env_set ρ x v).
Proof.
  intros Hx. split; [|done]. intros y Hy. rewrite env_word_set. case_decide; [|done]. congruence.
Qed.

Section agree.
  Context (ok : positive → bool) (ρ ρ' : env) (Hagree : env_agree ok ρ ρ').

  Lemma eval_agree e : expr_scoped ok e = true → eval ρ e = eval ρ' e.
  Proof using Hagree.
    induction e as [x|z|e IH z|op a IHa b IHb]; simpl.
    - apply Hagree.
    - done.
    - intros He. by rewrite IH.
    - intros [Ha Hb]%andb_true_iff. by rewrite IHa // IHb.
  Qed.
  Lemma feval_agree q : feval ρ q = feval ρ' q.
  Proof using Hagree. destruct q; [done| |done]. rewrite /= /env_frac. by destruct Hagree as [_ ->]. Qed.
  Lemma holds_agree f : fact_scoped ok f = true → holds ρ f = holds ρ' f.
  Proof using Hagree.
    destruct f; simpl; intros [Ha Hb]%andb_true_iff; by rewrite !eval_agree.
  Qed.
End agree.

Lemma expr_scoped_mono (ok ok' : positive → bool) e :
  (∀ x, ok x = true → ok' x = true) → expr_scoped ok e = true → expr_scoped ok' e = true.
Proof.
  intros Hok. induction e as [x|z|e IH z|op a IHa b IHb]; simpl; [by auto|done|done|].
  intros [Ha Hb]%andb_true_iff. by rewrite IHa // IHb.
Qed.

(** * Names *)
Definition ext (ρ : env) (ds : defs) : env :=
  fold_left (λ ρ d, env_set ρ d.1 (eval ρ d.2)) ds ρ.

Lemma below_lt n x : below n x = true ↔ (x < n)%positive.
Proof. apply Pos.ltb_lt. Qed.
Lemma below_ge n x : (n ≤ x)%positive → below n x = false.
Proof. intros H. by apply Pos.ltb_ge. Qed.

Lemma ext_agree n ds ρ : defs_scoped n ds = true → env_agree (below n) ρ (ext ρ ds).
Proof.
  revert n ρ. induction ds as [|[x e] ds IH]; intros n ρ; [intros _; apply env_agree_refl|]. simpl.
  intros [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff.
  eapply env_agree_trans; [by apply env_set_agree, below_ge|].
  eapply env_agree_mono; [|by apply (IH (Pos.succ x))].
  intros y Hy%below_lt. apply below_lt. lia.
Qed.
Lemma ext_named n ds ρ : defs_scoped n ds = true → Forall (named (ext ρ ds)) ds.
Proof.
  revert n ρ. induction ds as [|[x e] ds IH]; intros n ρ; [done|]. simpl.
  intros [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff. constructor; [|by eapply IH].
  rewrite /named /=. pose proof (ext_agree _ _ (env_set ρ x (eval ρ e)) Hds) as Hagree.
  transitivity (env_word (env_set ρ x (eval ρ e)) x).
  { symmetry. apply Hagree, below_lt. lia. }
  rewrite env_word_set decide_True //. apply (eval_agree (below x)); [|done].
  eapply env_agree_trans; [by apply env_set_agree, below_ge|].
  eapply env_agree_mono; [|exact Hagree]. intros y Hy%below_lt. apply below_lt. lia.
Qed.

(** * Substitution *)
(** The names of [wit] have their values in [ρ]. *)
Definition env_with (ρ : env) (wit : defs) : env :=
  foldr (λ d ρ', env_set ρ' d.1 (eval ρ d.2)) ρ wit.
Lemma env_with_word ρ wit x :
  env_word (env_with ρ wit) x =
  match def_find x wit with Some e => eval ρ e | None => env_word ρ x end.
Proof.
  rewrite /env_with. induction wit as [|[y e] wit IH]; simpl; [done|]. rewrite env_word_set /=.
  destruct (Pos.eqb_spec y x) as [->|]; [by rewrite decide_True|by rewrite decide_False].
Qed.
Lemma env_with_fracs ρ wit : env_fracs (env_with ρ wit) = env_fracs ρ.
Proof. rewrite /env_with. by induction wit. Qed.
Lemma env_with_below n ρ wit :
  forallb (λ d, Pos.leb n d.1) wit = true → env_agree (below n) ρ (env_with ρ wit).
Proof.
  intros Hwit. split; [|by rewrite env_with_fracs]. intros x Hx%below_lt. rewrite env_with_word.
  induction wit as [|[y e] wit IH]; simpl in *; [done|].
  apply andb_true_iff in Hwit as [Hy%Pos.leb_le Hwit].
  destruct (Pos.eqb_spec y x) as [->|]; [lia|by apply IH].
Qed.

Section subst.
  Context (wit : defs) (ρ : env).

  Lemma eval_subst e : eval ρ (subst wit e) = eval (env_with ρ wit) e.
  Proof using Type.
    induction e as [x|z|e IH z|op a IHa b IHb]; simpl.
    - rewrite env_with_word. by case_match.
    - done.
    - by rewrite eval_mk_add IH.
    - by rewrite eval_mk_op IHa IHb.
  Qed.
  Lemma holds_subst f : holds ρ (subst_fact wit f) = holds (env_with ρ wit) f.
  Proof using Type. destruct f; by rewrite /= !eval_subst. Qed.
  Lemma feval_with q : feval (env_with ρ wit) q = feval ρ q.
  Proof using Type. destruct q; [done| |done]. by rewrite /= /env_frac env_with_fracs. Qed.
End subst.

(** * Matching *)
Section matching.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation hold := (Forall (holds ρ)).
  Local Notation hold' := (Forall (λ x : tag * fact, holds ρ x.2)).

  Lemma dbody_subst wit s :
    eval (env_with ρ wit) base = eval ρ base →
    dbody base code ρ (subst_state wit s) = dbody base code (env_with ρ wit) s.
  Proof using Type.
    intros Hbase. rewrite /dbody /dparts /=. f_equal. f_equal; [|f_equal].
    - induction (s_regs s) as [|[r e] l IH]; simpl; [done|]. by rewrite IH (eval_subst wit ρ).
    - induction (s_items s) as [|i l IH]; simpl; [done|]. rewrite IH.
      f_equal. apply ditem_map; [apply eval_subst|]. intros q. by rewrite feval_with.
    - induction (s_code s) as [|[r q] l IH]; simpl; [done|].
      by rewrite IH (eval_subst wit ρ) feval_with Hbase.
  Qed.

  Lemma with_tag_hold t l : hold' (with_tag t l) ↔ hold l.
  Proof using Type. rewrite /with_tag List.Forall_map. done. Qed.

  Lemma item_take_sound want l facts l' :
    item_take want l = Some (facts, l') → hold facts →
    ditems ρ l ⊢ ditem ρ want ∗ ditems ρ l'.
  Proof using Type.
    revert facts l'. induction l as [|i l IH]; intros facts l'; simpl; [done|].
    destruct (item_match i want) as [f|] eqn:Hi.
    - intros [= <- <-] Hf. by rewrite (item_match_sound _ _ _ _ Hi Hf).
    - destruct (item_take want l) as [[f l2]|] eqn:Hl; [|done]. intros [= <- <-] Hf.
      rewrite (IH _ _ eq_refl Hf) /=. iIntros "($ & $ & $)".
  Qed.
  Lemma code_take_sound want l l' :
    code_take want l = Some l' →
    dcode base code ρ l ⊢
    code_at (eval ρ base) code (eval ρ want.1) (feval ρ want.2) ∗ dcode base code ρ l'.
  Proof using Type.
    revert l'. induction l as [|[r q] l IH]; intros l'; simpl; [done|].
    destruct (expr_eqb r want.1 && fexpr_eqb q want.2) eqn:H.
    - intros [= <-]. apply andb_true_iff in H as [Hr%expr_eqb_true Hq%fexpr_eqb_true].
      by rewrite Hr Hq.
    - destruct (code_take want l) as [l2|] eqn:Hl; [|done]. intros [= <-].
      rewrite (IH _ eq_refl) /=. iIntros "($ & $ & $)".
  Qed.
  Lemma reg_take_sound r l e l' :
    reg_take r l = Some (e, l') → dregs ρ l ⊢ r ↦ᵣ eval ρ e ∗ dregs ρ l'.
  Proof using Type.
    revert e l'. induction l as [|[s f] l IH]; intros e l'; simpl; [done|].
    destruct (reg_eqb_spec s r) as [->|]; [by intros [= <- <-]|].
    destruct (reg_take r l) as [[f' l2]|] eqn:Hl; [|done]. intros [= <- <-].
    rewrite (IH _ _ eq_refl) /=. iIntros "($ & $ & $)".
  Qed.

  Lemma match_regs_sound have want l :
    match_regs have want = Match l → hold' l → dregs ρ have ⊢ dregs ρ want.
  Proof using Type.
    revert have l. induction want as [|[r e'] want IH]; intros have l; simpl.
    - iIntros (_ _) "_". done.
    - destruct (reg_take r have) as [[e have']|] eqn:Hr; [|done].
      destruct (match_regs have' want) as [l'|] eqn:Hl; [|done]. intros [= <-].
      intros [Hf%with_tag_hold%equate_hold Hl']%Forall_app.
      rewrite (reg_take_sound _ _ _ _ Hr) (IH _ _ Hl Hl') Hf. done.
  Qed.
  Lemma match_items_sound n have want l :
    match_items n have want = Match l → hold' l → ditems ρ have ⊢ ditems ρ want.
  Proof using Type.
    revert n have l. induction want as [|i want IH]; intros n have l; simpl.
    - iIntros (_ _) "_". done.
    - destruct (item_take i have) as [[facts have']|] eqn:Hi; [|done].
      destruct (match_items (S n) have' want) as [l'|] eqn:Hl; [|done]. intros [= <-].
      intros [Hf%with_tag_hold Hl']%Forall_app.
      by rewrite (item_take_sound _ _ _ _ Hi Hf) (IH _ _ _ Hl Hl').
  Qed.
  Lemma match_code_sound n have want l :
    match_code n have want = Match l → dcode base code ρ have ⊢ dcode base code ρ want.
  Proof using Type.
    revert n have. induction want as [|[r q] want IH]; intros n have; simpl.
    - iIntros (_) "_". done.
    - destruct (code_take (r, q) have) as [have'|] eqn:Hc; [|done]. intros Hl.
      by rewrite (code_take_sound _ _ _ Hc) (IH _ _ Hl).
  Qed.
  Lemma goals_of_hold n l : hold' (goals_of n l) → hold l.
  Proof using Type.
    revert n. induction l as [|f l IH]; intros n; simpl; [done|].
    destruct f as [a b|a b|a b|a b];
      [|intros [Hf Hl]%Forall_cons_iff; constructor; [done|by eapply IH]..].
    destruct (expr_eqb a b) eqn:He.
    - apply expr_eqb_true in He as ->. intros Hl. constructor; [done|by eapply IH].
    - intros [Hf Hl]%Forall_cons_iff. constructor; [done|by eapply IH].
  Qed.

  Lemma match_state_sound have want l :
    match_state have want = Match l → hold' l →
    eval ρ (s_root have) = eval ρ (s_root want) ∧
    (dbody base code ρ have ⊢ dbody base code ρ want) ∧ hold (s_facts want).
  Proof using Type.
    rewrite /match_state. destruct (match_regs _ _) as [l1|] eqn:H1; [|done].
    destruct (match_items _ _ _) as [l2|] eqn:H2; [|done].
    destruct (match_code _ _ _) as [l3|] eqn:H3; [|done]. intros [= <-].
    intros [Hroot%with_tag_hold%equate_hold [Hl1 [Hl2 [_ Hl4]%Forall_app]%Forall_app]%Forall_app]%Forall_app.
    split; [done|]. split; [|by eapply goals_of_hold]. rewrite /dbody /dparts.
    by rewrite (match_regs_sound _ _ _ H1 Hl1) (match_items_sound _ _ _ _ H2 Hl2)
      (match_code_sound _ _ _ _ H3).
  Qed.
End matching.

(** What a path leaves at its exit. *)
Lemma match_leaves_In n posts ws ls l lf :
  match_leaves n posts ws ls = Matched l → In lf ls →
  ∃ p w l', nth_error posts (l_exit lf) = Some p ∧ witness_ok n w p = true ∧
    match_state (l_state lf) (subst_state w (p_state p)) = Match l' ∧
    ∀ x, In x l' → In (Owe (l_path lf) x.1 x.2) l.
Proof.
  revert ws l. induction ls as [|lf' ls IH]; intros ws l; simpl; [done|].
  destruct (nth_error posts (l_exit lf')) as [p|] eqn:Hp; [|done].
  set (w := match ws with [] => p_witness p | w :: _ => w end).
  destruct (witness_ok n w p) eqn:Hw; [|done].
  destruct (match_state _ _) as [l'|] eqn:Hl'; [|done].
  destruct (match_leaves n posts (tail ws) ls) as [more| |] eqn:Hmore; [|done..].
  intros [= <-] [->|Hin].
  - exists p, w, l'. do 3 (split; [done|]). intros x Hx. apply in_app_iff. left.
    by apply (in_map (λ x, Owe (l_path lf) x.1 x.2)).
  - destruct (IH _ _ Hmore Hin) as (p' & w' & l2 & ? & ? & ? & H). exists p', w', l2.
    do 3 (split; [done|]). intros x Hx%H. apply in_app_iff. by right.
Qed.
