(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode monpred.
From rocqgen.adequacy Require Export closed.
From rocqgen.auto Require Export fragment.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The specification of a fragment at an image: symbolic states, at values of their variables, are lists
    of resources, so that the precondition is supplied by computation. *)

(** Values of variables, from lists. *)
Definition env_of (words : list (positive * word)) (fracs : list (positive * Qp)) : env :=
  Env (foldr (λ x t, tree_set t x.1 x.2) Tip words)
      (foldr (λ x t, tree_set t x.1 x.2) Tip fracs).

Definition holdsb (ρ : env) (f : fact) : bool :=
  match f with
  | PEq a b => bool_decide (eval ρ a = eval ρ b)
  | PNe a b => bool_decide (eval ρ a ≠ eval ρ b)
  | PLt a b => bv_unsigned (eval ρ a) <? bv_unsigned (eval ρ b)
  | PLe a b => bv_unsigned (eval ρ a) <=? bv_unsigned (eval ρ b)
  end.
Lemma holdsb_true ρ f : holdsb ρ f = true ↔ holds ρ f.
Proof.
  destruct f; simpl; [apply bool_decide_eq_true..|apply Z.ltb_lt|apply Z.leb_le].
Qed.

(** The slots of a walk, and what is owned of each of them. *)
Definition walk_of (w : swalk word) : list slot :=
  if sw_sub w && negb (leads_on (sw_from w)) then [] else walk_slots (sw_from w) (sw_reads w).
Definition slot_resources (w : swalk word) (q : Qp) (x : slot) : list resource :=
  RCell (walk_slot (sl_from x) (sl_level x) (sw_va w)) q (walk_cell (sw_root w) (sw_va w) x) ::
  match sw_map w with
  | Some (s, d) => [RClaim true s (bv_add (table_of (sl_from x)) d) (pos_to_Qp 512) (table_of (sl_from x))]
  | None => []
  end.
Definition item_resources (ρ : env) (i : item) : list resource :=
  match i with
  | IVirt w r a q v => [RVirt w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ v)]
  | IPhys a q v => [RPhys (eval ρ a) (feval ρ q) (eval ρ v)]
  | IClaim w r a q pa => [RClaim w (eval ρ r) (eval ρ a) (feval ρ q) (eval ρ pa)]
  | IRes k q es =>
    match open_cell k (map (eval ρ) es), open_block k (map (eval ρ) es) with
    | Some c, _ => [RCell (sc_addr c) (feval ρ q) (word_cell c)]
    | None, Some b =>
      match sb_fill b with
      | Some _ =>
        imap (λ i a,
          let v := default (Z_to_bv 64 0) (fill_word (env_array ρ) (sb_fill b) (Z.of_nat i)) in
          match sb_space b with
          | Some (w, r) => RVirt w r a (feval ρ q) v
          | None => RPhys a (feval ρ q) v
          end) (block_words (sb_addr b) (sb_count b))
      | None => []
      end
    | None, None =>
      match open_walk k (map (eval ρ) es) with
      | Some w => concat (map (slot_resources w (feval ρ q)) (walk_of w))
      | None => []
      end
    end
  end.
(** Of words of which nothing is known, what they are in a state. *)
Definition word_in (M : machine) (σ : state) (sp : option (bool * word)) (a : word) : word :=
  let word_of pa := default (Z_to_bv 64 0) (read_word (st_mem σ) pa) in
  match sp with
  | None => word_of (bv_unsigned a)
  | Some (_, root) =>
    match walk (cfg_mode (m_config M)) (st_mem σ) root a with
    | Walked l => word_of (leaf_pa l a)
    | _ => Z_to_bv 64 0
    end
  end.
Definition item_supply (M : machine) (σ : state) (ρ : env) (i : item) : list resource :=
  match i with
  | IRes k q es =>
    match open_block k (map (eval ρ) es) with
    | Some (BlockData sp a n None) =>
      map (λ a, match sp with
                | Some (w, r) => RVirt w r a (feval ρ q) (word_in M σ sp a)
                | None => RPhys a (feval ρ q) (word_in M σ sp a)
                end) (block_words a n)
    | _ => item_resources ρ i
    end
  | _ => item_resources ρ i
  end.
Definition body_resources (base : expr) (code : code_list) (ρ : env) (s : sstate) : list resource :=
  map (λ x, RReg x.1 (eval ρ x.2)) (s_regs s) ++
  concat (map (item_resources ρ) (s_items s)) ++
  map (λ x, RCode (eval ρ x.1) (eval ρ base) code (feval ρ x.2)) (s_code s).
