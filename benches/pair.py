#!/usr/bin/env python3
"""Times two commands in turn (A B A B …) and prints their medians and the ratio pair by pair.

usage: pair.py [--runs N] [--before CMD] NAME PEER 'OUR COMMAND' 'THEIR COMMAND'

Each command is a shell line. --before runs before every timed command (to remove its output, say). Printed, tab-separated: NAME,
PEER, our wall s, their wall s, ratio (theirs / ours: above 1 we are faster) as min / median / max, CPU ratio, our
peak and their peak of anonymous memory in MiB (RssAnon sampled every 5 ms: mapped input does not count).
"""
import argparse
import os
import statistics
import subprocess
import sys
import threading
import time


def anonymous_memory(pid):
    """RssAnon of a process and its children, in KiB."""
    total = 0
    try:
        with open(f"/proc/{pid}/status") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            total += sum(anonymous_memory(int(child)) for child in children.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def measure(command, before):
    """Wall seconds, CPU seconds and peak anonymous KiB of one run."""
    if before:
        subprocess.run(before, shell=True, check=True)
    begun = time.perf_counter()
    with open(os.devnull, "w") as null:
        child = subprocess.Popen(["sh", "-c", "exec " + command], stdout=null, stderr=subprocess.PIPE)
        peak, running = 0, True

        def watch():
            nonlocal peak
            while running:
                peak = max(peak, anonymous_memory(child.pid))
                time.sleep(0.005)

        def drain():
            errors.append(child.stderr.read())

        errors = []
        threads = [threading.Thread(target=watch), threading.Thread(target=drain)]
        for thread in threads:
            thread.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        running = False
        for thread in threads:
            thread.join()
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"pair.py: {command}: exit {child.returncode}\n{errors[0].decode(errors='replace')[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--before", default="")
    parser.add_argument("name")
    parser.add_argument("peer")
    parser.add_argument("ours")
    parser.add_argument("theirs")
    args = parser.parse_args()
    measure(args.ours, args.before)  # warm-up
    measure(args.theirs, args.before)
    ours, theirs = [], []
    for _ in range(args.runs):
        ours.append(measure(args.ours, args.before))
        theirs.append(measure(args.theirs, args.before))
    ratios = sorted(b[0] / a[0] for a, b in zip(ours, theirs))
    cpu = statistics.median(b[1] / max(a[1], 1e-3) for a, b in zip(ours, theirs))
    median = lambda runs, field: statistics.median(run[field] for run in runs)
    print(
        f"{args.name}\t{args.peer}\t{median(ours, 0):.3f}\t{median(theirs, 0):.3f}\t"
        f"{ratios[0]:.2f} / {statistics.median(ratios):.2f} / {ratios[-1]:.2f}\t{cpu:.2f}\t"
        f"{max(run[2] for run in ours) / 1024:.0f}\t{max(run[2] for run in theirs) / 1024:.0f}",
        flush=True,
    )


main()
