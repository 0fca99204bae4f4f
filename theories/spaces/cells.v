(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export memory.
From rocqgen.machine Require Import x86_64.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Cells of page tables against the state: reading and writing them, making them of memory, and what
    [invlpg] pays. *)

Class RegularMode (M : machine) : Prop := regular_mode : regular (cfg_mode (m_config M)).

Section cells.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (s pa : Z) (x : cell) (q : Qp) (σ : state) (va root : word) (g : region).
  #[local] Typeclasses Transparent state_interp reg_pt phys_byte page_claim cell_pt phys_bytes.
  Notation mode := (cfg_mode (m_config M)).

  (** The bytes at which a cell lies. *)
  Definition slot_pas (s : Z) : list Z := seqZ s 8.

  Lemma cell_read σ s q x :
    state_interp σ -∗ cell_pt s q x -∗
    ⌜read_word (st_mem σ) s = Some (c_entry x) ∧ s `mod` 8 = 0⌝.
  Proof using Type.
    iIntros "(%T & %Θ & %E & _ & _ & Hm & HT & _ & HE & %Hok) H".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HE H") as %Hs. iPureIntro.
    destruct (tables_cells _ _ _ _ _ _ Hok _ _ Hs) as [? Hr]. split; [|done].
    by eapply read_word_mono.
  Qed.

  (** A load of an entry takes a claim on its address and a part of the cell, and no data. *)
  Lemma cell_load σ w va q q' s x :
    state_interp σ -∗ claims_at w (root_of σ) va q (slot_pas s) -∗ cell_pt s q' x -∗
    ⌜∀ τ a, translator_ok M σ τ → data_access w a →
       load_word τ a (st_mem σ) va = Ok (c_entry x)⌝.
  Proof using Type.
    iIntros "HS Hc H". iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iDestruct (cell_read with "HS H") as %[Hr _]. iPureIntro. intros τ a Hok Ha.
    apply read_word_lookup in Hr.
    pose proof (load_bytes_ok τ a (st_mem σ) va _ _ (λ i pa, Hτ τ a i pa Hok Ha) Hr) as Hl.
    rewrite word_bytes_length in Hl. by rewrite /load_value Hl /= bytes_word_bytes.
  Qed.

  (** Writing memory where tables lie. *)
  Lemma write_tables σ s x v claimed :
    cell_editable mode x = true →
    state_interp σ -∗ cell_pt s 1 x ==∗
    state_interp (set_mem (write_word (st_mem σ) s v) σ) ∗ cell_pt s 1 (cell_store mode x v claimed).
  Proof using Hreg.
    iIntros (Hedit) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HE H") as %Hs.
    destruct (tables_cells _ _ _ _ _ _ Hok _ _ Hs) as [Hs8 Hread].
    iMod (ghost_map_update (cell_store mode x v claimed) with "HE H") as "[HE $]".
    assert (dom (write_word T s v) = dom T) as Hdom.
    { apply write_bytes_dom. apply read_word_lookup in Hread. apply Forall_lookup. intros i a Hi.
      destruct (Forall2_lookup_l _ _ _ _ _ Hread Hi) as (b & _ & Hb). by exists b. }
    iMod (ghost_map_update_big T (write_word T s v) with "Hm HT") as "[Hm HT]"; [done|].
    rewrite {1}/write_word write_bytes_union (map_subseteq_union _ _ Hsub). iModIntro.
    iExists (write_word T s v), Θ, _. iFrame. iPureIntro.
    eapply tables_ok_store; [done|apply regular_mode|done..| |].
    - apply read_write_word.
    - intros s' Hs' Hne. destruct (regular_slots _ regular_mode) as (-> & _).
      by rewrite /= read_write_word_ne.
  Qed.

  (** A store to a cell through which nothing is claimed. *)
  Lemma cell_write σ va q s x v claimed :
    cell_editable mode x = true →
    state_interp σ -∗ claims_at true (root_of σ) va q (slot_pas s) -∗ cell_pt s 1 x ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ → store_word τ (st_mem σ) va v = Ok m⌝ ∗
      state_interp (set_mem m σ) ∗ claims_at true (root_of σ) va q (slot_pas s) ∗
      cell_pt s 1 (cell_store mode x v claimed).
  Proof using Hreg.
    iIntros (Hedit) "HS Hc H". iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iDestruct (cell_read with "HS H") as %[Hr _].
    iMod (write_tables with "HS H") as "[HS H]"; [done|]. iModIntro. iExists _. iFrame "HS Hc H".
    iPureIntro. intros τ Hok. rewrite /store_value.
    pose proof (store_targets_ok τ (st_mem σ) va (slot_pas s)) as Hst; rewrite Hst; [done| |].
    - intros i pa. apply Hτ; [done|]. by right.
    - apply read_word_lookup in Hr. apply Forall_lookup. intros i a Hi.
      destruct (Forall2_lookup_l _ _ _ _ _ Hr Hi) as (b & _ & Hb). by exists b.
  Qed.

  (** A word of memory becomes a cell. *)
  Lemma cell_new σ s v :
    s `mod` 8 = 0 →
    state_interp σ -∗ phys_bytes (slot_pas s) 1 (word_bytes v) ==∗
    state_interp σ ∗ cell_pt s 1 (Cell v [] [] []).
  Proof using Hreg.
    iIntros (Hs8) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    set (B := list_to_map (zip (slot_pas s) (word_bytes v)) : memory).
    assert (NoDup (zip (slot_pas s) (word_bytes v)).*1) as Hnd.
    { rewrite fst_zip; [apply NoDup_seqZ|done]. }
    iAssert ([∗ map] pa ↦ b ∈ B, phys_byte pa 1 b)%I with "[H]" as "H".
    { by rewrite big_sepM_list_to_map // /phys_bytes big_sepL2_alt bi.and_elim_r. }
    iAssert ⌜B ##ₘ T⌝%I as %Hdisj.
    { iIntros (pa). destruct (B !! pa) as [b|] eqn:Hb, (T !! pa) as [b'|] eqn:Hb'; [|done..].
      iDestruct (big_sepM_lookup with "H") as "H"; [done|].
      iDestruct (big_sepM_lookup with "HT") as "HT"; [done|].
      iDestruct (phys_byte_valid_2 with "H HT") as %Hq. by apply Qp.not_add_le_l in Hq. }
    assert (read_word B s = Some v) as Hv.
    { apply read_word_lookup, Forall2_same_length_lookup_2; [done|]. intros i a b Ha Hb.
      apply elem_of_list_to_map_1; [done|]. apply elem_of_list_lookup. exists i.
      by rewrite lookup_zip_with Ha /= Hb. }
    assert (B !! s = Some (default inhabitant (head (word_bytes v)))) as Hhead.
    { apply read_word_lookup in Hv. by apply (Forall2_lookup_lr _ _ _ 0%nat s _ Hv). }
    assert (T !! s = None) as HTs by by eapply map_disjoint_Some_l.
    assert (E !! s = None) as HEs.
    { destruct (E !! s) as [y|] eqn:Hy; [|done].
      destruct (tables_cells _ _ _ _ _ _ Hok _ _ Hy) as [_ Hr%read_word_lookup].
      destruct (Forall2_lookup_l _ _ _ 0%nat s Hr) as (b & _ & Hb); [done|].
      by rewrite HTs in Hb. }
    iMod (ghost_map_insert s (Cell v [] [] []) with "HE") as "[HE $]"; [done|]. iModIntro.
    iExists (B ∪ T), Θ, _. iFrame "Hr Hf Hm HΘ HE". rewrite big_sepM_union //. iFrame.
    iPureIntro. eapply tables_ok_new; [done|..|done|].
    - by apply map_union_subseteq_r.
    - destruct (regular_slots _ regular_mode) as (-> & _). simpl.
      destruct (read_word T s) as [w|] eqn:Hr; [|done]. apply read_word_lookup in Hr.
      destruct (Forall2_lookup_l _ _ _ 0%nat s Hr) as (b & _ & Hb); [done|].
      by rewrite HTs in Hb.
    - eapply read_word_mono; [|done]. by apply map_union_subseteq_l.
  Qed.

  (** * Cells whose records change, but not the memory *)
  Lemma cell_set σ s x x' :
    (∀ T Θ E, tables_ok (m_config M) T Θ E (root_of σ) (st_tlb σ) → E !! s = Some x →
       tables_ok (m_config M) T Θ (<[s := x']> E) (root_of σ) (st_tlb σ)) →
    state_interp σ -∗ cell_pt s 1 x ==∗ state_interp σ ∗ cell_pt s 1 x'.
  Proof using Type.
    iIntros (Hset) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iDestruct (ghost_map_lookup with "HE H") as %Hs.
    iMod (ghost_map_update x' with "HE H") as "[HE $]". iModIntro.
    iExists T, Θ, _. iFrame. iPureIntro. by apply Hset.
  Qed.
  (** More pages may be claimed through it. *)
  Lemma cell_open σ s x claimed :
    (∀ r va, in_regions r va (c_claimed x) = true → in_regions r va claimed = true) →
    state_interp σ -∗ cell_pt s 1 x ==∗ state_interp σ ∗ cell_pt s 1 (set_claimed claimed x).
  Proof using Type.
    intros Hmono. apply cell_set. intros T Θ E Hok Hs. eapply tables_ok_cell; [done..| |done].
    intros r va u lv _ _. apply Hmono.
  Qed.
  (** More may be owed than is. *)
  Lemma cell_owe_more σ s x owed :
    (∀ g, g ∈ c_owed x → g ∈ owed) →
    state_interp σ -∗ cell_pt s 1 x ==∗ state_interp σ ∗ cell_pt s 1 (set_owed owed x).
  Proof using Type.
    intros Hmono. apply cell_set. intros T Θ E Hok Hs. eapply tables_ok_cell; [done..|].
    intros e va lv _ _ _ Hexc Hans. by eapply owes_mono; [|apply Hexc].
  Qed.
  (** Of what the TLB does not hold nothing is owed. *)
  Lemma cell_pay σ s x va :
    tlb_drop va (st_tlb σ) = st_tlb σ →
    state_interp σ -∗ cell_pt s 1 x ==∗ state_interp σ ∗ cell_pt s 1 (unpaid (paid (root_of σ) va) x).
  Proof using Type.
    intros Hdrop. apply cell_set. intros T Θ E Hok Hs. rewrite -Hdrop. by eapply tables_ok_invlpg.
  Qed.
  Lemma cell_pay_all σ s x :
    st_tlb σ = [] →
    state_interp σ -∗ cell_pt s 1 x ==∗ state_interp σ ∗ cell_pt s 1 (set_owed [] x).
  Proof using Type.
    intros Hempty. apply cell_set. intros T Θ E Hok Hs. rewrite Hempty in Hok |- *.
    eapply tables_ok_cell; [done..|]. by intros e va lv ?%elem_of_nil.
  Qed.
  (** It answers for a page of another space. *)
  Lemma cell_reach_elsewhere σ s x r k n :
    r ≠ root_of σ →
    state_interp σ -∗ cell_pt s 1 x ==∗
    state_interp σ ∗ cell_pt s 1 (set_reach (VPage r k n :: c_reach x) x).
  Proof using Type.
    intros Hr. apply cell_set. intros T Θ E Hok Hs. by eapply tables_ok_reach.
  Qed.
  (** What is owed elsewhere is paid here. *)
  Lemma cell_pay_elsewhere σ s x :
    state_interp σ -∗ cell_pt s 1 x ==∗
    state_interp σ ∗ cell_pt s 1 (unpaid (elsewhere (root_of σ)) x).
  Proof using Type. apply cell_set. intros T Θ E Hok Hs. by eapply tables_ok_elsewhere. Qed.

  (** [invlpg] pays what is owed for a page, in as many cells as there are. *)
  Lemma cells_invlpg σ va (l : list (Z * cell)) :
    state_interp σ -∗ ([∗ list] y ∈ l, cell_pt y.1 1 y.2) ==∗
    state_interp (set_tlb (tlb_drop va (st_tlb σ)) σ) ∗
    [∗ list] y ∈ l, cell_pt y.1 1 (unpaid (paid (root_of σ) va) y.2).
  Proof using Type.
    iIntros "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iAssert (|==> ∃ E', ghost_map_auth mach_cell_name 1 E' ∗
      ⌜tables_ok (m_config M) T Θ E' (root_of σ) (tlb_drop va (st_tlb σ))⌝ ∗
      [∗ list] y ∈ l, cell_pt y.1 1 (unpaid (paid (root_of σ) va) y.2))%I
      with "[HE H]" as ">(%E' & HE & %Hok' & $)"; last first.
    { iModIntro. iExists T, Θ, E'. by iFrame. }
    assert (tables_ok (m_config M) T Θ E (root_of σ) (tlb_drop va (st_tlb σ))) as Hdrop.
    { eapply tables_ok_drop; [done|]. by intros e [_ ?]%elem_of_list_filter. }
    clear Hok. iInduction l as [|[s x] l] "IH" forall (E Hdrop); simpl.
    { iModIntro. iExists E. by iFrame. }
    iDestruct "H" as "[H Hl]". iDestruct (ghost_map_lookup with "HE H") as %Hs.
    iMod (ghost_map_update (unpaid (paid (root_of σ) va) x) with "HE H") as "[HE $]".
    iApply ("IH" with "[%] HE Hl").
    apply (tables_ok_invlpg _ _ _ _ _ _ Hdrop va) in Hs.
    assert (tlb_drop va (tlb_drop va (st_tlb σ)) = tlb_drop va (st_tlb σ)) as Hidemp.
    { rewrite /tlb_drop list_filter_filter. apply list_filter_iff. tauto. }
    by rewrite Hidemp in Hs.
  Qed.

  (** A load of cr3 pays everything. *)
  Lemma cells_set_cr3 σ old new (l : list (Z * cell)) :
    state_interp σ -∗ reg_pt CR3 old -∗ ([∗ list] y ∈ l, cell_pt y.1 1 y.2) ==∗
    state_interp (set_tlb [] (set_reg CR3 new σ)) ∗ reg_pt CR3 new ∗
    [∗ list] y ∈ l, cell_pt y.1 1 (set_owed [] y.2).
  Proof using Type.
    iIntros "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) Hcr3 H".
    iMod (ghost_map_update new with "Hr Hcr3") as "[Hr $]".
    iAssert (|==> ∃ E', ghost_map_auth mach_cell_name 1 E' ∗
      ⌜tables_ok (m_config M) T Θ E' (root_of (set_reg CR3 new σ)) []⌝ ∗
      [∗ list] y ∈ l, cell_pt y.1 1 (set_owed [] y.2))%I
      with "[HE H]" as ">(%E' & HE & %Hok' & $)"; last first.
    { iModIntro. iExists T, Θ, E'. by iFrame. }
    assert (tables_ok (m_config M) T Θ E (root_of (set_reg CR3 new σ)) []) as Hempty.
    { by eapply tables_ok_empty. }
    clear Hok. iInduction l as [|[s x] l] "IH" forall (E Hempty); simpl.
    { iModIntro. iExists E. by iFrame. }
    iDestruct "H" as "[H Hl]". iDestruct (ghost_map_lookup with "HE H") as %Hs.
    iMod (ghost_map_update (set_owed [] x) with "HE H") as "[HE $]".
    iApply ("IH" with "[%] HE Hl").
    eapply tables_ok_cell; [done..|]. by intros e va lv ?%elem_of_nil.
  Qed.
End cells.

(** The modes of x86-64 are regular. *)
Lemma shiftl_mod_8 z k : 3 ≤ k → (z ≪ k) `mod` 8 = 0.
Proof.
  intros Hk. rewrite Z.shiftl_mul_pow2; [|lia].
  replace k with (k - 3 + 3) by lia. rewrite Z.pow_add_r; [|lia..].
  change (2 ^ 3) with 8. rewrite Z.mul_assoc. apply Z_mod_mult.
Qed.
Lemma x86_regular levels wf width nxe maxphyaddr :
  Forall (λ lv, 12 ≤ lv_shift lv ≤ 52 ∧ lv_shift lv < width) levels →
  regular (x86_mode levels wf width nxe maxphyaddr).
Proof.
  rewrite list.Forall_forall. intros Hlv. split.
  - split; [done|]. split.
    + intros root. by apply shiftl_mod_8.
    + intros lv e next r. rewrite /= /x86_decode.
      destruct (negb _); [done|]. destruct (_ || _); [done|].
      destruct (lv_leaf lv).
      * destruct (Z.testbit e 7); [done|]. intros [= <- _]. by apply shiftl_mod_8.
      * destruct (Z.testbit e 7); [by destruct (_ =? _)|]. intros [= <- _]. by apply shiftl_mod_8.
      * done.
  - intros lv Hin. by apply Hlv.
  - intros lv va va' Hin Hp. destruct (Hlv lv Hin) as [??]. rewrite /= /x86_canonical.
    by rewrite (shiftr_le_eq (bv_unsigned va) (bv_unsigned va') (lv_shift lv) (width - 1)); [|lia|].
Qed.
Lemma x86_4level_regular nxe maxphyaddr : regular (x86_4level nxe maxphyaddr).
Proof. apply x86_regular. by repeat constructor. Qed.
Lemma x86_5level_regular nxe maxphyaddr : regular (x86_5level nxe maxphyaddr).
Proof. apply x86_regular. by repeat constructor. Qed.
