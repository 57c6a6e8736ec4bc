"""Modules and what to call them with: PyTorch's do the same with these."""

from __future__ import annotations

import numpy as np


def R(*shape):
    return np.random.default_rng(list(shape)).standard_normal(shape)


def U(*shape):
    return np.random.default_rng(list(shape)).random(shape)


def classes(*shape):
    return np.random.default_rng(list(shape)).integers(0, 3, shape)


CURVES = (
    "ReLU ReLU6 ELU SELU CELU GELU SiLU Mish Sigmoid Tanh LogSigmoid Softsign Softplus Hardtanh "
    "Hardsigmoid Hardswish Tanhshrink GLU LeakyReLU PReLU"
).split()
WEIGHT = np.array([0.5, 1.0, 2.0])
SIGNS = np.array([1.0, -1.0, 1.0])
STATE = (R(2, 2, 4), R(2, 2, 4))

CASES = [
    *[(name, (), {}, [R(3, 6) * 3]) for name in CURVES],
    *[(name, (1,), {}, [R(3, 6)]) for name in ("Softmax", "LogSoftmax", "Softmin")],
    ("GELU", (), {"approximate": "tanh"}, [R(3, 4)]),
    ("Threshold", (0.1, 2.0), {}, [R(3, 4)]),
    ("Softmax2d", (), {}, [R(2, 3, 4, 4)]),
    ("PReLU", (3,), {}, [R(2, 3, 4)]),
    ("Hardtanh", (-2.0, 0.5), {}, [R(3, 4)]),
    ("Linear", (4, 30), {}, [R(3, 4)]),
    ("Linear", (4, 3), {"bias": False}, [R(2, 5, 4)]),
    ("Identity", (3,), {"a": 1}, [R(2, 4)]),
    ("Bilinear", (3, 4, 5), {}, [R(2, 3), R(2, 4)]),
    ("CosineSimilarity", (), {}, [R(3, 4), R(3, 4) + 1]),
    ("PairwiseDistance", (), {}, [R(3, 4), R(3, 4) + 1]),
    ("Embedding", (10, 8), {}, [np.array([[1, 2], [3, 1]])]),
    ("Embedding", (10, 8), {"padding_idx": -1}, [np.array([1, 9, 3])]),
    ("Flatten", (), {}, [R(2, 3, 4)]),
    ("Unflatten", (1, (2, 3)), {}, [R(2, 6)]),
    ("Conv1d", (4, 6, 3), {"padding": 1, "stride": 2}, [R(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"padding": "same"}, [R(2, 4, 9)]),
    ("Conv1d", (4, 6, 3), {"groups": 2, "dilation": 2, "bias": False}, [R(2, 4, 9)]),
    ("Conv2d", (4, 6, 3), {}, [R(2, 4, 6, 6)]),
    ("Conv2d", (4, 6, (3, 5)), {"padding": "same", "bias": False}, [R(2, 4, 6, 6)]),
    *[
        ("Conv2d", (2, 3, 3), {"padding": (1, 2), "padding_mode": mode}, [R(2, 2, 6, 6)])
        for mode in ("reflect", "replicate", "circular")
    ],
    (
        "Conv2d",
        (2, 3, 3),
        {"padding": "same", "padding_mode": "reflect", "dilation": 2},
        [R(2, 2, 8, 8)],
    ),
    (
        "ConvTranspose2d",
        (4, 6, 3),
        {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        [R(2, 4, 5, 5)],
    ),
    *[
        (name, args, {}, [R(2, 3, 8, 8)])
        for name in ("MaxPool2d", "AvgPool2d")
        for args in ((2,), (3, 2, 1))
    ],
    *[
        (name, args, {}, [R(2, 3, 8)])
        for name in ("MaxPool1d", "AvgPool1d")
        for args in ((2,), (3, 2, 1))
    ],
    ("MaxPool2d", (2,), {"return_indices": True}, [R(2, 3, 6, 6)]),
    (
        "AvgPool2d",
        (3, 2),
        {"ceil_mode": True, "count_include_pad": False, "padding": 1},
        [R(2, 3, 6, 6)],
    ),
    ("AdaptiveAvgPool2d", ((2, 3),), {}, [R(2, 3, 7, 8)]),
    ("AdaptiveAvgPool2d", (1,), {}, [R(2, 3, 7, 8)]),
    ("AdaptiveAvgPool2d", ((None, 4),), {}, [R(2, 3, 6, 8)]),
    ("AdaptiveAvgPool1d", (3,), {}, [R(2, 3, 8)]),
    ("ZeroPad2d", (1,), {}, [R(2, 3, 4, 4)]),
    ("BatchNorm1d", (4,), {}, [R(5, 4)]),
    ("BatchNorm1d", (4,), {"momentum": None}, [R(5, 4, 3)]),
    ("BatchNorm2d", (4,), {"affine": False}, [R(5, 4, 3, 3)]),
    ("BatchNorm2d", (4,), {"track_running_stats": False}, [R(5, 4, 3, 3)]),
    ("BatchNorm3d", (2,), {}, [R(2, 2, 2, 3, 3)]),
    ("InstanceNorm1d", (3,), {}, [R(2, 3, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True}, [R(2, 3, 5, 5)]),
    ("LayerNorm", (4,), {}, [R(2, 3, 4)]),
    ("LayerNorm", ((3, 4),), {"bias": False}, [R(2, 3, 4)]),
    ("LayerNorm", ((3, 4),), {"elementwise_affine": False}, [R(2, 3, 4)]),
    ("GroupNorm", (2, 4), {}, [R(2, 4, 3)]),
    ("RMSNorm", (4,), {}, [R(2, 4)]),
    ("RMSNorm", ((3, 4),), {"eps": 0.1, "elementwise_affine": False}, [R(2, 3, 4)]),
]
for name in ("RNN", "LSTM", "GRU"):
    state = STATE if name == "LSTM" else STATE[0]
    cell = tuple(s[0] for s in STATE) if name == "LSTM" else STATE[0][0]
    CASES += [
        (name, (3, 20), {}, [R(5, 2, 3)]),
        (name, (3, 4, 2), {"bidirectional": True, "batch_first": True}, [R(2, 5, 3)]),
        (name, (3, 4), {"bias": False}, [R(5, 3)]),
        (name, (3, 4, 2), {}, [R(5, 2, 3), state]),
        (name + "Cell", (3, 4), {}, [R(2, 3)]),
        (name + "Cell", (3, 4), {"bias": False}, [R(2, 3), cell]),
    ]
CASES += [
    ("RNN", (3, 4), {"nonlinearity": "relu"}, [R(5, 2, 3)]),
    ("RNNCell", (3, 4), {"nonlinearity": "relu"}, [R(2, 3)]),
    ("KLDivLoss", (), {"reduction": "batchmean", "log_target": True}, [R(3, 4), R(3, 4) + 1]),
]
for reduction in ("mean", "sum", "none"):
    kept = {"reduction": reduction}
    CASES += [
        *[
            (name, (), kept, [R(3, 4), R(3, 4) * 2])
            for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
        ],
        ("CrossEntropyLoss", (), {**kept, "weight": WEIGHT}, [R(5, 3), classes(5)]),
        (
            "CrossEntropyLoss",
            (),
            {**kept, "ignore_index": 1, "label_smoothing": 0.1},
            [R(5, 3, 2), classes(5, 2)],
        ),
        ("NLLLoss", (), {**kept, "weight": WEIGHT, "ignore_index": 0}, [R(5, 3), classes(5)]),
        ("BCELoss", (), kept, [U(3, 4), U(3, 4) ** 2]),
        ("BCEWithLogitsLoss", (), {**kept, "pos_weight": WEIGHT}, [R(4, 3), U(4, 3)]),
        ("PoissonNLLLoss", (), kept, [R(3, 4), U(3, 4)]),
        ("GaussianNLLLoss", (), kept, [R(3, 4), R(3, 4) + 1, U(3, 4)]),
        ("CosineEmbeddingLoss", (), kept, [R(3, 4), R(3, 4) + 1, SIGNS.astype(int)]),
        ("MarginRankingLoss", (0.1,), kept, [R(3), R(3) * 2, SIGNS.astype(int)]),
        ("HingeEmbeddingLoss", (), kept, [R(3), SIGNS.astype(int)]),
        ("SoftMarginLoss", (), kept, [R(3), SIGNS.astype(int)]),
        ("TripletMarginLoss", (), {**kept, "swap": True}, [R(3, 4), R(3, 4) + 1, -R(3, 4)]),
    ]
