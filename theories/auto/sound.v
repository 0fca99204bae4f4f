(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.logic Require Export parts.
From rocqgen.spaces Require Export cells.
From rocqgen.auto Require Export entries denote.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The symbolic executor is sound for the weakest precondition: what it computes about a fragment is true
    of every run of the machine, for values under which the residual facts and the names hold. *)

(** Inverting a computation of the executor. *)
Lemma translator_ok_set_reg M σ r v τ :
  r ≠ CR3 → translator_ok M σ τ → translator_ok M (set_reg r v σ) τ.
Proof. intros Hr Hτ a va. rewrite (root_of_set_reg _ _ _ Hr). exact (Hτ a va). Qed.

(** A claim on a word is one on any other word of its page. *)
Lemma claim_word_page {M : machine} `{!machGS M Σ} w root va va' q pa pa' :
  page va' = page va → page_offset va + 8 ≤ 4096 → page_offset va' + 8 ≤ 4096 →
  bv_unsigned pa' - page_offset va' = bv_unsigned pa - page_offset va →
  claim_word w root va q pa ⊢ claim_word w root va' q pa'.
Proof.
  intros Hp Ho Ho' Hpa. rewrite page_claim_word_2 //. iIntros "(%R & %HR & H)".
  iApply (page_claim_word_1 _ _ _ _ (bv_unsigned pa - page_offset va) R); [done|lia|done|].
  by rewrite Hp.
Qed.

Section sound.
  Context {Π : the_platform}.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).
  Local Notation den := (denote base code ρ).
  Local Notation SI := state_interp.
  Local Notation hold := (Forall (holds ρ)).

  (** * Registers *)
  Lemma dregs_read σ l r e :
    reg_find r l = Some e → SI σ -∗ dregs ρ l -∗ ⌜get_reg σ r = Ok (eval ρ e)⌝.
  Proof using Type.
    induction l as [|[s f] l IH]; simpl; [done|]. destruct (reg_eqb_spec s r) as [->|].
    - iIntros ([= ->]) "HS [H _]". iDestruct (state_interp_reg with "HS H") as %Hr.
      by rewrite /get_reg Hr.
    - iIntros (Hr) "HS [_ H]". by iApply (IH with "HS H").
  Qed.
  Lemma dregs_write σ l r e v : r ≠ CR3 →
    reg_find r l = Some e → SI σ -∗ dregs ρ l ==∗
    SI (set_reg r (eval ρ v) σ) ∗ dregs ρ (reg_put r v l).
  Proof using Type.
    intros Hne. induction l as [|[s f] l IH]; simpl; [done|]. destruct (reg_eqb_spec s r) as [->|].
    - iIntros (_) "HS [H $]". by iApply (state_interp_set_reg with "HS H").
    - iIntros (Hr) "HS [$ H]". by iApply (IH with "HS H").
  Qed.
  Lemma sget_Done r s e : sget r s = Done e → r ≠ CR3 ∧ reg_find r (s_regs s) = Some e.
  Proof using Type.
    destruct r; simpl; first [discriminate | by case_match; intros; simplify_eq].
  Qed.

  Lemma sget_sound σ r s e :
    sget r s = Done e → SI σ -∗ den s -∗ ⌜get_reg σ r = Ok (eval ρ e)⌝.
  Proof using Type.
    iIntros ([_ Hr]%sget_Done) "HS (_ & H & _)". iApply (dregs_read with "HS H"). done.
  Qed.
  Lemma sput_sound σ r s v s' :
    sput r v s = Done s' → SI σ -∗ den s ==∗ SI (set_reg r (eval ρ v) σ) ∗ den s' ∗ ⌜r ≠ CR3⌝.
  Proof using Type.
    intros (e & [Hne Hr]%sget_Done & [= <-])%res_bind_Done. iIntros "HS (Hc & H & Hi)".
    iMod (dregs_write with "HS H") as "[$ H]"; [done..|]. iModIntro. by iFrame.
  Qed.
  Lemma root_sound σ s : SI σ -∗ den s -∗ ⌜root_of σ = eval ρ (s_root s)⌝.
  Proof using Type. iIntros "HS [[Hc _] _]". iApply (state_interp_root with "HS Hc"). Qed.

  (** * Memory *)
  (** What a claim of the executor says of the word that it leads to. *)
  Lemma claim_facts_sound w root addr r a q pa pm :
    hold (claim_facts root addr r a q pa pm) →
    eval ρ root = eval ρ r ∧
    (claim_word w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ pa) ⊢
     claim_word w (eval ρ r) (eval ρ addr) (feval ρ q) (eval ρ pm)).
  Proof using Type.
    rewrite /claim_facts. destruct (is_page q).
    - intros (Ha & H8 & Hpa & Hpm & Hr)%(page_facts _ _ _ _ _ _ _). split; [done|].
      by apply claim_word_page.
    - intros [Ha [Hpa Hr%owe_hold]%holds_owe]%holds_owe. simpl in *. split; [done|]. by rewrite Ha Hpa.
  Qed.

  (** Where a place is: a virtual word, or a claim that leads to a physical word or an entry. *)
  Definition found_at (addr : expr) (s : sstate) (k : place) (i : item) : Prop :=
    (∃ root a q, i = IVirt (k_write k) root a q (k_value k) ∧ k_full k = is_full q ∧
       eval ρ addr = eval ρ a ∧ eval ρ (s_root s) = eval ρ root) ∨
    (∃ n root a q pa pm q', nth_error (s_items s) n = Some (IClaim (k_write k) root a q pa) ∧
       item_word i = Some (pm, q', k_value k) ∧ k_full k = is_full q' ∧
       eval ρ (s_root s) = eval ρ root ∧
       (claim_word (k_write k) (eval ρ root) (eval ρ a) (feval ρ q) (eval ρ pa) ⊢
        claim_word (k_write k) (eval ρ root) (eval ρ addr) (feval ρ q) (eval ρ pm))).
  Lemma find_place_shape hint addr s k facts :
    find_place hint addr s = Done (k, facts) → hold facts →
    ∃ i, nth_error (s_items s) (k_item k) = Some i ∧ found_at addr s k i.
  Proof using Type.
    assert (∀ n i t, nth_error (s_items s) n = Some i → to_place n t (s_items s) = Done k →
      match t with
      | ToVirt w q v => ∃ root a, i = IVirt w root a q v ∧ eval ρ addr = eval ρ a ∧
          eval ρ (s_root s) = eval ρ root
      | ToClaim w pa => ∃ root a q, i = IClaim w root a q pa ∧ eval ρ addr = eval ρ a ∧
          eval ρ (s_root s) = eval ρ root
      end →
      ∃ i, nth_error (s_items s) (k_item k) = Some i ∧ found_at addr s k i) as Hto.
    { intros n i [w q v|w pa] Hi; simpl.
      - intros [= <-] (root & a & -> & Ha & Hr). exists (IVirt w root a q v). simpl.
        split; [done|]. left. by exists root, a, q.
      - destruct (item_find _ _) as [[m [q' v]]|] eqn:Hm; [|done].
        intros [= <-] (root & a & q & -> & Ha & Hr). simpl.
        apply item_find_Some in Hm as (j & Hj & Hmatch). exists j. split; [done|]. right.
        rewrite /match_phys in Hmatch. destruct (item_word j) as [[[pm q0] v0]|] eqn:Hw; [|done].
        destruct (expr_eqb pm pa) eqn:He; [|done]. apply expr_eqb_true in He as ->.
        injection Hmatch as -> ->. exists n, root, a, q, pa, pa, q'. rewrite Ha. by repeat split. }
    rewrite /find_place. destruct hint as [[n [m|] idx]|].
    - destruct (nth_error _ n) as [[| |w r a q pa|]|] eqn:Hi; try done.
      destruct (nth_error _ m) as [j|] eqn:Hj; [|done].
      destruct (item_word j) as [[[pm q'] v]|] eqn:Hw; [|done]. intros [= <- <-] Hfacts.
      destruct (claim_facts_sound w _ _ _ _ _ _ _ Hfacts) as [Hr Hc]. exists j. split; [done|].
      right. by exists n, r, a, q, pa, pm, q'.
    - destruct (nth_error _ n) as [i|] eqn:Hi; [|done].
      destruct i as [w r a q v|a q v|w r a q pa|]; cbn [hinted]; [|done| |done];
        intros (k' & Hk & [= -> <-])%res_bind_Done [Ha [Hr _]%Forall_cons_iff]%Forall_cons_iff;
        apply (Hto n _ _ Hi Hk); [by exists r, a|by exists r, a, q].
    - destruct (item_find _ _) as [[n t]|] eqn:Hf; [|done].
      intros (k' & Hk & [= -> <-])%res_bind_Done _.
      apply item_find_Some in Hf as (i & Hi & Hm). rewrite /match_virt in Hm.
      destruct i as [w r a q v|a q v|w r a q pa|]; [|done| |done];
        (destruct (expr_eqb a addr) eqn:Ha; [|done]);
        (destruct (expr_eqb r (s_root s)) eqn:Hr; [|done]);
        apply expr_eqb_true in Ha as ->; apply expr_eqb_true in Hr as ->; simplify_eq;
        apply (Hto n _ _ Hi Hk); [by do 2 eexists|by do 3 eexists].
  Qed.

  Lemma claims_translated σ w root va q pas :
    root_of σ = root →
    SI σ -∗ claims_at w root va q pas -∗
    ⌜∀ τ a, translator_ok M σ τ → data_access w a → translated τ a va pas⌝.
  Proof using Type.
    iIntros (<-) "HS Hc". iDestruct (claims_at_translate with "HS Hc") as %Hτ. iPureIntro.
    intros τ a Hok Ha i pa. by apply Hτ.
  Qed.

  Lemma is_full_feval q : is_full q = true → feval ρ q = 1%Qp.
  Proof using Type. by destruct q. Qed.
  Lemma ditems_in l n i : nth_error l n = Some i → ditems ρ l ⊢ ditem ρ i.
  Proof using Type. intros Hi. rewrite (ditems_acc _ _ _ _ Hi). iIntros "[$ _]". Qed.

  (** What a place holds: a virtual word, or what the address is translated to. *)
  Definition holds_at (σ : state) (addr : expr) (k : place) (i : item) : Prop :=
    (∃ root a q, i = IVirt (k_write k) root a q (k_value k) ∧ k_full k = is_full q ∧
       eval ρ addr = eval ρ a ∧ root_of σ = eval ρ root) ∨
    (∃ pm q, item_word i = Some (pm, q, k_value k) ∧ k_full k = is_full q ∧
       ∀ τ a, translator_ok M σ τ → data_access (k_write k) a →
         translated τ a (eval ρ addr) (word_pas (eval ρ pm))).
  Lemma place_holds σ hint addr s k facts :
    find_place hint addr s = Done (k, facts) → hold facts →
    SI σ -∗ den s -∗ ⌜∃ i, nth_error (s_items s) (k_item k) = Some i ∧ holds_at σ addr k i⌝.
  Proof using Type.
    intros Hk Hfacts. destruct (find_place_shape _ _ _ _ _ Hk Hfacts) as (i & Hi & Hplace).
    iIntros "HS Hden". iDestruct (root_sound with "HS Hden") as %Hroot. iExists i. iSplit; [done|].
    destruct Hplace as [(root & a & q & -> & Hq & Ha & Hr)|
      (n & root & a & q & pa & pm & q' & Hn & Hw & Hq & Hr & Hc)].
    - iPureIntro. left. exists root, a, q. by rewrite Hroot.
    - iDestruct "Hden" as "(_ & _ & Hitems & _)". iDestruct (ditems_in _ _ _ Hn with "Hitems") as "H".
      simpl. iDestruct (Hc with "H") as "H".
      iDestruct (claims_translated with "HS H") as %Hτ; [by rewrite Hroot|]. iPureIntro.
      right. by exists pm, q'.
  Qed.

  (** A physical word or an entry is in memory. *)
  Lemma item_word_read σ i pm q v va :
    item_word i = Some (pm, q, v) → SI σ -∗ ditem ρ i -∗
    ⌜∀ τ a, translated τ a va (word_pas (eval ρ pm)) →
       load_word τ a (st_mem σ) va = Ok (eval ρ v)⌝.
  Proof using Type.
    destruct i as [|a q0 v0| |k q0 es]; try done.
    - intros [= -> -> ->]. simpl. iIntros "HS H". iDestruct (load_translated with "HS H") as %Hl.
      iPureIntro. intros τ a. apply Hl.
    - rewrite /item_word. destruct (open_cell k es) as [c|] eqn:Hc; [|done]. intros [= <- -> <-].
      iIntros "HS H". rewrite (ditem_open _ _ _ _ _ Hc). iDestruct (cell_read with "HS H") as %[Hr _].
      iPureIntro. intros τ a Hτ. apply read_word_lookup in Hr.
      pose proof (load_bytes_ok τ a (st_mem σ) va _ _ Hτ Hr) as Hl. rewrite word_bytes_length in Hl.
      by rewrite /load_value Hl /= bytes_word_bytes.
  Qed.

  (** ** Blocks *)
  Lemma eval_word_at a i : eval ρ (word_at a i) = eval ρ a `+Z` (8 * bv_unsigned (eval ρ i)).
  Proof using Type.
    rewrite /word_at !eval_mk_op. cbn [eval alu_value]. rewrite (bv_scaled _ 3) // /scaled bv_add_cst.
    f_equal. lia.
  Qed.
  Lemma dblock_acc q (b : sblock word) (i : word) :
    bv_unsigned i < bv_unsigned (sb_count b) →
    let content := dcontent (sb_space b) q (fill_word (env_array ρ) (sb_fill b) (bv_unsigned i))
      (sb_addr b `+Z` (8 * bv_unsigned i)) in
    dblock ρ q b ⊢ content ∗ (content -∗ dblock ρ q b).
  Proof using Type.
    intros Hi. pose proof (bv_unsigned_in_range _ i) as [Hr _].
    assert (block_words (sb_addr b) (sb_count b) !! Z.to_nat (bv_unsigned i) =
      Some (sb_addr b `+Z` (8 * bv_unsigned i))) as Hl.
    { rewrite /block_words list_lookup_fmap lookup_seq_lt; [|lia]. simpl. do 2 f_equal. lia. }
    rewrite /dblock. iIntros "H". iDestruct (big_sepL_lookup_acc with "H") as "H"; [exact Hl|].
    rewrite Z2Nat.id; [|done]. iExact "H".
  Qed.
  Lemma fill_at_word x i :
    fill_word (env_array ρ) (sfill_map (eval ρ) x) (bv_unsigned (eval ρ i)) =
    match fill_at x i with Some e => Some (eval ρ e) | None => None end.
  Proof using Type.
    destruct x as [[v|x start]|]; [done| |done]. cbn [fill_at sfill_map fill_word eval].
    rewrite eval_mk_op. cbn [alu_value]. by rewrite -bv_add_cst Z_to_bv_bv_unsigned.
  Qed.
  Definition fill_is (fill : option expr) (v : word) : Prop :=
    match fill with Some e => v = eval ρ e | None => True end.
  Lemma dcontent_word sp q fill a :
    dcontent sp q (match fill with Some v => Some (eval ρ v) | None => None end) a ⊣⊢
    ∃ v, ⌜fill_is fill v⌝ ∗ dword sp q a v.
  Proof using Type.
    destruct fill as [e|]; simpl.
    - iSplit; [iIntros "H"; iExists _; by iFrame|]. by iIntros "(%v & -> & $)".
    - iSplit; iIntros "(%v & H)"; iExists v; [by iFrame|by iDestruct "H" as "[_ $]"].
  Qed.
  Lemma block_place_acc σ hint addr s w q fill facts :
    block_place hint addr s = Some (w, q, fill, facts) → hold facts →
    SI σ -∗ den s -∗ ∃ pas v,
      ⌜∀ τ a, translator_ok M σ τ → data_access w a → translated τ a (eval ρ addr) pas⌝ ∗
      ⌜fill_is fill v⌝ ∗ SI σ ∗ phys_bytes pas (feval ρ q) (word_bytes v) ∗
      (∀ v', ⌜fill_is fill v'⌝ -∗ phys_bytes pas (feval ρ q) (word_bytes v') -∗ den s).
  Proof using Type.
    rewrite /block_place. intros H Hfacts. iIntros "HS Hden".
    iDestruct (root_sound with "HS Hden") as %Hroot.
    iDestruct "Hden" as "(Hc & Hregs & Hitems & Hcode)".
    destruct hint as [[n [m|] [i|]]|]; try done.
    - destruct (nth_error _ n) as [[| |w0 r a q0 pa|]|] eqn:Hn; try done.
      destruct (nth_error _ m) as [[| | |k q' es]|] eqn:Hm; try done.
      destruct (open_block k es) as [[[[? ?]|] b cnt v]|] eqn:Hb; try done.
      injection H as <- <- <- <-. apply Forall_app in Hfacts as [Hcl Hi%owe_hold].
      destruct (claim_facts_sound w0 _ _ _ _ _ _ _ Hcl) as [Hr Hclaim].
      iAssert ⌜∀ τ a, translator_ok M σ τ → data_access w0 a →
        translated τ a (eval ρ addr) (word_pas (eval ρ (word_at b i)))⌝%I as %Hτ.
      { iDestruct (ditems_in _ _ _ Hn with "Hitems") as "Hn". simpl. iDestruct (Hclaim with "Hn") as "Hn".
        iApply (claims_translated with "HS Hn"). by rewrite Hroot. }
      iDestruct (ditems_acc _ _ _ _ Hm with "Hitems") as "[Hm Hitems]".
      rewrite (ditem_open_block _ _ _ _ _ Hb).
      iDestruct (dblock_acc _ _ (eval ρ i) with "Hm") as "[Hw Hm]"; [exact Hi|].
      cbn [sblock_map sb_space sb_addr sb_count sb_fill]. rewrite fill_at_word dcontent_word.
      iDestruct "Hw" as (x Hx) "Hw". rewrite -eval_word_at.
      iExists (word_pas (eval ρ (word_at b i))), x. iFrame "HS". do 2 (iSplit; [done|]).
      iSplitL "Hw"; [iExact "Hw"|]. iIntros (x' Hx') "Hw". iFrame "Hc Hregs Hcode".
      iDestruct ("Hitems" $! (IRes k q' es)) as "Hitems". rewrite (item_put_same _ _ _ Hm).
      iApply "Hitems". rewrite (ditem_open_block _ _ _ _ _ Hb). iApply "Hm".
      iExists x'. iSplit; [done|]. iExact "Hw".
    - destruct (nth_error _ n) as [[| | |k q' es]|] eqn:Hn; try done.
      destruct (open_block k es) as [[[[w0 r]|] a cnt v]|] eqn:Hb; try done.
      injection H as <- <- <- <-. apply holds_owe in Hfacts as [Ha [Hi Hr%owe_hold]%holds_owe].
      iDestruct (ditems_acc _ _ _ _ Hn with "Hitems") as "[Hm Hitems]".
      rewrite (ditem_open_block _ _ _ _ _ Hb).
      iDestruct (dblock_acc _ _ (eval ρ i) with "Hm") as "[Hw Hm]"; [exact Hi|].
      cbn [sblock_map sb_space sb_addr sb_count sb_fill]. rewrite fill_at_word dcontent_word.
      iDestruct "Hw" as (x Hx) "Hw". simpl in Ha, Hr. rewrite Ha eval_word_at.
      rewrite /dword /virt_word /virt_bytes. iDestruct "Hw" as (pas) "[Hclaims Hw]".
      iDestruct (claims_translated with "HS Hclaims") as %Hτ; [by rewrite Hroot|].
      iExists pas, x. iFrame "HS Hw". do 2 (iSplit; [done|]).
      iIntros (x' Hx') "Hw". iFrame "Hc Hregs Hcode".
      iDestruct ("Hitems" $! (IRes k q' es)) as "Hitems". rewrite (item_put_same _ _ _ Hn).
      iApply "Hitems". rewrite (ditem_open_block _ _ _ _ _ Hb). iApply "Hm".
      iExists x'. iSplit; [done|]. rewrite /dword /virt_word /virt_bytes. iExists pas. iFrame.
  Qed.

  (** A block of one word. *)
  Lemma dblock_single q sp a fill :
    dblock ρ q (BlockData sp a (Z_to_bv 64 1) fill) ⊣⊢ dcontent sp q (fill_word (env_array ρ) fill 0) a.
  Proof using Type.
    rewrite /dblock /=. change (block_words a (Z_to_bv 64 1)) with [a `+Z` 0].
    by rewrite big_sepL_singleton bv_add_Z_0.
  Qed.
  Lemma single_index (i : word) : bv_unsigned i < bv_unsigned (Z_to_bv 64 1) → bv_unsigned i = 0.
  Proof using Type.
    change (bv_unsigned (Z_to_bv 64 1)) with 1. pose proof (bv_unsigned_in_range _ i) as [Hi _]. lia.
  Qed.
  Lemma block_one_acc σ hint addr s old facts d b :
    block_place hint addr s = Some (true, FOne, old, facts) → block_one hint s = Some (d, b) → hold facts →
    SI σ -∗ den s -∗ ∃ pas v,
      ⌜∀ τ a, translator_ok M σ τ → data_access true a → translated τ a (eval ρ addr) pas⌝ ∗
      ⌜fill_is old v⌝ ∗ SI σ ∗ phys_bytes pas 1 (word_bytes v) ∗
      (∀ e, phys_bytes pas 1 (word_bytes (eval ρ e)) -∗
        den (set_items (item_put d (IBlock FOne (filled e b)) (s_items s)) s)).
  Proof using Type.
    rewrite /block_place /block_one. intros H Hone Hfacts. iIntros "HS Hden".
    iDestruct (root_sound with "HS Hden") as %Hroot.
    iDestruct "Hden" as "(Hc & Hregs & Hitems & Hcode)".
    destruct hint as [[n [m|] [i|]]|]; try done.
    - destruct (nth_error _ n) as [[| |w0 r a q0 pa|]|] eqn:Hn; try done.
      destruct (nth_error _ m) as [[| | |k q' es]|] eqn:Hm; try done.
      destruct (open_block k es) as [[[[? ?]|] b0 cnt v]|] eqn:Hb; try done.
      injection H as -> -> <- <-. apply Forall_app in Hfacts as [Hcl Hi%owe_hold].
      destruct cnt as [|z| | |]; try done. destruct z as [|[]|]; try done. injection Hone as <- <-.
      destruct (claim_facts_sound true _ _ _ _ _ _ _ Hcl) as [Hr Hclaim]. apply single_index in Hi.
      iAssert ⌜∀ τ a, translator_ok M σ τ → data_access true a →
        translated τ a (eval ρ addr) (word_pas (eval ρ (word_at b0 i)))⌝%I as %Hτ.
      { iDestruct (ditems_in _ _ _ Hn with "Hitems") as "Hn". simpl. iDestruct (Hclaim with "Hn") as "Hn".
        iApply (claims_translated with "HS Hn"). by rewrite Hroot. }
      rewrite eval_word_at Hi bv_add_Z_0 in Hτ.
      iDestruct (ditems_acc _ _ _ _ Hm with "Hitems") as "[Hm Hitems]".
      rewrite (ditem_open_block _ _ _ _ _ Hb) /sblock_map. cbn [sb_space sb_addr sb_count sb_fill eval].
      rewrite dblock_single -Hi fill_at_word dcontent_word. iDestruct "Hm" as (x Hx) "Hw".
      iExists (word_pas (eval ρ b0)), x. iFrame "HS". do 2 (iSplit; [done|]). iSplitL "Hw"; [iExact "Hw"|].
      iIntros (e) "Hw". iFrame "Hc Hregs Hcode". iApply "Hitems". rewrite ditem_block /sblock_map /filled.
      cbn [sb_space sb_addr sb_count sb_fill eval sfill_map]. rewrite dblock_single. iExact "Hw".
    - destruct (nth_error _ n) as [[| | |k q' es]|] eqn:Hn; try done.
      destruct (open_block k es) as [[[[w0 r]|] a cnt v]|] eqn:Hb; try done.
      injection H as -> -> <- <-. apply holds_owe in Hfacts as [Ha [Hi Hr%owe_hold]%holds_owe].
      destruct cnt as [|z| | |]; try done. destruct z as [|[]|]; try done. injection Hone as <- <-.
      apply single_index in Hi. iDestruct (ditems_acc _ _ _ _ Hn with "Hitems") as "[Hm Hitems]".
      rewrite (ditem_open_block _ _ _ _ _ Hb) /sblock_map. cbn [sb_space sb_addr sb_count sb_fill eval].
      rewrite dblock_single -{1}Hi fill_at_word dcontent_word. iDestruct "Hm" as (x Hx) "Hw".
      simpl in Ha, Hr. rewrite Ha eval_word_at Hi bv_add_Z_0.
      rewrite /dword /virt_word /virt_bytes. iDestruct "Hw" as (pas) "[Hclaims Hw]".
      iDestruct (claims_translated with "HS Hclaims") as %Hτ; [by rewrite Hroot|].
      iExists pas, x. iFrame "HS Hw". do 2 (iSplit; [done|]).
      iIntros (e) "Hw". iFrame "Hc Hregs Hcode". iApply "Hitems". rewrite ditem_block /sblock_map /filled.
      cbn [sb_space sb_addr sb_count sb_fill eval sfill_map]. rewrite dblock_single /=.
      rewrite /virt_word /virt_bytes. iExists pas. iFrame.
  Qed.
  (** A word of a block is written. *)
  Lemma sstore_block_acc σ hint addr s old new facts s' more :
    block_place hint addr s = Some (true, FOne, old, facts) → hold facts →
    sstore_block hint old new s = (s', more) → hold more → (new = None → old = None) →
    SI σ -∗ den s -∗ ∃ pas v,
      ⌜∀ τ a, translator_ok M σ τ → data_access true a → translated τ a (eval ρ addr) pas⌝ ∗
      ⌜fill_is old v⌝ ∗ SI σ ∗ phys_bytes pas 1 (word_bytes v) ∗
      (∀ v', ⌜fill_is new v'⌝ -∗ phys_bytes pas 1 (word_bytes v') -∗ den s').
  Proof using Type.
    rewrite /sstore_block. intros Hblock Hf Hput Hmore Hnew. iIntros "HS Hden".
    destruct new as [e|]; [destruct (block_one hint s) as [[d b]|] eqn:Hone|]; injection Hput as <- <-.
    - iDestruct (block_one_acc with "HS Hden") as (pas x) "(%Hτ & %Hx & HS & Hb & Hden)"; [done..|].
      iExists pas, x. iFrame "HS Hb". do 2 (iSplit; [done|]). iIntros (v' ->). iApply "Hden".
    - iDestruct (block_place_acc with "HS Hden") as (pas x) "(%Hτ & %Hx & HS & Hb & Hden)"; [done..|].
      iExists pas, x. iFrame "HS Hb". do 2 (iSplit; [done|]). iIntros (v' ->). iApply "Hden". iPureIntro.
      destruct old as [e'|]; [|done]. by apply owe_hold in Hmore.
    - iDestruct (block_place_acc with "HS Hden") as (pas x) "(%Hτ & %Hx & HS & Hb & Hden)"; [done..|].
      iExists pas, x. iFrame "HS Hb". do 2 (iSplit; [done|]). iIntros (v' _). iApply "Hden".
      by rewrite Hnew.
  Qed.

  Lemma sload_sound σ hint write addr s v facts :
    sload hint write addr s = Done (v, facts) → hold facts →
    SI σ -∗ den s -∗
    ⌜∀ τ, translator_ok M σ τ →
      load_word τ (if write then Write else Read) (st_mem σ) (eval ρ addr) = Ok (eval ρ v)⌝.
  Proof using Type.
    rewrite /sload. destruct (block_place hint addr s) as [[[[w q] fill] facts']|] eqn:Hblock.
    { destruct fill as [e|]; [|done]. destruct (negb write || w) eqn:Hw; [|done]. intros [= <- <-] Hfacts.
      iIntros "HS Hden".
      iDestruct (block_place_acc with "HS Hden") as (pas x) "(%Hτ & %Hx & HS & Hb & _)"; [done..|].
      simpl in Hx. subst x. iDestruct (load_translated with "HS Hb") as %Hl. iPureIntro. intros τ Hok. apply Hl, Hτ; [done|].
      destruct write; [right|by left]. by split. }
    intros ([k f] & Hk & Hv)%res_bind_Done Hfacts.
    destruct (negb write || k_write k) eqn:Hw; [|done]. injection Hv as <- ->.
    iIntros "HS Hden". iDestruct (place_holds with "HS Hden") as %(i & Hi & Hplace); [done..|].
    assert (data_access (k_write k) (if write then Write else Read)) as Ha.
    { destruct write; [right|by left]. by split. }
    iDestruct "Hden" as "(_ & _ & Hitems & _)". iDestruct (ditems_in _ _ _ Hi with "Hitems") as "H".
    destruct Hplace as [(root & a & q & -> & _ & -> & Hr)|(pm & q & Hword & _ & Hτ)].
    - rewrite /= /virt_word /virt_bytes. iDestruct "H" as (pas) "[Hc Hb]".
      iDestruct (claims_translated with "HS Hc") as %Hτ; [done|].
      iDestruct (load_translated with "HS Hb") as %Hl. iPureIntro. intros τ Hok. by apply Hl, Hτ.
    - iDestruct (item_word_read with "HS H") as %Hl; [done|]. iPureIntro. intros τ Hok.
      by apply Hl, Hτ.
  Qed.

  (** An entry is written. *)
  Lemma cell_put_sound σ absent v c c' facts va :
    on_platform M → platform_is ≠ None → cell_put absent v c = (c', facts) → hold facts →
    (∀ τ, translator_ok M σ τ → translated τ Write va (word_pas (eval ρ (sc_addr c)))) →
    SI σ -∗ ditem ρ (ICell FOne c) ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ → store_word τ (st_mem σ) va (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ ditem ρ (ICell FOne c').
  Proof using Type.
    intros HM Hpf Hput Hfacts Hτ. iIntros "HS H". rewrite (ditem_cell _ _ c).
    setoid_rewrite (ditem_cell _ _ c').
    destruct (platform_regular HM Hpf) as [Hreg Hx86].
    iDestruct (cell_read with "HS H") as %[Hr _].
    assert (cell_editable (cfg_mode (m_config M)) (word_cell (scell_map (eval ρ) c)) = true ∧
      sc_addr c' = sc_addr c ∧ sc_claimed c' = [] ∧ sc_entry c' = v ∧ sc_reach c' = sc_reach c ∧
      ∀ g, g ∈ c_owed (cell_store (cfg_mode (m_config M)) (word_cell (scell_map (eval ρ) c)) (eval ρ v) []) →
        g ∈ c_owed (word_cell (scell_map (eval ρ) c'))) as (Hedit & Haddr & Hcl & He & Hre & Howed).
    { rewrite /cell_put in Hput. destruct (absent || seen_absent c) eqn:Hform.
      - injection Hput as <- <-. apply owe_hold in Hfacts.
        assert (cell_absent (cfg_mode (m_config M)) (word_cell (scell_map (eval ρ) c)) = true) as Habs.
        { apply (x86_cell_absent Hx86). by apply holds_absent. }
        rewrite /cell_editable /cell_store Habs. by repeat split.
      - injection Hput as <- <-. apply orb_false_iff in Hform as [_ Hseen].
        destruct (sc_claimed c) eqn:Hclaimed; [|by rewrite /seen_absent Hclaimed in Hseen].
        split; [|repeat split].
        + rewrite /cell_editable. apply orb_true_iff. right. apply andb_true_iff. split.
          { apply bool_decide_eq_true. by rewrite /= Hclaimed. }
          apply (x86_cell_leaf Hx86). destruct (forallb is_4k (sc_reach c)) eqn:H4k.
          * left. rewrite /= map_map. rewrite forallb_forall in H4k. apply List.Forall_map, List.Forall_forall.
            intros g Hg%H4k. destruct g as [[[k r] a]|]; simpl in Hg |- *; [by apply Z.eqb_eq in Hg|done].
          * right. apply owe_hold in Hfacts. by apply holds_no_table.
        + intros g. rewrite /cell_store. destruct (cell_absent _ _); rewrite /= !map_app; [|done].
          intros Hg. apply elem_of_app. by right. }
    iMod (write_tables σ _ _ (eval ρ v) [] with "HS H") as "[HS H]"; [done|].
    iMod (cell_owe_more _ _ _ (c_owed (word_cell (scell_map (eval ρ) c'))) with "HS H") as "[HS H]"; [done|].
    iModIntro. iExists _. iFrame "HS". iSplit.
    - iPureIntro. intros τ Hok. rewrite /store_value.
      pose proof (store_targets_ok τ (st_mem σ) va (word_pas (eval ρ (sc_addr c))) (Hτ τ Hok)) as Hst.
      rewrite Hst; [done|].
      apply read_word_lookup in Hr. apply Forall_lookup. intros j a Hj.
      destruct (Forall2_lookup_l _ _ _ _ _ Hr Hj) as (b & _ & Hb). by exists b.
    - rewrite Haddr. destruct c' as [pa' e' g1 g2 g3]. simpl in Hcl, He, Hre. subst. iExact "H".
  Qed.

  Lemma sstore_sound σ hint addr v s s' facts :
    sstore hint addr v s = Done (s', facts) → hold facts →
    SI σ -∗ den s ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_word τ (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ den s'.
  Proof using Type.
    rewrite /sstore. destruct (block_place hint addr s) as [[[[w q] fill] facts']|] eqn:Hblock.
    { destruct w, q as [| |]; try done. destruct (sstore_block _ _ _ _) as [s1 more] eqn:Hput.
      intros [= <- <-] [Hf Hmore]%Forall_app. iIntros "HS Hden".
      iDestruct (sstore_block_acc with "HS Hden") as (pas x) "(%Hτ & _ & HS & Hb & Hden)"; [done..|].
      iMod (store_translated _ (eval ρ addr) _ _ (eval ρ v) with "HS Hb") as (m Hm) "[HS Hb]".
      iModIntro. iExists m. iFrame "HS". iSplit; [|by iApply ("Hden" with "[//] Hb")].
      iPureIntro. intros τ Hok. apply Hm, Hτ; [done|]. by right. }
    intros ([k f] & Hk & Hv)%res_bind_Done Hfacts.
    destruct (k_write k && k_full k) eqn:Hw; [|done]. apply andb_true_iff in Hw as [Hw Hfull].
    destruct (nth_error (s_items s) (k_item k)) as [i|] eqn:Hi; [|done].
    apply res_bind_Done in Hv as ([i' more] & Hput & [= <- <-]). apply Forall_app in Hfacts as [Hf Hmore].
    iIntros "HS Hden".
    iDestruct (place_holds with "HS Hden") as %(i0 & Hi0 & Hplace); [done..|].
    rewrite Hi in Hi0. injection Hi0 as <-.
    iDestruct "Hden" as "([Hc %HM] & Hregs & Hitems & Hcode)".
    iDestruct (ditems_acc _ _ _ _ Hi with "Hitems") as "[Hi Hitems]".
    iAssert (|==> ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_word τ (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ ditem ρ i')%I with "[HS Hi]" as ">(%m & %Hm & HS & Hi)"; last first.
    { iModIntro. iExists m. iFrame "HS Hc Hregs Hcode". iSplit; [done|]. iSplit; [done|].
      by iApply "Hitems". }
    destruct Hplace as [(root & a & q & -> & Hq & -> & Hr)|(pm & q & Hword & Hq & Hτ)].
    - injection Hput as <- <-. rewrite /= /virt_word /virt_bytes.
      iDestruct "Hi" as (pas) "[Hclaims Hbytes]".
      iDestruct (claims_translated with "HS Hclaims") as %Hτ; [done|].
      rewrite (is_full_feval q) -?Hq //.
      iMod (store_translated _ (eval ρ a) _ _ (eval ρ v) with "HS Hbytes") as (m Hm) "[HS Hb]".
      iModIntro. iExists m. iFrame "HS". iSplit; [|iExists pas; iFrame]. iPureIntro.
      intros τ Hok. apply Hm, Hτ; [done|]. by right.
    - destruct i as [|a q0 v0| |kd q0 es]; try done.
      + simpl in Hword. simplify_eq. injection Hput as <- <-. rewrite /= /phys_word.
        rewrite (is_full_feval q) -?Hq //.
        iMod (store_translated _ (eval ρ addr) _ _ (eval ρ v) with "HS Hi") as (m Hm) "[HS Hb]".
        iModIntro. iExists m. iFrame "HS Hb". iPureIntro.
        intros τ Hok. apply Hm, Hτ; [done|]. by right.
      + simpl in Hword, Hput. destruct (open_cell kd es) as [c|] eqn:Hopen; [|done].
        injection Hword as <- -> Hval. destruct platform_is as [pf|] eqn:Hpf; [|done].
        destruct (cell_put _ v c) as [c' fs] eqn:Hcell. injection Hput as <- <-.
        destruct q as [| |]; try (by rewrite Hfull in Hq).
        rewrite (ditem_open _ _ _ _ _ Hopen) -ditem_cell.
        iApply (cell_put_sound with "HS Hi"); [done|by rewrite Hpf|done..|].
        intros τ Hok. apply Hτ; [done|]. by right.
  Qed.

  Lemma offsets_fit w : Forall (part_fits w) (offsets w).
  Proof using Type. rewrite /part_fits. destruct w; repeat constructor; simpl; lia. Qed.
  Lemma first_offset_fit root va l ks w :
    Forall (part_fits w) ks → part_fits w (first_offset root va l ks).
  Proof using Type.
    induction 1 as [|k ks Hk Hks IH]; simpl.
    - rewrite /part_fits. destruct w; simpl; lia.
    - by case_match.
  Qed.
  Lemma part_of_fits hint w va s : part_fits w (part_of hint w va s).
  Proof using Type.
    assert (part_fits w 0) as H0 by (rewrite /part_fits; destruct w; simpl; lia).
    pose proof (offsets_fit w) as H. rewrite List.Forall_forall in H.
    destruct hint as [[n m [e|]]|]; [|done|apply first_offset_fit, offsets_fit].
    rewrite /part_of. destruct (block_offset _ _ _ _ _) as [k|] eqn:Hk.
    - rewrite /block_offset in Hk. destruct (nth_error _ _) as [[| | |kd q es]|]; try done.
      destruct (open_block kd es) as [b|]; [|done]. injection Hk as <-.
      destruct (List.find _ _) as [k|] eqn:Hfind; [|done]. by apply H, (find_some _ _ Hfind).
    - destruct e as [x|k|e z|op a b|x j]; try done. destruct (existsb _ _) eqn:Hin; [|done].
      apply existsb_exists in Hin as (k' & Hin & ->%Z.eqb_eq). by apply H.
  Qed.
  Lemma back_forth va k : eval ρ (back va k) `+Z` k = eval ρ va.
  Proof using Type.
    rewrite /back. destruct (Z.eqb_spec k 0) as [->|]; [apply bv_add_Z_0|].
    by rewrite eval_mk_add bv_add_Z_assoc Z.add_opp_diag_l bv_add_Z_0.
  Qed.
  Lemma sload_part_sound σ hint write w addr s v facts :
    sload_part hint write w addr s = Done (v, facts) → hold facts →
    SI σ -∗ den s -∗
    ⌜∀ τ, translator_ok M σ τ →
      load_value τ (if write then Write else Read) w (st_mem σ) (eval ρ addr) = Ok (eval ρ v)⌝.
  Proof using Type.
    intros ([v' f] & Hl & [= <- <-])%res_bind_Done Hfacts. iIntros "HS Hden".
    iDestruct (sload_sound with "HS Hden") as %Hv; [done..|]. iPureIntro. intros τ Hok.
    pose proof (part_of_fits hint w addr s) as Hfit. rewrite eval_mk_extract //.
    rewrite -(back_forth addr (part_of hint w addr s)). by apply load_value_part; [apply Hv|].
  Qed.
  Lemma sstore_at_sound σ k hint w addr v s s' facts :
    part_fits w k → sstore_at k hint w addr v s = Done (s', facts) → hold facts →
    SI σ -∗ den s ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_value τ w (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ den s'.
  Proof using Type.
    rewrite /sstore_at. intros Hfit Hv Hfacts.
    destruct (block_place hint _ s) as [[[[b q] fill] facts']|] eqn:Hblock.
    { destruct b, q as [| |]; try done. destruct (sstore_block _ _ _ _) as [s1 more] eqn:Hput.
      injection Hv as <- <-. apply Forall_app in Hfacts as [Hf Hmore]. iIntros "HS Hden".
      iDestruct (sstore_block_acc with "HS Hden") as (pas x) "(%Hτ & %Hx & HS & Hb & Hden)"; [done..| |].
      { by destruct fill. }
      iMod (store_part_translated _ w _ (eval ρ (back addr k)) _ _ (eval ρ v) Hfit with "HS Hb")
        as (m Hm) "[HS Hb]".
      iModIntro. iExists m. iFrame "HS". iSplit.
      - iPureIntro. intros τ Hok. rewrite -(back_forth addr k). apply Hm, Hτ; [done|]. by right.
      - iApply ("Hden" with "[%] Hb"). destruct fill as [e|]; [|done].
        rewrite /fill_is in Hx |- *. by rewrite eval_mk_insert // Hx. }
    apply res_bind_Done in Hv as ([p f] & Hp & Hv).
    destruct (k_write p && k_full p) eqn:Hw; [|done]. apply andb_true_iff in Hw as [Hw Hfull].
    destruct (nth_error (s_items s) (k_item p)) as [i|] eqn:Hi; [|done].
    destruct (put_word _ i) as [i'|] eqn:Hput; [|done]. injection Hv as <- ->.
    iIntros "HS Hden".
    iDestruct (place_holds with "HS Hden") as %(i0 & Hi0 & Hplace); [done..|].
    rewrite Hi in Hi0. injection Hi0 as <-.
    iDestruct "Hden" as "([Hc %HM] & Hregs & Hitems & Hcode)".
    iDestruct (ditems_acc _ _ _ _ Hi with "Hitems") as "[Hi Hitems]".
    iAssert (|==> ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_value τ w (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ ditem ρ i')%I with "[HS Hi]" as ">(%m & %Hm & HS & Hi)"; last first.
    { iModIntro. iExists m. iFrame "HS Hc Hregs Hcode". iSplit; [done|]. iSplit; [done|].
      by iApply "Hitems". }
    destruct Hplace as [(root & a & q & -> & Hq & Ha & Hr)|(pm & q & Hword & Hq & Hτ)].
    - injection Hput as <-. rewrite /= /virt_word /virt_bytes.
      iDestruct "Hi" as (pas) "[Hclaims Hbytes]".
      iDestruct (claims_translated with "HS Hclaims") as %Hτ; [done|].
      rewrite (is_full_feval q) -?Hq //.
      iMod (store_part_translated _ w _ (eval ρ a) _ _ (eval ρ v) Hfit with "HS Hbytes") as (m Hm) "[HS Hb]".
      iModIntro. iExists m. iFrame "HS". rewrite eval_mk_insert //.
      iSplit; [|iExists pas; iFrame]. iPureIntro.
      intros τ Hok. rewrite -(back_forth addr k) Ha. apply Hm, Hτ; [done|]. by right.
    - destruct i as [|a q0 v0| |kd q0 es]; try done.
      simpl in Hword. simplify_eq. injection Hput as <-. rewrite /= /phys_word.
      rewrite (is_full_feval q) -?Hq // eval_mk_insert //.
      iMod (store_part_translated _ w _ (eval ρ (back addr k)) _ _ (eval ρ v) Hfit with "HS Hi")
        as (m Hm) "[HS Hb]".
      iModIntro. iExists m. iFrame "HS Hb". iPureIntro.
      intros τ Hok. rewrite -(back_forth addr k). apply Hm, Hτ; [done|]. by right.
  Qed.
  Lemma sstore_part_sound σ hint w addr v s s' facts :
    sstore_part hint w addr v s = Done (s', facts) → hold facts →
    SI σ -∗ den s ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_value τ w (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ den s'.
  Proof using Type.
    destruct w; [apply sstore_at_sound, part_of_fits..|apply sstore_sound].
  Qed.

  (** * Operands *)
  Section operands.
    Context (σ : state) (next : expr) (Hnext : st_rip σ = eval ρ next).

    Lemma saddress_sound a s va :
      saddress next a s = Done va → SI σ -∗ den s -∗ ⌜effective_address σ a = Ok (eval ρ va)⌝.
    Proof using Hnext.
      intros (b & Hb & Hva)%res_bind_Done. iIntros "HS Hden".
      iAssert ⌜(if a_rip a then Ok (st_rip σ) else opt_reg σ (a_base a)) = Ok (eval ρ b)⌝%I as %Hb'.
      { destruct (a_rip a); [injection Hb as <-; by rewrite Hnext|].
        destruct (a_base a) as [r|]; simpl; [|by injection Hb as <-].
        by iApply (sget_sound with "HS Hden"). }
      rewrite /effective_address Hb' /=. destruct (a_index a) as [[r k]|].
      - apply res_bind_Done in Hva as (i & Hi & Hva).
        iDestruct (sget_sound with "HS Hden") as %Hr; [done|]. iPureIntro. rewrite Hr /=.
        destruct (mk_scaled i k) as [i'|] eqn:Hk; [|done]. injection Hva as <-.
        by rewrite eval_mk_add eval_mk_op (eval_mk_scaled _ _ _ _ Hk).
      - injection Hva as <-. by rewrite eval_mk_add.
    Qed.

    Lemma sread_sound hint write w o s v facts :
      sread hint write next w o s = Done (v, facts) → hold facts →
      SI σ -∗ den s -∗
      ⌜∀ τ, translator_ok M σ τ →
        read_operand τ (if write then Write else Read) w σ o = Ok (eval ρ v)⌝.
    Proof using Hnext.
      destruct o as [r|z|a]; simpl.
      - intros (e & He & [= <- <-])%res_bind_Done _. iIntros "HS Hden".
        iDestruct (sget_sound with "HS Hden") as %Hr; [done|]. iPureIntro. intros τ _.
        by rewrite /= Hr eval_mk_trunc.
      - intros [= <- <-] _. iIntros "_ _". iPureIntro. intros τ _.
        by rewrite eval_mk_trunc /= Z_to_bv_uwrap.
      - intros (va & Hva & Hl)%res_bind_Done Hfacts.
        iIntros "HS Hden". iDestruct (saddress_sound with "HS Hden") as %Ha; [done|].
        iDestruct (sload_part_sound with "HS Hden") as %Hv; [done..|].
        iPureIntro. intros τ Hok. rewrite Ha /=. by apply Hv.
    Qed.
    (** Narrow values are in range. *)
    Lemma sread_narrow hint write w o s v facts :
      sread hint write next w o s = Done (v, facts) → narrow w (eval ρ v).
    Proof using Type.
      destruct o as [r|z|a]; simpl.
      - intros (e & _ & [= <- _])%res_bind_Done. rewrite eval_mk_trunc. apply trunc_narrow.
      - intros [= <- _]. rewrite eval_mk_trunc. apply trunc_narrow.
      - intros (va & _ & ([v' f] & _ & [= <- _])%res_bind_Done)%res_bind_Done.
        rewrite /mk_extract eval_mk_trunc. apply trunc_narrow.
    Qed.

    Lemma sput_part_sound w r s v s' :
      sput_part w r v s = Done s' → SI σ -∗ den s ==∗
      ∃ σ', ⌜write_reg w r (eval ρ v) σ = Ok σ'⌝ ∗ ⌜st_rip σ' = st_rip σ ∧ st_flags σ' = st_flags σ⌝ ∗
        SI σ' ∗ den s'.
    Proof using Type.
      intros (e & Hr & [= <-])%res_bind_Done. iIntros "HS Hden".
      iDestruct (sget_sound with "HS Hden") as %Hget; [done|].
      pose proof (sget_Done _ _ _ Hr) as [Hne Hfind]. iDestruct "Hden" as "(Hc & H & Hi)".
      iMod (dregs_write _ _ _ _ (mk_written w e v) with "HS H") as "[HS H]"; [done..|]. iModIntro.
      iExists _. rewrite (write_reg_Ok _ _ _ _ _ Hget) -eval_mk_written. by iFrame.
    Qed.

    (** A write changes neither the next instruction nor the flags nor the translations. *)
    Lemma swrite_sound hint w o v s s' facts :
      swrite hint next w o v s = Done (s', facts) → hold facts →
      SI σ -∗ den s ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → write_operand τ w σ o (eval ρ v) = Ok σ'⌝ ∗
        ⌜st_rip σ' = st_rip σ ∧ st_flags σ' = st_flags σ⌝ ∗ SI σ' ∗ den s'.
    Proof using Hnext.
      destruct o as [r|z|a]; simpl; [|done|].
      - intros (e & He & [= <- <-])%res_bind_Done _. iIntros "HS Hden".
        iMod (sput_part_sound with "HS Hden") as (σ' Hσ' Hsame) "[HS Hden]"; [done|]. iModIntro.
        iExists σ'. by iFrame.
      - intros (va & Hva & Hl)%res_bind_Done Hfacts. iIntros "HS Hden".
        iDestruct (saddress_sound with "HS Hden") as %Ha; [done|].
        iMod (sstore_part_sound with "HS Hden") as (m Hm) "[HS Hden]"; [done..|]. iModIntro.
        iExists _. iFrame. iPureIntro. split; [|done]. intros τ Hok. by rewrite Ha /= Hm.
    Qed.

    Lemma spush_sound hint v s s' facts :
      spush hint v s = Done (s', facts) → hold facts →
      SI σ -∗ den s ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → push τ (eval ρ v) σ = Ok σ'⌝ ∗
        ⌜st_rip σ' = st_rip σ ∧ st_flags σ' = st_flags σ⌝ ∗ SI σ' ∗ den s'.
    Proof using Type.
      intros (sp & Hsp & ([s1 f] & Hs & (s2 & Hp & [= <- <-])%res_bind_Done)%res_bind_Done)%res_bind_Done
        Hfacts. iIntros "HS Hden".
      iDestruct (sget_sound with "HS Hden") as %Hr; [done|].
      iMod (sstore_sound with "HS Hden") as (m Hm) "[HS Hden]"; [done..|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & _)"; [done|]. iModIntro.
      iExists _. iFrame. iPureIntro. split; [|done]. intros τ Hok.
      rewrite /push Hr /=. rewrite eval_mk_add in Hm. rewrite Hm //= eval_mk_add. done.
    Qed.

    Lemma spop_sound hint s v s' facts :
      spop hint s = Done (v, s', facts) → hold facts →
      SI σ -∗ den s ==∗
      ∃ σ', ⌜∀ τ, translator_ok M σ τ → pop τ σ = Ok (eval ρ v, σ')⌝ ∗
        ⌜st_rip σ' = st_rip σ ∧ st_flags σ' = st_flags σ⌝ ∗
        ⌜∀ τ, translator_ok M σ τ → translator_ok M σ' τ⌝ ∗
        SI σ' ∗ den s'.
    Proof using Type.
      intros (sp & Hsp & ([v1 f] & Hl & (s2 & Hp & [= <- <- <-])%res_bind_Done)%res_bind_Done)%res_bind_Done
        Hfacts. iIntros "HS Hden".
      iDestruct (sget_sound with "HS Hden") as %Hr; [done|].
      iDestruct (sload_sound with "HS Hden") as %Hv; [done..|].
      iMod (sput_sound with "HS Hden") as "(HS & Hden & %Hne)"; [done|]. iModIntro.
      iExists _. iFrame. iPureIntro. split; [|split; [done|]].
      - intros τ Hok. by rewrite /pop Hr /= Hv // eval_mk_add.
      - intros τ. by apply translator_ok_set_reg.
    Qed.

    Lemma starget_sound hint t s pc facts :
      starget hint next t s = Done (pc, facts) → hold facts →
      SI σ -∗ den s -∗
      ⌜∀ τ, translator_ok M σ τ → read_target τ σ t = Ok (eval ρ pc)⌝.
    Proof using Hnext.
      destruct t as [d|o]; simpl.
      - intros [= <- <-] _. iIntros "_ _". by rewrite eval_mk_add Hnext.
      - intros Ht Hfacts. exact (sread_sound hint false W64 o s pc facts Ht Hfacts).
    Qed.
  End operands.
End sound.
