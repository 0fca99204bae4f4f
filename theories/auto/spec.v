(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export run.
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

(** What a residual fact is about. *)
Inductive tag :=
  | TInstr (offset : Z)    (* an address of this instruction *)
  | TRoot                  (* the space at the exit *)
  | TReg (r : reg)         (* a register of the postcondition *)
  | TItem (n : nat)        (* an item of the postcondition, counted from 0 *)
  | TFact (n : nat).       (* a pure fact of the postcondition *)

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

(** * Scoping *)
Section scope.
  Context (ok : positive → bool).

  Fixpoint expr_scoped (e : expr) : bool :=
    match e with
    | EVar x => ok x
    | ECst _ => true
    | EAdd e _ => expr_scoped e
    | EOp _ a b => expr_scoped a && expr_scoped b
    end.
  Definition item_scoped (i : item) : bool :=
    match i with
    | IVirt _ r a _ v => expr_scoped r && expr_scoped a && expr_scoped v
    | IPhys a _ v => expr_scoped a && expr_scoped v
    | IClaim _ r a _ pa => expr_scoped r && expr_scoped a && expr_scoped pa
    end.
  Definition fact_scoped (f : fact) : bool :=
    match f with PEq a b | PNe a b | PLt a b | PLe a b => expr_scoped a && expr_scoped b end.
  Definition state_scoped (s : sstate) : bool :=
    expr_scoped (s_root s) && forallb (λ x, expr_scoped x.2) (s_regs s) &&
    forallb item_scoped (s_items s) && forallb (λ x, expr_scoped x.1) (s_code s) &&
    forallb fact_scoped (s_facts s).
End scope.

Definition below (n x : positive) : bool := Pos.ltb x n.
Definition bound_or_below (n : positive) (ds : defs) (x : positive) : bool :=
  below n x || existsb (λ d, Pos.eqb d.1 x) ds.
(** Each name stands for an expression over what comes before it. *)
Fixpoint defs_scoped (n : positive) (ds : defs) : bool :=
  match ds with
  | [] => true
  | (x, e) :: ds => Pos.leb n x && expr_scoped (below x) e && defs_scoped (Pos.succ x) ds
  end.

(** * Substitution of the bound names of an exit by their values *)
Section subst.
  Context (ds : defs).

  Fixpoint def_find (x : positive) (l : defs) : option expr :=
    match l with [] => None | (y, e) :: l => if Pos.eqb y x then Some e else def_find x l end.
  Fixpoint subst (e : expr) : expr :=
    match e with
    | EVar x => match def_find x ds with Some e => e | None => EVar x end
    | ECst _ => e
    | EAdd e z => mk_add (subst e) z
    | EOp op a b => mk_op op (subst a) (subst b)
    end.
  Definition subst_item (i : item) : item :=
    match i with
    | IVirt w r a q v => IVirt w (subst r) (subst a) q (subst v)
    | IPhys a q v => IPhys (subst a) q (subst v)
    | IClaim w r a q pa => IClaim w (subst r) (subst a) q (subst pa)
    end.
  Definition subst_fact (f : fact) : fact :=
    match f with
    | PEq a b => PEq (subst a) (subst b)
    | PNe a b => PNe (subst a) (subst b)
    | PLt a b => PLt (subst a) (subst b)
    | PLe a b => PLe (subst a) (subst b)
    end.
  Definition subst_state (s : sstate) : sstate :=
    SState (subst (s_root s)) (map (λ x, (x.1, subst x.2)) (s_regs s)) (map subst_item (s_items s))
      (map (λ x, (subst x.1, x.2)) (s_code s)) (map subst_fact (s_facts s)).
End subst.

(** * Entailment of a postcondition: each part is found and taken; what is left over is forgotten *)
Definition equate (a b : expr) : list fact := if expr_eqb a b then [] else [PEq a b].

Definition item_match (have want : item) : option (list fact) :=
  match have, want with
  | IVirt w r a q v, IVirt w' r' a' q' v' =>
    if (w || negb w') && expr_eqb a a' && expr_eqb r r' && fexpr_eqb q q' then Some (equate v v')
    else None
  | IPhys a q v, IPhys a' q' v' =>
    if expr_eqb a a' && fexpr_eqb q q' then Some (equate v v') else None
  | IClaim w r a q pa, IClaim w' r' a' q' pa' =>
    if eqb w w' && expr_eqb a a' && expr_eqb r r' && fexpr_eqb q q' then Some (equate pa pa')
    else None
  | _, _ => None
  end.
Fixpoint item_take (want : item) (l : list item) : option (list fact * list item) :=
  match l with
  | [] => None
  | i :: l =>
    match item_match i want with
    | Some facts => Some (facts, l)
    | None => match item_take want l with
              | Some (facts, l) => Some (facts, i :: l)
              | None => None
              end
    end
  end.
Fixpoint code_take (want : expr * fexpr) (l : list (expr * fexpr)) : option (list (expr * fexpr)) :=
  match l with
  | [] => None
  | c :: l =>
    if expr_eqb c.1 want.1 && fexpr_eqb c.2 want.2 then Some l
    else match code_take want l with Some l => Some (c :: l) | None => None end
  end.
Fixpoint reg_take (r : reg) (l : list (reg * expr)) : option (expr * list (reg * expr)) :=
  match l with
  | [] => None
  | (s, e) :: l =>
    if reg_eqb s r then Some (e, l)
    else match reg_take r l with Some (e', l) => Some (e', (s, e) :: l) | None => None end
  end.

Definition with_tag (t : tag) (l : list fact) : list (tag * fact) := map (pair t) l.

Inductive matched (A : Type) :=
  | Match (a : A)
  | NoMatch (t : tag).
Global Arguments Match {A} a.
Global Arguments NoMatch {A} t.

Fixpoint match_regs (have want : list (reg * expr)) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | (r, e') :: want =>
    match reg_take r have with
    | None => NoMatch (TReg r)
    | Some (e, have) =>
      match match_regs have want with
      | Match l => Match (with_tag (TReg r) (equate e e') ++ l)
      | no => no
      end
    end
  end.
Fixpoint match_items (n : nat) (have want : list item) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | i :: want =>
    match item_take i have with
    | None => NoMatch (TItem n)
    | Some (facts, have) =>
      match match_items (S n) have want with
      | Match l => Match (with_tag (TItem n) facts ++ l)
      | no => no
      end
    end
  end.
Fixpoint match_code (n : nat) (have want : list (expr * fexpr)) : matched (list (tag * fact)) :=
  match want with
  | [] => Match []
  | c :: want =>
    match code_take c have with
    | None => NoMatch (TItem n)
    | Some have => match_code (S n) have want
    end
  end.
Fixpoint goals_of (n : nat) (l : list fact) : list (tag * fact) :=
  match l with
  | [] => []
  | f :: l =>
    match f with
    | PEq a b => if expr_eqb a b then goals_of (S n) l else (TFact n, f) :: goals_of (S n) l
    | _ => (TFact n, f) :: goals_of (S n) l
    end
  end.
(** Code of the postcondition counts after its items. *)
Definition match_state (have want : sstate) : matched (list (tag * fact)) :=
  match match_regs (s_regs have) (s_regs want),
        match_items 0 (s_items have) (s_items want),
        match_code (length (s_items want)) (s_code have) (s_code want) with
  | Match l1, Match l2, Match l3 =>
    Match (with_tag TRoot (equate (s_root have) (s_root want)) ++ l1 ++ l2 ++ l3 ++
           goals_of 0 (s_facts want))
  | NoMatch t, _, _ | _, NoMatch t, _ | _, _, NoMatch t => NoMatch t
  end.

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
