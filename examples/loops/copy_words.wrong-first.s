# SPDX-License-Identifier: Apache-2.0

# A wrong twin of copy_words.s: it leaves the first word of the target as it is.

#@ spec
#@   forall r : root, to from count sp0 ra : word, A : array, q : fraction
#@   space r
#@   requires
#@       rdi |->r to * rsi |->r from * rdx |->r count * rcx |->r _ * rax |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * from[count] |->v A * to[count] |->v _ * 0 < count * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r to * rsi |->r from * rdx |->r count * rcx |->r count * rax |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * from[count] |->v A * to[count] |->v A * code{q}
    .text
    .globl copy_words
    .type copy_words, @function
copy_words:
    movl $1, %ecx                       #@ expect failed
#@ invariant exists i : word
#@   holds
#@       rdi |->r to * rsi |->r from * rdx |->r count * rcx |->r i * rax |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * from[count] |->v A * i < count
#@     * to[i] |->v A * (to + (i << 3))[count - i] |->v _ * code{q}
again:
    movq (%rsi,%rcx,8), %rax
    movq %rax, (%rdi,%rcx,8)
    incq %rcx
    cmpq %rdx, %rcx
    jb again
    ret
    .size copy_words, . - copy_words
