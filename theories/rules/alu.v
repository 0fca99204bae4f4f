(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.rules Require Export common.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [add], [sub], [and], [or], [xor], [shl], [shr], [sar], [rol], [ror].

    The value is [alu_at], which is [alu_value] at 64 bits; the flags are [alu_flags].  [F] is the
    assertion of the flags: [vflags f] becomes [vflags (alu_flags w op a b f)], [flags_any] stays what it
    is.

    A destination in memory is read with the rights of a write, so that the read of a
    read-modify-write needs [↦ᵥ] too.  What is excluded beside the faults of the fetch: with a
    memory operand, the faults of its access and memory that is not there. *)

Section alu.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (op : alu) (p next va a b : word) (d s : reg) (m : addr) (C R A V F : vProp Σ).

  Definition vflags (f : flags) : vProp Σ := ⎡flags_pt f⎤%I.
  Global Instance vflags_objective f : Objective (vflags f).
  Proof. apply _. Qed.
  Global Instance vflags_timeless f : Timeless (vflags f).
  Proof. apply _. Qed.
  Lemma flags_any_vflags : flags_any ⊣⊢ ∃ f, vflags f.
  Proof. by rewrite /flags_any embed_exist. Qed.

  Class AluFlags w op a b F F' : Prop :=
    alu_flags_acc root : F root ⊢ ∃ f, flags_pt f ∗ (flags_pt (alu_flags w op a b f) -∗ F' root).
  Global Instance alu_flags_vflags w op a b f :
    AluFlags w op a b (vflags f) (vflags (alu_flags w op a b f)).
  Proof.
    intros root. rewrite /vflags monPred_at_embed. iIntros "H". iExists f. iFrame "H".
    rewrite monPred_at_embed. by iIntros.
  Qed.
  Lemma flags_any_at root : (flags_any (Σ:=Σ)) root ⊣⊢ ∃ f, flags_pt f.
  Proof. apply monPred_at_embed. Qed.
  Global Instance alu_flags_any w op a b : AluFlags w op a b flags_any flags_any.
  Proof.
    intros root. iIntros "H". iDestruct (flags_any_at with "H") as (f) "H". iExists f. iFrame "H".
    iIntros "H". rewrite flags_any_at. by iExists _.
  Qed.

  Lemma wp_alu C p n next op w (d s : operand) a b R R' F F' Φ :
    Fetches C p (Alu op w d s) n → AddsTo p n next →
    Reads w Write next R d a → Reads w Read next R s b → Writes w next R d (alu_at w op a b) R' →
    AluFlags w op a b F F' →
    C -∗ R -∗ F -∗ (C -∗ R' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (HC Hn Ha Hb Hd HF) "HC HR HF H".
    iApply (wp_executes _ _ _ _ _ next (R ∗ F) (R' ∗ F') with "HC [$HR $HF]").
    - intros σ Hrip. rewrite monPred_at_sep. iIntros "HS Hcr3 [HR HF]".
      iDestruct (alu_flags_acc with "HF") as (f) "[Hf HF]".
      iDestruct (state_interp_flags with "HS Hf") as %<-.
      iDestruct (Ha with "HS HR") as %Hva; [done|]. iDestruct (Hb with "HS HR") as %Hvb; [done|].
      iMod (Hd with "HS Hcr3 HR") as (σ' Hσ' Hrip') "(HS & Hcr3 & HR)"; [done|].
      iMod (state_interp_set_flags with "HS Hf") as "[HS Hf]". iModIntro.
      iExists _. rewrite monPred_at_sep. iFrame "HS Hcr3 HR". iDestruct ("HF" with "Hf") as "$".
      iPureIntro. split; [|done]. intros τ Hτ.
      by rewrite /= (Hva _ Hτ) /= (Hvb _ Hτ) /= (Hσ' _ Hτ).
    - iIntros "HC [HR HF]". iApply ("H" with "HC HR HF").
  Qed.

  Lemma wp_alu_rr C p n next op d s a b F F' Φ :
    Fetches C p (Alu op W64 (OReg d) (OReg s)) n → AddsTo p n next → AluFlags W64 op a b F F' →
    C -∗ d ⇒ᵣ a -∗ s ⇒ᵣ b -∗ F -∗
    (C -∗ d ⇒ᵣ alu_value op a b -∗ s ⇒ᵣ b -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (???) "HC Hd Hs HF H".
    iApply (wp_alu _ _ _ _ _ _ _ _ a b (d ⇒ᵣ a ∗ s ⇒ᵣ b) with "HC [$Hd $Hs] HF").
    iIntros "HC [Hd Hs] HF". iApply ("H" with "HC Hd Hs HF").
  Qed.
  (** The same register twice: [xor d, d]. *)
  Lemma wp_alu_self C p n next op d a F F' Φ :
    Fetches C p (Alu op W64 (OReg d) (OReg d)) n → AddsTo p n next → AluFlags W64 op a a F F' →
    C -∗ d ⇒ᵣ a -∗ F -∗ (C -∗ d ⇒ᵣ alu_value op a a -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof. iIntros (???) "HC Hd HF". iApply (wp_alu with "HC Hd HF"). Qed.
  Lemma wp_alu_ri C p n next op d i a F F' Φ :
    Fetches C p (Alu op W64 (OReg d) (OImm i)) n → AddsTo p n next →
    AluFlags W64 op a (Z_to_bv 64 i) F F' →
    C -∗ d ⇒ᵣ a -∗ F -∗ (C -∗ d ⇒ᵣ alu_value op a (Z_to_bv 64 i) -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof. iIntros (???) "HC Hd HF". iApply (wp_alu with "HC Hd HF"). Qed.
  (** [add d, [m]] *)
  Lemma wp_alu_rm C p n next op d m va a b A V F F' Φ :
    Fetches C p (Alu op W64 (OReg d) (OMem m)) n → AddsTo p n next →
    Addresses next (A ∗ d ⇒ᵣ a) m va → HasCell Read V va b → AluFlags W64 op a b F F' →
    C -∗ d ⇒ᵣ a -∗ A -∗ V -∗ F -∗
    (C -∗ d ⇒ᵣ alu_value op a b -∗ A -∗ V -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (?????) "HC Hd HA HV HF H".
    iApply (wp_alu _ _ _ _ _ _ _ _ a b ((A ∗ d ⇒ᵣ a) ∗ V) with "HC [$Hd $HA $HV] HF").
    iIntros "HC [[HA Hd] HV] HF". iApply ("H" with "HC Hd HA HV HF").
  Qed.
  (** [add [m], s] *)
  Lemma wp_alu_mr C p n next op m s va a b A V V' F F' Φ :
    Fetches C p (Alu op W64 (OMem m) (OReg s)) n → AddsTo p n next →
    Addresses next (A ∗ s ⇒ᵣ b) m va → HasCell Write V va a →
    SetCell V va (alu_value op a b) V' → AluFlags W64 op a b F F' →
    C -∗ s ⇒ᵣ b -∗ A -∗ V -∗ F -∗
    (C -∗ s ⇒ᵣ b -∗ A -∗ V' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (??????) "HC Hs HA HV HF H".
    iApply (wp_alu _ _ _ _ _ _ _ _ a b ((A ∗ s ⇒ᵣ b) ∗ V) with "HC [$Hs $HA $HV] HF").
    iIntros "HC [[HA Hs] HV] HF". iApply ("H" with "HC Hs HA HV HF").
  Qed.
  (** [add [m], i] *)
  Lemma wp_alu_mi C p n next op m i va a A V V' F F' Φ :
    Fetches C p (Alu op W64 (OMem m) (OImm i)) n → AddsTo p n next →
    Addresses next A m va → HasCell Write V va a →
    SetCell V va (alu_value op a (Z_to_bv 64 i)) V' → AluFlags W64 op a (Z_to_bv 64 i) F F' →
    C -∗ A -∗ V -∗ F -∗ (C -∗ A -∗ V' -∗ F' -∗ vwp next Φ) -∗ vwp p Φ.
  Proof.
    iIntros (??????) "HC HA HV HF H".
    iApply (wp_alu _ _ _ _ _ _ _ _ a _ (A ∗ V) with "HC [$HA $HV] HF").
    iIntros "HC [HA HV] HF". iApply ("H" with "HC HA HV HF").
  Qed.
End alu.

Global Typeclasses Opaque vflags.
Global Hint Mode AluFlags + + + + + + + ! - : typeclass_instances.
