"""The page Generate: submits jobs from the inputs of a pipeline and watches them. It holds no state of a job."""

from __future__ import annotations

import gradio as gr

from workbench.app.pages.fields import Fields
from workbench.app.pages.fill_buttons import connect_fill_buttons
from workbench.app.pages.form import Form
from workbench.app.pages.generate_events import Page, connect_events
from workbench.app.pages.heading import heading
from workbench.app.pages.js_component import js_component
from workbench.app.pages.prefill import examples
from workbench.client.consent_records import consent_text
from workbench.client.deployment import Deployment
from workbench.pipelines.registry import FIRST, listed


def generate_page(deployment: Deployment, demo: gr.Blocks, *, login: bool) -> None:
    """Call it inside the Blocks.

    Args:
        login: whether users log in.
    """
    heading("Generate")
    fields = Fields.of_listed(deployment)
    with gr.Row(elem_classes="wb-page", equal_height=False):
        with gr.Column(elem_classes="wb-panel wb-entry", min_width=0):
            cards = js_component(
                "cards", FIRST, elem_id="field-pipeline", label="Pipeline", fixed={"count": len(listed())}
            )
            with gr.Row(elem_classes="wb-main-fields", equal_height=False):
                with gr.Column(scale=2, min_width=200):
                    fields.place_shared_files()
                with gr.Column(scale=3, min_width=260):
                    fields.place_groups()
            fields.place_other_files()
            fields.place_values()
            parameters = js_component("parameters", elem_id="field-parameters", label="Parameters")
            with gr.Row(equal_height=False, elem_classes="wb-run-options"):
                # No bounds here, because Gradio would show a toast; the form shows the error beside the seed.
                seed = gr.Number(0, label="Seed", precision=0, min_width=110, elem_id="field-seed")
                lock = gr.Checkbox(True, label="Keep this seed", min_width=150, elem_id="lock")
                experiment = gr.Dropdown(
                    ["workbench"],
                    value="workbench",
                    label="Experiment",
                    allow_custom_value=True,
                    min_width=150,
                    elem_id="field-experiment",
                )
            consent = gr.Checkbox(
                label=consent_text(deployment.settings, login=login),
                info="For portraits and voices of real people; recorded with the run.",
                elem_id="field-consent",
            )
            draft = js_component("draft", elem_id="draft", label="Draft")
            problems = js_component("problems", [], elem_id="problems", label="Problems")
            with gr.Row(elem_classes="wb-go", equal_height=False):
                generate = gr.Button("Generate", variant="primary", size="lg", min_width=150, elem_id="generate")
                estimate = js_component("estimate", elem_id="estimate", label="Expected time")
        with gr.Column(elem_classes="wb-panel wb-stick", min_width=0):
            monitor = js_component("monitor", elem_id="monitor", label="Job")
            welcome = js_component(
                "examples",
                elem_id="welcome",
                label="Examples",
                examples=[{"title": one.title, "doc": one.doc} for _, one in examples()],
            )

    form = Form(
        fields=fields,
        pipeline=cards,
        parameters=parameters,
        seed=seed,
        lock=lock,
        experiment=experiment,
        consent=consent,
    )
    connect_fill_buttons(deployment, form)
    connect_events(
        Page(
            deployment=deployment,
            demo=demo,
            form=form,
            monitor=monitor,
            welcome=welcome,
            problems=problems,
            estimate=estimate,
            draft=draft,
            generate=generate,
        )
    )
