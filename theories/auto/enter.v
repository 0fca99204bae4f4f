(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export ghost spec.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** A space comes to map the fragment's code, so that it may be entered: its tables lead to a page, through
    owned cells, and the walk of the current space, which maps the code, reads the same entry where the two
    meet.  So the frame of that page has the code, and it is executable: neither is looked at. *)

(** * Where the code is mapped *)
Fixpoint code_mapped (root : expr) (l : list (expr * fexpr)) : bool :=
  match l with
  | [] => false
  | (r, _) :: l => if expr_eqb r root then true else code_mapped root l
  end.

(** * The code lies in one page *)
Definition instr_length (x : Z * (instr * Z)) : Z := Z.max 1 (x.2.2).
(** All of its bytes lie in so many, from its entry on. *)
Definition code_end (l : code_list) : Z := foldr (λ x n, Z.max (x.1 + instr_length x) n) 0 l.
(** There is some, none of it in front of the entry, and no more bytes of instructions than a page has. *)
Definition code_small (l : code_list) : bool :=
  match l with [] => false | _ => true end && forallb (λ x, 0 <=? x.1) l &&
  (code_end l <=? 4096) && (foldr (λ x n, instr_length x + n) 0 l <=? 4096).
Definition code_page_facts (base : expr) (l : code_list) : list fact :=
  owe (PLe (mk_and base (ECst 4095)) (ECst (4096 - code_end l))).

(** * Two walks that meet *)
(** The bits of an entry that say who may do what: writable, for users, no code. *)
Definition right_bits : Z := 0x8000000000000006.
(** The walk from [t] on reads the cells [ds].  The last of them holds what the cell of the same level in
    [cs] does; those before it grant the same. *)
Fixpoint meet_facts (mp : Z) (t va : expr) (ks : list Z) (cs ds : list (scell expr)) : res (list fact) :=
  match ks, cs, ds with
  | k :: ks, c :: cs, d :: ds =>
    let here := owe (PEq (sc_addr d) (slot_expr t k va)) in
    match ds with
    | [] => Done (here ++ owe (PEq (sc_entry d) (sc_entry c)))
    | _ =>
      let* more := meet_facts mp (sc_entry d) va ks cs ds in
      Done (here ++ table_facts mp (sc_entry d) ++
            owe (PEq (mk_and (sc_entry d) (ECst right_bits)) (mk_and (sc_entry c) (ECst right_bits))) ++ more)
    end
  | _, _, _ => Fail BadHint
  end.

(** * The step *)
(** [path] are the cells of the walk to the code in the space [root], down to a leaf of any size; the [i]th is
    marked with the code's page.  [twin] are the first ones of the walk in the current space. *)
Definition ghost_code (pf : platform) (base : expr) (code : code_list) (path : list nat) (i : nat)
    (twin : list nat) (root cur : expr) (l : list item) : res (list item * list fact) :=
  let* (cs, l) := take_path path l in
  let* (ds, l) := take_path twin l in
  let ks := platform_shifts pf in
  let mp := pf_maxphyaddr pf in
  let k := nth (pred (length cs)) ks 0 in
  if leaf_level k && code_small code then
    match nth_error cs i with
    | Some (FOne, _) =>
      let* walk := walk_facts mp (leaf_facts mp k) root base ks (map snd cs) in
      let* steps := claim_steps root base (Some i) (firstn (length cs) ks) (map snd cs) in
      let* meet := meet_facts mp cur base ks (map snd cs) (map snd ds) in
      let cs := alter_nth i (λ x, (x.1, add_region (Some (12, root, base)) x.2)) cs in
      Done (put_path path cs (put_path twin ds l),
            code_page_facts base code ++ root_facts pf root ++ walk ++ steps ++ meet)
    | Some _ => Fail (NotWhole i)
    | None => Fail BadHint
    end
  else Fail BadHint.

Section enter.
  Context {Π : the_platform}.

  Definition senter (base : expr) (code : code_list) (path : list nat) (i : nat) (twin : list nat)
      (root : expr) (s : sstate) : res (sstate * list fact) :=
    match platform_is with
    | Some pf =>
      if platform_good pf then
        if code_mapped (s_root s) (s_code s) then
          let* (l, facts) := ghost_code pf base code path i twin root (s_root s) (s_items s) in
          Done (SState (s_root s) (s_regs s) l (s_code s ++ [(root, FOne)]) (s_facts s), facts)
        else Fail (CodeUnmapped (s_root s))
      else Fail NoPlatform
    | None => Fail NoPlatform
    end.
End enter.
