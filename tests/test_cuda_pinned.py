"""pin_memory=True of what makes tensors, on the stand-in and without a GPU."""

from standin import attempt, run


def test_tensors_are_made_in_page_locked_memory():
    told = run(
        """
        import tritongrad as tg
        x = tg.ones(2, 3)
        lib = fake()
        lib.fake_log_on(1)
        made = {
            "empty": tg.empty(2, 3, pin_memory=True),
            "empty_like": tg.empty_like(x, pin_memory=True),
            "zeros": tg.zeros(2, 3, pin_memory=True),
            "zeros_like": tg.zeros_like(x, pin_memory=True),
            "ones": tg.ones((2, 3), pin_memory=True, requires_grad=True),
            "ones_like": tg.ones_like(x, dtype=tg.int64, pin_memory=True),
            "full": tg.full((2, 3), 7, pin_memory=True),
            "full_like": tg.full_like(x, 7, pin_memory=True),
            "tensor": tg.tensor([[1, 2]], pin_memory=True),
            "tensor of a tensor": tg.tensor(x, pin_memory=True),
            "arange": tg.arange(3, pin_memory=True),
            "linspace": tg.linspace(0, 1, 3, pin_memory=True),
            "logspace": tg.logspace(0, 1, 3, pin_memory=True),
            "eye": tg.eye(2, pin_memory=True),
        }
        log = lib.fake_log().decode()
        print([name for name, t in made.items() if not t.is_pinned()], x.is_pinned())
        print(log.count("MemAllocHost") == len(made), "Memcpy" in log)
        print(made["ones"].tolist(), made["ones"].requires_grad, made["ones"].is_leaf)
        print(made["ones_like"], made["tensor"].tolist(), made["eye"].tolist())
        for wrong in (lambda: tg.empty(2, device="cuda", pin_memory=True),
                      lambda: tg.tensor([1.0], device="cuda", pin_memory=True)):
            try:
                wrong()
            except RuntimeError as error:
                print(error)
        """
    )
    refused = "pin_memory: only CPU tensors can be pinned, got one on cuda:0"
    assert told.splitlines() == [
        "[] False",
        "True False",
        "[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]] True True",
        "tensor([[1, 1, 1],",
        "        [1, 1, 1]]) [[1, 2]] [[1.0, 0.0], [0.0, 1.0]]",
        refused,
        refused,
    ]


def test_page_locked_memory_without_a_gpu_says_why():
    done = attempt("import tritongrad as tg; tg.empty(2, pin_memory=True)", FAKECUDA_NDEV="0")
    assert "RuntimeError: cuda is not available" in done.stderr
