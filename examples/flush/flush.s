# SPDX-License-Identifier: Apache-2.0

# Flushes four pages whose entries were changed, one after another: until then the TLB may hold what the
# entries said before, and each owes a flush of its page.
#
#   void flush(void *pages /* %rdi */);

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
#@       rdi |->r va + 0x4000 * rcx |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
#@     * s |->e e0 answers va in r claims none
#@     * s + 8 |->e e1 answers va + 0x1000 in r claims none
#@     * s + 16 |->e e2 answers va + 0x2000 in r claims none
#@     * s + 24 |->e e3 answers va + 0x3000 in r claims none
    .text
    .globl flush
    .type flush, @function
flush:
    movl $4, %ecx
again:
    invlpg (%rdi)
    addq $4096, %rdi
    decl %ecx
    jnz again
    ret
    .size flush, . - flush

# Flushes everything, by a load of %cr3.
#
#   void flush_all(void);

#@ spec
#@   forall r : root, va s e0 e1 e2 e3 sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * s |->e e0 answers va in r claims none owes va in r
#@     * s + 8 |->e e1 answers va + 0x1000 in r claims none owes va + 0x1000 in r
#@     * s + 16 |->e e2 answers va + 0x2000 in r claims none owes va + 0x2000 in r
#@     * s + 24 |->e e3 answers va + 0x3000 in r claims none owes va + 0x3000 in r
#@   exit ra
#@   ensures
#@       rax |->r r * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
#@     * s |->e e0 answers va in r claims none
#@     * s + 8 |->e e1 answers va + 0x1000 in r claims none
#@     * s + 16 |->e e2 answers va + 0x2000 in r claims none
#@     * s + 24 |->e e3 answers va + 0x3000 in r claims none
    .globl flush_all
    .type flush_all, @function
flush_all:
    movq %cr3, %rax
    movq %rax, %cr3
    ret
    .size flush_all, . - flush_all
