(* SPDX-License-Identifier: Apache-2.0 *)
From iris.proofmode Require Import proofmode.
From rocqgen.adequacy Require Export shares.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What [suppliesb] accepts is there: shares taken are owned, and make up the resources. *)

Section supply.
  Context {M : machine} `{!machGS M Σ}.
  Implicit Types (Θ : gmap (word * Z) trans) (root va : word) (q : Qp) (w : bool).
  #[local] Typeclasses Transparent claims_at phys_bytes phys_word claim_word virt_word virt_bytes.
  #[local] Typeclasses Transparent code_at code_pt fetch_claims.

  Definition share_prop (x : share) : iProp Σ :=
    match x with
    | SReg r v q => r ↪[mach_reg_name]{#q} v
    | SByte pa b q => phys_byte pa q b
    | SPage x t q => page_claim x q t
    | SCell c x q => cell_pt c q x
    end.
  Definition supply_prop (s : supply) : iProp Σ :=
    left_over (λ r v q, r ↪[mach_reg_name]{#q} v)%I (su_regs s) ∗
    left_over (λ pa b q, phys_byte pa q b) (su_bytes s) ∗
    left_over (λ x t q, page_claim x q t) (su_pages s) ∗
    left_over (λ c x q, cell_pt c q x) (su_cells s).

  Lemma take_share_sound s x s' :
    take_share s x = Some s' → supply_prop s ⊢ share_prop x ∗ supply_prop s'.
  Proof.
    rewrite /supply_prop. destruct x as [r v q|pa b q|x t q|c x q]; intros (m & Hm & [= <-])%bind_Some; simpl.
    - rewrite (take_sound (λ r v q, r ↪[mach_reg_name]{#q} v)%I _ _ _ _ _ Hm). iIntros "[[$ $] $]".
    - rewrite (take_sound (λ pa b q, phys_byte pa q b) _ _ _ _ _ Hm). iIntros "($ & [$ $] & $)".
    - rewrite (take_sound (λ x t q, page_claim x q t) _ _ _ _ _ Hm). iIntros "($ & $ & [$ $] & $)".
    - rewrite (take_sound (λ c x q, cell_pt c q x) _ _ _ _ _ Hm). iIntros "($ & $ & $ & $ & $)".
  Qed.
  Lemma take_shares_sound s l s' :
    take_shares s l = Some s' → supply_prop s ⊢ ([∗ list] x ∈ l, share_prop x) ∗ supply_prop s'.
  Proof.
    revert s. induction l as [|x l IH]; intros s; simpl.
    - intros [= <-]. iIntros "$".
    - intros (s1 & Hs1 & Hl)%bind_Some. rewrite (take_share_sound _ _ _ Hs1) (IH _ Hl).
      iIntros "($ & $ & $)".
  Qed.

  (** Claims of consecutive bytes, as data and as code want them. *)
  Fixpoint claims_with (ok : rights → bool) (root va : word) (q : Qp) (pas : list Z) : iProp Σ :=
    match pas with
    | [] => emp
    | pa :: pas =>
      (∃ R, ⌜ok R = true⌝ ∗ claim root va q pa R) ∗ claims_with ok root (va `+Z` 1) q pas
    end.
  Lemma byte_claims_sound Θ ok root va q n l pas :
    byte_claims Θ ok root va q n = Some (l, pas) →
    length pas = n ∧ (([∗ list] x ∈ l, share_prop x) ⊢ claims_with ok root va q pas).
  Proof.
    revert va l pas. induction n as [|n IH]; intros va l pas; simpl; [by intros [= <- <-]|].
    intros ([frame R] & _ & Ht)%bind_Some. simpl in Ht. destruct (ok R) eqn:HR; [|done].
    apply bind_Some in Ht as ([l' pas'] & Hrest & [= <- <-]).
    destruct (IH _ _ _ Hrest) as [Hlen Hl]. split; [by rewrite /= Hlen|].
    rewrite big_sepL_cons Hl /= page_claim_byte. iIntros "[H $]". iExists R. by iFrame.
  Qed.
  Lemma claims_with_at w root va q pas :
    claims_with (admitsb M w) root va q pas ⊢ claims_at w root va q pas.
  Proof.
    revert va. induction pas as [|pa pas IH]; intros va; simpl; [done|]. rewrite IH.
    iIntros "[(%R & %HR & H) $]". iExists R. iFrame. iPureIntro.
    apply andb_true_iff in HR as [? HR]. split; [done|]. intros ->. by destruct (access_ok _ _ Write).
  Qed.
  Lemma claims_with_fetch root va q pa n :
    claims_with (λ R, access_ok (m_config M) R Fetch) root va q (seqZ pa (Z.of_nat n)) ⊢
    fetch_claims root va q pa n.
  Proof.
    revert va pa. induction n as [|n IH]; intros va pa; [done|].
    rewrite seqZ_cons; [|lia]. rewrite Nat2Z.inj_succ Z.pred_succ -Z.add_1_r /= IH. iIntros "$".
  Qed.
  Lemma byte_shares_sound pas q bs :
    length pas = length bs →
    ([∗ list] x ∈ byte_shares pas q bs, share_prop x) ⊢ phys_bytes pas q bs.
  Proof.
    revert bs. induction pas as [|pa pas IH]; intros [|b bs] Hlen; try done.
    injection Hlen as Hlen. rewrite /phys_bytes /= -/(byte_shares pas q bs) (IH bs Hlen) //.
  Qed.

  Lemma instr_shares_sound Θ root va q x l :
    instr_shares M Θ root va q x = Some l →
    ([∗ list] x ∈ l, share_prop x) ⊢ code_pt root va q x.1 x.2.
  Proof.
    intros ([l' pas] & Hc & (pa & Hpa & H)%bind_Some)%bind_Some.
    case_bool_decide as Hi; [|done]. case_bool_decide as Hpas; [|done]. injection H as <-.
    destruct (byte_claims_sound _ _ _ _ _ _ _ _ Hc) as [Hlen Hl]. rewrite Hl.
    iIntros "H". iExists pa. destruct x. iSplit; [done|].
    iApply claims_with_fetch. rewrite -Hlen -Hpas. iExact "H".
  Qed.
  Lemma code_shares_sound Θ root base q l s :
    code_shares M Θ root base q l = Some s →
    ([∗ list] x ∈ s, share_prop x) ⊢ code_at base l root q.
  Proof.
    revert s. induction l as [|x l IH]; intros s; simpl; [by intros [= <-]|].
    intros (s1 & Hs1 & (s2 & Hs2 & [= <-])%bind_Some)%bind_Some.
    rewrite big_sepL_app (instr_shares_sound _ _ _ _ _ _ Hs1) (IH _ Hs2) /code_at big_sepL_cons //.
  Qed.
  Lemma res_shares_sound Θ x l :
    res_shares M Θ x = Some l → ([∗ list] y ∈ l, share_prop y) ⊢ res_prop x.
  Proof.
    destruct x as [r v|pa q v|w root va q pa|w root va q v|root base c q|pa q x|root va q t];
      rewrite /res_shares /res_prop.
    - intros [= <-]. by rewrite big_sepL_singleton.
    - intros <-%(inj Some). by apply byte_shares_sound.
    - intros ([l' pas] & Hc & H)%bind_Some. case_bool_decide as Hpas; [|done]. injection H as <-.
      destruct (byte_claims_sound _ _ _ _ _ _ _ _ Hc) as [Hlen Hl].
      by rewrite Hl claims_with_at Hpas.
    - intros ([l' pas] & Hc & <-%(inj Some))%bind_Some.
      destruct (byte_claims_sound _ _ _ _ _ _ _ _ Hc) as [Hlen Hl].
      rewrite big_sepL_app Hl claims_with_at byte_shares_sound; [|by rewrite Hlen word_bytes_length].
      iIntros "[Hc Hp]". iExists pas. iFrame.
    - apply code_shares_sound.
    - intros [= <-]. by rewrite big_sepL_singleton.
    - intros [= <-]. by rewrite big_sepL_singleton.
  Qed.
  Lemma take_resources_sound Θ s l s' :
    take_resources M Θ s l = Some s' →
    supply_prop s ⊢ ([∗ list] x ∈ l, res_prop x) ∗ supply_prop s'.
  Proof.
    revert s. induction l as [|x l IH]; intros s; simpl.
    - intros [= <-]. iIntros "$".
    - intros (xs & Hxs & (s1 & Hs1 & Hl)%bind_Some)%bind_Some.
      rewrite (take_shares_sound _ _ _ Hs1) (IH _ Hl) (res_shares_sound _ _ _ Hxs).
      iIntros "($ & $ & $)".
  Qed.

  (** From the initial state to any list of resources that it supplies. *)
  Lemma supplied σ T Θ E l :
    suppliesb M σ T Θ E l = true →
    ([∗ map] r ↦ v ∈ st_regs σ, r ↦ᵣ v) -∗
    ([∗ map] pa ↦ b ∈ st_mem σ ∖ T, phys_byte pa 1 b) -∗
    ([∗ map] x ↦ t ∈ Θ, page_claim x 1 t) -∗
    ([∗ map] s ↦ x ∈ E, cell_pt s 1 x) -∗
    [∗ list] x ∈ l, res_prop x.
  Proof.
    rewrite /suppliesb. destruct (take_resources _ _ _ _) as [s'|] eqn:Hs; [|done].
    iIntros (_) "Hr Hm Hc He".
    iDestruct (take_resources_sound _ _ _ _ Hs with "[Hr Hm Hc He]") as "[$ _]".
    rewrite /supply_prop /= -!left_over_whole. iFrame "Hm Hc He". iExact "Hr".
  Qed.
End supply.
