(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export translation.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Memory as assertions relative to a given root: claims of consecutive virtual bytes, physical bytes,
    virtual points-tos made of both, and code.  [w] says whether the mapping admits writes. *)

(** Rights that admit reading, and writing where [w]. *)
Definition admits (M : machine) (w : bool) (R : rights) : Prop :=
  access_ok (m_config M) R Read = true ∧ (w = true → access_ok (m_config M) R Write = true).

Section defs.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va root : word) (q : Qp) (w : bool) (R : rights).

  (** The bytes from [va] on are those at [pas]. *)
  Fixpoint claims_at (w : bool) (root va : word) (q : Qp) (pas : list Z) : iProp Σ :=
    match pas with
    | [] => emp
    | pa :: pas =>
      (∃ R, ⌜admits M w R⌝ ∗ claim root va q pa R) ∗ claims_at w root (va `+Z` 1) q pas
    end.
  Definition phys_bytes (pas : list Z) (q : Qp) (bs : list byte) : iProp Σ :=
    [∗ list] pa; b ∈ pas; bs, phys_byte pa q b.
  Definition virt_bytes (w : bool) (root va : word) (q : Qp) (bs : list byte) : iProp Σ :=
    ∃ pas, claims_at w root va q pas ∗ phys_bytes pas q bs.

  (** Words.  The physical address of a word is given as a word, its bytes do not wrap. *)
  Definition word_pas (pa : word) : list Z := seqZ (bv_unsigned pa) 8.
  Definition claim_word (w : bool) (root va : word) (q : Qp) (pa : word) : iProp Σ :=
    claims_at w root va q (word_pas pa).
  Definition phys_word (pa : word) (q : Qp) (v : word) : iProp Σ :=
    phys_bytes (word_pas pa) q (word_bytes v).
  Definition virt_word (w : bool) (root va : word) (q : Qp) (v : word) : iProp Σ :=
    virt_bytes w root va q (word_bytes v).

  (** Code: every byte of the instruction is mapped executable, on adjacent frames. *)
  Fixpoint fetch_claims (root va : word) (q : Qp) (pa : Z) (n : nat) : iProp Σ :=
    match n with
    | O => emp
    | S n =>
      (∃ R, ⌜access_ok (m_config M) R Fetch = true⌝ ∗ claim root va q pa R) ∗
      fetch_claims root (va `+Z` 1) q (pa + 1) n
    end.
  Definition code_pt (root va : word) (q : Qp) (i : instr) (n : Z) : iProp Σ :=
    ∃ pa, ⌜m_image M !! pa = Some (i, n)⌝ ∗ fetch_claims root va q pa (S (Z.to_nat (n - 1))).
  (** A list of instructions with their offsets from a base and their lengths. *)
  Definition code_at (base : word) (l : list (Z * (instr * Z))) (root : word) (q : Qp) : iProp Σ :=
    [∗ list] x ∈ l, code_pt root (base `+Z` x.1) q x.2.1 x.2.2.
End defs.

