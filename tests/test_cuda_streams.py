"""Streams and events on the stand-in: which calls reach the driver, and in what order."""

from standin import run


def test_work_goes_to_the_current_stream_of_the_thread():
    told = run(
        """
        import threading
        import tritongrad.cuda as cuda
        lib, x = fake(), on_gpu(np.ones((4, 4), "f4"))
        def ran_on():
            lib.fake_log_on(1)
            x.T.copy()
            (launch,) = [line for line in lib.fake_log().decode().splitlines() if "Launch" in line]
            return int(launch.split()[-1])
        first = ran_on()
        one, two = cuda.Stream(), cuda.Stream()
        seen = [first]
        with one:
            seen.append(ran_on())
            with two:
                seen.append(ran_on())
                thread = threading.Thread(target=lambda: seen.append(ran_on()))
                thread.start(); thread.join()
            seen.append(ran_on())
            assert cuda.current_stream() == one != two
        seen.append(ran_on())
        try:
            with one:
                raise KeyError
        except KeyError:
            seen.append(ran_on())
        print([s - first for s in seen], cuda.current_stream() == cuda.default_stream())
        cuda.set_stream(two)
        print(cuda.current_stream() == two, ran_on() - first)
        """
    )
    assert told.splitlines() == ["[0, 1, 2, 0, 1, 0, 0] True", "True 2"]


def test_a_stream_waits_for_an_event_and_for_another_stream():
    told = run(
        """
        import tritongrad.cuda as cuda
        lib, device = fake(), gpu()
        one, two = cuda.Stream(), cuda.Stream()
        start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        never = cuda.Event()
        lib.fake_log_on(1)
        start.record(one)
        two.wait_event(start)
        two.wait_stream(one)
        two.wait_event(never)
        end.record(two)
        end.synchronize()
        print(lib.fake_log().decode().replace("\\n", "; "))
        print(start.query(), never.query(), one.query(), start.elapsed_time(end))
        for first, second in ((never, end), (start, cuda.Event(enable_timing=True))):
            try:
                first.elapsed_time(second)
            except ValueError as error:
                print(error)
        """
    )
    lines = told.splitlines()
    assert lines[0] == (
        "EventRecord 1 2; StreamWaitEvent 3 1; EventRecord 2 2; StreamWaitEvent 3 2; "
        "EventRecord 3 3; EventSynchronize 3; "
    )
    assert lines[1:3] == [
        "True True True 0.5",
        "elapsed_time: make both events with Event(enable_timing=True)",
    ]
    assert "record both" in lines[3]


def test_streams_of_other_libraries_are_taken_and_ours_are_given():
    told = run(
        """
        import tritongrad.cuda as cuda
        lib, x = fake(), on_gpu(np.ones((4, 4), "f4"))
        class Theirs:
            def __cuda_stream__(self):
                return 0, cuda.Stream().cuda_stream
        theirs = Theirs()
        with cuda.stream(theirs) as stream:
            x.T.copy()
            print(cuda.current_stream().cuda_stream == stream.cuda_stream)
        print(stream.__cuda_stream__() == (0, stream.cuda_stream), hash(stream) is not None)
        again = cuda.stream(stream.cuda_stream)
        print(again == stream, again.lane is stream.lane)
        """
    )
    assert told.splitlines() == ["True", "True True", "True True"]


def test_a_device_hands_out_no_more_than_its_pool_of_streams():
    told = run(
        """
        import tritongrad.cuda as cuda
        gpu()
        print(len({cuda.Stream() for _ in range(100)}))
        """
    )
    assert told == "32\n"


def test_two_devices_keep_their_streams_apart():
    told = run(
        """
        import tritongrad.cuda as cuda
        from tritongrad.cuda.array import from_numpy, copyto
        from tritongrad.cuda.seam import device_of
        first, second = device_of("cuda", 0), device_of("cuda", 1)
        x, y = (from_numpy(np.ones((4, 4), "f4"), d) for d in (first, second))
        x.T.copy(), y.T.copy(), x.T.copy()
        with cuda.Stream("cuda:1"):
            print(cuda.current_device(), cuda.current_stream().device)
            print(cuda.current_stream("cuda:0") == cuda.default_stream("cuda:0"))
        print(cuda.current_device(), cuda.memory_allocated(1))
        for wrong in (lambda: copyto(x, y), lambda: device_of("cuda", 2)):
            try:
                wrong()
            except RuntimeError as error:
                print(error)
        """,
        FAKECUDA_NDEV="2",
    )
    assert told.splitlines() == [
        "1 cuda:1",
        "True",
        "0 512",
        "copyto: dst is on cuda:0 and src on cuda:1",
        "device: cuda:2 does not exist; there are 2 GPUs",
    ]


