"""Philox4x32-10 and the distributions drawn from it: the bits of cpu/random.py, lane by lane."""

import triton
import triton.language as tl


@triton.jit
def philox(counter, seed):
    """Four random uint32 for each 64-bit counter under a 64-bit seed"""
    key = (counter * 0 + seed).to(tl.uint64)
    key0 = key.to(tl.uint32)
    key1 = (key >> 32).to(tl.uint32)
    index = counter.to(tl.uint64)
    c0 = index.to(tl.uint32)
    c1 = (index >> 32).to(tl.uint32)
    c2 = c0 * 0
    c3 = c2
    for _ in tl.static_range(10):
        left = c0.to(tl.uint64) * 0xD2511F53
        right = c2.to(tl.uint64) * 0xCD9E8D57
        c0 = (right >> 32).to(tl.uint32) ^ c1 ^ key0
        c2 = (left >> 32).to(tl.uint32) ^ c3 ^ key1
        c1 = right.to(tl.uint32)
        c3 = left.to(tl.uint32)
        key0 += 0x9E3779B9
        key1 += 0xBB67AE85
    return c0, c1, c2, c3


@triton.jit
def words32(block, offset, seed, BLOCK: tl.constexpr):
    """The 4 * BLOCK 32-bit lanes of one block of counters, in order"""
    counter = block * BLOCK + tl.arange(0, BLOCK) + offset
    a, b, c, d = philox(counter, seed)
    return tl.join(tl.join(a, c), tl.join(b, d)).reshape(4 * BLOCK)


@triton.jit
def words64(block, offset, seed, BLOCK: tl.constexpr):
    """The 2 * BLOCK 64-bit lanes of one block of counters, low word first"""
    counter = block * BLOCK + tl.arange(0, BLOCK) + offset
    a, b, c, d = philox(counter, seed)
    first = b.to(tl.uint64) << 32 | a.to(tl.uint64)
    second = d.to(tl.uint64) << 32 | c.to(tl.uint64)
    return tl.join(first, second).reshape(2 * BLOCK)


@triton.jit(do_not_specialize=["seed", "offset"])
def uniform32(out, n, seed, offset, DIGITS: tl.constexpr, SCALE: tl.constexpr, BLOCK: tl.constexpr):
    """out[i] = the leading DIGITS bits of lane i, times SCALE = 2**-DIGITS"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 4 * BLOCK + tl.arange(0, 4 * BLOCK)
    word = words32(block, offset, seed, BLOCK)
    tl.store(out + i, (word >> (32 - DIGITS)).to(tl.float32) * SCALE, i < n)


@triton.jit(do_not_specialize=["seed", "offset"])
def uniform64(out, n, seed, offset, BLOCK: tl.constexpr):
    """out[i] = the leading 53 bits of lane i, times 2**-53"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 2 * BLOCK + tl.arange(0, 2 * BLOCK)
    word = words64(block, offset, seed, BLOCK)
    tl.store(out + i, (word >> 11).to(tl.float64) * 1.1102230246251565e-16, i < n)


@triton.jit(do_not_specialize=["seed", "offset"])
def normal32(out, n, seed, offset, BLOCK: tl.constexpr):
    """out[i] = inverse of the normal distribution function at lane i, in float32"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 4 * BLOCK + tl.arange(0, 4 * BLOCK)
    word = words32(block, offset, seed, BLOCK)
    odd = (word << 1) | 1
    centre = (0 - odd).to(tl.float32) * 1.1641532182693481e-10
    near = centre * centre_ratio32(0.180625 - centre * centre)
    root = tl.sqrt_rn(minus_log32(odd.to(tl.float32))) - 1.6
    over = ((0.17023821103 * root + 1.3067284816) * root + 2.7568153900) * root + 1.4234372777
    far = tl.div_rn(over, (0.12021132975 * root + 0.73700164250) * root + 1.0)
    size = tl.where(centre > 0.425, far, near)
    tl.store(out + i, tl.where((word >> 31) != 0, -size, size), i < n)


@triton.jit
def centre_ratio32(x):
    over = ((59.10937472 * x + 159.29113202) * x + 50.434271938) * x + 3.3871327179
    under = ((67.187563600 * x + 78.757757664) * x + 17.895169469) * x + 1.0
    return tl.div_rn(over, under)


@triton.jit
def minus_log32(x):
    """-log(x / 2**33)"""
    bits = x.to(tl.int32, bitcast=True)
    power = (bits - 0x3F3504F3) >> 23
    fraction = (bits - (power << 23)).to(tl.float32, bitcast=True)
    s = tl.div_rn(fraction - 1.0, fraction + 1.0)
    t = s * s
    series = ((2 / 9 * t + 2 / 7) * t + 2 / 5) * t + 2 / 3
    log = s * 2.0 + s * t * series
    return (33 - power).to(tl.float32) * 0.6931471805599453 - log


@triton.jit(do_not_specialize=["seed", "offset"])
def normal64(out, n, seed, offset, BLOCK: tl.constexpr):
    """out[i] = inverse of the normal distribution function at lane i, in float64"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 2 * BLOCK + tl.arange(0, 2 * BLOCK)
    word = words64(block, offset, seed, BLOCK)
    odd = (word << 1) | 1
    centre = (0 - odd).to(tl.float64) * 2.710505431213761e-20
    near = centre * centre_ratio64(0.180625 - centre * centre)
    root = tl.sqrt(minus_log64(odd.to(tl.float64)))
    far = tl.where(root <= 5.0, tail_ratio64(root - 1.6), far_ratio64(root - 5.0))
    size = tl.where(centre > 0.425, far, near)
    tl.store(out + i, tl.where((word >> 63) != 0, -size, size), i < n)