Section laws.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va root : word) (q : Qp) (w : bool) (R : rights).

  Global Instance claims_at_timeless w root va q pas : Timeless (claims_at w root va q pas).
  Proof. revert va. induction pas; intros va; apply _. Qed.
  Global Instance phys_bytes_timeless pas q bs : Timeless (phys_bytes pas q bs).
  Proof. apply _. Qed.
  Global Instance virt_bytes_timeless w root va q bs : Timeless (virt_bytes w root va q bs).
  Proof. apply _. Qed.
  Global Instance claim_word_timeless w root va q pa : Timeless (claim_word w root va q pa).
  Proof. apply _. Qed.
  Global Instance phys_word_timeless pa q v : Timeless (phys_word pa q v).
  Proof. apply _. Qed.
  Global Instance virt_word_timeless w root va q v : Timeless (virt_word w root va q v).
  Proof. apply _. Qed.
  Global Instance fetch_claims_timeless root va q pa n : Timeless (fetch_claims root va q pa n).
  Proof. revert va pa. induction n; intros va pa; apply _. Qed.
  Global Instance code_pt_timeless root va q i n : Timeless (code_pt root va q i n).
  Proof. apply _. Qed.
  Global Instance code_at_timeless base l root q : Timeless (code_at base l root q).
  Proof. apply _. Qed.

  (** * Fractions *)
  Lemma claims_at_agree w1 w2 root va q1 q2 pas1 pas2 :
    length pas1 = length pas2 →
    claims_at w1 root va q1 pas1 -∗ claims_at w2 root va q2 pas2 -∗ ⌜pas1 = pas2⌝.
  Proof.
    revert va pas2. induction pas1 as [|pa1 pas1 IH]; intros va [|pa2 pas2];
      [by iIntros (_) "_ _"|done..|]. intros [= Hlen]. iIntros "[(%R1 & _ & H1) Hs1] [(%R2 & _ & H2) Hs2]".
    iDestruct (claim_agree with "H1 H2") as %[<- _].
    by iDestruct (IH with "Hs1 Hs2") as %<-.
  Qed.
  Global Instance claims_at_fractional w root va pas : Fractional (λ q, claims_at w root va q pas).
  Proof.
    intros q1 q2. revert va. induction pas as [|pa pas IH]; intros va; simpl; [by rewrite left_id|].
    rewrite IH. iSplit.
    - iIntros "[(%R & %HR & H1 & H2) [Hs1 Hs2]]".
      iSplitL "H1 Hs1"; iFrame; done.
    - iIntros "[[(%R & %HR & H1) $] [(%R' & %HR' & H2) $]]".
      iDestruct (claim_agree with "H1 H2") as %[_ <-].
      iExists R. iSplit; [done|]. iCombine "H1 H2" as "$".
  Qed.
  Global Instance claims_at_as_fractional w root va q pas :
    AsFractional (claims_at w root va q pas) (λ q, claims_at w root va q pas) q.
  Proof. split; [done|apply _]. Qed.

  Global Instance phys_bytes_fractional pas bs : Fractional (λ q, phys_bytes pas q bs).
  Proof. rewrite /phys_bytes. apply _. Qed.
  Global Instance phys_bytes_as_fractional pas q bs :
    AsFractional (phys_bytes pas q bs) (λ q, phys_bytes pas q bs) q.
  Proof. split; [done|apply _]. Qed.
  Lemma phys_bytes_agree pas q1 q2 bs1 bs2 :
    phys_bytes pas q1 bs1 -∗ phys_bytes pas q2 bs2 -∗ ⌜bs1 = bs2⌝.
  Proof.
    iIntros "H1 H2". iInduction pas as [|pa pas] "IH" forall (bs1 bs2).
    - iDestruct (big_sepL2_nil_inv_l with "H1") as %->.
      by iDestruct (big_sepL2_nil_inv_l with "H2") as %->.
    - iDestruct (big_sepL2_cons_inv_l with "H1") as (b1 bs1' ->) "[H1 Hs1]".
      iDestruct (big_sepL2_cons_inv_l with "H2") as (b2 bs2' ->) "[H2 Hs2]".
      iDestruct (phys_byte_agree with "H1 H2") as %<-.
      by iDestruct ("IH" with "Hs1 Hs2") as %<-.
  Qed.

  Global Instance claim_word_fractional w root va pa : Fractional (λ q, claim_word w root va q pa).
  Proof. apply _. Qed.
  Global Instance claim_word_as_fractional w root va q pa :
    AsFractional (claim_word w root va q pa) (λ q, claim_word w root va q pa) q.
  Proof. split; [done|apply _]. Qed.
  Global Instance phys_word_fractional pa v : Fractional (λ q, phys_word pa q v).
  Proof. apply _. Qed.
  Global Instance phys_word_as_fractional pa q v :
    AsFractional (phys_word pa q v) (λ q, phys_word pa q v) q.
  Proof. split; [done|apply _]. Qed.

  Lemma virt_bytes_same w1 w2 root va q1 q2 bs1 bs2 :
    length bs1 = length bs2 →
    virt_bytes w1 root va q1 bs1 -∗ virt_bytes w2 root va q2 bs2 -∗
    ∃ pas, claims_at w1 root va q1 pas ∗ phys_bytes pas q1 bs1 ∗
           claims_at w2 root va q2 pas ∗ phys_bytes pas q2 bs2.
  Proof.
    iIntros (Hlen) "(%pas1 & Hc1 & Hp1) (%pas2 & Hc2 & Hp2)".
    iDestruct (big_sepL2_length with "Hp1") as %Hl1.
    iDestruct (big_sepL2_length with "Hp2") as %Hl2.
    iDestruct (claims_at_agree with "Hc1 Hc2") as %<-; [congruence|].
    iExists pas1. iFrame.
  Qed.
  Lemma virt_bytes_agree w1 w2 root va q1 q2 bs1 bs2 :
    length bs1 = length bs2 →
    virt_bytes w1 root va q1 bs1 -∗ virt_bytes w2 root va q2 bs2 -∗ ⌜bs1 = bs2⌝.
  Proof.
    iIntros (Hlen) "H1 H2".
    iDestruct (virt_bytes_same with "H1 H2") as (pas) "(_ & H1 & _ & H2)"; [done|].
    iApply (phys_bytes_agree with "H1 H2").
  Qed.
  Global Instance virt_bytes_fractional w root va bs : Fractional (λ q, virt_bytes w root va q bs).
  Proof.
    intros q1 q2. iSplit.
    - iIntros "(%pas & [Hc1 Hc2] & [Hp1 Hp2])".
      iSplitL "Hc1 Hp1"; iExists pas; iFrame.
    - iIntros "[H1 H2]".
      iDestruct (virt_bytes_same with "H1 H2") as (pas) "(Hc1 & Hp1 & Hc2 & Hp2)"; [done|].
      iExists pas. iCombine "Hc1 Hc2" as "$". iCombine "Hp1 Hp2" as "$".
  Qed.
  Global Instance virt_bytes_as_fractional w root va q bs :
    AsFractional (virt_bytes w root va q bs) (λ q, virt_bytes w root va q bs) q.
  Proof. split; [done|apply _]. Qed.
  Lemma virt_bytes_weaken root va q bs : virt_bytes true root va q bs ⊢ virt_bytes false root va q bs.
  Proof.
    iIntros "(%pas & Hc & Hp)". iExists pas. iFrame "Hp".
    iInduction pas as [|pa pas] "IH" forall (va); [done|]. simpl.
    iDestruct "Hc" as "[(%R & [%HR _] & Hc) Hcs]". iSplitL "Hc"; [|by iApply "IH"].
    iExists R. iFrame. iPureIntro. by split.
  Qed.

  (** * Words *)
  Lemma word_bytes_same_length v1 v2 : length (word_bytes v1) = length (word_bytes v2).
  Proof. by rewrite !word_bytes_length. Qed.

  Global Instance virt_word_fractional w root va v : Fractional (λ q, virt_word w root va q v).
  Proof. apply _. Qed.
  Global Instance virt_word_as_fractional w root va q v :
    AsFractional (virt_word w root va q v) (λ q, virt_word w root va q v) q.
  Proof. split; [done|apply _]. Qed.
  Lemma virt_word_agree w1 w2 root va q1 q2 v1 v2 :
    virt_word w1 root va q1 v1 -∗ virt_word w2 root va q2 v2 -∗ ⌜v1 = v2⌝.
  Proof.
    iIntros "H1 H2". iDestruct (virt_bytes_agree with "H1 H2") as %Heq.
    { apply word_bytes_same_length. }
    iPureIntro. by apply (inj word_bytes).
  Qed.
  Lemma phys_word_agree pa q1 q2 v1 v2 : phys_word pa q1 v1 -∗ phys_word pa q2 v2 -∗ ⌜v1 = v2⌝.
  Proof.
    iIntros "H1 H2". iDestruct (phys_bytes_agree with "H1 H2") as %Heq.
    iPureIntro. by apply (inj word_bytes).
  Qed.
  Lemma phys_bytes_valid_2 pas q1 q2 bs1 bs2 :
    pas ≠ [] → phys_bytes pas q1 bs1 -∗ phys_bytes pas q2 bs2 -∗ ⌜(q1 + q2 ≤ 1)%Qp⌝.
  Proof.
    iIntros (Hne) "H1 H2". destruct pas as [|pa pas]; [done|].
    iDestruct (big_sepL2_cons_inv_l with "H1") as (b1 bs1' ->) "[H1 _]".
    iDestruct (big_sepL2_cons_inv_l with "H2") as (b2 bs2' ->) "[H2 _]".
    iApply (phys_byte_valid_2 with "H1 H2").
  Qed.
  Lemma phys_word_exclusive pa q v1 v2 : phys_word pa 1 v1 -∗ phys_word pa q v2 -∗ False.
  Proof.
    iIntros "H1 H2". iDestruct (phys_bytes_valid_2 with "H1 H2") as %Hq; [done|].
    by apply Qp.not_add_le_l in Hq.
  Qed.
  Lemma virt_word_exclusive w1 w2 root va q v1 v2 :
    virt_word w1 root va 1 v1 -∗ virt_word w2 root va q v2 -∗ False.
  Proof.
    iIntros "H1 H2".
    iDestruct (virt_bytes_same with "H1 H2") as (pas) "(_ & H1 & _ & H2)".
    { apply word_bytes_same_length. }
    iDestruct (big_sepL2_length with "H1") as %Hlen. rewrite word_bytes_length in Hlen.
    iDestruct (phys_bytes_valid_2 with "H1 H2") as %Hq; [by intros ->|].
    by apply Qp.not_add_le_l in Hq.
  Qed.

  (** A virtual points-to from a claim and the frame's bytes; and the frame back, by the claim. *)
  Lemma virt_word_intro w root va q pa v :
    claim_word w root va q pa -∗ phys_word pa q v -∗ virt_word w root va q v.
  Proof. iIntros "Hc Hp". iExists (word_pas pa). iFrame. Qed.
  Lemma virt_word_elim w w' root va q q' pa v :
    virt_word w root va q v -∗ claim_word w' root va q' pa -∗
    claim_word w root va q pa ∗ claim_word w' root va q' pa ∗ phys_word pa q v.
  Proof.
    iIntros "(%pas & Hc & Hp) Hc'". iDestruct (big_sepL2_length with "Hp") as %Hlen.
    iDestruct (claims_at_agree with "Hc Hc'") as %->; [by rewrite Hlen word_bytes_length|].
    iFrame.
  Qed.
  (** One frame cannot be owned whole through two addresses, in one space or in two. *)
  Lemma virt_word_alias w1 w2 w3 w4 root1 root2 va1 va2 q q1 q2 pa v1 v2 :
    claim_word w1 root1 va1 q1 pa -∗ claim_word w2 root2 va2 q2 pa -∗
    virt_word w3 root1 va1 1 v1 -∗ virt_word w4 root2 va2 q v2 -∗ False.
  Proof.
    iIntros "Hc1 Hc2 H1 H2".
    iDestruct (virt_word_elim with "H1 Hc1") as "(_ & _ & H1)".
    iDestruct (virt_word_elim with "H2 Hc2") as "(_ & _ & H2)".
    iApply (phys_word_exclusive with "H1 H2").
  Qed.

  (** Bytes and words. *)
  Lemma claims_at_app w root va q pas1 pas2 :
    claims_at w root va q (pas1 ++ pas2) ⊣⊢
    claims_at w root va q pas1 ∗ claims_at w root (va `+Z` length pas1) q pas2.
  Proof.
    revert va. induction pas1 as [|pa pas1 IH]; intros va; simpl.
    - by rewrite left_id bv_add_Z_0.
    - rewrite IH -assoc bv_add_Z_assoc. by replace (Z.of_nat (S (length pas1))) with
        (1 + Z.of_nat (length pas1)) by lia.
  Qed.
  Lemma virt_bytes_app w root va q bs1 bs2 :
    virt_bytes w root va q (bs1 ++ bs2) ⊣⊢
    virt_bytes w root va q bs1 ∗ virt_bytes w root (va `+Z` length bs1) q bs2.
  Proof.
    iSplit.
    - iIntros "(%pas & Hc & Hp)".
      iDestruct (big_sepL2_app_inv_r with "Hp") as (pas1 pas2 ->) "[Hp1 Hp2]".
      iDestruct (big_sepL2_length with "Hp1") as %Hlen.
      rewrite claims_at_app Hlen. iDestruct "Hc" as "[Hc1 Hc2]".
      iSplitL "Hc1 Hp1"; iExists _; iFrame.
    - iIntros "[(%pas1 & Hc1 & Hp1) (%pas2 & Hc2 & Hp2)]".
      iDestruct (big_sepL2_length with "Hp1") as %Hlen.
      iExists (pas1 ++ pas2). rewrite claims_at_app Hlen. iFrame "Hc1 Hc2".
      iApply (big_sepL2_app with "Hp1 Hp2").
  Qed.
  Lemma virt_bytes_word w root va q bs :
    length bs = 8%nat → virt_bytes w root va q bs ⊣⊢ virt_word w root va q (bytes_word bs).
  Proof. intros Hlen. by rewrite /virt_word word_bytes_word. Qed.

  (** * Access *)
  Definition data_access (w : bool) (a : access) : Prop := a = Read ∨ (a = Write ∧ w = true).

  Lemma claims_at_translate σ w va q pas :
    state_interp σ -∗ claims_at w (root_of σ) va q pas -∗
    ⌜∀ τ a i pa, translator_ok M σ τ → data_access w a → pas !! i = Some pa →
       τ a (va `+Z` Z.of_nat i) = Ok pa⌝.
  Proof.
    iIntros "HS Hc". iInduction pas as [|pa pas] "IH" forall (va); [done|].
    iDestruct "Hc" as "[(%R & [%HR %HW] & Hc) Hcs]".
    iDestruct (walk_sound with "HS Hc") as %Hhead.
    iDestruct ("IH" with "HS Hcs") as %Htail. iPureIntro.
    intros τ a [|i] pa' Hτ Ha Hi; simpl in Hi.
    - injection Hi as <-. rewrite bv_add_Z_0. apply Hhead; [done|].
      destruct Ha as [->|[-> ->]]; auto.
    - replace (Z.of_nat (S i)) with (1 + Z.of_nat i) by lia. rewrite -bv_add_Z_assoc. eauto.
  Qed.

  Lemma load_bytes_ok τ a m va pas bs :
    (∀ i pa, pas !! i = Some pa → τ a (va `+Z` Z.of_nat i) = Ok pa) →
    Forall2 (λ pa b, m !! pa = Some b) pas bs →
    load_bytes τ a m va (length bs) = Ok bs.
  Proof.
    intros Hτ Hm. revert va Hτ. induction Hm as [|pa b pas bs Hb Hbs IH]; intros va Hτ; [done|].
    rewrite /= /load_byte. pose proof (Hτ 0%nat pa eq_refl) as H0. rewrite bv_add_Z_0 in H0.
    rewrite H0 /= Hb /= IH //. intros i pa' Hi. rewrite bv_add_Z_assoc.
    replace (1 + Z.of_nat i) with (Z.of_nat (S i)) by lia. by apply Hτ.
  Qed.
  Lemma store_targets_ok τ m va pas :
    (∀ i pa, pas !! i = Some pa → τ Write (va `+Z` Z.of_nat i) = Ok pa) →
    Forall (λ pa, is_Some (m !! pa)) pas →
    store_targets τ m va (length pas) = Ok pas.
  Proof.
    intros Hτ Hm. revert va Hτ. induction Hm as [|pa pas [b Hb] Hbs IH]; intros va Hτ; [done|].
    rewrite /=. pose proof (Hτ 0%nat pa eq_refl) as H0. rewrite bv_add_Z_0 in H0.
    rewrite H0 /= Hb /= IH //. intros i pa' Hi. rewrite bv_add_Z_assoc.
    replace (1 + Z.of_nat i) with (Z.of_nat (S i)) by lia. by apply Hτ.
  Qed.
  Lemma phys_bytes_lookup σ pas q bs :
    state_interp σ -∗ phys_bytes pas q bs -∗ ⌜Forall2 (λ pa b, st_mem σ !! pa = Some b) pas bs⌝.
  Proof.
    iIntros "HS H". iInduction pas as [|pa pas] "IH" forall (bs).
    - by iDestruct (big_sepL2_nil_inv_l with "H") as %->.
    - iDestruct (big_sepL2_cons_inv_l with "H") as (b bs' ->) "[H Hs]".
      iDestruct (state_interp_byte with "HS H") as %Hb.
      iDestruct ("IH" with "HS Hs") as %Hbs. by iPureIntro; constructor.
  Qed.

  (** Loads and stores where the translations are known: claims and data may come from different
      places. *)
  Definition translated (τ : translator) (a : access) (va : word) (pas : list Z) : Prop :=
    ∀ i pa, pas !! i = Some pa → τ a (va `+Z` Z.of_nat i) = Ok pa.

  Lemma load_translated σ va q pas v :
    state_interp σ -∗ phys_bytes pas q (word_bytes v) -∗
    ⌜∀ τ a, translated τ a va pas → load_word τ a (st_mem σ) va = Ok v⌝.
  Proof.
    iIntros "HS Hp". iDestruct (phys_bytes_lookup with "HS Hp") as %Hm. iPureIntro. intros τ a Hτ.
    pose proof (load_bytes_ok τ a (st_mem σ) va pas (word_bytes v) Hτ Hm) as Hl.
    by rewrite word_bytes_length in Hl; rewrite /load_value Hl /= bytes_word_bytes.
  Qed.
  Lemma load_sound σ w va q q' pas v :
    state_interp σ -∗ claims_at w (root_of σ) va q pas -∗ phys_bytes pas q' (word_bytes v) -∗
    ⌜∀ τ a, translator_ok M σ τ → data_access w a → load_word τ a (st_mem σ) va = Ok v⌝.
  Proof.
    iIntros "HS Hc Hp". iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iDestruct (load_translated with "HS Hp") as %Hl. iPureIntro. intros τ a Hok Ha.
    apply Hl. intros i pa. by apply Hτ.
  Qed.

  Lemma write_bytes_sound σ pas bs bs' :
    length bs' = length bs →
    state_interp σ -∗ phys_bytes pas 1 bs ==∗
    state_interp (set_mem (write_bytes (st_mem σ) pas bs') σ) ∗ phys_bytes pas 1 bs'.
  Proof.
    iIntros (Hlen) "HS H". iInduction pas as [|pa pas] "IH" forall (σ bs bs' Hlen).
    - iDestruct (big_sepL2_nil_inv_l with "H") as %->.
      apply nil_length_inv in Hlen as ->. iModIntro. iFrame. by destruct σ.
    - iDestruct (big_sepL2_cons_inv_l with "H") as (b bs1 ->) "[H Hs]".
      destruct bs' as [|b' bs']; [done|]. injection Hlen as Hlen.
      iMod (state_interp_set_byte with "HS H") as "[HS $]".
      by iMod ("IH" with "[//] HS Hs") as "[$ $]".
  Qed.

  Lemma store_translated σ va pas v v' :
    state_interp σ -∗ phys_bytes pas 1 (word_bytes v) ==∗
    ∃ m, ⌜∀ τ, translated τ Write va pas → store_word τ (st_mem σ) va v' = Ok m⌝ ∗
      state_interp (set_mem m σ) ∗ phys_bytes pas 1 (word_bytes v').
  Proof.
    iIntros "HS Hp". iDestruct (phys_bytes_lookup with "HS Hp") as %Hm.
    iDestruct (big_sepL2_length with "Hp") as %Hlen. rewrite word_bytes_length in Hlen.
    iMod (write_bytes_sound with "HS Hp") as "[HS Hp]".
    { apply (word_bytes_same_length v'). }
    iModIntro. iExists _. iFrame "HS Hp". iPureIntro. intros τ Hτ.
    pose proof (store_targets_ok τ (st_mem σ) va pas Hτ) as Hl. rewrite Hlen in Hl.
    rewrite /store_value Hl //. apply Forall_lookup. intros i pa Hi.
    destruct (Forall2_lookup_l _ _ _ _ _ Hm Hi) as (b & _ & Hb). by exists b.
  Qed.
  Lemma store_sound σ va q pas v v' :
    state_interp σ -∗ claims_at true (root_of σ) va q pas -∗ phys_bytes pas 1 (word_bytes v) ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ → store_word τ (st_mem σ) va v' = Ok m⌝ ∗
      state_interp (set_mem m σ) ∗ claims_at true (root_of σ) va q pas ∗
      phys_bytes pas 1 (word_bytes v').
  Proof.
    iIntros "HS Hc Hp". iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iMod (store_translated with "HS Hp") as (m Hm) "[HS Hp]". iModIntro. iExists m.
    iFrame "HS Hc Hp". iPureIntro. intros τ Hok. apply Hm. intros i pa. apply Hτ; [done|]. by right.
  Qed.

  (** * Fetch *)
  Lemma fetch_rest_sound σ va q pa n :
    state_interp σ -∗ fetch_claims (root_of σ) va q pa n -∗
    ⌜∀ τ, translator_ok M σ τ → fetch_rest τ va pa n = Ok tt⌝.
  Proof.
    iIntros "HS Hc". iInduction n as [|n] "IH" forall (va pa); [done|].
    iDestruct "Hc" as "[(%R & %HR & Hc) Hcs]".
    iDestruct (walk_sound with "HS Hc") as %Hw.
    iDestruct ("IH" with "HS Hcs") as %Hrest. iPureIntro. intros τ Hτ.
    rewrite /= (Hw _ _ Hτ HR) /= Z.eqb_refl. by apply Hrest.
  Qed.
  Lemma fetch_sound σ q i n :
    state_interp σ -∗ code_pt (root_of σ) (st_rip σ) q i n -∗
    ⌜∀ τ, translator_ok M σ τ → fetch (m_image M) τ (st_rip σ) = Ok (i, n)⌝.
  Proof.
    iIntros "HS (%pa & %Hi & [(%R & %HR & Hc) Hcs])".
    iDestruct (walk_sound with "HS Hc") as %Hw.
    iDestruct (fetch_rest_sound with "HS Hcs") as %Hrest. iPureIntro. intros τ Hτ.
    by rewrite /fetch (Hw _ _ Hτ HR) /= Hi (Hrest _ Hτ).
  Qed.
  Lemma code_root_ok σ root va q i n :
    state_interp σ -∗ code_pt root va q i n -∗
    ⌜pm_root_ok (cfg_mode (m_config M)) root = true⌝.
  Proof.
    iIntros "HS (%pa & %Hi & [(%R & %HR & Hc) Hcs])". iApply (claim_root_ok with "HS Hc").
  Qed.
End laws.

Global Typeclasses Opaque claims_at phys_bytes virt_bytes claim_word phys_word virt_word.
Global Typeclasses Opaque fetch_claims code_pt code_at.
