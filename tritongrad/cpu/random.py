"""Counter-based random numbers on NumPy: Philox4x32-10, bit for bit what kernels/random.py draws.

Value i of a draw is a function of (seed, offset, i) alone: counter offset + i // lanes, lane
i % lanes, so any prefix or reshape of a draw holds the same numbers. One counter yields four 32-bit
lanes or two 64-bit lanes; `used` says how far a draw moves the offset. Only integer arithmetic and
IEEE + - * / sqrt turn bits into numbers, which is why every device agrees to the last bit.
"""

import math
import sys

import numpy as np

from .scratch import scratch

UINT64 = np.dtype(np.uint64)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
FACTORS = np.array([[0xD2511F53], [0xCD9E8D57]], UINT64)
ROUNDS = np.arange(10, dtype=UINT64)[:, None, None]
WEYL = ROUNDS * np.array([[0x9E3779B9], [0xBB67AE85]], UINT64)  # what each adds to the key
CHUNK = 12_000  # counters a pass; its working set stays in the second-level cache
AHEAD = 1 << 10  # counters that are drawn at once where a draw needs few of them
APART = 8  # words between rows, lest those of 2 ** k words compete for the same lines of the cache

# Wichura's AS 241 (PPND7, PPND16): highest power first, numerator and denominator of each branch.
CENTRE32 = (59.10937472, 159.29113202, 50.434271938, 3.3871327179)
CENTRE32_UNDER = (67.187563600, 78.757757664, 17.895169469, 1.0)
TAIL32 = (0.17023821103, 1.3067284816, 2.7568153900, 1.4234372777)
TAIL32_UNDER = (0.12021132975, 0.73700164250, 1.0)
CENTRE64 = (
    *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4),
    *(4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3),
    *(1.3314166789178437745e2, 3.3871328727963666080e0),
)
CENTRE64_UNDER = (
    *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4),
    *(2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2),
    *(4.2313330701600911252e1, 1.0),
)
TAIL64 = (
    *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1),
    *(1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0),
    *(4.63033784615654529590e0, 1.42343711074968357734e0),
)
TAIL64_UNDER = (
    *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2),
    *(1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0),
    *(2.05319162663775882187e0, 1.0),
)
FAR64 = (
    *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3),
    *(2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0),
    *(5.46378491116411436990e0, 6.65790464350110377720e0),
)
FAR64_UNDER = (
    *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5),
    *(7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1),
    *(5.99832206555887937690e-1, 1.0),
)
LOG2 = math.log(2)
ATANH32 = (2 / 9, 2 / 7, 2 / 5, 2 / 3)
ATANH64 = (2 / 21, 2 / 19, 2 / 17, 2 / 15, 2 / 13, 2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3)

recent = None, 0, np.empty(0, np.uint32)  # what was drawn ahead last: seed, first counter, words


def wide(kind, dtype):
    """Whether a value takes a 64-bit lane: integers, permutations, samples and float64 do."""
    return kind in ("randint", "randperm", "multinomial") or dtype == np.float64


