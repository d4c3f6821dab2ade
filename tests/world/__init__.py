"""The world around Waybill: suppliers, a carrier, message providers, customers; a player of order histories; the books."""
