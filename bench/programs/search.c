// Binary search: a hundred numbers looked for in a sorted table of 1024.
#include "bench.h"

static u32 sorted[1024], words[128];

PROGRAM(search)
{
	INPUT(ctx);
	u32 number = 0, sum = 0;

	for (int i = 0; i < 1024; i++) {
		number += in[i];
		sorted[i] = number;
	}
	for (int i = 0; i < 128; i++)
		words[i] = read32(in + 4 * i);
	for (u32 i = ANY_ZERO; i < 100 && CAN_LOOP; i++) {
		u32 wanted = words[i & 127] & 0x1ffff, low = ANY_ZERO;

		for (u32 half = 512 + ANY_ZERO; half && CAN_LOOP; half >>= 1)
			if (sorted[(low + half) & 1023] <= wanted)
				low += half;
		sum = sum * 7 + low;
	}
	return sum;
}
