"""Makes docs/attacks.md, docs/baselines.md and docs/handover.md by running what they tell of: `python docs/tables.py`
writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mipflow.lab.studies.attacks import attack_table
from mipflow.lab.studies.baselines import baseline_table
from mipflow.lab.studies.exhaustion import exhaustion_table
from mipflow.lab.studies.latency import latency_table
from mipflow.view.drawing.picture import cell

HERE = Path(__file__).parent

ATTACKS = """\
# What an attacker achieves

Each cell is a run: a world with an attacker that has ears at one place (`mipflow/lab/studies/attacks.py`,
`mf.attack_table()`). That it comes out as RFC 4225 and RFC 6275 section 15 say is a test
(`tests/lab/studies/test_attacks.py`, with a section for each row).

{table}

- **steal**: have packets for the mobile node's home address sent to the attacker. At the correspondent it takes both
  keygen tokens. The care-of token comes to the attacker itself; the home token has to be overheard. "Succeeds" means
  that the binding was there at all: the mobile node takes it back as soon as a binding error tells it.
- **flood**: have a stream that the attacker asked for sent to a victim, by a false care-of address. Its token goes to
  the victim; who sees what the correspondent sends has it.
- **replay**: send a recorded binding update again after the mobile node has deleted its binding.
- **none**: a correspondent that believes every binding update, and a home agent without IP security.
- **generated addresses**: enhanced route optimisation (RFC 4866). The attacker also tries with a key and generated
  addresses of its own; an early binding update then gives it at most the credit that it has earned, so no flood
  lasts. Home agents are not concerned by RFC 4866: that is what ESP is for.
- Nothing filters forged source addresses here. An attacker on the home link could take the address by neighbor
  discovery alone, with or without Mobile IPv6; that is not counted.

# What an attacker uses up

Off the path, with forged sources where it helps. Each row is two runs that differ in nothing but the bound
(`mipflow/lab/studies/exhaustion.py`, `mf.exhaustion_table()`); `tests/lab/studies/test_exhaustion.py` holds them, and
what becomes of the mobile node's own flows meanwhile.

{exhaustion}

- **Binding errors** need no secret of their alleged sender. RFC 6275 section 11.3.6 has a SHOULD for status 2: give
  route optimisation up. Then the correspondent goes on sending to the dead care-of address until its binding ends.
  Here a peer that has answered a test or acknowledged within 420 s is not doubted, and any other one only once it
  leaves a message unanswered too. Status 1 is believed, as section 11.3.6 asks: it costs a binding some time in the
  tunnel, and its downlink goes on. But each would be renewed at once, and MAX_UPDATE_RATE (section 11.8) leaves three
  updates a second for all: so renewals that a binding error or a binding refresh request asks for leave once a second.
- **Datagrams, segments and echo requests to an open port** begin flows, each with two tests, a binding update and its
  repetitions towards an address that may be nobody's. Where there is no room, the flow gives way that has been silent
  longest, if for 30 s; calls that are expected (`mn.accept`) are not counted. The mobile node's own addresses and
  those of no single node are no correspondents at all.
- **Home registrations**: without IP security anybody registers anything, which is why section 5.1 wants it. Left to
  the cache's size, an attacker fills it: what is bound stays, and a further home address is refused with status 130.
- **A correspondent** keeps nothing for tests, and nothing for updates without proof. True bindings of an attacker's
  own addresses are correct but useless; they fill the cache. What is bound stays (section 9.1); a mobile node that
  finds no room gets status 130, and its packets take the home agent. Nothing is lost but the short way. 100 000
  entries of at most 420 s take 240 proved updates a second to keep it full.
"""

BASELINES = """\
# What can be done with the same flows

Mobile IPv6 as it is, the way before the patent WO 2004/057826, and its method: the same calls between the same nodes,
in three worlds that differ in nothing but how flows get home addresses and bindings
(`mipflow/lab/studies/baselines.py`, `mf.baseline_table()`). Each cell is a run.
Its verdict is what was on the mobile node's links: "yes" where the data
packets of every call, in the last second, took the interface that was wished for it, both ways, and no other. That it
comes out as the pages of WO 2004/057826 say is a test (`tests/lab/studies/test_baselines.py`).

{table}

- **moved**: calls whose interface changed by the handover; **updates**: binding updates that the mobile node sent, from
  the handover on where there is one, else from the beginning; **lost**: data packets, in the whole run; **homes**: home
  addresses that the calls have.
- **Plain Mobile IPv6** (pages 1 to 3) has one home address and one care-of address, so all calls are always together.
- **A care-of address per correspondent** (Figure 1) binds the one home address differently at each correspondent, so
  those of one correspondent are always together. The home agent knows one care-of address only.
- **A home address per flow as needed** (Figure 2) gives a call a home address that no other call to that correspondent
  has. Calls to different correspondents share one, and still move alone.
- Moving everything takes one binding update for each binding, and the patent's method has the most: that is its price.
- The last two rows: packets of a call that a correspondent begins come by the home agent at first, to where the primary
  home address is bound. The binding update that follows brings them to the preferred interface. Where calls of that
  correspondent share the home address, they cannot stay behind.
- **Unchanged**: by type, in every run: `HomeAgent` and `CorrespondentNode`, which know nothing of flows
  (`tests/test_layers.py` holds that as a fact about files).
"""

HANDOVER = """\
# How long a handover takes

A mobile node with one interface is carried from one access router to another and back, and notices it by router
advertisements alone (`mipflow/lab/studies/latency.py`, `mf.latency_table()`). All links take 0.5 ms. Published: Yousaf
et al., SIMUTools 2008; Rana et al., Simulation Modelling Practice and Theory 72, 2017. Seconds of virtual time; keygen
tokens are not used twice.

{table}

What differs, and why:

- **Home registration**: the published 1.04 s has duplicate address detection at the home agent in it. So has our
  first registration: 1 s (RetransTimer) and one round trip. A later move is one round trip, because a home agent that
  holds a valid binding does not ask again (RFC 6275 section 10.3.1).
- **Return routability and correspondent registration** are round trips: ours are those of six links of 0.5 ms, and
  agree with the testbed's to the millisecond, which says that its links were about as short.
- **Movement detection** gets shorter with more frequent advertisements, as published. Ours is shorter by one to one
  and a half seconds throughout. In both, duplicate address detection of the new care-of address takes 1 s. Here it
  runs in the very second in which the old router is asked whether it is still there; one after the other they would
  add a second. What is left may be that the published stacks wait for more than
  one missed advertisement, or detect duplicates of the link-local address first; the papers do not split their figure.
- With the most frequent advertisements our figure is 1 s for the duplicates and 0.03 s for the next advertisement,
  whose mean is E[X²]/2E[X] for intervals X.
"""


def markdown(rows: Sequence[dict[str, object]]) -> str:
    """Return rows as a table of Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PAGES: dict[str, Callable[[], str]] = {
    "attacks.md": lambda: ATTACKS.format(
        table=markdown(attack_table().rows()), exhaustion=markdown(exhaustion_table().rows())
    ),
    "baselines.md": lambda: BASELINES.format(table=markdown(baseline_table().rows())),
    "handover.md": lambda: HANDOVER.format(table=markdown(latency_table().rows())),
}
"""Page -> what makes it."""

if __name__ == "__main__":
    for name, make in PAGES.items():
        (HERE / name).write_text(make(), encoding="utf-8")
