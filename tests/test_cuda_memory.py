"""Device memory: accounts, what happens when it is full, and pinned host memory."""

from standin import run


def test_accounts_follow_the_tensors():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import empty
        lib, f4 = fake(), np.dtype("f4")
        x = empty((1000,), f4, gpu())
        y = empty((1 << 20,), f4, gpu())
        print(cuda.memory_allocated(), cuda.memory_reserved(), lib.fake_used())
        view = x[10:20]
        del x, y
        print(cuda.memory_allocated(), cuda.max_memory_allocated())
        del view
        cuda.reset_peak_memory_stats()
        print(cuda.memory_allocated(), cuda.max_memory_allocated(), cuda.memory_reserved() > 0)
        print("in live tensors" in cuda.memory_summary())
        z = empty((0, 3), f4, gpu())
        print(z.ptr, z.numpy().shape)
        cuda.empty_cache()
        print(cuda.memory_reserved(), lib.fake_used(), cuda.mem_get_info())
        """
    )
    assert told.splitlines() == [
        "4198400 4198400 4198400",
        "4096 4198400",
        "0 0 True",
        "True",
        "0 (0, 3)",
        f"0 0 ({140 << 30}, {140 << 30})",
    ]


def test_a_full_device_gives_back_its_cache_then_says_what_it_has():
    told = run(
        """
        import gc
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import empty
        lib, device, u1 = fake(), gpu(), np.dtype("u1")
        lib.fake_set_total(10 << 20)
        kept = on_gpu(np.arange(1000.0))
        small = [empty((1 << 19,), u1, device) for _ in range(18)]
        del small  # 9 MiB of freed blocks, in front of the driver's pool
        big = empty((9 << 20,), u1, device)
        print("retried", device.memory.retries)
        class Cycle:
            pass
        cycle = Cycle(); cycle.me, cycle.array = cycle, big
        del big, cycle
        big = empty((9 << 20,), u1, device)
        print("retried", device.memory.retries)
        before = cuda.memory_allocated(), kept.numpy().tolist()
        try:
            empty((2 << 20,), u1, device)
        except cuda.OutOfMemoryError as error:
            print(isinstance(error, RuntimeError), error)
        print(before == (cuda.memory_allocated(), kept.numpy().tolist()))
        del big
        print(empty((9 << 20,), u1, device).shape)
        """
    )
    lines = told.splitlines()
    assert lines[:2] == ["retried 1", "retried 2"]
    for words in ("True cuda:0: no memory for 2097152 bytes (2.00 MiB)", f"of {10 << 20} bytes"):
        assert words in lines[2]
    assert "9.01 MiB in live tensors" in lines[2]
    assert lines[3:] == ["True", "(9437184,)"]


def test_every_allocation_may_fail_and_the_next_try_succeeds():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import from_numpy
        lib, host = fake(), np.arange(600.0).reshape(20, 30)
        device = gpu()
        def work():
            x = from_numpy(host, device)
            return x.T.copy().astype(np.float32).reshape(-1).copy()
        work()
        cuda.empty_cache()
        failures = 0
        for site in range(1, 9):
            lib.fake_fail(site, 2)  # the allocation and its retry
            used = cuda.memory_allocated()
            try:
                work()
            except cuda.OutOfMemoryError:
                failures += 1
            lib.fake_fail(0, 0)
            assert cuda.memory_allocated() == used, site
            cuda.empty_cache()
            assert work().shape == (600,)
            cuda.empty_cache()
            lib.fake_fail(site, 1)  # only the allocation: the retry saves it
            assert work().shape == (600,)
            cuda.empty_cache()
        print(failures, lib.fake_used())
        """
    )
    assert told == "4 0\n"


