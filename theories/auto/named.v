(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export check scope_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Facts that a run leaves.  Names that it gave are variables in them: with an equation each where they
    stand for results, so that the facts stay as small as the run made them; values put in for the names
    would double in size with each of them.  [solve_fact] does not look at the equations, which are behind
    [stands_for].  A name that nobody knows is a variable and nothing else; so are the parameters. *)

Fixpoint conj (l : list Prop) : Prop :=
  match l with [] => True | [P] => P | P :: l => P ∧ conj l end.
Lemma conj_Forall {A} (f : A → Prop) l : conj (map f l) ↔ Forall f l.
Proof.
  induction l as [|x l IH]; [done|]. rewrite Forall_cons_iff -IH. destruct l; simpl; [|done].
  naive_solver.
Qed.

(** The same without pairs, so that a proof of many facts does not say again what is left at each: to show all
    is to show whatever follows from them. *)
Fixpoint implies (l : list Prop) (Q : Prop) : Prop :=
  match l with [] => Q | P :: l => P → implies l Q end.
Definition each (l : list Prop) : Prop := ∀ Q : Prop, implies l Q → Q.
Lemma implies_Forall {A} (f : A → Prop) l Q : implies (map f l) Q ↔ (Forall f l → Q).
Proof.
  induction l as [|x l IH]; simpl; [by split; auto|]. rewrite IH Forall_cons_iff. naive_solver.
Qed.
Lemma each_Forall {A} (f : A → Prop) l : each (map f l) ↔ Forall f l.
Proof.
  rewrite /each. split.
  - intros H. apply H. by rewrite implies_Forall.
  - intros H Q. rewrite implies_Forall. auto.
Qed.

(** A fact under assumptions, latest first. *)
Fixpoint given (ρ : env) (path : list fact) (P : Prop) : Prop :=
  match path with [] => P | f :: path => given ρ path (holds ρ f → P) end.
Definition owed (ρ : env) (x : residue) : Prop := given ρ (r_path x) (holds ρ (r_fact x)).

Definition stands_for (v e : word) : Prop := v = e.
Fixpoint under (ρ : env) (ds : telescope) (P : env → Prop) : Prop :=
  match ds with
  | [] => P ρ
  | (x, Some e) :: ds => ∀ v : word, stands_for v (eval ρ e) → under (env_set ρ x v) ds P
  | (x, None) :: ds => ∀ v : word, under (env_set ρ x v) ds P
  end.

(** The names of the parameters. *)
Definition params (sp : spec) : list positive := next_names (Pos.to_nat (sp_next sp) - 1) 1.
(** What a segment leaves to prove, for all values of the parameters; fractions do not matter. *)
Definition segment_goal (sp : spec) (qs : consts) (sg : segment) : Prop :=
  under (Env Tip qs) (map (λ x, (x, None)) (params sp)) (λ ρ,
    implies (map (holds ρ) (s_facts (sp_pre sp)))
      (under ρ (sg_names sg) (λ ρ, each (map (owed ρ) (sg_facts sg))))).
Definition open_segments (l : list segment) : list segment :=
  List.filter (λ sg, match sg_facts sg with [] => false | _ => true end) l.
Definition goals (sp : spec) (l : list segment) : Prop :=
  ∀ qs, conj (map (segment_goal sp qs) (open_segments l)).

(** * They are true of all values that a run can meet *)
Lemma given_hold ρ path P : given ρ path P → Forall (holds ρ) path → P.
Proof.
  revert P. induction path as [|f path IH]; intros P; simpl; [done|].
  intros H [Hf Hpath]%Forall_cons_iff. by apply (IH _ H).
Qed.

Definition env_same (ρ ρ' : env) : Prop := (∀ x, env_word ρ x = env_word ρ' x) ∧ env_fracs ρ = env_fracs ρ'.
Lemma eval_ext ρ ρ' e : env_same ρ ρ' → eval ρ e = eval ρ' e.
Proof.
  intros [H Hc]. induction e as [x|z|e IH z|op a IHa b IHb|x i IH]; simpl; [done..| | |];
    by rewrite /env_array ?IH ?IHa ?IHb ?Hc.
