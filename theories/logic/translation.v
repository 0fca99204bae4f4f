(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export resources.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A claim makes every translation of its address succeed, by a walk and by any cached entry. *)

(** * Walks depend on the tables alone, and on the page of the address alone *)
Lemma read_bytes_mono (T m : memory) pa n bs :
  T ⊆ m → read_bytes T pa n = Some bs → read_bytes m pa n = Some bs.
Proof.
  intros Hsub. rewrite /read_bytes. generalize (seq 0 n). intros js.
  revert bs. induction js as [|i js IH]; intros bs; [done|]. simpl.
  destruct (T !! (pa + Z.of_nat i)) as [b|] eqn:Hb; [|done].
  rewrite (lookup_weaken _ _ _ _ Hb Hsub) /=.
  destruct (mapM _ js) as [bs'|] eqn:Hbs; [|done]. by rewrite (IH bs').
Qed.

Lemma read_word_mono (T m : memory) pa w :
  T ⊆ m → read_word T pa = Some w → read_word m pa = Some w.
Proof.
  intros Hsub. rewrite /read_word. destruct (read_bytes T pa 8) as [bs|] eqn:Hbs; [|done].
  by rewrite (read_bytes_mono _ _ _ _ _ Hsub Hbs).
Qed.

Lemma walk_levels_mono mode (T m : memory) ls table r va l :
  T ⊆ m → walk_levels mode T ls table r va = Walked l → walk_levels mode m ls table r va = Walked l.
Proof.
  intros Hsub. revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. simpl.
  destruct (read_word T _) as [e|] eqn:He; [|done].
  rewrite (read_word_mono _ _ _ _ Hsub He). destruct (pm_decode _ _ _); [done..|apply IH|done].
Qed.
Lemma walk_mono mode (T m : memory) root va l :
  T ⊆ m → walk mode T root va = Walked l → walk mode m root va = Walked l.
Proof. apply walk_levels_mono. Qed.

Lemma shiftr_le_eq (x y s s' : Z) : 0 ≤ s ≤ s' → x ≫ s = y ≫ s → x ≫ s' = y ≫ s'.
Proof.
  intros Hs Heq. replace s' with (s + (s' - s)) by lia.
  rewrite -(Z.shiftr_shiftr x); [|lia]. rewrite -(Z.shiftr_shiftr y); [|lia]. by rewrite Heq.
Qed.

Lemma walk_levels_shift mode m ls table r va l :
  levels_wf ls = true → walk_levels mode m ls table r va = Walked l →
  0 ≤ leaf_shift l ∧ ∃ lv, lv ∈ ls ∧ lv_shift lv = leaf_shift l.
