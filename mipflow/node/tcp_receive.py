"""The receiving half of a TCP connection: text back in order, and how much more may come (RFC 9293).

Stands under `node.tcp`. Takes text with the place that it has in the stream; gives it in order, and the
window to announce. Sequence numbers count on past 2**32 in here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator


class Reassembly:
    """Text that arrived ahead of its turn, as disjoint pieces in order (RFC 9293 section 3.10.7.4)."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes]] = []

    def keep(self, start: int, text: bytes) -> None:
        """Keep what of `text`, whose first octet has the sequence number `start`, is not here yet."""
        index = bisect_left(self.pieces, (start,))
        if index:
            before, piece = self.pieces[index - 1]
            overlap = max(before + len(piece) - start, 0)
            start, text = start + overlap, text[overlap:]
        while text and index < len(self.pieces):
            after, piece = self.pieces[index]
            if after + len(piece) > start + len(text):
                text = text[: max(after - start, 0)]
                break
            del self.pieces[index]  # `text` covers it
        if text:
            self.pieces.insert(index, (start, text))

    def take(self, sequence: int) -> Iterator[bytes]:
        """Give up the pieces that follow on from `sequence` without a gap."""
        while self.pieces and self.pieces[0][0] == sequence:
            text = self.pieces.pop(0)[1]
            sequence += len(text)
            yield text


class Receiver:
    """The receive sequence space (RFC 9293 section 3.3.1).

    `receive_next` is RCV.NXT; `receive_edge` is RCV.NXT + RCV.WND, the right edge of the window as last
    announced. Text outside the window is not kept, so at most `capacity` octets are.
    """

    def __init__(self, capacity: int, segment_size: int) -> None:
        self.capacity = capacity
        self.receive_next = 0
        self.receive_edge = 0
        self.synchronised = False  # a SYN told where the peer's numbers begin
        self.at_end = False
        self.reassembly = Reassembly()
        self._fin: int | None = None
        self._unread: list[bytes] = []
        self._unread_octets = 0
        self._step = min(segment_size, capacity // 2)

    def begin(self, sequence: int) -> None:
        """A SYN with this sequence number came."""
        self.receive_next = self.receive_edge = sequence + 1
        self.synchronised = True

    def acceptable(self, first: int, length: int) -> bool:
        """Whether a segment that takes `length` numbers from `first` on touches the window (section 3.4)."""
        if length:
            return first < self.receive_edge and first + length > self.receive_next
        # The edge itself counts too: from there a peer acknowledges that has filled the window.
        return self.receive_next <= first <= self.receive_edge

    def take(self, first: int, text: bytes, fin: bool) -> bool:
        """Take an acceptable segment's text and FIN; True if with it the peer's FIN is reached in order."""
        end = first + len(text)
        if fin and self.receive_next <= end < self.receive_edge:
            self._fin = end
        old = max(self.receive_next - first, 0)
        self.reassembly.keep(first + old, text[old : self.receive_edge - first])
        for piece in self.reassembly.take(self.receive_next):
            self._unread.append(piece)
            self._unread_octets += len(piece)
            self.receive_next += len(piece)
        if self._fin is not None and self.receive_next >= self._fin:
            self.receive_next += 1
            self.at_end = True
        return self.at_end

    def read(self) -> bytes:
        """The octets that came in order since the last call."""
        data = b"".join(self._unread)
        self._unread.clear()
        self._unread_octets = 0
        return data

    @property
    def nearly_closed(self) -> bool:
        """Whether the window last announced leaves room for less than one step."""
        return self.receive_edge - self.receive_next < self._step

    def announce(self) -> int:
        """RCV.WND in octets. Its right edge moves on in worthwhile steps, never back (section 3.8.6.2.2)."""
        edge = self.receive_next + self.capacity - self._unread_octets
        if edge - self.receive_edge >= self._step:
            self.receive_edge = edge
        return max(self.receive_edge - self.receive_next, 0)
