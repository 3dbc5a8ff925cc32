"""The spool: what a gateway has written is never lost to a crash, and a crash never stops the reader."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bongsu.event import Event, Verdict
from bongsu.sources import spool
from bongsu.sources.spool import Batch, SpoolReader, SpoolWriter


def some(n: int, start: int = 0) -> list[Event]:
    return [Event(id=f"e{i}", time=i, service="bot", prompt="질문 " * (i % 5)) for i in range(start, start + n)]


def drain(folder: Path, limit: int = 1 << 20) -> Batch:
    """Everything there is, as a restarted reader would find it piece by piece."""
    whole, reader = Batch([], {}, []), SpoolReader(folder)
    while True:
        batch = reader.read(whole.marks, limit)
        if batch.marks == whole.marks:
            return whole
        whole.events.extend(batch.events)
        whole.marks.update(batch.marks)
        whole.torn.extend(batch.torn)


def abandoned(folder: Path, data: bytes, name: str = "w0.0000000001.00000000000000aa.spool") -> Path:
    """A segment whose writer is dead."""
    (folder / name).write_bytes(data)
    return folder / name


def test_what_is_appended_is_read_in_order_while_the_writer_lives(tmp_path):
    with SpoolWriter(tmp_path, "w0") as writer:
        writer.append(some(3))
        first = drain(tmp_path)
        writer.append(some(2, 3))
        second = SpoolReader(tmp_path).read(first.marks, 1 << 20)
    assert first.events + second.events == some(5)
    assert first.torn == second.torn == []


def test_a_limit_stops_after_whole_events_and_loses_none(tmp_path):
    with SpoolWriter(tmp_path, "w0") as writer, SpoolWriter(tmp_path, "w1") as other:
        writer.append(some(50))
        other.append(some(50, 50))
        batch = SpoolReader(tmp_path).read({}, 1000)
        assert 2 < len(batch.events) < 40
        assert len(batch.marks) == 2, "a busy writer must not starve another"
        assert sorted(e.time for e in drain(tmp_path, 300).events) == list(range(100))


def test_a_full_segment_rolls_and_a_consumed_one_is_deleted(tmp_path):
    with SpoolWriter(tmp_path, "w0", roll_bytes=500) as writer:
        for event in some(100):
            writer.append([event])
        writer.sync()
        assert len(list(tmp_path.glob("*.spool"))) > 5
        batch = drain(tmp_path)
        assert batch.events == some(100)
        reader = SpoolReader(tmp_path)
        assert reader.discard({}) == [], "nothing unread is deleted"
        gone = reader.discard(batch.marks)
        left = [p.name for p in tmp_path.glob("*.spool")]
        assert len(left) == 1
        assert left[0] not in gone, "the live segment stays"
        writer.append(some(1, 100))
        assert reader.read(batch.marks).events == some(1, 100)
    assert reader.waiting(batch.marks) > 0


def test_a_name_is_never_used_again_so_an_old_mark_cannot_skip_new_events(tmp_path):
    seen = {}
    for run in range(3):
        with SpoolWriter(tmp_path, "w0") as writer:
            writer.append(some(5, run * 5))
        batch = SpoolReader(tmp_path).read(seen)
        assert batch.events == some(5, run * 5)
        seen.update(batch.marks)
        assert len(SpoolReader(tmp_path).discard(batch.marks)) == 1
    assert len(seen) == 3
    assert SpoolReader(tmp_path).read(seen).marks == {}, "marks of segments that are gone are not carried on"


@given(cut=st.integers(0, 400), kept=st.integers(0, 4))
def test_a_torn_tail_of_a_dead_writer_is_reported_once_and_never_blocks(tmp_path_factory, cut, kept):
    folder = tmp_path_factory.mktemp("torn")
    good, last = b"".join(map(spool.frame, some(kept))), spool.frame(some(1, 90)[0])
    tail = last[: cut % len(last)]
    abandoned(folder, good + tail)
    batch = drain(folder)
    assert batch.events == some(kept)
    assert len(batch.torn) == bool(tail)
    assert not tail or f"{len(tail)} bytes at offset {len(good)}" in batch.torn[0]
    assert SpoolReader(folder).discard(batch.marks), "a torn segment is still deleted when it is read"


def test_an_unfinished_frame_of_a_live_writer_is_not_there_yet(tmp_path):
    with SpoolWriter(tmp_path, "w0") as writer:
        writer.append(some(1))
        data = spool.frame(some(1, 1)[0])
        os.write(writer._file, data[:9])
        batch = drain(tmp_path)
        assert (batch.events, batch.torn) == (some(1), [])
        os.write(writer._file, data[9:])
        assert SpoolReader(tmp_path).read(batch.marks).events == some(1, 1)


@given(data=st.data())
def test_damage_in_the_middle_costs_only_the_frames_it_hit_and_is_said(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    frames = list(map(spool.frame, some(6)))
    hit = data.draw(st.integers(0, 4))
    place = data.draw(st.integers(0, len(frames[hit]) - 1))
    flip = data.draw(st.integers(1, 255))
    raw = bytearray(b"".join(frames))
    raw[sum(map(len, frames[:hit])) + place] ^= flip
    path = abandoned(folder, bytes(raw))
    batch = drain(folder)
    assert batch.events == [e for i, e in enumerate(some(6)) if i != hit]
    assert [f"{len(frames[hit])} bytes at offset" in s for s in batch.torn] == [True]
    SpoolReader(folder).discard(batch.marks)
    assert not path.exists()
    assert path.with_name(path.name + ".damaged").read_bytes() == bytes(raw), "damaged bytes outlive the segment"


def test_damage_in_a_live_segment_is_believed_at_the_second_look(tmp_path):
    with SpoolWriter(tmp_path, "w0") as writer:
        writer.append(some(1))
        os.write(writer._file, b"\0" * 64)
        writer.append(some(1, 1))
        reader = SpoolReader(tmp_path)
        first = reader.read({})
        assert (first.events, first.torn) == (some(1), [])
        second = reader.read(first.marks)
        assert second.events == some(1, 1)
        assert len(second.torn) == 1


def test_zeros_after_a_power_cut_are_not_events(tmp_path):
    abandoned(tmp_path, spool.frame(some(1)[0]) + b"\0" * 4096)
    batch = drain(tmp_path)
    assert batch.events == some(1)
    assert len(batch.torn) == 1


def test_text_of_a_user_cannot_pose_as_a_frame(tmp_path):
    fake = (spool.MAGIC + b"\x01\0\0\0").decode("utf-8", "replace")
    frames = [spool.frame(Event(id="a", time=1, prompt=fake)), spool.frame(Event(id="b", time=2))]
    assert frames[0].count(spool.MAGIC) == 1
    abandoned(tmp_path, b"xx" + frames[0][:-1] + b"?" + frames[1])
    assert [e.id for e in drain(tmp_path).events] == ["b"]


def test_a_frame_that_is_no_event_is_reported_and_passed_over(tmp_path):
    body = msgspec.msgpack.encode({"id": 5})
    bad = spool.HEAD.pack(spool.MAGIC, len(body), spool.crc32(body)) + body
    abandoned(tmp_path, bad + spool.frame(some(1)[0]))
    batch = drain(tmp_path)
    assert batch.events == some(1)
    assert "`$.id`" in batch.torn[0] or "Expected" in batch.torn[0]


def test_fields_of_a_newer_version_are_passed_over(tmp_path):
    body = msgspec.msgpack.encode({"id": "a", "time": 1, "new_in_2030": [1, 2]})
    abandoned(tmp_path, spool.HEAD.pack(spool.MAGIC, len(body), spool.crc32(body)) + body)
    assert drain(tmp_path).events == [Event(id="a", time=1)]


def test_an_event_that_cannot_be_written_leaves_no_trace_of_its_batch(tmp_path):
    with SpoolWriter(tmp_path, "w0") as writer:
        with pytest.raises(UnicodeEncodeError):
            writer.append([*some(1), Event(id="x", time=1, prompt="\ud800")])
        with pytest.raises(ValueError, match="expected at most"):
            writer.append([Event(id="big", time=1, prompt="x" * (spool.MAX_FRAME + 1))])
        assert drain(tmp_path).events == []
        largest = Event(id="l", time=1, prompt="x" * (spool.MAX_FRAME - 100))
        writer.append([largest, *some(1)])
        assert drain(tmp_path, 10).events == [largest, *some(1)], "a limit below one event still moves on"


def test_strict_returns_after_the_disk_has_it(tmp_path, monkeypatch):
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd)))
    with SpoolWriter(tmp_path, "w0", strict=True) as writer:
        for event in some(3):
            writer.append([event])
            assert synced[-1] == writer._size


def test_many_appends_share_one_fdatasync(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: calls.append(fd))
    with SpoolWriter(tmp_path, "w0", window_s=0.2) as writer:
        for event in some(200):
            writer.append([event])
        writer.sync()
    assert 1 <= len(calls) < 100, "one for what a window holds, not for each"
    assert len(drain(tmp_path).events) == 200


def test_a_disk_that_fails_to_sync_is_said_at_the_next_append_and_then_a_new_segment_is_begun(tmp_path, monkeypatch):
    def broken(fd):
        raise OSError(5, "Input/output error")

    with SpoolWriter(tmp_path, "w0", window_s=0.0) as writer:
        monkeypatch.setattr(os, "fdatasync", broken)
        writer.append(some(1))
        with pytest.raises(OSError, match="may not survive a power cut"):
            writer.sync()
        monkeypatch.undo()
        with pytest.raises(OSError, match="earlier events may not survive"):
            writer.append(some(1, 1))
        writer.append(some(1, 1))
        writer.sync()
    assert drain(tmp_path).events == some(2)


def test_threads_may_append_at_once(tmp_path):
    with SpoolWriter(tmp_path, "w0", roll_bytes=3000) as writer:
        def work(k):
            for event in some(50, k * 50):
                writer.append([event])

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(e.time for e in drain(tmp_path).events) == list(range(200))


def test_a_bad_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected letters"):
        SpoolWriter(tmp_path, "../up")


VICTIM = """
import sys
from pathlib import Path
from bongsu.event import Event
from bongsu.sources.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), sys.argv[2], roll_bytes=20_000)
i = 0
while True:
    writer.append([Event(id=f"{sys.argv[2]}-{j}", time=j, prompt="p" * (j % 300)) for j in range(i, i + 1 + i % 7)])
    i += 1 + i % 7
    sys.stdout.write(f"{i}\\n")
    sys.stdout.flush()