Qed.
Lemma holds_ext ρ ρ' f : env_same ρ ρ' → holds ρ f ↔ holds ρ' f.
Proof. intros H. destruct f; by rewrite /= !(eval_ext _ _ _ H). Qed.
Lemma owed_ext ρ ρ' x : env_same ρ ρ' → owed ρ x → owed ρ' x.
Proof.
  intros H. rewrite /owed. generalize (proj1 (holds_ext _ _ (r_fact x) H)).
  generalize (holds ρ (r_fact x)), (holds ρ' (r_fact x)). induction (r_path x) as [|f path IH]; [by auto|].
  intros P P' HP. simpl. apply IH. intros Hf Hf'. apply HP, Hf. by rewrite (holds_ext _ _ _ H).
Qed.

Lemma under_good n ρ0 ds ρ P :
  under ρ0 ds P → names_scoped n ds = true →
  (∀ x, ¬ In x (map fst ds) → env_word ρ x = env_word ρ0 x) → env_fracs ρ = env_fracs ρ0 →
  Forall (named ρ) ds →
  ∃ ρ', env_same ρ' ρ ∧ P ρ'.
Proof.
  revert n ρ0. induction ds as [|[x o] ds IH]; intros n ρ0.
  { intros HP _ Hout Hfracs _. exists ρ0. split; [|done]. split; [|done]. intros x. rewrite Hout //. by intros []. }
  cbn [names_scoped]. intros HP [[Hn%Pos.leb_le He]%andb_true_iff Hds]%andb_true_iff Hout Hfracs Hnamed.
  apply Forall_cons_iff in Hnamed as [Hx Hnamed].
  assert (under (env_set ρ0 x (env_word ρ x)) ds P) as HP'.
  { destruct o as [e|]; [|apply HP]. apply HP. rewrite /stands_for. rewrite /named /= in Hx. rewrite Hx.
    apply (eval_agree (below x)); [|done]. split; [|done]. intros y Hy%below_lt. apply Hout.
    intros [Hxy|([y' o] & Hy' & Hin)%in_map_iff]; simpl in *; [lia|]. subst y'.
    destruct (names_scoped_In _ _ _ _ Hds Hin). lia. }
  apply (IH _ _ HP' Hds); [|done..].
  intros y Hy. rewrite env_word_set. case_decide as Hxy; [by rewrite Hxy|]. apply Hout.
  intros [Hxy'|Hin]; [by apply Hxy|done].
Qed.
Lemma under_values ρ xs P vs : under ρ (map (λ x, (x, None)) xs) P → length vs = length xs → P (env_sets ρ xs vs).
Proof.
  revert ρ vs. induction xs as [|x xs IH]; intros ρ [|v vs] H Hlen; try done.
  apply (IH (env_set ρ x v) vs); [apply H|by injection Hlen].
Qed.

(** The values of the parameters, and no others. *)
Definition param_env (sp : spec) (ρ : env) : env :=
  env_sets (Env Tip (env_fracs ρ)) (params sp) (map (env_word ρ) (params sp)).
Lemma next_names_all k n x : (n ≤ x)%positive → (Pos.to_nat x < Pos.to_nat n + k)%nat → In x (next_names k n).
Proof.
  revert n. induction k as [|k IH]; intros n Hle Hlt; [lia|]. simpl.
  destruct (decide (n = x)) as [->|]; [by left|]. right. apply IH; lia.
Qed.
Lemma zip_map_In {A B} (f : A → B) l x : In x l → In (x, f x) (zip l (map f l)).
Proof. induction l as [|y l IH]; simpl; [done|]. intros [->|Hx]; [by left|right; by apply IH]. Qed.
Lemma param_env_agree sp ρ : env_agree (below (sp_next sp)) ρ (param_env sp ρ).
Proof.
  split; [|by rewrite /param_env env_sets_fracs].
  intros x Hx%below_lt. symmetry.
  pose proof (env_sets_hit (Env Tip (env_fracs ρ)) (params sp) (map (env_word ρ) (params sp))
    (next_names_NoDup _ _)) as H.
  rewrite List.Forall_forall in H. refine (H (x, env_word ρ x) _).
  apply zip_map_In, next_names_all; lia.
Qed.

(** An environment for a run that begins with the unknown names [xs]. *)
Lemma good_start n ρ0 ρ (ds : defs) later :
  names_scoped n (map (λ d, (d.1, None)) ds ++ rev later) = true → env_agree (below n) ρ0 ρ →
  ∃ ρ', good ρ0 (later ++ rev (map (λ d, (d.1, None)) ds)) ρ' ∧ env_agree (bound_or_below n ds) ρ ρ'.
Proof.
  intros Hsc Hag. pose proof Hsc as (H1 & m & Hm & Hlt & Hlater)%names_scoped_app.
  assert (List.NoDup (map fst ds)) as Hnodup.
  { clear -H1. revert n H1. induction ds as [|[x e] ds IH]; intros n; simpl; [constructor|].
    intros [_ Hds]%andb_true_iff. constructor; [|by eapply IH].
    intros ([y e'] & Hy & Hin)%in_map_iff. simpl in Hy. subst y.
    destruct (names_scoped_In _ _ x (@None expr) Hds); [|lia].
    by apply (in_map (λ d : positive * expr, (d.1, @None expr))) in Hin. }
  set (ρ1 := env_sets ρ0 (map fst ds) (map (env_word ρ) (map fst ds))).
  pose proof (fill_agree m ρ1 _ Hlater) as Hfill. exists (fill ρ1 (rev later)). split.
  - split.
    + intros x Hx. rewrite map_app in_app_iff map_rev -in_rev map_map in Hx.
      rewrite fill_out; [|by rewrite map_rev -in_rev; tauto]. apply env_sets_other. tauto.
    + by rewrite fill_fracs env_sets_fracs.
    + apply Forall_app. split.
      * pose proof (fill_named _ ρ1 _ Hlater) as H%Forall_rev. by rewrite rev_involutive in H.
      * apply Forall_rev. rewrite List.Forall_map. by apply List.Forall_forall.
  - split; [|rewrite fill_fracs env_sets_fracs; symmetry; apply Hag]. intros x Hx.
    assert (∀ x, In x (map fst ds) → (n ≤ x)%positive ∧ (x < m)%positive) as Hbound.
    { intros y ([z e] & Hz & Hin)%in_map_iff. simpl in Hz. subst z.
      apply (in_map (λ d : positive * expr, (d.1, @None expr))) in Hin. simpl in Hin.
      split; [by apply (names_scoped_In _ _ _ _ H1 Hin)|by eapply Hlt]. }
    destruct (in_dec Pos.eq_dec x (map fst ds)) as [Hin|Hin].
    + destruct Hfill as [Hfill _]. rewrite -Hfill; [|apply below_lt; by apply Hbound].
      pose proof (env_sets_hit ρ0 _ (map (env_word ρ) (map fst ds)) Hnodup) as Hhit.
      rewrite List.Forall_forall in Hhit. symmetry. refine (Hhit (x, env_word ρ x) _).
      by apply zip_map_In.
    + rewrite /bound_or_below in Hx. apply orb_true_iff in Hx as [Hx|Hx].
      * destruct Hfill as [Hfill _]. pose proof Hx as Hx'%below_lt.
        rewrite -Hfill; [|apply below_lt; lia]. rewrite env_sets_other //. symmetry. by apply Hag.
      * exfalso. apply Hin. apply existsb_exists in Hx as ([y e] & Hy & Heq%Pos.eqb_eq). simpl in Heq.
        subst y. by apply (in_map fst) in Hy.
Qed.

(** The facts of a segment, under all values that its names can have. *)
Lemma segment_goal_good sp sg ρ ρ' :
  segment_goal sp (env_fracs ρ) sg → Forall (holds (param_env sp ρ)) (s_facts (sp_pre sp)) →
  names_scoped (sp_next sp) (sg_names sg) = true → good (param_env sp ρ) (rev (sg_names sg)) ρ' →
  Forall (owed ρ') (sg_facts sg).
Proof.
  intros H Hpre Hds [Hout Hfracs Hnamed].
  apply (under_values _ _ _ (map (env_word ρ) (params sp))) in H; [|by rewrite length_map].
  rewrite implies_Forall in H. specialize (H Hpre).
  eapply (under_good _ _ _ ρ') in H as (ρ2 & Hsame & Hl);
    [|exact Hds| |exact Hfracs|]; last first.
  - apply Forall_rev in Hnamed. by rewrite rev_involutive in Hnamed.
  - intros x Hx. apply Hout. by rewrite map_rev -in_rev.
  - eapply List.Forall_impl; [|exact (proj1 (each_Forall _ _) Hl)]. intros x. by apply owed_ext.
Qed.
Lemma goals_good sp l sg ρ ρ' :
  goals sp l → In sg l → Forall (holds (param_env sp ρ)) (s_facts (sp_pre sp)) →
  names_scoped (sp_next sp) (sg_names sg) = true → good (param_env sp ρ) (rev (sg_names sg)) ρ' →
  Forall (owed ρ') (sg_facts sg).
Proof.
  intros H Hin. destruct (sg_facts sg) as [|x facts] eqn:Hsg; [by constructor|]. rewrite -Hsg.
  apply segment_goal_good. specialize (H (env_fracs ρ)). apply conj_Forall in H.
  rewrite List.Forall_forall in H. apply H. apply List.filter_In. by rewrite Hsg.
Qed.
Lemma clean_goals sp l : all_clean l = true → goals sp l.
Proof.
  intros H qs. rewrite conj_Forall. apply List.Forall_forall. intros sg [Hin Hsg]%List.filter_In.
  rewrite /all_clean forallb_forall in H. specialize (H _ Hin). by destruct (sg_facts sg).
Qed.
