# SPDX-License-Identifier: Apache-2.0

# A wrong twin of unmap_walk.s: the TLB is not flushed.
#
# Unmaps a page that is mapped: finds its entry through the tables, clears it and flushes the TLB.  The frame is
# the caller's again, and what is left is a walk, through which the page can be mapped anew (map_walk.s).  The kernel
# maps the tables at 0xffff800000000000 and their physical addresses.
#
#   void unmap_walk(uint64_t root /* %rdi */, uint64_t page /* %rsi */);

#@ spec
#@   forall r : root, va pa e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r r * rsi |->r va * rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2 mapped by 0xffff800000000000 in r
#@     * e4 & 0x81 = 1 * e3 & 0x81 = 1 * e2 & 0x81 = 1 * va < 0x0000800000000000
#@     * page (e2 & 0x000ffffffffff000) + 0xffff800000000000 ~> e2 & 0x000ffffffffff000
#@     * (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8) |->e e1 answers va in r claims va in r
#@     * page va ~> pa
#@   exit ra
#@   ensures
#@       rdi |->r r * rsi |->r va * rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, 0 mapped by 0xffff800000000000 in r
    .text
    .globl unmap_walk
    .type unmap_walk, @function
unmap_walk:
    movabsq $0xffff800000000000, %rdx
    movabsq $0x000ffffffffff000, %r8

    movq %rdi, %rax                     # PML4
    andq %r8, %rax
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $39, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax

    andq %r8, %rax                      # page-directory-pointer table
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $30, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax

    andq %r8, %rax                      # page directory
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $21, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax

    andq %r8, %rax                      # page table
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $12, %rcx
    andl $511, %ecx
    movq $0, (%rax,%rcx,8)              #@ expect failed
    ret
    .size unmap_walk, . - unmap_walk
