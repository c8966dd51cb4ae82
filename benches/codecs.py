#!/usr/bin/env python3
"""Compares wimkit's codecs with those of wimlib's library on one file, one thread, CPU time. `compare.sh codecs` calls this.

usage: codecs.py [--runs N] [--lzms-runs N] [--row WORD]... WIMKIT FILE                     a table of paired runs
       codecs.py [--runs N] [--lzms-runs N] [--row FORMAT]... --curve OUT.tsv WIMKIT FILE   every level of both, for picture.py

With --row, a curve is measured of these formats (xpress, lzx, lzms) alone; others stay as OUT.tsv has them.

In pairs the programs run in turn (A B A B ...), and the speed ratio is taken pair by pair: absolute speeds drift with
what else a machine does, ratios hardly. Each decodes what it encoded itself.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CHUNK_SIZES = {"xpress": 32 << 10, "lzx": 32 << 10, "lzms": 64 << 20}

# What wimlib's level is used for, and which of our levels serves the same.
#        name                   format   what      wimlib  wimkit
ROWS = (
    ("LZX decode",              "lzx",    "decode",  50,    5),
    ("XPRESS decode",           "xpress", "decode",  50,    5),
    ("LZMS decode",             "lzms",   "decode",  50,    5),
    ("LZX encode, quick",       "lzx",    "encode",  20,    2),
    ("LZX encode, default",     "lzx",    "encode",  50,    5),
    ("LZX encode, best",        "lzx",    "encode",  100,   9),
    ("XPRESS encode, quick",    "xpress", "encode",  50,    5),
    ("XPRESS encode, best",     "xpress", "encode",  80,    7),
    ("LZMS encode",             "lzms",   "encode",  50,    5),
)

# The levels of the curve.
WIMKIT_LEVELS = range(1, 10)
WIMLIB_LEVELS = {
    "xpress": (10, 20, 30, 50, 60, 80, 100),
    "lzx": (10, 20, 30, 40, 50, 80, 100),
    "lzms": (10, 20, 30, 40, 50, 100),
}


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"codecs.py: exit {done.returncode}: {' '.join(map(str, command))}")
    return json.loads(done.stdout)["results"][0]


def wimkit(program, file, codec, level):
    options = ["--compress", f"{codec}:{level}", "--chunk-size", CHUNK_SIZES[codec], "--limit", os.path.getsize(file)]
    return run([program, "bench", "--json", file, *map(str, options)])


def wimlib(file, codec, level):
    return run([sys.executable, os.path.join(HERE, "wimlib_codec.py"), file, codec, str(CHUNK_SIZES[codec]), str(level)])


def pairs(args):
    """A table on standard output, tab-separated."""
    rows = [row for row in ROWS if not args.row or any(word in row[0] for word in args.row)]
    measured = {}
    print("what\twimlib level\twimkit level\twimlib ratio %\twimkit ratio %\twimlib MB/s\twimkit MB/s"
          "\twimkit/wimlib speed min / median / max\twimlib MiB\twimkit MiB")
    for name, codec, what, their_level, our_level in rows:
        levels = (codec, their_level, our_level)
        if levels not in measured:
            count = args.lzms_runs if codec == "lzms" else args.runs
            measured[levels] = [
                (wimkit(args.wimkit, args.file, codec, our_level), wimlib(args.file, codec, their_level))
                for _ in range(count)
            ]
        runs = measured[levels]
        (ours, theirs), speed = runs[0], f"{what}_mb_per_second"
        median = lambda side: statistics.median(pair[side][speed] for pair in runs)
        ratios = [our_run[speed] / their_run[speed] for our_run, their_run in runs]
        memory = "–\t–"  # what a decoder takes neither library tells
        if what == "encode":
            memory = "\t".join(f"{side['encoder_memory'] / 2**20:.1f}" for side in (theirs, ours))
        print(f"{name}\t{their_level}\t{our_level}\t{100 * theirs['ratio']:.2f}\t{100 * ours['ratio']:.2f}"
              f"\t{median(1):.1f}\t{median(0):.1f}"
              f"\t{min(ratios):.2f} / {statistics.median(ratios):.2f} / {max(ratios):.2f}\t{memory}", flush=True)


def curve(args):
    """Medians of every level of both programs, tab-separated, into a file."""
    lines = ["format\tprogram\tlevel\tratio\tencode MB/s\tdecode MB/s\tencoder bytes"]
    before = []
    if args.row:
        with open(args.curve) as old:
            before = old.read().splitlines()
    for codec in CHUNK_SIZES:
        if args.row and codec not in args.row:
            lines += [line for line in before if line.startswith(codec + "\t")]
            continue
        count = args.lzms_runs if codec == "lzms" else args.runs
        settings = [("wimkit", level) for level in WIMKIT_LEVELS] + [("wimlib", level) for level in WIMLIB_LEVELS[codec]]
        results = {setting: [] for setting in settings}
        # Round by round, so that a slow minute of the machine hits one run of many levels, and not many of one.
        for _ in range(count):
            for setting, runs in results.items():
                program, level = setting
                runs.append(wimkit(args.wimkit, args.file, codec, level) if program == "wimkit"
                            else wimlib(args.file, codec, level))
        for (program, level), runs in results.items():
            encode, decode = (statistics.median(run[f"{what}_mb_per_second"] for run in runs) for what in ("encode", "decode"))
            lines.append(f"{codec}\t{program}\t{level}\t{runs[0]['ratio']:.5f}\t{encode:.2f}\t{decode:.1f}"
                         f"\t{runs[0]['encoder_memory']}")
            print(lines[-1], flush=True)
    with open(args.curve, "w") as out:
        out.write("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lzms-runs", type=int, default=3)
    parser.add_argument("--row", action="append")
    parser.add_argument("--curve")
    parser.add_argument("wimkit")
    parser.add_argument("file")
    args = parser.parse_args()
    if args.curve and not CHUNK_SIZES.keys() >= set(args.row or ()):
        parser.error("a curve is of formats: --row is one of " + ", ".join(CHUNK_SIZES))
    curve(args) if args.curve else pairs(args)


main()
