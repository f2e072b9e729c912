"""What a synthetic shop promises: equal bytes from an equal seed, and a life that makes sense."""

import datetime as dt
import hashlib
import os
import subprocess
import sys
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from userops.core.frames import backend_of
from userops.datasets import Dirt, SyntheticShop, synthetic_shop
from userops.errors import InvalidArgumentError, InvalidDefinitionError

ALL_TABLES = (
    "customers",
    "attributes",
    "identifiers",
    "products",
    "orders",
    "order_lines",
    "returns",
    "page_views",
    "poster_scans",
    "group_joins",
    "guide_contacts",
    "messages",
    "reviews",
)
TIME_OF = {
    "orders": "ordered_at",
    "order_lines": "ordered_at",
    "returns": "returned_at",
    "page_views": "occurred_at",
    "poster_scans": "occurred_at",
    "group_joins": "occurred_at",
    "guide_contacts": "occurred_at",
    "messages": "occurred_at",
    "reviews": "occurred_at",
}
ID_OF = {
    "customers": "customer_id",
    "products": "product_id",
    "orders": "order_id",
    "returns": "return_id",
    "page_views": "event_id",
    "poster_scans": "event_id",
    "group_joins": "event_id",
    "guide_contacts": "event_id",
    "messages": "event_id",
    "reviews": "event_id",
}
START = pd.Timestamp("2023-01-01", tz="Asia/Shanghai")
END = pd.Timestamp("2025-01-01", tz="Asia/Shanghai")


@pytest.fixture(scope="module")
def shop() -> SyntheticShop:
    """Return a clean shop that is large enough for its laws to show."""
    return synthetic_shop(customers=6_000, seed=11)


@pytest.fixture(scope="module")
def arrow_shop() -> SyntheticShop:
    """Return a small clean shop."""
    return synthetic_shop(customers=300, seed=5, backend="pyarrow")


@pytest.fixture(scope="module")
def dirty_shop() -> SyntheticShop:
    """Return a shop with all kinds of dirt."""
    return synthetic_shop(customers=3_000, seed=3, dirt=True)


