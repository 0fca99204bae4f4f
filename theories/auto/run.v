(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export scope entail turn spec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Runs of a fragment: all its paths, to where they end. *)

(** * Hints *)
(** They come in the order of execution, each with the offset of an instruction.  Those of the first two
    kinds are taken before the instruction there is executed, the ghosts first; those of the next two after
    it, at the beginning of the way that is taken. *)
Inductive hint :=
  | HFirst (g : ghost)
  | HAt (n : nat) (m : option nat) (i : option expr)     (* the items of its access *)
  | HThen (g : ghost)
  | HCall (k : nat) (words : defs) (fracs : shares)      (* goes by contract [k], at values of its variables *)
  | HNone.               (* here is none: where the next one would be taken by mistake *)
Notation hints := (list (Z * hint)).

Definition pop_at (z : Z) (hs : hints) : option at_hint * hints :=
  match hs with
  | (k, HAt n m i) :: hs' => if Z.eqb k z then (Some (At n m i), hs') else (None, hs)
  | (k, HNone) :: hs' => if Z.eqb k z then (None, hs') else (None, hs)
  | _ => (None, hs)
  end.
Definition pop_call (z : Z) (hs : hints) : option (nat * defs * shares) * hints :=
  match hs with
  | (k, HCall n ws qs) :: hs' => if Z.eqb k z then (Some (n, ws, qs), hs') else (None, hs)
  | (k, HNone) :: hs' => if Z.eqb k z then (None, hs') else (None, hs)
  | _ => (None, hs)
  end.

(** * Code *)
(** A change of root needs the code of the new space: checked at the next fetch, but also there, since it
    makes the value loadable. *)
Definition root_mapped (i : instr) (s : sstate) : bool :=
  match i with
  | MovToCr3 r => match sget r s with Done v => code_mapped v (s_code s) | Fail _ => true end
  | _ => true
  end.

(** * What a run gives *)
(** What has to be shown: a fact, under what was assumed before (latest first), and the offset of the
    instruction that it is about. *)
Record due := Due { d_path : list fact; d_at : Z; d_fact : fact }.
Fixpoint dues (path : list fact) (z : Z) (l : list fact) (acc : list due) : list due :=
  match l with [] => acc | f :: l => dues path z l (Due path z f :: acc) end.

(** A path of a run that ended: where, the state there, and what was assumed or learned on the way, latest
    first. *)
Record leaf := Leaf { l_pc : expr; l_state : sstate; l_path : list fact }.

(** All paths of a run, in order, with what is owed by all of them, latest first; the hints that are left,
    and the names. *)
Inductive run_result :=
  | Paths (l : list leaf) (acc : list due) (hs : hints) (ν : names)
  | StuckAt (offset : Z) (w : why) (s : sstate).

(** [first], and then whatever comes after it. *)
Definition then_run (first : run_result) (rest : list due → hints → names → run_result) : run_result :=
  match first with
  | Paths l1 acc hs ν =>
    match rest acc hs ν with
    | Paths l2 acc hs ν => Paths (l1 ++ l2) acc hs ν
    | stuck => stuck
    end
  | stuck => stuck
  end.

(** * Ghost steps *)
(** What is there still means the same when a new name [n] gets a value. *)
Definition still (n : positive) (pc : expr) (s : sstate) (φ : sflags) (path : list fact) : bool :=
  expr_scoped (below n) pc && state_scoped (below n) s && flags_scoped (below n) φ &&
  forallb (fact_scoped (below n)) path.

Record turn := Turn { t_state : sstate; t_path : list fact; t_due : list due; t_hints : hints; t_names : names }.

