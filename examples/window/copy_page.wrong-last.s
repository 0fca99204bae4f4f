# SPDX-License-Identifier: Apache-2.0

# A wrong twin of copy_page.s: it leaves the last word of the frame as it is.

#@ spec
#@   forall here there : root, w f v slot s4 s3 s2 s1 e4 e3 e2 entry from sp0 ra : word,
#@          A : array, q : fraction
#@   space here
#@   requires
#@       rdi |->r slot * rsi |->r from * rdx |->r w * rcx |->r entry * rax |->r _ * r8 |->r _
#@     * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * from[512] |->v A
#@     * slot ~> s1
#@     * [there] { page v ~> f }
#@     * f[512] |->p _
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers w in here claims none
#@     * s4 = (here & 0x000ffffffffff000) + (w >> 36 & 0xff8) * e4 & 0x83 = 3
#@     * s3 = (e4 & 0x000ffffffffff000) + (w >> 27 & 0xff8) * e3 & 0x83 = 3
#@     * s2 = (e3 & 0x000ffffffffff000) + (w >> 18 & 0xff8) * e2 & 0x83 = 3
#@     * s1 = (e2 & 0x000ffffffffff000) + (w >> 9 & 0xff8)
#@     * entry & 7 = 3 * f = entry & 0x000ffffffffff000
#@     * w & 0xfff = 0 * w < 0x0000800000000000
#@   exit ra
#@   ensures
#@       rdi |->r slot * rsi |->r from * rdx |->r w * rcx |->r entry * rax |->r _ * r8 |->r _
#@     * rsp |->r sp0 + 8 * sp0 |->v{q} ra * code{q}
#@     * from[512] |->v A
#@     * slot ~> s1
#@     * [there] { page v ~> f }
#@     * f[512] |->p A
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers w in here claims none
    .text
    .globl copy_page
    .type copy_page, @function
copy_page:
    movq %rcx, (%rdi)
    xorl %r8d, %r8d
#@ invariant exists i : word
#@   holds
#@       rdi |->r slot * rsi |->r from * rdx |->r w * rcx |->r entry * rax |->r _ * r8 |->r i
#@     * rsp |->r sp0 * sp0 |->v{q} ra * code{q}
#@     * from[512] |->v A * i < 512
#@     * slot ~> s1
#@     * [there] { page v ~> f } * page w ~> f
#@     * f[i] |->p A * (f + (i << 3))[512 - i] |->p _
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e entry answers w in here claims w in here
again:
    movq (%rsi,%r8,8), %rax
    movq %rax, (%rdx,%r8,8)
    incq %r8
    cmpq $511, %r8
    jb again
    movq $0, (%rdi)
    invlpg (%rdx)
    ret                                 #@ expect failed
    .size copy_page, . - copy_page