def digest(table: pa.Table) -> str:
    """Hash schema and values of a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def cents(amount: pd.Series) -> pd.Series:
    """Turn yuan into whole cents."""
    return (amount * 100).round().astype("int64")


def joined_at(shop: SyntheticShop, customer_id: pd.Series) -> pd.Series:
    """Look up when the customers signed up."""
    return customer_id.map(shop.customers.set_index("customer_id")["joined_at"])


class TestSeed:
    def test_same_seed_gives_the_same_bytes(self, arrow_shop: SyntheticShop) -> None:
        """Two shops of the same arguments are equal byte for byte, in every table."""
        again = synthetic_shop(customers=300, seed=5, backend="pyarrow")

        assert tuple(arrow_shop.tables) == ALL_TABLES
        for name in ALL_TABLES:
            assert digest(again.tables[name]) == digest(arrow_shop.tables[name]), name

    def test_another_process_gives_the_same_bytes(self, arrow_shop: SyntheticShop) -> None:
        """A fresh interpreter with another hash seed draws the same orders."""
        code = (
            "import hashlib, sys; from userops.datasets import synthetic_shop; "
            "s = synthetic_shop(customers=300, seed=5, backend='pyarrow', tables=['orders']); "
            "sys.stdout.write(hashlib.sha256(repr(s.orders.to_pydict()).encode()).hexdigest())"
        )
        told = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": "77"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

        here = repr(arrow_shop.orders.to_pydict()).encode()
        assert told == hashlib.sha256(here).hexdigest()

    def test_another_seed_gives_another_shop(self, arrow_shop: SyntheticShop) -> None:
        """A different seed changes every table."""
        other = synthetic_shop(customers=300, seed=6, backend="pyarrow")

        for name in ALL_TABLES:
            assert digest(other.tables[name]) != digest(arrow_shop.tables[name]), name

    @pytest.mark.parametrize("name", ALL_TABLES)
    def test_a_table_built_alone_is_the_same(self, arrow_shop: SyntheticShop, name: str) -> None:
        """A table does not depend on which other tables are asked for."""
        alone = synthetic_shop(customers=300, seed=5, backend="pyarrow", tables=(name,))

        assert tuple(alone.tables) == (name,)
        assert digest(alone.tables[name]) == digest(arrow_shop.tables[name])

    def test_clean_dirt_changes_nothing(self, arrow_shop: SyntheticShop) -> None:
        """Dirt with all shares at 0 leaves every byte as it is."""
        none = Dirt(**dict.fromkeys(attrs.asdict(Dirt()), 0.0))
        clean = synthetic_shop(customers=300, seed=5, backend="pyarrow", dirt=none)

        assert clean.dirt_log == ()
        for name in ALL_TABLES:
            assert digest(clean.tables[name]) == digest(arrow_shop.tables[name]), name


class TestMoney:
    def test_orders_are_the_sum_of_their_lines(self, shop: SyntheticShop) -> None:
        """Amount and discount of each order equal the sums of its lines in exact cents."""
        lines = shop.order_lines
        orders = shop.orders.set_index("order_id")
        for column in ("amount", "discount"):
            total = cents(lines[column]).groupby(lines["order_id"]).sum()
            assert (total == cents(orders[column])[total.index]).all()
        assert set(lines["order_id"]) == set(orders.index)

    def test_lines_add_up(self, shop: SyntheticShop) -> None:
        """A line's amount is quantity times unit price less discount, and above zero."""
        lines = shop.order_lines
        gross = lines["quantity"] * cents(lines["unit_price"])

        assert (cents(lines["amount"]) == gross - cents(lines["discount"])).all()
        assert (lines["amount"] > 0).all()
        assert (lines["discount"] >= 0).all()
        assert (lines["cost"] < lines["quantity"] * lines["unit_price"]).all()

    def test_money_is_the_nearest_double_of_two_decimals(self, shop: SyntheticShop) -> None:
        """Every sum of money is what Python reads from its text of two decimals."""
        columns = {
            "products": ("unit_price", "cost"),
            "orders": ("amount", "discount", "paid_with_points"),
            "order_lines": ("unit_price", "amount", "discount", "cost"),
            "returns": ("amount",),
        }
        for table, names in columns.items():
            for name in names:
                values = shop.tables[table][name].unique()
                assert all(float(f"{value:.2f}") == value for value in values), (table, name)

    def test_points_pay_part_of_the_amount(self, shop: SyntheticShop) -> None:
        """Points pay between nothing and the amount, and sometimes something."""
        points = shop.orders["paid_with_points"]

        assert (points >= 0).all()
        assert (points <= shop.orders["amount"]).all()
        assert 0.02 < (points > 0).mean() < 0.10

    def test_lines_agree_with_the_products(self, shop: SyntheticShop) -> None:
        """Price, category and unit cost of a line are those of its product."""
        lines = shop.order_lines
        product = shop.products.set_index("product_id").loc[lines["product_id"]]

        assert (product["unit_price"].to_numpy() == lines["unit_price"].to_numpy()).all()
        assert (product["category"].to_numpy() == lines["category"].to_numpy()).all()
        unit_cost = cents(product["cost"]).to_numpy() * lines["quantity"].to_numpy()
        assert (unit_cost == cents(lines["cost"]).to_numpy()).all()


