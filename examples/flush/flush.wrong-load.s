# SPDX-License-Identifier: Apache-2.0

# A wrong twin of flush.s: %cr3 is read, and not loaded again.

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
    .text
    .globl flush_all
    .type flush_all, @function
flush_all:
    movq %cr3, %rax
    ret                             #@ expect failed
    .size flush_all, . - flush_all
