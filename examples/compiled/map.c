/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps a page of 4 KiB, as a kernel does it that maps all physical memory at OFFSET: tables that are missing
 * on the way are made from frames of zeros.  A free frame's first word is the physical address of the
 * next one, and the caller knows that there are enough of them.
 */
#define PRESENT 0x1ul
#define WRITABLE 0x2ul
#define ADDRESS 0x000ffffffffff000ul
#define OFFSET 0xffff800000000000ul

static __attribute__((noinline)) unsigned long take(unsigned long *head)
{
    unsigned long frame = *head;
    unsigned long *next = (unsigned long *)(frame + OFFSET);

    *head = *next;
    *next = 0;
    return frame;
}

void map(unsigned long root, unsigned long va, unsigned long leaf, unsigned long *head)
{
    unsigned long entry = root;

    for (int shift = 39;; shift -= 9) {
        unsigned long *table = (unsigned long *)((entry & ADDRESS) + OFFSET);
        unsigned long *slot = &table[va >> shift & 511];

        if (shift == 12) {
            *slot = leaf;
            return;
        }
        entry = *slot;
        if (!(entry & PRESENT))
            *slot = entry = take(head) | WRITABLE | PRESENT;
    }
}
