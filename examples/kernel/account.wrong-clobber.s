# SPDX-License-Identifier: Apache-2.0

# A wrong twin of account.s: %rbx belongs to the caller, and is overwritten without being
# saved.

#@ spec
#@   forall r : root, task now ticks quota flags last sp0 ra rbx0 : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r task * rsi |->r now * rbx |->r rbx0 * rsp |->r sp0
#@     * rax |->r _ * rcx |->r _ * rdx |->r _
#@     * task |->v ticks * task + 8 |->v quota * task + 16 |->v flags
#@     * task + 24 |->v last * task + 32 |->v _
#@     * sp0 |->v ra * sp0 - 8 |->v _                  # the return address, room for one word
#@     * code{q}
#@   exit ra
#@   ensures
#@       rdi |->r task * rsi |->r now * rbx |->r rbx0 * rsp |->r sp0 + 8
#@     * rax |->r _ * rcx |->r _ * rdx |->r _
#@     * task |->v ticks + (now - last)
#@     * task + 8 |->v quota - (((now - last) + ((now - last) << 1)) >> 3)
#@     * task + 16 |->v (flags | 1) & -3
#@     * task + 24 |->v now
#@     * task + 32 |->v ((flags | 1) & -3) ^ flags
#@     * sp0 |->v ra * sp0 - 8 |->v _
#@     * code{q}
    .text
    .globl account
    .type account, @function
account:
    movq %rsi, %rbx
    subq 24(%rdi), %rbx             #@ expect failed
    movq %rsi, 24(%rdi)
    addq %rbx, 0(%rdi)

    leaq (%rbx,%rbx,2), %rdx        # three times as much,
    shrq $3, %rdx                   # an eighth of that
    subq %rdx, 8(%rdi)

    movq 16(%rdi), %rax
    movq %rax, %rcx
    orq $1, %rax
    andq $-3, %rax
    movq %rax, 16(%rdi)
    xorq %rcx, %rax
    movq %rax, 32(%rdi)

    ret
    .size account, . - account
