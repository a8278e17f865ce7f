// Operators of the U-Net for the CPU: one batch entry, or one group of it, for each thread.
// Everything is a template, so that float64 runs the same code as float32.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

// oneDNN's matrix product, row-major (oneDNN 2.2, `dnnl.h`); it has none for float64.
extern "C" int dnnl_sgemm(char transa, char transb, int64_t M, int64_t N, int64_t K, float alpha,
                          const float* A, int64_t lda, const float* B, int64_t ldb, float beta,
                          float* C, int64_t ldc);

// Exponentials of a whole vector register at once, from glibc's libmvec (2.22): five times faster
// than one by one. glibc says so itself only to who gives up NaN and infinity (-ffast-math).
#if defined(__x86_64__) && defined(__GLIBC__)
extern "C" __attribute__((simd("notinbranch"))) float expf(float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double exp(double) noexcept;
#endif

namespace ddpm {

// C (M, N) = alpha op(A) op(B), op(A) (M, K), op(B) (K, N); 'T' transposes.
inline void gemm(char ta, char tb, int64_t M, int64_t N, int64_t K, float alpha, const float* A,
                 const float* B, float* C) {
    dnnl_sgemm(ta, tb, M, N, K, alpha, A, ta == 'N' ? K : M, B, tb == 'N' ? N : K, 0, C, N);
}

inline void gemm(char ta, char tb, int64_t M, int64_t N, int64_t K, double alpha, const double* A,
                 const double* B, double* C) {
    for (int64_t i = 0; i < M; i++) {
        double* row = C + i * N;
        std::fill(row, row + N, 0.0);
        for (int64_t k = 0; k < K; k++) {
            double a = alpha * (ta == 'N' ? A[i * K + k] : A[k * M + i]);
            if (tb == 'N')
                for (int64_t j = 0; j < N; j++) row[j] += a * B[k * N + j];
            else
                for (int64_t j = 0; j < N; j++) row[j] += a * B[j * K + k];
        }
    }
}

// y = x sigmoid(x). Beyond -80 the exponential would overflow float32 and is held.
template <class T>
T sigmoid(T x) {
    return 1 / (1 + std::exp(-std::max(x, T(-80))));
}

template <class T>
void silu(const T* x, T* y, int64_t size) {
#pragma omp parallel for
    for (int64_t i = 0; i < size; i++) y[i] = x[i] * sigmoid(x[i]);
}

template <class T>
void silu_backward(const T* x, const T* dy, T* dx, int64_t size) {
#pragma omp parallel for
    for (int64_t i = 0; i < size; i++) {
        T s = sigmoid(x[i]);
        dx[i] = dy[i] * s * (1 + x[i] * (1 - s));
    }
}

// x (N, C, S) normalised over each of G groups of channels; mean and rstd (N, G).
template <class T>
void group_norm(const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, int64_t N,
                int64_t C, int64_t S, int64_t G, T epsilon) {
    int64_t channels = C / G, size = channels * S;
#pragma omp parallel for
    for (int64_t ng = 0; ng < N * G; ng++) {
        const T* p = x + ng * size;
        T sum = 0, squares = 0;
        for (int64_t i = 0; i < size; i++) sum += p[i];
        T m = sum / size;
        for (int64_t i = 0; i < size; i++) squares += (p[i] - m) * (p[i] - m);
        T r = 1 / std::sqrt(squares / size + epsilon);
        mean[ng] = m, rstd[ng] = r;
        for (int64_t c = 0; c < channels; c++) {
            T scale = r * weight[ng % G * channels + c], shift = bias[ng % G * channels + c];
            const T* in = p + c * S;
            T* out = y + ng * size + c * S;
            for (int64_t i = 0; i < S; i++) out[i] = (in[i] - m) * scale + shift;
        }
    }
}

template <class T>
void group_norm_backward(const T* x, const T* weight, const T* mean, const T* rstd, const T* dy,
                         T* dx, T* dweight, T* dbias, int64_t N, int64_t C, int64_t S, int64_t G) {
    int64_t channels = C / G, size = channels * S;
    std::vector<T> of_weight(N * C), of_bias(N * C);
#pragma omp parallel for
    for (int64_t ng = 0; ng < N * G; ng++) {
        T m = mean[ng], r = rstd[ng], flat = 0, along = 0;
        const T* w = weight + ng % G * channels;
        for (int64_t c = 0; c < channels; c++) {
            const T *in = x + ng * size + c * S, *up = dy + ng * size + c * S;
            T sum = 0, dot = 0;
            for (int64_t i = 0; i < S; i++) sum += up[i], dot += up[i] * (in[i] - m);
            of_bias[ng * channels + c] = sum, of_weight[ng * channels + c] = dot * r;
            flat += w[c] * sum, along += w[c] * dot * r;
        }
        flat /= size, along /= size;
        for (int64_t c = 0; c < channels; c++) {
            const T *in = x + ng * size + c * S, *up = dy + ng * size + c * S;
            T* out = dx + ng * size + c * S;
            for (int64_t i = 0; i < S; i++)
                out[i] = r * (w[c] * up[i] - flat - (in[i] - m) * r * along);
        }
    }
    // In order of the batch, whatever the number of threads.
    for (int64_t c = 0; c < C; c++) {
        T a = 0, b = 0;
        for (int64_t n = 0; n < N; n++) a += of_weight[n * C + c], b += of_bias[n * C + c];
        dweight[c] = a, dbias[c] = b;
    }
}

// softmax(q k^T scale) v for q, k, v (N, L, C); weights (N, L, L) are kept for the gradient.
template <class T>
void attention(const T* q, const T* k, const T* v, T* out, T* weights, int64_t N, int64_t L,
               int64_t C) {
    T scale = 1 / std::sqrt(T(C));
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++) {
        T* w = weights + n * L * L;
        gemm('N', 'T', L, L, C, scale, q + n * L * C, k + n * L * C, w);
        for (int64_t i = 0; i < L; i++) {
            T *row = w + i * L, sum = 0, most = *std::max_element(row, row + L);
            for (int64_t j = 0; j < L; j++) row[j] = std::exp(row[j] - most), sum += row[j];
            for (int64_t j = 0; j < L; j++) row[j] /= sum;
        }
        gemm('N', 'N', L, C, L, T(1), w, v + n * L * C, out + n * L * C);
    }
}

template <class T>
void attention_backward(const T* q, const T* k, const T* v, const T* weights, const T* dout, T* dq,
                        T* dk, T* dv, int64_t N, int64_t L, int64_t C) {
    T scale = 1 / std::sqrt(T(C));
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++) {
        const T *w = weights + n * L * L, *up = dout + n * L * C;
        std::vector<T> slope(L * L);
        gemm('T', 'N', L, C, L, T(1), w, up, dv + n * L * C);
        gemm('N', 'T', L, L, C, T(1), up, v + n * L * C, slope.data());
        for (int64_t i = 0; i < L; i++) {
            const T* p = w + i * L;
            T *row = slope.data() + i * L, dot = 0;
            for (int64_t j = 0; j < L; j++) dot += p[j] * row[j];
            for (int64_t j = 0; j < L; j++) row[j] = p[j] * (row[j] - dot);
        }
        gemm('N', 'N', L, C, L, scale, slope.data(), k + n * L * C, dq + n * L * C);
        gemm('T', 'N', L, C, L, scale, slope.data(), q + n * L * C, dk + n * L * C);
    }
}

