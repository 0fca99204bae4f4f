(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export path step.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What holds between page tables, the claims about them and the TLB; and what keeps it.

    Tables are a part [T] of memory.  Some of their entries are *cells* [E], which are owned one by one and
    may be written; the others never change.  Claims [Θ] say what walks find.  For each cell there is
    recorded, besides its entry,

    - [c_reach]: pages, by space, for which the slot answers: what the TLB holds of them is known;
    - [c_claimed]: pages that may be claimed through the slot; no others are;
    - [c_owed]: pages, by size, that the TLB may still translate as an earlier entry said.

    A cell through which nothing is claimed may be written.  A page may be claimed where all slots on its
    path answer for it and owe nothing. *)

(** A claimed page of 4 KiB: its frame and the rights combined over the levels. *)
Definition trans : Type := Z * rights.
Global Instance rights_eq_dec : EqDecision rights.
Proof. solve_decision. Defined.

(** * What the tables say of a claimed page *)
Definition trans_ok (c : config) (T : memory) (root : word) (p : Z) (t : trans) : Prop :=
  pm_root_ok (cfg_mode c) root = true ∧
  ∀ va, page va = p →
    pm_canonical (cfg_mode c) va = true ∧
    ∃ l, walk (cfg_mode c) T root va = Walked l ∧
         leaf_pa l va = t.1 + page_offset va ∧ leaf_rights l = t.2.

Definition claims_ok (c : config) (T : memory) (Θ : gmap (word * Z) trans) : Prop :=
  ∀ root p t, Θ !! (root, p) = Some t → trans_ok c T root p t.

(** A cached entry agrees with every claim that it covers: it may be stale only where nothing is
    claimed. *)
Definition tlb_ok (c : config) (Θ : gmap (word * Z) trans) (root : word) (t : tlb) : Prop :=
  ∀ e va u, e ∈ t → te_covers e va = true → Θ !! (root, page va) = Some u →
    leaf_pa (te_leaf e) va = u.1 + page_offset va ∧ leaf_rights (te_leaf e) = u.2.

(** * Cells *)
(** A page of [2 ^ shift] bytes of a space, by its number among those of its size; or everything. *)
Inductive region := Everywhere | VPage (root : word) (shift num : Z).
Global Instance region_eq_dec : EqDecision region.
Proof. solve_decision. Defined.

Definition in_region (root va : word) (g : region) : bool :=
  match g with
  | Everywhere => true
  | VPage r k n => bool_decide (r = root) && (page va ≫ (k - 12) =? n)
  end.
Definition in_regions (root va : word) (l : list region) : bool := existsb (in_region root va) l.

Record cell := Cell {
  c_entry : word;
  c_reach : list region;
  c_claimed : list region;
  c_owed : list region;
}.
Global Instance cell_eq_dec : EqDecision cell.
Proof. solve_decision. Defined.
Notation cells := (gmap Z cell).

