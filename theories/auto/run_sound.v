(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** One instruction of the executor against one step of the machine, and runs. *)

Ltac invert_res :=
  repeat match goal with
  | H : res_bind _ _ = Done _ |- _ =>
    let x := fresh "x" in let Hx := fresh "Hx" in
    apply res_bind_Done in H as (x & Hx & H)
  | H : Done _ = Done _ |- _ => injection H as H
  | H : Fail _ = Done _ |- _ => discriminate H
  | x : prod _ _ |- _ => destruct x
  end.

Section run_sound.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Context (Hkernel : cfg_user (m_config M) = false).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).

  Lemma name_sound v ν v' ν' :
    name v ν = (v', ν') → Forall (named ρ) (n_defs ν') →
    eval ρ v' = eval ρ v ∧ Forall (named ρ) (n_defs ν).
  Proof using Type.
    rewrite /name. case_match; [by intros [= <- <-]|].
    intros [= <- <-] [Hd Hds]%Forall_cons_iff. by split.
  Qed.

  (** What a step needs of the value that it loads into cr3. *)
  Definition loadable (i : instr) (s : sstate) : Prop :=
    match i with
    | MovToCr3 r =>
      ∀ v, sget r s = Done v → pm_root_ok (cfg_mode (m_config M)) (eval ρ v) = true
    | _ => True
    end.

  Lemma sstep_sound σ hint next i s ν o :
    st_rip σ = eval ρ next →
    sstep hint next i s ν = Done o → hold (o_facts o) → Forall (named ρ) (n_defs (o_names o)) →
    loadable i s →
    SI σ -∗ den s ==∗
    ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ'⌝ ∗ SI σ' ∗
      den (o_state o) ∗ ⌜st_rip σ' = eval ρ (o_pc o)⌝.
  Proof using Hkernel.
    intros Hnext Hstep Hfacts Hnames Hroot. iIntros "HS Hden".
    destruct i as
      [w d o'| | |w d a|op w d o'| | | | | | | | | | | | | |o'|d|t| |t| | | |r|d| | | | |];
      simpl in Hstep; try discriminate Hstep.
    - (* mov *)
      destruct w; try discriminate Hstep.
      apply res_bind_Done in Hstep as ([v f1] & Hr & ([s' f2] & Hw & [= <-])%res_bind_Done).
      simpl in Hfacts. apply Forall_app in Hfacts as [Hf1 Hf2].
      iDestruct (sread_sound base code ρ σ next Hnext _ false with "HS Hden") as %Hread; [done..|].
      iMod (swrite_sound base code ρ σ next Hnext with "HS Hden") as (σ' Hwrite [Hrip _]) "[HS Hden]";
        [done..|]. iModIntro. iExists σ'. iFrame. iPureIntro. split.
      + intros τ Hok. by rewrite /= Hread // /= Hwrite.
      + by rewrite Hrip.
    - (* lea *)
      destruct w; try discriminate Hstep.
      apply res_bind_Done in Hstep as (va & Ha & Hstep). destruct (name _ ν) as [v ν'] eqn:Hname.
      apply res_bind_Done in Hstep as (s' & Hp & [= <-]). simpl in Hnames.
      destruct (name_sound _ _ _ _ Hname Hnames) as [Hv _].
      iDestruct (saddress_sound base code ρ σ next Hnext with "HS Hden") as %Hea; [done|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [done|]. iModIntro.
      iExists _. iFrame. iPureIntro. split; [|done]. intros τ _. by rewrite /= Hea Hv.
    - (* alu *)
      destruct w; try discriminate Hstep.
      apply res_bind_Done in Hstep as ([a f1] & Ha & ([b f2] & Hb & Hstep)%res_bind_Done).
      destruct (name _ ν) as [v ν'] eqn:Hname.
      apply res_bind_Done in Hstep as ([s' f3] & Hw & [= <-]). simpl in Hfacts, Hnames.
      apply Forall_app in Hfacts as [Hf1 [Hf2 Hf3]%Forall_app].
      destruct (name_sound _ _ _ _ Hname Hnames) as [Hv _]. rewrite eval_mk_op in Hv.
      iDestruct (sread_sound base code ρ σ next Hnext _ true with "HS Hden") as %Hreada; [done..|].
      iDestruct (sread_sound base code ρ σ next Hnext _ false with "HS Hden") as %Hreadb; [done..|].
      iMod (swrite_sound base code ρ σ next Hnext with "HS Hden") as (σ' Hwrite [Hrip Hfl]) "[HS Hden]";
        [done..|].
      iMod (set_flags_sound base code ρ σ' (alu_flags W64 op (eval ρ a) (eval ρ b) (st_flags σ))
        with "HS Hden") as "[HS Hden]". iModIntro. iExists _. iFrame "HS Hden".
      iPureIntro. split.
      + intros τ Hok. rewrite /= Hreada // /= Hreadb // /=. rewrite -Hv Hwrite //.
      + by rewrite /= Hrip.
    - (* push *)
      apply res_bind_Done in Hstep as ([v f1] & Hr & ([s' f2] & Hw & [= <-])%res_bind_Done).
      simpl in Hfacts. apply Forall_app in Hfacts as [Hf1 Hf2].
      iDestruct (sread_sound base code ρ σ next Hnext _ false with "HS Hden") as %Hread; [done..|].
      iMod (spush_sound base code ρ σ with "HS Hden") as (σ' Hpush Hrip) "[HS Hden]"; [done..|].
      iModIntro. iExists σ'. iFrame. iPureIntro. split; [|by rewrite Hrip].
      intros τ Hok. by rewrite /= Hread // /= Hpush.
    - (* pop *)
      apply res_bind_Done in Hstep as ([[v s'] f1] & Hr & ([s'' f2] & Hw & [= <-])%res_bind_Done).
      simpl in Hfacts. apply Forall_app in Hfacts as [Hf1 Hf2].
      iMod (spop_sound base code ρ σ with "HS Hden") as (σ' Hpop Hrip Hτ) "[HS Hden]"; [done..|].
      assert (Hnext' : st_rip σ' = eval ρ next) by by rewrite Hrip.
      iMod (swrite_sound base code ρ σ' next Hnext' with "HS Hden")
        as (σ'' Hwrite [Hrip' _]) "[HS Hden]"; [done..|].
      iModIntro. iExists σ''. iFrame. iPureIntro. split; [|by rewrite Hrip'].
      intros τ Hok. rewrite /= Hpop // /=. by apply Hwrite, Hτ.
    - (* call *)
      apply res_bind_Done in Hstep as ([pc f1] & Ht & ([s' f2] & Hw & [= <-])%res_bind_Done).
      simpl in Hfacts. apply Forall_app in Hfacts as [Hf1 Hf2].
      iDestruct (starget_sound base code ρ σ next Hnext with "HS Hden") as %Htarget; [done..|].
      iMod (spush_sound base code ρ σ with "HS Hden") as (σ' Hpush Hrip) "[HS Hden]"; [done..|].
      iModIntro. iExists (set_rip (eval ρ pc) σ'). iDestruct (state_interp_rip with "HS") as "$".
      iFrame. iPureIntro. split; [|done].
      intros τ Hok. by rewrite /= Htarget // /= Hnext Hpush.
    - (* ret *)
      apply res_bind_Done in Hstep as ([[pc s'] f1] & Hr & [= <-]).
      iMod (spop_sound base code ρ σ with "HS Hden") as (σ' Hpop Hrip Hτ) "[HS Hden]"; [done..|].
      iModIntro. iExists (set_rip (eval ρ pc) σ'). iDestruct (state_interp_rip with "HS") as "$".
      iFrame. iPureIntro. split; [|done]. intros τ Hok. by rewrite /= Hpop.
    - (* jmp *)
      apply res_bind_Done in Hstep as ([pc f1] & Ht & [= <-]).
      iDestruct (starget_sound base code ρ σ next Hnext with "HS Hden") as %Htarget; [done..|].
      iModIntro. iExists (set_rip (eval ρ pc) σ). iDestruct (state_interp_rip with "HS") as "$".
      iFrame. iPureIntro. split; [|done]. intros τ Hok. by rewrite /= Htarget.
    - (* mov cr3, r *)
      apply res_bind_Done in Hstep as (v & Hv & [= <-]).
      iDestruct (sget_sound with "HS Hden") as %Hr; [done|].
      iDestruct "Hden" as "[Hc Hden]".
      iMod (state_interp_set_cr3 _ _ (eval ρ v) with "HS Hc") as "[HS Hc]". iModIntro.
      iExists _. iFrame "HS Hc Hden". iPureIntro. split; [|done].
      intros τ _. by rewrite /= Hr /= Hkernel (Hroot _ Hv).
    - (* mov r, cr3 *)
      apply res_bind_Done in Hstep as (s' & Hp & [= <-]).
      iAssert ⌜get_reg σ CR3 = Ok (eval ρ (s_root s))⌝%I as %Hcr3.
      { iDestruct "Hden" as "[Hc _]". iDestruct (state_interp_reg with "HS Hc") as %Hc.
        by rewrite /get_reg Hc. }
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [done|]. iModIntro.
      iExists _. iFrame. iPureIntro. split; [|done]. intros τ _. by rewrite /= Hcr3 /= Hkernel.
    - (* nop *)
      injection Hstep as <-. iModIntro. iExists σ. by iFrame.
  Qed.

  (** * Runs *)
  Lemma sstep_names hint next i s ν o :
    sstep hint next i s ν = Done o → Forall (named ρ) (n_defs (o_names o)) →
    Forall (named ρ) (n_defs ν).
  Proof using Type.
    intros H. destruct i as
      [w d o'| | |w d a|op w d o'| | | | | | | | | | | | | |o'|d|t| |t| | | |r|d| | | | |];
      simpl in H;
      try (invert_res; subst; done); try discriminate H.
    - destruct w; try discriminate H. by invert_res; subst.
    - destruct w; try discriminate H. apply res_bind_Done in H as (va & _ & H). destruct (name _ ν) as [v ν'] eqn:Hname.
      apply res_bind_Done in H as (s' & _ & [= <-]). simpl. intros Hd.
      by destruct (name_sound _ _ _ _ Hname Hd).
    - destruct w; try discriminate H. apply res_bind_Done in H as ([a f1] & _ & ([b f2] & _ & H)%res_bind_Done).
      destruct (name _ ν) as [v ν'] eqn:Hname.
      apply res_bind_Done in H as ([s' f3] & _ & [= <-]). simpl. intros Hd.
      by destruct (name_sound _ _ _ _ Hname Hd).
  Qed.

  Lemma tagged_hold z l acc :
    Forall (λ f, holds ρ f.2) (tagged z l acc) ↔ hold l ∧ Forall (λ f, holds ρ f.2) acc.
  Proof using Type.
    revert acc. induction l as [|f l IH]; intros acc; simpl; [naive_solver|].
    rewrite IH !Forall_cons_iff. naive_solver.
  Qed.

  Section srun.
    Context (trie : code_trie) (exits : list expr).

    Lemma srun_mono fuel last hs pc s ν acc n s' facts ν' :
      srun base trie exits fuel last hs pc s ν acc = AtExit n s' facts ν' →
      Forall (λ f, holds ρ f.2) facts → Forall (named ρ) (n_defs ν') →
      Forall (λ f, holds ρ f.2) acc ∧ Forall (named ρ) (n_defs ν).
    Proof using Type.
      revert last hs pc s ν acc. induction fuel as [|fuel IH]; intros last hs pc s ν acc; simpl;
        (destruct (find_exit 0 pc exits) as [k|]; [by intros [= <- <- <- <-]|]); [done|].
      destruct (offset_from base pc) as [z|]; [|done].
      destruct (code_get trie z) as [[i len]|]; [|done].
      destruct (code_mapped _ _); [|done]. destruct (pop_hint z hs) as [hint hs'].
      destruct (root_mapped i s); [|done].
      destruct (sstep _ _ i s ν) as [o|] eqn:Hstep; [|done].
      intros H Hfacts Hnames. destruct (IH _ _ _ _ _ _ H Hfacts Hnames) as [Hacc Hν].
      apply tagged_hold in Hacc as [_ Hacc]. split; [done|]. by eapply sstep_names.
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
      In (z, (i, n)) code → root_mapped i s = true → SI σ -∗ den s -∗ ⌜loadable i s⌝.
    Proof using Type.
      intros Hin Hmapped. destruct i as [| | | | | | | | | | | | | | | | | | | | | | | | | |r| | | | | |];
        simpl in *; try by iIntros "_ _".
      iIntros "HS (_ & _ & _ & _ & Hcode)".
      destruct (sget r s) as [v|w]; [|by iPureIntro; intros ?].
      iDestruct (dcode_acc _ _ _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
      iDestruct (code_at_acc _ _ _ _ _ _ _ Hin with "Hcode") as "[Hi _]".
      iDestruct (code_root_ok with "HS Hi") as %Hok. iPureIntro. by intros v' [= <-].
    Qed.

    Lemma srun_sound fuel last hs pc s ν acc n s' facts ν' Q :
      trie = code_index code →
      srun base trie exits fuel last hs pc s ν acc = AtExit n s' facts ν' →
      Forall (λ f, holds ρ f.2) facts → Forall (named ρ) (n_defs ν') →
      den s -∗ (∀ e, ⌜nth_error exits n = Some e⌝ -∗ den s' -∗ Q (eval ρ e)) -∗ swp (eval ρ pc) Q.
    Proof using Hkernel.
      intros Htrie Hrun Hfacts Hnames.
      iInduction fuel as [|fuel] "IH" forall (last hs pc s ν acc Hrun); simpl in Hrun;
        (destruct (find_exit 0 pc exits) as [k|] eqn:Hexit;
          [injection Hrun as <- <- <- <-; apply find_exit_Some in Hexit as [_ Hexit];
           rewrite Nat.sub_0_r in Hexit; iIntros "Hden HQ"; iApply swp_exit;
           by iApply ("HQ" with "[//] Hden")|]); [done|].
      destruct (offset_from base pc) as [z|] eqn:Hpc; [|done].
      destruct (code_get trie z) as [[i len]|] eqn:Hi; [|done].
      destruct (code_mapped _ _) eqn:Hmapped; [|done].
      destruct (pop_hint z hs) as [hint hs'].
      destruct (root_mapped i s) eqn:Hroot; [|done].
      destruct (sstep _ _ i s ν) as [o|] eqn:Hstep; [|done].
      rewrite Htrie in Hi. apply code_index_In in Hi.
      destruct (srun_mono _ _ _ _ _ _ _ _ _ _ _ Hrun Hfacts Hnames) as [Hacc Hν].
      apply tagged_hold in Hacc as [Hf _]. apply offset_from_Some in Hpc.
      iIntros "Hden HQ". iApply swp_lift. iIntros (σ Hσ) "HS".
      iDestruct (loadable_sound with "HS Hden") as %Hload; [done..|].
      iDestruct (root_sound with "HS Hden") as %Hcr3.
      iAssert ⌜∀ τ, translator_ok M σ τ → fetch (m_image M) τ (st_rip σ) = Ok (i, len)⌝%I as %Hfetch.
      { iDestruct "Hden" as "(_ & _ & _ & _ & Hcode)".
        iDestruct (dcode_acc _ _ _ _ _ Hmapped with "Hcode") as (q) "[Hcode _]".
        iDestruct (code_at_acc _ _ _ _ _ _ _ Hi with "Hcode") as "[Hi _]".
        rewrite -Hcr3 -Hpc -Hσ. iApply (fetch_sound with "HS Hi"). }
      iDestruct (state_interp_rip _ (st_rip σ `+Z` len) with "HS") as "HS".
      iMod (sstep_sound (set_rip (st_rip σ `+Z` len) σ) with "HS Hden")
        as (σ' Hexec) "(HS & Hden & %Hrip)"; [|exact Hstep|done..|].
      { by rewrite eval_mk_add /= Hσ Hpc bv_add_Z_assoc. }
      iModIntro. iExists σ'. iFrame "HS". iSplit.
      - iPureIntro. intros τ Hok. rewrite /exec_next Hfetch //=. by apply Hexec.
      - iNext. rewrite Hrip. iApply ("IH" with "[//] Hden HQ").
    Qed.
  End srun.
End run_sound.
