(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export flush control string.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** One instruction on a symbolic state. *)

Notation defs := (list (positive * expr)).
(** Names in order, each with what it stands for; [None] where nobody knows. *)
Notation telescope := (list (positive * option expr)).

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
Definition sread (hint : option at_hint) (write : bool) (next : expr) (w : width) (o : operand) (s : sstate)
    : res (expr * list fact) :=
  match o with
  | OReg r => let* v := sget r s in Done (mk_trunc w v, [])
  | OImm z => Done (mk_trunc w (mk_cst z), [])
  | OMem a => let* va := saddress next a s in sload_part hint write w va s
  end.
Definition sput_part (w : width) (r : reg) (v : expr) (s : sstate) : res sstate :=
  let* old := sget r s in Done (set_regs (reg_put r (mk_written w old v) (s_regs s)) s).
Definition swrite (hint : option at_hint) (next : expr) (w : width) (o : operand) (v : expr) (s : sstate)
    : res (sstate * list fact) :=
  match o with
  | OReg r => let* s' := sput_part w r v s in Done (s', [])
  | OImm _ => Fail UnsupportedForm
  | OMem a => let* va := saddress next a s in sstore_part hint w va v s
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
    | EAdd e _ | ESel _ e => size_within n e
    | EOp _ a b => match size_within n a with Some n => size_within n b | None => None end
    end
  end.
Definition max_size : nat := 24.
(** The next free name, and those so far, latest first. *)
Record names := Names { n_next : positive; n_defs : telescope }.
Definition name (v : expr) (ν : names) : expr * names :=
  match size_within max_size v with
  | Some _ => (v, ν)
  | None => (EVar (n_next ν), Names (Pos.succ (n_next ν)) ((n_next ν, Some v) :: n_defs ν))
  end.
(** A name for a value of which nothing is known but what is learned with it. *)
Definition unknown (ν : names) : expr * names :=
  (EVar (n_next ν), Names (Pos.succ (n_next ν)) ((n_next ν, None) :: n_defs ν)).
Fixpoint unknowns (k : nat) (ν : names) : names :=
  match k with O => ν | S k => unknowns k (unknown ν).2 end.
(** Their names. *)
Fixpoint next_names (k : nat) (n : positive) : list positive :=
  match k with O => [] | S k => n :: next_names k (Pos.succ n) end.

(** * Instructions *)
Record outcome := Outcome {
  o_state : sstate; o_flags : sflags; o_pc : expr; o_facts : list fact; o_names : names }.

