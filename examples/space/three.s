# SPDX-License-Identifier: Apache-2.0

# From inside the space r1, edits the tables of two others: gives r2 a page, and r3 the same in place of the one
# that it had there.  Then it enters r2, and reads through what was mapped there.  Nothing is flushed: of r2 and
# r3 the TLB holds nothing while r1 is current, and the load of %cr3 empties it.
#
#   slots of r2 and r3, as r1 sees them: %rdi, %rsi; the entry: %rdx; the root r2: %rcx; the page: %r8

#@ spec
#@   forall r1 r2 r3 : root, v2 f2 v3 f3 slot2 slot3 entry old x : word,
#@          s4 s3 s2 s1 e4 e3 e2 t4 t3 t2 t1 d4 d3 d2 : word, q : fraction
#@   space r1
#@   platform
#@   requires
#@       rdi |->r slot2 * rsi |->r slot3 * rdx |->r entry * rcx |->r r2 * r8 |->r v2 * rax |->r _
#@     * code{q} * [r2] { code{q} }
#@     * slot2 ~> s1 * slot3 ~> t1
#@     * [r3] { page v3 ~> f3 } * f2 |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2                     # on the way to v2 in r2
#@     * s1 |->e 0 answers v2 in r2 claims none
#@     * s4 = (r2 & 0x000ffffffffff000) + (v2 >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (v2 >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (v2 >> 18 & 0xff8) * e2 & 0x83 = 3
#@     * s1 = (e2 & 0x000ffffffffff000) + (v2 >> 9 & 0xff8)
#@     * t4 |->e{q} d4 * t3 |->e{q} d3 * t2 |->e{q} d2                     # on the way to v3 in r3
#@     * t1 |->e old answers v3 in r3 claims v3 in r3
#@     * t4 = (r3 & 0x000ffffffffff000) + (v3 >> 36 & 0xff8) * d4 & 0x83 = 3
#@     * t3 = (d4 & 0x000ffffffffff000) + (v3 >> 27 & 0xff8) * d3 & 0x83 = 3
#@     * t2 = (d3 & 0x000ffffffffff000) + (v3 >> 18 & 0xff8) * d2 & 0x83 = 3
#@     * t1 = (d2 & 0x000ffffffffff000) + (v3 >> 9 & 0xff8)
#@     * entry & 7 = 3 * f2 = entry & 0x000ffffffffff000
#@     * v2 & 0xfff = 0 * v2 < 0x0000800000000000 * v3 & 0xfff = 0 * v3 < 0x0000800000000000
#@     * r1 != r2 * r1 != r3
#@   exit done space r2
#@   ensures
#@       rdi |->r slot2 * rsi |->r slot3 * rdx |->r entry * rcx |->r r2 * r8 |->r v2 * rax |->r x
#@     * code{q} * [r1] { code{q} * slot2 ~> s1 * slot3 ~> t1 }
#@     * page v2 ~> f2 * [r3] { page v3 ~> f2 } * f2 |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e entry answers v2 in r2 claims v2 in r2
#@     * t4 |->e{q} d4 * t3 |->e{q} d3 * t2 |->e{q} d2
#@     * t1 |->e entry answers v3 in r3 claims v3 in r3
    .text
    .globl three
    .type three, @function
three:
    movq %rdx, (%rdi)
    movq %rdx, (%rsi)
    movq %rcx, %cr3
    movq (%r8), %rax
done:
    nop
    .size three, . - three
