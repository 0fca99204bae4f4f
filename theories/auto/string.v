(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export access.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** [rep stosq] fills a block: that at the address in RDI, with as many words as RCX says.  A hint says which
    block it is, and by which claim it is reached, where it is physical. *)

(** By a claim on a word that is the first, or on the page that has them all. *)
Definition covered (addr cnt : expr) (q : fexpr) : list fact :=
  if is_page q then
    owe (PLe cnt (ECst 512)) ++
    owe (PLe (mk_op AluAdd (mk_and addr (ECst 4095)) (mk_op AluShl cnt (ECst 3))) (ECst 4096))
  else owe (PLe cnt (ECst 1)).
Definition string_place (hint : option at_hint) (addr cnt : expr) (s : sstate)
    : res (nat * sblock expr * list fact) :=
  match hint with
  | Some (At n None _) =>
    match nth_error (s_items s) n with
    | Some (IRes k q es) =>
      match open_block k es with
      | Some (BlockData (Some (w, r)) a m x) =>
        if w && is_full q
        then Done (n, BlockData (Some (w, r)) a m x,
                   owe (PEq addr a) ++ owe (PEq cnt m) ++ owe (PEq (s_root s) r))
        else Fail (ReadOnly (s_root s) addr)
      | _ => Fail BadHint
      end
    | _ => Fail BadHint
    end
  | Some (At n (Some d) _) =>
    match nth_error (s_items s) n, nth_error (s_items s) d with
    | Some (IClaim w r a q pa), Some (IRes k q' es) =>
      match open_block k es with
      | Some (BlockData None b m x) =>
        if w && is_full q'
        then Done (d, BlockData None b m x,
                   claim_facts (s_root s) addr r a q pa b ++ owe (PEq cnt m) ++ covered addr cnt q)
        else Fail (ReadOnly (s_root s) addr)
      | _ => Fail BadHint
      end
    | _, _ => Fail BadHint
    end
  | None => Fail (NoItem (s_root s) addr)
  end.

(** What is left in RDI, the state but for that, and what is owed. *)
Definition sstosq (hint : option at_hint) (s : sstate) : res (expr * sstate * list fact) :=
  let* cnt := sget RCX s in
  let* addr := sget RDI s in
  let* v := sget RAX s in
  let* (d, b, facts) := string_place hint addr cnt s in
  let s := set_items (item_put d (IBlock FOne (filled v b)) (s_items s)) s in
  Done (word_at addr cnt, set_regs (reg_put RCX (ECst 0) (s_regs s)) s, facts).

(** The machine goes on in front of the instruction as long as words are left: it has three bytes. *)
Definition length_fits (i : instr) (n : Z) : bool := match i with RepStosq => n =? 3 | _ => true end.