(** The slot answers for an address where a walk reads it at the level of the region's size. *)
Definition answers (lv : level) (root va : word) (x : cell) : bool :=
  existsb (λ g, in_region root va g &&
    match g with Everywhere => true | VPage _ k _ => k =? lv_shift lv end) (c_reach x).
(** A cached entry that may be stale. *)
Definition owes (root : word) (e : tlb_entry) (x : cell) : bool :=
  existsb (λ g, match g with
    | Everywhere => true
    | VPage r k n =>
      bool_decide (r = root) && (12 <=? k) && (k =? leaf_shift (te_leaf e)) && (n =? te_page e)
    end) (c_owed x).

(** Written: if the entry was present, the TLB may keep what it said. *)
Definition cell_absent (mode : paging_mode) (x : cell) : bool :=
  forallb (λ lv, is_absent (pm_decode mode lv (bv_unsigned (c_entry x)))) (pm_levels mode).
Definition cell_leaf (mode : paging_mode) (x : cell) : bool :=
  forallb (λ g,
    forallb (λ lv,
      match g with Everywhere => false | VPage _ k _ => negb (k =? lv_shift lv) end ||
      negb (is_table (pm_decode mode lv (bv_unsigned (c_entry x))))) (pm_levels mode))
    (c_reach x).
Definition cell_editable (mode : paging_mode) (x : cell) : bool :=
  cell_absent mode x || (bool_decide (c_claimed x = []) && cell_leaf mode x).
Definition set_reach (l : list region) (x : cell) : cell :=
  Cell (c_entry x) l (c_claimed x) (c_owed x).
Definition set_claimed (l : list region) (x : cell) : cell :=
  Cell (c_entry x) (c_reach x) l (c_owed x).
Definition set_owed (l : list region) (x : cell) : cell :=
  Cell (c_entry x) (c_reach x) (c_claimed x) l.
(** What is owed in [root]'s space is paid by [invlpg] of an address of the page; what is owed elsewhere
    is paid, since the TLB holds nothing of other spaces. *)
Definition paid (root va : word) (g : region) : bool :=
  match g with
  | Everywhere => false
  | VPage r _ _ => negb (bool_decide (r = root)) || in_region root va g
  end.
Definition elsewhere (root : word) (g : region) : bool :=
  match g with Everywhere => false | VPage r _ _ => negb (bool_decide (r = root)) end.
Definition unpaid (f : region → bool) (x : cell) : cell :=
  set_owed (filter (λ g, f g = false) (c_owed x)) x.
Definition cell_store (mode : paging_mode) (x : cell) (e : word) (claimed : list region) : cell :=
  Cell e (c_reach x) claimed (if cell_absent mode x then c_owed x else c_reach x ++ c_owed x).

(** * The invariant *)
Definition excused (E : cells) (lv : level) (s : Z) (root va : word) (e : tlb_entry) : Prop :=
  ∀ x, E !! s = Some x → answers lv root va x = true → owes root e x = true.

Record tables_ok (c : config) (T : memory) (Θ : gmap (word * Z) trans) (E : cells)
    (root : word) (t : tlb) : Prop := TablesOk {
  tables_claims : claims_ok c T Θ;
  tables_tlb : tlb_ok c Θ root t;
  tables_cells s x : E !! s = Some x → s `mod` 8 = 0 ∧ read_word T s = Some (c_entry x);
  tables_claimed r va u lv s x :
    Θ !! (r, page va) = Some u → (lv, s) ∈ walk_path (cfg_mode c) T r va → E !! s = Some x →
    in_regions r va (c_claimed x) = true;
  (** A cached entry is what a walk finds now, or a slot on the way excuses it. *)
  tables_coherent e va :
    e ∈ t → te_covers e va = true →
    walk (cfg_mode c) T root va = Walked (te_leaf e) ∨
    ∃ lv s, (lv, s) ∈ walk_path (cfg_mode c) T root va ∧ excused E lv s root va e;
}.

(** The modes whose tables may be edited: entries are words at multiples of eight, pages are not smaller
    than 4 KiB, and wholly canonical or not at all. *)
Record regular (mode : paging_mode) : Prop := Regular {
  regular_slots : slots_aligned mode;
  regular_shift lv : lv ∈ pm_levels mode → 12 ≤ lv_shift lv ≤ 52;
  regular_canonical lv va va' : lv ∈ pm_levels mode →
    bv_unsigned va ≫ lv_shift lv = bv_unsigned va' ≫ lv_shift lv →
    pm_canonical mode va = pm_canonical mode va';
}.

(** * Regions and cells *)
Lemma page_shiftr va k : 12 ≤ k → page va ≫ (k - 12) = bv_unsigned va ≫ k.
Proof. intros Hk. rewrite /page Z.shiftr_shiftr; [|lia]. f_equal. lia. Qed.

Lemma in_regions_page root va va' l : page va = page va' → in_regions root va l = in_regions root va' l.
Proof. intros Hp. rewrite /in_regions /in_region. by rewrite Hp. Qed.
Lemma answers_page lv root va va' x : page va = page va' → answers lv root va x = answers lv root va' x.
Proof. intros Hp. rewrite /answers /in_region. by rewrite Hp. Qed.

Lemma owes_mono root e (x x' : cell) :
  (∀ g, g ∈ c_owed x → g ∈ c_owed x') → owes root e x = true → owes root e x' = true.
Proof.
  intros Hsub. rewrite /owes !existsb_exists. intros (g & Hg%elem_of_list_In & Hm).
  exists g. split; [|done]. by apply elem_of_list_In, Hsub.
Qed.

Lemma cell_leaf_answers mode lv root va x :
  cell_leaf mode x = true → lv ∈ pm_levels mode → answers lv root va x = true →
  is_table (pm_decode mode lv (bv_unsigned (c_entry x))) = false.
Proof.
  rewrite /cell_leaf /answers forallb_forall existsb_exists.
  intros Hl Hlv%elem_of_list_In (g & Hg & [_ Hk]%andb_true_iff). specialize (Hl g Hg).
  rewrite forallb_forall in Hl. specialize (Hl lv Hlv).
  apply orb_true_iff in Hl as [Hl|Hl]; [|by apply negb_true_iff in Hl].
  destruct g; [done|]. by rewrite Hk in Hl.
Qed.
Lemma cell_absent_decode mode lv x :
  cell_absent mode x = true → lv ∈ pm_levels mode →
  pm_decode mode lv (bv_unsigned (c_entry x)) = Absent.
Proof.
  rewrite /cell_absent forallb_forall. intros Ha Hlv%elem_of_list_In. specialize (Ha lv Hlv).
  by destruct (pm_decode _ _ _).
Qed.

(** A page that the slot answers for, where its entry is a leaf: the TLB's entry is of the region's size. *)
Lemma answers_owes mode lv root va x x' e :
  regular mode → lv ∈ pm_levels mode → answers lv root va x = true →
  leaf_shift (te_leaf e) = lv_shift lv → te_covers e va = true →
  (∀ g, g ∈ c_reach x → g ∈ c_owed x') → owes root e x' = true.
Proof.
  intros Hreg Hlv Hans Hshift Hcov Hsub. pose proof (regular_shift _ Hreg _ Hlv) as [Hk _].
  apply existsb_exists in Hans as (g & Hg & Hm). rewrite /owes existsb_exists. exists g.
  split; [by apply elem_of_list_In, Hsub, elem_of_list_In|].
  apply andb_true_iff in Hm as [Hin Hlevel]. destruct g as [|r k n]; [done|]. simpl in Hin.
  apply andb_true_iff in Hin as [Hr Hn]. apply Z.eqb_eq in Hn, Hlevel. subst k.
  rewrite page_shiftr in Hn; [|done]. rewrite /te_covers Hshift in Hcov. apply Z.eqb_eq in Hcov.
  rewrite Hr Hshift -Hn Hcov !Z.eqb_refl !andb_true_r. by apply Z.leb_le.
Qed.
Lemma owes_region root va e x :
  te_covers e va = true → owes root e x = true → in_regions root va (c_owed x) = true.
Proof.
  rewrite /te_covers /owes /in_regions !existsb_exists. intros Hcov%Z.eqb_eq (g & Hg & Hm).
  exists g. split; [done|]. destruct g as [|r k n]; [done|]. simpl.
  apply andb_true_iff in Hm as [[[Hr Hk%Z.leb_le]%andb_true_iff Hshift%Z.eqb_eq]%andb_true_iff
    Hn%Z.eqb_eq]. by rewrite Hr page_shiftr // Hshift Hn Hcov Z.eqb_refl.
Qed.

Lemma read_word_entry w (T : memory) s v : read_word T s = Some v → is_Some (read_entry w T s).
Proof.
  intros Hv. destruct w; [|by rewrite /= Hv]. apply fmap_Some in Hv as (bs & Hbs & _).
  assert (is_Some (read_bytes T s 4)) as [bs4 Hbs4]; [|by rewrite /= Hbs4].
  apply mapM_is_Some_2. assert (is_Some (read_bytes T s 8)) as Hall%mapM_is_Some_1 by by exists bs.
  change (seq 0 8) with (seq 0 4 ++ [4; 5; 6; 7]%nat) in Hall. by apply Forall_app in Hall as [? _].
Qed.

(** * Walks in a regular mode *)
Section regular.
  Context (mode : paging_mode) (Hreg : regular mode) (T : memory).

  Lemma walk_path_level root va lv s : (lv, s) ∈ walk_path mode T root va → lv ∈ pm_levels mode.
  Proof using Hreg.
    intros Hin. eapply path_levels_aligned; [apply Hreg| |exact Hin].
    destruct (regular_slots _ Hreg) as (_ & Hr & _). apply Hr.
  Qed.
  Lemma walk_path_same root va va' k :
    0 ≤ k → (∀ x, x ∈ walk_path mode T root va → k ≤ lv_shift x.1) →
    bv_unsigned va ≫ k = bv_unsigned va' ≫ k →
    walk_path mode T root va' = walk_path mode T root va ∧
    walk mode T root va' = walk mode T root va.
  Proof using Hreg.
    intros Hk Hx Heq. destruct (path_levels_same mode T (pm_levels mode) (pm_root mode root) va va' k)
      as [Hp Hw]; [done..|]. split; [done|apply Hw].
  Qed.
  Lemma walk_path_page root va va' :
    page va = page va' →
    walk_path mode T root va' = walk_path mode T root va ∧
    walk mode T root va' = walk mode T root va.
  Proof using Hreg.
    intros Hp. apply (walk_path_same _ _ _ 12); [lia| |done].
    intros [lv s] Hin. apply (regular_shift _ Hreg). by eapply walk_path_level.
  Qed.
End regular.

(** * What keeps the invariant *)
Section keeps.
  Context (c : config) (T : memory) (Θ : gmap (word * Z) trans) (E : cells) (root : word) (t : tlb).

  Lemma tlb_ok_nil r : tlb_ok c Θ r [].
  Proof using Type. by intros e va u ?%elem_of_nil. Qed.

  (** Without cells nothing is said of the TLB but what claims say. *)
  Lemma tables_ok_frozen : claims_ok c T Θ → tlb_ok c Θ root t →
    (t ≠ [] → pm_levels (cfg_mode c) ≠ []) → tables_ok c T Θ ∅ root t.
  Proof using Type.
    intros Hc Ht Hne. split; [done..|by intros ??; rewrite lookup_empty|by intros *; rewrite lookup_empty|].
    intros e va He Hcov. right. rewrite /walk_path.
    destruct (pm_levels (cfg_mode c)) as [|lv ls].
    { destruct Hne; [|done]. intros ->. by apply elem_of_nil in He. }
    eexists lv, _.
    split; [by left|]. intros x. by rewrite lookup_empty.
  Qed.

  Context (Hok : tables_ok c T Θ E root t).

  Lemma tables_ok_empty root' : tables_ok c T Θ E root' [].
  Proof using Hok.
    destruct Hok as [Hc Ht He Hcl _]. split; [done|apply tlb_ok_nil|done..|].
    by intros e va ?%elem_of_nil.
  Qed.
  Lemma tables_ok_drop t' : (∀ e, e ∈ t' → e ∈ t) → tables_ok c T Θ E root t'.
  Proof using Hok.
    intros Hsub. destruct Hok as [Hc Ht He Hcl Hco]. split; [done| |done..|].
    - intros e va u Hin. apply Ht. by apply Hsub.
    - intros e va Hin. apply Hco. by apply Hsub.
  Qed.

  Lemma tables_ok_evolves m t' :
    T ⊆ m → tlb_evolves (cfg_mode c) m root t t' → tables_ok c T Θ E root t'.
  Proof using Hok.
    intros Hsub Hev. destruct Hok as [Hc Ht He Hcl Hco]. split; [done| |done..|].
    - intros e va u Hin Hcov Hu. destruct (Hev e Hin) as [Hold|(va0 & _ & Hw & Hcov0)].
      { by apply (Ht e). }
      destruct (Hc _ _ _ Hu) as [_ Hva]. destruct (Hva va eq_refl) as (_ & l & Hl & Hpa & HR).
      apply (walk_mono _ _ m) in Hl; [|done].
      assert (l = te_leaf e) as ->; [|done]. apply (walk_page _ _ _ _ va) in Hw.
      + rewrite Hw in Hl. by injection Hl.
      + rewrite /te_covers in Hcov, Hcov0. lia.
    - intros e va Hin Hcov. destruct (Hev e Hin) as [Hold|(va0 & _ & Hw & Hcov0)].
      { by apply Hco. }
      apply (walk_page _ _ _ _ va) in Hw; [|rewrite /te_covers in Hcov, Hcov0; lia].
      apply (walk_levels_part _ _ _ Hsub) in Hw as [Hw|([lv s] & Hx & Hnone)]; [by left|right].
      exists lv, s. split; [done|]. intros x Hs. destruct (He _ _ Hs) as [_ Hr].
      destruct (read_word_entry (pm_width (cfg_mode c)) _ _ _ Hr) as [w Hw]. by rewrite Hw in Hnone.
  Qed.

  (** A cell whose record changes, but not its entry. *)
  Lemma tables_ok_cell s x x' t' :
    E !! s = Some x → c_entry x' = c_entry x → (∀ e, e ∈ t' → e ∈ t) →
    (∀ r va u lv, Θ !! (r, page va) = Some u → (lv, s) ∈ walk_path (cfg_mode c) T r va →
       in_regions r va (c_claimed x) = true → in_regions r va (c_claimed x') = true) →
    (∀ e va lv, e ∈ t' → te_covers e va = true → (lv, s) ∈ walk_path (cfg_mode c) T root va →
       (answers lv root va x = true → owes root e x = true) →
       answers lv root va x' = true → owes root e x' = true) →
    tables_ok c T Θ (<[s := x']> E) root t'.
  Proof using Hok.
    intros Hs Hentry Hsub Hclaimed Hexc. destruct (tables_ok_drop t' Hsub) as [Hc Ht He Hcl Hco].
    split; [done..| | |].
    - intros s' y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [|by apply He].
      rewrite Hentry. by apply He.
    - intros r va u lv s' y Hu Hp [[<- <-]|[Hne Hy]]%lookup_insert_Some; [|by eapply Hcl].
      eapply Hclaimed; [done..|]. by eapply Hcl.
    - intros e va Hin Hcov. destruct (Hco e va Hin Hcov) as [?|(lv & s' & Hp & Hx)]; [by left|right].
      exists lv, s'. split; [done|]. intros y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [|by apply Hx].
      eapply Hexc; [done..|]. by apply Hx.
  Qed.

  (** A word of memory becomes a cell, which answers for nothing. *)
  Lemma tables_ok_new s v T' :
    T ⊆ T' → read_entry (pm_width (cfg_mode c)) T s = None → s `mod` 8 = 0 →
    read_word T' s = Some v →
    tables_ok c T' Θ (<[s := Cell v [] [] []]> E) root t.
  Proof using Hok.
    intros Hsub Hnone Hs Hv. destruct Hok as [Hc Ht He Hcl Hco]. split; [|done|..].
    - intros r p u Hu. destruct (Hc _ _ _ Hu) as [? Hva]. split; [done|]. intros va Hp.
      destruct (Hva va Hp) as (? & l & Hl & ?). split; [done|]. exists l. split; [|done].
      by eapply walk_mono.
    - intros s' y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [done|].
      destruct (He _ _ Hy) as [? Hr]. split; [done|]. by eapply read_word_mono.
    - intros r va u lv s' y Hu Hp Hy. destruct (Hc _ _ _ Hu) as [_ Hva].
      destruct (Hva va eq_refl) as (_ & l & Hl & _).
      rewrite /walk_path (path_levels_walked _ _ _ Hsub _ _ _ _ _ Hl) in Hp.
      apply lookup_insert_Some in Hy as [[<- <-]|[Hne Hy]]; [|by eapply Hcl].
      destruct (path_levels_read _ _ _ _ _ _ _ _ Hl Hp) as [e Hread]. simpl in Hread.
      by rewrite Hnone in Hread.
    - intros e va Hin Hcov. destruct (Hco e va Hin Hcov) as [?|(lv & s' & Hp & Hx)].
      { left. by eapply walk_mono. }
      right. exists lv, s'. split.
      { eapply elem_of_prefix; [exact Hp|]. by apply path_levels_mono. }
      intros y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [done|by apply Hx].
  Qed.

  (** Debts are paid. *)
  Lemma owes_unpaid e x f :
    (∀ g, g ∈ c_owed x → f g = true → ∀ r k n, g = VPage r k n → r = root → 12 ≤ k →
       k = leaf_shift (te_leaf e) → n = te_page e → False) →
    f Everywhere = false →
    owes root e x = true → owes root e (unpaid f x) = true.
  Proof using Type.
    intros Hf Hev. rewrite /owes !existsb_exists. intros (g & Hg%elem_of_list_In & Hm).
    exists g. split; [|done]. apply elem_of_list_In, elem_of_list_filter. split; [|done].
    destruct (f g) eqn:Hfg; [|done]. destruct g as [|r k n]; [by rewrite Hev in Hfg|].
    apply andb_true_iff in Hm as [[[Hr%bool_decide_eq_true Hk%Z.leb_le]%andb_true_iff
      Hshift%Z.eqb_eq]%andb_true_iff Hn%Z.eqb_eq].
    by destruct (Hf _ Hg Hfg r k n).
  Qed.
  Lemma tables_ok_invlpg va s x :
    E !! s = Some x →
    tables_ok c T Θ (<[s := unpaid (paid root va) x]> E) root (tlb_drop va t).
  Proof using Hok.
    intros Hs. eapply (tables_ok_cell s x); [done..| |done|].
    { intros e [_ He]%elem_of_list_filter. exact He. }
    intros e va' lv [Hdrop Hin]%elem_of_list_filter Hcov _ Hold Hans. specialize (Hold Hans).
    revert Hold. apply owes_unpaid; [|done]. intros g Hg Hp r k n -> -> Hk -> ->.
    simpl in Hp. rewrite bool_decide_eq_true_2 // in Hp. simpl in Hp.
    rewrite page_shiftr // in Hp. by rewrite /te_covers Hp in Hdrop.
  Qed.
  Lemma tables_ok_elsewhere s x :
    E !! s = Some x → tables_ok c T Θ (<[s := unpaid (elsewhere root) x]> E) root t.
  Proof using Hok.
    intros Hs. eapply (tables_ok_cell s x); [done..|]. intros e va lv Hin Hcov _ Hold Hans.
    specialize (Hold Hans). revert Hold. apply owes_unpaid; [|done].
    intros g Hg Hp r k n -> ->. simpl in Hp. by rewrite bool_decide_eq_true_2 in Hp.
  Qed.

  (** A slot answers for more pages: where no walk of theirs reads it, or in another space. *)
  Lemma tables_ok_reach s x r k n :
    E !! s = Some x →
    (r = root → ∀ va lv, in_region root va (VPage r k n) = true →
       (lv, s) ∈ walk_path (cfg_mode c) T root va → lv_shift lv ≠ k) →
    tables_ok c T Θ (<[s := set_reach (VPage r k n :: c_reach x) x]> E) root t.
  Proof using Hok.
    intros Hs Hapart. eapply (tables_ok_cell s x); [done..|]. intros e va lv Hin Hcov Hp Hold Hans.
    apply Hold. apply orb_true_iff in Hans as [Hnew|Hans]; [|exact Hans].
    apply andb_true_iff in Hnew as [Hreg Hk%Z.eqb_eq].
    assert (r = root) as Hr.
    { simpl in Hreg. by apply andb_true_iff in Hreg as [?%bool_decide_eq_true _]. }
    by destruct (Hapart Hr va lv Hreg Hp).
  Qed.

  (** Pages are claimed through a cell, which none of them was before. *)
  Lemma tables_ok_claim (s : Z) (x : cell) (claimed : list region) (new : gmap (word * Z) trans) :
    E !! s = Some x →
    (∀ r va, in_regions r va (c_claimed x) = true → in_regions r va claimed = true) →
    (∀ r p u, new !! (r, p) = Some u → trans_ok c T r p u ∧ (∃ va, page va = p) ∧
       ∀ va, page va = p →
       in_regions r va (c_claimed x) = false ∧ s ∈ (walk_path (cfg_mode c) T r va).*2 ∧
       ∀ lv s', (lv, s') ∈ walk_path (cfg_mode c) T r va →
         ∃ y, (<[s := set_claimed claimed x]> E) !! s' = Some y ∧
              in_regions r va (c_claimed y) = true ∧ answers lv r va y = true ∧
              in_regions r va (c_owed y) = false) →
    new ##ₘ Θ ∧ tables_ok c T (new ∪ Θ) (<[s := set_claimed claimed x]> E) root t.
  Proof using Hok.
    intros Hs Hmono Hnew.
    assert (tables_ok c T Θ (<[s := set_claimed claimed x]> E) root t) as [Hc Ht He Hcl Hco].
    { eapply (tables_ok_cell s x); [done..| |done]. intros r va u lv _ _. apply Hmono. }
    assert (new ##ₘ Θ) as Hdisj.
    { apply map_disjoint_spec. intros [r p] u u' Hu Hu'. destruct (Hnew _ _ _ Hu) as (_ & [va Hp] & Hva).
      destruct (Hva va Hp) as (Hfree & [[lv s'] [Hs' Hin]]%elem_of_list_fmap & _).
      simpl in Hs'. subst s'.
      assert (in_regions r va (c_claimed x) = true) as Heq; [|by rewrite Hfree in Heq].
      eapply (tables_claimed _ _ _ _ _ _ Hok); [by rewrite Hp|done..]. }
    split; [done|]. split.
    - intros r p u [Hu|Hu]%lookup_union_Some; [by apply Hnew|by apply Hc|done].
    - intros e va u Hin Hcov [Hu|Hu]%lookup_union_Some; [|by apply (Ht e)|done].
      destruct (Hnew _ _ _ Hu) as ([_ Hl] & _ & Hva). destruct (Hl va eq_refl) as (_ & l & Hwalk & Hl').
      destruct (Hva va eq_refl) as (_ & _ & Hpath).
      destruct (Hco e va Hin Hcov) as [Hw|(lv & s' & Hp & Hexc)].
      { rewrite Hwalk in Hw. by injection Hw as ->. }
      destruct (Hpath lv s' Hp) as (y & Hy & _ & Hans & Howed).
      specialize (Hexc y Hy Hans). apply (owes_region root va) in Hexc; [|done]. by rewrite Howed in Hexc.
    - done.
    - intros r va u lv s' y [Hu|Hu]%lookup_union_Some; [|by eapply Hcl|done]. intros Hp Hy.
      destruct (Hnew _ _ _ Hu) as (_ & _ & Hva). destruct (Hva va eq_refl) as (_ & _ & Hpath).
      destruct (Hpath lv s' Hp) as (y' & Hy' & ? & _). by simplify_eq.
    - done.
  Qed.

  (** Claims are given up, and the cell may be written again. *)
  Lemma tables_ok_unclaim (s : Z) (x : cell) (claimed : list region) (Θ' : gmap (word * Z) trans) :
    E !! s = Some x → Θ' ⊆ Θ →
    (∀ r va, in_regions r va (c_claimed x) = true → in_regions r va claimed = false →
       Θ' !! (r, page va) = None) →
    tables_ok c T Θ' (<[s := set_claimed claimed x]> E) root t.
  Proof using Hok.
    intros Hs Hsub Hgone. destruct Hok as [Hc Ht He Hcl Hco]. split.
    - intros r p u Hu. eapply Hc, lookup_weaken; done.
    - intros e va u Hin Hcov Hu. eapply Ht; [done..|]. by eapply lookup_weaken.
    - intros s' y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [exact (He _ _ Hs)|by apply He].
    - intros r va u lv s' y Hu Hp [[<- <-]|[Hne Hy]]%lookup_insert_Some.
      + simpl. destruct (in_regions r va claimed) eqn:Hin; [done|].
        assert (in_regions r va (c_claimed x) = true) as Hold.
        { eapply Hcl; [|done..]. by eapply lookup_weaken. }
        by rewrite (Hgone r va Hold Hin) in Hu.
      + eapply Hcl; [|done..]. by eapply lookup_weaken.
    - intros e va Hin Hcov. destruct (Hco e va Hin Hcov) as [?|(lv & s' & Hp & Hx)]; [by left|right].
      exists lv, s'. split; [done|]. intros y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [exact (Hx x Hs)|by apply Hx].
  Qed.

  Context (Hreg : regular (cfg_mode c)).

  (** A cell is written. *)
  Lemma tables_ok_store s x e' claimed T' :
    E !! s = Some x → cell_editable (cfg_mode c) x = true → read_word T' s = Some e' →
    (∀ s', s' `mod` 8 = 0 → s' ≠ s →
       read_entry (pm_width (cfg_mode c)) T' s' = read_entry (pm_width (cfg_mode c)) T s') →
    tables_ok c T' Θ (<[s := cell_store (cfg_mode c) x e' claimed]> E) root t.
  Proof using Hok Hreg.
    intros Hs Hedit He' Hsame. pose proof (regular_slots _ Hreg) as Hal.
    assert (∀ r, pm_root (cfg_mode c) r `mod` 8 = 0) as Hroot by apply Hal.
    destruct Hok as [Hc Ht He Hcl Hco]. destruct (He _ _ Hs) as [Hs8 Hread].
    assert (read_entry (pm_width (cfg_mode c)) T s = Some (bv_unsigned (c_entry x))) as Hold.
    { destruct Hal as (-> & _). by rewrite /= Hread. }
    (* what walks through it find is said by it, where it is not the link to a table *)
    assert (∀ r va, s ∈ (walk_path (cfg_mode c) T r va).*2 →
      ∃ pre lv post post',
        walk_path (cfg_mode c) T r va = pre ++ (lv, s) :: post ∧
        walk_path (cfg_mode c) T' r va = pre ++ (lv, s) :: post' ∧ lv ∈ pm_levels (cfg_mode c) ∧
        (is_table (pm_decode (cfg_mode c) lv (bv_unsigned (c_entry x))) = false →
          post = [] ∧ ∀ l, walk (cfg_mode c) T r va = Walked l →
            leaf_shift l = lv_shift lv ∧
            is_absent (pm_decode (cfg_mode c) lv (bv_unsigned (c_entry x))) = false)) as Hthrough.
    { intros r va Hin. destruct (path_levels_through _ T T' s Hal Hsame _ _ _ (Hroot r) Hin)
        as (pre & lv & post & post' & ? & ? & ? & Hlast). exists pre, lv, post, post'.
      do 3 (split; [done|]). intros Hd. destruct (Hlast _ Hold Hd) as [? Hw]. split; [done|].
      intros l Hl. by apply (Hw all_rights). }
    (* nothing is claimed through it *)
    assert (∀ r va u, Θ !! (r, page va) = Some u → s ∉ (walk_path (cfg_mode c) T r va).*2) as Hfree.
    { intros r va u Hu Hin. destruct (Hc _ _ _ Hu) as [_ Hva].
      destruct (Hva va eq_refl) as (_ & l & Hl & _).
      destruct (Hthrough _ _ Hin) as (pre & lv & post & _ & Hp & _ & Hlv & Hlast).
      apply orb_true_iff in Hedit as [Habs|[Hnil%bool_decide_eq_true _]%andb_true_iff].
      - pose proof (cell_absent_decode _ _ _ Habs Hlv) as Hd. rewrite Hd in Hlast.
        destruct (Hlast eq_refl) as [_ Hw]. by destruct (Hw l Hl) as [_ ?].
      - assert (in_regions r va (c_claimed x) = true) as Hr.
        { eapply (Hcl _ _ _ lv s x); [done| |done]. rewrite Hp. apply elem_of_app. right. by left. }
        by rewrite Hnil in Hr. }
    split.
    - intros r p u Hu. destruct (Hc _ _ _ Hu) as [? Hva]. split; [done|]. intros va <-.
      destruct (Hva va eq_refl) as (? & l & Hl & ?). split; [done|]. exists l. split; [|done].
      rewrite -Hl. eapply path_levels_other; [done..|by eapply Hfree].
    - done.
    - intros s' y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [done|].
      destruct (He _ _ Hy) as [Hs'8 Hr]. split; [done|].
      specialize (Hsame s' Hs'8 (not_eq_sym Hne)). destruct Hal as (Hw & _).
      rewrite Hw /= Hr in Hsame. destruct (read_word T' s') as [v|]; [|done].
      simpl in Hsame. injection Hsame as Hv. f_equal. by apply bv_eq.
    - intros r va u lv s' y Hu Hp Hy.
      destruct (path_levels_other _ T T' s Hal Hsame (pm_levels (cfg_mode c)) _ va (Hroot r)
        (Hfree _ _ _ Hu)) as [Hpath _].
      rewrite /walk_path Hpath in Hp.
      apply lookup_insert_Some in Hy as [[<- <-]|[Hne Hy]]; [|by eapply Hcl].
      destruct (Hfree _ _ _ Hu). apply elem_of_list_fmap. by exists (lv, s).
    - intros e va Hin Hcov.
      destruct (decide (s ∈ (walk_path (cfg_mode c) T root va).*2)) as [Hsin|Hnot].
      + destruct (Hthrough _ _ Hsin) as (pre & lv & post & post' & Hp & Hp' & Hlv & Hlast). right.
        assert (excused (<[s:=cell_store (cfg_mode c) x e' claimed]> E) lv s root va e ∨
          ∃ lv' s', (lv', s') ∈ pre ∧ excused E lv' s' root va e) as [Hexc|(lv' & s' & Hpre & Hexc)].
        { destruct (answers lv root va x) eqn:Hans; last first.
          { left. intros y. rewrite lookup_insert. intros [= <-].
            change (answers lv root va (cell_store _ _ _ _)) with (answers lv root va x).
            by rewrite Hans. }
          assert (is_table (pm_decode (cfg_mode c) lv (bv_unsigned (c_entry x))) = false) as Hd.
          { apply orb_true_iff in Hedit as [Habs|[_ Hleaf]%andb_true_iff].
            - by rewrite (cell_absent_decode _ _ _ Habs Hlv).
            - by eapply cell_leaf_answers. }
          destruct (Hlast Hd) as [-> Hw].
          destruct (Hco e va Hin Hcov) as [Hcoh|(lv' & s' & Hp0 & Hexc)].
          - left. intros y. rewrite lookup_insert. intros [= <-] _.
            destruct (Hw _ Hcoh) as [Hshift Hpresent].
            eapply (answers_owes _ lv root va x); [done..|]. intros g Hg. simpl.
            destruct (cell_absent (cfg_mode c) x) eqn:Habs.
            + by rewrite (cell_absent_decode _ _ _ Habs Hlv) in Hpresent.
            + apply elem_of_app. by left.
          - rewrite Hp in Hp0. apply elem_of_app in Hp0 as [Hpre|Hlst].
            { right. by exists lv', s'. }
            apply elem_of_list_singleton in Hlst as [= -> ->]. left.
            intros y. rewrite lookup_insert. intros [= <-] Hans'.
            eapply owes_mono; [|apply (Hexc x Hs Hans)]. intros g Hg. simpl.
            destruct (cell_absent _ _); [done|]. apply elem_of_app. by right. }
        * exists lv, s. split; [|done]. rewrite Hp'. apply elem_of_app. right. by left.
        * exists lv', s'. split; [rewrite Hp'; apply elem_of_app; by left|].
          intros y [[<- <-]|[Hne Hy]]%lookup_insert_Some Hans; [|by apply Hexc].
          eapply owes_mono; [|by apply (Hexc x Hs)]. intros g Hg. simpl.
          destruct (cell_absent _ _); [done|]. apply elem_of_app. by right.
      + destruct (path_levels_other _ T T' s Hal Hsame (pm_levels (cfg_mode c)) _ va (Hroot root)
          Hnot) as [Hpath Hwalk].
        rewrite /walk Hwalk /walk_path Hpath.
        destruct (Hco e va Hin Hcov) as [?|(lv & s' & Hp & Hexc)]; [by left|right].
        exists lv, s'. split; [done|]. intros y [[<- <-]|[Hne Hy]]%lookup_insert_Some; [|by apply Hexc].
        destruct Hnot. apply elem_of_list_fmap. by exists (lv, s).
  Qed.
End keeps.
