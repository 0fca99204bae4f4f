(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export bitblast.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** What [valid] finds is true of all words: circuits compute the bits of what they stand for. *)

(** ** Circuits compute bits *)
Section sound.
  Context (ρ : positive → bool) (fuel vars : nat) (bit : nat → Z → option bool).

  Definition row (s : store) : list diagram → list bool → Prop := Forall2 (means ρ (s_nodes s)).
  Definition leads (s s' : store) : Prop := store_ok ρ s' ∧ extends ρ s s'.

  Lemma leads_refl s : store_ok ρ s → leads s s.
  Proof using Type. by intros; split; [|intros ??]. Qed.
  Lemma leads_trans s1 s2 s3 : leads s1 s2 → leads s2 s3 → leads s1 s3.
  Proof using Type. intros [_ H1] [HS H2]. split; [done|]. intros i x Hi. by apply H2, H1. Qed.
  Lemma leads_means s s' a x : leads s s' → means ρ (s_nodes s) a x → means ρ (s_nodes s') a x.
  Proof using Type. intros [_ H]. apply H. Qed.
  Lemma leads_row s s' l bs : leads s s' → row s l bs → row s' l bs.
  Proof using Type. intros [_ H]. apply Forall2_impl. intros. by apply H. Qed.

  Lemma gate_ok o a b s s' c x y :
    store_ok ρ s → means ρ (s_nodes s) a x → means ρ (s_nodes s) b y →
    gate fuel o a b s = Some (s', c) → leads s s' ∧ means ρ (s_nodes s') c (connect o x y).
  Proof using Type.
    intros HS Ha Hb Hc. destruct (apply_ok _ _ _ _ _ _ _ _ _ _ HS Ha Hb Hc) as (? & ? & ?).
    by split.
  Qed.
  Lemma invert_ok a s s' c x :
    store_ok ρ s → means ρ (s_nodes s) a x → invert fuel a s = Some (s', c) →
    leads s s' ∧ means ρ (s_nodes s') c (negb x).
  Proof using Type.
    intros HS Ha Hc. eapply gate_ok in Hc as [??]; [|done..|apply means_true]. split; [done|].
    by destruct x.
  Qed.

  Lemma gates_ok o l k s s' m bl bk :
    store_ok ρ s → row s l bl → row s k bk → gates fuel o l k s = Some (s', m) →
    leads s s' ∧ row s' m (zip_with (connect o) bl bk).
  Proof using Type.
    revert bl s k s' m bk. induction l as [|a l IH]; intros bl s k s' m bk HS Hl Hk.
    { inversion Hl; subst. intros [= <- <-]. split; [by apply leads_refl|constructor]. }
    inversion Hl as [|? x ? bl' Ha Hl']; subst. inversion Hk as [|b y k' bk' Hb Hk']; subst.
    { intros [= <- <-]. split; [by apply leads_refl|constructor]. }
    cbn [gates]. destruct (gate _ _ _ _ _) as [[s1 c]|] eqn:Hc; [|done].
    eapply gate_ok in Hc as [Hs1 Hc]; [|done..].
    destruct (gates _ _ _ _ _) as [[s2 m']|] eqn:Hm; [|done]. intros [= <- <-].
    eapply IH in Hm as [Hs2 Hm]; [|by destruct Hs1|by eapply leads_row..].
    split; [by eapply leads_trans|]. constructor; [by eapply leads_means|done].
  Qed.
  Lemma inverts_ok l s s' m bs :
    store_ok ρ s → row s l bs → length bs = 64%nat → inverts fuel l s = Some (s', m) →
    leads s s' ∧ row s' m (negb <$> bs).
  Proof using Type.
    intros HS Hl Hlen Hm. eapply (gates_ok _ _ _ _ _ _ _ (replicate 64 true)) in Hm as [Hs' Hm]; [|done..|].
    - split; [done|]. replace (negb <$> bs) with (zip_with xorb bs (replicate 64 true)); [done|].
      rewrite -Hlen. clear. induction bs as [|b bs IH]; [done|]. cbn. rewrite IH. by destruct b.
    - apply Forall2_replicate, means_true.
  Qed.

  Lemma adder_ok l k c s s' m bl bk x :
    store_ok ρ s → row s l bl → row s k bk → means ρ (s_nodes s) c x →
    adder fuel l k c s = Some (s', m) →
    leads s s' ∧ row s' m.1 (add_bits bl bk x).1 ∧ means ρ (s_nodes s') m.2 (add_bits bl bk x).2.
  Proof using Type.
    revert k c s s' m bl bk x.
    induction l as [|a l IH]; intros k c s s' m bl bk x HS Hl Hk Hc.
    { inversion Hl; subst. intros [= <- <-]. split; [by apply leads_refl|]. split; [constructor|done]. }
    inversion Hl as [|? xa ? bl' Ha Hl']; subst. inversion Hk as [|b xb k' bk' Hb Hk']; subst.
    { intros [= <- <-]. split; [by apply leads_refl|]. split; [constructor|done]. }
    cbn [adder add_bits fst snd].
    destruct (gate _ Xor a b _) as [[s1 g1]|] eqn:H1; [|done].
    eapply gate_ok in H1 as [L1 H1]; [|done..]. pose proof (proj1 L1) as HS1.
    destruct (gate _ Xor g1 c _) as [[s2 g2]|] eqn:H2; [|done].
    eapply gate_ok in H2 as [L2 H2]; [|done..|exact (leads_means _ _ _ _ L1 Hc)].
    pose proof (proj1 L2) as HS2. pose proof (leads_trans _ _ _ L1 L2) as L12.
    destruct (gate _ And a b _) as [[s3 g3]|] eqn:H3; [|done].
    eapply gate_ok in H3 as [L3 H3];
      [|done|exact (leads_means _ _ _ _ L12 Ha)|exact (leads_means _ _ _ _ L12 Hb)].
    pose proof (proj1 L3) as HS3. pose proof (leads_trans _ _ _ L12 L3) as L13.
    destruct (gate _ And g1 c _) as [[s4 g4]|] eqn:H4; [|done].
    eapply gate_ok in H4 as [L4 H4];
      [|done|exact (leads_means _ _ _ _ (leads_trans _ _ _ L2 L3) H1)|exact (leads_means _ _ _ _ L13 Hc)].
    pose proof (proj1 L4) as HS4. pose proof (leads_trans _ _ _ L13 L4) as L14.
    destruct (gate _ Xor g3 g4 _) as [[s5 g5]|] eqn:H5; [|done].
    eapply gate_ok in H5 as [L5 H5]; [|done|exact (leads_means _ _ _ _ L4 H3)|done].
    pose proof (proj1 L5) as HS5. pose proof (leads_trans _ _ _ L14 L5) as L15.
    destruct (adder _ l k' _ _) as [[s6 r]|] eqn:H6; [|done]. intros [= <- <-].
    eapply IH in H6 as (L6 & Hm & Hout);
      [|done|exact (leads_row _ _ _ _ L15 Hl')|exact (leads_row _ _ _ _ L15 Hk')|done].
    split; [exact (leads_trans _ _ _ L15 L6)|]. split; [|done]. constructor; [|done].
    apply (leads_means _ _ _ _ (leads_trans _ _ _ L3 (leads_trans _ _ _ L4 (leads_trans _ _ _ L5 L6))) H2).
  Qed.
  Lemma subtract_ok l k s s' m u v :
    store_ok ρ s → row s l (word_bits u) → row s k (word_bits v) → subtract fuel l k s = Some (s', m) →
    leads s s' ∧ row s' m.1 (word_bits (bv_sub u v)) ∧
    means ρ (s_nodes s') m.2 (negb (bv_unsigned u <? bv_unsigned v)).
  Proof using Type.
    intros HS Hl Hk. rewrite /subtract. destruct (inverts _ _ _) as [[s1 k']|] eqn:H1; [|done].
    eapply inverts_ok in H1 as [L1 H1]; [|done..|apply word_bits_length]. rewrite -word_bits_not in H1.
    intros H2. eapply adder_ok in H2 as (L2 & H2 & Hc); [|by destruct L1|by eapply leads_row|done|].
    2: apply means_true.
    rewrite sub_bits_word in H2. rewrite sub_bits_carry in Hc. split; [|done]. by eapply leads_trans.
  Qed.

  Lemma shift_list_ok s l bs k :
    row s l bs → length bs = 64%nat → row s (shift_list 1%positive l k) (shift_list false bs k).
  Proof using Type.
    intros Hl Hlen. rewrite /row /shift_list Forall2_fmap. apply Forall_Forall2_diag, Forall_forall.
    intros i _. case_match; [|constructor].
    destruct (decide (Z.to_nat (i + k) < 64)%nat) as [Hlt|Hge].
    - destruct (lookup_lt_is_Some_2 bs (Z.to_nat (i + k))) as [b Hb]; [lia|].
      destruct (Forall2_lookup_r _ _ _ _ _ Hl Hb) as (a & Ha & Hab).
      by rewrite (nth_lookup_Some _ _ _ _ Ha) (nth_lookup_Some _ _ _ _ Hb).
    - pose proof (Forall2_length Hl) as Hlen'. rewrite !nth_overflow; [constructor|lia..].
  Qed.
  Lemma constant_ok s z : row s (constant z) (bit_list z).
  Proof using Type.
    rewrite /row /constant -{2}(list_fmap_id (bit_list z)). rewrite Forall2_fmap.
    apply Forall_Forall2_diag, Forall_forall. intros [] _; constructor.
  Qed.
  Lemma constant_word_ok s z : row s (constant z) (word_bits (Z_to_bv 64 z)).
  Proof using Type.
    replace (word_bits (Z_to_bv 64 z)) with (bit_list z); [apply constant_ok|].
    rewrite /word_bits /bit_list. apply list_fmap_ext=> k i Hi. apply lookup_seqZ in Hi as [-> Hi].
    rewrite Z_to_bv_unsigned bv_wrap_spec_low; [done|lia].
  Qed.
  Lemma variables_ok vs s s' l :
    store_ok ρ s → variables vs s = (s', l) → leads s s' ∧ row s' l ((λ v, default (ρ v.2) v.1) <$> vs).
  Proof using Type.
    revert s s' l. induction vs as [|[b v] vs IH]; intros s s' l HS; simpl.
    { intros [= <- <-]. split; [by apply leads_refl|constructor]. }
    destruct (match b with Some _ => _ | None => _ end) as [s1 a] eqn:Hv, (variables vs s1) as [s2 m] eqn:Hm.
    intros [= <- <-].
    assert (leads s s1 ∧ means ρ (s_nodes s1) a (default (ρ v) b)) as [L1 Ha].
    { destruct b as [[]|]; [injection Hv as <- <-; split; [by apply leads_refl|constructor]..|].
      eapply make_ok in Hv as (HS1 & Hext & Ha); [|done|apply means_false|apply means_true].
      split; [done|]. simpl. by destruct (ρ v). }
    apply IH in Hm as [L2 Hm]; [|by destruct L1]. split; [by eapply leads_trans|].
    constructor; [|done]. by eapply leads_means.
  Qed.
  Lemma none_ok l s s' c bs :
    store_ok ρ s → row s l bs → none fuel l s = Some (s', c) →
    leads s s' ∧ means ρ (s_nodes s') c (forallb negb bs).
  Proof using Type.
    revert s s' c bs. induction l as [|a l IH]; intros s s' c bs HS Hl; simpl.
    { inversion Hl; subst. intros [= <- <-]. split; [by apply leads_refl|constructor]. }
    inversion Hl as [|? x ? bs' Ha Hl']; subst.
    destruct (none _ l s) as [[s1 c1]|] eqn:H1; [|done]. eapply IH in H1 as [L1 H1]; [|done..].
    destruct (invert _ a s1) as [[s2 b]|] eqn:H2; [|done].
    eapply invert_ok in H2 as [L2 H2]; [|by destruct L1|by eapply leads_means].
    intros H3. eapply gate_ok in H3 as [L3 H3]; [|by destruct L2|done|by eapply leads_means].
    split; [|done]. eapply leads_trans; [|done]. by eapply leads_trans.
  Qed.

  (** ** Expressions and formulas *)
  Context (ws : list word).
  Context (Hρ : ∀ n i, (n ≤ vars)%nat → 0 ≤ i < 64 →
    ρ (number vars n i) = Z.testbit (bv_unsigned (nth n ws (BV 64 0))) i).
  Context (Hbit : ∀ n i b, bit n i = Some b → 0 ≤ i < 64 →
    Z.testbit (bv_unsigned (nth n ws (BV 64 0))) i = b).

  Lemma blast_ok e s s' l :
    store_ok ρ s → blast fuel vars bit e s = Some (s', l) →
    leads s s' ∧ row s' l (word_bits (bdenote ws e)).
  Proof using Hρ Hbit.
    revert s s' l. induction e as [n|z|a IHa|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa z|a IHa k];
      intros s s' l HS; cbn [blast bdenote].
    { destruct (Nat.leb_spec n vars); [|done].
      destruct (variables _ _) as [s1 m] eqn:Hv. intros [= <- <-]. apply variables_ok in Hv as [L Hv]; [|done].
      split; [done|]. rewrite -list_fmap_compose in Hv.
      rewrite (list_fmap_ext _ (Z.testbit (bv_unsigned (nth n ws (BV 64 0))))) in Hv; [done|].
      intros k i Hi. apply lookup_seqZ in Hi as [-> Hi]. simpl.
      destruct (bit n _) as [b|] eqn:Hb; simpl; [symmetry; apply Hbit; [done|lia]|apply Hρ; lia]. }
    { intros [= <- <-]. split; [by apply leads_refl|apply constant_word_ok]. }
    all: destruct (blast _ _ _ a s) as [[s1 la]|] eqn:Ha; [|done]; apply IHa in Ha as [L1 Ha]; [|done];
      pose proof (proj1 L1) as HS1.
    1: { intros Hm. eapply inverts_ok in Hm as [L2 Hm]; [|done..|apply word_bits_length].
         rewrite word_bits_not. split; [by eapply leads_trans|done]. }
    6: { destruct (adder _ la _ 1 s1) as [[s2 r]|] eqn:Hr; [|done]. intros [= <- <-].
         eapply adder_ok in Hr as (L2 & Hr & _); [|done..|apply constant_word_ok|apply means_false].
         split; [by eapply leads_trans|]. rewrite add_bits_word in Hr. simpl Z.b2z in Hr.
         rewrite Z.add_0_r in Hr. by rewrite bv_add_Z_word. }
    6: { intros [= <- <-]. split; [done|]. rewrite word_bits_shifted.
         apply shift_list_ok; [done|apply word_bits_length]. }
    all: destruct (blast _ _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done]; apply IHb in Hb as [L2 Hb]; [|done];
      pose proof (proj1 L2) as HS2; pose proof (leads_trans _ _ _ L1 L2) as L12;
      pose proof (leads_row _ _ _ _ L2 Ha) as Ha2.
    - intros Hm. eapply gates_ok in Hm as [L3 Hm]; [|done..]. rewrite word_bits_and.
      split; [by eapply leads_trans|done].
    - intros Hm. eapply gates_ok in Hm as [L3 Hm]; [|done..]. rewrite word_bits_xor.
      split; [by eapply leads_trans|done].
    - destruct (gates _ Xor la lb s2) as [[s3 lx]|] eqn:Hx; [|done].
      eapply gates_ok in Hx as [L3 Hx]; [|done..]. pose proof (proj1 L3) as HS3.
      destruct (gates _ And la lb s3) as [[s4 ly]|] eqn:Hy; [|done].
      eapply gates_ok in Hy as [L4 Hy]; [|done|by eapply leads_row..]. pose proof (proj1 L4) as HS4.
      intros Hm. eapply gates_ok in Hm as [L5 Hm]; [|done|by eapply leads_row|done].
      rewrite word_bits_or. split; [|done]. do 3 (eapply leads_trans; [done|]). done.
    - destruct (adder _ la lb 1 s2) as [[s3 r]|] eqn:Hr; [|done]. intros [= <- <-].
      eapply adder_ok in Hr as (L3 & Hr & _); [|done..|apply means_false].
      split; [by eapply leads_trans|]. rewrite add_bits_word in Hr. simpl Z.b2z in Hr.
      by rewrite Z.add_0_r in Hr.
    - destruct (subtract _ la lb s2) as [[s3 r]|] eqn:Hr; [|done]. intros [= <- <-].
      eapply subtract_ok in Hr as (L3 & Hr & _); [|done..]. split; [by eapply leads_trans|done].
  Qed.

  Lemma zip_xor_none (l k : list bool) :
    length l = length k → forallb negb (zip_with xorb l k) = true ↔ l = k.
  Proof using Type.
    revert k. induction l as [|a l IH]; intros [|b k]; try done. intros [= Hlen]. simpl.
    rewrite andb_true_iff IH //. destruct a, b; naive_solver.
  Qed.
  Definition truth (P : Prop) (b : bool) : Prop := b = true ↔ P.

  Lemma blast_form_ok f s s' c :
    store_ok ρ s → blast_form fuel vars bit f s = Some (s', c) →
    leads s s' ∧ ∃ b, means ρ (s_nodes s') c b ∧ truth (bholds ws f) b.
  Proof using Hρ Hbit.
    revert s s' c. induction f as [a b|a b|a b|f IHf|f IHf g IHg|f IHf g IHg]; intros s s' c HS;
      cbn [blast_form bholds].
    - destruct (blast _ _ _ a s) as [[s1 la]|] eqn:Ha; [|done]. apply blast_ok in Ha as [L1 Ha]; [|done].
      destruct (blast _ _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done].
      apply blast_ok in Hb as [L2 Hb]; [|by destruct L1].
      destruct (gates _ _ _ _ _) as [[s3 m]|] eqn:Hm; [|done].
      eapply gates_ok in Hm as [L3 Hm]; [|by destruct L2|by eapply leads_row|done].
      intros Hc. eapply none_ok in Hc as [L4 Hc]; [|by destruct L3|done].
      split; [do 3 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth zip_xor_none ?word_bits_length //. split; [apply word_bits_inj|by intros ->].
    - destruct (blast _ _ _ a s) as [[s1 la]|] eqn:Ha; [|done]. apply blast_ok in Ha as [L1 Ha]; [|done].
      destruct (blast _ _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done].
      apply blast_ok in Hb as [L2 Hb]; [|by destruct L1].
      destruct (subtract _ _ _ _) as [[s3 r]|] eqn:Hr; [|done].
      eapply subtract_ok in Hr as (L3 & _ & Hr); [|by destruct L2|by eapply leads_row|done].
      intros Hc. eapply invert_ok in Hc as [L4 Hc]; [|by destruct L3|done].
      split; [do 3 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth negb_involutive. apply Z.ltb_lt.
    - destruct (blast _ _ _ b s) as [[s1 lb]|] eqn:Hb; [|done]. apply blast_ok in Hb as [L1 Hb]; [|done].
      destruct (blast _ _ _ a s1) as [[s2 la]|] eqn:Ha; [|done].
      apply blast_ok in Ha as [L2 Ha]; [|by destruct L1].
      destruct (subtract _ _ _ _) as [[s3 r]|] eqn:Hr; [|done]. intros [= <- <-].
      eapply subtract_ok in Hr as (L3 & _ & Hr); [|by destruct L2|by eapply leads_row|done].
      split; [do 2 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth negb_true_iff. apply Z.ltb_ge.
    - destruct (blast_form _ _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Ht); [|done]. intros Hc.
      eapply invert_ok in Hc as [L2 Hc]; [|by destruct L1|done]. split; [by eapply leads_trans|].
      exists (negb bx). split; [done|]. rewrite /truth in Ht |- *. destruct bx; naive_solver.
    - destruct (blast_form _ _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Htx); [|done].
      destruct (blast_form _ _ _ g s1) as [[s2 y]|] eqn:Hg; [|done].
      apply IHg in Hg as (L2 & bc & Hy & Hty); [|by destruct L1].
      destruct (invert _ _ s2) as [[s3 z]|] eqn:Hz; [|done].
      eapply invert_ok in Hz as [L3 Hz]; [|by destruct L2|done].
      destruct (gate _ And x z s3) as [[s4 t]|] eqn:Hgate; [|done].
      eapply gate_ok in Hgate as [L4 Hgate];
        [|by destruct L3|eapply leads_means, Hx; by eapply leads_trans|done].
      intros Hc. eapply invert_ok in Hc as [L5 Hc]; [|by destruct L4|done].
      split; [do 4 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth in Htx Hty |- *. simpl. destruct bx, bc; naive_solver.
    - destruct (blast_form _ _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Htx); [|done].
      destruct (blast_form _ _ _ g s1) as [[s2 y]|] eqn:Hg; [|done].
      apply IHg in Hg as (L2 & bc & Hy & Hty); [|by destruct L1].
      intros Hc. eapply gate_ok in Hc as [L3 Hc]; [|by destruct L2|by eapply leads_means|done].
      split; [do 2 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth in Htx Hty |- *. simpl. destruct bx, bc; naive_solver.
  Qed.
End sound.

(** The valuation of the bits that words give. *)
Definition bit_of (vars : nat) (ws : list word) (p : positive) : bool :=
  let q := Z.pos p - 1 in
  let m := Z.of_nat (S vars) in
  Z.testbit (bv_unsigned (nth (Z.to_nat (q `mod` m)) ws (BV 64 0))) (63 - q `div` m).
Lemma bit_of_number vars ws n i : (n ≤ vars)%nat → 0 ≤ i < 64 →
  bit_of vars ws (number vars n i) = Z.testbit (bv_unsigned (nth n ws (BV 64 0))) i.
Proof.
  intros Hn Hi. rewrite /bit_of /number. set (m := Z.of_nat (S vars)).
  assert (0 ≤ (63 - i) * m) by nia.
  rewrite Z2Pos.id; [|lia]. replace ((63 - i) * m + Z.of_nat n + 1 - 1) with
    (Z.of_nat n + (63 - i) * m) by lia.
  rewrite Z_mod_plus_full Z.mod_small; [|lia]. rewrite Z.div_add; [|lia].
  rewrite Z.div_small; [|lia]. rewrite Nat2Z.id. f_equal. lia.
Qed.

(** ** Premises *)
Definition known_holds (ws : list word) (k : known) : Prop :=
  ∀ i, 0 ≤ i < 64 → Z.testbit (kn_mask k) i = true →
    Z.testbit (bv_unsigned (nth (kn_var k) ws (BV 64 0))) i = Z.testbit (kn_bits k) i.

Lemma testbit_word (z i : Z) : 0 ≤ i < 64 → Z.testbit (bv_unsigned (Z_to_bv 64 z)) i = Z.testbit z i.
Proof. intros Hi. by rewrite Z_to_bv_unsigned bv_wrap_spec_low. Qed.
Lemma testbit_masked (w : word) m k i : bv_and w (Z_to_bv 64 m) = Z_to_bv 64 k → 0 ≤ i < 64 →
  Z.testbit m i = true → Z.testbit (bv_unsigned w) i = Z.testbit k i.
Proof.
  intros Heq Hi Hm. rewrite -(testbit_word k) // -Heq bv_and_unsigned Z.land_spec testbit_word // Hm.
  by rewrite andb_true_r.
Qed.
Lemma learn_mask ws n m k :
  bv_and (nth n ws (BV 64 0)) (Z_to_bv 64 m) = Z_to_bv 64 k → known_holds ws (Known n m k).
Proof. intros Heq i Hi. by apply testbit_masked. Qed.
Lemma learn_one ws n k : 0 ≤ k →
  bv_and (nth n ws (BV 64 0)) (Z_to_bv 64 (2 ^ k)) ≠ Z_to_bv 64 0 → known_holds ws (Known n (2 ^ k) (2 ^ k)).
Proof.
  intros Hk Hne i Hi. simpl. rewrite Z.pow2_bits_eqb //. intros ->%Z.eqb_eq. rewrite Z.eqb_refl.
  apply not_false_is_true. intros Hw. apply Hne, bv_eq, Z.bits_inj'. intros j Hj.
  rewrite bv_and_unsigned Z.land_spec Z_to_bv_unsigned Z.bits_0 bv_wrap_spec //.
  rewrite Z.pow2_bits_eqb //. destruct (Z.eqb_spec i j) as [->|]; [by rewrite Hw|].
  by rewrite !andb_false_r.
Qed.
Lemma learn_below ws n z :
  0 < z < 2 ^ 64 → bv_unsigned (nth n ws (BV 64 0)) < bv_unsigned (Z_to_bv 64 z) →
  known_holds ws (Known n (- 2 ^ Z.log2_up z) 0).
Proof.
  intros Hz. rewrite Z_to_bv_unsigned bv_wrap_small; [|change (bv_modulus 64) with (2 ^ 64); lia].
  intros Hlt i Hi. cbn [kn_mask kn_bits kn_var]. rewrite Z.bits_0.
  pose proof (Z.log2_up_nonneg z) as Hl.
  assert (z ≤ 2 ^ Z.log2_up z) as Hup.
  { destruct (decide (z = 1)) as [->|]; [done|]. apply Z.log2_up_spec. lia. }
  destruct (Z.ltb_spec i (Z.log2_up z)) as [Hlow|Hhigh].
  - replace (- 2 ^ Z.log2_up z) with ((-1) ≪ Z.log2_up z); [|rewrite Z.shiftl_mul_pow2 //; lia].
    rewrite Z.shiftl_spec; [|lia]. rewrite Z.testbit_neg_r //. lia.
  - intros _. pose proof (bv_unsigned_in_range _ (nth n ws (BV 64 0))).
    apply (Z.bounded_iff_bits_nonneg (Z.log2_up z)); lia.
Qed.
Lemma learn_sound ws f : bholds ws f → Forall (known_holds ws) (learn f).
Proof.
  destruct f as [a b|a b|a b|f|f g|f g]; [| |done| |done|done].
  - destruct a as [|?|?|a m| | | | | |]; try done. destruct a as [n| | | | | | | | |]; try done.
    destruct m as [|m| | | | | | | |]; try done. destruct b as [|k| | | | | | | |]; try done.
    intros Heq. apply Forall_singleton. by apply learn_mask.
  - destruct a as [n| | | | | | | | |]; try done. destruct b as [|z| | | | | | | |]; try done. simpl.
    destruct (Z.ltb_spec 0 z), (Z.ltb_spec z (2 ^ 64)); try done. intros Hlt.
    apply Forall_singleton. by apply learn_below.
  - destruct f as [a b| | | | |]; try done.
    destruct a as [|?|?|a m| | | | | |]; try done. destruct a as [n| | | | | | | | |]; try done.
    destruct m as [|m| | | | | | | |]; try done. destruct b as [|[]| | | | | | | |]; try done. simpl.
    destruct (Z.eqb_spec m (2 ^ Z.log2 m)) as [Hm|]; [|done]. intros Hne. apply Forall_singleton.
    assert (∃ k, 0 ≤ k ∧ m = 2 ^ k) as (k & Hk & ->)
      by (exists (Z.log2 m); split; [apply Z.log2_nonneg|done]).
    by apply learn_one.
Qed.
Lemma premises_sound ws f : (Forall (known_holds ws) (premises f) → bholds ws f) → bholds ws f.
Proof.
  induction f as [| | | |f _ g IH|]; simpl; intros H; try by apply H.
  intros Hf. apply IH. intros Hg. apply H; [|done]. apply Forall_app. split; [|done].
  by apply learn_sound.
Qed.
Lemma unspent_sound ws f : bholds ws (unspent f) → bholds ws f.
Proof. induction f as [| | | |f _ g IH|]; simpl; [done..| |done]. destruct (spent f); simpl; auto. Qed.
Lemma known_bit_sound ws l n i b :
  Forall (known_holds ws) l → known_bit l n i = Some b → 0 ≤ i < 64 →
  Z.testbit (bv_unsigned (nth n ws (BV 64 0))) i = b.
Proof.
  intros Hl. rewrite /known_bit. destruct (find _ l) as [k|] eqn:Hk; [|done]. intros [= <-] Hi.
  apply find_some in Hk as [Hin [<-%Nat.eqb_eq Hm]%andb_true_iff].
  rewrite List.Forall_forall in Hl. exact (Hl k Hin i Hi Hm).
Qed.

Theorem valid_sound steps vars f ws : valid steps vars f = true → bholds ws f.
Proof.
  rewrite /valid. destruct (blast_form _ _ _ _ _) as [[s a]|] eqn:Hf; [|done].
  intros ->%Pos.eqb_eq. apply premises_sound. intros Hknown. apply unspent_sound.
  eapply (blast_form_ok (bit_of vars ws)) in Hf as (_ & b & Hb & Ht).
  - by apply Ht, (means_2 _ _ _ Hb).
  - intros n i. apply bit_of_number.
  - intros n i b. by apply known_bit_sound.
  - apply empty_store_ok.
Qed.
