(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.machine Require Export x86_64.
From rocqgen.logic Require Export wp.
From rocqgen.spaces Require Export page_walk.
From rocqgen.auto Require Export spec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What symbolic states mean, relative to values of their variables. *)

Definition named (ρ : env) (d : positive * option expr) : Prop :=
  match d.2 with Some e => env_word ρ d.1 = eval ρ e | None => True end.

(** The kernel's setting of the platform; where nothing is known of it, that the code is the kernel's. *)
Definition platform_config (pf : platform) : config :=
  let mode := if pf_la57 pf then x86_5level else x86_4level in
  Config (mode true (pf_maxphyaddr pf)) false true true true true.
Definition on_platform {Π : the_platform} (M : machine) : Prop :=
  match platform_is with
  | Some pf => m_config M = platform_config pf
  | None => cfg_user (m_config M) = false
  end.
Lemma on_platform_kernel {Π : the_platform} M : on_platform M → cfg_user (m_config M) = false.
Proof. rewrite /on_platform. case_match; [|done]. by intros ->. Qed.

(** What a cell says, of words. *)
Definition word_region (g : sregion word) : region :=
  match g with None => Everywhere | Some (k, root, va) => VPage root k (bv_unsigned va ≫ k) end.
Definition word_cell (c : scell word) : cell :=
  Cell (sc_entry c) (map word_region (sc_reach c)) (map word_region (sc_claimed c))
    (map word_region (sc_owed c)).

Definition region_map {A B} (f : A → B) (g : sregion A) : sregion B :=
  match g with None => None | Some (k, root, va) => Some (k, f root, f va) end.
Definition scell_map {A B} (f : A → B) (c : scell A) : scell B :=
  CellData (f (sc_addr c)) (f (sc_entry c)) (map (region_map f) (sc_reach c))
    (map (region_map f) (sc_claimed c)) (map (region_map f) (sc_owed c)).
Lemma take_regions_map {A B} (f : A → B) l es :
  take_regions l (map f es) =
  match take_regions l es with
  | Some (gs, es) => Some (map (region_map f) gs, map f es)
  | None => None
  end.
Proof.
  revert es. induction l as [|[k|] l IH]; intros es; simpl; [done| |].
  - destruct es as [|r [|a es]]; simpl; [done..|]. rewrite IH. by destruct (take_regions l es) as [[??]|].
  - rewrite IH. by destruct (take_regions l es) as [[??]|].
Qed.
Lemma open_cell_map {A B} (f : A → B) k es :
  open_cell k (map f es) = match open_cell k es with Some c => Some (scell_map f c) | None => None end.
Proof.
  destruct k as [l1 l2 l3| |]; [|by destruct es as [|? [|? ?]]..].
  destruct es as [|pa [|e es]]; simpl; [done..|]. rewrite take_regions_map.
  destruct (take_regions l1 es) as [[g1 es1]|]; [|done]. rewrite take_regions_map.
  destruct (take_regions l2 es1) as [[g2 es2]|]; [|done]. rewrite take_regions_map.
  destruct (take_regions l3 es2) as [[g3 [|e3 es3]]|]; done.
Qed.

Definition sfill_map {A B} (f : A → B) (x : option (sfill A)) : option (sfill B) :=
  match x with Some (FAll v) => Some (FAll (f v)) | Some (FArr x i) => Some (FArr x (f i)) | None => None end.
Definition sblock_map {A B} (f : A → B) (b : sblock A) : sblock B :=
  BlockData (match sb_space b with Some (w, r) => Some (w, f r) | None => None end)
    (f (sb_addr b)) (f (sb_count b)) (sfill_map f (sb_fill b)).
(** What the word number [i] of a block is. *)
Definition fill_word (arrays : positive → word → word) (x : option (sfill word)) (i : Z) : option word :=
  match x with
  | Some (FAll v) => Some v
  | Some (FArr x start) => Some (arrays x (start `+Z` i))
  | None => None
  end.
Lemma open_block_map {A B} (f : A → B) k es :
  open_block k (map f es) = match open_block k es with Some b => Some (sblock_map f b) | None => None end.
Proof.
  destruct k as [|[w|] []|]; [done|..|done]; by destruct es as [|? [|? [|? [|? [|? ?]]]]].
