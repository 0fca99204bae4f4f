# SPDX-License-Identifier: Apache-2.0

# A wrong twin of three.s: it reads in r1 what is mapped in r2 alone.

#@ spec
#@   forall r1 r2 r3 : root, v2 f2 v3 f3 slot2 slot3 s4 s3 s2 s1 t e4 e3 e2 entry old x : word,
#@          q : fraction
#@   space r1
#@   requires
#@       rdi |->r slot2 * rsi |->r slot3 * rdx |->r entry * rcx |->r r2 * r8 |->r v2 * rax |->r _
#@     * code{q} * [r2] { code{q} }
#@     * slot2 ~> s1 * slot3 ~> t
#@     * [r3] { page v3 ~> f3 } * f2 |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers v2 in r2 claims none
#@     * t |->e old answers v3 in r3 claims v3 in r3
#@     * s4 = (r2 & 0x000ffffffffff000) + (v2 >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (v2 >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (v2 >> 18 & 0xff8) * e2 & 0x83 = 3
#@     * s1 = (e2 & 0x000ffffffffff000) + (v2 >> 9 & 0xff8)
#@     * entry & 7 = 3 * f2 = entry & 0x000ffffffffff000
#@     * v2 & 0xfff = 0 * v2 < 0x0000800000000000 * v3 & 0xfff = 0 * f3 & 0xfff = 0
#@     * r1 != r2 * r1 != r3
#@   exit done space r2
#@   ensures
#@       rdi |->r slot2 * rsi |->r slot3 * rdx |->r entry * rcx |->r r2 * r8 |->r v2 * rax |->r x
#@     * code{q} * [r1] { code{q} * slot2 ~> s1 * slot3 ~> t }
#@     * page v2 ~> f2 * f2 |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e entry answers v2 in r2 claims v2 in r2
#@     * t |->e 0 answers v3 in r3 claims none
    .text
    .globl three
    .type three, @function
three:
    movq %rdx, (%rdi)
    movq $0, (%rsi)
    movq (%r8), %rax                #@ expect failed
    movq %rcx, %cr3
done:
    nop
    .size three, . - three
