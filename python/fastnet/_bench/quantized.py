"""Wide nets with weights of 16 and 8 bits: fastnet.quantize beside its float32 and its peers."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import fastnet
from fastnet import runtime
from fastnet._bench import inference
from fastnet._bench.common import Case, Kind, System, require_close, sample
from fastnet._bench.nets import Net


@dataclass(frozen=True)
class Work:
    """A net, and what its weights and inputs are rounded to."""

    net: Net
    precision: str


WIDE = [
    *(Net((512, 512), batch) for batch in (64, 512)),
    *(Net((1024, 1024), batch) for batch in (1, 64, 512)),
    *(Net((784, 1024, 1024, 10), batch) for batch in (1, 64, 256)),
    *(Net((512, 2048, 2048, 10), batch) for batch in (1, 64, 512)),
]
WORKS = [Work(net, precision) for precision in ("bf16", "int8") for net in WIDE]
SHORT = [Work(Net((1024, 1024), 64), precision) for precision in ("bf16", "int8")]


def case_of(work: Work) -> Case:
    net = work.net
    # FLOPs in what the same registers do of float32 meanwhile, so that shares are of one ceiling.
    flops = sum(net.products) / (2 if work.precision == "bf16" else 4)
    moved = net.moved / (2 if work.precision == "bf16" else 4)
    name = f"{net.name} {work.precision}"
    return Case(name, work, flops, moved, net.dtype, work in SHORT, net.batch == 1)


def check(work: Work, answer: Any) -> float:
    """Compare with float64, within what rounding makes.

    bf16 rounds an input, a weight and an output by 2^-9 of it at most. Of 8 bits peers use 7 for
    one side, and one scale for a whole matrix: an input or a weight is off by its matrix's largest
    number over 63 at most. Errors of inputs pass through |W|, and ReLU enlarges none.
    """
    h = work.net.data()[0].astype(float)
    error = np.zeros_like(h)
    layers = work.net.parameters()
    for i, (w, b) in enumerate(layers):
        w, b = w.astype(float), b.astype(float)
        size = np.abs(h) @ np.abs(w)
        if work.precision == "bf16":
            own = 2**-7 * (size + np.abs(b))
        else:
            rows = np.abs(h).sum(axis=1, keepdims=True)
            own = (np.abs(h).max() * np.abs(w).sum(axis=0) + np.abs(w).max() * rows) / 63
        error = error @ np.abs(w) + own
        h = h @ w + b
        if i < len(layers) - 1:
            h = np.maximum(h, 0)
    rows_compared = sample(len(h))
    answer = np.asarray(answer, float).reshape(h.shape)[rows_compared]
    return require_close(answer, h[rows_compared], error[rows_compared])


def build_fastnet(work: Work) -> System:
    model: Any = fastnet.quantize(work.net.fastnet_model(), work.precision)
    x = work.net.data()[0]

    def call():
        return model(x)

    return System(call, call)


def build_float32(work: Work) -> System:
    return inference.build_fastnet(work.net)


def build_torch(work: Work) -> System:
    """PyTorch: a model of bfloat16, or its linear layers with int8 weights, inputs as they come."""
    import torch

    model = work.net.torch_model(torch).eval()
    x = torch.from_numpy(work.net.data()[0])
    if work.precision == "bf16":
        model, x = model.to(torch.bfloat16), x.to(torch.bfloat16)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its name is to change
            model = torch.ao.quantization.quantize_dynamic(
                model, {torch.nn.Linear}, dtype=torch.qint8
            )

    @torch.inference_mode()
    def call():
        return model(x)

    return System(call, lambda: call().float().numpy())


def build_onnxruntime(work: Work) -> System:
    """ONNX Runtime: int8 weights, inputs as they come."""
    if work.precision == "bf16":
        msg = "no bf16 on CPUs"
        raise NotImplementedError(msg)
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.num_threads()
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.onnx")
        model = onnx.load(io.BytesIO(inference.onnx_model(work.net)))
        # It recommends a preparation that changes nothing of so plain a graph.
        logging.disable(logging.WARNING)
        quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=True)
        logging.disable(logging.NOTSET)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = work.net.data()[0]

    def call():
        return session.run(None, {"x": x})[0]

    return System(call, call)


def build_openvino(work: Work) -> System:
    """OpenVINO: bf16 products; int8 takes a model quantized by another package."""
    if work.precision == "int8":
        msg = "takes int8 models only"
        raise NotImplementedError(msg)
    import openvino

    core = openvino.Core()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": runtime.num_threads(),
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16",
    }
    model = core.read_model(io.BytesIO(inference.onnx_model(work.net)))
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    x, out = work.net.data()[0], np.empty((work.net.batch, work.net.widths[-1]), np.float32)
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(out, shared_memory=True))

    def call():
        request.infer()

    def answer():
        call()
        return out.copy()

    # Both arrays live as long as this: OpenVINO keeps addresses only.
    call.arrays = x, out  # type: ignore[attr-defined]
    return System(call, answer)


KIND = Kind(
    "quantized",
    "wide nets with weights of 16 and 8 bits",
    [case_of(work) for work in WORKS],
    {
        "fastnet": build_fastnet,
        "fastnet float32": build_float32,
        "torch": build_torch,
        "onnxruntime": build_onnxruntime,
        "openvino": build_openvino,
    },
    check,
)
