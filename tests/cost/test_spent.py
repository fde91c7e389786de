"""What instances cost up to now, from the time that they are billed for: as low as it may be."""

from decimal import Decimal

import pytest

from reconciler.cost.shape import Instances
from reconciler.cost.spent import spent

HOUR_S = 3600
SMALL = Instances(1000, 1024)


@pytest.mark.parametrize(
    ("instances", "billed_h", "elapsed_h", "usd", "missing"),
    [
        pytest.param(SMALL, 10, 100, "0.954", (), id="all-of-it-answered"),
        pytest.param(Instances(1000, 1024, least=1), 10, 100, "0.18", (), id="may-all-have-been-warm"),
        pytest.param(Instances(1000, 1024, least=1), 20, 10, "1.134", (), id="warm-for-as-long-as-may-be"),
        pytest.param(Instances(1000, 1024, windows=((1, Decimal("0.1")),)), 10, 100, "0.18", (), id="by-the-clock"),
        pytest.param(Instances(4000, 16384, gpu="nvidia-l4"), 1, 1, "1.046520", (), id="gpu"),
        pytest.param(
            Instances(1000, 1024, gpu="nvidia-h100"), 1, 1, "0.072", ("run.gpu.nvidia-h100.nozr",), id="no-price"
        ),
        pytest.param(Instances(1000, 1024, gpu="nvidia-h100"), 0, 1, "0", (), id="nothing-costs-nothing"),
    ],
)
def test_time_at_list_prices(instances, billed_h, elapsed_h, usd, missing):
    """Seconds that were billed, at the prices of a region of the first tier."""
    found = spent(instances, "europe-west1", Decimal(billed_h * HOUR_S), Decimal(elapsed_h * HOUR_S))

    assert (found.usd, found.missing) == (Decimal(usd), missing)
