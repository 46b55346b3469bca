"""Whole nets evaluated: a model's call and Trainer.predict beside what others run nets with."""

import numpy as np
import pytest
from common import THREADS, Net, System, forward, require_close, run

import fastnet

WIDTHS = [
    (64, 64, 10),
    (784, 128, 10),
    (784, 256, 128, 10),
    (80, 256, 256, 10),
]
NETS = [Net(widths, batch) for widths in WIDTHS for batch in (1, 32, 256)]
NETS.append(Net((4, 120, 84, 2), 1))
CASES = {net.name: net for net in NETS}


def flops(name):
    return sum(CASES[name].products)


def check(name, answer):
    expected, bound = forward(CASES[name])
    require_close(answer, expected, bound, name)


def build_fastnet(net):
    model = net.fastnet_model().eval()
    x = net.data()[0]

    def call():
        return model(x)

    return System(call, call)


def build_predict(net):
    model = net.fastnet_model()
    adam = fastnet.optim.Adam(model.parameters())
    trainer = fastnet.Trainer(model, fastnet.nn.CrossEntropyLoss(), adam)
    x = net.data()[0]
    out = np.empty((net.batch, net.widths[-1]), np.float32)

    def call():
        return trainer.predict(x, out)

    return System(call, call)


def build_numpy(net):
    parameters = net.parameters()
    x = net.data()[0]
    buffers = [np.empty((net.batch, len(b)), np.float32) for _, b in parameters]
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


def build_torch(net):
    import torch

    model = net.torch_model(torch).eval()
    x = torch.from_numpy(net.data()[0])

    @torch.inference_mode()
    def call():
        return model(x)

    return System(call, lambda: call().numpy())


def onnx_model(net):
    """Return the net as ONNX, of a fixed batch: a Gemm for each layer."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, h = [], [], "x"
    layers = net.parameters()
    for i, (w, b) in enumerate(layers):
        weights += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        last = i == len(layers) - 1
        nodes.append(helper.make_node("Gemm", [h, f"w{i}", f"b{i}"], ["y" if last else f"z{i}"]))
        if not last:
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"h{i}"]))
            h = f"h{i}"
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (net.batch, width))
        for name, width in (("x", net.widths[0]), ("y", net.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


def build_onnxruntime(net):
    import onnxruntime

    pytest.importorskip("onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_model(net), options, providers=["CPUExecutionProvider"]
    )
    # Bound buffers spare it the allocation and the conversion of each call.
    binding = session.io_binding()
    x = onnxruntime.OrtValue.ortvalue_from_numpy(net.data()[0])
    y = onnxruntime.OrtValue.ortvalue_from_shape_and_type((net.batch, net.widths[-1]), np.float32)
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)

    def call():
        session.run_with_iobinding(binding)

    def answer():
        call()
        return y.numpy()

    return System(call, answer)


def build_jax(net):
    import jax

    layers = jax.device_put(net.parameters())
    x = jax.device_put(net.data()[0])

    @jax.jit
    def f(layers, h):
        for i, (w, b) in enumerate(layers):
            h = (jax.nn.relu(h) if i else h) @ w + b
        return h

    def call():
        return f(layers, x).block_until_ready()

    return System(call, call)


SYSTEMS = {
    "fastnet": build_fastnet,
    "fastnet predict": build_predict,
    "numpy": build_numpy,
    "torch": build_torch,
    "onnxruntime": build_onnxruntime,
    "jax": build_jax,
}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("case", CASES)
def test_inference(benchmark, system, case):
    import bench_inference

    run(benchmark, bench_inference, system, case)
