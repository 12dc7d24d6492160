"""Writes ndferry/_declarations.py, the C API as ctypes sees it, _functions.pyi, as type checkers see it,
include/ndferry.cdef, as cffi's ABI mode reads it, and cpp_tests/functions.inc, the table that tests go through, from
include/ndferry.h.

    python python/declarations.py           write them
    python python/declarations.py --check   fail if they are not what would be written

It reads the header that cbindgen writes, not C in general, and stops at whatever it does not know.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = HERE.parent / "include" / "ndferry.h"
CDEF = HEADER.with_name("ndferry.cdef")
TABLE = HERE.parent / "cpp_tests" / "functions.inc"
PACKAGE = HERE / "ndferry"

SCALARS = {
    "bool": "c_bool", "char": "c_char", "int": "c_int", "double": "c_double",
    "int32_t": "c_int32", "int64_t": "c_int64", "ptrdiff_t": "c_ssize_t", "size_t": "c_size_t",
    "uint8_t": "c_uint8", "uint16_t": "c_uint16", "uint32_t": "c_uint32", "uint64_t": "c_uint64",
}  # fmt: skip
OPAQUE = {
    "void", "ndf_tensor", "struct DLManagedTensor", "struct DLManagedTensorVersioned", "struct ArrowSchema",
    "struct ArrowArray",
}  # fmt: skip


class Header:
    """The header's text without comments, and the types that it defines."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        self.defines = re.findall(r"^#define (NDF_\w+) (.+)$", text, flags=re.MULTILINE)
        self.code = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
        self.statuses = self._statuses()
        self.aliases = {"ndf_status": "int32_t"} | {
            name: target for target, name in re.findall(r"typedef (\w+) (ndf_\w+);", self.code)
        }
        self.callbacks = set(re.findall(r"typedef [\w ]+\**\(\*(ndf_\w+)\)\(", self.code))
        self.structs = {
            name: self._fields(name, body)
            for body, name in re.findall(r"typedef struct \{(.*?)\} (ndf_\w+);", self.code, flags=re.DOTALL)
        }

    @staticmethod
    def _fields(name: str, body: str) -> list[tuple[str, str]]:
        """Type and name of each field. None may be left out in silence: all that follow would lie elsewhere."""
        field = re.compile(r"([\w ]+?[ *]+)(\w+);")
        if unread := field.sub("", body).strip():
            raise SystemExit(f"{HEADER.name}: {name} has a field that this script cannot read: `{unread}`")
        return field.findall(body)

    def _statuses(self) -> list[tuple[str, str]]:
        body = re.search(r"enum ndf_status.*?\{(.*?)\};", self.code, flags=re.DOTALL)
        if body is None:
            raise SystemExit(f"{HEADER.name} has no enum ndf_status")
        return re.findall(r"(NDF_\w+) = (\d+)", body[1])

    def functions(self) -> list[tuple[str, str, list[str]]]:
        """Name, type of the result, types of the parameters."""
        return [
            (name, result, [re.sub(r"\w+\s*$", "", one).strip() for one in parameters])
            for name, result, parameters in self._prototypes()
        ]

    def parameter_names(self) -> list[tuple[str, list[str]]]:
        """Name, names of the parameters."""
        return [(name, [re.findall(r"\w+", one)[-1] for one in parameters]) for name, _, parameters in self._prototypes()]

    def _prototypes(self) -> list[tuple[str, str, list[str]]]:
        found = []
        for result, name, parameters in re.findall(r"NDF_API\s+([^();]*?)(ndf_\w+)\(([^)]*)\);", self.code):
            result = result.replace("NDF_NODISCARD", "").strip()
            found.append((name, result, [] if parameters.strip() == "void" else parameters.split(",")))
        return found

    def ctype(self, text: str, python: bool = False) -> str:
        """The ctypes name of a C type; with `python`, void* is a Python object."""
        words = re.sub(r"\bconst\b", "", text)
        base, stars = " ".join(words.replace("*", " ").split()), words.count("*")
        if base in self.callbacks:
            return "c_void_p"
        while base in self.aliases:
            base = self.aliases[base]
        if stars == 0 and base == "void":
            return "None"
        if base == "char" and stars == 1:
            return "c_char_p"
        if base in OPAQUE:
            stars -= 1
            name = "py_object" if python and base == "void" else "c_void_p"
        elif base in SCALARS:
            name = SCALARS[base]
        elif base in self.structs:
            name = base
        else:
            raise SystemExit(f"{HEADER.name}: `{text.strip()}` is no type that this script knows")
        return "POINTER(" * stars + name + ")" * stars


def constants(header: Header) -> list[str]:
    lines = []
    for name, value in header.defines:
        if name in ("NDF_API", "NDF_NODISCARD") or value.startswith(("__", "NDF_DTYPE(")):
            continue
        value = value.replace("INT64_MIN", "-(2**63)")
        if not re.fullmatch(r"-?\d+|-\(2\*\*63\)", value):
            raise SystemExit(f"{HEADER.name}: `{name}` is `{value}`, no integer")
        lines.append(f"{name} = {value}")
    return lines


