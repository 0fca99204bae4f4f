(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Resources: a kind, which is known, a share, and expressions.

    [KCell reach claimed owed]: a cell of a page table.  The expressions are its address and its entry, and
    then, for each [Some k] of the three lists in turn, a root and an address: the page of [2 ^ k] bytes
    around it in that space.  [None] is [Everywhere].

    [KBlock space c]: words from an address on, in physical memory or in a space, where they are writable or
    not.  The expressions are the root, in a space, the address, the number of words, and: what they all
    are, or the index of the first of them in an array.

    [KWalk sub ks mapped]: the slots that a walk goes through, as far as the entries lead, with the levels
    [ks] as shifts, and the entry of each of them.  The expressions are the root and the address whose walk it
    is, the table at which it begins, or ([sub]) the entry that leads there, if it does, the entries, and,
    where the tables are [mapped], the space and the displacement at which they are. *)

(** * Kinds *)
Inductive content := CAny | CFill | CArr (x : positive).
Inductive kind :=
  | KCell (reach claimed owed : list (option Z))
  | KBlock (space : option bool) (c : content)
  | KWalk (sub : bool) (ks : list Z) (mapped : bool).

(** * Cells: the pages that they speak of *)
Notation sregion A := (option (Z * A * A)).
Record scell (A : Type) := CellData {
  sc_addr : A; sc_entry : A;
  sc_reach : list (sregion A); sc_claimed : list (sregion A); sc_owed : list (sregion A) }.
Global Arguments CellData {A} _ _ _ _ _.
Global Arguments sc_addr {A} _.
Global Arguments sc_entry {A} _.
Global Arguments sc_reach {A} _.
Global Arguments sc_claimed {A} _.
Global Arguments sc_owed {A} _.

Fixpoint take_regions {A} (l : list (option Z)) (es : list A) : option (list (sregion A) * list A) :=
  match l with
  | [] => Some ([], es)
  | None :: l =>
    match take_regions l es with Some (gs, es) => Some (None :: gs, es) | None => None end
  | Some k :: l =>
    match es with
    | r :: a :: es =>
      match take_regions l es with Some (gs, es) => Some (Some (k, r, a) :: gs, es) | None => None end
    | _ => None
    end
  end.
Definition open_cell {A} (k : kind) (es : list A) : option (scell A) :=
  match k, es with
  | KCell reach claimed owed, pa :: e :: es =>
    match take_regions reach es with
    | Some (gs1, es) =>
      match take_regions claimed es with
      | Some (gs2, es) =>
        match take_regions owed es with
        | Some (gs3, []) => Some (CellData pa e gs1 gs2 gs3)
        | _ => None
        end
      | None => None
      end
    | None => None
    end
  | _, _ => None
  end.
Definition region_level {A} (g : sregion A) : option Z :=
  match g with Some (k, _, _) => Some k | None => None end.
Definition region_exprs {A} (g : sregion A) : list A :=
  match g with Some (_, r, a) => [r; a] | None => [] end.
Definition cell_kind {A} (c : scell A) : kind :=
  KCell (map region_level (sc_reach c)) (map region_level (sc_claimed c)) (map region_level (sc_owed c)).
Definition cell_exprs {A} (c : scell A) : list A :=
  sc_addr c :: sc_entry c :: concat (map region_exprs (sc_reach c ++ sc_claimed c ++ sc_owed c)).

Lemma take_regions_exprs {A} (gs : list (sregion A)) es :
  take_regions (map region_level gs) (concat (map region_exprs gs) ++ es) = Some (gs, es).
Proof. induction gs as [|[[[k r] a]|] gs IH]; simpl; [done|by rewrite IH..]. Qed.
Lemma open_cell_exprs {A} (c : scell A) : open_cell (cell_kind c) (cell_exprs c) = Some c.
Proof.
  destruct c as [pa e g1 g2 g3]. rewrite /= !map_app !concat_app.
  rewrite take_regions_exprs take_regions_exprs.
  by rewrite -(app_nil_r (concat (map region_exprs g3))) take_regions_exprs.
Qed.

(** * Blocks *)
Inductive sfill (A : Type) := FAll (v : A) | FArr (x : positive) (start : A).
Global Arguments FAll {A} _.
Global Arguments FArr {A} _ _.
Record sblock (A : Type) := BlockData {
  sb_space : option (bool * A);     (* writable, and the root *)
  sb_addr : A; sb_count : A; sb_fill : option (sfill A) }.
