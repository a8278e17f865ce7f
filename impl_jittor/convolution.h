// Convolution with its bias on tensors (N, C, H, W). In float32 it is oneDNN's (2.2, `dnnl.hpp`),
// which works in blocks of channels: each tensor is brought into that form once, what the gradient
// needs of it is kept so, and the memory to work in is kept from call to call.
// In float64, which oneDNN does not have, it is written out.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <dnnl.hpp>

namespace ddpm {

// x (N, C, H, W), weight (O, C, KH, KW), bias (O), y (N, O, OH, OW).
struct Convolution {
    int64_t N, C, H, W, O, KH, KW, OH, OW, stride, padding;

    // Where in x the row begins that row ky of a weight meets at row oy of the outputs.
    int64_t row(int64_t n, int64_t c, int64_t oy, int64_t ky) const {
        return ((n * C + c) * H + oy * stride + ky - padding) * W;
    }
};

using dnnl::memory;

inline dnnl::engine& cpu() {
    static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return engine;
}

inline dnnl::stream& queue() {
    static dnnl::stream stream(cpu());
    return stream;
}

// Memory to work in: fresh pages would cost as much as what is done in them.
inline memory scratch(const memory::desc& desc, int which) {
    static void* kept[4] = {};
    static size_t sizes[4] = {};
    if (desc.get_size() > sizes[which]) {
        std::free(kept[which]);
        sizes[which] = (desc.get_size() + 63) / 64 * 64;
        kept[which] = ::aligned_alloc(64, sizes[which]);
    }
    return memory(desc, cpu(), kept[which]);
}

inline void copy(memory from, memory to) {
    dnnl::reorder(from, to).execute(queue(), from, to);
}

// The same values in the form that is wanted: as they are, or in memory to work in.
inline memory as(const memory& from, const memory::desc& wanted, int which) {
    if (from.get_desc() == wanted) return from;
    memory to = scratch(wanted, which);
    copy(from, to);
    return to;
}

struct Layouts {
    memory::dims strides, padding, end;
    memory::desc x, weight, bias, y, any_x, any_weight, any_y;

    explicit Layouts(const Convolution& g)
        : strides{g.stride, g.stride},
          padding{g.padding, g.padding},
          end{(g.OH - 1) * g.stride + g.KH - g.H - g.padding,
              (g.OW - 1) * g.stride + g.KW - g.W - g.padding} {
        auto desc = [](memory::dims dims, memory::format_tag tag) {
            return memory::desc(dims, memory::data_type::f32, tag);
        };
        using tag = memory::format_tag;
        memory::dims of_x{g.N, g.C, g.H, g.W}, of_y{g.N, g.O, g.OH, g.OW};
        memory::dims of_weight{g.O, g.C, g.KH, g.KW};
        x = desc(of_x, tag::nchw), any_x = desc(of_x, tag::any);
        y = desc(of_y, tag::nchw), any_y = desc(of_y, tag::any);
        weight = desc(of_weight, tag::oihw), any_weight = desc(of_weight, tag::any);
        bias = desc({g.O}, tag::x);
    }

    dnnl::convolution_forward::primitive_desc forward() const {
        return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, any_x,
                 any_weight, bias, any_y, strides, padding, end},
                cpu()};
    }
};

// y = x * weight + bias; `kept`, if not null, gets x in oneDNN's form, of at most N C' H W elements
// with C' the next multiple of 16.
inline void convolution(const Convolution& g, float* x, float* weight, float* bias, float* y,
                        float* kept) {
    Layouts layouts(g);
    auto forward = layouts.forward();
    memory given(layouts.x, cpu(), x), result(layouts.y, cpu(), y);
    memory source = given;
    if (kept) {
        source = memory(forward.src_desc(), cpu(), kept);
        copy(given, source);
    } else {
        source = as(given, forward.src_desc(), 0);
    }
    bool direct = forward.dst_desc() == layouts.y;
    memory out = direct ? result : scratch(forward.dst_desc(), 1);
    memory blocked = as({layouts.weight, cpu(), weight}, forward.weights_desc(), 2);
    dnnl::convolution_forward(forward).execute(
        queue(), {{DNNL_ARG_SRC, source},
                  {DNNL_ARG_WEIGHTS, blocked},
                  {DNNL_ARG_BIAS, {layouts.bias, cpu(), bias}},
                  {DNNL_ARG_DST, out}});
    if (!direct) copy(out, result);
}

