(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export expr.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Facts about expressions, what the executor knows of the flags, and the conditions of branches as pairs
    of facts: one for each arm. *)

Inductive fact :=
  | PEq (a b : expr)
  | PNe (a b : expr)
  | PLt (a b : expr)
  | PLe (a b : expr).

Definition holds (ρ : env) (f : fact) : Prop :=
  match f with
  | PEq a b => eval ρ a = eval ρ b
  | PNe a b => eval ρ a ≠ eval ρ b
  | PLt a b => bv_unsigned (eval ρ a) < bv_unsigned (eval ρ b)
  | PLe a b => bv_unsigned (eval ρ a) ≤ bv_unsigned (eval ρ b)
  end.

(** * What can be seen to be false *)
Definition same2 (a b c d : expr) : bool := expr_eqb a c && expr_eqb b d.
Definition contradicts (f g : fact) : bool :=
  match f, g with
  | PEq a b, PNe c d | PNe a b, PEq c d => same2 a b c d || same2 a b d c
  | PLt a b, PLe c d | PLe a b, PLt c d => same2 a b d c
  | _, _ => false
  end.
Definition impossible (f : fact) : bool :=
  match f with
  | PEq (ECst x) (ECst y) => negb (bv_unsigned (Z_to_bv 64 x) =? bv_unsigned (Z_to_bv 64 y))
  | PLt (ECst x) (ECst y) => bv_unsigned (Z_to_bv 64 y) <=? bv_unsigned (Z_to_bv 64 x)
  | PLe (ECst x) (ECst y) => bv_unsigned (Z_to_bv 64 y) <? bv_unsigned (Z_to_bv 64 x)
  | PNe a b | PLt a b => expr_eqb a b
  | _ => false
  end.
Definition refuted (known : list fact) (f : fact) : bool :=
  impossible f || existsb (contradicts f) known.

Lemma same2_true a b c d : same2 a b c d = true → a = c ∧ b = d.
Proof. by intros [->%expr_eqb_true ->%expr_eqb_true]%andb_true_iff. Qed.
Lemma contradicts_sound ρ f g : contradicts f g = true → holds ρ f → holds ρ g → False.
Proof.
  destruct f, g; simpl; try done;
    first [intros [[-> ->]%same2_true|[-> ->]%same2_true]%orb_true_iff | intros [-> ->]%same2_true];
    (congruence || lia).
Qed.
Lemma impossible_sound ρ f : impossible f = true → ¬ holds ρ f.
Proof.
  assert (∀ a b, expr_eqb a b = true → eval ρ a = eval ρ b) as Heq by by intros ?? ->%expr_eqb_true.
  destruct f as [a b|a b|a b|a b]; simpl.
  - destruct a, b; try done. simpl. intros Hne Hab. rewrite Hab Z.eqb_refl in Hne. done.
  - by intros ?%Heq ?.
  - intros H. assert (expr_eqb a b = true ∨ bv_unsigned (eval ρ b) ≤ bv_unsigned (eval ρ a)) as [He|He].
    { destruct a, b; try (by left); right. by apply Z.leb_le. }
    + rewrite (Heq _ _ He). lia.
    + lia.
  - destruct a, b; try done. simpl. lia.
Qed.
Lemma refuted_sound ρ known f :
  refuted known f = true → Forall (holds ρ) known → ¬ holds ρ f.
Proof.
  intros [H|H]%orb_true_iff Hknown; [by apply impossible_sound|].
  apply existsb_exists in H as (g & Hin & Hc). intros Hf.
  apply (contradicts_sound ρ f g Hc Hf). rewrite List.Forall_forall in Hknown. by apply Hknown.
Qed.

