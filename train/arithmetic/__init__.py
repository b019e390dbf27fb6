"""The arithmetic of training: LSTM, class scores and quantizers, as torch functions and numba kernels."""
