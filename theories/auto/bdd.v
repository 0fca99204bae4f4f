(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import pmap.
From iris.prelude Require Import prelude options.

(** Ordered binary decision diagrams over numbered variables, hash-consed: run by [vm_compute].  What is
    proved is soundness alone: a diagram means what was asked for.  That equal functions get equal
    diagrams, which makes the procedure decide, is not needed for it. *)

(** A diagram is the number of a node; 1 is [false], 2 is [true]. *)
Notation diagram := positive.
Record node := MkNode { n_var : positive; n_lo : diagram; n_hi : diagram }.

Inductive connective := And | Xor.
Definition connect (o : connective) : bool → bool → bool :=
  match o with And => andb | Xor => xorb end.

Notation memo := (Pmap (Pmap diagram)).
Record store := Store {
  s_nodes : Pmap node;
  s_next : positive;
  s_made : Pmap memo;      (* variable, low and high branch: the node *)
  s_and : memo;            (* results that are known *)
  s_xor : memo;
  s_left : Z;              (* steps until it gives up *)
}.
Definition empty_store (steps : Z) : store := Store ∅ 3 ∅ ∅ ∅ steps.

Definition memo_get (M : memo) (a b : positive) : option diagram := M !! a ≫= λ N, N !! b.
Definition memo_set (M : memo) (a b : positive) (c : diagram) : memo :=
  <[a := <[b := c]> (default ∅ (M !! a))]> M.

Definition known (o : connective) (S : store) : memo :=
  match o with And => s_and S | Xor => s_xor S end.
Definition remember (o : connective) (a b c : diagram) (S : store) : store :=
  let 'Store N n U A X k := S in
  match o with
  | And => Store N n U (memo_set A a b c) X k
  | Xor => Store N n U A (memo_set X a b c) k
  end.
Definition tick (S : store) : store :=
  let 'Store N n U A X k := S in Store N n U A X (k - 1).

(** The node with these parts, a new one where there is none. *)
Definition make (v : positive) (lo hi : diagram) (S : store) : store * diagram :=
  if Pos.eqb lo hi then (S, lo)
  else
    let M := default ∅ (s_made S !! v) in
    match memo_get M lo hi with
    | Some i => (S, i)
    | None =>
      let 'Store N n U A X k := S in
      (Store (<[n := MkNode v lo hi]> N) (Pos.succ n) (<[v := memo_set M lo hi n]> U) A X k, n)
    end.

(** What needs no look at the nodes. *)
Definition shortcut (o : connective) (a b : diagram) : option diagram :=
  match o with
  | And =>
    if Pos.eqb a 1 || Pos.eqb b 1 then Some 1
    else if Pos.eqb a 2 then Some b
    else if Pos.eqb b 2 || Pos.eqb a b then Some a
    else None
  | Xor =>
    if Pos.eqb a 1 then Some b
    else if Pos.eqb b 1 then Some a
    else if Pos.eqb a b then Some 1
    else None
  end%positive.

(** A node's variable, and its branches where a variable is below or at the top of it. *)
Definition top (S : store) (a : diagram) : option positive := n_var <$> s_nodes S !! a.
Definition branches (S : store) (v : positive) (a : diagram) : diagram * diagram :=
  match s_nodes S !! a with
  | Some nd => if Pos.eqb (n_var nd) v then (n_lo nd, n_hi nd) else (a, a)
  | None => (a, a)
  end.
Definition first (x y : option positive) : option positive :=
  match x, y with
  | Some v, Some w => Some (Pos.min v w)
  | Some v, None | None, Some v => Some v
  | None, None => None
  end.

(** [None] where it gives up: steps are spent, or the fuel, which bounds the number of variables. *)
Fixpoint apply (o : connective) (fuel : nat) (a b : diagram) (S : store) : option (store * diagram) :=
  match shortcut o a b with
  | Some c => Some (S, c)
  | None =>
    match memo_get (known o S) a b with
    | Some c => Some (S, c)
    | None =>
      match fuel, first (top S a) (top S b) with
      | S fuel, Some v =>
        if (s_left S <=? 0)%Z then None
        else
          let (al, ah) := branches S v a in
          let (bl, bh) := branches S v b in
          match apply o fuel al bl (tick S) with
          | None => None
          | Some (S1, lo) =>
            match apply o fuel ah bh S1 with
            | None => None
            | Some (S2, hi) =>
              let (S3, c) := make v lo hi S2 in Some (remember o a b c S3, c)
            end
          end
      | O, Some _ | _, None =>
        (* [true] xor [true] is a shortcut; what is left here is no diagram of the store *)
        None
      end
    end
  end.

(** * Meaning, at one valuation *)
Section meaning.
  Context (ρ : positive → bool).

  Inductive means (N : Pmap node) : diagram → bool → Prop :=
    | means_false : means N 1 false
    | means_true : means N 2 true
    | means_node i v lo hi x y :
        (2 < i)%positive → N !! i = Some (MkNode v lo hi) → means N lo x → means N hi y →
        means N i (if ρ v then y else x).

  Lemma means_det N i x y : means N i x → means N i y → x = y.
  Proof using Type.
    intros H. revert y. induction H as [| |i v lo hi x1 y1 Hi Hn _ IH1 _ IH2]; intros y Hy.
    1,2: inversion Hy; subst; [done|lia].
    inversion Hy as [| |? v' lo' hi' x2 y2 _ Hn' Hx2 Hy2]; subst; [lia..|].
    rewrite Hn in Hn'. injection Hn' as <- <- <-. by rewrite (IH1 _ Hx2) (IH2 _ Hy2).
  Qed.
  Lemma means_mono N N' i x : N ⊆ N' → means N i x → means N' i x.
  Proof using Type.
    intros Hsub. induction 1 as [| |i v lo hi x y Hi Hn _ IH1 _ IH2]; [constructor..|].
    apply (means_node _ _ v lo hi); [done| |done..]. by eapply lookup_weaken.
  Qed.
  Lemma means_1 N b : means N 1 b → b = false.
  Proof using Type. intros H. by apply (means_det _ _ _ _ H), means_false. Qed.
  Lemma means_2 N b : means N 2 b → b = true.
  Proof using Type. intros H. by apply (means_det _ _ _ _ H), means_true. Qed.

  (** ** What holds of a store *)
  Definition memo_ok (o : connective) (N : Pmap node) (M : memo) : Prop :=
    ∀ a b c, memo_get M a b = Some c → ∃ x y, means N a x ∧ means N b y ∧ means N c (connect o x y).
  Record store_ok (S : store) : Prop := {
    ok_next : (2 < s_next S)%positive;
    ok_nodes i nd : s_nodes S !! i = Some nd → (2 < i < s_next S)%positive;
    ok_made v M lo hi i :
      s_made S !! v = Some M → memo_get M lo hi = Some i → s_nodes S !! i = Some (MkNode v lo hi);
    ok_known o : memo_ok o (s_nodes S) (known o S);
  }.

  (** Diagrams keep their meaning from [S] to [S']. *)
  Definition extends (S S' : store) : Prop :=
    ∀ i x, means (s_nodes S) i x → means (s_nodes S') i x.

  Lemma memo_get_set M a b c a' b' d :
    memo_get (memo_set M a b c) a' b' = Some d →
    (a' = a ∧ b' = b ∧ d = c) ∨ memo_get M a' b' = Some d.
  Proof using Type.
    rewrite /memo_get /memo_set. destruct (decide (a = a')) as [<-|Ha].
    - rewrite lookup_insert /=. destruct (decide (b = b')) as [<-|Hb].
      + rewrite lookup_insert. intros [= <-]. by left.
      + rewrite lookup_insert_ne //. destruct (M !! a) as [N|]; simpl; [by right|].
        by rewrite lookup_empty.
    - rewrite lookup_insert_ne //. by right.
  Qed.

  Lemma empty_store_ok steps : store_ok (empty_store steps).
  Proof using Type. split; simpl; [lia|done|done|by intros []]. Qed.

  Lemma make_ok v lo hi S S' i x y :
    store_ok S → means (s_nodes S) lo x → means (s_nodes S) hi y → make v lo hi S = (S', i) →
    store_ok S' ∧ extends S S' ∧ means (s_nodes S') i (if ρ v then y else x).
  Proof using Type.
    intros [Hnext Hnodes Hmade Hknown] Hlo Hhi. rewrite /make.
    destruct (Pos.eqb_spec lo hi) as [<-|Hne].
    { intros [= <- <-]. rewrite (means_det _ _ _ _ Hlo Hhi). split; [by split|]. split; [by intros ??|].
      by destruct (ρ v). }
    destruct (memo_get _ _ _) as [j|] eqn:Hj.
    { intros [= <- <-]. split; [by split|]. split; [by intros ??|].
      destruct (s_made S !! v) as [M|] eqn:HM; [|done]. pose proof (Hmade _ _ _ _ _ HM Hj) as Hn.
      apply (means_node _ _ v lo hi); [|done..]. by apply Hnodes in Hn as [??]. }
    destruct S as [N n U A X k]. simpl in *. intros [= <- <-].
    assert (Hfresh : N !! n = None).
    { destruct (N !! n) as [nd|] eqn:Hn; [|done]. apply Hnodes in Hn. lia. }
    assert (Hsub : N ⊆ <[n := MkNode v lo hi]> N) by by apply insert_subseteq.
    split; [|split].
    - split; simpl.
      + lia.
      + intros i nd. destruct (decide (n = i)) as [<-|Hi].
        * intros _. lia.
        * rewrite lookup_insert_ne // => Hi'. apply Hnodes in Hi'. lia.
      + intros v' M lo' hi' i HM Hi. destruct (decide (v = v')) as [<-|Hv].
        * rewrite lookup_insert in HM. injection HM as <-.
          apply memo_get_set in Hi as [(-> & -> & ->)|Hi]; [by rewrite lookup_insert|].
          destruct (U !! v) as [M|] eqn:HM; [|done].
          pose proof (Hmade _ _ _ _ _ HM Hi). by eapply lookup_weaken.
        * rewrite lookup_insert_ne // in HM.
          pose proof (Hmade _ _ _ _ _ HM Hi). by eapply lookup_weaken.
      + intros o a b c Hc. assert (memo_get (known o (Store N n U A X k)) a b = Some c) as Hc'
          by by destruct o.
        destruct (Hknown o _ _ _ Hc') as (xa & xb & Ha & Hb & Hab). exists xa, xb.
        split; [|split]; by eapply means_mono.
    - intros j z. by apply means_mono.
    - apply (means_node _ _ v lo hi); [done|by rewrite lookup_insert|by eapply means_mono..].
  Qed.

  Lemma remember_ok o a b c S x y :
    store_ok S → means (s_nodes S) a x → means (s_nodes S) b y →
    means (s_nodes S) c (connect o x y) → store_ok (remember o a b c S).
  Proof using Type.
    intros [Hnext Hnodes Hmade Hknown] Ha Hb Hc. destruct S as [N n U A X k].
    assert (∀ o', memo_ok o' N (known o' (remember o a b c (Store N n U A X k)))) as Hk.
    { intros o' a' b' d Hd. destruct (decide (known o' (remember o a b c (Store N n U A X k)) =
        known o' (Store N n U A X k))) as [Heq|Hneq]; [rewrite Heq in Hd; by apply (Hknown o')|].
      assert (o' = o) as -> by by destruct o', o.
      assert (known o (remember o a b c (Store N n U A X k)) =
              memo_set (known o (Store N n U A X k)) a b c) as Heq by by destruct o.
      rewrite Heq in Hd. apply memo_get_set in Hd as [(-> & -> & ->)|Hd]; [|by apply (Hknown o)].
      by exists x, y. }
    destruct o; (split; [exact Hnext|exact Hnodes|exact Hmade|exact Hk]).
  Qed.

  Lemma tick_ok S : store_ok S → store_ok (tick S).
  Proof using Type.
    destruct S as [N n U A X k]. intros [Hnext Hnodes Hmade Hknown].
    split; [exact Hnext|exact Hnodes|exact Hmade|]. intros o. specialize (Hknown o). by destruct o.
  Qed.

  Lemma shortcut_ok o a b c N x y :
    shortcut o a b = Some c → means N a x → means N b y → means N c (connect o x y).
  Proof using Type.
    intros Hc Ha Hb. destruct o; cbn [shortcut] in Hc.
    - destruct (Pos.eqb_spec a 1) as [->|]; [|destruct (Pos.eqb_spec b 1) as [->|]];
        cbn [orb] in Hc.
      + injection Hc as <-. rewrite (means_1 _ _ Ha). constructor.
      + injection Hc as <-. rewrite (means_1 _ _ Hb). destruct x; constructor.
      + destruct (Pos.eqb_spec a 2) as [->|].
        { injection Hc as <-. by rewrite (means_2 _ _ Ha). }
        destruct (Pos.eqb_spec b 2) as [->|]; cbn [orb] in Hc.
        { injection Hc as <-. rewrite (means_2 _ _ Hb). by destruct x. }
        destruct (Pos.eqb_spec a b) as [->|]; [|done]. injection Hc as <-.
        rewrite (means_det _ _ _ _ Ha Hb). by destruct y.
    - destruct (Pos.eqb_spec a 1) as [->|].
      { injection Hc as <-. rewrite (means_1 _ _ Ha). by destruct y. }
      destruct (Pos.eqb_spec b 1) as [->|].
      { injection Hc as <-. rewrite (means_1 _ _ Hb). by destruct x. }
      destruct (Pos.eqb_spec a b) as [->|]; [|done]. injection Hc as <-.
      rewrite (means_det _ _ _ _ Ha Hb). destruct y; constructor.
  Qed.

  Lemma branches_ok S v a lo hi x :
    store_ok S → means (s_nodes S) a x → branches S v a = (lo, hi) →
    ∃ xl xh, means (s_nodes S) lo xl ∧ means (s_nodes S) hi xh ∧ x = if ρ v then xh else xl.
  Proof using Type.
    intros HS Ha. rewrite /branches. destruct (s_nodes S !! a) as [[w l h]|] eqn:Hn; simpl.
    - destruct (Pos.eqb_spec w v) as [->|]; intros [= <- <-].
      + inversion Ha as [| |i v' lo hi xl xh Hi Hn' Hl Hh]; subst.
        1,2: apply (ok_nodes _ HS) in Hn; lia.
        rewrite Hn in Hn'. injection Hn' as <- <- <-. by exists xl, xh.
      + exists x, x. by destruct (ρ v).
    - intros [= <- <-]. exists x, x. by destruct (ρ v).
  Qed.

  Lemma connect_if o (c : bool) xl xh yl yh :
    (if c then connect o xh yh else connect o xl yl) =
    connect o (if c then xh else xl) (if c then yh else yl).
  Proof using Type. by destruct c. Qed.

  Theorem apply_ok o fuel a b S S' c x y :
    store_ok S → means (s_nodes S) a x → means (s_nodes S) b y → apply o fuel a b S = Some (S', c) →
    store_ok S' ∧ extends S S' ∧ means (s_nodes S') c (connect o x y).
  Proof using Type.
    revert a b S S' c x y.
    assert (∀ a b S S' c x y,
      store_ok S → means (s_nodes S) a x → means (s_nodes S) b y →
      shortcut o a b = Some c ∨ memo_get (known o S) a b = Some c → S' = S →
      store_ok S' ∧ extends S S' ∧ means (s_nodes S') c (connect o x y)) as Hdirect.
    { intros a b S S' c x y HS Ha Hb Hc ->. split; [done|]. split; [by intros ??|].
      destruct Hc as [Hc|Hc]; [by eapply shortcut_ok|].
      destruct (ok_known _ HS _ _ _ _ Hc) as (x' & y' & Ha' & Hb' & Hab).
      by rewrite (means_det _ _ _ _ Ha Ha') (means_det _ _ _ _ Hb Hb'). }
    induction fuel as [|fuel IH]; intros a b S S' c x y HS Ha Hb; simpl;
      (destruct (shortcut o a b) as [d|] eqn:Hshort;
        [intros [= <- <-]; eapply Hdirect; by eauto|]);
      (destruct (memo_get (known o S) a b) as [d|] eqn:Hmemo;
        [intros [= <- <-]; eapply Hdirect; by eauto|]).
    { by destruct (first _ _). }
    destruct (first _ _) as [v|]; [|done]. destruct (s_left S <=? 0)%Z; [done|].
    destruct (branches S v a) as [al ah] eqn:Hba, (branches S v b) as [bl bh] eqn:Hbb.
    destruct (branches_ok _ _ _ _ _ _ HS Ha Hba) as (xl & xh & Hal & Hah & ->).
    destruct (branches_ok _ _ _ _ _ _ HS Hb Hbb) as (yl & yh & Hbl & Hbh & ->).
    assert (s_nodes (tick S) = s_nodes S) as Htick by by destruct S.
    destruct (apply o fuel al bl (tick S)) as [[S1 lo]|] eqn:Hlo; [|done].
    apply (IH _ _ _ _ _ xl yl) in Hlo as (HS1 & Hext1 & Hmlo);
      [|by apply tick_ok|by rewrite Htick..].
    rewrite /extends Htick in Hext1.
    destruct (apply o fuel ah bh S1) as [[S2 hi]|] eqn:Hhi; [|done].
    apply (IH _ _ _ _ _ xh yh) in Hhi as (HS2 & Hext2 & Hmhi); [|by auto..].
    destruct (make v lo hi S2) as [S3 d] eqn:Hmake. intros [= <- <-].
    apply (make_ok _ _ _ _ _ _ (connect o xl yl) (connect o xh yh)) in Hmake
      as (HS3 & Hext3 & Hmd); [|by auto..].
    rewrite connect_if in Hmd.
    assert (s_nodes (remember o a b d S3) = s_nodes S3) as Hrem by by destruct S3, o.
    rewrite /extends Hrem. split; [|split].
    - by eapply remember_ok; eauto.
    - intros i z Hi. by auto.
    - done.
  Qed.
End meaning.
