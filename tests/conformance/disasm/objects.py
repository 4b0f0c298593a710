"""Objects as the comparisons see them: read by a parser that shares nothing with skep's."""
import struct


class Object:
    """What an object says, in terms that do not depend on the order of its tables."""

    def __init__(self, data):
        self.data, e = data, "<" if data[5] == 1 else ">"
        table, = struct.unpack_from(e + "Q", data, 40)
        count, names_at = struct.unpack_from(e + "HH", data, 60)
        heads = [struct.unpack_from(e + "IIQQQQIIQQ", data, table + 64 * i) for i in range(count)]
        names = [self.text(heads[names_at], h[0]) for h in heads]
        symbols = []
        for h in heads:
            for at in range(h[4], h[4] + h[5], 24) if h[1] == 2 else ():
                name, info, other, place, value, size = struct.unpack_from(e + "IBBHQQ", data, at)
                symbols.append((self.text(heads[h[6]], name), info, other, names[place] if place < count else place, value, size))
        self.sections = {n: (h[1], h[2], h[8], data[h[4]:h[4] + h[5]] if h[1] != 8 else h[5]) for n, h in zip(names, heads)
                         if h[1] not in (0, 2, 3, 9, 18, 0x6FFF4C03) and (n != ".text" or h[5])}
        self.symbols = sorted(map(str, {s for s in symbols[1:] if s[1] & 15 != 3}))
        self.relocations = {}
        modern = {11: 3, 12: 2}  # binutils before 2.41
        for h in heads:
            for at in range(h[4], h[4] + h[5], 16) if h[1] == 9 else ():
                offset, info = struct.unpack_from(e + "QQ", data, at)
                kind = modern.get(info & 0xFFFFFFFF, info & 0xFFFFFFFF)
                self.relocations.setdefault(names[h[7]], []).append((offset, kind, symbols[info >> 32][:4]))
        for found in self.relocations.values():
            found.sort()

    def text(self, table, offset):
        return self.data[table[4] + offset:self.data.index(b"\0", table[4] + offset)].decode(errors="replace")
