# SPDX-License-Identifier: Apache-2.0

# A wrong twin of map_large.s: the frame is one of 4 KiB, and bits of it are reserved in the entry of a large
# page.

#@ spec
#@   forall r : root, va frame pa slot s4 s3 s2 e4 e3 e2 sp0 ra : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r slot * rsi |->r frame * rdx |->r va * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * pa |->p _
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e e2 answers va in r level 2m claims none * e2 & 1 = 0
#@     * s4 = (r & 0x000ffffffffff000) + (va >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (va >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (va >> 18 & 0xff8)
#@     * frame & 0xfff0000000000fff = 0 * pa = frame + (va & 0x1ff000)
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r frame | 0x83 * rdx |->r va * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * page va ~> pa * pa |->p 0
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e frame | 0x83 answers va in r level 2m claims va in r
    .text
    .globl map_large
    .type map_large, @function
map_large:
    orq $0x83, %rsi         # present, writable, a large page
    movq %rsi, (%rdi)
    movq $0, (%rdx)         #@ expect failed
    ret
    .size map_large, . - map_large
