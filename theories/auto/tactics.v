(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export fragment named facts.
From iris.prelude Require Import options.

(** What generated theories call.

    - [engine_run show]: runs the check of a goal [clean (check _ _ _ _) = true] or [check _ _ _ _ =
      Residual _ _].  Where the run is stuck, the state there becomes the goal, readable; [show] says how.
    - [engine_done]: closes the goal by computation, or names what stopped the run.
    - [fragment_proof run env]: the readable statement from the check, leaving the residual facts.
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
  open_block sb_space sb_addr sb_count sb_fill vblock conj holds ext fold_left
  env_set env_word env_frac env_words env_fracs tree_get tree_set tree_single eval feval
  map app fst snd expr_eqb alu_eqb Pos.eqb Z.eqb
  s_root s_regs s_items s_code s_facts p_exit p_witness p_state
  sp_base sp_code sp_pre sp_posts sp_next ].

(** The same for residual facts under the names of a run. *)
Declare Reduction readable_under := cbv beta iota zeta delta [
  under conj owed given holds r_path r_fact env_set env_word env_frac env_words env_fracs tree_get tree_set tree_single
  eval feval map fst snd ].

(** The names among [x], [x + 1], ... [x + n - 1] that occur in a state. *)
Definition names_in (s : sstate) (x : positive) (n : nat) : list positive :=
  List.filter (λ y, negb (state_scoped (λ z, negb (Pos.eqb y z)) s))
    (map (λ k, Pos.of_nat (Pos.to_nat x + k)) (seq 0 n)).

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
Ltac show_state wrap x n :=
  lazymatch goal with
  | |- @bi_entails ?PROP (@vdenote ?M ?Σ ?H ?b ?c ?ρ ?s) ?W =>
    let ρ := eval hnf in ρ in
    let xs := eval vm_compute in (names_in s x n) in
    with_names ρ xs ltac:(fun ρ =>
      let P := eval readable in (@vdenote M Σ H b c ρ s) in
      assert (wrap (@bi_entails PROP P W)))
  end.

(** Shows where the run of [check fuel hs ws sp] is stuck, as the goal in front. *)
Ltac engine_show fuel hs ws sp show :=
  let r := eval vm_compute in (check fuel hs ws sp) in
  lazymatch r with
  | Residual _ _ => idtac
  | RunStuck ?z ?w ?s =>
    assert (show s z); [unfold show; intros; show_state (stuck_at z w) (sp_next sp) fuel|]
  | PostMissing ?t ?s =>
    assert (show s 0%Z); [unfold show; intros; show_state (missing_at t) (sp_next sp) fuel|]
  | ?v => fail 1 "rocqgen-error: the specification is not well scoped:" v
  end.

Ltac engine_run show :=
  lazymatch goal with
  | |- clean (check ?fuel ?hs ?ws ?sp) = true =>
    let b := eval vm_compute in (clean (check fuel hs ws sp)) in
    lazymatch b with true => idtac | false => engine_show fuel hs ws sp show end
  | |- check ?fuel ?hs ?ws ?sp = _ => engine_show fuel hs ws sp show
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
  | |- check ?fuel ?hs ?ws ?sp = ?v =>
    let r := eval vm_compute in (check fuel hs ws sp) in
    let v' := eval vm_compute in v in
    tryif constr_eq r v' then vm_cast_no_check (@eq_refl verdict v)
    else fail "rocqgen-differs: the run gives" r
  | |- ?G => fail "engine_done: not a check:" G
  end.

(** The readable statement from the check [run]; leaves, where there are any, the residual facts from the
    facts of the precondition and the names' equations. *)
Ltac fragment_proof run ρ :=
  let Hkernel := fresh "Hkernel" in
  intros Hkernel;
  lazymatch type of run with
  | clean (check ?fuel ?hs ?ws ?sp) = true =>
    notypeclasses refine (fragment_sound_clean fuel hs ws sp ρ run Hkernel)
  | check ?fuel ?hs ?ws ?sp = Residual ?ds ?facts =>
    notypeclasses refine (fragment_sound fuel hs ws sp ρ ds facts run Hkernel _);
    lazymatch facts with
    | [] => exact (λ _, I)
    | _ =>
      let Q := constr:(λ ρ', conj (map (owed ρ') facts)) in
      let ρ' := eval hnf in ρ in
      let pre := eval vm_compute in (s_facts (sp_pre sp)) in
      refine (λ H, under_ext ρ ds Q (_ H));
      let G := eval readable_under in (conj (map (holds ρ') pre) → under ρ' ds Q) in
      change G
    end
  end.
