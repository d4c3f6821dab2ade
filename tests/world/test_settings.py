"""What Waybill is told in deploy/settings is what the suppliers of the world have."""
import pathlib
import re
import unittest

from world import catalogue

SETTINGS = pathlib.Path(__file__).parents[2] / "deploy" / "settings"


class SettingsTest(unittest.TestCase):
    def test_catalogue_lists_what_each_supplier_sells(self):
        listed, supplier = set(), None
        for line in (SETTINGS / "stock_check.yaml").read_text().partition("catalogue:")[2].splitlines():
            if found := re.fullmatch(r"  (\w+):", line):
                supplier = found.group(1)
            elif found := re.fullmatch(r"    - (\S+)", line):
                listed.add((supplier, found.group(1)))
        self.assertEqual(listed, {(supplier, sku) for sku in catalogue.GOODS for supplier in catalogue.sellers(sku)})

    def test_router_knows_a_cost_for_each(self):
        priced, supplier = set(), None
        for line in (SETTINGS / "supplier_router.yaml").read_text().splitlines():
            if found := re.fullmatch(r"  - id: (\w+)", line):
                supplier = found.group(1)
            elif found := re.fullmatch(r"      ([A-Z0-9-]+): \d+", line):
                priced.add((supplier, found.group(1)))
        self.assertEqual(priced, {(supplier, sku) for sku in catalogue.GOODS for supplier in catalogue.sellers(sku)})

    def test_every_supplier_has_an_endpoint(self):
        text = (SETTINGS / "endpoints.yaml").read_text()
        for supplier in catalogue.SUPPLIERS:
            self.assertIn(f"  {supplier}:\n    url: http://@HTTP@/{supplier}\n", text)


if __name__ == "__main__":
    unittest.main()
