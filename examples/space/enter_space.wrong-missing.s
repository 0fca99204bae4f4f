# SPDX-License-Identifier: Apache-2.0

# A wrong twin of enter_space.s: the slot of the text is not copied, so that the new space has no code.

#@ spec
#@   forall r new : root, to tn stack off frame ra : word,
#@          c3 c2 c1 e4 e3 e2 e1 d3 d2 d1 g4 g3 g2 g1 : word, q : fraction
#@   space r
#@   requires
#@       rdi |->r to * rsi |->r tn * rdx |->r new * rax |->r _ * rsp |->r stack + off * code{q}
#@     * 0xffffff8000000000 <= enter_space * enter_space & 0xfff <= 0xf00
#@     * 0xffff800000000000 <= stack * stack < 0xffff808000000000 * stack & 0xfff = 0 * off & 0xff8 = off
#@     * to + 4088 ~> (r & 0x000ffffffffff000) + 4088 * (r & 0x000ffffffffff000) + 4088 |->e{q} e4
#@     * to + 2048 ~> (r & 0x000ffffffffff000) + 2048 * (r & 0x000ffffffffff000) + 2048 |->e{q} g4
#@     * page tn ~> new * new[512] |->p 0 * new & 0xfff = 0 * new != r
#@     * e4 & 0x83 = 3 * e3 & 0x83 = 3 * e2 & 0x83 = 3 * e1 & 7 = 3
#@     * c3 |->e{q} e3 * c3 = (e4 & 0x000ffffffffff000) + (enter_space >> 27 & 0xff8)
#@     * c2 |->e{q} e2 * c2 = (e3 & 0x000ffffffffff000) + (enter_space >> 18 & 0xff8)
#@     * c1 |->e{q} e1 * c1 = (e2 & 0x000ffffffffff000) + (enter_space >> 9 & 0xff8)
#@     * g4 & 0x87 = 3 * g3 & 0x83 = 3 * g2 & 0x83 = 3 * g1 & 3 = 3
#@     * d3 |->e{q} g3 * d3 = (g4 & 0x000ffffffffff000) + (stack >> 27 & 0xff8)
#@     * d2 |->e{q} g2 * d2 = (g3 & 0x000ffffffffff000) + (stack >> 18 & 0xff8)
#@     * d1 |->e{q} g1 * d1 = (g2 & 0x000ffffffffff000) + (stack >> 9 & 0xff8)
#@     * frame = g1 & 0x000ffffffffff000 * frame + off |->p ra
#@   exit ra space new
#@   ensures
#@       rdi |->r to * rsi |->r tn * rdx |->r new * rax |->r e4 * rsp |->r stack + off + 8
#@     * code * page stack ~> frame * frame + off |->p ra
#@     * [r] { code{q} * page tn ~> new
#@           * to + 4088 ~> (r & 0x000ffffffffff000) + 4088 * to + 2048 ~> (r & 0x000ffffffffff000) + 2048 }
#@     * (r & 0x000ffffffffff000) + 4088 |->e{q} e4 * (r & 0x000ffffffffff000) + 2048 |->e{q} g4
#@     * new + 4088 |->e e4 answers enter_space in new level 512g claims enter_space in new
#@     * new + 2048 |->e g4 answers stack in new level 512g claims stack in new
#@     * new[256] |->p 0 * (new + 2056)[254] |->p 0
#@     * c3 |->e{q} e3 * c2 |->e{q} e2 * c1 |->e{q} e1 * d3 |->e{q} g3 * d2 |->e{q} g2 * d1 |->e{q} g1
    .text
    .globl enter_space
    .type enter_space, @function
enter_space:
    movq 2048(%rdi), %rax
    movq %rax, 2048(%rsi)
    movq 4088(%rdi), %rax
    movq %rdx, %cr3         #@ first claim stack in new expect failed
    ret
    .size enter_space, . - enter_space
