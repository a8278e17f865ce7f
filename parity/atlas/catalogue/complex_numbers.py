"""Complex numbers and Fourier transforms."""

from parity.atlas.entry import Entry, numeric, real, rule, weight

_X = {"x": real(3, 2), "y": weight(3, 2)}
_TORCH = "z, u = torch.view_as_complex(x), torch.view_as_complex(y)\ntorch.view_as_real({})"
_JITTOR = "z, u = jt.nn.view_as_complex(x), jt.nn.view_as_complex(y)\njt.nn.view_as_real({})"
_NO_FFT = (
    "Jittor has no `fft`, only the two-dimensional transform of its `ComplexNumber`, on a GPU: "
    "multiply by the matrix of the transform, or transform in NumPy."
)


def _complex(
    name: str, torch: str, jittor: str = "", workaround: str = "", note: str = ""
) -> Entry:
    return numeric(
        name, _TORCH.format(torch), _JITTOR.format(jittor or torch), note=note,
        workaround=workaround and _JITTOR.format(workaround), inputs=_X,
    )  # fmt: skip


_PART = "z, u = {0}.view_as_complex(x), {0}.view_as_complex(y)\n"
_DFT = (
    "n = x.shape[-1]\nk = np.arange(n)\nw = np.exp(-2j * np.pi * np.outer(k, k) / n)\n"
    "re, im = (x @ jt.array(m).cast(x.dtype) for m in (w.real, w.imag))\n"
)
ENTRIES = (
    _complex("complex addition", "z + u"),
    _complex("complex subtraction", "z - u"),
    _complex("complex product", "z * u"),
    _complex("complex quotient", "z / u"),
    _complex("complex times a number", "z * 2.0"),
    _complex("a number times complex", "2.0 * z"),
    _complex("complex plus a number", "z + 2.0"),
    _complex("a number plus complex", "2.0 + z"),
    _complex("complex conjugate", "z.conj().resolve_conj()", "z.conj()"),
    _complex("complex exponential", "torch.exp(z)", "z.exp()"),
    _complex("complex power", "z ** 2", workaround="z * z",
             note="Jittor's `ComplexNumber` has no power."),
    _complex("complex negative", "-z", workaround="z * -1.0",
             note="Jittor's `ComplexNumber` has no negation."),
    _complex("complex sum", "z.sum(0, keepdim=True)", "z.sum(0, keepdims=True)"),
    _complex("complex indexing", "z[1:]",
            note="Jittor's `ComplexNumber` cannot be indexed.",
            workaround='jt.nn.view_as_complex(x[1:])'),
    _complex("complex reshape", "z.reshape(1, 3)",
            note="Jittor's `ComplexNumber` takes the shape as a tuple.",
            workaround='z.reshape((1, 3))'),
    _complex("complex matrix product", "z.reshape((3, 1)) @ u.reshape((1, 3))"),
    numeric("complex, real part", _PART.format("torch") + "z.real",
            _PART.format("jt.nn") + "z.real", inputs=_X),
    numeric("complex, imaginary part", _PART.format("torch") + "z.imag * u.real",
            _PART.format("jt.nn") + "z.imag * u.real", inputs=_X),
    numeric("complex, absolute value", _PART.format("torch") + "(z * u).abs()",
            _PART.format("jt.nn") + "(z * u).norm()", note="Named `norm` in Jittor.", inputs=_X),
    numeric("complex, absolute value by abs", "torch.view_as_complex(x).abs() * y[:, 0]",
            "jt.nn.view_as_complex(x).abs() * y[:, 0]",
            workaround="jt.nn.view_as_complex(x).norm() * y[:, 0]",
            note="Named `norm` in Jittor.", inputs=_X),
    numeric("complex, angle", "torch.view_as_complex(x).angle() * y[:, 0]",
            "jt.nn.view_as_complex(x).angle() * y[:, 0]",

            note="Jittor's `ComplexNumber` has no `angle`; `jt.arctan2` gives it with the "
            'precision of float32.', inputs=_X),
    numeric("polar", "torch.view_as_real(torch.polar(torch.abs(x[:, 0]), y[:, 1]))",
            "jt.nn.view_as_real(jt.nn.polar(jt.abs(x[:, 0]), y[:, 1]))", inputs=_X,
            cases=("ordinary",)),
    numeric("rotary embedding by complex numbers",
            "torch.view_as_real(torch.view_as_complex(x) * torch.polar(torch.ones(3, dtype=x.dtype)"
            ", y[:, 0]))",
            "jt.nn.view_as_real(jt.nn.view_as_complex(x) * jt.nn.polar(jt.ones(3, dtype=x.dtype), "
            "y[:, 0]))", inputs=_X),
    rule("complex by name", "torch.complex(torch.ones(2), torch.zeros(2)).real.tolist()",
         workaround="jt.nn.ComplexNumber(jt.ones(2), jt.zeros(2)).real.tolist()",
         note="It is `jt.nn.ComplexNumber`."),
    rule("a tensor of complex numbers", "torch.tensor([1 + 2j]).imag.tolist()",
         "jt.array(np.complex64([1 + 2j])).imag.tolist()",
         workaround="z = np.complex64([1 + 2j])\n"
         "jt.nn.ComplexNumber(jt.array(z.real), jt.array(z.imag)).imag.tolist()",
         note="Jittor has no complex dtype."),
    rule("is_complex", "torch.is_complex(torch.ones(1))", note="Jittor has no `is_complex`.",
         workaround="isinstance(jt.ones(1), jt.nn.ComplexNumber)"),
    numeric("fft, amplitudes", "torch.fft.fft(x).abs()", "jt.fft.fft(x).abs()",
            workaround=_DFT + "jt.sqrt(re * re + im * im)", note=_NO_FFT, x=real(2, 5)),
    numeric("rfft", "torch.view_as_real(torch.fft.rfft(x))", "jt.fft.rfft(x)",
            workaround=_DFT + "jt.stack([re[:, :n // 2 + 1], im[:, :n // 2 + 1]], -1)",
            note=_NO_FFT, x=real(2, 5)),
    numeric("fft2, amplitudes", "torch.fft.fft2(x).abs()", "jt.fft.fft2(x).abs()", x=real(3, 4),
            note=_NO_FFT),
    numeric("stft", "torch.stft(x, 4, window=torch.ones(4, dtype=x.dtype), return_complex=True)"
            ".abs()", "jt.stft(x, 4)", x=real(8), note="Jittor has no `stft`.", gradient=False),
    rule("fftshift", "torch.fft.fftshift(torch.arange(4)).tolist()",
         workaround="jt.roll(jt.arange(4), 2, 0).tolist()", note="Jittor has no `fft`."),
)  # fmt: skip
