"""The binary interface that programs have compiled in: written down in ndferry.json, and held to.

    python abi/gate.py            write down what include/ndferry.h says now, unless that breaks programs
    python abi/gate.py --check    fail unless ndferry.json says what include/ndferry.h says
    python abi/gate.py --library PATH    fail unless that library has every function that is written down

While NDF_ABI_VERSION stays what it is, functions, constants and structs may be added, and a struct that begins with
`struct_size` may grow at its end. Everything else breaks programs that are not compiled again, and is named.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
import declarations  # noqa: E402  (lies beside the package, not in it)

RECORD = Path(__file__).resolve().parent / "ndferry.json"
Interface = dict[str, Any]


def interface(header_text: str) -> Interface:
    """What a header promises, on machines like this one (64 bits, little-endian)."""
    header = declarations.Header(header_text)
    names: dict[str, Any] = {}
    exec(declarations.source(header), names)  # the C structs as ctypes lays them out: by the system's rules
    constants = dict(header.statuses)
    constants |= {name: value for name, value in header.defines if name.startswith("NDF_") and value[:1] not in "_"}
    return {
        "abi": int(constants.pop("NDF_ABI_VERSION")),
        "constants": {name: value for name, value in sorted(constants.items()) if name not in ("NDF_API", "NDF_NODISCARD")},
        "functions": {
            name: f"{result} ({', '.join(parameters)})" for name, result, parameters in sorted(header.functions())
        },
        "types": header.aliases | {
            name: " ".join(f"{result}(*)({parameters})".split())
            for result, name, parameters in re.findall(r"typedef ([\w ]+\**)\(\*(ndf_\w+)\)\(([^)]*)\);", header.code)
        },
        "structs": {
            name: {
                "size": ctypes.sizeof(names[name]),
                "align": ctypes.alignment(names[name]),
                "fields": [
                    {"name": field, "type": " ".join(c_type.split()), "offset": getattr(names[name], field).offset}
                    for c_type, field in fields
                ],
            }
            for name, fields in sorted(header.structs.items())
        },
    }


def breaks(old: Interface, new: Interface) -> list[str]:
    """What programs compiled with `old` would stumble over, each by name."""
    if old["abi"] != new["abi"]:
        return []  # another ABI, another name of the library: nothing old loads it
    found = []
    for kind, word in (("functions", "function"), ("constants", "constant"), ("types", "type")):
        for name, value in old[kind].items():
            if name not in new[kind]:
                found.append(f"{word} {name} is gone")
            elif new[kind][name] != value:
                found.append(f"{word} {name} was `{value}` and is `{new[kind][name]}`")
    for name, struct in old["structs"].items():
        found += [f"struct {name}: {what}" for what in struct_breaks(struct, new["structs"].get(name))]
    return found


def struct_breaks(old: Interface, new: Interface | None) -> list[str]:
    if new is None:
        return ["is gone"]
    found = []
    now = {field["name"]: field for field in new["fields"]}
    for field in old["fields"]:
        name = field["name"]
        if name not in now:
            found.append(f"field {name} is gone")
            continue
        for what in ("type", "offset"):
            if now[name][what] != field[what]:
                found.append(f"field {name} had {what} {field[what]} and has {now[name][what]}")
    may_grow = old["fields"][0]["name"] == "struct_size"
    if new["size"] != old["size"] and not (may_grow and new["size"] > old["size"]):
        found.append(f"had {old['size']} bytes and has {new['size']}")
    # What may grow is handed over by address, and options are read at any: an older program's alignment will do.
    if new["align"] != old["align"] and not (may_grow and new["align"] > old["align"]):
        found.append(f"was aligned to {old['align']} bytes and is to {new['align']}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Holds the binary interface to what is written down.")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--library", metavar="PATH")
    asked = parser.parse_args()
    new = interface(declarations.HEADER.read_text(encoding="utf-8"))
    old = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else new
    if found := breaks(old, new):
        raise SystemExit("the binary interface is broken (if it has to be: raise ABI in build.rs):\n  " + "\n  ".join(found))
    if asked.library:
        library = ctypes.CDLL(asked.library)
        if missing := [name for name in old["functions"] if not hasattr(library, name)]:
            raise SystemExit(f"{asked.library} lacks {', '.join(missing)}")
    elif asked.check:
        if old != new or not RECORD.is_file():
            raise SystemExit("abi/ndferry.json lacks what the header has gained: run `cargo xtask abi`, and commit it")
    else:
        RECORD.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
