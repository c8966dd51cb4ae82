#!/usr/bin/env python3
"""Draws docs/codecs.svg from docs/codecs.tsv: ratio over speed, a panel per format. `compare.sh codecs --picture` calls this.

usage: picture.py CODECS.tsv CODECS.svg
"""
import csv
import math
import sys

PANELS = (("xpress", "XPRESS, chunks of 32 KiB"), ("lzx", "LZX, chunks of 32 KiB"), ("lzms", "LZMS, chunks of 64 MiB"))
PROGRAMS = ("wimlib", "wimkit")  # the last one is drawn on top
WIDTH, HEIGHT = 340, 320  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 34, 46  # around its plot
LEGEND = 34  # above the panels

STYLE = """
  svg { background: #fff; font: 11px system-ui, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif }
  text { fill: #24292f } .title { font-size: 13px; font-weight: 600 } .axis { fill: #57606a }
  .grid { stroke: #d8dee4 } .frame { stroke: #8c959f; fill: none }
  .curve { fill: none; stroke-width: 1.75; stroke-linejoin: round } .level { font-size: 10px; paint-order: stroke; stroke: #fff; stroke-width: 2px }
  .curve.wimkit { stroke: #0b5fc4 } .curve.wimlib { stroke: #b4530a; stroke-dasharray: 5 3 }
  .mark.wimkit, .level.wimkit { fill: #0b5fc4 } .mark.wimlib, .level.wimlib { fill: #b4530a }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #e6edf3 } .axis { fill: #9198a1 }
    .grid { stroke: #262c36 } .frame { stroke: #6e7681 } .level { stroke: #0d1117 }
    .curve.wimkit { stroke: #6cb6ff } .curve.wimlib { stroke: #f0a35e }
    .mark.wimkit, .level.wimkit { fill: #6cb6ff } .mark.wimlib, .level.wimlib { fill: #f0a35e }
  }"""


def read(path):
    """(format, program): [(level, ratio %, MB/s)], by level."""
    points = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            point = int(row["level"]), 100 * float(row["ratio"]), float(row["encode MB/s"])
            points.setdefault((row["format"], row["program"]), []).append(point)
    return {key: sorted(values) for key, values in points.items()}


def speed_ticks(low, high):
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for tick in (factor * 10.0**decade for decade in decades for factor in (1, 2, 5)) if low <= tick <= high]


def ratio_ticks(low, high):
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10) if (high - low) / step <= 7)
    return [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def mark(program, x, y, size=3.2):
    if program == "wimkit":
        return f'<circle class="mark wimkit" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    return f'<rect class="mark wimlib" x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}"/>'


class Labels:
    """Places for the levels' numbers that hide neither each other nor a mark nor a curve."""

    def __init__(self, curves):
        self.taken = [(x - 4, y - 4, x + 4, y + 4) for curve in curves for x, y in curve]
        for curve in curves:
            for (xa, ya), (xb, yb) in zip(curve, curve[1:]):
                steps = int(max(abs(xb - xa), abs(yb - ya)) / 2) + 1
                along = [(xa + (xb - xa) * step / steps, ya + (yb - ya) * step / steps) for step in range(steps)]
                self.taken += [(x - 1, y - 1, x + 1, y + 1) for x, y in along]

    def place(self, text, x, y, below):
        width, sides = 5.6 * len(text), (1, -1) if below else (-1, 1)
        around = [(dx, side * dy) for dy in (11, 8, 15, 20) for side in sides for dx in (0, 5, -5, 9, -9)]
        around += [(side * (6 + width / 2), dy) for side in (1, -1) for dy in (0, 4, -4)]
        for dx, dy in around:
            box = (x + dx - width / 2, y + dy - 4.5, x + dx + width / 2, y + dy + 4.5)
            if all(box[2] <= b[0] or b[2] <= box[0] or box[3] <= b[1] or b[3] <= box[1] for b in self.taken):
                self.taken.append(box)
                return x + dx, y + dy + 3.4
        return None  # better no number than an illegible one


def panel(points, codec, title, left):
    every = [point for (of, _), values in points.items() if of == codec for point in values]
    low, high = min(speed for _, _, speed in every) / 1.35, max(speed for _, _, speed in every) * 1.35
    best, worst = min(ratio for _, ratio, _ in every), max(ratio for _, ratio, _ in every)
    best, worst = best - 0.09 * (worst - best), worst + 0.09 * (worst - best)
    x0, x1, y0, y1 = left + LEFT, left + WIDTH - RIGHT, LEGEND + TOP, LEGEND + HEIGHT - BOTTOM
    x = lambda speed: x0 + (x1 - x0) * math.log(speed / low) / math.log(high / low)
    y = lambda ratio: y0 + (y1 - y0) * (worst - ratio) / (worst - best)

    svg = [f'<text class="title" x="{(x0 + x1) / 2}" y="{y0 - 12}" text-anchor="middle">{title}</text>']
    for tick in speed_ticks(low, high):
        svg.append(f'<path class="grid" d="M{x(tick):.1f} {y0}V{y1}"/>')
        svg.append(f'<text class="axis" x="{x(tick):.1f}" y="{y1 + 15}" text-anchor="middle">{tick:g}</text>')
    ticks = ratio_ticks(best, worst)
    decimals = 0 if all(tick == round(tick) for tick in ticks) else 1
    for tick in ticks:
        svg.append(f'<path class="grid" d="M{x0} {y(tick):.1f}H{x1}"/>')
        svg.append(f'<text class="axis" x="{x0 - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.{decimals}f} %</text>')
    svg.append(f'<rect class="frame" x="{x0}" y="{y0}" width="{x1 - x0}" height="{y1 - y0}"/>')
    svg.append(f'<text class="axis" x="{(x0 + x1) / 2}" y="{y1 + 34}" text-anchor="middle">compression, MB/s (faster: right)</text>')

    curves = [points.get((codec, program), []) for program in PROGRAMS]
    labels = Labels([[(x(speed), y(ratio)) for _, ratio, speed in curve] for curve in curves])
    for program, values in zip(PROGRAMS, curves):
        path = "L".join(f"{x(speed):.1f} {y(ratio):.1f}" for _, ratio, speed in values)
        if path:
            svg.append(f'<path class="curve {program}" d="M{path}"/>')
        for level, ratio, speed in values:
            svg.append(mark(program, x(speed), y(ratio)))
            place = labels.place(str(level), x(speed), y(ratio), below=program == "wimkit")
            if place:
                svg.append(f'<text class="level {program}" x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="middle">{level}</text>')
    return svg


def main():
    points = read(sys.argv[1])
    width, height = WIDTH * len(PANELS), LEGEND + HEIGHT
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
           "<title>Compressed size against speed of wimkit and wimlib at each level</title>", f"<style>{STYLE}\n</style>",
           '<text x="14" y="21">compressed size in % of the data (smaller: down), one thread; numbers are levels</text>']
    at = width - 170
    for program in reversed(PROGRAMS):
        svg.append(f'<path class="curve {program}" d="M{at} 17h26"/>{mark(program, at + 13, 17)}')
        svg.append(f'<text x="{at + 32}" y="21">{program}</text>')
        at += 84
    for index, (codec, title) in enumerate(PANELS):
        svg += panel(points, codec, title, index * WIDTH)
    with open(sys.argv[2], "w") as out:
        out.write("\n".join(svg) + "\n</svg>\n")


main()
