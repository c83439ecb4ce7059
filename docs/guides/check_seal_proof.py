"""Checks a proof that `jovey seal prove` printed, knowing nothing of Jovey: check_seal_proof.py PROOF PUBLIC_KEY."""

import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

proof = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
seal = json.loads(proof["statement"])

# 1. The holder of the key made this seal.
key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(sys.argv[2]))
key.verify(bytes.fromhex(proof["signature"]), proof["statement"].encode())

# 2. The event is under the seal's root: RFC 9162, section 2.1.3.2.
node = sha256(b"\x00" + proof["leaf"].encode()).digest()
index, last = proof["index"], seal["events"] - 1
assert 0 <= index <= last, "the index lies outside the seal"
for sibling in map(bytes.fromhex, proof["path"]):
    assert last, "the path is too long"
    is_right = index % 2 or index == last
    node = sha256(b"\x01" + (sibling + node if is_right else node + sibling)).digest()
    while is_right and index and not index % 2:
        index, last = index // 2, last // 2
    index, last = index // 2, last // 2
assert not last and node.hex() == seal["root"], "the event is not under the root"
print(f"Sealed on {seal['sealed_at']} as number {seal['number']}: {proof['leaf']}")
