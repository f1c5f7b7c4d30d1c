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
from workbench.pipelines.registry import FIRST


def generate_page(deployment: Deployment, demo: gr.Blocks, *, login: bool) -> None:
    """Call it inside the Blocks.

    Args:
        login: whether users log in.
    """
    heading("Generate")
    fields = Fields.of_listed(deployment)
    with gr.Row(elem_classes="wb-page", equal_height=False):
        with gr.Column(scale=6, min_width=340):
            with gr.Column(elem_classes="wb-panel"):
                cards = js_component("cards", FIRST, elem_id="field-pipeline", label="Pipeline")
            with gr.Row(elem_classes="wb-panel", equal_height=False):
                with gr.Column(scale=2, min_width=220):
                    fields.place_files()
                with gr.Column(scale=3, min_width=260):
                    fields.place_groups()
            fields.place_values()
            fields.place_folds()
            with gr.Column(elem_classes="wb-panel"):
                parameters = js_component("parameters", elem_id="field-parameters", label="Parameters")
                with gr.Row(equal_height=False):
                    with gr.Column(min_width=150, elem_classes="wb-plain wb-tight"):
                        # No bounds here, because Gradio would show a toast; the form shows the error beside the seed.
                        seed = gr.Number(0, label="Seed", precision=0, elem_id="field-seed")
                        lock = gr.Checkbox(True, label="Keep this seed", elem_id="lock")
                    with gr.Column(min_width=150, elem_classes="wb-plain"):
                        experiment = gr.Dropdown(
                            ["workbench"],
                            value="workbench",
                            label="Experiment",
                            allow_custom_value=True,
                            elem_id="field-experiment",
                        )
                consent = gr.Checkbox(
                    label=consent_text(deployment.settings, login=login),
                    info="For portraits and voices of real people; recorded with the run.",
                    elem_id="field-consent",
                )
                problems = js_component("problems", [], elem_id="problems", label="Problems")
                with gr.Column(elem_classes="wb-plain wb-tight"):
                    generate = gr.Button("Generate", variant="primary", size="lg", elem_id="generate")
                    estimate = js_component("estimate", elem_id="estimate", label="Expected time")
        with gr.Column(scale=6, min_width=340, elem_classes="wb-stick"), gr.Column(elem_classes="wb-panel"):
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
            generate=generate,
        )
    )