def used(kind, n, dtype=np.float32):
    """Counters that a draw of n values of `kind` (uniform, normal, randint ...) consumes."""
    return -(-n // 2) if wide(kind, np.dtype(dtype)) else -(-n // 4)


def philox(counters, seed):
    """Ten rounds of Philox4x32 on four counter words, the first an array of n, with a 64-bit key:
    (2, n) random words 0 and 2, and (2, n) words 1 and 3 in the lower halves of other numbers.

    Both are memory of this thread's that is used again. Products have 64 bits: their lower halves
    are read where they lie, instead of in a pass that clears the upper ones.
    """
    n = len(counters[0])
    even, a, b = scratch.take(6 * (n + APART), UINT64).reshape(3, 2, n + APART)[..., :n]
    even[0], b[0], even[1], b[1] = counters
    (into, _), (odd, _) = halves(even), halves(b)
    products = [(product, *halves(product[::-1])) for product in (a, b)]
    key = np.array([[seed & 0xFFFFFFFF], [seed >> 32 & 0xFFFFFFFF]], UINT64)
    for k, added in enumerate(key + WEYL & LOW):
        product, lower, upper = products[k % 2]
        np.multiply(even, FACTORS, product)
        np.bitwise_xor(upper, odd, into)
        np.bitwise_xor(even, added, even)
        odd = lower
    return even, b[::-1]


def halves(x):
    """The lower and the upper 32 bits of each number, where they lie."""
    parts = x.view(np.uint32)
    first, second = parts[..., 0::2], parts[..., 1::2]
    return (first, second) if sys.byteorder == "little" else (second, first)


def words32(seed, start, count):
    """The 32-bit lanes of `count` counters from `start` on, in order; not to be written to.

    Few counters take as long as some more, so those are drawn as well: the next draw finds them.
    """
    global recent  # one name: a thread reads all of what another wrote, or nothing
    if count > AHEAD // 2:
        return lanes(seed, start, count)
    known, first, words = recent
    if known != seed or not first <= start <= first + AHEAD - count:
        first, words = start, lanes(seed, start, AHEAD)
        recent = seed, first, words
    return words[4 * (start - first) : 4 * (start - first + count)]


def lanes(seed, start, count):
    """The words of each counter beside each other, then those of the next."""
    index = np.arange(count, dtype=UINT64) + np.uint64(start & 0xFFFFFFFFFFFFFFFF)
    even, odd = philox((index & LOW, index >> HALF, 0, 0), seed)
    first, second = (even, odd) if sys.byteorder == "little" else (odd & LOW, even)
    np.left_shift(second, HALF, second)
    words = np.empty((count, 2), UINT64)
    np.bitwise_or(first, second, words.T)  # two words that are neighbours
    return words.reshape(-1).view(np.uint32)


def words64(seed, start, count):
    """The 64-bit lanes: low word first, whatever the byte order of the machine."""
    pairs = words32(seed, start, count).reshape(-1, 2).astype(np.uint64)
    return pairs[:, 1] << np.uint64(32) | pairs[:, 0]


def draw(shape, dtype, seed, offset, convert, is_wide):
    """An array of `shape` filled with convert(words), a cache-sized piece at a time."""
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    words, lanes = (words64, 2) if is_wide else (words32, 4)
    for start in range(0, flat.size, CHUNK * lanes):
        piece = flat[start : start + CHUNK * lanes]
        bits = words(seed, offset + start // lanes, -(-piece.size // lanes))
        piece[...] = convert(bits[: piece.size])
    return out


def uniform(shape, dtype, seed, offset, device=None):
    """Numbers in [0, 1): as many leading bits as the dtype holds exactly, so never 1.0."""
    dtype = np.dtype(dtype)
    if dtype == np.float64:
        return draw(shape, dtype, seed, offset, lambda w: (w >> np.uint64(11)) * 2.0**-53, True)
    digits = {"float32": 24, "float16": 11, "bfloat16": 8}[dtype.name]
    shift, scale = np.uint32(32 - digits), np.float32(2.0**-digits)

    def convert(w):
        return (w >> shift).astype(np.float32) * scale

    return draw(shape, dtype, seed, offset, convert, False)


def normal(shape, dtype, seed, offset, device=None):
    """Standard normal numbers: the inverse distribution function at a 32- or 64-bit number."""
    dtype = np.dtype(dtype)
    if dtype == np.float64:
        return draw(shape, dtype, seed, offset, normal64, True)
    return draw(shape, dtype, seed, offset, normal32, False)


def normal32(word):
    """Float32 normals: the top bit is the sign, odd / 2**33 the probability of more."""
    odd = word << np.uint32(1) | np.uint32(1)
    centre = (np.uint32(0) - odd).astype(np.float32) * np.float32(2.0**-33)
    square = np.float32(0.180625) - centre * centre
    out = centre * ratio(square, CENTRE32, CENTRE32_UNDER)
    (far,) = np.nonzero(centre > np.float32(0.425))
    root = np.sqrt(minus_log(odd[far].astype(np.float32), 33, ATANH32)) - np.float32(1.6)
    out[far] = ratio(root, TAIL32, TAIL32_UNDER)
    return np.negative(out, where=word >> np.uint32(31) != 0, out=out)


def normal64(word):
    """Float64 normals, likewise from odd / 2**65, with a third branch beyond exp(-25)."""
    odd = word << np.uint64(1) | np.uint64(1)
    centre = (np.uint64(0) - odd).astype(np.float64) * 2.0**-65
    out = centre * ratio(0.180625 - centre * centre, CENTRE64, CENTRE64_UNDER)
    (far,) = np.nonzero(centre > 0.425)
    root = np.sqrt(minus_log(odd[far].astype(np.float64), 65, ATANH64))
    tail = ratio(root - 1.6, TAIL64, TAIL64_UNDER)
    out[far] = np.where(root <= 5, tail, ratio(root - 5, FAR64, FAR64_UNDER))
    return np.negative(out, where=word >> np.uint64(63) != 0, out=out)


def ratio(x, over, under):
    """Quotient of two polynomials."""
    return np.divide(poly(x, over), poly(x, under))


def poly(x, coefficients):
    """Horner's rule, highest power first."""
    total = x * x.dtype.type(coefficients[0])
    for c in coefficients[1:-1]:
        total += x.dtype.type(c)
        total *= x
    total += x.dtype.type(coefficients[-1])
    return total


def minus_log(x, exponent, series):
    """-log(x / 2**exponent) from the bits of x and the series of atanh."""
    integer, digits, root_half = {
        4: (np.int32, 23, 0x3F3504F3),
        8: (np.int64, 52, 0x3FE6A09E667F3BCD),
    }[x.itemsize]
    bits = x.view(integer)
    power = bits - integer(root_half) >> integer(digits)
    fraction = (bits - (power << integer(digits))).view(x.dtype)
    one = x.dtype.type(1)
    s = (fraction - one) / (fraction + one)
    square = s * s
    log = s * x.dtype.type(2) + s * square * poly(square, series)
    return (integer(exponent) - power).astype(x.dtype) * x.dtype.type(LOG2) - log


def randint(low, high, shape, dtype, seed, offset, device=None):
    """Integers in [low, high): the high half of a 64-bit word times the width."""
    width = check_range(low, high)

    def convert(w):
        return (high_product(w, width) + np.uint64(low & 0xFFFFFFFFFFFFFFFF)).astype(np.int64)

    return draw(shape, dtype, seed, offset, convert, True)


def check_range(low, high):
    """high - low, which must lie in 1 .. 2**64 - 1."""
    if not 0 < high - low < 1 << 64:
        raise RuntimeError(
            f"randint: low {low} must be less than high {high}, by less than 2**64; swap them?"
        )
    return high - low


def high_product(word, width):
    """Bits 64 to 127 of word * width, in 32-bit digits."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    w1, w0 = np.uint64(width >> 32), np.uint64(width & 0xFFFFFFFF)
    x1, x0 = word >> half, word & low
    middle = x1 * w0 + (x0 * w0 >> half)
    return x1 * w1 + (middle >> half) + ((middle & low) + x0 * w1 >> half)


def bernoulli_mask(p, shape, seed, offset, device=None):
    """True with probability p, from 32 bits an element."""
    bound = threshold(p)
    if bound >> 32:  # 1, and no word of 32 bits
        return np.ones(shape, bool)
    word = np.uint32(bound)
    return draw(shape, bool, seed, offset, lambda w: w < word, False)


def threshold(p):
    """p in units of 2**-32."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli: p must lie in [0, 1], got {p}")
    return round(p * 2.0**32)


def randperm(n, seed, offset, device=None):
    """A permutation of 0 .. n-1: the order of n random 64-bit keys."""
    keys = draw((n,), np.uint64, seed, offset, lambda w: w, True)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def multinomial(input, num_samples, replacement, seed, offset, device=None):
    """Indices drawn in proportion to the weights of each row, one uniform float64 a draw."""
    weights = np.asarray(input, np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all() or (weights.sum(-1) <= 0).any():
        raise RuntimeError(
            "multinomial: input must be finite and >= 0, with a positive sum in each row"
        )
    if replacement:
        steps = np.cumsum(weights, -1)
        u = uniform((*weights.shape[:-1], num_samples), np.float64, seed, offset) * steps[..., -1:]
        inside = u[..., :, None] >= steps[..., None, :-1]
        last = weights.shape[-1] - 1 - np.argmax(weights[..., ::-1] > 0, -1)
        return np.minimum(inside.sum(-1), last[..., None])
    if (np.count_nonzero(weights, -1) < num_samples).any():
        raise RuntimeError(
            f"multinomial: num_samples {num_samples} exceeds the positive weights of a row; "
            "draw fewer or pass replacement=True"
        )
    with np.errstate(divide="ignore"):
        race = -np.log1p(-uniform(weights.shape, np.float64, seed, offset)) / weights
    race[weights == 0] = np.inf
    return np.argsort(race, -1, kind="stable")[..., :num_samples]
