(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export items_sound holes.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Items that are taken out and put back. *)

Section holes.
  Context {M : machine} `{!machGS M Σ} {ρ : env}.
  Local Notation dcell c := (word_cell (scell_map (eval ρ) c)).

  Lemma ditems_put n j l : ditem ρ j ∗ ditems ρ l ⊢ ditems ρ (item_put n j l).
  Proof using Type.
    revert n. induction l as [|i l IH]; intros [|n]; simpl; [by iIntros "_"..| |].
    - iIntros "($ & _ & $)".
    - rewrite -IH. iIntros "($ & $ & $)".
  Qed.
  Lemma ditems_remove n l : ditems ρ l ⊢ ditems ρ (item_remove n l).
  Proof using Type.
    revert n. induction l as [|i l IH]; intros [|n]; simpl; [done..| |].
    - iIntros "[_ $]".
    - by rewrite {1}IH.
  Qed.
  Lemma ditems_app l l' : ditems ρ (l ++ l') ⊣⊢ ditems ρ l ∗ ditems ρ l'.
  Proof using Type. induction l as [|i l IH]; simpl; [by rewrite left_id|]. by rewrite IH assoc. Qed.
  Lemma ditem_hole : ditem ρ hole ⊣⊢ emp.
  Proof using Type. done. Qed.
  Lemma ditems_take n l i : nth_error l n = Some i → ditems ρ l ⊢ ditem ρ i ∗ ditems ρ (item_put n hole l).
  Proof using Type.
    intros Hi. rewrite {1}(ditems_acc _ _ _ _ Hi). iIntros "[$ H]". iApply "H". by rewrite ditem_hole.
  Qed.
  Lemma take_cell_sound n l q c l' :
    take_cell n l = Done (q, c, l') → ditems ρ l ⊢ ditem ρ (ICell q c) ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_cell. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_cell k es) as [c0|] eqn:Hc; [|done]. intros [= <- <- <-].
    rewrite {1}(ditems_take _ _ _ Hn) (ditem_open _ _ _ _ _ Hc) -ditem_cell. done.
  Qed.
  Lemma take_whole_sound n l c l' :
    take_whole n l = Done (c, l') →
    ditems ρ l ⊢ cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ∗ ditems ρ l'.
  Proof using Type.
    intros ([[q c0] l0] & Ht & H)%res_bind_Done. destruct q; [|done..]. injection H as <- <-.
    by rewrite {1}(take_cell_sound _ _ _ _ _ Ht) ditem_cell.
  Qed.
  Lemma put_whole c n l :
    cell_pt (bv_unsigned (eval ρ (sc_addr c))) 1 (dcell c) ∗ ditems ρ l ⊢
    ditems ρ (item_put n (ICell FOne c) l).
  Proof using Type. rewrite -ditems_put ditem_cell. done. Qed.
  Lemma take_walk_sound n l q w l' :
    take_walk n l = Done (q, w, l') →
    ditems ρ l ⊢ dwalk (feval ρ q) (swalk_map (eval ρ) w) ∗ ditems ρ l'.
  Proof using Type.
    rewrite /take_walk. destruct (nth_error l n) as [[| | |k q0 es]|] eqn:Hn; try done.
    destruct (open_walk k es) as [w0|] eqn:Hw; [|done]. intros [= <- <- <-].
    by rewrite {1}(ditems_take _ _ _ Hn) (ditem_open_walk _ _ _ _ _ Hw).
  Qed.
End holes.
