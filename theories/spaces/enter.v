(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.spaces Require Export claims.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Code in two spaces: where their walks to its page find the same, and one of them maps it executable, so
    does the other.  Which frame that is need not be known. *)

Section enter.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (σ : state) (va root : word) (q : Qp) (cs ds : path_cells).
  #[local] Typeclasses Transparent state_interp page_claim cell_pt fetch_claims code_pt code_at claim.
  Notation mode := (cfg_mode (m_config M)).
  Notation code_lines := (list (Z * (instr * Z))).

  (** All instructions lie in the page of the first. *)
  Definition in_one_page (base : word) (l : code_lines) : bool :=
    forallb (λ x, (0 <=? x.1) && (page_offset base + x.1 + Z.of_nat (length (instr_bytes x)) <=? 4096)) l.

  (** What a claim on an instruction's first byte says of the walk there. *)
  Lemma code_pt_walk T Θ E root0 t root va q i n :
    tables_ok (m_config M) T Θ E root0 t →
    ghost_map_auth mach_claim_name 1 Θ -∗ code_pt root va q i n -∗
    ⌜∃ l, walk mode T root va = Walked l ∧ pm_canonical mode va = true ∧
      access_ok (m_config M) (leaf_rights l) Fetch = true ∧ m_image M !! leaf_pa l va = Some (i, n)⌝.
  Proof using Type.
    iIntros (Hok) "HΘ (%pa & %Himage & [(%R & %HR & (%f & -> & Hc)) _])".
    iDestruct (ghost_map_lookup with "HΘ Hc") as %Hl. iPureIntro.
    destruct (tables_claims _ _ _ _ _ _ Hok _ _ _ Hl) as [_ Hva].
    destruct (Hva va eq_refl) as (Hcan & l & Hw & Hpa & HRl). exists l. simpl in Hpa, HRl.
    by rewrite HRl Hpa.
  Qed.

  (** The frame of 4 KiB in which a leaf has an address. *)
  Lemma leaf_pa_trans l va va' o :
    12 ≤ leaf_shift l → page va' = page va → page_offset va' = o →
    leaf_pa l va' = (leaf_trans l va).1 + o.
  Proof using Type.
    intros Hk Hp <-. rewrite /leaf_pa /leaf_trans /=. rewrite (page_split va') Hp.
    assert (2 ^ leaf_shift l = 2 ^ (leaf_shift l - 12) * 4096) as ->.
    { change 4096 with (2 ^ 12). rewrite -Z.pow_add_r; [f_equal|..]; lia. }
    assert (0 < 2 ^ (leaf_shift l - 12)) as Hpos by (apply Z.pow_pos_nonneg; lia).
    pose proof (page_offset_bound va'). set (n := 2 ^ (leaf_shift l - 12)) in *. set (p := page va) in *.
    set (w := page_offset va') in *.
    pose proof (Z.mod_pos_bound p n Hpos). pose proof (Z_div_mod_eq_full p n).
    assert ((p * 4096 + w) `mod` (n * 4096) = p `mod` n * 4096 + w) as ->; [|lia].
    symmetry. apply (Z.mod_unique_pos _ _ (p `div` n)); nia.
  Qed.

  Lemma code_shared σ cs ds root cur va lf q (l : code_lines) :
    (∀ T, (∀ y, y ∈ cs ++ ds → read_word T y.1.1 = Some (c_entry y.2)) →
       walk mode T cur va = walk mode T root va) →
    known_walk mode root va (path_entries cs) = Some (Walked lf) → 12 ≤ leaf_shift lf →
    in_one_page va l = true → l ≠ [] →
    state_interp σ -∗ cells_pt cs -∗ cells_pt ds -∗ code_at va l cur q -∗
    ⌜pm_canonical mode va = true ∧ access_ok (m_config M) (leaf_rights lf) Fetch = true ∧
      forallb (code_fits (M:=M) va (leaf_trans lf va).1) l = true⌝.
  Proof using Hreg.
    iIntros (Hsame Hknown Hlf Hin Hne) "(%T & %Θ & %E & _ & _ & _ & _ & HΘ & HE & %Hok) Hcs Hds Hcode".
    iDestruct (cells_pt_lookup with "HE Hcs") as %Hcs. iDestruct (cells_pt_lookup with "HE Hds") as %Hds.
    destruct (known_tables _ _ _ _ _ _ _ _ _ Hok Hcs Hknown) as [Hwalk _].
    rewrite -Hsame in Hwalk; last first.
    { intros y [Hy|Hy]%elem_of_app; eapply (tables_cells _ _ _ _ _ _ Hok); [by apply Hcs|by apply Hds]. }
    iAssert ⌜∀ x, x ∈ l → pm_canonical mode va = true ∧
      access_ok (m_config M) (leaf_rights lf) Fetch = true ∧ code_fits (M:=M) va (leaf_trans lf va).1 x = true⌝%I
      as %Hall.
    { iIntros (x Hx). rewrite /in_one_page forallb_forall in Hin.
      specialize (Hin x (proj1 (elem_of_list_In _ _) Hx)).
      apply andb_true_iff in Hin as [Ho%Z.leb_le Hend%Z.leb_le].
      apply elem_of_list_lookup in Hx as [k Hk].
      iDestruct (big_sepL_lookup with "Hcode") as "Hx"; [exact Hk|].
      destruct x as [o [i n]]. cbn [fst snd] in Ho, Hend.
      iDestruct (code_pt_walk with "HΘ Hx") as %(l' & Hw' & Hcan & Hacc & Himage); [done|]. iPureIntro.
      destruct (in_page_from va (4096 - page_offset va) ltac:(lia) o) as [Hpage Hoff].
      { rewrite /instr_bytes length_seq in Hend. lia. }
      assert (bv_unsigned va ≫ leaf_shift lf = bv_unsigned (va `+Z` o) ≫ leaf_shift lf) as Hsh.
      { apply (shiftr_le_eq _ _ 12); [lia|]. by symmetry. }
      rewrite (walk_page _ _ _ va _ lf) in Hw'; [|done..]. injection Hw' as <-.
      split; [|split; [done|]].
      - destruct (walk_levels_shift _ _ _ _ _ _ _ (pm_levels_wf mode) Hwalk) as (_ & lv & Hlv & Hk12).
        rewrite -Hcan. apply (regular_canonical _ (regular_mode (M:=M)) lv); [done|]. by rewrite Hk12.
      - assert (page_offset va + o < 4096) as Hlast.
        { rewrite /instr_bytes length_seq in Hend. lia. }
        rewrite (leaf_pa_trans _ _ _ _ Hlf Hpage Hoff) Z.add_assoc in Himage.
        apply andb_true_iff. split; [apply andb_true_iff; split|].
        + by apply bool_decide_eq_true_2.
        + by apply Z.leb_le.
        + by apply Z.leb_le. }
    iPureIntro. destruct l as [|x l]; [done|].
    destruct (Hall x) as (? & ? & _); [by left|]. do 2 (split; [done|]).
    apply forallb_forall. intros y Hy%elem_of_list_In. by apply Hall.
  Qed.

  (** The code from the claim on its whole page: what is more than its bytes is given up. *)
  Lemma page_claim_code_all va root frame R (l : code_lines) :
    access_ok (m_config M) R Fetch = true → forallb (code_fits (M:=M) va frame) l = true →
    l ≠ [] → (length (l ≫= instr_bytes) ≤ 4096)%nat →
    page_claim (root, page va) 1 (frame, R) ⊢ code_at va l root 1.
  Proof using Type.
    intros HR Hl Hne Hlen. destruct (length (l ≫= instr_bytes)) as [|k] eqn:Hk.
    { destruct l as [|x l]; [done|]. by rewrite /= in Hk. }
    rewrite -(page_claim_code _ _ _ _ _ _ _ HR Hl Hk).
    set (byte := (1 / pos_to_Qp 4096)%Qp).
    assert (pos_to_Qp (Pos.of_succ_nat k) * byte ≤ 1)%Qp as Hle.
    { rewrite -(Qp.mul_div_r 1 (pos_to_Qp 4096)). apply Qp.mul_le_mono_r.
      rewrite -pos_to_Qp_inj_le. lia. }
    apply Qp.le_lteq in Hle as [Hlt|Heq]; [|by rewrite Heq].
    apply Qp.lt_sum in Hlt as [q' Hq]. rewrite {1}Hq /page_claim. iIntros "[$ _]".
  Qed.
End enter.