def dtypes(header: Header) -> list[str]:
    """NDF_DTYPE_FLOAT32 and its like: the header's name in lower case, DLPack's code and bits."""
    lines = ["DTYPES = {"]
    for name, value in header.defines:
        if pair := re.fullmatch(r"NDF_DTYPE\((\d+), (\d+)\)", value):
            lines.append(f'    "{name.removeprefix("NDF_DTYPE_").lower()}": ({pair[1]}, {pair[2]}),')
    return [*lines, "}"]


def structs(header: Header) -> list[str]:
    lines = []
    for name, fields in header.structs.items():
        lines += ["", "", f"class {name}(Structure):", "    _fields_ = ["]
        lines += [f'        ("{field}", {header.ctype(text)}),' for text, field in fields]
        lines += ["    ]"]
    return lines


def signatures(header: Header) -> list[str]:
    lines = ["FUNCTIONS = {"]
    for name, result, parameters in header.functions():
        # The deleter's one argument is a context like any other.
        python = name.startswith("ndf_py_") and name != "ndf_py_release_object"
        types = [header.ctype(one, python) for one in parameters]
        lines.append(f'    "{name}": ({header.ctype(result, python)}, [{", ".join(types)}]),')
    return [*lines, "}"]


def source(header: Header) -> str:
    """The module that says in ctypes what the header says in C."""
    body = [
        *[f"{name} = {value}" for name, value in header.statuses], "",
        *constants(header), "",
        *dtypes(header),
        *structs(header), "", "",
        "# Name: type of the result, types of the parameters.",
        *signatures(header),
    ]  # fmt: skip
    text = "\n".join(body)
    names = sorted(set(re.findall(r"\b(POINTER|Structure|c_\w+|py_object)\b", text)))
    imports = "from ctypes import (\n" + "".join(f"    {name},\n" for name in names) + ")"
    return f"{HEAD}\n\n{imports}\n\n{text}\n"


HEAD = '"""Generated by python/declarations.py from include/ndferry.h. Do not edit."""'

# What ctypes makes of a result.
RESULTS = {"None": "None", "c_bool": "bool", "c_double": "float", "c_char_p": "bytes"}


def stub(header: Header) -> str:
    """The functions as methods of the loaded library."""
    lines = [HEAD, "", "from typing import Any", "", "class Functions:"]
    for name, result, _ in header.functions():
        ctype = header.ctype(result, name.startswith("ndf_py_"))
        whole = re.fullmatch(r"c_(int|size|ssize|uint)\w*", ctype)
        lines.append(f"    def {name}(self, *arguments: Any) -> {RESULTS.get(ctype, 'int' if whole else 'Any')}: ...")
    return "\n".join(lines) + "\n"


def cdef(header: Header) -> str:
    """What `cffi.FFI().cdef` takes: no comments, no preprocessor but for integers."""
    values = [f"#define {name} {value}" for name, value in header.statuses]
    for line in constants(header):
        name, value = line.split(" = ")
        values.append(f"#define {name} {-(2**63) if '**' in value else value}")
    code = re.sub(r"\bNDF_(API|NODISCARD)\b", "", header.code)
    code = re.sub(r'enum ndf_status.*?\};|typedef enum ndf_status ndf_status;|extern "C" \{|^\}\s*$', "", code, flags=re.DOTALL | re.MULTILINE)
    lines = [" ".join(line.split()) for line in code.splitlines()]
    head = "/* Generated by python/declarations.py from ndferry.h, for cffi's ABI mode. Do not edit. */"
    return "\n".join([head, *values, *(line for line in lines if line)]) + "\n"


def table(header: Header) -> str:
    """Every function with the names of its parameters, every field of a struct that says its size."""
    lines = [f"/* Generated by python/declarations.py from {HEADER.name}. Do not edit. */"]
    for name, parameters in header.parameter_names():
        lines.append(f'FUNCTION({name}, "{" ".join(parameters)}")')
    for name, fields in header.structs.items():
        if fields[0][1] == "struct_size":
            lines += [f"SIZED({name})", *(f"FIELD({name}, {field})" for _, field in fields[1:])]
    return "\n".join(lines) + "\n"


def main() -> None:
    header = Header(HEADER.read_text(encoding="utf-8"))
    outputs = {
        PACKAGE / "_declarations.py": source(header),
        PACKAGE / "_functions.pyi": stub(header),
        CDEF: cdef(header),
        TABLE: table(header),
    }
    if sys.argv[1:] == ["--check"]:
        for path, text in outputs.items():
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                raise SystemExit(f"{path.name} is stale: run `python python/declarations.py`")
    elif sys.argv[1:]:
        raise SystemExit("usage: declarations.py [--check]")
    else:
        for path, text in outputs.items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
