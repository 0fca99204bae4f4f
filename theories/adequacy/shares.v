(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.adequacy Require Export image content.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Whether an initial state supplies a list of [resource]s, by computation: each of them is broken into
    shares of registers, bytes and pages, and the shares are taken one by one from what is there. *)

(** * Taking shares *)
Section take.
  Context `{Countable K} {V : Type} `{!EqDecision V} {PROP : bi}.
  Context (Φ : K → V → Qp → PROP) {Hfrac : ∀ k v, Fractional (Φ k v)}.

  (** [x] with as much of it as is left. *)
  Definition whole (m : gmap K V) : gmap K (V * Qp) := (λ v, (v, 1%Qp)) <$> m.
  Definition left_over (m : gmap K (V * Qp)) : PROP := ([∗ map] k ↦ x ∈ m, Φ k x.1 x.2)%I.
  Definition take (m : gmap K (V * Qp)) (k : K) (v : V) (q : Qp) : option (gmap K (V * Qp)) :=
    match m !! k with
    | Some (v', q') =>
      if bool_decide (v' = v) then
        match (q' - q)%Qp with
        | Some r => Some (<[k := (v, r)]> m)
        | None => if bool_decide (q' = q) then Some (delete k m) else None
        end
      else None
    | None => None
    end.

  Lemma left_over_whole m : ([∗ map] k ↦ v ∈ m, Φ k v 1) ⊢ left_over (whole m).
  Proof using Type. by rewrite /left_over /whole big_sepM_fmap. Qed.
  Lemma take_sound m k v q m' : take m k v q = Some m' → left_over m ⊢ Φ k v q ∗ left_over m'.
  Proof using Hfrac.
    rewrite /take /left_over. destruct (m !! k) as [[v' q']|] eqn:Hk; [|done].
    case_bool_decide as Hv; [subst v'|done]. rewrite (big_sepM_delete _ m k) //=.
    destruct (q' - q)%Qp as [r|] eqn:Hr.
    - intros [= <-]. apply Qp.sub_Some in Hr as ->.
      by rewrite -insert_delete_insert big_sepM_insert ?lookup_delete //= Hfrac assoc.
    - case_bool_decide as Hq; [subst q'|done]. by intros [= <-].
  Qed.
End take.

(** * Shares that a resource consists of *)
Inductive share :=
  | SReg (r : reg) (v : word) (q : Qp)
  | SByte (pa : Z) (b : byte) (q : Qp)
  | SPage (x : word * Z) (t : trans) (q : Qp)
  | SCell (s : Z) (x : cell) (q : Qp).

Definition admitsb (M : machine) (w : bool) (R : rights) : bool :=
  access_ok (m_config M) R Read && (negb w || access_ok (m_config M) R Write).

(** The bytes of [n] consecutive addresses: their shares of claims, and where they lie. *)
Fixpoint byte_claims (Θ : gmap (word * Z) trans) (ok : rights → bool) (root va : word) (q : Qp)
    (n : nat) : option (list share * list Z) :=
  match n with
  | O => Some ([], [])
  | S n =>
    t ← Θ !! (root, page va);
    if ok t.2 then
      '(l, pas) ← byte_claims Θ ok root (va `+Z` 1) q n;
      Some (SPage (root, page va) t (q / pos_to_Qp 4096) :: l, t.1 + page_offset va :: pas)
    else None
  end.
Definition byte_shares (pas : list Z) (q : Qp) (bs : list byte) : list share :=
  zip_with (λ pa b, SByte pa b q) pas bs.

Definition instr_shares (M : machine) (Θ : gmap (word * Z) trans) (root va : word) (q : Qp)
    (x : instr * Z) : option (list share) :=
  '(l, pas) ← byte_claims Θ (λ R, access_ok (m_config M) R Fetch) root va q (S (Z.to_nat (x.2 - 1)));
  pa ← head pas;
  if bool_decide (m_image M !! pa = Some x) &&
     bool_decide (pas = seqZ pa (Z.of_nat (length pas)))
  then Some l else None.
Fixpoint code_shares (M : machine) (Θ : gmap (word * Z) trans) (root base : word) (q : Qp)
    (l : list (Z * (instr * Z))) : option (list share) :=
  match l with
  | [] => Some []
  | x :: l =>
    s ← instr_shares M Θ root (base `+Z` x.1) q x.2;
    s' ← code_shares M Θ root base q l;
    Some (s ++ s')
  end.

Definition res_shares (M : machine) (Θ : gmap (word * Z) trans) (x : resource)
    : option (list share) :=
  match x with
  | RReg r v => Some [SReg r v 1]
  | RPhys pa q v => Some (byte_shares (word_pas pa) q (word_bytes v))
  | RClaim w root va q pa =>
    '(l, pas) ← byte_claims Θ (admitsb M w) root va q 8;
    if bool_decide (pas = word_pas pa) then Some l else None
  | RVirt w root va q v =>
    '(l, pas) ← byte_claims Θ (admitsb M w) root va q 8;
    Some (l ++ byte_shares pas q (word_bytes v))
  | RCode root base l q => code_shares M Θ root base q l
  | RCell pa q x => Some [SCell (bv_unsigned pa) x q]
  | RPage root va q t => Some [SPage (root, page va) t q]
  end.

(** * What is left of the initial resources *)
Record supply := Supply {
  su_regs : gmap reg (word * Qp);
  su_bytes : gmap Z (byte * Qp);
  su_pages : gmap (word * Z) (trans * Qp);
  su_cells : gmap Z (cell * Qp);
}.
Definition initial_supply (σ : state) (T : memory) (Θ : gmap (word * Z) trans) (E : cells) : supply :=
  Supply (whole (st_regs σ)) (whole (st_mem σ ∖ T)) (whole Θ) (whole E).

Definition take_share (s : supply) (x : share) : option supply :=
  match x with
  | SReg r v q =>
    m ← take (su_regs s) r v q; Some (Supply m (su_bytes s) (su_pages s) (su_cells s))
  | SByte pa b q =>
    m ← take (su_bytes s) pa b q; Some (Supply (su_regs s) m (su_pages s) (su_cells s))
  | SPage x t q =>
    m ← take (su_pages s) x t q; Some (Supply (su_regs s) (su_bytes s) m (su_cells s))
  | SCell c x q =>
    m ← take (su_cells s) c x q; Some (Supply (su_regs s) (su_bytes s) (su_pages s) m)
  end.
Fixpoint take_shares (s : supply) (l : list share) : option supply :=
  match l with [] => Some s | x :: l => s ← take_share s x; take_shares s l end.
Fixpoint take_resources (M : machine) (Θ : gmap (word * Z) trans) (s : supply) (l : list resource)
    : option supply :=
  match l with
  | [] => Some s
  | x :: l => xs ← res_shares M Θ x; s ← take_shares s xs; take_resources M Θ s l
  end.

(** The check; and the resource that it fails at. *)
Definition suppliesb (M : machine) (σ : state) (T : memory) (Θ : gmap (word * Z) trans) (E : cells)
    (l : list resource) : bool :=
  match take_resources M Θ (initial_supply σ T Θ E) l with Some _ => true | None => false end.
Fixpoint first_missing (M : machine) (Θ : gmap (word * Z) trans) (s : supply) (l : list resource)
    : option resource :=
  match l with
  | [] => None
  | x :: l =>
    match (xs ← res_shares M Θ x; take_shares s xs) with
    | Some s => first_missing M Θ s l
    | None => Some x
    end
  end.

(** The pages that resources need claims on. *)
Definition span_pages (root va : word) (n : Z) : list (word * Z) :=
  [(root, page va); (root, page (va `+Z` (n - 1)))].
Definition res_pages (x : resource) : list (word * Z) :=
  match x with
  | RReg _ _ | RPhys _ _ _ | RCell _ _ _ => []
  | RPage root va _ _ => [(root, page va)]
  | RClaim _ root va _ _ | RVirt _ root va _ _ => span_pages root va 8
  | RCode root base l _ => l ≫= λ x, span_pages root (base `+Z` x.1) x.2.2
  end.
Definition resource_claims (M : machine) (T : memory) (l : list resource) : gmap (word * Z) trans :=
  claims_from (m_config M) T (remove_dups (l ≫= res_pages)).

(** The cells among resources, and whether tables and claims admit them: what was said of a cell that is
    listed in parts is the same in each. *)
Definition resource_cells (l : list resource) : cells :=
  list_to_map (omap (λ x, match x with RCell pa _ x => Some (bv_unsigned pa, x) | _ => None end) l).
Definition cells_okb (c : config) (T : memory) (Θ : gmap (word * Z) trans) (E : cells) : bool :=
  forallb (λ lv, 12 <=? lv_shift lv) (pm_levels (cfg_mode c)) &&
  forallb (λ y : Z * cell, (y.1 `mod` 8 =? 0) && bool_decide (read_word T y.1 = Some (c_entry y.2)))
    (map_to_list E) &&
  forallb (λ y : word * Z * trans,
    forallb (λ z : level * Z,
      match E !! z.2 with
      | Some x => in_regions y.1.1 (page_base y.1.2) (c_claimed x)
      | None => true
      end) (walk_path (cfg_mode c) T y.1.1 (page_base y.1.2)))
    (map_to_list Θ).

Lemma cells_okb_ok c T Θ E root :
  claims_ok c T Θ → (∀ r p t, Θ !! (r, p) = Some t → 0 ≤ p < 2 ^ 52) →
  cells_okb c T Θ E = true → tables_ok c T Θ E root [].
Proof.
  intros Hc Hp [[Hlv HE]%andb_true_iff Hcl]%andb_true_iff. split.
  - done.
  - apply tlb_ok_nil.
  - intros s x Hs. rewrite forallb_forall in HE.
    assert (In (s, x) (map_to_list E)) as Hin by by apply elem_of_list_In, elem_of_map_to_list.
    apply HE in Hin as [Hs8%Z.eqb_eq Hr%bool_decide_eq_true]%andb_true_iff. done.
  - intros r va u lv s x Hu Hpath Hs. rewrite forallb_forall in Hcl.
    assert (In (r, page va, u) (map_to_list Θ)) as Hin
      by by apply elem_of_list_In, elem_of_map_to_list.
    specialize (Hcl _ Hin). simpl in Hcl. rewrite forallb_forall in Hcl.
    specialize (Hp _ _ _ Hu).
    assert (page va = page (page_base (page va))) as Hpage.
    { by rewrite -(bv_add_Z_0 (page_base (page va))) page_base_page. }
    destruct (path_levels_same (cfg_mode c) T (pm_levels (cfg_mode c)) (pm_root (cfg_mode c) r) va
      (page_base (page va)) 12) as [Hsame _]; [done| |done|].
    { intros [lv' s'] Hin'%path_levels_in. rewrite forallb_forall in Hlv.
      by apply Z.leb_le, Hlv, elem_of_list_In. }
    rewrite /walk_path -Hsame in Hpath. apply elem_of_list_In in Hpath. specialize (Hcl _ Hpath). simpl in Hcl. rewrite Hs in Hcl.
    by rewrite (in_regions_page r va (page_base (page va))).
  - by intros e va ?%elem_of_nil.
Qed.
