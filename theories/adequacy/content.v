(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Export claims.
From rocqgen.adequacy Require Export readout.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Resources as data, with three meanings: in the logic, in [vProp], and of a state.  A list of them is
    the pre- or the postcondition of a closed program. *)

Inductive resource :=
  | RReg (r : reg) (v : word)
  | RPhys (pa : word) (q : Qp) (v : word)
  | RClaim (w : bool) (root va : word) (q : Qp) (pa : word)
  | RVirt (w : bool) (root va : word) (q : Qp) (v : word)
  | RCode (root base : word) (l : list (Z * (instr * Z))) (q : Qp)
  | RCell (pa : word) (q : Qp) (x : cell)
  | RPage (root va : word) (q : Qp) (t : trans).

Global Instance resource_eq_dec : EqDecision resource.
Proof. solve_decision. Defined.

(** * Of a state *)
Definition space_walker (M : machine) (σ : state) (root : word) : translator :=
  walk_translate (m_config M) (st_mem σ) root.
Definition space_fetches (M : machine) (σ : state) (root va : word) (i : instr * Z) : Prop :=
  fetch (m_image M) (space_walker M σ root) va = Ok i.

Definition walk_leaf (w : walk_result) : option leaf :=
  match w with Walked l => Some l | _ => None end.
Definition leaf_found (va : word) (l : leaf) : trans := (leaf_pa l va - page_offset va, leaf_rights l).

Definition res_holds (M : machine) (σ : state) (x : resource) : Prop :=
  match x with
  | RReg r v => st_regs σ !! r = Some v
  | RPhys pa _ v => read_word (st_mem σ) (bv_unsigned pa) = Some v
  | RClaim w root va _ pa =>
    space_maps M σ Read root va (word_pas pa) ∧
    (w = true → space_maps M σ Write root va (word_pas pa))
  | RVirt w root va _ v => space_read M σ root va v
  | RCode root base l _ => Forall (λ x, space_fetches M σ root (base `+Z` x.1) x.2) l
  | RCell pa _ x => read_word (st_mem σ) (bv_unsigned pa) = Some (c_entry x)
  | RPage root va _ t =>
    leaf_found va <$> walk_leaf (walk (cfg_mode (m_config M)) (st_mem σ) root va) = Some t
  end.

(** By computation. *)
Fixpoint mapsb (τ : word → result Z) (va : word) (pas : list Z) : bool :=
  match pas with
  | [] => true
  | pa :: pas => match τ va with Ok pa' => pa' =? pa | _ => false end && mapsb τ (va `+Z` 1) pas
  end.
Definition ok_with {A} `{EqDecision A} (x : result A) (a : A) : bool :=
  match x with Ok b => bool_decide (b = a) | _ => false end.
Definition res_holdsb (M : machine) (σ : state) (x : resource) : bool :=
  match x with
  | RReg r v => bool_decide (st_regs σ !! r = Some v)
  | RPhys pa _ v => bool_decide (read_word (st_mem σ) (bv_unsigned pa) = Some v)
  | RClaim w root va _ pa =>
    mapsb (space_walker M σ root Read) va (word_pas pa) &&
    (negb w || mapsb (space_walker M σ root Write) va (word_pas pa))
  | RVirt w root va _ v => ok_with (load_word (space_walker M σ root) Read (st_mem σ) va) v
  | RCode root base l _ =>
    forallb (λ x, ok_with (fetch (m_image M) (space_walker M σ root) (base `+Z` x.1)) x.2) l
  | RCell pa _ x => bool_decide (read_word (st_mem σ) (bv_unsigned pa) = Some (c_entry x))
  | RPage root va _ t =>
    bool_decide
      (leaf_found va <$> walk_leaf (walk (cfg_mode (m_config M)) (st_mem σ) root va) = Some t)
  end.

Lemma mapsb_true τ va pas :
  mapsb τ va pas = true ↔ ∀ i pa, pas !! i = Some pa → τ (va `+Z` Z.of_nat i) = Ok pa.
Proof.
  revert va. induction pas as [|pa pas IH]; intros va; simpl; [done|].
  rewrite andb_true_iff IH. split.
  - intros [H0 H] [|i] pa' Hi; simpl in Hi.
    + injection Hi as <-. rewrite bv_add_Z_0. destruct (τ va); [|done..]. by apply Z.eqb_eq in H0 as ->.
    + replace (Z.of_nat (S i)) with (1 + Z.of_nat i) by lia. rewrite -bv_add_Z_assoc. by apply H.
  - intros H. split.
    + pose proof (H 0%nat pa eq_refl) as H0. rewrite bv_add_Z_0 in H0. rewrite H0. apply Z.eqb_refl.
    + intros i pa' Hi. rewrite bv_add_Z_assoc.
      replace (1 + Z.of_nat i) with (Z.of_nat (S i)) by lia. by apply H.
Qed.
Lemma ok_with_true {A} `{EqDecision A} (x : result A) a : ok_with x a = true ↔ x = Ok a.
Proof. destruct x as [b| |]; simpl; [rewrite bool_decide_eq_true|..]; naive_solver. Qed.