@triton.jit
def poly8(x, a, b, c, d, e, f, g, h):
    """Horner's rule, highest power first"""
    return ((((((a * x + b) * x + c) * x + d) * x + e) * x + f) * x + g) * x + h


# fmt: off
@triton.jit
def centre_ratio64(x):
    over = poly8(x, 2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
                 4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
                 1.3314166789178437745e2, 3.3871328727963666080e0)
    under = poly8(x, 5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
                  2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
                  4.2313330701600911252e1, 1.0)
    return over / under


@triton.jit
def tail_ratio64(x):
    over = poly8(x, 7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                 1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
                 4.63033784615654529590e0, 1.42343711074968357734e0)
    under = poly8(x, 1.05075007164441684324e-9, 5.47593808499534494600e-4,
                  1.51986665636164571966e-2, 1.48103976427480074590e-1, 6.89767334985100004550e-1,
                  1.67638483018380384940e0, 2.05319162663775882187e0, 1.0)
    return over / under


@triton.jit
def far_ratio64(x):
    over = poly8(x, 2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                 2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
                 5.46378491116411436990e0, 6.65790464350110377720e0)
    under = poly8(x, 2.04426310338993978564e-15, 1.42151175831644588870e-7,
                  1.84631831751005468180e-5, 7.86869131145613259100e-4, 1.48753612908506148525e-2,
                  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0)
    return over / under
# fmt: on


@triton.jit
def minus_log64(x):
    """-log(x / 2**65)"""
    bits = x.to(tl.int64, bitcast=True)
    power = (bits - 0x3FE6A09E667F3BCD) >> 52
    fraction = (bits - (power << 52)).to(tl.float64, bitcast=True)
    s = (fraction - 1.0) / (fraction + 1.0)
    t = s * s
    high = ((2 / 21 * t + 2 / 19) * t + 2 / 17) * t + 2 / 15
    series = (((((high * t + 2 / 13) * t + 2 / 11) * t + 2 / 9) * t + 2 / 7) * t + 2 / 5) * t
    log = s * 2.0 + s * t * (series + 2 / 3)
    return (65 - power).to(tl.float64) * 0.6931471805599453 - log


@triton.jit(do_not_specialize=["seed", "offset", "low", "width"])
def randint(out, n, seed, offset, low, width, BLOCK: tl.constexpr):
    """out[i] = low + bits 64 to 127 of lane i times width, in 32-bit digits"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 2 * BLOCK + tl.arange(0, 2 * BLOCK)
    word = words64(block, offset, seed, BLOCK)
    factor = (i * 0 + width).to(tl.uint64)
    w1 = factor >> 32
    w0 = factor & 0xFFFFFFFF
    x1 = word >> 32
    x0 = word & 0xFFFFFFFF
    middle = x1 * w0 + ((x0 * w0) >> 32)
    high = x1 * w1 + (middle >> 32) + (((middle & 0xFFFFFFFF) + x0 * w1) >> 32)
    value = high.to(tl.int64) + low
    tl.store(out + i, value.to(out.dtype.element_ty), i < n)


@triton.jit(do_not_specialize=["seed", "offset", "bound"])
def bernoulli(out, n, seed, offset, bound, BLOCK: tl.constexpr):
    """out[i] = lane i < bound"""
    block = tl.program_id(0).to(tl.int64)
    i = block * 4 * BLOCK + tl.arange(0, 4 * BLOCK)
    word = words32(block, offset, seed, BLOCK)
    tl.store(out + i, word.to(tl.int64) < bound, i < n)
