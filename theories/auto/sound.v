(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.auto Require Export narrow denote.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The symbolic executor is sound for the weakest precondition: what it computes about a fragment is true
    of every run of the machine, for values under which the residual facts and the names hold. *)

(** Inverting a computation of the executor. *)
Lemma res_bind_Done {A B} (x : res A) (f : A → res B) b :
  res_bind x f = Done b → ∃ a, x = Done a ∧ f a = Done b.
Proof. destruct x as [a|w]; [|done]. intros H. by exists a. Qed.

Lemma translator_ok_set_reg M σ r v τ :
  r ≠ CR3 → translator_ok M σ τ → translator_ok M (set_reg r v σ) τ.
Proof. intros Hr Hτ a va. rewrite (root_of_set_reg _ _ _ Hr). exact (Hτ a va). Qed.

Section sound.
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
  Proof using Type. iIntros "HS [Hc _]". iApply (state_interp_root with "HS Hc"). Qed.

  (** * Memory *)
  Lemma find_place_shape hint addr s k facts :
    find_place hint addr s = Done (k, facts) →
    ∃ n t root a, to_place n t (s_items s) = Done k ∧
      (∃ i, nth_error (s_items s) n = Some i ∧
        match t with
        | ToVirt w q v => i = IVirt w root a q v
        | ToClaim w pa => ∃ q, i = IClaim w root a q pa
        end) ∧
      (hold facts → eval ρ addr = eval ρ a ∧ eval ρ (s_root s) = eval ρ root).
  Proof using Type.
    rewrite /find_place. destruct hint as [[n [m|] [x|]]|]; try done.
    - destruct (nth_error _ n) as [i|] eqn:Hi; [|done].
      destruct i as [w r a q v|a q v|w r a q pa]; cbn [hinted]; [|done|];
        intros (k' & Hk & [= -> <-])%res_bind_Done; do 4 eexists; (split; [exact Hk|]);
        (split; [eexists; split; [exact Hi|eauto]|]);
        intros [Ha [Hr _]%Forall_cons_iff]%Forall_cons_iff; done.
    - destruct (item_find _ _) as [[n t]|] eqn:Hf; [|done].
      intros (k' & Hk & [= -> <-])%res_bind_Done.
      apply item_find_Some in Hf as (i & Hi & Hm). rewrite /match_virt in Hm.
      destruct i as [w r a q v|a q v|w r a q pa]; [|done|];
        (destruct (expr_eqb a addr) eqn:Ha; [|done]);
        (destruct (expr_eqb r (s_root s)) eqn:Hr; [|done]);
        apply expr_eqb_true in Ha as ->; apply expr_eqb_true in Hr as ->; simplify_eq;
        do 4 eexists; (split; [exact Hk|]); (split; [eexists; split; [exact Hi|eauto]|done]).
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

  (** What a place gives: how its address is translated, and its bytes. *)
  Lemma place_acc σ hint addr s k facts :
    find_place hint addr s = Done (k, facts) → hold facts →
    SI σ -∗ den s -∗
    ∃ i pas q,
      ⌜nth_error (s_items s) (k_item k) = Some i⌝ ∗ ⌜k_full k = true → q = 1%Qp⌝ ∗
      ⌜∀ τ a, translator_ok M σ τ → data_access (k_write k) a → translated τ a (eval ρ addr) pas⌝ ∗
      SI σ ∗ phys_bytes pas q (word_bytes (eval ρ (k_value k))) ∗
      (∀ v, phys_bytes pas q (word_bytes (eval ρ v)) -∗
        den (set_items (item_put (k_item k) (item_set_value v i) (s_items s)) s)).
  Proof using Type.
    intros (n & t & root & a & Hk & (i & Hi & Ht) & Heq)%find_place_shape Hfacts.
    destruct (Heq Hfacts) as [-> Hroot]. iIntros "HS Hden".
    iDestruct (root_sound with "HS Hden") as %Hr. rewrite Hroot in Hr.
    iDestruct "Hden" as "(Hc & Hregs & Hitems & Hcode)".
    iDestruct (ditems_acc _ _ _ _ Hi with "Hitems") as "[Hi Hitems]".
    destruct t as [w q v|w pa]; simpl in Hk.
    - injection Hk as <-. subst i. simpl.
      rewrite {1}/virt_word /virt_bytes. iDestruct "Hi" as (pas) "[Hclaims Hbytes]".
      iDestruct (claims_translated with "HS Hclaims") as %Hτ; [done|].
      iExists (IVirt w root a q v), pas, (feval ρ q). iFrame "HS Hbytes".
      do 3 (iSplit; [iPureIntro; by auto using is_full_feval|]).
      iIntros (v') "Hbytes". iFrame "Hc Hregs Hcode". iApply "Hitems". simpl.
      rewrite /virt_word /virt_bytes. iExists pas. iFrame.
    - destruct Ht as [q ->]. simpl.
      iDestruct (claims_translated with "HS Hi") as %Hτ; [done|].
      iDestruct ("Hitems" $! (IClaim w root a q pa) with "Hi") as "Hitems". rewrite (item_put_same _ _ _ Hi).
      destruct (item_find _ _) as [[m [q' v]]|] eqn:Hm; [|done]. injection Hk as <-. simpl.
      apply item_find_Some in Hm as (j & Hj & Hmatch).
      destruct j as [|a' q0 v0|]; [done| |done]. simpl in Hmatch.
      destruct (expr_eqb a' pa) eqn:Ha; [|done]. apply expr_eqb_true in Ha as ->.
      injection Hmatch as -> ->.
      iDestruct (ditems_acc _ _ _ _ Hj with "Hitems") as "[Hj Hitems]".
      iExists (IPhys pa q' v), (word_pas (eval ρ pa)), (feval ρ q'). iFrame "HS".
      do 3 (iSplit; [iPureIntro; by auto using is_full_feval|]). iSplitL "Hj"; [iExact "Hj"|].
      iIntros (v') "Hbytes". iFrame "Hc Hregs Hcode". by iApply "Hitems".
  Qed.

  Lemma sload_sound σ hint write addr s v facts :
    sload hint write addr s = Done (v, facts) → hold facts →
    SI σ -∗ den s -∗
    ⌜∀ τ, translator_ok M σ τ →
      load_word τ (if write then Write else Read) (st_mem σ) (eval ρ addr) = Ok (eval ρ v)⌝.
  Proof using Type.
    intros ([k f] & Hk & Hv)%res_bind_Done Hfacts.
    destruct (negb write || k_write k) eqn:Hw; [|done]. injection Hv as <- ->.
    iIntros "HS Hden". iDestruct (place_acc with "HS Hden") as (i pas q) "(_ & _ & %Hτ & HS & Hb & _)".
    { done. } { done. }
    iDestruct (load_translated with "HS Hb") as %Hl. iPureIntro. intros τ Hok.
    apply Hl, Hτ; [done|]. destruct write; [right|by left]. by split.
  Qed.

  Lemma sstore_sound σ hint addr v s s' facts :
    sstore hint addr v s = Done (s', facts) → hold facts →
    SI σ -∗ den s ==∗
    ∃ m, ⌜∀ τ, translator_ok M σ τ →
        store_word τ (st_mem σ) (eval ρ addr) (eval ρ v) = Ok m⌝ ∗
      SI (set_mem m σ) ∗ den s'.
  Proof using Type.
    intros ([k f] & Hk & Hv)%res_bind_Done Hfacts.
    destruct (k_write k && k_full k) eqn:Hw; [|done]. apply andb_true_iff in Hw as [Hw Hfull].
    iIntros "HS Hden". destruct (nth_error (s_items s) (k_item k)) as [i|] eqn:Hi; [|done].
    injection Hv as <- ->.
    iDestruct (place_acc with "HS Hden") as (i' pas q) "(%Hi' & %Hq & %Hτ & HS & Hb & Hden)";
      [done..|].
    rewrite Hi in Hi'. injection Hi' as <-. rewrite Hq //.
    iMod (store_translated _ (eval ρ addr) _ _ (eval ρ v) with "HS Hb") as (m Hm) "[HS Hb]".
    iModIntro. iExists m. iFrame "HS". iSplit; [|by iApply "Hden"]. iPureIntro. intros τ Hok.
    apply Hm, Hτ; [done|]. by right.
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
      - destruct (write && _); [done|].
        intros (va & Hva & ([v' f] & Hl & [= <- <-])%res_bind_Done)%res_bind_Done Hfacts.
        iIntros "HS Hden". iDestruct (saddress_sound with "HS Hden") as %Ha; [done|].
        iDestruct (sload_sound with "HS Hden") as %Hv; [done..|].
        iPureIntro. intros τ Hok. rewrite Ha /= eval_mk_trunc. apply load_value_narrow. by apply Hv.
    Qed.
    (** Narrow values are in range. *)
    Lemma sread_narrow hint write w o s v facts :
      sread hint write next w o s = Done (v, facts) → narrow w (eval ρ v).
    Proof using Type.
      destruct o as [r|z|a]; simpl.
      - intros (e & _ & [= <- _])%res_bind_Done. rewrite eval_mk_trunc. apply trunc_narrow.
      - intros [= <- _]. rewrite eval_mk_trunc. apply trunc_narrow.
      - destruct (write && _); [done|]. intros (va & _ & ([v' f] & _ & [= <- _])%res_bind_Done)%res_bind_Done.
        rewrite eval_mk_trunc. apply trunc_narrow.
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
      - destruct w; try done. intros (va & Hva & Hl)%res_bind_Done Hfacts. iIntros "HS Hden".
        iDestruct (saddress_sound with "HS Hden") as %Ha; [done|].
        iMod (sstore_sound with "HS Hden") as (m Hm) "[HS Hden]"; [done..|]. iModIntro.
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
