(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export symbolic folds.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Ghost steps on symbolic states: what is known of page tables changes, and no instruction runs.

    Nothing is searched: the step says which items it is about, and what of it cannot be seen is owed as
    facts about masked words. *)

(** * Walks *)
Definition reserved_bits (mp : Z) : Z := Z.ones (52 - mp) ≪ mp.
Definition platform_shifts (pf : platform) : list Z :=
  if pf_la57 pf then [48; 39; 30; 21; 12] else [39; 30; 21; 12].
Definition platform_good (pf : platform) : bool := (12 <=? pf_maxphyaddr pf) && (pf_maxphyaddr pf <=? 52).

Definition root_facts (pf : platform) (root : expr) : list fact :=
  owe (PEq (mk_and root (high_bits (pf_maxphyaddr pf))) (ECst 0)).
Definition table_facts (mp : Z) (e : expr) : list fact :=
  owe (PEq (mk_and e (ECst (Z.lor 129 (reserved_bits mp)))) (ECst 1)).
Definition page_facts_of (mp : Z) (e : expr) : list fact :=
  owe (PEq (mk_and e (ECst (Z.lor 1 (reserved_bits mp)))) (ECst 1)).
(** A leaf of [2 ^ k] bytes above the last level: its bits from 13 on are reserved. *)
Definition large_facts (mp k : Z) (e : expr) : list fact :=
  owe (PEq (mk_and e (ECst (Z.lor (Z.lor 129 (Z.ones (k - 13) ≪ 13)) (reserved_bits mp)))) (ECst 129)).
Definition leaf_facts (mp k : Z) : expr → list fact :=
  if k =? 12 then page_facts_of mp else large_facts mp k.
Definition leaf_level (k : Z) : bool := (k =? 12) || (k =? 21) || (k =? 30).
(** Where a page of 4 KiB lies that a leaf of [2 ^ k] bytes maps. *)
Definition leaf_frame_expr (k : Z) (e va : expr) : expr :=
  if k =? 12 then mk_and e (ECst frame_bits)
  else mk_op AluAdd (mk_and e (ECst (Z.ones (52 - k) ≪ k))) (mk_and va (ECst (Z.ones (k - 12) ≪ 12))).
Definition absent_facts (e : expr) : list fact := owe (PEq (mk_and e (ECst 1)) (ECst 0)).

(** The cells are those that a walk reads; all but the last lead to tables. *)
Fixpoint walk_facts (mp : Z) (last : expr → list fact) (t va : expr) (ks : list Z) (cs : list (scell expr))
    : res (list fact) :=
  match ks, cs with
  | k :: ks, c :: cs =>
    let here := owe (PEq (sc_addr c) (slot_expr t k va)) in
    match cs with
    | [] => Done (here ++ last (sc_entry c))
    | _ =>
      let* more := walk_facts mp last (sc_entry c) va ks cs in
      Done (here ++ table_facts mp (sc_entry c) ++ more)
    end
  | _, _ => Fail BadHint
  end.

(** * Regions *)
(** That an address of a space is in the region, the level of which is to be one of [ok]. *)
Definition region_facts (ok : Z → bool) (root va : expr) (g : sregion expr) : option (list fact) :=
  match g with
  | None => Some []
  | Some (k, r, a) =>
    if ok k && expr_eqb r root then Some (owe (PEq (mk_and a (high_bits k)) (mk_and va (high_bits k)))) else None
  end.
Fixpoint first_region (f : sregion expr → option (list fact)) (gs : list (sregion expr))
    : option (list fact) :=
  match gs with
  | [] => None
  | g :: gs => match f g with Some l => Some l | None => first_region f gs end
  end.
Definition owes_nothing (x : option (list fact)) : option (list fact) :=
  match x with Some [] => Some [] | _ => None end.
Definition find_region (ok : Z → bool) (root va : expr) (gs : list (sregion expr)) : option (list fact) :=
  let f := region_facts ok root va in
  match first_region (λ g, owes_nothing (f g)) gs with
  | Some l => Some l
  | None => first_region f gs
  end.
