"""Carries a photograph through ndferry: from a decoder to NumPy, and PyTorch where it is installed, and back.

    PYTHONPATH=python python python/demo/photo.py [--output demo] [--torch]

Prints what each step moved and took, checks all of it, and writes into the output folder: photo.ppm (for the same
program in C, c_examples/photo.c), python-float16.bin and python-float32.bin (the results, to be compared with C's),
and before-after.png. Ends with exit code 1 if any check fails.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ndferry
import numpy as np
from PIL import Image, ImageDraw, ImageFont

# The usual preprocessing of networks trained on ImageNet: (x / 255 - mean) / std for each channel.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SCALE = [1 / (255 * std) for std in STD]
BIAS = [-mean / std for mean, std in zip(MEAN, STD)]

failures: list[str] = []


def check(claim: str, holds: bool) -> None:
    if not holds:
        failures.append(claim)
        print(f"  FAILED: {claim}")


class Table:
    """One line a step: what it is, what it gave, what moved, how long it took."""

    LINE = "{:<32} {:<15} {:<22} {:<7} {:>14}  {:<9} {:>9} {:>5}"

    def __init__(self) -> None:
        print(self.LINE.format("step", "shape", "strides", "dtype", "pointer", "moved", "time", "GB/s"))

    def step(self, name: str, make: Callable[[], Any], moved: int = 0, repeat: int = 1) -> Any:
        """Runs a step, the best of `repeat` times; `moved` is the bytes read and written."""
        seconds = float("inf")
        for _ in range(repeat):
            result = None  # the one before goes first, so that its memory is used again
            start = time.perf_counter()
            result = make()
            seconds = min(seconds, time.perf_counter() - start)
        self.row(name, result, moved, seconds)
        return result

    def row(self, name: str, of: Any, moved: int, seconds: float) -> None:
        shape, strides, dtype, pointer = facts(of)
        what = "decoded" if name.startswith("decode") else f"{moved / 1e6:.1f} MB" if moved else "zero-copy"
        rate = f"{moved / seconds / 1e9:.1f}" if moved else ""
        took = f"{seconds * 1e3:.2f} ms" if seconds > 1e-3 else f"{seconds * 1e6:.1f} µs"
        print(self.LINE.format(name, *(str(one).replace(" ", "") for one in (shape, strides, dtype)),
                               f"{pointer:#x}", what, took, rate))  # fmt: skip


def facts(of: Any) -> tuple[Any, Any, str, int]:
    """Shape, strides in elements, dtype and address of an array of any library."""
    if isinstance(of, np.ndarray):
        return of.shape, tuple(one // of.itemsize for one in of.strides), str(of.dtype), of.ctypes.data
    if isinstance(of, ndferry.Tensor):
        return of.shape, of.strides, str(of.dtype), of.data_ptr
    return tuple(of.shape), tuple(of.stride()), str(of.dtype).removeprefix("torch."), of.data_ptr()


def find_photograph() -> Path:
    """A photograph that ships inside scikit-learn; its code is not imported, so it needs none of its dependencies."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise SystemExit("photo.py: scikit-learn, which holds the photograph, is not installed: run `cargo xtask demo`")
    return Path(package.origin).parent / "datasets" / "images" / "china.jpg"