(** One way to go on, or two: under a fact each. *)
Inductive stepped :=
  | Straight (o : outcome)
  | Fork (yes no : fact) (o o' : outcome).

(** What is known of the flags after an operation with the result [v]. *)
Definition bit_carry (w : width) (v a : expr) (k : Z) : sflags :=
  let m := mk_and a (ECst (2 ^ k)) in FlagsCarry w v (PNe m (ECst 0)) (PEq m (ECst 0)).
(** By [k] bits; not at all leaves the flags as they were. *)
Definition shift_sflags (op : alu) (w : width) (a v : expr) (k : Z) (φ : sflags) : sflags :=
  let n := width_bits w in
  if k =? 0 then φ
  else
    match op with
    | AluShl => if k <? n then bit_carry w v a (n - k) else FlagsResult w v
    | AluShr | AluSar => if k <? n then bit_carry w v a (k - 1) else FlagsResult w v
    | AluRol => FlagsBit (mk_and v (ECst 1))
    | AluRor => FlagsBit (mk_and v (top w))
    | _ => FlagsAny
    end.
Definition shift_modulus (w : width) : Z := match w with W64 => 64 | _ => 32 end.
Definition alu_sflags (op : alu) (w : width) (a b v : expr) (φ : sflags) : sflags :=
  match op with
  | AluSub => FlagsSub w a b
  | AluAdd => FlagsCarry w v (PLt v a) (PLe a v)
  | AluAnd | AluOr | AluXor => FlagsLogic w v
  | AluMul => FlagsAny
  | _ =>
    match b with
    | ECst z => shift_sflags op w a v (bv_unsigned (Z_to_bv 64 z) `mod` shift_modulus w) φ
    | _ => FlagsAny
    end
  end.
(** A result that leaves CF as it was. *)
Definition step_sflags (w : width) (φ : sflags) (v : expr) : sflags :=
  match positive_arms CondB φ with
  | Some (yes, no) => FlagsCarry w v yes no
  | None => FlagsResult w v
  end.

(** A result goes to [d]; its flags are those of [φ]. *)
Definition sresult (hint : option at_hint) (next : expr) (w : width) (d : operand) (v : expr)
    (φ : expr → sflags) (facts : list fact) (s : sstate) (ν : names) : res stepped :=
  let '(v, ν) := name v ν in
  let* (s, more) := swrite hint next w d v s in
  Done (Straight (Outcome s (φ v) next (facts ++ more) ν)).
(** Two results, with a carry and without one. *)
Definition scarry (hint : option at_hint) (next : expr) (w : width) (d : operand) (v v' : expr)
    (φ1 φ2 : sflags) (facts : list fact) (s : sstate) (φ : sflags) (ν : names) : res stepped :=
  match cond_arms CondB φ with
  | Some (yes, no) =>
    let* (s1, f1) := swrite hint next w d v s in
    let* (s2, f2) := swrite hint next w d v' s in
    Done (Fork yes no (Outcome s1 φ1 next (facts ++ f1) ν) (Outcome s2 φ2 next (facts ++ f2) ν))
  | None => Fail UnknownFlags
  end.

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
    sresult hint next w d (mk_alu w op a b) (λ v, alu_sflags op w a b v φ) (f1 ++ f2) s ν
  | Adc w d o =>
    let* (a, f1) := sread hint true next w d s in
    let* (b, f2) := sread hint false next w o s in
    let v := mk_trunc w (mk_add (mk_op AluAdd a b) 1) in
    let v' := mk_alu w AluAdd a b in
    scarry hint next w d v v' (FlagsCarry w v (PLe v a) (PLt a v)) (alu_sflags AluAdd w a b v' φ)
      (f1 ++ f2) s φ ν
  | Sbb w d o =>
    let* (a, f1) := sread hint true next w d s in
    let* (b, f2) := sread hint false next w o s in
    let v := mk_trunc w (mk_add (mk_op AluSub a b) (-1)) in
    scarry hint next w d v (mk_alu w AluSub a b) (FlagsCarry w v (PLe a b) (PLt b a)) (FlagsSub w a b)
      (f1 ++ f2) s φ ν
  | Cmp w d o =>
    let* (a, f1) := sread hint false next w d s in
    let* (b, f2) := sread hint false next w o s in
    Done (Straight (Outcome s (FlagsSub w a b) next (f1 ++ f2) ν))
  | Test w d o =>
    let* (a, f1) := sread hint false next w d s in
    let* (b, f2) := sread hint false next w o s in
    let '(v, ν) := name (mk_alu w AluAnd a b) ν in
    Done (Straight (Outcome s (FlagsLogic w v) next (f1 ++ f2) ν))
  | Unary op w d =>
    let* (a, f1) := sread hint true next w d s in
    match op with
    | UnInc => sresult hint next w d (mk_alu w AluAdd a (ECst 1)) (step_sflags w φ) f1 s ν
    | UnDec => sresult hint next w d (mk_alu w AluSub a (ECst 1)) (step_sflags w φ) f1 s ν
    | UnNeg => sresult hint next w d (mk_alu w AluSub (ECst 0) a) (λ _, FlagsSub w (ECst 0) a) f1 s ν
    | UnNot =>
      sresult hint next w d (mk_alu w AluXor a (ECst (Z.ones (width_bits w)))) (λ _, φ) f1 s ν
    end
  | Imul w d o1 o2 =>
    let* (a, f1) := sread hint false next w o1 s in
    let* (b, f2) := sread hint false next w o2 s in
    sresult hint next w (OReg d) (mk_alu w AluMul a b) (λ _, FlagsAny) (f1 ++ f2) s ν
  | Bit op w d i =>
    let* (n, f1) := match d, i with
                    | OMem _, OReg _ => Fail UnsupportedForm
                    | _, _ => sread hint false next w i s
                    end in
    let m := mk_bit w n in
    match op with
    | BitTest =>
      let* (a, f2) := sread hint false next w d s in
      Done (Straight (Outcome s (FlagsBit (mk_and a m)) next (f1 ++ f2) ν))
    | _ =>
      let* (a, f2) := sread hint true next w d s in
      sresult hint next w d (mk_bit_at w op a m) (λ _, FlagsBit (mk_and a m)) (f1 ++ f2) s ν
    end
  | Xchg w d r =>
    let* (a, f1) := sread hint true next w d s in
    let* b := sget r s in
    let* (s, f2) := swrite hint next w d (mk_trunc w b) s in
    let* s := sput_part w r a s in
    go s (f1 ++ f2)
  | Cmpxchg w d r =>
    let* a := sget RAX s in
    let* (old, f1) := sread hint true next w d s in
    let* b := sget r s in
    let a := mk_trunc w a in
    let* (s1, f2) := swrite hint next w d (mk_trunc w b) s in
    let* (s2, f3) := swrite hint next w d old s in
    let* s2 := sput_part w RAX old s2 in
    let φ := FlagsSub w a old in
    Done (Fork (PEq a old) (PNe a old)
      (Outcome s1 φ next (f1 ++ f2) ν) (Outcome s2 φ next (f1 ++ f3) ν))
  | Xadd w d r =>
    let* (a, f1) := sread hint true next w d s in
    let* b := sget r s in
    let b := mk_trunc w b in
    let '(v, ν) := name (mk_alu w AluAdd a b) ν in
    let* (s, f2) :=
      match d with
      | OReg q =>
        let* s := sput_part w r a s in
        let* s := sput_part w q v s in
        Done (s, [])
      | _ =>
        let* (s, f2) := swrite hint next w d v s in
        let* s := sput_part w r a s in
        Done (s, f2)
      end in
    Done (Straight (Outcome s (alu_sflags AluAdd w a b v φ) next (f1 ++ f2) ν))
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
    go (sload_root v s) []
  | Invlpg a =>
    let* va := saddress next a s in
    let* (s, facts) := sinvlpg hint va s in
    go s facts
  | MovFromCr3 d =>
    let* s := sput d (s_root s) s in
    go s []
  | MovToCr0 r => let* v := sget r s in let* (s, facts) := swrite_control CR0 v s in go s facts
  | MovToCr4 r => let* v := sget r s in let* (s, facts) := swrite_control CR4 v s in go s facts
  | MovFromCr0 d => let* (v, facts) := sread_control CR0 s in let* s := sput d v s in go s facts
  | MovFromCr4 d => let* (v, facts) := sread_control CR4 s in let* s := sput d v s in go s facts
  | RepStosq =>
    let* (stop, s, facts) := sstosq hint s in
    let '(stop, ν) := name stop ν in
    let* s := sput RDI stop s in
    Done (Straight (Outcome s φ next facts ν))
  | Nop => go s []
  end.
End symbolic.
