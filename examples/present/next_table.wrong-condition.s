# SPDX-License-Identifier: Apache-2.0

# A wrong twin of next_table.s: entries that are present are taken for absent.

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
    jne none
    movabsq $0x000ffffffffff000, %rcx
    andq %rcx, %rax
    addq %rsi, %rax
    jmp next
none:
    xorl %eax, %eax
    jmp absent                      #@ expect failed
next:
    nop
absent:
    nop
    .size next_table, . - next_table
