(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export assertions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What assertions say of the machine's state: the pure content of postconditions.  Virtual facts are
    read by walks from their own root, which need not be the current one. *)

(** In [σ], a walk from [root] finds the word [v] at [va]; and may store there. *)
Definition space_read (M : machine) (σ : state) (root va v : word) : Prop :=
  load_word (walk_translate (m_config M) (st_mem σ) root) Read (st_mem σ) va = Ok v.
Definition space_maps (M : machine) (σ : state) (a : access) (root va : word) (pas : list Z) : Prop :=
  ∀ i pa, pas !! i = Some pa →
    walk_translate (m_config M) (st_mem σ) root a (va `+Z` Z.of_nat i) = Ok pa.

Lemma read_bytes_lookup (m : memory) pa bs :
  Forall2 (λ pa b, m !! pa = Some b) (seqZ pa (length bs)) bs →
  read_bytes m pa (length bs) = Some bs.
Proof.
  intros Hm. apply mapM_Some, Forall2_same_length_lookup_2; [by rewrite length_seq|].
  intros i j b Hj Hb. apply lookup_seq in Hj as [-> Hi].
  eapply (Forall2_lookup_lr _ _ _ i (pa + Z.of_nat i)) in Hm; [exact Hm| |exact Hb].
  apply lookup_seqZ_lt. lia.
Qed.

Section readout.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (σ : state) (root va v : word) (q : Qp) (w : bool) (R : rights).
  #[local] Typeclasses Transparent state_interp claim flags_pt claims_at virt_word virt_bytes.

  Lemma flags_readout σ f : state_interp σ -∗ flags_pt f -∗ ⌜st_flags σ = f⌝.
  Proof.
    iIntros "(% & % & % & _ & Hf & _) H". iApply (ghost_var_agree with "Hf H").
  Qed.

  Lemma phys_word_readout σ pa q v :
    state_interp σ -∗ phys_word pa q v -∗ ⌜read_word (st_mem σ) (bv_unsigned pa) = Some v⌝.
  Proof.
    iIntros "HS H". iDestruct (phys_bytes_lookup with "HS H") as %Hm. iPureIntro.
    pose proof (read_bytes_lookup (st_mem σ) (bv_unsigned pa) (word_bytes v)) as Hr.
    rewrite word_bytes_length in Hr. rewrite /read_word Hr //=. by rewrite bytes_word_bytes.
  Qed.

  Lemma claim_readout σ root va q pa R a :
    access_ok (m_config M) R a = true →
    state_interp σ -∗ claim root va q pa R -∗
    ⌜walk_translate (m_config M) (st_mem σ) root a va = Ok pa⌝.
  Proof.
    iIntros (Hok) "(%T & %Θ & %E & _ & _ & Hm & HT & HΘ & _ & %HE) (%f & -> & H)".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro.
    pose proof (tables_claims _ _ _ _ _ _ HE) as Hc.
    apply (claims_translate _ _ _ _ root [] Hc Hsub a va (f, R)); [apply tlb_ok_nil|done..|].
    apply translates_walk.
  Qed.
  Lemma claims_at_readout σ w root va q pas a :
    data_access w a → state_interp σ -∗ claims_at w root va q pas -∗
    ⌜space_maps M σ a root va pas⌝.
  Proof.
    iIntros (Ha) "HS Hc". iInduction pas as [|pa pas] "IH" forall (va); [by iPureIntro|].
    iDestruct "Hc" as "[(%R & [%HR %HW] & Hc) Hcs]".
    iDestruct ("IH" with "HS Hcs") as %Htail.
    iDestruct (claim_readout with "HS Hc") as %Hhead.
    { destruct Ha as [->|[-> ->]]; [done|by apply HW]. }
    iPureIntro. intros [|i] pa' Hi; simpl in Hi.
    - injection Hi as <-. by rewrite bv_add_Z_0.
    - replace (Z.of_nat (S i)) with (1 + Z.of_nat i) by lia. rewrite -bv_add_Z_assoc. by apply Htail.
  Qed.
  Lemma claim_word_readout σ w root va q pa a :
    data_access w a → state_interp σ -∗ claim_word w root va q pa -∗
    ⌜space_maps M σ a root va (word_pas pa)⌝.
  Proof. apply claims_at_readout. Qed.
  Lemma virt_word_readout σ w root va q v :
    state_interp σ -∗ virt_word w root va q v -∗ ⌜space_read M σ root va v⌝.
  Proof.
    iIntros "HS (%pas & Hc & Hp)".
    iDestruct (claims_at_readout _ _ _ _ _ _ Read with "HS Hc") as %Hmaps; [by left|].
    iDestruct (phys_bytes_lookup with "HS Hp") as %Hm. iPureIntro.
    pose proof (load_bytes_ok _ Read (st_mem σ) va pas (word_bytes v) Hmaps Hm) as Hl.
    rewrite word_bytes_length in Hl. by rewrite /space_read /load_value Hl /= bytes_word_bytes.
  Qed.
End readout.
