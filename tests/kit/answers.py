"""DNS as a table, for cores that ask it as values (`mailstead.model.dns`): no server, no clock.

answers({("a.test", Kind.TXT): Records(("v=spf1 -all",))})
"""

from collections.abc import Callable, Mapping

from mailstead.model.dns import Answer, Asking, Kind, NoRecords, NoSuchName, Question, Records, T, Trouble

Zone = Mapping[tuple[str, Kind], Records | Trouble]


def feed(core: Asking[T], answer: Callable[[Question], Answer]) -> T:
    """Run a core to its end."""
    try:
        question = next(core)
        while True:
            question = core.send(answer(question))
    except StopIteration as done:
        result: T = done.value
        return result


def from_zone(zone: Zone) -> Callable[[Question], Answer]:
    """Names of the zone with other types have no records; other names do not exist."""
    names = {name for name, _ in zone}

    def answer(question: Question) -> Answer:
        name = question.name.lower()
        return zone.get((name, question.kind), NoRecords() if name in names else NoSuchName())

    return answer