Section ghosts.
  Context {Π : the_platform}.
  (** The ghost steps that come next, after or before the instruction at [z]; control is at [pc]. *)
  Context (base : expr) (code : code_list) (after : bool) (z : Z) (pc : expr) (φ : sflags).

  Definition ghost_of (h : hint) : option ghost :=
    match h with
    | HFirst g => if after then None else Some g
    | HThen g => if after then Some g else None
    | _ => None
    end.
  Fixpoint sghosts (s : sstate) (path : list fact) (acc : list due) (hs : hints) (ν : names) : res turn :=
    match hs with
    | (k, h) :: hs' =>
      match (if Z.eqb k z then ghost_of h else None) with
      | Some g =>
        let* (s', owed, learned, ν') := sturn base code g s ν in
        if Pos.eqb (n_next ν) (n_next ν')
           || (still (n_next ν) pc s φ path && state_scoped (below (n_next ν')) s' &&
               forallb (fact_scoped (below (n_next ν'))) learned)
        then sghosts s' (rev_append learned path) (dues path z owed acc) hs' ν'
        else Fail OutOfScope
      | None => Done (Turn s path acc hs ν)
      end
    | [] => Done (Turn s path acc hs ν)
    end.
End ghosts.

(** * Calls *)
(** The names [xs] stand for those from [n] on. *)
Fixpoint renamed (n : positive) (xs : list positive) : defs :=
  match xs with [] => [] | x :: xs => (x, EVar n) :: renamed (Pos.succ n) xs end.
Definition is_known (ds : defs) (x : positive) : bool := existsb (λ d, Pos.eqb d.1 x) ds.
(** Code that was lent and is given back. *)
Fixpoint code_back (lent given : list (expr * fexpr)) : list (expr * fexpr) :=
  match given with
  | [] => []
  | c :: given =>
    match code_take c lent with
    | Some lent => c :: code_back lent given
    | None => code_back lent given
    end
  end.

Section run.
  Context {Π : the_platform}.
  (** [ends] are the addresses where paths may end; [given] is what holds all the time. *)
  Context (base : expr) (code : code_list) (trie : code_trie) (contracts : list contract).
  Context (ends : list expr) (given : list fact).

  Definition is_end (pc : expr) : bool := existsb (λ e, expr_eqb e pc) ends.

  (** How a run goes on. *)
  Definition continuation : Type :=
    Z → expr → sstate → sflags → list fact → list due → hints → names → run_result.

  (** What a call needs, under which facts, and the frame. *)
  Definition scall_needs (k : nat) (c : spec) (fixed : list (expr * expr)) (words : defs) (fracs : shares)
      (pc : expr) (s : sstate) : res (list fact * sstate) :=
    if expr_eqb (subst words (sp_base c)) pc && forallb (λ x, expr_eqb (subst words x.1) x.2) fixed then
      let pre := subst_state words fracs (sp_pre c) in
      if match s_code pre with
         | [] => true
         | _ => match offset_from base pc with Some d => code_covers d code (sp_code c) | None => false end
         end
      then match take_state s pre with
           | Match (facts, rest) => Done (map snd facts, rest)
           | NoMatch t => Fail (Needs k t)
           end
      else Fail (CalleeCode k)
    else Fail (NotAtEntry k).
  (** The state behind the exit [p] of a callee, to which [lent] code was given. *)
  Definition scall_state (words : defs) (fracs : shares) (lent : list (expr * fexpr)) (rest : sstate)
      (p : post) : sstate :=
    let s := subst_state words fracs (p_state p) in
    SState (s_root s) (s_regs rest ++ s_regs s) (s_items rest ++ s_items s)
      (s_code rest ++ code_back lent (s_code s)) [].

  (** The new names of the exit [p], from [n] on, are not taken for other ones. *)
  Definition scall_scoped (n : positive) (c : spec) (words : defs) (entry : expr)
      (lent : list (expr * fexpr)) (rest : sstate) (path : list fact) (p : post) : bool :=
    match map fst (p_witness p) with
    | [] => true
    | xs =>
      let words' := renamed n xs ++ words in
      let ok x := is_known words' x || below n x in
      bool_decide (NoDup xs) && still n (subst words (p_exit p)) rest FlagsAny (path ++ given) &&
      forallb (λ d, expr_scoped (below n) d.2) words && forallb (λ x, expr_scoped (below n) x.1) lent &&
      expr_scoped (below n) base && expr_scoped (below n) entry &&
      expr_eqb (subst words' (sp_base c)) entry && expr_scoped ok (sp_base c) &&
      state_scoped ok (p_state p)
    end.
  (** The arms of a call: one for each exit of the callee.  The names that the exit binds are unknown.
      [entry] is where the callee begins. *)
  Definition scall_arm (go : continuation) (z : Z) (c : spec) (words : defs) (fracs : shares)
      (entry : expr) (lent : list (expr * fexpr)) (rest : sstate) (path : list fact) (p : post)
      (acc : list due) (hs : hints) (ν : names) : run_result :=
    let n := n_next ν in
    let xs := map fst (p_witness p) in
    let words' := renamed n xs ++ words in
    let pc := subst words (p_exit p) in
    if scall_scoped n c words entry lent rest path p then
      let learned := map (subst_fact words') (s_facts (p_state p)) in
      if existsb (refuted (path ++ given)) learned then Paths [] acc hs ν
      else go z pc (scall_state words' fracs lent rest p) FlagsAny (rev_append learned path) acc hs
             (unknowns (length xs) ν)
    else StuckAt z OutOfScope rest.
  Fixpoint scall_arms (arm : post → list due → hints → names → run_result) (ps : list post)
      (acc : list due) (hs : hints) (ν : names) : run_result :=
    match ps with
    | [] => Paths [] acc hs ν
    | p :: ps => then_run (arm p acc hs ν) (scall_arms arm ps)
    end.
  Definition scall (go : continuation) (z : Z) (k : nat) (words : defs) (fracs : shares) (pc : expr)
      (s : sstate) (path : list fact) (acc : list due) (hs : hints) (ν : names) : run_result :=
    match nth_error contracts k with
    | None => StuckAt z BadHint s
    | Some (Contract c fixed) =>
      match scall_needs k c fixed words fracs pc s with
      | Fail w => StuckAt z w s
      | Done (facts, rest) =>
        let lent := s_code (subst_state words fracs (sp_pre c)) in
        scall_arms (scall_arm go z c words fracs pc lent rest path) (sp_posts c) (dues path z facts acc) hs ν
      end
    end.

  (** One instruction.  [last] is the offset of the one before.  An arm that cannot be taken is left out. *)
  Definition sexec (go : continuation) (last : Z) (pc : expr) (s : sstate) (φ : sflags)
      (path : list fact) (acc : list due) (hs : hints) (ν : names) : run_result :=
    match offset_from base pc with
    | None => StuckAt last (LeftCode pc) s
    | Some z =>
      match code_get trie z with
      | None => StuckAt last (LeftCode pc) s
      | Some (i, n) =>
        match sghosts base code false z pc φ s path acc hs ν with
        | Fail w => StuckAt z w s
        | Done (Turn s path acc hs ν) =>
          if code_mapped (s_root s) (s_code s) then
            let '(hint, hs) := pop_at z hs in
            if root_mapped i s && length_fits i n then
              match sstep hint (mk_add base (z + n)) i s φ ν with
              | Done (Straight o) =>
                go z (o_pc o) (o_state o) (o_flags o) path (dues path z (o_facts o) acc) hs (o_names o)
              | Done (Fork yes no o o') =>
                let arm f o acc hs ν :=
                  if refuted (path ++ given) f then Paths [] acc hs ν
                  else go z (o_pc o) (o_state o) (o_flags o) (f :: path)
                         (dues path z (o_facts o) acc) hs ν in
                then_run (arm yes o acc hs ν) (arm no o')
              | Fail w => StuckAt z w s
              end
            else
              StuckAt z (match i with
                         | MovToCr3 r => match sget r s with Done v => CodeUnmapped v | Fail w => w end
                         | _ => UnsupportedForm
                         end) s
          else StuckAt z (CodeUnmapped (s_root s)) s
        end
      end
    end.

  (** [after] an instruction, what the hints say of it comes first: ghost steps, and perhaps a call. *)
  Definition with_ghosts (after : bool) (body : option (nat * defs * shares) → continuation)
      : continuation := λ z pc s φ path acc hs ν,
    match (if after then sghosts base code true z pc φ s path acc hs ν else Done (Turn s path acc hs ν)) with
    | Fail w => StuckAt z w s
    | Done (Turn s path acc hs ν) =>
      let '(call, hs) := if after then pop_call z hs else (None, hs) in
      body call z pc s φ path acc hs ν
    end.
  Fixpoint srun (fuel : nat) (after : bool) : continuation :=
    with_ghosts after (λ call z pc s φ path acc hs ν,
      match call, fuel with
      | Some (k, words, fracs), S fuel => scall (srun fuel true) z k words fracs pc s path acc hs ν
      | None, fuel =>
        if is_end pc then Paths [Leaf pc s path] acc hs ν
        else
          match fuel with
          | O => StuckAt z OutOfFuel s
          | S fuel => sexec (srun fuel true) z pc s φ path acc hs ν
          end
      | _, O => StuckAt z OutOfFuel s
      end).
  (** From a label on: at least one instruction is executed. *)
  Definition srun_on (fuel : nat) : continuation := sexec (srun fuel true).
End run.