(** That a page is in none of the regions. *)
Fixpoint apart_facts (root va : expr) (gs : list (sregion expr)) : option (list fact) :=
  match gs with
  | [] => Some []
  | None :: _ => None
  | Some (k, r, a) :: gs =>
    match apart_facts root va gs with
    | Some l =>
      if expr_eqb r root then
        if page_level k then Some (owe (PNe (mk_and a (high_bits k)) (mk_and va (high_bits k))) ++ l) else None
      else Some (owe (PNe r root) ++ l)
    | None => None
    end
  end.

(** * A page is claimed *)
(** A page of 4 KiB: the path ends at its own leaf, or at a larger one around it. *)
Definition claim_step (root va : expr) (here : bool) (k : Z) (c : scell expr) : res (list fact) :=
  match find_region (Z.eqb k) root va (sc_reach c), sc_owed c with
  | None, _ => Fail (NotAnswering (sc_addr c))
  | _, _ :: _ => Fail (Owes (sc_addr c))
  | Some l1, [] =>
    match (if here then apart_facts root va (sc_claimed c)
           else find_region page_level root va (sc_claimed c)) with
    | Some l2 => Done (l1 ++ l2)
    | None => Fail (NotClaimable (sc_addr c))
    end
  end.
(** [i] is where the cell is that is marked, [None] behind it. *)
Fixpoint claim_steps (root va : expr) (i : option nat) (ks : list Z) (cs : list (scell expr))
    : res (list fact) :=
  match ks, cs with
  | [], [] => match i with None => Done [] | Some _ => Fail BadHint end
  | k :: ks, c :: cs =>
    let '(here, i) :=
      match i with Some O => (true, None) | Some (S i) => (false, Some i) | None => (false, None) end in
    let* l1 := claim_step root va here k c in
    let* l2 := claim_steps root va i ks cs in
    Done (l1 ++ l2)
  | _, _ => Fail BadHint
  end.

(** Some bits of all entries of the path, from its end. *)
Fixpoint meet (bits : Z) (es : list expr) : expr :=
  match es with
  | [] => ECst bits
  | [e] => mk_and e (ECst bits)
  | e :: es => match meet bits es with ECst 0 => ECst 0 | acc => mk_and e acc end
  end.
Definition rights_facts (w : bool) (es : list expr) : list fact :=
  owe (PEq (meet 4 es) (ECst 0)) ++ if w then owe (PEq (meet 2 es) (ECst 2)) else [].

Definition add_region (g : sregion expr) (c : scell expr) : scell expr :=
  CellData (sc_addr c) (sc_entry c) (sc_reach c) (g :: sc_claimed c) (sc_owed c).
Fixpoint alter_nth {A} (n : nat) (f : A → A) (l : list A) : list A :=
  match l, n with
  | [], _ => []
  | a :: l, O => f a :: l
  | a :: l, S n => a :: alter_nth n f l
  end.
Definition in_page_facts (va : expr) : list fact := owe (PEq (mk_and va (ECst 4095)) (ECst 0)).

Definition ghost_claim (pf : platform) (path : list nat) (i : nat) (w : bool) (root va pa : expr)
    (l : list item) : res (list item * list fact) :=
  let* (cs, l) := take_path path l in
  let es := map (λ x, sc_entry x.2) cs in
  let mp := pf_maxphyaddr pf in
  let ks := platform_shifts pf in
  (* The level of the last of them. *)
  let k := nth (pred (length cs)) ks 0 in
  if leaf_level k then
    match nth_error cs i with
    | Some (FOne, _) =>
      let* walk := walk_facts mp (leaf_facts mp k) root va ks (map snd cs) in
      let* steps := claim_steps root va (Some i) (firstn (length cs) ks) (map snd cs) in
      let cs := alter_nth i (λ x, (x.1, add_region (Some (12, root, va)) x.2)) cs in
      Done (put_path path cs l ++ [IClaim w root va page_share pa],
            in_page_facts va ++ canonical_facts pf va ++ root_facts pf root ++ walk ++ steps ++
            owe (PEq pa (leaf_frame_expr k (List.last es (ECst 0)) va)) ++ rights_facts w es)
    | Some _ => Fail (NotWhole i)
    | None => Fail BadHint
    end
  else Fail BadHint.

