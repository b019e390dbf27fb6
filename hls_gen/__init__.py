"""From a network to the hardware tools and back: the weight header that LSTM-PYNQ's HLS sources compile in.

`render_header` and `parse_header` are each other's inverse on a `FoldedNetwork`; `write_header` and `read_header` do
the same with a file. The parser has a tokenizer and an expression evaluator of its own, so that an error names the
line and column, and so that nothing in a header is ever executed.
"""

from hls_gen.header import parse_header, read_header, render_header, write_header

__all__ = ["parse_header", "read_header", "render_header", "write_header"]
