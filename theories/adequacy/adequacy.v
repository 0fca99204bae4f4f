(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export wp assertions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Adequacy: what a triple says of the bare machine.

    An initial state is cut into its page tables [T], a part of its memory, and the rest.  The program
    gets its registers, its flags, the bytes outside [T], the claims [Θ] and the cells [E], each whole.  What is concluded
    mentions the logic nowhere: see [adequate]. *)

(** * The conclusion *)
(** Steps that start from states outside [φ] alone. *)
Inductive steps_avoiding (M : machine) (φ : state → Prop) : nat → state → state → Prop :=
  | avoiding_O σ : steps_avoiding M φ 0 σ σ
  | avoiding_S n σ σ' σ'' :
      ¬ φ σ → step M σ (Ok σ') → steps_avoiding M φ n σ' σ'' → steps_avoiding M φ (S n) σ σ''.

(** Whatever the TLB does: until a state in [φ] is reached, no step faults and none leaves the model. *)
Definition adequate (M : machine) (σ0 : state) (φ : state → Prop) : Prop :=
  ∀ n σ r, steps_avoiding M φ n σ0 σ → step M σ r → φ σ ∨ ∃ σ', r = Ok σ'.

Section adequate.
  Context {M : machine} {σ0 : state} {φ : state → Prop} (Had : adequate M σ0 φ).

  Lemma adequate_safe n σ : steps_avoiding M φ n σ0 σ → ¬ φ σ → safe M σ.
  Proof using Had. intros Hn Hφ r Hr. by destruct (Had _ _ _ Hn Hr). Qed.
  Lemma adequate_dec n σ : steps_avoiding M φ n σ0 σ → Decision (φ σ) → φ σ ∨ safe M σ.
  Proof using Had. intros Hn [Hφ|Hφ]; [by left|right]. by eapply adequate_safe. Qed.
  (** A state that cannot go on is in [φ]: so where nothing is mapped at the exits, what reaches them has
      the postcondition. *)
  Lemma adequate_end n σ r :
    steps_avoiding M φ n σ0 σ → step M σ r → (∀ σ', r ≠ Ok σ') → φ σ.
  Proof using Had. intros Hn Hr Hne. destruct (Had _ _ _ Hn Hr) as [?|[σ' ->]]; naive_solver. Qed.
End adequate.

Lemma steps_avoiding_steps M φ n σ σ' : steps_avoiding M φ n σ σ' → steps M n σ σ'.
Proof. induction 1; by econstructor. Qed.
Lemma steps_avoiding_mono M (φ ψ : state → Prop) n σ σ' :
  (∀ σ, ψ σ → φ σ) → steps_avoiding M φ n σ σ' → steps_avoiding M ψ n σ σ'.
Proof. intros Hφψ. induction 1; econstructor; eauto. Qed.
Lemma adequate_mono M σ0 (φ ψ : state → Prop) :
  (∀ σ, φ σ → ψ σ) → adequate M σ0 φ → adequate M σ0 ψ.
Proof.
  intros Hφψ Had n σ r Hn Hr. destruct (Had n σ r) as [?|?]; [|done|by left; auto|by right].
  by eapply steps_avoiding_mono.
Qed.

(** The function's run, as far as it avoids [φ], is such an execution. *)
Lemma run_avoiding M φ n σ σ' :
  run M n σ = Ok σ' → (∀ k σ'', (k < n)%nat → run M k σ = Ok σ'' → ¬ φ σ'') →
  steps_avoiding M φ n σ σ'.
Proof.
  revert σ. induction n as [|n IH]; intros σ; [intros [= <-] _; constructor|].
  intros (σ1 & Hstep & Hrun)%result_bind_Ok Hav.
  apply (avoiding_S _ _ _ _ σ1); [apply (Hav 0%nat); [lia|done]|..].
  - rewrite -Hstep. apply step_fun_step.
  - apply IH; [done|]. intros k σ'' Hk Hr. apply (Hav (S k)); [lia|]. by rewrite /= Hstep.
Qed.

(** * Ghost state, before there are names *)
Class machGpreS (Σ : gFunctors) := MachGpreS {
  mach_pre_invGpreS :: invGpreS Σ;
  mach_pre_regG :: ghost_mapG Σ reg word;
  mach_pre_memG :: ghost_mapG Σ Z byte;
  mach_pre_claimG :: ghost_mapG Σ (word * Z) trans;
  mach_pre_cellG :: ghost_mapG Σ Z cell;
  mach_pre_flagsG :: ghost_varG Σ flags;
}.
Definition machΣ : gFunctors :=
  #[invΣ; ghost_mapΣ reg word; ghost_mapΣ Z byte; ghost_mapΣ (word * Z) trans;
    ghost_mapΣ Z cell; ghost_varΣ flags].
Global Instance subG_machGpreS Σ : subG machΣ Σ → machGpreS Σ.
Proof. solve_inG. Qed.

Section initial.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (σ : state) (T : memory) (Θ : gmap (word * Z) trans) (Q : word → iProp Σ).
  #[local] Typeclasses Transparent reg_pt phys_byte flags_pt claim page_claim cell_pt.

  (** What a program starts with. *)
  Definition initial_resources σ T Θ (E : cells) : iProp Σ :=
    ([∗ map] r ↦ v ∈ st_regs σ, r ↦ᵣ v) ∗
    flags_pt (st_flags σ) ∗
    ([∗ map] pa ↦ b ∈ st_mem σ ∖ T, phys_byte pa 1 b) ∗
    ([∗ map] x ↦ t ∈ Θ, page_claim x 1 t) ∗
    ([∗ map] s ↦ x ∈ E, cell_pt s 1 x).

  (** * Along an execution *)
  Definition running Q σ : iProp Σ := state_interp σ ∗ swp (st_rip σ) Q.

  Context (Q : word → iProp Σ) (φ : state → Prop).
  Context (Hpost : ∀ σ, state_interp σ -∗ Q (st_rip σ) ={⊤,∅}=∗ ⌜φ σ⌝).

  Lemma running_step σ r :
    step M σ r → running Q σ ={⊤,∅}=∗ ⌜φ σ⌝ ∨ ∃ σ', ⌜r = Ok σ'⌝ ∗ ▷ |={∅,⊤}=> running Q σ'.
  Proof using Hpost.
    iIntros (Hr) "[HS HW]". rewrite swp_unfold /swp_pre.
    iMod ("HW" $! σ with "[//] HS") as "[[HS HQ]|>HW]".
    { iMod (Hpost with "HS HQ") as %?. by iLeft. }
    iMod ("HW" $! r with "[//]") as (σ') "[-> H]".
    iRight. iExists σ'. by iFrame "H".
  Qed.
  Lemma running_steps n σ σ' :
    steps_avoiding M φ n σ σ' → running Q σ -∗ |={⊤,∅}=> |={∅}▷=>^n |={∅,⊤}=> running Q σ'.
  Proof using Hpost.
    induction 1 as [σ|n σ σ1 σ2 Hφ Hstep _ IH]; iIntros "H"; simpl.
    - iApply fupd_mask_intro; [done|]. iIntros "Hclose". by iMod "Hclose".
    - iMod (running_step σ (Ok σ1) with "H") as "[%|(%σ' & %Heq & H)]"; [done..|].
      injection Heq as <-.
      iIntros "!> !> !>". iMod "H". by iApply IH.
  Qed.
End initial.

(** * The theorem *)
(** What follows from the state interpretation at any point of an execution, with what is kept aside. *)
Lemma swp_sound Σ `{!machGpreS Σ} (M : machine) (σ0 : state) (T : memory)
    (Θ : gmap (word * Z) trans) (E : cells) (φ : state → Prop) n σ (χ : Prop) :
  T ⊆ st_mem σ0 →
  tables_ok (m_config M) T Θ E (root_of σ0) (st_tlb σ0) →
  (∀ `{!machGS M Σ}, ∃ (Q : word → iProp Σ) (F : iProp Σ),
    (initial_resources σ0 T Θ E ={⊤}=∗ swp (st_rip σ0) Q ∗ F) ∧
    (∀ σ, state_interp σ -∗ Q (st_rip σ) ={⊤,∅}=∗ ⌜φ σ⌝) ∧
    (running Q σ -∗ F ={⊤,∅}=∗ ⌜χ⌝)) →
  steps_avoiding M φ n σ0 σ → χ.
Proof.
  intros Hsub Hok Hwp Hsteps.
  apply (uPred.pure_soundness (M:=iResUR Σ)).
  apply (step_fupdN_soundness_gen (Σ:=Σ) _ HasLc (S n) 0). iIntros (Hinv) "_".
  iMod (ghost_map_alloc (st_regs σ0)) as (γr) "[Hra Hr]".
  iMod (ghost_map_alloc (st_mem σ0)) as (γm) "[Hma Hm]".
  iMod (ghost_map_alloc Θ) as (γc) "[Hca Hc]".
  iMod (ghost_map_alloc E) as (γe) "[Hea He]".
  iMod (ghost_var_alloc (st_flags σ0)) as (γf) "[Hfa Hf]".
  set (G := MachGS M Σ Hinv _ _ _ _ _ γr γm γc γe γf).
  destruct (Hwp G) as (Q & F & Hpre & Hpost & Hχ).
  iAssert (([∗ map] pa ↦ b ∈ T, phys_byte pa 1 b) ∗
           ([∗ map] pa ↦ b ∈ st_mem σ0 ∖ T, phys_byte pa 1 b))%I with "[Hm]" as "[HT Hm]".
  { rewrite -big_sepM_union; [by rewrite map_difference_union|by apply map_disjoint_difference_r]. }
  iAssert (state_interp σ0) with "[Hra Hfa Hma HT Hca Hea]" as "HS".
  { iExists T, Θ, E. by iFrame. }
  iMod (Hpre with "[Hr Hf Hm Hc He]") as "[HW HF]".
  { iSplitL "Hr"; [iExact "Hr"|]. iSplitL "Hf"; [iExact "Hf"|].
    iSplitL "Hm"; [iExact "Hm"|]. iSplitL "Hc"; [iExact "Hc"|]. iExact "He". }
  iMod (running_steps Q φ Hpost n σ0 σ Hsteps with "[$HS $HW]") as "H".
  iModIntro. iApply step_fupdN_S_fupd. simpl. iIntros "!> !> !>".
  iApply (step_fupdN_wand with "H"). iIntros "H". iMod "H" as "H".
  iMod (Hχ with "H HF") as %?. iModIntro. by iPureIntro.
Qed.

Theorem swp_adequacy Σ `{!machGpreS Σ} (M : machine) (σ0 : state) (T : memory)
    (Θ : gmap (word * Z) trans) (E : cells) (φ : state → Prop) :
  T ⊆ st_mem σ0 →
  tables_ok (m_config M) T Θ E (root_of σ0) (st_tlb σ0) →
  (∀ `{!machGS M Σ}, ∃ Q : word → iProp Σ,
    (initial_resources σ0 T Θ E ={⊤}=∗ swp (st_rip σ0) Q) ∧
    (∀ σ, state_interp σ -∗ Q (st_rip σ) ={⊤,∅}=∗ ⌜φ σ⌝)) →
  adequate M σ0 φ.
Proof.
  intros Hsub Hok Hwp n σ r Hsteps Hr. eapply swp_sound; [done..| |done].
  intros G. destruct (Hwp G) as (Q & Hpre & Hpost). exists Q, emp%I. split; [|split; [done|]].
  - iIntros "H". iMod (Hpre with "H") as "$". done.
  - iIntros "H _". iMod (running_step Q φ Hpost with "H") as "[%|(%σ' & -> & _)]"; [done|..];
      iModIntro; iPureIntro; [by left|by right; exists σ'].
Qed.

(** Isolation: what a program does not own holds as long as it runs; at each point and not only at the end. *)
Theorem swp_isolation Σ `{!machGpreS Σ} (M : machine) (σ0 : state) (T : memory)
    (Θ : gmap (word * Z) trans) (E : cells) (φ ψ : state → Prop) :
  T ⊆ st_mem σ0 →
  tables_ok (m_config M) T Θ E (root_of σ0) (st_tlb σ0) →
  (∀ `{!machGS M Σ}, ∃ (Q : word → iProp Σ) (F : iProp Σ),
    (initial_resources σ0 T Θ E ={⊤}=∗ swp (st_rip σ0) Q ∗ F) ∧
    (∀ σ, state_interp σ -∗ Q (st_rip σ) ={⊤,∅}=∗ ⌜φ σ⌝) ∧
    (∀ σ, state_interp σ -∗ F -∗ ⌜ψ σ⌝)) →
  ∀ n σ, steps_avoiding M φ n σ0 σ → ψ σ.
Proof.
  intros Hsub Hok Hwp n σ Hsteps. eapply swp_sound; [done..| |done].
  intros G. destruct (Hwp G) as (Q & F & Hpre & Hpost & Hψ). exists Q, F.
  split; [done|]. split; [done|]. iIntros "[HS _] HF".
  iDestruct (Hψ with "HS HF") as %?. iApply fupd_mask_intro; [done|]. iIntros "_". by iPureIntro.
Qed.

(** * In [vProp] *)
Section vprop.
  Context {M : machine} `{!machGS M Σ}.

  (** What a program starts with, in any space; the root register is in the weakest precondition. *)
  Definition vinitial (σ : state) (T : memory) (Θ : gmap (word * Z) trans) (E : cells) : vProp Σ :=
    (([∗ map] r ↦ v ∈ delete CR3 (st_regs σ), r ⇒ᵣ v) ∗
    ⎡flags_pt (st_flags σ)⎤ ∗
    ⎡[∗ map] pa ↦ b ∈ st_mem σ ∖ T, phys_byte pa 1 b⎤ ∗
    ⎡[∗ map] x ↦ t ∈ Θ, page_claim x 1 t⎤ ∗
    ⎡[∗ map] s ↦ x ∈ E, cell_pt s 1 x⎤)%I.
  Global Instance vinitial_objective σ T Θ E : Objective (vinitial σ T Θ E).
  Proof. apply _. Qed.

  Lemma vinitial_at σ T Θ E root :
    vinitial σ T Θ E root ⊣⊢
    ([∗ map] r ↦ v ∈ delete CR3 (st_regs σ), r ↦ᵣ v) ∗
    flags_pt (st_flags σ) ∗
    ([∗ map] pa ↦ b ∈ st_mem σ ∖ T, phys_byte pa 1 b) ∗
    ([∗ map] x ↦ t ∈ Θ, page_claim x 1 t) ∗
    ([∗ map] s ↦ x ∈ E, cell_pt s 1 x).
  Proof.
    rewrite /vinitial !monPred_at_sep !monPred_at_embed monPred_at_big_sepM.
    f_equiv. apply big_sepM_proper=> r v _. apply monPred_at_embed.
  Qed.
End vprop.

Theorem vwp_adequacy Σ `{!machGpreS Σ} (M : machine) (σ0 : state) (T : memory)
    (Θ : gmap (word * Z) trans) (E : cells) (root : word) (φ : state → Prop) :
  st_regs σ0 !! CR3 = Some root →
  T ⊆ st_mem σ0 →
  tables_ok (m_config M) T Θ E root (st_tlb σ0) →
  (∀ `{!machGS M Σ}, ∃ Φ : word → vProp Σ,
    (⊢ in_space root -∗ vinitial σ0 T Θ E -∗ |={⊤}=> vwp (st_rip σ0) Φ) ∧
    (∀ σ s, state_interp σ -∗ CR3 ↦ᵣ s -∗ Φ (st_rip σ) s ={⊤,∅}=∗ ⌜φ σ⌝)) →
  adequate M σ0 φ.
Proof.
  intros Hroot Hsub Hok Hwp. apply (swp_adequacy Σ M σ0 T Θ E); [done| |].
  { by rewrite /root_of Hroot. }
  intros G. destruct (Hwp G) as (Φ & Hpre & Hpost).
  assert (in_space root ∗ vinitial σ0 T Θ E ⊢ |={⊤}=> vwp (st_rip σ0) Φ) as [Hpre'].
  { iIntros "[#Hin H]". by iApply Hpre. }
  exists (λ e, ∃ s, CR3 ↦ᵣ s ∗ Φ e s)%I. split.
  - iIntros "(Hr & H)".
    iDestruct (big_sepM_delete _ _ CR3 with "Hr") as "[Hcr3 Hr]"; [done|].
    iAssert (|={⊤}=> vwp (st_rip σ0) Φ root)%I with "[Hr H]" as ">HW".
    { rewrite -monPred_at_fupd. iApply Hpre'. rewrite monPred_at_sep in_space_at vinitial_at.
      iSplit; [done|]. iFrame. }
    iModIntro. rewrite vwp_at. by iApply "HW".
  - iIntros (σ) "HS (%s & Hcr3 & H)". iApply (Hpost with "HS Hcr3 H").
Qed.