Global Arguments BlockData {A} _ _ _ _.
Global Arguments sb_space {A} _.
Global Arguments sb_addr {A} _.
Global Arguments sb_count {A} _.
Global Arguments sb_fill {A} _.
Definition open_block {A} (k : kind) (es : list A) : option (sblock A) :=
  match k, es with
  | KBlock None CAny, [a; n] => Some (BlockData None a n None)
  | KBlock None CFill, [a; n; v] => Some (BlockData None a n (Some (FAll v)))
  | KBlock None (CArr x), [a; n; i] => Some (BlockData None a n (Some (FArr x i)))
  | KBlock (Some w) CAny, [r; a; n] => Some (BlockData (Some (w, r)) a n None)
  | KBlock (Some w) CFill, [r; a; n; v] => Some (BlockData (Some (w, r)) a n (Some (FAll v)))
  | KBlock (Some w) (CArr x), [r; a; n; i] => Some (BlockData (Some (w, r)) a n (Some (FArr x i)))
  | _, _ => None
  end.
Definition block_kind {A} (b : sblock A) : kind :=
  KBlock (match sb_space b with Some (w, _) => Some w | None => None end)
    (match sb_fill b with Some (FAll _) => CFill | Some (FArr x _) => CArr x | None => CAny end).
Definition block_exprs {A} (b : sblock A) : list A :=
  match sb_space b with Some (_, r) => [r] | None => [] end ++ [sb_addr b; sb_count b] ++
  match sb_fill b with Some (FAll v) => [v] | Some (FArr _ i) => [i] | None => [] end.
Lemma open_block_exprs {A} (b : sblock A) : open_block (block_kind b) (block_exprs b) = Some b.
Proof. by destruct b as [[[w r]|] a n [[v|x i]|]]. Qed.

(** * Walks *)
Record swalk (A : Type) := WalkData {
  sw_sub : bool;                    (* whether it begins at the table, or behind the entry above *)
  sw_root : A; sw_va : A; sw_from : A;
  sw_reads : list (Z * A);          (* levels and entries *)
  sw_map : option (A * A) }.        (* a space, and the displacement of the tables in it *)
Global Arguments WalkData {A} _ _ _ _ _ _.
Global Arguments sw_sub {A} _.
Global Arguments sw_root {A} _.
Global Arguments sw_va {A} _.
Global Arguments sw_from {A} _.
Global Arguments sw_reads {A} _.
Global Arguments sw_map {A} _.
Fixpoint take_reads {A} (ks : list Z) (es : list A) : option (list (Z * A) * list A) :=
  match ks, es with
  | [], _ => Some ([], es)
  | k :: ks, e :: es =>
    match take_reads ks es with Some (l, es) => Some ((k, e) :: l, es) | None => None end
  | _ :: _, [] => None
  end.
Definition open_walk {A} (k : kind) (es : list A) : option (swalk A) :=
  match k, es with
  | KWalk sub ks mapped, root :: va :: t :: es =>
    match take_reads ks es, mapped with
    | Some (l, []), false => Some (WalkData sub root va t l None)
    | Some (l, [s; d]), true => Some (WalkData sub root va t l (Some (s, d)))
    | _, _ => None
    end
  | _, _ => None
  end.
Definition walk_kind {A} (w : swalk A) : kind :=
  KWalk (sw_sub w) (map fst (sw_reads w)) (match sw_map w with Some _ => true | None => false end).
Definition walk_exprs {A} (w : swalk A) : list A :=
  sw_root w :: sw_va w :: sw_from w :: map snd (sw_reads w) ++
  match sw_map w with Some (s, d) => [s; d] | None => [] end.
Lemma take_reads_exprs {A} (l : list (Z * A)) es : take_reads (map fst l) (map snd l ++ es) = Some (l, es).
Proof. induction l as [|[k e] l IH]; simpl; [done|]. by rewrite IH. Qed.
Lemma open_walk_exprs {A} (w : swalk A) : open_walk (walk_kind w) (walk_exprs w) = Some w.
Proof. destruct w as [sub r va t l [[s d]|]]; by rewrite /= take_reads_exprs. Qed.
