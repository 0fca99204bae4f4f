(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.machine Require Export x86_64.
From rocqgen.logic Require Export pages.
From rocqgen.adequacy Require Export adequacy.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Concrete memory, and the claims that its tables support, found by computation: one walk for each
    page. *)

(** * Memory from words at physical addresses *)
Fixpoint words_at (pa : Z) (ws : list word) : list (Z * byte) :=
  match ws with
  | [] => []
  | w :: ws => zip (seqZ pa 8) (word_bytes w) ++ words_at (pa + 8) ws
  end.
Definition memory_of (l : list (Z * list word)) : memory :=
  list_to_map (l ≫= λ x, words_at x.1 x.2).

(** * Canonical addresses, page by page *)
Definition canonical_pages (mode : paging_mode) : Prop :=
  ∀ va va', page va = page va' → pm_canonical mode va = pm_canonical mode va'.

Lemma x86_canonical_pages levels wf width nxe maxphyaddr :
  13 ≤ width → canonical_pages (x86_mode levels wf width nxe maxphyaddr).
Proof.
  intros Hw va va' Hp. rewrite /= /x86_canonical.
  by rewrite (shiftr_le_eq (bv_unsigned va) (bv_unsigned va') 12 (width - 1)); [|lia|].
Qed.
Lemma x86_4level_canonical_pages nxe maxphyaddr : canonical_pages (x86_4level nxe maxphyaddr).
Proof. by apply x86_canonical_pages. Qed.
Lemma x86_5level_canonical_pages nxe maxphyaddr : canonical_pages (x86_5level nxe maxphyaddr).
Proof. by apply x86_canonical_pages. Qed.

(** * Claims from tables *)
(** What the tables say of the page [p] of [root]'s space, if it may be claimed. *)
Definition trans_of (c : config) (T : memory) (root : word) (p : Z) : option trans :=
  if pm_root_ok (cfg_mode c) root && (0 <=? p) && (p <? 2 ^ 52) &&
     pm_canonical (cfg_mode c) (page_base p)
  then
    match walk (cfg_mode c) T root (page_base p) with
    | Walked l => if 12 <=? leaf_shift l then Some (leaf_pa l (page_base p), leaf_rights l) else None
    | _ => None
    end
  else None.
Definition claims_from (c : config) (T : memory) (pages : list (word * Z))
    : gmap (word * Z) trans :=
  list_to_map (omap (λ x, t ← trans_of c T x.1 x.2; Some (x, t)) pages).

Lemma leaf_pa_page l va p :
  12 ≤ leaf_shift l → 0 ≤ p < 2 ^ 52 → page va = p →
  leaf_pa l va = leaf_pa l (page_base p) + page_offset va.
Proof.
  intros Hs Hp Hva. rewrite /leaf_pa page_base_unsigned // (page_split va) Hva.
  pose proof (page_offset_bound va) as Ho. generalize dependent (page_offset va). intros o Ho.
  assert (2 ^ leaf_shift l = 4096 * 2 ^ (leaf_shift l - 12)) as ->.
  { change 4096 with (2 ^ 12). rewrite -Z.pow_add_r; [f_equal|..]; lia. }
  assert (0 < 2 ^ (leaf_shift l - 12)) as Hk by (apply Z.pow_pos_nonneg; lia).
  generalize dependent (2 ^ (leaf_shift l - 12)). intros k Hk.
  rewrite (Z.mul_comm p) Z.mul_mod_distr_l; [|lia..].
  pose proof (Z.mod_pos_bound p k Hk) as Hm.
  rewrite -(Z.mod_unique_pos (4096 * p + o) (4096 * k) (p / k) (4096 * (p `mod` k) + o)).
  - lia.
  - nia.
  - rewrite {1}(Z_div_mod_eq_full p k). lia.
Qed.

Lemma trans_of_ok c T root p t :
  canonical_pages (cfg_mode c) → trans_of c T root p = Some t → trans_ok c T root p t.
Proof.
  intros Hcan. rewrite /trans_of.
  destruct (pm_root_ok _ _) eqn:Hroot; [|done]. destruct (0 <=? p) eqn:Hp0; [|done].
  destruct (p <? 2 ^ 52) eqn:Hp1; [|done]. destruct (pm_canonical _ _) eqn:Hc; [|done]. simpl.
  destruct (walk _ _ _ _) as [l| | |] eqn:Hw; [|done..].
  destruct (12 <=? leaf_shift l) eqn:Hs; [|done]. intros [= <-].
  assert (0 ≤ p < 2 ^ 52) as Hp by lia.
  split; [done|]. intros va Hva.
  assert (page va = page (page_base p)) as Heq.
  { rewrite Hva -(bv_add_Z_0 (page_base p)) page_base_page //. }
  split; [by rewrite (Hcan _ _ Heq)|]. exists l. split; [|split].
  - apply (walk_page _ _ _ _ _ _ Hw). apply (shiftr_le_eq _ _ 12); [lia|]. symmetry. exact Heq.
  - apply leaf_pa_page; [lia|done..].
  - done.
Qed.

Lemma claims_from_ok c T pages :
  canonical_pages (cfg_mode c) → claims_ok c T (claims_from c T pages).
Proof.
  intros Hcan root p t Hl. apply trans_of_ok; [done|].
  apply elem_of_list_to_map_2, elem_of_list_omap in Hl as ([root' p'] & _ & Hl).
  simpl in Hl. destruct (trans_of c T root' p') as [t'|] eqn:Ht; [|done].
  by injection Hl as <- <- <-.
Qed.

Lemma claims_from_range c T pages root p t :
  claims_from c T pages !! (root, p) = Some t → 0 ≤ p < 2 ^ 52.
Proof.
  intros ([root' p'] & _ & Hl)%elem_of_list_to_map_2%elem_of_list_omap. simpl in Hl.
  rewrite /trans_of in Hl. destruct (pm_root_ok _ _ && _ && _ && _) eqn:Hb; [|done].
  destruct (walk _ _ _ _) as [l| | |]; [|done..]. destruct (12 <=? _); [|done].
  injection Hl as <- <- <-. apply andb_true_iff in Hb as [[[_ Hp0]%andb_true_iff Hp1]%andb_true_iff _].
  lia.
Qed.

(** Given claims, by one walk for each. *)
Definition claims_okb (c : config) (T : memory) (Θ : gmap (word * Z) trans) : bool :=
  forallb (λ x, bool_decide (trans_of c T x.1.1 x.1.2 = Some x.2)) (map_to_list Θ).
Lemma claims_okb_ok c T Θ :
  canonical_pages (cfg_mode c) → claims_okb c T Θ = true → claims_ok c T Θ.
Proof.
  intros Hcan Hok root p t Hl. apply trans_of_ok; [done|].
  rewrite /claims_okb forallb_forall in Hok.
  assert (In (root, p, t) (map_to_list Θ)) as Hin
    by by apply elem_of_list_In, elem_of_map_to_list.
  by specialize (Hok _ Hin) as Ht%bool_decide_eq_true_1.
Qed.
