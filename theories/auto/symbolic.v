(* SPDX-License-Identifier: Apache-2.0 *)
From rocqgen.auto Require Export conditions.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** The symbolic executor: data and functions, without logic.  It runs a fragment on a symbolic state by
    computation.  It never guesses: an access that matches no item syntactically takes a hint, which costs
    residual equations; what cannot be done is a value that says where and why. *)

(** * Symbolic states *)
Inductive item :=
  | IVirt (w : bool) (root addr : expr) (q : fexpr) (v : expr)
  | IPhys (addr : expr) (q : fexpr) (v : expr)
  | IClaim (w : bool) (root addr : expr) (q : fexpr) (pa : expr).

Record sstate := SState {
  s_root : expr;
  s_regs : list (reg * expr);
  s_items : list item;
  s_code : list (expr * fexpr);      (* the spaces in which the fragment's code is mapped *)
  s_facts : list fact;
}.

Definition set_regs (l : list (reg * expr)) (s : sstate) : sstate :=
  SState (s_root s) l (s_items s) (s_code s) (s_facts s).
Definition set_items (l : list item) (s : sstate) : sstate :=
  SState (s_root s) (s_regs s) l (s_code s) (s_facts s).
Definition set_root (r : expr) (s : sstate) : sstate :=
  SState r (s_regs s) (s_items s) (s_code s) (s_facts s).

(** * Failure is a value *)
Inductive why :=
  | NoReg (r : reg)                       (* the register is not owned *)
  | NoItem (root addr : expr)             (* nothing is known of this address in this space *)
  | ReadOnly (root addr : expr)           (* a store, but the mapping or the fraction admits reading only *)
  | NoFrame (pa : expr)                   (* claimed, but the physical word is not owned *)
  | CodeUnmapped (root : expr)            (* the fragment's code is not mapped in the current space *)
  | LeftCode (pc : expr)                  (* control is neither in the fragment nor at an exit *)
  | BadHint
  | BadScale
  | UnsupportedForm
  | UnknownFlags                          (* what a condition reads has not been computed here *)
  | OutOfFuel.

Inductive res (A : Type) :=
  | Done (a : A)
  | Fail (w : why).
Global Arguments Done {A} a.
Global Arguments Fail {A} w.
Definition res_bind {A B} (x : res A) (f : A → res B) : res B :=
  match x with Done a => f a | Fail w => Fail w end.
Notation "'let*' p := x 'in' y" := (res_bind x (λ p, y))
  (at level 200, p as pattern, x at level 100, y at level 200, right associativity).

(** * Registers *)
Fixpoint reg_find (r : reg) (l : list (reg * expr)) : option expr :=
  match l with
  | [] => None
  | (s, e) :: l => if reg_eqb s r then Some e else reg_find r l
  end.
Fixpoint reg_put (r : reg) (v : expr) (l : list (reg * expr)) : list (reg * expr) :=
  match l with
  | [] => []
  | (s, e) :: l => if reg_eqb s r then (s, v) :: l else (s, e) :: reg_put r v l
  end.
(** Only general registers are in the list: the root is [s_root]. *)
Definition sget (r : reg) (s : sstate) : res expr :=
  match r with
  | CR3 => Fail (NoReg r)
  | _ => match reg_find r (s_regs s) with Some e => Done e | None => Fail (NoReg r) end
  end.
Definition sput (r : reg) (v : expr) (s : sstate) : res sstate :=
  let* _ := sget r s in Done (set_regs (reg_put r v (s_regs s)) s).

(** * Memory *)
Fixpoint item_put (n : nat) (i : item) (l : list item) : list item :=
  match l, n with
  | [], _ => []
  | _ :: l, O => i :: l
  | j :: l, S n => j :: item_put n i l
  end.
Fixpoint item_find {A} (f : item → option A) (l : list item) : option (nat * A) :=
  match l with
  | [] => None
  | i :: l =>
    match f i with
    | Some a => Some (O, a)
    | None => match item_find f l with Some (n, a) => Some (S n, a) | None => None end
    end
  end.

(** Where an access goes: a virtual points-to, or a claim and a physical word.  [k_item] holds the data. *)
Record place := Place { k_item : nat; k_write : bool; k_full : bool; k_value : expr }.

Definition is_full (q : fexpr) : bool := match q with FOne => true | _ => false end.

Inductive target_item :=
  | ToVirt (w : bool) (q : fexpr) (v : expr)
  | ToClaim (w : bool) (pa : expr).
Definition match_virt (root addr : expr) (i : item) : option target_item :=
  match i with
  | IVirt w r a q v =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToVirt w q v) else None else None
  | IClaim w r a q pa =>
    if expr_eqb a addr then if expr_eqb r root then Some (ToClaim w pa) else None else None
  | IPhys _ _ _ => None
  end.
Definition match_phys (pa : expr) (i : item) : option (fexpr * expr) :=
  match i with
  | IPhys a q v => if expr_eqb a pa then Some (q, v) else None
  | _ => None
  end.

Definition to_place (n : nat) (t : target_item) (items : list item) : res place :=
  match t with
  | ToVirt w q v => Done (Place n w (is_full q) v)
  | ToClaim w pa =>
    match item_find (match_phys pa) items with
    | Some (m, (q, v)) => Done (Place m w (is_full q) v)
    | None => Fail (NoFrame pa)
    end
  end.
Definition hinted (root addr : expr) (i : item) : option (target_item * list fact) :=
  match i with
  | IVirt w r a q v => Some (ToVirt w q v, [PEq addr a; PEq root r])
  | IClaim w r a q pa => Some (ToClaim w pa, [PEq addr a; PEq root r])
  | IPhys _ _ _ => None
  end.
Definition find_place (hint : option nat) (addr : expr) (s : sstate) : res (place * list fact) :=
  match hint with
  | None =>
    match item_find (match_virt (s_root s) addr) (s_items s) with
    | Some (n, t) => let* k := to_place n t (s_items s) in Done (k, [])
    | None => Fail (NoItem (s_root s) addr)
    end
  | Some n =>
    match nth_error (s_items s) n with
    | Some i =>
      match hinted (s_root s) addr i with
      | Some (t, facts) => let* k := to_place n t (s_items s) in Done (k, facts)
      | None => Fail BadHint
      end
    | None => Fail BadHint
    end
  end.
Definition item_set_value (v : expr) (i : item) : item :=
  match i with
  | IVirt w r a q _ => IVirt w r a q v
  | IPhys a q _ => IPhys a q v
  | IClaim _ _ _ _ _ => i
  end.

Definition sload (hint : option nat) (write : bool) (addr : expr) (s : sstate)
    : res (expr * list fact) :=
  let* (k, facts) := find_place hint addr s in
  if negb write || k_write k then Done (k_value k, facts) else Fail (ReadOnly (s_root s) addr).
Definition sstore (hint : option nat) (addr v : expr) (s : sstate) : res (sstate * list fact) :=
  let* (k, facts) := find_place hint addr s in
  if k_write k && k_full k then
    match nth_error (s_items s) (k_item k) with
    | Some i => Done (set_items (item_put (k_item k) (item_set_value v i) (s_items s)) s, facts)
    | None => Fail BadHint
    end
  else Fail (ReadOnly (s_root s) addr).

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
Definition sread (hint : option nat) (write : bool) (next : expr) (w : width) (o : operand) (s : sstate)
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
Definition swrite (hint : option nat) (next : expr) (w : width) (o : operand) (v : expr) (s : sstate)
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

Definition spush (hint : option nat) (v : expr) (s : sstate) : res (sstate * list fact) :=
  let* sp := sget RSP s in
  let sp' := mk_add sp (-8) in
  let* (s, facts) := sstore hint sp' v s in
  let* s := sput RSP sp' s in
  Done (s, facts).
Definition spop (hint : option nat) (s : sstate) : res (expr * sstate * list fact) :=
  let* sp := sget RSP s in
  let* (v, facts) := sload hint false sp s in
  let* s := sput RSP (mk_add sp 8) s in
  Done (v, s, facts).
Definition starget (hint : option nat) (next : expr) (t : target) (s : sstate)
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
Notation defs := (list (positive * expr)).
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
Definition sresult (hint : option nat) (next : expr) (w : width) (d : operand) (v : expr)
    (φ : expr → sflags) (facts : list fact) (s : sstate) (ν : names) : res stepped :=
  let '(v, ν) := name v ν in
  let* (s, more) := swrite hint next w d v s in
  Done (Straight (Outcome s (φ v) next (facts ++ more) ν)).

Definition sstep (hint : option nat) (next : expr) (i : instr) (s : sstate) (φ : sflags) (ν : names)
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

(** * Running a fragment *)

(** Instructions by their offset from the entry, with their lengths. *)
Notation code_list := (list (Z * (instr * Z))).
(** The same as a trie; the key of offset [z] is [z + 1]. *)
Notation code_trie := (tree (option (instr * Z))).
Definition offset_key (z : Z) : option positive :=
  match z + 1 with Zpos x => Some x | _ => None end.
Fixpoint code_index (l : code_list) : code_trie :=
  match l with
  | [] => Tip
  | (z, i) :: l =>
    match offset_key z with
    | Some x => tree_set (code_index l) x (Some i)
    | None => code_index l
    end
  end.
Definition code_get (t : code_trie) (z : Z) : option (instr * Z) :=
  match offset_key z with Some x => tree_get None t x | None => None end.

(** The offset of [pc] from [base]. *)
Definition offset_from (base pc : expr) : option Z :=
  if expr_eqb base pc then Some 0
  else match pc with
       | EAdd e z => if expr_eqb base e then Some z else None
       | _ => None
       end.

Fixpoint find_exit (n : nat) (pc : expr) (exits : list expr) : option nat :=
  match exits with
  | [] => None
  | e :: exits => if expr_eqb e pc then Some n else find_exit (S n) pc exits
  end.

Fixpoint code_mapped (root : expr) (l : list (expr * fexpr)) : bool :=
  match l with
  | [] => false
  | (r, _) :: l => if expr_eqb r root then true else code_mapped root l
  end.

(** A change of root needs the code of the new space: checked at the next fetch, but also there, since it
    makes the value loadable. *)
Definition root_mapped (i : instr) (s : sstate) : bool :=
  match i with
  | MovToCr3 r => match sget r s with Done v => code_mapped v (s_code s) | Fail _ => true end
  | _ => true
  end.

(** A path of a run that ended at an exit: the state there, and what was assumed on the way, latest
    first. *)
Record leaf := Leaf { l_exit : nat; l_state : sstate; l_path : list fact }.

Definition hints := list (Z * nat).
Definition pop_hint (z : Z) (hs : hints) : option nat * hints :=
  match hs with
  | (k, n) :: hs' => if Z.eqb k z then (Some n, hs') else (None, hs)
  | [] => (None, hs)
  end.

