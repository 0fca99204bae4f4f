(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export items denote.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What is done with every kind of item alike keeps meanings. *)

Section items.
  Context {M : machine} `{!machGS M Σ}.
  Local Notation hold ρ := (Forall (holds ρ)).

  Lemma ditem_map ρ ρ' f g i :
    (∀ e, eval ρ (f e) = eval ρ' e) → (∀ q, feval ρ (g q) = feval ρ' q) →
    env_array ρ = env_array ρ' → ditem ρ (item_map f g i) = ditem ρ' i.
  Proof using Type.
    intros Hf Hg Ha. destruct i as [| | |k q es]; [by rewrite /= !Hf Hg..|].
    rewrite /= Hg map_map /dres /dblock Ha. assert (map (λ e, eval ρ (f e)) es = map (eval ρ') es) as ->; [|done].
    apply map_ext. exact Hf.
  Qed.

  (** An item depends on its expressions, its fraction and the arrays. *)
  Lemma ditem_same ρ ρ' i :
    Forall (λ e, eval ρ e = eval ρ' e) (item_exprs i) → (∀ q, feval ρ q = feval ρ' q) →
    env_array ρ = env_array ρ' → ditem ρ i = ditem ρ' i.
  Proof using Type.
    intros He Hq Ha. destruct i as [| | |k q es]; simpl in He |- *;
      [repeat match goal with H : Forall _ (_ :: _) |- _ => apply Forall_cons_iff in H as [-> H] end;
       by rewrite Hq..|].
    rewrite Hq /dres /dblock Ha. assert (map (eval ρ) es = map (eval ρ') es) as ->; [|done].
    apply map_ext_in. intros e. rewrite List.Forall_forall in He. apply He.
  Qed.

  Lemma equate_hold ρ a b : hold ρ (equate a b) → eval ρ a = eval ρ b.
  Proof using Type.
    rewrite /equate. destruct (expr_eqb a b) eqn:He; [by apply expr_eqb_true in He as ->|].
    by intros [H _]%Forall_cons_iff.
  Qed.
  Lemma levels_eqb_true l l' : levels_eqb l l' = true → l = l'.
  Proof using Type.
    revert l'. induction l as [|a l IH]; intros [|b l']; simpl; try done.
    intros [Hab ->%IH]%andb_true_iff. f_equal. destruct a, b; try done. simpl in Hab.
    by apply Z.eqb_eq in Hab as ->.
  Qed.
  Lemma shifts_eqb_true l l' : shifts_eqb l l' = true → l = l'.
  Proof using Type.
    revert l'. induction l as [|a l IH]; intros [|b l']; simpl; try done.
    by intros [->%Z.eqb_eq ->%IH]%andb_true_iff.
  Qed.
  Lemma kind_eqb_true k k' : kind_eqb k k' = true → k = k'.
  Proof using Type.
    destruct k as [r c o|sp c|b ks m], k' as [r' c' o'|sp' c'|b' ks' m']; simpl; try done.
    - by intros [[->%levels_eqb_true ->%levels_eqb_true]%andb_true_iff ->%levels_eqb_true]%andb_true_iff.
    - intros [Hsp Hc]%andb_true_iff. f_equal; [|destruct c, c'; try done; by apply Pos.eqb_eq in Hc as ->].
      destruct sp, sp'; try done. by apply eqb_prop in Hsp as ->.
    - by intros [[->%eqb_prop ->%shifts_eqb_true]%andb_true_iff ->%eqb_prop]%andb_true_iff.
  Qed.
  Lemma exprs_match_sound ρ n es es' facts :
    exprs_match n es es' = Some facts → hold ρ facts → map (eval ρ) es = map (eval ρ) es'.
  Proof using Type.
    revert n es' facts. induction es as [|e es IH]; intros n [|e' es'] facts; simpl; try done.
    destruct n as [|n].
    - destruct (exprs_match 0 es es') as [l|] eqn:Hl; [|done]. intros [= <-] [He Hf]%Forall_app.
      apply equate_hold in He as ->. by rewrite (IH _ _ _ Hl Hf).
    - destruct (expr_eqb e e') eqn:He; [|done]. apply expr_eqb_true in He as ->. intros Hl Hf.
      by rewrite (IH _ _ _ Hl Hf).
  Qed.
  Lemma item_match_sound ρ i j facts :
    item_match i j = Some facts → hold ρ facts → ditem ρ i ⊢ ditem ρ j.
  Proof using Type.
    destruct i as [w r a q v|a q v|w r a q pa|k q es],
      j as [w' r' a' q' v'|a' q' v'|w' r' a' q' pa'|k' q' es'];
      simpl; try done.
    - destruct ((w || negb w') && _ && _ && _) eqn:H; [|done]. intros [= <-] Hv%equate_hold.
      apply andb_true_iff in H as [[[Hw Ha]%andb_true_iff Hr]%andb_true_iff Hq].
      apply expr_eqb_true in Ha as ->. apply expr_eqb_true in Hr as ->.
      apply fexpr_eqb_true in Hq as ->. rewrite Hv.
      destruct w, w'; simpl in Hw; try done. apply virt_bytes_weaken.
    - destruct (_ && _) eqn:H; [|done]. intros [= <-] Hv%equate_hold.
      apply andb_true_iff in H as [Ha Hq]. apply expr_eqb_true in Ha as ->.
      apply fexpr_eqb_true in Hq as ->. by rewrite Hv.
    - destruct (eqb w w' && _ && _ && _) eqn:H; [|done]. intros [= <-] Hv%equate_hold.
      apply andb_true_iff in H as [[[Hw Ha]%andb_true_iff Hr]%andb_true_iff Hq].
      apply eqb_prop in Hw as ->. apply expr_eqb_true in Ha as ->.
      apply expr_eqb_true in Hr as ->. apply fexpr_eqb_true in Hq as ->. by rewrite Hv.
    - destruct (kind_eqb k k' && _) eqn:H; [|done]. intros Hm Hf.
      apply andb_true_iff in H as [->%kind_eqb_true ->%fexpr_eqb_true].
      by rewrite /= (exprs_match_sound _ _ _ _ _ Hm Hf).
  Qed.
End items.
