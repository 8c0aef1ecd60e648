"""Makes tests/data/sd35/tokenizers/: small tokenizers in the layout of SD 3.5's model folder, and cases.json, texts with
the ids that transformers gives them.

Made with transformers 5.23.0, tokenizers 0.23.3 and sentencepiece 0.2.3. Deterministic.
Usage: python tests/reference/make_tokenizer_fixtures.py [OUTPUT_DIR]

tokenizer, tokenizer_2   vocab.json and merges.txt, trained here on TEXTS; as published, CLIP-G's pads with "!"
tokenizer_3              spiece.model, trained by SentencePiece on TEXTS
cases.json               [[text, ids of tokenizer, of tokenizer_2, of tokenizer_3], ...], padded as the pipeline does; of
                         the padding one id is kept

transformers imitates SentencePiece, and departs from it where combining marks or control characters stand alone. T5 was
trained on SentencePiece's ids, so that those are kept in such cases (DEPARTURES counts them); texts with sentinels, which
SentencePiece does not know, have transformers' ids.
"""

import collections
import json
import pathlib
import random
import sys

import sentencepiece
from transformers import CLIPTokenizer, T5Tokenizer

CLIP_LENGTH = 77
T5_LENGTH = 256
DEPARTURES = 3
TEXTS = """An image of a polyp in the colon, seen by an endoscope.
An image of the left ventricle in an echocardiogram, apical four chamber view.
A fundus photograph: optic disc, cup and vessels; age 63, macular degeneration.
An image of a dermoscopic lesion, asymmetric, with an irregular border.
A chest X-ray of a patient who isn't well; we've seen that they're waiting, and I'll say it's fine.
The patient's scan was taken at 10:45 on 2024-03-17 with 512x512 pixels and 3.5 mm slices.
Ultrasound of the kidneys (both sides) shows no stones, no cysts & no masses!
Ein Bild der Niere mit Zyste, größer als üblich. Une échographie du cœur, prélevée à l'hôpital.
Снимок лёгких пациента. Εικόνα του ματιού. 肺のX線画像。 大肠息肉的图像。 صورة للرئة.""".split("\n")

CASES = [
    "", " ", "   \t\n ", "An image of a polyp", "an image of a polyp", "AN IMAGE OF A POLYP.", "An image of ...",
    "don't can't we're they've I'm she'll he'd it's O'Neil's rock'n'roll", "DON'T IT'S WE'LL", "'s 't ''s 'x '", "''''s",
    "a'sb 1's 's1 'S 'LL", "3.14159 1,000,000 2024-03-17 x1y2z3 1st 2nd", "½ ² ³ Ⅻ ① ٣ १२", "!", "!!", "wow!", "! a ! b !",
    "a!b", "what?! no... (yes) [maybe] {perhaps} <tag> #hash @at $5 %50 ^up &and *star _under_ ~tilde `tick` |pipe|",
    "tabs\tand\nnewlines\r\nand  double   spaces  ", " leading and trailing ", "non\u00a0breaking\u2003em\u3000wide\u2028line",
    "zero\u200bwidth \u200djoiner \ufeffbom", "soft\u00adhyphen", "\u0085next\u001cfile\u001funit", "café naïve Ångström",
    "cafe\u0301 nai\u0308ve A\u030angstro\u0308m", "e\u0301\u0302 q\u0307\u0323 \u0301alone", "ﬁ ﬂ ﬃ № ™ ℃ Å K Ω",
    "ǅ ǆ ß ẞ İ ı I i\u0307 Σ ΣΑΣ ς", "ＦＵＬＬ ｗｉｄｔｈ １２３ ！", "größer üblich Öl ÄÖÜ", "Снимок лёгких ПАЦИЕНТА",
    "Εικόνα του ματιού", "大肠息肉的图像", "肺のX線画像 カタカナ ｶﾀｶﾅ", "한국어 문장 한국어", "صورة للرئة مَرحَبًا",
    "תמונה של", "ภาพของปอด", "हिन्दी में छवि", "🙂", "👩‍⚕️ 👍🏽 🇩🇪 ❤️ ☎", "a🙂b", "→ ← ∑ ≤ ± µm µ μ × ÷ °C",
    "“quotes” ‘single’ — dash – en … ellipsis", "<|startoftext|>", "<|endoftext|>", "a<|endoftext|>b", "<|ENDOFTEXT|>",
    "<|startoftext|", "</s>", "a</s>b", "<pad> <unk>", "<extra_id_0>", "a <extra_id_99> b", "</w>", "a</w>b", "▁", "a▁b ▁c",
    "https://example.org/path?query=1&other=2#part", "C:\\folder\\file.txt", "snake_case camelCase kebab-case",
    "supercalifragilisticexpialidocious", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "polyppolyppolyp",
    "the " * 200, "polyp, " * 90, "é" * 100, "\U0001f642" * 30, "1234567890" * 10, "\u00e0\u0300\u0316x", "\u1e9b\u0323 \u212b",
    "a\u0000b", "\ufffd", "\U000e0001tag", "\u0378unassigned", "\ue000private", "x\u0307\u0323y", "\u1100\u1161\u11a8 \uac00\u11a8",
]
# Where random texts take their characters from.
RANGES = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0x97F),
          (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2100, 0x218F), (0x3040, 0x30FF), (0x4E00, 0x4E40), (0xAC00, 0xAC40),
          (0xFF00, 0xFFEF), (0x1F600, 0x1F64F)]


