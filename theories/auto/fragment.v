(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.auto Require Export run_sound named.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The theorem that a fragment which passes [check] meets its readable specification.

    At each label with an invariant, what follows is verified once, under the assumption that it is verified
    wherever the label is reached later: the step in between makes it an induction.  So it is with calls of
    the fragment itself. *)

(** What a path leaves at its end. *)
Lemma match_leaves_In n ends plans ls l lf :
  match_leaves n ends plans ls = Matched l → In lf ls →
  ∃ p w l' rest, In p ends ∧ p_exit p = l_pc lf ∧ witness_ok n w p = true ∧
    take_state (l_state lf) (subst_state w [] (p_state p)) = Match (l', rest) ∧
    ∀ x, In x l' → In (Owe (l_path lf) x.1 x.2) l.
Proof.
  revert plans l. induction ls as [|lf' ls IH]; intros plans l; simpl; [done|].
  set (plan := match plans with [] => _ | plan :: _ => plan end).
  destruct (nth_error ends (lp_end plan)) as [p|] eqn:Hp; [|done].
  destruct (expr_eqb (p_exit p) (l_pc lf') && witness_ok n (lp_witness plan) p) eqn:Hw; [|done].
  apply andb_true_iff in Hw as [Hpc%expr_eqb_true Hw].
  destruct (take_state _ _) as [[l' rest]|] eqn:Hl'; [|done].
  destruct (match_leaves n ends (tail plans) ls) as [more| |] eqn:Hmore; [|done..].
  intros [= <-] [->|Hin].
  - exists p, (lp_witness plan), l', rest. split; [by eapply nth_error_In|]. do 3 (split; [done|]).
    intros x Hx. apply in_app_iff. left. by apply (in_map (λ x, Owe (l_path lf) x.1 x.2)).
  - destruct (IH _ _ Hmore Hin) as (p' & w' & l2 & rest' & ? & ? & ? & ? & H). exists p', w', l2, rest'.
    do 4 (split; [done|]). intros x Hx%H. apply in_app_iff. by right.
Qed.

Lemma both_Residual v w l : both v w = Residual l →
  ∃ l1 l2, v = Residual l1 ∧ w = Residual l2 ∧ l = l1 ++ l2.
Proof. destruct v, w; simpl; intros; simplify_eq. by do 2 eexists. Qed.

Section segments.
  Context {M : machine} `{!machGS M Σ}.
  Context (sp : spec) (contracts : list contract) (segs : list segment).
  Context (Hscope : spec_scoped sp = true) (Hgoals : goals sp segs).
  Local Instance: the_platform := sp_platform sp.
  Context (Hplatform : on_platform M).
  Context (ρ : env) (Hpre : Forall (holds ρ) (s_facts (sp_pre sp))).
  Local Notation n := (sp_next sp).
  Local Notation base := (sp_base sp).
  Local Notation code := (sp_code sp).
  Local Notation ρ0 := (param_env sp ρ).
  Local Notation hold ρ := (Forall (holds ρ)).
  Local Notation trie := (code_index code).
  Local Notation ends := (map p_exit (sp_ends sp)).
  Local Notation facts := (s_facts (sp_pre sp)).

  Definition exits_to (e : word) : iProp Σ := ∃ r, CR3 ↦ᵣ r ∗ vposts base code ρ (sp_posts sp) e r.
  (** What a state is at the entry or at a label, and what follows from it. *)
  Definition follows (pc : expr) (s : sstate) : iProp Σ :=
    ∀ ρ', ⌜env_agree (below n) ρ ρ'⌝ -∗ ⌜hold ρ' (s_facts s)⌝ -∗
      CR3 ↦ᵣ eval ρ' (s_root s) -∗ dbody base code ρ' s -∗ swp (eval ρ' pc) exits_to.
  Definition cuts_follow : iProp Σ :=
    □ ∀ p, ⌜In p (sp_cuts sp)⌝ -∗ follows (p_exit p) (p_state p).
  Definition callees_ok : iProp Σ :=
    □ ∀ c ρ', ⌜In c contracts⌝ -∗ ⌜env_agree (below n) ρ ρ'⌝ -∗ swp_contract ρ' c.

  Lemma base_scoped : expr_scoped (below n) base = true.
  Proof using Hscope. by apply andb_true_iff in Hscope as [[? _]%andb_true_iff _]. Qed.
  Lemma pre_scoped : state_scoped (below n) (sp_pre sp) = true.
  Proof using Hscope. by apply andb_true_iff in Hscope as [[_ ?]%andb_true_iff _]. Qed.
  Lemma end_scoped p : In p (sp_ends sp) →
    expr_scoped (below n) (p_exit p) = true ∧
    state_scoped (bound_or_below n (p_witness p)) (p_state p) = true.
  Proof using Hscope.
    intros Hp. apply andb_true_iff in Hscope as [_ H]. rewrite forallb_forall in H.
    by apply H, andb_true_iff in Hp.
  Qed.
  Lemma below_bound ds ok ρ1 ρ2 : ok = bound_or_below n ds → env_agree ok ρ1 ρ2 → env_agree (below n) ρ1 ρ2.
  Proof using Type.
    intros ->. apply env_agree_mono. intros x Hx. by rewrite /bound_or_below Hx.
  Qed.

  (** What is due at the end of a path. *)
  Lemma leaf_follows ls l lf plan ρ' :
    match_leaves n (sp_ends sp) plan ls = Matched l → In lf ls →
    env_agree (below n) ρ ρ' → Forall (owed ρ') l → hold ρ' (l_path lf) →
    cuts_follow -∗ denote base code ρ' (l_state lf) -∗ (∃ f, flags_pt f) -∗
    swp (eval ρ' (l_pc lf)) exits_to.
  Proof using Hscope.
    intros Hleaves Hin Hag Hl Hpath. iIntros "#Hcuts [[Hc _] Hparts] Hf".
    destruct (match_leaves_In _ _ _ _ _ _ Hleaves Hin)
      as (p & w & l' & rest & Hp & Hpc & Hw & Htake & Hin').
    apply andb_true_iff in Hw as [Hfresh Hnames%bool_decide_eq_true].
    assert (Hl' : Forall (λ x : tag * fact, holds ρ' x.2) l').
    { apply List.Forall_forall. intros x Hx%Hin'. rewrite List.Forall_forall in Hl.
      exact (given_hold _ _ _ (Hl _ Hx) Hpath). }
    destruct (take_state_sound base code ρ' _ _ _ _ Htake Hl') as (Hroot & Hent & Hpf).
    set (ρ2 := env_with ρ' w []). pose proof (env_with_below _ ρ' w Hfresh : env_agree _ ρ' ρ2) as Hwith.
    pose proof (env_agree_trans _ _ _ _ Hag Hwith) as Hag2.
    destruct (end_scoped p Hp) as [Hexit Hpost].
    iDestruct (Hent with "Hparts") as "[Hparts _]".
    rewrite (dparts_subst base code ρ' base w []); [|by apply (eval_agree _ _ _ Hwith), base_scoped].
    iAssert (dbody base code ρ2 (p_state p)) with "[Hf Hparts]" as "Hbody"; [by iFrame|].
    rewrite Hroot /= (eval_subst w []). fold ρ2.
    assert (hold ρ2 (s_facts (p_state p))) as Hfacts.
    { simpl in Hpf. rewrite List.Forall_map in Hpf.
      eapply List.Forall_impl; [|exact Hpf]. intros f. by rewrite /= (holds_subst w []). }
    rewrite -Hpc (eval_agree _ _ _ Hwith _ Hexit). apply in_app_iff in Hp as [Hp|Hp].
    - iApply swp_exit. iExists _. iFrame "Hc". apply In_nth_error in Hp as [k Hk].
      iApply (vposts_intro _ _ _ _ _ _ _ _ Hk). rewrite /vpost monPred_at_sep monPred_at_pure.
      iSplit; [by rewrite (eval_agree _ _ _ Hag2 _ Hexit)|].
      iApply (vexists_intro _ ρ2).
      rewrite /vdenote (vlist_agree base code (bound_or_below n (p_witness p)) _ ρ2 (p_state p));
        [| |eapply expr_scoped_mono; [|exact base_scoped]|done]; last first.
      { intros x Hx. by rewrite /bound_or_below Hx. }
      { split; [|rewrite copy_vars_fracs; apply Hag2]. intros x Hx.
        rewrite copy_vars_word existsb_fst. rewrite /bound_or_below in Hx.
        destruct (existsb _ _); [done|]. rewrite orb_false_r in Hx. by apply Hag2. }
      rewrite -/(vdenote base code ρ2 (p_state p)). iApply vdenote_at. by iFrame.
    - iApply ("Hcuts" $! p with "[//] [//] [//] Hc Hbody").
  Qed.

  (** A segment that begins with the names [ds]: what its run relies on. *)
  Definition first_names (ds : defs) : names :=
    Names (first_name sp) (rev_append (map (λ d, (d.1, None)) ds) []).
  Lemma settle_good k plan ds sg ρ' r :
    settle sp k plan r = Residual [sg] → In sg segs → grows_from [] (first_names ds) r →
    env_agree (below n) ρ ρ' →
    ∃ ls acc hs ν l ρ1, r = Paths ls acc hs ν ∧ names_scoped n (rev (n_defs ν)) = true ∧
      good ρ0 (n_defs ν) ρ1 ∧ env_agree (bound_or_below n ds) ρ' ρ1 ∧
      (∀ ρ2, good ρ0 (n_defs ν) ρ2 → Forall (due_holds ρ2) acc ∧ hold ρ2 facts ∧
        env_agree (below n) ρ ρ2 ∧ Forall (owed ρ2) l) ∧
      match_leaves n (sp_ends sp) (sg_leaves plan) ls = Matched l.
  Proof using Hscope Hgoals Hpre.
    rewrite /settle. destruct r as [ls acc hs ν|]; [|done].
    destruct (match_leaves _ _ _ _) as [l| |] eqn:Hleaves; [|done..]. cbv zeta.
    destruct (names_scoped _ _) eqn:Hds; [|done]. intros [= <-] Hin [_ [later Hlater]] Hag.
    simpl in Hlater. rewrite !rev_append_rev !app_nil_r in Hds Hin Hlater.
    pose proof (param_env_agree sp ρ) as Hag0.
    destruct (good_start n ρ0 ρ' ds later) as (ρ1 & Hgood1 & Hag1).
    { rewrite Hlater rev_app_distr rev_involutive in Hds. exact Hds. }
    { eapply env_agree_trans; [by apply env_agree_sym|done]. }
    rewrite -Hlater in Hgood1. exists ls, acc, hs, ν, l, ρ1. do 4 (split; [done|]). split; [|done].
    assert (∀ x o, In (x, o) (n_defs ν) → (n ≤ x)%positive) as Hle.
    { intros x o Hx. apply in_rev in Hx. by apply (names_scoped_In _ _ _ _ Hds Hx). }
    assert (hold ρ0 facts) as Hpre0.
    { eapply hold_agree; [exact Hag0| |exact Hpre]. by pose proof pre_scoped as [_ ?]%andb_true_iff. }
    intros ρ2 Hgood2. pose proof (good_agree _ _ _ _ Hgood2 Hle) as Hag2.
    assert (Forall (owed ρ2) (rev (map (λ d, Owe (d_path d) (TInstr (d_at d)) (d_fact d)) acc) ++ l)) as Hall.
    { eapply (goals_good sp segs _ ρ ρ2 Hgoals Hin); [done|done|]. simpl. by rewrite rev_involutive. }
    apply Forall_app in Hall as [Hacc%Forall_rev Hl]. rewrite rev_involutive List.Forall_map in Hacc.
    split; [|split; [|split; [by eapply env_agree_trans|done]]].
    - eapply List.Forall_impl; [|exact Hacc]. intros d Hd. exact (given_hold _ _ _ Hd).
    - eapply hold_agree; [exact Hag2| |exact Hpre0]. by pose proof pre_scoped as [_ ?]%andb_true_iff.
  Qed.

  Context (fuel : nat).
  Local Notation run_after := (srun base code trie contracts ends facts).
  Local Notation exec go := (sexec base code trie facts go).

  Lemma exec_follows ls acc hs ν l ρ1 f pc s path plan hs0 ν0 :
    exec (run_after f true) 0 pc s FlagsAny path [] hs0 ν0 = Paths ls acc hs ν →
    names_scoped n (rev (n_defs ν)) = true → good ρ0 (n_defs ν) ρ1 →
    (∀ ρ2, good ρ0 (n_defs ν) ρ2 → Forall (due_holds ρ2) acc ∧ hold ρ2 facts ∧
      env_agree (below n) ρ ρ2 ∧ Forall (owed ρ2) l) →
    match_leaves n (sp_ends sp) plan ls = Matched l → hold ρ1 path →
    ▷ callees_ok -∗ ▷ cuts_follow -∗ denote base code ρ1 s -∗ (∃ f, flags_pt f) -∗
    swp (eval ρ1 pc) exits_to.
  Proof using Hscope Hplatform.
    intros Hrun Hds Hgood Hall Hleaves Hpath. iIntros "#Hcallees #Hcuts Hden Hf".
    pose proof (λ ρ2 H, proj1 (Hall ρ2 H)) as HD.
    pose proof (λ ρ2 H, proj1 (proj2 (Hall ρ2 H))) as Hgiven.
    pose proof (srun_sound base code Hplatform contracts ends facts ρ0 (n_defs ν) n acc ls exits_to Hds
      base_scoped HD Hgiven f true) as Hgoes.
    assert (within (n_defs ν) acc ls (exec (run_after f true) 0 pc s FlagsAny path [] hs0 ν0)) as Hw.
    { rewrite Hrun. split; [apply incl_refl|]. split; by exists []. }
    iApply (sexec_sound base code Hplatform contracts facts ρ0 (n_defs ν) n acc ls exits_to Hds
      base_scoped HD Hgiven _ _ _ _ _ _ _ _ _ ρ1 (srun_grows _ _ _ _ _ _ f true) Hgoes Hw Hgood Hpath
      with "[] Hden [Hf]").
    - iNext. iSplit.
      + iIntros "!>" (lf ρ2 Hlf Hgood2 Hlpath) "Hden Hf". destruct (Hall ρ2 Hgood2) as (_ & _ & Hag2 & Hl).
        by iApply (leaf_follows with "Hcuts Hden Hf").
      + iIntros "!>" (c ρ2 Hc Hgood2). destruct (Hall ρ2 Hgood2) as (_ & _ & Hag2 & _).
        by iApply ("Hcallees" with "[//] [//]").
    - iDestruct "Hf" as (g) "Hf". iExists g. by iFrame.
  Qed.

  Lemma cut_follows k plan p sg :
    settle sp k plan
      (srun_on base code trie contracts ends facts fuel 0 (p_exit p) (p_state p) FlagsAny
        (rev_append (s_facts (p_state p)) []) [] (sg_hints plan) (first_names (p_witness p))) =
      Residual [sg] →
    In sg segs → In p (sp_cuts sp) →
    ▷ callees_ok -∗ ▷ cuts_follow -∗ follows (p_exit p) (p_state p).
  Proof using Hscope Hgoals Hpre Hplatform.
    rewrite /srun_on. intros Hsettle Hsg Hp. iIntros "#Hcallees #Hcuts" (ρ' Hag Hfacts) "Hc [Hf Hparts]".
    destruct (settle_good _ _ (p_witness p) _ ρ' _ Hsettle Hsg) as
      (ls & acc & hs & ν & l & ρ1 & Hrun & Hds & Hgood & Hag1 & Hall & Hleaves); [|done|].
    { apply sexec_grows, srun_grows. }
    destruct (end_scoped p) as [Hpc Hs]; [by apply in_app_iff; right|].
    assert (expr_scoped (bound_or_below n (p_witness p)) base = true) as Hb.
    { eapply expr_scoped_mono; [|exact base_scoped]. intros x Hx. by rewrite /bound_or_below Hx. }
    rewrite (eval_agree _ _ _ (below_bound _ _ _ _ eq_refl Hag1) _ Hpc).
    rewrite (dparts_agree _ _ _ Hag1 base code _ Hb Hs).
    pose proof Hs as [[[[Hroot _]%andb_true_iff _]%andb_true_iff _]%andb_true_iff Hfs]%andb_true_iff.
    rewrite (eval_agree _ _ _ Hag1 _ Hroot).
    iAssert (denote base code ρ1 (p_state p)) with "[Hc Hparts]" as "Hden"; [by iFrame|].
    iApply (exec_follows _ _ _ _ _ _ _ _ _ _ _ _ _ Hrun Hds Hgood Hall Hleaves
      with "Hcallees Hcuts Hden Hf").
    rewrite rev_append_rev app_nil_r. apply Forall_rev. exact (hold_agree _ _ _ Hag1 _ Hfs Hfacts).
  Qed.
  Lemma entry_follows k plan sg :
    settle sp k plan
      (srun base code trie contracts ends facts fuel false 0 base (sp_pre sp) FlagsAny [] [] (sg_hints plan)
        (first_names [])) = Residual [sg] →
    In sg segs → ▷ callees_ok -∗ cuts_follow -∗ follows base (sp_pre sp).
  Proof using Hscope Hgoals Hpre Hplatform.
    intros Hsettle Hsg. iIntros "#Hcallees #Hcuts" (ρ' Hag Hfacts) "Hc [Hf Hparts]".
    destruct (settle_good _ _ [] _ ρ' _ Hsettle Hsg) as
      (ls & acc & hs & ν & l & ρ1 & Hrun & Hds & Hgood & Hag1%(below_bound [] _ _ _ eq_refl) & Hall & Hleaves);
      [|done|].
    { apply srun_grows. }
    rewrite (eval_agree _ _ _ Hag1 _ base_scoped).
    rewrite (dparts_agree _ _ _ Hag1 base code _ base_scoped pre_scoped).
    pose proof pre_scoped as [[[[Hroot _]%andb_true_iff _]%andb_true_iff _]%andb_true_iff _]%andb_true_iff.
    rewrite (eval_agree _ _ _ Hag1 _ Hroot).
    iAssert (denote base code ρ1 (sp_pre sp)) with "[Hc Hparts]" as "Hden"; [by iFrame|].
    destruct fuel as [|f]; cbn [srun] in Hrun; rewrite /with_ghosts in Hrun;
      destruct (is_end ends base); try done.
    1,2: injection Hrun as <- <- <- <-; destruct (Hall _ Hgood) as (_ & _ & Hag2 & Hl);
      by iApply (leaf_follows _ _ (run.Leaf base (sp_pre sp) []) _ _ Hleaves (or_introl eq_refl) Hag2 Hl
        with "Hcuts Hden Hf").
    by iApply (exec_follows _ _ _ _ _ _ _ _ _ _ _ _ _ Hrun Hds Hgood Hall Hleaves
      with "Hcallees Hcuts Hden Hf").
  Qed.
End segments.

(** * The check *)
Section check.
  Context (fuel : nat) (contracts : list contract) (plans : list segment_plan) (sp : spec).
  Local Instance: the_platform := sp_platform sp.

  Lemma settle_one k plan r l : settle sp k plan r = Residual l → ∃ sg, l = [sg].
  Proof using Type.
    rewrite /settle. destruct r as [ls acc hs ν|]; [|done]. destruct (match_leaves _ _ _ _); [|done..].
    cbv zeta. destruct (names_scoped _ _); [|done]. intros [= <-]. by eexists.
  Qed.
  Lemma check_cuts_In trie k ps l p :
    check_cuts fuel contracts plans sp trie k ps = Residual l → In p ps →
    ∃ k sg, check_cut fuel contracts plans sp trie k p = Residual [sg] ∧ In sg l.
  Proof using Type.
    revert k l. induction ps as [|p' ps IH]; intros k l; simpl; [done|].
    intros (l1 & l2 & H1 & H2 & ->)%both_Residual [->|Hp].
    - destruct (settle_one _ _ _ _ H1) as [sg ->]. exists k, sg. split; [done|]. by left.
    - destruct (IH _ _ H2 Hp) as (k' & sg & H & Hin). exists k', sg. split; [done|].
      apply in_app_iff. by right.
  Qed.

  Context {M : machine} `{!machGS M Σ}.
  Lemma check_follows segs ρ :
    check fuel contracts plans sp = Residual segs → on_platform M → goals sp segs →
    Forall (holds ρ) (s_facts (sp_pre sp)) →
    ▷ callees_ok sp contracts ρ -∗ follows sp ρ (sp_base sp) (sp_pre sp).
  Proof using Type.
    rewrite /check. intros Hcheck Hplatform Hgoals Hpre.
    destruct (spec_scoped sp && _) eqn:Hscope; [|done]. apply andb_true_iff in Hscope as [Hscope _].
    apply both_Residual in Hcheck as (l1 & l2 & Hentry & Hcuts & ->).
    destruct (settle_one _ _ _ _ Hentry) as [sg ->]. iIntros "#Hcallees".
    iAssert (cuts_follow sp ρ) as "#Hcuts".
    { iLöb as "IH". iIntros "!>" (p Hp). destruct (check_cuts_In _ _ _ _ _ Hcuts Hp) as (k & sg' & Hcut & Hin).
      iApply (cut_follows sp contracts _ Hscope Hgoals Hplatform ρ Hpre fuel _ _ _ _ Hcut with "Hcallees IH");
        [by right|done]. }
    iApply (entry_follows sp contracts _ Hscope Hgoals Hplatform ρ Hpre fuel _ _ _ Hentry with "Hcallees Hcuts").
    by left.
  Qed.
End check.

(** * The theorem *)
Section fragment_sound.
  Context {M : machine} `{!machGS M Σ}.
  Context (fuel : nat) (contracts : list contract) (plans : list segment_plan) (sp : spec).

  (** What is fixed for the caller's contracts is handed on by a call of itself. *)
  Definition keeps (c : contract) : bool :=
    forallb (λ d, forallb (λ x,
      existsb (λ y, expr_eqb y.1 x.2 && expr_eqb y.2 x.2) (ct_fixed c)) (ct_fixed d)) contracts.
  (** A contract is the fragment's own, or known to hold. *)
  Definition contract_given (ρ : env) (c : contract) : Prop :=
    (ct_spec c = sp ∧ keeps c = true) ∨ contract_holds ρ c.

  Theorem fragment_sound segs ρ :
    check fuel contracts plans sp = Residual segs →
    @on_platform (sp_platform sp) M →
    Forall (contract_given ρ) contracts →
    goals sp segs →
    spec_at sp ρ.
  Proof using Type.
    intros Hcheck Hplatform Hgiven Hgoals.
    assert (contracts_scoped (sp_next sp) contracts = true) as Hscoped.
    { revert Hcheck. rewrite /check. destruct (_ && _) eqn:H; [|done]. by apply andb_true_iff in H as [_ ?]. }
    apply spec_at_swp.
    set (same ρ' := ∀ c x, In c contracts → In x (ct_fixed c) → eval ρ' x.2 = eval ρ x.2).
    iAssert (∀ ρ', ⌜same ρ'⌝ -∗ swp_spec sp ρ')%I as "H"; [|by iApply "H"].
    iLöb as "IH". iIntros (ρ' Hsame r) "Hpre Hc".
    rewrite vdenote_at. iDestruct "Hpre" as "(<- & Hbody & %Hpre)".
    iApply (check_follows fuel contracts plans sp segs ρ' Hcheck Hplatform Hgoals Hpre with "[] [%] [//] Hc Hbody");
      [|apply env_agree_refl].
    iIntros "!> !>" (c ρ2 Hc Hag ρ3 Hfixed). rewrite List.Forall_forall in Hgiven.
    rewrite List.Forall_forall in Hfixed. rewrite /contracts_scoped forallb_forall in Hscoped.
    assert (∀ c x, In c contracts → In x (ct_fixed c) → eval ρ2 x.2 = eval ρ x.2) as Hsame2.
    { intros c' x Hc' Hx. rewrite -(Hsame c' x Hc' Hx). symmetry. apply (eval_agree _ _ _ Hag).
      specialize (Hscoped _ Hc'). rewrite forallb_forall in Hscoped. by apply Hscoped. }
    destruct (Hgiven _ Hc) as [[-> Hkeeps]|Hholds].
    - iApply "IH". iPureIntro. intros c' x Hc' Hx. rewrite /keeps forallb_forall in Hkeeps.
      specialize (Hkeeps _ Hc'). rewrite forallb_forall in Hkeeps.
      specialize (Hkeeps _ Hx). apply existsb_exists in Hkeeps as (y & Hy & [H1 H2]%andb_true_iff).
      apply expr_eqb_true in H1. apply expr_eqb_true in H2.
      rewrite -(Hsame2 _ _ Hc' Hx) -{1}H1 (Hfixed _ Hy) H2. done.
    - apply contract_holds_swp in Hholds. iPoseProof Hholds as "Hholds". iApply "Hholds". iPureIntro.
      apply List.Forall_forall. intros x Hx. by rewrite (Hfixed _ Hx) (Hsame2 _ _ Hc Hx).
  Qed.

  Corollary fragment_sound_clean ρ :
    clean (check fuel contracts plans sp) = true →
    @on_platform (sp_platform sp) M →
    Forall (contract_given ρ) contracts →
    spec_at sp ρ.
  Proof using Type.
    intros Hclean Hplatform Hgiven. destruct (check fuel contracts plans sp) as [l| | |] eqn:Hc; try done.
    by apply (fragment_sound l ρ Hc Hplatform Hgiven), clean_goals.
  Qed.
End fragment_sound.
