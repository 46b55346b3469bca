"""Whole nets evaluated: a model's call and Trainer.predict beside what others run nets with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

import fastnet
from fastnet import runtime
from fastnet._bench.common import Case, Kind, System
from fastnet._bench.nets import Net, check_outputs, jax_forward

NETS = [
    *(Net((64, 64, 10), batch) for batch in (1, 32, 256)),
    *(Net((784, 128, 10), batch) for batch in (1, 256)),
    *(Net((784, 256, 128, 10), batch) for batch in (1, 32, 256, 4096)),
    # Wide.
    *(Net((784, 1024, 1024, 10), batch) for batch in (1, 128)),
    *(Net((512, 2048, 2048, 10), batch) for batch in (1, 64, 512)),
    # Deep and narrow.
    *(Net((16,) * 9 + (10,), batch) for batch in (1, 256)),
    *(Net((64,) * 8 + (10,), batch) for batch in (1, 1024)),
    # Policies, evaluated step by step.
    *(Net((80, 256, 256, 10), batch) for batch in (1, 256)),
    Net((4, 120, 84, 2), 1),
    # A surrogate of three layers, widened unit by unit.
    *(Net((8, width, width, width, 1), 256) for width in (32, 33, 40, 47, 48, 56, 63, 64)),
    # Tables: rows of numbers to one, some at once or all.
    Net((20, 256, 256, 256, 1), 256),
    Net((4, 500, 1), 1_000_000),
    *(Net((784, 256, 128, 10), batch, "f8") for batch in (1, 256)),
]
SHORT = [
    Net((64, 64, 10), 1),
    Net((784, 256, 128, 10), 1),
    Net((784, 256, 128, 10), 256),
    Net((80, 256, 256, 10), 1),
]


def case_of(net: Net) -> Case:
    flops = float(sum(net.products))
    return Case(net.name, net, flops, net.moved, net.dtype, net in SHORT, net.batch == 1)


def build_fastnet(net: Net) -> System:
    model = net.fastnet_model().eval()
    x = net.data()[0]

    def call():
        return model(x)

    return System(call, call)


def build_predict(net: Net) -> System:
    """Trainer.predict into an array."""
    model = net.fastnet_model()
    adam = fastnet.optim.Adam(model.parameters())
    trainer = fastnet.Trainer(model, fastnet.nn.MSELoss(), adam)
    x = net.data()[0]
    out = np.empty((net.batch, net.widths[-1]), net.dtype)

    def call():
        return trainer.predict(x, out)

    return System(call, call)


def build_numpy(net: Net) -> System:
    parameters = net.parameters()
    x = net.data()[0]
    buffers = [np.empty((net.batch, len(b)), net.dtype) for _, b in parameters]
    layers = [(w, b, y) for (w, b), y in zip(parameters, buffers, strict=True)]

    def call():
        h = x
        for w, b, y in layers:
            if h is not x:
                np.maximum(h, 0, out=h)
            np.matmul(h, w, out=y)
            h = np.add(y, b, out=y)
        return h

    return System(call, call)


def build_torch(net: Net) -> System:
    import torch

    model = net.torch_model(torch).eval()
    x = torch.from_numpy(net.data()[0])

    @torch.inference_mode()
    def call():
        return model(x)

    return System(call, lambda: call().numpy())


def build_torch_compile(net: Net) -> System:
    """Its compiler, told that the weights are constants, so that it packs them once."""
    import torch
    from torch._inductor import config

    torch.compiler.reset()
    config.freezing = True
    model = net.torch_model(torch).eval()
    compiled = torch.compile(model)
    x = torch.from_numpy(net.data()[0])

    @torch.no_grad()
    def call():
        return compiled(x)

    return System(call, lambda: call().numpy())


def onnx_model(net: Net) -> bytes:
    """Return the net as ONNX, of a fixed batch: a Gemm for each layer."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, h = [], [], "x"
    layers = net.parameters()
    kind = TensorProto.DOUBLE if net.dtype == "f8" else TensorProto.FLOAT
    for i, (w, b) in enumerate(layers):
        weights += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        last = i == len(layers) - 1
        nodes.append(helper.make_node("Gemm", [h, f"w{i}", f"b{i}"], ["y" if last else f"z{i}"]))
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"h{i}"]))
            h = f"h{i}"
    ends = [
        helper.make_tensor_value_info(name, kind, (net.batch, width))
        for name, width in (("x", net.widths[0]), ("y", net.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def build_onnxruntime(net: Net) -> System:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.num_threads()
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_model(net), options, providers=["CPUExecutionProvider"]
    )
    # Bound buffers spare it the allocation and the conversion of each call.
    binding = session.io_binding()
    x = onnxruntime.OrtValue.ortvalue_from_numpy(net.data()[0])
    shape = (net.batch, net.widths[-1])
    y = onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, np.dtype(net.dtype).type)
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)

    def call():
        session.run_with_iobinding(binding)

    def answer():
        call()
        return y.numpy()

    return System(call, answer)


def build_openvino(net: Net) -> System:
    import openvino

    if net.dtype == "f8":
        msg = "float32 only"
        raise NotImplementedError(msg)
    core = openvino.Core()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": runtime.num_threads(),
        "NUM_STREAMS": 1,
        # It would take bf16 where the processor has it.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    model = core.read_model(io.BytesIO(onnx_model(net)))
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    # Tensors that share memory with arrays are copied neither before nor after a call.
    x, out = net.data()[0], np.empty((net.batch, net.widths[-1]), net.dtype)
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


def build_jax(net: Net) -> System:
    jax = net.jax()
    layers = jax.device_put(net.parameters())
    x = jax.device_put(net.data()[0])
    f = jax.jit(lambda layers, h: jax_forward(jax, layers, h))

    def call():
        return f(layers, x).block_until_ready()

    return System(call, call)


def build_sklearn(net: Net) -> System:
    from sklearn.neural_network import MLPRegressor

    # The classifier would add a softmax and the search for the largest.
    model = net.sklearn_model(net.batch, kind=MLPRegressor)
    x = net.data()[0]

    def call():
        return model.predict(x)

    return System(call, call)


KIND = Kind(
    "inference",
    "whole nets evaluated",
    [case_of(net) for net in NETS],
    {
        "fastnet": build_fastnet,
        "fastnet predict": build_predict,
        "numpy": build_numpy,
        "torch": build_torch,
        "torch compile": build_torch_compile,
        "onnxruntime": build_onnxruntime,
        "openvino": build_openvino,
        "jax": build_jax,
        "sklearn": build_sklearn,
    },
    check_outputs,
)
