(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export access.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What [invlpg] and a load of cr3 pay, in all cells of the state that are owned whole. *)

Definition canonical_facts (pf : platform) (va : expr) : list fact :=
  let w := if pf_la57 pf then 57 else 48 in
  owe (PLt (mk_add va (2 ^ (w - 1))) (ECst (2 ^ w))).
Definition page_level (k : Z) : bool := (12 <=? k) && (k <=? 64).

Definition set_sowed (gs : list (sregion expr)) (c : scell expr) : scell expr :=
  CellData (sc_addr c) (sc_entry c) (sc_reach c) (sc_claimed c) gs.
Definition on_cell (f : scell expr → scell expr) (i : item) : item :=
  match i with
  | IRes k FOne es => match open_cell k es with Some c => ICell FOne (f c) | None => i end
  | _ => i
  end.

(** That it is paid can be seen. *)
Definition seen_paid (root va : expr) (g : sregion expr) : bool :=
  match g with
  | Some (k, r, a) =>
    page_level k && expr_eqb r root && expr_eqb (mk_and a (high_bits k)) (mk_and va (high_bits k))
  | None => false
  end.
Definition cell_flush (root va : expr) (c : scell expr) : scell expr :=
  set_sowed (List.filter (λ g, negb (seen_paid root va g)) (sc_owed c)) c.
(** All is paid, by facts. *)
Fixpoint pay_pages (root va : expr) (gs : list (sregion expr)) : list (sregion expr) * list fact :=
  match gs with
  | [] => ([], [])
  | g :: gs =>
    let '(gs, facts) := pay_pages root va gs in
    match g with
    | Some (k, r, a) =>
      if page_level k then
        (gs, owe (PEq r root) ++ owe (PEq (mk_and a (high_bits k)) (mk_and va (high_bits k))) ++ facts)
      else (g :: gs, facts)
    | None => (g :: gs, facts)
    end
  end.

Section flush.
  Context {Π : the_platform}.

  (** A hint names a cell the debts of which are all of the page. *)
  Definition sinvlpg (hint : option at_hint) (va : expr) (s : sstate) : res (sstate * list fact) :=
    let flushed l := set_items (map (on_cell (cell_flush (s_root s) va)) l) s in
    match platform_is, hint with
    | None, _ => Done (s, [])
    | Some pf, None => Done (flushed (s_items s), canonical_facts pf va)
    | Some pf, Some (At n _ _) =>
      match nth_error (s_items s) n with
      | Some (IRes k FOne es) =>
        match open_cell k es with
        | Some c =>
          let '(gs, facts) := pay_pages (s_root s) va (sc_owed c) in
          Done (flushed (item_put n (ICell FOne (set_sowed gs c)) (s_items s)),
                canonical_facts pf va ++ facts)
        | None => Fail BadHint
        end
      | _ => Fail BadHint
      end
    end.
  Definition sload_root (root : expr) (s : sstate) : sstate :=
    set_root root (set_items (map (on_cell (set_sowed [])) (s_items s)) s).
End flush.
