(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.base Require Export words.
From rocqgen.auto Require Export bdd.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Formulas over 64-bit words, decided bit by bit: each word is 64 diagrams, addition is a row of full
    adders.  Products and shifts by variables are not among them. *)

Inductive bexp :=
  | BVar (n : nat)
  | BCst (z : Z)
  | BNot (a : bexp)
  | BAnd (a b : bexp)
  | BXor (a b : bexp)
  | BOr (a b : bexp)
  | BAdd (a b : bexp)
  | BSub (a b : bexp)
  | BAddZ (a : bexp) (z : Z)
  | BShift (a : bexp) (k : Z).    (* to the right; to the left where negative *)

Inductive bform :=
  | BEq (a b : bexp)
  | BLt (a b : bexp)
  | BLe (a b : bexp)
  | BNeg (f : bform)
  | BImp (f g : bform)
  | BBoth (f g : bform).

Definition shifted (w : word) (k : Z) : word := Z_to_bv 64 (bv_unsigned w ≫ k).

Section denote.
  Context (ρ : list word).

  Fixpoint bdenote (e : bexp) : word :=
    match e with
    | BVar n => nth n ρ (BV 64 0)
    | BCst z => Z_to_bv 64 z
    | BNot a => bv_not (bdenote a)
    | BAnd a b => bv_and (bdenote a) (bdenote b)
    | BXor a b => bv_xor (bdenote a) (bdenote b)
    | BOr a b => bv_or (bdenote a) (bdenote b)
    | BAdd a b => bv_add (bdenote a) (bdenote b)
    | BSub a b => bv_sub (bdenote a) (bdenote b)
    | BAddZ a z => bdenote a `+Z` z
    | BShift a k => shifted (bdenote a) k
    end.
  Fixpoint bholds (f : bform) : Prop :=
    match f with
    | BEq a b => bdenote a = bdenote b
    | BLt a b => bv_unsigned (bdenote a) < bv_unsigned (bdenote b)
    | BLe a b => bv_unsigned (bdenote a) ≤ bv_unsigned (bdenote b)
    | BNeg f => ¬ bholds f
    | BImp f g => bholds f → bholds g
    | BBoth f g => bholds f ∧ bholds g
    end.
End denote.

(** * Circuits *)
Notation "'let?' ( s , x ) := e 'in' r" :=
  (match e with Some (s, x) => r | None => None end)
  (at level 200, s name, x name, only parsing).

