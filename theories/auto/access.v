(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export state.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Memory of symbolic states: where an access goes, what it reads and what it leaves. *)

Fixpoint item_put (n : nat) (i : item) (l : list item) : list item :=
  match l, n with
  | [], _ => []
  | _ :: l, O => i :: l
  | j :: l, S n => j :: item_put n i l
  end.
Fixpoint item_find {A} (f : item → option A) (l : list item) : option (nat * A) :=
  match l with
  | [] => None
  | i :: l =>
    match f i with
    | Some a => Some (O, a)
    | None => match item_find f l with Some (n, a) => Some (S n, a) | None => None end
    end
  end.

(** Where an access goes: a virtual points-to, or a claim and a physical word.  [k_item] holds the data. *)
Record place := Place { k_item : nat; k_write : bool; k_full : bool; k_value : expr }.

Definition is_full (q : fexpr) : bool := match q with FOne => true | _ => false end.

Inductive target_item :=
  | ToVirt (w : bool) (q : fexpr) (v : expr)
  | ToClaim (w : bool) (pa : expr).
Definition match_virt (root addr : expr) (i : item) : option target_item :=
  match i with
  | IVirt w r a q v =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToVirt w q v) else None else None
  | IClaim w r a q pa =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToClaim w pa) else None else None
  | _ => None
  end.
(** The address, the share and the value of a physical word or an entry. *)
Definition item_word (i : item) : option (expr * fexpr * expr) :=
  match i with
  | IPhys a q v => Some (a, q, v)
  | IRes k q es =>
    match open_cell k es with Some c => Some (sc_addr c, q, sc_entry c) | None => None end
  | _ => None
  end.
Definition match_phys (pa : expr) (i : item) : option (fexpr * expr) :=
  match item_word i with
  | Some (a, q, v) => if expr_eqb a pa then Some (q, v) else None
  | None => None
  end.

Definition to_place (n : nat) (t : target_item) (items : list item) : res place :=
  match t with
  | ToVirt w q v => Done (Place n w (is_full q) v)
  | ToClaim w pa =>
    match item_find (match_phys pa) items with
    | Some (m, (q, v)) => Done (Place m w (is_full q) v)
    | None => Fail (NoFrame pa)
    end
  end.
Definition hinted (root addr : expr) (i : item) : option (target_item * list fact) :=
  match i with
  | IVirt w r a q v => Some (ToVirt w q v, [PEq addr a; PEq root r])
  | IClaim w r a q pa => Some (ToClaim w pa, [PEq addr a; PEq root r])
  | _ => None
  end.
(** More than all of a word is had of its page only: the item claims the page. *)
Definition is_page (q : fexpr) : bool := match q with FDiv n d => Pos.ltb d n | _ => false end.
Definition high_bits (k : Z) : expr := ECst (2 ^ 64 - 2 ^ k).
(** What makes the word at [addr] that at [pm], by a claim on [a], or on its page. *)
Definition claim_facts (root addr r a : expr) (q : fexpr) (pa pm : expr) : list fact :=
  if is_page q then
    owe (PEq (mk_and addr (high_bits 12)) a) ++ owe (PEq (mk_and addr (ECst 7)) (ECst 0)) ++
    owe (PEq (mk_and pa (ECst 4095)) (ECst 0)) ++
    owe (PEq (mk_op AluAdd pa (mk_and addr (ECst 4095))) pm) ++ owe (PEq root r)
  else owe (PEq addr a) ++ owe (PEq pa pm) ++ owe (PEq root r).