Proof.
  revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. simpl.
  intros [[Hlv _]%andb_true_iff Hls]%andb_true_iff.
  destruct (read_word m _) as [e|]; [|done]. destruct (pm_decode _ _ _); [done..| |].
  - intros Hw. destruct (IH _ _ Hls Hw) as (? & lv' & ? & ?). split; [done|].
    exists lv'. split; [by right|done].
  - intros [= <-]. simpl. split; [lia|]. exists lv. split; [by left|done].
Qed.

Lemma walk_levels_page mode m ls table r va va' l :
  levels_wf ls = true → walk_levels mode m ls table r va = Walked l →
  bv_unsigned va ≫ leaf_shift l = bv_unsigned va' ≫ leaf_shift l →
  walk_levels mode m ls table r va' = Walked l.
Proof.
  revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. intros Hwf Hw Heq.
  destruct (walk_levels_shift _ _ _ _ _ _ _ Hwf Hw) as (Hl & lv' & Hin & Hlv').
  simpl in Hwf, Hw |- *. apply andb_true_iff in Hwf as [[_ Hle]%andb_true_iff Hwf].
  assert (leaf_shift l ≤ lv_shift lv) as Hshift.
  { apply elem_of_cons in Hin as [->|Hin]; [lia|]. rewrite -Hlv'.
    apply Z.leb_le. rewrite forallb_forall in Hle. by apply Hle, elem_of_list_In. }
  assert (lv_index lv va' = lv_index lv va) as ->.
  { rewrite /lv_index. f_equal. by apply (shiftr_le_eq _ _ (leaf_shift l)). }
  destruct (read_word m _) as [e|]; [|done]. destruct (pm_decode _ _ _); [done..| |done].
  by apply IH.
Qed.
Lemma walk_page mode m root va va' l :
  walk mode m root va = Walked l →
  bv_unsigned va ≫ leaf_shift l = bv_unsigned va' ≫ leaf_shift l →
  walk mode m root va' = Walked l.
Proof. apply walk_levels_page, pm_levels_wf. Qed.

(** * Claims and the TLB *)
Section tlb.
  Context (c : config) (T m : memory) (Θ : gmap (word * Z) trans) (root : word) (t : tlb).
  Context (Hclaims : claims_ok c T Θ) (Hsub : T ⊆ m).

  Lemma tlb_ok_nil : tlb_ok c Θ root [].
  Proof using Type. by intros e va u ?%elem_of_nil. Qed.

  Lemma tlb_ok_evolves t' :
    tlb_ok c Θ root t → tlb_evolves (cfg_mode c) m root t t' → tlb_ok c Θ root t'.
  Proof using Hclaims Hsub.
    intros Ht Hev e va u He Hcov Hu. destruct (Hev e He) as [He'|(va0 & _ & Hw & Hcov0)].
    { by apply (Ht e). }
    destruct (Hclaims _ _ _ Hu) as [_ Hva]. destruct (Hva va eq_refl) as (_ & l & Hl & Hpa & HR).
    apply (walk_mono _ _ m) in Hl; [|done].
    assert (l = te_leaf e) as ->; [|done]. apply (walk_page _ _ _ _ va) in Hw.
    - rewrite Hw in Hl. by injection Hl.
    - rewrite /te_covers in Hcov, Hcov0. lia.
  Qed.

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

  Lemma state_interp_tables σ :
    state_interp σ -∗ ⌜∃ T Θ, T ⊆ st_mem σ ∧ claims_ok (m_config M) T Θ⌝.
  Proof.
    iIntros "(%T & %Θ & _ & _ & Hm & HT & _ & %Hc & _)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub. iPureIntro. eauto.
  Qed.

  Lemma state_interp_tlb σ t :
    tlb_evolves (cfg_mode (m_config M)) (st_mem σ) (root_of σ) (st_tlb σ) t →
    state_interp σ -∗ state_interp (set_tlb t σ).
  Proof.
    iIntros (Hev) "(%T & %Θ & Hr & Hf & Hm & HT & HΘ & %Hc & %Ht)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iExists T, Θ. iFrame. iPureIntro. split; [done|]. by eapply tlb_ok_evolves.
  Qed.

  Lemma state_interp_set_cr3 σ old new :
    state_interp σ -∗ reg_pt CR3 old ==∗
    state_interp (set_tlb [] (set_reg CR3 new σ)) ∗ reg_pt CR3 new.
  Proof.
    iIntros "(%T & %Θ & Hr & Hf & Hm & HT & HΘ & %Hc & %Ht) H".
    iMod (ghost_map_update new with "Hr H") as "[Hr $]". iModIntro.
    iExists T, Θ. iFrame. iPureIntro. split; [done|]. apply tlb_ok_nil.
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
    iIntros "(%T & %Θ & _ & _ & Hm & HT & HΘ & %Hc & %Ht) (%f & -> & H)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro.
    intros τ a Hτ Hok. by eapply (claims_translate _ _ _ _ _ _ Hc Hsub _ _ _ _ Ht Hl).
  Qed.

  (** A space in which anything is claimed may be loaded into cr3. *)
  Lemma claim_root_ok σ root va q pa R :
    state_interp σ -∗ claim root va q pa R -∗ ⌜pm_root_ok (cfg_mode (m_config M)) root = true⌝.
  Proof.
    iIntros "(%T & %Θ & _ & _ & _ & _ & HΘ & %Hc & _) (%f & _ & H)".
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro. by destruct (Hc _ _ _ Hl).
  Qed.
End translation.
