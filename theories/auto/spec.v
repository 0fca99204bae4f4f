(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export scope entail run.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Specifications as data, and the whole check of a fragment against one: by computation. *)

(** An exit: where, the names that its assertion binds with the values that they have there, and the
    assertion. *)
Record post := Post { p_exit : expr; p_witness : defs; p_state : sstate }.

Record spec := Spec {
  sp_base : expr;          (* the entry *)
  sp_code : code_list;
  sp_pre : sstate;
  sp_posts : list post;
  sp_next : positive;      (* above every parameter: names begin here *)
}.

(** A fact that is left to prove, under what was assumed on the way to it: the conditions of branches,
    latest first. *)
Record residue := Owe { r_path : list fact; r_tag : tag; r_fact : fact }.

Inductive verdict :=
  | Residual (ds : defs) (facts : list residue)
  | RunStuck (offset : Z) (w : why) (s : sstate)
  | PostMissing (t : tag) (s : sstate)     (* the postcondition names what the final state does not have *)
  | IllScoped.

(** All paths of the run end at exits and leave nothing to prove. *)
Definition clean (v : verdict) : bool := match v with Residual _ [] => true | _ => false end.

(** * The check *)
Definition spec_scoped (sp : spec) : bool :=
  let n := sp_next sp in
  expr_scoped (below n) (sp_base sp) && state_scoped (below n) (sp_pre sp) &&
  forallb (λ p, expr_scoped (below n) (p_exit p) &&
                state_scoped (bound_or_below n (p_witness p)) (p_state p)) (sp_posts sp).

(** What the paths of a run leave at their exits, in order. *)
Inductive leaves :=
  | Matched (l : list residue)
  | Missed (t : tag) (s : sstate)
  | BadWitness.

(** The names that the exit binds, with values. *)
Definition witness_ok (n : positive) (w : defs) (p : post) : bool :=
  forallb (λ d, Pos.leb n d.1) w &&
  bool_decide (map fst w = map fst (p_witness p)).

(** [ws] gives the values of the names that exits bind, path by path; where it ends, those of the exit
    serve. *)
Fixpoint match_leaves (n : positive) (posts : list post) (ws : list defs) (ls : list leaf) : leaves :=
  match ls with
  | [] => Matched []
  | lf :: ls =>
    match nth_error posts (l_exit lf) with
    | None => BadWitness
    | Some p =>
      let w := match ws with [] => p_witness p | w :: _ => w end in
      if witness_ok n w p then
        match match_state (l_state lf) (subst_state w (p_state p)) with
        | NoMatch t => Missed t (l_state lf)
        | Match l =>
          match match_leaves n posts (tail ws) ls with
          | Matched more => Matched (map (λ x, Owe (l_path lf) x.1 x.2) l ++ more)
          | other => other
          end
        end
      else BadWitness
    end
  end.

Definition check (fuel : nat) (hs : hints) (ws : list defs) (sp : spec) : verdict :=
  if spec_scoped sp then
    let Π : the_platform := None in
    match srun (sp_base sp) (code_index (sp_code sp)) (map p_exit (sp_posts sp))
            (s_facts (sp_pre sp)) fuel 0 (sp_base sp) (sp_pre sp) FlagsAny [] [] hs
            (Names (sp_next sp) []) with
    | StuckAt z w s => RunStuck z w s
    | Paths ls acc _ ν =>
      match match_leaves (sp_next sp) (sp_posts sp) ws ls with
      | Missed t s => PostMissing t s
      | BadWitness => IllScoped
      | Matched l =>
        let ds := rev_append (n_defs ν) [] in
        if defs_scoped (sp_next sp) ds then
          Residual ds (rev_append (map (λ d, Owe (d_path d) (TInstr (d_at d)) (d_fact d)) acc) l)
        else IllScoped
      end
    end
  else IllScoped.
