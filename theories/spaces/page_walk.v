(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.spaces Require Export update.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The slots that a walk of x86-64 goes through, owned as far as its entries lead.

    [page_walk q root va t [(39, e4); (30, e3); (21, e2); (12, e1)] None]: the slot of [va] in the table [t],
    which holds [e4]; where [e4] leads to a table, the slot of [va] in that, which holds [e3]; and so on.  Each
    of them answers for [va] in the space of [root], at its level, anything may be claimed through it, and it
    owes nothing.  With [Some (s, d)] instead of [None], so are the pages of these tables: in the space [s],
    displaced by [d], and writable. *)

(** What an entry leads to, and whether it does: it is present, and no page. *)
Definition leads_on (e : word) : bool := Z.land (bv_unsigned e) 129 =? 1.
Definition table_of (e : word) : word := bv_and e (Z_to_bv 64 0xffffffffff000).
(** The slot of an address in the table that an entry, or a root, leads to. *)
Definition walk_slot (t : word) (k : Z) (va : word) : word :=
  bv_add (table_of t) (bv_and (alu_value AluShr va (Z_to_bv 64 (k - 3))) (Z_to_bv 64 0xff8)).

(** What leads to it, its level, and its entry. *)
Record slot := Slot { sl_from : word; sl_level : Z; sl_entry : word }.
Fixpoint walk_slots (t : word) (reads : list (Z * word)) : list slot :=
  match reads with
  | [] => []
  | (k, e) :: reads => Slot t k e :: if leads_on e then walk_slots e reads else []
  end.
Definition walk_cell (root va : word) (x : slot) : cell :=
  Cell (sl_entry x) [VPage root (sl_level x) (bv_unsigned va ≫ sl_level x)] [Everywhere] [].

