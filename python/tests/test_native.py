"""What a `Tensor` is as a Python object, and the calls that native code answers without Python."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref

import ndferry
import numpy as np
import pytest
from ndferry._library import lib, native


def run(program: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120)


def silent(program: str, *arguments: str) -> None:
    done = run(program, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def adopted(class_: type) -> ndferry.Tensor:
    """An object of a subclass."""
    tensor = ndferry.zeros(3)  # lends its handle until it has been retained
    return class_._adopt(lib.ndf_tensor_retain(tensor.handle))


# The object.


def test_no_tensor_can_be_made_without_a_handle():
    class Sub(ndferry.Tensor):
        pass

    for make in ndferry.Tensor, native.NativeTensor, Sub, lambda: ndferry.Tensor.__new__(ndferry.Tensor, 3):
        with pytest.raises(TypeError, match="a Tensor is made with ndferry.asarray"):
            make()
    with pytest.raises(TypeError, match="not safe"):
        object.__new__(ndferry.Tensor)
    for wrong, error in ((0, ValueError), ("0", TypeError), (None, TypeError), (2**64, OverflowError)):
        with pytest.raises(error):
            ndferry.Tensor._adopt(wrong)


def test_a_tensor_has_the_attributes_of_its_class_and_no_others():
    tensor = ndferry.zeros(3)
    assert not hasattr(tensor, "__dict__")
    for name in ("foo", "shape", "handle", "_handle", "dtype", "__dlpack_c_exchange_api__"):
        with pytest.raises(AttributeError):
            setattr(tensor, name, 3)
    with pytest.raises(TypeError):
        native.NativeTensor.shape = 3
    assert type(tensor).__name__ == "Tensor" and isinstance(tensor, native.NativeTensor)
    assert repr(tensor) == "tensor([0., 0., 0.], dtype=float64, device=cpu)"


def test_weak_references_end_with_the_tensor():
    class Sub(ndferry.Tensor):
        pass

    ended = []
    for class_ in ndferry.Tensor, Sub:
        tensor = adopted(class_)
        reference = weakref.ref(tensor, ended.append)
        assert reference() is tensor
        del tensor
        assert reference() is None
    assert len(ended) == 2


def test_subclasses_may_have_attributes_and_be_in_cycles():
    class Sub(ndferry.Tensor):
        pass

    sub = adopted(Sub)
    sub.note = [sub]
    ghost = weakref.ref(sub)
    del sub
    gc.collect()
    assert ghost() is None and ndferry.statistics().live_tensors == 0


def test_pickles_and_copies_are_tensors_and_from_dlpack_is_found_by_name():
    tensor = ndferry.asarray(np.arange(6, dtype="f4").reshape(2, 3))
    for again in pickle.loads(pickle.dumps(tensor)), copy.copy(tensor), copy.deepcopy(tensor):
        assert type(again) is ndferry.Tensor and again.equal(tensor)
    assert pickle.loads(pickle.dumps(ndferry.from_dlpack)) is ndferry.from_dlpack
    assert ndferry.from_dlpack.__module__ == "ndferry" and "copy=None" in ndferry.from_dlpack.__text_signature__


def test_attributes_are_what_the_library_says():
    array = np.arange(24, dtype="i2").reshape(2, 3, 4)[:, ::-1, ::2]
    tensor = ndferry.asarray(array)
    assert (tensor.shape, tensor.byte_strides, tensor.ndim) == (array.shape, array.strides, 3)
    assert (tensor.size, tensor.nbytes, tensor.data_ptr) == (array.size, array.nbytes, array.ctypes.data)
    assert tensor.dtype is ndferry.int16 and tensor.handle == tensor._handle and tensor.read_only is False
    assert tensor.as_read_only().read_only is True
    assert ndferry.zeros((2, 0)).data_ptr == 0 and ndferry.zeros(4, "int4")[1:].bit_offset == 4
    record = np.dtype([("first", "f4"), ("second", "i8")])
    assert ndferry.asarray(np.zeros(2, record)).dtype is ndferry.dtype(record)  # made when it is first met
    assert ndferry.zeros((1,) * 64).shape == (1,) * 64


# Memory.


def test_a_million_exchanges_leave_nothing_behind():
    array, before = np.zeros((4, 4), "f4"), ndferry.statistics()
    tensor = ndferry.from_dlpack(array)

    def exchange(count):
        for _ in range(count):
            ndferry.from_dlpack(array)
            np.from_dlpack(tensor)
            tensor.shape, tensor.dtype, tensor.handle

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")
    exchange(10_000)
    size = resident()
    exchange(1_000_000)
    assert resident() - size < 1 << 20
    del tensor
    assert ndferry.statistics() == before and sys.getrefcount(array) == 2


def test_another_thread_may_give_the_last_reference_up():
    ended, threads = [], []
    for _ in range(100):
        array = np.zeros(10)
        weakref.finalize(array, ended.append, 1)
        box = [ndferry.from_dlpack(array)]
        del array
        threads.append(threading.Thread(target=box.clear))
        threads[-1].start()
        del box
    for thread in threads:
        thread.join()
    assert len(ended) == 100 and ndferry.statistics().live_tensors == 0


def test_an_exception_in_flight_outlives_the_end_of_a_tensor():
    """A tuple half made gives up what is in it while the exception is in flight, and owners in Python run code then."""
    ran = []

    class Owner(np.ndarray):
        def __del__(self):
            try:
                raise KeyError("inner")
            except KeyError:
                ran.append(1)

    def owned():
        owner = np.zeros(3).view(Owner)
        return ndferry.wrap(owner.ctypes.data, 3, "f8", owner=owner)

    def several():
        for _ in range(3):
            yield owned()
        raise LookupError("outer")

    with pytest.raises(LookupError, match="outer") as caught:
        tuple(several())
    assert len(ran) == 3 and caught.value.__context__ is None


# `__dlpack__`.


def test_dlpack_refuses_what_it_does_not_know():
    tensor = ndferry.zeros(3)
    for wrong in (
        lambda: tensor.__dlpack__(3), lambda: tensor.__dlpack__(foo=None), lambda: tensor.__dlpack__(max_version=3),
        lambda: tensor.__dlpack__(max_version=("1", 0)), lambda: ndferry.Tensor.__dlpack__(3),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(IndexError):
        tensor.__dlpack__(max_version=())
    keyword = "".join(["max_", "version"])  # equal, and another object
    assert "dltensor_versioned" in repr(tensor.__dlpack__(**{keyword: (1, 0)}))
    assert "dltensor_versioned" in repr(tensor.__dlpack__(max_version=[1, 0]))
    assert '"dltensor"' in repr(tensor.__dlpack__(max_version=(0, 9), stream=None, copy=None, dl_device=None))


# `from_dlpack`.


def test_from_dlpack_refuses_wrong_calls():
    for wrong in (
        lambda: ndferry.from_dlpack(), lambda: ndferry.from_dlpack(1, 2), lambda: ndferry.from_dlpack(x=np.zeros(1)),
        lambda: ndferry.from_dlpack(np.zeros(1), foo=None),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError, match="copy"):
        ndferry.from_dlpack(np.zeros(1), copy="yes")
    with pytest.raises(AttributeError, match="int has no `__dlpack__`: asarray takes"):
        ndferry.from_dlpack(3)
    with pytest.raises(AttributeError, match="type has no `__dlpack__`"):
        ndferry.from_dlpack(int)


def test_errors_of_a_producer_arrive_as_they_are():
    class Producer:
        asked = 0

        def __dlpack__(self, **_):
            type(self).asked += 1
            raise self.error

    for error in (AttributeError("inner"), KeyError("inner"), BufferError("inner"), KeyboardInterrupt()):
        Producer.error, Producer.asked = error, 0
        with pytest.raises(type(error)) as caught:
            ndferry.from_dlpack(Producer())
        assert caught.value is error and Producer.asked == 1


def test_what_an_object_claims_by_getattr_is_not_its_classes_table():
    class Proxy:
        def __getattr__(self, name):
            return getattr(np.ones(3), name)

    class Mock:
        def __getattr__(self, name):
            return ndferry.Tensor.__dlpack_c_exchange_api__ if "exchange" in name else self

        def __call__(self, **_):
            return ndferry.full(2, 7).__dlpack__(max_version=(1, 0))

    assert ndferry.from_dlpack(Proxy()).tolist() == [1, 1, 1]
    assert ndferry.from_dlpack(Mock()).tolist() == [7, 7]


def test_binding_wants_a_class_of_this_module():
    for arguments in ((), (3,) * 5, (int, None, None, None, None), (lib.ndf_py_module().NativeTensor,) * 5):
        with pytest.raises(TypeError):
            native.bind(*arguments)
    other = lib.ndf_py_module()
    with pytest.raises(ValueError, match="no Python class"):
        other.from_dlpack(np.zeros(3))


FAKE_TORCH = """
import sys, types, ndferry, numpy as np
array = np.ones(3)
torch = sys.modules["torch"] = types.ModuleType("torch")
assert ndferry.from_dlpack(array).tolist() == [1, 1, 1]          # PyTorch is being imported
torch.Tensor = 3
assert ndferry.from_dlpack(array).tolist() == [1, 1, 1]
class Tensor:
    __dlpack_c_exchange_api__ = ndferry.Tensor.__dlpack_c_exchange_api__
    layout, requires_grad, negative = "strided", False, False
    def is_neg(self): return self.negative
    def __dlpack__(self, **_): return ndferry.full(2, 7).__dlpack__(max_version=(1, 0))
