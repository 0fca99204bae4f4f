(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export readable run.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What a contract says, and the code of a callee in that of its caller. *)

(** * Contracts *)
Fixpoint fixes (ρ ρ' : env) (l : list (expr * expr)) (P : Prop) : Prop :=
  match l with [] => P | (a, b) :: l => eval ρ' a = eval ρ b → fixes ρ ρ' l P end.

Lemma fixes_elim ρ ρ' l P :
  fixes ρ ρ' l P → Forall (λ x, eval ρ' x.1 = eval ρ x.2) l → P.
Proof.
  induction l as [|[a b] l IH]; simpl; [done|]. intros H [Hx Hl]%Forall_cons_iff. by apply IH; [apply H|].
Qed.
Lemma fixes_intro ρ ρ' l (P : Prop) :
  (Forall (λ x, eval ρ' x.1 = eval ρ x.2) l → P) → fixes ρ ρ' l P.
Proof.
  induction l as [|[a b] l IH]; simpl; [by auto|]. intros H Hx. apply IH. intros Hl. apply H. by constructor.
Qed.

Section contracts.
  Context {M : machine} `{!machGS M Σ}.

  (** The readable specification at values of the variables. *)
  Definition spec_at (sp : spec) (ρ : env) : Prop :=
    vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) ⊢
    vwp (eval ρ (sp_base sp)) (vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp)).
  (** At all values. *)
  Definition spec_holds (sp : spec) : Prop := ∀ ρ, spec_at sp ρ.
  (** At all values at which the entry is [f]. *)
  Definition spec_assumed (sp : spec) (f : word) : Prop := ∀ ρ, eval ρ (sp_base sp) = f → spec_at sp ρ.
  (** What is assumed of an address is assumed of another name for it. *)
  Lemma assumed_at (v w : word) sp : v = w → spec_assumed sp w → spec_assumed sp v.
  Proof using Type. by intros ->. Qed.
  (** As much as a contract says, to a caller with the values [ρ]. *)
  Definition contract_holds (ρ : env) (c : contract) : Prop :=
    ∀ ρ', fixes ρ ρ' (ct_fixed c) (spec_at (ct_spec c) ρ').

  Definition swp_spec (sp : spec) (ρ : env) : iProp Σ :=
    ∀ r, vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) r -∗ CR3 ↦ᵣ r -∗
      swp (eval ρ (sp_base sp))
        (λ e, ∃ r', CR3 ↦ᵣ r' ∗ vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp) e r')%I.
  Definition swp_contract (ρ : env) (c : contract) : iProp Σ :=
    ∀ ρ', ⌜Forall (λ x, eval ρ' x.1 = eval ρ x.2) (ct_fixed c)⌝ -∗ swp_spec (ct_spec c) ρ'.

  Lemma spec_at_swp sp ρ : spec_at sp ρ ↔ ⊢ swp_spec sp ρ.
  Proof using Type.
    split.
    - intros [H]. iIntros (r) "H Hc". iPoseProof (H r with "H") as "H". rewrite vwp_at. by iApply "H".
    - intros H. constructor=> r. rewrite vwp_at. iIntros "H Hc". by iApply (H with "H Hc").
  Qed.
  Lemma contract_holds_swp ρ c : contract_holds ρ c ↔ ⊢ swp_contract ρ c.
  Proof using Type.
    split.
    - intros H. iIntros (ρ' Hf). iStopProof. apply spec_at_swp. by eapply fixes_elim.
    - intros H ρ'. apply fixes_intro. intros Hf. apply spec_at_swp. by iApply H.
  Qed.
End contracts.

(** * Code of a callee *)
Section code.
  Context {M : machine} `{!machGS M Σ}.

  Lemma code_at_cons b z i n l r q :
    code_at b ((z, (i, n)) :: l) r q ⊣⊢ code_pt r (b `+Z` z) q i n ∗ code_at b l r q.
  Proof using Type. done. Qed.
  Lemma code_remove_sound z i n l l' b r q :
    code_remove z i n l = Some l' →
    code_at b l r q ⊣⊢ code_pt r (b `+Z` z) q i n ∗ code_at b l' r q.
  Proof using Type.
    revert l'. induction l as [|[z' [i' n']] l IH]; intros l'; simpl; [done|].
    destruct (Z.eqb_spec z z') as [->|].
    - destruct (Z.eqb_spec n n') as [->|]; [|done]. case_bool_decide as Hi; [|done]. subst i'.
      intros [= <-]. by rewrite {1}/code_at /=.
    - destruct (code_remove z i n l) as [l2|]; [|done]. intros [= <-].
      specialize (IH _ eq_refl). rewrite /code_at in IH |- *. rewrite /= IH.
      iSplit; iIntros "($ & $ & $)".
  Qed.
  (** The caller's code is the callee's and the rest. *)
  Lemma code_covers_sound d large small b r q :
    code_covers d large small = true →
    code_at b large r q ⊢
    code_at (b `+Z` d) small r q ∗ (code_at (b `+Z` d) small r q -∗ code_at b large r q).
  Proof using Type.
    revert large. induction small as [|[z [i n]] small IH]; intros large; simpl.
    - iIntros (_) "$". iSplitR; [by rewrite /code_at|]. by iIntros "_".
    - destruct (code_remove _ i n large) as [l2|] eqn:Hl; [|done]. intros Hc.
      rewrite (code_remove_sound _ _ _ _ _ _ _ _ Hl) {1}(IH _ Hc).
      rewrite !code_at_cons bv_add_Z_assoc.
      iIntros "[$ [$ H]] [$ Hs]". by iApply "H".
  Qed.
End code.

(** Code that is lent to a callee: with it, it is the caller's again. *)
Section lend.
  Context {M : machine} `{!machGS M Σ}.
  Context (base entry : expr) (code code' : code_list).

  Definition lent_at (ρ : env) (x : expr * fexpr) : iProp Σ :=
    code_at (eval ρ entry) code' (eval ρ x.1) (feval ρ x.2) -∗
    code_at (eval ρ base) code (eval ρ x.1) (feval ρ x.2).
  Fixpoint dlent (ρ : env) (l : list (expr * fexpr)) : iProp Σ :=
    match l with [] => emp | x :: l => lent_at ρ x ∗ dlent ρ l end.

  Lemma dcode_lend d ρ l :
    code_covers d code code' = true → eval ρ entry = eval ρ base `+Z` d →
    dcode base code ρ l ⊢ dcode entry code' ρ l ∗ dlent ρ l.
  Proof using Type.
    intros Hd Hentry. induction l as [|[r q] l IH]; simpl; [by iIntros "_"|]. rewrite IH /lent_at /= Hentry.
    rewrite {1}(code_covers_sound _ _ _ _ _ _ Hd). iIntros "([$ $] & $ & $)".
  Qed.
  Lemma dlent_take ρ want l l' :
    code_take want l = Some l' → dlent ρ l ⊢ lent_at ρ want ∗ dlent ρ l'.
  Proof using Type.
    revert l'. induction l as [|[r q] l IH]; intros l'; simpl; [done|].
    destruct (expr_eqb r want.1 && fexpr_eqb q want.2) eqn:H.
    - intros [= <-]. apply andb_true_iff in H as [Hr%expr_eqb_true Hq%fexpr_eqb_true].
      by rewrite /lent_at /= Hr Hq.
    - destruct (code_take want l) as [l2|] eqn:Hl; [|done]. intros [= <-].
      rewrite (IH _ eq_refl) /=. iIntros "($ & $ & $)".
  Qed.
  Lemma dlent_back ρ lent given :
    dlent ρ lent -∗ dcode entry code' ρ given -∗ dcode base code ρ (code_back lent given).
  Proof using Type.
    revert lent. induction given as [|[r q] given IH]; intros lent; simpl; [by iIntros "_ _"|].
    destruct (code_take (r, q) lent) as [lent'|] eqn:Hl.
    - rewrite (dlent_take _ _ _ _ Hl). iIntros "[H Hl] [Hc Hg] /=". iSplitL "H Hc"; [by iApply "H"|].
      iApply (IH with "Hl Hg").
    - iIntros "Hl [_ Hg]". iApply (IH with "Hl Hg").
  Qed.
  Lemma dlent_agree ok ρ ρ' l :
    env_agree ok ρ ρ' → expr_scoped ok base = true → expr_scoped ok entry = true →
    forallb (λ x, expr_scoped ok x.1) l = true → dlent ρ l = dlent ρ' l.
  Proof using Type.
    intros Hag Hb He. induction l as [|[r q] l IH]; simpl; [done|]. intros [Hr Hl]%andb_true_iff.
    by rewrite IH // /lent_at /= (eval_agree ok ρ ρ' Hag r Hr) (eval_agree ok ρ ρ' Hag base Hb)
      (eval_agree ok ρ ρ' Hag entry He) (feval_agree ok ρ ρ' Hag).
  Qed.
End lend.

(** * The values that a callee returns *)
(** The names [xs] of the callee have the values of new names of the caller. *)
Lemma renamed_word ρ' n xs vs words y v0 :
  length vs = length xs → List.NoDup xs →
  Forall (λ x, env_word ρ' x.1 = x.2) (zip (next_names (length xs) n) vs) →
  match def_find y words with Some e => eval ρ' e | None => env_word ρ' y end = v0 →
  ∀ ρc, env_word ρc y = v0 →
  env_word (env_sets ρc xs vs) y =
  match def_find y (renamed n xs ++ words) with Some e => eval ρ' e | None => env_word ρ' y end.
Proof.
  intros Hlen Hxs Hvs Hv0. revert n vs Hlen Hxs Hvs.
  induction xs as [|x xs IH]; intros n [|v vs] Hlen Hxs Hvs ρc Hρc; try done.
  { by rewrite /= Hρc. }
  apply List.NoDup_cons_iff in Hxs as [Hx Hxs]. apply Forall_cons_iff in Hvs as [Hv Hvs].
  change (env_word (env_sets (env_set ρc x v) xs vs) y =
    match def_find y ((x, EVar n) :: renamed (Pos.succ n) xs ++ words) with
    | Some e => eval ρ' e | None => env_word ρ' y end). simpl.
  destruct (Pos.eqb_spec x y) as [->|Hne].
  - rewrite env_sets_other // env_word_set decide_True //.
  - apply IH; [by injection Hlen|done|done|]. rewrite env_word_set decide_False //.
Qed.
Lemma is_known_find ds x : is_known ds x = false → def_find x ds = None.
Proof.
  induction ds as [|[y e] ds IH]; simpl; [done|]. intros [Hy Hds]%orb_false_iff. rewrite Hy. by apply IH.
Qed.
Lemma is_known_app l1 l2 x : is_known (l1 ++ l2) x = is_known l1 x || is_known l2 x.
Proof. apply existsb_app. Qed.
Lemma def_find_In x ds e : def_find x ds = Some e → In (x, e) ds.
Proof.
  induction ds as [|[y e'] ds IH]; simpl; [done|]. destruct (Pos.eqb_spec y x) as [->|].
  - intros [= ->]. by left.
  - intros H. right. by apply IH.
Qed.
Lemma returned_agree n xs vs words fracs ρ ρ' :
  length vs = length xs → List.NoDup xs → env_agree (below n) ρ ρ' →
  Forall (λ x, env_word ρ' x.1 = x.2) (zip (next_names (length xs) n) vs) →
  forallb (λ d, expr_scoped (below n) d.2) words = true →
  env_agree (λ x, is_known (renamed n xs ++ words) x || below n x)
    (env_sets (env_with ρ words fracs) xs vs) (env_with ρ' (renamed n xs ++ words) fracs).
Proof.
  intros Hlen Hxs Hag Hvs Hwords. split.
  - intros y Hy. rewrite env_with_word.
    destruct (def_find y words) as [e|] eqn:He.
    + eapply renamed_word; [done..|reflexivity|]. rewrite env_with_word He.
      rewrite forallb_forall in Hwords. apply (eval_agree (below n)); [done|].
      exact (Hwords _ (def_find_In _ _ _ He)).
    + destruct (below n y) eqn:Hb.
      * eapply renamed_word; [done..|reflexivity|]. rewrite env_with_word He. by apply Hag.
      * (* It is one of the new names. *)
        rewrite orb_false_r is_known_app in Hy.
        clear Hag Hb. revert Hy.
        assert (is_known words y = false) as ->.
        { destruct (is_known words y) eqn:Hk; [|done]. exfalso. clear -He Hk.
          induction words as [|[x e] words IH]; simpl in *; [done|].
          destruct (Pos.eqb x y); [done|]. by apply IH. }
        rewrite orb_false_r. clear Hwords He.
        generalize (env_with ρ words fracs). revert n vs Hlen Hxs Hvs.
        induction xs as [|x xs IH]; intros n [|v vs] Hlen Hxs Hvs ρc; try done.
        apply List.NoDup_cons_iff in Hxs as [Hx Hxs]. apply Forall_cons_iff in Hvs as [Hv Hvs].
        change (is_known ((x, EVar n) :: renamed (Pos.succ n) xs) y = true →
          env_word (env_sets (env_set ρc x v) xs vs) y =
          match def_find y ((x, EVar n) :: renamed (Pos.succ n) xs ++ words) with
          | Some e => eval ρ' e | None => env_word ρ' y end). simpl.
        destruct (Pos.eqb_spec x y) as [->|Hne].
        -- intros _. rewrite env_sets_other // env_word_set decide_True //.
        -- apply IH; [by injection Hlen|done..].
  - rewrite env_sets_fracs /env_with /=. destruct Hag as [_ Hf].
    f_equal; [|by rewrite Hf].
    induction fracs as [|[x q] fracs IH]; simpl; [by rewrite Hf|]. rewrite IH. f_equal.
    destruct q; [done| |done]. by rewrite /= /env_frac Hf.
Qed.

Section returned.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code_l : code_list).

  Lemma vexists_elim ρ xs (P : env → vProp Σ) r :
    vexists ρ xs P r ⊢ ∃ vs, ⌜length vs = length xs⌝ ∗ P (env_sets ρ xs vs) r.
  Proof using Type.
    revert ρ. induction xs as [|x xs IH]; intros ρ; simpl.
    - iIntros "H". iExists []. by iFrame.
    - rewrite monPred_at_exist. iIntros "(%v & H)". iDestruct (IH with "H") as (vs Hvs) "H".
      iExists (v :: vs). iSplit; [by rewrite /= Hvs|]. iExact "H".
  Qed.
  Lemma vposts_cons ρ p ps e r :
    vposts base code_l ρ (p :: ps) e r ⊢ vpost base code_l ρ p e r ∨ vposts base code_l ρ ps e r.
  Proof using Type.
    destruct ps as [|p' ps]; [by iIntros "$"|].
    change (vposts base code_l ρ (p :: p' :: ps) e) with
      (vpost base code_l ρ p e ∨ vposts base code_l ρ (p' :: ps) e)%I. by rewrite monPred_at_or.
  Qed.
End returned.
