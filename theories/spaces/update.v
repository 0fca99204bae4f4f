(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.logic Require Export modality wp assertions.
From rocqgen.spaces Require Export claims.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Updates of what is known of tables: [|~~> P] is [P] after a change of ghost state that the tables and
    the TLB justify as they are.  It takes no instruction, and any point of a program admits it. *)

Lemma word_share_page : word_share (pos_to_Qp 512) = 1%Qp.
Proof. apply (bool_decide_eq_true_1 _). vm_compute. reflexivity. Qed.

Section tupd.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (P Q : vProp Σ) (σ : state) (p root : word).

  Definition tupd (P : vProp Σ) : vProp Σ :=
    space_pred (λ root,
      ∀ σ, ⌜root_of σ = root⌝ -∗ state_interp σ ={⊤}=∗ state_interp σ ∗ P root)%I.

  Lemma tupd_at P root :
    tupd P root ⊣⊢ ∀ σ, ⌜root_of σ = root⌝ -∗ state_interp σ ={⊤}=∗ state_interp σ ∗ P root.
  Proof. done. Qed.

  Lemma tupd_mono P Q : (P ⊢ Q) → tupd P ⊢ tupd Q.
  Proof.
    intros HPQ. constructor=> root. rewrite !tupd_at. iIntros "H" (σ Hσ) "HS".
    iMod ("H" with "[//] HS") as "[$ H]". iModIntro. by iApply HPQ.
  Qed.
  Global Instance tupd_mono' : Proper ((⊢) ==> (⊢)) tupd.
  Proof. intros P Q. apply tupd_mono. Qed.
  Global Instance tupd_proper : Proper ((⊣⊢) ==> (⊣⊢)) tupd.
  Proof. intros P Q HPQ. apply (anti_symm (⊢)); apply tupd_mono; by rewrite HPQ. Qed.
  Lemma fupd_tupd P : (|={⊤}=> P) ⊢ tupd P.
  Proof.
    constructor=> root. rewrite monPred_at_fupd tupd_at. iIntros "H" (σ Hσ) "$". iExact "H".
  Qed.
  Lemma tupd_intro P : P ⊢ tupd P.
  Proof. rewrite -fupd_tupd. iIntros "$". done. Qed.
  Lemma tupd_trans P : tupd (tupd P) ⊢ tupd P.
  Proof.
    constructor=> root. rewrite /tupd /space_pred /=. iIntros "H" (σ Hσ) "HS".
    iMod ("H" with "[//] HS") as "[HS H]". iApply ("H" with "[//] HS").
  Qed.
  Lemma tupd_frame_l P Q : P ∗ tupd Q ⊢ tupd (P ∗ Q).
  Proof.
    constructor=> root. rewrite monPred_at_sep !tupd_at. iIntros "[HP H]" (σ Hσ) "HS".
    iMod ("H" with "[//] HS") as "[$ H]". rewrite monPred_at_sep. by iFrame.
  Qed.
  Lemma tupd_wand P Q : tupd P -∗ (P -∗ Q) -∗ tupd Q.
  Proof.
    iIntros "H HPQ". iDestruct (tupd_frame_l (P -∗ Q)%I P with "[$HPQ $H]") as "H".
    iApply (tupd_mono with "H"). iIntros "[HPQ HP]". by iApply "HPQ".
  Qed.
  Lemma tupd_vwp p Φ : tupd (vwp p Φ) ⊢ vwp p Φ.
  Proof.
    constructor=> root. rewrite /tupd /vwp /space_pred /=. iIntros "H Hcr3". iApply swp_interp.
    iIntros (σ Hpc) "HS". iDestruct (state_interp_root with "HS Hcr3") as %Hroot.
    iMod ("H" with "[//] HS") as "[$ H]". iModIntro. by iApply "H".
  Qed.

  (** From the laws of the state interpretation. *)
  Lemma tupd_interp (R R' : iProp Σ) :
    (∀ σ, state_interp σ -∗ R ==∗ state_interp σ ∗ R') → ⎡R⎤ ⊢ tupd ⎡R'⎤.
  Proof.
    intros HR. constructor=> root. rewrite monPred_at_embed tupd_at. iIntros "H" (σ Hσ) "HS".
    rewrite monPred_at_embed. by iMod (HR with "HS H") as "[$ $]".
  Qed.
  Lemma tupd_interp_here root (R R' : iProp Σ) :
    (∀ σ, root_of σ = root → state_interp σ -∗ R ==∗ state_interp σ ∗ R') →
    in_space root -∗ ⎡R⎤ -∗ tupd ⎡R'⎤.
  Proof.
    intros HR. apply bi.entails_wand, bi.wand_intro_r. constructor=> r.
    rewrite monPred_at_sep in_space_at monPred_at_embed tupd_at.
    iIntros "[-> H]" (σ Hσ) "HS". rewrite monPred_at_embed.
    by iMod (HR _ Hσ with "HS H") as "[$ $]".
  Qed.

  Global Instance elim_modal_tupd_vwp q P p Φ :
    ElimModal True q false (tupd P) P (vwp p Φ) (vwp p Φ).
  Proof.
    rewrite /ElimModal bi.intuitionistically_if_elim. iIntros (_) "[H HP]". iApply tupd_vwp.
    iApply (tupd_wand with "H HP").
  Qed.
  Global Instance elim_modal_tupd q P Q : ElimModal True q false (tupd P) P (tupd Q) (tupd Q).
  Proof.
    rewrite /ElimModal bi.intuitionistically_if_elim. iIntros (_) "[H HP]". iApply tupd_trans.
    iApply (tupd_wand with "H HP").
  Qed.
  Global Instance elim_modal_fupd_tupd q P Q : ElimModal True q false (|={⊤}=> P) P (tupd Q) (tupd Q).
  Proof.
    rewrite /ElimModal bi.intuitionistically_if_elim. iIntros (_) "[H HP]". iApply tupd_trans.
    iApply fupd_tupd. iMod "H". iModIntro. by iApply "HP".
  Qed.
  Global Instance from_modal_tupd P : FromModal True modality_id (tupd P) (tupd P) P.
  Proof. intros _. apply tupd_intro. Qed.
End tupd.

Notation "|~~> P" := (tupd P) (at level 99, P at level 200, format "|~~>  P") : bi_scope.
Global Typeclasses Opaque tupd.

(** * The rules *)
Section rules.
  Context {M : machine} `{!machGS M Σ} {Hreg : RegularMode M}.
  Implicit Types (s : Z) (x : cell) (q : Qp) (va root pa : word) (g : region) (l : leaf).
  Implicit Types (cs : path_cells).
  Notation mode := (cfg_mode (m_config M)).

  (** The cell at a physical address, a path, and the claims on all pages of a leaf of a space. *)
  Definition vcell (pa : word) (q : Qp) (x : cell) : vProp Σ := ⎡cell_pt (bv_unsigned pa) q x⎤%I.
  Definition vpath (cs : path_cells) : vProp Σ := ⎡cells_pt cs⎤%I.
  Definition vleaf (root va : word) (l : leaf) (q : Qp) : vProp Σ := ⎡leaf_claims root va l q⎤%I.

  Global Instance vcell_objective pa q x : Objective (vcell pa q x).
  Proof using Type. apply _. Qed.
  Global Instance vpath_objective cs : Objective (vpath cs).
  Proof using Type. apply _. Qed.
  Global Instance vleaf_objective root va l q : Objective (vleaf root va l q).
  Proof using Type. apply _. Qed.
  Global Instance vcell_timeless pa q x : Timeless (vcell pa q x).
  Proof using Type. apply _. Qed.
  Global Instance vpath_timeless cs : Timeless (vpath cs).
  Proof using Type. rewrite /vpath /cells_pt. apply _. Qed.
  Global Instance vleaf_timeless root va l q : Timeless (vleaf root va l q).
  Proof using Type. rewrite /vleaf /leaf_claims. apply _. Qed.
  Global Instance vcell_fractional pa x : Fractional (λ q, vcell pa q x).
  Proof using Type. intros q1 q2. by rewrite /vcell (cell_pt_fractional _ x q1 q2) embed_sep. Qed.
  Global Instance vcell_as_fractional pa q x : AsFractional (vcell pa q x) (λ q, vcell pa q x) q.
  Proof using Type. split; [done|apply _]. Qed.
  Lemma vcell_agree pa q1 q2 x1 x2 : vcell pa q1 x1 -∗ vcell pa q2 x2 -∗ ⌜x1 = x2⌝.
  Proof using Type.
    iIntros "H1 H2". iDestruct (cell_pt_agree with "H1 H2") as %?. by iPureIntro.
  Qed.

  Lemma vpath_nil : vpath [] ⊣⊢ emp.
  Proof using Type. by rewrite /vpath /cells_pt /= embed_emp. Qed.
  Lemma vpath_cons pa q x cs :
    vpath ((bv_unsigned pa, q, x) :: cs) ⊣⊢ vcell pa q x ∗ vpath cs.
  Proof using Type. by rewrite /vpath /cells_pt /= embed_sep. Qed.
  Lemma vpath_app cs1 cs2 : vpath (cs1 ++ cs2) ⊣⊢ vpath cs1 ∗ vpath cs2.
  Proof using Type. by rewrite /vpath /cells_pt big_sepL_app embed_sep. Qed.

  (** The claim on a page of 4 KiB is that on one of its words, in the fraction of all its 512 words; with
      the bytes of the frame it is the memory of the page. *)
  Lemma vleaf_word w root va l pa :
    leaf_shift l = 12 → page_offset va + 8 ≤ 4096 → bv_unsigned pa = leaf_frame l + page_offset va →
    admits M w (leaf_rights l) →
    vleaf root va l 1 ⊢ @[root] vclaim w va (pos_to_Qp 512) pa.
  Proof using Type.
    intros Hl Ho Hpa HR. rewrite /vleaf /at_root /vclaim /=. apply embed_mono.
    rewrite leaf_claims_4k // -(page_claim_word_1 w _ _ _ _ _ _ Ho Hpa HR).
    by rewrite word_share_page.
  Qed.
  Lemma vleaf_of_word w root va pa :
    page_offset va + 8 ≤ 4096 →
    @[root] vclaim w va (pos_to_Qp 512) pa ⊢
    ∃ R, ⌜admits M w R⌝ ∗ vleaf root va (Leaf (bv_unsigned pa - page_offset va) 12 R) 1.
  Proof using Type.
    intros Ho. rewrite /vleaf /at_root /vclaim /= (page_claim_word_2 w _ _ _ _ Ho).
    iIntros "(%R & %HR & H)". iExists R. iSplit; [done|]. rewrite leaf_claims_4k //=.
    by rewrite word_share_page.
  Qed.
  (** The code that lies in it. *)
  Lemma vleaf_code root va l (lst : list (Z * (instr * Z))) k q :
    leaf_shift l = 12 → access_ok (m_config M) (leaf_rights l) Fetch = true →
    forallb (code_fits (M:=M) va (leaf_frame l)) lst = true → length (lst ≫= instr_bytes) = S k →
    (pos_to_Qp (Pos.of_succ_nat k) * (q / pos_to_Qp 4096))%Qp = 1%Qp →
    vleaf root va l 1 ⊢ @[root] code va lst q.
  Proof using Type.
    intros Hl HR Hfits Hk Hq. rewrite /vleaf /at_root /code /=. apply embed_mono.
    by rewrite leaf_claims_4k // -(page_claim_code root va q _ _ lst k HR Hfits Hk) Hq.
  Qed.
  Definition vpage (w : bool) (p : Z) (q : Qp) (bs : list byte) : vProp Σ :=
    space_pred (λ root, virt_bytes w root (page_base p) q bs).
  Lemma vleaf_page w root va l bs :
    leaf_shift l = 12 → 0 ≤ page va < 2 ^ 52 → Z.of_nat (length bs) = 4096 →
    admits M w (leaf_rights l) →
    vleaf root va l 1 -∗ ⎡phys_bytes (seqZ (leaf_frame l) 4096) 1 bs⎤ -∗ @[root] vpage w (page va) 1 bs.
  Proof using Type.
    intros Hl Hp Hbs HR. rewrite /vleaf /at_root /vpage /= leaf_claims_4k // virt_page //.
    iIntros "H Hb". iExists _, _. iFrame. by iPureIntro.
  Qed.
  Lemma vpage_leaf w root va bs :
    0 ≤ page va < 2 ^ 52 → Z.of_nat (length bs) = 4096 →
    @[root] vpage w (page va) 1 bs ⊢
    ∃ frame R, vleaf root va (Leaf frame 12 R) 1 ∗ ⎡phys_bytes (seqZ frame 4096) 1 bs⎤.
  Proof using Type.
    intros Hp Hbs. rewrite /vleaf /at_root /vpage /= virt_page //.
    iIntros "(%frame & %R & %HR & H & Hb)". iExists frame, R. rewrite leaf_claims_4k //=. iFrame.
  Qed.

  (** A word of memory becomes a cell. *)
  Lemma table_new pa v :
    bv_unsigned pa `mod` 8 = 0 → ⎡phys_word pa 1 v⎤ ⊢ |~~> vcell pa 1 (Cell v [] [] []).
  Proof using Hreg. intros Hpa. apply tupd_interp=> σ. iIntros "HS H". by iApply (cell_new with "HS H"). Qed.
  (** More may be claimed through it. *)
  Lemma table_open pa x claimed :
    (∀ r va, in_regions r va (c_claimed x) = true → in_regions r va claimed = true) →
    vcell pa 1 x ⊢ |~~> vcell pa 1 (set_claimed claimed x).
  Proof using Type. intros Hcl. apply tupd_interp=> σ. by apply cell_open. Qed.
  (** It answers for a page of another space. *)
  Lemma table_reach_elsewhere root pa x r k n :
    r ≠ root →
    in_space root -∗ vcell pa 1 x -∗ |~~> vcell pa 1 (set_reach (VPage r k n :: c_reach x) x).
  Proof using Type.
    intros Hr. apply tupd_interp_here=> σ Hσ. apply cell_reach_elsewhere. by rewrite Hσ.
  Qed.
  (** It answers for a page of this space, whose walk ends before it. *)
  Lemma table_reach root cs va k0 pa x k n :
    known_walk mode root va (path_entries cs) = Some NotPresent →
    forallb (λ lv, k0 <=? lv_shift lv) (take (length cs) (pm_levels mode)) = true →
    12 ≤ k ≤ k0 → n ≫ (k0 - k) = bv_unsigned va ≫ k0 →
    in_space root -∗ vpath cs -∗ vcell pa 1 x -∗
    |~~> (vpath cs ∗ vcell pa 1 (set_reach (VPage root k n :: c_reach x) x)).
  Proof using Hreg.
    intros Hknown Hab Hk Hn. iIntros "#Hin Hcs H".
    iDestruct (tupd_interp_here root (cells_pt cs ∗ cell_pt (bv_unsigned pa) 1 x)
      (cells_pt cs ∗ cell_pt (bv_unsigned pa) 1 (set_reach (VPage root k n :: c_reach x) x))
      with "Hin [Hcs H]") as "H".
    - intros σ <-. iIntros "HS [Hcs H]".
      iMod (cells_reach σ cs va k0 [(bv_unsigned pa, x, k, n)] with "HS Hcs [H]") as "($ & $ & H)";
        [done|done|lia| | |].
      + by intros y ->%elem_of_list_singleton.
      + by rewrite big_sepL_singleton.
      + by rewrite big_sepL_singleton.
    - rewrite embed_sep. iFrame.
    - iApply (tupd_mono with "H"). by rewrite embed_sep.
  Qed.
  (** What is owed in another space is paid here. *)
  Lemma table_pay_elsewhere root pa x :
    in_space root -∗ vcell pa 1 x -∗ |~~> vcell pa 1 (unpaid (elsewhere root) x).
  Proof using Type. apply tupd_interp_here=> σ <-. apply cell_pay_elsewhere. Qed.

  (** The pages of a leaf are claimed, in whatever space; and given back. *)
  Lemma table_claim cs i s x root va l :
    cs !! i = Some (s, 1%Qp, x) → leaf_claimable mode root va l i cs →
    vpath cs ⊢ |~~> (vpath (<[i := (s, 1%Qp, add_claim (leaf_region root va l) x)]> cs) ∗
                     vleaf root va l 1).
  Proof using Hreg.
    intros Hi Hl. rewrite /vpath /vleaf -embed_sep. apply tupd_interp=> σ. by apply leaf_claim.
  Qed.
  Lemma table_unclaim pa x root va l :
    12 ≤ leaf_shift l ≤ 52 →
    vcell pa 1 x ∗ vleaf root va l 1 ⊢ |~~> vcell pa 1 (drop_claim (leaf_region root va l) x).
  Proof using Type.
    intros Hl. rewrite /vcell /vleaf -embed_sep. apply tupd_interp=> σ. iIntros "HS [Hs H]".
    by iApply (leaf_unclaim with "HS Hs H").
  Qed.
End rules.

Notation "pa ↦ₑ{ q } x" := (vcell pa q x) (at level 20, q at level 50, format "pa  ↦ₑ{ q }  x") : bi_scope.
Notation "pa ↦ₑ x" := (vcell pa 1 x) (at level 20) : bi_scope.
Global Typeclasses Opaque vcell vpath vleaf.
