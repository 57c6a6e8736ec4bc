"""Random bits: known answers, the same on every device, with a good generator's statistics."""

import math

import numpy as np
import pytest

import tritongrad as tg
from tritongrad.cpu import random as cpu

SEEDS = [0, 1, -1, 2**31, 2**63 + 5, 0x299F31D0A4093822]
OFFSETS = [0, 1, 2**32 - 3, 2**40 + 7]
try:
    import ml_dtypes

    HALVES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
except ImportError:
    HALVES = [np.dtype(np.float16)]
FLOATS = [np.dtype(np.float32), np.dtype(np.float64), *HALVES]


@pytest.fixture(scope="module")
def seam():
    pytest.importorskip("triton", reason="the interpreter comes with Triton")
    from tritongrad.cuda.seam import device_of

    return device_of("interpret")


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            0x299F31D0A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_words(counter, key, expected):
    even, odd = cpu.philox(np.array(counter, np.uint64).reshape(4, 1), key)
    words = np.stack([even[0], odd[0] & cpu.LOW, even[1], odd[1] & cpu.LOW])
    assert " ".join(f"{int(w):08x}" for w in words[:, 0]) == expected


def test_words_that_were_drawn_ahead_are_those_of_their_counters():
    ahead = cpu.AHEAD
    starts = [0, 3, 7, 7 + ahead // 2, ahead, ahead - 1, 2, 2**32 - 5, 2**32 - 4, 2**64 - 2, 1]
    for seed in (5, 5, 2**63 + 5):
        for start in starts:
            for count in (1, 4, ahead // 2, ahead // 2 + 1, 2 * ahead):
                got = cpu.words32(seed, start, count)
                assert np.array_equal(got, cpu.lanes(seed, start, count))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_floats_have_the_same_bits_on_every_device(seam, kind, dtype):
    from tritongrad.cuda import random as cuda

    for n, (seed, offset) in enumerate(zip(SEEDS, OFFSETS * 2, strict=False)):
        shape = (3, 7 + 30 * n)
        want = getattr(cpu, kind)(shape, dtype, seed, offset)
        got = getattr(cuda, kind)(shape, dtype, seed, offset, seam)
        assert got.shape == shape and got.dtype == dtype
        assert got.numpy().tobytes() == want.tobytes()


def test_many_normals_have_the_same_bits_on_every_device(seam):
    from tritongrad.cuda import random as cuda

    for dtype in FLOATS[:2]:
        want = cpu.normal((200_001,), dtype, 7, 0)
        got = cuda.normal((200_001,), dtype, 7, 0, seam).numpy()
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int8], ids=lambda d: d.__name__)
def test_integers_have_the_same_bits_on_every_device(seam, dtype):
    from tritongrad.cuda import random as cuda

    ranges = [(0, 2), (-100, 100)] if dtype(0).itemsize == 1 and dtype is np.int8 else [(0, 200)]
    if dtype is np.int64:
        ranges += [(-(2**63), 2**63 - 1), (-5, 2**33), (0, 2**32), (3, 4)]
    for low, high in ranges:
        want = cpu.randint(low, high, (5, 11), dtype, 9, 3)
        got = cuda.randint(low, high, (5, 11), np.dtype(dtype), 9, 3, seam)
        assert got.dtype == dtype and np.array_equal(got.numpy(), want)
        assert (want.astype(object) >= low).all() and (want.astype(object) < high).all()


def test_masks_and_permutations_have_the_same_bits_on_every_device(seam):
    from tritongrad.cuda import random as cuda

    for p in (0, 0.1, 0.5, 1):
        want = cpu.bernoulli_mask(p, (9, 13), 2, 1)
        got = cuda.bernoulli_mask(p, (9, 13), 2, 1, seam).numpy()
        assert got.dtype == bool and np.array_equal(got, want)
    assert np.array_equal(cuda.randperm(33, 4, 2, seam).numpy(), cpu.randperm(33, 4, 2))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_draw_continues_where_used_says_the_last_one_ended(dtype):
    whole = cpu.normal((40,), dtype, 5, 100)
    first = cpu.normal((8, 2), dtype, 5, 100).reshape(-1)
    rest = cpu.normal((24,), dtype, 5, 100 + cpu.used("normal", 16, dtype))
    assert np.array_equal(whole, np.concatenate([first, rest]))


def test_a_draw_does_not_depend_on_its_shape():
    whole = cpu.uniform((70_000,), np.float32, 3, 0)
    assert np.array_equal(cpu.uniform((700, 100), np.float32, 3, 0).reshape(-1), whole)
    assert np.array_equal(cpu.uniform((41,), np.float32, 3, 0), whole[:41])


