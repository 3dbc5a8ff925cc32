"""Live policy: a change is seen by every reader at its next look."""

from pathlib import Path

from bongsu.live import Live, Publisher


def test_a_reader_sees_a_published_change_at_its_next_look(tmp_path: Path) -> None:
    publisher, reader = Publisher(tmp_path), Live(tmp_path)
    assert reader.current().changes == {}
    publisher.publish({"route/bot": "light"}, "hash", 5)
    assert reader.current().changes == {"route/bot": "light"}
    reader.close()


def test_generations_go_on_after_a_restart_and_readers_follow(tmp_path: Path) -> None:
    reader = Live(tmp_path)
    first = Publisher(tmp_path).publish({}, "a", 1)
    second = Publisher(tmp_path).publish({"freeze/bot": "why"}, "a", 2)
    assert second.generation == first.generation + 1
    assert reader.current() == second
    reader.close()