(** * ... and given back *)
Fixpoint region_take (f : sregion expr → bool) (gs : list (sregion expr))
    : option (sregion expr * list (sregion expr)) :=
  match gs with
  | [] => None
  | g :: gs =>
    if f g then Some (g, gs)
    else match region_take f gs with Some (g', gs) => Some (g', g :: gs) | None => None end
  end.
Definition page_region (root : expr) (g : sregion expr) : bool :=
  match g with Some (k, r, _) => (k =? 12) && expr_eqb r root | None => false end.
Definition same_page (root va : expr) (g : sregion expr) : bool :=
  page_region root g &&
  match g with Some (_, _, a) => expr_eqb (mk_and a (high_bits 12)) (mk_and va (high_bits 12)) | None => false end.
Definition take_page (root va : expr) (gs : list (sregion expr)) : option (sregion expr * list (sregion expr)) :=
  match region_take (same_page root va) gs with
  | Some x => Some x
  | None => region_take (page_region root) gs
  end.
Definition ghost_unclaim (cell claim : nat) (l : list item) : res (list item * list fact) :=
  let* (c, l) := take_whole cell l in
  match nth_error l claim with
  | Some (IClaim w root va q pa) =>
    if is_whole_page q then
      match take_page root va (sc_claimed c) with
      | Some (Some (_, _, a), gs) =>
        let c := CellData (sc_addr c) (sc_entry c) (sc_reach c) gs (sc_owed c) in
        Done (item_remove claim (item_put cell (ICell FOne c) (item_put claim hole l)),
              in_page_facts va ++ owe (PEq (mk_and a (high_bits 12)) (mk_and va (high_bits 12))))
      | _ => Fail (NotClaimable (sc_addr c))
      end
    else Fail (NotWhole claim)
  | _ => Fail BadHint
  end.

(** * What a cell answers for, and owes *)
Definition ghost_open (cell : nat) (gs : list (sregion expr)) (l : list item) : res (list item) :=
  let* (c, l) := take_whole cell l in
  let c := CellData (sc_addr c) (sc_entry c) (sc_reach c) (gs ++ sc_claimed c) (sc_owed c) in
  Done (item_put cell (ICell FOne c) l).
Definition reach_more (g : sregion expr) (c : scell expr) : scell expr :=
  CellData (sc_addr c) (sc_entry c) (g :: sc_reach c) (sc_claimed c) (sc_owed c).
Definition ghost_reach (pf : platform) (path : list nat) (cell : nat) (k : Z) (root va : expr)
    (l : list item) : res (list item * list fact) :=
  let* (cs, l) := take_path path l in
  let* (c, l) := take_whole cell l in
  let* walk := walk_facts (pf_maxphyaddr pf) absent_facts root va (platform_shifts pf) (map snd cs) in
  let k0 := nth (pred (length cs)) (platform_shifts pf) 0 in
  if (12 <=? k) && (k <=? k0) then
    Done (put_path path cs (item_put cell (ICell FOne (reach_more (Some (k, root, va)) c)) l), walk)
  else Fail BadHint.
Definition ghost_reach_elsewhere (cur : expr) (cell : nat) (k : Z) (root va : expr) (l : list item)
    : res (list item * list fact) :=
  let* (c, l) := take_whole cell l in
  Done (item_put cell (ICell FOne (reach_more (Some (k, root, va)) c)) l, owe (PNe root cur)).
Fixpoint pay_elsewhere (cur : expr) (gs : list (sregion expr)) : list (sregion expr) * list fact :=
  match gs with
  | [] => ([], [])
  | g :: gs =>
    let '(gs, facts) := pay_elsewhere cur gs in
    match g with
    | Some (_, r, _) => if expr_eqb r cur then (g :: gs, facts) else (gs, owe (PNe r cur) ++ facts)
    | None => (g :: gs, facts)
    end
  end.
Definition ghost_pay_elsewhere (cur : expr) (cell : nat) (l : list item) : res (list item * list fact) :=
  let* (c, l) := take_whole cell l in
  let '(gs, facts) := pay_elsewhere cur (sc_owed c) in
  Done (item_put cell (ICell FOne (set_sowed gs c)) l, facts).
