"""Packets as values; bytes through scapy; captures in, captures out. It imports nothing but `errors`."""