// Each pixel of x (planes, H, W) four times: y (planes, 2H, 2W).
template <class T>
void upsample(const T* x, T* y, int64_t planes, int64_t H, int64_t W) {
#pragma omp parallel for
    for (int64_t row = 0; row < planes * H; row++) {
        const T* in = x + row * W;
        T* out = y + row * 4 * W;
        for (int64_t j = 0; j < W; j++) out[2 * j] = out[2 * j + 1] = in[j];
        std::copy(out, out + 2 * W, out + 2 * W);
    }
}

template <class T>
void upsample_backward(const T* dy, T* dx, int64_t planes, int64_t H, int64_t W) {
#pragma omp parallel for
    for (int64_t row = 0; row < planes * H; row++) {
        const T *above = dy + row * 4 * W, *below = above + 2 * W;
        T* out = dx + row * W;
        for (int64_t j = 0; j < W; j++)
            out[j] = (above[2 * j] + above[2 * j + 1]) + (below[2 * j] + below[2 * j + 1]);
    }
}

// y (N, A + B) is the rows of a (N, A) and b (N, B) side by side.
template <class T>
void concat(const T* a, const T* b, T* y, int64_t N, int64_t A, int64_t B) {
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++) {
        T* out = y + n * (A + B);
        std::copy(b + n * B, b + (n + 1) * B, std::copy(a + n * A, a + (n + 1) * A, out));
    }
}

template <class T>
void split(const T* y, T* a, T* b, int64_t N, int64_t A, int64_t B) {
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++) {
        const T* in = y + n * (A + B);
        std::copy(in, in + A, a + n * A);
        std::copy(in + A, in + A + B, b + n * B);
    }
}

// y (planes, H + 1, W + 1) is x (planes, H, W) with zeros below and on the right.
template <class T>
void pad(const T* x, T* y, int64_t planes, int64_t H, int64_t W) {
#pragma omp parallel for
    for (int64_t n = 0; n < planes; n++) {
        T* out = y + n * (H + 1) * (W + 1);
        for (int64_t i = 0; i < H; i++) {
            out = std::copy(x + (n * H + i) * W, x + (n * H + i + 1) * W, out);
            *out++ = 0;
        }
        std::fill(out, out + W + 1, T(0));
    }
}

template <class T>
void crop(const T* y, T* x, int64_t planes, int64_t H, int64_t W) {
#pragma omp parallel for
    for (int64_t row = 0; row < planes * H; row++) {
        const T* in = y + (row + row / H) * (W + 1);
        std::copy(in, in + W, x + row * W);
    }
}

// y (N C, S) = x (N C, S) with one number of each row of `shift` (N C) added.
template <class T>
void add_to_pixels(const T* x, const T* shift, T* y, int64_t rows, int64_t S) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = r * S; i < (r + 1) * S; i++) y[i] = x[i] + shift[r];
}

template <class T>
void sum_of_pixels(const T* x, T* sum, int64_t rows, int64_t S) {
#pragma omp parallel for
    for (int64_t r = 0; r < rows; r++) {
        T s = 0;
        for (int64_t i = r * S; i < (r + 1) * S; i++) s += x[i];
        sum[r] = s;
    }
}

// One step of Adam for `size` numbers: those of a parameter, its gradient and both moments.
template <class T>
void adam(const T* p, const T* g, const T* m, const T* v, T* new_p, T* new_m, T* new_v,
          int64_t size, T keep1, T take1, T keep2, T take2, T rate, T root2, T epsilon) {
#pragma omp parallel for if (size > 1 << 15)
    for (int64_t i = 0; i < size; i++) {
        new_m[i] = keep1 * m[i] + take1 * g[i];
        new_v[i] = keep2 * v[i] + take2 * g[i] * g[i];
        new_p[i] = p[i] - rate * new_m[i] / (std::sqrt(new_v[i]) / root2 + epsilon);
    }
}

}  // namespace ddpm
