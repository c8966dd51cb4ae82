#!/usr/bin/env python3
"""Builds testdata/sample.wim and testdata/sample.esd: two editions of a pretend Windows tree.

    cargo run --release -- --version && testdata/make_sample.py        writes beside itself

All content is made up here from a fixed seed. The two files hold the same images: sample.wim with XPRESS,
sample.esd as a solid LZMS resource.
"""

import os
import pathlib
import random
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WIMKIT = HERE.parent / "target/release/wimkit"
EPOCH = 1_704_067_200  # 2024-01-01T00:00:00Z
WORDS = (
    "assembly dependency component security registry device driver service policy network storage display "
    "language resource session identity feature update package capability version manifest setup boot"
).split()


def manifest(rng, name):
    lines = ['<?xml version="1.0" encoding="utf-8"?>', '<assembly manifestVersion="1.0">']
    lines.append(f'  <assemblyIdentity name="Example-{name}" version="10.0.1.{rng.randrange(9999)}"/>')
    for _ in range(rng.randrange(20, 120)):
        a, b = rng.choice(WORDS), rng.choice(WORDS)
        lines.append(f'  <{a} name="{b}-{rng.randrange(64)}" enabled="true" order="{rng.randrange(8)}"/>')
    return "\r\n".join(lines + ["</assembly>", ""]).encode()


def program(rng):
    """Something with the statistics of machine code: few routines, many near-copies of them."""
    routines = [rng.randbytes(rng.randrange(40, 160)) for _ in range(12)]
    body = bytearray(b"MZ" + bytes(510))
    for _ in range(rng.randrange(150, 700)):
        routine = bytearray(rng.choice(routines))
        routine[rng.randrange(len(routine))] = rng.randrange(256)
        body += b"\x55\x8b\xec\xe8" + rng.randrange(1 << 20).to_bytes(4, "little") + routine + b"\xc9\xc3"
    return bytes(body)


def write(root, path, data):
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def build(root, edition):
    rng = random.Random(7)
    for number in range(110):
        name = f"{rng.choice(WORDS)}-{number:03}"
        write(root, f"Windows/WinSxS/Manifests/amd64_example-{name}.manifest", manifest(rng, name))
    for number in range(45):
        write(root, f"Windows/System32/{rng.choice(WORDS)}{number:02}.dll", program(rng))
    write(root, "Windows/System32/readme.txt", f"This is the {edition} edition of a pretend system.\r\n".encode())
    write(root, "Windows/System32/empty.log", b"")
    write(root, "Users/Default/Grüße aus Köln – 日本.txt", "Unicode in a name.\r\n".encode())
    if edition == "Professional":
        for number in range(8):
            write(root, f"Windows/System32/pro{number:02}.dll", program(rng))
    first = sorted((root / "Windows/System32").glob("*.dll"))[0]
    copy = root / "Windows/WinSxS/amd64_example-linked" / first.name
    copy.parent.mkdir(parents=True)
    os.link(first, copy)
    os.symlink("System32/readme.txt", root / "Windows/readme.lnk")
    (root / "PerfLogs").mkdir()
    for directory, names, files in os.walk(root, topdown=False):
        for entry in files + names:
            os.utime(os.path.join(directory, entry), (EPOCH, EPOCH), follow_symlinks=False)
    os.utime(root, (EPOCH, EPOCH))


def wimkit(*arguments):
    subprocess.run([WIMKIT, *map(str, arguments), "--quiet"], check=True, env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH)})


def main():
    wim, esd = HERE / "sample.wim", HERE / "sample.esd"
    wim.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for image, edition in enumerate(("Home", "Professional"), 1):
            root = pathlib.Path(scratch, edition)
            root.mkdir()
            build(root, edition)
            command = ["capture", root, wim, "--compress", "xpress"] if image == 1 else ["append", root, wim]
            wimkit(*command, "--name", f"Example {edition}", "--description", f"The {edition} edition", "--flags", edition)
            properties = {
                "DISPLAYNAME": f"Example {edition}", "WINDOWS/ARCH": "9",
                "WINDOWS/PRODUCTNAME": "Example Operating System", "WINDOWS/EDITIONID": edition,
                "WINDOWS/INSTALLATIONTYPE": "Client", "WINDOWS/LANGUAGES/LANGUAGE": "en-US",
                "WINDOWS/LANGUAGES/DEFAULT": "en-US", "WINDOWS/VERSION/MAJOR": "10", "WINDOWS/VERSION/MINOR": "0",
                "WINDOWS/VERSION/BUILD": "26100", "WINDOWS/VERSION/SPBUILD": "1742", "WINDOWS/VERSION/SPLEVEL": "0",
                "WINDOWS/SYSTEMROOT": "WINDOWS",
            }
            wimkit("info", wim, image, *(f"--set={path}={value}" for path, value in properties.items()))
    wimkit("optimize", wim)
    wimkit("export", wim, "all", esd, "--solid", "--compress", "lzms", "--force")


if __name__ == "__main__":
    main()
