(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list.
From rocqgen.machine Require Export step walk.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Where no cached entry is stale, the relation [step] and the function [step_fun] agree: every step
    gives what the function gives, up to the contents of the TLB. *)

(** Every cached entry translates as a walk does now. *)
Definition tlb_fresh (c : config) (m : memory) (root : word) (t : tlb) : Prop :=
  ∀ e a va, e ∈ t → te_covers e va = true → pm_canonical (cfg_mode c) va = true →
    leaf_translate c a va (te_leaf e) = walk_translate c m root a va.

(** A result without its TLB. *)
Definition forget_tlb (r : result state) : result state := σ ← r; Ok (set_tlb [] σ).

Lemma tlb_fresh_evolves c m root t t' :
  tlb_fresh c m root t → tlb_evolves (cfg_mode c) m root t t' → tlb_fresh c m root t'.
Proof.
  intros Ht Hev e a va He Hcov Hcan. destruct (Hev e He) as [He'|(va' & _ & Hw & Hcov')].
  - by apply Ht.
  - apply (walk_page _ _ _ _ va) in Hw.
    + by rewrite /walk_translate Hcan Hw.
    + rewrite /te_covers in Hcov, Hcov'. lia.
Qed.
Lemma tlb_fresh_translates c m root t a va r :
  tlb_fresh c m root t → translates c m t root a va r → r = walk_translate c m root a va.
Proof. intros Ht. destruct 1 as [|e He Hcov Hcan]; [done|by apply Ht]. Qed.

(** * An instruction depends on its translator pointwise *)
Lemma result_bind_ext {A B} (x : result A) (f g : A → result B) :
  (∀ a, f a = g a) → x ≫= f = x ≫= g.
Proof. intros Hfg. destruct x as [a| |]; [apply Hfg|done..]. Qed.

Section ext.
  Context (τ τ' : translator) (Hτ : ∀ a va, τ a va = τ' a va).

  Lemma load_bytes_ext a m va n : load_bytes τ a m va n = load_bytes τ' a m va n.
  Proof using Hτ.
    revert va. induction n as [|n IH]; intros va; [done|]. by rewrite /= /load_byte Hτ IH.
  Qed.
  Lemma store_targets_ext m va n : store_targets τ m va n = store_targets τ' m va n.
  Proof using Hτ.
    revert va. induction n as [|n IH]; intros va; [done|]. rewrite /= Hτ.
    apply result_bind_ext=> pa. by rewrite IH.
  Qed.
  Lemma load_value_ext a w m va : load_value τ a w m va = load_value τ' a w m va.
  Proof using Hτ. by rewrite /load_value load_bytes_ext. Qed.
  Lemma store_value_ext w m va v : store_value τ w m va v = store_value τ' w m va v.
  Proof using Hτ. by rewrite /store_value store_targets_ext. Qed.
  Lemma read_operand_ext a w σ o : read_operand τ a w σ o = read_operand τ' a w σ o.
  Proof using Hτ.
    destruct o; [done..|]. simpl. apply result_bind_ext=> va. apply load_value_ext.
  Qed.
  Lemma write_operand_ext w σ o v : write_operand τ w σ o v = write_operand τ' w σ o v.
  Proof using Hτ.
    destruct o; [done..|]. simpl. apply result_bind_ext=> va. by rewrite store_value_ext.
  Qed.
  Lemma push_ext v σ : push τ v σ = push τ' v σ.
  Proof using Hτ. apply result_bind_ext=> sp. by rewrite store_value_ext. Qed.
  Lemma pop_ext σ : pop τ σ = pop τ' σ.
  Proof using Hτ. apply result_bind_ext=> sp. by rewrite load_value_ext. Qed.
  Lemma read_target_ext σ t : read_target τ σ t = read_target τ' σ t.
  Proof using Hτ. destruct t; [done|apply read_operand_ext]. Qed.

  Lemma rep_stosq_ext σ : rep_stosq τ σ = rep_stosq τ' σ.
  Proof using Hτ.
    apply result_bind_ext=> n. case_match; [done|]. do 2 apply result_bind_ext=> ?.
    by rewrite store_value_ext.
  Qed.

  Lemma exec_ext c i σ : exec c τ i σ = exec c τ' i σ.
  Proof using Hτ.
    destruct i; rewrite /exec /with_flags;
      repeat first
        [ reflexivity
        | progress rewrite ?read_operand_ext ?write_operand_ext ?push_ext ?pop_ext ?read_target_ext
        | apply rep_stosq_ext
        | apply result_bind_ext=> ?
        | case_match ].
  Qed.
  Lemma fetch_rest_ext va pa n : fetch_rest τ va pa n = fetch_rest τ' va pa n.
  Proof using Hτ.
    revert va pa. induction n as [|n IH]; intros va pa; [done|]. rewrite /= Hτ.
    apply result_bind_ext=> pa'. by rewrite IH.
  Qed.
  Lemma fetch_ext image rip : fetch image τ rip = fetch image τ' rip.
  Proof using Hτ.
    rewrite /fetch Hτ. apply result_bind_ext=> pa. destruct (image !! pa) as [[i n]|]; [|done].
    by rewrite fetch_rest_ext.
  Qed.
  Lemma exec_next_ext M σ : exec_next M τ σ = exec_next M τ' σ.
  Proof using Hτ. rewrite /exec_next fetch_ext. apply result_bind_ext=> -[i n]. apply exec_ext. Qed.
End ext.

(** * An instruction looks at the TLB through its translator alone *)
Section forget.
  Context (τ : translator) (t : tlb).
  Implicit Types (σ : state).

  Lemma forget_bind {A} (x : result A) (f g : A → result state) :
    (∀ a, forget_tlb (f a) = forget_tlb (g a)) → forget_tlb (x ≫= f) = forget_tlb (x ≫= g).
  Proof using Type. intros Hfg. destruct x as [a| |]; [apply Hfg|done..]. Qed.
  (** [f] may look at everything but the TLB. *)
  Lemma forget_bind_state (x y : result state) (f : state → result state) :
    forget_tlb x = forget_tlb y → (∀ σ t', forget_tlb (f (set_tlb t' σ)) = forget_tlb (f σ)) →
    forget_tlb (x ≫= f) = forget_tlb (y ≫= f).
  Proof using Type.
    intros Hxy Hf. destruct x as [σ| |], y as [σ'| |]; simplify_eq/=; [|done..].
    assert (set_tlb [] σ = set_tlb [] σ') as Heq by (destruct σ, σ'; by simplify_eq/=).
    by rewrite -(Hf σ []) -(Hf σ' []) Heq.
  Qed.

  Lemma write_reg_tlb w r v σ :
    forget_tlb (write_reg w r v (set_tlb t σ)) = forget_tlb (write_reg w r v σ).
  Proof using Type. destruct w; [by apply forget_bind..|done|done]. Qed.
  Lemma write_operand_tlb w σ o v :
    forget_tlb (write_operand τ w (set_tlb t σ) o v) = forget_tlb (write_operand τ w σ o v).
  Proof using Type.
    destruct o; [apply write_reg_tlb|done|]. by do 2 (apply forget_bind=> ?).
  Qed.
  Lemma push_tlb v σ : forget_tlb (push τ v (set_tlb t σ)) = forget_tlb (push τ v σ).
  Proof using Type. by do 2 (apply forget_bind=> ?). Qed.
  Lemma pop_tlb σ : pop τ (set_tlb t σ) = ('(v, σ') ← pop τ σ; Ok (v, set_tlb t σ')).
  Proof using Type.
    rewrite /pop. change (get_reg (set_tlb t σ) RSP) with (get_reg σ RSP).
    destruct (get_reg σ RSP) as [sp| |]; [|done..]. simpl. by destruct (load_word _ _ _ sp).
  Qed.
  Lemma read_operand_tlb a w σ o : read_operand τ a w (set_tlb t σ) o = read_operand τ a w σ o.
  Proof using Type. by destruct o. Qed.
  Lemma read_target_tlb σ o : read_target τ (set_tlb t σ) o = read_target τ σ o.
  Proof using Type. destruct o; [done|apply read_operand_tlb]. Qed.

  Lemma rep_stosq_tlb σ : forget_tlb (rep_stosq τ (set_tlb t σ)) = forget_tlb (rep_stosq τ σ).
  Proof using Type.
    apply forget_bind=> n. case_match; [done|]. do 3 (apply forget_bind=> ?). by case_match.
  Qed.
  Lemma read_control_tlb c r σ : read_control c (set_tlb t σ) r = read_control c σ r.
  Proof using Type. done. Qed.
End forget.

Section exec_tlb.
  Context (τ : translator).

  (** What follows a pop. *)
  Lemma pop_bind_tlb t σ (f : word * state → result state) :
    (∀ v σ, forget_tlb (f (v, set_tlb t σ)) = forget_tlb (f (v, σ))) →
    forget_tlb (pop τ (set_tlb t σ) ≫= f) = forget_tlb (pop τ σ ≫= f).
  Proof using Type. intros Hf. rewrite pop_tlb. destruct (pop τ σ) as [[v σ']| |]; [apply Hf|done..]. Qed.

  Lemma exec_tlb t c i σ : forget_tlb (exec c τ i (set_tlb t σ)) = forget_tlb (exec c τ i σ).
  Proof using Type.
    destruct i; rewrite /exec /with_flags ?read_operand_tlb ?read_target_tlb;
    repeat first
      [ reflexivity
      | apply write_operand_tlb | apply write_reg_tlb | apply push_tlb | apply rep_stosq_tlb
      | progress rewrite ?read_operand_tlb
      | apply pop_bind_tlb=> ? ?
      | match goal with |- context [set_reg RSP ?v (set_tlb t σ)] =>
          change (set_reg RSP v (set_tlb t σ)) with (set_tlb t (set_reg RSP v σ)) end
      | apply forget_bind_state; [|intros ? ?]
      | apply forget_bind=> ?
      | case_match ].
  Qed.
End exec_tlb.

(** The agreement. *)
Lemma step_fun_agree M σ r :
  tlb_fresh (m_config M) (st_mem σ) (root_of σ) (st_tlb σ) →
  step M σ r → forget_tlb r = forget_tlb (step_fun M σ).
Proof.
  intros Ht [t τ Hev Hτ]. rewrite /step_fun (exec_next_ext τ (walker M σ)).
  - rewrite /exec_next. apply forget_bind=> -[i n]. apply (exec_tlb _ t _ _ (set_rip _ σ)).
  - intros a va. eapply tlb_fresh_translates, Hτ. by eapply tlb_fresh_evolves.
Qed.

(** In particular, one faults or is stuck where the other is. *)
Lemma step_fun_agree_Ok M σ σ' :
  tlb_fresh (m_config M) (st_mem σ) (root_of σ) (st_tlb σ) →
  step M σ (Ok σ') → ∃ t, step_fun M σ = Ok (set_tlb t σ').
Proof.
  intros Ht Hs%step_fun_agree; [|done]. destruct (step_fun M σ) as [σ''| |]; simplify_eq/=.
  exists (st_tlb σ''). by destruct σ', σ''; simplify_eq/=.
Qed.
Lemma step_fun_agree_safe M σ :
  tlb_fresh (m_config M) (st_mem σ) (root_of σ) (st_tlb σ) →
  safe M σ ↔ ∃ σ', step_fun M σ = Ok σ'.
Proof.
  intros Ht. split.
  - intros Hs. apply Hs, step_fun_step.
  - intros [σ' Hσ'] r Hr%step_fun_agree; [|done]. rewrite Hσ' in Hr. destruct r; naive_solver.
Qed.

(** With an empty TLB nothing is stale. *)
Lemma tlb_fresh_nil c m root : tlb_fresh c m root [].
Proof. by intros e a va ?%elem_of_nil. Qed.