Definition ghost_new (n : nat) (l : list item) : res (list item * list fact) :=
  match nth_error l n with
  | Some (IPhys pa FOne v) =>
    Done (item_put n (ICell FOne (CellData pa v [] [] [])) l, owe (PEq (mk_and pa (ECst 7)) (ECst 0)))
  | Some (IPhys _ _ _) => Fail (NotWhole n)
  | _ => Fail BadHint
  end.

(** * Shares *)
(** Numerator and denominator in lowest terms. *)
Definition share_pair (q : fexpr) : option (positive * positive) :=
  match q with
  | FOne => Some (1, 1)%positive
  | FDiv n d => Some (Pos.ggcd n d).2
  | FVar _ => None
  end.
Definition share_of (n d : positive) : fexpr :=
  let '(n, d) := (Pos.ggcd n d).2 in
  match n, d with xH, xH => FOne | _, _ => FDiv n d end.
Definition share_sum (q1 q2 : fexpr) : option fexpr :=
  match share_pair q1, share_pair q2 with
  | Some (n1, d1), Some (n2, d2) => Some (share_of (n1 * d2 + n2 * d1) (d1 * d2))%positive
  | _, _ => None
  end.
Definition share_same (q q' : fexpr) : bool :=
  match share_pair q, share_pair q' with
  | Some (n, d), Some (n', d') => Pos.eqb n n' && Pos.eqb d d'
  | _, _ => false
  end.
Definition item_share (i : item) : fexpr :=
  match i with IVirt _ _ _ q _ | IPhys _ q _ | IClaim _ _ _ q _ | IRes _ q _ => q end.
Definition set_share (q : fexpr) (i : item) : item :=
  match i with
  | IVirt w r a _ v => IVirt w r a q v
  | IPhys a _ v => IPhys a q v
  | IClaim w r a _ pa => IClaim w r a q pa
  | IRes k _ es => IRes k q es
  end.
(** Blocks of which nothing is known are not divided, nor are walks with the pages of their tables. *)
Definition divisible (i : item) : bool :=
  match i with IRes (KBlock _ _ | KWalk _ _ true) _ _ => false | _ => true end.
Definition ghost_split (n : nat) (q1 q2 : fexpr) (l : list item) : res (list item) :=
  match nth_error l n, share_sum q1 q2 with
  | Some i, Some q =>
    if divisible i && share_same q (item_share i) then Done (item_put n (set_share q1 i) l ++ [set_share q2 i])
    else Fail BadHint
  | _, _ => Fail BadHint
  end.
Fixpoint exprs_eqb (es es' : list expr) : bool :=
  match es, es' with
  | [], [] => true
  | e :: es, e' :: es' => expr_eqb e e' && exprs_eqb es es'
  | _, _ => false
  end.
Definition join_cells (k k' : kind) (es es' : list expr) : option (list fact) :=
  match es, es' with
  | a :: v :: es, a' :: v' :: es' =>
    match open_cell k (a :: v :: es) with
    | Some _ =>
      if kind_eqb k k' && expr_eqb a a' && exprs_eqb es es' then Some (equate v v') else None
    | None => None
    end
  | _, _ => None
  end.
(** Of walks, the first entry; what is behind it is the same as far as it leads. *)
Definition join_walks (w w' : swalk expr) : option (list fact) :=
  match sw_map w with
  | None =>
    if expr_eqb (sw_root w) (sw_root w') && expr_eqb (sw_va w) (sw_va w') && expr_eqb (sw_from w) (sw_from w')
    then
      match sw_sub w, sw_reads w, sw_reads w' with
      | false, (_, e) :: _, (_, e') :: _ => Some (equate e e')
      | _, _, _ => Some []
      end
    else None
  | Some _ => None
  end.
(** What two shares of the same thing agree on; [None] where they are not of the same thing. *)
Definition join_facts (i j : item) : option (list fact) :=
  match i, j with
  | IVirt w r a _ v, IVirt w' r' a' _ v' =>
    if eqb w w' && expr_eqb r r' && expr_eqb a a' then Some (equate v v') else None
  | IPhys a _ v, IPhys a' _ v' => if expr_eqb a a' then Some (equate v v') else None
  | IClaim w r a _ pa, IClaim w' r' a' _ pa' =>
    if eqb w w' && expr_eqb r r' && expr_eqb a a' then Some (equate pa pa') else None
  | IRes k _ es, IRes k' _ es' =>
    match open_walk k es, open_walk k' es' with
    | Some w, Some w' => if kind_eqb k k' then join_walks w w' else None
    | _, _ => join_cells k k' es es'
    end
  | _, _ => None
  end.
