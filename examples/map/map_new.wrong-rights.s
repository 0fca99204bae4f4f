# SPDX-License-Identifier: Apache-2.0

# Gives a frame that is filled with zeros, or 0 where there is none.
#@ assume alloc
#@   forall k : root, sp1 back : word
#@   space k
#@   requires rsp |->r sp1 * sp1 |->v back * rax |->r _
#@   exit back exists f : word
#@   ensures
#@       rsp |->r sp1 + 8 * sp1 |->v back * rax |->r f
#@     * f[512] |->p 0 * f != 0 * f & 0xfff0000000000fff = 0
#@   exit back
#@   ensures rsp |->r sp1 + 8 * sp1 |->v back * rax |->r 0

# A wrong twin of map_new.s: the page is mapped read-only.

#@ spec
#@   forall r : root, alloc va slot s4 s3 s2 s1 e4 e3 e2 sp0 ra : word, q : fraction
#@   space r
#@   platform
#@   requires
#@       rdi |->r alloc * rsi |->r slot * rax |->r _ * rsp |->r sp0 * sp0 |->v ra * sp0 - 8 |->v _ * code
#@     * slot ~> s1
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers va in r claims none
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8) * e2 & 0x83 = 3
#@     * s1 = (e2 & 0x000ffffffffff000) + (va >> 9 & 0xff8)
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra exists e : word
#@   ensures
#@       rdi |->r alloc * rsi |->r slot * rax |->r e * rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _ * code
#@     * e & 7 = 1
#@     * slot ~> s1 * page va ~> e & 0x000ffffffffff000 * (e & 0x000ffffffffff000)[512] |->p 0
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e e answers va in r claims va in r
#@   exit ra
#@   ensures
#@       rdi |->r alloc * rsi |->r slot * rax |->r 0 * rsp |->r sp0 + 8 * sp0 |->v ra * sp0 - 8 |->v _ * code
#@     * slot ~> s1
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers va in r claims none
    .text
    .globl map_new
    .type map_new, @function
map_new:
    call *%rdi
    testq %rax, %rax
    jz none
    orq $1, %rax
    movq %rax, (%rsi)                   #@ expect failed
none:
    ret
    .size map_new, . - map_new
