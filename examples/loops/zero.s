# SPDX-License-Identifier: Apache-2.0

# Fills words with zeros, one by one: a loop with an invariant.
#
#   void zero(uint64_t *words /* %rdi */, uint64_t count /* %rsi, not 0 */);

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
    xorl %ecx, %ecx
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
