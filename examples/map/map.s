# SPDX-License-Identifier: Apache-2.0

# Maps a page of the current space, whose tables are there already, and writes its first word through the
# new mapping at once: nothing is flushed, for absent entries are not cached.
#
#   void map(uint64_t *slot /* %rdi */, uint64_t entry /* %rsi */, uint64_t *page /* %rdx */);

#@ spec
#@   forall r : root, va pa slot s4 s3 s2 s1 e4 e3 e2 e1 entry sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r entry * rdx |->r va * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * pa |->p _
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e e1 answers va in r claims none * e1 & 1 = 0
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8) * e2 & 0x83 = 3
#@     * s1 = (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8)
#@     * entry & 7 = 3 * pa = entry & 0x000ffffffffff000      # present, writable, no user's
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r entry * rdx |->r va * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * page va ~> pa * pa |->p 0
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e entry answers va in r claims va in r
    .text
    .globl map
    .type map, @function
map:
    movq %rsi, (%rdi)
    movq $0, (%rdx)
    ret
    .size map, . - map
