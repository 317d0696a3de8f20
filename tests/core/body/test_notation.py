import pytest

from core.body.clean import clean_entry
from core.models import Article, FeedEntry


def cleaned(content: str) -> Article:
    return clean_entry(FeedEntry(guid="x", position=0, content=content)).article


@pytest.mark.parametrize(
    "markup",
    [
        "<pre><code><div>first()</div><div>  second()</div></code></pre>",
        "<pre><span class='line'>first()</span><span class='line'>  second()</span></pre>",
        "<pre><ol><li>first()</li><li>  second()</li></ol></pre>",
        "<pre class='line-numbers'><code>first()\n  second()<span class='line-numbers-rows'></span>"
        "</code></pre>",
        "<pre><span class='line'>first()</span><br><span class='line'>  second()</span><br></pre>",
        "<table class='highlight'><tr><td class='gutter'><pre>1\n2</pre></td>"
        "<td><pre>first()\n  second()</pre></td></tr></table>",
        "<table class='code'><tr><td>1</td><td>first()</td></tr>"
        "<tr><td>2</td><td>  second()</td></tr></table>",
    ],
)
def test_each_line_of_code_is_a_line_without_its_number(markup: str) -> None:
    assert cleaned(markup).html == "<pre>first()\n  second()</pre>"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("<math><msup><mi>x</mi><mn>2</mn></msup></math>", "x²"),
        ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mi>c</mi></mrow></mfrac></math>",
         "a/(b+c)"),
        ("<math><msub><mi>a</mi><mi>k</mi></msub><annotation>a_k</annotation></math>", "a_k"),
        ("<math><mroot><mi>x</mi><mn>3</mn></mroot></math>", "³√x"),
        ("<math><mtable><mtr><mtext>if </mtext><mi>x</mi></mtr></mtable></math>", "if x"),
        ("<script type='math/tex'>E = mc^2</script>", "E = mc^2"),
        ("<img src='https://a.example/equation?tex=E%3Dmc' alt='E=mc'>", "E=mc"),
        ("<img class='latex' src='/f.png' alt='\\pi' width='8' height='7'>", "\\pi"),
        ("<span><span><math><mi>x</mi></math></span>"
         "<span class='katex-html' aria-hidden='true'>x</span></span>", "x"),
    ],
)  # fmt: skip
def test_a_formula_is_text_once(formula: str, text: str) -> None:
    assert cleaned(f"<p>Before {formula} behind.</p>").text == f"Before {text} behind."


def test_a_page_of_thousands_of_drawn_formulas_takes_no_time() -> None:
    drawn = "<span class='katex-html'>x</span>" * 20_000

    assert cleaned(f"<p>{drawn}</p>").text.startswith("xx")
