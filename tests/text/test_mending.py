from __future__ import annotations

import pytest

from xttslab.text.mending import Mended, mend

TAGS, SPACES = "tags taken out of the text", "doubled spaces of the text mended"
DASHES, MISSING = "-- of the text mended", "missing spaces of the text mended"
BEFORE = "spaces before a mark taken out of the text"


@pytest.mark.parametrize(
    ("text", "mended", "changes"),
    [
        ("[nevet] A játék kezdődik.", "A játék kezdődik.", {TAGS: "[nevet]"}),
        ("Kovács (köhög) Szegedről jött.", "Kovács Szegedről jött.", {TAGS: "(köhög)"}),
        ("Igen (halkan nevet).", "Igen.", {TAGS: "(halkan nevet)"}),
        ("Jó(nevet)napot! [taps] *sóhajt*", "Jó napot!", {TAGS: "(nevet) [taps] *sóhajt*"}),
        ("<i>Jó</i> {noise} napot", "Jó napot", {TAGS: "<i> </i> {noise}"}),
        ("[00:12] Jó, [Speaker 1] napot", "Jó, napot", {TAGS: "[00:12] [Speaker 1]"}),
        ("Az-- Az első -- mondta --", "Az – Az első – mondta –", {DASHES: "Az-- Az, első -- "
                                                                 "mondta, mondta --"}),
        ("  A  közönség   fele ", "A közönség fele", {SPACES: "2 places"}),
        ("négyből.Telefonon hív!De kit", "négyből. Telefonon hív! De kit",
         {MISSING: "négyből.Telefonon, hív!De"}),
        ("alma,körte", "alma, körte", {MISSING: "alma,körte"}),
        ("Jó , hogy itt van !", "Jó, hogy itt van!", {BEFORE: "Jó ,, van !"}),
    ],
)  # fmt: skip
def test_what_nobody_says_goes_and_is_listed(
    text: str, mended: str, changes: dict[str, str]
) -> None:
    assert mend(text) == Mended(mended, tuple(changes.items()))
    assert mend(mended) == Mended(mended)


@pytest.mark.parametrize(
    "text",
    [
        "A főváros (Budapest) szép, 1,5 millió lakossal.",
        "Nos... lássuk!",
        "5 < 6 és 7 > 3, a Node.js és a www.Valami.hu, a U.S.A. és az x@y.hu.",
        "Az egy-két órás – nem több – út.",
        "Egy [be nem zárt",
        "...",
        "",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert mend(text) == Mended(text)


def test_a_text_of_tags_alone_is_empty() -> None:
    assert mend("[nevet] (taps)").text == ""
