"""Chaos: the whole of Waybill on a real cluster, under seeded faults, and an oracle that counts afterwards."""