(** * What is known of the flags *)
Inductive sflags :=
  | FlagsAny
  | FlagsResult (w : width) (v : expr)     (* ZF and SF are those of the value *)
  | FlagsLogic (w : width) (v : expr)      (* and CF and OF are 0 *)
  | FlagsSub (w : width) (a b : expr)      (* those of the difference *)
  | FlagsBit (v : expr)                    (* CF is whether the value is not 0 *)
  | FlagsCarry (w : width) (v : expr) (yes no : fact).
    (* ZF and SF are those of the value; where CF is 1, [yes] holds, and else [no] *)

Definition narrow (w : width) (v : word) : Prop := bv_unsigned v < 2 ^ width_bits w.
Definition result_are (w : width) (v : word) (f : flags) : Prop :=
  narrow w v ∧ fl_zf f = Some (bv_unsigned v =? 0) ∧ fl_sf f = Some (msb w v).
Definition flags_are (ρ : env) (φ : sflags) (f : flags) : Prop :=
  match φ with
  | FlagsAny => True
  | FlagsResult w v => result_are w (eval ρ v) f
  | FlagsLogic w v => result_are w (eval ρ v) f ∧ fl_cf f = Some false ∧ fl_of f = Some false
  | FlagsSub w a b =>
    let a := eval ρ a in let b := eval ρ b in
    narrow w a ∧ narrow w b ∧ f = sub_flags w false a b (alu_at w AluSub a b)
  | FlagsBit v => fl_cf f = Some (negb (bv_unsigned (eval ρ v) =? 0))
  | FlagsCarry w v yes no =>
    result_are w (eval ρ v) f ∧ ∃ c, fl_cf f = Some c ∧ if c : bool then holds ρ yes else holds ρ no
  end.

(** The facts under which a condition holds, and under which it does not; [None] where it cannot be said. *)
Definition top (w : width) : expr := ECst (2 ^ (width_bits w - 1)).
Definition biased (w : width) (e : expr) : expr := mk_op AluXor e (top w).
Definition arms : Type := fact * fact.
Definition swapped (x : option arms) : option arms :=
  match x with Some (y, n) => Some (n, y) | None => None end.
Definition is_zero (v : expr) : arms := (PEq v (ECst 0), PNe v (ECst 0)).
Definition is_negative (w : width) (v : expr) : arms := (PLe (top w) v, PLt v (top w)).
Definition not_positive (w : width) (v : expr) : arms :=
  (PLe (biased w v) (top w), PLt (top w) (biased w v)).

Definition positive_arms (c : cond) (φ : sflags) : option arms :=
  match φ, c with
  | (FlagsResult w v | FlagsLogic w v | FlagsCarry w v _ _), CondE => Some (is_zero v)
  | FlagsLogic w v, CondBE => Some (is_zero v)
  | (FlagsResult w v | FlagsLogic w v | FlagsCarry w v _ _), CondS => Some (is_negative w v)
  | FlagsSub w a b, CondS => Some (is_negative w (mk_alu w AluSub a b))
  | FlagsLogic w v, CondL => Some (is_negative w v)
  | FlagsLogic w v, CondLE => Some (not_positive w v)
  | FlagsSub w a b, CondE => Some (PEq a b, PNe a b)
  | FlagsSub w a b, CondB => Some (PLt a b, PLe b a)
  | FlagsSub w a b, CondBE => Some (PLe a b, PLt b a)
  | FlagsSub w a b, CondL => Some (PLt (biased w a) (biased w b), PLe (biased w b) (biased w a))
  | FlagsSub w a b, CondLE => Some (PLe (biased w a) (biased w b), PLt (biased w b) (biased w a))
  | FlagsBit v, CondB => Some (PNe v (ECst 0), PEq v (ECst 0))
  | FlagsCarry _ _ yes no, CondB => Some (yes, no)
  | _, _ => None
  end.
Definition cond_arms (c : cond) (φ : sflags) : option arms :=
  match c with
  | CondNO => swapped (positive_arms CondO φ)
  | CondAE => swapped (positive_arms CondB φ)
  | CondNE => swapped (positive_arms CondE φ)
  | CondA => swapped (positive_arms CondBE φ)
  | CondNS => swapped (positive_arms CondS φ)
  | CondNP => swapped (positive_arms CondP φ)
  | CondGE => swapped (positive_arms CondL φ)
  | CondG => swapped (positive_arms CondLE φ)
  | _ => positive_arms c φ
  end.

