# SPDX-License-Identifier: Apache-2.0

# A wrong twin of flush.s: the last of the pages is not flushed.

#@ spec
#@   forall r : root, va s e0 e1 e2 e3 sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rdi |->r va * rcx |->r _ * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * s |->e e0 answers va in r claims none owes va in r
#@     * s + 8 |->e e1 answers va + 0x1000 in r claims none owes va + 0x1000 in r
#@     * s + 16 |->e e2 answers va + 0x2000 in r claims none owes va + 0x2000 in r
#@     * s + 24 |->e e3 answers va + 0x3000 in r claims none owes va + 0x3000 in r
#@     * va & 0xfff = 0 * va < 0x00007fffffff0000
#@   exit ra
#@   ensures
#@       rdi |->r va + 0x3000 * rcx |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
#@     * s |->e e0 answers va in r claims none
#@     * s + 8 |->e e1 answers va + 0x1000 in r claims none
#@     * s + 16 |->e e2 answers va + 0x2000 in r claims none
#@     * s + 24 |->e e3 answers va + 0x3000 in r claims none
    .text
    .globl flush
    .type flush, @function
flush:
    movl $3, %ecx
again:
    invlpg (%rdi)
    addq $4096, %rdi
    decl %ecx
    jnz again
    ret                             #@ expect failed
    .size flush, . - flush
