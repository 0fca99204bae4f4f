(* SPDX-License-Identifier: Apache-2.0 *)
From stdpp Require Import gmap list strings.
From rocqgen.base Require Export words.
From iris.prelude Require Import options.
Local Open Scope Z_scope.

(** Page walks, generic over the shape of the tables.  A [paging_mode] says how a root register, a
    virtual address and an entry are read; [walk] is one fixpoint over its levels. *)

Notation memory := (gmap Z byte).

(** Physical memory by bytes and words. *)
Definition read_bytes (m : memory) (pa : Z) (n : nat) : option (list byte) :=
  mapM (λ i, m !! (pa + Z.of_nat i)) (seq 0 n).
Definition read_word (m : memory) (pa : Z) : option word :=
  bytes_word <$> read_bytes m pa 8.

(** What a translation permits, combined over the levels.  Execution has two rights, since there are
    architectures that grant it to the supervisor and to user code apart.  What an architecture has no
    right for is granted. *)
Record rights := Rights {
  r_read : bool; r_write : bool;
  r_user : bool;                          (* the page is the user's *)
  r_exec : bool; r_user_exec : bool;
  r_dirty : bool }.                       (* no write waits for software to set a dirty bit *)
Definition all_rights : rights := Rights true true true true true true.
Definition rights_meet (r s : rights) : rights :=
  Rights (r_read r && r_read s) (r_write r && r_write s) (r_user r && r_user s)
    (r_exec r && r_exec s) (r_user_exec r && r_user_exec s) (r_dirty r && r_dirty s).

(** A leaf maps [2 ^ leaf_shift] bytes at the physical address [leaf_frame]. *)
Record leaf := Leaf { leaf_frame : Z; leaf_shift : Z; leaf_rights : rights }.
Definition leaf_pa (l : leaf) (va : word) : Z :=
  leaf_frame l + bv_unsigned va `mod` 2 ^ leaf_shift l.

(** One level: the index is [lv_bits] bits of the virtual address from bit [lv_shift] on. *)
Inductive leaf_kind := LeafNever | LeafSome | LeafAlways.
Record level := Level { lv_shift : Z; lv_bits : Z; lv_leaf : leaf_kind }.

(** What is wrong with an entry that is present. *)
Inductive defect :=
  | ReservedBit
  | HighAddress     (* more bits than the implementation's physical addresses have *)
  | Unaccessed      (* software keeps the accessed bit, and it is clear *)
  | BadRegister.    (* a reserved bit in an entry that is loaded with the root *)

(** An entry as a mode reads it. *)
Inductive entry :=
  | Absent
  | Invalid (why : defect)
  | Table (next : Z) (r : rights)
  | Page (frame : Z) (r : rights).

(** Pages of a level lie within those of the level above. *)
Fixpoint levels_wf (ls : list level) : bool :=
  match ls with
  | [] => true
  | l :: ls => (0 <=? lv_shift l) && forallb (λ l', lv_shift l' <=? lv_shift l) ls && levels_wf ls
  end.

(** Entries of tables are four or eight bytes wide. *)
Inductive entry_width := Entry4 | Entry8.
Definition entry_bytes (w : entry_width) : Z := match w with Entry4 => 4 | Entry8 => 8 end.
Definition read_entry (w : entry_width) (m : memory) (pa : Z) : option Z :=
  match w with
  | Entry4 => little_endian_to_bv 8 <$> read_bytes m pa 4
  | Entry8 => bv_unsigned <$> read_word m pa
  end.

Inductive access := Read | Write | Fetch.

(** The bits of control registers that decide about accesses, by their names in lower case. *)
Notation controls := (string → bool).

Record paging_mode := PagingMode {
  pm_levels : list level;                 (* from the root down *)
  pm_levels_wf : levels_wf pm_levels = true;
  pm_decode : level → Z → entry;          (* an entry's bits *)
  pm_canonical : word → bool;
  pm_root_ok : word → bool;               (* may be loaded into the root register *)
  pm_root : word → Z;                     (* the root table's address *)
  pm_width : entry_width;
  (* whether rights admit an access, of user code or not *)
  pm_access : controls → bool → rights → access → bool;
}.

Definition lv_index (l : level) (va : word) : Z :=
  (bv_unsigned va ≫ lv_shift l) `mod` 2 ^ lv_bits l.

Inductive walk_result :=
  | Walked (l : leaf)
  | NotPresent
  | BadEntry (why : defect)
  | Unbacked.       (* a table that is not in memory, or levels without a leaf *)

Fixpoint walk_levels (mode : paging_mode) (m : memory) (ls : list level) (table : Z) (r : rights)
    (va : word) : walk_result :=
  match ls with
  | [] => Unbacked
  | l :: ls =>
    match read_entry (pm_width mode) m (table + entry_bytes (pm_width mode) * lv_index l va) with
    | None => Unbacked
    | Some e =>
      match pm_decode mode l e with
      | Absent => NotPresent
      | Invalid why => BadEntry why
      | Table next r' => walk_levels mode m ls next (rights_meet r r') va
      | Page frame r' => Walked (Leaf frame (lv_shift l) (rights_meet r r'))
      end
    end
  end.
Definition walk (mode : paging_mode) (m : memory) (root va : word) : walk_result :=
  walk_levels mode m (pm_levels mode) (pm_root mode root) all_rights va.

(** What is constant while code runs: CPL, CR0.WP, CR4.SMEP, CR4.SMAP, EFER.NXE and the mode.  EFLAGS.AC
    is 0, CR4.PCIDE and CR4.PGE are 0. *)
Record config := Config {
  cfg_mode : paging_mode;
  cfg_user : bool;
  cfg_wp : bool;
  cfg_smep : bool;
  cfg_smap : bool;
  cfg_nxe : bool;
}.

Definition cfg_controls (c : config) : controls := λ name,
  if String.eqb name "wp" then cfg_wp c
  else if String.eqb name "smep" then cfg_smep c
  else if String.eqb name "smap" then cfg_smap c
  else if String.eqb name "nxe" then cfg_nxe c
  else false.

(** Whether rights admit an access: the mode says it. *)
Definition access_ok (c : config) (r : rights) (a : access) : bool :=
  pm_access (cfg_mode c) (cfg_controls c) (cfg_user c) r a.

(** Faults carry what the processor reports: SDM vol. 3, 4.7 for the error code's bits. *)
Record fault_code := FaultCode {
  fc_present : bool; fc_write : bool; fc_user : bool; fc_reserved : bool; fc_fetch : bool }.
Inductive fault :=
  | PageFault (code : fault_code) (va : word)
  | GeneralProtection.

(** Not a fault of the machine: what this model says nothing about. *)
Inductive unmodelled :=
  | UnbackedTable (va : word)
  | UnbackedMemory (pa : Z)
  | NoCode (pa : Z)
  | SplitCode (va : word)      (* an instruction over two pages whose frames are not adjacent *)
  | NoRegister
  | BadOperand
  | UndefinedFlag              (* a condition or a carry that the manual leaves undefined *)
  | ModeChange.                (* a control register that would not agree with the [config] *)

Inductive result (A : Type) :=
  | Ok (a : A)
  | Fault (f : fault)
  | Stuck (w : unmodelled).
Global Arguments Ok {A} a.
Global Arguments Fault {A} f.
Global Arguments Stuck {A} w.

Global Instance result_ret : MRet result := λ A a, Ok a.
Global Instance result_bind : MBind result := λ A B f x,
  match x with Ok a => f a | Fault e => Fault e | Stuck w => Stuck w end.

Lemma result_bind_Ok {A B} (x : result A) (f : A → result B) b :
  x ≫= f = Ok b ↔ ∃ a, x = Ok a ∧ f a = Ok b.
Proof.
  destruct x as [a| |]; simpl; [naive_solver|..]; (split; [discriminate|]);
    by intros (?&?&?).
Qed.

Definition page_fault (c : config) (a : access) (present reserved : bool) (va : word) : fault :=
  PageFault
    (FaultCode present (match a with Write => true | _ => false end) (cfg_user c) reserved
      (match a with Fetch => cfg_nxe c || cfg_smep c | _ => false end))
    va.

(** The translation that a leaf gives, and the one that a walk gives. *)
Definition leaf_translate (c : config) (a : access) (va : word) (l : leaf) : result Z :=
  if access_ok c (leaf_rights l) a then Ok (leaf_pa l va) else Fault (page_fault c a true false va).

Definition walk_translate (c : config) (m : memory) (root : word) (a : access) (va : word)
    : result Z :=
  if pm_canonical (cfg_mode c) va then
    match walk (cfg_mode c) m root va with
    | Walked l => leaf_translate c a va l
    | NotPresent => Fault (page_fault c a false false va)
    | BadEntry ReservedBit => Fault (page_fault c a true true va)
    | BadEntry _ => Fault GeneralProtection   (* x86-64 has none of them *)
    | Unbacked => Stuck (UnbackedTable va)
    end
  else Fault GeneralProtection.
