(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.adequacy Require Export supply.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Closed programs: an initial state given by lists, a precondition that it supplies by computation, and
    what holds at the exits, of the state alone. *)

Record image := Image {
  im_rip : word;
  im_regs : list (reg * word);
  im_flags : flags;
  im_tables : list (Z * list word);     (* entries of page tables: those that walks read suffice *)
  im_data : list (Z * list word);
}.
Definition image_state (I : image) : state :=
  State (im_rip I) (list_to_map (im_regs I)) (im_flags I)
    (memory_of (im_tables I) ∪ memory_of (im_data I)) [].

(** Everything that is checked of an image, by [vm_compute]. *)
Definition image_supplies (M : machine) (I : image) (pre : list resource) : bool :=
  let T := memory_of (im_tables I) in
  let Θ := resource_claims M T pre in
  let E := resource_cells pre in
  code_apart M (st_mem (image_state I)) && cells_okb (m_config M) T Θ E &&
  suppliesb M (image_state I) T Θ E pre.
Definition image_missing (M : machine) (I : image) (pre : list resource) : option resource :=
  let T := memory_of (im_tables I) in
  let Θ := resource_claims M T pre in
  first_missing M Θ (initial_supply (image_state I) T Θ (resource_cells pre)) pre.

(** A state at an exit, with what holds there. *)
Definition exit_reached (M : machine) (exits : list (word * list resource)) (σ : state) : Prop :=
  Exists (λ x, st_rip σ = x.1 ∧ Forall (res_holds M σ) x.2) exits.
Global Instance exit_reached_dec M exits σ : Decision (exit_reached M exits σ).
Proof. apply _. Defined.

(** With one exit: where it is, and each part of what holds there. *)
Lemma exit_reached_rip M e l σ : exit_reached M [(e, l)] σ → st_rip σ = e.
Proof. by intros [[Hrip _]|?%Exists_nil]%Exists_cons. Qed.
Lemma exit_reached_has M e l x σ :
  bool_decide (x ∈ l) = true → exit_reached M [(e, l)] σ → res_holds M σ x.
Proof.
  intros Hx%bool_decide_eq_true [[_ H]|?%Exists_nil]%Exists_cons; [|done].
  apply elem_of_list_lookup in Hx as [k Hk]. by eapply Forall_lookup_1 in H.
Qed.

(** By computation: nothing else is looked at where control is elsewhere. *)
Definition exit_reachedb (M : machine) (exits : list (word * list resource)) (σ : state) : bool :=
  existsb (λ x, if bool_decide (st_rip σ = x.1) then forallb (res_holdsb M σ) x.2 else false) exits.
Lemma exit_reachedb_true M exits σ : exit_reachedb M exits σ = true ↔ exit_reached M exits σ.
Proof.
  rewrite /exit_reachedb /exit_reached existsb_exists List.Exists_exists.
  split; intros (x & Hin & Hx); exists x; (split; [done|]); case_bool_decide as Hrip.
  - split; [done|]. rewrite forallb_forall in Hx. apply List.Forall_forall. intros y Hy.
    by apply res_holdsb_true, Hx.
  - done.
  - destruct Hx as [_ Hx]. rewrite List.Forall_forall in Hx. rewrite forallb_forall. intros y Hy.
    by apply res_holdsb_true, Hx.
  - by destruct Hx.
Qed.
Lemma exit_reachedb_decide M exits σ : exit_reachedb M exits σ = bool_decide (exit_reached M exits σ).
Proof.
  case_bool_decide as Hex; [by apply exit_reachedb_true|].
  apply not_true_is_false. by rewrite exit_reachedb_true.
Qed.

(** Execution from the image ends well: [n] steps of the function lead to an exit, none before them does. *)
Fixpoint runs_to (M : machine) (exits : list (word * list resource)) (n : nat) (σ : state) : bool :=
  if exit_reachedb M exits σ then true
  else
    match n with
    | O => false
    | S n => match step_fun M σ with Ok σ => runs_to M exits n σ | _ => false end
    end.
Lemma runs_to_exit M exits n σ :
  runs_to M exits n σ = true →
  ∃ k σ', steps_avoiding M (exit_reached M exits) k σ σ' ∧ exit_reached M exits σ'.
Proof.
  revert σ. induction n as [|n IH]; intros σ; simpl; rewrite exit_reachedb_decide; case_bool_decide as Hex.
  1,3: by exists 0%nat, σ; split; [constructor|].
  - done.
  - destruct (step_fun M σ) as [σ1| |] eqn:Hstep; [|done..]. intros (k & σ' & Hk & H')%IH.
    exists (S k), σ'. split; [|done]. econstructor; [done| |done].
    rewrite -Hstep. apply step_fun_step.
Qed.

