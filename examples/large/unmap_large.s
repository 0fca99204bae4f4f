# SPDX-License-Identifier: Apache-2.0

# Takes a large page, of 2 MiB, out of the current space: its translations go from the TLB by one `invlpg`, of any
# address in it.
#
#   void unmap_large(uint64_t *slot /* %rdi */, void *page /* %rsi */);

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
#@       rdi |->r slot * rsi |->r va | 0x1ff000 * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * pa |->p v
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e 0 answers va in r level 2m claims none
    .text
    .globl unmap_large
    .type unmap_large, @function
unmap_large:
    movq $0, (%rdi)
    orq $0x1ff000, %rsi     # the last page of 4 KiB in it
    invlpg (%rsi)
    ret
    .size unmap_large, . - unmap_large
