"""What the optimizer is told at each step; the update itself is part of the training program."""


def adafactor_decay_rate(step: int, exponent: float = 0.8) -> float:
    """Decay rate of Adafactor's second moments, 1 - (step + 1)^-exponent, with step counted from 0.

    Its memory grows with the run: 0 at the first step, 0.996 at the thousandth (Shazeer and Stern 2018,
    https://arxiv.org/abs/1804.04235, section 7.2; the exponent is T5's).
    """
    return 1.0 - (step + 1) ** -exponent
