"""The theme of Gradio's own components: the colours of ``web/style/palette.css``, system fonts, nothing external."""

from __future__ import annotations

from gradio.themes import Base, Color, sizes

from workbench import web

# Without preloading, each module loads only after the one that imports it, and the first after Gradio has rendered.
_MODULES = (
    "dom",
    "api",
    "pipelines",
    "cards",
    "feed",
    "job",
    "blockers",
    "artifact",
    "messages",
    "preserve_input",
    "parameters",
    "monitor",
    "media",
    "earlier_files",
    "loras",
    "stored_kinds",
    "dialog",
    "examples",
    "estimate",
)
HEAD = (
    '<meta name="color-scheme" content="light dark">'
    + "".join(f'<link rel="modulepreload" href="/web/{module}.js">' for module in _MODULES)
    + '<script type="module" src="/web/preload.js"></script>'
    + f"<script>{(web.folder() / 'gradio_files.js').read_text(encoding='utf-8')}</script>"
)

_IRIS = Color(
    name="iris",
    c50="#f4f4fd",
    c100="#ececfa",
    c200="#d9d9f5",
    c300="#bcbcee",
    c400="#9b9bf5",
    c500="#6a6ad8",
    c600="#4f4fc4",
    c700="#4343a8",
    c800="#363685",
    c900="#2a2a66",
    c950="#1a1a40",
)
_STONE = Color(
    name="stone",
    c50="#f7f7f5",
    c100="#f1f1ee",
    c200="#e3e3de",
    c300="#c9c9c2",
    c400="#a0a09a",
    c500="#75756f",
    c600="#65655f",
    c700="#47474e",
    c800="#222226",
    c900="#1b1b1e",
    c950="#131315",
)
# Settings with the same value in the light and the dark mode.
_BOTH_MODES = {
    "body_background_fill": "var(--wb-ground)",
    "body_text_color": "var(--wb-text)",
    "body_text_color_subdued": "var(--wb-muted)",
    "block_background_fill": "var(--wb-surface)",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_label_background_fill": "transparent",
    "block_label_border_width": "0px",
    "block_label_text_color": "var(--wb-text)",
    "block_title_text_color": "var(--wb-text)",
    "block_info_text_color": "var(--wb-muted)",
    "input_border_width": "1px",
    "input_border_color": "var(--wb-line-strong)",
    "input_border_color_focus": "var(--wb-accent)",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_placeholder_color": "var(--wb-muted)",
    "button_primary_background_fill": "var(--wb-accent)",
    "button_primary_background_fill_hover": "var(--wb-accent)",
    "button_primary_text_color": "var(--wb-on-accent)",
    "button_secondary_border_color": "var(--wb-line-strong)",
    "button_secondary_text_color": "var(--wb-text)",
    "button_border_width": "1px",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_hover": "var(--wb-sunken)",
    "checkbox_label_background_fill_selected": "var(--wb-accent-soft)",
    "checkbox_label_text_color_selected": "var(--wb-text)",
    "checkbox_label_border_color": "var(--wb-line-strong)",
    "border_color_primary": "var(--wb-line)",
    "border_color_accent": "var(--wb-accent)",
    "background_fill_primary": "var(--wb-surface)",
    "background_fill_secondary": "var(--wb-sunken)",
    "link_text_color": "var(--wb-accent)",
}


def theme() -> Base:
    """A calm theme: one accent, hairlines instead of shadows, system fonts."""
    made = Base(
        primary_hue=_IRIS,
        secondary_hue=_IRIS,
        neutral_hue=_STONE,
        text_size=sizes.text_md,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_md,
        font=("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"),
        font_mono=("ui-monospace", "Menlo", "Consolas", "monospace"),
    )
    return made.set(
        **_BOTH_MODES,
        **{f"{name}_dark": value for name, value in _BOTH_MODES.items()},
        block_padding="0px",
        block_title_text_weight="600",
        block_title_text_size="0.9rem",
        input_background_fill="var(--wb-surface)",
        input_background_fill_dark="var(--wb-sunken)",
        button_secondary_background_fill="var(--wb-surface)",
        button_secondary_background_fill_dark="var(--wb-sunken)",
        button_secondary_background_fill_hover="var(--wb-sunken)",
        button_secondary_background_fill_hover_dark="var(--wb-line)",
        button_transform_hover="none",
        button_transform_active="none",
        layout_gap="16px",
    )