class TestStory:
    @pytest.mark.parametrize("name", ID_OF)
    def test_ids_are_unique(self, shop: SyntheticShop, name: str) -> None:
        """No id occurs twice in the table that it names the rows of."""
        assert shop.tables[name][ID_OF[name]].is_unique

    @pytest.mark.parametrize("name", TIME_OF)
    def test_events_lie_in_the_period(self, shop: SyntheticShop, name: str) -> None:
        """Events come in the order of time, at UTC instants from the start to before the end."""
        times = shop.tables[name][TIME_OF[name]]

        assert str(times.dtype) == "datetime64[us, UTC]"
        assert times.is_monotonic_increasing
        assert times.min() >= START
        assert times.max() < END

    @pytest.mark.parametrize("name", [name for name in TIME_OF if name != "poster_scans"])
    def test_nobody_acts_before_signing_up(self, shop: SyntheticShop, name: str) -> None:
        """Events with a customer follow that customer's sign-up."""
        table = shop.tables[name]

        assert (table[TIME_OF[name]] >= joined_at(shop, table["customer_id"])).all()

    def test_anonymous_scans_precede_the_sign_up(self, shop: SyntheticShop) -> None:
        """A scan is anonymous until its openid's owner signs up; some owners never do."""
        scans = shop.poster_scans
        openids = shop.identifiers.query("kind == 'openid'").set_index("value")["customer_id"]
        owner = scans["identifier_value"].map(openids)
        joined = joined_at(shop, owner)
        anonymous, strange = scans["customer_id"].isna(), owner.isna()

        assert (scans["occurred_at"] < joined)[anonymous & ~strange].all()
        assert (scans["occurred_at"] >= joined)[~anonymous].all()
        assert (scans["customer_id"] == owner)[~anonymous].all()
        assert strange.sum() > 500
        assert (anonymous & ~strange).sum() > 2_000
        assert (~anonymous).sum() > 300
        assert scans["source"].str.fullmatch(r"offline/community-\d+/lift-\d/poster-[ab]").all()

    def test_returns_refer_to_earlier_lines(self, shop: SyntheticShop) -> None:
        """A return gives back at most what an earlier line of the same customer holds."""
        lines = shop.order_lines.set_index(["order_id", "product_id"])
        assert lines.index.is_unique
        returns = shop.returns
        assert not returns.duplicated(["return_of", "product_id"]).any()
        bought = lines.loc[pd.MultiIndex.from_frame(returns[["return_of", "product_id"]])]

        assert (returns["customer_id"].to_numpy() == bought["customer_id"].to_numpy()).all()
        assert (returns["quantity"].to_numpy() >= 1).all()
        assert (returns["quantity"].to_numpy() <= bought["quantity"].to_numpy()).all()
        assert (returns["amount"].to_numpy() > 0).all()
        assert (returns["amount"].to_numpy() <= bought["amount"].to_numpy()).all()
        wait = returns["returned_at"].to_numpy() - bought["ordered_at"].to_numpy()
        assert wait.min() >= np.timedelta64(1, "D")
        assert wait.max() <= np.timedelta64(60, "D")

    def test_few_lines_come_back(self, shop: SyntheticShop) -> None:
        """Between 3 and 8 percent of the lines are returned, clothes more often than food."""
        rate = len(shop.returns) / len(shop.order_lines)
        category = shop.products.set_index("product_id")["category"]
        returned = shop.returns["product_id"].map(category).value_counts()
        by_category = returned / shop.order_lines["category"].value_counts()

        assert 0.03 < rate < 0.08
        assert by_category["服饰"] > 2 * by_category["食品"]

    def test_reviews_follow_their_order(self, shop: SyntheticShop) -> None:
        """A review names a line of the customer and comes at least two days after the order."""
        reviews = shop.reviews
        lines = shop.order_lines.set_index(["order_id", "product_id"])
        bought = lines.loc[pd.MultiIndex.from_frame(reviews[["order_id", "product_id"]])]
        wait = reviews["occurred_at"].to_numpy() - bought["ordered_at"].to_numpy()

        assert (reviews["customer_id"].to_numpy() == bought["customer_id"].to_numpy()).all()
        assert wait.min() >= np.timedelta64(2, "D")
        assert set(reviews["rating"]) == {1, 2, 3, 4, 5}

    def test_messages_respect_consent(self, shop: SyntheticShop) -> None:
        """A message is sent only while the consent for its channel holds."""
        sent = shop.messages.query("action == 'sent'")
        kind = sent["channel"].map({"wecom": "external_userid", "sms": "phone"})
        consent = shop.identifiers.set_index(["customer_id", "kind"])
        held = consent.loc[pd.MultiIndex.from_arrays([sent["customer_id"], kind])]
        campaign_began = sent.groupby("campaign")["occurred_at"].transform("min").to_numpy()
        opted_out = held["opted_out_at"]

        assert (held["opted_in_at"].to_numpy() <= sent["occurred_at"].to_numpy()).all()
        assert ((opted_out.to_numpy() > campaign_began) | opted_out.isna().to_numpy()).all()
        assert opted_out.notna().any()

    def test_message_actions_follow_each_other(self, shop: SyntheticShop) -> None:
        """A message is sent, then perhaps opened, then perhaps clicked."""
        times = shop.messages.pivot(index="message_id", columns="action", values="occurred_at")

        assert times["sent"].notna().all()
        assert (times["opened"] > times["sent"])[times["opened"].notna()].all()
        assert (times["clicked"] > times["opened"])[times["clicked"].notna()].all()

    def test_identifiers_are_dated_in_order(self, shop: SyntheticShop) -> None:
        """Each value has one owner; it is seen, then opted in, then opted out."""
        found = shop.identifiers
        opted_in, opted_out = found["opted_in_at"], found["opted_out_at"]

        assert not found.duplicated(["kind", "value"]).any()
        assert not found.duplicated(["customer_id", "kind"]).any()
        assert (opted_in >= found["first_seen_at"])[opted_in.notna()].all()
        assert (opted_out > opted_in)[opted_out.notna()].all()
        assert not found.loc[found["kind"] == "phone", "value"].str.match("1[3-9]").any()

    def test_customers_show_the_last_dated_values(self, shop: SyntheticShop) -> None:
        """City and member level of a customer are the last values of the dated attributes."""
        dated = shop.attributes
        last = dated.groupby(["customer_id", "name"])["value"].last().unstack()
        customers = shop.customers.set_index("customer_id")

        assert not dated.duplicated(["customer_id", "name", "valid_from"]).any()
        assert (customers["city"] == last["city"][customers.index]).all()
        assert (customers["member_level"] == last["member_level"][customers.index]).all()

    def test_member_level_follows_spend(self, shop: SyntheticShop) -> None:
        """The member level is the one that the customer's total spend has reached."""
        spend = cents(shop.orders["amount"]).groupby(shop.orders["customer_id"]).sum()
        customers = shop.customers.set_index("customer_id")
        total = spend.reindex(customers.index, fill_value=0)
        reached = np.searchsorted([80_000, 300_000, 1_000_000], total, side="right")
        levels = np.array(["普通会员", "银卡会员", "金卡会员", "钻石会员"])

        assert (customers["member_level"].to_numpy() == levels[reached]).all()
        assert set(reached) == {0, 1, 2, 3}


