(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export step_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Runs of the executor: at every branch the machine takes an arm that was run, under what was assumed
    there. *)

(** A fact that is owed is due under what was assumed on the way to it. *)
Definition due_holds (ρ : env) (d : due) : Prop :=
  Forall (holds ρ) (d_path d) → holds ρ (d_fact d).

Lemma dues_hold ρ path z l acc :
  Forall (due_holds ρ) (dues path z l acc) ↔
  (Forall (holds ρ) path → Forall (holds ρ) l) ∧ Forall (due_holds ρ) acc.
Proof.
  revert acc. induction l as [|f l IH]; intros acc; simpl; [naive_solver|].
  rewrite IH !Forall_cons_iff /due_holds /=. naive_solver.
Qed.
Lemma then_run_Paths first rest l acc hs ν :
  then_run first rest = Paths l acc hs ν →
  ∃ l1 acc1 hs1 ν1 l2, first = Paths l1 acc1 hs1 ν1 ∧ rest acc1 hs1 ν1 = Paths l2 acc hs ν ∧ l = l1 ++ l2.
Proof.
  destruct first as [l1 acc1 hs1 ν1|]; [|done]. simpl.
  destruct (rest acc1 hs1 ν1) as [l2 acc2 hs2 ν2|] eqn:Hrest; [|done]. intros [= <- -> -> ->].
  by exists l1, acc1, hs1, ν1, l2.
Qed.

