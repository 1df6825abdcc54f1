"""Names of stored arrays under one spelling, whatever the format calls them."""

from __future__ import annotations

import re

_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "state_dict.", "transformer.")
_ENDS = {
    "kernel": "weight", "gamma": "weight", "beta": "bias", "embeddings": "weight",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
_GGUF = [
    (re.compile(rf"^{ours}"), theirs)
    for ours, theirs in (
        ("token_embd", "embed_tokens"), ("output_norm", "norm"), (r"output\.", "lm_head."),
        (r"blk\.(\d+)\.", r"layers.\1."),
    )
] + [
    (re.compile(rf"(?<=\.){ours}(?=\.)"), theirs)
    for ours, theirs in (
        ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"), ("attn_v", "self_attn.v_proj"),
        ("attn_output", "self_attn.o_proj"), ("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"), ("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"),
        ("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm"),
    )
]  # fmt: skip


def spelled(name: str, *, is_gguf: bool = False) -> str:
    """A name as PyTorch and Hugging Face would write it.

    Args:
        name: Of a stored array.
        is_gguf: Whether it is from a GGUF file, which has names of its own.

    >>> spelled("module.fc.weight"), spelled("dense/kernel:0"), spelled("conv1.weight_quantized")
    ('fc.weight', 'dense.weight', 'conv1.weight')
    >>> spelled("blk.3.attn_q.weight", is_gguf=True), spelled("model.layers.3.self_attn.q_proj.weight")
    ('layers.3.self_attn.q_proj.weight', 'layers.3.self_attn.q_proj.weight')
    """
    name = name.removesuffix(":0").replace("/", ".").removesuffix("_quantized")
    while (wrapper := next((one for one in _WRAPPERS if name.startswith(one)), "")) and len(name) > len(wrapper):
        name = name[len(wrapper) :]
    path, dot, end = name.rpartition(".")
    name = path + dot + _ENDS.get(end, end)
    for pattern, theirs in _GGUF if is_gguf else ():
        name = pattern.sub(theirs, name)
    return name
