# SPDX-License-Identifier: Apache-2.0

# A wrong twin of next_table.s: the mask leaves bits 8 to 11, which are not part of the address.

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
    movabsq $0x000fffffffffff00, %rcx
    andq %rcx, %rax
    addq %rsi, %rax                 #@ expect failed
    jmp next
none:
    xorl %eax, %eax
    jmp absent
next:
    nop
absent:
    nop
    .size next_table, . - next_table