torch.Tensor = Tensor
torch._C = types.SimpleNamespace(DisableTorchFunctionSubclass=__import__("contextlib").nullcontext)
assert ndferry.from_dlpack(Tensor()).tolist() == [7, 7]           # its layouts are not there yet
torch.strided = "strided"
plain = Tensor()
try: ndferry.from_dlpack(plain)
except TypeError as error: assert "no tensor of the class" in str(error)   # the table was asked
else: raise AssertionError
for name, value in ("layout", "sparse"), ("requires_grad", True):
    odd = Tensor()
    setattr(odd, name, value)
    assert ndferry.from_dlpack(odd).tolist() == [7, 7]            # `__dlpack__` was
odd = Tensor()
odd.negative = True
try: ndferry.from_dlpack(odd)
except BufferError as error: assert "negative" in str(error)
else: raise AssertionError
class Broken(Tensor): pass
Tensor.is_neg = lambda self: 1 / 0
for one in plain, Broken():
    try: ndferry.from_dlpack(one)
    except ZeroDivisionError: pass
    else: raise AssertionError
assert ndferry.from_dlpack(array).tolist() == [1, 1, 1]
"""


def test_the_questions_for_pytorch_are_asked_before_its_table():
    silent(FAKE_TORCH)


# Processes and interpreters.


ANEW = """
import sys, numpy as np
import ndferry as old
tensor = old.zeros(3)
for name in [name for name in sys.modules if name.startswith("ndferry")]:
    del sys.modules[name]
