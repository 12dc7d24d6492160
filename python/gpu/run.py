"""Everything that wants a GPU, on a machine that has one, and nothing to compile with: prebuilt programs, checks against
every library that is there, the sanitizer, the benchmark; one report.

    python run.py --bundle FOLDER [--report FOLDER] [--fake] [--no-bench]

The bundle is what `cargo xtask gpu` makes in target/gpu: lib/, programs/, python/, benches/. Needs NumPy; takes torch,
CuPy, Numba, JAX and cuda.core where they are.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

Outcome = dict[str, Any]


def run_programs(folder: Path) -> list[Outcome]:
    """The C and C++ programs, as CTest would run them."""
    found = []
    for program in sorted(folder.iterdir()):
        began = time.perf_counter()
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
        found.append(outcome("programs", program.name, done.returncode == 0, began, done.stdout[-2000:]))
    return found


def sanitized(folder: Path) -> list[Outcome]:
    """The programs with kernels under compute-sanitizer, if that is there."""
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if not os.path.exists(tool):
        return [{"group": "compute-sanitizer", "name": "compute-sanitizer", "status": "absent", "why": "not installed here"}]
    found = []
    for program in sorted(folder.iterdir()):
        if "cuda" not in program.name and "kernel" not in program.name:
            continue
        for check in ("memcheck", "racecheck", "initcheck", "synccheck"):
            began = time.perf_counter()
            command = [tool, "--tool", check, "--error-exitcode", "9", str(program)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1200)
            found.append(outcome("compute-sanitizer", f"{check} {program.name}", done.returncode == 0, began, done.stdout[-2000:]))
    return found


def outcome(group: str, name: str, ok: bool, began: float, why: str = "") -> Outcome:
    seconds = round(time.perf_counter() - began, 2)
    return {"group": group, "name": name, "status": "ok" if ok else "FAILED", "seconds": seconds, "why": "" if ok else why}


def run_checks(is_fake: bool) -> tuple[list[Outcome], dict[str, str], dict[str, str]]:
    import checks
    import frameworks

    checks.ON_FAKE = is_fake
    present, absent = frameworks.present()
    found = []
    for group, sentence, check in checks.all_checks(present):
        began = time.perf_counter()
        try:
            check()
            found.append(outcome(group, sentence, True, began))
        except checks.Skip as why:
            found.append({"group": group, "name": sentence, "status": "skipped", "why": str(why)})
        except Exception:
            found.append(outcome(group, sentence, False, began, traceback.format_exc()[-2000:]))
    return found, {one.name: one.version for one in present}, absent


def conditions(is_fake: bool) -> Outcome:
    import ndferry
    from driver import Driver

    driver = Driver()
    major, minor = driver.capability
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "fake": is_fake,
        "gpu": ndferry.device("cuda").description,
        "capability": f"{major}.{minor}",
        "driver": driver.version,
        "kernel_driver": nvidia_smi(),
        "ndferry": ndferry.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def nvidia_smi() -> str:
    try:
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout.split("\n")[0].strip()
    except OSError:
        return ""


def render(report: Outcome) -> str:
    about = report["conditions"]
    lines = [
        "# ndferry on a GPU" + (" (the fake driver: nothing here says anything of hardware)" if about["fake"] else ""), "",
        f"Made by `cargo xtask gpu` on {about['date']}: {about['gpu']}, compute capability {about['capability']}, driver "
        f"{about['kernel_driver']} (CUDA {about['driver']}), Python {about['python']}, {about['system']}.", "",
        f"Libraries: {', '.join(f'{name} {version}' for name, version in report['libraries'].items()) or 'none'}.",
    ]  # fmt: skip
    for name, why in report["absent"].items():
        lines.append(f"Left out: {name} ({why}).")
    lines += ["", "| | ok | failed | skipped |", "|---|---|---|---|"]
    groups = dict.fromkeys(one["group"] for one in report["outcomes"])
    for group in groups:
        count = [one["status"] for one in report["outcomes"] if one["group"] == group]
        lines.append(f"| {group} | {count.count('ok')} | {count.count('FAILED')} | {count.count('skipped') + count.count('absent')} |")
    for one in report["outcomes"]:
        if one["status"] != "ok":
            lines += ["", f"**{one['status']}**: {one['group']}: {one['name']}", "", "```", str(one["why"]).strip(), "```"]
    lines += ["", report.get("bench", "")]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--fake", action="store_true", help="the driver is the project's fake one")
    parser.add_argument("--no-bench", action="store_true")
    asked = parser.parse_args()
    bundle = asked.bundle.resolve()
    os.environ.setdefault("NDFERRY_LIBRARY", str(bundle / "lib" / "libndferry.so.0"))
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([str(bundle / "lib"), os.environ.get("LD_LIBRARY_PATH", "")])
    sys.path[:0] = [str(bundle / "python"), str(Path(__file__).resolve().parent)]

    found, libraries, absent = run_checks(asked.fake)
    found = run_programs(bundle / "programs") + found
    if not asked.fake:
        found += sanitized(bundle / "programs")
    report: Outcome = {"conditions": conditions(asked.fake), "libraries": libraries, "absent": absent, "outcomes": found}
    if not asked.no_bench:
        import bench

        report["rows"] = bench.run(smoke=asked.fake)
        report["bench"] = bench.render(report["rows"], asked.fake)
    text = render(report)
    print(text)
    if asked.report:
        asked.report.mkdir(parents=True, exist_ok=True)
        (asked.report / "gpu.md").write_text(text, encoding="utf-8")
        (asked.report / "gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    failed = [one for one in found if one["status"] == "FAILED"]
    print(f"{sum(one['status'] == 'ok' for one in found)} passed, {len(failed)} failed, "
          f"{sum(one['status'] in ('skipped', 'absent') for one in found)} skipped")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
