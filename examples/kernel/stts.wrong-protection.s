# SPDX-License-Identifier: Apache-2.0

# A wrong twin of stts.s: it clears CR0.WP, and with it the protection of pages that are read-only.

#@ spec
#@   forall r : root, c sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rax |->r _ * cr0 |->r c * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * c & 0x80010001 = 0x80010001               # paging, write protection, protected mode
#@   exit ra
#@   ensures
#@       rax |->r c & 0xfffffffffffeffff * cr0 |->r c & 0xfffffffffffeffff * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
    .text
    .globl stts
    .type stts, @function
stts:
    movq %cr0, %rax
    andq $~0x10000, %rax
    movq %rax, %cr0                 #@ expect failed
    ret
    .size stts, . - stts
