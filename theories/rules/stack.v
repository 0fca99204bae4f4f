(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [push], [pop], [call], [ret] and [jmp].

    [S] is the cell of the stack that is written or read, [va ↦ᵥ v] or a claim with the frame's
    word. [R] is what the operand is made of beside it and [rsp]: [emp] where there is nothing
    else. A step that jumps gives a [▷].

    What is excluded beside the faults of the fetch: the faults of the access to the stack, those
    of the operand in memory, and memory that is not there.  A target that is not canonical is not
    excluded here: the next fetch faults, and the rule for it wants a claim. *)

Section stack.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p next pc va v sp old : word) (d r : reg) (m : addr) (σ : state).
  Implicit Types (C R S A V : vProp Σ).

  (** * Pushing and popping *)
  Lemma push_sound σ sp sp' v S S' :
    AddsTo sp (-8) sp' → SetCell S sp' v S' →
    state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ RSP ↦ᵣ sp -∗ S (root_of σ) ==∗
    ∃ σ', ⌜∀ τ, translator_ok M σ τ → push τ v σ = Ok σ'⌝ ∗ ⌜st_rip σ' = st_rip σ⌝ ∗
      state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ RSP ↦ᵣ sp' ∗ S' (root_of σ).
  Proof.
    iIntros (Hsp HS) "HS Hcr3 Hsp Hs". iDestruct (state_interp_reg with "HS Hsp") as %Hr%get_reg_Some.
    iMod (HS with "HS Hs") as (μ Hμ) "[HS Hs]".
    iMod (state_interp_set_reg _ _ _ sp' with "HS Hsp") as "[HS Hsp]"; [done|]. iModIntro.
    iExists _. iFrame "HS Hcr3 Hsp Hs". iPureIntro. split; [|done]. intros τ Hτ.
    by rewrite /push Hr /= Hsp (Hμ _ Hτ).
  Qed.
  Lemma pop_sound σ sp sp' v S :
    AddsTo sp 8 sp' → HasCell Read S sp v →
    state_interp σ -∗ RSP ↦ᵣ sp -∗ S (root_of σ) ==∗
    ⌜∀ τ, translator_ok M σ τ → pop τ σ = Ok (v, set_reg RSP sp' σ)⌝ ∗
    state_interp (set_reg RSP sp' σ) ∗ RSP ↦ᵣ sp' ∗ S (root_of σ).
  Proof.
    iIntros (Hsp HS) "HS Hsp Hs". iDestruct (state_interp_reg with "HS Hsp") as %Hr%get_reg_Some.
    iDestruct (HS with "HS Hs") as %Hv.
    iMod (state_interp_set_reg _ _ _ sp' with "HS Hsp") as "[HS Hsp]"; [done|]. iModIntro.
    iFrame "HS Hsp Hs". iPureIntro. intros τ Hτ. by rewrite /pop Hr /= (Hv _ Hτ) /= Hsp.
  Qed.

  Local Instance addresses_stack next A V B S m va :
    Addresses next (A ∗ B) m va → Addresses next (((A ∗ V) ∗ B) ∗ S) m va | 90.
  Proof.
    apply addresses_mono=> root. rewrite !monPred_at_sep. iIntros "[[[$ _] $] _]".
  Qed.

  (** * Push *)
  Lemma wp_push C p n next o sp sp' v S S' R Φ :
    Fetches C p (Push o) n → AddsTo p n next → AddsTo sp (-8) sp' →
    Reads W64 Read next ((R ∗ RSP ⇒ᵣ sp) ∗ S) o v → SetCell S sp' v S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ R -∗ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ R -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hsp Ho HS) "HC Hsp HS HR H".
    iApply (wp_executes _ _ _ _ _ next ((R ∗ RSP ⇒ᵣ sp) ∗ S) ((R ∗ RSP ⇒ᵣ sp') ∗ S')
      with "HC [$HR $Hsp $HS]").
    - intros σ Hrip. iIntros "HS Hcr3 H". iDestruct (Ho with "HS H") as %Hv; [done|].
      rewrite !monPred_at_sep !vreg_at. iDestruct "H" as "[[HR Hsp] Hs]".
      iMod (push_sound _ _ _ v with "HS Hcr3 Hsp Hs") as (σ' Hσ' Hrip') "(HS & $ & Hsp & Hs)".
      iModIntro. iExists σ'. rewrite !monPred_at_sep !vreg_at Hrip' Hrip. iFrame. iPureIntro.
      split; [|done]. intros τ Hτ. rewrite /= (Hv _ Hτ). by apply Hσ'.
    - iIntros "HC [[HR Hsp] HS]". iApply ("H" with "HC Hsp HS HR").
  Qed.
  Lemma wp_push_r C p n next r sp sp' v S S' Φ :
    Fetches C p (Push (OReg r)) n → AddsTo p n next → AddsTo sp (-8) sp' → SetCell S sp' v S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ r ⇒ᵣ v -∗ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ r ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof. iIntros (????) "HC Hsp HS Hr H". iApply (wp_push with "HC Hsp HS Hr H"). Qed.
  Lemma wp_push_i C p n next i sp sp' S S' Φ :
    Fetches C p (Push (OImm i)) n → AddsTo p n next → AddsTo sp (-8) sp' →
    SetCell S sp' (Z_to_bv 64 i) S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC Hsp HS H". iApply (wp_push _ _ _ _ _ _ _ _ _ _ emp with "HC Hsp HS [//]").
    iIntros "HC Hsp HS _". iApply ("H" with "HC Hsp HS").
  Qed.
  (** [push rsp] stores the old value. *)
  Lemma wp_push_rsp C p n next sp sp' S S' Φ :
    Fetches C p (Push (OReg RSP)) n → AddsTo p n next → AddsTo sp (-8) sp' → SetCell S sp' sp S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC Hsp HS H". iApply (wp_push _ _ _ _ _ _ _ _ _ _ emp with "HC Hsp HS [//]").
    iIntros "HC Hsp HS _". iApply ("H" with "HC Hsp HS").
  Qed.
  Lemma wp_push_m C p n next m va sp sp' v S S' A V Φ :
    Fetches C p (Push (OMem m)) n → AddsTo p n next → AddsTo sp (-8) sp' →
    Addresses next (A ∗ RSP ⇒ᵣ sp) m va → HasCell Read V va v → SetCell S sp' v S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ A -∗ V -∗
    (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ A -∗ V -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???? HV ?) "HC Hsp HS HA HV H".
    iApply (wp_push _ _ _ _ _ _ _ v _ _ (A ∗ V) with "HC Hsp HS [$HA $HV]").
    iIntros "HC Hsp HS [HA HV]". iApply ("H" with "HC Hsp HS HA HV").
  Qed.

  (** * Pop.  [d] is written, and addressed, with [rsp] as it is after the pop *)
  Lemma wp_pop C p n next (d : operand) sp sp' v S R R' Φ :
    Fetches C p (Pop d) n → AddsTo p n next → AddsTo sp 8 sp' → HasCell Read S sp v →
    Writes W64 next ((R ∗ RSP ⇒ᵣ sp') ∗ S) d v R' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ R -∗ (C -∗ R' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hsp HS Hd) "HC Hsp HS HR H".
    iApply (wp_executes _ _ _ _ _ next ((R ∗ RSP ⇒ᵣ sp) ∗ S) R' with "HC [$HR $Hsp $HS] H").
    intros σ Hrip. rewrite !monPred_at_sep vreg_at. iIntros "HS Hcr3 [[HR Hsp] Hs]".
    iMod (pop_sound with "HS Hsp Hs") as (Hpop) "(HS & Hsp & Hs)".
    assert (Hroot : root_of (set_reg RSP sp' σ) = root_of σ) by by apply root_of_set_reg.
    iMod (Hd with "HS [Hcr3] [HR Hsp Hs]") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)".
    { done. }
    { by rewrite Hroot. }
    { rewrite Hroot !monPred_at_sep vreg_at. iFrame. }
    iModIntro. iExists σ'. rewrite Hroot. iFrame "HS Hcr3 HR". iPureIntro. split; [|done].
    intros τ Hτ. rewrite /= (Hpop _ Hτ) /=. apply Hσ'. by apply (translator_ok_frame σ).
  Qed.
  Lemma wp_pop_r C p n next d sp sp' old v S Φ :
    Fetches C p (Pop (OReg d)) n → AddsTo p n next → AddsTo sp 8 sp' → HasCell Read S sp v →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ d ⇒ᵣ old -∗
    (C -∗ RSP ⇒ᵣ sp' -∗ S -∗ d ⇒ᵣ v -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC Hsp HS Hd H". iApply (wp_pop with "HC Hsp HS Hd").
    iIntros "HC [[Hd Hsp] HS]". iApply ("H" with "HC Hsp HS Hd").
  Qed.
  (** [pop rsp] loads the word, and adds nothing to it. *)
  Lemma wp_pop_rsp C p n next sp v S Φ :
    Fetches C p (Pop (OReg RSP)) n → AddsTo p n next → HasCell Read S sp v →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ (C -∗ RSP ⇒ᵣ v -∗ S -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???) "HC Hsp HS H".
    iApply (wp_pop _ _ _ _ _ _ _ v _ emp with "HC Hsp HS [//]").
    iIntros "HC [[_ Hsp] HS]". iApply ("H" with "HC Hsp HS").
  Qed.
  Lemma wp_pop_m C p n next m va sp sp' v S A V V' Φ :
    Fetches C p (Pop (OMem m)) n → AddsTo p n next → AddsTo sp 8 sp' → HasCell Read S sp v →
    Addresses next (A ∗ RSP ⇒ᵣ sp') m va → SetCell V va v V' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ A -∗ V -∗
    (C -∗ RSP ⇒ᵣ sp' -∗ S -∗ A -∗ V' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???? HA HV) "HC Hsp HS HA HV H".
    iApply (wp_pop _ _ _ _ _ _ _ v _ (A ∗ V) (((A ∗ V') ∗ RSP ⇒ᵣ sp') ∗ S)
      with "HC Hsp HS [$HA $HV]").
    iIntros "HC [[[HA HV] Hsp] HS]". iApply ("H" with "HC Hsp HS HA HV").
  Qed.

  (** * Jumps, calls and returns *)
  (** The target of a jump or call: [rel d], a register, or a word in memory. *)
  Class JumpsTo (next : word) (R : vProp Σ) (t : target) (pc : word) : Prop :=
    jumps_to σ : st_rip σ = next → state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → read_target τ σ t = Ok pc⌝.
  Global Instance jumps_to_rel next R i pc : AddsTo next i pc → JumpsTo next R (TRel i) pc.
  Proof. intros Hpc σ Hrip. iIntros "_ _ !%" (τ _). by rewrite /= Hrip Hpc. Qed.
  Global Instance jumps_to_ind next R o pc : Reads W64 Read next R o pc → JumpsTo next R (TInd o) pc.
  Proof. intros Ho. exact Ho. Qed.

  Lemma wp_jmp C p n next t pc R Φ :
    Fetches C p (Jmp t) n → AddsTo p n next → JumpsTo next R t pc →
    C -∗ R -∗ ▷ (C -∗ R -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    intros HC Hn Ht. apply (wp_executes_later _ _ _ _ _ _ _ _ _ HC Hn). intros σ Hrip.
    iIntros "HS Hcr3 HR". iDestruct (Ht with "HS HR") as %Hpc; [done|]. iModIntro.
    iExists (set_rip pc σ). iFrame "Hcr3 HR". iDestruct (state_interp_rip with "HS") as "$".
    iPureIntro. split; [|done]. intros τ Hτ. by rewrite /= (Hpc _ Hτ).
  Qed.
  Lemma wp_jmp_rel C p n next i pc Φ :
    Fetches C p (Jmp (TRel i)) n → AddsTo p n next → AddsTo next i pc →
    C -∗ ▷ (C -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???) "HC H". iApply (wp_jmp _ _ _ _ _ _ emp with "HC [//]").
    iIntros "!> HC _". iApply ("H" with "HC").
  Qed.
  Lemma wp_jmp_r C p n next r pc Φ :
    Fetches C p (Jmp (TInd (OReg r))) n → AddsTo p n next →
    C -∗ r ⇒ᵣ pc -∗ ▷ (C -∗ r ⇒ᵣ pc -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof. iIntros (??) "HC Hr H". iApply (wp_jmp with "HC Hr H"). Qed.
  Lemma wp_jmp_m C p n next m va pc A V Φ :
    Fetches C p (Jmp (TInd (OMem m))) n → AddsTo p n next →
    Addresses next A m va → HasCell Read V va pc →
    C -∗ A -∗ V -∗ ▷ (C -∗ A -∗ V -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (????) "HC HA HV H". iApply (wp_jmp _ _ _ _ _ pc (A ∗ V) with "HC [$HA $HV]").
    iIntros "!> HC [HA HV]". iApply ("H" with "HC HA HV").
  Qed.

  (** The operand of a call is read before the push. *)
  Lemma wp_call C p n next t pc sp sp' S S' R Φ :
    Fetches C p (Call t) n → AddsTo p n next → AddsTo sp (-8) sp' →
    JumpsTo next ((R ∗ RSP ⇒ᵣ sp) ∗ S) t pc → SetCell S sp' next S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ R -∗ ▷ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ R -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hsp Ht HS) "HC Hsp HS HR H".
    iApply (wp_executes_later _ _ _ _ _ pc ((R ∗ RSP ⇒ᵣ sp) ∗ S) ((R ∗ RSP ⇒ᵣ sp') ∗ S')
      with "HC [$HR $Hsp $HS]").
    - intros σ Hrip. iIntros "HS Hcr3 H". iDestruct (Ht with "HS H") as %Hpc; [done|].
      rewrite !monPred_at_sep !vreg_at. iDestruct "H" as "[[HR Hsp] Hs]".
      iMod (push_sound _ _ _ next with "HS Hcr3 Hsp Hs") as (σ' Hσ' _) "(HS & $ & Hsp & Hs)".
      iModIntro. iExists (set_rip pc σ'). rewrite !monPred_at_sep !vreg_at. iFrame "HR Hsp Hs".
      iDestruct (state_interp_rip with "HS") as "$". iPureIntro. split; [|done].
      intros τ Hτ. by rewrite /= (Hpc _ Hτ) /= Hrip (Hσ' _ Hτ).
    - iIntros "!> HC [[HR Hsp] HS]". iApply ("H" with "HC Hsp HS HR").
  Qed.
  Lemma wp_call_rel C p n next i pc sp sp' S S' Φ :
    Fetches C p (Call (TRel i)) n → AddsTo p n next → AddsTo sp (-8) sp' → AddsTo next i pc →
    SetCell S sp' next S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ ▷ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (?????) "HC Hsp HS H".
    iApply (wp_call _ _ _ _ _ _ _ _ _ _ emp with "HC Hsp HS [//]").
    iIntros "!> HC Hsp HS _". iApply ("H" with "HC Hsp HS").
  Qed.
  Lemma wp_call_r C p n next r pc sp sp' S S' Φ :
    Fetches C p (Call (TInd (OReg r))) n → AddsTo p n next → AddsTo sp (-8) sp' →
    SetCell S sp' next S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ r ⇒ᵣ pc -∗
    ▷ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ r ⇒ᵣ pc -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof. iIntros (????) "HC Hsp HS Hr H". iApply (wp_call with "HC Hsp HS Hr H"). Qed.
  Lemma wp_call_m C p n next m va pc sp sp' S S' A V Φ :
    Fetches C p (Call (TInd (OMem m))) n → AddsTo p n next → AddsTo sp (-8) sp' →
    Addresses next (A ∗ RSP ⇒ᵣ sp) m va → HasCell Read V va pc → SetCell S sp' next S' →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ A -∗ V -∗
    ▷ (C -∗ RSP ⇒ᵣ sp' -∗ S' -∗ A -∗ V -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (??????) "HC Hsp HS HA HV H".
    iApply (wp_call _ _ _ _ _ pc _ _ _ _ (A ∗ V) with "HC Hsp HS [$HA $HV]").
    iIntros "!> HC Hsp HS [HA HV]". iApply ("H" with "HC Hsp HS HA HV").
  Qed.

  Lemma wp_ret C p n next pc sp sp' S Φ :
    Fetches C p Ret n → AddsTo p n next → AddsTo sp 8 sp' → HasCell Read S sp pc →
    C -∗ RSP ⇒ᵣ sp -∗ S -∗ ▷ (C -∗ RSP ⇒ᵣ sp' -∗ S -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Hsp HS) "HC Hsp HS H".
    iApply (wp_executes_later _ _ _ _ _ pc (RSP ⇒ᵣ sp ∗ S) (RSP ⇒ᵣ sp' ∗ S)
      with "HC [$Hsp $HS]").
    - intros σ Hrip. rewrite monPred_at_sep vreg_at. iIntros "HS Hcr3 [Hsp Hs]".
      iMod (pop_sound with "HS Hsp Hs") as (Hpop) "(HS & Hsp & Hs)". iModIntro.
      iExists (set_rip pc (set_reg RSP sp' σ)). rewrite monPred_at_sep vreg_at.
      iFrame "Hcr3 Hsp Hs". iDestruct (state_interp_rip with "HS") as "$".
      iPureIntro. split; [|done]. intros τ Hτ. by rewrite /= (Hpop _ Hτ).
    - iIntros "!> HC [Hsp HS]". iApply ("H" with "HC Hsp HS").
  Qed.
End stack.

Global Hint Mode JumpsTo + + + - ! ! - : typeclass_instances.
