"""Captures in, captures out: pcap and pcapng files, whatever link they were recorded on.

`capture` opens a file and gives one `Frame` after the other, and writes packets into a file. On the way in, a frame
goes from `containers` (the file formats) through `links` (link headers, tags and labels) to `frames` (the IP packet);
`tunnels` finds the packet inside an IP packet. On the way out, `template` makes the bytes of many like packets fast.
`spool` keeps on disk what is made of a long one.
Paths and packets in; frames and files out. A file that is damaged gives the frames before the damage, and says so.

Whoever reads or writes a capture, or needs bytes fast, comes in: the lab's replay and views, and the port to the real
world. Nothing of wire's core does. Read `capture` first; `containers` and `links` each explain their formats by the
standard that they follow.
"""
