(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export paging.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A walk depends on the tables alone, and on the page of its address alone. *)

Lemma read_bytes_mono (T m : memory) pa n bs :
  T ⊆ m → read_bytes T pa n = Some bs → read_bytes m pa n = Some bs.
Proof.
  intros Hsub. rewrite /read_bytes. generalize (seq 0 n). intros js.
  revert bs. induction js as [|i js IH]; intros bs; [done|]. simpl.
  destruct (T !! (pa + Z.of_nat i)) as [b|] eqn:Hb; [|done].
  rewrite (lookup_weaken _ _ _ _ Hb Hsub) /=.
  destruct (mapM _ js) as [bs'|] eqn:Hbs; [|done]. by rewrite (IH bs').
Qed.

Lemma read_word_mono (T m : memory) pa w :
  T ⊆ m → read_word T pa = Some w → read_word m pa = Some w.
Proof.
  intros Hsub. rewrite /read_word. destruct (read_bytes T pa 8) as [bs|] eqn:Hbs; [|done].
  by rewrite (read_bytes_mono _ _ _ _ _ Hsub Hbs).
Qed.

Lemma read_entry_mono w (T m : memory) pa e :
  T ⊆ m → read_entry w T pa = Some e → read_entry w m pa = Some e.
Proof.
  intros Hsub. destruct w; simpl.
  - intros (bs & Hbs & ->)%fmap_Some. by rewrite (read_bytes_mono _ _ _ _ _ Hsub Hbs).
  - intros (v & Hv & ->)%fmap_Some. by rewrite (read_word_mono _ _ _ _ Hsub Hv).
Qed.

Lemma walk_levels_mono mode (T m : memory) ls table r va l :
  T ⊆ m → walk_levels mode T ls table r va = Walked l → walk_levels mode m ls table r va = Walked l.
Proof.
  intros Hsub. revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. simpl.
  destruct (read_entry _ T _) as [e|] eqn:He; [|done].
  rewrite (read_entry_mono _ _ _ _ _ Hsub He). destruct (pm_decode _ _ _); [done..|apply IH|done].
Qed.
Lemma walk_mono mode (T m : memory) root va l :
  T ⊆ m → walk mode T root va = Walked l → walk mode m root va = Walked l.
Proof. apply walk_levels_mono. Qed.

Lemma shiftr_le_eq (x y s s' : Z) : 0 ≤ s ≤ s' → x ≫ s = y ≫ s → x ≫ s' = y ≫ s'.
Proof.
  intros Hs Heq. replace s' with (s + (s' - s)) by lia.
  rewrite -(Z.shiftr_shiftr x); [|lia]. rewrite -(Z.shiftr_shiftr y); [|lia]. by rewrite Heq.
Qed.

Lemma walk_levels_shift mode m ls table r va l :
  levels_wf ls = true → walk_levels mode m ls table r va = Walked l →
  0 ≤ leaf_shift l ∧ ∃ lv, lv ∈ ls ∧ lv_shift lv = leaf_shift l.
Proof.
  revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. simpl.
  intros [[Hlv _]%andb_true_iff Hls]%andb_true_iff.
  destruct (read_entry _ m _) as [e|]; [|done]. destruct (pm_decode _ _ _); [done..| |].
  - intros Hw. destruct (IH _ _ Hls Hw) as (? & lv' & ? & ?). split; [done|].
    exists lv'. split; [by right|done].
  - intros [= <-]. simpl. split; [lia|]. exists lv. split; [by left|done].
Qed.

Lemma walk_levels_page mode m ls table r va va' l :
  levels_wf ls = true → walk_levels mode m ls table r va = Walked l →
  bv_unsigned va ≫ leaf_shift l = bv_unsigned va' ≫ leaf_shift l →
  walk_levels mode m ls table r va' = Walked l.
Proof.
  revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. intros Hwf Hw Heq.
  destruct (walk_levels_shift _ _ _ _ _ _ _ Hwf Hw) as (Hl & lv' & Hin & Hlv').
  simpl in Hwf, Hw |- *. apply andb_true_iff in Hwf as [[_ Hle]%andb_true_iff Hwf].
  assert (leaf_shift l ≤ lv_shift lv) as Hshift.
  { apply elem_of_cons in Hin as [->|Hin]; [lia|]. rewrite -Hlv'.
    apply Z.leb_le. rewrite forallb_forall in Hle. by apply Hle, elem_of_list_In. }
  assert (lv_index lv va' = lv_index lv va) as ->.
  { rewrite /lv_index. f_equal. by apply (shiftr_le_eq _ _ (leaf_shift l)). }
  destruct (read_entry _ m _) as [e|]; [|done]. destruct (pm_decode _ _ _); [done..| |done].
  by apply IH.
Qed.
Lemma walk_page mode m root va va' l :
  walk mode m root va = Walked l →
  bv_unsigned va ≫ leaf_shift l = bv_unsigned va' ≫ leaf_shift l →
  walk mode m root va' = Walked l.
Proof. apply walk_levels_page, pm_levels_wf. Qed.
