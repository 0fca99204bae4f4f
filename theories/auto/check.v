(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export run.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The whole check of a fragment against its specification: by computation.

    The run from the entry and the run from each label with an invariant are the segments.  A path of a
    segment ends at an exit or at such a label, and there it has what the end asks for. *)

(** * Plans *)
(** Which end a path takes, by its number in [sp_ends], and the values of the names that it binds. *)
Record leaf_plan := LeafPlan { lp_end : nat; lp_witness : defs }.
Record segment_plan := SegmentPlan { sg_hints : hints; sg_leaves : list leaf_plan }.

(** * Verdicts *)
(** A fact that is left to prove, under what was assumed and learned on the way to it, latest first. *)
Record residue := Owe { r_path : list fact; r_tag : tag; r_fact : fact }.
(** The names of a segment, in order, and the facts that it leaves. *)
Record segment := Segment { sg_names : telescope; sg_facts : list residue }.

(** Segments count from 0, which is that of the entry. *)
Inductive verdict :=
  | Residual (l : list segment)
  | RunStuck (sg : nat) (offset : Z) (w : why) (s : sstate)
  | PostMissing (sg : nat) (n : nat) (t : tag) (s : sstate)  (* end [n] names what the state there lacks *)
  | IllScoped.

(** All paths end and leave nothing to prove. *)
Definition all_clean (l : list segment) : bool :=
  forallb (λ sg, match sg_facts sg with [] => true | _ => false end) l.
Definition clean (v : verdict) : bool := match v with Residual l => all_clean l | _ => false end.

(** * The check *)
Definition spec_scoped (sp : spec) : bool :=
  let n := sp_next sp in
  expr_scoped (below n) (sp_base sp) && state_scoped (below n) (sp_pre sp) &&
  forallb (λ p, expr_scoped (below n) (p_exit p) &&
                state_scoped (bound_or_below n (p_witness p)) (p_state p)) (sp_ends sp).

(** What is fixed of a contract is fixed by parameters. *)
Definition contracts_scoped (n : positive) (l : list contract) : bool :=
  forallb (λ c, forallb (λ x, expr_scoped (below n) x.2) (ct_fixed c)) l.

(** What the paths of a run leave at their ends, in order. *)
Inductive leaves :=
  | Matched (l : list residue)
  | Missed (n : nat) (t : tag) (s : sstate)
  | BadWitness.

Definition witness_ok (n : positive) (w : defs) (p : post) : bool :=
  forallb (λ d, Pos.leb n d.1) w &&
  bool_decide (map fst w = map fst (p_witness p)).

Fixpoint first_at (n : nat) (pc : expr) (ends : list post) : leaf_plan :=
  match ends with
  | [] => LeafPlan n []
  | p :: ends => if expr_eqb (p_exit p) pc then LeafPlan n (p_witness p) else first_at (S n) pc ends
  end.
(** Where the plans end, a path takes the first end at its address, with the end's own values. *)
Fixpoint match_leaves (n : positive) (ends : list post) (plans : list leaf_plan) (ls : list leaf)
    : leaves :=
  match ls with
  | [] => Matched []
  | lf :: ls =>
    let plan := match plans with [] => first_at 0 (l_pc lf) ends | plan :: _ => plan end in
    match nth_error ends (lp_end plan) with
    | None => BadWitness
    | Some p =>
      if expr_eqb (p_exit p) (l_pc lf) && witness_ok n (lp_witness plan) p then
        match take_state (l_state lf) (subst_state (lp_witness plan) [] (p_state p)) with
        | NoMatch t => Missed (lp_end plan) t (l_state lf)
        | Match (l, _) =>
          match match_leaves n ends (tail plans) ls with
          | Matched more => Matched (map (λ x, Owe (l_path lf) x.1 x.2) l ++ more)
          | other => other
          end
        end
      else BadWitness
    end
  end.

Definition settle (sp : spec) (sg : nat) (plan : segment_plan) (r : run_result) : verdict :=
  match r with
  | StuckAt z w s => RunStuck sg z w s
  | Paths ls acc _ ν =>
    match match_leaves (sp_next sp) (sp_ends sp) (sg_leaves plan) ls with
    | Missed n t s => PostMissing sg n t s
    | BadWitness => IllScoped
    | Matched l =>
      let ds := rev_append (n_defs ν) [] in
      if names_scoped (sp_next sp) ds then
        Residual [Segment ds (rev_append (map (λ d, Owe (d_path d) (TInstr (d_at d)) (d_fact d)) acc) l)]
      else IllScoped
    end
  end.
(** [first], and then [rest]: all segments, or what is wrong. *)
Definition both (first rest : verdict) : verdict :=
  match first, rest with
  | Residual l, Residual l' => Residual (l ++ l')
  | Residual _, v | v, _ => v
  end.

Definition plan_of (sg : nat) (plans : list segment_plan) : segment_plan := nth sg plans (SegmentPlan [] []).

Section check.
  Context (fuel : nat) (contracts : list contract) (plans : list segment_plan) (sp : spec).

  Definition check_entry (trie : code_trie) : verdict :=
    let plan := plan_of 0 plans in
    settle sp 0 plan
      (srun (Π := sp_platform sp) (sp_base sp) (sp_code sp) trie contracts (map p_exit (sp_ends sp))
         (s_facts (sp_pre sp)) fuel false 0 (sp_base sp) (sp_pre sp) FlagsAny [] [] (sg_hints plan)
         (Names (first_name sp) [])).
  (** What an invariant says is assumed first. *)
  Definition check_cut (trie : code_trie) (sg : nat) (p : post) : verdict :=
    let plan := plan_of sg plans in
    settle sp sg plan
      (srun_on (Π := sp_platform sp) (sp_base sp) (sp_code sp) trie contracts (map p_exit (sp_ends sp))
         (s_facts (sp_pre sp)) fuel 0 (p_exit p) (p_state p) FlagsAny (rev_append (s_facts (p_state p)) [])
         [] (sg_hints plan)
         (Names (first_name sp) (rev_append (map (λ d, (d.1, None)) (p_witness p)) []))).
  Fixpoint check_cuts (trie : code_trie) (sg : nat) (ps : list post) : verdict :=
    match ps with
    | [] => Residual []
    | p :: ps => both (check_cut trie sg p) (check_cuts trie (S sg) ps)
    end.

  Definition check : verdict :=
    if spec_scoped sp && contracts_scoped (sp_next sp) contracts then
      let trie := code_index (sp_code sp) in
      both (check_entry trie) (check_cuts trie 1 (sp_cuts sp))
    else IllScoped.
End check.
