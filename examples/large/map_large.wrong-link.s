# SPDX-License-Identifier: Apache-2.0

# A wrong twin of map_large.s: the entry is not one of a large page, and the walk goes on in the frame as in a
# table.

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
#@     * frame & 0xfff00000001fffff = 0 * pa = frame + (va & 0x1ff000)
#@     * va & 0xfff = 0 * va < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r frame | 3 * rdx |->r va * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * slot ~> s2 * page va ~> pa * pa |->p 0
#@     * s4 |->e{q} e4 * s3 |->e{q} e3
#@     * s2 |->e frame | 3 answers va in r level 2m claims va in r
    .text
    .globl map_large
    .type map_large, @function
map_large:
    orq $3, %rsi            # present, writable
    movq %rsi, (%rdi)
    movq $0, (%rdx)         #@ expect failed
    ret
    .size map_large, . - map_large