Section circuits.
  Context (fuel vars : nat).

  Definition gate (o : connective) := apply o fuel.
  Definition invert (a : diagram) (s : store) := gate Xor a 2 s.

  Fixpoint gates (o : connective) (l k : list diagram) (s : store)
      : option (store * list diagram) :=
    match l, k with
    | a :: l, b :: k =>
      let? (s, c) := gate o a b s in let? (s, m) := gates o l k s in Some (s, c :: m)
    | _, _ => Some (s, [])
    end.
  Definition inverts (l : list diagram) (s : store) := gates Xor l (replicate 64 2%positive) s.

  (** The sum, and the carry out of it. *)
  Fixpoint adder (l k : list diagram) (c : diagram) (s : store)
      : option (store * (list diagram * diagram)) :=
    match l, k with
    | a :: l, b :: k =>
      let? (s, x) := gate Xor a b s in
      let? (s, t) := gate Xor x c s in
      let? (s, y) := gate And a b s in
      let? (s, z) := gate And x c s in
      let? (s, c) := gate Xor y z s in
      let? (s, r) := adder l k c s in
      Some (s, (t :: r.1, r.2))
    | _, _ => Some (s, ([], c))
    end.
  Definition subtract (l k : list diagram) (s : store) :=
    let? (s, k) := inverts k s in adder l k 2 s.

  Definition shift_list {A} (d : A) (l : list A) (k : Z) : list A :=
    (λ i, if 0 <=? i + k then nth (Z.to_nat (i + k)) l d else d) <$> seqZ 0 64.

  Definition bit_list (z : Z) : list bool := Z.testbit z <$> seqZ 0 64.
  Definition constant (z : Z) : list diagram :=
    (λ b : bool, if b then 2 else 1)%positive <$> bit_list z.

  (** The bits of variable [n], at most [vars]: the most significant ones come first in the order, so
      that sums and comparisons have small diagrams. *)
  Definition number (n : nat) (i : Z) : positive :=
    Z.to_pos ((63 - i) * Z.of_nat (S vars) + Z.of_nat n + 1).
  Fixpoint variables (l : list positive) (s : store) : store * list diagram :=
    match l with
    | [] => (s, [])
    | v :: l =>
      let (s, a) := make v 1 2 s in let (s, m) := variables l s in (s, a :: m)
    end.

  Fixpoint blast (e : bexp) (s : store) : option (store * list diagram) :=
    match e with
    | BVar n => if Nat.leb n vars then Some (variables (number n <$> seqZ 0 64) s) else None
    | BCst z => Some (s, constant z)
    | BNot a => let? (s, l) := blast a s in inverts l s
    | BAnd a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in gates And l k s
    | BXor a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in gates Xor l k s
    | BOr a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, x) := gates Xor l k s in let? (s, y) := gates And l k s in gates Xor x y s
    | BAdd a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := adder l k 1 s in Some (s, r.1)
    | BSub a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := subtract l k s in Some (s, r.1)
    | BAddZ a z =>
      let? (s, l) := blast a s in let? (s, r) := adder l (constant z) 1 s in Some (s, r.1)
    | BShift a k => let? (s, l) := blast a s in Some (s, shift_list 1%positive l k)
    end.

  (** Whether all are false. *)
  Fixpoint none (l : list diagram) (s : store) : option (store * diagram) :=
    match l with
    | [] => Some (s, 2%positive)
    | a :: l =>
      let? (s, c) := none l s in let? (s, b) := invert a s in gate And b c s
    end.

  Fixpoint blast_form (f : bform) (s : store) : option (store * diagram) :=
    match f with
    | BEq a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, m) := gates Xor l k s in none m s
    | BLt a b =>
      let? (s, l) := blast a s in let? (s, k) := blast b s in
      let? (s, r) := subtract l k s in invert r.2 s
    | BLe a b =>
      let? (s, l) := blast b s in let? (s, k) := blast a s in
      let? (s, r) := subtract l k s in Some (s, r.2)
    | BNeg f => let? (s, a) := blast_form f s in invert a s
    | BImp f g =>
      let? (s, a) := blast_form f s in let? (s, b) := blast_form g s in
      let? (s, b) := invert b s in let? (s, c) := gate And a b s in invert c s
    | BBoth f g =>
      let? (s, a) := blast_form f s in let? (s, b) := blast_form g s in gate And a b s
    end.
End circuits.

(** Whether the formula is true for all values of its variables, 0 to [vars]; [false] where that was not
    found in [steps] steps. *)
Definition valid (steps : Z) (vars : nat) (f : bform) : bool :=
  match blast_form (64 * S vars) vars f (empty_store steps) with
  | Some (_, a) => Pos.eqb a 2
  | None => false
  end.