def bytes_to_characters():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = iter(range(0x100, 0x200))
    return {byte: chr(byte if byte in printable else next(rest)) for byte in [*printable, *sorted({*range(256)} - {*printable})]}


def train_clip(merges):
    """Byte pairs by frequency, with CLIP's order of ids: bytes, bytes at a word's end, merges, begin, end."""
    names = bytes_to_characters()
    words = collections.Counter(word for text in TEXTS for word in text.lower().replace("'", " '").split())
    split = {word: [names[byte] for byte in word.encode()] for word in words}
    for symbols in split.values():
        symbols[-1] += "</w>"
    pairs = []
    while len(pairs) < merges:
        counts = collections.Counter()
        for word, symbols in split.items():
            for pair in zip(symbols, symbols[1:]):
                counts[pair] += words[word]
        pair = max(counts, key=lambda pair: (counts[pair], pair))
        pairs.append(pair)
        for symbols in split.values():
            for i in range(len(symbols) - 2, -1, -1):
                if tuple(symbols[i:i + 2]) == pair:
                    symbols[i:i + 2] = ["".join(pair)]
    tokens = [*names.values(), *(name + "</w>" for name in names.values()), *map("".join, pairs), "<|startoftext|>",
              "<|endoftext|>"]
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}, pairs


def write_clip(folder, vocabulary, merges, pad):
    folder.mkdir(parents=True, exist_ok=True)
    token = lambda content, normalized: dict(content=content, lstrip=False, normalized=normalized, rstrip=False,
                                             single_word=False)
    ends = ("<|startoftext|>", "<|endoftext|>")
    added = {vocabulary[content]: token(content, content in ends) | {"special": True} for content in {pad, *ends}}
    config = dict(add_prefix_space=False, added_tokens_decoder={str(i): added[i] for i in sorted(added)},
                  bos_token=ends[0], clean_up_tokenization_spaces=True, do_lower_case=True, eos_token=ends[1],
                  errors="replace", model_max_length=CLIP_LENGTH, pad_token=pad, tokenizer_class="CLIPTokenizer",
                  unk_token=ends[1])
    special = dict(bos_token=token(ends[0], True), eos_token=token(ends[1], True), pad_token=pad,
                   unk_token=token(ends[1], True))
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1))


def write_t5(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "spiece.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS), model_writer=file, vocab_size=170, character_coverage=0.98, pad_id=0,
            eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", num_threads=1, minloglevel=2)
    size = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model")).get_piece_size()
    sentinels = [f"<extra_id_{i}>" for i in range(100)]
    added = {0: "<pad>", 1: "</s>", 2: "<unk>"} | {size + 99 - i: name for i, name in enumerate(sentinels)}
    config = dict(add_prefix_space=True,
                  added_tokens_decoder={str(i): dict(content=added[i], lstrip=False, normalized=False, rstrip=False,
                                                     single_word=False, special=True) for i in sorted(added)},
                  additional_special_tokens=sentinels, clean_up_tokenization_spaces=True, eos_token="</s>",
                  extra_ids=100, legacy=True, model_max_length=512, pad_token="<pad>", sp_model_kwargs={},
                  tokenizer_class="T5Tokenizer", unk_token="<unk>")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    special = dict(additional_special_tokens=sentinels, eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1))


def random_texts(count):
    generator = random.Random(900)
    for _ in range(count):
        yield "".join(chr(generator.randint(*generator.choice(RANGES))) if generator.random() < 0.6 else
                      generator.choice([" ", "  ", "image", "Polyp", "'s", "!", "7", "of "])
                      for _ in range(generator.randint(1, 24)))


def tokenizers(folder):
    """(tokenizer, length) of each folder, as the pipeline uses them."""
    return [(CLIPTokenizer.from_pretrained(folder / "tokenizer"), CLIP_LENGTH),
            (CLIPTokenizer.from_pretrained(folder / "tokenizer_2"), CLIP_LENGTH),
            (T5Tokenizer.from_pretrained(folder / "tokenizer_3"), T5_LENGTH)]


def ids(tokenizer, length, text):
    return tokenizer([text], padding="max_length", max_length=length, truncation=True).input_ids[0]


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35" / "tokenizers"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    vocabulary, merges = train_clip(260)
    write_clip(folder / "tokenizer", vocabulary, merges, "<|endoftext|>")
    write_clip(folder / "tokenizer_2", vocabulary, merges, "!")
    write_t5(folder / "tokenizer_3")
    loaded = tokenizers(folder)
    cases = [[text] + [ids(*tokenizer, text) for tokenizer in loaded] for text in CASES + list(random_texts(150))]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer_3" / "spiece.model"))
    departures = 0
    for case in cases:
        row = (pieces.encode(case[0])[:T5_LENGTH - 1] + [1] + [0] * T5_LENGTH)[:T5_LENGTH]
        if row != case[3] and not any(token in case[0] for token in loaded[2][0].all_special_tokens):
            departures += 1
            case[3] = row
    assert departures == DEPARTURES, departures
    for case in cases:
        for row in case[1:]:
            while len(row) > 1 and row[-1] == row[-2]:
                row.pop()
    (folder / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
