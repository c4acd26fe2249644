"""Small tokenizers and the ids that transformers gives with them → Tests/Fixtures/tokenizers.

clip/       vocab.json + merges.txt, laid out as CLIP's (256 bytes, 256 bytes with </w>, merges, two special tokens)
clip-json/  the same vocabulary as transformers 5 saves it: tokenizer.json alone, padded with "!" as SD 2
xlmr/       a SentencePiece model in XLM-R's layout (sentencepiece.bpe.model)
t5-lower/   a SentencePiece model as Japanese Stable Diffusion has it: text is lower-cased, the unknown token is id 0
t5/, t5-json/  a SentencePiece model with user-defined symbols and sentinels, and transformers' own saving of it
t5-icons/      a SentencePiece model with byte fallback, which a first model of Limn's was trained with
*-cases.json   texts and their ids; t5-default-cases.json is for the model that comes with Limn

(The file is not called tokenizers.py: Python would import it in place of the library of that name.)
"""

NEEDS = ["sentencepiece", "tokenizers", "transformers"]

import io
import json
import random
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer, T5Tokenizer, XLMRobertaTokenizer

from lowercasing import LowerCasingTokenizer

OUT = Path("Tests/Fixtures/tokenizers")

COLOURS = """red blue green yellow purple orange black white golden silver / rouge bleu vert jaune violet noir blanc /
rot blau grün gelb schwarz weiß / rojo azul verde amarillo negro blanco / rosso giallo nero bianco / красный синий
зелёный жёлтый чёрный белый / 赤い 青い 緑の 黄色い 黒い 白い / 红色的 蓝色的 绿色的 黄色的 / 빨간 파란 초록 노란 / أحمر أزرق أخضر /
लाल नीला हरा पीला""".split("/")
THINGS = """apple house cat dog mountain river astronaut horse castle forest portrait painting street flower garden
lighthouse robot dragon teapot library / pomme maison chat chien château forêt rivière peinture fenêtre / Apfel Haus
Katze Hund Schloss Straße Brücke Gemälde / manzana casa gato perro niño montaña jardín / mela città perché caffè /
яблоко дом кошка собака гора замок лес / りんご 家 猫 犬 山 城 森 東京 ロボット / 苹果 房子 猫 狗 山 城堡 森林 / 사과 집 고양이 개 산 성 숲 /
تفاحة بيت قطة كلب جبل / सेब घर बिल्ली कुत्ता पहाड़""".split("/")
PATTERNS = ["a {c} {t}", "a photo of a {c} {t}, highly detailed, 4k", "{c} {t}", "the {t} is {c} and it's 1999",
            "{t} by the sea at sunset, trending on artstation", "an oil painting of the {c} {t} (masterpiece:1.2)",
            "{c} {t}, studio lighting, 8k uhd, dslr", "cinematic shot of {t}; don't blur!"]

AWKWARD = [
    "", " ", "   ", "\n", "\t\n\r", "a", "A", "a red apple", "  a   red  apple  ", "a\tred\napple\r\nx",
    "A RED APPLE", "Ein großes Haus in der STRASSE", "naïve café", "cafe\u0301 re\u0301sume\u0301", "E\u0301A\u030a\u0327",
    "\u0130stanbul ıIi", "ΣΊΣΥΦΟΣ Σίσυφος", "ﬁne ﬂow ﬀ", "ＦＵＬＬ　ｗｉｄｔｈ １２３", "½ ² ³ ⅷ Ⅷ ①②", "١٢٣ १२३ ໑", "1234567890 3.14 1,000",
    "don't can't we're I've I'm he'll they'd it's DON'T IT'S O'Reilly 'tis", "'s 't 're 've 'm 'll 'd", "''s '' ' '' 'x",
    "😀", "😀😀😀 🦄 xx", "👩‍👩‍👧‍👦 family", "👍🏽 thumbs", "🇩🇪🇯🇵", "❤️ ❤", "a😀b", "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "鬱 龘 𠮷野家 𪚥", "東京タワーの夜景", "ﾊﾝｶｸ ｶﾞｷﾞ", "か\u3099き\u3099 がぎ", "한국어 \u1112\u1161\u11ab", "العربية نَصٌّ", "हिन्दी क्षत्रिय", "ไทยภาษา",
    "עִבְרִית", "Tiếng Việt đẹp", "Zażółć gęślą jaźń", "ẛ̣ ſ ß ẞ", "Å Å Å Ω Ω", "\u0344 \u0374 \u037e \u212b \uf900 \ufb1d",
    "a\x00b", "\x00", "\x01\x02\x1f\x7f", "a\u200bb\u200cc\u200dd", "\ufeffbom", "soft\u00adhyphen", "nb\u00a0sp\u2003em\u3000id\u202fn",
    "a\u2028b\u2029c\u0085d\x0be\x0cf", "\u180e mongolian", "\ufffd \uffff \U0010ffff \ue000", "z\u0300\u0301\u0302\u0303\u0304x", "\u0301 leading mark",
    "</s>", "<pad>", "<unk>", "<s>", "<mask>", "<extra_id_0>", "<extra_id_3>x", "a</s>b <pad>c <unk> d", " <mask> x", "a   <mask>   b",
    "</S> <PAD>", "<0x41>", "<0x00><0xFF> a<0x0A>", "▁", "▁▁a", "a▁b c▁", "▁ x ▁", "[SYM] a[SYM]b", "<sym>x <sym>",
    "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "a<|startoftext|>b", "<|STARTOFTEXT|> x", "<|EndOfText|>!", "<|startoftext", "|>",
    "!", "!!!", "a!", "! a !b! c!!", "?!?!", "...", "a...b", "#hashtag @user http://x.y/z?q=1&r=2", "(a:1.2), [b], {c|d}", "\\(x\\) \"q\" `c`",
    "a-b_c—d–e", "₤€¥$£ ±×÷≠∞", "→←↑↓ ★☆ ♥", "x" * 40, "ab" * 60, "aaaaaaaaaa!!!!!!!!!!", "supercalifragilisticexpialidocious",
    "1", "12", "a1b2c3", "3d 4k 8K x2", "O₂ H₂O x²", "\U00016ea0\U00016ebb \u088f x\u088f", "\U000323b0 字", "\ua7ce\ua7cf!", "ǅ ǈ ʰ ª º", "Ⅻ Ⓐ ⓐ",
    "word " * 60, "the quick brown fox jumps over the lazy dog, " * 4, "红色的苹果" * 20, "é" * 90, "e\u0301" * 50, "😀 " * 50,
]
SPECIALS = ["<|startoftext|>", "<|endoftext|>", "</s>", "<pad>", "<unk>", "<mask>", "<s>", "[SYM]", "<extra_id_1>", "!", "▁", "'s", "'LL"]


