"""FF1: a permutation of short numbers under a key (NIST SP 800-38G, Algorithms 7 and 8), with AES.

What it makes of a number is as long as the number, and without the key says nothing of it; with the key it goes back.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

ROUNDS, BLOCK = 10, 16


class Ff1:
    """Numbers of ``length`` digits in base ``radix``, as whole numbers from 0 to ``radix ** length`` (exclusive).

    The key has 16, 24 or 32 bytes. Raises ValueError where numbers are so few that each could be tried (the standard
    wants a million at least), or too many for one block a round.
    """

    __slots__ = ("_bytes", "_cipher", "_halves", "_head", "_pad", "_taken", "_tweak")

    def __init__(self, key: bytes, radix: int, length: int, tweak: bytes = b"") -> None:
        if radix**length < 10**6:
            raise ValueError(f"length: expected a million numbers or more, came {radix}^{length}")
        short, long = length // 2, length - length // 2
        self._halves: tuple[int, int] = (radix**short, radix**long)
        self._bytes = -(-(self._halves[1] - 1).bit_length() // 8)
        self._taken = 4 * -(-self._bytes // 4) + 4
        if self._taken > BLOCK:
            raise ValueError(f"length: expected at most 96 bits a half, came {8 * self._bytes}")
        # A single block at a time, each the state of a CBC-MAC: no text is encrypted this way.
        self._cipher = Cipher(AES(key), ECB())  # noqa: S305
        head = bytes((1, 2, 1, *radix.to_bytes(3, "big"), ROUNDS, short % 256, *length.to_bytes(4, "big"),
                      *len(tweak).to_bytes(4, "big")))
        self._head = int.from_bytes(self._cipher.encryptor().update(head), "big")
        self._tweak, self._pad = tweak, bytes(-(len(tweak) + self._bytes + 1) % BLOCK)

    def encrypt(self, number: int) -> int:
        a, b = divmod(number, self._halves[1])
        block = self._cipher.encryptor()
        for n in range(ROUNDS):
            a, b = b, (a + self._round(block, n, b)) % self._halves[n % 2]
        return a * self._halves[1] + b

    def decrypt(self, number: int) -> int:
        """The way back.

        >>> ten = Ff1(bytes(32), 10, 10)
        >>> ten.decrypt(ten.encrypt(123456789))
        123456789
        """
        a, b = divmod(number, self._halves[1])
        block = self._cipher.encryptor()
        for n in reversed(range(ROUNDS)):
            a, b = (b - self._round(block, n, a)) % self._halves[n % 2], a
        return a * self._halves[1] + b

    def _round(self, block: CipherContext, n: int, half: int) -> int:
        data = self._tweak + self._pad + bytes((n,)) + half.to_bytes(self._bytes, "big")
        state: int = self._head
        for at in range(0, len(data), BLOCK):
            mixed = state ^ int.from_bytes(data[at : at + BLOCK], "big")
            state = int.from_bytes(block.update(mixed.to_bytes(BLOCK, "big")), "big")
        return state >> 8 * (BLOCK - self._taken)
