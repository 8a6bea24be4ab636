"""What starting costs: importing netplay, and its Player, against importing httpx and av.

Each is timed as a whole process, in turn, less a process that imports nothing. The limit
for `import netplay` is twice what its two largest dependencies take.

    .venv/bin/python benchmarks/imports.py [--runs 15] [--json FILE]
"""

from __future__ import annotations

import subprocess
import sys
import time

from figures import arguments, median, write_json

LIMIT = 2.0
CODE = {
    "nothing": "pass",
    "httpx and av": "import httpx, av",
    "netplay": "import netplay",
    "netplay.Player": "import netplay; netplay.Player",
}


def seconds(code: str) -> float:
    """Return how long a new interpreter takes for some code."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began_s


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=15)
    wanted = parser.parse_args()
    for code in CODE.values():
        seconds(code)  # what is not compiled or cached yet is not measured
    taken: dict[str, list[float]] = {name: [] for name in CODE}
    for _ in range(wanted.runs):
        for name, code in CODE.items():
            taken[name].append(seconds(code))
    nothing_s = median(taken["nothing"])
    cost_s = {name: median(values) - nothing_s for name, values in taken.items()}
    peer_s = cost_s["httpx and av"]
    for name in ("httpx and av", "netplay", "netplay.Player"):
        print(f"{name}: {cost_s[name] * 1e3:.0f} ms, ratio {cost_s[name] / peer_s:.2f}")
    met = cost_s["netplay"] < LIMIT * peer_s
    print(f"limit for netplay {LIMIT:g}: {'met' if met else 'missed'}")
    write_json(wanted.json, {"imports_s": cost_s, "limit": LIMIT})


if __name__ == "__main__":
    main()
