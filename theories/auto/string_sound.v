(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export string sound scope_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [rep stosq] takes a step of the machine for each word, and one where there is none: the executor's step
    stands for all of them. *)

(** * The machine's steps *)
Section steps.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (p a v root : word).
  Local Notation SI := state_interp.

  (** [W i x] is the word number [i], which is [x]; all of them are reached by [R], and may be stored to. *)
  Definition stores_by (root a : word) (n : nat) (R : iProp Σ) (W : nat → word → iProp Σ) : Prop :=
    ∀ σ i x v, (i < n)%nat → root_of σ = root →
      SI σ -∗ R -∗ W i x ==∗
      ∃ m, ⌜∀ τ, translator_ok M σ τ → store_word τ (st_mem σ) (a `+Z` (8 * Z.of_nat i)) v = Ok m⌝ ∗
        SI (set_mem m σ) ∗ R ∗ W i v.

  Lemma rep_stosq_steps root a n R W p q v Q i k :
    stores_by root a n R W → Z.of_nat n < 2 ^ 64 → (i + k = n)%nat →
    CR3 ↦ᵣ root -∗ code_pt root p q RepStosq 3 -∗ RCX ↦ᵣ Z_to_bv 64 (Z.of_nat k) -∗
    RDI ↦ᵣ (a `+Z` (8 * Z.of_nat i)) -∗ RAX ↦ᵣ v -∗ R -∗ ([∗ list] j ∈ seq i k, ∃ x, W j x) -∗
    ▷ (CR3 ↦ᵣ root -∗ code_pt root p q RepStosq 3 -∗ RCX ↦ᵣ Z_to_bv 64 0 -∗
       RDI ↦ᵣ (a `+Z` (8 * Z.of_nat n)) -∗ RAX ↦ᵣ v -∗ R -∗ ([∗ list] j ∈ seq i k, W j v) -∗
       swp (p `+Z` 3) Q) -∗
    swp p Q.
  Proof using Type.
    intros HW Hn. revert i. induction k as [|k IH]; intros i Hi;
      iIntros "Hcr3 Hcode Hc Hd Ha HR HWs H"; iApply swp_lift; iIntros (σ Hrip) "HS";
      iDestruct (state_interp_root with "HS Hcr3") as %Hroot; rewrite -Hroot -Hrip;
      iDestruct (fetch_sound with "HS Hcode") as %Hfetch;
      iDestruct (state_interp_rip _ (st_rip σ `+Z` 3) with "HS") as "HS";
      iDestruct (state_interp_reg with "HS Hc") as %Hc; cbn in Hc.
    - iModIntro. iExists _. iFrame "HS". iSplit.
      + iPureIntro. intros τ Hok. rewrite /exec_next Hfetch //=. by rewrite /rep_stosq /get_reg /= Hc.
      + iNext. assert (i = n) as -> by lia. iApply ("H" with "Hcr3 Hcode Hc Hd Ha HR HWs").
    - rewrite -cons_seq !big_sepL_cons. iDestruct "HWs" as "[(%x & HW) HWs]".
      assert (∃ c, c = Z.of_nat (S k) ∧ c = Z.of_nat k + 1) as (c & Hck & Hc1) by (eexists; split; [done|lia]).
      rewrite -Hck in Hc.
      iDestruct (state_interp_reg with "HS Hd") as %Hd; cbn in Hd.
      iDestruct (state_interp_reg with "HS Ha") as %Ha; cbn in Ha.
      iMod (HW _ i x v with "HS HR HW") as (m Hm) "(HS & HR & HW)"; [lia|done|].
      iMod (state_interp_set_reg _ _ _ (a `+Z` (8 * Z.of_nat (S i))) with "HS Hd") as "[HS Hd]"; [done|].
      iMod (state_interp_set_reg _ _ _ (Z_to_bv 64 (Z.of_nat k)) with "HS Hc") as "[HS Hc]"; [done|].
      iDestruct (state_interp_rip _ (if decide (k = 0%nat) then st_rip σ `+Z` 3 else st_rip σ) with "HS") as "HS".
      iModIntro. iExists _. iFrame "HS". iSplit.
      + iPureIntro. intros τ Hok. rewrite /exec_next Hfetch //=. rewrite /rep_stosq /get_reg /= Hc /= Ha /= Hd /=.
        rewrite Z_to_bv_unsigned bv_wrap_small; [|unfold bv_modulus; lia].
        assert (c =? 0 = false) as -> by (apply Z.eqb_neq; lia).
        rewrite (Hm τ Hok) /=.
        assert (Z_to_bv 64 c `+Z` (-1) = Z_to_bv 64 (Z.of_nat k)) as ->.
        { apply bv_eq. rewrite bv_add_Z_unsigned !Z_to_bv_unsigned bv_wrap_add_idemp_l. f_equal. lia. }
        assert (a `+Z` (8 * Z.of_nat i) `+Z` 8 = a `+Z` (8 * Z.of_nat (S i))) as ->.
        { rewrite bv_add_Z_assoc. f_equal. lia. }
        rewrite /set_rip /set_reg /set_mem /=. destruct (decide (k = 0%nat)) as [->|Hk].
        { by rewrite Hc1. }
        assert (c =? 1 = false) as -> by (apply Z.eqb_neq; lia).
        do 2 f_equal. by rewrite bv_add_Z_assoc bv_add_Z_0.
      + iNext. cbn [st_rip set_rip]. case_decide as Hk.
        * subst k. assert (S i = n) as -> by lia. rewrite Hroot.
          iApply ("H" with "Hcr3 Hcode Hc Hd Ha HR [$HW]"). done.
        * rewrite Hroot Hrip. iApply (IH (S i) with "Hcr3 Hcode Hc Hd Ha HR HWs"); [lia|]. iNext.
          iIntros "Hcr3 Hcode Hc Hd Ha HR HWs". iApply ("H" with "Hcr3 Hcode Hc Hd Ha HR [$HW $HWs]").
  Qed.
End steps.

(** * The executor's step *)
Section string.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (ρ : env).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).

  (** The words of a block, by their numbers. *)
  Lemma block_words_seq a n (Φ : word → iProp Σ) :
    ([∗ list] b ∈ block_words a n, Φ b) ⊣⊢
    [∗ list] i ∈ seq 0 (Z.to_nat (bv_unsigned n)), Φ (a `+Z` (8 * Z.of_nat i)).
  Proof using Type. by rewrite /block_words big_sepL_fmap. Qed.
  Lemma dblock_words q b :
    dblock ρ q b ⊢
    [∗ list] i ∈ seq 0 (Z.to_nat (bv_unsigned (sb_count b))),
      ∃ x, dword (sb_space b) q (sb_addr b `+Z` (8 * Z.of_nat i)) x.
  Proof using Type.
    rewrite /dblock -(block_words_seq _ _ (λ a, ∃ x, dword (sb_space b) q a x)%I).
    apply big_sepL_mono. intros i a _. rewrite /dcontent. case_match; [|done]. iIntros "H". iExists _. iExact "H".
  Qed.
  Lemma dblock_filled q sp a n v :
    dblock ρ q (BlockData sp a n (Some (FAll v))) ⊣⊢
    [∗ list] i ∈ seq 0 (Z.to_nat (bv_unsigned n)), dword sp q (a `+Z` (8 * Z.of_nat i)) v.
  Proof using Type. by rewrite /dblock -(block_words_seq _ _ (λ a, dword sp q a v)). Qed.

  (** A claim is one on each of the words that it covers. *)
  Lemma in_page_add (va : word) k : 0 ≤ k → page_offset va + k < 4096 →
    page (va `+Z` k) = page va ∧ page_offset (va `+Z` k) = page_offset va + k.
  Proof using Type.
    intros Hk Ho. pose proof (page_split va) as Hva. pose proof (page_offset_bound va).
    pose proof (bv_unsigned_in_range _ va) as Hr.
    assert (bv_modulus 64 = 4503599627370496 * 4096) as Hm by done. rewrite Hm in Hr.
    assert (bv_unsigned (va `+Z` k) = page va * 4096 + (page_offset va + k)) as Hadd.
    { rewrite bv_add_Z_unsigned bv_wrap_small; [lia|]. rewrite Hm. lia. }
    split.
    - rewrite {1}/page Hadd Z.shiftr_div_pow2; [|lia]. change (2 ^ 12) with 4096.
      rewrite Z.div_add_l; [|lia]. rewrite Z.div_small; lia.
    - rewrite {1}/page_offset Hadd Z.add_comm Z_mod_plus_full. apply Z.mod_small. lia.
  Qed.
  Lemma covered_sound w root addr r a q pa pm cnt i :
    hold (claim_facts root addr r a q pa pm) → hold (covered addr cnt q) →
    0 ≤ i < bv_unsigned (eval ρ cnt) →
    claim_word w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ pa) ⊢
    claim_word w (eval ρ r) (eval ρ addr `+Z` (8 * i)) (feval ρ q) (eval ρ pm `+Z` (8 * i)).
  Proof using Type.
    intros Hcl Hcov Hi. pose proof (claim_facts_sound ρ w _ _ _ _ _ _ _ Hcl) as [_ Hone].
    rewrite /claim_facts in Hcl. rewrite /covered in Hcov. destruct (is_page q); last first.
    { apply owe_hold in Hcov. cbn [holds] in Hcov. rewrite eval_cst // in Hcov.
      assert (i = 0) as -> by lia. by rewrite Z.mul_0_r !bv_add_Z_0. }
    apply holds_owe in Hcov as [Hcnt Hsum%owe_hold]. cbn [holds] in Hcnt, Hsum.
    rewrite eval_cst // in Hcnt. rewrite eval_cst // in Hsum.
    pose proof (page_facts _ _ _ _ _ _ _ Hcl) as (Hp & Hoa & Hoaddr & Hpm & _).
    apply Forall_app in Hcl as [_ [_ [Hpa _]%holds_owe]%holds_owe]. cbn [holds] in Hpa.
    apply (f_equal bv_unsigned) in Hpa. rewrite eval_offset eval_cst // in Hpa.
    pose proof (page_split (eval ρ pa)) as Hsp. pose proof (bv_unsigned_in_range _ (eval ρ pa)) as Hr.
    change (bv_modulus 64) with (4503599627370496 * 4096) in Hr.
    pose proof (page_offset_bound (eval ρ addr)) as Hob. pose proof (page_offset_bound (eval ρ a)) as Hab.
    assert (page_offset (eval ρ addr) + 8 * bv_unsigned (eval ρ cnt) ≤ 4096) as Hfit.
    { rewrite !eval_mk_op in Hsum. cbn [alu_value] in Hsum. change (eval ρ (ECst 3)) with (Z_to_bv 64 3) in Hsum.
      rewrite bv_scaled // /scaled bv_add_unsigned eval_offset Z_to_bv_unsigned in Hsum.
      rewrite bv_wrap_add_idemp_r in Hsum. change (2 ^ 3) with 8 in Hsum.
      pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as Hc.
      rewrite bv_wrap_small in Hsum; [|unfold bv_modulus; lia]. lia. }
    destruct (in_page_add (eval ρ addr) (8 * i)) as [Hpi Hoi]; [lia..|].
    apply claim_word_page; [by rewrite Hpi|done|rewrite Hoi; lia|].
    pose proof (bv_unsigned_in_range _ (eval ρ pm)) as Hpr.
    rewrite Hoi bv_add_Z_unsigned bv_wrap_small; [lia|].
    change (bv_modulus 64) with (4503599627370496 * 4096). lia.
  Qed.

  Lemma item_put_other n m i (l : list item) : n ≠ m → nth_error (item_put m i l) n = nth_error l n.
  Proof using Type.
    revert n m. induction l as [|j l IH]; intros [|n] [|m] Hne; simpl; try done. apply IH. by intros ->.
  Qed.
  (** What is nothing. *)
  Definition no_item : item := IRes (KBlock None CAny) FOne [].

  Lemma string_place_acc hint addr cnt s d b facts (v : expr) :
    string_place hint addr cnt s = Done (d, b, facts) → hold facts →
    ditems ρ (s_items s) ⊢ ∃ (R : iProp Σ) (W : nat → word → iProp Σ),
      ⌜stores_by (eval ρ (s_root s)) (eval ρ addr) (Z.to_nat (bv_unsigned (eval ρ cnt))) R W⌝ ∗
      R ∗ ([∗ list] i ∈ seq 0 (Z.to_nat (bv_unsigned (eval ρ cnt))), ∃ x, W i x) ∗
      (R -∗ ([∗ list] i ∈ seq 0 (Z.to_nat (bv_unsigned (eval ρ cnt))), W i (eval ρ v)) -∗
       ditems ρ (item_put d (IBlock FOne (filled v b)) (s_items s))).
  Proof using Type.
    rewrite /string_place. intros H Hfacts. destruct hint as [[n [m|] i]|]; [| |done].
    - destruct (nth_error _ n) as [[| |w r a q pa|]|] eqn:Hn; try done.
      destruct (nth_error _ m) as [[| | |k q' es]|] eqn:Hm; try done.
      destruct (open_block k es) as [[[[? ?]|] a0 c x]|] eqn:Hb; try done.
      destruct w; [|done]. destruct q' as [| |]; try done. injection H as <- <- <-.
      apply Forall_app in Hfacts as [Hcl [Hcnt Hcov]%holds_owe]. cbn [holds] in Hcnt.
      destruct (claim_facts_sound ρ true _ _ _ _ _ _ _ Hcl) as [Hr _].
      iIntros "H". iDestruct (ditems_acc _ _ _ _ Hm with "H") as "[Hm H]".
      rewrite (ditem_open_block _ _ _ _ _ Hb) dblock_words /sblock_map. cbn [sb_space sb_addr sb_count].
      rewrite -Hcnt.
      iExists (∀ j, ditem ρ j -∗ ditems ρ (item_put m j (s_items s)))%I,
        (λ i x, dword None 1 (eval ρ a0 `+Z` (8 * Z.of_nat i)) x).
      iFrame "H". iSplit; [iPureIntro|].
      + intros σ j y v' Hj Hroot. iIntros "HS HR HW".
        iAssert ⌜∀ τ, translator_ok M σ τ → translated τ Write (eval ρ addr `+Z` (8 * Z.of_nat j))
          (word_pas (eval ρ a0 `+Z` (8 * Z.of_nat j)))⌝%I as %Hτ.
        { iDestruct ("HR" $! no_item with "[]") as "HR"; [done|].
          iDestruct (ditems_in ρ _ n with "HR") as "Hn".
          { rewrite item_put_other; [exact Hn|]. intros ->. by rewrite Hn in Hm. }
          simpl. iDestruct (covered_sound _ _ _ _ _ _ _ _ _ (Z.of_nat j) Hcl Hcov with "Hn") as "Hn"; [lia|].
          iDestruct (claims_translated with "HS Hn") as %Hτ; [by rewrite Hroot|]. iPureIntro. intros τ Hok.
          apply Hτ; [done|]. by right. }
        iMod (store_translated _ (eval ρ addr `+Z` (8 * Z.of_nat j)) _ _ v' with "HS HW") as (m' Hm') "[HS HW]".
        iModIntro. iExists m'. iFrame "HS HR". iSplit; [|iExact "HW"]. iPureIntro. intros τ Hok. by apply Hm', Hτ.
      + iSplitL "Hm"; [iExact "Hm"|]. iIntros "H Hw". iApply "H".
        rewrite ditem_block /sblock_map /filled. cbn [sb_space sb_addr sb_count sb_fill sfill_map feval].
        by rewrite dblock_filled -Hcnt.
    - destruct (nth_error _ n) as [[| | |k q es]|] eqn:Hn; try done.
      destruct (open_block k es) as [[[[w r]|] a c x]|] eqn:Hb; try done.
      destruct w; [|done]. destruct q as [| |]; try done. injection H as <- <- <-.
      apply holds_owe in Hfacts as [Ha [Hcnt Hr%owe_hold]%holds_owe]. cbn [holds] in Ha, Hcnt, Hr.
      iIntros "H". iDestruct (ditems_acc _ _ _ _ Hn with "H") as "[Hn H]".
      rewrite (ditem_open_block _ _ _ _ _ Hb) dblock_words /sblock_map. cbn [sb_space sb_addr sb_count].
      rewrite -Hcnt -Ha -Hr.
      iExists (∀ j, ditem ρ j -∗ ditems ρ (item_put n j (s_items s)))%I,
        (λ i x, dword (Some (true, eval ρ (s_root s))) 1 (eval ρ addr `+Z` (8 * Z.of_nat i)) x).
      iFrame "H". iSplit; [iPureIntro|].
      + intros σ j y v' Hj Hroot. rewrite -Hroot. iIntros "HS HR HW". cbn [dword].
        rewrite /virt_word /virt_bytes. iDestruct "HW" as (pas) "[Hc HW]".
        iDestruct (claims_translated with "HS Hc") as %Hτ; [done|].
        iMod (store_translated _ (eval ρ addr `+Z` (8 * Z.of_nat j)) _ _ v' with "HS HW") as (m Hm) "[HS HW]".
        iModIntro. iExists m. iFrame "HS HR". iSplit; [|iExists pas; by iFrame]. iPureIntro. intros τ Hok.
        apply Hm, Hτ; [done|]. by right.
      + iSplitL "Hn"; [iExact "Hn"|]. iIntros "H Hw". iApply "H".
        rewrite ditem_block /sblock_map /filled. cbn [sb_space sb_addr sb_count sb_fill sfill_map feval].
        by rewrite dblock_filled -Hcnt -Ha -Hr.
  Qed.

  (** ** Registers *)
  Lemma reg_take_find r l e : reg_find r l = Some e → ∃ l', reg_take r l = Some (e, l').
  Proof using Type.
    induction l as [|[s f] l IH]; simpl; [done|]. destruct (reg_eqb s r).
    - intros [= ->]. by eexists.
    - intros (l' & ->)%IH. by eexists.
  Qed.
  Lemma reg_take_other r r' l e l' : r ≠ r' → reg_take r l = Some (e, l') → reg_find r' l' = reg_find r' l.
  Proof using Type.
    intros Hne. revert l'. induction l as [|[s f] l IH]; intros l'; simpl; [done|].
    destruct (reg_eqb_spec s r) as [->|].
    - intros [= _ <-]. by destruct (reg_eqb_spec r r').
    - destruct (reg_take r l) as [[? l2]|]; [|done]. intros [= -> <-]. simpl. by rewrite (IH l2).
  Qed.
  Lemma reg_take_put r r' l e l' v : r ≠ r' → reg_take r l = Some (e, l') →
    reg_take r (reg_put r' v l) = Some (e, reg_put r' v l').
  Proof using Type.
    intros Hne. revert l'. induction l as [|[s f] l IH]; intros l'; simpl; [done|].
    destruct (reg_eqb s r) eqn:Hs.
    - intros [= -> <-]. destruct (reg_eqb_spec s r') as [->|]; simpl; rewrite Hs //.
      by destruct (reg_eqb_spec r' r) as [->|].
    - destruct (reg_take r l) as [[? l2]|] eqn:Hl; [|done]. intros [= -> <-]. simpl.
      destruct (reg_eqb s r'); simpl; rewrite Hs; [by rewrite Hl|by rewrite (IH l2)].
  Qed.
  Lemma reg_taken_put r l e l' v :
    reg_take r l = Some (e, l') → r ↦ᵣ eval ρ v -∗ dregs ρ l' -∗ dregs ρ (reg_put r v l).
  Proof using Type.
    revert l'. induction l as [|[s f] l IH]; intros l'; simpl; [done|].
    destruct (reg_eqb_spec s r) as [->|].
    - intros [= _ <-]. iIntros "$ $".
    - destruct (reg_take r l) as [[? l2]|]; [|done]. intros [= -> <-]. iIntros "Hr [$ H]".
      by iApply (IH with "Hr H").
  Qed.
  Lemma reg_put_same r l e : reg_find r l = Some e → reg_put r e l = l.
  Proof using Type.
    induction l as [|[s f] l IH]; simpl; [done|]. destruct (reg_eqb_spec s r) as [->|]; [by intros [= ->]|].
    intros H. by rewrite IH.
  Qed.

  (** RDI and RCX are taken out, for new values, and RAX is read. *)
  Lemma string_regs l c a v :
    reg_find RCX l = Some c → reg_find RDI l = Some a → reg_find RAX l = Some v →
    dregs ρ l ⊢ RCX ↦ᵣ eval ρ c ∗ RDI ↦ᵣ eval ρ a ∗ RAX ↦ᵣ eval ρ v ∗
      (∀ c' a', RCX ↦ᵣ eval ρ c' -∗ RDI ↦ᵣ eval ρ a' -∗ RAX ↦ᵣ eval ρ v -∗
       dregs ρ (reg_put RDI a' (reg_put RCX c' l))).
  Proof using Type.
    intros Hc Ha Hv. destruct (reg_take_find _ _ _ Ha) as (l1 & H1).
    rewrite -(reg_take_other RDI RCX _ _ _ ltac:(done) H1) in Hc.
    destruct (reg_take_find _ _ _ Hc) as (l2 & H2).
    rewrite -(reg_take_other RDI RAX _ _ _ ltac:(done) H1) -(reg_take_other RCX RAX _ _ _ ltac:(done) H2) in Hv.
    destruct (reg_take_find _ _ _ Hv) as (l3 & H3).
    rewrite (reg_take_sound ρ _ _ _ _ H1) (reg_take_sound ρ _ _ _ _ H2) (reg_take_sound ρ _ _ _ _ H3).
    iIntros "($ & $ & $ & Hl)". iIntros (c' a') "Hc Ha Hv".
    iDestruct (reg_taken_put _ _ _ _ v H3 with "Hv Hl") as "Hl". rewrite reg_put_same //.
    iDestruct (reg_taken_put _ _ _ _ c' H2 with "Hc Hl") as "Hl".
    iApply (reg_taken_put _ _ _ _ a' (reg_take_put RDI RCX _ _ _ c' ltac:(done) H1) with "Ha Hl").
  Qed.

  Lemma sstosq_keeps hint s stop s1 facts :
    sstosq hint s = Done (stop, s1, facts) → s_root s1 = s_root s ∧ s_code s1 = s_code s.
  Proof using Type.
    intros (cnt & _ & (addr & _ & (v & _ & ([[d b] f] & _ & [= _ <- _])%res_bind_Done)%res_bind_Done)
      %res_bind_Done)%res_bind_Done. done.
  Qed.
  (** The whole instruction. *)
  Lemma sstosq_sound hint s stop s1 facts p q Q :
    sstosq hint s = Done (stop, s1, facts) → hold facts →
    CR3 ↦ᵣ eval ρ (s_root s) -∗ dregs ρ (s_regs s) -∗ ditems ρ (s_items s) -∗
    code_pt (eval ρ (s_root s)) p q RepStosq 3 -∗
    ▷ (CR3 ↦ᵣ eval ρ (s_root s) -∗
       (∀ a, ⌜eval ρ a = eval ρ stop⌝ -∗ dregs ρ (reg_put RDI a (s_regs s1))) -∗ ditems ρ (s_items s1) -∗
       code_pt (eval ρ (s_root s)) p q RepStosq 3 -∗ swp (p `+Z` 3) Q) -∗
    swp p Q.
  Proof using Type.
    intros (cnt & [_ Hc]%sget_Done & (addr & [_ Hd]%sget_Done & (v & [_ Ha]%sget_Done &
      ([[d b] f] & Hplace & [= <- <- ->])%res_bind_Done)%res_bind_Done)%res_bind_Done)%res_bind_Done Hfacts.
    cbn [s_regs s_items set_regs set_items].
    iIntros "Hcr3 Hregs Hitems Hcode H".
    iDestruct (string_regs _ _ _ _ Hc Hd Ha with "Hregs") as "(Hc & Hd & Ha & Hregs)".
    iDestruct (string_place_acc _ _ _ _ _ _ _ v Hplace Hfacts with "Hitems")
      as (R W HW) "(HR & HWs & Hitems)".
    set (n := Z.to_nat (bv_unsigned (eval ρ cnt))) in *.
    pose proof (bv_unsigned_in_range _ (eval ρ cnt)) as Hr.
    assert (Z_to_bv 64 (Z.of_nat n) = eval ρ cnt) as Hn.
    { rewrite /n Z2Nat.id; [|lia]. apply Z_to_bv_bv_unsigned. }
    iApply (rep_stosq_steps _ _ _ _ _ _ q (eval ρ v) _ 0 n HW with "Hcr3 Hcode [Hc] [Hd] Ha HR HWs").
    - unfold bv_modulus in Hr. rewrite /n Z2Nat.id; lia.
    - done.
    - by rewrite Hn.
    - by rewrite bv_add_Z_0.
    - iIntros "!> Hcr3 Hcode Hc Hd Ha HR HWs". iDestruct ("Hitems" with "HR HWs") as "Hitems".
      iApply ("H" with "Hcr3 [Hregs Hc Hd Ha] Hitems Hcode"). iIntros (a Ha').
      iApply ("Hregs" $! (ECst 0) with "Hc [Hd] Ha"). rewrite Ha' eval_word_at.
      rewrite /n Z2Nat.id; [done|lia].
  Qed.
End string.
