# SPDX-License-Identifier: Apache-2.0

# A wrong twin of zero_page.s: the last word is left.

#@ spec
#@   forall r : root, p sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r p * rcx |->r _ * rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra
#@     * p[512] |->v _ * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r p + 4096 * rcx |->r 0 * rax |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra
#@     * p[512] |->v 0 * code{q}
    .text
    .globl zero_page
    .type zero_page, @function
zero_page:
    xorl %eax, %eax
    movl $511, %ecx
    rep stosq                       #@ expect failed
    ret
    .size zero_page, . - zero_page