Lemma res_holdsb_true M σ x : res_holdsb M σ x = true ↔ res_holds M σ x.
Proof.
  destruct x as [r v|pa q v|w root va q pa|w root va q v|root base l q|pa q x|root va q t];
    rewrite /res_holdsb /res_holds.
  - apply bool_decide_eq_true.
  - apply bool_decide_eq_true.
  - rewrite andb_true_iff orb_true_iff negb_true_iff !mapsb_true.
    rewrite /space_maps /space_walker. destruct w; naive_solver.
  - apply ok_with_true.
  - rewrite forallb_forall List.Forall_forall. split; intros H y Hy.
    + by apply ok_with_true, H.
    + by apply ok_with_true, H.
  - apply bool_decide_eq_true.
  - apply bool_decide_eq_true.
Qed.
Global Instance res_holds_dec M σ x : Decision (res_holds M σ x).
Proof.
  refine (match res_holdsb M σ x as b return res_holdsb M σ x = b → _ with
          | true => λ H, left _ | false => λ H, right _ end eq_refl).
  - by apply res_holdsb_true.
  - intros Hx%res_holdsb_true. by rewrite Hx in H.
Defined.

(** * In the logic *)
Section content.
  Context {M : machine} `{!machGS M Σ}.
  #[local] Typeclasses Transparent code_at code_pt fetch_claims state_interp page_claim.

  Definition res_prop (x : resource) : iProp Σ :=
    match x with
    | RReg r v => r ↦ᵣ v
    | RPhys pa q v => phys_word pa q v
    | RClaim w root va q pa => claim_word w root va q pa
    | RVirt w root va q v => virt_word w root va q v
    | RCode root base l q => code_at base l root q
    | RCell pa q x => cell_pt (bv_unsigned pa) q x
    | RPage root va q t => page_claim (root, page va) q t
    end.
  (** Each virtual one is marked with its space. *)
  Definition res_vprop (x : resource) : vProp Σ :=
    (match x with
    | RReg r v => r ⇒ᵣ v
    | RPhys pa q v => pa ↦ₚ{q} v
    | RClaim w root va q pa => @[root] vclaim w va q pa
    | RVirt w root va q v => @[root] vpt w va q v
    | RCode root base l q => @[root] code base l q
    | RCell pa q x => ⎡cell_pt (bv_unsigned pa) q x⎤
    | RPage root va q t => ⎡page_claim (root, page va) q t⎤
    end)%I.
  Lemma res_vprop_embed x : res_vprop x = ⎡res_prop x⎤%I.
  Proof. by destruct x. Qed.
  Global Instance res_vprop_objective x : Objective (res_vprop x).
  Proof. rewrite res_vprop_embed. apply _. Qed.
  Lemma res_vprops_embed l : ([∗ list] x ∈ l, res_vprop x) ⊣⊢ ⎡[∗ list] x ∈ l, res_prop x⎤.
  Proof. rewrite embed_big_sepL. apply big_sepL_proper=> k x _. by rewrite res_vprop_embed. Qed.

  Lemma code_readout σ root va q i n :
    state_interp σ -∗ code_pt root va q i n -∗ ⌜space_fetches M σ root va (i, n)⌝.
  Proof.
    iIntros "HS (%pa & %Hi & [(%R & %HR & Hc) Hcs])".
    iDestruct (claim_readout with "HS Hc") as %Hw; [done|].
    iAssert ⌜fetch_rest (space_walker M σ root) (va `+Z` 1) (pa + 1) (Z.to_nat (n - 1)) = Ok tt⌝%I
      as %Hrest.
    { iClear "Hc". generalize (va `+Z` 1) (pa + 1) (Z.to_nat (n - 1)). clear.
      intros va pa n. iInduction n as [|n] "IH" forall (va pa); [done|].
      iDestruct "Hcs" as "[(%R & %HR & Hc) Hcs]".
      iDestruct (claim_readout with "HS Hc") as %Hw; [done|].
      iDestruct ("IH" with "HS Hcs") as %Hrest. iPureIntro.
      by rewrite /= /space_walker Hw /= Z.eqb_refl. }
    iPureIntro. by rewrite /space_fetches /fetch /space_walker Hw /= Hi Hrest.
  Qed.

  Lemma page_readout σ root va q t :
    state_interp σ -∗ page_claim (root, page va) q t -∗
    ⌜leaf_found va <$> walk_leaf (walk (cfg_mode (m_config M)) (st_mem σ) root va) = Some t⌝.
  Proof.
    iIntros "(%T & %Θ & %E & _ & _ & Hm & HT & HΘ & _ & %HE) H".
    iDestruct (ghost_map_lookup_big with "Hm HT") as %Hsub.
    iDestruct (ghost_map_lookup with "HΘ H") as %Hl. iPureIntro.
    destruct (tables_claims _ _ _ _ _ _ HE _ _ _ Hl) as [_ Hva].
    destruct (Hva va eq_refl) as (_ & l & Hw%(walk_mono _ _ _ _ _ _ Hsub) & Hpa & HR).
    rewrite Hw /= /leaf_found Hpa HR. f_equal. destruct t. simpl. f_equal. lia.
  Qed.

  Lemma res_readout σ x : state_interp σ -∗ res_prop x -∗ ⌜res_holds M σ x⌝.
  Proof.
    destruct x as [r v|pa q v|w root va q pa|w root va q v|root base l q|pa q x|root va q t]; simpl.
    - apply state_interp_reg.
    - apply phys_word_readout.
    - iIntros "HS H". iSplit.
      + iApply (claim_word_readout with "HS H"). by left.
      + iIntros (->). iApply (claim_word_readout with "HS H"). by right.
    - apply virt_word_readout.
    - iIntros "HS H". rewrite Forall_lookup. iIntros (k [z [i n]] Hk).
      iDestruct (big_sepL_lookup with "H") as "H"; [done|]. iApply (code_readout with "HS H").
    - iIntros "HS H". by iDestruct (cell_read with "HS H") as %[? _].
    - apply page_readout.
  Qed.
  Lemma res_readouts σ l :
    state_interp σ -∗ ([∗ list] x ∈ l, res_prop x) -∗ ⌜Forall (res_holds M σ) l⌝.
  Proof.
    iIntros "HS H". rewrite Forall_lookup. iIntros (k x Hk).
    iDestruct (big_sepL_lookup with "H") as "H"; [done|]. iApply (res_readout with "HS H").
  Qed.
End content.
