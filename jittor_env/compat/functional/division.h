// Division rounded down as PyTorch does it (c10/util/generic_math.h).
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace compat {

// fmod, exact, and in two operations where the quotient is an integer that T holds.
template <class T>
T modulo(T a, T b) {
    T q = std::trunc(a / b);
    if (!(std::abs(q) < (1 << 22))) return std::fmod(a, b);
    T r = std::fma(-q, b, a);
    // The quotient may have been rounded to the next integer.
    return r != 0 && (r < 0) != (a < 0) ? r + std::copysign(b, a) : r;
}

template <class T>
T remainder(T a, T b) {
    if constexpr (std::is_floating_point<T>::value) {
        T r = modulo(a, b);
        return r != 0 && (b < 0) != (r < 0) ? r + b : r;
    } else {
        T r = a % b;
        return r != 0 && (b < 0) != (r < 0) ? r + b : r;
    }
}

template <class T>
T floor_divide(T a, T b) {
    if constexpr (std::is_floating_point<T>::value) {
        if (b == 0) return a / b;
        T r = modulo(a, b), quotient = (a - r) / b;
        if (r != 0 && (b < 0) != (r < 0)) quotient -= 1;
        if (quotient == 0) return std::copysign(T(0), a / b);
        T floor = std::floor(quotient);
        return quotient - floor > T(0.5) ? floor + 1 : floor;
    } else {
        return (a - remainder(a, b)) / b;
    }
}

template <class T, class F>
void each(const T* a, const T* b, T* y, int64_t size, F function) {
#pragma omp parallel for if (size > 1 << 14)
    for (int64_t i = 0; i < size; i++) y[i] = function(a[i], b[i]);
}

}  // namespace compat
