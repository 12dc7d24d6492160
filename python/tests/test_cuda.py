"""CUDA from Python, on the fake driver: each test in a process of its own, because a driver starts once."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[2]
FAKES = [ROOT / "target" / profile / "fakecuda" / "libcuda.so.1" for profile in ("debug", "release")]


def run(body: str, **variables: str) -> str:
    """What a program prints that has `body` in it."""
    found = [fake for fake in FAKES if fake.exists()]
    if not found:
        pytest.skip("the fake driver is not built: cargo build --package fakecuda")
    environment = {**os.environ, "NDFERRY_CUDA_DRIVER": str(found[0]), **variables}
    program = "import ndferry\n" + textwrap.dedent(body)
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_devices_are_those_of_the_driver():
    body = """
        print(*ndferry.devices())
        second = ndferry.device("cuda:1")
        free, total = second.memory_info
        print(second.is_available, 0 < free <= total, bool(second.description), second.can_access("cuda:0"))
        second.synchronize()
        second.synchronize(1)
    """
    assert run(body, FAKECUDA_DEVICES="2") == "cpu cuda:0 cuda:1 cuda_host:0 cuda_managed:0\nTrue True True True\n"


def test_without_a_driver_there_is_the_host_and_the_error_says_why():
    body = """
        print(*ndferry.devices())
        print(ndferry.device_of_pointer(4096))
        try:
            ndferry.zeros(3, device="cuda")
        except ndferry.DeviceUnavailableError as error:
            print(error)
    """
    text = run(body, NDFERRY_CUDA_DRIVER="/nowhere/libcuda.so.1")
    assert text == "cpu\ncpu\n`device` is cuda:0: there is no CUDA driver: /nowhere/libcuda.so.1 cannot be opened\n"


@pytest.mark.parametrize("device", ["cuda:0", "cuda_host:0", "cuda_managed:0"])
def test_tensors_are_made_on_a_device_and_shown(device):
    body = f"""
        tensor = ndferry.zeros((2, 3), "int16", device={device!r}, stream=2)
        tensor.wait(1)
        tensor.record(1)
        print(tensor)
        print(ndferry.device_of_pointer(tensor.data_ptr) == tensor.device)
        view = tensor[1]
        del tensor
        print(view.shape, ndferry.statistics().live_tensors)
        del view
        print(ndferry.statistics().live_tensors)
    """
    shown = f"tensor([[0, 0, 0],\n        [0, 0, 0]], dtype=int16, device={device})"
    assert run(body) == f"{shown}\nTrue\n(3,) 2\n0\n"


def test_streams_that_are_none_are_refused():
    body = """
        tensor = ndferry.zeros(3, device="cuda")
        for stream in (0, -2, 2**70, "1", None):
            try:
                tensor.wait(stream)
            except (TypeError, ValueError) as error:
                print(type(error).__name__)
        tensor.wait(-1)
    """
    assert run(body).split() == ["ValueError", "InvalidArgumentError", "ValueError", "TypeError"]


def test_a_forked_child_is_told_that_it_has_no_cuda():
    body = """
        import os
        tensor = ndferry.zeros(3, device="cuda")
        if (child := os.fork()) == 0:
            del tensor
            try:
                ndferry.zeros(3, device="cuda")
            except ndferry.DeviceUnavailableError as error:
                os._exit(7 if "forked" in str(error) else 1)
            os._exit(2)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), tensor)
    """
    assert run(body) == "7 tensor([0., 0., 0.], dtype=float64, device=cuda:0)\n"


@pytest.mark.parametrize(("device", "asked"), [("cuda", 1), ("cuda_managed", 1), ("cuda_host", "nothing")])
@pytest.mark.parametrize("version", [True, False])
def test_a_producer_is_asked_for_the_stream_that_we_work_on(device, asked, version):
    # PyTorch orders nothing when it is not asked for a stream, and refuses one for pinned memory, which it has on the CPU.
    parameters = 'stream="nothing", max_version=None' if version else 'stream="nothing"'
    body = f"""
        tensor = ndferry.zeros(3, device={device!r})

        class Producer:
            def __dlpack__(self, *, {parameters}):
                self.stream = stream
                return tensor.__dlpack__()

            def __dlpack_device__(self):
                return tensor.__dlpack_device__()

        producer = Producer()
        ndferry.from_dlpack(producer, device={device!r})
        print(producer.stream)
    """
    assert run(body) == f"{asked}\n"


def test_a_struct_that_comes_without_synchronising_was_made_for_the_legacy_stream():
    body = f"""
        import sys
        sys.path[:0] = [{str(ROOT / "python/tests")!r}, {str(ROOT / "python/gpu")!r}]
        from ctypes import byref, c_size_t, c_uint64, py_object
        from driver import Driver
        from test_exchange import exported, table
        driver = Driver()
        side, other = driver.stream(), driver.stream()
        tensor = ndferry.zeros(1000, "uint8", device="cuda", stream=side)
        struct, back = exported(tensor), py_object()
        driver("cuMemsetD8Async", c_uint64(tensor.data_ptr), 7, c_size_t(1000), None)
        assert table.to_object(struct, byref(back)) == 0
        copy = back.value.convert("uint8", copy=True, stream=other)
        print(set(bytes(copy.to_device("cpu", stream=other))))
    """
    assert run(body) == "{7}\n"
