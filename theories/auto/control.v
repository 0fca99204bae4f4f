(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export access.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** CR0 and CR4: registers of the state, of which the platform fixes the bits that decide about
    translations.  That they are so is owed at each use, and at a write that no other bit changes but those
    that are free. *)

(** The fixed bits, and their values: [control_ok] of the kernel's setting. *)
Definition control_bits (c : reg) : Z * Z :=
  match c with CR0 => (0x80010001, 0x80010001) | _ => (0x1f200a0, 0x300020) end.
Definition control_facts (c : reg) (v : expr) : list fact :=
  let '(fixed, value) := control_bits c in owe (PEq (mk_and v (ECst fixed)) (ECst value)).
Definition kept_facts (c : reg) (old v : expr) : list fact :=
  owe (PEq (mk_and (mk_op AluXor v old) (ECst (Z.ldiff (Z.ones 64) (control_free c)))) (ECst 0)).

Section control.
  Context {Π : the_platform}.

Definition sread_control (c : reg) (s : sstate) : res (expr * list fact) :=
  match platform_is with
  | Some _ => let* v := sget c s in Done (v, control_facts c v)
  | None => Fail NoPlatform
  end.
Definition swrite_control (c : reg) (v : expr) (s : sstate) : res (sstate * list fact) :=
  let* (old, facts) := sread_control c s in
  let* s := sput c v s in
  Done (s, facts ++ kept_facts c old v).
End control.
