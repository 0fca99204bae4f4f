# SPDX-License-Identifier: Apache-2.0

# Unmaps a page of the current space, and returns its frame: clears the entry, and flushes the address,
# for the TLB may still hold it.  Nothing is known of the address any more; the frame's memory belongs to
# the caller, and the entry owes nothing, so that something else can be mapped there.
#
#   physical_address unmap(uint64_t *entry /* %rdi */, void *page /* %rsi */);

#@ spec
#@   forall r : root, va pa x slot s4 s3 s2 s1 e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r va * rax |->r _ * rcx |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * page va ~> pa * pa |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2             # the tables above it
#@     * s1 |->e e1 answers va in r claims va in r
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x81 = 1
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x81 = 1
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8) * e2 & 0x81 = 1
#@     * s1 = (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8)
#@     * pa = e1 & 0x000ffffffffff000
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r va * rax |->r pa * rcx |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s1 * pa |->p x
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers va in r claims none
    .text
    .globl unmap
    .type unmap, @function
unmap:
    movq (%rdi), %rax
    movq $0, (%rdi)
    invlpg (%rsi)
    movabsq $0x000ffffffffff000, %rcx
    andq %rcx, %rax
    ret
    .size unmap, . - unmap
