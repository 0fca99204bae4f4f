/* SPDX-License-Identifier: Apache-2.0
 *
 * A page walk of four levels, as a kernel does it that maps all physical memory at OFFSET: the entry of
 * the page table for an address, from the physical address of the top-level table; 0 where a table
 * on the way is missing, or where a large page takes its place.
 */
#define PRESENT 0x1ul
#define LARGE 0x80ul
#define ADDRESS 0x000ffffffffff000ul
#define OFFSET 0xffff800000000000ul

unsigned long walk(unsigned long root, unsigned long va)
{
    unsigned long entry = root;

    for (int shift = 39;; shift -= 9) {
        const unsigned long *table = (const unsigned long *)((entry & ADDRESS) + OFFSET);

        entry = table[va >> shift & 511];
        if (shift == 12)
            return entry;
        if (!(entry & PRESENT) || (entry & LARGE))
            return 0;
    }
}
