"""What g++ computes from a weight header: its defines and arrays, against those of the parsed header written again.

A sample of the accepted headers of a batch is compiled together, each in a namespace of its own. `ap_uint` and `ap_fixed`
are stand-ins of the width of the real ones.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.hls_gen.header.header_text import ARRAY_ORDER, PEEPHOLES

SAMPLE = 20
"""Headers of a batch that are compiled."""

DEFINES = (
    *("PE", "SIMD_INPUT", "SIMD_RECURRENT", "NUMBER_OF_NEURONS", "HEIGHT_IN_PIX", "MAX_NUMBER_COLUMNS_TEST_SET"),
    *("SIZE_OF_OUTPUT_BUFFER", "PIXELWIDTH", "WEIGHTWIDTH", "BIASWIDTH", "FCWEIGHTWIDTH", "FCBIASWIDTH"),
    *("OUTPUTACTIVATIONHIDDENLAYERWIDTH", "PEEPHOLE_BITS", "PEEPHOLE_INT_BITS"),
)
"""What decides a network, and every header defines."""

OPERATORS = {b"and", b"and_eq", b"bitand", b"bitor", b"compl", b"not", b"not_eq", b"or", b"or_eq", b"xor", b"xor_eq"}
"""Words that are operators of C++, and no names of defines: the word before stands in a comment."""

BEGINNING = """
#include <cstdio>
#include <cstdint>
#include <type_traits>
enum { AP_RND_ZERO, AP_WRAP };
template <int N> struct ap_uint {
    typename std::conditional<(N > 8), uint16_t, uint8_t>::type value;
    ap_uint() : value(0) {}
    ap_uint(unsigned long long x) : value(x & ((1u << N) - 1)) {}
};
template <int W, int I, int Q, int O> struct ap_fixed { int value; };
static void number(const char* name, long long value) { std::printf("%s %lld\\n", name, value); }
template <int N> void elements(const ap_uint<N>& one) { std::printf(" %u", unsigned(one.value)); }
template <typename T, int M> void elements(const T (&many)[M]) { std::printf(" ["); for (const T& one : many) elements(one); std::printf(" ]"); }
template <typename T> void array(const char* name, const T& all) { std::printf("%s", name); elements(all); std::printf("\\n"); }
"""


def check_headers(accepted: Mapping[int, object], folder: Path) -> dict[int, str]:
    """Faults of accepted headers, by number: g++ refuses one, or computes something else from it.

    :param accepted: text of each header, and of the same network written again.
    :param folder: scratch.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        return {}
    texts: dict[str, bytes] = {}
    for number, (data, again) in list(accepted.items())[:SAMPLE]:
        texts[f"h{number}"] = data
        texts[f"again{number}"] = again.encode()
    work = folder / "headers"
    work.mkdir()
    faults: dict[int, str] = {}
    computed = _computed(compiler, work, texts, faults)
    for number in {int(name.removeprefix("again")) for name in texts if name.startswith("again")} - set(faults):
        found, expected = computed[f"h{number}"], computed[f"again{number}"]
        if found != expected:
            place = (
                next((a, b) for a, b in zip(found, expected, strict=False) if a != b)
                if len(found) == len(expected)
                else (found, expected)
            )
            faults[number] = f"g++ computes something else: {place}"
    shutil.rmtree(work)
    return faults


def _computed(compiler: str, work: Path, texts: dict[str, bytes], faults: dict[int, str]) -> dict[str, list[str]]:
    """The defines and arrays that g++ computes, as lines by header; what it refuses is a fault, and left out."""
    for place, (name, text) in enumerate(texts.items()):
        (work / f"{name}.hpp").write_bytes(text)
        os.utime(work / f"{name}.hpp", (place, place))  # #pragma once takes files of one time and content for one
    left = list(texts)
    while left:
        parts = [BEGINNING, *(_part(name, texts[name]) for name in left)]
        parts.append("int main() {\n" + "".join(f'std::puts("= {name}"); {name}::show();\n' for name in left) + "}\n")
        (work / "all.cpp").write_text("".join(parts), encoding="utf-8")
        command = [compiler, "-std=c++17", "-w", "-O0", "-fmax-errors=200", "all.cpp", "-o", "all"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            break
        refused = set(re.findall(r"^(?:In file included from )?(?:\./)?(\w+)\.hpp:", done.stderr, re.MULTILINE)) & set(
            left
        )
        refused = refused or set(left[:1])
        for name in refused:
            number = int(re.sub(r"\D", "", name))
            line = next(
                (one for one in done.stderr.splitlines() if f"{name}.hpp" in one and "error" in one), done.stderr[:500]
            )
            faults[number] = f"g++ refuses what is accepted: {line}"
        left = [name for name in left if int(re.sub(r"\D", "", name)) not in faults]
    else:
        return {}
    shown = subprocess.run(["./all"], cwd=work, capture_output=True, text=True, check=True).stdout
    blocks = [block.splitlines() for block in shown.split("= ")[1:]]
    return {block[0]: block[1:] for block in blocks}


def _part(name: str, text: bytes) -> str:
    """A namespace with one header, and a function that shows it."""
    defined = sorted(set(re.findall(rb"define(?:\s|\\\n|/\*.*?\*/)+([A-Za-z_]\w*)", text, re.DOTALL)))
    lines = [f"namespace {name} {{", f'#include "{name}.hpp"', "static void show() {"]
    for define in DEFINES:
        lines += [f"#ifdef {define}", f'number("{define}", {define});', "#endif"]
    lines += ["#ifdef PE_OUT", 'number("PE_OUT", PE_OUT);', "#else", 'number("PE_OUT", 1);', "#endif"]
    lines += [f'array("{array}", {array});' for array in ARRAY_ORDER]
    lines += ["#ifdef PEEPHOLE_BITS", *(f'array("{array}", {array});' for array in PEEPHOLES), "#endif", "}", "}"]
    lines += [f"#undef {word.decode()}" for word in defined if word not in OPERATORS]
    return "\n".join(lines) + "\n"