def test_tensors_of_two_devices_meet_by_copies_alone():
    told = run(
        """
        import tritongrad as tg
        from tritongrad.cuda.seam import here
        a, b = (tg.ones(4, 4, device=f"cuda:{i}") for i in range(2))
        for _ in range(4):  # plans of both devices take turns
            print((a + a).device, here.device, (b + b).device, here.device)
        for wrong in (lambda: a + b, lambda: a.matmul(b), lambda: tg.where(a > 0, a, b)):
            for _ in range(3):
                try:
                    wrong()
                except RuntimeError as error:
                    text = str(error)
            print(text)
        a.copy_(b)
        print(a.device, b.to(a.device).device, (a + b.to("cuda:0")).device)
        """,
        FAKECUDA_NDEV="2",
    )
    text = (
        "expected all tensors to be on the same device, but found at least two, cuda:0 and "
        "cuda:1: move one with .to(device)"
    )
    assert told.splitlines() == [
        *["cuda:0 cuda:0 cuda:1 cuda:1"] * 4,
        f"add: {text}",
        f"launch: {text}",
        f"where: {text}",
        "cuda:0 cuda:0 cuda:0",
    ]


def test_a_device_is_chosen_for_a_block_and_the_one_before_comes_back():
    told = run(
        """
        import threading
        import tritongrad as tg
        from tritongrad.cuda.seam import _devices, here
        def now():
            return tg.cuda.current_device(), tg.ones(1, device="cuda").device.index
        chosen = tg.cuda.device(1)
        with chosen:
            print(now(), here.device, list(_devices))
        print(tg.cuda.current_device(), list(_devices), now())
        with chosen, tg.cuda.device("cuda:0"), chosen:
            print(now(), tg.cuda.current_stream().device)
            other = []
            thread = threading.Thread(target=lambda: other.append(now()))
            thread.start(), thread.join()
            with tg.cuda.Stream("cuda:0"), tg.cuda.device(tg.device("cuda")):
                print(other, now())
            print(now(), here.device)
        with tg.cuda.device(1), tg.cuda.device(None):
            print(now())
        try:
            with tg.cuda.device(tg.ones(1, device="cuda:1").device):
                raise KeyError(*now())
        except KeyError as error:
            print(error.args, now(), here.device)
        for wrong in (2, "cpu", tg.device("cpu")):
            try:
                with tg.cuda.device(wrong):
                    pass
            except (RuntimeError, ValueError) as error:
                print(error, now(), len(here.outer))
        """,
        FAKECUDA_NDEV="2",
    )
    assert told.splitlines() == [
        "(1, 1) cuda:1 [('cuda', 1)]",
        "0 [('cuda', 1)] (0, 0)",
        "(1, 1) cuda:1",
        "[(0, 0)] (0, 0)",
        "(1, 1) cuda:1",
        "(1, 1)",
        "(1, 1) (0, 0) cuda:0",
        "device: cuda:2 does not exist; there are 2 GPUs (0, 0) 0",
        "device: expected 'cuda' or 'cuda:<number>', got 'cpu' (0, 0) 0",
        "device: expected a device of CUDA, got device(type='cpu') (0, 0) 0",
    ]


def test_an_event_is_asked_in_a_thread_that_has_no_context_yet():
    told = run(
        """
        import threading
        import tritongrad as tg
        start, end = (tg.cuda.Event(enable_timing=True) for _ in range(2))
        start.record(), end.record()

        def asked(*how):
            try:
                print(how[0](*how[1:]))
            except tg.cuda.CudaError as error:
                print(error)

        for how in ((start.query,), (start.elapsed_time, end)):
            thread = threading.Thread(target=asked, args=how)
            thread.start()
            thread.join()
        """
    )
    assert told == "True\n0.25\n"
