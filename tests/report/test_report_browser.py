"""The page in a real browser: the state in its address, its policy, its width on a telephone."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
QUIET = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *(
        "--hide-scrollbars",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ),
]


@pytest.fixture(scope="module")
def dom(html, tmp_path_factory):
    """Return address -> the document after its scripts ran, and what the browser complained of."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "report.html").write_text(html, encoding="utf-8")

    def dump(address, *flags):
        profile = tmp_path_factory.mktemp("profile")
        command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}"]
        command += ["--enable-logging=stderr", *flags, "--dump-dom", f"file://{folder}/{address}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout, complaints

    dump.folder = folder
    return dump


def claims(text):
    """Return the ids of the claims in the order of the page, those that are hidden left out."""
    tags = re.findall(r"<tbody id=\"[^>]*>", text)
    return [re.search(r'id="([^"]*)"', tag).group(1) for tag in tags if ' hidden=""' not in tag]


def test_filter_and_order_are_in_the_address(dom):
    text, complaints = dom(
        "report.html#filter=network&condition=proxy&sort=estimate&order=descending"
    )
    assert complaints == []
    assert claims(text) == ["EDGE-10", "EDGE-11", "EDGE-09", "TICKET-01", "EDGE-18"]
    head = text[text.index('id="claims-table"') :].split("</thead>")[0]
    assert head.count("aria-sort=") == 1
    assert re.search(r'data-key="estimate"[^>]*aria-sort="descending"', text)
    assert re.search(r"<output[^>]*>5 of 23 claims</output>", text)
    assert '<form class="filters" id="filters">' in text


def test_claims_sort_by_number_and_those_without_one_come_last(dom):
    text, _ = dom("report.html#sort=power&paper=edge")
    order = claims(text)
    powers = {"EDGE-11": 0.4, "EDGE-07": 0.55, "EDGE-13": 0.7, "EDGE-12": 0.87}
    assert order[:4] == list(powers)
    assert len(order) == 17 and order[-1] == "EDGE-22"


def test_a_verdict_can_be_linked_and_markup_stays_text(dom):
    text, complaints = dom("report.html#verdict=not+tested&filter=%3Cscript%3E")
    assert claims(text) == ["EDGE-22"] and complaints == []


def test_when_nothing_matches_the_page_says_so(dom):
    text, _ = dom("report.html#filter=no-such-words")
    assert claims(text) == [] and '<p class="nothing" id="nothing">' in text


def test_the_anchor_of_a_claim_opens_its_details(dom):
    text, _ = dom("report.html#EDGE-03")
    body = text.split('<tbody id="EDGE-03"')[1].split("</tbody>")[0]
    assert '<details open="">' in body
    assert text.count('<details open="">') == 1


def test_without_scripts_the_table_is_whole(dom):
    page = (dom.folder / "report.html").read_text(encoding="utf-8")
    blocked = re.sub("script-src &#39;sha256-[^&]*&#39;", "script-src &#39;none&#39;", page)
    (dom.folder / "blocked.html").write_text(blocked, encoding="utf-8")
    text, complaints = dom("blocked.html#filter=network")
    assert "inline script violates" in complaints[0]
    assert len(claims(text)) == 23
    assert re.search(r'<form class="filters" id="filters" hidden="">', text)
    assert "<button" not in text.split("<thead>")[2].split("</thead>")[0]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_the_window(dom, width):
    (dom.folder / "frame.html").write_text(
        f"""<iframe src="report.html" style="border:0;width:{width}px;height:900px"></iframe>
        <script>onload = () => {{
          const page = frames[0].document.documentElement;
          document.title = `${{page.clientWidth}} shows ${{page.scrollWidth}}`;
        }};</script>"""
    )
    text, _ = dom("frame.html", "--allow-file-access-from-files", "--window-size=1400,1000")
    assert f"<title>{width} shows {width}</title>" in text