(** What makes up a state in [σ]. *)
Definition state_supply (M : machine) (σ : state) (base : expr) (code : code_list) (ρ : env) (s : sstate)
    : list resource :=
  RReg CR3 (eval ρ (s_root s)) :: map (λ x, RReg x.1 (eval ρ x.2)) (s_regs s) ++
  concat (map (item_supply M σ ρ) (s_items s)) ++
  map (λ x, RCode (eval ρ x.1) (eval ρ base) code (feval ρ x.2)) (s_code s).
(** The root register among them. *)
Definition state_resources (base : expr) (code : code_list) (ρ : env) (s : sstate) : list resource :=
  RReg CR3 (eval ρ (s_root s)) :: body_resources base code ρ s.

Section engine.
  Context {M : machine} `{!machGS M Σ}.
  Context (base : expr) (code : code_list) (ρ : env).

  Lemma big_sepL_imap {A B} (f : nat → A → B) (P : B → iProp Σ) l :
    ([∗ list] x ∈ imap f l, P x) ⊣⊢ [∗ list] i ↦ a ∈ l, P (f i a).
  Proof using Type. revert f. induction l as [|a l IH]; intros f; simpl; [done|]. by rewrite IH. Qed.
  Lemma block_supply q b (f : word → word) :
    ([∗ list] a ∈ block_words (sb_addr b) (sb_count b), dword (sb_space b) q a (f a)) ⊢
    dblock ρ q (BlockData (sb_space b) (sb_addr b) (sb_count b) None).
  Proof using Type.
    rewrite /dblock. iIntros "H". iApply (big_sepL_impl with "H"). iIntros "!>" (i a _) "H /=". by iExists _.
  Qed.
  Lemma walk_resources q w :
    dwalk q w ⊣⊢ [∗ list] x ∈ concat (map (slot_resources w q) (walk_of w)), res_prop x.
  Proof using Type.
    assert (dwalk q w ⊣⊢ [∗ list] x ∈ walk_of w,
      slot_pt q (sw_root w) (sw_va w) x ∗ table_claim (sw_map w) (sl_from x)) as ->.
    { rewrite /dwalk /walk_of /walk_below_pt /walk_pt. destruct (sw_sub w); [|done].
      by destruct (leads_on (sw_from w)). }
    induction (walk_of w) as [|x l IH]; [done|]. rewrite map_cons concat_cons big_sepL_app big_sepL_cons IH.
    f_equiv. rewrite /slot_resources /table_claim. by destruct (sw_map w) as [[s d]|]; rewrite /= ?right_id.
  Qed.
  Lemma item_resources_sound i : ditem ρ i ⊢ [∗ list] x ∈ item_resources ρ i, res_prop x.
  Proof using Type.
    destruct i as [| | |k q es]; [by rewrite /= right_id..|]. rewrite /item_resources /= /dres.
    destruct (open_cell k (map (eval ρ) es)) as [c|]; [by rewrite /= right_id|].
    destruct (open_block k (map (eval ρ) es)) as [[sp a n [[v|x v]|]]|]; simpl;
      [| |by iIntros "_"|destruct (open_walk k _) as [w|]; [by rewrite walk_resources|done]];
      rewrite big_sepL_imap /dblock /=; by destruct sp as [[w r]|].
  Qed.
  Lemma item_supply_sound σ i : ([∗ list] x ∈ item_supply M σ ρ i, res_prop x) ⊢ ditem ρ i.
  Proof using Type.
    destruct i as [| | |k q es]; [by rewrite /= right_id..|]. rewrite /item_supply /item_resources /= /dres.
    destruct (open_block k (map (eval ρ) es)) as [b|] eqn:Hb.
    - rewrite (open_cell_block _ _ _ Hb). destruct b as [sp a n [[v|x v]|]].
      + rewrite big_sepL_imap /dblock /=. by destruct sp as [[w r]|].
      + rewrite big_sepL_imap /dblock /=. by destruct sp as [[w r]|].
      + rewrite big_sepL_fmap -(block_supply _ (BlockData sp a n None) (word_in M σ sp)) /=. by destruct sp as [[w r]|].
    - destruct (open_cell k (map (eval ρ) es)) as [c|]; [by rewrite /= right_id|].
      destruct (open_walk k (map (eval ρ) es)) as [w|]; [by rewrite walk_resources|by rewrite /=].
  Qed.
  Lemma dregs_resources s :
    dregs ρ (s_regs s) ⊣⊢ [∗ list] x ∈ map (λ x, RReg x.1 (eval ρ x.2)) (s_regs s), res_prop x.
  Proof using Type. induction (s_regs s) as [|[r e] l IH]; [done|]. by rewrite /= IH. Qed.
  Lemma dcode_resources s :
    dcode base code ρ (s_code s) ⊣⊢
    [∗ list] x ∈ map (λ x, RCode (eval ρ x.1) (eval ρ base) code (feval ρ x.2)) (s_code s), res_prop x.
  Proof using Type. induction (s_code s) as [|[r q] l IH]; [done|]. by rewrite /= IH. Qed.
  Lemma dbody_resources s :
    dbody base code ρ s ⊢ (∃ f, flags_pt f) ∗ [∗ list] x ∈ body_resources base code ρ s, res_prop x.
  Proof using Type.
    rewrite /dbody /dparts /body_resources !big_sepL_app dregs_resources dcode_resources.
    iIntros "($ & $ & H & $)". iInduction (s_items s) as [|i l] "IH"; [done|].
    rewrite map_cons concat_cons big_sepL_app /=. iDestruct "H" as "[Hi Hl]".
    iSplitL "Hi"; [by iApply item_resources_sound|by iApply "IH"].
  Qed.
  Lemma dbody_supply σ s :
    (∃ f, flags_pt f) -∗ ([∗ list] x ∈ tail (state_supply M σ base code ρ s), res_prop x) -∗
    dbody base code ρ s.
  Proof using Type.
    rewrite /dbody /dparts /state_supply /= !big_sepL_app dregs_resources dcode_resources.
    iIntros "$ ($ & H & $)". iInduction (s_items s) as [|i l] "IH"; [done|].
    rewrite map_cons concat_cons big_sepL_app /=. iDestruct "H" as "[Hi Hl]".
    iSplitL "Hi"; [by iApply item_supply_sound|by iApply "IH"].
  Qed.
End engine.

(** * What holds at an exit of a specification *)
Fixpoint words_exist (ρ : env) (xs : list positive) (P : env → Prop) : Prop :=
  match xs with [] => P ρ | x :: xs => ∃ v : word, words_exist (env_set ρ x v) xs P end.
Definition state_holds (M : machine) (sp : spec) (σ : state) (s : sstate) (ρ : env) : Prop :=
  Forall (res_holds M σ) (state_resources (sp_base sp) (sp_code sp) ρ s) ∧
  Forall (holds ρ) (s_facts s).
Definition spec_reached (M : machine) (sp : spec) (ρ : env) (σ : state) : Prop :=
  Exists (λ p, st_rip σ = eval ρ (p_exit p) ∧
               words_exist ρ (map fst (p_witness p)) (state_holds M sp σ (p_state p))) (sp_posts sp).

(** The precondition at an image: everything that is to be computed. *)
Definition spec_supplied (M : machine) (I : image) (sp : spec) (ρ : env) : bool :=
  bool_decide (im_rip I = eval ρ (sp_base sp)) &&
  image_supplies M I (state_supply M (image_state I) (sp_base sp) (sp_code sp) ρ (sp_pre sp)) &&
  forallb (holdsb ρ) (s_facts (sp_pre sp)).

Section spec.
  Context {M : machine} `{!machGS M Σ}.
  Context (sp : spec).

  Lemma vexists_readout σ s ρ xs root :
    state_interp σ -∗ CR3 ↦ᵣ root -∗
    vexists ρ xs (λ ρ', vdenote (sp_base sp) (sp_code sp) ρ' s) root -∗
    ⌜words_exist ρ xs (state_holds M sp σ s)⌝.
  Proof using Type.
    iIntros "HS Hcr3 H". iInduction xs as [|x xs] "IH" forall (ρ); simpl.
    - iDestruct (vdenote_at with "H") as "(<- & Hbody & %Hfacts)".
      iDestruct (res_readouts with "HS [Hcr3 Hbody]") as %Hres; [|by iPureIntro].
      rewrite dbody_resources. iDestruct "Hbody" as "[_ Hbody]". iFrame.
    - rewrite monPred_at_exist. iDestruct "H" as (v) "H".
      iDestruct ("IH" with "HS Hcr3 H") as %Hv. iPureIntro. by exists v.
  Qed.
  Lemma vposts_readout σ ρ ps e root :
    st_rip σ = e →
    state_interp σ -∗ CR3 ↦ᵣ root -∗ vposts (sp_base sp) (sp_code sp) ρ ps e root -∗
    ⌜Exists (λ p, st_rip σ = eval ρ (p_exit p) ∧
                  words_exist ρ (map fst (p_witness p)) (state_holds M sp σ (p_state p))) ps⌝.
  Proof using Type.
    intros Hrip. induction ps as [|p ps IH].
    { rewrite /= monPred_at_pure. iIntros "_ _ []". }
    assert (state_interp σ -∗ CR3 ↦ᵣ root -∗ vpost (sp_base sp) (sp_code sp) ρ p e root -∗
      ⌜st_rip σ = eval ρ (p_exit p) ∧
       words_exist ρ (map fst (p_witness p)) (state_holds M sp σ (p_state p))⌝) as Hp.
    { rewrite /vpost monPred_at_sep monPred_at_pure. iIntros "HS Hcr3 [%He H]".
      iDestruct (vexists_readout with "HS Hcr3 H") as %Hv. iPureIntro. by rewrite Hrip. }
    iIntros "HS Hcr3 H". destruct ps as [|p' ps].
    - iDestruct (Hp with "HS Hcr3 H") as %?. iPureIntro. by left.
    - iEval (cbn [vposts]; rewrite monPred_at_or) in "H". iDestruct "H" as "[H|H]".
      + iDestruct (Hp with "HS Hcr3 H") as %?. iPureIntro. by left.
      + iDestruct (IH with "HS Hcr3 H") as %?. iPureIntro. by right.
  Qed.
End spec.

(** The theorem of a fragment, at an image. *)
Theorem spec_adequacy (M : machine) (I : image) (sp : spec) (ρ : env) :
  canonical_pages (cfg_mode (m_config M)) →
  spec_supplied M I sp ρ = true →
  (∀ `{!machGS M machΣ},
    vdenote (sp_base sp) (sp_code sp) ρ (sp_pre sp) ⊢
    vwp (eval ρ (sp_base sp)) (vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp))) →
  adequate M (image_state I) (spec_reached M sp ρ).
Proof.
  intros Hcan [[Hrip%bool_decide_eq_true Hpre]%andb_true_iff Hfacts]%andb_true_iff Hwp.
  apply (image_adequacy M I _ Hcan Hpre). intros G. destruct (Hwp G) as [Hroot].
  exists (λ e, ∃ root, CR3 ↦ᵣ root ∗ vposts (sp_base sp) (sp_code sp) ρ (sp_posts sp) e root)%I.
  split.
  - iIntros "Hf [Hcr3 H] !>". rewrite Hrip.
    iPoseProof (Hroot (eval ρ (s_root (sp_pre sp))) with "[Hf H]") as "HW".
    { rewrite vdenote_at. iSplit; [done|]. iSplitL; [iApply (dbody_supply with "[$Hf] H")|].
      iPureIntro. rewrite forallb_forall in Hfacts. apply List.Forall_forall.
      intros f Hf. by apply holdsb_true, Hfacts. }
    rewrite vwp_at. by iApply "HW".
  - iIntros (σ) "HS (%root & Hcr3 & H)".
    iDestruct (vposts_readout _ _ _ _ _ _ eq_refl with "HS Hcr3 H") as %Hpost.
    iApply fupd_mask_intro; [done|]. by iIntros "_".
Qed.

(** Where no exit binds names, the conclusion is decidable, and an execution is compared with it. *)
Definition spec_exits (sp : spec) (ρ : env) : list (word * list resource) :=
  map (λ p, (eval ρ (p_exit p), state_resources (sp_base sp) (sp_code sp) ρ (p_state p))) (sp_posts sp).
Corollary spec_exits_adequate M I sp ρ :
  forallb (λ p, match p_witness p with [] => true | _ => false end) (sp_posts sp) = true →
  adequate M (image_state I) (spec_reached M sp ρ) →
  adequate M (image_state I) (exit_reached M (spec_exits sp ρ)).
Proof.
  intros Hnames. apply adequate_mono. intros σ. rewrite /spec_reached /exit_reached /spec_exits.
  induction (sp_posts sp) as [|p ps IH]; [by intros ?%Exists_nil|].
  simpl in Hnames. apply andb_true_iff in Hnames as [Hp Hps].
  intros [[Hrip H]|H]%Exists_cons; [left|right; by apply IH].
  destruct (p_witness p); [|done]. split; [done|]. by destruct H.
Qed.
