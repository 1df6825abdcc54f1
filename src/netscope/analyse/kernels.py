"""Compute moments and bins of arrays in one compiled pass. Importing compiles (or loads the cache) and takes seconds.

Each block fits the first-level cache and is read three times, by loops simple enough for the compiler to turn into
vector instructions: sums, extremes and the histogram. This takes 0.5 ns per value, a twentieth of what NumPy takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from netscope.analyse.bins import N_BINS, N_FINITE, NEGATIVE
from netscope.analyse.compiled import compiled

BLOCK = 4096
# Sums are of finite values only (others are replaced first, by a test of their bits), so the compiler may reorder
# them and need not mind NaN.
FREE = {"reassoc", "contract", "nsz", "nnan", "ninf"}
EXPONENT_32, MAGNITUDE_32, HIGHEST_32 = 0x7F800000, 0x7FFFFFFF, np.int32(0x7FFFFFFF)
EXPONENT_64, MAGNITUDE_64 = 0x7FF0000000000000, 0x7FFFFFFFFFFFFFFF


@compiled("UniTuple(f8, 2)(f4[::1], f4)", FREE)
def _sums(values, shift):  # type: ignore[no-untyped-def]
    """Sum and sum of squares of the differences to `shift`, one of the values, so that large offsets lose no digits."""
    bits = values.view(np.int32)
    total, squares = 0.0, 0.0
    for i in range(values.size):
        value = values[i] if (bits[i] & EXPONENT_32) != EXPONENT_32 else shift
        distance = np.float64(value) - np.float64(shift)
        total += distance
        squares += distance * distance
    return total, squares


@compiled("UniTuple(i4, 2)(i4[::1], i4)")
def _extremes(bits, shift):  # type: ignore[no-untyped-def]
    """Min and max as integers that sort like the values, because float comparisons are not vectorised."""
    low, high = HIGHEST_32, np.int32(-HIGHEST_32)
    for i in range(bits.size):
        key = np.int32(bits[i] ^ ((bits[i] >> 31) & MAGNITUDE_32))
        key = key if (bits[i] & EXPONENT_32) != EXPONENT_32 else shift
        low = min(low, key)
        high = max(high, key)
    return low, high


@compiled("i8(i4[::1])")
def _zeros(bits):  # type: ignore[no-untyped-def]
    """The number of zeros."""
    zeros = 0
    for i in range(bits.size):
        zeros += (bits[i] & MAGNITUDE_32) == 0
    return zeros


@compiled("UniTuple(i4, 3)(i4[::1])")
def _range(bits):  # type: ignore[no-untyped-def]
    """The number of zeros, and min and max as integers that sort like the values (infinities and NaN at the ends)."""
    zeros, low, high = np.int32(0), HIGHEST_32, np.int32(-HIGHEST_32)
    for i in range(bits.size):
        zeros += np.int32((bits[i] & MAGNITUDE_32) == 0)
        key = np.int32(bits[i] ^ ((bits[i] >> 31) & MAGNITUDE_32))
        low = min(low, key)
        high = max(high, key)
    return zeros, low, high


@compiled("void(f4[::1], i8, f4[::1], f8[::1])")
def survey_32(values, every, sample, row):  # type: ignore[no-untyped-def]
    """Fill `row` with the number of zeros, min and max; min or max is not finite if any value is not.

    `sample` gets every `every`th value in the same pass, because memory bandwidth is the limit.
    """
    bits = values.view(np.int32)
    zeros, low, high = 0, HIGHEST_32, np.int32(-HIGHEST_32)
    taken = 0
    for start in range(0, values.size, BLOCK):
        found = _range(bits[start : start + BLOCK])
        zeros += found[0]
        low = min(low, found[1])
        high = max(high, found[2])
        while taken < sample.size and taken * every < start + BLOCK:
            sample[taken] = values[taken * every]
            taken += 1
    ends = np.array([low, high], np.int32)
    for i in range(2):
        ends[i] = ends[i] ^ ((ends[i] >> 31) & MAGNITUDE_32)
    found_ends = ends.view(np.float32)
    row[0], row[1], row[2] = zeros, found_ends[0], found_ends[1]


@compiled("void(u4[::1], u4[::1], u4[::1])")
def _count(bits, counts, other):  # type: ignore[no-untyped-def]
    """Count in two tables alternately: neighbours often share a bin, and the second update would wait for the first."""
    pairs = bits.size - bits.size % 2
    for i in range(0, pairs, 2):
        counts[bits[i] >> 21] += 1
        other[bits[i + 1] >> 21] += 1
    if pairs < bits.size:
        counts[bits[pairs] >> 21] += 1


@compiled("void(f8[::1], i8, i8, i8, f8, f8, f8, f8, f8)")
def _fill(row, n, zeros, nonfinite, shift, total, squares, low, high):  # type: ignore[no-untyped-def]
    """Compute mean and std from the sums of differences."""
    row[0], row[1], row[2] = n, zeros, nonfinite
    row[3], row[4], row[5], row[6] = np.nan, np.nan, np.inf, -np.inf
    finite = n - nonfinite
    if finite > 0:
        mean = total / finite
        row[3] = shift + mean
        row[4] = np.sqrt(max(squares / finite - mean * mean, 0.0))
        row[5], row[6] = low, high


@compiled("void(f4[::1], f8[::1], u4[::1], u4[::1])")
def _measure_32(values, row, counts, other):  # type: ignore[no-untyped-def]
    """Like `measure_32`, but `counts` must be zero; so must `other`, which is zero again afterwards."""
    bits = values.view(np.int32)
    words = values.view(np.uint32)
    shift = np.float32(0.0)
    key = np.int32(0)
    for i in range(values.size):
        if (bits[i] & EXPONENT_32) != EXPONENT_32:
            shift = values[i]
            key = np.int32(bits[i] ^ ((bits[i] >> 31) & MAGNITUDE_32))
            break
    total, squares = 0.0, 0.0
    low, high = HIGHEST_32, np.int32(-HIGHEST_32)
    for start in range(0, values.size, BLOCK):
        stop = start + BLOCK
        sums = _sums(values[start:stop], shift)
        total += sums[0]
        squares += sums[1]
        extremes = _extremes(bits[start:stop], key)
        low = min(low, extremes[0])
        high = max(high, extremes[1])
        _count(words[start:stop], counts, other)
    for i in range(N_BINS):
        counts[i] += other[i]
        other[i] = 0
    nonfinite = np.int64(0)
    for i in range(4):  # The bins of infinities and NaN (FORMAT.md).
        nonfinite += np.int64(counts[N_FINITE + i]) + np.int64(counts[NEGATIVE + N_FINITE + i])
    # The first bins of either sign hold zeros and the smallest numbers; weights seldom have any.
    zeros = _zeros(bits) if counts[0] or counts[NEGATIVE] else 0
    ends = np.array([low, high], np.int32)
    for i in range(2):
        ends[i] = ends[i] ^ ((ends[i] >> 31) & MAGNITUDE_32)
    found_ends = ends.view(np.float32)
    _fill(row, values.size, zeros, nonfinite, shift, total, squares, found_ends[0], found_ends[1])


@compiled("void(f4[::1], f8[::1], u4[::1])")
def measure_32(values, row, counts):  # type: ignore[no-untyped-def]
    """Add the bins of `values` to `counts` and fill `row` with the fields of `Moments`."""
    table = np.zeros(N_BINS, np.uint32)
    _measure_32(values, row, table, np.zeros(N_BINS, np.uint32))
    for i in range(N_BINS):
        counts[i] += table[i]


@compiled("void(f8[::1], f8[::1], u4[::1])")
def measure_64(values, row, counts):  # type: ignore[no-untyped-def]
    """`measure_32` for float64, which is rare in training: one plain loop, 2 ns per value."""
    bits = values.view(np.int64)
    single = np.empty(1, np.float32)
    word = single.view(np.uint32)
    shift, low, high = 0.0, np.inf, -np.inf
    total, squares = 0.0, 0.0
    zeros, nonfinite = 0, 0
    for i in range(values.size):
        value = values[i]
        single[0] = value
        counts[word[0] >> 21] += 1
        if (bits[i] & EXPONENT_64) == EXPONENT_64:
            nonfinite += 1
            continue
        if low > high:
            shift = value
        low, high = min(low, value), max(high, value)
        zeros += (bits[i] & MAGNITUDE_64) == 0
        total += value - shift
        squares += (value - shift) * (value - shift)
    _fill(row, values.size, zeros, nonfinite, shift, total, squares, low, high)


def _as_pointer(typing, address):  # type: ignore[no-untyped-def]
    """Convert an integer to a pointer."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_as_pointer)


