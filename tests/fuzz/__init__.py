"""Mutation fuzzers of every format that Foldline reads: docs/robustness.md.

An input is decided by its format, a seed and a number, so that a failing one can be made again:

    python -m tests.fuzz --only design --seed 7 --number 123

    mutations   bytes, text and JSON, changed at random
    archives    the same behind checksums and compression: zip, npz, gzip, tar, PNG; pickles
    formats     what a format is, and the list of all
    kinds/      the formats: untouched files, how each is read, and what an accepted one must mean
    judging     one input is read, and every fault is named
    campaign    many inputs in worker processes; can be interrupted and resumed
    corpus/     every input that ever failed
"""
