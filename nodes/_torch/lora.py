"""LoRA on the networks of diffusers pipelines: injected for training, saved as one file, attached for a run.

Method: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; layers of peft (Apache-2.0).
diffusers has a loader for its image pipelines, but none for the UNet of Stable Video Diffusion. So files of
``train.lora`` are loaded here for both, with every key and shape checked. Files of other trainers (diffusers, kohya) go
through diffusers' loader, which image pipelines have.

    with attached(pipeline, ctx.open(inputs.lora), params.lora_strength):
        pipeline(…)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer

from nodes._torch import safetensors_file
from nodes._torch.lora_file import WHERE, LoraMetadata, read_metadata, write_lora
from nodes.sdk import NodeError

ATTENTION = ("to_k", "to_out.0", "to_q", "to_v")  # the projections of every attention layer, temporal ones included
_SHOWN = 4  # keys in an error


def inject(
    network: torch.nn.Module,
    rank: int,
    alpha: float,
    targets: Sequence[str] = ATTENTION,
    *,
    name: str = "trained",
    seed: int = 0,
) -> dict[str, torch.nn.Parameter]:
    """Put new LoRA layers into a network, ready for training. The network's output does not change yet.

    Args:
        targets: ends of the names of linear layers, or a list of whole names.
        seed: of the initial values, which are drawn on the CPU: equal on every device.

    Returns the trainable parameters by name, float32; everything else of the network is frozen. Raises NodeError if no
    module has such a name.
    """
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets), init_lora_weights=True)
    try:
        inject_adapter_in_model(config, network, name)
    except ValueError as error:
        raise NodeError(
            f"a {type(network).__name__} has no modules of these names",
            where="params.targets",
            seen=", ".join(targets),
            allowed="ends of the names of its linear layers, such as " + ", ".join(ATTENTION),
            remedy="Use the default.",
        ) from error
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    for key, parameter in sorted(network.named_parameters()):
        parameter.requires_grad_(f".{name}." in key)
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)
            if ".lora_A." in key:  # lora_B begins as zeros
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / rank)
            parameters[key] = parameter
    return parameters


def save(network: torch.nn.Module, path: Path, metadata: LoraMetadata, *, name: str = "trained") -> None:
    """Write the LoRA in a network as one safetensors file. Equal values give equal bytes."""
    tensors = get_peft_model_state_dict(network, adapter_name=name)
    write_lora(path, tensors, metadata, _component(network), network.peft_config[name].target_modules)


@contextmanager
def attached(
    target: Any, path: Path | None, strength: float = 1.0, name: str = "lora"
) -> Iterator[LoraMetadata | None]:
    """``attach`` for the block; afterwards the model is its base again, whatever happens. Without a path: the base."""
    detach(target)
    try:
        yield None if path is None else attach(target, path, strength, name)
    finally:
        detach(target)


def attach(target: Any, path: Path, strength: float = 1.0, name: str = "lora") -> LoraMetadata | None:
    """Load a LoRA into a pipeline, or into a network. At strength 0 the model stays its base, bit for bit.

    Args:
        target: a diffusers pipeline or its UNet or transformer. Files of other trainers need an image pipeline.
        strength: factor of its effect; 1 is as trained.
        name: of the adapter; one of the same name is replaced.

    Returns what the file says of itself; None for files of others. Raises NodeError if the file is damaged, was trained
    on another class of network, or has a key that the network has not, and the other way round.
    """
    metadata = read_metadata(path)
    tensors = safetensors_file.read(path, "LoRA", WHERE)
    detach(target, name)
    try:
        if metadata is None:
            _attach_of_others(target, path, tensors, name)
        else:
            _attach_ours(network_of(target), tensors, metadata, name)
        for network in _networks(target):
            for _, layer in _layers(network, name):
                layer.set_scale(name, strength)
                layer.requires_grad_(False)
    except BaseException:
        detach(target, name)
        raise
    if strength == 0:  # a product with zero is not zero where half precision overflows
        detach(target, name)
    return metadata


def detach(target: Any, name: str | None = None) -> None:
    """Take a LoRA out of a pipeline or network, or all of them. What remains are the very layers of the base."""
    for network in _networks(target):
        names = [name] if name is not None else list(getattr(network, "peft_config", {}))
        for one in names:
            for at, layer in list(_layers(network, one)):
                layer.delete_adapter(one)
                if not layer.lora_A and not layer.lora_embedding_A:
                    parent, _, child = at.rpartition(".")
                    setattr(network.get_submodule(parent), child, layer.get_base_layer())
            getattr(network, "peft_config", {}).pop(one, None)
        if hasattr(network, "peft_config") and not network.peft_config:
            del network.peft_config
            if hasattr(network, "_hf_peft_config_loaded"):
                network._hf_peft_config_loaded = False


def network_of(target: Any) -> torch.nn.Module:
    """The denoising network of a pipeline, or the network itself. A compiled network is the one inside."""
    if not isinstance(target, torch.nn.Module):
        target = getattr(target, "transformer", None) or target.unet
    return getattr(target, "_orig_mod", target)  # type: ignore[no-any-return]


def _attach_ours(
    network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], metadata: LoraMetadata, name: str
) -> None:
    base = type(network).__name__
    if metadata.base_class != base:
        trained_on = f"{metadata.base_class} ({metadata.base_model})" if metadata.base_model else metadata.base_class
        raise NodeError(
            "the LoRA was trained on another kind of model",
            where=WHERE,
            seen=f"trained on {trained_on}",
            allowed=f"a LoRA for {base}",
            remedy="Use it with the model that it was trained on, or train one for this model.",
        )
    prefix = f"{_component(network)}."
    values = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    others = [key for key in tensors if not key.startswith(prefix)]
    wrong = others + [key for key, tensor in values.items() if not _fits(network, key, tensor, metadata.rank)]
    if wrong or not values:
        raise _misfit(base, metadata, unexpected=wrong)
    modules = sorted({key.rpartition(".lora_")[0] for key in values})
    config = LoraConfig(r=metadata.rank, lora_alpha=metadata.alpha, target_modules=modules)
    inject_adapter_in_model(config, network, name, state_dict=dict(values))
    needed = get_peft_model_state_dict(network, adapter_name=name)
    if needed.keys() != values.keys():
        raise _misfit(base, metadata, needed.keys() - values.keys(), values.keys() - needed.keys())
    for _, layer in _layers(network, name):
        _follow(layer, name)
    result = set_peft_model_state_dict(network, dict(values), name)
    missing = [key for key in result.missing_keys if f".{name}." in key]
    if result.unexpected_keys or missing:
        raise _misfit(base, metadata, missing, result.unexpected_keys)


def _attach_of_others(pipeline: Any, path: Path, tensors: Mapping[str, torch.Tensor], name: str) -> None:
    """Through diffusers' own loader. It only warns about keys that it does not know; here they are refused."""
    network = network_of(pipeline)
    base = type(network).__name__
    if not hasattr(pipeline, "load_lora_weights"):
        raise NodeError(
            f"a LoRA for {base} must come from train.lora",
            where=WHERE,
            seen="a file that does not say what it was trained on",
            allowed="a file of train.lora for this model",
            remedy="Train one with this model. Files of other programs work with image models only.",
        )
    with tempfile.TemporaryDirectory() as folder:  # the loader knows the format by the name's end
        shutil.copyfile(path, Path(folder) / "lora.safetensors")
        try:
            pipeline.load_lora_weights(
                folder, weight_name="lora.safetensors", adapter_name=name, use_safetensors=True, local_files_only=True
            )
        except (ValueError, KeyError, RuntimeError, TypeError, IndexError, AttributeError) as error:
            raise NodeError(
                f"the LoRA does not fit {base}",
                where=WHERE,
                seen=" ".join(f"{type(error).__name__}: {error}".split())[:300],
                allowed="a LoRA in the format of diffusers or kohya, trained on the same kind of model",
                remedy="Use it with the model that it was trained on.",
            ) from error
    given = sum(tensor.numel() for key, tensor in tensors.items() if not key.endswith((".alpha", "dora_scale")))
    used = sum(
        value.numel()
        for network in _networks(pipeline)
        if name in getattr(network, "peft_config", {})
        for value in get_peft_model_state_dict(network, adapter_name=name).values()
    )
    if given != used:
        raise NodeError(
            f"only a part of the LoRA fits {base}",
            where=WHERE,
            seen=f"{given} values in the file, {used} used; keys such as {', '.join(sorted(tensors)[:_SHOWN])}",
            allowed="a LoRA whose every value is used",
            remedy="Use it with the model that it was trained on.",
        )


