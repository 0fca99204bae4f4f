(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export walk exec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The slots that a walk reads, and what becomes of walks when one of them is written. *)

Definition slot_of (mode : paging_mode) (lv : level) (table : Z) (va : word) : Z :=
  table + entry_bytes (pm_width mode) * lv_index lv va.

(** Each slot with the level at which it is read; the last of them decides the walk. *)
Fixpoint path_levels (mode : paging_mode) (m : memory) (ls : list level) (table : Z) (va : word)
    : list (level * Z) :=
  match ls with
  | [] => []
  | lv :: ls =>
    let s := slot_of mode lv table va in
    (lv, s) ::
    match read_entry (pm_width mode) m s with
    | Some e =>
      match pm_decode mode lv e with
      | Table next _ => path_levels mode m ls next va
      | _ => []
      end
    | None => []
    end
  end.
Definition walk_path (mode : paging_mode) (m : memory) (root va : word) : list (level * Z) :=
  path_levels mode m (pm_levels mode) (pm_root mode root) va.

(** Tables lie at multiples of eight and their entries are words: so two slots are the same or apart. *)
Definition slots_aligned (mode : paging_mode) : Prop :=
  pm_width mode = Entry8 ∧ (∀ root, pm_root mode root `mod` 8 = 0) ∧
  ∀ lv e next r, pm_decode mode lv e = Table next r → next `mod` 8 = 0.

Definition is_table (x : entry) : bool := match x with Table _ _ => true | _ => false end.
Definition is_absent (x : entry) : bool := match x with Absent => true | _ => false end.

