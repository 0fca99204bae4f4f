(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import strings.
From rocqgen.machine Require Export layout_mode.
From rocqgen.adequacy Require Export image.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Modes given as data, on concrete images: whether an address is canonical depends on its page. *)

Lemma testbit_page (va va' : word) n :
  page va = page va' → 12 ≤ n → Z.testbit (bv_unsigned va) n = Z.testbit (bv_unsigned va') n.
Proof.
  intros Hp Hn.
  assert (∀ w : word, Z.testbit (bv_unsigned w) n = Z.testbit (page w) (n - 12)) as Hpage.
  { intros w. rewrite /page Z.shiftr_spec; [f_equal|]; lia. }
  by rewrite !Hpage Hp.
Qed.

Lemma layout_virtual ly : layout_problems ly = [] → 13 ≤ ly_virtual ly.
Proof.
  rewrite /layout_problems !app_nil. intros (_ & _ & _ & _ & _ & _ & _ & Hne & Hls).
  destruct (ly_levels ly) as [|l ls]; [done|].
  pose proof (levels_problems_below _ _ _ _ l Hls) as [??]; [by left|lia].
Qed.

Lemma layout_canonical_pages ly wf on physical : canonical_pages (layout_mode ly wf on physical).
Proof.
  intros va va' Hp. rewrite /= /canonical. pose proof (layout_virtual _ wf) as Hv.
  rewrite (testbit_page va va'); [|done|lia].
  by rewrite (shiftr_le_eq (bv_unsigned va) (bv_unsigned va') 12 (ly_virtual ly)); [|lia|].
Qed.