import ndferry as new
assert new.Tensor is not old.Tensor
assert type(old.from_dlpack(np.zeros(3))) is type(old.from_dlpack(new.zeros(3))) is old.Tensor
assert type(new.from_dlpack(np.zeros(3))) is type(new.from_dlpack(tensor)) is new.Tensor
assert tensor.dtype is old.float64 and new.zeros(1).dtype is new.float64
assert tensor.__dlpack__(copy=True) and np.from_dlpack(tensor).shape == (3,)
"""


def test_a_package_that_is_loaded_anew_has_tensors_of_its_own():
    silent(ANEW)


IN_ANOTHER_INTERPRETER = """if True:
    import sys
    sys.path[:] = {path!r}
    import array, weakref, ndferry
    class Producer:
        def __dlpack__(self, **keywords): return ndferry.full(2, 7).__dlpack__(**keywords)
    tensor = ndferry.asarray([1, 2])
    assert ndferry.from_dlpack(tensor).tolist() == [1, 2] and ndferry.from_dlpack(Producer()).tolist() == [7, 7]
    assert type(ndferry.from_dlpack(Producer())) is ndferry.Tensor and tensor.dtype is ndferry.int64
    owned = ndferry.asarray(array.array("i", [3, 4]))
    assert owned.tolist() == [3, 4]
    del owned
    kept = ndferry.asarray(bytearray(8))
"""


def test_every_interpreter_has_its_own_tensors():
    pytest.importorskip("_testcapi")
    path = [one for one in sys.path if "site-packages" not in one]
    silent(f"""if True:
        import sys, _testcapi
        sys.path[:] = {path!r}
        import ndferry
        before = ndferry.zeros(3)
        for _ in range(3):
            assert _testcapi.run_in_subinterp({IN_ANOTHER_INTERPRETER.format(path=path)!r}) == 0
        assert type(ndferry.from_dlpack(before)) is ndferry.Tensor and before.dtype is ndferry.float64
    """)


AT_EXIT = """
import sys, weakref, ndferry, numpy as np
class Sub(ndferry.Tensor): pass
tensor = ndferry.zeros(3)
sub = Sub._adopt(ndferry._library.lib.ndf_tensor_retain(tensor.handle))
sub.cycle = sub
sys.kept = [ndferry.from_dlpack(np.zeros(3)), memoryview(ndferry.zeros(3)), weakref.ref(sub), ndferry.from_dlpack]
import builtins; builtins.tensor = ndferry.asarray(bytearray(8))
"""


def test_live_tensors_do_not_disturb_the_end_of_the_interpreter():
    silent(AT_EXIT)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_goes_on():
    silent("""if True:
        import os, ndferry, numpy as np
        array = np.arange(3.0)
        tensor = ndferry.from_dlpack(array)
        if not (child := os.fork()):
            try:
                assert np.from_dlpack(tensor).tolist() == ndferry.from_dlpack(array).tolist() == [0, 1, 2]
                alive = ndferry.statistics().live_tensors
                del tensor
                assert ndferry.statistics().live_tensors == alive - 1
            except BaseException:
                os._exit(1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0 and tensor.tolist() == [0, 1, 2]
    """)
