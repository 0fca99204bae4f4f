# SPDX-License-Identifier: Apache-2.0

# Sets CR0.TS, so that the next use of the floating-point unit traps, as a lazy switch of its registers wants
# it.  The bits that decide about translations stay: the platform has them as they are.
#
#   void stts(void);

#@ spec
#@   forall r : root, c sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rax |->r _ * cr0 |->r c * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * c & 0x80010001 = 0x80010001               # paging, write protection, protected mode
#@   exit ra
#@   ensures
#@       rax |->r c | 8 * cr0 |->r c | 8 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
    .text
    .globl stts
    .type stts, @function
stts:
    movq %cr0, %rax
    orq $8, %rax
    movq %rax, %cr0
    ret
    .size stts, . - stts
