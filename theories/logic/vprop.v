(* SPDX-License-Identifier: Apache-2.0 *)
From iris.bi Require Export monpred.
From iris.bi Require Import big_op.
From iris.bi.lib Require Import fractional.
From iris.proofmode Require Import proofmode monpred.
From iris.base_logic.lib Require Export fancy_updates.
From stdpp Require Export bitvector.
From iris.prelude Require Import options.

(** Assertions indexed by the address space in which they are read.

    - [vProp Σ]: an Iris assertion that may depend on the root of the current
      page tables (the value of cr3). The index is flat: no root is above another.
    - [space_pred f]: the assertion that is [f r] in the space rooted at [r].
    - [@[r] P] ([at_root r P]): [P] holds in the space rooted at [r]. It does not
      depend on the current space.
    - [in_space r]: the current space is the one rooted at [r].

    [@[r]] is the satisfaction operator of hybrid logic and [in_space] its nominal:
    [@[r]] commutes with every connective, forgets an outer index and fixes what
    does not depend on the space ([Objective]). Both are transparent to
    conversion, so that [@[r] (space_pred f)] is [⎡f r⎤], and opaque to the search
    for instances. *)

(** Roots are compared by equality alone. *)
Definition rootI : biIndex :=
  {| bi_index_type := bv 64; bi_index_inhabited := populate (bv_0 64);
     bi_index_rel := (=); bi_index_rel_preorder := _ |}.

Notation vProp Σ := (monPred rootI (iPropI Σ)).
Notation vPropI Σ := (monPredI rootI (iPropI Σ)).

Global Instance space_pred_mono {Σ} (f : bv 64 → iProp Σ) :
  Proper ((⊑@{rootI}) ==> (⊢)) f.
Proof. by intros r ? <-. Qed.

Definition space_pred {Σ} (f : bv 64 → iProp Σ) : vProp Σ :=
  @MonPred rootI _ f (space_pred_mono f).
Definition at_root {Σ} (r : bv 64) (P : vProp Σ) : vProp Σ := ⎡ P r ⎤%I.
Definition in_space {Σ} (r : bv 64) : vProp Σ :=
  @monPred_in rootI (iPropI Σ) r.

Global Arguments space_pred {_} _%_I.
Global Arguments at_root {_} _ _%_I : simpl never.
Global Arguments in_space {_} _ : simpl never.
Global Instance: Params (@space_pred) 1 := {}.
Global Instance: Params (@at_root) 2 := {}.

Notation "@[ r ] P" := (at_root r P)
  (at level 20, right associativity, P at level 20, format "@[ r ]  P") : bi_scope.