(** * Paths and memory that grows *)
Section mono.
  Context (mode : paging_mode) (T m : memory) (Hsub : T ⊆ m).

  Lemma path_levels_mono ls table va :
    path_levels mode T ls table va `prefix_of` path_levels mode m ls table va.
  Proof using Hsub.
    revert table. induction ls as [|lv ls IH]; intros table; simpl; [done|].
    destruct (read_entry _ T _) as [e|] eqn:He.
    - rewrite (read_entry_mono _ _ _ _ _ Hsub He). apply prefix_cons.
      destruct (pm_decode _ _ _); [apply prefix_nil..|apply IH|apply prefix_nil].
    - apply prefix_cons, prefix_nil.
  Qed.
  Lemma path_levels_walked ls table r va l :
    walk_levels mode T ls table r va = Walked l →
    path_levels mode m ls table va = path_levels mode T ls table va.
  Proof using Hsub.
    revert table r. induction ls as [|lv ls IH]; intros table r; simpl; [done|].
    rewrite /slot_of. destruct (read_entry _ T _) as [e|] eqn:He; [|done].
    rewrite (read_entry_mono _ _ _ _ _ Hsub He).
    destruct (pm_decode _ _ _); [done..| |done]. by intros ->%IH.
  Qed.
  Lemma path_levels_read ls table r va l x :
    walk_levels mode T ls table r va = Walked l → x ∈ path_levels mode T ls table va →
    is_Some (read_entry (pm_width mode) T x.2).
  Proof using Type.
    revert table r. induction ls as [|lv ls IH]; intros table r; simpl; [done|].
    rewrite /slot_of. destruct (read_entry _ T (table + _)) as [e|] eqn:He; [|done].
    destruct (pm_decode _ _ _) as [| |next r'|]; [done..| |].
    - intros Hw [->|Hx]%elem_of_cons; [by rewrite /= He|]. by apply (IH next (rights_meet r r')).
    - intros _ ->%elem_of_list_singleton. by rewrite /= He.
  Qed.
  (** What a walk of the whole memory finds, a walk of its part finds, or it leaves the part. *)
  Lemma walk_levels_part ls table r va l :
    walk_levels mode m ls table r va = Walked l →
    walk_levels mode T ls table r va = Walked l ∨
    ∃ x, x ∈ path_levels mode T ls table va ∧ read_entry (pm_width mode) T x.2 = None.
  Proof using Hsub.
    revert table r. induction ls as [|lv ls IH]; intros table r; simpl; [done|].
    rewrite /slot_of. destruct (read_entry _ T _) as [e|] eqn:He.
    - rewrite (read_entry_mono _ _ _ _ _ Hsub He).
      destruct (pm_decode _ _ _) as [| |next r'|]; [done..| |by left].
      intros [?|(x & Hx & Hn)]%IH; [by left|]. right. exists x. split; [|done]. by right.
    - intros _. right. exists (lv, slot_of mode lv table va). split; [by left|done].
  Qed.
End mono.

Section slots.
  Context (mode : paging_mode).
  Implicit Types (T : memory) (va : word) (s : Z).

  Lemma path_levels_in T ls table va lv s :
    (lv, s) ∈ path_levels mode T ls table va → lv ∈ ls.
  Proof using Type.
    revert table. induction ls as [|lv' ls IH]; intros table; simpl; [by intros ?%elem_of_nil|].
    intros [[= -> ->]|Hin]%elem_of_cons; [by left|right]. destruct (read_entry _ _ _) as [e|].
    - destruct (pm_decode _ _ _) as [| |next r'|]; [by apply elem_of_nil in Hin..| |].
      + by eapply IH.
      + by apply elem_of_nil in Hin.
    - by apply elem_of_nil in Hin.
  Qed.
  Lemma path_levels_aligned T ls table va lv s :
    slots_aligned mode → table `mod` 8 = 0 →
    (lv, s) ∈ path_levels mode T ls table va → s `mod` 8 = 0 ∧ lv ∈ ls.
  Proof using Type.
    intros (Hw & _ & Hnext). revert table. induction ls as [|lv' ls IH]; intros table Ht; simpl.
    { by intros ?%elem_of_nil. }
    intros [[= -> ->]|Hin]%elem_of_cons.
    { rewrite /slot_of Hw /= -Zplus_mod_idemp_l Ht Z.mul_comm Z_mod_mult. split; [done|by left]. }
    destruct (read_entry _ _ _) as [e|]; [|by apply elem_of_nil in Hin].
    destruct (pm_decode _ _ _) eqn:Hd; try by apply elem_of_nil in Hin.
    apply IH in Hin as [??]; [|by eapply Hnext]. split; [done|by right].
  Qed.

  (** Levels on the way to a leaf are not below it. *)
  Lemma path_levels_above T ls table r va l x :
    levels_wf ls = true → walk_levels mode T ls table r va = Walked l →
    x ∈ path_levels mode T ls table va → leaf_shift l ≤ lv_shift x.1.
  Proof using Type.
    revert table r. induction ls as [|lv ls IH]; intros table r; [done|]. intros Hwf Hw Hx.
    destruct (walk_levels_shift _ _ _ _ _ _ _ Hwf Hw) as (_ & lv' & Hin & Hlv').
    simpl in Hwf, Hw, Hx. apply andb_true_iff in Hwf as [[_ Hle]%andb_true_iff Hwf].
    apply elem_of_cons in Hx as [->|Hx].
    { apply elem_of_cons in Hin as [->|Hin]; [simpl; lia|]. rewrite -Hlv'.
      apply Z.leb_le. rewrite forallb_forall in Hle. by apply Hle, elem_of_list_In. }
    rewrite /slot_of in Hx. destruct (read_entry _ T (table + _)) as [e|]; [|by apply elem_of_nil in Hx].
    destruct (pm_decode _ _ _) as [| |next r'|]; try by apply elem_of_nil in Hx.
    by apply (IH next (rights_meet r r')).
  Qed.

  (** * Writing one slot *)
  Section write.
    Context (T T' : memory) (s : Z) (Hal : slots_aligned mode).
    Context (Hsame : ∀ s', s' `mod` 8 = 0 → s' ≠ s →
      read_entry (pm_width mode) T' s' = read_entry (pm_width mode) T s').

    Lemma slot_of_aligned lv table va : table `mod` 8 = 0 → slot_of mode lv table va `mod` 8 = 0.
    Proof using Hal.
      intros Ht. destruct Hal as (Hw & _).
      by rewrite /slot_of Hw /= -Zplus_mod_idemp_l Ht Z.mul_comm Z_mod_mult.
    Qed.

    (** Walks that do not read it are as before. *)
    Lemma path_levels_other ls table va :
      table `mod` 8 = 0 → s ∉ (path_levels mode T ls table va).*2 →
      path_levels mode T' ls table va = path_levels mode T ls table va ∧
      ∀ r, walk_levels mode T' ls table r va = walk_levels mode T ls table r va.
    Proof using Hal Hsame.
      revert table. induction ls as [|lv ls IH]; intros table Ht; [done|]. simpl.
      intros [Hne Hin]%not_elem_of_cons.
      change (table + entry_bytes (pm_width mode) * lv_index lv va) with (slot_of mode lv table va).
      rewrite (Hsame (slot_of mode lv table va)); [|by apply slot_of_aligned|done].
      destruct (read_entry _ T _) as [e|]; [|done].
      destruct (pm_decode _ _ _) as [| |next r'|] eqn:Hd; [done..| |done].
      destruct (IH next) as [-> Hw]; [by eapply Hal|done|]. split; [done|]. intros r''. apply Hw.
    Qed.

    (** Of the others, the path is as before up to it; where it holds no table, that is the whole. *)
    Lemma path_levels_through ls table va :
      table `mod` 8 = 0 → s ∈ (path_levels mode T ls table va).*2 →
      ∃ pre lv post post',
        path_levels mode T ls table va = pre ++ (lv, s) :: post ∧
        path_levels mode T' ls table va = pre ++ (lv, s) :: post' ∧ lv ∈ ls ∧
        ∀ e, read_entry (pm_width mode) T s = Some e → is_table (pm_decode mode lv e) = false →
          post = [] ∧ ∀ r l, walk_levels mode T ls table r va = Walked l →
            leaf_shift l = lv_shift lv ∧ is_absent (pm_decode mode lv e) = false.
    Proof using Hal Hsame.
      revert table. induction ls as [|lv ls IH]; intros table Ht; simpl; [by intros ?%elem_of_nil|].
      change (table + entry_bytes (pm_width mode) * lv_index lv va) with (slot_of mode lv table va).
      destruct (decide (slot_of mode lv table va = s)) as [Heq|Hne].
      - intros _. rewrite Heq. exists [], lv. eexists _, _. split; [done|]. split; [done|].
        split; [by left|]. intros e -> Hd. destruct (pm_decode _ _ _); [done..|].
        split; [done|]. by intros r' l [= <-].
      - intros Hin. rewrite (Hsame (slot_of mode lv table va)); [|by apply slot_of_aligned|done].
        apply elem_of_cons in Hin as [Hin|Hin]; [by rewrite Hin in Hne|].
        destruct (read_entry _ T (slot_of _ _ _ _)) as [e|]; [|by apply elem_of_nil in Hin].
        destruct (pm_decode mode lv e) as [| |next r|] eqn:Hd; try by apply elem_of_nil in Hin.
        destruct (IH next) as (pre & lv' & post & post' & -> & -> & Hlv & Hlast);
          [by eapply Hal|done|].
        exists ((lv, slot_of mode lv table va) :: pre), lv', post, post'. do 2 (split; [done|]).
        split; [by right|]. intros e' He' Hd'. destruct (Hlast e' He' Hd') as [? Hw].
        split; [done|]. intros r' l. apply Hw.
    Qed.
  End write.

  (** * Addresses that no level of the path tells apart *)
  Lemma lv_index_shiftr lv va va' k :
    0 ≤ k ≤ lv_shift lv → bv_unsigned va ≫ k = bv_unsigned va' ≫ k → lv_index lv va' = lv_index lv va.
  Proof using Type. intros Hk Heq. rewrite /lv_index. f_equal. symmetry. by apply (shiftr_le_eq _ _ k). Qed.
  Lemma path_levels_same T ls table va va' k :
    0 ≤ k → (∀ x, x ∈ path_levels mode T ls table va → k ≤ lv_shift x.1) →
    bv_unsigned va ≫ k = bv_unsigned va' ≫ k →
    path_levels mode T ls table va' = path_levels mode T ls table va ∧
    ∀ r, walk_levels mode T ls table r va' = walk_levels mode T ls table r va.
  Proof using Type.
    intros Hk. revert table. induction ls as [|lv ls IH]; intros table Hx Heq; [done|].
    simpl in Hx |- *.
    assert (k ≤ lv_shift lv) as Hlv by (apply (Hx (lv, slot_of mode lv table va)); by left).
    rewrite /slot_of (lv_index_shiftr lv va va' k) //.
    change (table + entry_bytes (pm_width mode) * lv_index lv va) with (slot_of mode lv table va).
    destruct (read_entry _ T _) as [e|]; [|done]. destruct (pm_decode _ _ _) as [| |next r|]; [done..| |done].
    destruct (IH next) as [-> Hw]; [|done|].
    - intros x Hin. apply Hx. by right.
    - split; [done|]. intros r'. apply Hw.
  Qed.
End slots.

(** * Paths that are known *)
(** Slots and the entries in them, from the root on.  Where it ends in a page, that is what a walk finds;
    where in an absent entry, it finds nothing. *)
Fixpoint known_levels (mode : paging_mode) (ls : list level) (table : Z) (r : rights) (va : word)
    (xs : list (Z * word)) : option walk_result :=
  match ls, xs with
  | lv :: ls, (s, e) :: xs =>
    if s =? slot_of mode lv table va then
      match pm_decode mode lv (bv_unsigned e), xs with
      | Table next r', _ => known_levels mode ls next (rights_meet r r') va xs
      | Page frame r', [] => Some (Walked (Leaf frame (lv_shift lv) (rights_meet r r')))
      | Absent, [] => Some NotPresent
      | _, _ => None
      end
    else None
  | _, _ => None
  end.
Definition known_walk (mode : paging_mode) (root va : word) (xs : list (Z * word))
    : option walk_result :=
  known_levels mode (pm_levels mode) (pm_root mode root) all_rights va xs.
(** The levels at which they are read. *)
Definition known_path (mode : paging_mode) (xs : list (Z * word)) : list (level * Z) :=
  zip (pm_levels mode) xs.*1.

Lemma known_levels_sound mode T ls table r va xs w :
  pm_width mode = Entry8 →
  (∀ s e, (s, e) ∈ xs → read_word T s = Some e) →
  known_levels mode ls table r va xs = Some w →
  walk_levels mode T ls table r va = w ∧ path_levels mode T ls table va = zip ls xs.*1.
Proof.
  intros Hw. revert table r xs. induction ls as [|lv ls IH]; intros table r [|[s e] xs] Hxs; [done..|].
  simpl. destruct (s =? _) eqn:Hs; [|done]. apply Z.eqb_eq in Hs. subst s.
  assert (read_entry (pm_width mode) T (slot_of mode lv table va) = Some (bv_unsigned e)) as He.
  { rewrite Hw /= (Hxs (slot_of mode lv table va) e) //. by left. }
  change (table + entry_bytes (pm_width mode) * lv_index lv va) with (slot_of mode lv table va).
  rewrite He. destruct (pm_decode _ _ _) as [| |next r'|frame r']; [..|].
  - destruct xs; [|done]. intros [= <-]. by destruct ls.
  - done.
  - intros Hk. destruct (IH next (rights_meet r r') xs) as [-> ->]; [|done..].
    intros s' e' Hin. apply Hxs. by right.
  - destruct xs; [|done]. intros [= <-]. by destruct ls.
Qed.
Lemma known_walk_sound mode T root va xs w :
  pm_width mode = Entry8 →
  (∀ s e, (s, e) ∈ xs → read_word T s = Some e) → known_walk mode root va xs = Some w →
  walk mode T root va = w ∧ walk_path mode T root va = known_path mode xs.
Proof. apply known_levels_sound. Qed.

(** * Words of memory, read and written *)
Lemma read_word_lookup (m : memory) pa v :
  read_word m pa = Some v ↔ Forall2 (λ a b, m !! a = Some b) (seqZ pa 8) (word_bytes v).
Proof.
  rewrite /read_word fmap_Some /read_bytes.
  assert (∀ bs, mapM (λ i, m !! (pa + Z.of_nat i)) (seq 0 8) = Some bs ↔
    Forall2 (λ a b, m !! a = Some b) (seqZ pa 8) bs) as Hb.
  { intros bs. rewrite mapM_Some /seqZ Forall2_fmap_l.
    split; intros Hf; (eapply Forall2_impl; [|exact Hf]); intros i b; by rewrite /= Z.add_comm. }
  split.
  - intros (bs & Hbs%Hb & ->). rewrite word_bytes_word //. by apply Forall2_length in Hbs.
  - intros Hv%Hb. exists (word_bytes v). by rewrite bytes_word_bytes.
Qed.

Lemma write_bytes_lookup_ne m pas bs pa : pa ∉ pas → write_bytes m pas bs !! pa = m !! pa.
Proof.
  revert m bs. induction pas as [|a pas IH]; intros m [|b bs] Hpa; [done..|].
  apply not_elem_of_cons in Hpa as [Hne Hpa]. by rewrite /= IH // lookup_insert_ne.
Qed.
Lemma write_bytes_lookup m pas bs :
  NoDup pas → length pas = length bs → Forall2 (λ a b, write_bytes m pas bs !! a = Some b) pas bs.
Proof.
  revert m bs. induction pas as [|a pas IH]; intros m [|b bs] Hnd [=]; [constructor|].
  apply list.NoDup_cons in Hnd as [Ha Hnd]. constructor; [|by apply IH].
  by rewrite /= write_bytes_lookup_ne // lookup_insert.
Qed.
Lemma write_bytes_union T m pas bs : write_bytes T pas bs ∪ m = write_bytes (T ∪ m) pas bs.
Proof.
  revert T bs. induction pas as [|a pas IH]; intros T [|b bs]; [done..|].
  by rewrite /= IH insert_union_l.
Qed.
Lemma write_bytes_dom m pas bs :
  Forall (λ a, is_Some (m !! a)) pas → dom (write_bytes m pas bs) = dom m.
Proof.
  revert m bs. induction pas as [|a pas IH]; intros m [|b bs]; [done..|].
  intros [Ha Hpas]%list.Forall_cons. rewrite /= IH.
  - rewrite dom_insert_L. apply elem_of_dom in Ha. set_solver.
  - eapply list.Forall_impl; [exact Hpas|]. intros y Hy.
    rewrite lookup_insert_is_Some. destruct (decide (a = y)); [by left|by right].
Qed.

Definition write_word (m : memory) (pa : Z) (v : word) : memory :=
  write_bytes m (seqZ pa 8) (word_bytes v).
Lemma read_write_word m pa v : read_word (write_word m pa v) pa = Some v.
Proof. apply read_word_lookup, write_bytes_lookup; [apply NoDup_seqZ|done]. Qed.
Lemma read_write_word_ne m pa pa' v :
  pa `mod` 8 = 0 → pa' `mod` 8 = 0 → pa' ≠ pa → read_word (write_word m pa v) pa' = read_word m pa'.
Proof.
  intros Hpa Hpa' Hne. apply option_eq=> w. rewrite !read_word_lookup.
  assert (∀ a, a ∈ seqZ pa' 8 → write_word m pa v !! a = m !! a) as Ha.
  { intros a Hin. apply write_bytes_lookup_ne. rewrite elem_of_seqZ.
    apply elem_of_seqZ in Hin.
    pose proof (Z_div_mod_eq_full pa 8). pose proof (Z_div_mod_eq_full pa' 8). lia. }
  split; intros Hf; apply Forall2_same_length_lookup_2; try by apply Forall2_length in Hf.
  - intros i a b Hi Hb. rewrite -Ha; [|by eapply elem_of_list_lookup_2].
    by apply (Forall2_lookup_lr _ _ _ i a b Hf).
  - intros i a b Hi Hb. rewrite Ha; [|by eapply elem_of_list_lookup_2].
    by apply (Forall2_lookup_lr _ _ _ i a b Hf).
Qed.
