"""Words that take-over attempts turn on, by idea, English and Korean: how the check sees a paraphrase as the same.

Stems are six letters or two syllables, as everywhere in ``injection_map``. An idea alone says little (``rules`` are
harmless); the training weighs ideas and pairs of them. Some words of other languages stand with them, so that what was
learned of English says something there.
"""

from __future__ import annotations

_IDEAS = {
    "drop": "ignore disregard forget override overwrite neglect bypass circumvent discard abandon cancel void "
            "suspend "
            "무시 잊어 잊고 폐기 취소 버리 버려 우회 무효 초기",
    "former": "previous prior above earlier preceding former initial original existing before "
              "이전 앞의 앞선 앞서 위의 위에 기존 지금까지 처음 원래 초기",
    "orders": "instructions directives directive commands orders prompt prompts programming training "
              "지시 명령 지침 프롬 안내 설정 프로그래밍",
    "limits": "rules restrictions restriction limits limitations limitation guidelines filter filters "
              "guardrails policy policies constraints boundaries censorship "
              "규칙 제한 제약 필터 검열 가이드 정책 장치",
    "morals": "ethical ethics moral morals morality legal illegal unethical immoral harmful offensive "
              "inappropriate "
              "윤리 도덕 불법 법적 법이",
    "loose": "unfiltered uncensored unrestricted unlimited unbound jailbreak jailbroken freed liberated amoral "
             "탈옥 해제 자유 무제 제한없",
    "refuse": "refuse refuses refusing reject decline apologize apologise sorry cannot unable comply obey "
              "거절 거부 죄송 복종 수행",
    "secret": "secret secrets password passphrase hidden confidential classified key "
              "비밀 암호 비번 숨겨 숨긴 비공 기밀",
    "tell": "reveal disclose leak dump expose repeat recite print output verbatim "
            "출력 공개 누설 유출 반복 보여 알려 말해",
    "role": "pretend roleplay role persona character act acting simulate simulation impersonate portray "
            "fictional hypothetical imagine "
            "역할 연기 캐릭 가정 가상 소설 인척 흉내",
    "you": "you your yourself "
           "너는 너의 너에 네가 당신 니가 넌",
    "model": "ai chatgpt gpt assistant chatbot openai model bot llm "
             "인공 챗봇 모델 어시",
    "dan": "dan stan aim dude evilbot machiavellian "
           "댄은",
    "now": "now henceforth onwards "
           "지금 이제 앞으",
    "system": "system developer admin administrator root sudo override debug mode "
              "시스 개발 관리 모드 디버",
    "always": "always never must any anything every all without no "
              "절대 항상 무조 모든 모두 전부 없이 없는",
    "stay": "stay remain break respond answer reply responses "
            "대답 답변 답해 유지",
    "new": "new updated instead real actual "
           "새로 새로운 대신 진짜",
}
_FAR = {
    "drop": "ignora ignore ignorez ignoriere olvida oublie oubliez vergiss esqueça dimentica игнорируй забудь "
            "अनदेखा 忽略 无视 無視",
    "former": "anteriores precedentes précédentes vorherigen bisherigen precedenti anterior предыдущие पिछले 之前 以前",
    "orders": "instrucciones anweisungen instruções istruzioni regeln reglas règles regras regole инструкции निर्देश "
              "指令 指示",
    "limits": "restricciones restrictions einschränkungen restrições restrizioni límites limites grenzen limiti "
              "ограничений प्रतिबंध 限制 制限",
    "secret": "contraseña passe passwort kennwort senha clave clé schlüssel chave chiave secreta secreto geheim "
              "geheime segreta segreto пароль секретный पासवर्ड गुप्त 密码 秘密 パス",
    "tell": "dime revela révèle dis-moi verrate sag zeige diga revele mostre dimmi mostra repite répète скажи "
            "раскрой покажи बताओ बताइए 告诉 教え",
    "role": "imagina imagine imaginez stell imaginer immagina finge представь कल्पना 想象 想像",
    "system": "sistema système desarrollador développeur entwickler desenvolvedor sviluppatore administrador "
              "administrateur администратор सिस्टम 系统 管理 システ",
}
_STEMS = {name: f"{words} {_FAR.get(name, '')}" for name, words in _IDEAS.items()}
IDEAS: dict[str, int] = {word: n + 1 for n, words in enumerate(_STEMS.values()) for word in reversed(words.split())}
"""Word -> number of its idea; the map takes of it what it takes of any word."""
