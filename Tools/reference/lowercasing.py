"""Japanese Stable Diffusion's tokenizer: `T5Tokenizer` as transformers had it when the model was published.

transformers 5 reads such a folder, but not as it was meant: it leaves `do_lower_case` unread, and takes id 2 for the
unknown token, which here is the end's. Both are put right here, as transformers 4's own tokenizers had them.
"""

import json
import re

from tokenizers.models import Unigram
from transformers import T5Tokenizer


class LowerCasingTokenizer(T5Tokenizer):
    @staticmethod
    def load(folder):
        tokenizer = T5Tokenizer.from_pretrained(folder)
        # Loaded under its own name, it would be made of the file by other rules.
        tokenizer.__class__ = LowerCasingTokenizer
        vocabulary = json.loads(tokenizer._tokenizer.to_str())["model"]["vocab"]
        unknown = tokenizer.convert_tokens_to_ids(tokenizer.unk_token)
        tokenizer._tokenizer.model = Unigram([tuple(entry) for entry in vocabulary], unk_id=unknown)
        return tokenizer

    def lowered(self, text):
        """transformers 4's PreTrainedTokenizer.tokenize: all but special tokens, one character at a time."""
        special = "|".join(re.escape(token) for token in self.all_special_tokens)
        return re.sub(f"({special})|(.+?)", lambda match: match[1] or match[2].lower(), text)

    def __call__(self, text, **options):
        lowered = [self.lowered(t) for t in text] if isinstance(text, list) else self.lowered(text)
        return super().__call__(lowered, **options)
