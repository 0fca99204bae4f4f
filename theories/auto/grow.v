(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export turn_sound run.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What a run owes and names only grows. *)

Lemma dues_app path z l acc : dues path z l acc = rev (map (Due path z) l) ++ acc.
Proof. revert acc. induction l as [|f l IH]; intros acc; simpl; [done|]. by rewrite IH -app_assoc. Qed.

Definition grown (acc : list due) (ν : names) (acc' : list due) (ν' : names) : Prop :=
  (∃ l, acc' = l ++ acc) ∧ (∃ l, n_defs ν' = l ++ n_defs ν).
Lemma grown_refl acc ν : grown acc ν acc ν.
Proof. split; by exists []. Qed.
Lemma grown_trans acc ν acc1 ν1 acc2 ν2 :
  grown acc ν acc1 ν1 → grown acc1 ν1 acc2 ν2 → grown acc ν acc2 ν2.
Proof.
  intros [[l1 ->] [m1 H1]] [[l2 ->] [m2 H2]]. split; [exists (l2 ++ l1); by rewrite app_assoc|].
  exists (m2 ++ m1). by rewrite H2 H1 app_assoc.
Qed.
Lemma grown_dues path z l acc ν : grown acc ν (dues path z l acc) ν.
Proof. split; [|by exists []]. rewrite dues_app. by eexists. Qed.
Definition grows_from (acc : list due) (ν : names) (r : run_result) : Prop :=
  match r with Paths _ acc' _ ν' => grown acc ν acc' ν' | StuckAt _ _ _ => True end.
Definition grows (go : continuation) : Prop :=
  ∀ z pc s φ path acc hs ν, grows_from acc ν (go z pc s φ path acc hs ν).

Lemma grows_from_trans acc ν acc1 ν1 r : grown acc ν acc1 ν1 → grows_from acc1 ν1 r → grows_from acc ν r.
Proof. destruct r; [|done]. apply grown_trans. Qed.
Lemma then_run_grows acc ν first rest :
  grows_from acc ν first → (∀ acc hs ν, grows_from acc ν (rest acc hs ν)) →
  grows_from acc ν (then_run first rest).
Proof.
  destruct first as [l1 acc1 hs1 ν1|]; [|done]. simpl. intros H1 H2. specialize (H2 acc1 hs1 ν1).
  destruct (rest acc1 hs1 ν1); [|done]. by eapply grown_trans.
Qed.

