"""A pipeline's weights under the names of Stable Diffusion 1's first release: what a single .safetensors file holds."""

import re

RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
ENDS = {
    "conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0", "conv_out": "out.2",
}  # fmt: skip
ATTENTION = {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip


def weights(pipe):
    """All tensors by their first names."""
    found = {f"model.diffusion_model.{_unet(pipe.unet, n)}": w for n, w in pipe.unet.state_dict().items()}
    levels = len(pipe.vae.config.block_out_channels)
    for name, w in pipe.vae.state_dict().items():
        attention = "attentions" in name and name.endswith("weight") and "norm" not in name
        found[f"first_stage_model.{_vae(name, levels)}"] = w[..., None, None] if attention else w
    for name, w in pipe.text_encoder.state_dict().items():
        found[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = w
    return {name: w.contiguous() for name, w in found.items()}


def _unet(unet, name):
    layers = unet.config.layers_per_block
    for ours, first in ENDS.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, first, 1)
    part, *rest = name.split(".")
    if part == "mid_block":
        kind, index, *rest = rest
        place = f"middle_block.{2 * int(index) if kind == 'resnets' else 1}"
        return f"{place}.{_inside(kind, rest)}"
    block, kind, index, *rest = rest
    first = int(block) * (layers + 1)
    if part == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{first + layers + 1}.0.op.{rest[-1]}"
        return f"input_blocks.{first + int(index) + 1}.{int(kind == 'attentions')}.{_inside(kind, rest)}"
    if kind == "upsamplers":
        attends = hasattr(unet.up_blocks[int(block)], "attentions")
        return f"output_blocks.{first + layers}.{1 + attends}.conv.{rest[-1]}"
    return f"output_blocks.{first + int(index)}.{int(kind == 'attentions')}.{_inside(kind, rest)}"


def _inside(kind, rest):
    return ".".join(rest if kind == "attentions" else (RESNET[rest[0]], *rest[1:]))


def _vae(name, levels):
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(
        r"mid_block\.attentions\.0\.(.*)\.(weight|bias)", lambda m: f"mid.attn_1.{ATTENTION[m[1]]}.{m[2]}", name
    )
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{levels - 1 - int(m[1])}.block.{m[2]}", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
