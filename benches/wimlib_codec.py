#!/usr/bin/env python3
"""Measures the codecs of wimlib's library as `wimkit bench --json` measures wimkit's, and prints the same JSON.

usage: wimlib_codec.py [--runs N] FILE xpress|lzx|lzms CHUNK_SIZE LEVEL...

One thread, its CPU time, one context for all chunks of FILE, chunks that do not shrink counted as they are, the median of
the runs. Through the public interface of libwim (Debian: libwim15); what the calls themselves cost from here (some
2 % of decoding chunks of 32 KiB) is measured with a function that does nothing, and taken off.
"""
import argparse
import ctypes
import json
import statistics
import sys
import time

TYPES = {"xpress": 1, "lzx": 2, "lzms": 3}  # enum wimlib_compression_type
SHORTEST = 0.1  # seconds: passes over little data are repeated, as wimkit does

# int create(type, chunk size, level or nothing, &context); size_t compress(src, size, dst, room, context);
# int decompress(src, stored size, dst, size, context).
wimlib = ctypes.CDLL("libwim.so.15")
CODE = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
for name, result, arguments in (
    ("wimlib_create_compressor", ctypes.c_int, [ctypes.c_int, ctypes.c_size_t, ctypes.c_uint, ctypes.c_void_p]),
    ("wimlib_create_decompressor", ctypes.c_int, [ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p]),
    ("wimlib_get_compressor_needed_memory", ctypes.c_uint64, [ctypes.c_int, ctypes.c_size_t, ctypes.c_uint]),
    ("wimlib_compress", ctypes.c_size_t, CODE),
    ("wimlib_decompress", ctypes.c_int, CODE),
    ("wimlib_free_compressor", None, [ctypes.c_void_p]),
    ("wimlib_free_decompressor", None, [ctypes.c_void_p]),
    ("wimlib_get_version", ctypes.c_uint32, CODE),  # takes nothing, and ignores what it is given
):
    function = getattr(wimlib, name)
    function.restype, function.argtypes = result, arguments


def seconds_of(work):
    """The mean CPU time of a pass."""
    begun, passes = time.thread_time(), 0
    while True:
        work()
        passes += 1
        taken = time.thread_time() - begun
        if taken >= SHORTEST:
            return taken / passes


def call(function, jobs):
    """Calls `function` with each of `jobs`; its results."""
    return [function(*job) for job in jobs]


def measure(data, kind, chunk_size, level, runs):
    """One result, as `wimkit bench --json` has it."""
    compressor, decompressor = ctypes.c_void_p(), ctypes.c_void_p()
    if wimlib.wimlib_create_compressor(kind, chunk_size, level, ctypes.byref(compressor)):
        sys.exit(f"wimlib_codec.py: no compressor for chunks of {chunk_size}, level {level}")
    if wimlib.wimlib_create_decompressor(kind, chunk_size, ctypes.byref(decompressor)):
        sys.exit(f"wimlib_codec.py: no decompressor for chunks of {chunk_size}")
    source = ctypes.create_string_buffer(data, len(data))
    packed = ctypes.create_string_buffer(b"\1" * len(data), len(data))
    unpacked = ctypes.create_string_buffer(b"\1" * min(chunk_size, len(data)))
    src, dst, out = (ctypes.addressof(buffer) for buffer in (source, packed, unpacked))

    chunks = [(at, min(chunk_size, len(data) - at)) for at in range(0, len(data), chunk_size)]
    jobs = [(src + at, size, dst + at, size - 1, compressor.value) for at, size in chunks]
    idle = seconds_of(lambda: call(wimlib.wimlib_get_version, jobs))
    stored = []  # 0: does not shrink

    def compress():
        stored[:] = call(wimlib.wimlib_compress, jobs)

    encode = [seconds_of(compress) - idle for _ in range(runs)]

    shrunk = [(at, size, packed_size) for (at, size), packed_size in zip(chunks, stored) if packed_size]
    jobs = [(dst + at, packed_size, out, size, decompressor.value) for at, size, packed_size in shrunk]
    for (at, size, _), job in zip(shrunk, jobs):
        if wimlib.wimlib_decompress(*job) or ctypes.string_at(out, size) != data[at : at + size]:
            sys.exit(f"wimlib_codec.py: the chunk at {at:#x} decodes wrongly")
    decode = None
    if jobs:
        idle = seconds_of(lambda: call(wimlib.wimlib_get_version, jobs))
        decode = [seconds_of(lambda: call(wimlib.wimlib_decompress, jobs)) - idle for _ in range(runs)]

    wimlib.wimlib_free_compressor(compressor)
    wimlib.wimlib_free_decompressor(decompressor)
    compressed = sum(packed_size or size for (_, size), packed_size in zip(chunks, stored))
    return {
        "chunk_size": chunk_size,
        "level": level,
        "compressed_bytes": compressed,
        "ratio": compressed / len(data),
        "encode_mb_per_second": len(data) / statistics.median(encode) / 1e6,
        "decode_mb_per_second": decode and sum(size for _, size, _ in shrunk) / statistics.median(decode) / 1e6,
        "encoder_memory": wimlib.wimlib_get_compressor_needed_memory(kind, chunk_size, level),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("file")
    parser.add_argument("format", choices=TYPES)
    parser.add_argument("chunk_size", type=int)
    parser.add_argument("level", type=int, nargs="+")
    args = parser.parse_args()
    with open(args.file, "rb") as file:
        data = file.read()
    results = [measure(data, TYPES[args.format], args.chunk_size, level, args.runs) for level in args.level]
    json.dump({"bytes": len(data), "results": [{"format": args.format} | result for result in results]}, sys.stdout, indent=2)
    print()


main()
