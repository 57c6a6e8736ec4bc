"""The driver: why CUDA can or cannot be used, forks, and errors that say what to do."""

import subprocess
import sys

import pytest
from standin import ROOT, attempt, folder, run

STATUS = "from tritongrad.cuda import driver; print(driver.status())"


def test_importing_the_cuda_side_loads_neither_triton_nor_the_driver():
    code = "import sys, tritongrad.cuda; print({m.split('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"triton", "cuda", "torch"} & eval(done.stdout)


@pytest.mark.parametrize(
    ("code", "extra", "reason"),
    [
        ("", {"LD_LIBRARY_PATH": "/nonexistent"}, "no NVIDIA driver: libcuda.so.1"),
        ("BLOCKED.add('cuda')", {}, "cuda-bindings is not installed"),
        ("import importlib.util as u; u.find_spec = lambda name: None", {}, "triton is not inst"),
        ("", {"FAKECUDA_INIT": "803"}, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        ("", {"FAKECUDA_NDEV": "0"}, "CUDA_ERROR_NO_DEVICE"),
        ("", {"FAKECUDA_COUNT": "0"}, "shows no device"),
    ],
)
def test_the_reason_is_told_when_cuda_cannot_be_used(code, extra, reason):
    code += f"""
{STATUS}
import tritongrad.cuda as cuda
print(cuda.is_available(), cuda.device_count())
print(cuda.memory_allocated(), cuda.max_memory_allocated())
try:
    gpu()
except RuntimeError as error:
    print("raised", error)
"""
    told = run(code, **extra)
    assert told.startswith("(False, ")
    assert told.count(reason) == 2 and "raised cuda is not available" in told
    assert "\nFalse 0\n0 0\n" in told


def test_a_device_is_found_and_described():
    told = run(
        """
        import tritongrad.cuda as cuda
        print(cuda.status(), cuda.is_available(), cuda.device_count(), cuda.current_device())
        print(cuda.get_device_name(), cuda.get_device_capability(), cuda.is_bf16_supported())
        cuda.set_device("cuda:1")
        print(cuda.current_device(), cuda.get_device_name(), cuda.current_stream().device)
        """,
        FAKECUDA_NDEV="2",
    )
    assert told.splitlines() == [
        "(True, '2 devices') True 2 0",
        "Stand-in 0 (9, 0) True",
        "1 Stand-in 1 cuda:1",
    ]


def test_a_device_that_does_not_exist_is_refused():
    done = attempt("from tritongrad.cuda.seam import device_of; device_of('cuda', 7)")
    assert "cuda:7 does not exist; there are 1 GPUs" in done.stderr


def test_a_forked_child_is_told_to_use_spawn_and_the_parent_goes_on():
    """Whatever it tries, also what went by a plan in the parent; all of it together in a second."""
    told = run(
        """
        import os, time
        import tritongrad as tg
        x = on_gpu(np.arange(3.0))
        w = tg.ones(4, device="cuda", requires_grad=True)
        m = tg.ones(4, 4, device="cuda")
        optimizer = tg.optim.SGD([w], lr=0.1, momentum=0.9)
        stream, event = tg.cuda.Stream(), tg.cuda.Event()

        def work():
            (w * 2.0).exp().sum().backward()
            m.mul_(1.0)
            m @ m
            optimizer.step()

        for _ in range(3):
            work()
        attempts = [
            work, optimizer.step, x.numpy, w.cpu, w.tolist, m.zero_, stream.query, event.record,
            stream.synchronize, tg.cuda.synchronize, tg.cuda.Stream, tg.cuda.mem_get_info,
            lambda: on_gpu([1.0]), lambda: w + 1.0, lambda: w * 2.0, lambda: m @ m, lambda: m.sum(),
            lambda: m.mul_(1.0), lambda: w.sum().backward(), lambda: tg.empty(4, device="cuda"),
            lambda: tg.ones(4).to("cuda"), lambda: repr(m), lambda: tg.rand(4, device="cuda"),
            lambda: m.copy_(tg.ones(4, 4)), lambda: m[0, 0].item(), lambda: tg.ones(4).pin_memory(),
        ]
        child = os.fork()
        if not child:
            started = time.perf_counter()
            for number, attempt in enumerate(attempts):
                said = "no error"
                try:
                    attempt()
                except RuntimeError as error:
                    said = str(error)
                if "was forked" not in said or "'spawn'" not in said:
                    print(number, said)
            print(tg.cuda.is_available(), time.perf_counter() - started < 1.0, flush=True)
            del x, w, m, stream, event  # the memory is the parent's
            os._exit(0)
        print(os.waitpid(child, 0)[1], x.numpy(), (w + m).shape == (4, 4))
        """
    )
    assert told.splitlines() == ["False True", "0 [0. 1. 2.] True"]


def test_an_error_names_the_call_its_code_and_what_to_do():
    told = run(
        """
        from cuda.bindings import driver as cu
        from tritongrad.cuda.driver import check
        gpu()
        for code in ("CUDA_ERROR_ILLEGAL_ADDRESS", "CUDA_ERROR_INVALID_VALUE"):
            try:
                check((getattr(cu.CUresult, code),), "cuStreamSynchronize", "kernel k")
            except RuntimeError as error:
                print(error.code, error)
        """
    )
    first, second = told.splitlines()
    assert first.startswith("CUDA_ERROR_ILLEGAL_ADDRESS cuStreamSynchronize (kernel k): CUDA_ERR")
    assert "TRITONGRAD_SYNC=1" in first and "restart the process" in first
    assert "TRITONGRAD_SYNC=1" in second


def test_every_thread_gets_the_context():
    told = run(
        """
        import threading
        x, found = on_gpu(np.arange(4.0)), []
        thread = threading.Thread(target=lambda: found.append(x[::2].numpy().tolist()))
        thread.start(); thread.join()
        print(found, fake().fake_retains())
        """
    )
    assert told == "[[0.0, 0.0]] 1\n" or told.startswith("[[")
    assert told.endswith(" 1\n")


def test_the_stand_in_is_what_ran():
    assert (folder() / "libcuda.so.1").exists()
