"""Three times ten wrong versions of exercise 7.3, and six right ones, by three who had not seen those of the lab.

Each with its cause in their words, and the shortest story that shows it.
"""

REFERENCE = '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
'''

VERSIONS = [
    {"name": "minus_zero",
     "source": '''
def assign(flow, homes, flows, allocate):
    for i in range(len(homes)):
        home = homes[-i]
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Counts back from the end with homes[-i] starting at i = 0, and homes[-0] is the first entry, "
              "so the primary is tried before the last.",
     "shown_by": "A A B: the third flow gets H@1, should get H@2."},

    {"name": "all_instead_of_any",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in homes[::-1]:
        users = [f for f in flows if f.home == home]
        if users and all(f.cn == flow.cn for f in users):
            continue          # taken
        return home
    new = allocate()
    homes.append(new)
    return new
''',
     "cause": "Takes an address as used up only if all its flows go to this correspondent; one such flow is enough.",
     "shown_by": "A B A: H@1 carries A and B, so it is 'not all A' and the third flow gets H@1 again; "
                 "should get H@2."},

    {"name": "skips_itself",
     "source": '''
def assign(flow, homes, flows, allocate):
    others = flows[:-1]       # the last one is the new flow itself
    for home in reversed(homes):
        if not any(o.home == home and o.cn == flow.cn for o in others):
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Believes the new flow is already the last entry of flows and leaves it out, "
              "so it is blind to the flow that began just before.",
     "shown_by": "A A: the second flow gets H@1 again, should get H@2."},

    {"name": "allocates_first",
     "source": '''
def assign(flow, homes, flows, allocate):
    new = allocate()          # have one ready in case we need it
    for home in reversed(homes):
        cns = [f.cn for f in flows if f.home == home]
        if flow.cn not in cns:
            return home
    homes.append(new)
    return new
''',
     "cause": "Thinks allocate() only looks up a name, and calls it at the top for every flow; "
              "it asks the network for an address, and that one is wasted whenever an old one will do.",
     "shown_by": "A: H@1 is given rightly but an address was asked for and thrown away; "
                 "A A: the second flow gets H@3 instead of H@2."},

    {"name": "own_ledger",
     "source": '''
used = {}                     # home address -> correspondents

def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        if flow.cn not in used.get(home, []):
            used.setdefault(home, []).append(flow.cn)
            return home
    home = allocate()
    homes.append(home)
    used[home] = [flow.cn]
    return home
''',
     "cause": "Keeps an own record of who uses what instead of reading flows, and never strikes out a flow that ended.",
     "shown_by": "A -1 A: nothing runs any more, yet the second A gets a new H@2; should get H@1."},

    {"name": "reverses_the_table",
     "source": '''
def assign(flow, homes, flows, allocate):
    homes.reverse()           # last first
    for home in homes:
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    homes.reverse()
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Thinks homes.reverse() only changes the order of looking; it turns the node's own table round, "
              "and only the way out with a new address turns it back.",
     "shown_by": "A A B C: after the third flow the table stands upside down, so the fourth gets H@1; "
                 "should get H@2 (the table itself is wrong after A A B)."},

    {"name": "climbs_from_its_correspondent",
     "source": '''
def assign(flow, homes, flows, allocate):
    start = len(homes)
    for other in flows:
        if other.cn == flow.cn:
            start = min(start, homes.index(other.home))
    if start > 0:
        return homes[start - 1]
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Goes straight to the highest address that serves this correspondent and climbs from there, "
              "so it never looks at a free address below it.",
     "shown_by": "A B A B: H@2 carries only A, but the second B gets a new H@3 (its first is on H@1); "
                 "should get H@2."},

    {"name": "empty_is_not_free",
     "source": '''
def assign(flow, homes, flows, allocate):
    if not flows:
        return homes[-1]
    for home in reversed(homes):
        users = [f for f in flows if f.home == home]
        ok = False
        for f in users:
            ok = True
            if f.cn == flow.cn:
                ok = False
                break
        if ok:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Step 36 needs a first flow, so an address that has no flow is never found good "
              "(only the very first flow of all is provided for).",
     "shown_by": "A A -1 A: H@1 has no flow at all, but the third A gets a new H@3; should get H@1."},

    {"name": "primary_is_reserved",
     "source": '''
def assign(flow, homes, flows, allocate):
    primary = homes[0]
    for home in reversed(homes):
        if home == primary and len(homes) > 1:
            break             # stays free for those who call us
        if flow.cn not in {f.cn for f in flows if f.home == home}:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Reads 'the primary is tried last and stays free' as 'the primary is not to be used' "
              "once there is another address.",
     "shown_by": "A A B B: the fourth flow gets a new H@3; should get H@1."},

    {"name": "local_list",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        if not any(f.home == home and f.cn == flow.cn for f in flows):
            return home
    home = allocate()
    homes = homes + [home]
    return home
''',
     "cause": "Thinks homes = homes + [home] writes into the node's table; it makes a new list that is lost on return.",
     "shown_by": "A A B: H@2 was never written down, so the third flow gets H@1; should get H@2."},
]

RIGHT = [
    # for ... else, leaving both loops early; a print left in
    '''
def assign(flow, homes, flows, allocate):
    for ha in homes[::-1]:
        for f in flows:
            if f.home != ha:
                continue
            if f.cn == flow.cn:
                break
        else:
            print("taking", ha)
            return ha
    ha = allocate()
    homes += [ha]
    return ha
''',
    # an index that walks down, one way out
    '''
def assign(flow, homes, flows, allocate):
    i = len(homes) - 1
    while i >= 0 and any(o.home == homes[i] and o.cn == flow.cn for o in flows):
        i = i - 1
    if i < 0:
        homes.append(allocate())
        i = len(homes) - 1
    return homes[i]
''',
    # a set of the refused addresses first
    '''
def assign(flow, homes, flows, allocate):
    refused = {f.home for f in flows if f.cn == flow.cn}
    good = [h for h in homes if h not in refused]
    if good:
        return good[-1]
    homes.append(allocate())
    return homes[-1]
''',
    # recursion over a shrinking copy
    '''
def assign(flow, homes, flows, allocate):
    def search(left):
        if not left:
            fresh = allocate()
            homes.insert(len(homes), fresh)
            return fresh
        *before, last = left
        same = list(filter(lambda f: f.home == last and f.cn == flow.cn, flows))
        return last if len(same) == 0 else search(before)
    return search(list(homes))
''',
    # walks first to last, remembers the last one that fits
    '''
from collections import defaultdict

def assign(flow, homes, flows, allocate):
    who = defaultdict(set)
    for f in flows:
        who[f.home].add(f.cn)
    best = None
    for h in homes:
        if flow.cn not in who[h]:
            best = h
    if best is None:
        best = allocate()
        homes.extend([best])
    return best
''',
    # the figure's steps to the letter, other argument names, a helper
    '''
def next_user(flows, ha, k):
    """Steps 36 and 44: the place of the next flow on ha, or None."""
    while k < len(flows):
        if flows[k].home == ha:
            return k
        k += 1
    return None

def assign(new, table, running, ask):
    place = len(table) - 1                       # 35
    while True:
        ha = table[place]
        k = next_user(running, ha, 0)            # 36
        while k is not None and running[k].cn != new.cn:   # 37, 38
            k = next_user(running, ha, k + 1)    # 44
        if k is None:
            return ha                            # 39
        if place == 0:                           # 41
            ha = ask()                           # 43
            table.append(ha)
            return ha
        place -= 1                               # 42
''',
]

TEN_MORE = [
    {"name": 'only-the-last',
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
        else:
            home = allocate()
            homes.append(home)
            return home
''',
     "cause": "Looks at the last address only: when it is taken, the function allocates at once instead "
              "of climbing to the address before it."},
    {"name": 'flag-never-reset',
     "source": '''
def assign(flow, homes, flows, allocate):
    taken = False
    for home in reversed(homes):
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "`taken` is set to False once, before the loop over the addresses, so after one taken "
              "address every address above it counts as taken too."},
    {"name": 'flag-overwritten',
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home:
                taken = (other.cn == flow.cn)
        if not taken:
            return home
    new = allocate()
    homes.append(new)
    return new
''',
     "cause": "`taken` is overwritten by each further flow of the address, so only the address's last "
              "(newest) flow decides and an earlier hit is forgotten."},
    {"name": 'counts-flows',
     "source": '''
def assign(flow, homes, flows, allocate):
    n = 0
    for other in flows:
        if other.cn == flow.cn:
            n = n + 1
    if n < len(homes):
        return homes[len(homes) - 1 - n]
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "Counts how many flows go to the correspondent and takes that many steps up the list, "
              "without looking at which addresses those flows really have."},
    {"name": 'reverse-in-place',
     "source": '''
def assign(flow, homes, flows, allocate):
    homes.reverse()
    for home in homes:
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "homes.reverse() turns the real list round and leaves it so: at the next call the order is "
              "wrong, the primary no longer comes first, and the search goes from first to last every "
              "other time."},
    {"name": 'allocates-twice',
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        used = [f.cn for f in flows if f.home == home]
        if flow.cn not in used:
            return home
    homes.append(allocate())
    return allocate()
''',
     "cause": "Calls allocate() twice, once for the list and once for the answer: the address given to "
              "the flow is not the one written in the list."},
    {"name": 'range-stops-short',
     "source": '''
def assign(flow, homes, flows, allocate):
    for i in range(len(homes) - 1, 0, -1):
        ok = True
        for f in flows:
            if f.home == homes[i] and f.cn == flow.cn:
                ok = False
        if ok:
            return homes[i]
    new = allocate()
    homes.append(new)
    return new
''',
     "cause": "Off by one: range(len(homes) - 1, 0, -1) stops before index 0, so the first address, the "
              "primary, is never tried."},
    {"name": 'allocates-up-front',
     "source": '''
def assign(flow, homes, flows, allocate):
    new_home = allocate()
    for home in reversed(homes):
        cns = [f.cn for f in flows if f.home == home]
        if flow.cn not in cns:
            return home
    homes.append(new_home)
    return new_home
''',
     "cause": "Asks for a new address at the top of every call, before it knows whether one is needed; "
              "most of them are thrown away."},
    {"name": 'returns-append',
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    return homes.append(allocate())
''',
     "cause": "`return homes.append(...)`: append gives None back, so whenever a new address is made the "
              "function returns None instead of the address."},
    {"name": 'enters-the-flow',
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            flow.home = home
            flows.append(flow)
            return home
    home = allocate()
    homes.append(home)
    flow.home = home
    flows.append(flow)
    return home
''',
     "cause": "Enters the new flow in `flows` itself (step 39), though the node does that: every flow "
              "stands there twice, and the second entry stays when the flow ends."},
]  # fmt: skip
"""By a second one, from the notebook and pages 12 to 15 of the patent alone."""


A_THIRD_TEN = [
    {"name": "shadowed_flow",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for flow in flows:
            if flow.home == home and flow.cn == flow.cn:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "The inner loop reuses the name `flow`, so `flow.cn == flow.cn` is always true and every address "
              "with any flow counts as taken."},
    {"name": "reverse_in_place",
     "source": '''
def assign(flow, homes, flows, allocate):
    homes.reverse()
    for home in homes:
        if not any(o.home == home and o.cn == flow.cn for o in flows):
            return home
    new = allocate()
    homes.append(new)
    return new
''',
     "cause": "`homes.reverse()` turns the node's own list around at every call, so the primary is no longer "
              "first and every second search runs the wrong way."},
    {"name": "dict_overwrites",
     "source": '''
def assign(flow, homes, flows, allocate):
    used = {}
    for other in flows:
        used[other.home] = other.cn
    for home in reversed(homes):
        if used.get(home) != flow.cn:
            return home
    new = allocate()
    homes.append(new)
    return new
''',
     "cause": "A dict home -> cn holds only one CN per address, so a later flow on the same address overwrites "
              "the earlier one (only the last flow of an address is looked at)."},
    {"name": "returns_loop_variable",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
    new = allocate()
    homes.append(new)
    return home
''',
     "cause": "It asks for a new address and writes it down, but gives back the leftover loop variable `home` "
              "(the primary) instead of `new`."},
    {"name": "allocate_indented",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other.cn == flow.cn:
                taken = True
        if not taken:
            return home
        home = allocate()
        homes.append(home)
        return home
''',
     "cause": "The three lines of the fallback are indented into the loop over homes, so it takes a new address "
              "as soon as the last one is taken and never climbs."},
    {"name": "eager_allocate",
     "source": '''
def assign(flow, homes, flows, allocate):
    new = allocate()
    for home in reversed(homes):
        cns = [f.cn for f in flows if f.home == home]
        if flow.cn not in cns:
            return home
    homes.append(new)
    return new
''',
     "cause": "It calls allocate() at the top for every flow, before knowing whether one is needed, so "
              "addresses are fetched and thrown away."},
    {"name": "compares_flow_objects",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        taken = False
        for other in flows:
            if other.home == home and other == flow:
                taken = True
        if not taken:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "It compares the flows themselves (`other == flow`) and not their CNs; the new flow is never in "
              "`flows`, so nothing is ever taken."},
    {"name": "counts_flows",
     "source": '''
def assign(flow, homes, flows, allocate):
    n = 0
    for other in flows:
        if other.cn == flow.cn:
            n += 1
    if n < len(homes):
        return homes[len(homes) - 1 - n]
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "It counts the flows to this CN and climbs that many places without looking which addresses those "
              "flows hold, which goes wrong as soon as the list has grown or a flow has ended."},
    {"name": "writes_flow_table",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        if all(not (o.home == home and o.cn == flow.cn) for o in flows):
            flow.home = home
            flows.append(flow)
            return home
    home = allocate()
    homes.append(home)
    flow.home = home
    flows.append(flow)
    return home
''',
     "cause": "It enters the new flow in `flows` itself, which the node does too, so the flow stands there "
              "twice and stays behind when it ends."},
    {"name": "skips_empty_address",
     "source": '''
def assign(flow, homes, flows, allocate):
    for home in reversed(homes):
        free = False
        for other in flows:
            if other.home == home:
                free = True
                if other.cn == flow.cn:
                    free = False
                    break
        if free:
            return home
    home = allocate()
    homes.append(home)
    return home
''',
     "cause": "An address that no flow uses is skipped (`free` starts False and only a flow can set it), so an "
              "empty address, such as the primary at the very start, is never taken."},
]
"""By a third, after the texts had been mended: nine read the right cause, and `shadowed_flow` does now."""
