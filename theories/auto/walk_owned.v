(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export walks folds_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What [page_walk] owns is all that the processor reads when it walks: whatever the entries are. *)

Lemma walk_slot_of mode mp ls lv (t va : word) :
  x86_levels mode mp ls → lv ∈ ls →
  bv_unsigned (walk_slot t (lv_shift lv) va) = slot_of mode lv (bits (bv_unsigned t) 12 52 ≪ 12) va.
Proof.
  intros Hls Hlv. set (ρ := Env (tree_set (tree_single 1 t) 2 va) Tip).
  change t with (eval ρ (EVar 1)). change va with (eval ρ (EVar 2)). rewrite -eval_slot_expr.
  rewrite eval_slot; [|by apply (xl_shift _ _ _ Hls)].
  by rewrite /slot_of (xl_width _ _ _ Hls) /lv_index (xl_bits _ _ _ Hls lv Hlv).
Qed.
(** An entry that the processor takes for a table leads on, and there. *)
Lemma decode_table nxe mp lv (e : word) next r :
  x86_decode nxe mp lv (bv_unsigned e) = Table next r →
  leads_on e = true ∧ next = bits (bv_unsigned e) 12 52 ≪ 12.
Proof.
  intros H. assert (leads_on e = false → Z.testbit (bv_unsigned e) 0 = false ∨ Z.testbit (bv_unsigned e) 7 = true)
    as Hno.
  { intros Hl. apply (holds_no_table (Env (tree_single 1 e) Tip) (EVar 1)). intros He.
    assert (leads_on e = true) as Htrue by by apply (holds_leads (Env (tree_single 1 e) Tip) (EVar 1)).
    by rewrite Hl in Htrue. }
  split.
  - destruct (leads_on e); [done|]. destruct (Hno eq_refl) as [Hb|Hb]; rewrite /x86_decode Hb in H;
      by repeat case_match.
  - rewrite /x86_decode in H. by repeat case_match; simplify_eq.
Qed.

Section owned.
  Context (mode : paging_mode) (mp : Z) (T : memory) (va : word).

  Definition slot_at (x : slot) : Z := bv_unsigned (walk_slot (sl_from x) (sl_level x) va).
  Lemma path_levels_owned ls (t : word) reads :
    x86_levels mode mp ls → map fst reads = map lv_shift ls →
    (∀ x, x ∈ walk_slots t reads → read_word T (slot_at x) = Some (sl_entry x)) →
    (path_levels mode T ls (bits (bv_unsigned t) 12 52 ≪ 12) va).*2 `prefix_of` map slot_at (walk_slots t reads).
  Proof using Type.
    revert t reads. induction ls as [|lv ls IH]; intros t [|[k e] reads] Hls Hks HT; try done.
    injection Hks as -> Hks. assert (lv ∈ lv :: ls) as Hlv by by left.
    cbn [path_levels walk_slots]. rewrite fmap_cons map_cons /slot_at /= (walk_slot_of _ _ _ _ _ _ Hls Hlv).
    apply prefix_cons. assert (read_word T (slot_of mode lv (bits (bv_unsigned t) 12 52 ≪ 12) va) = Some e) as He.
    { rewrite -(walk_slot_of _ _ _ _ _ _ Hls Hlv). apply (HT (Slot t (lv_shift lv) e)). by left. }
    rewrite (xl_width _ _ _ Hls) /= He /= (xl_decode _ _ _ Hls).
    destruct (x86_decode true mp lv (bv_unsigned e)) as [| |next r|] eqn:Hd; try apply prefix_nil.
    destruct (decode_table _ _ _ _ _ _ Hd) as [Hl ->]. rewrite Hl. apply IH; [by eapply x86_levels_cons|done|].
    intros x Hx. apply HT. cbn [walk_slots]. rewrite Hl. by right.
  Qed.
End owned.

Theorem page_walk_owned {M : machine} `{!machGS M Σ} pf σ q root va reads mapped :
  m_config M = platform_config pf → map fst reads = platform_shifts pf →
  state_interp σ -∗ walk_pt q root va root reads mapped -∗
  ⌜(walk_path (cfg_mode (m_config M)) (st_mem σ) root va).*2 `prefix_of` map (slot_at va) (walk_slots root reads)⌝.
Proof.
  intros HM Hks. destruct (platform_levels pf) as (Hls & Hshifts & _). rewrite -Hshifts in Hks.
  iIntros "HS H". iAssert (⌜∀ x, x ∈ walk_slots root reads →
    read_word (st_mem σ) (slot_at va x) = Some (sl_entry x)⌝)%I as %HT.
  { iIntros (x Hx). rewrite /walk_pt (big_sepL_elem_of _ _ _ Hx) /slot_pt.
    iDestruct "H" as "[H _]". by iDestruct (cell_read with "HS H") as %[? _]. }
  iPureIntro. rewrite HM /walk_path platform_root. by eapply path_levels_owned.
Qed.
