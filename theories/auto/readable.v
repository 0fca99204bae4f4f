(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export assertions.
From rocqgen.spaces Require Export update.
From rocqgen.auto Require Export scope_sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The readable form of a specification. *)

Section readable.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code_l : code_list).

  (** A conjunction without a trailing [emp]. *)
  Fixpoint vsep (l : list (vProp Σ)) : vProp Σ :=
    match l with [] => emp%I | [P] => P | P :: l => (P ∗ vsep l)%I end.

  (** Facts about the current space carry no root. *)
  Definition vat (ρ : env) (cur root : expr) (P : vProp Σ) : vProp Σ :=
    if expr_eqb root cur then P else (@[eval ρ root] P)%I.
  (** Words from an address on: all of them [v], those of an array from [start] on, or anything. *)
  Definition vblock_fill (P : word → word → vProp Σ) (a n v : word) : vProp Σ :=
    ([∗ list] x ∈ block_words a n, P x v)%I.
  Definition vblock_array (P : word → word → vProp Σ) (a n : word) (A : word → word) (start : word) : vProp Σ :=
    ([∗ list] i ↦ x ∈ block_words a n, P x (A (start `+Z` Z.of_nat i)))%I.
  Definition vblock_any (P : word → word → vProp Σ) (a n : word) : vProp Σ :=
    ([∗ list] x ∈ block_words a n, ∃ v, P x v)%I.
  Definition vblock (P : word → word → vProp Σ) (a n : word) (fill : option (sfill word))
      (arrays : positive → word → word) : vProp Σ :=
    match fill with
    | Some (FAll v) => vblock_fill P a n v
    | Some (FArr x start) => vblock_array P a n (arrays x) start
    | None => vblock_any P a n
    end.
  Definition vres (ρ : env) (cur : expr) (k : kind) (q : Qp) (es : list expr) : vProp Σ :=
    match open_cell k (map (eval ρ) es), open_block k es with
    | Some c, _ => vcell (sc_addr c) q (word_cell c)
    | None, Some b =>
      let block P := vblock P (eval ρ (sb_addr b)) (eval ρ (sb_count b))
        (sfill_map (eval ρ) (sb_fill b)) (env_array ρ) in
      match sb_space b with
      | Some (w, r) => vat ρ cur r (block (λ a v, vpt w a q v))
      | None => block (λ a v, vphys a q v)
      end
    | None, None =>
      match open_walk k (map (eval ρ) es) with
      | Some w =>
        (if sw_sub w then page_walk_below else page_walk) q (sw_root w) (sw_va w) (sw_from w) (sw_reads w)
          (sw_map w)
      | None => emp
      end
    end%I.
  Definition vitem (ρ : env) (cur : expr) (i : item) : vProp Σ :=
    match i with
    | IVirt w r a q v => vat ρ cur r (vpt w (eval ρ a) (feval ρ q) (eval ρ v))
    | IPhys a q v => vphys (eval ρ a) (feval ρ q) (eval ρ v)
    | IClaim w r a q pa => vat ρ cur r (vclaim w (eval ρ a) (feval ρ q) (eval ρ pa))
    | IRes k q es => vres ρ cur k (feval ρ q) es
    end.
  Definition vlist (ρ : env) (s : sstate) : list (vProp Σ) :=
    in_space (eval ρ (s_root s)) :: flags_any ::
    map (λ x, x.1 ⇒ᵣ eval ρ x.2)%I (s_regs s) ++
    map (vitem ρ (s_root s)) (s_items s) ++
    map (λ x, vat ρ (s_root s) x.1 (code (eval ρ base) code_l (feval ρ x.2))) (s_code s) ++
    map (λ f, ⌜holds ρ f⌝%I) (s_facts s).
  Definition vdenote (ρ : env) (s : sstate) : vProp Σ := vsep (vlist ρ s).

  Fixpoint vexists (ρ : env) (xs : list positive) (P : env → vProp Σ) : vProp Σ :=
    match xs with [] => P ρ | x :: xs => (∃ v : word, vexists (env_set ρ x v) xs P)%I end.
  Definition vpost (ρ : env) (p : post) (e : word) : vProp Σ :=
    (⌜e = eval ρ (p_exit p)⌝ ∗
     vexists ρ (map fst (p_witness p)) (λ ρ', vdenote ρ' (p_state p)))%I.
  Fixpoint vposts (ρ : env) (ps : list post) (e : word) : vProp Σ :=
    match ps with
    | [] => False%I
    | [p] => vpost ρ p e
    | p :: ps => (vpost ρ p e ∨ vposts ρ ps e)%I
    end.

  (** * The readable form and the executor's *)
  Lemma vsep_cons P l : vsep (P :: l) ⊣⊢ P ∗ vsep l.
  Proof using Type. destruct l; simpl; [by rewrite right_id|done]. Qed.
  Lemma vsep_app l1 l2 : vsep (l1 ++ l2) ⊣⊢ vsep l1 ∗ vsep l2.
  Proof using Type.
    induction l1 as [|P l1 IH]; [by rewrite /= left_id|].
    by rewrite -app_comm_cons !vsep_cons IH assoc.
  Qed.
  Lemma vat_at ρ cur root P :
    vat ρ cur root P (eval ρ cur) ⊣⊢ P (eval ρ root).
  Proof using Type.
    rewrite /vat. destruct (expr_eqb root cur) eqn:He; [by apply expr_eqb_true in He as ->|].
    by rewrite /at_root monPred_at_embed.
  Qed.
  Lemma vregs_at ρ l r : vsep (map (λ x, x.1 ⇒ᵣ eval ρ x.2)%I l) r ⊣⊢ dregs ρ l.
  Proof using Type.
    induction l as [|[s e] l IH]; [by rewrite /= monPred_at_emp|].
    by rewrite map_cons vsep_cons monPred_at_sep IH /= /vreg monPred_at_embed.
  Qed.
  Lemma vblock_at (P : word → word → vProp Σ) (Q : word → word → iProp Σ) a n fill arrays r :
    (∀ x v, P x v r ⊣⊢ Q x v) →
    vblock P a n fill arrays r ⊣⊢
    [∗ list] i ↦ x ∈ block_words a n,
      match fill_word arrays fill (Z.of_nat i) with Some v => Q x v | None => ∃ v, Q x v end.
  Proof using Type.
    intros HPQ. destruct fill as [[v|y start]|];
      rewrite /vblock /vblock_fill /vblock_any /vblock_array monPred_at_big_sepL;
      apply big_sepL_proper=> i x _; [apply HPQ..|]. rewrite monPred_at_exist. by setoid_rewrite HPQ.
  Qed.
  Lemma vres_at ρ cur k q es : vres ρ cur k q es (eval ρ cur) ⊣⊢ dres ρ k q (map (eval ρ) es).
  Proof using Type.
    rewrite /vres /dres open_block_map.
    destruct (open_cell k (map (eval ρ) es)) as [c|]; [by rewrite /vcell monPred_at_embed|].
    destruct (open_block k es) as [[[[w r]|] a n fill]|]; simpl; [| |].
    - rewrite vat_at (vblock_at _ (λ a v, virt_word w (eval ρ r) a q v)); [|done].
      rewrite /dblock /=. apply big_sepL_proper=> i x _. by destruct fill as [[]|].
    - rewrite (vblock_at _ (λ a v, phys_word a q v)); [|intros x v; by rewrite /vphys monPred_at_embed].
      rewrite /dblock /=. apply big_sepL_proper=> i x _. by destruct fill as [[]|].
    - destruct (open_walk k (map (eval ρ) es)) as [w|]; [|by rewrite monPred_at_emp].
      rewrite /dwalk. destruct (sw_sub w); by rewrite /page_walk /page_walk_below monPred_at_embed.
  Qed.
  Lemma vitems_at ρ cur l : vsep (map (vitem ρ cur) l) (eval ρ cur) ⊣⊢ ditems ρ l.
  Proof using Type.
    induction l as [|i l IH]; [by rewrite /= monPred_at_emp|].
    rewrite map_cons vsep_cons monPred_at_sep IH /=. f_equiv.
    destruct i; simpl; [by rewrite vat_at| |by rewrite vat_at|].
    - by rewrite /vphys monPred_at_embed.
    - apply vres_at.
  Qed.
  Lemma vcode_at ρ cur l :
    vsep (map (λ x, vat ρ cur x.1 (code (eval ρ base) code_l (feval ρ x.2))) l) (eval ρ cur) ⊣⊢
    dcode base code_l ρ l.
  Proof using Type.
    induction l as [|[r q] l IH]; [by rewrite /= monPred_at_emp|].
    by rewrite map_cons vsep_cons monPred_at_sep IH /= vat_at.
  Qed.
  Lemma vfacts_at ρ l r : vsep (map (λ f, ⌜holds ρ f⌝%I) l) r ⊣⊢ (⌜Forall (holds ρ) l⌝ : iProp Σ).
  Proof using Type.
    induction l as [|f l IH]; [rewrite /= monPred_at_emp; iSplit; by auto|].
    rewrite map_cons vsep_cons monPred_at_sep monPred_at_pure IH.
    iSplit; [iIntros "[%Hf %Hl]"; iPureIntro; by constructor|].
    iIntros (Hl). apply Forall_cons_iff in Hl as [Hf Hl]. by iSplit.
  Qed.
  Lemma vdenote_at ρ s r :
    vdenote ρ s r ⊣⊢
    ⌜eval ρ (s_root s) = r⌝ ∗ dbody base code_l ρ s ∗ (⌜Forall (holds ρ) (s_facts s)⌝ : iProp Σ).
  Proof using Type.
    rewrite /vdenote /vlist !vsep_cons !vsep_app !monPred_at_sep in_space_at.
    iSplit.
    - iIntros "(<- & Hf & Hr & Hi & Hc & Hp)".
      rewrite vregs_at vitems_at vcode_at vfacts_at /flags_any monPred_at_embed.
      iSplit; [done|]. iFrame.
    - iIntros "(<- & (Hf & Hr & Hi & Hc) & Hp)".
      rewrite vregs_at vitems_at vcode_at vfacts_at /flags_any monPred_at_embed.
      iSplit; [done|]. iFrame.
  Qed.

  (** * Agreement *)
  Lemma vat_agree ok ρ ρ' cur root P :
    env_agree ok ρ ρ' → expr_scoped ok root = true → vat ρ cur root P = vat ρ' cur root P.
  Proof using Type. intros Hag Hr. rewrite /vat. case_match; [done|]. by rewrite (eval_agree ok ρ ρ' Hag). Qed.
  Lemma vitem_agree ok ρ ρ' cur i :
    env_agree ok ρ ρ' → item_scoped ok i = true → vitem ρ cur i = vitem ρ' cur i.
  Proof using Type.
    intros Hag Hi. rewrite /item_scoped in Hi.
    destruct i as [w r a q v|a q v|w r a q pa|k q es]; simpl in Hi |- *;
      [repeat match goal with H : _ && _ = true |- _ => apply andb_true_iff in H as [? H] end;
       by rewrite ?(vat_agree ok ρ ρ') // !(eval_agree ok ρ ρ' Hag) // (feval_agree ok ρ ρ' Hag)..|].
    rewrite (feval_agree ok ρ ρ' Hag). rewrite forallb_forall in Hi.
    assert (∀ e, In e es → eval ρ e = eval ρ' e) as He.
    { intros e He. by apply (eval_agree ok ρ ρ' Hag), Hi. }
    rewrite /vres. assert (map (eval ρ) es = map (eval ρ') es) as -> by by apply map_ext_in.
    destruct (open_cell _ _); [done|]. destruct (open_block k es) as [b|] eqn:Hb; [|done].
    assert (∀ e, In e (block_exprs b) → eval ρ e = eval ρ' e ∧ expr_scoped ok e = true) as Hbe.
    { intros e Hin. destruct k as [|[w|] []|]; [done|..|done];
        destruct es as [|? [|? [|? [|? [|? ?]]]]]; try done; simpl in Hb; simplify_eq; auto. }
    assert (env_array ρ = env_array ρ') as -> by (rewrite /env_array; by destruct Hag as [_ ->]).
    destruct b as [[[w r]|] a n [[v|x v]|]]; simpl in Hbe |- *;
      rewrite ?(proj1 (Hbe a _)) ?(proj1 (Hbe n _)) ?(proj1 (Hbe v _)); auto 10;
      apply (vat_agree ok ρ ρ' cur r _ Hag), Hbe; auto.
  Qed.
  Lemma vlist_agree ok ρ ρ' s :
    env_agree ok ρ ρ' → expr_scoped ok base = true → state_scoped ok s = true →
    vlist ρ s = vlist ρ' s.
  Proof using Type.
    intros Hag Hb [[[[Hroot Hregs]%andb_true_iff Hitems]%andb_true_iff Hcode]%andb_true_iff
      Hfacts]%andb_true_iff.
    rewrite forallb_forall in Hregs. rewrite forallb_forall in Hitems.
    rewrite forallb_forall in Hcode. rewrite forallb_forall in Hfacts.
    rewrite /vlist (eval_agree ok ρ ρ' Hag _ Hroot). do 2 f_equal.
    f_equal; [|f_equal; [|f_equal]].
    - apply map_ext_in. intros [r e] Hin%Hregs. by rewrite (eval_agree ok ρ ρ' Hag e Hin).
    - apply map_ext_in. intros i Hin%Hitems. by apply (vitem_agree ok).
    - apply map_ext_in. intros [r q] Hin%Hcode. simpl.
      by rewrite (vat_agree ok ρ ρ') // (eval_agree ok ρ ρ' Hag base Hb) (feval_agree ok ρ ρ' Hag).
    - apply map_ext_in. intros f Hin%Hfacts. by rewrite (holds_agree ok ρ ρ' Hag).
  Qed.

  (** * Existentials *)
  Fixpoint copy_vars (ρ ρ' : env) (xs : list positive) : env :=
    match xs with [] => ρ | x :: xs => copy_vars (env_set ρ x (env_word ρ' x)) ρ' xs end.

  Lemma copy_vars_word ρ ρ' xs x :
    env_word (copy_vars ρ ρ' xs) x =
    if existsb (λ y, Pos.eqb y x) xs then env_word ρ' x else env_word ρ x.
  Proof using Type.
    revert ρ. induction xs as [|y xs IH]; intros ρ; simpl; [done|]. rewrite IH env_word_set.
    destruct (existsb _ xs); [by rewrite orb_true_r|]. rewrite orb_false_r.
    destruct (Pos.eqb_spec y x) as [->|]; [by rewrite decide_True|by rewrite decide_False].
  Qed.
  Lemma copy_vars_fracs ρ ρ' xs : env_fracs (copy_vars ρ ρ' xs) = env_fracs ρ.
  Proof using Type. revert ρ. induction xs as [|y xs IH]; intros ρ; simpl; [done|]. by rewrite IH. Qed.
  Lemma vexists_intro ρ ρ' xs (P : env → vProp Σ) r : P (copy_vars ρ ρ' xs) r ⊢ vexists ρ xs P r.
  Proof using Type.
    revert ρ. induction xs as [|x xs IH]; intros ρ; simpl; [done|].
    rewrite monPred_at_exist. iIntros "H". iExists _. by iApply IH.
  Qed.
  Lemma existsb_fst (wit : defs) x :
    existsb (λ y, Pos.eqb y x) (map fst wit) = existsb (λ d, Pos.eqb d.1 x) wit.
  Proof using Type. induction wit as [|d wit IH]; simpl; [done|]. by rewrite IH. Qed.

  Lemma vposts_intro ρ ps n p e r :
    nth_error ps n = Some p → vpost ρ p e r ⊢ vposts ρ ps e r.
  Proof using Type.
    revert n. induction ps as [|p' ps IH]; intros [|n] Hn; simpl in Hn; [done..| |].
    - injection Hn as ->. destruct ps; [done|]. rewrite /= monPred_at_or. iIntros "H". by iLeft.
    - destruct ps as [|p2 ps]; [by destruct n|]. rewrite /= monPred_at_or. iIntros "H". iRight.
      by iApply (IH _ Hn).
  Qed.
End readable.