class TestRealism:
    def test_mean_orders_are_as_asked(self) -> None:
        """The mean number of orders per customer is near the one that was asked for."""
        for mean in (0.5, 4, 25.0):
            shop = synthetic_shop(
                customers=3_000, orders_per_customer=mean, tables=("orders",), backend="pyarrow"
            )
            assert shop.orders.num_rows / 3_000 == pytest.approx(mean, rel=0.1)

    def test_few_customers_bring_most_of_the_spend(self, shop: SyntheticShop) -> None:
        """The top fifth of the customers holds more than 45 percent of the spend."""
        spend = shop.orders.groupby("customer_id")["amount"].sum().sort_values(ascending=False)
        top = spend.head(len(shop.customers) // 5)

        assert top.sum() / spend.sum() > 0.45

    def test_spend_is_independent_of_the_rate(self, shop: SyntheticShop) -> None:
        """Customers differ in their mean spend, whatever the number of their orders."""
        orders = shop.orders[shop.orders["coupon"].isna()].groupby("customer_id")["amount"]
        summary = orders.agg(["count", "mean"]).query("count >= 3")
        within = orders.var()[summary.index].mean()

        assert abs(summary["count"].rank().corr(summary["mean"].rank())) < 0.1
        assert summary["mean"].var() > 1.3 * (within / summary["count"]).mean()

    def test_sales_weekends_and_evenings_are_busy(self, shop: SyntheticShop) -> None:
        """Double 11, 618, weekends and evenings stand out in the local calendar."""
        local = shop.orders["ordered_at"].dt.tz_convert("Asia/Shanghai")
        in_2024 = local[local.dt.year == 2024]
        by_day = in_2024.groupby(in_2024.dt.date).size()
        quiet = in_2024[in_2024.dt.month.isin([3, 4, 8, 9])]
        by_weekday = quiet.groupby(quiet.dt.day_of_week).size()
        by_hour = local.groupby(local.dt.hour).size()

        assert by_day[dt.date(2024, 11, 11)] > 3 * by_day.median()
        assert by_day[dt.date(2024, 6, 18)] > 2 * by_day.median()
        assert by_weekday[[5, 6]].mean() > 1.08 * by_weekday[[0, 1, 2, 3]].mean()
        assert by_hour[21] > 5 * by_hour[4]

    def test_customers_arrive_all_the_time_and_leave(self, shop: SyntheticShop) -> None:
        """New customers come in every month, and most early ones have stopped buying."""
        joined = shop.customers["joined_at"]
        early = shop.customers["customer_id"][joined < START + pd.Timedelta(days=180)]
        late = shop.orders["ordered_at"] >= END - pd.Timedelta(days=90)
        still = set(shop.orders["customer_id"][late])

        assert joined.dt.tz_convert("Asia/Shanghai").dt.strftime("%Y-%m").nunique() == 24
        assert 0.05 < early.isin(still).mean() < 0.5

    def test_customers_have_favourites(self, shop: SyntheticShop) -> None:
        """A customer buys from one category far more often than from the other seven."""
        lines = shop.order_lines
        per_category = lines.groupby(["customer_id", "category"]).size().unstack(fill_value=0)
        busy = per_category[per_category.sum(axis=1) >= 20]

        assert (busy.max(axis=1) / busy.sum(axis=1)).median() > 0.5


def spoilt_rows(shop: SyntheticShop, name: str) -> dict[str, int]:
    """Count each kind of dirt by looking at the rows alone."""
    frame, time = shop.tables[name], shop.tables[name][TIME_OF[name]]
    written = frame[f"{TIME_OF[name]}_text"]
    person = "identifier_value" if name == "poster_scans" else "customer_id"
    found = {
        "missing_customers": frame[person].isna().sum(),
        "padded_ids": (frame[person] != frame[person].str.strip(" "))[frame[person].notna()].sum(),
        "missing_times": written.isna().sum(),
        "unparsable_times": (time.isna() & written.notna()).sum(),
        "future_times": (time >= END).sum(),
    }
    if name in ("orders", "order_lines"):
        mills = (frame["amount"] * 1000).round().astype("int64")
        found["zero_amounts"] = (mills == 0).sum()
        found["negative_amounts"] = (mills < 0).sum()
        found["three_decimal_amounts"] = (mills % 10 != 0).sum()
    if name == "order_lines":
        found["duplicate_lines"] = frame.duplicated().sum()
    else:
        found["duplicate_ids"] = frame.duplicated(ID_OF[name]).sum()
    return {kind: int(rows) for kind, rows in found.items() if rows}


class TestDirt:
    @pytest.mark.parametrize("name", TIME_OF)
    def test_log_is_the_truth(self, dirty_shop: SyntheticShop, name: str) -> None:
        """The counts in the log are the counts that a reader finds in the rows."""
        logged = {count.kind: count.rows for count in dirty_shop.dirt_log if count.table == name}

        assert spoilt_rows(dirty_shop, name) == logged
        assert logged

    def test_shares_are_met(self, dirty_shop: SyntheticShop) -> None:
        """Each kind takes its share of the clean rows."""
        copies = sum(
            count.rows
            for count in dirty_shop.dirt_log
            if (count.table, count.kind) == ("order_lines", "duplicate_lines")
        )
        clean = len(dirty_shop.order_lines) - copies
        assert dirty_shop.dirt is not None
        for kind in ("missing_customers", "duplicate_lines", "zero_amounts", "future_times"):
            rows = next(
                count.rows
                for count in dirty_shop.dirt_log
                if (count.table, count.kind) == ("order_lines", kind)
            )
            assert rows == pytest.approx(getattr(dirty_shop.dirt, kind) * clean, abs=1)

    def test_shared_phones_are_counted(self, dirty_shop: SyntheticShop) -> None:
        """As many phones have a second owner as the log says, and nothing else is shared."""
        found = dirty_shop.identifiers
        repeated = found[found.duplicated(["kind", "value"])]
        logged = [count for count in dirty_shop.dirt_log if count.table == "identifiers"]

        assert [(count.kind, count.rows) for count in logged] == [
            ("shared_identifiers", len(repeated))
        ]
        assert set(repeated["kind"]) == {"phone"}

    def test_the_rest_of_the_rows_is_clean(self, dirty_shop: SyntheticShop) -> None:
        """Rows that are not spoilt are the rows of the clean shop."""
        clean = synthetic_shop(customers=3_000, seed=3, tables=("orders",)).orders
        spoilt = sum(count.rows for count in dirty_shop.dirt_log if count.table == "orders")
        dirty = dirty_shop.orders.drop(columns="ordered_at_text")
        both = clean.merge(dirty.drop_duplicates(), how="inner", on=list(clean.columns))
        copies = dirty["order_id"].duplicated().sum()

        assert len(dirty) == len(clean) + copies
        assert len(both) == len(clean) - (spoilt - copies)

    def test_text_is_what_the_time_was_read_from(self, dirty_shop: SyntheticShop) -> None:
        """Where there is a time, the text beside it says the same in UTC."""
        known = dirty_shop.orders.dropna(subset="ordered_at")

        assert (
            known["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S") == known["ordered_at_text"]
        ).all()

    def test_no_text_without_unparsable_times(self) -> None:
        """The text column exists only if some times shall be unparsable."""
        shop = synthetic_shop(
            customers=50, dirt=Dirt(unparsable_times=0), tables=("orders",), backend="pyarrow"
        )

        assert "ordered_at_text" not in shop.orders.column_names

    def test_all_rows_can_be_spoilt(self) -> None:
        """A share of 1 takes every row, and tables with few rows or none survive it."""
        none = dict.fromkeys(attrs.asdict(Dirt()), 0.0)
        dirt = Dirt(**none | {"missing_customers": 1.0, "shared_identifiers": 1.0})
        shop = synthetic_shop(customers=2, dirt=dirt, backend="pyarrow")

        assert shop.orders["customer_id"].null_count == shop.orders.num_rows

    @pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "1 %", True, None])
    def test_a_share_outside_its_range_is_refused(self, share: Any) -> None:
        """What is no number from 0 to 1 is refused, and the error names the field."""
        with pytest.raises(InvalidDefinitionError, match="a number from 0 to 1") as caught:
            Dirt(padded_ids=share)

        assert caught.value.field == "padded_ids"

    def test_shares_above_all_rows_are_refused(self) -> None:
        """Shares that need more than all rows are refused."""
        with pytest.raises(InvalidDefinitionError, match="sum of at most 1"):
            Dirt(missing_customers=0.7, zero_amounts=0.6)


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "argument", "said"),
        [
            ({"customers": 0}, "customers", "an integer >= 1"),
            ({"customers": -3}, "customers", "Got: -3"),
            ({"customers": 10.0}, "customers", "an integer"),
            ({"customers": True}, "customers", "an integer"),
            ({"seed": -1}, "seed", "an integer >= 0"),
            ({"seed": None}, "seed", "an integer >= 0"),
            ({"orders_per_customer": 0}, "orders_per_customer", "a number > 0"),
            ({"orders_per_customer": float("nan")}, "orders_per_customer", "a number > 0"),
            ({"end": dt.date(2023, 1, 1)}, "end", "a date after start"),
            ({"end": dt.date(2022, 1, 1)}, "end", "end is exclusive"),
            ({"start": "2023-01-01"}, "start", "a datetime.date"),
            ({"end": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}, "end", r"\.date\(\)"),
            ({"start": dt.date(1980, 1, 1)}, "start", "2000-01-01"),
            ({"backend": "panda"}, "backend", "did you mean 'pandas'"),
            ({"tables": ("order_line",)}, "tables", "did you mean 'order_lines'"),
            ({"tables": "orders"}, "tables", r"tables=\('orders',\)"),
            ({"tables": ()}, "tables", "None builds all"),
            ({"dirt": 0.1}, "dirt", "True, False or Dirt"),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, arguments: dict[str, Any], argument: str, said: str
    ) -> None:
        """An impossible argument is named, with what is allowed, before anything is drawn."""
        with pytest.raises(InvalidArgumentError, match=said) as caught:
            synthetic_shop(**arguments)

        assert caught.value.argument == argument

    def test_numpy_integers_count_as_integers(self) -> None:
        """Sizes and seeds may be numpy integers."""
        shop = synthetic_shop(
            customers=np.int32(5), seed=np.uint64(1), tables=("customers",), backend="pyarrow"
        )

        assert shop.customers.num_rows == 5

    def test_a_table_that_was_not_built_says_how_to_build_it(self) -> None:
        """Reading a table that was left out raises and names the argument."""
        shop = synthetic_shop(customers=5, tables=["orders"], backend="pyarrow")

        with pytest.raises(InvalidArgumentError, match=r"add 'reviews' to tables="):
            _ = shop.reviews

    def test_smallest_shop(self) -> None:
        """One customer and one day are enough for every table."""
        shop = synthetic_shop(
            customers=1, start=dt.date(2024, 2, 29), end=dt.date(2024, 3, 1), backend="pyarrow"
        )

        assert tuple(shop.tables) == ALL_TABLES
        assert shop.customers.num_rows == 1

    def test_a_shop_without_orders(self) -> None:
        """A mean near zero gives empty tables of orders with all their columns."""
        shop = synthetic_shop(customers=3, orders_per_customer=1e-9, backend="pyarrow")

        assert shop.orders.num_rows == shop.order_lines.num_rows == shop.returns.num_rows == 0
        assert shop.orders.schema.field("ordered_at").type == pa.timestamp("us", tz="UTC")


