"""Users' own Triton kernels on our tensors, with PyTorch's import blocked."""

import pytest
from standin import run

import tritongrad as tg

pytestmark = pytest.mark.triton

USER = """
import standin_kernels as K
from tritongrad.cuda.array import from_numpy
from tritongrad.cuda.seam import device_of

class Tensor:
    "What a kernel needs of a tensor; the library's own has it too."
    def __init__(self, array, device):
        self._array = from_numpy(array, device_of(device))
    dtype = property(lambda self: self._array.dtype)
    def data_ptr(self):
        return self._array.data_ptr()
    def zero_(self):
        self._array.device.memset(self._array.ptr, 0, self._array.nbytes)

def tensors(device):
    return [Tensor(np.arange(200, dtype="f4"), device) for _ in range(3)]
"""


def test_a_users_kernel_runs_on_interpret_without_any_driver():
    told = run(
        USER
        + """
out, x, y = tensors("interpret")
K.mapped[(2,)](out, x, 200, FUNCTION=K.triple, BLOCK=128, num_warps=2, enable_fp_fusion=False)
print(out._array.numpy()[-2:])
K.mapped[lambda meta: (-(-200 // meta["BLOCK"]),)](out, x, n=100, FUNCTION=K.double, BLOCK=64)
print(out._array.numpy()[[98, 99, 100]])
""",
        LD_LIBRARY_PATH="/nonexistent",
    )
    assert told == "[594. 597.]\n[196. 198. 300.]\n"


def test_autotune_takes_the_first_configuration_on_interpret():
    told = run(
        USER
        + """
out, x, y = tensors("interpret")
K.tuned[lambda meta: (-(-200 // meta["BLOCK"]),)](out, x, y, 3.0, 200)
print(out._array.numpy()[-2:], K.tuned.best_config.kwargs, K.tuned.cache)
""",
        LD_LIBRARY_PATH="/nonexistent",
    )
    assert told == "[792. 796.] {'BLOCK': 64} {}\n"


def test_a_users_kernel_and_autotune_reach_the_driver_without_pytorch():
    told = run(
        USER
        + """
import triton, triton.testing
lib = fake()
out, x, y = tensors("cuda")
config = dict(enable_fp_fusion=False)
K.mapped[(2,)](out, x, 200, FUNCTION=K.double, BLOCK=128, **config)
grid, _, params = recorded(lib)
print(grid, int.from_bytes(params[:8], "little") == out.data_ptr(), params[16:20].hex())
before = lib.fake_launches()
K.tuned[lambda meta: (-(-200 // meta["BLOCK"]),)](out, x, y, 3.0, 200, **config)
print(lib.fake_launches() - before > 2, K.tuned.best_config.kwargs["BLOCK"] in (64, 128))
times = triton.testing.do_bench(lambda: K.mapped[(2,)](
    out, x, 200, FUNCTION=K.double, BLOCK=128, **config), warmup=1, rep=1)
print(type(times).__name__)
K.mapped.warmup(x, x, 200, FUNCTION=K.double, BLOCK=128, grid=(1,), **config)
print([name for name in sys.modules if name.split(".")[0] == "torch"])
""",
        CC="/nonexistent",
        PATH="/nonexistent",
    )
    assert told.splitlines() == [
        "[2, 1, 1, 128, 1, 1, 0] True c8000000",
        "True True",
        "float",
        "[]",
    ]


def test_tensors_of_other_devices_are_refused_by_name():
    told = run(
        USER
        + """
class Host:
    def __init__(self):
        self._array = np.ones(200, "f4")
    dtype = property(lambda self: self._array.dtype)
    def data_ptr(self):
        return self._array.ctypes.data
for device in ("interpret", "cuda"):
    out, x, y = tensors(device)
    try:
        K.mapped[(2,)](out, Host(), 200, FUNCTION=K.double, BLOCK=128, enable_fp_fusion=False)
    except RuntimeError as error:
        print(error)
"""
    )
    first, second = told.splitlines()
    assert "mapped: argument 'x' is not on the interpret device" in first
    assert "mapped: a tensor argument is on the CPU; move it with .to('cuda')" in second


def test_a_users_launch_is_recorded_into_a_graph_and_keeps_its_memory():
    told = run(
        USER
        + """
import tritongrad.cuda as cuda
lib = fake()
out, x, y = tensors("cuda")
def launch():
    K.mapped[(2,)](out, x, 200, FUNCTION=K.double, BLOCK=128, enable_fp_fusion=False)
launch()
g = cuda.CUDAGraph()
with cuda.graph(g):
    launch()
where = x.data_ptr()
x = None
fresh = tensors("cuda")
print(where in {t.data_ptr() for t in fresh})
before = lib.fake_launches()
g.replay()
print(lib.fake_launches() - before)
"""
    )
    assert told == "False\n1\n"


def test_compiling_ahead_of_time_needs_no_device():
    told = run(
        """
        from triton.runtime.jit import MockTensor
        import standin_kernels as K
        from tritongrad.cuda import install_triton_driver
        install_triton_driver()
        x = MockTensor(np.dtype("f4"))
        made = K.mapped.warmup(x, x, 200, FUNCTION=K.double, BLOCK=128, grid=(1,),
                               enable_fp_fusion=False)
        print(made.metadata.target.arch, len(made.asm["cubin"]) > 0)
        """,
        LD_LIBRARY_PATH="/nonexistent",
    )
    assert told == "90 True\n"


DESCRIBED = """
import triton
from triton.tools.tensor_descriptor import TensorDescriptor
import standin_kernels as K
import tritongrad as tg
lib = fake()
x, out = tg.zeros(40, 32, device="cuda"), tg.zeros(40, 32, device="cuda")
described = [TensorDescriptor.from_tensor(t, [16, 32]) for t in (x, out)]
K.doubled_rows[(3,)](*described, 2.0, BLOCK=16, enable_fp_fusion=False)
made = K.doubled_rows.warmup(*described, 2.0, BLOCK=16, grid=(3,), enable_fp_fusion=False)
_, _, params = recorded(lib)
with_tma = made.metadata.tensordesc_meta
"""


def test_descriptors_made_on_the_host_reach_the_driver_as_tensor_maps():
    told = run(
        DESCRIBED
        + """
import struct
first, one, two = params.split(bytes([7]) * 128)  # what the stand-in writes for a tensor map
print(len(with_tma), set(first), *(struct.unpack_from("<2i2q", rest) for rest in (one, two)))
print(struct.unpack_from("<f", two, 24))
"""
    )
    assert told == "2 {0} (40, 32, 32, 1) (40, 32, 32, 1)\n(2.0,)\n"


def test_without_tma_a_descriptor_is_taken_apart():
    from triton.tools.tensor_descriptor import TensorDescriptor

    from tritongrad.cuda.tensormaps import FLAGS, expanded, values_of

    x = tg.zeros(40, 32, device="interpret")
    kinds = expanded("tensordesc<fp32[16, 32]>", None)
    described = TensorDescriptor.from_tensor(x, [16, 32], padding="nan")
    values = list(values_of(described, None, x.data_ptr()))
    flags = [True, False][: len(FLAGS)]
    assert kinds == ["*fp32", *["i64"] * 4, *["i1"] * len(FLAGS), "i32", "i32", "i64", "i64"]
    assert values == [x.data_ptr(), 40, 32, 32, 1, *flags, 40, 32, 32, 1]