(** * Assertions given by a function of the root *)
Section space_pred.
  Context {Σ : gFunctors}.
  Implicit Types (f g : bv 64 → iProp Σ) (P : vProp Σ) (r : bv 64).

  Lemma space_pred_at f r : space_pred f r ⊣⊢ f r.
  Proof. done. Qed.
  Lemma space_pred_eta P : P ⊣⊢ space_pred (λ r, P r).
  Proof. by constructor. Qed.
  Lemma space_pred_entails f g : (∀ r, f r ⊢ g r) → space_pred f ⊢ space_pred g.
  Proof. intros Hfg. constructor=> r. apply Hfg. Qed.

  Global Instance space_pred_ne n :
    Proper (pointwise_relation _ (dist n) ==> dist n) (@space_pred Σ).
  Proof. intros f g Hfg. constructor=> r. apply Hfg. Qed.
  Global Instance space_pred_proper :
    Proper (pointwise_relation _ (≡) ==> (≡)) (@space_pred Σ).
  Proof. intros f g Hfg. constructor=> r. apply Hfg. Qed.
  Global Instance space_pred_mono' :
    Proper (pointwise_relation _ (⊢) ==> (⊢)) (@space_pred Σ).
  Proof. intros f g Hfg. by apply space_pred_entails. Qed.

  Global Instance space_pred_persistent f :
    (∀ r, Persistent (f r)) → Persistent (space_pred f).
  Proof. intros Hf. constructor=> r. rewrite monPred_at_persistently. apply Hf. Qed.
  Global Instance space_pred_timeless f :
    (∀ r, Timeless (f r)) → Timeless (space_pred f).
  Proof.
    intros Hf. constructor=> r. rewrite monPred_at_later monPred_at_except_0.
    apply Hf.
  Qed.
  Global Instance space_pred_affine f :
    (∀ r, Affine (f r)) → Affine (space_pred f).
  Proof. intros Hf. constructor=> r. rewrite monPred_at_emp. apply Hf. Qed.
  Global Instance space_pred_absorbing f :
    (∀ r, Absorbing (f r)) → Absorbing (space_pred f).
  Proof. intros Hf. constructor=> r. rewrite monPred_at_absorbingly. apply Hf. Qed.

  Global Instance space_pred_fractional (h : Qp → bv 64 → iProp Σ) :
    (∀ r, Fractional (λ q, h q r)) → Fractional (λ q, space_pred (h q)).
  Proof. intros Hh p q. constructor=> r. rewrite monPred_at_sep. apply Hh. Qed.
  Lemma space_pred_as_fractional f (h : Qp → bv 64 → iProp Σ) q :
    (∀ r, AsFractional (f r) (λ q, h q r) q) →
    AsFractional (space_pred f) (λ q, space_pred (h q)) q.
  Proof.
    intros Hf. split.
    - constructor=> r. apply Hf.
    - apply space_pred_fractional=> r. apply Hf.
  Qed.
End space_pred.

