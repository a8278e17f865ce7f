// Pooling over windows that are a product of one range for each of three dimensions.
// Everything is a template, so that float64 runs the same code as float32.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace compat {

// x (planes, in[0], in[1], in[2]), y (planes, out[0], out[1], out[2]). `windows` has, for each
// dimension, the first position, the end and the counted length of each output's range.
struct Pooling {
    int64_t planes, in[3], out[3], step[3];
    const int32_t* windows;
    double divisor;  // 0: the product of the lengths

    const int32_t* table(int d) const {
        const int32_t* t = windows;
        for (int i = 0; i < d; i++) t += 3 * out[i];
        return t;
    }
    int64_t size_in() const { return in[0] * in[1] * in[2]; }
    int64_t size_out() const { return out[0] * out[1] * out[2]; }
};

// The positions of one dimension that an output covers.
struct Range {
    int64_t first, end, length;
    Range(const Pooling& d, int dimension, int64_t output) {
        const int32_t* t = d.table(dimension) + output;
        int64_t n = d.out[dimension];
        first = t[0], end = t[n], length = t[2 * n];
    }
};

// Call visit(n, first element of the output's row, its range in dimension 0, in dimension 1), one
// plane n a thread.
template <class F>
void each_row(const Pooling& d, F visit) {
#pragma omp parallel for if (d.planes * d.size_in() > 1 << 15)
    for (int64_t n = 0; n < d.planes; n++)
        for (int64_t i = 0; i < d.out[0]; i++)
            for (int64_t j = 0; j < d.out[1]; j++)
                visit(n, ((n * d.out[0] + i) * d.out[1] + j) * d.out[2], Range(d, 0, i),
                      Range(d, 1, j));
}

// The larger one; NaN if either is.
template <class T>
T larger(T a, T b) {
    return (b > a) | (b != b) ? b : a;
}

// The ranges of the last dimension, for loops over all outputs of a row: the position number t of
// each, and the last one where there are fewer, which changes no maximum.
struct Columns {
    int32_t count, longest = 0, step;
    const int32_t* first;
    std::vector<int32_t> last;

    explicit Columns(const Pooling& d)
        : count(d.out[2]), step(d.step[2]), first(d.table(2)), last(count) {
        for (int32_t k = 0; k < count; k++) {
            int32_t more = (first[k + count] - 1 - first[k]) / step;
            last[k] = first[k] + more * step, longest = std::max(longest, more + 1);
        }
    }
};

template <class T>
void max_pool(const T* x, T* y, Pooling d) {
    Columns c(d);
    each_row(d, [&](int64_t n, int64_t o, Range a, Range b) {
        // First over the rows, which is done for many columns at once.
        std::vector<T> most(d.in[2], -std::numeric_limits<T>::infinity());
        T* m = most.data();
        for (int64_t p = a.first; p < a.end; p += d.step[0])
            for (int64_t q = b.first; q < b.end; q += d.step[1]) {
                const T* row = x + n * d.size_in() + (p * d.in[1] + q) * d.in[2];
                for (int64_t r = 0; r < d.in[2]; r++) m[r] = larger(m[r], row[r]);
            }
        const int32_t *first = c.first, *last = c.last.data();
        T* out = y + o;
        for (int32_t k = 0; k < c.count; k++) out[k] = m[first[k]];
        for (int32_t t = 1; t < c.longest; t++)
            for (int32_t k = 0; k < c.count; k++)
                out[k] = larger(out[k], m[std::min(first[k] + t * c.step, last[k])]);
    });
}

// Call visit(plane, output, first position in its plane of that value), from x and the maxima y.
template <class T, class F>
void each_maximum(const T* x, const T* y, const Pooling& d, F visit) {
    Columns c(d);
    each_row(d, [&](int64_t n, int64_t o, Range a, Range b) {
        int64_t last_p = (a.end - 1 - a.first) / d.step[0] * d.step[0] + a.first;
        int64_t last_q = (b.end - 1 - b.first) / d.step[1] * d.step[1] + b.first;
        std::vector<int32_t> found(c.count);
        int32_t* at = found.data();
        const int32_t *first = c.first, *last = c.last.data();
        const T* value = y + o;
        // Backwards and without a branch, which the processor could not predict.
        for (int64_t p = last_p; p >= a.first; p -= d.step[0])
            for (int64_t q = last_q; q >= b.first; q -= d.step[1]) {
                int32_t start = (p * d.in[1] + q) * d.in[2];
                const T* row = x + n * d.size_in() + start;
                for (int32_t t = c.longest - 1; t >= 0; t--)
                    for (int32_t k = 0; k < c.count; k++) {
                        int32_t r = std::min(first[k] + t * c.step, last[k]);
                        T v = row[r];
                        at[k] = (v == value[k]) | (v != v) ? start + r : at[k];
                    }
            }
        for (int32_t k = 0; k < c.count; k++) visit(n, o + k, at[k]);
    });
}

template <class T>
void max_positions(const T* x, const T* y, int32_t* index, Pooling d) {
    each_maximum(x, y, d, [&](int64_t, int64_t o, int64_t at) { index[o] = at; });
}

template <class T>
void max_pool_backward(const T* x, const T* y, const T* dy, T* dx, Pooling d) {
    std::fill(dx, dx + d.planes * d.size_in(), T(0));
    each_maximum(x, y, d, [&](int64_t n, int64_t o, int64_t at) {
        dx[n * d.size_in() + at] += dy[o];
    });
}

// The counts of the windows in a row of outputs.
inline double counted(const Pooling& d, const Range& a, const Range& b, int64_t k) {
    if (d.divisor) return d.divisor;
    return double(a.length) * b.length * (d.table(2) + 2 * d.out[2])[k];
}

template <class T>
void avg_pool(const T* x, T* y, Pooling d) {
    const int32_t *first = d.table(2), *end = first + d.out[2];
    each_row(d, [&](int64_t n, int64_t o, Range a, Range b) {
        std::vector<double> sums(d.in[2]);
        double* s = sums.data();
        for (int64_t p = a.first; p < a.end; p++)
            for (int64_t q = b.first; q < b.end; q++) {
                const T* row = x + n * d.size_in() + (p * d.in[1] + q) * d.in[2];
                for (int64_t r = 0; r < d.in[2]; r++) s[r] += row[r];
            }
        for (int64_t k = 0; k < d.out[2]; k++) {
            double sum = 0;
            for (int64_t r = first[k]; r < end[k]; r++) sum += s[r];
            y[o + k] = sum / counted(d, a, b, k);
        }
    });
}

template <class T>
void avg_pool_backward(const T* dy, T* dx, Pooling d) {
    std::fill(dx, dx + d.planes * d.size_in(), T(0));
    const int32_t *first = d.table(2), *end = first + d.out[2];
    each_row(d, [&](int64_t n, int64_t o, Range a, Range b) {
        std::vector<T> shares(d.in[2]);
        T* s = shares.data();
        for (int64_t k = 0; k < d.out[2]; k++) {
            T share = dy[o + k] / counted(d, a, b, k);
            for (int64_t r = first[k]; r < end[k]; r++) s[r] += share;
        }
        for (int64_t p = a.first; p < a.end; p++)
            for (int64_t q = b.first; q < b.end; q++) {
                T* row = dx + n * d.size_in() + (p * d.in[1] + q) * d.in[2];
                for (int64_t r = 0; r < d.in[2]; r++) row[r] += s[r];
            }
    });
}

}  // namespace compat
