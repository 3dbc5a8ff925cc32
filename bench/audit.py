"""How fast the audit log is written (in memory) and verified: ``python bench/audit.py [records]``."""

import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bongsu.audit import (
    Record,
    Tree,
    canonical,
    leaf_hash,
    prove,
    root_of,
    show_vkey,
    sign_checkpoint,
    verify,
    verify_proof,
)

EVERY = 1000  # records between checkpoints


def main(n: int) -> None:
    key = Ed25519PrivateKey.generate()
    origin, vkey = "bench/audit", show_vkey("bench/audit", key.public_key())
    tree, prev, rows, notes = Tree(), "", [], []
    start = time.perf_counter()
    for seq in range(n):
        data = canonical(Record(seq, 1_790_000_000_000_000 + seq, "rule:cost", "route.change", "support-bot",
                                "cpt above 120%", {"to": "light"}, "9f2c41d07a3b", prev))
        leaf = leaf_hash(data)
        tree.append(leaf)
        prev = leaf.hex()
        rows.append((seq, data, leaf))
        if tree.size % EVERY == 0:
            notes.append(sign_checkpoint(origin, tree.size, tree.root(), key))
    took = time.perf_counter() - start
    size = sum(len(data) for _, data, _ in rows) / n
    print(f"append   {n / took:>10,.0f} records/s  ({n:,} records of {size:.0f} bytes, {len(notes)} checkpoints)")

    start = time.perf_counter()
    report = verify(rows, notes, vkey, anchor=notes[-1])
    took = time.perf_counter() - start
    assert (report.ok, report.records) == (True, n), report.why
    print(f"verify   {n / took:>10,.0f} records/s  (target 70,000)")

    leaves = [leaf for _, _, leaf in rows]
    start = time.perf_counter()
    assert root_of(leaves) == tree.root()
    print(f"restore  {n / (time.perf_counter() - start):>10,.0f} leaves/s")

    start = time.perf_counter()
    proof = prove(rows[n // 3][1], leaves, n // 3, notes[-1])
    made = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(1000):
        verify_proof(proof, vkey)
    print(f"prove    {made * 1000:>10,.1f} ms, verify_proof {time.perf_counter() - start:.3f} ms  "
          f"({len(proof['proof'])} hashes)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(b"\n".join(data for _, data, _ in rows))
        start = time.perf_counter()
        with path.open("rb") as lines:
            stored = ((i, line.rstrip(b"\n"), leaf) for (i, line), leaf in zip(enumerate(lines), leaves, strict=True))
            assert verify(stored, notes, vkey).ok
        print(f"streamed {n / (time.perf_counter() - start):>10,.0f} records/s  (from a file)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
