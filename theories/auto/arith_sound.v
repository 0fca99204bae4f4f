(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export flags_sound sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Results, flags, and the instructions that compute: the executor's step against the machine's. *)

Ltac invert_res :=
  repeat match goal with
  | H : res_bind _ _ = Done _ |- _ =>
    let x := fresh "x" in let Hx := fresh "Hx" in
    apply res_bind_Done in H as (x & Hx & H)
  | H : Done _ = Done _ |- _ => injection H as H
  | H : Fail _ = Done _ |- _ => discriminate H
  | x : prod _ _ |- _ => destruct x
  end.

Section arith_sound.
  Context {Π : the_platform}.
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

  (** The machine does what the outcome [o] says. *)
  Definition reaches (σ : state) (i : instr) (o : outcome) : iProp Σ :=
    ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ'⌝ ∗ SI σ' ∗
      den (o_state o) ∗ dflags ρ (o_flags o) ∗ ⌜st_rip σ' = eval ρ (o_pc o)⌝.

  Section step.
    Context (σ : state) (next : expr) (Hnext : st_rip σ = eval ρ next).

    Lemma sresult_sound hint w d v (φ : expr → sflags) facts s ν o :
      sresult hint next w d v φ facts s ν = Done (Straight o) →
      hold (o_facts o) → Forall (named ρ) (n_defs (o_names o)) →
      hold facts ∧ ∃ v', eval ρ v' = eval ρ v ∧ o_flags o = φ v' ∧ o_pc o = next ∧
      (SI σ -∗ den s ==∗
       ∃ σ', ⌜∀ τ, translator_ok M σ τ → write_operand τ w σ d (eval ρ v) = Ok σ'⌝ ∗
        ⌜st_rip σ' = st_rip σ ∧ st_flags σ' = st_flags σ⌝ ∗ SI σ' ∗ den (o_state o)).
    Proof using Hnext.
      rewrite /sresult. destruct (name v ν) as [v' ν'] eqn:Hname.
      intros ([s' more] & Hw & [= <-])%res_bind_Done. simpl. intros [Hf Hmore]%Forall_app Hnames.
      destruct (name_sound _ _ _ _ Hname Hnames) as [Hv _]. split; [done|]. exists v'.
      do 3 (split; [done|]). rewrite -Hv.
      exact (swrite_sound base code ρ σ next Hnext hint w d v' s s' more Hw Hmore).
    Qed.

    (** A result with new flags. *)
    Lemma reaches_flags i x f f' s o σ' :
      (∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = with_flags f' (x τ)) →
      (∀ τ, translator_ok M σ τ → x τ = Ok σ') →
      st_rip σ' = st_rip σ → o_pc o = next → flags_are ρ (o_flags o) f' → o_state o = s →
      SI σ' -∗ flags_pt f -∗ den s ==∗ reaches σ i o.
    Proof using Hnext.
      intros Hexec Hx Hrip Hpc Hf' <-. iIntros "HS Hf Hden".
      iMod (state_interp_set_flags _ _ f' with "HS Hf") as "[HS Hf]". iModIntro.
      iExists _. iFrame "HS Hden". iSplit.
      { iPureIntro. intros τ Hok. by rewrite (Hexec _ Hok) /with_flags (Hx _ Hok). }
      iSplit; [iExists f'; by iFrame|]. iPureIntro. by rewrite /= Hrip Hnext Hpc.
    Qed.

    (** A result with its flags: the general case. *)
    Lemma result_sound hint w d v φs facts s φ ν o i f' :
      sresult hint next w d v φs facts s ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      (hold facts → SI σ -∗ den s -∗ ⌜∀ τ, translator_ok M σ τ →
        exec (m_config M) τ i σ = with_flags (f' (st_flags σ)) (write_operand τ w σ d (eval ρ v))⌝) →
      (∀ f v', flags_are ρ φ f → eval ρ v' = eval ρ v → flags_are ρ (φs v') (f' f)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ i o.
    Proof using Hnext.
      intros Hres Hfacts Hnames Hexec Hflags. iIntros "HS Hden (%f & Hf & %Hφf)".
      destruct (sresult_sound _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as (Hf1 & v' & Hv' & Hφ & Hpc & Hwrite).
      iDestruct (Hexec Hf1 with "HS Hden") as %He. iDestruct (state_interp_flags with "HS Hf") as %<-.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip _]) "[HS Hden]".
      iApply (reaches_flags _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden");
        [exact He|exact Hσ'|done..| |done].
      rewrite Hφ. by apply Hflags.
    Qed.
    Lemma alu_sound hint op w d o' s φ ν o :
      sstep hint next (Alu op w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Alu op w d o') o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & Hres)%res_bind_Done)%res_bind_Done Hfacts Hnames.
      apply (result_sound _ _ _ _ _ _ _ _ _ _ _ (alu_flags w op (eval ρ a) (eval ρ b)) Hres Hfacts Hnames).
      - intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden".
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
        iPureIntro. intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok) eval_mk_alu.
      - intros f v' Hφ Hv'. rewrite eval_mk_alu in Hv'.
        apply alu_sflags_sound; [by eapply sread_narrow..|done|done].
    Qed.
    Lemma unary_sound hint op w d s φ ν o :
      sstep hint next (Unary op w d) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Unary op w d) o.
    Proof using Hnext.
      intros ([a f1] & Ha & H)%res_bind_Done Hfacts Hnames.
      assert (∀ v φs, sresult hint next w d v φs f1 s ν = Done (Straight o) →
        eval ρ v = unary_at w op (eval ρ a) →
        (∀ f v', flags_are ρ φ f → eval ρ v' = eval ρ v →
          flags_are ρ (φs v') (unary_flags w op (eval ρ a) f)) →
        SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Unary op w d) o) as Hunary.
      { intros v φs Hres Hv Hflags.
        apply (result_sound _ _ _ _ _ _ _ _ _ _ _ (unary_flags w op (eval ρ a)) Hres Hfacts Hnames); [|done].
        intros Hf1. iIntros "HS Hden".
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
        iPureIntro. intros τ Hok. by rewrite /= (Hra _ Hok) /= Hv. }
      destruct op; apply (Hunary _ _ H); try apply eval_mk_alu.
      - intros f v' Hφ Hv'. rewrite eval_mk_alu in Hv'. apply (step_sflags_sound _ _ _ _ f); [done| |done].
        rewrite Hv'. split; [apply alu_at_narrow|done].
      - intros f v' Hφ Hv'. rewrite eval_mk_alu in Hv'. apply (step_sflags_sound _ _ _ _ f); [done| |done].
        rewrite Hv'. split; [apply alu_at_narrow|done].
      - intros f v' _ _. split; [|split; [by eapply sread_narrow|done]]. by destruct w.
      - by intros.
    Qed.
    Lemma imul_sound hint w d o1 o2 s φ ν o :
      sstep hint next (Imul w d o1 o2) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Imul w d o1 o2) o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & Hres)%res_bind_Done)%res_bind_Done Hfacts Hnames.
      apply (result_sound _ _ _ _ _ _ _ _ _ _ _ (alu_flags w AluMul (eval ρ a) (eval ρ b))
        Hres Hfacts Hnames); [|done].
      intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iPureIntro. intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok) eval_mk_alu.
    Qed.
    Lemma cmp_sound hint w d o' s φ ν o :
      sstep hint next (Cmp w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Cmp w d o') o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden (%f & Hf & _)".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iApply (reaches_flags _ (λ _, Ok σ) with "HS Hf Hden"); [|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok).
      - split; [by eapply sread_narrow|]. split; [by eapply sread_narrow|done].
    Qed.
    Lemma bit_sound hint op w d i s φ ν o :
      sstep hint next (Bit op w d i) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Bit op w d i) o.
    Proof using Hnext.
      intros ([n f1] & Hi & H)%res_bind_Done Hfacts Hnames.
      set (index τ := match d, i with
                      | OMem _, OReg _ => Stuck BadOperand
                      | _, _ => read_operand τ Read w σ i
                      end).
      assert (hold f1 → SI σ -∗ den s -∗ ⌜∀ τ, translator_ok M σ τ → index τ = Ok (eval ρ n)⌝) as Hindex.
      { intros Hf1. rewrite /index. iIntros "HS Hden".
        destruct d, i; try discriminate;
          iApply (sread_sound base code ρ σ next Hnext hint false with "HS Hden"); done. }
      assert (op ≠ BitTest →
        (let* (a, f2) := sread hint true next w d s in
         sresult hint next w d (mk_bit_at w op a (mk_bit w n)) (λ _, FlagsBit (mk_and a (mk_bit w n)))
           (f1 ++ f2) s ν) = Done (Straight o) →
        SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Bit op w d i) o) as Hmodify.
      { intros Hop ([a f2] & Ha & Hres)%res_bind_Done.
        apply (result_sound _ _ _ _ _ _ _ _ _ _ _ (bit_flags w (eval ρ a) (eval ρ n)) Hres Hfacts Hnames).
        - intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden".
          iDestruct (Hindex Hf1 with "HS Hden") as %Hri.
          iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf2 with "HS Hden") as %Hra.
          iPureIntro. intros τ Hok. rewrite eval_mk_bit_at. rewrite /index in Hri. simpl.
          rewrite (Hri _ Hok) /=. by destruct op; [|rewrite (Hra _ Hok)..].
        - intros f v' _ _. apply bit_sflags_sound. }
      destruct op; [|by apply Hmodify..]. apply res_bind_Done in H as ([a f2] & Ha & [= <-]).
      apply Forall_app in Hfacts as [Hf1 Hf2]. iIntros "HS Hden (%f & Hf & _)".
      iDestruct (Hindex Hf1 with "HS Hden") as %Hri.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf2 with "HS Hden") as %Hra.
      iApply (reaches_flags _ (λ _, Ok σ) with "HS Hf Hden"); [|done..| |done].
      - intros τ Hok. rewrite /index in Hri. by rewrite /= (Hri _ Hok) /= (Hra _ Hok).
      - apply bit_sflags_sound.
    Qed.
    Lemma test_sound hint w d o' s φ ν o :
      sstep hint next (Test w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Test w d o') o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & H)%res_bind_Done)%res_bind_Done.
      destruct (name _ ν) as [v' ν'] eqn:Hname. injection H as <-. simpl.
      intros [Hf1 Hf2]%Forall_app Hnames. iIntros "HS Hden (%f & Hf & _)".
      destruct (name_sound _ _ _ _ Hname Hnames) as [Hv' _].
      rewrite eval_mk_alu in Hv'.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iApply (reaches_flags _ (λ _, Ok σ) with "HS Hf Hden"); [|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok).
      - apply (alu_sflags_sound ρ w AluAnd a b v' FlagsAny (st_flags σ)); [by eapply sread_narrow..|done|done].
    Qed.
  End step.
End arith_sound.