def test_memory_used_on_another_stream_is_not_reused_before_that_work():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import copyto, empty
        lib, f4 = fake(), np.dtype("f4")
        x, out = on_gpu(np.ones((8, 8), f4)), empty((8, 8), f4, gpu())
        copyto(out, x.T)
        side = cuda.Stream()
        with side:
            copyto(out, x.T)
        lib.fake_log_on(1)
        del x
        y = empty((8, 8), f4, gpu())
        print(lib.fake_log().decode().split())
        print(gpu().memory.careful)
        del out
        print(gpu().memory.careful)
        """
    )
    log, first, last = told.splitlines()
    words = eval(log)
    assert words[0] == "EventRecord" and words[3] == "StreamWaitEvent" and words[5] == words[1]
    assert (first, last) == ("True", "False")


def test_poison_shows_reads_of_fresh_and_of_freed_memory():
    told = run(
        """
        from tritongrad.cuda.array import empty
        from tritongrad.cuda.seam import device_of
        f4 = np.dtype("f4")
        for device in (gpu(), device_of("interpret")):
            x = empty((4,), f4, device)
            print(np.isnan(x.numpy()).all(), (x.view("i4").numpy() == -1).all())
        x = empty((4,), f4, gpu())
        where = x.ptr
        gpu().memset(where, 0, 16)
        del x
        print(ctypes.c_int.from_address(where).value)
        """,
        TRITONGRAD_POISON="1",
    )
    assert told.splitlines() == ["True True", "True True", "-1"]


def test_without_the_pool_every_block_comes_from_the_driver_and_goes_back():
    told = run(
        """
        import tritongrad.cuda as cuda
        lib = fake()
        x = on_gpu(np.ones((30, 40)))
        print(x.T.copy().numpy().sum(), cuda.memory_reserved())
        del x
        cuda.empty_cache()
        print(lib.fake_used(), cuda.memory_reserved())
        """,
        TRITONGRAD_NO_POOL="1",
    )
    assert told.splitlines()[1] == "0 0"


def test_pinned_memory_is_copied_without_waiting_and_lives_until_the_copy_is_done():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import empty
        lib, device = fake(), gpu()
        host = cuda.pin(np.arange(1000.0))
        print(type(host).__name__, host.sum(), cuda.pinned_empty((2, 3), "f4").shape)
        x = empty((1000,), host.dtype, device)
        lib.fake_log_on(1)
        device.upload(x.ptr, host, non_blocking=True)
        print("Synchronize" in lib.fake_log().decode())
        device.upload(x.ptr, host)
        print("StreamSynchronize" in lib.fake_log().decode())
        lib.fake_log_on(1)
        back = cuda.pinned_empty((1000,), "f8")
        device.download(x.ptr, back, non_blocking=True)
        print("Synchronize" in lib.fake_log().decode())
        cuda.synchronize()
        print((back == host).all())
        lib.fake_log_on(1)
        part = host[5:7]
        del host
        print("MemFreeHost" in lib.fake_log().decode())
        del part
        log = lib.fake_log().decode()
        print(log.index("EventSynchronize") < log.index("MemFreeHost"))
        """
    )
    assert told.splitlines() == [
        "ndarray 499500.0 (2, 3)",
        "False",
        "True",
        "False",
        "True",
        "False",
        "True",
    ]


def test_tensors_are_pinned_and_copied_without_waiting():
    told = run(
        """
        import tritongrad as tg
        lib = fake()
        def waited(f):
            lib.fake_log_on(1)
            f()
            return "Synchronize" in lib.fake_log().decode()
        x = tg.arange(6.0)
        print(x.is_pinned())
        host = x.pin_memory()
        print(host.is_pinned(), host.pin_memory() is host, host.tolist())
        there = host.to("cuda")
        print(waited(lambda: host.to("cuda", non_blocking=True)))
        print(waited(lambda: host.cuda(non_blocking=True)))
        print(waited(lambda: host.to("cuda")))
        print(waited(lambda: there.copy_(host, non_blocking=True)))
        back = tg.zeros(6).pin_memory()
        print(waited(lambda: back.copy_(there, non_blocking=True)))
        print(waited(lambda: back.copy_(there)))
        print(back.tolist(), tg.zeros(2, 6).copy_(there).tolist()[1])
        used = tg.cuda.memory_allocated()
        there.copy_(x.to(tg.float64)), there.copy_(x)
        print(tg.cuda.memory_allocated() == used, there.cpu().tolist())
        try:
            there.pin_memory()
        except RuntimeError as error:
            print(error)
        """
    )
    values = "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]"
    assert told.splitlines() == [
        "False",
        f"True True {values}",
        "False",
        "False",
        "True",
        "False",
        "False",
        "True",
        f"{values} {values}",
        f"True {values}",
        "pin_memory: only CPU tensors can be pinned, got one on cuda:0",
    ]
