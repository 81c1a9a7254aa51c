"""What several tests of checkpoints begin with."""

import pytest

from tests.support.networks import sequential
from tests.support.saving import batch


@pytest.fixture
def model(tf):
    """A small network, built."""
    model = sequential(with_input=True)
    model(batch())
    return model
