"""Names of languages as people and tools write them, and the codes that XTTS-v2 knows them by."""

from __future__ import annotations

import re

from xttslab.errors import UserError

# Code of XTTS-v2's vocabulary → ISO 639-2 and 639-3 codes, the English and the own name.
_NAMES = {
    "ar": "ara arb arabic العربية",
    "cs": "ces cze czech čeština cesky česky",
    "de": "deu ger german deutsch",
    "en": "eng english",
    "es": "spa spanish español castellano castilian",
    "fr": "fra fre french français",
    "hi": "hin hindi हिन्दी",
    "hu": "hun hungarian magyar",
    "it": "ita italian italiano",
    "ja": "jpn jp japanese 日本語",
    "ko": "kor kr korean 한국어",
    "nl": "nld dut dutch nederlands flemish",
    "pl": "pol polish polski",
    "pt": "por portuguese português",
    "ru": "rus russian русский",
    "tr": "tur turkish türkçe",
    "zh-cn": "zh zho chi cmn cn chinese mandarin 中文 普通话",
}
LANGUAGES = tuple(_NAMES)
_CODES = {name: code for code, names in _NAMES.items() for name in (code, *names.split())}


def language_code(name: str) -> str | None:
    """XTTS-v2's code of a language: `HU`, `hu-HU`, `hu_HU.UTF-8`, `hun`, `Hungarian` → `hu`; None
    for a language that it does not speak."""
    plain = name.strip().casefold()
    return _CODES.get(plain) or _CODES.get(re.split(r"[-_.@ (]", plain)[0])


def require_language(name: str) -> str:
    """The language's code; raises UserError that lists the known ones where there is none."""
    code = language_code(name)
    if code is None:
        raise UserError(f"language {name!r} is none of XTTS-v2's; write {', '.join(LANGUAGES)}")
    return code
