# SPDX-License-Identifier: Apache-2.0
#
# In a buddy allocator, the frame behind block number %rdi of blocks of 2^%rcx frames: where the
# block's last frame ends, the next block begins.
#
# Shifts by a variable are not decided automatically: the fact that this leaves is proved by hand, in
# its region of proofs/block_after.v, which survives when the theory is generated again.

#@ spec
#@   forall r : root, block order sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r block * rcx |->r order * rax |->r _ * rdx |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r block * rcx |->r order * rax |->r (block + 1) << order * rdx |->r 1 << order
#@     * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
    .text
    .globl block_after
    .type block_after, @function
block_after:
    movq %rdi, %rax
    shlq %cl, %rax
    movq $1, %rdx
    shlq %cl, %rdx
    addq %rdx, %rax
    ret
    .size block_after, . - block_after
