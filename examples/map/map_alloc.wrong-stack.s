# SPDX-License-Identifier: Apache-2.0

# Takes the first frame of the list, which is not empty, and clears its first word.
#@ spec
#@   forall r : root, head f next sp1 back : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       r8 |->r head * rax |->r _ * rcx |->r _ * r9 |->r _ * rsp |->r sp1 * sp1 |->v back * code{q}
#@     * head |->v f * page f + 0xffff800000000000 ~> f * f |->p next * (f + 8)[511] |->p 0
#@     * f & 0xfff = 0
#@   exit back
#@   ensures
#@       r8 |->r head * rax |->r f * rcx |->r _ * r9 |->r _ * rsp |->r sp1 + 8 * sp1 |->v back * code{q}
#@     * head |->v next * page f + 0xffff800000000000 ~> f * f[512] |->p 0
    .text
    .type take, @function
take:
    movq (%r8), %rax
    movabsq $0xffff800000000000, %rcx
    addq %rax, %rcx
    movq (%rcx), %r9                    #@ at f via f + 0xffff800000000000
    movq %r9, (%r8)
    movq $0, (%rcx)                     #@ at f via f + 0xffff800000000000
    ret
    .size take, . - take

# A wrong twin of map_alloc.s: the caller owns no room for the return address of the call.

#@ spec
#@   forall r : root, va pa slot head f next s4 s3 s2 e4 e3 e2 entry sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r va * rdx |->r entry * r8 |->r head
#@     * rax |->r _ * rcx |->r _ * r9 |->r _ * rsp |->r sp0
#@     * sp0 |->v ra * code{q}
#@     * head |->v f * page f + 0xffff800000000000 ~> f * f |->p next * (f + 8)[511] |->p 0
#@     * slot ~> s2
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e e2 * e2 & 1 = 0
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * f = f & 0x000ffffffffff000
#@     * entry & 7 = 3 * pa = entry & 0x000ffffffffff000
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r va * rdx |->r entry * r8 |->r head
#@     * rax |->r _ * rcx |->r _ * r9 |->r _ * rsp |->r sp0 + 8
#@     * sp0 |->v ra * code{q}
#@     * head |->v next * page f + 0xffff800000000000 ~> f
#@     * slot ~> s2
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e f | 3
#@     * f[va >> 12 & 511] |->p 0
#@     * (f + ((va >> 12 & 511) << 3) + 8)[511 - (va >> 12 & 511)] |->p 0
#@     * f + ((va >> 12 & 511) << 3) |->e entry answers va in r claims va in r
#@     * page va ~> pa
    .globl map_alloc
    .type map_alloc, @function
map_alloc:
    call take                       #@ expect failed
    movq %rax, %rcx
    orq $3, %rcx
    movq %rcx, (%rdi)   #@ first split f at va >> 12 & 511 first split f + ((va >> 12 & 511) << 3) at 1 first cell f + ((va >> 12 & 511) << 3) first answer f + ((va >> 12 & 511) << 3) for va in r
    shrq $12, %rsi
    movq %rsi, %rcx
    andl $511, %ecx
    shlq $12, %rsi
    movabsq $0xffff800000000000, %r9
    addq %r9, %rax
    movq %rdx, (%rax,%rcx,8)            #@ at f + ((va >> 12 & 511) << 3) via f + 0xffff800000000000 then claim va in r through s4, s3, s2, f + ((va >> 12 & 511) << 3)
    ret
    .size map_alloc, . - map_alloc