inline void convolution_backward(const Convolution& g, float* kept, float* weight, float* dy,
                                 float* dx, float* dweight, float* dbias) {
    Layouts layouts(g);
    auto forward = layouts.forward();
    dnnl::convolution_backward_weights::primitive_desc by_weight(
        {dnnl::algorithm::convolution_direct, layouts.any_x, layouts.any_weight, layouts.bias,
         layouts.any_y, layouts.strides, layouts.padding, layouts.end},
        cpu(), forward);
    dnnl::convolution_backward_data::primitive_desc by_x(
        {dnnl::algorithm::convolution_direct, layouts.any_x, layouts.any_weight, layouts.any_y,
         layouts.strides, layouts.padding, layouts.end},
        cpu(), forward);
    memory up = as({layouts.y, cpu(), dy}, by_weight.diff_dst_desc(), 0);
    memory source = as({forward.src_desc(), cpu(), kept}, by_weight.src_desc(), 1);
    memory slope_weight(layouts.weight, cpu(), dweight);
    bool direct = by_weight.diff_weights_desc() == layouts.weight;
    memory out = direct ? slope_weight : scratch(by_weight.diff_weights_desc(), 2);
    dnnl::convolution_backward_weights(by_weight).execute(
        queue(), {{DNNL_ARG_SRC, source},
                  {DNNL_ARG_DIFF_DST, up},
                  {DNNL_ARG_DIFF_WEIGHTS, out},
                  {DNNL_ARG_DIFF_BIAS, {layouts.bias, cpu(), dbias}}});
    if (!direct) copy(out, slope_weight);

    up = as(up, by_x.diff_dst_desc(), 3);
    memory blocked = as({layouts.weight, cpu(), weight}, by_x.weights_desc(), 2);
    memory slope_x(layouts.x, cpu(), dx);
    direct = by_x.diff_src_desc() == layouts.x;
    out = direct ? slope_x : scratch(by_x.diff_src_desc(), 1);
    dnnl::convolution_backward_data(by_x).execute(
        queue(),
        {{DNNL_ARG_DIFF_DST, up}, {DNNL_ARG_WEIGHTS, blocked}, {DNNL_ARG_DIFF_SRC, out}});
    if (!direct) copy(out, slope_x);
}

// Calls visit(ky, kx, oy, first, last): the weight (ky, kx) takes part in the outputs [first, last)
// of row oy.
template <class Visit>
void each_tap(const Convolution& g, Visit visit) {
    for (int64_t ky = 0; ky < g.KH; ky++)
        for (int64_t kx = 0; kx < g.KW; kx++)
            for (int64_t oy = 0; oy < g.OH; oy++) {
                int64_t row = oy * g.stride + ky - g.padding, left = g.padding - kx;
                if (row < 0 || row >= g.H) continue;
                int64_t first = std::max<int64_t>(0, (left + g.stride - 1) / g.stride);
                int64_t last = std::min(g.OW, (g.W - 1 + left + g.stride) / g.stride);
                visit(ky, kx, oy, first, last);
            }
}

inline void convolution(const Convolution& g, double* x, double* weight, double* bias, double* y,
                        double* kept) {
    if (kept) std::copy(x, x + g.N * g.C * g.H * g.W, kept);
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < g.N; n++)
        for (int64_t o = 0; o < g.O; o++) {
            double* out = y + (n * g.O + o) * g.OH * g.OW;
            std::fill(out, out + g.OH * g.OW, bias[o]);
            for (int64_t c = 0; c < g.C; c++)
                each_tap(g, [&](int64_t ky, int64_t kx, int64_t oy, int64_t first, int64_t last) {
                    const double* row = x + g.row(n, c, oy, ky);
                    double w = weight[((o * g.C + c) * g.KH + ky) * g.KW + kx];
                    for (int64_t i = first; i < last; i++)
                        out[oy * g.OW + i] += w * row[i * g.stride + kx - g.padding];
                });
        }
}

inline void convolution_backward(const Convolution& g, double* x, double* weight, double* dy,
                                 double* dx, double* dweight, double* dbias) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < g.N; n++)
        for (int64_t c = 0; c < g.C; c++) {
            double* out = dx + (n * g.C + c) * g.H * g.W;
            std::fill(out, out + g.H * g.W, 0.0);
            for (int64_t o = 0; o < g.O; o++)
                each_tap(g, [&](int64_t ky, int64_t kx, int64_t oy, int64_t first, int64_t last) {
                    double* row = dx + g.row(n, c, oy, ky);
                    const double* up = dy + ((n * g.O + o) * g.OH + oy) * g.OW;
                    double w = weight[((o * g.C + c) * g.KH + ky) * g.KW + kx];
                    for (int64_t i = first; i < last; i++)
                        row[i * g.stride + kx - g.padding] += w * up[i];
                });
        }
#pragma omp parallel for
    for (int64_t o = 0; o < g.O; o++) {
        double* slope = dweight + o * g.C * g.KH * g.KW;
        std::fill(slope, slope + g.C * g.KH * g.KW, 0.0);
        dbias[o] = 0;
        for (int64_t n = 0; n < g.N; n++) {
            const double* up = dy + (n * g.O + o) * g.OH * g.OW;
            for (int64_t i = 0; i < g.OH * g.OW; i++) dbias[o] += up[i];
            for (int64_t c = 0; c < g.C; c++)
                each_tap(g, [&](int64_t ky, int64_t kx, int64_t oy, int64_t first, int64_t last) {
                    const double* row = x + g.row(n, c, oy, ky);
                    double dot = 0;
                    for (int64_t i = first; i < last; i++)
                        dot += up[oy * g.OW + i] * row[i * g.stride + kx - g.padding];
                    slope[(c * g.KH + ky) * g.KW + kx] += dot;
                });
        }
    }
}

}  // namespace ddpm
