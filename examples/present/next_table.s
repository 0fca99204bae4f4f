# SPDX-License-Identifier: Apache-2.0

# The virtual address of the next table of a walk, from an entry of the table above: the kernel
# maps all physical memory at a fixed offset. Where the entry is not present, it says so.

#@ spec
#@   forall r : root, slot e offset : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r offset * rax |->r _ * rcx |->r _
#@     * slot |->v{q} e * code
#@   exit next
#@   ensures
#@       rdi |->r slot * rax |->r (e & 0x000ffffffffff000) + offset
#@     * slot |->v{q} e * code * e & 1 != 0
#@   exit absent
#@   ensures
#@       rdi |->r slot * rax |->r 0
#@     * slot |->v{q} e * code * e & 1 = 0
    .text
    .globl next_table
    .type next_table, @function
next_table:
    movq (%rdi), %rax
    testb $1, %al                   # present?
    je none
    movabsq $0x000ffffffffff000, %rcx
    andq %rcx, %rax
    addq %rsi, %rax
    jmp next
none:
    xorl %eax, %eax
    jmp absent
next:
    nop
absent:
    nop
    .size next_table, . - next_table
