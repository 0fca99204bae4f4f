(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export control sound.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The executor's moves to and from CR0 and CR4 are those of the machine. *)

#[local] Arguments control_ok : simpl never.
#[local] Arguments control_free : simpl never.

Section control_sound.
  Context {M : machine} `{!machGS M Σ}.
  Context {Π : the_platform} (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).

  Lemma control_facts_ok pf c v :
    c = CR0 ∨ c = CR4 → hold (control_facts c v) → control_ok (platform_config pf) c (eval ρ v) = true.
  Proof using Type.
    intros Hc Hf. assert (∀ fixed value k, control_bits c = (fixed, value) → 0 ≤ k < 64 →
      Z.testbit fixed k = true →
      Z.testbit (bv_unsigned (eval ρ v)) k = Z.testbit value k) as Hbit.
    { intros fixed value k Hb Hk Hfixed. rewrite /control_facts Hb in Hf. apply owe_hold in Hf.
      rewrite /holds eval_mk_and /= in Hf.
      assert (Z.testbit (bv_unsigned (bv_and (eval ρ v) (Z_to_bv 64 fixed))) k = Z.testbit value k) as H.
      { by rewrite Hf Z_to_bv_bit. }
      by rewrite bv_and_unsigned Z.land_spec Z_to_bv_bit // Hfixed andb_true_r in H. }
    destruct Hc as [->| ->]; cbv beta iota zeta delta [control_ok].
    - pose proof (λ k, Hbit _ _ k eq_refl) as H.
      rewrite (H 0) // (H 16) // (H 31) //.
    - pose proof (λ k, Hbit _ _ k eq_refl) as H.
      rewrite (H 5) // (H 7) // (H 17) // (H 20) // (H 21) // (H 22) // (H 23) // (H 24) //.
  Qed.
  Lemma kept_facts_ok c old v :
    hold (kept_facts c old v) →
    Z.ldiff (Z.lxor (bv_unsigned (eval ρ v)) (bv_unsigned (eval ρ old))) (control_free c) = 0.
  Proof using Type.
    intros Hf%owe_hold. rewrite /holds eval_mk_and eval_mk_op in Hf.
    cbn [eval alu_value] in Hf. apply Z.bits_inj'. intros k Hk.
    rewrite Z.ldiff_spec Z.bits_0. destruct (Z.ltb_spec k 64) as [Hlt|Hge].
    - apply (f_equal (λ w, Z.testbit (bv_unsigned w) k)) in Hf. revert Hf. cbv beta.
      rewrite bv_and_unsigned bv_xor_unsigned Z.land_spec !Z_to_bv_bit // Z.bits_0 Z.ldiff_spec.
      rewrite Z.testbit_ones; [|lia]. assert ((0 <=? k) && (k <? 64) = true) as -> by lia. done.
    - by rewrite Z.lxor_spec !testbit_high.
  Qed.

  Lemma sread_control_sound σ c s v facts :
    c = CR0 ∨ c = CR4 → sread_control c s = Done (v, facts) → hold facts →
    SI σ -∗ den s -∗ ⌜read_control (m_config M) σ c = Ok (eval ρ v)⌝.
  Proof using Type.
    intros Hc. rewrite /sread_control. destruct platform_is as [pf|] eqn:Hpf; [|done].
    intros (v' & Hv & [= <- <-])%res_bind_Done Hf. iIntros "HS Hden".
    iDestruct (sget_sound with "HS Hden") as %Hget; [done|]. iDestruct "Hden" as "([_ %HM] & _)".
    iPureIntro. rewrite /on_platform Hpf in HM. rewrite /read_control HM /= Hget /=.
    by rewrite (control_facts_ok pf).
  Qed.
  Lemma swrite_control_sound σ c v s s' facts :
    c = CR0 ∨ c = CR4 → swrite_control c v s = Done (s', facts) → hold facts →
    SI σ -∗ den s ==∗
    ⌜write_control (m_config M) c (eval ρ v) σ = Ok (set_reg c (eval ρ v) σ)⌝ ∗
    SI (set_reg c (eval ρ v) σ) ∗ den s'.
  Proof using Type.
    intros Hc ([old f] & Hr & (s1 & Hp & [= <- <-])%res_bind_Done)%res_bind_Done [Hf Hk]%Forall_app.
    iIntros "HS Hden". iDestruct (sread_control_sound with "HS Hden") as %Hread; [done..|].
    iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [done|]. iModIntro. iFrame. iPureIntro.
    by rewrite /write_control Hread /= (kept_facts_ok _ _ _ Hk).
  Qed.
End control_sound.
