"""Messages into threads (RFC 5256 §3): ORDEREDSUBJECT and REFERENCES. Pure, and nothing recurses: threads may be deep."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from imap.grammar.requests import ThreadAlgorithm
from mailstead.store.search import Threadable

MAX_CLIMB = 1_000  # levels that are looked through for a loop; a link that would need more is not made

Numbered = tuple[int, Threadable]
"""The number that the answer has for a message, and the message."""


@dataclass(slots=True, eq=False)
class Node:
    """A message, or a dummy for one that is not there: something only referred to, or a subject that messages share."""

    message: Numbered | None
    parent: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)

    @property
    def first(self) -> Numbered:
        """The message; of a dummy, its first child's: dummies that are kept have children, which are no dummies."""
        return self.message or self.children[0].first

    @property
    def sent(self) -> tuple[datetime, int]:
        """What siblings are sorted by: the date, then the number."""
        number, message = self.first
        return message.sent_at, number


def thread_line(algorithm: ThreadAlgorithm, messages: Sequence[Numbered]) -> bytes:
    """`* THREAD` with all threads of these messages, which come in the order of the mailbox."""
    roots = by_subject(messages) if algorithm is ThreadAlgorithm.ORDEREDSUBJECT else by_references(messages)
    return b"* THREAD%b\r\n" % (b" " + render(roots) if roots else b"")


def by_subject(messages: Iterable[Numbered]) -> list[Node]:
    """ORDEREDSUBJECT: the first message of a subject, and all others below it."""
    threads: dict[str, list[Node]] = defaultdict(list)
    for message in messages:
        threads[message[1].base_subject].append(Node(message))
    roots = []
    for nodes in threads.values():
        nodes.sort(key=_sent)
        nodes[0].children = nodes[1:]
        roots.append(nodes[0])
    return sorted(roots, key=_sent)


def by_references(messages: Sequence[Numbered]) -> list[Node]:
    """REFERENCES, in the steps of the RFC."""
    roots = _without_dummies(_linked(messages))
    roots.sort(key=_sent)  # step 4
    roots = _gathered(roots)
    _sort_all(roots)
    return sorted(roots, key=_sent)


def _sent(node: Node) -> tuple[datetime, int]:
    return node.sent


def _linked(messages: Sequence[Numbered]) -> list[Node]:
    """Steps 1 and 2: who is whose parent; all that have none."""
    nodes: dict[str, Node] = {}
    everything: list[Node] = []

    def node_of(message_id: str) -> Node:
        node = nodes.get(message_id)
        if node is None:
            node = nodes[message_id] = Node(None)
            everything.append(node)
        return node

    for message in messages:
        own_id, ancestors = message[1].message_id, message[1].ancestors
        parent: Node | None = None
        for ancestor in ancestors:  # step 1A
            node = node_of(ancestor)
            if parent is not None and node.parent is None and _may_link(parent, node):
                _link(parent, node)
            parent = node
        mine = nodes.get(own_id) if own_id else None
        if mine is None or mine.message is not None:  # no id, or one that another message has: it is by itself
            mine = Node(message)
            everything.append(mine)
            if own_id and own_id not in nodes:
                nodes[own_id] = mine
        else:
            mine.message = message
        if mine.parent is not parent:  # step 1B: what this message says of itself counts
            if mine.parent is not None:
                mine.parent.children.remove(mine)
                mine.parent = None
            if parent is not None and _may_link(parent, mine):
                _link(parent, mine)
    return [node for node in everything if node.parent is None]


def _may_link(parent: Node, child: Node) -> bool:
    """Whether no loop would come of it."""
    if parent is child:
        return False
    if not child.children:
        return True
    above = parent.parent
    for _ in range(MAX_CLIMB):
        if above is None:
            return True
        if above is child:
            return False
        above = above.parent
    return False


def _link(parent: Node, child: Node) -> None:
    child.parent = parent
    parent.children.append(child)


def _without_dummies(roots: list[Node]) -> list[Node]:
    """Step 3: dummies go, their children take their place; at the top only where there is one child."""
    top = Node(None, children=roots)
    order = [top]
    for node in order:
        order += node.children
    for node in reversed(order):  # from the leaves up, so that what takes a place is in order already
        kept: list[Node] = []
        for child in node.children:
            if child.message is not None or (node is top and len(child.children) > 1):
                kept.append(child)
            else:
                kept += child.children
        node.children = kept
    return top.children


def _gathered(roots: list[Node]) -> list[Node]:
    """Step 5: threads of one subject become one."""
    table: dict[str, Node] = {}
    for root in roots:
        subject = root.first[1].base_subject
        if not subject:
            continue
        there = table.get(subject)
        if there is None or (root.message is None and there.message is not None) or (_is_reply(there) and not _is_reply(root)):
            table[subject] = root
    kept: dict[Node, None] = dict.fromkeys(roots)
    for root in roots:
        there = table.get(root.first[1].base_subject)
        if there is None or there is root or root not in kept:
            continue
        del kept[root]
        if there.message is None:
            there.children += root.children if root.message is None else [root]
        elif _is_reply(root) and not _is_reply(there):
            there.children.append(root)
        else:
            both = Node(None, children=[there, root])
            del kept[there]
            kept[both] = None
            table[root.first[1].base_subject] = both
    return list(kept)


def _is_reply(node: Node) -> bool:
    return node.message is not None and node.message[1].is_reply


def _sort_all(roots: Iterable[Node]) -> None:
    """Step 6: siblings by date, from the leaves up, since a dummy has that of its first child."""
    order = list(roots)
    for node in order:
        order += node.children
    for node in reversed(order):
        node.children.sort(key=_sent)


def render(roots: Iterable[Node]) -> bytes:
    """`(3 6 (4 23)(44 7 96))` for each thread (RFC 5256 §5 `thread-list`)."""
    said: list[bytes] = []
    waiting: list[Node | bytes] = list(reversed(list(roots)))
    while waiting:
        node = waiting.pop()
        if isinstance(node, bytes):
            said.append(node)
            continue
        numbers: list[bytes] = []
        while True:
            if node.message is not None:
                numbers.append(b"%d" % node.message[0])
            if len(node.children) != 1:
                break
            node = node.children[0]
        said.append(b"(" + b" ".join(numbers) + (b" " if numbers and node.children else b""))
        waiting.append(b")")
        waiting += reversed(node.children)
    return b"".join(said)
