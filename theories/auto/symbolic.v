(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export access.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** One instruction on a symbolic state. *)

Notation defs := (list (positive * expr)).

Section symbolic.
  Context {Π : the_platform}.

(** * Operands.  [next] is the address of the next instruction *)
Definition saddress (next : expr) (a : addr) (s : sstate) : res expr :=
  let* base := if a_rip a then Done next
               else match a_base a with Some r => sget r s | None => Done (ECst 0) end in
  match a_index a with
  | None => Done (mk_add base (a_disp a))
  | Some (r, k) =>
    let* i := sget r s in
    match mk_scaled i k with
    | Some i => Done (mk_add (mk_op AluAdd base i) (a_disp a))
    | None => Fail BadScale
    end
  end.
Definition is_word (w : width) : bool := match w with W64 => true | _ => false end.
(** Operands in memory are words, or the low part of one where they are read alone. *)
Definition sread (hint : option at_hint) (write : bool) (next : expr) (w : width) (o : operand) (s : sstate)
    : res (expr * list fact) :=
  match o with
  | OReg r => let* v := sget r s in Done (mk_trunc w v, [])
  | OImm z => Done (mk_trunc w (mk_cst z), [])
  | OMem a =>
    if write && negb (is_word w) then Fail UnsupportedForm
    else
      let* va := saddress next a s in
      let* (v, facts) := sload hint write va s in
      Done (mk_trunc w v, facts)
  end.
Definition sput_part (w : width) (r : reg) (v : expr) (s : sstate) : res sstate :=
  let* old := sget r s in Done (set_regs (reg_put r (mk_written w old v) (s_regs s)) s).
Definition swrite (hint : option at_hint) (next : expr) (w : width) (o : operand) (v : expr) (s : sstate)
    : res (sstate * list fact) :=
  match o with
  | OReg r => let* s' := sput_part w r v s in Done (s', [])
  | OImm _ => Fail UnsupportedForm
  | OMem a =>
    match w with
    | W64 => let* va := saddress next a s in sstore hint va v s
    | _ => Fail UnsupportedForm
    end
  end.

Definition spush (hint : option at_hint) (v : expr) (s : sstate) : res (sstate * list fact) :=
  let* sp := sget RSP s in
  let sp' := mk_add sp (-8) in
  let* (s, facts) := sstore hint sp' v s in
  let* s := sput RSP sp' s in
  Done (s, facts).
Definition spop (hint : option at_hint) (s : sstate) : res (expr * sstate * list fact) :=
  let* sp := sget RSP s in
  let* (v, facts) := sload hint false sp s in
  let* s := sput RSP (mk_add sp 8) s in
  Done (v, s, facts).
Definition starget (hint : option at_hint) (next : expr) (t : target) (s : sstate)
    : res (expr * list fact) :=
  match t with
  | TRel d => Done (mk_add next d, [])
  | TInd o => sread hint false next W64 o s
  end.

(** * Names: a result larger than [max_size] is given a name, so that values do not grow *)
Fixpoint size_within (n : nat) (e : expr) : option nat :=
  match n with
  | O => None
  | S n =>
    match e with
    | EVar _ | ECst _ => Some n
    | EAdd e _ => size_within n e
    | EOp _ a b => match size_within n a with Some n => size_within n b | None => None end
    end
  end.
Definition max_size : nat := 24.
(** The next free name, and the definitions so far, latest first. *)
Record names := Names { n_next : positive; n_defs : defs }.
Definition name (v : expr) (ν : names) : expr * names :=
  match size_within max_size v with
  | Some _ => (v, ν)
  | None => (EVar (n_next ν), Names (Pos.succ (n_next ν)) ((n_next ν, v) :: n_defs ν))
  end.

(** * Instructions *)
Record outcome := Outcome {
  o_state : sstate; o_flags : sflags; o_pc : expr; o_facts : list fact; o_names : names }.

