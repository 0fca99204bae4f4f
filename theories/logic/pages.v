(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export memory.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Whole pages: their addresses, the claim on a page and the claims of its bytes, and the memory of a page
    through a space. *)

(** * Pages *)
Definition page_base (p : Z) : word := Z_to_bv 64 (p * 4096).

Lemma page_offset_bound va : 0 ≤ page_offset va < 4096.
Proof. by apply Z.mod_pos_bound. Qed.
Lemma page_base_add p i :
  0 ≤ p < 2 ^ 52 → 0 ≤ i < 4096 → bv_unsigned (page_base p `+Z` i) = p * 4096 + i.
Proof.
  intros Hp Hi. rewrite bv_add_Z_unsigned Z_to_bv_unsigned bv_wrap_add_idemp_l bv_wrap_small //.
  unfold bv_modulus. lia.
Qed.
Lemma page_base_unsigned p : 0 ≤ p < 2 ^ 52 → bv_unsigned (page_base p) = p * 4096.
Proof. intros Hp. pose proof (page_base_add p 0 Hp) as H. rewrite bv_add_Z_0 in H. lia. Qed.
Lemma page_base_page p i : 0 ≤ p < 2 ^ 52 → 0 ≤ i < 4096 → page (page_base p `+Z` i) = p.
Proof.
  intros Hp Hi. rewrite /page page_base_add // Z.shiftr_div_pow2; [|lia].
  change (2 ^ 12) with 4096. rewrite Z.div_add_l; [|lia]. rewrite Z.div_small; lia.
Qed.
Lemma page_base_offset p i :
  0 ≤ p < 2 ^ 52 → 0 ≤ i < 4096 → page_offset (page_base p `+Z` i) = i.
Proof.
  intros Hp Hi. rewrite /page_offset page_base_add // Z.add_comm Z_mod_plus_full.
  by apply Z.mod_small.
Qed.

