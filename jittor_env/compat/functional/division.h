// Division rounded down as PyTorch does it (c10/util/generic_math.h).
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace compat {

template <class T>
T remainder(T a, T b) {
    if constexpr (std::is_floating_point<T>::value) {
        T r = std::fmod(a, b);
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
        T r = std::fmod(a, b), quotient = (a - r) / b;
        if (r != 0 && (b < 0) != (r < 0)) quotient -= 1;
        if (quotient == 0) return std::copysign(T(0), a / b);
        T floor = std::floor(quotient);
        return quotient - floor > T(0.5) ? floor + 1 : floor;
    } else {
        return (a - remainder(a, b)) / b;
    }
}

template <class T>
void each(const T* a, const T* b, T* y, int64_t size, T (*function)(T, T)) {
#pragma omp parallel for if (size > 1 << 14)
    for (int64_t i = 0; i < size; i++) y[i] = function(a[i], b[i]);
}

}  // namespace compat
