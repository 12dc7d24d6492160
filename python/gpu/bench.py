"""How fast tensors are copied and converted on a GPU: ndferry, torch, CuPy and JAX on the same shapes, taking turns, against
the driver's own copy of as many bytes as the result has (DtoD, the practical limit).

GB/s are bytes read plus bytes written, by events on the legacy default stream, where everybody but JAX works; JAX is timed
by the host and makes its result anew. Medians of rounds. `cargo xtask bench cuda` and `cargo xtask gpu` run it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ndferry
from driver import Driver

MIB = 1 << 20


@dataclass
class Case:
    """What is copied: a shape and type, a view of it, and what it becomes."""

    name: str
    group: str
    shape: tuple[int, ...]
    source: str
    target: str
    order: tuple[int, ...] | None = None  # axes of the view
    scale: list[float] | None = None
    bias: list[float] | None = None
    axis: int = 0
    least: float = 0.9  # of DtoD

    def smoke(self) -> Case:
        """The same, tiny."""
        return Case(**{**vars(self), "shape": tuple(min(extent, 24) for extent in self.shape)})


def permutation(name: str, shape: tuple[int, ...], order: tuple[int, ...], kind: str, least: float = 0.9) -> Case:
    return Case(name, "transpositions", shape, kind, kind, order, least=least)


CASES = [
    Case("copy f32 256 MiB", "contiguous", (64 * MIB,), "float32", "float32", least=0.97),
    Case("copy u8 256 MiB", "contiguous", (256 * MIB,), "uint8", "uint8", least=0.97),
    *[permutation(f"{kind} 8192 x {columns} transposed", (8192, columns), (1, 0), kind)
      for kind, columns in (("uint8", 16384), ("float16", 8192), ("float32", 8192), ("float64", 4096), ("complex128", 4096))],
    permutation("f32 4097 x 4099 transposed", (4097, 4099), (1, 0), "float32"),
    permutation("u8 8191 x 8193 transposed", (8191, 8193), (1, 0), "uint8"),
    permutation("f32 64 x 512 x 512, 0 2 1", (64, 512, 512), (0, 2, 1), "float32"),
    permutation("f32 512 x 64 x 512, 1 0 2", (512, 64, 512), (1, 0, 2), "float32"),
    permutation("f32 96^4, 3 2 1 0", (96, 96, 48, 96), (3, 2, 1, 0), "float32"),
    permutation("f16 attention 8 x 2048 x 16 x 64, 0 2 1 3", (8, 2048, 16, 64), (0, 2, 1, 3), "float16"),
    *[permutation(f"NHWC to NCHW {kind}", (32, 512, 512, 3), (0, 3, 1, 2), kind, 0.8) for kind in ("uint8", "float16", "float32")],
    *[permutation(f"NCHW to NHWC {kind}", (32, 3, 512, 512), (0, 2, 3, 1), kind, 0.8) for kind in ("uint8", "float16", "float32")],
    *[Case(f"{a} to {b}", "conversions", (64 * MIB,), a, b)
      for a, b in (("float32", "float16"), ("float16", "float32"), ("float32", "bfloat16"), ("bfloat16", "float32"),
                   ("float32", "float8_e4m3fn"), ("float8_e4m3fn", "float32"), ("float32", "float8_e5m2"), ("uint8", "float32"),
                   ("int64", "int32"), ("float64", "float32"), ("bool", "float32"))],
    Case("u8 HWC to f16 CHW, scale and bias", "fused", (32, 512, 512, 3), "uint8", "float16", (0, 3, 1, 2),
         [1 / 58.4, 1 / 57.1, 1 / 57.4], [-2.1, -2.0, -1.8], 1, 0.85),
    Case("f32 4096 x 8192 transposed to bf16", "fused", (4096, 8192), "float32", "bfloat16", (1, 0), least=0.85),
]  # fmt: skip


@dataclass
class Row:
    case: Case
    size: int  # bytes read and written
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> tuple[str, float]:
        rivals = [(name, rate) for name, rate in self.rates.items() if name not in ("ndferry", "DtoD")]
        return max(rivals, key=lambda one: one[1], default=("", 0.0))


def torch_call(case: Case, host: np.ndarray[Any, Any]) -> Callable[[], object] | None:
    import torch

    if not torch.cuda.is_available() or not hasattr(torch, case.target):
        return None
    x = torch.from_numpy(host).cuda().view(getattr(torch, case.source)).reshape(case.shape)
    view = x.permute(case.order) if case.order else x
    out = torch.empty(view.shape, dtype=getattr(torch, case.target), device="cuda")
    if case.scale is None or case.bias is None:
        return lambda: out.copy_(view)
    wide = [1] * view.dim()
    wide[case.axis] = -1
    scale, bias = (torch.tensor(one, device="cuda", dtype=torch.float32).reshape(wide) for one in (case.scale, case.bias))
    return lambda: out.copy_(view.float().mul_(scale).add_(bias))


def cupy_call(case: Case, host: np.ndarray[Any, Any]) -> Callable[[], object] | None:
    import cupy

    try:
        source, target = cupy.dtype(case.source), cupy.dtype(case.target)
    except TypeError:
        return None
    x = cupy.asarray(host).view(source).reshape(case.shape)
    view = x.transpose(case.order) if case.order else x
    out = cupy.empty(view.shape, target)
    if case.scale is None or case.bias is None:
        return lambda: cupy.copyto(out, view, casting="unsafe")
    wide = [1] * view.ndim
    wide[case.axis] = -1
    scale, bias = (cupy.asarray(one, cupy.float32).reshape(wide) for one in (case.scale, case.bias))
    return lambda: cupy.copyto(out, view * scale + bias, casting="unsafe")


def jax_call(case: Case, host: np.ndarray[Any, Any]) -> Callable[[], object] | None:
    import jax
    import jax.numpy as jnp
    import ml_dtypes

    if not any(one.platform in ("gpu", "cuda") for one in jax.devices()):
        return None
    kinds = [np.dtype(getattr(ml_dtypes, name, None) or name) for name in (case.source, case.target)]
    if any(kind.itemsize == 8 or kind.kind == "c" for kind in kinds):
        return None  # 64 bits are off in JAX unless the process turns them on
    x = jax.device_put(host.view(kinds[0]).reshape(case.shape))

    def work(x: Any) -> Any:
        view = jnp.transpose(x, case.order) if case.order else x + jnp.zeros((), x.dtype) if kinds[0] == kinds[1] else x
        if case.scale is not None and case.bias is not None:
            wide = [1] * view.ndim
            wide[case.axis] = -1
            view = view.astype(jnp.float32) * jnp.reshape(jnp.asarray(case.scale), wide) + jnp.reshape(jnp.asarray(case.bias), wide)
        return view.astype(kinds[1])

    compiled = jax.jit(work)
    return lambda: compiled(x).block_until_ready()


PEERS = {"torch": torch_call, "cupy": cupy_call, "jax": jax_call}


def ours(case: Case, host: np.ndarray[Any, Any]) -> tuple[Callable[[], object], ndferry.Tensor]:
    tensor = ndferry.asarray(host).to_device("cuda").view(case.source).reshape(case.shape)
    view = tensor.permute(case.order) if case.order else tensor
    out = ndferry.empty(view.shape, case.target, device="cuda")
    how: dict[str, Any] = {"casting": "unsafe"}
    if case.scale is not None:
        how |= {"scale": case.scale, "bias": case.bias, "axis": case.axis}
    return (lambda: out.copy_from(view, **how)), out


class Clock:
    """Milliseconds of calls that work on the legacy default stream."""

    def __init__(self) -> None:
        self.driver = Driver()
        self.ends = self.driver.event(), self.driver.event()

    def time(self, call: Callable[[], object], count: int) -> float:
        self.driver.synchronize()
        self.driver.record(self.ends[0])
        for _ in range(count):
            call()
        self.driver.record(self.ends[1])
        return self.driver.milliseconds(*self.ends) / count

    def host_time(self, call: Callable[[], object], count: int) -> float:
        self.driver.synchronize()
        began = time.perf_counter()
        for _ in range(count):
            call()
        self.driver.synchronize()
        return (time.perf_counter() - began) * 1e3 / count


def measure(case: Case, rounds: int) -> Row:
    clock = Clock()
    source, target = ndferry.dtype(case.source), ndferry.dtype(case.target)
    count = int(np.prod(case.shape))
    host = np.random.default_rng(1).integers(0, 2 if case.source == "bool" else 120, count * source.itemsize, np.uint8)
    row = Row(case, count * (source.itemsize + target.itemsize))
    call, out = ours(case, host)
    spare = ndferry.empty(out.nbytes, "uint8", device="cuda")
    calls = {"ndferry": call, "DtoD": lambda: clock.driver.copy(spare.data_ptr, out.data_ptr, out.nbytes)}
    for name, make in PEERS.items():
        try:
            found = make(case, host)
        except Exception as error:  # a library that is not there, or lacks the type
            print(f"  {case.name}: {name} takes no part: {type(error).__name__}", file=sys.stderr)
            continue
        if found is not None:
            calls[name] = found
    times: dict[str, list[float]] = {name: [] for name in calls}
    repeats = {}
    for name, one in calls.items():
        watch = clock.host_time if name == "jax" else clock.time
        watch(one, 1)
        repeats[name] = max(1, min(50, int(5 / max(watch(one, 1), 1e-3))))
    for _ in range(rounds):
        for name, one in calls.items():
            watch = clock.host_time if name == "jax" else clock.time
            times[name].append(watch(one, repeats[name]))
    for name, found in times.items():
        # The driver's copy moves the result's bytes twice.
        size = 2 * out.nbytes if name == "DtoD" else row.size
        row.rates[name] = size / 1e6 / max(statistics.median(found), 1e-9)
    return row


def transfers(rounds: int, smoke: bool) -> dict[str, float]:
    """GB/s between host and device: of a contiguous pinned copy, and of strided tensors."""
    side = 64 if smoke else 8192
    clock = Clock()
    there = ndferry.empty((side, side), "float32", device="cuda")
    pinned = ndferry.empty((side, side), "float32", device="cuda_host")
    wide = ndferry.empty((side, side + 32), "float32", device="cuda_host")[:, :side]
    plain = ndferry.zeros((side, side), "float32")
    calls = {
        "pinned to device": lambda: there.copy_from(pinned, device="cuda"),
        "device to pinned": lambda: pinned.copy_from(there, device="cuda_host"),
        "strided pinned to device": lambda: there.copy_from(wide, device="cuda"),
        "device to strided pinned": lambda: wide.copy_from(there, device="cuda_host"),
        "transposed pinned to device": lambda: there.copy_from(pinned.transpose(), device="cuda"),
        "pageable to device": lambda: there.copy_from(plain, device="cuda"),
        "device to pageable": lambda: plain.copy_from(there, device="cpu"),
    }
    rates = {}
    for name, call in calls.items():
        clock.host_time(call, 1)
        best = min(clock.host_time(call, 1) for _ in range(rounds))
        rates[name] = there.nbytes / 1e6 / max(best, 1e-9)
    return rates


def run(smoke: bool = False) -> dict[str, Any]:
    rounds = 1 if smoke else 9
    rows = []
    for case in CASES:
        row = measure(case.smoke() if smoke else case, rounds)
        name, rate = row.best
        print(f"{case.name:44} {row.rates['ndferry']:8.1f} GB/s | {row.rates['ndferry'] / row.rates['DtoD']:5.2f} of DtoD | "
              f"{name:6} {rate:8.1f}", flush=True)  # fmt: skip
        rows.append({"case": case.name, "group": case.group, "size": row.size, "least": case.least, "rates": row.rates})
    return {"cases": rows, "transfers": transfers(rounds, smoke)}


def render(found: dict[str, Any], is_fake: bool) -> str:
    if is_fake:
        return f"The benchmark runs ({len(found['cases'])} cases); of a fake driver it has no figures."
    names = list(dict.fromkeys(name for row in found["cases"] for name in row["rates"] if name not in ("ndferry", "DtoD")))
    lines = ["## Speed, GB/s of bytes read and written", "", f"| case | ndferry | of DtoD | wanted | {' | '.join(names)} | × best |",
             "|---|---|---|---|" + "---|" * (len(names) + 1)]  # fmt: skip
    ratios = []
    for row in found["cases"]:
        rates = row["rates"]
        best = max((rates[name] for name in names if name in rates), default=0)
        ratio = rates["ndferry"] / best if best else float("nan")
        ratios += [ratio] if best else []
        share = rates["ndferry"] / rates["DtoD"]
        peers = " | ".join(f"{rates[name]:.0f}" if name in rates else "–" for name in names)
        mark = "" if share >= row["least"] else " MISSED"
        lines.append(f"| {row['case']} | {rates['ndferry']:.0f} | {share:.2f}{mark} | {row['least']} | {peers} | {ratio:.2f} |")
    if ratios:
        lines += ["", f"Geometric mean of × best: {statistics.geometric_mean(ratios):.2f}; the worst: {min(ratios):.2f}."]
    lines += ["", "| between host and device | GB/s |", "|---|---|"]
    lines += [f"| {name} | {rate:.1f} |" for name, rate in found["transfers"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    result = run("--smoke" in sys.argv)
    print(render(result, "--fake" in sys.argv))
    if "--json" in sys.argv:
        print(json.dumps(result))
