/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a page walk, as a kernel does it that maps all physical memory at OFFSET: the virtual
 * address of the next table, from the slot of the table above; null where its entry is not present.
 */
#define PRESENT 0x1ul
#define ADDRESS 0x000ffffffffff000ul
#define OFFSET 0xffff800000000000ul

unsigned long *next_table(const unsigned long *slot)
{
    unsigned long entry = *slot;

    if (!(entry & PRESENT))
        return 0;
    return (unsigned long *)((entry & ADDRESS) + OFFSET);
}
