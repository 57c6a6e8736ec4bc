"""Machine code on disk: a second process does not compile, and damage is repaired."""

import pytest
from standin import run

pytestmark = pytest.mark.triton


def test_a_second_process_neither_compiles_nor_hashes_triton(tmp_path):
    code = """
        import time
        import standin_kernels as K
        from tritongrad.cuda import compile
        from tritongrad.cuda.launch import launch
        x = on_gpu(np.ones(64, "f4"))
        built = []
        build = compile.build
        compile.build = lambda spec: built.append(spec) or build(spec)
        for function in (K.double, K.triple):
            launch(K.mapped, (1,), x, x, 64, FUNCTION=function, BLOCK=64)
        launch(K.tiled, (1,), on_gpu(np.ones((64, 64), "f4")), x, 64, BLOCK=64)
        x[::2].copy()
        print(len(built), "triton.compiler.code_generator" in sys.modules, fake().fake_launches())
        """
    cache = {"TRITONGRAD_CACHE_DIR": str(tmp_path / "cubins")}
    cache["TRITON_CACHE_DIR"] = str(tmp_path / "triton")
    assert run(code, **cache) == "4 True 4\n"
    assert run(code, **cache) == "0 False 4\n"
    for path in (tmp_path / "cubins").iterdir():  # damage is noticed, and repaired
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run(code, **cache).startswith("4 ")
    assert run(code, **cache) == "0 False 4\n"


def test_the_first_result_of_a_second_process_loads_what_it_needs_and_compiles_nothing(tmp_path):
    code = """
        import tritongrad as tg
        from tritongrad.cuda import compile
        built, build = [], compile.build
        compile.build = lambda spec: built.append(spec) or build(spec)
        x = tg.ones(64, 64, device="cuda", requires_grad=True)
        for _ in range(3):
            y = (x * x).sum()
        y.backward()
        heavy = ("triton.compiler.code_generator", "torch",
                 "tritongrad.nn", "tritongrad.optim", "tritongrad.cuda.interpreter")
        print(len(built) > 0, [name for name in heavy if name in sys.modules])
        """
    cache = {"TRITONGRAD_CACHE_DIR": str(tmp_path / "cubins")}
    cache["TRITON_CACHE_DIR"] = str(tmp_path / "triton")
    assert run(code, **cache).startswith("True")
    assert run(code, **cache) == "False []\n"


def test_an_unwritable_cache_folder_is_replaced_by_a_temporary_one(tmp_path):
    (tmp_path / "file").write_text("no folder")
    code = """
        from tritongrad.cuda import cubins
        x = on_gpu(np.ones(64, "f4"))
        x[::2].copy()
        print(len(list(cubins.fallback().glob("*.bin"))))
        """
    extra = {"TRITONGRAD_CACHE_DIR": str(tmp_path / "file" / "x"), "TMPDIR": str(tmp_path)}
    assert run(code, **extra) == "1\n"


def test_a_long_compilation_is_announced_on_a_terminal():
    told = run(
        """
        import io, time
        from tritongrad.cuda import compile
        class Terminal(io.StringIO):
            isatty = lambda self: True
        sys.stderr, usual = Terminal(), sys.stderr
        compile.PATIENCE = 0.05
        with compile.progress("quick"):
            pass
        with compile.progress("slow"):
            time.sleep(0.2)
        text, sys.stderr = sys.stderr.getvalue(), usual
        print(repr(text))
        """
    )
    assert "quick" not in told and "compiling slow" in told and "0.2 s (once" in told
