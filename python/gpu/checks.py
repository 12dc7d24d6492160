"""What is to hold between ndferry and each library whose arrays lie on a GPU. Every function whose name begins with `check_`
is one check, made with every library that it asks for; what it raises is the failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import ndferry
from driver import Driver
from frameworks import Framework

SHAPE = (37, 70)
MANY = 100_000


class Skip(Exception):
    """A library has no such thing."""


def values(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def same(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    assert found.dtype == expected.dtype and found.shape == expected.shape, (found.dtype, found.shape)
    wrong = np.count_nonzero(found.view(np.uint8) != expected.view(np.uint8))
    assert wrong == 0, f"{wrong} of {expected.nbytes} bytes are wrong"


def on_host(tensor: ndferry.Tensor) -> np.ndarray[Any, Any]:
    return np.from_dlpack(tensor.to_device("cpu")).copy()


def taken(framework: Framework, x: Any) -> ndferry.Tensor:
    """The library's array as a tensor, by the best door that it has."""
    if framework.gives_dlpack:
        return ndferry.from_dlpack(x)
    return ndferry.asarray(x)


def given(framework: Framework, tensor: ndferry.Tensor) -> Any:
    if framework.takes_dlpack:
        return framework.from_dlpack(tensor)
    if framework.takes_cuda_array:
        return framework.from_cuda_array(tensor)
    raise Skip("it takes nothing")


def on_device(seed: int = 0) -> tuple[np.ndarray[Any, Any], ndferry.Tensor]:
    expected = values(seed)
    return expected, ndferry.asarray(expected).to_device("cuda")


# Of ndferry alone.


def check_what_goes_to_the_device_comes_back_the_same(_: None) -> None:
    for dtype in ("float32", "uint8", "float16", "complex128", "int64", "bool"):
        source = ndferry.asarray((values() * 50).astype(dtype))
        same(on_host(source.to_device("cuda")), np.from_dlpack(source))


def check_conversions_on_the_device_are_those_on_the_host(_: None) -> None:
    source = ndferry.asarray(values() * 100)
    there = source.to_device("cuda")
    for dtype in ("float16", "bfloat16", "float8_e4m3fn", "int8", "uint8", "int32", "float64", "bool"):
        for of in (lambda t: t, lambda t: t.transpose(), lambda t: t[::-1, 3:60:2]):
            here = of(source).convert(dtype, overflow="saturate", copy=True)
            found = of(there).convert(dtype, overflow="saturate", copy=True).to_device("cpu")
            assert here.equal(found) or bytes(here.view("uint8")) == bytes(found.view("uint8")), dtype


def check_scale_and_bias_of_channels_are_those_of_the_host(_: None) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 33, 45, 3), np.uint8)
    how: dict[str, Any] = {"scale": [0.1, 0.2, 0.3], "bias": [-1.0, 0.0, 1.0], "axis": 1}
    source = ndferry.asarray(pixels)
    here = source.permute(0, 3, 1, 2).convert("float16", **how)
    there = source.to_device("cuda").permute(0, 3, 1, 2).convert("float16", **how)
    same(on_host(there).view(np.uint16), np.from_dlpack(here).view(np.uint16))


def check_work_on_two_streams_of_one_tensor_is_in_order(_: None) -> None:
    driver = Driver()
    one, other = driver.stream(), driver.stream()
    expected, there = on_device(3)
    for turn in range(8):
        converted = there.convert("float64", stream=one if turn % 2 else other)
        back = converted.convert("float32", stream=other if turn % 2 else one)
        there = back
    same(on_host(there), expected)


def check_memory_that_was_released_is_not_written_by_what_comes_next(_: None) -> None:
    driver = Driver()
    stream = driver.stream()
    for seed in range(20):
        expected, there = on_device(seed)
        copy = there.convert("float64", stream=stream)
        del there
        filler = ndferry.full(SHAPE, 7.0, "float32", device="cuda")
        same(on_host(copy.convert("float32", stream=stream)), expected)
        del filler


class Shows:
    """Somebody's array on the memory of a tensor, whose work is on the legacy default stream."""

    def __init__(self, tensor: ndferry.Tensor, door: str) -> None:
        self.tensor, self.__dlpack_device__ = tensor, tensor.__dlpack_device__
        setattr(self, door, getattr(tensor, door))


def check_what_a_producer_enqueued_on_the_legacy_stream_is_waited_for(_: None) -> None:
    driver = Driver()
    for door, take in (("__dlpack__", ndferry.from_dlpack), ("__cuda_array_interface__", ndferry.asarray)):
        made, reader = driver.stream(), driver.stream()
        tensor = ndferry.zeros((1 << 20,), "uint8", device="cuda", stream=made)
        shown = Shows(tensor, door)
        driver.synchronize()
        driver.fill(tensor.data_ptr, 7, tensor.shape[0])
        copy = take(shown).convert("uint8", copy=True, stream=reader)
        found = np.from_dlpack(copy.to_device("cpu", stream=reader))
        assert (found == 7).all(), f"{door}: {np.count_nonzero(found != 7)} bytes are wrong"


