// A string looked for in a payload: how often a byte pair occurs, where the longest run without it begins.
#include "bench.h"

enum { length = 1400 };

static u8 text[2048] __attribute__((aligned(8)));

PROGRAM(scan)
{
	INPUT(ctx);
	u32 found = 0, letters = 0, run = 0, longest = 0, place = 0;

	for (int i = 0; i < length / 8; i++)
		((u64 *)text)[i] = read64(in + 8 * i);
	for (u32 i = 0; i + 2 <= length && CAN_LOOP; i++) {
		u8 c = text[i & 2047];

		if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			letters++;
		if (c == 'G' && text[(i + 1) & 2047] == 'E') {
			found++;
			run = 0;
		} else if (++run > longest) {
			longest = run;
			place = i;
		}
	}
	return found << 24 ^ letters << 12 ^ place ^ longest << 4;
}