def _fits(network: torch.nn.Module, key: str, tensor: torch.Tensor, rank: int) -> bool:
    """Whether a key of a file names a side of a linear layer of this network, with the right shape."""
    at, _, side = key.rpartition(".lora_")
    try:
        layer = network.get_submodule(at)
    except AttributeError:
        return False
    layer = layer.get_base_layer() if isinstance(layer, BaseTunerLayer) else layer
    if not (at and isinstance(layer, torch.nn.Linear)):
        return False
    shapes = {"A.weight": (rank, layer.in_features), "B.weight": (layer.out_features, rank)}
    return side in shapes and tuple(tensor.shape) == shapes[side]


def _follow(layer: LoraLayer, name: str) -> None:
    """Bring a new LoRA where its layer computes: to the precision of its base, and the device of an offloaded one."""
    base = layer.get_base_layer()
    hook = getattr(base, "_hf_hook", None)
    device = getattr(hook, "execution_device", None) if base.weight.device.type == "meta" else base.weight.device
    for side in (layer.lora_A, layer.lora_B):
        if side[name].weight.device.type == "meta":  # as peft made it beside an offloaded layer; it has no values yet
            side[name].to_empty(device=device)
        side[name].to(device=device, dtype=base.weight.dtype)


def _networks(target: Any) -> list[torch.nn.Module]:
    """The networks that may have adapters: of a pipeline, the denoiser and the text encoders."""
    if isinstance(target, torch.nn.Module):
        return [network_of(target)]
    found = (component for component in target.components.values() if isinstance(component, torch.nn.Module))
    return [network_of(component) for component in found]


def _layers(network: torch.nn.Module, name: str) -> Iterator[tuple[str, LoraLayer]]:
    for at, module in network.named_modules():
        if isinstance(module, LoraLayer) and (name in module.lora_A or name in module.lora_embedding_A):
            yield at, module


def _component(network: torch.nn.Module) -> str:
    """The name that pipelines give such a network, with which diffusers' formats begin their keys."""
    return "transformer" if "Transformer" in type(network).__name__ else "unet"


def _misfit(
    base: str, metadata: LoraMetadata, missing: Sequence[str] | set[str] = (), unexpected: Sequence[str] | set[str] = ()
) -> NodeError:
    found = [
        f"{what}: {', '.join(sorted(keys)[:_SHOWN])}"
        + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
        for what, keys in (("missing", missing), ("not in the network, or of another shape", unexpected))
        if keys
    ]
    return NodeError(
        f"the LoRA does not fit this {base}",
        where=WHERE,
        seen="; ".join(found) or "no weights",
        allowed=f"the weights of its {len(metadata.targets)} targets at rank {metadata.rank}, no more and no less",
        remedy=f"Use it with {metadata.base_model or 'the model that it was trained on'}, or train one for this model.",
    )
