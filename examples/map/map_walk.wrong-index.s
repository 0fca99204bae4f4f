# SPDX-License-Identifier: Apache-2.0

# A wrong twin of map_walk.s: the index in the page table is taken one bit too high.
#
# Maps a page, whichever of its tables are missing: a missing table is made of the next frame of zeros that the
# caller has.  The kernel maps tables and frames at 0xffff800000000000 and their physical addresses.  Of large
# pages there are none on the way, and the page is not mapped yet.  What is left lets it be unmapped
# (unmap/unmap_walk.s).
#
#   uint64_t *map_walk(uint64_t root /* %rdi */, uint64_t page /* %rsi */, uint64_t entry /* %rdx */,
#                      uint64_t *frames /* %rcx: three; gives the first that is left there */);

#@ spec
#@   forall r : root, va leaf frames f1 f2 f3 e4 e3 e2 e1 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r r * rsi |->r va * rdx |->r leaf * rcx |->r frames * rsp |->r sp0
#@     * rax |->r _ * r8 |->r _ * r9 |->r _ * r10 |->r _ * r11 |->r _ * sp0 |->v{q} ra * code{q}
#@     * walk va in r level 4 from r reads e4, e3, e2, e1 mapped by 0xffff800000000000 in r
#@     * e4 & 0x80 = 0 * e3 & 0x80 = 0 * e2 & 0x80 = 0 * e1 & 1 = 0
#@     * e4 & 1 <= e4 >> 1 & 1 * e3 & 1 <= e3 >> 1 & 1 * e2 & 1 <= e2 >> 1 & 1     # what is there is writable
#@     * va & 0xfff = 0 * va < 0x0000800000000000 * leaf & 7 = 3
#@     * frames |->v f1 * frames + 8 |->v f2 * frames + 16 |->v f3
#@     * page f1 + 0xffff800000000000 ~> f1 * f1[512] |->p 0 * f1 & 0xfff0000000000fff = 0
#@     * page f2 + 0xffff800000000000 ~> f2 * f2[512] |->p 0 * f2 & 0xfff0000000000fff = 0
#@     * page f3 + 0xffff800000000000 ~> f3 * f3[512] |->p 0 * f3 & 0xfff0000000000fff = 0
#@   exit ra                                     # nothing is missing
#@   ensures
#@       rdi |->r r * rsi |->r va * rdx |->r leaf * rcx |->r frames * rsp |->r sp0 + 8
#@     * rax |->r _ * r8 |->r _ * r9 |->r _ * r10 |->r _ * r11 |->r _ * sp0 |->v{q} ra * code{q}
#@     * e4 & 1 != 0 * e3 & 1 != 0 * e2 & 1 != 0
#@     * walk va in r level 4 from r reads e4, e3, e2 mapped by 0xffff800000000000 in r
#@     * page (e2 & 0x000ffffffffff000) + 0xffff800000000000 ~> e2 & 0x000ffffffffff000
#@     * (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8) |->e leaf answers va in r claims va in r
#@     * page va ~> leaf & 0x000ffffffffff000
#@     * frames |->v f1 * frames + 8 |->v f2 * frames + 16 |->v f3
#@     * page f1 + 0xffff800000000000 ~> f1 * f1[512] |->p 0
#@     * page f2 + 0xffff800000000000 ~> f2 * f2[512] |->p 0
#@     * page f3 + 0xffff800000000000 ~> f3 * f3[512] |->p 0
#@   exit ra                                     # the page table is missing
#@   ensures
#@       rdi |->r r * rsi |->r va * rdx |->r leaf * rcx |->r frames + 8 * rsp |->r sp0 + 8
#@     * rax |->r _ * r8 |->r _ * r9 |->r _ * r10 |->r _ * r11 |->r _ * sp0 |->v{q} ra * code{q}
#@     * e4 & 1 != 0 * e3 & 1 != 0 * e2 & 1 = 0
#@     * walk va in r level 4 from r reads e4, e3, f1 | 3 mapped by 0xffff800000000000 in r
#@     * page f1 + 0xffff800000000000 ~> f1
#@     * f1 + ((va >> 12 & 511) << 3) |->e leaf answers va in r claims va in r
#@     * page va ~> leaf & 0x000ffffffffff000
#@     * frames |->v f1 * frames + 8 |->v f2 * frames + 16 |->v f3
#@     * f1[va >> 12 & 511] |->p 0
#@     * (f1 + ((va >> 12 & 511) << 3) + 8)[511 - (va >> 12 & 511)] |->p 0
#@     * page f2 + 0xffff800000000000 ~> f2 * f2[512] |->p 0
#@     * page f3 + 0xffff800000000000 ~> f3 * f3[512] |->p 0
#@   exit ra                                     # so is the page directory
#@   ensures
#@       rdi |->r r * rsi |->r va * rdx |->r leaf * rcx |->r frames + 16 * rsp |->r sp0 + 8
#@     * rax |->r _ * r8 |->r _ * r9 |->r _ * r10 |->r _ * r11 |->r _ * sp0 |->v{q} ra * code{q}
#@     * e4 & 1 != 0 * e3 & 1 = 0
#@     * walk va in r level 4 from r reads e4, f1 | 3, f2 | 3 mapped by 0xffff800000000000 in r
#@     * page f2 + 0xffff800000000000 ~> f2
#@     * f2 + ((va >> 12 & 511) << 3) |->e leaf answers va in r claims va in r
#@     * page va ~> leaf & 0x000ffffffffff000
#@     * frames |->v f1 * frames + 8 |->v f2 * frames + 16 |->v f3
#@     * f1[va >> 21 & 511] |->p 0
#@     * (f1 + ((va >> 21 & 511) << 3) + 8)[511 - (va >> 21 & 511)] |->p 0
#@     * f2[va >> 12 & 511] |->p 0
#@     * (f2 + ((va >> 12 & 511) << 3) + 8)[511 - (va >> 12 & 511)] |->p 0
#@     * page f3 + 0xffff800000000000 ~> f3 * f3[512] |->p 0
#@   exit ra                                     # and so is the page-directory-pointer table
#@   ensures
#@       rdi |->r r * rsi |->r va * rdx |->r leaf * rcx |->r frames + 24 * rsp |->r sp0 + 8
#@     * rax |->r _ * r8 |->r _ * r9 |->r _ * r10 |->r _ * r11 |->r _ * sp0 |->v{q} ra * code{q}
#@     * e4 & 1 = 0
#@     * walk va in r level 4 from r reads f1 | 3, f2 | 3, f3 | 3 mapped by 0xffff800000000000 in r
#@     * page f3 + 0xffff800000000000 ~> f3
#@     * f3 + ((va >> 12 & 511) << 3) |->e leaf answers va in r claims va in r
#@     * page va ~> leaf & 0x000ffffffffff000
#@     * frames |->v f1 * frames + 8 |->v f2 * frames + 16 |->v f3
#@     * f1[va >> 30 & 511] |->p 0
#@     * (f1 + ((va >> 30 & 511) << 3) + 8)[511 - (va >> 30 & 511)] |->p 0
#@     * f2[va >> 21 & 511] |->p 0
#@     * (f2 + ((va >> 21 & 511) << 3) + 8)[511 - (va >> 21 & 511)] |->p 0
#@     * f3[va >> 12 & 511] |->p 0
#@     * (f3 + ((va >> 12 & 511) << 3) + 8)[511 - (va >> 12 & 511)] |->p 0
    .text
    .globl map_walk
    .type map_walk, @function
