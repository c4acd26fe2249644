"""Text encoders other than CLIP's, small and random, and what transformers and diffusers compute with them.

Writes Tests/Fixtures/{altclip,t5}-*: config.json, weights, reference.safetensors.
"""

NEEDS = ["diffusers", "safetensors", "torch", "transformers"]

import common  # first: it puts the path in order
from common import check_every_weight_shows, fixture, generator, randomise, save_tensors, stored

import torch
from diffusers.pipelines.deprecated.alt_diffusion.modeling_roberta_series import (
    RobertaSeriesConfig, RobertaSeriesModelWithTransformation)
from transformers import T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Attention

F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


def texts(vocabulary, length, counts, first, end, pad, seed):
    """Ids and attention masks of texts of so many tokens: `first`, words, `end`, then padding."""
    g = generator(seed)
    ids = torch.full((len(counts), length), pad)
    mask = torch.zeros(len(counts), length, dtype=torch.long)
    for row, count in enumerate(counts):
        ids[row, :count] = torch.randint(4, vocabulary - 1, (count,), generator=g)
        ids[row, 0], ids[row, count - 1] = first(ids[row, 0]), end
        mask[row, :count] = 1
    return ids, mask


def roberta(name, seed, dtype, length, counts, **config):
    """XLM-R and AltDiffusion's projection. `hidden`: padding is hidden by the mask; `seen`: no mask is given."""
    pre = config.pop("has_pre_transformation", False)
    config = RobertaSeriesConfig(
        **config, **({"has_pre_transformation": True} if pre else {}), type_vocab_size=1, hidden_act="gelu",
        layer_norm_eps=1e-5, pooler_fn="cls", learn_encoder=False, dtype=str(dtype).removeprefix("torch."),
        architectures=["RobertaSeriesModelWithTransformation"])
    config._attn_implementation = "eager"
    gains = {"embeddings.weight": 5.0, "query": 1.5, "key": 1.5, "transformation": 1.0}
    model = randomise(RobertaSeriesModelWithTransformation(config).float(), seed, dtype, gains)
    ids, mask = texts(config.vocab_size, length, counts, lambda _: 0, 2, 1, seed)
    ids[1, 3] = 1  # "<pad>" written in a prompt: seen, but at the padding's position

    def run(mask=mask):
        with torch.no_grad():
            return model(ids, attention_mask=mask, return_dict=True).projection_state

    silent = ["pooler.dense.weight", "pooler.dense.bias", "key.bias"]
    if pre:  # the last layer and the other projection
        last = f"encoder.layer.{config.num_hidden_layers - 1}."
        silent += [n for n, _ in model.named_parameters() if last in n or n.startswith("transformation.")]
    check_every_weight_shows(model, run, without_effect=silent)
    tensors = {k: v for k, v in stored(model, dtype).items() if not k.endswith(("position_ids", "token_type_ids"))}
    tensors["roberta.embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    save_tensors(tensors, fixture(name, "model.safetensors"))
    config.to_json_file(fixture(name, "config.json"), use_diff=False)
    assert common.relative(run(None), run()) > 1e-2, "the mask must matter"
    save_tensors({"ids": ids, "mask": mask, "hidden": run(), "seen": run(None)}, fixture(name, "reference.safetensors"))
    again = RobertaSeriesModelWithTransformation.from_pretrained(
        fixture(name), dtype=F32, attn_implementation="eager")
    with torch.no_grad():
        assert torch.equal(again(ids, attention_mask=mask, return_dict=True).projection_state, run()), name


def t5(name, seed, dtype, length, counts, rename=lambda key: key, **config):
    config = T5Config(**config, dropout_rate=0.0, is_encoder_decoder=False, dtype=str(dtype).removeprefix("torch."),
                      architectures=["T5EncoderModel"])
    config._attn_implementation = "eager"
    model = T5EncoderModel(config).float()
    gains = {"shared": 4.0, "SelfAttention.q": 0.6, "SelfAttention.k": 0.6, "relative_attention_bias": 3.0}
    randomise(model, seed, dtype, gains)
    ids, mask = texts(config.vocab_size, length, counts, lambda id: id, 1, 0, seed)

    def run(mask=mask):
        with torch.no_grad():
            return model(input_ids=ids, attention_mask=mask).last_hidden_state

    check_every_weight_shows(model, run)
    tensors = stored(model, dtype)
    tensors = {rename(k): v for k, v in tensors.items() if k != "encoder.embed_tokens.weight"}
    save_tensors(tensors, fixture(name, "model.safetensors"))
    config.to_json_file(fixture(name, "config.json"), use_diff=False)
    assert common.relative(run(None), run()) > 1e-2, "the mask must matter"
    save_tensors({"ids": ids, "mask": mask, "hidden": run(), "seen": run(None)}, fixture(name, "reference.safetensors"))


def t5_buckets():
    """[buckets, maximum distance] of each case, and the buckets of the distances -600 … 600."""
    cases = [(32, 128), (8, 20), (64, 256), (12, 100), (320, 800)]
    distances = torch.arange(-600, 601)
    rows = [T5Attention._relative_position_bucket(distances, True, *case) for case in cases]
    save_tensors({"cases": torch.tensor(cases), "buckets": torch.stack(rows)}, fixture("t5-buckets.safetensors"))


if __name__ == "__main__":
    roberta("altclip-a", 61, F16, length=77, counts=[77, 9, 3, 40], vocab_size=150, hidden_size=40,
            intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=90,
            project_dim=24, use_attention_mask=True)
    roberta("altclip-b", 62, F32, length=15, counts=[4, 9, 15], vocab_size=60, hidden_size=26, intermediate_size=50,
            num_hidden_layers=3, num_attention_heads=2, max_position_embeddings=20, project_dim=36,
            use_attention_mask=False, has_pre_transformation=True)
    t5("t5-a", 63, F16, length=24, counts=[24, 7, 2], vocab_size=110, d_model=48, d_kv=8, d_ff=112, num_layers=2,
       num_heads=4, feed_forward_proj="gated-gelu")
    # Wider heads than the states, and texts longer than the distances that are told apart.
    t5("t5-b", 64, F32, length=300, counts=[300, 150], vocab_size=60, d_model=20, d_kv=9, d_ff=45, num_layers=2,
       num_heads=3, feed_forward_proj="relu", relative_attention_num_buckets=8, relative_attention_max_distance=20,
       rename=lambda key: key.replace("shared.", "encoder.embed_tokens."))
    t5_buckets()