@compiled("i8(u4[::1], u2[::1], u4[::1], i8)")
def _take(table, places, counts, at):  # type: ignore[no-untyped-def]
    """Append the non-empty bins of `table` to `places` and `counts`, and clear the table."""
    words = table.view(np.uint64)
    for start in range(0, 1024, 8):
        any_bits = np.uint64(0)
        for i in range(start, start + 8):
            any_bits |= words[i]
        if any_bits:
            for i in range(2 * start, 2 * start + 16):
                if table[i]:
                    places[at], counts[at] = i, table[i]
                    table[i] = 0
                    at += 1
    return at


@compiled("UniTuple(i8, 2)(i8[::1], i8[::1], i8[::1], f8[:, ::1], i8[::1], u2[::1], u4[::1], i8, i8, i8)")
def table_32(addresses, before, sizes, rows, filled, places, counts, begin, row, at):  # type: ignore[no-untyped-def]
    """Measure many float32 arrays, given by their addresses: a call for each would cost more than the small ones do.

    Where `before` is not 0 it is the address of a second array: the first minus the second takes its place, and is
    measured. Per array, from the `begin`th on, `rows` gets the fields of `Moments`, in the rows from `row` on, and
    `filled` the number of non-empty bins; these bins and their counts go into `places` and `counts` from `at` on. Ends
    before an array whose bins may not fit.

    Returns:
        How many arrays have been measured, and the end of their bins.
    """
    table, other = np.zeros(N_BINS, np.uint32), np.zeros(N_BINS, np.uint32)
    for i in range(begin, addresses.size):
        if places.size - at < min(sizes[i], N_BINS):
            return i, at
        values = carray(_pointer(addresses[i]), (sizes[i],), np.float32)
        if before[i]:
            changed = carray(_pointer(before[i]), (sizes[i],), np.float32)
            for j in range(sizes[i]):
                changed[j] = values[j] - changed[j]
            values = changed
        _measure_32(values, rows[row + i - begin], table, other)
        start, at = at, _take(table, places, counts, at)
        filled[row + i - begin] = at - start
    return addresses.size, at