(** * Laws of [@[r]] *)
Section at_root.
  Context {Σ : gFunctors}.
  Implicit Types (P Q : vProp Σ) (r s : bv 64).

  Lemma at_root_space_pred r (f : bv 64 → iProp Σ) : @[r] space_pred f ⊣⊢ ⎡f r⎤.
  Proof. done. Qed.
  Lemma at_root_at r s P : (@[r] P) s ⊣⊢ P r.
  Proof. by rewrite /at_root monPred_at_embed. Qed.

  Lemma at_root_mono r P Q : (P ⊢ Q) → @[r] P ⊢ @[r] Q.
  Proof. intros HPQ. by rewrite /at_root HPQ. Qed.
  Global Instance at_root_mono' r : Proper ((⊢) ==> (⊢)) (at_root (Σ:=Σ) r).
  Proof. intros P Q. apply at_root_mono. Qed.
  Global Instance at_root_flip_mono' r :
    Proper (flip (⊢) ==> flip (⊢)) (at_root (Σ:=Σ) r).
  Proof. intros P Q. apply at_root_mono. Qed.
  Global Instance at_root_ne r : NonExpansive (at_root (Σ:=Σ) r).
  Proof. rewrite /at_root. solve_proper. Qed.
  Global Instance at_root_proper r : Proper ((≡) ==> (≡)) (at_root (Σ:=Σ) r) :=
    ne_proper _.

  (** Entailment is entailment in every space. *)
  Lemma at_root_entails P Q : (P ⊢ Q) ↔ ∀ r, @[r] P ⊢ @[r] Q.
  Proof.
    split; [intros HPQ r; by rewrite HPQ|]. intros HPQ. constructor=> r.
    rewrite -(at_root_at r r P) -(at_root_at r r Q). apply HPQ.
  Qed.
  Lemma at_root_equiv P Q : (P ⊣⊢ Q) ↔ ∀ r, @[r] P ⊣⊢ @[r] Q.
  Proof.
    split; [intros HPQ r; by rewrite HPQ|].
    intros HPQ. apply (anti_symm (⊢)); apply at_root_entails=> r; by rewrite HPQ.
  Qed.

  (** ** Connectives *)
  Lemma at_root_pure r φ : @[r] (⌜φ⌝ : vProp Σ) ⊣⊢ ⌜φ⌝.
  Proof. by rewrite /at_root monPred_at_pure embed_pure. Qed.
  Lemma at_root_emp r : @[r] (emp : vProp Σ) ⊣⊢ emp.
  Proof. by rewrite /at_root monPred_at_emp embed_emp. Qed.
  Lemma at_root_sep r P Q : @[r] (P ∗ Q) ⊣⊢ @[r] P ∗ @[r] Q.
  Proof. by rewrite /at_root monPred_at_sep embed_sep. Qed.
  Lemma at_root_and r P Q : @[r] (P ∧ Q) ⊣⊢ @[r] P ∧ @[r] Q.
  Proof. by rewrite /at_root monPred_at_and embed_and. Qed.
  Lemma at_root_or r P Q : @[r] (P ∨ Q) ⊣⊢ @[r] P ∨ @[r] Q.
  Proof. by rewrite /at_root monPred_at_or embed_or. Qed.
  Lemma at_root_exist {A} r (Φ : A → vProp Σ) : @[r] (∃ x, Φ x) ⊣⊢ ∃ x, @[r] Φ x.
  Proof. by rewrite /at_root monPred_at_exist embed_exist. Qed.
  Lemma at_root_forall {A} r (Φ : A → vProp Σ) : @[r] (∀ x, Φ x) ⊣⊢ ∀ x, @[r] Φ x.
  Proof. by rewrite /at_root monPred_at_forall embed_forall. Qed.

  (** Of an order with two comparable indices the next four would be [⊢] only. *)
  Lemma at_root_wand r P Q : @[r] (P -∗ Q) ⊣⊢ (@[r] P -∗ @[r] Q).
  Proof.
    rewrite /at_root monPred_at_wand -embed_wand. f_equiv.
    apply (anti_symm (⊢)); [by rewrite (bi.forall_elim r) bi.pure_True // left_id|].
    apply bi.forall_intro=> s. apply bi.impl_intro_l, bi.pure_elim_l=> Hs.
    change (r = s) in Hs. by subst s.
  Qed.
  Lemma at_root_impl r P Q : @[r] (P → Q) ⊣⊢ (@[r] P → @[r] Q).
  Proof.
    rewrite /at_root monPred_at_impl -embed_impl. f_equiv.
    apply (anti_symm (⊢)); [by rewrite (bi.forall_elim r) bi.pure_True // left_id|].
    apply bi.forall_intro=> s. apply bi.impl_intro_l, bi.pure_elim_l=> Hs.
    change (r = s) in Hs. by subst s.
  Qed.
  Lemma at_root_iff r P Q : @[r] (P ↔ Q) ⊣⊢ (@[r] P ↔ @[r] Q).
  Proof. by rewrite /bi_iff at_root_and !at_root_impl. Qed.
  Lemma at_root_wand_iff r P Q : @[r] (P ∗-∗ Q) ⊣⊢ (@[r] P ∗-∗ @[r] Q).
  Proof. by rewrite /bi_wand_iff at_root_and !at_root_wand. Qed.

  (** ** Modalities *)
  Lemma at_root_later r P : @[r] (▷ P) ⊣⊢ ▷ @[r] P.
  Proof. by rewrite /at_root monPred_at_later embed_later. Qed.
  Lemma at_root_laterN n r P : @[r] (▷^n P) ⊣⊢ ▷^n @[r] P.
  Proof. by rewrite /at_root monPred_at_laterN embed_laterN. Qed.
  Lemma at_root_except_0 r P : @[r] (◇ P) ⊣⊢ ◇ @[r] P.
  Proof. by rewrite /at_root monPred_at_except_0 embed_except_0. Qed.
  Lemma at_root_persistently r P : @[r] (<pers> P) ⊣⊢ <pers> @[r] P.
  Proof. by rewrite /at_root monPred_at_persistently embed_persistently. Qed.
  Lemma at_root_affinely r P : @[r] (<affine> P) ⊣⊢ <affine> @[r] P.
  Proof. by rewrite /at_root monPred_at_affinely embed_affinely. Qed.
  Lemma at_root_absorbingly r P : @[r] (<absorb> P) ⊣⊢ <absorb> @[r] P.
  Proof. by rewrite /at_root monPred_at_absorbingly embed_absorbingly. Qed.
  Lemma at_root_intuitionistically r P : @[r] (□ P) ⊣⊢ □ @[r] P.
  Proof.
    by rewrite /at_root monPred_at_intuitionistically embed_intuitionistically.
  Qed.
  Lemma at_root_intuitionistically_if p r P : @[r] (□?p P) ⊣⊢ □?p @[r] P.
  Proof. destruct p; [apply at_root_intuitionistically|done]. Qed.
  Lemma at_root_bupd r P : @[r] (|==> P) ⊣⊢ |==> @[r] P.
  Proof. by rewrite /at_root monPred_at_bupd embed_bupd. Qed.
  Lemma at_root_fupd `{!invGS_gen hlc Σ} E1 E2 r P :
    @[r] (|={E1,E2}=> P) ⊣⊢ |={E1,E2}=> @[r] P.
  Proof. by rewrite /at_root monPred_at_fupd embed_fupd. Qed.
  Lemma at_root_internal_eq {A : ofe} r (x y : A) :
    @[r] (x ≡ y : vProp Σ) ⊣⊢ x ≡ y.
  Proof. by rewrite /at_root monPred_at_internal_eq embed_internal_eq. Qed.

  (** ** What does not depend on the space *)
  Lemma at_root_embed r (P : iProp Σ) : @[r] ⎡P⎤ ⊣⊢ ⎡P⎤.
  Proof. by rewrite /at_root monPred_at_embed. Qed.
  Lemma at_root_idemp r s P : @[r] @[s] P ⊣⊢ @[s] P.
  Proof. apply at_root_embed. Qed.
  Lemma at_root_objective r P `{!Objective P} : @[r] P ⊣⊢ P.
  Proof.
    constructor=> s. rewrite at_root_at.
    apply (anti_symm (⊢)); apply: objective_at.
  Qed.
  Lemma objectively_at_root P : <obj> P ⊣⊢ ∀ r, @[r] P.
  Proof. by rewrite monPred_objectively_unfold embed_forall. Qed.
  Lemma subjectively_at_root P : <subj> P ⊣⊢ ∃ r, @[r] P.
  Proof. by rewrite monPred_subjectively_unfold embed_exist. Qed.

  Global Instance objective_at_root r P : Objective (@[r] P).
  Proof. rewrite /at_root. apply _. Qed.
  Global Instance at_root_persistent r P : Persistent P → Persistent (@[r] P).
  Proof. rewrite /at_root. apply _. Qed.
  Global Instance at_root_timeless r P : Timeless P → Timeless (@[r] P).
  Proof. rewrite /at_root. apply _. Qed.
  Global Instance at_root_affine r P : Affine P → Affine (@[r] P).
  Proof. rewrite /at_root. apply _. Qed.
  Global Instance at_root_absorbing r P : Absorbing P → Absorbing (@[r] P).
  Proof. rewrite /at_root. apply _. Qed.

  (** ** Fractions *)
  Global Instance at_root_fractional r (Φ : Qp → vProp Σ) :
    Fractional Φ → Fractional (λ q, @[r] Φ q)%I.
  Proof. intros HΦ p q. by rewrite HΦ at_root_sep. Qed.
  Global Instance at_root_as_fractional r P Φ q :
    AsFractional P Φ q → AsFractional (@[r] P) (λ q, @[r] Φ q)%I q.
  Proof. intros [HP ?]. split; [by rewrite HP|apply _]. Qed.

  (** ** Big separating conjunctions *)
  Global Instance at_root_sep_homomorphism r :
    MonoidHomomorphism bi_sep bi_sep (≡) (at_root (Σ:=Σ) r).
  Proof.
    split; [split; [apply _..|apply at_root_sep]|apply at_root_emp].
  Qed.
  Lemma at_root_big_sepL {A} r (Φ : nat → A → vProp Σ) l :
    @[r] ([∗ list] k↦x ∈ l, Φ k x) ⊣⊢ [∗ list] k↦x ∈ l, @[r] Φ k x.
  Proof. apply (big_opL_commute _). Qed.
  Lemma at_root_big_sepM `{Countable K} {A} r (Φ : K → A → vProp Σ) (m : gmap K A) :
    @[r] ([∗ map] k↦x ∈ m, Φ k x) ⊣⊢ [∗ map] k↦x ∈ m, @[r] Φ k x.
  Proof. apply (big_opM_commute _). Qed.
  Lemma at_root_big_sepS `{Countable A} r (Φ : A → vProp Σ) (X : gset A) :
    @[r] ([∗ set] x ∈ X, Φ x) ⊣⊢ [∗ set] x ∈ X, @[r] Φ x.
  Proof. apply (big_opS_commute _). Qed.
End at_root.

(** * The current space *)
Section in_space.
  Context {Σ : gFunctors}.
  Implicit Types (P : vProp Σ) (r s : bv 64).

  Global Instance in_space_persistent r : Persistent (in_space (Σ:=Σ) r).
  Proof. apply _. Qed.
  Global Instance in_space_timeless r : Timeless (in_space (Σ:=Σ) r).
  Proof. apply _. Qed.
  Global Instance in_space_affine r : Affine (in_space (Σ:=Σ) r).
  Proof. apply _. Qed.
  Global Instance in_space_absorbing r : Absorbing (in_space (Σ:=Σ) r).
  Proof. apply _. Qed.

  Lemma in_space_at r s : in_space (Σ:=Σ) r s ⊣⊢ ⌜r = s⌝.
  Proof. by rewrite /in_space monPred_at_in. Qed.
  Lemma at_root_in_space r s : @[r] in_space (Σ:=Σ) s ⊣⊢ ⌜s = r⌝.
  Proof. by rewrite /at_root in_space_at embed_pure. Qed.
  Lemma in_space_exists : ⊢ ∃ r, in_space (Σ:=Σ) r.
  Proof.
    constructor=> r. rewrite monPred_at_emp monPred_at_exist -(bi.exist_intro r).
    rewrite in_space_at. by apply bi.pure_intro.
  Qed.
  Lemma in_space_agree r s : in_space (Σ:=Σ) r -∗ in_space s -∗ ⌜r = s⌝.
  Proof.
    apply bi.entails_wand, bi.wand_intro_r. constructor=> t.
    rewrite monPred_at_sep !in_space_at monPred_at_pure.
    iIntros "[-> ->]". done.
  Qed.

  (** In the space rooted at [r], [P] and [@[r] P] say the same. *)
  Lemma at_root_here r P : in_space r ⊢ P ∗-∗ @[r] P.
  Proof.
    apply at_root_entails=> s. rewrite at_root_in_space at_root_wand_iff at_root_idemp.
    apply bi.pure_elim'=> ->. by rewrite -bi.wand_iff_refl bi.True_emp.
  Qed.
  Lemma at_root_tag r P : in_space r -∗ P -∗ @[r] P.
  Proof.
    iIntros "Hin". iDestruct (at_root_here r P with "Hin") as "[$ _]".
  Qed.
  Lemma at_root_untag r P : in_space r -∗ @[r] P -∗ P.
  Proof.
    iIntros "Hin". iDestruct (at_root_here r P with "Hin") as "[_ $]".
  Qed.
  Lemma at_root_exists P : P ⊣⊢ ∃ r, in_space r ∗ @[r] P.
  Proof.
    iSplit.
    - iIntros "HP". iDestruct in_space_exists as (r) "#Hin". iExists r.
      iFrame "Hin". by iApply (at_root_tag with "Hin").
    - iIntros "(%r & #Hin & HP)". by iApply (at_root_untag with "Hin").
  Qed.
  (** Inside [@[r]] the root may be assumed to be [r]. *)
  Lemma at_root_assume r P : @[r] P ⊣⊢ @[r] (in_space r -∗ P).
  Proof. by rewrite at_root_wand at_root_in_space bi.pure_True // bi.True_emp left_id. Qed.
End in_space.

Global Typeclasses Opaque space_pred at_root in_space.