Definition find_place (hint : option at_hint) (addr : expr) (s : sstate) : res (place * list fact) :=
  match hint with
  | None =>
    match item_find (match_virt (s_root s) addr) (s_items s) with
    | Some (n, t) => let* k := to_place n t (s_items s) in Done (k, [])
    | None => Fail (NoItem (s_root s) addr)
    end
  | Some (At n (Some m) _) =>
    match nth_error (s_items s) n, nth_error (s_items s) m with
    | Some (IClaim w r a q pa), Some j =>
      match item_word j with
      | Some (pm, q', v) =>
        Done (Place m w (is_full q') v, claim_facts (s_root s) addr r a q pa pm)
      | None => Fail BadHint
      end
    | _, _ => Fail BadHint
    end
  | Some (At n None _) =>
    match nth_error (s_items s) n with
    | Some i =>
      match hinted (s_root s) addr i with
      | Some (t, facts) => let* k := to_place n t (s_items s) in Done (k, facts)
      | None => Fail BadHint
      end
    | None => Fail BadHint
    end
  end.

(** * Stores *)
(** An entry is written where it is absent, and nothing is owed; or where nothing is claimed through it and it
    is no table at the levels for which it answers, and its pages are owed. *)
Definition is_4k {A} (g : sregion A) : bool := 
  match g with Some (k, _, _) => k =? 12 | None => false end.
Definition seen_absent (c : scell expr) : bool :=
  match sc_claimed c with
  | [] => match sc_entry c with ECst z => Z.even z | _ => false end
  | _ => true
  end.
Definition cell_put (absent : bool) (v : expr) (c : scell expr) : scell expr * list fact :=
  if absent || seen_absent c then
    (CellData (sc_addr c) v (sc_reach c) [] (sc_owed c),
     owe (PEq (mk_and (sc_entry c) (ECst 1)) (ECst 0)))
  else
    (CellData (sc_addr c) v (sc_reach c) [] (sc_reach c ++ sc_owed c),
     if forallb is_4k (sc_reach c) then [] else owe (PNe (mk_and (sc_entry c) (ECst 129)) (ECst 1))).

(** * Blocks: the share, the count, what the words are, and the facts by which the address is that of the word
    of the index *)
Definition word_at (a i : expr) : expr := mk_op AluAdd a (mk_op AluShl i (ECst 3)).
Definition fill_at (x : option (sfill expr)) (i : expr) : option expr :=
  match x with
  | Some (FAll v) => Some v
  | Some (FArr x start) => Some (ESel x (mk_op AluAdd start i))
  | None => None
  end.
Definition block_place (hint : option at_hint) (addr : expr) (s : sstate)
    : option (bool * fexpr * option expr * list fact) :=
  match hint with
  | Some (At n None (Some i)) =>
    match nth_error (s_items s) n with
    | Some (IRes k q es) =>
      match open_block k es with
      | Some (BlockData (Some (w, r)) a cnt v) =>
        Some (w, q, fill_at v i, owe (PEq addr (word_at a i)) ++ owe (PLt i cnt) ++ owe (PEq (s_root s) r))
      | _ => None
      end
    | _ => None
    end
  | Some (At n (Some m) (Some i)) =>
    match nth_error (s_items s) n, nth_error (s_items s) m with
    | Some (IClaim w r a q pa), Some (IRes k q' es) =>
      match open_block k es with
      | Some (BlockData None b cnt v) =>
        Some (w, q', fill_at v i, claim_facts (s_root s) addr r a q pa (word_at b i) ++ owe (PLt i cnt))
      | _ => None
      end
    | _, _ => None
    end
  | _ => None
  end.

Section access.
  Context {Π : the_platform}.

Definition item_put_value (absent : bool) (v : expr) (i : item) : res (item * list fact) :=
  match i with
  | IVirt w r a q _ => Done (IVirt w r a q v, [])
  | IPhys a q _ => Done (IPhys a q v, [])
  | IClaim _ _ _ _ _ => Fail BadHint
  | IRes k q es =>
    match open_cell k es, platform_is with
    | Some c, Some _ => let '(c, facts) := cell_put absent v c in Done (ICell q c, facts)
    | Some _, None => Fail NoPlatform
    | None, _ => Fail BadHint
    end
  end.

Definition sload (hint : option at_hint) (write : bool) (addr : expr) (s : sstate)
    : res (expr * list fact) :=
  match block_place hint addr s with
  | Some (w, _, Some v, facts) =>
    if negb write || w then Done (v, facts) else Fail (ReadOnly (s_root s) addr)
  | Some (_, _, None, _) => Fail (UnknownWord addr)
  | None =>
    let* (k, facts) := find_place hint addr s in
    if negb write || k_write k then Done (k_value k, facts) else Fail (ReadOnly (s_root s) addr)
  end.
Definition says_absent (hint : option at_hint) : bool :=
  match hint with Some (At _ _ (Some _)) => true | _ => false end.
(** A block of one word, which a store fills. *)
Definition block_one (hint : option at_hint) (s : sstate) : option (nat * sblock expr) :=
  match hint with
  | Some (At n m (Some _)) =>
    let d := match m with Some m => m | None => n end in
    match nth_error (s_items s) d with
    | Some (IRes k _ es) =>
      match open_block k es with
      | Some b => match sb_count b with ECst 1 => Some (d, b) | _ => None end
      | None => None
      end
    | _ => None
    end
  | _ => None
  end.
Definition filled (v : expr) (b : sblock expr) : sblock expr :=
  BlockData (sb_space b) (sb_addr b) (sb_count b) (Some (FAll v)).
(** What becomes of a block of which a word that is [old] becomes [new], where that is known: one of a single
    word is filled with it, and a larger one stays as it is. *)
Definition sstore_block (hint : option at_hint) (old new : option expr) (s : sstate) : sstate * list fact :=
  match new, block_one hint s with
  | Some v, Some (d, b) => (set_items (item_put d (IBlock FOne (filled v b)) (s_items s)) s, [])
  | Some v, None => (s, match old with Some v' => owe (PEq v v') | None => [] end)
  | None, _ => (s, [])
  end.
Definition sstore (hint : option at_hint) (addr v : expr) (s : sstate) : res (sstate * list fact) :=
  match block_place hint addr s with
  | Some (true, FOne, old, facts) =>
    let '(s, more) := sstore_block hint old (Some v) s in Done (s, facts ++ more)
  | Some _ => Fail (ReadOnly (s_root s) addr)
  | None =>
  let* (k, facts) := find_place hint addr s in
  if k_write k && k_full k then
    match nth_error (s_items s) (k_item k) with
    | Some i =>
      let* (i, more) := item_put_value (says_absent hint) v i in
      Done (set_items (item_put (k_item k) i (s_items s)) s, facts ++ more)
    | None => Fail BadHint
    end
  else Fail (ReadOnly (s_root s) addr)
  end.

(** * Parts of words *)
(** The offset in a word that the state has at which an access of [w] bits at [va] begins: that of the
    access itself where there is none.  A hint says it. *)
Definition offsets (w : width) : list Z :=
  match w with
  | W8 => [0; 1; 2; 3; 4; 5; 6; 7]
  | W16 => [0; 1; 2; 3; 4; 5; 6]
  | W32 => [0; 1; 2; 3; 4]
  | W64 => []
  end.
Definition back (va : expr) (k : Z) : expr := if k =? 0 then va else mk_add va (- k).
Fixpoint first_offset (root va : expr) (l : list item) (ks : list Z) : Z :=
  match ks with
  | [] => 0
  | k :: ks =>
    match item_find (match_virt root (back va k)) l with
    | Some _ => k
    | None => first_offset root va l ks
    end
  end.
(** In the word of a block that a hint names. *)
Definition block_offset (n : nat) (i va : expr) (s : sstate) (ks : list Z) : option Z :=
  match nth_error (s_items s) n with
  | Some (IRes k _ es) =>
    match open_block k es with
    | Some b => Some (default 0 (List.find (λ k, expr_eqb (back va k) (word_at (sb_addr b) i)) ks))
    | None => None
    end
  | _ => None
  end.
Definition part_of (hint : option at_hint) (w : width) (va : expr) (s : sstate) : Z :=
  match hint with
  | Some (At n m (Some i)) =>
    match block_offset (default n m) i va s (offsets w), i with
    | Some k, _ => k
    | None, ECst k => if existsb (Z.eqb k) (offsets w) then k else 0
    | None, _ => 0
    end
  | Some _ => 0
  | None => first_offset (s_root s) va (s_items s) (offsets w)
  end.
Definition sload_part (hint : option at_hint) (write : bool) (w : width) (va : expr) (s : sstate)
    : res (expr * list fact) :=
  let k := part_of hint w va s in
  let* (v, facts) := sload hint write (back va k) s in Done (mk_extract w k v, facts).
(** Entries are written whole. *)
Definition put_word (v : expr) (i : item) : option item :=
  match i with
  | IVirt w r a q _ => Some (IVirt w r a q v)
  | IPhys a q _ => Some (IPhys a q v)
  | _ => None
  end.
(** Into the part of a word that begins at its byte [k]. *)
Definition sstore_at (k : Z) (hint : option at_hint) (w : width) (va v : expr) (s : sstate)
    : res (sstate * list fact) :=
  match block_place hint (back va k) s with
  | Some (true, FOne, old, facts) =>
    let put := match old with Some v' => Some (mk_insert w k v' v) | None => None end in
    let '(s, more) := sstore_block hint old put s in Done (s, facts ++ more)
  | Some _ => Fail (ReadOnly (s_root s) va)
  | None =>
    let* (p, facts) := find_place hint (back va k) s in
    if k_write p && k_full p then
      match nth_error (s_items s) (k_item p) with
      | Some i =>
        match put_word (mk_insert w k (k_value p) v) i with
        | Some i => Done (set_items (item_put (k_item p) i (s_items s)) s, facts)
        | None => Fail (ReadOnly (s_root s) va)
        end
      | None => Fail BadHint
      end
    else Fail (ReadOnly (s_root s) va)
  end.
Definition sstore_part (hint : option at_hint) (w : width) (va v : expr) (s : sstate)
    : res (sstate * list fact) :=
  match w with W64 => sstore hint va v s | _ => sstore_at (part_of hint w va s) hint w va v s end.
End access.
