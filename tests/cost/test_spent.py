"""What instances cost up to now, from the time that they are billed for: as low as it may be."""

from decimal import Decimal

import pytest

from reconciler.cost.shape import Instances
from reconciler.cost.spent import Took, spent

HOUR_S = 3600
SMALL = Instances(1000, 1024)
GPU = Instances(4000, 16384, gpu="nvidia-l4")
H100 = Instances(1000, 1024, gpu="nvidia-h100")


@pytest.mark.parametrize(
    ("instances", "billed_h", "kept_h", "taken_h", "usd", "missing"),
    [
        pytest.param(SMALL, 10, 0, None, "0.954", (), id="all-of-it-answered"),
        pytest.param(SMALL, 10, 100, None, "0.18", (), id="may-all-have-been-warm"),
        pytest.param(SMALL, 20, 10, None, "1.134", (), id="warm-for-as-long-as-may-be"),
        pytest.param(SMALL, 20, 10, 50, "1.134", (), id="many-requests-at-once"),
        pytest.param(SMALL, 20, 0, 10, "1.134", (), id="was-warm-before-the-spec-said-less"),
        pytest.param(GPU, 1, 0, 0, "1.046520", (), id="gpu"),
        pytest.param(H100, 1, 0, None, "0.072", ("run.gpu.nvidia-h100.nozr",), id="no-price"),
        pytest.param(H100, 0, 0, None, "0", (), id="nothing-costs-nothing"),
    ],
)
def test_time_at_list_prices(instances, billed_h, kept_h, taken_h, usd, missing):  # noqa: PLR0917 - a row of the table
    """Seconds that were billed, at the prices of a region of the first tier."""
    taken_s = None if taken_h is None else Decimal(taken_h * HOUR_S)
    found = spent(instances, "europe-west1", Took(Decimal(billed_h * HOUR_S), Decimal(kept_h * HOUR_S), taken_s))

    assert (found.usd, found.missing) == (Decimal(usd), missing)
