# SPDX-License-Identifier: Apache-2.0

# Copies four words into a page of another space, through a window: the frame is mapped at an address
# of this space for as long as it takes, and the address is flushed behind that.  The other space keeps its
# mapping all the time.
#
#   void copy(uint64_t *slot   /* %rdi: of the window, in its page table */,
#             uint64_t *from   /* %rsi */,
#             uint64_t *window /* %rdx: a page */,
#             uint64_t entry   /* %rcx: of the frame */);

#@ spec
#@   forall here there : root, w f v slot s4 s3 s2 s1 e4 e3 e2 entry from a b c d sp0 ra : word,
#@          q : fraction
#@   space here
#@   requires
#@       rdi |->r slot * rsi |->r from * rdx |->r w * rcx |->r entry * rax |->r _ * rsp |->r sp0
#@     * sp0 |->v{q} ra * code{q}
#@     * from |->v{q} a * from + 8 |->v{q} b * from + 16 |->v{q} c * from + 24 |->v{q} d
#@     * slot ~> s1
#@     * [there] { page v ~> f }
#@     * f |->p _ * f + 8 |->p _ * f + 16 |->p _ * f + 24 |->p _
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
#@       rdi |->r slot * rsi |->r from * rdx |->r w * rcx |->r entry * rax |->r d * rsp |->r sp0 + 8
#@     * sp0 |->v{q} ra * code{q}
#@     * from |->v{q} a * from + 8 |->v{q} b * from + 16 |->v{q} c * from + 24 |->v{q} d
#@     * slot ~> s1
#@     * [there] { page v ~> f }
#@     * f |->p a * f + 8 |->p b * f + 16 |->p c * f + 24 |->p d
#@     * s4 |->e{q} e4 * s3 |->e{q} e3 * s2 |->e{q} e2
#@     * s1 |->e 0 answers w in here claims none
    .text
    .globl copy
    .type copy, @function
copy:
    movq %rcx, (%rdi)
    movq 0(%rsi), %rax
    movq %rax, 0(%rdx)
    movq 8(%rsi), %rax
    movq %rax, 8(%rdx)
    movq 16(%rsi), %rax
    movq %rax, 16(%rdx)
    movq 24(%rsi), %rax
    movq %rax, 24(%rdx)
    movq $0, (%rdi)
    invlpg (%rdx)
    ret
    .size copy, . - copy
