"""The phases of a handover: movement, home registration, tests, correspondent registration. Read from the moments.

A handover begins where somebody asks for it, where the mobile node notices that it has moved, or with a new care-of
address while nothing is under way; a message belongs to the latest one, its answer to that of its question. What comes
after all has been answered and `QUIET_NS` have passed is a refresh and belongs to none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mipflow.view.story.moment import Moment, Phase, PhaseName
from mipflow.view.story.words import NS_PER_S

QUIET_NS = 5 * NS_PER_S
_QUESTIONS = {"HoTI": "HoT", "CoTI": "CoT", "BU": "BA"}
MOVES = {"movement detected", "interface failed", "router lost", "advertisements missing", "new router"}
"""Words of a node that notices that it has moved, or that it may have."""
_Key = tuple[str, str, str]


@dataclass(eq=False)
class _Handover:
    """Knowledge of one handover: when it began, its phases so far, which questions still have no answer."""

    began_ns: int
    is_moving: bool
    latest_ns: int
    phases: dict[PhaseName, list[int]] = field(default_factory=dict)
    asked: set[_Key] = field(default_factory=set)

    def add(self, name: PhaseName, start_ns: int, end_ns: int) -> None:
        """Extend a phase: it lasts from its first message to its last answer."""
        span = self.phases.setdefault(name, [start_ns, end_ns])
        span[1] = max(span[1], end_ns)
        self.latest_ns = max(self.latest_ns, end_ns)

    def is_over(self, t_ns: int) -> bool:
        """Say whether nothing of it is to be expected any more."""
        return not self.asked and bool(self.phases) and t_ns - self.latest_ns > QUIET_NS


def phases(moments: Iterable[Moment], home_agents: Iterable[str]) -> list[Phase]:
    """Return the phases of all handovers in some moments, by their start."""
    agents, handovers, whose = set(home_agents), list[_Handover](), dict[_Key, _Handover]()
    for moment in moments:
        current = handovers[-1] if handovers and not handovers[-1].is_over(moment.t_ns) else None
        decision = dict(moment.values).get("decision")
        if moment.kind == "handover" or decision in MOVES or decision == "care-of address":
            is_under_way = current is not None and (current.is_moving or bool(current.asked))
            if moment.kind == "handover" or not is_under_way:
                handovers.append(_Handover(moment.t_ns, decision in MOVES, moment.t_ns))
            elif current is not None and current.is_moving and decision == "care-of address":
                current.add("movement", current.began_ns, moment.t_ns)
                current.is_moving = False
        elif moment.kind in _QUESTIONS:
            peer = moment.nodes[-1]
            key = (_QUESTIONS[moment.kind], peer, moment.address)
            handover = whose.get(key, current)
            if handover is not None:
                handover.is_moving = False
                handover.add(_phase(moment, peer in agents), moment.t_ns, moment.until_ns)
                handover.asked.add(key)
                whose[key] = handover
        elif moment.kind in _QUESTIONS.values():
            key = (moment.kind, moment.nodes[0], moment.address)
            asked = whose.pop(key, None)
            if asked is not None:
                asked.asked.discard(key)
                asked.add(_phase(moment, moment.nodes[0] in agents), moment.t_ns, moment.until_ns)
    return sorted(
        (Phase(name, span[0], span[1], each.began_ns) for each in handovers for name, span in each.phases.items()),
        key=lambda phase: phase.start_ns,
    )


def _phase(moment: Moment, at_home_agent: bool) -> PhaseName:
    if moment.kind not in ("BU", "BA"):
        return "tests"
    return "home registration" if at_home_agent else "correspondent registration"
