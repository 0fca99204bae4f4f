# SPDX-License-Identifier: Apache-2.0

# A wrong twin of trampoline.s: the process's space maps the trap frame read-only, so
# the first store into it faults.

#@ spec
#@   forall user kernel : root, tf pf : word, q : fraction, usp ksp handler : word
#@   space user
#@   requires
#@       rdi |->r tf * rsp |->r usp * rax |->r _ * rcx |->r _ * rdx |->r _
#@     * tf ~>r pf * tf + 8 ~>r pf + 8 * tf + 16 ~>r pf + 16
#@     * code{q}
#@     * [kernel] { tf + 8 ~> pf + 8 * tf + 24 ~> pf + 24 * tf + 32 ~> pf + 32 * code{q} }
#@     * pf |->p kernel * pf + 8 |->p _ * pf + 16 |->p _
#@     * pf + 24 |->p ksp * pf + 32 |->p handler
#@   exit handler space kernel
#@   ensures
#@       rdi |->r tf * rsp |->r ksp * rax |->r handler * rcx |->r kernel * rdx |->r user
#@     * tf + 8 ~> pf + 8 * tf + 24 ~> pf + 24 * tf + 32 ~> pf + 32
#@     * code{q}
#@     * [user] { tf ~>r pf * tf + 8 ~>r pf + 8 * tf + 16 ~>r pf + 16 * code{q} }
#@     * pf |->p kernel * pf + 8 |->p user * pf + 16 |->p usp
#@     * pf + 24 |->p ksp * pf + 32 |->p handler
    .text
    .globl trampoline
    .type trampoline, @function
trampoline:
    movq %cr3, %rax
    movq %rax, 8(%rdi)              #@ expect failed
    movq %rsp, 16(%rdi)
    movq 0(%rdi), %rcx
    movq %rcx, %cr3                 # the kernel maps this page at this address too

    movq 24(%rdi), %rsp
    movq 8(%rdi), %rdx              # what was stored through the process's mapping
    movq 32(%rdi), %rax
    jmp *%rax
    .size trampoline, . - trampoline