def captions(seed, count):
    """Captions of our own making, in eleven languages."""
    rng = random.Random(seed)
    result = []
    for _ in range(count):
        language = rng.randrange(len(COLOURS))
        result.append(rng.choice(PATTERNS).format(
            c=rng.choice(COLOURS[language].split()), t=rng.choice(THINGS[language].split())))
    return result


def texts():
    """What is awkward, some captions, and random mixtures of scripts, marks, spaces and special tokens."""
    rng = random.Random(7)
    blocks = [(0x20, 0x7f), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x5d0, 0x670), (0x900, 0xa00), (0xe01, 0xe5c),
              (0x1100, 0x1200), (0x1e00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2200), (0x3040, 0x3100), (0x4e00, 0x5000),
              (0xac00, 0xad00), (0xf900, 0xfb50), (0xfe00, 0xfe10), (0xff00, 0xfff0), (0x1d400, 0x1d500), (0x1f1e6, 0x1f200),
              (0x1f600, 0x1f650), (0, 0x20)]
    mixtures = []
    for _ in range(150):
        pool = rng.sample(blocks, 3)
        parts = []
        for _ in range(rng.randrange(1, 30)):
            kind = rng.random()
            if kind < 0.6:
                parts.append(chr(rng.randrange(*rng.choice(pool))))
            elif kind < 0.75:
                parts.append(" " * rng.randrange(1, 3))
            elif kind < 0.95:
                parts.append(rng.choice(["a", "the", "Red", "house", "1", "e\u0301", "!", ",", "\n"]))
            else:
                parts.append(rng.choice(SPECIALS))
        mixtures.append("".join(parts))
    return AWKWARD + captions(3, 80) + mixtures


def write_json(path, value, **options):
    path.write_text(json.dumps(value, **options) + "\n", encoding="utf-8")


def train_clip(merge_count=1000):
    """(vocab, merges) of a byte-level BPE in CLIP's layout."""
    alphabet = bytes_in_clip_order()
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    splitting = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(splitting, behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=5000, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(captions(1, 4000), trainer)
    merges = [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]][:merge_count]
    tokens = alphabet + [a + "</w>" for a in alphabet]
    known = set(tokens)
    for left, right in merges:
        if left + right not in known:
            known.add(left + right)
            tokens.append(left + right)
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: index for index, token in enumerate(tokens)}, merges


