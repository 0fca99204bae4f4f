(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import list strings.
From rocqgen.machine Require Export layout.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The [paging_mode] of a layout without problems, what holds of all such modes, and translation
    with the reason why there is none. *)

(** * Consequences of well-formedness *)
Lemma require_nil b p : require b p = [] ↔ b = true.
Proof. by destruct b. Qed.
Lemma no_controls_holds {A} on on' truth (c : cond A) :
  no_controls c = true → holds on truth c = holds on' truth c.
Proof.
  induction c as [| | | |c IH|c IHc d IHd|c IHc d IHd]; simpl; [done..| | |].
  - by intros ->%IH.
  - intros [->%IHc ->%IHd]%andb_true_iff. done.
  - intros [->%IHc ->%IHd]%andb_true_iff. done.
Qed.

Section levels.
  Context (ly : layout).

  Lemma level_problems_nil top shift bottom l :
    level_problems ly top shift bottom l = [] →
    ll_high l + 1 = top ∧ ll_low l ≤ ll_high l ∧ 12 ≤ ll_low l ∧
    ad_shift (ly_address ly) ≤ ll_low l ∧ table_bytes ly l ≤ 2 ^ shift.
  Proof using Type.
    rewrite /level_problems !app_nil !require_nil.
    intros (?%Z.eqb_eq & ?%Z.leb_le & [? ?]%andb_true_iff & ?%Z.leb_le & _). lia.
  Qed.

  Lemma levels_problems_below top shift ls l :
    levels_problems ly top shift ls = [] → l ∈ ls → 12 ≤ ll_low l < top.
  Proof using Type.
    revert top shift. induction ls as [|l' ls IH]; intros top shift; [by intros _ ?%elem_of_nil|].
    simpl. intros [Hl' Hls]%app_nil. apply level_problems_nil in Hl' as (? & ? & ? & _).
    intros [->|Hl]%elem_of_cons; [lia|]. specialize (IH _ _ Hls Hl). lia.
  Qed.

  Lemma levels_problems_wf top shift ls :
    levels_problems ly top shift ls = [] → levels_wf (level_of <$> ls) = true.
  Proof using Type.
    revert top shift. induction ls as [|l ls IH]; intros top shift; [done|]. simpl.
    intros [Hl Hls]%app_nil. apply level_problems_nil in Hl as (? & ? & ? & _).
    rewrite (IH _ _ Hls) andb_true_r. apply andb_true_iff. split; [lia|].
    apply forallb_forall. intros lv (l' & -> & Hin)%elem_of_list_In%elem_of_list_fmap.
    pose proof (levels_problems_below _ _ _ _ Hls Hin). simpl. lia.
  Qed.

  Lemma layout_levels_wf : layout_problems ly = [] → levels_wf (level_of <$> ly_levels ly) = true.
  Proof using Type.
    rewrite /layout_problems !app_nil. intros (_ & _ & _ & _ & _ & _ & _ & _ & Hls).
    by eapply levels_problems_wf.
  Qed.
End levels.

(** * The mode *)
Definition controls_on (names : list string) : controls := λ name, existsb (String.eqb name) names.

(** [on] are the controls on which entries depend; accesses ask those of the moment. *)
Definition layout_mode (ly : layout) (wf : layout_problems ly = []) (on : controls) (physical : Z)
    : paging_mode :=
  PagingMode (level_of <$> ly_levels ly) (layout_levels_wf ly wf)
    (λ l, decode_at ly on physical (ly_levels ly) (lv_shift l)) (canonical ly)
    (λ root, root_allowed ly on root && root_fits ly physical root) (root_table ly)
    (ly_width ly) (λ on user r a, admits_access ly on user r a && dirty_enough r a).

(** A mode of a well-formed layout reads a zeroed entry as absent, leads to tables and pages that are
    aligned to their sizes and, but where an excess is ignored, within the physical addresses. *)
Section mode.
  Context (ly : layout) (wf : layout_problems ly = []) (on : controls) (physical : Z).
  Let mode := layout_mode ly wf on physical.

  Lemma decode_at_ind (P : entry → Prop) ls shift e :
    P Absent → (∀ l, l ∈ ls → ll_low l = shift → P (decode ly on physical l e)) →
    P (decode_at ly on physical ls shift e).
  Proof using Type.
    intros HA Hl. induction ls as [|l ls IH]; simpl; [done|].
    destruct (ll_low l =? shift) eqn:Heq; [apply Hl; [by left|lia]|].
    apply IH. intros l' Hin. apply Hl. by right.
  Qed.

  Lemma layout_decode_zero lv : pm_decode mode lv 0 = Absent.
  Proof using Type.
    apply (decode_at_ind (λ e, e = Absent)); [done|]. intros l _ _.
    pose proof wf as H. rewrite /layout_problems !app_nil !require_nil in H.
    destruct H as (_ & _ & _ & _ & _ & _ & [Hc Hz]%andb_true_iff & _).
    by rewrite /decode (no_controls_holds on (λ _, false)) // Hz.
  Qed.

  Lemma decode_kind_table l leaf k e next r :
    decode_kind ly on physical l leaf k e = Table next r → next = address_of (ly_address ly) e.
  Proof using Type.
    rewrite /decode_kind. destruct k as [k|]; [|by destruct (ly_misfit ly)].
    destruct (_ || _); [done|]. destruct (_ || _); [|by destruct (ly_excess ly)].
    destruct (negb _); [done|]. destruct leaf; [done|]. by intros [= <- _].
  Qed.
  Lemma decode_kind_page l leaf k e frame r :
    decode_kind ly on physical l leaf k e = Page frame r →
    frame = address_of (ly_address ly) e ≫ ll_low l ≪ ll_low l.
  Proof using Type.
    rewrite /decode_kind. destruct k as [k|]; [|by destruct (ly_misfit ly)].
    destruct (_ || _); [done|]. destruct (_ || _); [|by destruct (ly_excess ly)].
    destruct (negb _); [done|]. destruct leaf; [|done]. by intros [= <- _].
  Qed.

  Lemma shiftl_mod a n : 0 ≤ n → (a ≪ n) `mod` 2 ^ n = 0.
  Proof using Type. intros Hn. rewrite Z.shiftl_mul_pow2 //. apply Z_mod_mult. Qed.

  Lemma layout_table_aligned lv e next r :
    pm_decode mode lv e = Table next r → next `mod` 2 ^ ad_shift (ly_address ly) = 0.
  Proof using Type.
    revert next r.
    apply (decode_at_ind (λ x, ∀ next r, x = Table next r → next `mod` 2 ^ ad_shift (ly_address ly) = 0));
      [done|].
    intros l _ _ next r. rewrite /decode. destruct (negb _); [done|].
    intros ->%decode_kind_table. apply shiftl_mod.
    pose proof wf as H. rewrite /layout_problems !app_nil !require_nil in H.
    destruct H as (_ & _ & H & _). rewrite /address_ok !andb_true_iff in H. lia.
  Qed.
  Lemma layout_page_aligned lv e frame r :
    0 ≤ lv_shift lv → pm_decode mode lv e = Page frame r → frame `mod` 2 ^ lv_shift lv = 0.
  Proof using Type.
    intros Hs. revert frame r.
    apply (decode_at_ind (λ x, ∀ frame r, x = Page frame r → frame `mod` 2 ^ lv_shift lv = 0));
      [done|].
    intros l _ Heq frame r. rewrite -Heq /decode. destruct (negb _); [done|].
    intros ->%decode_kind_page. apply shiftl_mod. lia.
  Qed.
End mode.

(** * Translation with its reason, as the evaluator outside of Rocq tells it *)
Inductive reason :=
  | BadRoot
  | NonCanonical
  | NoEntry
  | Defective (why : defect)
  | Denied
  | Clean.                    (* a write, and software has to set the dirty bit first *)
Inductive outcome :=
  | To (pa : Z) (l : leaf)
  | Refused (why : reason)
  | Unknown.                  (* a table is not in memory *)

Definition layout_translate (ly : layout) (wf : layout_problems ly = []) (on : controls)
    (physical : Z) (m : memory) (root : word) (user : bool) (a : access) (va : word) : outcome :=
  let mode := layout_mode ly wf on physical in
  if negb (root_allowed ly on root) then Refused BadRoot
  else if negb (pm_canonical mode va) then Refused NonCanonical
  else if negb (root_fits ly physical root) then
    Refused match ly_excess ly with ExcessFault => Defective HighAddress | _ => BadRoot end
  else
    match walk mode m root va with
    | Walked l =>
      if pm_access mode on user (leaf_rights l) a then To (leaf_pa l va) l
      else Refused (if admits_access ly on user (leaf_rights l) a then Clean else Denied)
    | NotPresent => Refused NoEntry
    | BadEntry BadRegister => Refused BadRoot
    | BadEntry why => Refused (Defective why)
    | Unbacked => Unknown
    end.
