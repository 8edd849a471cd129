"""Lab 00, the tour: its two questions, and what its forms say. `mipflow.course` finds this file by the number of the lab."""

from __future__ import annotations

from mipflow.course.exercise import Exercise
from mipflow.course.predictions import Answer, Question

CALL = Question("00-call", "You move only the video to the cellular network. What will the call do?", {
    "A": Answer(
        "It moves as well: a handover moves the whole mobile node.",
        "Not quite: the binding update named one home address, H@2, and CN1 changed that row and no other. Where a node"
        " has one home address for all its flows you are right: see the last section.", "M15"),
    "B": Answer(
        "It stays: the update names the video's port numbers, so only the video moves.",
        "It did stay, but not for that reason: there are no ports in CN1's binding cache. A row is found by the home"
        " address, and only the video uses H@2. The last section shows what happens"
        " without that second home address.", "M16"),
    "C": Answer(
        "It uses both networks from now on, because both are switched on.",
        "Not quite: a second network alone spreads nothing. Packets for a home address go to the one place in its row,"
        " and the row of the call's home address, H@1, has not changed.", "M17"),
    "D": Answer(
        "It stays: the call has a home address of its own, and the update does not name that one.",
        "So it was: the update named H@2 only. The row of H@1 has not changed, and the call noticed nothing."),
})  # fmt: skip


SHARED = Question("00-shared", "Now call and video share H@1, and you give the same order again. What will move?", {
    "A": Answer(
        "Only the flow that is told to move, as before.",
        "Not quite: the binding update names a home address, and both flows have the same one. CN1 has one row for it,"
        " and that row is for both.", "M16"),
    "B": Answer(
        "Both: they share a home address, so they share CN1's row.",
        "So it was: whatever is sent to H@1 goes where its one row says."),
    "C": Answer(
        "Neither: with one home address, nothing can move.",
        "Not quite: a move needs no second home address. It changes the row of H@1, and all that uses H@1 goes along."
        " The second one is for moving one flow without the other.", "M22"),
})  # fmt: skip

QUESTIONS = {question.name: question for question in (CALL, SHARED)}
EXERCISES: list[Exercise] = []

WATCH = "Ran: {}. Now press Play (▶): which message changes the row at CN1, and what do the roads do in that moment?"
WATCH_AGAIN = "Ran again with H@1 for both: {}. Now press Play (▶): which roads bend, and in which moment?"
NOTHING = "Ran: {}. Press Play (▶) and look for a message. What came of it is told below the film."
"""Hints above a film, where to look: none gives away what is to be seen there."""
WATCHED = "I have watched it: what happened?"
WHY = (
    "<b>The moment the binding update lands, CN1 changes one row,</b> and from then on sends by the other router."
    " Packets that were already on their way to the old care-of address still arrive, because MN still listens there."
    " MN itself cannot know when the update lands. Until the acknowledgement is there, it sends its own packets from"
    " that home address through the tunnel to the home agent, which sends them on to CN1: that road is never wrong."
)
AT_HOME = " The home agent's rows have not changed."
"""Explanations of a move, from the trace, for both films."""
LOCKED_MOVE = "Locked: store your prediction first."
UNLOCKED = "Unlocked: choose, then press Run."
TAKE_AWAY = "Take away the second home address"
LOCKED = {
    (True, True): "Locked: store your prediction, and run the move above.",
    (True, False): "Locked: run the move above.",
    (False, True): "Locked: store your prediction first.",
}
"""Why the last move waits, by what is missing: the move, the prediction."""
STILL = "Locked: the last run moved nothing. Move a flow to the other network above."
READY = "Ready: the same move ({}), with H@1 for both flows."