(** * The arms are sound, and one of them holds *)
Lemma trunc_narrow w v : narrow w (trunc w v).
Proof. rewrite /narrow trunc_unsigned. apply Z.mod_pos_bound. by destruct w. Qed.
Lemma trunc_trunc w v : trunc w (trunc w v) = trunc w v.
Proof. apply bv_eq. rewrite !trunc_unsigned Z.mod_mod //. by destruct w. Qed.

Lemma alu_at_sub w a b : alu_at w AluSub a b = trunc w (bv_sub a b).
Proof. by destruct w. Qed.
Lemma sub_unsigned w a b : narrow w a → narrow w b →
  bv_unsigned (alu_at w AluSub a b) =
  if bv_unsigned a <? bv_unsigned b then bv_unsigned a - bv_unsigned b + 2 ^ width_bits w
  else bv_unsigned a - bv_unsigned b.
Proof.
  rewrite /narrow alu_at_sub trunc_unsigned bv_sub_unsigned /bv_wrap /bv_modulus.
  pose proof (bv_unsigned_in_range _ a) as Ha. pose proof (bv_unsigned_in_range _ b) as Hb.
  intros Hna Hnb. destruct (Z.ltb_spec (bv_unsigned a) (bv_unsigned b));
    destruct w; simpl (width_bits _) in *; change (Z.of_N 64) with 64; compute_powers;
    Z.div_mod_to_equations; lia.
Qed.
Lemma msb_narrow w v : narrow w v → msb w v = (2 ^ (width_bits w - 1) <=? bv_unsigned v).
Proof.
  intros Hv. rewrite /narrow in Hv. pose proof (bv_unsigned_in_range _ v) as Hr.
  rewrite /msb Z.testbit_odd Z.shiftr_div_pow2; [|by destruct w].
  assert (bv_unsigned v `div` 2 ^ (width_bits w - 1) =
    if 2 ^ (width_bits w - 1) <=? bv_unsigned v then 1 else 0) as ->; [|by case_match].
  destruct (Z.leb_spec (2 ^ (width_bits w - 1)) (bv_unsigned v));
    destruct w; simpl (width_bits _) in *; compute_powers; Z.div_mod_to_equations; lia.
Qed.
Lemma lxor_top k z : 0 ≤ k → 0 ≤ z < 2 ^ (k + 1) →
  Z.lxor z (2 ^ k) = if z <? 2 ^ k then z + 2 ^ k else z - 2 ^ k.
