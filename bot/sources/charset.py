"""Which characters the bytes of a feed mean, whatever its server and its prolog say."""

from __future__ import annotations

import codecs
import re

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_PROLOG = re.compile(rb"""^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']""")
_PROLOG_TEXT = re.compile(r"^\s*<\?xml\b[^>]*\?>")
_META = re.compile(rb"""<meta\b[^>]*?\bcharset\s*=\s*["']?([\w.:-]+)""", re.I)
_HEADER = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.I)
_SAMPLE = 65_536  # bytes looked at from the first one that is not ASCII; enough for statistics

# What labels mean in practice (the Encoding Standard's table): publishers who write "Shift_JIS" send cp932's ①, and
# those who write ISO-8859-1 send the quotes of windows-1252.
_MEANT = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc_jis_2004",
    "x-euc-jp": "euc_jis_2004",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
}
# Python knows codecs that are not of text, and UTF-16 without its mark is found by its zero bytes, never by a label.
_USABLE = re.compile(r"^(utf-8$|iso8859|cp\d|koi8|mac|shift_jis|euc_|iso2022|gb|big5|hz$|johab|tis)")
_MULTIBYTE = re.compile(r"^(cp9|shift_jis|euc_|iso2022|gb|big5|hz|johab)")
_JAPANESE = ("cp932", "euc_jis_2004")
_KANA = re.compile("[ぁ-ゖァ-ヺー、。「」]")  # full width: EUC-JP read as Shift_JIS gives half width
_FOREIGN = re.compile(r"[^\x00-\x7f]")


def decode(body: bytes, content_type: str = "") -> str:
    """The text of an XML, HTML or JSON body. Bytes that mean nothing become U+FFFD; never raises."""
    text = body.decode(encoding_of(body, content_type), "replace")
    return text.removeprefix("\ufeff")


def as_utf8(body: bytes, content_type: str = "") -> bytes:
    """The same body in UTF-8 with a prolog that says so; the very same object if it already was."""
    body = body.removeprefix(codecs.BOM_UTF8)
    if _declared(_PROLOG, body) in (None, "utf-8", "utf8") and not _escapes(body) and _valid_utf8(body):
        return body
    encoding = encoding_of(body, content_type)
    text = body.decode(encoding, "replace").removeprefix("\ufeff")
    return _PROLOG_TEXT.sub('<?xml version="1.0" encoding="utf-8"?>', text, count=1).encode("utf-8", "replace")


def encoding_of(body: bytes, content_type: str = "") -> str:
    """Python's name of the encoding, judged by what the bytes can be before what anybody declares.

    Order: byte order mark; the escapes of ISO-2022-JP; valid UTF-8; the declared one (prolog, header, meta) if the
    bytes fit it; Japanese by its kana; windows-1252, in which any bytes mean something.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return name
    if b"\0" in body[:2]:
        return "utf-16-be" if body[0] == 0 else "utf-16-le"
    if _escapes(body):
        return "iso2022_jp_ext"
    if body.isascii():
        return "utf-8"
    declared = [name for name in _candidates(body, content_type) if name != "utf-8"]
    sample = _sample(body)
    if _valid_utf8(body):
        # Kanji alone can be valid in both EUC-JP and UTF-8: only then does the declaration decide.
        multibyte = [name for name in declared if name in _JAPANESE and _errors(sample, name) == 0]
        return multibyte[0] if multibyte else "utf-8"
    return _best(sample, declared)


def _best(sample: bytes, declared: list[str]) -> str:
    japanese = max(_JAPANESE, key=lambda name: _kana(sample, name))
    if _kana(sample, japanese) > 0.2 and all(_kana(sample, name) < 0.1 for name in declared):
        return japanese  # whatever was declared reads as noise
    multibyte = [name for name in declared if _MULTIBYTE.match(name)]  # the others fit any bytes: no evidence
    for name in multibyte:
        if _errors(sample, name) == 0:
            return name
    for name in ("utf-8", *declared):
        if _errors(sample, name) <= 0.1:  # some broken bytes; a wrong guess breaks most
            return name
    return japanese if _errors(sample, japanese) == 0 and _kana(sample, japanese) > 0 else "cp1252"


def _candidates(body: bytes, content_type: str) -> list[str]:
    """Declared encodings that Python knows, the document's own word first."""
    header = _HEADER.search(content_type)
    labels = (_declared(_PROLOG, body), header and header[1].lower(), _declared(_META, body))
    names: list[str] = []
    for label in labels:
        if label:
            try:
                name = codecs.lookup(_MEANT.get(label, label)).name
            except LookupError:
                continue
            if _USABLE.match(name):
                names.append(name)
    return list(dict.fromkeys(names))


def _declared(pattern: re.Pattern[bytes], body: bytes) -> str | None:
    found = pattern.search(body[:1024])
    return found[1].decode("ascii").lower() if found else None


def _escapes(body: bytes) -> bool:
    """Whether its bytes are ASCII only in looks: UTF-16, or ISO-2022-JP, which switches to kanji by an escape."""
    return b"\0" in body[:2] or (b"\x1b" in body and b"\x1b$" in body)  # one byte is found far faster than two


def _valid_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _sample(body: bytes) -> bytes:
    first = next((at for at in range(0, len(body), 4096) if not body[at : at + 4096].isascii()), 0)
    start = body.rfind(b"<", 0, first) + 1 or first  # an ASCII byte, so never within a character
    return body[start : start + _SAMPLE]


def _read(sample: bytes, name: str) -> str:
    # Incremental, so that a character cut at the sample's end is not an error.
    return codecs.getincrementaldecoder(name)("replace").decode(sample)


def _errors(sample: bytes, name: str) -> float:
    """The share of characters that aren't, among those outside ASCII."""
    text = _read(sample, name)
    foreign = len(_FOREIGN.findall(text))
    return text.count("\ufffd") / foreign if foreign else 0.0


def _kana(sample: bytes, name: str) -> float:
    """The share of kana among characters outside ASCII."""
    text = _read(sample, name)
    foreign = len(_FOREIGN.findall(text))
    return len(_KANA.findall(text)) / foreign if foreign else 0.0
