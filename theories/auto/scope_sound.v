(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export scope entail items_sound.
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
    induction e as [x|z|e IH z|op a IHa b IHb|x i IH]; simpl.
    - apply Hagree.
    - done.
    - intros He. by rewrite IH.
    - intros [Ha Hb]%andb_true_iff. by rewrite IHa // IHb.
    - intros Hi. rewrite IH // /env_array. by destruct Hagree as [_ ->].
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
  intros Hok. induction e as [x|z|e IH z|op a IHa b IHb|x i IH]; simpl; [by auto|done|done| |done].
  intros [Ha Hb]%andb_true_iff. by rewrite IHa // IHb.
Qed.

(** * Names *)
Lemma below_lt n x : below n x = true ↔ (x < n)%positive.
Proof. apply Pos.ltb_lt. Qed.
Lemma below_ge n x : (n ≤ x)%positive → below n x = false.
Proof. intros H. by apply Pos.ltb_ge. Qed.
Lemma env_agree_below n m ρ ρ' : (n ≤ m)%positive → env_agree (below m) ρ ρ' → env_agree (below n) ρ ρ'.
Proof. intros Hle. apply env_agree_mono. intros x Hx%below_lt. apply below_lt. lia. Qed.
Lemma env_agree_sym ok ρ ρ' : env_agree ok ρ ρ' → env_agree ok ρ' ρ.
Proof. intros [H H']. split; [|done]. intros x Hx. by rewrite H. Qed.

Lemma names_scoped_In n ds x o : names_scoped n ds = true → In (x, o) ds →
  (n ≤ x)%positive ∧ match o with Some e => expr_scoped (below x) e = true | None => True end.
Proof.
  revert n. induction ds as [|[y o'] ds IH]; intros n; simpl; [done|].
  intros [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff [[= -> ->]|Hin].
  - split; [done|]. by destruct o.
  - destruct (IH _ Hds Hin) as [Hx Hsc]. split; [lia|done].
Qed.
Lemma names_scoped_app n l1 l2 : names_scoped n (l1 ++ l2) = true →
  names_scoped n l1 = true ∧
  ∃ m, (n ≤ m)%positive ∧ (∀ x o, In (x, o) l1 → (x < m)%positive) ∧ names_scoped m l2 = true.
Proof.
  revert n. induction l1 as [|[y o] l1 IH]; intros n; simpl.
  - intros H. split; [done|]. exists n. by split_and!.
  - intros [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff.
    destruct (IH _ Hds) as (H1 & m & Hm & Hlt & H2). split.
    + by rewrite He H1 (proj2 (Pos.leb_le _ _) Hn).
    + exists m. split; [lia|]. split; [|done]. intros x o' [[= <- <-]|Hin]; [lia|by eapply Hlt].
Qed.

(** Environments in which the names of a telescope are what they stand for, and that do not differ from
    [ρ0] elsewhere.  Unknown names have any values. *)
Record good (ρ0 : env) (ds : telescope) (ρ : env) : Prop := Good {
  good_out x : ¬ In x (map fst ds) → env_word ρ x = env_word ρ0 x;
  good_fracs : env_fracs ρ = env_fracs ρ0;
  good_named : Forall (named ρ) ds;
}.
Lemma good_agree ρ0 ds n ρ :
  good ρ0 ds ρ → (∀ x o, In (x, o) ds → (n ≤ x)%positive) → env_agree (below n) ρ0 ρ.
Proof.
  intros [Hout Hfracs _] Hn. split; [|done]. intros x Hx%below_lt. symmetry. apply Hout.
  intros ([y o] & Hy & Hin)%in_map_iff. simpl in Hy. subst y. apply Hn in Hin. lia.
Qed.

(** Defined names get their values; unknown ones stay. *)
Fixpoint fill (ρ : env) (ds : telescope) : env :=
  match ds with
  | [] => ρ
  | (x, Some e) :: ds => fill (env_set ρ x (eval ρ e)) ds
  | (_, None) :: ds => fill ρ ds
  end.
Lemma fill_out ρ ds x : ¬ In x (map fst ds) → env_word (fill ρ ds) x = env_word ρ x.
Proof.
  revert ρ. induction ds as [|[y [e|]] ds IH]; intros ρ Hx; simpl in *; [done| |by apply IH; tauto].
  rewrite IH; [|tauto]. rewrite env_word_set decide_False //. tauto.
Qed.
Lemma fill_fracs ρ ds : env_fracs (fill ρ ds) = env_fracs ρ.
Proof. revert ρ. induction ds as [|[y [e|]] ds IH]; intros ρ; simpl; [done| |]; by rewrite IH. Qed.
Lemma fill_agree n ρ ds : names_scoped n ds = true → env_agree (below n) ρ (fill ρ ds).
Proof.
  intros Hds. split; [|by rewrite fill_fracs]. intros x Hx%below_lt. rewrite fill_out //.
  intros ([y o] & Hy & Hin)%in_map_iff. simpl in Hy. subst y.
  destruct (names_scoped_In _ _ _ _ Hds Hin). lia.
Qed.
Lemma fill_named n ρ ds : names_scoped n ds = true → Forall (named (fill ρ ds)) ds.
Proof.
  revert n ρ. induction ds as [|[x o] ds IH]; intros n ρ; [done|]. cbn [names_scoped].
  intros [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff.
  destruct o as [e|]; simpl; (constructor; [|by eapply IH]); [|done]. rewrite /named /=.
  pose proof (fill_agree _ (env_set ρ x (eval ρ e)) _ Hds) as Hagree.
  transitivity (env_word (env_set ρ x (eval ρ e)) x).
  { symmetry. apply Hagree, below_lt. lia. }
  rewrite env_word_set decide_True //. apply (eval_agree (below x)); [|done].
  eapply env_agree_trans; [by apply env_set_agree, below_ge|].
  eapply env_agree_below; [|exact Hagree]. lia.
Qed.
Lemma good_fill n ρ0 ds : names_scoped n (rev ds) = true → good ρ0 ds (fill ρ0 (rev ds)).
Proof.
  intros Hds. split.
  - intros x Hx. apply fill_out. intros Hin. apply Hx. rewrite map_rev in Hin. by apply in_rev.
  - apply fill_fracs.
  - pose proof (fill_named _ ρ0 _ Hds) as H%Forall_rev. by rewrite rev_involutive in H.
Qed.

(** An unknown name gets a value: names before it keep theirs. *)
Lemma good_set n ρ0 later x earlier ρ v :
  names_scoped n (rev (later ++ (x, None) :: earlier)) = true →
  good ρ0 (later ++ (x, None) :: earlier) ρ →
  ∃ ρ', good ρ0 (later ++ (x, None) :: earlier) ρ' ∧ env_word ρ' x = v ∧ env_agree (below x) ρ ρ'.
Proof.
  rewrite rev_app_distr /= -app_assoc /=. intros Hds Hgood.
  apply names_scoped_app in Hds as (H1 & m & Hm & Hlt & Hds).
  simpl in Hds. apply andb_true_iff in Hds as [[Hx%Pos.leb_le _]%andb_true_iff Hlater].
  set (ρ' := fill (env_set ρ x v) (rev later)).
  pose proof (fill_agree _ (env_set ρ x v) _ Hlater : env_agree _ _ ρ') as Hag.
  assert (Hbelow : env_agree (below x) ρ ρ').
  { eapply env_agree_trans; [by apply (env_set_agree _ _ x v), below_ge|].
    eapply env_agree_below; [|exact Hag]. lia. }
  exists ρ'. split; [|split; [|done]].
  - split.
    + intros y Hy. rewrite map_app in_app_iff /= in Hy. rewrite /ρ' fill_out.
      * rewrite env_word_set decide_False; [|naive_solver]. apply Hgood.
        rewrite map_app in_app_iff /=. tauto.
      * rewrite map_rev -in_rev. tauto.
    + destruct Hbelow as [_ <-]. apply Hgood.
    + apply Forall_app. split.
      { pose proof (fill_named _ (env_set ρ x v) _ Hlater) as H%Forall_rev.
        by rewrite rev_involutive in H. }
      constructor; [done|]. apply List.Forall_forall. intros [y o] Hin.
      pose proof (good_named _ _ _ Hgood) as Hnamed. rewrite List.Forall_forall in Hnamed.
      specialize (Hnamed (y, o)). rewrite in_app_iff /= in Hnamed.
      specialize (Hnamed (or_intror (or_intror Hin))).
      apply in_rev in Hin. assert (y < m)%positive as Hy by by eapply Hlt.
      destruct (names_scoped_In _ _ _ _ H1 Hin) as [_ Hsc].
      destruct o as [e|]; [|done]. rewrite /named /= in Hnamed |- *.
      rewrite -(eval_agree (below y) ρ ρ') //; [|eapply env_agree_below; [|exact Hbelow]; lia].
      rewrite -Hnamed. symmetry. apply Hbelow, below_lt. lia.
  - destruct Hag as [Hag _]. rewrite -Hag; [|apply below_lt; lia]. by rewrite env_word_set decide_True.
Qed.
(** The same of several, from [n] on. *)
Definition env_sets (ρ : env) (xs : list positive) (vs : list word) : env :=
  foldl (λ ρ x, env_set ρ x.1 x.2) ρ (zip xs vs).
Lemma unknowns_next k ν : (n_next ν ≤ n_next (unknowns k ν))%positive.
Proof. revert ν. induction k as [|k IH]; intros ν; simpl; [lia|]. specialize (IH (unknown ν).2). simpl in IH. lia. Qed.
Lemma unknowns_defs k ν :
  n_defs (unknowns k ν) = rev (map (λ x, (x, None)) (next_names k (n_next ν))) ++ n_defs ν.
Proof. revert ν. induction k as [|k IH]; intros ν; simpl; [done|]. by rewrite IH /= -app_assoc. Qed.
Lemma next_names_In k n x : In x (next_names k n) → (n ≤ x)%positive.
Proof. revert n. induction k as [|k IH]; intros n; simpl; [done|]. intros [->|Hx%IH]; lia. Qed.
Lemma unknowns_names k ν x : In x (next_names k (n_next ν)) → (x < n_next (unknowns k ν))%positive.
Proof.
  revert ν. induction k as [|k IH]; intros ν; simpl; [done|]. intros [<-|Hx].
  - pose proof (unknowns_next k (unknown ν).2) as Hk. simpl in Hk. lia.
  - apply (IH (unknown ν).2 Hx).
Qed.
Lemma env_sets_agree k ν ρ ρ' vs : length vs = k →
  env_agree (below (n_next ν)) ρ ρ' →
  env_agree (below (n_next (unknowns k ν))) (env_sets ρ (next_names k (n_next ν)) vs)
    (env_sets ρ' (next_names k (n_next ν)) vs).
Proof.
  revert ν ρ ρ' vs. induction k as [|k IH]; intros ν ρ ρ' [|v vs] Hlen Hag; try done.
  apply (IH (unknown ν).2); [by injection Hlen|]. destruct Hag as [Hag Hf]. split; [|done].
  intros x Hx%below_lt. simpl in Hx. cbn [fst snd]. rewrite !env_word_set. case_decide; [done|].
  apply Hag, below_lt. lia.
Qed.
Lemma env_sets_other ρ xs vs x : ¬ In x xs → env_word (env_sets ρ xs vs) x = env_word ρ x.
Proof.
  revert ρ vs. induction xs as [|y xs IH]; intros ρ [|v vs] Hx; try done.
  change (env_word (env_sets (env_set ρ y v) xs vs) x = env_word ρ x). simpl in Hx.
  rewrite IH; [|tauto]. rewrite env_word_set decide_False //. tauto.
Qed.
Lemma env_sets_fracs ρ xs vs : env_fracs (env_sets ρ xs vs) = env_fracs ρ.
Proof.
  revert ρ vs. induction xs as [|y xs IH]; intros ρ [|v vs]; try done.
  exact (IH (env_set ρ y v) vs).
Qed.
Lemma env_sets_hit ρ xs vs : List.NoDup xs →
  Forall (λ x, env_word (env_sets ρ xs vs) x.1 = x.2) (zip xs vs).
Proof.
  revert ρ vs. induction xs as [|y xs IH]; intros ρ [|v vs] Hxs; simpl; try constructor;
    apply List.NoDup_cons_iff in Hxs as [Hy Hxs].
  - change (env_word (env_sets (env_set ρ y v) xs vs) y = v).
    rewrite env_sets_other // env_word_set decide_True //.
  - exact (IH (env_set ρ y v) vs Hxs).
Qed.
Lemma next_names_NoDup k n : List.NoDup (next_names k n).
Proof.
  revert n. induction k as [|k IH]; intros n; simpl; constructor; [|done].
  intros Hn%next_names_In. lia.
Qed.
Lemma next_names_length k n : length (next_names k n) = k.
Proof. revert n. induction k as [|k IH]; intros n; simpl; [done|]. by rewrite IH. Qed.

Lemma good_unknowns m ρ0 T k ν later ρ vs :
  names_scoped m (rev T) = true → T = later ++ n_defs (unknowns k ν) → length vs = k → good ρ0 T ρ →
  ∃ ρ', good ρ0 T ρ' ∧ env_agree (below (n_next ν)) ρ ρ' ∧
    env_agree (below (n_next (unknowns k ν))) (env_sets ρ (next_names k (n_next ν)) vs) ρ'.
Proof.
  intros Hsc. revert ν ρ vs. induction k as [|k IH]; intros ν ρ [|v vs] HT Hlen Hgood; try done.
  { exists ρ. split_and!; [done|apply env_agree_refl..]. }
  pose proof HT as HT1. rewrite unknowns_defs /= -app_assoc /= app_assoc in HT1.
  rewrite HT1 in Hsc, Hgood. apply (good_set _ _ _ _ _ _ v Hsc) in Hgood as (ρ1 & Hgood & Hv & Hag1).
  rewrite -HT1 in Hsc, Hgood.
  destruct (IH (unknown ν).2 ρ1 vs) as (ρ' & Hgood' & Hag & Hsets); [done|by injection Hlen|done|].
  exists ρ'. split; [done|]. split.
  - eapply env_agree_trans; [exact Hag1|]. eapply env_agree_below; [|exact Hag]. simpl. lia.
  - eapply env_agree_trans; [|exact Hsets].
    apply (env_sets_agree k (unknown ν).2); [by injection Hlen|]. split; [|apply Hag1].
    intros x Hx%below_lt. simpl in Hx. cbn [fst snd]. rewrite env_word_set. case_decide as Hd; [by rewrite -Hd|].
    apply Hag1, below_lt. lia.
Qed.

(** * Substitution *)
(** The words and fractions of [ws] and [qs] have their values in [ρ]. *)
Definition env_with (ρ : env) (ws : defs) (qs : shares) : env :=
  Env (foldr (λ d t, tree_set t d.1 (eval ρ d.2)) (env_words ρ) ws)
      (Consts (foldr (λ d t, tree_set t d.1 (feval ρ d.2)) (c_fracs (env_fracs ρ)) qs)
         (c_arrays (env_fracs ρ))).
Lemma env_with_word ρ ws qs x :
  env_word (env_with ρ ws qs) x =
  match def_find x ws with Some e => eval ρ e | None => env_word ρ x end.
Proof.
  rewrite /env_with /env_word /=. induction ws as [|[y e] ws IH]; simpl; [done|].
  rewrite tree_get_set. destruct (Pos.eqb_spec y x) as [->|]; [by rewrite decide_True|].
  rewrite decide_False //.
Qed.
Lemma env_with_frac ρ ws qs x :
  env_frac (env_with ρ ws qs) x =
  match share_find x qs with Some q => feval ρ q | None => env_frac ρ x end.
Proof.
  rewrite /env_with /env_frac /=. induction qs as [|[y q] qs IH]; simpl; [done|].
  rewrite tree_get_set. destruct (Pos.eqb_spec y x) as [->|]; [by rewrite decide_True|].
  rewrite decide_False //.
Qed.
Lemma env_with_below n ρ ws :
  forallb (λ d, Pos.leb n d.1) ws = true → env_agree (below n) ρ (env_with ρ ws []).
Proof.
  intros Hws. split; [|by rewrite /env_with /=; destruct (env_fracs ρ)].
  intros x Hx%below_lt. rewrite env_with_word.
  induction ws as [|[y e] ws IH]; simpl in *; [done|].
  apply andb_true_iff in Hws as [Hy%Pos.leb_le Hws].
  destruct (Pos.eqb_spec y x) as [->|]; [lia|by apply IH].
Qed.

Section subst.
  Context (ws : defs) (qs : shares) (ρ : env).

  Lemma eval_subst e : eval ρ (subst ws e) = eval (env_with ρ ws qs) e.
  Proof using Type.
    induction e as [x|z|e IH z|op a IHa b IHb|x i IH]; simpl.
    - rewrite env_with_word. by case_match.
    - done.
    - by rewrite eval_mk_add IH.
    - by rewrite eval_mk_op IHa IHb.
    - by rewrite IH.
  Qed.
  Lemma holds_subst f : holds ρ (subst_fact ws f) = holds (env_with ρ ws qs) f.
  Proof using Type. destruct f; by rewrite /= !eval_subst. Qed.
  Lemma feval_subst q : feval ρ (fsubst qs q) = feval (env_with ρ ws qs) q.
  Proof using Type. destruct q; [done| |done]. rewrite /= env_with_frac. by case_match. Qed.
End subst.

(** * Agreement *)
Lemma flags_agree ok ρ ρ' φ f :
  env_agree ok ρ ρ' → flags_scoped ok φ = true → flags_are ρ φ f → flags_are ρ' φ f.
Proof.
  intros Hag. destruct φ as [|w v|w v|w a b|v|w v yes no]; simpl; [done|..];
    [intros Hv|intros Hv|intros [Ha Hb]%andb_true_iff|intros Hv|
     intros [[Hv Hyes]%andb_true_iff Hno]%andb_true_iff];
    by rewrite ?(eval_agree ok ρ ρ' Hag) // ?(holds_agree ok ρ ρ' Hag).
Qed.
Section agreement.
  Context {M : machine} `{!machGS M Σ}.
  Context (ok : positive → bool) (ρ ρ' : env) (Hag : env_agree ok ρ ρ').
  Context (base : expr) (code : code_list).

  Lemma dregs_agree l : forallb (λ x, expr_scoped ok x.2) l = true → dregs ρ l = dregs ρ' l.
  Proof using Hag.
    induction l as [|[r e] l IH]; simpl; [done|]. intros [He Hl]%andb_true_iff.
    by rewrite (eval_agree ok ρ ρ' Hag e He) IH.
  Qed.
  Lemma ditems_agree l : forallb (item_scoped ok) l = true → ditems ρ l = ditems ρ' l.
  Proof using Hag.
    induction l as [|i l IH]; simpl; [done|]. intros [Hi Hl]%andb_true_iff. rewrite IH //. f_equal.
    apply ditem_same; [|by apply (feval_agree ok)|rewrite /env_array; by destruct Hag as [_ ->]]. rewrite /item_scoped forallb_forall in Hi.
    apply List.Forall_forall. intros e He. by apply (eval_agree ok), Hi.
  Qed.
  Lemma dcode_agree l : expr_scoped ok base = true → forallb (λ x, expr_scoped ok x.1) l = true →
    dcode base code ρ l = dcode base code ρ' l.
  Proof using Hag.
    intros Hb. induction l as [|[r q] l IH]; simpl; [done|]. intros [He Hl]%andb_true_iff.
    by rewrite (eval_agree ok ρ ρ' Hag r He) (eval_agree ok ρ ρ' Hag base Hb) (feval_agree ok ρ ρ' Hag) IH.
  Qed.
  Lemma dparts_agree s : expr_scoped ok base = true → state_scoped ok s = true →
    dparts base code ρ s = dparts base code ρ' s.
  Proof using Hag.
    intros Hb [[[[_ Hr]%andb_true_iff Hi]%andb_true_iff Hc]%andb_true_iff _]%andb_true_iff.
    by rewrite /dparts dregs_agree // ditems_agree // dcode_agree.
  Qed.
  Lemma denote_agree {Π : the_platform} s : expr_scoped ok base = true → state_scoped ok s = true →
    denote base code ρ s = denote base code ρ' s.
  Proof using Hag.
    intros Hb Hs. rewrite /denote /droot dparts_agree //.
    apply andb_true_iff in Hs as [[[[Hs _]%andb_true_iff _]%andb_true_iff _]%andb_true_iff _].
    by rewrite (eval_agree ok ρ ρ' Hag _ Hs).
  Qed.
  Lemma hold_agree l : forallb (fact_scoped ok) l = true → Forall (holds ρ) l → Forall (holds ρ') l.
  Proof using Hag.
    induction l as [|f l IH]; simpl; [done|]. intros [Hf Hl]%andb_true_iff [H1 H2]%Forall_cons_iff.
    constructor; [by rewrite -(holds_agree ok ρ ρ' Hag)|by apply IH].
  Qed.
End agreement.

(** * Matching *)
Section matching.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation hold := (Forall (holds ρ)).
  Local Notation hold' := (Forall (λ x : tag * fact, holds ρ x.2)).

  Lemma dparts_subst base' ws qs s :
    eval ρ base = eval (env_with ρ ws qs) base' →
    dparts base code ρ (subst_state ws qs s) = dparts base' code (env_with ρ ws qs) s.
  Proof using Type.
    intros Hbase. rewrite /dparts /=. f_equal; [|f_equal].
    - induction (s_regs s) as [|[r e] l IH]; simpl; [done|]. by rewrite IH (eval_subst ws qs).
    - induction (s_items s) as [|i l IH]; simpl; [done|]. rewrite IH.
      f_equal. apply ditem_map; [apply eval_subst| |done]. intros q. by rewrite (feval_subst ws qs).
    - induction (s_code s) as [|[r q] l IH]; simpl; [done|].
      by rewrite IH (eval_subst ws qs) (feval_subst ws qs) Hbase.
  Qed.
  Lemma dbody_subst base' ws qs s :
    eval ρ base = eval (env_with ρ ws qs) base' →
    dbody base code ρ (subst_state ws qs s) = dbody base' code (env_with ρ ws qs) s.
  Proof using Type. intros Hbase. by rewrite /dbody (dparts_subst base'). Qed.
  Lemma dregs_app l1 l2 : dregs ρ (l1 ++ l2) ⊣⊢ dregs ρ l1 ∗ dregs ρ l2.
  Proof using Type. induction l1 as [|[r e] l1 IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.
  Lemma ditems_app l1 l2 : ditems ρ (l1 ++ l2) ⊣⊢ ditems ρ l1 ∗ ditems ρ l2.
  Proof using Type. induction l1 as [|i l1 IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.
  Lemma dcode_app l1 l2 : dcode base code ρ (l1 ++ l2) ⊣⊢ dcode base code ρ l1 ∗ dcode base code ρ l2.
  Proof using Type. induction l1 as [|[r q] l1 IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.

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

  Lemma take_regs_sound have want l rest :
    take_regs have want = Match (l, rest) → hold' l → dregs ρ have ⊢ dregs ρ want ∗ dregs ρ rest.
  Proof using Type.
    revert have l rest. induction want as [|[r e'] want IH]; intros have l rest; simpl.
    - intros [= <- <-] _. by iIntros "$".
    - destruct (reg_take r have) as [[e have']|] eqn:Hr; [|done].
      destruct (take_regs have' want) as [[l' rest']|] eqn:Hl; [|done]. intros [= <- <-].
      intros [Hf%with_tag_hold%equate_hold Hl']%Forall_app.
      by rewrite (reg_take_sound _ _ _ _ Hr) (IH _ _ _ Hl Hl') Hf assoc.
  Qed.
  Lemma take_items_sound n have want l rest :
    take_items n have want = Match (l, rest) → hold' l → ditems ρ have ⊢ ditems ρ want ∗ ditems ρ rest.
  Proof using Type.
    revert n have l rest. induction want as [|i want IH]; intros n have l rest; simpl.
    - intros [= <- <-] _. by iIntros "$".
    - destruct (item_take i have) as [[facts have']|] eqn:Hi; [|done].
      destruct (take_items (S n) have' want) as [[l' rest']|] eqn:Hl; [|done]. intros [= <- <-].
      intros [Hf%with_tag_hold Hl']%Forall_app.
      by rewrite (item_take_sound _ _ _ _ Hi Hf) (IH _ _ _ _ Hl Hl') assoc.
  Qed.
  Lemma take_code_sound n have want rest :
    take_code n have want = Match rest →
    dcode base code ρ have ⊢ dcode base code ρ want ∗ dcode base code ρ rest.
  Proof using Type.
    revert n have. induction want as [|[r q] want IH]; intros n have; simpl.
    - intros [= <-]. by iIntros "$".
    - destruct (code_take (r, q) have) as [have'|] eqn:Hc; [|done]. intros Hl.
      by rewrite (code_take_sound _ _ _ Hc) (IH _ _ Hl) assoc.
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

  Lemma take_state_sound have want l rest :
    take_state have want = Match (l, rest) → hold' l →
    eval ρ (s_root have) = eval ρ (s_root want) ∧
    (dparts base code ρ have ⊢ dparts base code ρ want ∗ dparts base code ρ rest) ∧
    hold (s_facts want).
  Proof using Type.
    rewrite /take_state. destruct (take_regs _ _) as [[l1 r1]|] eqn:H1; [|done].
    destruct (take_items _ _ _) as [[l2 r2]|] eqn:H2; [|done].
    destruct (take_code _ _ _) as [r3|] eqn:H3; [|done]. intros [= <- <-].
    intros [Hroot%with_tag_hold%equate_hold [Hl1 [Hl2 Hl4]%Forall_app]%Forall_app]%Forall_app.
    split; [done|]. split; [|by eapply goals_of_hold]. rewrite /dparts /=.
    rewrite (take_regs_sound _ _ _ _ H1 Hl1) (take_items_sound _ _ _ _ _ H2 Hl2)
      (take_code_sound _ _ _ _ H3). iIntros "([$ $] & [$ $] & [$ $])".
  Qed.
End matching.
