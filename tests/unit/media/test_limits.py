from __future__ import annotations

import pytest

from brickyard.media.limits import LONGEST_WAV_S, Limits, clock
from brickyard.media.pcm import header


def test_the_longest_recording_fits_into_the_header_of_a_wav() -> None:
    assert len(header(2, int(LONGEST_WAV_S * 16_000))) == 44


@pytest.mark.parametrize("duration_s", [0, -1, LONGEST_WAV_S + 1])
def test_a_length_that_cannot_be_held_is_refused(duration_s: float) -> None:
    with pytest.raises(ValueError, match="max_duration_s"):
        Limits(max_duration_s=duration_s)


@pytest.mark.parametrize(("duration_s", "said"), [(0.4, "0:00:00"), (59.6, "0:01:00"), (10_800, "3:00:00")])
def test_clock(duration_s: float, said: str) -> None:
    assert clock(duration_s) == said
