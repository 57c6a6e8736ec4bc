"""The launch path against a stand-in libcuda: every byte that reaches the driver."""

import pytest
from standin import attempt, run

pytestmark = pytest.mark.triton

COMPARE = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)  # of the C helper's build
import ml_dtypes
import triton
from triton.backends.nvidia.driver import CudaDriver, CudaLauncher, CudaUtils
import standin_kernels as K
from tritongrad.cuda.launch import launch

lib, device = fake(), gpu()
from tritongrad.cuda.seam import here
from tritongrad.cuda.triton_driver import Driver, DevicePointer

class Stock(CudaDriver):
    "Triton's own driver and launcher, only told the device, as it would ask PyTorch for it."
    def __init__(self):
        self.utils, self.launcher_cls = CudaUtils(), CudaLauncher
        self.get_current_device = lambda: 0
        self.get_current_stream = lambda device: here.lane.handle
        self.get_device_capability = lambda device: (9, 0)

device.bind()
stock, ours = Stock(), Driver()
triton.set_allocator(lambda size, align, stream: DevicePointer(device.allocate(size)))
f4, f2, i8 = (on_gpu(np.ones(4096, t)) for t in ("f4", "f2", "i1"))
bf = on_gpu(np.ones(4096, ml_dtypes.bfloat16))
big, flags = on_gpu(np.ones(1 << 15, "f4")), on_gpu(np.ones(64, bool))
cases = [
    (K.mixed, (3,), (f4, f4, 1000, 1, 2.5, True, 7, f2), dict(BLOCK=64), {}),
    (K.mixed, (3, 2), (f4, f4[1:], 1024, 16, -1.0, False, 16, f2), dict(BLOCK=128), {}),
    (K.mixed, (1, 2, 3), (f2, bf, -3, 7, 0.1, True, 2**40, bf[3:]), dict(BLOCK=64), {}),
    (K.mixed, (1,), (i8, flags, 0, 2**33, 3e38, True, -(2**31), f2), dict(BLOCK=64), {}),
    (K.mixed, (1,), (f4, f4, 2**63 + 5, 48, float("inf"), True, 1, f2), dict(BLOCK=64), {}),
    (K.mapped, (5,), (f4, f4, 99), dict(FUNCTION=K.double, BLOCK=64), dict(num_warps=2)),
    (K.scaled, (2,), (f4, f4, 0.1, 99), dict(BLOCK=64), dict(num_warps=8)),
    (K.product, (1,), (big, big, big), dict(BLOCK=128), dict(num_warps=8)),
    (K.mapped, (4,), (f4, f4, 99), dict(FUNCTION=K.double, BLOCK=64), dict(num_ctas=2)),
    (K.tiled, (2,), (big, big, 128), dict(BLOCK=64), {}),
]
for kernel, grid, args, constants, options in cases:
    seen = []
    for driver in (stock, ours):
        triton.runtime.driver.set_active(driver)
        kernel.device_caches.clear()
        kernel[grid](*args, **constants, **options, enable_fp_fusion=False)
        seen.append(recorded(lib))
    launch(kernel, grid, *args, **constants, **options)
    seen.append(recorded(lib))
    if kernel is K.tiled:  # the address of the scratch memory differs, its place does not
        assert all(int.from_bytes(p[-16:-8], "little") % 128 == 0 for _, _, p in seen)
        assert all(int.from_bytes(p[-16:-8], "little") for _, _, p in seen)
        seen = [(config, pairs, p[:-16] + p[-8:]) for config, pairs, p in seen]
    same = seen[0] == seen[1] == seen[2]
    print(kernel.__name__, same, *([] if same else seen))