def bytes_in_clip_order():
    """The 256 characters that stand for bytes: printable ones for themselves first, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def cases(tokenizer, all_texts):
    """[text, ids with special tokens, untruncated, padded ids] with the padded ids for every eighth text and long ones."""
    length = tokenizer.model_max_length
    result = []
    for index, text in enumerate(all_texts):
        full = tokenizer(text).input_ids
        case = {"text": text, "ids": full}
        if index % 8 == 0 or len(full) > length:
            case["padded"] = tokenizer(text, padding="max_length", truncation=True, max_length=length).input_ids
        result.append(case)
    return result


def clip():
    folder = OUT / "clip"
    folder.mkdir(parents=True, exist_ok=True)
    # Training breaks ties differently each time, and other fixtures hold this vocabulary's ids: it is trained once.
    if not (folder / "vocab.json").exists():
        vocab, merges = train_clip()
        write_json(folder / "vocab.json", vocab, ensure_ascii=False, separators=(",", ":"))
        lines = "".join(f"{a} {b}\n" for a, b in merges)
        (folder / "merges.txt").write_text("#version: 0.2\n" + lines, encoding="utf-8")
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>",
              "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    write_json(folder / "tokenizer_config.json", config, indent=2)

    # As in SD 1.5's folder (tokens matched after normalization), in SD 2's ("!" pads), and with a token added later.
    def added(content, **flags):
        return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False,
                "single_word": False, **flags}

    old = {**config, "bos_token": added("<|startoftext|>"), "eos_token": added("<|endoftext|>"),
           "unk_token": added("<|endoftext|>"), "model_max_length": 20}
    plain = {k: v for k, v in added("<|endoftext|>").items() if k != "__type"}
    variants = {
        "plain": {"tokenizer_config.json": config},
        "old": {"tokenizer_config.json": old, "special_tokens_map.json": {
            "bos_token": {**plain, "content": "<|startoftext|>"}, "eos_token": plain, "unk_token": plain,
            "pad_token": "<|endoftext|>"}},
        "padded with !": {"tokenizer_config.json": {**config, "pad_token": "!"}},
        "added": {"tokenizer_config.json": config, "added_tokens.json": {"<cat-toy>": len(vocab), "Red": len(vocab) + 1}},
        "flags": {"tokenizer_config.json": {**config, "added_tokens_decoder": {
            str(len(vocab)): {**plain, "content": "sea", "single_word": True, "special": False},
            str(len(vocab) + 1): {**plain, "content": "APPLE", "lstrip": True, "rstrip": True, "special": False,
                                  "normalized": False},
            str(vocab["<|startoftext|>"]): {**plain, "content": "<|startoftext|>", "special": True},
            str(vocab["<|endoftext|>"]): {**plain, "content": "<|endoftext|>", "special": True}}}},
    }
    extra = ["a <cat-toy> on a chair", "<CAT-TOY>", "x<cat-toy>y", "Red red reddish", "the sea, seaside sea", "red APPLE  pie",
             "APPLEAPPLE sea!sea Sea", "under_sea sea1 sea\u0301"]
    result = []
    for name, files in variants.items():
        with tempfile.TemporaryDirectory() as temporary:
            for file in ("vocab.json", "merges.txt"):
                shutil.copy(folder / file, temporary)
            for file, value in files.items():
                write_json(Path(temporary) / file, value)
            tokenizer = CLIPTokenizer.from_pretrained(temporary)
            chosen = texts() if name in ("plain", "padded with !") else texts()[:130:2]
            result.append({"name": name, "files": files, "cases": cases(tokenizer, extra + chosen)})
            if name == "padded with !":
                tokenizer.save_pretrained(OUT / "clip-json")
    write_json(OUT / "clip-cases.json", result, separators=(",", ":"))


def train_sentencepiece(**options):
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions(2, 3000)), model_writer=buffer, model_type="unigram", minloglevel=2,
        num_threads=1, hard_vocab_limit=False, **options)
    return buffer.getvalue()


def sentencepiece_folder(name, file, cls, config, **options):
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(train_sentencepiece(**options))
    write_json(folder / "tokenizer_config.json", config, indent=2)
    tokenizer = getattr(cls, "load", cls.from_pretrained)(str(folder))
    write_json(OUT / f"{name}-cases.json", cases(tokenizer, texts()), separators=(",", ":"))
    return tokenizer


def main():
    clip()
    sentencepiece_folder("xlmr", "sentencepiece.bpe.model", XLMRobertaTokenizer,
                         {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 77}, vocab_size=700,
                         normalization_rule_name="nmt_nfkc")
    t5 = sentencepiece_folder("t5", "spiece.model", T5Tokenizer,
                              {"tokenizer_class": "T5Tokenizer", "model_max_length": 24, "extra_ids": 5}, vocab_size=600,
                              normalization_rule_name="identity", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                              user_defined_symbols=["[SYM]", "4k"], byte_fallback=True)
    t5.save_pretrained(OUT / "t5-json")
    specials = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    sentencepiece_folder("t5-lower", "spiece.model", LowerCasingTokenizer,
                         {"tokenizer_class": "T5Tokenizer", "model_max_length": 77, "extra_ids": 0, "do_lower_case": True,
                          "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]",
                          "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
                          "additional_special_tokens": []},
                         vocab_size=600, normalization_rule_name="identity", control_symbols=specials)
    for name, folder in ("t5-icons", OUT / "t5-icons"), ("t5-default", Path("weights/icons-128/tokenizer")):
        tokenizer = T5Tokenizer.from_pretrained(folder)
        write_json(OUT / (name + "-cases.json"), cases(tokenizer, texts()), separators=(",", ":"))


if __name__ == "__main__":
    main()