Definition ghost_join (n m : nat) (l : list item) : res (list item * list fact) :=
  match nth_error l n, nth_error l m with
  | Some i, Some j =>
    if Nat.eqb n m then Fail BadHint
    else
      match join_facts i j, share_sum (item_share i) (item_share j) with
      | Some learned, Some q => Done (item_remove m (item_put n (set_share q i) (item_put m hole l)), learned)
      | _, _ => Fail BadHint
      end
  | _, _ => Fail BadHint
  end.

(** * Blocks *)
Definition take_block (n : nat) (l : list item) : res (fexpr * sblock expr * list item) :=
  match nth_error l n with
  | Some (IRes k q es) =>
    match open_block k es with Some b => Done (q, b, item_put n hole l) | None => Fail BadHint end
  | _ => Fail BadHint
  end.
Definition resize (a n : expr) (b : sblock expr) : sblock expr := BlockData (sb_space b) a n (sb_fill b).
(** What a block is filled with, from the index [i] on. *)
Definition fill_from (x : option (sfill expr)) (i : expr) : option (sfill expr) :=
  match x with Some (FArr x start) => Some (FArr x (mk_op AluAdd start i)) | _ => x end.
Definition ghost_split_block (n : nat) (i : expr) (l : list item) : res (list item * list fact) :=
  let* (q, b, l) := take_block n l in
  Done (item_put n (IBlock q (resize (sb_addr b) i b)) l ++
        [IBlock q (BlockData (sb_space b) (word_at (sb_addr b) i) (mk_op AluSub (sb_count b) i)
                     (fill_from (sb_fill b) i))],
        owe (PLe i (sb_count b))).
Definition same_space (x y : option (bool * expr)) : bool :=
  match x, y with
  | Some (w, r), Some (w', r') => eqb w w' && expr_eqb r r'
  | None, None => true
  | _, _ => false
  end.
Definition same_fill (x y : option (sfill expr)) : option (list fact) :=
  match x, y with
  | Some (FAll v), Some (FAll v') => Some (owe (PEq v v'))
  | Some (FArr x i), Some (FArr y j) => if Pos.eqb x y then Some (owe (PEq i j)) else None
  | None, None => Some []
  | _, _ => None
  end.