def decode(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def crop_and_flip(photo: Any) -> Any:
    """The middle three quarters of each side, mirrored: a view in both libraries."""
    h, w = photo.shape[:2]
    return photo[h // 8 : h - h // 8, w // 8 : w - w // 8][:, ::-1]


def write_ppm(path: Path, pixels: np.ndarray) -> None:
    height, width, _ = pixels.shape
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes())


def save_before_after(path: Path, photo: np.ndarray, result: np.ndarray) -> None:
    """The photograph, crop and flip as pixels, and the tensor mapped back to pixels, side by side with captions."""
    mean, std = (np.array(one).reshape(3, 1, 1) for one in (MEAN, STD))
    back = np.rint(np.clip((result[0].astype("f8") * std + mean) * 255, 0, 255)).astype("u1").transpose(1, 2, 0)
    panels = [photo, crop_and_flip(photo), back]
    captions = ["the photograph: uint8", "crop and flip: a view of it", "the float16 tensor, mapped back to pixels"]
    gap, line, height = 16, 32, max(panel.shape[0] for panel in panels)
    canvas = Image.new("RGB", (sum(panel.shape[1] for panel in panels) + 4 * gap, height + 2 * gap + line), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=18)
    left = gap
    for panel, caption in zip(panels, captions):
        top = gap + (height - panel.shape[0]) // 2
        canvas.paste(Image.fromarray(np.ascontiguousarray(panel)), (left, top))
        draw.text((left + panel.shape[1] // 2, top + panel.shape[0] + line // 2), caption, "black", font, anchor="mm")
        left += panel.shape[1] + gap
    canvas.save(path)
    worst = np.abs(panels[1].astype(int) - panels[2].astype(int)).max()
    check(f"the float16 tensor maps back to the same pixels, off by {worst}", worst <= 1)


def convert_to(table: Table, name: str, batch: ndferry.Tensor, view: ndferry.Tensor) -> ndferry.Tensor:
    moved = view.nbytes + view.size * ndferry.dtype(name).itemsize
    result = table.step(
        f"convert to {name}, scale, bias", lambda: batch.convert(name, scale=SCALE, bias=BIAS, axis=1), moved, 20
    )
    # What ndferry promises, in NumPy: multiply, then add, each rounded in float32; then once to the result.
    pixels = view.numpy().astype("f4").transpose(2, 0, 1)[None]
    scale, bias = (np.array(one, "f4").reshape(1, 3, 1, 1) for one in (SCALE, BIAS))
    wanted = (pixels * scale + bias).astype(name)
    check(f"{name} is bit for bit what NumPy computes in four passes", result.tobytes() == wanted.tobytes())
    return result


def share(table: Table, name: str, result: ndferry.Tensor, import_: Callable[[Any], Any], library: str) -> Any:
    """Hands a result to a library, writes on both sides, and sees it on the other."""
    theirs = table.step(f"{name} to {library}", lambda: import_(result))
    check(f"{library} sees the memory of {name}", facts(theirs)[3] == result.data_ptr)
    before = float(result[0, 0, 0, 0])
    theirs[0, 0, 0, 0] = 42
    check(f"{library} writes, ndferry sees it", float(result[0, 0, 0, 0]) == 42)
    result[0, 0, 0, 0] = before
    check(f"ndferry writes, {library} sees it", float(theirs[0, 0, 0, 0]) == before)
    return theirs


def release(photographs: list[Any], views: list[Any], results: list[Any], theirs: list[Any]) -> None:
    """Each list holds the last references. Consumers outlive producers, then a producer outlives its consumers."""
    live = ndferry.statistics()
    print(f"\nbefore the releases: {live.live_tensors} tensors, {live.live_bytes / 1e6:.1f} MB")
    sums = [float(one[0, 0].sum()) for one in theirs]
    results.clear()
    gc.collect()
    check("arrays outlive the tensors they came from", sums == [float(one[0, 0].sum()) for one in theirs])
    theirs.clear()

    pixels, photograph = views[0].tobytes(), weakref.ref(photographs[0])
    photographs.clear()
    gc.collect()
    check("a view keeps the photograph alive", photograph() is not None and views[0].tobytes() == pixels)
    consumer = np.from_dlpack(views[0])
    del consumer
    check("a view outlives the arrays made of it", views[0].tobytes() == pixels)
    views.clear()
    gc.collect()
    check("with the last view the photograph goes", photograph() is None)


def carry(path: Path, output: Path, libraries: list[tuple[str, Callable[[Any], Any]]]) -> tuple[list[Any], ...]:
    """The main job; gives the last references to photograph, view, results, and what the libraries made of them."""
    table = Table()
    photo = table.step("decode (Pillow, to NumPy)", lambda: decode(path))
    write_ppm(output / "photo.ppm", photo)
    tensor = table.step("to ndferry, through DLPack", lambda: ndferry.from_dlpack(photo), repeat=20)
    check("ndferry sees NumPy's memory", tensor.data_ptr == photo.ctypes.data)
    view = table.step("crop, flip: views", lambda: crop_and_flip(tensor), repeat=20)
    batch = table.step("H×W×3 as 1×3×H×W: a view", lambda: view.permute(2, 0, 1)[None], repeat=20)
    check("no view moved a byte", batch.shares_memory(tensor) and np.array_equal(view.numpy(), crop_and_flip(photo)))

    results, theirs = [], []
    for name in ("float16", "float32"):
        result = convert_to(table, name, batch, view)
        (output / f"python-{name}.bin").write_bytes(result.tobytes())
        theirs += [share(table, name, result, import_, library) for library, import_ in libraries]
        results.append(result)
    save_before_after(output / "before-after.png", photo, results[0].numpy())
    return [photo], [view], results, theirs


def run(output: Path, want_torch: bool) -> None:
    libraries: list[tuple[str, Callable[[Any], Any]]] = [("NumPy", np.from_dlpack)]
    if want_torch or importlib.util.find_spec("torch"):
        import torch

        libraries.append(("PyTorch", torch.from_dlpack))
    path = find_photograph()
    print(f"{path.name}, from scikit-learn\n")
    photographs, views, results, theirs = carry(path, output, libraries)
    if len(libraries) == 1:
        print("(PyTorch is not installed: `cargo xtask demo --torch` installs it)")
    release(photographs, views, results, theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder to write into (default: demo)")
    parser.add_argument(
        "--torch", action="store_true", help="hand it to PyTorch too, and fail if that is not installed"
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    run(arguments.output, arguments.torch)
    gc.collect()
    live = ndferry.statistics()
    print(f"live tensors: {live.live_tensors}, bytes: {live.live_bytes}")
    check("nothing is left alive", live == (0, 0))
    if failures:
        print(f"{len(failures)} checks failed", file=sys.stderr)
        return 1
    print(f"all checks hold; see {arguments.output / 'before-after.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
