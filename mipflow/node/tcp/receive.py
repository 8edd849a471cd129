"""The receiving half of a TCP connection: it puts text back in order (RFC 9293).

Stands under `node.tcp.connection`. It takes text with its place in the stream; it gives text in order, and the window
to announce. Sequence numbers count on past 2**32 in here.
"""

from __future__ import annotations


class Receiver:
    """The receive sequence space (RFC 9293 section 3.3.1).

    `receive_next` is RCV.NXT; `receive_edge` is RCV.NXT + RCV.WND, the right edge of the window as last
    announced. Text outside the window is not kept. `capacity` is the widest window in octets, `step` the least by
    which it is worth opening. Text that arrived ahead of its turn waits in `ahead`, by its first sequence number.
    """

    def __init__(self, capacity: int, step: int) -> None:
        self.capacity = capacity
        self.step = step
        self.receive_next = self.receive_edge = 0
        self.ahead: dict[int, bytes] = {}
        self._fin: int | None = None
        self.unread = bytearray()
        """The octets that came in order since the last `read`."""

    def acceptable(self, first: int, length: int) -> bool:
        """True for a segment that takes `length` numbers from `first` on and touches the window (section 3.4)."""
        if length:
            return first < self.receive_edge and first + length > self.receive_next
        # The edge itself counts too: from there a peer acknowledges that has filled the window.
        return self.receive_next <= first <= self.receive_edge

    def take(self, first: int, text: bytes, fin: bool) -> bool:
        """Take an acceptable segment's text and FIN; True if with it the peer's FIN is reached in order."""
        end = first + len(text)
        if fin and self.receive_next <= end < self.receive_edge:
            self._fin = end
        start = first if first > self.receive_next else self.receive_next
        text = text[start - first : self.receive_edge - first]
        if not self.ahead and start == self.receive_next:  # as most text comes
            self.unread += text
            self.receive_next += len(text)
        elif len(text) > len(self.ahead.get(start, b"")):
            self.ahead[start] = text
        while self.ahead and (start := min(self.ahead)) <= self.receive_next:
            fresh = self.ahead.pop(start)[self.receive_next - start :]  # pieces may overlap
            self.unread += fresh
            self.receive_next += len(fresh)
        at_end = self._fin is not None and self.receive_next >= self._fin
        self.receive_next += at_end
        return at_end

    def read(self) -> bytes:
        """Return the octets that came in order since the last call."""
        data = bytes(self.unread)
        self.unread.clear()
        return data

    def announce(self, scale: int) -> int:
        """Return the window field: RCV.WND in units of 2**`scale` octets (RFC 7323 section 2).

        Its right edge moves on in worthwhile steps, never back (RFC 9293 section 3.8.6.2.2).
        """
        edge = self.receive_next + self.capacity - len(self.unread)
        if edge - self.receive_edge >= self.step:
            self.receive_edge = edge
        room = self.receive_edge - self.receive_next
        window = room >> scale if room > 0 else 0
        return window if window < 65535 else 65535