Definition ghost_join_blocks (n m : nat) (l : list item) : res (list item * list fact) :=
  let* (q, b, l) := take_block n l in
  let* (q', c, l) := take_block m l in
  if fexpr_eqb q q' && same_space (sb_space b) (sb_space c) then
    match same_fill (fill_from (sb_fill b) (sb_count b)) (sb_fill c) with
    | Some facts =>
      let count := mk_op AluAdd (sb_count b) (sb_count c) in
      Done (item_remove m (item_put n (IBlock q (resize (sb_addr b) count b)) l),
            owe (PEq (sb_addr c) (word_at (sb_addr b) (sb_count b))) ++ owe (PLe (sb_count b) count) ++ facts)
    | None => Fail BadHint
    end
  else Fail BadHint.
Definition ghost_word (n : nat) (l : list item) : res (list item * list fact) :=
  let* (q, b, l) := take_block n l in
  match fill_at (sb_fill b) (ECst 0) with
  | Some v =>
    Done (item_put n (match sb_space b with
                      | Some (w, r) => IVirt w r (sb_addr b) q v
                      | None => IPhys (sb_addr b) q v
                      end) l, owe (PEq (sb_count b) (ECst 1)))
  | None => Fail (UnknownWord (sb_addr b))
  end.
Definition ghost_block (n : nat) (l : list item) : res (list item) :=
  match nth_error l n with
  | Some (IVirt w r a q v) => Done (item_put n (IBlock q (BlockData (Some (w, r)) a (ECst 1) (Some (FAll v)))) l)
  | Some (IPhys a q v) => Done (item_put n (IBlock q (BlockData None a (ECst 1) (Some (FAll v)))) l)
  | _ => Fail BadHint
  end.
Definition ghost_forget (n : nat) (l : list item) : res (list item) :=
  let* (q, b, l) := take_block n l in
  Done (item_put n (IBlock q (BlockData (sb_space b) (sb_addr b) (sb_count b) None)) l).
Definition ghost_array (n : nat) (x : positive) (i : expr) (l : list item) : res (list item * list fact) :=
  let* (q, b, l) := take_block n l in
  match fill_at (sb_fill b) (ECst 0) with
  | Some v =>
    Done (item_put n (IBlock q (BlockData (sb_space b) (sb_addr b) (sb_count b) (Some (FArr x i)))) l,
          owe (PEq (sb_count b) (ECst 1)) ++ owe (PEq v (ESel x i)))
  | None => Fail (UnknownWord (sb_addr b))
  end.
Definition ghost_empty (k : kind) (es : list expr) (l : list item) : res (list item * list fact) :=
  match open_block k es with
  | Some b => Done (l ++ [IBlock FOne b], owe (PEq (sb_count b) (ECst 0)))
  | None => Fail BadHint
  end.

(** * All of them: the state, what is owed, what is learned, and the names *)
Section ghost.
  Context {Π : the_platform}.

  Definition sghost (g : ghost) (s : sstate) (ν : names) : res (sstate * list fact * list fact * names) :=
    let tables (f : platform → res (list item * list fact)) :=
      match platform_is with
      | Some pf =>
        if platform_good pf then
          let* (l, facts) := f pf in Done (set_items l s, facts, [], ν)
        else Fail NoPlatform
      | None => Fail NoPlatform
      end in
    let plain (x : res (list item * list fact)) :=
      let* (l, facts) := x in Done (set_items l s, facts, [], ν) in
    match g with
    | GClaim path i w root va pa => tables (λ pf, ghost_claim pf path i w root va pa (s_items s))
    | GUnclaim cell claim => tables (λ _, ghost_unclaim cell claim (s_items s))
    | GOpen cell gs => tables (λ _, let* l := ghost_open cell gs (s_items s) in Done (l, []))
    | GReach path cell k va => tables (λ pf, ghost_reach pf path cell k (s_root s) va (s_items s))
    | GReachElsewhere cell k root va =>
      tables (λ _, ghost_reach_elsewhere (s_root s) cell k root va (s_items s))
    | GPayElsewhere cell => tables (λ _, ghost_pay_elsewhere (s_root s) cell (s_items s))
    | GNew n => tables (λ _, ghost_new n (s_items s))
    | GCode _ _ _ _ => Fail BadHint      (* not of tables alone: [senter] *)
    | GDrop n => Done (set_items (item_remove n (s_items s)) s, [], [], ν)
    | GSplit n q1 q2 =>
      let* l := ghost_split n q1 q2 (s_items s) in Done (set_items l s, [], [], ν)
    | GJoin n m =>
      let* (l, learned) := ghost_join n m (s_items s) in Done (set_items l s, [], learned, ν)
    | GSplitBlock n i => plain (ghost_split_block n i (s_items s))
    | GJoinBlocks n m => plain (ghost_join_blocks n m (s_items s))
    | GWord n => plain (ghost_word n (s_items s))
    | GBlock n => plain (let* l := ghost_block n (s_items s) in Done (l, []))
    | GForget n => plain (let* l := ghost_forget n (s_items s) in Done (l, []))
    | GArray n x i => plain (ghost_array n x i (s_items s))
    | GEmpty k es => plain (ghost_empty k es (s_items s))
    | GUnfold n => plain (let* l := ghost_unfold n (s_items s) in Done (l, []))
    | GDescend n => plain (ghost_descend n (s_items s))
    | GAscend n e => plain (ghost_ascend n e (s_items s))
    | GNothing ks mapped es => plain (ghost_nothing ks mapped es (s_items s))
    | GFold cell below claim t => tables (λ _, ghost_fold cell below claim t (s_items s))
    end.
End ghost.
