(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import strings.
From rocqgen.machine Require Import layout_mode x86_64.
From models Require Import x86_64_4level x86_64_5level.
Local Open Scope Z_scope.

(** The generated x86-64 modes are those that the library writes by hand, as functions: they read every
    entry, address and root alike, so they walk alike, and the same rights admit the same accesses. *)

(** * Bits *)
Lemma field_bits high low e : low ≤ high + 1 → field high low e = bits e low (high + 1).
Proof. intros ?. rewrite /field /bits Z.land_ones; [f_equal; f_equal; lia|lia]. Qed.
Lemma field_bit n e : 0 ≤ n → negb (field n n e =? 0) = Z.testbit e n.
Proof.
  intros ?. rewrite field_bits; [|lia]. rewrite /bits. replace (n + 1 - n) with 1 by lia.
  rewrite Z.shiftr_div_pow2 // -Z.testbit_spec' //. by destruct (Z.testbit e n).
Qed.
Lemma testbit_bits e low high i :
  0 ≤ low ≤ high → 0 ≤ i →
  Z.testbit (bits e low high) i = Z.testbit e (i + low) && (i <? high - low).
Proof.
  intros ??. rewrite /bits -Z.land_ones; [|lia]. rewrite Z.land_spec Z.shiftr_spec; [|lia].
  f_equal. destruct (Z.ltb_spec i (high - low)).
  - rewrite Z.ones_spec_low; [done|lia].
  - rewrite Z.ones_spec_high; [done|lia].
Qed.
Lemma address_above e n : 12 ≤ n ≤ 52 → (bits e 12 52 ≪ 12) ≫ n = bits e n 52.
Proof.
  intros ?. apply Z.bits_inj'. intros i ?. rewrite Z.shiftr_spec // Z.shiftl_spec; [|lia].
  rewrite !testbit_bits; [|lia..]. f_equal; [f_equal; lia|].
  destruct (Z.ltb_spec (i + n - 12) (52 - 12)), (Z.ltb_spec i (52 - n)); lia.
Qed.
Lemma address_frame e n : 12 ≤ n ≤ 52 → (bits e 12 52 ≪ 12) ≫ n ≪ n = bits e n 52 ≪ n.
Proof. intros ?. by rewrite address_above. Qed.

(** * Entries *)
Section entries.
  Context (on : controls) (physical : Z) (Hphysical : 12 ≤ physical ≤ 52) (e : Z).

  Lemma address_field : address_of (AddressBits 51 12 12) e = bits e 12 52 ≪ 12.
  Proof using Type. by rewrite /address_of field_bits. Qed.
  Lemma address_fits : fits physical (bits e 12 52 ≪ 12) = (bits e physical 52 =? 0).
  Proof using Hphysical. by rewrite /fits address_above. Qed.

  (** What every condition of a spec says of [e], in the words of [x86_decode]. *)
  Definition says (c : bits_cond) (b : bool) : Prop := holds on (test_holds e) c = b.
  Definition x86_grants (g : grants) : Prop :=
    grant on g e = Rights true (Z.testbit e 1) (Z.testbit e 2) (negb (Z.testbit e 63)) true true.
  Definition x86_kind (reserved : bool) (k : kind) : Prop :=
    says (kd_reserved k) reserved ∧ says (kd_accessed k) true ∧ x86_grants (kd_grants k).
  Definition x86_layout (ly : layout) : Prop :=
    says (ly_present ly) (Z.testbit e 0) ∧
    says (ly_reserved ly) (Z.testbit e 63 && negb (on "nxe"%string)) ∧
    ly_address ly = AddressBits 51 12 12 ∧ ly_excess ly = ExcessReserved ∧
    ly_misfit ly = MisfitReserved.

  Context (ly : layout) (Hly : x86_layout ly) (l : level_layout) (Hl : ll_registers l = false).
  Local Notation nxe := (on "nxe"%string).

  Lemma decode_kind_x86 leaf k reserved :
    12 ≤ ll_low l ≤ 52 → x86_kind reserved k →
    decode_kind ly on physical l leaf (Some k) e =
      if reserved || (Z.testbit e 63 && negb nxe) || negb (bits e physical 52 =? 0)
      then Invalid ReservedBit
      else if leaf then Page (bits e (ll_low l) 52 ≪ ll_low l) (x86_rights nxe e)
      else Table (bits e 12 52 ≪ 12) (x86_rights nxe e).
  Proof using Hl Hly Hphysical.
    intros Hlow (Hr & Ha & Hg). destruct Hly as (_ & Hres & Had & Hex & _).
    rewrite /decode_kind Hl Hr Hres Ha Hg Had Hex address_field address_fits address_frame //.
    rewrite /x86_rights.
    by destruct reserved, (Z.testbit e 63), nxe, (bits e physical 52 =? 0), leaf.
  Qed.

  (** The three kinds of levels. *)
  Lemma decode_never k :
    12 ≤ ll_low l ≤ 52 → says (ll_leaf_if l) (Z.testbit e 7) → ll_leaf l = None →
    ll_table l = Some k → x86_kind false k →
    decode ly on physical l e = x86_decode nxe physical (Level (ll_low l) 9 LeafNever) e.
  Proof using Hl Hly Hphysical.
    intros ? Hif Hleaf Htable Hk. rewrite /decode /x86_decode Hif Hleaf Htable.
    destruct (Hly) as (Hp & _ & _ & _ & Hm). rewrite Hp. destruct (Z.testbit e 0); [|done].
    destruct (Z.testbit e 7); simpl negb; cbv iota.
    - rewrite /decode_kind Hm Hl. by destruct (_ || _).
    - by rewrite (decode_kind_x86 _ _ false).
  Qed.
  Lemma decode_some k k' reserved :
    12 ≤ ll_low l ≤ 52 → says (ll_leaf_if l) (Z.testbit e 7) → ll_leaf l = Some k' →
    ll_table l = Some k → x86_kind false k → x86_kind reserved k' →
    reserved = negb (bits e 13 (ll_low l) =? 0) →
    decode ly on physical l e = x86_decode nxe physical (Level (ll_low l) 9 LeafSome) e.
  Proof using Hl Hly Hphysical.
    intros ? Hif Hleaf Htable Hk Hk' Hr. rewrite /decode /x86_decode Hif Hleaf Htable.
    destruct (Hly) as (Hp & _). rewrite Hp. destruct (Z.testbit e 0); [|done].
    destruct (Z.testbit e 7); simpl negb; cbv iota.
    - rewrite (decode_kind_x86 _ _ reserved) // Hr. simpl lv_shift.
      by destruct (bits e 13 _ =? 0), (_ && _), (bits e physical 52 =? 0).
    - by rewrite (decode_kind_x86 _ _ false).
  Qed.
  Lemma decode_always k :
    12 ≤ ll_low l ≤ 52 → says (ll_leaf_if l) true → ll_leaf l = Some k → x86_kind false k →
    decode ly on physical l e = x86_decode nxe physical (Level (ll_low l) 9 LeafAlways) e.
  Proof using Hl Hly Hphysical.
    intros ? Hif Hleaf Hk. rewrite /decode /x86_decode Hif Hleaf.
    destruct (Hly) as (Hp & _). rewrite Hp. destruct (Z.testbit e 0); [|done].
    simpl negb. cbv iota. by rewrite (decode_kind_x86 _ _ false).
  Qed.
End entries.

Section levels.
  Context (on : controls) (physical : Z) (Hphysical : 12 ≤ physical ≤ 52) (e : Z).

  Lemma x86_grants_bits g :
    g = Grants Always (conditions.bit 1) (conditions.bit 2) (~~ conditions.bit 63) Always Always →
    x86_grants on e g.
  Proof using Type.
    intros ->. rewrite /x86_grants -(field_bit 1) // -(field_bit 2) // -(field_bit 63) //.
  Qed.
  Lemma x86_layout_bits ly :
    ly_present ly = conditions.bit 0 →
    ly_reserved ly = (conditions.bit 63 && ~~ conditions.on "nxe")%cond →
    ly_address ly = AddressBits 51 12 12 → ly_excess ly = ExcessReserved →
    ly_misfit ly = MisfitReserved → x86_layout on e ly.
  Proof using Type.
    intros Hp Hr ???. rewrite /x86_layout /says Hp Hr. rewrite -(field_bit 0) // -(field_bit 63) //.
  Qed.

  Lemma x86_kind_bits g : x86_grants on e g → x86_kind on e false (Kind Never Always g).
  Proof using Type. by intros. Qed.
  Lemma x86_kind_large high g :
    13 ≤ high → x86_grants on e g →
    x86_kind on e (negb (bits e 13 (high + 1) =? 0)) (Kind (conditions.any high 13) Always g).
  Proof using Type. intros Hh Hg. split; [|done]. rewrite -field_bits; [reflexivity|lia]. Qed.

  Ltac to_decode := lazymatch goal with |- ?x = ?y =>
    let x' := eval cbv beta iota zeta delta
      [pm_decode x86_64_4level_mode x86_64_5level_mode layout_mode decode_at ly_levels ll_low lv_shift
       x86_64_4level_layout x86_64_5level_layout level_pml5 level_pml4 level_pdpt level_pd level_pt
       Z.eqb Pos.eqb] in x in
    change (x' = y) end.
  Ltac entries_of_kind :=
    lazymatch goal with
    | |- x86_kind _ _ _ _ =>
      first [apply x86_kind_bits | apply x86_kind_large; [lia|]]; apply x86_grants_bits; reflexivity
    | |- x86_layout _ _ _ => apply x86_layout_bits; reflexivity
    | |- says _ _ _ _ => first [reflexivity | exact (field_bit 7 e ltac:(lia))]
    | |- 12 ≤ _ ≤ 52 => first [exact Hphysical | split; cbv [ll_low]; lia]
    | |- _ => reflexivity
    end.

  Lemma decode_4level lv :
    lv ∈ pm_levels (x86_64_4level_mode on physical) →
    pm_decode (x86_64_4level_mode on physical) lv e = pm_decode (x86_4level (on "nxe") physical) lv e.
  Proof using Hphysical.
    change (pm_levels _) with [level_pml4; level_pdpt; level_pd; level_pt].
    intros Hlv. repeat (apply elem_of_cons in Hlv as [->|Hlv]); [..|by apply elem_of_nil in Hlv];
      to_decode.
    - eapply decode_never; entries_of_kind.
    - eapply decode_some; entries_of_kind.
    - eapply decode_some; entries_of_kind.
    - eapply decode_always; entries_of_kind.
  Qed.
  Lemma decode_5level lv :
    lv ∈ pm_levels (x86_64_5level_mode on physical) →
    pm_decode (x86_64_5level_mode on physical) lv e = pm_decode (x86_5level (on "nxe") physical) lv e.
  Proof using Hphysical.
    change (pm_levels _) with [level_pml5; level_pml4; level_pdpt; level_pd; level_pt].
    intros Hlv. repeat (apply elem_of_cons in Hlv as [->|Hlv]); [..|by apply elem_of_nil in Hlv];
      to_decode.
    - eapply decode_never; entries_of_kind.
    - eapply decode_never; entries_of_kind.
    - eapply decode_some; entries_of_kind.
    - eapply decode_some; entries_of_kind.
    - eapply decode_always; entries_of_kind.
  Qed.
End levels.

(** * Modes *)
(** All but the proof of well-formedness, and rights with a clear dirty bit, which x86-64 has not. *)
Record agree (m m' : paging_mode) : Prop := Agree {
  agree_levels : pm_levels m = pm_levels m';
  agree_decode lv e : lv ∈ pm_levels m → pm_decode m lv e = pm_decode m' lv e;
  agree_canonical va : pm_canonical m va = pm_canonical m' va;
  agree_root_ok root : pm_root_ok m root = pm_root_ok m' root;
  agree_root root : pm_root m root = pm_root m' root;
  agree_width : pm_width m = pm_width m';
  agree_access on user r a :
    on "ac" = false → r_dirty r = true → pm_access m on user r a = pm_access m' on user r a;
}.

Lemma walk_levels_agree m m' mem ls table r va :
  agree m m' → (∀ lv, lv ∈ ls → lv ∈ pm_levels m) →
  walk_levels m mem ls table r va = walk_levels m' mem ls table r va.
Proof.
  intros Hm. revert table r. induction ls as [|lv ls IH]; intros table r Hls; [done|]. simpl.
  rewrite -(agree_width _ _ Hm). destruct (read_entry _ _ _) as [e|]; [|done].
  rewrite -(agree_decode _ _ Hm); [|by apply Hls; left].
  destruct (pm_decode _ _ _); [done..| |done]. apply IH. intros lv' ?. apply Hls. by right.
Qed.
Lemma walk_agree m m' mem root va : agree m m' → walk m mem root va = walk m' mem root va.
Proof.
  intros Hm. rewrite /walk -(agree_levels _ _ Hm) -(agree_root _ _ Hm). by apply walk_levels_agree.
Qed.

(** * Addresses and roots *)
Lemma canonical_agrees ly width va :
  1 ≤ width < 64 → ly_virtual ly = width → ly_pointer ly = 64 → ly_extension ly = SignExtended →
  canonical ly va = x86_canonical width va.
Proof.
  intros Hw Hv Hp He. rewrite /canonical /x86_canonical Hv Hp He. set (x := bv_unsigned va).
  assert (x ≫ (width - 1) = 2 * (x ≫ width) + Z.b2z (Z.testbit x (width - 1))) as ->.
  { rewrite Z.testbit_spec'; [|lia]. rewrite !Z.shiftr_div_pow2; [|lia..].
    replace width with (width - 1 + 1) at 2 by lia. rewrite Z.pow_add_r; [|lia..].
    rewrite -Z.div_div; [|lia..]. apply Z_div_mod_eq_full. }
  replace (64 - (width - 1)) with (64 - width + 1) by lia. rewrite Z.pow_add_r; [|lia..].
  assert (0 < 2 ^ (64 - width)) by (apply Z.pow_pos_nonneg; lia).
  destruct (Z.testbit x (width - 1)); simpl Z.b2z; lia.
Qed.

Lemma bits_split e n :
  0 ≤ n ≤ 52 → (bits e n 64 =? 0) = (bits e 52 64 =? 0) && (bits e n 52 =? 0).
Proof.
  intros ?. rewrite {1}/bits. replace (64 - n) with ((52 - n) + (64 - 52)) by lia.
  assert (0 < 2 ^ (52 - n)) by (apply Z.pow_pos_nonneg; lia).
  rewrite Z.pow_add_r; [|lia..]. rewrite Z.rem_mul_r; [|lia..].
  rewrite -Z.shiftr_div_pow2; [|lia]. rewrite Z.shiftr_shiftr; [|lia].
  replace (n + (52 - n)) with 52 by lia. rewrite -/(bits e n 52) -/(bits e 52 64).
  pose proof (Z.mod_pos_bound (e ≫ n) (2 ^ (52 - n))) as Hlow.
  pose proof (Z.mod_pos_bound (e ≫ 52) (2 ^ (64 - 52))) as Hhigh. rewrite -/(bits e n 52) in Hlow.
  rewrite -/(bits e 52 64) in Hhigh. generalize dependent (bits e n 52). intros a.
  generalize dependent (bits e 52 64). intros b. generalize dependent (2 ^ (52 - n)). nia.
Qed.
Lemma root_ok_agrees ly on physical root :
  12 ≤ physical ≤ 52 → ly_root ly = AddressBits 51 12 12 → ly_excess ly = ExcessReserved →
  ly_root_reserved ly = conditions.any 63 52 →
  root_allowed ly on root && root_fits ly physical root = x86_root_ok physical root.
Proof.
  intros ? Hr He Hc. rewrite /root_allowed /root_fits /root_table Hr He Hc address_field.
  rewrite address_fits //.
  change (holds on (test_holds (bv_unsigned root)) (conditions.any 63 52))
    with (negb (field 63 52 (bv_unsigned root) =? 0)).
  rewrite negb_involutive field_bits // /x86_root_ok bits_split //. lia.
Qed.
Lemma root_agrees ly root :
  ly_root ly = AddressBits 51 12 12 → root_table ly root = x86_root root.
Proof. intros Hr. by rewrite /root_table Hr address_field. Qed.

Lemma access_agrees (on : controls) (user : bool) (r : rights) (a : access) (x y : accesses) :
  on "ac"%string = false → r_dirty r = true →
  x = Accesses
    (~~ conditions.user || ~~ conditions.on "smap" || conditions.on "ac")
    ((~~ conditions.user || ~~ conditions.on "smap" || conditions.on "ac") &&
     (conditions.write || ~~ conditions.on "wp"))
    (conditions.exec && ~~ (conditions.user && conditions.on "smep")) →
  y = Accesses conditions.user (conditions.user && conditions.write)
    (conditions.user && conditions.exec) →
  holds on (has r) (let z := if user then y else x in
    match a with Read => ac_read z | Write => ac_write z | Fetch => ac_fetch z end) &&
  dirty_enough r a = x86_access on user r a.
Proof.
  intros Hac Hd -> ->. destruct user, a; simpl; rewrite ?Hac ?Hd ?andb_true_r ?orb_false_r //.
  - by destruct (r_user r), (on "smap"%string).
  - by destruct (r_user r), (on "smap"%string).
Qed.

Lemma x86_64_4level_agrees on physical :
  12 ≤ physical ≤ 52 → agree (x86_64_4level_mode on physical) (x86_4level (on "nxe") physical).
Proof.
  intros Hp. split; [done|by intros; apply decode_4level|..|done|].
  - intros va. by apply canonical_agrees.
  - intros root. by apply root_ok_agrees.
  - intros root. by apply root_agrees.
  - intros on' user r a ??. by apply access_agrees.
Qed.
Lemma x86_64_5level_agrees on physical :
  12 ≤ physical ≤ 52 → agree (x86_64_5level_mode on physical) (x86_5level (on "nxe") physical).
Proof.
  intros Hp. split; [done|by intros; apply decode_5level|..|done|].
  - intros va. by apply canonical_agrees.
  - intros root. by apply root_ok_agrees.
  - intros root. by apply root_agrees.
  - intros on' user r a ??. by apply access_agrees.
Qed.
Lemma x86_64_4level_walk on physical m root va :
  12 ≤ physical ≤ 52 →
  walk (x86_64_4level_mode on physical) m root va = walk (x86_4level (on "nxe") physical) m root va.
Proof. intros ?. by apply walk_agree, x86_64_4level_agrees. Qed.
Lemma x86_64_5level_walk on physical m root va :
  12 ≤ physical ≤ 52 →
  walk (x86_64_5level_mode on physical) m root va = walk (x86_5level (on "nxe") physical) m root va.
Proof. intros ?. by apply walk_agree, x86_64_5level_agrees. Qed.

Print Assumptions x86_64_4level_agrees.
Print Assumptions x86_64_5level_agrees.
Print Assumptions x86_64_4level_walk.
Print Assumptions x86_64_5level_walk.
