// Normalisation of groups of numbers, in two passes with double sums, one group a thread.
// Everything is a template, so that float64 runs the same code as float32.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace compat {

// x (B, R, L): the B segments of length L of each of R rows are one group. Element i of a segment of
// row r has the weight number (r % P) * Q + i / S.
struct Layout {
    int64_t B, R, L, P, Q, S;
    int64_t at(int64_t b, int64_t r) const { return (b * R + r) * L; }
    int64_t first_weight(int64_t r) const { return r % P * Q; }
};

template <class T>
void normalize(const T* x, const T* weight, const T* bias, T* y, T* mean, T* variance,
               Layout d, double epsilon) {
    double count = double(d.B) * d.L;
#pragma omp parallel for if (d.B * d.R * d.L > 1 << 15)
    for (int64_t r = 0; r < d.R; r++) {
        double sum = 0, squares = 0;
        for (int64_t b = 0; b < d.B; b++) {
            const T* p = x + d.at(b, r);
            for (int64_t i = 0; i < d.L; i++) sum += p[i];
        }
        double m = sum / count;
        for (int64_t b = 0; b < d.B; b++) {
            const T* p = x + d.at(b, r);
            for (int64_t i = 0; i < d.L; i++) squares += (p[i] - m) * (p[i] - m);
        }
        double s = 1 / std::sqrt(squares / count + epsilon);
        mean[r] = m, variance[r] = squares / count;
        // The mean in two parts: as one float it would shift x by half a unit of its last place.
        T high = m, low = m - high, scale = s;
        const T *w = weight + d.first_weight(r), *c = bias + d.first_weight(r);
        for (int64_t b = 0; b < d.B; b++) {
            const T* p = x + d.at(b, r);
            T* out = y + d.at(b, r);
            for (int64_t q = 0; q * d.S < d.L; q++)
                for (int64_t i = q * d.S; i < (q + 1) * d.S; i++)
                    out[i] = ((p[i] - high) - low) * scale * w[q] + c[q];
        }
    }
}

// The sums over a group of dy w and of dy w times x normalised; dw and db grow by the group's.
template <class T>
void group_sums(const T* x, const T* dy, const T* w, double m, double s, double* dw, double* db,
                Layout d, int64_t r, double& flat, double& along) {
    for (int64_t b = 0; b < d.B; b++) {
        const T *p = x + d.at(b, r), *up = dy + d.at(b, r);
        if (d.S == 1) {
            for (int64_t i = 0; i < d.L; i++) {
                double g = up[i], n = (p[i] - m) * s;
                dw[i] += g * n, db[i] += g, flat += g * w[i], along += g * w[i] * n;
            }
            continue;
        }
        for (int64_t q = 0; q * d.S < d.L; q++) {
            double sum = 0, dot = 0;
            for (int64_t i = q * d.S; i < (q + 1) * d.S; i++)
                sum += up[i], dot += up[i] * (p[i] - m);
            dw[q] += dot * s, db[q] += sum, flat += w[q] * sum, along += w[q] * dot * s;
        }
    }
}

