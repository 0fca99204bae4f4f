# SPDX-License-Identifier: Apache-2.0

# A wrong twin of unmap_large.s: it flushes an address behind the large page.

#@ spec
#@   forall r : root, va pa slot s3 s4 s2 e4 e3 e2 v sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r va * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * page va ~> pa * pa |->p v
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e e2 answers va in r level 2m claims va in r * e2 & 0x81 = 0x81
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r va + 0x200000 * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * pa |->p v
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e 0 answers va in r level 2m claims none
    .text
    .globl unmap_large
    .type unmap_large, @function
unmap_large:
    movq $0, (%rdi)         #@ expect failed
    addq $0x200000, %rsi
    invlpg (%rsi)
    ret
    .size unmap_large, . - unmap_large
