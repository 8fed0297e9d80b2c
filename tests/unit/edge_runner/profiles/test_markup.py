"""Text is escaped once, wherever it comes from."""

from __future__ import annotations

import pytest

from edge_runner.profiles.markup import element, join


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (element("p", "a<b&c"), "<p>a&lt;b&amp;c</p>"),
        (element("p", element("b", "<i>")), "<p><b>&lt;i&gt;</b></p>"),
        (element("p", title='"><script>'), '<p title="&quot;&gt;&lt;script&gt;"></p>'),
        (element("rect", x=1.5, class_="a", stroke_width=2), '<rect x="1.5" class="a" stroke-width="2"/>'),
        (element("p", None, 0, lang=None), "<p>0</p>"),
        (join("<", element("br"), ">"), "&lt;<br/>&gt;"),
    ],
)
def test_elements(made, expected):
    assert made == expected
