(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export assertions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What every rule is made of.

    A rule is stated over the resources [R : vProp] that its instruction touches, which may be any
    separating conjunction: instruction operands often share registers ([mov rax, [rax + 8]]).
    What [R] has to provide is said by a few judgements, each a class whose instances search [R]:

    - [Fetches C p i n]: by [C], the instruction at [p] is [i], of [n] bytes;
    - [HasReg R r v], [SetReg R r v R']: [R] owns the register [r], which is [v] / becomes [v];
    - [HasCell a R va v], [SetCell R va v R']: [R] has the word [v] at [va] / lets it become [v];
    - [Addresses next R a va], [Reads w a next R o v], [Writes w next R o v R']: the operands made of
      them, [w] bits wide; those in memory have 64 bits;
    - [AddsTo w i w']: [w'] is the normal form of [w `+Z` i], for addresses and for the next
      point.

    Accesses of memory go through [va ↦ᵥ v], [va ↦ᵥʳ v] (loads alone), or a claim and the frame's
    word, [va ⇝ pa ∗ pa ↦ₚ v].  A rule excludes, by [Fetches], the page fault and the general
    protection of the fetch and an instruction that this model does not have; by [HasCell Read],
    those of a load; by [SetCell] and [HasCell Write], those of a store, read-only pages included. *)

(** Arguments that are assertions are read in the scope of assertions. *)
Bind Scope bi_scope with monPred.

(** * Addresses in normal form *)
Class AddsTo (w : word) (i : Z) (w' : word) : Prop := adds_to : w `+Z` i = w'.
Global Hint Mode AddsTo ! + - : typeclass_instances.
Class SumsTo (i j k : Z) : Prop := sums_to : i + j = k.
Global Hint Mode SumsTo + + - : typeclass_instances.
Global Hint Extern 0 (SumsTo ?i ?j _) =>
  let k := eval vm_compute in (i + j) in
  lazymatch k with Z0 => idtac | Zpos _ => idtac | Zneg _ => idtac end;
  exact (eq_refl k) : typeclass_instances.

Global Instance adds_to_zero w : AddsTo w 0 w | 0.
Proof. apply bv_add_Z_0. Qed.
Global Instance adds_to_base w i j : SumsTo i j 0 → AddsTo (w `+Z` i) j w | 1.
Proof. intros Hk. by rewrite /AddsTo bv_add_Z_assoc Hk bv_add_Z_0. Qed.
Global Instance adds_to_sum w i j k : SumsTo i j k → AddsTo (w `+Z` i) j (w `+Z` k) | 2.
Proof. intros Hk. by rewrite /AddsTo bv_add_Z_assoc Hk. Qed.
Global Instance adds_to_refl w i : AddsTo w i (w `+Z` i) | 3.
Proof. done. Qed.

(** * The instruction at an address *)
Section code.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va p base : word) (q : Qp) (i : instr) (n : Z) (σ : state) (C : vProp Σ).

  Definition vinstr (va : word) (q : Qp) (i : instr) (n : Z) : vProp Σ :=
    space_pred (λ root, code_pt root va q i n).
  Global Instance vinstr_timeless va q i n : Timeless (vinstr va q i n).
  Proof. apply _. Qed.

  Lemma code_vinstr base l q :
    code base l q ⊣⊢ [∗ list] x ∈ l, vinstr (base `+Z` x.1) q x.2.1 x.2.2.
  Proof. constructor=> root. by rewrite monPred_at_big_sepL. Qed.
  Lemma code_lookup_acc base l q k o i n :
    l !! k = Some (o, (i, n)) →
    code base l q -∗ vinstr (base `+Z` o) q i n ∗ (vinstr (base `+Z` o) q i n -∗ code base l q).
  Proof.
    intros Hk. rewrite code_vinstr. iIntros "H".
    iDestruct (big_sepL_lookup_acc _ _ _ _ Hk with "H") as "[$ $]".
  Qed.

  Class Fetches (C : vProp Σ) (p : word) (i : instr) (n : Z) : Prop :=
    fetches σ : st_rip σ = p → state_interp σ -∗ C (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → fetch (m_image M) τ p = Ok (i, n)⌝.

  Global Instance fetches_vinstr p q i n : Fetches (vinstr p q i n) p i n.
  Proof. intros σ <-. iIntros "HS HC". iApply (fetch_sound with "HS HC"). Qed.

  (** The instruction at an offset, and its place in the list. *)
  Definition code_find (o : Z) (l : list (Z * (instr * Z))) : option (instr * Z) :=
    snd <$> find (λ x, x.1 =? o) l.
  Lemma fetches_code base l q o p i n :
    base `+Z` o = p → code_find o l = Some (i, n) → Fetches (code base l q) p i n.
  Proof.
    rewrite /code_find. intros Hp Hfind σ Hrip.
    destruct (find _ l) as [[o' [? ?]]|] eqn:Hl; simplify_eq/=.
    apply find_some in Hl as [Hin%elem_of_list_In Ho%Z.eqb_eq]. simpl in Ho. subst o'.
    apply elem_of_list_lookup in Hin as [k Hk]. iIntros "HS HC".
    iDestruct (big_sepL_lookup _ _ _ _ Hk with "HC") as "HC".
    iApply (fetches with "HS [HC]"); [done|]. iApply "HC".
  Qed.
End code.

Notation "va ↦ₓ{ q } ( i , n )" := (vinstr va q i n)
  (at level 20, q at level 50, format "va  ↦ₓ{ q }  ( i ,  n )") : bi_scope.
Notation "va ↦ₓ ( i , n )" := (vinstr va 1 i n)
  (at level 20, format "va  ↦ₓ  ( i ,  n )") : bi_scope.
Global Typeclasses Opaque vinstr.
Global Hint Mode Fetches + + + ! ! - - : typeclass_instances.

(** Looking [p] up in a block: [p] is its base, or an offset from it. *)
Ltac find_code base l q o eq :=
  let x := eval vm_compute in (code_find o l) in
  lazymatch x with
  | Some (?i, ?n) => exact (fetches_code base l q o _ i n eq eq_refl)
  end.
Global Hint Extern 0 (Fetches (code ?base ?l ?q) ?p _ _) =>
  lazymatch p with
  | base => find_code base l q 0%Z (bv_add_Z_0 base)
  | base `+Z` ?o => find_code base l q o (eq_refl p)
  end : typeclass_instances.

(** * Registers, the flags and memory *)
Section judgements.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va pa v base next : word) (q : Qp) (w : bool) (σ : state) (o : operand) (a : access).
  Implicit Types (P Q R : vProp Σ).
  #[local] Typeclasses Transparent state_interp flags_pt virt_word virt_bytes.

  Lemma vreg_at r v root : (r ⇒ᵣ v) root ⊣⊢ r ↦ᵣ v.
  Proof. by rewrite /vreg monPred_at_embed. Qed.
  Lemma vphys_at pa q v root : (pa ↦ₚ{q} v) root ⊣⊢ phys_word pa q v.
  Proof. by rewrite /vphys monPred_at_embed. Qed.
  Lemma vpt_at w va q v root : vpt w va q v root ⊣⊢ virt_word w root va q v.
  Proof. done. Qed.

  Lemma translator_ok_frame σ σ' τ :
    st_mem σ' = st_mem σ → st_tlb σ' = st_tlb σ → root_of σ' = root_of σ →
    translator_ok M σ τ → translator_ok M σ' τ.
  Proof. rewrite /translator_ok. by intros -> -> ->. Qed.
  Lemma get_reg_Some σ r v : st_regs σ !! r = Some v → get_reg σ r = Ok v.
  Proof. rewrite /get_reg. by intros ->. Qed.
  (** The root register is not among those that an instruction names: it belongs to [vwp]. *)
  Lemma reg_not_cr3 r v root : CR3 ↦ᵣ root -∗ r ↦ᵣ v -∗ ⌜r ≠ CR3⌝.
  Proof.
    rewrite /reg_pt. iIntros "H1 H2". by iDestruct (ghost_map_elem_ne with "H2 H1") as %?.
  Qed.

  Class HasReg (R : vProp Σ) (r : reg) (v : word) : Prop :=
    has_reg root : R root ⊢ r ↦ᵣ v.
  Class SetReg (R : vProp Σ) (r : reg) (v : word) (R' : vProp Σ) : Prop :=
    set_reg_acc root : R root ⊢ ∃ old, r ↦ᵣ old ∗ (r ↦ᵣ v -∗ R' root).

  Global Instance has_reg_here r v : HasReg (r ⇒ᵣ v) r v | 0.
  Proof. intros root. by rewrite vreg_at. Qed.
  Global Instance has_reg_sep_l P Q r v : HasReg P r v → HasReg (P ∗ Q) r v | 1.
  Proof. intros HP root. rewrite monPred_at_sep (HP root). iIntros "[$ _]". Qed.
  Global Instance has_reg_sep_r P Q r v : HasReg Q r v → HasReg (P ∗ Q) r v | 2.
  Proof. intros HQ root. rewrite monPred_at_sep (HQ root). iIntros "[_ $]". Qed.
  Global Instance set_reg_here r old v : SetReg (r ⇒ᵣ old) r v (r ⇒ᵣ v) | 0.
  Proof.
    intros root. rewrite vreg_at. iIntros "H". iExists old. iSplitL; [done|].
    rewrite vreg_at. by iIntros.
  Qed.
  Global Instance set_reg_sep_l P P' Q r v : SetReg P r v P' → SetReg (P ∗ Q) r v (P' ∗ Q) | 1.
  Proof.
    intros HP root. rewrite !monPred_at_sep (HP root). iIntros "[(%old & $ & HP) $]". iExact "HP".
  Qed.
  Global Instance set_reg_sep_r P Q Q' r v : SetReg Q r v Q' → SetReg (P ∗ Q) r v (P ∗ Q') | 2.
  Proof.
    intros HQ root. rewrite !monPred_at_sep (HQ root). iIntros "[$ (%old & $ & HQ)]". iExact "HQ".
  Qed.

  Class HasCell (a : access) (R : vProp Σ) (va v : word) : Prop :=
    has_cell σ : state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → load_word τ a (st_mem σ) va = Ok v⌝.
  Class SetCell (R : vProp Σ) (va v : word) (R' : vProp Σ) : Prop :=
    set_cell σ : state_interp σ -∗ R (root_of σ) ==∗
      ∃ m, ⌜∀ τ, translator_ok M σ τ → store_word τ (st_mem σ) va v = Ok m⌝ ∗
        state_interp (set_mem m σ) ∗ R' (root_of σ).

  Lemma has_cell_claims a w R va v q :
    data_access w a →
    (∀ root, R root ⊢ ∃ pas q', claims_at w root va q pas ∗ phys_bytes pas q' (word_bytes v)) →
    HasCell a R va v.
  Proof.
    intros Ha HR σ. rewrite (HR (root_of σ)). iIntros "HS (%pas & %q' & Hc & Hp)".
    iDestruct (load_sound with "HS Hc Hp") as %Hl. iPureIntro. intros τ Hτ. by apply Hl.
  Qed.
  Lemma has_cell_vpt a w va q v : data_access w a → HasCell a (vpt w va q v) va v.
  Proof.
    intros Ha. apply (has_cell_claims a w _ _ _ q Ha)=> root.
    rewrite vpt_at. iIntros "(%pas & Hc & Hp)".
    iExists pas, q. iFrame.
  Qed.
  Lemma has_cell_phys a w va q q' pa v :
    data_access w a → HasCell a (vclaim w va q pa ∗ pa ↦ₚ{q'} v) va v.
  Proof.
    intros Ha. apply (has_cell_claims a w _ _ _ q Ha)=> root.
    rewrite monPred_at_sep vphys_at. iIntros "[Hc Hp]".
    iExists (word_pas pa), q'. by iSplitL "Hc".
  Qed.
  Global Instance has_cell_read w va q v : HasCell Read (vpt w va q v) va v | 0.
  Proof. apply has_cell_vpt. by left. Qed.
  Global Instance has_cell_write va q v : HasCell Write (va ↦ᵥ{q} v) va v | 0.
  Proof. apply has_cell_vpt. by right. Qed.
  Global Instance has_cell_phys_read w va q q' pa v :
    HasCell Read (vclaim w va q pa ∗ pa ↦ₚ{q'} v) va v | 0.
  Proof. apply has_cell_phys. by left. Qed.
  Global Instance has_cell_phys_write va q q' pa v :
    HasCell Write (va ⇝{q} pa ∗ pa ↦ₚ{q'} v) va v | 0.
  Proof. apply has_cell_phys. by right. Qed.
  Global Instance has_cell_sep_l a P Q va v : HasCell a P va v → HasCell a (P ∗ Q) va v | 1.
  Proof.
    intros HP σ. rewrite monPred_at_sep. iIntros "HS [H _]". iApply (HP with "HS H").
  Qed.
  Global Instance has_cell_sep_r a P Q va v : HasCell a Q va v → HasCell a (P ∗ Q) va v | 2.
  Proof.
    intros HQ σ. rewrite monPred_at_sep. iIntros "HS [_ H]". iApply (HQ with "HS H").
  Qed.

  Global Instance set_cell_vpt va old v : SetCell (va ↦ᵥ old) va v (va ↦ᵥ v) | 0.
  Proof.
    intros σ. rewrite !vpt_at. iIntros "HS (%pas & Hc & Hp)".
    iMod (store_sound _ _ _ _ _ v with "HS Hc Hp") as (m Hm) "(HS & Hc & Hp)".
    iModIntro. iExists m. iFrame "HS". iSplit; [done|]. iExists pas. iFrame.
  Qed.
  Global Instance set_cell_phys va q pa old v :
    SetCell (va ⇝{q} pa ∗ pa ↦ₚ old) va v (va ⇝{q} pa ∗ pa ↦ₚ v) | 0.
  Proof.
    intros σ. rewrite !monPred_at_sep !vphys_at. iIntros "HS [Hc Hp]".
    iMod (store_sound _ _ _ _ _ v with "HS Hc Hp") as (m Hm) "(HS & Hc & Hp)".
    iModIntro. iExists m.
    rewrite monPred_at_sep vphys_at. iFrame "HS". iSplit; [done|]. iSplitL "Hc"; done.
  Qed.
  Global Instance set_cell_sep_l P P' Q va v : SetCell P va v P' → SetCell (P ∗ Q) va v (P' ∗ Q) | 1.
  Proof.
    intros HP σ. rewrite !monPred_at_sep. iIntros "HS [H HQ]".
    iMod (HP with "HS H") as (m Hm) "(HS & H)". iModIntro.
    iExists m. rewrite monPred_at_sep. by iFrame "HS H HQ".
  Qed.
  Global Instance set_cell_sep_r P Q Q' va v : SetCell Q va v Q' → SetCell (P ∗ Q) va v (P ∗ Q') | 2.
  Proof.
    intros HQ σ. rewrite !monPred_at_sep. iIntros "HS [HP H]".
    iMod (HQ with "HS H") as (m Hm) "(HS & H)". iModIntro.
    iExists m. rewrite monPred_at_sep. by iFrame "HS H HP".
  Qed.

  (** * Operands *)
  Class Addresses (next : word) (R : vProp Σ) (m : addr) (va : word) : Prop :=
    addresses σ : st_rip σ = next → state_interp σ -∗ R (root_of σ) -∗
      ⌜effective_address σ m = Ok va⌝.
  Class Reads (w : width) (a : access) (next : word) (R : vProp Σ) (o : operand) (v : word) : Prop :=
    reads σ : st_rip σ = next → state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → read_operand τ a w σ o = Ok v⌝.
  Class Writes (w : width) (next : word) (R : vProp Σ) (o : operand) (v : word) (R' : vProp Σ)
      : Prop :=
    writes σ : st_rip σ = next → state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ R (root_of σ) ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → write_operand τ w σ o v = Ok σ'⌝ ∗ ⌜st_rip σ' = next⌝ ∗
        state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ).

  Lemma has_reg_get R r v `{!HasReg R r v} σ :
    state_interp σ -∗ R (root_of σ) -∗ ⌜get_reg σ r = Ok v⌝.
  Proof.
    rewrite (has_reg (root_of σ)). iIntros "HS H".
    iDestruct (state_interp_reg with "HS H") as %Hr. iPureIntro. by apply get_reg_Some.
  Qed.

  Global Instance addresses_abs next R i va :
    AddsTo (Z_to_bv 64 0) i va → Addresses next R (Addr false None None i) va.
  Proof. intros Hva σ _. iIntros "_ _ !%". exact (f_equal Ok Hva). Qed.
  Global Instance addresses_rip next R b i va :
    AddsTo next i va → Addresses next R (Addr true b None i) va.
  Proof. intros Hva σ Hrip. iIntros "_ _ !%". by rewrite /effective_address /= Hrip Hva. Qed.
  Global Instance addresses_base next R b i base va :
    HasReg R b base → AddsTo base i va → Addresses next R (Addr false (Some b) None i) va.
  Proof.
    intros Hb Hva σ _. iIntros "HS H". iDestruct (has_reg_get R b with "HS H") as %Hr.
    iPureIntro. by rewrite /effective_address /= Hr /= Hva.
  Qed.
  Global Instance addresses_index next R b s k i base idx va :
    HasReg R b base → HasReg R k idx → AddsTo (bv_add base (scaled idx s)) i va →
    Addresses next R (Addr false (Some b) (Some (k, s)) i) va.
  Proof.
    intros Hb Hk Hva σ _. iIntros "HS H". iDestruct (has_reg_get R b with "HS H") as %Hr.
    iDestruct (has_reg_get R k with "HS H") as %Hrk.
    iPureIntro. by rewrite /effective_address /= Hr /= Hrk /= Hva.
  Qed.
  Global Instance addresses_index_only next R s k i idx va :
    HasReg R k idx → AddsTo (bv_add (Z_to_bv 64 0) (scaled idx s)) i va →
    Addresses next R (Addr false None (Some (k, s)) i) va.
  Proof.
    intros Hk Hva σ _. iIntros "HS H". iDestruct (has_reg_get R k with "HS H") as %Hrk.
    iPureIntro. rewrite /effective_address /= Hrk. exact (f_equal Ok Hva).
  Qed.
  (** A given address is found in a part of the resources. *)
  Lemma addresses_mono next P R m va :
    (∀ root, R root ⊢ P root) → Addresses next P m va → Addresses next R m va.
  Proof. intros HR HP σ Hrip. rewrite (HR (root_of σ)). by apply HP. Qed.
  Global Instance addresses_sep_l next P Q m va :
    Addresses next P m va → Addresses next (P ∗ Q) m va | 100.
  Proof. apply addresses_mono=> root. rewrite monPred_at_sep. iIntros "[$ _]". Qed.
  Global Instance addresses_sep_r next P Q m va :
    Addresses next Q m va → Addresses next (P ∗ Q) m va | 101.
  Proof. apply addresses_mono=> root. rewrite monPred_at_sep. iIntros "[_ $]". Qed.

  Lemma reads_reg (w : width) a next R r v : HasReg R r v → Reads w a next R (OReg r) (trunc w v).
  Proof.
    intros Hr σ _. iIntros "HS H". iDestruct (has_reg_get with "HS H") as %Hv. iPureIntro.
    intros τ _. by rewrite /= Hv.
  Qed.
  Global Instance reads_reg64 a next R r v : HasReg R r v → Reads W64 a next R (OReg r) v.
  Proof. apply (reads_reg W64). Qed.
  Global Instance reads_reg32 a next R r v : HasReg R r v → Reads W32 a next R (OReg r) (trunc W32 v).
  Proof. apply reads_reg. Qed.
  Global Instance reads_reg16 a next R r v : HasReg R r v → Reads W16 a next R (OReg r) (trunc W16 v).
  Proof. apply reads_reg. Qed.
  Global Instance reads_reg8 a next R r v : HasReg R r v → Reads W8 a next R (OReg r) (trunc W8 v).
  Proof. apply reads_reg. Qed.
  Global Instance reads_imm64 a next R i : Reads W64 a next R (OImm i) (Z_to_bv 64 i) | 0.
  Proof. intros σ _. by iIntros "_ _ !%". Qed.
  Global Instance reads_imm (w : width) a next R i : Reads w a next R (OImm i) (trunc w (Z_to_bv 64 i)) | 1.
  Proof. intros σ _. by iIntros "_ _ !%". Qed.
  Global Instance reads_mem a next R m va v :
    Addresses next R m va → HasCell a R va v → Reads W64 a next R (OMem m) v.
  Proof.
    intros Hva Hv σ Hrip. iIntros "HS H". iDestruct (Hva with "HS H") as %Ha; [done|].
    iDestruct (Hv with "HS H") as %Hl. iPureIntro. intros τ Hτ. by rewrite /= Ha /= Hl.
  Qed.

  Global Instance writes_reg64 next R r v R' : SetReg R r v R' → Writes W64 next R (OReg r) v R'.
  Proof.
    intros Hr σ Hrip. rewrite (Hr (root_of σ)). iIntros "HS Hcr3 (%old & H & HR)".
    iDestruct (reg_not_cr3 with "Hcr3 H") as %Hne.
    iMod (state_interp_set_reg with "HS H") as "[HS H]"; [done|]. iModIntro.
    iExists _. iFrame "HS Hcr3". iSplit; [done|]. iSplit; [done|]. by iApply "HR".
  Qed.
  Global Instance writes_reg32 next R r v R' :
    SetReg R r (trunc W32 v) R' → Writes W32 next R (OReg r) v R'.
  Proof. intros Hr. exact (writes_reg64 next R r _ R' Hr). Qed.
  Lemma writes_reg_low (w : width) next R r old v R' :
    HasReg R r old → SetReg R r (written w old v) R' → Writes w next R (OReg r) v R'.
  Proof.
    intros Hold Hr σ Hrip. iIntros "HS Hcr3 H".
    iDestruct (has_reg_get with "HS H") as %Hget.
    iMod (writes_reg64 next R r _ R' Hr σ Hrip with "HS Hcr3 H") as (σ' Hσ' Hrip') "H". iModIntro.
    iExists σ'. iFrame "H". iPureIntro. split; [|done]. intros τ Hτ.
    rewrite /= (write_reg_Ok _ _ _ _ _ Hget). exact (Hσ' τ Hτ).
  Qed.
  Global Instance writes_reg16 next R r old v R' :
    HasReg R r old → SetReg R r (merge_low W16 old v) R' → Writes W16 next R (OReg r) v R'.
  Proof. apply (writes_reg_low W16). Qed.
  Global Instance writes_reg8 next R r old v R' :
    HasReg R r old → SetReg R r (merge_low W8 old v) R' → Writes W8 next R (OReg r) v R'.
  Proof. apply (writes_reg_low W8). Qed.
  Global Instance writes_mem next R m va v R' :
    Addresses next R m va → SetCell R va v R' → Writes W64 next R (OMem m) v R'.
  Proof.
    intros Hva Hv σ Hrip. iIntros "HS Hcr3 H". iDestruct (Hva with "HS H") as %Ha; [done|].
    iMod (Hv with "HS H") as (m' Hm) "[HS H]". iModIntro. iExists _. iFrame "HS Hcr3 H".
    iPureIntro. split; [|done]. intros τ Hτ. by rewrite /= Ha /= Hm.
  Qed.

  (** * One instruction *)
  (** [i], followed by [next], takes [R] to [R'] and control to [pc], and stays in its space. *)
  Definition executes (next : word) (i : instr) (R : vProp Σ) (pc : word) (R' : vProp Σ) : Prop :=
    ∀ σ, st_rip σ = next → state_interp σ -∗ CR3 ↦ᵣ root_of σ -∗ R (root_of σ) ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ'⌝ ∗ ⌜st_rip σ' = pc⌝ ∗
        state_interp σ' ∗ CR3 ↦ᵣ root_of σ ∗ R' (root_of σ).

  (** [swp_lift] past the fetch. *)
  Lemma swp_exec C p i n next root (Q : word → iProp Σ) :
    Fetches C p i n → AddsTo p n next →
    CR3 ↦ᵣ root -∗ C root -∗
    (∀ σ, ⌜st_rip σ = next⌝ -∗ ⌜root_of σ = root⌝ -∗ state_interp σ -∗ CR3 ↦ᵣ root -∗ C root ={⊤}=∗
       ∃ σ', ⌜∀ τ, translator_ok M σ τ → exec (m_config M) τ i σ = Ok σ'⌝ ∗
         state_interp σ' ∗ ▷ swp (st_rip σ') Q) -∗
    swp p Q.
  Proof.
    iIntros (HC Hnext) "Hcr3 HC H". iApply swp_lift. iIntros (σ Hrip) "HS".
    iDestruct (state_interp_root with "HS Hcr3") as %<-.
    iDestruct (HC with "HS HC") as %Hfetch; [done|].
    iDestruct (state_interp_rip _ next with "HS") as "HS".
    iMod ("H" $! (set_rip next σ) with "[//] [//] HS Hcr3 HC") as (σ' Hex) "[HS H]". iModIntro.
    iExists σ'. iFrame "HS H". iPureIntro. intros τ Hτ.
    rewrite /exec_next Hrip (Hfetch _ Hτ) /= Hnext. by apply Hex.
  Qed.

  Lemma wp_executes_later C p i n next pc R R' Φ :
    Fetches C p i n → AddsTo p n next → executes next i R pc R' →
    C -∗ R -∗ ▷ (C -∗ R' -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hnext Hex) "HC HR H". iStopProof. constructor=> root.
    rewrite !monPred_at_sep monPred_at_later !vwp_at. iIntros "(HC & HR & H) Hcr3".
    iApply (swp_exec with "Hcr3 HC"). iIntros (σ Hrip <-) "HS Hcr3 HC".
    iMod (Hex with "HS Hcr3 HR") as (σ' Hσ' Hpc) "(HS & Hcr3 & HR)"; [done|]. iModIntro.
    iExists σ'. iFrame "HS". iSplit; [done|]. iNext. rewrite Hpc.
    rewrite monPred_wand_force monPred_wand_force vwp_at.
    iApply ("H" with "HC HR Hcr3").
  Qed.
  Lemma wp_executes C p i n next pc R R' Φ :
    Fetches C p i n → AddsTo p n next → executes next i R pc R' →
    C -∗ R -∗ (C -∗ R' -∗ vwp pc Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hnext Hex) "HC HR H". iApply (wp_executes_later with "HC HR H"); done.
  Qed.
End judgements.

Global Hint Mode HasReg + + + ! ! - : typeclass_instances.
Global Hint Mode SetReg + + + ! ! - - : typeclass_instances.
Global Hint Mode HasCell + + + + ! - - : typeclass_instances.
Global Hint Mode SetCell + + + ! - - - : typeclass_instances.
Global Hint Mode Addresses + + + - ! ! - : typeclass_instances.
Global Hint Mode Reads + + + + + - ! ! - : typeclass_instances.
Global Hint Mode Writes + + + + - ! ! - - : typeclass_instances.
