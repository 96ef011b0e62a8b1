"""Trains tasks/offline.model, the SentencePiece vocabulary of the offline suite.

    python tools/train_offline_vocabulary.py

Reads the training splits of the suite's tasks and nothing else. The same versions of the packages
give the same bytes.
"""

import argparse
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import sentencepiece

import t5mix

TASKS = Path(__file__).parents[1] / "tasks"
PIECES = 996  # with the 28 sentinels 1,024, a multiple of 128


def sentences(task_names: Sequence[str]) -> Iterator[str]:
    """Yields the inputs and targets of the training splits, as text before tokens."""
    for name in task_names:
        task = t5mix.TaskRegistry.get(name)
        text_steps = list(task.steps_before_cache)
        tokenize = t5mix.preprocessors.tokenize
        dataset = task.source.get_dataset(split="train", shuffle=False)
        dataset = task.run_steps(dataset, text_steps[: text_steps.index(tokenize)])
        for example in dataset.as_numpy_iterator():
            for feature in ("inputs", "targets"):
                if text := example[feature].decode("utf-8"):
                    yield text


def train(task_names: Sequence[str], pieces: int) -> bytes:
    """Returns a unigram model with pad 0, EOS 1, unknown 2 and a piece for each byte."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(task_names),
        model_writer=model,
        model_type="unigram",
        vocab_size=pieces,
        # Figures digit by digit: numbers must be copied and put in other orders.
        split_digits=True,
        # Letters of rare scripts are spelt in bytes, not lost.
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="nmt_nfkc",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def main() -> None:
    """Writes the vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=TASKS / "offline.model")
    parser.add_argument("--pieces", type=int, default=PIECES)
    arguments = parser.parse_args()
    names = sorted(name for name in t5mix.TaskRegistry.names() if name.startswith("offline_"))
    arguments.output.write_bytes(train(names, arguments.pieces))
    print(f"{arguments.output}: {arguments.pieces} pieces from {len(names)} tasks")


if __name__ == "__main__":
    main()
