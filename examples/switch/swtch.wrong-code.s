# SPDX-License-Identifier: Apache-2.0

# A wrong twin of swtch.s: the new space does not map the code, so the instruction behind the
# switch cannot be fetched.

#@ spec
#@   forall old new : root, po pn : word, q : fraction,
#@          rbx0 rbp0 r12_0 r13_0 r14_0 r15_0 rsp0 : word,
#@          rbx1 rbp1 r12_1 r13_1 r14_1 r15_1 rsp1 ra : word
#@   space old
#@   requires
#@       rdi |->r po * rsi |->r pn * rax |->r _
#@     * rbx |->r rbx0 * rbp |->r rbp0 * rsp |->r rsp0
#@     * r12 |->r r12_0 * r13 |->r r13_0 * r14 |->r r14_0 * r15 |->r r15_0
#@     * po |->v _ * po + 8 |->v _ * po + 16 |->v _ * po + 24 |->v _      # the old context
#@     * po + 32 |->v _ * po + 40 |->v _ * po + 48 |->v _
#@     * pn + 56 |->v{q} new                                              # the new one's root
#@     * code{q}
#@     * [new] {
#@           pn |->v rbx1 * pn + 8 |->v rbp1 * pn + 16 |->v r12_1 * pn + 24 |->v r13_1
#@         * pn + 32 |->v r14_1 * pn + 40 |->v r15_1 * pn + 48 |->v rsp1
#@         * rsp1 |->v ra }                                               # where it goes on
#@   exit ra space new
#@   ensures
#@       rdi |->r po * rsi |->r pn * rax |->r new
#@     * rbx |->r rbx1 * rbp |->r rbp1 * rsp |->r rsp1 + 8
#@     * r12 |->r r12_1 * r13 |->r r13_1 * r14 |->r r14_1 * r15 |->r r15_1
#@     * pn |->v rbx1 * pn + 8 |->v rbp1 * pn + 16 |->v r12_1 * pn + 24 |->v r13_1
#@     * pn + 32 |->v r14_1 * pn + 40 |->v r15_1 * pn + 48 |->v rsp1
#@     * rsp1 |->v ra
#@     * [old] {
#@           po |->v rbx0 * po + 8 |->v rbp0 * po + 16 |->v r12_0 * po + 24 |->v r13_0
#@         * po + 32 |->v r14_0 * po + 40 |->v r15_0 * po + 48 |->v rsp0
#@         * pn + 56 |->v{q} new
#@         * code{q} }
    .text
    .globl swtch
    .type swtch, @function
swtch:
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    movq %rsp, 48(%rdi)

    movq 56(%rsi), %rax
    movq %rax, %cr3                 #@ expect failed

    movq 0(%rsi), %rbx
    movq 8(%rsi), %rbp
    movq 16(%rsi), %r12
    movq 24(%rsi), %r13
    movq 32(%rsi), %r14
    movq 40(%rsi), %r15
    movq 48(%rsi), %rsp
    ret
    .size swtch, . - swtch
