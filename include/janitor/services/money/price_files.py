"""Reading the prices file from disk."""

from __future__ import annotations

from janitor.domain.config.document import MAX_BYTES
from janitor.domain.errors import SettingsError
from janitor.domain.money.prices import PriceTable, parse_prices
from janitor.settings import Settings


def load_prices(settings: Settings) -> PriceTable:
    """Read and check the environment's prices.

    Raises:
        SettingsError: The file is missing, unreadable or wrong; every problem is listed with its line.
    """
    file = settings.prices_file
    source = str(file.relative_to(settings.project_root) if file.is_relative_to(settings.project_root) else file)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as exc:
        raise SettingsError(
            f"the prices in {source} can't be read: {exc.strerror}; correct JANITOR_PRICES_FILE or restore the file"
        ) from exc
    return parse_prices(content, source=source)
