"""Asks one library what it does with one DLPack struct after another. Runs as a process of its own, because some
libraries end theirs: `python probe.py LIBRARY` reads a case a line from its standard input, as JSON, and answers each with
a line of JSON. `ask` is the other end.

Each struct is made by ndferry and reaches the library untouched, whatever the library asks for: `Raw` is no more than a
producer that cannot help it.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import subprocess
import sys

import ndferry
from ndferry import _declarations as c
from ndferry._dtype import of_struct

ROOM = 1 << 14


def cases() -> dict[str, dict]:
    """What is asked, by name. Each case differs from the plain one in one way."""
    found: dict[str, dict] = {"plain": {}}
    found |= {f"{struct} struct": {"struct": struct} for struct in ("legacy", "versioned")}
    found |= {f"dtype {name(code, bits)}": {"dtype": (code, bits, 1)} for code, all_ in WIDTHS.items() for bits in all_}
    found["dtype float4 in pairs"] = {"dtype": (17, 4, 2)}
    found["dtype float32 in pairs"] = {"dtype": (2, 32, 2)}
    found |= {f"strides {what}": {"shape": s, "strides": t} for what, (s, t) in STRIDES.items()}
    found |= {f"alignment {n}": {"offset": n} for n in (1, 2, 4, 8, 16, 32, 64, 128)}
    found |= {f"alignment {n} of float64": {"offset": n, "dtype": (2, 64, 1)} for n in (1, 4, 8, 16, 32, 64)}
    found["alignment 4 without axes"] = {"offset": 4, "shape": (), "strides": ()}
    found |= {f"device {ndferry.Device(*device)}": {"device": device} for device in DEVICES}
    found |= {f"ndim {n}": {"shape": (2,) + (1,) * (n - 1), "strides": None} for n in (1, 5, 7, 9, 17, 26, 32, 33, 64)}
    return found


# DLPack's type codes, and the bits that each is asked with.
WIDTHS: dict[int, tuple[int, ...]] = {
    0: (2, 4, 8, 16, 32, 64), 1: (2, 4, 8, 16, 32, 64), 2: (16, 32, 64), 4: (16,), 5: (32, 64, 128), 6: (8,),
    **dict.fromkeys(range(7, 15), (8,)), 15: (6,), 16: (6,), 17: (4,),
}  # fmt: skip
DEVICES = [(1, 0), (3, 0), (11, 0), (13, 0)]
STRIDES = {
    "in C order": ((4, 3), (3, 1)),
    "in Fortran order": ((4, 3), (1, 4)),
    "in another order": ((2, 3, 4), (1, 8, 2)),
    "with gaps between rows": ((4, 3), (5, 1)),
    "with gaps between columns": ((4, 3), (1, 6)),
    "with gaps everywhere": ((4, 3), (6, 2)),
    "with a step": ((4,), (2,)),
    "negative": ((4,), (-1,)),
    "negative of rows": ((4, 3), (-3, 1)),
    "negative in Fortran order": ((4, 3), (1, -4)),
    "zero": ((4,), (0,)),
    "zero of rows": ((4, 3), (0, 1)),
    "that overlap": ((4, 3), (1, 1)),
    "odd of extent 1": ((4, 1, 3), (3, 77, 1)),
    "negative of extent 1": ((1, 3), (-5, 1)),
    "of one element": ((1, 1), (7, -3)),
    "of no axes": ((), ()),
}


def name(code: int, bits: int) -> str:
    return str(of_struct(c.ndf_dtype(code=code, bits=bits, lanes=1)))


class Raw:
    """Gives a struct of one kind, whatever it is asked for."""

    def __init__(self, tensor: ndferry.Tensor, struct: str) -> None:
        self.tensor, self.version = tensor, (1, 0) if struct == "versioned" else None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()

    def __dlpack__(self, **_: object) -> object:
        return self.tensor.__dlpack__(max_version=self.version)


def take(library: str, module, raw: Raw):
    """The library's own array."""
    if library == "tensorflow":
        return module.experimental.dlpack.from_dlpack(raw.__dlpack__())
    if library == "pyarrow":
        return module.Tensor.from_dlpack(raw)
    if library == "onnxruntime":
        return module.OrtValue.from_dlpack(raw)
    return module.from_dlpack(raw)


def load(library: str):
    if library == "jax":
        importlib.import_module("jax").config.update("jax_enable_x64", True)
    names = {"jax": "jax.dlpack", "mlx": "mlx.core", "tvm-ffi": "tvm_ffi", "numpy<2.1": "numpy"}
    return importlib.import_module(names.get(library, library))


def back(library: str, module, array) -> ndferry.Tensor:
    """What the library shows of its array."""
    if library == "tensorflow":
        return ndferry.from_dlpack(module.experimental.dlpack.to_dlpack(array))
    if library == "jax":  # the capsule says less than ndferry knows of JAX
        return ndferry.from_dlpack(array.__dlpack__())
    # NumPy before 2.1 exports no read-only array through DLPack, and all that come from there are.
    return ndferry.asarray(array) if library == "numpy<2.1" else ndferry.from_dlpack(array)


def probe(library: str, module, case: dict) -> dict:
    """What the library does: "refuses", "takes" what it then shows otherwise, "copies", or "shares"."""
    memory = (ctypes.c_uint8 * (2 * ROOM))(*(i * 7 % 63 for i in range(2 * ROOM)))
    address = (ctypes.addressof(memory) + ROOM) // 256 * 256 + case.get("offset", 0)
    code, bits, lanes = case.get("dtype", (2, 32, 1))
    dtype = of_struct(c.ndf_dtype(code=code, bits=bits, lanes=lanes))
    shape, strides = case.get("shape", (4, 3)), case.get("strides")

    def tensor(device: object) -> ndferry.Tensor:
        return ndferry.wrap(address, shape, dtype, strides=strides, device=device, owner=memory)

    given = tensor(ndferry.Device(*case.get("device", (1, 0))))
    if case.get("read_only"):
        given = given.as_read_only()
    try:
        array = take(library, module, Raw(given, case["struct"]))
    except Exception as error:
        return {"does": "refuses", "why": f"{type(error).__name__}: {error}"}
    seen = back(library, module, array)
    same = seen.dtype == dtype and seen.shape == tuple(shape) and seen.tobytes() == tensor(None).tobytes()
    if not same:
        return {"does": "takes", "why": f"{seen.dtype} {seen.shape}"}
    return {"does": "shares" if seen.data_ptr == address else "copies", "read_only": seen.read_only}


def ask(library: str, all_cases: dict[str, dict]) -> dict[str, dict]:
    """The answers to all cases; a case in which the process ended is answered with "dies"."""
    answers: dict[str, dict] = {}
    left = list(all_cases)
    while left:
        lines = "".join(json.dumps(all_cases[one]) + "\n" for one in left)
        command = [sys.executable, __file__, library]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=300)
        said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"does"')]
        answers |= dict(zip(left, said))
        left = left[len(said) :]
        if left:
            if done.returncode >= 0:  # an exception of ours, or a library that cannot be imported
                raise RuntimeError(done.stderr)
            answers[left.pop(0)] = {"does": "dies", "why": f"signal {-done.returncode}"}
    return answers


def main() -> None:
    library = sys.argv[1]
    module = load(library)
    for line in sys.stdin:
        print(json.dumps(probe(library, module, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
