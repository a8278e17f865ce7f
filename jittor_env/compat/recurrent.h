// Steps of LSTM and GRU for N samples of H hidden numbers; one sample a thread at a time.
// Everything is a template, so that float64 runs the same code as float32.
#include <cmath>
#include <cstdint>

namespace compat {

template <class T>
T sigmoid(T x) {
    return 1 / (1 + std::exp(-x));  // of a very negative x: 1 / infinity, which is 0
}

// gates (N, 4H): input, forget, cell, output.
template <class T>
void lstm(const T* gates, const T* c, T* h, T* next, int64_t N, int64_t H) {
#pragma omp parallel for if (N * H > 1 << 11)
    for (int64_t n = 0; n < N; n++)
        for (int64_t j = 0; j < H; j++) {
            const T* x = gates + n * 4 * H + j;
            T kept = sigmoid(x[H]) * c[n * H + j];
            T s = kept + sigmoid(x[0]) * std::tanh(x[2 * H]);
            next[n * H + j] = s, h[n * H + j] = sigmoid(x[3 * H]) * std::tanh(s);
        }
}

template <class T>
void lstm_backward(const T* gates, const T* c, const T* dh, const T* dnext, T* dgates, T* dc,
                   int64_t N, int64_t H) {
#pragma omp parallel for if (N * H > 1 << 11)
    for (int64_t n = 0; n < N; n++)
        for (int64_t j = 0; j < H; j++) {
            const T* x = gates + n * 4 * H + j;
            T* dx = dgates + n * 4 * H + j;
            T i = sigmoid(x[0]), f = sigmoid(x[H]), g = std::tanh(x[2 * H]), o = sigmoid(x[3 * H]);
            T old = c[n * H + j], t = std::tanh(f * old + i * g), up = dh[n * H + j];
            T slope = dnext[n * H + j] + up * o * (1 - t * t);
            dx[0] = slope * g * i * (1 - i), dx[H] = slope * old * f * (1 - f);
            dx[2 * H] = slope * i * (1 - g * g), dx[3 * H] = up * t * o * (1 - o);
            dc[n * H + j] = slope * f;
        }
}

// x, of_h (N, 3H): reset, update, new.
template <class T>
void gru(const T* x, const T* of_h, const T* h, T* next, int64_t N, int64_t H) {
#pragma omp parallel for if (N * H > 1 << 11)
    for (int64_t n = 0; n < N; n++)
        for (int64_t j = 0; j < H; j++) {
            const T *a = x + n * 3 * H + j, *b = of_h + n * 3 * H + j;
            T r = sigmoid(a[0] + b[0]), z = sigmoid(a[H] + b[H]);
            T t = std::tanh(a[2 * H] + r * b[2 * H]);
            next[n * H + j] = t + z * (h[n * H + j] - t);
        }
}

template <class T>
void gru_backward(const T* x, const T* of_h, const T* h, const T* dnext, T* dx, T* dof_h, T* dh,
                  int64_t N, int64_t H) {
#pragma omp parallel for if (N * H > 1 << 11)
    for (int64_t n = 0; n < N; n++)
        for (int64_t j = 0; j < H; j++) {
            int64_t at = n * 3 * H + j;
            const T *a = x + at, *b = of_h + at;
            T r = sigmoid(a[0] + b[0]), z = sigmoid(a[H] + b[H]);
            T t = std::tanh(a[2 * H] + r * b[2 * H]), up = dnext[n * H + j];
            T of_t = up * (1 - z) * (1 - t * t);
            dx[at] = dof_h[at] = of_t * b[2 * H] * r * (1 - r);
            dx[at + H] = dof_h[at + H] = up * (h[n * H + j] - t) * z * (1 - z);
            dx[at + 2 * H] = of_t, dof_h[at + 2 * H] = of_t * r;
            dh[n * H + j] = up * z;
        }
}

}  // namespace compat
