"""Keys that show by their shape whose they are: shapes that providers publish, or print in their consoles.

Those without one are found behind their names (``pii_named``).
"""

from __future__ import annotations

from bongsu.checks.pii_rules import Answer, Candidate

SHAPES = (
    r"(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}", r"ABSK[A-Za-z0-9+/]{60,}={0,2}",        # AWS: ids of access keys, Bedrock
    r"bedrock-api-key-[A-Za-z0-9+/=]{40,}",
    r"AIza[\w-]{35}", r"AQ\.[\w-]{40,}", r"ya29\.[\w-]{20,}", r"GOCSPX-[\w-]{20,}",  # Google, Gemini
    r"gh[pousr]_[A-Za-z0-9]{36,}", r"github_pat_\w{22,}",        # GitHub
    r"gl(?:pat|rt|dt|ptt|cbt|soat)-[\w-]{20,}(?:\.[0-9a-z]{2}\.[0-9a-z]{7,})?",      # GitLab
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}", r"xapp-\d-[A-Za-z0-9-]{20,}",                # Slack
    r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", r"whsec_[A-Za-z0-9]{24,}",             # Stripe
    r"sk-(?:proj-|svcacct-|admin-|ant-(?:api|admin|oat|ort)\d\d-|or-v1-|lf-)?[\w-]{20,}",  # OpenAI, Anthropic, ...
    r"pk-lf-[\w-]{20,}", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{32,}",    # Langfuse, LangSmith
    r"hf_[A-Za-z0-9]{30,}", r"gsk_[A-Za-z0-9]{40,}", r"xai-[A-Za-z0-9]{60,}", r"r8_[A-Za-z0-9]{30,}",
    r"pplx-[A-Za-z0-9]{32,}", r"nvapi-[\w-]{40,}",  # Hugging Face, Groq, xAI, Replicate, Perplexity, NVIDIA
    r"tgp_v1_[\w-]{40,}", r"fw_[A-Za-z0-9]{22,}", r"csk-[A-Za-z0-9]{40,}",          # Together, Fireworks, Cerebras
    r"pa-[A-Za-z0-9_]{20,}[\w-]{20,}", r"pcsk_\w{50,}", r"tvly-(?:dev-|prod-)?[\w-]{28,}",  # Voyage, Pinecone, Tavily
    r"sk_[a-f0-9]{48}", r"up_[A-Za-z0-9]{28,}", r"nv-[A-Za-z0-9]{32,}",             # ElevenLabs, Upstage, CLOVA Studio
    r"ncp_iam_[A-Za-z0-9]{16,}", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,30}",        # NAVER Cloud, Azure
    r"SG\.[\w-]{16,}\.[\w-]{16,}", r"npm_[A-Za-z0-9]{36}", r"pypi-AgE[\w-]{50,}", r"SK[0-9a-f]{32}",  # ..., Twilio
    r"AccountKey=[A-Za-z0-9+/]{40,}={0,2}", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",  # Azure
    r"\d{8,10}:AA[\w-]{33}", r"do[por]_v1_[a-f0-9]{64}", r"dapi[a-f0-9]{32}", r"hv[sb]\.[\w-]{24,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", r"ATATT3[\w=-]{50,}",
    r"glsa_\w{32,}", r"sntrys_[\w=+/-]{40,}", r"NRAK-[A-Z0-9]{27}",
    r"dckr_pat_[\w-]{27}", r"lin_api_[A-Za-z0-9]{32,}", r"ntn_[A-Za-z0-9]{40,}", r"figd_[\w-]{40}",
    r"sb(?:p_[a-f0-9]{40}|_secret_[\w-]{20,})", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
)
"""Docker, Linear, Notion, Figma, Supabase and Postman are the last ones."""
HINTS = (r"AKIA|ASIA|AROA|AIDA|ABSK|bedrock-api-key-|AIza|AQ\.|ya29\.|GOCSPX-|gh[pousr]_|github_pat_|gl[a-z]{2,4}-|"
         r"xox[a-z]-|xapp-|hooks\.slack|[sr]k_(?:live|test)_|whsec_|[sp]k-|lsv2_|hf_|gsk_|xai-|r8_|pplx-|nvapi-|tgp_v1_|"
         r"fw_[A-Za-z0-9]{22}|csk-|pa-[A-Za-z0-9_]{20}|pcsk_|tvly-|sk_[a-f0-9]{8}|up_[A-Za-z0-9]{28}|nv-[A-Za-z0-9]{32}|"
         r"ncp_iam_|JQQJ99|SG\.|npm_|pypi-|SK[0-9a-f]{32}|AccountKey=|\dQ~|:AA|do[por]_v1_|dapi|hv[sb]\.|AGE-SECRET|"
         r"shp[a-z]{2}_|ATATT3|glsa_|sntrys_|NRAK-|dckr_pat_|lin_api_|ntn_|figd_|sb(?:p|_secret)_|PMAK-")


def key(c: Candidate) -> Answer:
    """A known prefix and an unlikely tail: digits or capitals in it, and not one letter over and over.

    Some keys have letters alone, and one in thirty of AWS's has no digit; a tail of small letters is a word.
    """
    body = c.text[len("sk-ant-api03-") :] if c.text.startswith("sk-ant-") else c.text[4:]
    return "key", 0.95 if any(ch.isdigit() or ch.isupper() for ch in body) and len(set(body)) > 5 else 0.2
