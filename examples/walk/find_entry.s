# SPDX-License-Identifier: Apache-2.0

# Finds the entry of the page table for an address, whatever the tables are: gives the entry, or 0 where a
# table on the way is missing or a large page takes its place.  The kernel maps the tables at
# 0xffff800000000000 and their physical addresses.
#
#   find_entry: root in %rdi, address in %rsi; entry in %rax

#@ spec
#@   forall r : root, va e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r r * rsi |->r va * rax |->r _ * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@   exit ra                                         # tables down to the page table
#@   ensures
#@       rdi |->r r * rsi |->r va * rax |->r e1 * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@     * e4 & 0x81 = 1 * e3 & 0x81 = 1 * e2 & 0x81 = 1
#@   exit ra                                         # no page-directory-pointer table,
#@   ensures
#@       rdi |->r r * rsi |->r va * rax |->r 0 * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@     * e4 & 0x81 != 1
#@   exit ra                                         # no page directory,
#@   ensures
#@       rdi |->r r * rsi |->r va * rax |->r 0 * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@     * e4 & 0x81 = 1 * e3 & 0x81 != 1
#@   exit ra                                         # no page table
#@   ensures
#@       rdi |->r r * rsi |->r va * rax |->r 0 * rcx |->r _ * rdx |->r _ * r8 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@     * e4 & 0x81 = 1 * e3 & 0x81 = 1 * e2 & 0x81 != 1
    .text
    .globl find_entry
    .type find_entry, @function
find_entry:
    movabsq $0xffff800000000000, %rdx
    movabsq $0x000ffffffffff000, %r8

    movq %rdi, %rax                     # PML4
    andq %r8, %rax
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $39, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je none
    testb $0x80, %al
    jne none

    andq %r8, %rax                      # page-directory-pointer table
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $30, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je none
    testb $0x80, %al
    jne none

    andq %r8, %rax                      # page directory
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $21, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    testb $1, %al
    je none
    testb $0x80, %al
    jne none

    andq %r8, %rax                      # page table
    addq %rdx, %rax
    movq %rsi, %rcx
    shrq $12, %rcx
    andl $511, %ecx
    movq (%rax,%rcx,8), %rax
    ret
none:
    xorl %eax, %eax
    ret
    .size find_entry, . - find_entry
