"""The tokenizer: SentencePiece unigram over captions of all languages; emoji characters are pieces of their own."""

import os
import random

import sentencepiece
import torch

from captions import caption
from languages import PHRASES
from models import END, PAD, TOKENS, UNKNOWN, VOCABULARY


def train(data, path):
    """Writes `path`.model, in the layout that T5Tokenizer reads: padding 0, </s> 1, <unk> 2, no <s>."""
    rng = random.Random("vocabulary")
    lines = []
    for emoji in data.emojis:
        times = 2 if emoji.kind == "base" else 1
        for language, name in emoji.names.items():
            lines += [name] * (times * (3 if language == "en" else 1))
            lines += emoji.keywords.get(language, ())
    for language in PHRASES:
        for _ in range(3000):
            lines.append(caption(data.scenes.draw(rng), data.emojis, rng, language))
    # T5Tokenizer knows neither byte fallback nor user-defined symbols as SentencePiece has them, but does know pieces.
    characters = sorted({c for emoji in data.emojis for c in emoji.character if ord(c) > 0xFF})
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=path, vocab_size=VOCABULARY, model_type="unigram",
        character_coverage=1.0, byte_fallback=True, normalization_rule_name="nmt_nfkc_cf",
        required_chars="".join(characters), pad_id=PAD, eos_id=END, unk_id=UNKNOWN, bos_id=-1, minloglevel=1)


class Vocabulary:
    def __init__(self, path):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=path + ".model")

    def ids(self, texts, device="cpu"):
        """[text, TOKENS]: as T5Tokenizer has them, pieces, </s>, padding."""
        rows = [(self.pieces.encode(text)[:TOKENS - 1] + [END] + [PAD] * TOKENS)[:TOKENS] for text in texts]
        return torch.tensor(rows, device=device)


def load(data, folder):
    path = os.path.join(folder, "spiece")
    if not os.path.exists(path + ".model"):
        train(data, path)
    return Vocabulary(path)