(** Or badly: the function comes to a state that is not at an exit and cannot go on. *)
Fixpoint fails_before (M : machine) (exits : list (word * list resource)) (n : nat) (σ : state) : bool :=
  if exit_reachedb M exits σ then false
  else
    match step_fun M σ, n with
    | Ok σ, S n => fails_before M exits n σ
    | Ok _, O => false
    | _, _ => true
    end.
Lemma fails_before_sound M exits n σ :
  fails_before M exits n σ = true → ¬ adequate M σ (exit_reached M exits).
Proof.
  intros Hf Had.
  assert (∃ k σ', steps_avoiding M (exit_reached M exits) k σ σ' ∧
            ¬ exit_reached M exits σ' ∧ ∀ σ'', step_fun M σ' ≠ Ok σ'')
    as (k & σ' & Hk & Hex & Hstep).
  { clear Had. revert σ Hf. induction n as [|n IH]; intros σ; simpl; rewrite exit_reachedb_decide;
      case_bool_decide as Hex; [done| |done|]; destruct (step_fun M σ) as [σ1|f|u] eqn:Hstep; try done.
    1,2,4,5: intros _; exists 0%nat, σ; split; [constructor|split; [done|by rewrite Hstep]].
    intros (k & σ' & Hk & H')%IH. exists (S k), σ'. split; [|done]. econstructor; [done| |done].
    rewrite -Hstep. apply step_fun_step. }
  by apply Hex, (adequate_end Had _ _ _ Hk (step_fun_step _ _)).
Qed.

Section closed.
  Context (M : machine) (I : image) (pre : list resource).
  Context (Hcan : canonical_pages (cfg_mode (m_config M))).
  Context (Hpre : image_supplies M I pre = true).

  Theorem image_adequacy (φ : state → Prop) :
    (∀ `{!machGS M machΣ}, ∃ Q : word → iProp machΣ,
      (flags_pt (im_flags I) -∗ ([∗ list] x ∈ pre, res_prop x) ={⊤}=∗ swp (im_rip I) Q) ∧
      (∀ σ, state_interp σ -∗ Q (st_rip σ) ={⊤,∅}=∗ ⌜φ σ⌝)) →
    adequate M (image_state I) φ.
  Proof using Hcan Hpre.
    intros Hwp. apply andb_true_iff in Hpre as [[_ Hcells]%andb_true_iff Hsupplied].
    set (T := memory_of (im_tables I)).
    apply (swp_adequacy machΣ _ _ T (resource_claims M T pre) (resource_cells pre)).
    - apply map_union_subseteq_l.
    - apply cells_okb_ok; [by apply claims_from_ok|apply claims_from_range|done].
    - intros G. destruct (Hwp G) as (Q & Hstart & Hpost). exists Q. split; [|done].
      iIntros "(Hr & Hf & Hm & Hc & He)". iApply (Hstart with "Hf").
      iApply (supplied _ _ _ _ _ Hsupplied with "Hr Hm Hc He").
  Qed.

  (** With resources at the exits. *)
  Corollary image_exits (exits : list (word * list resource)) :
    (∀ `{!machGS M machΣ},
      flags_pt (im_flags I) -∗ ([∗ list] x ∈ pre, res_prop x) -∗
      swp (im_rip I) (λ e, ∃ post, ⌜(e, post) ∈ exits⌝ ∗ [∗ list] x ∈ post, res_prop x)) →
    adequate M (image_state I) (exit_reached M exits).
  Proof using Hcan Hpre.
    intros Hwp. apply image_adequacy. intros G. eexists. split.
    - iIntros "Hf H". iModIntro. iApply (Hwp with "Hf H").
    - iIntros (σ) "HS (%post & %Hin & H)".
      iDestruct (res_readouts with "HS H") as %Hpost.
      iApply fupd_mask_intro; [done|]. iIntros "_". iPureIntro.
      apply List.Exists_exists. exists (st_rip σ, post).
      by rewrite -elem_of_list_In.
  Qed.
End closed.

(** Isolation at an image: what lies apart from the precondition of a program, in another space or in this
    one, holds at each point of its execution: mappings, code, tables and data. *)
Theorem image_isolation (M : machine) (I : image) (pre others : list resource)
    (exits : list (word * list resource)) :
  canonical_pages (cfg_mode (m_config M)) →
  image_supplies M I (pre ++ others) = true →
  (∀ `{!machGS M machΣ},
    flags_pt (im_flags I) -∗ ([∗ list] x ∈ pre, res_prop x) -∗
    swp (im_rip I) (λ e, ∃ post, ⌜(e, post) ∈ exits⌝ ∗ [∗ list] x ∈ post, res_prop x)) →
  ∀ n σ, steps_avoiding M (exit_reached M exits) n (image_state I) σ → Forall (res_holds M σ) others.
Proof.
  intros Hcan [[_ Hcells]%andb_true_iff Hsupplied]%andb_true_iff Hwp.
  set (T := memory_of (im_tables I)).
  apply (swp_isolation machΣ M (image_state I) T (resource_claims M T (pre ++ others))
    (resource_cells (pre ++ others)) _ (λ σ, Forall (res_holds M σ) others)).
  - apply map_union_subseteq_l.
  - apply cells_okb_ok; [by apply claims_from_ok|apply claims_from_range|done].
  - intros G. eexists _, ([∗ list] x ∈ others, res_prop x)%I. split; [|split].
    + iIntros "(Hr & Hf & Hm & Hc & He)".
      iDestruct (supplied _ _ _ _ _ Hsupplied with "Hr Hm Hc He") as "H".
      rewrite big_sepL_app. iDestruct "H" as "[Hpre $]". iModIntro. iApply (Hwp with "Hf Hpre").
    + iIntros (σ) "HS (%post & %Hin & H)".
      iDestruct (res_readouts with "HS H") as %Hpost.
      iApply fupd_mask_intro; [done|]. iIntros "_". iPureIntro.
      apply List.Exists_exists. exists (st_rip σ, post). by rewrite -elem_of_list_In.
    + intros σ. apply res_readouts.
Qed.

(** The same in [vProp].  Each resource is marked with its space; the root register is not among those of
    [pre], the space at the exit takes its place. *)
Definition vexits (exits : list (word * (word * list resource))) : list (word * list resource) :=
  (λ x, (x.1, RReg CR3 x.2.1 :: x.2.2)) <$> exits.
Lemma vexits_swp {M : machine} `{!machGS M Σ} (ip : word) f (root : word) (pre : list resource)
    (exits : list (word * (word * list resource))) :
  (in_space root ∗ flags_any ∗ ([∗ list] x ∈ pre, res_vprop x) ⊢
   WP ip {{ e, ∃ s post, ⌜(e, (s, post)) ∈ exits⌝ ∗ in_space s ∗ [∗ list] x ∈ post, res_vprop x }}) →
  flags_pt f -∗ ([∗ list] x ∈ RReg CR3 root :: pre, res_prop x) -∗
  swp ip (λ e, ∃ post, ⌜(e, post) ∈ vexits exits⌝ ∗ [∗ list] x ∈ post, res_prop x).
Proof.
  intros [Hroot]. iIntros "Hf [Hcr3 H]". specialize (Hroot root).
  rewrite vwp_at in Hroot.
  iPoseProof (Hroot with "[Hf H]") as "HW".
  { rewrite !monPred_at_sep in_space_at res_vprops_embed !monPred_at_embed.
    iSplit; [done|]. iFrame "H". iExists _. iFrame. }
  iApply (swp_wand with "(HW Hcr3)"). iIntros (e) "(%s & Hcr3 & H)".
  rewrite monPred_at_exist. iDestruct "H" as (s') "H".
  rewrite monPred_at_exist. iDestruct "H" as (post) "H".
  rewrite !monPred_at_sep monPred_at_pure in_space_at res_vprops_embed monPred_at_embed.
  iDestruct "H" as "(%Hin & -> & H)". iExists (RReg CR3 s :: post). iFrame. iPureIntro.
  apply elem_of_list_fmap. by exists (e, (s, post)).
Qed.
Corollary image_vexits (M : machine) (I : image) (root : word) (pre : list resource)
    (exits : list (word * (word * list resource))) :
  canonical_pages (cfg_mode (m_config M)) →
  image_supplies M I (RReg CR3 root :: pre) = true →
  (∀ `{!machGS M machΣ},
    in_space root ∗ flags_any ∗ ([∗ list] x ∈ pre, res_vprop x) ⊢
    WP im_rip I {{ e, ∃ s post, ⌜(e, (s, post)) ∈ exits⌝ ∗ in_space s ∗
                                [∗ list] x ∈ post, res_vprop x }}) →
  adequate M (image_state I)
    (exit_reached M ((λ x, (x.1, RReg CR3 x.2.1 :: x.2.2)) <$> exits)).
Proof.
  intros Hcan Hpre Hwp. apply (image_exits M I _ Hcan Hpre). intros G. by apply vexits_swp.
Qed.
Corollary image_visolation (M : machine) (I : image) (root : word) (pre others : list resource)
    (exits : list (word * (word * list resource))) :
  canonical_pages (cfg_mode (m_config M)) →
  image_supplies M I (RReg CR3 root :: pre ++ others) = true →
  (∀ `{!machGS M machΣ},
    in_space root ∗ flags_any ∗ ([∗ list] x ∈ pre, res_vprop x) ⊢
    WP im_rip I {{ e, ∃ s post, ⌜(e, (s, post)) ∈ exits⌝ ∗ in_space s ∗
                                [∗ list] x ∈ post, res_vprop x }}) →
  ∀ n σ, steps_avoiding M (exit_reached M (vexits exits)) n (image_state I) σ →
    Forall (res_holds M σ) others.
Proof.
  intros Hcan Hpre Hwp. apply (image_isolation M I (RReg CR3 root :: pre) others _ Hcan Hpre).
  intros G. by apply vexits_swp.
Qed.
