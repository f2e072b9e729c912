"""What the shop sells: products in eight categories, and how a customer comes to choose one."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.columns import choice_text, id_bytes, text, yuan
from userops.datasets.synthetic.setting import Setting

__all__ = [
    "CATEGORIES",
    "RETURN_RATES",
    "SHELF_WIDTH",
    "Catalogue",
    "draw_catalogue",
    "products_table",
]

# Category -> share of its order lines that come back, and typical prices in yuan.
_RANGE: dict[str, tuple[float, dict[str, int]]] = {
    "母婴": (0.050, {
        "婴儿湿巾": 29, "纸尿裤": 119, "婴儿奶瓶": 69, "婴儿推车": 899, "儿童餐椅": 269,
        "婴儿睡袋": 159, "辅食米粉": 45, "益智积木": 99, "儿童水杯": 59, "妈咪包": 189,
    }),
    "美妆": (0.060, {
        "口红": 129, "粉底液": 199, "面膜": 79, "精华液": 299, "眼影盘": 139,
        "卸妆油": 89, "防晒霜": 99, "爽肤水": 119, "面霜": 239, "香水": 369,
    }),
    "个护": (0.040, {
        "洗发水": 49, "沐浴露": 39, "电动牙刷": 199, "牙膏": 25, "护手霜": 29,
        "身体乳": 59, "剃须刀": 259, "吹风机": 329, "洗手液": 19, "棉柔巾": 35,
    }),
    "食品": (0.030, {
        "坚果礼盒": 88, "挂耳咖啡": 59, "牛肉干": 49, "燕麦片": 39, "茶叶": 128,
        "蜂蜜": 69, "饼干": 25, "大米": 79, "橄榄油": 109, "巧克力": 45,
    }),
    "家居": (0.055, {
        "四件套": 329, "乳胶枕": 199, "收纳箱": 59, "香薰蜡烛": 79, "保温杯": 99,
        "炒锅": 239, "台灯": 159, "浴巾": 49, "窗帘": 269, "垃圾袋": 19,
    }),
    "服饰": (0.110, {
        "纯棉T恤": 79, "牛仔裤": 199, "连衣裙": 259, "羽绒服": 599, "针织衫": 169,
        "运动袜": 29, "衬衫": 149, "家居服": 129, "帆布鞋": 159, "围巾": 89,
    }),
    "数码": (0.065, {
        "充电宝": 129, "蓝牙耳机": 299, "数据线": 29, "机械键盘": 359, "无线鼠标": 99,
        "智能手表": 799, "平板支架": 59, "蓝牙音箱": 249, "移动硬盘": 429, "手机壳": 39,
    }),
    "运动": (0.070, {
        "瑜伽垫": 99, "跑步鞋": 399, "跳绳": 29, "哑铃": 149, "运动背包": 189,
        "速干衣": 89, "泳镜": 79, "羽毛球拍": 259, "护膝": 69, "登山杖": 129,
    }),
}  # fmt: skip
_EDITIONS = {
    "基础款": 0.5,
    "经典款": 1.0,
    "轻享款": 0.8,
    "升级款": 1.35,
    "礼盒装": 1.9,
    "限定款": 2.5,
}
_BRANDS = ("禾小满", "青屿里", "木棉巷", "山雀家", "白露记", "星野间", "拾光集", "云朵厨", "橘子岸")
_ENDINGS_CENTS = np.array([0, 50, 90, 99])

CATEGORIES = tuple(_RANGE)
RETURN_RATES = np.array([rate for rate, _ in _RANGE.values()])
# Positions on a category's shelf, cheapest first; a power of two keeps the draw cheap.
SHELF_WIDTH = 1_024


@attrs.frozen(eq=False)
class Catalogue:
    """The products, by category and then by price.

    Attributes:
        names: Chinese name of each product, unique.
        category: Position of its category in `CATEGORIES`.
        price_cents: List price of a unit.
        cost_cents: Purchase cost of a unit, below its price.
        shelf: For each category, the product at each of `SHELF_WIDTH` positions from cheap to
            dear. A popular product takes many positions.
    """

    names: tuple[str, ...]
    category: NDArray[np.int8]
    price_cents: NDArray[np.int64]
    cost_cents: NDArray[np.int64]
    shelf: NDArray[np.int16]

    @property
    def ids(self) -> NDArray[np.uint8]:
        """Product ids, one row of bytes each."""
        return id_bytes("p", np.arange(1, len(self.names) + 1), 4)

    def choose(
        self,
        rng: np.random.Generator,
        favourite: NDArray[np.int8],
        price_level: NDArray[np.int16],
    ) -> NDArray[np.int16]:
        """Draw one product for each pair of favourite category and personal price level."""
        size = favourite.size
        category = rng.integers(0, len(CATEGORIES), size, dtype=np.int8)
        np.copyto(category, favourite, where=rng.integers(0, 256, size, dtype=np.uint8) < 150)
        # The difference of two even draws is centred on the customer's own level.
        position = price_level + rng.integers(0, 340, size, dtype=np.int16)
        position -= rng.integers(0, 340, size, dtype=np.int16)
        # What leaves the shelf at one end is folded back in.
        np.abs(position, out=position)
        np.minimum(position, 2 * (SHELF_WIDTH - 1) - position, out=position)
        return np.asarray(self.shelf[category, position])


def draw_catalogue(setting: Setting) -> Catalogue:
    """Draw prices, costs and popularity of the products."""
    rng = setting.rng("products")
    per_category = len(next(iter(_RANGE.values()))[1]) * len(_EDITIONS)
    names: list[str] = []
    prices, costs, shelves = [], [], []
    for number, (_, typical) in enumerate(_RANGE.values()):
        titles = [
            f"{_BRANDS[(number * 4 + place) % len(_BRANDS)]}{noun}（{edition}）"
            for place, noun in enumerate(typical)
            for edition in _EDITIONS
        ]
        level = np.outer(list(typical.values()), list(_EDITIONS.values())).ravel()
        level *= rng.uniform(0.9, 1.1, per_category)
        cents = np.maximum(level.astype(np.int64), 5) * 100
        cents += rng.choice(_ENDINGS_CENTS, per_category)
        by_price = np.argsort(cents, kind="stable")
        popularity = rng.permutation(1.0 / np.arange(1, per_category + 1) ** 0.7)
        ticks = (np.arange(SHELF_WIDTH) + 0.5) / SHELF_WIDTH * popularity.sum()
        shelves.append(np.searchsorted(np.cumsum(popularity), ticks) + number * per_category)
        names += [titles[place] for place in by_price]
        prices.append(cents[by_price])
        costs.append((cents[by_price] * rng.uniform(0.35, 0.7, per_category)).astype(np.int64))
    return Catalogue(
        names=tuple(names),
        category=np.repeat(np.arange(len(_RANGE), dtype=np.int8), per_category),
        price_cents=np.concatenate(prices),
        cost_cents=np.concatenate(costs),
        shelf=np.array(shelves, dtype=np.int16),
    )


def products_table(catalogue: Catalogue) -> pa.Table:
    """Build the table `products`."""
    return pa.table(
        {
            "product_id": text(catalogue.ids),
            "name": pa.array(catalogue.names),
            "category": choice_text(catalogue.category, CATEGORIES),
            "unit_price": yuan(catalogue.price_cents),
            "cost": yuan(catalogue.cost_cents),
        }
    )
