"""The search in Chinese text, which has no spaces between words.

Each two neighbouring characters are a word of the index, and each single one, too. A query is cut up alike, and finds
the pages that have all of its pairs. So there is no dictionary that must know a term of the field. What is not Chinese
is treated as English.
"""

import re

from sphinx.search.en import SearchEnglish

_WORD = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")


class ChineseSearch(SearchEnglish):
    """Takes the place of Sphinx's own, which needs a dictionary, and cuts no query up (and in 9.0 names no stemmer)."""

    lang = "zh"
    language_name = "English"  # of the stemmer, which Sphinx calls by it
    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/[\u3400-\u9fff]+|[\p{L}\p{N}_]+/gu) || []).flatMap((found) =>
    (found.match(/[\u3400-\u9fff]+|[^\u3400-\u9fff]+/g)).flatMap((word) =>
      /[\u3400-\u9fff]{2}/.test(word)
        ? Array.from({ length: word.length - 1 }, (_, at) => word.slice(at, at + 2))
        : [word]));
"""

    def split(self, input: str) -> list[str]:
        """The words of a text."""
        found = _WORD.findall(input)
        return [part for word in found for part in (_parts(word) if "\u3400" <= word[0] <= "\u9fff" else [word])]


def _parts(word: str) -> list[str]:
    return [*word, *(word[at : at + 2] for at in range(len(word) - 1))]
