# SPDX-License-Identifier: Apache-2.0

# A wrong twin of protect.s: it forgets to flush, so that the TLB may still hold the right to write.

#@ spec
#@   forall r : root, va pa slot s4 s3 s2 s1 e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rdi |->r slot * rsi |->r va * rax |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * page va ~> pa
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2             # the tables above it
#@     * s1 |->e e1 answers va in r claims va in r
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x81 = 1
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x81 = 1
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8) * e2 & 0x81 = 1
#@     * s1 = (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8) * e1 & 5 = 1
#@     * pa = e1 & 0x000ffffffffff000
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r va * rax |->r e1 & -3 * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * page va ~>r pa
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e e1 & -3 answers va in r claims va in r
    .text
    .globl protect
    .type protect, @function
protect:
    movq (%rdi), %rax
    andq $-3, %rax
    movq %rax, (%rdi)               #@ expect failed
    ret
    .size protect, . - protect
