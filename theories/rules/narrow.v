(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export parts.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Operands in memory of 8, 16 and 32 bits: parts of words that are owned.

    - [PartAt w va va' k]: an access of [w] bits at [va'] is within the word at [va], from its byte [k] on;
    - [HasPart w a R va v], [SetPart w R va v R']: [R] has [v] in the [w] bits at [va] / lets them become [v].

    With them, [Reads] and [Writes] are for memory operands of every width.  What the rules exclude is as for
    words: every fault of the access, and memory that is not there.  No byte outside of the part is accessed. *)

Class PartAt (w : width) (va va' : word) (k : Z) : Prop :=
  part_at : va `+Z` k = va' ∧ part_fits w k.
Global Hint Mode PartAt + + + - : typeclass_instances.
Global Instance part_fits_dec (w : width) k : Decision (part_fits w k) := and_dec _ _.
Lemma part_at_same w va : PartAt w va va 0.
Proof. split; [apply bv_add_Z_0|]. rewrite /part_fits. destruct w; simpl; lia. Qed.
Lemma part_at_base (w : width) va k : bool_decide (part_fits w k) = true → PartAt w va (va `+Z` k) k.
Proof. by intros ?%bool_decide_eq_true. Qed.
Lemma part_at_sum (w : width) va i j :
  bool_decide (part_fits w (j - i)) = true → PartAt w (va `+Z` i) (va `+Z` j) (j - i).
Proof.
  intros ?%bool_decide_eq_true. split; [|done]. rewrite bv_add_Z_assoc. f_equal. lia.
Qed.
Global Hint Extern 0 (PartAt ?w ?va ?va' _) =>
  lazymatch va' with
  | va => exact (part_at_same w va)
  | va `+Z` ?k => exact (part_at_base w va k eq_refl)
  | ?b `+Z` ?j =>
    lazymatch va with b `+Z` ?i => exact (part_at_sum w b i j eq_refl) end
  end : typeclass_instances.

Section narrow.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (va pa v next : word) (q : Qp) (a : access) (P Q R : vProp Σ) (w : width).
  #[local] Typeclasses Transparent virt_word virt_bytes.

  Class HasPart w a R va v : Prop :=
    has_part σ : state_interp σ -∗ R (root_of σ) -∗
      ⌜∀ τ, translator_ok M σ τ → load_value τ a w (st_mem σ) va = Ok v⌝.
  Class SetPart w R va v R' : Prop :=
    set_part σ : state_interp σ -∗ R (root_of σ) ==∗
      ∃ m, ⌜∀ τ, translator_ok M σ τ → store_value τ w (st_mem σ) va v = Ok m⌝ ∗
        state_interp (set_mem m σ) ∗ R' (root_of σ).

  (** Whoever has a word has its parts. *)
  Lemma has_part_cell w a R va va' k v :
    HasCell a R va v → PartAt w va va' k → HasPart w a R va' (extract_part w k v).
  Proof.
    intros Hv [<- Hk] σ. iIntros "HS H". iDestruct (Hv with "HS H") as %Hl. iPureIntro. intros τ Hτ.
    by apply load_value_part; [apply Hl|].
  Qed.
  Global Instance has_part_vpt w va va' k q v :
    PartAt w va va' k → HasPart w Write (va ↦ᵥ{q} v) va' (extract_part w k v) | 0.
  Proof. apply has_part_cell, _. Qed.
  Global Instance has_part_vpt_read w b va va' k q v :
    PartAt w va va' k → HasPart w Read (vpt b va q v) va' (extract_part w k v) | 0.
  Proof. apply has_part_cell, _. Qed.
  Global Instance has_part_phys w va va' k q q' pa v :
    PartAt w va va' k → HasPart w Write (va ⇝{q} pa ∗ pa ↦ₚ{q'} v) va' (extract_part w k v) | 0.
  Proof. apply has_part_cell, _. Qed.
  Global Instance has_part_phys_read w b va va' k q q' pa v :
    PartAt w va va' k → HasPart w Read (vclaim b va q pa ∗ pa ↦ₚ{q'} v) va' (extract_part w k v) | 0.
  Proof. apply has_part_cell, _. Qed.
  Global Instance has_part_sep_l w a P Q va v : HasPart w a P va v → HasPart w a (P ∗ Q) va v | 1.
  Proof. intros HP σ. rewrite monPred_at_sep. iIntros "HS [H _]". iApply (HP with "HS H"). Qed.
  Global Instance has_part_sep_r w a P Q va v : HasPart w a Q va v → HasPart w a (P ∗ Q) va v | 2.
  Proof. intros HQ σ. rewrite monPred_at_sep. iIntros "HS [_ H]". iApply (HQ with "HS H"). Qed.

  Global Instance set_part_vpt w va va' k old v :
    PartAt w va va' k → SetPart w (va ↦ᵥ old) va' v (va ↦ᵥ insert_part w k old v) | 0.
  Proof.
    intros [<- Hk] σ. rewrite !vpt_at. iIntros "HS (%pas & Hc & Hp)".
    iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iMod (store_part_translated _ w _ va _ _ v Hk with "HS Hp") as (m Hm) "[HS Hp]".
    iModIntro. iExists m. iFrame "HS". iSplit; [|iExists pas; iFrame].
    iPureIntro. intros τ Hok. apply Hm. intros i pa. apply Hτ; [done|]. by right.
  Qed.
  Global Instance set_part_phys w va va' k q pa old v :
    PartAt w va va' k →
    SetPart w (va ⇝{q} pa ∗ pa ↦ₚ old) va' v (va ⇝{q} pa ∗ pa ↦ₚ insert_part w k old v) | 0.
  Proof.
    intros [<- Hk] σ. rewrite !monPred_at_sep !vphys_at. iIntros "HS [Hc Hp]".
    iDestruct (claims_at_translate with "HS Hc") as %Hτ.
    iMod (store_part_translated _ w _ va _ _ v Hk with "HS Hp") as (m Hm) "[HS Hp]".
    iModIntro. iExists m. rewrite monPred_at_sep vphys_at. iFrame "HS". iSplit; [|by iSplitL "Hc"].
    iPureIntro. intros τ Hok. apply Hm. intros i pa'. apply Hτ; [done|]. by right.
  Qed.
  Global Instance set_part_sep_l w P P' Q va v :
    SetPart w P va v P' → SetPart w (P ∗ Q) va v (P' ∗ Q) | 1.
  Proof.
    intros HP σ. rewrite !monPred_at_sep. iIntros "HS [H HQ]".
    iMod (HP with "HS H") as (m Hm) "(HS & H)". iModIntro.
    iExists m. rewrite monPred_at_sep. by iFrame "HS H HQ".
  Qed.
  Global Instance set_part_sep_r w P Q Q' va v :
    SetPart w Q va v Q' → SetPart w (P ∗ Q) va v (P ∗ Q') | 2.
  Proof.
    intros HQ σ. rewrite !monPred_at_sep. iIntros "HS [HP H]".
    iMod (HQ with "HS H") as (m Hm) "(HS & H)". iModIntro.
    iExists m. rewrite monPred_at_sep. by iFrame "HS H HP".
  Qed.

  (** * Operands *)
  Lemma reads_part w a next R m va v :
    Addresses next R m va → HasPart w a R va v → Reads w a next R (OMem m) v.
  Proof.
    intros Hva Hv σ Hrip. iIntros "HS H". iDestruct (Hva with "HS H") as %Ha; [done|].
    iDestruct (Hv with "HS H") as %Hl. iPureIntro. intros τ Hτ. by rewrite /= Ha /= Hl.
  Qed.
  Global Instance reads_mem32 a next R m va v :
    Addresses next R m va → HasPart W32 a R va v → Reads W32 a next R (OMem m) v.
  Proof. apply reads_part. Qed.
  Global Instance reads_mem16 a next R m va v :
    Addresses next R m va → HasPart W16 a R va v → Reads W16 a next R (OMem m) v.
  Proof. apply reads_part. Qed.
  Global Instance reads_mem8 a next R m va v :
    Addresses next R m va → HasPart W8 a R va v → Reads W8 a next R (OMem m) v.
  Proof. apply reads_part. Qed.

  Lemma writes_part w next R m va v R' :
    Addresses next R m va → SetPart w R va v R' → Writes w next R (OMem m) v R'.
  Proof.
    intros Hva Hv σ Hrip. iIntros "HS Hcr3 H". iDestruct (Hva with "HS H") as %Ha; [done|].
    iMod (Hv with "HS H") as (m' Hm) "[HS H]". iModIntro. iExists _. iFrame "HS Hcr3 H".
    iPureIntro. split; [|done]. intros τ Hτ. by rewrite /= Ha /= Hm.
  Qed.
  Global Instance writes_mem32 next R m va v R' :
    Addresses next R m va → SetPart W32 R va v R' → Writes W32 next R (OMem m) v R'.
  Proof. apply writes_part. Qed.
  Global Instance writes_mem16 next R m va v R' :
    Addresses next R m va → SetPart W16 R va v R' → Writes W16 next R (OMem m) v R'.
  Proof. apply writes_part. Qed.
  Global Instance writes_mem8 next R m va v R' :
    Addresses next R m va → SetPart W8 R va v R' → Writes W8 next R (OMem m) v R'.
  Proof. apply writes_part. Qed.
End narrow.

Global Hint Mode HasPart + + + + + ! - - : typeclass_instances.
Global Hint Mode SetPart + + + + ! - - - : typeclass_instances.