class TestShop:
    @pytest.mark.parametrize("backend", ["pandas", "polars", "polars-lazy", "duckdb", "ibis"])
    def test_frames_come_in_the_chosen_engine(self, backend: str) -> None:
        """Every table is a frame of the backend that was asked for."""
        shop = synthetic_shop(customers=20, backend=backend)

        assert {backend_of(frame) for frame in shop.tables.values()} == {backend}

    def test_a_shop_cannot_be_changed(self, arrow_shop: SyntheticShop) -> None:
        """Neither the fields nor the mapping of tables can be assigned to."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            arrow_shop.seed = 1  # type: ignore[misc]
        with pytest.raises(TypeError):
            arrow_shop.tables["orders"] = None  # type: ignore[index]

    def test_repr_lists_tables_rows_and_dates(self, arrow_shop: SyntheticShop) -> None:
        """Text and HTML show each table with its rows and local dates."""
        text, page = repr(arrow_shop), arrow_shop._repr_html_()
        local = arrow_shop.orders["ordered_at"].to_pandas().dt.tz_convert("Asia/Shanghai")
        first, last = local.min().date(), local.max().date()
        rows = f"{arrow_shop.orders.num_rows:,}"

        assert "seed 5" in text
        assert f"{rows}  {first} to {last}" in text
        assert f"<td>orders</td><td style='text-align:right'>{rows}</td><td>{first}</td>" in page
        assert all(name in text and name in page for name in ALL_TABLES)

    def test_importing_the_package_is_light(self) -> None:
        """Importing `userops.datasets` loads neither numpy nor Arrow."""
        code = "import sys, userops.datasets; print({'numpy', 'pyarrow'} & set(sys.modules))"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert told.stdout.strip() == "set()"