@compiled("i8(i8, i8, i8, f8[:, ::1], i8[::1], u2[::1], u4[::1], i8, i8)")
def append_32(address, size, every, rows, filled, places, counts, row, at):  # type: ignore[no-untyped-def]
    """Measure one float32 array like `table_32`, into row `row` and the places from `at` on. Returns their end.

    Where `every` is above 1, mean, deviation and bins are of every `every`th value, unless one is not finite.
    """
    values = carray(_pointer(address), (size,), np.float32)
    table, other = np.zeros(N_BINS, np.uint32), np.zeros(N_BINS, np.uint32)
    is_sample = False
    if every > 1:
        found, sample = np.empty(3), np.empty((size + every - 1) // every, np.float32)
        survey_32(values, every, sample, found)
        if np.isfinite(found[1]) and np.isfinite(found[2]):
            is_sample = True
            _measure_32(sample, rows[row], table, other)
            rows[row, 0], rows[row, 1], rows[row, 5], rows[row, 6] = size, found[0], found[1], found[2]
    if not is_sample:
        _measure_32(values, rows[row], table, other)
    end = _take(table, places, counts, at)
    if is_sample:
        for i in range(at, end):
            counts[i] *= np.uint32(every)
    filled[row] = end - at
    return end


@compiled("UniTuple(i8, 2)(i8[::1], i8[::1], i8[::1], f8[:, ::1], i8[::1], u2[::1], u4[::1], i8, i8, i8)")
def table_64(addresses, before, sizes, rows, filled, places, counts, begin, row, at):  # type: ignore[no-untyped-def]
    """`table_32` for float64."""
    table = np.zeros(N_BINS, np.uint32)
    for i in range(begin, addresses.size):
        if places.size - at < min(sizes[i], N_BINS):
            return i, at
        values = carray(_pointer(addresses[i]), (sizes[i],), np.float64)
        if before[i]:
            changed = carray(_pointer(before[i]), (sizes[i],), np.float64)
            for j in range(sizes[i]):
                changed[j] = values[j] - changed[j]
            values = changed
        measure_64(values, rows[row + i - begin], table)
        start, at = at, _take(table, places, counts, at)
        filled[row + i - begin] = at - start
    return addresses.size, at


@compiled("i8(i8, i8, i8, i8, b1[::1])")
def active_32(address, outer, units, inner, active):  # type: ignore[no-untyped-def]
    """Mark the units of a float32 array [outer, unit, inner] that are anywhere above zero or NaN; returns how many are.

    Each unit is scanned only until such a value is found, which usually takes a few values.
    """
    values = carray(_pointer(address), (outer * units * inner,), np.float32)
    n = active.sum()
    for i in range(outer):
        if n == units:
            break
        for unit in range(units):
            if not active[unit]:
                start = (i * units + unit) * inner
                for j in range(start, start + inner):
                    if not (values[j] <= 0):
                        active[unit] = True
                        n += 1
                        break
    return n
