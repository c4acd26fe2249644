"""The networks' shapes. Standard classes only, so that diffusers and limn load what comes out."""

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

SIDE = 128                       # of a picture, in pixels
VOCABULARY = 10_000
REGIONS = 4                      # a side: the last tokens of a prompt, padding always, tell of a region each
TOKENS = 24 + REGIONS ** 2       # a prompt's length: pieces, </s>, padding
PAD, END, UNKNOWN = 0, 1, 2


def autoencoder(channels=(32, 64, 96)):
    """One halving of the sides fewer than there are numbers of channels: latents of 32×32.

    Without attention, so that what it makes of a thing does not depend on what else is in the picture.
    """
    levels = len(channels)
    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=SIDE, block_out_channels=channels,
        layers_per_block=1, down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels, norm_num_groups=16, mid_block_add_attention=False)


def text_encoder(width=192, memory=1536, layers=5):
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=width, intermediate_size=memory, num_hidden_layers=layers,
        num_attention_heads=width // 48, max_position_embeddings=TOKENS, hidden_act="quick_gelu", projection_dim=width,
        bos_token_id=None, eos_token_id=END, pad_token_id=PAD))


def unet(side, width=192):
    """`side` of a latent, `width` of the text encoder."""
    return UNet2DConditionModel(
        sample_size=side, in_channels=4, out_channels=4, cross_attention_dim=width, addition_embed_type="text",
        addition_embed_type_num_heads=4, resnet_time_scale_shift="scale_shift",
        block_out_channels=(64, 96, 160, 192), layers_per_block=1, attention_head_dim=4, norm_num_groups=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"))


def scheduler():
    """v-prediction on a cosine schedule whose last step is pure noise, so that white and black come out as such."""
    return DDIMScheduler(
        num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
        timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True, steps_offset=1)