(** What has to be shown: a fact, under what was assumed before (latest first), and the offset of the
    instruction that it is about. *)
Record due := Due { d_path : list fact; d_at : Z; d_fact : fact }.
Fixpoint dues (path : list fact) (z : Z) (l : list fact) (acc : list due) : list due :=
  match l with [] => acc | f :: l => dues path z l (Due path z f :: acc) end.

(** All paths of a run, in order, with what is owed by all of them, latest first; the hints that are left,
    and the names. *)
Inductive run_result :=
  | Paths (l : list leaf) (acc : list due) (hs : hints) (ν : names)
  | StuckAt (offset : Z) (w : why) (s : sstate).

(** [first], and then whatever comes after it. *)
Definition then_run (first : run_result) (rest : list due → hints → names → run_result) : run_result :=
  match first with
  | Paths l1 acc hs ν =>
    match rest acc hs ν with
    | Paths l2 acc hs ν => Paths (l1 ++ l2) acc hs ν
    | stuck => stuck
    end
  | stuck => stuck
  end.

Section run.
  (** [given] is the precondition's facts. *)
  Context (base : expr) (code : code_trie) (exits : list expr) (given : list fact).

  (** [last] is the offset of the instruction executed last.  An arm that cannot be taken is left out. *)
  Fixpoint srun (fuel : nat) (last : Z) (pc : expr) (s : sstate) (φ : sflags) (path : list fact)
      (acc : list due) (hs : hints) (ν : names) : run_result :=
    match find_exit 0 pc exits with
    | Some n => Paths [Leaf n s path] acc hs ν
    | None =>
      match fuel with
      | O => StuckAt last OutOfFuel s
      | S fuel =>
        match offset_from base pc with
        | None => StuckAt last (LeftCode pc) s
        | Some z =>
          match code_get code z with
          | None => StuckAt last (LeftCode pc) s
          | Some (i, n) =>
            if code_mapped (s_root s) (s_code s) then
              let '(hint, hs) := pop_hint z hs in
              if root_mapped i s then
                match sstep hint (mk_add base (z + n)) i s φ ν with
                | Done (Straight o) =>
                  srun fuel z (o_pc o) (o_state o) (o_flags o) path
                    (dues path z (o_facts o) acc) hs (o_names o)
                | Done (Fork yes no o o') =>
                  let arm f o acc hs ν :=
                    if refuted (path ++ given) f then Paths [] acc hs ν
                    else srun fuel z (o_pc o) (o_state o) (o_flags o) (f :: path)
                           (dues path z (o_facts o) acc) hs ν in
                  then_run (arm yes o acc hs ν) (arm no o')
                | Fail w => StuckAt z w s
                end
              else
                StuckAt z (match i with
                           | MovToCr3 r => match sget r s with Done v => CodeUnmapped v | Fail w => w end
                           | _ => UnsupportedForm
                           end) s
            else StuckAt z (CodeUnmapped (s_root s)) s
          end
        end
      end
    end.
End run.
