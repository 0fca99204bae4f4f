(* SPDX-License-Identifier: Apache-2.0 *)
From iris.bi.lib Require Export fractional.
From iris.proofmode Require Import proofmode.
From iris.base_logic.lib Require Export fancy_updates ghost_map ghost_var.
From rocqgen.logic Require Export tables.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Ghost state and the state interpretation.

    Page tables belong to the state interpretation, as one part [T] of physical memory; the map [Θ] of
    claims says what they translate, the map [E] which of their entries may be written.  A claim is a
    fragment of [Θ] for one page of one space, split so that each of its 4096 bytes has a share: so a
    virtual points-to carries data and translation in the same fraction, and whoever owns a page whole
    owns the claim whole.  A cell of a table is a fragment of [E]: to write it takes the whole of it, to know
    it a part.  What holds between them and the TLB is [tables_ok]. *)

Class machGS (M : machine) (Σ : gFunctors) := MachGS {
  mach_invGS :: invGS_gen HasLc Σ;
  mach_regG :: ghost_mapG Σ reg word;
  mach_memG :: ghost_mapG Σ Z byte;
  mach_claimG :: ghost_mapG Σ (word * Z) trans;
  mach_cellG :: ghost_mapG Σ Z cell;
  mach_flagsG :: ghost_varG Σ flags;
  mach_reg_name : gname;
  mach_mem_name : gname;
  mach_claim_name : gname;
  mach_cell_name : gname;
  mach_flags_name : gname;
}.
Global Arguments mach_reg_name {M Σ _}.
Global Arguments mach_mem_name {M Σ _}.
Global Arguments mach_claim_name {M Σ _}.
Global Arguments mach_cell_name {M Σ _}.
Global Arguments mach_flags_name {M Σ _}.

