# SPDX-License-Identifier: Apache-2.0

# A wrong twin of flush.s: it goes one page too far.

#@ spec
#@   forall r : root, start stop sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rdi |->r start * rsi |->r stop * rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * start < stop * stop <= 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r _ * rsi |->r stop * rax |->r _ * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
    .text
    .globl flush
    .type flush, @function
flush:
    movq %rsi, %rax
    subq %rdi, %rax
    cmpq $0x20000, %rax                 # 32 pages
    ja all
#@ invariant exists p : word
#@   holds
#@       rdi |->r p * rsi |->r stop * rax |->r _ * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * p < stop * stop <= 0x0000800000000000
again:
    invlpg (%rdi)
    andq $-4096, %rdi
    addq $4096, %rdi
    cmpq %rsi, %rdi
    jbe again                       #@ expect failed
    ret
all:
    movq %cr3, %rax
    movq %rax, %cr3
    ret
    .size flush, . - flush