map_walk:
    movabsq $0xffff800000000000, %r8
    movabsq $0x000ffffffffff000, %r9
    movq %rdi, %rax

    andq %r9, %rax                      # PML4
    addq %r8, %rax
    movq %rsi, %r10
    shrq $39, %r10
    andl $511, %r10d
    leaq (%rax,%r10,8), %r11
    movq (%r11), %rax
    testb $1, %al
    jne have_pdpt
    movq (%rcx), %rax
    addq $8, %rcx
    orq $3, %rax
    movq %rax, (%r11)
have_pdpt:
    andq %r9, %rax                      # page-directory-pointer table
    addq %r8, %rax
    movq %rsi, %r10
    shrq $30, %r10
    andl $511, %r10d
    leaq (%rax,%r10,8), %r11
    movq (%r11), %rax
    testb $1, %al
    jne have_pd
    movq (%rcx), %rax
    addq $8, %rcx
    orq $3, %rax
    movq %rax, (%r11)
have_pd:
    andq %r9, %rax                      # page directory
    addq %r8, %rax
    movq %rsi, %r10
    shrq $21, %r10
    andl $511, %r10d
    leaq (%rax,%r10,8), %r11
    movq (%r11), %rax
    testb $1, %al
    jne have_pt
    movq (%rcx), %rax
    addq $8, %rcx
    orq $3, %rax
    movq %rax, (%r11)
have_pt:
    andq %r9, %rax                      # page table
    addq %r8, %rax
    movq %rsi, %r10
    shrq $13, %r10
    andl $511, %r10d
    leaq (%rax,%r10,8), %r11
    movq %rdx, (%r11)                   #@ expect failed
    ret
    .size map_walk, . - map_walk
