(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export holes.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Walks that are folded: unfolding gives the cell of the first table and the walk behind its entry, folding
    is the reverse.  Between them the cell is one like others. *)

Definition frame_bits : Z := 0xffffffffff000.
Definition table_expr (t : expr) : expr := mk_and t (ECst frame_bits).
(** The slot of an address in the table that an entry, or the root, leads to. *)
Definition slot_expr (t : expr) (k : Z) (va : expr) : expr :=
  mk_op AluAdd (mk_and t (ECst frame_bits)) (mk_and (mk_op AluShr va (ECst (k - 3))) (ECst 0xff8)).
(** All words of a page are claimed. *)
Definition page_share : fexpr := FDiv 512 1.
Definition is_whole_page (q : fexpr) : bool :=
  match q with FDiv n d => Pos.eqb n (512 * d) | _ => false end.

(** * Unfolding *)
Definition slot_cell (root va t : expr) (k : Z) (e : expr) : scell expr :=
  CellData (slot_expr t k va) e [Some (k, root, va)] [None] [].
Definition behind (q : fexpr) (w : swalk expr) (e : expr) (reads : list (Z * expr)) : list item :=
  match reads with
  | [] => []
  | _ => [IWalk q (WalkData true (sw_root w) (sw_va w) e reads (sw_map w))]
  end.
Definition table_page (w : swalk expr) : list item :=
  match sw_map w with
  | Some (s, d) => [IClaim true s (mk_op AluAdd (table_expr (sw_from w)) d) page_share (table_expr (sw_from w))]
  | None => []
  end.
Definition ghost_unfold (n : nat) (l : list item) : res (list item) :=
  let* (q, w, l) := take_walk n l in
  match sw_sub w, sw_reads w with
  | false, (k, e) :: reads =>
    Done (item_put n (ICell q (slot_cell (sw_root w) (sw_va w) (sw_from w) k e)) l ++
          behind q w e reads ++ table_page w)
  | _, _ => Fail BadHint
  end.

(** * Between an entry and the table that it leads to *)
Definition walk_from (sub : bool) (t : expr) (w : swalk expr) : swalk expr :=
  WalkData sub (sw_root w) (sw_va w) t (sw_reads w) (sw_map w).
Definition ghost_descend (n : nat) (l : list item) : res (list item * list fact) :=
  let* (q, w, l) := take_walk n l in
  if sw_sub w then
    Done (item_put n (IWalk q (walk_from false (table_expr (sw_from w)) w)) l,
          owe (PEq (mk_and (sw_from w) (ECst 129)) (ECst 1)))
  else Fail BadHint.
(** The table is lost where the entry leads nowhere. *)
Definition ghost_ascend (n : nat) (e : expr) (l : list item) : res (list item * list fact) :=
  let* (q, w, l) := take_walk n l in
  if sw_sub w then Fail BadHint
  else
    Done (item_put n (IWalk q (walk_from true e w)) l, owe (PEq (table_expr (sw_from w)) (table_expr e))).
(** Behind an entry that leads nowhere there is nothing. *)
Definition ghost_nothing (ks : list Z) (mapped : bool) (es : list expr) (l : list item)
    : res (list item * list fact) :=
  match open_walk (KWalk true ks mapped) es with
  | Some w => Done (l ++ [IWalk FOne w], owe (PNe (mk_and (sw_from w) (ECst 129)) (ECst 1)))
  | None => Fail BadHint
  end.

(** * Folding *)
(** Through a cell that is had whole, no more is claimed than anything. *)
Definition claims_all (q : fexpr) (gs : list (sregion expr)) : bool :=
  match gs with
  | [None] => true
  | _ => is_full q && existsb (λ g, match g with None => true | Some _ => false end) gs
  end.
(** The cell's level, root and address. *)
Definition slot_region (q : fexpr) (c : scell expr) : res (Z * expr * expr) :=
  match sc_reach c, sc_owed c with
  | [Some g], [] => if claims_all q (sc_claimed c) then Done g else Fail (NotClaimable (sc_addr c))
  | [Some _], _ => Fail (Owes (sc_addr c))
  | _, _ => Fail (NotAnswering (sc_addr c))
  end.
(** The walk behind the entry [e]: what it reads, and in what space. *)
Definition fold_below (q : fexpr) (root va e : expr) (below : option nat) (l : list item)
    : res (list (Z * expr) * option (option (expr * expr)) * list fact * list item) :=
  match below with
  | None => Done ([], None, [], l)
  | Some b =>
    let* (q', w, l) := take_walk b l in
    if fexpr_eqb q q' && sw_sub w && expr_eqb root (sw_root w) && expr_eqb va (sw_va w) then
      Done (sw_reads w, Some (sw_map w), owe (PEq (sw_from w) e), l)
    else Fail BadHint
  end.
(** The page of the table [t]. *)
Definition fold_claim (t : expr) (claim : option (nat * expr)) (l : list item)
    : res (option (expr * expr) * list fact * list item) :=
  match claim with
  | None => Done (None, [], l)
  | Some (n, d) =>
    match nth_error l n with
    | Some (IClaim true s a q pa) =>
      if is_whole_page q then
        Done (Some (s, d), owe (PEq a (mk_op AluAdd (table_expr t) d)) ++ owe (PEq pa (table_expr t)),
              item_put n hole l)
      else Fail (NotWhole n)
    | _ => Fail BadHint
    end
  end.
Definition same_map (x y : option (expr * expr)) : bool :=
  match x, y with
  | Some (s, d), Some (s', d') => expr_eqb s s' && expr_eqb d d'
  | None, None => true
  | _, _ => false
  end.
Definition remove_holes (n m : option nat) (l : list item) : list item :=
  match n, m with
  | Some n, Some m => item_remove (Nat.min n m) (item_remove (Nat.max n m) l)
  | Some n, None | None, Some n => item_remove n l
  | None, None => l
  end.
Definition ghost_fold (cell : nat) (below : option nat) (claim : option (nat * expr)) (t : expr)
    (l : list item) : res (list item * list fact) :=
  let* (q, c, l) := take_cell cell l in
  let* (k, root, va) := slot_region q c in
  let* (reads, map_below, f1, l) := fold_below q root va (sc_entry c) below l in
  let* (map_here, f2, l) := fold_claim t claim l in
  if match map_below with Some m => same_map m map_here | None => true end then
    let w := WalkData false root va t ((k, sc_entry c) :: reads) map_here in
    Done (remove_holes below (match claim with Some (n, _) => Some n | None => None end)
            (item_put cell (IWalk q w) l),
          owe (PEq (sc_addr c) (slot_expr t k va)) ++ f1 ++ f2)
  else Fail BadHint.