template <class T>
void normalize_backward(const T* x, const T* weight, const T* dy, T* dx, T* dweight, T* dbias,
                        Layout d, double epsilon) {
    // A fixed number of parts, so that results do not depend on the number of threads.
    int64_t weights = d.P * d.Q, parts = std::min<int64_t>(d.R, 16);
    double count = double(d.B) * d.L;
    std::vector<double> dw(parts * weights), db(parts * weights);
#pragma omp parallel for if (d.B * d.R * d.L > 1 << 15)
    for (int64_t part = 0; part < parts; part++)
        for (int64_t r = d.R * part / parts; r < d.R * (part + 1) / parts; r++) {
            double sum = 0, squares = 0, flat = 0, along = 0;
            for (int64_t b = 0; b < d.B; b++) {
                const T* p = x + d.at(b, r);
                for (int64_t i = 0; i < d.L; i++) sum += p[i];
            }
            double m = sum / count;
            for (int64_t b = 0; b < d.B; b++) {
                const T* p = x + d.at(b, r);
                for (int64_t i = 0; i < d.L; i++) squares += (p[i] - m) * (p[i] - m);
            }
            double s = 1 / std::sqrt(squares / count + epsilon);
            int64_t first = d.first_weight(r);
            const T* w = weight + first;
            group_sums(x, dy, w, m, s, &dw[part * weights + first], &db[part * weights + first], d,
                       r, flat, along);
            T high = m, low = m - high, scale = s, shift = flat / count, slope = along / count * s;
            for (int64_t b = 0; b < d.B; b++) {
                const T *p = x + d.at(b, r), *up = dy + d.at(b, r);
                T* out = dx + d.at(b, r);
                for (int64_t q = 0; q * d.S < d.L; q++)
                    for (int64_t i = q * d.S; i < (q + 1) * d.S; i++)
                        out[i] = scale * (up[i] * w[q] - shift - ((p[i] - high) - low) * slope);
            }
        }
    for (int64_t i = 0; i < weights; i++) {
        double a = 0, b = 0;
        for (int64_t part = 0; part < parts; part++)
            a += dw[part * weights + i], b += db[part * weights + i];
        dweight[i] = a, dbias[i] = b;
    }
}

// Columns of x (B, R) are groups, with one weight each: side by side, because a column alone would
// leap through memory.
constexpr int64_t side_by_side = 16;

struct Moments {
    double mean[side_by_side] = {}, variance[side_by_side] = {}, rstd[side_by_side];

    template <class T>
    Moments(const T* x, int64_t B, int64_t R, int64_t columns, double epsilon) {
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < columns; i++) mean[i] += x[b * R + i];
        for (int64_t i = 0; i < columns; i++) mean[i] /= B;
        for (int64_t b = 0; b < B; b++)
            for (int64_t i = 0; i < columns; i++) {
                double centred = x[b * R + i] - mean[i];
                variance[i] += centred * centred;
            }
        for (int64_t i = 0; i < columns; i++)
            variance[i] /= B, rstd[i] = 1 / std::sqrt(variance[i] + epsilon);
    }
};

template <class T>
void normalize_columns(const T* x, const T* weight, const T* bias, T* y, T* mean, T* variance,
                       Layout d, double epsilon) {
#pragma omp parallel for if (d.B * d.R > 1 << 15)
    for (int64_t r = 0; r < d.R; r += side_by_side) {
        int64_t columns = std::min(side_by_side, d.R - r);
        Moments m(x + r, d.B, d.R, columns, epsilon);
        for (int64_t i = 0; i < columns; i++) mean[r + i] = m.mean[i], variance[r + i] = m.variance[i];
        for (int64_t b = 0; b < d.B; b++)
            for (int64_t i = 0; i < columns; i++) {
                int64_t at = b * d.R + r + i;
                y[at] = (x[at] - m.mean[i]) * m.rstd[i] * weight[r + i] + bias[r + i];
            }
    }
}

template <class T>
void normalize_columns_backward(const T* x, const T* weight, const T* dy, T* dx, T* dweight,
                                T* dbias, Layout d, double epsilon) {
#pragma omp parallel for if (d.B * d.R > 1 << 15)
    for (int64_t r = 0; r < d.R; r += side_by_side) {
        int64_t columns = std::min(side_by_side, d.R - r);
        Moments m(x + r, d.B, d.R, columns, epsilon);
        double sum[side_by_side] = {}, dot[side_by_side] = {};
        for (int64_t b = 0; b < d.B; b++)
            for (int64_t i = 0; i < columns; i++) {
                int64_t at = b * d.R + r + i;
                sum[i] += dy[at], dot[i] += dy[at] * ((x[at] - m.mean[i]) * m.rstd[i]);
            }
        for (int64_t i = 0; i < columns; i++) dweight[r + i] = dot[i], dbias[r + i] = sum[i];
        for (int64_t b = 0; b < d.B; b++)
            for (int64_t i = 0; i < columns; i++) {
                int64_t at = b * d.R + r + i;
                double normal = (x[at] - m.mean[i]) * m.rstd[i];
                dx[at] = m.rstd[i] * weight[r + i] * (dy[at] - sum[i] / d.B - normal * dot[i] / d.B);
            }
    }
}

}  // namespace compat