(** One way to go on, or two: under a fact each. *)
Inductive stepped :=
  | Straight (o : outcome)
  | Fork (yes no : fact) (o o' : outcome).

(** What is known of the flags after an operation with the result [v]. *)
Definition alu_sflags (op : alu) (w : width) (a b v : expr) : sflags :=
  match op with
  | AluSub => FlagsSub w a b
  | AluAdd => FlagsResult w v
  | AluAnd | AluOr | AluXor => FlagsLogic w v
  | _ => FlagsAny
  end.
Definition salu (w : width) (op : alu) (a b : expr) : res expr :=
  match mk_alu w op a b with Some v => Done v | None => Fail UnsupportedForm end.

(** A result goes to [d]; its flags are those of [φ]. *)
Definition sresult (hint : option at_hint) (next : expr) (w : width) (d : operand) (v : expr)
    (φ : expr → sflags) (facts : list fact) (s : sstate) (ν : names) : res stepped :=
  let '(v, ν) := name v ν in
  let* (s, more) := swrite hint next w d v s in
  Done (Straight (Outcome s (φ v) next (facts ++ more) ν)).

Definition sstep (hint : option at_hint) (next : expr) (i : instr) (s : sstate) (φ : sflags) (ν : names)
    : res stepped :=
  let go s facts := Done (Straight (Outcome s φ next facts ν)) in
  let jump s pc facts := Done (Straight (Outcome s φ pc facts ν)) in
  match i with
  | Mov w d o =>
    let* (v, f1) := sread hint false next w o s in
    let* (s, f2) := swrite hint next w d v s in
    go s (f1 ++ f2)
  | Movzx w from d o =>
    let* (v, f1) := sread hint false next from o s in
    let* s := sput_part w d v s in
    go s f1
  | Movsx w from d o =>
    let* (v, f1) := sread hint false next from o s in
    sresult hint next w (OReg d) (mk_sext from v) (λ _, φ) f1 s ν
  | Lea w d a =>
    let* va := saddress next a s in
    sresult hint next w (OReg d) va (λ _, φ) [] s ν
  | Alu op w d o =>
    let* (a, f1) := sread hint true next w d s in
    let* (b, f2) := sread hint false next w o s in
    let* v := salu w op a b in
    sresult hint next w d v (alu_sflags op w a b) (f1 ++ f2) s ν
  | Cmp w d o =>
    let* (a, f1) := sread hint false next w d s in
    let* (b, f2) := sread hint false next w o s in
    Done (Straight (Outcome s (FlagsSub w a b) next (f1 ++ f2) ν))
  | Test w d o =>
    let* (a, f1) := sread hint false next w d s in
    let* (b, f2) := sread hint false next w o s in
    let* v := salu w AluAnd a b in
    let '(v, ν) := name v ν in
    Done (Straight (Outcome s (FlagsLogic w v) next (f1 ++ f2) ν))
  | Unary op w d =>
    let* (a, f1) := sread hint true next w d s in
    match op with
    | UnInc => let* v := salu w AluAdd a (ECst 1) in sresult hint next w d v (FlagsResult w) f1 s ν
    | UnDec => let* v := salu w AluSub a (ECst 1) in sresult hint next w d v (FlagsResult w) f1 s ν
    | UnNeg => let* v := salu w AluSub (ECst 0) a in sresult hint next w d v (FlagsResult w) f1 s ν
    | UnNot =>
      let* v := salu w AluXor a (ECst (Z.ones (width_bits w))) in
      sresult hint next w d v (λ _, φ) f1 s ν
    end
  | Imul w d o1 o2 =>
    let* (a, f1) := sread hint false next w o1 s in
    let* (b, f2) := sread hint false next w o2 s in
    let* v := salu w AluMul a b in
    sresult hint next w (OReg d) v (λ _, FlagsAny) (f1 ++ f2) s ν
  | Bit BitTest w d (OImm z) =>
    let* (a, f1) := sread hint false next w d s in
    let v := mk_and a (ECst (2 ^ bit_number w (trunc w (Z_to_bv 64 z)))) in
    Done (Straight (Outcome s (FlagsBit v) next f1 ν))
  | Setcc c d =>
    match cond_arms c φ with
    | Some (yes, no) =>
      let* (s1, f1) := swrite hint next W8 d (ECst 1) s in
      let* (s2, f2) := swrite hint next W8 d (ECst 0) s in
      Done (Fork yes no (Outcome s1 φ next f1 ν) (Outcome s2 φ next f2 ν))
    | None => Fail UnknownFlags
    end
  | Cmovcc c w d o =>
    let* (v, f) := sread hint false next w o s in
    let* old := sget d s in
    match cond_arms c φ with
    | Some (yes, no) =>
      let* s1 := sput_part w d v s in
      let* s2 := sput_part w d (mk_trunc w old) s in
      Done (Fork yes no (Outcome s1 φ next f ν) (Outcome s2 φ next f ν))
    | None => Fail UnknownFlags
    end
  | Jcc c d =>
    match cond_arms c φ with
    | Some (yes, no) =>
      Done (Fork yes no (Outcome s φ (mk_add next d) [] ν) (Outcome s φ next [] ν))
    | None => Fail UnknownFlags
    end
  | Push o =>
    let* (v, f1) := sread hint false next W64 o s in
    let* (s, f2) := spush (match o with OMem _ => None | _ => hint end) v s in
    go s (f1 ++ f2)
  | Pop d =>
    let* (v, s, f1) := spop (match d with OMem _ => None | _ => hint end) s in
    let* (s, f2) := swrite hint next W64 d v s in
    go s (f1 ++ f2)
  | Call t =>
    let* (pc, f1) := starget hint next t s in
    let* (s, f2) := spush (match t with TInd (OMem _) => None | _ => hint end) next s in
    jump s pc (f1 ++ f2)
  | Ret =>
    let* (pc, s, f1) := spop hint s in
    jump s pc f1
  | Jmp t =>
    let* (pc, f1) := starget hint next t s in
    jump s pc f1
  | Leave =>
    let* bp := sget RBP s in
    let* s := sput RSP bp s in
    let* (v, s, f1) := spop hint s in
    let* s := sput RBP v s in
    go s f1
  | MovToCr3 r =>
    let* v := sget r s in
    go (set_root v s) []
  | MovFromCr3 d =>
    let* s := sput d (s_root s) s in
    go s []
  | Nop => go s []
  | _ => Fail UnsupportedForm
  end.
End symbolic.
