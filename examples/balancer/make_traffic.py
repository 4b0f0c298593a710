#!/usr/bin/env python3
"""Makes traffic.pcap: conversations of `skep generate` whose server becomes the balancer's virtual address, and the
backends' answers. Which backend answers a client is learned from the balancer itself: the clients' packets go through it
first.   usage: make_traffic.py SKEP > traffic.pcap      (in this folder)"""
import struct
import subprocess
import sys
import tempfile

skep = sys.argv[1]
VIP, MAC = bytes([192, 0, 2, 10]), bytes([2, 0, 0, 0x10, 0, 1])
BYTES, OTHERS = 280_000, 40


def read(data):
    """(header, frame) of each packet of a microsecond pcap in this machine's order."""
    at = 24
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        yield data[at:at + 16], bytearray(data[at + 16:at + 16 + length])
        at += 16 + length


def checksum(data):
    data = bytes(data) + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Ipv4:
    """Where things are in an untagged or tagged IPv4 frame with TCP or UDP."""

    def __init__(self, frame):
        self.frame, self.at = frame, 18 if frame[12:14] == b"\x81\x00" else 14
        self.ok = frame[self.at - 2:self.at] == b"\x08\x00" and frame[self.at + 9] in (6, 17)
        if self.ok:
            self.protocol, self.l4 = frame[self.at + 9], self.at + (frame[self.at] & 15) * 4
            self.source, self.destination = bytes(frame[self.at + 12:self.at + 16]), bytes(frame[self.at + 16:self.at + 20])
            self.ports = struct.unpack_from("!HH", frame, self.l4)

    def key(self):
        """(client, client port, protocol, server port), or None: no service."""
        if self.destination[:3] == VIP[:3] and self.ports[1] in (53, 80, 443):
            return self.source, self.ports[0], self.protocol, self.ports[1]
        if self.source[:3] == VIP[:3] and self.ports[0] in (53, 80, 443):
            return self.destination, self.ports[1], self.protocol, self.ports[0]
        return None

    def write(self, source, source_port, destination, destination_port):
        frame, at, l4 = self.frame, self.at, self.l4
        frame[at + 12:at + 20] = source + destination
        struct.pack_into("!HH", frame, l4, source_port, destination_port)
        struct.pack_into("!H", frame, at + 10, 0)
        struct.pack_into("!H", frame, at + 10, checksum(frame[at:l4]))
        end = at + struct.unpack_from("!H", frame, at + 2)[0]
        field = l4 + (16 if self.protocol == 6 else 6)
        struct.pack_into("!H", frame, field, 0)
        pseudo = source + destination + struct.pack("!BBH", 0, self.protocol, end - l4)
        struct.pack_into("!H", frame, field, checksum(pseudo + frame[l4:end]) or 0xffff)


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([skep, "generate", "--count", "20000", "--seed", "11", f"{folder}/raw.pcap"], check=True)
    raw = open(f"{folder}/raw.pcap", "rb").read()
    # The first conversations with a third of all servers, from the client's first packet on, and a few other packets.
    chosen, packets, size, others = set(), [], 24, 0
    for header, frame in read(raw):
        p = Ipv4(frame)
        key = p.key() if p.ok else None
        if key is None and others < OTHERS:
            others += 1
        elif key is None:
            continue
        elif key not in chosen:
            if key[1] != p.ports[0] or len(chosen) == 60:
                continue
            chosen.add(key)
        if size + len(frame) + 16 > BYTES:
            break
        size += len(frame) + 16
        if key and key[1] == p.ports[0]:
            frame[0:6] = MAC
            p.write(p.source, p.ports[0], VIP, p.ports[1])
        packets.append((header, frame, p, key))
    with open(f"{folder}/up.pcap", "wb") as up:
        up.write(raw[:24] + b"".join(h + f for h, f, p, key in packets if key and key[1] == p.ports[0]))
    subprocess.run([skep, "run", "balancer.bpf.c", "--pcap", f"{folder}/up.pcap", "--batch", "backends.batch", "--write",
                    f"{folder}/sent.pcap"], check=True, stdout=sys.stderr)
    # The balancer keeps the order, and sends on everything of these.
    backends = {}
    ups = [key for _, _, p, key in packets if key and key[1] == p.ports[0]]
    for key, (_, frame) in zip(ups, read(open(f"{folder}/sent.pcap", "rb").read()), strict=True):
        p = Ipv4(frame)
        backends[key] = (p.destination, p.ports[1], bytes(frame[0:6]))
    out = sys.stdout.buffer
    out.write(raw[:24])
    for header, frame, p, key in packets:
        if key and key[1] == p.ports[1]:
            address, port, mac = backends[key]
            frame[0:12] = MAC + mac
            p.write(address, port, p.destination, p.ports[1])
        out.write(header + frame)
