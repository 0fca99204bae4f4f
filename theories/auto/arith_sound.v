(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export sound.
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

(** * What is known of the flags after an operation *)
Lemma alu_at_narrow w op a b : narrow w (alu_at w op a b).
Proof. destruct w; [apply (trunc_narrow W8)|apply (trunc_narrow W16)|apply (trunc_narrow W32)|apply (trunc_narrow W64)]. Qed.
Lemma result_flags_are w v cf ovf : narrow w v → result_are w v (result_flags w v cf ovf).
Proof. by intros Hv. Qed.
Lemma alu_sflags_sound ρ w op a b v f :
  narrow w (eval ρ a) → narrow w (eval ρ b) → eval ρ v = alu_at w op (eval ρ a) (eval ρ b) →
  flags_are ρ (alu_sflags op w a b v) (alu_flags w op (eval ρ a) (eval ρ b) f).
Proof.
  intros Ha Hb Hv. pose proof (alu_at_narrow w op (eval ρ a) (eval ρ b)) as Hn.
  destruct op; simpl; try done; rewrite ?Hv; try (by split); by repeat split.
Qed.
Lemma testbit_land a k : 0 ≤ k → Z.testbit a k = negb (Z.land a (2 ^ k) =? 0).
Proof.
  intros Hk. assert (Z.land a (2 ^ k) = if Z.testbit a k then 2 ^ k else 0) as ->.
  { apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec Z.pow2_bits_eqb //.
    destruct (Z.eqb_spec k i) as [<-|Hne].
    - rewrite andb_true_r. destruct (Z.testbit a k); [by rewrite Z.pow2_bits_true|by rewrite Z.bits_0].
    - rewrite andb_false_r. destruct (Z.testbit a k); [by rewrite Z.pow2_bits_false|by rewrite Z.bits_0]. }
  destruct (Z.testbit a k); [|done]. pose proof (Z.pow_pos_nonneg 2 k eq_refl Hk).
  destruct (Z.eqb_spec (2 ^ k) 0); [lia|done].
Qed.
Lemma bit_number_range w i : 0 ≤ bit_number w i < 64.
Proof.
  assert (0 < width_bits w ≤ 64) as Hw by by destruct w.
  rewrite /bit_number. pose proof (Z.mod_pos_bound (bv_unsigned i) (width_bits w)). lia.
Qed.
Lemma bit_sflags_sound ρ w a i f :
  flags_are ρ (FlagsBit (mk_and a (ECst (2 ^ bit_number w i)))) (bit_flags w (eval ρ a) i f).
Proof.
  pose proof (bit_number_range w i) as Hk. simpl.
  rewrite testbit_land; [|lia]. rewrite eval_mk_and bv_and_unsigned /= Z_to_bv_unsigned bv_wrap_small //.
  split; [lia|]. change (bv_modulus 64) with (2 ^ 64). apply Z.pow_lt_mono_r; lia.
Qed.
Lemma salu_Done w op a b v : salu w op a b = Done v → mk_alu w op a b = Some v.
Proof. rewrite /salu. by case_match; intros [= <-]. Qed.

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

    Lemma alu_sound hint op w d o' s φ ν o :
      sstep hint next (Alu op w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Alu op w d o') o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & (v & Hv%salu_Done & Hres)%res_bind_Done)%res_bind_Done)%res_bind_Done
        Hfacts Hnames. iIntros "HS Hden (%f & Hf & _)".
      destruct (sresult_sound _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as ([Hf1 Hf2]%Forall_app & v' & Hv' & Hφ & Hpc & Hwrite).
      rewrite (eval_mk_alu _ _ _ _ _ _ Hv) in Hv' Hwrite.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip _]) "[HS Hden]".
      iApply (reaches_flags _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden"); [|exact Hσ'|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok).
      - rewrite Hφ. apply alu_sflags_sound; [by eapply sread_narrow..|done].
    Qed.
    (** [inc], [dec] and [neg]: the value is that of [alu], some flags are those of the result. *)
    Lemma unary_result hint op w d v f1 s φ ν o a :
      sresult hint next w d v (FlagsResult w) f1 s ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      sread hint true next w d s = Done (a, f1) →
      eval ρ v = unary_at w op (eval ρ a) → narrow w (eval ρ v) →
      (∀ f v', eval ρ v' = eval ρ v → flags_are ρ (FlagsResult w v') (unary_flags w op (eval ρ a) f)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Unary op w d) o.
    Proof using Hnext.
      intros Hres Hfacts Hnames Ha Hv Hn Hflags. iIntros "HS Hden (%f & Hf & _)".
      destruct (sresult_sound _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as (Hf1 & v' & Hv' & Hφ & Hpc & Hwrite).
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip _]) "[HS Hden]".
      iApply (reaches_flags _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden"); [|exact Hσ'|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= Hv.
      - rewrite Hφ. by apply Hflags.
    Qed.
    Lemma unary_sound hint op w d s φ ν o :
      sstep hint next (Unary op w d) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Unary op w d) o.
    Proof using Hnext.
      intros ([a f1] & Ha & H)%res_bind_Done Hfacts Hnames.
      destruct op; apply res_bind_Done in H as (v & Hv%salu_Done%(eval_mk_alu ρ) & Hres).
      1: apply (unary_result _ UnInc _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames Ha Hv);
        [rewrite Hv; apply alu_at_narrow|]; intros f v' Hv'; rewrite /= Hv' Hv; repeat split; try done;
        apply alu_at_narrow.
      1: apply (unary_result _ UnDec _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames Ha Hv);
        [rewrite Hv; apply alu_at_narrow|]; intros f v' Hv'; rewrite /= Hv' Hv; repeat split; try done;
        apply alu_at_narrow.
      1: apply (unary_result _ UnNeg _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames Ha Hv);
        [rewrite Hv; apply alu_at_narrow|]; intros f v' Hv'; rewrite /= Hv' Hv; repeat split; try done;
        apply alu_at_narrow.
      iIntros "HS Hden Hfl". destruct (sresult_sound _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as (Hf1 & v' & Hv' & Hφ & Hpc & Hwrite).
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct "Hfl" as (f) "[Hf %Hφf]". iDestruct (state_interp_flags with "HS Hf") as %<-.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip Hsame]) "[HS Hden]".
      iApply (reaches_flags _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden"); [|exact Hσ'|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= Hv.
      - by rewrite Hφ.
    Qed.
    Lemma imul_sound hint w d o1 o2 s φ ν o :
      sstep hint next (Imul w d o1 o2) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Imul w d o1 o2) o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & (v & Hv%salu_Done & Hres)%res_bind_Done)%res_bind_Done)%res_bind_Done
        Hfacts Hnames. iIntros "HS Hden (%f & Hf & _)".
      destruct (sresult_sound _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as ([Hf1 Hf2]%Forall_app & v' & Hv' & Hφ & Hpc & Hwrite).
      rewrite (eval_mk_alu _ _ _ _ _ _ Hv) in Hv' Hwrite.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip _]) "[HS Hden]".
      iApply (reaches_flags _ (λ τ, write_reg w d _ σ) with "HS Hf Hden"); [|exact Hσ'|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok).
      - by rewrite Hφ.
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
    Lemma bt_sound hint w d z s φ ν o :
      sstep hint next (Bit BitTest w d (OImm z)) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Bit BitTest w d (OImm z)) o.
    Proof using Hnext.
      intros ([a f1] & Ha & [= <-])%res_bind_Done Hf1. iIntros "HS Hden (%f & Hf & _)".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iApply (reaches_flags _ (λ _, Ok σ) with "HS Hf Hden"); [|done..| |done].
      - intros τ Hok. specialize (Hra τ Hok). simpl in Hra.
        destruct d; simpl in Hra |- *; first [by rewrite Hra|injection Hra as Heq; by rewrite Heq].
      - apply bit_sflags_sound.
    Qed.
    Lemma test_sound hint w d o' s φ ν o :
      sstep hint next (Test w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Test w d o') o.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & (v & Hv%salu_Done & H)%res_bind_Done)%res_bind_Done)%res_bind_Done.
      destruct (name v ν) as [v' ν'] eqn:Hname. injection H as <-. simpl.
      intros [Hf1 Hf2]%Forall_app Hnames. iIntros "HS Hden (%f & Hf & _)".
      destruct (name_sound _ _ _ _ Hname Hnames) as [Hv' _].
      rewrite (eval_mk_alu _ _ _ _ _ _ Hv) in Hv'.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
      iApply (reaches_flags _ (λ _, Ok σ) with "HS Hf Hden"); [|done..| |done].
      - intros τ Hok. by rewrite /= (Hra _ Hok) /= (Hrb _ Hok).
      - apply (alu_sflags_sound ρ w AluAnd a b v' (st_flags σ)); [by eapply sread_narrow..|done].
    Qed.
  End step.
End arith_sound.