Section run_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Context (Hkernel : cfg_user (m_config M) = false).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation owed := (Forall (due_holds ρ)).
  Local Notation known ν := (Forall (named ρ) (n_defs ν)).

  Lemma sresult_names hint next w d v φ facts s ν o :
    sresult hint next w d v φ facts s ν = Done (Straight o) → known (o_names o) → known ν.
  Proof using Type.
    rewrite /sresult. destruct (name v ν) as [v' ν'] eqn:Hname.
    intros ([s' f] & _ & [= <-])%res_bind_Done. simpl. intros Hd.
    by destruct (name_sound _ _ _ _ _ Hname Hd).
  Qed.
  Lemma sstep_names hint next i s φ ν o :
    sstep hint next i s φ ν = Done (Straight o) → known (o_names o) → known ν.
  Proof using Type.
    destruct i; simpl; rewrite /scarry; try discriminate;
      repeat first
        [ let H := fresh in intros [= <-]; simpl; by intros H
        | let H := fresh in intros H; apply res_bind_Done in H as (? & _ & H); revert H
        | apply sresult_names
        | match goal with |- context [name ?v ν] =>
            destruct (name v ν) as [v' ν'] eqn:Hname;
            try (let H := fresh in intros H; apply res_bind_Done in H as ([? ?] & _ & H); revert H);
            intros [= <-]; simpl; intros Hd; by destruct (name_sound _ _ _ _ _ Hname Hd)
          end
        | discriminate
        | case_match ].
  Qed.

  Section srun.
    Context (trie : code_trie) (exits : list expr) (given : list fact).
    Local Notation run := (srun base trie exits given).

    Lemma srun_mono fuel last pc s φ path acc hs ν ls acc' hs' ν' :
      run fuel last pc s φ path acc hs ν = Paths ls acc' hs' ν' →
      owed acc' → known ν' → owed acc ∧ known ν.
    Proof using Type.
      revert last pc s φ path acc hs ν ls acc' hs' ν'.
      induction fuel as [|fuel IH]; intros last pc s φ path acc hs ν ls acc' hs' ν'; simpl;
        (destruct (find_exit 0 pc exits) as [k|]; [by intros [= <- <- <- <-]|]); [done|].
      destruct (offset_from base pc) as [z|]; [|done].
      destruct (code_get trie z) as [[i len]|]; [|done].
      destruct (code_mapped _ _); [|done]. destruct (pop_hint z hs) as [hint hs1].
      destruct (root_mapped i s); [|done].
      destruct (sstep _ _ i s φ ν) as [[o|yes no o o']|] eqn:Hstep; [| |done].
      - intros H Hacc' Hν'. destruct (IH _ _ _ _ _ _ _ _ _ _ _ _ H Hacc' Hν') as [Hacc Hν].
        apply dues_hold in Hacc as [_ Hacc]. split; [done|]. by eapply sstep_names.
      - assert (∀ f o acc hs ν ls acc' hs' ν',
          (if refuted (path ++ given) f then Paths [] acc hs ν
           else run fuel z (o_pc o) (o_state o) (o_flags o) (f :: path)
                  (dues path z (o_facts o) acc) hs ν) = Paths ls acc' hs' ν' →
          owed acc' → known ν' → owed acc ∧ known ν) as Harm.
        { intros f0 o0 acc0 hs0 ν0 ls0 acc0' hs0' ν0'. case_match; [by intros [= <- <- <- <-]|].
          intros H0 Hacc0 Hν0. destruct (IH _ _ _ _ _ _ _ _ _ _ _ _ H0 Hacc0 Hν0) as [Ha Hn].
          apply dues_hold in Ha as [_ Ha]. by split. }
        intros (l1 & acc1 & hs2 & ν1 & l2 & H1 & H2 & ->)%then_run_Paths Hacc' Hν'.
        destruct (Harm _ _ _ _ _ _ _ _ _ H2 Hacc' Hν') as [Hacc1 Hν1].
        exact (Harm _ _ _ _ _ _ _ _ _ H1 Hacc1 Hν1).
    Qed.

    Lemma find_exit_Some k pc n :
      find_exit k pc exits = Some n → (k ≤ n)%nat ∧ nth_error exits (n - k) = Some pc.
    Proof using Type.
      revert k. induction exits as [|e es IH]; intros k; simpl; [done|].
      destruct (expr_eqb e pc) eqn:He.
      - intros [= <-]. apply expr_eqb_true in He as ->. by rewrite Nat.sub_diag.
      - intros [Hle Hn]%IH. split; [lia|]. by replace (n - k)%nat with (S (n - S k)) by lia.
    Qed.
    Lemma offset_from_Some pc z :
      offset_from base pc = Some z → eval ρ pc = eval ρ base `+Z` z.
    Proof using Type.
      rewrite /offset_from. destruct (expr_eqb base pc) eqn:He.
      - intros [= <-]. apply expr_eqb_true in He as <-. by rewrite bv_add_Z_0.
      - destruct pc as [|z'|e z'|]; [done..| |done]. destruct (expr_eqb base e) eqn:He'; [|done].
        intros [= ->]. by apply expr_eqb_true in He' as <-.
    Qed.

    Lemma loadable_sound σ i s z n :
      In (z, (i, n)) code → root_mapped i s = true → SI σ -∗ den s -∗ ⌜loadable (M:=M) ρ i s⌝.
    Proof using Type.
      intros Hin Hmapped. destruct i as [| | | | | | | | | | | | | | | | | | | | | | | | | |r| | | | | |];
        simpl in *; try by iIntros "_ _".
      iIntros "HS (_ & _ & _ & Hcode)".
      destruct (sget r s) as [v|w]; [|by iPureIntro; intros ?].
      iDestruct (dcode_acc _ _ _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
      iDestruct (code_at_acc _ _ _ _ _ _ _ Hin with "Hcode") as "[Hi _]".
      iDestruct (code_root_ok with "HS Hi") as %Hok. iPureIntro. by intros v' [= <-].
    Qed.

    (** What is due at an exit. *)
    Definition at_leaf (Q : word → iProp Σ) (lf : leaf) : iProp Σ :=
      ∀ e, ⌜nth_error exits (l_exit lf) = Some e⌝ -∗ ⌜hold (l_path lf)⌝ -∗
        den (l_state lf) -∗ (∃ f, flags_pt f) -∗ Q (eval ρ e).

    Lemma srun_sound fuel last pc s φ path acc hs ν ls acc' hs' ν' Q :
      trie = code_index code →
      run fuel last pc s φ path acc hs ν = Paths ls acc' hs' ν' →
      owed acc' → known ν' → hold given → hold path →
      den s -∗ dflags ρ φ -∗ (∀ lf, ⌜In lf ls⌝ -∗ at_leaf Q lf) -∗ swp (eval ρ pc) Q.
    Proof using Hkernel.
      intros Htrie. revert last pc s φ path acc hs ν ls acc' hs' ν'.
      induction fuel as [|fuel IH]; intros last pc s φ path acc hs ν ls acc' hs' ν' Hrun Hacc' Hν' Hgiven Hpath;
        simpl in Hrun;
        (destruct (find_exit 0 pc exits) as [k|] eqn:Hexit;
          [injection Hrun as <- <- <- <-; apply find_exit_Some in Hexit as [_ Hexit];
           rewrite Nat.sub_0_r in Hexit; iIntros "Hden (%f & Hf & _) HQ"; iApply swp_exit;
           iApply ("HQ" $! (Leaf k s path) with "[%] [//] [//] Hden"); [by left|by iExists f]|]); [done|].
      destruct (offset_from base pc) as [z|] eqn:Hpc; [|done].
      destruct (code_get trie z) as [[i len]|] eqn:Hi; [|done].
      destruct (code_mapped _ _) eqn:Hmapped; [|done].
      destruct (pop_hint z hs) as [hint hs1].
      destruct (root_mapped i s) eqn:Hroot; [|done].
      rewrite Htrie in Hi. apply code_index_In in Hi. apply offset_from_Some in Hpc.
      iIntros "Hden Hfl HQ". iApply swp_lift. iIntros (σ Hσ) "HS".
      iDestruct (loadable_sound with "HS Hden") as %Hload; [done..|].
      iDestruct (root_sound with "HS Hden") as %Hcr3.
      iAssert ⌜∀ τ, translator_ok M σ τ → fetch (m_image M) τ (st_rip σ) = Ok (i, len)⌝%I as %Hfetch.
      { iDestruct "Hden" as "(_ & _ & _ & Hcode)".
        iDestruct (dcode_acc _ _ _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
        iDestruct (code_at_acc _ _ _ _ _ _ _ Hi with "Hcode") as "[Hi _]".
        rewrite -Hcr3 -Hpc -Hσ. iApply (fetch_sound with "HS Hi"). }
      iDestruct (state_interp_rip _ (st_rip σ `+Z` len) with "HS") as "HS".
      assert (Hnext : st_rip (set_rip (st_rip σ `+Z` len) σ) = eval ρ (mk_add base (z + len))).
      { by rewrite eval_mk_add /= Hσ Hpc bv_add_Z_assoc. }
      (* What the machine reaches is a step of it. *)
      iAssert (∀ o, reaches base code ρ (set_rip (st_rip σ `+Z` len) σ) i o -∗
        (den (o_state o) -∗ dflags ρ (o_flags o) -∗ swp (eval ρ (o_pc o)) Q) ={⊤}=∗
        ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec_next M τ σ = Ok σ'⌝ ∗
          SI σ' ∗ ▷ swp (st_rip σ') Q)%I as "Hdone".
      { iIntros (o) "(%σ' & %Hexec & HS & Hden & Hf & %Hrip) H". iModIntro. iExists σ'. iFrame "HS".
        iSplit; [|iNext; rewrite Hrip; by iApply ("H" with "Hden Hf")].
        iPureIntro. intros τ Hok. rewrite /exec_next Hfetch //=. by apply Hexec. }
      destruct (sstep _ _ i s φ ν) as [[o|yes no o o']|] eqn:Hstep; [| |done].
      - destruct (srun_mono _ _ _ _ _ _ _ _ _ _ _ _ _ Hrun Hacc' Hν') as [Hacc Hν].
        apply dues_hold in Hacc as [Hf _].
        iMod (sstep_sound base code ρ Hkernel _ _ Hnext _ _ _ _ _ _ Hstep (Hf Hpath) Hν Hload
          with "HS Hden Hfl") as "H".
        iApply ("Hdone" with "H"). iIntros "Hden Hfl".
        iApply (IH _ _ _ _ _ _ _ _ _ _ _ _ Hrun Hacc' Hν' Hgiven Hpath with "Hden Hfl HQ").
      - apply then_run_Paths in Hrun as (l1 & acc1 & hs2 & ν1 & l2 & H1 & H2 & ->).
        cbv beta zeta in H1, H2. assert (owed acc1 ∧ known ν1) as [Hacc1 Hν1].
        { destruct (refuted (path ++ given) no); [by injection H2 as <- <- <- <-|].
          destruct (srun_mono _ _ _ _ _ _ _ _ _ _ _ _ _ H2 Hacc' Hν') as [Ha Hn].
          apply dues_hold in Ha as [_ Ha]. by split. }
        iDestruct (sstep_fork_sound base code ρ _ _ Hnext _ _ _ _ _ _ _ _ _ Hstep with "HS Hden Hfl")
          as (b Hgood) "H".
        assert (refuted (path ++ given) (if b then yes else no) = false) as Harm.
        { apply not_true_is_false. intros Hr.
          apply (refuted_sound ρ _ _ Hr); [by apply Forall_app; split|by destruct b]. }
        destruct b; simpl in Hgood; rewrite Harm in H1 || rewrite Harm in H2.
        + destruct (srun_mono _ _ _ _ _ _ _ _ _ _ _ _ _ H1 Hacc1 Hν1) as [Ha _].
          apply dues_hold in Ha as [Hf _]. iMod ("H" with "[%]") as "H"; [by apply Hf|].
          iApply ("Hdone" with "H"). iIntros "Hden Hfl".
          iApply (IH _ _ _ _ _ _ _ _ _ _ _ _ H1 Hacc1 Hν1 Hgiven with "Hden Hfl"); [by constructor|].
          iIntros (lf Hin). iApply "HQ". iPureIntro. apply in_app_iff. by left.
        + destruct (srun_mono _ _ _ _ _ _ _ _ _ _ _ _ _ H2 Hacc' Hν') as [Ha _].
          apply dues_hold in Ha as [Hf _]. iMod ("H" with "[%]") as "H"; [by apply Hf|].
          iApply ("Hdone" with "H"). iIntros "Hden Hfl".
          iApply (IH _ _ _ _ _ _ _ _ _ _ _ _ H2 Hacc' Hν' Hgiven with "Hden Hfl"); [by constructor|].
          iIntros (lf Hin). iApply "HQ". iPureIntro. apply in_app_iff. by right.
    Qed.
  End srun.
End run_sound.
