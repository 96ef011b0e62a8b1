"""Probes: texts whose ids tell whether another release of a library tokenizes as the one before."""

from t5mix.internal.code import fingerprints
from t5mix.vocabularies import Vocabulary

# What tokenizers are known to differ in: normalization, white space, digits, unknown characters, ties, long runs.
TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "  leading, trailing and   inner  spaces  ",
    "tabs\tand\nlines\r\nand\u00a0no-break\u2003em\u200bzero-width",
    "Don't stop -- it's 3.14, 1,234,567 or 2026-11-28 at 50%!",
    "----- ===== ..... ????? aaaaaaaaaaaaaaaaaaaaaaaa",
    "translate English to German: That is good.",
    "\u00dcbergr\u00f6\u00dfentr\u00e4ger, na\u00efve caf\u00e9, e\u0301 and \ufb01ne \uff21\uff22\uff23 \u2460 \u00bd",
    "\u6771\u4eac \u3067 \u65e5\u672c\u8a9e\u3001\ud55c\uad6d\uc5b4 "
    "\u0645\u0631\u062d\u0628\u0627 \u0939\u093f\u0928\u094d\u0926\u0940 \u0e44\u0e17\u0e22",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2600\ufe0f \U0001d518",
    "<extra_id_0> <extra_id_1> </s> <unk> <pad> \u2581",
    "def f(x): return {'a': [1, 2], \"b\": x ** 2}  # \\u0041",
    "",
)


def answers(vocabulary: Vocabulary) -> list[str]:
    """Returns for each of `TEXTS` a short hash of its ids; "" where the vocabulary refuses it."""
    return [_answer(vocabulary, text) for text in TEXTS]


def _answer(vocabulary: Vocabulary, text: str) -> str:
    try:
        return fingerprints.digest([int(i) for i in vocabulary.encode(text)])[:8]
    except Exception:  # a class of the user's may raise anything, for texts that are not in its language
        return ""
