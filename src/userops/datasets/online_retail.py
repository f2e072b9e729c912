"""Online Retail: a year of order lines of a British gift shop, bundled to start with."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pyarrow.parquet as pq

__all__ = ["load_online_retail"]


def load_online_retail(*, backend: str = "pandas") -> Any:
    """Return the order lines of the data set Online Retail, uncleaned.

    541,909 lines of 25,900 invoices by 4,372 known customers, 2010-12-01 to 2011-12-09, of a
    non-store online shop in the United Kingdom that sells gifts, many of them to wholesalers.

    The columns, in this order:

    - `InvoiceNo` (text): number of the invoice. Lines of one invoice share it.
    - `StockCode` (text): code of the product; some are not products, such as `POST` for postage.
    - `Description` (text): name of the product, without blanks around it; null in 1,454 lines.
    - `Quantity` (integer): units; never 0, below 0 in 10,624 lines.
    - `InvoiceDate` (timestamp in milliseconds, no zone): local time in the United Kingdom, to the
      minute.
    - `UnitPrice` (float): pounds sterling for a unit.
    - `CustomerID` (integer): number of the customer, 12346 to 18287; null where unknown.
    - `Country` (text): where the customer lives, 38 values.

    Peculiarities, as measured in these lines:

    - Cancellations: 9,288 lines of 3,836 invoices begin with `C`; all have a quantity below 0.
    - Adjustments: 3 lines begin with `A` (bad debt); 2 of them have a price of -11,062.06.
    - 1,336 lines have a quantity below 0 without being cancellations: stock write-offs, all with a
      price of 0 and without a customer.
    - Missing customers: 135,080 lines. They are null in the file too; no number stands for them.
    - Prices of 0: 2,515 lines. Prices with three decimals: 4 lines (0.001), so that money needs a
      scale of 3.
    - Exact duplicates: 10,147 lines equal another one; 5,268 would go if each were kept once.
      Whether they are errors is not known.
    - In 43 invoices the lines carry two times, a minute apart.
    - 1,977 stock codes hold lower-case letters. 8 customers appear in two countries.

    Args:
        backend: Frame type: pandas, polars, polars-lazy, pyarrow, duckdb, ibis or pyspark.

    Returns:
        The lines as a frame of the chosen type.

    Raises:
        InvalidArgumentError: If the backend is not known.
        MissingExtraError: If its package is not installed.

    References:
        Chen, D. (2015), Online Retail [data set], UCI Machine Learning Repository, no. 352,
        https://doi.org/10.24432/C5BW33. Licensed CC BY 4.0.
    """
    from userops.core.frames import from_arrow

    with files("userops.datasets").joinpath("data/online_retail.parquet").open("rb") as file:
        table = pq.read_table(file)
    # The file carries notes for pandas; without them every engine starts from the same table.
    return from_arrow(table.replace_schema_metadata(None), backend)