(** Wrong and right ones. *)
Local Example valid_page : valid 100000 1
  (BEq (BAdd (BAnd (BVar 0) (BCst (-4096))) (BAnd (BVar 0) (BCst 4095))) (BVar 0)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_page_wrong : valid 100000 1
  (BEq (BAdd (BAnd (BVar 0) (BCst (-4096))) (BAnd (BVar 0) (BCst 4094))) (BVar 0)) = false.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_cancel : valid 100000 2
  (BEq (BSub (BAdd (BVar 0) (BVar 1)) (BVar 1)) (BVar 0)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_order : valid 100000 3
  (BImp (BBoth (BLt (BVar 0) (BVar 1)) (BLt (BVar 1) (BVar 2))) (BLt (BVar 0) (BVar 2))) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_order_wrong : valid 100000 3
  (BImp (BBoth (BLt (BVar 0) (BVar 1)) (BLt (BVar 1) (BVar 2))) (BLt (BVar 2) (BVar 0))) = false.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_index : valid 100000 1
  (BLt (BAnd (BShift (BVar 0) 12) (BCst 511)) (BCst 512)) = true.
Proof. vm_compute. reflexivity. Qed.
Local Example valid_comm : valid 300000 3
  (BEq (BAdd (BAdd (BVar 0) (BVar 1)) (BVar 2)) (BAdd (BVar 1) (BAdd (BVar 2) (BVar 0)))) = true.
Proof. vm_compute. reflexivity. Qed.

(** * Soundness *)
(** Numbers from bits, least significant first. *)
Fixpoint of_bits (l : list bool) : Z :=
  match l with [] => 0 | b :: l => Z.b2z b + 2 * of_bits l end.
Definition word_bits (w : word) : list bool := bit_list (bv_unsigned w).

Lemma of_bits_bound l : 0 ≤ of_bits l < 2 ^ Z.of_nat (length l).
Proof.
  induction l as [|b l IH]; [done|]. cbn [of_bits length]. rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia].
  destruct b; simpl Z.b2z; lia.
Qed.
Lemma of_bits_inj l k : length l = length k → of_bits l = of_bits k → l = k.
Proof.
  revert k. induction l as [|b l IH]; intros [|c k]; try done. intros [= Hlen]. cbn [of_bits]. intros Heq.
  assert (b = c ∧ of_bits l = of_bits k) as [-> Hlk] by (destruct b, c; simpl Z.b2z in Heq; lia).
  by rewrite (IH k).
Qed.
Lemma of_bits_seq z i n :
  0 ≤ i → of_bits (Z.testbit z <$> seqZ i (Z.of_nat n)) = (z ≫ i) `mod` 2 ^ Z.of_nat n.
Proof.
  revert i. induction n as [|n IH]; intros i Hi; [by rewrite Z.mod_1_r|].
  rewrite Nat2Z.inj_succ seqZ_cons; [|lia]. rewrite fmap_cons. cbn [of_bits].
  rewrite Z.pred_succ IH; [|lia]. rewrite Z.testbit_spec'; [|lia].
  rewrite !Z.shiftr_div_pow2; [|lia..]. rewrite Z.pow_succ_r; [|lia]. rewrite Z.pow_succ_r; [|lia].
  rewrite (Z.mul_comm 2 (2 ^ i)) -Z.div_div; [|lia..].
  rewrite (Z.rem_mul_r (z / 2 ^ i) 2); lia.
Qed.
Lemma of_bits_word w : of_bits (word_bits w) = bv_unsigned w.
Proof.
  rewrite /word_bits /bit_list (of_bits_seq _ 0 64); [|lia]. rewrite Z.shiftr_0_r.
  apply Z.mod_small, (bv_unsigned_in_range _ w).
Qed.
Lemma word_bits_length w : length (word_bits w) = 64%nat.
Proof. by rewrite /word_bits /bit_list length_fmap length_seqZ. Qed.
Lemma word_bits_of l w : length l = 64%nat → of_bits l = bv_unsigned w → word_bits w = l.
Proof.
  intros Hl Heq. apply of_bits_inj; [by rewrite word_bits_length|]. by rewrite of_bits_word.
Qed.
Lemma word_bits_inj v w : word_bits v = word_bits w → v = w.
Proof. intros Heq. apply bv_eq. by rewrite -(of_bits_word v) Heq of_bits_word. Qed.

(** Bitwise operations *)
Lemma word_bits_zip (f : bool → bool → bool) u v w :
  (∀ i, 0 ≤ i < 64 →
    Z.testbit (bv_unsigned w) i = f (Z.testbit (bv_unsigned u) i) (Z.testbit (bv_unsigned v) i)) →
  word_bits w = zip_with f (word_bits u) (word_bits v).
Proof.
  intros Hf. rewrite /word_bits /bit_list zip_with_fmap_l zip_with_fmap_r zip_with_diag.
  apply list_fmap_ext=> k i Hi. apply lookup_seqZ in Hi as [-> Hi]. apply Hf. lia.
Qed.
Lemma word_bits_and u v : word_bits (bv_and u v) = zip_with andb (word_bits u) (word_bits v).
Proof. apply word_bits_zip=> i _. by rewrite bv_and_unsigned Z.land_spec. Qed.
Lemma word_bits_xor u v : word_bits (bv_xor u v) = zip_with xorb (word_bits u) (word_bits v).
Proof. apply word_bits_zip=> i _. by rewrite bv_xor_unsigned Z.lxor_spec. Qed.
Lemma word_bits_or u v :
  word_bits (bv_or u v) =
  zip_with xorb (zip_with xorb (word_bits u) (word_bits v)) (zip_with andb (word_bits u) (word_bits v)).
Proof.
  rewrite (word_bits_zip orb u v); [|intros i _; by rewrite bv_or_unsigned Z.lor_spec].
  generalize (word_bits u), (word_bits v). intros l. induction l as [|a l IH]; intros [|b k]; try done.
  cbn [zip_with]. rewrite IH. by destruct a, b.
Qed.
Lemma word_bits_not w : word_bits (bv_not w) = negb <$> word_bits w.
Proof.
  rewrite /word_bits /bit_list -list_fmap_compose. apply list_fmap_ext=> k i Hi.
  apply lookup_seqZ in Hi as [-> Hi]. rewrite bv_not_unsigned bv_wrap_spec_low; [|lia].
  by rewrite Z.lnot_spec; [|lia].
Qed.

(** Addition *)
Fixpoint add_bits (l k : list bool) (c : bool) : list bool * bool :=
  match l, k with
  | a :: l, b :: k =>
    let x := xorb a b in
    let r := add_bits l k (xorb (andb a b) (andb x c)) in (xorb x c :: r.1, r.2)
  | _, _ => ([], c)
  end.
Lemma add_bits_length l k c : length l = length k → length (add_bits l k c).1 = length l.
Proof.
  revert k c. induction l as [|a l IH]; intros [|b k] c; try done. intros [= Hlen]. simpl. by rewrite IH.
Qed.
Lemma add_bits_value l k c : length l = length k →
  of_bits (add_bits l k c).1 + 2 ^ Z.of_nat (length l) * Z.b2z (add_bits l k c).2 =
  of_bits l + of_bits k + Z.b2z c.
Proof.
  revert k c. induction l as [|a l IH]; intros [|b k] c; try done.
  { intros _. simpl. destruct c; simpl; lia. }
  intros [= Hlen]. cbn [add_bits fst snd of_bits length].
  specialize (IH k (xorb (a && b) (xorb a b && c)) Hlen).
  rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia].
  destruct a, b, c; simpl Z.b2z in IH |- *; lia.
