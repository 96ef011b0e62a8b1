"""TriviaQA: questions and whole pages that hold their answers, cut to a window around an answer."""

import t5mix
from t5mix import preprocessors, t5

t5mix.TaskRegistry.add(
    "trivia_qa_v010",
    source=t5mix.TfdsDataSource("trivia_qa/rc:1.1.0"),
    preprocessors=t5.steps(preprocessors.trivia_qa, tokens=[preprocessors.trivia_qa_truncate_inputs]),
    output_features=t5.features(),
)
