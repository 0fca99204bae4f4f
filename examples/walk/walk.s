# SPDX-License-Identifier: Apache-2.0

# Walks the page tables of the current space, as the processor does, for an address whose tables exist
# down to its page table: gives the physical address that it is mapped to, or says that it is not
# mapped.  The kernel maps all physical memory at 0xffff800000000000, and reads the tables there.
#
#   walk: address in %rdi; physical address in %rax

#@ spec
#@   forall r : root, va s4 s3 s2 s1 e4 e3 e2 e1 : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r va * rsi |->r _ * rax |->r _ * rcx |->r _ * r8 |->r _
#@     * s4 = (r & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 39 & 511) << 3)
#@     * s3 = (e4 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 30 & 511) << 3)
#@     * s2 = (e3 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 21 & 511) << 3)
#@     * s1 = (e2 & 0x000ffffffffff000) + 0xffff800000000000 + ((va >> 12 & 511) << 3)
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * e4 & 1 != 0 * e3 & 1 != 0 * e2 & 1 != 0       # tables down to the page table,
#@     * e3 & 0x80 = 0 * e2 & 0x80 = 0                 # and no large page on the way
#@     * code
#@   exit mapped
#@   ensures
#@       rdi |->r va * rsi |->r _ * rcx |->r _ * r8 |->r _
#@     * rax |->r (e1 & 0x000ffffffffff000) + (va & 0xfff) * e1 & 1 != 0
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * code
#@   exit absent
#@   ensures
#@       rdi |->r va * rsi |->r _ * rax |->r _ * rcx |->r _ * r8 |->r _
#@     * e1 & 1 = 0
#@     * s4 |->v{q} e4 * s3 |->v{q} e3 * s2 |->v{q} e2 * s1 |->v{q} e1
#@     * code
    .text
    .globl walk
    .type walk, @function
walk:
    movabsq $0xffff800000000000, %rsi
    movabsq $0x000ffffffffff000, %r8
    movq %cr3, %rax

    andq %r8, %rax                      # PML4
    addq %rsi, %rax
    movq %rdi, %rcx
    shrq $39, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je absent

    andq %r8, %rax                      # page-directory-pointer table
    addq %rsi, %rax
    movq %rdi, %rcx
    shrq $30, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je absent
    testb $0x80, %al                    # a page of 1 GiB
    jne absent

    andq %r8, %rax                      # page directory
    addq %rsi, %rax
    movq %rdi, %rcx
    shrq $21, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je absent
    testb $0x80, %al                    # a page of 2 MiB
    jne absent

    andq %r8, %rax                      # page table
    addq %rsi, %rax
    movq %rdi, %rcx
    shrq $12, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je absent
    andq %r8, %rax
    movl %edi, %ecx
    andl $0xfff, %ecx
    addq %rcx, %rax
    jmp mapped
absent:
    nop
mapped:
    nop
    .size walk, . - walk
