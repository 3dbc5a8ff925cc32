"""Addresses of wallets, by the checks that are part of them.

Bitcoin: Base58Check (the last four bytes are of a double SHA-256), or Bech32 (BIP 173) and Bech32m (BIP 350). Ethereum:
forty hexadecimal digits whose letters' case is the check (EIP-55, by Keccak-256); in one case only there is none.
Litecoin, Dogecoin, Tron and the XRP Ledger use Base58Check with bytes of their own before the hash.
"""

from __future__ import annotations

from hashlib import sha256

from stdnum import bitcoin

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_SUMS = (1, 0x2BC830A3)
"""What the checksum of Bech32, and that of Bech32m, comes to."""
_LANE = (1 << 64) - 1
_RATE = 136
"""Bytes that Keccak-256 takes in at a time."""


def bitcoin_address(text: str) -> bool:
    """Whether a text is an address of Bitcoin's main network.

    >>> bitcoin_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"), bitcoin_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3")
    (True, False)
    """
    if text[:3].lower() != "bc1":
        return bool(bitcoin.is_valid(text))
    return text in (text.lower(), text.upper()) and bech32("bc", text.lower()[3:])


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_FIRST = {"L": 0x30, "M": 0x32, "D": 0x1E, "T": 0x41, "r": 0x00}
"""First letter of an address -> the byte before its hash: Litecoin (two), Dogecoin, Tron, XRP Ledger."""


def base58(text: str, alphabet: str = _BASE58) -> int:
    """A number in base 58; -1 where a letter is none of the alphabet's.

    >>> base58("21"), base58("0")
    (58, -1)
    """
    number = 0
    for letter in text:
        at = alphabet.find(letter)
        if at < 0:
            return -1
        number = number * 58 + at
    return number


def monero_address(text: str) -> bool:
    """Whether 95 letters are an address of Monero: eight bytes for each eleven letters, the last four bytes of a
    Keccak-256 of those before.

    >>> known = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3"
    >>> monero_address(known + "A"), monero_address(known + "B")
    (True, False)
    """
    blocks = [(base58(text[i : i + 11]), 8 if i < 88 else 5) for i in range(0, 95, 11)]
    if len(text) != 95 or any(not 0 <= number < 1 << 8 * size for number, size in blocks):
        return False
    raw = b"".join(number.to_bytes(size, "big") for number, size in blocks)
    return keccak_256(raw[:-4])[:4] == raw[-4:]


def other_address(text: str) -> bool:
    """Whether a text is an address of Litecoin, Dogecoin, Tron or the XRP Ledger.

    >>> other_address("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"), other_address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
    (True, True)
    >>> other_address("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u")
    False
    """
    if text.lower().startswith("ltc1"):
        return text in (text.lower(), text.upper()) and bech32("ltc", text.lower()[4:])
    alphabet = _RIPPLE if text[0] == "r" else _BASE58
    number = base58(text, alphabet)
    if not 0 <= number < 1 << 200:
        return False
    raw = number.to_bytes(25, "big")
    return raw[0] == _FIRST.get(text[0]) and sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32(prefix: str, data: str) -> bool:
    """Whether the checksum of what stands behind ``prefix`` and 1 holds (BIP 173, BIP 350); all in lower case."""
    expanded = (*(ord(ch) >> 5 for ch in prefix), 0, *(ord(ch) & 31 for ch in prefix))
    sum_ = 1
    for value in (*expanded, *map(_BECH32.find, data)):
        if value < 0:
            return False
        top, sum_ = sum_ >> 25, (sum_ & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            sum_ ^= term if top >> bit & 1 else 0
    return sum_ in _SUMS


def ethereum_checked(text: str) -> bool | None:
    """Whether the case of an address's letters is as EIP-55 wants; None where there is but one case.

    >>> ethereum_checked("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    True
    >>> ethereum_checked("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed")
    False
    >>> ethereum_checked("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed") is None
    True
    """
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return None
    wanted = keccak_256(digits.lower().encode()).hex()
    return all(ch == (ch.upper() if int(by, 16) > 7 else ch.lower()) for ch, by in zip(digits, wanted, strict=False))


def keccak_256(data: bytes) -> bytes:
    """Keccak with a capacity of 512 bits as Ethereum has it: FIPS 202's SHA3-256 but for its padding.

    >>> keccak_256(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    padded = bytearray(data + b"\x01" + bytes(-(len(data) + 1) % _RATE))
    padded[-1] |= 0x80
    lanes = [0] * 25
    for at in range(0, len(padded), _RATE):
        for i in range(_RATE // 8):
            lanes[i] ^= int.from_bytes(padded[at + 8 * i : at + 8 * i + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _turned(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> (64 - by)) & _LANE


def _permuted(lanes: list[int]) -> list[int]:
    """Keccak-f[1600]; lane (x, y) stands at x + 5y."""
    shift = 1
    for _ in range(24):
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        lanes = [lane ^ columns[(i + 4) % 5] ^ _turned(columns[(i + 1) % 5], 1) for i, lane in enumerate(lanes)]
        x, y, moving = 1, 0, lanes[1]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lanes[x + 5 * y], moving = _turned(moving, (t + 1) * (t + 2) // 2), lanes[x + 5 * y]
        lanes = [lanes[i] ^ (~lanes[i - i % 5 + (i + 1) % 5] & lanes[i - i % 5 + (i + 2) % 5]) for i in range(25)]
        for j in range(7):
            shift = (shift << 1 ^ (shift >> 7) * 0x71) % 256
            if shift & 2:
                lanes[0] ^= 1 << ((1 << j) - 1)
    return lanes
