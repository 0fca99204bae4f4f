(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list.
From rocqgen.machine Require Export paging.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Cached translations of the current root, without PCIDs and global pages: SDM vol. 3, 4.10.  An entry
    holds the leaf of a whole page of any size.  Writing a table touches no entry; so an entry may be
    stale.  Paging-structure caches are not modelled. *)

Record tlb_entry := TlbEntry {
  te_page : Z;        (* the page's number among the pages of its size *)
  te_leaf : leaf;
}.
Notation tlb := (list tlb_entry).

Definition te_covers (e : tlb_entry) (va : word) : bool :=
  (bv_unsigned va ≫ leaf_shift (te_leaf e)) =? te_page e.

(** What a walk may put into the cache. *)
Definition walk_caches (mode : paging_mode) (m : memory) (root : word) (e : tlb_entry) : Prop :=
  ∃ va, pm_canonical mode va = true ∧ walk mode m root va = Walked (te_leaf e) ∧
        te_covers e va = true.

(** Between two instructions the processor may drop entries and may cache any translation that it
    finds, used or not. *)
Definition tlb_evolves (mode : paging_mode) (m : memory) (root : word) (t t' : tlb) : Prop :=
  ∀ e, e ∈ t' → e ∈ t ∨ walk_caches mode m root e.

(** An access is translated by a cached entry or by a walk. *)
Inductive translates (c : config) (m : memory) (t : tlb) (root : word) (a : access) (va : word)
    : result Z → Prop :=
  | translates_walk : translates c m t root a va (walk_translate c m root a va)
  | translates_cached e :
      e ∈ t → te_covers e va = true → pm_canonical (cfg_mode c) va = true →
      translates c m t root a va (leaf_translate c a va (te_leaf e)).

(** [invlpg] drops the page of [va], whatever its size. *)
Definition tlb_drop (va : word) (t : tlb) : tlb := filter (λ e, te_covers e va = false) t.
