"""The words of the page of privacy, in English and Korean; ``words.py`` has them among its own."""

# ruff: noqa: E501 - a sentence stays on one line, so that it can be found

from __future__ import annotations

EN = {
    "privacy": "Privacy", "privacy_title": "Privacy", "privacy_lead": "What stands in for personal data, and how long it can be joined or read again. Changes take the privacy officer's token (bongsu epoch, bongsu reveal, bongsu shred).",
    "epochs": "Token epochs", "epoch_n": "Epoch {n}", "epoch_since": "since", "epoch_joins_until": "joins until", "epochs_every_month": "A new epoch begins each calendar month (UTC).",
    "epochs_every_quarter": "A new epoch begins each calendar quarter (UTC).", "epochs_every_year": "A new epoch begins each calendar year (UTC).", "epochs_every_none": "A new epoch begins when the officer asks for it.",
    "epoch_coming": "Begins soon", "epoch_current": "Now", "epoch_before": "Just over", "epoch_sealed": "Key in the vault only", "epoch_destroyed": "Key destroyed: joins with nothing",
    "vault": "Vault", "vault_off": "No vault is kept: nothing can be read again.", "vault_values": "values sealed", "vault_keys": "data keys", "vault_shredded": "data keys destroyed",
    "vault_waiting": "boxes waiting to be settled", "vault_to_rewrap": "keys to be wrapped anew",
}

KO = {
    "privacy": "개인정보", "privacy_title": "개인정보", "privacy_lead": "개인정보를 대신하는 토큰이 언제까지 서로 결합되고 복원될 수 있는지 보여 줍니다. 변경에는 개인정보 보호책임자의 토큰이 필요합니다(bongsu epoch, bongsu reveal, bongsu shred).",
    "epochs": "토큰 세대", "epoch_n": "{n}세대", "epoch_since": "시작", "epoch_joins_until": "결합 가능 기한", "epochs_every_month": "매월(UTC) 새 세대가 시작됩니다.",
    "epochs_every_quarter": "매 분기(UTC) 새 세대가 시작됩니다.", "epochs_every_year": "매년(UTC) 새 세대가 시작됩니다.", "epochs_every_none": "새 세대는 책임자가 요청할 때 시작됩니다.",
    "epoch_coming": "곧 시작", "epoch_current": "현재", "epoch_before": "막 종료", "epoch_sealed": "키가 금고에만 있음", "epoch_destroyed": "키 파기: 더는 결합되지 않음",
    "vault": "금고", "vault_off": "금고를 두지 않아 복원할 수 있는 값이 없습니다.", "vault_values": "봉인된 값", "vault_keys": "데이터 키", "vault_shredded": "파기된 데이터 키",
    "vault_waiting": "처리 대기 중인 상자", "vault_to_rewrap": "다시 감쌀 키",
}
