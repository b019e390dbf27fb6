"""The arithmetic of training: the LSTM function and its kernels, scores, quantizers."""
