# SPDX-License-Identifier: Apache-2.0

# A wrong twin of new_space.s: it writes into the slot below, so that the new space has the kernel
# at another address.

#@ spec
#@   forall r new : root, to tn s3 s2 s1 e4 e3 e2 e1 va pa sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r to * rsi |->r tn * rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * to + 4088 ~> (r & 0x000ffffffffff000) + 4088 * (r & 0x000ffffffffff000) + 4088 |->e{q} e4
#@     * page tn ~> new * new[512] |->p 0 * new & 0xfff = 0 * new != r
#@     * s3 |->e{q} e3 * s2 |->e{q} e2 * s1 |->e e1 claims none
#@     * e4 & 0x83 = 3 * e3 & 0x83 = 3 * e2 & 0x83 = 3 * e1 & 7 = 3
#@     * 0xffffff8000000000 <= va * va & 0xfff = 0
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8)
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * s1 = (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8)
#@     * pa = e1 & 0x000ffffffffff000
#@   exit ra
#@   ensures
#@       rdi |->r to * rsi |->r tn * rax |->r e4 * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
#@     * to + 4088 ~> (r & 0x000ffffffffff000) + 4088 * (r & 0x000ffffffffff000) + 4088 |->e{q} e4
#@     * page tn ~> new * new[511] |->p 0
#@     * s3 |->e{q} e3 * s2 |->e{q} e2 * s1 |->e e1 claims va in new
#@     * new + 4088 |->e e4 answers va in new level 512g claims va in new level 512g
#@     * [new] { page va ~> pa }
    .text
    .globl new_space
    .type new_space, @function
new_space:
    movq 4088(%rdi), %rax   #@ first cell new + 4088 first answer new + 4088 for va in new level 512g
    movq %rax, 4080(%rsi)
    ret                             #@ expect failed
    .size new_space, . - new_space
