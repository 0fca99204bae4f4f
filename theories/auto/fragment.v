(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.auto Require Export run_sound readable.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The theorem that a fragment which passes [check] meets its readable specification. *)

Fixpoint conj (l : list Prop) : Prop :=
  match l with [] => True | [P] => P | P :: l => P ∧ conj l end.

Lemma conj_Forall {A} (f : A → Prop) l : conj (map f l) ↔ Forall f l.
Proof.
  induction l as [|x l IH]; [done|]. rewrite Forall_cons_iff -IH. destruct l; simpl; [|done].
  naive_solver.
Qed.

(** * The theorem *)
(** A fact under assumptions, latest first. *)
Fixpoint given (ρ : env) (path : list fact) (P : Prop) : Prop :=
  match path with [] => P | f :: path => given ρ path (holds ρ f → P) end.
Definition owed (ρ : env) (x : residue) : Prop := given ρ (r_path x) (holds ρ (r_fact x)).

Lemma given_hold ρ path P : given ρ path P → Forall (holds ρ) path → P.
Proof.
  revert P. induction path as [|f path IH]; intros P; simpl; [done|].
  intros H [Hf Hpath]%Forall_cons_iff. by apply (IH _ H).
Qed.

Section fragment_sound.
  Context {M : machine} `{!machGS M Σ}.

  Theorem fragment_sound fuel hs ws sp ρ ds facts :
    check fuel hs ws sp = Residual ds facts →
    cfg_user (m_config M) = false →
    (conj (map (holds ρ) (s_facts (sp_pre sp))) → conj (map (owed (ext ρ ds)) facts)) →
    vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) ⊢
    vwp (eval ρ (sp_base sp)) (vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp)).
  Proof.
    rewrite /check. intros Hcheck Hkernel Hfacts.
    destruct (spec_scoped sp) eqn:Hscope; [|done].
    apply andb_true_iff in Hscope as [[Hbase Hpre]%andb_true_iff Hposts].
    destruct (srun _ _ _ _ _ _ _ _ _ _ _ _ _) as [ls acc hs' ν|] eqn:Hrun; [|done].
    destruct (match_leaves _ _ _ _) as [l| |] eqn:Hleaves; [|done..].
    destruct (defs_scoped _ _) eqn:Hds; [|done]. injection Hcheck as <- <-.
    set (ds := rev_append (n_defs ν) []) in *. set (ρ2 := ext ρ ds) in *.
    assert (Hag : env_agree (below (sp_next sp)) ρ ρ2) by by apply ext_agree.
    assert (Hnamed : Forall (named ρ2) ds) by by eapply ext_named.
    rewrite /ds rev_append_rev app_nil_r in Hnamed. apply Forall_rev in Hnamed.
    rewrite rev_involutive in Hnamed. rewrite !conj_Forall in Hfacts.
    constructor=> r. rewrite vwp_at vdenote_at. iIntros "(<- & Hbody & %Hprefacts) Hc".
    pose proof (Hfacts Hprefacts) as Hall.
    rewrite rev_append_rev in Hall. apply Forall_app in Hall as [Hacc%Forall_rev Hl].
    rewrite rev_involutive List.Forall_map in Hacc.
    assert (Hdues : Forall (due_holds ρ2) acc).
    { eapply List.Forall_impl; [|exact Hacc]. intros d Hd. exact (given_hold _ _ _ Hd). }
    assert (Hgiven : Forall (holds ρ2) (s_facts (sp_pre sp))).
    { apply andb_true_iff in Hpre as [_ Hscoped]. rewrite forallb_forall in Hscoped.
      rewrite List.Forall_forall in Hprefacts. apply List.Forall_forall. intros f Hf.
      rewrite -(holds_agree _ ρ ρ2 Hag); [by apply Hprefacts|by apply Hscoped]. }
    iAssert (denote (Π:=None) (sp_base sp) (sp_code sp) ρ2 (sp_pre sp) ∗ dflags ρ2 FlagsAny)%I
      with "[Hc Hbody]" as "[Hden Hfl]".
    { iAssert (vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) (eval ρ (s_root (sp_pre sp))))
        with "[Hbody]" as "Hv".
      { rewrite vdenote_at. by iFrame. }
      rewrite /vdenote (vlist_agree _ _ _ ρ ρ2 (sp_pre sp) Hag Hbase Hpre).
      iDestruct (vdenote_at with "Hv") as "(%Hr & [(%f & Hf) Hbody] & _)". rewrite /denote /droot Hr.
      iFrame. done. }
    rewrite (eval_agree _ ρ ρ2 Hag (sp_base sp) Hbase).
    iApply (srun_sound (sp_base sp) (sp_code sp) ρ2 Hkernel _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ eq_refl
      Hrun Hdues Hnamed Hgiven with "Hden Hfl"); [done|].
    iIntros (lf Hin e He Hpath) "[[Hc _] Hbody] Hf".
    destruct (match_leaves_In _ _ _ _ _ _ Hleaves Hin) as (p & w & l' & Hp & Hw & Hmatch & Hin').
    rewrite nth_error_map Hp in He. injection He as <-.
    apply andb_true_iff in Hw as [Hfresh Hnames%bool_decide_eq_true].
    assert (Hl' : Forall (λ x : tag * fact, holds ρ2 x.2) l').
    { apply List.Forall_forall. intros x Hx%Hin'. rewrite List.Forall_forall in Hl.
      exact (given_hold _ _ _ (Hl _ Hx) Hpath). }
    destruct (match_state_sound (sp_base sp) (sp_code sp) ρ2 _ _ _ Hmatch Hl') as (Hroot & Hent & Hpf).
    pose proof (env_with_below _ ρ2 w Hfresh) as Hwith.
    iExists (eval ρ2 (s_root (l_state lf))). iFrame "Hc". iApply (vposts_intro _ _ _ _ _ _ _ _ Hp).
    rewrite forallb_forall in Hposts.
    pose proof (Hposts p (nth_error_In _ _ Hp)) as [Hexit Hpost]%andb_true_iff.
    rewrite /vpost monPred_at_sep monPred_at_pure.
    iSplit; [by rewrite (eval_agree _ ρ ρ2 Hag _ Hexit)|].
    iApply (vexists_intro _ (env_with ρ2 w)).
    rewrite /vdenote (vlist_agree (sp_base sp) (sp_code sp) (bound_or_below (sp_next sp) (p_witness p))
      _ (env_with ρ2 w) (p_state p)); [| |eapply expr_scoped_mono; [|exact Hbase]|done]; last first.
    { intros x Hx. by rewrite /bound_or_below Hx. }
    { split; [|rewrite copy_vars_fracs env_with_fracs; apply Hag]. intros x Hx.
      rewrite copy_vars_word existsb_fst. rewrite /bound_or_below in Hx.
      destruct (existsb _ _); [done|]. rewrite orb_false_r in Hx.
      transitivity (env_word ρ2 x); [by apply Hag|by apply Hwith]. }
    iAssert (dbody (sp_base sp) (sp_code sp) ρ2 (l_state lf)) with "[Hbody Hf]" as "Hbody"; [by iFrame|].
    iDestruct (Hent with "Hbody") as "Hbody". rewrite dbody_subst; last first.
    { symmetry. by apply (eval_agree _ _ _ Hwith). }
    iApply vdenote_at. iFrame "Hbody".
    iSplit; iPureIntro.
    - rewrite Hroot /=. by rewrite eval_subst.
    - clear -Hpf. simpl in Hpf. rewrite List.Forall_map in Hpf.
      eapply List.Forall_impl; [|exact Hpf]. intros f. by rewrite /= holds_subst.
  Qed.

  Corollary fragment_sound_clean fuel hs ws sp ρ :
    clean (check fuel hs ws sp) = true →
    cfg_user (m_config M) = false →
    vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) ⊢
    vwp (eval ρ (sp_base sp)) (vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp)).
  Proof.
    intros Hclean Hkernel. destruct (check fuel hs ws sp) as [ds [|x facts]| | |] eqn:Hc; try done.
    by apply (fragment_sound _ _ _ _ _ _ _ Hc).
  Qed.
End fragment_sound.
