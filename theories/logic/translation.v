(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.machine Require Export walk.
From rocqgen.logic Require Export resources.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A claim makes every translation of its address succeed, by a walk and by any cached entry. *)

(** * Claims and the TLB *)
Section tlb.
  Context (c : config) (T m : memory) (Θ : gmap (word * Z) trans) (root : word) (t : tlb).
  Context (Hclaims : claims_ok c T Θ) (Hsub : T ⊆ m).

  Lemma claims_translate a va u r :
    tlb_ok c Θ root t → Θ !! (root, page va) = Some u → access_ok c u.2 a = true →
    translates c m t root a va r → r = Ok (u.1 + page_offset va).
  Proof using Hclaims Hsub.
    intros Ht Hu Hok. destruct (Hclaims _ _ _ Hu) as [_ Hva].
    destruct (Hva va eq_refl) as (Hcan & l & Hl & Hpa & HR).
    destruct 1 as [|e He Hcov _]; rewrite /walk_translate /leaf_translate.
    - by rewrite Hcan (walk_mono _ _ _ _ _ _ Hsub Hl) HR Hok Hpa.
    - destruct (Ht _ _ _ He Hcov Hu) as [-> ->]. by rewrite Hok.
  Qed.
End tlb.

(** The translators that a step may use in a state, once the TLB has evolved. *)
Definition translator_ok (M : machine) (σ : state) (τ : translator) : Prop :=
  ∀ a va, translates (m_config M) (st_mem σ) (st_tlb σ) (root_of σ) a va (τ a va).

(** * In the logic *)
Section translation.
  Context {M : machine} `{!machGS M Σ}.
  #[local] Typeclasses Transparent state_interp claim reg_pt phys_byte.

  Lemma state_interp_tlb σ t :
    tlb_evolves (cfg_mode (m_config M)) (st_mem σ) (root_of σ) (st_tlb σ) t →
    state_interp σ -∗ state_interp (set_tlb t σ).
  Proof.
    iIntros (Hev) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iExists T, Θ, E. iFrame. iPureIntro. by eapply tables_ok_evolves.
  Qed.

  Lemma state_interp_set_cr3 σ old new :
    state_interp σ -∗ reg_pt CR3 old ==∗
    state_interp (set_tlb [] (set_reg CR3 new σ)) ∗ reg_pt CR3 new.
  Proof.
    iIntros "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iMod (ghost_map_update new with "Hr H") as "[Hr $]". iModIntro.
    iExists T, Θ, E. iFrame. iPureIntro. by eapply tables_ok_empty.
  Qed.

  Lemma state_interp_root σ root : state_interp σ -∗ reg_pt CR3 root -∗ ⌜root_of σ = root⌝.
  Proof.
    iIntros "HS H". iDestruct (state_interp_reg with "HS H") as %Hr.
    by rewrite /root_of Hr.
  Qed.

  (** The soundness of claims. *)
  Lemma walk_sound σ va q pa R :
    state_interp σ -∗ claim (root_of σ) va q pa R -∗
    ⌜∀ τ a, translator_ok M σ τ → access_ok (m_config M) R a = true → τ a va = Ok pa⌝.
  Proof.
    iIntros "(%T & %Θ & %E & _ & _ & Hm & HT & HΘ & _ & %Hok) (%f & -> & H)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro.
    destruct Hok as [Hc Ht _ _ _].
    intros τ a Hτ Hacc. by eapply (claims_translate _ _ _ _ _ _ Hc Hsub _ _ _ _ Ht Hl).
  Qed.

  (** A space in which anything is claimed may be loaded into cr3. *)
  Lemma claim_root_ok σ root va q pa R :
    state_interp σ -∗ claim root va q pa R -∗ ⌜pm_root_ok (cfg_mode (m_config M)) root = true⌝.
  Proof.
    iIntros "(%T & %Θ & %E & _ & _ & _ & _ & HΘ & _ & %Hok) (%f & _ & H)".
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro.
    by destruct (tables_claims _ _ _ _ _ _ Hok _ _ _ Hl).
  Qed.
End translation.
