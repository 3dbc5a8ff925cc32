"""What a guard looks for. One check a file, one line here."""

CHECKS = {
    "classifier": "bongsu.checks.classifier:Classifier",
    "code": "bongsu.checks.code:Code",
    "factcheck": "bongsu.checks.factcheck:Factcheck",
    "grounding": "bongsu.checks.grounding:Grounding",
    "injection": "bongsu.checks.injection:Injection",
    "judge": "bongsu.checks.judge:Judge",
    "knowledge": "bongsu.checks.knowledge:Knowledge",
    "known_attack": "bongsu.checks.memory:KnownAttack",
    "names": "bongsu.checks.names:Names",
    "pii": "bongsu.checks.pii:Pii",
    "pattern": "bongsu.checks.pattern:Pattern",
    "probing": "bongsu.checks.probing:Probing",
    "tagger": "bongsu.checks.tagger:Tagger",
    "toxicity": "bongsu.checks.toxicity:Toxicity",
}