Section grows.
  Context {Π : the_platform}.
  Lemma name_grows v ν v' ν' acc : name v ν = (v', ν') → grown acc ν acc ν'.
  Proof using Type.
    rewrite /name. case_match; intros [= <- <-]; [apply grown_refl|]. split; [by exists []|].
    by exists [(n_next ν, Some v)].
  Qed.
  Lemma sresult_grows hint next w d v φ facts s ν o acc :
    sresult hint next w d v φ facts s ν = Done (Straight o) → grown acc ν acc (o_names o).
  Proof using Type.
    rewrite /sresult. destruct (name v ν) as [v' ν'] eqn:Hname.
    intros ([s' f] & _ & [= <-])%res_bind_Done. by eapply name_grows.
  Qed.
  Lemma sstep_grows hint next i s φ ν o acc :
    sstep hint next i s φ ν = Done (Straight o) → grown acc ν acc (o_names o).
  Proof using Type.
    destruct i; simpl; rewrite /scarry; try discriminate;
      repeat first
        [ let H := fresh in intros [= <-]; apply grown_refl
        | let H := fresh in intros H; apply res_bind_Done in H as (? & _ & H); revert H
        | apply sresult_grows
        | match goal with Hname : name _ ν = _ |- _ =>
            intros [= <-]; exact (name_grows _ _ _ _ _ Hname)
          end
        | match goal with |- context [name ?v ν] =>
            destruct (name v ν) as [v' ν'] eqn:Hname;
            try (let H := fresh in intros H; apply res_bind_Done in H as ([? ?] & _ & H); revert H);
            intros [= <-]; exact (name_grows _ _ _ _ _ Hname)
          end
        | discriminate
        | case_match ].
  Qed.
  Lemma unknowns_grows k ν acc : grown acc ν acc (unknowns k ν).
  Proof using Type. split; [by exists []|]. rewrite unknowns_defs. by eexists. Qed.
  Lemma sghosts_grows base code after z pc φ s path acc hs ν t :
    sghosts base code after z pc φ s path acc hs ν = Done t → grown acc ν (t_due t) (t_names t).
  Proof using Type.
    revert s path acc ν. induction hs as [|[k h] hs IH]; intros s path acc ν; simpl.
    { intros [= <-]. apply grown_refl. }
    destruct (if k =? z then ghost_of after h else None) as [g|]; [|intros [= <-]; apply grown_refl].
    intros ([[[s' owed] learned] ν'] & Hg & Ht)%res_bind_Done. case_match; [|done].
    destruct (sturn_names _ _ _ _ _ _ _ _ _ Hg) as [k' ->].
    eapply grown_trans; [apply grown_dues|]. eapply grown_trans; [apply unknowns_grows|].
    by eapply IH.
  Qed.
End grows.

Section runs_grow.
  Context {Π : the_platform}.
  Context (base : expr) (code : code_list) (trie : code_trie) (contracts : list contract).
  Context (ends : list expr) (given : list fact).

  Lemma arm_grows go z path f o acc hs ν : grows go → grows_from acc ν
    (if refuted (path ++ given) f then Paths [] acc hs ν
     else go z (o_pc o) (o_state o) (o_flags o) (f :: path) (dues path z (o_facts o) acc) hs ν).
  Proof using Type.
    intros Hgo. destruct (refuted _ f); [apply grown_refl|].
    eapply grows_from_trans; [apply grown_dues|]. apply Hgo.
  Qed.
  Lemma sexec_grows go : grows go → grows (sexec base code trie given go).
  Proof using Type.
    intros Hgo last pc s φ path acc hs ν. rewrite /sexec. destruct (offset_from base pc) as [z|]; [|done].
    destruct (code_get trie z) as [[i n]|]; [|done].
    destruct (sghosts _ _ _ _ _ _ _ _ _ _ _) as [[s1 path1 acc1 hs1 ν1]|] eqn:Hg; [|done].
    apply sghosts_grows in Hg. simpl in Hg. eapply grows_from_trans; [exact Hg|]. clear Hg.
    destruct (code_mapped _ _); [|done]. destruct (pop_at z hs1) as [hint hs2].
    destruct (root_mapped i s1 && length_fits i n); [|done].
    destruct (sstep _ _ i s1 φ ν1) as [[o|yes no o o']|] eqn:Hstep; [| |done].
    - apply (sstep_grows _ _ _ _ _ _ _ acc1) in Hstep.
      eapply grows_from_trans; [exact Hstep|]. eapply grows_from_trans; [apply grown_dues|]. apply Hgo.
    - apply then_run_grows; intros; by apply arm_grows.
  Qed.
  Lemma scall_arms_grows arm ps :
    (∀ p acc hs ν, grows_from acc ν (arm p acc hs ν)) →
    ∀ acc hs ν, grows_from acc ν (scall_arms arm ps acc hs ν).
  Proof using Type.
    intros Harm. induction ps as [|p ps IH]; intros acc hs ν; simpl; [apply grown_refl|].
    by apply then_run_grows.
  Qed.
  Lemma scall_arm_grows go z c words fracs entry lent rest path p acc hs ν :
    grows go →
    grows_from acc ν (scall_arm base given go z c words fracs entry lent rest path p acc hs ν).
  Proof using Type.
    intros Hgo. rewrite /scall_arm. destruct (scall_scoped _ _ _ _ _ _ _ _ _ _); [|done].
    destruct (existsb _ _); [apply grown_refl|].
    eapply grows_from_trans; [apply unknowns_grows|]. apply Hgo.
  Qed.
  Lemma scall_grows go z k words fracs pc s path acc hs ν :
    grows go → grows_from acc ν (scall base code contracts given go z k words fracs pc s path acc hs ν).
  Proof using Type.
    intros Hgo. rewrite /scall. destruct (nth_error _ k) as [[c fixed]|]; [|done].
    destruct (scall_needs _ _ _ _ _ _ _ _ _) as [[facts rest]|]; [|done].
    eapply grows_from_trans; [apply grown_dues|].
    apply scall_arms_grows. intros. by apply scall_arm_grows.
  Qed.
  Lemma with_ghosts_grows after body : (∀ call, grows (body call)) → grows (with_ghosts base code after body).
  Proof using Type.
    intros Hbody z pc s φ path acc hs ν. rewrite /with_ghosts. destruct after; [|apply Hbody].
    destruct (sghosts _ _ _ _ _ _ _ _ _ _ _) as [[s1 path1 acc1 hs1 ν1]|] eqn:Hg; [|done].
    apply sghosts_grows in Hg. eapply grows_from_trans; [exact Hg|].
    destruct (pop_call z hs1) as [call hs2]. apply Hbody.
  Qed.
  Lemma srun_grows fuel after : grows (srun base code trie contracts ends given fuel after).
  Proof using Type.
    revert after. induction fuel as [|fuel IH]; intros after; apply with_ghosts_grows;
      intros [[[k words] fracs]|] z pc s φ path acc hs ν; try done.
    - destruct (is_end ends pc); [apply grown_refl|done].
    - apply scall_grows, IH.
    - destruct (is_end ends pc); [apply grown_refl|]. apply sexec_grows, IH.
  Qed.
End runs_grow.
