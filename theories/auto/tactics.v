(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export fragment named facts.
From iris.prelude Require Import options.

(** What generated theories call.

    - [engine_run show]: runs the check of a goal [clean (check _ _ _ _) = true] or [check _ _ _ _ =
      Residual _].  Where a run is stuck, the state there becomes the goal, readable; [show] says how.
    - [engine_done]: closes the goal by computation, or names what stopped the run.
    - [fragment_proof run H]: [spec_at _ ρ] from the check, for all values [ρ] of the variables, where [H]
      says how the processor pages.  It leaves a goal for each contract, in order, and then one for each
      segment that has facts left.
    - [each_fact]: a goal for each fact of a segment, when its names and premises are introduced.
    - [solve_fact], of [facts]: facts about words. *)

(** Processor state for which the rules of cr3 hold. *)
Definition kernel_mode (M : machine) : Prop := cfg_user (m_config M) = false.

(** Marks the goal at which a run is stuck: the offset of the instruction, why, and the goal. *)
Definition stuck_at (offset : Z) (w : why) (P : Prop) : Prop := P.
Definition missing_at (t : tag) (P : Prop) : Prop := P.
Notation "'stuck' : P" := (stuck_at _ _ P)
  (at level 200, only printing, format "'stuck' :  '//' P").
Notation "'missing' : P" := (missing_at _ P)
  (at level 200, only printing, format "'missing' :  '//' P").

(** Unfolds the denotation alone. *)
Declare Reduction readable := cbv beta iota zeta delta [
  vdenote vlist vsep vat vitem vres vpost vposts vexists open_cell take_regions word_cell word_region
  sc_addr sc_entry sc_reach sc_claimed sc_owed
  open_block sb_space sb_addr sb_count sb_fill vblock sfill_map
  open_walk take_reads sw_sub sw_root sw_va sw_from sw_reads sw_map conj holds
  env_set env_word env_frac env_words env_fracs env_array c_fracs c_arrays fracs_only tree_get tree_set tree_single eval feval
  map app fst snd expr_eqb alu_eqb Pos.eqb Z.eqb
  s_root s_regs s_items s_code s_facts p_exit p_witness p_state
  sp_base sp_code sp_pre sp_posts ].

(** The same for residual facts under the names of a run. *)
Declare Reduction readable_under := cbv beta iota zeta delta [
  under conj implies each owed given holds r_path r_fact env_set env_word env_frac env_words env_fracs env_array c_fracs c_arrays fracs_only tree_get tree_set tree_single
  eval feval map fst snd ].

(** The names from [n] on that occur in a state. *)
Fixpoint expr_vars (e : expr) : list positive :=
  match e with
  | EVar x => [x]
  | ECst _ => []
  | EAdd e _ => expr_vars e
  | EOp _ a b => expr_vars a ++ expr_vars b
  | ESel _ i => expr_vars i
  end.
Definition names_in (s : sstate) (n : positive) : list positive :=
  List.nodup Pos.eq_dec (List.filter (λ x, Pos.leb n x) (concat (map expr_vars (
    s_root s :: map snd (s_regs s) ++ concat (map item_exprs (s_items s)) ++ map fst (s_code s) ++
    concat (map (λ f, match f with PEq a b | PNe a b | PLt a b | PLe a b => [a; b] end) (s_facts s)))))).

(** An environment in which each name that a run gave is a variable. *)
Ltac with_names ρ xs k :=
  lazymatch xs with
  | [] => k ρ
  | ?x :: ?xs =>
    let t := fresh "t" in
    assert (t : word) by exact (Z_to_bv 64 0);
    lazymatch ρ with
    | Env ?ws ?qs =>
      let ws := eval cbv [tree_set tree_single] in (tree_set ws x t) in with_names (Env ws qs) xs k
    end
  end.

(** Asserts the goal with the executor's state on its left in readable form: it is shown first. *)
Ltac show_state wrap x :=
  lazymatch goal with
  | |- @bi_entails ?PROP (@vdenote ?M ?Σ ?H ?b ?c ?ρ ?s) ?W =>
    let ρ := eval hnf in ρ in
    let xs := eval vm_compute in (names_in s x) in
    with_names ρ xs ltac:(fun ρ =>
      let P := eval readable in (@vdenote M Σ H b c ρ s) in
      assert (wrap (@bi_entails PROP P W)))
  end.

(** Shows where the run of [check fuel cs plans sp] is stuck, as the goal in front. *)
Ltac engine_show fuel cs plans sp show :=
  let r := eval vm_compute in (check fuel cs plans sp) in
  lazymatch r with
  | Residual _ => idtac
  | RunStuck _ ?z ?w ?s =>
    assert (show s z); [unfold show; intros; show_state (stuck_at z w) (sp_next sp)|]
  | PostMissing _ _ ?t ?s =>
    assert (show s 0%Z); [unfold show; intros; show_state (missing_at t) (sp_next sp)|]
  | ?v => fail 1 "rocqgen-error: the specification is not well scoped:" v
  end.

Ltac engine_run show :=
  lazymatch goal with
  | |- clean (check ?fuel ?cs ?plans ?sp) = true =>
    let b := eval vm_compute in (clean (check fuel cs plans sp)) in
    lazymatch b with true => idtac | false => engine_show fuel cs plans sp show end
  | |- check ?fuel ?cs ?plans ?sp = _ => engine_show fuel cs plans sp show
  | |- ?G => fail "engine_run: not a check:" G
  end.

Ltac engine_done :=
  lazymatch goal with
  | |- stuck_at ?z ?w _ => fail "rocqgen-stuck" z w
  | |- missing_at ?t _ => fail "rocqgen-missing" t
  | |- clean ?v = true =>
    let b := eval vm_compute in (clean v) in
    lazymatch b with
    | true => vm_cast_no_check (@eq_refl bool true)
    | false => let r := eval vm_compute in v in fail "rocqgen-differs: the run gives" r
    end
  | |- check ?fuel ?cs ?plans ?sp = ?v =>
    let r := eval vm_compute in (check fuel cs plans sp) in
    let v' := eval vm_compute in v in
    tryif constr_eq r v' then vm_cast_no_check (@eq_refl verdict v)
    else fail "rocqgen-differs: the run gives" r
  | |- ?G => fail "engine_done: not a check:" G
  end.

(** A goal for each element. *)
Ltac each_contract :=
  lazymatch goal with
  | |- Forall ?P ?l =>
    let l' := eval hnf in l in
    lazymatch l' with
    | [] => exact (List.Forall_nil P)
    | ?c :: ?cs =>
      refine (@List.Forall_cons _ P c cs _ _);
      [let c := eval hnf in c in change (P c) | each_contract]
    end
  end.
(** A goal for each segment, readable. *)
Ltac each_segment sp qs l :=
  lazymatch l with
  | [] => exact I
  | ?sg :: ?sgs =>
    let xs := eval vm_compute in (params sp) in
    let pre := eval vm_compute in (s_facts (sp_pre sp)) in
    let ds := eval hnf in (sg_names sg) in
    let facts := eval hnf in (sg_facts sg) in
    let G := eval readable_under in (under (Env Tip qs) (map (λ x, (x, None)) xs) (λ ρ,
      implies (map (holds ρ) pre) (under ρ ds (λ ρ, each (map (owed ρ) facts))))) in
    lazymatch sgs with
    | [] => change G
    | _ => refine (Logic.conj (_ : G) _); [|each_segment sp qs sgs]
    end
  end.

Ltac fragment_proof run H :=
  lazymatch goal with
  | |- spec_at _ ?ρ =>
    lazymatch type of run with
    | clean (check ?fuel ?cs ?plans ?sp) = true =>
      notypeclasses refine (fragment_sound_clean fuel cs plans sp ρ run H _); each_contract
    | check ?fuel ?cs ?plans ?sp = Residual ?l =>
      notypeclasses refine (fragment_sound fuel cs plans sp l ρ run H _ _);
      [ each_contract
      | let qs := fresh "qs" in intros qs;
        let l := eval vm_compute in (open_segments l) in
        lazymatch l with
        | [] => exact I
        | _ => change (conj (map (segment_goal sp qs) l)); each_segment sp qs l
        end;
        try clear qs ]
    end
  | |- ?G => fail "fragment_proof: not a specification:" G
  end.

(** The facts of a segment, one goal for each. *)
Ltac each_fact :=
  let Q := fresh "Q" in let give := fresh "give" in
  intros Q give; apply give; clear Q give; intros.