def check_a_consumer_on_the_legacy_stream_reads_what_other_streams_wrote(_: None) -> None:
    driver = Driver()
    for door in ("__dlpack__", "__cuda_array_interface__", "__dlpack__(stream)"):
        tensor = ndferry.asarray(np.full(1 << 20, 7, np.uint8)).to_device("cuda")
        made = tensor.convert("uint8", copy=True, stream=driver.stream())
        kept = made.__dlpack__(stream=1) if door.endswith(")") else getattr(made, door)
        kept = kept() if callable(kept) else kept
        found = np.zeros(made.shape, np.uint8)
        driver.download(found.ctypes.data, made.data_ptr, found.nbytes)
        assert (found == 7).all(), f"{door}: {np.count_nonzero(found != 7)} bytes are wrong"
        del kept


# With each library.


def check_an_array_of_the_library_keeps_its_address(framework: Framework) -> None:
    x = framework.make(values())
    tensor = taken(framework, x)
    assert tensor.data_ptr == framework.pointer(x), (hex(tensor.data_ptr), hex(framework.pointer(x)))
    assert tensor.device == ndferry.device("cuda:0"), tensor.device


def check_a_tensor_keeps_its_address_in_the_library(framework: Framework) -> None:
    _, there = on_device()
    x = given(framework, there)
    assert framework.pointer(x) == there.data_ptr


def check_elements_arrive_both_ways(framework: Framework) -> None:
    if framework.name == "cuda.core":
        x = framework.make(values())
        found = np.frombuffer(bytes(taken(framework, x).to_device("cpu").view("uint8")), np.float32)
        same(found.reshape(SHAPE), values())
        return
    same(on_host(taken(framework, framework.make(values(1)))), values(1))
    expected, there = on_device(2)
    same(np.asarray(framework.numpy(given(framework, there))), expected)


def check_what_a_side_stream_still_writes_is_waited_for_on_import(framework: Framework) -> None:
    x = framework.make(values())
    side = framework.side_stream()
    if side is None:
        raise Skip("it has no streams")
    with side:
        framework.delay()
        framework.fill(x, 5.0)
        tensor = taken(framework, x)
    same(on_host(tensor.convert("float32", copy=True)), np.full(SHAPE, 5.0, np.float32))


def check_what_ndferry_still_writes_is_waited_for_by_a_side_stream(framework: Framework) -> None:
    expected, there = on_device(5)
    side = framework.side_stream()
    if side is None:
        raise Skip("it has no streams")
    made = there.convert("float64", stream=Driver().stream()).convert("float32", stream=Driver().stream())
    with side:
        x = given(framework, made)
        copy = framework.copied(x)
        found = framework.numpy(copy)
    same(np.asarray(found), expected)


def check_memory_is_kept_until_a_side_stream_has_read_it(framework: Framework) -> None:
    side = framework.side_stream()
    if side is None:
        raise Skip("it has no streams")
    with side:
        for seed in range(10):
            expected, there = on_device(seed)
            x = given(framework, there)
            framework.delay()
            copy = framework.copied(x)
            del x, there
            filler = ndferry.full(SHAPE, 9.0, "float32", device="cuda")
            same(np.asarray(framework.numpy(copy)), expected)
            del filler


def check_any_number_of_exchanges_leaves_nothing(framework: Framework) -> None:
    x, (_, there) = framework.make(values()), on_device()
    for _ in range(100):
        taken(framework, x)
    before = ndferry.statistics()
    free_before = ndferry.device("cuda").memory_info[0]
    for turn in range(MANY // 100 if ON_FAKE else MANY):
        taken(framework, x)
        if turn % 10 == 0 and (framework.takes_dlpack or framework.takes_cuda_array):
            given(framework, there)
    Driver().synchronize()
    after = ndferry.statistics()
    assert after.live_tensors == before.live_tensors, (before, after)
    grown = free_before - ndferry.device("cuda").memory_info[0]
    assert grown < 64 << 20, f"{grown} bytes of the device are gone"


def check_many_threads_exchange_and_convert(framework: Framework) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            x = framework.make(values(seed))
            for _ in range(5 if ON_FAKE else 50):
                tensor = taken(framework, x)
                if tensor.dtype == "float32":
                    same(on_host(tensor.convert("float16").convert("float32")), values(seed).astype(np.float16).astype(np.float32))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


ON_FAKE = False


def all_checks(frameworks: list[Framework]) -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Library, sentence, and what makes the check."""
    for name, function in list(globals().items()):
        if not name.startswith("check_"):
            continue
        sentence = name.removeprefix("check_").replace("_", " ")
        first = next(iter(function.__annotations__))
        if first == "_":
            yield "ndferry", sentence, lambda function=function: function(None)
            continue
        for framework in frameworks:
            yield framework.name, sentence, lambda function=function, framework=framework: function(framework)
