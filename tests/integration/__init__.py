"""Waybill whole: real Kafka, Redis, HTTP and SMTP, the six workers, and the world around them."""
