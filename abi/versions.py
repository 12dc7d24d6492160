"""Headers that were released: kept in abi/<version>/ for good, and held to.

    python abi/versions.py             fail unless they lie here as they were released, and include/ndferry.h breaks no program
                                       that was compiled with one of them
    python abi/versions.py --abigail   have libabigail compare what it extracted from each with what it extracts now
    python abi/versions.py --keep      keep include/ as the headers of the version in Cargo.toml; needs libabigail

libabigail reads what compilers say of C in debugging information, and a library in Rust has none of that. So it is given
a library of functions that do nothing, made from the header. What may be added is left out of it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import gate
from gate import Interface, declarations

HERE = Path(__file__).resolve().parent
SUMS = HERE / "SHA256SUMS"
EXTRACTED = "ndferry.abi"
MACHINE = "x86_64"  # of which the files of libabigail are


def version() -> str:
    text = (gate.ROOT / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([\d.]+)"$', text, flags=re.MULTILINE)
    if found is None:
        raise SystemExit("Cargo.toml has no version of three numbers")
    return found[1]


# ------------------------------------------------------------------------------------------------- what is kept


def kept(folder: Path) -> list[Path]:
    """One folder for each version."""
    return sorted(path.parent for path in folder.glob("*/ndferry.h"))


def sums(folder: Path) -> str:
    """As sha256sum writes them."""
    files = sorted(path for version in kept(folder) for path in version.iterdir())
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files
    )


def changed(folder: Path) -> list[str]:
    """What was released otherwise than it lies here, each by name."""
    released, here = ({line[66:]: line[:64] for line in text.splitlines()}
                      for text in ((folder / SUMS.name).read_text(encoding="utf-8"), sums(folder)))  # fmt: skip
    found = [f"{name} is gone" for name in released.keys() - here.keys()]
    found += [f"{name} was not released with its version" for name in here.keys() - released.keys()]
    found += [f"{name} is not as it was released" for name in released.keys() & here.keys() if released[name] != here[name]]
    return sorted(found)


def keep(folder: Path, include: Path, name: str) -> None:
    place = folder / name
    if place.exists():
        raise SystemExit(f"the headers of {name} are kept already: raise the version in Cargo.toml")
    if shutil.which("abidw") is None or platform.machine() != MACHINE:
        raise SystemExit(f"to keep headers takes libabigail's abidw (Debian: abigail-tools) on {MACHINE}")
    place.mkdir()
    for header in sorted([*include.glob("*.h"), *include.glob("*.hpp")]):
        shutil.copyfile(header, place / header.name)
    with tempfile.TemporaryDirectory() as scratch:
        library = build(stub((place / "ndferry.h").read_text(encoding="utf-8")), Path(scratch))
        options = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--type-id-style", "hash"]
        subprocess.run(["abidw", *options, "--out-file", place / EXTRACTED, library], check=True)
    (folder / SUMS.name).write_text(sums(folder), encoding="utf-8")


def broken(folder: Path, text: str) -> list[str]:
    """What programs compiled with a kept header would stumble over in a library of the header `text`."""
    now = gate.interface(text)
    found = []
    for place in kept(folder):
        old: Interface = gate.interface((place / "ndferry.h").read_text(encoding="utf-8"))
        found += [f"{place.name}: {what}" for what in gate.breaks(old, now)]
    return found


# --------------------------------------------------------------------------------------------------- libabigail


def cut(text: str, old: str) -> str:
    """The header `text`; of structs that say their size only the fields that the header `old` had."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    for name, fields in declarations.Header(old).structs.items():
        if fields[0][1] == "struct_size":
            grown = r"(typedef struct \{(?:[^;}]*;){%d})[^}]*(\} %s;)" % (len(fields), name)
            text = re.sub(grown, r"\1\n\2", text)
    return text


def stub(text: str) -> str:
    """A library of the header `text`, in C."""
    bodies = re.sub(r"NDF_API\s+([^;{}]*?\bndf_\w+\([^;{}]*\));", r"NDF_API \1 { __builtin_trap(); }", text)
    # In C11 no function takes or gives the enumeration itself.
    return f"{bodies}\nenum ndf_status ndf_every_status;\n"


def number(text: str) -> str:
    return dict(declarations.Header(text).defines)["NDF_ABI_VERSION"]


def build(source: str, folder: Path) -> Path:
    (folder / "stub.c").write_text(source, encoding="utf-8")
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    options = ["-std=c11", "-g", "-w", "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,libndferry.so.{number(source)}"]
    subprocess.run([*compiler, *options, "stub.c", "-o", "stub.so"], cwd=folder, check=True)
    return folder / "stub.so"


def differences(place: Path, text: str) -> str:
    """libabigail's report of what programs compiled with the kept header would stumble over; empty if nothing."""
    old = (place / "ndferry.h").read_text(encoding="utf-8")
    if number(old) != number(text):
        return ""  # another ABI, another name of the library: nothing old loads it
    with tempfile.TemporaryDirectory() as scratch:
        command = ["abidiff", "--no-added-syms", "--no-show-locs", place / EXTRACTED, build(stub(cut(text, old)), Path(scratch))]
        finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"{place.name}:\n{finished.stdout}" if finished.returncode else ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Holds the header to those that were released.")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--abigail", action="store_true")
    asked = parser.parse_args()
    text = declarations.HEADER.read_text(encoding="utf-8")
    if asked.keep:
        keep(HERE, declarations.HEADER.parent, version())
    elif not kept(HERE):
        raise SystemExit("no version is kept")
    elif asked.abigail:
        if platform.machine() != MACHINE:
            raise SystemExit(f"what libabigail extracted is of {MACHINE}, this machine is {platform.machine()}")
        if reports := [report for place in kept(HERE) if (report := differences(place, text))]:
            raise SystemExit("libabigail finds programs broken that were compiled with the headers of\n" + "\n".join(reports))
    elif found := changed(HERE) + broken(HERE, text):
        raise SystemExit("programs that were compiled with released headers rely on what is changed:\n  " + "\n  ".join(found))


if __name__ == "__main__":
    main()