def test_uniform_reaches_neither_one_nor_below_zero():
    top = np.full(8, 0xFFFFFFFF, np.uint32)
    for dtype, digits in [("float32", 24), ("float16", 11), ("bfloat16", 8)]:
        scaled = (top >> np.uint32(32 - digits)).astype(np.float32) * np.float32(2.0**-digits)
        target = next((d for d in FLOATS if d.name == dtype), None)
        if target is not None:
            assert (scaled.astype(target).astype(np.float64) < 1).all()
    for dtype in FLOATS:
        drawn = cpu.uniform((100_000,), dtype, 1, 0).astype(np.float64)
        assert drawn.min() >= 0 and drawn.max() < 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
def test_uniform_numbers_are_uniform(dtype):
    n = 1_000_000
    x = np.sort(cpu.uniform((n,), dtype, 11, 0).astype(np.float64))
    steps = np.arange(n + 1) / n
    distance = max(np.max(steps[1:] - x), np.max(x - steps[:-1]))
    assert distance * math.sqrt(n) < 1.95  # Kolmogorov's 0.1 % point


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
def test_normal_numbers_are_normal(dtype):
    n = 1_000_000
    z = np.sort(cpu.normal((n,), dtype, 13, 0).astype(np.float64))
    for power, moment, spread in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(np.mean(z**power) - moment) < 4.5 * math.sqrt(spread / n)
    some = z[::1000]
    below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in some])
    assert np.max(np.abs(below - np.arange(0, n, 1000) / n)) * math.sqrt(n) < 1.95
    for bound in (3, 4):
        expected = n * math.erfc(bound / math.sqrt(2))
        assert abs(np.sum(np.abs(z) > bound) - expected) < 4.5 * math.sqrt(expected)


def test_normal_is_the_inverse_of_the_distribution_function_far_out():
    words = np.array([0, 1, 5, 1000, 2**20, 2**29, 2**31 - 1, 2**31, 2**32 - 1], np.uint32)
    z = cpu.normal32(words).astype(np.float64)
    for word, value in zip(words.tolist(), z, strict=True):
        tail = ((word & 0x7FFFFFFF) + 0.5) / 2**32
        assert math.erfc(abs(value) / math.sqrt(2)) / 2 == pytest.approx(tail, rel=1e-5)
        assert (value < 0) == (word >> 31 == 1)
    far = cpu.normal64(np.array([0, 1, 77, 2**40], np.uint64))
    for word, value in zip([0, 1, 77, 2**40], far, strict=True):
        assert math.erfc(value / math.sqrt(2)) / 2 == pytest.approx((word + 0.5) / 2**64, rel=1e-12)
    assert z.max() > 6 and far.max() > 9


def test_integers_fall_evenly_and_permutations_are_complete():
    counts = np.bincount(cpu.randint(0, 10, (100_000,), np.int64, 3, 0), minlength=10)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 27.9  # chi-square, 9 degrees, 0.1 %
    order = cpu.randperm(1000, 8, 0)
    assert np.array_equal(np.sort(order), np.arange(1000)) and not np.array_equal(
        order, np.sort(order)
    )


def test_samples_follow_their_weights():
    weights = np.array([[0.0, 1.0, 3.0, 0.0], [2.0, 0.0, 0.0, 2.0]])
    drawn = cpu.multinomial(weights, 20_000, True, 1, 0)
    shares = np.stack([np.bincount(row, minlength=4) for row in drawn]) / 20_000
    assert np.abs(shares - weights / weights.sum(1, keepdims=True)).max() < 0.02
    assert np.array_equal(np.sort(cpu.multinomial(weights, 2, False, 1, 0)), [[1, 2], [0, 3]])
    with pytest.raises(RuntimeError, match="multinomial"):
        cpu.multinomial(weights, 3, False, 1, 0)


def test_wrong_arguments_are_named():
    with pytest.raises(RuntimeError, match="randint: low 5"):
        cpu.randint(5, 5, (2,), np.int64, 0, 0)
    with pytest.raises(RuntimeError, match="bernoulli: p"):
        cpu.bernoulli_mask(1.5, (2,), 0, 0)


@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_drawn_within_fork_rng_is_not_missed_after_it(enabled):
    before = tg.get_rng_state()
    with tg.random.fork_rng(devices=[], enabled=enabled):
        tg.manual_seed(3)
        tg.rand(5)
    assert tg.equal(tg.get_rng_state(), before) is enabled
