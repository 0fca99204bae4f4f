(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export step_sound grow calls.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Runs of the executor: at every branch the machine takes an arm that was run, under what was assumed
    there; at every value that nobody knows, it has one of those for which the run was made. *)

(** A fact that is owed is due under what was assumed on the way to it. *)
Definition due_holds (ρ : env) (d : due) : Prop :=
  Forall (holds ρ) (d_path d) → holds ρ (d_fact d).

Lemma dues_hold ρ path z l acc :
  Forall (due_holds ρ) (dues path z l acc) → Forall (holds ρ) path → Forall (holds ρ) l.
Proof.
  rewrite dues_app. intros [H%Forall_rev _]%Forall_app Hpath. rewrite rev_involutive in H.
  rewrite List.Forall_map in H. eapply List.Forall_impl; [|exact H]. intros f Hf. by apply Hf.
Qed.

Section run_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list).
  Context (Hplatform : on_platform M).
  Local Notation den := (denote base code).
  Local Notation SI := state_interp.
  Local Notation hold ρ := (Forall (holds ρ)).

  (** The facts [given] hold all the time; [ρ0] has the parameters, [T] all names of the run, latest first,
      [D] all that is owed, [L] all leaves. *)
  Context (contracts : list contract) (ends : list expr) (given : list fact).
  Context (ρ0 : env) (T : telescope) (first : positive) (D : list due) (L : list leaf) (Q : word → iProp Σ).
  Context (HT : names_scoped first (rev T) = true) (Hbase : expr_scoped (below first) base = true).
  Local Notation good := (good ρ0 T).
  Context (HD : ∀ ρ, good ρ → Forall (due_holds ρ) D) (Hgiven : ∀ ρ, good ρ → hold ρ given).
  Local Notation trie := (code_index code).

  Definition in_all (acc : list due) (ν : names) : Prop := (∃ l, D = l ++ acc) ∧ (∃ l, T = l ++ n_defs ν).
  Definition within (r : run_result) : Prop :=
    match r with Paths ls acc _ ν => incl ls L ∧ in_all acc ν | StuckAt _ _ _ => False end.

  Lemma in_all_grown acc ν acc' ν' : in_all acc' ν' → grown acc ν acc' ν' → in_all acc ν.
  Proof using Type.
    intros [[l1 H1] [l2 H2]] [[m1 ->] [m2 Hm]]. rewrite Hm in H2.
    split; [exists (l1 ++ m1)|exists (l2 ++ m2)]; by rewrite -app_assoc.
  Qed.
  Lemma within_grows acc ν r : within r → grows_from acc ν r → in_all acc ν.
  Proof using Type. destruct r as [ls acc' hs ν'|]; [|done]. intros [_ H]. by apply in_all_grown. Qed.
  Lemma within_then first_run rest :
    within (then_run first_run rest) → (∀ acc hs ν, grows_from acc ν (rest acc hs ν)) →
    ∃ l1 acc1 hs1 ν1, first_run = Paths l1 acc1 hs1 ν1 ∧ within first_run ∧ within (rest acc1 hs1 ν1).
  Proof using Type.
    destruct first_run as [l1 acc1 hs1 ν1|]; [|done]. simpl. intros Hw Hgrows.
    specialize (Hgrows acc1 hs1 ν1). exists l1, acc1, hs1, ν1. split; [done|].
    destruct (rest acc1 hs1 ν1) as [l2 acc2 hs2 ν2|]; [|done]. destruct Hw as [Hin Hall]. split.
    - split; [|by eapply in_all_grown]. intros x Hx. apply Hin, in_app_iff. by left.
    - split; [|done]. intros x Hx. apply Hin, in_app_iff. by right.
  Qed.
  Lemma in_all_due ρ acc ν : in_all acc ν → good ρ → Forall (due_holds ρ) acc.
  Proof using HD. intros [[l Hl] _] Hρ%HD. rewrite Hl in Hρ. by apply Forall_app in Hρ as [_ Hacc]. Qed.
  Lemma in_all_named ρ acc ν : in_all acc ν → good ρ → Forall (named ρ) (n_defs ν).
  Proof using Type.
    intros [_ [l Hl]] [_ _ Hρ]. rewrite Hl in Hρ. by apply Forall_app in Hρ as [_ Hacc].
  Qed.
  (** Names begin above the parameters. *)
  Lemma in_all_next acc k ν : in_all acc (unknowns k ν) → k ≠ 0%nat → (first ≤ n_next ν)%positive.
  Proof using HT.
    intros [_ [l Hl]] Hk. destruct k as [|k]; [done|]. rewrite unknowns_defs /= in Hl.
    destruct (names_scoped_In first (rev T) (n_next ν) None HT) as [Hle _]; [|done].
    rewrite -in_rev Hl !in_app_iff /=. tauto.
  Qed.

  (** What is left to verify at the leaves, and what is known of callees. *)
  Definition leaves_ok : iProp Σ :=
    □ ∀ lf ρ, ⌜In lf L⌝ -∗ ⌜good ρ⌝ -∗ ⌜hold ρ (l_path lf)⌝ -∗
      den ρ (l_state lf) -∗ (∃ f, flags_pt f) -∗ swp (eval ρ (l_pc lf)) Q.
  Definition calls_ok : iProp Σ := □ ∀ c ρ, ⌜In c contracts⌝ -∗ ⌜good ρ⌝ -∗ swp_contract ρ c.
  Definition all_ok : iProp Σ := leaves_ok ∗ calls_ok.
  Global Instance all_ok_persistent : Persistent all_ok.
  Proof using Type. apply _. Qed.

  Definition goes (go : continuation) : Prop := ∀ z pc s φ path acc hs ν ρ,
    within (go z pc s φ path acc hs ν) → good ρ → hold ρ path →
    all_ok -∗ den ρ s -∗ dflags ρ φ -∗ swp (eval ρ pc) Q.

  (** * Ghost steps *)
  Lemma sghosts_sound after z pc φ s path acc hs ν t ρ σ :
    sghosts base code after z pc φ s path acc hs ν = Done t → in_all (t_due t) (t_names t) →
    good ρ → hold ρ path →
    SI σ -∗ den ρ s -∗ dflags ρ φ ==∗
    SI σ ∗ ∃ ρ', ⌜good ρ'⌝ ∗ ⌜hold ρ' (t_path t)⌝ ∗ ⌜eval ρ' pc = eval ρ pc⌝ ∗
      den ρ' (t_state t) ∗ dflags ρ' φ.
  Proof using HT HD Hbase.
    intros Ht Hall. revert s path acc ν ρ Ht. induction hs as [|[k h] hs IH]; intros s path acc ν ρ; simpl.
    { intros [= <-] Hgood Hpath. iIntros "$ Hden Hfl !>". iExists ρ. by iFrame. }
    destruct (if k =? z then ghost_of after h else None) as [g|]; last first.
    { intros [= <-] Hgood Hpath. iIntros "$ Hden Hfl !>". iExists ρ. by iFrame. }
    intros ([[[s' owed] learned] ν'] & Hg & Ht)%res_bind_Done Hgood Hpath. case_match eqn:Hscope; [|done].
    destruct (sturn_names _ _ _ _ _ _ _ _ _ Hg) as [k' ->].
    pose proof (sturn_sound base code _ _ _ _ _ _ k' ρ σ Hg) as Hsound.
    assert (in_all (dues path z owed acc) (unknowns k' ν)) as Hall1.
    { eapply in_all_grown; [exact Hall|]. by eapply sghosts_grows. }
    assert (hold ρ owed) as Howed.
    { eapply dues_hold; [|exact Hpath]. by eapply in_all_due. }
    iIntros "HS Hden Hfl". apply orb_true_iff in Hscope as [Hsame%Pos.eqb_eq|Hscope].
    - assert (k' = 0%nat) as ->.
      { destruct k' as [|k']; [done|]. pose proof (unknowns_next k' (unknown ν).2) as Hle. simpl in *. lia. }
      iMod (Hsound with "HS Hden") as "[HS (%vs & %Hvs & Hden & %Hl)]"; [by left|done|].
      destruct vs; [|done]. simpl. iApply (IH _ _ _ _ ρ Ht Hgood with "HS Hden Hfl").
      rewrite rev_append_rev. apply Forall_app. split; [by apply Forall_rev|done].
    - destruct (decide (k' = 0%nat)) as [->|Hk'].
      { iMod (Hsound with "HS Hden") as "[HS (%vs & %Hvs & Hden & %Hl)]"; [by left|done|].
        destruct vs; [|done]. simpl. iApply (IH _ _ _ _ ρ Ht Hgood with "HS Hden Hfl").
        rewrite rev_append_rev. apply Forall_app. split; [by apply Forall_rev|done]. }
      pose proof (in_all_next _ _ _ Hall1 Hk') as Hnext. destruct Hall1 as [_ [later HT1]].
      apply andb_true_iff in Hscope as [[Hstill Hs']%andb_true_iff Hlearned].
      apply andb_true_iff in Hstill as [[[Hpc Hs]%andb_true_iff Hφ]%andb_true_iff Hp].
      assert (∀ n, (first ≤ n)%positive → expr_scoped (below n) base = true) as Hbase'.
      { intros n Hn. eapply expr_scoped_mono; [|exact Hbase]. intros x Hx%below_lt. apply below_lt. lia. }
      iMod (Hsound with "HS Hden") as "[HS (%vs & %Hvs & Hden & %Hl)]"; [by right; auto|done|].
      destruct (good_unknowns _ _ _ _ _ _ _ vs HT HT1 Hvs Hgood) as (ρ' & Hgood' & Hag & Hnew).
      rewrite (denote_agree _ _ _ Hnew); [| |done]; last first.
      { apply Hbase'. pose proof (unknowns_next k' ν). lia. }
      assert (dflags ρ φ ⊢ dflags ρ' φ) as ->.
      { rewrite /dflags. iIntros "(%f & $ & %Hf)". iPureIntro. exact (flags_agree _ _ _ _ _ Hag Hφ Hf). }
      iMod (IH _ _ _ _ ρ' Ht Hgood' with "HS Hden Hfl") as "[$ (%ρ2 & %Hgood2 & %Hpath2 & %Hpc2 & H)]".
      { rewrite rev_append_rev. apply Forall_app. split.
        - apply Forall_rev. exact (hold_agree _ _ _ Hnew _ Hlearned Hl).
        - exact (hold_agree _ _ _ Hag _ Hp Hpath). }
      iModIntro. iExists ρ2. iFrame. iPureIntro. split_and!; [done..|].
      rewrite Hpc2. symmetry. exact (eval_agree _ _ _ Hag _ Hpc).
  Qed.

  (** * Instructions *)
  Lemma offset_from_Some ρ pc z :
    offset_from base pc = Some z → eval ρ pc = eval ρ base `+Z` z.
  Proof using Type.
    rewrite /offset_from. destruct (expr_eqb base pc) eqn:He.
    - intros [= <-]. apply expr_eqb_true in He as <-. by rewrite bv_add_Z_0.
    - destruct pc as [|z'|e z'| |]; [done..| |done|done]. destruct (expr_eqb base e) eqn:He'; [|done].
      intros [= ->]. by apply expr_eqb_true in He' as <-.
  Qed.
  Lemma dcode_acc ρ l r : code_mapped r l = true →
    dcode base code ρ l ⊢ ∃ q, code_at (eval ρ base) code (eval ρ r) q ∗
                   (code_at (eval ρ base) code (eval ρ r) q -∗ dcode base code ρ l).
  Proof using Type.
    induction l as [|[r' q] l IH]; simpl; [done|]. destruct (expr_eqb r' r) eqn:Hr.
    - apply expr_eqb_true in Hr as ->. iIntros (_) "[H $]". iExists _. iFrame. by iIntros "$".
    - iIntros (Hl) "[$ H]". by iApply IH.
  Qed.
  Lemma loadable_sound ρ σ i s z n :
    In (z, (i, n)) code → root_mapped i s = true → SI σ -∗ den ρ s -∗ ⌜loadable (M:=M) ρ i s⌝.
  Proof using Type.
    intros Hin Hmapped. destruct i as [| | | | | | | | | | | | | | | | | | | | | | | | | |r| | | | | |];
      simpl in *; try by iIntros "_ _".
    iIntros "HS (_ & _ & _ & Hcode)".
    destruct (sget r s) as [v|w]; [|by iPureIntro; intros ?].
    iDestruct (dcode_acc _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
    iDestruct (code_at_acc _ _ _ _ _ _ _ Hin with "Hcode") as "[Hi _]".
    iDestruct (code_root_ok with "HS Hi") as %Hok. iPureIntro. by intros v' [= <-].
  Qed.

  Lemma sstep_stosq hint next s φ ν r :
    sstep hint next RepStosq s φ ν = Done r →
    ∃ stop s2 facts a ν2, sstosq hint s = Done (stop, s2, facts) ∧ name stop ν = (a, ν2) ∧
      r = Straight (Outcome (set_regs (reg_put RDI a (s_regs s2)) s2) φ next facts ν2).
  Proof using Type.
    simpl. intros ([[stop s2] facts] & Hs & H)%res_bind_Done. destruct (name stop ν) as [a ν2] eqn:Hname.
    apply res_bind_Done in H as (s3 & (e & _ & [= <-])%res_bind_Done & [= <-]).
    by exists stop, s2, facts, a, ν2.
  Qed.

  Lemma sexec_sound go last pc s φ path acc hs ν ρ :
    grows go → goes go → within (sexec base code trie given go last pc s φ path acc hs ν) →
    good ρ → hold ρ path →
    ▷ all_ok -∗ den ρ s -∗ dflags ρ φ -∗ swp (eval ρ pc) Q.
  Proof using HT HD Hbase Hplatform Hgiven.
    intros Hgrows Hgo. rewrite /sexec. destruct (offset_from base pc) as [z|] eqn:Hpc; [|done].
    destruct (code_get trie z) as [[i len]|] eqn:Hi; [|done]. apply code_index_In in Hi.
    destruct (sghosts _ _ _ _ _ _ _ _ _ _ _) as [[s1 path1 acc1 hs1 ν1]|] eqn:Hg; [|done].
    destruct (code_mapped _ _) eqn:Hmapped; [|done].
    destruct (pop_at z hs1) as [hint hs2].
    destruct (root_mapped i s1 && length_fits i len) eqn:Hstart; [|done].
    apply andb_true_iff in Hstart as [Hroot Hlen].
    intros Hw Hgood Hpath. iIntros "#Hok Hden Hfl". iApply swp_interp. iIntros (σ0 _) "HS".
    assert (Hnext1 : ∀ ρ', eval ρ' pc = eval ρ' base `+Z` z) by (intros; by apply offset_from_Some).
    assert (Hall1 : in_all acc1 ν1).
    { eapply within_grows; [exact Hw|].
      destruct (sstep _ _ i s1 φ ν1) as [[o|yes no o o']|] eqn:Hstep; [| |done].
      - apply (sstep_grows _ _ _ _ _ _ _ acc1) in Hstep.
        eapply grows_from_trans; [exact Hstep|]. eapply grows_from_trans; [apply grown_dues|]. apply Hgrows.
      - apply then_run_grows; intros; by apply arm_grows. }
    iMod (sghosts_sound _ _ _ _ _ _ _ _ _ _ _ σ0 Hg Hall1 Hgood Hpath with "HS Hden Hfl")
      as "[$ (%ρ1 & %Hgood1 & %Hpath1 & <- & Hden & Hfl)]". iModIntro. simpl in Hpath1 |- *.
    clear Hgood Hpath Hall1 ρ σ0. specialize (Hnext1 ρ1).
    assert (i = RepStosq ∨ i ≠ RepStosq) as [->|Hone] by (destruct i; by [left|right]).
    { apply Z.eqb_eq in Hlen as ->. destruct (sstep _ _ _ _ _ _) as [o|] eqn:Hstep; [|done].
      destruct (sstep_stosq _ _ _ _ _ _ Hstep) as (stop & s2 & facts & a & ν2 & Hs & Hname & ->).
      pose proof (within_grows _ _ _ Hw (Hgrows _ _ _ _ _ _ _ _)) as Hall.
      pose proof (dues_hold _ _ _ _ _ (in_all_due _ _ _ Hall Hgood1) Hpath1) as Hf.
      destruct (name_sound ρ1 _ _ _ _ Hname (in_all_named _ _ _ Hall Hgood1)) as [Ha _].
      iDestruct "Hden" as "([Hc %HM] & Hregs & Hitems & Hcode)".
      iDestruct (dcode_acc _ _ _ Hmapped with "Hcode") as (q) "[Hcode Hback]".
      iDestruct (code_at_acc _ _ _ _ _ _ _ Hi with "Hcode") as "[Hi Hcode]". rewrite -Hnext1.
      iApply (sstosq_sound with "Hc Hregs Hitems Hi"); [exact Hs|exact Hf|]. iNext.
      iIntros "Hc Hregs Hitems Hi". destruct (sstosq_keeps _ _ _ _ _ Hs) as [Hroot2 Hcode2].
      assert (eval ρ1 pc `+Z` 3 = eval ρ1 (mk_add base (z + 3))) as ->.
      { by rewrite eval_mk_add Hnext1 bv_add_Z_assoc. }
      iApply (Hgo _ _ _ _ _ _ _ _ _ Hw Hgood1 Hpath1 with "Hok [-Hfl] Hfl"). cbn [o_state].
      rewrite /denote /droot /dparts /= Hroot2 Hcode2. iSplitL "Hc"; [by iFrame|].
      iDestruct ("Hregs" $! a with "[//]") as "$". iFrame "Hitems". iApply "Hback". by iApply "Hcode". }
    iApply swp_lift. iIntros (σ Hσ) "HS".
    iDestruct (loadable_sound with "HS Hden") as %Hload; [done..|].
    iDestruct (root_sound with "HS Hden") as %Hcr3.
    iAssert ⌜∀ τ, translator_ok M σ τ → fetch (m_image M) τ (st_rip σ) = Ok (i, len)⌝%I as %Hfetch.
    { iDestruct "Hden" as "(_ & _ & _ & Hcode)".
      iDestruct (dcode_acc _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
      iDestruct (code_at_acc _ _ _ _ _ _ _ Hi with "Hcode") as "[Hi _]".
      rewrite -Hcr3 -Hnext1 -Hσ. iApply (fetch_sound with "HS Hi"). }
    iDestruct (state_interp_rip _ (st_rip σ `+Z` len) with "HS") as "HS".
    assert (Hnext : st_rip (set_rip (st_rip σ `+Z` len) σ) = eval ρ1 (mk_add base (z + len))).
    { by rewrite eval_mk_add /= Hσ Hnext1 bv_add_Z_assoc. }
    (* What the machine reaches is a step of it. *)
    iAssert (∀ o, reaches base code ρ1 (set_rip (st_rip σ `+Z` len) σ) i o -∗
      ▷ (den ρ1 (o_state o) -∗ dflags ρ1 (o_flags o) -∗ swp (eval ρ1 (o_pc o)) Q) ={⊤}=∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec_next M τ σ = Ok σ'⌝ ∗
        SI σ' ∗ ▷ swp (st_rip σ') Q)%I as "Hdone".
    { iIntros (o) "(%σ' & %Hexec & HS & Hden & Hf & %Hrip) H". iModIntro. iExists σ'. iFrame "HS".
      iSplit; [|iNext; rewrite Hrip; by iApply ("H" with "Hden Hf")].
      iPureIntro. intros τ Hok. rewrite /exec_next Hfetch //=. by apply Hexec. }
    pose proof (on_platform_kernel _ Hplatform) as Hkernel.
    destruct (sstep _ _ i s1 φ ν1) as [[o|yes no o o']|] eqn:Hstep; [| |done].
    - pose proof (within_grows _ _ _ Hw (Hgrows _ _ _ _ _ _ _ _)) as Hall.
      pose proof (dues_hold _ _ _ _ _ (in_all_due _ _ _ Hall Hgood1) Hpath1) as Hf.
      pose proof (in_all_named _ _ _ Hall Hgood1) as Hν.
      iMod (sstep_sound base code ρ1 Hkernel _ _ Hnext _ _ _ _ _ _ Hone Hstep Hf Hν Hload
        with "HS Hden Hfl") as "H".
      iApply ("Hdone" with "H"). iIntros "!> Hden Hfl".
      iApply (Hgo _ _ _ _ _ _ _ _ _ Hw Hgood1 Hpath1 with "Hok Hden Hfl").
    - cbv zeta in Hw. apply within_then in Hw as (l1 & acc3 & hs3 & ν3 & H1 & Hw1 & Hw2); last first.
      { intros. by apply arm_grows. }
      clear H1.
      iDestruct (sstep_fork_sound base code ρ1 _ _ Hnext _ _ _ _ _ _ _ _ _ Hstep with "HS Hden Hfl")
        as (b Hgood) "H".
      assert (refuted (path1 ++ given) (if b then yes else no) = false) as Harm.
      { apply not_true_is_false. intros Hr. pose proof (Hgiven _ Hgood1) as Hgiv.
        apply (refuted_sound ρ1 _ _ Hr); [by apply Forall_app; split|by destruct b]. }
      destruct b; simpl in Hgood; rewrite Harm in Hw1 || rewrite Harm in Hw2.
      + pose proof (within_grows _ _ _ Hw1 (Hgrows _ _ _ _ _ _ _ _)) as Hall.
        pose proof (dues_hold _ _ _ _ _ (in_all_due _ _ _ Hall Hgood1) Hpath1) as Hf.
        iMod ("H" with "[%]") as "H"; [done|].
        iApply ("Hdone" with "H"). iIntros "!> Hden Hfl".
        iApply (Hgo _ _ _ _ _ _ _ _ _ Hw1 Hgood1 with "Hok Hden Hfl"). by constructor.
      + pose proof (within_grows _ _ _ Hw2 (Hgrows _ _ _ _ _ _ _ _)) as Hall.
        pose proof (dues_hold _ _ _ _ _ (in_all_due _ _ _ Hall Hgood1) Hpath1) as Hf.
        iMod ("H" with "[%]") as "H"; [done|].
        iApply ("Hdone" with "H"). iIntros "!> Hden Hfl".
        iApply (Hgo _ _ _ _ _ _ _ _ _ Hw2 Hgood1 with "Hok Hden Hfl"). by constructor.
  Qed.

  (** * Calls *)
  Lemma base_below n : (first ≤ n)%positive → expr_scoped (below n) base = true.
  Proof using Hbase.
    intros Hn. eapply expr_scoped_mono; [|exact Hbase]. intros x Hx%below_lt. apply below_lt. lia.
  Qed.

  Lemma call_state ρ words fracs lent rest c entry p r :
    eval ρ entry = eval (env_with ρ words fracs) (sp_base c) →
    r = eval (env_with ρ words fracs) (s_root (p_state p)) →
    CR3 ↦ᵣ r -∗ dparts base code ρ rest -∗ dlent base entry code (sp_code c) ρ lent -∗
    dparts (sp_base c) (sp_code c) (env_with ρ words fracs) (p_state p) -∗
    den ρ (scall_state words fracs lent rest p).
  Proof using Hplatform.
    intros Hentry ->. iIntros "Hc (Hr & Hi & Hcode) Hlent H".
    iAssert (dparts entry (sp_code c) ρ (subst_state words fracs (p_state p))) with "[H]" as "(Hr2 & Hi2 & Hc2)".
    { by rewrite (dparts_subst entry (sp_code c) ρ (sp_base c)). }
    iDestruct (dlent_back with "Hlent Hc2") as "Hc2".
    rewrite /denote /droot /scall_state /=. iSplitL "Hc"; [by rewrite (eval_subst words fracs); iFrame|].
    rewrite /dparts /= dregs_app ditems_app dcode_app. iFrame.
  Qed.

  (** Behind a call, with the returned values: what was there is still there. *)
  Record returned_to c words fracs entry lent rest path p (r : word) n xs vs ρ ρ' : Prop := {
    ret_path : hold ρ' (path ++ given);
    ret_pc : eval (env_with ρ words fracs) (p_exit p) = eval ρ' (subst words (p_exit p));
    ret_rest : dparts base code ρ rest = dparts base code ρ' rest;
    ret_lent : dlent base entry code (sp_code c) ρ lent = dlent base entry code (sp_code c) ρ' lent;
    ret_entry : eval ρ' entry = eval (env_with ρ' (renamed n xs ++ words) fracs) (sp_base c);
    ret_parts :
      dparts (sp_base c) (sp_code c) (env_sets (env_with ρ words fracs) xs vs) (p_state p) =
      dparts (sp_base c) (sp_code c) (env_with ρ' (renamed n xs ++ words) fracs) (p_state p);
    ret_root : r = eval (env_with ρ' (renamed n xs ++ words) fracs) (s_root (p_state p));
    ret_facts : hold (env_with ρ' (renamed n xs ++ words) fracs) (s_facts (p_state p));
  }.
  Lemma call_returned c words fracs entry lent rest path p r n vs ρ ρ' :
    let xs := map fst (p_witness p) in
    scall_scoped base given n c words entry lent rest path p = true →
    (xs = [] → ρ' = ρ) → length vs = length xs → env_agree (below n) ρ ρ' →
    Forall (λ x, env_word ρ' x.1 = x.2) (zip (next_names (length xs) n) vs) →
    hold ρ (path ++ given) → eval ρ entry = eval (env_with ρ words fracs) (sp_base c) →
    eval (env_sets (env_with ρ words fracs) xs vs) (s_root (p_state p)) = r →
    hold (env_sets (env_with ρ words fracs) xs vs) (s_facts (p_state p)) →
    returned_to c words fracs entry lent rest path p r n xs vs ρ ρ'.
  Proof using Type.
    intros xs. rewrite /scall_scoped. fold xs. intros Hscope Hnil Hlen Hag Hnew Hpath Hentry Hroot Hfacts.
    destruct xs as [|x xs'] eqn:Hxs.
    { destruct vs; [|done]. rewrite (Hnil eq_refl) in Hag Hnew |- *.
      split; try done. by rewrite (eval_subst words fracs). }
    rewrite -Hxs in Hscope Hlen Hnew Hroot Hfacts |- *. clear Hnil Hxs x xs'.
    repeat (apply andb_true_iff in Hscope as [Hscope ?]).
    match goal with H : expr_eqb _ _ = true |- _ => apply expr_eqb_true in H; rename H into Hbase' end.
    apply bool_decide_eq_true in Hscope. apply NoDup_ListNoDup in Hscope.
    match goal with H : still _ _ _ _ _ = true |- _ => rename H into Hstill end.
    apply andb_true_iff in Hstill as [[[Hpc Hrest]%andb_true_iff _]%andb_true_iff Hp].
    assert (Hret : env_agree (λ x, is_known (renamed n xs ++ words) x || below n x)
      (env_sets (env_with ρ words fracs) xs vs) (env_with ρ' (renamed n xs ++ words) fracs)).
    { by apply returned_agree. }
    split.
    - exact (hold_agree _ _ _ Hag _ Hp Hpath).
    - by rewrite -(eval_subst words fracs) (eval_agree _ _ _ Hag _ Hpc).
    - by apply (dparts_agree _ _ _ Hag).
    - by apply (dlent_agree _ _ _ _ _ _ _ _ Hag).
    - by rewrite -(eval_subst _ fracs) Hbase'.
    - by apply (dparts_agree _ _ _ Hret).
    - match goal with H : state_scoped _ (p_state p) = true |- _ => rename H into Hs end.
      apply andb_true_iff in Hs as [[[[Hs _]%andb_true_iff _]%andb_true_iff _]%andb_true_iff _].
      by rewrite -(eval_agree _ _ _ Hret).
    - match goal with H : state_scoped _ (p_state p) = true |- _ => rename H into Hs end.
      apply andb_true_iff in Hs as [_ Hs]. exact (hold_agree _ _ _ Hret _ Hs Hfacts).
  Qed.

  Lemma scall_arm_sound go z c words fracs entry lent rest path p acc hs ν ρ e r :
    goes go → grows go →
    within (scall_arm base given go z c words fracs entry lent rest path p acc hs ν) →
    good ρ → hold ρ path → eval ρ entry = eval (env_with ρ words fracs) (sp_base c) →
    all_ok -∗ dparts base code ρ rest -∗ dlent base entry code (sp_code c) ρ lent -∗ CR3 ↦ᵣ r -∗
    vpost (sp_base c) (sp_code c) (env_with ρ words fracs) p e r -∗ swp e Q.
  Proof using HT Hbase Hgiven Hplatform.
    intros Hgo Hgrows. rewrite /scall_arm. set (xs := map fst (p_witness p)).
    destruct (scall_scoped _ _ _ _ _ _ _ _ _ _) eqn:Hscope; [|done].
    intros Hw Hgood Hpath Hentry. iIntros "#Hok Hrest Hlent Hc Hpost".
    rewrite {1}/vpost monPred_at_sep monPred_at_pure. iDestruct "Hpost" as "[-> H]".
    iDestruct (vexists_elim with "H") as (vs Hvs) "H". fold xs in Hvs |- *.
    rewrite vdenote_at. iDestruct "H" as "(%Hroot & [(%f & Hf) Hparts] & %Hfacts)".
    set (words' := renamed (n_next ν) xs ++ words) in *.
    assert (∀ ρ', (xs = [] → ρ' = ρ) → env_agree (below (n_next ν)) ρ ρ' →
      Forall (λ x, env_word ρ' x.1 = x.2) (zip (next_names (length xs) (n_next ν)) vs) →
      returned_to c words fracs entry lent rest path p r (n_next ν) xs vs ρ ρ') as Hreturned.
    { intros ρ' Hnil Hag Hnew. apply call_returned; try done.
      apply Forall_app. split; [done|by apply Hgiven]. }
    assert (∀ ρ', returned_to c words fracs entry lent rest path p r (n_next ν) xs vs ρ ρ' →
      hold ρ' (map (subst_fact words') (s_facts (p_state p)))) as Hlearned.
    { intros ρ' Hret. rewrite List.Forall_map. eapply List.Forall_impl; [|exact (ret_facts _ _ _ _ _ _ _ _ _ _ _ _ _ _ Hret)].
      intros g. by rewrite (holds_subst words' fracs). }
    pose proof (env_sets_hit ρ _ vs (next_names_NoDup (length xs) (n_next ν))) as Hhit.
    destruct (existsb _ _) eqn:Hrefuted.
    { assert (returned_to c words fracs entry lent rest path p r (n_next ν) xs vs ρ
        (env_sets ρ (next_names (length xs) (n_next ν)) vs)) as Hret.
      { apply Hreturned; [| |done].
        - intros Hxs. rewrite Hxs in Hvs |- *. by destruct vs.
        - split; [|by rewrite env_sets_fracs]. intros x Hx%below_lt. rewrite env_sets_other //.
          intros Hin%next_names_In. lia. }
      apply existsb_exists in Hrefuted as (g & Hg & Hr).
      pose proof (Hlearned _ Hret) as Hl. rewrite List.Forall_forall in Hl.
      exfalso. eapply refuted_sound; [exact Hr| |exact (Hl _ Hg)]. by destruct Hret. }
    assert (∃ ρ', good ρ' ∧ returned_to c words fracs entry lent rest path p r (n_next ν) xs vs ρ ρ')
      as (ρ' & Hgood' & Hret).
    { destruct (decide (xs = [])) as [Hxs|Hxs].
      - exists ρ. split; [done|]. apply Hreturned; [done|apply env_agree_refl|]. by rewrite Hxs.
      - pose proof (within_grows _ _ _ Hw (Hgrows _ _ _ _ _ _ _ _)) as [_ [later HT1]].
        destruct (good_unknowns _ _ _ _ _ _ _ vs HT HT1 Hvs Hgood) as (ρ' & Hgood' & Hag & Hnew).
        exists ρ'. split; [done|]. apply Hreturned; [done|done|].
        apply List.Forall_forall. intros [x v] Hx. rewrite List.Forall_forall in Hhit.
        rewrite -(Hhit _ Hx). symmetry. apply Hnew, below_lt. apply unknowns_names.
        by apply elem_of_list_In, elem_of_zip_l, elem_of_list_In in Hx. }
    specialize (Hlearned _ Hret).
    destruct Hret as [Hpath' -> -> -> Hentry' -> Hroot' _]. apply Forall_app in Hpath' as [Hpath' _].
    iApply (Hgo _ _ _ _ _ _ _ _ ρ' Hw Hgood' with "Hok [Hrest Hlent Hc Hparts] [Hf]").
    - rewrite rev_append_rev. apply Forall_app. by split; [apply Forall_rev|].
    - iApply (call_state _ _ _ _ _ _ _ _ _ Hentry' Hroot' with "Hc Hrest Hlent Hparts").
    - iExists f. by iFrame.
  Qed.
  Lemma scall_arms_sound go z c words fracs entry lent rest path ps acc hs ν ρ e r :
    goes go → grows go →
    within (scall_arms (scall_arm base given go z c words fracs entry lent rest path) ps acc hs ν) →
    good ρ → hold ρ path → eval ρ entry = eval (env_with ρ words fracs) (sp_base c) →
    all_ok -∗ dparts base code ρ rest -∗ dlent base entry code (sp_code c) ρ lent -∗ CR3 ↦ᵣ r -∗
    vposts (sp_base c) (sp_code c) (env_with ρ words fracs) ps e r -∗ swp e Q.
  Proof using HT Hbase Hgiven Hplatform.
    intros Hgo Hgrows Hw Hgood Hpath Hentry. revert acc hs ν Hw.
    induction ps as [|p ps IH]; intros acc hs ν; simpl.
    { iIntros (_) "_ _ _ _ H". rewrite monPred_at_pure. by iDestruct "H" as "[]". }
    intros Hw. apply within_then in Hw as (l1 & acc1 & hs1 & ν1 & _ & Hw1 & Hw2); last first.
    { apply scall_arms_grows. intros. by apply scall_arm_grows. }
    iIntros "#Hok Hrest Hlent Hc H". iDestruct (vposts_cons with "H") as "[H|H]".
    - iApply (scall_arm_sound with "Hok Hrest Hlent Hc H"); done.
    - iApply (IH with "Hok Hrest Hlent Hc H"). done.
  Qed.

  Lemma scall_sound go z k words fracs pc s φ path acc hs ν ρ :
    goes go → grows go →
    within (scall base code contracts given go z k words fracs pc s path acc hs ν) →
    good ρ → hold ρ path →
    all_ok -∗ den ρ s -∗ dflags ρ φ -∗ swp (eval ρ pc) Q.
  Proof using HT HD Hbase Hgiven Hplatform.
    intros Hgo Hgrows. rewrite /scall. destruct (nth_error contracts k) as [[c fixed]|] eqn:Hk; [|done].
    apply nth_error_In in Hk. rewrite /scall_needs.
    destruct (expr_eqb _ pc && _) eqn:Hentry; [|done].
    apply andb_true_iff in Hentry as [Hentry%expr_eqb_true Hfixed].
    set (pre := subst_state words fracs (sp_pre c)).
    destruct (match s_code pre with [] => _ | _ => _ end) eqn:Hcode; [|done].
    destruct (take_state s pre) as [[l rest]|] eqn:Htake; [|done].
    intros Hw Hgood Hpath. iIntros "#Hok [[Hc _] Hparts] (%f & Hf & _)".
    assert (in_all (dues path z (map snd l) acc) ν) as Hall.
    { eapply within_grows; [exact Hw|]. apply scall_arms_grows. intros. by apply scall_arm_grows. }
    pose proof (dues_hold _ _ _ _ _ (in_all_due _ _ _ Hall Hgood) Hpath) as Hl.
    rewrite List.Forall_map in Hl.
    destruct (take_state_sound base code ρ _ _ _ _ Htake Hl) as (Hroot & Hent & Hfacts).
    assert (eval ρ pc = eval (env_with ρ words fracs) (sp_base c)) as Hpc.
    { by rewrite -Hentry (eval_subst words fracs). }
    rewrite Hent. iDestruct "Hparts" as "[Hpre Hrest]".
    iAssert (dparts pc (sp_code c) ρ pre ∗ dlent base pc code (sp_code c) ρ (s_code pre))%I
      with "[Hpre]" as "[Hpre Hlent]".
    { iDestruct "Hpre" as "($ & $ & Hc)". destruct (s_code pre) as [|x l'] eqn:Hpre; [by iSplit|].
      destruct (offset_from base pc) as [d|] eqn:Hd; [|done]. apply (offset_from_Some ρ) in Hd.
      by iApply dcode_lend. }
    rewrite /pre (dparts_subst pc (sp_code c) ρ (sp_base c)) //.
    iPoseProof "Hok" as "[_ #Hcalls]".
    iDestruct ("Hcalls" $! _ ρ Hk Hgood (env_with ρ words fracs) with "[%]") as "Hspec".
    { apply List.Forall_forall. intros [a b] Hab. simpl. rewrite forallb_forall in Hfixed.
      specialize (Hfixed _ Hab). simpl in Hfixed. apply expr_eqb_true in Hfixed as <-.
      by rewrite (eval_subst words fracs). }
    rewrite Hpc. iApply (swp_bind with "[Hc Hf Hpre]").
    { iApply ("Hspec" with "[Hf Hpre]"); last first.
      - rewrite Hroot /pre /= (eval_subst words fracs). iExact "Hc".
      - rewrite vdenote_at. iSplit; [done|]. rewrite /dbody. iFrame. iPureIntro.
        rewrite /pre /= List.Forall_map in Hfacts. eapply List.Forall_impl; [|exact Hfacts].
        intros g. by rewrite /= (holds_subst words fracs). }
    iIntros (e) "(%r' & Hc & H)".
    iApply (scall_arms_sound with "Hok Hrest Hlent Hc H"); done.
  Qed.

  (** * Runs *)
  Lemma is_end_In pc : is_end ends pc = true → In pc ends.
  Proof using Type. intros (e & He & ->%expr_eqb_true)%existsb_exists. done. Qed.

  Lemma leaf_sound pc s φ path acc hs ν ρ :
    within (Paths [Leaf pc s path] acc hs ν) → good ρ → hold ρ path →
    all_ok -∗ den ρ s -∗ dflags ρ φ -∗ swp (eval ρ pc) Q.
  Proof using Type.
    intros [Hin _] Hgood Hpath. iIntros "[#Hok _] Hden (%f & Hf & _)".
    iApply ("Hok" $! (Leaf pc s path) ρ with "[%] [//] [//] Hden"); [by apply Hin; left|by iExists f].
  Qed.
  (** What comes next, once the ghost steps are done. *)
  Lemma srun_body after (body : option (nat * defs * shares) → continuation) :
    (∀ call z pc s φ path acc hs ν ρ,
      within (body call z pc s φ path acc hs ν) → good ρ → hold ρ path →
      all_ok -∗ den ρ s -∗ dflags ρ φ -∗ swp (eval ρ pc) Q) →
    (∀ call, grows (body call)) →
    goes (with_ghosts base code after body).
  Proof using HT HD Hbase.
    intros Hbody Hgrows z pc s φ path acc hs ν ρ. rewrite /with_ghosts. destruct after; [|by apply (Hbody None)].
    destruct (sghosts _ _ _ _ _ _ _ _ _ _ _) as [[s1 path1 acc1 hs1 ν1]|] eqn:Hg; [|done].
    destruct (pop_call z hs1) as [call hs2]. intros Hw Hgood Hpath. iIntros "#Hok Hden Hfl".
    iApply swp_interp. iIntros (σ Hσ) "HS".
    pose proof (within_grows _ _ _ Hw (Hgrows _ _ _ _ _ _ _ _ _)) as Hall.
    iMod (sghosts_sound _ _ _ _ _ _ _ _ _ _ _ σ Hg Hall Hgood Hpath with "HS Hden Hfl")
      as "[$ (%ρ1 & %Hgood1 & %Hpath1 & <- & Hden & Hfl)]".
    iModIntro. by iApply (Hbody _ _ _ _ _ _ _ _ _ _ Hw with "Hok Hden Hfl").
  Qed.
  Lemma srun_sound fuel after : goes (srun base code trie contracts ends given fuel after).
  Proof using HT HD Hbase Hplatform Hgiven.
    revert after. induction fuel as [|fuel IH]; intros after; apply srun_body.
    - intros [[[k words] fracs]|] z pc s φ path acc hs ν ρ Hw; [done|]. simpl in Hw.
      destruct (is_end ends pc); [by apply (leaf_sound _ _ _ _ _ _ _ _ Hw)|done].
    - intros [[[k words] fracs]|] z pc s φ path acc hs ν; [done|].
      destruct (is_end ends pc); [apply grown_refl|done].
    - intros [[[k words] fracs]|] z pc s φ path acc hs ν ρ Hw Hgood Hpath; simpl in Hw.
      + apply (scall_sound _ _ _ _ _ _ _ _ _ _ _ _ _ (IH true) (srun_grows _ _ _ _ _ _ _ _) Hw);
          done.
      + destruct (is_end ends pc); [by apply (leaf_sound _ _ _ _ _ _ _ _ Hw)|].
        iIntros "#Hok". iApply (sexec_sound _ _ _ _ _ _ _ _ _ _ (srun_grows _ _ _ _ _ _ _ _) (IH true) Hw);
          done.
    - intros [[[k words] fracs]|] z pc s φ path acc hs ν; [apply scall_grows, srun_grows|].
      destruct (is_end ends pc); [apply grown_refl|]. apply sexec_grows, srun_grows.
  Qed.
End run_sound.
