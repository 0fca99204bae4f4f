# SPDX-License-Identifier: Apache-2.0

# A wrong twin of zero_frame.s: it goes on behind the page.

#@ spec
#@   forall r : root, va pa sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r va * rcx |->r _ * rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra
#@     * page va ~> pa * pa[512] |->p _ * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r va + 4104 * rcx |->r 0 * rax |->r 0 * rsp |->r sp0 + 8 * sp0 |->v{q} ra
#@     * page va ~> pa * pa[512] |->p 0 * code{q}
    .text
    .globl zero_frame
    .type zero_frame, @function
zero_frame:
    xorl %eax, %eax
    movl $513, %ecx
    rep stosq                       #@ expect failed
    ret
    .size zero_frame, . - zero_frame
