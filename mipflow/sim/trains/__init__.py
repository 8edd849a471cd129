"""Trains of packets: flows of a constant rate, computed link by link in batches and not event by event.

Here live the answers of nodes that are asked (`answers`), the lanes that carry packets over a link (`lane`), the trains
on them with their ways (`train`), the order of events of one instant (`order`, which shows why the results are the
same), the standing of all by which is seen that it comes again (`standing`), the rows of the trace (`rows`), the
weighing whether trains are worth it (`worth`), and the watch over whatever must be up to date when somebody reads it
(`watch`).

`Trains(network, nodes)` (`carrier`) stands in the place of `Network.trains`: it takes over the flows about which all
nodes on the way have an answer (`flow.plans`), and gives back ordinary events at the end of a run, or once an answer is
another one. Nothing of the core comes in here; scenarios put it in. Read `order` first, then `carrier`.
"""
