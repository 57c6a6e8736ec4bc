"""Exchange of memory on CUDA, on the stand-in for the driver: fields, streams, owners."""

from standin import run

# cuda.core as far as the exchange asks for it: it keeps what it was told.
CORE = """
import types
import tritongrad as tg
told = []
class Buffer:
    @staticmethod
    def from_handle(ptr, size, owner=None):
        return ("buffer", ptr, size, owner)
class StridedMemoryView:
    def __init__(self, **fields):
        self.__dict__.update(fields)
    @classmethod
    def from_buffer(cls, buffer, shape, strides, dtype=None):
        told.append((buffer[1], buffer[2], shape, strides, dtype.name))
        return cls(buffer=buffer)
    @classmethod
    def from_dlpack(cls, source, stream_ptr):
        told.append(("read on", stream_ptr))
        x = source.array
        return cls(ptr=x.ptr, shape=x.shape, strides=None, dtype=x.dtype, keeps=source)
    def __dlpack__(self, stream=None, max_version=None):
        told.append((stream, max_version))
        return "capsule"
core, utils = types.ModuleType("cuda.core"), types.ModuleType("cuda.core.utils")
core.Buffer, utils.StridedMemoryView = Buffer, StridedMemoryView
sys.modules["cuda.core"], sys.modules["cuda.core.utils"] = core, utils
lib = fake()
t = tg.arange(6.0, device="cuda").reshape(2, 3)
def waits(*stream):
    lib.fake_log_on(1)
    t.__dlpack__(**dict(zip(("stream",), stream)), max_version=(1, 3))
    lines = lib.fake_log().decode().splitlines()
    return [line.split()[0] for line in lines if "Wait" in line or "Record" in line]
"""


def test_a_capsule_says_where_the_memory_is_and_its_reader_waits():
    code = CORE + (
        """
print(t.t().__dlpack__(max_version=(1, 3)), t.__dlpack_device__())
here, version = told
print(here == (t.data_ptr(), 24, (3, 2), (1, 3), "float32"), version)
own = tg.cuda.current_stream().cuda_stream
print(waits(), waits(1), waits(2), waits(own), waits(-1))
for bad in (0, -2, "1", 1.5):
    try:
        t.__dlpack__(stream=bad)
    except ValueError as error:
        print(error)
print(t.__dlpack__(copy=True), told[-2][0] != t.data_ptr())
for asked in ({"dl_device": (2, 1)}, {"dl_device": (1, 0), "copy": False}):
    try:
        t.__dlpack__(**asked)
    except BufferError as error:
        print(error)
sys.modules["cuda.core"] = None
try:
    t.__dlpack__()
except BufferError as error:
    print(error)
"""
    )
    lines = run(code).splitlines()
    assert lines[:2] == ["capsule (2, 0)", "True (-1, (1, 3))"]
    both = "['EventRecord', 'StreamWaitEvent']"
    assert lines[2] == f"{both} {both} {both} [] []"
    assert all("stream must be None, -1, 1, 2 or the handle" in line for line in lines[3:7])
    assert lines[7] == "capsule True"
    assert "tensor is on cuda:0, got dl_device=(2, 1)" in lines[8]
    assert "takes a copy, got copy=False" in lines[9]
    assert "pip install 'cuda-core[cu13]'" in lines[10]


def test_the_cuda_array_interface_has_its_seven_fields():
    told = run(
        """
        import tritongrad as tg
        t = tg.arange(6.0, device="cuda").reshape(2, 3)
        got = t.__cuda_array_interface__
        own = tg.cuda.current_stream().cuda_stream
        print(got == {"shape": (2, 3), "typestr": "<f4", "data": (t.data_ptr(), False),
                      "version": 3, "strides": None, "stream": own})
        print(t.t().__cuda_array_interface__["strides"], t[:0].__cuda_array_interface__["data"])
        with tg.cuda.Stream() as s:
            print(t.__cuda_array_interface__["stream"] == s.cuda_stream != own)
        print(hasattr(t.bfloat16(), "__cuda_array_interface__"))
        try:
            t.requires_grad_().__cuda_array_interface__
        except RuntimeError as error:
            print(error)
        """
    ).splitlines()
    assert told[:4] == ["True", "(4, 12) (0, False)", "True", "False"]
    assert "var.detach()" in told[4]


def test_arrays_of_others_are_read_where_they_lie_and_kept_alive():
    code = CORE + (
        """
import gc, weakref
class Theirs:
    def __init__(self, array):
        self.array = array
    def __dlpack__(self, **asked):
        raise AssertionError("the view asks, not we")
    def __dlpack_device__(self):
        return 2, 0
theirs = Theirs(t._array)
got = tg.from_dlpack(theirs)
print(got.data_ptr() == t.data_ptr(), got.shape, got.device, got.dtype)
print(told == [("read on", tg.cuda.current_stream().cuda_stream)])
seen = weakref.ref(theirs)
del theirs
gc.collect()
print(seen() is not None)
del got
gc.collect()
print(seen() is None)
class Older:
    __cuda_array_interface__ = t.t().__cuda_array_interface__ | {"stream": 77}
lib.fake_log_on(1)
got = tg.asarray(Older())
print("StreamWaitEvent" in lib.fake_log().decode(), got.stride(), got.data_ptr() == t.data_ptr())
class Masked:
    __cuda_array_interface__ = t.__cuda_array_interface__ | {"mask": t}
try:
    tg.asarray(Masked())
except TypeError as error:
    print(error)
"""
    )
    lines = run(code).splitlines()
    assert lines[0] == "True tritongrad.Size([2, 3]) cuda:0 tritongrad.float32"
    assert lines[1:4] == ["True", "True", "True"]
    assert lines[4] == "True (1, 3) True" and "masked" in lines[5]
