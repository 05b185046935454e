"""The page of synthetic results, made by its entry point."""

from common.report.__main__ import main as page_main


def page(root, scale, papers="edge,ticket", out=None):
    out = out or root / f"{scale}.html"
    given = ["--scale", scale, "--papers", papers, "--results", str(root / scale)]
    given += ["--record", str(root / "record"), "--published", str(root / "papers")]
    status = page_main([*given, "--out", str(out)])
    assert status == 0
    return out.read_text(encoding="utf-8")