(** * A page's claim is its bytes' claims *)
Section page_claim.
  Context {M : machine} `{!machGS M Σ}.
  #[local] Typeclasses Transparent claim page_claim.

  (** The claim on a page, of which [claim] is a byte's share. *)
  Lemma page_claim_byte root va q frame R :
    page_claim (root, page va) (q / pos_to_Qp 4096) (frame, R) ⊢
    claim root va q (frame + page_offset va) R.
  Proof. iIntros "H". iExists frame. by iFrame. Qed.

  Lemma fractional_list {A} (Φ : Qp → iProp Σ) `{!Fractional Φ} (l : list A) n q :
    length l = S n → ([∗ list] _ ∈ l, Φ q) ⊣⊢ Φ (pos_to_Qp (Pos.of_succ_nat n) * q)%Qp.
  Proof.
    revert n. induction l as [|x [|y l] IH]; intros n [= Hl]; subst n.
    - by rewrite big_sepL_singleton /= Qp.mul_1_l.
    - rewrite big_sepL_cons (IH (length l)) //. simpl length.
      rewrite -(fractional q) /= -Pos.add_1_l -pos_to_Qp_add Qp.mul_add_distr_r Qp.mul_1_l //.
  Qed.

  Lemma page_claim_bytes root p q frame R :
    0 ≤ p < 2 ^ 52 →
    page_claim (root, p) q (frame, R) ⊣⊢
    [∗ list] i ∈ seqZ 0 4096, claim root (page_base p `+Z` i) q (frame + i) R.
  Proof.
    intros Hp.
    trans ([∗ list] _ ∈ seqZ 0 4096, page_claim (root, p) (q / pos_to_Qp 4096) (frame, R))%I.
    - rewrite (fractional_list (λ q, page_claim (root, p) q (frame, R)) _ 4095).
      + by rewrite Qp.mul_div_r.
      + by rewrite length_seqZ.
    - apply big_sepL_proper=> k i Hi. apply lookup_seqZ in Hi as [-> Hi].
      rewrite /page_claim /claim page_base_page; [|lia..]. rewrite page_base_offset; [|lia..].
      iSplit; [iIntros "H"; iExists frame; by iFrame|].
      iIntros "(%f & %Hf & H)". assert (f = frame) as -> by lia. done.
  Qed.

  (** The bytes of one page have one frame and the same rights. *)
  Lemma claim_page_agree root va1 va2 q1 q2 pa1 pa2 R1 R2 :
    page va1 = page va2 →
    claim root va1 q1 pa1 R1 -∗ claim root va2 q2 pa2 R2 -∗
    ⌜pa1 - page_offset va1 = pa2 - page_offset va2 ∧ R1 = R2⌝.
  Proof.
    iIntros (Hp) "(%f1 & -> & H1) (%f2 & -> & H2)". rewrite Hp.
    iDestruct (ghost_map_elem_agree with "H1 H2") as %[= -> ->]. iPureIntro. split; [lia|done].
  Qed.
  #[local] Typeclasses Transparent claims_at virt_bytes fetch_claims code_pt code_at.

  Lemma claims_at_page_1 w root base q a R n j :
    admits M w R →
    ([∗ list] i ∈ seqZ j (Z.of_nat n), claim root (base `+Z` i) q (a + i) R) ⊢
    claims_at w root (base `+Z` j) q (seqZ (a + j) (Z.of_nat n)).
  Proof.
    intros HR. revert j. induction n as [|n IH]; intros j; [done|].
    rewrite !(seqZ_cons _ (Z.of_nat (S n))); [|lia..].
    rewrite Nat2Z.inj_succ Z.pred_succ /= -Z.add_1_r -Z.add_succ_r -Z.add_1_r bv_add_Z_assoc -IH.
    iIntros "[H $]". iExists R. by iFrame.
  Qed.
  (** [base] has offset [o] in the page [p], and its [n] bytes are in it. *)
  Definition in_page (base : word) (p o n : Z) : Prop :=
    ∀ i, 0 ≤ i < n → page (base `+Z` i) = p ∧ page_offset (base `+Z` i) = o + i.
  Lemma claims_at_page_2 w root base p o n q q0 va0 frame R pas j :
    in_page base p o n → 0 ≤ j → j + Z.of_nat (length pas) ≤ n → page va0 = p →
    claim root va0 q0 (frame + page_offset va0) R -∗
    claims_at w root (base `+Z` j) q pas -∗
    claim root va0 q0 (frame + page_offset va0) R ∗
    ⌜pas = seqZ (frame + o + j) (Z.of_nat (length pas))⌝ ∗
    [∗ list] i ∈ seqZ j (Z.of_nat (length pas)), claim root (base `+Z` i) q (frame + o + i) R.
  Proof.
    iIntros (Hp Hj Hlen Hva0) "H0 H". iInduction pas as [|pa pas] "IH" forall (j Hj Hlen).
    { iFrame "H0". by iSplit. }
    simpl length in Hlen |- *. iDestruct "H" as "[(%R' & _ & H) Hs]".
    destruct (Hp j) as [Hpage Hoff]; [lia|].
    iDestruct (claim_page_agree with "H0 H") as %[Hpa <-]; [congruence|].
    rewrite Hoff in Hpa. assert (pa = frame + o + j) as -> by lia.
    rewrite bv_add_Z_assoc. iDestruct ("IH" with "[%] [%] H0 Hs") as "($ & %Hpas & Hl)"; [lia..|].
    rewrite !(seqZ_cons _ (Z.of_nat (S (length pas)))); [|lia..].
    rewrite Nat2Z.inj_succ Z.pred_succ -Z.add_succ_r -Z.add_1_r. iSplit.
    - iPureIntro. by rewrite {1}Hpas.
    - simpl. iFrame.
  Qed.
  Lemma claims_at_page w root base p o q pas n :
    in_page base p o n → Z.of_nat (length pas) = n → 0 < n →
    claims_at w root base q pas ⊢
    ∃ frame R, ⌜admits M w R⌝ ∗ ⌜pas = seqZ (frame + o) n⌝ ∗
      [∗ list] i ∈ seqZ 0 n, claim root (base `+Z` i) q (frame + o + i) R.
  Proof.
    iIntros (Hp Hn Hpos) "H". destruct pas as [|pa pas]; [simpl in Hn; lia|].
    iDestruct "H" as "[(%R & %HR & H) Hs]". iDestruct "H" as (frame) "[-> H]".
    destruct (Hp 0) as [Hpage Hoff]; [lia|]. rewrite bv_add_Z_0 Z.add_0_r in Hpage Hoff.
    iAssert (claim root base q (frame + page_offset base) R) with "[H]" as "H".
    { iExists frame. by iFrame. }
    simpl in Hn.
    iDestruct (claims_at_page_2 with "H Hs") as "(H & %Hpas & Hl)"; [done|lia|lia|done|].
    iExists frame, R. iSplit; [done|].
    assert (Z.of_nat (length pas) = Z.pred n) as Hn' by lia. rewrite Hn' in Hpas.
    rewrite Hn' !(seqZ_cons _ n); [|lia..]. rewrite Hoff. iSplit.
    - iPureIntro. by rewrite {1}Hpas Z.add_1_r.
    - rewrite big_sepL_cons Z.add_0_r bv_add_Z_0. iSplitL "H"; [iExact "H"|iExact "Hl"].
  Qed.

  (** The memory of a page through a space is the whole claim on it and the bytes of its frame. *)
  Lemma virt_page_n w root p q bs n :
    n = 4096 → 0 ≤ p < 2 ^ 52 → Z.of_nat (length bs) = n →
    virt_bytes w root (page_base p) q bs ⊣⊢
    ∃ frame R, ⌜admits M w R⌝ ∗ page_claim (root, p) q (frame, R) ∗ phys_bytes (seqZ frame n) q bs.
  Proof.
    intros Hn Hp Hbs.
    assert (∀ frame R, page_claim (root, p) q (frame, R) ⊣⊢
      [∗ list] i ∈ seqZ 0 n, claim root (page_base p `+Z` i) q (frame + i) R) as Hclaim.
    { intros frame R. rewrite Hn. by apply page_claim_bytes. }
    iSplit.
    - iIntros "(%pas & Hc & Hb)". iDestruct (big_sepL2_length with "Hb") as %Hlen.
      iDestruct (claims_at_page _ _ _ p 0 _ _ n with "Hc") as (frame R) "(%HR & -> & Hc)";
        [|by rewrite Hlen|lia|].
      { intros i Hi. split; [apply page_base_page; lia|]. rewrite page_base_offset; lia. }
      iExists frame, R. rewrite Hclaim Z.add_0_r. iSplit; [done|]. iSplitL "Hc"; [iExact "Hc"|iExact "Hb"].
    - iIntros "(%frame & %R & %HR & Hc & Hb)". iExists (seqZ frame n). rewrite Hclaim.
      iSplitL "Hc"; [|iExact "Hb"]. rewrite -Hbs.
      iDestruct (claims_at_page_1 w root (page_base p) q frame R (length bs) 0 HR with "Hc") as "H".
      rewrite bv_add_Z_0 Z.add_0_r. iExact "H".
  Qed.
  Lemma virt_page w root p q bs :
    0 ≤ p < 2 ^ 52 → Z.of_nat (length bs) = 4096 →
    virt_bytes w root (page_base p) q bs ⊣⊢
    ∃ frame R, ⌜admits M w R⌝ ∗ page_claim (root, p) q (frame, R) ∗ phys_bytes (seqZ frame 4096) q bs.
  Proof. by apply virt_page_n. Qed.

  (** A word's share of the claim on its page. *)
  Definition word_share (q : Qp) : Qp := pos_to_Qp 8 * (q / pos_to_Qp 4096).
  Lemma word_page_offset va i :
    page_offset va + 8 ≤ 4096 → 0 ≤ i < 8 →
    page (va `+Z` i) = page va ∧ page_offset (va `+Z` i) = page_offset va + i.
  Proof.
    intros Ho Hi. pose proof (page_split va) as Hva. pose proof (page_offset_bound va).
    pose proof (bv_unsigned_in_range _ va) as Hr.
    assert (bv_modulus 64 = 4503599627370496 * 4096) as Hm by done. rewrite Hm in Hr.
    assert (bv_unsigned (va `+Z` i) = page va * 4096 + (page_offset va + i)) as Hadd.
    { rewrite bv_add_Z_unsigned bv_wrap_small; [lia|]. rewrite Hm. lia. }
    split.
    - rewrite {1}/page Hadd Z.shiftr_div_pow2; [|lia]. change (2 ^ 12) with 4096.
      rewrite Z.div_add_l; [|lia]. rewrite Z.div_small; lia.
    - rewrite {1}/page_offset Hadd Z.add_comm Z_mod_plus_full. apply Z.mod_small. lia.
  Qed.
  Lemma page_claim_words root va q frame R :
    page_offset va + 8 ≤ 4096 →
    page_claim (root, page va) (word_share q) (frame, R) ⊣⊢
    [∗ list] i ∈ seqZ 0 8, claim root (va `+Z` i) q (frame + page_offset va + i) R.
  Proof.
    intros Ho.
    trans ([∗ list] _ ∈ seqZ 0 8, page_claim (root, page va) (q / pos_to_Qp 4096) (frame, R))%I.
    { by rewrite (fractional_list (λ q, page_claim (root, page va) q (frame, R)) _ 7). }
    apply big_sepL_proper=> k i Hi. apply lookup_seqZ in Hi as [-> Hi].
    destruct (word_page_offset va (0 + k)) as [Hp Hoff]; [done|lia|].
    rewrite /page_claim /claim Hp Hoff.
    iSplit; [iIntros "H"; iExists frame; iFrame; iPureIntro; lia|].
    iIntros "(%f & %Hf & H)". assert (f = frame) as -> by lia. done.
  Qed.
  Lemma page_claim_word_1 w root va q frame R pa :
    page_offset va + 8 ≤ 4096 → bv_unsigned pa = frame + page_offset va → admits M w R →
    page_claim (root, page va) (word_share q) (frame, R) ⊢ claim_word w root va q pa.
  Proof.
    intros Ho Hpa HR. rewrite page_claim_words // /claim_word /word_pas Hpa.
    rewrite (claims_at_page_1 w root va q (frame + page_offset va) R 8 0 HR).
    by rewrite bv_add_Z_0 Z.add_0_r.
  Qed.
  Lemma page_claim_word_2 w root va q pa :
    page_offset va + 8 ≤ 4096 →
    claim_word w root va q pa ⊢
    ∃ R, ⌜admits M w R⌝ ∗
      page_claim (root, page va) (word_share q) (bv_unsigned pa - page_offset va, R).
  Proof.
    intros Ho. rewrite /claim_word /word_pas.
    rewrite (claims_at_page w root va (page va) (page_offset va) q (seqZ (bv_unsigned pa) 8) 8) //.
    - iIntros "(%frame & %R & %HR & %Hpas & H)". iExists R. iSplit; [done|].
      rewrite page_claim_words //.
      assert (bv_unsigned pa - page_offset va = frame) as -> by (injection Hpas; lia). iExact "H".
    - intros i Hi. by apply word_page_offset.
  Qed.

  (** Code from the claim on its page: so many shares of a byte as it has bytes. *)
  Lemma fetch_claims_page root base p o N q frame R j n :
    access_ok (m_config M) R Fetch = true → in_page base p o N → 0 ≤ j → j + Z.of_nat n ≤ N →
    ([∗ list] _ ∈ seq 0 n, page_claim (root, p) (q / pos_to_Qp 4096) (frame, R)) ⊢
    fetch_claims root (base `+Z` j) q (frame + o + j) n.
  Proof.
    intros HR Hp. generalize 0%nat. revert j.
    induction n as [|n IH]; intros j k Hj Hn; [by iIntros|]. simpl.
    destruct (Hp j) as [Hpage Hoff]; [lia|]. iIntros "[H Hs]". iSplitL "H".
    - iExists R. iSplit; [done|]. iExists frame. rewrite Hpage Hoff. iFrame. iPureIntro. lia.
    - rewrite bv_add_Z_assoc -Z.add_assoc. iApply (IH with "Hs"); lia.
  Qed.
  Definition instr_bytes (x : Z * (instr * Z)) : list nat := seq 0 (S (Z.to_nat (x.2.2 - 1))).
  Definition code_fits (base : word) (frame : Z) (x : Z * (instr * Z)) : bool :=
    bool_decide (m_image M !! (frame + page_offset base + x.1) = Some x.2) && (0 <=? x.1) &&
    (page_offset base + x.1 + Z.of_nat (length (instr_bytes x)) <=? 4096).
  Lemma in_page_from va n : page_offset va + n ≤ 4096 → in_page va (page va) (page_offset va) n.
  Proof.
    intros Ho i Hi. pose proof (page_split va) as Hva. pose proof (page_offset_bound va).
    pose proof (bv_unsigned_in_range _ va) as Hr.
    assert (bv_modulus 64 = 4503599627370496 * 4096) as Hm by done. rewrite Hm in Hr.
    assert (bv_unsigned (va `+Z` i) = page va * 4096 + (page_offset va + i)) as Hadd.
    { rewrite bv_add_Z_unsigned bv_wrap_small; [lia|]. rewrite Hm. lia. }
    split.
    - rewrite {1}/page Hadd Z.shiftr_div_pow2; [|lia]. change (2 ^ 12) with 4096.
      rewrite Z.div_add_l; [|lia]. rewrite Z.div_small; lia.
    - rewrite {1}/page_offset Hadd Z.add_comm Z_mod_plus_full. apply Z.mod_small. lia.
  Qed.
  Lemma page_claim_code root base q frame R (l : list (Z * (instr * Z))) k :
    access_ok (m_config M) R Fetch = true → forallb (code_fits base frame) l = true →
    length (l ≫= instr_bytes) = S k →
    page_claim (root, page base) (pos_to_Qp (Pos.of_succ_nat k) * (q / pos_to_Qp 4096)) (frame, R) ⊢
    code_at base l root q.
  Proof.
    intros HR Hl Hk.
    rewrite -(fractional_list (λ q, page_claim (root, page base) q (frame, R)) _ _ _ Hk) big_sepL_bind.
    rewrite /code_at. apply big_sepL_mono. intros i [o [ins n]] Hi.
    rewrite forallb_forall in Hl. apply elem_of_list_lookup_2, elem_of_list_In, Hl in Hi.
    apply andb_true_iff in Hi as [[Himg%bool_decide_eq_true Ho%Z.leb_le]%andb_true_iff Hlen%Z.leb_le].
    rewrite /instr_bytes length_seq in Hlen. cbn [fst snd] in Himg, Ho, Hlen.
    pose proof (fetch_claims_page root base (page base) (page_offset base) (4096 - page_offset base) q frame
      R o (S (Z.to_nat (n - 1))) HR) as Hf.
    rewrite /instr_bytes. cbn [fst snd]. rewrite Hf; [|apply in_page_from; lia|done|lia].
    iIntros "H". iExists (frame + page_offset base + o). by iSplit.
  Qed.
End page_claim.