Qed.
Lemma add_bits_word u v c :
  (add_bits (word_bits u) (word_bits v) c).1 =
  word_bits (Z_to_bv 64 (bv_unsigned u + bv_unsigned v + Z.b2z c)).
Proof.
  assert (length (word_bits u) = length (word_bits v)) as Hlen by by rewrite !word_bits_length.
  symmetry. apply word_bits_of; [by rewrite add_bits_length // word_bits_length|].
  pose proof (add_bits_value _ _ c Hlen) as Hv.
  pose proof (of_bits_bound (add_bits (word_bits u) (word_bits v) c).1) as Hb.
  rewrite add_bits_length // word_bits_length in Hb. rewrite word_bits_length !of_bits_word in Hv.
  rewrite Z_to_bv_unsigned /bv_wrap /bv_modulus -Hv.
  change (Z.of_nat 64) with 64 in *. change (Z.of_N 64) with 64.
  rewrite Z.mul_comm Z_mod_plus_full Z.mod_small //.
Qed.
Lemma of_bits_negb l : of_bits (negb <$> l) = 2 ^ Z.of_nat (length l) - 1 - of_bits l.
Proof.
  induction l as [|b l IH]; [done|]. rewrite fmap_cons. cbn [of_bits length].
  rewrite Nat2Z.inj_succ Z.pow_succ_r; [|lia]. rewrite IH. destruct b; simpl Z.b2z; lia.
Qed.
Lemma bv_not_value (w : word) : bv_unsigned (bv_not w) = 2 ^ 64 - 1 - bv_unsigned w.
Proof. by rewrite -of_bits_word word_bits_not of_bits_negb word_bits_length of_bits_word. Qed.
Lemma bv_add_Z_word (w : word) z :
  w `+Z` z = Z_to_bv 64 (bv_unsigned w + bv_unsigned (Z_to_bv 64 z)).
Proof.
  apply bv_eq. rewrite bv_add_Z_unsigned !Z_to_bv_unsigned. by rewrite bv_wrap_add_idemp_r.
Qed.
Lemma sub_bits_word u v :
  (add_bits (word_bits u) (word_bits (bv_not v)) true).1 = word_bits (bv_sub u v).
Proof.
  rewrite add_bits_word bv_not_value. f_equal. apply bv_eq.
  rewrite Z_to_bv_unsigned bv_sub_unsigned /bv_wrap /bv_modulus. simpl Z.b2z.
  change (Z.of_N 64) with 64.
  replace (bv_unsigned u + (2 ^ 64 - 1 - bv_unsigned v) + 1)
    with (bv_unsigned u - bv_unsigned v + 1 * 2 ^ 64) by lia.
  by rewrite Z_mod_plus_full.
Qed.
Lemma sub_bits_carry u v :
  (add_bits (word_bits u) (word_bits (bv_not v)) true).2 = negb (bv_unsigned u <? bv_unsigned v).
Proof.
  assert (length (word_bits u) = length (word_bits (bv_not v))) as Hlen
    by by rewrite !word_bits_length.
  pose proof (add_bits_value _ _ true Hlen) as Hv.
  pose proof (of_bits_bound (add_bits (word_bits u) (word_bits (bv_not v)) true).1) as Hb.
  rewrite add_bits_length // word_bits_length in Hb.
  rewrite word_bits_length !of_bits_word bv_not_value in Hv.
  change (Z.of_nat 64) with 64 in *.
  destruct (add_bits _ _ _).2, (Z.ltb_spec (bv_unsigned u) (bv_unsigned v)); simpl Z.b2z in Hv; lia.
Qed.

(** Shifts *)
Lemma word_bits_shifted w k : word_bits (shifted w k) = shift_list false (word_bits w) k.
Proof.
  rewrite {1}/word_bits /bit_list /shift_list. apply list_fmap_ext=> j i Hi.
  apply lookup_seqZ in Hi as [-> Hi]. rewrite /shifted Z_to_bv_unsigned bv_wrap_spec_low; [|lia].
  rewrite Z.shiftr_spec; [|lia]. case_match eqn:Hk.
  - destruct (decide (0 + j + k < 64)) as [Hlt|Hge].
    + erewrite nth_lookup_Some; [done|]. rewrite /word_bits /bit_list list_lookup_fmap.
      rewrite lookup_seqZ_lt; [|lia]. simpl. do 2 f_equal. lia.
    + rewrite nth_overflow; [|rewrite word_bits_length; lia].
      apply bv_unsigned_spec_high. lia.
  - apply Z.testbit_neg_r. lia.
Qed.

(** ** Circuits compute bits *)
Section sound.
  Context (ρ : positive → bool) (fuel vars : nat).

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
    store_ok ρ s → variables vs s = (s', l) → leads s s' ∧ row s' l (ρ <$> vs).
  Proof using Type.
    revert s s' l. induction vs as [|v vs IH]; intros s s' l HS; simpl.
    { intros [= <- <-]. split; [by apply leads_refl|constructor]. }
    destruct (make v 1 2 s) as [s1 a] eqn:Hv, (variables vs s1) as [s2 m] eqn:Hm. intros [= <- <-].
    eapply make_ok in Hv as (HS1 & Hext & Ha); [|done|apply means_false|apply means_true].
    apply IH in Hm as [L2 Hm]; [|done]. split; [by eapply leads_trans|].
    constructor; [|done]. eapply leads_means; [done|]. by destruct (ρ v).
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

  Lemma blast_ok e s s' l :
    store_ok ρ s → blast fuel vars e s = Some (s', l) →
    leads s s' ∧ row s' l (word_bits (bdenote ws e)).
  Proof using Hρ.
    revert s s' l. induction e as [n|z|a IHa|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa b IHb|a IHa z|a IHa k];
      intros s s' l HS; cbn [blast bdenote].
    { destruct (Nat.leb_spec n vars); [|done].
      destruct (variables _ _) as [s1 m] eqn:Hv. intros [= <- <-]. apply variables_ok in Hv as [L Hv]; [|done].
      split; [done|]. rewrite -list_fmap_compose in Hv.
      rewrite (list_fmap_ext _ (Z.testbit (bv_unsigned (nth n ws (BV 64 0))))) in Hv; [done|].
      intros k i Hi. apply lookup_seqZ in Hi as [-> Hi]. apply Hρ; lia. }
    { intros [= <- <-]. split; [by apply leads_refl|apply constant_word_ok]. }
    all: destruct (blast _ _ a s) as [[s1 la]|] eqn:Ha; [|done]; apply IHa in Ha as [L1 Ha]; [|done];
      pose proof (proj1 L1) as HS1.
    1: { intros Hm. eapply inverts_ok in Hm as [L2 Hm]; [|done..|apply word_bits_length].
         rewrite word_bits_not. split; [by eapply leads_trans|done]. }
    6: { destruct (adder _ la _ 1 s1) as [[s2 r]|] eqn:Hr; [|done]. intros [= <- <-].
         eapply adder_ok in Hr as (L2 & Hr & _); [|done..|apply constant_word_ok|apply means_false].
         split; [by eapply leads_trans|]. rewrite add_bits_word in Hr. simpl Z.b2z in Hr.
         rewrite Z.add_0_r in Hr. by rewrite bv_add_Z_word. }
    6: { intros [= <- <-]. split; [done|]. rewrite word_bits_shifted.
         apply shift_list_ok; [done|apply word_bits_length]. }
    all: destruct (blast _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done]; apply IHb in Hb as [L2 Hb]; [|done];
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
    store_ok ρ s → blast_form fuel vars f s = Some (s', c) →
    leads s s' ∧ ∃ b, means ρ (s_nodes s') c b ∧ truth (bholds ws f) b.
  Proof using Hρ.
    revert s s' c. induction f as [a b|a b|a b|f IHf|f IHf g IHg|f IHf g IHg]; intros s s' c HS;
      cbn [blast_form bholds].
    - destruct (blast _ _ a s) as [[s1 la]|] eqn:Ha; [|done]. apply blast_ok in Ha as [L1 Ha]; [|done].
      destruct (blast _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done].
      apply blast_ok in Hb as [L2 Hb]; [|by destruct L1].
      destruct (gates _ _ _ _ _) as [[s3 m]|] eqn:Hm; [|done].
      eapply gates_ok in Hm as [L3 Hm]; [|by destruct L2|by eapply leads_row|done].
      intros Hc. eapply none_ok in Hc as [L4 Hc]; [|by destruct L3|done].
      split; [do 3 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth zip_xor_none ?word_bits_length //. split; [apply word_bits_inj|by intros ->].
    - destruct (blast _ _ a s) as [[s1 la]|] eqn:Ha; [|done]. apply blast_ok in Ha as [L1 Ha]; [|done].
      destruct (blast _ _ b s1) as [[s2 lb]|] eqn:Hb; [|done].
      apply blast_ok in Hb as [L2 Hb]; [|by destruct L1].
      destruct (subtract _ _ _ _) as [[s3 r]|] eqn:Hr; [|done].
      eapply subtract_ok in Hr as (L3 & _ & Hr); [|by destruct L2|by eapply leads_row|done].
      intros Hc. eapply invert_ok in Hc as [L4 Hc]; [|by destruct L3|done].
      split; [do 3 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth negb_involutive. apply Z.ltb_lt.
    - destruct (blast _ _ b s) as [[s1 lb]|] eqn:Hb; [|done]. apply blast_ok in Hb as [L1 Hb]; [|done].
      destruct (blast _ _ a s1) as [[s2 la]|] eqn:Ha; [|done].
      apply blast_ok in Ha as [L2 Ha]; [|by destruct L1].
      destruct (subtract _ _ _ _) as [[s3 r]|] eqn:Hr; [|done]. intros [= <- <-].
      eapply subtract_ok in Hr as (L3 & _ & Hr); [|by destruct L2|by eapply leads_row|done].
      split; [do 2 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth negb_true_iff. apply Z.ltb_ge.
    - destruct (blast_form _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Ht); [|done]. intros Hc.
      eapply invert_ok in Hc as [L2 Hc]; [|by destruct L1|done]. split; [by eapply leads_trans|].
      exists (negb bx). split; [done|]. rewrite /truth in Ht |- *. destruct bx; naive_solver.
    - destruct (blast_form _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Htx); [|done].
      destruct (blast_form _ _ g s1) as [[s2 y]|] eqn:Hg; [|done].
      apply IHg in Hg as (L2 & bc & Hy & Hty); [|by destruct L1].
      destruct (invert _ _ s2) as [[s3 z]|] eqn:Hz; [|done].
      eapply invert_ok in Hz as [L3 Hz]; [|by destruct L2|done].
      destruct (gate _ And x z s3) as [[s4 t]|] eqn:Hgate; [|done].
      eapply gate_ok in Hgate as [L4 Hgate];
        [|by destruct L3|eapply leads_means, Hx; by eapply leads_trans|done].
      intros Hc. eapply invert_ok in Hc as [L5 Hc]; [|by destruct L4|done].
      split; [do 4 (eapply leads_trans; [done|]); done|]. eexists. split; [done|].
      rewrite /truth in Htx Hty |- *. simpl. destruct bx, bc; naive_solver.
    - destruct (blast_form _ _ f s) as [[s1 x]|] eqn:Hf; [|done].
      apply IHf in Hf as (L1 & bx & Hx & Htx); [|done].
      destruct (blast_form _ _ g s1) as [[s2 y]|] eqn:Hg; [|done].
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

Theorem valid_sound steps vars f ws : valid steps vars f = true → bholds ws f.
Proof.
  rewrite /valid. destruct (blast_form _ _ f _) as [[s a]|] eqn:Hf; [|done].
  intros ->%Pos.eqb_eq.
  eapply (blast_form_ok (bit_of vars ws)) in Hf as (_ & b & Hb & Ht).
  - by apply Ht, (means_2 _ _ _ Hb).
  - intros n i. apply bit_of_number.
  - apply empty_store_ok.
Qed.

(** * The tactic *)
(** [decide_words] proves a comparison of words from those among its hypotheses. *)
Ltac word_index x l :=
  let rec go l n :=
    match l with
    | nil => constr:(@None nat)
    | cons x _ => constr:(Some n)
    | cons _ ?l => go l (S n)
    end in
  go l O.
(** A literal: nothing else is computed, since open terms may have no end. *)
Ltac closed_int z :=
  lazymatch z with
  | Z0 => z
  | Zpos _ => z
  | Zneg _ => z
  | Z.opp ?x => let x := closed_int x in eval vm_compute in (Z.opp x)
  | bv_unsigned (Z_to_bv 64 ?x) => let x := closed_int x in eval vm_compute in (bv_unsigned (Z_to_bv 64 x))
  | Z.modulo ?x ?y =>
    let x := closed_int x in let y := closed_int y in eval vm_compute in (Z.modulo x y)
  end.

(** A word over the list [l] of variables: the expression and a longer list. *)
Ltac reify_word l t :=
  let two c a b :=
    let ra := reify_word l a in
    match ra with (?l, ?ea) =>
      let rb := reify_word l b in
      match rb with (?l, ?eb) => constr:((l, c ea eb)) end
    end in
  let shift a k :=
    let k := closed_int k in
    let ra := reify_word l a in
    match ra with (?l, ?ea) => constr:((l, BShift ea k)) end in
  match t with
  | bv_add ?a ?b => two BAdd a b
  | bv_sub ?a ?b => two BSub a b
  | bv_and ?a ?b => two BAnd a b
  | bv_or ?a ?b => two BOr a b
  | bv_xor ?a ?b => two BXor a b
  | bv_not ?a =>
    let ra := reify_word l a in match ra with (?l, ?ea) => constr:((l, BNot ea)) end
  | bv_add_Z ?a ?z =>
    let z := closed_int z in
    let ra := reify_word l a in match ra with (?l, ?ea) => constr:((l, BAddZ ea z)) end
  | Z_to_bv 64 (bv_unsigned ?a ≪ ?k) => shift a (Z.opp k)
  | Z_to_bv 64 (bv_unsigned ?a ≫ ?k) => shift a k
  | Z_to_bv 64 ?z => let z := closed_int z in constr:((l, BCst z))
  | _ =>
    let i := word_index t l in
    match i with
    | Some ?n => constr:((l, BVar n))
    | None => let n := eval compute in (length l) in let l := eval cbn in (l ++ [t]) in
              constr:((l, BVar n))
    end
  end.
Ltac reify_fact l P :=
  let two c a b :=
    let ra := reify_word l a in
    match ra with (?l, ?ea) =>
      let rb := reify_word l b in
      match rb with (?l, ?eb) => constr:((l, c ea eb)) end
    end in
  match P with
  | @eq (bv 64) ?a ?b => two BEq a b
  | (bv_unsigned ?a < bv_unsigned ?b)%Z => two BLt a b
  | (bv_unsigned ?a ≤ bv_unsigned ?b)%Z => two BLe a b
  | ¬ ?P => let r := reify_fact l P in match r with (?l, ?f) => constr:((l, BNeg f)) end
  | ?P → ?Q =>
    let r := reify_fact l P in
    match r with (?l, ?f) =>
      let r := reify_fact l Q in match r with (?l, ?g) => constr:((l, BImp f g)) end
    end
  end.
Ltac word_fact P :=
  match P with
  | @eq (bv 64) _ _ => idtac
  | (@bv_unsigned 64 _ < @bv_unsigned 64 _)%Z => idtac
  | (@bv_unsigned 64 _ ≤ @bv_unsigned 64 _)%Z => idtac
  | ¬ ?P => word_fact P
  end.

(** How long it may search: a second or so. *)
Definition patience : Z := 400000.

Ltac decide_words :=
  intros;
  repeat match goal with H : ?P |- _ => word_fact P; revert H end;
  match goal with |- ?P =>
    let r := reify_fact (@nil word) P in
    match r with (?l, ?f) =>
      let n := eval compute in (length l) in
      refine (valid_sound patience n f l _); vm_compute; reflexivity
    end
  end.

Section tests.
  Implicit Types (a b c i e p : word).

  Local Lemma decide_page a :
    bv_add (bv_and a (Z_to_bv 64 0xfffffffffffff000)) (bv_and a (Z_to_bv 64 0xfff)) = a.
  Proof. decide_words. Qed.
  Local Lemma decide_slot a p :
    bv_and p (Z_to_bv 64 0xfff) = Z_to_bv 64 0 →
    bv_or p (Z_to_bv 64 (bv_unsigned (bv_and (Z_to_bv 64 (bv_unsigned a ≫ 12)) (Z_to_bv 64 0x1ff)) ≪ 3)) =
    bv_add p (Z_to_bv 64 (bv_unsigned (bv_and (Z_to_bv 64 (bv_unsigned a ≫ 12)) (Z_to_bv 64 0x1ff)) ≪ 3)).
  Proof. decide_words. Qed.
  Local Lemma decide_present e :
    bv_and e (Z_to_bv 64 1) ≠ Z_to_bv 64 0 → bv_and e (Z_to_bv 64 1) = Z_to_bv 64 1.
  Proof. decide_words. Qed.
  Local Lemma decide_bound a b c :
    bv_unsigned a < bv_unsigned b → bv_unsigned b ≤ bv_unsigned c → a `+Z` 1 ≠ Z_to_bv 64 0.
  Proof. decide_words. Qed.
  Local Lemma decide_shift_by a b :
    bv_sub (Z_to_bv 64 (bv_unsigned a ≪ (bv_unsigned b `mod` 64))) a `+Z` 1 =
    bv_add (Z_to_bv 64 1) (bv_sub (Z_to_bv 64 (bv_unsigned a ≪ (bv_unsigned b `mod` 64))) a).
  Proof. decide_words. Qed.
  Local Lemma decide_nothing_false a b : bv_or a b = bv_add a b.
  Proof. Fail decide_words. Abort.
  Local Lemma decide_nothing_unknown a b : bv_mul a b = bv_mul b a.
  Proof. Fail decide_words. Abort.
End tests.