Qed.
(** The addresses of a block's words. *)
Definition block_words (a n : word) : list word :=
  map (λ i, a `+Z` (8 * Z.of_nat i)) (seq 0 (Z.to_nat (bv_unsigned n))).

Definition reads_map {A B} (f : A → B) (l : list (Z * A)) : list (Z * B) := map (λ x, (x.1, f x.2)) l.
Definition swalk_map {A B} (f : A → B) (w : swalk A) : swalk B :=
  WalkData (sw_sub w) (f (sw_root w)) (f (sw_va w)) (f (sw_from w)) (reads_map f (sw_reads w))
    (match sw_map w with Some (s, d) => Some (f s, f d) | None => None end).
Lemma take_reads_map {A B} (f : A → B) ks es :
  take_reads ks (map f es) =
  match take_reads ks es with Some (l, es) => Some (reads_map f l, map f es) | None => None end.
Proof.
  revert es. induction ks as [|k ks IH]; intros [|e es]; simpl; [done..|]. rewrite IH.
  by destruct (take_reads ks es) as [[? ?]|].
Qed.
Lemma open_walk_map {A B} (f : A → B) k es :
  open_walk k (map f es) = match open_walk k es with Some w => Some (swalk_map f w) | None => None end.
Proof.
  destruct k as [| |sub ks []]; [done..| |]; destruct es as [|r [|va [|t es]]]; simpl; try done;
    rewrite take_reads_map; destruct (take_reads ks es) as [[l [|? [|? [|? ?]]]]|]; done.
Qed.

Section denote.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).

  Definition dword (sp : option (bool * word)) (q : Qp) (a v : word) : iProp Σ :=
    match sp with Some (w, root) => virt_word w root a q v | None => phys_word a q v end.
  Definition dcontent (sp : option (bool * word)) (q : Qp) (fill : option word) (a : word) : iProp Σ :=
    match fill with Some v => dword sp q a v | None => ∃ v, dword sp q a v end.
  Definition dblock (q : Qp) (b : sblock word) : iProp Σ :=
    [∗ list] i ↦ a ∈ block_words (sb_addr b) (sb_count b),
      dcontent (sb_space b) q (fill_word (env_array ρ) (sb_fill b) (Z.of_nat i)) a.
  Definition dwalk (q : Qp) (w : swalk word) : iProp Σ :=
    (if sw_sub w then walk_below_pt else walk_pt) q (sw_root w) (sw_va w) (sw_from w) (sw_reads w) (sw_map w).
  Definition dres (k : kind) (q : Qp) (ws : list word) : iProp Σ :=
    match open_cell k ws, open_block k ws with
    | Some c, _ => cell_pt (bv_unsigned (sc_addr c)) q (word_cell c)
    | None, Some b => dblock q b
    | None, None => match open_walk k ws with Some w => dwalk q w | None => emp end
    end.
  Definition ditem (i : item) : iProp Σ :=
    match i with
    | IVirt w r a q v => virt_word w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ v)
    | IPhys a q v => phys_word (eval ρ a) (feval ρ q) (eval ρ v)
    | IClaim w r a q pa => claim_word w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ pa)
    | IRes k q es => dres k (feval ρ q) (map (eval ρ) es)
    end.
  Fixpoint dregs (l : list (reg * expr)) : iProp Σ :=
    match l with [] => emp | (r, e) :: l => r ↦ᵣ eval ρ e ∗ dregs l end.
  Fixpoint ditems (l : list item) : iProp Σ :=
    match l with [] => emp | i :: l => ditem i ∗ ditems l end.
  Fixpoint dcode (l : list (expr * fexpr)) : iProp Σ :=
    match l with
    | [] => emp
    | (r, q) :: l => code_at (eval ρ base) code (eval ρ r) (feval ρ q) ∗ dcode l
    end.
  (** Registers, items and code; the root register is [root_pt]. *)
  Definition dparts (s : sstate) : iProp Σ :=
    dregs (s_regs s) ∗ ditems (s_items s) ∗ dcode (s_code s).
  Definition dbody (s : sstate) : iProp Σ := (∃ f, flags_pt f) ∗ dparts s.
  (** In a run, the flags are apart: what is known of them changes with every instruction. *)
  Definition droot (e : expr) : iProp Σ := CR3 ↦ᵣ eval ρ e ∗ ⌜on_platform M⌝.
  Definition denote (s : sstate) : iProp Σ := droot (s_root s) ∗ dparts s.
  Definition dflags (φ : sflags) : iProp Σ := ∃ f, flags_pt f ∗ ⌜flags_are ρ φ f⌝.

  Lemma ditem_cell q c :
    ditem (ICell q c) ⊣⊢ cell_pt (bv_unsigned (eval ρ (sc_addr c))) (feval ρ q) (word_cell (scell_map (eval ρ) c)).
  Proof using Type. by rewrite /ditem /ICell /dres open_cell_map open_cell_exprs. Qed.
  Lemma ditem_open k q es c : open_cell k es = Some c →
    ditem (IRes k q es) ⊣⊢ cell_pt (bv_unsigned (eval ρ (sc_addr c))) (feval ρ q) (word_cell (scell_map (eval ρ) c)).
  Proof using Type. intros Hc. by rewrite /ditem /dres open_cell_map Hc. Qed.

  Lemma open_cell_block {A} k (es : list A) b : open_block k es = Some b → open_cell k es = None.
  Proof using Type. by destruct k. Qed.
  Lemma ditem_block q b : ditem (IBlock q b) ⊣⊢ dblock (feval ρ q) (sblock_map (eval ρ) b).
  Proof using Type.
    rewrite /ditem /IBlock /dres open_block_map open_block_exprs.
    destruct b as [[[w r]|] a n [[v|x i]|]]; done.
  Qed.
  Lemma ditem_open_block k q es b : open_block k es = Some b →
    ditem (IRes k q es) ⊣⊢ dblock (feval ρ q) (sblock_map (eval ρ) b).
  Proof using Type.
    intros Hb. rewrite /ditem /dres open_cell_map (open_cell_block _ _ _ Hb).
    by rewrite open_block_map Hb.
  Qed.

  Lemma open_walk_else {A} k (es : list A) w :
    open_walk k es = Some w → open_cell k es = None ∧ open_block k es = None.
  Proof using Type. by destruct k. Qed.
  Lemma ditem_open_walk k q es w : open_walk k es = Some w →
    ditem (IRes k q es) ⊣⊢ dwalk (feval ρ q) (swalk_map (eval ρ) w).
  Proof using Type.
    intros Hw. destruct (open_walk_else _ _ _ Hw) as [Hc Hb].
    by rewrite /ditem /dres open_cell_map Hc open_block_map Hb open_walk_map Hw.
  Qed.
  Lemma ditem_walk q w : ditem (IWalk q w) ⊣⊢ dwalk (feval ρ q) (swalk_map (eval ρ) w).
  Proof using Type. apply ditem_open_walk, open_walk_exprs. Qed.

  Lemma ditems_acc l n i : nth_error l n = Some i →
    ditems l ⊢ ditem i ∗ (∀ j, ditem j -∗ ditems (item_put n j l)).
  Proof using Type.
    revert n. induction l as [|i0 l IH]; intros [|n]; simpl; try done.
    - intros [= ->]. iIntros "[$ $]". by iIntros (j) "$".
    - intros Hn%IH. rewrite {1}Hn. iIntros "($ & $ & H)". iIntros (j) "Hj". by iApply "H".
  Qed.
  Lemma item_put_same l n i : nth_error l n = Some i → item_put n i l = l.
  Proof using Type.
    revert n. induction l as [|j l IH]; intros [|n]; simpl; try done.
    - by intros [= ->].
    - intros Hn. by rewrite IH.
  Qed.
  Lemma item_find_Some {A} (f : item → option A) l n a :
    item_find f l = Some (n, a) → ∃ i, nth_error l n = Some i ∧ f i = Some a.
  Proof using Type.
    revert n. induction l as [|i l IH]; intros n; simpl; [done|].
    destruct (f i) as [b|] eqn:Hi; [intros [= <- ->]; by exists i|].
    destruct (item_find f l) as [[m b]|]; [|done]. intros [= <- ->]. by apply IH.
  Qed.
  Lemma code_at_acc b l r q z i n : In (z, (i, n)) l →
    code_at b l r q ⊢ code_pt r (b `+Z` z) q i n ∗ (code_pt r (b `+Z` z) q i n -∗ code_at b l r q).
  Proof using Type.
    intros [k Hk]%elem_of_list_In%elem_of_list_lookup_1.
    rewrite /code_at. iIntros "H".
    iDestruct (big_sepL_lookup_acc _ _ _ _ Hk with "H") as "[H1 H2]".
    iSplitL "H1"; [iExact "H1"|iExact "H2"].
  Qed.

  Lemma offset_key_inj z z' : offset_key z = offset_key z' → z = z'.
  Proof using Type. rewrite /offset_key. destruct z, z'; intros H; by simplify_eq. Qed.
  Lemma code_index_In l z i n : code_get (code_index l) z = Some (i, n) → In (z, (i, n)) l.
  Proof using Type.
    rewrite /code_get. induction l as [|[z' i'] l IH]; [by destruct (offset_key z)|]. simpl.
    rewrite tree_get_set. case_decide as Hz; [|by right; auto].
    apply offset_key_inj in Hz as ->. intros [= ->]. by left.
  Qed.
End denote.
