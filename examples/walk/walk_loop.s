# SPDX-License-Identifier: Apache-2.0

# The walk of walk.s as a loop over the levels: %rcx counts the bits of the address below the index of the
# level's table.
#
#   walk_loop: address in %rdi; physical address in %rax

#@ spec
#@   forall r : root, va s4 s3 s2 s1 e4 e3 e2 e1 : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r va * rsi |->r _ * rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _
#@     * s4 = (r & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 39 & 511) << 3)
#@     * s3 = (e4 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 30 & 511) << 3)
#@     * s2 = (e3 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 21 & 511) << 3)
#@     * s1 = (e2 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 12 & 511) << 3)
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * e4 & 1 != 0 * e3 & 1 != 0 * e2 & 1 != 0       # tables down to the page table
#@     * code
#@   exit mapped
#@   ensures
#@       rdi |->r va * rsi |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _
#@     * rax |->r (e1 & 0x000ffffffffff000) + (va & 0xfff) * e1 & 1 != 0
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * code
#@   exit absent
#@   ensures
#@       rdi |->r va * rsi |->r _ * rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _
#@     * e1 & 1 = 0
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * code
    .text
    .globl walk_loop
    .type walk_loop, @function
walk_loop:
    movabsq $0xffff800000000000, %rsi
    movabsq $0x000ffffffffff000, %r8
    movq %cr3, %rax
    movl $39, %ecx
level:
    andq %r8, %rax
    addq %rsi, %rax
    movq %rdi, %rdx
    shrq %cl, %rdx
    andl $511, %edx
    movq (%rax,%rdx,8), %rax            
    testb $1, %al
    je absent
    subl $9, %ecx
    cmpl $3, %ecx
    jne level
    andq %r8, %rax
    movl %edi, %edx
    andl $0xfff, %edx
    addq %rdx, %rax
    jmp mapped
absent:
    nop
mapped:
    nop
    .size walk_loop, . - walk_loop
