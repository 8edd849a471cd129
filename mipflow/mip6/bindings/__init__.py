"""The tables of Mobile IPv6: `binding_cache` of a home agent or correspondent node (RFC 6275 section 9.1),
`binding_update_list` of a mobile node (section 11.1). Each row has a state machine that is a table too. Both derive
from `table`, as all tables do that a learner can look at: an operation returns its changes, whoever called it gives
them to `node.record`, and so they stand in the trace, in `world.tables()` and in the pictures. `keygen_tokens` has the
values that prove a binding update. All of it is pure: `now` comes in, changes go out.

The room belongs to the core and is its ground floor: it imports `mip6.constants` and the layers below, and anybody may
import it. Read `table`, then `binding_cache`. Where to put what: a column that every row has goes into `columns` and a
field of the entry (recorded scenarios change), one that only some have into a subclass, as in `mip6.enhanced`; a state
or an event into the enum and the table `_FOLLOWING`; a new table derives from `Table` and stands with the node that
keeps it. How updates are sent is the matter of `mip6.registrations`, how they are judged that of `mip6.binding_keeper`,
`mip6.home_agent` and `mip6.correspondent_node`.
"""