Section resources.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (r : reg) (va root : word) (q : Qp) (R : rights).

  (** * Objective resources *)
  Definition reg_pt (r : reg) (v : word) : iProp Σ := r ↪[mach_reg_name] v.
  Definition phys_byte (pa : Z) (q : Qp) (b : byte) : iProp Σ := pa ↪[mach_mem_name]{#q} b.
  Definition flags_pt (f : flags) : iProp Σ := ghost_var mach_flags_name (1/2) f.

  (** The claim on a page, and the cell of a table at a physical address. *)
  Definition page_claim (x : word * Z) (q : Qp) (t : trans) : iProp Σ := x ↪[mach_claim_name]{#q} t.
  Definition cell_pt (s : Z) (q : Qp) (x : cell) : iProp Σ := s ↪[mach_cell_name]{#q} x.

  (** One byte's share of the claim that [root] translates [va] to [pa] with rights [R]. *)
  Definition claim (root va : word) (q : Qp) (pa : Z) (R : rights) : iProp Σ :=
    ∃ frame : Z, ⌜pa = (frame + page_offset va)%Z⌝ ∗
      (root, page va) ↪[mach_claim_name]{#q / pos_to_Qp 4096} (frame, R).

  (** * The state interpretation *)
  Definition state_interp (σ : state) : iProp Σ :=
    ∃ (T : memory) (Θ : gmap (word * Z) trans) (E : cells),
      ghost_map_auth mach_reg_name 1 (st_regs σ) ∗
      ghost_var mach_flags_name (1/2) (st_flags σ) ∗
      ghost_map_auth mach_mem_name 1 (st_mem σ) ∗ ([∗ map] pa ↦ b ∈ T, phys_byte pa 1 b) ∗
      ghost_map_auth mach_claim_name 1 Θ ∗ ghost_map_auth mach_cell_name 1 E ∗
      ⌜tables_ok (m_config M) T Θ E (root_of σ) (st_tlb σ)⌝.

  Global Instance reg_pt_timeless r v : Timeless (reg_pt r v).
  Proof. rewrite /reg_pt. apply _. Qed.
  Global Instance phys_byte_timeless pa q b : Timeless (phys_byte pa q b).
  Proof. rewrite /phys_byte. apply _. Qed.
  Global Instance flags_pt_timeless f : Timeless (flags_pt f).
  Proof. rewrite /flags_pt. apply _. Qed.
  Global Instance claim_timeless root va q pa R : Timeless (claim root va q pa R).
  Proof. rewrite /claim. apply _. Qed.

  Global Instance page_claim_timeless x q t : Timeless (page_claim x q t).
  Proof. rewrite /page_claim. apply _. Qed.
  Global Instance cell_pt_timeless s q x : Timeless (cell_pt s q x).
  Proof. rewrite /cell_pt. apply _. Qed.

  (** * Laws of the resources *)
  Global Instance page_claim_fractional x t : Fractional (λ q, page_claim x q t).
  Proof. rewrite /page_claim. apply _. Qed.
  Global Instance page_claim_as_fractional x q t :
    AsFractional (page_claim x q t) (λ q, page_claim x q t) q.
  Proof. split; [done|apply _]. Qed.
  Global Instance cell_pt_fractional s x : Fractional (λ q, cell_pt s q x).
  Proof. rewrite /cell_pt. apply _. Qed.
  Global Instance cell_pt_as_fractional s q x : AsFractional (cell_pt s q x) (λ q, cell_pt s q x) q.
  Proof. split; [done|apply _]. Qed.
  Lemma cell_pt_agree s q1 q2 x1 x2 : cell_pt s q1 x1 -∗ cell_pt s q2 x2 -∗ ⌜x1 = x2⌝.
  Proof. iIntros "H1 H2". iApply (ghost_map_elem_agree with "H1 H2"). Qed.
  Lemma cell_pt_ne s1 s2 q x1 x2 : cell_pt s1 1 x1 -∗ cell_pt s2 q x2 -∗ ⌜s1 ≠ s2⌝.
  Proof. iIntros "H1 H2". iApply (ghost_map_elem_ne with "H1 H2"). Qed.

  Global Instance phys_byte_fractional pa b : Fractional (λ q, phys_byte pa q b).
  Proof. rewrite /phys_byte. apply _. Qed.
  Global Instance phys_byte_as_fractional pa q b :
    AsFractional (phys_byte pa q b) (λ q, phys_byte pa q b) q.
  Proof. split; [done|apply _]. Qed.
  Lemma phys_byte_agree pa q1 q2 b1 b2 : phys_byte pa q1 b1 -∗ phys_byte pa q2 b2 -∗ ⌜b1 = b2⌝.
  Proof. iIntros "H1 H2". iApply (ghost_map_elem_agree with "H1 H2"). Qed.
  Lemma phys_byte_valid_2 pa q1 q2 b1 b2 :
    phys_byte pa q1 b1 -∗ phys_byte pa q2 b2 -∗ ⌜(q1 + q2 ≤ 1)%Qp⌝.
  Proof.
    iIntros "H1 H2". by iDestruct (ghost_map_elem_valid_2 with "H1 H2") as %[? _].
  Qed.

  Lemma claim_agree root va q1 q2 pa1 pa2 R1 R2 :
    claim root va q1 pa1 R1 -∗ claim root va q2 pa2 R2 -∗ ⌜pa1 = pa2 ∧ R1 = R2⌝.
  Proof.
    iIntros "(%f1 & -> & H1) (%f2 & -> & H2)".
    by iDestruct (ghost_map_elem_agree with "H1 H2") as %[= -> ->].
  Qed.
  Global Instance claim_fractional root va pa R : Fractional (λ q, claim root va q pa R).
  Proof.
    intros q1 q2. rewrite /claim Qp.div_add_distr. iSplit.
    - iIntros "(%f & -> & H1 & H2)". iSplitL "H1"; iExists f; by iFrame.
    - iIntros "[(%f1 & -> & H1) (%f2 & %Hf & H2)]".
      iDestruct (ghost_map_elem_agree with "H1 H2") as %[= <-].
      iExists f1. iSplit; [done|]. iCombine "H1 H2" as "$".
  Qed.
  Global Instance claim_as_fractional root va q pa R :
    AsFractional (claim root va q pa R) (λ q, claim root va q pa R) q.
  Proof. split; [done|apply _]. Qed.

  (** * Reading and changing the state *)
  Lemma state_interp_reg σ r v : state_interp σ -∗ reg_pt r v -∗ ⌜st_regs σ !! r = Some v⌝.
  Proof.
    iIntros "(% & % & % & Hr & _) H". iApply (ghost_map_lookup with "Hr H").
  Qed.
  Lemma state_interp_byte σ pa q b : state_interp σ -∗ phys_byte pa q b -∗ ⌜st_mem σ !! pa = Some b⌝.
  Proof.
    iIntros "(% & % & % & _ & _ & Hm & _) H". iApply (ghost_map_lookup with "Hm H").
  Qed.
  Lemma state_interp_rip σ pc : state_interp σ -∗ state_interp (set_rip pc σ).
  Proof. by iIntros. Qed.
  Lemma root_of_set_reg r v σ : r ≠ CR3 → root_of (set_reg r v σ) = root_of σ.
  Proof. intros Hr. by rewrite /root_of /= lookup_insert_ne. Qed.
  Lemma state_interp_set_reg σ r v w : r ≠ CR3 →
    state_interp σ -∗ reg_pt r v ==∗ state_interp (set_reg r w σ) ∗ reg_pt r w.
  Proof.
    iIntros (Hr) "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iMod (ghost_map_update w with "Hr H") as "[Hr $]". iModIntro.
    iExists T, Θ, E. iFrame. by rewrite root_of_set_reg.
  Qed.
  Lemma state_interp_flags σ f : state_interp σ -∗ flags_pt f -∗ ⌜st_flags σ = f⌝.
  Proof. iIntros "(% & % & % & _ & Hf & _) H". iApply (ghost_var_agree with "Hf H"). Qed.
  Lemma state_interp_set_flags σ f g :
    state_interp σ -∗ flags_pt f ==∗ state_interp (set_flags g σ) ∗ flags_pt g.
  Proof.
    iIntros "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iMod (ghost_var_update_halves g with "Hf H") as "[Hf H]". iModIntro.
    iSplitR "H"; [|done]. iExists T, Θ, E. by iFrame.
  Qed.
  Lemma state_interp_set_byte σ pa b b' :
    state_interp σ -∗ phys_byte pa 1 b ==∗
    state_interp (set_mem (<[pa := b']> (st_mem σ)) σ) ∗ phys_byte pa 1 b'.
  Proof.
    iIntros "(%T & %Θ & %E & Hr & Hf & Hm & HT & HΘ & HE & %Hok) H".
    iMod (ghost_map_update b' with "Hm H") as "[Hm $]". iModIntro.
    iExists T, Θ, E. by iFrame.
  Qed.
End resources.

Notation "r ↦ᵣ v" := (reg_pt r v) (at level 20) : bi_scope.

Global Typeclasses Opaque reg_pt phys_byte flags_pt claim page_claim cell_pt state_interp.