"""


def test_kill_9_at_any_point_loses_no_event_whose_append_returned(tmp_path):
    """The contract of the gateway: acknowledged, then killed, then read: all there, each once, in order."""
    marks, seen, deleted, reader = {}, [], 0, SpoolReader(tmp_path)
    for run in range(8):
        child = subprocess.Popen([sys.executable, "-c", VICTIM, str(tmp_path), f"w{run}"], stdout=subprocess.PIPE)
        child.stdout.readline()
        until = time.monotonic() + random.uniform(0, 0.15)
        while time.monotonic() < until:
            batch = reader.read(marks, 100_000)
            assert batch.torn == [], "a live writer is never torn"
            seen += batch.events
            marks = batch.marks
            deleted += len(reader.discard(marks))
        child.kill()
        acknowledged = int((child.stdout.read().splitlines() or [b"1"])[-1])
        child.wait()
        child.stdout.close()
        while (batch := reader.read(marks, 100_000)).marks != marks:
            seen += batch.events
            marks = batch.marks
        mine = [e.time for e in seen if e.id.startswith(f"w{run}-")]
        assert mine == list(range(len(mine)))
        assert len(mine) >= acknowledged
    assert deleted + len(reader.discard(marks)) > 8, "segments rolled under way"
    assert list(tmp_path.glob("*.spool")) == []


FULL = """
import resource, sys
from pathlib import Path
from bongsu.event import Event
from bongsu.sources.spool import SpoolWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
writer = SpoolWriter(Path(sys.argv[1]), "w0")
i = 0
try:
    while True:
        writer.append([Event(id=f"e{j}", time=j) for j in range(i, i + 7)])
        i += 7
except OSError as error:
    print(i, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.append([Event(id=f"e{j}", time=j) for j in range(i, i + 7)])
writer.close()
"""


def test_a_full_disk_is_an_error_and_the_file_stays_whole(tmp_path):
    """Appending again after space was freed works; whole events written before the error are there, none is torn."""
    out = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert "File too large after" in out
    assert "free space" in out
    written = int(out.split()[0])
    batch = drain(tmp_path)
    assert batch.torn == []
    times = [e.time for e in batch.events]
    assert sorted(set(times)) == list(range(written + 7))
    assert len(times) - len(set(times)) < 7, "only the interrupted batch may be there twice"


def test_a_verdict_survives_the_trip(tmp_path):
    event = Event(id="a", time=1, verdicts=(Verdict("pii", "input", "tokenise", kinds=("email",)),), cost=5, reply="")
    with SpoolWriter(tmp_path, "w0") as writer:
        writer.append([event])
    assert drain(tmp_path).events == [event]