Section page_walk.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (q : Qp) (root va t e s d : word) (reads : list (Z * word)) (mapped : option (word * word)).

  Definition slot_pt q root va (x : slot) : iProp Σ :=
    cell_pt (bv_unsigned (walk_slot (sl_from x) (sl_level x) va)) q (walk_cell root va x).
  (** The page of the table, of which all words are claimed. *)
  Definition table_claim mapped t : iProp Σ :=
    match mapped with
    | Some (s, d) => claim_word true s (bv_add (table_of t) d) (pos_to_Qp 512) (table_of t)
    | None => emp
    end%I.
  Definition walk_pt q root va t reads mapped : iProp Σ :=
    [∗ list] x ∈ walk_slots t reads, slot_pt q root va x ∗ table_claim mapped (sl_from x).
  Definition page_walk q root va t reads mapped : vProp Σ := ⎡walk_pt q root va t reads mapped⎤%I.
  (** From an entry on, if it leads to a table; otherwise nothing. *)
  Definition walk_below_pt q root va e reads mapped : iProp Σ :=
    (if leads_on e then walk_pt q root va e reads mapped else emp)%I.
  Definition page_walk_below q root va e reads mapped : vProp Σ := ⎡walk_below_pt q root va e reads mapped⎤%I.

  Global Instance page_walk_objective q root va t reads mapped : Objective (page_walk q root va t reads mapped).
  Proof using Type. apply _. Qed.
  Global Instance page_walk_below_objective q root va e reads mapped :
    Objective (page_walk_below q root va e reads mapped).
  Proof using Type. apply _. Qed.

  (** A step of it. *)
  Lemma walk_pt_cons q root va t k e reads mapped :
    walk_pt q root va t ((k, e) :: reads) mapped ⊣⊢
    slot_pt q root va (Slot t k e) ∗ table_claim mapped t ∗ walk_below_pt q root va e reads mapped.
  Proof using Type. rewrite /walk_pt /walk_below_pt /= -assoc. by destruct (leads_on e). Qed.
  Lemma walk_below_nil q root va e mapped : walk_below_pt q root va e [] mapped ⊣⊢ emp.
  Proof using Type. rewrite /walk_below_pt. by destruct (leads_on e). Qed.
  Lemma walk_below_absent q root va e reads mapped :
    leads_on e = false → walk_below_pt q root va e reads mapped = emp%I.
  Proof using Type. rewrite /walk_below_pt. by intros ->. Qed.

  (** It begins at a table, whatever says where that is. *)
  Lemma table_of_table_of t : table_of (table_of t) = table_of t.
  Proof using Type.
    apply bv_eq. rewrite /table_of !bv_and_unsigned -Z.land_assoc. by rewrite Z.land_diag.
  Qed.
  Lemma walk_pt_from q root va t t' reads mapped :
    table_of t = table_of t' → walk_pt q root va t reads mapped ⊣⊢ walk_pt q root va t' reads mapped.
  Proof using Type.
    intros Ht. destruct reads as [|[k e] reads]; [done|]. rewrite !walk_pt_cons. f_equiv; [|f_equiv].
    - by rewrite /slot_pt /walk_slot /= Ht.
    - by rewrite /table_claim Ht.
  Qed.

  (** Where the tables are not mapped, it is had in parts, which agree. *)
  Lemma walk_pt_fractional root va t reads : Fractional (λ q, walk_pt q root va t reads None).
  Proof using Type.
    intros q1 q2. rewrite /walk_pt -big_sepL_sep. apply big_sepL_proper=> i x _. rewrite /= !right_id.
    apply cell_pt_fractional.
  Qed.
  Lemma walk_below_fractional root va e reads : Fractional (λ q, walk_below_pt q root va e reads None).
  Proof using Type.
    intros q1 q2. rewrite /walk_below_pt. destruct (leads_on e); [apply walk_pt_fractional|by rewrite left_id].
  Qed.
  Lemma slot_pt_agree q1 q2 root va t k e1 e2 :
    slot_pt q1 root va (Slot t k e1) -∗ slot_pt q2 root va (Slot t k e2) -∗ ⌜e1 = e2⌝.
  Proof using Type.
    iIntros "H1 H2". iDestruct (cell_pt_agree with "H1 H2") as %Hx. iPureIntro. by injection Hx.
  Qed.
  Lemma walk_pt_agree q1 q2 root va t reads1 reads2 :
    map fst reads1 = map fst reads2 →
    walk_pt q1 root va t reads1 None -∗ walk_pt q2 root va t reads2 None -∗
    ⌜walk_slots t reads1 = walk_slots t reads2⌝.
  Proof using Type.
    revert t reads2. induction reads1 as [|[k e1] reads1 IH]; intros t [|[k' e2] reads2]; try done;
      [by iIntros (_) "_ _"|]. simpl. intros [= -> Hks]. rewrite !walk_pt_cons.
    iIntros "(H1 & _ & Hr1) (H2 & _ & Hr2)".
    iDestruct (slot_pt_agree with "H1 H2") as %->. rewrite /walk_below_pt. destruct (leads_on e2); [|done].
    by iDestruct (IH _ _ Hks with "Hr1 Hr2") as %->.
  Qed.

  (** The same as assertions. *)
  Lemma page_walk_cons q root va t k e reads mapped :
    page_walk q root va t ((k, e) :: reads) mapped ⊣⊢
    vcell (walk_slot t k va) q (Cell e [VPage root k (bv_unsigned va ≫ k)] [Everywhere] []) ∗
    match mapped with
    | Some (s, d) => @[s] vclaim true (bv_add (table_of t) d) (pos_to_Qp 512) (table_of t)
    | None => emp
    end ∗ page_walk_below q root va e reads mapped.
  Proof using Type.
    rewrite /page_walk walk_pt_cons !embed_sep. by destruct mapped as [[s d]|]; rewrite /= ?embed_emp.
  Qed.
  Lemma page_walk_behind q root va e reads mapped :
    leads_on e = true → page_walk_below q root va e reads mapped = page_walk q root va e reads mapped.
  Proof using Type. intros Hl. by rewrite /page_walk_below /walk_below_pt Hl. Qed.
  Lemma page_walk_nothing q root va e reads mapped :
    leads_on e = false → page_walk_below q root va e reads mapped ⊣⊢ emp.
  Proof using Type. rewrite /page_walk_below /walk_below_pt. intros ->. apply embed_emp. Qed.
End page_walk.

Global Typeclasses Opaque page_walk page_walk_below.
