"""A filter on C++'s std::cerr that drops Jittor's lines of progress.

They read `Compiling Operators(12/47) used: 3.2s` and break the progress bars of programs. Jittor
writes them directly to std::cerr, whatever `log_silent` says, and has no flag for them (source:
`src/parallel_compiler.cc`). Everything else on std::cerr, errors above all, passes.
"""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any

from jittor_env import cache
from jittor_env.compilers import kernel_compiler

# Such a line is recognised by its first letters, so matching letters are held back until one
# differs. Jittor writes a blank line first, ends each line with a carriage return, and the last one
# with a newline. Each thread has its own state, so that an error which another thread writes in the
# middle of a line passes.
_FILTER = """\
#include <iostream>
#include <string>

namespace {
const std::string progress = "Compiling Operators(";
thread_local bool at_start = true, dropping = false, ended = false;
thread_local size_t blank_lines = 0, matched = 0;

void pass(char c, std::string& out) {
    if (dropping) {
        dropping = c != '\\r' && c != '\\n';
        ended = c == '\\r';
        return;
    }
    bool after_drop = ended;
    ended = false;
    if (after_drop && c == '\\n') return;
    if (at_start && matched == 0 && c == '\\n') { blank_lines++; return; }
    if (at_start && c == progress[matched]) {
        dropping = ++matched == progress.size();
        if (dropping) matched = blank_lines = 0;
        return;
    }
    out.append(blank_lines, '\\n').append(progress, 0, matched) += c;
    blank_lines = matched = 0;
    at_start = c == '\\n' || c == '\\r';
}

struct Filter : std::streambuf {
    std::streambuf* next;
    explicit Filter(std::streambuf* next) : next(next) {}
    std::streamsize xsputn(const char* text, std::streamsize size) override {
        std::string out;
        for (std::streamsize i = 0; i < size; i++) pass(text[i], out);
        next->sputn(out.data(), out.size());
        return size;
    }
    int_type overflow(int_type c) override {
        char text = traits_type::to_char_type(c);
        if (c != traits_type::eof()) xsputn(&text, 1);
        return traits_type::not_eof(c);
    }
    int sync() override { return next->pubsync(); }
};
}

extern "C" void install() {
    // Never freed: std::cerr is written to until the very end of the process.
    static Filter* filter = new Filter(std::cerr.rdbuf());
    std::cerr.rdbuf(filter);
}

extern "C" void write_to_cerr(const char* text) { std::cerr << text; }
"""


def silence_progress(jt: Any) -> None:
    """Install the filter for the rest of the process, if it can be compiled."""
    if library := built_filter(jt.flags.cc_path, cache.inside(jt.flags.cache_path)):
        library.install()


def built_filter(cc_path: str, folder: Path) -> ctypes.CDLL | None:
    """Return the filter's library, compiled at the first call; None where that fails."""
    key = hashlib.sha256(f"{_FILTER}{cc_path}".encode()).hexdigest()[:16]
    library = folder / f"stderr-filter-{key}.so"
    if not library.is_file():
        source = library.with_suffix(".cc")
        cache.write_atomically(source, _FILTER)
        if kernel_compiler.compile_to(library, [cc_path, "-O1", "-shared", "-fPIC", str(source)]):
            return None
    try:
        return ctypes.CDLL(str(library))
    except OSError:
        return None
