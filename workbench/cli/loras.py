"""``workbench loras``: the trained LoRAs, which options of pipelines take by name."""

from __future__ import annotations

from workbench.cli.output import Json, command, print_json, print_table
from workbench.cli.run import connect

STYLES = {"withdrawn": "yellow"}


@command
def loras(as_json: Json = False) -> None:
    """List the trained LoRAs by name. `workbench run train_lora` trains one; other pipelines take it by --lora NAME."""
    from schemas.lora import TrainedLoras
    from workbench.client.consent import day
    from workbench.client.loras import trained_loras

    found = trained_loras(connect(), None)
    if as_json:
        print_json(TrainedLoras(loras=found))
        return
    if not found:
        print("No LoRA was trained yet: `workbench run train_lora --help`.")
        return
    rows = [
        (
            one.name,
            one.trigger,
            one.base_model,
            one.job_id,
            day(one.trained_at) if one.trained_at else "",
            "withdrawn" if one.withdrawn else one.consent or "–",
        )
        for one in found
    ]
    print_table(("name", "trigger word", "base model", "job", "trained", "consent"), rows, STYLES)
