"""Regenerate the tables, figures, audits and the report of the papers in `papers/`."""

from snakemake.utils import min_version

from common.suite import dag

min_version("9.3")

PLAN = dag.plan(config)
OUT = PLAN.out


container: "docker://python:3.11"


wildcard_constraints:
    paper="[a-z0-9_]+",
    digest="[0-9a-f]+",


onstart:
    dag.start(PLAN)


onsuccess:
    dag.finish(PLAN)


rule all:
    input:
        PLAN.products(),


rule run:
    output:
        f"{OUT}/blocks/{{digest}}.csv",
    log:
        f"{OUT}/logs/run/{{digest}}.log",
    benchmark:
        f"{OUT}/benchmarks/{{digest}}.tsv"
    priority: lambda wildcards: PLAN.priority(wildcards.digest)
    threads: 1
    resources:
        mem_mb=4000,
        runtime=lambda wildcards: PLAN.minutes(wildcards.digest),
    params:
        spec=f"{OUT}/specs/{{digest}}.json",
        store=PLAN.store,
        options=PLAN.run_options,
    shell:
        "exec python -m common.run {params.spec:q} --store {params.store:q} --out {output:q}"
        " {params.options} --parent $PPID > {log:q} 2>&1"


for part in PLAN.parts:

    rule:
        name:
            f"tables_{part.paper}_{part.name}"
        input:
            **dag.table_inputs(PLAN, part),
        output:
            csv=report(
                PLAN.tables(part, "csv"),
                caption="common/report/captions/table.rst",
                category=part.paper,
                subcategory="tables",
            ),
            md=PLAN.tables(part, "md"),
        log:
            f"{OUT}/logs/tables/{part.paper}_{part.name}.log",
        params:
            options=PLAN.part_options(part),
        shell:
            "exec python -m common.tables {params.options} > {log:q} 2>&1"

    rule:
        name:
            f"figures_{part.paper}_{part.name}"
        input:
            **dag.figure_inputs(PLAN, part),
        output:
            svg=report(
                PLAN.figures(part, "svg"),
                caption="common/report/captions/figure.rst",
                category=part.paper,
                subcategory="figures",
            ),
            other=PLAN.figures(part, "png", "csv"),
        log:
            f"{OUT}/logs/figures/{part.paper}_{part.name}.log",
        params:
            options=PLAN.part_options(part),
        shell:
            "exec python -m common.figures {params.options} > {log:q} 2>&1"


rule runs:
    input:
        **dag.runs_inputs(PLAN),
    output:
        f"{OUT}/{{paper}}/runs.csv",
    log:
        f"{OUT}/logs/runs/{{paper}}.log",
    params:
        options=lambda wildcards: PLAN.paper_options(wildcards.paper),
    shell:
        "exec python -m common.runs {params.options} > {log:q} 2>&1"


rule audit:
    input:
        **dag.audit_inputs(PLAN),
        runs=f"{OUT}/{{paper}}/runs.csv",
    output:
        json=f"{OUT}/{{paper}}/audit.json",
        csv=f"{OUT}/{{paper}}/audit.csv",
        tex=f"{OUT}/{{paper}}/audit.tex",
        md=report(
            f"{OUT}/{{paper}}/audit.md",
            caption="common/report/captions/audit.rst",
            category="{paper}",
        ),
    log:
        f"{OUT}/logs/audit/{{paper}}.log",
    params:
        folder=lambda wildcards: f"{OUT}/{wildcards.paper}",
    shell:
        "exec python -m common.audit --paper {wildcards.paper} --runs {input.runs:q}"
        " --plan {params.folder:q}/plan.json --out {params.folder:q} > {log:q} 2>&1"


rule page:
    input:
        **dag.report_inputs(PLAN),
    output:
        PLAN.report,
    log:
        f"{OUT}/logs/report.log",
    params:
        options=PLAN.page_options,
    shell:
        "exec python -m common.report {params.options} --out {output:q} > {log:q} 2>&1"