Proof.
  intros Hk Hz. assert (∀ y, 0 ≤ y < 2 ^ k → Z.lxor y (2 ^ k) = y + 2 ^ k) as Hlow.
  { intros y Hy. rewrite Z.add_nocarry_lxor //. apply Z.bits_inj'. intros i Hi.
    rewrite Z.land_spec Z.pow2_bits_eqb // Z.bits_0. destruct (Z.eqb_spec k i) as [<-|];
      [|by rewrite andb_false_r].
    by rewrite Z.testbit_odd Z.shiftr_div_pow2 // Z.div_small. }
  destruct (Z.ltb_spec z (2 ^ k)); [apply Hlow; lia|].
  rewrite -{1}(Z.sub_add (2 ^ k) z) -Hlow; [|rewrite Z.pow_add_r in Hz; lia].
  by rewrite Z.lxor_assoc Z.lxor_nilpotent Z.lxor_0_r.
Qed.
Lemma biased_unsigned ρ w e : narrow w (eval ρ e) →
  bv_unsigned (eval ρ (biased w e)) =
  if bv_unsigned (eval ρ e) <? 2 ^ (width_bits w - 1)
  then bv_unsigned (eval ρ e) + 2 ^ (width_bits w - 1)
  else bv_unsigned (eval ρ e) - 2 ^ (width_bits w - 1).
Proof.
  intros He. pose proof (bv_unsigned_in_range _ (eval ρ e)) as Hr.
  rewrite /biased eval_mk_op /= bv_xor_unsigned Z_to_bv_unsigned bv_wrap_small.
  - apply lxor_top; [by destruct w|]. split; [lia|]. by rewrite Z.sub_add.
  - destruct w; by compute_powers.
Qed.

Definition good_arms (ρ : env) (b : bool) (x : arms) : Prop :=
  if b then holds ρ x.1 else holds ρ x.2.
Lemma is_zero_good ρ v : good_arms ρ (bv_unsigned (eval ρ v) =? 0) (is_zero v).
Proof.
  destruct (Z.eqb_spec (bv_unsigned (eval ρ v)) 0) as [Hz|Hz]; simpl.
  - by apply bv_eq.
  - intros Hv. apply Hz. by rewrite Hv.
Qed.
Lemma top_unsigned ρ w : bv_unsigned (eval ρ (top w)) = 2 ^ (width_bits w - 1).
Proof. by destruct w. Qed.
Lemma is_negative_good ρ w v :
  narrow w (eval ρ v) → good_arms ρ (msb w (eval ρ v)) (is_negative w v).
Proof.
  intros Hv. rewrite (msb_narrow _ _ Hv).
  destruct (Z.leb_spec (2 ^ (width_bits w - 1)) (bv_unsigned (eval ρ v)));
    cbn [good_arms is_negative fst snd holds]; rewrite top_unsigned; lia.
Qed.
Lemma not_positive_good ρ w v : narrow w (eval ρ v) →
  good_arms ρ (msb w (eval ρ v) || (bv_unsigned (eval ρ v) =? 0)) (not_positive w v).
Proof.
  intros Hv. rewrite (msb_narrow _ _ Hv). pose proof (bv_unsigned_in_range _ (eval ρ v)) as Hr.
  destruct (_ || _) eqn:Hb; cbn [good_arms not_positive fst snd holds];
    rewrite top_unsigned (biased_unsigned _ _ _ Hv);
    [apply orb_true_iff in Hb|apply orb_false_iff in Hb]; case_match;
    rewrite /narrow in Hv; destruct w; simpl (width_bits _) in *; compute_powers; lia.
Qed.
Lemma biased_lt_good ρ w a b : narrow w (eval ρ a) → narrow w (eval ρ b) →
  let v := alu_at w AluSub (eval ρ a) (eval ρ b) in
  let f := sub_flags w false (eval ρ a) (eval ρ b) v in
  ∃ l, (sf ← fl_sf f; ovf ← fl_of f; Some (xorb sf ovf)) = Some l ∧
  (l = true ↔ bv_unsigned (eval ρ (biased w a)) < bv_unsigned (eval ρ (biased w b))).
Proof.
  intros Ha Hb v f. assert (narrow w v) as Hv by (rewrite /v alu_at_sub; apply trunc_narrow).
  eexists. split; [done|].
  rewrite !(msb_narrow _ _ Ha) !(msb_narrow _ _ Hb) !(msb_narrow _ _ Hv).
  rewrite (biased_unsigned _ _ _ Ha) (biased_unsigned _ _ _ Hb) /v (sub_unsigned _ _ _ Ha Hb).
  rewrite /narrow in Ha, Hb. pose proof (bv_unsigned_in_range _ (eval ρ a)) as Hra.
  pose proof (bv_unsigned_in_range _ (eval ρ b)) as Hrb. clear v f Hv.
  revert Ha Hb Hra Hrb. generalize (bv_unsigned (eval ρ a)) (bv_unsigned (eval ρ b)). intros x y.
  intros Ha Hb [Hx _] [Hy _].
  destruct (Z.ltb_spec x y), (Z.leb_spec (2 ^ (width_bits w - 1)) x),
    (Z.leb_spec (2 ^ (width_bits w - 1)) y);
    destruct w; simpl (width_bits _) in *; compute_powers; simpl;
    repeat match goal with |- context [?p <=? ?q] => destruct (Z.leb_spec p q) end; simpl;
    repeat match goal with |- context [?p <? ?q] => destruct (Z.ltb_spec p q) end; simpl;
    (split; [try done; intros; lia|try done; intros; lia]).
Qed.

Lemma positive_arms_sound ρ c φ f x :
  flags_are ρ φ f → positive_arms c φ = Some x →
  ∃ b, cond_holds c f = Some b ∧ good_arms ρ b x.
Proof.
  assert (∀ w v, result_are w (eval ρ v) f →
    (∃ b, cond_holds CondE f = Some b ∧ good_arms ρ b (is_zero v)) ∧
    (∃ b, cond_holds CondS f = Some b ∧ good_arms ρ b (is_negative w v))) as Hresult.
  { intros w v (Hv & Hz & Hs). split.
    - eexists. split; [exact Hz|]. apply is_zero_good.
    - eexists. split; [exact Hs|]. by apply is_negative_good. }
  destruct φ as [|w v|w v|w a b|v|w v yes no]; simpl flags_are.
  - by destruct c.
  - intros H. destruct (Hresult _ _ H). destruct c; simpl; intros; by simplify_eq.
  - intros (H & Hc & Ho). destruct (Hresult _ _ H) as [HE HS]. destruct H as (Hv & Hz & Hs).
    destruct c; cbn [positive_arms]; intros; simplify_eq; try done.
    + eexists. cbn [cond_holds]. rewrite Hc Hz /=. split; [done|]. apply is_zero_good.
    + eexists. cbn [cond_holds]. rewrite Hs Ho /=. split; [done|]. rewrite xorb_false_r.
      by apply is_negative_good.
    + eexists. cbn [cond_holds]. rewrite Hs Ho Hz /=. split; [done|]. rewrite xorb_false_r.
      by apply not_positive_good.
  - intros (Ha & Hb & ->). pose proof (sub_unsigned _ _ _ Ha Hb) as Hsub.
    pose proof (biased_lt_good _ _ _ _ Ha Hb) as (l & Hl & Hlt). cbv zeta in Hl.
    assert (bv_unsigned (alu_at w AluSub (eval ρ a) (eval ρ b)) = 0 ↔
      bv_unsigned (eval ρ a) = bv_unsigned (eval ρ b)) as Hzero.
    { rewrite Hsub. pose proof (bv_unsigned_in_range _ (eval ρ a)).
      rewrite /narrow in Ha, Hb. case_match; lia. }
    assert (∀ x y : word, bv_unsigned x = bv_unsigned y ↔ x = y) as Heq.
    { intros x0 y0. split; [apply bv_eq|by intros ->]. }
    destruct c; cbn [positive_arms]; intros; simplify_eq; try done.
    + eexists. split; [done|]. cbn [cond_holds fl_cf sub_flags result_flags]. simpl.
      rewrite /good_arms Z.add_0_r. case_match; simpl; lia.
    + eexists. split; [done|]. rewrite /good_arms /=.
      destruct (Z.eqb_spec (bv_unsigned (alu_at w AluSub (eval ρ a) (eval ρ b))) 0) as [H|H];
        simpl; rewrite -Heq; tauto.
    + eexists. split; [done|]. rewrite /good_arms Z.add_0_r.
      destruct (_ || _) eqn:H; simpl;
        [apply orb_true_iff in H as [H|H]|apply orb_false_iff in H as [H H']]; try lia.
    + eexists. split; [done|]. rewrite -eval_mk_alu. apply is_negative_good.
      rewrite eval_mk_alu alu_at_sub. apply trunc_narrow.
    + eexists. split; [exact Hl|]. destruct l; simpl; [by apply Hlt|].
      apply Z.nlt_ge. intros H%Hlt. done.
    + cbn [cond_holds]. rewrite Hl /=. eexists. split; [done|].
      assert (∀ e, narrow w (eval ρ e) → bv_unsigned (eval ρ (biased w e)) =
        if bv_unsigned (eval ρ e) <? 2 ^ (width_bits w - 1)
        then bv_unsigned (eval ρ e) + 2 ^ (width_bits w - 1)
        else bv_unsigned (eval ρ e) - 2 ^ (width_bits w - 1)) as Hbias by apply biased_unsigned.
      pose proof (Hbias a Ha) as Hba. pose proof (Hbias b Hb) as Hbb.
      rewrite /good_arms. destruct (_ || _) eqn:H; cbn [fst snd holds];
        [apply orb_true_iff in H|apply orb_false_iff in H as [H H']].
      * destruct H as [->|H%Z.eqb_eq]; [assert (bv_unsigned (eval ρ (biased w a)) <
          bv_unsigned (eval ρ (biased w b))) by (by apply Hlt); lia|].
        apply Hzero in H. rewrite Hba Hbb H. lia.
      * subst l. apply Z.eqb_neq in H'.
        assert (bv_unsigned (eval ρ a) ≠ bv_unsigned (eval ρ b)) as Hne by tauto.
        assert (¬ bv_unsigned (eval ρ (biased w a)) < bv_unsigned (eval ρ (biased w b))) as Hnl.
        { by intros ?%Hlt. }
        rewrite Hba Hbb in Hnl |- *. pose proof (bv_unsigned_in_range _ (eval ρ a)).
        pose proof (bv_unsigned_in_range _ (eval ρ b)). clear Hba Hbb Hbias Hsub Hzero Hl Hlt.
        rewrite /narrow in Ha, Hb.
        destruct w; simpl (width_bits _) in *; compute_powers;
          repeat case_match; lia.
  - intros Hv. destruct c; cbn [positive_arms]; intros; simplify_eq. eexists. split; [exact Hv|].
    pose proof (is_zero_good ρ v) as Hz. destruct (_ =? _); exact Hz.
  - intros (H & cf & Hc & Hf). destruct (Hresult _ _ H) as [HE HS].
    destruct c; cbn [positive_arms]; intros; simplify_eq; try done. by exists cf.
Qed.
Lemma swapped_sound ρ c c' φ f x :
  (∀ x, positive_arms c φ = Some x → ∃ b, cond_holds c f = Some b ∧ good_arms ρ b x) →
  cond_holds c' f = negb <$> cond_holds c f →
  swapped (positive_arms c φ) = Some x → ∃ b, cond_holds c' f = Some b ∧ good_arms ρ b x.
Proof.
  intros Hpos Hneg. destruct (positive_arms c φ) as [[y n]|]; [|done]. intros [= <-].
  destruct (Hpos _ eq_refl) as (b & Hb & Hgood). exists (negb b). rewrite Hneg Hb.
  split; [done|]. by destruct b.
Qed.
Lemma cond_arms_sound ρ c φ f x :
  flags_are ρ φ f → cond_arms c φ = Some x → ∃ b, cond_holds c f = Some b ∧ good_arms ρ b x.
Proof.
  intros Hφ. pose proof (λ c x, positive_arms_sound ρ c φ f x Hφ) as Hpos.
  destruct c; cbn [cond_arms];
    first
      [ apply Hpos
      | apply (swapped_sound _ CondO); [apply Hpos|done]
      | apply (swapped_sound _ CondB); [apply Hpos|done]
      | apply (swapped_sound _ CondE); [apply Hpos|done]
      | apply (swapped_sound _ CondBE); [apply Hpos|done]
      | apply (swapped_sound _ CondS); [apply Hpos|done]
      | apply (swapped_sound _ CondP); [apply Hpos|done]
      | apply (swapped_sound _ CondL); [apply Hpos|done]
      | apply (swapped_sound _ CondLE); [apply Hpos|done] ].
Qed.
