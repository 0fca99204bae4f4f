(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export control_sound string_sound arith_sound flush_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** One step of the executor against one step of the machine. *)

Section step_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Context (Hkernel : cfg_user (m_config M) = false).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation reaches := (reaches base code ρ).

  (** What a step needs of the value that it loads into cr3. *)
  Definition loadable (i : instr) (s : sstate) : Prop :=
    match i with
    | MovToCr3 r =>
      ∀ v, sget r s = Done v → pm_root_ok (cfg_mode (m_config M)) (eval ρ v) = true
    | _ => True
    end.

  Section step.
    Context (σ : state) (next : expr) (Hnext : st_rip σ = eval ρ next).

    (** What leaves the flags alone. *)
    Lemma reaches_same i σ' s φ pc facts ν :
      (∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ') → st_rip σ' = eval ρ pc →
      SI σ' -∗ den s -∗ dflags ρ φ -∗ reaches σ i (Outcome s φ pc facts ν).
    Proof using Type.
      iIntros (Hexec Hrip) "HS Hden Hf". iExists σ'. by iFrame.
    Qed.

    Lemma mov_sound hint w d o' s φ ν o :
      sstep hint next (Mov w d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Mov w d o') o.
    Proof using Hnext.
      intros ([v f1] & Hr & ([s' f2] & Hw & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden Hf".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hr Hf1 with "HS Hden") as %Hread.
      iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hw Hf2 with "HS Hden")
        as (σ' Hwrite [Hrip _]) "[HS Hden]".
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
      intros τ Hok. by rewrite /= (Hread _ Hok) /= Hwrite.
    Qed.
    Lemma movzx_sound hint w from d o' s φ ν o :
      sstep hint next (Movzx w from d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Movzx w from d o') o.
    Proof using Hnext.
      intros ([v f1] & Hr & (s' & Hw & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros Hf1. iIntros "HS Hden Hf".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hr Hf1 with "HS Hden") as %Hread.
      iMod (sput_part_sound base code ρ σ _ _ _ _ _ Hw with "HS Hden") as (σ' Hwrite [Hrip _]) "[HS Hden]".
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
      intros τ Hok. by rewrite /= (Hread _ Hok) /= Hwrite.
    Qed.
    (** A result that leaves the flags alone. *)
    Lemma result_same_sound hint w d v φ facts s ν o i :
      sresult hint next w d v (λ _, φ) facts s ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      (hold facts → SI σ -∗ den s -∗
        ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = write_operand τ w σ d (eval ρ v)⌝) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ i o.
    Proof using Hnext.
      intros Hres Hfacts Hnames Hexec. iIntros "HS Hden Hf".
      destruct (sresult_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames)
        as (Hf1 & v' & Hv' & Hφ & Hpc & Hwrite).
      iDestruct (Hexec Hf1 with "HS Hden") as %He.
      iMod (Hwrite with "HS Hden") as (σ' Hσ' [Hrip _]) "[HS Hden]". iModIntro.
      iExists σ'. rewrite Hφ. iFrame. iPureIntro. split; [|by rewrite Hrip Hpc].
      intros τ Hok. by rewrite (He _ Hok) Hσ'.
    Qed.
    Lemma movsx_sound hint w from d o' s φ ν o :
      sstep hint next (Movsx w from d o') s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Movsx w from d o') o.
    Proof using Hnext.
      intros ([v f1] & Hr & Hres)%res_bind_Done Hfacts Hnames.
      apply (result_same_sound _ _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames). intros Hf1. iIntros "HS Hden".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hr Hf1 with "HS Hden") as %Hread.
      iPureIntro. intros τ Hok. by rewrite /= (Hread _ Hok) /= eval_mk_sext.
    Qed.
    Lemma lea_sound hint w d a s φ ν o :
      sstep hint next (Lea w d a) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Lea w d a) o.
    Proof using Hnext.
      intros (va & Ha & Hres)%res_bind_Done Hfacts Hnames.
      apply (result_same_sound _ _ _ _ _ _ _ _ _ _ Hres Hfacts Hnames). intros _. iIntros "HS Hden".
      iDestruct (saddress_sound base code ρ σ next Hnext with "HS Hden") as %Hea; [done|].
      iPureIntro. intros τ Hok. by rewrite /= Hea.
    Qed.

    Lemma xchg_sound hint w d r s φ ν o :
      sstep hint next (Xchg w d r) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Xchg w d r) o.
    Proof using Hnext.
      intros ([a f1] & Ha & (b & Hb & ([s1 f2] & H1 & (s2 & H2 & [= <-])%res_bind_Done)%res_bind_Done)
        %res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden Hf".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hread.
      iDestruct (sget_sound with "HS Hden") as %Hget; [exact Hb|].
      iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H1 Hf2 with "HS Hden")
        as (σ1 Hσ1 [Hrip1 _]) "[HS Hden]".
      iMod (sput_part_sound base code ρ σ1 _ _ _ _ _ H2 with "HS Hden") as (σ2 Hσ2 [Hrip2 _]) "[HS Hden]".
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip2 Hrip1].
      intros τ Hok. rewrite /= (Hread _ Hok) /= Hget /=. rewrite -eval_mk_trunc Hσ1 //=.
    Qed.
    (** Two writes, of a sum and of what it was added to. *)
    Lemma xadd_sound hint w d r s φ ν o :
      sstep hint next (Xadd w d r) s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Xadd w d r) o.
    Proof using Hnext.
      intros ([a f1] & Ha & (b & Hb & H)%res_bind_Done)%res_bind_Done.
      cbv zeta in H. destruct (name _ ν) as [v ν'] eqn:Hname.
      apply res_bind_Done in H as ([s' f2] & Hs & [= <-]).
      simpl. intros [Hf1 Hf2]%Forall_app Hnames. iIntros "HS Hden (%f & Hf & %Hφ)".
      destruct (name_sound _ _ _ _ _ Hname Hnames) as [Hv _]. rewrite eval_mk_alu eval_mk_trunc in Hv.
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hread.
      iDestruct (sget_sound with "HS Hden") as %Hget; [exact Hb|].
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      set (write τ := match d with
        | OReg q => σ' ← write_reg w r (eval ρ a) σ; write_reg w q (eval ρ v) σ'
        | _ => σ' ← write_operand τ w σ d (eval ρ v); write_reg w r (eval ρ a) σ'
        end).
      iAssert (|==> ∃ σ', ⌜∀ τ, translator_ok M σ τ → write τ = Ok σ'⌝ ∗ ⌜st_rip σ' = st_rip σ⌝ ∗
        SI σ' ∗ den s')%I with "[HS Hden]" as ">(%σ' & %Hσ' & %Hrip & HS & Hden)".
      { destruct d as [q|z|m]; [|apply res_bind_Done in Hs as ([? ?] & ? & _); done|].
        - apply res_bind_Done in Hs as (s1 & H1 & (s2 & H2 & [= <- <-])%res_bind_Done).
          iMod (sput_part_sound base code ρ σ _ _ _ _ _ H1 with "HS Hden") as (σ1 Hσ1 [Hrip1 _]) "[HS Hden]".
          iMod (sput_part_sound base code ρ σ1 _ _ _ _ _ H2 with "HS Hden") as (σ2 Hσ2 [Hrip2 _]) "[HS Hden]".
          iModIntro. iExists σ2. iFrame. iPureIntro. split; [|by rewrite Hrip2].
          intros τ Hok. by rewrite /write Hσ1.
        - apply res_bind_Done in Hs as ([s1 g] & H1 & (s2 & H2 & [= <- <-])%res_bind_Done).
          iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H1 Hf2 with "HS Hden")
            as (σ1 Hσ1 [Hrip1 _]) "[HS Hden]".
          iMod (sput_part_sound base code ρ σ1 _ _ _ _ _ H2 with "HS Hden") as (σ2 Hσ2 [Hrip2 _]) "[HS Hden]".
          iModIntro. iExists σ2. iFrame. iPureIntro. split; [|by rewrite Hrip2].
          intros τ Hok. by rewrite /write Hσ1. }
      iApply (reaches_flags base code ρ σ next Hnext _ write with "HS Hf Hden");
        [|exact Hσ'|done|done| |done].
      - intros τ Hok. rewrite /= (Hread _ Hok) /= Hget /= -Hv. by destruct d.
      - rewrite Hv -eval_mk_trunc. apply add_carry_sound;
          [by eapply sread_narrow|rewrite eval_mk_trunc; apply trunc_narrow|by rewrite Hv eval_mk_trunc].
    Qed.

    Lemma push_step_sound hint o' s φ ν o :
      sstep hint next (Push o') s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Push o') o.
    Proof using Hnext.
      intros ([v f1] & Hr & ([s' f2] & Hw & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden Hf".
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hr Hf1 with "HS Hden") as %Hread.
      iMod (spush_sound base code ρ σ with "HS Hden") as (σ' Hpush [Hrip _]) "[HS Hden]"; [done..|].
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
      intros τ Hok. by rewrite /= (Hread _ Hok) /= Hpush.
    Qed.
    Lemma pop_step_sound hint d s φ ν o :
      sstep hint next (Pop d) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Pop d) o.
    Proof using Type*.
      intros ([[v s'] f1] & Hr & ([s'' f2] & Hw & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden Hf".
      iMod (spop_sound base code ρ σ with "HS Hden") as (σ' Hpop [Hrip _] Hτ) "[HS Hden]"; [done..|].
      assert (Hnext' : st_rip σ' = eval ρ next) by by rewrite Hrip.
      iMod (swrite_sound base code ρ σ' next Hnext' _ _ _ _ _ _ _ Hw Hf2 with "HS Hden")
        as (σ'' Hwrite [Hrip' _]) "[HS Hden]".
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip'].
      intros τ Hok. rewrite /= Hpop // /=. by apply Hwrite, Hτ.
    Qed.
    Lemma call_sound hint t s φ ν o :
      sstep hint next (Call t) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Call t) o.
    Proof using Hnext.
      intros ([pc f1] & Ht & ([s' f2] & Hw & [= <-])%res_bind_Done)%res_bind_Done.
      simpl. intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden Hf".
      iDestruct (starget_sound base code ρ σ next Hnext with "HS Hden") as %Htarget; [done..|].
      iMod (spush_sound base code ρ σ with "HS Hden") as (σ' Hpush _) "[HS Hden]"; [done..|].
      iDestruct (state_interp_rip _ (eval ρ pc) with "HS") as "HS".
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ Hok. by rewrite /= Htarget // /= Hnext Hpush.
    Qed.
    Lemma ret_sound hint s φ ν o :
      sstep hint next Ret s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ Ret o.
    Proof using Type.
      intros ([[v s'] f1] & Hr & [= <-])%res_bind_Done Hf1. iIntros "HS Hden Hf".
      iMod (spop_sound base code ρ σ with "HS Hden") as (σ' Hpop _ _) "[HS Hden]"; [done..|].
      iDestruct (state_interp_rip _ (eval ρ v) with "HS") as "HS".
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ Hok. by rewrite /= Hpop.
    Qed.
    Lemma jmp_sound hint t s φ ν o :
      sstep hint next (Jmp t) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Jmp t) o.
    Proof using Hnext.
      intros ([pc f1] & Ht & [= <-])%res_bind_Done Hf1. iIntros "HS Hden Hf".
      iDestruct (starget_sound base code ρ σ next Hnext with "HS Hden") as %Htarget; [done..|].
      iDestruct (state_interp_rip _ (eval ρ pc) with "HS") as "HS".
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ Hok. by rewrite /= Htarget.
    Qed.
    Lemma leave_sound hint s φ ν o :
      sstep hint next Leave s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ Leave o.
    Proof using Hnext.
      intros (bp & Hbp & (s1 & Hs1 & ([[v s2] f1] & Hr & (s3 & Hs3 & [= <-])%res_bind_Done)%res_bind_Done)
        %res_bind_Done)%res_bind_Done Hf1. iIntros "HS Hden Hf".
      iDestruct (sget_sound with "HS Hden") as %Hget; [exact Hbp|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & %Hne)"; [exact Hs1|].
      iMod (spop_sound base code ρ (set_reg RSP (eval ρ bp) σ) with "HS Hden")
        as (σ' Hpop [Hrip _] _) "[HS Hden]"; [exact Hr|done|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [exact Hs3|].
      iApply (reaches_same with "HS Hden Hf"); [|by rewrite /= Hrip].
      intros τ Hok. rewrite /= Hget /= Hpop //. by apply translator_ok_set_reg.
    Qed.
    Lemma to_cr3_sound hint r s φ ν o :
      sstep hint next (MovToCr3 r) s φ ν = Done (Straight o) → loadable (MovToCr3 r) s →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (MovToCr3 r) o.
    Proof using Hnext Hkernel.
      intros (v & Hv & [= <-])%res_bind_Done Hroot. iIntros "HS Hden Hf".
      iDestruct (sget_sound with "HS Hden") as %Hr; [done|].
      iMod (sload_root_sound base code ρ σ v with "HS Hden") as "[HS Hden]".
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ _. by rewrite /= Hr /= Hkernel (Hroot _ Hv).
    Qed.
    Lemma invlpg_sound hint a s φ ν o :
      sstep hint next (Invlpg a) s φ ν = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (Invlpg a) o.
    Proof using Hnext Hkernel.
      intros (va & Hva & ([s' f1] & Hs & [= <-])%res_bind_Done)%res_bind_Done Hf1. iIntros "HS Hden Hf".
      iDestruct (saddress_sound base code ρ σ next Hnext with "HS Hden") as %Ha; [done|].
      iMod (sinvlpg_sound base code ρ σ _ va with "HS Hden") as "[HS Hden]"; [done..|].
      iApply (reaches_same with "HS Hden Hf"); [|by case_match].
      intros τ _. by rewrite /= Ha /= Hkernel.
    Qed.
    Lemma from_cr3_sound hint d s φ ν o :
      sstep hint next (MovFromCr3 d) s φ ν = Done (Straight o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ (MovFromCr3 d) o.
    Proof using Hnext Hkernel.
      intros (s' & Hp & [= <-])%res_bind_Done. iIntros "HS Hden Hf".
      iAssert ⌜get_reg σ CR3 = Ok (eval ρ (s_root s))⌝%I as %Hcr3.
      { iDestruct "Hden" as "[[Hc _] _]". iDestruct (state_interp_reg with "HS Hc") as %Hc.
        by rewrite /get_reg Hc. }
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [done|].
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ _. by rewrite /= Hcr3 /= Hkernel.
    Qed.

    Lemma to_control_sound c r s φ ν o i :
      (i, c) = (MovToCr0 r, CR0) ∨ (i, c) = (MovToCr4 r, CR4) →
      (let* v := sget r s in let* (s, facts) := swrite_control c v s in
       Done (Straight (Outcome s φ next facts ν))) = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ i o.
    Proof using Hnext.
      intros Hi (v & Hv & ([s' f] & Hs & [= <-])%res_bind_Done)%res_bind_Done Hf. iIntros "HS Hden Hf".
      iDestruct (sget_sound with "HS Hden") as %Hr; [exact Hv|].
      iMod (swrite_control_sound base code ρ σ c with "HS Hden") as (Hw) "[HS Hden]";
        [by destruct Hi; simplify_eq; auto|exact Hs|exact Hf|].
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ _. by destruct Hi as [[= -> ->]|[= -> ->]]; rewrite /= Hr /= Hw.
    Qed.
    Lemma from_control_sound c d s φ ν o i :
      (i, c) = (MovFromCr0 d, CR0) ∨ (i, c) = (MovFromCr4 d, CR4) →
      (let* (v, facts) := sread_control c s in let* s := sput d v s in
       Done (Straight (Outcome s φ next facts ν))) = Done (Straight o) → hold (o_facts o) →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ i o.
    Proof using Hnext.
      intros Hi ([v f] & Hv & (s' & Hs & [= <-])%res_bind_Done)%res_bind_Done Hf. iIntros "HS Hden Hf".
      iDestruct (sread_control_sound base code ρ σ c with "HS Hden") as %Hr;
        [by destruct Hi; simplify_eq; auto|exact Hv|exact Hf|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [exact Hs|].
      iApply (reaches_same with "HS Hden Hf"); [|done].
      intros τ _. by destruct Hi as [[= -> ->]|[= -> ->]]; rewrite /= Hr.
    Qed.

    (** * Forks: which arm is taken, and what the machine does then *)
    Definition forks (i : instr) (s : sstate) (φ : sflags) (yes no : fact) (o o' : outcome) : Prop :=
      SI σ -∗ den s -∗ dflags ρ φ -∗
      ∃ b, ⌜good_arms ρ b (yes, no)⌝ ∗
        (⌜hold (o_facts (if b then o else o'))⌝ ==∗ reaches σ i (if b : bool then o else o')).

    (** The condition, and its value. *)
    Lemma cond_decided c s φ yes no :
      cond_arms c φ = Some (yes, no) →
      SI σ -∗ den s -∗ dflags ρ φ -∗
      ∃ b, ⌜good_arms ρ b (yes, no)⌝ ∗ ⌜cond_holds c (st_flags σ) = Some b⌝ ∗
        SI σ ∗ den s ∗ dflags ρ φ.
    Proof using Type.
      iIntros (Harms) "HS Hden (%f & Hf & %Hφ)".
      destruct (cond_arms_sound ρ c φ f _ Hφ Harms) as (b & Hb & Hgood).
      iDestruct (state_interp_flags with "HS Hf") as %<-. iExists b. iFrame. by iPureIntro.
    Qed.
    Lemma jcc_sound hint c d s φ ν yes no o o' :
      sstep hint next (Jcc c d) s φ ν = Done (Fork yes no o o') → forks (Jcc c d) s φ yes no o o'.
    Proof using Hnext.
      simpl. destruct (cond_arms c φ) as [[y n]|] eqn:Harms; [|done]. intros [= <- <- <- <-].
      iIntros "HS Hden Hf". iDestruct (cond_decided with "HS Hden Hf") as (b Hgood Hb) "(HS & Hden & Hf)";
        [exact Harms|]. iExists b. iSplit; [done|]. iIntros (_). destruct b.
      - iDestruct (state_interp_rip _ (eval ρ (mk_add next d)) with "HS") as "HS". iModIntro.
        iApply (reaches_same with "HS Hden Hf"); [|done].
        intros τ _. by rewrite /= Hb /= eval_mk_add Hnext.
      - iModIntro. iApply (reaches_same with "HS Hden Hf"); [|done]. intros τ _. by rewrite /= Hb.
    Qed.
    Lemma setcc_sound hint c d s φ ν yes no o o' :
      sstep hint next (Setcc c d) s φ ν = Done (Fork yes no o o') → forks (Setcc c d) s φ yes no o o'.
    Proof using Hnext.
      simpl. destruct (cond_arms c φ) as [[y n]|] eqn:Harms; [|done].
      intros ([s1 f1] & H1 & ([s2 f2] & H2 & [= <- <- <- <-])%res_bind_Done)%res_bind_Done.
      iIntros "HS Hden Hf". iDestruct (cond_decided with "HS Hden Hf") as (b Hgood Hb) "(HS & Hden & Hf)";
        [exact Harms|]. iExists b. iSplit; [done|].
      iIntros (Hfacts). destruct b; simpl in Hfacts.
      - iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H1 Hfacts with "HS Hden")
          as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
        intros τ Hok. rewrite /= Hb. exact (Hwrite τ Hok).
      - iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H2 Hfacts with "HS Hden")
          as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
        intros τ Hok. rewrite /= Hb. exact (Hwrite τ Hok).
    Qed.
    Lemma cmovcc_sound hint c w d o1 s φ ν yes no o o' :
      sstep hint next (Cmovcc c w d o1) s φ ν = Done (Fork yes no o o') →
      forks (Cmovcc c w d o1) s φ yes no o o'.
    Proof using Hnext.
      intros ([v f] & Hr & (old & Hold & H)%res_bind_Done)%res_bind_Done.
      destruct (cond_arms c φ) as [[y n]|] eqn:Harms; [|done].
      apply res_bind_Done in H as (s1 & H1 & (s2 & H2 & [= <- <- <- <-])%res_bind_Done).
      iIntros "HS Hden Hf". iDestruct (cond_decided with "HS Hden Hf") as (b Hgood Hb) "(HS & Hden & Hf)";
        [exact Harms|]. iExists b. iSplit; [done|].
      iIntros (Hfacts). assert (hold f) as Hf by (destruct b; exact Hfacts).
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hr Hf with "HS Hden") as %Hread.
      iDestruct (sget_sound with "HS Hden") as %Hget; [exact Hold|]. destruct b.
      - iMod (sput_part_sound base code ρ σ _ _ _ _ _ H1 with "HS Hden") as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
        intros τ Hok. by rewrite /= (Hread _ Hok) /= Hb /= Hget /= Hwrite.
      - iMod (sput_part_sound base code ρ σ _ _ _ _ _ H2 with "HS Hden") as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_same with "HS Hden Hf"); [|by rewrite Hrip].
        intros τ Hok. by rewrite /= (Hread _ Hok) /= Hb /= Hget /= -eval_mk_trunc Hwrite.
    Qed.

    (** Sums and differences with a carry: [f'] is what becomes of the flags. *)
    Lemma scarry_sound hint w d i v v' φ1 φ2 facts s φ ν yes no o o'
        (f' : bool → flags) :
      scarry hint next w d v v' φ1 φ2 facts s φ ν = Done (Fork yes no o o') →
      (hold facts → SI σ -∗ den s -∗ ⌜∀ τ c, translator_ok M σ τ → fl_cf (st_flags σ) = Some c →
        exec (m_config M) τ i σ =
          with_flags (f' c) (write_operand τ w σ d (eval ρ (if c : bool then v else v')))⌝) →
      flags_are ρ φ1 (f' true) → flags_are ρ φ2 (f' false) →
      forks i s φ yes no o o'.
    Proof using Hnext.
      rewrite /scarry. destruct (cond_arms CondB φ) as [[y n]|] eqn:Harms; [|done].
      intros ([s1 f1] & H1 & ([s2 f2] & H2 & [= <- <- <- <-])%res_bind_Done)%res_bind_Done Hexec Hφ1 Hφ2.
      iIntros "HS Hden Hf". iDestruct (cond_decided with "HS Hden Hf") as (b Hgood Hb) "(HS & Hden & Hf)";
        [exact Harms|]. iExists b. iSplit; [done|].
      iIntros (Hfacts). iDestruct "Hf" as (f) "[Hf _]". destruct b; apply Forall_app in Hfacts as [Hf1 Hf2].
      - iDestruct (Hexec Hf1 with "HS Hden") as %He.
        iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H1 Hf2 with "HS Hden")
          as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_flags base code ρ σ next Hnext _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden");
          [intros τ Hok; exact (He τ true Hok Hb)|exact Hwrite|done..].
      - iDestruct (Hexec Hf1 with "HS Hden") as %He.
        iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H2 Hf2 with "HS Hden")
          as (σ' Hwrite [Hrip _]) "[HS Hden]".
        iApply (reaches_flags base code ρ σ next Hnext _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden");
          [intros τ Hok; exact (He τ false Hok Hb)|exact Hwrite|done..].
    Qed.
    Lemma adc_sound hint w d o1 s φ ν yes no o o' :
      sstep hint next (Adc w d o1) s φ ν = Done (Fork yes no o o') → forks (Adc w d o1) s φ yes no o o'.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & Hres)%res_bind_Done)%res_bind_Done.
      assert (eval ρ (mk_trunc w (mk_add (mk_op AluAdd a b) 1)) = adc_at w true (eval ρ a) (eval ρ b)) as Hv.
      { by rewrite eval_mk_trunc eval_mk_add eval_mk_op /adc_at /carry_word bv_add_cst. }
      apply (scarry_sound _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
        (λ c, add_flags w c (eval ρ a) (eval ρ b) (adc_at w c (eval ρ a) (eval ρ b))) Hres).
      - intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden".
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
        iPureIntro. intros τ c Hok Hc. rewrite /= (Hra _ Hok) /= (Hrb _ Hok) /= Hc /=.
        destruct c; [by rewrite Hv|by rewrite eval_mk_alu adc_at_false].
      - apply adc_carry_sound; [by eapply sread_narrow..|done].
      - rewrite adc_at_false. apply add_carry_sound; [by eapply sread_narrow..|]. apply eval_mk_alu.
    Qed.
    Lemma sbb_sound hint w d o1 s φ ν yes no o o' :
      sstep hint next (Sbb w d o1) s φ ν = Done (Fork yes no o o') → forks (Sbb w d o1) s φ yes no o o'.
    Proof using Hnext.
      intros ([a f1] & Ha & ([b f2] & Hb & Hres)%res_bind_Done)%res_bind_Done.
      assert (eval ρ (mk_trunc w (mk_add (mk_op AluSub a b) (-1))) = sbb_at w true (eval ρ a) (eval ρ b)) as Hv.
      { by rewrite eval_mk_trunc eval_mk_add eval_mk_op /sbb_at /carry_word bv_sub_cst. }
      apply (scarry_sound _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
        (λ c, sub_flags w c (eval ρ a) (eval ρ b) (sbb_at w c (eval ρ a) (eval ρ b))) Hres).
      - intros [Hf1 Hf2]%Forall_app. iIntros "HS Hden".
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Ha Hf1 with "HS Hden") as %Hra.
        iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hb Hf2 with "HS Hden") as %Hrb.
        iPureIntro. intros τ c Hok Hc. rewrite /= (Hra _ Hok) /= (Hrb _ Hok) /= Hc /=.
        destruct c; [by rewrite Hv|by rewrite eval_mk_alu sbb_at_false].
      - by apply sbb_carry_sound.
      - rewrite sbb_at_false. split; [by eapply sread_narrow|]. split; [by eapply sread_narrow|done].
    Qed.
    Lemma cmpxchg_sound hint w d r s φ ν yes no o o' :
      sstep hint next (Cmpxchg w d r) s φ ν = Done (Fork yes no o o') →
      forks (Cmpxchg w d r) s φ yes no o o'.
    Proof using Hnext.
      intros (a & Ha & ([old f1] & Hold & (b & Hb & ([s1 f2] & H1 & ([s2 f3] & H2 & (s3 & H3 & [= <- <- <- <-])
        %res_bind_Done)%res_bind_Done)%res_bind_Done)%res_bind_Done)%res_bind_Done)%res_bind_Done.
      iIntros "HS Hden (%f & Hf & _)".
      iDestruct (sget_sound with "HS Hden") as %Hga; [exact Ha|].
      iDestruct (sget_sound with "HS Hden") as %Hgb; [exact Hb|].
      set (eq := bv_unsigned (trunc w (eval ρ a)) =? bv_unsigned (eval ρ old)).
      assert (∀ f, flags_are ρ (FlagsSub w (mk_trunc w a) old)
        (alu_flags w AluSub (trunc w (eval ρ a)) (eval ρ old) f)) as Hφ.
      { intros g. simpl. rewrite eval_mk_trunc. split; [apply trunc_narrow|].
        split; [by eapply sread_narrow|done]. }
      iExists eq. iSplit.
      { iPureIntro. rewrite /good_arms /= eval_mk_trunc /eq. destruct (Z.eqb_spec (bv_unsigned (trunc w (eval ρ a)))
          (bv_unsigned (eval ρ old))) as [He|He]; [by apply bv_eq|]. intros Heq. apply He. by rewrite Heq. }
      iIntros (Hfacts). assert (hold f1) as Hf1.
      { destruct eq; apply Forall_app in Hfacts as [Hf _]; exact Hf. }
      iDestruct (sread_sound base code ρ σ next Hnext _ _ _ _ _ _ _ Hold Hf1 with "HS Hden") as %Hread.
      destruct eq eqn:Heq; apply Forall_app in Hfacts as [_ Hf2].
      - iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H1 Hf2 with "HS Hden")
          as (σ1 Hσ1 [Hrip1 _]) "[HS Hden]".
        iApply (reaches_flags base code ρ σ next Hnext _ (λ τ, write_operand τ w σ d _) with "HS Hf Hden");
          [|exact Hσ1|done|done|apply (Hφ (st_flags σ))|done].
        intros τ Hok. rewrite /= Hga /= (Hread _ Hok) /= Hgb /=. rewrite /eq in Heq. by rewrite Heq eval_mk_trunc.
      - iMod (swrite_sound base code ρ σ next Hnext _ _ _ _ _ _ _ H2 Hf2 with "HS Hden")
          as (σ1 Hσ1 [Hrip1 _]) "[HS Hden]".
        iMod (sput_part_sound base code ρ σ1 _ _ _ _ _ H3 with "HS Hden") as (σ2 Hσ2 [Hrip2 _]) "[HS Hden]".
        iApply (reaches_flags base code ρ σ next Hnext _
          (λ τ, σ' ← write_operand τ w σ d (eval ρ old); write_reg w RAX (eval ρ old) σ') with "HS Hf Hden");
          [| |by rewrite Hrip2 Hrip1|done|apply (Hφ (st_flags σ))|done].
        + intros τ Hok. rewrite /= Hga /= (Hread _ Hok) /= Hgb /=. rewrite /eq in Heq. by rewrite Heq.
        + intros τ Hok. by rewrite (Hσ1 _ Hok).
    Qed.

    (** * Every instruction, but the one that takes several steps *)
    Lemma sstep_sound hint i s φ ν o : i ≠ RepStosq →
      sstep hint next i s φ ν = Done (Straight o) → hold (o_facts o) →
      Forall (named ρ) (n_defs (o_names o)) → loadable i s →
      SI σ -∗ den s -∗ dflags ρ φ ==∗ reaches σ i o.
    Proof using Hnext Hkernel.
      intros Hone Hstep Hfacts Hnames Hroot.
      lazymatch type of Hstep with sstep _ _ ?i _ _ _ = _ => destruct i end;
        lazymatch type of Hstep with
        | sstep _ _ (Mov _ _ _) _ _ _ = _ => exact (mov_sound _ _ _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Movzx _ _ _ _) _ _ _ = _ => exact (movzx_sound _ _ _ _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Movsx _ _ _ _) _ _ _ = _ =>
          exact (movsx_sound _ _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Lea _ _ _) _ _ _ = _ => exact (lea_sound _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Alu _ _ _ _) _ _ _ = _ =>
          exact (alu_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Cmp _ _ _) _ _ _ = _ =>
          exact (cmp_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Test _ _ _) _ _ _ = _ =>
          exact (test_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Unary _ _ _) _ _ _ = _ =>
          exact (unary_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Imul _ _ _ _) _ _ _ = _ =>
          exact (imul_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Bit _ _ _ _) _ _ _ = _ =>
          exact (bit_sound base code ρ σ next Hnext _ _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Xchg _ _ _) _ _ _ = _ => exact (xchg_sound _ _ _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Xadd _ _ _) _ _ _ = _ => exact (xadd_sound _ _ _ _ _ _ _ _ Hstep Hfacts Hnames)
        | sstep _ _ (Push _) _ _ _ = _ => exact (push_step_sound _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Pop _) _ _ _ = _ => exact (pop_step_sound _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Call _) _ _ _ = _ => exact (call_sound _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ Ret _ _ _ = _ => exact (ret_sound _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Jmp _) _ _ _ = _ => exact (jmp_sound _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ Leave _ _ _ = _ => exact (leave_sound _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (Invlpg _) _ _ _ = _ => exact (invlpg_sound _ _ _ _ _ _ Hstep Hfacts)
        | sstep _ _ (MovToCr3 _) _ _ _ = _ => exact (to_cr3_sound _ _ _ _ _ _ Hstep Hroot)
        | sstep _ _ (MovFromCr3 _) _ _ _ = _ => exact (from_cr3_sound _ _ _ _ _ _ Hstep)
        | sstep _ _ (MovToCr0 ?r) _ _ _ = _ =>
          exact (to_control_sound CR0 r _ _ _ _ _ (or_introl eq_refl) Hstep Hfacts)
        | sstep _ _ (MovToCr4 ?r) _ _ _ = _ =>
          exact (to_control_sound CR4 r _ _ _ _ _ (or_intror eq_refl) Hstep Hfacts)
        | sstep _ _ (MovFromCr0 ?r) _ _ _ = _ =>
          exact (from_control_sound CR0 r _ _ _ _ _ (or_introl eq_refl) Hstep Hfacts)
        | sstep _ _ (MovFromCr4 ?r) _ _ _ = _ =>
          exact (from_control_sound CR4 r _ _ _ _ _ (or_intror eq_refl) Hstep Hfacts)
        | sstep _ _ (Adc _ _ _) _ _ _ = _ => exfalso; simpl in Hstep; rewrite /scarry in Hstep; invert_res;
            destruct (cond_arms _ _) as [[??]|]; invert_res; discriminate
        | sstep _ _ (Sbb _ _ _) _ _ _ = _ => exfalso; simpl in Hstep; rewrite /scarry in Hstep; invert_res;
            destruct (cond_arms _ _) as [[??]|]; invert_res; discriminate
        | sstep _ _ (Cmpxchg _ _ _) _ _ _ = _ => exfalso; simpl in Hstep; invert_res; discriminate
        | sstep _ _ (Setcc _ _) _ _ _ = _ => exfalso; revert Hstep; simpl;
            destruct (cond_arms _ _) as [[??]|]; intros; invert_res; discriminate
        | sstep _ _ (Jcc _ _) _ _ _ = _ => exfalso; revert Hstep; simpl;
            destruct (cond_arms _ _) as [[??]|]; intros; discriminate
        | sstep _ _ (Cmovcc _ _ _ _) _ _ _ = _ => exfalso; simpl in Hstep; invert_res;
            destruct (cond_arms _ _) as [[??]|]; invert_res; discriminate
        | sstep _ _ RepStosq _ _ _ = _ => destruct (Hone eq_refl)
        | sstep _ _ Nop _ _ _ = _ => idtac
        end.
      injection Hstep as <-. iIntros "HS Hden Hf !>".
      by iApply (reaches_same with "HS Hden Hf").
    Qed.
    Local Ltac no_fork :=
      simpl; rewrite /sresult;
      repeat first
        [ discriminate
        | let H := fresh in intros H; apply res_bind_Done in H as (? & _ & H); revert H
        | case_match ].
    Lemma sstep_fork_sound hint i s φ ν yes no o o' :
      sstep hint next i s φ ν = Done (Fork yes no o o') → forks i s φ yes no o o'.
    Proof using Hnext.
      intros Hstep.
      lazymatch type of Hstep with sstep _ _ ?i _ _ _ = _ => destruct i end;
        lazymatch type of Hstep with
        | sstep _ _ (Setcc _ _) _ _ _ = _ => exact (setcc_sound _ _ _ _ _ _ _ _ _ _ Hstep)
        | sstep _ _ (Jcc _ _) _ _ _ = _ => exact (jcc_sound _ _ _ _ _ _ _ _ _ _ Hstep)
        | sstep _ _ (Cmovcc _ _ _ _) _ _ _ = _ => exact (cmovcc_sound _ _ _ _ _ _ _ _ _ _ _ _ Hstep)
        | sstep _ _ (Adc _ _ _) _ _ _ = _ => exact (adc_sound _ _ _ _ _ _ _ _ _ _ _ Hstep)
        | sstep _ _ (Sbb _ _ _) _ _ _ = _ => exact (sbb_sound _ _ _ _ _ _ _ _ _ _ _ Hstep)
        | sstep _ _ (Cmpxchg _ _ _) _ _ _ = _ => exact (cmpxchg_sound _ _ _ _ _ _ _ _ _ _ _ Hstep)
        | _ => exfalso; revert Hstep; no_fork
        end.
    Qed.
  End step.
End step_sound.