assert not any(name.split(".")[0] == "torch" for name in sys.modules)
"""


def test_parameters_grid_block_and_shared_memory_equal_those_of_tritons_launcher():
    lines = run(COMPARE).splitlines()
    assert len(lines) == 10
    assert [line for line in lines if not line.endswith(" True")] == []


def test_arguments_that_need_other_code_get_it_and_all_others_share_it():
    told = run(
        """
        import standin_kernels as K
        from tritongrad.cuda.launch import launch
        from tritongrad.cuda import loaded
        x = on_gpu(np.ones(4096, "f4"))
        def kernels(*args, FUNCTION=K.double, **options):
            before = len(loaded._loaded)
            launch(K.mapped, (1,), *args, FUNCTION=FUNCTION, BLOCK=64, **options)
            return len(loaded._loaded) - before
        print(kernels(x, x, 32), kernels(x, x, 64), kernels(x, x[4:], -16), kernels(x, x, 0))
        print(kernels(x, x, 5), kernels(x, x, 7), kernels(x, x, 1), kernels(x, x, 2**31))
        print(kernels(x, x[1:], 32), kernels(x, x[2:], 32), kernels(x[1:], x, 32))
        print(kernels(x, x, 32, FUNCTION=K.triple), kernels(x, x, 32, num_warps=8))
        print(kernels(x, x, 32, enable_fp_fusion=True), kernels(x.view("i4"), x, 32))
        """
    )
    assert told.splitlines() == ["1 0 0 0", "1 0 1 1", "1 0 1", "1 1", "1 1"]


def test_parameters_that_are_not_to_be_specialised_are_not():
    told = run(
        """
        from tritongrad.cuda.array import copyto, empty
        from tritongrad.cuda import loaded
        lib = fake()
        for shape in ((4, 5), (8, 32), (3, 1), (7, 64)):
            x = on_gpu(np.ones(shape, "f4"))
            x.T.copy()
        print(len(loaded._loaded), lib.fake_launches())
        """
    )
    assert told == "1 3\n"  # a column is contiguous


def test_numbers_arrive_as_the_types_that_are_documented():
    told = run(
        """
        import struct
        import standin_kernels as K
        from tritongrad.cuda.launch import launch
        lib, x = fake(), on_gpu(np.ones(64, "f4"))
        for value in (0.1, np.float64(0.1), 1e39, -1e39, float("nan")):
            launch(K.mixed, (1,), x, x, 9, 3, value, True, 5, x, BLOCK=64)
            raw = recorded(lib)[2]
            print(*struct.unpack_from("<f" if type(value) is float else "<d", raw, 24))
        for wrong in (np.float32(1), "text", np.int64(3), np.ones(3)):
            try:
                launch(K.mixed, (1,), x, x, 9, 3, wrong, True, 5, x, BLOCK=64)
            except TypeError as error:
                print(error)
        """
    )
    lines = told.splitlines()
    assert lines[:5] == ["0.10000000149011612", "0.1", "inf", "-inf", "nan"]
    assert [line.split(";")[0] for line in lines[5:]] == [
        f"launch: cannot pass a {kind} to mixed" for kind in ("float32", "str", "int64", "ndarray")
    ]


def test_wrong_arguments_are_named():
    told = run(
        """
        import standin_kernels as K
        from tritongrad.cuda.array import from_numpy
        from tritongrad.cuda.seam import device_of
        from tritongrad.cuda.launch import launch
        x, host = on_gpu(np.ones(64, "f4")), from_numpy(np.ones(64, "f4"), device_of("interpret"))
        def attempt(*args, **constants):
            try:
                launch(K.mapped, (1,), *args, **constants)
            except (TypeError, RuntimeError) as error:
                print(type(error).__name__, error)
        attempt(x, x, FUNCTION=K.double, BLOCK=64)
        attempt(x, x, 3, 4, FUNCTION=K.double, BLOCK=64)
        attempt(x, x, 3, FUNCTION=K.double, BLOCKS=64)
        attempt(x, host, 3, FUNCTION=K.double, BLOCK=64)
        attempt(3, 4, 5, FUNCTION=K.double, BLOCK=64)
        launch(K.mapped, (0,), x, x, 3, FUNCTION=K.double, BLOCK=64)
        print(fake().fake_launches())
        """
    )
    wanted = ("lacks its argument 'n'", "1 arguments too many", "'BLOCK", "different devices")
    wanted += ("no argument of mapped is a device array", "0")
    for line, words in zip(told.splitlines(), wanted, strict=True):
        assert words in line


def test_tiles_that_do_not_fit_are_an_error_and_no_trap():
    done = attempt(
        """
        import standin_kernels as K
        from tritongrad.cuda.launch import launch
        x = on_gpu(np.ones(1 << 15, "f4"))
        gpu().properties["max_shared"] = 60000
        launch(K.product, (1,), x, x, x, BLOCK=128)
        """
    )
    assert "product needs" in done.stderr and "bytes of shared memory and the device has 60000" in (
        done.stderr
    )


def test_a_new_layout_of_parameters_falls_back_to_tritons_launcher_and_warns_once():
    told = run(
        """
        import warnings
        import standin_kernels as K
        from tritongrad.cuda.launch import launch
        lib, x = fake(), on_gpu(np.ones(1 << 15, "f4"))
        launch(K.mixed, (2,), x, x, 9, 1, 0.5, True, 5, x, BLOCK=64)
        usual = recorded(lib)
        lib.fake_shift_params(8)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                launch(K.mixed, (2,), x, x, 9, 1, 0.5, True, 5, x, BLOCK=64, num_warps=8)
            launch(K.tiled, (2,), x, x, 128, BLOCK=64)
        mine = [w for w in caught if "Triton's own launcher" in str(w.message)]
        print(len(mine), lib.fake_launches())
        launch(K.mixed, (2,), x, x, 9, 1, 0.5, True, 5, x, BLOCK=64, num_warps=8)
        print(recorded(lib)[2] == usual[2], recorded(lib)[0][3])
        """
    )
    assert told == "1 4\nTrue 256\n"


def test_synchronous_mode_waits_for_each_kernel():
    told = run(
        """
        lib, x = fake(), on_gpu(np.ones(64, "f4"))
        x[::2].copy()
        lib.fake_log_on(1)
        x[::2].copy()
        print(lib.fake_log().decode())
        """,
        TRITONGRAD_SYNC="1",
    )
    launched = told.index("Launch copy_4d")
    assert "StreamSynchronize" in told[launched:]


def test_threads_launch_without_mixing_their_parameters():
    told = run(
        """
        import threading
        import standin_kernels as K
        from tritongrad.cuda.launch import launch
        lib, x = fake(), on_gpu(np.ones(64, "f4"))
        launch(K.mixed, (1,), x, x, 2, 2, 0.5, True, 2, x, BLOCK=64)
        from tritongrad.cuda.loaded import _loaded
        (entry,) = _loaded.values()
        states = set()
        def work():
            launch(K.mixed, (1,), x, x, 2, 2, 0.5, True, 2, x, BLOCK=64)
            states.add(entry.local.state[1])
            done.wait()
        done = threading.Barrier(4)
        threads = [threading.Thread(target=work) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(len(states), lib.fake_launches())
        """
    )
    assert told == "4 5\n"


def test_the_host_time_of_a_launch_stays_small():
    told = run(
        """
        import time
        from tritongrad.cuda.array import CudaArray, empty
        from tritongrad.cuda.launch import bind
        from tritongrad.kernels import copy
        from cuda.bindings import driver as cu
        device, f4 = gpu(), np.dtype("f4")
        x, grid = on_gpu(np.ones(1024, f4)), (1,)
        fast = bind(copy.copy_contiguous, BLOCK=1024)
        typed = fast.typed(CudaArray, CudaArray, int)
        fast(grid, x, x, 1024)
        from tritongrad.cuda.loaded import _loaded
        (entry,) = _loaded.values()
        params = entry.local.state[1]
        handle = device.lane.handle
        args = (entry.function, 1, 1, 1, 128, 1, 1, 0, handle, params, 0)
        def us(call):
            best = 1.0
            for _ in range(20):
                start = time.perf_counter()
                for _ in range(1000):
                    call()
                best = min(best, (time.perf_counter() - start) / 1000)
            return best * 1e6
        print(us(lambda: cu.cuLaunchKernel(*args)))
        print(us(lambda: empty((1024,), f4, device)))
        print(us(lambda: typed(grid, empty((1024,), f4, device), x, 1024)))
        """
    )
    raw, allocation, whole = (float(line) for line in told.split())
    print(f"driver call {raw:.2f} us, allocation {allocation:.2f} us, both with us {whole:.2f} us")
    assert whole < 12 * raw  # 5 times on a quiet machine; the bound is for a busy one
