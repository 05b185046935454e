import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import jinja2
import pytest
import synthetic_results as made
from made_page import page

from common.errors import Refused
from common.report.__main__ import main
from common.report.claim_view import claims_of
from common.report.page import HERE, report_page
from common.report.settings_view import configuration, deviations
from common.report.summary import counts, headline, record_of


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text within style and script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.raw, self._inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("style", "script") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside] = self.raw.get(self._inside, "") + data


def test_made_again_the_page_has_the_same_bytes(results, html, tmp_path):
    assert page(results, "cpu", out=tmp_path / "again.html") == html


def test_the_page_loads_nothing(html):
    elements = Elements(html)
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert attributes.get("src", "data:").startswith("data:")
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        if tag != "a":
            assert "href" not in attributes
    assert "url(" not in html and "@import" not in html


def test_the_policy_names_the_style_and_the_script_and_nothing_else(html):
    elements = Elements(html)
    (policy,) = [a["content"] for _, a in elements.tags if a.get("http-equiv")]
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(elements.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_markup_in_any_input_comes_out_escaped(results, html, tmp_path):
    assert made.NASTY not in html
    escaped = made.NASTY.replace("<", "&lt;").replace(">", "&gt;")
    # In a claim, a published origin and the reason why an experiment was not run.
    for place in ("It applies to {}", "found:{}", "<dd>{}</dd>"):
        assert place.format(escaped) in html
    assert "javascript:" not in html
    shutil.copytree(results / "cpu" / "edge", tmp_path / "edge")
    table = tmp_path / "edge" / "tables" / "table3_init.csv"
    table.write_text(table.read_text().replace("init_vs_x", made.NASTY))
    plan = tmp_path / "edge" / "plan.json"
    plan.write_text(plan.read_text().replace('"init_vs_x"', json.dumps(made.NASTY)))
    text = report_page("cpu", ["edge"], tmp_path, tmp_path, tmp_path)
    assert made.NASTY not in text and f'<th scope="row">{escaped}</th>' in text


def test_counts_keep_proxies_and_published_numbers_apart(html):
    claims = claims_of("edge", {"claims": made.claims("edge")})
    found = counts(claims)
    assert found["paper"] == {"supported": 6, "contradicted": 1, "inconclusive": 3}
    assert found["proxy"] == {"supported": 1, "contradicted": 1, "inconclusive": 1}
    assert found["published"] == {"supported": 1, "contradicted": 0, "inconclusive": 0}
    assert found["not_tested"]["not_tested"] == 3
    assert sum(sum(group.values()) for group in found.values()) == len(claims) == 17
    assert "14 of 17 claims" not in html and "19 of 23 claims were judged" in html
    assert headline(claims).startswith(
        "14 of 17 claims were judged: under the paper's conditions 6 hold, 1 fails, 3 stay open; "
        "in a proxy 1 holds, 1 fails, 1 stays open; on published numbers 1 holds."
    )
    assert "Of 5 supported by sampling, 5 stand after Holm's correction." in headline(claims)


def test_printed_numbers_never_take_the_place_of_a_measured_verdict():
    measured = made.claims("edge")[0] | {"verdict": "not_tested", "kind": "at_most"}
    printed = measured | {"verdict": "supported", "evidence": "published", "condition": "paper"}
    (shown,) = claims_of("edge", {"claims": [measured, printed]})
    assert shown.row.verdict == "not_tested" and shown.evidence == "measured"
    assert [(part.title, part.verdict) for part in shown.parts] == [("published", "supported")]
    assert headline([shown]).startswith("None of the 1 claims was judged")
    failed = measured | {"verdict": "contradicted", "condition": "proxy"}
    of_record = record_of({"claims": [failed, printed]}, "cpu", "2026-01-20")
    assert of_record[failed["id"]][2].label == "fails in the proxy"


def test_an_estimate_that_decides_nothing_is_not_drawn():
    row = next(row for row in made.claims("edge") if row["id"] == "EDGE-05")
    for verdict, drawn in (("supported", True), ("not_tested", False)):
        (shown,) = claims_of("edge", {"claims": [row | {"verdict": verdict}]})
        assert bool(shown.row.drawing) == drawn and shown.row.estimate


def test_a_proxy_never_reads_as_the_papers_conditions():
    for claim in claims_of("edge", {"claims": made.claims("edge")}):
        labels = [claim.row.label, *(part.label for part in claim.parts), claim.row.other]
        if claim.condition == "proxy":
            assert not {"supported", "contradicted", "inconclusive"} & set(labels)
        else:
            assert not any("proxy" in label for label in labels)


def test_claims_show_all_that_the_audit_found(html):
    claims = {c.id: c for c in claims_of("edge", {"claims": made.claims("edge")})}
    five = claims["EDGE-05"]
    assert five.row.estimate == "0.05 [−0.05, 0.15]" and five.row.unit == "points"
    assert (five.row.n, five.row.power, five.row.holm) == (10, "90 %", "yes")
    assert five.row.other == "inconclusive" and "[−0.10, 0.40]" in five.row.other_detail
    assert five.row.published == "−0.10 (found:Table 1)"
    assert claims["EDGE-07"].needed_n == "23"
    assert claims["EDGE-03"].parts[0].title == "density 0.5"
    assert claims["EDGE-03"].part_counts == "2 supported, 1 inconclusive"
    assert list(claims)[:4] == ["EDGE-01", "EDGE-02", "EDGE-03", "EDGE-05"]
    for id_ in claims:
        assert html.count(f'<tbody id="{id_}"') == 1 and f'href="#{id_}"' in html


def test_claims_of_several_papers_stand_side_by_side(results, html, tmp_path):
    section = html[html.index('<section id="across"') : html.index('<section id="claims"')]
    assert "Do the weights matter" in section and made.NASTY not in section
    assert re.findall(r'href="#(\w+-\d+)"', section) == ["EDGE-05", "TICKET-02"]
    assert "Not on this page: OTHER-01." in section
    assert "This is no disagreement" not in section
    assert 'id="across"' not in page(results, "cpu", papers="edge", out=tmp_path / "one.html")


def test_a_plumbing_run_shows_the_verdict_of_record_with_its_date(results, smoke_html):
    assert "This is a <strong>plumbing run</strong>" in smoke_html
    row = smoke_html.split('<tbody id="EDGE-05"')[1].split("</tbody>")[0]
    assert "not tested (plumbing run)" in row
    assert "on record: supported (cpu, 2026-01-20)" in row
    exact = smoke_html.split('<tbody id="EDGE-01"')[1].split("</tbody>")[0]
    assert "on record" not in exact and ">supported</span>" in exact
    novelty = smoke_html.split('<tbody id="EDGE-22"')[1].split("</tbody>")[0]
    assert "plumbing" not in novelty and "on record" not in novelty
    assert "Verdicts of record on others: under the paper&#39;s conditions" in smoke_html


def test_of_several_records_the_papers_conditions_win_then_the_latest(results, tmp_path):
    rows = made.claims("edge")
    proxy = [row | {"condition": "proxy", "verdict": "contradicted"} for row in rows]
    for scale, audit, date in (
        ("a", rows, "2026-01-01"), ("b", proxy, "2026-05-05"), ("c", rows, "2026-03-03")
    ):  # fmt: skip
        (tmp_path / scale / "edge").mkdir(parents=True)
        (tmp_path / scale / "edge" / "audit.json").write_text(json.dumps({"claims": audit}))
        (tmp_path / scale / "machine.json").write_text(json.dumps({"date": date}))
    text = report_page("smoke", ["edge"], results / "smoke", tmp_path, tmp_path)
    assert "on record: supported (c, 2026-03-03)" in text
    assert "on record: fails in the proxy" not in text.split('id="EDGE-06"')[1].split("EDGE-07")[0]


def test_sections_of_a_paper(html):
    edge = html.split('id="paper-edge"')[1].split('id="paper-ticket"')[0]
    assert "A. Example, B. Specimen and C. Sample, ICLR, 2019" in edge
    assert 'href="https://arxiv.org/abs/1901.00000"' in edge
    assert 'href="https://github.com/example/edge"' in edge
    assert "Claims unchanged since the runs." in edge
    assert "1.9 (spread 0.1)" in edge and "6.5 (recalled)" in edge
    assert "Published numbers without a measured one beside them (1)" in edge
    assert "needs a GPU; run it with SCALE=paper" in edge
    assert "n = 4 to 5 an arm" in edge and "Every arm runs the paper&#39;s recipe." in edge
    assert "set by the scale: width = 0.25, data = cifar10_batch1, recipe.steps = 4000" in edge
    assert edge.count("data:image/svg+xml;charset=utf-8,") == 4
    ticket = html.split('id="paper-ticket"')[1]
    assert "Stored runs of the record were reused" in ticket and "reused" not in edge
    assert "No run of this experiment has finished yet" in ticket
    assert "results of <time>2026-02-03</time>" in html
    assert html.count("Intervals are over seeds, given the test set") == 1


def test_every_setting_is_shown_with_its_source():
    entry = made.edge_plan()["experiments"]["table2_vgg"]
    found = configuration(entry)
    assert found.varying == ["criterion", "density"]
    assert found.shared["width"].source == "scales.cpu" and found.shared["width"].text == "0.25"
    assert found.shared["recipe.milestones"].text == "[25000, 50000]"
    shown = set(found.shared) | set(found.varying)
    assert shown == set(entry["arms"]["dense"]["settings"])
    sources = [value.source for value in found.shared.values()]
    assert sources == sorted(sources, key=lambda source: source == "default")
    assert deviations(entry).startswith("Every arm is a proxy")
    entry["arms"]["dense"]["condition"] = "paper"
    assert deviations(entry).startswith("10 of 11 arms are proxies (edge_0_5, ")


def test_faults_are_refused_in_one_sentence(results, tmp_path, capsys):
    row = made.claims("edge")[0]
    with pytest.raises(Refused, match="unknown verdict 'holds'"):
        claims_of("edge", {"claims": [row | {"verdict": "holds"}]})
    with pytest.raises(Refused, match="EDGE-01 has parts but no row of its own"):
        claims_of("edge", {"claims": [row | {"part": "a"}]})
    shutil.copytree(results / "cpu" / "edge", tmp_path / "edge")
    (tmp_path / "edge" / "figures" / "fig2_batch.svg").unlink()
    out = tmp_path / "report.html"
    status = main(
        ["--scale", "cpu", "--papers", "edge", "--results", str(tmp_path), "--out", str(out)]
    )
    assert status == 2 and not out.exists()
    assert "fig2_batch.svg: there is no such file" in capsys.readouterr().err


def test_captions_are_filled_by_snakemake():
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    captions = sorted((HERE / "captions").glob("*.rst"))
    assert [path.stem for path in captions] == ["audit", "figure", "table"]
    for path in captions:
        template = environment.from_string(path.read_text())
        wildcards = {"paper": "edge", "experiment": "fig1_mnist"}
        text = template.render(
            snakemake=SimpleNamespace(wildcards=wildcards, params={}, config={"scale": "cpu"})
        )
        assert "edge" in text and "scale cpu" in text
        bare = template.render(snakemake=SimpleNamespace(wildcards={}, params={}, config={}))
        assert "the paper" in bare and not re.search(r"\{[{%]", bare)
