# SPDX-License-Identifier: Apache-2.0

# A wrong twin of zero.s: it leaves the first word as it is.

#@ spec
#@   forall r : root, words count sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r words * rsi |->r count * rcx |->r _ * rsp |->r sp0 * sp0 |->v{q} ra
#@     * words[count] |->v _ * 0 < count * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r words * rsi |->r count * rcx |->r count * rsp |->r sp0 + 8 * sp0 |->v{q} ra
#@     * words[count] |->v 0 * code{q}
    .text
    .globl zero
    .type zero, @function
zero:
    movl $1, %ecx                   #@ expect failed
#@ invariant exists i : word
#@   holds
#@       rdi |->r words * rsi |->r count * rcx |->r i * rsp |->r sp0 * sp0 |->v{q} ra
#@     * words[i] |->v 0 * (words + (i << 3))[count - i] |->v _ * i < count
#@     * code{q}
again:
    movq $0, (%rdi,%rcx,8)
    incq %rcx
    cmpq %rsi, %rcx
    jb again
    ret
    .size zero, . - zero
