(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [invlpg] and loads of cr3 pay what they are said to. *)

(** * Canonical addresses *)
Lemma x86_canonical_sound (va : word) w : 1 < w < 64 →
  bv_unsigned (va `+Z` 2 ^ (w - 1)) < 2 ^ w → x86_canonical w va = true.
Proof.
  intros Hw. rewrite bv_add_Z_unsigned /x86_canonical /bv_wrap /bv_modulus. change (Z.of_N 64) with 64.
  pose proof (bv_unsigned_in_range _ va) as [Hr Hr']. unfold bv_modulus in Hr'. change (Z.of_N 64) with 64 in Hr'.
  set (k := w - 1). assert (2 ^ w = 2 * 2 ^ k) as ->.
  { replace w with (Z.succ k) by lia. rewrite Z.pow_succ_r; lia. }
  assert (2 ^ 64 = 2 ^ (64 - k) * 2 ^ k) as H64. { rewrite -Z.pow_add_r; [f_equal|..]; lia. }
  assert (0 < 2 ^ k) as Hk by (apply Z.pow_pos_nonneg; lia).
  assert (4 ≤ 2 ^ (64 - k)) as Hk'.
  { transitivity (2 ^ 2); [done|]. apply Z.pow_le_mono_r; lia. }
  intros H. rewrite Z.shiftr_div_pow2; [|lia]. set (x := bv_unsigned va) in *.
  destruct (Z.ltb_spec x (2 ^ k)).
  - rewrite Z.div_small; [done|lia].
  - apply orb_true_iff. right. apply Z.eqb_eq.
    destruct (Z.ltb_spec (x + 2 ^ k) (2 ^ 64)).
    { rewrite Z.mod_small in H; lia. }
    symmetry. apply (Z.div_unique_pos _ _ _ (x - (2 ^ (64 - k) - 1) * 2 ^ k)); nia.
Qed.
Lemma platform_canonical pf ρ va :
  Forall (holds ρ) (canonical_facts pf va) →
  pm_canonical (cfg_mode (platform_config pf)) (eval ρ va) = true.
Proof.
  intros H%owe_hold. rewrite /holds eval_mk_add in H.
  destruct pf as [[] mp]; simpl pf_la57 in *; cbv iota in H; rewrite eval_cst // in H;
    by apply x86_canonical_sound.
Qed.

Lemma tlb_drop_idemp va t : tlb_drop va (tlb_drop va t) = tlb_drop va t.
Proof. rewrite /tlb_drop list_filter_filter. apply list_filter_iff. tauto. Qed.

(** * Debts *)
Section debts.
  Context (ρ : env) (root va : expr).
  Local Notation dregion g := (word_region (region_map (eval ρ) g)).

  Lemma seen_paid_sound g : seen_paid root va g = true → paid (eval ρ root) (eval ρ va) (dregion g) = true.
  Proof using Type.
    destruct g as [[[k r] a]|]; [|done]. simpl.
    intros [[Hk Hr]%andb_true_iff Ha]%andb_true_iff. rewrite /page_level in Hk.
    apply expr_eqb_true in Hr as ->. apply expr_eqb_true, (f_equal (eval ρ)), eval_high_eq in Ha; [|lia].
    rewrite bool_decide_eq_true_2 //= page_shiftr; [|lia]. by rewrite Ha Z.eqb_refl.
  Qed.
  (** What is left is at least what is owed. *)
  Lemma flush_left gs g :
    g ∈ filter (λ g, paid (eval ρ root) (eval ρ va) g = false) (map word_region (map (region_map (eval ρ)) gs)) →
    g ∈ map word_region (map (region_map (eval ρ)) (List.filter (λ g, negb (seen_paid root va g)) gs)).
  Proof using Type.
    rewrite !map_map. intros [Hp (h & <- & Hh)%elem_of_list_In%in_map_iff]%elem_of_list_filter.
    apply elem_of_list_In, (in_map (λ x, word_region (region_map (eval ρ) x))), filter_In.
    split; [done|]. destruct (seen_paid root va h) eqn:Hs; [|done].
    by rewrite (seen_paid_sound _ Hs) in Hp.
  Qed.
  Lemma pay_pages_left gs gs' facts g :
    pay_pages root va gs = (gs', facts) → Forall (holds ρ) facts →
    g ∈ filter (λ g, paid (eval ρ root) (eval ρ va) g = false) (map word_region (map (region_map (eval ρ)) gs)) →
    g ∈ map word_region (map (region_map (eval ρ)) gs').
  Proof using Type.
    revert gs' facts. induction gs as [|h gs IH]; intros gs' facts; [by intros [= <- <-]|]. cbn [pay_pages].
    destruct (pay_pages root va gs) as [gs0 facts0]. specialize (IH _ _ eq_refl). simpl.
    assert (Forall (holds ρ) facts0 →
      g ∈ filter (λ g, paid (eval ρ root) (eval ρ va) g = false)
        (dregion h :: map word_region (map (region_map (eval ρ)) gs)) →
      paid (eval ρ root) (eval ρ va) (dregion h) = false ∧ g = dregion h ∨
      g ∈ map word_region (map (region_map (eval ρ)) gs0)) as Hcons.
    { intros Hf [Hp [->|Hg]%elem_of_cons]%elem_of_list_filter; [by left|right].
      apply IH; [done|]. by apply elem_of_list_filter. }
    destruct h as [[[k r] a]|].
    - destruct (page_level k) eqn:Hk.
      + intros [= <- <-] [Hr [Ha Hf]%holds_owe]%holds_owe Hg.
        destruct (Hcons Hf Hg) as [[Hp _]|]; [exfalso|done]. simpl in Hr, Ha, Hp.
        rewrite /page_level in Hk. rewrite eval_high_eq in Ha; [|lia].
        rewrite bool_decide_eq_true_2 //= page_shiftr in Hp; [|lia]. by rewrite Ha Z.eqb_refl in Hp.
      + intros [= <- <-] Hf Hg. apply elem_of_cons. destruct (Hcons Hf Hg) as [[_ ->]|]; auto.
    - intros [= <- <-] Hf Hg. apply elem_of_cons. destruct (Hcons Hf Hg) as [[_ ->]|]; auto.
  Qed.
End debts.

Section flush_sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  Lemma on_cells_sound σ f l :
    (∀ c, sc_addr (f c) = sc_addr c ∧
      (SI σ -∗ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ==∗
       SI σ ∗ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell (f c)))) →
    SI σ -∗ ditems ρ l ==∗ SI σ ∗ ditems ρ (map (on_cell f) l).
  Proof using Type.
    intros Hf. iIntros "HS Hl". iInduction l as [|i l] "IH"; simpl; [by iFrame|].
    iDestruct "Hl" as "[Hi Hl]". iMod ("IH" with "HS Hl") as "[HS $]".
    destruct i as [| | |k [| |] es]; try by iFrame.
    cbn [on_cell]. destruct (open_cell k es) as [c|] eqn:Hc; [|by iFrame].
    rewrite (ditem_open _ _ _ _ _ Hc) ditem_cell. destruct (Hf c) as [-> Hc'].
    by iApply (Hc' with "HS Hi").
  Qed.
  Lemma cell_flush_sound σ va root c :
    tlb_drop (eval ρ va) (st_tlb σ) = st_tlb σ → root_of σ = eval ρ root →
    SI σ -∗ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ==∗
    SI σ ∗ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell (cell_flush root va c)).
  Proof using Type.
    iIntros (Hdrop Hroot) "HS H". iMod (cell_pay σ _ _ (eval ρ va) with "HS H") as "[HS H]"; [done|].
    rewrite Hroot.
    iMod (cell_owe_more σ _ _ (c_owed (dcell (cell_flush root va c))) with "HS H") as "[$ H]".
    { apply flush_left. }
    iModIntro. iExact "H".
  Qed.
  Lemma sinvlpg_sound σ hint va s s' facts :
    sinvlpg hint va s = Done (s', facts) → hold facts → SI σ -∗ den s ==∗
    SI (if pm_canonical (cfg_mode (m_config M)) (eval ρ va)
        then set_tlb (tlb_drop (eval ρ va) (st_tlb σ)) σ else σ) ∗ den s'.
  Proof using Type.
    intros H Hfacts. iIntros "HS Hden". iDestruct (root_sound with "HS Hden") as %Hroot.
    iAssert (|==> SI (if pm_canonical (cfg_mode (m_config M)) (eval ρ va)
        then set_tlb (tlb_drop (eval ρ va) (st_tlb σ)) σ else σ))%I with "[HS]" as ">HS".
    { case_match; [|done]. iMod (cells_invlpg σ (eval ρ va) [] with "HS [//]") as "[$ _]". done. }
    iDestruct "Hden" as "([Hc %HM] & Hr & Hi & Hcode)".
    pose proof HM as HM0. rewrite /on_platform in HM0. revert H. rewrite /sinvlpg.
    destruct platform_is as [pf|]; last first.
    { intros [= <- <-]. iModIntro. by iFrame. }
    intros H. assert (∃ more, facts = canonical_facts pf va ++ more) as [more ->].
    { destruct hint as [[n m x]|]; [|injection H as <- <-; exists []; by rewrite app_nil_r].
      destruct (nth_error _ n) as [[| | |k [| |] es]|]; try done. destruct (open_cell k es) as [c|]; [|done].
      destruct (pay_pages _ _ _) as [gs fs]. injection H as <- <-. by exists fs. }
    apply Forall_app in Hfacts as [Hcan Hmore]. rewrite HM0 platform_canonical //.
    set (σ' := set_tlb (tlb_drop (eval ρ va) (st_tlb σ)) σ).
    assert (tlb_drop (eval ρ va) (st_tlb σ') = st_tlb σ') as Hdrop by apply tlb_drop_idemp.
    assert (root_of σ' = eval ρ (s_root s)) as Hroot' by exact Hroot.
    assert (∀ l, SI σ' -∗ ditems ρ l ==∗ SI σ' ∗ ditems ρ (map (on_cell (cell_flush (s_root s) va)) l)) as Hflush.
    { intros l. apply on_cells_sound. intros c. split; [done|]. by apply cell_flush_sound. }
    destruct hint as [[n m x]|]; last first.
    { injection H as <- _. iMod (Hflush with "HS Hi") as "[$ Hi]". iModIntro. by iFrame. }
    destruct (nth_error _ n) as [[| | |k [| |] es]|] eqn:Hn; try done.
    destruct (open_cell k es) as [c|] eqn:Hopen; [|done].
    destruct (pay_pages _ _ _) as [gs fs] eqn:Hpay. injection H as <- Heq.
    apply app_inv_head in Heq as ->.
    iDestruct (ditems_acc _ _ _ _ Hn with "Hi") as "[H Hi]". rewrite (ditem_open _ _ _ _ _ Hopen).
    iMod (cell_pay σ' _ _ (eval ρ va) with "HS H") as "[HS H]"; [done|]. rewrite Hroot'.
    iMod (cell_owe_more σ' _ _ (c_owed (dcell (set_sowed gs c))) with "HS H") as "[HS H]".
    { intros g. apply (pay_pages_left ρ _ _ _ _ _ _ Hpay Hmore). }
    iDestruct ("Hi" $! (ICell FOne (set_sowed gs c)) with "[H]") as "Hi".
    { rewrite ditem_cell. iExact "H". }
    iMod (Hflush with "HS Hi") as "[$ Hi]". iModIntro. by iFrame.
  Qed.

  Lemma sload_root_sound σ root s :
    SI σ -∗ den s ==∗ SI (set_tlb [] (set_reg CR3 (eval ρ root) σ)) ∗ den (sload_root root s).
  Proof using Type.
    iIntros "HS ([Hc %HM] & Hr & Hi & Hcode)".
    iMod (state_interp_set_cr3 _ _ (eval ρ root) with "HS Hc") as "[HS Hc]".
    iMod (on_cells_sound _ (set_sowed []) with "HS Hi") as "[$ Hi]".
    { intros c. split; [done|]. by apply cell_pay_all. }
    iModIntro. by iFrame.
  Qed.
End flush_sound.
