"""Reads training curves from a run's TensorBoard log."""

from __future__ import annotations

from pathlib import Path

from datapath.files import is_folder
from foldline.report.inputs import CurveStage

LOSS, GREEDY_CER, OVERLAY_CER = "loss", "greedy CTC/CER", "overlay labels/CER"
"""Names of the curves in the trace (`train.tensorboard_log.CURVES`)."""

EARLIER = {GREEDY_CER: "CER", OVERLAY_CER: "CER, overlay labels"}
"""Their names in earlier versions: a run that was resumed since has both."""


def read_curves(folder: Path, *, name: str) -> CurveStage:
    """Read the curves of a training run; epochs that a resumed run repeats replace the earlier ones.

    :param folder: the TensorBoard log; without one, the curves are empty.
    :param name: of the stage.
    """
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    if not is_folder(folder):
        return CurveStage(name=name, epochs=(), loss=(), greedy_cer=(), overlay_cer=())
    # Load all scalars (0), and as little else as possible.
    trace = EventAccumulator(str(folder), size_guidance={SCALARS: 0, "images": 1, "tensors": 1})
    trace.Reload()
    traced = {tag: {event.step: event.value for event in trace.Scalars(tag)} for tag in trace.Tags()[SCALARS]}
    curves = [traced.get(EARLIER.get(tag), {}) | traced.get(tag, {}) for tag in (LOSS, GREEDY_CER, OVERLAY_CER)]
    epochs = sorted(set.intersection(*map(set, curves)))
    loss, greedy_cer, overlay_cer = (tuple(curve[epoch] for epoch in epochs) for curve in curves)
    return CurveStage(name=name, epochs=tuple(epochs), loss=loss, greedy_cer=greedy_cer, overlay_cer=overlay_cer)
