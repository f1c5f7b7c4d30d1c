"""The API for pipeline files: the ``@pipeline`` decorator, inputs, steps and the graph to build.

A pipeline is one file with one model and one function::

    @pipeline("transcribe", title="Transcript", steps=(TRANSCRIPT,), result="transcript.text")
    def build(graph: PipelineGraph, inputs: Inputs) -> None: ...

The options of the command line, the fields of forms, the keywords of notebooks and the schema of HTTP bodies are
derived from the model.
"""

from __future__ import annotations

from schemas.refs import AudioRef as AudioRef
from schemas.refs import FileRef as FileRef
from schemas.refs import ImageRef as ImageRef
from schemas.refs import VideoRef as VideoRef
from workbench.pipelines.sdk.declaration import Example as Example
from workbench.pipelines.sdk.declaration import Pipeline as Pipeline
from workbench.pipelines.sdk.declaration import Preset as Preset
from workbench.pipelines.sdk.declaration import pipeline as pipeline
from workbench.pipelines.sdk.graph import Added as Added
from workbench.pipelines.sdk.graph import Output as Output
from workbench.pipelines.sdk.graph import PipelineGraph as PipelineGraph
from workbench.pipelines.sdk.graph import Settings as Settings
from workbench.pipelines.sdk.graph import Step as Step
from workbench.pipelines.sdk.graph import option_error as option_error
from workbench.pipelines.sdk.inputs import FilledBy as FilledBy
from workbench.pipelines.sdk.inputs import Input as Input
from workbench.pipelines.sdk.inputs import InputField as InputField
from workbench.pipelines.sdk.inputs import PipelineInputs as PipelineInputs
