"""What the suppliers of the world really have; deploy/settings holds what Waybill is told about them."""

# sku: (title, unit price in minor units, {supplier: pieces})
GOODS = {
    "BLANKET-WOOL": ("Wool blanket", 249900, {"artisans": 50_000, "northgate": 50_000}),
    "BOTTLE-STEEL-1L": ("Steel bottle, 1 l", 89900, {"northgate": 50_000}),
    "CASE-PHONE": ("Phone case", 49900, {"northgate": 50_000}),
    "CHESS-SANDAL": ("Chess set, sandalwood", 349900, {"artisans": 3}),
    "COFFEE-MALABAR-250": ("Coffee, Malabar, 250 g", 54900, {"northgate": 50_000, "hillside": 50_000}),
    "HONEY-FOREST-500": ("Forest honey, 500 g", 59900, {"hillside": 50_000, "northgate": 50_000}),
    "KETTLE-COPPER": ("Copper kettle", 219900, {"northgate": 50_000, "artisans": 50_000}),
    "LAMP-BRASS": ("Brass lamp", 179900, {"artisans": 50_000}),
    "RUG-DHURRIE": ("Dhurrie rug", 429900, {"northgate": 50_000, "artisans": 50_000}),
    "SHAWL-PASHMINA": ("Pashmina shawl", 599900, {"artisans": 50_000}),
    "SPICE-GARAM-100": ("Garam masala, 100 g", 24900, {"northgate": 50_000, "hillside": 50_000}),
    "TEA-ASSAM-250": ("Tea, Assam, 250 g", 39900, {"northgate": 50_000, "hillside": 50_000}),
    "TEA-NILGIRI-500": ("Tea, Nilgiri, 500 g", 64900, {"hillside": 50_000}),
}
SUPPLIERS = ("artisans", "hillside", "northgate")
SCARCE = ("CHESS-SANDAL",)
PLENTIFUL = tuple(sku for sku in GOODS if sku not in SCARCE)


def sellers(sku):
    return GOODS[sku][2]
